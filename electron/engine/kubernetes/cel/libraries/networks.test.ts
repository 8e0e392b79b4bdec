import { describe, expect, it } from 'vitest'
import { KubernetesCel } from '../../cel.ts'

/** Rows of apiserver/pkg/cel/library/ip_test.go and cidr_test.go, and of what the library's own page says. */

function value(text: string): unknown {
  const program = new KubernetesCel([], { open: false }).parse(text)
  const { valid, error } = program.check()
  if (!valid) throw error ?? new Error(text)
  return program({})
}

describe('addresses in CEL', () => {
  it.each([
    'isIP("192.168.0.1")', '!isIP("192.168.0.1.0")', 'isIP("2001:db8::68")', '!isIP("2001:db8:::68")', '!isIP("::ffff:1.2.3.4")', '!isIP("fe80::1%eth0")', '!isIP("010.0.0.1")',
    'ip.isCanonical("127.0.0.1")', 'ip.isCanonical("2001:db8::68")', '!ip.isCanonical("2001:DB8::68")',
    'ip("192.168.0.1").family() == 4', 'ip("2001:db8::68").family() == 6',
    'ip("0.0.0.0").isUnspecified()', '!ip("127.0.0.1").isUnspecified()', 'ip("::").isUnspecified()', '!ip("::1").isUnspecified()',
    'ip("127.0.0.1").isLoopback()', '!ip("1.2.3.4").isLoopback()', 'ip("::1").isLoopback()', '!ip("2001:db8::abcd").isLoopback()',
    'ip("224.0.0.1").isLinkLocalMulticast()', '!ip("224.0.1.1").isLinkLocalMulticast()', 'ip("ff02::1").isLinkLocalMulticast()', '!ip("fd00::1").isLinkLocalMulticast()',
    'ip("169.254.169.254").isLinkLocalUnicast()', '!ip("192.168.0.1").isLinkLocalUnicast()', 'ip("fe80::1").isLinkLocalUnicast()', '!ip("fd80::1").isLinkLocalUnicast()',
    'ip("192.168.0.1").isGlobalUnicast()', '!ip("255.255.255.255").isGlobalUnicast()', 'ip("2001:db8::abcd").isGlobalUnicast()', '!ip("ff00::1").isGlobalUnicast()',
    'string(ip("192.168.0.1")) == "192.168.0.1"', 'ip("2001:DB8::68") == ip("2001:db8::68")', 'ip("10.0.0.1") != ip("10.0.0.2")',
  ])('%s', (text) => expect(value(text)).toBe(true))

  it.each([
    ['ip("192.168.0.1.0")', 'IP Address "192.168.0.1.0" parse error during conversion from string: ParseAddr("192.168.0.1.0"): IPv4 address too long'],
    ['ip.isCanonical("127.0.0.1.0")', 'IP Address "127.0.0.1.0" parse error during conversion from string: ParseAddr("127.0.0.1.0"): IPv4 address too long'],
    ['ip("2001:db8:::68")', 'IP Address "2001:db8:::68" parse error during conversion from string: ParseAddr("2001:db8:::68"): each colon-separated field must have at least one digit (at ":68")'],
    ['ip("1.2.3")', 'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short'],
    ['ip("")', 'IP Address "" parse error during conversion from string: ParseAddr(""): unable to parse IP'],
    ['ip("fe80::1%en0")', 'IP address "fe80::1%en0" with zone value is not allowed'],
    ['ip("::ffff:1.2.3.4")', 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed'],
  ])('%s is refused', (text, why) => expect(() => value(text)).toThrow(why))
})

describe('prefixes in CEL', () => {
  it.each([
    'isCIDR("192.168.0.0/16")', 'isCIDR("192.168.0.1/16")', 'isCIDR("::1/128")', '!isCIDR("192.168.0.0/33")', '!isCIDR("::1/129")', '!isCIDR("::ffff:1.2.3.4/24")', '!isCIDR("10.0.0.0")', '!isCIDR("10.0.0.0/08")',
    'cidr("192.168.0.0/24").containsIP(ip("192.168.0.1"))', '!cidr("192.168.0.0/24").containsIP(ip("192.168.1.1"))', 'cidr("192.168.0.0/24").containsIP("192.168.0.1")', '!cidr("192.168.0.0/24").containsIP("192.168.1.1")',
    'cidr("192.168.0.0/24").containsCIDR(cidr("192.168.0.0/25"))', '!cidr("192.168.0.0/24").containsCIDR(cidr("192.168.0.0/23"))', 'cidr("192.168.0.0/24").containsCIDR("192.168.0.0/25")', '!cidr("192.168.0.0/24").containsCIDR("192.168.0.0/23")',
    // kubernetes/kubernetes#130450: also where the inner one begins elsewhere
    'cidr("192.168.0.0/16").containsCIDR("192.168.10.0/24")', '!cidr("192.168.1.0/24").containsCIDR("192.168.2.0/24")', '!cidr("0.0.0.0/0").containsCIDR("::/0")',
    'cidr("192.168.0.0/24").ip() == ip("192.168.0.0")', 'cidr("192.168.0.1/24").ip() == ip("192.168.0.1")', 'cidr("192.168.0.1/24").masked() == cidr("192.168.0.0/24")', 'cidr("192.168.0.1/24") != cidr("192.168.0.1/24").masked()',
    'cidr("192.168.0.0/24").prefixLength() == 24', 'string(cidr("192.168.0.0/24")) == "192.168.0.0/24"',
    'cidr("2001:db8::/32").containsIP("2001:db8::1")', '!cidr("2001:db8::/32").containsIP("2001:dc8::1")', 'cidr("2001:db8::/32").containsCIDR(cidr("2001:db8::/33"))', '!cidr("2001:db8::/32").containsCIDR("2001:db8::/31")',
    'cidr("2001:db8:1::/32").masked() == cidr("2001:db8::/32")', 'cidr("2001:db8::/32").ip().family() == 6', 'cidr("2001:db8::/32").prefixLength() == 32',
  ])('%s', (text) => expect(value(text)).toBe(true))

  it.each([
    ['cidr("192.168.0.0/")', 'network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix("192.168.0.0/"): bad bits after slash: ""'],
    ['cidr("2001:db8::/")', 'network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix("2001:db8::/"): bad bits after slash: ""'],
    ['cidr("10.0.0.0/33")', 'network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix("10.0.0.0/33"): prefix length out of range'],
    ['cidr("10.0.0.0")', "network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(\"10.0.0.0\"): no '/'"],
  ])('%s is refused', (text, why) => expect(() => value(text)).toThrow(why))
})
