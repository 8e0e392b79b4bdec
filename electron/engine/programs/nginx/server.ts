import { ConfigError, type Directive } from './config.ts'

/** nginx's server and location blocks as this simulation understands them. */
export interface Location {
  modifier: '' | '=' | '^~' | '~' | '~*'
  path: string
  settings: Settings
}

/** What is inherited from http to server to location. */
export interface Settings {
  root: string
  alias?: string
  index: string[]
  returns?: { status: number; text: string | undefined }
  addHeaders: [string, string][]
  defaultType: string
  accessLog: boolean
  autoindex: boolean
  tryFiles?: string[]
  errorPages: Map<number, string>
}

export interface VirtualServer {
  listens: { address: string; port: number; isDefault: boolean }[]
  names: string[]
  settings: Settings
  locations: Location[]
}

export interface Configuration {
  daemon: boolean
  keepAliveTimeout: number
  servers: VirtualServer[]
  /** Extension → MIME type. */
  types: ReadonlyMap<string, string>
}

/** A directive that real nginx knows and Podhop does not simulate. */
export class NotSimulated extends Error {}

/** Directives that change nothing that a simulation shows: workers, buffers, log files that go to stdout anyway. */
const HARMLESS = new Set([
  'user', 'worker_processes', 'error_log', 'pid', 'worker_connections', 'multi_accept', 'use', 'worker_rlimit_nofile', 'pcre_jit',
  'log_format', 'sendfile', 'tcp_nopush', 'tcp_nodelay', 'gzip', 'gzip_types', 'gzip_vary', 'types_hash_max_size', 'server_names_hash_bucket_size',
  'client_max_body_size', 'client_body_buffer_size', 'charset', 'access_log', 'resolver', 'resolver_timeout', 'log_not_found', 'etag', 'expires',
])
/** Known to nginx, not to Podhop (yet). */
const KNOWN = new Set([
  'proxy_pass', 'proxy_set_header', 'proxy_http_version', 'proxy_read_timeout', 'proxy_connect_timeout', 'upstream', 'rewrite', 'if', 'set', 'map', 'fastcgi_pass',
  'uwsgi_pass', 'grpc_pass', 'limit_req', 'limit_req_zone', 'limit_conn', 'auth_basic', 'auth_basic_user_file', 'allow', 'deny', 'ssl_certificate',
  'ssl_certificate_key', 'stub_status', 'stream', 'split_clients', 'sub_filter', 'real_ip_header', 'set_real_ip_from', 'internal', 'http2', 'load_module', 'mirror',
])

const DEFAULT_TYPES: ReadonlyMap<string, string> = new Map([['html', 'text/html'], ['gif', 'image/gif'], ['jpg', 'image/jpeg']])
/** The long list of mime.types, which is the same in every nginx, is read once. */
const typesRead = new WeakMap<Directive, ReadonlyMap<string, string>>()

function typesOf(directive: Directive): ReadonlyMap<string, string> {
  let types = typesRead.get(directive)
  if (!types) typesRead.set(directive, (types = new Map((directive.block ?? []).flatMap((d) => d.args.map((extension) => [extension, d.name] as const)))))
  return types
}

export function readConfiguration(directives: readonly Directive[]): Configuration {
  const configuration: Configuration = { daemon: true, keepAliveTimeout: 75_000, servers: [], types: DEFAULT_TYPES }
  for (const directive of directives) {
    if (directive.name === 'daemon') configuration.daemon = directive.args[0] !== 'off'
    else if (directive.name === 'events') for (const d of directive.block ?? []) other(d)
    else if (directive.name === 'http') readHttp(directive, configuration)
    else other(directive)
  }
  return configuration
}

function other(directive: Directive): void {
  if (HARMLESS.has(directive.name)) return
  if (KNOWN.has(directive.name)) throw new NotSimulated(`nginx directive "${directive.name}"`)
  throw new ConfigError(`unknown directive "${directive.name}" in ${directive.file}:${directive.line}`)
}

function misplaced(directive: Directive): ConfigError {
  return new ConfigError(`"${directive.name}" directive is not allowed here in ${directive.file}:${directive.line}`)
}

function readHttp(http: Directive, configuration: Configuration): void {
  const settings: Settings = {
    root: '/etc/nginx/html', index: ['index.html'], addHeaders: [], defaultType: 'text/plain', accessLog: true, autoindex: false, errorPages: new Map(),
  }
  const servers: Directive[] = []
  for (const directive of http.block ?? []) {
    if (directive.name === 'server') servers.push(directive)
    else if (directive.name === 'types') {
      configuration.types = typesOf(directive)
    } else if (directive.name === 'keepalive_timeout') configuration.keepAliveTimeout = seconds(directive)
    else if (!readSetting(directive, settings)) other(directive)
  }
  for (const server of servers) configuration.servers.push(readServer(server, settings, configuration))
}

function seconds(directive: Directive): number {
  const match = /^([0-9]+)(ms|s|m)?$/.exec(directive.args[0] ?? '')
  if (!match) throw new ConfigError(`"${directive.name}" directive invalid value in ${directive.file}:${directive.line}`)
  return Number(match[1]) * (match[2] === 'ms' ? 1 : match[2] === 'm' ? 60_000 : 1000)
}

