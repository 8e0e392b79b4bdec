import type { Task } from '../../machine/task.ts'
import { doc, ObjectId, type Bson, type Document } from './bson.ts'
import { batchOf, type MongoConnection } from './connection.ts'
import { isReplacement } from './update.ts'
import { isDocument, toNumber } from './values.ts'
import { inspect } from './script/inspect.ts'
import { HostObject, ScriptError, ScriptFunction, textOf, toBson, type Value } from './script/values.ts'

/** What is common to a shell's objects: where to ask, and how to make an _id. */
export interface ShellContext {
  connection: MongoConnection
  newId(): ObjectId
  database: string
  /** What `it` shows more of. */
  cursor: Cursor | undefined
}

const BATCH = 20

function optionalDocument(value: Value, where: string): Document {
  if (value === undefined || value === null) return new Map()
  if (!isDocument(value)) throw new ScriptError('MongoshInvalidInputError', `[COMMON-10001] ${where}`)
  return value
}

type Methods<T> = Readonly<Record<string, (self: T, args: Value[]) => Task<Value>>>

function bound<T>(methods: Methods<T>, name: string, self: T): ScriptFunction | undefined {
  const run = Object.hasOwn(methods, name) ? methods[name] : undefined
  return run && new ScriptFunction(name, (args) => run(self, args))
}

/** db.collection.find(): asks when its first document is wanted. */
export class Cursor extends HostObject {
  readonly context: ShellContext
  readonly #database: string
  readonly #command: Document
  #opened = false
  #buffer: Document[] = []
  #id = 0n
  #namespace = ''
  #map: ScriptFunction | undefined

  constructor(context: ShellContext, database: string, command: Document) {
    super()
    this.context = context
    this.#database = database
    this.#command = command
  }

  get(name: string): Value {
    return bound(CURSOR, name, this)
  }

  option(name: string, value: Bson): this {
    this.#command.set(name, value)
    return this
  }

  map(f: ScriptFunction): this {
    this.#map = f
    return this
  }

  /** The command that it will send, or has sent. */
  get command(): Document {
    return this.#command
  }

