import type { Task } from '../../engine/machine/task.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { DryRun, Kubectl } from './command.ts'
import { at, type JsonObject, map } from './objects.ts'
import { type Info, keyOf } from './resources.ts'

/** --record: the command line, kept as the cause of a change (kubectl's pkg/cmd/util/record). */
export const CHANGE_CAUSE = 'kubernetes.io/change-cause'

function commandLine(k: Kubectl): string {
  const words = [...k.path.split(' ').slice(1), ...k.args]
  return `kubectl ${words.join(' ')}${k.flags.given().map(([name, value]) => ` --${name}=${value}`).join('')}`
}

/** Undefined without --record. */
export function changeCause(k: Kubectl): string | undefined {
  return k.flags.has('record') && k.flags.bool('record') ? commandLine(k) : undefined
}

/** The object with its cause, where one is to be recorded. */
export function recorded(k: Kubectl, object: JsonObject): JsonObject {
  const cause = changeCause(k)
  if (cause === undefined) return object
  const metadata = map(object['metadata'])
  return { ...object, metadata: { ...metadata, annotations: { ...map(metadata['annotations']), [CHANGE_CAUSE]: cause } } }
}

/** With a patch of its own, after the change: the object as it is then. */
export function* recordAfterwards(k: Kubectl, info: Info, object: JsonObject, dryRun: DryRun): Task<JsonObject> {
  const cause = changeCause(k)
  if (cause === undefined || cause === at(object, 'metadata', 'annotations', CHANGE_CAUSE)) return object
  const patch = { metadata: { annotations: { [CHANGE_CAUSE]: cause } } }
  const namespace = info.resource.namespaced ? info.namespace : undefined
  return (yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), namespace, info.name, 'application/merge-patch+json', patch, { dryRun: dryRun !== 'none' }))) as unknown as JsonObject
}
