import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { deepEqual } from '../json.ts'
import { qosClass } from '../kinds/pod-qos.ts'
import { milliValue } from '../schema/quantity.ts'
import type { Pod } from '../types.ts'
import { validatePodSpec } from './pod-spec.ts'

/** pods/resize: ValidatePodResize of pkg/apis/core/validation (v1.33, KEP-1287). */
export function validatePodResize(pod: Pod, old: Pod, errors: FieldErrors): void {
  if (old.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return errors.forbidden('', 'static pods cannot be resized')
  validatePodSpec(pod.spec, 'spec', errors)
  if (qosClass(pod.spec) !== qosClass(old.spec)) errors.invalid('spec', pod.status.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing')
  for (const field of ['containers', 'initContainers'] as const) {
    pod.spec[field]?.forEach((container, i) => {
      const before = old.spec[field]?.[i]
      if (before) validateResize(container, before, `spec.${field}[${i}].resources`, errors)
    })
  }
}

function validateResize(container: core.Container, before: core.Container, path: string, errors: FieldErrors): void {
  const { requests = {}, limits = {} } = container.resources ?? {}
  const was = { requests: before.resources?.requests ?? {}, limits: before.resources?.limits ?? {} }
  for (const name of Object.keys(was.limits)) if (limits[name] === undefined) errors.forbidden(`${path}.limits`, 'resource limits cannot be removed')
  for (const name of Object.keys(was.requests)) if (requests[name] === undefined) errors.forbidden(`${path}.requests`, 'resource requests cannot be removed')
  const restarts = container.resizePolicy?.some((p) => p.resourceName === 'memory' && p.restartPolicy === 'RestartContainer')
  if (limits['memory'] !== undefined && was.limits['memory'] !== undefined && milliValue(limits['memory']) < milliValue(was.limits['memory']) && !restarts) {
    errors.forbidden(`${path}.limits`, 'memory limits cannot be decreased unless resizePolicy is RestartContainer')
  }
  for (const kind of ['requests', 'limits'] as const) {
    const now = container.resources?.[kind] ?? {}
    for (const name of Object.keys(now)) if (name !== 'cpu' && name !== 'memory' && now[name] !== was[kind][name]) errors.forbidden('spec', 'only cpu and memory resources are mutable')
  }
}

/** The old Pod with the resources of the new one; all else stays as it was. */
export function mergeResize(old: Pod, submitted: Pod): Pod {
  const resized = (containers: core.Container[] | undefined, wanted: core.Container[] | undefined): core.Container[] | undefined =>
    containers?.map((container) => {
      const found = wanted?.find((c) => c.name === container.name)
      if (!found || (deepEqual(found.resources, container.resources) && deepEqual(found.resizePolicy, container.resizePolicy))) return container
      return { ...container, ...(found.resources ? { resources: found.resources } : {}), ...(found.resizePolicy ? { resizePolicy: found.resizePolicy } : {}) }
    })
  const spec = { ...old.spec, containers: resized(old.spec.containers, submitted.spec.containers)! }
  if (spec.initContainers) spec.initContainers = resized(old.spec.initContainers, submitted.spec.initContainers)!
  return { ...old, spec }
}
