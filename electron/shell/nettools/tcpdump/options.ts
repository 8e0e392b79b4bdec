import { getopt } from '../getopt.ts'

/** tcpdump's command line (tcpdump(1), 4.99.3). */
export interface TcpdumpOptions {
  interface: string | undefined
  readFile: string | undefined
  writeFile: string | undefined
  count: number
  numeric: boolean
  linkLevel: boolean
  quick: boolean
  /** How many times -v. */
  verbose: number
  snapLength: number
  absoluteSequence: boolean
  /** How many times -t. */
  time: number
  /** Flush after every line (-l) or packet (-U). */
  lineBuffered: boolean
  packetBuffered: boolean
  /** -x, -xx, -X, -XX, -A, -AA */
  dump: { hex: boolean; ascii: boolean; text: boolean; linkLevel: boolean }
  direction: 'in' | 'out' | 'inout'
  number: boolean
  /** --print: also with -w. */
  print: boolean
  countOnly: boolean
  /** -L: name the link types and end. */
  listTypes: boolean
  filter: string
  filterFile: string | undefined
  /** -C: a new file after so many bytes; -G: after so many seconds; -W: so many of them. 0: never, any number. */
  rotate: { bytes: number; seconds: number; files: number }
}

export const VERSION = 'tcpdump version 4.99.3\nlibpcap version 1.10.3 (with TPACKET_V3)\nOpenSSL 3.0.17 1 Jul 2025\n'

export const USAGE = `Usage: tcpdump [-AbdDefhHIJKlLnNOpqStuUvxX#] [ -B size ] [ -c count ] [--count]
\t\t[ -C file_size ] [ -E algo:secret ] [ -F file ] [ -G seconds ]
\t\t[ -i interface ] [ --immediate-mode ] [ -j tstamptype ]
\t\t[ -M secret ] [ --number ] [ --print ] [ -Q in|out|inout ]
\t\t[ -r file ] [ -s snaplen ] [ -T type ] [ --version ]
\t\t[ -V file ] [ -w file ] [ -W filecount ] [ -y datalinktype ]
\t\t[ --time-stamp-precision precision ] [ --micro ] [ --nano ]
\t\t[ -z postrotate-command ] [ -Z user ] [ expression ]
`

export type Parsed = { options: TcpdumpOptions } | { error: string } | { notSimulated: string } | { show: 'help' | 'version' | 'interfaces' }

const SHORT = 'aAB:bc:C:dDeE:fF:G:hHi:IJj:KlLm:M:nNOpqQ:r:s:StT:uUvV:w:W:xXy:Yz:Z:#'
const LONG: Readonly<Record<string, string>> = {
  help: 'h', interface: 'i', number: '#', print: '1', 'immediate-mode': '2', count: '3', direction: 'Q', 'snapshot-length': 's', 'list-interfaces': 'D', 'absolute-tcp-sequence-numbers': 'S',
  'no-promiscuous-mode': 'p', 'packet-buffered': 'U', version: '4', micro: '5', nano: '6',
}
/** Of an interface whose MTU is 1500; shorter snapshots would cut packets. */
const LONGEST_FRAME = 1514
/** Without a meaning here: what they change is not there to be changed. */
const HARMLESS = ['p', 'K', '2', '5', 'f', 'O', 'N', 'u', 'B', 'Z', 'b']

export function parseTcpdump(args: readonly string[]): Parsed {
  const parsed = getopt(args, `${SHORT}123456`, LONG)
  if ('invalid' in parsed) return { error: parsed.invalid.startsWith('--') ? `tcpdump: unrecognized option '${parsed.invalid}'\n${VERSION}${USAGE}` : `tcpdump: invalid option -- '${parsed.invalid}'\n${VERSION}${USAGE}` }
  if ('missing' in parsed) return { error: `tcpdump: option requires an argument -- '${parsed.missing}'\n${VERSION}${USAGE}` }
  const options: TcpdumpOptions = {
    interface: undefined, readFile: undefined, writeFile: undefined, count: Infinity, numeric: false, linkLevel: false, quick: false, verbose: 0, snapLength: 262_144, absoluteSequence: false, time: 0,
    lineBuffered: false, packetBuffered: false, dump: { hex: false, ascii: false, text: false, linkLevel: false }, direction: 'inout', number: false, print: false, countOnly: false, listTypes: false, filterFile: undefined, rotate: { bytes: 0, seconds: 0, files: 0 },
    filter: parsed.operands.join(' '),
  }
  const times = (name: string): number => parsed.options.filter((o) => o.name === name).length
  for (const { name, value } of parsed.options) {
    switch (name) {
      case 'i': options.interface = value; break
      case 'r': options.readFile = value; break
      case 'w': options.writeFile = value; break
      case 'n': options.numeric = true; break
      case 'e': options.linkLevel = true; break
      case 'q': options.quick = true; break
      case 'v': options.verbose++; break
      case 'S': options.absoluteSequence = true; break
      case 't': options.time++; break
      case 'l': options.lineBuffered = true; break
      case 'U': options.packetBuffered = true; break
      case 'x': options.dump.hex = true; break
      case 'X': options.dump.ascii = options.dump.hex = true; break
      case 'A': options.dump.text = true; break
      case 'L': options.listTypes = true; break
      case 'F': options.filterFile = value; break
      case '#': options.number = true; break
      case '1': options.print = true; break
      case '3': options.countOnly = true; break
      case 'h': return { show: 'help' }
      case '4': return { show: 'version' }
      case 'D': return { show: 'interfaces' }
      case 'c': {
        const count = Number(value)
        if (!/^\d+$/.test(value) || count < 1) return { error: `tcpdump: invalid packet count ${value}\n` }
        options.count = count
        break
      }
      case 's': {
        const length = Number(value)
        if (!/^\d+$/.test(value) || length > 262_144) return { error: `tcpdump: invalid snaplen ${value} (must be >= 0 and <= 262144)\n` }
        if (length !== 0 && length < LONGEST_FRAME) return { notSimulated: `tcpdump -s ${value}: packets cut short (use -s 0 or leave it out)` }
        options.snapLength = length || 262_144
        break
      }
      case 'C':
        if (!/^\d+$/.test(value) || Number(value) < 1) return { error: `tcpdump: invalid file size ${value}\n` }
        options.rotate.bytes = Number(value) * 1_000_000
        break
      case 'G':
        if (value.startsWith('-')) return { error: `tcpdump: invalid number of seconds ${value}\n` }
        options.rotate.seconds = Number.parseInt(value, 10) || 0
        break
      case 'W':
        if (!(Number.parseInt(value, 10) > 0)) return { error: `tcpdump: invalid number of output files ${value}\n` }
        options.rotate.files = Number.parseInt(value, 10)
        break
      case 'Q':
        if (value !== 'in' && value !== 'out' && value !== 'inout') return { error: `tcpdump: unknown capture direction \`${value}'\n` }
        options.direction = value
        break
      default:
        if (HARMLESS.includes(name)) break
        return { notSimulated: `tcpdump -${name} (use tcpdump without it)` }
    }
  }
  options.dump.linkLevel = ['x', 'X', 'A'].some((name) => times(name) > 1)
  return { options }
}
