import { describe, expect, it } from 'vitest'
import { StatusError } from '../client.ts'
import type { Event, Job, KubeObject, Pod, PodDisruptionBudget, Status } from '../types.ts'
import { DisruptionController } from './disruption.ts'
import { ownerReference } from './ownership.ts'
import { TtlAfterFinishedController } from './ttl-after-finished.ts'
import { Bench, container } from './upstream.samples.ts'

/** What pkg/controller/disruption/disruption_test.go and pkg/controller/ttlafterfinished/ttlafterfinished_controller_test.go check, told again with its neighbours. */
class Budgets extends Bench {
  #pods = 0

  budget(spec: object): void {
    this.create<PodDisruptionBudget>('poddisruptionbudgets', { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'b' }, spec: { selector: { matchLabels: { foo: 'bar' } }, ...spec } })
  }

  owner(resource: string, kind: string, replicas: number, of?: KubeObject): KubeObject {
    const template = { metadata: { labels: { foo: 'bar' } }, spec: { containers: [container], ...(kind === 'Job' ? { restartPolicy: 'Never' } : {}) } }
    const selector = kind === 'ReplicationController' ? { foo: 'bar' } : { matchLabels: { foo: 'bar' } }
    const [apiVersion, spec] = kind === 'ReplicationController' ? ['v1', { replicas, selector, template }] : kind === 'Job' ? ['batch/v1', { template }] : ['apps/v1', { replicas, selector, template, ...(kind === 'StatefulSet' ? { serviceName: 's' } : {}) }]
    return this.create(resource, { apiVersion, kind, metadata: { name: `o-${resource}`, ...(of ? { ownerReferences: [ownerReference(of)] } : {}) }, spec })
  }

  pods(count: number, owner?: KubeObject, ready = true): void {
    for (let i = 0; i < count; i++) {
      const name = `p${this.#pods++}`
      this.create<Pod>('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { foo: 'bar' }, finalizers: ['test/keep'], ...(owner ? { ownerReferences: [ownerReference(owner)] } : {}) }, spec: { nodeName: 'n', containers: [container] } })
      if (ready) this.status('pods', name, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] })
    }
  }

  /** Allowed disruptions, healthy, wanted, expected. */
  get numbers(): number[] {
    const { status } = this.client.get<PodDisruptionBudget>('poddisruptionbudgets', 'default', 'b')
    return [status.disruptionsAllowed, status.currentHealthy, status.desiredHealthy, status.expectedPods]
  }

  get condition(): string {
    const [c] = this.client.get<PodDisruptionBudget>('poddisruptionbudgets', 'default', 'b').status.conditions ?? []
    return `${c?.status} ${c?.reason} ${c?.message}`.trim()
  }

  events(reason: string): string[] {
    return this.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.reason === reason).map((e) => e.message!)
  }
}

