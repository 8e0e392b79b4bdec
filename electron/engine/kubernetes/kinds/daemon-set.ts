import { deepEqual } from '../json.ts'
import type { DaemonSet } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { validateDaemonSet, validateDaemonSetUpdate } from '../validation/workloads.ts'
import { AGE, NAME, TEMPLATE_COLUMNS } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { formatLabels } from './label-text.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

/** apps/v1 DaemonSet: pkg/registry/apps/daemonset. */
export const daemonSet: Kind<DaemonSet> = {
  resource: apiResource('DaemonSet', 'daemonsets', { group: 'apps', shortNames: ['ds'], categories: ['all'], subresources: ['status'] }),
  type: 'DaemonSet',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec }) {
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ??= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0
    }
    spec.revisionHistoryLimit ??= 10
    if (spec.template.spec) setPodSpecDefaults(spec.template.spec)
  },
  prepareForCreate(object) {
    object.status = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }
    object.metadata.annotations = { [TEMPLATE_GENERATION]: '1', ...object.metadata.annotations }
  },
  prepareForUpdate(object, old) {
    const before = Number(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? 1)
    const generation = deepEqual(object.spec.template, old.spec.template) ? before : before + 1
    object.metadata.annotations = { ...object.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) }
  },
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  columns: [
    NAME,
    { name: 'Desired', type: 'integer', cell: ({ status }) => status.desiredNumberScheduled },
    { name: 'Current', type: 'integer', cell: ({ status }) => status.currentNumberScheduled },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status.numberReady },
    { name: 'Up-to-date', type: 'integer', cell: ({ status }) => status.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', cell: ({ status }) => status.numberAvailable ?? 0 },
    { name: 'Node Selector', cell: ({ spec }) => formatLabels(spec.template.spec?.nodeSelector) },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
}
