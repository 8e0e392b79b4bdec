import { anyOf, canonicalIp, isValidIp, resolveHost, Signal, SystemError, type PingSocket, type Process, type Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { PING_USAGE } from './ping-usage.ts'
import { pause, programName } from './stream.ts'

interface Options {
  count: number
  interval: number
  size: number
  ttl: number | undefined
  /** -W: how long to wait for the last answers, in ms. */
  wait: number
  /** -w: end after this time, in ms. */
  deadline: number
  quiet: boolean
  dontFragment: boolean
  source: string | undefined
  family: 4 | 6 | undefined
}

/** What differs between iputils' ping (20221126) and busybox's. */
interface Style {
  head(name: string, address: string, size: number, from: string): string
  /** `ms` is undefined when the packet is too short to carry the time. */
  reply(bytes: number, from: string, sequence: number, ttl: number, ms: number | undefined): string
  summary(name: string, s: Statistics): string
  firstSequence: number
}

interface Statistics {
  sent: number
  received: number
  errors: number
  times: number[]
  elapsed: number
  /** Most requests under way at one time. */
  pipe: number
}

const iputils: Style = {
  head: (name, address, size, from) =>
    address.includes(':') ? `PING ${name}(${address}) ${from}${size} data bytes\n` : `PING ${name} (${address}) ${from}${size}(${size + 28}) bytes of data.\n`,
  reply: (bytes, from, sequence, ttl, ms) => `${bytes} bytes from ${from}: icmp_seq=${sequence} ttl=${ttl}${ms === undefined ? '' : ` time=${shortTime(ms)} ms`}\n`,
  summary(name, s) {
    const loss = s.sent === 0 ? 0 : ((s.sent - s.received) / s.sent) * 100
    const errors = s.errors > 0 ? `+${s.errors} errors, ` : ''
    const out = `\n--- ${name} ping statistics ---\n${s.sent} packets transmitted, ${s.received} received, ${errors}${String(Number(loss.toPrecision(6)))}% packet loss, time ${Math.floor(s.elapsed)}ms\n`
    const last: string[] = []
    if (s.times.length > 0) last.push(`rtt min/avg/max/mdev = ${numbers(s.times).map((n) => n.toFixed(3)).join('/')} ms`)
    if (s.pipe > 1) last.push(`pipe ${s.pipe}`)
    return `${out}${last.join(', ')}\n`
  },
  firstSequence: 1,
}

const busybox: Style = {
  head: (name, address, size) => `PING ${name} (${address}): ${size} data bytes\n`,
  reply: (bytes, from, sequence, ttl, ms) => `${bytes} bytes from ${from}: seq=${sequence} ttl=${ttl}${ms === undefined ? '' : ` time=${ms.toFixed(3)} ms`}\n`,
  summary(name, s) {
    const loss = s.sent === 0 ? 0 : Math.floor(((s.sent - s.received) * 100) / s.sent)
    let out = `\n--- ${name} ping statistics ---\n${s.sent} packets transmitted, ${s.received} packets received, ${loss}% packet loss\n`
    if (s.times.length > 0) out += `round-trip min/avg/max = ${numbers(s.times).slice(0, 3).map((n) => n.toFixed(3)).join('/')} ms\n`
    return out
  },
  firstSequence: 0,
}

/** As ping_common.c prints a time: three digits that matter. */
function shortTime(ms: number): string {
  const us = Math.round(ms * 1000)
  if (us >= 100_000) return String(Math.round(us / 1000))
  if (us >= 10_000) return (us / 1000).toFixed(1)
  if (us >= 1000) return (us / 1000).toFixed(2)
  return (us / 1000).toFixed(3)
}

function numbers(times: readonly number[]): [number, number, number, number] {
  const average = times.reduce((a, b) => a + b, 0) / times.length
  const square = times.reduce((a, b) => a + b * b, 0) / times.length
  return [Math.min(...times), average, Math.max(...times), Math.sqrt(Math.max(0, square - average * average))]
}

/** ping(8). */
export function* ping(process: Process): Task<number> {
  const parsed = parse(process.argv.slice(1))
  if ('error' in parsed) {
    yield* process.printError(parsed.error)
    return parsed.code
  }
  const { options, host } = parsed
  if (programName(process) === 'ping6') options.family = 6
  const { literal, device } = scoped(host)
  let address = literal ?? host
  if (literal !== undefined) {
    if (options.family !== undefined && literal.includes(':') !== (options.family === 6)) {
      yield* process.printError(`ping: ${host}: Address family for hostname not supported\n`)
      return 2
    }
    if (device !== undefined) options.source ??= device
  } else {
    const resolved = yield* resolveHost(process, host, options.family === undefined ? {} : { family: options.family })
    if ('error' in resolved) {
      yield* process.printError(`ping: ${host}: ${resolved.message}\n`)
      return 2
    }
    address = resolved.addresses[0]!
  }
  return yield* pingLoop(process, host, address, options, iputils)
}

/** The applet of busybox. */
export function* busyboxPing(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'c:i:s:t:W:w:qn46I:A')
  if ('invalid' in parsed || 'missing' in parsed || parsed.operands.length !== 1) {
    const what = 'invalid' in parsed ? `ping: unrecognized option: ${parsed.invalid}\n` : 'missing' in parsed ? `ping: option requires an argument: ${parsed.missing}\n` : ''
    yield* process.printError(`${what}BusyBox v1.36.1 () multi-call binary.\n\nUsage: ping [OPTIONS] HOST\n`)
    return 1
  }
  const options = defaults()
  for (const { name, value } of parsed.options) {
    if (name === 'c') options.count = Number(value)
    if (name === 'i') options.interval = Number(value) * 1000
    if (name === 's') options.size = Number(value)
    if (name === 't') options.ttl = Number(value)
    if (name === 'W') options.wait = Number(value) * 1000
    if (name === 'w') options.deadline = Number(value) * 1000
    if (name === 'q') options.quiet = true
    if (name === 'I') options.source = value
    if (name === '4' || name === '6') options.family = Number(name) as 4 | 6
  }
  if (programName(process) === 'ping6') options.family = 6
  const host = parsed.operands[0]!
  const { literal, device } = scoped(host)
  if (device !== undefined) options.source ??= device
  let address = literal ?? host
  if (literal === undefined) {
    const resolved = yield* resolveHost(process, host, options.family === undefined ? {} : { family: options.family })
    if ('error' in resolved) {
      yield* process.printError(`ping: bad address '${host}'\n`)
      return 1
    }
    address = resolved.addresses[0]!
  }
  return yield* pingLoop(process, host, address, options, busybox)
}

