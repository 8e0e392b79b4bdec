import { canonicalIp } from '../network/address.ts'

/** hosts(5): an address and its names a line. */
export function parseHosts(text: string): { address: string; names: string[] }[] {
  const out: { address: string; names: string[] }[] = []
  for (const line of text.split('\n')) {
    const [first, ...names] = line.replace(/#.*$/, '').trim().split(/\s+/)
    const address = first === undefined ? undefined : canonicalIp(first)
    if (address !== undefined && names.length > 0) out.push({ address, names })
  }
  return out
}
