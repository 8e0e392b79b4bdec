import type { EndpointSlice, KubeObject, Namespace, Secret, Service } from '../../../kubernetes/types.ts'
import type { BackendTlsPolicy, Gateway, GatewayClass, GrpcRoute, HttpRoute, ReferenceGrant, TlsRoute } from '../../nginx-gateway/types.ts'

/** gateway.networking.k8s.io/v1alpha2, of the experimental channel: its rules are those of a TLSRoute without names. */
export type TcpRouteObject = TlsRoute

/** What the provider of the Gateway API has read (pkg/provider/kubernetes/gateway, v3.3.6). */
export interface GatewayPicture {
  /** providers.kubernetesGateway.experimentalChannel: TCPRoutes, TLSRoutes and BackendTLSPolicies. */
  experimental: boolean
  /** providers.kubernetesGateway.nativeLBByDefault */
  nativeLb: boolean
  /** Without Traefik's protocol suffix: ":8000". */
  entryPoints: readonly { name: string; address: string; tls: boolean }[]
  classes: readonly GatewayClass[]
  gateways: readonly Gateway[]
  httpRoutes: readonly HttpRoute[]
  grpcRoutes: readonly GrpcRoute[]
  tcpRoutes: readonly TcpRouteObject[]
  tlsRoutes: readonly TlsRoute[]
  policies: readonly BackendTlsPolicy[]
  grants: readonly ReferenceGrant[]
  /** Whether the provider of Traefik's own kinds is there, which makes what ExtensionRefs and TraefikServices name. */
  custom: boolean
  namespace(name: string): Namespace | undefined
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  secret(namespace: string, name: string): Secret | undefined
  configMap(namespace: string, name: string): (KubeObject & { data?: Record<string, string> }) | undefined
}

/** A condition, before it is known when it began. `observedGeneration` is absent where Traefik leaves it out. */
export interface Said { type: string; status: 'True' | 'False'; reason: string; message: string; observedGeneration?: number }

export const GATEWAY_CONTROLLER = 'traefik.io/gateway-controller'
export const CORE = 'core'

/** Why a reference to another namespace is not permitted; undefined: it is (isReferenceGranted). */
export function notGranted({ grants }: Pick<GatewayPicture, 'grants'>, from: { kind: string; namespace: string }, to: { group: string; kind: string; name: string; namespace: string }): string | undefined {
  if (from.namespace === to.namespace) return undefined
  const group = (text: string): string => text || CORE
  const permitted = grants.some(({ metadata, spec }) =>
    metadata.namespace === to.namespace
    && spec.from.some((f) => f.namespace === from.namespace && f.kind === from.kind && f.group === 'gateway.networking.k8s.io')
    && spec.to.some((t) => t.kind === to.kind && group(t.group) === to.group && (t.name === undefined || t.name === to.name)))
  return permitted ? undefined : 'missing ReferenceGrant'
}
