import { readFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import { Undecided } from '../../kubernetes/client.ts'
import type { Event, KubeObject, Service } from '../../kubernetes/types.ts'
import { CallbackFile } from '../../machine/files.ts'
import { formatRoute } from '../../network/format.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'

/** MetalLB in BGP mode with the router outside as its peer: metallb.io's "MetalLB in BGP mode" and "Advanced BGP configuration". */
const MANIFEST = readFileSync(new URL('../../../../assets/manifests/metallb-native.yaml', import.meta.url), 'utf8')
const NAMESPACE = 'metallb-system'
let cluster: SimulatedCluster

function write(action: () => unknown): void {
  for (let decided = false; !decided; ) {
    try {
      action()
      decided = true
    } catch (error) {
      // the webhook is asked by packets
      if (!(error instanceof Undecided)) throw error
      cluster.clock.runFor(100)
    }
  }
  cluster.clock.runFor(2_000)
}
function apply(resource: string, kind: string, name: string, spec: object, version = 'v1beta1'): void {
  const object = { apiVersion: `metallb.io/${version}`, kind, metadata: { name, namespace: NAMESPACE }, spec } as unknown as KubeObject
  write(() => cluster.client.create(`${resource}.metallb.io`, NAMESPACE, object))
}
const patch = (resource: string, name: string, spec: object): void => write(() => cluster.client.patch(`${resource}.metallb.io`, NAMESPACE, name, 'application/merge-patch+json', { spec }))

function run(machine: SimulatedCluster['router'], ...argv: string[]): string {
  let text = ''
  const file = (): CallbackFile => new CallbackFile(cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
  machine.start({ argv, program: cluster.programs.find(argv[0]!)!, files: new Map([[1, file()], [2, file()]]) })
  cluster.clock.runFor(500)
  return text
}
const vtysh = (...commands: string[]): string => run(cluster.router, 'vtysh', ...commands.flatMap((c) => ['-c', c]))
const routes = (): string[] => cluster.router.network.routes.list('main').filter((r) => r.protocol === 'bgp').map((r) => formatRoute(r).replace(/ *\n\t/g, ', '))
const events = (): string[] => cluster.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.involvedObject.kind === 'Service').map((e) => `${e.reason}: ${e.message}`).sort()
const statuses = (): string[] => cluster.client.list<KubeObject & { status?: { node: string; peers: string[] } }>('servicebgpstatuses.metallb.io', { namespace: NAMESPACE }).items.map((s) => `${s.status!.node} ${s.status!.peers.join()}`).sort()

function log(node: string): string[] {
  const pod = cluster.client.list('pods', { namespace: NAMESPACE, labelSelector: 'component=speaker', fieldSelector: `spec.nodeName=${node}` }).items[0]!
  const lines: string[] = []
  cluster.client.logs(NAMESPACE, pod.metadata.name, { container: 'speaker' }, { onLine: (line) => void lines.push(line), onEnd: () => undefined })
  cluster.clock.runFor(10)
  return lines.map((line) => {
    const { event, op, error, reason, peer } = JSON.parse(line) as Record<string, string>
    return [event ?? op, error, reason, peer].filter((t) => t !== undefined).join(' | ')
  })
}

function metrics(node: string): string {
  let text = ''
  const connection = cluster.nodes.get(node)!.network.sockets.connect({ address: '127.0.0.1', port: 7472 }, { onConnect: () => connection.send(encodeUtf8('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')), onData: (bytes) => void (text += decodeUtf8(bytes)) })
  cluster.clock.runFor(500)
  return text
}

function connect(ip: string): Journey {
  const connection = cluster.laptop.network.sockets.connect({ address: ip, port: 80 }, {})
  cluster.clock.runFor(500)
  connection.abort()
  cluster.clock.runFor(50)
  return connection.journey!
}

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 3 })) as SimulatedCluster
  cluster.settle()
  for (const document of parseAllDocuments(MANIFEST)) {
    const object = document.toJS() as KubeObject
    cluster.client.create(cluster.client.findResource(object.kind)!.name, object.metadata.namespace, object)
  }
  cluster.clock.runFor(30_000)
  for (const [name, node] of [['web-1', 'worker-1'], ['web-2', 'worker-2']] as const) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'web', name } }, spec: { nodeName: node, containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  }
  cluster.settle()
})

