import type { Process, Program } from '../machine/types.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import type { Headers } from './http/message.ts'
import { serveHttp, type HttpRequest } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { specialPage } from './nginx/pages.ts'
import { accessTime } from './nginx/time.ts'
import { Output, untilSignal } from './output.ts'

/** registry.k8s.io/echoserver: nginx with Lua that tells the request. 1.4 and 1.10 word it differently. */
const NGINX = { '1.4': 'nginx/1.10.0', '1.10': 'echoserver' } as const

export const echoserver = (version: '1.4' | '1.10'): Program => function* (process) {
  if (version === '1.10') yield* process.print('Generating self-signed cert\nGenerating a 2048 bit RSA private key\nwriting new private key to \'/certs/privateKey.key\'\n-----\nStarting nginx\n')
  const out = new Output(process, 1)
  serveHttp(process, {
    port: 8080,
    program: 'nginx',
    address: '0.0.0.0',
    backlog: 511,
    keepAliveTimeout: 75_000,
    handle(request, respond) {
      const body = encodeUtf8(version === '1.4' ? first(request) : later(process, request))
      const headers: Headers = [['Server', NGINX[version]], ['Date', httpDate(process.clock.wall())], ['Content-Type', 'text/plain'], ['Transfer-Encoding', 'chunked'], ['Connection', request.keepAlive ? 'keep-alive' : 'close']]
      const agent = valueOf(request, 'user-agent') ?? '-'
      out.write(`${request.remoteAddress} - - [${accessTime(process.clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" 200 ${body.length} "${valueOf(request, 'referer') ?? '-'}" "${agent}"\n`)
      respond({ status: 200, headers, body: encodeUtf8(`${body.length.toString(16)}\r\n${decodeUtf8(body)}\r\n0\r\n\r\n`) })
    },
    refuse: (status) => ({ status, headers: [['Server', NGINX[version]], ['Content-Type', 'text/html'], ['Connection', 'close']], body: encodeUtf8(specialPage(status, NGINX[version].replace(/^nginx\//, ''))), close: true }),
  })
  yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  yield* out.flush()
  return 0
}

function valueOf(request: HttpRequest, name: string): string | undefined {
  return request.headers.find(([n]) => n.toLowerCase() === name)?.[1]
}

/** ngx.req.get_headers: names in lower case, sorted as the template does. */
function headerLines(request: HttpRequest, indent: string): string {
  const names = [...new Set(request.headers.map(([n]) => n.toLowerCase()))].sort()
  return names.map((name) => `${indent}${name}=${request.headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v).join(', ')}\n`).join('')
}

function hostWithoutPort(request: HttpRequest): string {
  return (valueOf(request, 'host') ?? 'localhost').replace(/:\d+$/, '')
}

function first(request: HttpRequest): string {
  const query = request.target.split(/\?(.*)/s)[1]
  return `CLIENT VALUES:\nclient_address=${request.remoteAddress}\ncommand=${request.method}\nreal path=${request.target}\nquery=${query ?? 'nil'}\nrequest_version=${request.version}\nrequest_uri=http://${hostWithoutPort(request)}:8080${request.target}\n\nSERVER VALUES:\nserver_version=nginx: 1.10.0 - lua: 10001\n\nHEADERS RECEIVED:\n${headerLines(request, '')}BODY:\n${request.body.length > 0 ? decodeUtf8(request.body) : '-no body in request-'}`
}

function later(process: Process, request: HttpRequest): string {
  const env = (name: string): string => process.env.get(name) ?? 'N/A'
  const query = request.target.split(/\?(.*)/s)[1] ?? ''
  const pod = process.env.has('POD_NAME')
    ? `\tnode name:\t${env('NODE_NAME')}\n\tpod name:\t${env('POD_NAME')}\n\tpod namespace:\t${env('POD_NAMESPACE')}\n\tpod IP:\t${env('POD_IP')}\n`
    : '\t-no pod information available-\n'
  const body = request.body.length > 0 ? decodeUtf8(request.body) : '\t-no body in request-'
  return `\n\nHostname: ${process.machine.hostname}\n\nPod Information:\n${pod}\nServer values:\n\tserver_version=nginx: 1.13.3 - lua: 10008\n\nRequest Information:\n\tclient_address=${request.remoteAddress}\n\tmethod=${request.method}\n\treal path=${request.target}\n\tquery=${query}\n\trequest_version=${request.version}\n\trequest_scheme=http\n\trequest_uri=http://${hostWithoutPort(request)}:8080${request.target}\n\nRequest Headers:\n${headerLines(request, '\t')}\nRequest Body:\n${body}\n\n`
}
