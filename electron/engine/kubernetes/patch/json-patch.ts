import { own } from '../../own.ts'
import { deepEqual, isObject } from '../json.ts'

/** JSON patch, RFC 6902, with pointers of RFC 6901. Nothing is changed in place. */
export interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

/** A patch that cannot be applied. */
export class JsonPatchError extends Error {
  override name = 'JsonPatchError'
}

export function applyJsonPatch(target: unknown, operations: readonly Operation[]): unknown {
  let out = target
  for (const operation of operations) out = applyOperation(out, operation)
  return out
}

function applyOperation(target: unknown, operation: Operation): unknown {
  if (!isObject(operation)) throw new JsonPatchError('Unexpected kind: unknown')
  const { op, path, from, value } = operation as unknown as Operation
  const at = parsePointer(path)
  switch (op) {
    case 'add':
      return add(target, at, required(value, op))
    case 'remove':
      return remove(target, at)
    case 'replace':
      read(target, at)
      return at.length === 0 ? required(value, op) : replace(target, at, required(value, op))
    case 'move': {
      const source = parsePointer(required(from, op))
      if (path.startsWith(`${from}/`)) throw new JsonPatchError(`cannot move ${from} into itself`)
      const moved = read(target, source)
      return add(remove(target, source), at, moved)
    }
    case 'copy':
      return add(target, at, read(target, parsePointer(required(from, op))))
    case 'test':
      if (!deepEqual(read(target, at), value)) throw new JsonPatchError(`testing value ${path} failed`)
      return target
    default:
      throw new JsonPatchError(`Unexpected kind: ${op}`)
  }
}

function required<T>(value: T | undefined, op: string): T {
  if (value === undefined) throw new JsonPatchError(`${op} operation lacks a member`)
  return value
}

function parsePointer(pointer: string): string[] {
  if (pointer === '') return []
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) throw new JsonPatchError(`bad pointer: ${String(pointer)}`)
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
}

function missing(path: readonly string[]): JsonPatchError {
  return new JsonPatchError(`doc is missing path: /${path.join('/')}: missing value`)
}

function index(part: string, limit: number): number {
  const n = /^(0|[1-9]\d*)$/.test(part) ? Number(part) : Number.NaN
  if (!(n <= limit)) throw new JsonPatchError(`Unable to access invalid index: ${part}: invalid index referenced`)
  return n
}

function read(target: unknown, path: readonly string[]): unknown {
  let value = target
  for (const part of path) {
    if (Array.isArray(value)) value = value[index(part, value.length - 1)]
    else if (isObject(value) && own(value, part) !== undefined) value = value[part]
    else throw missing(path)
  }
  return value
}

/** A copy in which the parent of the last part was changed by `change`. */
function edit(target: unknown, path: readonly string[], whole: readonly string[], change: (parent: unknown, last: string) => unknown): unknown {
  const [part, ...rest] = path
  if (rest.length === 0) return change(target, part!)
  if (Array.isArray(target)) {
    const i = index(part!, target.length - 1)
    return target.with(i, edit(target[i], rest, whole, change))
  }
  if (!isObject(target) || own(target, part!) === undefined) throw missing(whole)
  return { ...target, [part!]: edit(target[part!], rest, whole, change) }
}

function add(target: unknown, path: readonly string[], value: unknown): unknown {
  if (path.length === 0) return value
  return edit(target, path, path, (parent, last) => {
    if (Array.isArray(parent)) return parent.toSpliced(last === '-' ? parent.length : index(last, parent.length), 0, value)
    if (isObject(parent)) return { ...parent, [last]: value }
    throw missing(path)
  })
}

function replace(target: unknown, path: readonly string[], value: unknown): unknown {
  return edit(target, path, path, (parent, last) => {
    if (Array.isArray(parent)) return parent.with(index(last, parent.length - 1), value)
    return { ...(parent as object), [last]: value }
  })
}

function remove(target: unknown, path: readonly string[]): unknown {
  read(target, path)
  if (path.length === 0) return null
  return edit(target, path, path, (parent, last) => {
    if (Array.isArray(parent)) return parent.toSpliced(index(last, parent.length - 1), 1)
    const { [last]: _, ...rest } = parent as Record<string, unknown>
    return rest
  })
}
