import { hasTcpOption, ported } from '../../packets.ts'
import type { IpPacket, TcpFlags } from '../../types.ts'
import { UsageError } from '../errors.ts'
import { flag, one, parseNumber, together, two } from '../extension.ts'
import type { MatchExtension, OptionTable } from '../extension.ts'
import { protocolNumber, serviceName, servicePort } from '../names.ts'
import type { Match } from '../rule.ts'

/** The matches of the transport protocols: -m tcp, udp, sctp, multiport (iptables-extensions(8)). */

export interface PortRange {
  from: number
  to: number
}

export function parsePort(text: string): number {
  const port = parseNumber(text, 65_535) ?? servicePort(text)
  if (port === undefined) throw new UsageError(`invalid port/service \`${text}' specified`)
  return port
}

export function parsePortRange(text: string): PortRange {
  const colon = text.indexOf(':')
  if (colon < 0) {
    const port = parsePort(text)
    return { from: port, to: port }
  }
  const from = colon === 0 ? 0 : parsePort(text.slice(0, colon))
  const to = colon === text.length - 1 ? 65_535 : parsePort(text.slice(colon + 1))
  if (from > to) throw new UsageError('invalid portrange (min > max)')
  return { from, to }
}

function rangeText(range: PortRange): string {
  return range.from === range.to ? String(range.from) : `${range.from}:${range.to}`
}

export function sourcePort(packet: IpPacket): number {
  return ported(packet.payload)?.sourcePort ?? -1
}

export function destinationPort(packet: IpPacket): number {
  return ported(packet.payload)?.destinationPort ?? -1
}

interface PortMatch extends PortRange {
  invert: boolean
}

function within(match: PortMatch, port: number): boolean {
  return (port >= match.from && port <= match.to) !== match.invert
}

function listed(label: string, match: PortMatch, numeric: boolean): string {
  // all of them are none that it names
  if (match.from === 0 && match.to === 65_535 && !match.invert) return ''
  const name = (port: number): string => (numeric ? String(port) : serviceName(port))
  const ports = match.from === match.to ? name(match.from) : `${name(match.from)}:${name(match.to)}`
  return ` ${label}${match.from === match.to ? '' : 's'}:${match.invert ? '!' : ''}${ports}`
}

function not(match: { invert: boolean }): string {
  return match.invert ? ' !' : ''
}

const FLAGS: readonly (readonly [string, keyof TcpFlags, number])[] = [
  ['FIN', 'fin', 1], ['SYN', 'syn', 2], ['RST', 'rst', 4], ['PSH', 'psh', 8], ['ACK', 'ack', 16], ['URG', 'urg', 32],
]

function parseFlags(text: string): number {
  let bits = 0
  for (const name of text.split(',')) {
    const known = FLAGS.find(([n]) => n === name.toUpperCase())
    if (known) bits |= known[2]
    else if (name.toUpperCase() === 'ALL') bits |= 0x3f
    else if (name.toUpperCase() !== 'NONE') throw new UsageError(`Unknown TCP flag \`${name}'`)
  }
  return bits
}

function flagsText(bits: number): string {
  return FLAGS.filter(([, , bit]) => bits & bit).map(([name]) => name).join(',') || 'NONE'
}

export function flagBits(flags: TcpFlags): number {
  let bits = 0
  for (const [, key, bit] of FLAGS) if (flags[key]) bits |= bit
  return bits
}

