import { headerOf, type Headers } from '../http/message.ts'
import type { NginxConfiguration, NginxLocation, NginxMatch, NginxServer } from './configuration.ts'

/** How the nginx of a Gateway finds what answers: server names, locations, and njs' httpmatches.js for the rest of a match. */

/** The exact name, the longest wildcard, or the server of every name; undefined: the default server, which says 404. */
export function serverFor({ servers }: NginxConfiguration, port: number, host: string): NginxServer | undefined {
  const here = servers.filter((s) => s.port === port)
  const exact = host === '' ? undefined : here.find((s) => s.host === host)
  if (exact) return exact
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const wildcard = here.find((s) => s.host === `*${host.slice(dot)}`)
    if (wildcard) return wildcard
  }
  return here.find((s) => s.host === '')
}

const patterns = new Map<string, RegExp>()

/**
 * By "= path", then the longest "^~ path/", then the first "~ path" whose expression is found. "slash": nginx sends who
 * asks for "/path" to "/path/" by itself, where only the latter is somebody's who is proxied to.
 */
export function locationFor({ locations }: NginxServer, path: string): NginxLocation | 'slash' | undefined {
  const exact = locations.find((l) => l.type === 'Exact' && l.path === path) ?? locations.find((l) => l.type === 'PathPrefix' && l.path === path)
  if (exact) return exact
  if (locations.some((l) => l.type === 'PathPrefix' && l.path === `${path}/` && isPlain(l))) return 'slash'
  let longest: NginxLocation | undefined
  for (const location of locations) {
    if (location.type !== 'PathPrefix' || !path.startsWith(location.path.endsWith('/') ? location.path : `${location.path}/`)) continue
    if (!longest || location.path.length > longest.path.length) longest = location
  }
  return longest ?? locations.find((l) => l.type === 'RegularExpression' && patternOf(l.path).test(path))
}

/** proxy_pass stands in the location itself: one match, of the path alone. */
function isPlain({ matches: [match, ...others] }: NginxLocation): boolean {
  return match !== undefined && others.length === 0 && match.method === undefined && match.headers.length + match.params.length === 0 && !match.redirect && !match.broken
}

export function patternOf(text: string): RegExp {
  let pattern = patterns.get(text)
  if (!pattern) patterns.set(text, (pattern = new RegExp(text)))
  return pattern
}

export function matchFor({ matches }: NginxLocation, request: { method: string; headers: Headers }, args: ReadonlyMap<string, string>): NginxMatch | undefined {
  const fits = (wanted: { type?: string; value: string }, values: readonly string[]): boolean =>
    wanted.type === 'RegularExpression' ? values.some((v) => patternOf(wanted.value).test(v)) : values.includes(wanted.value)
  return matches.find(({ method, headers, params }) => {
    if (method !== undefined && method !== request.method) return false
    // several values of one header are one, with commas
    if (!headers.every((h) => fits(h, (headerOf(request.headers, h.name) ?? '').split(',').filter((v) => v !== '')))) return false
    return params.every((p) => {
      const value = args.get(p.name)
      return value !== undefined && value !== '' && fits(p, [value])
    })
  })
}

/** Of each parameter the first value, decoded. */
export function firstArguments(query: string): Map<string, string> {
  const args = new Map<string, string>()
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return text
    }
  }
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    if (!args.has(name)) args.set(name, at < 0 ? '' : decode(pair.slice(at + 1)))
  }
  return args
}