const defaults = (): Options => ({ count: Infinity, interval: 1000, size: 56, ttl: undefined, wait: 10_000, deadline: Infinity, quiet: false, dontFragment: false, source: undefined, family: undefined })

function parse(args: readonly string[]): { options: Options; host: string } | { error: string; code: number } {
  const parsed = getopt(args, 'c:i:s:t:W:w:qnM:I:4hVOvDbBA6RT:F:N:f')
  if ('invalid' in parsed) return { error: `ping: invalid option -- '${parsed.invalid}'\n${PING_USAGE}`, code: 2 }
  if ('missing' in parsed) return { error: `ping: option requires an argument -- '${parsed.missing}'\n${PING_USAGE}`, code: 2 }
  const options = defaults()
  for (const { name, value } of parsed.options) {
    const number = Number(value)
    const bad = !/^-?\d+(\.\d+)?$/.test(value)
    const within = (low: number, high: number | string): { error: string; code: number } | undefined => {
      if (bad) return { error: `ping: invalid argument: '${value}'\n`, code: 1 }
      if (number < low || number > Number(high)) return { error: `ping: invalid argument: '${value}': out of range: ${low} <= value <= ${high}\n`, code: 1 }
      return undefined
    }
    let wrong: { error: string; code: number } | undefined
    switch (name) {
      case 'c': wrong = within(1, '9223372036854775807'); options.count = number; break
      case 'i': wrong = within(0, 2147483); options.interval = Math.max(2, number * 1000); break
      case 's': wrong = within(0, 65507); options.size = number; break
      case 't': wrong = within(0, 255); options.ttl = number; break
      case 'W': wrong = within(0, 2147483); options.wait = number * 1000; break
      case 'w': wrong = within(0, 2147483647); options.deadline = number * 1000; break
      case 'q': options.quiet = true; break
      case 'M': options.dontFragment = value === 'do'; break
      case 'I': options.source = value; break
      case 'h': return { error: PING_USAGE, code: 2 }
      case 'V': return { error: 'ping from iputils 20221126\n', code: 0 }
      case '4': options.family = 4; break
      case '6': options.family = 6; break
      case 'n': break
      default: return { error: `podhop: not simulated: ping -${name} (use ping without it)\n`, code: 69 }
    }
    if (wrong) return wrong
  }
  if (parsed.operands.length === 0) return { error: 'ping: usage error: Destination address required\n', code: 1 }
  return { options, host: parsed.operands.at(-1)! }
}

