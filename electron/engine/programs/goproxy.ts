import { resolveHost } from '../dns/resolver.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { isValidIp } from '../network/address.ts'
import { decodeUtf8 } from '../text.ts'
import { goLogTime } from './http-echo.ts'
import { askUpstream, type UpstreamOutcome } from './http/client.ts'
import { serveGo, type GoAnswer } from './http/go.ts'
import { writeRequest } from './http/message.ts'
import type { HttpRequest } from './http/server.ts'
import { Signal } from '../machine/task.ts'
import { Output, untilSignal } from './output.ts'

/** registry.k8s.io/goproxy (github.com/elazarl/goproxy), whose TCP port the pages of Kubernetes probe: an HTTP proxy. */
const TIMEOUT = 30_000
const BETWEEN = new Set(['connection', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'transfer-encoding', 'keep-alive', 'te', 'trailer', 'upgrade'])

export const goproxy: Program = function* (process) {
  const out = new Output(process, 2)
  let session = 0
  try {
    serveGo(process, 'goproxy', 8080, undefined, (request): GoAnswer | Task<GoAnswer> => {
      const number = String(++session).padStart(3, '0')
      if (request.method === 'CONNECT') return { status: 501, body: 'podhop: not simulated: CONNECT of goproxy (http:// URLs are)\n' }
      const url = /^http:\/\/([^/:]+|\[[^\]]+\])(?::(\d+))?(\/.*)?$/.exec(request.target)
      if (!url) return { status: 500, headers: [['X-Content-Type-Options', 'nosniff']], body: 'This is a proxy server. Does not respond to non-proxy requests.\n' }
      out.write(`${goLogTime(process.clock.wall())} [${number}] INFO: Got request ${url[3] ?? '/'} ${url[1]!}${url[2] ? `:${url[2]}` : ''} ${request.method} ${request.target}\n`)
      return pass(process, request, url[1]!, Number(url[2] ?? 80), url[3] ?? '/')
    })
  } catch {
    out.write(`${goLogTime(process.clock.wall())} listen tcp :8080: bind: address already in use\n`)
    yield* out.flush()
    return 1
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 2
}

function* pass(process: Process, request: HttpRequest, host: string, port: number, path: string): Task<GoAnswer> {
  const failed = (why: string): GoAnswer => ({ status: 500, headers: [['X-Content-Type-Options', 'nosniff']], body: `${why}\n` })
  let address = host.replace(/^\[|\]$/g, '')
  if (!isValidIp(address)) {
    const found = yield* resolveHost(process, address)
    if ('error' in found) return failed(`dial tcp: lookup ${address}: no such host`)
    address = found.addresses[0]!
  }
  const headers = request.headers.filter(([name]) => !BETWEEN.has(name.toLowerCase()))
  const came = new Signal()
  let outcome: UpstreamOutcome | undefined
  askUpstream(process, { address, port, program: 'goproxy', method: request.method, bytes: writeRequest(request.method, path, headers, request.body), connectTimeout: TIMEOUT, readTimeout: TIMEOUT }, (said) => {
    outcome = said
    came.notify()
  })
  while (!outcome) yield came.wait
  if ('error' in outcome) return failed(`dial tcp ${host}:${port}: ${outcome.error === 'ECONNREFUSED' ? 'connection refused' : outcome.error === 'ETIMEDOUT' ? 'i/o timeout' : outcome.error}`)
  if ('tunnel' in outcome) return failed('unexpected protocol change')
  return { status: outcome.head.status, headers: outcome.head.headers.filter(([name]) => !BETWEEN.has(name.toLowerCase()) && !/^(date|content-length)$/i.test(name)), body: decodeUtf8(outcome.body) }
}
