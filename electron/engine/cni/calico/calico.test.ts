import { describe, expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig, type Node, type Pod } from '../../cluster.ts'
import type { Event } from '../../kubernetes/types.ts'
import { formatRoute } from '../../network/format.ts'

/** Calico as a student meets it: whole clusters, and what its agents write on the nodes. */
function settled(encapsulation: string, config: object = {}): SimulatedCluster {
  const cluster = createCluster(parseClusterConfig({ cni: { plugin: 'calico', encapsulation }, ...config })) as SimulatedCluster
  expect(cluster.settle()).toBe(true)
  return cluster
}

function routes(cluster: SimulatedCluster, node: string): string[] {
  return cluster.nodes.get(node)!.network.routes.list('main').map((r) => formatRoute(r)).filter((r) => r.includes('10.244.') && !r.includes('dev cali'))
}

describe('a cluster with Calico', () => {
  const blocks = { 'control-plane': '10.244.121.64', 'worker-1': '10.244.16.64', 'worker-2': '10.244.16.128' }

  test.each([
    ['IPIP', [`${blocks['worker-1']}/26 via 172.18.0.3 dev tunl0 proto bird onlink`, `${blocks['worker-2']}/26 via 172.18.0.4 dev tunl0 proto bird onlink`, `blackhole ${blocks['control-plane']}/26 proto bird`]],
    ['VXLAN', [`${blocks['worker-1']}/26 via ${blocks['worker-1']} dev vxlan.calico onlink`, `${blocks['worker-2']}/26 via ${blocks['worker-2']} dev vxlan.calico onlink`, `blackhole ${blocks['control-plane']}/26 proto 80`]],
    ['VXLANCrossSubnet', [`${blocks['worker-1']}/26 via 172.18.0.3 dev eth0 proto 80 onlink`, `${blocks['worker-2']}/26 via 172.18.0.4 dev eth0 proto 80 onlink`, `blackhole ${blocks['control-plane']}/26 proto 80`]],
    ['None', [`${blocks['worker-1']}/26 via 172.18.0.3 dev eth0 proto bird`, `${blocks['worker-2']}/26 via 172.18.0.4 dev eth0 proto bird`]],
  ])('is born with %s, and has a way to every other node\'s Pods', (encapsulation, expected) => {
    const cluster = settled(encapsulation)
    const pods = cluster.client.list<Pod>('pods').items
    expect(pods.filter((p) => !p.status.conditions!.some((c) => c.type === 'Ready' && c.status === 'True')).map((p) => p.metadata.name)).toEqual([])
    expect(routes(cluster, 'control-plane')).toEqual(expected)
  })
})

function run(cluster: SimulatedCluster, name: string, options: { node?: string; image?: string; labels?: Record<string, string>; namespace?: string } = {}): void {
  const { node, image = 'nginx', labels = { app: name }, namespace = 'default' } = options
  cluster.client.create('pods', namespace, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, labels },
    spec: { ...(node ? { nodeName: node } : {}), containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 80 }] }] },
  })
}

function ipOf(cluster: SimulatedCluster, name: string): string {
  return cluster.client.get<Pod>('pods', 'default', name).status.podIP!
}

/** Tries a connection from a Pod; the verdict, and what the drop says of itself. */
function connect(cluster: SimulatedCluster, from: string, to: string, port = 80): { verdict: string; text: string; devices: (string | undefined)[] } {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address: to, port }, {})
  cluster.clock.runFor(4_000)
  const { verdict, hops } = connection.journey!
  connection.abort()
  cluster.settle()
  return { verdict, text: hops.at(-1)!.text, devices: hops.map((h) => h.interface) }
}

function policy(cluster: SimulatedCluster, name: string, spec: object): void {
  cluster.client.create('networkpolicies', 'default', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec })
  cluster.settle()
}

