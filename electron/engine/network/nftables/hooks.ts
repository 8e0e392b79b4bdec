import type { RuleHost } from '../netfilter/rule.ts'
import { ChainTrace } from '../netfilter/tracing.ts'
import type { Hook, IpPacket, Link } from '../types.ts'
import { traverse, type Decision } from './evaluate.ts'
import type { NftChain } from './model.ts'
import type { Nftables } from './nftables.ts'
import { NftRecorder } from './record.ts'

/** Priorities of what else runs at a hook: iptables' tables, connection tracking, IPVS (include/uapi/linux/netfilter_ipv4.h). */
function stepPriority(step: string, hook: Hook): number {
  switch (step) {
    case 'raw': return -300
    case 'track': return -200
    case 'mangle': return -150
    case 'nat': return hook === 'prerouting' || hook === 'output' ? -100 : 100
    case 'filter': return 0
    case 'security': return 50
    case 'ipvs-reply': return hook === 'output' ? -99 : hook === 'forward' ? 99 : 98
    case 'ipvs': return hook === 'output' ? -98 : 99
    default: return Infinity
  }
}

/** Base chains among the other steps of the hooks of one address family. */
export class NftPlan<Step extends string> {
  readonly #nft: Nftables
  readonly #family: 4 | 6
  readonly #steps: Readonly<Record<Hook, readonly Step[]>>
  #generation = -1
  #plans: Partial<Record<Hook, readonly (Step | NftChain)[]>> = {}
  #nat: Partial<Record<Hook, readonly ('nat' | NftChain)[]>> = {}

  constructor(nft: Nftables, family: 4 | 6, steps: Readonly<Record<Hook, readonly Step[]>>) {
    this.#nft = nft
    this.#family = family
    this.#steps = steps
  }

  #fresh(): void {
    if (this.#generation === this.#nft.generation) return
    this.#generation = this.#nft.generation
    this.#plans = {}
    this.#nat = {}
  }

  #chains(hook: Hook, nat: boolean): NftChain[] {
    const family = this.#family === 4 ? 'ip' : 'ip6'
    return this.#nft.at(hook).filter((c) => (c.table.family === 'inet' || c.table.family === family) && (c.base!.type === 'nat') === nat)
  }

  /** A chain of the same priority as one of the other steps is the younger of the two, and comes first. */
  at(hook: Hook): readonly (Step | NftChain)[] {
    this.#fresh()
    return (this.#plans[hook] ??= merge(this.#steps[hook], this.#chains(hook, false), hook))
  }

  /** Who is asked for a new connection's translation, in order. */
  nat(hook: Hook): readonly ('nat' | NftChain)[] {
    this.#fresh()
    return (this.#nat[hook] ??= merge(['nat'] as const, this.#chains(hook, true), hook))
  }
}

function merge<Step extends string>(steps: readonly Step[], chains: readonly NftChain[], hook: Hook): (Step | NftChain)[] {
  const out: (Step | NftChain)[] = []
  let i = 0
  for (const step of steps) {
    while (i < chains.length && chains[i]!.base!.priority <= stepPriority(step, hook)) out.push(chains[i++]!)
    out.push(step)
  }
  return [...out, ...chains.slice(i)]
}

/** Takes a packet through a base chain. What it decided is written down by the recorder, once it has been done. */
export function runChain(
  host: RuleHost, chain: NftChain, hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined,
): [Decision, NftRecorder | undefined] {
  const { recorder } = host.stack
  const make = (): NftRecorder => new NftRecorder(host.stack, chain, hook, packet, (outLink ?? inLink)?.name)
  const record = recorder.recording(packet) ? make() : undefined
  // Which packets are followed may be said by this very chain.
  const trace = host.tracing.isHeard ? new ChainTrace(host.tracing, { packet, inLink, outLink, tool: 'nft', family: chain.table.family, table: chain.table.name }) : undefined
  const decision = traverse(chain, { host, table: chain.table, hook, packet, inLink, outLink }, record?.observe, trace)
  // A failure is always told, even of packets whose way nobody records.
  return [decision, record ?? (decision.verdict !== 'accept' && packet.meta.trail ? make() : undefined)]
}
