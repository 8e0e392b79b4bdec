import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  broadcastOf, canonicalIp, cidrContains, cidrsOverlap, compareIp, formatIpv4, formatIpv6, isLinkLocalIp6, isValidIp, linkLocalOf, networkOf, nthAddress, parseCidr,
  parseIpv4, parseIpv6, prefixLength, solicitedNode, tryParseCidr,
} from './address.ts'

describe('addresses', () => {
  it('reads dotted quads as inet_pton does', () => {
    expect(parseIpv4('10.244.1.7')).toBe(0x0af40107)
    expect(parseIpv4('255.255.255.255')).toBe(0xffffffff)
    for (const bad of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1..2.3', '1.2.3.', ' 1.2.3.4', 'a.b.c.d', '1.2.3.4/8']) {
      expect(isValidIp(bad), bad).toBe(false)
    }
  })

  it('gives every IPv4 address back', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => parseIpv4(formatIpv4(n)) === n))
  })

  it('writes IPv6 as RFC 5952 says', () => {
    for (const [written, canonical] of [
      ['2001:0DB8::0001', '2001:db8::1'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
      ['fe80::', 'fe80::'],
    ]) {
      expect(canonicalIp(written!)).toBe(canonical)
    }
    for (const bad of [':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::1.2.3', 'g::']) expect(isValidIp(bad), bad).toBe(false)
  })

  it('makes link-local addresses and solicited-node groups as RFC 4291 says', () => {
    expect(linkLocalOf('00:00:5e:00:53:01')).toBe('fe80::200:5eff:fe00:5301')
    expect(linkLocalOf('52:54:00:12:34:56')).toBe('fe80::5054:ff:fe12:3456')
    expect(solicitedNode('fd00::1:800:200e:8c6c')).toBe('ff02::1:ff0e:8c6c')
    expect([isLinkLocalIp6('fe80::1'), isLinkLocalIp6('febf::1'), isLinkLocalIp6('fec0::1'), isLinkLocalIp6('fe8::1')]).toEqual([true, true, false, false])
  })

  it('reads back any way of writing an IPv6 address', () => {
    const groups = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
    fc.assert(fc.property(groups, fc.boolean(), fc.boolean(), (parts, upper, padded) => {
      const text = parts.map((g) => g.toString(16).padStart(padded ? 4 : 1, '0')).join(':')
      const canonical = canonicalIp(upper ? text.toUpperCase() : text)!
      expect(parseIpv6(canonical)).toBe(parseIpv6(text))
      expect(canonicalIp(canonical)).toBe(canonical)
      expect(canonical).not.toMatch(/(^|:)0[0-9a-f]|[A-F]/)
    }))
  })

  it('gives every IPv6 address back', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (n) => parseIpv6(formatIpv6(n)) === n))
  })
})

describe('prefixes', () => {
  it('knows networks, members and ends', () => {
    expect(networkOf('10.244.1.7/24')).toBe('10.244.1.0/24')
    expect(parseCidr('10.244.1.7/24').address).toBe('10.244.1.7')
    expect(nthAddress('10.96.0.0/12', 10)).toBe('10.96.0.10')
    expect(() => nthAddress('10.0.0.0/30', 4)).toThrow(RangeError)
    expect(nthAddress('fd00::/64', 258)).toBe('fd00::102')
    expect(broadcastOf('10.244.1.0/24')).toBe('10.244.1.255')
    expect(prefixLength('0.0.0.0/0')).toBe(0)
    expect(cidrContains('0.0.0.0/0', '255.1.2.3')).toBe(true)
    expect(cidrContains('0.0.0.0/0', 'fd00::1')).toBe(false)
    expect(cidrContains('fd00::/8', 'fd12::1')).toBe(true)
    expect(cidrContains('fd00::/8', '10.0.0.1')).toBe(false)
    expect(cidrsOverlap('10.0.0.0/8', '10.96.0.0/12')).toBe(true)
    expect(cidrsOverlap('10.0.0.0/9', '10.128.0.0/9')).toBe(false)
    for (const bad of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', 'x/8', '::/129']) expect(tryParseCidr(bad), bad).toBeUndefined()
    expect(() => parseCidr('10.0.0/8')).toThrow('invalid CIDR address: 10.0.0/8')
  })

  it('contains exactly the IPv6 addresses from its first to its last', () => {
    const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
    fc.assert(fc.property(address, fc.integer({ min: 0, max: 128 }), address, fc.boolean(), (net, length, any, near) => {
      const cidr = `${formatIpv6(net)}/${length}`
      const ip = formatIpv6(near ? net ^ (any >> BigInt(length)) : any)
      const inside = compareIp(parseCidr(cidr).network, ip) <= 0 && compareIp(ip, broadcastOf(cidr)) <= 0
      return cidrContains(cidr, ip) === inside
    }))
  })

  it('contains exactly the addresses from its first to its last', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 0xffffffff }), (net, length, other) => {
        const cidr = `${formatIpv4(net)}/${length}`
        const ip = formatIpv4(other)
        const inside = compareIp(parseCidr(cidr).network, ip) <= 0 && compareIp(ip, broadcastOf(cidr)) <= 0
        return cidrContains(cidr, ip) === inside
      }),
    )
  })
})
