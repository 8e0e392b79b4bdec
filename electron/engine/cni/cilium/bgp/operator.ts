import type { Clock } from '../../../clock.ts'
import { ConnectionError, StatusError, type KubernetesClient } from '../../../kubernetes/client.ts'
import { timestamp } from '../../../kubernetes/human-duration.ts'
import { compileLabelSelector } from '../../../kubernetes/selectors.ts'
import type { KubeObject, Node } from '../../../kubernetes/types.ts'
import { SyncLoop } from '../../sync-loop.ts'
import { BGP_CLUSTER_CONFIGS, BGP_NODE_CONFIGS, BGP_OVERRIDES, BGP_PEER_CONFIGS, type BgpClusterConfig, type BgpNodeConfig, type BgpOverride, type BgpPeerConfig, type Condition, type NodeInstance } from './objects.ts'

/** The operator's half of the BGP control plane: of a CiliumBGPClusterConfig each selected node gets a CiliumBGPNodeConfig (operator/pkg/bgpv2/cluster.go of cilium/cilium v1.17). */
const DELAY = 5

export class BgpOperator {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #log: (message: string, level?: 'info' | 'warning') => void
  readonly #clusters = new Map<string, BgpClusterConfig>()
  readonly #peers = new Map<string, BgpPeerConfig>()
  readonly #overrides = new Map<string, BgpOverride>()
  readonly #configs = new Map<string, BgpNodeConfig>()
  readonly #nodes = new Map<string, Node>()
  readonly #loop: SyncLoop
  readonly #stops: (() => void)[] = []

  constructor(client: KubernetesClient, clock: Clock, log: (message: string, level?: 'info' | 'warning') => void) {
    this.#client = client
    this.#clock = clock
    this.#log = log
    this.#loop = new SyncLoop(clock, DELAY, () => this.#sync())
    this.#watch(BGP_CLUSTER_CONFIGS, this.#clusters)
    this.#watch(BGP_PEER_CONFIGS, this.#peers)
    this.#watch(BGP_OVERRIDES, this.#overrides)
    this.#watch(BGP_NODE_CONFIGS, this.#configs)
    this.#watch('nodes', this.#nodes, (before, now) => JSON.stringify(before.metadata.labels) !== JSON.stringify(now.metadata.labels))
  }