it('a peer that nobody is refuses the connection; when the router knows its neighbours, the sessions come up', () => {
  apply('bgppeers', 'BGPPeer', 'sample', { myASN: 64500, peerASN: 64501, peerAddress: '172.18.0.1' }, 'v1beta2')
  expect(log('worker-1')).toContain('peerAdded | 172.18.0.1')
  expect(log('worker-1')).toContain('connect | dial "172.18.0.1": getsockopt: connection refused | 172.18.0.1')
  vtysh('conf t', 'router bgp 64511', 'no bgp ebgp-requires-policy', 'neighbor nodes peer-group', 'neighbor nodes remote-as 64500', 'bgp listen range 172.18.0.0/16 peer-group nodes')
  cluster.clock.runFor(60_000)
  expect(log('worker-1')).toContain('connect | unexpected peer ASN 64511, want 64501 | 172.18.0.1')
  vtysh('conf t', 'no router bgp', 'router bgp 64501', 'no bgp ebgp-requires-policy', 'neighbor nodes peer-group', 'neighbor nodes remote-as 64500', 'bgp listen range 172.18.0.0/16 peer-group nodes')
  cluster.clock.runFor(120_000)
  expect(log('worker-1').at(-1)).toBe('sessionUp | 172.18.0.1')
  expect(routes()).toEqual([])
})

it('each node that may tells the router, which spreads clients over them', () => {
  apply('ipaddresspools', 'IPAddressPool', 'first', { addresses: ['192.168.10.0/24'] })
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] } } as unknown as KubeObject)
  cluster.clock.runFor(2_000)
  expect([routes(), connect('192.168.10.0').verdict === 'delivered']).toEqual([[], false])
  apply('communities', 'Community', 'names', { communities: [{ name: 'vpn-only', value: '1234:1' }] })
  apply('bgpadvertisements', 'BGPAdvertisement', 'local', { ipAddressPools: ['first'], communities: ['65535:65282', 'vpn-only'] })
  expect(routes()).toEqual(['192.168.10.0 proto bgp metric 20, nexthop via 172.18.0.3 dev eth0 weight 1, nexthop via 172.18.0.4 dev eth0 weight 1'])
  expect(vtysh('show ip bgp 192.168.10.0')).toContain('Community: 1234:1 65535:65282\n')
  expect(events()).toEqual(['IPAllocated: Assigned IP ["192.168.10.0"]', 'nodeAssigned: announcing from node "worker-1" with protocol "bgp"', 'nodeAssigned: announcing from node "worker-2" with protocol "bgp"'])
  expect(statuses()).toEqual(['worker-1 sample', 'worker-2 sample'])
  const journey = connect('192.168.10.0')
  expect(journey.verdict).toBe('delivered')
  expect(journey.hops.some((h) => h.machine === 'outside' && h.decidedBy?.text.includes('192.168.10.0 proto bgp metric 20'))).toBe(true)
  expect(metrics('worker-1')).toMatch(/\nmetallb_bgp_announced_prefixes_total\{peer="172\.18\.0\.1:179"\} 1\n(.*\n)*metallb_bgp_session_up\{peer="172\.18\.0\.1:179"\} 1\n(.*\n)*metallb_speaker_announced\{ip="192\.168\.10\.0",node="worker-1",protocol="bgp",service="default\/web"\} 1\n/)
})

