import { describe, expect, it } from 'vitest'
import { addPod, join, makeNetwork, makeNode, ping, spyOn, text } from './shapes.samples.ts'
import { ZERO_MAC } from './packets.ts'
import type { CapturedFrame } from './types.ts'

describe('two network namespaces on one veth pair', () => {
  const pair = () => {
    const network = makeNetwork()
    const a = network.createNamespace({ name: 'a', kind: 'pod' })
    const b = network.createNamespace({ name: 'b', kind: 'pod' })
    const links = join(network, { network: a, name: 'eth0', address: '10.0.0.1/24' }, { network: b, name: 'eth0', address: '10.0.0.2/24' })
    return { network, a, b, links }
  }

  it('ping each other, with ARP first and times like those of a real machine', () => {
    const { network, a, b } = pair()
    const seen: string[] = []
    b.capture('eth0', (f) => seen.push(`${f.direction} ${f.frame.payload.kind}`))
    const { replies } = ping(a, '10.0.0.2', { wait: 1000 })
    expect(replies).toMatchObject([{ source: '10.0.0.2', sequence: 1, ttl: 64 }])
    expect(replies[0]!.after).toBeGreaterThan(0.03)
    expect(replies[0]!.after).toBeLessThan(0.2)
    expect(seen).toEqual(['in arp', 'out arp', 'in ip', 'out ip'])
    expect(a.neighbours.list()).toMatchObject([{ ip: '10.0.0.2', device: 'eth0', mac: b.links.get('eth0')!.mac, state: 'REACHABLE' }])
    expect(b.neighbours.list()[0]).toMatchObject({ ip: '10.0.0.1', state: 'DELAY' })
    const journey = network.journeys.recent.at(-1)!
    expect(journey).toMatchObject({
      from: 'a', to: 'b', program: 'ping', verdict: 'delivered', finalDestination: '10.0.0.2', sourceSeenByServer: '10.0.0.1', packets: 2,
    })
    expect(journey.hops.map((h) => `${h.machine} ${h.explanation}`)).toEqual([
      'a socket-send', 'a route-lookup', 'a arp-request', 'b arp-reply', 'a neighbour-lookup', 'a veth-pair', 'b route-local', 'b deliver-echo',
    ])
    expect(journey.hops[1]!.decidedBy).toEqual({ kind: 'route', table: 'main', text: '10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1' })
    expect(journey.hops[4]!.decidedBy!.text).toBe(`10.0.0.2 dev eth0 lladdr ${b.links.get('eth0')!.mac} REACHABLE`)
    expect(journey.reply.at(-1)).toMatchObject({ machine: 'a', explanation: 'deliver-icmp' })
  })

  it('reach their own addresses through lo', () => {
    const { a } = pair()
    const hooks: string[] = []
    spyOn(a, (hook, _, i, o) => (hooks.push(`${hook} ${i?.name ?? '-'} ${o?.name ?? '-'}`), 'accept'))
    expect(ping(a, '10.0.0.1').replies).toHaveLength(1)
    expect(hooks.slice(0, 4)).toEqual(['output - lo', 'postrouting - lo', 'prerouting lo -', 'input lo -'])
    expect(ping(a, '127.0.0.1').replies[0]!.source).toBe('127.0.0.1')
  })

  it('exchange datagrams, and hear of a closed port', () => {
    const { network, a, b } = pair()
    const server = b.sockets.udp({ port: 53, owner: { pid: 1, program: 'dns' } })
    server.onDatagram = (d) => server.send(text('answer'), d.source, d.sourcePort)
    const client = a.sockets.udp({ owner: { pid: 2, program: 'dig' } })
    const got: string[] = []
    client.onDatagram = (d) => got.push(`${d.source}:${d.sourcePort} ${String.fromCharCode(...d.data)}`)
    client.onError = (e) => got.push(e.code)
    const journey = client.send(text('question'), '10.0.0.2', 53)!
    expect(got).toEqual([])
    a.clock.runFor(10)
    expect(got).toEqual(['10.0.0.2:53 answer'])
    expect(journey).toMatchObject({ verdict: 'delivered', finalDestination: '10.0.0.2:53', to: 'b', packets: 2, bytes: 14 })
    expect(journey.reply.length).toBeGreaterThan(2)
    client.send(text('again'), '10.0.0.2', 53)
    a.clock.runFor(10)
    expect(network.journeys.recent).toHaveLength(1)
    expect(journey.packets).toBe(4)
    const refused = client.send(text('x'), '10.0.0.2', 99)!
    a.clock.runFor(10)
    expect(got.at(-1)).toBe('ECONNREFUSED')
    expect(refused).toMatchObject({ verdict: 'refused', reason: 'refused-no-listener', finalDestination: '10.0.0.2:99' })
    expect(refused.reply[0]).toMatchObject({ explanation: 'icmp-error', before: { detail: 'destination-unreachable port' } })
    expect(client.port).toBeGreaterThanOrEqual(32768)
    expect(() => a.sockets.udp({ port: client.port })).toThrow('Address already in use')
    expect(() => a.sockets.udp({ port: 99, address: '10.0.0.9' })).toThrow('Cannot assign requested address')
    expect(() => client.send(text('x'), '192.0.2.1', 9)).toThrow('Network is unreachable')
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-route' })
  })

  it('give up on an address that nobody has: three tries, then "host unreachable"', () => {
    const { network, a, b } = pair()
    const asked: number[] = []
    b.capture('eth0', (f) => asked.push(Math.round(f.at)))
    const { replies, errors } = ping(a, '10.0.0.77', { wait: 2_900 })
    expect([replies.length, errors.length]).toEqual([0, 0])
    expect(a.neighbours.list()).toMatchObject([{ ip: '10.0.0.77', state: 'INCOMPLETE' }])
    const late = ping(a, '10.0.0.77', { wait: 200 })
    expect(asked).toEqual([0, 1000, 2000])
    expect(late.errors).toMatchObject([{ source: '10.0.0.1', type: 3, code: 1, sequence: 1 }])
    expect(a.neighbours.list()).toMatchObject([{ ip: '10.0.0.77', device: 'eth0', mac: undefined, state: 'FAILED' }])
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-neighbour' })
    const socket = a.sockets.udp({})
    const codes: string[] = []
    socket.onError = (e) => codes.push(e.code)
    socket.send(text('x'), '10.0.0.78', 9)
    a.clock.runFor(4_000)
    expect(codes).toEqual(['EHOSTUNREACH'])
  })

  it('forget a neighbour that has gone, after it was doubted and asked', () => {
    const { a, b } = pair()
    ping(a, '10.0.0.2', { wait: 31_000 })
    expect(a.neighbours.list()[0]!.state).toBe('STALE')
    b.removeAddress('eth0', '10.0.0.2/24')
    ping(a, '10.0.0.2', { wait: 100 })
    expect(a.neighbours.list()[0]!.state).toBe('DELAY')
    a.clock.runFor(5_000)
    expect(a.neighbours.list()[0]!.state).toBe('PROBE')
    a.clock.runFor(3_000)
    expect(a.neighbours.list()[0]!.state).toBe('FAILED')
  })

  it('lose the connected route with the link, and get it back', () => {
    const { network, a, b, links } = pair()
    b.setUp('eth0', false)
    expect([links[0].carrier, links[0].up]).toEqual([false, true])
    ping(a, '10.0.0.2')
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-neighbour' })
    a.setUp('eth0', false)
    expect(a.routes.list()).toEqual([])
    expect(() => ping(a, '10.0.0.2')).toThrow('Network is unreachable')
    expect(ping(a, '10.0.0.1').replies).toHaveLength(1)
    a.setUp('eth0', true)
    b.setUp('eth0', true)
    expect(ping(a, '10.0.0.2').replies).toHaveLength(1)
  })

  it('lose both ends together', () => {
    const { a, b } = pair()
    b.destroy()
    expect([...a.links.keys()]).toEqual(['lo'])
    expect(a.routes.list()).toEqual([])
  })

  it('cut what is longer than the MTU, or refuse where it may not be cut', () => {
    const { a, b } = pair()
    const lengths: string[] = []
    b.capture('eth0', (f) => f.frame.payload.kind === 'ip' && f.direction === 'in' && lengths.push(JSON.stringify(f.frame.payload.fragment)))
    expect(ping(a, '10.0.0.2', { size: 3000 }).replies).toHaveLength(1)
    expect(lengths).toEqual([
      '{"offset":0,"length":1480,"more":true}', '{"offset":1480,"length":1480,"more":true}', '{"offset":2960,"length":48,"more":false}',
    ])
    expect(() => ping(a, '10.0.0.2', { size: 1473, dontFragment: true })).toThrow('Message too long')
    expect(ping(a, '10.0.0.2', { size: 1472, dontFragment: true }).replies).toHaveLength(1)
  })
})

