import { COOKIE_KEY } from './cookie.ts'
import type { Configuration } from './configuration.ts'
import type { Pool } from './farm.ts'
import type { FrontRules } from './front-rules.ts'
import type { Route } from './routes.ts'
import type { TcpService } from './tcp-services.ts'

/** What the controller writes in its Pod: haproxy.cfg as client-native lays it out (fs/usr/local/etc/haproxy/haproxy.cfg), and its maps. */
export const DIRECTORY = '/usr/local/etc/haproxy'
const MAPS = `${DIRECTORY}/maps`
const FRONT_CERTS = `${DIRECTORY}/certs/frontend`
const FNV_OFFSET = 0x6c62272e07bb014262b821756295c58dn
const FNV_PRIME = 0x0000000001000000000000000000013bn

/** utils.Hash: FNV-1a of 128 bits. */
export function hashOf(text: string): string {
  let hash = FNV_OFFSET
  for (let i = 0; i < text.length; i++) hash = ((hash ^ BigInt(text.charCodeAt(i) & 255)) * FNV_PRIME) & ((1n << 128n) - 1n)
  return hash.toString(16).padStart(32, '0')
}

/** A line of a frontend. `id`: of the requests for which it counts; none: all. */
interface Line { order: number; text: string; id: string; http: boolean; https: boolean; unmatched?: true }

/** In the controller's order (pkg/haproxy/rules/types.go). */
const ORDER = ['set-src', 'deny', 'track', 'auth', 'rate', 'capture', 'redirect', 'proto', 'header', 'host', 'rewrite', 'response'] as const

function linesOf(rules: FrontRules, general: boolean): Line[] {
  const out: Line[] = []
  const add = (kind: (typeof ORDER)[number], text: string, where: { http?: boolean; https?: boolean; unmatched?: true } = {}): void =>
    void out.push({ order: ORDER.indexOf(kind), text, id: general && kind !== 'redirect' ? '' : hashOf(text).slice(0, 16), http: true, https: true, ...where })
  const { guards, cors } = rules
  if (guards.source !== undefined) add('set-src', `http-request set-src hdr(${guards.source})`, { unmatched: true })
  if (rules.deny.length > 0) add('deny', `http-request deny deny_status 403 if { src -f ${mapOf('denylist', rules.deny)} }`)
  if (rules.allow.length > 0) add('deny', `http-request deny deny_status 403 if !{ src -f ${mapOf('allowlist', rules.allow)} }`)
  if (guards.rate) {
    add('track', `http-request track-sc0 src table RateLimit-${guards.rate.period}`)
    add('rate', `http-request deny deny_status ${guards.rate.status} if { sc0_http_req_rate(RateLimit-${guards.rate.period}) gt ${guards.rate.requests} }`)
  }
  if (guards.auth) add('auth', `http-request auth realm ${guards.auth.realm} if !{ http_auth_group(${guards.auth.group}) authenticated-users }`)
  for (const { text, length } of rules.captures) add('capture', `http-request capture ${text} len ${length}`)
  if (rules.sslRedirect) add('redirect', `http-request redirect location https://%[hdr(host),field(1,:)]:${rules.sslRedirect.port}%[capture.req.uri] code ${rules.sslRedirect.status}`, { https: false })
  if (rules.redirect) add('redirect', `http-request redirect location ${rules.redirect.url}%[capture.req.uri] code ${rules.redirect.status}`)
  for (const [name, , text] of rules.requestHeaders) add('header', `http-request set-header ${name} "${text}"`)
  if (rules.setHost !== undefined) add('header', `http-request set-header Host ${rules.setHost}`)
  for (const { text } of rules.rewrites) add('rewrite', `http-request ${text}`)
  for (const [name, , text] of rules.responseHeaders) add('response', `http-response set-header ${name} "${text}"`)
  if (cors) {
    add('header', 'http-request set-var(txn.cors_origin) req.hdr(origin)')
    const condition = cors.origin === '*' ? '{ var(txn.cors_origin) -m found }' : `{ var(txn.cors_origin) -m reg ${cors.text} }`
    for (const [name, value] of [['Access-Control-Allow-Origin', cors.origin === '*' ? '*' : '%[var(txn.cors_origin)]'], ...cors.headers.map(([n, v]) => [n.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase()), `"${v}"`])]) add('response', `http-response set-header ${name} ${value} if ${condition}`)
  }
  return out
}

