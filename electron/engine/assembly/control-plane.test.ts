import { beforeEach, expect, test } from 'vitest'
import { parseClusterConfig } from '../config.ts'
import type { Event, KubeObject, Pod } from '../kubernetes/types.ts'
import type { Machine } from '../machine/types.ts'
import { SimulatedCluster } from './simulated-cluster.ts'

/** The control plane's own Pods are what they say: what stops with them, and only that. */
let cluster: SimulatedCluster
beforeEach(() => {
  cluster = new SimulatedCluster(parseClusterConfig({ nodes: 2 }))
  cluster.settle()
})

type Lease = KubeObject & { spec: { holderIdentity: string; leaseTransitions: number; renewTime: string } }

const fs = (): Machine['fs'] => cluster.nodes.get('control-plane')!.fs
const path = (name: string): string => `/etc/kubernetes/manifests/${name}.yaml`
const pod = (name: string, namespace = 'kube-system'): Pod | undefined => cluster.client.list<Pod>('pods', { namespace, fieldSelector: `metadata.name=${name}` }).items[0]
const lease = (name: string): Lease => cluster.client.get<Lease>('leases', 'kube-system', name)
const elections = (name: string): number => cluster.client.list<Event>('events', { namespace: 'kube-system' }).items.filter((e) => e.reason === 'LeaderElection' && e.involvedObject.name === name).length
const run = (name: string): KubeObject => cluster.client.create('pods', 'default', { metadata: { name }, spec: { containers: [{ name: 'c', image: 'nginx:1.27.5' }] } })
/** Moves a part's manifest away, and what brings it back. */
function stop(name: string): () => void {
  const text = fs().readText(path(name))
  fs().remove(path(name))
  cluster.clock.runFor(40_000)
  return () => {
    fs().writeFile(path(name), text)
    cluster.clock.runFor(5_000)
  }
}

test('mirror Pods look as a kubelet makes them', () => {
  const { metadata, spec, status } = pod('kube-scheduler-control-plane')!
  const hash = metadata.annotations!['kubernetes.io/config.hash']
  expect(hash).toMatch(/^[0-9a-f]{32}$/)
  expect(metadata.annotations).toMatchObject({ 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.source': 'file' })
  expect(metadata.annotations!['kubernetes.io/config.seen']).toMatch(/^2026-/)
  const { uid } = cluster.client.get('nodes', undefined, 'control-plane').metadata
  expect(metadata.ownerReferences).toEqual([{ apiVersion: 'v1', controller: true, kind: 'Node', name: 'control-plane', uid }])
  expect(spec).toMatchObject({ priorityClassName: 'system-node-critical', priority: 2000001000, hostNetwork: true, nodeName: 'control-plane' })
  expect(status).toMatchObject({ phase: 'Running', podIP: '172.18.0.2' })
})

test('deleting a mirror makes a new one; the containers run on', () => {
  const before = pod('etcd-control-plane')!
  cluster.connection.delete('pods', 'kube-system', 'etcd-control-plane')
  cluster.clock.runFor(5_000)
  const after = pod('etcd-control-plane')!
  expect(after.metadata.uid).not.toBe(before.metadata.uid)
  expect(after.status.containerStatuses![0]!.containerID).toBe(before.status.containerStatuses![0]!.containerID)
  expect(after.status.phase).toBe('Running')
  expect(cluster.connection.reachable).toBe(true)
})

test('leaders renew their leases', () => {
  const { holderIdentity, renewTime, leaseTransitions } = lease('kube-scheduler').spec
  expect(holderIdentity).toMatch(/^control-plane_[0-9a-f-]{36}$/)
  expect(leaseTransitions).toBe(0)
  cluster.clock.runFor(10_000)
  expect(lease('kube-scheduler').spec.renewTime > renewTime).toBe(true)
  expect(elections('kube-scheduler')).toBe(1)
})

test('without a scheduler new Pods wait, and nothing is said of them', () => {
  const start = stop('kube-scheduler')
  expect(pod('kube-scheduler-control-plane')).toBeUndefined()
  run('web')
  cluster.clock.runFor(60_000)
  expect(pod('web', 'default')!.status).toMatchObject({ phase: 'Pending' })
  expect(cluster.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.involvedObject.name === 'web')).toEqual([])
  start()
  cluster.settle()
  expect(pod('web', 'default')!.spec.nodeName).toBe('worker-1')
  expect(lease('kube-scheduler').spec.leaseTransitions).toBe(1)
  expect(elections('kube-scheduler')).toBe(2)
})

test('without a controller manager nothing is made or healed; the next one waits for the lease to run out', () => {
  const text = fs().readText(path('kube-controller-manager'))
  fs().remove(path('kube-controller-manager'))
  cluster.clock.runFor(5_000)
  cluster.client.create('deployments', 'default', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } } })
  cluster.kubelet('worker-1')!.stop()
  cluster.clock.runFor(120_000)
  expect(cluster.client.list('replicasets').items.filter((o) => o.metadata.namespace === 'default')).toEqual([])
  const ready = (): string | undefined => (cluster.client.get('nodes', undefined, 'worker-1') as unknown as { status: { conditions: { type: string; status: string }[] } }).status.conditions.find((c) => c.type === 'Ready')?.status
  expect(ready()).toBe('True')
  fs().writeFile(path('kube-controller-manager'), text)
  cluster.clock.runFor(10_000)
  expect(elections('kube-controller-manager')).toBe(1)
  cluster.clock.runFor(8_000)
  expect(elections('kube-controller-manager')).toBe(2)
  expect(cluster.client.list('replicasets').items.filter((o) => o.metadata.namespace === 'default')).toHaveLength(1)
  cluster.clock.runFor(50_000)
  expect(ready()).toBe('Unknown')
})

