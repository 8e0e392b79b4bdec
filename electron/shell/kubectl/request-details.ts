import type { Clock } from '../../engine/clock.ts'
import type { KubernetesClient } from '../../engine/kubernetes/client.ts'
import { answerRequest } from '../../engine/kubernetes/http/handler.ts'
import { statusAsSent } from '../../engine/kubernetes/status.ts'
import type { Status } from '../../engine/kubernetes/types.ts'
import type { Kubectl } from './command.ts'
import { quote } from './errors.ts'
import { goJson, sortedGoJson } from './json.ts'
import { isObject, type JsonObject } from './objects.ts'

/**
 * What -v=7 to 10 add to a request's line: client-go's transport/round_trippers.go (headers, curl's command line, times)
 * and rest/request.go (bodies). The clients of Go's types speak protobuf with a real server from v1.33 on; their bodies
 * are shown as the JSON of the same objects.
 */
export const LEVEL = { requests: 6, headers: 7, bodies: 8, curl: 9, whole: 10 }

/** rest.truncateBody: the characters of a body that are shown. */
const SHOWN: Record<number, number> = { 8: 1024, 9: 10_240 }

/** kubectl's User-Agent. */
export const AGENT = 'kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0'
const TABLES = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'

export interface Wire {
  /** The method of the client. */
  call: string
  verb: string
  url: string
  /** Path and query. */
  target: string
  body?: unknown
  contentType?: string
}
type Header = readonly [name: string, value: string]
interface Answer { code: number; headers: readonly Header[]; body: string }

/** Verbs that read objects of any type as they are; the others ask as Go's REST clients do by themselves. */
const ANY_TYPE = /^kubectl (annotate|apply|create|delete|describe|diff|edit|get|label|patch|replace|scale|wait)\b/

/** Which line of which file logs the body of a call: those of cli-runtime's Helper, or of Go's typed clients. */
const LOGGED_AT: Record<string, string> = {
  serverVersion: 'discovery_client.go:657', get: 'helper.go:105', list: 'helper.go:113', create: 'helper.go:246', update: 'helper.go:319', patch: 'helper.go:269', delete: 'helper.go:202',
  deleteCollection: 'helper.go:202', watch: 'request.go:759', logs: 'logs.go:469', createSubresource: 'type.go:252', scale: 'client.go:149',
}
const DYNAMIC_AT: Record<string, string> = { get: 'simple.go:247', list: 'simple.go:280' }
const TYPED_AT: Record<string, string> = { get: 'type.go:168', list: 'type.go:204', create: 'type.go:252', patch: 'type.go:328' }

/** Those who wait for what they have found or deleted ask with the dynamic client. */
const WAITED_AT = /^kubectl (delete|wait|rollout status)\b/

/** klog's way with a text: in quotes, or as a block where it has several lines. */
function value(text: string): string {
  return text.includes('\n') ? `<\n${text.replace(/\n$/, '').split('\n').map((line) => `\t${line}\n`).join('')} >` : quote(text)
}

function block(headers: readonly Header[]): string {
  const lines = [...headers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => `\t${name}: ${text}\n`)
  return `<\n${lines.join('')} >`
}

/** As Go writes its types. */
function kindFirst({ kind, apiVersion, ...rest }: JsonObject): JsonObject {
  return { ...(kind === undefined ? {} : { kind }), ...(apiVersion === undefined ? {} : { apiVersion }), ...rest }
}

/** The lines of one kubectl's requests. */
export class RequestDetails {
  readonly #k: Kubectl
  readonly #level: number
  readonly #client: KubernetesClient
  readonly #clock: Clock
  #requests = 0
  /** Of the request under way: whose client asks, and where its bodies are logged. */
  #typed = false
  #at = ''

  constructor(k: Kubectl, client: KubernetesClient, clock: Clock) {
    this.#k = k
    this.#level = k.flags.int('v')
    this.#client = client
    this.#clock = clock
  }

  /** Said before the request goes. */
  before(wire: Wire): string {
    const { verb, url } = wire
    this.#typed = this.#isTyped(wire)
    this.#at = this.#placeOf(wire)
    const headers = this.#headers(wire)
    const curl = (): string => `curl -v -X${verb}  ${headers.map(([name, text]) => `-H "${name}: ${text}"`).join(' ')} '${url}'`
    const request = this.#level >= LEVEL.curl
      ? this.#line('round_trippers.go:527', `"Request" curlCommand=${value(`${curl()}\n`)}`)
      : this.#line('round_trippers.go:527', `"Request" verb="${verb}" url="${url}" headers=${block(headers)}`)
    const dialled = this.#level >= LEVEL.curl && this.#requests === 0 ? this.#line('round_trippers.go:562', `"HTTP Trace: Dial succeed" network="tcp" address="${new RegExp('//([^/]+)').exec(url)?.[1] ?? ''}"`) : ''
    return this.#body('Request', this.#sent(wire)) + request + dialled
  }

