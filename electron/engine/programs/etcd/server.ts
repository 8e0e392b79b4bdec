import type { Member } from '../../kubernetes/etcd/database.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Process } from '../../machine/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { goRefusal, namesOf } from '../tls/client-auth.ts'
import { ALERTS } from '../tls/wire.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'
import { EXPOSITION_TYPE } from '../../prometheus.ts'
import { etcdMetrics } from './metrics.ts'
import { answerEtcd, VERSION } from './services.ts'
import type { EtcdStorage } from './storage.ts'

/** etcd's ports: its clients', who show a certificate of its authority, its peers', of whom there are none, and that of its health. */
const OK: GoAnswer = { headers: [['X-Content-Type-Options', 'nosniff']], body: 'ok\n' }

interface Place { address: string; port: number; tls: boolean }

/** "https://127.0.0.1:2379,https://[::1]:2379" */
export function placesOf(urls: string): Place[] {
  return urls.split(',').flatMap((url) => {
    const [, scheme, six, four, port] = /^(https?):\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d+)\/?$/.exec(url) ?? []
    return port === undefined ? [] : [{ address: (six ?? four)!, port: Number(port), tls: scheme === 'https' }]
  })
}

/** Throws SystemError with the place where it cannot listen. */
export function serveEtcd(process: Process, flags: ReadonlyMap<string, string>, member: Member, storage: EtcdStorage): void {
  const [since, startedAt] = [storage.unseen, process.clock.wall()]
  const metrics = (): GoAnswer => ({ body: etcdMetrics(storage, member, since, startedAt), contentType: EXPOSITION_TYPE })
  const read = (flag: string): Certificate[] => readCertificates(process.fs.readText(flags.get(flag) ?? ''))
  for (const { address, port } of placesOf(flags.get('listen-peer-urls') ?? '')) listen(process, address, port, () => GO_NOT_FOUND, { select: () => ({ alert: ALERTS.certificateRequired }) })
  for (const { address, port } of placesOf(flags.get('listen-client-urls') ?? '')) {
    listen(process, address, port, ({ method, target, body }) => {
      const { path } = splitTarget(target)
      if (method !== 'POST') return path === '/version' ? { body: `{"etcdserver":"${VERSION}","etcdcluster":"3.5.0"}`, contentType: 'application/json' } : path === '/health' ? HEALTH : path === '/metrics' ? metrics() : GO_NOT_FOUND
      return answerEtcd(process, path, decodeUtf8(body), { flags, member, storage })
    }, {
      select: () => {
        try {
          const trusted = read('trusted-ca-file')
          return { chain: read('cert-file'), clients: { authorities: namesOf(trusted), verify: (chain) => goRefusal(chain, trusted, process.clock.wall()) } }
        } catch {
          return { alert: ALERTS.internalError }
        }
      },
      random: process.clock.random.fork(`etcd tls ${address}`),
    })
  }
  for (const { address, port } of placesOf(flags.get('listen-metrics-urls') ?? '')) {
    listen(process, address, port, ({ target }) => {
      const { path } = splitTarget(target)
      if (path === '/metrics') return metrics()
      if (path === '/health') return HEALTH
      return path === '/livez' || path === '/readyz' ? OK : GO_NOT_FOUND
    })
  }
}

const HEALTH: GoAnswer = { body: '{"health":"true","reason":""}' }

function listen(process: Process, address: string, port: number, ...rest: [Parameters<typeof serveGo>[4], Parameters<typeof serveGo>[5]?]): void {
  try {
    serveGo(process, 'etcd', port, address, ...rest)
  } catch (error) {
    if (error instanceof SystemError) throw Object.assign(error, { place: `${address}:${port}` })
    throw error
  }
}
