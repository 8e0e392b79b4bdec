import { humanDuration } from '../../../engine/kubernetes/human-duration.ts'
import { formatScaleSelector } from '../../../engine/kubernetes/selectors.ts'
import type { CronJob, Job } from '../../../engine/kubernetes/types.ts'
import { describePodTemplate } from './containers.ts'
import { controlledBy, type Description, rfc1123 } from './writer.ts'

const MAX_INDEXES = 50

export function describeJob(d: Description, job: Job): void {
  const { spec, status, metadata } = job
  d.head(job)
  d.field('Selector', formatScaleSelector(spec.selector))
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  const owner = controlledBy(job)
  if (owner) d.field('Controlled By', owner)
  if (spec.parallelism !== undefined) d.field('Parallelism', spec.parallelism)
  d.field('Completions', spec.completions ?? '<unset>')
  if (spec.completionMode !== undefined) d.field('Completion Mode', spec.completionMode)
  if (spec.suspend !== undefined) d.field('Suspend', String(spec.suspend))
  if (spec.backoffLimit !== undefined) d.field('Backoff Limit', spec.backoffLimit)
  if (spec.ttlSecondsAfterFinished !== undefined) d.field('TTL Seconds After Finished', spec.ttlSecondsAfterFinished)
  if (status.startTime) d.field('Start Time', rfc1123(status.startTime))
  if (status.completionTime) d.field('Completed At', rfc1123(status.completionTime))
  if (status.startTime && status.completionTime) d.field('Duration', humanDuration(Date.parse(status.completionTime) - Date.parse(status.startTime)))
  if (spec.activeDeadlineSeconds !== undefined) d.field('Active Deadline Seconds', `${spec.activeDeadlineSeconds}s`)
  const ready = status.ready === undefined ? '' : ` (${status.ready} Ready)`
  d.field('Pods Statuses', `${status.active ?? 0} Active${ready} / ${status.succeeded ?? 0} Succeeded / ${status.failed ?? 0} Failed`)
  if (spec.completionMode === 'Indexed') d.field('Completed Indexes', capped(status.completedIndexes ?? ''))
  describePodTemplate(d, spec.template)
  d.events(job)
}

/** capIndexesListOrNone: a long list ends at the next comma. */
function capped(indexes: string): string {
  const comma = indexes.indexOf(',', MAX_INDEXES)
  return comma < 0 ? indexes || '<none>' : `${indexes.slice(0, comma + 1)}...`
}

export function describeCronJob(d: Description, cronJob: CronJob): void {
  const { spec, status, metadata } = cronJob
  d.head(cronJob)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('Schedule', spec.schedule)
  d.field('Concurrency Policy', spec.concurrencyPolicy)
  d.field('Suspend', spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False')
  d.field('Successful Job History Limit', spec.successfulJobsHistoryLimit ?? '<unset>')
  d.field('Failed Job History Limit', spec.failedJobsHistoryLimit ?? '<unset>')
  d.field('Starting Deadline Seconds', spec.startingDeadlineSeconds === undefined ? '<unset>' : `${spec.startingDeadlineSeconds}s`)
  const { selector, parallelism, completions, activeDeadlineSeconds, template } = spec.jobTemplate.spec ?? {}
  d.field('Selector', selector ? formatScaleSelector(selector) : '<unset>')
  d.field('Parallelism', parallelism ?? '<unset>')
  d.field('Completions', completions ?? '<unset>')
  if (activeDeadlineSeconds !== undefined) d.field('Active Deadline Seconds', `${activeDeadlineSeconds}s`)
  describePodTemplate(d, template)
  d.field('Last Schedule Time', status.lastScheduleTime ? rfc1123(status.lastScheduleTime) : '<unset>')
  d.field('Active Jobs', status.active?.map((job) => job.name).join(', ') || '<none>')
  d.events(cronJob)
}
