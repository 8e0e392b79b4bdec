import { decodeUtf8, encodeUtf8 } from '../../../engine/cluster.ts'

/** A URL as GNU wget 1.21 keeps it (src/url.c): escaped, its path without "." and "..", and never a path that is empty. */
export interface WgetUrl {
  scheme: 'http' | 'https'
  user: string | undefined
  password: string | undefined
  host: string
  port: number
  /** Without its first slash; "a/b.html". */
  path: string
  query: string | undefined
  fragment: string | undefined
}

export const isUsualPort = ({ scheme, port }: Pick<WgetUrl, 'scheme' | 'port'>): boolean => port === (scheme === 'https' ? 443 : 80)

/** The host as it stands in a URL. */
export const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** What the request line asks for. */
export const targetOf = ({ path, query }: WgetUrl): string => `/${path}${query === undefined ? '' : `?${query}`}`

/** The canonical form; a password is hidden. */
export function urlText(url: WgetUrl): string {
  const login = url.user === undefined ? '' : `${url.user}${url.password === undefined ? '' : ':*password*'}@`
  return `${url.scheme}://${login}${bracketed(url.host)}${isUsualPort(url) ? '' : `:${url.port}`}${targetOf(url)}`
}

export const fileOf = ({ path }: WgetUrl): string => path.slice(path.lastIndexOf('/') + 1)
export const directoryOf = ({ path }: WgetUrl): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

export const hasScheme = (text: string): boolean => /^[a-z0-9.+-]+:/i.test(text) && /^[a-z0-9-]+:/i.test(text)

/** "host", "host/path", "host:8080": what has no scheme is asked by HTTP; "host:path" would be FTP. */
export function completed(text: string): string {
  if (/^(https?|ftps?):/i.test(text)) return text
  const at = text.search(/[:/]/)
  if (at === 0 || text.slice(at, at + 3) === '://') return text
  if (text[at] === ':' && !/^:\d+(\/|$)/.test(text.slice(at))) return `ftp://${text.slice(0, at)}/${text.slice(at + 1).replace(/^\//, '')}`
  return `http://${text}`
}

