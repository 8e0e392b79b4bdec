import { canonicalIp, ipv4Number, ipv6Number } from '../../address.ts'
import { ipLength } from '../../packets.ts'
import { byName } from '../../../own.ts'
import { UsageError } from '../errors.ts'
import { mustSpecify, needNumber, one, parseNumber, together } from '../extension.ts'
import type { MatchExtension, Option } from '../extension.ts'

/** Matches about fields of the headers: -m iprange, length, ttl, hl, tos, dscp, mac (iptables-extensions(8)). */

interface Range { from: string; to: string; low: bigint | number; high: bigint | number; invert: boolean }

export const iprange: MatchExtension = ({ family }) => {
  const ranges: { src?: Range; dst?: Range } = {}
  const number = family === 4 ? ipv4Number : (ip: string): bigint => ipv6Number(ip)!
  const range = (side: 'src' | 'dst'): Option => one((text, invert) => {
    const [from, to] = (text.includes('-') ? [text.slice(0, text.indexOf('-')), text.slice(text.indexOf('-') + 1)] : [text, text]).map((ip) => {
      const known = canonicalIp(ip)
      if (known === undefined || known.includes(':') !== (family === 6)) throw new UsageError(`iprange: Bad value for "--${side}-range" option: "${ip}"`)
      return known
    }) as [string, string]
    ranges[side] = { from, to, low: number(from), high: number(to), invert }
  }, true)
  return {
    options: { 'src-range': range('src'), 'dst-range': range('dst') },
    finish: () => {
      const { src, dst } = ranges
      if (!src && !dst) throw new UsageError("iprange match: You must specify `--src-range' or `--dst-range'")
      const save = (r: Range | undefined, side: string): string => (r ? `${r.invert ? ' !' : ''} --${side}-range ${r.from}-${r.to}` : '')
      const list = (r: Range | undefined, side: string): string => (r ? `${side} IP range${r.invert ? ' !' : ''} ${r.from}-${r.to}` : '')
      const within = ({ low, high, invert }: Range, value: number | bigint): boolean => (value >= low && value <= high) !== invert
      return {
        name: 'iprange', save: save(src, 'src') + save(dst, 'dst'),
        list: () => [list(src, 'source'), list(dst, 'destination')].filter((t) => t !== '').join(' '),
        test: family === 4
          ? (e) => (!src || within(src, e.source)) && (!dst || within(dst, e.destination))
          : ({ packet }) => (!src || within(src, number(packet.source))) && (!dst || within(dst, number(packet.destination))),
      }
    },
  }
}

/** xtoptions.c, XTTYPE_UINT16RC: "5", "5:9", ":9", "5:". */
function wordRange(extension: string, option: string, text: string): [number, number] {
  const parts = text.split(':')
  if (parts.length > 2) throw new UsageError(`${extension}: Too many components for option "--${option}" (max: 2)\n`)
  const values = parts.map((part, i) => {
    if (part === '') return i === 1 ? 65_535 : 0
    const digits = /^(0x[0-9a-f]+|\d+)/i.exec(part)?.[0]
    const value = digits === undefined ? undefined : parseNumber(digits, 65_535)
    if (value === undefined) throw new UsageError(`${extension}: bad value for option "--${option}" near "${parts.slice(i).join(':')}", or out of range (0-65535).\n`)
    if (digits!.length < part.length) throw new UsageError(`${extension}: Argument to "--${option}" has unexpected characters near "${parts.slice(i).join(':').slice(digits!.length)}".\n`)
    return value
  })
  return [values[0]!, values[1] ?? values[0]!]
}

export const length: MatchExtension = () => {
  let wanted: { from: number; to: number; invert: boolean } | undefined
  return {
    options: {
      length: one((text, invert) => {
        const [from, to] = wordRange('length', 'length', text)
        wanted = { from, to, invert }
      }, true),
    },
    finish: () => {
      if (!wanted) return mustSpecify('length', 'length')
      const { from, to, invert } = wanted
      const text = from === to ? String(from) : `${from}:${to}`
      return {
        name: 'length', save: `${invert ? ' !' : ''} --length ${text}`, list: () => `length ${invert ? '!' : ''}${text}`,
        test: ({ packet }) => {
          const bytes = ipLength(packet)
          return (bytes >= from && bytes <= to) !== invert
        },
      }
    },
  }
}

type Comparison = 'eq' | 'ne' | 'lt' | 'gt'
const SIGNS: Readonly<Record<Comparison, string>> = { eq: '==', ne: '!=', lt: '<', gt: '>' }

/** ttl of IPv4, hl of IPv6. */
function hops(name: 'ttl' | 'hl'): MatchExtension {
  return () => {
    let wanted: { how: Comparison; value: number; option: string } | undefined
    const set = (how: Comparison, option: string): Option => one((text, invert) => {
      const value = needNumber(name, option, text, 0, 255)
      if (wanted && wanted.option !== option) together(name, [`${name}-lt`, `${name}-gt`, `${name}-eq`], wanted.option, option)
      wanted = { how: invert ? 'ne' : how, value, option }
    }, how === 'eq')
    return {
      options: { [`${name}-eq`]: set('eq', `${name}-eq`), [`${name}-lt`]: set('lt', `${name}-lt`), [`${name}-gt`]: set('gt', `${name}-gt`), ...(name === 'ttl' ? { ttl: set('eq', 'ttl-eq') } : {}) },
      finish: () => {
        if (!wanted) throw new UsageError(name === 'ttl' ? "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt" : "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'")
        const { how, value } = wanted
        const label = name.toUpperCase()
        return {
          name, save: `${how === 'ne' ? ' !' : ''} --${name}-${how === 'ne' ? 'eq' : how} ${value}`, list: () => `${label} match ${label} ${SIGNS[how]} ${value}`,
          test: ({ packet: { ttl } }) => (how === 'eq' ? ttl === value : how === 'ne' ? ttl !== value : how === 'lt' ? ttl < value : ttl > value),
        }
      },
    }
  }
}

