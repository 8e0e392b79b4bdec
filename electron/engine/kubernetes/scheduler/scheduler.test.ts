import { describe, expect, test } from 'vitest'
import { SmallCluster } from './small-cluster.samples.ts'

const CONTROL_PLANE = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }]
const three = (): SmallCluster => new SmallCluster().node('control-plane', { taints: CONTROL_PLANE }).node('worker-1', { labels: { disk: 'ssd', cores: '8' } }).node('worker-2', { labels: { disk: 'hdd', cores: '2' } })
const zones = (): SmallCluster => {
  const cluster = new SmallCluster()
  for (const [name, zone] of [['a-1', 'a'], ['a-2', 'a'], ['b-1', 'b']] as const) cluster.node(name, { labels: { 'topology.kubernetes.io/zone': zone } })
  return cluster
}
const required = (...matchExpressions: object[]): object => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } } })
const near = (kind: 'podAffinity' | 'podAntiAffinity', app: string, topologyKey = 'kubernetes.io/hostname', more: object = {}): object => ({
  affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app } }, ...more }] } },
})
const app = (name: string): { labels: object } => ({ labels: { app: name } })

describe('where a Pod may run, and what is said when there is no such node', () => {
  const rows: [string, (c: SmallCluster) => SmallCluster, string][] = [
    ['too much is asked for', (c) => c.pod('x', { requests: { cpu: '100' } }), '0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'],
    ['others have taken it', (c) => c.pod('a', { requests: { cpu: '3' } }).pod('b', { requests: { cpu: '3' } }).pod('x', { requests: { cpu: '2', memory: '9Gi' } }), '0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu, 2 Insufficient memory. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'],
    ['others as important have taken it', (c) => c.pod('a', { requests: { cpu: '3' } }).pod('b', { requests: { cpu: '3' } }).pod('x', { requests: { cpu: '2' } }), '0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.'],
    ['an extended resource', (c) => c.pod('x', { requests: { 'nvidia.com/gpu': '1' }, tolerations: [{ operator: 'Exists' }] }), '0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'],
    ['a nodeSelector', (c) => c.pod('x', { nodeSelector: { disk: 'ssd' } }), 'worker-1'],
    ['a nodeSelector that no node has', (c) => c.pod('x', { nodeSelector: { disk: 'tape' } }), "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."],
    ['Gt', (c) => c.pod('x', required({ key: 'cores', operator: 'Gt', values: ['4'] })), 'worker-1'],
    ['Lt', (c) => c.pod('x', required({ key: 'cores', operator: 'Lt', values: ['4'] })), 'worker-2'],
    ['a field', (c) => c.pod('x', { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['worker-2'] }] }] } } } }), 'worker-2'],
    ['a field and no room', (c) => c.pod('x', { requests: { cpu: '50' }, affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['worker-2'] }] }] } } } }), "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."],
    ['what it prefers', (c) => c.pod('x', { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 50, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['hdd'] }] } }] } } }), 'worker-2'],
    ['a toleration', (c) => c.pod('x', { nodeSelector: { 'kubernetes.io/hostname': 'control-plane' }, tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }] }), 'control-plane'],
    ['a hostPort that is taken', (c) => c.pod('a', { ports: [{ containerPort: 80, hostPort: 80 }] }).pod('b', { ports: [{ containerPort: 80, hostPort: 80 }] }).pod('x', { ports: [{ containerPort: 80, hostPort: 80 }] }), "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't have free ports for the requested pod ports. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."],
    ['a hostPort of other addresses', (c) => c.pod('a', { nodeSelector: { disk: 'ssd' }, ports: [{ containerPort: 80, hostPort: 80, hostIP: '127.0.0.1' }] }).pod('x', { nodeSelector: { disk: 'ssd' }, ports: [{ containerPort: 80, hostPort: 80, hostIP: '172.18.0.3' }] }), 'worker-1'],
    ['the largest init container counts', (c) => c.pod('x', { initContainers: [{ name: 'i', image: 'nginx', resources: { requests: { cpu: '5' } } }] }), '0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'],
    ['sidecars count beside the containers', (c) => c.pod('x', { requests: { cpu: '2500m' }, initContainers: [{ name: 's', image: 'nginx', restartPolicy: 'Always', resources: { requests: { cpu: '2' } } }] }), '0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'],
]
  test.each(rows)('%s', (_, setUp, expected) => expect(setUp(three()).where('x')).toBe(expected))

  test('no nodes at all', () => expect(new SmallCluster().pod('x').where('x')).toBe('no nodes available to schedule pods'))
  test('a cordoned node', () => {
    const cluster = new SmallCluster().node('worker-1', { unschedulable: true })
    expect(cluster.pod('x').where('x')).toBe('0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.')
  })
  test('too many Pods', () => {
    const cluster = new SmallCluster().node('worker-1', { allocatable: { pods: '1' } }).pod('a')
    expect(cluster.where('a')).toBe('worker-1')
    expect(cluster.pod('x').where('x')).toBe('0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.')
  })
})

