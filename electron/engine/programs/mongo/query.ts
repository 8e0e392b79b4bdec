import type { Bson, Document } from './bson.ts'
import { compare, isDocument, sameType, toNumber, typeName, valuesAt } from './values.ts'

/** A command's error: code and codeName as in MongoDB's error_codes.yml. */
export class CommandError extends Error {
  readonly code: number
  readonly codeName: string

  constructor(code: number, codeName: string, message: string) {
    super(message)
    this.code = code
    this.codeName = codeName
  }
}

export function badValue(message: string): CommandError {
  return new CommandError(2, 'BadValue', message)
}

/** What the real server has and this one has not: CommandNotSupported (115), in Podhop's one form. */
export function notSimulated(what: string, instead: string): CommandError {
  return new CommandError(115, 'CommandNotSupported', `podhop: not simulated: ${what} (${instead})`)
}

/** Whether a document matches a filter. */
export function matches(document: Document, filter: Document): boolean {
  return [...filter].every(([name, wanted]) => {
    if (name === '$and') return clauses(name, wanted).every((f) => matches(document, f))
    if (name === '$or') return clauses(name, wanted).some((f) => matches(document, f))
    if (name === '$nor') return !clauses(name, wanted).some((f) => matches(document, f))
    if (name === '$comment') return true
    if (['$expr', '$where', '$text', '$jsonSchema'].includes(name)) throw notSimulated(name, 'comparisons, $in, $exists, $type, $regex, $all, $size, $elemMatch, $and, $or, $nor and $not are')
    if (name.startsWith('$')) throw badValue(`unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.`)
    const found = valuesAt(document, name.split('.'))
    return fits(found, wanted)
  })
}

function clauses(name: string, value: Bson): Document[] {
  if (!Array.isArray(value)) throw badValue(`${name} argument must be an array, but was a ${typeName(value)}`)
  if (value.length === 0) throw badValue('$and/$or/$nor must be a nonempty array')
  if (!value.every(isDocument)) throw badValue('$or/$and/$nor entries need to be full objects')
  return value
}

function isOperators(value: Bson): value is Document {
  return isDocument(value) && [...value.keys()][0]?.startsWith('$') === true
}

function fits(found: readonly Bson[], wanted: Bson): boolean {
  if (isOperators(wanted)) return [...wanted].every(([operator, argument]) => holds(found, operator, argument, wanted))
  return equals(found, wanted)
}

/** The values themselves, and those in arrays among them. */
function each(found: readonly Bson[]): Bson[] {
  return found.flatMap((v) => (Array.isArray(v) ? [...v, v] : [v]))
}

function equals(found: readonly Bson[], wanted: Bson): boolean {
  if (wanted instanceof RegExp) return each(found).some((v) => typeof v === 'string' && wanted.test(v))
  if (wanted === null && found.length === 0) return true
  return each(found).some((v) => compare(v, wanted) === 0)
}

function holds(found: readonly Bson[], operator: string, argument: Bson, whole: Document): boolean {
  const ordered = (test: (order: number) => boolean): boolean => each(found).some((v) => sameType(v, argument) && test(compare(v, argument)))
  switch (operator) {
    case '$eq': return equals(found, argument)
    case '$ne': return !equals(found, argument)
    case '$gt': return ordered((n) => n > 0)
    case '$gte': return ordered((n) => n >= 0)
    case '$lt': return ordered((n) => n < 0)
    case '$lte': return ordered((n) => n <= 0)
    case '$in': return list(operator, argument).some((v) => equals(found, v))
    case '$nin': return !list(operator, argument).some((v) => equals(found, v))
    case '$all': return list(operator, argument).every((v) => equals(found, v))
    case '$exists': return (argument !== false && argument !== null && argument !== 0) === found.length > 0
    case '$size': return found.some((v) => Array.isArray(v) && v.length === toNumber(argument))
    case '$type': return (Array.isArray(argument) ? argument : [argument]).some((t) => found.some((v) => typeName(v) === t || (t === 'number' && toNumber(v) !== undefined)))
    case '$not': return argument instanceof RegExp ? !equals(found, argument) : !fits(found, argument)
    case '$elemMatch': return found.some((v) => Array.isArray(v) && isDocument(argument) && v.some((item) => (isOperators(argument) ? fits([item], argument) : isDocument(item) && matches(item, argument))))
    case '$mod': {
      const [by, rest] = list(operator, argument).map(toNumber)
      return by !== undefined && by !== 0 && each(found).some((v) => (toNumber(v) ?? NaN) % by === rest)
    }
    case '$regex': return equals(found, expression(argument, whole.get('$options')))
    case '$options': return true
    default:
      if (/^\$(near|nearSphere|geoWithin|geoIntersects|bitsAllSet|bitsAnySet|bitsAllClear|bitsAnyClear)$/.test(operator)) throw notSimulated(operator, 'comparisons, $in, $exists, $type, $regex, $all, $size and $elemMatch are')
      throw badValue(`unknown operator: ${operator}`)
  }
}

