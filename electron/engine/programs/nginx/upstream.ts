import { canonicalIp, isIpv6, joinHostPort } from '../../network/address.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { exchange } from '../../dns/exchange.ts'
import { resolveHost } from '../../dns/resolver.ts'
import { dnsQuery } from '../../network/wire/dns-types.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'
import { choosePeerByKey } from './hash.ts'

/** ngx_http_upstream_module: groups of servers, whose names are looked up once, when the configuration is read. Times in ms. */
export interface Upstream {
  name: string
  balance: 'round-robin' | 'least_conn' | 'ip_hash' | 'random' | 'hash'
  /** Of `hash`: a text with variables. */
  key?: { text: string; consistent: boolean }
  servers: readonly UpstreamServer[]
  peers: Peer[]
  /** Of it keepalive is read and does nothing. */
  keepsAlive?: true
}

export interface UpstreamServer { host: string; port: number; weight: number; maxFails: number; failTimeout: number; backup: boolean; down: boolean; directive: Directive; /** As written. */ url: string; own: boolean }

/** An address of a server. */
export interface Peer { address: string; port: number; weight: number; maxFails: number; failTimeout: number; backup: boolean; down: boolean; current: number; busy: number; fails: number; failedAt: number; checked: number }

/**
 * `proxy_pass http://upstream/path/`; without a path the request's goes on as it came. `text`: with variables, so that each request
 * has its own. grpc_pass likewise, by HTTP/2.
 */
export interface ProxyPass { scheme: 'http' | 'https' | 'grpc' | 'grpcs'; host: string; upstream: string; path: string | undefined; location: string; url: string; text?: string; /** `path` is all of it. */ whole?: true }

/** Of the proxy module, as a location has them at last. */
export interface ProxySettings {
  headers: readonly { name: string; value: string }[]
  httpVersion: '1.0' | '1.1'
  connectTimeout: number
  readTimeout: number
  hidden: readonly string[]
  intercept: boolean
  /** To upstreams that speak TLS. */
  serverName: boolean
  /** proxy_redirect: off, default, or what becomes what. */
  redirects: boolean | readonly { from: string; to: string }[]
  passBody: boolean
  passHeaders: boolean
  /** proxy_next_upstream; tries 0 are without end, timeout 0 likewise. */
  next: { when: ReadonlySet<string>; tries: number; timeout: number }
}

const NEXT_WHEN = ['error', 'timeout', 'invalid_header', 'http_500', 'http_502', 'http_503', 'http_504', 'http_403', 'http_404', 'http_429', 'non_idempotent', 'off']

export const PROXY_DEFAULTS: ProxySettings = { headers: [], httpVersion: '1.0', connectTimeout: 60_000, readTimeout: 60_000, hidden: [], intercept: false, serverName: false, redirects: true, passBody: true, passHeaders: true, next: { when: new Set(['error', 'timeout']), tries: 0, timeout: 0 } }

/** Buffers and caches: what a simulation shows is the same with and without. */
const WITHOUT_EFFECT = new Set([
  'proxy_buffering', 'proxy_buffers', 'proxy_buffer_size', 'proxy_busy_buffers_size', 'proxy_request_buffering', 'proxy_max_temp_file_size', 'proxy_temp_file_write_size', 'proxy_send_timeout', 'proxy_headers_hash_max_size',
  'proxy_headers_hash_bucket_size', 'proxy_cache_bypass', 'proxy_no_cache', 'proxy_socket_keepalive', 'proxy_ssl_session_reuse', 'proxy_ssl_protocols', 'proxy_ssl_ciphers', 'grpc_send_timeout', 'grpc_buffer_size', 'grpc_socket_keepalive',
])

export function seconds(d: Directive, word = d.args[0] ?? ''): number {
  const match = /^([0-9]+)(ms|s|m|h|d)?$/.exec(word)
  if (!match) throw new ConfigError(`"${d.name}" directive invalid value in ${d.file}:${d.line}`)
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? 's']!
}

export function addressOf(url: string, d: Directive): { host: string; port: number } {
  const match = /^(\[[^\]]*\]|[^:/]*)(?::([0-9]+))?$/.exec(url)
  if (url.startsWith('unix:')) throw new NotSimulated('nginx upstreams on Unix sockets')
  const port = Number(match?.[2] ?? 80)
  if (!match || port < 1 || port > 65_535) throw new ConfigError(`invalid port in upstream "${url}" in ${d.file}:${d.line}`)
  if (match[1] === '') throw new ConfigError(`no host in upstream "${url}" in ${d.file}:${d.line}`)
  return { host: match[1]!, port }
}

