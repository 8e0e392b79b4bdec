import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { podSpecDiff } from '../go-diff/diff.ts'
import { deepEqual } from '../json.ts'
import { schemaOf } from '../schema/index.ts'
import type { Pod } from '../types.ts'
import { affinityBefore, validateGated } from './gated-pod.ts'
import { validateAnnotationUpdates } from './pod-annotations.ts'
import { validatePodSpec } from './pod-spec.ts'

/** ValidatePodUpdate of pkg/apis/core/validation (v1.33): what of a Pod may change after its creation. */
const ONLY =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,' +
  '`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

export function validatePodUpdate(pod: Pod, old: Pod, errors: FieldErrors): void {
  const { spec } = pod
  const before = old.spec
  validateAnnotationUpdates(pod.metadata.annotations, old.metadata.annotations, spec, 'metadata.annotations', errors)
  if (spec === before) return
  validatePodSpec(spec, 'spec', errors)
  for (const name of ['containers', 'initContainers'] as const) {
    if ((spec[name]?.length ?? 0) === (before[name]?.length ?? 0)) continue
    errors.forbidden(`spec.${name}`, 'pod updates may not add or remove containers')
    return
  }
  validateDeadlineChange(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, errors)
  validateAddedTolerations(spec.tolerations, before.tolerations, errors)
  validateGates(spec, before, errors)
  const munged = withoutMutable(spec, before)
  if (!deepEqual(munged, before)) errors.forbidden('spec', `${ONLY}\n${podSpecDiff(before, munged, schemaOf('PodSpec'))}`)
}

function validateDeadlineChange(value: number | undefined, before: number | undefined, errors: FieldErrors): void {
  const path = 'spec.activeDeadlineSeconds'
  if (value !== undefined && before !== undefined && value > before) errors.invalid(path, value, 'must be less than or equal to previous value')
  if (value === undefined && before !== undefined) errors.invalid(path, null, 'must not update from a positive integer to nil value')
}

function validateAddedTolerations(tolerations: readonly core.Toleration[] = [], before: readonly core.Toleration[] = [], errors: FieldErrors): void {
  for (const old of before) {
    const same = (t: core.Toleration): boolean => deepEqual({ ...t, tolerationSeconds: undefined }, { ...old, tolerationSeconds: undefined })
    if (tolerations.some(same)) continue
    errors.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')
    return
  }
}

/** validateOnlyDeletedSchedulingGates; of a Pod that has some, the nodes that it wants may only become fewer. */
function validateGates(spec: core.PodSpec, before: core.PodSpec, errors: FieldErrors): void {
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (!before.schedulingGates?.some((gate) => gate.name === name)) errors.forbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`)
  }
  if (before.schedulingGates?.length) validateGated(spec, before, errors)
}

/** The new spec with what may change put back to what it was. */
function withoutMutable(spec: core.PodSpec, before: core.PodSpec): core.PodSpec {
  const images = (list: core.Container[] | undefined, old: core.Container[] | undefined): core.Container[] | undefined =>
    list?.map((container, i) => ({ ...container, image: old?.[i]?.image }) as core.Container)
  const out: core.PodSpec = { ...spec, containers: images(spec.containers, before.containers)! }
  if (spec.initContainers) out.initContainers = images(spec.initContainers, before.initContainers)!
  out.tolerations = before.tolerations
  out.activeDeadlineSeconds = before.activeDeadlineSeconds
  // While there are gates, the scheduler's wishes may still be narrowed.
  out.schedulingGates = before.schedulingGates!
  if (before.schedulingGates?.length) {
    out.nodeSelector = before.nodeSelector
    const affinity = affinityBefore(spec.affinity, before.affinity)
    if (affinity) out.affinity = affinity
    else delete out.affinity
  }
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    out.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds
  }
  return out
}

/** ValidatePodStatusUpdate: a container that ended for good does not run again. */
export function validatePodStatusUpdate(pod: Pod, old: Pod, errors: FieldErrors): void {
  if (pod.status === old.status || old.spec.restartPolicy === 'Always') return
  for (const before of old.status.containerStatuses ?? []) {
    if (!before.state?.terminated) continue
    if (before.state.terminated.exitCode !== 0 && old.spec.restartPolicy === 'OnFailure') continue
    const index = pod.status.containerStatuses?.findIndex((c) => c.name === before.name) ?? -1
    const now = pod.status.containerStatuses?.[index]
    if (now && !now.state?.terminated) errors.forbidden(`status.containerStatuses[${index}].state`, 'may not be transitioned to non-terminated state')
  }
}
