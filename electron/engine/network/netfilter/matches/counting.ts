import { formatIpv4, formatIpv6, ipv4Number, ipv6Number, maskOf } from '../../address.ts'
import type { Ip, IpPacket } from '../../types.ts'
import type { TrackedConnection } from '../conntrack/connection.ts'
import { KernelError, NotSimulated, UsageError } from '../errors.ts'
import { flag, mustSpecify, needNumber, one, parseNumber, together } from '../extension.ts'
import type { MatchExtension, Option } from '../extension.ts'
import { destinationPort, sourcePort } from './ports.ts'

/** Matches that count by address: -m connlimit, hashlimit (iptables-extensions(8)). */

/** An address without the bits behind its prefix, for tables. */
function network(ip: Ip, length: number, family: 4 | 6): Ip {
  if (length === (family === 4 ? 32 : 128)) return ip
  if (family === 4) return formatIpv4((ipv4Number(ip) & maskOf(length)) >>> 0)
  return formatIpv6((ipv6Number(ip) ?? 0n) >> BigInt(128 - length) << BigInt(128 - length))
}

/** nf_conncount: those that are over do not count any more. */
function isAlive(connection: TrackedConnection, now: number): boolean {
  return connection.confirmed && !connection.dead && connection.expiresAt > now && connection.tcpState !== 'TIME_WAIT' && connection.tcpState !== 'CLOSE'
}

export const connlimit: MatchExtension = ({ family }) => {
  const full = family === 4 ? 32 : 128
  let limit: { value: number; above: boolean; option: string } | undefined
  let length = full
  let side: 'saddr' | 'daddr' | undefined
  const set = (option: string, above: boolean): Option => one((text, invert) => {
    const value = needNumber('connlimit', option, text)
    if (limit && limit.option !== option) together('connlimit', ['connlimit-upto', 'connlimit-above'], limit.option, option)
    limit = { value, above: above !== invert, option }
  }, true)
  const choose = (which: 'saddr' | 'daddr'): Option => flag(() => {
    if (side) together('connlimit', ['connlimit-saddr', 'connlimit-daddr'], `connlimit-${side}`, `connlimit-${which}`)
    side = which
  })
  return {
    options: {
      'connlimit-upto': set('connlimit-upto', false), 'connlimit-above': set('connlimit-above', true),
      'connlimit-mask': one((text) => (length = needNumber('connlimit', 'connlimit-mask', text, 0, full))),
      'connlimit-saddr': choose('saddr'), 'connlimit-daddr': choose('daddr'),
    },
    finish: () => {
      if (!limit) throw new UsageError('You must specify "--connlimit-above" or "--connlimit-upto".')
      const { value, above } = limit
      const by = side ?? 'saddr'
      const known = new Map<Ip, Set<TrackedConnection>>()
      return {
        name: 'connlimit', own: true, tracks: true, save: ` --connlimit-${above ? 'above' : 'upto'} ${value} --connlimit-mask ${length} --connlimit-${by}`,
        list: () => `#conn ${by === 'daddr' ? 'dst' : 'src'}/${length} ${above ? '>' : '<='} ${value}`,
        test: ({ packet, host }) => {
          const connection = packet.meta.connection as TrackedConnection | undefined
          if (!connection) return false
          const key = network(by === 'daddr' ? packet.destination : packet.source, length, family)
          let all = known.get(key)
          if (!all) known.set(key, (all = new Set()))
          for (const other of all) if (other !== connection && !isAlive(other, host.clock.now)) all.delete(other)
          all.add(connection)
          return all.size > value === above
        },
      }
    },
  }
}

/** XT_HASHLIMIT_SCALE_v2: a packet's cost in millionths of a second. */
const SCALE = 1_000_000
const UNITS: readonly (readonly [string, number])[] = [['second', 1], ['minute', 60], ['hour', 3600], ['day', 86_400]]
const SHOWN: readonly (readonly [string, number])[] = [['day', 86_400], ['hour', 3600], ['min', 60], ['sec', 1]]
const MODES = ['srcip', 'srcport', 'dstip', 'dstport'] as const

function parseRate(option: string, text: string): { cost: number; unit: number } {
  if (/\db\/s|[a-z]b\/s/.test(text)) throw new NotSimulated(`--${option} in bytes a second`)
  const [, digits, slash, name = ''] = /^\s*(\d*)[^/]*(\/?)(.*)$/.exec(text)!
  const unit = slash === '' ? UNITS[0] : name === '' ? undefined : UNITS.find(([n]) => n.startsWith(name.toLowerCase()))
  if (!unit || !(Number(digits) > 0)) throw new UsageError(`hashlimit: Bad value for "--${option.replace(/^hashlimit$/, 'hashlimit-upto')}" option: "${text}"`)
  const cost = Math.trunc((SCALE * unit[1]) / Number(digits))
  if (cost === 0) throw new UsageError(`Rate too fast "${text}"`)
  return { cost, unit: unit[1] }
}

/** The rate as it is shown, and after how many milliseconds of silence an entry of such a rate goes. */
function rateText(cost: number): { text: string; quantum: number } {
  let i = 1
  for (; i < SHOWN.length; i++) {
    const whole = SHOWN[i]![1] * SCALE
    if (cost > whole || Math.trunc(whole / cost) < whole % cost) break
  }
  const [name, seconds] = SHOWN[i - 1]!
  return { text: `${Math.trunc((seconds * SCALE) / cost)}/${name}`, quantum: seconds * 1000 }
}

