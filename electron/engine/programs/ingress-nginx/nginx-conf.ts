import { encodeBase64 } from '../../kubernetes/base64.ts'
import { canonicalIp, tryParseCidr } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Annotations } from './annotations.ts'
import { DEFAULT_BACKEND, type Configuration, type Location, type Server } from './configuration.ts'
import { proxySslLines } from './proxy-ssl.ts'
import { GZIP_TYPES } from './settings.ts'
import type { StreamService } from './streams.ts'

/**
 * /etc/nginx/nginx.conf in the controller's Pod, as rootfs/etc/nginx/template/nginx.tmpl of v1.12 lays it out: servers with their locations, what
 * they share, and the TCP and UDP services. The Lua files that it names are not in the image: the proxy does what they do.
 */
export interface Surroundings {
  /** Of an annotation without its prefix, as it was written, of an Ingress. */
  annotation(namespace: string, ingress: string, short: string): string | undefined
  defaults: Readonly<Record<string, string>>
  streams: readonly StreamService[]
  passthrough: boolean
}

const BACKLOG = 4096
const LUA = '/etc/nginx/lua'

export function nginxConf(configuration: Configuration, around: Surroundings): string {
  const { global, servers, redirects } = configuration
  const of = (key: string, otherwise: string | number): string => around.defaults[key] || String(otherwise)
  const out: string[] = [
    '# podhop: not simulated: the Lua files that this names (the controller does what they do; /dbg backends all tells of its balancer)', '',
    'pid /tmp/nginx/nginx.pid;', '', 'daemon off;', '',
    `worker_processes ${of('worker-processes', 2)};`, `worker_rlimit_nofile ${of('max-worker-open-files', 1_047_552)};`, `worker_shutdown_timeout ${of('worker-shutdown-timeout', '240s')} ;`, '',
    'events {', 'multi_accept        on;', `worker_connections  ${of('max-worker-connections', 16_384)};`, 'use                 epoll;', '}', '',
    'http {', `lua_package_path "${LUA}/?.lua;;";`, '', `init_by_lua_file ${LUA}/ngx_conf_init.lua;`, `init_worker_by_lua_file ${LUA}/ngx_conf_init_worker.lua;`, '',
  ]
  if (global.proxyProtocol) out.push('real_ip_header      proxy_protocol;', 'real_ip_recursive   on;', ...global.proxyProtocol.map((cidr) => `set_real_ip_from    ${cidr};`), '')
  if (global.realIp) out.push(`real_ip_header      ${of('forwarded-for-header', 'X-Forwarded-For')};`, 'real_ip_recursive   on;', ...global.realIp.from.map((cidr) => `set_real_ip_from    ${cidr};`), '')
  out.push(
    `keepalive_timeout  ${of('keep-alive', 75)}s;`, `keepalive_requests ${of('keep-alive-requests', 1000)};`, '',
    `client_header_buffer_size       ${of('client-header-buffer-size', '1k')};`, `client_header_timeout           ${of('client-header-timeout', 60)}s;`, `large_client_header_buffers     ${of('large-client-header-buffers', '4 8k')};`, `client_body_buffer_size         ${of('client-body-buffer-size', '8k')};`, `client_body_timeout             ${of('client-body-timeout', 60)}s;`, '',
    `underscores_in_headers          ${global.underscores ? 'on' : 'off'};`, `ignore_invalid_headers          ${global.keepsInvalid ? 'off' : 'on'};`, '', `limit_req_status                ${global.requestLimitCode};`, `limit_conn_status               ${global.connectionLimitCode};`, '',
    'include /etc/nginx/mime.types;', 'default_type text/html;', '', ...global.addHeaders.map(([name, value]) => `more_set_headers ${quoted(`${name}: ${value}`)};`),
    ...(global.gzip.on ? ['gzip on;', `gzip_comp_level ${global.gzip.level};`, 'gzip_http_version 1.1;', `gzip_min_length ${global.gzip.minLength};`, `gzip_types ${of('gzip-types', GZIP_TYPES)};`, 'gzip_proxied any;', 'gzip_vary on;', ''] : []),
    ...(global.tokens ? ['server_tokens on;', ''] : ['server_tokens off;', 'more_clear_headers Server;', '']), 'uninitialized_variable_warn off;', '', `log_format upstreaminfo ${global.escape === 'default' ? '' : `escape=${global.escape} `}'${global.logFormat}';`, '',
    'map $request_uri $loggable {', ...global.quietPaths.map((path) => `${path} 0;`), 'default 1;', '}', '',
    global.logs ? 'access_log /var/log/nginx/access.log upstreaminfo  if=$loggable;' : 'access_log off;', `error_log  /var/log/nginx/error.log ${of('error-log-level', 'notice')};`, '',
    'map $http_upgrade $connection_upgrade {', 'default          upgrade;', "''               '';", '}', '', 'map $http_x_request_id $req_id {', 'default   $http_x_request_id;', '""        $request_id;', '}', '',
    ...(global.full ? ['map $http_x_forwarded_for $full_x_forwarded_for {', 'default          "$http_x_forwarded_for, $realip_remote_addr";', "''               \"$realip_remote_addr\";", '}', ''] : []),
    'geo $literal_dollar {', 'default "$";', '}', '', 'server_name_in_redirect off;', 'port_in_redirect        off;', '', `ssl_protocols ${of('ssl-protocols', 'TLSv1.2 TLSv1.3')};`, 'ssl_early_data off;',
    `ssl_session_cache shared:SSL:${of('ssl-session-cache-size', '10m')};`, `ssl_session_timeout ${of('ssl-session-timeout', '10m')};`, 'ssl_session_tickets off;', `ssl_buffer_size ${of('ssl-buffer-size', '4k')};`, '',
    'ssl_certificate     /etc/ingress-controller/ssl/default-fake-certificate.pem;', 'ssl_certificate_key /etc/ingress-controller/ssl/default-fake-certificate.pem;', '',
    ...(global.customErrors.length > 0 ? ['proxy_intercept_errors on;', ...global.customErrors.map((code) => `error_page ${code} = @custom_${DEFAULT_BACKEND}_${code};`), ''] : []),
    'proxy_ssl_session_reuse on;', ...global.hideHeaders.map((name) => `proxy_hide_header ${name};`), '',
    'upstream upstream_balancer {', 'server 0.0.0.1; # placeholder', `balancer_by_lua_file ${LUA}/nginx/ngx_conf_balancer.lua;`, `keepalive ${of('upstream-keepalive-connections', 320)};`, `keepalive_time ${of('upstream-keepalive-time', '1h')};`, `keepalive_timeout  ${of('upstream-keepalive-timeout', 60)}s;`, `keepalive_requests ${of('upstream-keepalive-requests', 10_000)};`, '}', '',
  )
  const all = [...servers.values()].filter((server, at, list) => list.indexOf(server) === at)
  out.push(...rateZones(all), 'proxy_cache_path /tmp/nginx/nginx-cache-auth levels=1:2 keys_zone=auth_cache:10m max_size=128m inactive=30m use_temp_path=off;', '', ...global.blocked.cidrs.map((cidr) => `deny ${cidr};`))
  const blocked = [['agents', '$http_user_agent', '$block_ua'], ['referers', '$http_referer', '$block_ref']] as const
  for (const [list, from, to] of blocked) if (global.blocked[list].length > 0) out.push(`map ${from} ${to} {`, 'default 0;', ...global.blocked[list].map((pattern) => `${pattern} 1;`), '}', '')
  const blocks = blocked.flatMap(([list, , name]) => (global.blocked[list].length > 0 ? [`if (${name}) {`, 'return 403;', '}'] : []))
  for (const [from, to] of redirects) {
    out.push(`## start server ${from}`, 'server {', `server_name ${quoted(from)};`, '', ...listeners(from, around, global.proxyProtocol !== undefined), '', `ssl_certificate_by_lua_file ${LUA}/nginx/ngx_conf_certificate.lua;`, ...blocks, '', `set_by_lua_file $redirect_to ${LUA}/nginx/ngx_srv_redirect.lua ${to};`, `return ${global.redirectCode} $redirect_to;`, '}', `## end server ${from}`, '')
  }
  for (const server of all.sort((a, b) => (a.host < b.host ? -1 : 1))) {
    const aliases = [...[...servers].filter(([name, s]) => s === server && name !== server.host).map(([name]) => name), ...configuration.patterns.filter(([, s]) => s === server).map(([pattern]) => `~${pattern.source}`)]
    out.push(`## start server ${server.host}`, 'server {', `server_name ${quoted(serverName(server.host))} ${aliases.map((alias) => `"${alias}" `).join('')};`, '', 'http2 on;', '', ...blocks, ...listeners(server.host, around, global.proxyProtocol !== undefined), '', 'set $proxy_upstream_name "-";', '')
    const { clients } = server
    if (clients && 'matchCn' in clients && clients.matchCn !== undefined) out.push(`if ( $ssl_client_s_dn !~ ${quoted(clients.matchCn)} ) {`, 'return 403 "client certificate unauthorized";', '}', '')
    if (server.host === '_') out.push('ssl_reject_handshake off;', '')
    out.push(`ssl_certificate_by_lua_file ${LUA}/nginx/ngx_conf_certificate.lua;`, '', ...clientsOf(server))
    const mirrors = new Map(server.locations.flatMap(({ settings }) => (settings?.mirror ? [[settings.mirror.source, settings.mirror] as const] : [])))
    for (const { source, host, target } of mirrors.values()) out.push(`location = ${quoted(source)} {`, 'internal;', `proxy_set_header Host ${quoted(host)};`, `proxy_pass ${quoted(target)};`, '}', '')
    for (const location of server.locations) out.push(...locationOf(location, server, configuration, around), '')
    if (server.host === '_') out.push('location /healthz {', 'access_log off;', 'return 200;', '}', '', 'location /nginx_status {', ...global.statusFor.map((cidr) => `allow ${cidr};`), 'deny all;', '', 'access_log off;', 'stub_status on;', '}', '')
    out.push('}', `## end server ${server.host}`, '')
  }
  out.push(
    'server {', `listen 8181 default_server reuseport backlog=${BACKLOG};`, `listen [::]:8181 default_server reuseport backlog=${BACKLOG};`, 'set $proxy_upstream_name "internal";', '', 'access_log off;', '', 'location / {', 'return 404;', '}', '}', '',
    'server {', 'listen 127.0.0.1:10246;', 'set $proxy_upstream_name "internal";', '', 'keepalive_timeout 0;', 'gzip off;', '', 'access_log off;', '', 'location /healthz {', 'return 200;', '}', '', 'location /is-dynamic-lb-initialized {', `content_by_lua_file ${LUA}/nginx/ngx_conf_is_dynamic_lb_initialized.lua;`, '}', '',
    'location /nginx_status {', 'stub_status on;', '}', '', 'location /configuration {', `content_by_lua_file ${LUA}/nginx/ngx_conf_configuration.lua;`, '}', '', 'location / {', 'return 404;', '}', '}', '}', '', ...streamsOf(around),
  )
  return indented(out)
}

