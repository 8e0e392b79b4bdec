import type { Condition } from 'kubernetes-types/meta/v1'
import type { KubeObject, LabelSelector } from '../../kubernetes/types.ts'

/** gateway.networking.k8s.io/v1 as its custom resource definitions of v1.3.0 (standard channel) let it through. */
export const GROUP = 'gateway.networking.k8s.io'
export const CONTROLLER = 'gateway.nginx.org/nginx-gateway-controller'

type Namespaced = { metadata: { namespace: string } }
export type { Condition }

export type GatewayClass = KubeObject & { spec: { controllerName: string; parametersRef?: { group: string; kind: string; name: string; namespace?: string } }; status?: { conditions?: Condition[] } }

export interface SecretReference { group?: string; kind?: string; name: string; namespace?: string }
export interface GatewayListener {
  name: string
  hostname?: string
  port: number
  protocol: string
  tls?: { mode?: string; certificateRefs?: SecretReference[]; options?: Record<string, string> }
  allowedRoutes?: { namespaces?: { from?: 'All' | 'Same' | 'Selector'; selector?: LabelSelector }; kinds?: RouteKind[] }
}
export interface RouteKind { group?: string; kind: string }

export type Gateway = KubeObject & Namespaced & {
  spec: {
    gatewayClassName: string
    listeners: GatewayListener[]
    addresses?: { type?: string; value?: string }[]
    infrastructure?: { labels?: Record<string, string>; annotations?: Record<string, string>; parametersRef?: { group: string; kind: string; name: string } }
  }
  status?: GatewayStatus
}
export interface GatewayStatus {
  addresses?: { type?: string; value: string }[]
  conditions?: Condition[]
  listeners?: { name: string; supportedKinds: RouteKind[]; attachedRoutes: number; conditions: Condition[] }[]
}

export interface ParentReference { group?: string; kind?: string; namespace?: string; name: string; sectionName?: string; port?: number }
export interface BackendReference { group?: string; kind?: string; namespace?: string; name: string; port?: number }
export interface HeaderValue { name: string; value: string }
export interface HeaderModifier { set?: HeaderValue[]; add?: HeaderValue[]; remove?: string[] }
export interface PathModifier { type: 'ReplaceFullPath' | 'ReplacePrefixMatch'; replaceFullPath?: string; replacePrefixMatch?: string }
export interface RedirectFilter { scheme?: string; hostname?: string; path?: PathModifier; port?: number; statusCode?: number }
export interface RewriteFilter { hostname?: string; path?: PathModifier }
export interface RouteFilter {
  type: 'RequestHeaderModifier' | 'ResponseHeaderModifier' | 'RequestMirror' | 'RequestRedirect' | 'URLRewrite' | 'ExtensionRef'
  requestHeaderModifier?: HeaderModifier
  responseHeaderModifier?: HeaderModifier
  requestMirror?: { backendRef: BackendReference; percent?: number; fraction?: { numerator: number; denominator?: number } }
  requestRedirect?: RedirectFilter
  urlRewrite?: RewriteFilter
  extensionRef?: { group: string; kind: string; name: string }
}
export interface ValueMatch { type?: 'Exact' | 'RegularExpression'; name: string; value: string }
export interface RouteMatch { path?: { type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; value?: string }; method?: string; headers?: ValueMatch[]; queryParams?: ValueMatch[] }
export interface RouteRule {
  name?: string
  matches?: RouteMatch[]
  filters?: RouteFilter[]
  backendRefs?: (BackendReference & { weight?: number; filters?: RouteFilter[] })[]
  timeouts?: object
  retry?: object
  sessionPersistence?: object
}
export interface RouteStatus { parents: { parentRef: ParentReference; controllerName: string; conditions: Condition[] }[] }
export type HttpRoute = KubeObject & Namespaced & { spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: RouteRule[] }; status?: RouteStatus }

export type GrpcRoute = KubeObject & Namespaced & {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: (Omit<RouteRule, 'matches'> & { matches?: { method?: { type?: string; service?: string; method?: string }; headers?: ValueMatch[] }[] })[] }
  status?: RouteStatus
}

/** gateway.networking.k8s.io/v1alpha2, of the experimental channel. */
export type TlsRoute = KubeObject & Namespaced & { spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: { name?: string; backendRefs?: (BackendReference & { weight?: number })[] }[] }; status?: RouteStatus }

export interface PolicyStatus { ancestors: { ancestorRef: ParentReference; controllerName: string; conditions: Condition[] }[] }
/** gateway.networking.k8s.io/v1alpha3, of the experimental channel. */
export type BackendTlsPolicy = KubeObject & Namespaced & {
  spec: {
    targetRefs: { group: string; kind: string; name: string; sectionName?: string }[]
    validation: { hostname: string; caCertificateRefs?: { group: string; kind: string; name: string }[]; wellKnownCACertificates?: string }
  }
  status?: PolicyStatus
}

export type ReferenceGrant = KubeObject & Namespaced & { spec: { from: { group: string; kind: string; namespace: string }[]; to: { group: string; kind: string; name?: string }[] } }

export type NginxProxy = KubeObject & Namespaced & {
  spec: {
    kubernetes?: {
      deployment?: { replicas?: number; container?: { image?: { repository?: string; tag?: string; pullPolicy?: string } } & Record<string, unknown> } & Record<string, unknown>
      service?: { type?: 'ClusterIP' | 'LoadBalancer' | 'NodePort'; externalTrafficPolicy?: 'Cluster' | 'Local'; nodePorts?: { port: number; listenerPort: number }[]; loadBalancerIP?: string; loadBalancerClass?: string; loadBalancerSourceRanges?: string[] } & Record<string, unknown>
    } & Record<string, unknown>
  } & Record<string, unknown>
}
