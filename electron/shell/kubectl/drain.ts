import { StatusError } from '../../engine/kubernetes/client.ts'
import { goDuration } from '../../engine/kubernetes/kubelet/go-duration.ts'
import { parseSelector, SelectorError } from '../../engine/kubernetes/selectors.ts'
import type { Pod } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, type DryRun, dryRunned, type Kubectl } from './command.ts'
import { drainable, type Drainable } from './drain-filters.ts'
import { AggregateError, isNotFound, KubectlError, messageOf, quote } from './errors.ts'
import { DRY_RUN_FLAG, flags, SELECTOR_FLAG } from './flags.ts'
import { nodesOf, setSchedulable } from './nodes.ts'

/** kubectl drain: pkg/cmd/drain and pkg/drain (v1.33). */
export const drain: Command = {
  name: 'drain',
  short: 'Drain node in preparation for maintenance',
  use: 'drain NODE',
  flags: flags(SELECTOR_FLAG, DRY_RUN_FLAG, `
    --chunk-size int=500 -
    --delete-emptydir-data bool
    --disable-eviction bool
    --force bool
    --grace-period int=-1
    --ignore-daemonsets bool
    --pod-selector string
    --skip-wait-for-delete-timeout int
    --timeout duration
  `),
  *run(k): Task<number> {
    const nodes = yield* nodesOf(k, 'drain', () => checkPodSelector(k.flags.string('pod-selector')))
    const dryRun = yield* k.dryRun()
    yield* setSchedulable(k, nodes, true, dryRun)
    const failed: { name: string; error: unknown }[] = []
    for (const { name } of nodes) {
      try {
        yield* drainNode(k, name, dryRun)
        yield* k.out(`node/${name} ${dryRunned('drained', dryRun)}\n`)
      } catch (error) {
        if (!(error instanceof KubectlError || error instanceof StatusError)) throw error
        yield* k.err(`error: unable to drain node ${quote(name)} due to error: ${messageOf(error)}, continuing command...\n`)
        failed.push({ name, error })
      }
    }
    if (failed.length === 0) return 0
    yield* k.err(`There are pending nodes to be drained:\n${failed.map(({ name }) => ` ${name}\n`).join('')}`)
    throw new AggregateError(failed.map(({ error }) => error))
  },
}

/** How often drain looks whether a Pod is gone, and waits after a budget refused (ms). */
const POLL = 1000
const RETRY = 5000

function checkPodSelector(selector: string): void {
  try {
    parseSelector(selector)
  } catch (error) {
    if (error instanceof SelectorError) throw new KubectlError('--pod-selector=<pod_selector> must be a valid label selector')
    throw error
  }
}

function* drainNode(k: Kubectl, node: string, dryRun: DryRun): Task {
  const found = podsToDelete(k, node)
  if (found.errors.length > 0) throw new AggregateError(found.errors)
  if (found.warning !== '') yield* k.warn(found.warning)
  if (dryRun === 'client') {
    for (const { metadata } of found.pods) yield* k.out(`evicting pod ${metadata.namespace}/${metadata.name} (dry run)\n`)
    return
  }
  if (found.pods.length === 0) return
  try {
    if (k.flags.bool('disable-eviction')) yield* deletePods(k, found.pods, dryRun)
    else yield* evictPods(k, found.pods, dryRun)
  } catch (error) {
    if (!(error instanceof KubectlError || error instanceof StatusError)) throw error
    const pending = podsToDelete(k, node)
    if (pending.pods.length > 0) {
      yield* k.err(`There are pending pods in node ${quote(node)} when an error occurred: ${messageOf(error)}\n${pending.pods.map((p) => `pod/${p.metadata.name}\n`).join('')}`)
    }
    if (pending.errors.length > 0) yield* k.err(`Following errors occurred while getting the list of pods to delete:\n${new AggregateError(pending.errors).message}`)
    throw error
  }
}

function podsToDelete(k: Kubectl, node: string): Drainable {
  const selector = k.flags.string('pod-selector')
  const { items } = k.client.list<Pod>('pods', { fieldSelector: `spec.nodeName=${node}`, ...(selector ? { labelSelector: selector } : {}) })
  return drainable(k, items)
}

function deleteOptions(k: Kubectl, dryRun: DryRun): { gracePeriodSeconds?: number; dryRun?: boolean } {
  const grace = k.flags.int('grace-period')
  return { ...(grace >= 0 ? { gracePeriodSeconds: grace } : {}), ...(dryRun === 'server' ? { dryRun: true } : {}) }
}

/** One Pod on its way: kubectl has a goroutine for each. */
interface Eviction {
  pod: Pod
  step: 'evict' | 'wait' | 'done'
  /** When its next step is due (virtual ms). */
  due: number
}

