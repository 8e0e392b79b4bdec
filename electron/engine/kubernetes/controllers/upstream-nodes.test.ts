import { describe, expect, it } from 'vitest'
import type { Event, Node, Pod } from '../types.ts'
import { NODE_LEASES, NodeLifecycleController } from './node-lifecycle.ts'
import { Bench, container } from './upstream.samples.ts'

/**
 * What pkg/controller/nodelifecycle/node_lifecycle_controller_test.go checks, told again with its neighbours: TestMonitorNodeHealthUpdateStatus,
 * TestMonitorNodeHealthEvictPodsWithDisruption, TestMonitorNodeHealthMarkPodsNotReady, TestApplyNoExecuteTaints.
 */
class Nodes extends Bench {
  readonly #living = new Set<string>()

  constructor() {
    super()
    const renew = (): void => {
      for (const name of this.#living) this.client.patch('leases', NODE_LEASES, name, 'application/merge-patch+json', { spec: { renewTime: new Date(this.clock.wall()).toISOString().replace('Z', '000Z') } })
      this.clock.schedule(10_000, renew, { background: true })
    }
    renew()
  }

  /** `words`: its zone, "down" (never heard of from now on), "silent" (no kubelet ever said a word), "excluded". */
  node(name: string, words: string): void {
    const has = (word: string): boolean => words.split(' ').includes(word)
    this.client.create<Node>('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'topology.kubernetes.io/region': 'region1', 'topology.kubernetes.io/zone': words.split(' ')[0], ...(has('excluded') ? { 'node.kubernetes.io/exclude-disruption': '' } : {}) } } })
    if (!has('silent')) this.say(name, 'True')
    this.client.create('leases', NODE_LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec: { holderIdentity: name } })
    if (!has('down') && !has('silent')) this.revive(name)
  }

  say(name: string, ready: string, more: object[] = []): void {
    const at = new Date(this.clock.wall()).toISOString().replace(/\.\d+/, '')
    const conditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({ type, status: 'False', reason: 'Kubelet', lastHeartbeatTime: at, lastTransitionTime: at }))
    this.client.patch('nodes', undefined, name, 'application/merge-patch+json', { status: { conditions: [...conditions, { type: 'Ready', status: ready, reason: 'Kubelet', lastHeartbeatTime: at, lastTransitionTime: at }, ...more] } }, { subresource: 'status' })
  }

  revive(name: string): void {
    this.#living.add(name)
  }

  kill(name: string): void {
    this.#living.delete(name)
  }

  get(name: string): Node {
    return this.client.get<Node>('nodes', undefined, name)
  }

  taints(name: string): string[] {
    return (this.get(name).spec.taints ?? []).map((t) => `${t.key.replace('node.kubernetes.io/', '')}:${t.effect}`)
  }

  /** Nodes that Pods are driven from. */
  get evicted(): string[] {
    return this.client.list<Node>('nodes').items.map((n) => n.metadata.name).filter((name) => this.taints(name).some((t) => t.endsWith('NoExecute')))
  }
}

describe('how much is down', () => {
  const many = (count: number, down: number, zone = 'zone1'): string[] => Array.from({ length: count }, (_, i) => (i < down ? `${zone} down` : zone))
  /** Nodes, and how many of them Pods are driven from some seconds after the first could be. */
  it.each<[string, string[], number, number]>([
    ['one of two', many(2, 1), 100, 1],
    ['all of the only zone: nobody', many(2, 2), 600, 0],
    ['both zones: nobody', [...many(1, 1), ...many(1, 1, 'zone2')], 600, 0],
    ['one of two zones: its nodes', [...many(2, 2), ...many(1, 0, 'zone2')], 100, 2],
    ['one of two zones, the other one does not count: nobody', ['zone1 down', 'zone2 excluded'], 600, 0],
    ['a node that does not count is driven from, too', ['zone1', 'zone1 down excluded'], 100, 1],
    ['two of three: too few to be suspicious', many(3, 2), 100, 2],
    ['three of five: nobody, as the zone is small', many(5, 3), 600, 0],
    ['a little more than half of nine', many(9, 5), 600, 0],
    ['a little less', many(10, 5), 100, 5],
    ['one each ten seconds', many(12, 6), 34, 3],
    ['most of a large zone: one each hundred seconds', many(51, 30), 190, 2],
  ])('%s', (_, nodes, seconds, expected) => {
    const bench = new Nodes()
    nodes.forEach((words, i) => bench.node(`n${i}`, words))
    bench.start(NodeLifecycleController)
    bench.clock.runFor((51 + seconds) * 1000)
    expect(bench.evicted).toHaveLength(expected)
  })

  it('when everything went down nobody is driven from anywhere, also not who was before; when something comes back all get the whole time again', () => {
    const bench = new Nodes()
    for (const [name, words] of [['a', 'zone1 down'], ['b', 'zone1'], ['c', 'zone2']] as const) bench.node(name, words)
    bench.start(NodeLifecycleController)
    bench.clock.runFor(70_000)
    expect(bench.evicted).toEqual(['a'])
    bench.kill('b')
    bench.kill('c')
    bench.clock.runFor(70_000)
    expect([bench.evicted, bench.taints('a')]).toEqual([[], ['unreachable:NoSchedule']])
    bench.revive('c')
    bench.say('c', 'True')
    bench.clock.runFor(30_000)
    expect(bench.evicted).not.toContain('c')
    bench.clock.runFor(90_000)
    expect(bench.evicted).toEqual(['a', 'b'])
  })
})

