import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { HttpSyntaxError, headerOf, keepsAlive, RequestParser, ResponseParser, writeRequest, writeResponse, type Headers, type RequestHead, type ResponseHead } from '../../programs/http/message.ts'
import { httpDate } from '../../programs/http/status.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import type { NodeContext } from '../types.ts'
import { agentOf } from './agent.ts'
import { datapathOf, MARK_PROXY_EGRESS, MARK_PROXY_INGRESS, type Datapath } from './datapath.ts'
import { HOST, labelLines } from './identity.ts'
import type { Direction, HttpRule } from './policy-map.ts'

/** The node's Envoy (cilium-envoy, cilium/proxy): HTTP rules of CiliumNetworkPolicies. It speaks with both sides in the other's name. */
const RETRY = 500

/** Listens as soon as the agent has said on which ports (xDS). */
export function startEnvoy(process: Process, node: NodeContext): () => void {
  const stops: (() => void)[] = []
  let stopped = false
  const listen = (): void => {
    if (stopped) return
    const ports = agentOf(node.network)?.proxyPorts
    const dp = datapathOf(node.network)
    if (!ports || !dp) {
      process.clock.schedule(RETRY, listen, { background: true })
      return
    }
    for (const [direction, mark] of [['ingress', MARK_PROXY_INGRESS], ['egress', MARK_PROXY_EGRESS]] as const) {
      const listener = node.network.sockets.listen({ port: ports[direction], address: '127.0.0.1', mark, owner: { pid: process.pid, program: 'cilium-envoy' } }, (connection) => {
        new Proxied(process, dp, connection, direction, mark)
      })
      stops.push(() => listener.close())
    }
  }
  listen()
  return () => {
    stopped = true
    for (const stop of stops) stop()
  }
}

/** One connection and, once a request may pass, the one to the server behind it. */
class Proxied {
  readonly #process: Process
  readonly #dp: Datapath
  readonly #client: TcpConnection
  readonly #direction: Direction
  readonly #mark: number
  readonly #parser: RequestParser
  #server: TcpConnection | undefined
  #head: RequestHead | undefined
  #body: Uint8Array[] = []
  /** Requests whose answers have not come, and when they went. */
  readonly #asked: { head: RequestHead; at: number }[] = []

