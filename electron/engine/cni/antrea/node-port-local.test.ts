import { beforeAll, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster, type Pod, type Service } from '../../cluster.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { NPL, NPL_ENABLED } from './node-port-local.ts'

/** NodePortLocal, as docs/node-port-local.md has it: ports of nodes for ports of Pods, proven by packets from outside. */
let cluster: Cluster

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: { plugin: 'antrea', nodePortLocal: true } }))
  cluster.settle()
  for (const [name, node] of [['one', 'worker-1'], ['two', 'worker-1'], ['three', 'worker-2']] as const) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'web' } }, spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'nginx:1.27.5', ports: [{ name: 'web', containerPort: 80 }] }] } } as unknown as KubeObject)
  }
  settle()
})

function settle(): void {
  cluster.settle()
  cluster.clock.runFor(500)
}
function service(name: string, spec: object, annotations: Record<string, string> = { [NPL_ENABLED]: 'true' }): void {
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name, annotations }, spec: { selector: { app: 'web' }, ports: [{ port: 8080, targetPort: 80 }], ...spec } } as unknown as KubeObject)
  settle()
}
function remove(resource: string, name: string): void {
  cluster.client.delete(resource, 'default', name)
  settle()
}
const pod = (name: string): Pod => cluster.client.get<Pod>('pods', 'default', name)
const annotation = (name: string): unknown => {
  const text = pod(name).metadata.annotations?.[NPL]
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}
function connect(address: string, port: number, from = cluster.external.network): Journey {
  const connection = from.sockets.connect({ address, port }, {})
  cluster.clock.runFor(500)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}
const rules = (node: string): string[] => cluster.nodes.get(node)!.network.netfilter.save('nat').split('\n').filter((line) => line.includes('-A ANTREA-NODE-PORT-LOCAL'))
const npl = (podPort: number, node: string, nodePort: number, protocol = 'tcp'): object => ({ podPort, nodeIP: node === 'worker-1' ? '172.18.0.3' : '172.18.0.4', nodePort, protocol })

it('Pods of an annotated Service have a port of their node, by which they are reached from outside and from the node', () => {
  service('web', {})
  expect(['one', 'two', 'three'].map(annotation)).toEqual([[npl(80, 'worker-1', 61_000)], [npl(80, 'worker-1', 61_001)], [npl(80, 'worker-2', 61_000)]])
  for (const [name, node, ip, port] of [['one', 'worker-1', '172.18.0.3', 61_000], ['two', 'worker-1', '172.18.0.3', 61_001], ['three', 'worker-2', '172.18.0.4', 61_000]] as const) {
    const to = `${pod(name).status.podIP!}:80`
    expect(connect(ip, port)).toMatchObject({ verdict: 'delivered', finalDestination: to })
    expect(connect(ip, port, cluster.nodes.get(node)!.network)).toMatchObject({ verdict: 'delivered', finalDestination: to })
  }
  expect(connect('172.18.0.3', 61_001).hops.find((h) => h.stage === 'dnat')!.decidedBy!.text).toBe('-A PREROUTING -m addrtype --dst-type LOCAL -j ANTREA-NODE-PORT-LOCAL')
  expect(connect('172.18.0.3', 61_002).verdict).toBe('refused')
})

it('more ports and protocols get more; Services of type NodePort and SCTP none', () => {
  service('dns', { ports: [{ name: 'u', port: 53, protocol: 'UDP', targetPort: 53 }, { name: 's', port: 54, protocol: 'SCTP', targetPort: 54 }, { name: 'w', port: 81, targetPort: 'web' }] })
  expect(annotation('three')).toEqual([npl(80, 'worker-2', 61_000), npl(53, 'worker-2', 61_001, 'udp')])
  service('out', { type: 'NodePort', ports: [{ port: 90, targetPort: 9090 }] })
  expect(annotation('three')).toHaveLength(2)
  remove('services', 'out')
  remove('services', 'dns')
  expect(annotation('three')).toEqual([npl(80, 'worker-2', 61_000)])
})

