import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LinuxBridge } from './bridge.ts'
import { join, makeNetwork, makeNode, addPod, ping, spyOn, text } from './shapes.samples.ts'
import type { Frame, IpPacket, Mac } from './types.ts'

function threePorts() {
  const network = makeNetwork()
  const host = network.createNamespace({ name: 'host', kind: 'node' })
  const bridge = network.createBridge(host, 'br0')
  host.addAddress('br0', '10.0.0.254/24')
  host.setUp('br0', true)
  const pods = [1, 2, 3].map((n) => {
    const pod = network.createNamespace({ name: `p${n}`, kind: 'pod' })
    const [, port] = join(network, { network: pod, name: 'eth0', address: `10.0.0.${n}/24` }, { network: host, name: `port${n}` })
    bridge.attach(port)
    return pod
  })
  return { network, host, bridge, pods: pods as [(typeof pods)[0], (typeof pods)[0], (typeof pods)[0]] }
}

describe('a bridge with three ports', () => {
  it('learns who is where, and then tells nobody else', () => {
    const { network, bridge, pods } = threePorts()
    const third: string[] = []
    pods[2].capture('eth0', (f) => third.push(f.frame.payload.kind))
    expect(ping(pods[0], '10.0.0.2').replies).toMatchObject([{ ttl: 64 }])
    expect(third).toEqual(['arp'])
    const learned = bridge.forwarding().filter((e) => !e.isLocal).map((e) => `${e.mac} ${e.port}`)
    expect(learned).toEqual([`${pods[0].links.get('eth0')!.mac} port1`, `${pods[1].links.get('eth0')!.mac} port2`])
    const hop = network.journeys.recent.at(-1)!.hops.find((h) => h.stage === 'bridge')!
    expect(hop).toMatchObject({ machine: 'host', interface: 'port1', explanation: 'bridge-forward', decidedBy: { kind: 'fdb', text: `${pods[1].links.get('eth0')!.mac} dev port2 master br0` } })
  })

  it('is itself reachable, with an address of its own', () => {
    const { host, pods } = threePorts()
    expect(ping(pods[0], '10.0.0.254').replies).toHaveLength(1)
    expect(ping(host, '10.0.0.3').replies).toHaveLength(1)
  })

  it('forgets after five minutes and floods again; the copies that nobody wants are not in the journey', () => {
    const { network, host, bridge, pods } = threePorts()
    ping(pods[0], '10.0.0.2')
    pods[0].neighbours.set({ ip: '10.0.0.2', device: 'eth0', mac: pods[1].links.get('eth0')!.mac, state: 'PERMANENT' })
    host.clock.runFor(300_001)
    expect(bridge.forwarding().every((e) => e.isLocal)).toBe(true)
    expect(ping(pods[0], '10.0.0.2').replies).toHaveLength(1)
    const journey = network.journeys.recent.at(-1)!
    expect(journey.verdict).toBe('delivered')
    expect(journey.hops.map((h) => `${h.machine} ${h.explanation}`)).toEqual([
      'p1 socket-send', 'p1 route-lookup', 'p1 neighbour-lookup', 'p1 veth-pair', 'host bridge-flood', 'host veth-pair', 'p2 route-local', 'p2 deliver-echo',
    ])
  })

  it('sends nothing back where it came from, unless hairpin is on', () => {
    const { network, bridge, pods, host } = threePorts()
    const macOf = (n: number): Mac => pods[n]!.links.get('eth0')!.mac
    ping(pods[0], '10.0.0.254', { wait: 10 })
    // A frame of pod 1 for itself, as when it reaches itself through a Service.
    pods[0].neighbours.set({ ip: '10.0.0.50', device: 'eth0', mac: macOf(0), state: 'PERMANENT' })
    const seen: string[] = []
    pods[0].capture('eth0', (f) => f.direction === 'in' && seen.push(f.frame.payload.kind))
    ping(pods[0], '10.0.0.50', { wait: 10 })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-hairpin' })
    expect(seen).toEqual([])
    bridge.hairpin(host.links.get('port1')!, true)
    ping(pods[0], '10.0.0.50', { wait: 10 })
    expect(seen).toEqual(['ip'])
  })

  // as in real namespaces on Linux 6.18: a bridge, two Pods, iptables -t nat -A PREROUTING -d 10.96.0.1 -j DNAT --to-destination 10.0.0.2
  it('sends what DNAT has given to one of its own ports there itself, as a frame of the sender’s; back only with hairpin on', () => {
    const { network, host, bridge, pods } = threePorts()
    spyOn(host, (hook, packet) => {
      if (hook === 'prerouting' && packet.destination === '10.96.0.1') packet.destination = '10.0.0.2'
      if (hook === 'prerouting' && packet.destination === '10.0.0.99') packet.destination = '10.0.0.2'
      // a Pod that reaches itself is masqueraded
      if (hook === 'postrouting' && packet.source === '10.0.0.2' && packet.destination === '10.0.0.2') packet.source = '10.0.0.99'
      return 'accept'
    })
    host.setSysctl('net.ipv4.ip_forward', '1')
    for (const pod of pods) pod.routes.add({ destination: '0.0.0.0/0', via: '10.0.0.254' })
    const arrived: [Mac, number][] = []
    pods[1].capture('eth0', ({ frame, direction }) => {
      if (direction === 'in' && frame.payload.kind === 'ip') arrived.push([frame.source, frame.payload.ttl])
    })
    ping(pods[0], '10.96.0.1', { wait: 10 })
    expect(arrived).toEqual([[pods[0].links.get('eth0')!.mac, 64]])
    const ways = network.journeys.recent.at(-1)!.hops.map((h) => h.explanation)
    expect(ways).toContain('bridge-nat')
    expect(ways).not.toContain('ip-forward')
    ping(pods[1], '10.96.0.1', { wait: 10 })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-hairpin' })
    bridge.hairpin(host.links.get('port2')!, true)
    ping(pods[1], '10.96.0.1', { wait: 10 })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '10.0.0.99' })
    // without br_netfilter's hooks it is routed
    host.setSysctl('net.bridge.bridge-nf-call-iptables', '0')
    arrived.length = 0
    ping(pods[0], '10.96.0.1', { wait: 10 })
    expect(arrived).toEqual([[bridge.mac, 63]])
  })

  it('runs bridged packets through iptables while bridge-nf-call-iptables is 1', () => {
    const { host, pods } = threePorts()
    const hooks: string[] = []
    spyOn(host, (hook, p, i, o) => (hooks.push(`${hook} ${i?.name ?? '-'} ${o?.name ?? '-'} ${p.meta.physIn ?? '-'} ${p.meta.physOut ?? '-'}`), 'accept'))
    ping(pods[0], '10.0.0.2')
    expect(hooks.slice(0, 3)).toEqual(['prerouting br0 - port1 -', 'forward br0 br0 port1 port2', 'postrouting - br0 port1 port2'])
    hooks.length = 0
    host.setSysctl('net.bridge.bridge-nf-call-iptables', '0')
    ping(pods[0], '10.0.0.2')
    expect(hooks).toEqual([])
    expect(pods[0].sysctl('net.bridge.bridge-nf-call-iptables')).toBeUndefined()
  })

  it('routes a bridged packet that prerouting gave another destination', () => {
    const { host, pods } = threePorts()
    host.setSysctl('net.ipv4.ip_forward', '1')
    spyOn(host, (hook, p) => {
      if (hook === 'prerouting' && p.destination === '10.0.0.2' && p.payload.kind === 'udp') p.destination = '10.0.0.3'
      return 'accept'
    })
    const seen: string[] = []
    for (const [i, pod] of pods.entries()) pod.sockets.udp({ port: 9 }).onDatagram = () => seen.push(`p${i + 1}`)
    pods[0].sockets.udp({}).send(text('x'), '10.0.0.2', 9)
    host.clock.runFor(10)
    expect(seen).toEqual(['p3'])
  })

  it('drops without a word what a port\u2019s MTU does not take', () => {
    const { network, host, pods } = threePorts()
    host.links.get('port2')!.mtu = 1400
    expect(ping(pods[0], '10.0.0.2', { size: 1450 })).toMatchObject({ replies: [], errors: [] })
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'dropped', reason: 'drop-mtu' })
  })

  it('has a carrier only with a port that has one, and forgets a port that went down', () => {
    const { host, bridge, pods } = threePorts()
    ping(pods[0], '10.0.0.2')
    host.setUp('port1', false)
    expect(bridge.forwarding().filter((e) => !e.isLocal).map((e) => e.port)).toEqual(['port2'])
    for (const pod of pods.slice(1)) pod.destroy()
    expect(bridge.ports.map((p) => p.name)).toEqual(['port1'])
    expect([bridge.up, bridge.carrier]).toEqual([true, false])
    host.removeLink('br0')
    expect(host.links.get('port1')!.master).toBeUndefined()
  })

  it('shows bridged frames to whoever captures on the bridge', () => {
    const network = makeNetwork()
    const { node, pod } = makeNode(network, 1)
    addPod(network, node, 1, 3)
    const seen: string[] = []
    node.capture('cni0', (f) => f.frame.payload.kind === 'ip' && seen.push(`${f.direction} ${f.frame.payload.source} > ${f.frame.payload.destination}`))
    ping(pod, '10.244.1.3')
    expect(seen).toEqual(['in 10.244.1.2 > 10.244.1.3', 'in 10.244.1.3 > 10.244.1.2'])
  })
})

