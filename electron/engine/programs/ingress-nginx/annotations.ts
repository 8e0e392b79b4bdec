import { cidrContains, canonicalIp, isIpv4, tryParseCidr } from '../../network/address.ts'
import type { Ingress } from '../../kubernetes/types.ts'
import { bytes, invalidAnnotations } from './annotation-values.ts'
import { authTlsOf, type AuthTls } from './auth-tls.ts'
import { readDurations } from './auth-cache.ts'
import { externalAuthOf, type ExternalAuth } from './external-auth.ts'
import { mirrorOf, talkOf, type Mirror, type Talk } from './talk.ts'
import { proxySslOf, type ProxySsl } from './proxy-ssl.ts'
import { readSnippet, type Snippet } from './snippet.ts'

/** The annotations nginx.ingress.kubernetes.io/… of one Ingress (internal/ingress/annotations). */
export const PREFIX = 'nginx.ingress.kubernetes.io/'

export interface Annotations {
  rewriteTarget: string | undefined
  useRegex: boolean
  sslRedirect: boolean
  forceSslRedirect: boolean
  /** AUTO_HTTP: as the client came. */
  backendProtocol: 'HTTP' | 'HTTPS' | 'GRPC' | 'GRPCS' | 'AUTO_HTTP'
  appRoot: string | undefined
  /** Prefixes; empty: everybody. */
  allow: readonly string[]
  deny: readonly string[]
  /** Bytes; 0: any. */
  maxBody: number
  upstreamVhost: string | undefined
  redirect: { url: string; status: number } | undefined
  canary: Canary | undefined
  affinity: Affinity | undefined
  cors: Cors | undefined
  /** Other names of the Ingress's hosts. */
  aliases: readonly string[]
  /** In ms. */
  connectTimeout: number
  readTimeout: number
  limits: readonly Limit[]
  /** A Service that answers where the rule's has no endpoints, and for the statuses. */
  defaultBackend: string | undefined
  customErrors: readonly number[]
  /** `map`: each key of the Secret is a user, instead of a file in its key "auth". */
  auth: { realm: string; secret: string; map: boolean } | undefined
  forwardedPrefix: string | undefined
  externalAuth: ExternalAuth | undefined
  /** Access lists or authentication: one of them is enough. */
  satisfyAny: boolean
  fromToWww: boolean
  /** The Service's own address takes its endpoints' place. */
  serviceUpstream: boolean
  hashBy: string | undefined
  /** upstream-hash-by-subset: so many endpoints share a key. */
  hashSubset: number | undefined
  /** `timeout` in ms, 0: any. */
  next: { when: ReadonlySet<string>; tries: number; timeout: number }
  /** limit_conn, and whom no limit counts for. */
  connections: { zone: string; most: number } | undefined
  unlimited: readonly string[]
  mirror: Mirror | undefined
  talk: Talk
  cookiePath: Replacement | undefined
  cookieDomain: Replacement | undefined
  redirects: Replacement | undefined
  logs: boolean
  sslPassthrough: boolean
  /** A ConfigMap, "namespace/name". */
  customHeaders: string | undefined
  keepsSlash: boolean | undefined
  /** enable-global-auth: whether the ConfigMap's authentication counts here, too. */
  globalAuth: boolean
  /** Regular expressions among `server-alias`. */
  aliasPatterns: readonly string[]
  relativeRedirects: boolean
  /** custom-http-errors of the ConfigMap do not count here. */
  passesErrors: boolean
  /** Why its places answer 503. */
  denied: string | undefined
  proxySsl: ProxySsl | undefined
  snippet: Snippet | undefined
  authTls: AuthTls | undefined
}
export interface Replacement { from: string; to: string }
export interface Cors { origins: readonly string[]; methods: string; headers: string; credentials: boolean; expose: string | undefined; maxAge: string }
/** limit_req: so many thousandths of a request a second, and a burst of them. */
export interface Limit { zone: string; rate: number; burst: number }
/** `legacy`: its own affinity counts, not that of the place it stands in for. */
export interface Canary { weight: number; total: number; header: string; headerValue: string; headerPattern: RegExp | undefined; cookie: string; legacy: boolean; affinity: Affinity | undefined }
/** `conditional`: SameSite=None is kept from browsers that would not take the cookie for it. */
export interface Affinity { conditional: boolean; name: string; domain: string | undefined; path: string | undefined; expires: number | undefined; maxAge: string | undefined; secure: boolean | undefined; sameSite: string | undefined; persistent: boolean; changeOnFailure: boolean }

