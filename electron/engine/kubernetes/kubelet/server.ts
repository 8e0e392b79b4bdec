import type { Clock } from '../../clock.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Machine, Process } from '../../machine/types.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../../programs/http/go.ts'
import { headerOf } from '../../programs/http/message.ts'
import type { HttpRequest } from '../../programs/http/server.ts'
import { makeCertificate, makeKey } from '../../programs/tls/make.ts'
import type { Certificate } from '../../programs/tls/x509.ts'
import { decodeUtf8 } from '../../text.ts'
import { ConnectionError, type KubernetesClient } from '../client.ts'
import { ANONYMOUS, userOfToken } from '../rbac/authenticate.ts'
import { authorize, rbacOf, type Attributes, type User } from '../rbac/authorizer.ts'
import { EXPOSITION_TYPE } from '../../prometheus.ts'
import type { Pod } from '../types.ts'
import type { StreamServer } from './stream-server.ts'
import { containerMetrics, kubeletMetrics, type MeasuredRuntime } from './metrics.ts'

/**
 * The kubelet's own API (pkg/kubelet/server of v1.33): HTTPS on 10250 for whom the API server's roles allow it, and its
 * health on 127.0.0.1:10248. Of what it measures there is what is known here (metrics.ts). Its streams (stream-server.ts)
 * are for the API server alone: what is spoken there is simpler than SPDY.
 */
export const KUBELET_PORT = 10_250
const HEALTH_PORT = 10_248

export interface KubeletServed {
  readonly clock: Clock
  readonly machine: Machine
  readonly client: KubernetesClient
  readonly node: string
  readonly ips: readonly string[]
  readonly pid: number
  pods(): readonly Pod[]
  /** containerd's sandboxes and containers. */
  runtime(): MeasuredRuntime
  readonly streams: StreamServer
}

const UNAVAILABLE: readonly (readonly [RegExp, string])[] = [
  [/^\/metrics\/(probes|resource|slis)$/, 'the /metrics and /metrics/cadvisor beside it'],
  [/^\/(stats|debug|flagz|statusz)(\/|$)/, 'hop node NODE -- ss, ip -s link and conntrack count what matters here'],
  [/^\/configz$/, 'hop node NODE -- cat /var/lib/kubelet/config.yaml'],
  [/^\/(exec|attach|run|portForward|cri|checkpoint)(\/|$)/, 'kubectl exec, attach and port-forward'],
  [/^\/runningpods(\/|$)/, 'hop node NODE -- crictl pods'],
]

/** What the kubelet has at a path and is not simulated, with what to use instead. */
export function notServed(path: string): { what: string; instead: string } | undefined {
  const instead = UNAVAILABLE.find(([pattern]) => pattern.test(path))?.[1]
  return instead === undefined ? undefined : { what: `the kubelet's ${path}`, instead }
}

/** By what the API server is known to the kubelets, in place of its client certificate: nobody else has it. */
export function apiServersToken(clock: Clock): string {
  let token = tokens.get(clock)
  if (token === undefined) tokens.set(clock, (token = clock.random.fork('kube-apiserver-kubelet-client').hex(64)))
  return token
}

const tokens = new WeakMap<Clock, string>()

const API_SERVER: User = { name: 'kube-apiserver-kubelet-client', groups: ['kubeadm:cluster-admins', 'system:authenticated'] }

/** What stops listening. Throws SystemError EADDRINUSE where somebody has its port. */
export function serveKubelet(served: KubeletServed): () => void {
  const ends: (() => void)[] = []
  const { clock, machine, pid } = served
  const process = { clock, pid, user: { uid: 0, gid: 0, name: 'root' }, network: machine.network, argv: ['/usr/bin/kubelet'], onExit: (end: () => void) => ends.push(end) } as unknown as Process
  let certificate: Certificate | undefined
  serveGo(process, 'kubelet', KUBELET_PORT, undefined, (request) => answer(served, request), { random: clock.random.fork(`kubelet ${served.node} tls`), select: () => ({ chain: [(certificate ??= ownCertificate(served))] }) })
  try {
    serveGo(process, 'kubelet', HEALTH_PORT, '127.0.0.1', ({ target }) => (splitTarget(target).path === '/healthz' ? HEALTHY : GO_NOT_FOUND))
  } catch (error) {
    // it goes on without
    if (!(error instanceof SystemError)) throw error
  }
  return () => {
    served.streams.stop()
    ends.forEach((end) => end())
  }
}

const HEALTHY: GoAnswer = { headers: [['X-Content-Type-Options', 'nosniff']], body: 'ok' }

/** kubeadm leaves serverTLSBootstrap off: each kubelet signs its own. */
function ownCertificate({ clock, node, ips }: KubeletServed): Certificate {
  const random = clock.random.fork(`kubelet ${node} certificate`)
  const key = makeKey(random)
  const notBefore = clock.epoch
  const authority = `${node}-ca@${Math.floor(notBefore / 1000)}`
  const issuer = { key, certificate: makeCertificate({ subject: [['CN', authority]], key, notBefore, days: 365, isCa: true, random }) }
  return makeCertificate({ subject: [['CN', `${node}@${Math.floor(notBefore / 1000)}`]], key, notBefore, days: 365, alternativeNames: [node, ...ips], issuer, random })
}

