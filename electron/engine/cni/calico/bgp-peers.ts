import type { KubeObject } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import { parseGoDuration } from '../../programs/http/go.ts'
import { isVersion, type Version } from './names.ts'
import { parseSelector } from './selector.ts'

/** Whom a node's BIRD speaks with: the node-to-node mesh, and what BGPPeers ask for (confd/pkg/backends/calico/client.go, bird.cfg.template). */
export interface BgpPeerObject extends KubeObject {
  spec: { node?: string; nodeSelector?: string; peerIP?: string; peerSelector?: string; asNumber?: number; filters?: string[]; numAllowedLocalASNumbers?: number; sourceAddress?: 'UseNodeIP' | 'None'; maxRestartTime?: string; reachableBy?: Ip }
}

/** What confd reads of a Node. */
export interface BgpNode { name: string; address: Ip; as: number; clusterId: string | undefined; labels: Readonly<Record<string, string>> }

export type PeerKind = 'Mesh' | 'Global' | 'Node'
/** `client`: it hears from us, a route reflector, what others say. `calicoNode`: of two, the one with the higher address connects. */
export interface WantedPeer { kind: PeerKind; address: Ip; as: number; client: boolean; calicoNode: boolean; /** BGPFilters, in their order. */ filters: readonly string[]; /** How often our own AS number may stand in a path. */ ownAs: number; /** sourceAddress None: the kernel chooses. */ anySource: boolean; /** Seconds, where something else than BIRD's own is said. */ restartTime: number | undefined; /** The gateway of a route to it alone. */ reachableBy: Ip | undefined }

interface Peering { address: Ip; as: number; clusterId: string | undefined; calicoNode: boolean }

export function wantedPeers(own: BgpNode, nodes: readonly BgpNode[], objects: readonly BgpPeerObject[], mesh: boolean, version: Version): Map<Ip, WantedPeer> {
  const out = new Map<Ip, WantedPeer>()
  const add = (kind: PeerKind, { address, as, clusterId, calicoNode }: Peering, { filters = [], numAllowedLocalASNumbers: ownAs = 0, sourceAddress, maxRestartTime, reachableBy }: BgpPeerObject['spec'] = {}): void => {
    // who speaks with it already, or with himself
    if (address === own.address || out.has(address) || !isVersion(version)(address)) return
    const client = as === own.as && own.clusterId !== undefined && clusterId !== own.clusterId
    out.set(address, { kind, address, as, client, calicoNode, filters, ownAs, anySource: sourceAddress === 'None', restartTime: maxRestartTime === undefined ? undefined : Math.round((parseGoDuration(maxRestartTime) ?? 0) / 1000), reachableBy: reachableBy || undefined })
  }
  const peering = (node: BgpNode): Peering => ({ ...node, calicoNode: true })
  const matching = (selector: string): BgpNode[] => {
    const parsed = parseSelector(selector)
    return nodes.filter((n) => parsed.matches((key) => n.labels[key]))
  }
  const locals = ({ spec: { node, nodeSelector } }: BgpPeerObject): BgpNode[] => (nodeSelector ? matching(nodeSelector) : node ? nodes.filter((n) => n.name === node) : [...nodes])
  const remotes = ({ spec: { peerIP = '', peerSelector, asNumber = 0 } }: BgpPeerObject): Peering[] => {
    if (peerSelector) return matching(peerSelector).map(peering)
    const known = nodes.find((n) => n.address === peerIP)
    return peerIP === '' ? [] : [{ address: peerIP, as: asNumber, clusterId: undefined, calicoNode: known !== undefined }]
  }
  const sorted = objects.filter(readable).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const isGlobal = ({ spec }: BgpPeerObject): boolean => !spec.node && !spec.nodeSelector
  for (const object of sorted.filter(isGlobal)) for (const peer of remotes(object)) add('Global', peer, object.spec)
  for (const object of sorted.filter((o) => !isGlobal(o))) if (locals(object).some((n) => n.name === own.name)) for (const peer of remotes(object)) add('Node', peer, object.spec)
  // the other side of each: who is named as a peer speaks with those that name him
  for (const object of sorted) {
    const { peerSelector, peerIP, asNumber } = object.spec
    const named = peerSelector ? matching(peerSelector).some((n) => n.name === own.name) : peerIP === own.address && asNumber === own.as
    if (named) for (const node of locals(object)) add('Node', peering(node), object.spec)
  }
  if (mesh && own.clusterId === undefined) for (const node of nodes) if (node.clusterId === undefined) add('Mesh', peering(node))
  return out
}

/** A selector that cannot be read selects nobody. */
function readable({ spec: { nodeSelector = '', peerSelector = '' } }: BgpPeerObject): boolean {
  try {
    parseSelector(nodeSelector)
    parseSelector(peerSelector)
    return true
  } catch {
    return false
  }
}
