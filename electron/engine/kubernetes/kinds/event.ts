import type * as coordination from 'kubernetes-types/coordination/v1'
import { ageOf } from '../human-duration.ts'
import type { Event, KubeObject, StoredMeta } from '../types.ts'
import { validateEvent } from '../validation/config.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

function firstSeen(event: Event, wall: number): string {
  return event.firstTimestamp ? ageOf(event.firstTimestamp, wall) : ageOf(event.eventTime, wall)
}

function lastSeen(event: Event, wall: number): string {
  if (event.series) return ageOf(event.series.lastObservedTime, wall)
  return event.lastTimestamp ? ageOf(event.lastTimestamp, wall) : firstSeen(event, wall)
}

function objectOf({ involvedObject }: Event): string {
  const kind = (involvedObject.kind ?? '').toLowerCase()
  return involvedObject.name ? `${kind}/${involvedObject.name}` : kind
}

function sourceOf(event: Event): string {
  const component = event.source?.component || event.reportingComponent || ''
  const host = event.source?.host || event.reportingInstance || ''
  return [component, host].filter(Boolean).join(', ')
}

/** core/v1 Event: printEvent. */
export const event: Kind<Event> = {
  resource: apiResource('Event', 'events', { shortNames: ['ev'] }),
  type: 'Event',
  validName: dns1123Subdomain,
  createOnUpdate: true,
  validate: validateEvent,
  fields: {
    'involvedObject.kind': (o) => o.involvedObject.kind ?? '',
    'involvedObject.namespace': (o) => o.involvedObject.namespace ?? '',
    'involvedObject.name': (o) => o.involvedObject.name ?? '',
    'involvedObject.uid': (o) => o.involvedObject.uid ?? '',
    'involvedObject.apiVersion': (o) => o.involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': (o) => o.involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': (o) => o.involvedObject.fieldPath ?? '',
    reason: (o) => o.reason ?? '',
    reportingComponent: (o) => o.reportingComponent ?? '',
    source: (o) => o.source?.component || (o.reportingComponent ?? ''),
    type: (o) => o.type ?? '',
  },
  columns: [
    { name: 'Last Seen', cell: (o, { wall }) => lastSeen(o, wall) },
    { name: 'Type', cell: (o) => o.type ?? '' },
    { name: 'Reason', cell: (o) => o.reason ?? '' },
    { name: 'Object', cell: objectOf },
    { name: 'Subobject', priority: 1, cell: (o) => o.involvedObject.fieldPath ?? '' },
    { name: 'Source', priority: 1, cell: sourceOf },
    { name: 'Message', cell: (o) => (o.message ?? '').trim() },
    { name: 'First Seen', priority: 1, cell: (o, { wall }) => firstSeen(o, wall) },
    { name: 'Count', type: 'integer', priority: 1, cell: (o) => o.series?.count ?? (o.count || 1) },
    { name: 'Name', format: 'name', priority: 1, cell: (o) => o.metadata.name },
  ],
}

export type Lease = Omit<coordination.Lease, 'metadata'> & KubeObject & { spec: coordination.LeaseSpec; metadata: StoredMeta & { namespace: string } }

/** coordination.k8s.io/v1 Lease. */
export const lease: Kind<Lease> = {
  resource: apiResource('Lease', 'leases', { group: 'coordination.k8s.io' }),
  type: 'Lease',
  validName: dns1123Subdomain,
  createOnUpdate: true,
  validate({ spec: { leaseDurationSeconds: seconds, leaseTransitions: transitions } }, errors) {
    if (seconds !== undefined && seconds <= 0) errors.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')
    if (transitions !== undefined && transitions < 0) errors.invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0')
  },
  columns: [NAME, { name: 'Holder', cell: ({ spec }) => spec.holderIdentity ?? '' }, AGE],
}
