import type { Process, Program } from '../machine/types.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { NGINX_HTTP2 } from './http/http2-server.ts'
import { writeResponse, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { plainPage, specialPage } from './nginx/pages.ts'
import { accessTime } from './nginx/time.ts'
import { Output, untilSignal } from './output.ts'
import { makeCertificate, makeKey } from './tls/make.ts'
import type { Certificate } from './tls/x509.ts'

/**
 * registry.k8s.io/echoserver: nginx with Lua that tells the request (kubernetes/test/images/echoserver, and before that
 * contrib/ingress/echoheaders). 1.4 words it differently; 1.10 and 2.x, of the end-to-end tests, serve HTTPS, too.
 */
const NGINX = { '1.4': 'nginx/1.10.0', '1.10': 'echoserver', '2.2': 'echoserver' } as const
const LUA = { '1.10': 'nginx: 1.13.3 - lua: 10008', '2.2': 'nginx: 1.12.2 - lua: 10010' } as const
type Version = keyof typeof NGINX

export const echoserver = (version: Version): Program => function* (process) {
  const out = new Output(process, 1)
  let certificate: Certificate | undefined
  if (version !== '1.4') {
    yield* process.print("Generating self-signed cert\n")
    yield* process.printError("Generating a 2048 bit RSA private key\n.....+++\n..................+++\nwriting new private key to '/certs/privateKey.key'\n-----\n")
    yield* process.print('Starting nginx\n')
  }
  const serve = (tls: boolean): void => {
    serveHttp(process, {
      port: tls ? 8443 : 8080,
      program: 'nginx',
      address: '0.0.0.0',
      backlog: 511,
      keepAliveTimeout: version === '1.4' ? 75_000 : 620_000,
      ...(tls ? { http2: NGINX_HTTP2, tls: { random: process.clock.random.fork(`TLS of ${process.machine.name}`), alpn: ['h2', 'http/1.1'], plain: () => plainHttp(process), select: () => ({ chain: [(certificate ??= selfSigned(process))] }) } } : {}),
      handle(request, respond) {
        const body = encodeUtf8(version === '1.4' ? first(request) : later(process, request, LUA[version]))
        const headers: Headers = [['Server', NGINX[version]], ['Date', httpDate(process.clock.wall())], ['Content-Type', 'text/plain'], ['Transfer-Encoding', 'chunked'], ['Connection', request.keepAlive ? 'keep-alive' : 'close']]
        const agent = valueOf(request, 'user-agent') ?? '-'
        out.write(`${request.remoteAddress} - - [${accessTime(process.clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" 200 ${body.length} "${valueOf(request, 'referer') ?? '-'}" "${agent}"\n`)
        if (request.version.startsWith('2')) return respond({ status: 200, headers: headers.filter(([name]) => name !== 'Transfer-Encoding' && name !== 'Connection'), body })
        respond({ status: 200, headers, body: encodeUtf8(`${body.length.toString(16)}\r\n${decodeUtf8(body)}\r\n0\r\n\r\n`) })
      },
      refuse: (status) => ({ status, headers: [['Server', NGINX[version]], ['Content-Type', 'text/html'], ['Connection', 'close']], body: encodeUtf8(specialPage(status, NGINX[version].replace(/^nginx\//, ''))), close: true }),
    })
  }
  try {
    serve(false)
    if (version !== '1.4') serve(true)
  } catch {
    yield* process.printError(`nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)\n`.repeat(5) + 'nginx: [emerg] still could not bind()\n')
    return 1
  }
  // from 1.10 on nginx is the child of a shell that, as the first process of a container, hears no SIGTERM: it is killed after the grace period
  if (version !== '1.4') for (;;) yield () => undefined
  yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  yield* out.flush()
  return 0
}

/** 400 before Lua: nginx' own page. */
function plainHttp(process: Process): Uint8Array {
  const body = encodeUtf8(plainPage('1.13.3'))
  return writeResponse(400, 'Bad Request', [['Server', 'nginx/1.13.3'], ['Date', httpDate(process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], body)
}

/** run.sh makes one at each start. */
function selfSigned(process: Process): Certificate {
  const random = process.clock.random.fork(`echoserver ${process.machine.name}`)
  const subject = [['C', 'UK'], ['ST', 'Warwickshire'], ['L', 'Leamington'], ['O', 'OrgName'], ['OU', 'IT Department'], ['CN', 'example.com']] as const
  return makeCertificate({ subject, key: makeKey(random), notBefore: process.clock.wall(), days: 365, isCa: true, random })
}

function valueOf(request: HttpRequest, name: string): string | undefined {
  return request.headers.find(([n]) => n.toLowerCase() === name)?.[1]
}

/** ngx.req.get_headers: names in lower case, sorted as the template does. */
function headerLines(request: HttpRequest): string {
  const names = [...new Set(request.headers.map(([n]) => n.toLowerCase()))].sort()
  return names.map((name) => `${name}=${request.headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v).join(', ')}\n`).join('')
}

function hostWithoutPort(request: HttpRequest): string {
  return (valueOf(request, 'host') ?? 'localhost').replace(/:\d+$/, '')
}

function first(request: HttpRequest): string {
  const query = request.target.split(/\?(.*)/s)[1]
  return `CLIENT VALUES:\nclient_address=${request.remoteAddress}\ncommand=${request.method}\nreal path=${request.target}\nquery=${query ?? 'nil'}\nrequest_version=${request.version}\nrequest_uri=http://${hostWithoutPort(request)}:8080${request.target}\n\nSERVER VALUES:\nserver_version=nginx: 1.10.0 - lua: 10001\n\nHEADERS RECEIVED:\n${headerLines(request)}BODY:\n${request.body.length > 0 ? decodeUtf8(request.body) : '-no body in request-'}`
}

/** {{…}} of the template. */
function escaped(text: string): string {
  return text.replace(/["><'&]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c]!)
}

function later(process: Process, request: HttpRequest, server: string): string {
  const env = (name: string): string => escaped(process.env.get(name) ?? 'N/A')
  const query = request.target.split(/\?(.*)/s)[1] ?? ''
  const pod = process.env.has('POD_NAME')
    ? `\tnode name:\t${env('NODE_NAME')}\n\tpod name:\t${env('POD_NAME')}\n\tpod namespace:\t${env('POD_NAMESPACE')}\n\tpod IP:\t${env('POD_IP')}\n`
    : '\t-no pod information available-\n'
  const body = request.body.length > 0 ? escaped(decodeUtf8(request.body)) : '\t-no body in request-'
  const scheme = request.tls ? 'https' : 'http'
  const names = [...new Set(request.headers.map(([n]) => n.toLowerCase()))].sort()
  // one value: two blanks behind it; several: a line each, without
  const headers = names.map((name) => {
    const values = request.headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => escaped(v))
    return values.length === 1 ? `\t${escaped(name)}=${values[0]}  \n` : values.map((value) => `\t${escaped(name)}=${value}\n`).join('')
  }).join('')
  return `\n\nHostname: ${process.machine.hostname}\n\nPod Information:\n${pod}\nServer values:\n\tserver_version=${server}\n\nRequest Information:\n\tclient_address=${request.remoteAddress}\n\tmethod=${request.method}\n\treal path=${escaped(request.target)}\n\tquery=${escaped(query)}\n\trequest_version=${request.version}\n\trequest_scheme=${scheme}\n\trequest_uri=${scheme}://${hostWithoutPort(request)}:${request.localPort}${escaped(request.target)}\n\nRequest Headers:\n${headers}\nRequest Body:\n${body}\n\n`
}
