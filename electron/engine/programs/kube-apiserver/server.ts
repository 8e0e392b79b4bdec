import { ConnectionError, StatusError } from '../../kubernetes/client.ts'
import { CLUSTER_CA } from '../../kubernetes/cluster-ca.ts'
import { answerRequest } from '../../kubernetes/http/handler.ts'
import { sendStatus, type ApiRequest, type ApiSink, type Exchange, type Header } from '../../kubernetes/http/exchange.ts'
import { askedOverHttp, RecordedSink } from '../../kubernetes/http/recorded.ts'
import { requestInfo } from '../../kubernetes/http/request-info.ts'
import { checkAssigned, checkExecTarget } from '../../kubernetes/node-agents.ts'
import { asUser, become, type Impersonation } from '../../kubernetes/rbac/as-user.ts'
import { userOfRequest } from '../../kubernetes/rbac/authenticate.ts'
import { authorize, rbacOf, refusal, type User } from '../../kubernetes/rbac/authorizer.ts'
import { attributesOf } from '../../kubernetes/requests/asked.ts'
import { failure } from '../../kubernetes/status.ts'
import type { Pod } from '../../kubernetes/types.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Process } from '../../machine/types.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import { serveHttp, type AnswerBody, type HttpRequest, type HttpResponse, type HttpServer } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { streamOverWebSocket } from './channels.ts'
import { namesOf } from '../tls/client-auth.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'
import type { SystemServices } from '../types.ts'

const PORT = 6443
/** net.ListenConfig's of Go, in ms. */
const KEEP_ALIVE = { idle: 15_000, interval: 15_000, count: 9 }
/** TLS' alert of a server that cannot read its own certificate. */
const INTERNAL_ERROR = 80

/**
 * What kube-apiserver answers to those who reach its port: Pods with their ServiceAccount's token, whoever shows a certificate, and who has neither.
 * Here RBAC holds, as in life; kubectl of the laptop and the parts of the cluster are cluster-admin and come another way.
 */
export function serveApi(process: Process, services: SystemServices, certificateFile: string): void {
  const { clock } = process
  let certificate: Certificate[] | undefined
  let trusted: Uint8Array[] | undefined
  const listen = (): HttpServer => serveHttp(process, {
    port: PORT,
    program: 'kube-apiserver',
    tcpKeepAlive: KEEP_ALIVE,
    tls: {
      // read when the first client says hello: making it takes a moment
      select: () => {
        try {
          return { chain: (certificate ??= readCertificates(process.fs.readText(certificateFile))), clients: { authorities: (trusted ??= namesOf(readCertificates(CLUSTER_CA))) } }
        } catch {
          return { alert: INTERNAL_ERROR }
        }
      },
      random: clock.random.fork('kube-apiserver tls'),
      alpn: ['h2', 'http/1.1'],
      plain: () => encodeUtf8('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'),
    },
    handle: (request, respond) => answer(process, services, request, respond),
    refuse: (status) => ({ status, headers: [['Content-Type', 'text/plain; charset=utf-8'], ['Connection', 'close']], body: encodeUtf8('400 Bad Request') }),
  })
  // the fault apiserver-down: nobody listens, though the container stands
  const { door } = services.controlPlane!
  let server: HttpServer | undefined = door.isOpen ? listen() : undefined
  process.onExit(door.onChange(() => {
    if (!door.isOpen) {
      server?.close()
      server = undefined
      return
    }
    try {
      server ??= listen()
    } catch (error) {
      // somebody took the port meanwhile: the probes tell of it
      if (!(error instanceof SystemError)) throw error
    }
  }))
}

function answer(process: Process, { client }: SystemServices, http: HttpRequest, respond: (response: HttpResponse) => void): void {
  const { clock } = process
  const request = apiRequest(http)
  const whole = new AnswerSink(process, http, respond)
  let sink: RecordedSink | AnswerSink = whole
  try {
    const info = requestInfo(http.target, client.resources())
    const caller = userOfRequest(client, { authorization: headerOf(http.headers, 'authorization'), certificate: http.tls?.chain[0] }, clock.wall())
    const recorded = client.requests && new RecordedSink(whole, client.requests, askedOverHttp(client.requests, request, info, caller))
    if (recorded) sink = recorded
    const exchange: Exchange = { clock, client, request, info, sink, warnings: [] }
    if (!caller) return sendStatus(exchange, failure(401, 'Unauthorized', 'Unauthorized'))
    const { impersonate, ...plain } = request
    const user = impersonate ? whom(client, caller, impersonate) : caller
    if (user instanceof StatusError) return sendStatus(exchange, user)
    const asked = attributesOf(request.method, info)
    const { allowed, reason } = authorize(rbacOf(client), user, asked)
    if (!allowed) return sendStatus(exchange, refusal(user, asked, reason))
    if (info.resource && ['exec', 'attach', 'portforward'].includes(info.subresource ?? '')) {
      // pkg/registry/core/pod looks for the Pod and its container first
      const pod = client.get<Pod>('pods', info.namespace, info.name!)
      if (info.subresource === 'portforward') checkAssigned(pod)
      else checkExecTarget(pod, info.query.get('container'))
      if (headerOf(http.headers, 'upgrade') === undefined) return sendStatus(exchange, failure(400, 'BadRequest', 'Upgrade request required'))
      const upgraded = streamOverWebSocket(clock, asUser(client, user), info, http)
      if (upgraded) {
        recorded?.finish(101)
        return respond(upgraded)
      }
      const verb = info.subresource === 'portforward' ? 'port-forward' : info.subresource
      const instead = `speak WebSocket, or use kubectl ${verb}, on the laptop or in a Pod of an image that has it, such as bitnami/kubectl`
      return sendStatus(exchange, failure(501, 'NotImplemented', `podhop: not simulated: ${verb} over SPDY (${instead})`))
    }
    const stop = answerRequest({ clock, client, user, authorized: true, unrecorded: true }, plain, sink)
    whole.stop = () => {
      stop()
      recorded?.finish()
    }
  } catch (error) {
    if (error instanceof StatusError) return sendStatus({ clock, client, request, info: requestInfo(http.target, client.resources()), sink, warnings: [] }, error)
    if (!(error instanceof ConnectionError)) throw error
    if (sink instanceof RecordedSink) sink.postpone()
    whole.broke(error.message)
  }
  whole.stream()
}

