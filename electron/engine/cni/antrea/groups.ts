import type { Clock } from '../../clock.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import type { KubeObject, LabelSelector, Service } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import { CLUSTER_GROUPS, GROUPS } from './crds.ts'
import { PeerNodes } from './peer-nodes.ts'

/** ClusterGroups and Groups: names for Pods and networks that policies share (docs/antrea-network-policy.md of Antrea v2.4, pkg/controller/networkpolicy/clustergroup.go). */
export interface Peer {
  podSelector?: LabelSelector
  namespaceSelector?: LabelSelector
  ipBlock?: { cidr: string; except?: string[] }
  group?: string
  fqdn?: string
  nodeSelector?: LabelSelector
  serviceAccount?: { name: string; namespace: string }
  /** Namespaces by what they have in common with those of the Pods that the rule is for. */
  namespaces?: { match?: 'Self'; sameLabels?: string[] }
  scope?: string
}

export interface GroupObject extends KubeObject {
  spec: { podSelector?: LabelSelector; namespaceSelector?: LabelSelector; ipBlocks?: { cidr: string; except?: string[] }[]; serviceReference?: { name: string; namespace?: string }; childGroups?: string[] }
}

/** Selects no Pod. */
export const NOBODY: LabelSelector = { matchExpressions: [{ key: 'x', operator: 'Exists' }, { key: 'x', operator: 'DoesNotExist' }] }

/** Under this label the controller knows a Pod's ServiceAccount (pkg/controller/grouping/group_entity_index.go). */
export const ACCOUNT_LABEL = 'internal.antrea.io/service-account'

export const nameLabel = (namespace: string): LabelSelector => ({ matchLabels: { 'kubernetes.io/metadata.name': namespace } })

const blocksOf = (ips: readonly Ip[]): Peer[] => (ips.length > 0 ? ips.map((ip) => ({ ipBlock: { cidr: `${ip}/${ip.includes(':') ? 128 : 32}` } })) : [{ podSelector: NOBODY }])

export class PolicyGroups {
  readonly #client: KubernetesClient
  readonly #changed: () => void
  readonly #stops: (() => void)[] = []
  /** "name" or "namespace/name" */
  readonly #groups = new Map<string, GroupObject>()
  readonly #services = new Map<string, Service>()
  readonly #nodes: PeerNodes
  #watchesServices = false
  #stopped = false

  constructor(client: KubernetesClient, changed: () => void) {
    this.#client = client
    this.#changed = changed
    this.#nodes = new PeerNodes(client, changed)
    for (const resource of [CLUSTER_GROUPS, GROUPS]) {
      this.#watch<GroupObject>(resource, this.#groups, ({ spec }) => {
        if (spec.serviceReference && !this.#watchesServices) {
          this.#watchesServices = true
          this.#watch<Service>('services', this.#services)
        }
      })
    }
  }

  stop(): void {
    this.#stopped = true
    this.#nodes.stop()
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject>(resource: string, into: Map<string, T>, seen?: (object: T) => void): void {
    this.#stops.push(this.#client.watch<T>(resource, {}, (event) => {
      if (this.#stopped || !('object' in event)) return
      const { namespace, name } = event.object.metadata
      const key = namespace === undefined ? name : `${namespace}/${name}`
      if (event.type === 'DELETED') into.delete(key)
      else into.set(key, event.object)
      if (event.type !== 'DELETED') seen?.(event.object)
      if (this.#groups.size > 0) this.#changed()
    }))
  }

  /** Whom a peer means; a name its addresses, a group that is not there, or has nobody, means nobody. `namespace`: the policy's, of those that have one. */
  resolve(peers: readonly Peer[], namespace: string | undefined, addresses: (fqdn: string) => readonly Ip[]): Peer[] {
    return peers.flatMap((peer) => {
      if (peer.fqdn !== undefined) return blocksOf(addresses(peer.fqdn))
      if (peer.nodeSelector) return blocksOf(this.#nodes.addresses(peer.nodeSelector))
      if (peer.serviceAccount) return [{ podSelector: { matchLabels: { [ACCOUNT_LABEL]: peer.serviceAccount.name } }, namespaceSelector: nameLabel(peer.serviceAccount.namespace) }]
      if (peer.group === undefined) return [peer]
      const members = this.#members(namespace === undefined ? peer.group : `${namespace}/${peer.group}`, true)
      return members.length > 0 ? members : [{ podSelector: NOBODY }]
    })
  }

  #members(key: string, children: boolean): Peer[] {
    const group = this.#groups.get(key)
    if (!group) return []
    const { spec: { podSelector, namespaceSelector, ipBlocks, serviceReference, childGroups }, metadata: { namespace } } = group
    // a group of a group has no groups of its own
    if (childGroups) return children ? childGroups.flatMap((child) => this.#members(namespace === undefined ? child : `${namespace}/${child}`, false)) : []
    if (ipBlocks) return ipBlocks.map((ipBlock) => ({ ipBlock }))
    if (serviceReference) {
      const of = namespace ?? serviceReference.namespace ?? 'default'
      const selector = this.#services.get(`${of}/${serviceReference.name}`)?.spec.selector
      return selector && Object.keys(selector).length > 0 ? [{ podSelector: { matchLabels: selector }, namespaceSelector: nameLabel(of) }] : []
    }
    if (!podSelector && !namespaceSelector) return []
    return [{ ...(podSelector ? { podSelector } : {}), ...(namespaceSelector ? { namespaceSelector } : {}) }]
  }
}

/** The controller's word that it knows a group's members. Returns what ends it. */
export function groupStatus(client: KubernetesClient, clock: Clock): () => void {
  const stops = [CLUSTER_GROUPS, GROUPS].map((resource) => client.watch<GroupObject & { status?: object }>(resource, {}, (event) => {
    if (!('object' in event) || event.type === 'DELETED' || event.object.status) return
    const { name, namespace } = event.object.metadata
    const lastTransitionTime = timestamp(clock.wall())
    try {
      client.patch(resource, namespace, name, 'application/merge-patch+json', { status: { conditions: [{ type: 'GroupMembersComputed', status: 'True', lastTransitionTime }] } }, { subresource: 'status' })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }))
  return () => {
    for (const stop of stops) stop()
  }
}
