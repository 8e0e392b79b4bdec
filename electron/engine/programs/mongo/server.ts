import { encodeUtf8 } from '../../text.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { TcpConnection } from '../../network/types.ts'
import { Binary, BsonError, doc, Double, ObjectId, type Bson, type Document } from './bson.ts'
import { DATA_COMMANDS, ok, type CommandContext } from './commands.ts'
import { encodeMsg, encodeReply, OP, WireReader, type WireMessage } from './protocol.ts'
import { CommandError, notSimulated } from './query.ts'
import type { Store } from './store.ts'
import { isDocument } from './values.ts'
import { Conversation, hasUsers, mayRun, newUser, textOf, userDocument, type Role } from './users.ts'

/** mongod's connections: a standalone server's commands over the wire protocol. */
export interface LogLine { severity: 'I' | 'W' | 'E'; component: string; id: number; context: string; message: string; attributes?: unknown; tags?: string[] }

export interface ServerOptions {
  version: string
  store: Store
  auth: boolean
  /** What mongod was started with, for getCmdLineOpts. */
  argv: readonly string[]
  log(line: LogLine): void
  /** Something was written: keep it. */
  changed(): void
  warnings: readonly string[]
}

interface Client {
  id: number
  uuid: string
  connection: TcpConnection
  remote: string
  identities: { user: string; db: string; roles: Role[] }[]
  conversation: Conversation | undefined
}

/** Commands that exist in the real one, and that are not simulated: so that nobody takes them for unknown. */
const OTHERS = new Set(['createIndexes', 'dropIndexes', 'mapReduce', 'explain', 'bulkWrite', 'collMod', 'renameCollection', 'validate', 'profile', 'top', 'currentOp', 'killOp', 'fsync', 'createRole', 'updateUser', 'grantRolesToUser', 'revokeRolesFromUser', 'serverStatus', 'hostInfo', 'setParameter', 'getParameter', 'collStats', 'startSession', 'commitTransaction', 'abortTransaction', 'compact', 'reIndex', 'logRotate', 'convertToCapped', 'createSearchIndexes', 'rolesInfo', 'listCommands', 'dataSize'])
/** What a client may ask before it has said who it is. */
const OPEN = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'buildInfo', 'buildinfo', 'saslStart', 'saslContinue', 'logout', 'connectionStatus', 'whatsmyuri', 'endSessions'])
const REPLICATION = new Set(['replSetGetStatus', 'replSetGetConfig', 'replSetInitiate', 'replSetReconfig', 'replSetStepDown', 'replSetFreeze'])

export class MongoServer {
  readonly #process: Process
  readonly #options: ServerOptions
  readonly #clients = new Set<Client>()
  readonly #cursors = new Map<bigint, { documents: Document[]; namespace: string }>()
  readonly #machineId: string
  #nextClient = 1
  #nextRequest = 1
  #counter: number

  constructor(process: Process, options: ServerOptions) {
    this.#process = process
    this.#options = options
    this.#machineId = process.clock.random.hex(10)
    this.#counter = process.clock.random.below(0x100_0000)
  }

