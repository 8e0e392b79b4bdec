import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { TcpConnection } from '../../network/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { become } from '../become.ts'
import { stepDown } from '../gosu.ts'
import { MONTHS, two } from '../http/status.ts'
import { Output, untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { COMMANDS } from './commands.ts'
import { encodeReply, RespError, RespReader, type Reply } from './protocol.ts'
import { globPattern, RedisStore } from './store.ts'
import { listenOnBoth } from '../listen.ts'

/** redis-server: one database, publish and subscribe, and what clients ask about the server. */
interface Client { id: number; connection: TcpConnection; name: string; since: number; last: number; command: string; authenticated: boolean; channels: Set<string>; patterns: Set<string>; monitors: boolean }

const OK: Reply = { status: 'OK' }
const NO_AUTH: Reply = { error: 'NOAUTH Authentication required.' }
const IN_SUBSCRIPTION = new Set(['subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe', 'ping', 'quit', 'reset'])
/** Commands that the real one has, and that are not simulated: so that nobody takes them for unknown. */
const OTHERS = new Set(['eval', 'evalsha', 'multi', 'exec', 'watch', 'xadd', 'xread', 'geoadd', 'cluster', 'replicaof', 'slaveof', 'save', 'bgsave', 'bgrewriteaof', 'debug', 'object', 'memory', 'latency', 'slowlog', 'sort', 'blpop', 'brpop', 'setrange', 'psync', 'acl', 'module', 'function', 'wait', 'linsert', 'ltrim', 'select', 'swapdb', 'move', 'copy', 'dump', 'restore', 'randomkey', 'discard', 'unwatch', 'evalsha_ro', 'script', 'xlen', 'xrange', 'lrem', 'lset', 'lpos', 'lmove', 'rpoplpush', 'hscan', 'sscan', 'zscan', 'zunion', 'zunionstore', 'zinter', 'zinterstore', 'zdiff', 'zdiffstore', 'zlexcount', 'zmscore', 'zrandmember', 'zremrangebyrank', 'zremrangebyscore', 'zremrangebylex', 'zrangebylex', 'zrangestore', 'bzpopmin', 'bzpopmax', 'xdel', 'xtrim', 'xinfo', 'xgroup', 'xreadgroup', 'xack', 'xrevrange', 'hsetnx', 'hmset', 'sinter', 'sunion', 'sdiff', 'spop', 'srandmember', 'smove', 'setbit', 'getbit', 'bitcount', 'pfadd', 'pfcount', 'incrbyfloat', 'expireat', 'touch', 'pubsub', 'lastsave', 'readonly', 'asking', 'failover', 'lolwut', 'msetnx', 'psetex', 'substr', 'lpushx', 'rpushx'])

class RedisServer {
  readonly #process: Process
  readonly #version: string
  readonly #config: Map<string, string>
  readonly #store: RedisStore
  readonly #clients = new Map<TcpConnection, Client>()
  #nextId = 3
  #connections = 0
  #commands = 0

  constructor(process: Process, version: string, config: Map<string, string>) {
    this.#process = process
    this.#version = version
    this.#config = config
    this.#store = new RedisStore(process.clock)
  }

  accept(connection: TcpConnection): void {
    const { now } = this.#process.clock
    const client: Client = { id: this.#nextId++, connection, name: '', since: now, last: now, command: 'NULL', authenticated: this.#config.get('requirepass') === '', channels: new Set(), patterns: new Set(), monitors: false }
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
    return command.run({ store: this.#store, now: () => this.#process.clock.now }, args)
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
      case 'role': return ['master', 0, []]
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
    const keys = this.#store.keys()
    const sections: Record<string, string[]> = {
      server: [`redis_version:${this.#version}`, 'redis_mode:standalone', 'os:Linux 6.1.0 x86_64', 'arch_bits:64', `process_id:${this.#process.pid}`, `tcp_port:${this.#config.get('port')}`, `uptime_in_seconds:${seconds}`, `uptime_in_days:${Math.floor(seconds / 86_400)}`],
      clients: [`connected_clients:${this.#clients.size}`, `maxclients:${this.#config.get('maxclients')}`, 'blocked_clients:0', `pubsub_clients:${[...this.#clients.values()].filter((c) => c.channels.size + c.patterns.size > 0).length}`],
      stats: [`total_connections_received:${this.#connections}`, `total_commands_processed:${this.#commands}`],
      replication: ['role:master', 'connected_slaves:0'],
      keyspace: keys.length === 0 ? [] : [`db0:keys=${keys.length},expires=${keys.filter((k) => this.#store.until(k) !== Infinity).length},avg_ttl=0`],
    }
    const wanted = section === undefined || ['default', 'all', 'everything'].includes(section) ? Object.keys(sections) : [section]
    return wanted.filter((name) => Object.hasOwn(sections, name)).map((name) => `# ${name[0]!.toUpperCase()}${name.slice(1)}\r\n${sections[name]!.map((l) => `${l}\r\n`).join('')}`).join('\r\n')
  }

  #clientCommand(client: Client, args: readonly string[]): Reply {
    const line = (c: Client): string => {
      const { now } = this.#process.clock
      const { remoteAddress, remotePort, localAddress, localPort } = c.connection
      return `id=${c.id} addr=${joinHostPort(remoteAddress, remotePort)} laddr=${joinHostPort(localAddress, localPort)} fd=${c.id + 5} name=${c.name} age=${Math.floor((now - c.since) / 1000)} idle=${Math.floor((now - c.last) / 1000)} flags=${c.channels.size + c.patterns.size > 0 ? 'P' : 'N'} db=0 sub=${c.channels.size} psub=${c.patterns.size} ssub=0 multi=-1 cmd=${c.command} user=default resp=2\n`
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

/** "05 Jan 2026 08:00:00.000" */
function logTime(wall: number): string {
  const d = new Date(wall)
  return `${two(d.getUTCDate())} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(Math.floor(wall % 1000)).padStart(3, '0')}`
}

const PRESETS: readonly (readonly [string, string])[] = [
  ['port', '6379'], ['bind', '* -::*'], ['protected-mode', 'no'], ['requirepass', ''], ['maxclients', '10000'], ['maxmemory', '0'], ['maxmemory-policy', 'noeviction'], ['appendonly', 'no'], ['save', '3600 1 300 100 60 10000'], ['timeout', '0'], ['tcp-keepalive', '300'], ['loglevel', 'notice'], ['databases', '16'], ['dir', '/data'],
]

/** redis.conf's lines and the words of the command line; a number: the exit code after the message. */
function* readConfig(process: Process, args: readonly string[]): Task<Map<string, string> | number> {
  const config = new Map(PRESETS)
  const lines: string[] = []
  let rest = [...args]
  if (rest[0] !== undefined && !rest[0].startsWith('-')) {
    const path = process.resolve(rest[0])
    if (!process.fs.exists(path)) {
      yield* process.printError(`${process.pid}:C ${logTime(process.clock.wall())} # Fatal error, can't open config file '${path}': No such file or directory\n`)
      return 1
    }
    lines.push(...process.fs.readText(path).split('\n').map((l) => l.trim()).filter((l) => l !== '' && !l.startsWith('#')))
    rest = rest.slice(1)
  }
  for (const word of rest) {
    if (word.startsWith('--')) lines.push(word.slice(2))
    else lines[lines.length - 1] = `${lines.at(-1) ?? ''} ${word}`
  }
  for (const line of lines) {
    const [name = '', ...values] = line.split(/\s+/)
    if (!config.has(name.toLowerCase())) {
      yield* process.printError(`podhop: not simulated: redis-server ${name} (${[...config.keys()].join(', ')} are)\n`)
      return 69
    }
    config.set(name.toLowerCase(), values.join(' ').replace(/^["'](.*)["']$/, '$1'))
  }
  return config
}

export const redisServer: Program = function* (process) {
  const version = process.env.get('REDIS_VERSION') ?? '8.0.1'
  const args = process.argv.slice(1)
  if (args[0] === '-v' || args[0] === '--version') {
    yield* process.print(`Redis server v=${version} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0\n`)
    return 0
  }
  const config = yield* readConfig(process, args)
  if (typeof config === 'number') return config
  const out = new Output(process, 1)
  // since 7.2 what is no warning has a star; 6.2 began to name the clock
  const [major = 8, minor = 0] = version.split('.').map(Number)
  const since = (atMajor: number, atMinor: number): boolean => major > atMajor || (major === atMajor && minor >= atMinor)
  const plain = since(7, 2) ? '*' : '#'
  const log = (mark: string, text: string): void => out.write(`${process.pid}:${mark === 'o' ? 'C' : 'M'} ${logTime(process.clock.wall())} ${mark === 'o' ? plain : mark} ${text}\n`)
  log('o', 'oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo')
  log('o', `Redis version=${version}, bits=64, commit=00000000, modified=0, pid=${process.pid}, just started`)
  if (args.length === 0) out.write(`${process.pid}:C ${logTime(process.clock.wall())} # Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf\n`)
  else log('o', 'Configuration loaded')
  if (since(6, 2)) log('*', 'monotonic clock: POSIX clock_gettime')
  const port = Number(config.get('port'))
  const server = new RedisServer(process, version, config)
  const address = /^(127\.0\.0\.1|localhost)\b/.test(config.get('bind')!) ? '127.0.0.1' : undefined
  try {
    const backlog = 511
    if (address === undefined) listenOnBoth(process, { port, program: 'redis-server', backlog }, (connection) => server.accept(connection))
    else {
      const listener = process.network.sockets.listen({ port, owner: ownerOf(process, 'redis-server'), address, backlog }, (connection) => server.accept(connection))
      process.onExit(() => listener.close())
    }
    process.onExit(() => server.closeAll())
  } catch {
    log('#', `Warning: Could not create server TCP listening socket *:${port}: bind: Address already in use`)
    log('#', `Failed listening on port ${port} (tcp), aborting.`)
    yield* out.flush()
    return 1
  }
  log('*', `Running mode=standalone, port=${port}.`)
  // setproctitle
  ;(process as { argv: readonly string[] }).argv = [`redis-server ${address ?? '*'}:${port}`]
  log(plain, 'Server initialized')
  log('*', `Ready to accept connections${since(7, 2) ? ' tcp' : ''}`)
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  out.write(`${process.pid}:signal-handler (${Math.floor(process.clock.wall() / 1000)}) Received ${signal} scheduling shutdown...\n`)
  log('*', `User requested shutdown...`)
  log('#', 'Redis is now ready to exit, bye bye...')
  yield* out.flush()
  return 0
}

/** docker-entrypoint.sh: flags and .conf files are redis-server's. */
export const redisEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  const own = command[0]?.startsWith('-') || command[0]?.endsWith('.conf')
  if (own) command.unshift('redis-server')
  if (command[0] === 'redis-server') {
    const failed = yield* stepDown(process, 'redis', [process.cwd])
    if (failed !== undefined) return failed
  }
  return yield* become(process, command)
}
