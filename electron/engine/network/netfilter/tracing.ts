import type { IpPacket, Link } from '../types.ts'

/** Packets whose way through the rules is told to whoever listens: -j TRACE and `meta nftrace set 1` (nf_tables_trace.c). */
export interface TraceStep {
  /** Of the packet, as long as it stays in the network namespace. */
  readonly id: number
  readonly packet: IpPacket
  readonly inLink: Link | undefined
  readonly outLink: Link | undefined
  /** The first word about it in this base chain: the packet itself is told, too. */
  readonly first: boolean
  /** iptables' tables are of the families ip and ip6, and told by xtables-monitor. */
  readonly tool: 'iptables' | 'nft'
  readonly family: 'ip' | 'ip6' | 'inet'
  readonly table: string
  readonly chain: string
  /** Undefined: the chain's end. */
  readonly rule?: { readonly text: () => string; readonly handle: number; readonly of: object }
  /** "accept", "drop", "continue", "return"; with a chain behind it "jump" and "goto". */
  readonly verdict: string
  readonly to?: string
}

export class PacketTracing {
  readonly #listeners = new Set<(step: TraceStep) => void>()
  readonly #random: () => number
  #count = 0

  /** `random`: 32 bits for the packet of that number. */
  constructor(random: (of: number) => number) {
    this.#random = () => random(++this.#count)
  }

  /** Nobody listens: nothing need be told. */
  get isHeard(): boolean {
    return this.#listeners.size > 0
  }

  /** From here on the packet is followed. */
  begin({ meta }: IpPacket): void {
    meta.trace ??= this.#random()
  }

  /** Returns how to stop. */
  listen(listener: (step: TraceStep) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(step: TraceStep): void {
    for (const listener of [...this.#listeners]) listener(step)
  }
}

/** What is the same of all words about one packet in one base chain. */
export class ChainTrace {
  readonly #tracing: PacketTracing
  readonly #common: Pick<TraceStep, 'packet' | 'inLink' | 'outLink' | 'tool' | 'family' | 'table'>
  #first = true

  constructor(tracing: PacketTracing, common: Pick<TraceStep, 'packet' | 'inLink' | 'outLink' | 'tool' | 'family' | 'table'>) {
    this.#tracing = tracing
    this.#common = common
  }

  /** Nothing, of a packet that is not followed. */
  tell(chain: string, verdict: string, rule?: TraceStep['rule'], to?: string): void {
    const id = this.#common.packet.meta.trace
    if (id === undefined) return
    const { inLink } = this.#common
    // the kernel makes it of where a packet came in, too
    this.#tracing.tell({ ...this.#common, id: inLink?.name === 'lo' ? (id ^ 0x9e37_79b9) >>> 0 : id, first: this.#first, chain, verdict, ...(rule ? { rule } : {}), ...(to === undefined ? {} : { to }) })
    this.#first = false
  }
}