/** tcp, udp and sctp: ports, and TCP's flags. */
export function transport(name: 'tcp' | 'udp' | 'sctp'): MatchExtension {
  return ({ rule }) => {
    let source: PortMatch | undefined
    let destination: PortMatch | undefined
    let flags: { mask: number; set: number; invert: boolean } | undefined
    let option: { number: number; invert: boolean } | undefined
    const only = (what: string, old: unknown): void => {
      if (old) throw new UsageError(`Only one \`${what}' allowed`)
    }
    const setSource = one((text, invert) => {
      only('--source-port', source)
      const { from, to } = parsePortRange(text)
      source = { from, to, invert }
    }, true)
    const setDestination = one((text, invert) => {
      only('--destination-port', destination)
      const { from, to } = parsePortRange(text)
      destination = { from, to, invert }
    }, true)
    const options: Record<string, OptionTable[string]> = {
      sport: setSource, 'source-port': setSource, dport: setDestination, 'destination-port': setDestination,
    }
    if (name === 'tcp') {
      options['tcp-flags'] = two((mask, set, invert) => {
        only('--syn\' or `--tcp-flags', flags)
        flags = { mask: parseFlags(mask), set: parseFlags(set), invert }
      }, true)
      options.syn = flag((invert) => {
        only('--syn\' or `--tcp-flags', flags)
        flags = { mask: 0x17, set: 2, invert }
      }, true)
      options['tcp-option'] = one((text, invert) => {
        option = { number: parseNumber(text, 255) ?? 0, invert }
      }, true)
    }
    return {
      options,
      finish: () => {
        if (!rule.protocol || rule.protocol.invert || rule.protocol.number !== protocolNumber(name)) {
          throw new UsageError(`${name.toUpperCase()} match requires '-p ${name}'`)
        }
        let save = ''
        if (source) save += `${not(source)} --sport ${rangeText(source)}`
        if (destination) save += `${not(destination)} --dport ${rangeText(destination)}`
        if (option) save += `${not(option)} --tcp-option ${option.number}`
        if (flags) save += `${not(flags)} --tcp-flags ${flagsText(flags.mask)} ${flagsText(flags.set)}`
        const byte = (n: number): string => `0x${n.toString(16).toUpperCase().padStart(2, '0')}`
        const single = destination && !destination.invert && destination.from === destination.to ? destination.from : undefined
        const match: Match = {
          name, save,
          list: (numeric) =>
            name + (source ? listed('spt', source, numeric) : '') + (destination ? listed('dpt', destination, numeric) : '') +
            (option ? ` option=${option.invert ? '!' : ''}${option.number}` : '') +
            (flags ? ` flags:${flags.invert ? '!' : ''}${numeric ? `${byte(flags.mask)}/${byte(flags.set)}` : `${flagsText(flags.mask)}/${flagsText(flags.set)}`}` : ''),
          test: ({ packet }) => {
            if (destination && !within(destination, destinationPort(packet))) return false
            if (source && !within(source, sourcePort(packet))) return false
            if (flags) {
              const bits = packet.payload.kind === 'tcp' ? flagBits(packet.payload.flags) : 0
              if (((bits & flags.mask) === flags.set) === flags.invert) return false
            }
            if (option) {
              const has = packet.payload.kind === 'tcp' && hasTcpOption(packet.payload, option.number)
              if (has === option.invert) return false
            }
            return true
          },
          ...(single === undefined ? {} : { destinationPort: single }),
        }
        return match
      },
    }
  }
}

const MULTIPORT = { sports: 'source-ports', dports: 'destination-ports', ports: 'ports' }

export const multiport: MatchExtension = ({ rule }) => {
  let ports: PortRange[] | undefined
  let side: 'sports' | 'dports' | 'ports' = 'ports'
  let invert = false
  const set = (which: typeof side) => one((text, inverted) => {
    // it looks at once: a protocol that is named behind it comes too late
    if (!rule.protocol) throw new UsageError("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'")
    if (ports) together('multiport', Object.values(MULTIPORT), MULTIPORT[side], MULTIPORT[which])
    const parts = text.split(',')
    if (parts.reduce((n, p) => n + (p.includes(':') ? 2 : 1), 0) > 15) throw new UsageError('too many ports specified')
    ports = parts.map((part) => {
      const [from, to] = part.split(':')
      if (to !== undefined && parsePort(from!) >= parsePort(to)) throw new UsageError('invalid portrange specified')
      return parsePortRange(part)
    })
    side = which
    invert = inverted
  }, true)
  const [sports, dports, both] = [set('sports'), set('dports'), set('ports')]
  return {
    options: {
      sports, 'source-ports': sports, dports, 'destination-ports': dports, ports: both,
    },
    finish: () => {
      const known = rule.protocol && !rule.protocol.invert && [6, 17, 33, 132, 136].includes(rule.protocol.number)
      if (ports && !known && rule.protocol && !rule.protocol.invert) throw new UsageError('multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP')
      if (ports && !known) throw new UsageError("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'")
      if (!ports) throw new UsageError('multiport expection an option')
      const all = ports
      const any = (port: number): boolean => all.some((r) => port >= r.from && port <= r.to)
      return {
        name: 'multiport', save: `${not({ invert })} --${side} ${all.map(rangeText).join(',')}`,
        list: (numeric) => {
          const name = (port: number): string => (numeric ? String(port) : serviceName(port))
          const text = all.map((r) => (r.from === r.to ? name(r.from) : `${name(r.from)}:${name(r.to)}`)).join(',')
          return `multiport ${side} ${invert ? ' !' : ''}${text}`
        },
        test: ({ packet }) => {
          const found = (side !== 'dports' && any(sourcePort(packet))) || (side !== 'sports' && any(destinationPort(packet)))
          return found !== invert
        },
      }
    },
  }
}
