import type { Cidr, Ip } from '../../network/types.ts'
import { fromPods } from '../iptables/port-rules.ts'
import { FILTER_CHAINS, NAT_CHAINS } from './jumps.ts'
import { setComment, setName, type SetId } from './sets.ts'

/** The text that kube-proxy v1.33 gives iptables-restore in ipvs mode: writeIptablesRules of pkg/proxy/ipvs/proxier.go. */
const MARK = '0x00004000'

export interface IpvsRuleOptions {
  family: 4 | 6
  clusterCIDR: Cidr | undefined
  podInterface?: string
  masqueradeAll: boolean
  /** Sets that have elements. */
  filled: ReadonlySet<SetId>
  /** Load balancers whose source ranges leave out the node. */
  notFromNode: readonly { ip: Ip; protocol: string; port: number }[]
}

/** Sets that by themselves lead from one chain to another; those of local policy come before the others. */
const LINKS: readonly (readonly [set: SetId, table: 'nat' | 'filter', from: string, to: string, match: string, protocol?: string])[] = [
  ['loopBack', 'nat', 'KUBE-POSTROUTING', 'MASQUERADE', 'dst,dst,src'],
  ['loadBalancer', 'nat', 'KUBE-SERVICES', 'KUBE-LOAD-BALANCER', 'dst,dst'],
  ['loadBalancerLocal', 'nat', 'KUBE-LOAD-BALANCER', 'RETURN', 'dst,dst'],
  ['nodePortLocalTcp', 'nat', 'KUBE-NODE-PORT', 'RETURN', 'dst', 'tcp'],
  ['nodePortTcp', 'nat', 'KUBE-NODE-PORT', 'KUBE-MARK-MASQ', 'dst', 'tcp'],
  ['nodePortLocalUdp', 'nat', 'KUBE-NODE-PORT', 'RETURN', 'dst', 'udp'],
  ['nodePortUdp', 'nat', 'KUBE-NODE-PORT', 'KUBE-MARK-MASQ', 'dst', 'udp'],
  ['nodePortLocalSctp', 'nat', 'KUBE-NODE-PORT', 'RETURN', 'dst,dst', 'sctp'],
  ['nodePortSctp', 'nat', 'KUBE-NODE-PORT', 'KUBE-MARK-MASQ', 'dst,dst', 'sctp'],
  ['loadBalancerFirewall', 'filter', 'KUBE-PROXY-FIREWALL', 'KUBE-SOURCE-RANGES-FIREWALL', 'dst,dst'],
  ['loadBalancerSourceCidr', 'filter', 'KUBE-SOURCE-RANGES-FIREWALL', 'RETURN', 'dst,dst,src'],
  ['loadBalancerSourceIp', 'filter', 'KUBE-SOURCE-RANGES-FIREWALL', 'RETURN', 'dst,dst,src'],
]

export function ipvsRules(options: IpvsRuleOptions): string[] {
  const { family, filled } = options
  const nat: string[] = []
  const filter: string[] = []
  const inSet = (id: SetId, match: string): string => `-m set --match-set ${setName(id, family)} ${match}`
  const told = (id: SetId, match: string): string => `-m comment --comment "${setComment(id)}" ${inSet(id, match)}`

  nat.push(`-A KUBE-SERVICES -s ${family === 4 ? '127.0.0.0/8' : '::1/128'} -j RETURN`)
  for (const [id, table, from, to, match, protocol] of LINKS) {
    if (!filled.has(id)) continue
    const rule = `-A ${from}${protocol === undefined ? '' : ` -p ${protocol}`} ${told(id, match)} -j ${to}`
    if (table === 'nat') nat.push(rule)
    else filter.push(rule)
  }

  if (filled.has('clusterIp')) nat.push(`-A KUBE-SERVICES ${clusterIpMatch(told, options)} -j KUBE-MARK-MASQ`)
  for (const id of ['externalIp', 'externalIpLocal'] as const) {
    if (!filled.has(id)) continue
    const match = `-A KUBE-SERVICES ${told(id, 'dst,dst')}`
    if (id === 'externalIp') nat.push(`${match} -j KUBE-MARK-MASQ`)
    nat.push(`${match} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT`, `${match} -m addrtype --dst-type LOCAL -j ACCEPT`)
  }
  nat.push('-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT', '-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ')
  filter.push('-A KUBE-SOURCE-RANGES-FIREWALL -j DROP')
  for (const { ip, protocol, port } of options.notFromNode) {
    filter.push(`-A KUBE-IPVS-OUT-FILTER -s ${ip} -m ipvs --vaddr ${ip} --vproto ${protocol} --vport ${port} -j DROP`)
  }
  for (const id of ['clusterIp', 'loadBalancer'] as const) if (filled.has(id)) nat.push(`-A KUBE-SERVICES ${inSet(id, 'dst,dst')} -j ACCEPT`)

  filter.push(
    `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${MARK}/${MARK} -j ACCEPT`,
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    `-A KUBE-NODE-PORT ${told('healthCheckNodePort', 'dst')} -j ACCEPT`,
    `-A KUBE-IPVS-FILTER ${inSet('loadBalancer', 'dst,dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER ${inSet('clusterIp', 'dst,dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER ${inSet('externalIp', 'dst,dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER ${inSet('externalIpLocal', 'dst,dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER ${inSet('healthCheckNodePort', 'dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW ${inSet('ipvsIps', 'dst')} -j REJECT`,
  )
  nat.push(
    `-A KUBE-POSTROUTING -m mark ! --mark ${MARK}/${MARK} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${MARK}`,
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${MARK}`,
  )
  const chains = (names: readonly string[]): string[] => names.map((name) => `:${name} - [0:0]`)
  return ['*nat', ...chains(NAT_CHAINS), ...nat, 'COMMIT', '*filter', ...chains(FILTER_CHAINS), ...filter, 'COMMIT']
}

/** What comes from outside the Pods' network; or, where that is not known, a service's address that talks to a service. */
function clusterIpMatch(told: (id: SetId, match: string) => string, options: IpvsRuleOptions): string {
  if (options.masqueradeAll) return told('clusterIp', 'dst,dst')
  const pods = fromPods(options)
  return pods === undefined ? told('clusterIp', 'src,dst') : `${told('clusterIp', 'dst,dst')} ! ${pods}`
}