/** `stream`: of the stream block, whose servers always say their port. */
export function readUpstream(directive: Directive, stream = false): Upstream {
  const name = directive.args[0] ?? ''
  const servers: UpstreamServer[] = []
  let balance: Upstream['balance'] = 'round-robin'
  let keepsAlive = false
  let key: Upstream['key']
  for (const d of directive.block ?? []) {
    const where = ` in ${d.file}:${d.line}`
    if (d.name === 'server') {
      const [url = '', ...options] = d.args
      if (stream && !/:[0-9]+$/.test(url)) throw new ConfigError(`no port in upstream "${url}"${where}`)
      const server: UpstreamServer = { ...addressOf(url, d), weight: 1, maxFails: 1, failTimeout: 10_000, backup: false, down: false, directive: d, url, own: false }
      for (const option of options) {
        const [key, value = ''] = option.split('=')
        if (key === 'weight' && /^[1-9][0-9]*$/.test(value)) server.weight = Number(value)
        else if (key === 'max_fails' && /^[0-9]+$/.test(value)) server.maxFails = Number(value)
        else if (key === 'fail_timeout') server.failTimeout = seconds(d, value)
        else if (option === 'backup') server.backup = true
        else if (option === 'down') server.down = true
        else if (['resolve', 'max_conns', 'slow_start', 'route', 'service', 'drain'].includes(key!)) throw new NotSimulated(`nginx upstream servers with "${key}"`)
        else throw new ConfigError(`invalid parameter "${option}"${where}`)
      }
      servers.push(server)
    } else if (d.name === 'least_conn' || d.name === 'ip_hash' || d.name === 'random') balance = d.name
    else if (d.name === 'hash') {
      if (d.args.length === 2 && d.args[1] !== 'consistent') throw new ConfigError(`invalid parameter "${d.args[1]!}"${where}`)
      balance = 'hash'
      key = { text: d.args[0] ?? '', consistent: d.args[1] === 'consistent' }
    } else if (d.name === 'zone' || d.name === 'keepalive_timeout' || d.name === 'keepalive_requests') continue
    else if (d.name === 'keepalive') keepsAlive = true
    else if (['sticky', 'ntlm', 'queue', 'resolver', 'state'].includes(d.name)) throw new NotSimulated(`nginx directive "${d.name}" (round robin, least_conn, ip_hash, hash and random are)`)
    else throw new ConfigError(`unknown directive "${d.name}"${where}`)
  }
  if (servers.length === 0) throw new ConfigError(`no servers are inside upstream in ${directive.file}:${directive.line}`)
  return { name, balance, servers, peers: [], ...(keepsAlive ? { keepsAlive } : {}), ...(key ? { key } : {}) }
}

/** `location`: what stands before its block. */
export function readProxyPass(d: Directive, location: { modifier: string; path: string }, upstreams: Map<string, Upstream>): ProxyPass {
  const text = d.args[0] ?? ''
  const where = ` in ${d.file}:${d.line}`
  const grpc = d.name === 'grpc_pass'
  if (text.includes('$')) return { scheme: grpc ? 'grpc' : 'http', host: '', upstream: '', path: undefined, location: location.path, url: text, text }
  const match = (grpc ? /^(?:(grpcs?):\/\/)?([^/]*)()$/ : /^(https?):\/\/([^/]*)(\/.*)?$/).exec(text)
  if (!match) throw new ConfigError(grpc ? `invalid URL "${text}"${where}` : `invalid URL prefix${where}`)
  const [, scheme = 'grpc', host = '', rest] = match
  const path = rest === '' ? undefined : rest
  if (path !== undefined && !['', '=', '^~'].includes(location.modifier)) {
    throw new ConfigError(`"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block${where}`)
  }
  // a name that no block has is a group of its own
  const key = host.toLowerCase()
  if (!upstreams.has(key)) {
    const address = addressOf(host, d)
    const port = /:[0-9]+$/.test(host) ? address.port : scheme.endsWith('s') ? 443 : 80
    upstreams.set(key, { name: host, balance: 'round-robin', servers: [{ ...address, port, weight: 1, maxFails: 1, failTimeout: 10_000, backup: false, down: false, directive: d, url: address.host, own: true }], peers: [] })
  }
  return { scheme: scheme as ProxyPass['scheme'], host, upstream: key, path, location: location.path, url: text }
}

