import { expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import { CallbackFile } from '../../machine/files.ts'
import type { Machine } from '../../machine/types.ts'
import { formatRoute } from '../../network/format.ts'
import { decodeUtf8 } from '../../text.ts'

/** BGP over IPv6 between the plugins and the router outside. What FRR prints is what FRR 8.4.4 of Debian 12 printed with neighbours of the same configuration. */
const ROUTER = 'fc00:f853:ccd:e793::1'
const DUAL = { ipFamilies: ['IPv4', 'IPv6'] }

class Lab {
  readonly cluster: SimulatedCluster

  constructor(config: object) {
    this.cluster = createCluster(parseClusterConfig({ nodes: 2, ...config })) as SimulatedCluster
    this.cluster.settle()
  }

  run(machine: Machine, ...argv: string[]): string {
    let text = ''
    const file = (): CallbackFile => new CallbackFile(this.cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
    machine.start({ argv, program: this.cluster.programs.find(argv[0]!)!, files: new Map([[1, file()], [2, file()]]) })
    this.cluster.clock.runFor(100)
    return text
  }

  vtysh(...commands: string[]): string {
    return this.run(this.cluster.router, 'vtysh', ...commands.flatMap((c) => ['-c', c]))
  }

  inPod(selector: string, node: string, ...argv: string[]): string {
    const { client, clock } = this.cluster
    const pod = client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: selector, fieldSelector: `spec.nodeName=${node}` }).items[0]!
    let text = ''
    const file = (): CallbackFile => new CallbackFile(clock, (bytes) => (text += decodeUtf8(bytes)))
    this.cluster.container('kube-system', pod.metadata.name)!.start({ argv, files: new Map([[1, file()], [2, file()]]) })
    clock.runFor(500)
    return text
  }

  /** The routes that BGP has brought, of one family: "prefix via address". */
  routes(family: 4 | 6, machine: Machine = this.cluster.router, protocol = 'bgp'): string[] {
    return machine.network.routes.list('main', family).filter((r) => r.protocol === protocol).map((r) => formatRoute(r).replace(/ *\n\t/g, ', ').replace(/ dev eth0| weight 1| proto \S+| metric \d+|nexthop | pref medium/g, '').trim())
  }

  create(resource: string, namespace: string | undefined, object: object): void {
    this.cluster.client.create(resource, namespace, object as unknown as KubeObject)
  }

  web(): void {
    this.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } }, spec: { nodeName: 'worker-1', containers: [{ name: 'c', image: 'nginx:1.27.5' }] } })
    this.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ipFamilyPolicy: 'PreferDualStack', selector: { app: 'web' }, ports: [{ port: 80 }] } })
    this.cluster.settle()
  }

  podIp(): string {
    return this.cluster.client.get<Pod>('pods', 'default', 'web').status.podIPs!.map(({ ip }) => ip!).find((ip) => ip.includes(':'))!
  }

  serviceIp(): string {
    return this.cluster.client.get<Service>('services', 'default', 'web').spec.clusterIPs!.find((ip) => ip.includes(':'))!
  }

  connect(address: string): Journey {
    const connection = this.cluster.laptop.network.sockets.connect({ address, port: 80 }, {})
    this.cluster.clock.runFor(500)
    connection.abort()
    this.cluster.clock.runFor(50)
    return connection.journey!
  }
}

