import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import type { CronJob, Event, Job } from '../types.ts'
import { CronJobController } from './cronjob.ts'
import { InformerFactory } from './informer.ts'
import { ownerReference } from './ownership.ts'

/**
 * The table of pkg/controller/cronjob/cronjob_controllerv2_test.go (TestControllerV2SyncCronJob, v1.33), told again: an hourly
 * CronJob, made a minute before the hour, or before the hour before that if it ran already; the controller looks a minute
 * before the hour, a minute after it, or a week later.
 */
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const WEEK = 7 * 24 * HOUR
const BEFORE = -MINUTE
const [SHORT, MEDIUM, LONG, NONE] = [10, 2 * 60 * 60, 1_000_000, undefined]

type Former = 'never' | 'done' | 'active'
/** What is made and deleted, what is active then, and how many warnings there are. */
interface Outcome { made?: number; deleted?: number; active?: number; warnings?: string[]; reasons?: string[] }
const ran = { made: 1, active: 1, reasons: ['SuccessfulCreate'] }
const MANY = ['TooManyMissedTimes']

const rows: [string, string, Former, number | undefined, number, Outcome, boolean?][] = [
  ['never ran, not time', 'Allow', 'never', NONE, BEFORE, {}],
  ['never ran, not time', 'Forbid', 'never', NONE, BEFORE, {}],
  ['never ran, is time', 'Allow', 'never', NONE, MINUTE, ran],
  ['never ran, is time', 'Forbid', 'never', NONE, MINUTE, ran],
  ['never ran, is time', 'Replace', 'never', NONE, MINUTE, ran],
  ['never ran, is time, suspended', 'Allow', 'never', NONE, MINUTE, {}, true],
  ['never ran, is time, past deadline', 'Allow', 'never', SHORT, MINUTE, {}],
  ['never ran, is time, not past deadline', 'Allow', 'never', LONG, MINUTE, ran],
  ['ran, not time', 'Allow', 'done', NONE, BEFORE, {}],
  ['ran, is time', 'Allow', 'done', NONE, MINUTE, ran],
  ['ran, is time', 'Forbid', 'done', NONE, MINUTE, ran],
  ['ran, is time, suspended', 'Allow', 'done', NONE, MINUTE, {}, true],
  ['ran, is time, past deadline', 'Allow', 'done', SHORT, MINUTE, {}],
  ['ran, is time, not past deadline', 'Replace', 'done', LONG, MINUTE, ran],
  ['runs, not time', 'Allow', 'active', NONE, BEFORE, { active: 1 }],
  ['runs, not time', 'Replace', 'active', NONE, BEFORE, { active: 1 }],
  ['runs, is time', 'Allow', 'active', NONE, MINUTE, { made: 1, active: 2, reasons: ['SuccessfulCreate'] }],
  ['runs, is time', 'Forbid', 'active', NONE, MINUTE, { active: 1, reasons: ['JobAlreadyActive'] }],
  ['runs, is time', 'Replace', 'active', NONE, MINUTE, { made: 1, deleted: 1, active: 1, reasons: ['SuccessfulCreate', 'SuccessfulDelete'] }],
  ['runs, is time, suspended', 'Allow', 'active', NONE, MINUTE, { active: 1 }, true],
  ['runs, is time, past deadline', 'Allow', 'active', SHORT, MINUTE, { active: 1 }],
  ['runs, is time, not past deadline', 'Allow', 'active', LONG, MINUTE, { made: 1, active: 2, reasons: ['SuccessfulCreate'] }],
  ...['Allow', 'Replace', 'Forbid'].flatMap((policy): [string, string, Former, number | undefined, number, Outcome][] => [
    ['ran, long overdue, no deadline', policy, 'done', NONE, WEEK, { ...ran, warnings: MANY }],
    ['ran, long overdue, not past deadline', policy, 'done', LONG, WEEK, { ...ran, warnings: MANY }],
    ['ran, long overdue, past a medium deadline', policy, 'done', MEDIUM, WEEK, ran],
    ['ran, long overdue, past a short deadline', policy, 'done', SHORT, WEEK, ran],
  ]),
]

it.each(rows)('%s, %s (%s, deadline %s)', (_, concurrencyPolicy, former, deadline, at, expected, suspend = false) => {
  const clock = new Clock({ seed: 1 })
  const client = new ApiServer(clock, { freeze: true })
  const hour = Math.ceil((clock.wall() + 2 * MINUTE) / HOUR) * HOUR + HOUR
  const until = (wall: number): void => clock.runFor(wall - clock.wall())
  const time = (wall: number): string => new Date(wall).toISOString().replace(/\.\d+/, '')
  until(former === 'never' ? hour - MINUTE : hour - HOUR - MINUTE)
  const template = { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } } } }
  const cronJob = client.create<CronJob>('cronjobs', 'default', { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'foo' }, spec: { schedule: '0 * * * *', concurrencyPolicy, suspend, ...(deadline === undefined ? {} : { startingDeadlineSeconds: deadline }), jobTemplate: template } })
  const patch = (resource: string, name: string, status: object): void => void client.patch(resource, 'default', name, 'application/merge-patch+json', { status }, { subresource: 'status' })
  if (former !== 'never') {
    until(hour - HOUR + MINUTE)
    const job = client.create<Job>('jobs', 'default', { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'former', ownerReferences: [ownerReference(cronJob)] }, ...template })
    const active = former === 'active' ? [{ apiVersion: 'batch/v1', kind: 'Job', name: 'former', namespace: 'default', uid: job.metadata.uid }] : []
    patch('cronjobs', 'foo', { lastScheduleTime: time(clock.wall()), ...(active.length > 0 ? { active } : {}) })
    if (former === 'done') {
      const done = time(clock.wall() + 10_000)
      const condition = (type: string): object => ({ type, status: 'True', lastProbeTime: done, lastTransitionTime: done })
      patch('jobs', 'former', { startTime: time(clock.wall()), completionTime: done, succeeded: 1, uncountedTerminatedPods: {}, conditions: [condition('SuccessCriteriaMet'), condition('Complete')] })
    }
  }
  until(hour + at)
  new CronJobController({ clock, client, informers: new InformerFactory(client), config: parseClusterConfig({}) })
  clock.runFor(1000)
  const events = client.list<Event>('events', { namespace: 'default' }).items
  const told = (type: string): string[] => events.filter((e) => e.type === type).map((e) => e.reason!).sort()
  const { status } = client.get<CronJob>('cronjobs', 'default', 'foo')
  expect({ made: told('Normal').filter((r) => r === 'SuccessfulCreate').length, deleted: told('Normal').filter((r) => r === 'SuccessfulDelete').length, active: status.active?.length ?? 0, warnings: told('Warning'), reasons: told('Normal') })
    .toEqual({ made: 0, deleted: 0, active: 0, warnings: [], reasons: [], ...expected })
  if (former === 'done') expect(status.lastSuccessfulTime).toBe(time(hour - HOUR + MINUTE + 10_000))
})
