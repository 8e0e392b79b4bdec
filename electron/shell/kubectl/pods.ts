import type { KubeObject, Pod } from '../../engine/kubernetes/types.ts'
import { formatLabelSelector, selectorFromSet } from '../../engine/kubernetes/selectors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import { KubectlError, quote } from './errors.ts'
import { at, type JsonObject, map, nameOf, namespaceOf, text } from './objects.ts'
import { type Info, resolveAll } from './resources.ts'
import { Watch } from './watching.ts'

/** The Pod behind "web", "pod/web", "deployment/web" or "svc/web": kubectl's pkg/polymorphichelpers. */

export function* oneObject(k: Kubectl, names: readonly string[], type = 'pods'): Task<Info> {
  const infos = yield* resolveAll(k, { names: { type, names } })
  return infos[0]!
}

const GO_TYPES: Record<string, string> = { '': 'v1', apps: 'v1', 'discovery.k8s.io': 'v1' }

/** The label selector of what stands before Pods. */
export function podSelector(object: JsonObject, resource: Info['resource'], purpose: string): string {
  switch (resource.kind) {
    case 'ReplicaSet':
    case 'Deployment':
    case 'DaemonSet':
    case 'StatefulSet':
    case 'Job':
      return formatLabelSelector(at(object, 'spec', 'selector') as never)
    case 'ReplicationController':
      return selectorFromSet(map(at(object, 'spec', 'selector')) as Record<string, string>).toString()
    case 'Service': {
      const selector = map(at(object, 'spec', 'selector')) as Record<string, string>
      if (Object.keys(selector).length === 0) throw new KubectlError(`${purpose} *v1.Service: invalid service '${nameOf(object)}': Service is defined without a selector`)
      return selectorFromSet(selector).toString()
    }
    default: {
      const go = `*${GO_TYPES[resource.group] ?? 'v1'}.${resource.kind}`
      throw new KubectlError(`${purpose} ${go}: selector for ${go} not implemented`)
    }
  }
}

/** Waits until there is a Pod; then them all, best first. */
export function* podsOf(k: Kubectl, info: Info, timeout: number, purpose: string, order: (a: Pod, b: Pod) => number): Task<Pod[]> {
  const labelSelector = podSelector(info.object!, info.resource, purpose)
  const namespace = namespaceOf(info.object)
  const found = k.client.list<Pod>('pods', { namespace, labelSelector })
  if (found.items.length > 0) return [...found.items].sort(order)
  const watch = new Watch(k, 'pods', { namespace, labelSelector, resourceVersion: found.resourceVersion })
  try {
    const deadline = k.process.clock.now + timeout
    for (;;) {
      const event = yield* watch.next(deadline)
      if (!event) throw new KubectlError('timed out waiting for the condition')
      if (event.type === 'ADDED' || event.type === 'MODIFIED') return [event.object as Pod]
    }
  } finally {
    watch.close()
  }
}

/** AttachablePodForObject: the Pod itself, or the most active of its Pods. */
export function* attachablePod(k: Kubectl, info: Info, timeout: number): Task<Pod> {
  if (info.resource.kind === 'Pod') return info.object as unknown as Pod
  return (yield* podsOf(k, info, timeout, 'cannot attach to', (a, b) => -byActivity(a, b)))[0]!
}

const PHASES: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 }

function ready(pod: Pod): boolean {
  return pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
}
function readySince(pod: Pod): string {
  const condition = pod.status.conditions?.find((c) => c.type === 'Ready' && c.status === 'True')
  return (condition?.lastTransitionTime as string | undefined) ?? ''
}
function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status.containerStatuses ?? []).map((c) => c.restartCount))
}

/** podutils.ActivePods: unassigned < assigned, pending < unknown < running, unready < ready, young < old, many restarts < few. */
function byActivity(a: Pod, b: Pod): number {
  if (!a.spec.nodeName !== !b.spec.nodeName) return a.spec.nodeName ? 1 : -1
  const phase = (PHASES[a.status.phase ?? ''] ?? 0) - (PHASES[b.status.phase ?? ''] ?? 0)
  if (phase !== 0) return phase
  if (ready(a) !== ready(b)) return ready(a) ? 1 : -1
  const deleted = (p: Pod): boolean => p.metadata.deletionTimestamp !== undefined
  if (deleted(a) !== deleted(b)) return deleted(a) ? -1 : 1
  if (ready(a) && readySince(a) !== readySince(b)) return readySince(a) > readySince(b) ? -1 : 1
  if (restarts(a) !== restarts(b)) return restarts(b) - restarts(a)
  if (a.metadata.creationTimestamp !== b.metadata.creationTimestamp) return a.metadata.creationTimestamp > b.metadata.creationTimestamp ? -1 : 1
  return 0
}

