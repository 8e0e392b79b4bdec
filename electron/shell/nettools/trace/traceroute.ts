import { anyOf, capable, Signal, type Process, type Task } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { pause, programName } from '../stream.ts'
import { isRefused, mark, Prober, type Method, type Probe } from './prober.ts'
import { TRACEROUTE_USAGE } from './usage.ts'

interface Options {
  method: Method
  numeric: boolean
  first: number
  most: number
  queries: number
  parallel: number
  /** Seconds at most; times the answer of the same hop; times that of a later one. */
  wait: [number, number, number]
  port: number | undefined
  constantPort: boolean
  dontFragment: boolean
  tos: number | undefined
  source: string | undefined
  device: string | undefined
  sourcePort: number | undefined
  sendWait: number
  /** To neighbours alone. */
  bypass?: boolean
  family: 4 | 6 | undefined
}

class Refusal extends Error {
  readonly code: number
  constructor(text: string, code = 2) {
    super(text)
    this.code = code
  }
}

/** Short name → what the value is called; "" where there is none. */
const SHORT: Readonly<Record<string, string>> = byName({
  4: '', 6: '', d: '', F: '', f: 'first_ttl', g: 'gate,...', I: '', T: '', i: 'device', m: 'max_ttl', N: 'squeries', n: '', p: 'port', t: 'tos', l: 'flow_label', w: 'MAX,HERE,NEAR', q: 'nqueries', r: '', s: 'src_addr', z: 'sendwait', e: '', A: '', M: 'name', O: 'OPTS,...', U: '', D: '', P: 'prot', V: '',
})
const LONG: Readonly<Record<string, string>> = byName({
  debug: 'd', 'dont-fragment': 'F', first: 'f', gateway: 'g', icmp: 'I', tcp: 'T', interface: 'i', 'max-hops': 'm', 'sim-queries': 'N', port: 'p', tos: 't', flowlabel: 'l', wait: 'w', queries: 'q', source: 's', sendwait: 'z', extensions: 'e', 'as-path-lookups': 'A', module: 'M', options: 'O', udp: 'U', dccp: 'D', protocol: 'P', version: 'V',
})
const NOT_SIMULATED = 'gAODP'

/** traceroute(8), the one of Debian 12 (Dmitry Butskoy's, 2.1.2). */
export function* traceroute(process: Process): Task<number> {
  try {
    return yield* run(process)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(error.message)
    return error.code
  }
}

function* run(process: Process): Task<number> {
  const { options, operands } = parse(process.argv.slice(1))
  if (operands === undefined) {
    yield* process.printError(options === 'version' ? 'Modern traceroute for Linux, version 2.1.2\nCopyright (c) 2016  Dmitry Butskoy,   License: GPL v2 or any later\n' : TRACEROUTE_USAGE)
    return 0
  }
  const [hostWord, lengthWord] = operands as [{ text: string; at: number }, { text: string; at: number }?]
  const host = hostWord.text
  if (programName(process) === 'traceroute6') options.family = 6
  const found = yield* addressOf(process, host, options.family)
  if ('error' in found) throw new Refusal(`${host}: ${found.message}\nCannot handle "host" cmdline arg \`${host}' on position 1 (argc ${hostWord.at})\n`)
  const { address } = found
  const v6 = address.includes(':')
  const header = v6 ? 40 : 20
  const length = lengthWord === undefined ? header + 40 : Number(lengthWord.text)
  if (!Number.isInteger(length)) throw new Refusal(`Cannot handle "packetlen" cmdline arg \`${lengthWord!.text}' on position 2 (argc ${lengthWord!.at})\n`)
  if (length > 65_000) throw new Refusal(`too big packetlen ${length} specified\n`)
  if (options.most < options.first || options.first < 1) throw new Refusal('first hop out of range\n')
  if (options.most > 255) throw new Refusal('max hops cannot be more than 255\n')
  if (options.queries < 1 || options.queries > 10) throw new Refusal('no more than 10 probes per hop\n')
  if (options.method === 'tcp' && !capable(process, 'NET_RAW')) throw new Refusal("You do not have enough privileges to use this traceroute method.\nsocket: Operation not permitted\n", 1)

  const prober = new Prober(process, address, {
    method: options.method, length: Math.max(length, header + 8), port: options.port ?? (options.method === 'tcp' ? 80 : options.constantPort ? 53 : 33434), constantPort: options.constantPort,
    dontFragment: options.dontFragment, ...(options.tos === undefined ? {} : { tos: options.tos }), ...(options.source === undefined ? {} : { source: options.source }),
    ...(options.device === undefined ? {} : { device: options.device }), ...(options.sourcePort === undefined ? {} : { sourcePort: options.sourcePort }),
  })
  yield* process.print(`traceroute to ${host} (${address}), ${options.most} hops max, ${Math.max(length, header + 8)} byte packets`)
  try {
    // the line has begun when the socket is made
    if (options.device !== undefined && !process.network.links.has(options.device)) throw new Refusal('\nsetsockopt SO_BINDTODEVICE: No such device\n', 1)
    if (options.source !== undefined && !process.network.isLocal(options.source)) throw new Refusal('\nbind: Cannot assign requested address\n', 1)
    if (options.bypass && process.network.routes.lookup(address)?.via !== undefined) throw new Refusal('\nconnect: Network is unreachable\n', 1)
    return yield* probe(process, prober, options, v6)
  } finally {
    prober.close()
  }
}