export interface Note {
  source: string
  severity: 'I' | 'W' | 'E'
  text: string
  /** What is not simulated is told as an Event of this Ingress, too. */
  ingress?: Ingress
}

const SIMULATED = new Set([
  'rewrite-target', 'use-regex', 'ssl-redirect', 'force-ssl-redirect', 'backend-protocol', 'app-root', 'whitelist-source-range', 'allowlist-source-range', 'denylist-source-range', 'proxy-body-size', 'upstream-vhost',
  'permanent-redirect', 'permanent-redirect-code', 'temporal-redirect', 'temporal-redirect-code', 'canary', 'canary-weight', 'canary-weight-total', 'canary-by-header', 'canary-by-header-value', 'canary-by-header-pattern', 'canary-by-cookie',
  'enable-cors', 'cors-allow-origin', 'cors-allow-methods', 'cors-allow-headers', 'cors-allow-credentials', 'cors-expose-headers', 'cors-max-age', 'server-alias', 'proxy-connect-timeout', 'proxy-read-timeout', 'limit-rps', 'limit-rpm',
  'limit-burst-multiplier', 'default-backend', 'custom-http-errors', 'auth-type', 'auth-secret', 'auth-secret-type', 'auth-realm', 'x-forwarded-prefix', 'affinity', 'affinity-mode', 'affinity-canary-behavior', 'session-cookie-change-on-failure', 'session-cookie-name', 'session-cookie-path', 'session-cookie-expires', 'session-cookie-max-age', 'session-cookie-secure', 'session-cookie-samesite', 'session-cookie-domain',
  'auth-url', 'auth-method', 'auth-signin', 'auth-signin-redirect-param', 'auth-response-headers', 'auth-request-redirect', 'satisfy', 'from-to-www-redirect', 'service-upstream', 'upstream-hash-by', 'proxy-next-upstream', 'proxy-next-upstream-tries', 'proxy-next-upstream-timeout', 'load-balance',
  'limit-connections', 'limit-whitelist', 'limit-allowlist', 'mirror-target', 'mirror-request-body', 'mirror-host', 'limit-rate', 'limit-rate-after', 'proxy-buffering', 'proxy-buffer-size', 'proxy-http-version', 'connection-proxy-header', 'session-cookie-conditional-samesite-none', 'upstream-hash-by-subset', 'upstream-hash-by-subset-size',
  'auth-cache-key', 'auth-cache-duration', 'auth-always-set-cookie', 'auth-proxy-set-headers', 'proxy-cookie-path', 'proxy-cookie-domain', 'proxy-redirect-from', 'proxy-redirect-to', 'enable-access-log', 'ssl-passthrough', 'custom-headers', 'preserve-trailing-slash', 'enable-global-auth', 'relative-redirects', 'disable-proxy-intercept-errors',
  'proxy-ssl-secret', 'proxy-ssl-name', 'proxy-ssl-server-name', 'proxy-ssl-verify', 'proxy-ssl-verify-depth', 'auth-tls-secret', 'auth-tls-verify-client', 'auth-tls-verify-depth', 'auth-tls-error-page', 'auth-tls-pass-certificate-to-upstream', 'auth-tls-match-cn',
])
/** Change nothing that is to be seen here. */
const HARMLESS = new Set([
  'proxy-buffers-number', 'proxy-busy-buffers-size', 'proxy-request-buffering', 'proxy-max-temp-file-size', 'client-body-buffer-size', 'proxy-send-timeout', 'http2-push-preload', 'enable-rewrite-log', 
  'auth-keepalive', 'auth-keepalive-requests', 'auth-keepalive-timeout', 'auth-keepalive-share-vars',
])
/** Groups whose annotations are of critical risk: the whole Ingress is refused while snippets are not allowed. */
const SNIPPETS: Readonly<Record<string, string>> = { 'configuration-snippet': 'ConfigurationSnippet', 'server-snippet': 'ServerSnippet', 'stream-snippet': 'StreamSnippet', 'auth-snippet': 'ExternalAuth', 'modsecurity-snippet': 'ModSecurity' }

const DEFAULT_BODY = 1024 * 1024

/** Keys of the controller's ConfigMap that stand in for annotations of the same name (internal/ingress/controller/config, defaults.Backend). */
export const GLOBAL: ReadonlySet<string> = new Set(['proxy-body-size', 'proxy-connect-timeout', 'proxy-read-timeout', 'proxy-next-upstream', 'proxy-next-upstream-tries', 'proxy-next-upstream-timeout', 'proxy-cookie-path', 'proxy-cookie-domain', 'ssl-redirect', 'force-ssl-redirect', 'whitelist-source-range', 'denylist-source-range', 'service-upstream', 'limit-rate', 'limit-rate-after', 'proxy-buffering', 'proxy-buffer-size', 'proxy-http-version'])

