import type { ConfigMap } from '../../kubernetes/types.ts'
import { own } from '../../own.ts'
import type { Headers } from '../http/message.ts'
import { NO_SENDING, type Gzip } from '../nginx/sending.ts'
import type { Note } from './annotations.ts'
import { externalAuthOf, type ExternalAuth } from './external-auth.ts'
import { readSnippet, type Snippet } from './snippet.ts'

/** What the controller's ConfigMap says for every server (internal/ingress/controller/template/configmap.go, and config.NewDefault). */
export interface Global {
  /** The client's address, and with `trusts` how it came, are what proxies before say. */
  realIp: { from: readonly string[]; header: string } | undefined
  trusts: boolean
  /** use-proxy-protocol: connections begin with a line that says who the client is, which the proxies of these prefixes are believed. */
  proxyProtocol: readonly string[] | undefined
  /** X-Forwarded-For grows instead of being set. */
  full: boolean
  /** Strict-Transport-Security. */
  hsts: string | undefined
  redirectCode: number
  requestLimitCode: number
  connectionLimitCode: number
  customErrors: readonly number[]
  /** Of every answer, and of every request to a backend. */
  addHeaders: Headers
  setHeaders: Headers
  hideHeaders: readonly string[]
  blocked: { cidrs: readonly string[]; agents: readonly string[]; referers: readonly string[] }
  /** Paths that are not redirected to HTTPS, or need no authentication. */
  plainPaths: readonly string[]
  openPaths: readonly string[]
  keepsSlash: boolean
  originalUri: boolean
  logs: boolean
  quietPaths: readonly string[]
  logFormat: string
  /** log_format's escape. */
  escape: 'default' | 'json' | 'none'
  /** Names of headers with "_", or with what may not be in a name, count. */
  underscores: boolean
  keepsInvalid: boolean
  /** Who may see /nginx_status. */
  statusFor: readonly string[]
  /** server-tokens: the version is told. */
  tokens: boolean
  /** use-gzip and its kin. */
  gzip: Gzip
  /** location-snippet: of every place. */
  snippet: Snippet | undefined
  auth: ExternalAuth | undefined
  /** What `custom-headers` of an Ingress may set. */
  allowedHeaders: readonly string[]
}

const LOG_FORMAT = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id'

/** gzip-types. */
export const GZIP_TYPES = 'application/atom+xml application/javascript application/x-javascript application/json application/rss+xml application/vnd.ms-fontobject application/x-font-ttf application/x-web-app-manifest+json application/xhtml+xml application/xml font/opentype image/svg+xml image/x-icon text/css text/javascript text/plain text/x-component'

