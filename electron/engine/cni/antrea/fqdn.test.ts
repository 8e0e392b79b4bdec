import { beforeAll, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster } from '../../cluster.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { agentOf } from './agent.ts'
import { antctl } from './commands/antctl.ts'
import { CLUSTER_POLICIES } from './crds.ts'
import { datapathOf } from './datapath.ts'
import { fqdnMatches } from './fqdn.ts'

/** Names in rules of Antrea's own policies (docs/antrea-network-policy.md, "FQDN based filtering"), by packets. */
let cluster: Cluster
const addresses = new Map<string, string>()

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'antrea' }))
  cluster.settle()
  for (const [name, node] of [['client', 'worker-1'], ['other', 'worker-1']] as const) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName: node, containers: [{ name: 'main', image: 'busybox:1.36', command: ['sleep', '3600'] }] } } as unknown as KubeObject)
  }
  cluster.settle()
  for (const name of ['example.com', 'www.example.com']) addresses.set(name, resolve('other', name))
})

/** nslookup in the Pod: the address that it is told; '' for none. */
function resolve(pod: string, name: string, told?: () => void): string {
  let out = ''
  const dns = cluster.client.get<KubeObject & { spec: { clusterIP: string } }>('services', 'kube-system', 'kube-dns').spec.clusterIP
  const socket = cluster.podNetwork('default', pod)!.sockets.udp({})
  socket.onDatagram = ({ data }) => {
    out = [...data.slice(-4)].join('.')
    told?.()
  }
  const labels = name.split('.').flatMap((label) => [label.length, ...[...label].map((c) => c.charCodeAt(0))])
  socket.send(new Uint8Array([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]), dns, 53)
  cluster.clock.runFor(500)
  socket.close()
  return out
}
function connect(pod: string, address: string): Journey {
  const connection = cluster.podNetwork('default', pod)!.sockets.connect({ address, port: 80 }, {})
  cluster.clock.runFor(500)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}
const verdict = (pod: string, name: string): string => connect(pod, addresses.get(name)!).verdict
function policy(name: string, priority: number, egress: object[]): void {
  cluster.client.create(CLUSTER_POLICIES, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'ClusterNetworkPolicy', metadata: { name }, spec: { priority, appliedTo: [{ podSelector: { matchLabels: { app: 'client' } } }], egress } } as unknown as KubeObject)
  cluster.settle()
  cluster.clock.runFor(500)
}
function remove(name: string): void {
  cluster.client.delete(CLUSTER_POLICIES, undefined, name)
  cluster.settle()
  cluster.clock.runFor(500)
}
const dns = { action: 'Allow', to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }], ports: [{ protocol: 'UDP', port: 53 }] }

/** antctl in the agent of worker-1. */
function told(line: string): string {
  const datapath = datapathOf(cluster.nodes.get('worker-1')!.network)!
  return antctl({ process: { clock: cluster.clock, env: new Map() } as never, datapath, agent: agentOf(datapath.context.network) }, line.split(' ')) as string
}

it('a pattern lets a Pod connect once it has been told an address, and to no other; others are not concerned', () => {
  expect(addresses.get('www.example.com')).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  policy('sites', 1, [dns, { action: 'Allow', to: [{ fqdn: '*.example.com' }], ports: [{ protocol: 'TCP', port: 80 }] }, { action: 'Drop' }])
  expect(verdict('client', 'www.example.com')).toBe('dropped')
  // what another Pod is told is not looked at
  resolve('other', 'www.example.com')
  expect(verdict('client', 'www.example.com')).toBe('dropped')
  expect(resolve('client', 'www.example.com')).toBe(addresses.get('www.example.com'))
  const allowed = connect('client', addresses.get('www.example.com')!)
  expect(allowed.verdict).toBe('delivered')
  expect(verdict('other', 'example.com')).toBe('delivered')
  const flows = [...datapathOf(cluster.nodes.get('worker-1')!.network)!.bridge.dump()].map(({ flow }) => `${flow.table} ${flow.priority} ${flow.match}`)
  expect(flows).toContain('AntreaPolicyIngressRule 64991 ct_state=+rpl+trk,udp,tp_src=53')
  expect(flows.some((flow) => flow.startsWith('AntreaPolicyIngressRule 64991 reg1='))).toBe(true)
  remove('sites')
  expect(verdict('client', 'www.example.com')).toBe('delivered')
})

it('an answer is held up until its address may be reached: who connects at once gets through', () => {
  policy('sites', 1, [dns, { action: 'Allow', to: [{ fqdn: '*.example.com' }] }, { action: 'Drop' }])
  const { sockets } = cluster.podNetwork('default', 'client')!
  let journey: Journey | undefined
  resolve('client', 'www.example.com', () => {
    const connection = sockets.connect({ address: addresses.get('www.example.com')!, port: 80 }, {})
    cluster.clock.schedule(200, () => ((journey = connection.journey), connection.abort()))
  })
  expect(journey!.verdict).toBe('delivered')
  remove('sites')
})

it('the agent asks for an exact name itself, and forgets it with the last rule', () => {
  policy('one', 1, [{ action: 'Drop', to: [{ fqdn: 'Example.com' }] }])
  expect(verdict('client', 'example.com')).toBe('dropped')
  expect(connect('client', addresses.get('example.com')!).hops.at(-1)!.policies).toEqual(['AntreaClusterNetworkPolicy:one'])
  remove('one')
  expect(verdict('client', 'example.com')).toBe('delivered')
})

it('addresses go when their time is over and DNS tells others', () => {
  const corefile = cluster.client.get<KubeObject & { data: Record<string, string> }>('configmaps', 'kube-system', 'coredns').data['Corefile']!
  const hosts = (ip: string): void => {
    cluster.client.patch('configmaps', 'kube-system', 'coredns', 'application/merge-patch+json', { data: { Corefile: corefile.replace('ready', `ready\n    hosts {\n        ${ip} moved.test\n        ttl 5\n        fallthrough\n    }`) } })
    cluster.clock.runFor(180_000)
  }
  hosts('192.0.2.53')
  policy('moved', 1, [dns, { action: 'Allow', to: [{ fqdn: 'moved.test' }] }, { action: 'Drop' }])
  expect(connect('client', '192.0.2.53').verdict).toBe('delivered')
  expect(told('get fqdncache')).toMatch(/^FQDN +ADDRESS +EXPIRATION TIME +\nmoved\.test 192\.0\.2\.53 2026-01-05 \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC *\n$/)
  expect(told('get fqdncache -d *.test -o json')).toContain('"fqdnName": "moved.test"')
  expect(told('get fqdncache -d other.test')).toBe('\n')
  hosts('192.0.2.99')
  expect(connect('client', '192.0.2.53').verdict).toBe('dropped')
  cluster.client.patch('configmaps', 'kube-system', 'coredns', 'application/merge-patch+json', { data: { Corefile: corefile } })
  remove('moved')
})

it.each([
  ['*foobar.com', 'foobar.com', true], ['*foobar.com', 'test.uswest.foobar.com', true], ['*.foobar.com', 'foobar.com', false], ['foobar.com', 'www.foobar.com', false], ['FooBar.com', 'foobar.com', true], ['*.a.c', 'x.abc', false],
])('the pattern %s and the name %s', (pattern, name, expected) => expect(fqdnMatches(pattern, name)).toBe(expected))
