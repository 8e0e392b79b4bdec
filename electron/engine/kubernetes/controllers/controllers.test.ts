import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import { Scheduler } from '../scheduler/scheduler.ts'
import { microTimestamp } from '../human-duration.ts'
import type { ConfigMap, DaemonSet, Deployment, EndpointSlice, KubeObject, Namespace, Node, Pod, ReplicaSet } from '../types.ts'
import { Informer } from './informer.ts'
import { startControllerManager } from './index.ts'
import { inDeletionOrder } from './replicaset-order.ts'
import { WorkQueue } from './workqueue.ts'

/** The controllers over the real API server; a kubelet of three lines makes Pods run, so that each story is theirs. */
class Bench {
  readonly clock = new Clock({ seed: 1 })
  readonly client = new ApiServer(this.clock, { freeze: true })
  /** Pods that do not become ready. */
  broken = (pod: Pod): boolean => pod.spec.containers[0]!.image === 'broken'
  #ip = 1

  constructor(nodes = 2) {
    startControllerManager(this.clock, this.client, parseClusterConfig({}))
    new Scheduler(this.clock, this.client, 'control-plane')
    for (let i = 1; i <= nodes; i++) this.addNode(`node-${i}`)
    this.client.watch<Pod>('pods', {}, (event) => {
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#kubelet(event.object)
    })
    this.clock.settle()
  }

  addNode(name: string, labels: object = {}): void {
    const resources = { cpu: '4', memory: '8Gi', pods: '110' }
    this.client.create('nodes', undefined, {
      apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/os': 'linux', ...labels } },
      status: { capacity: resources, allocatable: resources, conditions: [{ type: 'Ready', status: 'True' }] },
    })
    this.#renewLease(name)
  }

  #renewLease(name: string): void {
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: 'kube-node-lease' }, spec: { renewTime: microTimestamp(this.clock.wall()) } }
    this.client.update('leases', 'kube-node-lease', name, lease)
    this.clock.schedule(10_000, () => this.#renewLease(name), { background: true })
  }

  #kubelet(pod: Pod): void {
    const { namespace, name, uid } = pod.metadata
    if (!pod.spec.nodeName) return
    if (pod.metadata.deletionGracePeriodSeconds === 0) return
    if (pod.metadata.deletionTimestamp) return void this.client.delete('pods', namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } })
    if (pod.status.phase !== 'Pending' || pod.status.podIP) return
    const ready = this.broken(pod) ? 'False' : 'True'
    const status = { ...pod.status, phase: ready === 'True' ? 'Running' : 'Pending', podIP: `10.0.0.${this.#ip}`, podIPs: [{ ip: `10.0.0.${this.#ip++}` }], conditions: [...(pod.status.conditions ?? []), { type: 'Ready', status: ready }] }
    this.client.update('pods', namespace, name, { ...pod, status }, { subresource: 'status' })
  }

  deploy(replicas: number, spec: object = {}, image = 'a'): void {
    this.client.create('deployments', 'default', {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
      spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } }, ...spec },
    })
    this.clock.settle()
  }

  patch(resource: string, name: string, patch: object): void {
    this.client.patch(resource, 'default', name, 'application/strategic-merge-patch+json', patch)
  }

  image(image: string): void {
    this.patch('deployments', 'web', { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } })
    this.clock.settle()
  }

  list<T extends KubeObject>(resource: string): readonly T[] {
    return this.client.list<T>(resource, { namespace: 'default' }).items
  }

  pods(): readonly Pod[] {
    return this.list<Pod>('pods')
  }

  sets(): [number, number][] {
    const revision = (s: ReplicaSet): number => Number(s.metadata.annotations!['deployment.kubernetes.io/revision'])
    return this.list<ReplicaSet>('replicasets').map((s): [number, number] => [revision(s), s.spec.replicas ?? 1]).sort((a, b) => a[0] - b[0])
  }

  get web(): Deployment {
    return this.client.get<Deployment>('deployments', 'default', 'web')
  }

  condition(type: string): { status: string; reason?: string; message?: string } | undefined {
    return this.web.status.conditions?.find((c) => c.type === type)
  }
}

