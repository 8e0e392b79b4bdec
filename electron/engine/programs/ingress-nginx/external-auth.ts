import type { Process } from '../../machine/types.ts'
import { askUpstream } from '../http/client.ts'
import { headerOf, writeRequest, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { libcOf } from '../../dns/resolver.ts'
import { upstreamFailure } from '../nginx/failure.ts'
import { readDurations, type AuthCache, type Remembered, type Validity } from './auth-cache.ts'
import { addressOf, expand, readUrl } from './variables.ts'

/** auth-url and its kin: a server of one's own is asked about each request (annotations/authreq, and auth_request in the template). */
export interface ExternalAuth {
  url: string
  method: string
  signin: string | undefined
  /** The parameter of `signin` that tells where the client wanted to go. */
  redirectParam: string
  /** Of the answer, for the backend. */
  responseHeaders: readonly string[]
  requestRedirect: string | undefined
  /** auth-method is said: then the URL and scheme of the request are told, too. */
  tells: boolean
  /** auth-cache-key, with nginx' variables; undefined: asked each time. */
  cacheKey: string | undefined
  cacheDurations: readonly Validity[]
  /** auth-cache-duration as nginx.conf has it. */
  cacheLines: readonly string[]
  /** Its cookies are given to the client whatever the backend answers. */
  alwaysCookie: boolean
  /** auth-proxy-set-headers: a ConfigMap, "namespace/name". */
  headersFrom: string | undefined
  /** auth-snippet: proxy_set_header of the request that asks. */
  snippet: Headers
}

/** auth-…, or with the prefix "global-" the ConfigMap's own; `namespace`: of a ConfigMap that says none. */
export function externalAuthOf(of: (short: string) => string | undefined, prefix: '' | 'global-', namespace: string, snippet: Headers = []): ExternalAuth | undefined {
  const get = (short: string): string | undefined => of(`${prefix}auth-${short}`) || undefined
  const url = get('url')
  if (url === undefined) return undefined
  const durations = readDurations(get('cache-duration'))
  const from = get('proxy-set-headers')
  return {
    url, method: (get('method') ?? 'GET').toUpperCase(), tells: get('method') !== undefined, signin: get('signin'), redirectParam: get('signin-redirect-param') ?? 'rd', requestRedirect: get('request-redirect'),
    responseHeaders: (get('response-headers') ?? '').split(',').map((name) => name.trim()).filter((name) => name !== ''),
    cacheKey: get('cache-key'), cacheDurations: 'durations' in durations ? durations.durations : [], cacheLines: 'said' in durations ? durations.said : [],
    alwaysCookie: /^(1|t|true)$/i.test(get('always-set-cookie') ?? ''), headersFrom: from === undefined || from.includes('/') ? from : `${namespace}/${from}`, snippet,
  }
}

/** Where it is asked for, and what its ConfigMap sets. */
export interface Asked { cache: AuthCache; place: string; set: Headers }

export type Verdict = { granted: Headers; cookies: Headers } | { status: 401 | 403 | 500; headers: Headers } | { signin: string; cookies: Headers }

const GONE = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'upgrade', 'expect', 'host', 'x-forwarded-proto', 'x-request-id', 'x-original-url', 'x-original-method', 'x-sent-from', 'x-real-ip', 'x-forwarded-for', 'x-auth-request-redirect'])

/** `error` writes a line of the error log. Calls `done` once. */
export function askPermission(process: Process, auth: ExternalAuth, { cache, place, set }: Asked, request: HttpRequest, uri: string, id: string, error: (line: string, upstream?: string) => void, done: (verdict: Verdict) => void): void {
  const fail = (status: number): void => {
    error(`auth request unexpected status: ${status}`)
    done({ status: 500, headers: [] })
  }
  const scheme = request.tls ? 'https' : 'http'
  const host = headerOf(request.headers, 'host') ?? ''
  const judge = ({ status, headers: said }: Remembered): void => {
    const cookies: Headers = said.filter(([n]) => n.toLowerCase() === 'set-cookie')
    if (status >= 200 && status < 300) return done({ granted: auth.responseHeaders.map((name) => [name, headerOf(said, name) ?? '']), cookies })
    if (status === 401 && auth.signin !== undefined) return done({ signin: signinUrl(expand(auth.signin, request, uri), auth.redirectParam, `${scheme}://${host}`, uri), cookies })
    if (status === 401) return done({ status, headers: said.filter(([n]) => n.toLowerCase() === 'www-authenticate') })
    if (status === 403) return done({ status, headers: [] })
    fail(status)
  }
  const key = auth.cacheKey === undefined ? undefined : `${place} ${expand(auth.cacheKey, request, uri)}`
  const known = key === undefined ? undefined : cache.find(key)
  if (known) return judge(known)
  const url = readUrl(expand(auth.url, request, uri))
  if (!url) {
    error(`invalid URL prefix in "${expand(auth.url, request, uri)}"`)
    return fail(500)
  }
  const own: Headers = [...set, ...auth.snippet.map(([name, value]): [string, string] => [name, expand(value, request, uri)])]
  const replaced = new Set([...own.map(([name]) => name.toLowerCase()), ...(auth.tells ? ['x-original-uri', 'x-scheme'] : [])])
  const headers: Headers = ([
    ['X-Request-ID', id], ['Host', url.name], ['X-Original-URL', `${scheme}://${host}${uri}`], ['X-Original-Method', request.method], ['X-Sent-From', 'nginx-ingress-controller'], ['X-Real-IP', request.remoteAddress], ['X-Forwarded-For', request.remoteAddress],
    ['X-Auth-Request-Redirect', auth.requestRedirect === undefined ? uri : expand(auth.requestRedirect, request, uri)],
    ...request.headers.filter(([n]) => !GONE.has(n.toLowerCase())),
  ] satisfies Headers).filter(([n]) => !replaced.has(n.toLowerCase()))
  if (auth.tells) headers.push(['X-Original-URI', uri], ['X-Scheme', scheme])
  headers.push(...own.filter(([, value]) => value !== ''))
  process.spawnThread((function* () {
    const found = yield* addressOf(process, url.name)
    if ('error' in found) {
      error(found.error)
      return fail(502)
    }
    askUpstream(process, {
      address: found.address, port: url.port, program: 'nginx', method: auth.method, bytes: writeRequest(auth.method, url.path, headers), connectTimeout: 5_000, readTimeout: 60_000, ...(url.scheme === 'https' ? { tls: { serverName: url.name } } : {}),
    }, (outcome) => {
      if (!('head' in outcome)) {
        error(upstreamFailure(outcome, libcOf(process)), `${url.scheme}://${found.address}:${url.port}${url.path}`)
        return fail(outcome.error === 'ETIMEDOUT' ? 504 : 502)
      }
      const answer = { status: outcome.head.status, headers: outcome.head.headers }
      if (key !== undefined) cache.keep(key, answer, auth.cacheDurations)
      judge(answer)
    })
  })())
}

/** buildAuthSignURL of template.go: who signs in comes back to where he was. */
function signinUrl(signin: string, param: string, origin: string, uri: string): string {
  const query = signin.includes('?') ? signin.slice(signin.indexOf('?') + 1) : ''
  if (query.split('&').some((pair) => pair.startsWith(`${param}=`) && pair.length > param.length + 1)) return signin
  return `${signin}${query === '' ? (signin.includes('?') ? '' : '?') : '&'}${param}=${origin}${encodeURIComponent(uri)}`
}