test('an IPReservation keeps addresses and whole blocks from Pods', () => {
  const cluster = settled('VXLAN')
  const reserve = (name: string, reservedCIDRs: string[]): void => void cluster.client.create('ipreservations.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'IPReservation', metadata: { name }, spec: { reservedCIDRs } } as never)
  run(cluster, 'before', { node: 'worker-1' })
  cluster.settle()
  const [a, b, c, last] = ipOf(cluster, 'before').split('.').map(Number) as [number, number, number, number]
  reserve('some', [`${a}.${b}.${c}.${last + 1}/32`, `${a}.${b}.${c}.${last + 2}`])
  run(cluster, 'after', { node: 'worker-1' })
  cluster.settle()
  expect(ipOf(cluster, 'after')).toBe(`${a}.${b}.${c}.${last + 3}`)
  reserve('all', [`${a}.${b}.${c}.0/25`])
  run(cluster, 'elsewhere', { node: 'worker-1' })
  cluster.settle()
  expect(ipOf(cluster, 'elsewhere')).not.toMatch(new RegExp(`^${a}\\.${b}\\.${c}\\.(\\d|\\d\\d|1[01]\\d|12[0-7])$`))
})

describe('packets', () => {
  test.each([['IPIP', 'tunl0'], ['VXLAN', 'vxlan.calico'], ['None', 'eth0']])('%s: from node to node through %s, with the Pod\'s own address', (encapsulation, device) => {
    const cluster = settled(encapsulation)
    run(cluster, 'client', { node: 'worker-1' })
    run(cluster, 'server', { node: 'worker-2' })
    cluster.settle()
    const got = connect(cluster, 'client', ipOf(cluster, 'server'))
    expect(got.verdict).toBe('delivered')
    expect(got.devices).toContain(device)
  })

  test('NetworkPolicies let in whom they name, and a drop says which of them stood behind it', () => {
    const cluster = settled('IPIP')
    run(cluster, 'friend', { node: 'worker-1' })
    run(cluster, 'stranger', { node: 'worker-2' })
    run(cluster, 'server', { node: 'worker-2' })
    cluster.settle()
    const server = ipOf(cluster, 'server')
    expect(connect(cluster, 'stranger', server).verdict).toBe('delivered')
    policy(cluster, 'friends', { podSelector: { matchLabels: { app: 'server' } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 'http' }] }] })
    expect(connect(cluster, 'friend', server).verdict).toBe('delivered')
    expect(connect(cluster, 'friend', server, 81).verdict).toBe('dropped')
    const denied = connect(cluster, 'stranger', server)
    expect(denied.verdict).toBe('dropped')
    expect(denied.text).toContain('NetworkPolicy denies ingress to default/server: default/friends allows only pods app=friend on http/TCP.')
    cluster.client.delete('networkpolicies', 'default', 'friends')
    cluster.settle()
    expect(connect(cluster, 'stranger', server).verdict).toBe('delivered')
    const { netfilter } = cluster.nodes.get('worker-2')!.network
    expect(netfilter.save('filter')).not.toContain('cali-pi-')
    expect(netfilter.sets.names().filter((n) => n.startsWith('cali40s:') || n.startsWith('cali40n:'))).toEqual([])
  })

  test.each(['iptables', 'ipvs', 'nftables'])('behind a Service they count as well, whatever kube-proxy\'s mode is: %s', (proxyMode) => {
    const cluster = settled('IPIP', { proxyMode })
    run(cluster, 'friend', { node: 'worker-1' })
    run(cluster, 'stranger', { node: 'worker-1' })
    run(cluster, 'server', { node: 'worker-2' })
    run(cluster, 'near', { node: 'worker-2', labels: { app: 'friend' } })
    run(cluster, 'nearby', { node: 'worker-2' })
    cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'server' }, spec: { clusterIP: '10.96.7.7', selector: { app: 'server' }, ports: [{ port: 80 }] } })
    cluster.settle()
    expect(connect(cluster, 'stranger', '10.96.7.7').verdict).toBe('delivered')
    policy(cluster, 'friends', { podSelector: { matchLabels: { app: 'server' } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }] }] })
    const verdicts = ['friend', 'stranger', 'near', 'nearby'].map((from) => connect(cluster, from, '10.96.7.7').verdict)
    expect(verdicts).toEqual(['delivered', 'dropped', 'delivered', 'dropped'])
  })

  test('an ipBlock with exceptions becomes a block of marks', () => {
    const cluster = settled('None')
    run(cluster, 'client', { node: 'worker-1' })
    run(cluster, 'server', { node: 'worker-2' })
    cluster.settle()
    policy(cluster, 'block', { podSelector: { matchLabels: { app: 'server' } }, ingress: [{ from: [{ ipBlock: { cidr: '10.244.0.0/16', except: [`${ipOf(cluster, 'client')}/32`] } }] }] })
    expect(connect(cluster, 'client', ipOf(cluster, 'server')).verdict).toBe('dropped')
    const chain = cluster.nodes.get('worker-2')!.network.netfilter.save('filter').split('\n').filter((l) => l.startsWith('-A cali-pi-')).map((l) => l.replace(/^-A \S+ |-m comment --comment "[^"]*" /g, ''))
    expect(chain).toEqual([
      '-j MARK --set-xmark 0x80000/0x180000',
      `-s ${ipOf(cluster, 'client')}/32 -j MARK --set-xmark 0x0/0x80000`,
      '-s 10.244.0.0/16 -m mark --mark 0x80000/0x80000 -j MARK --set-xmark 0x10000/0x10000',
    ])
  })

  test('who drops BGP loses the routes when the hold time is over, and has them again when it is let through', () => {
    const cluster = settled('None')
    run(cluster, 'a', { node: 'worker-1' })
    run(cluster, 'b', { node: 'worker-2' })
    cluster.settle()
    const route = (): boolean => routes(cluster, 'worker-1').some((r) => r.includes('via 172.18.0.4 dev eth0 proto bird'))
    expect(route()).toBe(true)
    const { netfilter } = cluster.nodes.get('worker-1')!.network
    for (const end of ['--dport', '--sport']) netfilter.command(['-I', 'INPUT', '-p', 'tcp', end, '179', '-s', '172.18.0.4', '-j', 'DROP'])
    cluster.clock.runFor(60_000)
    expect(route()).toBe(true)
    cluster.clock.runFor(300_000)
    expect(route()).toBe(false)
    for (const end of ['--dport', '--sport']) netfilter.command(['-D', 'INPUT', '-p', 'tcp', end, '179', '-s', '172.18.0.4', '-j', 'DROP'])
    cluster.clock.runFor(300_000)
    expect(route()).toBe(true)
  })

  test('calico-node that ends says so at its Node, which gets no new Pods until the next one runs', () => {
    const cluster = settled('IPIP')
    const node = (): string[] => {
      const { status, spec } = cluster.client.get<Node>('nodes', undefined, 'worker-1')
      return [...status.conditions!.filter((c) => c.type === 'NetworkUnavailable').map((c) => `${c.status} ${c.reason}: ${c.message}`), ...(spec.taints ?? []).map((t) => t.key)]
    }
    expect(node()).toEqual(['False CalicoIsUp: Calico is running on this node'])
    const [pod] = cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=calico-node', fieldSelector: 'spec.nodeName=worker-1' }).items
    cluster.client.delete('pods', 'kube-system', pod!.metadata.name)
    cluster.clock.runFor(300)
    expect(node()).toEqual(['True CalicoIsDown: Calico is shutting down on this node', 'node.kubernetes.io/network-unavailable'])
    cluster.clock.runFor(30_000)
    expect(node()).toEqual(['False CalicoIsUp: Calico is running on this node'])
    expect(cluster.client.list<Event>('events', { namespace: 'kube-system' }).items.filter((e) => e.reason === 'FailedPreStopHook')).toEqual([])
  })

  test('BIRD puts back what somebody deletes, and Felix its rules', () => {
    const cluster = settled('None')
    run(cluster, 'a', { node: 'worker-2' })
    cluster.settle()
    const { network } = cluster.nodes.get('worker-1')!
    const lost = network.routes.list('main').find((r) => r.protocol === 'bird' && r.via === '172.18.0.4')!
    network.routes.remove(lost)
    network.netfilter.command(['-t', 'nat', '-F', 'cali-nat-outgoing'])
    cluster.clock.runFor(100_000)
    expect(network.routes.list('main')).toContainEqual(lost)
    expect(network.netfilter.save('nat')).toContain('-A cali-nat-outgoing -m comment --comment "cali:flqWnvo8yq4ULQLa" -m set --match-set cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully')
  })
})

