import type { Secret } from 'kubernetes-types/core/v1'
import type { EndpointSlice, KubeObject, Namespace, Service } from '../../kubernetes/types.ts'
import {
  asConditions, CLASS_ACCEPTED, CLASS_CONFLICT, CLASS_PARAMETERS, CLASS_PARAMETERS_MISSING, GATEWAY_DEFAULTS, GATEWAY_PARAMETERS, GATEWAY_PARAMETERS_MISSING, gatewayInvalid, LISTENER_DEFAULTS, NO_CONFLICTS,
  NO_LISTENERS, ROUTE_DEFAULTS, SOME_LISTENERS, type Said,
} from './conditions.ts'
import { serversOf, type NginxConfiguration } from './configuration.ts'
import { judgeListeners } from './listeners.ts'
import { resourceNameOf } from './provision.ts'
import { endpointsOf, granted, judgeRoute, type Attachment, type JudgedGateway, type JudgedRoute } from './routes.ts'
import type { Gateway, GatewayClass, GatewayStatus, GrpcRoute, HttpRoute, NginxProxy, ReferenceGrant, RouteStatus } from './types.ts'

/** All objects of the Gateway API together, judged: what each status says, and what each nginx does (state/graph/graph.go). */
export interface Picture {
  controller: string
  gatewayClass: string
  classes: readonly GatewayClass[]
  gateways: readonly Gateway[]
  routes: readonly HttpRoute[]
  grpcRoutes: readonly GrpcRoute[]
  grants: readonly ReferenceGrant[]
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  namespace(name: string): Namespace | undefined
  secret(namespace: string, name: string): Secret | undefined
  nginxProxy(namespace: string, name: string): NginxProxy | undefined
}

export interface Verdict {
  gateways: (JudgedGateway & { configuration: NginxConfiguration | undefined; proxy: NginxProxy | undefined })[]
  statuses(now: string): { resource: string; object: KubeObject; status: object }[]
}

export function judge(picture: Picture): Verdict {
  const ours = picture.classes.filter((c) => c.spec.controllerName === picture.controller)
  const own = ours.find((c) => c.metadata.name === picture.gatewayClass)
  const classProxy = own && proxyOf(picture, own.spec.parametersRef, own.spec.parametersRef?.namespace ?? '')
  const gateways = picture.gateways.filter((g) => own !== undefined && g.spec.gatewayClassName === picture.gatewayClass).map((source): JudgedGateway & { proxy: NginxProxy | undefined } => {
    const conditions: Said[] = []
    const wrong = (source.spec.addresses ?? []).filter((a) => a.type !== 'IPAddress')
    for (const { type } of wrong) conditions.push({ type: 'Accepted', status: 'False', reason: 'UnsupportedAddress', message: type === undefined ? 'AddressType must be specified' : 'Only AddressType IPAddress is supported' })
    const reference = source.spec.infrastructure?.parametersRef
    const proxy = reference && proxyOf(picture, reference, source.metadata.namespace)
    if (reference) conditions.push(...(proxy ? [GATEWAY_PARAMETERS] : GATEWAY_PARAMETERS_MISSING))
    const listeners = judgeListeners(source, {
      secret: picture.secret,
      mayRefer: (namespace, name) => granted(picture.grants, { kind: 'Gateway', namespace: source.metadata.namespace }, { kind: 'Secret', namespace, name }),
    })
    return { source, valid: wrong.length === 0, conditions, listeners, proxy: proxy ?? classProxy }
  })
  const known = new Map(gateways.map((g) => [`${g.source.metadata.namespace}/${g.source.metadata.name}`, g]))
  const routes: JudgedRoute[] = []
  const attachments: Attachment[] = []
  for (const [kind, route] of [...picture.routes.map((r) => ['HTTPRoute', r] as const), ...picture.grpcRoutes.map((r) => ['GRPCRoute', r] as const)]) {
    const judged = judgeRoute(kind, route, {
      gateway: (namespace, name) => known.get(`${namespace}/${name}`),
      namespace: picture.namespace,
      service: picture.service,
      mayRefer: (of, from, namespace, name) => granted(picture.grants, { kind: of, namespace: from }, { kind: 'Service', namespace, name }),
    })
    if (!judged) continue
    routes.push(judged.route)
    attachments.push(...judged.attachments)
  }
  return {
    gateways: gateways.map((gateway) => ({ ...gateway, configuration: gateway.valid ? configurationOf(gateway, attachments, picture) : undefined })),
    statuses: (now) => [
      ...ours.map((object) => ({ resource: 'gatewayclasses', object, status: { conditions: asConditions(object === own ? classConditions(own, classProxy) : [CLASS_CONFLICT], object.metadata.generation ?? 1, now) } })),
      ...gateways.map((gateway) => ({ resource: 'gateways', object: gateway.source, status: gatewayStatus(gateway, attachments, picture, now) })),
      ...routes.map((route) => ({ resource: route.kind === 'GRPCRoute' ? 'grpcroutes' : 'httproutes', object: route.source, status: routeStatus(route, picture.controller, now) })),
    ],
  }
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
  for (const { route } of here) {
    for (const { backends, mirrors } of route.rules) {
      for (const { upstream } of [...backends, ...mirrors]) {
        if (upstream === '' || upstreams[upstream]) continue
        const [namespace, name, port] = upstream.split('_') as [string, string, string]
        upstreams[upstream] = endpointsOf(picture.service(namespace, name), Number(port), picture.slices(namespace, name))
      }
    }
  }
  return { ...serversOf(gateway.listeners, here), upstreams }
}

