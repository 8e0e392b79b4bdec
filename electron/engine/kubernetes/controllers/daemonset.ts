import { StatusError } from '../client.ts'
import { deepEqual } from '../json.ts'
import type { ControllerRevision, DaemonSet, Node, Pod } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { allowsSurge, byAge, daemonPod, daemonTolerations, isUpdated, rollingStep, surplusPods, targetNode } from './daemonset-pods.ts'
import { EventRecorder } from './events.ts'
import { byRevision, createRevision, hasTemplate, renumber, REVISION_HASH, truncateHistory } from './history.ts'
import { keyOf, type Informer } from './informer.ts'
import { matchesNodeSelection, untolerated } from './node-fit.ts'
import { claim, controllerOf, ignoringGone } from './ownership.ts'
import { OF_OWNERS, BY_OWNER, ORPHANS, isAvailable, isReady, isTerminal, orphanNamespace, ownerUid } from './pods.ts'
import { templateHash } from './template.ts'
import { WorkQueue } from './workqueue.ts'

/** A Pod that fails again on its node is left for a while that doubles (1 s to 15 min; forgotten after twice the longest), before another takes its place. */
const BACKOFF = 1000
const MAX_BACKOFF = 900_000
/** Beyond so many nodes looking at them takes its time, in virtual ms for each. */
const FEW_NODES = 100
const LOOK = 0.2

interface Fit { run: boolean; stay: boolean }

/** What one turn sees; each node is looked at once. */
interface Turn {
  set: DaemonSet
  hash: string
  byNode: ReadonlyMap<string, Pod[]>
  fits: ReadonlyMap<string, Fit>
  wanted: number
}

/** One Pod of a DaemonSet on every node that it fits: pkg/controller/daemon. */
export class DaemonSetController implements Controller {
  readonly #context: ControllerContext
  readonly #sets: Informer<DaemonSet>
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #revisions: Informer<ControllerRevision>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder
  /** DaemonSet's uid and node → the wait after the last failed Pod was removed, and when that was (virtual ms). */
  readonly #failures = new Map<string, { wait: number; last: number }>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#sets = context.informers.of<DaemonSet>('daemonsets')
    this.#nodes = context.informers.of<Node>('nodes')
    this.#pods = context.informers.of<Pod>('pods')
    this.#revisions = context.informers.of<ControllerRevision>('controllerrevisions')
    for (const informer of [this.#pods, this.#revisions]) {
      informer.index(BY_OWNER, ownerUid, OF_OWNERS)
      informer.index(ORPHANS, orphanNamespace, OF_OWNERS)
    }
    this.#events = new EventRecorder(context.client, context.clock, 'daemonset-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('daemonset'))
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

  #sync(key: string): number {
    const set = this.#sets.byKey(key)
    if (!set || set.metadata.deletionTimestamp) return 0
    const { client } = this.#context
    const { current, all } = this.#chooseRevision(set)
    const hash = current.metadata.labels?.[REVISION_HASH] ?? ''
    const turn = this.#look(set, hash)
    const busy = this.#manage(turn)
    // After a change the next turn sees what came of it.
    if (!busy && set.spec.updateStrategy?.type === 'RollingUpdate') this.#roll(turn)
    const live = new Set([hash, ...[...turn.byNode.values()].flat().map((p) => p.metadata.labels?.[REVISION_HASH])])
    truncateHistory(client, set, all, (r) => live.has(r.metadata.labels?.[REVISION_HASH]))
    this.#updateStatus(turn)
    return turn.fits.size > FEW_NODES ? turn.fits.size * LOOK : 0
  }

  // ---- revisions ---------------------------------------------------------------------------------------------

  #chooseRevision(set: DaemonSet): { current: ControllerRevision; all: readonly ControllerRevision[] } {
    const { client } = this.#context
    const all = claim(client, 'controllerrevisions', set, this.#revisions).sort(byRevision)
    const equal = all.filter((r) => hasTemplate(r, set.spec.template)).at(-1)
    const next = Math.max(0, ...all.filter((r) => r !== equal).map((r) => r.revision)) + 1
    if (equal) return { current: equal.revision < next ? renumber(client, equal, next) : equal, all }
    for (let collisions = set.status.collisionCount; ; collisions = (collisions ?? 0) + 1) {
      const hash = templateHash(set.spec.template, collisions)
      try {
        const current = createRevision(client, set, `${set.metadata.name}-${hash}`, { ...set.spec.template.metadata?.labels, [REVISION_HASH]: hash }, next)
        return { current, all }
      } catch (error) {
        if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error
      }
    }
  }

  // ---- what is there -----------------------------------------------------------------------------------------

