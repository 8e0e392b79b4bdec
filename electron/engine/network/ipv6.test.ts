import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { linkLocalOf } from './address.ts'
import { Network } from './fabric.ts'
import type { Namespace } from './namespace.ts'
import { NetfilterTables } from './netfilter/netfilter.ts'
import { join } from './shapes.samples.ts'
import { TcpStack } from './tcp/stack.ts'
import { formatNeighbour, formatRoute } from './format.ts'
import type { Journey } from '../journey/types.ts'

/** Networks whose namespaces speak IPv6 from the start, with real tables. */
function makeNetwork6(): Network {
  return new Network({ clock: new Clock({ seed: 1 }), ipv6: true, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
}

function pair() {
  const network = makeNetwork6()
  const a = network.createNamespace({ name: 'a', kind: 'pod' })
  const b = network.createNamespace({ name: 'b', kind: 'pod' })
  join(network, { network: a, name: 'eth0', address: 'fd00::1/64' }, { network: b, name: 'eth0', address: 'fd00::2/64' })
  return { network, a, b }
}

/** a — router — b, each on a network of its own. */
function routed(options: { mtu?: number; forwarding?: boolean } = {}) {
  const network = makeNetwork6()
  const [a, router, b] = ['a', 'router', 'b'].map((name) => network.createNamespace({ name, kind: 'node' })) as [Namespace, Namespace, Namespace]
  join(network, { network: a, name: 'eth0', address: 'fd00:1::2/64' }, { network: router, name: 'r1', address: 'fd00:1::1/64' })
  join(network, { network: b, name: 'eth0', address: 'fd00:2::2/64', mtu: options.mtu }, { network: router, name: 'r2', address: 'fd00:2::1/64', mtu: options.mtu })
  a.routes.add({ destination: '::/0', via: 'fd00:1::1' })
  b.routes.add({ destination: '::/0', via: 'fd00:2::1' })
  if (options.forwarding !== false) router.setSysctl('net.ipv6.conf.all.forwarding', '1')
  return { network, a, router, b }
}

/** Sends one echo request and tells what came of it. */
function ping(from: Namespace, to: string, options?: Parameters<ReturnType<Namespace['sockets']['ping']>['send']>[3] & { size?: number }) {
  const heard: string[] = []
  const socket = from.sockets.ping()
  socket.onReply = (r) => heard.push(`${r.source} ttl ${r.ttl}`)
  socket.onError = (e) => heard.push(`${e.source} type ${e.type} code ${e.code}${e.mtu ? ` mtu ${e.mtu}` : ''}`)
  const journey = socket.send(to, 1, new Uint8Array(options?.size ?? 56), options)
  from.clock.runFor(5_000)
  socket.close()
  return { heard, journey }
}

const stages = (hops: Journey['hops']): string[] => hops.map((h) => h.explanation)
const routes6 = (ns: Namespace, table: 'main' | 'local' = 'main'): string[] => ns.routes.list(table, 6).map((r) => formatRoute(r))

describe('addresses and routes of IPv6', () => {
  it('come with the links: ::1, one link-local address for each MAC, and a route for each network', () => {
    const { a } = pair()
    const { mac } = a.link('eth0')
    expect(a.link('lo').addresses).toMatchObject([{ address: '127.0.0.1' }, { address: '::1', prefixLength: 128, scope: 'host' }])
    const local = a.link('eth0').addresses[1]!
    expect(a.link('eth0').addresses).toMatchObject([{ address: 'fd00::1', prefixLength: 64, scope: 'global' }, { prefixLength: 64, scope: 'link' }])
    expect(local.address).toBe(linkLocalOf(mac))
    expect(routes6(a)).toEqual([
      'fd00::/64 dev eth0 proto kernel metric 256 pref medium',
      'fe80::/64 dev eth0 proto kernel metric 256 pref medium',
    ])
    expect(routes6(a, 'local')).toEqual([
      'local ::1 dev lo proto kernel metric 0 pref medium',
      'local fd00::1 dev eth0 proto kernel metric 0 pref medium',
      `local ${local.address} dev eth0 proto kernel metric 0 pref medium`,
      'multicast ff00::/8 dev eth0 proto kernel metric 256 pref medium',
    ])
  })

  it('go with the link, and are refused where IPv6 is switched off', () => {
    const { a } = pair()
    a.setUp('eth0', false)
    expect(a.link('eth0').addresses).toEqual([])
    expect(routes6(a)).toEqual([])
    a.setUp('eth0', true)
    expect(a.link('eth0').addresses.map((x) => x.scope)).toEqual(['link'])
    a.setSysctl('net.ipv6.conf.all.disable_ipv6', '1')
    expect([a.link('eth0').addresses, a.link('lo').addresses.length, routes6(a)]).toEqual([[], 1, []])
    expect(() => a.addAddress('eth0', 'fd00::1/64')).toThrow('Permission denied')
    a.setSysctl('net.ipv6.conf.all.disable_ipv6', '0')
    expect(routes6(a)).toHaveLength(1)
  })

  it('choose the source as RFC 6724 does: scope, then the longest common prefix', () => {
    const { a } = pair()
    a.addAddress('eth0', 'fd00:9::1/64')
    a.addAddress('eth0', '2001:db8::1/64')
    a.routes.add({ destination: '::/0', via: 'fd00::2' })
    expect(a.sourceFor('fd00:9:0:1::5')).toBe('fd00:9::1')
    expect(a.sourceFor('fd00::2')).toBe('fd00::1')
    expect(a.sourceFor('2a00::1')).toBe('2001:db8::1')
    expect(a.sourceFor('fe80::1')).toMatch(/^fe80:/)
    expect(a.sourceFor('::1')).toBe('::1')
  })

  it('are checked when they are written', () => {
    const { a } = pair()
    const add = (route: Parameters<typeof a.routes.add>[0]) => () => a.routes.add(route)
    expect(add({ destination: 'fd05::/64', via: 'fd99::1' })).toThrow('No route to host')
    expect(add({ destination: 'fd05::/64', via: 'fe80::1' })).toThrow('Invalid argument')
    expect(add({ destination: 'fd05::/64', via: 'fe80::1', device: 'eth0' })).not.toThrow()
    expect(add({ destination: 'fd05::/64', via: 'fd00::2' })).toThrow('File exists')
    expect(add({ destination: 'fd06::/64', type: 'unreachable' })).not.toThrow()
    expect(add({ destination: '::/0', via: 'fd00::2', device: 'eth0' })).not.toThrow()
    expect(routes6(a).slice(-5)).toEqual([
      'fd00::/64 dev eth0 proto kernel metric 256 pref medium',
      'fd05::/64 via fe80::1 dev eth0 metric 1024 pref medium',
      'unreachable fd06::/64 dev lo metric 1024 pref medium',
      'fe80::/64 dev eth0 proto kernel metric 256 pref medium',
      'default via fd00::2 dev eth0 metric 1024 pref medium',
    ])
    a.routes.remove({ destination: 'fd06::/64' })
    expect(() => a.routes.remove({ destination: 'fd06::/64' })).toThrow('No such process')
  })
})

describe('packets of IPv6', () => {
  it('find their neighbour by solicitation', () => {
    const { a, b } = pair()
    const seen: string[] = []
    b.capture('eth0', ({ direction, frame }) => {
      if (frame.payload.kind === 'ip' && frame.payload.payload.kind === 'icmp') seen.push(`${direction} ${frame.destination.slice(0, 5)} ${frame.payload.payload.type}`)
    })
    const { heard, journey } = ping(a, 'fd00::2')
    expect(heard).toEqual(['fd00::2 ttl 64'])
    expect(seen).toEqual(['in 33:33 135', `out ${a.link('eth0').mac.slice(0, 5)} 136`, `in ${b.link('eth0').mac.slice(0, 5)} 128`, `out ${a.link('eth0').mac.slice(0, 5)} 129`])
    expect(stages(journey.hops)).toEqual(['socket-send', 'route-lookup', 'neighbour-solicitation', 'neighbour-advertisement', 'neighbour-lookup', 'veth-pair', 'route-local', 'deliver-echo'])
    expect(journey).toMatchObject({ verdict: 'delivered', to: 'b', finalDestination: 'fd00::2' })
    expect(a.neighbours.list().map(formatNeighbour)).toEqual([`fd00::2 dev eth0 lladdr ${b.link('eth0').mac} REACHABLE`])
    expect(b.neighbours.list().map(formatNeighbour)).toEqual([`fd00::1 dev eth0 lladdr ${a.link('eth0').mac} DELAY`])
  })

  it('reach link-local addresses when it is said through which link', () => {
    const { a, b } = pair()
    const local = b.link('eth0').addresses[1]!.address
    expect(ping(a, local, { device: 'eth0' }).heard).toEqual([`${local} ttl 64`])
  })

  it('are forwarded where that is on; else the way ends there', () => {
    const { a, router } = routed()
    expect(ping(a, 'fd00:2::2').heard).toEqual(['fd00:2::2 ttl 63'])
    expect(router.neighbours.list().every((n) => !n.router)).toBe(true)
    expect(a.neighbours.list().find((n) => n.ip === 'fd00:1::1')).toMatchObject({ router: true })
    // RFC 4291 2.6.1: the network's own address is the router's
    expect(ping(a, 'fd00:1::').heard).toEqual(['fd00:1::1 ttl 64'])
    const off = routed({ forwarding: false })
    expect(ping(off.a, 'fd00:2::2')).toMatchObject({ heard: [], journey: { verdict: 'dropped', reason: 'drop-forwarding-off' } })
    // without a way for it the kernel says so all the same
    expect(ping(off.a, 'fd00:3::1')).toMatchObject({ heard: ['fd00:1::1 type 1 code 0'], journey: { verdict: 'unreachable', reason: 'drop-no-route' } })
  })

  it('end with the message that RFC 4443 has for it', () => {
    const { a, router, b } = routed()
    expect(ping(a, 'fd00:2::2', { ttl: 1 }).heard).toEqual(['fd00:1::1 type 3 code 0'])
    expect(ping(a, 'fd00:3::1').heard).toEqual(['fd00:1::1 type 1 code 0'])
    router.routes.add({ destination: 'fd00:4::/64', type: 'prohibit' })
    expect(ping(a, 'fd00:4::1').heard).toEqual(['fd00:1::1 type 1 code 1'])
    expect(ping(a, 'fd00:2::9')).toMatchObject({ heard: ['fd00:1::1 type 1 code 3'], journey: { reason: 'drop-no-neighbour' } })
    const errors: string[] = []
    const socket = a.sockets.udp({})
    socket.onError = (e) => errors.push(e.code)
    socket.send(encodeUtf8('x'), 'fd00:2::2', 7)
    a.clock.runFor(100)
    expect(errors).toEqual(['ECONNREFUSED'])
    expect(() => b.sockets.udp({ address: '0.0.0.0' }).send(encodeUtf8('x'), 'fd00:1::2', 7)).toThrow('Address family not supported')
  })

  it('are never cut on the way: the source learns the path MTU and cuts itself', () => {
    const { a, network } = routed({ mtu: 1300 })
    const first = ping(a, 'fd00:2::2', { size: 1400, dontFragment: false })
    expect(first.heard).toEqual(['fd00:1::1 type 2 code 0 mtu 1300'])
    expect(first.journey).toMatchObject({ verdict: 'dropped', reason: 'drop-mtu' })
    expect(a.pathMtu('fd00:2::2')).toBe(1300)
    expect(ping(a, 'fd00:2::2', { size: 1400, dontFragment: false }).heard).toEqual(['fd00:2::2 ttl 63'])
    expect(network.journeys.recent.at(-1)!.verdict).toBe('delivered')
  })

  it('carry TCP; a listener on :: takes both families and a big answer fits a small link', () => {
    const { a, b } = routed({ mtu: 1300 })
    const got: string[] = []
    b.sockets.listen({ port: 80 }, (c) => {
      c.handlers = { onData: () => c.send(new Uint8Array(5000).fill(65)) }
    })
    let bytes = 0
    const connection = a.sockets.connect({ address: 'fd00:2::2', port: 80 }, {
      onConnect: () => connection.send(encodeUtf8('hello')),
      onData: (data) => (bytes += data.length),
      onClose: (e) => got.push(e?.code ?? 'closed'),
    })
    a.clock.runFor(3000)
    expect([bytes, got, connection.localAddress]).toEqual([5000, [], 'fd00:1::2'])
    expect(b.sockets.list().find((s) => s.state === 'LISTEN')).toMatchObject({ localAddress: '::' })
    const refused: string[] = []
    a.sockets.connect({ address: 'fd00:2::2', port: 81 }, { onClose: (e) => refused.push(e?.code ?? '') })
    a.clock.runFor(100)
    expect(refused).toEqual(['ECONNREFUSED'])
  })

  it('of both families reach one UDP socket; v6only leaves IPv4 to others', () => {
    const { a, b } = pair()
    const heard: string[] = []
    const both = b.sockets.udp({ port: 53, address: '::' })
    both.onDatagram = (d) => heard.push(`${d.source} ${decodeUtf8(d.data)}`)
    a.addAddress('eth0', '10.0.0.1/24')
    b.addAddress('eth0', '10.0.0.2/24')
    a.sockets.udp({}).send(encodeUtf8('six'), 'fd00::2', 53)
    a.sockets.udp({}).send(encodeUtf8('four'), '10.0.0.2', 53)
    a.clock.runFor(100)
    expect(heard.sort()).toEqual(['10.0.0.1 four', 'fd00::1 six'])
    expect(() => b.sockets.udp({ port: 53, address: '0.0.0.0' })).toThrow('Address already in use')
    b.sockets.udp({ port: 54, address: '::', v6only: true })
    expect(() => b.sockets.udp({ port: 54, address: '0.0.0.0' })).not.toThrow()
  })
})

describe('ip6tables', () => {
  it('filters, rejects and translates beside iptables, with one table of connections', () => {
    const { a, router, b } = routed()
    router.netfilter6.restore([
      '*nat', '-A PREROUTING -d fd00:96::10/128 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:2::2]:8080',
      '-A POSTROUTING -d fd00:2::2/128 -p tcp -j MASQUERADE', 'COMMIT',
      '*filter', '-A FORWARD -p tcp -m tcp --dport 81 -j REJECT --reject-with icmp6-adm-prohibited', '-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type echo-request -j DROP', 'COMMIT', '',
    ].join('\n'))
    expect(router.netfilter6.save('nat')).toContain('-A PREROUTING -d fd00:96::10/128 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:2::2]:8080')
    let seen = ''
    b.sockets.listen({ port: 8080 }, (c) => (seen = c.remoteAddress))
    const outcomes: string[] = []
    const try1 = a.sockets.connect({ address: 'fd00:96::10', port: 80 }, { onConnect: () => outcomes.push('connected') })
    a.sockets.connect({ address: 'fd00:2::2', port: 81 }, { onClose: (e) => outcomes.push(e!.code) })
    a.clock.runFor(200)
    expect([outcomes.sort(), seen]).toEqual([['EACCES', 'connected'], 'fd00:2::1'])
    expect(try1.journey).toMatchObject({ verdict: 'delivered', finalDestination: '[fd00:2::2]:8080', sourceSeenByServer: 'fd00:2::1' })
    expect(router.netfilter.conntrack.list()).toMatchObject([{ original: { destination: 'fd00:96::10', protocol: 'tcp' }, reply: { source: 'fd00:2::2', sourcePort: 8080 } }])
    expect(ping(a, 'fd00:2::2').journey).toMatchObject({ verdict: 'dropped', reason: 'drop-filter-rule' })
    expect(router.netfilter.save()).toBe('')
  })

  it('that drops all of ICMPv6 drops Neighbour Discovery too, and the journey tells where', () => {
    const { a, b } = pair()
    b.netfilter6.command(['-A', 'INPUT', '-p', 'ipv6-icmp', '-j', 'DROP'])
    const { journey } = ping(a, 'fd00::2')
    expect(journey).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-neighbour' })
    expect(journey.hops.map((h) => `${h.networkNamespace} ${h.explanation}`)).toContain('b drop-filter-rule')
  })

  it('sees what a bridge passes on, when bridge-nf-call-ip6tables says so', () => {
    const network = makeNetwork6()
    const node = network.createNamespace({ name: 'node', kind: 'node' })
    const bridge = network.createBridge(node, 'cni0')
    node.setUp('cni0', true)
    const pods = [2, 3].map((n) => {
      const pod = network.createNamespace({ name: `pod-${n}`, kind: 'pod' })
      const [, port] = join(network, { network: pod, name: 'eth0', address: `fd00::${n}/64` }, { network: node, name: `veth${n}` })
      bridge.attach(port)
      return pod
    }) as [Namespace, Namespace]
    node.netfilter6.command(['-A', 'FORWARD', '-d', 'fd00::3', '-p', 'ipv6-icmp', '-m', 'icmp6', '--icmpv6-type', 'echo-request', '-j', 'DROP'])
    expect(ping(pods[0], 'fd00::3').journey.reason).toBe('drop-filter-rule')
    node.setSysctl('net.bridge.bridge-nf-call-ip6tables', '0')
    expect(ping(pods[0], 'fd00::3').heard).toEqual(['fd00::3 ttl 64'])
  })
})
