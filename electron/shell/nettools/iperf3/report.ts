import type { Flow } from './flow.ts'
import { units } from './units.ts'

/** The tables of iperf3 (iperf_locale.c). */
export interface Stream {
  /** The socket's number. */
  socket: number
  sender: boolean
  local: { address: string; port: number }
  remote: { address: string; port: number }
  flow: Flow
  intervals: Interval[]
}

/** Of one stream; ms since the beginning. */
export interface Interval { from: number; to: number; bytes: number; retransmits: number; window: number; packets: number; lost: number; jitter: number; path: ReturnType<Flow['path']> }

/** What one end says of a stream when all is over (JSON of the control connection). */
export interface StreamResult { id: number; bytes: number; retransmits: number; jitter: number; errors: number; packets: number; start_time: number; end_time: number }

export const RULE = '- - - - - - - - - - - - - - - - - - - - - - - - -\n'

export class Report {
  readonly streams: Stream[] = []
  readonly #udp: boolean
  readonly #format: string
  #start = 0
  #last = 0
  #rows = 0

  constructor({ udp, format }: { udp: boolean; format: string }) {
    this.#udp = udp
    this.#format = format
  }

  begin(now: number): void {
    this.#start = this.#last = now
  }

  connected(): string {
    return this.streams.map((s) => `[${number(s.socket)}] local ${s.local.address} port ${s.local.port} connected to ${s.remote.address} port ${s.remote.port}\n`).join('')
  }

  elapsed(now: number): number {
    return now - this.#start
  }

