import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { TcpConnection } from '../../network/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { COMMANDS } from './commands.ts'
import { encodeCommand, encodeReply, RespError, RespReader, type Reply } from './protocol.ts'
import { writeRdb } from './rdb.ts'
import { replicate, type ReplicaState } from './replica.ts'
import { globPattern, RedisStore } from './store.ts'

interface Client { id: number; connection: TcpConnection; name: string; since: number; last: number; command: string; authenticated: boolean; channels: Set<string>; patterns: Set<string>; monitors: boolean; /** The port at which a replica listens, and how far it has come. */ replica: { port: number; offset: number; synchronized: boolean } | undefined }

const OK: Reply = { status: 'OK' }
const NO_AUTH: Reply = { error: 'NOAUTH Authentication required.' }
const IN_SUBSCRIPTION = new Set(['subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe', 'ping', 'quit', 'reset'])
/** Commands that the real one has, and that are not simulated: so that nobody takes them for unknown. */
const OTHERS = new Set(['eval', 'evalsha', 'multi', 'exec', 'watch', 'xadd', 'xread', 'geoadd', 'cluster', 'save', 'bgsave', 'bgrewriteaof', 'debug', 'object', 'memory', 'latency', 'slowlog', 'sort', 'blpop', 'brpop', 'setrange', 'acl', 'module', 'function', 'wait', 'linsert', 'ltrim', 'select', 'getex', 'sintercard', 'sinterstore', 'sunionstore', 'sdiffstore', 'expiretime', 'pexpireat', 'lcs', 'bitop', 'bitpos', 'bitfield', 'geosearch', 'geopos', 'geodist', 'pfmerge', 'blmove', 'lmpop', 'hrandfield', 'psync', 'swapdb', 'move', 'dump', 'restore', 'randomkey', 'discard', 'unwatch', 'evalsha_ro', 'script', 'xlen', 'xrange', 'lrem', 'lset', 'lpos', 'lmove', 'rpoplpush', 'hscan', 'sscan', 'zscan', 'zunion', 'zunionstore', 'zinter', 'zinterstore', 'zdiff', 'zdiffstore', 'zlexcount', 'zmscore', 'zrandmember', 'zremrangebyrank', 'zremrangebyscore', 'zremrangebylex', 'zrangebylex', 'zrangestore', 'bzpopmin', 'bzpopmax', 'xdel', 'xtrim', 'xinfo', 'xgroup', 'xreadgroup', 'xack', 'xrevrange', 'hsetnx', 'hmset', 'spop', 'srandmember', 'smove', 'setbit', 'getbit', 'bitcount', 'pfadd', 'pfcount', 'incrbyfloat', 'expireat', 'pubsub', 'lastsave', 'readonly', 'asking', 'failover', 'lolwut', 'msetnx', 'psetex', 'substr', 'lpushx', 'rpushx'])

/** Commands that change keys: a replica takes them from its master alone. */
const WRITES = new Set('set setnx setex getset append incr decr incrby decrby mset getdel unlink rename copy del flushall flushdb expire pexpire persist lpush rpush lpop rpop hset hdel hincrby sadd srem zadd zrem zincrby zpopmin zpopmax'.split(' '))
const READ_ONLY: Reply = { error: "READONLY You can't write against a read only replica." }
const PING = 10_000

/** redis-server: one database, publish and subscribe, and what clients ask about the server. */
export class RedisServer {
  readonly #process: Process
  readonly #version: string
  readonly #config: Map<string, string>
  readonly store: RedisStore
  readonly #clients = new Map<TcpConnection, Client>()
  #nextId = 3
  #connections = 0
  #commands = 0
  /** Bytes of writes since the start, as replicas count them. */
  #offset = 0
  #master: ReplicaState | undefined
  readonly #id: string
  readonly #log: (mark: string, text: string) => void
  #pings: ReturnType<Process['clock']['schedule']> | undefined

  constructor(process: Process, version: string, config: Map<string, string>, log: (mark: string, text: string) => void) {
    this.#log = log
    this.#id = process.clock.random.fork('redis').hex(40)
    this.#process = process
    this.#version = version
    this.#config = config
    this.store = new RedisStore(process.clock)
  }