describe('Pods that want to be near others, or far', () => {
  test('affinity', () => {
    const cluster = zones().pod('db', { nodeSelector: { 'kubernetes.io/hostname': 'a-2' } }, app('db'))
    cluster.where('db')
    expect(cluster.pod('x', near('podAffinity', 'db')).where('x')).toBe('a-2')
    expect(cluster.pod('y', near('podAffinity', 'db', 'topology.kubernetes.io/zone')).where('y')).toMatch(/^a-/)
    expect(cluster.pod('z', near('podAffinity', 'none')).where('z')).toBe("0/3 nodes are available: 3 node(s) didn't match pod affinity rules. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")
  })
  test('the first of its kind may be anywhere', () => {
    const cluster = zones().pod('x', near('podAffinity', 'web', 'topology.kubernetes.io/zone'), app('web'))
    const zone = cluster.where('x')[0]
    for (const name of ['y', 'z']) expect(cluster.pod(name, near('podAffinity', 'web', 'topology.kubernetes.io/zone'), app('web')).where(name)[0]).toBe(zone)
  })
  test('anti-affinity, own and of those that are there', () => {
    const cluster = zones()
    for (const name of ['1', '2', '3']) cluster.pod(name, near('podAntiAffinity', 'web'), app('web'))
    expect(new Set(['1', '2', '3'].map((n) => cluster.where(n))).size).toBe(3)
    expect(cluster.pod('4', near('podAntiAffinity', 'web'), app('web')).where('4')).toBe("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.")
    expect(cluster.pod('5', {}, app('web')).where('5')).toBe("0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.")
    expect(cluster.gone('2').where('4')).toMatch(/^[ab]-/)
  })
  test('namespaces', () => {
    const cluster = zones()
    cluster.api.create('namespaces', undefined, { metadata: { name: 'shop', labels: { team: 'red' } } })
    cluster.pod('db', { nodeSelector: { 'kubernetes.io/hostname': 'b-1' } }, { ...app('db'), namespace: 'shop' })
    cluster.where('db', 'shop')
    expect(cluster.pod('x', near('podAffinity', 'db')).where('x')).toContain("didn't match pod affinity rules")
    expect(cluster.pod('y', near('podAffinity', 'db', undefined, { namespaces: ['shop'] })).where('y')).toBe('b-1')
    expect(cluster.pod('z', near('podAffinity', 'db', undefined, { namespaceSelector: { matchLabels: { team: 'red' } } })).where('z')).toBe('b-1')
    expect(cluster.pod('w', near('podAffinity', 'db', undefined, { namespaceSelector: {} })).where('w')).toBe('b-1')
  })
  test('only of the own revision', () => {
    const cluster = zones()
    const revision = (v: string): { labels: object } => ({ labels: { app: 'web', v } })
    for (const name of ['1', '2', '3']) cluster.pod(name, near('podAntiAffinity', 'web', undefined, { matchLabelKeys: ['v'] }), revision('old'))
    expect(cluster.where('3')).toMatch(/^[ab]-/)
    expect(cluster.pod('4', near('podAntiAffinity', 'web', undefined, { matchLabelKeys: ['v'] }), revision('new')).where('4')).toMatch(/^[ab]-/)
    expect(cluster.get('4').spec.affinity!.podAntiAffinity!.requiredDuringSchedulingIgnoredDuringExecution![0]!.labelSelector!.matchExpressions).toEqual([{ key: 'v', operator: 'In', values: ['new'] }])
  })
  test('preferences, also of those that are there', () => {
    const cluster = zones()
    const prefers = (kind: string, to: string): object => ({ affinity: { [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: to } } } }] } } })
    cluster.pod('db', { nodeSelector: { 'kubernetes.io/hostname': 'b-1' }, ...prefers('podAffinity', 'friend') }, app('db'))
    cluster.where('db')
    expect(cluster.pod('x', prefers('podAffinity', 'db')).where('x')).toBe('b-1')
    expect(cluster.pod('y', {}, app('friend')).where('y')).toBe('b-1')
    expect(cluster.pod('z', prefers('podAntiAffinity', 'db')).where('z')).toMatch(/^a-/)
  })
})

