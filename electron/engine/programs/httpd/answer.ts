import type { Process } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import { byteRanges, contentRange } from '../http/ranges.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate, reasonOf } from '../http/status.ts'
import type { HttpdConfig } from './config.ts'

/** How httpd 2.4 answers: files, directories, its own pages (modules/http/http_protocol.c). */
const TYPES: Readonly<Record<string, string>> = byName({ html: 'text/html', htm: 'text/html', txt: 'text/plain', css: 'text/css', js: 'text/javascript', json: 'application/json', xml: 'application/xml', png: 'image/png', gif: 'image/gif', jpg: 'image/jpeg', svg: 'image/svg+xml', ico: 'image/x-icon', pdf: 'application/pdf' })
const ALLOW = 'GET,POST,OPTIONS,HEAD,TRACE'

const TEXTS: Readonly<Record<number, (request: HttpRequest | undefined, location: string) => string>> = {
  301: (_, location) => `<p>The document has moved <a href="${location}">here</a>.</p>`,
  302: (_, location) => `<p>The document has moved <a href="${location}">here</a>.</p>`,
  303: (_, location) => `<p>The answer to your request is located <a href="${location}">here</a>.</p>`,
  400: () => "<p>Your browser sent a request that this server could not understand.<br />\n</p>",
  403: () => "<p>You don't have permission to access this resource.</p>",
  404: () => '<p>The requested URL was not found on this server.</p>',
  405: (request) => `<p>The requested method ${request?.method} is not allowed for this URL.</p>`,
  416: () => '<p>None of the range-specifier values in the Range\nrequest-header field overlap the current extent\nof the selected resource.</p>',
  501: (request) => `<p>${request?.method} not supported for current URL.<br />\n</p>`,
}

export class HttpdAnswers {
  readonly #process: Process
  readonly #config: HttpdConfig
  readonly #server: string

  constructor(process: Process, config: HttpdConfig, version: string) {
    this.#process = process
    this.#config = config
    this.#server = `Apache/${version} (Unix)`
  }

  answer(request: HttpRequest): HttpResponse {
    if (headerOf(request.headers, 'host') === undefined && request.version === '1.1') return this.page(400, request)
    const path = normalized(request.target)
    if (path === undefined) return this.page(400, request)
    if (request.method === 'OPTIONS') return this.#respond(request, 200, [['Allow', ALLOW], ['Content-Length', '0'], ['Content-Type', 'text/html']], new Uint8Array(0))
    for (const { path: from, target, status } of this.#config.redirects) {
      if (path === from || path.startsWith(from.endsWith('/') ? from : `${from}/`)) return this.page(status, request, target + path.slice(from.length))
    }
    const file = this.#fileOf(path)
    const type = this.#typeOf(file)
    if (type === undefined) return this.page(404, request)
    if (!['GET', 'HEAD', 'POST'].includes(request.method)) return this.page(405, request)
    return type === 'directory' ? this.#directory(request, path, file) : this.#file(request, file)
  }

  page(status: number, request?: HttpRequest, location = '', more: Headers = []): HttpResponse {
    const title = `${status} ${reasonOf(status)}`
    const text = (TEXTS[status] ?? (() => ''))(request, location)
    const body = encodeUtf8(`<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>${title}</title>\n</head><body>\n<h1>${reasonOf(status)}</h1>\n${text}\n</body></html>\n`)
    const extra: Headers = [...more, ...(location === '' ? [] : [['Location', location] as [string, string]]), ...(status === 405 ? [['Allow', ALLOW] as [string, string]] : [])]
    return this.#respond(request, status, [...extra, ['Content-Length', String(body.length)], ['Content-Type', 'text/html; charset=iso-8859-1']], body)
  }