it('Calico: bird6 tells the router of blocks and Services over a session of IPv6, beside bird’s of IPv4', () => {
  const lab = new Lab({ cni: 'calico', ...DUAL })
  const { cluster } = lab
  lab.web()
  const peer = (name: string, peerIP: string): void => lab.create('bgppeers.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'BGPPeer', metadata: { name }, spec: { peerIP, asNumber: 64513 } })
  peer('tor4', '172.18.0.1')
  peer('tor6', ROUTER)
  lab.create('bgpconfigurations.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }, { cidr: 'fd00:10:96::/112' }] } })
  expect(lab.vtysh('conf t', 'router bgp 64513', 'no bgp ebgp-requires-policy', 'neighbor 172.18.0.2 remote-as 64512', 'neighbor 172.18.0.3 remote-as 64512', ...[2, 3].map((n) => `neighbor fc00:f853:ccd:e793::${n} remote-as 64512`))).toBe('')
  cluster.clock.runFor(60_000)
  // neighbours are activated for IPv4 by themselves, for IPv6 not: bird6 speaks of nothing else
  expect(lab.vtysh('show bgp ipv6 unicast')).toBe('No BGP prefixes displayed, 0 exist\n')
  expect([lab.routes(4).length, lab.routes(6)]).toEqual([3, []])
  expect(lab.vtysh('show bgp ipv4 unicast summary')).toMatch(/\nNeighbor {14}V {9}AS [^]*\nfc00:f853:ccd:e793::2 4 {6}64512 .* NoNeg {4}NoNeg N\/A\n/)
  expect(lab.vtysh('conf t', 'router bgp', 'no bgp default ipv4-unicast', 'address-family ipv4 unicast', 'neighbor 172.18.0.2 activate', 'neighbor 172.18.0.3 activate', 'exit-address-family', 'address-family ipv6 unicast', 'neighbor fc00:f853:ccd:e793::2 activate', 'neighbor fc00:f853:ccd:e793::3 activate', 'network fc00:f853:ccd:e793::/64', 'network 2001:db8::/64')).toBe('')
  cluster.clock.runFor(30_000)
  // kubeadm excludes control planes from load balancers
  expect(lab.routes(6).map((r) => r.replace(/^fd00:10:244:[0-9a-f:]+\/122/, 'BLOCK'))).toEqual(expect.arrayContaining(['fd00:10:96::/112 via fc00:f853:ccd:e793::3', 'BLOCK via fc00:f853:ccd:e793::2', 'BLOCK via fc00:f853:ccd:e793::3']))
  expect(lab.connect(lab.podIp())).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '2001:db8::a' })
  expect(lab.connect(lab.serviceIp())).toMatchObject({ verdict: 'delivered', finalDestination: `[${lab.podIp()}]:80` })
  expect(lab.vtysh('show bgp summary').split('\n').filter((l) => /Summary|^[0-9f]/.test(l)).map((l) => l.split(' ')[0])).toEqual(['IPv4', '172.18.0.2', '172.18.0.3', 'IPv6', 'fc00:f853:ccd:e793::2', 'fc00:f853:ccd:e793::3'])
  expect(lab.vtysh('show bgp')).toMatch(/\n\*> 2001:db8::\/64 {4}:: {23}0 {9}32768 i\n\*> fc00:f853:ccd:e793::\/64\n {20}:: {23}0 {9}32768 i\n/)
  expect(lab.vtysh('show ipv6 route bgp')).toMatch(/O - OSPFv3[^]*\nB>\* fd00:10:96::\/112 \[20\/0\] via fc00:f853:ccd:e793::3, eth0, weight 1, 00:00:\d\d\n/)
  // the nodes: over the link-local address that FRR tells besides
  const linkLocal = cluster.router.network.links.get('eth0')!.addresses.find((a) => a.address.startsWith('fe80'))!.address
  expect(lab.routes(6, cluster.nodes.get('worker-1')!, 'bird').filter((r) => r.includes(linkLocal))).toEqual([`2001:db8::/64 via ${linkLocal}`])
  expect(lab.inPod('k8s-app=calico-node', 'worker-1', 'birdcl', '-s', '/var/run/calico/bird6.ctl', 'show', 'protocols')).toMatch(/\nGlobal_fc00_f853_ccd_e793__1 BGP +master +up +\S+ +Established/)
  expect([lab.vtysh('show bgp 10.96.0.1'), lab.vtysh('show ip bgp fd00:10:96::1'), lab.vtysh('clear bgp fc00::9')]).toEqual(['% Cannot specify IPv4 address or prefix with IPv6 AFI\n', '% Cannot specify IPv6 address or prefix with IPv4 AFI\n', '% BGP: Unknown neighbor - "fc00::9"\n'])
  expect(lab.vtysh('show running-config')).toContain(' no bgp default ipv4-unicast\n neighbor 172.18.0.2 remote-as 64512\n')
  expect(lab.vtysh('show running-config')).toContain(' !\n address-family ipv6 unicast\n  network 2001:db8::/64\n  network fc00:f853:ccd:e793::/64\n  neighbor fc00:f853:ccd:e793::2 activate\n  neighbor fc00:f853:ccd:e793::3 activate\n exit-address-family\nexit\n')
})

