import { sha256 } from '../../engine/sha256.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import type { Kubectl } from './command.ts'
import { sortedGoJson } from './json.ts'
import { at, isObject, type JsonObject, text } from './objects.ts'

/** Letters that a hash must not have next to each other lest it spells a word (kubectl's pkg/util/hash). */
const INSTEAD: Record<string, string> = { 0: 'g', 1: 'h', 3: 'k', a: 'm', e: 't' }

/** --append-hash: the name of a ConfigMap or Secret with ten letters of its content's hash. */
export function withHash(k: Kubectl, object: JsonObject): JsonObject {
  if (!k.flags.bool('append-hash')) return object
  const name = text(at(object, 'metadata', 'name'))
  const hashed: JsonObject = { data: object['data'] ?? {}, kind: object['kind'], name }
  if (object['kind'] === 'Secret') hashed['type'] = object['type'] ?? ''
  if (isObject(object['binaryData'])) hashed['binaryData'] = object['binaryData']
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), name: `${name}-${tenLetters(hashed)}` } }
}

/** Ten letters of the hash of an object. */
export function tenLetters(hashed: JsonObject): string {
  const hex = [...sha256(encodeUtf8(sortedGoJson(hashed)))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [...hex.slice(0, 10)].map((c) => INSTEAD[c] ?? c).join('')
}
