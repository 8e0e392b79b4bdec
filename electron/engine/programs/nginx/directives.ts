import { ConfigError, NotSimulated, type Directive } from './config.ts'
import type { Configuration, Listen } from './settings.ts'

/** Directives that change nothing that a simulation shows: workers, buffers, caches of open files. */
const HARMLESS = new Set([
  'user', 'worker_processes', 'error_log', 'pid', 'worker_connections', 'multi_accept', 'use', 'worker_rlimit_nofile', 'worker_shutdown_timeout', 'pcre_jit', 'sendfile', 'sendfile_max_chunk', 'tcp_nopush', 'tcp_nodelay',
  'gzip_disable', 'gzip_buffers', 'types_hash_max_size', 'types_hash_bucket_size', 'server_names_hash_bucket_size', 'server_names_hash_max_size',
  'variables_hash_max_size', 'variables_hash_bucket_size', 'map_hash_max_size', 'map_hash_bucket_size', 'client_body_buffer_size', 'client_header_buffer_size', 'large_client_header_buffers', 'client_body_timeout', 'client_header_timeout', 'send_timeout',
  'resolver_timeout', 'log_not_found', 'etag', 'keepalive_requests', 'open_file_cache', 'open_file_cache_valid', 'output_buffers', 'reset_timedout_connection', 'autoindex_localtime', 'aio', 'directio', 'env', 'client_body_temp_path', 'proxy_temp_path',
  'fastcgi_temp_path', 'uwsgi_temp_path', 'scgi_temp_path', 'ssl_protocols', 'ssl_ciphers', 'ssl_prefer_server_ciphers', 'ssl_session_cache', 'ssl_session_timeout', 'ssl_session_tickets', 'ssl_dhparam', 'ssl_ecdh_curve', 'limit_conn_log_level', 'limit_req_log_level',
])
/** Known to nginx, not to Podhop (yet). */
const KNOWN = new Set([
  'fastcgi_pass', 'fastcgi_param', 'fastcgi_index', 'uwsgi_pass', 'scgi_pass', 'mail',
  'load_module', 'proxy_cache', 'proxy_cache_path', 'proxy_set_body', 'proxy_method', 'proxy_bind', 'proxy_cookie_path',
  'proxy_cookie_domain', 'proxy_pass_header', 'proxy_ssl_certificate', 'proxy_ssl_name', 'proxy_ssl_trusted_certificate', 'proxy_ignore_headers', 'proxy_store', 'ssl_crl', 'ssl_ocsp', 'ssl_stapling', 'dav_methods', 'random_index', 'memcached_pass', 'js_import', 'perl', 'if_modified_since', 'max_ranges', 'addition_types', 'merge_slashes', 'ignore_invalid_headers', 'charset_types', 'add_before_body', 'add_after_body', 'add_trailer', 'image_filter', 'secure_link', 'slice', 'ssi', 'userid', 'xslt_stylesheet',
])

/** Accepted, and told of where it would be seen. */
const TOLD = new Map<string, (args: readonly string[]) => string | undefined>([
  ['gzip_disable', () => 'browsers are all alike'],
  ['etag', ([value]) => (value === 'off' ? 'answers have an ETag' : undefined)],
  ['keepalive_requests', () => 'a connection may ask as often as it likes'],
  ['client_header_timeout', () => 'slow clients are waited for'],
  ['client_body_timeout', () => 'slow clients are waited for'],
  ['error_log', ([to = '']) => (['stderr', '/dev/stderr', '/var/log/nginx/error.log', 'logs/error.log', '/dev/null'].includes(to) ? undefined : 'errors are written to stderr')],
])

/** `warnings`: where a setting without effect is told of. */
export function other(directive: Directive, warnings: string[]): void {
  const why = TOLD.get(directive.name)?.(directive.args)
  if (why !== undefined) warnings.push(`podhop: not simulated: "${[directive.name, ...directive.args].join(' ')}" (${why}) in ${directive.file}:${directive.line}`)
  if (HARMLESS.has(directive.name)) return
  if (KNOWN.has(directive.name)) throw new NotSimulated(`nginx directive "${directive.name}"`)
  throw new ConfigError(`unknown directive "${directive.name}" in ${directive.file}:${directive.line}`)
}

export function misplaced(directive: Directive): ConfigError {
  return new ConfigError(`"${directive.name}" directive is not allowed here in ${directive.file}:${directive.line}`)
}

/** A flag: "on" or "off". */
export function onOff(directive: Directive): boolean {
  const [value = ''] = directive.args
  if (value !== 'on' && value !== 'off') throw new ConfigError(`invalid value "${value}" in "${directive.name}" directive, it must be "on" or "off" in ${directive.file}:${directive.line}`)
  return value === 'on'
}

/** "80", "*:80", "127.0.0.1:8080", "[::]:80", with options. */
export function readListen(directive: Directive, configuration: Configuration): Listen {
  const [value = '', ...options] = directive.args
  const where = ` in ${directive.file}:${directive.line}`
  const unknown = options.find((o) => !/^(default_server|default|ssl|http2|reuseport|deferred|bind|(ipv6only|backlog|rcvbuf|sndbuf|so_keepalive|setfib|fastopen)=.*|quic|proxy_protocol)$/.test(o))
  if (unknown !== undefined) throw new ConfigError(`invalid parameter "${unknown}"${where}`)
  const missing = options.find((o) => o === 'quic')
  if (missing !== undefined) throw new NotSimulated(`nginx "listen … ${missing}"`)
  const http2 = options.includes('http2')
  if (http2) configuration.warnings.push(`the "listen ... http2" directive is deprecated, use the "http2" directive instead${where}`)
  const match = /^(?:([0-9.*]+|localhost|\[[0-9a-fA-F:.]*\]):)?([0-9]+)$/.exec(value) ?? /^([0-9]+\.[0-9.]+|\[[0-9a-fA-F:.]*\]|localhost|\*)$/.exec(value)
  const port = Number(match?.[2] ?? 80)
  if (!match || port < 1 || port > 65_535) throw new ConfigError(`${/^[^:]*[a-z]/i.test(value) ? 'host not found' : 'invalid port'} in "${value}" of the "listen" directive${where}`)
  const host = match[1]
  const address = host === undefined || host === '*' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1')
  return { address, port, isDefault: options.some((o) => o === 'default_server' || o === 'default'), ssl: options.includes('ssl'), ...(http2 ? { http2 } : {}), ...(options.includes('proxy_protocol') ? { announced: true as const } : {}) }
}

/** Relative paths are below the prefix that nginx was built with. */
export function absolute(path: string): string {
  const out = path.startsWith('/') ? path : `/etc/nginx/${path}`
  return out.length > 1 ? out.replace(/\/$/, '') : out
}
