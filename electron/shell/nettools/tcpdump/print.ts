import { cookedOf, encodeFrame, FrameSummary, ipLength, type Cooked, type Frame, type IpPacket, type Link } from '../../../engine/cluster.ts'
import { serviceName } from '../services.ts'
import type { TcpdumpOptions } from './options.ts'

/** A frame as it was captured: `at` is wall-clock ms. */
export interface Captured {
  at: number
  frame: Frame
  interface?: Pick<Link, 'name' | 'index' | 'mac' | 'kind'>
  direction?: 'in' | 'out'
  /** How a packet socket of "any" has seen it. */
  cooked?: Cooked
}

/** One run's output: it remembers the packets before for relative numbers and times. */
export class PacketPrinter {
  readonly #options: TcpdumpOptions
  readonly #cooked: boolean
  readonly #summary: FrameSummary
  #count = 0
  #first: number | undefined
  #last: number | undefined
  readonly #raw: boolean
  readonly #names: ReadonlyMap<string, string | undefined>

  /** `cooked`: captured on "any", whose lines begin with the interface. `names`: of addresses, as far as they are known. */
  constructor(options: TcpdumpOptions, cooked: boolean, raw = false, names: ReadonlyMap<string, string | undefined> = new Map()) {
    this.#options = options
    this.#cooked = cooked
    this.#raw = raw
    this.#names = names
    const { linkLevel, quick, verbose, absoluteSequence } = options
    const known = { portName: serviceName, hostName: (address: string) => this.#names.get(address) }
    this.#summary = new FrameSummary({ linkLevel, quick, verbose, absoluteSequence, raw, ...(options.numeric ? {} : known) })
  }

  text(captured: Captured): string {
    this.#count++
    const number = this.#options.number ? `${String(this.#count).padStart(5)}  ` : ''
    const line = `${number}${this.#time(captured.at)}${this.#cooked ? cooked(captured, this.#summary.line(captured.frame)) : this.#summary.line(captured.frame)}\n`
    return line + this.#dump(captured.frame)
  }

  #time(at: number): string {
    const micros = Math.round(at * 1000)
    this.#first ??= micros
    const since = micros - (this.#options.time === 5 ? this.#first : (this.#last ?? micros))
    this.#last = micros
    const fraction = (n: number): string => String(n % 1_000_000).padStart(6, '0')
    const seconds = Math.floor(micros / 1_000_000)
    switch (this.#options.time) {
      case 0: return `${clock(seconds)}.${fraction(micros)} `
      case 1: return ''
      case 2: return `${seconds}.${fraction(micros)} `
      case 4: return `${new Date(seconds * 1000).toISOString().slice(0, 10)} ${clock(seconds)}.${fraction(micros)} `
      default: return ` ${clock(Math.floor(since / 1_000_000))}.${fraction(since)} `
    }
  }

  #dump(frame: Frame): string {
    const { dump } = this.#options
    if (!dump.hex && !dump.text) return ''
    const bytes = dump.linkLevel && !this.#raw ? encodeFrame(frame) : encodeFrame(frame).subarray(14)
    return dump.hex ? hexDump(bytes, dump.ascii) : `${asText(bytes)}\n`
  }
}

/** The addresses that a frame's lines show, in their order. */
export function addressesOf({ payload }: Frame): string[] {
  return payload.kind === 'arp' ? [payload.targetIp, payload.senderIp] : addressesIn(payload)
}

function addressesIn(packet: IpPacket): string[] {
  const { payload } = packet
  const ends = [packet.source, packet.destination]
  if (payload.kind === 'ipip') return [...ends, ...addressesIn(payload.packet)]
  if (payload.kind === 'udp') return [...ends, ...[payload.vxlan, payload.geneve].flatMap((tunnel) => (tunnel ? addressesOf(tunnel.frame) : []))]
  if (payload.kind === 'icmp') return [...ends, ...(payload.about ? addressesIn(payload.about) : []), ...(payload.nd ? [payload.nd.target] : [])]
  return ends
}

function clock(seconds: number): string {
  return [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, '0')).join(':')
}

/** print-sll.c: interface, what kind of packet it was for it, and with -e the sender's address in place of both ends'. */
function cooked({ frame, interface: link, direction, cooked: seen }: Captured, line: string): string {
  const { kind, index } = seen ?? (link ? cookedOf(link, frame, direction ?? 'in') : { kind: 0, index: 0 })
  const head = `${(link?.name ?? '?').padEnd(5)} ${KINDS[kind]!.padEnd(3)} `
  const length = frame.payload.kind === 'arp' ? 28 : ipLength(frame.payload)
  return head + line.replace(/^(\S+) > \S+, (?:(ethertype [^,]+, )|[^:]*?)length \d+: /, (_, source: string, type?: string) => `ifindex ${index} ${source} ${type ?? ''}length ${length + 20}: `)
}

const KINDS = ['In', 'B', 'M', 'P', 'Out'] as const
const isGraphic = (byte: number): boolean => byte > 32 && byte < 127

/** "\t0x0000:  4500 0054 …  E..T…" (print-ascii.c) */
function hexDump(bytes: Uint8Array, ascii: boolean): string {
  let out = ''
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    let hex = ''
    for (let i = 0; i < row.length; i += 2) hex += ` ${Array.from(row.subarray(i, i + 2), (b) => b.toString(16).padStart(2, '0')).join('')}`
    const text = ascii ? `${hex.padEnd(40)}  ${Array.from(row, (b) => (isGraphic(b) ? String.fromCharCode(b) : '.')).join('')}` : hex
    out += `\t0x${at.toString(16).padStart(4, '0')}: ${text}\n`
  }
  return out
}

/** -A: printable characters, blanks, tabs and line ends as they are. */
function asText(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === 13) out += bytes[i + 1] === 10 ? '' : '.'
    else out += isGraphic(byte) || byte === 9 || byte === 10 || byte === 32 ? String.fromCharCode(byte) : '.'
  }
  return out
}