describe('a rollout', () => {
  it('that cannot become ready stops half-way, keeps the old Pods, and times out', () => {
    const bench = new Bench()
    bench.deploy(4)
    bench.image('broken')
    expect(bench.sets()).toEqual([[1, 3], [2, 2]])
    expect(bench.web.status).toMatchObject({ replicas: 5, updatedReplicas: 2, readyReplicas: 3, availableReplicas: 3, unavailableReplicas: 2 })
    expect(bench.condition('Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' })
    bench.clock.runFor(700_000)
    expect(bench.condition('Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded', message: expect.stringMatching(/^ReplicaSet "web-[a-z0-9]+" has timed out progressing\.$/) })
  })

  it('back to an earlier template uses its ReplicaSet again, as a new revision', () => {
    const bench = new Bench()
    bench.deploy(2)
    bench.image('b')
    bench.image('a')
    expect(bench.sets()).toEqual([[2, 0], [3, 2]])
    const current = bench.list<ReplicaSet>('replicasets').find((s) => s.spec.replicas === 2)!
    expect(current.metadata.annotations!['deployment.kubernetes.io/revision-history']).toBe('1')
    expect(bench.condition('Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' })
  })

  it('that is paused waits; scaled meanwhile, its ReplicaSets share the change', () => {
    const bench = new Bench()
    bench.deploy(8)
    bench.image('broken')
    expect(bench.sets()).toEqual([[1, 6], [2, 4]])
    bench.patch('deployments', 'web', { spec: { paused: true, replicas: 16 } })
    bench.clock.settle()
    expect(bench.condition('Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' })
    const [[, old], [, fresh]] = bench.sets() as [[number, number], [number, number]]
    expect(old + fresh).toBe(20)
    expect(old).toBe(12)
  })

  it('keeps as many old ReplicaSets as its history allows', () => {
    const bench = new Bench()
    bench.deploy(1, { revisionHistoryLimit: 1 })
    for (const image of ['b', 'c', 'd']) bench.image(image)
    expect(bench.sets()).toEqual([[3, 0], [4, 1]])
  })
})

