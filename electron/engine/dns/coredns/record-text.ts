import type { DnsData, DnsRecord } from '../../network/wire/dns.ts'
import { canonicalIp, isIpv4 } from '../../network/address.ts'
import { absoluteName } from '../names.ts'

/** A resource record as a zone file has it (RFC 1035 section 5): "web.example.com. 60 IN A 10.0.0.1". Undefined: it is none. */
export function parseRecord(text: string): DnsRecord | undefined {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((m) => m[1] ?? m[2]!)
  const name = words.shift()
  if (name === undefined) return undefined
  let ttl = 3600
  while (words.length > 0 && (/^\d+$/.test(words[0]!) || /^IN$/i.test(words[0]!))) {
    const word = words.shift()!
    if (/^\d+$/.test(word)) ttl = Number(word)
  }
  const data = dataOf((words.shift() ?? '').toUpperCase(), words)
  return data && { name: absoluteName(name), class: 'IN', ttl, data }
}

function dataOf(type: string, words: readonly string[]): DnsData | undefined {
  const [first = ''] = words
  const numbers = words.map(Number)
  switch (type) {
    case 'A':
      return isIpv4(first) ? { type, address: first } : undefined
    case 'AAAA': {
      const address = canonicalIp(first)
      return address?.includes(':') ? { type, address } : undefined
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return words.length === 1 ? { type, target: absoluteName(first) } : undefined
    case 'TXT':
      return words.length > 0 ? { type, strings: [...words] } : undefined
    case 'MX':
      return words.length === 2 && numbers[0]! >= 0 ? { type, preference: numbers[0]!, exchange: absoluteName(words[1]!) } : undefined
    case 'SRV':
      return words.length === 4 && numbers.slice(0, 3).every((n) => n >= 0) ? { type, priority: numbers[0]!, weight: numbers[1]!, port: numbers[2]!, target: absoluteName(words[3]!) } : undefined
    case 'SOA':
      return words.length === 7 && numbers.slice(2).every((n) => n >= 0)
        ? { type, primary: absoluteName(first), mailbox: absoluteName(words[1]!), serial: numbers[2]!, refresh: numbers[3]!, retry: numbers[4]!, expire: numbers[5]!, minimum: numbers[6]! }
        : undefined
    default:
      return undefined
  }
}
