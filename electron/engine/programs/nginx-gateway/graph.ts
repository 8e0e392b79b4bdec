import type { ConfigMap, Secret } from 'kubernetes-types/core/v1'
import type { EndpointSlice, KubeObject, Namespace, Service } from '../../kubernetes/types.ts'
import { canonicalIp } from '../../network/address.ts'
import { bind, parentsOf, type Attachment } from './attachment.ts'
import { judgePolicy, policyStatus } from './backend-tls.ts'
import {
  ADDRESS_NOT_ASSIGNED, ADDRESS_NOT_USABLE, asConditions, CLASS_ACCEPTED, CLASS_CONFLICT, CLASS_PARAMETERS, CLASS_PARAMETERS_MISSING, GATEWAY_DEFAULTS, GATEWAY_PARAMETERS, GATEWAY_PARAMETERS_MISSING, gatewayInvalid, LISTENER_DEFAULTS, NO_CONFLICTS,
  NO_LISTENERS, ROUTE_DEFAULTS, SOME_LISTENERS, type Said,
} from './conditions.ts'
import { serversOf, type NginxConfiguration } from './configuration.ts'
import { judgeListeners } from './listeners.ts'
import { resourceNameOf } from './provision.ts'
import { endpointsOf, granted, judgeRoute, type JudgedGateway, type JudgedRoute, type RouteKindName } from './routes.ts'
import type { BackendTlsPolicy, Gateway, GatewayClass, GatewayStatus, GrpcRoute, HttpRoute, NginxProxy, ReferenceGrant, RouteStatus, TlsRoute } from './types.ts'

/** All objects of the Gateway API together, judged: what each status says, and what each nginx does (state/graph/graph.go). */
export interface Picture {
  controller: string
  gatewayClass: string
  classes: readonly GatewayClass[]
  gateways: readonly Gateway[]
  routes: readonly HttpRoute[]
  grpcRoutes: readonly GrpcRoute[]
  tlsRoutes: readonly TlsRoute[]
  policies: readonly BackendTlsPolicy[]
  grants: readonly ReferenceGrant[]
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  namespace(name: string): Namespace | undefined
  secret(namespace: string, name: string): Secret | undefined
  configMap(namespace: string, name: string): ConfigMap | undefined
  nginxProxy(namespace: string, name: string): NginxProxy | undefined
}

export interface Verdict {
  gateways: (JudgedGateway & { configuration: NginxConfiguration | undefined })[]
  statuses(now: string): { resource: string; object: KubeObject; status: object }[]
}

export function judge(picture: Picture): Verdict {
  const ours = picture.classes.filter((c) => c.spec.controllerName === picture.controller)
  const own = ours.find((c) => c.metadata.name === picture.gatewayClass)
  const classProxy = own && proxyOf(picture, own.spec.parametersRef, own.spec.parametersRef?.namespace ?? '')
  const gateways = picture.gateways.filter((g) => own !== undefined && g.spec.gatewayClassName === picture.gatewayClass).map((source): JudgedGateway => {
    const conditions: Said[] = []
    const wrong = (source.spec.addresses ?? []).filter((a) => a.type !== 'IPAddress')
    for (const { type } of wrong) conditions.push({ type: 'Accepted', status: 'False', reason: 'UnsupportedAddress', message: type === undefined ? 'AddressType must be specified' : 'Only AddressType IPAddress is supported' })
    const reference = source.spec.infrastructure?.parametersRef
    const proxy = reference && proxyOf(picture, reference, source.metadata.namespace)
    if (reference) conditions.push(...(proxy ? [GATEWAY_PARAMETERS] : GATEWAY_PARAMETERS_MISSING))
    const listeners = wrong.length > 0 ? [] : judgeListeners(source, {
      secret: picture.secret,
      mayRefer: (namespace, name) => granted(picture.grants, { kind: 'Gateway', namespace: source.metadata.namespace }, { kind: 'Secret', namespace, name }),
    })
    return { source, valid: wrong.length === 0, conditions, listeners, proxy: proxy ?? classProxy }
  })
  const known = new Map(gateways.map((g) => [`${g.source.metadata.namespace}/${g.source.metadata.name}`, g]))
  const policies = known.size > 0 ? picture.policies.map((source) => judgePolicy(source, picture)) : []
  const surroundings = {
    gateway: (namespace: string, name: string) => known.get(`${namespace}/${name}`),
    namespace: picture.namespace,
    service: picture.service,
    mayRefer: (of: RouteKindName, from: string, namespace: string, name: string) => granted(picture.grants, { kind: of, namespace: from }, { kind: 'Service', namespace, name }),
    policies,
  }
  const all = [...picture.routes.map((r) => ['HTTPRoute', r] as const), ...picture.grpcRoutes.map((r) => ['GRPCRoute', r] as const), ...picture.tlsRoutes.toSorted(byAge).map((r) => ['TLSRoute', r] as const)]
  const routes = all.flatMap(([kind, route]) => judgeRoute(kind, route, surroundings) ?? [])
  const taken = new Set<string>()
  const attachments = routes.flatMap((route) => (route.attachable ? bind(route, surroundings, taken) : []))
  return {
    gateways: gateways.map((gateway) => ({ ...gateway, configuration: gateway.valid ? configurationOf(gateway, attachments, picture) : undefined })),
    statuses: (now) => [
      ...ours.map((object) => ({ resource: 'gatewayclasses', object, status: { conditions: asConditions(object === own ? classConditions(own, classProxy) : [CLASS_CONFLICT], object.metadata.generation ?? 1, now) } })),
      ...gateways.map((gateway) => ({ resource: 'gateways', object: gateway.source, status: gatewayStatus(gateway, attachments, picture, now) })),
      ...routes.map((route) => ({ resource: `${route.kind.toLowerCase()}s`, object: route.source, status: routeStatus(route, picture.controller, now) })),
      ...policies.filter((p) => p.used).map((policy) => policyStatus(policy, picture.controller, (said, generation) => asConditions(said, generation, now))),
    ],
  }
}

