import { doc, Double, ObjectId, type Bson, type Document } from './bson.ts'
import { aggregate } from './pipeline.ts'
import { CommandError, matches, notSimulated, projected, sorted } from './query.ts'
import type { Collection, Store } from './store.ts'
import { copy, isReplacement, updated } from './update.ts'
import { compare, isDocument, keyOf, toNumber, typeName, valuesAt } from './values.ts'

/** The commands that work on data. What a command sees of its server: */
export interface CommandContext {
  readonly store: Store
  /** ms of the wall clock. */
  readonly now: number
  newId(): ObjectId
  /** Keeps what a cursor has not given yet. */
  keep(documents: Document[], namespace: string): bigint
  cursor(id: bigint): { documents: Document[]; namespace: string } | undefined
}

export type Command = (context: CommandContext, request: Document, database: string) => Document

const OK: readonly [string, Bson] = ['ok', new Double(1)]
const FIRST_BATCH = 101

export function ok(...pairs: readonly (readonly [string, Bson])[]): Document {
  return doc(...pairs, OK)
}

function collectionName(request: Document): string {
  const [name, value] = [...request][0]!
  if (typeof value !== 'string') throw new CommandError(14, 'TypeMismatch', `collection name has invalid type ${typeName(value)}`)
  if (value === '') throw new CommandError(73, 'InvalidNamespace', `Invalid namespace specified '${String(request.get('$db'))}.' for ${name}`)
  return value
}

function documentOf(request: Document, name: string): Document {
  const value = request.get(name)
  if (value === undefined || value === null) return new Map()
  if (!isDocument(value)) throw new CommandError(14, 'TypeMismatch', `BSON field '${[...request.keys()][0]}.${name}' is the wrong type '${typeName(value)}', expected type 'object'`)
  return value
}

function listOf(request: Document, name: string): Document[] {
  const value = request.get(name)
  if (!Array.isArray(value) || !value.every(isDocument)) throw new CommandError(40414, 'Location40414', `BSON field '${[...request.keys()][0]}.${name}' is missing but a required field`)
  return value
}

/** Fields that change the meaning: taken for known only when they are. */
function only(request: Document, known: readonly string[]): void {
  const always = ['$db', 'lsid', '$readPreference', 'writeConcern', 'readConcern', 'comment', 'maxTimeMS', 'ordered', 'singleBatch', 'apiVersion', 'allowDiskUse']
  const other = [...request.keys()].slice(1).find((name) => !known.includes(name) && !always.includes(name))
  if (other !== undefined) throw notSimulated(`${[...request.keys()][0]} with ${other}`, `${known.join(', ')} are`)
}

function window(documents: Document[], skip: Bson | undefined, limit: Bson | undefined): Document[] {
  const from = toNumber(skip) ?? 0
  const most = Math.abs(toNumber(limit) ?? 0)
  return documents.slice(from, most === 0 ? undefined : from + most)
}

function cursorReply(context: CommandContext, documents: Document[], namespace: string, batchSize: Bson | undefined): Document {
  const size = toNumber(batchSize) ?? FIRST_BATCH
  const rest = documents.slice(size)
  return ok(['cursor', doc(['firstBatch', documents.slice(0, size)], ['id', rest.length > 0 ? context.keep(rest, namespace) : 0n], ['ns', namespace])])
}

function selected(collection: Collection | undefined, filter: Document): Document[] {
  const documents = collection?.documents ?? []
  if (documents.length === 0) matches(new Map(), filter) // so that a wrong filter is an error there, too
  return documents.filter((d) => matches(d, filter))
}

const insert: Command = (context, request, database) => {
  only(request, ['documents', 'bypassDocumentValidation'])
  const name = collectionName(request)
  const errors: Document[] = []
  let n = 0
  const documents = listOf(request, 'documents')
  for (const [index, given] of documents.entries()) {
    const id = given.get('_id') ?? context.newId()
    try {
      if (Array.isArray(id) || id instanceof RegExp) throw new CommandError(2, 'BadValue', `The '_id' value cannot be of type ${typeName(id)}`)
      context.store.create(database, name).insert(new Map([['_id', id], ...[...given].filter(([key]) => key !== '_id')]), `${database}.${name}`)
      n++
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      errors.push(writeError(index, error, error.code === 11000 ? [['keyPattern', doc(['_id', 1])], ['keyValue', doc(['_id', id])]] : []))
      if (request.get('ordered') !== false) break
    }
  }
  return ok(['n', n], ...(errors.length > 0 ? [['writeErrors', errors] as const] : []))
}

function writeError(index: number, error: CommandError, more: readonly (readonly [string, Bson])[] = []): Document {
  return doc(['index', index], ['code', error.code], ...more, ['errmsg', error.message])
}

