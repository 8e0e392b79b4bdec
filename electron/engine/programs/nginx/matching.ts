import type { Location, VirtualServer } from './settings.ts'

/** Which block answers (ngx_http_core_module). `capture` hears the groups of a regular expression. */
export function findLocation(server: VirtualServer, path: string, capture: (pattern: RegExp) => boolean = (pattern) => pattern.test(path)): Location | undefined {
  let prefix: Location | undefined
  for (const location of server.locations) {
    if (location.modifier === '=' && location.path === path) return location
    if (location.modifier !== '' && location.modifier !== '^~') continue
    if (path.startsWith(location.path) && location.path.length > (prefix?.path.length ?? -1)) prefix = location
  }
  if (prefix?.modifier !== '^~') {
    for (const location of server.locations) {
      if (location.modifier !== '~' && location.modifier !== '~*') continue
      if (capture(new RegExp(location.path.replace(/\(\?P</g, '(?<'), location.modifier === '~*' ? 'i' : ''))) return location
    }
  }
  return prefix
}

/** By Host header among the servers of a port: exact, the longest *.suffix, the longest prefix.*, a regular expression; else the default one. */
export function findServer(servers: readonly VirtualServer[], address: string, port: number, host: string): VirtualServer {
  const matches = (l: VirtualServer['listens'][number]): boolean => l.port === port && (l.address === '0.0.0.0' || l.address === '::' || l.address === address)
  const here = servers.filter((s) => s.listens.some(matches))
  const name = host.replace(/:[0-9]+$/, '').toLowerCase()
  const longest = (fits: (pattern: string) => boolean): VirtualServer | undefined =>
    here.flatMap((s) => s.names.filter(fits).map((n) => ({ s, length: n.length }))).sort((a, b) => b.length - a.length)[0]?.s
  const tail = (pattern: string): boolean => (pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : pattern.startsWith('.') && (name.endsWith(pattern) || name === pattern.slice(1)))
  return (
    here.find((s) => s.names.includes(name)) ??
    longest(tail) ??
    longest((p) => p.endsWith('.*') && name.startsWith(p.slice(0, -1))) ??
    here.find((s) => s.names.some((p) => p.startsWith('~') && new RegExp(p.slice(1).replace(/\(\?P</g, '(?<')).test(name))) ??
    here.find((s) => s.listens.some((l) => matches(l) && l.isDefault)) ??
    here[0]!
  )
}