/** `refused`: why the whole Ingress counts for nothing. */
export type Parsed = { annotations: Annotations; notes: Note[] } | { refused: string; notes: Note[] }

/** `defaults`: of the ConfigMap. */
export function readAnnotations(ingress: Ingress, defaults: Readonly<Record<string, string>> = {}): Parsed {
  const { namespace, name, annotations = {} } = ingress.metadata
  const invalid = invalidAnnotations(annotations, PREFIX)
  const left = new Set(invalid.map(({ short }) => short))
  const of = (short: string): string | undefined => (left.has(short) ? undefined : annotations[PREFIX + short]) || (GLOBAL.has(short) ? defaults[short] || undefined : undefined)
  const notes: Note[] = []
  const noteDenied = (why: string, group: string): string => {
    notes.push({ source: 'annotations.go:210', severity: 'E', text: `"error reading Ingress annotation" err=${JSON.stringify(why)} name="${group}" ingress="${namespace}/${name}"` })
    return why
  }
  let denied: string | undefined
  for (const { short, value, consequence, reason, group, said } of invalid) {
    notes.push({ source: 'validators.go:243', severity: 'W', text: `validation error on ingress ${namespace}/${name}: annotation ${short} contains invalid value ${value}` })
    if (said !== undefined) notes.push({ source: 'main.go:193', severity: 'W', text: said })
    if (consequence === 'refused') {
      notes.push({ source: 'annotations.go:187', severity: 'E', text: `"ingress contains invalid annotation value" err=${JSON.stringify(reason)}` })
      return { refused: reason, notes }
    }
    if (consequence === 'denied') denied ??= noteDenied(reason, group)
  }
  const url = of('auth-url')
  const badUrl = url === undefined ? undefined : urlProblem(url)
  if (badUrl !== undefined) denied ??= noteDenied(`could not parse auth-url annotation: ${badUrl}`, 'ExternalAuth')
  const durations = url === undefined ? undefined : readDurations(of('auth-cache-duration'))
  if (durations && 'invalid' in durations) denied ??= noteDenied(`invalid cache duration: ${durations.invalid}`, 'ExternalAuth')
  // the controller gives up reading the group, and nobody is asked
  const unasked = ['auth-cache-duration', 'auth-request-redirect', 'auth-always-set-cookie'].some((short) => left.has(short))
  const tell = (text: string): void => void notes.push({ source: 'store.go:917', severity: 'W', text: `podhop: not simulated: ${text}`, ingress })
  const risky = defaults['annotations-risk-level']?.toLowerCase() !== 'critical'
  const snippet = Object.keys(SNIPPETS).find((short) => of(short) !== undefined)
  if (snippet && risky) return { refused: `annotation group ${SNIPPETS[snippet]!} contains risky annotation based on ingress configuration`, notes }
  const key = `${namespace}/${name}`
  const allowed = /^(1|t|true)$/i.test(defaults['allow-snippet-annotations'] ?? '')
  for (const short of Object.keys(SNIPPETS)) {
    if (of(short) === undefined) continue
    // those that are not allowed are taken away without a word
    if (allowed && short !== 'configuration-snippet' && short !== 'auth-snippet') tell(`annotation ${PREFIX}${short} of Ingress ${key} (it is as if it were not there)`)
  }
  const read = allowed && of('configuration-snippet') !== undefined ? readSnippet(of('configuration-snippet')!) : undefined
  for (const line of read?.strange ?? []) tell(`${JSON.stringify(line)} in the configuration-snippet of Ingress ${key} (more_set_headers, more_clear_headers, add_header, proxy_set_header and return are)`)
  const authSnippet = allowed && of('auth-snippet') !== undefined ? readSnippet(of('auth-snippet')!) : undefined
  if (authSnippet) {
    const { set, add, clear, returns } = authSnippet.snippet
    if (authSnippet.strange.length + set.length + add.length + clear.length > 0 || returns) tell(`what is not proxy_set_header in the auth-snippet of Ingress ${key}`)
  }
  for (const full of Object.keys(annotations)) {
    const short = full.slice(PREFIX.length)
    if (full.startsWith(PREFIX) && !SIMULATED.has(short) && !HARMLESS.has(short) && SNIPPETS[short] === undefined) tell(`annotation ${full} of Ingress ${key} (it is as if it were not there)`)
  }
  const rewrite = of('rewrite-target')
  if (rewrite !== undefined && (/^https?:/.test(rewrite) || /\$(?![0-9])/.test(rewrite))) tell(`rewrite-target ${rewrite} of Ingress ${key} (use a path with $1 to $9)`)
  const protocol = (of('backend-protocol') ?? 'HTTP').toUpperCase()
  if (!['HTTP', 'HTTPS', 'AUTO_HTTP', 'GRPC', 'GRPCS'].includes(protocol)) tell(`backend-protocol ${protocol} of Ingress ${key} (use HTTP, HTTPS, GRPC or GRPCS)`)
  const balance = of('load-balance')
  if (balance !== undefined && balance !== 'round_robin') tell(`load-balance ${balance} of Ingress ${key} (it is served as round_robin; upstream-hash-by and affinity are simulated)`)
  const wantsAuth = of('auth-type') !== undefined
  if (wantsAuth && of('auth-type') !== 'basic') tell(`auth-type ${of('auth-type')!} of Ingress ${key} (everybody is refused; use basic)`)
  const aliases = prefixes(of('server-alias'))
  const permanent = of('permanent-redirect')
  const temporal = of('temporal-redirect')
  return {
    notes,
    annotations: {
      rewriteTarget: rewrite,
      useRegex: of('use-regex') === 'true',
      sslRedirect: of('ssl-redirect') !== 'false',
      forceSslRedirect: of('force-ssl-redirect') === 'true',
      backendProtocol: protocol === 'HTTPS' || protocol === 'GRPC' || protocol === 'GRPCS' || protocol === 'AUTO_HTTP' ? protocol : 'HTTP',
      appRoot: of('app-root'),
      allow: prefixes(of('allowlist-source-range') ?? of('whitelist-source-range')),
      deny: prefixes(of('denylist-source-range')),
      maxBody: bytes(of('proxy-body-size')) ?? DEFAULT_BODY,
      upstreamVhost: of('upstream-vhost'),
      redirect: temporal !== undefined ? { url: temporal, status: Number(of('temporal-redirect-code') ?? 302) } : permanent !== undefined ? { url: permanent, status: Number(of('permanent-redirect-code') ?? 301) } : undefined,
      canary: of('canary') === 'true' ? canaryOf(of) : undefined,
      affinity: of('affinity') === 'cookie' ? affinityOf(of) : undefined,
      cors: of('enable-cors') === 'true' ? corsOf(of) : undefined,
      aliases: aliases.filter((alias) => !alias.startsWith('~')).map((alias) => alias.toLowerCase()),
      connectTimeout: seconds(of('proxy-connect-timeout'), 5),
      readTimeout: seconds(of('proxy-read-timeout'), 60),
      limits: limitsOf(of, `${namespace}_${name}_${ingress.metadata.uid}`),
      defaultBackend: of('default-backend'),
      customErrors: prefixes(of('custom-http-errors')).map(Number).filter((code) => code >= 400 && code < 600),
      auth: wantsAuth ? { realm: of('auth-realm') ?? '', secret: of('auth-type') === 'basic' ? (of('auth-secret') ?? '') : '', map: of('auth-secret-type') === 'auth-map' } : undefined,
      forwardedPrefix: of('x-forwarded-prefix'),
      externalAuth: unasked ? undefined : externalAuthOf(of, '', namespace ?? '', authSnippet?.snippet.ask),
      satisfyAny: of('satisfy') === 'any',
      fromToWww: of('from-to-www-redirect') === 'true',
      serviceUpstream: of('service-upstream') === 'true',
      hashBy: of('upstream-hash-by'),
      hashSubset: of('upstream-hash-by-subset') === 'true' ? Math.max(1, Number(of('upstream-hash-by-subset-size') ?? 3) || 3) : undefined,
      next: { when: new Set((of('proxy-next-upstream') ?? 'error timeout').split(/\s+/)), tries: /^[0-9]+$/.test(of('proxy-next-upstream-tries') ?? '') ? Number(of('proxy-next-upstream-tries')) : 3, timeout: seconds(of('proxy-next-upstream-timeout'), 0) },
      connections: Number(of('limit-connections') ?? 0) > 0 ? { zone: `${namespace}_${name}_${ingress.metadata.uid}_conn`, most: Number(of('limit-connections')) } : undefined,
      unlimited: prefixes(of('limit-whitelist') ?? of('limit-allowlist')),
      mirror: mirrorOf(of, ingress.metadata.uid ?? ''),
      talk: talkOf(of),
      cookiePath: replacement(of('proxy-cookie-path')?.split(/\s+/)),
      cookieDomain: replacement(of('proxy-cookie-domain')?.split(/\s+/)),
      redirects: replacement([of('proxy-redirect-from') ?? 'off', of('proxy-redirect-to') ?? 'off']),
      logs: of('enable-access-log') !== 'false',
      sslPassthrough: of('ssl-passthrough') === 'true',
      customHeaders: of('custom-headers') === undefined ? undefined : of('custom-headers')!.includes('/') ? of('custom-headers')! : `${namespace}/${of('custom-headers')!}`,
      keepsSlash: of('preserve-trailing-slash') === undefined ? undefined : of('preserve-trailing-slash') === 'true',
      globalAuth: of('enable-global-auth') !== 'false',
      aliasPatterns: aliases.filter((alias) => alias.startsWith('~')),
      relativeRedirects: of('relative-redirects') === 'true',
      snippet: read?.snippet,
      authTls: authTlsOf(of, namespace ?? ''),
      passesErrors: of('disable-proxy-intercept-errors') === 'true',
      denied,
      proxySsl: proxySslOf(of),
    },
  }
}