describe('Pods that are to be spread', () => {
  const spread = (more: object = {}): object => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web' } }, ...more }],
  })
  const placedIn = (cluster: SmallCluster, names: string[]): string => names.map((n) => cluster.where(n)[0]).sort().join('')
  const names = ['1', '2', '3', '4']

  test('over zones', () => {
    const cluster = zones()
    for (const name of names) cluster.pod(name, spread(), app('web'))
    expect(placedIn(cluster, names)).toBe('aabb')
  })
  test('a full zone', () => {
    const cluster = zones()
    cluster.api.patch('nodes', undefined, 'b-1', 'application/merge-patch+json', { spec: { unschedulable: true } })
    cluster.pod('1', spread(), app('web')).where('1')
    expect(cluster.pod('2', spread(), app('web')).where('2')).toBe("0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.")
  })
  test('fewer domains than minDomains', () => {
    const cluster = zones()
    for (const name of ['1', '2']) cluster.pod(name, spread({ minDomains: 3 }), app('web'))
    expect(placedIn(cluster, ['1', '2'])).toBe('ab')
    expect(cluster.pod('3', spread({ minDomains: 3 }), app('web')).where('3')).toContain("3 node(s) didn't match pod topology spread constraints.")
  })
  test('a node without the label', () => {
    const cluster = new SmallCluster().node('bare')
    expect(cluster.pod('1', spread(), app('web')).where('1')).toBe("0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label). preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.")
  })
  test('matchLabelKeys: another revision does not count', () => {
    const cluster = zones()
    const revision = (v: string): { labels: object } => ({ labels: { app: 'web', v } })
    for (const name of ['1', '2']) cluster.pod(name, { nodeSelector: { 'topology.kubernetes.io/zone': 'a' } }, revision('old'))
    cluster.where('2')
    for (const name of ['3', '4']) cluster.pod(name, spread({ matchLabelKeys: ['v'] }), revision('new'))
    expect(placedIn(cluster, ['3', '4'])).toBe('ab')
  })
  test('the Pods of a ReplicaSet, without being asked', () => {
    const cluster = zones()
    cluster.api.create('replicasets', 'default', { metadata: { name: 'web', uid: 'u' }, spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template: { metadata: app('web'), spec: { containers: [{ name: 'c', image: 'nginx' }] } } } })
    const { uid } = cluster.api.get('replicasets', 'default', 'web').metadata
    for (const name of ['1', '2', '3']) cluster.pod(name, {}, { ...app('web'), ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid, controller: true }] } as object)
    expect(new Set(['1', '2', '3'].map((n) => cluster.where(n))).size).toBe(3)
  })
})

describe('what is more important', () => {
  const high = { priorityClassName: 'system-cluster-critical' }

  test('comes first', () => {
    const cluster = new SmallCluster().pod('low', { requests: { cpu: '3' } }).pod('high', { requests: { cpu: '3' }, ...high }, { namespace: 'kube-system' })
    cluster.node('worker-1')
    expect(cluster.where('high', 'kube-system')).toBe('worker-1')
    expect(cluster.where('low')).toContain('Insufficient cpu')
  })

  test('takes the place of what is less so', () => {
    const cluster = new SmallCluster().node('worker-1').node('worker-2')
    for (const [name, cpu] of [['large', '3'], ['other', '4'], ['small', '1']] as const) expect(cluster.pod(name, { requests: { cpu } }).where(name)).toMatch(/^worker-/)
    cluster.pod('high', { requests: { cpu: '3' }, ...high }, { namespace: 'kube-system' })
    expect(cluster.where('high', 'kube-system')).toBe('0/2 nodes are available: 2 Insufficient cpu.')
    const victim = cluster.pods().find((p) => p.metadata.deletionTimestamp)!
    const high1 = cluster.get('high', 'kube-system')
    expect(high1.status.nominatedNodeName).toBe(victim.spec.nodeName)
    expect(victim.status.conditions!.find((c) => c.type === 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'PreemptionByScheduler', message: 'default-scheduler: preempting to accommodate a higher priority pod' })
    expect(cluster.events(victim.metadata.name).find((e) => e.reason === 'Preempted')).toMatchObject({ type: 'Normal', action: 'Preempting', message: `Preempted by pod ${high1.metadata.uid} on node ${victim.spec.nodeName}` })
    // nobody who is less important takes the place that becomes free
    cluster.pod('thief', { requests: { cpu: '2' } }).gone(victim.metadata.name)
    expect(cluster.where('high', 'kube-system')).toBe(victim.spec.nodeName)
    expect(cluster.where('thief')).toContain('2 Insufficient cpu')
  })
})

describe('Pods that wait', () => {
  test('for their gates: nothing is said of them', () => {
    const cluster = new SmallCluster().node('worker-1').pod('x', { schedulingGates: [{ name: 'example.com/wait' }] })
    expect(cluster.where('x')).toBe('nothing')
    expect(cluster.get('x').status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates' }])
    cluster.api.patch('pods', 'default', 'x', 'application/merge-patch+json', { spec: { schedulingGates: null } })
    expect(cluster.where('x')).toBe('worker-1')
  })
  test('are tried again when a node comes that they could run on, after their back-off', () => {
    const cluster = new SmallCluster().node('worker-1').pod('x', { nodeSelector: { disk: 'ssd' } })
    cluster.where('x')
    cluster.node('worker-2')
    cluster.clock.runFor(20_000)
    expect(cluster.events('x')).toHaveLength(1)
    expect(cluster.events('x')[0]!.series).toBeUndefined()
    cluster.node('worker-3', { labels: { disk: 'ssd' } })
    expect(cluster.where('x')).toBe('worker-3')
  })
  test('and after five minutes in any case: the event is counted up', () => {
    const cluster = new SmallCluster().node('worker-1').pod('x', { nodeSelector: { disk: 'ssd' } })
    cluster.clock.runFor(330_000 + 1_000)
    expect(cluster.events('x')).toHaveLength(1)
    expect(cluster.events('x')[0]!.series?.count).toBe(2)
  })
})
