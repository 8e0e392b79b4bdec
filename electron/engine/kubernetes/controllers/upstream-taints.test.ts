import { describe, expect, it } from 'vitest'
import type { Event, Node, Pod } from '../types.ts'
import { TaintEvictionController } from './taint-eviction.ts'
import { Bench, container } from './upstream.samples.ts'

/**
 * What pkg/controller/tainteviction/taint_eviction_test.go checks, told again with its neighbours: TestCreatePod, TestUpdatePod,
 * TestUpdateNode, TestUpdateNodeWithMultipleTaints, TestUpdateNodeWithMultiplePods.
 */
const TAINTS: Record<string, object> = { one: { key: 'testTaint1', value: 'test1', effect: 'NoExecute' }, two: { key: 'testTaint2', value: 'test2', effect: 'NoExecute' }, soft: { key: 'testTaint1', value: 'test1', effect: 'NoSchedule' } }
const taints = (words: string): object[] => words.split(' ').filter(Boolean).map((word) => TAINTS[word]!)
/** "one", "one:100" for 100 seconds, "any" for all taints. */
const tolerations = (words: string): object[] => words.split(' ').filter(Boolean).map((word) => {
  const [name, seconds] = word.split(':')
  return { ...(name === 'any' ? { operator: 'Exists' } : { ...TAINTS[name!], operator: 'Equal' }), ...(seconds === undefined ? {} : { effect: 'NoExecute', tolerationSeconds: Number(seconds) }) }
})

class Evictions extends Bench {
  node(words: string): void {
    this.client.create<Node>('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: { taints: taints(words) } })
  }

  taint(words: string): void {
    this.client.patch('nodes', undefined, 'n', 'application/merge-patch+json', { spec: { taints: taints(words) } })
    this.clock.runFor(100)
  }

  pod(name: string, words: string, nodeName: string | null = 'n'): void {
    this.create<Pod>('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name, finalizers: ['test/keep'] }, spec: { ...(nodeName ? { nodeName } : {}), tolerations: tolerations(words), containers: [container] } })
  }

  /** Those that are being deleted. */
  get gone(): string[] {
    return this.client.list<Pod>('pods').items.filter((p) => p.metadata.deletionTimestamp).map((p) => p.metadata.name).sort()
  }

  get said(): string[] {
    return this.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.reason === 'TaintManagerEviction').flatMap((e) => Array.from({ length: e.count ?? 1 }, () => e.message!.split(' Pod')[0]!))
  }
}

describe('a Pod', () => {
  it.each<[string, string, string, string | null, boolean, boolean]>([
    ['that has no node', 'one', '', null, false, false],
    ['on a node without taints', '', '', 'n', false, false],
    ['that does not tolerate', 'one', '', 'n', true, true],
    ['that tolerates for a while', 'one', 'one:100', 'n', false, true],
    ['that tolerates', 'one', 'one', 'n', false, false],
    ['that tolerates something else', 'one', 'two', 'n', true, true],
    ['that tolerates for no time', 'one', 'one:0', 'n', true, true],
    ['that tolerates one of two', 'one two', 'one', 'n', true, true],
    ['that tolerates both', 'one two', 'one two', 'n', false, false],
    ['that tolerates one of them for a while', 'one two', 'one two:100', 'n', false, true],
    ['that tolerates for a while, and whatever comes: the first counts', 'one', 'one:100 any', 'n', false, true],
    ['that tolerates whatever comes, and for a while', 'one', 'any one:100', 'n', false, false],
    ['on a node that only takes no more', 'soft', '', 'n', false, false],
  ])('%s', (_, on, tolerated, nodeName, now, later) => {
    const bench = new Evictions()
    bench.node(on)
    bench.pod('p', tolerated, nodeName)
    bench.start(TaintEvictionController)
    expect(bench.gone).toEqual(now ? ['p'] : [])
    bench.clock.runFor(100_000)
    expect(bench.gone).toEqual(later ? ['p'] : [])
  })

  it('is told why: with the condition that says so', () => {
    const bench = new Evictions()
    bench.node('one')
    bench.pod('p', '')
    bench.start(TaintEvictionController)
    expect(bench.client.get<Pod>('pods', 'default', 'p').status.conditions).toMatchObject([{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' }])
  })
})

describe('a node that is tainted', () => {
  it('loses its Pods as their times are over', () => {
    const bench = new Evictions()
    bench.node('')
    for (const [name, words] of [['now', ''], ['soon', 'one:1'], ['later', 'one:60'], ['never', 'one']] as const) bench.pod(name, words)
    bench.start(TaintEvictionController)
    bench.taint('one')
    expect(bench.gone).toEqual(['now'])
    bench.clock.runFor(2000)
    expect(bench.gone).toEqual(['now', 'soon'])
    bench.clock.runFor(60_000)
    expect(bench.gone).toEqual(['later', 'now', 'soon'])
  })

  it('and loses the taint in time keeps them, and says so', () => {
    const bench = new Evictions()
    bench.node('one')
    bench.pod('p', 'one:10')
    bench.start(TaintEvictionController)
    bench.taint('')
    bench.clock.runFor(60_000)
    expect([bench.gone, bench.said]).toEqual([[], ['Cancelling deletion of']])
  })

  it('evicts one of several times when the first of them is over', () => {
    const bench = new Evictions()
    bench.node('')
    bench.pod('p', 'one:1 two:100')
    bench.start(TaintEvictionController)
    bench.taint('one two')
    bench.clock.runFor(2000)
    expect(bench.gone).toEqual(['p'])
  })

  it('for a while with something that a Pod tolerates but for a time lets it stay', () => {
    const bench = new Evictions()
    bench.node('')
    bench.pod('p', 'one two:60')
    bench.start(TaintEvictionController)
    for (const words of ['one', 'one two', 'one']) bench.taint(words)
    bench.clock.runFor(120_000)
    expect([bench.gone, bench.said]).toEqual([[], ['Cancelling deletion of']])
  })

  it('does not wait for a Pod that asks for more time when its own runs', () => {
    const bench = new Evictions()
    bench.node('one')
    bench.pod('p', 'one:10')
    bench.start(TaintEvictionController)
    bench.clock.runFor(5000)
    bench.client.patch('pods', 'default', 'p', 'application/merge-patch+json', { spec: { tolerations: tolerations('one:1000') } })
    bench.clock.runFor(6000)
    expect(bench.gone).toEqual(['p'])
  })

  it('again does not begin to count anew', () => {
    const bench = new Evictions()
    bench.node('one')
    bench.pod('p', 'one:10 two:100')
    bench.start(TaintEvictionController)
    bench.taint('one two')
    bench.clock.runFor(7000)
    expect(bench.gone).toEqual(['p'])
  })

  it('deletes each Pod once, however often it is tainted while that goes', () => {
    const bench = new Evictions()
    bench.node('one')
    bench.pod('p', 'one:1 two:1')
    bench.start(TaintEvictionController)
    for (const words of ['one two', 'one', 'one two']) bench.taint(words)
    bench.clock.runFor(5000)
    expect(bench.said).toEqual(['Marking for deletion'])
  })

  it('does not delete who is deleted by somebody else meanwhile, and says so', () => {
    const bench = new Evictions()
    bench.node('one')
    bench.pod('p', 'one:10')
    bench.start(TaintEvictionController)
    bench.client.patch('pods', 'default', 'p', 'application/merge-patch+json', { metadata: { finalizers: null } })
    bench.client.delete('pods', 'default', 'p', { gracePeriodSeconds: 0 })
    bench.clock.runFor(60_000)
    expect(bench.said).toEqual(['Cancelling deletion of'])
  })
})
