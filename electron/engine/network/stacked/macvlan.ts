import { SystemError } from '../../machine/errors.ts'
import type { BaseLink, LinkOptions } from '../link.ts'
import type { Namespace } from '../namespace.ts'
import { isGroupMac } from '../packets.ts'
import type { Frame, Mac, MacvlanLink } from '../types.ts'
import { Stacked } from './stacked-link.ts'
import { another, Uppers, type Port } from './uppers.ts'

/** All links of one that is shared by MAC address (drivers/net/macvlan.c). */
class MacvlanPort implements Port {
  readonly kind = 'macvlan'
  readonly links: Macvlan[] = []

  static on(lower: BaseLink): MacvlanPort {
    const uppers = Uppers.of(lower)
    if (lower.master || (uppers.port && uppers.port.kind !== 'macvlan')) throw new SystemError('EBUSY')
    return (uppers.port ??= new MacvlanPort()) as MacvlanPort
  }

  /** Whose address it is, of those that are up (macvlan_hash_lookup). */
  owner(mac: Mac): Macvlan | undefined {
    return this.links.find((l) => l.up && l.mac === mac)
  }

  /** macvlan_handle_frame */
  take(frame: Frame, lower: BaseLink): boolean {
    const passthru = this.links.find((l) => l.mode === 'passthru')
    if (isGroupMac(frame.destination)) {
      const from = this.owner(frame.source)
      const modes = from === undefined ? ['private', 'vepa', 'bridge', 'passthru'] : from.mode === 'vepa' ? ['vepa', 'bridge'] : from.mode === 'bridge' ? ['vepa'] : []
      for (const link of this.links) if (link !== from && link.up && modes.includes(link.mode)) link.receive(another(frame, lower))
      return passthru !== undefined
    }
    const to = passthru ?? this.owner(frame.destination)
    if (!to) return false
    to.arrived(frame)
    return true
  }

  lowerChanged(): void {
    for (const link of this.links) link.namespace.carrierChanged(link)
  }

  lowerRemoved(): void {
    for (const link of [...this.links]) link.namespace.removeLink(link.name)
  }
}

/**
 * A link with a MAC address of its own on another one. Modes: `bridge` hands frames over to its like, `private` and `vepa` send all
 * down the wire, `passthru` has the link below to itself. No mode reaches the network namespace's own addresses on that link.
 */
export class Macvlan extends Stacked implements MacvlanLink {
  readonly kind = 'macvlan'
  readonly mode: MacvlanLink['mode']
  readonly #port: MacvlanPort

  /** Throws SystemError EBUSY for a bridge's or a bond's port; EINVAL beside or as a second one to a `passthru`. */
  constructor(namespace: Namespace, options: LinkOptions, lower: BaseLink, mode: MacvlanLink['mode']) {
    super(namespace, options, lower)
    this.mode = mode
    this.#port = MacvlanPort.on(lower)
    const { links } = this.#port
    if (links.some((l) => l.mode === 'passthru') || (mode === 'passthru' && links.length > 0)) throw new SystemError('EINVAL')
    links.push(this)
  }

  madeIn(namespace: Namespace, options: LinkOptions): Macvlan {
    return new Macvlan(namespace, options, this.lower, this.mode)
  }

  /** macvlan_addr_busy: who comes up with an address that is taken is refused. */
  get addressTaken(): boolean {
    return this.mode !== 'passthru' && (this.mac === this.lower.mac || this.#port.links.some((l) => l !== this && l.up && l.mac === this.mac))
  }

  /** macvlan_queue_xmit */
  protected send(frame: Frame): void {
    if (this.mode === 'bridge') {
      if (isGroupMac(frame.destination)) {
        for (const link of this.#port.links) if (link !== this && link.up && link.mode === 'bridge') this.beside(link, another(frame, this))
      } else {
        const to = this.#port.owner(frame.destination)
        if (to?.mode === 'bridge') {
          this.#tell(frame, `${this.name} shares ${this.lower.name} with ${to.name} of ${to.namespace.name}, whose MAC address ${frame.destination} is: the frame goes there, past the wire.`)
          return this.beside(to, frame)
        }
      }
    }
    this.#tell(frame, `${this.name} sends the frame out of ${this.lower.name}, with a MAC address of its own.`)
    this.down(frame)
  }

  /** From the link below, for this one. */
  arrived(frame: Frame): void {
    this.#tell(frame, `The MAC address ${frame.destination} on ${this.lower.name} is ${this.name}'s: the frame is for ${this.namespace.name}.`)
    this.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    const { links } = this.#port
    if (links.includes(this)) links.splice(links.indexOf(this), 1)
    const uppers = Uppers.of(this.lower)
    if (links.length === 0 && uppers.port === this.#port) uppers.port = undefined
  }

  #tell(frame: Frame, text: string): void {
    const { recorder } = this.namespace
    const packet = frame.payload
    if (packet.kind !== 'ip' || !recorder.recording(packet)) return
    recorder.hop(this.namespace, packet, { stage: 'bridge', interface: this.name, text, before: recorder.header(packet, frame), explanation: 'macvlan' })
  }
}
