import { isLoopbackIp } from '../../network/address.ts'
import type { ServiceState } from '../shared-services.ts'
import type { ChainBlock } from '../../network/types.ts'
import type { PortRuleMaker, RuleOptions } from './port-rules.ts'

export type { RuleOptions } from './port-rules.ts'

/** The text that kube-proxy v1.33 gives iptables-restore: syncProxyRules of pkg/proxy/iptables/proxier.go. */
const MARK = '0x00004000'
/** Above this many endpoints rules lose their comments, for speed. */
export const LARGE_CLUSTER = 1000

export interface RuleText {
  /** For iptables-restore. */
  lines: readonly (string | ChainBlock)[]
  /** The chains of Services and endpoints that are in use after it. */
  active: Set<string>
  largeCluster: boolean
}

class Lines {
  readonly filterChains: string[] = []
  readonly filter: string[] = []
  readonly natChains: (string | ChainBlock)[] = []
  readonly nat: string[] = []
}

/**
 * The whole state for a full sync; with `changed` only the chains of those Services (the chains that all share are
 * always written anew). `stale` says which of the former chains may go.
 */
export function buildRules(
  cache: ServiceState, options: RuleOptions, maker: PortRuleMaker, changed: ReadonlySet<string> | undefined, stale: (active: ReadonlySet<string>) => Iterable<string>,
): RuleText {
  const lines = new Lines()
  const active = new Set<string>()
  for (const chain of ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-FORWARD', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL']) lines.filterChains.push(chainLine(chain))
  for (const chain of ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ']) lines.natChains.push(chainLine(chain))
  lines.nat.push(
    `-A KUBE-POSTROUTING -m mark ! --mark ${MARK}/${MARK} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${MARK}`,
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${MARK}`,
  )
  if (!options.ipv6 && options.localhostNodePorts) {
    lines.filterChains.push(chainLine('KUBE-FIREWALL'))
    lines.filter.push('-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP')
  }

  const largeCluster = cache.totalEndpoints > LARGE_CLUSTER
  for (const service of [...cache.services.keys()].sort()) {
    const write = changed === undefined || changed.has(service)
    for (const port of cache.services.get(service)!) {
      const rules = maker.rulesOf(port, cache.endpointsOf(port), options, largeCluster)
      for (const rule of rules.filter) lines.filter.push(rule)
      for (const rule of rules.nat) lines.nat.push(rule)
      for (const block of rules.chains) {
        active.add(block.chain)
        if (write) lines.natChains.push(block)
      }
    }
  }

  for (const chain of stale(active)) {
    lines.natChains.push(chainLine(chain))
    lines.nat.push(`-X ${chain}`)
  }
  const notLocalhost = options.ipv6 ? ' ! -d ::1/128' : options.localhostNodePorts ? '' : ' ! -d 127.0.0.0/8'
  const nodePorts = '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'
  if (!options.nodePortIps) lines.nat.push(`${nodePorts} -m addrtype --dst-type LOCAL${notLocalhost} -j KUBE-NODEPORTS`)
  for (const ip of options.nodePortIps ?? []) if (!isLoopbackIp(ip) || (!options.ipv6 && options.localhostNodePorts)) lines.nat.push(`${nodePorts} -d ${ip} -j KUBE-NODEPORTS`)
  lines.filter.push(
    // As where the kernel has no accounting objects (nfnetlink_acct): rules with -m nfacct could not be loaded there.
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${MARK}/${MARK} -j ACCEPT`,
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  )
  const all = (['*filter'] as (string | ChainBlock)[]).concat(lines.filterChains, lines.filter, 'COMMIT', '*nat', lines.natChains, lines.nat, 'COMMIT')
  return { lines: all, active, largeCluster }
}

function chainLine(chain: string): string {
  return `:${chain} - [0:0]`
}