const KEYS: ReadonlySet<string> = new Set([
  'use-forwarded-headers', 'use-proxy-protocol', 'enable-real-ip', 'forwarded-for-header', 'compute-full-forwarded-for', 'proxy-real-ip-cidr', 'hsts', 'hsts-max-age', 'hsts-include-subdomains', 'hsts-preload', 'http-redirect-code', 'limit-req-status-code',
  'limit-conn-status-code', 'custom-http-errors', 'add-headers', 'proxy-set-headers', 'hide-headers', 'block-cidrs', 'block-user-agents', 'block-referers', 'no-tls-redirect-locations', 'no-auth-locations', 'preserve-trailing-slash',
  'proxy-add-original-uri-header', 'disable-access-log', 'disable-http-access-log', 'skip-access-log-urls', 'log-format-upstream', 'global-auth-url', 'global-auth-method', 'global-auth-signin', 'global-auth-signin-redirect-param',
  'global-auth-response-headers', 'global-auth-request-redirect', 'global-auth-cache-key', 'global-auth-cache-duration', 'global-auth-always-set-cookie', 'enable-underscores-in-headers', 'ignore-invalid-headers', 'log-format-escape-json', 'log-format-escape-none', 'nginx-status-ipv4-whitelist',
  'nginx-status-ipv6-whitelist', 'server-tokens', 'location-snippet', 'use-gzip', 'gzip-level', 'gzip-types', 'gzip-min-length', 'strict-validate-path-type', 'annotation-value-word-blocklist', 'global-allowed-response-headers', 'allow-snippet-annotations', 'annotations-risk-level',
])
/** Change nothing that is to be seen here. */
const HARMLESS: ReadonlySet<string> = new Set([
  'worker-processes', 'worker-cpu-affinity', 'worker-shutdown-timeout', 'worker-serial-reloads', 'max-worker-connections', 'max-worker-open-files', 'map-hash-bucket-size', 'server-name-hash-max-size', 'server-name-hash-bucket-size',
  'proxy-headers-hash-max-size', 'proxy-headers-hash-bucket-size', 'variables-hash-bucket-size', 'variables-hash-max-size', 'reuse-port', 'enable-multi-accept', 'enable-aio-write', 'lua-shared-dicts', 'client-header-buffer-size',
  'client-body-buffer-size', 'large-client-header-buffers', 'proxy-buffer-size', 'proxy-buffers-number', 'proxy-busy-buffers-size', 'proxy-buffering', 'proxy-request-buffering', 'proxy-max-temp-file-size', 'proxy-send-timeout', 'proxy-http-version',
  'ssl-session-cache', 'ssl-session-cache-size', 'ssl-session-timeout', 'ssl-buffer-size', 'upstream-keepalive-connections', 'upstream-keepalive-time', 'upstream-keepalive-timeout', 'upstream-keepalive-requests', 'generate-request-id',
  'debug-connections', 'error-log-level', 'disable-ipv6-dns', 'enable-serial-reloads', 'access-log-params', 'limit-conn-zone-variable',
])

const split = (text: string | undefined): string[] => (text ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '')

