import type { EndpointSlice, Service } from '../../kubernetes/types.ts'
import { linksOf, type LinkSurroundings, type ParentLink } from './attachment.ts'
import { mismatched, policyOf, type BackendTls } from './backend-tls.ts'
import { routeFilter, routeIgnored, routePartial, routeReference, routeUnsupported, type Said } from './conditions.ts'
import { grpcProblems, httpRulesOf, IGNORED } from './grpc.ts'
import { isPattern } from './pattern.ts'
import type { Listener } from './listeners.ts'
import { GROUP, type BackendReference, type Gateway, type GrpcRoute, type HttpRoute, type NginxProxy, type ReferenceGrant, type RouteRule, type TlsRoute } from './types.ts'

/** HTTPRoutes, GRPCRoutes and TLSRoutes, each by itself (state/graph/httproute.go, tlsroute.go, common_filter.go, backend_refs.go). */

/** What a rule's traffic may go to: an upstream, or nothing that exists. */
export interface Backend { upstream: string; weight: number; valid: boolean; /** Not for these Gateways. */ invalidFor: ReadonlySet<JudgedGateway>; policy: BackendTls | undefined }

export interface JudgedRule {
  source: RouteRule
  index: number
  /** A filter of it is not to be had: its requests are answered with 500. */
  broken: boolean
  backends: Backend[]
  mirrors: { upstream: string; policy: BackendTls | undefined; percent: number }[]
}

export type RouteKindName = 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute'

export interface JudgedRoute {
  kind: RouteKindName
  source: HttpRoute | GrpcRoute | TlsRoute
  /** Of the route as a whole, to be followed by those of each parent. */
  conditions: Said[]
  /** Where its hosts and rules make sense at all. */
  attachable: boolean
  rules: JudgedRule[]
  /** Where a TLSRoute leads; undefined: nowhere that exists. */
  upstream: string | undefined
  /** Conditions that hold at some Gateways only. */
  invalidFor: Map<JudgedGateway, Said[]>
  links: ParentLink[]
  /** Routes that the controller makes itself, one for each mirror of a rule: listeners count them, too. */
  mirrorRoutes: number
}

export interface JudgedGateway { source: Gateway; valid: boolean; conditions: Said[]; listeners: Listener[]; proxy: NginxProxy | undefined }

export interface RouteSurroundings extends LinkSurroundings {
  service(namespace: string, name: string): Service | undefined
  /** Of this kind in a namespace, to a Service of another. */
  mayRefer(kind: RouteKindName, from: string, toNamespace: string, name: string): boolean
  policies: readonly BackendTls[]
}

/** Undefined: it belongs to none of the Gateways. */
export function judgeRoute(kind: RouteKindName, source: HttpRoute | GrpcRoute | TlsRoute, surroundings: RouteSurroundings): JudgedRoute | undefined {
  const links = linksOf(source.spec.parentRefs ?? [], source.metadata.namespace, surroundings)
  if (links.length === 0) return undefined
  const route: JudgedRoute = { kind, source, conditions: [], attachable: true, rules: [], upstream: undefined, invalidFor: new Map(), links, mirrorRoutes: 0 }
  if (kind === 'TLSRoute') judgeTlsRoute(route, source as TlsRoute, surroundings)
  else judgeRules(route, surroundings)
  return route
}

/** state/graph/tlsroute.go. */
function judgeTlsRoute(route: JudgedRoute, { spec }: TlsRoute, surroundings: RouteSurroundings): void {
  const [rule, ...rules] = spec.rules ?? []
  const [reference, ...others] = rule?.backendRefs ?? []
  if (!reference || rules.length > 0 || others.length > 0) {
    route.attachable = false
    route.conditions.push(routeReference('UnsupportedValue', 'Must have exactly one Rule and BackendRef'))
    return
  }
  const backend = backendOf(route, reference, 'spec.rules[0].backendRefs[0]', surroundings)
  route.upstream = backend.valid ? backend.upstream : undefined
}

