import type * as batch from 'kubernetes-types/batch/v1'
import { CronError, parseCron } from '../cron-schedule.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { deepEqual } from '../json.ts'
import { compileLabelSelector } from '../selectors.ts'
import { zoneOf } from '../time-zone.ts'
import type { CronJob, Job } from '../types.ts'
import { validatePodFailurePolicy, validateSuccessPolicy } from './batch-policies.ts'
import { notNegative } from './common.ts'
import { goLabelSelector, goPodFailurePolicy, goPodTemplate, goStringMap, goSuccessPolicy } from './go-values.ts'
import { dns1123Label } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'
import { validatePodTemplate } from './workloads.ts'

/** Jobs and CronJobs: pkg/apis/batch/validation (v1.33). */
type Spec = batch.JobSpec
const MAX_PARALLELISM = 100_000
const MANY_COMPLETIONS = 100_000
const MANY_FAILED = 100_000
const LIMIT_OF_MANY = 10_000

export function validateJob(job: Job, errors: FieldErrors): void {
  validateGeneratedSelector(job, errors)
  validateSpecAndSelector(job.spec, errors)
  const { completionMode, completions = 0 } = job.spec
  if (completionMode !== 'Indexed' || completions <= 0) return
  const last = `${job.metadata.name}-${completions - 1}`
  if (dns1123Label(last).length > 0) errors.invalid('metadata.name', job.metadata.name, `will not able to create pod with invalid DNS label: ${last}`)
}

export const GENERATED_LABELS = (job: Job): [string, string][] => [
  ['controller-uid', job.metadata.uid], ['job-name', job.metadata.name],
  ['batch.kubernetes.io/controller-uid', job.metadata.uid], ['batch.kubernetes.io/job-name', job.metadata.name],
]

function validateGeneratedSelector(job: Job, errors: FieldErrors): void {
  const { spec } = job
  if (spec.manualSelector || !spec.selector) return
  const labels = spec.template.metadata?.labels ?? {}
  for (const [key, value] of GENERATED_LABELS(job)) {
    const path = `spec.template.metadata.labels[${key}]`
    if (labels[key] === undefined) errors.required(path, `must be '${value}'`)
    if (labels[key] !== value) errors.invalid(path, goStringMap(labels), `must be '${value}'`)
  }
  if (!compileLabelSelector(spec.selector).matches(Object.fromEntries(GENERATED_LABELS(job)))) {
    errors.invalid('spec.selector', goLabelSelector(spec.selector), '`selector` not auto-generated')
  }
}

function validateSpecAndSelector(spec: Spec, errors: FieldErrors): void {
  validateSpec(spec, 'spec', errors)
  if (!spec.selector) errors.required('spec.selector')
  else {
    validateLabelSelector(spec.selector, 'spec.selector', errors)
    const labels = spec.template.metadata?.labels
    if (!compileLabelSelector(spec.selector).matches(labels)) {
      errors.invalid('spec.template.metadata.labels', goStringMap(labels), '`selector` does not match template `labels`')
    }
  }
}

function validateSpec(spec: Spec, path: string, errors: FieldErrors): void {
  for (const field of ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished', 'backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    notNegative(spec[field], `${path}.${field}`, errors)
  }
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) errors.required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')
  validateManagedBy(spec.managedBy, `${path}.managedBy`, errors)
  const mode = spec.completionMode ?? 'NonIndexed'
  if (mode === 'Indexed') validateIndexed(spec, path, errors)
  else if (mode !== 'NonIndexed') errors.notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed'])
  else {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[field] !== undefined) errors.invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode')
    }
  }
  if (spec.podFailurePolicy) validatePodFailurePolicy(spec, `${path}.podFailurePolicy`, errors)
  if (spec.successPolicy) {
    if (mode === 'Indexed') validateSuccessPolicy(spec, `${path}.successPolicy`, errors)
    else errors.invalid(`${path}.successPolicy`, goSuccessPolicy(spec.successPolicy), 'requires indexed completion mode')
  }
  validateReplacement(spec, `${path}.podReplacementPolicy`, errors)
  validatePodTemplate(spec.template, `${path}.template`, errors)
  validateRestartPolicy(spec, `${path}.template.spec.restartPolicy`, errors)
}

