import { describe, expect, it } from 'vitest'
import type { Network } from '../../../engine/network/fabric.ts'
import type { NetworkNamespace } from '../../../engine/network/types.ts'
import { testMachine, twoNodes as plainNodes, type Ran, type TestMachine } from '../machines.samples.ts'

/** Nodes that have named network namespaces, as a cluster's nodes have. */
function twoNodes(): ReturnType<typeof plainNodes> {
  const nodes = plainNodes()
  for (const { machine, network } of [nodes.node1, nodes.node2]) Object.defineProperty(machine, 'netns', { value: namesOn(nodes.network, network.name) })
  return nodes
}

function namesOn(network: Network, machine: string): NonNullable<TestMachine['machine']['netns']> {
  const own = new Map<string, NetworkNamespace>()
  return {
    list: () => [...own].map(([name, each]) => ({ name, network: each })),
    get: (name) => own.get(name),
    add: (name) => {
      const made = network.createNamespace({ name: `${machine}/${name}`, kind: 'node', machine })
      own.set(name, made)
      return made
    },
    remove: (name) => {
      own.get(name)?.destroy()
      own.delete(name)
    },
  }
}

/** These machines have no files, and so no programs that `ip -n` and `ip netns exec` could start. */
function run(node: TestMachine, line: string): Ran {
  const [, name, rest] = /^ip (?:-n|netns exec) (\S+) (.*)$/.exec(line) ?? []
  if (name === undefined) return node.run(line)
  return testMachine(node.machine.netns!.get(name)!).run(line.startsWith('ip -n') ? `ip ${rest!}` : rest!)
}

/** Runs lines that must all go well. */
function all(machine: TestMachine, ...lines: string[]): void {
  for (const line of lines) expect([line, run(machine, line)]).toMatchObject([line, { stderr: '', code: 0 }])
}

const received = (machine: TestMachine, address: string): boolean => machine.run(`ping -c 1 -W 1 ${address}`).code === 0

