import type { Clock } from '../clock.ts'
import type { JourneyRecorder } from '../journey/recorder.ts'
import { SystemError } from '../machine/errors.ts'
import type { ErrorCode } from '../machine/errors.ts'
import type { Random } from '../random.ts'
import { SparseMap, SparseSet } from '../sparse.ts'
import { Addrconf } from './addrconf.ts'
import { cidrContains, tryParseCidr } from './address.ts'
import { Counters } from './counters.ts'
import { addIpv4Address, age, changeAddress } from './devinet.ts'
import { Icmp } from './icmp.ts'
import { IpLayer } from './ip.ts'
import { Ip6Layer } from './ip6.ts'
import type { Layers, TcpLayer } from './layers.ts'
import type { SocketPrograms } from './programs.ts'
import type { BaseLink } from './link.ts'
import { Loopback } from './link.ts'
import { LateTables, type LateRows } from './late-tables.ts'
import { Neighbours } from './neighbours.ts'
import { ZERO_MAC } from './packets.ts'
import { RawSockets } from './raw.ts'
import { Routes } from './routes.ts'
import { SctpStack } from './sctp/stack.ts'
import { Sysctls } from './sysctl.ts'
import type {
  AddressOptions, CapturedFrame, Cidr, Frame, Ip, IpPacket, Netfilter, NetworkNamespace, NewLink, Sockets, StackHost,
} from './types.ts'
import { Udp } from './udp.ts'
import { Veth } from './veth.ts'
import type { Vxlan } from './vxlan.ts'

export interface NamespaceOptions {
  clock: Clock
  recorder: JourneyRecorder
  /** Jitter, ports and identifiers come from here. */
  random: Random
  layers: Layers
  id: number
  name: string
  machine: string
  kind: NetworkNamespace['kind']
  /** Whether it speaks IPv6 from the start; else net.ipv6.conf.all.disable_ipv6 is 1. */
  ipv6?: boolean
  createLink: (network: NetworkNamespace, name: string, spec: NewLink) => BaseLink
  /** Called when it has been destroyed. */
  onDestroy?: () => void
}

/** Where a machine that is more than a router sends a packet: to a next hop, or nowhere. */
export type Steering = { via: Ip; device: string; text: string } | { drop: 'drop-load-balancer' | 'drop-no-healthy-node'; text: string }

/** One network namespace: its interfaces, tables and sockets. The way of packets through it is in ip.ts. */
/** RT_SCOPE_* */
export class Namespace implements NetworkNamespace, StackHost {
  readonly clock: Clock
  readonly recorder: JourneyRecorder
  readonly random: Random
  readonly id: number
  readonly name: string
  readonly machine: string
  readonly kind: NetworkNamespace['kind']
  readonly #links = new Map<string, BaseLink>()
  readonly settings: Sysctls
  readonly routes: Routes
  readonly neighbours: Neighbours
  readonly netfilter: Netfilter
  #netfilter6: Netfilter | undefined
  readonly #layers: Layers
  readonly tcp: TcpLayer
  readonly udp: Udp
  readonly icmp: Icmp
  readonly ip: IpLayer
  #counters: Counters | undefined
  #ip6: Ip6Layer | undefined
  readonly addrconf: Addrconf
  readonly #sockets: Sockets
  #onTouch: (() => void) | undefined
  #deferred: { run(): void }[] | undefined
  readonly vxlans = new SparseSet<Vxlan>()
  #tunnels: Set<BaseLink> | undefined
  #sctp: SctpStack | undefined
  /** Made when a program asks for one. */
  raw: RawSockets | undefined
  destroyed = false
  /** The machine is switched off. */
  off = false
  #kernelLog: { at: number; text: string }[] | undefined
  /** Decides before the routing table, for packets to forward. */
  steer: ((packet: IpPacket) => Steering | undefined) | undefined
  socketPrograms: SocketPrograms | undefined
  /** Absent where no agent leaves rows for later. */
  late: LateTables | undefined
  /** Whether anybody captures anywhere here. */
  tapped = false
  readonly #taps = new SparseMap<string, Set<(frame: CapturedFrame) => void>>()
  readonly #listeners = new SparseSet<() => void>()
  #nextIndex = 1
  readonly #createLink: NamespaceOptions['createLink']
  #onDestroy: (() => void) | undefined