function judgeRules(route: JudgedRoute, surroundings: RouteSurroundings): void {
  const { kind, source } = route
  const rules = kind === 'GRPCRoute' ? httpRulesOf(source as GrpcRoute) : ((source as HttpRoute).spec.rules ?? [])
  const invalid: string[] = []
  const ignored: string[] = []
  const unresolved: string[] = []
  const judged: JudgedRule[] = []
  let whole = false
  for (const [index, rule] of rules.entries()) {
    const path = `spec.rules[${index}]`
    for (const [field, title] of IGNORED[kind]) {
      if (rule[field] !== undefined) ignored.push(`${path}.${field}: Forbidden: ${title}`)
    }
    const matches = [...(kind === 'GRPCRoute' ? grpcProblems(source as GrpcRoute, index) : []), ...matchProblems(rule, path)]
    const filters = filterProblems(rule, path)
    invalid.push(...matches, ...filters.invalid)
    unresolved.push(...filters.unresolved)
    const broken = filters.invalid.length + filters.unresolved.length > 0
    if (matches.length === 0 && !broken) whole = true
    if (matches.length === 0) judged.push({ source: rule, index, broken, backends: [], mirrors: [] })
    if (!broken) route.mirrorRoutes += new Set((rule.filters ?? []).flatMap(({ requestMirror: m }) => (m ? [`${m.backendRef.namespace ?? ''}/${m.backendRef.name}`] : []))).size
  }
  const all = (messages: readonly string[]): string => (messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`)
  if (ignored.length > 0) route.conditions.push(routeIgnored(all(ignored)))
  const usable = invalid.length === 0 || whole
  if (invalid.length > 0) route.conditions.push(whole ? routePartial(all(invalid)) : routeUnsupported(`All rules are invalid: ${all(invalid)}`))
  if (unresolved.length > 0) route.conditions.push(routeFilter(all(unresolved)))
  // a route that is no good is attached all the same
  if (!usable) return
  route.rules = judged
  for (const rule of judged) if (!rule.broken) Object.assign(rule, backendsOf(route, rule.source, `spec.rules[${rule.index}]`, surroundings))
}

function matchProblems(rule: RouteRule, path: string): string[] {
  const problems: string[] = []
  for (const [i, { path: match }] of (rule.matches ?? []).entries()) {
    const value = match?.value ?? '/'
    const field = `${path}.matches[${i}].path.value`
    if (value.startsWith('/_ngf-internal')) problems.push(`${field}: Invalid value: "${value}": path cannot start with /_ngf-internal. This prefix is reserved for internal use`)
    if (match?.type === 'RegularExpression' && !isPattern(value)) problems.push(`${field}: Invalid value: "${value}": path must be a valid regular expression`)
  }
  return problems
}

/** state/graph/common_filter.go. SnippetsFilters are off, as in the published manifests: whoever refers to one does not find it. */
function filterProblems(rule: RouteRule, path: string): { invalid: string[]; unresolved: string[] } {
  const invalid: string[] = []
  const unresolved: string[] = []
  for (const [i, { type, extensionRef, requestMirror }] of (rule.filters ?? []).entries()) {
    const field = `${path}.filters[${i}]`
    const { fraction } = requestMirror ?? {}
    if (fraction && fraction.numerator > (fraction.denominator ?? 100)) invalid.push(`${field}.requestMirror.fraction.numerator: Invalid value: ${fraction.numerator}: must be less than or equal to denominator`)
    if (type !== 'ExtensionRef' || !extensionRef) continue
    const wrong = [
      ...(extensionRef.group === 'gateway.nginx.org' ? [] : [`${field}.extensionRef: Unsupported value: "${extensionRef.group}": supported values: "gateway.nginx.org"`]),
      ...(extensionRef.kind === 'SnippetsFilter' ? [] : [`${field}.extensionRef: Unsupported value: "${extensionRef.kind}": supported values: "SnippetsFilter"`]),
    ]
    invalid.push(...wrong)
    if (wrong.length === 0) unresolved.push(`${field}.extensionRef: Not found: ${JSON.stringify({ group: extensionRef.group, kind: extensionRef.kind, name: extensionRef.name })}`)
  }
  return { invalid, unresolved }
}

function backendsOf(route: JudgedRoute, rule: RouteRule, path: string, surroundings: RouteSurroundings): Pick<JudgedRule, 'backends' | 'mirrors'> {
  const backends = (rule.backendRefs ?? []).map((reference, i) => backendOf(route, reference, `${path}.backendRefs[${i}]`, surroundings))
  const mirrors = (rule.filters ?? []).flatMap(({ requestMirror }, i) => {
    if (!requestMirror) return []
    const { percent, fraction } = requestMirror
    return [{ backend: backendOf(route, requestMirror.backendRef, `${path}.filters[${i}].backendRef`, surroundings), percent: percent ?? (fraction ? (100 * fraction.numerator) / (fraction.denominator ?? 100) : 100) }]
  })
  const all = [...backends, ...mirrors.map((m) => m.backend)]
  if (all.length > 1 && mismatched(all.map((b) => b.policy))) {
    route.conditions.push(routeReference('UnsupportedValue', 'Backend TLS policies do not match for all backends'))
    for (const backend of all) backend.valid = false
  }
  return { backends, mirrors: mirrors.flatMap(({ backend, percent }) => (backend.valid ? [{ upstream: backend.upstream, policy: backend.policy, percent }] : [])) }
}

/** Its upstream is "namespace_service_port"; not valid, with a condition, when there is no such Service or it must not be used. */
function backendOf(route: JudgedRoute, reference: BackendReference & { weight?: number; filters?: unknown[] }, place: string, surroundings: RouteSurroundings): Backend {
  const own = route.source.metadata.namespace
  const backend: Backend = { upstream: '', weight: reference.weight ?? 1, valid: false, invalidFor: new Set(), policy: undefined }
  const fail = (...said: Parameters<typeof routeReference>): Backend => {
    route.conditions.push(routeReference(...said))
    return backend
  }
  if (reference.filters?.length) return fail('UnsupportedValue', `${place}.filters: Too many: ${reference.filters.length}: must have at most 0 items`)
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
  const { kind, links } = route
  if (service.spec.type === 'ExternalName') {
    for (const { gateway } of links) {
      if (backend.invalidFor.has(gateway)) continue
      const resolver = (gateway.proxy?.spec as { dnsResolver?: object } | undefined)?.dnsResolver
      excludeFrom(route, backend, gateway, routeReference('UnsupportedValue', resolver ? `podhop: not simulated: Service ${namespace}/${reference.name} of type ExternalName behind a Gateway (use one with a selector)` : "ExternalName service requires DNS resolver configuration in Gateway's NginxProxy"))
    }
  }
  const policy = kind === 'TLSRoute' ? undefined : policyOf(surroundings.policies, namespace, reference.name, port.name)
  if (policy) {
    for (const { gateway } of links) policy.gateways.add(`${gateway.source.metadata.namespace}/${gateway.source.metadata.name}`)
    if (!policy.valid) return fail('UnsupportedValue', `the backend TLS policy is invalid: ${policy.conditions[0]!.message}`)
  }
  const problem = port.appProtocol === undefined ? undefined : protocolProblem(kind, port.appProtocol, policy !== undefined)
  if (problem !== undefined) return fail('UnsupportedProtocol', problem)
  return Object.assign(backend, { upstream: `${namespace}_${reference.name}_${reference.port}`, valid: true, policy })
}

function excludeFrom(route: JudgedRoute, backend: Backend, gateway: JudgedGateway, said: Said): void {
  ;(backend.invalidFor as Set<JudgedGateway>).add(gateway)
  route.invalidFor.set(gateway, [...(route.invalidFor.get(gateway) ?? []), said])
}

function protocolProblem(kind: RouteKindName, protocol: string, secured: boolean): string | undefined {
  const words = `route type ${kind.replace('Route', '').toLowerCase()} does not support service port appProtocol ${protocol}`
  if (protocol === 'kubernetes.io/h2c') return kind === 'GRPCRoute' ? undefined : kind === 'HTTPRoute' ? `${words}; nginx does not support proxying to upstreams with http2 or h2c` : words
  if (protocol === 'kubernetes.io/ws') return kind === 'HTTPRoute' ? undefined : words
  if (protocol === 'kubernetes.io/wss') return kind === 'TLSRoute' || (kind === 'HTTPRoute' && secured) ? undefined : kind === 'HTTPRoute' ? `${words}; missing corresponding BackendTLSPolicy` : words
  return undefined
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
