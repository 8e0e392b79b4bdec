import { decodeUtf8 } from '../../text.ts'
import { own } from '../../own.ts'
import { impersonated, type User } from '../rbac/authorizer.ts'
import { attributesOf, isLongRunning, type Asked } from '../requests/asked.ts'
import type { OpenRequest, Requests } from '../requests/requests.ts'
import { mediaType, parseBody } from './body.ts'
import type { ApiRequest, ApiSink } from './exchange.ts'
import type { RequestInfo } from './request-info.ts'

/** A request over HTTP as the server's records have it. `user`: undefined for one whom nobody knows. */
export function askedOverHttp(requests: Requests, request: ApiRequest, info: RequestInfo, user: User | undefined): Asked {
  const { method, target, impersonate, body } = request
  const attributes = attributesOf(method, info)
  const type = mediaType(request.contentType ?? '')
  return {
    method, uri: target, attributes, user, version: info.resource?.version, userAgent: request.userAgent ?? '', sourceIp: request.remoteAddress ?? requests.laptop,
    dryRun: info.query.get('dryRun') === 'All', applies: type === 'application/apply-patch+yaml', bearer: request.headers?.some(([name]) => name.toLowerCase() === 'authorization') ?? false,
    ...(impersonate ? { impersonated: impersonated(impersonate.user, impersonate.groups, impersonate.uid) } : {}),
    ...(body.length > 0 ? { body: () => readBody(body, request.contentType ?? '') } : {}),
  }
}

/** Nobody says what is wrong with it: he who asks hears that. */
function readBody(body: Uint8Array, contentType: string): unknown {
  try {
    return own({ 'application/json-patch+json': true, 'application/merge-patch+json': true, 'application/strategic-merge-patch+json': true }, mediaType(contentType)) ? (JSON.parse(decodeUtf8(body)) as unknown) : parseBody(body, contentType === 'application/apply-patch+yaml' ? 'application/yaml' : contentType)
  } catch {
    return undefined
  }
}

/** The same sink; what goes into it is what the request came to. */
export class RecordedSink implements ApiSink {
  readonly #sink: ApiSink
  readonly #open: OpenRequest
  readonly #keeps: boolean
  readonly #chunks: (string | Uint8Array)[] = []
  #code = 200
  #size = 0

  constructor(sink: ApiSink, requests: Requests, asked: Asked) {
    this.#sink = sink
    this.#open = requests.begin(asked)
    this.#keeps = requests.audit !== undefined && !isLongRunning(asked.attributes)
  }

  head(status: number, headers: Parameters<ApiSink['head']>[1]): void {
    this.#code = status
    this.#open.started(status)
    this.#sink.head(status, headers)
  }

  data(chunk: string | Uint8Array): void {
    this.#size += chunk.length
    if (this.#keeps) this.#chunks.push(chunk)
    this.#sink.data(chunk)
  }

  end(): void {
    this.finish()
    this.#sink.end()
  }

  /** Also when who asked went away. */
  finish(code = this.#code): void {
    this.#open.ended(code, this.#answer(), this.#size)
  }

  /** There was no server to answer. */
  postpone(): void {
    this.#open.postponed()
  }

  #answer(): unknown {
    if (this.#chunks.length === 0) return undefined
    try {
      return JSON.parse(this.#chunks.map((chunk) => (typeof chunk === 'string' ? chunk : decodeUtf8(chunk))).join('')) as unknown
    } catch {
      return undefined
    }
  }
}
