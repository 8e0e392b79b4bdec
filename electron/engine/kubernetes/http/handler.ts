import { ConnectionError, StatusError } from '../client.ts'
import { apiVersionOf } from '../kinds/kind.ts'
import { asUser, become, demand } from '../rbac/as-user.ts'
import { ADMIN } from '../rbac/authorizer.ts'
import { attributesOf } from '../requests/asked.ts'
import { internalError, notSimulated } from '../status.ts'
import { aggregatedDiscovery, groupDocument, groupsOf, resourceList } from './discovery-documents.ts'
import { notFoundPage, sendJson, sendStatus, type ApiContext, type ApiRequest, type ApiSink, type Exchange } from './exchange.ts'
import { serveHealth } from './health.ts'
import { advertised, serveIssuer } from './issuer.ts'
import { serveMetrics } from './metrics.ts'
import { parseAccept } from './negotiate.ts'
import { serveObjects } from './objects.ts'
import { serveOpenApi } from './openapi.ts'
import { askedOverHttp, RecordedSink } from './recorded.ts'
import { requestInfo, type RequestInfo } from './request-info.ts'

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

