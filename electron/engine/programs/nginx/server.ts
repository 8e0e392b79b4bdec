import { isValidIp, tryParseCidr } from '../../network/address.ts'
import { readAccount } from './account.ts'
import { readAutoindex } from './autoindex.ts'
import { readGeo, readSplit } from './computed.ts'
import { NO_CLIENT_VERIFY, readClientVerify } from './client-verify.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'
import { absolute, misplaced, onOff, other, readListen } from './directives.ts'
import { readConnectionLimit, readConnectionZone } from './limit-conn.ts'
import { readLimit, readLimitZone } from './limit-req.ts'
import { NO_REAL_IP, readRealIp } from './real-ip.ts'
import { readExpires } from './response-headers.ts'
import { pattern, readOperation, type Operation } from './rewrite.ts'
import { NO_SENDING, readSending } from './sending.ts'
import { LOG_LEVELS, type Configuration, type Location, type LogLevel, type Settings, type VirtualServer } from './settings.ts'
import { readStream } from './stream-config.ts'
import { NO_SUBSTITUTIONS, readSubstitution } from './sub-filter.ts'
import { PROXY_DEFAULTS, readProxyPass, readProxySetting, readUpstream, seconds } from './upstream.ts'
import { checkVariables } from './variables.ts'

const COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
/** The images link it to /dev/stdout. */
const ACCESS_LOG = '/var/log/nginx/access.log'
const DEFAULT_TYPES: ReadonlyMap<string, string> = new Map([['html', 'text/html'], ['gif', 'image/gif'], ['jpg', 'image/jpeg']])
/** The long list of mime.types, which is the same in every nginx, is read once. */
const typesRead = new WeakMap<Directive, ReadonlyMap<string, string>>()

function typesOf(directive: Directive): ReadonlyMap<string, string> {
  let types = typesRead.get(directive)
  if (!types) typesRead.set(directive, (types = new Map((directive.block ?? []).flatMap((d) => d.args.map((extension) => [extension, d.name] as const)))))
  return types
}

/** Throws ConfigError and NotSimulated. Upstreams' names are not looked up yet. */
export function readConfiguration(directives: readonly Directive[]): Configuration {
  const configuration: Configuration = { account: readAccount(directives), daemon: true, logLevel: 'error', workers: 1, keepAliveTimeout: 75_000, tokens: true, servers: [], types: DEFAULT_TYPES, formats: new Map([['combined', COMBINED]]), maps: new Map(), computed: new Map(), upstreams: new Map(), resolver: [], underscores: false, limitZones: new Map(), connectionZones: new Map(), warnings: [] }
  const events = directives.some((d) => d.name === 'events')
  for (const directive of directives) {
    if (directive.name === 'daemon') configuration.daemon = directive.args[0] !== 'off'
    else if (directive.name === 'events') for (const d of directive.block ?? []) other(d, configuration.warnings)
    else if (directive.name === 'http') new Reader(configuration).http(directive)
    else if (directive.name === 'stream') {
      if (configuration.stream) throw new ConfigError(`"stream" directive is duplicate in ${directive.file}:${directive.line}`)
      configuration.stream = readStream(directive)
    }
    else if (['server', 'location', 'upstream', 'listen', 'root', 'proxy_pass'].includes(directive.name)) throw misplaced(directive)
    else {
      if (directive.name === 'error_log') configuration.logLevel = logLevelOf(directive)
      if (directive.name === 'worker_processes') configuration.workers = workersOf(directive)
      other(directive, configuration.warnings)
    }
  }
  if (!events) throw new ConfigError('no "events" section in configuration')
  return configuration
}

function logLevelOf({ args: [, level = 'error'], file, line }: Directive): LogLevel {
  const known = LOG_LEVELS.find((name) => name === level)
  if (known === undefined) throw new ConfigError(`invalid log level "${level}" in ${file}:${line}`)
  return known
}

/** Those that `ps` shows: no more than a small machine has. */
function workersOf({ args: [count = ''], file, line }: Directive): number {
  if (count === 'auto') return 2
  if (!/^[1-9][0-9]*$/.test(count)) throw new ConfigError(`invalid number "${count}" in ${file}:${line}`)
  return Math.min(Number(count), 64)
}

/** What a block has said itself, where that takes the place of what it inherits. */
interface Own { limits?: true; connectionLimits?: true; mirrors?: true; substitutions?: true; types?: true; headers?: { name: string; value: string }[]; addHeaders?: true; logs?: true; access?: true; index?: true; pages?: true }

