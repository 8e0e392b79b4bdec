import { anyOf, decodeUtf8, Signal, SystemError, type PingSocket, type Process, type Program, type Task } from '../../../engine/cluster.ts'
import { addressOf } from '../names.ts'
import { ownerOf, pause } from '../stream.ts'
import { parseFping, type Options } from './options.ts'

/** fping(8) 5.1 of Debian 12: many targets, one after the other and over again. */
interface Target { name: string; address: string; sent: number; received: number; times: (number | undefined)[]; timeout: number; next: number; done: boolean }

/** ms as sprint_tm() has them. */
const tm = (ms: number): string => (Number.isNaN(ms) ? 'NaN' : ms.toFixed(ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0))
const UNREACHABLE = ['Network Unreachable', 'Host Unreachable', 'Protocol Unreachable', 'Port Unreachable', 'Fragmentation Needed', 'Source Route Failed', 'Network Unknown', 'Host Unknown', 'Host Isolated', 'Communication with Network Prohibited', 'Communication with Host Prohibited', 'Network Unreachable For Type Of Service', 'Host Unreachable For Type Of Service', 'Communication Administratively Prohibited']

export const fping: Program = function* (process: Process): Task<number> {
  const parsed = parseFping(process.argv.slice(1))
  if ('code' in parsed) {
    if (parsed.stdout !== undefined) yield* process.print(parsed.stdout)
    if (parsed.error !== undefined) yield* process.printError(parsed.error)
    return parsed.code
  }
  const { options } = parsed
  let names = parsed.targets
  if (options.generate) {
    const range = generated(names)
    if (typeof range === 'string') {
      yield* process.printError(range)
      return 1
    }
    names = range
  } else if (options.file !== undefined || names.length === 0) {
    try {
      const text = options.file === undefined || options.file === '-' ? yield* process.readAll(0) : process.fs.readFile(process.resolve(options.file))
      names = decodeUtf8(text).split('\n').map((line) => line.trim().split(/\s/)[0]!).filter((name) => name !== '' && !name.startsWith('#'))
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      yield* process.printError(`fping: fopen : ${error.message}\n`)
      return 4
    }
  }
  if (options.source !== undefined && !process.network.isLocal(options.source)) {
    yield* process.printError('fping: cannot bind source address : Cannot assign requested address\n')
    return 4
  }
  const targets: Target[] = []
  let unknown = 0
  for (const name of names) {
    const found = yield* addressOf(process, name, options.family)
    if ('error' in found) {
      unknown++
      if (!options.quiet) yield* process.printError(`${name}: ${found.message}\n`)
    } else targets.push({ name: options.byAddress ? found.address : name, address: found.address, sent: 0, received: 0, times: [], timeout: options.timeout, next: process.clock.now + targets.length * options.interval, done: false })
  }
  if (targets.length === 0) return unknown > 0 ? 2 : 1
  return yield* new Run(process, options, targets, unknown).run()
}

/** -g: the addresses of a network without the first and the last, or from one to another; a string is what is wrong. */
function generated(words: readonly string[]): string[] | string {
  const value = (text: string | undefined): number | undefined => (/^(\d{1,3}\.){3}\d{1,3}$/.test(text ?? '') ? text!.split('.').reduce((sum, n) => sum * 256 + Number(n), 0) : undefined)
  const [first = '', second] = words
  const [address, prefix] = first.split('/')
  const from = value(address)
  let range: [number, number]
  if (words.length === 1 && prefix !== undefined) {
    const bits = Number(prefix)
    if (!(bits >= 1 && bits <= 32)) return `fping: netmask must be between 1 and 32 (is: ${prefix})\n`
    if (from === undefined) return `fping: can't parse address ${address!}: Name or service not known\n`
    const size = 2 ** (32 - bits)
    const start = Math.floor(from / size) * size
    range = bits >= 31 ? [start, start + size - 1] : [start + 1, start + size - 2]
  } else {
    const to = value(second)
    if (words.length !== 2) return "fping: -g works only with IPv4 addresses\n"
    if (from === undefined || to === undefined) return `fping: can't parse address ${from === undefined ? first : second!}: Name or service not known\n`
    range = [from, to]
  }
  if (range[1] - range[0] >= 65_536) return `podhop: not simulated: fping -g with more than 65536 addresses (use a smaller range)\n`
  return Array.from({ length: Math.max(0, range[1] - range[0] + 1) }, (_, i) => [24, 16, 8, 0].map((shift) => Math.floor((range[0] + i) / 2 ** shift) % 256).join('.'))
}

