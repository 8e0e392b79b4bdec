import { SystemError } from '../../machine/errors.ts'
import type { BaseLink, LinkOptions } from '../link.ts'
import type { Namespace } from '../namespace.ts'
import { isGroupMac } from '../packets.ts'
import type { Frame, Mac, MacvlanLink } from '../types.ts'
import { portOn, SharedPort } from './shared-port.ts'
import { Stacked } from './stacked-link.ts'
import { another } from './uppers.ts'

/** All links of one that is shared by MAC address (drivers/net/macvlan.c). */
class MacvlanPort extends SharedPort<Macvlan> {
  readonly kind = 'macvlan'

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
    this.#port = portOn(lower, 'macvlan', () => new MacvlanPort())
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
          this.tell(frame, `${this.name} shares ${this.lower.name} with ${to.name} of ${to.namespace.name}, whose MAC address ${frame.destination} is: the frame goes there, past the wire.`)
          return this.beside(to, frame)
        }
      }
    }
    this.tell(frame, `${this.name} sends the frame out of ${this.lower.name}, with a MAC address of its own.`)
    this.down(frame)
  }

  /** From the link below, for this one. */
  arrived(frame: Frame): void {
    this.tell(frame, `The MAC address ${frame.destination} on ${this.lower.name} is ${this.name}'s: the frame is for ${this.namespace.name}.`)
    this.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    this.#port.left(this)
  }
}
