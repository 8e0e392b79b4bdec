import type { Telling } from '../journey/way.ts'

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

export const leadsHere: Telling<[table: string, line: string]> = ({ interface: name, networkNamespace, before }, table, line) => ({
  stage: 'route',
  interface: name,
  text: `${networkNamespace} looks up ${before.destination}: it is its own address, so the packet goes through lo.`,
  decidedBy: { kind: 'route', table, text: line },
  before,
  explanation: 'route-lookup',
})

export const leadsTo: Telling<[table: string, line: string, via: string | undefined, out: string]> = ({ interface: name, networkNamespace, before }, table, line, via, out) => ({
  stage: 'route',
  interface: name,
  text: via
    ? `${networkNamespace} looks up ${before.destination}: it lies behind ${via}, reached through ${out}.`
    : `${networkNamespace} looks up ${before.destination}: it is directly reachable through ${out}.`,
  decidedBy: { kind: 'route', table, text: line },
  before,
  explanation: 'route-lookup',
})
