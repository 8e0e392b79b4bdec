import type { KubeObject } from '../../kubernetes/types.ts'
import type { Ipvs } from '../../network/ipvs/ipvs.ts'
import { SCHEDULERS } from '../../network/ipvs/service.ts'
import type { Bridge, Ip, Netfilter } from '../../network/types.ts'
import { ServiceCache } from '../../proxy/cache.ts'
import { cleanStaleEntries } from '../../proxy/conntrack.ts'
import type { EndpointInfo } from '../../proxy/endpoints.ts'
import type { ServicePortInfo } from '../../proxy/service-ports.ts'
import { SyncLoop } from '../sync-loop.ts'
import { BRIDGE } from './conf.ts'
import type { NodeContext } from '../types.ts'
import type { Settings } from './flags.ts'
import type { Family } from './names.ts'
import { ensureHairpin, ensureMasquerade, syncFirewallSets, setupFirewall, type HairpinRule } from './proxy-rules.ts'
import { NodePortHealth } from './proxy-health.ts'
import type { Log } from './routing.ts'

/**
 * kube-router's network services controller (v2.6, pkg/controllers/proxy): a virtual service of IPVS for each address and
 * port of a Service, whose addresses are on kube-dummy-if. What goes through one to a Pod of another node, and does not
 * come from a Pod of this one, gets the node's address as its source, so that answers come back; a local Pod sees the client's.
 */
export const DUMMY = 'kube-dummy-if'
/** Virtual ms: what changes meanwhile is one sync. */
const DELAY = 50
/** --ipvs-sync-period */
const PERIOD = 300_000
const ANNOTATION = 'kube-router.io/service.'

interface Virtual { key: { protocol: 'tcp' | 'udp' | 'sctp'; address: Ip; port: number }; info: ServicePortInfo; servers: readonly EndpointInfo[]; scheduler: string; bind: boolean }

export class NetworkServicesController {
  readonly #context: NodeContext
  readonly #settings: Settings
  readonly #log: Log
  readonly #caches: readonly { family: Family; cache: ServiceCache }[]
  /** "default/web" → its annotations of kube-router. */
  readonly #annotations = new Map<string, Readonly<Record<string, string>>>()
  readonly #told = new Set<string>()
  readonly #health: NodePortHealth
  readonly #stopWatch: () => void
  readonly #loop: SyncLoop

