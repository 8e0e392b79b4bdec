import type { ConntrackTuple, ConntrackWish } from '../../engine/cluster.ts'
import { canonicalIp, isValidIp } from '../../engine/cluster.ts'
import { numberOf, PORTED, protocolOf, Refusal, STATES, STATUS, words, type Value } from './conntrack-filter.ts'

/** What conntrack -U changes: -m VALUE/MASK, -t, -u and --state. Throws Refusal. */
export function changesOf(value: Value): (mark: number) => Omit<ConntrackWish, 'original' | 'reply'> {
  const [set, mask = 0xffff_ffff] = (value('m') ?? '').split('/').map(numberOf) as [number, number?]
  const statuses = words(value('u'), STATUS)
  const state = value('3')
  return (mark) => ({
    ...(value('m') !== undefined && { mark: ((mark & ~mask) ^ set) >>> 0 }), ...(value('t') !== undefined && { timeout: numberOf(value('t')!) }),
    // the kernel keeps both in one place
    ...(state !== undefined && { tcpState: state === 'LISTEN' ? 'SYN_SENT2' : state }), assured: statuses.includes('ASSURED'), seenReply: statuses.includes('SEEN_REPLY'),
  })
}

/** What conntrack -I and -A make: both ends of a connection, of which one follows from the other. Throws Refusal. */
export function wishOf(value: Value): ConntrackWish {
  const protocol = protocolOf(value)!
  if (value('t') === undefined) throw new Refusal("You need to supply the `--timeout' option for this command")
  const [source, destination, replySource, replyDestination] = ['s', 'd', 'r', 'q'].map((o) => value(o))
  const original = source !== undefined && destination !== undefined
  const reply = replySource !== undefined && replyDestination !== undefined
  if (!original && !reply) throw new Refusal("you have to specify `--src' and `--dst'")
  for (const address of [source, destination, replySource, replyDestination]) if (address !== undefined && !isValidIp(address)) throw new Refusal(`Invalid IP address \`${address}'`)
  const ported = PORTED.includes(protocol)
  if (ported && !(value('x') !== undefined && value('y') !== undefined) && !(value('1') !== undefined && value('2') !== undefined)) throw new Refusal("you have to specify `--sport' and `--dport'")
  if (protocol === 'icmp' || protocol === 'icmpv6') for (const [option, name] of [['6', 'type'], ['7', 'code'], ['8', 'id']] as const) if (value(option) === undefined) throw new Refusal(`You need to supply the \`--icmp-${name}' option for this command`)
  if (STATES[protocol] && value('3') === undefined) throw new Refusal("You need to supply the `--state' option for this command")
  const ends = (from: string, to: string, ports: readonly [string | undefined, string | undefined], answer: boolean): ConntrackTuple => {
    const type = numberOf(value('6') ?? '0')
    return {
      source: canonicalIp(from)!, destination: canonicalIp(to)!, protocol: protocol as ConntrackTuple['protocol'],
      ...(ported ? { sourcePort: numberOf(ports[0]!), destinationPort: numberOf(ports[1]!) } : { sourcePort: numberOf(value('8') ?? '0'), destinationPort: (answer ? ANSWERS.get(type) ?? 0 : type) * 256 + numberOf(value('7') ?? '0') }),
    }
  }
  const there = original ? ends(source, destination, [value('x') ?? value('2'), value('y') ?? value('1')], false) : ends(replyDestination!, replySource!, [value('x') ?? value('2'), value('y') ?? value('1')], false)
  const back = reply ? ends(replySource, replyDestination, [value('1') ?? value('y'), value('2') ?? value('x')], true) : ends(destination!, source!, [value('1') ?? value('y'), value('2') ?? value('x')], true)
  const translated = (option: string, address: 'source' | 'destination', port: 'sourcePort' | 'destinationPort'): void => {
    const [to, number] = /^(.*?)(?::(\d+))?$/.exec(value(option) ?? '')!.slice(1) as [string, string | undefined]
    if (to !== '' && isValidIp(to)) back[address] = canonicalIp(to)!
    if (number !== undefined) back[port] = Number(number)
  }
  translated('g', 'source', 'sourcePort')
  translated('n', 'destination', 'destinationPort')
  return { original: there, reply: back, ...changesOf(value)(0) }
}

const ANSWERS: ReadonlyMap<number, number> = new Map([[8, 0], [0, 8], [13, 14], [14, 13], [15, 16], [16, 15], [17, 18], [18, 17], [128, 129], [129, 128]])