describe('ip link add type vlan', () => {
  it('keeps the frames of a VLAN apart on the same wire, with a tag that tcpdump shows', () => {
    const { node1, node2 } = twoNodes()
    for (const [node, last] of [[node1, 1], [node2, 2]] as const) {
      all(node, 'ip link add link eth0 name eth0.100 type vlan id 100', `ip addr add 10.100.0.${last}/24 dev eth0.100`, 'ip link set eth0.100 up')
    }
    const wire = node2.start('tcpdump -nte -i eth0 -c 4 vlan 100')
    const file = node2.start('tcpdump -ni eth0 -c 4 -w /tmp/tags.pcap vlan')
    const inner = node2.start('tcpdump -nte -i eth0.100 -c 4')
    const other = node2.start('tcpdump -nt -i eth0 -c 1 vlan 7')
    expect(received(node1, '10.100.0.2')).toBe(true)
    const lines = wire.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^\S+ > ff:ff:ff:ff:ff:ff, ethertype 802\.1Q \(0x8100\), length 46: vlan 100, p 0, ethertype ARP \(0x0806\), Request who-has 10\.100\.0\.2 tell 10\.100\.0\.1, length 28$/)
    expect(lines[2]).toMatch(/, ethertype 802\.1Q \(0x8100\), length 102: vlan 100, p 0, ethertype IPv4 \(0x0800\), 10\.100\.0\.1 > 10\.100\.0\.2: ICMP echo request/)
    expect(inner.stdout.split('\n')[2]).toMatch(/, ethertype IPv4 \(0x0800\), length 98: 10\.100\.0\.1 > 10\.100\.0\.2: ICMP echo request/)
    expect(other.stdout).toBe('')
    expect(file.code).toBe(0)
    expect(node2.run('tcpdump -nte -r /tmp/tags.pcap').stdout.split('\n')[2]).toBe(lines[2])
    // another number is another network
    all(node2, 'ip link del eth0.100', 'ip link add link eth0 name eth0.101 type vlan id 101', 'ip addr add 10.100.0.2/24 dev eth0.101', 'ip link set eth0.101 up')
    all(node1, 'ip neigh flush all')
    expect(received(node1, '10.100.0.2')).toBe(false)
  })

  it('is shown as iproute2 shows it, and goes down and comes up with the link below', () => {
    const { node1 } = twoNodes()
    all(node1, 'ip link add link eth0 name eth0.5 type vlan id 5', 'ip link set eth0.5 up')
    const text = node1.run('ip -d link show eth0.5').stdout
    expect(text).toMatch(/^\d+: eth0\.5@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\n {4}link\/ether (\S+) brd ff:ff:ff:ff:ff:ff promiscuity 0 {2}allmulti 0 minmtu 0 maxmtu 65535 \n {4}vlan protocol 802\.1Q id 5 <REORDER_HDR> addrgenmode eui64 /)
    expect(text).toContain(`link/ether ${node1.network.links.get('eth0')!.mac} `)
    expect(JSON.parse(node1.run('ip -d -j link show eth0.5').stdout)[0].linkinfo).toEqual({ info_kind: 'vlan', info_data: { protocol: '802.1Q', id: 5, flags: ['REORDER_HDR'] } })
    all(node1, 'ip link set eth0 down')
    expect(node1.run('ip link show eth0.5').stdout).toContain('<BROADCAST,MULTICAST,M-DOWN> mtu 1500 qdisc noqueue state DOWN ')
    expect(node1.run('ip link set eth0.5 up')).toMatchObject({ stderr: 'RTNETLINK answers: Network is down\n', code: 2 })
    all(node1, 'ip link set eth0 up')
    expect(node1.run('ip -br link show type vlan').stdout).toMatch(/^eth0\.5@eth0 +UP /)
  })

  it('refuses as the kernel does', () => {
    const { node1 } = twoNodes()
    const said = (rest: string): string => {
      const { stderr, code } = node1.run(`ip link add ${rest}`)
      return `${code} ${stderr}`
    }
    all(node1, 'ip link add link eth0 name v5 type vlan id 5')
    expect(said('link eth0 name v6 type vlan id 5')).toBe('2 Error: 8021q: VLAN device already exists.\n')
    expect(said('link eth0 name v6 type vlan')).toBe('2 Error: 8021q: VLAN properties not specified.\n')
    expect(said('link eth0 name v6 type vlan protocol 802.1q')).toBe('2 Error: 8021q: VLAN id not specified.\n')
    expect(said('link eth0 name v6 type vlan id 4095')).toBe('2 Error: 8021q: Invalid VLAN id.\n')
    expect(said('link lo name v6 type vlan id 5')).toBe('2 Error: 8021q: VLANs not supported on device.\n')
    expect(said('name v6 type vlan id 6')).toBe('2 Error: 8021q: link not specified.\n')
    expect(said('link eth0 name v6 type vlan id x')).toBe('255 Error: argument "x" is wrong: id is invalid\n\n')
    expect(said('link eth0 name v6 type vlan foo')).toMatch(/^1 vlan: unknown command "foo"\?\nUsage: \.\.\. vlan id VLANID\n/)
    expect(said('link eth0 name v6 type vlan id 6 gvrp on')).toMatch(/^69 podhop: not simulated: ip link add type vlan gvrp on/)
    expect(said('link eth0 name v6 mtu 9000 type vlan id 6')).toBe('2 RTNETLINK answers: Invalid argument\n')
    // the same number of the other protocol is another VLAN
    expect(said('link eth0 name v6 type vlan protocol 802.1ad id 5')).toBe('0 ')
  })

  it('goes two deep', () => {
    const { node1, node2 } = twoNodes()
    for (const [node, last] of [[node1, 1], [node2, 2]] as const) {
      all(node, 'ip link add link eth0 name outer type vlan protocol 802.1ad id 200', 'ip link set outer up', 'ip link add link outer name inner type vlan id 7', `ip addr add 10.7.0.${last}/24 dev inner`, 'ip link set inner up')
    }
    const wire = node2.start('tcpdump -nte -i eth0 -c 3')
    expect(received(node1, '10.7.0.2')).toBe(true)
    expect(wire.stdout.split('\n')[2]).toMatch(/, ethertype 802\.1Q-QinQ \(0x88a8\), length 106: vlan 200, p 0, ethertype 802\.1Q \(0x8100\), vlan 7, p 0, ethertype IPv4 \(0x0800\), 10\.7\.0\.1 > 10\.7\.0\.2/)
  })
})

