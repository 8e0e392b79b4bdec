import { hex, sha256 } from '../../../sha256.ts'
import { encodeUtf8 } from '../../../text.ts'
import type { KubeObject } from '../../../kubernetes/types.ts'
import type { GrpcRoute, HttpRoute, ParentReference, RouteMatch, RouteRule, TlsRoute } from '../../nginx-gateway/types.ts'
import { field, normalized, type Dynamic, type WeightedService } from '../model.ts'
import { parseRule } from '../rules.ts'
import { parseTcpRule } from '../tcp.ts'
import { backendOf, internalOf, type GatewayRouteKind, type WeightedReference } from './backends.ts'
import { middlewaresOf } from './filters.ts'
import { commonNames, isMeant, listenersOf, type JudgedListener } from './listeners.ts'
import type { GatewayPicture, Said } from './picture.ts'

/** Routes of the Gateway API as Traefik's routers (httproute.go, grpcroute.go, tcproute.go, tlsroute.go of v3.3.6). */
type AnyRoute = HttpRoute | GrpcRoute | TlsRoute

export interface RouteContext {
  picture: GatewayPicture
  dynamic: Dynamic
  /** The services of a TraefikService, by "namespace/name". */
  group(key: string): readonly WeightedService[] | undefined
}

/** A route's parents, as its status tells of them; undefined: it refers to none of the Gateways. */
export function attach(kind: GatewayRouteKind, route: AnyRoute, listeners: readonly JudgedListener[], context: RouteContext): { parentRef: ParentReference; conditions: Said[] }[] | undefined {
  const { namespace, generation = 0 } = route.metadata
  const references = route.spec.parentRefs ?? []
  const mine = listenersOf(listeners, namespace, references)
  if (mine.length === 0) return undefined
  return references.map((parentRef) => {
    let reason = 'NoMatchingParent'
    let resolved: Said | undefined
    for (const listener of mine) {
      let accepted = isMeant(listener, parentRef)
      const refuse = (why: string): void => {
        if (reason !== 'Accepted') reason = why
        accepted = false
      }
      if (accepted && !(listener.supportedKinds.some((k) => k.kind === kind) && listener.allows(namespace))) refuse('NotAllowedByListeners')
      const names = kind === 'TCPRoute' ? [] : commonNames(listener.source.hostname, (route as HttpRoute).spec.hostnames ?? [])
      if (accepted && !names) refuse('NoMatchingListenerHostname')
      if (accepted) {
        listener.attachedRoutes++
        if (listener.attached) reason = 'Accepted'
      }
      // its references are looked at whether it is accepted or not
      const wrong = load(kind, route, listener, names ?? [], context, accepted && listener.attached)
      const said: Said = wrong ? { type: 'ResolvedRefs', status: 'False', observedGeneration: generation, ...wrong } : { type: 'ResolvedRefs', status: 'True', observedGeneration: generation, reason: 'ResolvedRefs', message: '' }
      if (resolved?.status !== 'False' || said.status === 'False') resolved = said
    }
    return { parentRef, conditions: [{ type: 'Accepted', status: reason === 'Accepted' ? 'True' : 'False', observedGeneration: generation, reason, message: '' }, resolved!] }
  })
}

type Wrong = Pick<Said, 'reason' | 'message'>

/** Makes a route's routers, where it is `used`, and says what its references lack. */
function load(kind: GatewayRouteKind, route: AnyRoute, listener: JudgedListener, names: readonly string[], context: RouteContext, used: boolean): Wrong | undefined {
  const { metadata } = route as KubeObject & { metadata: { namespace: string } }
  const { gateway, entryPoint } = listener
  let wrong: Wrong | undefined
  for (const [i, rule] of (route.spec.rules ?? []).entries()) {
    const key = normalized(`${kind.toLowerCase()}-${metadata.namespace}-${metadata.name}-gw-${gateway.metadata.namespace}-${gateway.metadata.name}-ep-${entryPoint}-${i}`)
    const about = { kind, route, listener, names, key, index: i, used }
    wrong = (kind === 'TCPRoute' || kind === 'TLSRoute' ? loadPlain(about, rule as TlsRule, context) : loadRule(about, rule as RouteRule, context)) ?? wrong
  }
  return wrong
}

interface RuleAbout { kind: GatewayRouteKind; route: AnyRoute; listener: JudgedListener; names: readonly string[]; key: string; index: number; used: boolean }
type TlsRule = NonNullable<TlsRoute['spec']['rules']>[number]
type GrpcMatch = NonNullable<NonNullable<GrpcRoute['spec']['rules']>[number]['matches']>[number]

