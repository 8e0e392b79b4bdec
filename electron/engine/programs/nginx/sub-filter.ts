import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { framing, outOfChunks } from '../http/framing.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { ConfigError, type Directive } from './config.ts'
import { onOff } from './directives.ts'

/** ngx_http_sub_module: strings of an answer's body, whatever their case, become others. */
export interface Substitutions {
  readonly pairs: readonly { match: string; replacement: string }[]
  /** Each string is sought once. */
  readonly once: boolean
  readonly types: ReadonlySet<string>
  /** Last-Modified stays. */
  readonly keepsModified: boolean
}

export const NO_SUBSTITUTIONS: Substitutions = { pairs: [], once: true, types: new Set(['text/html']), keepsModified: false }

/** `own`: what the block has said itself, which takes the place of what it inherits. Undefined: it is another directive. Throws ConfigError. */
export function readSubstitution(d: Directive, substitutions: Substitutions, own: { substitutions?: true; types?: true }): Substitutions | undefined {
  switch (d.name) {
    case 'sub_filter': {
      const [match = '', replacement = ''] = d.args
      if (d.args.length !== 2) throw new ConfigError(`invalid number of arguments in "sub_filter" directive in ${d.file}:${d.line}`)
      if (match === '') throw new ConfigError(`empty search pattern in ${d.file}:${d.line}`)
      const inherited = own.substitutions ? substitutions.pairs : []
      own.substitutions = true
      return { ...substitutions, pairs: [...inherited, { match, replacement }] }
    }
    case 'sub_filter_once': return { ...substitutions, once: onOff(d) }
    case 'sub_filter_last_modified': return { ...substitutions, keepsModified: onOff(d) }
    case 'sub_filter_types': {
      const inherited = own.types ? substitutions.types : []
      own.types = true
      return { ...substitutions, types: new Set(['text/html', ...inherited, ...d.args.map((type) => type.toLowerCase())]) }
    }
    default: return undefined
  }
}

/** The answer with another body: of a length that is not known when it begins, and without what spoke of the old one. */
export function substituted(request: HttpRequest, response: HttpResponse, { pairs, once, types, keepsModified }: Substitutions, expand: (text: string) => string): HttpResponse {
  const type = headerOf(response.headers, 'content-type')?.split(';')[0]!.trim().toLowerCase()
  if (pairs.length === 0 || type === undefined || response.stream || response.upgrade || (!types.has(type) && !types.has('*'))) return response
  const whole = response.body ?? new Uint8Array(0)
  const text = decodeUtf8(headerOf(response.headers, 'transfer-encoding') === undefined ? whole : outOfChunks(whole))
  const body = encodeUtf8(replace(text, pairs.map(({ match, replacement }) => [expand(match), expand(replacement)] as const), once))
  const gone = new Set(['content-length', 'transfer-encoding', 'accept-ranges', ...(keepsModified ? [] : ['last-modified', 'etag'])])
  const headers: Headers = response.headers.filter(([n]) => !gone.has(n.toLowerCase())).map(([n, v]) => (n.toLowerCase() === 'etag' && !v.startsWith('W/') ? [n, `W/${v}`] : [n, v]))
  const framed = framing(request, { kind: 'response', version: '1.1', status: response.status, reason: '', headers: [] }, body)
  const at = headers.findIndex(([n]) => n === 'Connection')
  if (framed.chunked) headers.splice(at < 0 ? headers.length : at, 0, ['Transfer-Encoding', 'chunked'])
  const connection = headers.find(([n]) => n === 'Connection')
  if (connection && framed.close) connection[1] = 'close'
  return { ...response, headers, body: framed.body, close: response.close === true || framed.close }
}

/** From left to right; where several begin, the one that was written first. */
function replace(text: string, pairs: readonly (readonly [match: string, replacement: string])[], once: boolean): string {
  const lower = text.toLowerCase()
  const open = pairs.map(([match, replacement]) => ({ match: match.toLowerCase(), replacement })).filter(({ match }) => match !== '')
  let out = ''
  for (let at = 0; at < text.length;) {
    const found = open.findIndex(({ match }) => lower.startsWith(match, at))
    if (found < 0) {
      out += text[at++]
      continue
    }
    const { match, replacement } = open[found]!
    out += replacement
    at += match.length
    if (once) open.splice(found, 1)
  }
  return out
}
