import { describe, expect, it } from 'vitest'
import type { DaemonSet, Deployment, Job, Pod, ReplicaSet, StatefulSet } from '../types.ts'
import { DaemonSetController } from './daemonset.ts'
import { DeploymentController } from './deployment.ts'
import { maxUnavailable, newReplicas, scaled } from './deployment-math.ts'
import { isComplete } from './deployment-status.ts'
import { JobController } from './job.ts'
import { COMPLETION_INDEX } from './job-indexes.ts'
import { FINALIZER } from './job-view.ts'
import { ownerReference } from './ownership.ts'
import { StatefulSetController } from './statefulset.ts'
import { Bench, container, READY } from './upstream.samples.ts'

/**
 * Tables of upstream's own tests, told again (v1.33): pkg/controller/deployment/{sync,rolling}_test.go and util,
 * pkg/controller/job/job_controller_test.go TestControllerSyncJob, and what stateful_set_control.go and daemon_controller.go say.
 */

describe('Deployments', () => {
  const deployment = (bench: Bench, replicas: number, more: { surge?: number; unavailable?: number; paused?: boolean } = {}): Deployment => bench.create('deployments', {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'foo' },
    spec: { replicas, paused: more.paused ?? false, selector: { matchLabels: { app: 'foo' } }, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: more.surge ?? 0, maxUnavailable: more.unavailable ?? 1 } }, template: { metadata: { labels: { app: 'foo' } }, spec: { containers: [container] } } },
  })
  const set = (bench: Bench, d: Deployment, name: string, replicas: number, isNew: boolean, annotations: Record<string, string> = {}): ReplicaSet => {
    const labels = { app: 'foo', 'pod-template-hash': name }
    bench.clock.runFor(3_600_000)
    return bench.create('replicasets', {
      apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name, labels, annotations, ownerReferences: [ownerReference(d)] },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: isNew ? d.spec.template!.spec : { containers: [{ ...container, image: name }] } } },
    })
  }
  const sizes = (bench: Bench): Record<string, number> => Object.fromEntries(bench.client.list<ReplicaSet>('replicasets', { namespace: 'default' }).items.map((s) => [s.metadata.name, s.spec.replicas!]))

  /** From so many replicas (and surge) to so many; the new set's size, the old ones', the newer first; what they become. */
  const rows: [string, number, number, number | undefined, number[], number | undefined, number[], number?, number?][] = [
    ['10 to 12', 10, 12, 10, [], 12, []],
    ['10 to 5', 10, 5, 10, [], 5, []],
    ['in proportion, 5 to 10', 5, 10, 2, [3], 4, [6]],
    ['in proportion, 5 to 3', 5, 3, 2, [3], 1, [2]],
    ['in proportion, 9 to 4', 9, 4, 8, [1], 4, [0]],
    ['in proportion, 7 to 10', 7, 10, 2, [3, 2], 3, [4, 3]],
    ['in proportion, 13 to 8', 13, 8, 2, [8, 3], 1, [5, 2]],
    ['what is left is the new one\'s, 3 to 4', 3, 4, 1, [1, 1], 2, [1, 1]],
    ['what is left is the oldest one\'s, 3 to 2', 3, 2, 1, [1, 1], 1, [1, 0]],
    ['no new one, 4 to 5', 4, 5, undefined, [2, 2], undefined, [3, 2]],
    ['6 to 0', 6, 0, 3, [2, 1], 0, [0, 0]],
    ['from zero', 6, 6, 0, [0, 0], 6, [0, 0]],
    ['with a surge', 10, 20, 6, [6], 11, [11], 2, 2],
    ['another surge, too', 10, 50, 5, [8], 22, [34], 3, 6],
    ['another template, too', 10, 14, undefined, [7, 3], undefined, [10, 4]],
    ['the new one is broken', 2, 2, 2, [1], 2, [1], 1, 1],
  ]
  it.each(rows)('scaled while paused: %s', (_, from, to, fresh, old, freshAfter, oldAfter, surgeBefore = 0, surge = 0) => {
    const bench = new Bench()
    const d = deployment(bench, to, { surge, paused: true })
    const annotations = { 'deployment.kubernetes.io/desired-replicas': String(from), 'deployment.kubernetes.io/max-replicas': String(from + surgeBefore) }
    old.map((size, i) => [`old-${i}`, size] as const).reverse().forEach(([name, size]) => set(bench, d, name, size, false, annotations))
    if (fresh !== undefined) set(bench, d, 'new', fresh, true, annotations)
    bench.start(DeploymentController)
    expect(sizes(bench)).toEqual({ ...(freshAfter === undefined ? {} : { new: freshAfter }), ...Object.fromEntries(oldAfter.map((size, i) => [`old-${i}`, size])) })
  })

  /** replicas, maxUnavailable, old and new size, available of both; the old one's size after that. */
  it.each([
    [10, 0, 10, 0, 10, 0, 9],
    [10, 2, 10, 0, 10, 0, 8],
    [10, 2, 10, 0, 8, 0, 8],
    [10, 2, 10, 0, 9, 0, 8],
    [10, 2, 8, 2, 8, 0, 8],
    [10, 2, 10, 0, 1, 0, 8],
  ])('%i replicas, maxUnavailable %i: old %i, new %i, available %i and %i, so old is %i', (replicas, unavailable, old, fresh, oldAvailable, freshAvailable, after) => {
    const bench = new Bench()
    // both of zero are as one that may be unavailable: ResolveFenceposts
    const d = deployment(bench, replicas, { unavailable: unavailable || 1 })
    set(bench, d, 'old', old, false)
    set(bench, d, 'new', fresh, true)
    for (const [name, size, available] of [['old', old, oldAvailable], ['new', fresh, freshAvailable]] as const) bench.status('replicasets', name, { replicas: size, readyReplicas: available, availableReplicas: available, observedGeneration: 1 })
    bench.start(DeploymentController)
    expect(sizes(bench)['old']).toBe(after)
  })

  const plain = (replicas: number, rollingUpdate: object | undefined, type = 'RollingUpdate'): Deployment => ({ metadata: {}, spec: { replicas, strategy: { type, ...(rollingUpdate ? { rollingUpdate } : {}) } }, status: {} }) as unknown as Deployment

  it('the arithmetic', () => {
    const size = (type: string, replicas: number, current: number, maxSurge: number): number => newReplicas(plain(replicas, { maxSurge, maxUnavailable: 1 }, type), [{ spec: { replicas: current } } as ReplicaSet], current)
    expect([size('RollingUpdate', 1, 5, 1), size('RollingUpdate', 6, 2, 10), size('Recreate', 3, 1, 1)]).toEqual([5, 6, 3])
    expect([scaled('39%', 10, 'up'), scaled('39%', 10, 'down'), scaled('0%', 0, 'up')]).toEqual([4, 3, 0])
    const most = (replicas: number, value: number | string, type = 'RollingUpdate'): number => maxUnavailable(plain(replicas, { maxSurge: 1, maxUnavailable: value }, type))
    expect([most(10, 5), most(10, 10), most(5, 10), most(0, 10), most(1, 10, 'Recreate'), most(10, '50%'), most(10, '100%'), most(5, '100%')]).toEqual([5, 10, 5, 0, 0, 5, 10, 5])
  })

  it.each([
    ['available as many as must be, not all', 5, 5, 5, 4, false],
    ['fewer available than must be', 5, 5, 5, 3, false],
    ['all', 5, 5, 5, 5, true],
    ['all available, not all updated', 5, 5, 4, 5, false],
    ['old ones are left', 1, 2, 1, 1, false],
    ['the only one never comes', 1, 1, 1, 0, false],
  ])('complete? %s', (_, replicas, current, updatedReplicas, availableReplicas, complete) => {
    expect(isComplete(plain(replicas, undefined), { replicas: current, updatedReplicas, availableReplicas })).toBe(complete)
  })

  it('one that is paused says so and is left alone, as one that has no deadline says nothing of progress', () => {
    const bench = new Bench()
    const d = deployment(bench, 2)
    set(bench, d, 'new', 2, true, { 'deployment.kubernetes.io/desired-replicas': '2', 'deployment.kubernetes.io/max-replicas': '2' })
    bench.status('replicasets', 'new', { replicas: 2, readyReplicas: 2, availableReplicas: 2, observedGeneration: 1 })
    bench.start(DeploymentController)
    const now = (): Deployment => bench.client.get<Deployment>('deployments', 'default', 'foo')
    const told = (): (string | undefined)[] => (now().status.conditions ?? []).map((c) => c.reason)
    expect(told()).toEqual(['MinimumReplicasAvailable', 'NewReplicaSetAvailable'])
    bench.client.patch('deployments', 'default', 'foo', 'application/merge-patch+json', { spec: { paused: true } })
    bench.settle()
    const { resourceVersion } = now().metadata
    bench.clock.runFor(60_000)
    expect([told(), now().metadata.resourceVersion]).toEqual([['MinimumReplicasAvailable', 'DeploymentPaused'], resourceVersion])
    bench.client.patch('deployments', 'default', 'foo', 'application/merge-patch+json', { spec: { paused: null, progressDeadlineSeconds: 2147483647 } })
    bench.settle()
    const quiet = now().metadata.resourceVersion
    bench.clock.runFor(60_000)
    expect([told(), now().metadata.resourceVersion]).toEqual([['MinimumReplicasAvailable'], quiet])
  })

  it('one that is paused keeps no more old sets than its history', () => {
    const bench = new Bench()
    const d = deployment(bench, 1, { paused: true })
    for (const name of ['a', 'b', 'new']) {
      set(bench, d, name, name === 'new' ? 1 : 0, name === 'new', { 'deployment.kubernetes.io/revision': name === 'a' ? '1' : name === 'b' ? '2' : '3' })
      bench.status('replicasets', name, { replicas: name === 'new' ? 1 : 0, observedGeneration: 1 })
    }
    bench.client.patch('deployments', 'default', 'foo', 'application/merge-patch+json', { spec: { revisionHistoryLimit: 1 } })
    bench.start(DeploymentController)
    expect(Object.keys(sizes(bench)).sort()).toEqual(['b', 'new'])
  })

  it('the new set\'s failure is told before an old one\'s', () => {
    const bench = new Bench()
    const d = deployment(bench, 2)
    for (const name of ['old', 'new']) {
      set(bench, d, name, 1, name === 'new')
      bench.status('replicasets', name, { replicas: 0, conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: `of the ${name} one`, lastTransitionTime: '2026-01-01T00:00:00Z' }] })
    }
    bench.start(DeploymentController)
    expect(bench.client.get<Deployment>('deployments', 'default', 'foo').status.conditions!.find((c) => c.type === 'ReplicaFailure')!.message).toBe('of the new one')
  })
})

