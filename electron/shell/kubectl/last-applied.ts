import { sortedGoJson } from './json.ts'
import { at, isObject, type JsonObject, map, text } from './objects.ts'
import type { Info } from './resources.ts'
import { threeWayPatch } from './three-way.ts'

/** What kubectl's own apply remembers in an object, and the patch that it works out from that. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** The manifest as it is remembered in the annotation: compact, keys sorted, a newline. */
function lastApplied(object: JsonObject): string {
  const metadata = { ...map(object['metadata']) }
  const annotations = { ...map(metadata['annotations']) }
  delete annotations[LAST_APPLIED]
  return `${sortedGoJson({ ...object, metadata: { ...metadata, annotations } })}\n`
}

export function withLastApplied(object: JsonObject): JsonObject {
  const metadata = map(object['metadata'])
  return { ...object, metadata: { ...metadata, annotations: { ...map(metadata['annotations']), [LAST_APPLIED]: lastApplied(object) } } }
}

export function patchFor(kind: string | undefined, modified: JsonObject, current: JsonObject): JsonObject {
  const remembered = text(at(current, 'metadata', 'annotations', LAST_APPLIED))
  let original: JsonObject = {}
  if (remembered) {
    try {
      const parsed: unknown = JSON.parse(remembered)
      if (isObject(parsed)) original = parsed
    } catch {
      // an annotation that somebody broke: as if there were none
    }
  }
  return threeWayPatch(kind, original, modified, current)
}

/** resource.Info's String(). */
export function infoText(info: Info): string {
  const { group, version, name, kind } = info.resource
  const api = group ? `${group}/${version}` : version
  return `Resource: ${JSON.stringify(`${api}, Resource=${name}`).replace(/^"v1,/, '"/v1,')}, GroupVersionKind: ${JSON.stringify(`${group ? api : `/${version}`}, Kind=${kind}`)}\nName: ${JSON.stringify(info.name)}, Namespace: ${JSON.stringify(info.namespace)}`
}
