import type { Clock } from '../../clock.ts'
import { basicCredentials, checkPassword } from '../http/htpasswd.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Cors, Limit } from './annotations.ts'

/** A status to refuse with; `log` is a line of the error log. */
interface Refusal { status: number; headers: Headers; log?: string }

/** Who gets through to a location, beside its allow and deny: limit_req and auth_basic. */
export class Gate {
  readonly #clock: Clock
  /** By zone and client: thousandths of requests too many, and when that was. */
  readonly #buckets = new Map<string, { excess: number; last: number }>()

  readonly #busy = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** ngx_http_limit_req_lookup: a bucket that leaks. */
  limited(limits: readonly Limit[], client: string): string | undefined {
    for (const { zone, rate, burst } of limits) {
      const key = `${zone} ${client}`
      const bucket = this.#buckets.get(key)
      const { now } = this.#clock
      const excess = bucket ? Math.max(0, Math.round(bucket.excess - (rate * (now - bucket.last)) / 1000 + 1000)) : 0
      if (excess > burst) return `limiting requests, excess: ${(excess / 1000).toFixed(3)} by zone "${zone}"`
      this.#buckets.set(key, { excess, last: now })
    }
    return undefined
  }

  /** limit_conn: what leaves again, or the line of the error log. */
  enter({ zone, most }: { zone: string; most: number }, client: string): (() => void) | string {
    const key = `${zone} ${client}`
    const busy = this.#busy.get(key) ?? 0
    if (busy >= most) return `limiting connections by zone "${zone}"`
    this.#busy.set(key, busy + 1)
    return () => {
      const left = this.#busy.get(key)! - 1
      if (left > 0) this.#busy.set(key, left)
      else this.#busy.delete(key)
    }
  }

  unauthorized(realm: string, users: string | undefined, request: HttpRequest): Refusal | undefined {
    if (users === undefined) return { status: 503, headers: [] }
    const no = (log?: string): Refusal => ({ status: 401, headers: [['WWW-Authenticate', `Basic realm="${realm}"`]], ...(log === undefined ? {} : { log }) })
    const credentials = basicCredentials(headerOf(request.headers, 'authorization'))
    if (!credentials) return no()
    const { user, password } = credentials
    switch (checkPassword(users, user, password)) {
      case 'right': return undefined
      case 'wrong': return no(`user "${user}": password mismatch`)
      case 'unknown user': return no(`user "${user}" was not found in "/etc/ingress-controller/auth"`)
      case 'not simulated': return no(`podhop: not simulated: the hash of user "${user}" (use htpasswd's MD5, {SHA} or {PLAIN})`)
    }
  }
}

/** What the template adds for CORS; undefined to an origin that may not. */
export function corsHeaders({ origins, methods, headers, credentials, expose, maxAge }: Cors, request: HttpRequest): Headers | undefined {
  const origin = headerOf(request.headers, 'origin') ?? ''
  const every = origins.includes('*')
  // "https://*.example.com" is any one name there
  const fits = (pattern: string): boolean => new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\/]/g, '\\$&').replace('*', '[A-Za-z0-9-]+')}$`, 'i').test(origin)
  if (!every && !origins.some(fits)) return undefined
  return [
    ['Access-Control-Allow-Origin', every ? '*' : origin],
    ...(credentials ? [['Access-Control-Allow-Credentials', 'true']] satisfies Headers : []),
    ['Access-Control-Allow-Methods', methods],
    ['Access-Control-Allow-Headers', headers],
    ...(expose === undefined ? [] : [['Access-Control-Expose-Headers', expose]] satisfies Headers),
    ['Access-Control-Max-Age', maxAge],
  ]
}
