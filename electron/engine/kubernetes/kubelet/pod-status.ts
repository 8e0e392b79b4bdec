import type { Clock } from '../../clock.ts'
import { timestamp } from '../human-duration.ts'
import type { ContainerStatus, Pod, PodCondition } from '../types.ts'
import type { PodWorker } from './pod-worker.ts'
import type { ContainerRecord } from './record.ts'

/** A Pod's status from its containers: pkg/kubelet getPhase, pkg/kubelet/status/generate.go. */
export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

interface Counts { running: number; waiting: number; stopped: number; succeeded: number; pendingInit: number; pendingSidecars: number }

/** `terminal`: nothing of the Pod will be started again, whatever its restart policy. */
export function phaseOf(pod: Pod, init: readonly ContainerRecord[], main: readonly ContainerRecord[], terminal = false): Phase {
  const policy = pod.spec.restartPolicy ?? 'Always'
  const initialized = main.some((c) => c.ran)
  const n: Counts = { running: 0, waiting: 0, stopped: 0, succeeded: 0, pendingInit: 0, pendingSidecars: 0 }
  let failedInit = false
  for (const c of init) {
    if (c.kind === 'sidecar') countSidecar(c, n)
    else if (c.running || !c.lastEnd) n.pendingInit++
    else if (c.lastEnd.exitCode !== 0) failedInit = true
  }
  for (const c of main) {
    if (c.running) n.running++
    else if (!c.lastEnd) n.waiting++
    else {
      n.stopped++
      if (c.terminated?.exitCode === 0) n.succeeded++
    }
  }
  if (failedInit && policy === 'Never') return 'Failed'
  if (n.pendingInit > 0 || (n.pendingSidecars > 0 && !initialized) || n.waiting > 0) return 'Pending'
  if (n.running > 0) return 'Running'
  if (n.stopped === 0) return 'Pending'
  if (terminal) return n.stopped === n.succeeded ? 'Succeeded' : 'Failed'
  if (policy === 'Always') return 'Running'
  if (n.stopped === n.succeeded) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
}

/** A sidecar that ended does not count: it is restarted, or goes with the others. */
function countSidecar(c: ContainerRecord, n: Counts): void {
  if (c.running) {
    n.running++
    if (!c.started) n.pendingSidecars++
  } else if (!c.lastEnd) {
    n.pendingSidecars++
    n.waiting++
  }
}

/** The whole status, as generateAPIPodStatus makes it. */
export function podStatus(worker: PodWorker): Pod['status'] {
  const { pod, init, main, ephemeral, host, ips, verdict } = worker
  const phase = verdict ? 'Failed' : phaseOf(pod, init, main, worker.terminating || worker.over)
  const conditions = withResize(worker, conditionsOf(pod, { clock: worker.clock, phase, hasSandbox: worker.sandbox !== undefined, init, main }))
  return {
    conditions,
    ...(main.length > 0 ? { containerStatuses: byName(main) } : {}),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: byName(ephemeral) } : {}),
    hostIP: host.nodeIps[0],
    hostIPs: addressesOf(host.nodeIps, pod.status.hostIPs),
    ...(init.length > 0 ? { initContainerStatuses: init.map((c) => c.status()) } : {}),
    ...(verdict ? { message: verdict.message } : {}),
    phase,
    ...(ips.length > 0 ? { podIP: ips[0]!, podIPs: addressesOf(ips, pod.status.podIPs) } : {}),
    ...(pod.status.qosClass ? { qosClass: pod.status.qosClass } : {}),
    ...(verdict ? { reason: verdict.reason } : {}),
    startTime: worker.startTime,
  } as Pod['status']
}

function addressesOf(ips: readonly string[], former: Pod['status']['hostIPs']): { ip: string }[] {
  return former?.length === ips.length && former.every(({ ip }, i) => ip === ips[i]) ? (former as { ip: string }[]) : ips.map((ip) => ({ ip }))
}

