import { parseCron } from '../cron-schedule.ts'
import { StatusError } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import { zoneOf } from '../time-zone.ts'
import type { CronJob, Job } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { mostRecentTime, nextDelay } from './cronjob-times.ts'
import { EventRecorder, referenceTo } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { finishedCondition, isComplete } from './job-status.ts'
import { controllerOf, ignoringGone, ownerReference } from './ownership.ts'
import { OF_OWNERS, BY_OWNER, ownerUid } from './pods.ts'
import { WorkQueue } from './workqueue.ts'

type Status = CronJob['status']
const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

/** Starts Jobs at their times: pkg/controller/cronjob (version 2). */
export class CronJobController implements Controller {
  readonly #context: ControllerContext
  readonly #cronJobs: Informer<CronJob>
  readonly #jobs: Informer<Job>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder

  constructor(context: ControllerContext) {
    this.#context = context
    this.#cronJobs = context.informers.of<CronJob>('cronjobs')
    this.#jobs = context.informers.of<Job>('jobs')
    this.#jobs.index(BY_OWNER, ownerUid, OF_OWNERS)
    this.#events = new EventRecorder(context.client, context.clock, 'cronjob-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('cronjob'))
    const add = (cronJob: CronJob): void => this.#queue.add(keyOf(cronJob))
    this.#cronJobs.on({ onAdd: add, onUpdate: add, onDelete: add })
    const onJob = (job: Job): void => {
      const owner = controllerOf(job)
      if (owner?.kind === 'CronJob') this.#queue.add(`${job.metadata.namespace}/${owner.name}`)
    }
    this.#jobs.on({ onAdd: onJob, onUpdate: onJob, onDelete: onJob })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): void {
    const cronJob = this.#cronJobs.byKey(key)
    if (!cronJob) return
    const jobs = this.#jobs.indexed(BY_OWNER, cronJob.metadata.uid)
    const status = this.#followJobs(cronJob, jobs)
    let delay: number | undefined
    try {
      if (!cronJob.metadata.deletionTimestamp && !cronJob.spec.suspend) delay = this.#start(cronJob, status)
    } finally {
      if (!deepEqual(status, cronJob.status)) this.#context.client.update('cronjobs', cronJob.metadata.namespace, cronJob.metadata.name, { ...cronJob, status }, AGENT_STATUS)
    }
    this.#cleanUp(cronJob, jobs)
    if (delay !== undefined) this.#queue.addAfter(key, delay, { background: true })
  }

  /** Finished Jobs leave the list of active ones. */
  #followJobs(cronJob: CronJob, jobs: readonly Job[]): Status {
    const status: Status = { ...cronJob.status }
    let active = [...(status.active ?? [])]
    for (const job of jobs) {
      const { name, uid, namespace } = job.metadata
      const listed = active.some((a) => a.uid === uid)
      const finished = finishedCondition(job)
      if (!listed && !finished) {
        // A new Job whose status write is on its way is no surprise.
        if (active.some((a) => a.name === name && a.namespace === namespace)) continue
        this.#events.event(cronJob, 'Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${name}`)
      } else if (finished) {
        if (listed) {
          active = active.filter((a) => a.uid !== uid)
          this.#events.event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${finished}`)
        }
        const done = job.status.completionTime
        if (isComplete(job) && done && (!status.lastSuccessfulTime || Date.parse(done) > Date.parse(status.lastSuccessfulTime))) status.lastSuccessfulTime = done
      }
    }
    for (const reference of [...active]) {
      if (jobs.some((j) => j.metadata.uid === reference.uid) || this.#exists(reference)) continue
      this.#events.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${reference.name ?? ''}`)
      active = active.filter((a) => a.uid !== reference.uid)
    }
    if (active.length > 0) status.active = active
    else delete status.active
    return status
  }

  #exists({ namespace, name, uid }: { namespace?: string; name?: string; uid?: string }): boolean {
    return ignoringGone(() => this.#context.client.get<Job>('jobs', namespace, name ?? ''))?.metadata.uid === uid
  }