function list(operator: string, value: Bson): Bson[] {
  if (!Array.isArray(value)) throw badValue(`${operator} needs an array`)
  return value
}

function expression(value: Bson, options: Bson | undefined): RegExp {
  const flags = typeof options === 'string' ? options.replace(/[^ims]/g, '') : ''
  if (value instanceof RegExp) return new RegExp(value.source, flags || value.flags)
  if (typeof value !== 'string') throw badValue('$regex has to be a string')
  try {
    return new RegExp(value, flags)
  } catch {
    throw new CommandError(51091, 'Location51091', `Regular expression is invalid: ${value}`)
  }
}

/** By the sort specification's keys, in its order. */
export function sorted(documents: Document[], by: Document | undefined): Document[] {
  if (!by || by.size === 0) return documents
  const keys = [...by].map(([name, direction]) => ({ path: name.split('.'), sign: toNumber(direction) === -1 ? -1 : 1 }))
  const least = (d: Document, path: string[], sign: number): Bson => each(valuesAt(d, path)).reduce<Bson | undefined>((best, v) => (best === undefined || compare(v, best) * sign < 0 ? v : best), undefined) ?? null
  return [...documents].sort((a, b) => {
    for (const { path, sign } of keys) {
      const order = compare(least(a, path, sign), least(b, path, sign)) * sign
      if (order !== 0) return order
    }
    return 0
  })
}

/** Includes or excludes fields; of computed ones only `$field` references and whole values. */
export function projected(document: Document, by: Document | undefined): Document {
  if (!by || by.size === 0) return document
  const on = (v: Bson): boolean => v === true || (toNumber(v) ?? 0) !== 0
  const fields = [...by].filter(([name]) => name !== '_id')
  const computed = fields.filter(([, v]) => typeof v === 'string' || isDocument(v))
  if (computed.some(([, v]) => isDocument(v) || !(v as string).startsWith('$'))) throw notSimulated('a computed field in a projection', 'name: 1, name: 0 and name: "$field" are')
  const includes = fields.length > 0 ? fields.some(([, v]) => typeof v === 'string' || on(v)) : by.has('_id') && on(by.get('_id')!)
  if (includes && fields.some(([, v]) => typeof v !== 'string' && !on(v))) throw new CommandError(31254, 'Location31254', `Cannot do exclusion on field ${fields.find(([, v]) => typeof v !== 'string' && !on(v))![0]} in inclusion projection`)
  const names = fields.filter(([, v]) => typeof v !== 'string').map(([name]) => name)
  const id = by.has('_id') ? on(by.get('_id')!) : true
  const out = pick(document, includes ? [...names, ...(id ? ['_id'] : [])] : [...names, ...(id ? [] : ['_id'])], includes)
  for (const [name, from] of computed) {
    const [value] = valuesAt(document, (from as string).slice(1).split('.'))
    if (value !== undefined) out.set(name, value)
  }
  return out
}

function pick(document: Document, names: readonly string[], includes: boolean): Document {
  const out: Document = new Map()
  for (const [name, value] of document) {
    const inner = names.filter((n) => n.startsWith(`${name}.`)).map((n) => n.slice(name.length + 1))
    if (names.includes(name)) {
      if (includes) out.set(name, value)
    } else if (inner.length > 0) {
      const part = (v: Bson): Bson | undefined => (isDocument(v) ? pick(v, inner, includes) : Array.isArray(v) ? v.map(part).filter((x) => x !== undefined) : includes ? undefined : v)
      const kept = part(value)
      if (kept !== undefined) out.set(name, kept)
    } else if (!includes) out.set(name, value)
  }
  return out
}