  stop(): void {
    this.#loop.stop()
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject & { spec?: unknown }>(resource: string, into: Map<string, T>, matters: (before: T, now: T) => boolean = (before, now) => JSON.stringify(before.spec) !== JSON.stringify(now.spec)): void {
    this.#stops.push(this.#client.watch<T>(resource, {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const { type, object } = event
      const { name } = object.metadata
      const before = into.get(name)
      if (type === 'DELETED') into.delete(name)
      else into.set(name, object)
      if (type === 'DELETED' || !before || matters(before, object)) this.#loop.request()
    }))
  }

  #sync(): void {
    try {
      const owners = new Map<string, BgpClusterConfig>()
      const all = [...this.#clusters.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      for (const cluster of all) this.#reconcile(cluster, all, owners)
      for (const [node, config] of this.#configs) {
        if (owners.has(node)) continue
        this.#client.delete(BGP_NODE_CONFIGS, undefined, config.metadata.name)
        this.#log(`Deleting CiliumBGPNodeConfig ${node}`)
      }
      for (const peer of this.#peers.values()) this.#say(BGP_PEER_CONFIGS, peer, [condition('cilium.io/MissingAuthSecret', false, 'MissingAuthSecret', '')])
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof ConnectionError)) throw error
      this.#log(`BGP cluster configuration could not be reconciled: ${error.message}`, 'warning')
    }
  }

  #selected({ spec }: BgpClusterConfig): string[] {
    return [...this.#nodes.values()].filter(({ metadata }) => spec.nodeSelector === undefined || compileLabelSelector(spec.nodeSelector).matches(metadata.labels ?? {})).map((n) => n.metadata.name).sort()
  }

  #reconcile(cluster: BgpClusterConfig, all: readonly BgpClusterConfig[], owners: Map<string, BgpClusterConfig>): void {
    const nodes = this.#selected(cluster)
    const conflicts = all.filter((other) => other !== cluster && this.#selected(other).some((n) => nodes.includes(n))).map((c) => c.metadata.name)
    const references = cluster.spec.bgpInstances.flatMap((i) => (i.peers ?? []).flatMap((p) => p.peerConfigRef?.name ?? []))
    const missing = [...new Set(references)].filter((name) => !this.#peers.has(name)).sort()
    for (const node of nodes) {
      // who has the node keeps it
      const owner = this.#configs.get(node)?.metadata.ownerReferences?.[0]?.name
      if (owners.has(node) || (owner !== undefined && owner !== cluster.metadata.name && all.some((c) => c.metadata.name === owner && this.#selected(c).includes(node)))) continue
      owners.set(node, cluster)
      this.#put(node, cluster)
    }
    this.#say(BGP_CLUSTER_CONFIGS, cluster, [
      condition('cilium.io/ConflictingClusterConfig', conflicts.length > 0, 'ConflictingClusterConfigs', `Selecting the same node(s) with ClusterConfig(s): [${conflicts.join(' ')}]`),
      condition('cilium.io/MissingPeerConfigs', missing.length > 0, 'MissingPeerConfigs', `Referenced CiliumBGPPeerConfig(s) are missing: [${missing.join(' ')}]`),
      { ...condition('cilium.io/NoMatchingNode', nodes.length === 0, 'NoMatchingNode', ''), message: 'No node matches spec.nodeSelector' },
    ])
  }

  #put(node: string, { metadata, spec: { bgpInstances } }: BgpClusterConfig): void {
    const override = this.#overrides.get(node)
    const spec = {
      bgpInstances: bgpInstances.map(({ name, localASN, peers = [] }): NodeInstance => {
        const own = override?.spec.bgpInstances.find((i) => i.name === name)
        const asn = own?.localASN ?? localASN
        return {
          name, ...(asn === undefined ? {} : { localASN: asn }), ...(own?.routerID === undefined ? {} : { routerID: own.routerID }),
          peers: peers.map((p) => {
            const localAddress = own?.peers?.find((each) => each.name === p.name)?.localAddress
            return { ...p, ...(localAddress === undefined ? {} : { localAddress }) }
          }),
        }
      }),
    }
    const ownerReferences = [{ apiVersion: 'cilium.io/v2alpha1', kind: 'CiliumBGPClusterConfig', name: metadata.name, uid: metadata.uid! }]
    const known = this.#configs.get(node)
    if (known && JSON.stringify(known.spec) === JSON.stringify(spec) && known.metadata.ownerReferences?.[0]?.uid === metadata.uid) return
    const object = { apiVersion: 'cilium.io/v2alpha1', kind: 'CiliumBGPNodeConfig', metadata: { name: node, ownerReferences }, spec } as unknown as KubeObject
    if (known) this.#client.patch(BGP_NODE_CONFIGS, undefined, node, 'application/merge-patch+json', { metadata: { ownerReferences }, spec })
    else this.#client.create(BGP_NODE_CONFIGS, undefined, object)
    this.#log(`${known ? 'Updating' : 'Creating a new'} CiliumBGPNodeConfig ${node}`)
  }

  /** status.conditions, as far as they changed. */
  #say(resource: string, { metadata, status }: KubeObject & { status?: { conditions?: Condition[] } }, wanted: readonly Condition[]): void {
    const before = status?.conditions ?? []
    const same = (a: Condition | undefined, b: Condition): boolean => a !== undefined && a.status === b.status && a.message === b.message && a.reason === b.reason
    if (wanted.every((c) => same(before.find((b) => b.type === c.type), c))) return
    const now = timestamp(this.#clock.wall())
    const conditions = wanted.map((c) => {
      const old = before.find((b) => b.type === c.type)
      return { ...c, observedGeneration: metadata.generation ?? 1, lastTransitionTime: old?.status === c.status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now }
    })
    this.#client.patch(resource, undefined, metadata.name, 'application/merge-patch+json', { status: { conditions } }, { subresource: 'status' })
  }
}

function condition(type: string, is: boolean, reason: string, message: string): Condition {
  return { type, status: is ? 'True' : 'False', reason, message: is ? message : '' }
}