function gatewayStatus(gateway: JudgedGateway, attachments: readonly Attachment[], picture: Picture, now: string): GatewayStatus {
  const { source, listeners } = gateway
  const generation = source.metadata.generation ?? 1
  if (!gateway.valid) return { conditions: asConditions(gateway.conditions.length > 0 ? gateway.conditions : gatewayInvalid('GatewayClass is invalid'), generation, now) }
  const valid = listeners.filter((l) => l.valid).length
  const addresses = addressesOf(picture.service(source.metadata.namespace, resourceNameOf(source)))
  const conditions = [...GATEWAY_DEFAULTS, ...gateway.conditions]
  if (valid === 0) conditions.push(...NO_LISTENERS)
  else if (valid < listeners.length) conditions.push(SOME_LISTENERS)
  return {
    ...(addresses.length > 0 ? { addresses } : {}),
    conditions: asConditions(conditions, generation, now),
    listeners: listeners.map((listener) => {
      const conflicts = listener.conditions.some((c) => c.type === 'Conflicted' || c.type === 'OverlappingTLSConfig')
      const said = listener.valid ? [...listener.conditions, ...LISTENER_DEFAULTS, ...(conflicts ? [] : [NO_CONFLICTS])] : listener.conditions
      return {
        attachedRoutes: new Set(attachments.filter((a) => a.listener === listener).map((a) => a.route)).size,
        conditions: asConditions(said, generation, now),
        name: listener.source.name,
        supportedKinds: listener.supportedKinds,
      }
    }),
  }
}

/** Where a Gateway is reached: its balancer, or within the cluster. */
function addressesOf(service: Service | undefined): { type: string; value: string }[] {
  if (!service) return []
  if (service.spec.type !== 'LoadBalancer') return service.spec.clusterIP ? [{ type: 'IPAddress', value: service.spec.clusterIP }] : []
  const ingress = service.status.loadBalancer?.ingress ?? []
  return [...ingress.flatMap(({ ip }) => (ip ? [{ type: 'IPAddress', value: ip }] : [])), ...ingress.flatMap(({ ip, hostname }) => (!ip && hostname ? [{ type: 'Hostname', value: hostname }] : []))]
}

function routeStatus({ source, conditions, parents }: JudgedRoute, controllerName: string, now: string): RouteStatus {
  const generation = source.metadata.generation ?? 1
  // what other controllers say of their parents stays
  const others = (source.status?.parents ?? []).filter((p) => p.controllerName !== controllerName)
  const own = parents.map((parent) => ({ conditions: asConditions([...ROUTE_DEFAULTS, ...conditions, ...parent.conditions], generation, now), controllerName, parentRef: parent.reference }))
  return { parents: [...others, ...own] }
}