it('the whole pool in one advertisement beside it, never from a control plane, which kubeadm excludes from load balancers; a Local policy only from nodes with endpoints', () => {
  apply('bgpadvertisements', 'BGPAdvertisement', 'wide', { ipAddressPools: ['first'], aggregationLength: 24 })
  expect(routes().map((r) => r.replace(/ proto.*?, /, ' ').replace(/ nexthop| dev eth0 weight 1/g, ''))).toEqual(['192.168.10.0 via 172.18.0.3, via 172.18.0.4', '192.168.10.0/24 via 172.18.0.3, via 172.18.0.4'])
  write(() => cluster.client.delete('bgpadvertisements.metallb.io', NAMESPACE, 'wide'))
  cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { spec: { externalTrafficPolicy: 'Local', selector: { name: 'web-2' } } })
  cluster.clock.runFor(2_000)
  expect(routes()).toEqual(['192.168.10.0 via 172.18.0.4 dev eth0 proto bgp metric 20'])
  expect(log('worker-1').at(-1)).toBe('serviceWithdrawn | noLocalEndpoints')
  expect(connect('192.168.10.0')).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '192.0.2.10' })
  cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { spec: { externalTrafficPolicy: 'Cluster', selector: { name: null, app: 'web' } } })
  cluster.clock.runFor(2_000)
  expect(statuses()).toEqual(['worker-1 sample', 'worker-2 sample'])
})

it('a peer of some nodes only, and advertisements for some peers only', () => {
  patch('bgpadvertisements', 'local', { peers: ['other'] })
  expect([routes(), statuses()]).toEqual([[], []])
  patch('bgpadvertisements', 'local', { peers: null })
  expect(routes()[0]).toContain('172.18.0.4')
  patch('bgppeers', 'sample', { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'control-plane' } }] })
  expect(routes()).toEqual([])
  expect(log('worker-2').at(-1)).toBe('peerRemoved | removedFromConfig | 172.18.0.1')
})

it('the webhooks say what native mode cannot do', () => {
  const refused = (resource: string, kind: string, spec: object, version?: string): string => {
    try {
      apply(resource, kind, 'bad', spec, version)
      return 'allowed'
    } catch (error) {
      return (error as Error).message.replace(/^admission webhook "\S+" denied the request: /, '')
    }
  }
  const peer = (spec: object): string => refused('bgppeers', 'BGPPeer', { myASN: 64500, peerASN: 64501, peerAddress: '172.18.0.9', ...spec }, 'v1beta2')
  expect(peer({ bfdProfile: 'fast' })).toBe('peer 172.18.0.9 has bfd-profile set on native bgp mode')
  expect(peer({ peerAddress: 'router' })).toBe('parsing peer bad invalid BGPPeer address "router"')
  expect(peer({ holdTime: '1s' })).toContain('must be 0 or >=3s')
  expect(peer({ password: 'secret' })).toBe("podhop: not simulated: the password of MetalLB's BGPPeers (use peers without one)")
  expect(refused('bgpadvertisements', 'BGPAdvertisement', { aggregationLength: 16 })).toBe('invalid aggregation length 16: prefix 24 in this pool is more specific than the aggregation length for addresses 192.168.10.0/24')
  expect(refused('bgpadvertisements', 'BGPAdvertisement', { localPref: 100 })).toMatch(/^invalid local preference \d+: local preferernce \d+ was already set/)
  expect(refused('communities', 'Community', { communities: [{ name: 'x', value: '1234' }] })).toBe('parsing community "x": invalid community format: 1234')
  expect(refused('bfdprofiles', 'BFDProfile', {})).toBe('bfd profiles section set')
  expect(cluster.client.get<Service>('services', 'default', 'web').status.loadBalancer?.ingress).toEqual([{ ip: '192.168.10.0', ipMode: 'VIP' }])
})

it('a node that dies is believed until the hold time is over', () => {
  patch('bgppeers', 'sample', { nodeSelectors: null })
  cluster.clock.runFor(5_000)
  cluster.faults.apply(['node-down', 'worker-1'])
  cluster.clock.runFor(50_000)
  expect(routes()[0]).toContain('172.18.0.3')
  cluster.clock.runFor(45_000)
  expect(routes()).toEqual(['192.168.10.0 via 172.18.0.4 dev eth0 proto bgp metric 20'])
  expect(connect('192.168.10.0').verdict).toBe('delivered')
})
