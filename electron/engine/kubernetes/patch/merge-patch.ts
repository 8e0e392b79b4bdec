import { own, put } from '../../own.ts'
import { deepEqual, isObject } from '../json.ts'

/** JSON merge patch, RFC 7386. Nothing is changed in place; what the patch does not touch is shared. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const out: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (value === undefined) continue
    if (value === null) delete out[key]
    else put(out, key, applyMergePatch(own(out, key), value))
  }
  return out
}

/** The patch that turns `from` into `to`; neither may have nulls in it, which a merge patch cannot say. */
export function createMergePatch(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(from)) if (own(to, key) === undefined && from[key] !== undefined) put(patch, key, null)
  for (const key of Object.keys(to)) {
    const [before, after] = [own(from, key), to[key]]
    if (after === undefined || deepEqual(before, after)) continue
    put(patch, key, isObject(before) && isObject(after) ? createMergePatch(before, after) : after)
  }
  return patch
}