function whom(client: SystemServices['client'], caller: User, wish: Impersonation): User | StatusError {
  try {
    return become(client, caller, wish)
  } catch (error) {
    if (error instanceof StatusError) return error
    throw error
  }
}

/** What a request on a connection asks of the API. */
export function apiRequest(http: HttpRequest): ApiRequest {
  const optional = (name: string): string | undefined => headerOf(http.headers, name)
  const user = optional('impersonate-user')
  const uid = optional('impersonate-uid')
  const groups = http.headers.filter(([name]) => name.toLowerCase() === 'impersonate-group').map(([, value]) => value)
  return {
    ...(user === undefined ? {} : { impersonate: { user, groups, ...(uid === undefined ? {} : { uid }) } }),
    method: http.method, target: http.target, body: http.body, headers: http.headers, remoteAddress: http.remoteAddress, accept: optional('accept') ?? '*/*',
    ...Object.fromEntries([['contentType', optional('content-type')], ['userAgent', optional('user-agent')]].filter(([, value]) => value !== undefined)),
  }
}

/** The answer as bytes on a connection: whole where it ends at once, in chunks (RFC 9112, 7.1) where it goes on. */
export class AnswerSink implements ApiSink {
  readonly #process: Process
  readonly #request: HttpRequest
  readonly #respond: (response: HttpResponse) => void
  #status: number | undefined
  #headers: readonly Header[] = []
  readonly #chunks: Uint8Array[] = []
  #body: AnswerBody | undefined
  #over = false
  stop: (() => void) | undefined

  constructor(process: Process, request: HttpRequest, respond: (response: HttpResponse) => void) {
    this.#process = process
    this.#request = request
    this.#respond = respond
  }

  head(status: number, headers: readonly Header[]): void {
    this.#status = status
    this.#headers = headers
  }

  data(chunk: string | Uint8Array): void {
    const bytes = typeof chunk === 'string' ? encodeUtf8(chunk) : chunk
    if (bytes.length === 0 || this.#over) return
    if (this.#body) this.#body.send(bytes)
    else this.#chunks.push(bytes)
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    if (this.#body) this.#body.end()
    else this.#whole(concatBytes(this.#chunks))
  }

  /** The store behind the server is gone. */
  broke(why: string): void {
    this.#over = true
    this.#status = 500
    this.#headers = [['Content-Type', 'application/json']]
    this.#whole(encodeUtf8(`${JSON.stringify(failure(500, 'InternalError', `Internal error occurred: ${why}`).status)}\n`))
  }

  /** Whoever answers has not finished: what comes is sent when it comes. */
  stream(): void {
    // One who asks somebody else first answers later, and then at once.
    if (this.#over || this.#status === undefined) return
    this.#respond({
      status: this.#status,
      headers: this.#allHeaders([['Transfer-Encoding', 'chunked']]),
      stream: (body) => {
        this.#body = body
        body.onGone = () => this.stop?.()
        for (const chunk of this.#chunks.splice(0)) body.send(chunk)
      },
    })
  }

  #whole(body: Uint8Array): void {
    this.#respond({ status: this.#status ?? 200, headers: this.#allHeaders(this.#headers.some(([name]) => name === 'Content-Length') ? [] : [['Content-Length', String(body.length)]]), body })
  }

  #allHeaders(last: Headers): Headers {
    const { clock } = this.#process
    const own: Headers = [['Audit-Id', clock.random.fork(`audit ${clock.now} ${this.#request.connection}`).uuid()], ...this.#headers.map(([name, value]): [string, string] => [name, value])]
    return [...own, ['Date', httpDate(clock.wall())], ...last, ...(this.#request.keepAlive ? [] : ([['Connection', 'close']] as Headers))]
  }
}
