import type { GatewayListener, HeaderModifier, RedirectFilter, RewriteFilter, RouteMatch, ValueMatch } from './types.ts'
import type { Attachment } from './attachment.ts'
import type { BackendTls } from './backend-tls.ts'
import type { JudgedGateway, JudgedRule } from './routes.ts'
import type { Listener } from './listeners.ts'

/** What the control plane tells the nginx of a Gateway: nginx.conf as data. It travels as JSON. */
export interface NginxConfiguration {
  ports: { port: number; tls: boolean; /** By SNI, before anything is answered (stream servers with ssl_preread). */ passthrough: Passthrough[] | undefined }[]
  servers: NginxServer[]
  /** By name; empty: the Service has no ready endpoint. */
  upstreams: Record<string, { address: string; port: number }[]>
}
/** Where a name of a TLS client hello leads: an upstream, "https" beside it, or an end at once. */
export interface Passthrough { host: string; to: { upstream: string } | 'https' | 'closed' }
export interface NginxServer {
  port: number
  /** "": every name (server_name "~^"). */
  host: string
  certificate: { chain: string; key: string } | undefined
  locations: NginxLocation[]
}
export interface NginxLocation {
  type: 'Exact' | 'PathPrefix' | 'RegularExpression'
  path: string
  /** The first that fits answers. */
  matches: NginxMatch[]
}
export interface NginxMatch {
  /** grpc_pass: what comes is no gRPC here. */
  grpc: boolean
  method: string | undefined
  headers: ValueMatch[]
  params: ValueMatch[]
  redirect: RedirectFilter | undefined
  rewrite: RewriteFilter | undefined
  requestHeaders: HeaderModifier | undefined
  responseHeaders: HeaderModifier | undefined
  mirrors: { upstream: string; percent: number; tls: UpstreamTls | undefined }[]
  /** split_clients: hundredths of a percent; no upstream: 500. */
  backends: { upstream: string | undefined; share: number }[]
  tls: UpstreamTls | undefined
  /** A filter of it is not to be had. */
  broken: boolean
}
/** proxy_ssl_verify: the certificate's name, and the PEM of whom to trust, or the image's own. */
export interface UpstreamTls { name: string; trusted: string | 'system' }

interface Ranked { match: NginxMatch; age: string; name: string; rule: number }

/** The servers of a Gateway's valid listeners (state/dataplane/configuration.go). */
export function serversOf(gateway: JudgedGateway, attachments: readonly Attachment[], hasEndpoints: (upstream: string) => boolean): Pick<NginxConfiguration, 'ports' | 'servers'> {
  const { listeners } = gateway
  const ports = new Map<number, boolean>()
  const servers = new Map<string, NginxServer & { ranked: Map<string, { type: NginxLocation['type']; path: string; matches: Ranked[] }> }>()
  const serverOf = ({ source, certificate }: Listener, host: string): typeof servers extends Map<string, infer S> ? S : never => {
    const key = `${source.port}/${host}`
    let server = servers.get(key)
    if (!server) servers.set(key, (server = { port: source.port, host, certificate, locations: [], ranked: new Map() }))
    return server
  }
  for (const listener of listeners) {
    if (!listener.valid || listener.source.protocol === 'TLS') continue
    ports.set(listener.source.port, listener.source.protocol === 'HTTPS')
    const here = attachments.filter((a) => a.listener === listener)
    for (const { route, hostnames } of here) {
      const { metadata } = route.source
      for (const host of hostnames) {
        const server = serverOf(listener, host)
        for (const rule of route.rules) {
          for (const match of rule.source.matches ?? [{}]) {
            const type = match.path?.type ?? 'PathPrefix'
            const path = match.path?.value ?? '/'
            const key = `${type} ${path}`
            if (!server.ranked.has(key)) server.ranked.set(key, { type, path, matches: [] })
            server.ranked.get(key)!.matches.push({ match: matchOf(match, rule, route.kind === 'GRPCRoute', gateway), age: metadata.creationTimestamp, name: `${metadata.namespace}/${metadata.name}`, rule: rule.index })
          }
        }
      }
    }
    // a name that no route serves is known all the same: its certificate is shown, and 404 said
    if (hasOwnServer(listener.source, here.length)) serverOf(listener, listener.source.hostname ?? '')
  }
  const passthrough = passthroughOf(listeners, attachments, hasEndpoints)
  for (const [port, names] of passthrough) {
    if (ports.has(port)) names.push(...[...servers.values()].filter((s) => s.port === port && s.host !== '').map(({ host }): Passthrough => ({ host, to: 'https' })))
    // of names that nobody has: HTTPS refuses the handshake where it is served, too
    names.push({ host: '', to: ports.has(port) ? 'https' : 'closed' })
  }
  return {
    ports: [...new Set([...ports.keys(), ...passthrough.keys()])].map((port) => ({ port, tls: ports.get(port) ?? false, passthrough: passthrough.get(port) })).sort((a, b) => a.port - b.port),
    servers: [...servers.values()].map(({ ranked, ...server }) => ({
      ...server,
      locations: [...ranked.values()].map(({ type, path, matches }) => ({ type, path, matches: matches.sort(byPrecedence).map((m) => m.match) })),
    })),
  }
}

