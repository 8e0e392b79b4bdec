import { tryParseCidr } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'
import { absolute, misplaced, onOff, other } from './directives.ts'
import { readConnectionLimit, readConnectionZone, type ConnectionLimit, type ConnectionZone } from './limit-conn.ts'
import { pattern } from './rewrite.ts'
import type { AccessLog } from './settings.ts'
import { NAMES, type StreamMap } from './stream-variables.ts'
import { addressOf, readUpstream, seconds, type Upstream } from './upstream.ts'

/** nginx's stream block (ngx_stream_core, proxy, upstream, access, return, map, limit_conn, log, ssl and ssl_preread): TCP and UDP passed on. */
export interface StreamListen { readonly address: string; readonly port: number; readonly udp: boolean; readonly ssl: boolean }

/** Times in ms. What a server has that the block above it may say, too. */
export interface StreamSettings {
  connectTimeout: number
  timeout: number
  prereadTimeout: number
  preread: boolean
  /** proxy_protocol: the first line to the upstream says who the client is. */
  tells: boolean
  /** proxy_ssl, and the name that it asks for. */
  secures: boolean
  securedName: string | undefined
  /** proxy_next_upstream; of `most` servers (0: all), for `time` ms (0: any). */
  tries: boolean
  most: number
  time: number
  /** proxy_half_close: each direction ends by itself. */
  halves: boolean
  /** proxy_responses: after so many answers a UDP session is over. */
  responses: number | undefined
  requests: number
  access: readonly { allow: boolean; net: Cidr | 'all' }[]
  limits: readonly ConnectionLimit[]
  logs: readonly AccessLog[]
}

export interface StreamServer {
  readonly listens: StreamListen[]
  settings: StreamSettings
  /** Where to: a group's name, or a text with variables. */
  pass?: { upstream: string } | { text: string }
  returns?: string
  certificate?: { file: string; directive: Directive }
  key?: { file: string; directive: Directive }
}

export interface StreamConfiguration {
  readonly servers: StreamServer[]
  readonly upstreams: Map<string, Upstream>
  readonly maps: Map<string, StreamMap>
  readonly zones: Map<string, ConnectionZone>
  resolver: readonly string[]
}

const HARMLESS = new Set([
  'proxy_buffer_size', 'proxy_socket_keepalive', 'preread_buffer_size', 'tcp_nodelay', 'limit_conn_log_level', 'variables_hash_bucket_size', 'variables_hash_max_size', 'map_hash_bucket_size',
  'map_hash_max_size', 'error_log', 'ssl_protocols', 'ssl_ciphers', 'ssl_prefer_server_ciphers', 'ssl_session_cache', 'ssl_session_timeout', 'ssl_session_tickets', 'ssl_handshake_timeout', 'ssl_ecdh_curve', 'ssl_dhparam', 'proxy_ssl_protocols', 'proxy_ssl_ciphers',
  'proxy_ssl_session_reuse', 'resolver_timeout',
])
const LACKING = new Set(['set', 'geo', 'split_clients', 'js_import', 'pass', 'proxy_bind', 'proxy_upload_rate', 'proxy_download_rate', 'proxy_ssl_verify', 'proxy_ssl_certificate', 'proxy_ssl_trusted_certificate', 'set_real_ip_from', 'ssl_verify_client', 'ssl_client_certificate', 'ssl_alpn'])

const DEFAULTS: StreamSettings = {
  connectTimeout: 60_000, timeout: 600_000, prereadTimeout: 30_000, preread: false, tells: false, secures: false, securedName: undefined, tries: true, most: 0, time: 0, halves: false, responses: undefined, requests: 0, access: [], limits: [], logs: [],
}

