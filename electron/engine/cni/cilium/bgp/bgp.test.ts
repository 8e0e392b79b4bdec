import { beforeAll, expect, it } from 'vitest'
import type { KubeObject, Pod, Service } from '../../../kubernetes/types.ts'
import { CallbackFile } from '../../../machine/files.ts'
import { formatRoute } from '../../../network/format.ts'
import { decodeUtf8 } from '../../../text.ts'
import { World } from '../world.samples.ts'

/** Cilium's BGP control plane with the router outside: "BGP Control Plane Resources" and "Operation Guide" of cilium/cilium v1.17. */
let w: World

function collect(start: (files: Map<number, CallbackFile>) => void): string {
  let text = ''
  const file = (): CallbackFile => new CallbackFile(w.cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
  start(new Map([[1, file()], [2, file()]]))
  w.cluster.clock.runFor(500)
  return text
}
const vtysh = (...commands: string[]): string => collect((files) => void w.cluster.router.start({ argv: ['vtysh', ...commands.flatMap((c) => ['-c', c])], program: w.cluster.programs.find('vtysh')!, files }))
const cilium = (...argv: string[]): string => collect((files) => void w.cluster.laptop.start({ argv: ['cilium', ...argv], program: w.cluster.programs.find('cilium-cli')!, files }))
function dbg(node: string, ...argv: string[]): string {
  const pod = w.cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium', fieldSelector: `spec.nodeName=${node}` }).items[0]!
  return collect((files) => void w.cluster.container('kube-system', pod.metadata.name)!.start({ argv: ['cilium-dbg', ...argv], files }))
}
const routes = (): string[] => w.cluster.router.network.routes.list('main').filter((r) => r.protocol === 'bgp').map((r) => formatRoute(r).replace(/ *\n\t/g, ', ').replace(/ dev eth0| weight 1| proto bgp| metric 20|nexthop /g, '').trim())
const resource = (kind: string): string => `${kind.toLowerCase()}s.cilium.io`
function apply(kind: string, name: string, spec: object, labels = {}): void {
  w.cluster.client.create(resource(kind), undefined, { apiVersion: 'cilium.io/v2alpha1', kind, metadata: { name, labels }, spec } as unknown as KubeObject)
  w.cluster.clock.runFor(1_000)
}
function patch(kind: string, name: string, spec: object): void {
  w.cluster.client.patch(resource(kind), undefined, name, 'application/merge-patch+json', { spec })
  w.cluster.clock.runFor(1_000)
}
const conditions = (name: string): string[] => w.cluster.client.get<KubeObject & { status: { conditions: { type: string; status: string; message: string }[] } }>(resource('CiliumBGPClusterConfig'), undefined, name).status.conditions.filter((c) => c.status === 'True').map((c) => `${c.type}: ${c.message}`)
const families = (types: string) => [{ afi: 'ipv4', safi: 'unicast', advertisements: { matchLabels: { advertise: types } } }]

beforeAll(() => {
  w = new World({ cni: { plugin: 'cilium', bgpControlPlane: true } })
  w.pod('web', 'worker-1', { app: 'web' })
  vtysh('conf t', 'router bgp 65000', 'no bgp ebgp-requires-policy', 'neighbor nodes peer-group', 'neighbor nodes remote-as 65001', 'bgp listen range 172.18.0.0/16 peer-group nodes')
})

it('a cluster configuration makes one of each node that it selects; without its peer configuration there is no session', () => {
  apply('CiliumBGPClusterConfig', 'cilium-bgp', { nodeSelector: { matchLabels: { bgp: 'yes' } }, bgpInstances: [{ name: 'instance-65001', localASN: 65_001, peers: [{ name: 'tor', peerASN: 65_000, peerAddress: '172.18.0.1', peerConfigRef: { name: 'cilium-peer' } }] }] })
  expect(conditions('cilium-bgp')).toEqual(['cilium.io/MissingPeerConfigs: Referenced CiliumBGPPeerConfig(s) are missing: [cilium-peer]', 'cilium.io/NoMatchingNode: No node matches spec.nodeSelector'])
  for (const node of ['worker-1', 'worker-2']) w.cluster.client.patch('nodes', undefined, node, 'application/merge-patch+json', { metadata: { labels: { bgp: 'yes' } } })
  w.cluster.clock.runFor(5_000)
  expect(conditions('cilium-bgp')).toEqual(['cilium.io/MissingPeerConfigs: Referenced CiliumBGPPeerConfig(s) are missing: [cilium-peer]'])
  expect(w.cluster.client.list(resource('CiliumBGPNodeConfig')).items.map((c) => c.metadata.name)).toEqual(['worker-1', 'worker-2'])
  expect(dbg('worker-1', 'bgp', 'peers')).toBe('Local AS   Peer AS   Peer Address   Session   Uptime   Family   Received   Advertised\n')
  apply('CiliumBGPPeerConfig', 'cilium-peer', { timers: { holdTimeSeconds: 9, keepAliveTimeSeconds: 3, connectRetryTimeSeconds: 5 }, gracefulRestart: { enabled: true, restartTimeSeconds: 15 }, families: families('bgp') })
  w.cluster.clock.runFor(5_000)
  expect(conditions('cilium-bgp')).toEqual([])
  expect(dbg('worker-1', 'bgp', 'peers')).toMatch(/^Local AS {3}Peer AS {3}Peer Address {5}Session {7}Uptime {3}Family {9}Received {3}Advertised\n65001 {6}65000 {5}172\.18\.0\.1:179 {3}established {3}[45]s {7}ipv4\/unicast {3}0 {10}0\n$/)
  // nothing is told unless an advertisement says so
  expect([routes(), dbg('control-plane', 'bgp', 'peers')]).toEqual([[], 'Local AS   Peer AS   Peer Address   Session   Uptime   Family   Received   Advertised\n'])
})

it('Pod CIDRs go to the router, with their communities, and Pods are reached from outside without translation', () => {
  apply('CiliumBGPAdvertisement', 'pods', { advertisements: [{ advertisementType: 'PodCIDR', attributes: { communities: { standard: ['65000:99'], wellKnown: ['no-export'] } } }] }, { advertise: 'bgp' })
  expect(routes()).toEqual(['10.244.1.0/24 via 172.18.0.3', '10.244.2.0/24 via 172.18.0.4'])
  expect(vtysh('show ip bgp 10.244.1.0/24')).toContain('Community: 65000:99 ')
  expect(dbg('worker-1', 'bgp', 'routes', 'advertised', 'ipv4', 'unicast')).toMatch(/^VRouter {3}Peer {9}Prefix {10}NextHop {6}Age {3}Attrs\n65001 {5}172\.18\.0\.1 {3}10\.244\.1\.0\/24 {3}172\.18\.0\.3 {3}\ds {4}\[\{Origin: i\} \{AsPath: 65001\} \{Nexthop: 172\.18\.0\.3\} \{Communities: 65000:99, 65535:65281\}\]\n$/)
  expect(cilium('bgp', 'routes', 'available', 'ipv4', 'unicast')).toMatch(/^Node {7}VRouter {3}Prefix {10}NextHop {3}Age {3}Attrs\nworker-1 {3}65001 {5}10\.244\.1\.0\/24 {3}0\.0\.0\.0 {3}\ds {4}\[\{Origin: i\} \{Nexthop: 0\.0\.0\.0\}\] {3}\nworker-2 /)
  expect(cilium('bgp', 'peers')).toMatch(/^Node {7}Local AS {3}Peer AS {3}Peer Address {3}Session State {3}Uptime {3}Family {9}Received {3}Advertised\nworker-1 {3}65001 {6}65000 {5}172\.18\.0\.1 {5}established {5}\d+s {7}ipv4\/unicast {3}1 {10}1 +\nworker-2 /)
  const journey = w.connect(w.cluster.external.network, w.ip('web'), 80)
  expect(journey).toMatchObject({ verdict: 'delivered', finalDestination: `${w.ip('web')}:80`, sourceSeenByServer: '192.0.2.20' })
  expect(journey.hops.some((h) => h.machine === 'outside' && h.decidedBy?.text.includes('10.244.1.0/24'))).toBe(true)
  expect(w.cluster.client.get(resource('CiliumBGPNodeConfig'), undefined, 'worker-1')).toMatchObject({ status: { bgpInstances: [{ name: 'instance-65001', localASN: 65_001, peers: [{ name: 'tor', peerAddress: '172.18.0.1', peeringState: 'established', routeCount: [{ afi: 'ipv4', safi: 'unicast', received: 1, advertised: 1 }], timers: { appliedHoldTimeSeconds: 9, appliedKeepaliveSeconds: 3 } }] }] } })
})

it('Services’ addresses as advertisements select them; a Local policy only from nodes with endpoints', () => {
  patch('CiliumBGPPeerConfig', 'cilium-peer', { families: families('services') })
  expect(routes()).toEqual([])
  w.cluster.client.create('ciliumloadbalancerippools.cilium.io', undefined, { apiVersion: 'cilium.io/v2alpha1', kind: 'CiliumLoadBalancerIPPool', metadata: { name: 'pool' }, spec: { blocks: [{ cidr: '10.50.0.0/24' }] } } as unknown as KubeObject)
  const service = w.service('web', { type: 'LoadBalancer', externalIPs: ['10.60.0.1'] })
  w.cluster.clock.runFor(2_000)
  const [{ ip }] = w.cluster.client.get<Service>('services', 'default', 'web').status.loadBalancer!.ingress as [{ ip: string }]
  // an advertisement without a selector selects nothing
  apply('CiliumBGPAdvertisement', 'services', { advertisements: [{ advertisementType: 'Service', service: { addresses: ['LoadBalancerIP', 'ExternalIP'] } }] }, { advertise: 'services' })
  expect(routes()).toEqual([])
  const everything = { matchExpressions: [{ key: 'somekey', operator: 'NotIn', values: ['never-used-value'] }] }
  patch('CiliumBGPAdvertisement', 'services', { advertisements: [{ advertisementType: 'Service', service: { addresses: ['LoadBalancerIP', 'ExternalIP'] }, selector: everything }] })
  expect(routes()).toEqual([`${ip}, via 172.18.0.3, via 172.18.0.4`, '10.60.0.1, via 172.18.0.3, via 172.18.0.4'])
  expect(w.connect(w.cluster.external.network, ip, 80).verdict).toBe('delivered')
  w.cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { spec: { externalTrafficPolicy: 'Local' } })
  w.cluster.clock.runFor(2_000)
  expect(routes()).toEqual([`${ip} via 172.18.0.3`, '10.60.0.1 via 172.18.0.3'])
  patch('CiliumBGPAdvertisement', 'services', { advertisements: [{ advertisementType: 'Service', service: { addresses: ['ClusterIP'], aggregationLengthIPv4: 16 }, selector: { matchLabels: { 'io.kubernetes.service.name': 'web' } } }] })
  expect(routes()).toEqual([`${service.spec.clusterIP!.split('.').slice(0, 2).join('.')}.0.0/16, via 172.18.0.3, via 172.18.0.4`])
})

