import { canonicalIp } from '../network/address.ts'

/** Domain names as text: always with the final dot inside this room; compared without regard to case. */
export function absoluteName(name: string): string {
  return name.endsWith('.') ? name : `${name}.`
}

export function sameName(a: string, b: string): boolean {
  return a.length === b.length && a.toLowerCase() === b.toLowerCase()
}

/** Whether `name` is `zone` or below it. */
export function isBelow(zone: string, name: string): boolean {
  if (zone === '.') return true
  const z = zone.toLowerCase()
  const n = name.toLowerCase()
  return n === z || n.endsWith(`.${z}`)
}

/** Labels in front of a zone: ("web.default.svc.cluster.local.", "cluster.local.") → ["web", "default", "svc"]. */
export function labelsBefore(name: string, zone: string): string[] {
  const base = zone === '.' ? name.slice(0, -1) : name.slice(0, Math.max(0, name.length - zone.length - 1))
  return base === '' ? [] : base.split('.')
}

/** The address that a reverse name stands for; undefined when it stands for none. */
export function addressOfReverse(name: string): string | undefined {
  const lower = name.toLowerCase()
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa\.$/.exec(lower)
  if (v4) return v4.slice(1).every((p) => Number(p) < 256) ? `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}` : undefined
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa\.$/.exec(lower)
  if (!v6) return undefined
  const digits = v6[1]!.split('.').reverse().join('')
  return canonicalIp(digits.match(/.{4}/g)!.join(':'))
}

/** "10.244.1.5" → "5.1.244.10.in-addr.arpa." */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa.`
  const [head = '', tail] = address.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const all = tail === undefined ? front : [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back]
  return `${all.map((g) => g.padStart(4, '0')).join('').split('').reverse().join('.')}.ip6.arpa.`
}