/** "if ACL" of a rule, before what it has of its own. */
function conditioned({ text, id, unmatched }: Line): string {
  if (id === '') return text
  const own = `{ var(txn.path_match) -m dom ${id} }`
  if (unmatched) return `${text} if ${own} || !{ var(txn.path_match) -m found }`
  const at = / if (?=!?\{)/.exec(text)
  return at ? `${text.slice(0, at.index)} if ${own}${text.slice(at.index + 3)}` : `${text} if ${own}`
}

function mapOf(kind: 'allowlist' | 'denylist', addresses: readonly string[]): string {
  return `${MAPS}/${kind}-${hashOf(addresses.join(','))}.map`
}

/** By their paths. */
export function mapFiles({ routes, rules, general }: Configuration): Map<string, string> {
  const rows = new Map<string, string[]>(['host', 'path-exact', 'path-prefix', 'sni'].map((name) => [`${MAPS}/${name}.map`, []]))
  const value = ({ backend, ingress }: Route): string => [backend, ...new Set(linesOf(rules.get(ingress)!, false).map((line) => line.id))].join('.')
  const fill = (name: string, from: Iterable<readonly [string, string]>): void => void rows.get(`${MAPS}/${name}.map`)!.push(...[...from].map(([key, to]) => `${key}\t\t\t${to}`))
  fill('host', [...routes.hosts].map((host) => [host, host] as const))
  fill('path-exact', [...routes.exact].map(([key, route]) => [key, value(route)] as const))
  fill('path-prefix', [...routes.prefixes].map(([key, route]) => [key, value(route)] as const))
  fill('sni', [...routes.names].map(([key, route]) => [key, value(route)] as const))
  for (const { allow, deny } of [general, ...rules.values()]) for (const [kind, list] of [['allowlist', allow], ['denylist', deny]] as const) if (list.length > 0) rows.set(mapOf(kind, list), [...list])
  return new Map([...rows].map(([path, lines]) => [path, lines.sort().map((line) => `${line}\n`).join('')]))
}

export function haproxyCfg(configuration: Configuration, pools: readonly Pool[], services: readonly TcpService[], ipv6: boolean): string {
  const { global, rules, general, routes, clients } = configuration
  const all = unique([...linesOf(general, true), ...[...rules.values()].flatMap((own) => linesOf(own, false))]).sort((a, b) => a.order - b.order)
  const passthrough = routes.names.size > 0
  const out: string[] = [
    '# _version=1', '# HAProxy Technologies', '# https://www.haproxy.com/', '#', '# this file is not meant to be changed directly', '# it is under haproxy ingress controller management', '#', '',
    'global', ...(global.logs ? [] : ['  daemon']), '  default-path config', '  localpeer local', '  master-worker', '  pidfile /var/run/haproxy.pid', '  stats socket /var/run/haproxy-runtime-api.sock expose-fd listeners level admin', '  stats timeout 36000', '  tune.ssl.default-dh-param 2048',
    '  ssl-default-bind-options no-sslv3 no-tls-tickets no-tlsv10', '  hard-stop-after 1800000', `  log ${global.logTarget}`, '',
    'defaults haproxytech', '  option redispatch', '  option dontlognull', '  option http-keep-alive', ...global.timeouts.map(([keyword, ms]) => `  timeout ${keyword} ${ms}`), '  log global', `  log-format '${global.logFormat}'`, '',
  ]
  for (const { auth } of [general, ...rules.values()].map((own) => own.guards)) {
    if (auth) out.push(`userlist ${auth.group}`, '  group authenticated-users', ...[...auth.users].map(([user, hash]) => `  user ${user} password ${hash} groups authenticated-users`), '')
  }
  out.push('peers localinstance', '  peer local 127.0.0.1:10000', '')
  const crt = configuration.certificates.length > 0 || configuration.ownCertificate ? ` ssl crt ${FRONT_CERTS} alpn ${global.alpn.join(',')}${clients ? ` ca-file ${clients.file} verify ${clients.optional ? 'optional' : 'required'}` : ''}` : ''
  for (const name of ['http', 'https'] as const) {
    const port = name === 'http' ? 8080 : 8443
    out.push(`frontend ${name}`, '  mode http')
    if (name === 'https' && passthrough) out.push(`  bind unix@/var/run/ssl-frontend.sock name unixsock accept-proxy${crt}`)
    else out.push(`  bind 0.0.0.0:${port} name v4${name === 'https' ? crt : ''}`, ...(ipv6 ? [`  bind :::${port} name v6${name === 'https' ? crt : ''}`] : []))
    if (global.announcers.length > 0 && !(name === 'https' && passthrough)) out.push(`  tcp-request connection expect-proxy layer4 if { src ${global.announcers.join(' ')} }`)
    out.push(
      '  http-request set-var(txn.base) base', '  http-request set-var(txn.path) path', '  http-request set-var(txn.host) req.hdr(Host),field(1,:),lower', `  http-request set-var(txn.host_match) var(txn.host),map(${MAPS}/host.map)`,
      `  http-request set-var(txn.host_match) var(txn.host),regsub(^[^.]*,,),map(${MAPS}/host.map,'') if !{ var(txn.host_match) -m found }`, `  http-request set-var(txn.path_match) var(txn.host_match),concat(,txn.path,),map(${MAPS}/path-exact.map)`,
      `  http-request set-var(txn.path_match) var(txn.host_match),concat(,txn.path,),map_beg(${MAPS}/path-prefix.map) if !{ var(txn.path_match) -m found }`,
    )
    for (const line of all.filter((l) => l[name])) {
      if (name === 'https' && line.order === ORDER.indexOf('proto')) continue
      out.push(`  ${conditioned(line)}`)
    }
    if (name === 'https') out.push('  http-request set-header X-Forwarded-Proto https')
    for (const { route, host, path, exact, acl } of routes.custom) {
      const conditions = [...(host === '' ? [] : [`{ var(txn.host) -m str ${host} } `]), ...(path === '' ? [] : [exact ? `{ path ${path} }` : `{ path -m beg ${path} }`]), `{ ${acl} } `]
      out.push(`  use_backend ${route.backend} if ${conditions.join(' ').trim()}`)
    }
    out.push('  use_backend %[var(txn.path_match),field(1,.)]', `  default_backend ${configuration.defaultBackend ?? 'haproxy-controller_default-local-service_http'}`, '')
  }
  out.push('frontend healthz', '  mode http', '  bind 0.0.0.0:1042 name v4', ...(ipv6 ? ['  bind :::1042 name v6 v4v6'] : []), '  monitor-uri /healthz', '  option dontlog-normal', '')
  if (passthrough) {
    out.push(
      'frontend ssl', '  mode tcp', '  bind 0.0.0.0:8443 name v4', ...(ipv6 ? ['  bind :::8443 name v6 v4v6'] : []), "  log-format '%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs SNI: %[var(sess.sni)]'",
      '  tcp-request inspect-delay 5000', '  tcp-request content accept if { req_ssl_hello_type 1 }', '  tcp-request content set-var(sess.sni) req_ssl_sni', `  tcp-request content set-var(txn.sni_match) req_ssl_sni,map(${MAPS}/sni.map)`, `  tcp-request content set-var(txn.sni_match) req_ssl_sni,regsub(^[^.]*,,),map(${MAPS}/sni.map) if !{ var(txn.sni_match) -m found }`,
      '  use_backend %[var(txn.sni_match),field(1,.)]', '  default_backend ssl', '',
    )
  }
  out.push('frontend stats', '  mode http', '  bind *:1024 name stats', ...(ipv6 ? ['  bind :::1024 name v6'] : []), '  stats enable', '  stats uri /', '  stats refresh 10s', '  http-request set-var(txn.base) base', '  http-request use-service prometheus-exporter if { path /metrics }', '')
  for (const { port, pool, tls } of services) out.push(`frontend tcp-${port}`, '  mode tcp', `  bind 0.0.0.0:${port} name v4${tls ? crt : ''}`, ...(ipv6 ? [`  bind :::${port} name v6 v4v6${tls ? crt : ''}`] : []), '  option tcplog', `  default_backend ${pool.backend.name}`, '')
  const rates = new Set([general, ...rules.values()].flatMap(({ guards }) => (guards.rate ? [guards.rate.period] : [])))
  for (const period of rates) out.push(`backend RateLimit-${period}`, `  stick-table type ip size 102400 peers localinstance store http_req_rate(${period})`, '')
  const modes = new Set(services.map((service) => service.pool))
  for (const pool of [...pools].sort((a, b) => (a.backend.name < b.backend.name ? -1 : 1))) out.push(...backendLines(pool, modes.has(pool) || [...routes.names.values()].some((r) => r.backend === pool.backend.name)), '')
  out.push('backend haproxy-controller_default-local-service_http', '  mode http', '  balance roundrobin', '  option forwardfor', '  no option abortonclose', '  default-server check', '  server SRV_1 127.0.0.1:6061 enabled', '')
  if (passthrough) out.push('backend ssl', '  mode tcp', '  server https unix@/var/run/ssl-frontend.sock send-proxy-v2', '')
  return out.join('\n')
}

function backendLines({ backend, servers }: Pool, tcp: boolean): string[] {
  const { balance, cookie, checkHttp, tls } = backend
  const server = [
    ...(backend.check ? ['check'] : []), ...(backend.checkInterval === undefined ? [] : [`inter ${backend.checkInterval}`]), ...(backend.maxconn === undefined ? [] : [`maxconn ${backend.maxconn}`]), ...(backend.sendProxy ? [backend.sendProxy === 'v1' ? 'send-proxy' : 'send-proxy-v2'] : []),
    ...(tls ? ['ssl', 'alpn h2,http/1.1', ...(tls.file.own ? [`crt ${tls.file.own}`] : []), ...(tls.file.ca ? [`ca-file ${tls.file.ca}`] : []), `verify ${tls.verify ? 'required' : 'none'}`] : []), ...(backend.h2 ? ['proto h2'] : []),
  ]
  const port = servers.find((s) => s.endpoint)?.endpoint?.port ?? 1
  return [
    `backend ${backend.name}`, `  mode ${tcp ? 'tcp' : 'http'}`, `  balance ${balance.text}`, ...(checkHttp && !tcp ? [`  option httpchk ${checkHttp.method} ${checkHttp.uri} ${checkHttp.version}`] : []), ...(backend.forwardedFor && !tcp ? ['  option forwardfor'] : []), `  ${backend.abortOnClose ? '' : 'no '}option abortonclose`,
    ...(cookie && !tcp ? [`  cookie ${cookie.name}${cookie.dynamic ? ' dynamic' : ''} indirect nocache insert`, ...(cookie.dynamic ? [`  dynamic-cookie-key ${COOKIE_KEY}`] : [])] : []),
    ...(backend.checkTimeout === undefined ? [] : [`  timeout check ${backend.checkTimeout}`]), ...(backend.serverTimeout === undefined ? [] : [`  timeout server ${backend.serverTimeout}`]), ...(server.length > 0 ? [`  default-server ${server.join(' ')}`] : []),
    ...servers.map(({ name, endpoint }) => `  server ${name} ${endpoint ? `${endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port} ${cookie?.dynamic === false ? `cookie ${name} ` : ''}enabled` : `127.0.0.1:${port} disabled`}`),
  ]
}

function unique(lines: readonly Line[]): Line[] {
  return [...new Map(lines.map((line) => [`${line.id} ${line.text}`, line] as const)).values()]
}
