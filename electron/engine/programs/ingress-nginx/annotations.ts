import { cidrContains, canonicalIp, isIpv4, tryParseCidr } from '../../network/address.ts'
import type { Ingress } from '../../kubernetes/types.ts'

/** The annotations nginx.ingress.kubernetes.io/… of one Ingress (internal/ingress/annotations). */
const PREFIX = 'nginx.ingress.kubernetes.io/'

export interface Annotations {
  rewriteTarget: string | undefined
  useRegex: boolean
  sslRedirect: boolean
  forceSslRedirect: boolean
  backendProtocol: 'HTTP' | 'HTTPS'
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
}
export interface Canary { weight: number; total: number; header: string; headerValue: string; headerPattern: RegExp | undefined; cookie: string }
export interface Affinity { name: string; path: string | undefined; expires: number | undefined; maxAge: string | undefined; secure: boolean | undefined; sameSite: string | undefined }

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
  'affinity', 'affinity-mode', 'session-cookie-name', 'session-cookie-path', 'session-cookie-expires', 'session-cookie-max-age', 'session-cookie-secure', 'session-cookie-samesite',
])
/** Change nothing that is to be seen here. */
const HARMLESS = new Set([
  'proxy-buffering', 'proxy-buffer-size', 'proxy-buffers-number', 'proxy-busy-buffers-size', 'proxy-request-buffering', 'proxy-max-temp-file-size', 'client-body-buffer-size', 'proxy-connect-timeout', 'proxy-send-timeout', 'proxy-read-timeout', 'proxy-http-version', 'http2-push-preload', 'connection-proxy-header',
])
/** Groups whose annotations are of critical risk: the whole Ingress is refused while snippets are not allowed. */
export const SNIPPETS: Readonly<Record<string, string>> = { 'configuration-snippet': 'ConfigurationSnippet', 'server-snippet': 'ServerSnippet', 'stream-snippet': 'StreamSnippet', 'auth-snippet': 'ExternalAuth', 'modsecurity-snippet': 'ModSecurity' }

const DEFAULT_BODY = 1024 * 1024

export type Parsed = { annotations: Annotations; notes: Note[] } | { refused: string }

export function readAnnotations(ingress: Ingress): Parsed {
  const { namespace, name, annotations = {} } = ingress.metadata
  const of = (short: string): string | undefined => annotations[PREFIX + short] || undefined
  const notes: Note[] = []
  const tell = (text: string): void => void notes.push({ source: 'store.go:917', severity: 'W', text: `podhop: not simulated: ${text}`, ingress })
  const snippet = Object.keys(SNIPPETS).find((short) => of(short) !== undefined)
  if (snippet) return { refused: `annotation group ${SNIPPETS[snippet]!} contains risky annotation based on ingress configuration` }
  const key = `${namespace}/${name}`
  for (const full of Object.keys(annotations)) {
    const short = full.slice(PREFIX.length)
    if (full.startsWith(PREFIX) && !SIMULATED.has(short) && !HARMLESS.has(short)) tell(`annotation ${full} of Ingress ${key}${/^auth-|^enable-global-auth/.test(short) ? ' (requests are let through without it; guard the backend itself)' : ' (it is as if it were not there)'}`)
  }
  const rewrite = of('rewrite-target')
  if (rewrite !== undefined && (/^https?:/.test(rewrite) || /\$(?![0-9])/.test(rewrite))) tell(`rewrite-target ${rewrite} of Ingress ${key} (use a path with $1 to $9)`)
  const protocol = (of('backend-protocol') ?? 'HTTP').toUpperCase()
  if (!['HTTP', 'HTTPS', 'AUTO_HTTP'].includes(protocol)) tell(`backend-protocol ${protocol} of Ingress ${key} (use HTTP or HTTPS)`)
  if (of('affinity-mode') === 'persistent') tell(`affinity-mode persistent of Ingress ${key} (it is balanced)`)
  const permanent = of('permanent-redirect')
  const temporal = of('temporal-redirect')
  return {
    notes,
    annotations: {
      rewriteTarget: rewrite,
      useRegex: of('use-regex') === 'true',
      sslRedirect: of('ssl-redirect') !== 'false',
      forceSslRedirect: of('force-ssl-redirect') === 'true',
      backendProtocol: protocol === 'HTTPS' ? 'HTTPS' : 'HTTP',
      appRoot: of('app-root'),
      allow: prefixes(of('whitelist-source-range') ?? of('allowlist-source-range')),
      deny: prefixes(of('denylist-source-range')),
      maxBody: bytes(of('proxy-body-size')) ?? DEFAULT_BODY,
      upstreamVhost: of('upstream-vhost'),
      redirect: temporal !== undefined ? { url: temporal, status: Number(of('temporal-redirect-code') ?? 302) } : permanent !== undefined ? { url: permanent, status: Number(of('permanent-redirect-code') ?? 301) } : undefined,
      canary: of('canary') === 'true' ? canaryOf(of) : undefined,
      affinity: of('affinity') === 'cookie' ? affinityOf(of) : undefined,
    },
  }
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
  return { weight: Number(of('canary-weight') ?? 0) || 0, total: Number(of('canary-weight-total') ?? 100) || 100, header: of('canary-by-header') ?? '', headerValue: of('canary-by-header-value') ?? '', headerPattern, cookie: of('canary-by-cookie') ?? '' }
}

function affinityOf(of: Get): Affinity {
  const expires = of('session-cookie-expires')
  const secure = of('session-cookie-secure')
  return { name: of('session-cookie-name') ?? 'INGRESSCOOKIE', path: of('session-cookie-path'), expires: expires === undefined ? undefined : Number(expires), maxAge: of('session-cookie-max-age'), secure: secure === undefined ? undefined : secure === 'true', sameSite: of('session-cookie-samesite') }
}

function prefixes(text: string | undefined): string[] {
  return (text ?? '').split(',').map((p) => p.trim()).filter((p) => p !== '')
}

/** "8m", "500k", "0": nginx' sizes. */
export function bytes(text: string | undefined): number | undefined {
  const match = /^(\d+)([kmg]?)$/i.exec(text ?? '')
  return match ? Number(match[1]) * { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase()]! : undefined
}

/** Whether one of these addresses and prefixes has it. */
export function contains(list: readonly string[], address: string): boolean {
  return list.some((entry) => {
    if (!entry.includes('/')) return canonicalIp(entry) === canonicalIp(address)
    const parsed = tryParseCidr(entry)
    return parsed !== undefined && isIpv4(entry.split('/')[0]!) === isIpv4(address) && cidrContains(entry, address)
  })
}