/** Pods that are done count as running here. */
const LOGGING_PHASES: Record<string, number> = { Unknown: 1, Pending: 2 }

/** podutils.ByLogging: assigned, running, ready, longer ready, more restarts, older first. */
export function byLogging(a: Pod, b: Pod): number {
  if (!a.spec.nodeName !== !b.spec.nodeName) return a.spec.nodeName ? -1 : 1
  const phase = (LOGGING_PHASES[a.status.phase ?? ''] ?? 0) - (LOGGING_PHASES[b.status.phase ?? ''] ?? 0)
  if (phase !== 0) return phase
  if (ready(a) !== ready(b)) return ready(a) ? -1 : 1
  if (ready(a) && readySince(a) !== readySince(b)) return readySince(a) < readySince(b) ? -1 : 1
  if (restarts(a) !== restarts(b)) return restarts(b) - restarts(a)
  if (a.metadata.creationTimestamp !== b.metadata.creationTimestamp) return a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1
  return 0
}

export interface ContainerRef { name: string; tty: boolean; kind: 'containers' | 'initContainers' | 'ephemeralContainers' }

export function containersOf(pod: Pod): ContainerRef[] {
  const refs = (kind: ContainerRef['kind']): ContainerRef[] => (pod.spec[kind] ?? []).map((c) => ({ name: c.name, tty: c.tty ?? false, kind }))
  return [...refs('containers'), ...refs('initContainers'), ...refs('ephemeralContainers')]
}

export function allContainerNames(pod: Pod): string {
  const all = containersOf(pod)
  const of = (kind: ContainerRef['kind'], mark: string): string[] => all.filter((c) => c.kind === kind).map((c) => c.name + mark)
  return [...of('containers', ''), ...of('ephemeralContainers', ' (ephem)'), ...of('initContainers', ' (init)')].join(', ')
}

export const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container'

/** The named container, else the annotated, else the first (said when there are more, on stderr unless `say` does it). */
export function* containerOf(k: Kubectl, pod: Pod, name: string, quiet: boolean, say?: (text: string) => Task): Task<ContainerRef> {
  const all = containersOf(pod)
  if (name) {
    const found = all.find((c) => c.name === name)
    if (!found) throw new KubectlError(`container ${name} not found in pod ${pod.metadata.name}`)
    return found
  }
  const annotated = pod.metadata.annotations?.[DEFAULT_CONTAINER]
  const preferred = annotated ? all.find((c) => c.name === annotated) : undefined
  if (preferred) return preferred
  const first = all[0]
  if (!first) throw new KubectlError(`pod ${pod.metadata.namespace}/${pod.metadata.name} does not have any containers`)
  if (!quiet && all.length > 1) {
    const text = `Defaulted container ${quote(first.name)} out of: ${allContainerNames(pod)}\n`
    yield* say ? say(text) : k.err(text)
  }
  return first
}

/** `meanwhile` runs after each look that did not find the condition. */
export function* waitForPod(k: Kubectl, namespace: string, name: string, timeout: number, condition: (pod: Pod) => boolean, meanwhile?: () => Task): Task<Pod> {
  const watch = new Watch(k, 'pods', { namespace, fieldSelector: `metadata.name=${name}` })
  try {
    const deadline = timeout > 0 ? k.process.clock.now + timeout : Infinity
    for (;;) {
      const event = yield* watch.next(deadline)
      if (!event) throw new KubectlError('timed out waiting for the condition')
      if (event.type === 'DELETED') throw new KubectlError('pods "" not found')
      if ((event.type === 'ADDED' || event.type === 'MODIFIED') && condition(event.object as Pod)) return event.object as Pod
      if (meanwhile) yield* meanwhile()
    }
  } finally {
    watch.close()
  }
}

/** GetPodRunningTimeoutFlag, in ms. */
export function podRunningTimeout(k: Kubectl): number {
  const ms = k.flags.duration('pod-running-timeout')
  if (ms <= 0) throw k.usageError('--pod-running-timeout must be higher than zero')
  return ms
}

export function phaseOf(object: KubeObject | JsonObject): string {
  return text(at(object, 'status', 'phase'))
}
