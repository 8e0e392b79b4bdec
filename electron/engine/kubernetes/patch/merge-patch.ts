import { deepEqual, isObject } from '../json.ts'

/** JSON merge patch, RFC 7386. Nothing is changed in place; what the patch does not touch is shared. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const out: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (value === undefined) continue
    if (value === null) delete out[key]
    else out[key] = applyMergePatch(out[key], value)
  }
  return out
}

/** The patch that turns `from` into `to`; neither may have nulls in it, which a merge patch cannot say. */
export function createMergePatch(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(from)) if (to[key] === undefined && from[key] !== undefined) patch[key] = null
  for (const key of Object.keys(to)) {
    const [before, after] = [from[key], to[key]]
    if (after === undefined || deepEqual(before, after)) continue
    patch[key] = isObject(before) && isObject(after) ? createMergePatch(before, after) : after
  }
  return patch
}