it('an FDB row always names the port where the address was seen last, and no frame goes back to it', () => {
  const macs = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03', '02:00:00:00:00:04']
  const step = fc.record({ port: fc.nat(2), from: fc.constantFrom(...macs), to: fc.constantFrom(...macs), wait: fc.constantFrom(0, 1_000, 200_000, 301_000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const { host, bridge, pods } = threePorts()
      const got: string[][] = [[], [], []]
      pods.forEach((pod, i) => pod.capture('eth0', (f) => f.direction === 'in' && got[i]!.push(f.frame.destination)))
      const last = new Map<string, { port: number; at: number }>()
      for (const { port, from, to, wait } of steps) {
        for (const list of got) list.length = 0
        const packet: IpPacket = {
          kind: 'ip', version: 4, source: '10.9.9.9', destination: '10.9.9.8', ttl: 64, tos: 0, identification: 0, dontFragment: true,
          payload: { kind: 'icmp', type: 0, code: 0, data: new Uint8Array(0) }, meta: { mark: 0 },
        }
        const frame: Frame = { source: from, destination: to, payload: packet }
        ;(host.links.get(`port${port + 1}`) as unknown as { receive(frame: Frame): void }).receive(frame)
        last.set(from, { port, at: host.clock.now })
        const known = last.get(to)
        const fresh = known && host.clock.now - known.at <= 300_000
        host.clock.runFor(1)
        const expected = [0, 1, 2].filter((p) => p !== port && (!fresh || p === known.port))
        const reached = [0, 1, 2].filter((p) => got[p]!.length > 0)
        expect(reached).toEqual(expected)
        host.clock.runFor(wait)
      }
      for (const row of (bridge as LinuxBridge).forwarding()) if (!row.isLocal) expect(row.port).toBe(`port${last.get(row.mac)!.port + 1}`)
    }),
    { numRuns: 40 },
  )
})