/** Throws ConfigError and NotSimulated. */
export function readStream(stream: Directive): StreamConfiguration {
  const out: StreamConfiguration = { servers: [], upstreams: new Map(), maps: new Map(), zones: new Map(), resolver: [] }
  const formats = new Map<string, string>()
  const texts: string[] = []
  const names = new Set<string>()
  const settings: StreamSettings = { ...DEFAULTS }
  const reader = new SettingsReader(out, formats, texts)
  const servers: Directive[] = []
  for (const d of stream.block ?? []) {
    if (d.name === 'log_format') {
      const text = d.args.slice(1).filter((a) => !a.startsWith('escape=')).join('')
      formats.set(d.args[0] ?? '', text)
      texts.push(text)
    } else if (d.name === 'limit_conn_zone') {
      readConnectionZone(d, out.zones)
      texts.push((d.args[0] ?? '').replaceAll('$binary_remote_addr', '$remote_addr'))
    }
  }
  for (const d of stream.block ?? []) {
    if (d.name === 'server') servers.push(d)
    else if (d.name === 'upstream') {
      const upstream = readUpstream(d, true)
      if (out.upstreams.has(upstream.name.toLowerCase())) throw new ConfigError(`duplicate upstream "${upstream.name}" in ${d.file}:${d.line}`)
      out.upstreams.set(upstream.name.toLowerCase(), upstream)
      if (upstream.key) texts.push(upstream.key.text)
    } else if (d.name === 'map') {
      const name = (d.args[1] ?? '').replace(/^\$/, '').toLowerCase()
      names.add(name)
      texts.push(d.args[0] ?? '', ...(d.block ?? []).map((e) => e.args[0] ?? ''))
      const hostnames = (d.block ?? []).some((e) => e.name === 'hostnames')
      out.maps.set(name, {
        source: d.args[0] ?? '', hostnames,
        entries: (d.block ?? []).filter((e) => !['default', 'hostnames', 'volatile'].includes(e.name)).map((e) => ({ pattern: e.name.startsWith('~*') ? pattern(e.name.slice(2), 'i', '') : e.name.startsWith('~') ? pattern(e.name.slice(1), '', '') : e.name.replace(/^\\/, '').toLowerCase(), value: e.args[0] ?? '' })),
        otherwise: (d.block ?? []).find((e) => e.name === 'default')?.args[0] ?? '',
      })
    } else if (d.name === 'log_format' || d.name === 'limit_conn_zone') continue
    else if (['listen', 'proxy_pass', 'return', 'location', 'http'].includes(d.name)) throw misplaced(d)
    else if (!reader.read(d, settings, {})) unknown(d)
  }
  for (const server of servers) out.servers.push(readServer(server, settings, reader, out, texts))
  for (const text of texts) {
    for (const [, braced, plain] of text.matchAll(/\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/g)) {
      const name = (braced ?? plain ?? '').toLowerCase()
      if (!NAMES.has(name) && !names.has(name) && !/^[0-9]$/.test(name)) throw new ConfigError(`unknown "${name}" variable`)
    }
  }
  return out
}

function unknown(d: Directive): void {
  if (HARMLESS.has(d.name)) return
  if (LACKING.has(d.name)) throw new NotSimulated(`nginx stream directive "${d.name}"`)
  // of HTTP alone
  if (['location', 'server_name', 'root', 'proxy_set_header', 'rewrite', 'add_header', 'http2', 'try_files', 'index'].includes(d.name)) throw misplaced(d)
  other(d, [])
}

function readServer(directive: Directive, inherited: StreamSettings, reader: SettingsReader, out: StreamConfiguration, texts: string[]): StreamServer {
  const server: StreamServer = { listens: [], settings: { ...inherited } }
  const own: Own = {}
  const where = ` in ${directive.file}:${directive.line}`
  const duplicate = (d: Directive): never => {
    throw new ConfigError(`"${d.name}" directive is duplicate in ${d.file}:${d.line}`)
  }
  for (const d of directive.block ?? []) {
    if (d.name === 'listen') server.listens.push(readListen(d))
    else if (d.name === 'proxy_pass') {
      if (server.pass) duplicate(d)
      const text = d.args[0] ?? ''
      if (text.includes('$')) {
        texts.push(text)
        server.pass = { text }
        continue
      }
      const key = text.toLowerCase()
      if (!out.upstreams.has(key)) {
        const address = addressOf(text, d)
        if (!/:[0-9]+$/.test(text)) throw new ConfigError(`no port in upstream "${text}" in ${d.file}:${d.line}`)
        out.upstreams.set(key, { name: text, balance: 'round-robin', servers: [{ ...address, weight: 1, maxFails: 1, failTimeout: 10_000, backup: false, down: false, directive: d, url: address.host, own: true }], peers: [] })
      }
      server.pass = { upstream: key }
    } else if (d.name === 'return') {
      if (server.returns !== undefined) duplicate(d)
      server.returns = d.args[0] ?? ''
      texts.push(server.returns)
    } else if (d.name === 'ssl_certificate') server.certificate = { file: absolute(d.args[0] ?? ''), directive: d }
    else if (d.name === 'ssl_certificate_key') server.key = { file: absolute(d.args[0] ?? ''), directive: d }
    else if (['server', 'upstream', 'map', 'log_format', 'limit_conn_zone', 'http'].includes(d.name)) throw misplaced(d)
    else if (!reader.read(d, server.settings, own)) unknown(d)
  }
  if (server.listens.length === 0) throw new ConfigError(`no "listen" is defined for server${where}`)
  if (!server.pass && server.returns === undefined) throw new ConfigError(`no handler for server${where}`)
  if (server.listens.some((l) => l.ssl)) for (const [name, value] of [['ssl_certificate', server.certificate], ['ssl_certificate_key', server.key]] as const) if (!value) throw new ConfigError(`no "${name}" is defined for the "listen ... ssl" directive${where}`)
  for (const listen of server.listens) {
    if (out.servers.some((s) => s.listens.some((l) => l.port === listen.port && l.address === listen.address && l.udp === listen.udp))) throw new ConfigError(`duplicate "${listen.address}:${listen.port}" address and port pair${where}`)
  }
  return server
}

