import type { Process } from '../../machine/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { basicCredentials } from '../http/htpasswd.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { CLIENT_VARIABLES, clientVariable } from './client-verify.ts'
import { ConfigError } from './config.ts'
import type { Configuration, VirtualServer } from './settings.ts'
import { IDLE, type Load } from './status.ts'
import { accessTime } from './time.ts'

const NAMES = new Set([
  'args', 'binary_remote_addr', 'body_bytes_sent', 'bytes_sent', 'connection', 'connections_active', 'connections_reading', 'connections_waiting', 'connections_writing', 'content_length', 'content_type', 'document_root', 'document_uri', 'host', 'hostname', 'https', 'is_args', 'msec', 'nginx_version', 'pid',
  'proxy_add_x_forwarded_for', 'proxy_host', 'proxy_port', 'proxy_protocol_addr', 'proxy_protocol_port', 'query_string', 'realip_remote_addr', 'realip_remote_port', 'remote_addr', 'remote_port', 'remote_user', 'request', 'request_body', 'request_filename', 'request_id', 'request_length',
  'request_method', 'request_time', 'request_uri', 'scheme', 'server_addr', 'server_name', 'server_port', 'server_protocol', ...CLIENT_VARIABLES, 'ssl_cipher', 'ssl_protocol', 'ssl_server_name', 'status', 'time_iso8601', 'time_local',
  'upstream_addr', 'upstream_connect_time', 'upstream_header_time', 'upstream_response_length', 'upstream_response_time', 'upstream_status', 'uri',
])
const PREFIXES = ['http_', 'arg_', 'cookie_', 'sent_http_', 'upstream_http_']
const VARIABLE = /\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/g

/** Throws nginx's "unknown variable" for names in a text that no module, map or set has. */
export function checkVariables(text: string, own: ReadonlySet<string>): void {
  for (const [, braced, plain] of text.matchAll(VARIABLE)) {
    const name = (braced ?? plain ?? '').toLowerCase()
    if (/^[0-9]$/.test(name) || NAMES.has(name) || own.has(name) || PREFIXES.some((p) => name.startsWith(p))) continue
    throw new ConfigError(`unknown "${name}" variable`)
  }
}

/** One try at an upstream server, as the log tells of it. */
export interface Attempt { address: string; status: string; seconds: string; length: number }

/** The variables of one request (ngx_http_core_module, proxy, upstream, map, set). */
export class Variables {
  readonly request: HttpRequest
  /** What was asked for, and where rewriting has led; decoded. */
  path: string
  args: string
  /** The path is still the client's own, so that it is passed on as it came. */
  untouched = true
  readonly uri: string
  server: VirtualServer
  root = ''
  proxyHost = ''
  attempts: readonly Attempt[] = []
  upstreamHeaders: HttpResponse['headers'] = []
  /** Who has sent it, whoever a trusted proxy says that the client is. */
  sender: string
  load: Load = IDLE
  response: { status: number; sent: number; headers: HttpResponse['headers'] } | undefined
  readonly #process: Process
  readonly #configuration: Configuration
  readonly #version: string
  readonly #own = new Map<string, string>()
  readonly #startedAt: number
  /** Of the wall, in ms. */
  readonly begun: number
  #captures: readonly (string | undefined)[] = []
  #id: string | undefined

  constructor(process: Process, configuration: Configuration, version: string, request: HttpRequest, server: VirtualServer, uri: string, path: string) {
    this.#process = process
    this.#configuration = configuration
    this.#version = version
    this.request = request
    this.sender = request.remoteAddress
    this.server = server
    this.uri = uri
    this.path = path
    this.args = uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : ''
    this.#startedAt = process.clock.now
    this.begun = process.clock.wall()
  }

  set(name: string, value: string): void {
    this.#own.set(name, value)
  }

  rewritten(path: string, args: string): void {
    this.path = path
    this.args = args
    this.untouched = false
  }

  /** Its groups are $1 … $9 from then on. */
  match(pattern: RegExp, text: string): boolean {
    const match = pattern.exec(text)
    if (!match) return false
    this.#captures = match
    for (const [name, value] of Object.entries(match.groups ?? {})) this.set(name, value ?? '')
    return true
  }

  /** `missing` is what a variable without a value is: "-" in logs. */
  expand(text: string, missing = ''): string {
    return text.includes('$') ? text.replace(VARIABLE, (_, braced: string | undefined, plain: string | undefined) => this.value((braced ?? plain)!.toLowerCase()) || missing) : text
  }