const find: Command = (context, request, database) => {
  only(request, ['filter', 'sort', 'projection', 'skip', 'limit', 'batchSize'])
  const name = collectionName(request)
  const found = window(sorted(selected(context.store.find(database, name), documentOf(request, 'filter')), documentOf(request, 'sort')), request.get('skip'), request.get('limit'))
  const by = documentOf(request, 'projection')
  return cursorReply(context, found.map((d) => projected(d, by)), `${database}.${name}`, request.get('singleBatch') === true ? found.length : request.get('batchSize'))
}

const getMore: Command = (context, request) => {
  const id = request.get('getMore')
  const cursor = typeof id === 'bigint' ? context.cursor(id) : undefined
  if (!cursor) throw new CommandError(43, 'CursorNotFound', `cursor id ${String(id)} not found`)
  const batch = cursor.documents.splice(0, toNumber(request.get('batchSize')) || cursor.documents.length)
  return ok(['cursor', doc(['nextBatch', batch], ['id', cursor.documents.length > 0 ? (id as bigint) : 0n], ['ns', cursor.namespace])])
}

const count: Command = (context, request, database) => {
  only(request, ['query', 'skip', 'limit'])
  return ok(['n', window(selected(context.store.find(database, collectionName(request)), documentOf(request, 'query')), request.get('skip'), request.get('limit')).length])
}

const distinct: Command = (context, request, database) => {
  only(request, ['key', 'query'])
  const found = selected(context.store.find(database, collectionName(request)), documentOf(request, 'query')).flatMap((d) => valuesAt(d, String(request.get('key')).split('.')).flatMap((v) => (Array.isArray(v) ? v : [v])))
  return ok(['values', [...new Map(found.map((v) => [keyOf(v), v])).values()].sort(compare)])
}

const aggregateCommand: Command = (context, request, database) => {
  only(request, ['pipeline', 'cursor'])
  if (request.get('aggregate') === 1) throw notSimulated('a pipeline without a collection', 'aggregate a collection')
  const name = collectionName(request)
  const found = aggregate(context.store.find(database, name)?.documents ?? [], listOf(request, 'pipeline'))
  return cursorReply(context, found, `${database}.${name}`, documentOf(request, 'cursor').get('batchSize'))
}

const update: Command = (context, request, database) => {
  only(request, ['updates', 'bypassDocumentValidation'])
  const name = collectionName(request)
  let n = 0
  let modified = 0
  const upserted: Document[] = []
  const errors: Document[] = []
  for (const [index, one] of listOf(request, 'updates').entries()) {
    try {
      const done = updateOne(context, database, name, documentOf(one, 'q'), one.get('u'), one.get('multi') === true, one.get('upsert') === true, one)
      n += done.n
      modified += done.modified
      if (done.upserted !== undefined) upserted.push(doc(['index', index], ['_id', done.upserted]))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      errors.push(writeError(index, error))
      if (request.get('ordered') !== false) break
    }
  }
  return ok(['n', n], ...(upserted.length > 0 ? [['upserted', upserted] as const] : []), ['nModified', modified], ...(errors.length > 0 ? [['writeErrors', errors] as const] : []))
}

function updateOne(context: CommandContext, database: string, name: string, filter: Document, by: Bson | undefined, multi: boolean, upsert: boolean, request: Document): { n: number; modified: number; upserted?: Bson } {
  if (Array.isArray(by)) throw notSimulated('an update by a pipeline', 'update operators are')
  if (!isDocument(by ?? null)) throw new CommandError(40414, 'Location40414', "BSON field 'update.updates.u' is missing but a required field")
  for (const option of ['arrayFilters', 'collation', 'hint']) if (request.has(option)) throw notSimulated(`an update with ${option}`, 'q, u, multi and upsert are')
  const change = by as Document
  if (multi && isReplacement(change)) throw new CommandError(9, 'FailedToParse', 'multi update is not supported for replacement-style update')
  const collection = context.store.find(database, name)
  const found = selected(collection, filter).slice(0, multi ? undefined : 1)
  let modified = 0
  for (const old of found) {
    const next = updated(old, change, context.now)
    if (compare(next, old) === 0) continue
    collection!.replace(next)
    modified++
  }
  if (found.length > 0 || !upsert) return { n: found.length, modified }
  const start: Document = new Map([...filter].filter(([k, v]) => !k.startsWith('$') && !(isDocument(v) && [...v.keys()][0]?.startsWith('$')) && !(v instanceof RegExp)).map(([k, v]) => [k, copy(v)]))
  const made = updated(isReplacement(change) && start.has('_id') ? new Map([['_id', start.get('_id')!]]) : isReplacement(change) ? new Map() : start, change, context.now, true)
  const id = made.get('_id') ?? context.newId()
  context.store.create(database, name).insert(new Map([['_id', id], ...[...made].filter(([k]) => k !== '_id')]), `${database}.${name}`)
  return { n: 1, modified: 0, upserted: id }
}

const remove: Command = (context, request, database) => {
  only(request, ['deletes'])
  const collection = context.store.find(database, collectionName(request))
  let n = 0
  for (const one of listOf(request, 'deletes')) {
    for (const old of window(selected(collection, documentOf(one, 'q')), undefined, one.get('limit'))) {
      collection!.remove(old)
      n++
    }
  }
  return ok(['n', n])
}

