import type { Process, Program } from '../machine/types.ts'
import type { TcpConnection } from '../network/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../text.ts'
import { become } from './become.ts'
import { untilSignal } from './output.ts'
import { listenOnBoth } from './listen.ts'

/** memcached: the text protocol (memcached's doc/protocol.txt). */
interface Item { flags: string; data: Uint8Array; until: number; cas: number }

const LONGEST_ITEM = 1024 * 1024
/** Beyond this an expiry is a moment in Unix time. */
const RELATIVE_EXPIRY = 60 * 60 * 24 * 30
const STORAGE = new Set(['set', 'add', 'replace', 'append', 'prepend', 'cas'])

class Memcached {
  readonly #process: Process
  readonly #version: string
  readonly #items = new Map<string, Item>()
  readonly #counts = { cmd_get: 0, cmd_set: 0, get_hits: 0, get_misses: 0, delete_hits: 0, delete_misses: 0, total_items: 0, total_connections: 1, curr_connections: 1 }
  #cas = 0

  constructor(process: Process, version: string) {
    this.#process = process
    this.#version = version
  }

  accept(connection: TcpConnection): void {
    this.#counts.total_connections++
    this.#counts.curr_connections++
    let rest: Uint8Array = new Uint8Array(0)
    let storing: { words: string[]; size: number } | undefined
    const say = (text: string | Uint8Array): void => connection.send(typeof text === 'string' ? encodeUtf8(text) : text)
    const step = (): boolean => {
      if (storing) {
        const { words, size } = storing
        if (rest.length < size + 2) return false
        storing = undefined
        const good = rest[size] === 13 && rest[size + 1] === 10
        const data = rest.slice(0, size)
        rest = rest.subarray(size + 2)
        const answer = good ? this.#store(words, data) : 'CLIENT_ERROR bad data chunk\r\n'
        if (words.at(-1) !== 'noreply') say(answer)
        return true
      }
      const end = rest.indexOf(10)
      if (end < 0) {
        if (rest.length > 2048) {
          say('CLIENT_ERROR line too long\r\n')
          connection.end()
        }
        return false
      }
      const words = decodeUtf8(rest.subarray(0, end)).replace(/\r$/, '').split(' ').filter((w) => w !== '')
      rest = rest.subarray(end + 1)
      const [name = ''] = words
      if (!STORAGE.has(name)) {
        if (name === 'quit') {
          connection.end()
          return false
        }
        const answer = this.#answer(words)
        if (words.at(-1) !== 'noreply') say(answer)
        return true
      }
      const size = Number(words[4])
      if (words.length < (name === 'cas' ? 6 : 5)) say('ERROR\r\n')
      else if (!Number.isInteger(size) || size < 0 || words[1]!.length > 250 || !/^\d+$/.test(words[2]!) || !/^-?\d+$/.test(words[3]!)) say('CLIENT_ERROR bad command line format\r\n')
      else if (size > LONGEST_ITEM) {
        say('SERVER_ERROR object too large for cache\r\n')
        connection.end()
        return false
      } else storing = { words, size }
      return true
    }
    connection.handlers = {
      onData: (data) => {
        rest = rest.length === 0 ? data.slice() : concatBytes([rest, data])
        while (rest.length > 0 && step()) continue
      },
      onEnd: () => connection.end(),
      onClose: () => void this.#counts.curr_connections--,
    }
  }

  #get(key: string): Item | undefined {
    const item = this.#items.get(key)
    if (!item || item.until > this.#process.clock.now) return item
    this.#items.delete(key)
    return undefined
  }

