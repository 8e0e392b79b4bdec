import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Random } from '../../random.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import type { Affinity } from './annotations.ts'
import type { Endpoint, Location } from './configuration.ts'

/** The balancer's choices (rootfs/etc/nginx/lua/balancer.lua, balancer/sticky.lua). */

/** The backend that gets a request: the place's own, or its canary. */
export function backendFor({ backend, alternative }: Location, request: HttpRequest, random: Random): string {
  if (!alternative) return backend
  const { canary } = alternative
  const header = canary.header === '' ? undefined : headerOf(request.headers, canary.header)
  if (header) {
    if (canary.headerValue !== '' && header === canary.headerValue) return alternative.backend
    if (canary.headerValue === '' && canary.headerPattern?.test(header)) return alternative.backend
    if (canary.headerValue === '' && !canary.headerPattern && header === 'always') return alternative.backend
    if (canary.headerValue === '' && !canary.headerPattern && header === 'never') return backend
  }
  const cookie = canary.cookie === '' ? undefined : cookieOf(request, canary.cookie)
  if (cookie === 'always') return alternative.backend
  if (cookie === 'never') return backend
  return canary.weight > 0 && random.below(canary.total) + 1 <= canary.weight ? alternative.backend : backend
}

export function cookieOf(request: HttpRequest, name: string): string | undefined {
  for (const pair of (headerOf(request.headers, 'cookie') ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** Which endpoint a cookie leads to, and the cookie for who has none. `wall` in ms. */
export function stick(affinity: Affinity, backend: string, endpoints: readonly Endpoint[], request: HttpRequest, location: Location, random: Random, wall: number): { first: number; cookie: string | undefined } {
  const mark = hex(sha256(encodeUtf8(backend))).slice(0, 32)
  const [given, of] = (cookieOf(request, affinity.name) ?? '').split('|')
  const known = given !== undefined && given !== '' && of === mark
  const key = known ? given : `${(wall / 1000).toFixed(3)}.${20 + random.below(20)}.${random.below(1_000_000)}`
  // rendezvous: an endpoint that goes takes only its own clients with it
  const first = byHash(key, endpoints)
  if (known) return { first, cookie: undefined }
  const { expires, maxAge, sameSite } = affinity
  const secure = affinity.secure ?? request.tls !== undefined
  const parts = [`${affinity.name}=${key}|${mark}`]
  if (expires !== undefined) parts.push(`Expires=${cookieDate(wall + expires * 1000)}`)
  if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`)
  parts.push(`Path=${affinity.path ?? location.path}`)
  if (affinity.domain !== undefined) parts.push(`Domain=${affinity.domain}`)
  if (secure) parts.push('Secure')
  parts.push('HttpOnly')
  if (sameSite !== undefined) parts.push(`SameSite=${sameSite}`)
  return { first, cookie: parts.join('; ') }
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
