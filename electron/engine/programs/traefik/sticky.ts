import { hex, sha256 } from '../../sha256.ts'
import { sha1 } from '../../sha1.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import type { Sticky, WeightedService } from './model.ts'

/** Cookies that keep a client at one server, or at one service of several (pkg/server/cookie, pkg/server/service/loadbalancer/wrr). */
interface Cookie { name?: string; secure?: boolean; httpOnly?: boolean; sameSite?: string; maxAge?: number; path?: string }

const SAME_SITE = new Map([['none', 'None'], ['lax', 'Lax'], ['strict', 'Strict']])

/** `sticky` of a service of a custom resource. Without a name the cookie's is made from the service's. */
export function stickyOf(sticky: object | undefined, service: string): Sticky | undefined {
  const cookie = (sticky as { cookie?: Cookie } | undefined)?.cookie
  if (!cookie) return undefined
  const { name = '', secure, httpOnly, sameSite = '', maxAge = 0, path = '/' } = cookie
  const same = SAME_SITE.get(sameSite)
  return {
    cookie: name === '' ? `_${hex(sha1(encodeUtf8(`_TRAEFIK_BACKEND_${service}`)))}`.slice(0, 6) : name.replace(/[^!#$%&'*+.^`|~A-Za-z0-9-]/g, '_'),
    attributes: `${path === '' ? '' : `; Path=${path}`}${maxAge > 0 ? `; Max-Age=${maxAge}` : maxAge < 0 ? '; Max-Age=0' : ''}${httpOnly ? '; HttpOnly' : ''}${secure ? '; Secure' : ''}${same ? `; SameSite=${same}` : ''}`,
  }
}

/** The same by annotations of a Service: service.sticky.cookie and what is below it. */
export function annotatedSticky(annotations: Readonly<Record<string, string>>, prefix: string, service: string): Sticky | undefined {
  const start = `${prefix}service.sticky.cookie`
  const found = new Map(Object.entries(annotations).filter(([k]) => k.toLowerCase().startsWith(start)).map(([k, v]) => [k.slice(start.length).toLowerCase(), v]))
  if (found.size === 0 || (found.get('') === 'false' && found.size === 1)) return undefined
  const of = (key: string): string | undefined => found.get(`.${key}`)
  const [name, sameSite, maxAge, path] = [of('name'), of('samesite'), of('maxage'), of('path')]
  return stickyOf({ cookie: { ...(name ? { name } : {}), secure: of('secure') === 'true', httpOnly: of('httponly') === 'true', ...(sameSite ? { sameSite } : {}), ...(maxAge ? { maxAge: Number(maxAge) || 0 } : {}), ...(path === undefined ? {} : { path }) } }, service)
}

/** The URL of a server, from which its value is made. */
export function serverValue({ scheme }: Pick<WeightedService, 'scheme'>, { address, port }: Endpoint): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** What a cookie says of a server or a service: the first digits of its hash. */
export function memberValue(name: string): string {
  return hex(sha256(encodeUtf8(name))).slice(0, 16)
}

export function setCookie({ cookie, attributes }: Sticky, value: string): [string, string] {
  return ['Set-Cookie', `${cookie}=${value}${attributes}`]
}

/** A cookie that a request brings; of several of one name the first. */
export function cookieOf({ headers }: Pick<HttpRequest, 'headers'> & { headers: Headers }, name: string): string | undefined {
  for (const [header, value] of headers) {
    if (header.toLowerCase() !== 'cookie') continue
    for (const pair of value.split(';')) {
      const at = pair.indexOf('=')
      if (at >= 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim().replace(/^"(.*)"$/, '$1')
    }
  }
  return undefined
}
