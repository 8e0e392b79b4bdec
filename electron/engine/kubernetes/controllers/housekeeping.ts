import type { ConfigMap, Event, KubeObject, Namespace, Node, Pod } from '../types.ts'
import { podSubnets } from '../../cni/bridge-link.ts'
import { nthPrefix, parseCidr } from '../../network/address.ts'
import { rootCa } from '../bootstrap.ts'
import { markDisrupted } from './disrupted.ts'
import { AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { type Informer } from './informer.ts'
import { nodeReference } from './node-lifecycle.ts'
import { ignoringGone } from './ownership.ts'
import { BY_NODE, OF_NODE, nodeNameOf } from './pods.ts'
import { ifReached } from './reach.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

/** --node-cidr-mask-size-ipv4 and -ipv6 */
const NODE_MASK = { 4: 24, 6: 64 } as const

/** Gives every node its podCIDRs, of each family the next that is free: pkg/controller/nodeipam (range allocator). */
export class NodeIpamController implements Controller {
  readonly #context: ControllerContext
  readonly #nodes: Informer<Node>
  readonly #queue: WorkQueue
  readonly #taken = new Map<string, string>()
  /** Cluster prefix → the candidate after the last one given. */
  readonly #next = new Map<string, number>()
  readonly #events: EventRecorder

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'cidrAllocator')
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name))
    this.#nodes = context.informers.of<Node>('nodes')
    const occupy = (node: Node): void => {
      if (node.spec.podCIDR) for (const cidr of podSubnets(node)) this.#taken.set(cidr, node.metadata.name)
      else this.#queue.add(node.metadata.name)
    }
    const release = (node: Node): void => {
      for (const cidr of podSubnets(node)) this.#taken.delete(cidr)
    }
    this.#nodes.on({ onAdd: occupy, onUpdate: occupy, onDelete: release })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const node = this.#nodes.get(undefined, name)
    // a plugin that takes addresses from elsewhere has no ranges to give
    if (!node || node.spec.podCIDR || this.#context.config.podCIDR.length === 0) return
    const podCIDRs: string[] = []
    for (const cluster of this.#context.config.podCIDR) {
      const free = this.#nextFree(cluster)
      if (free === undefined) {
        for (const cidr of podCIDRs) this.#taken.delete(cidr)
        this.#events.event(nodeReference(node), 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
        return
      }
      this.#taken.set(free, name)
      podCIDRs.push(free)
    }
    this.#context.client.patch('nodes', undefined, name, 'application/merge-patch+json', { spec: { podCIDR: podCIDRs[0], podCIDRs } })
  }

  #nextFree(cluster: string): string | undefined {
    const { version, length } = parseCidr(cluster)
    const share = NODE_MASK[version]
    const count = 2 ** Math.min(share - length, 30)
    const start = this.#next.get(cluster) ?? 0
    for (let i = 0; i < count; i++) {
      const n = (start + i) % count
      const cidr = nthPrefix(cluster, share, n)
      if (this.#taken.has(cidr)) continue
      this.#next.set(cluster, (n + 1) % count)
      return cidr
    }
    return undefined
  }
}

/**
 * Makes the ServiceAccount "default" and the ConfigMap kube-root-ca.crt of a namespace again when somebody deletes or
 * changes them (pkg/controller/serviceaccount, certificates/rootcacertpublisher); the first come with the namespace.
 */
export class NamespaceDefaultsController implements Controller {
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    const { client, clock, informers } = context
    const namespaces = informers.of<Namespace>('namespaces')
    const accounts = informers.of<KubeObject>('serviceaccounts')
    const configMaps = informers.of<ConfigMap>('configmaps')
    const wanted = rootCa()
    const { name: ca } = wanted.metadata
    this.#queue = new WorkQueue(clock, (namespace) => {
      const present = namespaces.get(undefined, namespace)
      if (!present || present.metadata.deletionTimestamp) return
      if (!accounts.get(namespace, 'default')) client.create('serviceaccounts', namespace, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } }, AGENT_WRITE)
      const published = configMaps.get(namespace, ca)
      if (!published) client.create('configmaps', namespace, wanted, AGENT_WRITE)
      else if (published.data?.['ca.crt'] !== wanted.data['ca.crt']) client.update('configmaps', namespace, ca, { ...published, data: wanted.data }, AGENT_WRITE)
    })
    const add = (o: KubeObject): void => this.#queue.add(o.metadata.namespace ?? o.metadata.name)
    const onMap = (o: ConfigMap): void => {
      if (o.metadata.name === ca) add(o)
    }
    accounts.on({ onDelete: add })
    configMaps.on({ onUpdate: onMap, onDelete: onMap })
  }

  stop(): void {
    this.#queue.stop()
  }
}