describe('a ReplicaSet', () => {
  it('lets a Pod go whose labels no longer match, and makes another', () => {
    const bench = new Bench()
    bench.deploy(2)
    const { name } = bench.pods()[0]!.metadata
    bench.patch('pods', name, { metadata: { labels: { app: 'debug' } } })
    bench.clock.settle()
    expect(bench.pods()).toHaveLength(3)
    expect(bench.client.get<Pod>('pods', 'default', name).metadata.ownerReferences ?? []).toEqual([])
    bench.patch('pods', name, { metadata: { labels: { app: 'web' } } })
    bench.clock.settle()
    expect(bench.pods()).toHaveLength(2)
  })

  it('takes first the Pods that are least worth keeping', () => {
    const clock = new Clock({ seed: 1 })
    const pod = (name: string, more: { nodeName?: string; ready?: boolean; restarts?: number; cost?: number }): Pod => ({
      metadata: { name, uid: name, annotations: more.cost === undefined ? {} : { 'controller.kubernetes.io/pod-deletion-cost': String(more.cost) }, creationTimestamp: '2026-01-05T07:00:00Z' },
      spec: { nodeName: more.nodeName },
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True', lastTransitionTime: '2026-01-05T07:30:00Z' }], containerStatuses: [{ restartCount: more.restarts ?? 0 }] },
    }) as unknown as Pod
    const all = [
      pod('good', { nodeName: 'a' }), pod('restarted', { nodeName: 'a', restarts: 3 }), pod('crowded', { nodeName: 'b' }),
      pod('cheap', { nodeName: 'a', cost: -1 }), pod('unready', { nodeName: 'a', ready: false }), pod('unassigned', { ready: false }),
    ]
    const order = inDeletionOrder(all, (p) => (p.spec.nodeName === 'b' ? 2 : 1), clock).map((p) => p.metadata.name)
    expect(order).toEqual(['unassigned', 'unready', 'cheap', 'crowded', 'restarted', 'good'])
  })

  it('says why it cannot make Pods', () => {
    const bench = new Bench()
    bench.deploy(1, {
      template: { metadata: { labels: { app: 'web' } }, spec: { serviceAccountName: 'nobody', containers: [{ name: 'c', image: 'a' }] } },
    })
    expect(bench.list<ReplicaSet>('replicasets')[0]!.status.conditions![0]).toMatchObject({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' })
    expect(bench.condition('ReplicaFailure')!.message).toContain('serviceaccount "nobody" not found')
  })
})

describe('a DaemonSet', () => {
  const daemon = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'd' }, spec: { selector: { matchLabels: { app: 'd' } }, template: { metadata: { labels: { app: 'd' } }, spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'c', image: 'a' }] } } } }

  it('has a Pod on each node that it selects, also on one that joins, and none on one that leaves the selection', () => {
    const bench = new Bench(1)
    bench.addNode('ssd-1', { disk: 'ssd' })
    bench.client.create('daemonsets', 'default', daemon)
    bench.clock.settle()
    expect(bench.pods().map((p) => p.spec.nodeName)).toEqual(['ssd-1'])
    bench.addNode('ssd-2', { disk: 'ssd' })
    bench.clock.settle()
    expect(bench.pods().map((p) => p.spec.nodeName).sort()).toEqual(['ssd-1', 'ssd-2'])
    bench.client.patch('nodes', undefined, 'ssd-1', 'application/merge-patch+json', { metadata: { labels: { disk: null } } })
    bench.clock.settle()
    expect(bench.pods().map((p) => p.spec.nodeName)).toEqual(['ssd-2'])
    expect(bench.client.get<DaemonSet>('daemonsets', 'default', 'd').status).toMatchObject({ desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, numberMisscheduled: 0 })
  })

  it('changes its Pods one after the other', () => {
    const bench = new Bench()
    bench.client.create('daemonsets', 'default', { ...daemon, spec: { ...daemon.spec, template: { ...daemon.spec.template, spec: { containers: [{ name: 'c', image: 'a' }] } } } })
    bench.clock.settle()
    let least = Infinity
    bench.client.watch('pods', {}, () => (least = Math.min(least, bench.pods().filter((p) => p.status.phase === 'Running').length)))
    bench.patch('daemonsets', 'd', { spec: { template: { spec: { containers: [{ name: 'c', image: 'b' }] } } } })
    bench.clock.settle()
    expect(bench.pods().map((p) => p.spec.containers[0]!.image)).toEqual(['b', 'b'])
    expect(least).toBe(1)
  })
})

describe('endpoints', () => {
  const service = (spec: object = {}): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', labels: { team: 'x' } }, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec } })

  it('follow the Pods, whether they are ready or not', () => {
    const bench = new Bench()
    bench.broken = (pod) => pod.spec.nodeName === 'node-2'
    bench.client.create('services', 'default', service())
    bench.clock.settle()
    expect(bench.list<EndpointSlice>('endpointslices').filter((s) => s.metadata.name.startsWith('web-')).map((s) => s.endpoints ?? [])).toEqual([[]])
    bench.deploy(2)
    const [slice, ...others] = bench.list<EndpointSlice & { ports: object[] }>('endpointslices').filter((s) => s.metadata.name.startsWith('web-'))
    expect(others).toEqual([])
    expect(slice!.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    expect(slice!.metadata.labels).toEqual({ team: 'x', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' })
    expect(slice!.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }])
    expect(slice!.endpoints.map((e) => [e.nodeName, e.conditions]).sort()).toEqual([
      ['node-1', { ready: true, serving: true, terminating: false }], ['node-2', { ready: false, serving: false, terminating: false }],
    ])
    const older = bench.client.get<KubeObject & { subsets: { addresses: object[]; notReadyAddresses: object[] }[] }>('endpoints', 'default', 'web')
    expect([older.subsets[0]!.addresses.length, older.subsets[0]!.notReadyAddresses.length]).toEqual([1, 1])
  })

  it('of named ports are found in each Pod; a hundred fill a slice', () => {
    const bench = new Bench(3)
    bench.client.create('services', 'default', service({ ports: [{ port: 80, targetPort: 'web' }] }))
    bench.deploy(130, { template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'a', ports: [{ name: 'web', containerPort: 9000 }] }] } } })
    const slices = bench.list<EndpointSlice & { ports: { port: number }[] }>('endpointslices').filter((s) => s.metadata.name.startsWith('web-'))
    expect(slices.map((s) => s.endpoints.length).sort((a, b) => a - b)).toEqual([30, 100])
    expect(slices.map((s) => s.ports[0]!.port)).toEqual([9000, 9000])
  })

  it('go with their Service', () => {
    const bench = new Bench()
    bench.client.create('services', 'default', service())
    bench.deploy(1)
    bench.client.delete('services', 'default', 'web')
    bench.clock.settle()
    expect(bench.list('endpointslices').filter((s) => s.metadata.name.startsWith('web'))).toEqual([])
    expect(bench.list('endpoints').filter((s) => s.metadata.name === 'web')).toEqual([])
  })
})