  /** Said of its answer: `answer` is what the client got, if that was an object. */
  after(wire: Wire, code: number, status: string, answer: unknown): string {
    const milliseconds = this.#requests++ === 0 ? 5 : 1
    const got = this.#answer(wire, code, answer)
    const first = this.#requests === 1
    const which = this.#level >= LEVEL.curl ? `verb="${wire.verb}" url="${wire.url}" ` : ''
    const headers = this.#level >= LEVEL.bodies ? ` headers=${block(got.headers)}` : ''
    const times = this.#level < LEVEL.curl ? '' : first ? ' dnsLookupMilliseconds=0 dialMilliseconds=0 tlsHandshakeMilliseconds=3 serverProcessingMilliseconds=1' : ' getConnectionMilliseconds=0 serverProcessingMilliseconds=1'
    const line = this.#line('round_trippers.go:632', `"Response" ${which}status="${status}"${headers} milliseconds=${milliseconds}${times}`)
    // a stream is not read ahead
    return wire.call === 'watch' || wire.call === 'logs' ? line : line + this.#body('Response', got.body)
  }

  #line(at: string, text: string): string {
    return `${this.#k.logHead('I')} ${at}] ${text}\n`
  }

  #body(which: 'Request' | 'Response', body: string): string {
    if (this.#level < LEVEL.bodies) return ''
    const limit = this.#level >= LEVEL.whole ? Infinity : SHOWN[this.#level]!
    const shown = body.length > limit ? `${body.slice(0, limit)} [truncated ${body.length - limit} chars]` : body
    return this.#line(this.#at, `"${which} Body" body=${value(shown)}`)
  }

  #placeOf({ call, target }: Wire): string {
    if (target.startsWith('/openapi')) return 'client.go:46'
    if (call === 'patch' && this.#k.path === 'kubectl scale') return 'client.go:232'
    const own = this.#typed ? TYPED_AT : WAITED_AT.test(this.#k.path) && this.#requests > 0 ? DYNAMIC_AT : {}
    return own[call] ?? LOGGED_AT[call] ?? ''
  }

  /** Whether a client of Go's types asks: create's subcommands, describe after it has found the object, … */
  #isTyped({ call }: Wire): boolean {
    const { path } = this.#k
    if (/^kubectl (auth|events|top|certificate)\b/.test(path) || /^kubectl create \S/.test(path)) return true
    if (/^kubectl (cordon|uncordon|drain)\b/.test(path)) return call !== 'get'
    return path === 'kubectl describe' && this.#requests > 0
  }

  #headers(wire: Wire): Header[] {
    const of = (name: string): string => (this.#k.flags.has(name) ? this.#k.flags.string(name) : '')
    const headers: Header[] = [['Accept', this.#accept(wire)], ['User-Agent', AGENT]]
    if (wire.contentType !== undefined) headers.push(['Content-Type', wire.contentType])
    if (of('token') !== '') headers.push(['Authorization', 'Bearer <masked>'])
    if (of('as') !== '') headers.push(['Impersonate-User', of('as')])
    for (const group of this.#k.flags.has('as-group') ? this.#k.flags.list('as-group') : []) headers.push(['Impersonate-Group', group])
    return headers
  }

  #accept(wire: Wire): string {
    const { path, flags } = this.#k
    if (path === 'kubectl get' && /^$|^wide$/.test(flags.string('output')) && wire.call !== 'serverVersion') return TABLES
    const any = ANY_TYPE.test(path) && wire.call !== 'serverVersion' && !(wire.call === 'patch' && path === 'kubectl scale')
    return this.#typed || any ? 'application/json' : 'application/json, */*'
  }

  #sent({ body, contentType }: Wire): string {
    if (body === undefined) return ''
    if (typeof body === 'string') return body
    if (contentType !== 'application/json') return sortedGoJson(body)
    return `${/^kubectl (run|auth)\b|^kubectl create \S/.test(this.#k.path) && isObject(body) ? goJson(kindFirst(body)) : sortedGoJson(body)}\n`
  }

  /** As it is on the wire: what only looks is asked there, what writes had its answer. */
  #answer(wire: Wire, code: number, answer: unknown): Answer {
    const own: Header[] = [['Audit-Id', this.#clock.random.fork(`audit ${this.#clock.now} ${this.#k.process.pid} ${this.#requests}`).uuid()], ['Date', new Date(this.#clock.wall()).toUTCString()]]
    if (this.#level < LEVEL.bodies) return { code, headers: own, body: '' }
    const sent: Answer = { code, headers: [], body: '' }
    if (wire.verb === 'GET' && wire.call !== 'watch' && wire.call !== 'logs') {
      // the path again, as whoever asked
      answerRequest({ clock: this.#clock, client: this.#client, unrecorded: true }, { method: 'GET', target: wire.target, accept: this.#accept(wire), userAgent: AGENT, body: new Uint8Array() }, {
        head: (_, headers) => (sent.headers = headers),
        data: (chunk) => { if (typeof chunk === 'string') sent.body += chunk },
        end: () => undefined,
      })
    } else {
      sent.headers = [['Cache-Control', 'no-cache, private'], ['Content-Type', wire.call === 'logs' ? 'text/plain' : 'application/json']]
      if (isObject(answer)) {
        sent.body = `${goJson(answer['kind'] === 'Status' ? statusAsSent(answer as unknown as Status) : kindFirst(answer))}\n`
      }
    }
    return { ...sent, headers: [...own, ...sent.headers] }
  }
}
