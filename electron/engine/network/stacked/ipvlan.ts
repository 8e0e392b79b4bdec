import type { BaseLink, LinkOptions } from '../link.ts'
import type { Namespace } from '../namespace.ts'
import { isGroupMac, metaOf } from '../packets.ts'
import type { Frame, Ip, IpPacket, IpvlanLink } from '../types.ts'
import { portOn, SharedPort } from './shared-port.ts'
import { Stacked } from './stacked-link.ts'
import { another } from './uppers.ts'

/** All links of one that is shared by IP address (drivers/net/ipvlan); the mode is the port's (ipvlan_set_port_mode). */
class IpvlanPort extends SharedPort<Ipvlan> {
  readonly kind = 'ipvlan'
  mode: IpvlanLink['mode'] = 'l3'
  flag: IpvlanLink['flag'] = 'bridge'

  /** Whose address it is, of those that are up (ipvlan_addr_lookup). */
  owner(ip: Ip): Ipvlan | undefined {
    return this.links.find((l) => l.up && l.address(ip) !== undefined)
  }

  /** ipvlan_handle_frame */
  take(frame: Frame, lower: BaseLink): boolean {
    const { payload } = frame
    const group = isGroupMac(frame.destination)
    if (group && this.mode === 'l2') {
      if (frame.source === lower.mac) return false
      for (const link of this.links) if (link.up) link.receive(another(frame, lower))
      return false
    }
    const to = this.owner(payload.kind === 'arp' ? payload.targetIp : payload.destination)
    if (!to) return false
    to.arrived(frame)
    return true
  }
}

/**
 * A link with IP addresses of its own and the MAC address of the one below. `l2` asks by ARP itself; `l3` leaves through the routes
 * and rules of the network namespace below, and is asked for by nobody: the others need a route. Neither reaches that namespace's own.
 */
export class Ipvlan extends Stacked implements IpvlanLink {
  readonly kind = 'ipvlan'
  readonly #port: IpvlanPort

  /** Throws SystemError EBUSY for a bridge's or a bond's port. */
  constructor(namespace: Namespace, options: LinkOptions, lower: BaseLink, mode: IpvlanLink['mode'], flag: IpvlanLink['flag']) {
    super(namespace, { ...options, mac: lower.mac }, lower)
    this.#port = portOn(lower, 'ipvlan', () => new IpvlanPort())
    this.#port.mode = mode
    this.#port.flag = flag
    this.#port.links.push(this)
  }

  get mode(): IpvlanLink['mode'] {
    return this.#port.mode
  }

  set mode(mode: IpvlanLink['mode']) {
    this.#port.mode = mode
  }

  get flag(): IpvlanLink['flag'] {
    return this.#port.flag
  }

  set flag(flag: IpvlanLink['flag']) {
    this.#port.flag = flag
  }

  override get arp(): boolean {
    return this.mode === 'l2'
  }

  override get usesArp(): boolean {
    return this.mode === 'l2'
  }

  madeIn(namespace: Namespace, options: LinkOptions): Ipvlan {
    return new Ipvlan(namespace, options, this.lower, this.mode, this.flag)
  }

  protected send(frame: Frame): void {
    if (this.mode === 'l2') this.#sendL2(frame)
    else this.#sendL3(frame)
  }

  /** ipvlan_xmit_mode_l2 */
  #sendL2(frame: Frame): void {
    const { payload } = frame
    if (frame.destination === this.lower.mac && this.flag !== 'vepa') {
      const to = this.#port.owner(payload.kind === 'arp' ? payload.targetIp : payload.destination)
      if (to && this.flag !== 'private') return this.#over(to, frame)
      if (!to) {
        this.tell(frame, `${frame.destination} is ${this.lower.name}'s own MAC address: the frame goes up to ${this.lower.namespace.name}.`)
        return this.beside(this.lower, frame)
      }
    } else if (isGroupMac(frame.destination)) {
      for (const link of this.#port.links) if (link !== this && link.up) this.beside(link, another(frame, this))
    }
    this.tell(frame, `${this.name} sends the frame out of ${this.lower.name}, whose MAC address it shares.`)
    this.down(frame)
  }

  /** ipvlan_xmit_mode_l3 */
  #sendL3(frame: Frame): void {
    const packet = frame.payload
    if (packet.kind === 'arp') return
    if (this.flag === 'bridge') {
      const to = this.#port.owner(packet.destination)
      if (to) return this.#over(to, frame)
    }
    const below = this.lower.namespace
    this.tell(frame, `${this.name} hands the packet to the routes and rules of ${below.name}, as if it had been made there.`)
    this.#output(packet, below)
  }

  /** ipvlan_process_outbound; whoever has been asked for by multicast is not. */
  #output(packet: IpPacket, below: Namespace): void {
    packet.meta = metaOf(0, packet.meta.trail)
    packet.meta.boundTo = this.lower.name
    if (below.send(packet) !== undefined) this.statistics.txDropped++
  }

  #over(to: Ipvlan, frame: Frame): void {
    this.tell(frame, `${this.name} shares ${this.lower.name} with ${to.name} of ${to.namespace.name}, whose address it is: the packet goes there, past the wire.`)
    this.beside(to, frame)
  }

  /** From the link below, for this one. */
  arrived(frame: Frame): void {
    this.tell(frame, `The address on ${this.lower.name} is ${this.name}'s: the packet is for ${this.namespace.name}.`)
    this.receive(frame)
  }

  override receive(frame: Frame): void {
    if (!this.usesArp && frame.payload.kind === 'arp') return
    super.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    this.#port.left(this)
  }
}