  *next(): Task<Value> {
    if (this.#buffer.length === 0) yield* this.#more()
    const document = this.#buffer.shift()
    return document && this.#map ? yield* this.#map.call([document]) : document
  }

  *hasNext(): Task<boolean> {
    if (this.#buffer.length === 0) yield* this.#more()
    return this.#buffer.length > 0
  }

  *toArray(): Task<Value[]> {
    const out: Value[] = []
    while (yield* this.hasNext()) out.push(yield* this.next())
    return out
  }

  *count(): Task<number> {
    const reply = yield* this.context.connection.run(this.#database, doc(['count', this.#command.get('find') ?? ''], ['query', this.#command.get('filter') ?? new Map()]))
    return toNumber(reply.get('n')) ?? 0
  }

  *show(): Task<string> {
    return yield* this.page(true)
  }

  /** The next twenty, as the prompt prints them. */
  *page(first: boolean): Task<string> {
    const out: Value[] = []
    while (out.length < BATCH && (yield* this.hasNext())) out.push(yield* this.next())
    const more = out.length === BATCH && (yield* this.hasNext())
    this.context.cursor = this
    if (out.length === 0) return first ? '' : 'no cursor'
    return `${inspect(out as Bson[], { arrays: Infinity })}${more ? '\nType "it" for more' : ''}`
  }

  *#more(): Task {
    if (this.#opened && this.#id === 0n) return
    const { connection } = this.context
    const reply = this.#opened ? yield* connection.run(this.#database, doc(['getMore', this.#id], ['collection', this.#namespace.slice(this.#namespace.indexOf('.') + 1)])) : yield* connection.run(this.#database, this.#command)
    this.#opened = true
    const { documents, id, namespace } = batchOf(reply)
    this.#buffer.push(...documents)
    this.#id = id
    this.#namespace = namespace
  }
}

function callback(value: Value): ScriptFunction {
  if (!(value instanceof ScriptFunction)) throw new ScriptError('TypeError', `${textOf(value)} is not a function`)
  return value
}

const CURSOR: Methods<Cursor> = {
  *sort(c, [by]) { return c.option('sort', optionalDocument(by, 'sort takes a document')) },
  *limit(c, [n]) { return c.option('limit', toBson(n, 'limit')) },
  *skip(c, [n]) { return c.option('skip', toBson(n, 'skip')) },
  *projection(c, [by]) { return c.option('projection', optionalDocument(by, 'projection takes a document')) },
  *batchSize(c, [n]) { return c.option('batchSize', toBson(n, 'batchSize')) },
  *pretty(c) { return c },
  *map(c, [f]) { return c.map(callback(f)) },
  *next(c) { return (yield* c.next()) ?? null },
  *hasNext(c) { return yield* c.hasNext() },
  *toArray(c) { return (yield* c.toArray()) as Bson[] },
  *itcount(c) { return (yield* c.toArray()).length },
  *count(c) { return yield* c.count() },
  *forEach(c, [f]) {
    const run = callback(f)
    while (yield* c.hasNext()) yield* run.call([yield* c.next()])
    return undefined
  },
}

export class Collection extends HostObject {
  readonly context: ShellContext
  readonly database: string
  readonly name: string

  constructor(context: ShellContext, database: string, name: string) {
    super()
    this.context = context
    this.database = database
    this.name = name
  }

  get(name: string): Value {
    if (Object.hasOwn(COLLECTION, name)) return bound(COLLECTION, name, this)
    if (OUTSIDE.has(name)) throw new ScriptError('podhop', `not simulated: db.collection.${name}() (find, findOne, insertOne, insertMany, updateOne, updateMany, replaceOne, deleteOne, deleteMany, countDocuments, distinct, aggregate and drop are)`)
    return new Collection(this.context, this.database, `${this.name}.${name}`)
  }

  *show(): Task<string> {
    return `${this.database}.${this.name}`
  }

  run(...pairs: readonly (readonly [string, Bson])[]): Task<Document> {
    return this.context.connection.run(this.database, doc(...pairs))
  }

  withId(value: Value, where: string): Document {
    if (!isDocument(value)) throw new ScriptError('MongoshInvalidInputError', `[COMMON-10001] Missing required argument at position 0 (Collection.${where})`)
    return value.has('_id') ? value : new Map<string, Bson>([...value, ['_id', this.context.newId()]])
  }
}

const OUTSIDE = new Set(['createIndex', 'createIndexes', 'dropIndex', 'dropIndexes', 'bulkWrite', 'watch', 'explain', 'mapReduce', 'renameCollection', 'validate', 'stats', 'initializeOrderedBulkOp', 'initializeUnorderedBulkOp', 'save', 'reIndex', 'latencyStats', 'getShardDistribution', 'hideIndex', 'unhideIndex'])

function failedWrite(reply: Document): void {
  const [error] = (reply.get('writeErrors') ?? []) as Document[]
  if (!error) return
  const text = String(error.get('errmsg'))
  throw new ScriptError(text.startsWith('podhop: ') ? 'podhop' : 'MongoServerError', text.replace(/^podhop: /, ''), new Map([...error, ['name', 'MongoServerError'], ['message', text]]))
}

const ids = (list: readonly Bson[]): Document => new Map(list.map((id, i) => [String(i), id]))

function* updateWith(c: Collection, [filter, change, options]: Value[], multi: boolean, replaces: boolean): Task<Value> {
  const by = optionalDocument(change, 'Missing required argument at position 1')
  if (!Array.isArray(change) && isReplacement(by) !== replaces) throw new ScriptError('MongoInvalidArgumentError', replaces ? 'Replacement document must not contain atomic operators' : 'Update document requires atomic operators')
  const update = doc(['q', optionalDocument(filter, 'Missing required argument at position 0')], ['u', (change ?? new Map()) as Bson], ...[...optionalDocument(options, 'options')].map(([k, v]) => [k, v] as const), ...(multi ? [['multi', true] as const] : []))
  const reply = yield* c.run(['update', c.name], ['updates', [update]])
  failedWrite(reply)
  const upserted = (reply.get('upserted') ?? []) as Document[]
  return doc(['acknowledged', true], ['insertedId', upserted[0]?.get('_id') ?? null], ['matchedCount', (toNumber(reply.get('n')) ?? 0) - upserted.length], ['modifiedCount', reply.get('nModified') ?? 0], ['upsertedCount', upserted.length])
}

function* deleteWith(c: Collection, filter: Value, limit: number): Task<Value> {
  if (!isDocument(filter)) throw new ScriptError('MongoshInvalidInputError', `[COMMON-10001] Missing required argument at position 0 (Collection.delete${limit === 1 ? 'One' : 'Many'})`)
  const reply = yield* c.run(['delete', c.name], ['deletes', [doc(['q', filter], ['limit', limit])]])
  return doc(['acknowledged', true], ['deletedCount', reply.get('n') ?? 0])
}

function* insertAll(c: Collection, documents: Document[]): Task<Document> {
  const reply = yield* c.run(['insert', c.name], ['documents', documents], ['ordered', true])
  failedWrite(reply)
  return ids(documents.map((d) => d.get('_id')!))
}

function* findAndModify(c: Collection, filter: Value, more: readonly (readonly [string, Bson])[], options: Value): Task<Value> {
  const { returnDocument, projection, ...rest } = Object.fromEntries(optionalDocument(options, 'options'))
  const reply = yield* c.run(['findAndModify', c.name], ['query', optionalDocument(filter, 'filter')], ...more, ...(returnDocument === 'after' ? [['new', true] as const] : []), ...(projection ? [['fields', projection] as const] : []), ...Object.entries(rest))
  return reply.get('value') ?? null
}

function find(c: Collection, [filter, projection, options]: Value[], more: readonly (readonly [string, Bson])[] = []): Cursor {
  const by = optionalDocument(projection, 'projection')
  return new Cursor(c.context, c.database, doc(['find', c.name], ['filter', optionalDocument(filter, 'filter')], ...(by.size > 0 ? [['projection', by] as const] : []), ...optionalDocument(options, 'options'), ...more))
}

const COLLECTION: Methods<Collection> = {
  *find(c, args) { return find(c, args) },
  *findOne(c, args) { return (yield* find(c, args, [['limit', 1], ['singleBatch', true]]).next()) ?? null },
  *insertOne(c, [document]) {
    const d = c.withId(document, 'insertOne')
    yield* insertAll(c, [d])
    return doc(['acknowledged', true], ['insertedId', d.get('_id')!])
  },
  *insertMany(c, [documents]) {
    if (!Array.isArray(documents)) throw new ScriptError('MongoInvalidArgumentError', 'Argument "docs" must be an array of documents')
    return doc(['acknowledged', true], ['insertedIds', yield* insertAll(c, documents.map((d) => c.withId(d, 'insertMany')))])
  },
  *insert(c, [documents]) { return doc(['acknowledged', true], ['insertedIds', yield* insertAll(c, (Array.isArray(documents) ? documents : [documents as Bson]).map((d) => c.withId(d, 'insert')))]) },
  updateOne: (c, args) => updateWith(c, args, false, false),
  updateMany: (c, args) => updateWith(c, args, true, false),
  update: (c, args) => updateWith(c, args, false, false),
  replaceOne: (c, args) => updateWith(c, args, false, true),
  deleteOne: (c, [filter]) => deleteWith(c, filter, 1),
  deleteMany: (c, [filter]) => deleteWith(c, filter, 0),
  remove: (c, [filter]) => deleteWith(c, filter, 0),
  findOneAndUpdate: (c, [filter, change, options]) => findAndModify(c, filter, [['update', toBson(change, 'update')]], options),
  findOneAndReplace: (c, [filter, change, options]) => findAndModify(c, filter, [['update', toBson(change, 'update')]], options),
  findOneAndDelete: (c, [filter, options]) => findAndModify(c, filter, [['remove', true]], options),
  *countDocuments(c, [filter]) {
    const reply = yield* c.run(['aggregate', c.name], ['pipeline', [doc(['$match', optionalDocument(filter, 'filter')]), doc(['$group', doc(['_id', 1], ['n', doc(['$sum', 1])])])]], ['cursor', new Map()])
    return toNumber(batchOf(reply).documents[0]?.get('n')) ?? 0
  },
  *count(c, [filter]) { return toNumber((yield* c.run(['count', c.name], ['query', optionalDocument(filter, 'query')])).get('n')) ?? 0 },
  *estimatedDocumentCount(c) { return toNumber((yield* c.run(['count', c.name])).get('n')) ?? 0 },
  *distinct(c, [key, filter]) { return (yield* c.run(['distinct', c.name], ['key', textOf(key)], ['query', optionalDocument(filter, 'query')])).get('values') },
  *aggregate(c, args) { return new Cursor(c.context, c.database, doc(['aggregate', c.name], ['pipeline', (Array.isArray(args[0]) ? args[0] : args.filter(isDocument)) as Bson], ['cursor', new Map()])) },
  *drop(c) {
    yield* c.run(['drop', c.name])
    return true
  },
  *getIndexes(c) { return batchOf(yield* c.run(['listIndexes', c.name])).documents },
  *getName(c) { return c.name },
  *getFullName(c) { return `${c.database}.${c.name}` },
}

export class Database extends HostObject {
  readonly context: ShellContext
  readonly name: string

  constructor(context: ShellContext, name: string) {
    super()
    this.context = context
    this.name = name
  }

  get(name: string): Value {
    if (Object.hasOwn(DATABASE, name)) return bound(DATABASE, name, this)
    if (['createView', 'watch', 'aggregate', 'serverStatus', 'currentOp', 'killOp', 'fsyncLock', 'setProfilingLevel', 'createRole', 'updateUser', 'grantRolesToUser', 'changeUserPassword'].includes(name)) throw new ScriptError('podhop', `not simulated: db.${name}() (runCommand, adminCommand, getCollectionNames, createCollection, createUser, dropDatabase, stats, version and auth are)`)
    return new Collection(this.context, this.name, name)
  }

  *show(): Task<string> {
    return this.name
  }

  run(command: Document, database = this.name): Task<Document> {
    return this.context.connection.run(database, command)
  }
}

function commandOf(value: Value): Document {
  if (typeof value === 'string') return doc([value, 1])
  if (!isDocument(value)) throw new ScriptError('MongoshInvalidInputError', '[COMMON-10001] Missing required argument at position 0 (Database.runCommand)')
  return value
}

const DATABASE: Methods<Database> = {
  *runCommand(d, [command]) { return yield* d.run(commandOf(command)) },
  *adminCommand(d, [command]) { return yield* d.run(commandOf(command), 'admin') },
  *getName(d) { return d.name },
  *getCollection(d, [name]) { return new Collection(d.context, d.name, textOf(name)) },
  *getSiblingDB(d, [name]) { return new Database(d.context, textOf(name)) },
  *getCollectionNames(d) { return batchOf(yield* d.run(doc(['listCollections', 1], ['nameOnly', true]))).documents.map((c) => c.get('name')!) },
  *getCollectionInfos(d) { return batchOf(yield* d.run(doc(['listCollections', 1]))).documents },
  *createCollection(d, [name]) { return doc(['ok', toNumber((yield* d.run(doc(['create', textOf(name)]))).get('ok')) ?? 0]) },
  *dropDatabase(d) {
    yield* d.run(doc(['dropDatabase', 1]))
    return doc(['ok', 1], ['dropped', d.name])
  },
  *createUser(d, [user]) {
    const { user: name, ...rest } = Object.fromEntries(optionalDocument(user, 'Missing required argument at position 0 (Database.createUser)'))
    yield* d.run(doc(['createUser', name ?? ''], ...Object.entries(rest)))
    return doc(['ok', 1])
  },
  *dropUser(d, [name]) {
    yield* d.run(doc(['dropUser', textOf(name)]))
    return doc(['ok', 1])
  },
  *getUsers(d) { return doc(['users', (yield* d.run(doc(['usersInfo', 1]))).get('users') ?? []], ['ok', 1]) },
  *auth(d, [user, password]) {
    yield* d.context.connection.authenticate(textOf(user), textOf(password), d.name)
    return doc(['ok', 1])
  },
  *logout(d) {
    yield* d.run(doc(['logout', 1]))
    return doc(['ok', 1])
  },
  *version(d) { return (yield* d.run(doc(['buildInfo', 1]), 'admin')).get('version') },
  *stats(d) { return yield* d.run(doc(['dbStats', 1])) },
  *hello(d) { return yield* d.run(doc(['hello', 1])) },
  *isMaster(d) { return yield* d.run(doc(['isMaster', 1])) },
  *getMongo(d) { return d },
  *shutdownServer(d) {
    yield* d.run(doc(['shutdown', 1]), 'admin')
    return undefined
  },
}