describe('a router between two networks', () => {
  const shape = () => {
    const network = makeNetwork()
    const a = network.createNamespace({ name: 'a', kind: 'outside' })
    const r = network.createNamespace({ name: 'r', kind: 'outside' })
    const b = network.createNamespace({ name: 'b', kind: 'outside' })
    join(network, { network: a, name: 'eth0', address: '10.0.1.2/24' }, { network: r, name: 'eth0', address: '10.0.1.1/24' })
    join(network, { network: b, name: 'eth0', address: '10.0.2.2/24' }, { network: r, name: 'eth1', address: '10.0.2.1/24' })
    a.routes.add({ destination: '0.0.0.0/0', via: '10.0.1.1' })
    b.routes.add({ destination: '0.0.0.0/0', via: '10.0.2.1' })
    r.setSysctl('net.ipv4.ip_forward', '1')
    return { network, a, b, r }
  }

  it('passes packets on, one off the TTL, through prerouting, forward and postrouting', () => {
    const { network, a, r } = shape()
    const hooks: string[] = []
    spyOn(r, (hook, p, i, o) => (hooks.push(`${hook} ${i?.name ?? '-'} ${o?.name ?? '-'} ttl ${p.ttl}`), 'accept'))
    expect(ping(a, '10.0.2.2').replies).toMatchObject([{ ttl: 63 }])
    expect(hooks.slice(0, 3)).toEqual(['prerouting eth0 - ttl 64', 'forward eth0 eth1 ttl 63', 'postrouting - eth1 ttl 63'])
    const forward = network.journeys.recent.at(-1)!.hops.find((h) => h.stage === 'forward')!
    expect([forward.machine, forward.before.ttl, forward.after!.ttl]).toEqual(['r', 64, 63])
  })

  it('does not, when ip_forward is off', () => {
    const { network, a, r } = shape()
    r.setSysctl('net.ipv4.ip_forward', '0')
    expect(ping(a, '10.0.2.2')).toMatchObject({ replies: [], errors: [] })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-forwarding-off' })
  })

  it('are lost in the outside world, where nobody has their destination', () => {
    const { network, a, r } = shape()
    r.routes.add({ destination: '10.99.0.0/16', via: '10.0.2.2' })
    expect(ping(a, '10.99.0.1')).toMatchObject({ replies: [], errors: [] })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-outside' })
  })

  it('says "time exceeded" where the TTL ends', () => {
    const { network, a } = shape()
    expect(ping(a, '10.0.2.2', { ttl: 1 }).errors).toMatchObject([{ source: '10.0.1.1', type: 11, code: 0, sequence: 1 }])
    const journey = network.journeys.recent.at(-1)!
    expect(journey).toMatchObject({ verdict: 'dropped', reason: 'drop-ttl-exceeded' })
    expect(journey.reply.at(-1)).toMatchObject({ machine: 'a', stage: 'deliver' })
  })

  it('says which way of not reaching it is', () => {
    const { a, r } = shape()
    r.routes.add({ destination: '192.0.2.0/24', type: 'unreachable' })
    r.routes.add({ destination: '198.51.100.0/24', type: 'prohibit' })
    r.routes.add({ destination: '203.0.113.0/24', type: 'blackhole' })
    const code = (to: string) => ping(a, to).errors.map((e) => `${e.source} ${e.type}/${e.code}`)
    expect(code('8.8.8.8')).toEqual(['10.0.1.1 3/0'])
    expect(code('192.0.2.1')).toEqual(['10.0.1.1 3/1'])
    expect(code('198.51.100.1')).toEqual(['10.0.1.1 3/13'])
    expect(code('203.0.113.1')).toEqual([])
    expect(code('10.0.2.9')).toEqual(['10.0.1.1 3/1'])
    expect(() => r.sockets.udp({}).send(text('x'), '192.0.2.1', 9)).toThrow('No route to host')
    expect(() => r.sockets.udp({}).send(text('x'), '198.51.100.1', 9)).toThrow('Permission denied')
    expect(() => r.sockets.udp({}).send(text('x'), '203.0.113.1', 9)).toThrow('Invalid argument')
  })

  it('asks for smaller packets, and the sender remembers', () => {
    const { network, a, b, r } = shape()
    r.links.get('eth1')!.mtu = 1400
    b.links.get('eth0')!.mtu = 1400
    const first = ping(a, '10.0.2.2', { size: 1450, dontFragment: true })
    expect(first.errors).toMatchObject([{ source: '10.0.1.1', type: 3, code: 4, mtu: 1400 }])
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-mtu' })
    expect(() => ping(a, '10.0.2.2', { size: 1450, dontFragment: true })).toThrow('Message too long')
    expect(ping(a, '10.0.2.2', { size: 1450 }).replies).toHaveLength(1)
    a.clock.runFor(600_001)
    expect(a.pathMtu('10.0.2.2')).toBe(1500)
  })

  it('drops without a word what an MTU at the far end does not take', () => {
    const { network, a, b } = shape()
    b.links.get('eth0')!.mtu = 1400
    expect(ping(a, '10.0.2.2', { size: 1450 })).toMatchObject({ replies: [], errors: [] })
    expect(network.journeys.recent.at(-1)!.hops.at(-1)).toMatchObject({ machine: 'b', explanation: 'drop-mtu' })
  })

  it('tells a program when its own firewall drops what it sends', () => {
    const { a } = shape()
    spyOn(a, (hook) => (hook === 'output' ? 'drop' : 'accept'))
    expect(() => ping(a, '10.0.2.2')).toThrow('Operation not permitted')
  })

  it('routes again when the output hook gives another destination', () => {
    const { a, b } = shape()
    spyOn(a, (hook, p) => {
      if (hook === 'output' && p.destination === '10.96.0.1') p.destination = '10.0.1.2'
      return 'accept'
    })
    const server = a.sockets.udp({ port: 80 })
    const seen: string[] = []
    server.onDatagram = (d) => seen.push(`${d.source} → ${d.destination}`)
    a.sockets.udp({}).send(text('x'), '10.96.0.1', 80)
    a.clock.runFor(10)
    expect(seen).toEqual(['10.0.1.2 → 10.0.1.2'])
    expect(b.sockets.list()).toEqual([])
  })

  it('answers ARP for what lies behind it, where proxy_arp is on', () => {
    const { network, a, r } = shape()
    a.routes.remove({ destination: '0.0.0.0/0' })
    a.routes.add({ destination: '10.0.2.0/24', device: 'eth0' })
    expect(ping(a, '10.0.2.2').replies).toEqual([])
    r.setSysctl('net.ipv4.conf.eth0.proxy_arp', '1')
    expect(ping(a, '10.0.2.2').replies).toHaveLength(1)
    expect(network.journeys.recent.at(-1)!.hops.some((h) => h.explanation === 'arp-proxy')).toBe(true)
  })

  it('drops sources that cannot be (martians) and 127.0.0.0/8 from outside', () => {
    const { network, a, b } = shape()
    ping(a, '10.0.2.2', { source: '10.0.2.2' })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-martian', hops: expect.arrayContaining([expect.objectContaining({ machine: 'b' })]) })
    ping(a, '10.0.2.2', { source: '127.0.0.1' })
    expect(network.journeys.recent.at(-1)).toMatchObject({ reason: 'drop-martian' })
    expect(b.sysctl('net.ipv4.conf.all.rp_filter')).toBe('0')
  })
})

