import type { Netfilter } from '../../network/types.ts'
import { ensureChain, ensureFirst } from '../iptables/jumps.ts'

/** The chains of kube-proxy's ipvs mode and the jumps to them: iptablesChains and iptablesJumpChain of pkg/proxy/ipvs/proxier.go. */
export const NAT_CHAINS = ['KUBE-SERVICES', 'KUBE-POSTROUTING', 'KUBE-NODE-PORT', 'KUBE-LOAD-BALANCER', 'KUBE-MARK-MASQ']
export const FILTER_CHAINS = ['KUBE-FORWARD', 'KUBE-NODE-PORT', 'KUBE-PROXY-FIREWALL', 'KUBE-SOURCE-RANGES-FIREWALL', 'KUBE-IPVS-FILTER', 'KUBE-IPVS-OUT-FILTER']

const JUMPS: readonly (readonly [table: 'nat' | 'filter', from: string, to: string, comment: string])[] = [
  ['nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'],
  ['filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'],
  ['filter', 'INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'INPUT', 'KUBE-IPVS-FILTER', 'kubernetes ipvs access filter'],
  ['filter', 'OUTPUT', 'KUBE-IPVS-OUT-FILTER', 'kubernetes ipvs access filter'],
]

export function ensureIpvsChains(netfilter: Netfilter): void {
  for (const chain of NAT_CHAINS) ensureChain(netfilter, 'nat', chain)
  for (const chain of FILTER_CHAINS) ensureChain(netfilter, 'filter', chain)
  for (const [table, from, to, comment] of JUMPS) ensureFirst(netfilter, table, from, ['-m', 'comment', '--comment', comment, '-j', to])
}

export function removeIpvsChains(netfilter: Netfilter): void {
  const chains = [...NAT_CHAINS.map((chain) => ['nat', chain] as const), ...FILTER_CHAINS.map((chain) => ['filter', chain] as const)]
  for (const [table, from, to, comment] of JUMPS) netfilter.command(['-t', table, '-D', from, '-m', 'comment', '--comment', comment, '-j', to])
  for (const [table, chain] of chains) netfilter.command(['-t', table, '-F', chain])
  for (const [table, chain] of chains) netfilter.command(['-t', table, '-X', chain])
}
