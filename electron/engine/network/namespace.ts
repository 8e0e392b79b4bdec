import type { Clock } from '../clock.ts'
import type { JourneyRecorder } from '../journey/recorder.ts'
import { SystemError } from '../machine/errors.ts'
import type { ErrorCode } from '../machine/errors.ts'
import type { Random } from '../random.ts'
import { SparseSet } from '../sparse.ts'
import { Addrconf } from './addrconf.ts'
import { Counters } from './counters.ts'
import { addAddress, changeAddress, removeAddress } from './devinet.ts'
import { carrierChanged, moveLink, removeLink, renameLink, setUp } from './device.ts'
import { Icmp } from './icmp.ts'
import { IpLayer } from './ip.ts'
import { Ip6Layer } from './ip6.ts'
import type { Layers, TcpLayer } from './layers.ts'
import type { SocketPrograms } from './programs.ts'
import { KernelLog, type KernelMessage } from './kernel-log.ts'
import type { BaseLink } from './link.ts'
import { Loopback } from './link.ts'
import { LateTables, type LateRows } from './late-tables.ts'
import type { NamespaceOptions } from './namespace-options.ts'
import { Neighbours } from './neighbours.ts'
import { ZERO_MAC } from './packets.ts'
import type { RawSockets } from './raw.ts'
import { Routes } from './routes.ts'
import { SctpStack } from './sctp/stack.ts'
import { socketsOf } from './sockets.ts'
import type { Steering } from './steering.ts'
import { Sysctls } from './sysctl.ts'
import { Taps } from './taps.ts'
import type {
  AddressOptions, CapturedFrame, Cidr, Frame, Ip, IpPacket, Netfilter, NetworkNamespace, NewLink, Sockets, StackHost,
} from './types.ts'
import { Udp } from './udp.ts'
import type { Vxlan } from './vxlan.ts'

/** One network namespace: its interfaces, tables and sockets. The way of packets through it is in ip.ts. */
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
  #kernelLog: KernelLog | undefined
  /** Decides before the routing table, for packets to forward. */
  steer: ((packet: IpPacket) => Steering | undefined) | undefined
  socketPrograms: SocketPrograms | undefined
  /** Absent where no agent leaves rows for later. */
  late: LateTables | undefined
  /** Whether anybody captures anywhere here. */
  tapped = false
  readonly #taps = new Taps()
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
    this.tcp = options.layers.tcp(this)
    this.#sockets = socketsOf(this)
    this.addLink(new Loopback(this, { name: 'lo', index: this.nextIndex(), mac: ZERO_MAC, mtu: 65536 }))
    if (options.loUp ?? true) this.setUp('lo', true)
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

  get speaksSctp(): boolean {
    return this.#sctp !== undefined
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

  /** A link has come with a number of its own. */
  indexTaken(index: number): void {
    this.#nextIndex = Math.max(this.#nextIndex, index + 1)
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
    addAddress(this, this.link(name), cidr, options)
  }

  changeAddress(name: string, cidr: Cidr, options: Pick<AddressOptions, 'metric' | 'validUntil' | 'preferredUntil'>): void {
    changeAddress(this, this.link(name), cidr, options)
  }

  /** Removing a primary address removes its secondaries, as long as promote_secondaries is off. */
  removeAddress(name: string, cidr: Cidr): void {
    removeAddress(this, this.link(name), cidr)
  }

  setUp(name: string, up: boolean): void {
    setUp(this, this.link(name), up)
  }

  /** The other end of a link came or went. */
  carrierChanged(link: BaseLink): void {
    carrierChanged(this, link)
  }

  createLink(name: string, spec: NewLink): BaseLink {
    return this.#createLink(this, name, spec)
  }

  removeLink(name: string): void {
    removeLink(this, this.link(name))
  }

  /** `ip link set NAME name`. Throws SystemError ENODEV, EEXIST; EBUSY while it is up. */
  renameLink(name: string, to: string): void {
    renameLink(this, this.link(name), to)
  }

  /** `ip link set NAME netns`. Throws SystemError ENODEV, EEXIST; EINVAL for what stays where it is. */
  moveLink(name: string, to: NetworkNamespace): void {
    moveLink(this, this.link(name), to as Namespace)
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
    this.#taps.add(link, listener)
    this.tapped = true
    return () => {
      this.#taps.remove(link, listener)
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
    this.#taps.tell(link.name, direction, frame, this.clock.now)
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
  get kernelLog(): readonly KernelMessage[] {
    return this.#kernelLog?.messages ?? []
  }

  /** A message of the kernel; of those that packets cause it writes ten in five seconds (net_ratelimit). */
  printk(text: string, options?: { limited?: boolean }): void {
    ;(this.#kernelLog ??= new KernelLog(this.clock)).print(text, options)
  }

  followKernelLog(follower: (message: KernelMessage) => void): () => void {
    return (this.#kernelLog ??= new KernelLog(this.clock)).follow(follower)
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
