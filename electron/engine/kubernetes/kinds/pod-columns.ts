import { ageOf } from '../human-duration.ts'
import type { ContainerStatus, Pod } from '../types.ts'
import type { Column } from './kind.ts'

/** The columns of `kubectl get pods`: pkg/printers/internalversion/printers.go printPod (v1.33). */
interface Summary {
  ready: number
  total: number
  reason: string
  restarts: string
}

function summarize(pod: Pod, wall: number): Summary {
  const { status, spec, metadata } = pod
  let reason: string = status.reason || status.phase || ''
  if (status.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) reason = 'SchedulingGated'
  const restartable = new Set((spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name))
  const summary = { ready: 0, total: spec.containers.length + restartable.size }
  let restarts = 0
  let last = ''
  let sidecarRestarts = 0
  let lastOfSidecars = ''
  let initializing = false
  for (const [i, container] of (status.initContainerStatuses ?? []).entries()) {
    restarts += container.restartCount
    last = later(last, container)
    if (restartable.has(container.name)) {
      sidecarRestarts += container.restartCount
      lastOfSidecars = later(lastOfSidecars, container)
    }
    const { terminated, waiting } = container.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (restartable.has(container.name) && container.started) {
      if (container.ready) summary.ready++
      continue
    }
    if (terminated) reason = `Init:${terminated.reason || exitReason(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') reason = `Init:${waiting.reason}`
    else reason = `Init:${i}/${spec.initContainers?.length ?? 0}`
    initializing = true
    break
  }
  if (!initializing || status.conditions?.some((c) => c.type === 'Initialized' && c.status === 'True')) {
    restarts = sidecarRestarts
    last = lastOfSidecars
    let running = false
    for (const container of (status.containerStatuses ?? []).toReversed()) {
      restarts += container.restartCount
      last = later(last, container)
      const { terminated, waiting } = container.state ?? {}
      if (waiting?.reason) reason = waiting.reason
      else if (terminated) reason = terminated.reason || exitReason(terminated)
      else if (container.ready && container.state?.running) {
        running = true
        summary.ready++
      }
    }
    if (reason === 'Completed' && running) reason = isReady(pod) ? 'Running' : 'NotReady'
  }
  if (metadata.deletionTimestamp) {
    if (status.reason === 'NodeLost') reason = 'Unknown'
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') reason = 'Terminating'
  }
  return { ...summary, reason, restarts: restarts > 0 && last ? `${restarts} (${ageOf(last, wall)} ago)` : String(restarts) }
}

function later(last: string, container: ContainerStatus): string {
  const finished = container.lastState?.terminated?.finishedAt ?? ''
  return finished > last ? finished : last
}

function exitReason({ signal, exitCode }: { signal?: number; exitCode: number }): string {
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const passed = gates.filter((g) => pod.status.conditions?.some((c) => c.type === g.conditionType && c.status === 'True'))
  return `${passed.length}/${gates.length}`
}

/** One row is computed once though four cells are made of it. */
let memo: { pod: Pod; wall: number; summary: Summary } | undefined
function summary(pod: Pod, wall: number): Summary {
  if (memo?.pod !== pod || memo.wall !== wall) memo = { pod, wall, summary: summarize(pod, wall) }
  return memo.summary
}

export const POD_COLUMNS: readonly Column<Pod>[] = [
  { name: 'Name', format: 'name', cell: (pod) => pod.metadata.name },
  { name: 'Ready', cell: (pod, { wall }) => `${summary(pod, wall).ready}/${summary(pod, wall).total}` },
  { name: 'Status', cell: (pod, { wall }) => summary(pod, wall).reason },
  { name: 'Restarts', cell: (pod, { wall }) => summary(pod, wall).restarts },
  { name: 'Age', cell: (pod, { wall }) => ageOf(pod.metadata.creationTimestamp, wall) },
  { name: 'IP', priority: 1, cell: (pod) => pod.status.podIPs?.[0]?.ip || '<none>' },
  { name: 'Node', priority: 1, cell: (pod) => pod.spec.nodeName || '<none>' },
  { name: 'Nominated Node', priority: 1, cell: (pod) => pod.status.nominatedNodeName || '<none>' },
  { name: 'Readiness Gates', priority: 1, cell: readinessGates },
]
