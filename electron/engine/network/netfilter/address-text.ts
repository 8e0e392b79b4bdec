import { formatIpv4, maskOf, parseIpv4, tryParseCidr } from '../address.ts'
import { UsageError } from './errors.ts'
import type { AddressMatch } from './rule.ts'

/** "10" and "10.1" are filled with zeros, as iptables' numeric_to_ipaddr does. */
function looseAddress(text: string): number | undefined {
  const whole = parseIpv4(text)
  if (whole !== undefined) return whole
  if (!/^[0-9.]+$/.test(text)) return undefined
  const parts = text.split('.')
  return parts.length > 4 ? undefined : parseIpv4([...parts, '0', '0', '0'].slice(0, 4).join('.'))
}

function parseMask(text: string): number {
  if (text.includes('.')) {
    const mask = parseIpv4(text)
    if (mask === undefined) throw new UsageError(`invalid mask \`${text}' specified`)
    return mask
  }
  const length = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
  if (!(length <= 32)) throw new UsageError(`invalid mask \`${text}' specified`)
  return maskOf(length)
}

/** The prefix length of a mask without holes. */
function lengthOf(mask: number): number | undefined {
  for (let length = 0; length <= 32; length++) if (maskOf(length) === mask) return length
  return undefined
}

/** "/24"; "/255.0.255.0" for a mask with holes; `host` is what stands for a full mask. */
export function maskText(mask: number, host: string): string {
  if (mask === 0xffffffff) return host
  const length = lengthOf(mask)
  return `/${length ?? formatIpv4(mask)}`
}

/** One address or network as -s and -d take it. Undefined for one that matches everything. */
export function parseAddress(text: string, invert: boolean, family: 4 | 6): AddressMatch | undefined {
  if (family === 6) return parseAddress6(text, invert)
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const mask = slash < 0 ? 0xffffffff : parseMask(text.slice(slash + 1))
  const value = looseAddress(host)
  if (value === undefined) throw new UsageError(`host/network \`${host}' not found`)
  if (mask === 0 && !invert) return undefined
  const address = (value & mask) >>> 0
  return { invert, address, mask, text: formatIpv4(address), maskText: maskText(mask, '/32') }
}

/** ip6tables takes prefix lengths only, for masks with holes are of no use to anybody. */
function parseAddress6(text: string, invert: boolean): AddressMatch | undefined {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const address = tryParseCidr(host)
  if (address?.version !== 6) throw new UsageError(`host/network \`${host}' not found`)
  const prefix = slash < 0 ? address : tryParseCidr(text)
  if (!prefix) throw new UsageError(`invalid mask \`${text.slice(slash + 1)}' specified`)
  if (prefix.length === 0 && !invert) return undefined
  return { invert, address: 0, mask: prefix.length === 128 ? 0xffffffff : 0, prefix6: prefix, text: prefix.network, maskText: `/${prefix.length}` }
}

/** As `iptables -L -n` shows it: hosts without their /32. */
export function listAddress(match: AddressMatch | undefined, numeric: boolean, family: 4 | 6, nameOf?: (address: string) => string | undefined): string {
  if (!match) return numeric ? (family === 4 ? '0.0.0.0/0' : '::/0') : 'anywhere'
  const shown = numeric ? match.text : (nameOf?.(match.text) ?? match.text)
  if (match.prefix6) return shown + (match.prefix6.length === 128 ? '' : match.maskText)
  return shown + maskText(match.mask, '')
}