function hasOwnServer({ protocol, hostname }: GatewayListener, routes: number): boolean {
  return protocol === 'HTTPS' && (routes === 0 || !hostname)
}

/** state/dataplane/configuration.go (buildPassthroughServers), nginx/config/maps.go (createStreamMaps). */
function passthroughOf(listeners: readonly Listener[], attachments: readonly Attachment[], hasEndpoints: (upstream: string) => boolean): Map<number, Passthrough[]> {
  const found = new Map<number, Passthrough[]>()
  const ends: [number, Passthrough][] = []
  for (const listener of listeners) {
    const { port, protocol, hostname } = listener.source
    if (!listener.valid || protocol !== 'TLS') continue
    const names = found.get(port) ?? []
    found.set(port, names)
    for (const { route, hostnames } of attachments.filter((a) => a.listener === listener)) {
      const { upstream = '' } = route
      names.push(...hostnames.filter((host) => host !== '').map((host): Passthrough => ({ host, to: { upstream: hasEndpoints(upstream) ? upstream : '' } })))
    }
    if (hostname && !names.some((n) => n.host === hostname)) ends.push([port, { host: hostname, to: 'closed' }])
  }
  for (const [port, end] of ends) found.get(port)!.push(end)
  return found
}

/** Parts of a hundred with two decimals, rounded down; the last has what is left (nginx/config/split_clients.go). */
function sharesOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0)
  if (total === 0) return weights.map(() => 0)
  const shares = weights.slice(0, -1).map((w) => Math.floor((w * 100 * 100) / total))
  return [...shares, 10_000 - shares.reduce((sum, s) => sum + s, 0)]
}

function tlsOf(policy: BackendTls | undefined): UpstreamTls | undefined {
  return policy && { name: policy.source.spec.validation.hostname, trusted: policy.trusted }
}

function matchOf({ method, headers = [], queryParams = [] }: RouteMatch, { source, backends, mirrors, broken }: JudgedRule, grpc: boolean, gateway: JudgedGateway): NginxMatch {
  const shares = sharesOf(backends.map((b) => b.weight))
  const filter = (type: string): NonNullable<JudgedRule['source']['filters']>[number] | undefined => source.filters?.find((f) => f.type === type)
  return {
    grpc, method, headers, params: queryParams,
    redirect: filter('RequestRedirect')?.requestRedirect,
    rewrite: filter('URLRewrite')?.urlRewrite,
    requestHeaders: filter('RequestHeaderModifier')?.requestHeaderModifier,
    responseHeaders: filter('ResponseHeaderModifier')?.responseHeaderModifier,
    mirrors: mirrors.map(({ upstream, percent, policy }) => ({ upstream, percent, tls: tlsOf(policy) })),
    backends: backends.map((b, i) => ({ upstream: b.valid && !b.invalidFor.has(gateway) && (b.weight > 0 || backends.length > 1) ? b.upstream : undefined, share: shares[i]! })),
    tls: tlsOf(backends.find((b) => b.policy)?.policy),
    broken,
  }
}

/** Of matches with one path: a method, then more headers, more parameters, the older route, its name (HTTPRouteRule.matches). */
function byPrecedence(a: Ranked, b: Ranked): number {
  const method = Number(b.match.method !== undefined) - Number(a.match.method !== undefined)
  return method || b.match.headers.length - a.match.headers.length || b.match.params.length - a.match.params.length || (a.age < b.age ? -1 : a.age > b.age ? 1 : 0) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}
