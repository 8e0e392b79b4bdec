import { deepEqual, sortedJson } from '../json.ts'
import type { DaemonSet, Node, Pod } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { scaled } from './deployment-math.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { matchesNodeSelection, untolerated } from './node-fit.ts'
import { claim, controllerOf } from './ownership.ts'
import { BY_OWNER, ORPHANS, isAvailable, isReady, isTerminal, orphanNamespace, ownerUid } from './pods.ts'
import { podFromTemplate, safeHash } from './template.ts'
import { WorkQueue } from './workqueue.ts'

const HASH = 'controller-revision-hash'
const GENERATION = 'pod-template-generation'

/** Daemons stay on a node whatever happens to it: pkg/controller/daemon/util AddOrUpdateDaemonPodTolerations. */
function tolerations(hostNetwork: boolean): object[] {
  const exists = (key: string, effect: string): object => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect })
  return [
    exists('not-ready', 'NoExecute'), exists('unreachable', 'NoExecute'), exists('disk-pressure', 'NoSchedule'), exists('memory-pressure', 'NoSchedule'),
    exists('pid-pressure', 'NoSchedule'), exists('unschedulable', 'NoSchedule'), ...(hostNetwork ? [exists('network-unavailable', 'NoSchedule')] : []),
  ]
}

/** One Pod of a DaemonSet on every node that it fits: pkg/controller/daemon. */
export class DaemonSetController implements Controller {
  readonly #context: ControllerContext
  readonly #sets: Informer<DaemonSet>
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder

