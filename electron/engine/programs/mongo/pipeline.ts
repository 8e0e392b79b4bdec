import { doc, type Bson, type Document } from './bson.ts'
import { CommandError, matches, notSimulated, projected, sorted } from './query.ts'
import { compare, isDocument, keyOf, toNumber, valuesAt } from './values.ts'

/** The aggregation stages that are simulated: $match, $sort, $skip, $limit, $project, $unset, $count, $group, $unwind. */
export function aggregate(documents: Document[], pipeline: readonly Document[]): Document[] {
  return pipeline.reduce((all, stage) => {
    if (stage.size !== 1) throw new CommandError(40323, 'Location40323', 'A pipeline stage specification object must contain exactly one field.')
    const [name, argument] = [...stage][0]!
    return run(all, name, argument)
  }, documents)
}

function run(documents: Document[], name: string, argument: Bson): Document[] {
  const map = isDocument(argument) ? argument : doc()
  switch (name) {
    case '$match': return documents.filter((d) => matches(d, map))
    case '$sort': return sorted(documents, map)
    case '$skip': return documents.slice(toNumber(argument) ?? 0)
    case '$limit': return documents.slice(0, toNumber(argument) ?? 0)
    case '$project': return documents.map((d) => projected(d, map))
    case '$unset': return documents.map((d) => projected(d, doc(...[argument].flat().map((f) => [String(f), 0] as const))))
    case '$count': return documents.length === 0 ? [] : [doc([String(argument), documents.length])]
    case '$group': return group(documents, map)
    case '$unwind': return unwind(documents, typeof argument === 'string' ? argument : String(map.get('path')))
    default:
      if (/^\$(addFields|set|lookup|facet|out|merge|bucket|bucketAuto|sample|sortByCount|replaceRoot|replaceWith|redact|unionWith|graphLookup|geoNear|indexStats|collStats|densify|fill|setWindowFields|currentOp)$/.test(name)) {
        throw notSimulated(`the stage ${name}`, '$match, $sort, $skip, $limit, $project, $unset, $count, $group and $unwind are')
      }
      throw new CommandError(40324, 'Location40324', `Unrecognized pipeline stage name: '${name}'`)
  }
}

/** A field reference or a plain value; other expressions are not simulated. */
function evaluate(document: Document, expression: Bson): Bson {
  if (typeof expression === 'string' && expression.startsWith('$')) return valuesAt(document, expression.slice(1).split('.'))[0] ?? null
  if (isDocument(expression)) {
    const operator = [...expression.keys()].find((k) => k.startsWith('$'))
    if (operator !== undefined) throw notSimulated(`the expression ${operator}`, '"$field" and plain values are')
    return new Map([...expression].map(([k, v]) => [k, evaluate(document, v)]))
  }
  return expression
}

function group(documents: Document[], by: Document): Document[] {
  if (!by.has('_id')) throw new CommandError(15955, 'Location15955', 'a group specification must include an _id')
  const groups = new Map<string, { id: Bson; members: Document[] }>()
  for (const d of documents) {
    const id = evaluate(d, by.get('_id')!)
    const known = groups.get(keyOf(id))
    if (known) known.members.push(d)
    else groups.set(keyOf(id), { id, members: [d] })
  }
  return [...groups.values()].map(({ id, members }) => {
    const out = doc(['_id', id])
    for (const [name, accumulator] of by) {
      if (name === '_id') continue
      if (!isDocument(accumulator) || accumulator.size !== 1) throw new CommandError(40234, 'Location40234', `The field '${name}' must be an accumulator object`)
      const [operator, expression] = [...accumulator][0]!
      out.set(name, accumulate(operator, members.map((d) => evaluate(d, expression))))
    }
    return out
  })
}

function accumulate(operator: string, values: Bson[]): Bson {
  const numbers = values.map(toNumber).filter((n) => n !== undefined)
  switch (operator) {
    case '$sum': return numbers.reduce((a, b) => a + b, 0)
    case '$avg': return numbers.length === 0 ? null : numbers.reduce((a, b) => a + b, 0) / numbers.length
    case '$min': return values.reduce((a, b) => (compare(b, a) < 0 ? b : a))
    case '$max': return values.reduce((a, b) => (compare(b, a) > 0 ? b : a))
    case '$first': return values[0] ?? null
    case '$last': return values.at(-1) ?? null
    case '$push': return values
    case '$addToSet': return [...new Map(values.map((v) => [keyOf(v), v])).values()]
    case '$count': return values.length
    default: throw notSimulated(`the accumulator ${operator}`, '$sum, $avg, $min, $max, $first, $last, $push, $addToSet and $count are')
  }
}

function unwind(documents: Document[], path: string): Document[] {
  if (!path.startsWith('$') || path.includes('.')) throw notSimulated(`$unwind of ${path}`, 'a field at the top is')
  const name = path.slice(1)
  return documents.flatMap((d) => {
    const value = d.get(name)
    if (value === undefined || value === null) return []
    return Array.isArray(value) ? value.map((v) => new Map([...d].map(([k, x]) => [k, k === name ? v : x]))) : [d]
  })
}