describe('two nodes on the underlay', () => {
  it('carry pods\u2019 packets by static routes', () => {
    const network = makeNetwork()
    const one = makeNode(network, 1)
    const two = makeNode(network, 2)
    one.node.routes.add({ destination: '10.244.2.0/24', via: '172.18.0.3' })
    two.node.routes.add({ destination: '10.244.1.0/24', via: '172.18.0.2' })
    const first = ping(one.pod, '10.244.2.2')
    expect(first.replies).toMatchObject([{ source: '10.244.2.2', ttl: 62 }])
    const second = ping(one.pod, '10.244.2.2')
    expect(second.replies[0]!.after).toBeGreaterThan(0.3)
    expect(second.replies[0]!.after).toBeLessThan(0.8)
    const journey = network.journeys.recent.at(-1)!
    expect(journey.hops.map((h) => `${h.machine} ${h.stage}`)).toEqual([
      'default/pod-1-2 send', 'default/pod-1-2 route', 'default/pod-1-2 neighbour', 'default/pod-1-2 veth', 'worker-1 bridge',
      'worker-1 route', 'worker-1 forward', 'worker-1 neighbour', 'worker-1 transmit', 'underlay wire', 'worker-2 receive', 'worker-2 route',
      'worker-2 forward', 'worker-2 neighbour', 'worker-2 bridge', 'worker-2 veth', 'default/pod-2-2 route', 'default/pod-2-2 deliver',
    ])
    expect(journey.sourceSeenByServer).toBe('10.244.1.2')
  })

  it('carry them in VXLAN, and the underlay\u2019s hops are part of the journey', () => {
    const network = makeNetwork()
    const nodes = [makeNode(network, 1), makeNode(network, 2)]
    nodes.forEach(({ node }, i) => {
      network.createVxlan(node, 'flannel.1', { vni: 1, port: 8472, local: `172.18.0.${i + 2}`, underlay: 'eth0' })
      node.addAddress('flannel.1', `10.244.${i + 1}.0/32`)
      node.setUp('flannel.1', true)
    })
    const [one, two] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
    const peer = (at: typeof one, other: typeof one, n: number) => {
      const mac = other.node.links.get('flannel.1')!.mac
      at.node.neighbours.set({ ip: `10.244.${n}.0`, device: 'flannel.1', mac, state: 'PERMANENT' })
      at.node.routes.add({ destination: `10.244.${n}.0/24`, via: `10.244.${n}.0`, device: 'flannel.1', onlink: true })
      const vxlan = at.node.links.get('flannel.1') as unknown as { addForwarding(mac: string, vtep: string): void }
      vxlan.addForwarding(mac, `172.18.0.${n + 1}`)
    }
    peer(one, two, 2)
    expect(ping(one.pod, '10.244.2.2').replies).toEqual([])
    // The other node has no way back yet: it has no route to the pods here but the underlay's network.
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-route' })
    expect(network.journeys.recent.at(-1)!.reply.at(-1)).toMatchObject({ machine: 'worker-2' })
    peer(two, one, 1)
    const wire: CapturedFrame[] = []
    two.node.capture('eth0', (f) => f.frame.payload.kind === 'ip' && wire.push(structuredClone(f)))
    expect(ping(one.pod, '10.244.2.2').replies).toMatchObject([{ ttl: 62 }])
    expect(wire[0]!.frame.payload).toMatchObject({ source: '172.18.0.2', destination: '172.18.0.3', ttl: 64, payload: { kind: 'udp', destinationPort: 8472, vxlan: { vni: 1 } } })
    const journey = network.journeys.recent.at(-1)!
    const stages = journey.hops.map((h) => `${h.machine} ${h.stage}`)
    expect(stages.slice(stages.indexOf('worker-1 encapsulate'), stages.indexOf('worker-2 decapsulate') + 1)).toEqual([
      'worker-1 encapsulate', 'worker-1 route', 'worker-1 neighbour', 'worker-1 transmit', 'underlay wire', 'worker-2 receive', 'worker-2 route', 'worker-2 decapsulate',
    ])
    expect(journey.hops.find((h) => h.stage === 'encapsulate')!.decidedBy!.text).toMatch(/^[0-9a-f:]{17} dev flannel.1 dst 172.18.0.3 self permanent$/)
    expect(journey).toMatchObject({ verdict: 'delivered', finalDestination: '10.244.2.2', to: 'default/pod-2-2' })
    // Without the FDB row nothing says where to send the frame.
    const vxlan = one.node.links.get('flannel.1') as unknown as { removeForwarding(mac: string): void }
    vxlan.removeForwarding(two.node.links.get('flannel.1')!.mac)
    ping(one.pod, '10.244.2.2')
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-no-vtep' })
    expect(one.node.links.get('flannel.1')!.mtu).toBe(1450)
  })

  it('flood through VXLAN where an all-zero entry says to whom, and learn', () => {
    const network = makeNetwork()
    network.createSwitch()
    const nodes = [1, 2, 3].map((n) => makeNode(network, n).node)
    nodes.forEach((node, i) => {
      const vxlan = network.createVxlan(node, 'vx', { vni: 7, port: 4789, local: `172.18.0.${i + 2}`, underlay: 'eth0', learning: true })
      node.addAddress('vx', `10.9.0.${i + 1}/24`)
      node.setUp('vx', true)
      for (const other of [0, 1, 2]) if (other !== i) vxlan.addForwarding(ZERO_MAC, `172.18.0.${other + 2}`)
    })
    expect(ping(nodes[0]!, '10.9.0.3').replies).toHaveLength(1)
    const vxlan = nodes[0]!.links.get('vx') as unknown as { forwarding(): { mac: string; vtep: string }[] }
    expect(vxlan.forwarding()).toContainEqual({ mac: nodes[2]!.links.get('vx')!.mac, vtep: '172.18.0.4', learned: true })
  })

  it('lose each other when the wire between them is cut, and only each other', () => {
    const network = makeNetwork()
    const [a, b, c] = [1, 2, 3].map((n) => makeNode(network, n).node)
    const underlay = network.switches.get('underlay')!
    const [na, nb] = underlay.ports
    expect(ping(a!, '172.18.0.3').replies).toHaveLength(1)
    underlay.connect(na!, nb!, false)
    ping(a!, '172.18.0.3', { wait: 100 })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-wire-cut', hops: expect.arrayContaining([expect.objectContaining({ machine: 'underlay' })]) })
    expect(ping(a!, '172.18.0.4').replies).toHaveLength(1)
    expect(ping(c!, '172.18.0.3').replies).toHaveLength(1)
    underlay.connect(na!, nb!, true)
    expect(ping(a!, '172.18.0.3').replies).toHaveLength(1)
    na!.plug(false)
    expect(a!.links.get('eth0')!.carrier).toBe(false)
    ping(b!, '172.18.0.2', { wait: 9_000 })
    expect(network.journeys.recent.at(-1)!.verdict).not.toBe('delivered')
  })

  it('run the same way twice, to the last microsecond', () => {
    const run = (): string => {
      const network = makeNetwork(42)
      const one = makeNode(network, 1)
      addPod(network, one.node, 1, 3)
      ping(one.pod, '10.244.1.3')
      return JSON.stringify([network.journeys.recent, one.node.neighbours.list(), one.node.links.get('cni0')!.mac])
    }
    expect(run()).toBe(run())
  })
})

