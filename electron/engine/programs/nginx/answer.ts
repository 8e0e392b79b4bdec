import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate, reasonOf } from '../http/status.ts'
import { findLocation, findServer, type Configuration, type Settings, type VirtualServer } from './server.ts'

/** How nginx answers one request: static files, `return`, and its built-in pages (ngx_http_special_response.c). */
export interface Answer {
  response: HttpResponse
  /** Body bytes sent, for the access log. */
  sent: number
  logged: boolean
  /** Lines of the error log, after "[error] N#N: *C ". */
  errors: string[]
}

const TITLES: Readonly<Record<number, string>> = { 405: 'Not Allowed', 302: 'Found', 503: 'Service Temporarily Unavailable', 504: 'Gateway Time-out' }

export function title(status: number): string {
  return `${status} ${TITLES[status] ?? reasonOf(status)}`
}

/** Without a version: `server_tokens off`. */
export function specialPage(status: number, version: string | undefined): string {
  const head = title(status)
  return `<html>\r\n<head><title>${head}</title></head>\r\n<body>\r\n<center><h1>${head}</h1></center>\r\n<hr><center>nginx${version === undefined ? '' : `/${version}`}</center>\r\n</body>\r\n</html>\r\n`
}

export class Answerer {
  readonly #process: Process
  readonly #configuration: Configuration
  readonly #version: string

  constructor(process: Process, configuration: Configuration, version: string) {
    this.#process = process
    this.#configuration = configuration
    this.#version = version
  }