function validateIndexed(spec: Spec, path: string, errors: FieldErrors): void {
  const { completions, parallelism = 1, maxFailedIndexes: failed } = spec
  if (completions === undefined) errors.required(`${path}.completions`, 'when completion mode is Indexed')
  if (parallelism > MAX_PARALLELISM) errors.invalid(`${path}.parallelism`, parallelism, `must be less than or equal to ${MAX_PARALLELISM} when completion mode is Indexed`)
  if (completions !== undefined && failed !== undefined && failed > completions) errors.invalid(`${path}.maxFailedIndexes`, failed, 'must be less than or equal to completions')
  if (failed !== undefined && failed > MANY_FAILED) errors.invalid(`${path}.maxFailedIndexes`, failed, `must be less than or equal to ${MANY_FAILED}`)
  if (completions === undefined || completions <= MANY_COMPLETIONS || spec.backoffLimitPerIndex === undefined) return
  const together = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`
  if (failed === undefined) errors.required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`)
  if (parallelism > LIMIT_OF_MANY) errors.invalid(`${path}.parallelism`, parallelism, `must be less than or equal to ${LIMIT_OF_MANY} ${together}`)
  if (failed !== undefined && failed > LIMIT_OF_MANY) errors.invalid(`${path}.maxFailedIndexes`, failed, `must be less than or equal to ${LIMIT_OF_MANY} ${together}`)
}

function validateManagedBy(value: string | undefined, path: string, errors: FieldErrors): void {
  if (value === undefined) return
  if (value === '') errors.required(path)
  else if (!/^[^/]+\/[^/]/.test(value)) errors.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
  if (value.length > 63) errors.tooLong(path, 63)
}

function validateReplacement(spec: Spec, path: string, errors: FieldErrors): void {
  const value = spec.podReplacementPolicy
  if (value === undefined) return
  const supported = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']
  if (!supported.includes(value)) errors.notSupported(path, value, supported)
}

function validateRestartPolicy(spec: Spec, path: string, errors: FieldErrors): void {
  const policy = spec.template.spec?.restartPolicy ?? ''
  if (policy === 'Always' || policy === '') errors.required(path, 'valid values: "OnFailure", "Never"')
  else if (policy !== 'OnFailure' && policy !== 'Never') errors.notSupported(path, policy, ['OnFailure', 'Never'])
  else if (spec.podFailurePolicy && policy !== 'Never') errors.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')
}

/** Fields that stay as they were; what the message prints of each. */
const IMMUTABLE: readonly [keyof Spec, (value: never) => GoValue | string | number | undefined][] = [
  ['selector', goLabelSelector], ['completionMode', (v: string) => v], ['podFailurePolicy', goPodFailurePolicy],
  ['backoffLimitPerIndex', (v: number) => v], ['managedBy', (v: string) => v], ['successPolicy', goSuccessPolicy],
]

export function validateJobUpdate(job: Job, old: Job, errors: FieldErrors): void {
  if (job.spec === old.spec) return
  const [spec, before] = [job.spec, old.spec]
  validateSpecAndSelector(spec, errors)
  validateCompletions(spec, before, errors)
  const immutable = (field: keyof Spec, print: (value: never) => GoValue | string | number | undefined): void => {
    if (!deepEqual(spec[field], before[field])) errors.invalid(`spec.${field}`, spec[field] === undefined ? null : print(spec[field] as never), 'field is immutable')
  }
  immutable(...IMMUTABLE[0]!)
  if (!deepEqual(spec.template, comparableTemplate(spec.template, old))) errors.invalid('spec.template', goPodTemplate(spec.template), 'field is immutable')
  for (const [field, print] of IMMUTABLE.slice(1)) immutable(field, print)
}

