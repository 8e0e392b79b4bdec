import { anyOf, canonicalIp, isValidIp, resolveHost, Signal, SystemError, type PingSocket, type Process, type Task } from '../../../engine/cluster.ts'
import { nameOfAddress } from '../names.ts'
import { pause, ownerOf, programName } from '../stream.ts'
import { parseBusyboxPing, parsePing, type Options, type Parsed } from './options.ts'
import { busybox, errorText, errorText6, iputils, type Statistics, type Style } from './style.ts'

/** ping(8). */
export function* ping(process: Process): Task<number> {
  return yield* run(process, parsePing(process.argv.slice(1)), iputils)
}

/** The applet of busybox. */
export function* busyboxPing(process: Process): Task<number> {
  return yield* run(process, parseBusyboxPing(process.argv.slice(1)), busybox)
}

function* run(process: Process, parsed: Parsed, style: Style): Task<number> {
  const name = programName(process)
  if ('code' in parsed) {
    if (parsed.stdout !== undefined) yield* process.print(parsed.stdout)
    if (parsed.error !== undefined) yield* process.printError(parsed.error.replace(/^ping:/gm, `${name}:`))
    return parsed.code
  }
  const { options, host } = parsed
  if (name === 'ping6') options.family = 6
  yield* process.printError(options.warnings)
  const failed = style === iputils ? 2 : 1
  if (style === busybox && options.source !== undefined && !isValidIp(options.source) && !process.network.links.has(options.source)) {
    yield* process.printError(`${name}: bad address '${options.source}'\n`)
    return failed
  }
  const { literal, device } = scoped(host)
  let address = literal ?? host
  if (literal !== undefined) {
    if (options.family !== undefined && literal.includes(':') !== (options.family === 6)) {
      yield* process.printError(style === busybox ? `${name}: bad address '${host}'\n` : `${name}: ${host}: Address family for hostname not supported\n`)
      return failed
    }
    if (device !== undefined) options.source ??= device
    options.numeric = true
  } else {
    if (options.verbose) yield* process.printError(VERBOSE)
    const resolved = yield* resolveHost(process, host, options.family === undefined ? {} : { family: options.family })
    if ('error' in resolved) {
      yield* process.printError(style === busybox ? `${name}: bad address '${host}'\n` : `${name}: ${host}: ${resolved.message}\n`)
      return failed
    }
    address = resolved.addresses[0]!
  }
  if (options.verbose) yield* process.printError(literal === undefined ? '' : VERBOSE)
  if (options.verbose) yield* process.print(`ai->ai_family: AF_INET${address.includes(':') ? '6' : ''}, ai->ai_canonname: '${host}'\n`)
  if (style === iputils && isBroadcast(process, address)) {
    if (!options.broadcast) {
      yield* process.printError(`${name}: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n`)
      return 2
    }
    yield* process.printError('WARNING: pinging broadcast address\n')
  }
  if (options.pattern && style === iputils) yield* process.print(`PATTERN: 0x${Array.from(options.pattern, (b) => b.toString(16).padStart(2, '0')).join('')}\n`)
  return yield* pingLoop(process, host, address, options, style)
}

const VERBOSE = 'ping: sock4.fd: 3 (socktype: SOCK_DGRAM), sock6.fd: 4 (socktype: SOCK_DGRAM), hints.ai_family: AF_UNSPEC\n\n'

const isBroadcast = ({ network }: Process, address: string): boolean =>
  address === '255.255.255.255' || [...network.links.values()].some((link) => link.addresses.some((a) => !a.address.includes(':') && a.prefixLength < 31 && address === lastOf(a.address, a.prefixLength)))

/** The last address of a network, which is its broadcast address. */
function lastOf(address: string, prefix: number): string {
  const host = 2 ** (32 - prefix)
  const value = address.split('.').reduce((sum, n) => sum * 256 + Number(n), 0)
  const last = Math.floor(value / host) * host + host - 1
  return [24, 16, 8, 0].map((shift) => Math.floor(last / 2 ** shift) % 256).join('.')
}