  /** Starts a Job if its time has come. Returns the ms until the next time. */
  #start(cronJob: CronJob, status: Status): number | undefined {
    const { clock } = this.#context
    const { spec } = cronJob
    const zone = zoneOf(spec.timeZone)
    if (!zone) {
      this.#events.event(cronJob, 'Warning', 'UnknownTimeZone', `invalid timeZone: "${spec.timeZone ?? ''}": unknown time zone ${spec.timeZone ?? ''}`)
      return undefined
    }
    const schedule = parseCron(spec.schedule, zone)
    const seen: CronJob = { ...cronJob, status }
    const now = clock.wall()
    const { time, missedMany } = mostRecentTime(seen, now, schedule, true)
    const again = (changed = seen): number | undefined => nextDelay(changed, now, schedule)
    if (time === undefined) return again()
    if (missedMany) this.#events.event(cronJob, 'Warning', 'TooManyMissedTimes', 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew')
    const late = spec.startingDeadlineSeconds !== undefined && time + spec.startingDeadlineSeconds * 1000 < now
    if (late) {
      this.#events.event(cronJob, 'Warning', 'MissSchedule', `Missed scheduled time to start a job: ${rfc1123z(time)}`)
      return again()
    }
    const name = `${cronJob.metadata.name}-${Math.floor(time / 60_000)}`
    const lastSchedule = status.lastScheduleTime
    if (status.active?.some((a) => a.name === name && a.namespace === cronJob.metadata.namespace) || (lastSchedule && Date.parse(lastSchedule) === time)) return again()
    if (spec.concurrencyPolicy === 'Forbid' && status.active) {
      this.#events.event(cronJob, 'Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid')
      return again()
    }
    if (spec.concurrencyPolicy === 'Replace') for (const { name: former } of status.active ?? []) this.#remove(cronJob, former ?? '', status)
    if (!this.#create(cronJob, name, time, zone(time), status)) return again()
    return again({ ...cronJob, status })
  }

  #create(cronJob: CronJob, name: string, time: number, offset: number, status: Status): boolean {
    const { metadata, spec } = cronJob.spec.jobTemplate
    const { namespace } = cronJob.metadata
    const body = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name, namespace,
        ...(metadata?.labels ? { labels: metadata.labels } : {}),
        annotations: { ...metadata?.annotations, [SCHEDULED_AT]: rfc3339(time, offset) },
        ownerReferences: [ownerReference(cronJob)],
      },
      spec,
    }
    let job: Job
    try {
      job = this.#context.client.create<Job>('jobs', namespace, body, AGENT_WRITE)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      if (error.message.includes('is being terminated')) throw error
      if (error.status.reason === 'AlreadyExists') {
        const present = this.#jobs.get(namespace, name)
        if (!present || ownerUid(present)[0] !== cronJob.metadata.uid || finishedCondition(present)) return false
        status.active = [...(status.active ?? []), jobReference(present)]
        status.lastScheduleTime = timestamp(time)
        return true
      }
      this.#events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${error.message}`)
      throw error
    }
    this.#events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`)
    status.active = [...(status.active ?? []), jobReference(job)]
    status.lastScheduleTime = timestamp(time)
    return true
  }

  #remove(cronJob: CronJob, name: string, status: Status): void {
    try {
      this.#context.client.delete('jobs', cronJob.metadata.namespace, name, { propagationPolicy: 'Background' })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      this.#events.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${error.message}`)
      throw error
    }
    const left = (status.active ?? []).filter((a) => a.name !== name)
    if (left.length > 0) status.active = left
    else delete status.active
    this.#events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`)
  }

  /** Keeps the last few of those that are done. */
  #cleanUp(cronJob: CronJob, jobs: readonly Job[]): void {
    const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec
    const limits: [string, number | undefined][] = [['Complete', successfulJobsHistoryLimit], ['Failed', failedJobsHistoryLimit]]
    for (const [condition, limit] of limits) {
      if (limit === undefined) continue
      const finished = jobs.filter((j) => finishedCondition(j) === condition && !j.metadata.deletionTimestamp).sort(byStartTime)
      for (const job of finished.slice(0, Math.max(0, finished.length - limit))) {
        ignoringGone(() => this.#remove(cronJob, job.metadata.name, {}))
      }
    }
  }
}

function byStartTime(a: Job, b: Job): number {
  const [x, y] = [a.status.startTime ?? '~', b.status.startTime ?? '~']
  return x < y ? -1 : x > y ? 1 : a.metadata.name < b.metadata.name ? -1 : 1
}

function jobReference(job: Job): ReturnType<typeof referenceTo> {
  return referenceTo(job)
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Go's time.RFC1123Z, in UTC. */
function rfc1123z(time: number): string {
  const d = new Date(time)
  const text = d.toISOString()
  return `${DAYS[d.getUTCDay()]}, ${text.slice(8, 10)} ${MONTHS[d.getUTCMonth()]} ${text.slice(0, 4)} ${text.slice(11, 19)} +0000`
}

/** Go's time.RFC3339 in a zone. */
function rfc3339(time: number, offset: number): string {
  const local = timestamp(time + offset).slice(0, 19)
  if (offset === 0) return `${local}Z`
  const minutes = Math.abs(offset) / 60_000
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

