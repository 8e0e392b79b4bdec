import { answerRequest } from '../../engine/kubernetes/http/handler.ts'
import { sendStatus, type Exchange } from '../../engine/kubernetes/http/exchange.ts'
import { requestInfo } from '../../engine/kubernetes/http/request-info.ts'
import { forwardedFor } from '../../engine/kubernetes/proxy-location.ts'
import { failure } from '../../engine/kubernetes/status.ts'
import { ConnectionError } from '../../engine/kubernetes/client.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import { headerOf } from '../../engine/programs/http/message.ts'
import { serveHttp, type HttpRequest, type HttpResponse } from '../../engine/programs/http/server.ts'
import { httpDate } from '../../engine/programs/http/status.ts'
import { AnswerSink, apiRequest } from '../../engine/programs/kube-apiserver/server.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import type { Command, Kubectl } from './command.ts'
import { ExitError, KubectlError, messageOf, quote } from './errors.ts'
import { flags } from './flags.ts'

/** kubectl's pkg/proxy: the API in plain HTTP on a port of the machine that kubectl runs on, in the simulation. */
export const proxy: Command = {
  name: 'proxy',
  short: 'Run a proxy to the Kubernetes API server',
  use: 'proxy [--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]',
  flags: flags(`
    --accept-hosts string=^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$
    --accept-paths string=^.*
    --address string=127.0.0.1
    --api-prefix string=/
    --append-server-path bool -
    --disable-filter bool
    --keepalive duration -
    -p --port int=8001
    --reject-methods string=^$
    --reject-paths string=^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach
    -u --unix-socket string ~
    -w --www string ~
    -P --www-prefix string=/static/ -
  `),
  run,
}

/** Who and what is let through. */
interface Filter { hosts: RegExp[]; paths: RegExp[]; notPaths: RegExp[]; notMethods: RegExp[] }

/** MakeRegexpArray */
function expressions(k: Kubectl, text: string): RegExp[] {
  return text.split(',').map((part) => {
    try {
      return new RegExp(part)
    } catch (error) {
      throw new ExitError(255, `${k.logHead('F')} proxy_server.go:83] Error compiling re: error parsing regexp: ${goRegexpError(part, messageOf(error))}`)
    }
  })
}

/** Go's words for what is wrong with an expression. */
function goRegexpError(text: string, message: string): string {
  if (/[Uu]nterminated character class/.test(message)) return `missing closing ]: \`${text.slice(text.lastIndexOf('['))}\``
  if (/Unterminated group/.test(message)) return `missing closing ): \`${text}\``
  if (/Unmatched '\)'/.test(message)) return `unexpected ): \`${text}\``
  const repeated = /^(?:.*[(|])?([*+?])/.exec(text)?.[1]
  if (/Nothing to repeat/.test(message) && repeated) return `missing argument to repetition operator: \`${repeated}\``
  return message
}

function allows(filter: Filter, request: HttpRequest): boolean {
  const path = request.target.replace(/\?.*$/s, '')
  const host = headerOf(request.headers, 'host') ?? ''
  const name = /^(.*):\d+$/.exec(host)?.[1] ?? host
  const any = (all: RegExp[], text: string): boolean => all.some((e) => e.test(text))
  return !any(filter.notPaths, path) && !any(filter.notMethods, request.method) && any(filter.paths, path) && any(filter.hosts, name)
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, process } = k
  const address = f.string('address')
  const prefix = `${f.string('api-prefix').startsWith('/') ? '' : '/'}${f.string('api-prefix')}${f.string('api-prefix').endsWith('/') ? '' : '/'}`
  const filter: Filter | undefined = f.bool('disable-filter')
    ? undefined
    : { hosts: expressions(k, f.string('accept-hosts')), paths: expressions(k, f.string('accept-paths')), notPaths: expressions(k, f.string('reject-paths')), notMethods: expressions(k, f.string('reject-methods')) }
  if (!filter) yield* k.err(`${k.logHead('W')} proxy.go:177] Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious\n`)
  // the kubeconfig's server, before anybody asks for it
  void k.client
  const wanted = f.int('port')
  if (wanted < 0 || wanted > 65535) throw new KubectlError(`listen tcp: address ${wanted}: invalid port`)
  let port: number
  try {
    ({ port } = serveHttp(process, {
      port: wanted,
      address,
      program: 'kubectl',
      handle: (request, respond) => answer(k, request, respond, prefix, filter),
      refuse: (status) => plain(k, status, '400 Bad Request', true),
    }))
  } catch (error) {
    if (isSystemError(error, 'EADDRINUSE')) throw new KubectlError(`listen tcp ${address}:${wanted}: bind: address already in use`)
    if (isSystemError(error, 'EADDRNOTAVAIL')) throw new KubectlError(`listen tcp ${address}:${wanted}: bind: cannot assign requested address`)
    throw error
  }
  yield* k.out(`Starting to serve on ${address.includes(':') ? `[${address}]` : address}:${port}\n`)
  for (;;) yield new Signal().wait
}

function plain(k: Kubectl, status: number, text: string, close = false): HttpResponse {
  const body = encodeUtf8(`${text}\n`)
  return {
    status, body, close,
    headers: [['Content-Type', 'text/plain; charset=utf-8'], ['X-Content-Type-Options', 'nosniff'], ['Date', httpDate(k.now)], ['Content-Length', String(body.length)]],
  }
}

function answer(k: Kubectl, http: HttpRequest, respond: (response: HttpResponse) => void, prefix: string, filter: Filter | undefined): void {
  if (filter && !allows(filter, http)) return respond(plain(k, 403, 'Forbidden'))
  if (!http.target.startsWith(prefix)) return respond(plain(k, 404, '404 page not found'))
  const { process: { clock }, client, process } = k
  // from here on the laptop asks, for whom it names
  const { remoteAddress: _, ...asked } = apiRequest(http)
  const request = { ...asked, headers: forwardedFor(http.headers, http.remoteAddress), target: `/${http.target.slice(prefix.length)}` }
  const sink = new AnswerSink(process, http, respond)
  try {
    const info = requestInfo(request.target, client.resources())
    if (info.resource && ['exec', 'attach', 'portforward'].includes(info.subresource ?? '')) {
      const exchange: Exchange = { clock, client, request, info, sink, warnings: [] }
      return sendStatus(exchange, failure(501, 'NotImplemented', `podhop: not simulated: ${quote(info.subresource ?? '')} through kubectl proxy (use kubectl ${info.subresource === 'exec' || info.subresource === 'attach' ? info.subresource : 'port-forward'})`))
    }
    sink.stop = answerRequest({ clock, client, unrecorded: true }, request, sink)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    respond(plain(k, 502, messageOf(error)))
    return
  }
  sink.stream()
}