it('what a node loses its label for, the router forgets; an agent that restarts gracefully is waited for', () => {
  patch('CiliumBGPPeerConfig', 'cilium-peer', { families: families('bgp') })
  w.cluster.client.patch('nodes', undefined, 'worker-2', 'application/merge-patch+json', { metadata: { labels: { bgp: null } } })
  w.cluster.clock.runFor(2_000)
  expect(routes()).toEqual(['10.244.1.0/24 via 172.18.0.3'])
  expect(w.cluster.client.list(resource('CiliumBGPNodeConfig')).items.map((c) => c.metadata.name)).toEqual(['worker-1'])
  vtysh('conf t', 'router bgp 65000', 'neighbor 172.18.0.3 remote-as 65001', 'neighbor 172.18.0.3 passive')
  w.cluster.clock.runFor(30_000)
  expect(routes()).toEqual(['10.244.1.0/24 via 172.18.0.3'])
  w.cluster.faults.apply(['cni-down', 'worker-1'])
  w.cluster.clock.runFor(10_000)
  expect([routes(), vtysh('show bgp summary').includes('Active')]).toEqual([['10.244.1.0/24 via 172.18.0.3'], true])
  w.cluster.clock.runFor(6_000)
  expect(routes()).toEqual([])
  w.cluster.faults.clear(['cni-down', 'worker-1'])
  w.cluster.clock.runFor(60_000)
  expect(routes()).toEqual(['10.244.1.0/24 via 172.18.0.3'])
})