/** False: another module's. `own` is what this level has written itself so far. */
export function readProxySetting(d: Directive, settings: ProxySettings, own: { headers?: { name: string; value: string }[] }): ProxySettings | undefined {
  const flag = (): boolean => {
    if (d.args[0] !== 'on' && d.args[0] !== 'off') throw new ConfigError(`invalid value "${d.args[0] ?? ''}" in "${d.name}" directive, it must be "on" or "off" in ${d.file}:${d.line}`)
    return d.args[0] === 'on'
  }
  // the gRPC module's own are the same
  switch (d.name.replace(/^grpc_(?=set_header|connect_timeout|read_timeout|hide_header|intercept_errors|ssl_server_name|ssl_verify|next_upstream)/, 'proxy_')) {
    case 'proxy_set_header':
      if (d.args.length !== 2) throw new ConfigError(`invalid number of arguments in "${d.name}" directive in ${d.file}:${d.line}`)
      // a level that has one of its own inherits none
      ;(own.headers ??= []).push({ name: d.args[0]!, value: d.args[1]! })
      return { ...settings, headers: own.headers }
    case 'proxy_http_version':
      if (d.args[0] !== '1.0' && d.args[0] !== '1.1') throw new ConfigError(`invalid value "${d.args[0] ?? ''}" in ${d.file}:${d.line}`)
      return { ...settings, httpVersion: d.args[0] }
    case 'proxy_connect_timeout':
      return { ...settings, connectTimeout: seconds(d) }
    case 'proxy_read_timeout':
      return { ...settings, readTimeout: seconds(d) }
    case 'proxy_hide_header':
      return { ...settings, hidden: [...settings.hidden, (d.args[0] ?? '').toLowerCase()] }
    case 'proxy_intercept_errors':
      return { ...settings, intercept: flag() }
    case 'proxy_ssl_server_name':
      return { ...settings, serverName: flag() }
    case 'proxy_ssl_verify':
      if (flag()) throw new NotSimulated('nginx "proxy_ssl_verify on"')
      return settings
    case 'proxy_redirect':
      if (d.args.length === 2) {
        const [from = '', to = ''] = d.args
        if (from.startsWith('~') || `${from}${to}`.includes('$')) throw new NotSimulated('nginx "proxy_redirect" with patterns and variables (addresses, off and default are)')
        return { ...settings, redirects: [...(typeof settings.redirects === 'object' ? settings.redirects : []), { from, to }] }
      }
      if (d.args[0] !== 'off' && d.args[0] !== 'default') throw new ConfigError(`invalid parameter "${d.args[0] ?? ''}" in ${d.file}:${d.line}`)
      return { ...settings, redirects: d.args[0] === 'default' }
    case 'proxy_pass_request_body':
      return { ...settings, passBody: flag() }
    case 'proxy_pass_request_headers':
      return { ...settings, passHeaders: flag() }
    case 'proxy_next_upstream': {
      const unknown = d.args.find((a) => !NEXT_WHEN.includes(a))
      if (unknown !== undefined) throw new ConfigError(`invalid value "${unknown}" in ${d.file}:${d.line}`)
      return { ...settings, next: { ...settings.next, when: new Set(d.args.filter((a) => a !== 'off')) } }
    }
    case 'proxy_next_upstream_tries':
      return { ...settings, next: { ...settings.next, tries: Number(d.args[0] ?? 0) } }
    case 'proxy_next_upstream_timeout':
      return { ...settings, next: { ...settings.next, timeout: seconds(d) } }
    default:
      return WITHOUT_EFFECT.has(d.name) ? settings : undefined
  }
}

/** Looks the names up, as reading the configuration does. Throws ConfigError with ngx_http_upstream_init_round_robin's words. */
export function* resolveUpstreams(process: Process, upstreams: Iterable<Upstream>): Task {
  for (const upstream of upstreams) {
    upstream.peers = []
    for (const { host, url, directive, own, port, ...rest } of upstream.servers) {
      const found = yield* resolveHost(process, host)
      if ('error' in found) throw new ConfigError(`host not found in upstream "${own ? host : url}" in ${directive.file}:${directive.line}`)
      for (const address of found.addresses) {
        if (isIpv6(address) && !process.network.ipv6) continue
        upstream.peers.push({ ...rest, address, port, current: 0, busy: 0, fails: 0, failedAt: 0, checked: 0 })
      }
    }
  }
}

