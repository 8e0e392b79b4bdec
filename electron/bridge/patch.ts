/** A change of the view model: the value at `path` is now `value`; without `value` it is gone. */
export interface Patch {
  path: string[]
  value?: unknown
}

type Tree = Record<string, unknown>
const isTree = (v: unknown): v is Tree => typeof v === 'object' && v !== null && !Array.isArray(v)

/** The patches that make `after` of `before`. Arrays and scalars are replaced whole; same references cost nothing. */
export function diff(before: unknown, after: unknown, path: string[] = [], out: Patch[] = []): Patch[] {
  if (before === after) return out
  if (isTree(before) && isTree(after)) {
    for (const key of Object.keys(before)) if (!(key in after) || after[key] === undefined) if (before[key] !== undefined) out.push({ path: [...path, key] })
    for (const key of Object.keys(after)) if (after[key] !== undefined) diff(before[key], after[key], [...path, key], out)
    return out
  }
  if (Array.isArray(before) && Array.isArray(after) && JSON.stringify(before) === JSON.stringify(after)) return out
  out.push({ path, value: after })
  return out
}

/** Applies patches without changing `tree`: only what lies on their paths is copied. */
export function applyPatches<T>(tree: T, patches: readonly Patch[]): T {
  return patches.reduce<unknown>((t, p) => applyAt(t, p.path, 0, p), tree) as T
}

function applyAt(tree: unknown, path: readonly string[], depth: number, patch: Patch): unknown {
  if (depth === path.length) return patch.value
  const copy: Tree = isTree(tree) ? { ...tree } : {}
  const key = path[depth]!
  if (depth === path.length - 1 && !('value' in patch)) delete copy[key]
  else copy[key] = applyAt(copy[key], path, depth + 1, patch)
  return copy
}
