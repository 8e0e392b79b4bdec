import type { ConntrackEntry } from '../../engine/cluster.ts'
import { canonicalIp, cidrContains, isValidIp } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'

/** Exit code 2, with the hint. */
export class Refusal extends Error {}

/** Exit code 1. */
export class Failure extends Error {}

/** What stands behind an option, if it was given. */
export type Value = (name: string) => string | undefined

export const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132, ipip: 4, icmpv6: 58, dccp: 33, udplite: 136, gre: 47 }

/** The states of a protocol that has some. */
export const STATES: Readonly<Record<string, readonly string[]>> = byName({
  tcp: ['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE', 'LISTEN', 'SYN_SENT2'],
  sctp: ['NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED', 'SHUTDOWN_SENT', 'SHUTDOWN_RECV', 'SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT', 'HEARTBEAT_ACKED'],
})
export const STATUS = ['ASSURED', 'SEEN_REPLY', 'UNSET', 'FIXED_TIMEOUT', 'EXPECTED', 'OFFLOAD', 'HW_OFFLOAD', 'UNREPLIED', 'SRC_NAT', 'DST_NAT']
export const PORTED = ['tcp', 'udp', 'sctp', 'dccp', 'udplite']

/** -p: by name or number. Throws Refusal. */
export function protocolOf(value: Value): string | undefined {
  const text = value('p')?.toLowerCase()
  if (text === undefined) return undefined
  const named = Object.entries(NUMBERS).find(([name, number]) => text === name || text === String(number) || (name === 'icmpv6' && text === 'ipv6-icmp'))?.[0]
  const protocol = named ?? (/^\d+$/.test(text) ? text : undefined)
  if (protocol === undefined || Number(protocol) > 255) throw new Refusal(`\`${value('p')}' unsupported protocol`)
  return protocol
}

/** The length of a mask of leading ones, as it is written as an address. */
function maskLength(text: string): number | undefined {
  const bits = text.split('.').map((part) => Number(part).toString(2).padStart(8, '0')).join('')
  return isValidIp(text) && /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined
}

/** strtoul(3): what is no number is none. */
export function numberOf(text: string): number {
  const digits = /^\s*(0x[0-9a-f]+|\d+)/i.exec(text)?.[1]
  return digits === undefined ? 0 : Number(/^0\d+$/.test(digits) ? `0o${digits.slice(1)}` : digits) >>> 0
}

/** Words of a list with commas, in any case. */
export function words(text: string | undefined, known: readonly string[]): string[] {
  return text === undefined ? [] : text.split(',').map((word, i, all) => {
    const found = known.find((k) => k.toLowerCase() === word.toLowerCase())
    if (found === undefined) throw new Refusal(`Bad parameter \`${all.slice(i).join(',')}'`)
    return found
  })
}

