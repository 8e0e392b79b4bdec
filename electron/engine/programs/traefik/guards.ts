import type { Clock } from '../../clock.ts'
import { basicCredentials, checkPassword } from '../http/htpasswd.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import { DigestGuard } from './digest-auth.ts'

/** What Traefik's middlewares remember between requests: the buckets of rateLimit, who is on the way for inFlightReq, circuit breakers, and nonces. */
export class Buckets {
  readonly #clock: Clock
  readonly #known = new Map<string, { tokens: number; at: number }>()

  readonly #flying = new Map<string, number>()
  readonly #breakers = new Map<string, CircuitBreaker>()
  readonly #digests = new Map<string, DigestGuard>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** inFlightReq (vulcand/oxy's connlimit): what leaves again, or undefined where there are already so many. */
  fly(key: string, most: number): (() => void) | undefined {
    const flying = this.#flying.get(key) ?? 0
    if (flying >= most) return undefined
    this.#flying.set(key, flying + 1)
    return () => {
      const left = this.#flying.get(key)! - 1
      if (left > 0) this.#flying.set(key, left)
      else this.#flying.delete(key)
    }
  }

  /** digestAuth's nonces. */
  digest(key: string): DigestGuard {
    let guard = this.#digests.get(key)
    if (!guard) this.#digests.set(key, (guard = new DigestGuard(this.#clock)))
    return guard
  }

  /** One for each router that has it: `make` a new one where settings have changed, which `key` has in it. */
  breaker(key: string, make: (clock: Clock) => CircuitBreaker): CircuitBreaker {
    let breaker = this.#breakers.get(key)
    if (!breaker) this.#breakers.set(key, (breaker = make(this.#clock)))
    return breaker
  }

  /**
   * golang.org/x/time/rate's Reserve, as pkg/middlewares/ratelimiter asks it: ms to wait. `rate`: tokens a second. What would wait
   * longer than `most` is refused and takes no token.
   */
  reserve(key: string, rate: number, burst: number, most: number): { wait: number } | { refused: number } {
    const { now } = this.#clock
    const known = this.#known.get(key) ?? { tokens: burst, at: now }
    const tokens = Math.min(burst, known.tokens + ((now - known.at) * rate) / 1000) - 1
    const wait = tokens >= 0 ? 0 : (-tokens * 1000) / rate
    if (wait > most) return { refused: wait }
    this.#known.set(key, { tokens, at: now })
    return { wait }
  }
}

/** basicAuth (abbot/go-http-auth): the user that it knows, or undefined. */
export function userOf(users: string, request: HttpRequest): string | undefined {
  const credentials = basicCredentials(headerOf(request.headers, 'authorization'))
  return credentials && checkPassword(users, credentials.user, credentials.password) === 'right' ? credentials.user : undefined
}

/** "1s", "1m0s", or seconds as a number; ms. */
export function period(value: unknown): number {
  if (typeof value === 'number') return value * 1000
  let total = 0
  for (const [, n, unit] of String(value ?? '1s').matchAll(/([\d.]+)(h|ms|m|s)/g)) total += Number(n) * { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }[unit as 's']
  return total || (/^\d+$/.test(String(value)) ? Number(value) * 1000 : 1000)
}

/** Fields of `headers` that are served; others are told of. */
export const HEADER_FIELDS: ReadonlySet<string> = new Set([
  'customRequestHeaders', 'customResponseHeaders', 'frameDeny', 'customFrameOptionsValue', 'contentTypeNosniff', 'browserXssFilter', 'customBrowserXSSValue', 'contentSecurityPolicy', 'referrerPolicy', 'permissionsPolicy', 'stsSeconds', 'stsIncludeSubdomains', 'stsPreload',
  'forceSTSHeader', 'accessControlAllowCredentials', 'accessControlAllowHeaders', 'accessControlAllowMethods', 'accessControlAllowOriginList', 'accessControlExposeHeaders', 'accessControlMaxAge', 'addVaryHeader',
])

/** The security headers of unrolled/secure. */
export function securityHeaders(settings: Record<string, unknown>, request: HttpRequest): Headers {
  const out: Headers = []
  const text = (name: string): string => (typeof settings[name] === 'string' ? settings[name] : '')
  const sts = Number(settings['stsSeconds'] ?? 0)
  if (sts > 0 && (request.tls !== undefined || settings['forceSTSHeader'] === true)) out.push(['Strict-Transport-Security', `max-age=${sts}${settings['stsIncludeSubdomains'] === true ? '; includeSubDomains' : ''}${settings['stsPreload'] === true ? '; preload' : ''}`])
  if (text('customFrameOptionsValue') !== '') out.push(['X-Frame-Options', text('customFrameOptionsValue')])
  else if (settings['frameDeny'] === true) out.push(['X-Frame-Options', 'DENY'])
  if (settings['contentTypeNosniff'] === true) out.push(['X-Content-Type-Options', 'nosniff'])
  if (text('customBrowserXSSValue') !== '') out.push(['X-XSS-Protection', text('customBrowserXSSValue')])
  else if (settings['browserXssFilter'] === true) out.push(['X-XSS-Protection', '1; mode=block'])
  for (const [field, name] of [['contentSecurityPolicy', 'Content-Security-Policy'], ['referrerPolicy', 'Referrer-Policy'], ['permissionsPolicy', 'Permissions-Policy']] as const) if (text(field) !== '') out.push([name, text(field)])
  return out
}

/** CORS (pkg/middlewares/headers/header.go): headers of the answer, and whether the request was only a question before another. */
export function cors(settings: Record<string, unknown>, request: HttpRequest): { headers: Headers; preflight: boolean } {
  const list = (name: string): readonly string[] => (Array.isArray(settings[name]) ? settings[name].map(String) : [])
  const origins = list('accessControlAllowOriginList')
  const asked = ['accessControlAllowOriginList', 'accessControlAllowMethods', 'accessControlAllowHeaders', 'accessControlExposeHeaders'].some((n) => list(n).length > 0) || settings['accessControlAllowCredentials'] === true
  const origin = headerOf(request.headers, 'origin')
  if (!asked) return { headers: [], preflight: false }
  const allowed: Headers = origins.includes('*') ? [['Access-Control-Allow-Origin', '*']] : origin !== undefined && origins.includes(origin) ? [['Access-Control-Allow-Origin', origin]] : []
  const credentials: Headers = settings['accessControlAllowCredentials'] === true ? [['Access-Control-Allow-Credentials', 'true']] : []
  const vary: Headers = settings['addVaryHeader'] === true ? [['Vary', 'Origin']] : []
  const [methods, headers, exposed] = [list('accessControlAllowMethods'), list('accessControlAllowHeaders'), list('accessControlExposeHeaders')]
  if (request.method === 'OPTIONS' && headerOf(request.headers, 'access-control-request-method') !== undefined && origin !== undefined) {
    return { preflight: true, headers: [...credentials, ...(headers.length > 0 ? [['Access-Control-Allow-Headers', headers.join(',')]] satisfies Headers : []), ...(methods.length > 0 ? [['Access-Control-Allow-Methods', methods.join(',')]] satisfies Headers : []), ...allowed, ['Access-Control-Max-Age', String(Number(settings['accessControlMaxAge'] ?? 0))]] }
  }
  return { preflight: false, headers: [...allowed, ...credentials, ...(exposed.length > 0 ? [['Access-Control-Expose-Headers', exposed.join(',')]] satisfies Headers : []), ...vary] }
}