const routerName = (rule: string, key: string): string => `${key}-${hex(sha256(encodeUtf8(rule)).subarray(0, 10))}`

function loadRule({ kind, route, listener, names, key, index, used }: RuleAbout, rule: RouteRule, context: RouteContext): Wrong | undefined {
  const { dynamic, picture } = context
  const { namespace, name: own } = route.metadata as { namespace: string; name: string }
  const grpc = kind === 'GRPCRoute'
  const where = `${grpc ? 'grpc_route' : 'http_route'}=${own} namespace=${namespace} providerName=kubernetesgateway`
  const error = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `${text} ${where}` })
  let wrong: Wrong | undefined
  const matches: readonly (RouteMatch | GrpcMatch)[] = rule.matches?.length ? rule.matches : grpc ? [{}] : []
  for (const match of matches) {
    const made = grpc ? grpcRule(names, match as GrpcMatch) : httpRule(names, match as RouteMatch)
    const priority = grpc ? made.priority : made.priority + (route.spec.rules?.length ?? 0) - index
    const name = routerName(made.rule, key)
    const filters = middlewaresOf(rule.filters ?? [], { router: name, namespace, kind: grpc ? 'GRPCRoute' : 'HTTPRoute', path: grpc ? undefined : (match as RouteMatch).path }, picture)
    let service = `${name}-wrr@kubernetesgateway`
    let services: WeightedService[] = []
    const broken: WeightedService = { name: `invalid-${kind.toLowerCase()}-filter`, weight: 1, scheme: 'http', passHost: true, endpoints: [], fixed: grpc ? 'unavailable' : 500 }
    if ('error' in filters) {
      error(`Unable to load ${grpc ? 'GRPC route' : 'HTTPRoute'} filters ${field('error', filters.error)}`)
      service = `${name}-err-wrr@kubernetesgateway`
      services = [broken]
    } else {
      const internal = grpc ? undefined : internalOf(rule.backendRefs ?? [])
      if (internal === undefined) {
        const found = weighed(kind, namespace, rule.backendRefs ?? [], context)
        services = found.services
        wrong = found.wrong ?? wrong
        if (!grpc) for (const { message } of found.all) error(`Unable to load HTTPRoute backend: ${message}`)
      } else service = internal
    }
    if (!used) continue
    const parsed = parseRule(made.rule)
    if ('error' in parsed) {
      dynamic.problems.push({ level: 'ERR', text: `${field('error', `error while parsing rule ${made.rule}: ${parsed.error}`)} entryPointName=${listener.entryPoint} ${field('routerName', `${name}@kubernetesgateway`)}` })
      continue
    }
    const chain = 'error' in filters ? [] : filters
    for (const { name: id, made: middleware } of chain) if (middleware) dynamic.middlewares.set(id, middleware)
    if (!service.endsWith('@internal')) dynamic.services.set(service, services)
    dynamic.routers = dynamic.routers.filter((r) => r.name !== `${name}@kubernetesgateway`)
    dynamic.routers.push({ name: `${name}@kubernetesgateway`, rule: made.rule, matches: parsed.matches, priority, entryPoints: [listener.entryPoint], tls: listener.source.protocol === 'HTTPS', hosts: parsed.hosts, middlewares: chain.map((m) => m.name), service })
  }
  return wrong
}

function loadPlain({ kind, route, listener, names, key, used }: RuleAbout, rule: TlsRule, context: RouteContext): Wrong | undefined {
  const { dynamic } = context
  const references = rule.backendRefs ?? []
  if (references.length === 0) return undefined
  const { protocol, tls } = listener.source
  const text = kind === 'TLSRoute' ? sniRule(names) : 'HostSNI(`*`)'
  const name = `${routerName('', key)}@kubernetesgateway`
  const { services, wrong } = weighed(kind, route.metadata.namespace, references, context)
  const parsed = parseTcpRule(text)
  if (!used || 'error' in parsed) return wrong
  const catchAll = text === 'HostSNI(`*`)'
  const passes = tls?.mode === 'Passthrough'
  dynamic.tcp = dynamic.tcp.filter((r) => r.name !== name)
  dynamic.tcp.push({ name, rule: text, matches: parsed.matches, catchAll, tls: kind === 'TCPRoute' && !(protocol === 'TLS' && tls) ? 'none' : passes ? 'passes' : 'ends', priority: catchAll ? -1 : text.length, entryPoints: [listener.entryPoint], services, middlewares: [] })
  return wrong
}

