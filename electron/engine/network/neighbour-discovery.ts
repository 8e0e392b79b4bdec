import { ipv6Number, isLinkLocalIp6, isMulticastIp, solicitedNode } from './address.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { NO_DATA } from './packets.ts'
import type { IcmpMessage, Ip, IpPacket, Mac, NeighbourMessage } from './types.ts'

/** Neighbour Discovery's messages (RFC 4861; net/ipv6/ndisc.c); what is learned by them is kept in neighbours.ts. */

/** RFC 2464 7: 33:33 and the last four bytes of the group. */
export function multicastMac6(group: Ip): Mac {
  const value = Number((ipv6Number(group) ?? 0n) & 0xffff_ffffn)
  return `33:33:${[24, 16, 8, 0].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join(':')}`
}

/** A solicitation (135) or an advertisement (136). */
export function neighbourMessage(source: Ip, destination: Ip, type: 135 | 136, nd: NeighbourMessage): IpPacket {
  return {
    kind: 'ip', version: 6, source, destination, ttl: 255, tos: 0, identification: 0, dontFragment: true,
    payload: { kind: 'icmp', type, code: 0, data: NO_DATA, nd }, meta: { mark: 0 },
  }
}

/** Asks for the MAC address of `target`; with `mac` only whether it still has that one. */
export function solicit(namespace: Namespace, link: BaseLink, target: Ip, source: Ip | undefined, mac: Mac | undefined, trail: NeighbourMessage['trail']): void {
  const group = solicitedNode(target)
  const packet = neighbourMessage(source ?? linkLocalOf(link) ?? '::', mac === undefined ? group : target, 135, { target, mac: link.mac, trail })
  namespace.ip6.sendOnLink(packet, link, mac ?? multicastMac6(group))
}

function linkLocalOf(link: BaseLink): Ip | undefined {
  return link.addresses.find((a) => isLinkLocalIp6(a.address))?.address ?? link.addresses.find((a) => a.address.includes(':'))?.address
}

/** A solicitation or advertisement has arrived; one that a router has passed on is not believed (hop limit 255). */
export function receiveNeighbourMessage(namespace: Namespace, packet: IpPacket, { type, nd }: IcmpMessage, link: BaseLink): void {
  if (!nd || packet.ttl !== 255) return
  if (type === 136) return advertised(namespace, nd, link)
  const { target, mac, trail } = nd
  // Unlike ARP, a link answers for its own addresses only.
  const anycast = namespace.routes.v6.find(target)
  const own = link.address(target) !== undefined
  const said = own ? undefined : namespace.neighbours.responds(target, link)
  if (!own && !said && !(anycast?.route.type === 'anycast' && anycast.link === link)) return
  const from = packet.source
  if (from !== '::' && mac !== undefined) namespace.neighbours.heard(link, from, mac, 'STALE', { create: true })
  if (trail?.record) {
    namespace.recorder.hop(namespace, packetOf(packet, trail), {
      stage: 'neighbour',
      interface: link.name,
      text: said?.text ?? `${namespace.name} has ${target} and advertises: it is at ${link.mac}.`,
      ...(said ? { decidedBy: { kind: 'socket' as const, text: said.decidedBy } } : {}),
      before: namespace.recorder.header(packet, { source: mac ?? '', destination: multicastMac6(packet.destination), payload: packet }),
      explanation: said ? 'raw-socket-reply' : 'neighbour-advertisement',
    })
  }
  const nodes = 'ff02::1'
  const answer = neighbourMessage(own ? target : (linkLocalOf(link) ?? target), from === '::' ? nodes : from, 136, {
    target, mac: link.mac, router: link.conf.forwarding6, solicited: from !== '::', override: own,
  })
  namespace.ip6.sendOnLink(answer, link, from === '::' || mac === undefined ? multicastMac6(nodes) : mac)
}

/** The waiting packet's trail, under which the answer is told. */
function packetOf(packet: IpPacket, trail: NonNullable<NeighbourMessage['trail']>): IpPacket {
  return { ...packet, meta: { ...packet.meta, trail } }
}

function advertised(namespace: Namespace, { target, mac, solicited, router }: NeighbourMessage, link: BaseLink): void {
  if (isMulticastIp(target)) return
  namespace.neighbours.heard(link, target, mac, solicited ? 'REACHABLE' : 'STALE', { create: false, router })
}