  accept(connection: TcpConnection): void {
    const { now } = this.#process.clock
    const client: Client = { id: this.#nextId++, connection, name: '', since: now, last: now, command: 'NULL', authenticated: this.#config.get('requirepass') === '', channels: new Set(), patterns: new Set(), monitors: false, replica: undefined }
    this.#connections++
    // protected mode: without a password only the machine itself may talk to it
    if (this.#config.get('protected-mode') === 'yes' && client.authenticated && !/^127\.|^::1$/.test(connection.remoteAddress)) {
      connection.send(encodeUtf8(encodeReply({ error: 'DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface.' })))
      return connection.end()
    }
    this.#clients.set(connection, client)
    const reader = new RespReader()
    connection.handlers = {
      onData: (data) => {
        try {
          for (const value of reader.push(data)) {
            const words = Array.isArray(value) ? (value as Reply[]).map(String) : []
            if (words.length > 0) this.#answer(client, words)
          }
        } catch (error) {
          if (!(error instanceof RespError)) throw error
          this.#send(client, { error: `ERR ${error.message}` })
          connection.end()
        }
      },
      onEnd: () => connection.end(),
      onClose: () => this.#clients.delete(connection),
    }
  }

  closeAll(): void {
    for (const { connection } of this.#clients.values()) connection.end()
  }

  #send(client: Client, reply: Reply): void {
    client.connection.send(encodeUtf8(encodeReply(reply)))
  }

  #answer(client: Client, words: string[]): void {
    const [first = '', ...args] = words
    const name = first.toLowerCase()
    this.#commands++
    client.last = this.#process.clock.now
    client.command = ['client', 'config'].includes(name) && args[0] ? `${name}|${args[0].toLowerCase()}` : name
    if (!client.authenticated && !['auth', 'hello', 'quit', 'reset'].includes(name)) return this.#send(client, NO_AUTH)
    if (client.channels.size + client.patterns.size > 0 && !IN_SUBSCRIPTION.has(name)) {
      return this.#send(client, { error: `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context` })
    }
    if (name !== 'auth' && name !== 'hello') this.#monitored(client, words)
    if (this.#master && WRITES.has(name)) return this.#send(client, READ_ONLY)
    const reply = this.#own(client, name, args) ?? this.#data(name, args, words)
    if (!(typeof reply === 'object' && reply !== null && 'answered' in reply)) this.#send(client, reply)
  }

  /** MONITOR's line: seconds and microseconds, the database, who, and the words. */
  #monitored({ connection }: Client, words: readonly string[]): void {
    const monitors = [...this.#clients.values()].filter((c) => c.monitors)
    if (monitors.length === 0) return
    const wall = this.#process.clock.wall()
    const line = `${Math.floor(wall / 1000)}.${String(Math.floor((wall % 1000) * 1000)).padStart(6, '0')} [0 ${joinHostPort(connection.remoteAddress, connection.remotePort)}] ${words.map((w) => `"${w.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`).join(' ')}`
    for (const monitor of monitors) this.#send(monitor, { status: line })
  }

  #data(name: string, args: readonly string[], words: readonly string[]): Reply {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
    if (!command) {
      if (OTHERS.has(name)) return { error: `ERR podhop: not simulated: ${words[0]} (strings, lists, hashes, sets, sorted sets, expiry and publish are)` }
      return { error: `ERR unknown command '${words[0]!.slice(0, 128)}', with args beginning with: ${args.map((a) => `'${a}' `).join('').slice(0, 128)}` }
    }
    if (args.length < command.least || args.length > command.most) return wrongNumber(name)
    const reply = command.run({ store: this.store, now: () => this.#process.clock.now }, args)
    if (WRITES.has(name) && !(typeof reply === 'object' && reply !== null && 'error' in reply)) this.#propagate(words)
    return reply
  }

  /** What is about the connection and the server; undefined: another command. `answered`: already sent. */
  #own(client: Client, name: string, args: string[]): Reply | undefined {
    switch (name) {
      case 'ping':
        if (args.length > 1) return wrongNumber(name)
        if (client.channels.size + client.patterns.size > 0) return ['pong', args[0] ?? '']
        return args[0] ?? { status: 'PONG' }
      case 'echo': return args.length === 1 ? args[0]! : wrongNumber(name)
      case 'quit':
        this.#send(client, OK)
        client.connection.end()
        return { answered: true }
      case 'auth': return this.#auth(client, args)
      case 'hello': return args[0] === undefined || args[0] === '2' ? ['server', 'redis', 'version', this.#version, 'proto', 2, 'id', client.id, 'mode', 'standalone', 'role', 'master', 'modules', []] : { error: 'NOPROTO unsupported protocol version' }
      case 'select': return args[0] === '0' ? OK : args.length === 1 && !/^\d+$/.test(args[0]!) ? { error: 'ERR invalid DB index' } : args.length === 1 && Number(args[0]) >= 16 ? { error: 'ERR DB index is out of range' } : undefined
      case 'command': return args[0] === undefined || args[0].toLowerCase() === 'docs' ? [] : { error: `ERR podhop: not simulated: COMMAND ${args[0]} (the commands are at redis.io)` }
      case 'time': return [String(Math.floor(this.#process.clock.wall() / 1000)), String(Math.floor((this.#process.clock.wall() % 1000) * 1000))]
      case 'monitor':
        if (args.length > 0) return wrongNumber(name)
        client.monitors = true
        return OK
      case 'role':
        if (this.#master) return ['slave', this.#master.host, this.#master.port, this.#master.up ? 'connected' : 'connect', this.#master.up ? this.#master.offset : -1]
        return ['master', this.#offset, this.#replicas().map((c) => [c.connection.remoteAddress, String(c.replica!.port), String(c.replica!.offset)])]
      case 'replicaof': case 'slaveof': return this.#replicaOf(args)
      case 'replconf': return this.#replconf(client, args)
      case 'psync': case 'sync': return this.#synchronize(client, name)
      case 'info': return this.#info(args[0]?.toLowerCase())
      case 'client': return this.#clientCommand(client, args)
      case 'config': return this.#configCommand(args)
      case 'subscribe': case 'psubscribe': case 'unsubscribe': case 'punsubscribe': return this.#subscription(client, name, args)
      case 'publish': return args.length === 2 ? this.#publish(args[0]!, args[1]!) : wrongNumber(name)
      case 'shutdown':
        this.#process.signal('SIGTERM')
        return { answered: true }
      default: return undefined
    }
  }

  #auth(client: Client, args: readonly string[]): Reply {
    const password = this.#config.get('requirepass') ?? ''
    if (args.length < 1 || args.length > 2) return wrongNumber('auth')
    if (password === '' && args.length === 1) return { error: 'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?' }
    if ((args.length === 2 && args[0] !== 'default') || (password !== '' && args.at(-1) !== password)) return { error: 'WRONGPASS invalid username-password pair or user is disabled.' }
    client.authenticated = true
    return OK
  }

  #info(section: string | undefined): Reply {
    const seconds = Math.floor((this.#process.clock.now - this.#process.startedAt) / 1000)
    const keys = this.store.keys()
    const sections: Record<string, string[]> = {
      server: [`redis_version:${this.#version}`, 'redis_mode:standalone', 'os:Linux 6.1.0 x86_64', 'arch_bits:64', `process_id:${this.#process.pid}`, `tcp_port:${this.#config.get('port')}`, `uptime_in_seconds:${seconds}`, `uptime_in_days:${Math.floor(seconds / 86_400)}`],
      clients: [`connected_clients:${this.#clients.size}`, `maxclients:${this.#config.get('maxclients')}`, 'blocked_clients:0', `pubsub_clients:${[...this.#clients.values()].filter((c) => c.channels.size + c.patterns.size > 0).length}`],
      stats: [`total_connections_received:${this.#connections}`, `total_commands_processed:${this.#commands}`],
      replication: this.#replication(),
      keyspace: keys.length === 0 ? [] : [`db0:keys=${keys.length},expires=${keys.filter((k) => this.store.until(k) !== Infinity).length},avg_ttl=0`],
    }
    const wanted = section === undefined || ['default', 'all', 'everything'].includes(section) ? Object.keys(sections) : [section]
    return wanted.filter((name) => Object.hasOwn(sections, name)).map((name) => `# ${name[0]!.toUpperCase()}${name.slice(1)}\r\n${sections[name]!.map((l) => `${l}\r\n`).join('')}`).join('\r\n')
  }

  #replicas(): Client[] {
    return [...this.#clients.values()].filter((c) => c.replica?.synchronized)
  }

  #replication(): string[] {
    const { now } = this.#process.clock
    const m = this.#master
    const own = m
      ? ['role:slave', `master_host:${m.host}`, `master_port:${m.port}`, `master_link_status:${m.up ? 'up' : 'down'}`, `master_last_io_seconds_ago:${m.up ? Math.floor((now - m.last) / 1000) : -1}`, 'master_sync_in_progress:0', `slave_repl_offset:${m.offset}`, 'slave_priority:100', 'slave_read_only:1']
      : ['role:master']
    const replicas = this.#replicas()
    return [...own, `connected_slaves:${replicas.length}`, ...replicas.map((c, i) => `slave${i}:ip=${c.connection.remoteAddress},port=${c.replica!.port},state=online,offset=${c.replica!.offset},lag=0`), ...(m || replicas.length > 0 ? [`master_replid:${this.#id}`, `master_repl_offset:${m?.offset ?? this.#offset}`] : [])]
  }

  /** REPLICAOF host port, REPLICAOF NO ONE. */
  #replicaOf(args: readonly string[]): Reply {
    const [host = '', port = ''] = args
    if (args.length !== 2) return wrongNumber('replicaof')
    if (host.toLowerCase() === 'no' && port.toLowerCase() === 'one') {
      if (this.#master) this.#log('*', 'MASTER MODE enabled')
      this.#master = undefined
      return OK
    }
    if (!/^\d+$/.test(port) || Number(port) > 65_535) return { error: 'ERR Invalid master port' }
    if (this.#master?.host === host && this.#master.port === Number(port)) return { status: 'OK Already connected to specified master' }
    this.follow(host, Number(port))
    return OK
  }

  get isReplica(): boolean {
    return this.#master !== undefined
  }

  follow(host: string, port: number): void {
    const state: ReplicaState = { host, port, up: false, offset: 0, last: this.#process.clock.now }
    this.#master = state
    const apply = (words: string[]): void => {
      const [first = '', ...args] = words
      this.#data(first.toLowerCase(), args, words)
    }
    this.#process.spawnThread(replicate({ process: this.#process, store: this.store, port: Number(this.#config.get('port')), password: () => this.#config.get('masterauth') ?? '', log: this.#log, apply }, state, () => this.#master === state))
  }

  #replconf(client: Client, args: readonly string[]): Reply {
    const word = args[0]?.toLowerCase()
    if (word === 'listening-port') client.replica = { port: Number(args[1]), offset: 0, synchronized: false }
    if (word !== 'ack') return OK
    if (client.replica) client.replica.offset = Number(args[1])
    return { answered: true }
  }

  /** The whole of it, then each write. */
  #synchronize(client: Client, name: string): Reply {
    const { clock } = this.#process
    const replica = (client.replica ??= { port: 6379, offset: 0, synchronized: false })
    const who = joinHostPort(client.connection.remoteAddress, replica.port)
    for (const text of [`Replica ${who} asks for synchronization`, `Full resync requested by replica ${who}`, 'Starting BGSAVE for SYNC with target: disk', 'Background saving terminated with success', `Synchronization with replica ${who} succeeded`]) this.#log('*', text)
    const dump = writeRdb(this.store, clock.wall() - clock.now)
    if (name === 'psync') this.#send(client, { status: `FULLRESYNC ${this.#id} ${this.#offset}` })
    client.connection.send(encodeUtf8(`$${dump.length}\r\n`))
    client.connection.send(dump)
    replica.synchronized = true
    replica.offset = this.#offset
    this.#pings ??= clock.schedule(PING, () => this.#ping(), { background: true })
    return { answered: true }
  }

  /** repl-ping-replica-period, while there are replicas. */
  #ping(): void {
    this.#pings = undefined
    if (this.#process.status || this.#replicas().length === 0) return
    this.#propagate(['PING'])
    this.#pings = this.#process.clock.schedule(PING, () => this.#ping(), { background: true })
  }

  #propagate(words: readonly string[]): void {
    const replicas = this.#replicas()
    if (replicas.length === 0) return
    const bytes = encodeCommand(words)
    this.#offset += bytes.length
    for (const { connection } of replicas) connection.send(bytes)
  }

  #clientCommand(client: Client, args: readonly string[]): Reply {
    const line = (c: Client): string => {
      const { now } = this.#process.clock
      const { remoteAddress, remotePort, localAddress, localPort } = c.connection
      return `id=${c.id} addr=${joinHostPort(remoteAddress, remotePort)} laddr=${joinHostPort(localAddress, localPort)} fd=${c.id + 5} name=${c.name} age=${Math.floor((now - c.since) / 1000)} idle=${Math.floor((now - c.last) / 1000)} flags=${c.replica ? 'S' : c.channels.size + c.patterns.size > 0 ? 'P' : 'N'} db=0 sub=${c.channels.size} psub=${c.patterns.size} ssub=0 multi=-1 cmd=${c.command} user=default resp=2\n`
    }
    switch (args[0]?.toLowerCase()) {
      case 'list': return [...this.#clients.values()].map(line).join('')
      case 'info': return line(client)
      case 'id': return client.id
      case 'getname': return client.name === '' ? null : client.name
      case 'setname':
        client.name = args[1] ?? ''
        return OK
      case 'setinfo': return OK
      case 'kill': {
        const address = args.at(-1)
        const found = [...this.#clients.values()].find((c) => joinHostPort(c.connection.remoteAddress, c.connection.remotePort) === address)
        found?.connection.end()
        return found ? OK : { error: 'ERR No such client' }
      }
      case undefined: return wrongNumber('client')
      default: return { error: `ERR podhop: not simulated: CLIENT ${args[0]} (LIST, INFO, ID, GETNAME, SETNAME and KILL are)` }
    }
  }

  #configCommand(args: readonly string[]): Reply {
    const [word = '', name = '', value] = args
    if (word.toLowerCase() === 'get') return [...this.#config].filter(([key]) => globPattern(name.toLowerCase()).test(key)).flat()
    if (word.toLowerCase() !== 'set') return { error: `ERR podhop: not simulated: CONFIG ${word} (GET and SET are)` }
    if (value === undefined) return wrongNumber('config|set')
    if (!this.#config.has(name.toLowerCase())) return { error: `ERR Unknown option or number of arguments for CONFIG SET - '${name}'` }
    if (['port', 'bind'].includes(name.toLowerCase())) return { error: `ERR podhop: not simulated: CONFIG SET ${name} (start redis-server with --${name})` }
    this.#config.set(name.toLowerCase(), value)
    return OK
  }

  #subscription(client: Client, name: string, args: readonly string[]): Reply {
    const set = name.startsWith('p') ? client.patterns : client.channels
    const adds = !name.includes('un')
    if (adds && args.length === 0) return wrongNumber(name)
    const names = args.length > 0 ? args : [...set]
    for (const channel of names) {
      if (adds) set.add(channel)
      else set.delete(channel)
      this.#send(client, [name, channel, client.channels.size + client.patterns.size])
    }
    if (names.length === 0) this.#send(client, [name, null, client.channels.size + client.patterns.size])
    return { answered: true }
  }

  #publish(channel: string, message: string): Reply {
    let count = 0
    for (const client of this.#clients.values()) {
      if (client.channels.has(channel) && ++count) this.#send(client, ['message', channel, message])
      for (const pattern of client.patterns) if (globPattern(pattern).test(channel) && ++count) this.#send(client, ['pmessage', pattern, channel, message])
    }
    return count
  }
}

function wrongNumber(name: string): Reply {
  return { error: `ERR wrong number of arguments for '${name}' command` }
}
