import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import { byName } from '../../own.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { clientCertHeaders } from './client-cert.ts'
import { GATEWAY_KINDS } from './gateway/filters.ts'
import { cors, period, securityHeaders, userOf, type Buckets } from './guards.ts'
import type { Dynamic, Middleware } from './model.ts'
import { inRange, pattern } from './rules.ts'

/** A request on its way through the middlewares, and what they will do to the answer. */
export interface Passing {
  request: HttpRequest
  /** Path and query as they go on. */
  target: string
  /** Set, or with an empty value taken away. */
  requestHeaders: Headers
  responseHeaders: Headers
  readonly buckets: Buckets
  /** ms that a rate makes it wait. */
  wait: number
  /** retry: tries in all. */
  tries: number
}

/** What a middleware answers itself. */
export interface OwnAnswer { status: number; headers: Headers; body: string }

const REASONS: Readonly<Record<number, string>> = { 301: 'Moved Permanently', 302: 'Found', 307: 'Temporary Redirect', 308: 'Permanent Redirect', 403: 'Forbidden' }

/** A server that must be asked before the request goes on: pkg/middlewares/auth/forward.go. */
export interface Question { ask: Record<string, unknown> }

/** Those of the chains among them, in order; what nobody has made is left out. */
export function flattened(names: readonly string[], { middlewares }: Pick<Dynamic, 'middlewares'>): Middleware[] {
  return names.flatMap((name) => {
    const middleware = middlewares.get(name)
    if (middleware?.kind !== 'chain') return middleware ? [{ ...middleware, settings: { ...middleware.settings, name } }] : []
    const inner = (middleware.settings['middlewares'] ?? []) as { name: string; namespace?: string }[]
    return flattened(inner.map((m) => `${m.namespace ?? middleware.namespace}-${m.name}@kubernetescrd`), { middlewares })
  })
}

/** What one middleware does with a request (pkg/middlewares). */
export function applyMiddleware({ kind, settings }: Middleware, passing: Passing): OwnAnswer | Question | undefined {
  if (kind === 'forwardAuth') return { ask: settings }
  const one = KINDS[kind] ?? GATEWAY_KINDS[kind]
  if (!one) return { status: 501, headers: [], body: `podhop: not simulated: Traefik's middleware ${kind} (addPrefix, stripPrefix, stripPrefixRegex, replacePath, replacePathRegex, redirectScheme, redirectRegex, headers, ipAllowList, basicAuth, digestAuth, forwardAuth, errors, rateLimit, inFlightReq, circuitBreaker, retry, buffering, compress, contentType, passTLSClientCert and chain are)\n` }
  return one(settings, passing)
}

export function isSimulated(kind: string): boolean {
  return kind === 'chain' || kind === 'forwardAuth' || kind === 'errors' || kind === 'inFlightReq' || kind === 'circuitBreaker' || kind in KINDS || kind in GATEWAY_KINDS
}

