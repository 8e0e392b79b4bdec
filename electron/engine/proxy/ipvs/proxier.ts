import type { Agent, NodeContext } from '../../cni/types.ts'
import { nodeIps } from '../../config.ts'
import type { Node } from '../../kubernetes/types.ts'
import { cidrContains, isLoopbackIp } from '../../network/address.ts'
import type { Ipvs } from '../../network/ipvs/ipvs.ts'
import type { Ip, Netfilter } from '../../network/types.ts'
import { BoundedRunner } from '../bounded-runner.ts'
import { ServiceCache } from '../cache.ts'
import { cleanStaleEntries } from '../conntrack.ts'
import type { EndpointInfo } from '../endpoints.ts'
import type { ProxyHealth } from '../health.ts'
import type { ProxyLog } from '../iptables/proxier.ts'
import { NodePortAddresses } from '../node-port-addresses.ts'
import type { ServicePortInfo } from '../service-ports.ts'
import { GracefulTermination } from './graceful.ts'
import { ensureIpvsChains } from './jumps.ts'
import { planOf, type PlanNode, type PortPlan, type VirtualPlan } from './plan.ts'
import { ipvsRules } from './rules.ts'
import { ensureSets, SET_IDS, setName, type SetId } from './sets.ts'

export const DUMMY = 'kube-ipvs0'
const MIN_SYNC = 1000
const BURST = 2
const SYNC = 30_000

/** The part `ipvs` of kube-proxy's configuration, and what else this mode looks at. */
export interface IpvsSettings {
  /** "": rr. */
  scheduler: string
  strictARP: boolean
  masqueradeAll: boolean
  /** Virtual services in these are left alone. */
  excludeCIDRs: readonly string[]
  nodePortAddresses?: readonly string[]
  clusterCIDR?: readonly string[]
  podInterface?: string
  /** minSyncPeriod (ms). */
  minSync?: number
  /** Seconds; 0: as the kernel has it. */
  timeouts: { tcp: number; tcpFin: number; udp: number }
}

export const DEFAULT_IPVS_SETTINGS: IpvsSettings = { scheduler: '', strictARP: false, masqueradeAll: false, excludeCIDRs: [], timeouts: { tcp: 0, tcpFin: 0, udp: 0 } }

/** kube-proxy in ipvs mode on one node, for one family. Stopping it leaves everything as it is. */
export class IpvsProxier implements Agent {
  readonly #context: NodeContext
  readonly #settings: IpvsSettings
  readonly #scheduler: string
  readonly #log: ProxyLog
  readonly #health: ProxyHealth | undefined
  readonly #family: 4 | 6
  readonly #cache: ServiceCache
  readonly #runner: BoundedRunner
  readonly #graceful: GracefulTermination
  readonly #stopNode: () => void
  readonly #plans = new WeakMap<ServicePortInfo, { endpoints: readonly EndpointInfo[]; node: string; plan: PortPlan }>()
  #periodic: ReturnType<NodeContext['clock']['schedule']> | undefined
  #zone = ''
  #initial = true
  #generation = -1
  /** Virtual services that are in the kernel as they are wanted. */
  #synced = new WeakSet<VirtualPlan>()
  /** Syncs so far, for tests and metrics. */
  syncs = 0

