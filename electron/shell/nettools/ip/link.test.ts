import { describe, expect, it } from 'vitest'
import { twoNodes } from '../machines.samples.ts'

describe('ip link add', () => {
  it('makes an IP-in-IP tunnel that carries packets, and shows it', () => {
    const { node1, node2, a } = twoNodes()
    for (const [node, other] of [[node1, 3], [node2, 2]] as const) {
      expect(node.run(`ip link add to-other type ipip remote 172.18.0.${other} local 172.18.0.${5 - other} ttl 64`)).toMatchObject({ stdout: '', stderr: '', code: 0 })
      node.run('ip link set to-other up')
      node.run(`ip route replace 10.244.${other - 1}.0/24 dev to-other`)
    }
    expect(node1.run('ip link show to-other').stdout).toMatch(
      /^\d+: to-other@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\n {4}link\/ipip 172.18.0.2 peer 172.18.0.3\n$/,
    )
    const file = node1.start('tcpdump -ni to-other -c 1 -w /tmp/raw.pcap')
    expect(a.run('ping -c 1 10.244.2.2').code).toBe(0)
    expect(file.code).toBe(0)
    const read = node1.run('tcpdump -net -r /tmp/raw.pcap')
    expect(read.stderr).toBe('reading from file /tmp/raw.pcap, link-type RAW (Raw IP), snapshot length 262144\n')
    expect(read.stdout).toMatch(/^ip: 10.244.1.2 > 10.244.2.2: ICMP echo request, id \d+, seq 1, length 64\n$/)
    expect(node1.run('ip -d link show to-other').stdout).toContain('\n    ipip ipip remote 172.18.0.3 local 172.18.0.2 ttl 64 pmtudisc addrgenmode eui64 ')
    const capture = node2.start('tcpdump -ni eth0 -c 1 proto 4')
    const inner = node2.start('tcpdump -ni to-other -c 1 icmp')
    expect(a.run('ping -c 1 10.244.2.2').stdout).toContain('1 received')
    expect(capture.stdout).toMatch(/ IP 172.18.0.2 > 172.18.0.3: IP 10.244.1.2 > 10.244.2.2: ICMP echo request, id \d+, seq 1, length 64\n/)
    expect(inner.stderr).toContain('listening on to-other, link-type RAW (Raw IP), snapshot length 262144 bytes\n')
    expect(inner.stdout).toMatch(/ IP 10.244.1.2 > 10.244.2.2: ICMP echo request, id \d+, seq 1, length 64\n/)
  })

  it('a capture of any interface is a file, too, with the number of the interface of each packet', () => {
    const { node1, a } = twoNodes()
    const file = node1.start('tcpdump -ni any -c 4 -w /tmp/any.pcap icmp')
    expect(a.run('ping -c 1 10.244.2.2').code).toBe(0)
    expect(file.stderr).toContain('listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n')
    expect(file.code).toBe(0)
    const read = node1.run('tcpdump -nt -r /tmp/any.pcap')
    expect(read.stderr).toBe('reading from file /tmp/any.pcap, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144\n')
    const lines = read.stdout.trimEnd().split('\n').map((l) => l.replace(/,.*/, '').replace(/^(veth)\S+/, '$1').replace(/ +/g, ' '))
    expect(lines).toHaveLength(4)
    expect(lines).toContain('eth0 Out IP 10.244.1.2 > 10.244.2.2: ICMP echo request')
    expect(lines.at(-1)).toBe('eth0 In IP 10.244.2.2 > 10.244.1.2: ICMP echo reply')
    expect(lines[0]).toMatch(/ (P|In) IP 10\.244\.1\.2 > 10\.244\.2\.2: ICMP echo request$/)
  })

  it('shows tunl0 as calico’s nodes have it', () => {
    const { node1 } = twoNodes()
    node1.network.createLink('tunl0', { kind: 'ipip', fallback: true })
    node1.run('ip link set tunl0 up')
    expect(node1.run('ip tunnel show').stdout).toBe('tunl0: any/ip remote any local any ttl inherit nopmtudisc\n')
    expect(node1.run('ip tunnel add t1 mode ipip remote 172.18.0.3 local 172.18.0.2 ttl 64').code).toBe(0)
    expect(node1.run('ip tunnel show t1').stdout).toBe('t1: ip/ip remote 172.18.0.3 local 172.18.0.2 ttl 64\n')
    expect(node1.run('ip tunnel del t1').code).toBe(0)
    expect(node1.run('ip -d link show tunl0').stdout).toMatch(
      /^\d+: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\n {4}link\/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0 {2}allmulti 0 minmtu 0 maxmtu 0 \n {4}ipip any remote any local any ttl inherit nopmtudisc addrgenmode/,
    )
  })

  it('makes a Geneve tunnel', () => {
    const { node1, node2 } = twoNodes()
    for (const [node, other] of [[node1, 3], [node2, 2]] as const) {
      node.run(`ip link add gen0 type geneve id 7 remote 172.18.0.${other}`)
      node.run(`ip addr add 192.168.7.${other}/24 dev gen0`)
      node.run('ip link set gen0 up')
    }
    const wire = node1.start('tcpdump -ni eth0 -c 3 udp port 6081')
    expect(node1.run('ping -c 1 192.168.7.2').stdout).toContain('1 received')
    expect(wire.stdout.split('\n')[2]).toMatch(/ IP 172.18.0.2.\d+ > 172.18.0.3.6081: Geneve, Flags \[none\], vni 0x7: IP 192.168.7.3 > 192.168.7.2: ICMP echo request/)
    expect(node1.run('ip -d link show gen0').stdout).toContain('\n    geneve id 7 remote 172.18.0.3 ttl auto dstport 6081 noudpcsum udp6zerocsumrx addrgenmode')
    expect(node1.run('ping -c 1 -M do -s 1422 192.168.7.2').stdout).toContain('1 received')
    expect(node1.run('ping -c 1 -M do -s 1423 192.168.7.2').code).toBe(1)
  })

  it('refuses as iproute2 and the kernel do', () => {
    const { node1, a } = twoNodes()
    const said = (line: string): string => {
      const { stderr, code } = node1.run(line)
      return `${code} ${stderr}`
    }
    expect(said('ip link add x type foo')).toBe('2 Error: Unknown device type.\n')
    expect(said('ip link add x')).toBe('1 Not enough information: "type" argument is required\n')
    expect(said('ip link add eth0 type bridge')).toBe('2 RTNETLINK answers: File exists\n')
    expect(said('ip link add x type vxlan')).toBe('2 Error: Required attributes not provided to perform the operation.\n')
    expect(said('ip link add b/r type bridge')).toBe('255 Error: argument "b/r" is wrong: "dev" not a valid ifname\n')
    expect(said('ip link add averyveryverylongname type bridge')).toBe('2 Error: Attribute failed policy validation.\n')
    expect(said('ip link del nope')).toBe('1 Cannot find device "nope"\n')
    expect(said('ip link del lo')).toBe('2 RTNETLINK answers: Operation not supported\n')
    expect(said('ip link add m type vrf')).toMatch(/^69 podhop: not simulated: ip link add type vrf/)
    expect(said('ip link add v5 mtu 1400 type veth peer name v6')).toBe('0 ')
    expect(node1.run('ip link show v5').stdout).toMatch(/^\d+: v5@v6: <BROADCAST,MULTICAST,M-DOWN> mtu 1400 qdisc noop state DOWN/)
    expect(a.network.links.has('v5')).toBe(false)
  })
})

