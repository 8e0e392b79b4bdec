import { serviceName } from '../services.ts'
import { OWN_NAMES } from './names.ts'

/** The name of a port in nmap's list. */
export function portName(port: number, protocol: 'tcp' | 'udp' = 'tcp'): string | undefined {
  return OWN_NAMES[protocol].get(port) ?? serviceName(port, protocol)
}

/** `named`: the protocols that were written ("T:80"). */
export interface Wanted { readonly tcp: number[]; readonly udp: number[]; readonly named: ReadonlySet<string>; readonly duplicates: boolean }

/** "80,443,8000-8010", "-", "T:80,U:53", "http*", "[1-1024]"; what nmap says where that cannot be read. */
export function parsePorts(text: string): Wanted | string {
  const illegal = 'Error #486: Your port specifications are illegal.  Example of proper form: "-100,200-1024,T:3000-4000,U:60000-"'
  const sets = { tcp: new Set<number>(), udp: new Set<number>() }
  const named = new Set<string>()
  let [which, duplicates]: [('tcp' | 'udp')[], boolean] = [['tcp', 'udp'], false]
  for (let part of text.replace(/,$/, '').split(',')) {
    const protocol = /^([TUSP]):/.exec(part)
    if (protocol) {
      named.add(protocol[1]!)
      which = protocol[1] === 'T' ? ['tcp'] : protocol[1] === 'U' ? ['udp'] : []
      part = part.slice(2)
    }
    if (/^[a-z*?]/i.test(part)) {
      const mask = new RegExp(`^${part.replace(/[^\w*?]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)
      let any = false
      for (const p of which) {
        for (let port = 1; port <= 65_535; port++) {
          const name = portName(port, p)
          if (name === undefined || !mask.test(name)) continue
          sets[p].add(port)
          any = true
        }
      }
      if (!any) return `Found no matches for the service mask '${part}' and your specified protocols`
      continue
    }
    const inside = /^\[(.*)\]$/.exec(part)
    const range = /^(\d*)(-?)(\d*)$/.exec(inside?.[1] ?? part)
    if (!range || range[0] === '') return illegal
    const low = range[1] === '' ? 1 : Number(range[1])
    const high = range[2] === '' ? low : range[3] === '' ? 65_535 : Number(range[3])
    if (low > 65_535 || high > 65_535) return 'Ports specified must be between 0 and 65535 inclusive'
    if (low > high) return `Your port range ${low}-${high} is backwards. Did you mean ${high}-${low}?`
    for (let port = low; port <= high; port++) {
      for (const p of which) {
        if (inside && portName(port, p) === undefined) continue
        duplicates ||= sets[p].has(port)
        sets[p].add(port)
      }
    }
  }
  const sorted = (set: Set<number>): number[] => [...set].sort((a, b) => a - b)
  return { tcp: sorted(sets.tcp), udp: sorted(sets.udp), named, duplicates }
}

/** "1-3,80". */
export function ranges(ports: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < ports.length; i++) {
    const first = ports[i]!
    while (ports[i + 1] === ports[i]! + 1) i++
    parts.push(first === ports[i] ? String(first) : `${first}-${ports[i]!}`)
  }
  return parts.join(',')
}
