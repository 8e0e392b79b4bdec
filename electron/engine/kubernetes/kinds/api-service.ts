import { byName, own } from '../../own.ts'
import { timestamp } from '../human-duration.ts'
import { notSimulated } from '../status.ts'
import type { ApiResource } from '../client.ts'
import type { APIService } from '../types.ts'
import { validateApiService, validateApiServiceStatus } from '../validation/api-services.ts'
import { pathSegment } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** apiregistration.k8s.io/v1 APIService: a version of a group, and who serves it (kube-aggregator v0.33, pkg/registry/apiservice). */
export const apiService: Kind<APIService> = {
  resource: apiResource('APIService', 'apiservices', { group: 'apiregistration.k8s.io', categories: ['api-extensions'], namespaced: false, subresources: ['status'] }),
  type: 'APIService',
  validName: pathSegment,
  setDefaults({ spec }) {
    if (spec.service) spec.service.port ??= 443
  },
  prepareForCreate(object, { clock }) {
    object.status = object.spec.service ? {} : { conditions: [available(clock.wall())] }
  },
  validate: validateApiService,
  validateStatusUpdate: validateApiServiceStatus,
  checkDelete({ metadata }) {
    if (metadata.labels?.[MANAGED] !== undefined) throw notSimulated(`an API group without its APIService ${metadata.name} (it goes with its CustomResourceDefinition, and the built-in ones stay)`)
  },
  columns: [
    NAME,
    { name: 'Service', description: 'The reference to the service that hosts this API endpoint.', cell: ({ spec: { service } }) => (service ? `${service.namespace ?? ''}/${service.name ?? ''}` : 'Local') },
    { name: 'Available', description: 'Whether this service is available.', cell: availability },
    AGE,
  ],
}

function availability({ status }: APIService): string {
  const found = status.conditions?.find(({ type }) => type === 'Available')
  if (!found) return 'Unknown'
  return found.status !== 'True' && found.reason ? `${found.status} (${found.reason})` : found.status
}

const available = (wall: number): NonNullable<APIService['status']['conditions']>[number] => ({
  lastTransitionTime: timestamp(wall), message: 'Local APIServices are always available', reason: 'Local', status: 'True', type: 'Available',
})

const MANAGED = 'kube-aggregator.kubernetes.io/automanaged'

/** Priorities of a group and of its version: cmd/kube-apiserver/app/aggregator.go and pkg/controlplane/apiserver/aggregator.go. */
const PRIORITIES: Readonly<Record<string, readonly [group: number, version: number]>> = byName({
  'v1.': [18_000, 1], 'v1.apps': [17_800, 15], 'v1.events.k8s.io': [17_750, 15], 'v1.authentication.k8s.io': [17_700, 15], 'v1.authorization.k8s.io': [17_600, 15],
  'v1.autoscaling': [17_500, 15], 'v2.autoscaling': [17_500, 30], 'v1.batch': [17_400, 15], 'v1.certificates.k8s.io': [17_300, 15], 'v1.networking.k8s.io': [17_200, 15],
  'v1.policy': [17_100, 15], 'v1.rbac.authorization.k8s.io': [17_000, 15], 'v1.storage.k8s.io': [16_800, 15], 'v1.apiextensions.k8s.io': [16_700, 15],
  'v1.admissionregistration.k8s.io': [16_700, 15], 'v1.scheduling.k8s.io': [16_600, 15], 'v1.coordination.k8s.io': [16_500, 15], 'v1.node.k8s.io': [16_300, 15],
  'v1.discovery.k8s.io': [16_200, 15], 'v1.flowcontrol.apiserver.k8s.io': [16_100, 21],
})
/** Of what CustomResourceDefinitions define (pkg/controlplane/controller/crdregistration). */
const DEFINED = [1000, 100] as const

export type DraftApiService = Pick<APIService, 'apiVersion' | 'kind' | 'spec' | 'status'> & { metadata: { name: string; labels: Record<string, string> } }

/** The APIServices that the server registers by itself, one for each group and version; its own group has none. */
export function registered(resources: readonly ApiResource[], wall: number): DraftApiService[] {
  const all = new Map<string, DraftApiService>()
  for (const { group, version, custom } of resources) {
    const name = `${version}.${group}`
    const priorities = custom ? DEFINED : own(PRIORITIES, name)
    if (!priorities || all.has(name)) continue
    all.set(name, {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name, labels: { [MANAGED]: custom ? 'true' : 'onstart' } },
      spec: { ...(group ? { group } : {}), groupPriorityMinimum: priorities[0], version, versionPriority: priorities[1] },
      status: { conditions: [available(wall)] },
    })
  }
  return [...all.values()]
}

/** Whether it was registered for a CustomResourceDefinition. */
export function isOfDefinition({ metadata }: { metadata: { labels?: Record<string, string> } }): boolean {
  return metadata.labels?.[MANAGED] === 'true'
}
