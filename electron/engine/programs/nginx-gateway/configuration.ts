import type { GatewayListener, HeaderModifier, RedirectFilter, RewriteFilter, RouteMatch, ValueMatch } from './types.ts'
import type { Attachment, Backend, JudgedRule } from './routes.ts'
import type { Listener } from './listeners.ts'

/** What the control plane tells the nginx of a Gateway: nginx.conf as data. It travels as JSON. */
export interface NginxConfiguration {
  ports: { port: number; tls: boolean }[]
  servers: NginxServer[]
  /** By name; empty: the Service has no ready endpoint. */
  upstreams: Record<string, { address: string; port: number }[]>
}
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
  mirrors: { upstream: string; percent: number }[]
  backends: Backend[]
}

interface Ranked { match: NginxMatch; age: string; name: string; rule: number }

/** The servers of a Gateway's valid listeners (state/dataplane/configuration.go). */
export function serversOf(listeners: readonly Listener[], attachments: readonly Attachment[]): Pick<NginxConfiguration, 'ports' | 'servers'> {
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
            server.ranked.get(key)!.matches.push({ match: matchOf(match, rule, route.kind === 'GRPCRoute'), age: metadata.creationTimestamp, name: `${metadata.namespace}/${metadata.name}`, rule: rule.index })
          }
        }
      }
    }
    // a name that no route serves is known all the same: its certificate is shown, and 404 said
    if (hasOwnServer(listener.source, here.length)) serverOf(listener, listener.source.hostname ?? '')
  }
  return {
    ports: [...ports].map(([port, tls]) => ({ port, tls })).sort((a, b) => a.port - b.port),
    servers: [...servers.values()].map(({ ranked, ...server }) => ({
      ...server,
      locations: [...ranked.values()].map(({ type, path, matches }) => ({ type, path, matches: matches.sort(byPrecedence).map((m) => m.match) })),
    })),
  }
}

function hasOwnServer({ protocol, hostname }: GatewayListener, routes: number): boolean {
  return protocol === 'HTTPS' && (routes === 0 || !hostname)
}

function matchOf({ method, headers = [], queryParams = [] }: RouteMatch, { source, backends, mirrors }: JudgedRule, grpc: boolean): NginxMatch {
  const filter = (type: string): NonNullable<JudgedRule['source']['filters']>[number] | undefined => source.filters?.find((f) => f.type === type)
  return {
    grpc, method, headers, params: queryParams,
    redirect: filter('RequestRedirect')?.requestRedirect,
    rewrite: filter('URLRewrite')?.urlRewrite,
    requestHeaders: filter('RequestHeaderModifier')?.requestHeaderModifier,
    responseHeaders: filter('ResponseHeaderModifier')?.responseHeaderModifier,
    mirrors, backends,
  }
}

/** Of matches with one path: a method, then more headers, more parameters, the older route, its name (HTTPRouteRule.matches). */
function byPrecedence(a: Ranked, b: Ranked): number {
  const method = Number(b.match.method !== undefined) - Number(a.match.method !== undefined)
  return method || b.match.headers.length - a.match.headers.length || b.match.params.length - a.match.params.length || (a.age < b.age ? -1 : a.age > b.age ? 1 : 0) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}
