import { getopt } from '../getopt.ts'
import { readUnits } from './units.ts'
import { USAGE } from './usage.ts'

export interface Options {
  /** The server's address or name; undefined: this is the server. */
  host: string | undefined
  port: number
  /** A letter of -f. */
  format: string
  /** ms; 0: none. */
  interval: number
  verbose: boolean
  json: boolean
  family: 4 | 6 | undefined
  bind: string | undefined
  daemon: boolean
  oneOff: boolean
  udp: boolean
  /** ms */
  connectTimeout: number | undefined
  /** bits a second; 0: unlimited. */
  rate: number
  /** ms */
  time: number
  bytes: number
  blocks: number
  /** Bytes; undefined: what the protocol has. */
  length: number | undefined
  clientPort: number | undefined
  parallel: number
  reverse: boolean
  title: string | undefined
}

/** What there is for -h, -v, and whatever cannot be. */
export interface Refused { stdout?: string; error?: string; code: number }

const LONG: Readonly<Record<string, string>> = {
  port: 'p', format: 'f', interval: 'i', pidfile: 'I', file: 'F', affinity: 'A', bind: 'B', 'bind-dev': '\x01', verbose: 'V', json: 'J', logfile: '\x02', forceflush: '\x03', timestamps: '\x04', 'rcv-timeout': '\x05', 'snd-timeout': '\x06', debug: 'd',
  version: 'v', help: 'h', server: 's', daemon: 'D', 'one-off': '1', 'server-bitrate-limit': '\x07', 'idle-timeout': '\x08', 'rsa-private-key-path': '\x0b', 'authorized-users-path': '\x0c', 'time-skew-threshold': '\x0e', client: 'c', sctp: '\x0f', xbind: 'X', nstreams: '\x10',
  udp: 'u', 'connect-timeout': '\x11', bitrate: 'b', bandwidth: 'b', 'pacing-timer': '\x12', 'fq-rate': '\x13', time: 't', bytes: 'n', blockcount: 'k', length: 'l', cport: '\x14', parallel: 'P', reverse: 'R', bidir: '\x15', window: 'w', congestion: 'C', 'set-mss': 'M', 'no-delay': 'N',
  version4: '4', version6: '6', tos: 'S', dscp: '\x16', flowlabel: 'L', zerocopy: 'Z', omit: 'O', title: 'T', 'extra-data': '\x17', 'get-server-output': '\x18', 'udp-counters-64bit': '\x19', 'repeating-payload': '\x1a', 'dont-fragment': '\x1b', username: '\x1c', 'rsa-public-key-path': '\x1d',
}
const SPEC = 'p:f:i:I:F:A:B:\x01:VJ\x02:\x03\x04\x05:\x06:dvhsD1\x07:\x08:\x0b:\x0c:\x0e:c:\x0fX:\x10:u\x11:b:\x12:\x13:t:n:k:l:\x14:P:R\x15w:C:M:N46S:\x16:L:ZO:T:\x17:\x18\x19\x1a\x1b\x1c:\x1d:'
const CLIENT_ONLY = '\x0fX\x10u\x11b\x12\x13tnkl\x14PR\x15wCMNSLZOT\x17\x18\x19\x1a\x1b\x1c\x1d\x16'
const SERVER_ONLY = 'D1\x07\x08\x0b\x0c\x0e'
/** What changes nothing that there is here. */
const HARMLESS = 'NZ\x03\x12\x19\x1a'
const MAX_TIME = 86_400
const VERSION = (system: string): string => `iperf 3.12 (cJSON 1.7.15)\n${system}\nOptional features available: CPU affinity setting, IPv6 flow label, SCTP, TCP congestion algorithm setting, sendfile / zerocopy, socket pacing, authentication, bind to device, support IPv4 don't fragment\n`

