import type { Namespace } from '../../kubernetes/types.ts'
import { ROUTE_HOSTNAME_CONFLICT, ROUTE_INVALID_GATEWAY, ROUTE_INVALID_LISTENER, ROUTE_NO_HOSTNAME, ROUTE_NO_PARENT, ROUTE_NOT_ALLOWED, type Said } from './conditions.ts'
import { acceptedHostnames, moreSpecific } from './hostnames.ts'
import type { Listener } from './listeners.ts'
import type { JudgedGateway, JudgedRoute } from './routes.ts'
import { GROUP, type ParentReference } from './types.ts'

/** How routes and listeners find each other (state/graph/route_common.go: bindRoutesToListeners). */

/** A listener that serves a route, and under which names; none: they all are other listeners' own. */
export interface Attachment { route: JudgedRoute; listener: Listener; hostnames: string[] }

/** One of a route's parentRefs, or its share for one of the Gateway's listeners. */
export interface ParentLink {
  /** Which of the route's parentRefs it comes from. */
  index: number
  gateway: JudgedGateway
  sectionName: string | undefined
  port: number | undefined
  failures: Said[]
  attached: boolean
  accepted: { listener: Listener; hostnames: string[] }[]
}

export interface LinkSurroundings {
  gateway(namespace: string, name: string): JudgedGateway | undefined
  namespace(name: string): Namespace | undefined
}

/** A reference without sectionName and port stands for each listener of the Gateway. */
export function linksOf(references: readonly ParentReference[], namespace: string, surroundings: Pick<LinkSurroundings, 'gateway'>): ParentLink[] {
  return references.flatMap((reference, index): ParentLink[] => {
    if ((reference.group ?? GROUP) !== GROUP || (reference.kind ?? 'Gateway') !== 'Gateway') return []
    const gateway = surroundings.gateway(reference.namespace ?? namespace, reference.name)
    if (!gateway) return []
    const { sectionName, port } = reference
    const link = (section: string | undefined): ParentLink => ({ index, gateway, sectionName: section, port, failures: [], attached: false, accepted: [] })
    return sectionName === undefined && port === undefined ? gateway.listeners.map((l) => link(l.source.name)) : [link(sectionName)]
  })
}

/** Binds a route's links. `taken`: the names of routes of layer 4, by "gateway host:port", the older routes' first. */
export function bind(route: JudgedRoute, surroundings: LinkSurroundings, taken: Set<string>): Attachment[] {
  const { namespace } = route.source.metadata
  const labels = surroundings.namespace(namespace)?.metadata.labels
  for (const link of route.links) {
    const { gateway } = link
    const found = attachable(link)
    if (found === undefined) link.failures.push(ROUTE_NO_PARENT)
    else if (!gateway.valid) link.failures.push(ROUTE_INVALID_GATEWAY)
    if (link.failures.length > 0) continue
    link.failures.push(...(route.invalidFor.get(gateway) ?? []))
    if (found!.length === 0) {
      link.failures.push(ROUTE_INVALID_LISTENER)
      continue
    }
    const allowing = found!.filter((l) => l.supportedKinds.some((k) => k.kind === route.kind) && l.allows(namespace, labels))
    let unique = route.kind !== 'TLSRoute'
    for (const listener of route.kind === 'TLSRoute' ? allowing.toSorted(bySpecificity) : allowing) {
      const { hostname = '', port } = listener.source
      const accepted = acceptedHostnames(hostname, route.source.spec.hostnames ?? [])
      const { metadata } = gateway.source
      const own = route.kind === 'TLSRoute' ? accepted.filter((host) => !taken.has(`${metadata.namespace}/${metadata.name} ${host}:${port}`)) : accepted
      if (own.length > 0 || accepted.length === 0) unique = true
      if (own.length === 0) continue
      if (route.kind === 'TLSRoute') for (const host of own) taken.add(`${metadata.namespace}/${metadata.name} ${host}:${port}`)
      link.accepted.push({ listener, hostnames: own })
    }
    if (link.accepted.length === 0) link.failures.push(allowing.length === 0 ? ROUTE_NOT_ALLOWED : unique ? ROUTE_NO_HOSTNAME : ROUTE_HOSTNAME_CONFLICT)
    else {
      link.attached = true
      // the route as a whole says so, at all its parents
      if (!link.accepted.some((a) => a.listener.valid)) route.conditions.push(ROUTE_INVALID_LISTENER)
    }
  }
  const attachments = new Map<Listener, Attachment>()
  for (const link of route.links) {
    for (const { listener, hostnames } of link.accepted) {
      // several references may mean one listener: the first decides
      if (!attachments.has(listener)) attachments.set(listener, { route, listener, hostnames: link.sectionName === undefined ? hostnames : isolated(hostnames, listener, link.gateway, route.kind === 'TLSRoute') })
    }
  }
  return [...attachments.values()]
}

/** Listeners that a link means and that take routes; undefined: there is none of that name or port. */
function attachable({ gateway, sectionName, port }: ParentLink): Listener[] | undefined {
  const meant = gateway.listeners.filter(({ source }) => (sectionName === undefined || source.name === sectionName) && (port === undefined || source.port === port))
  return meant.length === 0 ? undefined : meant.filter((l) => l.attachable)
}

function bySpecificity(a: Listener, b: Listener): number {
  const [left, right] = [a.source.hostname ?? '', b.source.hostname ?? '']
  return left === right ? 0 : left === moreSpecific(left, right) ? -1 : 1
}

/** A name that is another listener's own belongs to that one, on the same port; of TLSRoutes on any (listener isolation). */
function isolated(hostnames: readonly string[], listener: Listener, gateway: JudgedGateway, anyPort: boolean): string[] {
  const others = gateway.listeners.filter((o) => o !== listener && o.source.hostname && (anyPort || o.source.port === listener.source.port))
  return hostnames.filter((host) => !others.some((o) => o.source.hostname === host))
}

/** What a route's status says of each parentRef: links of one reference are one again. */
export function parentsOf(links: readonly ParentLink[]): { reference: ParentReference; conditions: Said[] }[] {
  return [...new Set(links.map((l) => l.index))].map((index) => {
    const own = links.filter((l) => l.index === index)
    const [first] = own as [ParentLink]
    const { namespace, name } = first.gateway.source.metadata
    // the listener is named where the Gateway has only one; the port never is
    const sectionName = own.length === 1 ? first.sectionName : undefined
    const best = own.findLast((l) => l.attached && l.failures.length === 0) ?? first
    return { reference: { group: GROUP, kind: 'Gateway', namespace, name, ...(sectionName === undefined ? {} : { sectionName }) }, conditions: best.failures }
  })
}
