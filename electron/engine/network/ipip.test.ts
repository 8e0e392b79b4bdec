import { describe, expect, it } from 'vitest'
import { ipLength } from './packets.ts'
import { join, makeNetwork } from './shapes.samples.ts'
import type { Namespace } from './namespace.ts'
import type { IpPacket } from './types.ts'
import { FrameSummary } from './wire/summary.ts'

/** Two routers with a tunl0 each and a host behind each, as calico leads Pods' packets. */
function tunnelled() {
  const network = makeNetwork()
  const node = (n: number): Namespace => {
    const made = network.createNamespace({ name: `node-${n}`, kind: 'node' })
    made.setSysctl('net.ipv4.ip_forward', '1')
    return made
  }
  const [a, b] = [node(1), node(2)]
  join(network, { network: a, name: 'eth0', address: '172.18.0.2/24' }, { network: b, name: 'eth0', address: '172.18.0.3/24' })
  const pods = ([[a, 1], [b, 2]] as const).map(([host, n]) => {
    const pod = network.createNamespace({ name: `default/pod-${n}`, kind: 'pod' })
    join(network, { network: pod, name: 'eth0', address: `10.244.${n}.2/24` }, { network: host, name: 'cali0', address: `10.244.${n}.1/24` })
    pod.routes.add({ destination: '0.0.0.0/0', via: `10.244.${n}.1` })
    network.createIpip(host, 'tunl0', { fallback: true })
    host.addAddress('tunl0', `10.244.${n}.0/32`)
    host.setUp('tunl0', true)
    return pod
  }) as [Namespace, Namespace]
  a.routes.add({ destination: '10.244.2.0/24', via: '172.18.0.3', device: 'tunl0', protocol: 'bird', onlink: true })
  b.routes.add({ destination: '10.244.1.0/24', via: '172.18.0.2', device: 'tunl0', protocol: 'bird', onlink: true })
  const ping = (from: Namespace, to: string, options: { length?: number; dontFragment?: boolean } = {}) => {
    const socket = from.sockets.ping()
    const seen = { replies: [] as string[], errors: [] as string[] }
    socket.onReply = (r) => seen.replies.push(`${r.source} ttl ${r.ttl}`)
    socket.onError = (e) => seen.errors.push(`${e.source} ${e.type}/${e.code}${e.mtu ? ` mtu ${e.mtu}` : ''}`)
    const journey = socket.send(to, 1, new Uint8Array(options.length ?? 56), { dontFragment: options.dontFragment ?? false })
    network.clock.runFor(2000)
    socket.close()
    return { ...seen, journey }
  }
  return { network, a, b, pods, ping }
}

describe('an IP-in-IP tunnel', () => {
  it('leads a packet to the gateway of its route, with two headers on the wire', () => {
    const { a, pods, ping } = tunnelled()
    const wire: string[] = []
    const outer: IpPacket[] = []
    a.capture('eth0', ({ frame }) => {
      if (frame.payload.kind !== 'ip') return
      outer.push(structuredCopy(frame.payload))
      wire.push(new FrameSummary().line(frame))
    })
    const { replies, journey } = ping(pods[0], '10.244.2.2')
    expect(replies).toEqual(['10.244.2.2 ttl 62'])
    expect(wire).toEqual([
      expect.stringMatching(/^IP 172.18.0.2 > 172.18.0.3: IP 10.244.1.2 > 10.244.2.2: ICMP echo request, id \d+, seq 1, length 64$/),
      expect.stringMatching(/^IP 172.18.0.3 > 172.18.0.2: IP 10.244.2.2 > 10.244.1.2: ICMP echo reply, id \d+, seq 1, length 64$/),
    ])
    // ttl inherit: the inner packet had 64 and was forwarded once
    expect(outer[0]).toMatchObject({ ttl: 63, dontFragment: false })
    expect(ipLength(outer[0]!)).toBe(20 + 20 + 64)
    const stages = journey.hops.map((h) => h.stage)
    expect(stages.indexOf('encapsulate')).toBeLessThan(stages.indexOf('decapsulate'))
    const hop = journey.hops.find((h) => h.stage === 'encapsulate')!
    expect(hop).toMatchObject({
      interface: 'tunl0', before: { source: '10.244.1.2', protocol: 'icmp' }, after: { source: '172.18.0.2', destination: '172.18.0.3', protocol: 'ipip' },
    })
    expect(journey.verdict).toBe('delivered')
    expect(journey.to).toBe('default/pod-2')
  })

  it('has room for twenty bytes less', () => {
    const { pods, ping } = tunnelled()
    expect(ping(pods[0], '10.244.2.2', { length: 1452, dontFragment: true }).replies).toHaveLength(1)
    const tooLong = ping(pods[0], '10.244.2.2', { length: 1453, dontFragment: true })
    expect(tooLong.errors).toEqual(['10.244.1.1 3/4 mtu 1480'])
    expect(tooLong.journey.reason).toBe('drop-mtu')
    expect(ping(pods[1], '10.244.1.2', { length: 3000 }).replies).toHaveLength(1)
  })

  it('with both ends named takes only what comes from its other end', () => {
    const { network, a, b, pods, ping } = tunnelled()
    network.createIpip(a, 'to-b', { local: '172.18.0.2', remote: '172.18.0.3', ttl: 64 })
    a.setUp('to-b', true)
    a.routes.add({ destination: '10.244.2.0/24', device: 'to-b' }, { replace: true })
    expect(ping(pods[0], '10.244.2.2').replies).toHaveLength(1)
    expect(() => network.createIpip(a, 'again', { local: '172.18.0.2', remote: '172.18.0.3' })).toThrow('File exists')
    // the other node's tunnel goes down
    b.setUp('tunl0', false)
    const lost = ping(pods[0], '10.244.2.2')
    expect(lost.replies).toEqual([])
    expect(lost.journey.reason).toBe('drop-no-tunnel')
    b.removeLink('tunl0')
    expect(ping(pods[0], '10.244.2.2').journey.hops.at(-1)!.text).toContain('has no IP-in-IP interface')
  })

  it('whose other end lies behind itself drops', () => {
    const { network, a, pods, ping } = tunnelled()
    network.createIpip(a, 'loop', { remote: '10.9.9.9' })
    a.setUp('loop', true)
    a.routes.add({ destination: '10.9.9.9/32', device: 'loop' })
    const { journey } = ping(pods[0], '10.9.9.9')
    expect(journey.reason).toBe('drop-tunnel')
  })
})

function structuredCopy(packet: IpPacket): IpPacket {
  return { ...packet, meta: { mark: 0 } }
}
