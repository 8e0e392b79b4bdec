import type { KubeObject } from '../../kubernetes/types.ts'
import type { Certificate } from '../tls/x509.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import type { Matcher } from './rules.ts'
import type { TlsOption } from './tls-options.ts'

/** Traefik's dynamic configuration, as its two Kubernetes providers make it. */
export interface Router {
  /** "default-shop-shop-example-com@kubernetes" */
  name: string
  rule: string
  matches: Matcher
  priority: number
  /** Empty: web and websecure. */
  entryPoints: readonly string[]
  /** Only for requests over TLS. */
  tls: boolean
  /** The names of its rule. */
  hosts: readonly string[]
  middlewares: readonly string[]
  service: string
  /** Name of its TLSOption; absent: default. */
  tlsOptions?: string
  /** What is told of its requests; absent: all of it. */
  observability?: Observability
}

/** Nothing is traced here, whatever it says of that. */
export interface Observability { accessLogs?: boolean; metrics?: boolean; tracing?: boolean }

export interface WeightedService {
  /** Its own, where it is one of several: "default-web-80@kubernetescrd". */
  name?: string
  weight: number
  scheme: 'http' | 'https' | 'h2c'
  passHost: boolean
  endpoints: readonly Endpoint[]
  /** A cookie keeps a client at one of the endpoints. */
  sticky?: Sticky
  /** A cookie keeps a client at this service, of those that share the requests; `name` is what the cookie's value is made from. */
  group?: Sticky & { member: string }
  /** Who gets copies of its requests. */
  mirrors?: readonly Mirror[]
  transport?: Transport
  /** Answered by Traefik in its place: a status of HTTP without a body, or gRPC's Unavailable as JSON. */
  fixed?: number | 'unavailable'
}

/** ServersTransport: how servers are asked over HTTPS. */
export interface Transport { insecure: boolean; serverName: string | undefined; trusted: readonly Certificate[] }

/** sticky.cookie: the attributes are ready to be written. */
export interface Sticky { cookie: string; attributes: string }

/** `group`: the mirrors of one TraefikService count its requests together. */
export interface Mirror { group: string; name: string; percent: number; services: readonly WeightedService[]; body: boolean; most: number }

/** A route for whatever comes to entry points, without a look into it: IngressRouteUDP. */
export interface PlainRoute { name: string; priority: number; entryPoints: readonly string[]; services: readonly WeightedService[] }

/** IngressRouteTCP: TLS that passes, TLS that ends here, or none at all. */
export interface TcpRoute extends PlainRoute {
  rule: string
  matches(connection: TcpFacts): boolean
  /** HostSNI(`*`): HTTPS routes with a name of their own, and other routes, come first. */
  catchAll: boolean
  tls: 'none' | 'passes' | 'ends'
  /** Name of its TLSOption; absent: default. */
  tlsOptions?: string
  middlewares: readonly string[]
}
export interface TcpFacts { serverName: string; alpn: readonly string[]; remoteAddress: string }

/** MiddlewareTCP: name with "@kubernetescrd" → its kind and its settings. */
export interface TcpMiddleware { kind: string; settings: Record<string, unknown> }

export interface Dynamic {
  tcp: TcpRoute[]
  tcpMiddlewares: Map<string, TcpMiddleware>
  udp: PlainRoute[]
  /** The first that matches is taken. */
  routers: Router[]
  services: Map<string, readonly WeightedService[]>
  /** Name with "@kubernetescrd" → its kind and its settings. */
  middlewares: Map<string, Middleware>
  /** In the order in which they were found. */
  certificates: (readonly Certificate[])[]
  /** Of the TLSStore called default. */
  ownCertificate?: readonly Certificate[] | undefined
  /** Name with "@kubernetescrd", or "default". */
  tlsOptions: Map<string, TlsOption>
  problems: Problem[]
}

/** A line of the log: "ERR Cannot create service error=… ingress=…". */
export interface Problem { level: 'WRN' | 'ERR'; text: string }

export interface Middleware { kind: string; settings: Record<string, unknown>; namespace: string }

export type CustomObject = KubeObject & { metadata: { namespace: string }; spec: Record<string, unknown> }

/** zerolog's console form of a field. */
export function field(name: string, value: string): string {
  return `${name}=${/[\s"=\\]/.test(value) || value === '' ? JSON.stringify(value) : value}`
}

/** provider.Normalize: what is neither letter nor digit separates. */
export function normalized(text: string): string {
  return text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '').join('-')
}