  constructor(context: NodeContext, settings: Settings, log: Log, health: NodePortHealth) {
    this.#context = context
    this.#settings = settings
    this.#log = log
    this.#health = health
    this.#loop = new SyncLoop(context.clock, DELAY, () => this.#sync(), { period: PERIOD })
    this.#caches = context.config.ipFamilies.map((family) => ({ family, cache: new ServiceCache(context.client, family === 'IPv4' ? 4 : 6, () => this.#loop.request()) }))
    log('network_services_controller.go:253', 'Starting network services controller')
    this.#prepare()
    this.#stopWatch = context.client.watch<KubeObject>('services', {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const { namespace, name, annotations = {} } = event.object.metadata
      const own = Object.entries(annotations).filter(([key]) => key.startsWith(ANNOTATION))
      if (event.type !== 'DELETED' && own.length > 0) this.#annotations.set(`${namespace}/${name}`, Object.fromEntries(own))
      else if (!this.#annotations.delete(`${namespace}/${name}`)) return
      this.#loop.request()
    })
    this.#loop.request()
  }

  /** Services, addresses and rules stay. */
  stop(): void {
    this.#loop.stop()
    this.#stopWatch()
    for (const { cache } of this.#caches) cache.stop()
    this.#health.stop()
  }

  #prepare(): void {
    const { network, config } = this.#context
    // newLinuxNetworking: the handle loads the module ip_vs, which brings its sysctls
    void this.#ipvs
    for (const [key, value] of [
      ['net.ipv4.vs.conntrack', '1'], ['net.ipv4.vs.expire_nodest_conn', '1'], ['net.ipv4.vs.expire_quiescent_template', '1'], ['net.ipv4.vs.conn_reuse_mode', '0'],
      ['net.ipv4.conf.all.arp_ignore', '1'], ['net.ipv4.conf.all.arp_announce', '2'],
    ] as const) network.setSysctl(key, value)
    for (const family of config.ipFamilies) setupFirewall(this.#netfilter(family), family, this.#settings.permitAll)
  }

  #netfilter(family: Family): Netfilter {
    const { network } = this.#context
    return family === 'IPv4' ? network.netfilter : network.netfilter6
  }

  get #ipvs(): Ipvs {
    return this.#context.network.netfilter.ipvs
  }

  #sync(): void {
    const { network, config, fabric } = this.#context
    if (!network.links.has(DUMMY)) fabric.createDummy(network, DUMMY)
    network.setUp(DUMMY, true)
    const self = config.nodes.find((n) => n.name === this.#context.name)
    for (const { family, cache } of this.#caches) {
      const changed = cache.takeChanged()
      const nodeIp = [self?.ip, ...localAddresses(this.#context, family)].find((ip) => ip !== undefined && ip.includes(':') === (family === 'IPv6'))
      if (nodeIp === undefined) continue
      const netfilter = this.#netfilter(family)
      const subnets = this.#podSubnets(family)
      ensureMasquerade(netfilter, nodeIp, subnets, this.#settings.masqueradeAll)
      const virtuals = [...cache.services.keys()].sort().flatMap((service) => cache.services.get(service)!.flatMap((info) => this.#virtualsOf(info, cache.endpointsOf(info), nodeIp, family)))
      this.#bind(virtuals, nodeIp, family)
      for (const virtual of virtuals) this.#syncVirtual(virtual)
      this.#removeOthers(virtuals, family)
      ensureHairpin(netfilter, this.#hairpins(cache, nodeIp))
      syncFirewallSets(netfilter, family, localAddresses(this.#context, family), virtuals.map((v) => v.key))
      if (changed.size > 0) cleanStaleEntries(netfilter.conntrack, cache, family === 'IPv4' ? 4 : 6)
    }
    const [first] = this.#caches
    if (first) this.#health.sync(first.cache, this.#context.name)
  }

  #podSubnets(family: Family): string[] {
    const own = this.#context.network.links.get(BRIDGE)?.addresses.filter((a) => a.address.includes(':') === (family === 'IPv6') && a.scope !== 'link') ?? []
    try {
      const { spec } = this.#context.client.get<KubeObject & { spec: { podCIDR?: string; podCIDRs?: string[] } }>('nodes', undefined, this.#context.name)
      return (spec.podCIDRs ?? (spec.podCIDR === undefined ? [] : [spec.podCIDR])).filter((c) => c.includes(':') === (family === 'IPv6'))
    } catch {
      return own.map((a) => `${a.address}/${a.prefixLength}`)
    }
  }

  // ---- what there is to be -------------------------------------------------------------------------------------

  #virtualsOf(info: ServicePortInfo, all: readonly EndpointInfo[], nodeIp: Ip, family: Family): Virtual[] {
    const annotations = this.#annotations.get(info.service)
    const localOnly = info.externalPolicyLocal || annotations?.[`${ANNOTATION}local`] === 'true'
    const endpoints = all.filter((e) => e.serving || e.ready)
    const local = endpoints.filter((e) => e.nodeName === this.#context.name)
    const scheduler = this.#scheduler(info.service, annotations?.[`${ANNOTATION}scheduler`])
    if (annotations?.[`${ANNOTATION}dsr`] !== undefined) this.#tell(info.service, 'kube-router.io/service.dsr', 'its addresses are translated as those of other Services')
    const { protocol, port } = info
    const make = (address: Ip, at: number, onlyLocal: boolean, bind: boolean): Virtual[] =>
      onlyLocal && local.length === 0 ? [] : [{ key: { protocol, address, port: at }, info, servers: onlyLocal ? local : endpoints, scheduler, bind }]
    const balanced = annotations && `${ANNOTATION}skiplbips` in annotations ? [] : info.loadBalancerIPs
    const nodePorts = info.nodePort === 0 ? [] : this.#settings.nodePortOnAll ? localAddresses(this.#context, family) : [nodeIp]
    return [
      ...make(info.clusterIP, port, info.internalPolicyLocal, true),
      ...nodePorts.flatMap((ip) => make(ip, info.nodePort, localOnly, false)),
      ...[...new Set([...info.externalIPs, ...balanced])].flatMap((ip) => make(ip, port, localOnly, true)),
    ]
  }

  #scheduler(service: string, wanted: string | undefined): string {
    // an unknown word is passed over, as it is upstream
    if (wanted === undefined || !['rr', 'lc', 'dh', 'sh', 'mh'].includes(wanted)) return 'rr'
    if ((SCHEDULERS as readonly string[]).includes(wanted)) return wanted
    this.#tell(service, `kube-router.io/service.scheduler: ${wanted}`, 'rr is used')
    return 'rr'
  }

  #tell(service: string, what: string, instead: string): void {
    if (this.#told.has(`${service} ${what}`)) return
    this.#told.add(`${service} ${what}`)
    this.#log('network_services_controller.go:870', `podhop: not simulated: the annotation ${what} of Service ${service} (${instead})`, 'W')
  }

  // ---- IPVS ----------------------------------------------------------------------------------------------------

  /** The route says which source the node's own packets to it get: without it the kernel would take the address itself. */
  #bind(virtuals: readonly Virtual[], nodeIp: Ip, family: Family): void {
    const { network } = this.#context
    const length = family === 'IPv4' ? 32 : 128
    const wanted = new Set(virtuals.filter((v) => v.bind).map((v) => v.key.address))
    const bound = network.links.get(DUMMY)!.addresses.filter((a) => a.address.includes(':') === (family === 'IPv6') && !a.address.startsWith('fe80:')).map((a) => a.address)
    for (const ip of wanted) {
      if (bound.includes(ip)) continue
      network.addAddress(DUMMY, `${ip}/${length}`, { scope: 'link' })
      network.routes.add({ destination: `${ip}/${length}`, type: 'local', device: DUMMY, source: nodeIp, scope: 'host', protocol: 'kernel' }, { table: 'local', replace: true })
    }
    for (const ip of bound) {
      if (wanted.has(ip)) continue
      network.removeAddress(DUMMY, `${ip}/${length}`)
      const left = network.routes.list('local', family === 'IPv4' ? 4 : 6).find((r) => r.destination === `${ip}/${length}` && r.device === DUMMY)
      if (left) network.routes.remove({ destination: `${ip}/${length}`, device: DUMMY }, { table: 'local' })
    }
  }

  #syncVirtual({ key, info, servers, scheduler }: Virtual): void {
    const ipvs = this.#ipvs
    const persistent = info.stickySeconds
    const options = { scheduler, ...(persistent === undefined ? {} : { persistent }) }
    const known = ipvs.find(key)
    if (!known) ipvs.add(key, options)
    else if (known.scheduler !== scheduler || known.persistent !== persistent) ipvs.edit(key, options)
    const service = ipvs.find(key)!
    for (const { ip, port } of servers) if (!service.server(ip, port)) ipvs.addServer(key, { address: ip, port, weight: 1 })
    const wanted = new Set(servers.map((e) => `${e.ip} ${e.port}`))
    for (const { address, port } of [...service.servers]) if (!wanted.has(`${address} ${port}`)) ipvs.removeServer(key, { address, port })
  }

  #removeOthers(virtuals: readonly Virtual[], family: Family): void {
    const wanted = new Set(virtuals.map(({ key }) => `${key.protocol} ${key.address} ${key.port}`))
    for (const { key } of this.#ipvs.services()) {
      if ('fwmark' in key || key.address.includes(':') !== (family === 'IPv6') || wanted.has(`${key.protocol} ${key.address} ${key.port}`)) continue
      this.#ipvs.remove(key)
    }
  }

  // ---- Pods that ask their own Service -------------------------------------------------------------------------

  #hairpins(cache: ServiceCache, nodeIp: Ip): HairpinRule[] {
    const rules: HairpinRule[] = []
    for (const infos of cache.services.values()) {
      for (const info of infos) {
        const annotations = this.#annotations.get(info.service)
        if (!this.#settings.hairpin && annotations?.[`${ANNOTATION}hairpin`] === undefined) continue
        for (const { ip, nodeName } of cache.endpointsOf(info)) {
          if (nodeName !== this.#context.name) continue
          this.#hairpinMode(ip)
          rules.push({ pod: ip, address: info.clusterIP, port: info.port })
          if (annotations?.[`${ANNOTATION}hairpin.externalips`] !== undefined) for (const address of info.externalIPs) rules.push({ pod: ip, address, port: info.port })
          if (info.nodePort !== 0) rules.push({ pod: ip, address: nodeIp, port: info.nodePort })
        }
      }
    }
    return rules
  }

  /** hairpin_controller.go: brport/hairpin_mode of the Pod's veth on the bridge. */
  #hairpinMode(ip: Ip): void {
    const { links } = this.#context.network
    const bridge = links.get(BRIDGE) as Bridge | undefined
    for (const link of links.values()) if (link.master === bridge && link.peer?.addresses.some((a) => a.address === ip)) bridge?.hairpin(link, true)
  }
}

/** getAllLocalIPs: of every link, loopback's too, but those that are called dummy, kube or docker. */
function localAddresses({ network }: NodeContext, family: Family): Ip[] {
  const links = [...network.links.values()].filter((l) => !/dummy|kube|docker/.test(l.name))
  return links.flatMap((l) => l.addresses.map((a) => a.address)).filter((ip) => ip.includes(':') === (family === 'IPv6'))
}
