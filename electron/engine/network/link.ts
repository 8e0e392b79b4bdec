import type { Namespace } from './namespace.ts'
import { Netem } from './netem.ts'
import { frameLength, ipLength, payloadLength, scrubbed } from './packets.ts'
import type { Uppers } from './stacked/uppers.ts'
import { runLinkProgram, type LinkProgram } from './programs.ts'
import type { LinkConf } from './sysctl.ts'
import type { BondLink, Bridge, Frame, Ip, Link, LinkAddress, LinkKind, LinkNotes, LinkStatistics, Mac, QueueOptions } from './types.ts'

export interface LinkOptions {
  name: string
  index: number
  mac: Mac
  mtu: number
}

/** What a bridge does with a frame that came in through one of its ports. */
export interface BridgeInput extends Bridge {
  input(port: BaseLink, frame: Frame): void
  /** A port went up or down. */
  portChanged(port: BaseLink): void
}

/** What all interfaces have in common: state, counters, taps, and where received frames go. */
export abstract class BaseLink implements Link {
  abstract readonly kind: LinkKind
  name: string
  readonly index: number
  mac: Mac
  #mtu: number
  wasUp = false
  #up = false
  removed = false
  notes: LinkNotes | undefined
  master: BridgeInput | undefined
  bond: BondLink | undefined
  /** What stands on it. */
  uppers: Uppers | undefined
  addresses: LinkAddress[] = []
  readonly statistics: LinkStatistics = { rxPackets: 0, rxBytes: 0, rxDropped: 0, txPackets: 0, txBytes: 0, txDropped: 0 }
  readonly namespace: Namespace
  readonly conf: LinkConf
  /** Programs that see every frame before the kernel does (tc-bpf(8)). */
  ingress: LinkProgram | undefined
  egress: LinkProgram | undefined
  qdisc: Netem | undefined

  constructor(namespace: Namespace, options: LinkOptions) {
    this.namespace = namespace
    this.name = options.name
    this.index = options.index
    this.mac = options.mac
    this.#mtu = options.mtu
    this.conf = namespace.settings.addLink(options.name)
  }

  /** Another queue discipline at its root, or its own again. What waits there is gone. */
  setQdisc(handle: string, options: QueueOptions | undefined): void {
    this.qdisc?.close()
    this.qdisc = options && new Netem(this, handle, options)
  }

  get mtu(): number {
    return this.#mtu
  }

