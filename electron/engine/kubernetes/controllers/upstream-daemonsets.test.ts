import { describe, expect, it } from 'vitest'
import type { DaemonSet, Node, Pod } from '../types.ts'
import { DaemonSetController } from './daemonset.ts'
import { Bench, container, READY } from './upstream.samples.ts'

/** What pkg/controller/daemon/update_test.go and daemon_controller_test.go check, told again with its neighbours. */
const TAINT = 'node-role.kubernetes.io/control-plane'

class Daemons extends Bench {
  nodes(count: number, tainted: readonly number[] = []): void {
    for (let i = 0; i < count; i++) this.client.create<Node>('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: `node-${i}` }, spec: tainted.includes(i) ? { taints: [{ key: TAINT, effect: 'NoSchedule' }] } : {}, status: READY })
  }

  set(rollingUpdate: object, more: { tolerations?: object[]; minReadySeconds?: number } = {}): void {
    const { tolerations, minReadySeconds = 0 } = more
    this.create<DaemonSet>('daemonsets', { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'foo' }, spec: { minReadySeconds, updateStrategy: { type: 'RollingUpdate', rollingUpdate }, selector: { matchLabels: { app: 'foo' } }, template: { metadata: { labels: { app: 'foo' } }, spec: { containers: [container], ...(tolerations ? { tolerations } : {}) } } } })
    this.start(DaemonSetController)
  }

  change(patch: object = { containers: [{ name: 'c', image: 'y' }] }): void {
    this.client.patch('daemonsets', 'default', 'foo', 'application/strategic-merge-patch+json', { spec: { template: { spec: patch } } })
    this.settle()
  }

  pods(): Pod[] {
    return this.client.list<Pod>('pods').items.slice()
  }

  /** All of them serve from now on. */
  ready(): void {
    for (const pod of this.pods()) if (!pod.status.conditions?.some((c) => c.type === 'Ready')) this.turn(pod, 'True')
    this.settle()
  }

  turn(pod: Pod, status: 'True' | 'False'): void {
    this.status('pods', pod.metadata.name, { phase: 'Running', conditions: [{ type: 'Ready', status, lastTransitionTime: new Date(this.clock.wall()).toISOString().replace(/\.\d+/, '') }] })
  }

  /** "3 old, 2 new". */
  get generations(): string {
    const last = String(this.client.get<DaemonSet>('daemonsets', 'default', 'foo').metadata.generation)
    const fresh = this.pods().filter((p) => p.metadata.labels!['pod-template-generation'] === last).length
    return `${this.pods().length - fresh} old, ${fresh} new`
  }

  get numbers(): (number | undefined)[] {
    const { status } = this.client.get<DaemonSet>('daemonsets', 'default', 'foo')
    return [status.desiredNumberScheduled, status.currentNumberScheduled, status.numberMisscheduled, status.numberReady, status.updatedNumberScheduled, status.numberAvailable, status.numberUnavailable]
  }
}