/** loadWRRService: with a server's answer in the place of what is not to be had; its last condition is the route's. */
function weighed(kind: GatewayRouteKind, namespace: string, references: readonly WeightedReference[], { picture, dynamic, group }: RouteContext): { services: WeightedService[]; wrong: Wrong | undefined; all: Wrong[] } {
  const parts: { weight: number; services: readonly WeightedService[] }[] = []
  const all: Wrong[] = []
  for (const reference of references) {
    const { weight = 1 } = reference
    const found = backendOf(kind, namespace, reference, picture)
    let services: readonly WeightedService[] | undefined
    if ('service' in found) services = [{ ...found.service, weight: 1 }]
    else if ('foreign' in found) services = found.foreign.includes('@') ? dynamic.services.get(found.foreign) : group(found.foreign)
    else all.push(found.wrong)
    const nobody: WeightedService = { name: found.name, weight: 1, scheme: 'http', passHost: true, endpoints: [], ...(kind === 'HTTPRoute' ? { fixed: 500 } : kind === 'GRPCRoute' ? { fixed: 'unavailable' } : {}) }
    // a weight of nothing is no share at all
    if (weight > 0) parts.push({ weight, services: services ?? [nobody] })
  }
  const totals = parts.map(({ services }) => Math.max(1, services.reduce((sum, s) => sum + s.weight, 0)))
  const scale = totals.reduce((product, total) => product * total, 1)
  return { services: parts.flatMap(({ weight, services }, i) => services.map((s) => ({ ...s, weight: (s.weight * weight * scale) / totals[i]! }))), wrong: all.at(-1), all }
}

interface MadeRule { rule: string; priority: number }

/** buildMatchRule. */
function httpRule(names: readonly string[], { path, method, headers = [], queryParams = [] }: RouteMatch): MadeRule {
  const made = pathRule(path)
  const parts = [made.rule]
  let { priority } = made
  if (method !== undefined) {
    parts.push(`Method(\`${method}\`)`)
    priority += 1000
  }
  parts.push(...headers.map(({ type, name, value }) => `${type === 'RegularExpression' ? 'HeaderRegexp' : 'Header'}(\`${name}\`,\`${value}\`)`), ...queryParams.map(({ type, name, value }) => `${type === 'RegularExpression' ? 'QueryRegexp' : 'Query'}(\`${name}\`,\`${value}\`)`))
  priority += headers.length * 100 + queryParams.length * 10
  const host = hostRule(names)
  return { rule: [...(host.rule === '' ? [] : [host.rule]), ...parts].join(' && '), priority: priority + host.priority }
}

/** buildGRPCMatchRule. */
function grpcRule(names: readonly string[], { method, headers = [] }: GrpcMatch): MadeRule {
  const parts = [method ? `PathRegexp(\`/${method.service || '[^/]+'}/${method.method || '[^/]+'}\`)` : 'PathPrefix(`/`)', ...headers.map(({ type, name, value }) => `${type === 'RegularExpression' ? 'HeaderRegexp' : 'Header'}(\`${name}\`,\`${value}\`)`)]
  const own = parts.join(' && ')
  const host = hostRule(names)
  return { rule: host.rule === '' ? own : `${host.rule} && ${own}`, priority: host.priority + own.length }
}

function pathRule({ type = 'PathPrefix', value = '/' }: NonNullable<RouteMatch['path']> = {}): MadeRule {
  if (type === 'Exact') return { rule: `Path(\`${value}\`)`, priority: 100_000 }
  const priority = 10_000 + value.length * 100
  if (type === 'RegularExpression') return { rule: `PathRegexp(\`${value}\`)`, priority }
  // whatever else there is comes first
  if (value === '/') return { rule: 'PathPrefix(`/`)', priority: 1 }
  const own = value.replace(/\/$/, '')
  return { rule: `(Path(\`${own}\`) || PathPrefix(\`${own}/\`))`, priority }
}

/** A wildcard stands for one label or several. */
const wild = (host: string): string => `^${host.replace(/[.*+?()[\]{}^$|\\]/g, '\\$&').replace('\\*\\.', '[a-z0-9-\\.]+\\.')}$`

function hostRule(names: readonly string[]): MadeRule {
  const rules = names.map((host) => (host.includes('*') ? `HostRegexp(\`${wild(host)}\`)` : `Host(\`${host}\`)`))
  return { rule: rules.length < 2 ? (rules[0] ?? '') : `(${rules.join(' || ')})`, priority: Math.max(0, ...names.map((n) => n.length)) }
}

function sniRule(names: readonly string[]): string {
  const rules = [...new Set(names.filter((n) => n !== ''))].map((host) => (host.includes('*') ? `HostSNIRegexp(\`${wild(host)}\`)` : `HostSNI(\`${host}\`)`))
  return rules.length === 0 ? 'HostSNI(`*`)' : rules.join(' || ')
}