function byAge(a: KubeObject, b: KubeObject): number {
  const key = ({ metadata }: KubeObject): string => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`
  return key(a) < key(b) ? -1 : 1
}

function proxyOf(picture: Picture, reference: { group: string; kind: string; name: string } | undefined, namespace: string): NginxProxy | undefined {
  return reference?.group === 'gateway.nginx.org' && reference.kind === 'NginxProxy' ? picture.nginxProxy(namespace, reference.name) : undefined
}

function classConditions({ spec }: GatewayClass, proxy: NginxProxy | undefined): Said[] {
  if (!spec.parametersRef) return CLASS_ACCEPTED
  return [...CLASS_ACCEPTED, ...(proxy ? [CLASS_PARAMETERS] : CLASS_PARAMETERS_MISSING)]
}

function configurationOf(gateway: JudgedGateway, attachments: readonly Attachment[], picture: Picture): NginxConfiguration {
  const here = attachments.filter((a) => gateway.listeners.includes(a.listener))
  const upstreams: NginxConfiguration['upstreams'] = {}
  const add = (upstream: string): void => {
    if (upstream === '' || upstreams[upstream]) return
    const [namespace, name, port] = upstream.split('_') as [string, string, string]
    upstreams[upstream] = endpointsOf(picture.service(namespace, name), Number(port), picture.slices(namespace, name))
  }
  for (const { route } of here) {
    if (route.upstream !== undefined) add(route.upstream)
    for (const { backends, mirrors } of route.rules) for (const { upstream } of [...backends, ...mirrors]) add(upstream)
  }
  return { ...serversOf(gateway, here, (upstream) => (upstreams[upstream]?.length ?? 0) > 0), upstreams }
}

function gatewayStatus(gateway: JudgedGateway, attachments: readonly Attachment[], picture: Picture, now: string): GatewayStatus {
  const { source, listeners } = gateway
  const generation = source.metadata.generation ?? 1
  if (!gateway.valid) return { conditions: asConditions(gateway.conditions.length > 0 ? gateway.conditions : gatewayInvalid('GatewayClass is invalid'), generation, now) }
  const valid = listeners.filter((l) => l.valid).length
  const addresses = addressesOf(picture.service(source.metadata.namespace, resourceNameOf(source)), source)
  const conditions = [...GATEWAY_DEFAULTS, ...gateway.conditions]
  if (valid === 0) conditions.push(...NO_LISTENERS)
  else if (valid < listeners.length) conditions.push(SOME_LISTENERS)
  for (const { value = '' } of source.spec.addresses ?? []) {
    if (value === '') conditions.push(ADDRESS_NOT_ASSIGNED)
    else if (canonicalIp(value) === undefined || value === UNUSABLE) conditions.push(ADDRESS_NOT_USABLE)
  }
  return {
    ...(addresses.length > 0 ? { addresses } : {}),
    conditions: asConditions(conditions, generation, now),
    listeners: listeners.map((listener) => {
      const conflicts = listener.conditions.some((c) => c.type === 'Conflicted' || c.type === 'OverlappingTLSConfig')
      const said = listener.valid ? [...listener.conditions, ...LISTENER_DEFAULTS, ...(conflicts ? [] : [NO_CONFLICTS])] : listener.conditions
      return {
        attachedRoutes: attachments.filter((a) => a.listener === listener).reduce((sum, { route }) => sum + 1 + route.mirrorRoutes, 0),
        conditions: asConditions(said, generation, now),
        name: listener.source.name,
        supportedKinds: listener.supportedKinds,
      }
    }),
  }
}

/** 198.51.100.0 of the documentation's network (RFC 5737) stands for one that nobody can use. */
const UNUSABLE = '198.51.100.0'

/** Where a Gateway is reached: its balancer, or within the cluster; and its own addresses. */
function addressesOf(service: Service | undefined, { spec }: Gateway): { type: string; value: string }[] {
  if (!service) return []
  const balanced = service.spec.type === 'LoadBalancer'
  const ingress = service.status.loadBalancer?.ingress ?? []
  const ips = balanced ? ingress.flatMap(({ ip }) => ip ?? []) : service.spec.clusterIP ? [service.spec.clusterIP] : []
  const own = (spec.addresses ?? []).flatMap(({ type, value }) => (type === 'IPAddress' && value && canonicalIp(value) !== undefined ? [value] : []))
  return [...[...ips, ...own].map((value) => ({ type: 'IPAddress', value })), ...(balanced ? ingress.flatMap(({ ip, hostname }) => (!ip && hostname ? [{ type: 'Hostname', value: hostname }] : [])) : [])]
}

function routeStatus({ source, conditions, links }: JudgedRoute, controllerName: string, now: string): RouteStatus {
  const generation = source.metadata.generation ?? 1
  // what other controllers say of their parents stays
  const others = (source.status?.parents ?? []).filter((p) => p.controllerName !== controllerName)
  const own = parentsOf(links).map((parent) => ({ conditions: asConditions([...ROUTE_DEFAULTS, ...conditions, ...parent.conditions], generation, now), controllerName, parentRef: parent.reference }))
  return { parents: [...own, ...others] }
}
