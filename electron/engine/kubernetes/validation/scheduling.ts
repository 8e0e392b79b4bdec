import type * as core from 'kubernetes-types/core/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'
import { oneOf } from './common.ts'
import { labelValue, qualifiedName } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'

/** Tolerations, affinity and spreading: pkg/apis/core/validation (v1.33). */
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

export function validateTolerations(tolerations: readonly core.Toleration[] | undefined, path: string, errors: FieldErrors): void {
  tolerations?.forEach((toleration, i) => {
    const at = `${path}[${i}]`
    const { key, operator, value, effect, tolerationSeconds } = toleration
    if (key) errors.invalidEach(`${at}.key`, key, qualifiedName(key))
    if (!key && operator !== 'Exists') {
      errors.invalid(`${at}.operator`, operator ?? '', 'operator must be Exists when `key` is empty, which means "match all values and all keys"')
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set")
    }
    if (!operator || operator === 'Equal') {
      const problems = labelValue(value ?? '')
      if (problems.length > 0) errors.invalid(`${at}.operator`, value ?? '', problems.join(';'))
    } else if (operator === 'Exists') {
      if (value) errors.invalid(`${at}.operator`, shown(toleration), "value must be empty when `operator` is 'Exists'")
    } else errors.notSupported(`${at}.operator`, operator, ['Equal', 'Exists'])
    if (effect && !EFFECTS.includes(effect)) errors.notSupported(`${at}.effect`, effect, EFFECTS)
  })
}

/** As %#v prints it. */
function shown({ key = '', operator = '', value = '', effect = '', tolerationSeconds }: core.Toleration): GoValue {
  // of a pointer Go shows the address
  const seconds = tolerationSeconds === undefined ? '(*int64)(nil)' : '(*int64)(0xc000012345)'
  return new GoValue(`core.Toleration{Key:${quote(key)}, Operator:${quote(operator)}, Value:${quote(value)}, Effect:${quote(effect)}, TolerationSeconds:${seconds}}`)
}

export function validateTaints(taints: readonly core.Taint[] | undefined, path: string, errors: FieldErrors): void {
  const seen = new Set<string>()
  taints?.forEach(({ key, value, effect }, i) => {
    const at = `${path}[${i}]`
    errors.invalidEach(`${at}.key`, key, qualifiedName(key))
    const problems = labelValue(value ?? '')
    if (problems.length > 0) errors.invalid(`${at}.value`, value, problems.join(';'))
    oneOf(effect, EFFECTS, `${at}.effect`, errors)
    const id = `${key}:${effect}`
    if (seen.has(id)) errors.duplicate(at, `${key}=${value ?? ''}:${effect}`)
    seen.add(id)
  })
}

export function validateAffinity(affinity: core.Affinity | undefined, path: string, errors: FieldErrors): void {
  if (!affinity) return
  const required = affinity.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const preferred = affinity.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
  const node = `${path}.nodeAffinity`
  if (required) {
    const at = `${node}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`
    if (!required.nodeSelectorTerms?.length) errors.required(at, 'must have at least one node selector term')
    required.nodeSelectorTerms?.forEach((term, i) => validateNodeTerm(term, `${at}[${i}]`, errors))
  }
  preferred?.forEach(({ weight, preference }, i) => {
    const at = `${node}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`
    if (weight < 1 || weight > 100) errors.invalid(`${at}.weight`, weight, 'must be in the range 1-100')
    validateNodeTerm(preference, `${at}.preference`, errors)
  })
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const pods = affinity[name]
    pods?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term, i) => {
      validatePodTerm(term, `${path}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`, errors)
    })
    pods?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, podAffinityTerm }, i) => {
      const at = `${path}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`
      if (weight < 1 || weight > 100) errors.invalid(`${at}.weight`, weight, 'must be in the range 1-100')
      validatePodTerm(podAffinityTerm, `${at}.podAffinityTerm`, errors)
    })
  }
}

function validateNodeTerm(term: core.NodeSelectorTerm, path: string, errors: FieldErrors): void {
  term.matchExpressions?.forEach(({ key, operator, values = [] }, i) => {
    const at = `${path}.matchExpressions[${i}]`
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    } else if (operator === 'Gt' || operator === 'Lt') {
      if (values.length !== 1) errors.required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")
    } else errors.invalid(`${at}.operator`, operator, 'not a valid selector operator')
    errors.invalidEach(`${at}.key`, key, qualifiedName(key))
  })
}

function validatePodTerm(term: core.PodAffinityTerm, path: string, errors: FieldErrors): void {
  validateLabelSelector(term.labelSelector, `${path}.labelSelector`, errors)
  if (!term.topologyKey) errors.required(`${path}.topologyKey`, 'can not be empty')
  else errors.invalidEach(`${path}.topologyKey`, term.topologyKey, qualifiedName(term.topologyKey))
}

export function validateTopologySpread(constraints: readonly core.TopologySpreadConstraint[] | undefined, path: string, errors: FieldErrors): void {
  constraints?.forEach(({ maxSkew, topologyKey, whenUnsatisfiable, labelSelector, minDomains }, i) => {
    const at = `${path}[${i}]`
    if (maxSkew <= 0) errors.invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero')
    if (!topologyKey) errors.required(`${at}.topologyKey`, 'can not be empty')
    else errors.invalidEach(`${at}.topologyKey`, topologyKey, qualifiedName(topologyKey))
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(whenUnsatisfiable)) {
      errors.notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway'])
    }
    if (minDomains !== undefined && minDomains <= 0) errors.invalid(`${at}.minDomains`, minDomains, 'must be greater than zero')
    validateLabelSelector(labelSelector, `${at}.labelSelector`, errors)
  })
}
