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
