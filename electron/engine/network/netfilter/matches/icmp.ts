import { UsageError } from '../errors.ts'
import { mustSpecify, one, parseNumber } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'

/** Names that `iptables -p icmp -h` lists: type, and code where the name means one. */
const TYPES: Readonly<Record<string, readonly [number, number?]>> = {
  any: [255], 'echo-reply': [0], pong: [0], 'destination-unreachable': [3], 'network-unreachable': [3, 0], 'host-unreachable': [3, 1],
  'protocol-unreachable': [3, 2], 'port-unreachable': [3, 3], 'fragmentation-needed': [3, 4], 'source-route-failed': [3, 5],
  'network-unknown': [3, 6], 'host-unknown': [3, 7], 'network-prohibited': [3, 9], 'host-prohibited': [3, 10],
  'TOS-network-unreachable': [3, 11], 'TOS-host-unreachable': [3, 12], 'communication-prohibited': [3, 13],
  'host-precedence-violation': [3, 14], 'precedence-cutoff': [3, 15], 'source-quench': [4], redirect: [5], 'network-redirect': [5, 0],
  'host-redirect': [5, 1], 'TOS-network-redirect': [5, 2], 'TOS-host-redirect': [5, 3], 'echo-request': [8], ping: [8],
  'router-advertisement': [9], 'router-solicitation': [10], 'time-exceeded': [11], 'ttl-exceeded': [11],
  'ttl-zero-during-transit': [11, 0], 'ttl-zero-during-reassembly': [11, 1], 'parameter-problem': [12], 'ip-header-bad': [12, 0],
  'required-option-missing': [12, 1], 'timestamp-request': [13], 'timestamp-reply': [14], 'address-mask-request': [17],
  'address-mask-reply': [18],
}

export const icmp: MatchExtension = ({ rule }) => {
  let wanted: { type: number; code?: number; invert: boolean } | undefined
  return {
    options: {
      'icmp-type': one((text, invert) => {
        const known = Object.entries(TYPES).find(([name]) => name.toLowerCase() === text.toLowerCase())?.[1]
        if (known) wanted = { type: known[0], code: known[1], invert }
        else {
          const [type, code] = text.split('/')
          const t = parseNumber(type!, 255)
          const c = code === undefined ? undefined : parseNumber(code, 255)
          if (t === undefined || (code !== undefined && c === undefined)) throw new UsageError(`Unknown ICMP type \`${text}'`)
          wanted = { type: t, code: c, invert }
        }
      }, true),
    },
    finish: () => {
      if (rule.protocol?.number !== 1 || rule.protocol.invert) throw new UsageError("ICMP match requires '-p icmp'")
      if (!wanted) return mustSpecify('icmp', 'icmp-type')
      const { type, code, invert } = wanted
      const text = type === 255 ? 'any' : code === undefined ? String(type) : `${type}/${code}`
      return {
        name: 'icmp', save: `${invert ? ' !' : ''} --icmp-type ${text}`,
        list: (numeric) => {
          const name = numeric ? undefined : Object.entries(TYPES).find(([, t]) => t[0] === type && t[1] === code)?.[0]
          if (name !== undefined) return `icmp ${invert ? '!' : ''}${name}`
          return `${invert ? 'icmp !type' : 'icmptype'} ${type}${code === undefined ? '' : ` code ${code}`}`
        },
        test: ({ packet }) => {
          const message = packet.payload
          if (message.kind !== 'icmp') return false
          const same = type === 255 || (message.type === type && (code === undefined || message.code === code))
          return same !== invert
        },
      }
    },
  }
}
