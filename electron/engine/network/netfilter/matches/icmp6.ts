import { UsageError } from '../errors.ts'
import { mustSpecify, one, parseNumber } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'

/** Names that `ip6tables -p icmpv6 -h` lists: type, and code where the name means one (RFC 4443, RFC 4861). */
const TYPES: Readonly<Record<string, readonly [number, number?]>> = {
  'destination-unreachable': [1], 'no-route': [1, 0], 'communication-prohibited': [1, 1], 'beyond-scope': [1, 2],
  'address-unreachable': [1, 3], 'port-unreachable': [1, 4], 'failed-policy': [1, 5], 'reject-route': [1, 6], 'packet-too-big': [2],
  'time-exceeded': [3], 'ttl-exceeded': [3], 'ttl-zero-during-transit': [3, 0], 'ttl-zero-during-reassembly': [3, 1],
  'parameter-problem': [4], 'bad-header': [4, 0], 'unknown-header-type': [4, 1], 'unknown-option': [4, 2], 'echo-request': [128],
  ping: [128], 'echo-reply': [129], pong: [129], 'router-solicitation': [133], 'router-advertisement': [134],
  'neighbour-solicitation': [135], 'neighbor-solicitation': [135], 'neighbour-advertisement': [136], 'neighbor-advertisement': [136],
  redirect: [137],
}

export const icmp6: MatchExtension = ({ rule }) => {
  let wanted: { type: number; code?: number; invert: boolean } | undefined
  return {
    options: {
      'icmpv6-type': one((text, invert) => {
        const known = Object.entries(TYPES).find(([name]) => name.startsWith(text.toLowerCase()))?.[1]
        const [type, code] = text.split('/')
        const t = known ? known[0] : parseNumber(type!, 255)
        const c = known ? known[1] : code === undefined ? undefined : parseNumber(code, 255)
        if (t === undefined || (!known && code !== undefined && c === undefined)) throw new UsageError(`Unknown ICMPv6 type \`${text}'`)
        wanted = { type: t, code: c, invert }
      }, true),
    },
    finish: () => {
      if (rule.protocol?.number !== 58 || rule.protocol.invert) throw new UsageError("icmp6 match requires '-p ipv6-icmp'")
      if (!wanted) return mustSpecify('icmp6', 'icmpv6-type')
      const { type, code, invert } = wanted
      return {
        name: 'icmp6', save: `${invert ? ' !' : ''} --icmpv6-type ${type}${code === undefined ? '' : `/${code}`}`,
        list: (numeric) => {
          const name = Object.entries(TYPES).find(([, t]) => t[0] === type && t[1] === code)?.[0]
          if (!numeric && name !== undefined) return `ipv6-icmp ${invert ? '!' : ''}${name}`
          return `ipv6-icmp${invert ? ' !' : ''}type ${type}${code === undefined ? '' : ` code ${code}`}`
        },
        test: ({ packet: { payload } }) => {
          if (payload.kind !== 'icmp') return false
          return (payload.type === type && (code === undefined || payload.code === code)) !== invert
        },
      }
    },
  }
}
