import type { CronSchedule } from '../cron-schedule.ts'
import type { CronJob } from '../types.ts'

/** When a CronJob is due: pkg/controller/cronjob/utils.go. Times are in ms since 1970. */
interface Recent {
  /** The last time that was, if it was not before the last start. */
  time: number | undefined
  missedAny: boolean
  missedMany: boolean
  earliest: number
  /** The schedule names no times at all (31st of February). */
  impossible: boolean
}

const MANY = 100
/** Padding of a requeue, so that a slow clock does not miss the time. */
const PADDING = 100

export function mostRecentTime({ metadata, status, spec }: CronJob, now: number, schedule: CronSchedule, withDeadline: boolean): Recent {
  let earliest = Date.parse(status.lastScheduleTime ?? metadata.creationTimestamp)
  if (withDeadline && spec.startingDeadlineSeconds !== undefined) earliest = Math.max(earliest, now - spec.startingDeadlineSeconds * 1000)
  const none: Recent = { time: undefined, missedAny: false, missedMany: false, earliest, impossible: false }
  const first = schedule.next(earliest)
  const second = first === undefined ? undefined : schedule.next(first)
  if (first === undefined || second === undefined) return { ...none, impossible: true }
  if (now < first) return none
  if (now < second) return { ...none, time: first }
  const between = Math.round((second - first) / 1000)
  if (between < 1) return { ...none, impossible: true }
  const missed = Math.floor(Math.floor((now - first) / 1000) / between) + 1
  let time: number | undefined
  for (let at = schedule.next(first + (missed - 2) * between * 1000); at !== undefined && at <= now; at = schedule.next(at)) time = at
  return { ...none, time, missedAny: missed > 0, missedMany: missed > MANY }
}

/** The ms until it is to be looked at again; undefined when it never will be due. */
export function nextDelay(cronJob: CronJob, now: number, schedule: CronSchedule): number | undefined {
  const recent = mostRecentTime(cronJob, now, schedule, false)
  const from = recent.impossible ? now : (recent.time ?? (recent.missedAny ? now : recent.earliest))
  const next = schedule.next(from)
  return next === undefined ? undefined : next + PADDING - now
}
