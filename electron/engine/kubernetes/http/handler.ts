import type { Clock } from '../../clock.ts'
import { ConnectionError, StatusError, type ApiResource, type KubernetesClient } from '../client.ts'
import { NOT_SIMULATED } from '../discovery.ts'
import { apiVersionOf } from '../kinds/kind.ts'
import { asUser, become, demand, type Impersonation } from '../rbac/as-user.ts'
import { ADMIN, type User } from '../rbac/authorizer.ts'
import { attributesOf } from '../requests/asked.ts'
import { internalError, notSimulated, statusAsSent, unservedResource } from '../status.ts'
import { aggregatedDiscovery, groupDocument, groupsOf, resourceList } from './discovery-documents.ts'
import { serveHealth } from './health.ts'
import { advertised, serveIssuer } from './issuer.ts'
import { serveMetrics } from './metrics.ts'
import { parseAccept } from './negotiate.ts'
import { serveObjects } from './objects.ts'
import { serveOpenApi } from './openapi.ts'
import { askedOverHttp, RecordedSink } from './recorded.ts'
import { requestInfo, type RequestInfo } from './request-info.ts'

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

/** Whether a request only looks: it changes nothing, takes no time and need not be remembered. */
export function onlyLooks(request: ApiRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  return !/[?&](watch|follow)=(?!false|0(&|$))/.test(request.target) && !/\/(log|exec|attach|portforward|proxy|componentstatuses)(\?|\/|$)/.test(request.target) && !/\/watch\//.test(request.target)
}

/**
 * Answers a request. Returns what ends it when the client goes away. Throws ConnectionError when there is no API server
 * to answer; every other refusal is an answer.
 */
export function answerRequest(context: ApiContext, request: ApiRequest, sink: ApiSink): () => void {
  const info = requestInfo(request.target, context.client.resources())
  const { requests } = context.client
  if (!requests || context.unrecorded) return answer(context, request, info, sink)
  const recorded = new RecordedSink(sink, requests, askedOverHttp(requests, request, info, context.user ?? ADMIN))
  try {
    const stop = answer(context, request, info, recorded)
    return () => {
      stop()
      recorded.finish()
    }
  } catch (error) {
    recorded.postpone()
    throw error
  }
}

function answer(context: ApiContext, request: ApiRequest, info: RequestInfo, sink: ApiSink): () => void {
  const asker: Exchange = { ...context, request, info, sink, warnings: [] }
  let exchange = asker
  try {
    const { client, user = ADMIN } = context
    const whom = request.impersonate ? become(client, user, request.impersonate) : user
    if (whom !== ADMIN) {
      exchange = { ...asker, client: asUser(client, whom) }
      if (!context.authorized) demand(client, whom, attributesOf(request.method, info))
    }
    if (info.resource) return serveObjects(exchange, info)
    serveDocument(exchange)
  } catch (error) {
    if (error instanceof ConnectionError) throw error
    sendStatus(exchange, error instanceof StatusError ? error : internalError((error as Error).message))
  }
  return () => undefined
}

/** What a real API server has there and this one has not: what to look at instead. */
const ELSEWHERE: readonly (readonly [path: string, instead: string])[] = [
  ['/metrics/slis', 'kubectl get --raw /readyz?verbose says what is well'],
  ['/logs', 'kubectl logs -n kube-system kube-apiserver-control-plane'],
  ['/debug', 'kubectl get --raw /readyz?verbose says what is well'],
]

function serveDocument(exchange: Exchange): void {
  const { request, info: { path }, client } = exchange
  const server = client.document(request.method.toLowerCase(), path)
  if (serveHealth(exchange) || serveOpenApi(exchange) || serveIssuer(exchange, server) || serveMetrics(exchange, server)) return
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFoundPage(exchange)
  if (path === '/version' || path === '/version/') return sendJson(exchange, 200, { ...client.serverVersion(), gitTreeState: 'clean', compiler: 'gc' })
  const elsewhere = ELSEWHERE.find(([root]) => path === root || path.startsWith(`${root}/`))
  if (elsewhere) throw notSimulated(`${path} (${elsewhere[1]})`)
  const groups = groupsOf(client.resources())
  if (path === '/') return sendJson(exchange, 200, { paths: paths(groups) })
  const root = path.replace(/\/$/, '')
  if (root === '/api' || root === '/apis') {
    const core = root === '/api'
    const version = aggregatedVersion(request.accept)
    if (version) {
      const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
      return sendJson(exchange, 200, aggregatedDiscovery(groups.filter((g) => (g.group === '') === core), version), type)
    }
    if (core) return sendJson(exchange, 200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: advertised(server) }] })
    return sendJson(exchange, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter((g) => g.group !== '').map(groupDocument) })
  }
  const [, area, first = '', second, ...rest] = root.split('/')
  const group = groups.find((g) => g.group === (area === 'api' ? '' : first))
  const version = area === 'api' ? first : second
  if (!group || (area !== 'api' && area !== 'apis') || rest.length > 0 || (area === 'api' && second !== undefined)) return notFoundPage(exchange)
  if (version === undefined) return sendJson(exchange, 200, { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) })
  const found = group.versions.find((v) => v.version === version)
  if (!found) return notFoundPage(exchange)
  sendJson(exchange, 200, resourceList(apiVersionOf({ group: group.group, version }), found.resources))
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

/** The first form of aggregated discovery that the client can read, if it can. */
function aggregatedVersion(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const { parameters: { g, v, as } } of parseAccept(accept ?? '')) {
    if (g === 'apidiscovery.k8s.io' && as === 'APIGroupDiscoveryList' && (v === 'v2' || v === 'v2beta1')) return v
  }
  return undefined
}

function paths(groups: ReturnType<typeof groupsOf>): string[] {
  const list = groups.flatMap(({ group, versions }) => (group ? [`/apis/${group}`, ...versions.map((v) => `/apis/${group}/${v.version}`)] : ['/api', '/api/v1']))
  return [...new Set(['/api', '/api/v1', '/apis', ...list, '/.well-known/openid-configuration', '/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/openid/v1/jwks', '/readyz', '/version'])]
}

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

/** What net/http says about a path that nobody serves. Throws a StatusError where a real cluster serves it. */
export function notFoundPage(exchange: Exchange): void {
  const unserved = notSimulatedPath(exchange.info.path)
  if (unserved) throw unservedResource(unserved)
  sendText(exchange, 404, '404 page not found\n')
}

/** RFC 7234, 5.5: 299 is a warning that persists. */
export function warningHeaders(warnings: readonly string[]): Header[] {
  return warnings.map((text) => ['Warning', `299 - "${text.replace(/[\n\r\t]+/g, ' ').replace(/["\\]/g, '\\$&')}"`])
}