function clientsOf({ clients }: Server): string[] {
  if (!clients) return []
  if ('closed' in clients) return [`# ${clients.closed}`, 'return 403;', '']
  const { secret, file, sha, verify, depth, errorPage } = clients
  return [`# PEM sha: ${sha}`, `ssl_client_certificate                  /etc/ingress-controller/ssl/${file}${secret.replace('/', '-')}.pem;`, `ssl_verify_client                       ${verify};`, `ssl_verify_depth                        ${depth};`, '', ...(errorPage === undefined ? [] : [`error_page 495 496 = ${errorPage};`, ''])]
}

function streamsOf({ streams, defaults }: Surroundings): string[] {
  const timeout = defaults['proxy-stream-timeout'] || '600s'
  return [
    'stream {', "log_format log_stream '[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time';", 'access_log /var/log/nginx/access.log log_stream ;', 'error_log  /var/log/nginx/error.log notice;', '',
    'upstream upstream_balancer {', 'server 0.0.0.1:1234; # placeholder', `balancer_by_lua_file ${LUA}/nginx/ngx_conf_balancer_tcp_udp.lua;`, '}', '',
    ...streams.flatMap(({ port, protocol, name, decodes, encodes }) => [
      'server {', 'preread_by_lua_block {', `ngx.var.proxy_upstream_name="${protocol.toLowerCase()}-${name}";`, '}', '', ...['', '[::]:'].map((address) => `listen                  ${address}${port}${protocol === 'UDP' ? ' udp' : decodes ? ' proxy_protocol' : ''};`),
      ...(protocol === 'UDP' ? ['proxy_responses         1;'] : []), `proxy_timeout           ${timeout};`, 'proxy_next_upstream     on;', 'proxy_next_upstream_timeout 600s;', 'proxy_next_upstream_tries   3;', 'proxy_pass              upstream_balancer;', ...(encodes ? ['proxy_protocol          on;'] : []), '}', '',
    ]),
    '}',
  ]
}

