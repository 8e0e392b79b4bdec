import { expect, test } from 'vitest'
import { SimulatedCluster } from './assembly/simulated-cluster.ts'
import { parseClusterConfig, type Node, type Pod } from './cluster.ts'
import type { Event, KubeObject } from './kubernetes/types.ts'

/** A machine dies: what becomes of it and of its Pods, minute by minute, in milliseconds. */
const template = { metadata: { labels: { app: 'web' } }, spec: { terminationGracePeriodSeconds: 5, containers: [{ name: 'main', image: 'nginx:1.27.5' }] } }
const workload = (kind: string, app: string, more: object = {}): object => ({
  apiVersion: 'apps/v1', kind, metadata: { name: app },
  spec: { selector: { matchLabels: { app } }, template: { ...template, metadata: { labels: { app } } }, ...more },
})

function story() {
  const cluster = new SimulatedCluster(parseClusterConfig({ nodes: 3 }))
  cluster.settle()
  const { client, clock } = cluster
  client.create('deployments', 'default', workload('Deployment', 'web', { replicas: 4 }))
  client.create('statefulsets', 'default', workload('StatefulSet', 'db', { serviceName: 'db', replicas: 2 }))
  client.create('daemonsets', 'default', workload('DaemonSet', 'log'))
  client.create('services', 'default', { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } })
  clock.runFor(30_000)
  const pods = (app: string): Pod[] => [...client.list<Pod>('pods', { namespace: 'default', labelSelector: `app=${app}` }).items]
  const node = (name = 'worker-1'): Node => client.get<Node>('nodes', undefined, name)
  return {
    cluster, client, clock, pods, node,
    on: (app: string, name = 'worker-1'): Pod[] => pods(app).filter((p) => p.spec.nodeName === name),
    ready: (): string => node().status.conditions!.find((c) => c.type === 'Ready')!.status,
    taints: (): string[] => (node().spec.taints ?? []).map((t) => `${t.key}:${t.effect}`),
    endpoints: (): string[] => client.list<KubeObject & { endpoints: { conditions: { ready: boolean }; addresses: string[] }[] }>('endpointslices', { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }).items.flatMap((s) => s.endpoints ?? []).filter((e) => e.conditions.ready).flatMap((e) => e.addresses).sort(),
    said: (about: string): string[] => client.list<Event>('events').items.filter((e) => e.involvedObject.name === about).map((e) => `${e.source?.component || e.reportingComponent} ${e.type} ${e.reason}: ${e.message}`),
  }
}