interface Own { access?: true; limits?: true; logs?: true }

class SettingsReader {
  readonly #out: StreamConfiguration
  readonly #formats: ReadonlyMap<string, string>
  readonly #texts: string[]

  constructor(out: StreamConfiguration, formats: ReadonlyMap<string, string>, texts: string[]) {
    this.#out = out
    this.#formats = formats
    this.#texts = texts
  }

  read(d: Directive, settings: StreamSettings, own: Own): boolean {
    const where = ` in ${d.file}:${d.line}`
    const [first = ''] = d.args
    switch (d.name) {
      case 'proxy_connect_timeout': settings.connectTimeout = seconds(d); return true
      case 'proxy_timeout': settings.timeout = seconds(d); return true
      case 'preread_timeout': settings.prereadTimeout = seconds(d); return true
      case 'ssl_preread': settings.preread = onOff(d); return true
      case 'proxy_protocol': settings.tells = onOff(d); return true
      case 'proxy_ssl': settings.secures = onOff(d); return true
      case 'proxy_ssl_name': settings.securedName = first; this.#texts.push(first); return true
      case 'proxy_ssl_server_name': onOff(d); return true
      case 'proxy_next_upstream': settings.tries = onOff(d); return true
      case 'proxy_next_upstream_tries':
        if (!/^[0-9]+$/.test(first)) throw new ConfigError(`"${d.name}" directive invalid value${where}`)
        settings.most = Number(first)
        return true
      case 'proxy_next_upstream_timeout': settings.time = seconds(d); return true
      case 'proxy_half_close': settings.halves = onOff(d); return true
      case 'proxy_responses': settings.responses = Number(first); return true
      case 'proxy_requests': settings.requests = Number(first); return true
      case 'allow':
      case 'deny':
        if (first !== 'all' && !tryParseCidr(first)) throw new ConfigError(`invalid parameter "${first}"${where}`)
        settings.access = [...(own.access ? settings.access : []), { allow: d.name === 'allow', net: first }]
        own.access = true
        return true
      case 'limit_conn':
        settings.limits = [...(own.limits ? settings.limits : []), readConnectionLimit(d, this.#out.zones, own.limits ? settings.limits : [])]
        own.limits = true
        return true
      case 'access_log': {
        const [to = '', name] = d.args
        if (to === 'off') {
          settings.logs = []
          return true
        }
        if (name === undefined) throw new ConfigError(`log format is not specified${where}`)
        const format = this.#formats.get(name)
        if (format === undefined) throw new ConfigError(`unknown log format "${name}"${where}`)
        settings.logs = [...(own.logs ? settings.logs : []), { to: to.startsWith('/') ? to : `/etc/nginx/${to}`, format }]
        own.logs = true
        return true
      }
      case 'resolver':
        this.#out.resolver = d.args.filter((a) => !a.includes('=')).map((s) => s.replace(/^\[(.*)\](?::53)?$/, '$1').replace(/^([0-9.]+):53$/, '$1'))
        return true
      default: return false
    }
  }
}

/** "12345", "127.0.0.1:53 udp", "[::]:443 ssl": a port is always said. */
function readListen(d: Directive): StreamListen {
  const [value = '', ...options] = d.args
  const where = ` in ${d.file}:${d.line}`
  const odd = options.find((o) => !/^(udp|ssl|reuseport|bind|deferred|(ipv6only|backlog|rcvbuf|sndbuf|so_keepalive|fastopen)=.*|proxy_protocol)$/.test(o))
  if (odd !== undefined) throw new ConfigError(`invalid parameter "${odd}"${where}`)
  if (options.includes('proxy_protocol')) throw new NotSimulated('nginx "listen … proxy_protocol"')
  const [udp, ssl] = [options.includes('udp'), options.includes('ssl')]
  if (udp && ssl) throw new ConfigError(`"ssl" parameter is incompatible with "udp"${where}`)
  const match = /^(?:([0-9.*]+|localhost|\[[0-9a-fA-F:.]*\]):)?([0-9]+)$/.exec(value)
  const port = Number(match?.[2])
  if (!match) throw new ConfigError(`no port in "${value}" of the "listen" directive${where}`)
  if (port < 1 || port > 65_535) throw new ConfigError(`invalid port in "${value}" of the "listen" directive${where}`)
  const host = match[1]
  return { address: host === undefined || host === '*' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1'), port, udp, ssl }
}
