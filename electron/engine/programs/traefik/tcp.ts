import type { Clock } from '../../clock.ts'
import type { TcpConnection } from '../../network/types.ts'
import { preread } from '../tls/preread.ts'
import type { ClientHello } from '../tls/wire.ts'
import type { Dynamic, Router, TcpFacts, TcpMiddleware, TcpRoute } from './model.ts'
import { inRange, parseWith, regexp, type Matchers } from './rules.ts'

/** How Traefik finds whose a TCP connection is (pkg/muxer/tcp, pkg/server/router/tcp/router.go). */
const MATCHERS: Matchers<[TcpFacts]> = new Map<string, { count: readonly number[]; make(args: string[]): (connection: TcpFacts) => boolean }>([
  ['HostSNI', { count: [1], make: ([wanted]) => ({ serverName }) => wanted === '*' || (serverName !== '' && wanted!.toLowerCase().replace(/\.$/, '') === serverName) }],
  ['HostSNIRegexp', { count: [1], make: ([text]) => ({ serverName }) => regexp(text!).test(serverName) }],
  ['ALPN', { count: [1], make: ([wanted]) => ({ alpn }) => alpn.includes(wanted!) }],
  ['ClientIP', { count: [1], make: ([range]) => ({ remoteAddress }) => inRange(range!, remoteAddress) }],
])

export function parseTcpRule(rule: string): ReturnType<typeof parseWith<[TcpFacts]>> {
  return parseWith(rule, MATCHERS)
}

/** The time that a client has for its first message, in ms (entryPoints.NAME.transport.respondingTimeouts.readTimeout, which is shorter for TLS). */
const PEEK_TIMEOUT = 10_000

export interface EntryPoint {
  name: string
  /** TLS is served to HTTP here. */
  secure: boolean
}

export interface TcpWays {
  /** As HTTP, or HTTPS where the entry point is secure. */
  http(connection: TcpConnection): void
  plain(route: TcpRoute, connection: TcpConnection): void
  /** Ends TLS, and then goes on as `plain`. */
  ends(route: TcpRoute, connection: TcpConnection): void
}

const reaches = (entryPoint: string) => ({ entryPoints }: { entryPoints: readonly string[] }): boolean => entryPoints.length === 0 || entryPoints.includes(entryPoint)

/** False: nobody but HTTP is here, and nothing was read. */
export function routeTcp(connection: TcpConnection, { name, secure }: EntryPoint, dynamic: Dynamic, routers: readonly Router[], clock: Clock, ways: TcpWays): boolean {
  const routes = dynamic.tcp.filter(reaches(name))
  if (routes.length === 0) return false
  const https = routers.filter(reaches(name)).filter((r) => secure || r.tls)
  const facts = (hello: ClientHello | undefined): TcpFacts => ({ serverName: (hello?.serverName ?? '').toLowerCase(), alpn: hello?.alpn ?? [], remoteAddress: connection.remoteAddress })
  const find = (about: TcpFacts, tls: boolean): TcpRoute | undefined => routes.find((r) => (r.tls !== 'none') === tls && r.matches(about))
  if (!secure && https.length === 0 && routes.every((r) => r.tls === 'none')) {
    const route = find(facts(undefined), false)
    if (route) ways.plain(route, connection)
    return route !== undefined
  }
  preread(connection, clock, PEEK_TIMEOUT, (hello, replay) => {
    const about = facts(hello)
    if (!hello) {
      const route = find(about, false)
      if (route) ways.plain(route, connection)
      else ways.http(connection)
      return replay()
    }
    const route = find(about, true)
    const named = https.some((r) => r.hosts.includes(about.serverName))
    if (named || !route || (route.catchAll && https.length > 0)) ways.http(connection)
    else if (route.tls === 'passes') ways.plain(route, connection)
    else ways.ends(route, connection)
    replay()
  })
  return true
}

/** MiddlewareTCP: who may come in, and how many of one address at once. */
export class TcpGates {
  readonly #open = new Map<string, number>()

  /** Why a connection is not let in; else what to call when it is over. */
  enter(route: TcpRoute, middlewares: ReadonlyMap<string, TcpMiddleware>, address: string): { leave(): void } | undefined {
    const held: string[] = []
    const leave = (): void => {
      for (const key of held.splice(0)) this.#open.set(key, this.#open.get(key)! - 1)
    }
    for (const name of route.middlewares) {
      const { kind, settings } = middlewares.get(name)!
      if (kind === 'ipAllowList' && !((settings['sourceRange'] as string[] | undefined) ?? []).some((range) => inRange(range, address))) {
        leave()
        return undefined
      }
      if (kind !== 'inFlightConn') continue
      const key = `${route.name} ${name} ${address}`
      const open = this.#open.get(key) ?? 0
      if (open >= Number(settings['amount'] ?? 0)) {
        leave()
        return undefined
      }
      this.#open.set(key, open + 1)
      held.push(key)
    }
    return { leave }
  }
}