/** StringToURL of annotations/parser. */
function urlProblem(text: string): string | undefined {
  const [, scheme, host] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?/.exec(text)!
  return scheme === undefined ? 'url scheme is empty' : !host ? 'url host is empty' : host.includes('..') ? 'invalid url host' : undefined
}

type Get = (short: string) => string | undefined

function canaryOf(of: Get): Canary {
  const pattern = of('canary-by-header-pattern')
  let headerPattern: RegExp | undefined
  try {
    headerPattern = pattern === undefined ? undefined : new RegExp(pattern)
  } catch {
    // a pattern that is none never matches
    headerPattern = /(?!)/
  }
  return { weight: Number(of('canary-weight') ?? 0) || 0, total: Number(of('canary-weight-total') ?? 100) || 0, header: of('canary-by-header') ?? '', headerValue: of('canary-by-header-value') ?? '', headerPattern, cookie: of('canary-by-cookie') ?? '', legacy: of('affinity-canary-behavior') === 'legacy', affinity: of('affinity') === 'cookie' ? affinityOf(of) : undefined }
}

function affinityOf(of: Get): Affinity {
  const expires = of('session-cookie-expires')
  const secure = of('session-cookie-secure')
  return { conditional: of('session-cookie-conditional-samesite-none') === 'true', name: of('session-cookie-name') ?? 'INGRESSCOOKIE', domain: of('session-cookie-domain'), path: of('session-cookie-path'), expires: expires === undefined ? undefined : Number(expires), maxAge: of('session-cookie-max-age'), secure: secure === undefined ? undefined : secure === 'true', sameSite: of('session-cookie-samesite'), persistent: of('affinity-mode') === 'persistent', changeOnFailure: of('session-cookie-change-on-failure') === 'true' }
}