describe('Felix\'s rules', () => {
  test('outlive calico-node, and its next Pod clears away what has become old', () => {
    const cluster = settled('IPIP')
    run(cluster, 'server', { node: 'worker-2' })
    run(cluster, 'client', { node: 'worker-1' })
    cluster.settle()
    policy(cluster, 'none', { podSelector: {} })
    const { netfilter } = cluster.nodes.get('worker-2')!.network
    const agent = cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=calico-node', fieldSelector: 'spec.nodeName=worker-2' }).items[0]!
    cluster.faults.apply(['cni-down', 'worker-2'])
    cluster.clock.runFor(5_000)
    cluster.client.delete('networkpolicies', 'default', 'none')
    cluster.clock.runFor(5_000)
    expect(netfilter.save('filter')).toContain('Policy default/knp.default.none ingress')
    expect(connect(cluster, 'client', ipOf(cluster, 'server')).verdict).toBe('dropped')
    cluster.faults.clear(['cni-down/worker-2'])
    cluster.clock.runFor(60_000)
    expect(netfilter.save('filter')).not.toContain('cali-pi-')
    expect(connect(cluster, 'client', ipOf(cluster, 'server')).verdict).toBe('delivered')
    expect(cluster.client.get<Pod>('pods', 'kube-system', agent.metadata.name).status.containerStatuses![0]!.restartCount).toBeGreaterThan(0)
    const top = netfilter.save('filter').split('\n').filter((l) => l.startsWith('-A FORWARD') && l.includes('cali:'))
    expect(top).toHaveLength(3)
  })

  test('and routes come back after the machine was switched off', () => {
    const cluster = settled('IPIP')
    run(cluster, 'server', { node: 'worker-2' })
    run(cluster, 'client', { node: 'worker-1' })
    cluster.settle()
    cluster.faults.apply(['node-down', 'worker-2'])
    cluster.clock.runFor(20_000)
    cluster.faults.clear(['node-down/worker-2'])
    cluster.clock.runFor(120_000)
    expect(connect(cluster, 'client', ipOf(cluster, 'server')).verdict).toBe('delivered')
  })

  test('bear the hashes that Felix v3 gives them on real clusters', () => {
    const saved = settled('IPIP').nodes.get('worker-1')!.network.netfilter.save()
    for (const line of [
      '-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT',
      '-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD',
      '-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 -j ACCEPT',
      '-A FORWARD -m comment --comment "cali:mp77cMpurHhyjLrM" -j MARK --set-xmark 0x10000/0x10000',
      '-A OUTPUT -m comment --comment "cali:tVnHkvAo15HuiPy0" -j cali-OUTPUT',
      '-A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING',
      '-A cali-INPUT -p ipencap -m comment --comment "cali:PajejrV4aFdkZojI" -m comment --comment "Allow IPIP packets from Calico hosts" -m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT',
      '-A cali-POSTROUTING -o tunl0 -m comment --comment "cali:SXWvdsbh4Mw7wOln" -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL -j MASQUERADE --random-fully',
      '-A cali-wl-to-host -m comment --comment "cali:nSZbcOoG1xPONxb8" -m comment --comment "Configured DefaultEndpointToHostAction" -j ACCEPT',
    ]) expect(saved).toContain(line)
  })
})

