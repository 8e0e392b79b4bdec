import type { KubeObject } from '../../kubernetes/types.ts'
import { cidrContains, networkOf } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'
import type { Version } from './names.ts'

/** BGPFilters: what a node tells a peer and takes from it (api/pkg/apis/projectcalico/v3/bgpfilter.go, confd's bird_filters of projectcalico/calico v3.30). */
export interface BgpFilterRule {
  action: 'Accept' | 'Reject'
  cidr?: Cidr
  matchOperator?: 'Equal' | 'NotEqual' | 'In' | 'NotIn'
  prefixLength?: { min?: number; max?: number }
  source?: 'RemotePeers'
  /** `*`: any run of characters. */
  interface?: string
}

export interface BgpFilterObject extends KubeObject {
  spec: Partial<Record<'exportV4' | 'exportV6' | 'importV4' | 'importV6', BgpFilterRule[]>>
}

export interface FilteredRoute { prefix: Cidr; /** Another peer says it. */ remote: boolean; device: string | undefined }

/** The first rule that matches decides; undefined: none does, and BIRD's other filters do. Names that nobody has filter nothing. */
export function filterAction(filters: ReadonlyMap<string, BgpFilterObject['spec']>, names: readonly string[], direction: 'export' | 'import', version: Version, route: FilteredRoute): 'Accept' | 'Reject' | undefined {
  for (const name of names) {
    const rule = filters.get(name)?.[`${direction}V${version}`]?.find((r) => matches(r, route))
    if (rule) return rule.action
  }
  return undefined
}

function matches({ cidr, matchOperator = 'In', prefixLength, source, interface: device }: BgpFilterRule, route: FilteredRoute): boolean {
  if (source === 'RemotePeers' && !route.remote) return false
  if (device && (route.device === undefined || !new RegExp(`^${device.split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`).test(route.device))) return false
  if (!cidr) return true
  const [address = '', length = ''] = route.prefix.split('/')
  const [, wanted = ''] = cidr.split('/')
  // "net ~ [ 10.0.0.0/8{16,24} ]"
  const within = cidrContains(cidr, address) && Number(length) >= (prefixLength?.min ?? Number(wanted)) && Number(length) <= (prefixLength?.max ?? 128) && Number(length) >= Number(wanted)
  const equal = networkOf(route.prefix) === networkOf(cidr)
  switch (matchOperator) {
    case 'Equal': return equal
    case 'NotEqual': return !equal
    case 'NotIn': return !within
    default: return within
  }
}
