import type { Kubectl } from './command.ts'
import { type JsonObject, map } from './objects.ts'

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
