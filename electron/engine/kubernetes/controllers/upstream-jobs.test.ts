import type * as batch from 'kubernetes-types/batch/v1'
import { describe, expect, it } from 'vitest'
import type { Job, Pod } from '../types.ts'
import { JobController } from './job.ts'
import { COMPLETION_INDEX, FAILURE_COUNT, formatIndexes, IGNORED_FAILURE_COUNT, parseIndexes, pendingIndexes } from './job-indexes.ts'
import { finishTime, matchFailurePolicy, matchSuccessPolicy, remainingBackoff } from './job-policies.ts'
import { FINALIZER } from './job-view.ts'
import { ownerReference } from './ownership.ts'
import { Bench, container } from './upstream.samples.ts'

/**
 * Tables of pkg/controller/job's own tests (v1.33), told again: TestSyncJobWithJobPodFailurePolicy,
 * TestSyncJobWithJobSuccessPolicy, TestSyncJobWithJobBackoffLimitPerIndex, TestSyncJobWhenManagedBy of job_controller_test.go, and those of
 * pod_failure_policy_test.go, success_policy_test.go, backoff_utils_test.go and indexed_job_utils_test.go.
 */
type Rule = batch.PodFailurePolicyRule
type Spec = Partial<batch.JobSpec>
const codes = (action: string, values: number[], more: object = {}): Rule => ({ action, onExitCodes: { operator: 'In', values, ...more }, onPodConditions: undefined } as unknown as Rule)
const notIn = { operator: 'NotIn' }
const disrupted = (action: string, status = 'True', type = 'DisruptionTarget'): Rule => ({ action, onPodConditions: [{ type, status }] } as unknown as Rule)
const policy = (...rules: Rule[]): Spec => ({ podFailurePolicy: { rules: rules.map((r) => JSON.parse(JSON.stringify(r)) as Rule) } })

/** What a Pod's containers ended with ("!" for init containers), and its conditions. */
interface End { codes?: Record<string, number>; conditions?: string[] }
function statusOf({ codes: ends = {}, conditions = [] }: End): object {
  const statuses = (init: boolean): object[] => Object.entries(ends).filter(([name]) => name.startsWith('!') === init).map(([name, exitCode]) => ({ name: name.replace('!', ''), image: 'x', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode } } }))
  return {
    ...(conditions.length > 0 ? { conditions: conditions.map((c) => ({ type: c.split('=')[0], status: c.split('=')[1] })) } : {}),
    ...(statuses(false).length > 0 ? { containerStatuses: statuses(false) } : {}), ...(statuses(true).length > 0 ? { initContainerStatuses: statuses(true) } : {}),
  }
}

const PHASES: Record<string, string> = { P: 'Pending', R: 'Running', S: 'Succeeded', F: 'Failed' }

interface Story { spec: Spec; pods: [string, End?][]; status?: object; containers?: string[]; initContainers?: string[] }

/** Each Pod: an index, its phase, how often its index failed before ("0F1"), and D when it was just deleted. */
function tell({ spec, pods, status, containers = ['c'], initContainers = [] }: Story): { job: Job; bench: Bench; made: Pod[] } {
  const bench = new Bench()
  const each = (names: readonly string[]): object[] => names.map((name) => ({ ...container, name }))
  const job = bench.create<Job>('jobs', {
    apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'foobar' },
    spec: { parallelism: 2, completions: 2, ...spec, template: { spec: { restartPolicy: 'Never', containers: each(containers), ...(initContainers.length > 0 ? { initContainers: each(initContainers) } : {}) } } },
  })
  const gone: string[] = []
  pods.forEach(([text, end = {}], i) => {
    const [, index, phase, failures, deleted] = /^(\d*)([PRSF])(\d*)(D?)$/.exec(text)!
    const name = `mypod-${i}`
    bench.create<Pod>('pods', {
      apiVersion: 'v1', kind: 'Pod', spec: { nodeName: 'n', containers: each(containers), ...(initContainers.length > 0 ? { initContainers: each(initContainers) } : {}) },
      metadata: { name, labels: job.spec.template.metadata!.labels, finalizers: [FINALIZER, 'test/keep'], ownerReferences: [ownerReference(job)], annotations: { ...(index ? { [COMPLETION_INDEX]: index } : {}), ...(failures ? { [FAILURE_COUNT]: failures } : {}) } },
    })
    bench.status('pods', name, { phase: PHASES[phase!], ...statusOf(end) })
    if (deleted) gone.push(name)
  })
  if (status) bench.status('jobs', 'foobar', status)
  // failures are long ago, but for those that were just deleted
  bench.clock.runFor(3_600_000)
  for (const name of gone) bench.client.delete('pods', 'default', name)
  const there = new Set(bench.client.list<Pod>('pods').items.map((p) => p.metadata.name))
  bench.start(JobController)
  return { job: bench.client.get<Job>('jobs', 'default', 'foobar'), bench, made: bench.client.list<Pod>('pods').items.filter((p) => !there.has(p.metadata.name)) }
}