describe('Calico\'s own policies', () => {
  function calicoPolicy(cluster: SimulatedCluster, kind: string, name: string, spec: object): void {
    const namespace = kind === 'NetworkPolicy' ? 'default' : undefined
    const plural = `${kind.toLowerCase().replace(/y$/, 'ie')}s.crd.projectcalico.org`
    cluster.client.create(plural, namespace, { apiVersion: 'crd.projectcalico.org/v1', kind, metadata: { name }, spec })
    cluster.settle()
  }

  function threePods(): { cluster: SimulatedCluster; server: string } {
    const cluster = settled('IPIP')
    run(cluster, 'friend', { node: 'worker-1', labels: { role: 'friend' } })
    run(cluster, 'stranger', { node: 'worker-2', labels: { role: 'stranger' } })
    run(cluster, 'server', { node: 'worker-2' })
    cluster.settle()
    return { cluster, server: ipOf(cluster, 'server') }
  }

  test('a lower order is asked first, Deny ends it, and the hop names the policy', () => {
    const { cluster, server } = threePods()
    calicoPolicy(cluster, 'GlobalNetworkPolicy', 'default.deny-strangers', { order: 10, selector: "app == 'server'", types: ['Ingress'], ingress: [{ action: 'Deny', source: { selector: "role in {'stranger', 'enemy'}" } }, { action: 'Pass' }] })
    calicoPolicy(cluster, 'NetworkPolicy', 'default.allow-web', { order: 20, selector: "app == 'server'", ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80, '8080:8090'] } }] })
    expect(connect(cluster, 'friend', server).verdict).toBe('delivered')
    const denied = connect(cluster, 'stranger', server)
    expect(denied).toMatchObject({ verdict: 'dropped', text: expect.stringContaining('A rule of the policy default.deny-strangers denies it.') as string })
  })

  test('what would do nothing is refused, and says so', () => {
    const { cluster } = threePods()
    const create = (kind: string, plural: string, spec: object) => (): unknown => cluster.client.create(`${plural}.crd.projectcalico.org`, undefined, { apiVersion: 'crd.projectcalico.org/v1', kind, metadata: { name: 'one' }, spec })
    expect(create('FelixConfiguration', 'felixconfigurations', { wireguardEnabledV6: true })).toThrow("podhop: not simulated: wireguardEnabledV6 of Calico's FelixConfiguration")
    expect(create('BGPPeer', 'bgppeers', { peerIP: '10.0.0.1', asNumber: 64512, keepOriginalNextHop: true })).toThrow("podhop: not simulated: keepOriginalNextHop of Calico's BGPPeer (node, nodeSelector, peerIP, peerSelector, asNumber, filters, maxRestartTime, numAllowedLocalASNumbers, reachableBy and sourceAddress are)")
    expect(create('GlobalNetworkPolicy', 'globalnetworkpolicies', { selector: 'all()', ingress: [{ action: 'Allow', http: { methods: ['GET'] } }] })).toThrow("podhop: not simulated: http of Calico's policies")
    expect(create('BGPConfiguration', 'bgpconfigurations', { nodeToNodeMeshEnabled: true })).not.toThrow()
    const patch = (hostEndpoint: object) => (): unknown => cluster.client.patch('kubecontrollersconfigurations.crd.projectcalico.org', undefined, 'default', 'application/merge-patch+json', { spec: { controllers: { node: { hostEndpoint } } } })
    expect(patch({ autoCreate: 'Enabled', templates: [{ generateName: 'a' }] })).toThrow("podhop: not simulated: templates of Calico's KubeControllersConfiguration")
    expect(patch({ autoCreate: 'Disabled' })).not.toThrow()
  })

  test('a policy that Felix does not understand counts as missing, and its log says why', () => {
    const { cluster, server } = threePods()
    calicoPolicy(cluster, 'GlobalNetworkPolicy', 'default.wrong', { selector: 'all()', ingress: [{ action: 'Deny', destination: { ports: [80] } }] })
    expect(connect(cluster, 'friend', server).verdict).toBe('delivered')
    let text = ''
    const pod = cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=calico-node' }).items[0]!
    cluster.client.logs('kube-system', pod.metadata.name, { container: 'calico-node' }, { onLine: (line) => (text += line), onEnd: () => undefined })
    cluster.settle()
    expect(text).toContain('Validation failed; treating as missing key=default.wrong error=rules that specify ports must set protocol to TCP or UDP or SCTP')
  })

  test('what no rule allows is dropped at the end of the tier, and the hop names who selected the Pod', () => {
    const { cluster, server } = threePods()
    calicoPolicy(cluster, 'NetworkPolicy', 'default.allow-friend', { selector: "app == 'server'", ingress: [{ action: 'Allow', source: { selector: "role == 'friend' && !has(banned)" } }] })
    expect(connect(cluster, 'friend', server).verdict).toBe('delivered')
    expect(connect(cluster, 'stranger', server)).toMatchObject({ verdict: 'dropped', text: expect.stringContaining('default/default.allow-friend selects default/server, and no rule of it allows the packet.') as string })
  })
})