  constructor(context: ControllerContext) {
    this.#context = context
    this.#sets = context.informers.of<DaemonSet>('daemonsets')
    this.#nodes = context.informers.of<Node>('nodes')
    this.#pods = context.informers.of<Pod>('pods')
    this.#pods.index(BY_OWNER, ownerUid)
    this.#pods.index(ORPHANS, orphanNamespace)
    this.#events = new EventRecorder(context.client, context.clock, 'daemonset-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key))
    const add = (set: DaemonSet): void => this.#queue.add(keyOf(set))
    this.#sets.on({ onAdd: add, onUpdate: add })
    const onPod = (pod: Pod): void => {
      const owner = controllerOf(pod)
      if (owner?.kind === 'DaemonSet') this.#queue.add(`${pod.metadata.namespace}/${owner.name}`)
    }
    this.#pods.on({ onAdd: onPod, onUpdate: onPod, onDelete: onPod })
    const all = (): void => {
      for (const set of this.#sets.values()) add(set)
    }
    this.#nodes.on({
      onAdd: all,
      onUpdate: (node, old) => {
        if (!deepEqual(node.spec.taints, old.spec.taints) || !deepEqual(node.metadata.labels, old.metadata.labels)) all()
      },
      onDelete: all,
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): void {
    const set = this.#sets.byKey(key)
    if (!set || set.metadata.deletionTimestamp) return
    const pods = claim(this.#context.client, 'pods', set, this.#pods)
    const hash = safeHash(sortedJson(set.spec.template))
    const byNode = new Map<string, Pod[]>()
    for (const pod of pods) {
      const node = targetNode(pod)
      if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), pod])
    }
    this.#manage(set, byNode, hash)
    this.#roll(set, byNode, hash)
    this.#updateStatus(set, byNode, hash)
  }

  #manage(set: DaemonSet, byNode: ReadonlyMap<string, Pod[]>, hash: string): void {
    for (const node of this.#nodes.values()) {
      const present = byNode.get(node.metadata.name) ?? []
      const fit = this.#fits(set, node)
      const live = present.filter((p) => !p.metadata.deletionTimestamp)
      if (fit.run && present.length === 0) this.#create(set, node, hash)
      else if (!fit.stay) for (const pod of live) this.#delete(set, pod)
      else {
        for (const pod of live.filter(isTerminal)) {
          if (pod.status.phase === 'Failed') this.#events.event(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${keyOf(pod)} on node ${node.metadata.name}, will try to kill it`)
          this.#delete(set, pod)
        }
        for (const pod of live.filter((p) => !isTerminal(p)).slice(1)) this.#delete(set, pod)
      }
    }
    for (const [name, pods] of byNode) if (!this.#nodes.get(undefined, name)) for (const pod of pods.filter((p) => !p.metadata.deletionTimestamp)) this.#delete(set, pod)
  }

  #fits(set: DaemonSet, node: Node): { run: boolean; stay: boolean } {
    const template = set.spec.template.spec!
    const spec = { ...template, tolerations: [...(template.tolerations ?? []), ...(tolerations(!!template.hostNetwork) as [])] }
    if ((template.nodeName && template.nodeName !== node.metadata.name) || !matchesNodeSelection(spec, node)) return { run: false, stay: false }
    return { run: !untolerated(spec, node, ['NoSchedule', 'NoExecute']), stay: !untolerated(spec, node, ['NoExecute']) }
  }

  #create(set: DaemonSet, node: Node, hash: string): void {
    const { template } = set.spec
    const labels = { ...template.metadata?.labels, [HASH]: hash, [GENERATION]: String(set.metadata.generation ?? 1) }
    const spec = template.spec!
    const required = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.metadata.name] }] }] }
    const pod = podFromTemplate(
      {
        metadata: { ...template.metadata, labels },
        spec: {
          ...spec,
          affinity: { ...spec.affinity, nodeAffinity: { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required } },
          tolerations: [...(spec.tolerations ?? []), ...(tolerations(!!spec.hostNetwork) as [])],
        },
      },
      set,
    )
    const created = this.#context.client.create<Pod>('pods', set.metadata.namespace, pod, AGENT_WRITE)
    this.#events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
  }

  #delete(set: DaemonSet, pod: Pod): void {
    this.#context.client.delete('pods', pod.metadata.namespace, pod.metadata.name)
    this.#events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
  }

  /** RollingUpdate: old Pods go, as many at once as may be unavailable; #manage makes the new ones. */
  #roll(set: DaemonSet, byNode: ReadonlyMap<string, Pod[]>, hash: string): void {
    if (set.spec.updateStrategy?.type === 'OnDelete') return
    const pods = [...byNode.values()].flat().filter((p) => !p.metadata.deletionTimestamp)
    const wanted = [...this.#nodes.values()].filter((n) => this.#fits(set, n).run).length
    const limit = Math.max(1, scaled(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted, 'up'))
    let room = limit - (wanted - pods.filter((p) => isAvailable(p, set.spec.minReadySeconds ?? 0, this.#context.clock)).length)
    for (const pod of pods.filter((p) => p.metadata.labels?.[HASH] !== hash)) {
      const costs = isReady(pod) ? 1 : 0
      if (room < costs) continue
      room -= costs
      this.#delete(set, pod)
    }
  }

  #updateStatus(set: DaemonSet, byNode: ReadonlyMap<string, Pod[]>, hash: string): void {
    const { client, clock } = this.#context
    const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 }
    for (const node of this.#nodes.values()) {
      const pod = byNode.get(node.metadata.name)?.[0]
      if (!this.#fits(set, node).run) {
        if (pod) counts.misscheduled++
        continue
      }
      counts.desired++
      if (!pod) continue
      counts.current++
      if (isReady(pod)) counts.ready++
      if (isAvailable(pod, set.spec.minReadySeconds ?? 0, clock)) counts.available++
      if (pod.metadata.labels?.[HASH] === hash) counts.updated++
    }
    const unavailable = counts.desired - counts.available
    const status: DaemonSet['status'] = {
      currentNumberScheduled: counts.current,
      numberMisscheduled: counts.misscheduled,
      desiredNumberScheduled: counts.desired,
      numberReady: counts.ready,
      observedGeneration: set.metadata.generation ?? 0,
      ...(counts.updated ? { updatedNumberScheduled: counts.updated } : {}),
      ...(counts.available ? { numberAvailable: counts.available } : {}),
      ...(unavailable ? { numberUnavailable: unavailable } : {}),
    }
    if (!deepEqual(status, set.status)) client.update('daemonsets', set.metadata.namespace, set.metadata.name, { ...set, status }, AGENT_STATUS)
  }
}

/** The node that a daemon Pod is on or is meant for. */
function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms.flatMap((t) => t.matchFields ?? []).find((f) => f.key === 'metadata.name')?.values?.[0]
}