interface Outcome { active?: number; succeeded?: number; failed?: number; terminating?: number; completed?: string; failedIndexes?: string; conditions?: string[] }
const outcome = ({ status }: Job): Outcome => ({
  active: status.active ?? 0, succeeded: status.succeeded ?? 0, failed: status.failed ?? 0, terminating: status.terminating!, completed: status.completedIndexes ?? '',
  ...(status.failedIndexes === undefined ? {} : { failedIndexes: status.failedIndexes }), conditions: (status.conditions ?? []).map((c) => `${c.type} ${c.reason}: ${c.message}`),
})
const NOTHING: Outcome = { active: 0, succeeded: 0, failed: 0, terminating: 0, completed: '', conditions: [] }
const both = (text: string, type = 'Failed'): string[] => [`${type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet'} ${text}`, `${type} ${text}`]
const byPolicy = (message: string): string[] => both(`PodFailurePolicy: ${message}`)
const exited = (name: string, pod: number, code: number, at: number): string => `Container ${name} for pod default/mypod-${pod} failed with exit code ${code} matching FailJob rule at index ${at}`
const LIMIT = 'BackoffLimitExceeded: Job has reached the specified backoff limit'

describe('podFailurePolicy', () => {
  const rules = policy(codes('Ignore', [1, 2, 3]), codes('FailJob', [5, 6, 7]))
  const one = { parallelism: 1, completions: 1 }
  const main = (code: number): End => ({ codes: { main: code } })
  const target = { conditions: ['DisruptionTarget=True'] }
  const rows: [string, Story, Outcome][] = [
    ['the container that ended so is another one than is named', { spec: { ...one, ...policy(codes('Ignore', [1, 2, 3], { containerName: 'main' }), codes('FailJob', [5, 6, 7], { containerName: 'main' })) }, containers: ['main', 'monitoring'], pods: [['F', { codes: { monitoring: 5, main: 42 } }]] }, { active: 1, failed: 1 }],
    ['a Pod that runs fails nothing', { spec: { ...one, ...rules }, pods: [['R', main(5)]] }, { active: 1 }],
    ['by exit code', { spec: { ...one, ...rules }, pods: [['F', main(5)]] }, { failed: 1, conditions: byPolicy(exited('main', 0, 5, 1)) }],
    ['others are ended and count', { spec: rules, pods: [['R'], ['F', main(5)]] }, { failed: 2, terminating: 1, conditions: byPolicy(exited('main', 1, 5, 1)).slice(0, 1) }],
    ['Indexed', { spec: { ...one, completionMode: 'Indexed', ...rules }, pods: [['0F', main(5)]] }, { failed: 1, conditions: byPolicy(exited('main', 0, 5, 1)) }],
    ['NotIn', { spec: { ...one, ...policy(codes('FailJob', [5, 6, 7], notIn)) }, pods: [['F', main(42)]] }, { failed: 1, conditions: byPolicy(exited('main', 0, 42, 0)) }],
    ['NotIn, it is in', { spec: { ...one, ...policy(codes('FailJob', [5, 6, 7], notIn)) }, pods: [['F', main(5)]] }, { active: 1, failed: 1 }],
    ['an init container', { spec: { ...one, ...rules }, initContainers: ['init'], pods: [['F', { codes: { '!init': 5, main: 143 } }]] }, { failed: 1, conditions: byPolicy(exited('init', 0, 5, 1)) }],
    ['Ignore: of two rules that match the first', { spec: { ...one, backoffLimit: 0, ...rules }, pods: [['F', { codes: { container1: 2, container2: 6 } }]] }, { active: 1 }],
    ['Ignore', { spec: { ...one, backoffLimit: 0, ...rules }, pods: [['F', main(1)]] }, { active: 1 }],
    ['no rule matches', { spec: { ...one, backoffLimit: 0, ...rules }, pods: [['F', main(10)]] }, { failed: 1, conditions: both(LIMIT) }],
    ['Count: of two rules that match the first', { spec: { ...one, ...policy(codes('Count', [1, 2]), codes('Ignore', [2, 3])) }, pods: [['F', main(2)]] }, { active: 1, failed: 1 }],
    ['Count: by condition', { spec: { ...one, ...policy(disrupted('Count', 'True', 'ResourceLimitExceeded'), disrupted('Ignore')) }, pods: [['F', { conditions: ['ResourceLimitExceeded=True', 'DisruptionTarget=True'] }]] }, { active: 1, failed: 1 }],
    ['Ignore: by condition', { spec: { ...one, backoffLimit: 0, ...policy(disrupted('Ignore')) }, pods: [['F', target]] }, { active: 1 }],
    ['what is ignored delays the next one, too', { spec: { ...one, backoffLimit: 0, ...policy(disrupted('Ignore')) }, pods: [['FD', target]] }, {}],
    ['by condition', { spec: { ...one, ...policy(disrupted('FailJob')) }, pods: [['F', target]] }, { failed: 1, conditions: byPolicy('Pod default/mypod-0 has condition DisruptionTarget matching FailJob rule at index 0') }],
    ['one that is being deleted has not failed', { spec: { ...one, backoffLimit: 0, ...policy(disrupted('Count')) }, pods: [['PD']] }, { terminating: 1 }],
  ]
  it.each(rows)('%s', (_, story, expected) => {
    expect(outcome(tell(story).job)).toEqual({ ...NOTHING, ...expected })
  })

  it('what was found stays, however its Pods look now', () => {
    const found = exited('main', 7, 5, 1).replace('mypod-7', 'already-deleted-pod')
    const condition = { type: 'FailureTarget', status: 'True', reason: 'PodFailurePolicy', message: found }
    expect(outcome(tell({ spec: { ...one, ...rules }, pods: [['F', main(5)]], status: { conditions: [condition] } }).job)).toEqual({ ...NOTHING, failed: 1, conditions: byPolicy(found) })
  })

  const match = (rule: Spec, end: End): [string | undefined, boolean, string | undefined] => {
    const pod = { metadata: { name: 'mypod', namespace: 'default' }, status: { phase: 'Failed', ...statusOf(end) } } as unknown as Pod
    const { action, counts, message } = matchFailurePolicy(rule.podFailurePolicy, pod)
    return [action, counts, message]
  }
  it.each<[string, Spec, End, [string | undefined, boolean, string?]]>([
    ['no policy', {}, { codes: { a: 2 } }, [undefined, true]],
    ['Ignore', policy(codes('Ignore', [1, 2, 3])), { codes: { a: 2 } }, ['Ignore', false]],
    ['negative codes, as of Windows', policy(codes('Ignore', [-1073741676, -1073741510])), { codes: { a: -1073741510 } }, ['Ignore', false]],
    ['containers that succeeded are passed over', policy(codes('FailJob', [111], notIn)), { codes: { '!i': 0, main: 111, support: 0 } }, [undefined, true]],
    ['NotIn 0', policy(codes('FailJob', [0], notIn)), { codes: { main: 1, support: 0 } }, ['FailJob', true, 'Container main for pod default/mypod failed with exit code 1 matching FailJob rule at index 0']],
    ['FailIndex', policy(codes('FailIndex', [1, 2, 3])), { codes: { a: 2 } }, ['FailIndex', true]],
    ['the second rule', policy(codes('Count', [1, 2, 3]), codes('FailJob', [4, 5, 6])), { codes: { main: 6 } }, ['FailJob', true, 'Container main for pod default/mypod failed with exit code 6 matching FailJob rule at index 1']],
    ['FailIndex by condition', policy(disrupted('FailIndex')), { conditions: ['DisruptionTarget=True'] }, ['FailIndex', true]],
    ['False is as good as True', policy(disrupted('Ignore', 'False')), { conditions: ['DisruptionTarget=False'] }, ['Ignore', false]],
    ['Unknown, too', policy(disrupted('Ignore', 'Unknown')), { conditions: ['DisruptionTarget=Unknown'] }, ['Ignore', false]],
    ['another status', policy(disrupted('Ignore', 'False')), { conditions: ['DisruptionTarget=True'] }, [undefined, true]],
  ])('a rule: %s', (_, rule, end, [action, counts, message]) => {
    expect(match(rule, end)).toEqual([action, counts, message])
  })
})

