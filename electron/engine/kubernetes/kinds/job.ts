import type * as batch from 'kubernetes-types/batch/v1'
import { humanDuration } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { Job } from '../types.ts'
import { GENERATED_LABELS, validateJob, validateJobUpdate } from '../validation/batch.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME, TEMPLATE_COLUMNS } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

const UNLIMITED = 2_147_483_647

/** batch/v1 Job: pkg/apis/batch/v1/defaults.go, pkg/registry/batch/job. */
export const job: Kind<Job> = {
  resource: apiResource('Job', 'jobs', { group: 'batch', categories: ['all'], subresources: ['status'] }),
  type: 'Job',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec, metadata }) {
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
    spec.parallelism ??= 1
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : UNLIMITED
    const labels = spec.template.metadata?.labels
    if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels
    spec.completionMode ??= 'NonIndexed'
    spec.suspend ??= false
    spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'
    spec.manualSelector ??= false
    setJobTemplateDefaults(spec)
  },
  prepareForCreate(object) {
    object.status = {}
    generateSelector(object)
    // Defaulting, which upstream does again whenever it reads: without labels of its own a Job has those of its Pods.
    if (Object.keys(object.metadata.labels ?? {}).length === 0) object.metadata.labels = object.spec.template.metadata!.labels!
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  fields: { 'status.successful': (o) => String(o.status.succeeded ?? 0) },
  columns: [
    NAME,
    { name: 'Status', cell: statusOf },
    { name: 'Completions', cell: completionsOf },
    { name: 'Duration', cell: durationOf },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
}

/** The part that the template of a CronJob gets, too. */
export function setJobTemplateDefaults(spec: batch.JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
  if (spec.template?.spec) setPodSpecDefaults(spec.template.spec)
}

/** Unless manualSelector is set: labels that only this Job's Pods have. What the user set himself is refused later. */
function generateSelector(object: Job): void {
  const { spec } = object
  if (spec.manualSelector) return
  const labels = { ...spec.template.metadata?.labels }
  for (const [key, value] of GENERATED_LABELS(object)) labels[key] ??= value
  spec.template = { ...spec.template, metadata: { ...spec.template.metadata, labels } }
  const uid = 'batch.kubernetes.io/controller-uid'
  spec.selector ??= {}
  spec.selector.matchLabels = { ...spec.selector.matchLabels, [uid]: spec.selector.matchLabels?.[uid] ?? object.metadata.uid }
}

function statusOf({ status, metadata }: Job): string {
  const is = (type: string): boolean => status.conditions?.some((c) => c.type === type && c.status === 'True') ?? false
  if (is('Complete')) return 'Complete'
  if (is('Failed')) return 'Failed'
  if (metadata.deletionTimestamp) return 'Terminating'
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(is) ?? 'Running'
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status.succeeded ?? 0
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationOf({ status }: Job, { wall }: { wall: number }): string {
  if (!status.startTime) return ''
  return humanDuration((status.completionTime ? Date.parse(status.completionTime) : wall) - Date.parse(status.startTime))
}
