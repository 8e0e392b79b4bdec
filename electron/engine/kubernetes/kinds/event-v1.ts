import { decode, type Decoded } from '../schema/decode.ts'
import { schemaOf } from '../schema/index.ts'
import type { Event, KubeObject } from '../types.ts'
import { event } from './event.ts'
import { apiResource, type Kind } from './kind.ts'

type Fields = Readonly<Record<string, unknown>>

/** The fields that events.k8s.io/v1 names otherwise than core/v1: pkg/apis/events/v1 conversion.go. */
const NAMES = [
  ['regarding', 'involvedObject'], ['note', 'message'], ['reportingController', 'reportingComponent'], ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'], ['deprecatedLastTimestamp', 'lastTimestamp'], ['deprecatedCount', 'count'],
] as const

function renamed(object: Fields, from: 0 | 1, apiVersion: string): Fields {
  const names = new Map(NAMES.map((pair) => [pair[from] as string, pair[1 - from] as string]))
  return { ...Object.fromEntries(Object.entries(object).map(([key, value]) => [names.get(key) ?? key, value])), apiVersion }
}

const stored = (object: Fields): Event => renamed(object, 0, 'v1') as unknown as Event

/** The same objects as core/v1 Events, as the newer API has them. */
export const eventV1: Kind<Event> = {
  ...event,
  resource: apiResource('Event', 'events', { group: 'events.k8s.io', key: 'events.events.k8s.io', shortNames: ['ev'] }),
  type: 'EventV1',
  storedAs: 'events',
  storedVersion: 'v1',
  serve: (object) => renamed(object as unknown as Fields, 1, 'events.k8s.io/v1') as unknown as KubeObject,
  decode(body) {
    const decoded = decode<KubeObject>(body, schemaOf('EventV1'), undefined)
    return { ...decoded, value: { ...stored(decoded.value as unknown as Fields), involvedObject: (decoded.value as unknown as Fields)['regarding'] ?? {} } } as Decoded<KubeObject>
  },
  validate(object, errors) {
    event.validate(object, errors)
    if (!object.eventTime) errors.required('eventTime')
    if (!object.reportingComponent) errors.required('reportingController')
    if (!object.reportingInstance) errors.required('reportingInstance')
    if (!object.action) errors.required('action')
    if (!object.reason) errors.required('reason')
    if (object.type !== 'Normal' && object.type !== 'Warning') errors.invalid('type', '', `has invalid value: ${object.type ?? ''}`)
  },
  // what was written by the older API has not all of it
  validateUpdate: (object, _, errors) => event.validate(object, errors),
  fields: {
    ...Object.fromEntries(['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((f) => [`regarding.${f}`, event.fields![`involvedObject.${f}`]!])),
    reason: event.fields!['reason']!,
    reportingController: event.fields!['reportingComponent']!,
    type: event.fields!['type']!,
  },
  columns: event.columns.map((column) => ({ ...column, cell: (object, context) => column.cell(stored(object as unknown as Fields), context) })),
}
