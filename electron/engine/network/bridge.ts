import type { Telling } from '../journey/way.ts'
import { SystemError } from '../machine/errors.ts'
import { BridgeVlans, NO_VLAN } from './bridge-vlans.ts'
import { formatBridgeFdb } from './format.ts'
import { BaseLink } from './link.ts'
import type { BridgeInput } from './link.ts'
import { copyFrame, frameLength, isGroupMac, payloadLength } from './packets.ts'
import type { Bridge, Frame, IpPacket, Link, Mac } from './types.ts'

/** How long a learned address is kept without being seen again (ageing_time). */
const AGEING_MS = 300_000

/** Where an address is known: in one VLAN. */
const place = (mac: Mac, vlan: number): string => (vlan === NO_VLAN ? mac : `${mac} ${vlan}`)

interface Learned {
  mac: Mac
  vlan: number
  port: BaseLink
  updatedAt: number
}

const goesUp: Telling<[bridge: string]> = ({ interface: name, networkNamespace, before }, bridge) => ({
  stage: 'bridge',
  interface: name,
  text: `${before.destinationMac} is the bridge ${bridge} itself: the frame goes up to the IP layer of ${networkNamespace}.`,
  decidedBy: undefined,
  before,
  explanation: 'bridge-local',
})

const isBehind: Telling<[bridge: string, port: string]> = ({ interface: name, before }, bridge, port) => ({
  stage: 'bridge',
  interface: name,
  text: `The bridge ${bridge} has seen ${before.destinationMac} behind ${port} and sends the frame there.`,
  decidedBy: { kind: 'fdb', text: formatBridgeFdb({ mac: before.destinationMac!, port, isLocal: false }, bridge) },
  before,
  explanation: 'bridge-forward',
})

/**
 * A learning bridge (IEEE 802.1D without spanning tree; net/bridge). It is itself an interface of its network
 * namespace. With net.bridge.bridge-nf-call-iptables=1 bridged IPv4 packets pass iptables (net/bridge/br_netfilter_hooks.c).
 */
export class LinuxBridge extends BaseLink implements BridgeInput {
  readonly kind = 'bridge'
  readonly #attached = new Map<BaseLink, { hairpin: boolean }>()
  readonly #learned = new Map<string, Learned>()
  readonly vlans = new BridgeVlans()