type Slot = Probe & { lost?: boolean }

/** As do_it() and check_expired() of traceroute.c: several probes under way, printed in their order. */
function* probe(process: Process, prober: Prober, options: Options, v6: boolean): Task<number> {
  const { clock } = process
  const signal = new Signal()
  prober.onReply = () => signal.notify()
  const { queries } = options
  const slots: Slot[] = []
  const names = new Map<string, string | undefined>()
  let start = (options.first - 1) * queries
  let end = options.most * queries
  const done = (n: number): boolean => slots[n]?.reply !== undefined || slots[n]?.lost === true
  const isFinal = (p: Slot): boolean => p.reply !== undefined && (p.reply.reached || p.reply.error !== undefined)
  let nextSend = clock.now
  while (start < end) {
    let underWay = 0
    for (let n = start; n < end; n++) {
      if (n === start && slots[n] && !done(n) && clock.now >= slots[n]!.sentAt + timeout(slots, n, options)) slots[n]!.lost = true
      if (done(n)) {
        if (isFinal(slots[n]!)) end = (Math.floor(n / queries) + 1) * queries
        if (n === start) {
          yield* process.print(yield* probeText(process, slots, n, options, names, v6))
          start++
        }
        continue
      }
      if (!slots[n]) {
        if (clock.now < nextSend) break
        try {
          slots[n] = prober.send(Math.floor(n / queries) + 1)
        } catch (error) {
          if (!isRefused(error)) throw error
          if (error.code === 'EPERM' || error.code === 'EMSGSIZE') throw new Refusal(`\nsend: ${error.message}\n`, 1)
          throw new Refusal(`\nconnect: ${error.message}\n`, 1)
        }
        nextSend = clock.now + options.sendWait
      }
      if (++underWay >= options.parallel) break
    }
    if (start >= end) break
    const first = slots[start]
    if (done(start)) continue
    const until = Math.min(first ? first.sentAt + timeout(slots, start, options) : Infinity, options.sendWait > 0 && nextSend > clock.now ? nextSend : Infinity)
    yield anyOf(signal.wait, pause(process, Math.max(0.001, until - clock.now)))
  }
  yield* process.print('\n')
  return 0
}

/** How long a probe is waited for, in ms. */
function timeout(slots: readonly Slot[], n: number, { queries, wait: [most, here, near] }: Options): number {
  const limit = (factor: number, p: Slot): number => Math.min((p.reply!.at - p.sentAt + 1) * factor, most * 1000)
  const hop = n - (n % queries)
  if (here > 0) for (let i = hop; i < hop + queries; i++) if (slots[i]?.reply) return limit(here, slots[i]!)
  if (near > 0) for (let i = n + 1; i < slots.length; i++) if (slots[i]?.reply) return limit(near, slots[i]!)
  return most * 1000
}

function* probeText(process: Process, slots: readonly Slot[], n: number, options: Options, names: Map<string, string | undefined>, v6: boolean): Task<string> {
  const { queries, numeric } = options
  const place = n % queries
  let text = place === 0 ? `\n${String(Math.floor(n / queries) + 1).padStart(2)} ` : ''
  const { reply, sentAt } = slots[n]!
  if (!reply) return `${text} *`
  let before = n - 1
  while (before >= n - place && !slots[before]!.reply) before--
  if (before < n - place || slots[before]!.reply!.source !== reply.source) text += numeric ? ` ${reply.source}` : ` ${(yield* nameOfAddress(process, reply.source, names)) ?? reply.source} (${reply.source})`
  text += `  ${(reply.at - sentAt).toFixed(3)} ms`
  const marked = reply.error ? mark(reply.error, v6) : ''
  return marked ? `${text} ${marked}` : text
}

type Word = { text: string; at: number }