test('a dead node: 40 s, five minutes, and its Pods are elsewhere with other addresses', () => {
  const s = story()
  const lost = s.on('web')
  const elsewhere = s.on('web', 'worker-2').map((p) => p.status.podIP!).sort()
  expect(lost).toHaveLength(2)
  s.cluster.faults.apply(['node-down', 'worker-1'])

  s.clock.runFor(38_000)
  expect(s.ready()).toBe('True')
  s.clock.runFor(20_000)
  expect(s.node().status.conditions!.filter((c) => c.type !== 'NetworkUnavailable').map((c) => [c.status, c.reason, c.message])).toEqual(Array(4).fill(['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.']))
  expect(s.taints()).toEqual(['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute'])
  expect(s.said('worker-1')).toContain('node-controller Normal NodeNotReady: Node worker-1 status is now: NodeNotReady')
  expect(s.said(lost[0]!.metadata.name)).toContain('node-controller Warning NodeNotReady: Node is not ready')
  expect(s.endpoints()).toEqual(elsewhere)
  expect(s.pods('web').every((p) => !p.metadata.deletionTimestamp)).toBe(true)

  s.clock.runFor(290_000)
  expect(s.on('web').every((p) => !p.metadata.deletionTimestamp)).toBe(true)
  s.clock.runFor(30_000)
  const dying = s.on('web')
  expect(dying.map((p) => p.metadata.name)).toEqual(lost.map((p) => p.metadata.name))
  for (const pod of dying) {
    expect(pod.metadata.deletionTimestamp).toBeDefined()
    expect(pod.status.conditions).toContainEqual(expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' }))
    expect(s.said(pod.metadata.name)).toContain(`taint-eviction-controller Normal TaintManagerEviction: Marking for deletion Pod default/${pod.metadata.name}`)
  }
  // the Deployment has others by now; the StatefulSet cannot know whether its Pod still runs; the DaemonSet's stays
  expect(s.on('web', 'worker-2').filter((p) => p.status.phase === 'Running')).toHaveLength(4)
  expect(s.endpoints()).toHaveLength(4)
  expect(s.endpoints()).not.toContain(lost[0]!.status.podIP)
  expect(s.pods('db')).toHaveLength(2)
  expect(s.on('db')[0]!.metadata.deletionTimestamp).toBeDefined()
  expect(s.on('log')[0]!.metadata.deletionTimestamp).toBeUndefined()

  s.cluster.faults.clear(['node-down/worker-1'])
  s.clock.runFor(120_000)
  expect(s.ready()).toBe('True')
  expect(s.taints()).toEqual([])
  expect(s.on('web')).toEqual([])
  expect(s.pods('db').map((p) => p.status.phase)).toEqual(['Running', 'Running'])
})

test('a node that comes back in time keeps its Pods', () => {
  const s = story()
  const [lost] = s.on('web')
  s.cluster.kubelet('worker-1')!.stop()
  s.clock.runFor(100_000)
  expect(s.taints()).toHaveLength(2)
  s.cluster.kubelet('worker-1')!.start()
  s.clock.runFor(60_000)
  expect(s.taints()).toEqual([])
  expect(s.said(lost!.metadata.name)).toContain(`taint-eviction-controller Normal TaintManagerEviction: Cancelling deletion of Pod default/${lost!.metadata.name}`)
  s.clock.runFor(400_000)
  expect(s.on('web').map((p) => p.metadata.uid)).toContain(lost!.metadata.uid)
  expect(s.endpoints()).toHaveLength(4)
})

test('what the node controller said of Pods of a silent node does not outlive the silence: their kubelet puts it right within its ten seconds', () => {
  const s = story()
  const readiness = (): string[] => s.client.list<Pod>('pods', { fieldSelector: 'spec.nodeName=worker-2' }).items.map((p) => `${p.metadata.name} ${p.status.conditions?.find((c) => c.type === 'Ready')?.status}`).sort()
  const before = readiness()
  expect(before.length).toBeGreaterThan(4)
  s.cluster.faults.apply(['link-down', 'control-plane', 'worker-2'])
  s.clock.runFor(60_000)
  expect(readiness()).toEqual(before.map((line) => line.replace('True', 'False')))
  s.cluster.faults.clear(['link-down/control-plane/worker-2'])
  s.clock.runFor(45_000)
  expect(s.ready()).toBe('True')
  expect(readiness()).toEqual(before)
  expect(s.endpoints()).toHaveLength(4)
})

test('a Node that is deleted: its Pods are forgotten, and come up elsewhere', () => {
  const s = story()
  s.cluster.faults.apply(['node-down', 'worker-1'])
  s.client.delete('nodes', undefined, 'worker-1')
  s.clock.runFor(10_000)
  expect(s.on('web')).toHaveLength(2)
  s.clock.runFor(60_000)
  expect(s.on('web')).toEqual([])
  expect(s.on('web', 'worker-2')).toHaveLength(4)
  expect(s.on('db', 'worker-2')).toHaveLength(2)
  expect(s.said('worker-1')).toContain('node-controller Normal RemovingNode: Node worker-1 event: Removing Node worker-1 from Controller')
  s.cluster.faults.clear(['node-down/worker-1'])
  s.clock.runFor(60_000)
  expect(s.ready()).toBe('True')
  expect(s.on('log')[0]!.status.phase).toBe('Running')
})

test('a lost node that is declared out of service gives its Pods up at once', () => {
  const s = story()
  s.cluster.faults.apply(['node-down', 'worker-1'])
  s.clock.runFor(60_000)
  s.client.patch('nodes', undefined, 'worker-1', 'application/strategic-merge-patch+json', { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }] } })
  s.clock.runFor(90_000)
  expect(s.on('db')).toEqual([])
  expect(s.pods('db').map((p) => [p.spec.nodeName, p.status.phase])).toEqual([['worker-2', 'Running'], ['worker-2', 'Running']])
})

test('when no node is ready it is likelier the control plane: nobody is driven away', () => {
  const s = story()
  for (const name of ['control-plane', 'worker-1', 'worker-2']) s.cluster.kubelet(name)!.stop()
  s.clock.runFor(600_000)
  expect(s.ready()).toBe('Unknown')
  expect(s.taints()).toEqual(['node.kubernetes.io/unreachable:NoSchedule'])
  expect(s.pods('web').some((p) => p.metadata.deletionTimestamp)).toBe(false)
})