export const ttl = hops('ttl')
export const hl = hops('hl')

export const byteText = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`

export const TOS_NAMES: Readonly<Record<string, number>> = byName({ 'minimize-delay': 0x10, 'maximize-throughput': 8, 'maximize-reliability': 4, 'minimize-cost': 2, 'normal-service': 0 })
export const TOS_SHOWN = new Map([[0x10, 'Minimize-Delay'], [8, 'Maximize-Throughput'], [4, 'Maximize-Reliability'], [2, 'Minimize-Cost'], [0, 'Normal-Service']])

export const tos: MatchExtension = () => {
  let wanted: { value: number; mask: number; invert: boolean } | undefined
  return {
    options: {
      tos: one((text, invert) => {
        const [value, mask] = text.split('/', 2) as [string, string?]
        const named = TOS_NAMES[text.toLowerCase()]
        const number = named ?? parseNumber(value, 255)
        if (number === undefined) throw new UsageError(`Symbolic name "${text}" is unknown`)
        const bits = mask === undefined ? undefined : parseNumber(mask, 255)
        if (mask !== undefined && bits === undefined) throw new UsageError(`tos: bad mask value for option "--tos", or out of range.\n`)
        wanted = { value: number, mask: bits ?? (named === undefined ? 0xff : 0x3f), invert }
      }, true),
    },
    finish: () => {
      if (!wanted) return mustSpecify('tos', 'tos')
      const { value, mask, invert } = wanted
      const text = `${byteText(value)}/${byteText(mask)}`
      return {
        name: 'tos', save: `${invert ? ' !' : ''} --tos ${text}`,
        list: (numeric) => `tos match${invert ? '!' : ''}${!numeric && mask === 0x3f && TOS_SHOWN.has(value) ? ` ${TOS_SHOWN.get(value)}` : text}`,
        test: ({ packet }) => ((packet.tos & mask) === value) !== invert,
      }
    },
  }
}

export const DSCP_CLASSES: Readonly<Record<string, number>> = byName({
  cs0: 0, cs1: 8, cs2: 0x10, cs3: 0x18, cs4: 0x20, cs5: 0x28, cs6: 0x30, cs7: 0x38, be: 0, af11: 0x0a, af12: 0x0c, af13: 0x0e,
  af21: 0x12, af22: 0x14, af23: 0x16, af31: 0x1a, af32: 0x1c, af33: 0x1e, af41: 0x22, af42: 0x24, af43: 0x26, ef: 0x2e,
})

export const dscp: MatchExtension = () => {
  let wanted: { value: number; invert: boolean; option: string } | undefined
  const set = (option: string, read: (text: string) => number): Option => one((text, invert) => {
    if (wanted && wanted.option !== option) together('dscp', ['dscp', 'dscp-class'], wanted.option, option)
    wanted = { value: read(text), invert, option }
  }, true)
  return {
    options: {
      dscp: set('dscp', (text) => needNumber('dscp', 'dscp', text, 0, 63)),
      'dscp-class': set('dscp-class', (text) => {
        const value = DSCP_CLASSES[text.toLowerCase()]
        if (value === undefined) throw new UsageError(`Invalid DSCP value \`${text}'`)
        return value
      }),
    },
    finish: () => {
      if (!wanted) throw new UsageError('DSCP match: Parameter --dscp is required')
      const { value, invert } = wanted
      return {
        name: 'dscp', save: `${invert ? ' !' : ''} --dscp ${byteText(value)}`, list: () => `DSCP match ${invert ? '!' : ''}${byteText(value)}`,
        test: ({ packet }) => (packet.tos >> 2 === value) !== invert,
      }
    },
  }
}

/** The sender on the last link; nothing that was made here has one. */
export const mac: MatchExtension = () => {
  let wanted: { address: string; invert: boolean } | undefined
  return {
    options: {
      'mac-source': one((text, invert) => {
        const parts = text.split(':')
        if (parts.length !== 6 || !parts.every((p) => /^[0-9a-f]{1,2}$/i.test(p))) throw new UsageError('Invalid MAC address specified.')
        wanted = { address: parts.map((p) => p.padStart(2, '0').toLowerCase()).join(':'), invert }
      }, true),
    },
    finish: () => {
      if (!wanted) return mustSpecify('mac', 'mac-source')
      const { address, invert } = wanted
      return {
        name: 'mac', save: `${invert ? ' !' : ''} --mac-source ${address}`, list: () => `MAC ${invert ? '! ' : ''}${address}`, hooks: ['prerouting', 'input', 'forward'],
        test: ({ packet }) => packet.meta.sourceMac !== undefined && (packet.meta.sourceMac === address) !== invert,
      }
    },
  }
}