/** Removes Pods whose node is gone (pkg/controller/podgc), and Events past their hour (kube-apiserver's --event-ttl). */
export class PodGarbageCollector implements Controller {
  readonly #context: ControllerContext
  readonly #pods: Informer<Pod>
  /** Nodes that are not there, whose Pods have a while yet. */
  readonly #missing = new Set<string>()
  #stopped = false

  constructor(context: ControllerContext) {
    this.#context = context
    this.#pods = context.informers.of<Pod>('pods')
    this.#pods.index(BY_NODE, nodeNameOf, OF_NODE)
    const nodes = context.informers.of<Node>('nodes')
    nodes.on({ onDelete: (node) => this.#miss(nodes, node.metadata.name) })
    this.#sweepLater(nodes)
    this.#expireLater()
  }

  stop(): void {
    this.#stopped = true
  }

  #miss(nodes: Informer<Node>, name: string): void {
    if (this.#missing.has(name)) return
    this.#missing.add(name)
    this.#context.clock.schedule(ORPHAN_QUARANTINE, () => this.#onNodeGone(nodes, name), { background: true })
  }

  #onNodeGone(nodes: Informer<Node>, name: string): void {
    this.#missing.delete(name)
    if (this.#stopped || nodes.get(undefined, name)) return
    const { clock } = this.#context
    const reached = ifReached(() => {
      for (const pod of this.#pods.indexed(BY_NODE, name)) this.#remove(pod, 'PodGC: node no longer exists')
    })
    // the next round of the Pod garbage collector
    if (!reached) clock.schedule(GC_PERIOD, () => this.#onNodeGone(nodes, name), { background: true })
  }

  #remove(pod: Pod, why: string): void {
    const { client, clock } = this.#context
    ignoringGone(() => {
      markDisrupted(client, clock, pod, 'DeletionByPodGC', why, 'Failed')
      client.delete('pods', pod.metadata.namespace, pod.metadata.name, { gracePeriodSeconds: 0 })
    })
  }

  /** Pods of nodes that never were; and those that are being deleted on a node that somebody has declared lost for good (KEP-2268). */
  #sweepLater(nodes: Informer<Node>): void {
    const { client, clock } = this.#context
    clock.schedule(GC_PERIOD, () => {
      if (this.#stopped) return
      for (const name of this.#pods.indexValues(BY_NODE)) if (name !== '' && !nodes.get(undefined, name)) this.#miss(nodes, name)
      ifReached(() => {
        for (const node of nodes.values()) {
          if (!node.spec.taints?.some((t) => t.key === OUT_OF_SERVICE) || node.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) continue
          for (const pod of this.#pods.indexed(BY_NODE, node.metadata.name)) if (pod.metadata.deletionTimestamp) ignoringGone(() => client.delete('pods', pod.metadata.namespace, pod.metadata.name, { gracePeriodSeconds: 0 }))
        }
      })
      this.#sweepLater(nodes)
    }, { background: true })
  }

  #expireLater(): void {
    const { clock, client } = this.#context
    clock.schedule(EVENT_SWEEP, () => {
      if (this.#stopped) return
      ifReached(() => {
        // none can be so old yet, and looking makes them all
        if (clock.now > EVENT_TTL) for (const event of client.list<Event>('events').items) {
          const last = event.lastTimestamp ?? (event as { eventTime?: string }).eventTime ?? event.metadata.creationTimestamp
          if (since(clock, last) > EVENT_TTL) ignoringGone(() => client.delete('events', event.metadata.namespace, event.metadata.name))
        }
      })
      this.#expireLater()
    }, { background: true })
  }
}

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'
const ORPHAN_QUARANTINE = 40_000
const GC_PERIOD = 20_000
const EVENT_TTL = 3_600_000
const EVENT_SWEEP = 300_000