describe('what a budget allows', () => {
  /** The budget; the controller's kind and size; Pods that are ready and that are not; allowed, healthy, wanted, expected. */
  it.each<[string, object, [string, string, number] | undefined, number, number, number[]]>([
    ['without a selector nobody', { minAvailable: 3, selector: null }, undefined, 4, 0, [0, 0, 3, 0]],
    ['with an empty selector everybody', { minAvailable: 3, selector: {} }, undefined, 4, 0, [1, 4, 3, 4]],
    ['a number that stay: too few', { minAvailable: 3 }, undefined, 1, 0, [0, 1, 3, 1]],
    ['a number that stay: one more', { minAvailable: 3 }, undefined, 4, 1, [1, 4, 3, 5]],
    ['a number that go: as many are wanted', { maxUnavailable: 5 }, ['replicasets', 'ReplicaSet', 10], 8, 0, [3, 8, 5, 10]],
    ['a part that goes', { maxUnavailable: '30%' }, ['replicasets', 'ReplicaSet', 10], 8, 0, [1, 8, 7, 10]],
    ['a part that goes, rounded up', { maxUnavailable: '34%' }, ['replicasets', 'ReplicaSet', 3], 3, 0, [2, 3, 1, 3]],
    ['more may go than there are', { maxUnavailable: 5 }, ['replicasets', 'ReplicaSet', 3], 3, 0, [3, 3, 0, 3]],
    ['a part that stays, of a ReplicationController', { minAvailable: '67%' }, ['replicationcontrollers', 'ReplicationController', 3], 3, 0, [0, 3, 3, 3]],
    ['a part that stays, of a StatefulSet', { minAvailable: '34%' }, ['statefulsets', 'StatefulSet', 3], 3, 0, [1, 3, 2, 3]],
    ['a part that stays, two are not there yet', { minAvailable: '34%' }, ['statefulsets', 'StatefulSet', 3], 1, 0, [0, 1, 2, 3]],
    ['everybody stays', { minAvailable: '100%' }, ['replicasets', 'ReplicaSet', 5], 5, 0, [0, 5, 5, 5]],
    ['nobody has to stay', { minAvailable: '0%' }, ['replicasets', 'ReplicaSet', 5], 5, 0, [5, 5, 0, 5]],
    ['two of seven go, and one is there', { maxUnavailable: 2 }, ['replicasets', 'ReplicaSet', 7], 1, 0, [0, 1, 5, 7]],
    ['two of five go, and one is there', { maxUnavailable: 2 }, ['replicasets', 'ReplicaSet', 5], 1, 0, [0, 1, 3, 5]],
    ['a part of seven goes, and one is there', { maxUnavailable: '30%' }, ['replicasets', 'ReplicaSet', 7], 1, 0, [0, 1, 4, 7]],
    ['a part of three goes, and one is there', { maxUnavailable: '30%' }, ['replicasets', 'ReplicaSet', 3], 1, 0, [0, 1, 2, 3]],
    ['a part of ten stays, and one is there', { minAvailable: '20%' }, ['replicasets', 'ReplicaSet', 10], 1, 0, [0, 1, 2, 10]],
    ['five of ten go, and four are there', { maxUnavailable: 5 }, ['replicasets', 'ReplicaSet', 10], 4, 0, [0, 4, 5, 10]],
    ['a number that go, without a controller', { maxUnavailable: 1 }, undefined, 1, 0, [0, 1, 0, 0]],
    ['nobody is there', { minAvailable: '28%' }, undefined, 0, 0, [0, 0, 0, 0]],
  ])('%s', (_, spec, of, ready, unready, expected) => {
    const bench = new Budgets()
    bench.budget(spec)
    const owner = of && bench.owner(...of)
    bench.pods(ready, owner)
    bench.pods(unready, owner, false)
    bench.start(DisruptionController)
    expect(bench.numbers).toEqual(expected)
  })

  it('two controllers are wanted together, and a ReplicaSet of a Deployment is as that', () => {
    const bench = new Budgets()
    bench.budget({ minAvailable: '28%' })
    const rc = bench.owner('replicationcontrollers', 'ReplicationController', 11)
    const rs = bench.owner('replicasets', 'ReplicaSet', 4, bench.owner('deployments', 'Deployment', 11))
    bench.pods(5, rc)
    bench.start(DisruptionController)
    expect(bench.numbers).toEqual([1, 5, 4, 11])
    bench.pods(4, rs)
    bench.settle()
    expect(bench.numbers).toEqual([2, 9, 7, 22])
  })

  it('a Pod without a controller beside those of one is one more that is healthy', () => {
    const bench = new Budgets()
    bench.budget({ minAvailable: '34%' })
    bench.pods(3, bench.owner('replicationcontrollers', 'ReplicationController', 3))
    bench.start(DisruptionController)
    expect(bench.numbers).toEqual([1, 3, 2, 3])
    bench.pods(1)
    bench.settle()
    expect(bench.numbers[0]).toBe(2)
  })

  it('Pods without a controller are told of; of those whose controller cannot be counted nobody may go', () => {
    const bench = new Budgets()
    bench.budget({ minAvailable: '50%' })
    bench.pods(2)
    bench.start(DisruptionController)
    expect(bench.numbers).toEqual([0, 2, 0, 0])
    expect(bench.events('UnmanagedPods')[0]).toMatch(/^Pods selected by this PodDisruptionBudget \(selector: &LabelSelector\{MatchLabels:map\[string\]string\{foo: bar,\},MatchExpressions:\[\]LabelSelectorRequirement\{\},\}\) were found to be unmanaged\./)
    bench.pods(1, bench.owner('jobs', 'Job', 0))
    bench.settle()
    expect([bench.numbers[0], bench.condition]).toEqual([0, 'False SyncFailed jobs.batch does not implement the scale subresource'])
    expect(bench.events('CalculateExpectedPodCountFailed')).toEqual(['Failed to calculate the number of expected pods: jobs.batch does not implement the scale subresource'])
  })

  it('who was let go counts no more, until it is plain that he stays', () => {
    const bench = new Budgets()
    bench.budget({ minAvailable: 1 })
    bench.pods(3)
    const at = (minutes: number): string => new Date(bench.clock.wall() - minutes * 60_000).toISOString().replace(/\.\d+/, '')
    const now = at(0)
    bench.status('poddisruptionbudgets', 'b', { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, disruptedPods: { p0: now, p1: at(5), p2: now, notthere: now } })
    bench.client.delete('pods', 'default', 'p0')
    bench.start(DisruptionController)
    expect([bench.numbers, bench.client.get<PodDisruptionBudget>('poddisruptionbudgets', 'default', 'b').status.disruptedPods]).toEqual([[0, 1, 1, 3], { p2: now }])
    expect(bench.events('NotDeleted')).toEqual(['Pod was expected by PDB default/default to be deleted but it wasn\'t'])
    bench.clock.runFor(130_000)
    expect(bench.numbers).toEqual([1, 2, 1, 3])
  })
})

