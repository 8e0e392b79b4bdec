import { ConnectionError, type KubernetesClient, StatusError } from '../../engine/kubernetes/client.ts'
import { timestamp } from '../../engine/kubernetes/human-duration.ts'
import { statusAsSent } from '../../engine/kubernetes/status.ts'
import { byName } from '../../engine/own.ts'
import type { Kubectl } from './command.ts'
import { UnreachableError } from './errors.ts'
import { goJson } from './json.ts'
import type { JsonObject } from './objects.ts'
import { LEVEL, RequestDetails, type Wire } from './request-details.ts'

/** `-v`: klog's lines about the kubeconfig, client-go's feature gates and every request (client-go's transport/round_trippers.go). */
const GATES = { ClientsAllowCBOR: false, ClientsPreferCBOR: false, InOrderInformers: true, InformerResourceVersion: false, WatchListClient: false }

const STATUS_TEXTS: Record<number, string> = {
  200: 'OK', 201: 'Created', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 409: 'Conflict',
  410: 'Gone', 415: 'Unsupported Media Type', 422: 'Unprocessable Entity', 429: 'Too Many Requests', 500: 'Internal Server Error', 503: 'Service Unavailable', 504: 'Gateway Timeout',
}

type Query = Record<string, string | undefined>
export interface Request { verb: string; path: string; query?: Query; success?: number; body?: unknown; contentType?: string }
interface Options { [key: string]: unknown }

/** What is said when the kubeconfig has been read. */
export function loadedLines(k: Kubectl, paths: readonly string[]): string {
  return k.flags.int('v') >= LEVEL.requests ? paths.map((path) => `${k.logHead('I')} loader.go:402] Config loaded from file:  ${path}\n`).join('') : ''
}

/** What is said before the first request. */
export function gateLines(k: Kubectl): string {
  return k.flags.int('v') >= 1 ? Object.entries(GATES).map(([name, on]) => `${k.logHead('I')} envvar.go:172] "Feature gate default state" feature="${name}" enabled=${on}\n`).join('') : ''
}

/** What is logged of a refusal before kubectl says it in its own words. */
export function refusalLine(k: Kubectl, error: unknown): string {
  if (k.flags.int('v') < LEVEL.requests || !(error instanceof StatusError)) return ''
  return `${k.logHead('I')} helpers.go:246] server response object: %s[${goJson(statusAsSent(error.status), '  ')}]\n`
}

/** Path and query of a request. */
function targetOf(k: Kubectl, asked: Request): string {
  // some verbs ask here to be warned, where kubectl leaves that to the server
  const named = (name: string, value: string | undefined): boolean => value !== undefined && value !== '' && (name !== 'fieldValidation' || k.flags.has('validate'))
  const query = Object.entries(asked.query ?? {}).filter(([name, value]) => named(name, value)).map(([name, value]) => `${name}=${encodeURIComponent(value!).replaceAll('%20', '+')}`).join('&')
  return asked.path + (query ? `?${query}` : '')
}

/** The same client; of a request that nobody answers it is known what it was. */
export function blaming(k: Kubectl, client: KubernetesClient, server: string): KubernetesClient {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      const request = REQUESTS[String(key)]
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        try {
          return (value as (...args: unknown[]) => unknown).apply(target, args)
        } catch (error) {
          if (request && error instanceof ConnectionError && !(error instanceof UnreachableError)) {
            const asked = request(k.client, args)
            Object.assign(error, { asked: `${asked.verb[0]! + asked.verb.slice(1).toLowerCase()} "${server}${targetOf(k, asked)}"` })
          }
          throw error
        }
      }
    },
  })
}

/** The same client, each of its requests told as a line. */
export function logging(k: Kubectl, client: KubernetesClient, server: string, tell: (line: string) => void): KubernetesClient {
  if (k.flags.int('v') < LEVEL.requests) return client
  const details = k.flags.int('v') >= LEVEL.headers ? new RequestDetails(k, client, k.process.clock) : undefined
  let requests = 0
  const told = <T>(call: string, asked: Request, ask: () => T): T => {
    const target = targetOf(k, asked)
    const { verb, body, contentType } = asked
    const wire: Wire = { call, verb, target, url: server + target, body, ...(contentType === undefined ? {} : { contentType }) }
    const line = (code: number, answer?: unknown): void => {
      const status = `${code} ${STATUS_TEXTS[code] ?? ''}`
      // the first one has to greet the server before
      tell(details ? details.after(wire, code, status, answer) : `${k.logHead('I')} round_trippers.go:632] "Response" verb="${verb}" url="${wire.url}" status="${status}" milliseconds=${requests++ === 0 ? 5 : 1}\n`)
    }
    if (details) tell(details.before(wire))
    try {
      const answer = ask()
      line(asked.success ?? 200, answer)
      return answer
    } catch (error) {
      if (error instanceof StatusError) line(error.status.code ?? 500, error.status)
      throw error
    }
  }
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      const request = key === 'serverVersion' && k.path !== 'kubectl version' ? (VALIDATES.test(k.path) ? OPEN_API : undefined) : REQUESTS[String(key)]
      if (typeof value !== 'function') return value
      const call = (args: unknown[]): unknown => (value as (...args: unknown[]) => unknown).apply(target, args)
      return request ? (...args: unknown[]) => told(String(key), request(target, args), () => call(args)) : (...args: unknown[]) => call(args)
    },
  })
}

