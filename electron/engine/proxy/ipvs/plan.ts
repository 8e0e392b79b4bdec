import { cidrContains } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { chooseEndpoints, type EndpointInfo } from '../endpoints.ts'
import type { ServicePortInfo } from '../service-ports.ts'
import type { SetId } from './sets.ts'

/** What one port of a Service needs on a node: the loop of syncProxyRules of pkg/proxy/ipvs/proxier.go of v1.33. */
export interface PortPlan {
  virtuals: readonly VirtualPlan[]
  elements: readonly (readonly [set: SetId, element: string])[]
  /** Addresses for kube-ipvs0. */
  bind: readonly Ip[]
  notFromNode: readonly { ip: Ip; protocol: string; port: number }[]
}

export interface VirtualPlan {
  key: { protocol: 'tcp' | 'udp' | 'sctp'; address: Ip; port: number }
  persistent: number | undefined
  servers: readonly EndpointInfo[]
}

export interface PlanNode {
  name: string
  zone: string
  ip: Ip
  /** Every address of the node but those of kube-ipvs0 and loopback. */
  addresses: ReadonlySet<Ip>
  /** Those that accept NodePorts, where not all do. */
  nodePorts?: ReadonlySet<Ip>
}

const NODE_PORTS = { tcp: ['nodePortTcp', 'nodePortLocalTcp'], udp: ['nodePortUdp', 'nodePortLocalUdp'], sctp: ['nodePortSctp', 'nodePortLocalSctp'] } as const

export function planOf(info: ServicePortInfo, endpoints: readonly EndpointInfo[], node: PlanNode): PortPlan {
  const { protocol, port, clusterIP, nodePort } = info
  const virtuals: VirtualPlan[] = []
  const elements: [SetId, string][] = []
  const bind: Ip[] = []
  const notFromNode: { ip: Ip; protocol: string; port: number }[] = []
  const { cluster, local } = chooseEndpoints(endpoints, info, node)
  // Without local ones, others are better than none: Pods of the node get there, though from outside no answer fits.
  const serversFor = (onlyLocal: boolean): readonly EndpointInfo[] => (onlyLocal && local.length > 0 ? local : cluster)
  const add = (address: Ip, at: number, onlyLocal: boolean): void => {
    virtuals.push({ key: { protocol, address, port: at }, persistent: info.stickySeconds, servers: serversFor(onlyLocal) })
  }
  const place = (ip: Ip, at = port): string => `${ip},${protocol}:${at}`

  for (const e of endpoints) if (e.nodeName === node.name) elements.push(['loopBack', `${e.ip},${protocol}:${e.port},${e.ip}`])
  elements.push(['clusterIp', place(clusterIP)])
  add(clusterIP, port, info.internalPolicyLocal)
  bind.push(clusterIP)

  for (const ip of info.externalIPs) {
    elements.push([info.externalPolicyLocal ? 'externalIpLocal' : 'externalIp', place(ip)])
    add(ip, port, info.externalPolicyLocal)
    if (!node.addresses.has(ip)) bind.push(ip)
  }
  for (const ip of info.loadBalancerIPs) {
    elements.push(['loadBalancer', place(ip)])
    if (info.externalPolicyLocal) elements.push(['loadBalancerLocal', place(ip)])
    if (info.sourceRanges.length > 0) {
      elements.push(['loadBalancerFirewall', place(ip)])
      for (const cidr of info.sourceRanges) elements.push(['loadBalancerSourceCidr', `${place(ip)},${cidr}`])
      if (info.sourceRanges.some((cidr) => cidrContains(cidr, node.ip))) elements.push(['loadBalancerSourceIp', `${place(ip)},${ip}`])
      else notFromNode.push({ ip, protocol, port })
    }
    add(ip, port, info.externalPolicyLocal)
    if (!node.addresses.has(ip)) bind.push(ip)
  }
  const on = node.nodePorts ?? node.addresses
  if (nodePort !== 0 && on.size > 0) {
    const [all, locals] = NODE_PORTS[protocol]
    const ports = protocol === 'sctp' ? [...on].map((ip) => place(ip, nodePort)) : [String(nodePort)]
    for (const element of ports) {
      elements.push([all, element])
      if (info.externalPolicyLocal) elements.push([locals, element])
    }
    for (const ip of on) add(ip, nodePort, info.externalPolicyLocal)
  }
  if (info.healthCheckNodePort !== 0) elements.push(['healthCheckNodePort', String(info.healthCheckNodePort)])
  return { virtuals, elements, bind, notFromNode }
}
