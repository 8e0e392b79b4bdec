import type { IpSets } from '../../network/ipset/index.ts'
import type { Version } from './names.ts'
import { setName as nameOf } from './felix-static.ts'
import { base64Url, sha224 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'

/** Felix's IP sets (felix/ipsets): their names, and keeping them as they should be. */
const LONGEST = 31

export interface WantedSet { type: 'hash:ip' | 'hash:net' | 'hash:ip,port'; members: readonly string[] }

/** "s:" for selectors, "n:" for named ports, "svc:" and "svcnoport:" for Services (libcalico-go/lib/hash MakeUniqueID), cut to what ipset takes. */
export function setName(version: Version, kind: 's' | 'n' | 'svc' | 'svcnoport', content: string): string {
  return `${nameOf(version, kind)}:${base64Url(sha224(encodeUtf8(`${kind}:${content}`)))}`.slice(0, LONGEST)
}

/** Makes the sets that rules need; to be called before the rules are written. */
export function ensureSets(sets: IpSets, version: Version, wanted: ReadonlyMap<string, WantedSet>): void {
  for (const [name, { type, members }] of wanted) {
    sets.create(name, type, { maxelem: 1_048_576, family: version === 4 ? 'inet' : 'inet6' }, { exist: true })
    sets.replace(name, members)
  }
}

/** Sets of ours that no rule needs any more; to be called after the rules are written. */
export function removeSets(sets: IpSets, version: Version, wanted: ReadonlyMap<string, WantedSet>): void {
  for (const name of sets.names()) {
    if (!name.startsWith(nameOf(version, '')) || wanted.has(name) || sets.references(name) > 0) continue
    sets.destroy(name)
  }
}