describe('Jobs', () => {
  interface Setting { parallelism?: number; completions?: number; backoffLimit?: number; indexed?: boolean; policy?: string; suspend?: boolean; was?: boolean; deleting?: boolean }
  /** Each Pod: an index, a phase (Pending, Running, Succeeded, Failed) or D for one that is being deleted, and r when ready. */
  const PHASES: Record<string, string> = { P: 'Pending', R: 'Running', S: 'Succeeded', F: 'Failed', D: 'Running' }
  const LIMIT = 'BackoffLimitExceeded: Job has reached the specified backoff limit'
  const DONE = ['SuccessCriteriaMet=True CompletionsReached: Reached expected number of succeeded pods', 'Complete=True CompletionsReached: Reached expected number of succeeded pods']
  interface Outcome { made?: number; indexes?: number[]; deleted?: number; active?: number; ready?: number; succeeded?: number; failed?: number; terminating?: number; completed?: string; conditions?: string[] }

  const rows: [string, Setting, string, Outcome][] = [
    ['start', { completions: 5 }, '', { made: 2, active: 2 }],
    ['start without completions', {}, '', { made: 2, active: 2 }],
    ['Pods that are pending', { completions: 5 }, 'P P', { active: 2 }],
    ['as many as there should be', { completions: 5 }, 'R R', { active: 2 }],
    ['too few', { completions: 5 }, 'R S', { made: 1, active: 2, succeeded: 1 }],
    ['too few, without completions', {}, 'R', { made: 1, active: 2 }],
    ['too many', { completions: 5 }, 'R R R', { deleted: 1, active: 2, terminating: 1 }],
    ['too many, all ready', { completions: 5 }, 'Rr Rr Rr', { deleted: 1, active: 2, ready: 2, terminating: 1 }],
    ['a failure and a success: no back-off', { completions: 5 }, 'R S F', { made: 1, active: 2, succeeded: 1, failed: 1 }],
    ['a failure', { completions: 5 }, 'R F', { made: 1, active: 2, failed: 1 }],
    ['all', { completions: 5 }, 'S S S S S', { succeeded: 5, conditions: DONE }],
    ['one succeeded, without completions', {}, 'R S', { active: 1, succeeded: 1 }],
    ['all, without completions', {}, 'S S', { succeeded: 2, conditions: DONE }],
    ['all, one of them failed', {}, 'S F', { succeeded: 1, failed: 1, conditions: DONE }],
    ['far too many', { completions: 5 }, 'R R R R R R R R R R', { deleted: 8, active: 2, terminating: 8 }],
    ['more than are left to do', { parallelism: 3, completions: 4 }, 'R R R S S', { deleted: 1, active: 2, succeeded: 2, terminating: 1 }],
    ['two succeeded', { completions: 5 }, 'R R S S', { active: 2, succeeded: 2 }],
    ['is being deleted', { completions: 5, deleting: true }, 'P R S', { active: 2, succeeded: 1 }],
    ['failed too often', { completions: 5, backoffLimit: 0, deleting: true }, 'F', { failed: 1, conditions: [`FailureTarget=True ${LIMIT}`, `Failed=True ${LIMIT}`] }],
    ['one to replace while another ends', { parallelism: 1, completions: 1 }, 'D', { made: 1, active: 1, failed: 1, terminating: 1 }],
    ['not before it has ended', { parallelism: 1, completions: 1, policy: 'Failed' }, 'D', { terminating: 1 }],
    ['more end than there should be', { parallelism: 1, completions: 1, policy: 'Failed' }, 'R R D D D D', { deleted: 1, active: 1, terminating: 5 }],
    ['Indexed: start', { completions: 5, indexed: true }, '', { made: 2, indexes: [0, 1], active: 2 }],
    ['Indexed: one is being deleted, policy Failed', { completions: 5, indexed: true, policy: 'Failed' }, 'D', { made: 1, indexes: [0], active: 1, terminating: 1 }],
    ['Indexed: one is being deleted', { completions: 5, indexed: true, policy: 'TerminatingOrFailed' }, 'D', { made: 2, indexes: [0, 1], active: 2, terminating: 1 }],
    ['Indexed: the index of one that ends is taken with policy Failed', { parallelism: 3, completions: 5, indexed: true, policy: 'Failed' }, '0D 1R 2F', { made: 1, indexes: [2], active: 2, failed: 1, terminating: 1 }],
    ['Indexed: all', { completions: 3, indexed: true }, '0S 1F 1S 2S', { succeeded: 3, failed: 1, completed: '0-2', conditions: DONE }],
    ['Indexed: failed', { completions: 3, backoffLimit: 0, indexed: true }, '0S 1F 2R', { deleted: 1, succeeded: 1, failed: 2, terminating: 1, completed: '0', conditions: [`FailureTarget=True ${LIMIT}`] }],
    ['Indexed: the same index twice', { completions: 3, indexed: true }, '0S 1S 1S', { made: 1, indexes: [2], active: 1, succeeded: 2, completed: '0,1' }],
    ['Indexed: gaps', { parallelism: 8, completions: 20, indexed: true }, '0R 2S 3P 4S 5S 7S 8S 9S', { made: 6, indexes: [1, 6, 10, 11, 12, 13], active: 8, succeeded: 6, completed: '2,4,5,7-9' }],
    ['Indexed: failures', { parallelism: 3, completions: 4, indexed: true }, '0F 1P 2F', { made: 2, indexes: [0, 2], active: 3, failed: 2 }],
    ['Indexed: Pods without an index', { completions: 5, indexed: true }, 'R S F R S F P 0S 1R 2R', { deleted: 3, active: 2, succeeded: 1, terminating: 3, completed: '0' }],
    ['Indexed: outside of the range', { completions: 5, indexed: true }, '0S 5R 6S 7P 8F', { deleted: 2, made: 2, indexes: [1, 2], active: 2, succeeded: 1, terminating: 2, completed: '0' }],
    ['suspended', { completions: 4, suspend: true }, 'R R', { deleted: 2, terminating: 2, conditions: ['Suspended=True JobSuspended: Job suspended'] }],
    ['resumed', { completions: 4, was: true }, '', { made: 2, active: 2, conditions: ['Suspended=False JobResumed: Job resumed'] }],
    ['suspended and being deleted', { completions: 4, suspend: true, deleting: true }, 'R R', { active: 2 }],
  ]
  it.each(rows)('%s', (_, { parallelism = 2, completions, backoffLimit = 6, indexed, policy, suspend, was, deleting }, pods, expected) => {
    const bench = new Bench()
    const job = bench.create<Job>('jobs', {
      apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'foo', finalizers: ['test/keep'] },
      spec: { parallelism, backoffLimit, ...(completions === undefined ? {} : { completions }), ...(indexed ? { completionMode: 'Indexed' } : {}), ...(policy ? { podReplacementPolicy: policy } : {}), ...(suspend ? { suspend } : {}), template: { spec: { restartPolicy: 'Never', containers: [container] } } },
    })
    pods.split(' ').filter(Boolean).forEach((text, i) => {
      const [, index, phase, ready] = /^(\d*)([PRSFD])(r?)$/.exec(text)!
      const name = `pod-${i}`
      bench.create<Pod>('pods', {
        apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: job.spec.template.metadata!.labels, finalizers: [FINALIZER, 'test/keep'], ownerReferences: [ownerReference(job)], ...(index ? { annotations: { [COMPLETION_INDEX]: index } } : {}) },
        spec: { nodeName: 'n', containers: [container] },
      })
      bench.status('pods', name, { phase: PHASES[phase!], ...(ready ? { conditions: [{ type: 'Ready', status: 'True' }] } : {}) })
      if (phase === 'D') bench.client.delete('pods', 'default', name)
    })
    if (was) bench.status('jobs', 'foo', { conditions: [{ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }] })
    if (deleting) bench.client.delete('jobs', 'default', 'foo')
    // failures are long ago
    bench.clock.runFor(3_600_000)
    const there = new Set(bench.client.list<Pod>('pods').items.map((p) => p.metadata.name))
    bench.start(JobController)
    const { status } = bench.client.get<Job>('jobs', 'default', 'foo')
    const made = bench.client.list<Pod>('pods').items.filter((p) => !there.has(p.metadata.name))
    expect({
      made: made.length, indexes: made.flatMap((p) => p.metadata.annotations?.[COMPLETION_INDEX] ?? []).map(Number).sort((a, b) => a - b), deleted: bench.told('SuccessfulDelete'),
      active: status.active ?? 0, ready: status.ready, succeeded: status.succeeded ?? 0, failed: status.failed ?? 0, terminating: status.terminating, completed: status.completedIndexes ?? '',
      conditions: (status.conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}: ${c.message}`),
    }).toEqual({ made: 0, indexes: [], deleted: 0, active: 0, ready: 0, succeeded: 0, failed: 0, terminating: 0, completed: '', conditions: [], ...expected })
    expect(status.startTime === undefined).toBe(!!suspend)
  })

  it('a name that is long is cut before the index', () => {
    const bench = new Bench()
    bench.create('jobs', { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j'.repeat(57) }, spec: { completions: 1, completionMode: 'Indexed', template: { spec: { restartPolicy: 'Never', containers: [container] } } } })
    bench.start(JobController)
    expect(bench.client.list<Pod>('pods').items.map((p) => p.metadata.generateName)).toEqual([`${'j'.repeat(55)}-0-`])
  })
})

describe('StatefulSets', () => {
  const make = (bench: Bench, spec: object): StatefulSet => bench.create('statefulsets', { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'foo' }, spec: { serviceName: 'foo', selector: { matchLabels: { app: 'foo' } }, template: { metadata: { labels: { app: 'foo' } }, spec: { containers: [container] } }, ...spec } })
  const names = (bench: Bench): string[] => bench.client.list<Pod>('pods').items.filter((p) => !p.metadata.deletionTimestamp).map((p) => p.metadata.name)
  const turn = (bench: Bench, name: string, status: 'True' | 'False', phase = 'Running'): void => bench.status('pods', name, { phase, conditions: [{ type: 'Ready', status, lastTransitionTime: new Date(bench.clock.wall()).toISOString().replace(/\.\d+/, '') }] })

  it.each([
    ['the highest one', ['foo-2'], ['foo-0']],
    ['the lower one', ['foo-1'], ['foo-0']],
    ['both: then nobody goes', ['foo-1', 'foo-2'], ['foo-0', 'foo-1', 'foo-2']],
  ])('of those that are to go one is not ready: %s', (_, unready, left) => {
    const bench = new Bench()
    make(bench, { replicas: 3 })
    bench.start(StatefulSetController)
    for (const name of ['foo-0', 'foo-1', 'foo-2']) {
      turn(bench, name, 'True')
      bench.settle()
    }
    for (const name of unready) turn(bench, name, 'False')
    bench.client.patch('statefulsets', 'default', 'foo', 'application/merge-patch+json', { spec: { replicas: 1 } })
    bench.settle()
    expect(names(bench)).toEqual(left)
  })

  it('Parallel: one that failed does not hold the others up', () => {
    const bench = new Bench()
    make(bench, { replicas: 2, podManagementPolicy: 'Parallel' })
    bench.start(StatefulSetController)
    bench.client.patch('pods', 'default', 'foo-0', 'application/merge-patch+json', { metadata: { finalizers: ['test/keep'] } })
    turn(bench, 'foo-0', 'False', 'Failed')
    bench.client.patch('statefulsets', 'default', 'foo', 'application/merge-patch+json', { spec: { replicas: 4 } })
    bench.settle()
    expect(names(bench)).toEqual(['foo-1', 'foo-2', 'foo-3'])
  })

  it('Parallel: an update waits for Pods to be ready, not available', () => {
    const bench = new Bench()
    make(bench, { replicas: 2, podManagementPolicy: 'Parallel', minReadySeconds: 1000 })
    bench.start(StatefulSetController)
    const images = (): string[] => bench.client.list<Pod>('pods').items.map((p) => p.spec.containers[0]!.image!)
    for (const name of ['foo-0', 'foo-1']) turn(bench, name, 'True')
    bench.client.patch('statefulsets', 'default', 'foo', 'application/json-patch+json', [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'y' }])
    bench.settle()
    expect(images()).toEqual(['x', 'y'])
    turn(bench, 'foo-1', 'True')
    bench.settle()
    expect(images()).toEqual(['y', 'y'])
  })
})

describe('DaemonSets', () => {
  it('a Pod that fails at once is replaced; the next failure stays for a second, then for two, four and so on', () => {
    const bench = new Bench()
    bench.client.create('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: READY })
    bench.create<DaemonSet>('daemonsets', { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'foo' }, spec: { selector: { matchLabels: { app: 'foo' } }, template: { metadata: { labels: { app: 'foo' } }, spec: { containers: [container] } } } })
    bench.start(DaemonSetController)
    const pods = (): Pod[] => bench.client.list<Pod>('pods').items.slice()
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      const { name } = pods()[0]!.metadata
      const from = bench.clock.now
      bench.status('pods', name, { phase: 'Failed' })
      while (pods().some((p) => p.metadata.name === name)) bench.clock.runFor(100)
      bench.clock.runFor(100)
      expect(pods()).toHaveLength(1)
      waits.push(Math.floor((bench.clock.now - from) / 1000))
    }
    expect(waits).toEqual([0, 1, 2, 4, 8])
    expect(bench.told('FailedDaemonPod')).toBe(5)
  })
})