  get #sends(): boolean {
    return this.streams[0]?.sender ?? false
  }

  header(): string {
    return `[ ID] Interval           Transfer     Bitrate${this.#udp ? (this.#sends ? '         Total Datagrams' : '         Jitter    Lost/Total Datagrams') : this.#sends ? '         Retr  Cwnd' : ''}\n`
  }

  /** What happened since the last time. With `final` only if that is worth a row (iperf_print_intermediate). */
  interval(now: number, final?: number): string {
    const [from, to] = [this.#last - this.#start, now - this.#start]
    const parts = this.streams.map((stream): Interval => {
      const { flow, intervals } = stream
      const before = (key: 'bytes' | 'retransmits' | 'packets' | 'lost'): number => intervals.reduce((sum, i) => sum + i[key], 0)
      return { from, to, bytes: flow.bytes() - before('bytes'), retransmits: flow.retransmits() - before('retransmits'), window: flow.window(), packets: flow.packets() - before('packets'), lost: flow.lost() - before('lost'), jitter: flow.jitter(), path: flow.path() }
    })
    if (final !== undefined && to - from < final * 0.1 && parts.every((p) => p.bytes === 0)) return ''
    this.#last = now
    parts.forEach((part, i) => this.streams[i]!.intervals.push(part))
    let out = this.#rows++ === 0 ? this.header() : this.streams.length > 1 ? RULE : ''
    out += parts.map((part, i) => this.#row(number(this.streams[i]!.socket), part, this.streams[i]!.sender)).join('')
    if (parts.length > 1) out += this.#row('SUM', total(parts), this.#sends, true)
    return out
  }

  #row(id: string, part: Interval, sender: boolean, sum = false): string {
    const head = this.#head(id, part.from, part.to, part.bytes)
    if (this.#udp) return sender ? `${head}  ${part.packets}  \n` : `${head}  ${this.#losses(part)}  \n`
    return sender ? `${head}  ${String(part.retransmits).padStart(3)}   ${sum ? '' : units(part.window, 'A')}${sum ? '          ' : '       '}\n` : `${head}                  \n`
  }

  #head(id: string, from: number, to: number, bytes: number): string {
    const seconds = (ms: number): string => (ms / 1000).toFixed(2)
    const rate = to > from ? (bytes * 1000) / (to - from) : 0
    return `[${id}] ${seconds(from).padStart(6)}-${seconds(to).padEnd(6)} sec  ${units(bytes, 'A')}  ${units(rate, this.#format)}/sec`
  }

  #losses({ lost, packets, jitter }: { lost: number; packets: number; jitter: number }): string {
    const share = packets > 0 ? (100 * lost) / packets : 0
    return `${jitter.toFixed(3).padStart(5)} ms  ${lost}/${packets} (${share >= 99.5 ? '1e+02' : Number(share.toPrecision(2))}%)`
  }

  /**
   * The last table: of a client both ends' numbers, of a server (`other` undefined) its own. `now` ends its own time; each of `other`
   * is what the other end says of the stream.
   */
  summary(now: number, other: readonly StreamResult[] | undefined): string {
    const to = now - this.#start
    let out = `${RULE}[ ID] Interval           Transfer     Bitrate${this.#udp ? '         Jitter    Lost/Total Datagrams' : this.#sends ? '         Retr' : other ? '         Retr' : ''}\n`
    const rows: { sent?: Interval; got?: Interval }[] = this.streams.map((stream, i) => {
      const own = this.#total(stream, to)
      const theirs = other?.[i] && fromResult(other[i]!)
      return stream.sender ? { sent: own, ...(theirs && { got: theirs }) } : { got: own, ...(theirs && { sent: theirs }) }
    })
    rows.forEach(({ sent, got }, i) => {
      const id = number(this.streams[i]!.socket)
      if (sent) out += this.#last2(id, sent, true)
      if (got) out += this.#last2(id, got, false)
    })
    if (rows.length > 1) {
      if (rows.every((r) => r.sent)) out += this.#last2('SUM', total(rows.map((r) => r.sent!)), true)
      if (rows.every((r) => r.got)) out += this.#last2('SUM', total(rows.map((r) => r.got!)), false)
    }
    return out
  }

  #last2(id: string, part: Interval, sender: boolean): string {
    const head = this.#head(id, part.from, part.to, part.bytes)
    const who = sender ? 'sender' : 'receiver'
    if (this.#udp) return `${head}  ${this.#losses(sender ? { ...part, lost: 0, jitter: 0 } : part)}  ${who}\n`
    return sender ? `${head}  ${String(part.retransmits).padStart(3)}             ${who}\n` : `${head}                  ${who}\n`
  }

  #total({ flow }: Stream, to: number): Interval {
    return { from: 0, to, bytes: flow.bytes(), retransmits: flow.retransmits(), window: flow.window(), packets: flow.packets(), lost: flow.lost(), jitter: flow.jitter(), path: flow.path() }
  }

  /** What this end tells the other. */
  results(now: number): StreamResult[] {
    // the first has 1, the second 3: iperf3 counts one between them
    return this.streams.map(({ flow, sender }, i) => ({ id: i === 0 ? 1 : i + 2, bytes: flow.bytes(), retransmits: sender && !this.#udp ? flow.retransmits() : -1, jitter: flow.jitter() / 1000, errors: flow.lost(), packets: flow.packets(), start_time: 0, end_time: (now - this.#start) / 1000 }))
  }
}

const number = (socket: number): string => String(socket).padStart(3)

const NO_PATH = { roundTrip: 0, variation: 0, sendWindow: 0, mtu: 0 }

const fromResult = (r: StreamResult): Interval => ({ from: 0, to: r.end_time * 1000, bytes: r.bytes, retransmits: Math.max(0, r.retransmits), window: 0, packets: r.packets, lost: r.errors, jitter: r.jitter * 1000, path: NO_PATH })

/** Of all streams; jitter is their mean. */
export function total(parts: readonly Interval[]): Interval {
  const sum = (key: 'bytes' | 'retransmits' | 'packets' | 'lost' | 'jitter'): number => parts.reduce((all, part) => all + part[key], 0)
  return { ...parts[0]!, bytes: sum('bytes'), retransmits: sum('retransmits'), packets: sum('packets'), lost: sum('lost'), jitter: sum('jitter') / parts.length }
}
