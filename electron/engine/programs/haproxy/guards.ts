import type { Clock } from '../../clock.ts'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import type { Secret } from '../../kubernetes/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { checkCrypt } from '../http/crypt.ts'
import { basicCredentials } from '../http/htpasswd.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'

/** Who gets through, and what is told to a browser: annotations of kubernetes-ingress (pkg/annotations/ingress). */
export interface Guards {
  /** auth-type basic-auth: users and their crypt(3) hashes. */
  auth: { realm: string; users: ReadonlyMap<string, string> } | undefined
  /** rate-limit-requests in so many ms. */
  rate: { requests: number; period: number; status: number } | undefined
  /** src-ip-header: where a client's address stands. */
  source: string | undefined
}

export interface Cors { origin: '*' | RegExp; headers: Headers; answersOptions: boolean }

type Get = (short: string) => string | undefined
type Wrong = (short: string, text: string) => void

export function guardsOf(of: Get, ingress: string, wrong: Wrong, secretOf: (path: string) => Secret | undefined): Guards {
  const type = of('auth-type')
  let auth: Guards['auth']
  if (type !== undefined && type !== 'basic-auth') wrong('auth-type', `incorrect auth-type value '${type}'. Only 'basic-auth' value is currently supported`)
  else if (type !== undefined) {
    const users = new Map<string, string>()
    for (const [user, value] of Object.entries(secretOf(of('auth-secret') ?? '')?.data ?? {})) {
      const bytes = decodeBase64(value)
      if (typeof bytes !== 'number') users.set(user, decodeUtf8(bytes).replace(/\n$/, ''))
    }
    auth = { realm: (of('auth-realm') ?? 'Protected-Content').replaceAll(' ', '-'), users }
  }
  const requests = of('rate-limit-requests')
  if (requests !== undefined && !/^[0-9]+$/.test(requests)) wrong('rate-limit-requests', `strconv.ParseInt: parsing "${requests}": invalid syntax`)
  const rate = requests !== undefined && /^[0-9]+$/.test(requests) ? { requests: Number(requests), period: milliseconds(of('rate-limit-period')) ?? 1000, status: Number(of('rate-limit-status-code') ?? 403) } : undefined
  if (rate && !STATUSES.has(rate.status)) wrong('rate-limit-status-code', `podhop: not simulated: ${rate.status} of Ingress ${ingress} (served as 403; ${[...STATUSES].join(', ')} are)`)
  return { auth, rate: rate && !STATUSES.has(rate.status) ? { ...rate, status: 403 } : rate, source: of('src-ip-header') }
}

/** What HAProxy has a page for, of its deny_status. */
const STATUSES = new Set([400, 401, 403, 429, 500, 502, 503, 504])

/** request-redirect: "example.com", or with a scheme before it. */
export function redirectOf(of: Get): { url: string; status: number } | undefined {
  const to = of('request-redirect')
  return to === undefined ? undefined : { url: /^https?:\/\//.test(to) ? to : `http://${to}`, status: Number(of('request-redirect-code') ?? 302) }
}

export function corsOf(of: Get, wrong: Wrong): Cors | undefined {
  if (of('cors-enable') !== 'true') return undefined
  const origin = of('cors-allow-origin') ?? '*'
  const methods = (of('cors-allow-methods') ?? '*').replace(/\s+/g, '').toUpperCase().split(',')
  const unknown = methods.find((m) => !['*', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'].includes(m))
  if (unknown !== undefined) wrong('cors-allow-methods', `unsupported HTTP method '${unknown}' in cors-allow-methods configuration`)
  const age = milliseconds(of('cors-max-age') ?? '5s')
  let pattern: '*' | RegExp = '*'
  try {
    if (origin !== '*') pattern = new RegExp(origin)
  } catch {
    // haproxy would refuse its configuration, and keep the one before
    wrong('cors-allow-origin', `incorrect value '${origin}'`)
    return undefined
  }
  return {
    origin: pattern, answersOptions: of('cors-respond-to-options') === 'true',
    headers: [
      ...(unknown === undefined ? [['access-control-allow-methods', methods.join(', ')]] satisfies Headers : []),
      ['access-control-allow-headers', (of('cors-allow-headers') ?? '*').replace(/\s+/g, '')],
      ['access-control-max-age', String(Math.floor((age ?? 5000) / 1000))],
      ...(of('cors-allow-credentials') === 'true' ? [['access-control-allow-credentials', 'true']] satisfies Headers : []),
    ],
  }
}

/** What an answer to this origin has more; to who names none, nothing. */
export function corsHeaders(cors: Cors | undefined, request: HttpRequest): Headers {
  const origin = headerOf(request.headers, 'origin')
  if (!cors || origin === undefined || (cors.origin !== '*' && !cors.origin.test(origin))) return []
  return [['access-control-allow-origin', cors.origin === '*' ? '*' : origin], ...cors.headers]
}

/** HAProxy's times: "10s", "500ms", "1m"; a number alone is ms. */
export function milliseconds(text: string | undefined): number | undefined {
  const match = /^([0-9]+)(us|ms|s|m|h|d)?$/.exec(text ?? '')
  return match ? Number(match[1]) * { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? 'ms']! : undefined
}

/** A stick table of http_req_rate (freq_ctr.h): requests of this period, and of the last one in part. */
export class Rates {
  readonly #clock: Clock
  readonly #known = new Map<string, { begun: number; now: number; before: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts this request, and says how many there were in the last `period` ms. Tables are shared by all that have the same period. */
  count(client: string, period: number): number {
    const key = `${period} ${client}`
    const { now } = this.#clock
    const last = this.#known.get(key) ?? { begun: now, now: 0, before: 0 }
    const gone = Math.floor((now - last.begun) / period)
    const next = gone === 0 ? { ...last } : { begun: last.begun + gone * period, now: 0, before: gone === 1 ? last.now : 0 }
    next.now++
    this.#known.set(key, next)
    return next.now + Math.floor((next.before * (next.begun + period - now)) / period)
  }
}

/** The user that the request names and knows the password of; or why it is refused. */
export function judgeUser({ users }: NonNullable<Guards['auth']>, request: HttpRequest): 'known' | 'unknown' | { lacking: string } {
  const credentials = basicCredentials(headerOf(request.headers, 'authorization'))
  const hash = credentials && users.get(credentials.user)
  if (hash === undefined) return 'unknown'
  const verdict = checkCrypt(hash, credentials!.password)
  return verdict === 'not simulated' ? { lacking: `the hash of user "${credentials!.user}" (use crypt's $1$, $5$ or $6$)` } : verdict === 'right' ? 'known' : 'unknown'
}