describe('ip route … mtu', () => {
  it('is for the packets that take the route, those of others among them', () => {
    const { node1, a } = twoNodes()
    expect(node1.run('ip route replace 10.244.2.0/24 via 172.18.0.3 mtu 1200').code).toBe(0)
    expect(a.run('ping -c 1 -M do -s 1300 10.244.2.2').stdout).toContain('From 10.244.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1200)\n')
    expect(a.run('ping -c 1 -M do -s 1172 10.244.2.2').code).toBe(0)
  })
})

describe('ip link set', () => {
  it('gives a link that is down another name, by which its settings and addresses are then found', () => {
    const { node1 } = twoNodes()
    node1.run('ip link add d0 type dummy')
    node1.run('sysctl -qw net.ipv4.conf.d0.rp_filter=2')
    node1.run('ip link set d0 up')
    expect(node1.run('ip link set d0 name d1')).toMatchObject({ stderr: 'RTNETLINK answers: Device or resource busy\n', code: 2 })
    node1.run('ip link set d0 down')
    expect(node1.run('ip link set d0 name eth0').stderr).toBe('RTNETLINK answers: File exists\n')
    expect(node1.run('ip link set d0 name d1 up')).toMatchObject({ stderr: '', code: 0 })
    node1.run('ip addr add 10.77.0.1/24 dev d1')
    expect(node1.run('ip route show 10.77.0.0/24').stdout).toBe('10.77.0.0/24 dev d1 proto kernel scope link src 10.77.0.1 \n')
    expect(node1.run('sysctl net.ipv4.conf.d1.rp_filter').stdout).toBe('net.ipv4.conf.d1.rp_filter = 2\n')
    expect(node1.run('ip link show d0').code).toBe(1)
  })
})
