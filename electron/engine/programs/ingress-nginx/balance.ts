import { md5 } from '../../md5.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Random } from '../../random.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import type { Affinity } from './annotations.ts'
import type { Endpoint, Location } from './configuration.ts'

/** The balancer's choices (rootfs/etc/nginx/lua/balancer.lua, balancer/sticky.lua). */

/** The backend that gets a request: the place's own, or its canary. Who sticks to one of the two stays there. */
export function backendFor({ backend, alternative, settings }: Location, request: HttpRequest, random: Random): { backend: string; affinity: Affinity | undefined } {
  const own = { backend, affinity: settings?.affinity }
  if (!alternative || sticksTo(own, request)) return own
  const { canary } = alternative
  const other = { backend: alternative.backend, affinity: canary.legacy ? canary.affinity : settings?.affinity }
  if (sticksTo(other, request)) return other
  const header = canary.header === '' ? undefined : headerOf(request.headers, canary.header)
  if (header) {
    if (canary.headerValue !== '') {
      if (header === canary.headerValue) return other
    } else if (canary.headerPattern) {
      if (canary.headerPattern.test(header)) return other
    } else if (header === 'always') return other
    else if (header === 'never') return own
  }
  const cookie = canary.cookie === '' ? undefined : cookieOf(request, canary.cookie)
  if (cookie === 'always') return other
  if (cookie === 'never') return own
  return random.below(Math.max(100, canary.total)) + 1 <= canary.weight ? other : own
}

/** is_affinitized: the cookie was given out by this backend. */
function sticksTo({ backend, affinity }: { backend: string; affinity: Affinity | undefined }, request: HttpRequest): boolean {
  return affinity !== undefined && (cookieOf(request, affinity.name) ?? '').split('|')[1] === markOf(backend)
}

/** The second half of the cookie. */
function markOf(backend: string): string {
  return md5Of(md5Of(backend) + backend)
}

function md5Of(text: string): string {
  return hex(md5(encodeUtf8(text)))
}

export function cookieOf(request: HttpRequest, name: string): string | undefined {
  for (const pair of (headerOf(request.headers, 'cookie') ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** Keeps a client at an endpoint by a cookie. `wall` in ms. */
export class Sticky {
  /** Set-Cookie of the answer. */
  readonly cookies: string[] = []
  readonly #affinity: Affinity
  readonly #backend: string
  readonly #endpoints: readonly Endpoint[]
  readonly #request: HttpRequest
  readonly #path: string
  readonly #random: Random

  constructor(affinity: Affinity, backend: string, endpoints: readonly Endpoint[], request: HttpRequest, path: string, random: Random) {
    this.#affinity = affinity
    this.#backend = backend
    this.#endpoints = endpoints
    this.#request = request
    this.#path = path
    this.#random = random
  }

  /** The next to try; who has a cookie goes to its endpoint again and again, unless it is to change after a failure. */
  choose(failed: readonly Endpoint[], wall: number): Endpoint {
    const key = cookieOf(this.#request, this.#affinity.name)?.split('|')[0] ?? ''
    const known = key === '' ? undefined : this.#find(key)
    if (known && (failed.length === 0 || !this.#affinity.changeOnFailure)) return known
    const left = this.#endpoints.filter((e) => !failed.includes(e))
    const [chosen, fresh] = this.#pick(left.length > 0 ? left : this.#endpoints, wall)
    this.cookies.push(this.#cookie(fresh, wall))
    return chosen
  }

  #find(key: string): Endpoint | undefined {
    return this.#affinity.persistent ? this.#endpoints.find((e) => this.#name(e) === key) : this.#endpoints[byHash(key, this.#endpoints)]
  }

  #pick(left: readonly Endpoint[], wall: number): [Endpoint, string] {
    if (this.#affinity.persistent) {
      const chosen = left[this.#random.below(left.length)]!
      return [chosen, this.#name(chosen)]
    }
    for (;;) {
      const key = `${(wall / 1000).toFixed(3)}.${20 + this.#random.below(20)}.${this.#random.below(1_000_000)}`
      // rendezvous: an endpoint that goes takes only its own clients with it
      const chosen = this.#endpoints[byHash(key, this.#endpoints)]!
      if (left.includes(chosen)) return [chosen, key]
    }
  }

  /** util/nodemap.lua: what stands for an endpoint in the cookie of affinity-mode persistent. */
  #name({ address, port }: Endpoint): string {
    return md5Of(`${this.#backend}${address}:${port}`)
  }

  #cookie(key: string, wall: number): string {
    const { conditional, expires, maxAge, sameSite, domain, path, name, secure = this.#request.tls !== undefined } = this.#affinity
    const parts = [`${name}=${key}|${markOf(this.#backend)}`]
    if (expires !== undefined) parts.push(`Expires=${cookieDate(wall + expires * 1000)}`)
    if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`)
    parts.push(`Path=${path ?? this.#path}`)
    if (domain !== undefined) parts.push(`Domain=${domain}`)
    if (secure) parts.push('Secure')
    parts.push('HttpOnly')
    if (sameSite !== undefined && !(conditional && sameSite === 'None' && !takesNone(headerOf(this.#request.headers, 'user-agent') ?? ''))) parts.push(`SameSite=${sameSite}`)
    return parts.join('; ')
  }
}

/** upstream-hash-by: the endpoint of a key, which keeps it when others go (rendezvous; the real one has points on a circle). */
export function byHash(key: string, endpoints: readonly Endpoint[]): number {
  let [first, best] = [0, '']
  for (const [i, endpoint] of endpoints.entries()) {
    const score = hex(sha256(encodeUtf8(`${key} ${endpoint.address}:${endpoint.port}`)).subarray(0, 8))
    if (score > best) [first, best] = [i, score]
  }
  return first
}

/** "Mon, 05-Jan-26 08:00:00 GMT", as ngx.cookie_time writes it. */
function cookieDate(wall: number): string {
  const [day, date, month, year, time] = httpDate(wall).split(' ')
  return `${day} ${date}-${month}-${year!.slice(2)} ${time} GMT`
}

/** util/same_site.lua: browsers that refuse a cookie with SameSite=None. */
function takesNone(agent: string): boolean {
  if (/Chrome\/[456]|CPU iPhone OS 12|iPad; CPU OS 12/.test(agent)) return false
  return !(agent.includes('Macintosh') && agent.includes('Intel Mac OS X 10_14') && agent.includes('Safari') && !agent.includes('Chrome'))
}

/** balancer/chashsubset.lua: endpoints in sets of the same size, of which the last is filled up with the first; any of the key's set. */
export function inSubset(key: string, endpoints: readonly Endpoint[], size: number, random: Random): number {
  const sets = Math.ceil(endpoints.length / size)
  const chosen = byHash(key, Array.from({ length: sets }, (_, i) => ({ address: `set${i + 1}`, port: 0 })))
  return (chosen * size + random.below(size)) % endpoints.length
}