describe('rolling updates', () => {
  /** Nodes, strategy, whether the old ones serve; then what is there after the change and each time that all serve. */
  it.each<[string, number, object, boolean, string[]]>([
    ['two at a time', 5, { maxUnavailable: 2 }, true, ['3 old, 2 new', '1 old, 4 new', '0 old, 5 new', '0 old, 5 new']],
    ['a surge of two', 5, { maxSurge: 2, maxUnavailable: 0 }, true, ['5 old, 2 new', '3 old, 4 new', '1 old, 5 new', '0 old, 5 new']],
    ['old ones that do not serve all go at once', 5, { maxUnavailable: 3 }, false, ['0 old, 5 new', '0 old, 5 new']],
    ['they do with a surge of three, too', 5, { maxSurge: 3, maxUnavailable: 0 }, false, ['0 old, 5 new', '0 old, 5 new']],
    ['half of two', 2, { maxUnavailable: '50%' }, true, ['1 old, 1 new', '0 old, 2 new']],
    ['half of three, rounded up', 3, { maxUnavailable: '50%' }, true, ['1 old, 2 new', '0 old, 3 new']],
    ['a surge of half of three', 3, { maxSurge: '50%', maxUnavailable: 0 }, true, ['3 old, 2 new', '1 old, 3 new', '0 old, 3 new']],
  ])('%s', (_, nodes, strategy, serving, expected) => {
    const bench = new Daemons()
    bench.nodes(nodes)
    bench.set(strategy)
    if (serving) bench.ready()
    bench.change()
    const seen = [bench.generations]
    while (seen.length < expected.length) {
      bench.ready()
      seen.push(bench.generations)
    }
    expect(seen).toEqual(expected)
  })

  it('new ones that do not serve hold it up', () => {
    const bench = new Daemons()
    bench.nodes(5)
    bench.set({ maxUnavailable: 3 })
    bench.ready()
    bench.change()
    bench.clock.runFor(600_000)
    expect(bench.generations).toBe('2 old, 3 new')
  })

  it('old ones that do not serve go beside as many as may be unavailable; they count among those', () => {
    const bench = new Daemons()
    bench.nodes(5)
    bench.set({ maxUnavailable: 2 })
    bench.ready()
    bench.turn(bench.pods()[4]!, 'False')
    bench.change()
    expect(bench.generations).toBe('3 old, 2 new')
  })

  it('without another template nothing goes', () => {
    const bench = new Daemons()
    bench.nodes(5)
    bench.set({ maxUnavailable: 1 })
    bench.ready()
    const before = bench.pods().map((p) => p.metadata.uid)
    bench.client.patch('daemonsets', 'default', 'foo', 'application/merge-patch+json', { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 3 } } } })
    bench.settle()
    expect(bench.pods().map((p) => p.metadata.uid)).toEqual(before)
  })

  it('a surge makes no second Pod where none may come any more: the old one goes while enough others serve', () => {
    const bench = new Daemons()
    bench.nodes(4, [0, 1])
    bench.set({ maxSurge: 1, maxUnavailable: 0 }, { tolerations: [{ key: TAINT, operator: 'Exists' }] })
    bench.ready()
    bench.change({ tolerations: null })
    expect(bench.generations).toBe('2 old, 1 new')
    bench.ready()
    bench.ready()
    expect([bench.generations, bench.numbers]).toEqual(['0 old, 2 new', [2, 2, 0, 2, 2, 2, undefined]])
  })

  it('the last one that serves stays where it may not come any more until another one serves', () => {
    const bench = new Daemons()
    bench.nodes(1)
    bench.set({ maxSurge: 1, maxUnavailable: 0 })
    bench.ready()
    bench.client.patch('nodes', undefined, 'node-0', 'application/merge-patch+json', { spec: { taints: [{ key: TAINT, effect: 'NoSchedule' }] } })
    bench.client.create<Node>('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, status: READY })
    bench.change()
    expect([bench.generations, bench.numbers]).toEqual(['1 old, 1 new', [1, 1, 1, 0, 1, undefined, 1]])
    bench.ready()
    expect([bench.generations, bench.numbers]).toEqual(['0 old, 1 new', [1, 1, 0, 1, 1, 1, undefined]])
  })
})

describe('status', () => {
  it('those that are ready are available only after minReadySeconds', () => {
    const bench = new Daemons()
    bench.nodes(5)
    bench.set({ maxUnavailable: 1 }, { minReadySeconds: 60 })
    expect(bench.numbers).toEqual([5, 5, 0, 0, 5, undefined, 5])
    bench.ready()
    expect(bench.numbers).toEqual([5, 5, 0, 5, 5, undefined, 5])
    bench.clock.runFor(60_000)
    expect(bench.numbers).toEqual([5, 5, 0, 5, 5, 5, undefined])
  })

  it('a Pod on a node that should have none is misscheduled, and is left where it may stay', () => {
    const bench = new Daemons()
    bench.nodes(3)
    bench.set({ maxUnavailable: 1 })
    bench.ready()
    bench.client.patch('nodes', undefined, 'node-0', 'application/merge-patch+json', { spec: { taints: [{ key: TAINT, effect: 'NoSchedule' }] } })
    bench.settle()
    expect(bench.numbers).toEqual([2, 2, 1, 2, 2, 2, undefined])
    bench.client.patch('nodes', undefined, 'node-0', 'application/merge-patch+json', { spec: { taints: [{ key: TAINT, effect: 'NoExecute' }] } })
    bench.settle()
    expect([bench.numbers, bench.pods().length]).toEqual([[2, 2, 0, 2, 2, 2, undefined], 2])
  })
})
