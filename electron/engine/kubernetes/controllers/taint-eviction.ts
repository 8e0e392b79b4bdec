import type { Node, Pod } from '../types.ts'
import type { Timer } from '../../clock.ts'
import type { Controller, ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { tolerates } from './node-fit.ts'
import { ignoringGone } from './ownership.ts'
import { markDisrupted } from './disrupted.ts'
import { BY_NODE, OF_NODE, nodeNameOf } from './pods.ts'
import { ifReached } from './reach.ts'

/** Until a deletion that found no API server is tried again. */
const RETRY = 5_000

/** Deletes Pods that do not tolerate a NoExecute taint, or tolerate it only for a time: pkg/controller/tainteviction. */
export class TaintEvictionController implements Controller {
  readonly #context: ControllerContext
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #events: EventRecorder
  readonly #timers = new Map<string, Timer>()
  /** Pods whose time was over: they are deleted once. */
  readonly #marked = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'taint-eviction-controller')
    this.#nodes = context.informers.of<Node>('nodes')
    this.#pods = context.informers.of<Pod>('pods')
    this.#pods.index(BY_NODE, nodeNameOf, OF_NODE)
    const onNode = (node: Node): void => {
      for (const pod of this.#pods.indexed(BY_NODE, node.metadata.name)) this.#decide(pod, node)
    }
    this.#nodes.on({
      onAdd: onNode,
      onUpdate: (node, old) => {
        if (node.spec.taints !== old.spec.taints) onNode(node)
      },
    })
    const onPod = (pod: Pod): void => {
      const node = pod.spec.nodeName ? this.#nodes.get(undefined, pod.spec.nodeName) : undefined
      if (node) this.#decide(pod, node)
    }
    this.#pods.on({ onAdd: onPod, onUpdate: (pod, old) => pod.spec !== old.spec && onPod(pod), onDelete: (pod) => this.#cancelWithEvent(pod) })
  }

  stop(): void {
    for (const timer of this.#timers.values()) this.#context.clock.cancel(timer)
    this.#timers.clear()
  }

  #decide(pod: Pod, node: Node): void {
    const taints = (node.spec.taints ?? []).filter((t) => t.effect === 'NoExecute')
    if (taints.length === 0) return this.#cancelWithEvent(pod)
    let wait = Infinity
    for (const taint of taints) {
      // the first one that does is the one that counts: GetMatchingTolerations
      const toleration = pod.spec.tolerations?.find((t) => tolerates(t, taint))
      if (!toleration) wait = -1
      else if (toleration.tolerationSeconds !== undefined) wait = Math.min(wait, Math.max(0, toleration.tolerationSeconds * 1000))
    }
    if (wait === Infinity) return this.#cancelWithEvent(pod)
    const key = keyOf(pod)
    if (wait >= 0 && (this.#timers.has(key) || this.#marked.has(key))) return
    this.#cancelWithEvent(pod)
    this.#evictLater(pod, Math.max(0, wait))
  }

  #evictLater(pod: Pod, wait: number): void {
    const key = keyOf(pod)
    const { clock, client } = this.#context
    this.#timers.set(key, clock.schedule(wait, () => {
      this.#timers.delete(key)
      this.#marked.add(key)
      this.#events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`)
      const reached = ifReached(() => void ignoringGone(() => {
        markDisrupted(client, clock, pod, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint')
        client.delete('pods', pod.metadata.namespace, pod.metadata.name, { preconditions: { uid: pod.metadata.uid } })
      }))
      if (!reached) this.#evictLater(pod, RETRY)
    }, { background: wait > 0 }))
  }

  #cancelWithEvent(pod: Pod): void {
    if (this.#cancel(pod)) this.#events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${keyOf(pod)}`)
  }

  #cancel(pod: Pod): boolean {
    const key = keyOf(pod)
    const timer = this.#timers.get(key)
    this.#context.clock.cancel(timer)
    this.#timers.delete(key)
    this.#marked.delete(key)
    return timer !== undefined
  }
}
