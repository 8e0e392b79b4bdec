import { gzip } from '../../compression/deflate.ts'
import { framing, outOfChunks } from '../http/framing.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'

/** What ngx_http_gzip_filter_module and ngx_http_write_filter_module make of an answer: its body smaller, and its way slower. */
export interface Sending {
  readonly gzip: Gzip
  /** limit_rate and limit_rate_after: bytes a second (0: as fast as it goes), and bytes. */
  readonly rate: number
  readonly after: number
}
export interface Gzip {
  readonly on: boolean
  readonly types: ReadonlySet<string>
  /** In bytes, where the length is known. */
  readonly minLength: number
  readonly level: number
  readonly vary: boolean
  /** Of requests that came by another proxy (Via). */
  readonly proxied: ReadonlySet<string>
  readonly http10: boolean
}

export const NO_SENDING: Sending = { gzip: { on: false, types: new Set(['text/html']), minLength: 20, level: 1, vary: false, proxied: new Set(['off']), http10: false }, rate: 0, after: 0 }

const PROXIED = ['off', 'expired', 'no-cache', 'no-store', 'private', 'no_last_modified', 'no_etag', 'auth', 'any']

/** Undefined: it is another directive. Throws ConfigError. */
export function readSending(d: Directive, sending: Sending): Sending | undefined {
  const [value = ''] = d.args
  const where = ` in ${d.file}:${d.line}`
  const compressed = (more: Partial<Gzip>): Sending => ({ ...sending, gzip: { ...sending.gzip, ...more } })
  const flag = (): boolean => {
    if (value !== 'on' && value !== 'off') throw new ConfigError(`invalid value "${value}" in "${d.name}" directive, it must be "on" or "off"${where}`)
    return value === 'on'
  }
  const size = (): number => {
    if (value.includes('$')) throw new NotSimulated(`nginx "${d.name} ${value}" (a size is)`)
    const match = /^([0-9]+)([kKmM]?)$/.exec(value)
    if (!match) throw new ConfigError(`"${d.name}" directive invalid value${where}`)
    return Number(match[1]) * (match[2] === '' ? 1 : match[2]!.toLowerCase() === 'k' ? 1024 : 1024 ** 2)
  }
  switch (d.name) {
    case 'gzip': return compressed({ on: flag() })
    case 'gzip_vary': return compressed({ vary: flag() })
    case 'gzip_types': return compressed({ types: new Set(['text/html', ...d.args.map((type) => type.toLowerCase())]) })
    case 'gzip_min_length': return compressed({ minLength: size() })
    case 'gzip_http_version':
      if (value !== '1.0' && value !== '1.1') throw new ConfigError(`invalid value "${value}"${where}`)
      return compressed({ http10: value === '1.0' })
    case 'gzip_proxied': {
      const wrong = d.args.find((word) => !PROXIED.includes(word))
      if (wrong !== undefined) throw new ConfigError(`invalid value "${wrong}"${where}`)
      return compressed({ proxied: new Set(d.args) })
    }
    case 'gzip_comp_level': {
      const level = Number(value)
      if (!/^[0-9]+$/.test(value)) throw new ConfigError(`invalid number${where}`)
      if (level < 1 || level > 9) throw new ConfigError(`value must be ${level < 1 ? 'equal to or greater than 1' : 'equal to or less than 9'}${where}`)
      return compressed({ level })
    }
    case 'limit_rate': return { ...sending, rate: size() }
    case 'limit_rate_after': return { ...sending, after: size() }
    default: return undefined
  }
}

/** The answer as gzip sends it, where the client takes that; HEAD is answered as without it. */
export function compressed(request: HttpRequest, response: HttpResponse, settings: Gzip): HttpResponse {
  const { headers, status } = response
  const type = headerOf(headers, 'content-type')?.split(';')[0]!.trim().toLowerCase()
  const length = headerOf(headers, 'content-length')
  if (!settings.on || ![200, 403, 404].includes(status) || request.method === 'HEAD' || response.stream || response.upgrade || headerOf(headers, 'content-encoding') !== undefined) return response
  if (type === undefined || (!settings.types.has(type) && !settings.types.has('*')) || (length !== undefined && Number(length) < settings.minLength)) return response
  if (!takesGzip(headerOf(request.headers, 'accept-encoding') ?? '') || (request.version === '1.0' && !settings.http10) || (headerOf(request.headers, 'via') !== undefined && !passes(request, headers, settings.proxied))) {
    return settings.vary ? { ...response, headers: varied(headers) } : response
  }
  const whole = response.body ?? new Uint8Array(0)
  const body = gzip(headerOf(headers, 'transfer-encoding') === undefined ? whole : outOfChunks(whole), settings.level)
  const rest: Headers = headers.filter(([n]) => !['content-length', 'transfer-encoding', 'accept-ranges'].includes(n.toLowerCase())).map(([n, v]) => (n.toLowerCase() === 'etag' && !v.startsWith('W/') ? [n, `W/${v}`] : [n, v]))
  const framed = framing(request, { kind: 'response', version: '1.1', status, reason: '', headers: [] }, body)
  const at = rest.findIndex(([n]) => n === 'Connection')
  if (framed.chunked) rest.splice(at < 0 ? rest.length : at, 0, ['Transfer-Encoding', 'chunked'])
  const connection = rest.find(([n]) => n === 'Connection')
  if (connection && framed.close) connection[1] = 'close'
  rest.push(['Content-Encoding', 'gzip'])
  return { ...response, headers: settings.vary ? varied(rest) : rest, body: framed.body, close: response.close === true || framed.close }
}

function varied(headers: Headers): Headers {
  const at = headers.findIndex(([n]) => n === 'Connection')
  return headers.toSpliced(at < 0 ? headers.length : at + 1, 0, ['Vary', 'Accept-Encoding'])
}

/** ngx_http_gzip_accept_encoding: gzip itself has to be named, and "q=0" takes it back. */
function takesGzip(accepted: string): boolean {
  return accepted.split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
  })
}

/** gzip_proxied. */
function passes(request: HttpRequest, headers: Headers, proxied: ReadonlySet<string>): boolean {
  const control = headerOf(headers, 'cache-control') ?? ''
  return proxied.has('any') || (proxied.has('auth') && headerOf(request.headers, 'authorization') !== undefined) || ['no-cache', 'no-store', 'private'].some((word) => proxied.has(word) && control.includes(word)) || (proxied.has('no_last_modified') && headerOf(headers, 'last-modified') === undefined) || (proxied.has('no_etag') && headerOf(headers, 'etag') === undefined)
}
