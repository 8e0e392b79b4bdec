import type { ConntrackTuple, IpPacket } from '../../types.ts'
import { listAddress, parseAddress } from '../address-text.ts'
import type { TrackedConnection } from '../conntrack/connection.ts'
import { UsageError } from '../errors.ts'
import { markText, mustSpecify, needNumber, one, parseMark } from '../extension.ts'
import type { MatchExtension, Option } from '../extension.ts'
import { protocolNumber } from '../names.ts'
import { addressMatches } from '../rule.ts'
import type { AddressMatch } from '../rule.ts'
import { parsePortRange } from './ports.ts'
import type { PortRange } from './ports.ts'

/** Matches about marks and connection tracking: -m mark, connmark, conntrack, state. */

function connectionOf(packet: IpPacket): TrackedConnection | undefined {
  return packet.meta.connection as TrackedConnection | undefined
}

export const mark: MatchExtension = () => {
  let wanted: { value: number; mask: number; invert: boolean } | undefined
  return {
    options: { mark: one((text, invert) => (wanted = { ...parseMark('mark', 'mark', text), invert }), true) },
    finish: () => {
      if (!wanted) return mustSpecify('mark', 'mark')
      const { value, mask, invert } = wanted
      const text = `${invert ? ' !' : ''} --mark ${markText(value, mask)}`
      return {
        name: 'mark', save: text, list: () => `mark match${invert ? ' !' : ''} ${markText(value, mask)}`,
        test: ({ packet }) => ((packet.meta.mark & mask) >>> 0 === value) !== invert,
      }
    },
  }
}

export const connmark: MatchExtension = () => {
  let wanted: { value: number; mask: number; invert: boolean } | undefined
  return {
    options: { mark: one((text, invert) => (wanted = { ...parseMark('connmark', 'mark', text), invert }), true) },
    finish: () => {
      if (!wanted) return mustSpecify('connmark', 'mark')
      const { value, mask, invert } = wanted
      return {
        name: 'connmark', save: `${invert ? ' !' : ''} --mark ${markText(value, mask)}`, tracks: true,
        list: () => `connmark match ${invert ? '!' : ''} ${markText(value, mask)}`,
        test: ({ packet }) => {
          const connection = connectionOf(packet)
          return connection !== undefined && ((connection.mark & mask) >>> 0 === value) !== invert
        },
      }
    },
  }
}

const STATES = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT']
const STATUSES = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED']

function parseNames(text: string, known: readonly string[], what: string): readonly string[] {
  const names = text.toUpperCase().split(',')
  const wrong = names.findIndex((n) => !known.includes(n))
  if (wrong >= 0) throw new UsageError(`Bad ${what} "${text.split(',')[wrong]}"`)
  return known.filter((n) => names.includes(n))
}

function hasState(packet: IpPacket, states: readonly string[]): boolean {
  if (states.includes(packet.meta.state ?? 'INVALID')) return true
  const connection = connectionOf(packet)
  if (!connection) return false
  return (connection.sourceNat && states.includes('SNAT')) || (connection.destinationNat && states.includes('DNAT'))
}

export const state: MatchExtension = () => {
  let wanted: { states: readonly string[]; invert: boolean } | undefined
  // `iptables-save` of -m state has an order of its own (libxt_conntrack, state_print_state).
  const order = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED']
  return {
    options: { state: one((text, invert) => (wanted = { states: parseNames(text, order, 'state'), invert }), true) },
    finish: () => {
      if (!wanted) return mustSpecify('state', 'state')
      const { states, invert } = wanted
      const text = `${states.join(',')}`
      return {
        name: 'state', save: `${invert ? ' !' : ''} --state ${text}`, incidental: true, tracks: true,
        list: () => `${invert ? '! ' : ''}state ${text}`,
        test: ({ packet }) => hasState(packet, states) !== invert,
      }
    },
  }
}

interface Condition {
  option: string
  invert: boolean
  save: string
  list: (numeric: boolean) => string
  test: (packet: IpPacket, now: number) => boolean
}

/** In the order in which libxt_conntrack prints. */
const ORDER = [
  'ctstate', 'ctproto', 'ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst', 'ctorigsrcport', 'ctorigdstport', 'ctreplsrcport',
  'ctrepldstport', 'ctstatus', 'ctexpire', 'ctdir',
]

