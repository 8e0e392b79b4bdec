import type { Timer } from '../../clock.ts'
import type { KubeObject, Node, Pod } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import type { NodeContext } from '../types.ts'
import { MTU_FILE, singleAddress } from './calico.ts'
import { CalicoPolicies } from './calico-policies.ts'
import { addressesOf, calicoResource, type IpamBlock, type IpPool } from './datastore.ts'
import { felixSettings, type FelixConfiguration, type FelixSettings } from './felix-config.ts'
import { FelixPolicies } from './felix-policies.ts'
import { workloadInterface, type Version } from './names.ts'
import { hostOf, Tunnels, type Host } from './tunnels.ts'
import { FelixWireguard } from './wireguard.ts'

/**
 * Felix, the agent that programs a node's kernel: the routes to its Pods, tunnels, iptables' chains and IP sets (felix/dataplane/linux).
 * Everything that it writes stays when it stops.
 */
export interface Endpoint {
  /** "namespace/name" */
  key: string
  namespace: string
  name: string
  serviceAccount: string
  labels: Readonly<Record<string, string>>
  ips: readonly Ip[]
  interface: string
}

const NO_LABELS = {}

/** Changes are collected for so long (ms). */
const THROTTLE = 10
/** Felix reads routes and rules again: routeRefreshInterval, iptablesRefreshInterval (v3.30: 90 s and 180 s). */
const REFRESH = 90_000

export class Felix {
  /** One a family. */
  readonly tunnels: readonly Tunnels[]
  readonly endpoints = new Map<string, Endpoint>()
  ready = false
  #settings: FelixSettings
  readonly #node: NodeContext
  readonly #log: (source: string, message: string) => void
  readonly #stops: (() => void)[] = []
  readonly #model: PolicyModel
  readonly #policies: readonly FelixPolicies[]
  readonly #wireguard: FelixWireguard | undefined
  #due: Timer | undefined
  #refresh: Timer | undefined
  #stopped = false