it('a Pod that is gone gives its port back, one that a label takes out as well', () => {
  remove('pods', 'one')
  expect(rules('worker-1')).toEqual([`-A ANTREA-NODE-PORT-LOCAL -p tcp -m tcp --dport 61001 -j DNAT --to-destination ${pod('two').status.podIP!}:80`])
  expect(connect('172.18.0.3', 61_000).verdict).toBe('refused')
  cluster.client.patch('pods', 'default', 'two', 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } })
  settle()
  expect([annotation('two'), rules('worker-1')]).toEqual([undefined, []])
  cluster.client.patch('pods', 'default', 'two', 'application/merge-patch+json', { metadata: { labels: { app: 'web' } } })
  settle()
  expect(annotation('two')).toEqual([npl(80, 'worker-1', 61_004)])
})

it('a Pod that has another address, for its node was down, is reached by it', () => {
  const before = pod('three').status.podIP
  cluster.faults.apply(['node-reboot', 'worker-2'])
  cluster.clock.runFor(90_000)
  settle()
  const { podIP } = pod('three').status
  expect(podIP).not.toBe(before)
  const [{ nodePort }] = annotation('three') as [{ nodePort: number }]
  expect(rules('worker-2')).toEqual([`-A ANTREA-NODE-PORT-LOCAL -p tcp -m tcp --dport ${nodePort} -j DNAT --to-destination ${podIP}:80`])
  expect(connect('172.18.0.4', nodePort)).toMatchObject({ verdict: 'delivered', finalDestination: `${podIP}:80` })
})

it('an agent that starts again keeps what the annotations say, and what users write into them goes', () => {
  const agents = cluster.client.list('pods', { namespace: 'kube-system', labelSelector: 'component=antrea-agent' }).items
  for (const { metadata } of agents) cluster.client.delete('pods', 'kube-system', metadata.name)
  cluster.clock.runFor(60_000)
  settle()
  expect(annotation('two')).toEqual([npl(80, 'worker-1', 61_004)])
  expect(connect('172.18.0.3', 61_004)).toMatchObject({ verdict: 'delivered', finalDestination: `${pod('two').status.podIP!}:80` })
  expect(rules('worker-1')).toHaveLength(1)
  cluster.client.patch('pods', 'default', 'two', 'application/merge-patch+json', { metadata: { annotations: { [NPL]: '[]' } } })
  settle()
  expect(annotation('two')).toEqual([npl(80, 'worker-1', 61_004)])
  cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { metadata: { annotations: { [NPL_ENABLED]: null } } })
  settle()
  expect(['two', 'three'].map(annotation)).toEqual([undefined, undefined])
  expect(connect('172.18.0.3', 61_004).verdict).toBe('refused')
  expect(cluster.client.get<Service>('services', 'default', 'web').metadata.annotations ?? {}).toEqual({})
})

it('is off unless antrea-agent.conf says otherwise, whose other words are not taken silently', () => {
  const plain = createCluster(parseClusterConfig({ cni: 'antrea', nodes: 2 }))
  plain.settle()
  const set = (conf: string): string => {
    plain.client.patch('configmaps', 'kube-system', 'antrea-config', 'application/merge-patch+json', { data: { 'antrea-agent.conf': conf } })
    const name = (): string => plain.client.list('pods', { namespace: 'kube-system', labelSelector: 'component=antrea-agent', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!.metadata.name
    plain.client.delete('pods', 'kube-system', name())
    plain.clock.runFor(40_000)
    plain.settle()
    return JSON.stringify(plain.client.get<Pod>('pods', 'kube-system', name()).status.containerStatuses?.find((c) => c.name === 'antrea-agent')?.lastState ?? {})
  }
  const nat = (): string => plain.nodes.get('worker-1')!.network.netfilter.save('nat')
  const { data } = plain.client.get<KubeObject & { data: Record<string, string> }>('configmaps', 'kube-system', 'antrea-config')
  expect(nat()).not.toContain('NODE-PORT-LOCAL')
  set(data['antrea-agent.conf']!.replace('  enable: false\n  portRange: "61000-62000"', '  enable: true\n  portRange: 62000-62003'))
  expect(nat()).toContain('-A PREROUTING -m addrtype --dst-type LOCAL -j ANTREA-NODE-PORT-LOCAL')
  expect(set(data['antrea-agent.conf']!.replace('noSNAT: false', 'noSNAT: true'))).toContain('"exitCode":69')
})