describe('successPolicy', () => {
  const MET = 'SuccessPolicy: Matched rules at index 0'
  const indexed = (completions: number, rule: object, more: Spec = {}): Spec => ({ completionMode: 'Indexed', parallelism: completions, completions, backoffLimit: 2147483647, successPolicy: { rules: [rule] }, ...more })
  const anyOf = { succeededIndexes: '0,1', succeededCount: 1 }
  const met = { conditions: [{ type: 'SuccessCriteriaMet', status: 'True', reason: 'SuccessPolicy', message: 'Matched rules at index 0' }] }
  const target: End = { conditions: ['DisruptionTarget=True'] }
  const byDisruption = 'PodFailurePolicy: Pod default/mypod-0 has condition DisruptionTarget matching FailJob rule at index 0'
  const failing = policy(disrupted('FailJob'))
  const rows: [string, Story, Outcome][] = [
    ['met, those that run end and have not failed', { spec: indexed(3, anyOf), pods: [['0F'], ['0R'], ['1S'], ['2R']] }, { failed: 1, succeeded: 1, terminating: 2, completed: '1', conditions: [`SuccessCriteriaMet ${MET}`] }],
    ['beside a podFailurePolicy', { spec: indexed(2, anyOf, failing), pods: [['0F'], ['0R'], ['1S']] }, { failed: 1, succeeded: 1, terminating: 1, completed: '1', conditions: [`SuccessCriteriaMet ${MET}`] }],
    ['beside backoffLimitPerIndex', { spec: indexed(2, anyOf, { backoffLimitPerIndex: 2 }), pods: [['0F'], ['0R'], ['1S']] }, { failed: 1, succeeded: 1, terminating: 1, completed: '1', failedIndexes: '', conditions: [`SuccessCriteriaMet ${MET}`] }],
    ['all others are gone', { spec: indexed(2, anyOf, { backoffLimitPerIndex: 2 }), status: met, pods: [['0F'], ['1S']] }, { failed: 1, succeeded: 1, completed: '1', failedIndexes: '', conditions: both(MET, 'Complete') }],
    ['some others still run', { spec: indexed(3, anyOf, { backoffLimitPerIndex: 3 }), status: met, pods: [['0F'], ['1R'], ['1S'], ['2R']] }, { failed: 1, succeeded: 1, terminating: 2, completed: '1', failedIndexes: '', conditions: [`SuccessCriteriaMet ${MET}`] }],
    ['a podFailurePolicy comes first', { spec: indexed(2, anyOf, failing), pods: [['0F', target], ['0R'], ['1S']] }, { failed: 2, succeeded: 1, terminating: 1, completed: '1', conditions: [`FailureTarget ${byDisruption}`] }],
    ['failed indexes come first', { spec: indexed(2, anyOf, { backoffLimitPerIndex: 1 }), pods: [['0F1'], ['1S']] }, { failed: 1, succeeded: 1, completed: '1', failedIndexes: '0', conditions: both('FailedIndexes: Job has failed indexes') }],
    ['backoffLimit comes first', { spec: indexed(2, anyOf, { backoffLimit: 1 }), pods: [['0F'], ['0F'], ['1S']] }, { failed: 2, succeeded: 1, completed: '1', conditions: both(LIMIT) }],
    ['once met a podFailurePolicy changes nothing', { spec: indexed(2, { succeededCount: 1 }, failing), status: { ...met, succeeded: 1, completedIndexes: '1' }, pods: [['0F', target], ['1S']] }, { failed: 1, succeeded: 1, completed: '1', conditions: both(MET, 'Complete') }],
    ['once met failed indexes change nothing', { spec: indexed(2, { succeededIndexes: '1' }, { backoffLimitPerIndex: 1 }), status: { ...met, succeeded: 1, completedIndexes: '1' }, pods: [['0F1'], ['1S']] }, { failed: 1, succeeded: 1, completed: '1', failedIndexes: '0', conditions: both(MET, 'Complete') }],
    ['once met the backoffLimit changes nothing', { spec: indexed(2, anyOf, { backoffLimit: 1 }), status: { ...met, succeeded: 1, completedIndexes: '1' }, pods: [['0F'], ['1S']] }, { failed: 1, succeeded: 1, completed: '1', conditions: both(MET, 'Complete') }],
    ['once failed it is never met', { spec: indexed(2, anyOf, failing), status: { completedIndexes: '1', conditions: [{ type: 'FailureTarget', status: 'True', reason: 'PodFailurePolicy', message: byDisruption.slice(18) }] }, pods: [['0F', target], ['1S']] }, { failed: 1, succeeded: 1, completed: '1', conditions: both(byDisruption) }],
  ]
  it.each(rows)('%s', (_, story, expected) => {
    expect(outcome(tell(story).job)).toEqual({ ...NOTHING, ...expected })
  })

  const matched = 'Matched rules at index 0'
  it.each<[string, { succeededIndexes?: string; succeededCount?: number }[] | undefined, string, string | undefined]>([
    ['none', undefined, '0', undefined],
    ['indexes, all there', [{ succeededIndexes: '0-2' }], '0-2,4-7', matched],
    ['indexes, none there', [{ succeededIndexes: '3' }], '0-2', undefined],
    ['a number, more there', [{ succeededCount: 2 }], '0-2', matched],
    ['a number, fewer there', [{ succeededCount: 4 }], '0-2', undefined],
    ['the second of two', [{ succeededIndexes: '9' }, { succeededIndexes: '4,6' }], '0-2,4-7', 'Matched rules at index 1'],
    ['both of two', [{ succeededIndexes: '0,1' }, { succeededIndexes: '5' }], '0-2,4-7', matched],
    ['so many of these', [{ succeededIndexes: '3-6', succeededCount: 2 }], '0-2,4-7', matched],
    ['fewer of these', [{ succeededIndexes: '3-6', succeededCount: 2 }], '0-2,6-7', undefined],
    ['a number, nothing there', [{ succeededCount: 4 }], '', undefined],
    ['part of what is there', [{ succeededIndexes: '2-4,6-8' }], '1-9', matched],
    ['just what is there', [{ succeededIndexes: '2-4,6-9' }], '2-4,6-9', matched],
    ['beyond the last', [{ succeededIndexes: '2-4,8-12' }], '2-5,7-15', matched],
    ['no index named', [{ succeededIndexes: '' }], '1-3', undefined],
    ['no index named, nothing there', [{ succeededIndexes: '' }], '', undefined],
    ['only others', [{ succeededIndexes: '10-12,14-16' }], '1-3,5-7', undefined],
    ['the first of each run is missing', [{ succeededIndexes: '1-3,5-7' }], '2-4,6-8', undefined],
    ['four of these are there', [{ succeededIndexes: '1-3,5-7', succeededCount: 4 }], '2-4,6-8', matched],
    ['around what is there', [{ succeededIndexes: '0-4,6-9' }], '1-3,7-8', undefined],
    ['around it, but five will do', [{ succeededIndexes: '0-4,6-9', succeededCount: 5 }], '1-3,7-8', matched],
    ['seven of 0-6,8-9', [{ succeededIndexes: '0-6,8-9', succeededCount: 7 }], '1-3,5-9', matched],
    ['eight of 0-5,7-9', [{ succeededIndexes: '0-5,7-9', succeededCount: 8 }], '1-5,7-10', matched],
    ['the zeroth is missing', [{ succeededIndexes: '0-3,6-9' }], '1-10', undefined],
  ])('a rule: %s', (_, rules, succeeded, expected) => {
    expect(matchSuccessPolicy(rules && { rules }, 10, parseIndexes(succeeded, 100))).toBe(expected)
  })
})