  accept(connection: TcpConnection): void {
    const client: Client = { id: this.#nextClient++, uuid: this.#process.clock.random.uuid(), connection, remote: joinHostPort(connection.remoteAddress, connection.remotePort), identities: [], conversation: undefined }
    this.#clients.add(client)
    this.#log('NETWORK', 22943, 'listener', 'Connection accepted', this.#attributes(client))
    const reader = new WireReader()
    connection.handlers = {
      onData: (data) => {
        try {
          for (const message of reader.push(data)) this.#answer(client, message)
        } catch (error) {
          if (!(error instanceof BsonError)) throw error
          this.#log('NETWORK', 22988, `conn${client.id}`, 'Error receiving request from client. Ending connection from remote', { error: { code: 17, codeName: 'ProtocolError', errmsg: error.message }, remote: client.remote, connectionId: client.id })
          connection.abort()
        }
      },
      onEnd: () => connection.end(),
      onClose: () => {
        if (!this.#clients.delete(client)) return
        this.#log('NETWORK', 22944, `conn${client.id}`, 'Connection ended', this.#attributes(client))
      },
    }
  }

  closeAll(): void {
    for (const { connection } of [...this.#clients]) connection.end()
  }

  #attributes(client: Client): unknown {
    const nested = Number(this.#options.version.split('.')[0]) >= 6
    return { remote: client.remote, ...(nested ? { isLoadBalanced: false, uuid: { uuid: { $uuid: client.uuid } } } : { uuid: client.uuid }), connectionId: client.id, connectionCount: this.#clients.size }
  }

  #log(component: string, id: number, context: string, message: string, attributes: unknown): void {
    this.#options.log({ severity: 'I', component, id, context, message, attributes })
  }

  #answer(client: Client, message: WireMessage): void {
    let reply: Document
    try {
      reply = this.#run(client, message)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      reply = doc(['ok', new Double(0)], ['errmsg', error.message], ['code', error.code], ['codeName', error.codeName])
    }
    if (message.silent || client.connection.state === 'CLOSED') return
    const id = this.#nextRequest++
    client.connection.send(message.op === OP.query ? encodeReply(id, message.requestId, reply) : encodeMsg(id, message.requestId, reply))
  }

  #run(client: Client, { body, op }: WireMessage): Document {
    const [name = ''] = body.keys()
    const database = String(body.get('$db') ?? 'admin')
    if (op === OP.query && !['hello', 'isMaster', 'ismaster'].includes(name)) throw new CommandError(352, 'UnsupportedOpQueryCommand', `Unsupported OP_QUERY command: ${name}. The client driver may require an upgrade. For more details see https://dochub.mongodb.org/core/legacy-opcode-removal`)
    this.#authorize(client, name, database, body)
    const own = this.#own(client, name, body, database)
    if (own) return own
    if (Object.hasOwn(DATA_COMMANDS, name)) {
      const result = DATA_COMMANDS[name]!(this.#context(), body, database)
      this.#options.changed()
      return result
    }
    if (REPLICATION.has(name)) {
      throw name === 'replSetInitiate' ? new CommandError(76, 'NoReplicationEnabled', 'This node was not started with replication enabled.') : new CommandError(76, 'NoReplicationEnabled', 'not running with --replSet')
    }
    if (OTHERS.has(name)) throw notSimulated(`the command ${name}`, 'insert, find, count, distinct, aggregate, update, delete and what lists are')
    throw new CommandError(59, 'CommandNotFound', `no such command: '${name}'`)
  }

  /** Without --auth everybody may do everything; with it, and no user yet, localhost may make the first one. */
  #authorize(client: Client, name: string, database: string, body: Document): void {
    if (!this.#options.auth || OPEN.has(name)) return
    if (client.identities.length === 0) {
      if (name === 'createUser' && database === 'admin' && !hasUsers(this.#options.store) && /^(127\.|::1$)/.test(client.connection.remoteAddress)) return
      throw new CommandError(13, 'Unauthorized', `Command ${name} requires authentication`)
    }
    if (['getLog', 'getCmdLineOpts'].includes(name) || client.identities.some((i) => mayRun(i.roles, name, database))) return
    throw new CommandError(13, 'Unauthorized', `not authorized on ${database} to execute command { ${[...body].map(([k, v]) => `${k}: ${typeof v === 'string' ? `"${v}"` : isDocument(v) || Array.isArray(v) ? '...' : String(v)}`).join(', ')} }`)
  }

  #own(client: Client, name: string, body: Document, database: string): Document | undefined {
    const { version, store, warnings, argv } = this.#options
    switch (name) {
      case 'hello': case 'isMaster': case 'ismaster': return this.#hello(client, name, body)
      case 'ping': return ok()
      case 'buildInfo': case 'buildinfo': return ok(['version', version], ['gitVersion', '0'.repeat(40)], ['modules', []], ['allocator', 'tcmalloc-google'], ['javascriptEngine', 'mozjs'], ['versionArray', [...version.split('.').map(Number), 0]], ['bits', 64], ['debug', false], ['maxBsonObjectSize', 16_777_216], ['storageEngines', ['devnull', 'wiredTiger']])
      case 'whatsmyuri': return ok(['you', client.remote])
      case 'getLog': return ok(['totalLinesWritten', warnings.length], ['log', body.get('getLog') === 'startupWarnings' ? [...warnings] : []])
      case 'getCmdLineOpts': return ok(['argv', [...argv]])
      case 'connectionStatus': return ok(['authInfo', doc(['authenticatedUsers', client.identities.map((i) => doc(['user', i.user], ['db', i.db]))], ['authenticatedUserRoles', client.identities.flatMap((i) => i.roles.map((r) => doc(['role', r.role], ['db', r.db])))])])
      case 'saslStart': return this.#saslStart(client, body, database)
      case 'saslContinue': return this.#saslContinue(client, body)
      case 'logout':
        client.identities = []
        return ok()
      case 'createUser': {
        if (userDocument(store, String(body.get(name)), database)) throw new CommandError(51003, 'Location51003', `User "${String(body.get(name))}@${database}" already exists`)
        const { random } = this.#process.clock
        store.create('admin', 'system.users').insert(newUser(body, database, Uint8Array.from({ length: 28 }, () => random.below(256)), random.uuid()), 'admin.system.users')
        this.#options.changed()
        return ok()
      }
      case 'dropUser': {
        const user = userDocument(store, String(body.get(name)), database)
        if (!user) throw new CommandError(11, 'UserNotFound', `User '${String(body.get(name))}@${database}' not found`)
        store.find('admin', 'system.users')!.remove(user)
        this.#options.changed()
        return ok()
      }
      case 'usersInfo': return ok(['users', (store.find('admin', 'system.users')?.documents ?? []).filter((u) => u.get('db') === database).map((u) => doc(['_id', u.get('_id')!], ['userId', u.get('userId')!], ['user', u.get('user')!], ['db', database], ['roles', u.get('roles')!], ['mechanisms', ['SCRAM-SHA-256']]))])
      case 'shutdown':
        this.#process.signal('SIGTERM')
        return ok()
      default: return undefined
    }
  }

  #hello(client: Client, name: string, body: Document): Document {
    const metadata = body.get('client')
    if (isDocument(metadata ?? null)) this.#log('NETWORK', 51800, `conn${client.id}`, 'client metadata', { remote: client.remote, client: `conn${client.id}`, negotiatedCompressors: [], doc: plain(metadata!) })
    return ok(
      ...(body.get('helloOk') === true ? [['helloOk', true] as const] : []), [name === 'hello' ? 'isWritablePrimary' : 'ismaster', true],
      ['topologyVersion', doc(['processId', new ObjectId(`${this.#machineId}${'0'.repeat(14)}`)], ['counter', 0n])],
      ['maxBsonObjectSize', 16_777_216], ['maxMessageSizeBytes', 48_000_000], ['maxWriteBatchSize', 100_000], ['localTime', new Date(this.#process.clock.wall())],
      ['logicalSessionTimeoutMinutes', 30], ['connectionId', client.id], ['minWireVersion', 0], ['maxWireVersion', wireVersion(this.#options.version)], ['readOnly', false],
    )
  }

  #saslStart(client: Client, body: Document, database: string): Document {
    if (body.get('mechanism') !== 'SCRAM-SHA-256') {
      throw body.get('mechanism') === 'SCRAM-SHA-1' ? notSimulated('SCRAM-SHA-1', 'SCRAM-SHA-256 is') : new CommandError(334, 'MechanismUnavailable', `Received authentication for mechanism ${String(body.get('mechanism'))} which is not enabled`)
    }
    const begun = Conversation.start(this.#options.store, textOf(body.get('payload')), database, this.#process.clock.random.hex(24))
    if ('error' in begun) return this.#failed(client, begun.user, database, begun.error)
    client.conversation = begun.conversation
    return ok(['conversationId', 1], ['done', false], ['payload', new Binary(encodeUtf8(begun.reply))])
  }

  #saslContinue(client: Client, body: Document): Document {
    const { conversation } = client
    client.conversation = undefined
    if (!conversation) throw new CommandError(17, 'ProtocolError', 'No SASL session state found')
    const { user, database } = conversation
    const signature = conversation.finish(textOf(body.get('payload')))
    if (signature === undefined) return this.#failed(client, user, database, 'AuthenticationFailed: SCRAM authentication failed, storedKey mismatch')
    client.identities = [...client.identities.filter((i) => i.db !== database), { user, db: database, roles: conversation.roles }]
    this.#log('ACCESS', 5286306, `conn${client.id}`, 'Successfully authenticated', { client: client.remote, isSpeculative: false, isClusterMember: false, mechanism: 'SCRAM-SHA-256', user, db: database, extraInfo: {} })
    return ok(['conversationId', 1], ['done', true], ['payload', new Binary(encodeUtf8(signature))])
  }

  #failed(client: Client, user: string, db: string, error: string): never {
    this.#log('ACCESS', 5286307, `conn${client.id}`, 'Failed to authenticate', { client: client.remote, isSpeculative: false, isClusterMember: false, mechanism: 'SCRAM-SHA-256', user, db, error, result: error.startsWith('UserNotFound') ? 11 : 18, extraInfo: {} })
    throw new CommandError(18, 'AuthenticationFailed', 'Authentication failed.')
  }

  #context(): CommandContext {
    const { clock } = this.#process
    return {
      store: this.#options.store,
      now: clock.wall(),
      newId: () => new ObjectId(`${Math.floor(clock.wall() / 1000).toString(16).padStart(8, '0')}${this.#machineId}${(this.#counter++ & 0xff_ffff).toString(16).padStart(6, '0')}`),
      keep: (documents, namespace) => {
        const id = BigInt(`0x${clock.random.hex(15)}`) + 1n
        this.#cursors.set(id, { documents: [...documents], namespace })
        return id
      },
      cursor: (id) => {
        const cursor = this.#cursors.get(id)
        if (cursor && cursor.documents.length === 0) this.#cursors.delete(id)
        return cursor
      },
    }
  }
}

/** wire_version.h: what each release speaks. */
function wireVersion(version: string): number {
  const known: Readonly<Record<string, number>> = { '4.4': 9, '5.0': 13, '6.0': 17, '7.0': 21, '8.0': 25 }
  return known[version.split('.').slice(0, 2).join('.')] ?? 25
}

/** BSON as relaxed JSON, for the log. */
export function plain(value: Bson): unknown {
  if (isDocument(value)) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]))
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Double) return value.value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof ObjectId) return { $oid: value.hex }
  if (value instanceof Date) return { $date: value.toISOString() }
  return value instanceof RegExp ? { $regularExpression: { pattern: value.source, options: value.flags } } : value
}