/** `configMap` finds those that add-headers and proxy-set-headers name. */
export function readGlobal(data: Readonly<Record<string, string>>, configMap: (namespace: string, name: string) => ConfigMap | undefined, notes: Note[]): Global {
  const of = (key: string): string | undefined => own(data, key)
  const is = (key: string, otherwise: boolean): boolean => (of(key) === undefined ? otherwise : /^(1|t|true)$/i.test(of(key)!))
  const number = (key: string, otherwise: number): number => (/^[0-9]+$/.test(of(key) ?? '') ? Number(of(key)) : otherwise)
  const warn = (source: string, text: string): void => void notes.push({ source, severity: 'W', text })
  const headersOf = (key: string): Headers => {
    const wanted = of(key)
    if (wanted === undefined || wanted === '') return []
    const [namespace = '', name = ''] = wanted.split('/')
    const found = configMap(namespace, name)
    if (!found) warn('nginx.go:579', `Error reading ConfigMap "${wanted}" from local store: no object matching key "${wanted}" in local store`)
    return Object.entries(found?.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  }
  let redirectCode = 308
  if (of('http-redirect-code') !== undefined) {
    if ([301, 302, 307, 308].includes(Number(of('http-redirect-code')))) redirectCode = Number(of('http-redirect-code'))
    else warn('configmap.go:219', `The code ${of('http-redirect-code')} is not a valid as HTTP redirect code. Using the default.`)
  }
  const trusts = is('use-forwarded-headers', false)
  const announced = is('use-proxy-protocol', false)
  const proxies = of('proxy-real-ip-cidr') === undefined ? ['0.0.0.0/0', '::/0'] : split(of('proxy-real-ip-cidr'))
  const seconds = of('hsts-max-age') ?? '31536000'
  return {
    trusts,
    proxyProtocol: announced ? proxies : undefined,
    realIp: !announced && (trusts || is('enable-real-ip', false)) ? { from: proxies, header: (of('forwarded-for-header') || 'X-Forwarded-For').toLowerCase() } : undefined,
    full: trusts && is('compute-full-forwarded-for', false),
    hsts: is('hsts', true) ? `max-age=${seconds}${is('hsts-include-subdomains', true) ? '; includeSubDomains' : ''}${is('hsts-preload', false) ? '; preload' : ''}` : undefined,
    redirectCode,
    requestLimitCode: number('limit-req-status-code', 503),
    connectionLimitCode: number('limit-conn-status-code', 503),
    customErrors: split(of('custom-http-errors')).map(Number).filter((code) => code >= 300 && code < 600),
    addHeaders: headersOf('add-headers'),
    setHeaders: headersOf('proxy-set-headers'),
    hideHeaders: split(of('hide-headers')).map((name) => name.toLowerCase()),
    blocked: { cidrs: split(of('block-cidrs')), agents: split(of('block-user-agents')), referers: split(of('block-referers')) },
    plainPaths: split(of('no-tls-redirect-locations') ?? '/.well-known/acme-challenge'),
    openPaths: split(of('no-auth-locations') ?? '/.well-known/acme-challenge'),
    keepsSlash: is('preserve-trailing-slash', false),
    originalUri: is('proxy-add-original-uri-header', false),
    logs: !is('disable-access-log', false) && !is('disable-http-access-log', false),
    quietPaths: split(of('skip-access-log-urls')),
    logFormat: of('log-format-upstream') || LOG_FORMAT,
    escape: is('log-format-escape-none', false) ? 'none' : is('log-format-escape-json', false) ? 'json' : 'default',
    underscores: is('enable-underscores-in-headers', false),
    keepsInvalid: !is('ignore-invalid-headers', true),
    statusFor: [...(of('nginx-status-ipv4-whitelist') ? split(of('nginx-status-ipv4-whitelist')) : ['127.0.0.1']), ...(of('nginx-status-ipv6-whitelist') ? split(of('nginx-status-ipv6-whitelist')) : ['::1'])],
    tokens: is('server-tokens', false),
    gzip: { on: is('use-gzip', false), types: new Set(['text/html', ...(of('gzip-types') || GZIP_TYPES).split(/\s+/)]), minLength: number('gzip-min-length', 256), level: Math.min(9, Math.max(1, number('gzip-level', 1))), vary: true, proxied: new Set(['any']), http10: NO_SENDING.gzip.http10 },
    snippet: snippetOf(of('location-snippet'), notes),
    auth: externalAuthOf(of, 'global-', ''),
    allowedHeaders: split(of('global-allowed-response-headers')),
  }
}

function snippetOf(text: string | undefined, notes: Note[]): Snippet | undefined {
  if (!text) return undefined
  const { snippet, strange } = readSnippet(text)
  for (const line of strange) notes.push({ source: 'store.go:740', severity: 'W', text: `podhop: not simulated: ${JSON.stringify(line)} in location-snippet of the ConfigMap (more_set_headers, more_clear_headers, add_header, proxy_set_header and return are)` })
  return snippet
}

/** Headers that nginx reads: without underscores_in_headers and with ignore_invalid_headers those with other names are passed over. */
export function readable(headers: Headers, { underscores, keepsInvalid }: Pick<Global, 'underscores' | 'keepsInvalid'>): Headers {
  if (keepsInvalid) return underscores ? headers : headers.filter(([name]) => !name.includes('_'))
  return headers.filter(([name]) => (underscores ? /^[A-Za-z0-9_-]+$/ : /^[A-Za-z0-9-]+$/).test(name))
}

/** Of a key that nothing here heeds. */
export function unheeded(key: string): boolean {
  return !KEYS.has(key) && !HARMLESS.has(key)
}

/** block-user-agents and block-referers: the keys of nginx' map, "~" and "~*" before regular expressions. */
export function blocks(patterns: readonly string[], value: string): boolean {
  return patterns.some((pattern) => {
    try {
      if (pattern.startsWith('~*')) return new RegExp(pattern.slice(2), 'i').test(value)
      if (pattern.startsWith('~')) return new RegExp(pattern.slice(1)).test(value)
    } catch {
      return false
    }
    return pattern.toLowerCase() === value.toLowerCase()
  })
}
