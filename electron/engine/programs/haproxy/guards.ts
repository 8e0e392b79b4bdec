import type { Clock } from '../../clock.ts'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import { decodeUtf8 } from '../../text.ts'
import { checkCrypt } from '../http/crypt.ts'
import { basicCredentials } from '../http/htpasswd.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { STATUSES } from './pages.ts'
import { integer, time, truth, type Get, type RuleSurroundings, type Wrong } from './values.ts'

/** Who gets through, and what is told to a browser: annotations of kubernetes-ingress (pkg/annotations/ingress). */
export interface Guards {
  /** auth-type basic-auth: users and their crypt(3) hashes. */
  auth: { realm: string; users: ReadonlyMap<string, string>; /** Of users, in haproxy.cfg: "default-web", or "Global". */ group: string } | undefined
  /** rate-limit-requests in so many ms. */
  rate: { requests: number; period: number; status: number } | undefined
  /** src-ip-header: where a client's address stands. */
  source: string | undefined
}

export interface Cors { origin: '*' | RegExp; /** As it was written. */ text: string; headers: Headers }

export function guardsOf({ of, wrong, lacks, secret, group }: RuleSurroundings): Guards {
  const type = of('auth-type')
  let auth: Guards['auth']
  if (type !== undefined && type !== 'basic-auth') wrong('auth-type', `incorrect auth-type value '${type}'. Only 'basic-auth' value is currently supported`)
  else if (type !== undefined) {
    const users = new Map<string, string>()
    for (const [user, value] of Object.entries(secret(of('auth-secret') ?? '')?.data ?? {})) {
      const bytes = decodeBase64(value)
      if (typeof bytes !== 'number') users.set(user, decodeUtf8(bytes).replace(/\n$/, ''))
    }
    auth = { realm: (of('auth-realm') ?? 'Protected-Content').replaceAll(' ', '-'), users, group }
  }
  const requests = integer(of, 'rate-limit-requests', wrong)
  const period = time(of, 'rate-limit-period', wrong) ?? 1000
  let status = integer(of, 'rate-limit-status-code', wrong) ?? 403
  if (requests !== undefined && !STATUSES.has(status)) {
    // haproxy refuses the whole configuration: "status code '418' not handled by default with 'default-errorfiles' argument."
    lacks(`rate-limit-status-code ${status} (served as 403; ${[...STATUSES].join(', ')} are)`)
    status = 403
  }
  return { auth, rate: requests === undefined ? undefined : { requests, period, status }, source: of('src-ip-header') }
}

export function corsOf(of: Get, wrong: Wrong, warn: (text: string) => void): Cors | undefined {
  if (truth(of, 'cors-enable', wrong, warn) !== true) return undefined
  const origin = of('cors-allow-origin') ?? '*'
  const methods = (of('cors-allow-methods') ?? '*').replace(/\s+/g, '').toUpperCase().split(',')
  const unknown = methods.find((m) => !['*', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'].includes(m))
  if (unknown !== undefined) wrong('cors-allow-methods', `unsupported HTTP method '${unknown}' in cors-allow-methods configuration`)
  const age = of('cors-max-age') === undefined ? 5000 : time(of, 'cors-max-age', wrong)
  let pattern: '*' | RegExp = '*'
  try {
    if (origin !== '*') pattern = new RegExp(origin)
  } catch {
    // haproxy would refuse its configuration, and keep the one before
    wrong('cors-allow-origin', `incorrect value '${origin}'`)
    return undefined
  }
  return {
    origin: pattern, text: origin,
    headers: [
      ...(unknown === undefined ? [['access-control-allow-methods', methods.join(', ')]] satisfies Headers : []),
      ['access-control-allow-headers', (of('cors-allow-headers') ?? '*').replace(/\s+/g, '')],
      ...(age === undefined ? [] : [['access-control-max-age', String(Math.floor(age / 1000))]] satisfies Headers),
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