/** Or the words that url_error has for it, and whether it is a scheme that wget knows and Podhop does not. */
export function parseWgetUrl(text: string): WgetUrl | { error: string; scheme?: string; ftp?: boolean } {
  const scheme = /^([^:/?#]*):\/\//.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'ftp' || scheme === 'ftps') return { error: '', ftp: true }
  if (scheme !== 'http' && scheme !== 'https') {
    const other = /^([a-z0-9-]+):/i.exec(text)?.[1]
    return other === undefined ? { error: 'Scheme missing' } : { error: 'Unsupported scheme', scheme: other }
  }
  const [, authority = '', rest = ''] = /^([^/?#;]*)(.*)$/s.exec(escaped(text.slice(scheme.length + 3)))!
  const at = authority.lastIndexOf('@')
  const login = at < 0 ? undefined : authority.slice(0, at)
  const place = authority.slice(at + 1)
  let host: string
  let portText: string | undefined
  if (place.startsWith('[')) {
    const end = place.indexOf(']')
    if (end < 0) return { error: 'Unterminated IPv6 numeric address' }
    host = place.slice(1, end)
    if (!/^[0-9a-f:.]+$/i.test(host) || !host.includes(':')) return { error: 'Invalid IPv6 numeric address' }
    const tail = place.slice(end + 1)
    if (tail !== '' && !tail.startsWith(':')) return { error: 'Bad port number' }
    portText = tail.slice(1)
  } else {
    const colon = place.indexOf(':')
    host = colon < 0 ? place : place.slice(0, colon)
    portText = colon < 0 ? undefined : place.slice(colon + 1)
  }
  if (host === '') return { error: 'Invalid host name' }
  if (portText && (!/^\d+$/.test(portText) || Number(portText) > 65_535)) return { error: 'Bad port number' }
  if (login === '') return { error: 'Invalid user name' }
  const [, path = '', query, fragment] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(rest)!
  const [user, password] = login === undefined ? [] : (/^([^:]*)(?::(.*))?$/s.exec(login)!.slice(1) as [string, string?])
  return {
    scheme, user: user === undefined ? undefined : unescaped(user), password: password === undefined ? undefined : unescaped(password), host: host.toLowerCase(), port: portText ? Number(portText) : scheme === 'https' ? 443 : 80,
    path: simplified(path.replace(/^\//, '')), query, fragment,
  }
}

/** What is unsafe in a URL becomes %XX; what is escaped already stays. */
function escaped(text: string): string {
  let out = ''
  for (const [i, character] of [...text].entries()) {
    const unsafe = /[\x00-\x20"<>\\^`{|}\x7f-\u{10ffff}]/u.test(character) || (character === '%' && !/^%[0-9a-f]{2}/i.test([...text].slice(i, i + 3).join('')))
    out += unsafe ? Array.from(encodeUtf8(character), (b) => `%${b.toString(16).toUpperCase().padStart(2, '0')}`).join('') : character
  }
  return out
}

const unescaped = (text: string): string => text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

function simplified(path: string): string {
  const out: string[] = []
  const parts = path.split('/')
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1
    if (part === '.' || part === '..') {
      if (part === '..') out.pop()
      if (last) out.push('')
    } else out.push(part)
  }
  return out.join('/')
}

/** A link against the URL of the document that it stands in (uri_merge). */
export function merged(base: string, link: string): string {
  if (hasScheme(link)) return link
  const end = base.search(/[?#]/)
  const body = end < 0 ? base : base.slice(0, end)
  if (link === '') return base
  if (link.startsWith('?')) return body + link
  if (link.startsWith('#')) return base.replace(/#.*$/s, '') + link
  const origin = /^[^:/?#]+:\/\/[^/]*/.exec(body)?.[0] ?? ''
  if (link.startsWith('//')) return `${/^[^:/?#]+:/.exec(base)?.[0] ?? ''}${link}`
  if (link.startsWith('/')) return origin + link
  const path = body.slice(origin.length)
  return path === '' ? `${origin}/${link}` : origin + path.slice(0, path.lastIndexOf('/') + 1) + link
}

export interface NameChoices {
  /** -P */
  prefix: string | undefined
  /** -x, and -r without -nd: directories as on the server. */
  directories: boolean
  hostDirectories: boolean
  protocolDirectories: boolean
  cutDirectories: number
  defaultPage: string
}

/** The file that a URL's document goes into; `named`: by its server (Content-Disposition). */
export function localName(url: WgetUrl, choices: NameChoices, named?: string): string {
  const parts: string[] = []
  if (choices.directories) {
    if (choices.protocolDirectories) parts.push(url.scheme)
    if (choices.hostDirectories) parts.push(`${url.host === '..' ? '%2E%2E' : url.host}${isUsualPort(url) ? '' : `:${url.port}`}`)
    parts.push(...url.path.split('/').slice(0, -1).slice(Math.max(0, choices.cutDirectories)).filter((p) => p !== '').map(asFileName))
  }
  const file = fileOf(url) === '' ? choices.defaultPage : fileOf(url)
  parts.push(asFileName(named ?? `${file}${url.query === undefined ? '' : `?${url.query}`}`))
  const name = parts.join('/')
  return choices.prefix === undefined ? name : `${choices.prefix}/${name}`
}

/** Escapes are taken back but for what a file name cannot have; "..": not above this directory. */
function asFileName(part: string): string {
  const plain = part.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  // bytes that are control characters of Latin 1 are kept from the terminal, too
  const safe = plain.replace(/[/\x00-\x1f\x7f-\x9f]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
  return safe === '..' ? '%2E%2E' : [...safe].some((c) => c > '\xff') ? safe : decodeUtf8(Uint8Array.from(safe, (c) => c.charCodeAt(0)))
}
