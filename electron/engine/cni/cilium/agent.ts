import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import type { KubeObject, Namespace, Node, Pod } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import { nodeIps } from '../../config.ts'
import { ipVersion, networkOf } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { internalIp, podSubnets } from '../bridge-link.ts'
import type { Agent, NodeContext, Sandbox } from '../types.ts'
import { BgpController } from './bgp/controller.ts'
import { readConfig, type AgentLog } from './config.ts'
import type { Datapath } from './datapath.ts'
import { forgetEndpoint, LocalEndpoints } from './endpoints.ts'
import { EgressGateway, egressGatewayEnabled, EgressMap } from './egress-gateway.ts'
import { HostEndpoint } from './host-firewall.ts'
import { startHubble } from './hubble/agent-service.ts'
import { startDnsProxy } from './dns-proxy.ts'
import { addTunnel, addDirectRoute, addPodRoute, ensureDatapath, removeRoute } from './devices.ts'
import { L2Announcer, l2Settings } from './l2-announcer.ts'
import { HOST, identityOf, KUBE_APISERVER, REMOTE_NODE, reservedIdentity, UNMANAGED } from './identity.ts'
import { addressesOf, CILIUM_ENDPOINTS, CILIUM_IDENTITIES, CILIUM_NODES, factsOf, IdentityAllocator, type CiliumEndpoint, type CiliumIdentity, type CiliumNode } from './objects.ts'
import { localRedirectEnabled, LocalRedirects } from './local-redirect.ts'
import { singleAddress, type Endpoint } from './maps.ts'
import { EndpointPolicy, type ProxyPorts } from './policy-map.ts'
import { PolicyRepository } from './repository.ts'
import { sctpEnabled } from './sctp.ts'
import { ServiceSync } from './services.ts'

/** cilium-agent of v1.17: it feeds the maps; packets go on without it. */
export const CNI_CONF = '/etc/cni/net.d/05-cilium.conflist'
export const SOCKET = '/var/run/cilium/cilium.sock'
const CONF = { cniVersion: '0.3.1', name: 'cilium', plugins: [{ type: 'cilium-cni', 'enable-debug': false, 'log-file': '/var/run/cilium/cilium-cni.log' }] }
/** The collection of connections whose time is over. */
const COLLECT = 30_000
/** baseBackgroundSyncInterval of pkg/node/manager, ms; times ln(1 + nodes). */
const VALIDATE = 60_000

const agents = new WeakMap<object, CiliumAgent>()

/** The agent that runs on the node, if one does. */
export function agentOf(network: object): CiliumAgent | undefined {
  return agents.get(network)
}

/** Those that run in a cluster, by their nodes' names: whoever asks each of them knows the cluster's clock. */
const running = new WeakMap<object, Map<string, CiliumAgent>>()

export function agentsOf(clock: object): ReadonlyMap<string, CiliumAgent> {
  return running.get(clock) ?? new Map<string, CiliumAgent>()
}

export class CiliumAgent implements Agent {
  readonly context: NodeContext
  /** The number of the node itself among the endpoints. */
  readonly hostEndpoint: number
  readonly #client: KubernetesClient
  readonly #process: Process
  readonly #log: AgentLog
  readonly #stops: (() => void)[] = []
  readonly #identities: IdentityAllocator
  readonly #nodes = new Map<string, CiliumNode>()
  readonly #ciliumEndpoints = new Map<string, CiliumEndpoint>()
  /** Whose an address is now: the CiliumEndpoint that told of it last. */
  readonly #owners = new Map<Ip, string>()
  datapath: Datapath | undefined
  /** Where the proxy listens. */
  proxyPorts: ProxyPorts | undefined
  repository: PolicyRepository | undefined
  #endpoints: LocalEndpoints | undefined
  #services: readonly ServiceSync[] = []
  #l2: L2Announcer | undefined
  #egress: EgressGateway | undefined
  #redirects: LocalRedirects | undefined
  /** With enable-bgp-control-plane. */
  bgp: BgpController | undefined
  #regenerating: ReturnType<NodeContext['clock']['schedule']> | undefined
  #collecting: ReturnType<NodeContext['clock']['schedule']> | undefined
  #validating: ReturnType<NodeContext['clock']['schedule']> | undefined
  readonly #startedAt: number
  #stopped = false