  #store([name, key = '', flags = '0', expiry = '0', , unique]: string[], data: Uint8Array): string {
    this.#counts.cmd_set++
    const former = this.#get(key)
    if ((name === 'add' && former) || (['replace', 'append', 'prepend'].includes(name!) && !former)) return 'NOT_STORED\r\n'
    if (name === 'cas' && !former) return 'NOT_FOUND\r\n'
    if (name === 'cas' && String(former!.cas) !== unique) return 'EXISTS\r\n'
    const joined = name === 'append' ? concatBytes([former!.data, data]) : name === 'prepend' ? concatBytes([data, former!.data]) : data
    const keeps = name === 'append' || name === 'prepend'
    this.#items.set(key, { flags: keeps ? former!.flags : flags, data: joined, until: keeps ? former!.until : this.#until(Number(expiry)), cas: ++this.#cas })
    this.#counts.total_items++
    return 'STORED\r\n'
  }

  #until(seconds: number): number {
    const { clock } = this.#process
    if (seconds === 0) return Infinity
    return seconds > RELATIVE_EXPIRY ? clock.now + seconds * 1000 - clock.wall() : clock.now + seconds * 1000
  }

  #answer(words: readonly string[]): string | Uint8Array {
    const [name, ...args] = words
    switch (name) {
      case 'get': case 'gets': return args.length === 0 ? 'ERROR\r\n' : this.#found(args, name === 'gets')
      case 'delete': {
        const had = this.#get(args[0] ?? '') !== undefined
        this.#items.delete(args[0] ?? '')
        this.#counts[had ? 'delete_hits' : 'delete_misses']++
        return had ? 'DELETED\r\n' : 'NOT_FOUND\r\n'
      }
      case 'incr': case 'decr': {
        const item = this.#get(args[0] ?? '')
        if (!/^\d+$/.test(args[1] ?? '')) return args.length < 2 ? 'ERROR\r\n' : 'CLIENT_ERROR invalid numeric delta argument\r\n'
        if (!item) return 'NOT_FOUND\r\n'
        const value = decodeUtf8(item.data).trimEnd()
        if (!/^\d+$/.test(value)) return 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
        const next = name === 'incr' ? BigInt(value) + BigInt(args[1]!) : BigInt(value) - BigInt(args[1]!)
        item.data = encodeUtf8(String(next < 0n ? 0n : next))
        item.cas = ++this.#cas
        return `${decodeUtf8(item.data)}\r\n`
      }
      case 'touch': {
        const item = this.#get(args[0] ?? '')
        if (!item) return 'NOT_FOUND\r\n'
        item.until = this.#until(Number(args[1] ?? 0))
        return 'TOUCHED\r\n'
      }
      case 'flush_all':
        this.#items.clear()
        return 'OK\r\n'
      case 'version': return `VERSION ${this.#version}\r\n`
      case 'verbosity': return 'OK\r\n'
      case 'stats': return args.length > 0 ? `SERVER_ERROR podhop: not simulated: stats ${args[0]} (stats is)\r\n` : this.#stats()
      case 'mg': case 'ms': case 'md': case 'ma': case 'gat': case 'gats': case 'mn': return `SERVER_ERROR podhop: not simulated: ${name} (get, set, add, replace, append, delete, incr, decr, touch and stats are)\r\n`
      default: return 'ERROR\r\n'
    }
  }

  #found(keys: readonly string[], withCas: boolean): Uint8Array {
    const parts: Uint8Array[] = []
    for (const key of keys) {
      const item = this.#get(key)
      this.#counts.cmd_get++
      this.#counts[item ? 'get_hits' : 'get_misses']++
      if (item) parts.push(encodeUtf8(`VALUE ${key} ${item.flags} ${item.data.length}${withCas ? ` ${item.cas}` : ''}\r\n`), item.data, encodeUtf8('\r\n'))
    }
    return concatBytes([...parts, encodeUtf8('END\r\n')])
  }

  #stats(): string {
    const { clock, pid, startedAt } = this.#process
    for (const key of [...this.#items.keys()]) this.#get(key)
    const bytes = [...this.#items].reduce((sum, [key, item]) => sum + key.length + item.data.length + 50, 0)
    const all = { pid, uptime: Math.floor((clock.now - startedAt) / 1000), time: Math.floor(clock.wall() / 1000), version: this.#version, pointer_size: 64, max_connections: 1024, ...this.#counts, bytes, curr_items: this.#items.size, evictions: 0 }
    return `${Object.entries(all).map(([k, v]) => `STAT ${k} ${v}\r\n`).join('')}END\r\n`
  }
}

export const memcached: Program = function* (process) {
  const version = process.env.get('MEMCACHED_VERSION') ?? '1.6.38'
  let port = 11_211
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-V' || arg === '--version') {
      yield* process.print(`memcached ${version}\n`)
      return 0
    }
    const match = /^(?:-p|--port=?)(\d*)$/.exec(arg)
    if (match) port = Number(match[1] || args[++i])
    // memory, connections, threads and verbosity change nothing here
    else if (/^-[mctIU]$/.test(arg)) i++
    else if (!/^(-v+|-[mctIU]\d+[mk]?|--(memory-limit|conn-limit|threads|max-item-size)=.*)$/.test(arg)) {
      yield* process.printError(`podhop: not simulated: memcached ${arg} (-p, -m, -c, -t, -I and -v are)\n`)
      return 69
    }
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    yield* process.printError('Failed to parse the port\n')
    return 71
  }
  const server = new Memcached(process, version)
  try {
    listenOnBoth(process, { port, program: 'memcached', backlog: 1024 }, (connection) => server.accept(connection))
  } catch {
    yield* process.printError(`bind(): Address already in use\nfailed to listen on TCP port ${port}: Address already in use\n`)
    return 71
  }
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* process.print(`Signal handled: ${signal === 'SIGTERM' ? 'Terminated' : 'Interrupt'}.\n`)
  return 0
}

/** docker-entrypoint.sh: flags are memcached's. */
export const memcachedEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  return yield* become(process, command[0]?.startsWith('-') ? ['memcached', ...command] : command)
}
