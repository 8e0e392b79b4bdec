import { own } from '../../own.ts'
import { deepEqual, isObject, type JsonObject } from '../json.ts'
import type { Field, Type } from '../schema/notation.ts'
import { itemElement } from './elements.ts'
import { EMPTY, fieldSet, isEmpty, LEAF, type FieldSet, SINGULAR_KEY, union, withSelf } from './field-set.ts'

/**
 * Which fields one version of an object has that another one has not, or has otherwise: structured-merge-diff's
 * typed.Compare. What both share (and immutable versions share nearly everything) costs nothing.
 */
export interface Comparison {
  added: FieldSet
  modified: FieldSet
  removed: FieldSet
}

const SAME: Comparison = { added: EMPTY, modified: EMPTY, removed: EMPTY }

/** Of a field: what its value is, and how it is owned. An unknown type is what its values are. */
export type Shape = Pick<Field, 'ownership' | 'listKeys'> & { type: Type | undefined }

export const UNKNOWN: Shape = { type: undefined, ownership: 'granular', listKeys: [] }
const wholes = new WeakMap<Type, Shape>()

/** A value that is no field: an item of a list, a value of a map. */
export function shapeOf(type: Type | undefined): Shape {
  if (!type) return UNKNOWN
  let shape = wholes.get(type)
  if (!shape) wholes.set(type, (shape = { type, ownership: type.kind === 'list' ? 'atomic' : 'granular', listKeys: [] }))
  return shape
}

/** The shape of what stands below a key of a struct or map. */
export function fieldShape({ type }: Shape, key: string): Shape {
  if (type?.kind === 'struct') return type.fields.get(key) ?? UNKNOWN
  return shapeOf(type?.kind === 'map' ? type.of : undefined)
}

export function itemShape({ type }: Shape): Shape {
  return shapeOf(type?.kind === 'list' ? type.of : undefined)
}

/** How a value is walked: field by field, item by item, or not at all. */
export function walkOf(value: unknown, shape: Shape): 'map' | 'list' | 'leaf' {
  const { type, ownership } = shape
  if (ownership === 'atomic') return 'leaf'
  if (type === undefined) return isObject(value) ? 'map' : 'leaf'
  switch (type.kind) {
    case 'struct':
      return type.atomic ? 'leaf' : 'map'
    case 'map':
      return 'map'
    case 'list':
      return ownership === 'set' || ownership === 'keys' ? 'list' : 'leaf'
    default:
      return 'leaf'
  }
}

/** "f:name" for each name that there is; kinds and labels have few. */
const elements = new Map<string, string>()

function fieldElement(name: string): string {
  let element = elements.get(name)
  if (element === undefined) {
    if (elements.size > 20_000) elements.clear()
    elements.set(name, (element = `f:${name}`))
  }
  return element
}

/** Everything that there is of a value that was not there before, itself included. */
function whole(value: unknown, shape: Shape): FieldSet {
  const walk = walkOf(value, shape)
  if (walk === 'leaf') return LEAF
  const elements = ['.']
  const children = [LEAF]
  if (walk === 'map') {
    if (!isObject(value)) return LEAF
    for (const key in value) {
      if (value[key] === undefined) continue
      elements.push(fieldElement(key))
      children.push(whole(value[key], fieldShape(shape, key)))
    }
  } else {
    if (!Array.isArray(value)) return LEAF
    const item = itemShape(shape)
    const seen = new Set<string>()
    for (const one of value) {
      const element = itemElement(shape, one)
      const again = seen.has(element)
      seen.add(element)
      if (again) children[elements.indexOf(element)] = LEAF
      else {
        elements.push(element)
        children.push(whole(one, item))
      }
    }
  }
  return elements.length === 1 ? LEAF : fieldSet(elements, children)
}

/** Collects what is below a value, element by element; each of the three only when there is something. */
class Collector {
  #added: Part | undefined
  #modified: Part | undefined
  #removed: Part | undefined

