import type { ConfigMap, Event, KubeObject, Namespace, Node, Pod } from '../types.ts'
import { rootCa } from '../bootstrap.ts'
import { markDisrupted } from './disrupted.ts'
import { AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { type Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { BY_NODE, OF_NODE, nodeNameOf } from './pods.ts'
import { ifReached } from './reach.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

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
