import { describe, expect, it } from 'vitest'
import { parseClusterConfig } from '../../config.ts'
import type { Node } from '../types.ts'
import { CidrSet } from './cidr-set.ts'
import { InformerFactory } from './informer.ts'
import { NodeIpamController } from './node-ipam.ts'
import { Bench } from './upstream.samples.ts'

/** Tables of pkg/controller/nodeipam/ipam/cidrset/cidr_set_test.go and range_allocator_test.go (v1.33), told again. */
describe('a set of prefixes', () => {
  it.each([['127.123.234.0/30', '127.123.234.0/30'], ['beef:1234::/30', 'beef:1234::/30']])('of one part, %s, gives it once, and again when it came back', (cidr, part) => {
    const set = new CidrSet(cidr, 30)
    expect([set.allocateNext(), set.allocateNext()]).toEqual([part, undefined])
    set.release(part)
    expect([set.allocateNext(), set.allocateNext()]).toEqual([part, undefined])
  })

  it.each<[string, number, number, string]>([
    ['127.123.3.0/16', 24, 0, '127.123.0.0/24'],
    ['127.123.0.0/16', 24, 15, '127.123.15.0/24'],
    ['192.168.5.219/28', 32, 5, '192.168.5.213/32'],
    ['2001:0db8:1234:3::/48', 64, 0, '2001:db8:1234::/64'],
    ['2001:0db8:1234::/48', 64, 15, '2001:db8:1234:f::/64'],
    ['2001:0db8:85a3::8a2e:0370:7334/50', 63, 6425, '2001:db8:85a3:3232::/63'],
    ['2001:0db8::/32', 48, 0, '2001:db8::/48'],
    ['2001:0db8::/32', 48, 15, '2001:db8:f::/48'],
    ['2001:0db8:85a3::8a2e:0370:7334/32', 48, 6425, '2001:db8:1919::/48'],
    ['2001:0db8:1234:ff00::/56', 72, 0, '2001:db8:1234:ff00::/72'],
    ['2001:0db8:1234:ff00::/56', 72, 15, '2001:db8:1234:ff00:f00::/72'],
    ['2001:0db8:1234:ff00::0370:7334/56', 72, 6425, '2001:db8:1234:ff19:1900::/72'],
    ['2001:0db8:1234:0:1234::/80', 96, 0, '2001:db8:1234:0:1234::/96'],
    ['2001:0db8:1234:0:1234::/80', 96, 15, '2001:db8:1234:0:1234:f::/96'],
    ['2001:0db8:1234:ff00::0370:7334/80', 96, 6425, '2001:db8:1234:ff00:0:1919::/96'],
  ])('%s in /%i: number %i is %s', (cidr, length, n, block) => expect(new CidrSet(cidr, length).block(n)).toBe(block))

  it.each(['127.123.234.0/16', 'beef:1234::/16'])('%s gives all its parts, and the same ones again', (cidr) => {
    const set = new CidrSet(cidr, 24)
    const all = (count: number): (string | undefined)[] => Array.from({ length: count }, () => set.allocateNext())
    const first = all(256)
    expect(new Set(first).size).toBe(256)
    expect(set.allocateNext()).toBeUndefined()
    for (const each of first) set.release(each!)
    expect(all(257)).toEqual([...first, undefined])
    for (const each of first) set.release(each!)
    // the last half is taken by others, the first of them twice
    for (const each of [...first.slice(128), first[128]]) set.occupy(each!)
    expect(all(129)).toEqual([...first.slice(0, 128), undefined])
  })

  it('counts what is taken or given back twice, and in wider prefixes, once', () => {
    const set = new CidrSet('10.42.0.0/16', 24)
    const steps: ['occupy' | 'release', string, number][] = [
      ['occupy', '10.42.5.0/24', 1], ['occupy', '10.42.9.0/24', 2], ['occupy', '10.42.8.0/22', 5], ['occupy', '10.42.9.0/24', 5],
      ['release', '10.42.9.0/24', 4], ['release', '10.42.9.0/24', 4], ['release', '10.42.4.0/22', 3],
    ]
    for (const [act, cidr, taken] of steps) {
      set[act](cidr)
      expect([act, cidr, set.taken]).toEqual([act, cidr, taken])
    }
    for (let i = 0; i < 253; i++) expect(set.allocateNext()).toBeDefined()
    expect(set.allocateNext()).toBeUndefined()
  })

  it.each<[string, number, string, number?, number?]>([
    ['127.0.0.0/8', 16, '127.0.0.0/8', 0, 255],
    ['2001:beef:1200::/40', 48, '2001:beef:1200::/40', 0, 255],
    ['127.0.0.0/8', 16, '127.0.0.0/2', 0, 255],
    ['2001:beef:1200::/40', 48, '2001:beef:1234::/34', 0, 255],
    ['127.0.0.0/8', 16, '127.0.0.0/16', 0, 0],
    ['2001:beef:1200::/40', 48, '2001:beef:1200::/48', 0, 0],
    ['127.0.0.0/8', 32, '127.0.0.0/16', 0, 65535],
    ['2001:beef:1200::/48', 64, '2001:beef:1200::/48', 0, 65535],
    ['127.0.0.0/7', 16, '127.0.0.0/15', 256, 257],
    ['2001:beef:7f00::/39', 48, '2001:beef:7f00::/47', 256, 257],
    ['127.0.0.0/7', 15, '127.0.0.0/15', 128, 128],
    ['2001:beef:7f00::/39', 47, '2001:beef:7f00::/47', 128, 128],
    ['127.0.0.0/7', 18, '127.0.0.0/15', 1024, 1031],
    ['2001:beef:7f00::/39', 50, '2001:beef:7f00::/47', 1024, 1031],
    // TestGetBitforCIDR
    ['127.0.0.0/8', 16, '127.123.0.0/16', 123, 123],
    ['be00::/8', 16, 'beef::/16', 0xef, 0xef],
    ['beef::/16', 24, 'beef:9700::/24', 0x97, 0x97],
    ['192.168.0.0/16', 24, '127.168.224.0/24'],
    ['beef::/16', 24, '2001:db00::/24'],
  ])('%s in /%i: %s takes the parts from %s to %s', (cidr, length, part, first, last) => {
    const set = new CidrSet(cidr, length)
    expect(set.occupy(part)).toBe(first !== undefined)
    expect(set.taken).toBe(first === undefined ? 0 : last! - first + 1)
    if (first === undefined || set.taken === set.size) return
    // what comes free first is what was taken
    set.release(set.block(first))
    expect(set.taken).toBe(last! - first)
    if (first === 0) expect(set.allocateNext()).toBe(set.block(0))
  })

  it.each([['127.0.0.0/8', 32, '127.0.0.0/32', '127.0.0.1/32'], ['2001:beef:1234:369b::/60', 64, '2001:beef:1234:3690::/64', '2001:beef:1234:3691::/64']])('%s begins with its first parts', (cidr, length, one, two) => {
    const set = new CidrSet(cidr, Number(length))
    expect([set.allocateNext(), set.allocateNext()]).toEqual([one, two])
  })
})

