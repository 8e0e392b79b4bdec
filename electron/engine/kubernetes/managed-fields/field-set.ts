import { compareStrings, isObject } from '../json.ts'

/**
 * A set of fields of an object, in the very form of the API (FieldsV1, sigs.k8s.io/structured-merge-diff/fieldpath):
 *
 *   { "f:spec": { "f:ports": { ".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {} } } } }
 *
 * An element below which there is nothing is in the set; one that has children only when it also has ".". Sets are
 * never changed and, as far as they are alike, shared: objects of one template have one set between them.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet
}

/** As a whole set: the empty one. As a child: a field that is in the set, and nothing below it. */
export const LEAF: FieldSet = Object.freeze({})
export const EMPTY = LEAF

const SELF = '.'
const JUST_SELF: FieldSet = Object.freeze({ [SELF]: LEAF })

/** Alike sets are found by what they are made of; both tables are only there to share, and may be emptied at any time. */
const LIMIT = 50_000
const byParts = new Map<string, FieldSet>()
const numbers = new WeakMap<FieldSet, number>([[LEAF, 0]])
let count = 0
let forgotten = false
/** Elements of which each object has another one: nothing that has them is kept for others. */
export const SINGULAR_KEY = 'ip'
const SINGULAR = `k:{"${SINGULAR_KEY}":`

export function isSingular(element: string): boolean {
  return element.startsWith(SINGULAR)
}

/** The set of these elements and what is below each. */
export function fieldSet(elements: readonly string[], children: readonly FieldSet[]): FieldSet {
  if (elements.length === 0) return EMPTY
  let parts: string | undefined = ''
  for (let i = 0; i < elements.length; i++) {
    const number = numbers.get(children[i]!)
    // No engine shape, and no place in the tables, for names that come once.
    if (isSingular(elements[i]!)) return sorted(elements, children, Object.create(null) as Record<string, FieldSet>)
    if (number === undefined) {
      parts = undefined
      break
    }
    parts += number === 0 ? `${elements[i]}\n` : `${elements[i]}\n${number}\n`
  }
  const known = parts === undefined ? undefined : byParts.get(parts)
  if (known) return known
  if (parts === undefined) return sorted(elements, children, {})
  const made = Object.freeze(sorted(elements, children, {}))
  if (byParts.size > LIMIT) {
    byParts.clear()
    forgotten = true
  }
  const inOrder = Object.keys(made).map((e) => (numbers.get(made[e]!) === 0 ? `${e}\n` : `${e}\n${numbers.get(made[e]!)}\n`)).join('')
  const same = byParts.get(inOrder)
  const found = same ?? made
  if (!same) {
    numbers.set(made, ++count)
    byParts.set(inOrder, made)
  }
  byParts.set(parts, found)
  return found
}

function sorted(elements: readonly string[], children: readonly FieldSet[], out: Record<string, FieldSet>): FieldSet {
  let inOrder = true
  for (let i = 1; i < elements.length && inOrder; i++) inOrder = elements[i - 1]! < elements[i]!
  if (inOrder) for (let i = 0; i < elements.length; i++) out[elements[i]!] = children[i]!
  else for (const i of elements.map((_, n) => n).sort((a, b) => compareStrings(elements[a]!, elements[b]!))) out[elements[i]!] = children[i]!
  return out
}

/** Whether other objects may have the very same set. */
export function isShared(set: FieldSet): boolean {
  return numbers.has(set)
}

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** A child's own set, in which the element itself is "." */
function opened(child: FieldSet): FieldSet {
  return child === LEAF || isEmpty(child) ? JUST_SELF : child
}

/** The other way; undefined when nothing is left. */
function closed(set: FieldSet): FieldSet | undefined {
  if (set === JUST_SELF) return LEAF
  let elements = 0
  for (const _ in set) elements++
  if (elements === 0) return undefined
  return elements === 1 && set[SELF] ? LEAF : set
}

/** The field itself and all that is below it. */
export function withSelf(set: FieldSet): FieldSet {
  return closed(union(set, JUST_SELF))!
}

/** The set for an object that has other names of its own; what objects share has none of them. */
export function renamed(set: FieldSet, names: ReadonlyMap<string, string>): FieldSet {
  if (names.size === 0 || isShared(set)) return set
  const elements = Object.keys(set)
  return fieldSet(elements.map((element) => names.get(element) ?? element), elements.map((element) => renamed(set[element]!, names)))
}

type Combine = (a: FieldSet, b: FieldSet) => FieldSet