  constructor(options: NamespaceOptions) {
    this.clock = options.clock
    this.recorder = options.recorder
    this.random = options.random
    this.id = options.id
    this.name = options.name
    this.machine = options.machine
    this.kind = options.kind
    this.#createLink = options.createLink
    this.#onDestroy = options.onDestroy
    this.#layers = options.layers
    this.settings = new Sysctls(options.kind, options.ipv6)
    this.addrconf = new Addrconf(this)
    this.routes = new Routes(this)
    this.neighbours = new Neighbours(this)
    this.ip = new IpLayer(this)
    this.udp = new Udp(this)
    this.icmp = new Icmp(this)
    this.netfilter = options.layers.netfilter(this)
    const tcp = (this.tcp = options.layers.tcp(this))
    const { udp, icmp } = this
    const speaksSctp = (): SctpStack => this.sctp
    this.#sockets = {
      get sctp() {
        return speaksSctp()
      },
      listen: (o, onConnection) => tcp.listen(o, onConnection),
      connect: (o, handlers) => tcp.connect(o, handlers),
      udp: (o) => udp.open(o),
      ping: (o) => icmp.open(o?.owner),
      raw: (o) => (this.raw ??= new RawSockets(this)).open(o?.owner),
      list: () => [...tcp.list(), ...udp.list(), ...(this.#sctp?.list() ?? [])],
    }
    this.addLink(new Loopback(this, { name: 'lo', index: this.nextIndex(), mac: ZERO_MAC, mtu: 65536 }))
    this.setUp('lo', true)
    this.addAddress('lo', '127.0.0.1/8', { scope: 'host' })
  }

  get links(): Map<string, BaseLink> {
    if (this.#deferred !== undefined) this.look()
    return this.#links
  }

  linkNamed(name: string): BaseLink | undefined {
    return this.#links.get(name) ?? this.links.get(name)
  }

  /**
   * `work` makes links without addresses and puts them into bridges, in a way that nobody could tell the moment from. It is
   * done, in order, before somebody looks at all links here or a bridge sends to all its ports.
   */
  defer(work: { run(): void }): void {
    ;(this.#deferred ??= []).push(work)
  }

  /** Whether nobody has looked since the last {@link defer}. */
  get hasDeferred(): boolean {
    return this.#deferred !== undefined
  }

  look(): void {
    while (this.#deferred !== undefined) {
      const works = this.#deferred
      this.#deferred = undefined
      for (const work of works) work.run()
    }
  }

  get sockets(): Sockets {
    if (this.#onTouch) this.touch()
    return this.#sockets
  }

  /** `work` is done before anybody sees the sockets here: a packet that arrives for them, or a program. */
  beforeTouch(work: () => void): void {
    const before = this.#onTouch
    this.#onTouch = before ? () => (before(), work()) : work
  }

  touch(): void {
    const work = this.#onTouch
    this.#onTouch = undefined
    work?.()
  }

  /** StackHost. */
  get namespace(): NetworkNamespace {
    return this
  }

  get journeys(): JourneyRecorder['log'] {
    return this.recorder.log
  }

  get ipv6(): boolean {
    return this.settings.get('net.ipv6.conf.all.disable_ipv6') === '0'
  }

  get netfilter6(): Netfilter {
    return (this.#netfilter6 ??= this.#layers.netfilter(this, this.netfilter))
  }

  /** The way of IPv6 packets; most namespaces never see one. */
  get ip6(): Ip6Layer {
    return (this.#ip6 ??= new Ip6Layer(this))
  }

  sysctl(key: string): string | undefined {
    if (this.#deferred !== undefined && /\.(conf|neigh)\./.test(key)) this.look()
    return this.settings.get(key)
  }

  sysctlNumber(key: string): number | undefined {
    return this.settings.known(key)
  }

  setSysctl(key: string, value: string): void {
    this.look()
    this.settings.set(key, value)
    if (key.includes('ipv6')) this.addrconf.settingsChanged()
    this.changed()
  }

  forgetSysctls(): void {
    this.settings.forget()
    this.changed()
  }

  sysctls(): readonly string[] {
    this.look()
    return this.settings.keys()
  }

  /** Made when somebody speaks SCTP here. */
  get sctp(): SctpStack {
    return (this.#sctp ??= new SctpStack(this))
  }

  /** Ends of tunnels that the kernel finds by protocol: IP in IP, Geneve, WireGuard. */
  get tunnels(): Set<BaseLink> {
    return (this.#tunnels ??= new Set())
  }

  /** Every network namespace counts its own interfaces. */
  nextIndex(): number {
    return this.#nextIndex++
  }

  /** Takes in a link that was made for this namespace. Throws SystemError EEXIST when the name is taken. */
  addLink(link: BaseLink): void {
    if (this.links.has(link.name)) throw new SystemError('EEXIST')
    this.links.set(link.name, link)
    this.changed()
  }

  link(name: string): BaseLink {
    const link = this.links.get(name)
    if (!link) throw new SystemError('ENODEV')
    return link
  }

  addAddress(name: string, cidr: Cidr, options?: AddressOptions): void {
    const link = this.link(name)
    const prefix = tryParseCidr(cidr)
    if (!prefix) throw new SystemError('EINVAL')
    const address = prefix.version === 6 ? this.addrconf.add(link, prefix, options) : addIpv4Address(link, prefix, options)
    this.routes.addressAdded(link, address)
    age(this, link, address)
  }

  changeAddress(name: string, cidr: Cidr, options: Pick<AddressOptions, 'metric' | 'validUntil' | 'preferredUntil'>): void {
    const prefix = tryParseCidr(cidr)
    if (!prefix) throw new SystemError('EINVAL')
    changeAddress(this, this.link(name), prefix, options)
  }

  /** Removing a primary address removes its secondaries, as long as promote_secondaries is off. */
  removeAddress(name: string, cidr: Cidr): void {
    const link = this.link(name)
    const prefix = tryParseCidr(cidr)
    const address = link.addresses.find((a) => a.address === prefix?.address && (!cidr.includes('/') || a.prefixLength === prefix.length))
    if (!address) throw new SystemError('EADDRNOTAVAIL')
    this.late?.forLink(name)
    const network = `${address.peer ?? address.address}/${address.prefixLength}`
    const gone = address.secondary
      ? [address]
      : link.addresses.filter((a) => a === address || (a.secondary && a.prefixLength === address.prefixLength && cidrContains(network, a.peer ?? a.address)))
    link.addresses = link.addresses.filter((a) => !gone.includes(a))
    for (const a of gone) this.routes.addressRemoved(link, a, link.addresses)
  }

  setUp(name: string, up: boolean): void {
    const link = this.link(name)
    if (link.up === up) return
    this.late?.forLink(name)
    link.up = up
    if (up) {
      this.routes.linkUp(link)
      this.addrconf.linkUp(link)
    } else {
      this.routes.linkDown(link)
      this.addrconf.linkDown(link)
      this.neighbours.flush(link)
    }
    link.stateChanged()
    link.master?.portChanged(link)
    this.changed()
  }

  /** The other end of a link came or went. */
  carrierChanged(link: BaseLink): void {
    if (!link.carrier) this.neighbours.flush(link, { keepPermanent: true })
    else this.addrconf.linkUp(link)
    link.master?.portChanged(link)
    this.changed()
  }

  createLink(name: string, spec: NewLink): BaseLink {
    return this.#createLink(this, name, spec)
  }

  removeLink(name: string): void {
    const link = this.link(name)
    if (link.kind === 'loopback' && !this.destroyed) throw new SystemError('EPERM')
    this.late?.forLink(name)
    link.removed = true
    link.up = false
    link.unlink()
    this.links.delete(name)
    this.routes.linkRemoved(link)
    this.addrconf.linkDown(link)
    this.neighbours.flush(link)
    this.settings.removeLink(name)
    this.changed()
  }

  /** `ip link set NAME name`: its settings go along. Throws SystemError EEXIST; EBUSY while it is up (dev_change_name of Linux 6.1). */
  renameLink(name: string, to: string): void {
    const link = this.link(name)
    if (to === name) return
    if (link.up) throw new SystemError('EBUSY')
    if (this.links.has(to)) throw new SystemError('EEXIST')
    this.late?.forLink(name)
    // its own addresses are local while it is down, too
    for (const address of link.addresses) this.routes.addressRemoved(link, address, [])
    this.links.delete(name)
    link.name = to
    this.links.set(to, link)
    this.settings.renameLink(name, to)
    for (const address of link.addresses) this.routes.addressAdded(link, address)
    this.changed()
  }

  /** `ip link set NAME netns`: addresses and routes stay behind, the number goes along if it is free. Throws SystemError EEXIST; EINVAL for what stays where it is. */
  moveLink(name: string, to: NetworkNamespace): void {
    const link = this.link(name)
    const target = to as Namespace
    if (link.kind !== 'veth') throw new SystemError('EINVAL')
    if (target === this) return
    if (target.links.has(name)) throw new SystemError('EEXIST')
    const index = [...target.links.values()].some((l) => l.index === link.index) ? target.nextIndex() : link.index
    const peer = (link as Veth).detach()
    this.removeLink(name)
    const moved = new Veth(target, { name, index, mac: link.mac, mtu: link.mtu })
    if (peer) Veth.pair(moved, peer)
    target.addLink(moved)
    target.#nextIndex = Math.max(target.#nextIndex, index + 1)
  }

  isLocal(address: Ip): boolean {
    return this.routes.find(address)?.route.type === 'local'
  }

  sourceFor(destination: Ip): Ip | undefined {
    const entry = this.routes.find(destination)
    return entry && this.routes.sourceFor(entry, destination)
  }

  /** The largest packet that reaches `destination` whole, as far as is known. */
  pathMtu(destination: Ip): number {
    return destination.includes(':') ? this.ip6.pathMtu(destination) : this.ip.pathMtu(destination)
  }

  get counters(): Counters {
    return (this.#counters ??= new Counters())
  }

  output(packet: IpPacket): void {
    this.send(packet)
  }

  /** As {@link output}; returns what a program's call would fail with. */
  send(packet: IpPacket): ErrorCode | undefined {
    return packet.version === 4 ? this.ip.output(packet) : this.ip6.output(packet)
  }

  addSysctls(defaults: Readonly<Record<string, string>>): void {
    this.settings.addDefaults(defaults)
  }

  sendIcmpError(about: IpPacket, type: number, code: number, options?: { mtu?: number }): void {
    if (about.version === 6) this.ip6.icmp.sendError(about, type, code, options?.mtu)
    else this.icmp.sendError(about, type, code, options?.mtu)
  }

  capture(link: string, listener: (frame: CapturedFrame) => void): () => void {
    if (link !== 'any') this.link(link)
    let taps = this.#taps.get(link)
    if (!taps) this.#taps.set(link, (taps = new Set()))
    taps.add(listener)
    this.tapped = true
    return () => {
      taps.delete(listener)
      if (taps.size === 0 && this.#taps.get(link) === taps) this.#taps.delete(link)
      this.tapped = this.#taps.size > 0
    }
  }

  /** Whether somebody captures on just this link (which makes it promiscuous). */
  captures(link: BaseLink): boolean {
    return this.#taps.has(link.name)
  }

  /** Listeners see the live frame: one that keeps it copies it. What lo sends is seen once, when it comes back. */
  tap(link: BaseLink, direction: 'in' | 'out', frame: Frame): void {
    if (link.kind === 'loopback' && direction === 'out') return
    for (const key of [link.name, 'any']) {
      for (const listener of this.#taps.get(key) ?? []) listener({ at: this.clock.now, interface: link.name, direction, frame })
    }
  }

  addLate(rows: LateRows): void {
    this.late ??= new LateTables(this.clock.now)
    this.late.add(rows)
  }

  settleLate(): void {
    this.late?.settle()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  changed(): void {
    if (this.late?.writing) return
    for (const listener of this.#listeners) listener()
  }

  /** The kernel's messages, as dmesg(1) shows them: virtual ms and text. */
  get kernelLog(): readonly { at: number; text: string }[] {
    return this.#kernelLog ?? []
  }

  /** A message of the kernel; of those that packets cause it writes ten in five seconds (net_ratelimit). */
  printk(text: string, options?: { limited?: boolean }): void {
    const { now } = this.clock
    const log = (this.#kernelLog ??= [])
    if (options?.limited && log.filter((m) => m.text === text && m.at > now - 5000).length >= 10) return
    log.push({ at: now, text })
    if (log.length > 1000) log.shift()
  }

  /** What a machine that is switched off has forgotten when it starts again. */
  forgetKernelLog(): void {
    this.#kernelLog = undefined
  }

  /** A small delay with jitter, in ms. */
  latency(least: number, jitter: number): number {
    return least + jitter * this.random.float()
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.tcp.destroy()
    this.#sctp?.destroy()
    this.udp.destroy()
    this.icmp.destroy()
    this.raw?.destroy()
    for (const name of [...this.links.keys()]) if (this.links.has(name)) this.removeLink(name)
    this.#taps.clear()
    this.tapped = false
    this.#listeners.clear()
    this.#onDestroy?.()
  }
}
