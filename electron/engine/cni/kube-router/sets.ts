import type { IpSets } from '../../network/ipset/index.ts'
import type { Family } from './names.ts'

/** "10.244.1.7", or a network that others except: "10.1.0.0/16 nomatch". */
export type SetEntry = string | { element: string; nomatch: true }

/** kube-router makes each set beside and swaps it in, so that no packet meets a half-filled one: pkg/utils/ipset.go RefreshSet, Restore. */
export function refreshSet(sets: IpSets, name: string, wanted: 'hash:ip' | 'hash:net' | 'hash:ip,port', family: Family, entries: readonly SetEntry[]): void {
  const options = { timeout: 0, family: family === 'IPv6' ? 'inet6' : 'inet' } as const
  const present = sets.get(name)
  if (present && sameEntries(sets, name, entries)) return
  // A set that is there keeps its type: rules hold on to it.
  const type = present?.type.name ?? wanted
  if (!present) sets.create(name, type, options)
  const temporary = 'TMP-KUBE-ROUTER'
  sets.create(temporary, type, options, { exist: true })
  for (const entry of entries) {
    if (typeof entry === 'string') sets.add(temporary, entry, { exist: true })
    else sets.add(temporary, entry.element, { exist: true, nomatch: true })
  }
  sets.swap(temporary, name)
  sets.destroy(temporary)
}

function sameEntries(sets: IpSets, name: string, entries: readonly SetEntry[]): boolean {
  const present = new Map(Array.from(sets.get(name)!.members(), (m) => [m.element.replace(/\/(32|128)$/, ''), (m as { nomatch?: boolean }).nomatch === true]))
  const wanted = new Map(entries.map((e) => (typeof e === 'string' ? [e, false] : [e.element, true])))
  return present.size === wanted.size && [...wanted].every(([element, nomatch]) => present.get(element.replace(/\/(32|128)$/, '')) === nomatch)
}