describe('deletion', () => {
  it('in the foreground takes the dependents first', () => {
    const bench = new Bench()
    bench.deploy(2)
    const gone: string[] = []
    for (const resource of ['deployments', 'replicasets', 'pods']) bench.client.watch(resource, {}, (event) => event.type === 'DELETED' && gone.push(resource))
    bench.client.delete('deployments', 'default', 'web', { propagationPolicy: 'Foreground' })
    bench.clock.settle()
    expect(gone).toEqual(['pods', 'pods', 'replicasets', 'deployments'])
  })

  it('of a namespace empties it and then it goes', () => {
    const bench = new Bench()
    bench.client.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } })
    bench.client.create('configmaps', 'x', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', finalizers: ['example.com/held'] } })
    bench.clock.settle()
    bench.client.delete('namespaces', undefined, 'x')
    bench.clock.runFor(6_000)
    const going = bench.client.get<Namespace>('namespaces', undefined, 'x')
    expect(going.status.phase).toBe('Terminating')
    expect(going.status.conditions!.find((c) => c.type === 'NamespaceFinalizersRemaining')).toMatchObject({ status: 'True', message: 'Some content in the namespace has finalizers remaining: example.com/held in 1 resource instances' })
    bench.client.patch('configmaps', 'x', 'kept', 'application/merge-patch+json', { metadata: { finalizers: null } })
    bench.clock.runFor(8_000)
    expect(() => bench.client.get('namespaces', undefined, 'x')).toThrow('not found')
  })

  it('of what every namespace has is undone', () => {
    const bench = new Bench()
    bench.client.delete('configmaps', 'default', 'kube-root-ca.crt')
    bench.client.delete('serviceaccounts', 'default', 'default')
    bench.clock.settle()
    expect(bench.client.get<ConfigMap>('configmaps', 'default', 'kube-root-ca.crt').data!['ca.crt']).toContain('BEGIN CERTIFICATE')
    expect(bench.client.get('serviceaccounts', 'default', 'default').metadata.name).toBe('default')
  })
})

describe('nodes', () => {
  it('get the next free range of Pod addresses, after the one given last', () => {
    const bench = new Bench(2)
    expect(bench.client.list<Node>('nodes').items.map((n) => n.spec.podCIDR)).toEqual(['10.244.0.0/24', '10.244.1.0/24'])
    bench.client.delete('nodes', undefined, 'node-1')
    bench.clock.settle()
    bench.addNode('node-3')
    bench.clock.settle()
    expect(bench.client.get<Node>('nodes', undefined, 'node-3').spec.podCIDR).toBe('10.244.2.0/24')
  })

  it('that are cordoned get no new Pods, and the scheduler says so', () => {
    const bench = new Bench(1)
    bench.client.patch('nodes', undefined, 'node-1', 'application/merge-patch+json', { spec: { unschedulable: true } })
    bench.clock.settle()
    bench.deploy(1)
    expect(bench.pods()[0]!.status.conditions![0]).toMatchObject({
      type: 'PodScheduled', status: 'False', reason: 'Unschedulable',
      message: '0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    })
    bench.client.patch('nodes', undefined, 'node-1', 'application/merge-patch+json', { spec: { unschedulable: null } })
    bench.clock.settle()
    expect(bench.pods()[0]!.spec.nodeName).toBe('node-1')
  })

  it('with a NoExecute taint lose the Pods that do not tolerate it', () => {
    const bench = new Bench(2)
    bench.deploy(2)
    bench.client.patch('nodes', undefined, 'node-1', 'application/merge-patch+json', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] } })
    bench.clock.settle()
    expect(bench.pods().map((p) => p.spec.nodeName)).toEqual(['node-2', 'node-2'])
  })

  it('give a port of the node to one Pod only', () => {
    const bench = new Bench(2)
    bench.deploy(3, { template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'a', ports: [{ containerPort: 80, hostPort: 8080 }] }] } } })
    expect(bench.pods().map((p) => p.spec.nodeName ?? '').sort()).toEqual(['', 'node-1', 'node-2'])
    expect(bench.pods().find((p) => !p.spec.nodeName)!.status.conditions![0]!.message).toMatch(/^0\/2 nodes are available: 2 node\(s\) didn't have free ports for the requested pod ports\./)
  })
})

