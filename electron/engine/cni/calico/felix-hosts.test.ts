import { describe, expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig, type Service } from '../../cluster.ts'
import { formatConntrack } from '../../network/netfilter/conntrack/format.ts'
import { felixSettings } from './felix-config.ts'
import { governing, type HostEndpoint } from './felix-hosts.ts'

/** Calico's policies of hosts, as its documentation teaches them (network-policy/hosts): the tutorials, by packets. */
const API = 'crd.projectcalico.org/v1'
const KUBELET = { order: 0, selector: "role == 'worker'", ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [10250] } }], egress: [{ action: 'Allow' }] }

interface World { cluster: SimulatedCluster; node: string; port: number; make(kind: string, name: string, spec: object, labels?: Record<string, string>): void; verdict(address: string, port: number, from?: SimulatedCluster['laptop']['network']): string; text: string }

function world(config: object = {}): World {
  const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes: 2, ...config })) as SimulatedCluster
  cluster.settle()
  const { client } = cluster
  const container = { name: 'main', image: 'nginx' }
  client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } }, spec: { nodeName: 'worker-1', containers: [container] } })
  client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'host' }, spec: { nodeName: 'worker-1', hostNetwork: true, containers: [container] } })
  client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }] } })
  cluster.settle()
  const self: World = {
    cluster, text: '', node: '172.18.0.3', port: client.get<Service>('services', 'default', 'web').spec.ports![0]!.nodePort!,
    make(kind, name, spec, labels = {}) {
      client.create(`${kind.toLowerCase().replace(/y$/, 'ie')}s.crd.projectcalico.org`, undefined, { apiVersion: API, kind, metadata: { name, labels }, spec })
      cluster.settle()
    },
    verdict(address, port, from = cluster.laptop.network) {
      const connection = from.sockets.connect({ address, port }, {})
      cluster.clock.runFor(4_000)
      const { verdict, hops } = connection.journey!
      self.text = hops.at(-1)!.text
      connection.abort()
      cluster.settle()
      return verdict
    },
  }
  return self
}

describe.each(['iptables', 'ipvs'])('a HostEndpoint, kube-proxy in mode %s', (proxyMode) => {
  test('shuts its interface but for failsafe ports and what only passes through; policies open it', () => {
    const w = world({ proxyMode })
    expect([w.verdict(w.node, 80), w.verdict(w.node, w.port)]).toEqual(['delivered', 'delivered'])
    w.make('HostEndpoint', 'worker-1-eth0', { node: 'worker-1', interfaceName: 'eth0' }, { role: 'worker' })
    expect(w.verdict(w.node, 80)).toBe('dropped')
    expect(w.text).toContain('No policy selects the HostEndpoint worker-1-eth0, and it has no profile that allows the packet.')
    expect(w.verdict(w.node, 22)).toBe('delivered')
    expect([w.verdict(w.node, w.port), w.verdict('172.18.0.2', 10250)]).toEqual(['delivered', 'delivered'])
    // nor may the node speak to whom no policy names
    const node = w.cluster.nodes.get('worker-1')!.network
    expect([w.verdict('172.18.0.2', 6443, node), w.verdict('172.18.0.2', 10250, node)]).toEqual(['delivered', 'dropped'])
    w.make('GlobalNetworkPolicy', 'default.kubelet', KUBELET)
    expect([w.verdict(w.node, 80), w.verdict(w.node, 10250), w.verdict('172.18.0.2', 10250, node)]).toEqual(['dropped', 'delivered', 'delivered'])
    expect(w.text).not.toContain('No policy')
    w.cluster.client.delete('hostendpoints.crd.projectcalico.org', undefined, 'worker-1-eth0')
    w.cluster.settle()
    expect(w.verdict(w.node, 80)).toBe('delivered')
    expect(w.cluster.nodes.get('worker-1')!.network.netfilter.save()).not.toMatch(/cali-(fh|th|failsafe)/)
  })

  test('with applyOnForward, a policy is asked of what passes through, too', () => {
    const w = world({ proxyMode })
    w.make('HostEndpoint', 'worker-1-eth0', { node: 'worker-1', interfaceName: 'eth0', profiles: ['projectcalico-default-allow'] }, { role: 'worker' })
    expect([w.verdict(w.node, 80), w.verdict(w.node, w.port)]).toEqual(['delivered', 'delivered'])
    w.make('GlobalNetworkPolicy', 'default.local-only', { ...KUBELET, applyOnForward: true, egress: undefined })
    expect(w.verdict(w.node, w.port)).toBe('dropped')
    expect(w.text).toContain('default.local-only selects the HostEndpoint worker-1-eth0, and no rule of it allows the packet.')
  })
})

test('preDNAT denies node ports by the number that the client asked for; from where a rule allows them they are open', () => {
  const w = world()
  w.make('HostEndpoint', 'worker-1-eth0', { node: 'worker-1', interfaceName: 'eth0', profiles: ['projectcalico-default-allow'] }, { 'host-endpoint': 'ingress' })
  const ports = { destination: { ports: ['30000:32767'] }, protocol: 'TCP' }
  w.make('GlobalNetworkPolicy', 'default.deny-nodeports', { applyOnForward: true, preDNAT: true, order: 20, types: ['Ingress'], selector: 'has(host-endpoint)', ingress: [{ action: 'Deny', ...ports }] })
  expect(w.verdict(w.node, w.port)).toBe('dropped')
  expect(w.text).toContain('A rule of the policy default.deny-nodeports denies it.')
  expect([w.verdict(w.node, 80), w.verdict('172.18.0.2', w.port)]).toEqual(['delivered', 'delivered'])
  w.make('GlobalNetworkPolicy', 'default.allow-laptop', { applyOnForward: true, preDNAT: true, order: 10, types: ['Ingress'], selector: 'has(host-endpoint)', ingress: [{ action: 'Allow', ...ports, source: { nets: ['192.0.2.0/24'] } }] })
  expect(w.verdict(w.node, w.port)).toBe('delivered')
})

