import { byName } from '../../../own.ts'
import type { TcpSegment } from '../../types.ts'
import { KernelError, UsageError } from '../errors.ts'
import { flag, needNumber, one, parseNumber, together } from '../extension.ts'
import type { Option, TargetExtension } from '../extension.ts'
import { DSCP_CLASSES, TOS_NAMES, TOS_SHOWN, byteText } from '../matches/header.ts'

/** Targets that change a packet's headers: -j TCPMSS, TTL, HL, TOS, DSCP (iptables-extensions(8)). */

/** What a segment of TCP without any option may carry of IPv4, when nobody said more (RFC 9293, 3.7.1). */
const DEFAULT_MSS = 536

export const TCPMSS: TargetExtension = ({ rule, family }) => {
  let wanted: number | 'clamp' | undefined
  const overhead = family === 4 ? 40 : 60
  return {
    options: {
      'set-mss': one((text) => (wanted = needNumber('TCPMSS', 'set-mss', text, 0, 65_535 - overhead + 20))),
      'clamp-mss-to-pmtu': flag(() => (wanted = 'clamp')),
    },
    finish: () => {
      if (wanted === undefined) throw new UsageError('TCPMSS target: At least one parameter is required')
      if (rule.protocol?.number !== 6 || rule.protocol.invert) throw new KernelError('RULE_APPEND failed (Invalid argument)')
      const to = wanted
      return {
        name: 'TCPMSS', ...(to === 'clamp' && { hooks: ['forward', 'output', 'postrouting'] as const }),
        save: to === 'clamp' ? ' --clamp-mss-to-pmtu' : ` --set-mss ${to}`, list: () => `TCPMSS ${to === 'clamp' ? 'clamp to PMTU' : `set ${to}`}`,
        run: ({ packet, host, outLink, inLink }) => {
          const { payload } = packet
          if (payload.kind !== 'tcp' || !payload.flags.syn) return 'continue'
          const way = (ip: string): number => (family === 4 ? host.namespace.routes.lookup(ip)?.mtu : undefined) ?? Infinity
          const most = to === 'clamp' ? Math.min(outLink?.mtu ?? Infinity, inLink?.mtu ?? Infinity, way(packet.destination), way(packet.source)) - overhead : to
          const mss = payload.mss === undefined ? Math.min(most, DEFAULT_MSS) : Math.min(most, payload.mss)
          if (mss !== payload.mss) packet.payload = { ...payload, mss } satisfies TcpSegment
          return 'continue'
        },
      }
    },
  }
}

function hops(name: 'TTL' | 'HL'): TargetExtension {
  const word = name.toLowerCase()
  return () => {
    let change: { how: 'set' | 'inc' | 'dec'; by: number } | undefined
    const set = (how: 'set' | 'inc' | 'dec'): Option => one((text) => {
      if (change && change.how !== how) together(name, [`${word}-set`, `${word}-dec`, `${word}-inc`], `${word}-${change.how}`, `${word}-${how}`)
      change = { how, by: needNumber(name, `${word}-${how}`, text, how === 'set' ? 0 : 1, 255) }
    })
    return {
      options: { [`${word}-set`]: set('set'), [`${word}-dec`]: set('dec'), [`${word}-inc`]: set('inc') },
      finish: () => {
        if (!change) throw new UsageError(`${name}: You must specify an action`)
        const { how, by } = change
        return {
          name, tables: ['mangle'], save: ` --${word}-${how} ${by}`, list: () => `${name} ${how === 'set' ? 'set to' : how === 'dec' ? 'decrement by' : 'increment by'} ${by}`,
          run: ({ packet }) => {
            packet.ttl = Math.max(0, Math.min(255, how === 'set' ? by : how === 'inc' ? packet.ttl + by : packet.ttl - by))
            return 'continue'
          },
        }
      },
    }
  }
}

export const TTL = hops('TTL')
export const HL = hops('HL')

export const TOS: TargetExtension = () => {
  let change: { value: number; mask: number } | undefined
  const bits = (option: string, make: (value: number) => { value: number; mask: number }): Option => one((text) => (change = make(needNumber('TOS', option, text, 0, 255))))
  return {
    options: {
      'set-tos': one((text) => {
        const [value, mask] = text.split('/', 2) as [string, string?]
        const named = TOS_NAMES[text.toLowerCase()]
        const number = named ?? parseNumber(value, 255)
        if (number === undefined) throw new UsageError(`Symbolic name "${text}" is unknown`)
        const given = mask === undefined ? undefined : parseNumber(mask, 255)
        if (mask !== undefined && given === undefined) throw new UsageError('TOS: bad mask value for option "--set-tos", or out of range.\n')
        change = { value: number, mask: given ?? (named === undefined ? 0xff : 0x3f) }
      }),
      'set-xtos': one((text) => {
        const [value, mask = '0xff'] = text.split('/', 2) as [string, string?]
        change = { value: needNumber('TOS', 'set-xtos', value, 0, 255), mask: needNumber('TOS', 'set-xtos', mask, 0, 255) }
      }),
      'and-tos': bits('and-tos', (value) => ({ value: 0, mask: ~value & 255 })), 'or-tos': bits('or-tos', (value) => ({ value, mask: value })), 'xor-tos': bits('xor-tos', (value) => ({ value, mask: 0 })),
    },
    finish: () => {
      if (!change) throw new UsageError('TOS: An action is required')
      const { value, mask } = change
      const text = `${byteText(value)}/${byteText(mask)}`
      const named = (): string => {
        if (mask === 0x3f && TOS_SHOWN.has(value)) return ` TOS set${TOS_SHOWN.get(value)}`
        if (value === 0) return `TOS and ${byteText(~mask & 255)}`
        if (value === mask) return `TOS or ${byteText(value)}`
        return mask === 0 ? `TOS xor ${byteText(value)}` : `TOS set ${text}`
      }
      return {
        name: 'TOS', tables: ['mangle'], save: ` --set-tos ${text}`, list: (numeric) => (numeric ? `TOS set ${text}` : named()),
        run: ({ packet }) => {
          packet.tos = ((packet.tos & ~mask) ^ value) & 255
          return 'continue'
        },
      }
    },
  }
}

export const DSCP: TargetExtension = () => {
  let wanted: number | undefined
  return {
    options: byName({
      'set-dscp': one((text) => (wanted = needNumber('DSCP', 'set-dscp', text, 0, 63))),
      'set-dscp-class': one((text) => {
        wanted = DSCP_CLASSES[text.toLowerCase()]
        if (wanted === undefined) throw new UsageError(`Invalid DSCP value \`${text}'`)
      }),
    }),
    finish: () => {
      if (wanted === undefined) throw new UsageError('DSCP target: Parameter --set-dscp is required')
      const value = wanted
      return {
        name: 'DSCP', tables: ['mangle'], save: ` --set-dscp ${byteText(value)}`, list: () => `DSCP set ${byteText(value)}`,
        run: ({ packet }) => {
          packet.tos = (value << 2) | (packet.tos & 3)
          return 'continue'
        },
      }
    },
  }
}
