import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../address.ts'
import type { Ip, Mac } from '../types.ts'

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16))
}

export function macText(bytes: Uint8Array): Mac {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(':')
}

export function ipBytes(ip: Ip): Uint8Array {
  if (!ip.includes(':')) {
    const value = parseIpv4(ip) ?? 0
    return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
  }
  let value = parseIpv6(ip) ?? 0n
  const out = new Uint8Array(16)
  for (let i = 15; i >= 0; i--) {
    out[i] = Number(value & 255n)
    value >>= 8n
  }
  return out
}

export function ipText(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return formatIpv4(bytes.reduce((n, b) => n * 256 + b, 0))
  return formatIpv6(bytes.reduce((n, b) => (n << 8n) | BigInt(b), 0n))
}
