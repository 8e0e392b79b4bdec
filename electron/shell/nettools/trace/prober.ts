import { SystemError, type IcmpMessage, type IpPacket, type IpPayload, type Process, type RawSocket } from '../../../engine/cluster.ts'
import { ownerOf } from '../stream.ts'

export type Method = 'udp' | 'icmp' | 'tcp'

/** One packet on its way, and what came back. Times are virtual ms. */
export interface Probe {
  readonly ttl: number
  readonly sentAt: number
  reply?: Reply
}

export interface Reply {
  source: string
  at: number
  /** Of the answering packet. */
  ttl: number
  /** It came from the end: a closed port, an echo reply, a SYN-ACK or a reset. */
  reached: boolean
  /** An ICMP error other than "time exceeded". */
  error?: { type: number; code: number; mtu?: number }
}

export interface ProberOptions {
  method: Method
  /** First UDP port (one more for each probe), or the TCP port. */
  port: number
  /** UDP: every probe to the same port. */
  constantPort?: boolean
  /** Length of the IP packet. */
  length: number
  tos?: number
  dontFragment?: boolean
  source?: string
  sourcePort?: number
  device?: string
}

/** Sends packets whose TTL runs out on the way, and knows the answers by the packets that they quote. */
export class Prober {
  /** Called from the clock when an answer has come. */
  onReply: ((probe: Probe) => void) | undefined
  length: number
  readonly #process: Process
  readonly #destination: string
  readonly #options: ProberOptions
  readonly #raw: RawSocket
  readonly #base: number
  readonly #pending = new Map<number, Probe>()
  #count = 0

  constructor(process: Process, destination: string, options: ProberOptions) {
    this.#process = process
    this.#destination = destination
    this.#options = options
    this.length = options.length
    const owner = ownerOf(process)
    this.#raw = process.network.sockets.raw({ owner })
    this.#base = options.sourcePort ?? 32768 + process.clock.random.fork(`trace ${process.machine.name} ${process.pid} ${process.clock.now}`).below(20_000)
    this.#raw.onPacket = (packet) => this.#receive(packet)
    process.onExit(() => this.close())
  }

  /** Throws SystemError where the packet cannot leave. */
  send(ttl: number): Probe {
    const n = this.#count++
    const probe: Probe = { ttl, sentAt: this.#process.clock.now }
    this.#pending.set(n, probe)
    const { tos, dontFragment, source, device } = this.#options
    this.#raw.send({
      destination: this.#destination, payload: this.#payload(n), ttl, ...(tos === undefined ? {} : { tos }), ...(dontFragment === undefined ? {} : { dontFragment }),
      ...(source === undefined ? {} : { source }), ...(device === undefined ? {} : { device }),
    })
    return probe
  }

  close(): void {
    this.#raw.close()
    this.onReply = undefined
  }

  get #v6(): boolean {
    return this.#destination.includes(':')
  }

  #payload(n: number): IpPayload {
    const { method, port, constantPort } = this.#options
    const data = (header: number): Uint8Array => Uint8Array.from({ length: Math.max(0, this.length - (this.#v6 ? 40 : 20) - header) }, (_, i) => 0x40 + (i & 0x3f))
    if (method === 'icmp') return { kind: 'icmp', type: this.#v6 ? 128 : 8, code: 0, id: this.#base & 0xffff, sequence: n + 1, data: data(8) }
    if (method === 'tcp') return { kind: 'tcp', sourcePort: this.#sourcePort(n), destinationPort: port, sequence: 1 + ((this.#base * 7919 + n) >>> 0), acknowledgement: 0, flags: { syn: true }, window: 5840, mss: 1460, data: new Uint8Array(0) }
    return { kind: 'udp', sourcePort: this.#sourcePort(n), destinationPort: constantPort ? port : (port + n) & 0xffff, data: data(8) }
  }

  #sourcePort(n: number): number {
    return this.#options.sourcePort ?? this.#base + (n % 12_000)
  }

  /** Which of our packets this is; undefined for a stranger's. */
  #numberOf(packet: IpPacket): number | undefined {
    const { payload } = packet
    if (payload.kind === 'icmp') return payload.id === (this.#base & 0xffff) && payload.sequence !== undefined ? payload.sequence - 1 : undefined
    if (payload.kind !== 'udp' && payload.kind !== 'tcp') return undefined
    const n = payload.sourcePort - this.#base
    if (this.#options.sourcePort !== undefined) return payload.sourcePort === this.#base ? [...this.#pending.keys()].at(-1) : undefined
    return n >= 0 && this.#pending.has(n) ? n : undefined
  }

  #receive(packet: IpPacket): void {
    const { payload } = packet
    const { method } = this.#options
    if (payload.kind === 'icmp') {
      if (payload.about) return this.#failed(packet, payload)
      if (method === 'icmp' && payload.type === (this.#v6 ? 129 : 0) && packet.source === this.#destination) this.#done(this.#numberOf(packet), packet, { reached: true })
      return
    }
    if (payload.kind !== method || packet.source !== this.#destination) return
    const n = payload.destinationPort - this.#base
    this.#done(this.#options.sourcePort === undefined ? n : payload.destinationPort === this.#base ? [...this.#pending.keys()].at(-1) : undefined, packet, { reached: true })
  }

  #failed(packet: IpPacket, message: IcmpMessage): void {
    const about = message.about!
    if (about.destination !== this.#destination || about.payload.kind !== this.#options.method) return
    const exceeded = message.type === (this.#v6 ? 3 : 11)
    const closed = message.type === (this.#v6 ? 1 : 3) && message.code === (this.#v6 ? 4 : 3)
    const error = exceeded || (closed && this.#options.method === 'udp') ? {} : { error: { type: message.type, code: message.code, ...(message.mtu === undefined ? {} : { mtu: message.mtu }) } }
    this.#done(this.#numberOf(about), packet, { reached: closed, ...error })
  }

  #done(n: number | undefined, packet: IpPacket, reply: Pick<Reply, 'reached' | 'error'>): void {
    const probe = n === undefined ? undefined : this.#pending.get(n)
    if (!probe || probe.reply) return
    this.#pending.delete(n!)
    probe.reply = { source: packet.source, at: this.#process.clock.now, ttl: packet.ttl, ...reply }
    this.onReply?.(probe)
  }
}

/** What a tool does when the network refuses to take a packet at all. */
export function isRefused(error: unknown): error is SystemError {
  return error instanceof SystemError
}

/** The marks of traceroute(8): "!N", "!H"…; empty for a closed port. */
export function mark(error: { type: number; code: number; mtu?: number }, v6: boolean): string {
  if (v6) {
    if (error.type === 2) return `!F-${error.mtu ?? 0}`
    return ['!N', '!X', '!S', '!H', ''][error.code] ?? `!<${error.code}>`
  }
  const names: Record<number, string> = { 0: '!N', 1: '!H', 2: '!P', 3: '', 4: `!F-${error.mtu ?? 0}`, 5: '!S', 6: '!U', 13: '!X', 14: '!V', 15: '!C' }
  return names[error.code] ?? `!<${error.code}>`
}
