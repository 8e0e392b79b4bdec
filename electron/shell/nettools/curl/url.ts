export interface CurlUrl {
  scheme: 'http' | 'https'
  host: string
  port: number
  /** Path and query, never empty. */
  target: string
  user: string | undefined
}

/** RFC 3986 as curl reads it: the scheme may be left out. */
export function parseUrl(text: string): CurlUrl | { error: string; code: number } {
  const bad = { error: 'URL using bad/illegal format or missing URL', code: 3 }
  if (/[\s\x00-\x1f]/.test(text)) return bad
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:([^@/?#]*)@)?(\[[0-9a-f:.%]+\]|[^:/?#]*)(?::([^/?#]*))?([^#]*)/i.exec(text)
  if (!match?.[3]) return text === '' ? bad : { error: 'URL using bad/illegal format or missing URL', code: 3 }
  const scheme = (match[1] ?? 'http').toLowerCase()
  if (scheme !== 'http' && scheme !== 'https') return { error: `Protocol "${scheme}" not supported or disabled in libcurl`, code: 1 }
  const portText = match[4]
  if (portText !== undefined && portText !== '' && (!/^\d+$/.test(portText) || Number(portText) > 65535)) return bad
  const rest = match[5] ?? ''
  return {
    scheme,
    host: match[3].replace(/^\[|\]$/g, ''),
    port: portText ? Number(portText) : scheme === 'https' ? 443 : 80,
    target: rest === '' ? '/' : rest.startsWith('/') ? rest : `/${rest}`,
    user: match[2],
  }
}

/** A Location header against the URL it came from. */
export function redirectTarget(from: CurlUrl, location: string): string {
  const host = from.host.includes(':') ? `[${from.host}]` : from.host
  const standard = from.port === (from.scheme === 'https' ? 443 : 80)
  const base = `${from.scheme}://${host}${standard ? '' : `:${from.port}`}`
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return location
  if (location.startsWith('//')) return `${from.scheme}:${location}`
  if (location.startsWith('/')) return base + location
  return base + from.target.replace(/\?.*$/, '').replace(/[^/]*$/, '') + location
}
