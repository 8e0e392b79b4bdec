import { cidrContains } from '../../network/address.ts'
import type { ChainBlock, Cidr, Ip } from '../../network/types.ts'
import { chooseEndpoints, type EndpointInfo } from '../endpoints.ts'
import { isExternallyAccessible, usesClusterEndpoints, usesLocalEndpoints, type ServicePortInfo } from '../service-ports.ts'
import { serviceChain } from './names.ts'
import { BalancingChain, chainOf } from './service-chains.ts'

export interface RuleOptions {
  node: { name: string; zone: string; ip: Ip }
  clusterCIDR: Cidr | undefined
  /** Tells Pods by the interface instead. */
  podInterface?: string
  masqueradeAll: boolean
  localhostNodePorts: boolean
  /** The addresses that nodePortAddresses names; undefined: all. */
  nodePortIps?: readonly Ip[]
  /** For ip6tables. Node ports on ::1 never work. */
  ipv6?: boolean
}

/** The match for what comes from the node's Pods, if it can be told (pkg/proxy/util/localdetector.go). */
export function fromPods({ clusterCIDR, podInterface }: Pick<RuleOptions, 'clusterCIDR' | 'podInterface'>): string | undefined {
  return podInterface !== undefined ? `-i ${podInterface}` : clusterCIDR !== undefined ? `-s ${clusterCIDR}` : undefined
}

/** What one port of a Service adds to the tables. */
export interface PortRules {
  /** Rules of the chains that all Services share. */
  filter: readonly string[]
  nat: readonly string[]
  /** The chains of its own, all in nat. */
  chains: readonly ChainBlock[]
}

interface Made {
  endpoints: readonly EndpointInfo[]
  large: boolean
  options: RuleOptions
  rules: PortRules
}

/** What was made for a port last; where it is the same on every node, all of them share it. */
const forAll = new WeakMap<ServicePortInfo, Made>()

export class PortRuleMaker {
  readonly #forNode = new WeakMap<ServicePortInfo, Made>()

  /** Without comments in a large cluster. */
  rulesOf(port: ServicePortInfo, endpoints: readonly EndpointInfo[], options: RuleOptions, large: boolean): PortRules {
    const known = this.#forNode.get(port) ?? forAll.get(port)
    const { node, clusterCIDR, podInterface, masqueradeAll } = options
    if (
      known && known.endpoints === endpoints && known.large === large && known.options.clusterCIDR === clusterCIDR && known.options.podInterface === podInterface && known.options.masqueradeAll === masqueradeAll &&
      (!this.#forNode.has(port) || (known.options.node.name === node.name && known.options.node.zone === node.zone && known.options.node.ip === node.ip))
    ) return known.rules
    const made = { endpoints, large, options, rules: new Writer(port, endpoints, options, large).write() }
    if (dependsOnNode(port, endpoints)) this.#forNode.set(port, made)
    else {
      this.#forNode.delete(port)
      forAll.set(port, made)
    }
    return made.rules
  }
}

function dependsOnNode(port: ServicePortInfo, endpoints: readonly EndpointInfo[]): boolean {
  return usesLocalEndpoints(port) || port.sourceRanges.length > 0 || endpoints.some((e) => e.zones.length > 0)
}

class Writer {
  readonly #port: ServicePortInfo
  readonly #endpoints: readonly EndpointInfo[]
  readonly #options: RuleOptions
  readonly #large: boolean
  readonly #filter: string[] = []
  readonly #nat: string[] = []
  readonly #chains: ChainBlock[] = []

  constructor(port: ServicePortInfo, endpoints: readonly EndpointInfo[], options: RuleOptions, large: boolean) {
    this.#port = port
    this.#endpoints = endpoints
    this.#options = options
    this.#large = large
  }