describe('events', () => {
  it('that repeat are counted, not written again', () => {
    const bench = new Bench()
    bench.deploy(1, {}, 'a')
    for (let i = 0; i < 3; i++) {
      for (const replicas of [2, 1]) {
        bench.patch('deployments', 'web', { spec: { replicas } })
        bench.clock.settle()
        bench.clock.runFor(2_000)
      }
    }
    const about = bench.list<KubeObject & { reason: string; message: string; count: number; involvedObject: { name: string } }>('events').filter((e) => e.involvedObject.name === 'web')
    expect(about.map((e) => [e.message.replace(/web-\S+/, 'RS'), e.count])).toEqual([
      ['Scaled up replica set RS from 0 to 1', 1], ['Scaled up replica set RS from 1 to 2', 3], ['Scaled down replica set RS from 2 to 1', 3],
    ])
  })
})

describe('the tools of controllers', () => {
  it('a work queue does each key once, later, and retries failures at growing distances', () => {
    const clock = new Clock({ seed: 1 })
    const seen: string[] = []
    const queue = new WorkQueue(clock, (key) => seen.push(`${key}@${clock.now}`))
    queue.add('a')
    queue.add('a')
    queue.addAfter('b', 50)
    queue.addAfter('b', 90)
    queue.addAfter('b', 20)
    expect(seen).toEqual([])
    clock.settle()
    expect(seen).toEqual(['a@1', 'b@21'])
    queue.addRateLimited('c')
    queue.addRateLimited('c')
    clock.settle()
    queue.addRateLimited('c')
    clock.settle()
    expect(seen.slice(2)).toEqual(['c@27', 'c@33'])
  })

  it('a work queue that is behind leaves keys alone for a while: what changes meanwhile is one piece of work', () => {
    const clock = new Clock({ seed: 1 })
    const seen = new Map<string, number[]>()
    const queue = new WorkQueue(clock, (key) => void seen.set(key, [...(seen.get(key) ?? []), clock.now]))
    const changed = (keys: readonly string[]): void => {
      for (const key of keys) queue.add(key)
      clock.runFor(10)
    }
    const few = Array.from({ length: 40 }, (_, i) => `few-${i}`)
    changed(few)
    changed(few)
    expect(few.map((key) => seen.get(key))).toEqual(few.map(() => [1, 11]))
    const many = Array.from({ length: 300 }, (_, i) => `many-${i}`)
    clock.runFor(1000)
    for (let i = 0; i < 5; i++) changed(many)
    clock.settle()
    // 300 keys are 200 more than it takes at once, and those take 2 s
    expect(many.map((key) => seen.get(key))).toEqual(many.map(() => [1021, 3022]))
    clock.runFor(10_000)
    changed(few)
    changed(few)
    expect(seen.get('few-0')).toHaveLength(4)
  })

  it('an informer is as old as its last event', () => {
    const bench = new Bench()
    const informer = new Informer<ConfigMap>(bench.client, 'configmaps')
    informer.index('key', (map) => Object.keys(map.data ?? {}))
    bench.clock.settle()
    bench.client.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { one: '1' } })
    expect(informer.get('default', 'x')).toBeUndefined()
    bench.clock.settle()
    expect(informer.indexed('key', 'one').map((m) => m.metadata.name)).toEqual(['x'])
    informer.stop()
    bench.client.delete('configmaps', 'default', 'x')
    bench.clock.settle()
    expect(informer.get('default', 'x')).toBeDefined()
  })
})