describe('backoffLimitPerIndex', () => {
  const indexed = (more: Spec = {}): Spec => ({ completionMode: 'Indexed', backoffLimit: 2147483647, backoffLimitPerIndex: 1, ...more })
  const x3: End = { codes: { x: 3 } }
  const rows: [string, Story, Outcome][] = [
    ['succeeded at the second try', { spec: indexed(), pods: [['0F0'], ['0S1'], ['1S0']] }, { failed: 1, succeeded: 2, completed: '0,1', failedIndexes: '', conditions: both('CompletionsReached: Reached expected number of succeeded pods', 'Complete') }],
    ['the second try is on its way', { spec: indexed(), pods: [['0F0'], ['0P1']] }, { active: 2, failed: 1, failedIndexes: '' }],
    ['an index failed too often', { spec: indexed(), pods: [['0F1']] }, { active: 1, failed: 1, failedIndexes: '0' }],
    ['FailIndex', { spec: indexed(policy(codes('FailIndex', [3]))), pods: [['0F0', x3]] }, { active: 1, failed: 1, failedIndexes: '0' }],
    ['FailJob', { spec: indexed(policy(codes('FailJob', [3]))), pods: [['0F0', x3]] }, { failed: 1, failedIndexes: '', conditions: byPolicy(exited('x', 0, 3, 0)) }],
    ['Ignore', { spec: indexed(policy(codes('Ignore', [3]))), pods: [['0F0', x3]] }, { active: 2, failedIndexes: '' }],
    ['backoffLimit before that of an index', { spec: indexed({ backoffLimit: 1 }), pods: [['0F0'], ['1F0']] }, { failed: 2, failedIndexes: '', conditions: both(LIMIT) }],
    ['all that did not succeed failed', { spec: indexed(), pods: [['0F1'], ['1S0']] }, { failed: 1, succeeded: 1, completed: '1', failedIndexes: '0', conditions: both('FailedIndexes: Job has failed indexes') }],
    ['more failed than may', { spec: indexed({ parallelism: 4, completions: 4, maxFailedIndexes: 1 }), pods: [['0F1'], ['1S0'], ['2F1'], ['3R0']] }, { failed: 3, succeeded: 1, terminating: 1, completed: '1', failedIndexes: '0,2', conditions: ['FailureTarget MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes'] }],
  ]
  it.each(rows)('%s', (_, story, expected) => {
    expect(outcome(tell(story).job)).toEqual({ ...NOTHING, ...expected })
  })

  it('who comes after an ignored failure counts those apart; of two that failed the one that failed more often hands on', () => {
    const { made } = tell({ spec: indexed({ completions: 1, parallelism: 1, ...policy(codes('Ignore', [3])) }), pods: [['0F0', x3]] })
    expect(made.map((p) => [p.metadata.annotations![FAILURE_COUNT], p.metadata.annotations![IGNORED_FAILURE_COUNT]])).toEqual([['0', '1']])
    const bench = new Bench()
    const job = bench.create<Job>('jobs', { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' }, spec: { ...indexed({ completions: 1, parallelism: 1, backoffLimitPerIndex: 9 }), template: { spec: { restartPolicy: 'Never', containers: [container] } } } })
    for (const [name, ignored] of [['a', '4'], ['b', '1']]) {
      bench.create('pods', { apiVersion: 'v1', kind: 'Pod', spec: { containers: [container] }, metadata: { name, labels: job.spec.template.metadata!.labels, finalizers: [FINALIZER], ownerReferences: [ownerReference(job)], annotations: { [COMPLETION_INDEX]: '0', [FAILURE_COUNT]: '1', [IGNORED_FAILURE_COUNT]: ignored } } })
      bench.status('pods', name!, { phase: 'Failed' })
      bench.clock.runFor(1000)
    }
    bench.clock.runFor(3_600_000)
    bench.start(JobController)
    const next = bench.client.list<Pod>('pods').items.find((p) => !['a', 'b'].includes(p.metadata.name))!
    expect([next.metadata.annotations![FAILURE_COUNT], next.metadata.annotations![IGNORED_FAILURE_COUNT]]).toEqual(['2', '4'])
  })
})

describe('counting', () => {
  it.each<[string | undefined, boolean]>([['example.com/custom-managed-by', false], ['kubernetes.io/job-controller', true], [undefined, true]])('managedBy %s', (managedBy, ours) => {
    const { job, made } = tell({ spec: managedBy === undefined ? {} : { managedBy }, pods: [], status: { active: 1, ready: 1, startTime: '2026-01-01T00:00:00Z' } })
    expect([job.status.active, job.status.ready, made.length]).toEqual(ours ? [2, 0, 2] : [1, 1, 0])
  })

  it('what was noted as failed is not counted as succeeded, whatever became of it since', () => {
    const bench = new Bench()
    const job = bench.create<Job>('jobs', { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' }, spec: { completions: 2, parallelism: 2, template: { spec: { restartPolicy: 'Never', containers: [container] } } } })
    const pods = ['a', 'b'].map((name) => bench.create<Pod>('pods', { apiVersion: 'v1', kind: 'Pod', spec: { containers: [container] }, metadata: { name, labels: job.spec.template.metadata!.labels, finalizers: [FINALIZER], ownerReferences: [ownerReference(job)] } }))
    for (const { metadata } of pods) bench.status('pods', metadata.name, { phase: 'Succeeded' })
    bench.status('jobs', 'j', { uncountedTerminatedPods: { failed: pods.map((p) => p.metadata.uid) } })
    bench.start(JobController)
    const { status } = bench.client.get<Job>('jobs', 'default', 'j')
    expect([status.failed, status.succeeded]).toEqual([2, undefined])
  })

  it('a Job that is deleted and leaves its Pods behind takes its finalizer off them; so it does from one that is let go', () => {
    const bench = new Bench()
    const manual = (name: string): Job => bench.create('jobs', { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { manualSelector: true, selector: { matchLabels: { job: name } }, parallelism: 2, completions: 2, template: { metadata: { labels: { job: name } }, spec: { restartPolicy: 'Never', containers: [container] } } } })
    manual('j')
    bench.start(JobController)
    const pods = (): Pod[] => bench.client.list<Pod>('pods').items.slice()
    const [a, b] = pods()
    bench.client.patch('pods', 'default', a!.metadata.name, 'application/merge-patch+json', { metadata: { labels: { job: 'nobody' } } })
    bench.settle()
    expect(bench.client.get<Pod>('pods', 'default', a!.metadata.name).metadata.finalizers ?? []).toEqual([])
    // as the garbage collector does
    bench.client.patch('pods', 'default', b!.metadata.name, 'application/merge-patch+json', { metadata: { ownerReferences: null } })
    bench.client.delete('jobs', 'default', 'j', { propagationPolicy: 'Background' })
    bench.settle()
    expect(bench.client.get<Pod>('pods', 'default', b!.metadata.name).metadata.finalizers ?? []).toEqual([])
    // the next one adopts it, and counts it
    manual('j')
    bench.settle()
    const adopted = bench.client.get<Pod>('pods', 'default', b!.metadata.name)
    expect([adopted.metadata.ownerReferences?.[0]?.name, adopted.metadata.finalizers]).toEqual(['j', [FINALIZER]])
  })
})

describe('arithmetic', () => {
  const T = Date.parse('2009-11-10T23:00:00Z')
  const at = (seconds: number): string => new Date(T + seconds * 1000).toISOString().replace('.000', '')
  const ended = (...ends: (number | 'runs' | 'unknown')[]): object[] => ends.map((end, i) => ({ name: `c${i}`, state: end === 'runs' ? { running: {} } : { terminated: end === 'unknown' ? {} : { finishedAt: at(end) } } }))
  it.each<[string, object, object, object, number]>([
    ['the last of its containers', {}, {}, { containerStatuses: ended(-1, 0, -2) }, 0],
    ['deleted while one runs', {}, { deletionTimestamp: at(0) }, { containerStatuses: ended(-1, 'runs', -2) }, 0],
    ['deleted, less its grace period', {}, { deletionTimestamp: at(0), deletionGracePeriodSeconds: 30 }, { containerStatuses: ended('runs') }, -30],
    ['since it is not ready', {}, {}, { containerStatuses: ended('unknown'), conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at(0) }] }, 0],
    ['not since it is ready', {}, { deletionTimestamp: at(0) }, { containerStatuses: ended('unknown'), conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(-30) }] }, 0],
    ['made', {}, { creationTimestamp: at(0) }, { containerStatuses: ended('unknown') }, 0],
    ['a sidecar ends last', { initContainers: [{ name: 'c0', restartPolicy: 'Always' }] }, {}, { containerStatuses: ended(-1), initContainerStatuses: ended(0) }, 0],
    ['an init container that is none does not count', { initContainers: [{ name: 'c0' }] }, {}, { containerStatuses: ended(-1), initContainerStatuses: ended('unknown') }, -1],
  ])('when a Pod was done: %s', (_, spec, metadata, status, expected) => {
    expect((finishTime({ metadata, spec, status } as unknown as Pod) - T) / 1000).toBe(expected)
  })

  it.each([[0, 0, 0], [1, 0, 10], [1, 1, 9], [1, 10, 0], [1, 11, 0], [3, 0, 40], [6, 0, 320], [7, 0, 600]])('after %i failures, %i s ago, %i s are left', (failures, ago, left) => {
    expect(remainingBackoff(failures, T, T + ago * 1000) / 1000).toBe(left)
  })

  it.each([
    ['', [1], 2, '1'], ['', [5, 5, 10], 11, '5,10'], ['', [2, 3, 5, 6, 7], 8, '2,3,5-7'], ['0-5,8-10', [], 8, '0-5'], ['0-5,8-10', [], 10, '0-5,8,9'], ['0,4,5,10-12', [2, 7, 8], 13, '0,2,4,5,7,8,10-12'],
    ['3,4,6', [2, 7, 8], 9, '2-4,6-8'], ['2-7', [0, 3, 5, 9], 10, '0,2-7,9'], ['0,1-foo,bar', [3], 4, '0,3'],
  ])('"%s" and %j of %i are %s', (former, fresh, completions, expected) => {
    expect(formatIndexes(new Set([...parseIndexes(former, completions), ...fresh]))).toBe(expected)
  })

  it.each([[5, 3, [], [0, 1, 2]], [2, 5, [], [0, 1]], [3, 10, [0, 1], [2, 3, 4]], [6, 6, [4, 5, 6], [0, 1, 2, 3]], [5, 20, [2, 3, 4, 5, 8, 9], [0, 1, 6, 7, 10]]])('the next %i of %i when %j are taken', (count, completions, taken, expected) => {
    expect(pendingIndexes(completions, count, (i) => taken.includes(i))).toEqual(expected)
  })
})