/** After pkg/registry/core/pod/storage/eviction_test.go: TestEviction, TestEvictionIgnorePDB, TestEvictionPDBStatus. */
describe('who may be evicted', () => {
  interface Story { labels?: object; phase?: string; ready?: boolean; spec?: object; status?: object; other?: boolean }
  const none = { disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 3 }
  const broken = { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 3 }
  const TOO_SOON = "429 Cannot evict pod as it would violate the pod's disruption budget."
  it.each<[string, Story, string, number]>([
    ['nobody more, one that runs', { status: none }, TOO_SOON, 0],
    ['nobody more, one that waits', { status: none, phase: 'Pending', ready: false }, 'Success', 0],
    ['nobody more, one that succeeded', { status: none, phase: 'Succeeded', ready: false }, 'Success', 0],
    ['nobody more, one that failed', { status: none, phase: 'Failed', ready: false }, 'Success', 0],
    ['one more', { status: { ...none, disruptionsAllowed: 1 } }, 'Success', 0],
    ['three more', { status: { ...none, disruptionsAllowed: 3 } }, 'Success', 2],
    ['not one of this budget', { status: none, labels: { foo: 'other' } }, 'Success', 0],
    ['one without labels, whatever the budget selects', { status: none, labels: {}, spec: { selector: {} } }, 'Success', 0],
    ['before the budget was looked at', { status: { ...none, disruptionsAllowed: 1, observedGeneration: 0 } }, TOO_SOON, 1],
    ['one of two budgets', { status: { ...none, disruptionsAllowed: 1 }, other: true }, '500 This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.', 1],
    ['one that is not ready, enough others are', { status: none, ready: false }, 'Success', 0],
    ['one that is not ready, too few others are', { status: broken, ready: false }, TOO_SOON, 0],
    ['one that is not ready, IfHealthyBudget', { status: broken, ready: false, spec: { unhealthyPodEvictionPolicy: 'IfHealthyBudget' } }, TOO_SOON, 0],
    ['one that is not ready, AlwaysAllow', { status: broken, ready: false, spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, 'Success', 0],
    ['one that is ready, AlwaysAllow', { status: broken, spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, TOO_SOON, 0],
    ['one that is not ready takes nothing from what is allowed', { status: { ...none, disruptionsAllowed: 1 }, ready: false }, 'Success', 1],
  ])('%s', (_, { labels = { foo: 'bar' }, phase = 'Running', ready = true, spec = {}, status = {}, other }, expected, left) => {
    const bench = new Budgets()
    bench.budget({ minAvailable: 3, ...spec })
    bench.status('poddisruptionbudgets', 'b', { expectedPods: 3, observedGeneration: 1, ...status })
    if (other) bench.create('poddisruptionbudgets', { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'c' }, spec: { minAvailable: 1, selector: { matchLabels: { foo: 'bar' } } } })
    bench.create<Pod>('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels }, spec: { nodeName: 'n', containers: [container] } })
    bench.status('pods', 'p', { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] })
    let said: string
    try {
      said = bench.client.createSubresource<Status>('pods', 'default', 'p', 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p', namespace: 'default' } }).status!
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      said = `${error.status.code} ${error.message}`
    }
    expect([said, bench.numbers[0]]).toEqual([expected, left])
  })
})

describe('Jobs that are done', () => {
  /** ttlSecondsAfterFinished, what it is, since when (s); the seconds until it is gone, 0: it is at once. */
  it.each<[string, number | undefined, string | undefined, number, number | undefined]>([
    ['no end', 10, undefined, 0, undefined],
    ['no time', undefined, 'Complete', 0, undefined],
    ['at once', 0, 'Complete', 0, 0],
    ['in twenty seconds', 20, 'Complete', 0, 20],
    ['in twenty seconds, failed', 20, 'Failed', 0, 20],
    ['in fourteen of twenty', 20, 'Complete', 6, 14],
    ['long ago', 10, 'Failed', 600, 0],
  ])('%s', (_, ttl, end, ago, expected) => {
    const bench = new Bench()
    bench.create<Job>('jobs', { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', finalizers: ['test/keep'] }, spec: { ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }), template: { spec: { restartPolicy: 'Never', containers: [container] } } } })
    bench.clock.runFor(1_000_000)
    const at = new Date(Math.floor(bench.clock.wall() / 1000) * 1000 - ago * 1000).toISOString().replace('.000', '')
    const condition = (type: string): object => ({ type, status: 'True', lastProbeTime: at, lastTransitionTime: at })
    if (end) bench.status('jobs', 'j', { startTime: at, uncountedTerminatedPods: {}, ...(end === 'Complete' ? { completionTime: at } : {}), conditions: [condition(end === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget'), condition(end)] })
    const gone = (): boolean => bench.client.get<Job>('jobs', 'default', 'j').metadata.deletionTimestamp !== undefined
    const from = bench.clock.now
    bench.start(TtlAfterFinishedController)
    if (expected === 0) return expect(gone()).toBe(true)
    bench.clock.runUntil(from + ((expected ?? 3600) - 1) * 1000)
    expect(gone()).toBe(false)
    bench.clock.runFor(2000)
    expect(gone()).toBe(expected !== undefined)
  })
})
