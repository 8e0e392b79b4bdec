import { parseCidr } from './address.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import type { RouteEntry } from './fib.ts'
import type { Ip, IpPacket } from './types.ts'

/** Where a machine that is more than a router sends a packet: to a next hop, or nowhere. */
export type Steering = { via: Ip; device: string; text: string } | { drop: 'drop-load-balancer' | 'drop-no-healthy-node'; text: string }

/** The route that a machine's own programs give a packet, before its routing table (a load balancer's choice of a node). */
export function steeredRoute(ns: Namespace, packet: IpPacket, link: BaseLink, { via, device, text }: Exclude<Steering, { drop: string }>): RouteEntry {
  const destination = `${packet.destination}/${packet.version === 4 ? 32 : 128}`
  const { recorder } = ns
  if (recorder.recording(packet)) {
    recorder.hop(ns, packet, {
      stage: 'route', interface: link.name, text, decidedBy: { kind: 'route', text: `${packet.destination} via ${via} dev ${device}` }, before: recorder.header(packet), explanation: 'load-balancer',
    })
  }
  return { route: { destination, via, device }, table: 'main', prefix: parseCidr(destination), metric: 0, link: ns.links.get(device) }
}