function listeners(host: string, { passthrough }: Surroundings, announced: boolean): string[] {
  const common = [...(announced ? ['proxy_protocol'] : []), ...(host === '_' ? [`default_server reuseport backlog=${BACKLOG}`] : [])].join(' ')
  const secure = passthrough ? `442${announced ? '' : ' proxy_protocol'}` : '443'
  return ['', '[::]:'].map((address) => `listen ${address}80 ${common} ;`).concat(['', '[::]:'].map((address) => `listen ${address}${secure} ${common} ssl;`))
}

/** limit_conn_zone and limit_req_zone, with who is not counted. */
function rateZones(servers: readonly Server[]): string[] {
  const zones = new Set<string>()
  const lists = new Map<string, string[]>()
  for (const { settings, about } of servers.flatMap((s) => s.locations)) {
    if (!settings || (settings.limits.length === 0 && !settings.connections)) continue
    const id = idOf(settings)
    lists.set(id, [`# Ratelimit ${about.namespace}_${about.ingress}`, `geo $remote_addr $allowlist_${id} {`, 'default 0;', ...settings.unlimited.map((cidr) => `${cidr} 1;`), '}', '', `map $allowlist_${id} $limit_${id} {`, '0 $binary_remote_addr;', '1 "";', '}', ''])
    if (settings.connections) zones.add(`limit_conn_zone $limit_${id} zone=${settings.connections.zone}:5m;`)
    for (const { zone, rate } of settings.limits) zones.add(`limit_req_zone $limit_${id} zone=${zone}:5m rate=${zone.endsWith('_rpm') ? `${Math.round((rate * 60) / 1000)}r/m` : `${rate / 1000}r/s`};`)
  }
  return [...[...lists.values()].flat(), ...[...zones].sort(), ...(zones.size > 0 ? [''] : [])]
}

