import type { Clock } from '../../clock.ts'
import type { ApiResource, KubernetesClient, StatusError } from '../client.ts'
import { NOT_SIMULATED } from '../discovery.ts'
import type { Impersonation } from '../rbac/as-user.ts'
import type { User } from '../rbac/authorizer.ts'
import { statusAsSent, unservedResource } from '../status.ts'
import type { RequestInfo } from './request-info.ts'

/**
 * The Kubernetes API as HTTP, whatever carries it: a request in, an answer out, through the one client interface.
 * exec, attach and port-forward need a connection of their own and are served by who has one (see remote.ts).
 */
export interface ApiRequest {
  method: string
  /** Path and query. */
  target: string
  accept?: string
  contentType?: string
  userAgent?: string
  impersonate?: Impersonation
  /** All that came, for the API server's proxy, which passes them on. */
  headers?: readonly Header[]
  /** Of who asks; the laptop if absent. */
  remoteAddress?: string
  /** Without content coding. */
  body: Uint8Array
}

export type Header = readonly [name: string, value: string]

/** Where the answer goes. After `head` any number of `data`, then `end`, at once or as events of the clock. */
export interface ApiSink {
  head(status: number, headers: readonly Header[]): void
  data(chunk: string | Uint8Array): void
  end(): void
}

export interface ApiContext {
  readonly clock: Clock
  readonly client: KubernetesClient
  /** Who asks; absent: the administrator. */
  readonly user?: User
  /** Who calls has asked RBAC about the user's request. */
  readonly authorized?: boolean
  /** Who calls keeps the server's records himself, or it is to leave no trace. */
  readonly unrecorded?: boolean
}

/** One request under way. */
export interface Exchange extends ApiContext {
  readonly request: ApiRequest
  readonly info: RequestInfo
  readonly sink: ApiSink
  readonly warnings: string[]
}

/** The `Cache-Control` of every answer (filters.WithCacheControl). */
export const NO_CACHE: Header = ['Cache-Control', 'no-cache, private']

export function sendJson({ request, sink, info, warnings }: Exchange, status: number, value: unknown, type = 'application/json'): void {
  const pretty = info.query.get('pretty') ?? (/^(curl|Wget|Mozilla\/)/.test(request.userAgent ?? '') ? 'true' : 'false')
  sink.head(status, [NO_CACHE, ['Content-Type', type], ...warningHeaders(warnings)])
  if (request.method !== 'HEAD') sink.data(pretty === 'false' || pretty === '0' ? `${JSON.stringify(value)}\n` : JSON.stringify(value, null, 2))
  sink.end()
}

export function sendText({ request, sink }: Exchange, status: number, text: string): void {
  sink.head(status, [NO_CACHE, ['Content-Type', 'text/plain; charset=utf-8'], ['X-Content-Type-Options', 'nosniff']])
  if (request.method !== 'HEAD') sink.data(text)
  sink.end()
}

export function sendBytes({ request, sink }: Exchange, bytes: Uint8Array, type: string): void {
  sink.head(200, [NO_CACHE, ['Content-Type', type]])
  if (request.method !== 'HEAD') sink.data(bytes)
  sink.end()
}

export function sendStatus(exchange: Exchange, { status }: StatusError): void {
  const retry = status.details?.retryAfterSeconds
  if (retry !== undefined) exchange.warnings.length = 0
  sendJson(exchange, status.code, statusAsSent(status))
}

/** RFC 7234, 5.5: 299 is a warning that persists. */
export function warningHeaders(warnings: readonly string[]): Header[] {
  return warnings.map((text) => ['Warning', `299 - "${text.replace(/[\n\r\t]+/g, ' ').replace(/["\\]/g, '\\$&')}"`])
}

/** A resource that a real cluster has at this path. It is not found, but for a reason of ours. */
function notSimulatedPath(path: string): ApiResource | undefined {
  const parts = path.split('/').filter((part) => part !== '')
  const core = parts[0] === 'api'
  if (!core && parts[0] !== 'apis') return undefined
  const [group, version] = core ? ['', parts[1]] : [parts[1], parts[2]]
  const rest = parts.slice(core ? 2 : 3)
  const name = rest[0] === 'namespaces' && rest.length > 2 ? rest[2] : rest[0]
  return NOT_SIMULATED.find((r) => r.name === name && r.group === group && r.version === version)
}

/** What net/http says about a path that nobody serves. Throws a StatusError where a real cluster serves it. */
export function notFoundPage(exchange: Exchange): void {
  const unserved = notSimulatedPath(exchange.info.path)
  if (unserved) throw unservedResource(unserved)
  sendText(exchange, 404, '404 page not found\n')
}
