import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cidrContains, formatIpv4, networkOf, prefixLength } from './address.ts'
import { formatRoute } from './format.ts'
import { join, makeNetwork } from './shapes.samples.ts'
import type { Route } from './types.ts'

function host() {
  const network = makeNetwork()
  const a = network.createNamespace({ name: 'a', kind: 'node' })
  const b = network.createNamespace({ name: 'b', kind: 'node' })
  join(network, { network: a, name: 'eth0', address: '10.0.0.1/24' }, { network: b, name: 'eth0', address: '10.0.0.2/24' })
  const main = (): string[] => a.routes.list().map((r) => formatRoute(r))
  const local = (): string[] => a.routes.list('local').map((r) => formatRoute(r))
  return { a, b, main, local }
}

describe('routes', () => {
  it('come with addresses, as ip route prints them', () => {
    const { a, main, local } = host()
    expect(main()).toEqual(['10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1'])
    expect(local()).toEqual([
      'local 10.0.0.1 dev eth0 proto kernel scope host src 10.0.0.1',
      'broadcast 10.0.0.255 dev eth0 proto kernel scope link src 10.0.0.1',
      'local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1',
      'local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1',
      'broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1',
    ])
    a.addAddress('eth0', '10.0.0.7/24')
    expect(a.links.get('eth0')!.addresses[1]).toMatchObject({ secondary: true })
    expect(main()).toHaveLength(1)
    a.removeAddress('eth0', '10.0.0.1/24')
    expect(main()).toEqual([])
    expect(local().filter((r) => r.includes('eth0'))).toEqual([])
    expect(() => a.removeAddress('eth0', '10.0.0.1/24')).toThrow('Cannot assign requested address')
  })

  it('are listed like the kernel\u2019s trie and printed in full', () => {
    const { a, main } = host()
    a.routes.add({ destination: '10.0.0.0/8', via: '10.0.0.2', metric: 100 })
    a.routes.add({ destination: '0.0.0.0/0', via: '10.0.0.2' })
    a.routes.add({ destination: '10.244.2.0/24', via: '10.244.2.0', device: 'eth0', onlink: true })
    a.routes.add({ destination: '10.244.1.64/26', type: 'blackhole', protocol: 'bird' })
    a.routes.add({ destination: '10.244.1.66/32', device: 'eth0', source: '10.0.0.1', protocol: 'static' })
    expect(main()).toEqual([
      'default via 10.0.0.2 dev eth0',
      '10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1',
      '10.0.0.0/8 via 10.0.0.2 dev eth0 metric 100',
      'blackhole 10.244.1.64/26 proto bird',
      '10.244.1.66 dev eth0 proto static scope link src 10.0.0.1',
      '10.244.2.0/24 via 10.244.2.0 dev eth0 onlink',
    ])
  })

  it('are refused with the kernel\u2019s errors', () => {
    const { a } = host()
    const code = (run: () => void): string => {
      try {
        run()
        return ''
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    a.routes.add({ destination: '10.1.0.0/16', via: '10.0.0.2' })
    expect(code(() => a.routes.add({ destination: '10.1.0.0/16', via: '10.0.0.3' }))).toBe('EEXIST')
    expect(code(() => a.routes.add({ destination: '10.1.0.0/16', via: '10.0.0.3', metric: 5 }))).toBe('')
    expect(code(() => a.routes.add({ destination: '10.2.0.0/16', via: '192.168.1.1' }))).toBe('ENETUNREACH')
    expect(code(() => a.routes.add({ destination: '10.2.0.0/16', via: '10.1.0.9' }))).toBe('ENETUNREACH')
    expect(code(() => a.routes.add({ destination: '10.2.0.0/16', via: '10.0.0.1' }))).toBe('')
    expect(code(() => a.routes.add({ destination: '10.2.0.0/16', device: 'eth9' }))).toBe('ENODEV')
    expect(code(() => a.routes.add({ destination: '10.2.0.7/16', device: 'eth0' }))).toBe('EINVAL')
    expect(code(() => a.routes.remove({ destination: '10.3.0.0/16' }))).toBe('ESRCH')
    expect(code(() => a.routes.add({ destination: '10.1.0.0/16', via: '10.0.0.4' }, { replace: true }))).toBe('')
    expect(a.routes.lookup('10.1.2.3')!.via).toBe('10.0.0.4')
    a.setUp('eth0', false)
    expect(code(() => a.routes.add({ destination: '10.2.0.0/16', device: 'eth0' }))).toBe('ENETDOWN')
    expect(code(() => a.addAddress('eth0', '10.0.0.1/24'))).toBe('EEXIST')
    expect(code(() => a.addAddress('eth0', '10.0.0/24'))).toBe('EINVAL')
  })

  it('choose the source address that fits the gateway', () => {
    const { a } = host()
    a.addAddress('eth0', '192.168.7.1/24')
    a.routes.add({ destination: '0.0.0.0/0', via: '192.168.7.2' })
    expect(a.sourceFor('8.8.8.8')).toBe('192.168.7.1')
    expect(a.sourceFor('10.0.0.9')).toBe('10.0.0.1')
    expect(a.sourceFor('127.0.0.5')).toBe('127.0.0.1')
    expect(a.sourceFor('192.168.7.1')).toBe('192.168.7.1')
  })

  it('finds what a search of all routes finds: the longest prefix, then the lowest metric', () => {
    const route = fc.record({ address: fc.nat(255).map((n) => 0x0a000000 + n * 0x010101), length: fc.integer({ min: 0, max: 32 }), metric: fc.nat(3) })
    const probe = fc.nat(255).map((n) => formatIpv4(0x0a000000 + n * 0x010101 + (n % 3)))
    fc.assert(
      fc.property(fc.array(route, { maxLength: 30 }), fc.array(probe, { maxLength: 20 }), fc.nat(30), (routes, probes, dropped) => {
        const { a } = host()
        a.removeAddress('eth0', '10.0.0.1/24')
        const added: Route[] = []
        for (const { address, length, metric } of routes) {
          const destination = networkOf(`${formatIpv4(address)}/${length}`)
          if (added.some((r) => r.destination === destination && r.metric === metric)) continue
          a.routes.add({ destination, device: 'eth0', metric })
          added.push({ destination, metric })
        }
        if (dropped < added.length) a.routes.remove({ destination: added[dropped]!.destination, metric: added.splice(dropped, 1)[0]!.metric })
        for (const ip of probes) {
          const best = added
            .filter((r) => cidrContains(r.destination, ip))
            .sort((x, y) => prefixLength(y.destination) - prefixLength(x.destination) || x.metric! - y.metric!)[0]
          const found = a.routes.lookup(ip)
          expect([found?.destination, found?.metric]).toEqual([best?.destination, best?.metric])
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('settings', () => {
  it('are read and written as sysctl does', () => {
    const { a } = host()
    expect(a.sysctl('net.ipv4.ip_forward')).toBe('0')
    a.setSysctl('net.ipv4.ip_forward', '1')
    expect(a.sysctl('net.ipv4.conf.eth0.forwarding')).toBe('1')
    expect(a.sysctl('net/ipv4/conf/eth0/forwarding')).toBe('1')
    a.setSysctl('net.ipv4.ip_local_port_range', '40000 40010')
    expect(a.sysctl('net.ipv4.ip_local_port_range')).toBe('40000\t40010')
    expect(a.sockets.udp({}).port).toBeLessThanOrEqual(40_010)
    expect(() => a.setSysctl('net.ipv4.nonsense', '1')).toThrow('No such file or directory')
    expect(() => a.setSysctl('net.ipv4.ip_forward', 'yes')).toThrow('Invalid argument')
    expect(a.sysctl('net.ipv4.nonsense')).toBeUndefined()
    expect(a.sysctls()).toContain('net.ipv4.conf.eth0.proxy_arp')
  })
})
