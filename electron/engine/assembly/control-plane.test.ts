import { beforeEach, expect, test } from 'vitest'
import { parseClusterConfig } from '../config.ts'
import type { Event, KubeObject, Pod } from '../kubernetes/types.ts'
import type { Machine } from '../machine/types.ts'
import { parse } from 'yaml'
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

const command = (name: string): readonly string[] => pod(`${name}-control-plane`)!.spec.containers[0]!.command!
const isReady = (name: string): string | undefined => pod(`${name}-control-plane`)?.status.conditions?.find((c) => c.type === 'Ready')?.status
const logOf = (name: string): string => {
  const record = cluster.kubelet('control-plane')!.worker('kube-system', `${name}-control-plane`)!.main[0]!
  return `${record.previousLog?.tail(50, 10_000) ?? ''}${record.log!.tail(50, 10_000)}`
}
const change = (name: string, from: string, to: string): void => {
  const text = fs().readText(path(name))
  expect(text).toContain(from)
  fs().writeFile(path(name), text.replaceAll(from, to))
}

test('the manifests are kubeadm\'s, with the cluster\'s own values, and the mirrors agree with them', () => {
  cluster = new SimulatedCluster(parseClusterConfig({ nodes: 1, podCIDR: '10.10.0.0/16', serviceCIDR: '10.20.0.0/16', nodePortRange: '30000-30100' }))
  cluster.settle()
  for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']) {
    const { metadata, spec } = parse(fs().readText(path(name))) as Pod
    expect(pod(`${name}-control-plane`)!.metadata).toMatchObject({ labels: { component: name, tier: 'control-plane' }, ...(metadata.annotations ? { annotations: metadata.annotations } : {}) })
    expect(pod(`${name}-control-plane`)!.spec).toMatchObject(spec as object)
    expect(command(name).slice(1)).toEqual([...command(name).slice(1)].sort())
    expect(isReady(name)).toBe('True')
  }
  expect(command('etcd')).toHaveLength(20)
  expect(command('kube-apiserver')).toEqual(expect.arrayContaining(['--etcd-servers=https://127.0.0.1:2379', '--service-cluster-ip-range=10.20.0.0/16', '--service-node-port-range=30000-30100', '--tls-cert-file=/etc/kubernetes/pki/apiserver.crt']))
  expect(command('kube-controller-manager')).toEqual(expect.arrayContaining(['--cluster-cidr=10.10.0.0/16', '--service-cluster-ip-range=10.20.0.0/16', '--controllers=*,bootstrapsigner,tokencleaner']))
  expect(command('kube-scheduler')).toHaveLength(6)
  const { livenessProbe, readinessProbe, startupProbe, volumeMounts } = pod('kube-apiserver-control-plane')!.spec.containers[0]!
  expect([livenessProbe, readinessProbe, startupProbe].map((p) => [p!.httpGet!.host, p!.httpGet!.path, p!.httpGet!.port, p!.initialDelaySeconds, p!.periodSeconds, p!.timeoutSeconds, p!.failureThreshold])).toEqual([
    ['172.18.0.2', '/livez', 6443, 10, 10, 15, 8], ['172.18.0.2', '/readyz', 6443, undefined, 1, 15, 3], ['172.18.0.2', '/livez', 6443, 10, 10, 15, 24],
  ])
  expect(volumeMounts!.map((m) => m.name)).toEqual(['ca-certs', 'etc-ca-certificates', 'k8s-certs', 'usr-local-share-ca-certificates', 'usr-share-ca-certificates'])
  for (const [, file] of command('kube-apiserver').join(' ').matchAll(/=(\/\S+)/g)) expect(fs().readText(file!)).toContain('-----BEGIN')
})

test('what a manifest says wrong, the part says in its log, and what it does not do stays undone', () => {
  change('kube-controller-manager', '--kubeconfig=/etc/kubernetes/controller-manager.conf', '--kubeconfig=/etc/kubernetes/controller-manager-XXXX.conf')
  change('kube-scheduler', '--leader-elect=true', '--leader-elekt=true')
  cluster.clock.runFor(60_000)
  expect(logOf('kube-controller-manager')).toContain('"command failed" err="stat /etc/kubernetes/controller-manager-XXXX.conf: no such file or directory"')
  expect(pod('kube-scheduler-control-plane')!.status.containerStatuses![0]!.state).toMatchObject({ waiting: { reason: 'CrashLoopBackOff' } })
  expect(logOf('kube-scheduler')).toContain('Error: unknown flag: --leader-elekt\n')
  change('kube-scheduler', '--leader-elekt=true', '--config=/etc/kubernetes/none.yaml')
  cluster.clock.runFor(30_000)
  expect(logOf('kube-scheduler')).toContain('"command failed" err="open /etc/kubernetes/none.yaml: no such file or directory"')
})

test('an API server that is sent to the wrong place for etcd gives up after 20 s, again and again', () => {
  change('kube-apiserver', 'https://127.0.0.1:2379', 'https://127.0.0.1:23000')
  cluster.clock.runFor(30_000)
  expect(cluster.connection.reachable).toBe(false)
  expect(logOf('kube-apiserver')).toContain('dial tcp 127.0.0.1:23000: connect: connection refused')
  expect(logOf('kube-apiserver')).toContain('context deadline exceeded')
  change('kube-apiserver', 'https://127.0.0.1:23000', 'https://127.0.0.1:2379')
  cluster.clock.runFor(60_000)
  expect(cluster.connection.reachable).toBe(true)
  expect(isReady('kube-apiserver')).toBe('True')
})

test('a part that was started again is ready when its startup probe says so; without etcd the API server is killed by its liveness probe', () => {
  const start = stop('kube-scheduler')
  start()
  expect(isReady('kube-scheduler')).toBe('False')
  cluster.clock.runFor(10_000)
  expect(isReady('kube-scheduler')).toBe('True')
  const back = stop('etcd')
  cluster.clock.runFor(80_000)
  const record = cluster.kubelet('control-plane')!.worker('kube-system', 'kube-apiserver-control-plane')!.main[0]!
  expect(record.restarts).toBeGreaterThan(0)
  back()
  cluster.clock.runFor(240_000)
  expect(cluster.connection.reachable).toBe(true)
  expect(isReady('kube-apiserver')).toBe('True')
})

test('the probes of the control plane travel on the wire, every second for who listens there', () => {
  let frames = 0
  const stopListening = cluster.nodes.get('control-plane')!.network.capture('lo', () => void frames++)
  // one that is well and unheard is asked every half a minute
  cluster.clock.runFor(32_000)
  frames = 0
  cluster.clock.runFor(30_000)
  stopListening()
  expect(frames).toBeGreaterThan(3 * 30 * 8)
})