/** xt_hashlimit's user2credits: in 64 bits, with 250 ticks a second and 2^39 credits a tick; what does not fit wraps. */
function credits(cost: number): bigint {
  return BigInt.asUintN(64, BigInt(Math.trunc(cost / SCALE)) * 250n << 39n)
}

interface Bucket { credit: number; at: number }

export const hashlimit: MatchExtension = ({ family }) => {
  const full = family === 4 ? 32 : 128
  let rate: { cost: number; unit: number; above: boolean; option: string } | undefined
  let burst = 5
  let name: string | undefined
  const lengths = { src: full, dst: full }
  const modes = new Set<string>()
  const table: Record<string, number> = {}
  const set = (option: string, above: boolean): Option => one((text, invert) => {
    const read = parseRate(option, text)
    if (rate && rate.option !== option) together('hashlimit', ['hashlimit-upto', 'hashlimit-above'], rate.option, option)
    rate = { ...read, above: above !== invert, option }
  }, true)
  const number = (option: string): Option => one((text) => (table[option] = needNumber('hashlimit', `hashlimit-${option}`, text)))
  const missing = (option: string): Option => one(() => {
    throw new NotSimulated(`--hashlimit-${option}`)
  })
  return {
    options: {
      'hashlimit-upto': set('hashlimit-upto', false), 'hashlimit-above': set('hashlimit-above', true), hashlimit: set('hashlimit-upto', false),
      'hashlimit-srcmask': one((text) => (lengths.src = needNumber('hashlimit', 'hashlimit-srcmask', text, 0, full))),
      'hashlimit-dstmask': one((text) => (lengths.dst = needNumber('hashlimit', 'hashlimit-dstmask', text, 0, full))),
      'hashlimit-burst': one((text) => {
        const value = parseNumber(text, 1_000_000)
        if (value === undefined || value < 1) throw new UsageError('bad value for option "--hashlimit-burst", or out of range (1-1000000).')
        burst = value
      }),
      'hashlimit-htable-size': number('htable-size'), 'hashlimit-htable-max': number('htable-max'), 'hashlimit-htable-gcinterval': number('htable-gcinterval'),
      'hashlimit-htable-expire': number('htable-expire'),
      'hashlimit-mode': one((text) => {
        for (const mode of text.split(/[,|]/).filter((m) => m !== '')) {
          if (!(MODES as readonly string[]).includes(mode)) throw new UsageError(`hashlimit: Bad value for "--hashlimit-mode" option: "${text}"`)
          modes.add(mode)
        }
      }),
      'hashlimit-name': one((text) => (name = text)),
      'hashlimit-rate-match': flag(() => {
        throw new NotSimulated('--hashlimit-rate-match')
      }),
      'hashlimit-rate-interval': missing('rate-interval'),
    },
    finish: () => {
      if (name === undefined) return mustSpecify('hashlimit', 'hashlimit-name')
      if (!rate) throw new UsageError('You have to specify --hashlimit')
      const { cost, unit, above } = rate
      if (credits(cost * burst) < credits(cost)) throw new KernelError('RULE_APPEND failed (Numerical result out of range)')
      const { text, quantum } = rateText(cost)
      const expire = table['htable-expire'] ?? unit * 1000
      const used = MODES.filter((m) => modes.has(m))
      const shown = (option: string, to: string): string => [
        ...(table['htable-size'] ? [`${to}htable-size ${table['htable-size']}`] : []), ...(table['htable-max'] ? [`${to}htable-max ${table['htable-max']}`] : []),
        ...((table['htable-gcinterval'] ?? 1000) === 1000 ? [] : [`${to}htable-gcinterval ${table['htable-gcinterval']}`]), ...(expire === quantum ? [] : [`${to}htable-expire ${expire}`]),
        ...(lengths.src === full ? [] : [`${to}srcmask ${lengths.src}`]), ...(lengths.dst === full ? [] : [`${to}dstmask ${lengths.dst}`]),
      ].map((t) => ` ${t}`).join(option)
      const buckets = new Map<string, Bucket>()
      const keyOf = (packet: IpPacket): string => used.map((m) => (m === 'srcip' ? network(packet.source, lengths.src, family) : m === 'dstip' ? network(packet.destination, lengths.dst, family) : m === 'srcport' ? sourcePort(packet) : destinationPort(packet))).join(' ')
      return {
        name: 'hashlimit', own: true,
        save: ` --hashlimit-${above ? 'above' : 'upto'} ${text} --hashlimit-burst ${burst}${used.length > 0 ? ` --hashlimit-mode ${used.join(',')}` : ''} --hashlimit-name ${name}${shown('', '--hashlimit-')}`,
        list: () => `limit: ${above ? 'above' : 'up to'} ${text} burst ${burst}${used.length > 0 ? ` mode ${used.join('-')}` : ''}${shown('', '')}`,
        test: ({ packet, host: { clock } }) => {
          const key = keyOf(packet)
          let bucket = buckets.get(key)
          if (!bucket || clock.now - bucket.at > expire) {
            for (const [k, b] of buckets) if (clock.now - b.at > expire) buckets.delete(k)
            buckets.set(key, (bucket = { credit: burst * cost, at: clock.now }))
          } else {
            bucket.credit = Math.min(burst * cost, bucket.credit + (clock.now - bucket.at) * (SCALE / 1000))
            bucket.at = clock.now
          }
          if (bucket.credit < cost) return above
          bucket.credit -= cost
          return !above
        },
      }
    },
  }
}