const KINDS: Readonly<Record<string, (settings: Record<string, unknown>, passing: Passing) => OwnAnswer | undefined>> = byName({
  addPrefix: ({ prefix }, passing) => void (passing.target = String(prefix ?? '') + passing.target),
  stripPrefix: ({ prefixes }, passing) => {
    const prefix = ((prefixes ?? []) as string[]).find((p) => passing.target.split('?')[0]!.startsWith(p))
    if (prefix !== undefined) strip(passing, prefix)
    return undefined
  },
  stripPrefixRegex: ({ regex }, passing) => {
    for (const text of (regex ?? []) as string[]) {
      const found = pattern(text).exec(passing.target.split('?')[0]!)
      if (found?.index !== 0 || found[0] === '') continue
      strip(passing, found[0])
      break
    }
    return undefined
  },
  replacePath: ({ path }, passing) => {
    const [old, query] = parts(passing.target)
    passing.requestHeaders.push(['X-Replaced-Path', old])
    passing.target = `${String(path ?? '')}${query}`
    return undefined
  },
  replacePathRegex: ({ regex, replacement }, passing) => {
    const [old, query] = parts(passing.target)
    const expression = pattern(String(regex ?? ''))
    if (!expression.test(old)) return undefined
    passing.requestHeaders.push(['X-Replaced-Path', old])
    passing.target = `${old.replace(new RegExp(expression, `${expression.flags}g`), goReplacement(String(replacement ?? '')))}${query}`
    return undefined
  },
  redirectScheme: (settings, { request, target }) => redirected(settings, request, target),
  redirectRegex: ({ regex, replacement, permanent }, { request, target }) => {
    const url = `${request.tls ? 'https' : 'http'}://${header(request, 'host')}${target}`
    const expression = pattern(String(regex ?? ''))
    if (!expression.test(url)) return undefined
    const next = url.replace(expression, goReplacement(String(replacement ?? '')))
    return next === url ? undefined : redirect(request, next, permanent === true)
  },
  headers: (settings, passing) => {
    const { customRequestHeaders, customResponseHeaders } = settings
    const { headers, preflight } = cors(settings, passing.request)
    if (preflight) return { status: 200, headers, body: '' }
    passing.responseHeaders.push(...headers, ...securityHeaders(settings, passing.request))
    passing.requestHeaders.push(...(Object.entries(customRequestHeaders ?? {}) as [string, string][]))
    passing.responseHeaders.push(...(Object.entries(customResponseHeaders ?? {}) as [string, string][]))
    return undefined
  },
  ipAllowList: ({ sourceRange, rejectStatusCode }, { request }) => {
    if (((sourceRange ?? []) as string[]).some((range) => inRange(range, request.remoteAddress))) return undefined
    const status = Number(rejectStatusCode ?? 403)
    return { status, headers: [], body: REASONS[status] ?? '' }
  },
  ipWhiteList: ({ sourceRange }, { request }) => (((sourceRange ?? []) as string[]).some((range) => inRange(range, request.remoteAddress)) ? undefined : { status: 403, headers: [], body: 'Forbidden' }),
  basicAuth: ({ users, realm, headerField, removeHeader }, passing) => {
    const user = typeof users === 'string' ? userOf(users, passing.request) : undefined
    if (user === undefined) return { status: 401, headers: [['Content-Type', 'text/plain'], ['Www-Authenticate', `Basic realm="${typeof realm === 'string' && realm !== '' ? realm : 'traefik'}"`]], body: '401 Unauthorized\n' }
    if (typeof headerField === 'string' && headerField !== '') passing.requestHeaders.push([headerField, user])
    if (removeHeader === true) passing.requestHeaders.push(['Authorization', ''])
    return undefined
  },
  digestAuth: ({ name, users, realm, headerField, removeHeader }, passing) => {
    const said = passing.buckets.digest(String(name)).check(typeof users === 'string' ? users : '', typeof realm === 'string' && realm !== '' ? realm : 'traefik', passing.request)
    if ('challenge' in said) return { status: 401, headers: [['Content-Type', 'text/plain'], ['Www-Authenticate', said.challenge]], body: '401 Unauthorized\n' }
    if (typeof headerField === 'string' && headerField !== '') passing.requestHeaders.push([headerField, said.user])
    if (removeHeader === true) passing.requestHeaders.push(['Authorization', ''])
    return undefined
  },
  rateLimit: ({ name, average, burst, period: time, sourceCriterion }, passing) => {
    const rate = (Number(average ?? 0) * 1000) / period(time)
    if (!(rate > 0)) return undefined
    const source = sourceOf(sourceCriterion, passing.request, 'address')
    const found = passing.buckets.reserve(`${String(name)} ${source}`, rate, Math.max(1, Number(burst ?? 1)), rate < 1 ? 500 : 1000 / (2 * Math.floor(rate)))
    if ('refused' in found) return { status: 429, headers: [['Retry-After', String(Math.ceil(found.refused / 1000))], ['X-Retry-In', goDuration(Math.round(found.refused))]], body: 'Too Many Requests' }
    passing.wait += found.wait
    return undefined
  },
  // proxy.ts makes answers smaller on their way back
  compress: () => undefined,
  contentType: () => undefined,
  passTLSClientCert: (settings, { request, requestHeaders }) => void requestHeaders.push(...clientCertHeaders(settings, request.tls?.chain ?? [])),
  retry: ({ attempts }, passing) => void (passing.tries = Math.max(1, Number(attempts ?? 1))),
  buffering: ({ maxRequestBodyBytes }, { request }) => (Number(maxRequestBodyBytes ?? 0) > 0 && request.body.length > Number(maxRequestBodyBytes) ? { status: 413, headers: [], body: 'Request Entity Too Large' } : undefined),
})

/** redirectScheme; undefined where the request has the scheme already. */
export function redirected({ scheme, port, permanent }: Record<string, unknown>, request: HttpRequest, target = request.target): OwnAnswer | undefined {
  const wanted = String(scheme ?? '')
  if ((request.tls ? 'https' : 'http') === wanted) return undefined
  const suffix = port === undefined || port === '' || (wanted === 'https' && port === '443') || (wanted === 'http' && port === '80') ? '' : `:${String(port)}`
  return redirect(request, `${wanted}://${hostOf(request)}${suffix}${target}`, permanent === true)
}

/** Whom a middleware counts: a header, the host, or the client's address; `otherwise` where nothing is said. */
export function sourceOf(criterion: unknown, request: HttpRequest, otherwise: 'address' | 'host'): string {
  const by = (criterion ?? {}) as { requestHeaderName?: string; requestHost?: boolean; ipStrategy?: object }
  if (by.requestHeaderName) return header(request, by.requestHeaderName.toLowerCase())
  return by.requestHost || (otherwise === 'host' && by.ipStrategy === undefined) ? hostOf(request) : request.remoteAddress
}

function strip(passing: Passing, prefix: string): void {
  passing.requestHeaders.push(['X-Forwarded-Prefix', prefix.replace(/\/$/, '') || prefix])
  const rest = passing.target.slice(prefix.length)
  passing.target = rest.startsWith('/') ? rest : `/${rest}`
}

function parts(target: string): [path: string, query: string] {
  const at = target.indexOf('?')
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at)]
}

/** Go's "$1" and "${1}" are JavaScript's "$1"; "$1x" would be a group of that name. */
function goReplacement(text: string): string {
  return text.replace(/\$\{(\w+)\}/g, (_, n: string) => `$${n}`)
}

function header(request: HttpRequest, name: string): string {
  return request.headers.find(([n]) => n.toLowerCase() === name)?.[1] ?? ''
}

function hostOf(request: HttpRequest): string {
  return header(request, 'host').replace(/:[0-9]+$/, '')
}

function redirect(request: HttpRequest, location: string, permanent: boolean): OwnAnswer {
  const safe = request.method === 'GET'
  const status = permanent ? (safe ? 301 : 308) : safe ? 302 : 307
  return { status, headers: [['Location', location]], body: REASONS[status]! }
}

/** Sets, or takes away, headers by name. */
export function withHeaders(headers: Headers, changes: Headers): Headers {
  let out = headers
  for (const [name, value] of changes) {
    out = out.filter(([n]) => n.toLowerCase() !== name.toLowerCase())
    if (value !== '') out.push([name, value])
  }
  return out
}

export function bodyOf(text: string): Uint8Array {
  return encodeUtf8(text)
}