  add(element: string, set: FieldSet): void {
    push((this.#added ??= { elements: [], children: [] }), element, set)
  }
  remove(element: string, set: FieldSet): void {
    push((this.#removed ??= { elements: [], children: [] }), element, set)
  }
  modify(element: string): void {
    push((this.#modified ??= { elements: [], children: [] }), element, LEAF)
  }
  descend(element: string, { added, modified, removed }: Comparison): void {
    if (!isEmpty(added)) this.add(element, added)
    if (!isEmpty(removed)) this.remove(element, removed)
    if (!isEmpty(modified)) push((this.#modified ??= { elements: [], children: [] }), element, modified)
  }
  result(): Comparison {
    if (!this.#added && !this.#modified && !this.#removed) return SAME
    return { added: built(this.#added), modified: built(this.#modified), removed: built(this.#removed) }
  }
}

interface Part { elements: string[]; children: FieldSet[] }

function push(part: Part, element: string, set: FieldSet): void {
  part.elements.push(element)
  part.children.push(set)
}

function built(part: Part | undefined): FieldSet {
  return part ? fieldSet(part.elements, part.children) : EMPTY
}

function compareAt(collector: Collector, element: string, before: unknown, after: unknown, shape: Shape): void {
  if (before === after) return
  if (before === undefined) collector.add(element, whole(after, shape))
  else if (after === undefined) collector.remove(element, whole(before, shape))
  else {
    const walk = walkOf(after ?? before, shape)
    const leaf = walk === 'leaf' || (isNothing(before) && isNothing(after))
    if (leaf) {
      if (!deepEqual(before, after)) collector.modify(element)
    } else if (walk === 'map') collector.descend(element, compareMaps(before, after, shape))
    else collector.descend(element, compareLists(before, after, shape))
  }
}

/** Null, or empty: such two are one leaf. */
function isNothing(value: unknown): boolean {
  if (value === null) return true
  if (Array.isArray(value)) return value.length === 0
  if (typeof value !== 'object') return false
  for (const key in value) if ((value as JsonObject)[key] !== undefined) return false
  return true
}

export function compareMaps(before: unknown, after: unknown, shape: Shape, skip?: ReadonlySet<string>): Comparison {
  const a = isObject(before) ? before : {}
  const b = isObject(after) ? after : {}
  const collector = new Collector()
  for (const key in a) {
    if (a[key] === b[key] || skip?.has(key)) continue
    compareAt(collector, fieldElement(key), a[key], own(b, key), fieldShape(shape, key))
  }
  for (const key in b) {
    if (own(a, key) !== undefined || b[key] === undefined || skip?.has(key)) continue
    compareAt(collector, fieldElement(key), undefined, b[key], fieldShape(shape, key))
  }
  return collector.result()
}

function compareLists(before: unknown, after: unknown, shape: Shape): Comparison {
  if (Array.isArray(before) && Array.isArray(after) && sameItems(before, after, shape)) {
    const collector = new Collector()
    const item = itemShape(shape)
    for (let i = 0; i < before.length; i++) if (before[i] !== after[i]) compareAt(collector, itemElement(shape, after[i]), before[i], after[i], item)
    return collector.result()
  }
  const a = byElement(Array.isArray(before) ? before : [], shape)
  const b = byElement(Array.isArray(after) ? after : [], shape)
  const item = itemShape(shape)
  const collector = new Collector()
  let doubled: Comparison = SAME
  for (const [element, olds] of a) {
    const news = b.get(element)
    if (news === undefined) {
      if (olds.length > 1) collector.remove(element, LEAF)
      else compareAt(collector, element, olds[0], undefined, item)
    } else if (olds.length > 1 && news.length > 1) {
      if (!deepEqual(olds, news)) collector.modify(element)
    } else if (olds.length > 1) {
      // No longer twice: the mark of the two goes, the one is new.
      doubled = combined(doubled, { added: fieldSet([element], [withSelf(whole(news[0], item))]), modified: EMPTY, removed: fieldSet([element], [LEAF]) })
    } else if (news.length > 1) {
      doubled = combined(doubled, { added: fieldSet([element], [LEAF]), modified: EMPTY, removed: fieldSet([element], [whole(olds[0], item)]) })
    } else compareAt(collector, element, olds[0], news[0], item)
  }
  for (const [element, news] of b) {
    if (a.has(element)) continue
    if (news.length > 1) collector.add(element, LEAF)
    else compareAt(collector, element, undefined, news[0], item)
  }
  return combined(collector.result(), doubled)
}

/** Whether two lists have items of the same names in the same places: what an update usually leaves. */
function sameItems(before: readonly unknown[], after: readonly unknown[], { ownership, listKeys }: Shape): boolean {
  if (before.length !== after.length || ownership !== 'keys') return false
  for (let i = 0; i < before.length; i++) {
    const [a, b] = [before[i], after[i]]
    if (a === b) continue
    if (!isObject(a) || !isObject(b)) return false
    for (const { name } of listKeys) if (a[name] !== b[name]) return false
  }
  return true
}

/** Elements that name the one object's own, such as its address: what they are in the other one. */
export type Renames = Map<string, string>

/** Whether the items of two objects' lists have the same names, but for those that every object has of its own. */
function alikeItems(a: readonly unknown[], b: readonly unknown[], shape: Shape, renames: Renames | undefined): boolean {
  if (!renames || shape.listKeys.length !== 1 || shape.listKeys[0]!.name !== SINGULAR_KEY) return sameItems(a, b, shape)
  if (a.length !== b.length) return false
  return a.every((item, i) => {
    const [from, to] = [itemElement(shape, item), itemElement(shape, b[i])]
    const known = renames.get(from)
    renames.set(from, to)
    return known === undefined || known === to
  })
}

/**
 * Whether two new objects have the same fields, so that what is known of the one holds for the other: the same keys,
 * items of the same names, and what is empty in one is in the other.
 */
export function sameFields(a: unknown, b: unknown, shape: Shape, skip?: ReadonlySet<string>, renames?: Renames): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return isZero(a) === isZero(b)
  const walk = walkOf(a, shape)
  if (walk === 'leaf' || Array.isArray(a) !== Array.isArray(b)) return isNothing(a) === isNothing(b)
  if (walk === 'map') {
    const [x, y] = [a as JsonObject, b as JsonObject]
    let keys = 0
    for (const key in x) {
      if (x[key] === undefined || skip?.has(key)) continue
      keys++
      if (own(y, key) === undefined || !sameFields(x[key], y[key], fieldShape(shape, key), undefined, renames)) return false
    }
    for (const key in y) if (y[key] !== undefined && !skip?.has(key)) keys--
    return keys === 0
  }
  const [x, y] = [a as readonly unknown[], b as readonly unknown[]]
  if (!alikeItems(x, y, shape, renames)) return false
  const item = itemShape(shape)
  return x.every((one, i) => sameFields(one, y[i], item, undefined, renames))
}

/** Whether what changed from the one version to the next are the same fields as between two others. */
export function sameChange(oldA: unknown, nextA: unknown, oldB: unknown, nextB: unknown, shape: Shape, renames: Renames, skip?: ReadonlySet<string>): boolean {
  if (oldA === nextA) return oldB === nextB
  if (oldB === nextB) return false
  if (oldA === undefined || oldB === undefined) return oldA === oldB && sameFields(nextA, nextB, shape, undefined, renames)
  if (nextA === undefined || nextB === undefined) return nextA === nextB && sameFields(oldA, oldB, shape, undefined, renames)
  const walk = walkOf(nextA, shape)
  if (walk === 'map' && isObject(oldA) && isObject(oldB) && isObject(nextA) && isObject(nextB)) {
    for (const key in nextA) if (own(nextB, key) === undefined && nextA[key] !== undefined && !skip?.has(key)) return false
    for (const key in nextB) {
      if (skip?.has(key)) continue
      if (!sameChange(own(oldA, key), own(nextA, key), own(oldB, key), nextB[key], fieldShape(shape, key), renames)) return false
    }
    // What went away has to have been the same: its fields were somebody's.
    for (const key in oldA) {
      if (oldA[key] === undefined || own(nextA, key) !== undefined || skip?.has(key)) continue
      if (own(nextB, key) !== undefined || !sameChange(oldA[key], undefined, own(oldB, key), undefined, fieldShape(shape, key), renames)) return false
    }
    for (const key in oldB) if (oldB[key] !== undefined && own(nextB, key) === undefined && !skip?.has(key) && own(oldA, key) === undefined) return false
    return isNothing(nextA) === isNothing(nextB) && isNothing(oldA) === isNothing(oldB)
  }
  if (walk === 'list' && Array.isArray(oldA) && Array.isArray(oldB) && Array.isArray(nextA) && Array.isArray(nextB)) return sameListChange(oldA, nextA, oldB, nextB, shape, renames)
  return walk === 'leaf' && deepEqual(oldA, nextA) === deepEqual(oldB, nextB)
}

/** Longer lists are not looked through for who is whose successor. */
const FEW = 16

function sameListChange(oldA: readonly unknown[], nextA: readonly unknown[], oldB: readonly unknown[], nextB: readonly unknown[], shape: Shape, renames: Renames): boolean {
  const item = itemShape(shape)
  if (sameItems(oldA, nextA, shape) && sameItems(oldB, nextB, shape)) {
    if (!alikeItems(nextA, nextB, shape, renames)) return false
    for (let i = 0; i < nextA.length; i++) if (!sameChange(oldA[i], nextA[i], oldB[i], nextB[i], item, renames)) return false
    return true
  }
  // Items came or went: each is told by its one key, as conditions are.
  const [key, another] = shape.listKeys
  if (!key || another || key.default !== undefined || oldA.length > FEW || nextA.length > FEW) return false
  if (!alikeItems(oldA, oldB, shape, renames) || !alikeItems(nextA, nextB, shape, renames)) return false
  for (const list of [oldA, nextA, oldB, nextB]) for (let i = 1; i < list.length; i++) if (placeOf(list[i], list, key.name) !== i) return false
  for (let i = 0; i < nextA.length; i++) {
    const former = placeOf(nextA[i], oldA, key.name)
    if (former !== placeOf(nextB[i], oldB, key.name)) return false
    if (!(former < 0 ? sameFields(nextA[i], nextB[i], item, undefined, renames) : sameChange(oldA[former], nextA[i], oldB[former], nextB[i], item, renames))) return false
  }
  for (let i = 0; i < oldA.length; i++) if (placeOf(oldA[i], nextA, key.name) < 0 && !sameFields(oldA[i], oldB[i], item, undefined, renames)) return false
  return true
}

/** Where the first item with that key is; -1: nowhere. */
function placeOf(item: unknown, list: readonly unknown[], key: string): number {
  const value = own(item as JsonObject, key)
  for (let i = 0; i < list.length; i++) if (own(list[i] as JsonObject, key) === value) return i
  return -1
}

function isZero(value: unknown): boolean {
  return value === null || value === '' || value === 0 || value === false
}

function combined(a: Comparison, b: Comparison): Comparison {
  if (b === SAME) return a
  return { added: union(a.added, b.added), modified: union(a.modified, b.modified), removed: union(a.removed, b.removed) }
}

function byElement(list: readonly unknown[], shape: Shape): Map<string, unknown[]> {
  const out = new Map<string, unknown[]>()
  for (const item of list) {
    const element = itemElement(shape, item)
    const same = out.get(element)
    if (same) same.push(item)
    else out.set(element, [item])
  }
  return out
}
