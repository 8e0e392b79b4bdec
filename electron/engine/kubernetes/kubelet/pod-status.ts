import type { Clock } from '../../clock.ts'
import { timestamp } from '../human-duration.ts'
import type { Pod, PodCondition } from '../types.ts'
import type { ContainerRecord } from './record.ts'

/** A Pod's status from its containers: pkg/kubelet getPhase, pkg/kubelet/status/generate.go. */
export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

/** `terminal`: the Pod is being deleted and its containers have stopped for good, whatever its restart policy. */
export function phaseOf(pod: Pod, init: readonly ContainerRecord[], main: readonly ContainerRecord[], terminal = false): Phase {
  const policy = pod.spec.restartPolicy ?? 'Always'
  for (const c of init) {
    if (c.kind === 'sidecar') {
      if (!c.started && !c.terminated && !main.some((m) => m.ran)) return 'Pending'
    } else if (!c.succeeded) return c.terminated && policy === 'Never' ? 'Failed' : main.some((m) => m.ran) ? 'Running' : 'Pending'
  }
  let waiting = 0
  let running = 0
  let stopped = 0
  let succeeded = 0
  for (const c of main) {
    if (c.running) running++
    else if (c.terminated || c.last) {
      stopped++
      if (c.terminated?.exitCode === 0) succeeded++
    } else waiting++
  }
  if (waiting > 0) return 'Pending'
  if (running > 0) return 'Running'
  if (terminal && stopped > 0) return stopped === succeeded ? 'Succeeded' : 'Failed'
  if (stopped === 0 || policy === 'Always') return stopped === 0 ? 'Pending' : 'Running'
  if (stopped === succeeded) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
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
  const { clock, phase, init } = facts
  const containers = containersReady(facts)
  const verdicts: [string, Verdict][] = [
    ['PodReadyToStartContainers', { ok: facts.hasSandbox }],
    ['Initialized', initialized(phase, init)],
    ['Ready', ready(pod, containers)],
    ['ContainersReady', containers],
  ]
  const former = pod.status.conditions ?? []
  const out = verdicts.map(([type, { ok, reason, message }]): PodCondition => {
    const status = ok ? 'True' : 'False'
    const old = former.find((c) => c.type === type)
    return {
      ...(reason ? { message: message ?? '', reason } : {}),
      lastProbeTime: null as unknown as string,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : timestamp(clock.wall()),
      status,
      type,
    }
  })
  for (const c of out) if (c.message === '') delete c.message
  const own = new Set(verdicts.map(([type]) => type))
  const others = former.filter((c) => !own.has(c.type))
  // A Pod that did not come through the scheduler is scheduled all the same.
  if (!others.some((c) => c.type === 'PodScheduled')) others.push({ type: 'PodScheduled', status: 'True', lastProbeTime: null as unknown as string, lastTransitionTime: timestamp(clock.wall()) })
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

function initialized(phase: Phase, init: readonly ContainerRecord[]): Verdict {
  if (phase === 'Succeeded') return { ok: true, reason: 'PodCompleted' }
  const incomplete = init.filter((c) => (c.kind === 'sidecar' ? !c.started : !c.succeeded)).map((c) => c.spec.name)
  if (incomplete.length === 0) return { ok: true }
  return { ok: false, reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${incomplete.join(' ')}]` }
}