describe('TCP over the path', () => {
  it('connects, talks and ends', () => {
    const network = makeNetwork()
    const one = makeNode(network, 1)
    const other = addPod(network, one.node, 1, 3)
    const seen: string[] = []
    other.sockets.listen({ port: 80, owner: { pid: 1, program: 'nginx' } }, (c) => {
      c.handlers = { onData: (d) => (seen.push(String.fromCharCode(...d)), c.send(text('world')), c.end()) }
    })
    const c = one.pod.sockets.connect({ address: '10.244.1.3', port: 80, owner: { pid: 2, program: 'curl' } }, {
      onConnect: () => c.send(text('hello')),
      onData: (d) => seen.push(String.fromCharCode(...d)),
      onEnd: () => c.end(),
    })
    one.node.clock.runFor(2_000)
    expect(seen).toEqual(['hello', 'world'])
    expect(c.journey).toMatchObject({ verdict: 'delivered', finalDestination: '10.244.1.3:80', to: 'default/pod-1-3', from: 'default/pod-1-2', bytes: 10 })
    expect(c.journey!.reply[0]!.before.detail).toBe('SYN,ACK')
    let code = ''
    one.pod.sockets.connect({ address: '10.244.1.3', port: 81 }, { onClose: (e) => (code = e!.code) })
    one.node.clock.runFor(2_000)
    expect(code).toBe('ECONNREFUSED')
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'refused', reason: 'refused-no-listener', finalDestination: '10.244.1.3:81' })
    let gone = ''
    one.pod.sockets.connect({ address: '10.244.1.99', port: 81 }, { onClose: (e) => (gone = e!.code) })
    one.node.clock.runFor(4_000)
    expect(gone).toBe('EHOSTUNREACH')
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-neighbour' })
  })
})