export function filterOf(value: Value): (e: ConntrackEntry) => boolean {
  const tests: ((e: ConntrackEntry) => boolean)[] = []
  const protocol = protocolOf(value)
  const family = value('f')
  if (protocol !== undefined) tests.push((e) => e.original.protocol === protocol)
  if (family !== undefined && family !== 'ipv4' && family !== 'ipv6') throw new Refusal(`\`${family}' unsupported protocol`)
  if (family !== undefined) tests.push((e) => e.original.source.includes(':') === (family === 'ipv6'))
  const address = (option: string, maskOption: string, of: (e: ConntrackEntry) => string): void => {
    const text = value(option)
    if (text === undefined || text === '') return
    const [base, length, more] = text.split('/') as [string, string?, string?]
    if (isValidIp(base) && more === undefined && length !== undefined && /^\d+$/.test(length) && Number(length) > (base.includes(':') ? 128 : 32)) throw new Refusal('Invalid netmask')
    if (!isValidIp(base) || more !== undefined || (length !== undefined && !(/^\d+$/.test(length) && Number(length) <= (base.includes(':') ? 128 : 32)))) throw new Refusal(`Invalid IP address \`${text}'`)
    if (family !== undefined && (family === 'ipv6') !== base.includes(':')) throw new Refusal('mismatched address family')
    const mask = value(maskOption)
    if (mask !== undefined && length === undefined) {
      const bits = maskLength(mask)
      if (bits === undefined) throw new Refusal(`Invalid IP address \`${mask}'`)
      tests.push((e) => of(e).includes(':') === base.includes(':') && cidrContains(`${base}/${bits}`, of(e)))
      return
    }
    tests.push((e) => (length === undefined ? of(e) === canonicalIp(base) : of(e).includes(':') === base.includes(':') && cidrContains(text, of(e))))
  }
  address('s', '4', (e) => e.original.source)
  address('d', '5', (e) => e.original.destination)
  address('r', '', (e) => e.reply.source)
  address('q', '', (e) => e.reply.destination)
  const port = (option: string, name: string, of: (e: ConntrackEntry) => number | undefined): void => {
    const text = value(option)
    if (text === undefined) return
    // ports and states are options of the protocol
    if (protocol === undefined || !PORTED.includes(protocol)) throw new Refusal(`unknown option \`--${name}'`)
    tests.push((e) => String(of(e)) === text)
  }
  port('x', 'sport', (e) => e.original.sourcePort)
  port('y', 'dport', (e) => e.original.destinationPort)
  port('1', 'reply-port-src', (e) => e.reply.sourcePort)
  port('2', 'reply-port-dst', (e) => e.reply.destinationPort)
  const state = value('3')
  if (state !== undefined) {
    const known = STATES[protocol ?? '']
    if (!known) throw new Refusal("unknown option `--state'")
    if (!known.includes(state)) throw new Refusal(`unknown ${protocol!.toUpperCase()} state \`${state}'`)
    tests.push((e) => e.tcpState === state)
  }
  const icmp = (option: string, name: string, of: (e: ConntrackEntry) => number): void => {
    const text = value(option)
    if (text === undefined) return
    if (protocol !== 'icmp' && protocol !== 'icmpv6') throw new Refusal(`unknown option \`--${name}'`)
    tests.push((e) => of(e) === numberOf(text))
  }
  icmp('6', 'icmp-type', (e) => e.original.destinationPort >> 8)
  icmp('7', 'icmp-code', (e) => e.original.destinationPort & 255)
  icmp('8', 'icmp-id', (e) => e.original.sourcePort)
  // all is in zone 0
  if (value('w') !== undefined && numberOf(value('w')!) !== 0) tests.push(() => false)
  // ICMP has no ports
  const ports = (e: ConntrackEntry): boolean => !e.original.protocol.startsWith('icmp')
  const source = (e: ConntrackEntry): boolean => e.original.source !== e.reply.destination || (ports(e) && e.original.sourcePort !== e.reply.destinationPort)
  const target = (e: ConntrackEntry): boolean => e.original.destination !== e.reply.source || (ports(e) && e.original.destinationPort !== e.reply.sourcePort)
  const statuses = words(value('u'), STATUS)
  if (statuses.includes('UNSET')) throw new Failure('Operation failed: invalid parameters')
  for (const status of statuses) {
    tests.push((e) => (status === 'ASSURED' ? e.assured : status === 'SEEN_REPLY' ? e.seenReply : status === 'UNREPLIED' ? !e.seenReply : status === 'SRC_NAT' ? source(e) : status === 'DST_NAT' ? target(e) : false))
  }
  const mark = value('m')
  if (mark !== undefined) {
    const [wanted, mask = 0xffffffff] = mark.split('/').map((text) => numberOf(text)) as [number, number?]
    tests.push((e) => ((e.mark & mask) >>> 0) === wanted)
  }
  if (value('n') !== undefined) tests.push((e) => source(e) && (value('n') === '' || e.reply.destination === value('n')))
  if (value('g') !== undefined) tests.push((e) => target(e) && (value('g') === '' || e.reply.source === value('g')))
  if (value('j') !== undefined) tests.push((e) => source(e) || target(e))
  return (e) => tests.every((test) => test(e))
}
