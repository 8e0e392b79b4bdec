export interface CurlUrl {
  scheme: 'http' | 'https'
  host: string
  port: number
  /** Path and query, never empty. */
  target: string
  user: string | undefined
}

/** RFC 3986 as curl reads it: the scheme may be left out. */
export function parseUrl(text: string, asIs = false): CurlUrl | { error: string; code: number } {
  const bad = { error: 'URL using bad/illegal format or missing URL', code: 3 }
  if (/[\s\x00-\x1f]/.test(text)) return bad
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:([^@/?#]*)@)?(\[[0-9a-f:.%]+\]|[^:/?#]*)(?::([^/?#]*))?([^#]*)/i.exec(text)
  if (!match?.[3]) return text === '' ? bad : { error: 'URL using bad/illegal format or missing URL', code: 3 }
  const scheme = (match[1] ?? 'http').toLowerCase()
  if (scheme !== 'http' && scheme !== 'https') return { error: `Protocol "${scheme}" not supported or disabled in libcurl`, code: 1 }
  const portText = match[4]
  if (portText !== undefined && portText !== '' && (!/^\d+$/.test(portText) || Number(portText) > 65535)) return bad
  const rest = match[5] ?? ''
  const whole = rest === '' ? '/' : rest.startsWith('/') ? rest : `/${rest}`
  return {
    scheme,
    host: match[3].replace(/^\[|\]$/g, ''),
    port: portText ? Number(portText) : scheme === 'https' ? 443 : 80,
    target: asIs ? whole : withoutDots(whole),
    user: match[2],
  }
}

/** RFC 3986 5.2.4; the query stays as it is. */
function withoutDots(target: string): string {
  const at = target.indexOf('?')
  const [path, query] = at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at)]
  if (!/\/\.{1,2}(\/|$)/.test(path)) return target
  const out: string[] = []
  const parts = path.slice(1).split('/')
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1
    if (part === '..') out.pop()
    else if (part !== '.') out.push(part)
    if (last && (part === '.' || part === '..')) out.push('')
  }
  return `/${out.join('/')}${query}`
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