  constructor(node: NodeContext, env: ReadonlyMap<string, string>, log: (source: string, message: string) => void) {
    this.#node = node
    this.#settings = felixSettings(env, [])
    this.#log = log
    log('felix/daemon.go 144', 'Felix starting up GOMAXPROCS=2 builddate="2025-08-22T22:04:56+00:00" gitcommit="3302e8bfd48e6375013d1d79ccb2c693306400a9" version="v3.30.3"')
    this.tunnels = versionsOf(node).map((version) => new Tunnels(node, version))
    const [four] = this.tunnels.filter((t) => t.version === 4)
    this.#wireguard = four && new FelixWireguard(node, four, log)
    this.#watch<Node>('nodes', {}, (name, object) => this.tunnels.map((t) => this.#setHost(t, name, object && hostOf(object, t.version))).includes(true))
    this.#watch<IpPool>(calicoResource('ippools'), {}, (name, object) => this.tunnels.every((t) => set(t.pools, name, object?.spec)))
    this.#watch<IpamBlock>(calicoResource('ipamblocks'), {}, (name, object) => {
      for (const { blocks } of this.tunnels) set(blocks, name, object?.spec)
      return this.tunnels.some((t) => t.vxlanEnabled || t.wireguard)
    })
    this.#watch<Pod>('pods', { fieldSelector: `spec.nodeName=${node.name}` }, (_, object, gone) => this.#setPod(object ?? gone!, object === undefined))
    this.#model = new PolicyModel(node.client, () => this.#later())
    this.#stops.push(() => this.#model.stop())
    const calico = new CalicoPolicies(node.client, () => this.#later(), (message) => log('felix/calc_graph.go 123', message))
    this.#stops.push(() => calico.stop())
    const configurations = new Map<string, FelixConfiguration>()
    this.#watch<FelixConfiguration>(calicoResource('felixconfigurations'), {}, (name, object) => {
      if (name !== 'default' && name !== `node.${node.name}`) return false
      set(configurations, name, object)
      const before = this.#settings.wireguard
      this.#settings = felixSettings(env, [configurations.get('default'), configurations.get(`node.${node.name}`)])
      if ((before === undefined) !== (this.#settings.wireguard === undefined)) log('felix/daemon.go 977', 'Felix configuration has changed. Need to restart. changedFields=set.Set{WireguardEnabled}')
      if (this.#settings.wireguard && node.config.proxyMode === 'ipvs') {
        log('felix/daemon.go 977', 'podhop: not simulated: wireguardEnabled of Calico with kube-proxy in its mode ipvs (use iptables or nftables)')
        this.#settings = { ...this.#settings, wireguard: undefined }
      }
      return true
    })
    this.#policies = this.tunnels.map((t) => new FelixPolicies(node, this.#model.view, calico, t, () => this.#settings))
    node.network.policyExplainer = this.#policies[0]!.explainer((ip) => this.#hostAt(ip))
    this.#later()
    this.#refreshLater()
  }

  #hostAt(ip: Ip): string | undefined {
    for (const { hosts } of this.tunnels) for (const [name, host] of hosts) if (host.ip === ip || host.ipip === ip || host.vxlan === ip) return name
    return undefined
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    for (const timer of [this.#due, this.#refresh]) this.#node.clock.cancel(timer)
  }

  #watch<T extends KubeObject>(resource: string, options: { fieldSelector?: string }, put: (name: string, object: T | undefined, gone: T | undefined) => boolean): void {
    this.#stops.push(this.#node.client.watch<T>(resource, options, (event) => {
      if (this.#stopped || !('object' in event)) return
      const gone = event.type === 'DELETED'
      if (put(event.object.metadata.name, gone ? undefined : event.object, gone ? event.object : undefined)) this.#later()
    }))
  }

  /** Nodes beat; what is said of them here seldom changes. */
  #setHost({ hosts }: Tunnels, name: string, host: Host | undefined): boolean {
    return JSON.stringify(hosts.get(name)) !== JSON.stringify(host) && set(hosts, name, host)
  }

  #setPod(pod: Pod, gone: boolean): boolean {
    const { namespace, name, labels } = pod.metadata
    const key = `${namespace}/${name}`
    const ips = addressesOf(pod)
    if (gone || pod.spec.hostNetwork || ips.length === 0 || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') {
      return this.endpoints.delete(key)
    }
    const endpoint: Endpoint = { key, namespace, name, serviceAccount: pod.spec.serviceAccountName ?? 'default', labels: labels ?? NO_LABELS, ips, interface: workloadInterface(namespace, name) }
    const old = this.endpoints.get(key)
    if (old?.ips.join() === ips.join() && old.serviceAccount === endpoint.serviceAccount && old.labels === endpoint.labels) return false
    return set(this.endpoints, key, endpoint)
  }

  #later(): void {
    if (this.#due || this.#stopped) return
    this.#due = this.#node.clock.schedule(THROTTLE, () => {
      this.#due = undefined
      this.#apply()
    })
  }

  #refreshLater(): void {
    this.#refresh = this.#node.clock.schedule(REFRESH, () => {
      for (const policies of this.#policies) policies.verify()
      this.#apply()
      this.#refreshLater()
    }, { background: true })
  }

  #apply(): void {
    const { machine } = this.#node
    if (!this.tunnels.every((t) => t.hosts.has(this.#node.name))) return
    for (const tunnels of this.tunnels) tunnels.wireguard = tunnels.version === 4 && this.#settings.wireguard !== undefined
    const mtu = String(Math.min(...this.tunnels.map((t) => t.mtu())))
    if (!machine.fs.exists(MTU_FILE) || machine.fs.readText(MTU_FILE) !== mtu) machine.fs.writeFile(MTU_FILE, mtu)
    for (const tunnels of this.tunnels) tunnels.apply()
    this.#wireguard?.apply(this.#settings.wireguard)
    this.#workloads()
    try {
      for (const policies of this.#policies) policies.apply([...this.endpoints.values()])
    } catch (error) {
      this.#log('felix/table.go 1180', `Failed to execute ip(6)tables-restore command error=${(error as Error).message.split('\n')[0]}`)
      return
    }
    this.ready = true
  }

  /** A route to each Pod of this node. */
  #workloads(): void {
    const { network } = this.#node
    for (const { ips, interface: device } of this.endpoints.values()) {
      if (!network.links.get(device)?.up) continue
      for (const ip of ips) {
        const destination = singleAddress(ip)
        const present = network.routes.list('main', ip.includes(':') ? 6 : 4).find((r) => r.destination === destination)
        if (present?.device !== device) network.routes.add({ destination, device, scope: 'link' }, { replace: true })
      }
    }
  }
}

/** The families of the cluster, the primary one first. */
export function versionsOf({ config }: NodeContext): readonly Version[] {
  return config.ipFamilies.map((family) => (family === 'IPv4' ? 4 : 6))
}

function set<T>(map: Map<string, T>, key: string, value: T | undefined): true {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
  return true
}