function parse(args: readonly string[]): { options: Options; operands: Word[] } | { options: 'help' | 'version'; operands: undefined } {
  const options: Options = {
    method: 'udp', numeric: false, first: 1, most: 30, queries: 3, parallel: 16, wait: [5, 3, 10], port: undefined, constantPort: false, dontFragment: false, tos: undefined, source: undefined, device: undefined, sourcePort: undefined, sendWait: 0, family: undefined,
  }
  const operands: Word[] = []
  if (args.length === 0) return { options: 'help', operands: undefined }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    const at = i + 1
    if (arg === '--help') return { options: 'help', operands: undefined }
    if (arg.startsWith('--')) {
      const [word, inline] = arg.slice(2).split(/=(.*)/s) as [string, string?]
      if (word === 'sport') {
        options.sourcePort = number(inline ?? args[++i] ?? '', '--sport', at)
        options.parallel = 1
      } else if (word === 'mtu' || word === 'back' || word === 'fwmark') throw new Refusal(`podhop: not simulated: traceroute --${word} (use ${word === 'mtu' ? 'tracepath' : 'traceroute without it'})\n`, 69)
      else if (LONG[word] === undefined) throw new Refusal(`Bad option \`${arg}' (argc ${at})\n`)
      else if (SHORT[LONG[word]] === '') set(options, LONG[word], '', arg, at)
      else set(options, LONG[word], inline ?? args[++i] ?? missing(arg, `${arg}=${SHORT[LONG[word]]}`, at), arg, at)
      if (LONG[word] === 'V') return { options: 'version', operands: undefined }
      continue
    }
    if (!arg.startsWith('-') || arg === '-') {
      operands.push({ text: arg, at })
      continue
    }
    for (let k = 1; k < arg.length; k++) {
      const name = arg[k]!
      if (SHORT[name] === undefined) throw new Refusal(`Bad option \`-${name}' (argc ${at})\n`)
      if (name === 'V') return { options: 'version', operands: undefined }
      if (SHORT[name] === '') {
        set(options, name, '', `-${name}`, at)
        continue
      }
      const value = k + 1 < arg.length ? arg.slice(k + 1) : (args[++i] ?? missing(`-${name}`, `-${name} ${SHORT[name]}`, at))
      set(options, name, value, `-${name}`, i + 1)
      break
    }
  }
  if (operands.length === 0) throw new Refusal('Specify "host" missing argument.\n')
  if (operands.length > 2) throw new Refusal(`Extra arg \`${operands[2]!.text}' (position 3, argc ${operands[2]!.at})\n`)
  return { options, operands }
}

function missing(option: string, form: string, at: number): never {
  throw new Refusal(`Option \`${option}' (argc ${at}) requires an argument: \`${form}'\n`)
}

function number(text: string, option: string, at: number): number {
  if (!/^\d+$/.test(text)) throw new Refusal(`Cannot handle \`${option}' option with arg \`${text}' (argc ${at})\n`)
  return Number(text)
}

function set(options: Options, name: string, value: string, written: string, at: number): void {
  if (NOT_SIMULATED.includes(name)) throw new Refusal(`podhop: not simulated: traceroute -${name} (use traceroute without it)\n`, 69)
  switch (name) {
    case '4': case '6': options.family = Number(name) as 4 | 6; break
    case 'F': options.dontFragment = true; break
    case 'f': options.first = number(value, written, at); break
    case 'I': options.method = 'icmp'; break
    case 'T': options.method = 'tcp'; break
    case 'U': options.method = 'udp'; options.constantPort = true; break
    case 'M':
      if (!['icmp', 'tcp', 'udp', 'default'].includes(value)) throw new Refusal(`Unknown traceroute module ${value}\n`)
      options.method = value === 'default' ? 'udp' : (value as Method)
      options.constantPort = value === 'udp'
      break
    case 'i': options.device = value; break
    // debugging of sockets, MPLS labels that nobody here has, a label of IPv6
    case 'd': case 'e': case 'l': break
    case 'r': options.bypass = true; break
    case 'm': options.most = number(value, written, at); break
    case 'N': options.parallel = Math.max(1, number(value, written, at)); break
    case 'n': options.numeric = true; break
    case 'p': options.port = number(value, written, at); break
    case 'q': options.queries = number(value, written, at); break
    case 's': options.source = value; break
    case 't': options.tos = number(value, written, at); break
    case 'w': {
      const parts = value.split(',').map(Number)
      if (parts.some((p) => p < 0)) throw new Refusal(`bad wait specifications \`${[parts[0] ?? 5, parts[1] ?? 0, parts[2] ?? 0].join(',')}' used\n`)
      if (parts.some((p) => !(p >= 0))) throw new Refusal(`Cannot handle \`${written}' option with arg \`${value}' (argc ${at})\n`)
      options.wait = [parts[0] ?? 5, parts[1] ?? (parts.length === 1 ? 0 : 3), parts[2] ?? (parts.length === 1 ? 0 : 10)]
      break
    }
    case 'z': options.sendWait = Number(value) > 10 ? Number(value) : Number(value) * 1000; break
  }
}