/** Where a proxy_pass with variables leads this request; `error` is a line for the error log. */
export function* resolvePass(process: Process, { scheme, location }: ProxyPass, text: string, upstreams: ReadonlyMap<string, Upstream>, resolver: readonly string[]): Task<{ pass: ProxyPass; upstream: Upstream } | { error: string; status: 500 | 502 }> {
  const grpc = scheme.startsWith('grpc')
  const match = (grpc ? /^(?:(grpcs?):\/\/)?([^/]+)(\/.*)?$/ : /^(https?):\/\/([^/]+)(\/.*)?$/).exec(text)
  if (!match) return { error: `invalid URL prefix in "${text}"`, status: 500 }
  const own = (match[1] ?? 'grpc') as ProxyPass['scheme']
  const host = match[2]!
  const pass: ProxyPass = { scheme: own, host, upstream: host.toLowerCase(), path: match[3], location, url: text, whole: true }
  const known = upstreams.get(host.toLowerCase())
  if (known) return { pass, upstream: known }
  const { name, port } = /^(?<name>\[[^\]]*\]|[^:]*)(?::(?<port>[0-9]+))?$/.exec(host)?.groups ?? {}
  const literal = canonicalIp((name ?? '').replace(/^\[(.*)\]$/, '$1'))
  if (literal === undefined && resolver.length === 0) return { error: `no resolver defined to resolve ${name ?? host}`, status: 502 }
  const addresses = literal === undefined ? yield* askResolver(process, name ?? host, resolver) : [literal]
  if (typeof addresses === 'string') return { error: `${name ?? host} could not be resolved (${addresses})`, status: 502 }
  const peer = { port: Number(port ?? (own.endsWith('s') ? 443 : 80)), weight: 1, maxFails: 0, failTimeout: 10_000, backup: false, down: false, current: 0, busy: 0, fails: 0, failedAt: 0, checked: 0 }
  return { pass, upstream: { name: host, balance: 'round-robin', servers: [], peers: addresses.map((address) => ({ ...peer, address })) } }
}

/** ngx_resolver: the name as it stands, without a search list. */
export function* askResolver(process: Process, name: string, resolver: readonly string[]): Task<string[] | string> {
  const servers: string[] = []
  for (const server of resolver) {
    const found = yield* resolveHost(process, server)
    if ('addresses' in found) servers.push(found.addresses[0]!)
  }
  const types = process.network.ipv6 ? ['A', 'AAAA'] : ['A']
  const { replies } = yield* exchange(process, {
    servers, timeout: 30_000,
    queries: types.map((type) => dnsQuery(process.clock.random.below(0x1_0000), `${name.replace(/\.$/, '')}.`, type)),
  })
  const addresses = replies.flatMap((reply) => (reply?.answers ?? []).flatMap((r) => ('address' in r.data ? [r.data.address] : [])))
  if (addresses.length > 0) return addresses
  const rcode = replies.find((r) => r)?.rcode
  return rcode === undefined ? '110: Operation timed out' : rcode === 'SERVFAIL' ? '2: Server failure' : rcode === 'REFUSED' ? '5: Operation refused' : '3: Host not found'
}

/** Whose turn it is among those not tried yet (smooth weighted round robin, and the others' ways); undefined: "no live upstreams". `hashed`: what `hash` is about. */
export function choosePeer(upstream: Upstream, tried: ReadonlySet<Peer>, client: string, process: Process, hashed = ''): Peer | undefined {
  const now = process.clock.now
  const whole = (backup: boolean): Peer[] => upstream.peers.filter((p) => p.backup === backup)
  const alone = whole(false).length === 1
  const alive = (p: Peer): boolean => !p.down && !tried.has(p) && (alone || p.maxFails === 0 || p.fails < p.maxFails || now - p.checked > p.failTimeout)
  const able = whole(false).filter(alive)
  const peers = able.length > 0 ? able : whole(true).filter(alive)
  if (peers.length === 0) return undefined
  const chosen = upstream.key ? choosePeerByKey(peers, whole(false), hashed, upstream.key.consistent) : choose(upstream, peers, client, process)
  if (now - chosen.checked > chosen.failTimeout) chosen.checked = now
  return chosen
}

function choose({ balance }: Upstream, peers: Peer[], client: string, process: Process): Peer {
  const total = peers.reduce((sum, p) => sum + p.weight, 0)
  const among = (at: number): Peer => peers.find((p) => (at -= p.weight) < 0) ?? peers[0]!
  if (balance === 'random') return among(process.clock.random.below(total))
  // the first three bytes of an IPv4 address are hashed
  if (balance === 'ip_hash') return among((client.includes(':') ? [...client].map((c) => c.charCodeAt(0)) : client.split('.').slice(0, 3).map(Number)).reduce((hash, byte) => (hash * 113 + byte) % 6271, 89) % total)
  const least = balance === 'least_conn' ? Math.min(...peers.map((p) => p.busy / p.weight)) : 0
  const candidates = balance === 'least_conn' ? peers.filter((p) => p.busy / p.weight === least) : peers
  const sum = candidates.reduce((all, p) => all + p.weight, 0)
  let best = candidates[0]!
  for (const p of candidates) {
    p.current += p.weight
    if (p.current > best.current) best = p
  }
  best.current -= sum
  return best
}

export function peerDone(peer: Peer, failed: boolean, now: number): void {
  peer.busy--
  if (failed) {
    peer.fails++
    peer.failedAt = now
    peer.checked = now
  } else if (peer.failedAt < peer.checked || peer.fails < peer.maxFails) peer.fails = 0
}

export function peerName({ address, port }: Peer): string {
  return joinHostPort(address, port)
}
