import type { NetworkNamespace } from '../network/types.ts'
import { endpoint } from './header.ts'
import type { Hop } from './types.ts'

/**
 * Where a packet could have gone as well when a Service's rules gave it its destination: "ip:port" of every way, the one
 * taken included, in the order of the rules. Read from the same rules that have decided, so it is to be asked soon after.
 * Undefined: the hop chose nothing. One entry: there was no choice, or session affinity had made it before.
 */
export function possibleDestinations(hops: readonly Hop[], index: number, network: NetworkNamespace | undefined): readonly string[] | undefined {
  const hop = hops[index]!
  if (hop.stage !== 'dnat' || !hop.after || !hop.decidedBy || hop.before.destination === hop.after.destination && hop.before.destinationPort === hop.after.destinationPort) return undefined
  const taken = endpoint(hop.after.destination, hop.after.destinationPort)
  const known = hop.possible ?? (network ? fromRules(hops, index, network) : undefined)
  return known?.includes(taken) ? known : [taken]
}

function fromRules(hops: readonly Hop[], index: number, network: NetworkNamespace): readonly string[] | undefined {
  const { decidedBy, before } = hops[index]!
  const { table, chain } = decidedBy!
  if (table === 'ipvs') return fromIpvs(network, before)
  if (chain === undefined) return undefined
  const earlier = hops.slice(0, index).filter((h) => h.networkNamespace === network.name && h.stage === 'dnat' && h.decidedBy).map((h) => h.decidedBy!)
  const last = earlier.at(-1)
  const netfilter = before.source.includes(':') ? network.netfilter6 : network.netfilter
  if (table === 'nat') return fromIptables(rulesByChain(netfilter.save('nat')), chain, earlier)
  return last?.chain === undefined || !network.netfilter.hasNftables ? undefined : fromNftables((name) => network.netfilter.nftables.run(`list chain ${table!} ${name}`).stdout, last)
}

// ---- iptables ------------------------------------------------------------------------------------------------------------

function rulesByChain(save: string): Map<string, string[]> {
  const chains = new Map<string, string[]>()
  for (const line of save.split('\n')) {
    const name = /^-A (\S+) /.exec(line)?.[1]
    if (name === undefined) continue
    const rules = chains.get(name)
    if (rules) rules.push(line)
    else chains.set(name, [line])
  }
  return chains
}

const jumpOf = (rule: string): string | undefined => / -[jg] (\S+)$/.exec(rule)?.[1]

/** The chain that has jumped to the endpoint's, and where its other jumps would have led. */
function fromIptables(chains: ReadonlyMap<string, readonly string[]>, chosen: string, earlier: readonly { chain?: string; text: string }[]): string[] | undefined {
  const destination = (chain: string | undefined): string | undefined => {
    const rule = chain === undefined ? undefined : chains.get(chain)?.find((r) => r.includes(' --to-destination '))
    return rule === undefined ? undefined : / --to-destination (\S+)/.exec(rule)![1]
  }
  const direct = earlier.findLast((e) => jumpOf(e.text) === chosen)
  if (direct && / --(rcheck|update) /.test(direct.text)) return [destination(chosen)!]
  const caller = direct?.chain ?? callerOf(chains, chosen, earlier)
  if (caller === undefined) return undefined
  const ways = chains.get(caller)!.filter((r) => !/ --(rcheck|update) /.test(r)).map((r) => destination(jumpOf(r)))
  return [...new Set(ways.filter((w) => w !== undefined))]
}

/** A jump that asks nothing of the packet is no hop: the chain is found from the last one that is. */
function callerOf(chains: ReadonlyMap<string, readonly string[]>, chosen: string, earlier: readonly { text: string }[]): string | undefined {
  const jumpsTo = (chain: string): boolean => chains.get(chain)?.some((r) => jumpOf(r) === chosen) ?? false
  const start = earlier.map((e) => jumpOf(e.text)).findLast((c) => c !== undefined && chains.has(c) && c !== 'KUBE-MARK-MASQ')
  const queue = start === undefined ? [] : [start]
  for (const chain of queue) {
    if (jumpsTo(chain)) return chain
    for (const rule of chains.get(chain) ?? []) {
      const next = jumpOf(rule)
      if (next !== undefined && chains.has(next) && !queue.includes(next)) queue.push(next)
    }
  }
  return [...chains.keys()].find(jumpsTo)
}

// ---- nftables ------------------------------------------------------------------------------------------------------------

function fromNftables(list: (chain: string) => string, chooser: { chain?: string; text: string }): string[] | undefined {
  const ways = /\bnumgen random mod \d+ vmap \{([^}]*)\}/.exec(list(chooser.chain!))?.[1]
  if (ways === undefined || !/^(element: )?\d+ : goto /.test(chooser.text)) return undefined
  return [...ways.matchAll(/goto ([^\s,]+)/g)].flatMap(([, chain]) => /\bdnat to (\S+)/.exec(list(chain!))?.[1] ?? [])
}

// ---- IPVS ----------------------------------------------------------------------------------------------------------------

function fromIpvs(network: NetworkNamespace, { protocol, destination, destinationPort }: Hop['before']): string[] | undefined {
  if (!network.netfilter.hasIpvs || destinationPort === undefined || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return undefined
  const service = network.netfilter.ipvs.services().find(({ key }) => 'address' in key && key.protocol === protocol && key.address === destination && key.port === destinationPort)
  // the kernel's list has the newest first
  return service?.servers.filter((s) => s.weight > 0).map((s) => endpoint(s.address, s.port)).reverse()
}