export function pathOf(client: KubernetesClient, word: unknown, namespace: unknown, ...more: unknown[]): string {
  const resource = client.findResource(String(word))
  const group = resource?.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource?.version ?? 'v1'}`
  const inside = namespace && resource?.namespaced !== false ? `/namespaces/${String(namespace)}` : ''
  return [group + inside, resource?.name ?? String(word), ...more.filter((part) => part !== undefined && part !== '')].join('/')
}

function writing(options: unknown): Query {
  const { dryRun, fieldManager, fieldValidation, force } = (options ?? {}) as Options
  return { dryRun: dryRun ? 'All' : undefined, fieldManager: fieldManager as string | undefined, fieldValidation: fieldValidation as string | undefined, force: force ? 'true' : undefined }
}

function listing(options: unknown): Query {
  const o = (options ?? {}) as Options
  const of = (name: string): string | undefined => (o[name] === undefined ? undefined : String(o[name]))
  return { continue: of('continue'), fieldSelector: of('fieldSelector'), labelSelector: of('labelSelector'), limit: of('limit'), resourceVersion: of('resourceVersion') }
}

const JSON_TYPE = 'application/json'

/** DeleteOptions. */
function deletion(options: unknown): JsonObject {
  const { gracePeriodSeconds, propagationPolicy, dryRun } = (options ?? {}) as Options
  return { ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }), propagationPolicy: propagationPolicy ?? 'Background', ...(dryRun ? { dryRun: ['All'] } : {}) }
}

/** Who asks whether there is a server at all asks it for what objects may have. */
const VALIDATES = /^kubectl (apply|create|replace)$/
const OPEN_API = (): Request => ({ verb: 'GET', path: '/openapi/v3', query: { timeout: '32s' } })

/** What each call of the client is on the wire. */
export const REQUESTS: Record<string, (client: KubernetesClient, args: unknown[]) => Request> = byName({
  serverVersion: () => ({ verb: 'GET', path: '/version', query: { timeout: '32s' } }),
  get: (c, [resource, namespace, name]) => ({ verb: 'GET', path: pathOf(c, resource, namespace, name) }),
  list: (c, [resource, options]) => ({ verb: 'GET', path: pathOf(c, resource, (options as Options | undefined)?.['namespace']), query: listing(options) }),
  create: (c, [resource, namespace, body, options]) => ({ verb: 'POST', path: pathOf(c, resource, namespace), query: writing(options), success: 201, body, contentType: JSON_TYPE }),
  update: (c, [resource, namespace, name, body, options]) => ({ verb: 'PUT', path: pathOf(c, resource, namespace, name, (options as Options | undefined)?.['subresource']), query: writing(options), body, contentType: JSON_TYPE }),
  patch: (c, [resource, namespace, name, type, body, options]) => ({ verb: 'PATCH', path: pathOf(c, resource, namespace, name, (options as Options | undefined)?.['subresource']), query: writing(options), body, contentType: String(type) }),
  createSubresource: (c, [resource, namespace, name, subresource, body, options]) => ({ verb: 'POST', path: pathOf(c, resource, namespace, name, subresource), query: writing(options), success: 201, body, contentType: JSON_TYPE }),
  scale: (c, [resource, namespace, name]) => ({ verb: 'GET', path: pathOf(c, resource, namespace, name, 'scale') }),
  delete: (c, [resource, namespace, name, options]) => ({ verb: 'DELETE', path: pathOf(c, resource, namespace, name), body: deletion(options), contentType: JSON_TYPE }),
  deleteCollection: (c, [resource, options, how]) => ({ verb: 'DELETE', path: pathOf(c, resource, (options as Options | undefined)?.['namespace']), query: listing(options), body: deletion(how), contentType: JSON_TYPE }),
  watch: (c, [resource, options]) => ({ verb: 'GET', path: pathOf(c, resource, (options as Options | undefined)?.['namespace']), query: { ...listing(options), watch: 'true' } }),
  logs: (c, [namespace, pod, options]) => {
    const o = (options ?? {}) as Options
    const of = (name: string): string | undefined => (o[name] ? String(o[name]) : undefined)
    return { verb: 'GET', path: pathOf(c, 'pods', namespace, pod, 'log'), query: { container: of('container'), follow: of('follow'), previous: of('previous'), sinceSeconds: of('sinceSeconds'), sinceTime: typeof o['sinceTime'] === 'number' ? timestamp(o['sinceTime']) : undefined, tailLines: o['tailLines'] === undefined ? undefined : String(o['tailLines']), timestamps: of('timestamps') } }
  },
})