/** A Job that is suspended and never ran may still be told where to run. */
function comparableTemplate(template: Spec['template'], old: Job): Spec['template'] {
  const before = old.spec.template
  if (!old.spec.suspend || old.status.startTime || !before.spec || !template.spec) return before
  const spec: Record<string, unknown> = { ...before.spec }
  const free: Record<string, unknown> = { nodeSelector: template.spec.nodeSelector, tolerations: template.spec.tolerations, schedulingGates: template.spec.schedulingGates }
  const affinity = { ...before.spec.affinity, nodeAffinity: template.spec.affinity?.nodeAffinity }
  if (affinity.nodeAffinity === undefined) delete (affinity as { nodeAffinity?: unknown }).nodeAffinity
  free['affinity'] = Object.keys(affinity).length > 0 || template.spec.affinity ? affinity : undefined
  for (const [key, value] of Object.entries(free)) {
    if (value === undefined) delete spec[key]
    else spec[key] = value
  }
  return { ...before, metadata: { ...before.metadata, labels: template.metadata?.labels, annotations: template.metadata?.annotations }, spec: spec as never }
}

function validateCompletions(spec: Spec, old: Spec, errors: FieldErrors): void {
  if (spec.completions === old.completions) return
  if (spec.completionMode !== 'Indexed') return errors.invalid('spec.completions', spec.completions ?? null, 'field is immutable')
  if (spec.completions !== undefined && spec.completions !== spec.parallelism) {
    errors.invalid('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism')
  }
}

/** The controller appends "-" and ten digits: 63 - 11. */
const MAX_CRON_JOB_NAME = 52

export function validateCronJob(cronJob: CronJob, errors: FieldErrors): void {
  validateCronJobSpec(cronJob.spec, undefined, errors)
  const { name } = cronJob.metadata
  if (name.length > MAX_CRON_JOB_NAME) errors.invalid('metadata.name', name, `must be no more than ${MAX_CRON_JOB_NAME} characters`)
}

export function validateCronJobUpdate(cronJob: CronJob, old: CronJob, errors: FieldErrors): void {
  if (cronJob.spec !== old.spec) validateCronJobSpec(cronJob.spec, old.spec, errors)
}

function validateCronJobSpec(spec: batch.CronJobSpec, old: batch.CronJobSpec | undefined, errors: FieldErrors): void {
  if (!spec.schedule) errors.required('spec.schedule')
  else validateSchedule(spec.schedule, errors)
  notNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds', errors)
  if (!old || old.timeZone !== spec.timeZone) validateTimeZone(spec.timeZone, errors)
  const policies = ['Allow', 'Forbid', 'Replace']
  if (!spec.concurrencyPolicy) errors.required('spec.concurrencyPolicy')
  else if (!policies.includes(spec.concurrencyPolicy)) errors.notSupported('spec.concurrencyPolicy', spec.concurrencyPolicy, policies)
  const { spec: template = {} as Spec } = spec.jobTemplate
  validateSpec(template, 'spec.jobTemplate.spec', errors)
  if (template.selector) errors.invalid('spec.jobTemplate.spec.selector', goLabelSelector(template.selector), '`selector` will be auto-generated')
  if (template.manualSelector) errors.notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false'])
  notNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit', errors)
  notNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit', errors)
}

function validateSchedule(schedule: string, errors: FieldErrors): void {
  const zoned = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(schedule)
  try {
    parseCron(zoned ? zoned[2]! : schedule)
  } catch (error) {
    if (!(error instanceof CronError)) throw error
    errors.invalid('spec.schedule', schedule, error.message)
  }
  if (schedule.includes('TZ')) errors.invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')
}

function validateTimeZone(zone: string | undefined, errors: FieldErrors): void {
  if (zone === undefined) return
  const path = 'spec.timeZone'
  if (zone === '') return errors.invalid(path, zone, 'timeZone must be nil or non-empty string')
  const isBad = (part: string): boolean => part === '.' || part === '..' || part.startsWith('-') || !/^[A-Za-z.\-_0-9+]{1,14}$/.test(part)
  if (zone.split('/').some(isBad)) return errors.invalid(path, zone, `unknown time zone ${zone}`)
  if (zone.toLowerCase() === 'local') errors.invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')
  if (zone === 'Local') return
  if (!zoneOf(zone)) errors.invalid(path, zone, `unknown time zone ${zone}`)
}