/** A literal, also in the short forms of inet_aton(3) ("127.1"), and of one with a scope ("fe80::1%eth0", RFC 4007) the interface. */
function scoped(host: string): { literal?: string; device?: string } {
  const percent = host.indexOf('%')
  const literal = canonicalIp(percent < 0 ? host : host.slice(0, percent)) ?? shortIpv4(host)
  return { ...(literal === undefined ? {} : { literal }), ...(percent < 0 ? {} : { device: host.slice(percent + 1) }) }
}

function shortIpv4(text: string): string | undefined {
  const parts = text.split('.')
  if (parts.length > 4 || !parts.every((part) => /^(0x[\da-f]+|\d{1,10})$/i.test(part))) return undefined
  const numbers = parts.map(Number)
  const last = numbers.pop()!
  if (numbers.some((n) => n > 255) || last >= 256 ** (4 - numbers.length)) return undefined
  const value = numbers.reduce((sum, n, i) => sum + n * 256 ** (3 - i), last)
  // to ping 0 is to ping oneself
  return value === 0 ? '127.0.0.1' : [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
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
  const lines: Said[] = []
  const signal = new Signal()
  const names = new Map<string, string | undefined>()
  const timed = options.size >= (style === iputils ? 16 : 4)
  const ring = (line: string): string => (options.audible ? line.replace('\n', '\x07\n') : line)
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
    const reachable = bound.device !== undefined || process.network.sourceFor(address) !== undefined
    if (!reachable && style === iputils) throw new SystemError('ENETUNREACH')
    socket = process.network.sockets.ping({ owner: ownerOf(process) })
    socket.onReply = (reply) => {
      const at = sentAt.get(reply.sequence)
      if (at === undefined) return
      acknowledge(reply.sequence)
      const ms = clock.now - at
      statistics.received++
      if (timed) statistics.times.push(ms)
      if (options.flood && !options.quiet) lines.push({ text: '\b \b' })
      else if (!options.quiet) lines.push({ from: reply.source, text: (from) => ring(style.reply(reply.data.length + 8, from + scopeOf(process, reply.source), reply.sequence, reply.ttl, timed ? ms : undefined)) })
      signal.notify()
    }
    socket.onError = (e) => {
      // busybox does not look at ICMP errors
      if (style !== iputils) return
      acknowledge(e.sequence)
      statistics.errors++
      if (options.flood && !options.quiet) lines.push({ text: '\bE' })
      else if (!options.quiet) lines.push({ from: e.source, text: (from) => `From ${from} icmp_seq=${e.sequence} ${address.includes(':') ? errorText6(e) : errorText(e)}\n` })
      signal.notify()
    }
    const say = function* (): Task {
      for (const line of lines.splice(0)) {
        const stamp = options.stamps && line.from !== undefined ? `[${(clock.wall() / 1000).toFixed(6)}] ` : ''
        if (typeof line.text === 'string') yield* line.error ? process.printError(line.text) : process.print(line.text)
        else {
          const host = options.numeric || style !== iputils ? undefined : yield* nameOfAddress(process, line.from!, names)
          yield* process.print(stamp + line.text(host === undefined ? line.from! : `${host} (${line.from!})`))
        }
      }
    }
    const link = bound.device !== undefined && /^fe[89ab]/.test(address) ? `%${bound.device}` : ''
    const from = options.sticky && options.source === undefined
      ? `from ${process.network.sourceFor(address) ?? ''} : `
      : options.source === undefined || link !== '' || (style === busybox && !isValidIp(options.source)) ? '' : style === busybox ? ` from ${bound.source!}` : `from ${bound.source ?? ''} ${bound.device ?? ''}: `
    yield* process.print(style.head(name, name.includes('%') ? name : address, options.size, from))
    if (!reachable) throw new SystemError(address.includes(':') && process.network.sysctl('net.ipv6.conf.all.disable_ipv6') === '1' ? 'EADDRNOTAVAIL' : 'ENETUNREACH')
    const end = start + options.deadline
    // with -w, iputils goes on until there are -c answers
    const untilAnswered = options.deadline !== Infinity && style === iputils
    const answered = (): boolean => statistics.received + statistics.errors >= options.count
    const eager = options.adaptive || options.flood || options.interval === 0
    const interval = options.flood ? Math.max(10, options.interval === 1000 ? 0 : options.interval) : Math.max(2, options.interval)
    for (let n = 0; (untilAnswered ? !answered() : n < options.count) && !interrupted && clock.now < end; n++) {
      const sequence = style.firstSequence + n
      if (options.outstanding && n > 0 && sentAt.has(sequence - 1)) lines.push({ from: address, text: () => `no answer yet for icmp_seq=${sequence - 1}\n` })
      statistics.sent++
      lastSent = clock.now
      sentAt.set(sequence, clock.now)
      if (options.flood && !options.quiet) lines.push({ text: '.' })
      try {
        // longer than any packet: the kernel refuses it, and ping says nothing
        if (options.size <= LONGEST) {
          socket.send(address, sequence, filled(options), {
            ...(options.ttl === undefined ? {} : { ttl: options.ttl }), ...(bound.source === undefined ? {} : { source: bound.source }), ...(bound.device !== undefined && address.includes(':') ? { device: bound.device } : {}), dontFragment: options.dontFragment,
          })
        }
      } catch (error) {
        const text = sendFailure(process, error, address, style)
        if (text === undefined) throw error
        acknowledge(sequence)
        statistics.errors++
        lines.push({ text, error: true })
      }
      const last = !untilAnswered && n + 1 >= options.count
      if (!last && n + 1 < options.preload) continue
      // the last one: until everything is answered, at most -W
      const until = Math.min(end, clock.now + (last ? options.wait : interval))
      const done = (): boolean => (last || eager) && sentAt.size === 0
      while (!interrupted && clock.now < until && !done() && !(untilAnswered && answered())) {
        yield* say()
        if (done()) break
        yield anyOf(signal.wait, pause(process, until - clock.now))
      }
      yield* say()
    }
    yield* say()
    statistics.elapsed = style === iputils ? lastSent - start : clock.now - start
    yield* process.print(style.summary(name, eager && style === iputils ? { ...statistics, paced: true } : statistics))
    return statistics.received > 0 && (!untilAnswered || options.count === Infinity || statistics.received >= options.count) ? 0 : 1
  } catch (error) {
    if (error instanceof NotSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message}\n`)
      return 69
    }
    if (!(error instanceof SystemError) && !(error instanceof Refusal)) throw error
    yield* process.printError(`${programName(process)}: ${error instanceof Refusal ? '' : style === iputils ? 'connect: ' : 'sendto: '}${error.message}\n`)
    return style === iputils ? 2 : 1
  } finally {
    socket?.close()
  }
}

/** The most data of an echo request over IPv4. */
const LONGEST = 65_507

/** What is to be printed; of an address the name, if it has one. */
type Said = { text: string; from?: undefined; error?: boolean } | { text: (from: string) => string; from: string; error?: undefined }

/** What is said when one request cannot go out; undefined where that ends the program. */
function sendFailure(process: Process, error: unknown, address: string, style: Style): string | undefined {
  if (!(error instanceof SystemError) || style !== iputils) return undefined
  if (error.code === 'EMSGSIZE') return `ping: local error: message too long, mtu${address.includes(':') ? ': ' : '='}${process.network.pathMtu?.(address) ?? 1500}\n`
  return error.code === 'EPERM' ? `ping: sendmsg: ${error.message}\n` : undefined
}

/** Bytes 0, 1, 2, … as ping fills its packets, or -p's again and again. */
function filled({ size, pattern }: Options): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (pattern ? pattern[i % pattern.length]! : i & 0xff))
}

/** A link-local address is said with its interface, here the only one that leads there. */
function scopeOf(process: Process, address: string): string {
  if (!/^fe[89ab]/.test(address)) return ''
  const entry = process.network.neighbours.list().find((n) => n.ip === address)
  return entry ? `%${entry.device}` : ''
}
