import type { IpSets } from '../../network/ipset/sets.ts'
import type { SetTypeName } from '../../network/ipset/set-types.ts'

/** The sets of kube-proxy's ipvs mode: names and comments of pkg/proxy/ipvs/ipset.go and proxier.go (ipsetInfo) of v1.33. */
const SETS = {
  loopBack: ['KUBE-LOOP-BACK', 'hash:ip,port,ip', 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose'],
  clusterIp: ['KUBE-CLUSTER-IP', 'hash:ip,port', 'Kubernetes service cluster ip + port for masquerade purpose'],
  externalIp: ['KUBE-EXTERNAL-IP', 'hash:ip,port', 'Kubernetes service external ip + port for masquerade and filter purpose'],
  externalIpLocal: ['KUBE-EXTERNAL-IP-LOCAL', 'hash:ip,port', 'Kubernetes service external ip + port with externalTrafficPolicy=local'],
  loadBalancer: ['KUBE-LOAD-BALANCER', 'hash:ip,port', 'Kubernetes service lb portal'],
  loadBalancerFirewall: ['KUBE-LOAD-BALANCER-FW', 'hash:ip,port', 'Kubernetes service load balancer ip + port for load balancer with sourceRange'],
  loadBalancerLocal: ['KUBE-LOAD-BALANCER-LOCAL', 'hash:ip,port', 'Kubernetes service load balancer ip + port with externalTrafficPolicy=local'],
  loadBalancerSourceIp: ['KUBE-LOAD-BALANCER-SOURCE-IP', 'hash:ip,port,ip', 'Kubernetes service load balancer ip + port + source IP for packet filter purpose'],
  loadBalancerSourceCidr: ['KUBE-LOAD-BALANCER-SOURCE-CIDR', 'hash:ip,port,net', 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose'],
  nodePortTcp: ['KUBE-NODE-PORT-TCP', 'bitmap:port', 'Kubernetes nodeport TCP port for masquerade purpose'],
  nodePortLocalTcp: ['KUBE-NODE-PORT-LOCAL-TCP', 'bitmap:port', 'Kubernetes nodeport TCP port with externalTrafficPolicy=local'],
  nodePortUdp: ['KUBE-NODE-PORT-UDP', 'bitmap:port', 'Kubernetes nodeport UDP port for masquerade purpose'],
  nodePortLocalUdp: ['KUBE-NODE-PORT-LOCAL-UDP', 'bitmap:port', 'Kubernetes nodeport UDP port with externalTrafficPolicy=local'],
  nodePortSctp: ['KUBE-NODE-PORT-SCTP-HASH', 'hash:ip,port', "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"],
  nodePortLocalSctp: ['KUBE-NODE-PORT-LOCAL-SCTP-HASH', 'hash:ip,port', "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"],
  healthCheckNodePort: ['KUBE-HEALTH-CHECK-NODE-PORT', 'bitmap:port', 'Kubernetes health check node port'],
  ipvsIps: ['KUBE-IPVS-IPS', 'hash:ip', 'Kubernetes service VIPs bound to the dummy interface'],
} as const satisfies Readonly<Record<string, readonly [string, SetTypeName, string]>>

export type SetId = keyof typeof SETS
export const SET_IDS = Object.keys(SETS) as SetId[]

/** Of IPv6 they have names of their own, cut where ipset allows no more. */
export function setName(id: SetId, family: 4 | 6): string {
  return family === 4 ? SETS[id][0] : longName(id).slice(0, 31)
}

const longName = (id: SetId): string => SETS[id][0].replace('KUBE-', 'KUBE-6-')

/** Those whose name of IPv6 is cut: the whole name, and what is left of it. */
export function truncatedSets(): readonly (readonly [name: string, cut: string])[] {
  return SET_IDS.flatMap((id) => (longName(id) === setName(id, 6) ? [] : [[longName(id), setName(id, 6)] as const]))
}

export function setComment(id: SetId): string {
  return SETS[id][2]
}

export function ensureSets(sets: IpSets, family: 4 | 6): void {
  for (const id of SET_IDS) {
    const [, type] = SETS[id]
    sets.create(setName(id, family), type, type === 'bitmap:port' ? { range: [0, 65535] } : { family: family === 4 ? 'inet' : 'inet6' }, { exist: true })
  }
}