class Reader {
  readonly #configuration: Configuration
  /** Names that `set`, `map` and groups make. */
  readonly #names = new Set<string>()
  readonly #texts: string[] = []
  #http2 = false
  #clients = NO_CLIENT_VERIFY

  constructor(configuration: Configuration) {
    this.#configuration = configuration
  }

  http(http: Directive): void {
    const settings: Settings = {
      root: '/etc/nginx/html', index: ['index.html'], operations: [], addHeaders: [], defaultType: 'text/plain', accessLogs: [{ to: ACCESS_LOG, format: COMBINED }], errorPages: new Map(), access: [], limits: [], limitStatus: 503, connectionLimits: [], connectionLimitStatus: 503, substitutions: NO_SUBSTITUTIONS, sending: NO_SENDING, mirrors: [], mirrorsBody: true, maxBody: 1024 * 1024, internal: false, proxy: PROXY_DEFAULTS,
      autoindex: { on: false, exact: true, format: 'html' }, realIp: NO_REAL_IP, satisfyAny: false, redirects: { absolute: true, port: true, serverName: false },
    }
    const own: Own = {}
    const servers: Directive[] = []
    // wherever they stand, they are there for all
    for (const d of http.block ?? []) if (d.name === 'log_format') this.#configuration.formats.set(d.args[0] ?? '', d.args.slice(1).filter((a) => !a.startsWith('escape=')).join(''))
    for (const d of http.block ?? []) if (d.name === 'limit_req_zone') readLimitZone(d, this.#configuration)
    for (const d of http.block ?? []) if (d.name === 'limit_conn_zone') readConnectionZone(d, this.#configuration.connectionZones)
    for (const d of http.block ?? []) {
      if (d.name === 'limit_req_zone' || d.name === 'limit_conn_zone') this.#texts.push((d.args[0] ?? '').replaceAll('$binary_remote_addr', '$remote_addr'))
      else if (d.name === 'server') servers.push(d)
      else if (d.name === 'log_format') this.#texts.push(d.args.slice(1).join(''))
      else if (d.name === 'upstream') {
        const upstream = readUpstream(d)
        if (this.#configuration.upstreams.has(upstream.name.toLowerCase())) throw new ConfigError(`duplicate upstream "${upstream.name}" in ${d.file}:${d.line}`)
        this.#configuration.upstreams.set(upstream.name.toLowerCase(), upstream)
        if (upstream.key) this.#texts.push(upstream.key.text)
      } else if (d.name === 'map') this.#map(d)
      else if (d.name === 'geo' || d.name === 'split_clients') {
        const { name, source, computed } = d.name === 'geo' ? readGeo(d) : readSplit(d)
        this.#names.add(name)
        this.#texts.push(source)
        this.#configuration.computed.set(name, computed)
      }
      else if (d.name === 'types') this.#configuration.types = typesOf(d)
      else if (d.name === 'location') throw misplaced(d)
      else if (d.name === 'http2') this.#http2 = onOff(d)
      else if (readClientVerify(d, this.#clients)) this.#clients = readClientVerify(d, this.#clients)!
      else if (!this.#setting(d, settings, own)) other(d, this.#configuration.warnings)
    }
    for (const server of servers) this.#configuration.servers.push(this.#server(server, settings))
    for (const text of this.#texts) checkVariables(text, this.#names)
  }

  #map(d: Directive): void {
    const name = (d.args[1] ?? '').replace(/^\$/, '').toLowerCase()
    const entries = (d.block ?? []).filter((e) => !['default', 'hostnames', 'volatile'].includes(e.name))
    this.#names.add(name)
    this.#texts.push(d.args[0] ?? '', ...(d.block ?? []).map((e) => e.args[0] ?? ''))
    this.#configuration.maps.set(name, {
      source: d.args[0] ?? '',
      entries: entries.map((e) => ({ pattern: e.name.startsWith('~*') ? pattern(e.name.slice(2), 'i', '') : e.name.startsWith('~') ? pattern(e.name.slice(1), '', '') : e.name.replace(/^\\/, ''), value: e.args[0] ?? '' })),
      otherwise: (d.block ?? []).find((e) => e.name === 'default')?.args[0] ?? '',
    })
  }

  #server(directive: Directive, inherited: Settings): VirtualServer {
    const server: VirtualServer = { listens: [], names: [], settings: below(inherited), locations: [], http2: this.#http2, clients: this.#clients }
    const own: Own = {}
    const locations: Directive[] = []
    for (const d of directive.block ?? []) {
      if (d.name === 'listen') server.listens.push(readListen(d, this.#configuration))
      else if (d.name === 'server_name') server.names.push(...d.args.map((n) => n.toLowerCase()))
      else if (d.name === 'location') locations.push(d)
      else if (d.name === 'http2') server.http2 = onOff(d)
      else if (readClientVerify(d, server.clients)) server.clients = readClientVerify(d, server.clients)!
      else if (d.name === 'ssl_certificate') server.certificate = { file: absolute(d.args[0] ?? ''), directive: d }
      else if (d.name === 'ssl_certificate_key') server.key = { file: absolute(d.args[0] ?? ''), directive: d }
      else if (['server', 'http', 'upstream', 'events', 'proxy_pass', 'map', 'log_format', 'limit_req_zone', 'limit_conn_zone'].includes(d.name)) throw misplaced(d)
      else if (!this.#operation(d, server.settings) && !this.#setting(d, server.settings, own)) other(d, this.#configuration.warnings)
    }
    if (server.listens.length === 0) server.listens.push({ address: '0.0.0.0', port: 80, isDefault: false, ssl: false })
    if (server.listens.some((l) => l.ssl)) for (const [name, value] of [['ssl_certificate', server.certificate], ['ssl_certificate_key', server.key]] as const) if (!value) throw new ConfigError(`no "${name}" is defined for the "listen ... ssl" directive in ${directive.file}:${directive.line}`)
    this.#locations(locations, server)
    return server
  }

  #locations(directives: readonly Directive[], server: VirtualServer, inherited = server.settings): void {
    for (const d of directives) {
      const settings = below(inherited)
      const joined = /^(=|\^~|~\*|~)(.+)$/.exec(d.args.length === 1 ? d.args[0]! : '')
      const [modifier, path] = (joined ? [joined[1], joined[2]] : d.args.length > 1 ? d.args : d.args[0]?.startsWith('@') ? ['@', d.args[0]] : ['', d.args[0] ?? '/']) as [Location['modifier'], string]
      if (!['', '=', '^~', '~', '~*', '@'].includes(modifier)) throw new ConfigError(`invalid location modifier "${modifier}" in ${d.file}:${d.line}`)
      if (modifier.startsWith('~')) for (const [, name] of path.matchAll(/\(\?P?<([a-z0-9_]+)>/gi)) this.#names.add(name!.toLowerCase())
      if (modifier.startsWith('~')) pattern(path, '', ` in ${d.file}:${d.line}`)
      if (server.locations.some((l) => l.modifier === modifier && l.path === path)) throw new ConfigError(`duplicate location "${path}" in ${d.file}:${d.line}`)
      const own: Own = {}
      const inner: Directive[] = []
      server.locations.push({ modifier, path, settings })
      for (const e of d.block ?? []) {
        if (e.name === 'location') inner.push(e)
        else if (e.name === 'proxy_pass' || e.name === 'grpc_pass') {
          if (settings.pass) throw new ConfigError(`"${e.name}" directive is duplicate in ${e.file}:${e.line}`)
          settings.pass = readProxyPass(e, { modifier, path }, this.#configuration.upstreams)
          if (settings.pass.text !== undefined) this.#texts.push(settings.pass.text)
        } else if (['server', 'http', 'upstream', 'listen', 'server_name', 'map', 'log_format', 'limit_req_zone', 'limit_conn_zone', 'events'].includes(e.name)) throw misplaced(e)
        else if (!this.#operation(e, settings) && !this.#setting(e, settings, own)) other(e, this.#configuration.warnings)
      }
      this.#locations(inner, server, settings)
    }
  }

  #operation(d: Directive, settings: Settings): boolean {
    const operation = readOperation(d)
    if (!operation) return false
    settings.operations.push(operation)
    this.#mention(operation)
    return true
  }

  #mention(operation: Operation): void {
    if (operation.kind === 'set') {
      this.#names.add(operation.name.toLowerCase())
      this.#texts.push(operation.value)
    } else if (operation.kind === 'rewrite') {
      for (const [, name] of operation.pattern.source.matchAll(/\(\?<([a-z0-9_]+)>/gi)) this.#names.add(name!.toLowerCase())
      this.#texts.push(operation.replacement)
    } else if (operation.kind === 'return') this.#texts.push(operation.text ?? '')
    else if (operation.kind === 'if') for (const inner of operation.then) this.#mention(inner)
  }

  #setting(d: Directive, settings: Settings, own: Own): boolean {
    const proxy = readProxySetting(d, settings.proxy, own)
    if (proxy) {
      settings.proxy = proxy
      if (d.name === 'proxy_set_header') this.#texts.push(d.args[1]!)
      return true
    }
    const realIp = readRealIp(d, settings.realIp)
    if (realIp) {
      settings.realIp = realIp
      return true
    }
    const sending = readSending(d, settings.sending)
    if (sending) {
      settings.sending = sending
      return true
    }
    const autoindex = readAutoindex(d, settings.autoindex)
    if (autoindex) {
      settings.autoindex = autoindex
      return true
    }
    const substitutions = readSubstitution(d, settings.substitutions, own)
    if (substitutions) {
      settings.substitutions = substitutions
      if (d.name === 'sub_filter') this.#texts.push(...d.args)
      return true
    }
    const where = ` in ${d.file}:${d.line}`
    switch (d.name) {
      case 'root':
        settings.root = absolute(d.args[0] ?? '')
        delete settings.alias
        return true
      case 'alias':
        settings.alias = (d.args[0] ?? '').startsWith('/') ? d.args[0]! : `/etc/nginx/${d.args[0] ?? ''}`
        return true
      case 'index':
        settings.index = d.args
        return true
      case 'add_header':
        if (d.args.length < 2 || d.args.length > 3) throw new ConfigError(`invalid number of arguments in "add_header" directive${where}`)
        settings.addHeaders = [...(own.addHeaders ? settings.addHeaders : []), { name: d.args[0]!, value: d.args[1]!, always: d.args[2] === 'always' }]
        own.addHeaders = true
        this.#texts.push(d.args[1]!)
        return true
      case 'default_type':
        settings.defaultType = d.args[0] ?? 'text/plain'
        return true
      case 'access_log': {
        const [to = '', name = 'combined'] = d.args
        const format = this.#configuration.formats.get(name)
        if (to !== 'off' && format === undefined) throw new ConfigError(`unknown log format "${name}"${where}`)
        settings.accessLogs = to === 'off' ? [] : [...(own.logs ? settings.accessLogs : []), { to: to.startsWith('/') ? to : `/etc/nginx/${to}`, format: format! }]
        own.logs = true
        return true
      }
      case 'stub_status':
        settings.status = true
        return true
      case 'expires': {
        const expires = readExpires(d)
        if (expires === undefined) delete settings.expires
        else settings.expires = expires
        return true
      }
      case 'charset':
        if (d.args[0] === 'off') delete settings.charset
        else settings.charset = d.args[0] ?? ''
        return true
      case 'satisfy':
        if (d.args[0] !== 'all' && d.args[0] !== 'any') throw new ConfigError(`invalid value "${d.args[0] ?? ''}"${where}`)
        settings.satisfyAny = d.args[0] === 'any'
        return true
      case 'auth_request':
        if (d.args[0] === 'off') delete settings.permission
        else settings.permission = { uri: d.args[0] ?? '', sets: settings.permission?.sets ?? [] }
        this.#texts.push(d.args[0] ?? '')
        return true
      case 'auth_request_set': {
        const [name = '', value = ''] = d.args
        if (!name.startsWith('$')) throw new ConfigError(`invalid variable name "${name}"${where}`)
        this.#names.add(name.slice(1).toLowerCase())
        this.#texts.push(value)
        settings.permission = { uri: settings.permission?.uri ?? '', sets: [...(settings.permission?.sets ?? []), { name: name.slice(1).toLowerCase(), value }] }
        return true
      }
      case 'limit_except': {
        const inner = { ...settings, access: [] }
        for (const e of d.block ?? []) if (!this.#setting(e, inner, {})) other(e, this.#configuration.warnings)
        settings.except = { methods: [...d.args.map((m) => m.toUpperCase()), ...(d.args.some((m) => m.toUpperCase() === 'GET') ? ['HEAD'] : [])], access: inner.access }
        return true
      }
      case 'absolute_redirect':
        settings.redirects = { ...settings.redirects, absolute: onOff(d) }
        return true
      case 'port_in_redirect':
        settings.redirects = { ...settings.redirects, port: onOff(d) }
        return true
      case 'server_name_in_redirect':
        settings.redirects = { ...settings.redirects, serverName: onOff(d) }
        return true
      case 'underscores_in_headers':
        this.#configuration.underscores = onOff(d)
        return true
      case 'resolver': {
        const servers = d.args.filter((a) => !a.includes('='))
        if (servers.length === 0) throw new ConfigError(`no name servers defined${where}`)
        this.#configuration.resolver = servers.map((s) => s.replace(/^\[(.*)\](?::53)?$/, '$1').replace(/^([0-9.]+):53$/, '$1'))
        const port = servers.find((s) => !isValidIp(s) && /^(\[.*\]|[^:]+):[0-9]+$/.test(s) && !s.endsWith(':53'))
        if (port !== undefined) throw new NotSimulated(`nginx "resolver ${port}" (port 53 is)`)
        return true
      }
      case 'try_files':
        if (d.args.length < 2) throw new ConfigError(`invalid number of arguments in "try_files" directive${where}`)
        settings.tryFiles = d.args
        this.#texts.push(...d.args)
        return true
      case 'error_page': {
        const page = d.args.at(-1) ?? ''
        const codes = d.args.slice(0, -1)
        const changed = codes.at(-1)?.startsWith('=') ? codes.pop()!.slice(1) : undefined
        if (!own.pages) settings.errorPages = new Map()
        own.pages = true
        for (const code of codes) settings.errorPages.set(Number(code), { page, status: changed === undefined ? undefined : changed === '' ? 'theirs' : Number(changed) })
        return true
      }
      case 'allow':
      case 'deny': {
        const net = d.args[0] ?? ''
        if (net !== 'all' && !tryParseCidr(net)) throw new ConfigError(`invalid parameter "${net}"${where}`)
        settings.access = [...(own.access ? settings.access : []), { allow: d.name === 'allow', net }]
        own.access = true
        return true
      }
      case 'limit_req':
        settings.limits = [...(own.limits ? settings.limits : []), readLimit(d, this.#configuration)]
        own.limits = true
        return true
      case 'limit_conn':
        settings.connectionLimits = [...(own.connectionLimits ? settings.connectionLimits : []), readConnectionLimit(d, this.#configuration.connectionZones, own.connectionLimits ? settings.connectionLimits : [])]
        own.connectionLimits = true
        return true
      case 'limit_req_status':
      case 'limit_conn_status': {
        const status = Number(d.args[0])
        if (!(status >= 400 && status <= 599)) throw new ConfigError(`value must be between 400 and 599${where}`)
        if (d.name === 'limit_req_status') settings.limitStatus = status
        else settings.connectionLimitStatus = status
        return true
      }
      case 'mirror':
        settings.mirrors = d.args[0] === 'off' ? [] : [...(own.mirrors ? settings.mirrors : []), d.args[0] ?? '']
        own.mirrors = true
        return true
      case 'mirror_request_body':
        settings.mirrorsBody = onOff(d)
        return true
      case 'client_max_body_size': {
        const match = /^([0-9]+)([kKmMgG]?)$/.exec(d.args[0] ?? '')
        if (!match) throw new ConfigError(`"client_max_body_size" directive invalid value${where}`)
        settings.maxBody = Number(match[1]) * { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase()]!
        return true
      }
      case 'auth_basic':
        if (d.args[0] === 'off') delete settings.auth
        else settings.auth = { realm: d.args[0] ?? '', file: settings.auth?.file ?? '' }
        return true
      case 'auth_basic_user_file':
        settings.auth = { realm: settings.auth?.realm ?? '', file: (d.args[0] ?? '').startsWith('/') ? d.args[0]! : `/etc/nginx/${d.args[0] ?? ''}` }
        return true
      case 'internal':
        settings.internal = true
        return true
      case 'server_tokens':
        this.#configuration.tokens = d.args[0] !== 'off'
        return true
      case 'keepalive_timeout':
        this.#configuration.keepAliveTimeout = seconds(d)
        return true
      default:
        return false
    }
  }
}

function below({ tryFiles: _tryFiles, pass: _pass, status: _status, except: _except, ...settings }: Settings): Settings {
  return { ...settings, operations: [], internal: false }
}