function answer(served: KubeletServed, request: HttpRequest): GoAnswer {
  const { path } = splitTarget(request.target)
  const user = userOf(served, headerOf(request.headers, 'authorization'))
  if (!user) return { status: 401, body: 'Unauthorized' }
  const subresources = subresourcesOf(path)
  const verb = VERBS[request.method as keyof typeof VERBS] ?? ''
  const wishes = subresources.map((subresource) => ({ verb, group: '', resource: 'nodes', subresource, namespace: undefined, name: served.node }))
  const may = allows(served, user, wishes)
  if (may === undefined) return { status: 500, body: `Authorization error (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n` }
  if (!may) return { status: 403, body: `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n` }
  const isUpgrade = user === API_SERVER && headerOf(request.headers, 'upgrade') !== undefined
  const streamed = isUpgrade || path.startsWith('/containerLogs/') ? served.streams.answer(request.target) : undefined
  if (streamed) return streamed
  const missing = notServed(path)
  if (missing) return { status: 501, body: `podhop: not simulated: ${missing.what} (${missing.instead})\n` }
  if (/^\/healthz(\/(ping|log|syncloop))?$/.test(path)) return HEALTHY
  if (path === '/pods' || path === '/pods/') return { headers: [['Content-Type', 'application/json']], body: JSON.stringify(listOf(served.pods())) }
  if (path === '/metrics') return { body: kubeletMetrics(served.node, served.runtime()), contentType: EXPOSITION_TYPE }
  if (path === '/metrics/cadvisor') return { body: containerMetrics(served.runtime(), served.clock.wall()), contentType: EXPOSITION_TYPE }
  if (path === '/logs') return { status: 301, headers: [['Location', 'logs/']] }
  if (path.startsWith('/logs/')) return logs(served.machine, path.slice('/logs'.length))
  return GO_NOT_FOUND
}

const VERBS = { GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const

/** Anonymous requests are off in a cluster of kubeadm. An API server that does not review the token knows nobody. */
function userOf({ clock, client }: KubeletServed, authorization: string | undefined): User | undefined {
  const [scheme, token = ''] = (authorization ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'bearer') return undefined
  if (token === apiServersToken(clock)) return API_SERVER
  const user = asked(() => userOfToken(client, token, clock.wall()))
  return user === ANONYMOUS ? undefined : user
}

/** Undefined: the API server does not answer. That it may itself, the kubelet remembers (authorization.webhook.cacheAuthorizedTTL). */
function allows({ client }: KubeletServed, user: User, wishes: readonly Attributes[]): boolean | undefined {
  const rbac = rbacOf(client)
  return asked(() => wishes.some((wish) => authorize(rbac, user, wish).allowed)) ?? (user === API_SERVER || undefined)
}

function asked<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    return undefined
  }
}

/** pkg/kubelet/server/auth.go, with KubeletFineGrainedAuthz. */
function subresourcesOf(path: string): string[] {
  const under = (root: string): boolean => path === root || path.startsWith(`${root}/`)
  if (under('/stats')) return ['stats']
  if (under('/metrics')) return ['metrics']
  if (under('/logs')) return ['log']
  if (under('/checkpoint')) return ['checkpoint']
  const fine = under('/pods') || under('/runningpods') ? 'pods' : under('/healthz') ? 'healthz' : under('/configz') ? 'configz' : undefined
  return fine === undefined ? ['proxy'] : [fine, 'proxy']
}

/** Its Pods as it holds them: where each comes from, and since when. */
function listOf(pods: readonly Pod[]): object {
  const items = pods.map(({ metadata, spec, status }) => {
    const source = metadata.annotations?.['kubernetes.io/config.source'] ?? 'api'
    const seen = metadata.annotations?.['kubernetes.io/config.seen'] ?? metadata.creationTimestamp
    return { metadata: { ...metadata, annotations: { ...metadata.annotations, 'kubernetes.io/config.seen': seen, 'kubernetes.io/config.source': source } }, spec, status }
  })
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items }
}

/** net/http's FileServer over /var/log. */
function logs({ fs }: Machine, path: string): GoAnswer {
  const at = `/var/log${path}`.replace(/\/+$/, '')
  if (path.split('/').includes('..') || !fs.exists(at)) return GO_NOT_FOUND
  if (fs.stat(at).type !== 'directory') return { body: decodeUtf8(fs.readFile(at)) }
  if (!path.endsWith('/')) return { status: 301, headers: [['Location', `${path.split('/').at(-1)!}/`]] }
  const rows = fs.readDirectory(at).map((name) => {
    const shown = fs.stat(`${at}/${name}`).type === 'directory' ? `${name}/` : name
    return `<a href="${encodeURI(shown)}">${shown.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</a>\n`
  })
  return { headers: [['Content-Type', 'text/html; charset=utf-8']], body: `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${rows.join('')}</pre>\n` }
}