/** The Ingress's uid, without what a variable may not have. */
function idOf({ limits, connections }: Annotations): string {
  const zone = limits[0]?.zone ?? connections?.zone ?? ''
  return zone.replace(/_(rps|rpm|conn)$/, '').split('_').at(-1)!.replaceAll('-', '')
}

function locationOf(location: Location, server: Server, { global }: Configuration, around: Surroundings): string[] {
  const { path, exact, settings, about, backend, headers, fallback, denied } = location
  const own = (short: string, otherwise: string | number): string => around.annotation(about.namespace, about.ingress, short) || around.defaults[short] || String(otherwise)
  const grpc = settings?.backendProtocol.startsWith('GRPC') ?? false
  const set = grpc ? 'grpc_set_header' : 'proxy_set_header'
  const outside = settings?.externalAuth ?? (settings?.globalAuth ? global.auth : undefined)
  const asked = outside && !global.openPaths.includes(path) ? `/_external-auth-${base64(path)}-${exact ? 'Exact' : 'Prefix'}` : undefined
  const mirrored = settings?.mirror ? [`mirror ${quoted(settings.mirror.source)};`, `mirror_request_body ${settings.mirror.body ? 'on' : 'off'};`, ''] : []
  const out: string[] = []
  if (settings?.appRoot !== undefined) out.push('if ($uri = /) {', `return 302 $scheme://$http_host${settings.appRoot};`, '}', '')
  if (asked !== undefined) {
    out.push(
      `location = ${asked} {`, 'internal;', '', 'access_log off;', '', ...(outside!.cacheKey === undefined ? [] : [`set $tmp_cache_key '${server.host}${asked}${outside!.cacheKey}';`, "set $cache_key '';", '', `rewrite_by_lua_file ${LUA}/nginx/ngx_conf_rewrite_auth.lua;`, '', 'proxy_cache auth_cache;', ...outside!.cacheLines.map((line) => `proxy_cache_valid ${line};`), 'proxy_cache_key "$cache_key";', '']), `set $proxy_upstream_name ${quoted(backend)};`, '', 'proxy_pass_request_body     off;', 'proxy_set_header            Content-Length          "";', 'proxy_set_header            X-Forwarded-Proto       "";', 'proxy_set_header            X-Request-ID            $req_id;',
      ...(outside!.tells ? [`proxy_method                ${outside!.method};`, 'proxy_set_header            X-Original-URI          $request_uri;', 'proxy_set_header            X-Scheme                $pass_access_scheme;'] : []), `proxy_set_header            Host                    ${/^https?:\/\/([^/:?]+)/.exec(outside!.url)?.[1] ?? ''};`, 'proxy_set_header            X-Original-URL          $scheme://$http_host$request_uri;', 'proxy_set_header            X-Original-Method       $request_method;', 'proxy_set_header            X-Sent-From             "nginx-ingress-controller";',
      'proxy_set_header            X-Real-IP               $remote_addr;', '', ...location.authHeaders.map(([name, value]) => `proxy_set_header '${name}' '${value}';`), ...(own('auth-snippet', '') === '' ? [] : own('auth-snippet', '').split('\n').map((line) => line.trim())), `set $target ${quoted(outside!.url)};`, 'proxy_pass $target;', '}', '',
    )
  }
  out.push(
    `location ${server.regex ? `~* "^${path}"` : exact ? `= "${path}"` : `"${path}"`} {`, '', `set $namespace      ${quoted(about.namespace)};`, `set $ingress_name   ${quoted(about.ingress)};`, `set $service_name   ${quoted(about.service)};`, `set $service_port   ${quoted(about.port)};`, `set $location_path  ${quoted(about.ingress === '' ? '' : path.replaceAll('$', '${literal_dollar}'))};`, '',
    `set $force_ssl_redirect "${settings?.forceSslRedirect ?? false}";`, `set $ssl_redirect "${settings?.sslRedirect ?? true}";`, `set $force_no_ssl_redirect "${global.plainPaths.some((plain) => path.startsWith(plain))}";`, `set $preserve_trailing_slash "${settings?.keepsSlash ?? global.keepsSlash}";`, 'set $use_port_in_redirects "false";', '',
    ...mirrored, `rewrite_by_lua_file ${LUA}/nginx/ngx_rewrite.lua;`, `header_filter_by_lua_file ${LUA}/nginx/ngx_conf_srv_hdr_filter.lua;`, `log_by_lua_file ${LUA}/nginx/ngx_conf_log_block.lua;`, '', ...(settings?.logs === false ? ['access_log off;', ''] : []),
    'port_in_redirect off;', '', 'set $balancer_ewma_score -1;', `set $proxy_upstream_name ${quoted(backend)};`, 'set $proxy_host          $proxy_upstream_name;', 'set $pass_access_scheme  $scheme;', 'set $pass_server_port    $server_port;', 'set $best_http_host      $http_host;', 'set $pass_port           $pass_server_port;', 'set $proxy_alternative_upstream_name "";', '',
  )
  if (denied !== undefined) return [...out, `# Location denied. Reason: ${quoted(denied)}`, 'return 503;', '}']
  const cidrs = (list: readonly string[]): string[] => list.filter((entry) => tryParseCidr(entry) || canonicalIp(entry) !== undefined)
  out.push(...cidrs(settings?.deny ?? []).map((cidr) => `deny ${cidr};`), ...(settings && settings.allow.length > 0 ? [...cidrs(settings.allow).map((cidr) => `allow ${cidr};`), 'deny all;'] : []))
  if (settings?.cors) out.push(...corsOf(settings.cors), '')
  if (asked !== undefined) {
    out.push(`auth_request        ${asked};`, 'auth_request_set    $auth_cookie $upstream_http_set_cookie;', `add_header          Set-Cookie $auth_cookie${outside!.alwaysCookie ? ' always' : ''};`)
    for (const [at, name] of outside!.responseHeaders.entries()) out.push(`auth_request_set $authHeader${at} $upstream_http_${name.toLowerCase().replaceAll('-', '_')};`, `${set} '${name}' $authHeader${at};`)
    if (outside!.signin !== undefined) out.push('set_escape_uri $escaped_request_uri $request_uri;', `error_page 401 = @${base64(outside!.signin)};`)
  }
  if (settings?.auth) out.push(`auth_basic ${quoted(settings.auth.realm)};`, `auth_basic_user_file /etc/ingress-controller/auth/${about.namespace}-${about.ingress}-${own('auth-secret', '').split('/').at(-1)}.passwd;`, `${set} Authorization "";`)
  if (settings?.connections) out.push(`limit_conn ${settings.connections.zone} ${settings.connections.most};`)
  for (const { zone, burst } of settings?.limits ?? []) out.push(`limit_req zone=${zone} burst=${burst / 1000} nodelay;`)
  if (settings?.talk.pace) out.push(...(settings.talk.pace.after > 0 ? [`limit_rate_after ${settings.talk.pace.after / 1024}k;`] : []), `limit_rate ${settings.talk.pace.rate / 1024}k;`)
  const header = (name: string, value: string): string => `${set} ${name.padEnd(22)} ${value};`
  out.push(
    `client_max_body_size                    ${own('proxy-body-size', '1m')};`, '', header('Host', settings?.upstreamVhost === undefined ? '$best_http_host' : quoted(settings.upstreamVhost)), '', header('Upgrade', '$http_upgrade'), header('Connection', settings?.talk.connection ?? '$connection_upgrade'), '', header('X-Request-ID', '$req_id'), header('X-Real-IP', '$remote_addr'), header('X-Forwarded-For', global.full ? '$full_x_forwarded_for' : '$remote_addr'), header('X-Forwarded-Host', '$best_http_host'), header('X-Forwarded-Port', '$pass_port'),
    header('X-Forwarded-Proto', '$pass_access_scheme'), header('X-Forwarded-Scheme', '$pass_access_scheme'), ...(global.originalUri ? [header('X-Original-URI', '$request_uri')] : []), header('X-Scheme', '$pass_access_scheme'), header('X-Original-Forwarded-For', '$http_x_forwarded_for'), header('X-Original-Forwarded-Host', '$http_x_forwarded_host'), header('Proxy', '""'), ...global.setHeaders.map(([name, value]) => header(name, quoted(value))), '',
    `proxy_connect_timeout                   ${own('proxy-connect-timeout', 5)}s;`, `proxy_send_timeout                      ${own('proxy-send-timeout', 60)}s;`, `proxy_read_timeout                      ${own('proxy-read-timeout', 60)}s;`, '', `proxy_buffering                         ${own('proxy-buffering', 'off')};`, `proxy_buffer_size                       ${own('proxy-buffer-size', '4k')};`, `proxy_buffers                           ${own('proxy-buffers-number', 4)} ${own('proxy-buffer-size', '4k')};`,
    ...(own('proxy-busy-buffers-size', '') === '' ? [] : [`proxy_busy_buffers_size                 ${own('proxy-busy-buffers-size', '')};`]), `proxy_max_temp_file_size                ${own('proxy-max-temp-file-size', '1024m')};`, `proxy_request_buffering                 ${own('proxy-request-buffering', 'on')};`, `proxy_http_version                      ${own('proxy-http-version', '1.1')};`, '', `proxy_cookie_domain                     ${own('proxy-cookie-domain', 'off')};`, `proxy_cookie_path                       ${own('proxy-cookie-path', 'off')};`, '',
    `proxy_next_upstream                     ${own('proxy-next-upstream', 'error timeout')};`, `proxy_next_upstream_timeout             ${own('proxy-next-upstream-timeout', 0)};`, `proxy_next_upstream_tries               ${own('proxy-next-upstream-tries', 3)};`, '',
  )
  if (settings?.snippet) out.push(...own('configuration-snippet', '').split('\n').map((line) => line.trim()), '')
  if (global.snippet) out.push('# Custom code snippet configured in the configuration configmap', ...(around.defaults['location-snippet'] ?? '').split('\n').map((line) => line.trim()), '')
  out.push(...headers.map(([name, value]) => `more_set_headers ${quoted(`${name}: ${value}`.replaceAll('$', '${literal_dollar}'))};`))
  if (settings?.satisfyAny) out.push('satisfy any;')
  if (settings?.relativeRedirects) out.push('absolute_redirect off;')
  if (settings && settings.customErrors.length > 0) out.push(...(settings.passesErrors ? [] : ['proxy_intercept_errors on;']), ...settings.customErrors.map((code) => `error_page ${code} = @custom_${fallback ?? DEFAULT_BACKEND}_${code};`))
  out.push(...proxySslLines(location.upstreamTls))
  if (settings?.redirect) out.push(`return ${settings.redirect.status} ${settings.redirect.url};`)
  const pass = `${grpc ? 'grpc_pass' : 'proxy_pass'} ${!settings || backend === DEFAULT_BACKEND ? 'http' : settings.backendProtocol === 'AUTO_HTTP' ? '$scheme' : settings.backendProtocol.toLowerCase()}://upstream_balancer;`
  if (settings?.rewriteTarget === undefined) out.push(pass)
  else out.push(`rewrite "(?i)${path}" ${settings.rewriteTarget} break;`, ...(settings.forwardedPrefix === undefined ? [] : [`${set} X-Forwarded-Prefix ${quoted(settings.forwardedPrefix)};`]), pass)
  out.push(`proxy_redirect                          ${settings?.redirects ? `${settings.redirects.from} ${settings.redirects.to}` : own('proxy-redirect-from', 'off')};`, '}')
  return out
}