describe('the range allocator', () => {
  class Nodes extends Bench {
    node(name: string, ...podCIDRs: string[]): void {
      this.client.create('nodes', undefined, { metadata: { name }, spec: podCIDRs.length > 0 ? { podCIDR: podCIDRs[0], podCIDRs } : {} })
      this.clock.runFor(200)
    }
    begin(config: object): void {
      new NodeIpamController({ clock: this.clock, client: this.client, informers: new InformerFactory(this.client), config: parseClusterConfig(config) })
      this.settle()
    }
    of(name: string): readonly string[] | undefined {
      return this.client.get<Node>('nodes', undefined, name).spec.podCIDRs
    }
  }

  it('gives what nobody has: first the first, then the next after it', () => {
    const bench = new Nodes()
    bench.node('a', '10.10.0.0/24')
    bench.node('b', '10.10.2.0/24')
    bench.node('c')
    bench.begin({ nodes: 1, podCIDR: '10.10.0.0/22' })
    expect(bench.of('c')).toEqual(['10.10.1.0/24'])
    bench.node('d')
    expect(bench.of('d')).toEqual(['10.10.3.0/24'])
  })

  it('sees who has a wider range, or one that is written with an address', () => {
    const bench = new Nodes()
    bench.node('wide', '10.10.0.0/23')
    bench.node('odd', '10.10.2.1/24')
    bench.node('c')
    bench.begin({ nodes: 1, podCIDR: '10.10.0.0/22' })
    expect(bench.of('c')).toEqual(['10.10.3.0/24'])
  })

  it('gives one of each family', () => {
    const bench = new Nodes()
    bench.begin({ nodes: 1, ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.10.0.0/16,fd00:1::/56', serviceCIDR: '10.96.0.0/16,fd00:2::/112' })
    bench.node('a')
    expect(bench.of('a')).toEqual(['10.10.0.0/24', 'fd00:1::/64'])
  })

  it('says that nothing is left, and gives what came free when it looks again', () => {
    const bench = new Nodes()
    bench.begin({ nodes: 1, podCIDR: '10.10.0.0/23' })
    for (const name of ['a', 'b', 'c']) bench.node(name)
    expect([bench.of('b'), bench.of('c')]).toEqual([['10.10.1.0/24'], undefined])
    expect(bench.client.list('events').items.map((e) => (e as unknown as { message: string }).message)).toEqual(['Node c status is now: CIDRNotAvailable'])
    bench.client.delete('nodes', undefined, 'b')
    bench.settle()
    expect(bench.of('c')).toEqual(['10.10.1.0/24'])
  })
})
