import { isIpv4 } from './address.ts'
import { BaseLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { Namespace } from './namespace.ts'
import { ipLength, metaOf, scrubbed } from './packets.ts'
import type { Frame, IpInIp, IpipLink, Ip, IpPacket } from './types.ts'

export interface IpipOptions {
  local?: Ip
  remote?: Ip
  /** 0, the default: inherit. */
  ttl?: number
  pmtudisc?: boolean
  underlay?: string
  /** tunl0, which comes with the kernel module. */
  fallback?: boolean
}

export const IPIP_OVERHEAD = 20

/** One end of an IP-in-IP tunnel (RFC 2003; net/ipv4/ipip.c, ip_tunnel.c): no Ethernet header, twenty bytes more. */
export class Ipip extends BaseLink implements IpipLink {
  readonly kind = 'ipip'
  readonly local: Ip | undefined
  readonly remote: Ip | undefined
  readonly ttl: number
  readonly pmtudisc: boolean
  readonly underlay: string | undefined
  readonly fallback: boolean

  constructor(namespace: Namespace, options: LinkOptions & IpipOptions) {
    super(namespace, options)
    this.local = options.local
    this.remote = options.remote
    this.ttl = options.ttl ?? 0
    this.fallback = options.fallback ?? false
    this.pmtudisc = options.pmtudisc ?? !this.fallback
    this.underlay = options.underlay
    namespace.tunnels.add(this)
  }

  override get usesArp(): boolean {
    return false
  }

  override get wantsNextHop(): boolean {
    return this.remote === undefined
  }

  /** ip_tunnel_xmit */
  protected send(frame: Frame): void {
    const inner = frame.payload
    if (inner.kind !== 'ip' || inner.version !== 4) return this.#failed(frame, `${this.name} carries IPv4 packets only.`)
    const ns = this.namespace
    const { recorder } = ns
    const to = this.remote ?? inner.meta.nextHop ?? inner.destination
    if (!isIpv4(to)) return this.#failed(frame, `${this.name} has no remote address, and ${to} is none that a tunnel could lead to.`)
    const route = ns.routes.find(to)
    const type = route?.route.type ?? 'unicast'
    if (!route || (type !== 'unicast' && type !== 'local')) return this.#failed(frame, `${ns.name} has no route to ${to}, the other end of the tunnel ${this.name}.`)
    if (route.link === this) return this.#failed(frame, `The way to ${to}, the other end of the tunnel, leads into ${this.name} itself.`)
    const room = ns.pathMtu(to) - IPIP_OVERHEAD
    if (inner.dontFragment && ipLength(inner) > room) {
      this.statistics.txDropped++
      this.lost(frame, 'drop-mtu', `The packet has ${ipLength(inner)} bytes and must not be cut (DF); with the tunnel's header it is too long for the way to ${to}, which leaves room for ${room}.`)
      return ns.sendIcmpError(inner, 3, 4, { mtu: room })
    }
    const outer: IpPacket = {
      kind: 'ip',
      version: 4,
      source: this.local ?? ns.routes.sourceFor(route, to) ?? '0.0.0.0',
      destination: to,
      ttl: this.ttl || inner.ttl,
      // ECN goes along (RFC 6040), the rest of the type of service does not.
      tos: inner.tos & 3,
      identification: ns.ip.nextIdentification(),
      dontFragment: this.pmtudisc || inner.dontFragment,
      payload: { kind: 'ipip', packet: inner },
      meta: metaOf(inner.meta.mark, inner.meta.trail),
    }
    if (recorder.recording(inner)) {
      recorder.hop(ns, inner, {
        stage: 'encapsulate',
        interface: this.name,
        text: `${this.name} puts the whole packet behind a second IP header, from ${outer.source} to ${to} (IP in IP, protocol 4)${this.remote ? '' : `: ${to} is the gateway of the route`}.`,
        before: recorder.header(inner),
        after: recorder.header(outer),
        explanation: 'ipip-encapsulate',
      })
    }
    inner.meta = scrubbed(inner.meta)
    ns.ip.output(outer)
  }

  /** ip_tunnel_rcv: takes the inner packet out of one that came for this end. */
  decapsulate(outer: IpPacket, inner: IpPacket): void {
    const ns = this.namespace
    const { recorder } = ns
    inner.meta = metaOf(outer.meta.mark, outer.meta.trail ?? inner.meta.trail)
    if (recorder.recording(inner)) {
      recorder.hop(ns, inner, {
        stage: 'decapsulate',
        interface: this.name,
        text: `IP protocol 4 from ${outer.source} belongs to ${this.name}: it takes the outer header off.`,
        before: recorder.header(outer),
        after: recorder.header(inner),
        explanation: 'ipip-decapsulate',
      })
    }
    this.receive({ source: this.mac, destination: this.mac, payload: inner })
  }

  override unlink(): void {
    super.unlink()
    this.namespace.tunnels.delete(this)
  }

  #failed(frame: Frame, text: string): void {
    this.statistics.txDropped++
    this.lost(frame, 'drop-tunnel', text)
  }
}

/** ip_tunnel_lookup: both ends, the other end, the own one, and tunl0 last. */
export function receiveIpip(namespace: Namespace, packet: IpPacket): void {
  let best: Ipip | undefined
  let score = -1
  let any = false
  for (const link of namespace.tunnels) {
    if (!(link instanceof Ipip)) continue
    any = true
    if (!link.up || (link.remote ?? packet.source) !== packet.source || (link.local ?? packet.destination) !== packet.destination) continue
    const points = link.fallback ? 0 : 1 + (link.remote ? 2 : 0) + (link.local ? 1 : 0)
    if (points > score) [best, score] = [link, points]
  }
  if (best) return best.decapsulate(packet, (packet.payload as IpInIp).packet)
  if (packet.meta.trail) {
    const { recorder } = namespace
    recorder.fail(namespace, packet, 'dropped', 'drop-no-tunnel', {
      stage: 'drop',
      text: any
        ? `No IP-in-IP interface of ${namespace.name} that is up takes packets from ${packet.source}.`
        : `${namespace.name} has no IP-in-IP interface: nothing there understands IP protocol 4.`,
      before: recorder.header(packet),
      explanation: 'drop-no-tunnel',
    })
  }
  namespace.sendIcmpError(packet, 3, any ? 3 : 2)
}