  answer(request: HttpRequest): Answer {
    const host = headerOf(request.headers, 'host')
    const errors: string[] = []
    const server = findServer(this.#configuration.servers, request.localAddress, request.localPort, host ?? '')
    if (host === undefined && request.version === '1.1') return this.#special(request, server.settings, 400, errors, true)
    const target = /^https?:\/\/[^/]*(\/.*)?$/.exec(request.target)
    const uri = target ? (target[1] ?? '/') : request.target
    const path = normalize(uri.split('?')[0]!)
    if (path === undefined) return this.#special(request, server.settings, 400, errors, true)
    return this.#inside(request, server, path, uri, errors, 0)
  }

  refuse(status: number): HttpResponse {
    const body = encodeUtf8(specialPage(status, this.#version))
    return { status, headers: this.#headers(status, 'text/html', body.length, false), body, close: true }
  }

  #inside(request: HttpRequest, server: VirtualServer, path: string, uri: string, errors: string[], depth: number): Answer {
    const settings = findLocation(server, path)
    const { returns } = server.settings.returns ? server.settings : settings
    if (returns) return this.#returned(request, settings, returns, path, uri, server, errors)
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#error(request, server, settings, 405, errors, depth)

    if (settings.tryFiles) {
      const last = settings.tryFiles.at(-1)!
      for (const candidate of settings.tryFiles.slice(0, -1)) {
        const found = this.#expand(candidate, request, path, uri, server)
        const wantsDirectory = found.endsWith('/')
        const file = this.#fileOf(settings, found)
        if (this.#isType(file, wantsDirectory ? 'directory' : 'file')) return this.#file(request, server, settings, found, errors, depth)
      }
      if (last.startsWith('=')) return this.#error(request, server, settings, Number(last.slice(1)), errors, depth)
      if (depth > 9) return this.#error(request, server, settings, 500, errors, depth)
      return this.#inside(request, server, this.#expand(last, request, path, uri, server), uri, errors, depth + 1)
    }
    return this.#file(request, server, settings, path, errors, depth)
  }

  #file(request: HttpRequest, server: VirtualServer, settings: Settings, path: string, errors: string[], depth: number): Answer {
    const { fs } = this.#process
    const file = this.#fileOf(settings, path)
    if (path.endsWith('/')) {
      for (const index of settings.index) {
        if (fs.exists(`${file}${index}`)) return this.#file(request, server, settings, `${path}${index}`, errors, depth)
      }
      if (!this.#isType(file.replace(/\/$/, '') || '/', 'directory')) {
        errors.push(`"${file}${settings.index[0] ?? ''}" is not found (2: No such file or directory)`)
        return this.#error(request, server, settings, 404, errors, depth)
      }
      errors.push(`directory index of "${file}" is forbidden`)
      return this.#error(request, server, settings, 403, errors, depth)
    }
    if (!fs.exists(file)) {
      errors.push(`open() "${file}" failed (2: No such file or directory)`)
      return this.#error(request, server, settings, 404, errors, depth)
    }
    const stat = fs.stat(file)
    if (stat.type === 'directory') {
      const host = headerOf(request.headers, 'host')?.replace(/:[0-9]+$/, '') ?? request.localAddress
      const port = request.localPort === 80 ? '' : `:${request.localPort}`
      return this.#redirect(request, settings, 301, `http://${host}${port}${path}/`, errors)
    }
    const body = fs.readFile(file)
    const type = this.#configuration.types.get(/\.([^./]+)$/.exec(file)?.[1]?.toLowerCase() ?? '') ?? settings.defaultType
    const modified = Math.floor(stat.mtime / 1000)
    const headers = this.#headers(200, type, body.length, request.keepAlive, [['Last-Modified', httpDate(modified * 1000)]])
    headers.push(['ETag', `"${modified.toString(16)}-${body.length.toString(16)}"`])
    this.#addHeaders(headers, settings, 200, request, path, server)
    headers.push(['Accept-Ranges', 'bytes'])
    return { response: { status: 200, headers, body }, sent: this.#sent(request, body), logged: settings.accessLog, errors }
  }

  #returned(request: HttpRequest, settings: Settings, returns: NonNullable<Settings['returns']>, path: string, uri: string, server: VirtualServer, errors: string[]): Answer {
    const { status } = returns
    const text = returns.text === undefined ? undefined : this.#expand(returns.text, request, path, uri, server)
    if (text !== undefined && [301, 302, 303, 307, 308].includes(status)) return this.#redirect(request, settings, status, text, errors)
    if (text === undefined) return this.#special(request, settings, status, errors, status === 444)
    const body = encodeUtf8(text)
    const headers = this.#headers(status, settings.defaultType, body.length, request.keepAlive)
    this.#addHeaders(headers, settings, status, request, path, server)
    return { response: { status, headers, body, reason: TITLES[status] ?? reasonOf(status) }, sent: this.#sent(request, body), logged: settings.accessLog, errors }
  }

  #redirect(request: HttpRequest, settings: Settings, status: number, location: string, errors: string[]): Answer {
    const body = encodeUtf8(specialPage(status, this.#version))
    const port = request.localPort === 80 ? '' : `:${request.localPort}`
    const host = headerOf(request.headers, 'host')?.replace(/:[0-9]+$/, '') ?? request.localAddress
    const absolute = location.startsWith('/') ? `http://${host}${port}${location}` : location
    const headers = this.#headers(status, 'text/html', body.length, request.keepAlive, [['Location', absolute]])
    return { response: { status, headers, body, reason: title(status).slice(4) }, sent: this.#sent(request, body), logged: settings.accessLog, errors }
  }

  #error(request: HttpRequest, server: VirtualServer, settings: Settings, status: number, errors: string[], depth: number): Answer {
    const page = settings.errorPages.get(status)
    if (page?.startsWith('/') && depth < 9) {
      const file = this.#fileOf(findLocation(server, page), page)
      if (this.#isType(file, 'file')) {
        const body = this.#process.fs.readFile(file)
        const headers = this.#headers(status, 'text/html', body.length, request.keepAlive)
        headers.push(['ETag', `"${Math.floor(this.#process.fs.stat(file).mtime / 1000).toString(16)}-${body.length.toString(16)}"`])
        return { response: { status, headers, body, reason: title(status).slice(4) }, sent: this.#sent(request, body), logged: settings.accessLog, errors }
      }
    }
    return this.#special(request, settings, status, errors, false)
  }

  #special(request: HttpRequest, settings: Settings, status: number, errors: string[], close: boolean): Answer {
    const empty = status === 204 || status === 200
    const body = encodeUtf8(empty ? '' : specialPage(status, this.#version))
    const keepAlive = request.keepAlive && !close
    const headers = status === 204
      ? this.#headers(status, undefined, undefined, keepAlive)
      : this.#headers(status, empty ? settings.defaultType : 'text/html', body.length, keepAlive)
    return { response: { status, headers, body, close: !keepAlive, reason: title(status).slice(4) }, sent: this.#sent(request, body), logged: settings.accessLog, errors }
  }

  #headers(status: number, type: string | undefined, length: number | undefined, keepAlive: boolean, extra: Headers = []): Headers {
    const headers: Headers = [['Server', `nginx/${this.#version}`], ['Date', httpDate(this.#process.clock.wall())]]
    if (type !== undefined) headers.push(['Content-Type', type])
    if (length !== undefined) headers.push(['Content-Length', String(length)])
    headers.push(...extra, ['Connection', keepAlive ? 'keep-alive' : 'close'])
    void status
    return headers
  }

  #addHeaders(headers: Headers, settings: Settings, status: number, request: HttpRequest, path: string, server: VirtualServer): void {
    if (![200, 201, 204, 206, 301, 302, 303, 304, 307, 308].includes(status)) return
    for (const [name, value] of settings.addHeaders) headers.push([name, this.#expand(value, request, path, request.target, server)])
  }

  #sent(request: HttpRequest, body: Uint8Array): number {
    return request.method === 'HEAD' ? 0 : body.length
  }

  #fileOf(settings: Settings, path: string): string {
    return settings.alias === undefined ? `${settings.root}${path}` : `${settings.alias}/${path.split('/').slice(2).join('/')}`
  }

  #isType(file: string, type: 'file' | 'directory'): boolean {
    const { fs } = this.#process
    const path = file.length > 1 ? file.replace(/\/$/, '') : file
    return fs.exists(path) && fs.stat(path).type === type
  }

  /** Variables of ngx_http_core_module; an unknown one stays as written, for nginx would not have started. */
  #expand(text: string, request: HttpRequest, path: string, uri: string, server: VirtualServer): string {
    return text.replace(/\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+))/g, (all, braced: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain ?? ''
      if (name.startsWith('http_')) return headerOf(request.headers, name.slice(5).replaceAll('_', '-')) ?? ''
      switch (name) {
        case 'hostname': return this.#process.machine.hostname
        case 'remote_addr': return request.remoteAddress
        case 'remote_port': return String(request.remotePort)
        case 'server_addr': return request.localAddress
        case 'server_port': return String(request.localPort)
        case 'server_name': return server.names[0] ?? ''
        case 'server_protocol': return `HTTP/${request.version}`
        case 'request_method': return request.method
        case 'request_uri': return uri
        case 'uri': case 'document_uri': return path
        case 'args': case 'query_string': return uri.split('?')[1] ?? ''
        case 'is_args': return uri.includes('?') ? '?' : ''
        case 'scheme': return 'http'
        case 'host': return (headerOf(request.headers, 'host') ?? server.names[0] ?? '').replace(/:[0-9]+$/, '').toLowerCase()
        case 'nginx_version': return this.#version
        default: return all
      }
    })
  }
}

/** Decodes %XX and resolves "." and ".."; undefined when that leaves the root or the escape is broken. */
export function normalize(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return undefined
  const decoded = path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const out: string[] = []
  const parts = decoded.split('/').slice(1)
  parts.forEach((part, i) => {
    const last = i === parts.length - 1
    if (part === '..') {
      out.pop()
      if (last) out.push('')
    } else if (part === '.' || part === '') {
      if (last) out.push('')
    } else out.push(part)
  })
  return `/${out.join('/')}`
}
