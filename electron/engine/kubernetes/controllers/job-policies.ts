import type * as batch from 'kubernetes-types/batch/v1'
import type { ContainerStatus, Job, Pod } from '../types.ts'
import { parseIndexes } from './job-indexes.ts'

/** podFailurePolicy, successPolicy and back-off of Jobs: pkg/controller/job pod_failure_policy.go, success_policy.go, backoff_utils.go. */
export interface FailureMatch {
  action: string | undefined
  /** Whether the failure counts against the back-off limit. */
  counts: boolean
  /** Set when the whole Job fails. */
  message: string | undefined
}

const COUNTS: FailureMatch = { action: undefined, counts: true, message: undefined }

export function matchFailurePolicy(policy: batch.PodFailurePolicy | undefined, pod: Pod): FailureMatch {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    let message: string
    if (rule.onExitCodes) {
      const status = failedContainer(pod, rule.onExitCodes)
      if (!status) continue
      message = `Container ${status.name} for pod ${pod.metadata.namespace}/${pod.metadata.name} failed with exit code ${status.state!.terminated!.exitCode} matching ${rule.action} rule at index ${index}`
    } else {
      const condition = pod.status.conditions?.find((c) => rule.onPodConditions?.some((p) => p.type === c.type && p.status === c.status))
      if (!condition) continue
      message = `Pod ${pod.metadata.namespace}/${pod.metadata.name} has condition ${condition.type} matching ${rule.action} rule at index ${index}`
    }
    return { action: rule.action, counts: rule.action !== 'Ignore', message: rule.action === 'FailJob' ? message : undefined }
  }
  return COUNTS
}

function failedContainer({ status }: Pod, { containerName, operator, values }: batch.PodFailurePolicyOnExitCodesRequirement): ContainerStatus | undefined {
  return [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find(({ name, state }) => {
    const code = state?.terminated?.exitCode
    if (code === undefined || code === 0 || (containerName !== undefined && containerName !== name)) return false
    return values.includes(code) === (operator === 'In')
  })
}

/** "Matched rules at index 0" when what succeeded is enough; nothing never is, and a rule that names no index matches nothing. */
export function matchSuccessPolicy(policy: batch.SuccessPolicy | undefined, completions: number, succeeded: ReadonlySet<number>): string | undefined {
  if (succeeded.size === 0) return undefined
  for (const [index, { succeededIndexes, succeededCount }] of (policy?.rules ?? []).entries()) {
    const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, completions)
    const have = wanted ? [...wanted].filter((i) => succeeded.has(i)).length : succeeded.size
    if (wanted?.size === 0) continue
    if (have >= (succeededCount ?? wanted?.size ?? Infinity)) return `Matched rules at index ${index}`
  }
  return undefined
}

/** A Job whose failing containers are restarted in place counts their restarts. */
export function isPastRestarts({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false
  let restarts = 0
  for (const { status } of pods) {
    if (status.phase !== 'Running' && status.phase !== 'Pending') continue
    for (const c of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) restarts += c.restartCount
  }
  const limit = spec.backoffLimit ?? 6
  return limit === 0 ? restarts > 0 : restarts >= limit
}

const BACKOFF = 10_000
const MAX_BACKOFF = 600_000

/** The ms until the next try, after so many failures the last of which was at `last`. */
export function remainingBackoff(failures: number, last: number, now: number): number {
  if (failures === 0) return 0
  return Math.max(0, Math.min(MAX_BACKOFF, BACKOFF * 2 ** (failures - 1)) - (now - last))
}

/** When a Pod was done: all its containers and sidecars, or the end of its readiness, or its deletion; when nothing tells, when it was made. */
export function finishTime(pod: Pod): number {
  const sidecars = new Set(pod.spec.initContainers?.filter((c) => c.restartPolicy === 'Always').map((c) => c.name))
  const containers = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? []).filter((c) => sidecars.has(c.name))]
  const ends = containers.map((c) => Date.parse(c.state?.terminated?.finishedAt ?? ''))
  const latest = Math.max(...ends)
  if (Number.isFinite(latest)) return latest
  const ready = pod.status.conditions?.find((c) => c.type === 'Ready')
  if (ready?.status === 'False' && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime)
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata
  return deletionTimestamp ? Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000 : Date.parse(creationTimestamp)
}