it('another AS number than the router’s own is said in the log, and a second cluster configuration of a node in its status', () => {
  patch('CiliumBGPClusterConfig', 'cilium-bgp', { bgpInstances: [{ name: 'instance-65001', localASN: 65_001, peers: [{ name: 'tor', peerASN: 65_009, peerAddress: '172.18.0.1', peerConfigRef: { name: 'cilium-peer' } }] }] })
  w.cluster.clock.runFor(10_000)
  expect(dbg('worker-1', 'bgp', 'peers')).toMatch(/\n65001 {6}65009 {5}172\.18\.0\.1:179 {3}active {4}0s /)
  const pod = w.cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
  const lines: string[] = []
  w.cluster.client.logs('kube-system', pod.metadata.name, {}, { onLine: (line) => void lines.push(line), onEnd: () => undefined })
  w.cluster.clock.runFor(10)
  expect(lines.filter((l) => l.includes('subsys=bgp-control-plane')).join('\n')).toContain('msg="sent notification" Key=172.18.0.1 Topic=Peer asn=65001 component=gobgp.BgpServerInstance Data="as number mismatch expected 65009, received 65000"')
  apply('CiliumBGPClusterConfig', 'other', { nodeSelector: { matchLabels: { bgp: 'yes' } }, bgpInstances: [{ name: 'x', localASN: 65_007 }] })
  expect(conditions('other')).toEqual(['cilium.io/ConflictingClusterConfig: Selecting the same node(s) with ClusterConfig(s): [cilium-bgp]'])
})

it('says what is not simulated, and that it is off', () => {
  expect(() => apply('CiliumBGPPeerConfig', 'secret', { authSecretRef: 'x' })).toThrow("podhop: not simulated: authSecretRef of Cilium's BGP (use a peer without a password)")
  expect(() => apply('CiliumBGPAdvertisement', 'pool', { advertisements: [{ advertisementType: 'CiliumPodIPPool' }] })).toThrow('not simulated: CiliumPodIPPool')
  expect(dbg('worker-1', 'bgp', 'routes', 'received')).toBe('Error: invalid argument: invalid table type discriminator `received` (should be `available` / `advertised`)\n\n')
  w = new World({ nodes: 2 })
  expect([dbg('worker-1', 'bgp', 'peers'), cilium('bgp', 'peers')]).toEqual(['BGP Control Plane is disabled\n', 'BGP Control Plane is disabled\n'])
})
