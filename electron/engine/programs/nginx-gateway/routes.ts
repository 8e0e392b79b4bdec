import type { EndpointSlice, Namespace, Service } from '../../kubernetes/types.ts'
import {
  routeIgnored, routePartial, routeReference, routeUnsupported, ROUTE_INVALID_GATEWAY, ROUTE_INVALID_LISTENER, ROUTE_NO_HOSTNAME, ROUTE_NO_PARENT, ROUTE_NOT_ALLOWED, type Said,
} from './conditions.ts'
import { grpcProblems, httpRulesOf, IGNORED } from './grpc.ts'
import { acceptedHostnames } from './hostnames.ts'
import type { Listener } from './listeners.ts'
import { GROUP, type BackendReference, type Gateway, type GrpcRoute, type HttpRoute, type ParentReference, type ReferenceGrant, type RouteRule } from './types.ts'

/** HTTPRoutes, GRPCRoutes and what they are attached to (state/graph/route_common.go, httproute.go, backend_refs.go). */

/** What a rule's traffic may go to: an upstream, or nothing that exists. */
export interface Backend { upstream: string; weight: number; valid: boolean }

export interface JudgedRule { source: RouteRule; index: number; backends: Backend[]; mirrors: { upstream: string; percent: number }[] }

export type RouteKindName = 'HTTPRoute' | 'GRPCRoute'

export interface JudgedRoute {
  kind: RouteKindName
  source: HttpRoute | GrpcRoute
  /** Of the route as a whole, to be followed by those of each parent. */
  conditions: Said[]
  rules: JudgedRule[]
  parents: { reference: ParentReference; conditions: Said[] }[]
}

/** A listener that serves a route, and under which names. */
export interface Attachment { route: JudgedRoute; gateway: string; listener: Listener; hostnames: string[] }

export interface JudgedGateway { source: Gateway; valid: boolean; conditions: Said[]; listeners: Listener[] }

export interface RouteSurroundings {
  gateway(namespace: string, name: string): JudgedGateway | undefined
  namespace(name: string): Namespace | undefined
  service(namespace: string, name: string): Service | undefined
  /** Of this kind in a namespace, to a Service of another. */
  mayRefer(kind: RouteKindName, from: string, toNamespace: string, name: string): boolean
}

export function judgeRoute(kind: RouteKindName, source: HttpRoute | GrpcRoute, surroundings: RouteSurroundings): { route: JudgedRoute; attachments: Attachment[] } | undefined {
  const { namespace } = source.metadata
  const references = (source.spec.parentRefs ?? []).filter((p) => (p.group ?? GROUP) === GROUP && (p.kind ?? 'Gateway') === 'Gateway' && surroundings.gateway(p.namespace ?? namespace, p.name))
  if (references.length === 0) return undefined
  const route: JudgedRoute = { kind, source, conditions: [], rules: [], parents: [] }
  const usable = judgeRules(route, surroundings)
  const attachments: Attachment[] = []
  for (const reference of references) {
    const gateway = surroundings.gateway(reference.namespace ?? namespace, reference.name)!
    const found = usable ? attach(route, reference, gateway, surroundings) : { conditions: [], attachments: [] }
    attachments.push(...found.attachments)
    const { name, sectionName } = reference
    route.parents.push({ reference: { group: GROUP, kind: 'Gateway', namespace: gateway.source.metadata.namespace, name, ...(sectionName ? { sectionName } : {}), ...(reference.port ? { port: reference.port } : {}) }, conditions: found.conditions })
  }
  isolate(attachments, route)
  return { route, attachments }
}

