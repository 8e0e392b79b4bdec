import { escapeUri } from '../nginx/failure.ts'
import type { Configuration, Location, Server } from './configuration.ts'

/** The server for a Host header: its exact name, a wildcard for its first label alone (buildServerName of the controller's template.go), or the one for everything. */
export function serverFor({ servers, patterns }: Configuration, host: string): Server {
  const name = host.replace(/:[0-9]+$/, '').toLowerCase()
  const exact = name === '_' ? undefined : servers.get(name)
  if (exact) return exact
  const [, first, rest] = /^([\w-]+)(\..+)$/.exec(name) ?? []
  return (first === undefined ? undefined : servers.get(`*${rest}`)) ?? patterns.find(([pattern]) => pattern.test(name))?.[1] ?? servers.get('_')!
}

/** The location for a decoded path; a path to redirect to where only its slash is missing (nginx' auto_redirect). */
export function locationFor({ locations, regex }: Server, path: string): Location | { redirect: string } | undefined {
  if (regex) return locations.find((l) => l.pattern!.test(path))
  const exact = locations.find((l) => l.exact && l.path === path)
  if (exact) return exact
  // sorted by length: the first is the longest
  const prefix = locations.find((l) => !l.exact && (path === l.path || path.startsWith(l.path.endsWith('/') ? l.path : `${l.path}/`)))
  if (path !== '/' && locations.some((l) => !l.exact && l.path === `${path}/`) && prefix?.path !== path) return { redirect: `${path}/` }
  return prefix
}

/** `rewrite "(?i)path" target break`: the query of the request follows that of the target, unless that ends with "?". */
export function rewritten(uri: string, path: string, pattern: string, target: string): string {
  const match = new RegExp(pattern, 'i').exec(path)
  if (!match) return uri
  const query = uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : ''
  const result = target.replace(/\$([0-9])/g, (_, n: string) => match[Number(n)] ?? '')
  if (result.endsWith('?')) return escapeUri(result.slice(0, -1))
  const at = result.indexOf('?')
  const args = [at < 0 ? '' : result.slice(at + 1), query].filter((a) => a !== '').join('&')
  return `${escapeUri(at < 0 ? result : result.slice(0, at)) || '/'}${args === '' ? '' : `?${args}`}`
}
