import { describe, expect, test } from 'vitest'
import { HostLocal } from './host-local.ts'
import { fetch, SmallCluster } from './small-cluster.samples.ts'

describe('bridge', () => {
  test('a Pod gets the next address of its node, a veth in cbr0 and a way to the other nodes', () => {
    const cluster = new SmallCluster('bridge')
    const [a, b] = [cluster.pod('a', 'worker-1', 'nginx'), cluster.pod('b', 'worker-1', 'nginx')]
    expect([a.ip, b.ip]).toEqual(['10.244.1.2', '10.244.1.3'])
    const { network } = cluster.nodes.get('worker-1')!
    expect(network.links.get('cbr0')!.addresses[0]).toMatchObject({ address: '10.244.1.1', prefixLength: 24 })
    expect(network.routes.list('main')).toContainEqual(expect.objectContaining({ destination: '10.244.2.0/24', via: '172.18.0.3', device: 'eth0' }))
    expect(a.sandbox.network.routes.list('main')).toContainEqual(expect.objectContaining({ destination: '0.0.0.0/0', via: '10.244.1.1', device: 'eth0' }))
    expect(network.netfilter.save('nat')).toContain('-A POSTROUTING ! -d 10.244.0.0/16 -m comment --comment "kubenet: SNAT for outbound traffic from cluster" -m addrtype ! --dst-type LOCAL -j MASQUERADE')
  })

  test('Pods reach each other on one node and across nodes, and nobody rewrites their addresses', () => {
    const cluster = new SmallCluster('bridge')
    const web = cluster.pod('web', 'worker-1', 'nginx')
    for (const node of ['worker-1', 'worker-2']) {
      const client = cluster.pod(`client-${node}`, node, 'busybox', { command: ['sleep', 'infinity'] })
      const got = cluster.run(client.machine, (p) => fetch(p, web.ip, 80))
      expect(got.body).toContain('Welcome to nginx!')
      expect(got.journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: client.ip, finalDestination: `${web.ip}:80` })
    }
  })

  test('what leaves the cluster has the node\'s address', () => {
    const cluster = new SmallCluster('bridge')
    const client = cluster.pod('client', 'worker-2', 'busybox', { command: ['sleep', 'infinity'] })
    const got = cluster.run(client.machine, (p) => fetch(p, '172.18.0.1', 80))
    expect(got.body).toContain('You came from 172.18.0.3.')
  })

  test('a Pod that goes gives its address back, but the next one gets a later address first', () => {
    const cluster = new SmallCluster('bridge')
    const a = cluster.pod('a', 'worker-1', 'nginx')
    const node = cluster.nodes.get('worker-1')!
    cluster.plugin.remove(node, a.sandbox)
    expect(cluster.pod('b', 'worker-1', 'nginx').ip).toBe('10.244.1.3')
    expect(node.machine.fs.readDirectory('/var/lib/cni/networks/kubenet')).toEqual(['10.244.1.3', 'last_reserved_ip.0', 'lock'])
  })

  test('a node whose podCIDR is unknown is not ready', () => {
    const cluster = new SmallCluster('bridge', ['worker-1'])
    const node = cluster.nodes.get('worker-1')!
    expect(cluster.plugin.status(node)).toBeUndefined()
    node.machine.fs.remove('/etc/cni/net.d/10-bridge.conflist')
    expect(cluster.plugin.status(node)).toBe('cni plugin not initialized')
  })
})