function corsOf({ origins, methods, headers, credentials, expose, maxAge }: NonNullable<Annotations['cors']>): string[] {
  const answer = [`more_set_headers 'Access-Control-Allow-Origin: ${origins.includes('*') ? '*' : '$http_origin'}';`, ...(credentials ? ["more_set_headers 'Access-Control-Allow-Credentials: true';"] : []), `more_set_headers 'Access-Control-Allow-Methods: ${methods}';`, `more_set_headers 'Access-Control-Allow-Headers: ${headers}';`, ...(expose === undefined ? [] : [`more_set_headers 'Access-Control-Expose-Headers: ${expose}';`]), `more_set_headers 'Access-Control-Max-Age: ${maxAge}';`]
  const known = origins.includes('*') ? ['set $http_origin *;', "set $cors 'true';"] : [`if ($http_origin ~* ((${origins.map((origin) => origin.replaceAll('.', '\\.').replace('*', '[A-Za-z0-9\\-]+')).join('|')}))$ ) { set $cors 'true'; }`]
  return [...known, "if ($request_method = 'OPTIONS') {", 'set $cors ${cors}options;', '}', '', 'if ($cors = "true") {', ...answer, '}', '', 'if ($cors = "trueoptions") {', ...answer, "more_set_headers 'Content-Type: text/plain charset=UTF-8';", "more_set_headers 'Content-Length: 0';", 'return 204;', '}']
}

/** buildServerName: a wildcard stands for one label. */
function serverName(host: string): string {
  return host.startsWith('*.') ? `~^(?<subdomain>[\\w-]+)\\.${host.slice(2).replaceAll('.', '\\.')}$` : host
}

/** Go's %q, of what Ingresses may say. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** base64.RawURLEncoding. */
function base64(text: string): string {
  return encodeBase64(encodeUtf8(text)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** cleanConf: tabs by depth, and never two empty lines in a row. */
function indented(lines: readonly string[]): string {
  let depth = 0
  let out = ''
  for (const [at, line] of lines.entries()) {
    if (line === '' && lines[at - 1] === '') continue
    const opens = line.endsWith('{')
    if (line === '}') depth--
    out += `${'\t'.repeat(depth)}${line}\n`
    if (opens) depth++
  }
  return out
}