/** annotations/cors: what is not said is this. */
function corsOf(of: Get): Cors {
  return {
    origins: prefixes(of('cors-allow-origin') ?? '*'),
    methods: of('cors-allow-methods') ?? 'GET, PUT, POST, DELETE, PATCH, OPTIONS',
    headers: of('cors-allow-headers') ?? 'DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization',
    credentials: of('cors-allow-credentials') !== 'false',
    expose: of('cors-expose-headers'),
    maxAge: of('cors-max-age') ?? '1728000',
  }
}

function limitsOf(of: Get, zone: string): Limit[] {
  const times = Number(of('limit-burst-multiplier') ?? 5) || 5
  return ([['limit-rps', 1000, '_rps'], ['limit-rpm', 1000 / 60, '_rpm']] as const).flatMap(([short, thousandths, ending]) => {
    const count = Number(of(short) ?? 0)
    return count > 0 ? [{ zone: zone + ending, rate: Math.floor(count * thousandths), burst: count * times * 1000 }] : []
  })
}

/** "off" and "default" of either: nothing changes. */
function replacement([from = 'off', to = '']: readonly string[] = []): Replacement | undefined {
  return from === 'off' || from === 'default' || to === 'off' ? undefined : { from, to }
}

function seconds(text: string | undefined, otherwise: number): number {
  return (/^[0-9]+$/.test(text ?? '') ? Number(text) : otherwise) * 1000
}

function prefixes(text: string | undefined): string[] {
  return (text ?? '').split(',').map((p) => p.trim()).filter((p) => p !== '')
}

/** Whether one of these addresses and prefixes has it. */
export function contains(list: readonly string[], address: string): boolean {
  return list.some((entry) => {
    if (!entry.includes('/')) return canonicalIp(entry) === canonicalIp(address)
    const parsed = tryParseCidr(entry)
    return parsed !== undefined && isIpv4(entry.split('/')[0]!) === isIpv4(address) && cidrContains(entry, address)
  })
}
