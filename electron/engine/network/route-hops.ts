import type { Telling } from '../journey/way.ts'
import type { ErrorCode } from '../machine/errors.ts'
import type { RouteEntry } from './fib.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import type { IpPacket } from './types.ts'

/** What the IP layers of both families tell of a packet's way through a network namespace; `line` is the route's row. */

export const staysHere: Telling<[unicast: boolean, line: string | undefined]> = ({ interface: name, networkNamespace, before }, unicast, line) => ({
  stage: 'route',
  interface: name,
  text: unicast
    ? `${before.destination} is an address of ${networkNamespace} itself: the packet stays here.`
    : `${before.destination} is a broadcast address here: the packet is for ${networkNamespace} too.`,
  decidedBy: line === undefined ? undefined : { kind: 'route', table: 'local', text: line },
  before,
  explanation: 'route-local',
})

/** `limit`: what the family calls it. */
export const passedOn: Telling<[from: string, limit: 'TTL' | 'hop limit']> = ({ interface: name, networkNamespace, before, after }, from, limit) => ({
  stage: 'forward',
  interface: name,
  text: `${networkNamespace} passes the packet on from ${from} to ${name} and takes one off its ${limit}.`,
  before,
  after,
  explanation: 'ip-forward',
})

const leadsHere: Telling<[table: string, line: string]> = ({ interface: name, networkNamespace, before }, table, line) => ({
  stage: 'route',
  interface: name,
  text: `${networkNamespace} looks up ${before.destination}: it is its own address, so the packet goes through lo.`,
  decidedBy: { kind: 'route', table, text: line },
  before,
  explanation: 'route-lookup',
})

const leadsTo: Telling<[table: string, line: string, via: string | undefined, out: string]> = ({ interface: name, networkNamespace, before }, table, line, via, out) => ({
  stage: 'route',
  interface: name,
  text: via
    ? `${networkNamespace} looks up ${before.destination}: it lies behind ${via}, reached through ${out}.`
    : `${networkNamespace} looks up ${before.destination}: it is directly reachable through ${out}.`,
  decidedBy: { kind: 'route', table, text: line },
  before,
  explanation: 'route-lookup',
})

/** The way that the routing table has for a packet; `from`: the link that it came in through. */
export function tellRoute(namespace: Namespace, packet: IpPacket, entry: RouteEntry, from?: string): void {
  const { recorder, routes } = namespace
  const { via, type } = entry.route
  const before = recorder.header(packet)
  if (type === 'local') recorder.note(namespace, packet, from, before, undefined, leadsHere, entry.table, routes.line(entry))
  else recorder.note(namespace, packet, from, before, undefined, leadsTo, entry.table, routes.line(entry), via, entry.link!.name)
}

/** A packet that came in through `link` and goes no further. */
export function tellDropped(namespace: Namespace, packet: IpPacket, link: BaseLink, reason: string, text: string): void {
  const { recorder } = namespace
  if (!packet.meta.trail) return
  recorder.fail(namespace, packet, 'dropped', reason, { stage: 'drop', interface: link.name, text, before: recorder.header(packet), explanation: reason })
}

/** What a program that sends along this route gets; undefined when it can be used. */
export function routeProblem(entry: RouteEntry | undefined): ErrorCode | undefined {
  switch (entry?.route.type) {
    case 'blackhole': return 'EINVAL'
    case 'unreachable': return 'EHOSTUNREACH'
    case 'prohibit': return 'EACCES'
    default: return entry?.link ? undefined : 'ENETUNREACH'
  }
}
