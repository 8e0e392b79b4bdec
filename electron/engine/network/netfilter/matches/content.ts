import { decodeUtf8, encodeUtf8 } from '../../../text.ts'
import { isMulticastIp } from '../../address.ts'
import { ipLength } from '../../packets.ts'
import { encodeIp } from '../../wire/ip.ts'
import { KernelError, UsageError } from '../errors.ts'
import { flag, mustSpecify, needNumber, one, together } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'

/** Matches of what a packet is made of and how much of it has passed: -m string, pkttype, quota (iptables-extensions(8)). */

/** "GET |0d 0a|": text with bytes between bars. */
function hexString(text: string): Uint8Array {
  const out: number[] = []
  const parts = text.replace(/\\(.)/g, (_, c: string) => (c === '|' ? '\u0000' : c)).split('|')
  for (const [i, part] of parts.entries()) {
    if (i % 2 === 0) out.push(...encodeUtf8(part.replaceAll('\u0000', '|')))
    else {
      const digits = part.replace(/\s/g, '')
      if (!/^[0-9a-f]*$/i.test(digits)) throw new UsageError(`Invalid hex char '${/[^0-9a-f]/i.exec(digits)![0]}'`)
      if (digits.length % 2 === 1) throw new UsageError('Odd number of hex digits')
      for (let k = 0; k < digits.length; k += 2) out.push(Number.parseInt(digits.slice(k, k + 2), 16))
    }
  }
  return Uint8Array.from(out)
}

const isPrintable = (bytes: Uint8Array): boolean => bytes.every((b) => b >= 0x20 && b < 0x7f)

const hexOf = (bytes: Uint8Array): string => `|${Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')}|`

export const string: MatchExtension = () => {
  let wanted: { bytes: Uint8Array; invert: boolean; option: string } | undefined
  let algorithm: string | undefined
  let [from, to, anyCase] = [0, 65_535, false]
  const set = (option: string, read: (text: string) => Uint8Array) => one((text, invert) => {
    if (wanted) together('string', ['string', 'hex-string'], wanted.option, option)
    const bytes = read(text)
    if (bytes.length > 128) throw new UsageError(`STRING too long "${text}"`)
    wanted = { bytes, invert, option }
  }, true)
  return {
    options: {
      string: set('string', encodeUtf8), 'hex-string': set('hex-string', hexString), algo: one((text) => (algorithm = text)),
      from: one((text) => (from = needNumber('string', 'from', text, 0, 65_535))), to: one((text) => (to = needNumber('string', 'to', text, 0, 65_535))), icase: flag(() => (anyCase = true)),
    },
    finish: () => {
      if (!algorithm) return mustSpecify('string', 'algo')
      if (!wanted) throw new UsageError('STRING match: You must specify `--string\' or `--hex-string\'')
      if (algorithm !== 'bm' && algorithm !== 'kmp' && algorithm !== 'fsm') throw new KernelError('RULE_APPEND failed (No such file or directory)')
      const { bytes, invert } = wanted
      const asHex = !isPrintable(bytes)
      const text = asHex ? `"${hexOf(bytes)}"` : `"${decodeUtf8(bytes).replace(/["\\]/g, '\\$&')}"`
      const fold = (b: number): number => (anyCase && b >= 65 && b <= 90 ? b + 32 : b)
      const needle = bytes.map(fold)
      return {
        name: 'string',
        save: `${invert ? ' !' : ''} --${asHex ? 'hex-string' : 'string'} ${text} --algo ${algorithm}${from === 0 ? '' : ` --from ${from}`}${to === 65_535 ? '' : ` --to ${to}`}${anyCase ? ' --icase' : ''}`,
        list: () => `STRING match ${invert ? '!' : ''} ${text} ALGO name ${algorithm}${from === 0 ? '' : ` FROM ${from}`}${to === 65_535 ? '' : ` TO ${to}`}${anyCase ? ' ICASE' : ''}`,
        test: ({ packet }) => {
          const all = encodeIp(packet)
          const last = Math.min(to, all.length - needle.length)
          for (let i = from; i <= last; i++) {
            let k = 0
            while (k < needle.length && fold(all[i + k]!) === needle[k]) k++
            if (k === needle.length) return !invert
          }
          return invert
        },
      }
    },
  }
}

const PACKET_TYPES = ['unicast', 'broadcast', 'multicast'] as const

export const pkttype: MatchExtension = () => {
  let wanted: { type: (typeof PACKET_TYPES)[number]; invert: boolean } | undefined
  return {
    options: {
      'pkt-type': one((text, invert) => {
        const type = text.toLowerCase() === 'host' ? 'unicast' : PACKET_TYPES.find((t) => t === text.toLowerCase())
        if (!type) throw new UsageError(`Bad packet type '${text}'`)
        wanted = { type, invert }
      }, true),
    },
    finish: () => {
      if (!wanted) return mustSpecify('pkttype', 'pkt-type')
      const { type, invert } = wanted
      return {
        name: 'pkttype', save: `${invert ? ' !' : ''} --pkt-type ${type}`, list: () => `PKTTYPE ${invert ? '!=' : '='} ${type}`,
        test: ({ packet: { destination } }) => ((destination === '255.255.255.255' ? 'broadcast' : isMulticastIp(destination) ? 'multicast' : 'unicast') === type) !== invert,
      }
    },
  }
}

export const quota: MatchExtension = () => {
  let wanted: { bytes: bigint; invert: boolean } | undefined
  return {
    options: {
      quota: one((text, invert) => {
        if (!/^\d+$/.test(text) || BigInt(text) >= 1n << 64n) throw new UsageError('quota: bad value for option "--quota", or out of range (0-18446744073709551615).\n')
        wanted = { bytes: BigInt(text), invert }
      }, true),
    },
    finish: () => {
      if (!wanted) return mustSpecify('quota', 'quota')
      const { bytes, invert } = wanted
      let left = bytes
      return {
        name: 'quota', own: true, save: `${invert ? ' !' : ''} --quota ${bytes}`, list: () => `quota: ${bytes} bytes`,
        test: ({ packet }) => {
          const size = BigInt(ipLength(packet))
          const within = left >= size
          // what no longer fits uses up the rest
          left = within ? left - size : 0n
          return within !== invert
        },
      }
    },
  }
}
