import { hasFailed } from '../journey/recorder.ts'
import { cidrContains, ipv4Number, isLoopbackIp } from './address.ts'
import type { RouteEntry } from './fib.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { BROADCAST_MAC, ZERO_MAC } from './packets.ts'
import type { ArpPacket, Ip, IpPacket, LinkAddress, Mac, NeighbourResponder } from './types.ts'

/** ARP's messages (RFC 826; net/ipv4/arp.c); what is learned by them is kept in neighbours.ts. */

/** RFC 1112 6.4 */
export function multicastMac(ip: Ip): Mac {
  const value = ipv4Number(ip)
  const octet = (shift: number, mask: number): string => ((value >>> shift) & mask).toString(16).padStart(2, '0')
  return `01:00:5e:${octet(16, 0x7f)}:${octet(8, 0xff)}:${octet(0, 0xff)}`
}

/** Asks who has `target`, for the sake of a packet that waits; with `mac` only whether it still has that one. */
export function request(namespace: Namespace, link: BaseLink, target: Ip, waiting: IpPacket | undefined, mac: Mac | undefined): void {
  const payload: ArpPacket = {
    kind: 'arp',
    operation: 'request',
    senderMac: link.mac,
    senderIp: senderOf(namespace, link, target, waiting),
    targetMac: ZERO_MAC,
    targetIp: target,
    trail: waiting?.meta.trail,
  }
  link.transmit({ source: link.mac, destination: mac ?? BROADCAST_MAC, payload })
}

/** Gratuitous ARP: everybody on the link hears where the address is. */
export function announce(link: BaseLink, ip: Ip): void {
  link.transmit({ source: link.mac, destination: BROADCAST_MAC, payload: { kind: 'arp', operation: 'request', senderMac: link.mac, senderIp: ip, targetMac: ZERO_MAC, targetIp: ip } })
}

/** Whether a namespace answers for the target: not (undefined), as its owner (false), or as a proxy along a route. */
export function answererOf(namespace: Namespace, target: Ip, link: BaseLink): RouteEntry | false | undefined {
  const route = namespace.routes.find(target)
  if (!route || isLoopbackIp(target)) return undefined
  if (route.route.type === 'local') {
    if (link.conf.arpIgnore >= 1 && !link.address(target)) return undefined
    return false
  }
  const unicast = route.route.type === undefined || route.route.type === 'unicast'
  return unicast && link.conf.forwarding && route.link !== link && (link.conf.proxyArp || namespace.neighbours.proxied(target, link)) ? route : undefined
}

/** `by`: false for the owner of the address, else the route of the proxy, or what the program says that answers. */
export function reply(namespace: Namespace, to: ArpPacket, link: BaseLink, by: RouteEntry | NonNullable<ReturnType<NeighbourResponder>> | false): void {
  const said = by && 'decidedBy' in by ? by : undefined
  const proxied = by && !('decidedBy' in by) ? by : undefined
  // an answer that comes after the end is none of the journey
  if (to.trail?.record && !hasFailed(to.trail.journey)) {
    namespace.recorder.hop(namespace, to, {
      stage: 'neighbour',
      interface: link.name,
      text: said?.text ?? (proxied
        ? `${namespace.name} answers in place of ${to.targetIp}, which it has a route to (proxy ARP): send it to ${link.mac}.`
        : `${namespace.name} has ${to.targetIp} and answers: it is at ${link.mac}.`),
      decidedBy: said ? { kind: 'socket', text: said.decidedBy } : proxied ? { kind: 'route', table: 'main', text: namespace.routes.line(proxied) } : undefined,
      before: { source: to.senderIp, destination: to.targetIp, sourceMac: to.senderMac, protocol: 'arp', detail: 'request' },
      explanation: said ? 'raw-socket-reply' : proxied ? 'arp-proxy' : 'arp-reply',
    })
  }
  const payload: ArpPacket = {
    kind: 'arp',
    operation: 'reply',
    senderMac: link.mac,
    senderIp: to.targetIp,
    targetMac: to.senderMac,
    targetIp: to.senderIp,
  }
  link.transmit({ source: link.mac, destination: to.senderMac, payload })
}

/** The sender address of a request (arp_solicit): the packet's own source if it is ours, as far as arp_announce lets it. */
function senderOf(namespace: Namespace, link: BaseLink, target: Ip, packet: IpPacket | undefined): Ip {
  const addresses = link.addresses.filter((a) => a.scope !== 'host' && !a.address.includes(':'))
  const near = (a: LinkAddress): boolean => cidrContains(`${a.address}/${a.prefixLength}`, target)
  const level = packet ? announceLevel(namespace, link.name) : 0
  if (packet && level < 2 && namespace.isLocal(packet.source)) {
    if (level === 0 || addresses.some((a) => near(a) && cidrContains(`${a.address}/${a.prefixLength}`, packet.source))) return packet.source
  }
  const own = addresses.find((a) => !a.secondary && near(a)) ?? addresses[0]
  return own?.address ?? namespace.sourceFor(target) ?? '0.0.0.0'
}

/** net.ipv4.conf.*.arp_announce */
function announceLevel({ settings }: Namespace, link: string): number {
  const of = (name: string): number => Number(settings.get(`net.ipv4.conf.${name.replaceAll('.', '/')}.arp_announce`) ?? 0)
  return Math.max(of('all'), of(link))
}
