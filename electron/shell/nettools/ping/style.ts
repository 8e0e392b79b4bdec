/** What differs between iputils' ping (20221126) and busybox's. */
export interface Style {
  head(name: string, address: string, size: number, from: string): string
  /** `ms` is undefined when the packet is too short to carry the time. */
  reply(bytes: number, from: string, sequence: number, ttl: number, ms: number | undefined): string
  summary(name: string, s: Statistics): string
  firstSequence: number
}

export interface Statistics {
  sent: number
  received: number
  errors: number
  times: number[]
  elapsed: number
  /** Most requests under way at one time. */
  pipe: number
  /** The pace came from the answers. */
  paced?: boolean
}

export const iputils: Style = {
  head: (name, address, size, from) =>
    address.includes(':') ? `PING ${name}(${address}) ${from}${size} data bytes\n` : `PING ${name} (${address}) ${from}${size}(${size + 28}) bytes of data.\n`,
  reply: (bytes, from, sequence, ttl, ms) => `${bytes} bytes from ${from}: icmp_seq=${sequence} ttl=${ttl}${ms === undefined ? '' : ` time=${shortTime(ms)} ms`}\n`,
  summary(name, s) {
    const loss = s.sent === 0 ? 0 : ((s.sent - s.received) / s.sent) * 100
    const errors = s.errors > 0 ? `+${s.errors} errors, ` : ''
    const out = `\n--- ${name} ping statistics ---\n${s.sent} packets transmitted, ${s.received} received, ${errors}${String(Number(loss.toPrecision(6)))}% packet loss, time ${Math.floor(s.elapsed)}ms\n`
    const last: string[] = []
    if (s.times.length > 0) last.push(`rtt min/avg/max/mdev = ${numbers(s.times).map((n) => n.toFixed(3)).join('/')} ms`)
    if (s.pipe > 1) last.push(`pipe ${s.pipe}`)
    if (s.paced && s.received > 0 && s.sent > 1) last.push(`ipg/ewma ${(s.elapsed / (s.sent - 1)).toFixed(3)}/${smoothed(s.times).toFixed(3)} ms`)
    return `${out}${last.join(', ')}\n`
  },
  firstSequence: 1,
}

export const busybox: Style = {
  head: (name, address, size, from) => `PING ${name} (${address})${from}: ${size} data bytes\n`,
  reply: (bytes, from, sequence, ttl, ms) => `${bytes} bytes from ${from}: seq=${sequence} ttl=${ttl}${ms === undefined ? '' : ` time=${ms.toFixed(3)} ms`}\n`,
  summary(name, s) {
    const loss = s.sent === 0 ? 0 : Math.floor(((s.sent - s.received) * 100) / s.sent)
    let out = `\n--- ${name} ping statistics ---\n${s.sent} packets transmitted, ${s.received} packets received, ${loss}% packet loss\n`
    if (s.times.length > 0) out += `round-trip min/avg/max = ${numbers(s.times).slice(0, 3).map((n) => n.toFixed(3)).join('/')} ms\n`
    return out
  },
  firstSequence: 0,
}

/** As ping_common.c prints a time: three digits that matter. */
function shortTime(ms: number): string {
  const us = Math.round(ms * 1000)
  if (us >= 100_000) return String(Math.round(us / 1000))
  if (us >= 10_000) return (us / 1000).toFixed(1)
  if (us >= 1000) return (us / 1000).toFixed(2)
  return (us / 1000).toFixed(3)
}

/** Each new time counts for an eighth. */
const smoothed = (times: readonly number[]): number => times.slice(1).reduce((mean, ms) => mean + (ms - mean) / 8, times[0] ?? 0)

function numbers(times: readonly number[]): [number, number, number, number] {
  const average = times.reduce((a, b) => a + b, 0) / times.length
  const square = times.reduce((a, b) => a + b * b, 0) / times.length
  return [Math.min(...times), average, Math.max(...times), Math.sqrt(Math.max(0, square - average * average))]
}

/** ping6_common.c's words for ICMPv6 errors. */
export function errorText6(e: { type: number; code: number; mtu?: number }): string {
  const unreachable = ['No route', 'Administratively prohibited', 'Beyond scope of source address', 'Address unreachable', 'Port unreachable']
  if (e.type === 1) return `Destination unreachable: ${unreachable[e.code] ?? `Unknown code ${e.code}`}`
  if (e.type === 2) return `Packet too big: mtu=${e.mtu ?? 0}`
  if (e.type === 3) return `Time exceeded: ${e.code === 0 ? 'Hop limit' : 'Defragmentation failure'}`
  return `Unknown type: ${e.type}`
}

/** ping.c's words for ICMP errors. */
export function errorText(e: { type: number; code: number; mtu?: number }): string {
  if (e.type === 11) return e.code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded'
  if (e.type !== 3) return `Bad ICMP type: ${e.type}`
  const texts: Record<number, string> = {
    0: 'Destination Net Unreachable',
    1: 'Destination Host Unreachable',
    2: 'Destination Protocol Unreachable',
    3: 'Destination Port Unreachable',
    4: `Frag needed and DF set (mtu = ${e.mtu ?? 0})`,
    9: 'Destination Net Prohibited',
    10: 'Destination Host Prohibited',
    13: 'Packet filtered',
  }
  return texts[e.code] ?? `Dest Unreachable, Bad Code: ${e.code}`
}
