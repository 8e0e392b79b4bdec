import type { ComponentStatus } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

const healthy = ({ conditions }: ComponentStatus): ComponentStatus['conditions'][number] | undefined => conditions.find(({ type }) => type === 'Healthy')

/** core/v1 ComponentStatus: kept nowhere, found out when somebody asks (component-statuses.ts). */
export const componentStatus: Kind<ComponentStatus> = {
  resource: apiResource('ComponentStatus', 'componentstatuses', { shortNames: ['cs'], namespaced: false, verbs: ['get', 'list'], deprecation: 'v1 ComponentStatus is deprecated in v1.19+' }),
  type: 'ComponentStatus',
  validName: dns1123Subdomain,
  validate: () => undefined,
  columns: [
    NAME,
    { name: 'Status', description: 'Status of the component conditions', cell: (object) => ({ True: 'Healthy', False: 'Unhealthy' })[healthy(object)?.status ?? ''] ?? (healthy(object) ? 'Unhealthy' : 'Unknown') },
    { name: 'Message', description: 'Message of the component conditions', cell: (object) => healthy(object)?.message ?? '' },
    { name: 'Error', description: 'Error of the component conditions', cell: (object) => healthy(object)?.error ?? '' },
  ],
}
