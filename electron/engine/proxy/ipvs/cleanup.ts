import type { NetworkNamespace } from '../../network/types.ts'
import { removeIpvsChains } from './jumps.ts'
import { DUMMY } from './proxier.ts'
import { SET_IDS, setName } from './sets.ts'

/** What a kube-proxy in another mode removes of this one before it begins (CleanupLeftovers of pkg/proxy/ipvs/proxier.go of v1.33). */
export function cleanUpIpvs(network: NetworkNamespace): void {
  const { netfilter, netfilter6, links } = network
  if (!links.has(DUMMY)) return
  netfilter.ipvs.flush()
  network.removeLink(DUMMY)
  for (const family of [4, 6] as const) {
    removeIpvsChains(family === 4 ? netfilter : netfilter6)
    for (const id of SET_IDS) if (netfilter.sets.has(setName(id, family)) && netfilter.sets.references(setName(id, family)) === 0) netfilter.sets.destroy(setName(id, family))
  }
}