describe('flannel', () => {
  test('writes what flanneld writes: subnet.env, VXLAN device, routes, neighbours, FDB, annotations', () => {
    const cluster = new SmallCluster('flannel')
    const { network, machine } = cluster.nodes.get('worker-1')!
    const other = cluster.nodes.get('worker-2')!.network.links.get('flannel.1')!
    expect(machine.fs.readText('/run/flannel/subnet.env')).toBe('FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n')
    const device = network.links.get('flannel.1')!
    expect(device.mtu).toBe(1450)
    expect(device.addresses[0]).toMatchObject({ address: '10.244.1.0', prefixLength: 32 })
    expect(network.routes.list('main')).toContainEqual(expect.objectContaining({ destination: '10.244.2.0/24', via: '10.244.2.0', device: 'flannel.1', onlink: true }))
    expect(network.neighbours.list()).toContainEqual(expect.objectContaining({ ip: '10.244.2.0', device: 'flannel.1', mac: other.mac, state: 'PERMANENT' }))
    expect((device as unknown as { forwarding(): unknown }).forwarding()).toEqual([{ mac: other.mac, vtep: '172.18.0.3' }])
    const node = cluster.store.get('nodes', undefined, 'worker-1') as { metadata: { annotations?: Record<string, string> } }
    expect(node.metadata.annotations).toMatchObject({
      'flannel.alpha.coreos.com/backend-data': `{"VNI":1,"VtepMAC":"${device.mac}"}`,
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/public-ip': '172.18.0.2',
    })
  })

  test('its iptables rules are flannel\'s, and come back when somebody flushes them', () => {
    const cluster = new SmallCluster('flannel')
    const { netfilter } = cluster.nodes.get('worker-1')!.network
    const flannel = (): string[] => netfilter.save().split('\n').filter((l) => l.includes('FLANNEL') && l.startsWith('-A'))
    const before = flannel()
    expect(before).toEqual([
      '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
      '-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      '-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
      '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
      '-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
    ])
    netfilter.command(['-t', 'nat', '-F'])
    cluster.clock.runFor(6000)
    expect(flannel().sort()).toEqual(before.sort())
  })

  test('Pods on two nodes talk through the tunnel with their own addresses', () => {
    const cluster = new SmallCluster('flannel')
    const web = cluster.pod('web', 'worker-1', 'nginx')
    const client = cluster.pod('client', 'worker-2', 'busybox', { command: ['sleep', 'infinity'] })
    expect(client.sandbox.network.links.get('eth0')!.mtu).toBe(1450)
    const got = cluster.run(client.machine, (p) => fetch(p, web.ip, 80))
    expect(got.journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: client.ip })
    expect(got.journey!.hops.map((h) => h.stage)).toEqual(expect.arrayContaining(['encapsulate', 'decapsulate']))
  })

  test('without subnet.env a Pod fails with the plugin\'s own words', () => {
    const cluster = new SmallCluster('flannel', ['worker-1'])
    cluster.nodes.get('worker-1')!.machine.fs.remove('/run/flannel/subnet.env')
    expect(() => cluster.pod('a', 'worker-1', 'nginx')).toThrow(
      'plugin type="flannel" failed (add): failed to load flannel \'subnet.env\' file: open /run/flannel/subnet.env: no such file or directory. Check the flannel pod log for this node.',
    )
  })

  test('a stopped flanneld leaves its routes; a new node stays unknown to it', () => {
    const cluster = new SmallCluster('flannel')
    const { network } = cluster.nodes.get('worker-1')!
    cluster.agents.get('worker-1')!.stop()
    cluster.store.remove('nodes', undefined, 'worker-2')
    cluster.clock.runFor(1000)
    expect(network.routes.list('main')).toContainEqual(expect.objectContaining({ destination: '10.244.2.0/24' }))
  })
})

test('host-local says so when a subnet is used up', () => {
  const cluster = new SmallCluster('bridge', ['worker-1'])
  const ipam = new HostLocal(cluster.nodes.get('worker-1')!.machine.fs, 'small', '10.9.8.0/29')
  expect(Array.from({ length: 5 }, (_, i) => ipam.allocate(`id${i}`, 'eth0'))).toEqual(['10.9.8.2', '10.9.8.3', '10.9.8.4', '10.9.8.5', '10.9.8.6'])
  expect(() => ipam.allocate('id6', 'eth0')).toThrow('failed to allocate for range 0: no IP addresses available in range set: 10.9.8.1-10.9.8.6')
  ipam.release('id1')
  expect(ipam.allocate('id7', 'eth0')).toBe('10.9.8.3')
})
