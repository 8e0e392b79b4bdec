import { cidrContains } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { chooseEndpoints, type EndpointInfo } from '../endpoints.ts'
import { isExternallyAccessible, usesClusterEndpoints, usesLocalEndpoints, type ServicePortInfo } from '../service-ports.ts'
import { endpointName, serviceChain } from './names.ts'

export interface RuleOptions {
  node: { name: string; zone: string; ip: Ip }
  clusterCIDR: Cidr | undefined
  serviceCIDRs: readonly Cidr[]
  masqueradeAll: boolean
  family: 4 | 6
  /** The addresses that accept NodePorts: those of nodePortAddresses, or the node's own; "all" of them but loopback ones. */
  nodePortIps?: readonly Ip[] | 'all'
}

export const MAPS = ['service-ips', 'firewall-ips', 'no-endpoint-services', 'no-endpoint-nodeports', 'service-nodeports'] as const
export type Container = (typeof MAPS)[number] | 'cluster-ips'

/** A row of one of the maps and sets that all Services share. */
export interface SharedElement { container: Container; key: string; value: string; comment?: string }

export interface PortRules {
  elements: readonly SharedElement[]
  /** Of its own: chains with their rules, in the order of their making. */
  chains: ReadonlyMap<string, readonly string[]>
  /** Sets of clients, with the seconds that they are remembered. */
  affinity: ReadonlyMap<string, number>
}

/** What one port of a Service adds: the loop of syncProxyRules in pkg/proxy/nftables/proxier.go of Kubernetes v1.33. */
export function portRules(port: ServicePortInfo, endpoints: readonly EndpointInfo[], options: RuleOptions): PortRules {
  const ip = options.family === 4 ? 'ip' : 'ip6'
  const { cluster, local, reachable, any } = chooseEndpoints(endpoints, port, options.node)
  const chains = new Map<string, string[]>()
  const affinity = new Map<string, number>()
  const elements: SharedElement[] = []
  const name = (prefix: Parameters<typeof serviceChain>[0]): string => serviceChain(prefix, port)
  const endpointChain = (e: EndpointInfo): string => endpointName('endpoint', port, e)
  const sticky = port.stickySeconds
  const open = (chain: string): string[] => {
    let rules = chains.get(chain)
    if (!rules) chains.set(chain, (rules = []))
    return rules
  }

  for (const endpoint of reachable) open(endpointChain(endpoint))
  const clusterChain = name('service')
  const localChain = name('local')
  const usesCluster = cluster.length > 0 && usesClusterEndpoints(port)
  const usesLocal = local.length > 0 && usesLocalEndpoints(port)
  if (usesCluster) open(clusterChain)
  if (usesLocal) open(localChain)
  const internal = port.internalPolicyLocal ? localChain : clusterChain
  const hasInternal = any && !(port.internalPolicyLocal && local.length === 0)
  const externalPolicy = port.externalPolicyLocal ? localChain : clusterChain
  const hasExternal = any && !(port.externalPolicyLocal && local.length === 0)
  const external = name('external')
  const usesExternal = any && isExternallyAccessible(port)
  if (usesExternal) open(external)
  const usesFirewall = port.loadBalancerIPs.length > 0 && port.sourceRanges.length > 0
  const firewall = name('firewall')
  if (usesFirewall) open(firewall)

  // ---- the maps
  const key = (address: Ip): string => `${address} . ${port.protocol} . ${port.port}`
  // None anywhere is told to the client; none on this node, where only those may be used, is not.
  const missing = (container: Container, k: string): void => {
    elements.push({ container, key: k, value: any ? 'drop' : 'goto reject-chain', comment: port.name })
  }
  elements.push({ container: 'cluster-ips', key: port.clusterIP, value: '' })
  if (hasInternal) elements.push({ container: 'service-ips', key: key(port.clusterIP), value: `goto ${internal}` })
  else missing('no-endpoint-services', key(port.clusterIP))
  for (const address of port.externalIPs) {
    if (any) elements.push({ container: 'service-ips', key: key(address), value: `goto ${external}` })
    if (!hasExternal) missing('no-endpoint-services', key(address))
  }
  for (const address of port.loadBalancerIPs) {
    if (any) elements.push({ container: 'service-ips', key: key(address), value: `goto ${external}` })
    if (usesFirewall) elements.push({ container: 'firewall-ips', key: key(address), value: `goto ${firewall}` })
  }
  if (!hasExternal) for (const address of port.loadBalancerIPs) missing('no-endpoint-services', key(address))
  if (port.nodePort !== 0) {
    const k = `${port.protocol} . ${port.nodePort}`
    if (any) elements.push({ container: 'service-nodeports', key: k, value: `goto ${external}` })
    if (!hasExternal) missing('no-endpoint-nodeports', k)
  }

  // ---- the chains
  const { clusterCIDR } = options
  const toClusterIP = `${ip} daddr ${port.clusterIP} ${port.protocol} dport ${port.port}`
  if (hasInternal) {
    if (options.masqueradeAll) open(internal).push(`${toClusterIP} jump mark-for-masquerade`)
    else if (clusterCIDR !== undefined) open(internal).push(`${toClusterIP} ${ip} saddr != ${clusterCIDR} jump mark-for-masquerade`)
  }
  if (usesExternal) {
    const rules = open(external)
    if (!port.externalPolicyLocal) rules.push('jump mark-for-masquerade')
    else {
      if (clusterCIDR !== undefined) rules.push(`${ip} saddr ${clusterCIDR} goto ${clusterChain} comment "short-circuit pod traffic"`)
      rules.push('fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"', `fib saddr type local goto ${clusterChain} comment "short-circuit local traffic"`)
    }
    if (hasExternal) rules.push(`goto ${externalPolicy}`)
  }
  if (usesFirewall) {
    const sources = [...port.sourceRanges]
    if (port.sourceRanges.some((cidr) => options.node.ip !== '' && cidrContains(cidr, options.node.ip))) sources.push(...port.loadBalancerIPs)
    open(firewall).push(`${ip} saddr != { ${sources.join(', ')} } drop`)
  }
  if (sticky !== undefined) for (const endpoint of reachable) affinity.set(endpointName('affinity', port, endpoint), sticky)
  const balance = (chain: string, list: readonly EndpointInfo[]): void => {
    const rules = open(chain)
    if (sticky !== undefined) for (const e of list) rules.push(`${ip} saddr @${endpointName('affinity', port, e)} goto ${endpointChain(e)}`)
    rules.push(`numgen random mod ${list.length} vmap { ${list.map((e, i) => `${i} : goto ${endpointChain(e)}`).join(' , ')} }`)
  }
  if (usesCluster) balance(clusterChain, cluster)
  if (usesLocal) balance(localChain, local)
  for (const endpoint of reachable) {
    const rules = open(endpointChain(endpoint))
    rules.push(`${ip} saddr ${endpoint.ip} jump mark-for-masquerade`)
    if (sticky !== undefined) rules.push(`update @${endpointName('affinity', port, endpoint)} { ${ip} saddr }`)
    rules.push(`meta l4proto ${port.protocol} dnat to ${endpoint.address}`)
  }
  return { elements, chains, affinity }
}