/** A literal, and of one with a scope ("fe80::1%eth0", RFC 4007) the interface. */
function scoped(host: string): { literal?: string; device?: string } {
  const percent = host.indexOf('%')
  const literal = canonicalIp(percent < 0 ? host : host.slice(0, percent))
  return { ...(literal === undefined ? {} : { literal }), ...(percent < 0 ? {} : { device: host.slice(percent + 1) }) }
}

/** -I: the source address, or an interface's name. Throws what bind and setsockopt would. */
function bindTo(process: Process, word: string | undefined, address: string): { source?: string; device?: string } {
  if (word === undefined) return {}
  if (isValidIp(word)) {
    if (!process.network.isLocal(word)) throw new Refusal('bind: Cannot assign requested address')
    return { source: word }
  }
  const link = process.network.links.get(word)
  if (!link) throw new Refusal(`SO_BINDTODEVICE ${word}: No such device`)
  const route = process.network.routes.lookup(address)
  if (address.includes(':')) return { device: word }
  if (route?.device !== word) throw new NotSimulated(`ping -I ${word} to an address behind another interface (use -I ADDRESS)`)
  const source = route.source ?? link.addresses[0]?.address
  return { device: word, ...(source === undefined ? {} : { source }) }
}

class Refusal extends Error {}
class NotSimulated extends Error {}

