import { selectorOf } from '../controllers/ownership.ts'
import { isTerminal, podCondition } from '../controllers/pods.ts'
import { Selector } from '../selectors.ts'
import type { Pod, PodDisruptionBudget } from '../types.ts'
import { Attempt } from './attempt.ts'
import type { ClusterState } from './cluster-state.ts'
import type { NodeInfo } from './node-info.ts'
import { priorityOf, type PodAccount } from './pod-account.ts'
import { preemptionError, refusal, type Refusal } from './refusal.ts'

/** The plugin DefaultPreemption: pkg/scheduler/framework/preemption (v1.33). */
const NO_VICTIMS = refusal('DefaultPreemption', 'No preemption victims found for incoming pod', false)
const CANDIDATES = { least: 100, part: 0.1 }

/** `violations`: victims whose budget (PDB) does not allow it. */
export interface Candidate { info: NodeInfo; victims: readonly PodAccount[]; violations: number }
export type Preemption = { candidate: Candidate } | { message: string }

/** Where lower Pods could make room, and which; or what the Pod's event says about it. */
export function findPreemption(state: ClusterState, pod: Pod, refusals: ReadonlyMap<string, Refusal>): Preemption {
  if (pod.spec.preemptionPolicy === 'Never') return { message: 'preemption: not eligible due to preemptionPolicy=Never.' }
  if (hasDyingVictim(state, pod, refusals)) return { message: 'preemption: not eligible due to a terminating pod on the nominated node.' }
  const nodes = state.nodes()
  const potential = nodes.filter((info) => refusals.get(info.name)?.resolvable)
  const most = Math.max(CANDIDATES.least, Math.trunc(potential.length * CANDIDATES.part))
  const failures = new Map<string, Refusal>()
  const candidates: Candidate[] = []
  for (const info of potential) {
    const found = selectVictims(state, pod, info)
    if ('reasons' in found) failures.set(info.name, found)
    else candidates.push(found)
    if (candidates.length >= most && candidates.some((c) => c.violations === 0)) break
  }
  const best = pickOne(candidates)
  return best ? { candidate: best } : { message: preemptionError(nodes.length, failures) }
}

/** It has preempted already, and waits for who has to leave; unless it could not run there even then. */
function hasDyingVictim(state: ClusterState, pod: Pod, refusals: ReadonlyMap<string, Refusal>): boolean {
  const nominated = pod.status.nominatedNodeName
  if (!nominated || refusals.get(nominated)?.resolvable === false) return false
  for (const other of state.node(nominated)?.pods.values() ?? []) if (priorityOf(other.pod) < priorityOf(pod) && isVictim(other)) return true
  return false
}

/** podTerminatingByPreemption: who goes for another reason holds nobody up. */
function isVictim({ live, pod }: PodAccount): boolean {
  const condition = podCondition(pod, 'DisruptionTarget')
  return !live && condition?.status === 'True' && condition.reason === 'PreemptionByScheduler'
}

/** Which of these, the most important first, the budgets do not let go: filterPodsWithPDBViolation. */
function protectedPods(pods: readonly PodAccount[], budgets: Iterable<PodDisruptionBudget>): Set<PodAccount> {
  const out = new Set<PodAccount>()
  const all = [...budgets].map((budget) => ({ budget, allowed: budget.status.disruptionsAllowed ?? 0 }))
  if (all.length === 0) return out
  for (const account of pods) {
    const { namespace, name, labels } = account.pod.metadata
    for (const each of all) {
      const { metadata, status } = each.budget
      const selector = selectorOf(each.budget)
      // an empty selector selects nothing here; who is on the list of the disrupted is counted already
      if (metadata.namespace !== namespace || !(selector instanceof Selector) || selector.requirements.length === 0 || !selector.matches(labels)) continue
      if (status.disruptedPods?.[name] !== undefined) continue
      each.allowed--
      if (each.allowed < 0) out.add(account)
    }
  }
  return out
}

/** util.MoreImportantPod. */
function byImportance(a: PodAccount, b: PodAccount): number {
  const difference = priorityOf(b.pod) - priorityOf(a.pod)
  if (difference !== 0) return difference
  const [x, y] = [startOf(a.pod), startOf(b.pod)]
  return x < y ? -1 : x > y ? 1 : 0
}

function startOf(pod: Pod): string {
  return pod.status.startTime ?? '9'
}

/** Takes all lower Pods away, and then lets as many stay as possible: those first that budgets protect, then the most important. */
function selectVictims(state: ClusterState, pod: Pod, info: NodeInfo): Candidate | Refusal {
  const lower = [...info.pods.values()].filter((p) => priorityOf(p.pod) < priorityOf(pod) && !isTerminal(p.pod))
  if (lower.length === 0) return NO_VICTIMS
  const attempt = new Attempt(state, pod)
  const away = new Set<PodAccount>(lower)
  try {
    for (const account of lower) state.unplace(account)
    const refused = attempt.filter(info)
    if (refused) return refused
    const victims: PodAccount[] = []
    const important = lower.sort(byImportance)
    const kept = protectedPods(important, state.listers.budgets())
    let violations = 0
    for (const account of kept.size > 0 ? [...kept, ...important.filter((p) => !kept.has(p))] : important) {
      state.restore(account)
      attempt.refresh()
      if (!attempt.filter(info)) away.delete(account)
      else {
        state.unplace(account)
        attempt.refresh()
        victims.push(account)
        if (kept.has(account)) violations++
      }
    }
    return victims.length > 0 ? { info, victims: victims.sort(byImportance), violations } : NO_VICTIMS
  } finally {
    for (const account of away) state.restore(account)
  }
}

/** pickOneNodeForPreemption: each rule decides among those that the former leaves. */
function pickOne(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates
  const OFFSET = 2 ** 31
  const rules: ((c: Candidate) => number | string)[] = [
    (c) => c.violations,
    (c) => priorityOf(c.victims[0]!.pod),
    (c) => c.victims.reduce((n, v) => n + priorityOf(v.pod) + OFFSET, 0),
    (c) => c.victims.length,
  ]
  for (const rule of rules) left = keepLeast(left, rule)
  // the latest start of the most important victims
  const starts = left.map((c) => {
    const highest = priorityOf(c.victims[0]!.pod)
    return c.victims.filter((v) => priorityOf(v.pod) === highest).map((v) => startOf(v.pod)).sort()[0]!
  })
  let best = 0
  for (let i = 1; i < left.length; i++) if (starts[i]! > starts[best]!) best = i
  return left[best]
}

function keepLeast(candidates: readonly Candidate[], rule: (c: Candidate) => number | string): readonly Candidate[] {
  if (candidates.length <= 1) return candidates
  const values = candidates.map(rule)
  const least = values.reduce((a, b) => (b < a ? b : a))
  return candidates.filter((_, i) => values[i] === least)
}