  #respond(request: HttpRequest | undefined, status: number, headers: Headers, body: Uint8Array): HttpResponse {
    const asked = (request ? (headerOf(request.headers, 'connection') ?? '') : '').toLowerCase()
    const keep: Headers = !request || !request.keepAlive || status === 400 ? [['Connection', 'close']] : asked.includes('keep-alive') ? [['Keep-Alive', 'timeout=5, max=100'], ['Connection', 'Keep-Alive']] : []
    const last = headers.findIndex(([n]) => n === 'Content-Type')
    const own = status < 400 ? this.#config.headers : []
    const ordered: Headers = [['Date', httpDate(this.#process.clock.wall())], ['Server', this.#server], ...headers.slice(0, last), ...own, ...keep, ...headers.slice(last)]
    return { status, headers: ordered, body, ...(status === 400 ? { close: true } : {}) }
  }

  #directory(request: HttpRequest, path: string, file: string): HttpResponse {
    if (!path.endsWith('/')) return this.page(301, request, `http://${headerOf(request.headers, 'host') ?? ''}${path}/`)
    for (const name of this.#config.index) {
      const candidate = `${file.replace(/\/$/, '')}/${name}`
      if (this.#typeOf(candidate) === 'file') return this.#file(request, candidate)
    }
    if (!this.#config.indexes) return this.page(403, request)
    const parent = path === '/' ? '' : `<li><a href="${path.replace(/[^/]+\/$/, '')}"> Parent Directory</a></li>\n`
    const names = this.#process.fs.readDirectory(file).filter((n) => !n.startsWith('.')).map((n) => (this.#typeOf(`${file}/${n}`) === 'directory' ? `${n}/` : n))
    const body = encodeUtf8(`<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<html>\n <head>\n  <title>Index of ${path.replace(/(.)\/$/, '$1')}</title>\n </head>\n <body>\n<h1>Index of ${path.replace(/(.)\/$/, '$1')}</h1>\n<ul>${parent}${names.map((n) => `<li><a href="${n}"> ${n}</a></li>\n`).join('')}</ul>\n</body></html>\n`)
    return this.#respond(request, 200, [['Content-Length', String(body.length)], ['Content-Type', 'text/html;charset=ISO-8859-1']], body)
  }

  #file(request: HttpRequest, file: string): HttpResponse {
    const { fs } = this.#process
    const { mtime, size } = fs.stat(file)
    const modified = httpDate(mtime)
    const etag = `"${size.toString(16)}-${(BigInt(Math.floor(mtime)) * 1000n).toString(16)}"`
    const since = Date.parse(headerOf(request.headers, 'if-modified-since') ?? '')
    if (headerOf(request.headers, 'if-none-match') === etag || (headerOf(request.headers, 'if-none-match') === undefined && since >= Math.floor(mtime / 1000) * 1000)) {
      return { status: 304, headers: [['Date', httpDate(this.#process.clock.wall())], ['Server', this.#server], ['ETag', etag]] }
    }
    const body = fs.readFile(file)
    const type = TYPES[file.split('/').at(-1)!.split('.').slice(1).at(-1)?.toLowerCase() ?? '']
    const onlyIf = headerOf(request.headers, 'if-range')
    const asked = onlyIf !== undefined && onlyIf !== etag && onlyIf !== modified ? undefined : byteRanges(headerOf(request.headers, 'range'), body.length)
    // what is no range is not heard
    const parts = asked === 'malformed' ? undefined : asked
    if (parts === 'none') return this.page(416, request, '', [['Content-Range', `bytes */${body.length}`]])
    const sent = parts ? this.#parts(parts, body, type) : { body, type, range: [] satisfies Headers }
    const headers: Headers = [['Last-Modified', modified], ['ETag', etag], ['Accept-Ranges', 'bytes'], ['Content-Length', String(sent.body.length)], ...sent.range, ['Content-Type', sent.type ?? '']]
    const response = this.#respond(request, parts ? 206 : 200, headers, sent.body)
    return { ...response, headers: response.headers.filter(([n, v]) => n !== 'Content-Type' || v !== '') }
  }

  /** byterange_filter.c: one part as it is, several as multipart/byteranges. */
  #parts(parts: readonly [number, number][], whole: Uint8Array, type: string | undefined): { body: Uint8Array; type: string | undefined; range: Headers } {
    const [first] = parts
    if (parts.length === 1) return { body: whole.slice(first![0], first![1] + 1), type, range: [['Content-Range', contentRange(first!, whole.length)]] }
    const boundary = this.#process.clock.random.hex(16)
    const pieces = parts.flatMap((part) => [encodeUtf8(`\r\n--${boundary}\r\n${type === undefined ? '' : `Content-type: ${type}\r\n`}Content-range: ${contentRange(part, whole.length)}\r\n\r\n`), whole.slice(part[0], part[1] + 1)])
    return { body: concatBytes([...pieces, encodeUtf8(`\r\n--${boundary}--\r\n`)]), type: `multipart/byteranges; boundary=${boundary}`, range: [] }
  }

  #fileOf(path: string): string {
    const alias = this.#config.aliases.find((a) => path.startsWith(a.path))
    return alias ? alias.target + path.slice(alias.path.length) : this.#config.documentRoot + path
  }

  #typeOf(file: string): 'file' | 'directory' | undefined {
    if (!this.#process.fs.exists(file)) return undefined
    const { type } = this.#process.fs.stat(file)
    return type === 'directory' ? 'directory' : type === 'file' ? 'file' : undefined
  }
}

/** The decoded path without its dot segments; undefined when it leaves the root or is no path. */
function normalized(target: string): string | undefined {
  let path: string
  try {
    path = decodeURIComponent(target.replace(/^https?:\/\/[^/]*/, '').split('?')[0] || '/')
  } catch {
    return undefined
  }
  if (!path.startsWith('/') || path.includes('\0')) return undefined
  const out: string[] = []
  for (const part of path.split('/').slice(1)) {
    if (part === '..' && out.length === 0) return undefined
    if (part === '..') out.pop()
    else if (part !== '.') out.push(part)
  }
  return `/${out.join('/')}`.replace(/\/{2,}/g, '/')
}
