import type { Bson, Document } from './bson.ts'
import { badValue, CommandError, matches, notSimulated } from './query.ts'
import { compare, isDocument, keyOf, toNumber, typeName } from './values.ts'

/** Update operators ("Update Operators" in MongoDB's manual). */
export function copy(value: Bson): Bson {
  if (isDocument(value)) return new Map([...value].map(([k, v]) => [k, copy(v)]))
  return Array.isArray(value) ? value.map(copy) : value
}

export function isReplacement(update: Document): boolean {
  return ![...update.keys()].some((name) => name.startsWith('$'))
}

/** The document after an update; a new one, the old stays. `now` is ms of the wall clock, `inserting` counts $setOnInsert. */
export function updated(document: Document, update: Document, now: number, inserting = false): Document {
  if (isReplacement(update)) {
    const id = document.get('_id')
    const next = new Map([...(id === undefined ? [] : ([['_id', id]] as const)), ...[...update].filter(([name]) => name !== '_id')])
    if (update.has('_id') && id !== undefined && keyOf(update.get('_id')!) !== keyOf(id)) throw immutable()
    return next
  }
  const next = copy(document) as Document
  for (const [operator, fields] of update) {
    if (!operator.startsWith('$')) throw new CommandError(9, 'FailedToParse', `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`)
    if (!isDocument(fields)) throw new CommandError(9, 'FailedToParse', `Modifiers operate on fields but we found type ${typeName(fields)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${String(fields)}}`)
    for (const [path, argument] of fields) {
      if (/\$/.test(path)) throw notSimulated(`the positional operator in "${path}"`, 'name the index of the element')
      apply(next, operator, path.split('.'), argument, now, inserting)
    }
  }
  const before = document.get('_id')
  if (before !== undefined && keyOf(next.get('_id') ?? null) !== keyOf(before)) throw immutable()
  return next
}

function immutable(): CommandError {
  return new CommandError(66, 'ImmutableField', "Performing an update on the path '_id' would modify the immutable field '_id'")
}

function apply(document: Document, operator: string, path: string[], argument: Bson, now: number, inserting: boolean): void {
  const place = reach(document, path, !['$unset', '$pull', '$pop', '$rename'].includes(operator))
  if (!place) return
  const old = place.get()
  const number = (): number => {
    const by = toNumber(argument)
    if (by === undefined) throw new CommandError(14, 'TypeMismatch', `Cannot ${operator === '$mul' ? 'multiply' : 'increment'} with non-numeric argument: {${path.join('.')}: ${String(argument)}}`)
    if (old !== undefined && toNumber(old) === undefined) throw new CommandError(14, 'TypeMismatch', `Cannot apply ${operator} to a value of non-numeric type. {_id: ${String(document.get('_id'))}} has the field '${path.at(-1)}' of non-numeric type ${typeName(old)}`)
    return by
  }
  const array = (): Bson[] => {
    if (old !== undefined && !Array.isArray(old)) throw badValue(`The field '${path.join('.')}' must be an array but is of type ${typeName(old)} in document {_id: ${String(document.get('_id'))}}`)
    return old ?? []
  }
  const many = (): Bson[] => (isDocument(argument) && Array.isArray(argument.get('$each')) ? (argument.get('$each') as Bson[]) : [argument])
  switch (operator) {
    case '$set': return place.set(copy(argument))
    case '$setOnInsert': return inserting ? place.set(copy(argument)) : undefined
    case '$unset': return place.remove()
    case '$inc': return place.set(number() + (toNumber(old) ?? 0))
    case '$mul': return place.set(number() * (toNumber(old) ?? 0))
    case '$min': return old === undefined || compare(argument, old) < 0 ? place.set(argument) : undefined
    case '$max': return old === undefined || compare(argument, old) > 0 ? place.set(argument) : undefined
    case '$push': return place.set([...array(), ...many()])
    case '$addToSet': return place.set(many().reduce<Bson[]>((all, v) => (all.some((x) => compare(x, v) === 0) ? all : [...all, v]), array()))
    case '$pull': return Array.isArray(old) ? place.set(old.filter((v) => !matches(new Map([['v', v]]), new Map([['v', argument]])) && !(isDocument(argument) && isDocument(v) && matches(v, argument)))) : undefined
    case '$pop': return Array.isArray(old) ? place.set(toNumber(argument) === -1 ? old.slice(1) : old.slice(0, -1)) : undefined
    case '$currentDate': return place.set(new Date(now))
    case '$rename':
      if (old === undefined) return
      place.remove()
      return reach(document, String(argument).split('.'), true)?.set(old)
    default: throw new CommandError(9, 'FailedToParse', `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`)
  }
}

interface Place { get(): Bson | undefined; set(value: Bson): void; remove(): void }

function reach(document: Document, path: string[], creates: boolean): Place | undefined {
  let at: Bson = document
  for (const name of path.slice(0, -1)) {
    const next: Bson | undefined = isDocument(at) ? at.get(name) : Array.isArray(at) ? at[Number(name)] : undefined
    if (next === undefined && creates && isDocument(at)) {
      const made: Document = new Map()
      at.set(name, made)
      at = made
    } else if (isDocument(next ?? null) || Array.isArray(next)) at = next!
    else if (creates) throw new CommandError(28, 'PathNotViable', `Cannot create field '${path.at(-1)}' in element {${name}: ${String(next)}}`)
    else return undefined
  }
  const last = path.at(-1)!
  if (isDocument(at)) {
    const holder = at
    return { get: () => holder.get(last), set: (v) => void holder.set(last, v), remove: () => void holder.delete(last) }
  }
  const holder = at as Bson[]
  const index = Number(last)
  if (!Array.isArray(holder) || !Number.isInteger(index) || index < 0 || index > 1_500_000) throw new CommandError(28, 'PathNotViable', `Cannot create field '${last}' in element {${path.at(-2) ?? ''}: ${typeName(at)}}`)
  return {
    get: () => holder[index],
    set: (v) => {
      while (holder.length < index) holder.push(null)
      holder[index] = v
    },
    remove: () => (index < holder.length ? void (holder[index] = null) : undefined),
  }
}