const findAndModify: Command = (context, request, database) => {
  only(request, ['query', 'update', 'remove', 'new', 'upsert', 'sort', 'fields'])
  const name = collectionName(request)
  const filter = documentOf(request, 'query')
  const collection = context.store.find(database, name)
  const [old] = sorted(selected(collection, filter), documentOf(request, 'sort'))
  const shown = (d: Document | undefined): Bson => (d ? projected(d, documentOf(request, 'fields')) : null)
  if (request.get('remove') === true) {
    if (old) collection!.remove(old)
    return ok(['lastErrorObject', doc(['n', old ? 1 : 0])], ['value', shown(old)])
  }
  const by = old ? new Map([['_id', old.get('_id')!]]) : filter
  const done = updateOne(context, database, name, by, request.get('update'), false, request.get('upsert') === true, request)
  const id = done.upserted ?? old?.get('_id')
  const fresh = id === undefined ? undefined : context.store.find(database, name)?.documents.find((d) => keyOf(d.get('_id')!) === keyOf(id))
  return ok(['lastErrorObject', doc(['n', done.n], ['updatedExisting', old !== undefined], ...(done.upserted === undefined ? [] : [['upserted', done.upserted] as const]))], ['value', shown(request.get('new') === true ? fresh : old)])
}

const ID_INDEX = doc(['v', 2], ['key', doc(['_id', 1])], ['name', '_id_'])

const listDatabases: Command = (context, request) => {
  const sizes = context.store.databases().map((name) => ({ name, size: [...context.store.collections(name).values()].reduce((n, c) => n + (c.count === 0 ? 8192 : 36_864 + Math.ceil(c.size / 4096) * 4096), 0) }))
  const filter = documentOf(request, 'filter')
  const databases = sizes.map(({ name, size }) => doc(['name', name], ['sizeOnDisk', BigInt(size)], ['empty', false])).filter((d) => matches(d, filter))
  if (request.get('nameOnly') === true) return ok(['databases', databases.map((d) => doc(['name', d.get('name')!]))])
  return ok(['databases', databases], ['totalSize', BigInt(sizes.reduce((n, s) => n + s.size, 0))], ['totalSizeMb', BigInt(Math.floor(sizes.reduce((n, s) => n + s.size, 0) / 1_048_576))])
}

const listCollections: Command = (context, request, database) => {
  const all = [...context.store.collections(database).keys()].map((name) => doc(['name', name], ['type', 'collection'], ...(request.get('nameOnly') === true ? [] : ([['options', doc()], ['info', doc(['readOnly', false])], ['idIndex', ID_INDEX]] as const))))
  return cursorReply(context, all.filter((d) => matches(d, documentOf(request, 'filter'))), `${database}.$cmd.listCollections`, documentOf(request, 'cursor').get('batchSize'))
}

const create: Command = (context, request, database) => {
  only(request, [])
  const name = collectionName(request)
  if (context.store.find(database, name)) throw new CommandError(48, 'NamespaceExists', `Collection ${database}.${name} already exists.`)
  context.store.create(database, name)
  return ok()
}

const drop: Command = (context, request, database) => {
  const name = collectionName(request)
  context.store.drop(database, name)
  return ok(['nIndexesWas', 1], ['ns', `${database}.${name}`])
}

const dropDatabase: Command = (context, _, database) => (context.store.drop(database) ? ok(['dropped', database]) : ok())

const listIndexes: Command = (context, request, database) => {
  const name = collectionName(request)
  if (!context.store.find(database, name)) throw new CommandError(26, 'NamespaceNotFound', `ns does not exist: ${database}.${name}`)
  return cursorReply(context, [ID_INDEX], `${database}.${name}`, undefined)
}

const dbStats: Command = (context, request, database) => {
  if ((toNumber(request.get('scale')) ?? 1) !== 1) throw notSimulated('dbStats with scale', 'without it')
  const all = [...context.store.collections(database).values()]
  const objects = all.reduce((n, c) => n + c.count, 0)
  const size = all.reduce((n, c) => n + c.size, 0)
  return ok(['db', database], ['collections', BigInt(all.length)], ['views', 0n], ['objects', BigInt(objects)], ['avgObjSize', objects === 0 ? 0 : size / objects], ['dataSize', size], ['indexes', BigInt(all.length)])
}

export const DATA_COMMANDS: Readonly<Record<string, Command>> = {
  insert, find, getMore, count, distinct, aggregate: aggregateCommand, update, delete: remove, findAndModify, findandmodify: findAndModify,
  listDatabases, listCollections, create, drop, dropDatabase, listIndexes, dbStats, killCursors: () => ok(), endSessions: () => ok(),
}

/** Commands that change something: those need readWrite. */
export const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify', 'findandmodify', 'create', 'drop', 'dropDatabase'])
