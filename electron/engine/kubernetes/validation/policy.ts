import { byName } from '../../own.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import type { PodDisruptionBudget, PriorityClass } from '../types.ts'
import { notNegative } from './common.ts'
import { goIntOrString } from './go-values.ts'
import { percent } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'

/** Disruption budgets and priorities: pkg/apis/policy/validation, pkg/apis/scheduling/validation (v1.33). */
export function validateDisruptionBudget({ spec }: PodDisruptionBudget, errors: FieldErrors): void {
  const { minAvailable, maxUnavailable, unhealthyPodEvictionPolicy: eviction } = spec
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    // Upstream prints the addresses of what the pointers point at.
    const pointer = '(*intstr.IntOrString)(0xc000a2e0f0)'
    const shown = `policy.PodDisruptionBudgetSpec{MinAvailable:${pointer}, Selector:(*v1.LabelSelector)(${spec.selector ? '0xc000a2e110' : 'nil'}), MaxUnavailable:${pointer}, UnhealthyPodEvictionPolicy:(*policy.UnhealthyPodEvictionPolicyType)(${eviction ? '0xc000a2e120' : 'nil'})}`
    errors.invalid('spec', new GoValue(shown), 'minAvailable and maxUnavailable cannot be both set')
  }
  validateShare(minAvailable, 'spec.minAvailable', errors)
  validateShare(maxUnavailable, 'spec.maxUnavailable', errors)
  validateLabelSelector(spec.selector, 'spec.selector', errors)
  const policies = ['AlwaysAllow', 'IfHealthyBudget']
  if (eviction !== undefined && !policies.includes(eviction)) errors.notSupported('spec.unhealthyPodEvictionPolicy', eviction, policies)
}

/** A number of Pods, or a percentage up to a hundred. */
function validateShare(value: number | string | undefined, path: string, errors: FieldErrors): void {
  if (typeof value !== 'string') return notNegative(value, path, errors)
  if (percent(value).length > 0) errors.invalid(path, goIntOrString(value), "must be an integer or percentage (e.g '5%%')")
  else if (Number(value.slice(0, -1)) > 100) errors.invalid(path, goIntOrString(value), 'must not be greater than 100%')
}

export function validateDisruptionStatus({ status }: PodDisruptionBudget, _old: PodDisruptionBudget, errors: FieldErrors): void {
  for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) notNegative(status[field], `status.${field}`, errors)
}

/** The classes that every cluster has. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, { value: number; description: string }>> = byName({
  'system-cluster-critical': {
    value: 2_000_000_000,
    description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  'system-node-critical': {
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
})
const HIGHEST_OF_USERS = 1_000_000_000

export function validatePriorityClass({ metadata, value, globalDefault, preemptionPolicy }: PriorityClass, errors: FieldErrors): void {
  const { name = '' } = metadata
  if (name.startsWith('system-')) {
    const known = SYSTEM_PRIORITIES[name]
    let why = ''
    if (!known) why = `${name} is not a known system priority class`
    else if (value !== known.value) why = `value of ${name} PriorityClass must be ${known.value}`
    else if (globalDefault) why = `globalDefault of ${name} PriorityClass must be false`
    if (why) errors.forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`)
  } else if (value > HIGHEST_OF_USERS) errors.forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`)
  const policies = ['Never', 'PreemptLowerPriority']
  if (preemptionPolicy === '') errors.required('preemptionPolicy')
  else if (preemptionPolicy !== undefined && !policies.includes(preemptionPolicy)) errors.notSupported('preemptionPolicy', preemptionPolicy, policies)
}

export function validatePriorityClassUpdate(object: PriorityClass, old: PriorityClass, errors: FieldErrors): void {
  if (object.value !== old.value) errors.forbidden('value', 'may not be changed in an update.')
  if (object.preemptionPolicy !== old.preemptionPolicy) errors.invalid('preemptionPolicy', object.preemptionPolicy, 'field is immutable')
}