describe('ip link add type macvlan and ipvlan', () => {
  it('a macvlan link in a network namespace is a neighbour on the nodes’ network, but not the node’s own', () => {
    const { node1, node2 } = twoNodes()
    all(node1, 'ip netns add one', 'ip netns add two')
    for (const [name, last] of [['one', 201], ['two', 202]] as const) {
      all(node1, `ip link add link eth0 name mv-${name} type macvlan mode bridge`, `ip link set mv-${name} netns ${name}`, `ip -n ${name} addr add 172.18.0.${last}/24 dev mv-${name}`, `ip -n ${name} link set mv-${name} up`)
    }
    const eth0 = node1.network.links.get('eth0')!
    expect(run(node1, 'ip -n one -d link show mv-one').stdout).toMatch(new RegExp(`^\\d+: mv-one@if${eth0.index}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\\n {4}link/ether \\S+ brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \\n {4}macvlan mode bridge bcqueuelen 1000 usedbcqueuelen 1000 addrgenmode`))
    expect(received(node2, '172.18.0.201')).toBe(true)
    expect(run(node1, 'ip netns exec one ping -c 1 -W 1 172.18.0.3').code).toBe(0)
    expect(run(node1, 'ip netns exec one ping -c 1 -W 1 172.18.0.202').code).toBe(0)
    expect(received(node1, '172.18.0.201')).toBe(false)
    expect(run(node1, 'ip netns exec one ping -c 1 -W 1 172.18.0.2').code).toBe(1)
    expect(node2.run('ip neigh show 172.18.0.201').stdout).not.toContain(eth0.mac)
  })

  it('private macvlan links do not reach each other', () => {
    const { node1, node2 } = twoNodes()
    for (const [name, last] of [['one', 201], ['two', 202]] as const) {
      all(node1, `ip netns add ${name}`, `ip link add link eth0 name m-${name} type macvlan mode private`, `ip link set m-${name} netns ${name}`, `ip -n ${name} addr add 172.18.0.${last}/24 dev m-${name}`, `ip -n ${name} link set m-${name} up`)
    }
    expect(received(node2, '172.18.0.201')).toBe(true)
    expect(run(node1, 'ip netns exec one ping -c 1 -W 1 172.18.0.202').code).toBe(1)
    expect(node1.run('ip link add link eth0 name all type macvlan mode passthru').stderr).toBe('RTNETLINK answers: Invalid argument\n')
    expect(node1.run('ip link add link lo name m type macvlan').stderr).toBe('RTNETLINK answers: Invalid argument\n')
    expect(node1.run('ip link add link eth0 name i type ipvlan').stderr).toBe('RTNETLINK answers: Device or resource busy\n')
    all(node1, 'ip link add link eth0 name m3 type macvlan', `ip link set m3 address ${node1.network.links.get('eth0')!.mac}`)
    expect(node1.run('ip link set m3 up')).toMatchObject({ stderr: 'RTNETLINK answers: Address already in use\n', code: 2 })
  })

  it('ipvlan in mode l2 shares the node’s MAC address, in mode l3 needs a route', () => {
    const { node1, node2 } = twoNodes()
    const eth0 = node1.network.links.get('eth0')!
    for (const [name, last] of [['one', 201], ['two', 202]] as const) {
      all(node1, `ip netns add ${name}`, `ip link add link eth0 name ip-${name} type ipvlan mode l2`, `ip link set ip-${name} netns ${name}`, `ip -n ${name} addr add 172.18.0.${last}/24 dev ip-${name}`, `ip -n ${name} link set ip-${name} up`)
    }
    expect(run(node1, 'ip -n one -d link show ip-one').stdout).toContain('\n    ipvlan  mode l2 bridge addrgenmode eui64')
    expect(received(node2, '172.18.0.201')).toBe(true)
    expect(node2.run('ip neigh show 172.18.0.201').stdout).toContain(`lladdr ${eth0.mac} `)
    expect(run(node1, 'ip netns exec one ping -c 1 -W 1 172.18.0.202').code).toBe(0)
    expect(received(node1, '172.18.0.201')).toBe(false)
    all(node1, 'ip -n two link del ip-two', 'ip -n one link set ip-one type ipvlan mode l3', 'ip -n one addr flush dev ip-one', 'ip -n one addr add 10.55.0.1/32 dev ip-one', 'ip -n one route add default dev ip-one')
    expect(run(node1, 'ip -n one link show ip-one').stdout).toContain('<BROADCAST,MULTICAST,NOARP,UP,LOWER_UP>')
    expect(received(node2, '10.55.0.1')).toBe(false)
    all(node2, 'ip route add 10.55.0.1/32 via 172.18.0.2')
    expect(received(node2, '10.55.0.1')).toBe(true)
    expect(run(node1, 'ip netns exec one ping -c 1 -W 1 172.18.0.3').code).toBe(0)
  })
})

