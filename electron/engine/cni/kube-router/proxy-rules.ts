import type { Ip, Netfilter } from '../../network/types.ts'
import { ICMP6_RULES, ICMP_RULES } from './netpol.ts'
import { setName, type Family } from './names.ts'
import { refreshSet } from './sets.ts'

/** Chains, rules and sets of the service proxy: pkg/controllers/proxy/{network_services_controller,utils}.go of kube-router v2.6. */
const SERVICES = 'KUBE-ROUTER-SERVICES'
const HAIRPIN = 'KUBE-ROUTER-HAIRPIN'
const LOCAL_IPS = 'kube-router-local-ips'
const SERVICE_IPS = 'kube-router-svip'
const SERVICE_PORTS = 'kube-router-svip-prt'

function has(netfilter: Netfilter, table: string, chain: string, rule: readonly string[]): boolean {
  return netfilter.command(['-t', table, '-C', chain, ...rule]).code === 0
}

function append(netfilter: Netfilter, table: string, chain: string, rule: readonly string[]): void {
  if (!has(netfilter, table, chain, rule)) netfilter.command(['-t', table, '-A', chain, ...rule])
}

/** What is for a Service's address goes on only for its ports; the node's own addresses are spared. */
export function setupFirewall(netfilter: Netfilter, family: Family, permitAll: boolean): void {
  for (const [name, type] of [[LOCAL_IPS, 'hash:ip'], [SERVICE_IPS, 'hash:ip'], [SERVICE_PORTS, 'hash:ip,port']] as const) {
    if (!netfilter.sets.get(setName(name, family))) netfilter.sets.create(setName(name, family), type, { timeout: 0, family: family === 'IPv6' ? 'inet6' : 'inet' })
  }
  netfilter.command(['-t', 'filter', '-N', SERVICES])
  netfilter.command(['-t', 'filter', '-F', SERVICES])
  if (!permitAll) return
  const [protocol, option, reject, rules] = family === 'IPv4' ? (['icmp', '--icmp-type', 'icmp-port-unreachable', ICMP_RULES] as const) : (['ipv6-icmp', '--icmpv6-type', 'icmp6-port-unreachable', ICMP6_RULES] as const)
  for (const [type, comment] of rules) append(netfilter, 'filter', SERVICES, ['-m', 'comment', '--comment', comment!, '-p', protocol, option, type!, '-j', 'ACCEPT'])
  append(netfilter, 'filter', SERVICES, ['-m', 'comment', '--comment', 'allow input traffic to ipvs services', '-m', 'set', '--match-set', setName(SERVICE_PORTS, family), 'dst,dst', '-j', 'ACCEPT'])
  append(netfilter, 'filter', SERVICES, ['-m', 'comment', '--comment', 'reject all unexpected traffic to service IPs', '-m', 'set', '!', '--match-set', setName(LOCAL_IPS, family), 'dst', '-j', 'REJECT', '--reject-with', reject])
  const jump = ['-m', 'comment', '--comment', 'handle traffic to IPVS service IPs in custom chain', '-m', 'set', '--match-set', setName(SERVICE_IPS, family), 'dst', '-j', SERVICES]
  if (!has(netfilter, 'filter', 'INPUT', jump)) netfilter.command(['-t', 'filter', '-I', 'INPUT', '1', ...jump])
}

export function syncFirewallSets(netfilter: Netfilter, family: Family, local: readonly Ip[], services: readonly { protocol: string; address: Ip; port: number }[]): void {
  const { sets } = netfilter
  refreshSet(sets, setName(LOCAL_IPS, family), 'hash:ip', family, local)
  refreshSet(sets, setName(SERVICE_IPS, family), 'hash:ip', family, [...new Set(services.map((s) => s.address))])
  refreshSet(sets, setName(SERVICE_PORTS, family), 'hash:ip,port', family, services.map((s) => `${s.address},${s.protocol}:${s.port}`))
}

/** Answers have to come back through the node that has translated the question. */
export function ensureMasquerade(netfilter: Netfilter, nodeIp: Ip, subnets: readonly string[], all: boolean): void {
  const through = ['-m', 'ipvs', '--ipvs', '--vdir', 'ORIGINAL', '--vmethod', 'MASQ', '-m', 'comment', '--comment', '']
  const snat = ['-j', 'SNAT', '--to-source', nodeIp, '--random-fully']
  if (all) append(netfilter, 'nat', 'POSTROUTING', [...through, ...snat])
  else if (has(netfilter, 'nat', 'POSTROUTING', [...through, ...snat])) netfilter.command(['-t', 'nat', '-D', 'POSTROUTING', ...through, ...snat])
  for (const subnet of subnets) append(netfilter, 'nat', 'POSTROUTING', [...through, '!', '-s', subnet, '!', '-d', subnet, ...snat])
}

export interface HairpinRule { pod: Ip; address: Ip; port: number }

/** A Pod that comes back to itself through a Service's address sees that address. */
export function ensureHairpin(netfilter: Netfilter, rules: readonly HairpinRule[]): void {
  const jump = ['-m', 'ipvs', '--vdir', 'ORIGINAL', '-j', HAIRPIN]
  const exists = netfilter.command(['-t', 'nat', '-S', HAIRPIN]).code === 0
  if (rules.length === 0) {
    if (!exists) return
    netfilter.command(['-t', 'nat', '-D', 'POSTROUTING', ...jump])
    netfilter.command(['-t', 'nat', '-F', HAIRPIN])
    netfilter.command(['-t', 'nat', '-X', HAIRPIN])
    return
  }
  if (!exists) netfilter.command(['-t', 'nat', '-N', HAIRPIN])
  append(netfilter, 'nat', 'POSTROUTING', jump)
  const wanted = rules.map(({ pod, address, port }) => {
    const own = `${pod}/${pod.includes(':') ? 128 : 32}`
    return ['-s', own, '-d', own, '-m', 'ipvs', '--vaddr', address, '--vport', String(port), '-j', 'SNAT', '--to-source', address]
  })
  const present = netfilter.command(['-t', 'nat', '-S', HAIRPIN]).stdout.split('\n').filter((line) => line.startsWith('-A '))
  for (const rule of wanted) append(netfilter, 'nat', HAIRPIN, rule)
  const key = (words: readonly string[]): string => `${words[words.indexOf('-s') + 1]} ${words[words.indexOf('--vaddr') + 1]!.replace(/\/\d+$/, '')} ${words[words.indexOf('--vport') + 1]}`
  const keys = new Set(wanted.map(key))
  for (const line of present) {
    const words = line.split(' ').slice(2)
    if (!keys.has(key(words))) netfilter.command(['-t', 'nat', '-D', HAIRPIN, ...words])
  }
}
