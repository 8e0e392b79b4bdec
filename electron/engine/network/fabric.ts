import type { Clock } from '../clock.ts'
import { Journeys } from '../journey/log.ts'
import { JourneyRecorder } from '../journey/recorder.ts'
import { SystemError } from '../machine/errors.ts'
import { Random } from '../random.ts'
import { LinuxBridge } from './bridge.ts'
import type { Layers } from './layers.ts'
import { Geneve, GENEVE_OVERHEAD } from './geneve.ts'
import type { GeneveOptions } from './geneve.ts'
import { Ipip, IPIP_OVERHEAD } from './ipip.ts'
import type { IpipOptions } from './ipip.ts'
import type { BaseLink } from './link.ts'
import { Dummy } from './link.ts'
import type { LinkOptions } from './link.ts'
import { Namespace } from './namespace.ts'
import { ZERO_MAC } from './packets.ts'
import { OvsInternal } from './ovs-internal.ts'
import { Nic, Switch } from './switch.ts'
import type { SwitchOptions } from './switch.ts'
import { Bond } from './stacked/bond.ts'
import { Ipvlan } from './stacked/ipvlan.ts'
import { Macvlan } from './stacked/macvlan.ts'
import type { Stacked } from './stacked/stacked-link.ts'
import { Vlan } from './stacked/vlan.ts'
import type { Ip, IpipLink, Mac, NetworkNamespace, NewLink } from './types.ts'
import { Veth } from './veth.ts'
import { Vxlan } from './vxlan.ts'
import { Wireguard } from './wireguard.ts'

/** The first network namespace's inode is init_net's; later ones count up from a number as real kernels show. */
const FIRST_INODE = 4026531840
const LATER_INODES = 4026532200

interface NamespaceOptions { name: string; kind: NetworkNamespace['kind']; machine?: string; ipv6?: boolean; loUp?: boolean }

/** A network namespace that may be made later. Every Pod has one that nobody may ever look into. */
class Reservation {
  readonly #network: Network
  readonly #id: number
  readonly #seed: number

  constructor(network: Network, id: number, seed: number) {
    this.#network = network
    this.#id = id
    this.#seed = seed
  }

  make(options: NamespaceOptions): Namespace {
    return this.#network.make(this.#id, new Random(this.#seed), options)
  }
}

/** The network of one cluster: makes network namespaces and the links between them. */
export class Network {
  readonly clock: Clock
  readonly journeys: Journeys
  readonly recorder: JourneyRecorder
  readonly #layers: Layers
  readonly #ipv6: boolean
  readonly #macs: Random
  readonly #namespaces = new Map<number, Namespace>()
  readonly #switches = new Map<string, Switch>()
  readonly #usedMacs = new Set<Mac>()
  #made = 0

  /** `ipv6`: network namespaces speak IPv6 from the start, else those that ask for it, and the others only after net.ipv6.conf.all.disable_ipv6 is set to 0 in them. */
  constructor(options: { clock: Clock; layers: Layers; journeyLimit?: number; ipv6?: boolean }) {
    this.clock = options.clock
    this.#layers = options.layers
    this.#ipv6 = options.ipv6 ?? false
    this.#macs = options.clock.random.fork('mac')
    this.journeys = new Journeys(options.journeyLimit)
    this.recorder = new JourneyRecorder(options.clock, this.journeys)
  }