function* pingLoop(process: Process, name: string, address: string, options: Options, style: Style): Task<number> {
  const { clock } = process
  const statistics: Statistics = { sent: 0, received: 0, errors: 0, times: [], elapsed: 0, pipe: 0 }
  const start = clock.now
  const sentAt = new Map<number, number>()
  const lines: string[] = []
  const signal = new Signal()
  const timed = options.size >= (style === iputils ? 16 : 4)
  const acknowledge = (sequence: number): void => {
    sentAt.delete(sequence)
    statistics.pipe = Math.max(statistics.pipe, statistics.sent - (sequence - style.firstSequence))
  }
  let interrupted = false
  process.onSignal('SIGINT', () => {
    interrupted = true
    signal.notify()
  })
  let socket: PingSocket | undefined
  let lastSent = start
  try {
    const bound = bindTo(process, options.source, address)
    if (bound.device === undefined && process.network.sourceFor(address) === undefined) throw new SystemError('ENETUNREACH')
    socket = process.network.sockets.ping({ owner: { pid: process.pid, program: programName(process) } })
    socket.onReply = (reply) => {
      const at = sentAt.get(reply.sequence)
      if (at === undefined) return
      acknowledge(reply.sequence)
      const ms = clock.now - at
      statistics.received++
      if (timed) statistics.times.push(ms)
      if (!options.quiet) lines.push(style.reply(reply.data.length + 8, reply.source + scopeOf(process, reply.source), reply.sequence, reply.ttl, timed ? ms : undefined))
      signal.notify()
    }
    socket.onError = (e) => {
      // busybox does not look at ICMP errors
      if (style !== iputils) return
      acknowledge(e.sequence)
      statistics.errors++
      if (!options.quiet) lines.push(`From ${e.source} icmp_seq=${e.sequence} ${address.includes(':') ? errorText6(e) : errorText(e)}\n`)
      signal.notify()
    }
    const link = bound.device !== undefined && /^fe[89ab]/.test(address) ? `%${bound.device}` : ''
    const from = options.source === undefined || link !== '' ? '' : `from ${bound.source ?? ''} ${bound.device ?? ''}: `
    yield* process.print(style.head(name, name.includes('%') ? name : address, options.size, from))
    const end = start + options.deadline
    // with -w, ping goes on until there are -c answers
    const answered = (): boolean => statistics.received + statistics.errors >= options.count
    for (let n = 0; (options.deadline === Infinity ? n < options.count : !answered()) && !interrupted && clock.now < end; n++) {
      const sequence = style.firstSequence + n
      statistics.sent++
      lastSent = clock.now
      sentAt.set(sequence, clock.now)
      try {
        socket.send(address, sequence, pattern(options.size), {
          ...(options.ttl === undefined ? {} : { ttl: options.ttl }), ...(bound.source === undefined ? {} : { source: bound.source }), ...(bound.device !== undefined && address.includes(':') ? { device: bound.device } : {}), dontFragment: options.dontFragment,
        })
      } catch (error) {
        const text = sendFailure(process, error, address, style)
        if (text === undefined) throw error
        acknowledge(sequence)
        statistics.errors++
        lines.push(text)
      }
      const last = options.deadline === Infinity && n + 1 >= options.count
      // the last one: until everything is answered, at most -W
      const until = Math.min(end, clock.now + (last ? options.wait : options.interval))
      while (!interrupted && clock.now < until && !(last && sentAt.size === 0) && !(options.deadline !== Infinity && answered())) {
        yield* flush(process, lines)
        if (last && sentAt.size === 0) break
        yield anyOf(signal.wait, pause(process, until - clock.now))
      }
      yield* flush(process, lines)
    }
    yield* flush(process, lines)
    statistics.elapsed = style === iputils ? lastSent - start : clock.now - start
    yield* process.print(style.summary(name, statistics))
    return statistics.received > 0 && (options.deadline === Infinity || options.count === Infinity || statistics.received >= options.count) ? 0 : 1
  } catch (error) {
    if (error instanceof NotSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message}\n`)
      return 69
    }
    if (!(error instanceof SystemError) && !(error instanceof Refusal)) throw error
    yield* process.printError(error instanceof Refusal ? `ping: ${error.message}\n` : style === iputils ? `ping: connect: ${error.message}\n` : `ping: sendto: ${error.message}\n`)
    return style === iputils ? 2 : 1
  } finally {
    socket?.close()
  }
}

/** What is said when one request cannot go out; undefined where that ends the program. */
function sendFailure(process: Process, error: unknown, address: string, style: Style): string | undefined {
  if (!(error instanceof SystemError) || style !== iputils) return undefined
  if (error.code === 'EMSGSIZE') return `ping: local error: message too long, mtu${address.includes(':') ? ': ' : '='}${process.network.pathMtu?.(address) ?? 1500}\n`
  return error.code === 'EPERM' ? `ping: sendmsg: ${error.message}\n` : undefined
}

function* flush(process: Process, lines: string[]): Task {
  for (const line of lines.splice(0)) yield* line.startsWith('ping: ') ? process.printError(line) : process.print(line)
}

/** Bytes 0, 1, 2, … as ping fills its packets. */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i & 0xff)
}

/** A link-local address is said with its interface, here the only one that leads there. */
function scopeOf(process: Process, address: string): string {
  if (!/^fe[89ab]/.test(address)) return ''
  const entry = process.network.neighbours.list().find((n) => n.ip === address)
  return entry ? `%${entry.device}` : ''
}

/** ping6_common.c's words for ICMPv6 errors. */
function errorText6(e: { type: number; code: number; mtu?: number }): string {
  const unreachable = ['No route', 'Administratively prohibited', 'Beyond scope of source address', 'Address unreachable', 'Port unreachable']
  if (e.type === 1) return `Destination unreachable: ${unreachable[e.code] ?? `Unknown code ${e.code}`}`
  if (e.type === 2) return `Packet too big: mtu=${e.mtu ?? 0}`
  if (e.type === 3) return `Time exceeded: ${e.code === 0 ? 'Hop limit' : 'Defragmentation failure'}`
  return `Unknown type: ${e.type}`
}

/** ping.c's words for ICMP errors. */
function errorText(e: { type: number; code: number; mtu?: number }): string {
  if (e.type === 11) return e.code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded'
  if (e.type !== 3) return `Bad ICMP type: ${e.type}`
  const texts: Record<number, string> = {
    0: 'Destination Net Unreachable',
    1: 'Destination Host Unreachable',
    2: 'Destination Protocol Unreachable',
    3: 'Destination Port Unreachable',
    4: `Frag needed and DF set (mtu = ${e.mtu ?? 0})`,
    9: 'Destination Net Prohibited',
    10: 'Destination Host Prohibited',
    13: 'Packet filtered',
  }
  return texts[e.code] ?? `Dest Unreachable, Bad Code: ${e.code}`
}