  set mtu(mtu: number) {
    if (this.#mtu === mtu) return
    this.#mtu = mtu
    this.namespace.changed()
  }

  get up(): boolean {
    return this.#up
  }

  set up(up: boolean) {
    this.#up = up
    this.wasUp ||= up
  }

  get carrier(): boolean {
    return this.up
  }

  /** Whether frames carry addresses that ARP must find. */
  get usesArp(): boolean {
    return true
  }

  /** Whether it finds the other end by the gateway of a packet's route (PacketMeta.nextHop). */
  get wantsNextHop(): boolean {
    return false
  }

  transmit(frame: Frame): void {
    if (!this.up || this.removed) {
      this.statistics.txDropped++
      return this.lost(frame, 'drop-link-down', `${this.name} is down, so the frame cannot leave.`)
    }
    if (this.egress !== undefined && !runLinkProgram(this.egress, frame, this)) return
    if (this.qdisc !== undefined) return this.qdisc.enqueue(frame)
    this.dequeue(frame)
  }

  /** Its turn has come. */
  dequeue(frame: Frame): void {
    this.statistics.txPackets++
    this.statistics.txBytes += frameLength(frame)
    if (this.namespace.tapped) this.namespace.tap(this, 'out', frame)
    this.send(frame)
  }

  protected abstract send(frame: Frame): void

  /** A frame has arrived from the other end. */
  receive(frame: Frame): void {
    if (!this.up || this.removed) {
      this.statistics.rxDropped++
      return this.lost(frame, 'drop-link-down', `${this.name} is down, so it does not take the frame.`)
    }
    this.statistics.rxPackets++
    this.statistics.rxBytes += frameLength(frame)
    if (this.namespace.tapped) this.namespace.tap(this, 'in', frame)
    if (this.ingress !== undefined && !runLinkProgram(this.ingress, frame, this)) return
    this.deliver(frame)
  }

  /** To whoever has it next: a link that stands on this one, a bridge, or the protocols. */
  protected deliver(frame: Frame): void {
    if (this.uppers !== undefined && this.uppers.take(frame)) return
    if (this.master !== undefined) return this.master.input(this, frame)
    const tag = frame.tags?.find((t) => t.id !== 0)
    if (tag !== undefined) return this.lost(frame, 'drop-vlan', `The frame has the tag of VLAN ${tag.id}, and ${this.namespace.name} has no link for that VLAN on ${this.name}: nobody takes it.`)
    this.namespace.ip.receive(frame, this)
  }

  /** bpf_redirect_peer: the frame comes out of the other end, unseen by this one. Only veth pairs have another end. */
  handOver(frame: Frame): void {
    this.lost(frame, 'drop-link-down', `${this.name} has no other end to hand the frame to.`)
  }

  /** The last step before another network namespace: nothing but the trail goes along. */
  protected leave(frame: Frame): void {
    if (frame.payload.kind === 'ip') frame.payload.meta = scrubbed(frame.payload.meta)
  }

  /** Whether the frame is longer than the receiving end takes (is_skb_forwardable in net/core/dev.c). */
  protected fits(frame: Frame): boolean {
    if (frame.payload.kind === 'arp' || ipLength(frame.payload) <= this.mtu) return true
    this.statistics.rxDropped++
    this.lost(
      frame,
      'drop-mtu',
      `${this.name} drops the packet without a word: ${payloadLength(frame)} bytes are more than its MTU of ${this.mtu}.`,
    )
    return false
  }

  /** Names the drop in the journey, if the frame carries one. */
  lost(frame: Frame, reason: string, text: string): void {
    const packet = frame.payload
    if (packet.kind !== 'ip' || !packet.meta.trail) return
    const recorder = this.namespace.recorder
    recorder.fail(this.namespace, packet, 'dropped', reason, {
      stage: 'drop', interface: this.name, text, before: recorder.header(packet, frame), explanation: reason,
    })
  }

  /** The link is about to go. */
  unlink(): void {
    this.master?.detach(this)
    this.uppers?.lowerRemoved()
  }

  /** Up or down was set, here or at the other end. */
  stateChanged(): void {}

  address(ip: Ip): LinkAddress | undefined {
    return this.addresses.find((a) => a.address === ip)
  }
}

/** lo: what is sent comes back at once. */
export class Loopback extends BaseLink {
  readonly kind = 'loopback'
  #lastArrival = 0

  override get usesArp(): boolean {
    return false
  }

  /** It has its address from when it is set up (inetdev_event of net/ipv4/devinet.c). */
  override stateChanged(): void {
    if (this.up && this.addresses.every((a) => a.address.includes(':'))) this.namespace.addAddress(this.name, '127.0.0.1/8', { scope: 'host' })
  }

  protected send(frame: Frame): void {
    // Connection tracking, marks and the trail stay with the packet; the sending socket does not (skb_orphan).
    if (frame.payload.kind === 'ip') frame.payload.meta.owner = undefined
    const { clock } = this.namespace
    // one after the other, as they were sent
    this.#lastArrival = Math.max(this.#lastArrival, clock.now + this.namespace.latency(0.008, 0.008))
    clock.schedule(this.#lastArrival - clock.now, () => this.receive(frame))
  }
}

/** An interface that swallows everything; used to hold addresses. */
export class Dummy extends BaseLink {
  readonly kind = 'dummy'

  override get usesArp(): boolean {
    return false
  }

  protected send(frame: Frame): void {
    this.lost(frame, 'drop-dummy', `${this.name} is a dummy interface: it has no wire, whatever leaves through it is gone.`)
  }
}
