import { jsonError } from '../../engine/kubernetes/json-syntax.ts'
import { KubectlError } from './errors.ts'
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
  if (!remembered) return threeWayPatch(kind, {}, modified, current)
  const original: unknown = jsonError(remembered) === undefined ? JSON.parse(remembered) : undefined
  // somebody broke the annotation
  if (!isObject(original)) throw new KubectlError(`creating patch with:\noriginal:\n${remembered}\nmodified:\n${sortedGoJson(modified)}\n\ncurrent:\n${sortedGoJson(current)}\n\nfor:: invalid JSON document`)
  return threeWayPatch(kind, original, modified, current)
}

/** resource.Info's String(). */
export function infoText(info: Info): string {
  const { group, version, name, kind } = info.resource
  const api = group ? `${group}/${version}` : version
  return `Resource: ${JSON.stringify(`${api}, Resource=${name}`).replace(/^"v1,/, '"/v1,')}, GroupVersionKind: ${JSON.stringify(`${group ? api : `/${version}`}, Kind=${kind}`)}\nName: ${JSON.stringify(info.name)}, Namespace: ${JSON.stringify(info.namespace)}`
}
