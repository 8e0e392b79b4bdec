import { byName } from '../../own.ts'
import type { Cursor } from './cursor.ts'
import { NftError, NotSimulated } from './errors.ts'
import type { RuleReader } from './parse-rule.ts'
import { BARE_META, CT, fib, META, numgen, PAYLOAD, PAYLOAD_PROTOCOLS, type Selector } from './selectors.ts'

const META_KEYS = 'length, protocol, priority, mark, iif, oif, iifname, oifname, iiftype, oiftype, skuid, skgid, nftrace, rtclassid, secmark, nfproto, l4proto, ibrname, obrname, pkttype, cpu, iifgroup, oifgroup, cgroup, random, ipsec, iifkind, oifkind, ibrpvid, ibrvproto, time, day, hour, sdif, sdifname'

/** Keywords of expressions that the real nft knows. */
const ELSEWHERE: ReadonlySet<string> = new Set(['ether', 'vlan', 'arp', 'rt', 'socket', 'osf', 'jhash', 'symhash', 'exthdr', 'ah', 'esp', 'comp', 'udplite', 'dccp', 'igmp', 'hbh', 'frag', 'mh', 'dst', 'srh', 'ipsec', 'xfrm', 'gre', 'vxlan', 'geneve'])
const CT_ELSEWHERE: ReadonlySet<string> = new Set(['expiration', 'helper', 'label', 'zone', 'count', 'packets', 'bytes', 'avgpkt', 'id', 'event', 'timeout', 'expectation', 'secmark', 'proto-src', 'proto-dst'])

export function beginsSelector(cursor: Cursor): boolean {
  const { text, kind } = cursor.token
  if (kind !== 'word') return false
  return PAYLOAD_PROTOCOLS.has(text) || BARE_META.has(text) || ['meta', 'ct', 'fib', 'numgen'].includes(text) || ELSEWHERE.has(text)
}

/** One thing of the packet: "ip daddr", "meta l4proto", "ct state", "fib daddr type", "numgen random mod 2". */
export function readSelector(cursor: Cursor): Selector {
  const first = cursor.token
  const word = first.text
  if (BARE_META.has(word)) {
    cursor.take()
    return META.get(word)!
  }
  if (ELSEWHERE.has(word)) throw new NotSimulated(`nft's "${word}" expressions`)
  switch (word) {
    case 'meta': {
      cursor.take()
      const key = cursor.word()
      const found = META.get(key.text)
      if (found) return found
      if (META_KEYS.split(', ').includes(key.text)) throw new NotSimulated(`nft's "meta ${key.text}"`)
      throw new NftError(`syntax error, unexpected ${key.text}, known keys are ${META_KEYS}`, cursor.since(first.at))
    }
    case 'ct':
      cursor.take()
      return readCt(cursor)
    case 'fib':
      cursor.take()
      return readFib(cursor)
    case 'numgen': {
      cursor.take()
      const mode = cursor.skipAny('random', 'inc')
      if (!mode) throw cursor.unexpected('inc or random')
      cursor.expect('mod')
      const modulus = cursor.number().value
      const offset = cursor.skip('offset') ? cursor.number().value : 0
      return numgen(mode as 'random' | 'inc', modulus, offset)
    }
    default: {
      cursor.take()
      const field = cursor.token
      const found = PAYLOAD.get(`${word} ${field.text}`)
      if (!found || field.kind !== 'word') {
        if (KNOWN_FIELDS[word]?.includes(field.text)) throw new NotSimulated(`nft's "${word} ${field.text}"`)
        throw cursor.unexpected()
      }
      cursor.take()
      return found
    }
  }
}

const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = byName({
  ip: ['hdrlength', 'ecn', 'checksum', 'option'], ip6: ['version', 'dscp', 'ecn', 'flowlabel', 'length'], tcp: ['sequence', 'ackseq', 'doff', 'window', 'checksum', 'urgptr', 'option'],
  udp: ['length', 'checksum'], sctp: ['vtag', 'checksum', 'chunk'], icmp: ['checksum', 'id', 'sequence', 'mtu', 'gateway'], icmpv6: ['checksum', 'id', 'sequence', 'mtu'],
})

function readCt(cursor: Cursor): Selector {
  const direction = cursor.skipAny('original', 'reply')
  if (direction) {
    const protocol = cursor.skipAny('ip', 'ip6')
    const key = cursor.token
    const name = protocol ? `${direction} ${protocol} ${key.text}` : `${direction} ip ${key.text}`
    const found = CT.get(name)
    if (!found || key.kind !== 'word') {
      if (CT_ELSEWHERE.has(key.text) || key.text === 'protocol') throw new NotSimulated(`nft's "ct ${direction} ${key.text}"`)
      throw cursor.unexpected()
    }
    cursor.take()
    return found
  }
  const key = cursor.token
  const found = CT.get(key.text)
  if (!found || key.kind !== 'word') {
    if (CT_ELSEWHERE.has(key.text)) throw new NotSimulated(`nft's "ct ${key.text}"`)
    throw cursor.unexpected()
  }
  cursor.take()
  return found
}

function readFib(cursor: Cursor): Selector {
  const flags: string[] = []
  do {
    const flag = cursor.skipAny('saddr', 'daddr', 'mark', 'iif', 'oif')
    if (!flag) throw cursor.unexpected()
    if (flag === 'mark') throw new NotSimulated('nft\'s "fib … mark"')
    flags.push(flag)
  } while (cursor.skip('.'))
  const result = cursor.skipAny('type', 'oif', 'oifname')
  if (!result) throw cursor.unexpected('oifname or type or oif')
  const present = result !== 'type' && ['exists', 'missing'].includes(cursor.is('!=') ? cursor.peek().text : cursor.token.text)
  return fib(flags, result as 'type' | 'oif' | 'oifname', present)
}

/** Selectors with dots between them: "ip saddr . tcp dport". */
export function readSelectors(reader: RuleReader): Selector[] {
  const { cursor } = reader
  const selectors: Selector[] = []
  do {
    const at = cursor.token.at
    const selector = readSelector(cursor)
    selectors.push(reader.require(selector, cursor.since(at)))
  } while (cursor.skip('.'))
  return selectors
}
