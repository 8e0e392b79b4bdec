import type { KubeObject } from '../../../kubernetes/types.ts'
import { GROUP, type Condition, type Gateway } from '../../nginx-gateway/types.ts'
import { field, type Dynamic, type WeightedService } from '../model.ts'
import { judgeListeners, type JudgedListener } from './listeners.ts'
import { GATEWAY_CONTROLLER, type GatewayPicture, type Said } from './picture.ts'
import { attach } from './routes.ts'

/** The provider kubernetesgateway (loadConfigurationFromGateways of v3.3.6): objects become routers, and are told what they have become. */

/** Features of SupportedFeatures, which only the experimental channel has a place for in a GatewayClass. */
const FEATURES = ['GRPCRoute', 'Gateway', 'GatewayPort8080', 'HTTPRoute', 'HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket', 'HTTPRouteDestinationPortMatching', 'HTTPRouteHostRewrite', 'HTTPRouteMethodMatching', 'HTTPRoutePathRedirect', 'HTTPRoutePathRewrite', 'HTTPRoutePortRedirect', 'HTTPRouteQueryParamMatching', 'HTTPRouteResponseHeaderModification', 'HTTPRouteSchemeRedirect', 'TLSRoute']

export interface Statement { resource: string; object: KubeObject; /** Whole, without what other controllers say. */ status(now: string): object }
type Addresses = readonly { type: string; value: string }[]

/** Adds to `dynamic`; what is returned are the statuses. `addresses`: absent where no flag says whose they are, a text where they cannot be had. */
export function provideGateways(picture: GatewayPicture, addresses: Addresses | string | undefined, dynamic: Dynamic, group: (key: string) => readonly WeightedService[] | undefined): Statement[] {
  if (typeof addresses === 'string') {
    dynamic.problems.push({ level: 'ERR', text: `Unable to get Gateway status addresses ${field('error', addresses)} providerName=kubernetesgateway` })
    return []
  }
  const out: Statement[] = []
  const mine = new Set<string>()
  for (const object of picture.classes) {
    if (object.spec.controllerName !== GATEWAY_CONTROLLER) continue
    mine.add(object.metadata.name)
    const own: Said = { type: 'Accepted', status: 'True', observedGeneration: object.metadata.generation ?? 0, reason: 'Handled', message: 'Handled by Traefik controller' }
    out.push({ resource: 'gatewayclasses', object, status: (now) => ({ conditions: [...(object.status?.conditions ?? []).filter((c) => c.type !== 'Accepted'), ...dated([own], now)], ...(picture.experimental ? { supportedFeatures: FEATURES.map((name) => ({ name })) } : {}) }) })
  }
  const gateways = picture.gateways.filter((g) => mine.has(g.spec.gatewayClassName))
  const listeners = gateways.flatMap((gateway) => judgeListeners(gateway, picture, dynamic.certificates))
  const context = { picture, dynamic, group }
  const routes = [
    ['httproutes', 'HTTPRoute', picture.httpRoutes], ['grpcroutes', 'GRPCRoute', picture.grpcRoutes],
    ...(picture.experimental ? [['tcproutes', 'TCPRoute', picture.tcpRoutes], ['tlsroutes', 'TLSRoute', picture.tlsRoutes]] as const : []),
  ] as const
  for (const [resource, kind, objects] of routes) {
    for (const object of objects) {
      const parents = attach(kind, object, listeners, context)
      if (!parents) continue
      const others = (object.status?.parents ?? []).filter((p) => p.controllerName !== GATEWAY_CONTROLLER)
      out.push({ resource, object, status: (now) => ({ parents: [...parents.map(({ parentRef, conditions }) => ({ parentRef, controllerName: GATEWAY_CONTROLLER, conditions: dated(conditions, now) })), ...others] }) })
    }
  }
  for (const gateway of gateways) out.push(stateOf(gateway, listeners.filter((l) => l.gateway === gateway), addresses, dynamic))
  return out
}

function stateOf(gateway: Gateway, listeners: readonly JudgedListener[], addresses: Addresses | undefined, dynamic: Dynamic): Statement {
  const observedGeneration = gateway.metadata.generation ?? 0
  const { name, namespace } = gateway.metadata
  const yes = (type: string, reason: string, message: string): Said => ({ type, status: 'True', observedGeneration, reason, message })
  const wrong = [...new Set(listeners.flatMap((l) => l.conditions.map((c) => c.message)))]
  // multierror's list
  if (wrong.length > 0) dynamic.problems.push({ level: 'ERR', text: `Gateway Not Accepted ${field('error', `${wrong.length} error${wrong.length === 1 ? '' : 's'} occurred:\n${wrong.map((m) => `\t* ${m}\n`).join('')}\n`)} gateway=${name} namespace=${namespace} providerName=kubernetesgateway` })
  const conditions = wrong.length > 0
    ? [{ ...yes('Accepted', 'ListenersNotValid', 'All Listeners must be valid'), status: 'False' as const }]
    : [yes('Accepted', 'Accepted', 'Gateway successfully scheduled'), yes('Programmed', 'Programmed', 'Gateway successfully scheduled')]
  const found = 'No error found'
  return {
    resource: 'gateways', object: gateway,
    status: (now) => ({
      ...(addresses?.length ? { addresses } : {}), conditions: dated(conditions, now),
      listeners: listeners.map(({ source, supportedKinds, attachedRoutes, conditions: own }) => ({ name: source.name, supportedKinds, attachedRoutes, conditions: dated(own.length > 0 ? own : [yes('Accepted', 'Accepted', found), yes('ResolvedRefs', 'ResolvedRefs', found), yes('Programmed', 'Programmed', found)], now) })),
    }),
  }
}

function dated(conditions: readonly Said[], lastTransitionTime: string): Condition[] {
  return conditions.map(({ type, status, reason, message, observedGeneration }) => ({ lastTransitionTime, message, ...(observedGeneration ? { observedGeneration } : {}), reason, status, type }) as unknown as Condition)
}

export const GATEWAY_RESOURCES = ['gatewayclasses', 'gateways', 'httproutes', 'grpcroutes', 'referencegrants'].map((r) => `${r}.${GROUP}`)
export const EXPERIMENTAL_RESOURCES = ['tcproutes', 'tlsroutes', 'backendtlspolicies'].map((r) => `${r}.${GROUP}`)