  /** With those that were only deferred. */
  get #ports(): Map<BaseLink, { hairpin: boolean }> {
    if (this.namespace.hasDeferred) this.namespace.look()
    return this.#attached
  }

  get ports(): readonly BaseLink[] {
    return [...this.#ports.keys()]
  }

  override get carrier(): boolean {
    if (!this.up) return false
    for (const port of this.#attached.keys()) if (port.carrier) return true
    return this.namespace.hasDeferred && [...this.#ports.keys()].some((port) => port.carrier)
  }

  attach(port: Link): void {
    const link = this.namespace.links.get(port.name)
    if (!link || link !== port) throw new SystemError('ENODEV')
    if (link === this || link.kind === 'bridge' || link.kind === 'loopback') throw new SystemError('ELOOP')
    if (link.master || link.uppers?.port) throw new SystemError('EBUSY')
    link.master = this
    this.#ports.set(link, { hairpin: false })
    if (link.carrier) this.namespace.addrconf.linkUp(this)
    this.namespace.changed()
  }

  override unlink(): void {
    super.unlink()
    for (const port of [...this.#ports.keys()]) this.detach(port)
  }

  detach(port: Link): void {
    const link = port as BaseLink
    if (!this.#ports.delete(link)) return
    link.master = undefined
    this.vlans.leave(link)
    this.#forget(link)
    this.namespace.changed()
  }

  hairpin(port: Link, on: boolean): void {
    const state = this.#ports.get(port as BaseLink)
    if (!state) throw new SystemError('EINVAL')
    state.hairpin = on
    this.namespace.changed()
  }

  isHairpin(port: Link): boolean {
    return this.#ports.get(port as BaseLink)?.hairpin ?? false
  }

  forwarding(): ReturnType<Bridge['forwarding']> {
    const rows: { mac: Mac; port: string; isLocal: boolean; updatedAt: number; vlan?: number }[] = []
    for (const port of [this, ...this.#ports.keys()]) {
      const { mac, name } = port
      if (this.vlans.filtering) for (const { id } of this.vlans.list(port)) rows.push({ mac, port: name, isLocal: true, updatedAt: 0, vlan: id })
      rows.push({ mac, port: name, isLocal: true, updatedAt: 0 })
    }
    for (const entry of this.#learned.values()) {
      if (this.#fresh(entry)) rows.push({ mac: entry.mac, port: entry.port.name, isLocal: false, updatedAt: entry.updatedAt, ...(entry.vlan === NO_VLAN ? {} : { vlan: entry.vlan }) })
    }
    return rows
  }

  portChanged(port: BaseLink): void {
    if (!port.carrier) this.#forget(port)
    else this.namespace.addrconf.linkUp(this)
    this.uppers?.lowerChanged()
  }

  /** A frame came in through a port. */
  input(port: BaseLink, frame: Frame): void {
    if (!this.up) return this.lost(frame, 'drop-link-down', `The bridge ${this.name} is down.`)
    const vlan = this.vlans.ingress(port, frame)
    if (vlan === undefined) return this.#refused(frame, port)
    this.#learn(frame.source, vlan, port)
    const packet = frame.payload
    if (packet.kind === 'ip') packet.meta.physIn = port.name
    const { destination } = frame
    if (destination === this.mac || destination === port.mac) {
      if (packet.kind === 'ip' && this.namespace.recorder.recording(packet)) this.#note(frame, packet, port, goesUp)
      return this.#passUp(frame, vlan)
    }
    const group = isGroupMac(destination)
    if (this.namespace.tapped && this.namespace.captures(this)) this.namespace.tap(this, 'in', frame)
    if (group) {
      const up = copyFrame(frame)
      this.#flood(frame, port, vlan, false)
      return this.#passUp(up, vlan)
    }
    // what has a tag passes by (bridge-nf-filter-vlan-tagged is 0)
    const filter = packet.kind === 'ip' && frame.tags === undefined && !packet.fragment && this.namespace.settings.flag(packet.version === 4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables')
    if (filter && !this.#prerouting(packet)) return
    // in a VLAN of the bridge it has one from here on
    this.#forward(frame, port, vlan, filter && vlan === NO_VLAN)
  }

  #refused(frame: Frame, port: BaseLink): void {
    const tag = frame.tags?.[0]
    this.lost(frame, 'drop-vlan', `${port === this ? this.name : `Port ${port.name} of the bridge ${this.name}`} lets no frame in ${tag === undefined ? 'of this VLAN' : `with the tag of VLAN ${tag.id}`}: bridge vlan show lists those that it does.`)
  }

  /**
   * A packet that DNAT gave another destination: one behind this bridge is sent there as a frame of its sender's, never by the IP
   * layer. It keeps its TTL and the sender's MAC address; back through its own port it goes only with hairpin on
   * (br_nf_pre_routing_finish). The route is looked up as for forwarding: with ip_forward 0 Linux 6.18 loses such packets.
   */
  redirects(packet: IpPacket): boolean {
    const { settings, routes, netfilter, netfilter6, neighbours, recorder } = this.namespace
    const v4 = packet.version === 4
    if (packet.meta.physIn === undefined || !(v4 ? this.conf.forwarding : settings.flag6('forwarding')) || !settings.flag(v4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables')) return false
    const entry = v4 ? routes.route(packet, this) : routes.v6.route(packet, this)
    if (entry?.link !== this || entry.route.type === 'local' || entry.route.type === 'broadcast' || entry.route.type === 'anycast') return false
    if (recorder.recording(packet)) {
      recorder.hop(this.namespace, packet, {
        stage: 'bridge', interface: this.name, text: `${packet.destination} lies on the bridge ${this.name}, where the packet came from: the bridge sends it there itself, past the routing of ${this.namespace.name}.`,
        decidedBy: { kind: 'route', table: entry.table, text: routes.line(entry) }, before: recorder.header(packet), explanation: 'bridge-nat',
      })
    }
    if ((v4 ? netfilter : netfilter6).run('forward', packet, this, this) !== 'accept') return true
    if ((v4 ? netfilter : netfilter6).run('postrouting', packet, undefined, this) !== 'accept') return true
    packet.meta.bridged = true
    neighbours.send(packet, entry.route.via ?? packet.destination, this)
    return true
  }

  override transmit(frame: Frame): void {
    const { payload } = frame
    if (payload.kind === 'arp' || payload.meta.bridged !== true) return super.transmit(frame)
    const { sourceMac, physIn } = payload.meta
    payload.meta.bridged = undefined
    if (sourceMac !== undefined) frame.source = sourceMac
    const from = this.namespace.linkNamed(physIn!)!
    const vlan = this.vlans.ingress(from, frame)
    if (vlan === undefined) return this.#refused(frame, from)
    this.#forward(frame, from, vlan, false)
  }

  /** From the IP layer of the namespace. */
  protected send(frame: Frame): void {
    const vlan = this.vlans.ingress(this, frame)
    if (vlan === undefined) return this.#refused(frame, this)
    if (isGroupMac(frame.destination)) this.#flood(frame, undefined, vlan, false)
    else this.#forward(frame, undefined, vlan, false)
  }

  #passUp(frame: Frame, vlan: number): void {
    if (!this.vlans.allows(this, vlan)) return this.#refused(frame, this)
    this.vlans.egress(this, vlan, frame)
    this.statistics.rxPackets++
    this.statistics.rxBytes += frameLength(frame)
    // As br_pass_frame_up: what was sent to a port's own address is the bridge's now.
    if (!isGroupMac(frame.destination)) frame.destination = this.mac
    if (this.namespace.tapped) this.namespace.tap(this, 'in', frame)
    this.deliver(frame)
  }

  /** False when the packet goes no further on the bridge. */
  #prerouting(packet: IpPacket): boolean {
    const destination = packet.destination
    packet.meta.inInterface = this.name
    const v4 = packet.version === 4
    const netfilter = v4 ? this.namespace.netfilter : this.namespace.netfilter6
    if (netfilter.run('prerouting', packet, this, undefined) !== 'accept') return false
    if (packet.destination === destination) return true
    if (this.redirects(packet)) return false
    // DNAT gave it another destination: it is routed from here.
    if (v4) this.namespace.ip.route(packet, this)
    else this.namespace.ip6.route(packet, this)
    return false
  }

  #forward(frame: Frame, from: BaseLink | undefined, vlan: number, filter: boolean): void {
    const entry = this.#learned.get(place(frame.destination, vlan))
    if (!entry || !this.#fresh(entry)) return this.#flood(frame, from, vlan, filter)
    const port = entry.port
    if (port === from && !this.#ports.get(port)!.hairpin) {
      return this.lost(frame, 'drop-hairpin', `The way to ${frame.destination} is back through ${port.name}, where the frame came from, and hairpin is off there.`)
    }
    const packet = frame.payload
    if (packet.kind === 'ip' && this.namespace.recorder.recording(packet)) this.#note(frame, packet, from, isBehind, port.name)
    if (!this.vlans.allows(port, vlan)) return this.lost(frame, 'drop-vlan', `Port ${port.name} of the bridge ${this.name} is none of VLAN ${vlan}: bridge vlan show lists its VLANs.`)
    this.#out(frame, port, vlan, filter)
  }

  #flood(frame: Frame, from: BaseLink | undefined, vlan: number, filter: boolean): void {
    const targets: BaseLink[] = []
    for (const [port, state] of this.#ports) if (port.carrier && (port !== from || state.hairpin) && this.vlans.allows(port, vlan)) targets.push(port)
    if (this.#records(frame)) {
      const why = isGroupMac(frame.destination) ? 'The frame is for everybody' : `The bridge has not seen ${frame.destination} yet`
      this.#record(frame, from, `${why}: ${this.name} sends it to ${targets.length === 1 ? 'its one other port' : `${targets.length} ports`}.`, 'bridge-flood')
    }
    targets.forEach((port, i) => {
      const copy = i === targets.length - 1 ? frame : copyFrame(frame)
      if (copy.payload.kind === 'ip') copy.payload.meta.trail = this.namespace.recorder.fork(copy.payload.meta.trail)
      this.#out(copy, port, vlan, filter)
    })
  }

  #out(frame: Frame, port: BaseLink, vlan: number, filter: boolean): void {
    const packet = frame.payload
    if (filter && packet.kind === 'ip') {
      packet.meta.physOut = port.name
      const netfilter = packet.version === 4 ? this.namespace.netfilter : this.namespace.netfilter6
      if (netfilter.run('forward', packet, this, this) !== 'accept') return
      if (netfilter.run('postrouting', packet, undefined, this) !== 'accept') return
    }
    if (packet.kind === 'ip') packet.meta.physOut = undefined
    if (!this.#fitsThrough(frame, port)) return
    this.vlans.egress(port, vlan, frame)
    port.transmit(frame)
  }

  /** A bridge cannot tell the sender that a frame is too long for a port: it is just gone. */
  #fitsThrough(frame: Frame, port: BaseLink): boolean {
    const length = payloadLength(frame)
    if (length <= port.mtu) return true
    port.statistics.txDropped++
    this.lost(frame, 'drop-mtu', `The frame carries ${length} bytes, more than the MTU ${port.mtu} of port ${port.name}: the bridge drops it without a word.`)
    return false
  }

  #learn(mac: Mac, vlan: number, port: BaseLink): void {
    if (isGroupMac(mac) || mac === this.mac) return
    const now = this.namespace.clock.now
    const key = place(mac, vlan)
    const entry = this.#learned.get(key)
    if (entry && entry.port === port) {
      entry.updatedAt = now
      return
    }
    this.#learned.set(key, { mac, vlan, port, updatedAt: now })
    this.namespace.changed()
  }

  #fresh(entry: Learned): boolean {
    return this.namespace.clock.now - entry.updatedAt <= AGEING_MS
  }

  #forget(port: BaseLink): void {
    for (const [key, entry] of this.#learned) if (entry.port === port) this.#learned.delete(key)
  }

  #note(frame: Frame, packet: IpPacket, port: BaseLink | undefined, telling: Telling<[bridge: string, port: string]>, to = ''): void {
    const { recorder } = this.namespace
    recorder.note(this.namespace, packet, port?.name ?? this.name, recorder.header(packet, frame), undefined, telling, this.name, to)
  }

  #records(frame: Frame): boolean {
    return frame.payload.kind === 'ip' && this.namespace.recorder.recording(frame.payload)
  }

  #record(frame: Frame, port: BaseLink | undefined, text: string, explanation: string): void {
    const packet = frame.payload
    const { recorder } = this.namespace
    if (packet.kind !== 'ip' || !recorder.recording(packet)) return
    recorder.hop(this.namespace, packet, {
      stage: 'bridge',
      interface: port?.name ?? this.name,
      text,
      before: recorder.header(packet, frame),
      explanation,
    })
  }
}
