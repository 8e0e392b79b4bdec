import type { KubernetesClient } from '../../kubernetes/client.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { LabelSelector, Node } from '../../kubernetes/types.ts'
import { nthAddress } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { podSubnets } from '../bridge-link.ts'

interface NodeFacts { labels: Readonly<Record<string, string>> | undefined; ips: readonly Ip[] }

/** Nodes that rules mean by their labels (GetNodeAllAddrs of pkg/util/k8s/node.go, v2.4): their own addresses and those of their gateways. */
export class PeerNodes {
  readonly #client: KubernetesClient
  readonly #changed: () => void
  readonly #nodes = new Map<string, NodeFacts>()
  #stop: (() => void) | undefined
  #stopped = false

  constructor(client: KubernetesClient, changed: () => void) {
    this.#client = client
    this.#changed = changed
  }

  stop(): void {
    this.#stopped = true
    this.#stop?.()
  }

  /** Nodes are watched from the first question on. */
  addresses(selector: LabelSelector): Ip[] {
    this.#stop ??= this.#client.watch<Node>('nodes', {}, (event) => {
      if (this.#stopped || !('object' in event)) return
      const { name, labels } = event.object.metadata
      const before = JSON.stringify(this.#nodes.get(name))
      if (event.type === 'DELETED') this.#nodes.delete(name)
      else this.#nodes.set(name, { labels, ips: addressesOf(event.object) })
      if (before !== JSON.stringify(this.#nodes.get(name))) this.#changed()
    })
    const wanted = compileLabelSelector(selector)
    return [...this.#nodes.values()].flatMap(({ labels, ips }) => (wanted.matches(labels) ? ips : []))
  }
}

function addressesOf(node: Node): Ip[] {
  const own = (node.status.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' || type === 'ExternalIP' ? [address] : []))
  return [...new Set([...own, ...podSubnets(node).map((cidr) => nthAddress(cidr, 1))])]
}
