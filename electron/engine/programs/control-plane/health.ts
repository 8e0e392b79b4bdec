import { ConnectionError, type KubernetesClient } from '../../kubernetes/client.ts'
import { ANONYMOUS, userOfToken } from '../../kubernetes/rbac/authenticate.ts'
import { authorize, rbacOf } from '../../kubernetes/rbac/authorizer.ts'
import type { Process } from '../../machine/types.ts'
import { EXPOSITION_TYPE } from '../../prometheus.ts'
import { Random } from '../../random.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import type { Certificate } from '../tls/x509.ts'

/** What kube-controller-manager and kube-scheduler answer on their ports: whether they are well, and to who may know it what they count. */
const OK: GoAnswer = { headers: [['X-Content-Type-Options', 'nosniff']], body: 'ok' }
const MEASURED = /^\/(configz|debug|flagz|statusz)(\/|$)/

const OPEN = /^\/(healthz|livez|readyz)$/
const VERBS = { GET: 'get', HEAD: 'head', POST: 'post', PUT: 'put', DELETE: 'delete' } as const
export interface Measured {
  /** Its way to the API server, which knows who asks and what he may. */
  client: KubernetesClient
  metrics(): string
}

/** Delegated authentication and authorization (k8s.io/apiserver/pkg/endpoints/filters). */
function refusal(client: KubernetesClient, authorization: string | undefined, verb: string, path: string, wall: number): GoAnswer | undefined {
  const [scheme, token = ''] = (authorization ?? '').split(' ')
  try {
    const user = scheme?.toLowerCase() === 'bearer' ? userOfToken(client, token, wall) : ANONYMOUS
    if (!user) return status(401, 'Unauthorized', 'Unauthorized')
    return authorize(rbacOf(client), user, { verb, path, group: '', namespace: undefined, name: undefined }).allowed ? undefined : status(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    return { status: 500, headers: [['X-Content-Type-Options', 'nosniff']], body: `Internal Server Error: ${JSON.stringify(path)}: ${error.message}\n` }
  }
}

function status(code: number, reason: string, message: string): GoAnswer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...(code === 403 ? { details: {} } : {}), code }
  return { status: code, headers: [['Content-Type', 'application/json'], ['X-Content-Type-Options', 'nosniff']], body: `${JSON.stringify(body, null, 2)}\n` }
}

/** HTTPS of kube-controller-manager and kube-scheduler, with a certificate that they sign for themselves. Throws SystemError. */
export function serveHealth(process: Process, program: string, address: string, port: number, { client, metrics }: Measured): void {
  const at = Math.floor(process.clock.wall() / 1000)
  serveGo(process, program, port, address, ({ target, method, headers }) => {
    const { path } = splitTarget(target)
    // --authorization-always-allow-paths
    const refused = OPEN.test(path) ? undefined : refusal(client, headerOf(headers, 'authorization'), VERBS[method as keyof typeof VERBS] ?? '', path, process.clock.wall())
    if (refused) return refused
    if (path === '/metrics') return { body: metrics(), contentType: EXPOSITION_TYPE }
    if (MEASURED.test(path)) return { status: 501, body: `podhop: not simulated: ${program}'s ${path} (use kubectl get events, kubectl get leases -n kube-system)\n` }
    return OPEN.test(path) ? OK : GO_NOT_FOUND
  }, { select: () => ({ chain: ownChain(at) }), random: process.clock.random.fork(`${program} tls`) })
}

const chains = new Map<number, readonly Certificate[]>()

/** k8s.io/client-go/util/cert GenerateSelfSignedCertKey of "localhost", for a process that started at that second. */
function ownChain(at: number): readonly Certificate[] {
  let chain = chains.get(at)
  if (chain) return chain
  const random = new Random(0).fork(`localhost@${at}`)
  const key = makeKey(random)
  const issuer = { key, certificate: makeCertificate({ subject: [['CN', `localhost-ca@${at}`]], key, notBefore: at * 1000, days: 365, isCa: true, random }) }
  chain = [makeCertificate({ subject: [['CN', `localhost@${at}`]], key, notBefore: at * 1000, days: 365, alternativeNames: ['localhost', '127.0.0.1'], issuer, random }), issuer.certificate]
  chains.set(at, chain)
  return chain
}