function* evictPods(k: Kubectl, pods: readonly Pod[], dryRun: DryRun): Task {
  const { clock } = k.process
  const timeout = k.flags.duration('timeout')
  const deadline = timeout === 0 ? Infinity : clock.now + timeout
  const evictions: Eviction[] = pods.map((pod) => ({ pod, step: 'evict', due: clock.now }))
  const errors: unknown[] = []
  for (;;) {
    for (const eviction of evictions) {
      if (eviction.step === 'done' || eviction.due > clock.now) continue
      try {
        if (eviction.step === 'evict') yield* evict(k, eviction, dryRun, deadline)
        if (eviction.step === 'wait') yield* look(k, eviction, deadline)
      } catch (error) {
        if (!(error instanceof KubectlError)) throw error
        eviction.step = 'done'
        errors.push(error)
      }
    }
    const left = evictions.filter((e) => e.step !== 'done')
    if (left.length === 0) break
    yield* k.process.sleep(Math.min(...left.map((e) => e.due)) - clock.now)
  }
  if (errors.length > 0) throw new AggregateError(errors)
}

function* evict(k: Kubectl, eviction: Eviction, dryRun: DryRun, deadline: number): Task {
  const { clock } = k.process
  const { name, namespace } = eviction.pod.metadata
  yield* k.out(`evicting pod ${namespace}/${name}${dryRun === 'server' ? ' (server dry run)' : ''}\n`)
  if (clock.now >= deadline) {
    throw new KubectlError(`error when evicting pods/${quote(name)} -n ${quote(namespace)}: global timeout reached: ${goDuration(k.flags.duration('timeout'))}`)
  }
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions: deleteOptions(k, 'none') }
  try {
    yield* k.decided(() => k.client.createSubresource('pods', namespace, name, 'eviction', body, { dryRun: dryRun === 'server' }))
    eviction.step = dryRun === 'server' ? 'done' : 'wait'
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const again = `(will retry after 5s): ${error.message}\n`
    if (isNotFound(error)) eviction.step = 'done'
    else if (error.status.code === 429) {
      yield* k.err(`error when evicting pods/${quote(name)} -n ${quote(namespace)} ${again}`)
      eviction.due = clock.now + RETRY
    } else if (error.status.code === 403 && error.status.details?.causes?.some((c) => c.reason === 'NamespaceTerminating')) {
      if (eviction.pod.metadata.deletionTimestamp) eviction.step = 'wait'
      else {
        yield* k.err(`error when evicting pod ${quote(name)} from terminating namespace ${quote(namespace)} ${again}`)
        eviction.due = clock.now + RETRY
      }
    } else throw new KubectlError(`error when evicting pods/${quote(name)} -n ${quote(namespace)}: ${error.message}`)
  }
}

/** Whether the Pod is gone; if not, when to look again. */
function* look(k: Kubectl, eviction: Eviction, deadline: number): Task {
  const { clock } = k.process
  const { name, namespace } = eviction.pod.metadata
  if (yield* isGone(k, eviction.pod, 'evicted')) {
    eviction.step = 'done'
    return
  }
  if (clock.now >= deadline) throw new KubectlError(`error when waiting for pod ${quote(name)} in namespace ${quote(namespace)} to terminate: context deadline exceeded`)
  eviction.due = Math.min(clock.now + POLL, deadline)
}

function* deletePods(k: Kubectl, pods: readonly Pod[], dryRun: DryRun): Task {
  const { clock } = k.process
  for (const { metadata } of pods) {
    try {
      yield* k.decided(() => k.client.delete('pods', metadata.namespace, metadata.name, deleteOptions(k, dryRun)))
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  if (dryRun === 'server') return
  const timeout = k.flags.duration('timeout')
  const deadline = timeout === 0 ? Infinity : clock.now + timeout
  let left = [...pods]
  for (;;) {
    const still: Pod[] = []
    for (const pod of left) if (!(yield* isGone(k, pod, 'deleted'))) still.push(pod)
    left = still
    if (left.length === 0) return
    if (clock.now >= deadline) throw new KubectlError('context deadline exceeded')
    yield* k.process.sleep(Math.min(POLL, deadline - clock.now))
  }
}

function* isGone(k: Kubectl, pod: Pod, verb: 'evicted' | 'deleted'): Task<boolean> {
  const { name, namespace, uid } = pod.metadata
  try {
    const now = k.client.get<Pod>('pods', namespace, name)
    if (now.metadata.uid === uid) {
      const skip = k.flags.int('skip-wait-for-delete-timeout')
      const { deletionTimestamp } = now.metadata
      if (skip <= 0 || !deletionTimestamp || Math.floor((k.now - Date.parse(deletionTimestamp)) / 1000) <= skip) return false
      yield* k.out(`pod ${quote(name)} has DeletionTimestamp older than ${skip} seconds, skipping\n`)
      return true
    }
  } catch (error) {
    if (!isNotFound(error)) {
      if (error instanceof StatusError) yield* k.out(`pod/${name} ${verb === 'evicted' ? 'eviction' : 'deletion'} failed\n`)
      throw error
    }
  }
  yield* k.out(`pod/${name} ${verb}\n`)
  return true
}