/** KEP-1287: a resize that cannot be. */
function withResize({ resizeProblem: message, clock }: PodWorker, conditions: PodCondition[]): PodCondition[] {
  const at = conditions.findIndex((c) => c.type === 'PodResizePending')
  if (message === undefined) return at < 0 ? conditions : conditions.toSpliced(at, 1)
  if (at >= 0 && conditions[at]!.message === message) return conditions
  const condition = { lastTransitionTime: timestamp(clock.wall()), message, reason: 'Infeasible', status: 'True', type: 'PodResizePending', lastProbeTime: null as unknown as string }
  return [condition, ...conditions.filter((_, i) => i !== at)]
}

function byName(records: readonly ContainerRecord[]): ContainerStatus[] {
  return records.map((c) => c.status()).sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface Facts {
  clock: Clock
  phase: Phase
  hasSandbox: boolean
  init: readonly ContainerRecord[]
  main: readonly ContainerRecord[]
}

type Verdict = { ok: boolean; reason?: string; message?: string }

export function conditionsOf(pod: Pod, facts: Facts): PodCondition[] {
  const { clock } = facts
  const containers = containersReady(facts)
  const verdicts: [string, Verdict][] = [
    ['PodReadyToStartContainers', { ok: facts.hasSandbox }],
    ['Initialized', initialized(facts)],
    ['Ready', ready(pod, containers)],
    ['ContainersReady', containers],
  ]
  const former = pod.status.conditions ?? []
  const out = verdicts.map(([type, { ok, reason, message }]): PodCondition => {
    const status = ok ? 'True' : 'False'
    const old = former.find((c) => c.type === type)
    // one that is as it was is the same object: nobody has to look into it
    if (old && old.status === status && old.reason === reason && (old.message ?? '') === (reason ? (message ?? '') : '')) return old
    return {
      ...(reason ? { message: message ?? '', reason } : {}),
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : timestamp(clock.wall()),
      status,
      type,
      lastProbeTime: null as unknown as string,
    }
  })
  for (const c of out) if (c.message === '' && !former.includes(c)) delete c.message
  const own = new Set(verdicts.map(([type]) => type))
  const others = former.filter((c) => !own.has(c.type))
  // A Pod that did not come through the scheduler is scheduled all the same.
  if (!others.some((c) => c.type === 'PodScheduled')) others.push({ type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(clock.wall()), lastProbeTime: null as unknown as string })
  return [...out, ...others]
}

function containersReady({ phase, init, main }: Facts): Verdict {
  if (phase === 'Succeeded') return { ok: false, reason: 'PodCompleted' }
  if (phase === 'Failed') return { ok: false, reason: 'PodFailed' }
  const unready = [...init.filter((c) => c.kind === 'sidecar'), ...main].filter((c) => !(c.running && c.ready)).map((c) => c.spec.name)
  if (unready.length === 0) return { ok: true }
  return { ok: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
}

function ready(pod: Pod, containers: Verdict): Verdict {
  if (!containers.ok) return containers
  const gates = (pod.spec.readinessGates ?? []).map((g) => g.conditionType)
  const missing = gates.filter((type) => !pod.status.conditions?.some((c) => c.type === type && c.status === 'True'))
  if (missing.length === 0) return { ok: true }
  const message = missing.map((type) => (pod.status.conditions?.some((c) => c.type === type) ? `the status of pod readiness gate "${type}" is not "True", but False` : `corresponding condition of pod readiness gate "${type}" does not exist.`)).join(', ')
  return { ok: false, reason: 'ReadinessGatesNotReady', message }
}

function initialized({ phase, init, main }: Facts): Verdict {
  if (phase === 'Succeeded') return { ok: true, reason: 'PodCompleted' }
  // Where a container of the Pod proper has started, a sidecar that restarts changes nothing.
  if (main.some((c) => c.ran)) return { ok: true }
  const incomplete = init.filter((c) => (c.kind === 'sidecar' ? !c.started : !c.succeeded)).map((c) => c.spec.name)
  if (incomplete.length === 0) return { ok: true }
  return { ok: false, reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${incomplete.join(' ')}]` }
}