/** False when nothing of it can be served. */
function judgeRules(route: JudgedRoute, surroundings: RouteSurroundings): boolean {
  const { kind, source } = route
  const rules = kind === 'GRPCRoute' ? httpRulesOf(source as GrpcRoute) : ((source as HttpRoute).spec.rules ?? [])
  const invalid: string[] = []
  const ignored: string[] = []
  for (const [index, rule] of rules.entries()) {
    const path = `spec.rules[${index}]`
    for (const [field, title] of IGNORED[kind]) {
      if (rule[field] !== undefined) ignored.push(`${path}.${field}: Forbidden: ${title}`)
    }
    const problems = [...(kind === 'GRPCRoute' ? grpcProblems(source as GrpcRoute, index) : []), ...problemsOf(rule, path)]
    invalid.push(...problems)
    if (problems.length === 0) route.rules.push({ source: rule, index, ...backendsOf(route, rule, path, surroundings) })
  }
  const all = (messages: readonly string[]): string => (messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`)
  if (ignored.length > 0) route.conditions.push(routeIgnored(all(ignored)))
  if (invalid.length === 0) return true
  if (route.rules.length === 0) {
    route.conditions.push(routeUnsupported(`All rules are invalid: ${all(invalid)}`))
    return false
  }
  route.conditions.push(routePartial(all(invalid)))
  return true
}

function problemsOf(rule: RouteRule, path: string): string[] {
  const problems: string[] = []
  for (const [i, { path: match }] of (rule.matches ?? []).entries()) {
    const value = match?.value ?? '/'
    const field = `${path}.matches[${i}].path.value`
    if (value.startsWith('/_ngf-internal')) problems.push(`${field}: Invalid value: "${value}": path cannot start with /_ngf-internal. This prefix is reserved for internal use`)
    if (match?.type === 'RegularExpression' && !isPattern(value)) problems.push(`${field}: Invalid value: "${value}": path must be a valid regular expression`)
  }
  for (const [i, { type }] of (rule.filters ?? []).entries()) {
    if (type === 'ExtensionRef') problems.push(`${path}.filters[${i}].extensionRef: Forbidden: podhop: not simulated: SnippetsFilter`)
  }
  return problems
}

export function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp
  } catch {
    return false
  }
}

function backendsOf(route: JudgedRoute, rule: RouteRule, path: string, surroundings: RouteSurroundings): Pick<JudgedRule, 'backends' | 'mirrors'> {
  const backends = (rule.backendRefs ?? []).map((reference, i): Backend => {
    const place = `${path}.backendRefs[${i}]`
    const weight = reference.weight ?? 1
    if (reference.filters?.length) {
      route.conditions.push(routeReference('UnsupportedValue', `${place}.filters: Too many: ${reference.filters.length}: must have at most 0 items`))
      return { upstream: '', weight, valid: false }
    }
    const upstream = resolve(route, reference, place, surroundings)
    return { upstream: upstream ?? '', weight, valid: upstream !== undefined }
  })
  const mirrors = (rule.filters ?? []).flatMap(({ requestMirror }, i) => {
    if (!requestMirror) return []
    const upstream = resolve(route, requestMirror.backendRef, `${path}.filters[${i}].backendRef`, surroundings)
    const { percent, fraction } = requestMirror
    return upstream === undefined ? [] : [{ upstream, percent: percent ?? (fraction ? (100 * fraction.numerator) / (fraction.denominator ?? 100) : 100) }]
  })
  return { backends, mirrors }
}

/** The upstream's name, "namespace_service_port"; undefined, with a condition, when there is no such Service or it must not be used. */
function resolve(route: JudgedRoute, reference: BackendReference, place: string, surroundings: RouteSurroundings): string | undefined {
  const own = route.source.metadata.namespace
  const fail = (...said: Parameters<typeof routeReference>): undefined => void route.conditions.push(routeReference(...said))
  if (reference.group && reference.group !== 'core') return fail('InvalidKind', `${place}.group: Unsupported value: "${reference.group}": supported values: "core", ""`)
  if (reference.kind !== undefined && reference.kind !== 'Service') return fail('InvalidKind', `${place}.kind: Unsupported value: "${reference.kind}": supported values: "Service"`)
  const namespace = reference.namespace ?? own
  if (namespace !== own && !surroundings.mayRefer(route.kind, own, namespace, reference.name)) {
    return fail('RefNotPermitted', `${place}.namespace: Forbidden: Backend ref to Service ${namespace}/${reference.name} not permitted by any ReferenceGrant`)
  }
  if (reference.port === undefined) return fail('UnsupportedValue', `${place}.port: Required value: port cannot be nil`)
  const service = surroundings.service(namespace, reference.name)
  if (!service) return fail('BackendNotFound', `${place}.name: Not found: "${reference.name}"`)
  const port = service.spec.ports?.find((p) => p.port === reference.port)
  if (!port) return fail('BackendNotFound', `no matching port for Service ${reference.name} and port ${reference.port}`)
  if (route.kind === 'GRPCRoute' && (port.appProtocol === 'kubernetes.io/ws' || port.appProtocol === 'kubernetes.io/wss')) return fail('UnsupportedProtocol', `route type grpc does not support service port appProtocol ${port.appProtocol}`)
  if (route.kind === 'HTTPRoute' && port.appProtocol === 'kubernetes.io/h2c') return fail('UnsupportedProtocol', 'route type http does not support service port appProtocol kubernetes.io/h2c; nginx does not support proxying to upstreams with http2 or h2c')
  if (port.appProtocol === 'kubernetes.io/wss') return fail('UnsupportedProtocol', 'route type http does not support service port appProtocol kubernetes.io/wss; missing corresponding BackendTLSPolicy')
  if (service.spec.type === 'ExternalName') return fail('UnsupportedValue', `podhop: not simulated: Service ${namespace}/${reference.name} of type ExternalName behind a Gateway (use one with a selector)`)
  return `${namespace}_${reference.name}_${reference.port}`
}

function attach(route: JudgedRoute, reference: ParentReference, gateway: JudgedGateway, surroundings: RouteSurroundings): { conditions: Said[]; attachments: Attachment[] } {
  const failed = (condition: Said): { conditions: Said[]; attachments: Attachment[] } => ({ conditions: [condition], attachments: [] })
  const { namespace } = route.source.metadata
  const meant = gateway.listeners.filter(({ source }) => (reference.sectionName === undefined || source.name === reference.sectionName) && (reference.port === undefined || source.port === reference.port))
  if (meant.length === 0 && (reference.sectionName !== undefined || reference.port !== undefined || gateway.valid)) return failed(ROUTE_NO_PARENT)
  if (!gateway.valid) return failed(ROUTE_INVALID_GATEWAY)
  const attachable = meant.filter((l) => l.attachable)
  if (attachable.length === 0) return failed(ROUTE_INVALID_LISTENER)
  const labels = surroundings.namespace(namespace)?.metadata.labels
  const allowing = attachable.filter((l) => l.supportedKinds.some((k) => k.kind === route.kind) && l.allows(namespace, labels))
  if (allowing.length === 0) return failed(ROUTE_NOT_ALLOWED)
  const name = `${gateway.source.metadata.namespace}/${gateway.source.metadata.name}`
  const attachments: Attachment[] = []
  for (const listener of allowing) {
    const hostnames = acceptedHostnames(listener.source.hostname ?? '', route.source.spec.hostnames ?? [])
    if (hostnames.length > 0) attachments.push({ route, gateway: name, listener, hostnames })
  }
  if (attachments.length === 0) return failed(ROUTE_NO_HOSTNAME)
  return { conditions: attachments.some((a) => a.listener.valid) ? [] : [ROUTE_INVALID_LISTENER], attachments }
}

/** A name that is another listener's own belongs to that one, on the same port (listener isolation). */
function isolate(attachments: Attachment[], { source }: JudgedRoute): void {
  const named = new Set((source.spec.parentRefs ?? []).flatMap((p) => p.sectionName ?? []))
  for (const attachment of attachments) {
    if (!named.has(attachment.listener.source.name)) continue
    const others = attachments.filter((o) => o !== attachment && o.gateway === attachment.gateway && o.listener.source.port === attachment.listener.source.port)
    attachment.hostnames = attachment.hostnames.filter((host) => !others.some((o) => o.listener.source.hostname === host && host !== attachment.listener.source.hostname))
  }
}

/** Who may refer to what of another namespace: from `group`/`kind` of a namespace to a Service or a Secret. */
export function granted(grants: Iterable<ReferenceGrant>, from: { kind: string; namespace: string }, to: { kind: string; namespace: string; name: string }): boolean {
  for (const { metadata, spec } of grants) {
    if (metadata.namespace !== to.namespace) continue
    const source = spec.from.some((f) => f.group === GROUP && f.kind === from.kind && f.namespace === from.namespace)
    if (source && spec.to.some((t) => (t.group === '' || t.group === 'core') && t.kind === to.kind && (t.name === undefined || t.name === to.name))) return true
  }
  return false
}

/** "address:port" of what is ready behind a Service's port. */
export function endpointsOf(service: Service | undefined, port: number, slices: readonly EndpointSlice[]): { address: string; port: number }[] {
  const wanted = service?.spec.ports?.find((p) => p.port === port)
  if (!wanted) return []
  return slices.flatMap((slice) => {
    const target = slice.ports?.find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port
    if (target === undefined || target === null) return []
    return (slice.endpoints ?? []).filter((e) => e.conditions?.ready !== false).flatMap((e) => e.addresses.map((address) => ({ address, port: target })))
  })
}
