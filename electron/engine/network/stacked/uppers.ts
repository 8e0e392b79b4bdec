import type { BaseLink } from '../link.ts'
import { copyFrame } from '../packets.ts'
import type { Frame, VlanTag } from '../types.ts'

/** A driver that has taken a link over: macvlan, ipvlan or bonding (netdev_rx_handler_register in net/core/dev.c). */
export interface Port {
  readonly kind: 'macvlan' | 'ipvlan' | 'bond'
  /** Links that stand on the port. */
  readonly links: readonly BaseLink[]
  /** What comes in through the link below; true when it is the port's alone. */
  take(frame: Frame, lower: BaseLink): boolean
  /** The link below is up or down, or its carrier has changed. */
  lowerChanged(lower: BaseLink): void
  lowerRemoved(lower: BaseLink): void
}

/** What stands on a link, and gets its frames before bridges and protocols do (__netif_receive_skb_core in net/core/dev.c). */
export class Uppers {
  readonly #lower: BaseLink
  readonly vlans = new Map<string, BaseLink>()
  port: Port | undefined

  constructor(lower: BaseLink) {
    this.#lower = lower
  }

  static of(lower: BaseLink): Uppers {
    return (lower.uppers ??= new Uppers(lower))
  }

  get links(): readonly BaseLink[] {
    return [...this.vlans.values(), ...(this.port?.links ?? [])]
  }

  take(frame: Frame): boolean {
    const tag = frame.tags?.[0]
    if (tag !== undefined) {
      const vlan = this.vlans.get(tagKey(tag))
      if (vlan) {
        const rest = frame.tags!.slice(1)
        frame.tags = rest.length > 0 ? rest : undefined
        vlan.receive(frame)
        return true
      }
    }
    return this.port?.take(frame, this.#lower) ?? false
  }

  /** VLANs go down and come up with the link that they are on (vlan_device_event). */
  lowerSet(up: boolean): void {
    for (const vlan of this.vlans.values()) if (vlan.up !== up) vlan.namespace.setUp(vlan.name, up)
    this.lowerChanged()
  }

  lowerChanged(): void {
    for (const vlan of this.vlans.values()) vlan.namespace.carrierChanged(vlan)
    this.port?.lowerChanged(this.#lower)
  }

  lowerRemoved(): void {
    for (const vlan of [...this.vlans.values()]) vlan.namespace.removeLink(vlan.name)
    this.port?.lowerRemoved(this.#lower)
  }
}

export const tagKey = ({ id, protocol }: VlanTag): string => `${protocol ?? '802.1Q'}/${id}`

/** A copy for one more receiver of a frame. */
export function another(frame: Frame, at: BaseLink): Frame {
  const copy = copyFrame(frame)
  if (copy.payload.kind === 'ip') copy.payload.meta.trail = at.namespace.recorder.fork(copy.payload.meta.trail)
  return copy
}
