import { SystemError } from '../../machine/errors.ts'
import type { Process } from '../../machine/types.ts'
import { Random } from '../../random.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import type { Certificate } from '../tls/x509.ts'

/** What etcd, kube-controller-manager and kube-scheduler answer on their ports: whether they are well. */
const OK: GoAnswer = { headers: [['X-Content-Type-Options', 'nosniff']], body: 'ok' }
/** TLS 1.3's alert certificate_required. */
const CERTIFICATE_REQUIRED = 116
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

interface Place { address: string; port: number; tls: boolean }

/** "https://127.0.0.1:2379,https://[::1]:2379" */
export function placesOf(urls: string): Place[] {
  return urls.split(',').flatMap((url) => {
    const [, scheme, six, four, port] = /^(https?):\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d+)\/?$/.exec(url) ?? []
    return port === undefined ? [] : [{ address: (six ?? four)!, port: Number(port), tls: scheme === 'https' }]
  })
}

/** etcd's ports. Who has no certificate of its authority, as nobody has here, is shown the door. Throws SystemError. */
export function serveEtcd(process: Process, flags: ReadonlyMap<string, string>): void {
  for (const flag of ['listen-peer-urls', 'listen-client-urls']) {
    for (const { address, port } of placesOf(flags.get(flag) ?? '')) listen(process, address, port, () => GO_NOT_FOUND, { select: () => ({ alert: CERTIFICATE_REQUIRED }) })
  }
  for (const { address, port } of placesOf(flags.get('listen-metrics-urls') ?? '')) {
    listen(process, address, port, ({ target }) => {
      const { path } = splitTarget(target)
      if (path === '/metrics') return { status: 501, body: "podhop: not simulated: etcd's /metrics (use /health)\n" }
      if (path === '/health') return { body: '{"health":"true","reason":""}' }
      return path === '/livez' || path === '/readyz' ? { ...OK, body: 'ok\n' } : GO_NOT_FOUND
    })
  }
}

function listen(process: Process, address: string, port: number, ...rest: [Parameters<typeof serveGo>[4], Parameters<typeof serveGo>[5]?]): void {
  try {
    serveGo(process, 'etcd', port, address, ...rest)
  } catch (error) {
    if (error instanceof SystemError) throw Object.assign(error, { place: `${address}:${port}` })
    throw error
  }
}