/** `system`: of uname(2), as -v says it. */
export function parseIperf(args: readonly string[], system: string): Options | Refused {
  const parsed = getopt(args, SPEC, LONG)
  if (!('options' in parsed)) return { error: `iperf3: ${parsed.text}\n${USAGE}`, code: 1 }
  const wrong = (text: string): Refused => ({ stdout: USAGE, error: `iperf3: parameter error - ${text}\n\n`, code: 1 })
  const options: Options = {
    host: undefined, port: 5201, format: 'a', interval: 1000, verbose: false, json: false, family: undefined, bind: undefined, daemon: false, oneOff: false, udp: false,
    connectTimeout: undefined, rate: -1, time: 10_000, bytes: 0, blocks: 0, length: undefined, clientPort: undefined, parallel: 1, reverse: false, title: undefined,
  }
  const used = new Set<string>()
  const long = (letter: string): string => Object.keys(LONG).find((name) => LONG[name] === letter)!
  for (const { name, value } of parsed.options) {
    const number = Number.parseFloat(value) || 0
    if (name === 's' && used.has('c')) return wrong('cannot be both server and client')
    if (name === 'c' && used.has('s')) return wrong('cannot be both server and client')
    if (name === 'R' && used.has('\x15') || name === '\x15' && used.has('R')) return wrong('cannot be both reverse and bidirectional')
    used.add(name)
    switch (name) {
      case 'h': return { stdout: USAGE, code: 0 }
      case 'v': return { stdout: VERSION(system), code: 0 }
      case 's': break
      case 'c': options.host = value; break
      case 'p':
        options.port = Math.trunc(number)
        if (options.port < 1 || options.port > 65_535) return wrong('port number must be between 1 and 65535 inclusive')
        break
      case 'f':
        if (!/^[kmgtKMGT]/.test(value)) return wrong('bad format specifier (valid formats are in the set [kmgtKMGT])')
        options.format = value[0]!
        break
      case 'i':
        options.interval = number * 1000
        if (number !== 0 && (number < 0.1 || number > 60)) return wrong('invalid report interval (min = 0.1, max = 60 seconds)')
        break
      case 'V': options.verbose = true; break
      case 'J': options.json = true; break
      case 'B': options.bind = value; break
      case 'D': options.daemon = true; break
      case '1': options.oneOff = true; break
      case 'u': options.udp = true; break
      case '\x11': options.connectTimeout = Math.trunc(number); break
      case 'b':
        if (value.includes('/')) return { error: 'podhop: not simulated: bursts of iperf3 -b RATE/PACKETS (use iperf3 -b RATE)\n', code: 69 }
        options.rate = readUnits(value, 1000)
        break
      case 't':
        if (number > MAX_TIME) return wrong(`test duration too long (maximum = ${MAX_TIME} seconds)`)
        options.time = Math.trunc(number) * 1000
        break
      case 'n': options.bytes = readUnits(value, 1024); break
      case 'k': options.blocks = readUnits(value, 1024); break
      case 'l': options.length = Math.trunc(readUnits(value, 1024)); break
      case '\x14': options.clientPort = Math.trunc(number); break
      case 'P':
        options.parallel = Math.max(1, Math.trunc(number))
        if (number > 128) return wrong('number of parallel streams too large (maximum = 128)')
        break
      case 'R': options.reverse = true; break
      case 'T': options.title = value; break
      case 'O':
        if (number < 0 || number > 60) return wrong('bogus value for --omit')
        if (number > 0) return { error: 'podhop: not simulated: iperf3 -O (use iperf3 -t, and leave out the first lines yourself)\n', code: 69 }
        break
      case 'M':
        if (number > 9216) return wrong('TCP MSS too large (maximum = 9216 bytes)')
        return { error: 'podhop: not simulated: iperf3 -M (use ip link set dev LINK mtu)\n', code: 69 }
      case '4': case '6': options.family = Number(name) as 4 | 6; break
      default:
        if (HARMLESS.includes(name)) break
        return { error: `podhop: not simulated: iperf3 ${/[a-z]/i.test(name) ? `-${name}` : `--${long(name)}`} (use iperf3 with -s -1 -D -p -c -t -n -k -i -f -u -b -l -P -R -B -V -J -4 -6)\n`, code: 69 }
    }
  }
  const has = (letters: string): boolean => [...letters].some((letter) => used.has(letter))
  if (!used.has('s') && options.host === undefined) return wrong('must either be a client (-c) or server (-s)')
  if (options.host === undefined && has(CLIENT_ONLY)) return wrong('some option you are trying to set is client only')
  if (options.host !== undefined && has(SERVER_ONLY)) return wrong('some option you are trying to set is server only')
  if (options.udp && options.length !== undefined && options.length <= 1_048_576 && (options.length < 16 || options.length > 65_507)) return wrong('block size invalid (minimum = 16 bytes, maximum = 65507 bytes)')
  if ((options.length ?? 0) > 1_048_576) return wrong('block size too large (maximum = 1048576 bytes)')
  if (['t', 'n', 'k'].filter((letter) => used.has(letter)).length > 1) return wrong('only one test end condition (-t, -n, -k) may be specified')
  if (options.host === undefined && options.json) return { error: 'podhop: not simulated: iperf3 -s -J (use iperf3 -J at the client, which has the results of both ends)\n', code: 69 }
  if (options.rate < 0) options.rate = options.udp ? 1_048_576 : 0
  if (options.length === 0) options.length = undefined
  return options
}
