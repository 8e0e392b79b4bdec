import type { Process } from '../../machine/types.ts'
import { Random } from '../../random.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import type { Certificate } from '../tls/x509.ts'

/** What kube-controller-manager and kube-scheduler answer on their ports: whether they are well. */
const OK: GoAnswer = { headers: [['X-Content-Type-Options', 'nosniff']], body: 'ok' }
const MEASURED = /^\/(metrics|configz|debug|flagz|statusz)(\/|$)/

/** HTTPS of kube-controller-manager and kube-scheduler, with a certificate that they sign for themselves. Throws SystemError. */
export function serveHealth(process: Process, program: string, address: string, port: number): void {
  const at = Math.floor(process.clock.wall() / 1000)
  serveGo(process, program, port, address, ({ target }) => {
    const { path } = splitTarget(target)
    if (MEASURED.test(path)) return { status: 501, body: `podhop: not simulated: ${program}'s ${path} (use kubectl get events, kubectl get leases -n kube-system)\n` }
    return /^\/(healthz|livez|readyz)$/.test(path) ? OK : GO_NOT_FOUND
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