test.each(['kube-apiserver', 'etcd'])('without %s the API does not answer, and all is well again when it is back', (part) => {
  run('before')
  cluster.settle()
  const start = stop(part)
  expect(() => cluster.connection.list('pods')).toThrow('dial tcp 172.18.0.2:6443: connect: connection refused')
  expect(cluster.container('default', 'before')).toBeDefined()
  start()
  expect(cluster.connection.list('pods').items.length).toBeGreaterThan(0)
  cluster.clock.runFor(120_000)
  expect(pod(`${part}-control-plane`)!.status.phase).toBe('Running')
  // leaders that lost their leases ended, and were started again
  expect(pod('kube-scheduler-control-plane')!.status.containerStatuses![0]!.restartCount).toBeGreaterThan(0)
  run('after')
  cluster.clock.runFor(30_000)
  expect(pod('after', 'default')!.status.phase).toBe('Running')
})

test('a part whose process is killed is started again', () => {

  cluster.kubelet('control-plane')!.worker('kube-system', 'kube-apiserver-control-plane')!.main[0]!.run!.signal('SIGKILL')
  cluster.clock.runFor(10)
  expect(cluster.connection.reachable).toBe(false)
  cluster.clock.runFor(30_000)
  expect(cluster.connection.reachable).toBe(true)
  expect(pod('kube-apiserver-control-plane')!.status.containerStatuses![0]!.restartCount).toBe(1)
})

test('the cluster has what kubeadm leaves besides its Pods; another API server process holds the same Lease under another identity', () => {
  const names = (resource: string): string[] => cluster.client.list(resource, { namespace: 'kube-system' }).items.map((o) => o.metadata.name)
  expect(names('configmaps')).toEqual(['coredns', 'extension-apiserver-authentication', 'kube-proxy', 'kube-root-ca.crt', 'kubeadm-config', 'kubelet-config'])
  expect(names('serviceaccounts')).toContain('statefulset-controller')
  const held = (): string => lease(names('leases').find((name) => name.startsWith('apiserver-'))!).spec.holderIdentity
  const before = held()
  stop('kube-apiserver')()
  expect(held()).not.toBe(before)
  expect(held().split('_')[0]).toBe(before.split('_')[0])
})