  constructor(context: NodeContext, settings = DEFAULT_IPVS_SETTINGS, log: ProxyLog = () => undefined, health?: ProxyHealth, family: 4 | 6 = 4) {
    this.#context = context
    this.#settings = settings
    this.#log = log
    this.#health = health
    this.#family = family
    const { client, clock, name } = context
    this.#scheduler = settings.scheduler === '' ? 'rr' : settings.scheduler
    this.#prepare()
    this.#graceful = new GracefulTermination(this.#ipvs, clock, (message) => log('I', 'graceful_termination.go:102', message))
    this.#runner = new BoundedRunner(clock, settings.minSync ?? MIN_SYNC, BURST, () => this.#sync())
    this.#cache = new ServiceCache(client, family, () => this.#queue())
    this.#stopNode = client.watch<Node>('nodes', { fieldSelector: `metadata.name=${name}` }, (event) => {
      if ((event.type !== 'ADDED' && event.type !== 'MODIFIED') || event.object.metadata.name !== name) return
      health?.onNode(event.object)
      const zone = event.object.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
      if (zone === this.#zone) return
      this.#zone = zone
      this.#queue()
    })
    this.#queue()
    this.#resync()
  }

  get #netfilter(): Netfilter {
    const { network } = this.#context
    return this.#family === 4 ? network.netfilter : network.netfilter6
  }

  get #ipvs(): Ipvs {
    return this.#context.network.netfilter.ipvs
  }

  stop(): void {
    this.#runner.stop()
    this.#graceful.stop()
    this.#cache.stop()
    this.#stopNode()
    this.#context.clock.cancel(this.#periodic)
  }

  /** The sysctls that this mode needs (NewProxier); conn_reuse_mode is left as it is since Linux 5.9. */
  #prepare(): void {
    const { network } = this.#context
    const { timeouts } = this.#ipvs
    const wanted: [string, string][] = [
      ['net.ipv4.vs.conntrack', '1'], ['net.ipv4.vs.expire_nodest_conn', '1'], ['net.ipv4.vs.expire_quiescent_template', '1'], ['net.ipv4.ip_forward', '1'],
    ]
    if (this.#settings.strictARP) wanted.push(['net.ipv4.conf.all.arp_ignore', '1'], ['net.ipv4.conf.all.arp_announce', '2'])
    for (const [key, value] of wanted) network.setSysctl(key, value)
    const { tcp, tcpFin, udp } = this.#settings.timeouts
    Object.assign(timeouts, { tcp: tcp || timeouts.tcp, tcpFin: tcpFin || timeouts.tcpFin, udp: udp || timeouts.udp })
  }

  #queue(): void {
    this.#health?.queued(this.#family)
    this.#runner.queue()
  }

  /** At least every 30 s: what somebody else has changed is put right. */
  #resync(): void {
    this.#periodic = this.#context.clock.schedule(SYNC, () => {
      this.#sync()
      this.#resync()
    }, { background: true })
  }

  #sync(): void {
    const changed = this.#cache.takeChanged()
    this.syncs++
    const netfilter = this.#netfilter
    ensureIpvsChains(netfilter)
    this.#ensureDummy()
    ensureSets(netfilter.sets, this.#family)

    const node = this.#node()
    const elements = new Map<SetId, Set<string>>(SET_IDS.map((id) => [id, new Set()]))
    const virtuals = new Map<string, VirtualPlan>()
    const notFromNode: PortPlan['notFromNode'][number][] = []
    for (const service of [...this.#cache.services.keys()].sort()) {
      for (const port of this.#cache.services.get(service)!) {
        const plan = this.#plan(port, node)
        for (const [id, element] of plan.elements) elements.get(id)!.add(element)
        for (const v of plan.virtuals) virtuals.set(`${v.key.protocol} ${v.key.address} ${v.key.port}`, v)
        for (const ip of plan.bind) elements.get('ipvsIps')!.add(ip)
        notFromNode.push(...plan.notFromNode)
      }
    }
    const bind = elements.get('ipvsIps')!
    const bound = new Set(this.#bound().map((a) => a.address))
    for (const ip of bind) if (!bound.has(ip)) this.#context.network.addAddress(DUMMY, `${ip}/${this.#family === 4 ? 32 : 128}`)
    // What is as this kube-proxy left it needs no second look.
    if (this.#ipvs.generation !== this.#generation) this.#synced = new WeakSet()
    for (const virtual of virtuals.values()) {
      if (this.#synced.has(virtual)) continue
      this.#syncVirtual(virtual)
      this.#synced.add(virtual)
    }
    for (const [id, wanted] of elements) {
      const name = setName(id, this.#family)
      netfilter.sets.replace(name, wanted, (element, error) => this.#log('E', 'ipset.go:172', `"Failed to add entry to ip set" err="error adding entry ${element}, error: exit status 1 (ipset v7.17: ${error.message.trim()}\\n)" ipsetEntry="${element}" ipsetName="${name}"`))
    }
    try {
      netfilter.restore(ipvsRules({
        family: this.#family, clusterCIDR: this.#own(this.#settings.clusterCIDR ?? this.#context.config.podCIDR), masqueradeAll: this.#settings.masqueradeAll,
        ...(this.#settings.podInterface === undefined ? {} : { podInterface: this.#settings.podInterface }),
        filled: new Set(SET_IDS.filter((id) => elements.get(id)!.size > 0)), notFromNode,
      }), { noflush: true, counters: true })
    } catch (error) {
      this.#log('E', 'proxier.go:1404', `"Failed to execute iptables-restore" err="${(error as Error).message.trim().replaceAll('\n', '\\n')}" ipFamily="IPv${this.#family}"`)
      return
    }
    for (const address of bound) if (!bind.has(address)) this.#context.network.removeAddress(DUMMY, address)
    this.#removeOthers(virtuals)
    this.#generation = this.#ipvs.generation
    this.#initial = false
    this.#health?.updated(this.#family, this.#cache, undefined)
    if (changed.size > 0) {
      const count = cleanStaleEntries(netfilter.conntrack, this.#cache, this.#family)
      this.#health?.removed(this.#family, count)
    }
  }

  // ---- the node's addresses --------------------------------------------------------------------------------------

  #own(addresses: readonly string[]): string | undefined {
    return addresses.find((a) => this.#isOwn(a))
  }

  #isOwn(address: string): boolean {
    return address.includes(':') === (this.#family === 6)
  }

  #node(): PlanNode {
    const { network, name, config } = this.#context
    const addresses = new Set<Ip>()
    const ports = new NodePortAddresses(this.#family, this.#settings.nodePortAddresses ?? [])
    for (const link of network.links.values()) {
      if (link.name === DUMMY) continue
      for (const { address } of link.addresses) if (this.#isOwn(address) && !isLoopbackIp(address) && !address.startsWith('fe80:')) addresses.add(address)
    }
    const self = config.nodes.find((n) => n.name === name)
    return { name, zone: this.#zone, ip: (self && nodeIps(self).find((ip) => this.#isOwn(ip))) ?? [...addresses][0] ?? '', addresses, ...(ports.matchAll ? {} : { nodePorts: new Set([...addresses].filter((a) => ports.contains(a))) }) }
  }

  #plan(port: ServicePortInfo, node: PlanNode): PortPlan {
    const endpoints = this.#cache.endpointsOf(port)
    const where = `${node.zone} ${[...node.addresses].join(' ')}`
    const known = this.#plans.get(port)
    if (known?.endpoints === endpoints && known.node === where) return known.plan
    const plan = planOf(port, endpoints, node)
    this.#plans.set(port, { endpoints, node: where, plan })
    return plan
  }

  #ensureDummy(): void {
    const { network, fabric } = this.#context
    if (!network.links.has(DUMMY)) fabric.createDummy(network, DUMMY)
  }

  #bound(): readonly { address: Ip }[] {
    return this.#context.network.links.get(DUMMY)!.addresses.filter((a) => this.#isOwn(a.address))
  }

  // ---- virtual services ------------------------------------------------------------------------------------------

  #syncVirtual({ key, persistent, servers }: VirtualPlan): void {
    const ipvs = this.#ipvs
    const options = { scheduler: this.#scheduler, ...(persistent !== undefined && { persistent }) }
    const applied = ipvs.find(key)
    if (!applied) ipvs.add(key, options)
    else if (applied.scheduler !== options.scheduler || applied.persistent !== persistent) ipvs.edit(key, options)
    const wanted = new Set(servers.map((e) => `${e.ip} ${e.port}`))
    const current = ipvs.find(key)!
    for (const { ip, port } of servers) {
      const known = current.server(ip, port)
      if (known) {
        // One whose weight a former kube-proxy has set to 0 must not stay so.
        if (this.#initial && known.weight !== 1) ipvs.editServer(key, { address: ip, port, weight: 1 })
        if (!this.#graceful.isLeaving(key, ip, port)) continue
        this.#graceful.removeNow(key, ip, port)
      }
      ipvs.addServer(key, { address: ip, port, weight: 1 })
    }
    for (const server of [...current.servers]) {
      if (wanted.has(`${server.address} ${server.port}`) || this.#graceful.isLeaving(key, server.address, server.port)) continue
      this.#graceful.remove(key, server.address, server.port)
    }
  }

  #removeOthers(active: ReadonlyMap<string, VirtualPlan>): void {
    for (const { key } of this.#ipvs.services()) {
      if ('fwmark' in key || !this.#isOwn(key.address) || active.has(`${key.protocol} ${key.address} ${key.port}`)) continue
      if (this.#settings.excludeCIDRs.some((cidr) => this.#isOwn(cidr) && cidrContains(cidr, key.address))) continue
      this.#ipvs.remove(key)
    }
  }
}
