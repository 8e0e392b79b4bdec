import { type Decoded, decode, type Wording } from '../schema/decode.ts'
import { structOf } from '../schema/index.ts'
import type { KubeObject } from '../types.ts'
import type { Kind } from './kind.ts'

/** A body as an object of its kind; `old`: the object that it replaces, with which it may share what did not change. */
export function decodeObject(kind: Kind, body: unknown, old: KubeObject | undefined, wording?: Wording): Decoded<KubeObject> {
  return kind.decode ? kind.decode(body, old) : decode<KubeObject>(body, structOf(kind), old, wording)
}
