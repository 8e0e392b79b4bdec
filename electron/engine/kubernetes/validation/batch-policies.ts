import type * as batch from 'kubernetes-types/batch/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'
import { notNegative } from './common.ts'
import { qualifiedName } from './names.ts'

/** podFailurePolicy and successPolicy of Jobs: pkg/apis/batch/validation (v1.33). */
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const OPERATORS = ['In', 'NotIn']
const STATUSES = ['False', 'True', 'Unknown']
const MAX_RULES = 20
const MAX_CODES = 255
const MAX_PATTERNS = 20
const MAX_INDEXES_TEXT = 64 * 1024

function validValues(values: readonly string[]): string {
  return `valid values: [${values.map(quote).join(' ')}]`
}

function supported(value: string | undefined, values: readonly string[], path: string, errors: FieldErrors): void {
  if (!value) errors.required(path, validValues(values))
  else if (!values.includes(value)) errors.notSupported(path, value, values)
}

export function validatePodFailurePolicy(spec: batch.JobSpec, path: string, errors: FieldErrors): void {
  const rules = spec.podFailurePolicy?.rules ?? []
  if (rules.length > MAX_RULES) errors.tooMany(`${path}.rules`, rules.length, MAX_RULES)
  const pod = spec.template.spec
  const containers = new Set([...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map((c) => c.name))
  rules.forEach((rule, i) => validateRule(spec, rule, `${path}.rules[${i}]`, containers, errors))
}

function validateRule(spec: batch.JobSpec, rule: batch.PodFailurePolicyRule, path: string, containers: ReadonlySet<string>, errors: FieldErrors): void {
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) errors.invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set')
  else supported(rule.action, ACTIONS, `${path}.action`, errors)
  const conditions = rule.onPodConditions ?? []
  if (rule.onExitCodes) validateExitCodes(rule.onExitCodes, `${path}.onExitCodes`, containers, errors)
  if (conditions.length > MAX_PATTERNS) errors.tooMany(`${path}.onPodConditions`, conditions.length, MAX_PATTERNS)
  conditions.forEach((pattern, j) => {
    const at = `${path}.onPodConditions[${j}]`
    errors.invalidEach(`${at}.type`, pattern.type, qualifiedName(pattern.type))
    supported(pattern.status, STATUSES, `${at}.status`, errors)
  })
  if (rule.onExitCodes && conditions.length > 0) errors.invalidRule(path, 'specifying both OnExitCodes and OnPodConditions is not supported')
  if (!rule.onExitCodes && conditions.length === 0) errors.invalidRule(path, 'specifying one of OnExitCodes and OnPodConditions is required')
}

function validateExitCodes(rule: batch.PodFailurePolicyOnExitCodesRequirement, path: string, containers: ReadonlySet<string>, errors: FieldErrors): void {
  supported(rule.operator, OPERATORS, `${path}.operator`, errors)
  if (rule.containerName !== undefined && !containers.has(rule.containerName)) {
    errors.invalid(`${path}.containerName`, rule.containerName, 'must be one of the container or initContainer names in the pod template')
  }
  const values = rule.values ?? []
  const printed = new GoValue(values.length === 0 ? '[]int32(nil)' : `[]int32{${values.join(', ')}}`)
  if (values.length === 0) errors.invalid(`${path}.values`, printed, 'at least one value is required')
  else if (values.length > MAX_CODES) errors.tooMany(`${path}.values`, values.length, MAX_CODES)
  const seen = new Set<number>()
  values.forEach((code, j) => {
    if (rule.operator === 'In' && code === 0) errors.invalid(`${path}.values[${j}]`, code, 'must not be 0 for the In operator')
    if (seen.has(code)) errors.duplicate(`${path}.values[${j}]`, code)
    seen.add(code)
  })
  if (values.some((code, j) => j > 0 && values[j - 1]! > code)) errors.invalid(`${path}.values`, printed, 'must be ordered')
}

export function validateSuccessPolicy(spec: batch.JobSpec, path: string, errors: FieldErrors): void {
  const rules = spec.successPolicy?.rules ?? []
  if (rules.length === 0) errors.required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified')
  if (rules.length > MAX_RULES) errors.tooMany(`${path}.rules`, rules.length, MAX_RULES)
  const completions = spec.completions ?? 0
  rules.forEach(({ succeededCount: count, succeededIndexes: indexes }, i) => {
    const at = `${path}.rules[${i}]`
    if (count === undefined && indexes === undefined) errors.required(at, 'at least one of succeededCount or succeededIndexes must be specified')
    let total = 0
    if (indexes !== undefined) {
      if (indexes.length > MAX_INDEXES_TEXT) errors.tooLong(`${at}.succeededIndexes`, MAX_INDEXES_TEXT)
      const parsed = parseIndexes(indexes, completions)
      if (typeof parsed === 'string') errors.invalid(`${at}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${parsed}`)
      else total = parsed
    }
    if (count === undefined) return
    notNegative(count, `${at}.succeededCount`, errors)
    if (count > completions) errors.invalid(`${at}.succeededCount`, count, `must be less than or equal to ${completions} (the number of specified completions)`)
    if (indexes !== undefined && count > total) {
      errors.invalid(`${at}.succeededCount`, count, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`)
    }
  })
}

/** How many indexes "1,3-5" names, or what is wrong with it. */
function parseIndexes(text: string, completions: number): number | string {
  if (text === '') return 0
  let last = -1
  let total = 0
  for (const interval of text.split(',')) {
    const ends = interval.split('-')
    if (ends.length > 2) return `the fragment ${quote(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`
    const numbers = ends.map(Number)
    for (const [i, end] of ends.entries()) {
      if (!/^[+-]?\d+$/.test(end)) return `cannot convert string to integer for index: ${quote(end)}`
      if (numbers[i]! >= completions) return `too large index: ${quote(end)}`
    }
    const [first, end = first] = numbers as [number, number?]
    if (ends.length === 2 && first >= end!) return `non-increasing order, previous: ${first}, current: ${end}`
    if (last >= first) return `non-increasing order, previous: ${last}, current: ${first}`
    total += end! - first + 1
    last = end!
  }
  return total
}