/** Results for sets that are shared by many objects, which are asked for again and again. */
function remembered(combine: Combine): Combine {
  const results = new WeakMap<FieldSet, WeakMap<FieldSet, FieldSet>>()
  return (a, b) => {
    if (!numbers.has(a) || !numbers.has(b)) return combine(a, b)
    let known = results.get(a)
    if (!known) results.set(a, (known = new WeakMap()))
    let result = known.get(b)
    if (!result) known.set(b, (result = combine(a, b)))
    return result
  }
}

export const union: Combine = remembered((a, b) => {
  if (a === b || isEmpty(b)) return a
  if (isEmpty(a)) return b
  const elements: string[] = []
  const children: FieldSet[] = []
  let same = true
  for (const element in a) {
    const [child, other] = [a[element]!, b[element]]
    const both = other === undefined || other === child || element === SELF ? child : closed(union(opened(child), opened(other)))!
    if (both !== child) same = false
    elements.push(element)
    children.push(both)
  }
  for (const element in b) {
    if (a[element] !== undefined) continue
    same = false
    elements.push(element)
    children.push(b[element]!)
  }
  return same ? a : fieldSet(elements, children)
})

/** What is in both. */
export const intersection: Combine = remembered((a, b) => {
  if (a === b) return a
  return filtered(a, (element, child) => {
    const other = b[element]
    if (other === undefined) return undefined
    return element === SELF ? LEAF : closed(intersection(opened(child), opened(other)))
  })
})

/** What is in `a` and not in `b`: exactly these fields; what is below one that goes may stay. */
export const difference: Combine = remembered((a, b) => {
  if (isEmpty(b)) return a
  return filtered(a, (element, child) => {
    const other = b[element]
    if (other === undefined) return child
    return element === SELF ? undefined : closed(difference(opened(child), opened(other)))
  })
})

function filtered(set: FieldSet, keep: (element: string, child: FieldSet) => FieldSet | undefined): FieldSet {
  const elements: string[] = []
  const children: FieldSet[] = []
  let same = true
  for (const element in set) {
    const child = keep(element, set[element]!)
    if (child !== set[element]) same = false
    if (child === undefined) continue
    elements.push(element)
    children.push(child)
  }
  return same ? set : fieldSet(elements, children)
}

export type Path = readonly string[]

export function has(set: FieldSet, path: Path): boolean {
  let at = set
  for (const element of path) {
    const child = at[element]
    if (child === undefined) return false
    at = child
  }
  return path.length > 0 && (isEmpty(at) || at[SELF] !== undefined)
}

/** Whether the element is in the set. */
export function hasElement(set: FieldSet, element: string): boolean {
  const child = set[element]
  return child !== undefined && (isEmpty(child) || child[SELF] !== undefined)
}

/** What is below an element. */
export function below(set: FieldSet, element: string): FieldSet {
  const child = set[element]
  if (child === undefined) return EMPTY
  return child[SELF] === undefined ? child : filtered(child, (e, c) => (e === SELF ? undefined : c))
}

export function fromPaths(paths: readonly Path[]): FieldSet {
  let set = EMPTY
  for (const path of paths) {
    if (path.length === 0) continue
    let child: FieldSet = LEAF
    for (let i = path.length - 1; i > 0; i--) child = fieldSet([path[i]!], [child])
    set = union(set, fieldSet([path[0]!], [child]))
  }
  return set
}

/** Every field of the set, a parent before what is below it: first the members of a level, then each child's. */
export function paths(set: FieldSet): Path[] {
  const out: Path[] = []
  const walk = (at: FieldSet, prefix: Path): void => {
    const elements = Object.keys(at).filter((e) => e !== SELF)
    for (const element of elements) if (hasElement(at, element)) out.push([...prefix, element])
    for (const element of elements) if (!isEmpty(at[element]!)) walk(at[element]!, [...prefix, element])
  }
  walk(set, [])
  return out
}

/** From JSON that a client sent; undefined when it is no FieldsV1. */
export function parseFieldSet(value: unknown): FieldSet | undefined {
  if (!isObject(value)) return undefined
  if (numbers.has(value as FieldSet)) return value as FieldSet
  const elements = Object.keys(value)
  const children: FieldSet[] = []
  for (const element of elements) {
    if (element !== SELF && !/^[fkvi]:/.test(element)) return undefined
    const child = parseFieldSet(value[element])
    if (!child) return undefined
    children.push(child)
  }
  return fieldSet(elements, children)
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  if (!forgotten && numbers.has(a) && numbers.has(b)) return false
  let elements = 0
  for (const element in a) {
    elements++
    const other = b[element]
    if (other === undefined || !equalSets(a[element]!, other)) return false
  }
  for (const _ in b) elements--
  return elements === 0
}