test('doNotTrack lets packets by without conntrack, both ways by rules of their own', () => {
  const w = world()
  w.make('HostEndpoint', 'worker-1-eth0', { node: 'worker-1', expectedIPs: ['172.18.0.3'] }, { role: 'worker' })
  w.make('GlobalNetworkPolicy', 'default.fast', { order: 10, selector: "role == 'worker'", doNotTrack: true, applyOnForward: true, ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80] } }], egress: [{ action: 'Allow', protocol: 'TCP', source: { ports: [80] } }] })
  expect([w.verdict(w.node, 80), w.verdict(w.node, 10250)]).toEqual(['delivered', 'dropped'])
  expect(w.cluster.nodes.get('worker-1')!.network.netfilter.conntrack.list().map((entry) => formatConntrack(entry, w.cluster.clock.now)).filter((row) => row.includes('dport=80 '))).toEqual([])
})

test('automatic HostEndpoints: each node has one for all interfaces that lets everything through, until policies select it', () => {
  const w = world()
  const { client } = w.cluster
  const auto = (autoCreate: string): unknown => client.patch('kubecontrollersconfigurations.crd.projectcalico.org', undefined, 'default', 'application/merge-patch+json', { spec: { controllers: { node: { hostEndpoint: { autoCreate } } } } })
  const names = (): string[] => client.list<HostEndpoint>('hostendpoints.crd.projectcalico.org').items.map((h) => h.metadata.name)
  auto('Enabled')
  w.cluster.settle()
  expect(names()).toEqual(['control-plane-auto-hep', 'worker-1-auto-hep'])
  expect(client.get<HostEndpoint>('hostendpoints.crd.projectcalico.org', undefined, 'worker-1-auto-hep')).toMatchObject({ metadata: { labels: { 'kubernetes.io/hostname': 'worker-1', 'projectcalico.org/created-by': 'calico-kube-controllers' } }, spec: { interfaceName: '*', node: 'worker-1', profiles: ['projectcalico-default-allow'] } })
  expect([w.verdict(w.node, 80), w.verdict(w.node, w.port)]).toEqual(['delivered', 'delivered'])
  // a label of the Node is the endpoint's, too
  client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { metadata: { labels: { role: 'worker' } } })
  w.make('GlobalNetworkPolicy', 'default.kubelet', KUBELET)
  expect([w.verdict(w.node, 80), w.verdict(w.node, w.port), w.verdict('172.18.0.2', 10250)]).toEqual(['dropped', 'delivered', 'delivered'])
  client.delete('hostendpoints.crd.projectcalico.org', undefined, 'worker-1-auto-hep')
  w.cluster.settle()
  expect(names()).toContain('worker-1-auto-hep')
  auto('Disabled')
  w.cluster.settle()
  expect([names(), w.verdict(w.node, 80)]).toEqual([[], 'delivered'])
})

test('the first by name that says the interface or expects one of its addresses governs it; Pods\' are left alone', () => {
  const endpoint = (name: string, spec: object): HostEndpoint => ({ apiVersion: API, kind: 'HostEndpoint', metadata: { name }, spec: { node: 'a', ...spec } }) as HostEndpoint
  const devices = [{ name: 'eth0', addresses: [{ address: '10.0.0.1' }] }, { name: 'eth1', addresses: [] }, { name: 'cali12345678901', addresses: [] }]
  const found = governing([endpoint('c', { interfaceName: 'eth0' }), endpoint('b', { expectedIPs: ['10.0.0.1'] }), endpoint('a', { interfaceName: 'eth1', expectedIPs: ['10.0.0.1'] }), endpoint('z', { interfaceName: '*' })], devices)
  expect([...found].map(([device, e]) => `${device} ${e.metadata.name}`)).toEqual(['eth0 b', 'eth1 a', 'any-interface-at-all z'])
})

test('Felix hears its environment before FelixConfigurations, a node\'s before the default', () => {
  const configuration = (spec: object): never => ({ spec }) as never
  expect(felixSettings(new Map(), [])).toMatchObject({ endpointToHost: 'DROP', logPrefix: 'calico-packet' })
  expect(felixSettings(new Map([['FELIX_DEFAULTENDPOINTTOHOSTACTION', 'ACCEPT'], ['FELIX_FAILSAFEOUTBOUNDHOSTPORTS', 'none'], ['FELIX_FAILSAFEINBOUNDHOSTPORTS', 'tcp:22,udp:10.0.0.0/8:53,443']]), [configuration({ defaultEndpointToHostAction: 'Drop', logPrefix: 'one' }), configuration({ logPrefix: 'two' })])).toEqual({
    endpointToHost: 'ACCEPT', logPrefix: 'two', failsafes: { ingress: [{ protocol: 'tcp', port: 22 }, { protocol: 'udp', port: 53, net: '10.0.0.0/8' }, { protocol: 'tcp', port: 443 }], egress: [] },
  })
})

test('a FelixConfiguration without failsafe ports leaves nothing open', () => {
  const w = world()
  w.make('HostEndpoint', 'worker-1-eth0', { node: 'worker-1', interfaceName: 'eth0' })
  expect(w.verdict(w.node, 22)).toBe('delivered')
  w.cluster.client.patch('felixconfigurations.crd.projectcalico.org', undefined, 'default', 'application/merge-patch+json', { spec: { failsafeInboundHostPorts: [] } })
  w.cluster.clock.runFor(1_000)
  expect(w.verdict(w.node, 22)).toBe('dropped')
})
