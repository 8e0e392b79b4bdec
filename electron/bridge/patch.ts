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

/** Applies patches without changing `tree`: only what lies on their paths is copied, and once for all of them (a thousand Pods may go at once). */
export function applyPatches<T>(tree: T, patches: readonly Patch[]): T {
  const copies = new Set<unknown>()
  const writable = (value: unknown): Tree => {
    if (copies.has(value)) return value as Tree
    const copy: Tree = isTree(value) ? { ...value } : {}
    copies.add(copy)
    return copy
  }
  let root: unknown = tree
  for (const patch of patches) {
    const key = patch.path.at(-1)
    if (key === undefined) {
      root = patch.value
      continue
    }
    let at = writable(root)
    root = at
    for (const step of patch.path.slice(0, -1)) at = at[step] = writable(at[step])
    if ('value' in patch) at[key] = patch.value
    else delete at[key]
  }
  return root as T
}
