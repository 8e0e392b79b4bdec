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
  // Keys in the order of the API's JSON, one after the other: every Pod asks for this several times.
  const status: Record<string, unknown> = { conditions }
  if (main.length > 0) status['containerStatuses'] = byName(main)
  if (ephemeral.length > 0) status['ephemeralContainerStatuses'] = byName(ephemeral)
  status['hostIP'] = host.nodeIps[0]
  status['hostIPs'] = addressesOf(host.nodeIps, pod.status.hostIPs)
  if (init.length > 0) status['initContainerStatuses'] = init.map((c) => c.status())
  if (verdict) status['message'] = verdict.message
  status['phase'] = phase
  if (ips.length > 0) {
    status['podIP'] = ips[0]!
    status['podIPs'] = addressesOf(ips, pod.status.podIPs)
  }
  if (pod.status.qosClass) status['qosClass'] = pod.status.qosClass
  if (verdict) status['reason'] = verdict.reason
  status['startTime'] = worker.startTime
  return status as unknown as Pod['status']
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
  const all = records.map((c) => c.status())
  return all.length > 1 ? all.sort((a, b) => (a.name < b.name ? -1 : 1)) : all
}

interface Facts {
  clock: Clock
  phase: Phase
  hasSandbox: boolean
  init: readonly ContainerRecord[]
  main: readonly ContainerRecord[]
}

interface Verdict { ok: boolean; reason?: string; message?: string }
const YES: Verdict = { ok: true }
const NO: Verdict = { ok: false }
const OWN: ReadonlySet<string> = new Set(['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'])

export function conditionsOf(pod: Pod, facts: Facts): PodCondition[] {
  const { clock } = facts
  const containers = containersReady(facts)
  const former = pod.status.conditions ?? []
  const out = [
    condition(former, 'PodReadyToStartContainers', facts.hasSandbox ? YES : NO, clock),
    condition(former, 'Initialized', initialized(facts), clock),
    condition(former, 'Ready', ready(pod, containers), clock),
    condition(former, 'ContainersReady', containers, clock),
  ]
  let scheduled = false
  for (const c of former) {
    if (OWN.has(c.type)) continue
    out.push(c)
    if (c.type === 'PodScheduled') scheduled = true
  }
  // A Pod that did not come through the scheduler is scheduled all the same.
  if (!scheduled) out.push({ type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(clock.wall()), lastProbeTime: null as unknown as string })
  // the array that push has made longer has room for a dozen more, for as long as the Pod is there
  return out.slice()
}

/** One that is as it was is the same object: nobody has to look into it. */
function condition(former: readonly PodCondition[], type: string, { ok, reason, message }: Verdict, clock: Clock): PodCondition {
  const status = ok ? 'True' : 'False'
  const old = former.find((c) => c.type === type)
  if (old && old.status === status && old.reason === reason && (old.message ?? '') === (reason ? (message ?? '') : '')) return old
  const lastTransitionTime = old?.status === status ? old.lastTransitionTime! : timestamp(clock.wall())
  const lastProbeTime = null as unknown as string
  if (!reason) return { lastTransitionTime, status, type, lastProbeTime }
  return message ? { message, reason, lastTransitionTime, status, type, lastProbeTime } : { reason, lastTransitionTime, status, type, lastProbeTime }
}

function containersReady({ phase, init, main }: Facts): Verdict {
  if (phase === 'Succeeded') return { ok: false, reason: 'PodCompleted' }
  if (phase === 'Failed') return { ok: false, reason: 'PodFailed' }
  const unready: string[] = []
  for (const c of init) if (c.kind === 'sidecar' && !(c.running && c.ready)) unready.push(c.spec.name)
  for (const c of main) if (!(c.running && c.ready)) unready.push(c.spec.name)
  if (unready.length === 0) return YES
  return { ok: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
}

function ready(pod: Pod, containers: Verdict): Verdict {
  if (!containers.ok) return containers
  if (!pod.spec.readinessGates) return YES
  const missing: string[] = []
  for (const { conditionType: type } of pod.spec.readinessGates) {
    const said = pod.status.conditions?.find((c) => c.type === type)
    if (!said) missing.push(`corresponding condition of pod readiness gate "${type}" does not exist.`)
    else if (said.status !== 'True') missing.push(`the status of pod readiness gate "${type}" is not "True", but ${said.status}`)
  }
  if (missing.length === 0) return YES
  return { ok: false, reason: 'ReadinessGatesNotReady', message: missing.join(', ') }
}

function initialized({ phase, init, main }: Facts): Verdict {
  if (phase === 'Succeeded') return { ok: true, reason: 'PodCompleted' }
  // Where a container of the Pod proper has started, a sidecar that restarts changes nothing.
  if (main.some((c) => c.ran) || init.length === 0) return YES
  const incomplete = init.filter((c) => (c.kind === 'sidecar' ? !c.started : !c.succeeded)).map((c) => c.spec.name)
  if (incomplete.length === 0) return YES
  return { ok: false, reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${incomplete.join(' ')}]` }
}