  constructor(context: NodeContext, process: Process, log: AgentLog) {
    this.context = context
    this.hostEndpoint = 1 + context.clock.random.fork(`cilium host endpoint ${context.name}`).below(4_095)
    this.#client = asManager(context.client, 'cilium-agent')
    this.#process = process
    this.#log = log
    this.#identities = new IdentityAllocator(this.#client, context.clock.random.fork(`cilium identities ${context.name}`))
    this.#startedAt = context.clock.now
    agents.set(context.network, this)
    const others = running.get(context.clock) ?? new Map<string, CiliumAgent>()
    running.set(context.clock, others.set(context.name, this))
    this.#watch<Node>('nodes', (node) => this.#onNode(node), () => undefined, `metadata.name=${context.name}`)
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    this.repository?.stop()
    for (const services of this.#services) services.stop()
    this.#l2?.stop()
    this.#egress?.stop()
    this.#redirects?.stop()
    this.bgp?.stop()
    this.datapath?.l2.alive(false)
    for (const timer of [this.#regenerating, this.#collecting, this.#validating]) this.context.clock.cancel(timer)
    if (agents.get(this.context.network) === this) agents.delete(this.context.network)
    const others = running.get(this.context.clock)
    if (others?.get(this.context.name) === this) others.delete(this.context.name)
  }

  get nodes(): ReadonlyMap<string, CiliumNode> {
    return this.#nodes
  }

  #watch<T extends KubeObject>(resource: string, put: (object: T) => void, gone: (object: T) => void, fieldSelector?: string): void {
    this.#stops.push(this.#client.watch<T>(resource, fieldSelector === undefined ? {} : { fieldSelector }, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') put(event.object)
      else if (event.type === 'DELETED') gone(event.object)
    }))
  }

  // ---- the own node --------------------------------------------------------------------------------------------

  #onNode(node: Node): void {
    if (this.datapath) {
      if (this.datapath.self?.label(node.metadata.labels ?? {})) this.#regenerateSoon()
      return
    }
    const { ipFamilies, podCIDR: clusterCidrs } = this.context.config
    const own = ([4, 6] as const).filter((version) => ipFamilies.includes(version === 4 ? 'IPv4' : 'IPv6')).flatMap((version) => {
      const of = (cidrs: readonly Cidr[]): Cidr | undefined => cidrs.find((c) => ipVersion(c.split('/')[0]!) === version)
      const [podCidr, nodeIp, clusterCidr] = [of(podSubnets(node)), internalIp(node, version), of(clusterCidrs)]
      return podCidr !== undefined && nodeIp !== undefined && clusterCidr !== undefined ? [{ version, podCidr, nodeIp, clusterCidr }] : []
    })
    if (own.length < ipFamilies.length) return
    const dp = ensureDatapath(this.context, own)
    if (!dp) return
    this.datapath = dp
    dp.sctp = sctpEnabled(this.#client)
    this.#log('info', 'Received own node information from API server', 'daemon', `${own.map((f) => `ipAddr.ipv${f.version}=${f.nodeIp}`).join(' ')} k8sNodeIP=${dp.nodeIp} nodeName=${node.metadata.name} ${own.map((f) => `v${f.version}Prefix=${f.podCidr}`).join(' ')}`)
    this.#log('info', `  Local node-name: ${node.metadata.name}`, 'daemon')
    for (const { version, routerIp, nodeIp } of dp.families) {
      this.#log('info', `  Internal-Node IPv${version}: ${routerIp}`, 'daemon')
      this.#log('info', `  External-Node IPv${version}: ${nodeIp}`, 'daemon')
    }
    for (const endpoint of dp.endpoints.values()) if (!this.context.network.links.has(endpoint.link.name)) forgetEndpoint(dp, endpoint)
    this.#log('info', `Restored endpoints`, 'endpoint', `restored=${dp.endpoints.size}`)
    this.#kubeApiserver()
    const ports = this.context.clock.random.fork(`cilium proxy ${this.context.name}`)
    const base = 10_000 + ports.below(9_000)
    const proxyPorts = (this.proxyPorts = { ingress: base, egress: base + 1, dns: 20_000 + ports.below(12_000) })
    this.#stops.push(startDnsProxy(this.#process, dp, proxyPorts.dns), dp.names.collectAgain())
    const endpoints = (this.#endpoints = new LocalEndpoints(this.context, this.#client, this.#log, this.#identities, dp, {
      policyFor: (endpoint) => this.repository!.policyFor(endpoint, dp.identity(endpoint.identity)),
      regenerateSoon: () => this.#regenerateSoon(),
      put: (...what) => this.#put(...what),
      known: (pod) => this.#ciliumEndpoints.get(pod),
    }))
    this.#watch<CiliumIdentity>(CILIUM_IDENTITIES, (o) => this.#onIdentity(o), (o) => this.#identityGone(o))
    this.#watch<CiliumNode>(CILIUM_NODES, (o) => this.#onCiliumNode(o), (o) => this.#ciliumNodeGone(o))
    this.#watch<CiliumEndpoint>(CILIUM_ENDPOINTS, (o) => this.#onEndpoint(o), (o) => this.#endpointGone(o))
    this.#watch<Namespace>('namespaces', (o) => endpoints.onNamespace(o), ({ metadata }) => endpoints.namespaceGone(metadata.name))
    this.#watch<Pod>('pods', (o) => endpoints.onPod(o), () => undefined, `spec.nodeName=${this.context.name}`)
    this.repository = new PolicyRepository(dp, this.#client, proxyPorts, () => this.#regenerateSoon())
    this.repository.namedPorts = (name) => this.#namedPorts(name)
    this.#services = dp.families.map((family) => new ServiceSync(dp, family, this.#process))
    this.#startFeatures(dp, node)
    this.#announce(node, dp)
    this.#regenerate()
    this.#collect()
    this.#validateNodes()
    this.#writeConfiguration()
    this.#stops.push(startHubble(this.#process, dp, this.#client, (ip) => this.#owners.get(ip), this.#log))
    this.#log('info', 'Daemon initialization completed', 'daemon', `bootstrapTime=${((this.context.clock.now - this.#startedAt) / 1000).toFixed(3)}s`)
  }

  #startFeatures(dp: Datapath, node: Node): void {
    const settings = readConfig(this.#client)
    const self = (dp.self ??= new HostEndpoint(dp, this.hostEndpoint))
    self.firewall = settings['enable-host-firewall'] === 'true'
    dp.audit = settings['policy-audit-mode'] === 'true'
    self.label(node.metadata.labels ?? {})
    const l2 = l2Settings(this.#client)
    if (l2) this.#l2 = new L2Announcer(this.context, dp, this.#client, l2, this.#log)
    else dp.l2.set(new Set())
    dp.egress = egressGatewayEnabled(this.#client) ? (dp.egress ?? new EgressMap()) : undefined
    if (dp.replacesProxy && localRedirectEnabled(this.#client)) this.#redirects = new LocalRedirects(this.context, this.#client, dp.lb)
    else dp.lb.setRedirects([])
    if (settings['enable-bgp-control-plane'] === 'true') this.bgp = new BgpController(dp, this.#client, this.#process.pid, this.#log)
    if (dp.egress) addTunnel(dp)
    if (dp.egress) this.#egress = new EgressGateway(this.context, this.#client, dp.egress)
  }

  #writeConfiguration(): void {
    const { fs } = this.context.machine
    for (const directory of ['/etc/cni/net.d', '/var/run/cilium/state']) fs.makeDirectory(directory, { parents: true })
    fs.writeFile(SOCKET, '')
    const text = `${JSON.stringify(CONF, null, 2)}\n`
    if (!fs.exists(CNI_CONF) || fs.readText(CNI_CONF) !== text) {
      fs.writeFile(CNI_CONF, text)
      this.#log('info', `Wrote CNI configuration file to ${CNI_CONF}`, 'cni-config')
    }
  }

  #announce(node: Node, dp: Datapath): void {
    const { client, clock, name } = this.context
    const spec = {
      addresses: [...dp.families.map((f) => ({ ip: f.nodeIp, type: 'InternalIP' })), ...dp.families.map((f) => ({ ip: f.routerIp, type: 'CiliumInternalIP' }))],
      alibabaCloud: {}, azure: {}, encryption: {}, eni: {}, health: {}, ingress: {}, ipam: { podCIDRs: dp.families.map((f) => f.podCidr), pools: {} },
    }
    const object = {
      apiVersion: 'cilium.io/v2', kind: 'CiliumNode',
      metadata: { name, labels: node.metadata.labels ?? {}, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }] }, spec,
    }
    this.#put(CILIUM_NODES, undefined, name, object, { spec })
    const now = `${new Date(Math.floor(clock.wall() / 1000) * 1000).toISOString().slice(0, 19)}Z`
    const condition = { type: 'NetworkUnavailable', status: 'False', reason: 'CiliumIsUp', message: 'Cilium is running on this node', lastTransitionTime: now, lastHeartbeatTime: now }
    client.patch('nodes', undefined, name, 'application/strategic-merge-patch+json', { status: { conditions: [condition] } }, { subresource: 'status', fieldManager: 'cilium-agent' })
  }

  /** Creates, or changes what is there. */
  #put(resource: string, namespace: string | undefined, name: string, object: object, change: object): void {
    try {
      this.#client.create(resource, namespace, object as KubeObject)
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error
      this.#client.patch(resource, namespace, name, 'application/merge-patch+json', change)
    }
  }

  #kubeApiserver(): void {
    const dp = this.datapath!
    const master = this.context.config.nodes.find((n) => n.role === 'control-plane')
    dp.identities.set(KUBE_APISERVER, reservedIdentity(KUBE_APISERVER, ['remote-node']))
    if (master?.name === this.context.name) dp.identities.set(HOST, reservedIdentity(HOST, ['kube-apiserver']))
  }

  #isApiserver(ip: Ip): boolean {
    return this.context.config.nodes.some((n) => n.role === 'control-plane' && nodeIps(n).includes(ip))
  }

  // ---- the others ----------------------------------------------------------------------------------------------

  #onCiliumNode(node: CiliumNode): void {
    const dp = this.datapath!
    const { name } = node.metadata
    const former = this.#nodes.get(name)
    this.#nodes.set(name, node)
    const facts = factsOf(node)
    if (former && JSON.stringify(factsOf(former)) === JSON.stringify(facts)) return
    const own = name === this.context.name
    if (own) {
      for (const ip of [...facts.ips, ...facts.routers]) dp.ipcache.set(singleAddress(ip), { identity: HOST })
      return
    }
    const end = facts.ips.find((ip) => dp.family(ip) === dp.families[0])
    if (end === undefined) return
    for (const ip of facts.ips) dp.ipcache.set(singleAddress(ip), { identity: this.#isApiserver(ip) ? KUBE_APISERVER : REMOTE_NODE })
    const tunnel = dp.tunnels ? { tunnel: end } : {}
    for (const ip of facts.routers) dp.ipcache.set(singleAddress(ip), { identity: REMOTE_NODE, ...tunnel })
    if (dp.tunnels) for (const cidr of facts.cidrs) dp.ipcache.set(cidr, { identity: UNMANAGED, ...tunnel })
    this.#routesTo(facts)
  }

  #routesTo({ ips, cidrs }: ReturnType<typeof factsOf>): void {
    const dp = this.datapath!
    for (const cidr of cidrs) {
      if (dp.tunnels) addPodRoute(dp, cidr)
      else {
        const gateway = ips.find((ip) => dp.family(ip) === dp.family(cidr))
        if (gateway !== undefined) addDirectRoute(dp, cidr, gateway)
      }
    }
  }

  /** The node manager looks after every node once in a while, the more seldom the more there are (pkg/node/manager, ClusterSizeDependantInterval). */
  #validateNodes(): void {
    this.#validating = this.context.clock.schedule(VALIDATE * Math.log1p(this.#nodes.size), () => {
      const { routes } = this.context.network
      const there = new Set([...routes.list('main', 4), ...routes.list('main', 6)].map((r) => r.destination))
      for (const [name, node] of this.#nodes) {
        const facts = factsOf(node)
        const missing = name === this.context.name ? [] : facts.cidrs.filter((cidr) => !there.has(networkOf(cidr)))
        try {
          if (missing.length > 0) this.#routesTo({ ...facts, cidrs: missing })
        } catch (error) {
          this.#log('warning', `Unable to create route error="${(error as Error).message}"`, 'linux-datapath', `nodeName=${name}`)
        }
      }
      this.#validateNodes()
    }, { background: true })
  }

  #ciliumNodeGone(node: CiliumNode): void {
    const dp = this.datapath!
    this.#nodes.delete(node.metadata.name)
    const { ips, routers, cidrs } = factsOf(node)
    for (const address of [...ips, ...routers]) dp.ipcache.delete(singleAddress(address))
    for (const cidr of cidrs) {
      dp.ipcache.delete(cidr)
      removeRoute(dp, cidr)
    }
  }

  #onIdentity(object: CiliumIdentity): void {
    const id = Number(object.metadata.name)
    const labels = object['security-labels'] ?? {}
    this.#identities.learn(id, labels)
    if (this.datapath!.identities.has(id)) return
    this.datapath!.identities.set(id, identityOf(id, labels))
    // what was decided about the number before its labels were known
    for (const endpoint of this.datapath!.endpoints.values()) endpoint.policy.forget()
    this.datapath!.self?.endpoint.policy.forget()
  }

  #identityGone(object: CiliumIdentity): void {
    const id = Number(object.metadata.name)
    this.#identities.forget(id)
    this.datapath!.identities.delete(id)
  }

  #onEndpoint(object: CiliumEndpoint): void {
    const dp = this.datapath!
    const key = `${object.metadata.namespace}/${object.metadata.name}`
    const former = this.#ciliumEndpoints.get(key)
    this.#ciliumEndpoints.set(key, object)
    const { status } = object
    const ips = addressesOf(object)
    for (const ip of former ? addressesOf(former) : []) if (!ips.includes(ip)) this.#forgetAddress(ip, key)
    const node = status?.networking?.node
    const identity = status?.identity?.id
    if (identity === undefined) return
    for (const ip of ips) {
      this.#owners.set(ip, key)
      if (dp.endpointAt(ip)) continue
      dp.ipcache.set(singleAddress(ip), { identity, ...(dp.tunnels && node !== undefined && node !== dp.nodeIp ? { tunnel: node } : {}) })
    }
    if (status?.['named-ports']?.length && JSON.stringify(status['named-ports']) !== JSON.stringify(former?.status?.['named-ports'])) this.#regenerateSoon()
  }

  #endpointGone(object: CiliumEndpoint): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`
    this.#ciliumEndpoints.delete(key)
    for (const ip of addressesOf(object)) this.#forgetAddress(ip, key)
  }

  /** Somebody else may have the address by now. */
  #forgetAddress(ip: Ip, key: string): void {
    if (this.#owners.get(ip) !== key) return
    this.#owners.delete(ip)
    const dp = this.datapath!
    if (!dp.endpointAt(ip)) dp.ipcache.delete(singleAddress(ip))
  }

  #namedPorts(name: string): number[] {
    const numbers = new Set<number>()
    for (const { status } of this.#ciliumEndpoints.values()) for (const port of status?.['named-ports'] ?? []) if (port.name === name) numbers.add(port.port)
    return [...numbers]
  }

  /** PUT /endpoint of the agent's API: what cilium-cni asks for. Throws an Error with the plugin's text. */
  addEndpoint(sandbox: Sandbox): { ips: Ip[]; link: string } {
    if (!this.#endpoints) throw new Error('unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure IPAM is not ready')
    return this.#endpoints.add(sandbox)
  }

  /** DELETE /endpoint. */
  removeEndpoint(endpoint: Endpoint): void {
    this.#endpoints?.remove(endpoint)
  }

  // ---- policy --------------------------------------------------------------------------------------------------

  #regenerateSoon(): void {
    if (this.#regenerating || this.#stopped) return
    this.#regenerating = this.context.clock.schedule(5, () => {
      this.#regenerating = undefined
      this.#regenerate()
    })
  }

  #regenerate(): void {
    const dp = this.datapath!
    for (const endpoint of dp.endpoints.values()) endpoint.policy = this.repository!.policyFor(endpoint, dp.identity(endpoint.identity))
    if (dp.self) dp.self.endpoint.policy = dp.self.firewall ? this.repository!.policyFor(dp.self.endpoint, dp.self.identity) : new EndpointPolicy()
  }

  #collect(): void {
    const { clock } = this.context
    this.#collecting = clock.schedule(COLLECT, () => {
      const dp = this.datapath!
      dp.conntrack.collect()
      dp.nat.collect((entry) => dp.conntrack.get('out', entry.original) !== undefined || clock.now - entry.usedAt < 60_000)
      this.#collect()
    }, { background: true })
  }
}