describe('ip link add type bond', () => {
  /** Two wires from the node to a bridge in another network namespace, one bond on the node's side. */
  function bonded(options: string): TestMachine {
    const { node1 } = twoNodes()
    all(node1, 'ip netns add far', 'ip -n far link add sw type bridge', 'ip -n far addr add 10.9.0.2/24 dev sw', 'ip -n far link set sw up', `ip link add bond0 type bond ${options}`)
    for (const wire of ['w1', 'w2']) all(node1, `ip link add ${wire} type veth peer name far-${wire} netns far`, `ip -n far link set far-${wire} master sw up`, `ip link set ${wire} master bond0`)
    all(node1, 'ip addr add 10.9.0.1/24 dev bond0', 'ip link set bond0 up')
    return node1
  }

  it('takes the other slave when the active one has lost its carrier, if it looks', () => {
    const node = bonded('mode active-backup miimon 100')
    expect(received(node, '10.9.0.2')).toBe(true)
    const shown = node.run('ip -d link show bond0').stdout
    expect(shown).toMatch(/^\d+: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP /)
    expect(shown).toContain('\n    bond mode active-backup active_slave w1 miimon 100 updelay 0 downdelay 0 peer_notify_delay 0 use_carrier 1 ')
    expect(node.run('ip -d link show w2').stdout).toMatch(/<BROADCAST,MULTICAST,SLAVE,UP,LOWER_UP> mtu 1500 qdisc noqueue master bond0 state UP .*\n.*\n {4}veth \n {4}bond_slave state BACKUP mii_status UP link_failure_count 0 perm_hwaddr \S+ queue_id 0 addrgenmode/)
    all(node, 'ip -n far link set far-w1 down')
    node.network.clock.runUntil(node.network.clock.now + 300)
    expect(received(node, '10.9.0.2')).toBe(true)
    expect(node.run('ip -d link show bond0').stdout).toContain(' active_slave w2 ')
    expect(node.run('ip -d link show w1').stdout).toContain('bond_slave state BACKUP mii_status DOWN link_failure_count 1 ')
    expect(node.run('dmesg').stdout).toMatch(/bond0: \(slave w1\): link status definitely down, disabling slave\n.*bond0: \(slave w2\): making interface the new active one\n/)
  })

  it('with miimon 0 it does not look', () => {
    const node = bonded('mode active-backup')
    all(node, 'ip -n far link set far-w1 down')
    node.network.clock.runUntil(node.network.clock.now + 5000)
    expect(received(node, '10.9.0.2')).toBe(false)
    all(node, 'ip link set bond0 type bond active_slave w2')
    expect(received(node, '10.9.0.2')).toBe(true)
  })

  it('refuses a link that is up, and gives a slave its own address back', () => {
    const node = bonded('mode active-backup miimon 100')
    const own = /perm_hwaddr (\S+)/.exec(node.run('ip -d link show w2').stdout)![1]!
    all(node, 'ip link set w2 nomaster')
    expect(node.network.links.get('w2')).toMatchObject({ mac: own, up: false })
    all(node, 'ip link set w2 up')
    expect(node.run('ip link set w2 master bond0')).toMatchObject({ stderr: 'Error: Device can not be enslaved while up.\n', code: 2 })
    expect(node.run('ip link add b type bond mode 802.3ad').stderr).toMatch(/^podhop: not simulated: bond mode 802.3ad/)
    expect(node.run('ip link add b type bond mode nope')).toMatchObject({ stderr: 'Error: argument "nope" is wrong: invalid mode\n\n', code: 255 })
  })
})

