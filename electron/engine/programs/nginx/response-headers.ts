import { headerOf, type Headers } from '../http/message.ts'
import { httpDate } from '../http/status.ts'
import { NotSimulated, type Directive } from './config.ts'
import type { Settings } from './settings.ts'
import { seconds } from './upstream.ts'
import type { Variables } from './variables.ts'

export const REDIRECTS = [301, 302, 303, 307, 308]
/** Statuses for which expires counts, and add_header without "always". */
const WITH_HEADERS = [200, 201, 204, 206, ...REDIRECTS, 304]

/** What ngx_http_headers_module and ngx_http_charset_module write beside add_header. */
export type Expires = 'epoch' | 'max' | { after: number; modified: boolean }

/** expires [modified] time | epoch | max | off; undefined is off. Times in ms. */
export function readExpires(d: Directive): Expires | undefined {
  const [first = '', second] = d.args
  if (first === 'off') return undefined
  if (first === 'epoch' || first === 'max') return first
  if (first.startsWith('@') || first.startsWith('$')) throw new NotSimulated(`nginx "expires ${first}" (times, epoch, max and off are)`)
  const modified = first === 'modified'
  const word = modified ? (second ?? '') : first
  const after = seconds(d, word.replace(/^[+-]/, ''))
  return { after: word.startsWith('-') ? -after : after, modified }
}

const FOREVER = 'Thu, 31 Dec 2037 23:55:55 GMT'

/** `modified`: the Last-Modified of the answer in ms. */
function expiresHeaders(expires: Expires, now: number, modified: number | undefined): Headers {
  if (expires === 'epoch') return [['Expires', 'Thu, 01 Jan 1970 00:00:01 GMT'], ['Cache-Control', 'no-cache']]
  if (expires === 'max') return [['Expires', FOREVER], ['Cache-Control', 'max-age=315360000']]
  const at = (expires.modified && modified !== undefined ? modified : now) + expires.after
  const left = Math.floor((at - now) / 1000)
  return [['Expires', httpDate(at)], ['Cache-Control', expires.after < 0 || left < 0 ? 'no-cache' : `max-age=${left}`]]
}

/** charset_types' default */
const CHARSET_TYPES: ReadonlySet<string> = new Set(['text/html', 'text/xml', 'text/plain', 'text/vnd.wap.wml', 'application/javascript', 'application/rss+xml'])

function withCharset(type: string, charset: string): string {
  return CHARSET_TYPES.has(type) ? `${type}; charset=${charset}` : type
}

/** What charset, expires and add_header make of the headers of an answer; `now` in ms. */
export function addHeaders(headers: Headers, { settings, variables }: { settings: Settings; variables: Variables }, status: number, now: number): void {
  const type = settings.charset === undefined ? undefined : headers.find(([n, v]) => n === 'Content-Type' && !v.includes('charset='))
  if (type) type[1] = withCharset(type[1], settings.charset!)
  if (settings.expires !== undefined && WITH_HEADERS.includes(status)) {
    const modified = Date.parse(headerOf(headers, 'last-modified') ?? '')
    headers.push(...expiresHeaders(settings.expires, now, Number.isNaN(modified) ? undefined : modified))
  }
  for (const { name, value, always } of settings.addHeaders) {
    const text = variables.expand(value)
    if (text !== '' && (always || WITH_HEADERS.includes(status))) headers.push([name, text])
  }
}