it('kube-router in a cluster of IPv6 alone has no router ID but one that it is told, or makes; a range of neighbours finds its nodes', () => {
  const lab = new Lab({ cni: 'kube-router', ipFamilies: ['IPv6'] })
  const { cluster } = lab
  lab.web()
  lab.vtysh('conf t', 'router bgp 65000', 'no bgp ebgp-requires-policy', 'neighbor k8s peer-group', 'neighbor k8s remote-as 64512', 'bgp listen range fc00:f853:ccd:e793::/64 peer-group k8s', 'address-family ipv6 unicast', 'neighbor k8s activate', 'neighbor k8s default-originate')
  const set = cluster.client.get<KubeObject & { spec: { template: { spec: { containers: { args: string[] }[] } } } }>('daemonsets', 'kube-system', 'kube-router')
  const { args } = set.spec.template.spec.containers[0]!
  expect(args.at(-1)).toBe('--router-id=generate')
  const restart = (now: string[]): void => {
    cluster.client.patch('daemonsets', 'kube-system', 'kube-router', 'application/json-patch+json', [{ op: 'replace', path: '/spec/template/spec/containers/0/args', value: now }])
    cluster.clock.runFor(150_000)
  }
  restart([...args, `--peer-router-ips=${ROUTER}`, '--peer-router-asns=65000', '--advertise-cluster-ip=true'])
  expect(lab.routes(6)).toEqual(expect.arrayContaining(['fd00:10:244::/64 via fc00:f853:ccd:e793::2', 'fd00:10:244:1::/64 via fc00:f853:ccd:e793::3', `${lab.serviceIp()}, via fc00:f853:ccd:e793::2, via fc00:f853:ccd:e793::3`]))
  expect(lab.connect(lab.podIp()).verdict).toBe('delivered')
  expect(lab.vtysh('show bgp ipv6 unicast summary')).toMatch(/\n\*fc00:f853:ccd:e793::2 4 {6}64512 .*\n\*fc00:f853:ccd:e793::3 .*\n\nTotal number of neighbors 2\n\* - dynamic neighbor\n/)
  expect(lab.inPod('k8s-app=kube-router', 'worker-1', 'gobgp', 'global')).toMatch(/^AS: {8}64512\nRouter-ID: \d+\.\d+\.\d+\.\d+\nListening Port: 179, Addresses: fc00:f853:ccd:e793::3\n$/)
  expect(lab.inPod('k8s-app=kube-router', 'worker-1', 'gobgp', 'neighbor')).toMatch(/\nfc00:f853:ccd:e793::1 65000 \S+ Establ /)
  restart(args.slice(0, -1))
  const logs: string[] = []
  const pod = cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=kube-router' }).items.find((p) => p.status.containerStatuses?.some((s) => s.restartCount > 0 || s.state?.waiting))!
  cluster.client.logs('kube-system', pod.metadata.name, { previous: true }, { onLine: (line) => void logs.push(line), onEnd: () => undefined })
  cluster.clock.runFor(10)
  expect(logs.at(-1)).toBe('Failed to create network routes controller: router-id must be specified when primary node IP is an IPv6 address')
})

it('Cilium: prefixes of IPv6 over a session of IPv6; over one of IPv4 their next hop leads nowhere', () => {
  const lab = new Lab({ cni: { plugin: 'cilium', bgpControlPlane: true }, ...DUAL })
  const { cluster } = lab
  lab.web()
  lab.vtysh('conf t', 'router bgp 65000', 'no bgp ebgp-requires-policy', 'neighbor nodes peer-group', 'neighbor nodes remote-as 65001', 'bgp listen range 172.18.0.0/16 peer-group nodes', 'bgp listen range fc00:f853:ccd:e793::/64 peer-group nodes', 'address-family ipv6 unicast', 'neighbor nodes activate')
  const apply = (kind: string, name: string, spec: object, labels = {}): void => lab.create(`${kind.toLowerCase()}s.cilium.io`, undefined, { apiVersion: 'cilium.io/v2alpha1', kind, metadata: { name, labels }, spec })
  apply('CiliumBGPAdvertisement', 'pods', { advertisements: [{ advertisementType: 'PodCIDR' }] }, { advertise: 'pods' })
  const families = ['ipv4', 'ipv6'].map((afi) => ({ afi, safi: 'unicast', advertisements: { matchLabels: { advertise: 'pods' } } }))
  apply('CiliumBGPPeerConfig', 'both', { families })
  apply('CiliumBGPPeerConfig', 'six', { families: families.slice(1) })
  const config = (...peers: [string, string][]): object => ({ bgpInstances: [{ name: 'i', localASN: 65_001, peers: peers.map(([peerAddress, reference]) => ({ name: reference, peerASN: 65_000, peerAddress, peerConfigRef: { name: reference } })) }] })
  apply('CiliumBGPClusterConfig', 'bgp', config(['172.18.0.1', 'both']))
  cluster.clock.runFor(20_000)
  expect([lab.routes(4).length, lab.routes(6)]).toEqual([2, []])
  expect(lab.vtysh('show bgp ipv6')).toContain('::ffff:172.18.0.3')
  expect(lab.connect(lab.podIp()).verdict).not.toBe('delivered')
  cluster.client.patch('ciliumbgpclusterconfigs.cilium.io', undefined, 'bgp', 'application/merge-patch+json', { spec: config(['172.18.0.1', 'both'], [ROUTER, 'six']) })
  cluster.clock.runFor(20_000)
  expect(lab.routes(6)).toEqual(['fd00:10:244::/64 via fc00:f853:ccd:e793::2', 'fd00:10:244:1::/64 via fc00:f853:ccd:e793::3'])
  expect(lab.connect(lab.podIp())).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '2001:db8::a' })
  expect(lab.inPod('k8s-app=cilium', 'worker-1', 'cilium-dbg', 'bgp', 'peers')).toMatch(/\[fc00:f853:ccd:e793::1\]:179 +established +\S+ +ipv6\/unicast +\d +1\n/)
  expect(lab.inPod('k8s-app=cilium', 'worker-1', 'cilium-dbg', 'bgp', 'routes', 'advertised', 'ipv6', 'unicast', 'peer', ROUTER)).toMatch(/\n65001 +fd00:10:244:1::\/64 +fc00:f853:ccd:e793::3 /)
})
