import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { own, put } from '../own.ts'
import { GO_HTTP2 } from './http/http2-server.ts'
import { canonicalHeader, goJson, goResponse, parseGoDuration, serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import { headerOf, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest } from './http/server.ts'
import { acceptKey, echoMessages, websocketKey } from './http/websocket.ts'
import { Output, untilSignal } from './output.ts'
import { readCertificates } from './tls/x509.ts'

/** echo-basic of the Gateway API's conformance tests (kubernetes-sigs/gateway-api v1.3.0, conformance/echo-basic): the request as JSON, and which Pod had it. */
const JSON_HEADERS: Headers = [['Content-Type', 'application/json'], ['X-Content-Type-Options', 'nosniff']]

export const echoBasic: Program = function* (process) {
  const { env } = process
  if (env.get('GRPC_ECHO_SERVER')) {
    yield* process.printError('podhop: not simulated: echo-basic with GRPC_ECHO_SERVER (agnhost grpc-health-checking speaks gRPC)\n')
    return 69
  }
  const out = new Output(process, 1)
  const say = (port: string, what: string): void => out.write(`Starting server, listening on port ${port} (${what})\n`)
  const handle = (request: HttpRequest): GoAnswer | Task<GoAnswer> => answer(process, request, out)
  try {
    const http = env.get('HTTP_PORT') || '3000'
    const h2c = env.get('H2C_PORT') || '3001'
    say(http, 'http')
    serveGo(process, 'echo-basic', Number(http), undefined, handle)
    say(h2c, 'h2c')
    serveHttp(process, {
      port: Number(h2c), program: 'echo-basic', h2c: true, http2: GO_HTTP2,
      handle: (request, respond) => respond(goResponse(process, request, request.version === '2.0' ? echo(process, request, out) : { status: 400, body: 'Expected h2c request' })),
      refuse: () => ({ status: 400, headers: [['Connection', 'close']], close: true }),
    })
    const [cert, key] = [env.get('TLS_SERVER_CERT'), env.get('TLS_SERVER_PRIVKEY')]
    if (cert && key) {
      const https = env.get('HTTPS_PORT') || '8443'
      say(https, 'https')
      const missing = [cert, key].find((path) => !process.fs.exists(path))
      if (missing !== undefined) return yield* failed(process, out, `open ${missing}: no such file or directory`)
      const chain = readCertificates(process.fs.readText(cert))
      serveGo(process, 'echo-basic', Number(https), undefined, handle, { select: () => ({ chain }) })
    }
  } catch {
    return yield* failed(process, out, 'listen tcp: bind: address already in use')
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 2
}

function* failed(process: Process, out: Output, why: string): Task<number> {
  yield* out.flush()
  yield* process.printError(`panic: Failed to start listening: ${why}\n`)
  return 2
}

function answer(process: Process, request: HttpRequest, out: Output): GoAnswer | Task<GoAnswer> {
  const { path, query } = splitTarget(request.target)
  if (path === '/health') return { body: 'OK' }
  if (path === '/ws') {
    const key = websocketKey(request.headers)
    if (key === undefined) return { status: 400, body: '' }
    return { status: 101, headers: [['Upgrade', 'websocket'], ['Connection', 'Upgrade'], ['Sec-WebSocket-Accept', acceptKey(key)]], upgrade: echoMessages }
  }
  if (path.startsWith('/status/')) {
    const wanted = Number(/^\/status\/([0-9]{3})$/.exec(request.target)?.[1] ?? 400)
    return { status: wanted >= 200 ? wanted : 400, body: '' }
  }
  const text = query.get('delay') ?? ''
  const delay = text === '' ? 0 : parseGoDuration(text)
  if (delay === undefined) return { status: 500, headers: JSON_HEADERS, body: goJson({ message: `time: invalid duration "${text}"` }) }
  return delay === 0 ? echo(process, request, out) : (function* () {
    yield* process.sleep(delay)
    return echo(process, request, out)
  })()
}

function echo({ env }: Process, request: HttpRequest, out: Output): GoAnswer {
  out.write(`Echoing back request made to ${request.target} to client (${joinHostPort(request.remoteAddress, request.remotePort)})\n`)
  const headers: Record<string, string[]> = {}
  for (const [name, value] of [...request.headers].map(([n, v]) => [canonicalHeader(n), v] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    if (name !== 'Host') put(headers, name, [...(own(headers, name) ?? []), value])
  }
  const { tls } = request
  const seen = {
    path: request.target,
    host: headerOf(request.headers, 'host') ?? '',
    method: request.method,
    proto: request.version === '2.0' ? 'HTTP/2.0' : `HTTP/${request.version}`,
    headers,
    namespace: env.get('NAMESPACE') ?? '',
    ingress: env.get('INGRESS_NAME') ?? '',
    service: env.get('SERVICE_NAME') ?? '',
    pod: env.get('POD_NAME') ?? '',
    ...(tls ? { tls: { version: 'TLSv1.3', serverName: tls.serverName ?? '', ...(tls.alpn ? { negotiatedProtocol: tls.alpn } : {}), cipherSuite: 'TLS_AES_128_GCM_SHA256' } } : {}),
  }
  const body = JSON.stringify(seen, undefined, ' ').replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return { headers: [...wanted(own(headers, 'X-Echo-Set-Header') ?? []), ...JSON_HEADERS], body }
}

/** "Name:value,Name:value": the headers that who asks wants to see in the answer. */
function wanted(lists: readonly string[]): Headers {
  const set = new Map<string, string>()
  for (const pair of lists.flatMap((list) => list.split(','))) {
    const text = pair.trim()
    const at = text.indexOf(':')
    const [name, value] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
    const before = set.get(name)
    set.set(name, before === undefined ? value : `${before},${value.trim()}`)
  }
  return [...set]
}