function readServer(directive: Directive, inherited: Settings, configuration: Configuration): VirtualServer {
  const server: VirtualServer = { listens: [], names: [], settings: inherit(inherited), locations: [] }
  const locations: Directive[] = []
  for (const d of directive.block ?? []) {
    if (d.name === 'listen') server.listens.push(...readListen(d))
    else if (d.name === 'server_name') server.names.push(...d.args)
    else if (d.name === 'location') locations.push(d)
    else if (d.name === 'server' || d.name === 'http') throw misplaced(d)
    else if (d.name === 'keepalive_timeout') configuration.keepAliveTimeout = seconds(d)
    else if (!readSetting(d, server.settings)) other(d)
  }
  if (server.listens.length === 0 && !(directive.block ?? []).some((d) => d.name === 'listen')) server.listens.push({ address: '0.0.0.0', port: 80, isDefault: false })
  for (const d of locations) {
    const settings = inherit(server.settings)
    delete settings.returns
    delete settings.tryFiles
    for (const inner of d.block ?? []) if (!readSetting(inner, settings)) other(inner)
    const modifier = d.args.length > 1 ? (d.args[0] as Location['modifier']) : ''
    server.locations.push({ modifier, path: d.args.at(-1) ?? '/', settings })
  }
  return server
}

function inherit(settings: Settings): Settings {
  return { ...settings, index: [...settings.index], addHeaders: [...settings.addHeaders], errorPages: new Map(settings.errorPages) }
}

/** "80", "*:80", "127.0.0.1:8080", "[::]:80", with options. IPv6 sockets are left out: the simulated kernel has no IPv6. */
function readListen(directive: Directive): VirtualServer['listens'] {
  const value = directive.args[0] ?? ''
  const options = directive.args.slice(1)
  if (options.some((o) => o === 'ssl' || o === 'quic')) throw new NotSimulated(`nginx "listen … ssl"`)
  const isDefault = options.some((o) => o === 'default_server' || o === 'default')
  if (value.startsWith('[')) return []
  const match = /^(?:([0-9.*]+|localhost):)?([0-9]+)$/.exec(value) ?? /^([0-9]+\.[0-9.]+)$/.exec(value)
  const port = Number(match?.[2] ?? 80)
  if (!match || port < 1 || port > 65_535) throw new ConfigError(`invalid port in "${value}" of the "listen" directive in ${directive.file}:${directive.line}`)
  const host = match[1]
  return [{ address: host === undefined || host === '*' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host, port, isDefault }]
}

function readSetting(d: Directive, settings: Settings): boolean {
  switch (d.name) {
    case 'root':
      settings.root = absolute(d.args[0] ?? '')
      return true
    case 'alias':
      settings.alias = absolute(d.args[0] ?? '')
      return true
    case 'index':
      settings.index = d.args
      return true
    case 'return': {
      const status = Number(d.args[0])
      settings.returns = Number.isInteger(status) ? { status, text: d.args[1] } : { status: 302, text: d.args[0] }
      return true
    }
    case 'add_header':
      settings.addHeaders.push([d.args[0] ?? '', d.args[1] ?? ''])
      return true
    case 'default_type':
      settings.defaultType = d.args[0] ?? 'text/plain'
      return true
    case 'access_log':
      settings.accessLog = d.args[0] !== 'off'
      return true
    case 'autoindex':
      settings.autoindex = d.args[0] === 'on'
      if (settings.autoindex) throw new NotSimulated('nginx directive "autoindex on"')
      return true
    case 'try_files':
      settings.tryFiles = d.args
      return true
    case 'error_page':
      for (const code of d.args.slice(0, -1)) settings.errorPages.set(Number(code), d.args.at(-1)!)
      return true
    default:
      return false
  }
}

/** Relative paths are below the prefix that nginx was built with. */
function absolute(path: string): string {
  const out = path.startsWith('/') ? path : `/etc/nginx/${path}`
  return out.length > 1 ? out.replace(/\/$/, '') : out
}

/** The location for a path: exact, then the longest prefix unless a regular expression matches first (ngx_http_core_module). */
export function findLocation(server: VirtualServer, path: string): Settings {
  let prefix: Location | undefined
  for (const location of server.locations) {
    if (location.modifier === '=' && location.path === path) return location.settings
    if (location.modifier !== '' && location.modifier !== '^~') continue
    if (path.startsWith(location.path) && location.path.length > (prefix?.path.length ?? -1)) prefix = location
  }
  if (prefix?.modifier !== '^~') {
    for (const location of server.locations) {
      if (location.modifier !== '~' && location.modifier !== '~*') continue
      if (new RegExp(location.path, location.modifier === '~*' ? 'i' : '').test(path)) return location.settings
    }
  }
  return prefix?.settings ?? server.settings
}

/** By Host header among the servers of a port; else the default one. */
export function findServer(servers: readonly VirtualServer[], address: string, port: number, host: string): VirtualServer {
  const here = servers.filter((s) => s.listens.some((l) => l.port === port && (l.address === '0.0.0.0' || l.address === address)))
  const name = host.replace(/:[0-9]+$/, '').toLowerCase()
  const wildcard = (pattern: string): boolean => pattern.startsWith('*.') && name.endsWith(pattern.slice(1))
  return (
    here.find((s) => s.names.includes(name)) ??
    here.find((s) => s.names.some(wildcard)) ??
    here.find((s) => s.listens.some((l) => l.port === port && l.isDefault)) ??
    here[0]!
  )
}