  #look(set: DaemonSet, hash: string): Turn {
    const byNode = new Map<string, Pod[]>()
    const surging = allowsSurge(set)
    for (const pod of claim(this.#context.client, 'pods', set, this.#pods)) {
      const node = targetNode(pod)
      // While it surges, what is on its way out does not stand in the way.
      if (node === undefined || (surging && pod.metadata.deletionTimestamp)) continue
      const present = byNode.get(node)
      if (present) present.push(pod)
      else byNode.set(node, [pod])
    }
    const template = set.spec.template.spec!
    const spec = { ...template, tolerations: [...(template.tolerations ?? []), ...(daemonTolerations(!!template.hostNetwork) as [])] }
    const fits = new Map<string, Fit>()
    let wanted = 0
    for (const node of this.#nodes.values()) {
      const { name } = node.metadata
      const chosen = (!template.nodeName || template.nodeName === name) && matchesNodeSelection(spec, node)
      const fit = { run: chosen && !untolerated(spec, node, ['NoSchedule', 'NoExecute']), stay: chosen && !untolerated(spec, node, ['NoExecute']) }
      fits.set(name, fit)
      if (fit.run) wanted++
    }
    return { set, hash, byNode, fits, wanted }
  }

  // ---- what is done ------------------------------------------------------------------------------------------

  /** Makes and deletes Pods so that each node has its own. True when it did. */
  #manage({ set, hash, byNode, fits }: Turn): boolean {
    let busy = false
    const remove = (pod: Pod): void => {
      busy = true
      this.#delete(set, pod)
    }
    for (const [node, fit] of fits) {
      const present = byNode.get(node) ?? []
      const live = present.filter((p) => !p.metadata.deletionTimestamp)
      if (fit.run && present.length === 0) {
        busy = true
        this.#create(set, node, hash)
      } else if (!fit.stay) live.forEach(remove)
      else {
        for (const pod of live.filter(isTerminal)) if (this.#mayGo(set, pod, node)) remove(pod)
        surplusPods(set, live.filter((p) => !isTerminal(p)), hash, this.#context.clock).forEach(remove)
      }
    }
    for (const [node, pods] of byNode) if (!fits.has(node)) pods.filter((p) => !p.metadata.deletionTimestamp).forEach(remove)
    return busy
  }

  /** Whether a Pod that ended is to be replaced now: one that failed soon after another stays, for everybody to see. */
  #mayGo(set: DaemonSet, pod: Pod, node: string): boolean {
    const which = `daemon pod ${keyOf(pod)} on node ${node}`
    if (pod.status.phase === 'Succeeded') {
      this.#events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${which}, will try to delete it`)
      return true
    }
    const { now } = this.#context.clock
    const key = `${set.metadata.uid}/${node}`
    const former = this.#failures.get(key)
    const known = former && now - former.last <= 2 * MAX_BACKOFF ? former : undefined
    if (known && now - known.last < known.wait) {
      this.#queue.addAfter(keyOf(set), known.wait, { background: true })
      return false
    }
    this.#failures.set(key, { wait: known ? Math.min(MAX_BACKOFF, known.wait * 2) : BACKOFF, last: now })
    this.#events.event(set, 'Warning', 'FailedDaemonPod', `Found failed ${which}, will try to kill it`)
    return true
  }

  #create(set: DaemonSet, node: string, hash: string): void {
    try {
      const created = this.#context.client.create<Pod>('pods', set.metadata.namespace, daemonPod(set, node, hash), AGENT_WRITE)
      this.#events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
    } catch (error) {
      if (error instanceof StatusError && !error.message.includes('is being terminated')) this.#events.event(set, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
      throw error
    }
  }

  #delete(set: DaemonSet, pod: Pod): void {
    ignoringGone(() => this.#context.client.delete('pods', pod.metadata.namespace, pod.metadata.name))
    this.#events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
  }

  #roll({ set, hash, byNode, fits, wanted }: Turn): void {
    const { remove, create } = rollingStep(set, byNode, hash, wanted, (node) => fits.get(node)?.run ?? false, this.#context.clock)
    for (const pod of remove) this.#delete(set, pod)
    for (const node of create) this.#create(set, node, hash)
  }

  // ---- status ------------------------------------------------------------------------------------------------

  #updateStatus({ set, hash, byNode, fits, wanted }: Turn): void {
    const { client, clock } = this.#context
    const minReady = set.spec.minReadySeconds ?? 0
    const counts = { current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 }
    for (const [node, fit] of fits) {
      const pods = byNode.get(node)
      if (!pods) continue
      if (!fit.run) {
        counts.misscheduled++
        continue
      }
      counts.current++
      const pod = pods.length === 1 ? pods[0]! : [...pods].sort(byAge)[0]!
      if (isReady(pod)) counts.ready++
      if (isAvailable(pod, minReady, clock)) counts.available++
      if (isUpdated(pods.length === 1 ? pod : (pods.find((p) => isUpdated(p, hash)) ?? pod), hash)) counts.updated++
    }
    const unavailable = wanted - counts.available
    const status: DaemonSet['status'] = {
      currentNumberScheduled: counts.current,
      numberMisscheduled: counts.misscheduled,
      desiredNumberScheduled: wanted,
      numberReady: counts.ready,
      observedGeneration: set.metadata.generation ?? 0,
      ...(counts.updated ? { updatedNumberScheduled: counts.updated } : {}),
      ...(counts.available ? { numberAvailable: counts.available } : {}),
      ...(unavailable ? { numberUnavailable: unavailable } : {}),
    }
    if (minReady > 0 && counts.ready !== counts.available) this.#queue.addAfter(keyOf(set), minReady * 1000)
    if (!deepEqual(status, set.status)) client.update('daemonsets', set.metadata.namespace, set.metadata.name, { ...set, status }, AGENT_STATUS)
  }
}