export const conntrack: MatchExtension = ({ family }) => {
  const conditions: Condition[] = []
  const add = (condition: Condition): void => {
    conditions.push(condition)
    conditions.sort((a, b) => ORDER.indexOf(a.option) - ORDER.indexOf(b.option))
  }
  const address = (option: string, of: (c: TrackedConnection) => string): Option => one((text, invert) => {
    const match: AddressMatch | undefined = parseAddress(text, false, family)
    const shown = match ? match.text + (match.mask === 0xffffffff ? '' : match.maskText) : family === 4 ? '0.0.0.0/0' : '::/0'
    add({
      option, invert, save: shown, list: (numeric) => listAddress(match, numeric, family),
      test: (packet) => {
        const connection = connectionOf(packet)
        return connection !== undefined && (!match || addressMatches(match, of(connection)))
      },
    })
  }, true)
  const port = (option: string, way: (c: TrackedConnection) => ConntrackTuple, side: 'sourcePort' | 'destinationPort'): Option =>
    one((text, invert) => {
      const range: PortRange = parsePortRange(text)
      const shown = range.from === range.to ? String(range.from) : `${range.from}:${range.to}`
      add({
        option, invert, save: shown, list: () => shown,
        test: (packet) => {
          const connection = connectionOf(packet)
          if (!connection) return false
          const value = way(connection)[side]
          return value >= range.from && value <= range.to
        },
      })
    }, true)
  const options: Record<string, Option> = {
    ctstate: one((text, invert) => {
      const states = parseNames(text, STATES, 'ctstate')
      add({ option: 'ctstate', invert, save: states.join(','), list: () => states.join(','), test: (packet) => hasState(packet, states) })
    }, true),
    ctproto: one((text, invert) => {
      const number = /^\d+$/.test(text) ? Number(text) : protocolNumber(text)
      if (Number.isNaN(number)) throw new UsageError(`unknown protocol "${text}" specified`)
      const shown = String(number)
      add({
        option: 'ctproto', invert, save: shown, list: () => shown,
        test: (packet) => protocolNumber(connectionOf(packet)?.original.protocol ?? '') === number,
      })
    }, true),
    ctorigsrc: address('ctorigsrc', (c) => c.original.source),
    ctorigdst: address('ctorigdst', (c) => c.original.destination),
    ctreplsrc: address('ctreplsrc', (c) => c.reply.source),
    ctrepldst: address('ctrepldst', (c) => c.reply.destination),
    ctorigsrcport: port('ctorigsrcport', (c) => c.original, 'sourcePort'),
    ctorigdstport: port('ctorigdstport', (c) => c.original, 'destinationPort'),
    ctreplsrcport: port('ctreplsrcport', (c) => c.reply, 'sourcePort'),
    ctrepldstport: port('ctrepldstport', (c) => c.reply, 'destinationPort'),
    ctstatus: one((text, invert) => {
      const names = text.toUpperCase() === 'NONE' ? [] : parseNames(text, STATUSES, 'ctstatus')
      const shown = names.length > 0 ? names.join(',') : 'NONE'
      add({
        option: 'ctstatus', invert, save: shown, list: () => shown,
        test: (packet) => {
          const c = connectionOf(packet)
          if (!c) return false
          const has: Readonly<Record<string, boolean>> = { EXPECTED: false, SEEN_REPLY: c.seenReply, ASSURED: c.assured, CONFIRMED: c.confirmed }
          return names.length === 0 ? !c.seenReply && !c.assured && !c.confirmed : names.some((n) => has[n])
        },
      })
    }, true),
    ctexpire: one((text, invert) => {
      const [from, to] = text.split(':', 2)
      const low = needNumber('conntrack', 'ctexpire', from!)
      const high = to === undefined ? low : needNumber('conntrack', 'ctexpire', to)
      const shown = low === high ? String(low) : `${low}:${high}`
      add({
        option: 'ctexpire', invert, save: shown, list: () => shown,
        test: (packet, now) => {
          const left = Math.floor(((connectionOf(packet)?.expiresAt ?? now) - now) / 1000)
          return left >= low && left <= high
        },
      })
    }, true),
    ctdir: one((text) => {
      const direction = text.toUpperCase()
      if (direction !== 'ORIGINAL' && direction !== 'REPLY') throw new UsageError(`conntrack: bad value for option "--ctdir": "${text}"`)
      add({
        option: 'ctdir', invert: false, save: direction, list: () => direction,
        test: (packet) => (packet.meta.direction === 'reply') === (direction === 'REPLY'),
      })
    }),
  }
  return {
    options,
    finish: () => {
      if (conditions.length === 0) throw new UsageError('conntrack: At least one option is required')
      const first = conditions[0]!
      const not = (c: Condition): string => (c.invert ? '! ' : '')
      return {
        name: 'conntrack', tracks: true, incidental: conditions.every((c) => c.option === 'ctstate'),
        save: conditions.map((c) => ` ${not(c)}--${c.option} ${c.save}`).join(''),
        list: (numeric) => conditions.map((c) => `${not(c)}${c.option} ${c.list(numeric)}`).join(' '),
        test: conditions.length === 1
          ? ({ packet, host }) => first.test(packet, host.clock.now) !== first.invert
          : ({ packet, host }) => conditions.every((c) => c.test(packet, host.clock.now) !== c.invert),
      }
    },
  }
}