class Run {
  readonly #process: Process
  readonly #options: Options
  readonly #targets: readonly Target[]
  readonly #unknown: number
  readonly #signal = new Signal()
  /** Requests that may still be answered, by sequence number. */
  readonly #waiting = new Map<number, { target: Target; n: number; at: number; until: number }>()
  /** All that were sent, for errors that come later. */
  readonly #asked = new Map<number, Target>()
  readonly #lines: { text: string; error?: boolean }[] = []
  readonly #width: number
  #sequence = 0
  #sent = 0
  #timeouts = 0
  #others = 0
  #interrupted = false

  constructor(process: Process, options: Options, targets: readonly Target[], unknown: number) {
    this.#process = process
    this.#options = options
    this.#targets = targets
    this.#unknown = unknown
    this.#width = Math.max(...targets.map((t) => t.name.length))
  }

  get #counts(): boolean {
    return this.#options.count !== undefined || this.#options.loop
  }

  *run(): Task<number> {
    const process = this.#process
    const { clock } = process
    const started = clock.now
    const socket = process.network.sockets.ping({ owner: ownerOf(process) })
    process.onExit(() => socket.close())
    process.onSignal('SIGINT', () => {
      this.#interrupted = true
      this.#signal.notify()
    })
    socket.onReply = ({ sequence }) => this.#answered(sequence)
    socket.onError = ({ source, type, code, sequence }) => {
      const about = this.#waiting.get(sequence)?.target ?? this.#asked.get(sequence)
      this.#others++
      if (about && !this.#options.quiet && !about.done) this.#lines.push({ text: `ICMP ${type === 11 ? 'Time Exceeded' : (UNREACHABLE[code] ?? 'Unreachable')} from ${source} for ICMP Echo sent to ${about.name}\n`, error: true })
      this.#signal.notify()
    }
    let nextAllowed = started
    for (;;) {
      const { now } = clock
      for (const [sequence, request] of this.#waiting) if (request.until <= now) this.#timedOut(sequence)
      for (const target of this.#targets) {
        if (target.done || target.next > now || nextAllowed > now || this.#interrupted) continue
        this.#ask(socket, target)
        nextAllowed = now + this.#options.interval
      }
      for (const { text, error } of this.#lines.splice(0)) yield* error ? process.printError(text) : process.print(text)
      if (this.#interrupted || (this.#waiting.size === 0 && this.#targets.every((t) => t.done))) break
      const at = Math.min(...[...this.#waiting.values()].map((r) => r.until), ...this.#targets.filter((t) => !t.done).map((t) => Math.max(t.next, nextAllowed)))
      yield at === Infinity ? this.#signal.wait : anyOf(this.#signal.wait, pause(process, Math.max(0, at - now)))
    }
    yield* this.#finish(clock.now - started)
    const alive = this.#targets.filter((t) => t.received > 0).length
    if (this.#options.enough !== undefined) {
      yield* process.print(`${alive >= this.#options.enough ? 'Enough' : 'Not enough'} hosts reachable (required: ${this.#options.enough}, reachable: ${alive})\n`)
      return alive >= this.#options.enough ? 0 : 1
    }
    return this.#unknown > 0 ? 2 : alive < this.#targets.length ? 1 : 0
  }

  #ask(socket: PingSocket, target: Target): void {
    const { now } = this.#process.clock
    const { size, ttl, source, dontFragment, quiet, count } = this.#options
    const sequence = this.#sequence++ & 0xffff
    const n = target.sent++
    target.next = this.#counts && (count === undefined || n + 1 < count) ? now + this.#options.period : Infinity
    this.#sent++
    this.#waiting.set(sequence, { target, n, at: now, until: now + target.timeout })
    this.#asked.set(sequence, target)
    try {
      socket.send(target.address, sequence, new Uint8Array(size), { ...(ttl === undefined ? {} : { ttl }), ...(source === undefined ? {} : { source }), dontFragment })
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      if (!quiet && !this.#counts) this.#lines.push({ text: `${target.address}: error while sending ping: ${error.message}\n`, error: true })
      this.#waiting.delete(sequence)
      target.done = !this.#counts || target.next === Infinity
    }
  }

  #answered(sequence: number): void {
    const request = this.#waiting.get(sequence)
    if (!request) return
    const { target, n, at } = request
    const { quiet, alive, unreachable, elapsed, size, stamps, enough } = this.#options
    this.#waiting.delete(sequence)
    const ms = this.#process.clock.now - at
    target.received++
    target.times[n] = ms
    if (this.#counts) {
      if (!quiet) this.#lines.push({ text: `${stamps ? `[${(this.#process.clock.wall() / 1000).toFixed(5)}] ` : ''}${target.name.padEnd(this.#width)} : [${n}], ${size + 8} bytes, ${tm(ms)} ms (${this.#sofar(target, n)})\n` })
      if (target.next === Infinity) target.done = true
    } else {
      target.done = true
      if (alive || (!quiet && !unreachable && enough === undefined)) this.#lines.push({ text: `${target.name}${alive ? '' : ' is alive'}${elapsed ? ` (${tm(ms)} ms)` : ''}\n` })
    }
    this.#signal.notify()
  }

  /** Until its n-th request: "0.060 avg, 0% loss". */
  #sofar(target: Target, n: number): string {
    const times = target.times.filter((t) => t !== undefined)
    return `${tm(times.reduce((a, b) => a + b, 0) / times.length)} avg, ${Math.trunc(((n + 1 - times.length) * 100) / (n + 1))}% loss`
  }

  #timedOut(sequence: number): void {
    const { target, n } = this.#waiting.get(sequence)!
    const { quiet, retries, backoff } = this.#options
    this.#waiting.delete(sequence)
    this.#timeouts++
    if (this.#counts) {
      if (!quiet) this.#lines.push({ text: `${target.name.padEnd(this.#width)} : [${n}], timed out (${this.#sofar(target, n)})\n` })
      if (target.next === Infinity) target.done = true
    } else if (target.sent > retries) target.done = true
    else {
      target.timeout *= backoff
      target.next = this.#process.clock.now
    }
  }

  *#finish(elapsed: number): Task {
    const { quiet, each, alive, unreachable, statistics, enough } = this.#options
    const process = this.#process
    const times = this.#targets.flatMap((t) => t.times.filter((ms) => ms !== undefined))
    const spread = (list: readonly number[]): [number, number, number] => [Math.min(...list), list.reduce((a, b) => a + b, 0) / list.length, Math.max(...list)]
    if (this.#counts) {
      let text = quiet ? '' : '\n'
      for (const target of this.#targets) {
        const own = target.times.filter((ms) => ms !== undefined)
        const name = target.name.padEnd(this.#width)
        if (each) text += `${name} : ${Array.from({ length: target.sent }, (_, i) => (target.times[i] === undefined ? '-' : tm(target.times[i]))).join(' ')}\n`
        else text += `${name} : xmt/rcv/%loss = ${target.sent}/${own.length}/${target.sent > 0 ? Math.trunc(((target.sent - own.length) * 100) / target.sent) : 0}%${own.length > 0 ? `, min/avg/max = ${spread(own).map(tm).join('/')}` : ''}\n`
      }
      yield* process.printError(text)
    } else if (!alive && enough === undefined) {
      for (const { name, received } of this.#targets) if (received === 0 && (unreachable || !quiet)) yield* process.print(`${name}${unreachable ? '' : ' is unreachable'}\n`)
    }
    if (!statistics) return
    const reached = this.#targets.filter((t) => t.received > 0).length
    const row = (n: number, what: string): string => `${String(n).padStart(8)} ${what}\n`
    const [least, mean, most] = times.length > 0 ? spread(times) : [0, 0, 0]
    yield* process.printError(`\n${row(this.#targets.length, 'targets')}${row(reached, 'alive')}${row(this.#targets.length - reached, 'unreachable')}${row(this.#unknown, 'unknown addresses')}\n${row(this.#timeouts, 'timeouts (waiting for response)')}${row(this.#sent, 'ICMP Echos sent')}${row(times.length, 'ICMP Echo Replies received')}${row(this.#others, 'other ICMP received')}
 ${tm(least)} ms (min round trip time)\n ${tm(mean)} ms (avg round trip time)\n ${tm(most)} ms (max round trip time)\n${(elapsed / 1000).toFixed(3).padStart(13)} sec (elapsed real time)\n\n`)
  }
}
