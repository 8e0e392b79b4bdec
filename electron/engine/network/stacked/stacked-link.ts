import { BaseLink } from '../link.ts'
import type { LinkOptions } from '../link.ts'
import type { Namespace } from '../namespace.ts'
import type { Frame, StackedLink } from '../types.ts'

/** A link that has another one below it, in this network namespace or in another one (IFLA_LINK, IFLA_LINK_NETNSID). */
export abstract class Stacked extends BaseLink implements StackedLink {
  abstract override readonly kind: 'vlan' | 'macvlan' | 'ipvlan'
  readonly lower: BaseLink

  constructor(namespace: Namespace, options: LinkOptions, lower: BaseLink) {
    super(namespace, options)
    this.lower = lower
  }

  /** Off: IFF_NOARP. */
  get arp(): boolean {
    return true
  }

  /** netif_stacked_transfer_operstate */
  override get carrier(): boolean {
    return this.up && !this.lower.removed && this.lower.carrier
  }

  /** The same link of another network namespace, on the same one below. */
  abstract madeIn(namespace: Namespace, options: LinkOptions): Stacked

  /** Out of the link below, as one of its frames. */
  protected down(frame: Frame): void {
    if (this.lower.namespace !== this.namespace) this.leave(frame)
    this.lower.transmit(frame)
  }

  /** To a link beside this one, as if from a wire (netif_rx). */
  protected beside(to: BaseLink, frame: Frame): void {
    if (to.namespace !== this.namespace) this.leave(frame)
    this.namespace.clock.schedule(this.namespace.latency(0.008, 0.008), () => to.receive(frame))
  }

  /** A hop of the journey: what this link does with a packet, which the page of its kind explains. */
  protected tell(frame: Frame, text: string): void {
    const { recorder } = this.namespace
    const packet = frame.payload
    if (packet.kind !== 'ip' || !recorder.recording(packet)) return
    recorder.hop(this.namespace, packet, { stage: 'bridge', interface: this.name, text, before: recorder.header(packet, frame), explanation: this.kind })
  }
}
