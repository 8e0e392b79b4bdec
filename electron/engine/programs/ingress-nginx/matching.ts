import type { Configuration, Location, Server } from './configuration.ts'

/** The server for a Host header: its exact name, the longest wildcard, or the one for everything. */
export function serverFor({ servers }: Configuration, host: string): Server {
  const name = host.replace(/:[0-9]+$/, '').toLowerCase()
  const exact = name === '_' ? undefined : servers.get(name)
  if (exact) return exact
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const wildcard = servers.get(`*${name.slice(dot)}`)
    if (wildcard) return wildcard
  }
  return servers.get('_')!
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
