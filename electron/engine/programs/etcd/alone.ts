import { SystemError } from '../../machine/errors.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import { goResponse, GO_NOT_FOUND, splitTarget, type GoAnswer } from '../http/go.ts'
import { serveHttp, type HttpRequest, type HttpResponse } from '../http/server.ts'
import { encodeMessage, HEALTH } from '../http2/grpc.ts'
import { Output, untilSignal } from '../output.ts'
import { encodeUtf8 } from '../../text.ts'
import { placesOf } from './server.ts'
import { VERSION, type EtcdNotSimulated } from './services.ts'

/** What such a member may be told. */
const FLAGS = new Set(['name', 'data-dir', 'listen-client-urls', 'advertise-client-urls', 'listen-peer-urls', 'initial-advertise-peer-urls', 'initial-cluster', 'initial-cluster-token', 'initial-cluster-state', 'log-level', 'logger'])
const KEYS = 'keys of an etcd that is not the cluster’s (etcdctl in the Pod etcd of kube-system)'

/**
 * etcd in a Pod of somebody's own, as in "Configure Liveness, Readiness and Startup Probes" of kubernetes.io: a member alone,
 * without TLS, whose health is told by HTTP and by gRPC (grpc.health.v1, which etcd has at its clients' port). It keeps no keys.
 */
export function* etcdAlone(process: Process, flags: ReadonlyMap<string, string>): Task<number> {
  const out = new Output(process, 2)
  const log = (level: string, caller: string, msg: string, more: object = {}): void => out.write(`${JSON.stringify({ level, ts: new Date(process.clock.wall()).toISOString().replace(/Z$/, '000Z'), caller, msg, ...more })}\n`)
  const refused = notSimulated(flags)
  if (refused !== undefined) {
    yield* process.printError(`podhop: not simulated: ${refused}\n`)
    return 69
  }
  if (flags.has('listen-client-urls') && !flags.has('advertise-client-urls')) {
    const error = '--advertise-client-urls is required when --listen-client-urls is set explicitly'
    log('warn', 'etcdmain/etcd.go:75', 'failed to verify flags', { error })
    log('warn', 'etcdmain/etcd.go:78', 'advertise client URLs are not set', { error })
    yield* out.flush()
    return 1
  }
  log('info', 'etcdmain/etcd.go:73', 'Running: ', { args: process.argv })
  for (const { address, port } of placesOf(flags.get('listen-client-urls') ?? 'http://localhost:2379')) {
    const place = joinHostPort(address === '0.0.0.0' ? '::' : address, port)
    try {
      serveHttp(process, {
        port, program: 'etcd', address: address === 'localhost' ? '127.0.0.1' : address, h2c: true,
        handle: (request, respond) => respond(answer(process, request)),
        refuse: () => ({ status: 400, headers: [['Connection', 'close']] }),
      })
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      log('fatal', 'etcdmain/etcd.go:204', 'discovery failed', { error: `listen tcp ${joinHostPort(address, port)}: bind: ${error.code === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address'}` })
      yield* out.flush()
      return 1
    }
    log('info', 'embed/serve.go:98', 'ready to serve client requests')
    log('info', 'embed/serve.go:140', 'serving client traffic insecurely; this is strongly discouraged!', { address: place })
  }
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  log('info', 'osutil/interrupt_unix.go:64', 'received signal; shutting down', { signal: signal === 'SIGINT' ? 'interrupt' : 'terminated' })
  yield* out.flush()
  return 0
}

function notSimulated(flags: ReadonlyMap<string, string>): string | undefined {
  const other = [...flags.keys()].find((name) => !FLAGS.has(name))
  if (other !== undefined) return `etcd in a Pod of one’s own with --${other} (without it)`
  if (flags.get('initial-cluster')?.includes(',')) return 'several members of etcd (one)'
  const secure = ['listen-client-urls', 'listen-peer-urls'].find((name) => flags.get(name)?.includes('https://'))
  return secure === undefined ? undefined : `etcd in a Pod of one’s own with TLS in --${secure} (http)`
}

function answer(process: Process, request: HttpRequest): HttpResponse {
  const { path } = splitTarget(request.target)
  // etcdctl, which asks in JSON here
  if (path.startsWith('/etcdserverpb.')) return { status: 200, headers: [['Content-Type', 'application/grpc']], body: encodeUtf8(JSON.stringify({ notSimulated: KEYS } satisfies EtcdNotSimulated)) }
  return request.version === '2.0' ? grpc(path, request.body) : goResponse(process, request, plain(path))
}

function plain(path: string): GoAnswer {
  if (path === '/health') return { body: '{"health":"true","reason":""}' }
  if (path === '/version') return { body: `{"etcdserver":"${VERSION}","etcdcluster":"3.5.0"}`, contentType: 'application/json' }
  return GO_NOT_FOUND
}

function grpc(path: string, body: Uint8Array): HttpResponse {
  const headers: HttpResponse['headers'] = [['Content-Type', 'application/grpc']]
  const ended = (code: number, message: string): HttpResponse => ({ status: 200, headers: [...headers, ['Grpc-Status', String(code)], ['Grpc-Message', message]] })
  if (path !== HEALTH.path) return ended(12, `unknown service ${path.split('/')[1] ?? ''}`)
  if (HEALTH.decodeRequest(body.subarray(5)) !== '') return ended(5, 'unknown service')
  return { status: 200, headers, body: encodeMessage(HEALTH.encodeResponse(HEALTH.statuses.indexOf('SERVING'))), trailers: [['grpc-status', '0'], ['grpc-message', '']] }
}