  constructor(process: Process, dp: Datapath, client: TcpConnection, direction: Direction, mark: number) {
    this.#process = process
    this.#dp = dp
    this.#client = client
    this.#direction = direction
    this.#mark = mark
    this.#parser = new RequestParser({
      onHead: (head) => {
        this.#head = head
        this.#body = []
      },
      onBody: (data) => this.#body.push(data),
      onComplete: () => this.#onRequest(this.#head!, concatBytes(this.#body)),
    })
    client.handlers = {
      onData: (data) => this.#onData(data),
      onEnd: () => (this.#server ? this.#server.end() : client.end()),
      onClose: () => this.#server?.abort(),
    }
  }

  #onData(data: Uint8Array): void {
    try {
      this.#parser.push(data)
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error
      this.#answer(400, 'Bad Request', '', true)
    }
  }

  /** Who speaks with whom: the addresses of the connection are those of both Pods. */
  #rules(): readonly HttpRule[] | undefined {
    const dp = this.#dp
    const { localAddress: server, localPort, remoteAddress: client } = this.#client
    const endpoint = dp.endpointAt(this.#direction === 'ingress' ? server : client)
    if (!endpoint) return undefined
    const peer = dp.identityAt(this.#direction === 'ingress' ? client : server)
    if (this.#direction === 'ingress' && peer === HOST) return [{}]
    const verdict = endpoint.policy.verdict(this.#direction, dp.identity(peer), 'tcp', localPort)
    return verdict.allowed ? (verdict.http ?? [{}]) : undefined
  }

  #onRequest(head: RequestHead, body: Uint8Array): void {
    const rules = this.#rules()
    const allowed = rules?.some((rule) => httpAllows(rule, head)) ?? false
    this.#tell('Request', head, allowed ? 'Forwarded' : 'Denied', 0)
    if (!allowed) {
      this.#tell('Response', head, 'Denied', 403)
      return this.#answer(403, 'Forbidden', 'Access denied\r\n', !keepsAlive(head))
    }
    const headers: Headers = [...head.headers, ['x-forwarded-proto', 'http'], ['x-request-id', this.#process.clock.random.fork(`envoy ${this.#process.clock.now}`).uuid()]]
    const server = (this.#server ??= this.#connect())
    this.#asked.push({ head, at: this.#process.clock.now })
    server.send(writeRequest(head.method, head.target, headers, body))
  }

  /** With the client's own address, so that the server sees who asks. */
  #connect(): TcpConnection {
    const client = this.#client
    const { localAddress: address, localPort: port, remoteAddress: source } = client
    let head: ResponseHead | undefined
    let body: Uint8Array[] = []
    const answers = new ResponseParser({
      onHead: (got) => {
        head = got
        body = []
      },
      onBody: (data) => body.push(data),
      onComplete: () => this.#forward(head!, concatBytes(body)),
    })
    return this.#dp.network.sockets.connect(
      { address, port, source, transparent: true, mark: this.#mark, owner: { pid: this.#process.pid, program: 'cilium-envoy' } },
      {
        onData: (data) => {
          answers.withoutBody = this.#asked[0]?.head.method === 'HEAD'
          answers.push(data)
        },
        onEnd: () => {
          answers.end()
          client.end()
        },
        onClose: (error) => {
          this.#server = undefined
          if (error && error.code !== 'ECONNRESET') {
            this.#answer(503, 'Service Unavailable', `upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: ${error.message}`, true)
          } else if (error) client.abort()
        },
      },
    )
  }

  /** Envoy writes names of headers in lower case, calls the server itself, and says how long the other one took. */
  #forward({ status, reason, headers }: ResponseHead, body: Uint8Array): void {
    const asked = this.#asked.shift()
    if (asked) this.#tell('Response', asked.head, 'Forwarded', status, this.#process.clock.now - asked.at)
    const chunked = headerOf(headers, 'transfer-encoding') !== undefined
    const own: Headers = headers.filter(([name]) => !/^(server|transfer-encoding|connection|keep-alive)$/i.test(name)).map(([name, value]) => [name.toLowerCase(), value])
    if (chunked) own.push(['content-length', String(body.length)])
    own.push(['x-envoy-upstream-service-time', String(Math.round(this.#process.clock.now - (asked?.at ?? this.#process.clock.now)))], ['server', 'envoy'])
    this.#client.send(writeResponse(status, reason, own, body))
  }

  /** The access log, as `cilium-dbg monitor` prints it (pkg/monitor/logrecord.go). */
  #tell(kind: 'Request' | 'Response', head: RequestHead, verdict: 'Forwarded' | 'Denied', code: number, took = 0): void {
    const dp = this.#dp
    const { localAddress: server, localPort, remoteAddress: client, remotePort } = this.#client
    if (dp.flows.enabled) {
      dp.flows.request([client, remotePort], [server, localPort], 'tcp', {
        event: 'l7', what: 'http', verdict: verdict === 'Denied' ? 'DROPPED' : 'FORWARDED', direction: this.#direction === 'ingress' ? 'INGRESS' : 'EGRESS',
        l7: { kind: 'http', type: kind === 'Request' ? 'REQUEST' : 'RESPONSE', method: head.method, url: `http://${headerOf(head.headers, 'host') ?? ''}${head.target}`, code, latency: took, headers: head.headers },
      })
    }
    if (!dp.monitored) return
    const place = (ip: string): { id: number; text: string } => {
      const id = dp.identityAt(ip)
      return { id, text: `${dp.endpointAt(ip)?.id ?? 0} ([${labelLines(dp.identity(id).labels).join(' ')}])` }
    }
    const [from, to] = [place(client), place(server)]
    const endpoint = dp.endpointAt(this.#direction === 'ingress' ? server : client)?.id ?? 0
    const arrow = (this.#direction === 'ingress') === (kind === 'Request') ? '<-' : '->'
    const about = `${head.method} http://${headerOf(head.headers, 'host') ?? ''}${head.target} => ${code}`
    dp.tell('l7', endpoint, kind === 'Request'
      ? `${arrow} Request http from ${from.text} to ${to.text}, identity ${from.id}->${to.id}, verdict ${verdict} ${about}`
      : `${arrow} Response http to ${from.text} from ${to.text}, identity ${to.id}->${from.id}, verdict ${verdict} ${about}`)
  }

  #answer(status: number, reason: string, text: string, close: boolean): void {
    const body = encodeUtf8(text)
    const headers: Headers = [['content-length', String(body.length)], ['content-type', 'text/plain'], ['date', httpDate(this.#process.clock.wall())], ['server', 'envoy'], ...(close ? ([['connection', 'close']] as Headers) : [])]
    this.#client.send(writeResponse(status, reason, headers, body))
    if (close) this.#client.end()
  }
}

const patterns = new Map<string, RegExp | undefined>()

/** RE2 that fits the whole text; one that cannot be read fits nothing. */
function fits(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined || pattern === '') return true
  if (!patterns.has(pattern)) {
    try {
      patterns.set(pattern, new RegExp(`^(?:${pattern})$`))
    } catch {
      patterns.set(pattern, undefined)
    }
  }
  return patterns.get(pattern)?.test(text) ?? false
}

function httpAllows(rule: HttpRule, head: RequestHead): boolean {
  const path = head.target.replace(/^https?:\/\/[^/]*/, '').split(/[?#]/)[0]!
  const host = headerOf(head.headers, 'host') ?? ''
  if (!fits(rule.method, head.method) || !fits(rule.path, path) || !fits(rule.host, host)) return false
  const wanted = [
    ...(rule.headers ?? []).map((text) => ({ name: text.split(/[:\s]/)[0]!, value: text.includes(' ') ? text.slice(text.indexOf(' ') + 1).trim() : undefined })),
    ...(rule.headerMatches ?? []),
  ]
  return wanted.every(({ name, value }) => {
    const have = headerOf(head.headers, name)
    return have !== undefined && (value === undefined || value === '' || have === value)
  })
}