  write(): PortRules {
    const port = this.#port
    const { cluster, local, reachable, any } = chooseEndpoints(this.#endpoints, port, this.#options.node)
    const chain = (prefix: Parameters<typeof serviceChain>[0]): string => serviceChain(prefix, port.name, port.protocol)
    const internalPolicy = port.internalPolicyLocal ? chain('KUBE-SVL') : chain('KUBE-SVC')
    const externalPolicy = port.externalPolicyLocal ? chain('KUBE-SVL') : chain('KUBE-SVC')
    const hasInternal = any && !(port.internalPolicyLocal && local.length === 0)
    const hasExternal = any && !(port.externalPolicyLocal && local.length === 0)
    const external = chain('KUBE-EXT')
    const usesExternal = any && isExternallyAccessible(port)
    const usesFirewall = any && port.loadBalancerIPs.length > 0 && port.sourceRanges.length > 0

    this.#capture({ any, hasInternal, hasExternal, internal: internalPolicy, external, firewall: usesFirewall ? chain('KUBE-FW') : undefined })

    if (usesExternal) this.#external(external, externalPolicy, chain('KUBE-SVC'), hasExternal)
    if (usesFirewall) this.#firewall(chain('KUBE-FW'), external)
    const policies: [string, readonly EndpointInfo[]][] = []
    if (cluster.length > 0 && usesClusterEndpoints(port)) policies.push([chain('KUBE-SVC'), cluster])
    if (local.length > 0 && usesLocalEndpoints(port)) policies.push([chain('KUBE-SVL'), local])
    for (const [name, endpoints] of policies) {
      const masquerade = hasInternal && name === internalPolicy ? this.#masquerade(name) : []
      this.#chains.push(new BalancingChain(name, masquerade, endpoints, port, this.#large))
    }
    for (const endpoint of reachable) this.#chains.push(chainOf(endpoint, port, this.#large))
    return { filter: this.#filter, nat: this.#nat, chains: this.#chains }
  }

  /** Rules of the chains that all Services share. */
  #capture(to: { any: boolean; hasInternal: boolean; hasExternal: boolean; internal: string; external: string; firewall: string | undefined }): void {
    const { name, protocol, clusterIP, port, nodePort, externalIPs, loadBalancerIPs, healthCheckNodePort } = this.#port
    const nat = this.#nat
    const filter = this.#filter
    const match = (ip: Ip): string => `-m ${protocol} -p ${protocol} -d ${ip} --dport ${port}`
    const why = (has: boolean): { target: string; comment: string } =>
      !to.any ? { target: 'REJECT', comment: `"${name} has no endpoints"` } : has ? { target: '', comment: '' } : { target: 'DROP', comment: `"${name} has no local endpoints"` }
    const internal = why(to.hasInternal)
    const external = why(to.hasExternal)

    if (to.hasInternal) nat.push(`-A KUBE-SERVICES -m comment --comment "${name} cluster IP" ${match(clusterIP)} -j ${to.internal}`)
    else filter.push(`-A KUBE-SERVICES -m comment --comment ${internal.comment} ${match(clusterIP)} -j ${internal.target}`)

    for (const ip of externalIPs) {
      if (to.any) nat.push(`-A KUBE-SERVICES -m comment --comment "${name} external IP" ${match(ip)} -j ${to.external}`)
      if (!to.hasExternal) filter.push(`-A KUBE-EXTERNAL-SERVICES -m comment --comment ${external.comment} ${match(ip)} -j ${external.target}`)
    }
    for (const ip of loadBalancerIPs) {
      if (to.any) nat.push(`-A KUBE-SERVICES -m comment --comment "${name} loadbalancer IP" ${match(ip)} -j ${to.firewall ?? to.external}`)
      if (to.firewall) filter.push(`-A KUBE-PROXY-FIREWALL -m comment --comment "${name} traffic not accepted by ${to.firewall}" ${match(ip)} -j DROP`)
    }
    if (!to.hasExternal) {
      for (const ip of loadBalancerIPs) filter.push(`-A KUBE-EXTERNAL-SERVICES -m comment --comment ${external.comment} ${match(ip)} -j ${external.target}`)
    }
    if (nodePort !== 0) {
      if (to.any) nat.push(`-A KUBE-NODEPORTS -m comment --comment ${name} -m ${protocol} -p ${protocol} --dport ${nodePort} -j ${to.external}`)
      if (!to.hasExternal) filter.push(`-A KUBE-EXTERNAL-SERVICES -m comment --comment ${external.comment} -m addrtype --dst-type LOCAL -m ${protocol} -p ${protocol} --dport ${nodePort} -j ${external.target}`)
    }
    if (healthCheckNodePort !== 0) filter.push(`-A KUBE-NODEPORTS -m comment --comment "${name} health check node port" -m tcp -p tcp --dport ${healthCheckNodePort} -j ACCEPT`)
  }

  /** What comes to the cluster IP from outside the Pods' network is masqueraded, for its answers must come back here. */
  #masquerade(chain: string): string[] {
    const { name, protocol, clusterIP, port } = this.#port
    const match = `-m comment --comment "${name} cluster IP" -m ${protocol} -p ${protocol} -d ${clusterIP} --dport ${port}`
    if (this.#options.masqueradeAll) return [`-A ${chain} ${match} -j KUBE-MARK-MASQ`]
    const pods = fromPods(this.#options)
    return pods ? [`-A ${chain} ${match} ! ${pods} -j KUBE-MARK-MASQ`] : []
  }

  #external(chain: string, policy: string, cluster: string, hasEndpoints: boolean): void {
    const { name, externalPolicyLocal } = this.#port
    const rules: string[] = []
    if (!externalPolicyLocal) {
      rules.push(`-A ${chain} -m comment --comment "masquerade traffic for ${name} external destinations" -j KUBE-MARK-MASQ`)
    } else {
      const pods = fromPods(this.#options)
      if (pods) rules.push(`-A ${chain} -m comment --comment "pod traffic for ${name} external destinations" ${pods} -j ${cluster}`)
      rules.push(`-A ${chain} -m comment --comment "masquerade LOCAL traffic for ${name} external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`)
      rules.push(`-A ${chain} -m comment --comment "route LOCAL traffic for ${name} external destinations" -m addrtype --src-type LOCAL -j ${cluster}`)
    }
    if (hasEndpoints) rules.push(`-A ${chain} -j ${policy}`)
    this.#chains.push({ chain, count: rules.length, rules })
  }

  #firewall(chain: string, external: string): void {
    const { name, sourceRanges, loadBalancerIPs } = this.#port
    const start = `-A ${chain} -m comment --comment "${name} loadbalancer IP"`
    const rules = sourceRanges.map((range) => `${start} -s ${range} -j ${external}`)
    if (sourceRanges.some((range) => cidrContains(range, this.#options.node.ip))) {
      for (const ip of loadBalancerIPs) rules.push(`${start} -s ${ip} -j ${external}`)
    }
    rules.push(`-A ${chain} -m comment --comment "other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL"`)
    this.#chains.push({ chain, count: rules.length, rules })
  }
}