  value(name: string): string {
    const { request } = this
    if (/^[0-9]$/.test(name)) return this.#captures[Number(name)] ?? ''
    const own = this.#own.get(name)
    if (own !== undefined) return own
    const map = this.#configuration.maps.get(name)
    if (map) {
      const source = this.expand(map.source)
      const found = map.entries.find(({ pattern }) => (typeof pattern === 'string' ? pattern.toLowerCase() === source.toLowerCase() : pattern.test(source)))
      return this.expand(found ? found.value : map.otherwise)
    }
    const computed = this.#configuration.computed.get(name)
    if (computed) return computed(this)
    if (name.startsWith('http_')) return headerOf(request.headers, name.slice(5).replaceAll('_', '-')) ?? ''
    if (name.startsWith('sent_http_')) return headerOf(this.response?.headers ?? [], name.slice(10).replaceAll('_', '-')) ?? ''
    if (name.startsWith('upstream_http_')) return headerOf(this.upstreamHeaders, name.slice(14).replaceAll('_', '-')) ?? ''
    if (name.startsWith('arg_')) return this.args.split('&').find((a) => a.toLowerCase().startsWith(`${name.slice(4)}=`))?.slice(name.length - 3) ?? ''
    if (name.startsWith('cookie_')) return (headerOf(request.headers, 'cookie') ?? '').split(/;\s*/).find((c) => c.startsWith(`${name.slice(7)}=`))?.slice(name.length - 6) ?? ''
    return this.#core(name)
  }

  /** $host: of the request line, of the Host header, of the server. */
  get host(): string {
    const name = /^https?:\/\/([^/]*)/.exec(this.request.target)?.[1] ?? headerOf(this.request.headers, 'host') ?? this.server.names[0] ?? ''
    return name.replace(/:[0-9]+$/, '').toLowerCase()
  }

  #core(name: string): string {
    const { request } = this
    const { clock } = this.#process
    const seconds = (ms: number): string => (ms / 1000).toFixed(3)
    if (name.startsWith('ssl_client_')) return clientVariable(name.slice('ssl_client_'.length), this.server.clients, request, clock.wall())
    switch (name) {
      case 'hostname': return this.#process.machine.hostname
      case 'remote_addr': case 'binary_remote_addr': return request.remoteAddress
      case 'realip_remote_addr': return this.sender
      case 'proxy_protocol_addr': return request.announced?.address ?? ''
      case 'proxy_protocol_port': return request.announced === undefined ? '' : String(request.announced.port)
      case 'connections_active': return String(this.load.active)
      case 'connections_reading': return '0'
      case 'connections_writing': return String(this.load.writing)
      case 'connections_waiting': return String(this.load.active - this.load.writing)
      case 'remote_user': return basicCredentials(headerOf(request.headers, 'authorization'))?.user ?? ''
      case 'remote_port': case 'realip_remote_port': return String(request.remotePort)
      case 'server_addr': return request.localAddress
      case 'server_port': return String(request.localPort)
      case 'server_name': return this.server.names[0] ?? ''
      case 'server_protocol': return `HTTP/${request.version}`
      case 'request': return `${request.method} ${request.target} HTTP/${request.version}`
      case 'request_method': return request.method
      case 'request_uri': return this.uri
      case 'request_body': return decodeUtf8(request.body)
      case 'request_filename': return `${this.root}${this.path}`
      case 'document_root': return this.root
      case 'request_length': return String(`${request.method} ${request.target} HTTP/${request.version}`.length + 4 + request.headers.reduce((sum, [n, v]) => sum + n.length + v.length + 4, 0) + request.body.length)
      case 'request_id': return (this.#id ??= clock.random.hex(32))
      case 'request_time': return seconds(clock.now - this.#startedAt)
      case 'uri': case 'document_uri': return this.path
      case 'args': case 'query_string': return this.args
      case 'is_args': return this.args === '' ? '' : '?'
      case 'scheme': return request.tls ? 'https' : 'http'
      case 'https': return request.tls ? 'on' : ''
      case 'ssl_protocol': return request.tls ? 'TLSv1.3' : ''
      case 'ssl_cipher': return request.tls?.cipher.name ?? ''
      case 'ssl_server_name': return request.tls?.serverName ?? ''
      case 'host': return this.host
      case 'content_length': return headerOf(request.headers, 'content-length') ?? ''
      case 'content_type': return headerOf(request.headers, 'content-type') ?? ''
      case 'connection': return String(request.connection)
      case 'pid': return String(this.#process.pid)
      case 'msec': return seconds(clock.wall())
      case 'time_local': return accessTime(clock.wall())
      case 'time_iso8601': return `${new Date(clock.wall()).toISOString().slice(0, 19)}+00:00`
      case 'nginx_version': return this.#version
      case 'status': return this.response ? String(this.response.status) : ''
      case 'body_bytes_sent': case 'bytes_sent': return String(this.response?.sent ?? 0)
      case 'proxy_host': return this.proxyHost
      case 'proxy_port': return /:([0-9]+)$/.exec(this.proxyHost)?.[1] ?? '80'
      case 'proxy_add_x_forwarded_for': {
        const before = headerOf(request.headers, 'x-forwarded-for')
        return before ? `${before}, ${request.remoteAddress}` : request.remoteAddress
      }
      case 'upstream_addr': return this.attempts.map((a) => a.address).join(', ')
      case 'upstream_status': return this.attempts.map((a) => a.status).join(', ')
      case 'upstream_response_length': return this.attempts.map((a) => a.length).join(', ')
      case 'upstream_response_time': case 'upstream_header_time': case 'upstream_connect_time': return this.attempts.map((a) => a.seconds).join(', ')
      default: return ''
    }
  }
}