  /** All that live, the oldest first. */
  get namespaces(): readonly Namespace[] {
    for (const namespace of [...this.#namespaces.values()]) namespace.look()
    return [...this.#namespaces.values()].sort((a, b) => a.id - b.id)
  }

  get switches(): ReadonlyMap<string, Switch> {
    return this.#switches
  }

  createNamespace(options: NamespaceOptions): Namespace {
    return this.reserveNamespace(options.name).make(options)
  }

  /** Its place: what a network namespace depends on is as it is now, whenever it is made. */
  reserveNamespace(name: string): Reservation {
    const id = this.#made === 0 ? FIRST_INODE : LATER_INODES + this.#made * 61
    this.#made++
    return new Reservation(this, id, this.clock.random.forkSeed(`network ${id} ${name}`))
  }

  /** For a {@link Reservation}. */
  make(id: number, random: Random, options: NamespaceOptions): Namespace {
    const namespace = new Namespace({
      clock: this.clock,
      recorder: this.recorder,
      random,
      layers: this.#layers,
      id,
      name: options.name,
      machine: options.machine ?? options.name,
      kind: options.kind,
      ipv6: options.ipv6 ?? this.#ipv6,
      loUp: options.loUp ?? true,
      createLink: (network, link, spec) => this.createLink(network, link, spec),
      onDestroy: () => this.#namespaces.delete(id),
    })
    this.#namespaces.set(id, namespace)
    return namespace
  }

  /** A switch that {@link createNic} plugs into; "underlay" joins the nodes. */
  createSwitch(name = 'underlay', options?: SwitchOptions): Switch {
    const made = new Switch(name, options)
    this.#switches.set(name, made)
    return made
  }

  /** A locally administered address; always the same ones for a seed. */
  randomMac(): Mac {
    for (;;) {
      const mac = this.#macs.mac()
      if (this.#usedMacs.has(mac)) continue
      this.#usedMacs.add(mac)
      return mac
    }
  }

  // Links are born down, as the kernel makes them.

  createVeth(
    a: { network: NetworkNamespace; name: string; mac?: Mac; mtu?: number },
    b: { network: NetworkNamespace; name: string; mac?: Mac; mtu?: number },
  ): [Veth, Veth] {
    this.#checkName(a.network, a.name)
    this.#checkName(b.network, b.name)
    if (a.network === b.network && a.name === b.name) throw new SystemError('EEXIST')
    const [one, other] = [a, b].map((end) => {
      const namespace = this.#own(end.network)
      return new Veth(namespace, this.#options(namespace, end.name, end))
    }) as [Veth, Veth]
    Veth.pair(one, other)
    one.namespace.addLink(one)
    other.namespace.addLink(other)
    return [one, other]
  }

  createBridge(network: NetworkNamespace, name: string, options?: { mac?: Mac; mtu?: number }): LinuxBridge {
    return this.#add(network, name, (namespace) => new LinuxBridge(namespace, this.#options(namespace, name, options)))
  }

  createVxlan(
    network: NetworkNamespace,
    name: string,
    options: { vni: number; port: number; local: Ip; underlay: string; mac?: Mac; mtu?: number; learning?: boolean; external?: boolean },
  ): Vxlan {
    const underlay = network.links.get(options.underlay)
    if (!underlay) throw new SystemError('ENODEV')
    return this.#add(network, name, (namespace) => {
      return new Vxlan(namespace, { ...options, ...this.#options(namespace, name, { ...options, mtu: options.mtu ?? underlay.mtu - 50 }) })
    })
  }

  createNic(network: NetworkNamespace, name: string, plugInto: Switch, options?: { mac?: Mac; mtu?: number }): Nic {
    return this.#add(network, name, (namespace) => new Nic(namespace, this.#options(namespace, name, options), plugInto))
  }

  createDummy(network: NetworkNamespace, name: string, options?: { mac?: Mac; mtu?: number }): Dummy {
    return this.#add(network, name, (namespace) => new Dummy(namespace, this.#options(namespace, name, options)))
  }

  /**
   * MTU: the underlay's less twenty, 1480 without one. `fallback` is for tunl0, which the kernel's module makes.
   * Throws SystemError EEXIST when another tunnel has the same two ends.
   */
  createIpip(network: NetworkNamespace, name: string, options: IpipOptions & { mtu?: number } = {}): Ipip {
    const underlay = options.underlay === undefined ? undefined : network.links.get(options.underlay)
    if (options.underlay !== undefined && !underlay) throw new SystemError('ENODEV')
    for (const link of network.links.values()) {
      if (link.kind !== 'ipip') continue
      const other = link as IpipLink
      if (!other.fallback && !options.fallback && other.local === options.local && other.remote === options.remote) throw new SystemError('EEXIST')
    }
    const mtu = options.mtu ?? (underlay?.mtu ?? 1500) - IPIP_OVERHEAD
    return this.#add(network, name, (namespace) => new Ipip(namespace, { ...options, ...this.#options(namespace, name, { mac: ZERO_MAC, mtu }) }))
  }

  /** MTU: 1450, or 65000 of one whose other ends programs name, as Open vSwitch and cilium make it. */
  createGeneve(network: NetworkNamespace, name: string, options: GeneveOptions & { mac?: Mac; mtu?: number }): Geneve {
    const mtu = options.mtu ?? (options.external ? 65_000 : 1500 - GENEVE_OVERHEAD)
    return this.#add(network, name, (namespace) => new Geneve(namespace, { ...options, ...this.#options(namespace, name, { ...options, mtu }) }))
  }

  /** A port of an Open vSwitch bridge that is the node's own; the bridge says what becomes of what leaves through it. */
  createOvsInternal(network: NetworkNamespace, name: string, options?: { mac?: Mac; mtu?: number }): OvsInternal {
    return this.#add(network, name, (namespace) => new OvsInternal(namespace, this.#options(namespace, name, options)))
  }

  /** MTU 1420, as the kernel makes it: room for an outer header of IPv6. */
  createWireguard(network: NetworkNamespace, name: string, options: { publicKey?: string; privateKey?: string; listenPort?: number; fwmark?: number; mtu?: number } = {}): Wireguard {
    return this.#add(network, name, (namespace) => new Wireguard(namespace, { ...options, ...this.#options(namespace, name, { mac: ZERO_MAC, mtu: options.mtu ?? 1420 }) }))
  }

  /** As `ip link add`. */
  createLink(network: NetworkNamespace, name: string, spec: NewLink): BaseLink {
    switch (spec.kind) {
      case 'dummy': return this.createDummy(network, name, spec)
      case 'bridge': {
        const bridge = this.createBridge(network, name, spec)
        if (spec.vlanDefaultPvid !== undefined) bridge.vlans.defaultPvid = spec.vlanDefaultPvid
        bridge.vlans.filtering = spec.vlanFiltering ?? false
        return bridge
      }
      case 'vlan': case 'macvlan': case 'ipvlan': return this.#createStacked(network, name, spec)
      case 'bond': return this.#add(network, name, (namespace) => new Bond(namespace, { ...this.#options(namespace, name, spec), bond: spec.options, anyMac: spec.mac === undefined }))
      // the kernel makes the other end first, which shows where both are in one namespace (veth_newlink)
      case 'veth': return this.createVeth({ network: spec.peer.network ?? network, name: spec.peer.name, mtu: spec.mtu }, { network, name, mac: spec.mac, mtu: spec.mtu })[1]
      case 'vxlan': return this.createVxlan(network, name, spec)
      case 'ipip': return this.createIpip(network, name, spec)
      case 'wireguard': return this.createWireguard(network, name, spec)
      case 'geneve': return this.createGeneve(network, name, spec)
    }
  }

  /** MTU and, of all but macvlan, the MAC address: those of the link below. Throws SystemError ENODEV when there is none. */
  #createStacked(network: NetworkNamespace, name: string, spec: NewLink & { kind: 'vlan' | 'macvlan' | 'ipvlan' }): Stacked {
    const below = this.#own(network).links.get(spec.lower)
    if (!below) throw new SystemError('ENODEV')
    // on one of its own kind it stands on that one's link (macvlan_dev_real_dev)
    const lower = below instanceof Macvlan && spec.kind === 'macvlan' ? below.lower : below
    const inherits = spec.kind === 'vlan' || (spec.kind === 'macvlan' && spec.mode === 'passthru')
    const mac = spec.mac ?? (inherits ? lower.mac : undefined)
    return this.#add(network, name, (namespace) => {
      const options = this.#options(namespace, name, { mtu: spec.mtu ?? lower.mtu, ...(mac === undefined ? {} : { mac }) })
      if (spec.kind === 'vlan') return new Vlan(namespace, options, lower, spec.tag)
      return spec.kind === 'macvlan' ? new Macvlan(namespace, options, lower, spec.mode) : new Ipvlan(namespace, options, lower, spec.mode, spec.flag)
    })
  }

  #add<L extends BaseLink>(network: NetworkNamespace, name: string, make: (namespace: Namespace) => L): L {
    this.#checkName(network, name)
    const namespace = this.#own(network)
    const link = make(namespace)
    namespace.addLink(link)
    return link
  }

  #options(namespace: Namespace, name: string, options?: { mac?: Mac; mtu?: number }): LinkOptions {
    return { name, index: namespace.nextIndex(), mac: options?.mac ?? this.randomMac(), mtu: options?.mtu ?? 1500 }
  }

  #own(network: NetworkNamespace): Namespace {
    const namespace = this.#namespaces.get(network.id)
    if (!namespace || namespace !== network) throw new SystemError('EINVAL')
    return namespace
  }

  /** dev_valid_name: at most 15 bytes, no slash, colon or blank. */
  #checkName(network: NetworkNamespace, name: string): void {
    if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..') throw new SystemError('EINVAL')
    if (network.links.has(name)) throw new SystemError('EEXIST')
  }
}