describe('a bridge with VLAN filtering', () => {
  it('lets a port’s VLANs through, with or without their tag', () => {
    const { node1 } = twoNodes()
    all(node1, 'ip link add sw type bridge vlan_filtering 1', 'ip link set sw up')
    for (const [name, last] of [['red', 1], ['blue', 2], ['trunk', 3]] as const) {
      all(node1, `ip netns add ${name}`, `ip link add p-${name} type veth peer name e0 netns ${name}`, `ip link set p-${name} master sw up`, `ip -n ${name} link set e0 up`, `ip -n ${name} addr add 10.10.0.${last}/24 dev e0`)
    }
    const reaches = (from: string, to: number): boolean => run(node1, `ip netns exec ${from} ping -c 1 -W 1 10.10.0.${to}`).code === 0
    expect(reaches('red', 2)).toBe(true)
    expect(node1.run('bridge vlan show dev p-red').stdout).toBe('port              vlan-id  \np-red             1 PVID Egress Untagged\n')
    all(node1, 'bridge vlan add vid 10 dev p-red pvid untagged', 'bridge vlan del vid 1 dev p-red', 'bridge vlan add vid 10 dev p-trunk')
    expect(reaches('red', 2)).toBe(false)
    all(node1, 'ip -n trunk addr flush dev e0', 'ip -n trunk link add link e0 name e0.10 type vlan id 10', 'ip -n trunk addr add 10.10.0.3/24 dev e0.10', 'ip -n trunk link set e0.10 up')
    expect(reaches('red', 3)).toBe(true)
    expect(reaches('blue', 3)).toBe(false)
    all(node1, 'bridge vlan add vid 10 dev p-blue pvid untagged')
    expect(reaches('blue', 1)).toBe(true)
    expect(node1.run('bridge vlan show dev p-trunk').stdout).toBe('port              vlan-id  \np-trunk           1 PVID Egress Untagged\n                  10\n')
    expect(node1.run('bridge fdb show br sw vlan 10').stdout).toMatch(/ dev p-red vlan 10 master sw \n/)
    expect(node1.run('ip -d link show sw').stdout).toContain(' vlan_filtering 1 vlan_protocol 802.1Q ')
    // the bridge itself is in VLAN 1 only
    all(node1, 'bridge vlan add vid 10 dev sw self', 'ip link add link sw name sw.10 type vlan id 10', 'ip addr add 10.10.0.9/24 dev sw.10', 'ip link set sw.10 up')
    expect(reaches('red', 9)).toBe(true)
  })

  it('refuses as bridge(8) does', () => {
    const { node1 } = twoNodes()
    const said = (line: string): string => {
      const { stderr, code } = node1.run(`bridge vlan ${line}`)
      return `${code} ${stderr}`
    }
    expect(said('add dev eth0')).toBe('255 Device and VLAN ID are required arguments.\n')
    expect(said('add vid 5000 dev eth0')).toBe('255 Invalid VLAN ID "5000"\n')
    expect(said('add vid 9-5 dev eth0')).toBe('255 Invalid VLAN range "9-5"\n')
    expect(said('add vid 5-9 dev eth0 pvid')).toBe('255 pvid cannot be configured for a vlan range\n')
    expect(said('add vid 5 dev eth0')).toBe('255 RTNETLINK answers: Operation not supported\n')
    expect(said('add vid 5 dev nope')).toBe('255 Cannot find bridge device "nope"\n')
  })
})