describe('a node', () => {
  const told = (bench: Nodes, name = 'n'): string[] => bench.get(name).status.conditions!.map((c) => `${c.type} ${c.status} ${c.reason}: ${c.message ?? ''}`)

  it('whose kubelet never said a word is unknown after a minute, not before', () => {
    const bench = new Nodes()
    bench.node('n', 'zone1 silent')
    bench.node('other', 'zone1')
    const born = bench.get('n').metadata.creationTimestamp
    bench.start(NodeLifecycleController)
    bench.clock.runFor(54_000)
    expect([bench.get('n').status.conditions ?? [], bench.evicted]).toEqual([[], []])
    bench.clock.runFor(10_000)
    expect(told(bench)).toEqual(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => `${type} Unknown NodeStatusNeverUpdated: Kubelet never posted node status.`))
    expect(bench.get('n').status.conditions!.map((c) => c.lastHeartbeatTime)).toEqual([born, born, born, born])
    bench.clock.runFor(10_000)
    expect(bench.taints('n').sort()).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule'])
  })

  it('that is silent is unknown in what its kubelet says; what others say of it stays', () => {
    const bench = new Nodes()
    bench.node('n', 'zone1 down')
    bench.node('other', 'zone1')
    bench.say('n', 'True', [{ type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp' }, { type: 'KernelDeadlock', status: 'False', reason: 'KernelHasNoDeadlock' }])
    bench.start(NodeLifecycleController)
    bench.clock.runFor(60_000)
    expect(told(bench)).toEqual([...['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => `${type} Unknown NodeStatusUnknown: Kubelet stopped posting node status.`), 'NetworkUnavailable False FlannelIsUp: ', 'KernelDeadlock False KernelHasNoDeadlock: '])
  })

  it('that goes from unreachable to not ready and back changes its taints at once, and loses them when it is ready', () => {
    const bench = new Nodes()
    bench.node('n', 'zone1 down')
    bench.node('other', 'zone1')
    bench.start(NodeLifecycleController)
    bench.clock.runFor(70_000)
    expect(bench.taints('n').sort()).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule'])
    bench.revive('n')
    bench.say('n', 'False')
    bench.clock.runFor(6000)
    expect(bench.taints('n').sort()).toEqual(['not-ready:NoExecute', 'not-ready:NoSchedule'])
    bench.say('n', 'True')
    bench.clock.runFor(6000)
    expect(bench.taints('n')).toEqual([])
  })

  it('has taints for what presses it, and for nothing that is unknown', () => {
    const bench = new Nodes()
    bench.node('n', 'zone1')
    bench.client.patch('nodes', undefined, 'n', 'application/merge-patch+json', { spec: { unschedulable: true } })
    bench.client.patch('nodes', undefined, 'n', 'application/strategic-merge-patch+json', { status: { conditions: [{ type: 'MemoryPressure', status: 'True' }, { type: 'DiskPressure', status: 'Unknown' }, { type: 'NetworkUnavailable', status: 'True' }] } }, { subresource: 'status' })
    bench.start(NodeLifecycleController)
    expect(bench.taints('n').sort()).toEqual(['memory-pressure:NoSchedule', 'network-unavailable:NoSchedule', 'unschedulable:NoSchedule'])
  })

  it('that is silent has no ready Pods', () => {
    const bench = new Nodes()
    bench.node('n', 'zone1 down')
    bench.node('other', 'zone1')
    for (const [name, nodeName] of [['a', 'n'], ['b', 'other']]) {
      bench.create<Pod>('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { nodeName, containers: [container] } })
      bench.status('pods', name!, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] })
    }
    bench.start(NodeLifecycleController)
    bench.clock.runFor(60_000)
    expect(['a', 'b'].map((name) => bench.client.get<Pod>('pods', 'default', name).status.conditions![0]!.status)).toEqual(['False', 'True'])
    expect(bench.client.list<Event>('events').items.filter((e) => e.reason === 'NodeNotReady').map((e) => `${e.involvedObject.kind} ${e.type}: ${e.message}`).sort()).toEqual(['Node Normal: Node n status is now: NodeNotReady', 'Pod Warning: Node is not ready'])
  })
})
