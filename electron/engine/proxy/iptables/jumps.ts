import type { Netfilter } from '../../network/types.ts'

/** Chains that others' rules jump to, and the rules of the kubelet: written with iptables one by one, first come first. */
type Table = 'filter' | 'nat' | 'mangle'
interface Jump { table: Table; to: string; from: string; comment: string; onlyNew: boolean }

const EXTERNAL = 'kubernetes externally-visible service portals'
const PORTALS = 'kubernetes service portals'
const FIREWALL = 'kubernetes load balancer firewall'

/** iptablesJumpChains and iptablesKubeletJumpChains of pkg/proxy/iptables/proxier.go; each is put first in its chain. */
const JUMPS: readonly Jump[] = [
  { table: 'filter', to: 'KUBE-EXTERNAL-SERVICES', from: 'INPUT', comment: EXTERNAL, onlyNew: true },
  { table: 'filter', to: 'KUBE-EXTERNAL-SERVICES', from: 'FORWARD', comment: EXTERNAL, onlyNew: true },
  { table: 'filter', to: 'KUBE-NODEPORTS', from: 'INPUT', comment: 'kubernetes health check service ports', onlyNew: false },
  { table: 'filter', to: 'KUBE-SERVICES', from: 'FORWARD', comment: PORTALS, onlyNew: true },
  { table: 'filter', to: 'KUBE-SERVICES', from: 'OUTPUT', comment: PORTALS, onlyNew: true },
  { table: 'filter', to: 'KUBE-FORWARD', from: 'FORWARD', comment: 'kubernetes forwarding rules', onlyNew: false },
  { table: 'filter', to: 'KUBE-PROXY-FIREWALL', from: 'INPUT', comment: FIREWALL, onlyNew: true },
  { table: 'filter', to: 'KUBE-PROXY-FIREWALL', from: 'OUTPUT', comment: FIREWALL, onlyNew: true },
  { table: 'filter', to: 'KUBE-PROXY-FIREWALL', from: 'FORWARD', comment: FIREWALL, onlyNew: true },
  { table: 'nat', to: 'KUBE-SERVICES', from: 'OUTPUT', comment: PORTALS, onlyNew: false },
  { table: 'nat', to: 'KUBE-SERVICES', from: 'PREROUTING', comment: PORTALS, onlyNew: false },
  { table: 'nat', to: 'KUBE-POSTROUTING', from: 'POSTROUTING', comment: 'kubernetes postrouting rules', onlyNew: false },
  { table: 'filter', to: 'KUBE-FIREWALL', from: 'INPUT', comment: '', onlyNew: false },
  { table: 'filter', to: 'KUBE-FIREWALL', from: 'OUTPUT', comment: '', onlyNew: false },
]

export function ensureChain(netfilter: Netfilter, table: Table, chain: string): void {
  netfilter.command(['-t', table, '-N', chain])
}

export function hasChain(netfilter: Netfilter, table: Table, chain: string): boolean {
  return netfilter.command(['-t', table, '-S', chain, '1']).code === 0
}

export function ensureFirst(netfilter: Netfilter, table: Table, chain: string, rule: readonly string[]): void {
  if (netfilter.command(['-t', table, '-C', chain, ...rule]).code === 0) return
  const { code, stderr } = netfilter.command(['-t', table, '-I', chain, ...rule])
  if (code !== 0) throw new Error(stderr.trim())
}

export function ensureJumps(netfilter: Netfilter): void {
  for (const { table, to, from, comment, onlyNew } of JUMPS) {
    ensureChain(netfilter, table, to)
    const state = onlyNew ? ['-m', 'conntrack', '--ctstate', 'NEW'] : []
    const text = comment === '' ? [] : ['-m', 'comment', '--comment', comment]
    ensureFirst(netfilter, table, from, [...state, ...text, '-j', to])
  }
}

export const CANARY_TABLES: readonly Table[] = ['mangle', 'nat', 'filter']

export function ensureCanary(netfilter: Netfilter, chain: string): void {
  for (const table of CANARY_TABLES) ensureChain(netfilter, table, chain)
}

/** What the kubelet itself writes on a node: pkg/kubelet/kubelet_network_linux.go. */
export function writeKubeletRules(netfilter: Netfilter): void {
  if (netfilter.pristine) netfilter.defer({}, { work: () => writeRules(netfilter), isTheirs: () => true })
  else writeRules(netfilter)
}

function writeRules(netfilter: Netfilter): void {
  ensureChain(netfilter, 'mangle', 'KUBE-IPTABLES-HINT')
  ensureCanary(netfilter, 'KUBE-KUBELET-CANARY')
  if (netfilter.family === 6) return
  ensureChain(netfilter, 'filter', 'KUBE-FIREWALL')
  ensureFirst(netfilter, 'filter', 'KUBE-FIREWALL', [
    '-m', 'comment', '--comment', 'block incoming localnet connections', '-d', '127.0.0.0/8', '!', '-s', '127.0.0.0/8',
    '-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT', '-j', 'DROP',
  ])
  ensureFirst(netfilter, 'filter', 'OUTPUT', ['-j', 'KUBE-FIREWALL'])
  ensureFirst(netfilter, 'filter', 'INPUT', ['-j', 'KUBE-FIREWALL'])
}
