import { capable, type Process } from '../../../engine/cluster.ts'
import { commonPorts, commonUdpPorts } from './common-ports.ts'
import { HELP, VERSION } from './help.ts'
import { parsePorts, type Wanted } from './ports.ts'
import { notSimulated, quitting, Refusal, type Discovery, type Options, type Technique } from './types.ts'

/** getopt_long_only(3)'s table; "=" takes a value. */
const LONG = `version verbose= datadir= servicedb= versiondb= debug= help iflist release-memory nogcc max-os-tries= max-parallelism= min-parallelism= timing= max-rtt-timeout= min-rtt-timeout= initial-rtt-timeout= excludefile= exclude= max-hostgroup= min-hostgroup=
  open scanflags= defeat-rst-ratelimit defeat-icmp-ratelimit host-timeout= scan-delay= max-scan-delay= max-retries= oA= oN= oM= oG= oS= oH= oX= iL= iR= sI= source-port= randomize-hosts nsock-engine= proxies= proxy= osscan-limit osscan-guess
  packet-trace version-trace data= data-string= data-length= send-eth send-ip stylesheet= no-stylesheet webxml rH vv ff privileged unprivileged mtu= append-output noninteractive spoof-mac= thc-ipv6 ttl= ip-options= min-rate= max-rate= adler32
  stats-every= disable-arp-ping route-dst= resume= allports version-intensity= version-light version-all system-dns resolve-all unique log-errors deprecated-xml-osclass traceroute reason script= script-trace script-updatedb script-args=
  script-args-file= script-help= script-timeout= exclude-ports= port-ratio= top-ports= badsum dns-servers=`.trim().split(/\s+/)
const SHORT = '46Ab:D:d::e:Ffg:hIi:M:m:nO::o:P::p:qRrS:s::T:Vv::'
/** What only says how fast, and asks nothing of the wire that could be seen. */
const PACE = new Set(['max-parallelism', 'min-parallelism', 'max-rtt-timeout', 'min-rtt-timeout', 'initial-rtt-timeout', 'max-hostgroup', 'min-hostgroup', 'defeat-rst-ratelimit', 'defeat-icmp-ratelimit', 'host-timeout', 'scan-delay', 'max-scan-delay', 'min-rate', 'max-rate', 'stats-every', 'randomize-hosts', 'rH', 'noninteractive', 'log-errors', 'privileged', 'release-memory', 'nogcc', 'send-eth', 'send-ip', 'version-intensity', 'version-light', 'version-all', 'allports', 'unique', 'webxml', 'system-dns'])
const TIMES = new Set(['max-rtt-timeout', 'min-rtt-timeout', 'initial-rtt-timeout', 'host-timeout', 'scan-delay', 'max-scan-delay', 'stats-every'])
const TIMINGS = ['paranoid', 'sneaky', 'polite', 'normal', 'aggressive', 'insane']
const SCANS: Readonly<Record<string, Technique>> = { S: 'syn', T: 'connect', U: 'udp', A: 'ack', W: 'window', M: 'maimon', N: 'null', F: 'fin', X: 'xmas' }
const BEYOND = new Set(['C', 'O', 'Y', 'Z', 'I', 'R', 'B'])

interface Word { name: string; value: string | undefined }

/** The words of a command line, and the operands in the order in which they stand. */
function split(args: readonly string[]): { words: Word[]; operands: string[]; shown: string[] } {
  const [words, operands, shown]: [Word[], string[], string[]] = [[], [], []]
  const fail = (text: string): Refusal => new Refusal(`nmap: ${text}\nSee the output of nmap -h for a summary of options.\n`, 255)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      operands.push(...args.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      operands.push(arg)
      continue
    }
    shown.push(arg)
    const dashes = arg.startsWith('--') ? 2 : 1
    const letter = arg[1]!
    const own = letter !== ':' && SHORT.includes(letter)
    if (dashes === 2 || arg.length > 2 || !own) {
      const [word, inline] = arg.slice(dashes).split(/=(.*)/s) as [string, string?]
      const found = LONG.filter((l) => l.replace('=', '').startsWith(word))
      const exact = found.find((l) => l.replace('=', '') === word) ?? (found.length === 1 ? found[0] : undefined)
      if (exact !== undefined) {
        const name = exact.replace('=', '')
        if (!exact.endsWith('=')) {
          if (inline !== undefined) throw fail(`option '${'-'.repeat(dashes)}${name}' doesn't allow an argument`)
          words.push({ name, value: undefined })
          continue
        }
        const value = inline ?? args[++i]
        if (value === undefined) throw fail(`option '${'-'.repeat(dashes)}${name}' requires an argument`)
        if (inline === undefined) shown.push(value)
        words.push({ name, value })
        continue
      }
      if (found.length > 1 && (dashes === 2 || !own)) throw fail(`option '${arg}' is ambiguous; possibilities: ${found.map((l) => `'${'-'.repeat(dashes)}${l.replace('=', '')}'`).join(' ')}`)
      if (dashes === 2 || !own) throw fail(`unrecognized option '${arg}'`)
    }
    for (let k = 1; k < arg.length; k++) {
      const name = arg[k]!
      const at = SHORT.indexOf(name)
      if (at < 0 || name === ':') throw fail(`invalid option -- '${name}'`)
      const takes = SHORT[at + 1] === ':' ? (SHORT[at + 2] === ':' ? 'maybe' : 'must') : 'none'
      if (takes === 'none') {
        words.push({ name, value: undefined })
        continue
      }
      const rest = arg.slice(k + 1)
      const value = rest !== '' ? rest : takes === 'must' ? args[++i] : undefined
      if (value === undefined && takes === 'must') throw fail(`option requires an argument -- '${name}'`)
      if (rest === '' && value !== undefined) shown.push(value)
      words.push({ name, value })
      break
    }
  }
  return { words, operands, shown }
}

const seconds = (text: string): boolean => /^\d*\.?\d+(ms|[smh])?$/.test(text)

/** Throws {@link Refusal}; what is to be printed instead of a scan is a string. */
export function parseOptions(process: Process): Options | string {
  const { words, operands, shown } = split(process.argv.slice(1))
  const options: Options = {
    techniques: [], only: undefined, tcp: [], udp: [], discovery: { echo: true, timestamp: true, syn: [443], ack: [80], udp: [] }, privileged: capable(process, 'NET_RAW'), names: true, family: 4, device: undefined, onlyOpen: false, reason: false, versions: false, verbose: 0, retries: 10,
    stylesheet: true, append: false, files: new Map(), targets: operands, exclude: [], list: undefined, argv: [process.argv[0]!, ...shown, ...operands], warnings: [], refused: undefined,
  }
  if (process.argv.length === 1) return HELP
  let [fast, top, range, excluded]: [boolean, number | undefined, string | undefined, string | undefined] = [false, undefined, undefined, undefined]
  const chosen: { -readonly [key in keyof Discovery]: Discovery[key] } = { echo: false, timestamp: false, syn: [], ack: [], udp: [] }
  let [choice, none] = [false, false]
  const file = (kind: 'normal' | 'xml' | 'grepable', name: string): void => void options.files.set(kind, name)
  for (const { name, value } of words) {
    if (name === 'h' || name === 'help') return HELP
    if (name === 'V' || name === 'version') return VERSION
    if (name === 's') {
      if (value === undefined) throw new Refusal('An option is required for -s, most common are -sT (tcp scan), -sS (SYN scan), -sF (FIN scan), -sU (UDP scan) and -sn (Ping scan)\n', 255, true)
      for (const letter of value) {
        const technique = Object.hasOwn(SCANS, letter) ? SCANS[letter]! : undefined
        if (letter === 'n' || letter === 'P') options.only = 'ping'
        else if (letter === 'L') options.only = 'list'
        else if (letter === 'V') options.versions = true
        else if (technique !== undefined) {
          if (!options.techniques.includes(technique)) options.techniques.push(technique)
        } else if (BEYOND.has(letter)) throw notSimulated(`-s${letter}`)
        else throw new Refusal(`Scantype ${letter} not supported\n`, 255, true)
      }
    } else if (name === 'F') fast = true
    else if (name === 'top-ports') {
      top = Number(value)
      if (!(top >= 1)) throw quitting('--top-ports should be an integer 1 or greater')
    } else if (name === 'p') {
      if (range !== undefined) throw quitting('Only 1 -p option allowed, separate multiple ranges with commas.')
      range = value
    } else if (name === 'exclude-ports') excluded = value
    else if (name === 'T' || name === 'timing') {
      if (!/^[0-5]/.test(value!) && !TIMINGS.includes(value!.toLowerCase())) throw quitting('Unknown timing mode (-T argument).  Use either "Paranoid", "Sneaky", "Polite", "Normal", "Aggressive", "Insane" or a number from 0 (Paranoid) to 5 (Insane)')
    } else if (name === 'P') {
      const kind = value?.[0] ?? 'E'
      const list = (): number[] => {
        const ports = parsePorts(value!.slice(1))
        if (typeof ports === 'string') throw quitting(ports)
        return ports.tcp
      }
      if (kind === 'n' || kind === 'N' || kind === 'D' || kind === '0') {
        none = true
        if (options.verbose > 0) options.warnings.push("Host discovery disabled (-Pn). All addresses will be marked 'up' and scan times may be slower.\n")
        continue
      }
      if (kind === 'R') continue
      choice = true
      if (kind === 'E' || kind === 'I') chosen.echo = true
      else if (kind === 'P') chosen.timestamp = true
      else if (kind === 'S') chosen.syn = value!.length > 1 ? list() : [80]
      else if (kind === 'A' || kind === 'T') chosen.ack = value!.length > 1 ? list() : [80]
      else if (kind === 'U') chosen.udp = value!.length > 1 ? list() : [40_125]
      else if ('MYOB'.includes(kind)) throw notSimulated(`-P${kind}`)
      else throw quitting('Illegal Argument to -P, use -Pn, -PE, -PS, -PA, -PP, -PM, -PU, -PY, or -PO')
    } else if (name === 'n') options.names = false
    else if (name === 'R' || name === 'r' || name === '4') continue
    else if (name === '6') options.family = 6
    else if (name === 'e') options.device = value
    else if (name === 'dns-servers' && words.some((w) => w.name === 'n')) continue
    else if (name === 'v' || name === 'vv' || name === 'verbose') options.verbose = /^\d+$/.test(value ?? '') ? Number(value) : options.verbose + 1 + (name === 'vv' ? 1 : 0) + (/^v+$/.test(value ?? '') ? value!.length : 0)
    else if (name === 'open') options.onlyOpen = true
    else if (name === 'reason') options.reason = true
    else if (name === 'unprivileged') options.privileged = false
    else if (name === 'oN' || name === 'o') file('normal', value!)
    else if (name === 'oG' || name === 'oM') file('grepable', value!)
    else if (name === 'oX') file('xml', value!)
    else if (name === 'oA') for (const [kind, end] of [['normal', 'nmap'], ['grepable', 'gnmap'], ['xml', 'xml']] as const) file(kind, `${value!}.${end}`)
    else if (name === 'no-stylesheet') options.stylesheet = false
    else if (name === 'append-output') options.append = true
    else if (name === 'exclude') options.exclude.push(...value!.split(','))
    else if (name === 'iL') options.list = value
    else if (name === 'max-retries') {
      options.retries = Number.parseInt(value!, 10)
      if (!(options.retries >= 0)) throw quitting('max-retries must be positive')
    } else if (PACE.has(name)) {
      if (TIMES.has(name) && !seconds(value!)) throw quitting(`Bogus --${name} argument specified`)
    } else throw notSimulated(name.length === 1 || /^(sI|iR|o[SH]|ff)$/.test(name) ? `-${name}` : `--${name}`)
  }
  if (options.verbose > 1) options.reason = true
  if (options.techniques.length > 0 && options.only) throw quitting('-sL and -sn (skip port scan) are not valid with any other scan types')
  if (options.techniques.filter((t) => t !== 'udp').length > 1) throw quitting('You specified more than one type of TCP scan.  Please choose only one of -sA, -b, -sT, -sF, -sI, -sM, -sN, -sS, -sW, and -sX')
  if (!options.privileged && options.techniques.some((t) => t !== 'connect')) throw quitting('You requested a scan type which requires root privileges.')
  if (options.techniques.length === 0 && !options.only) options.techniques = [options.privileged ? 'syn' : 'connect']
  // TCP comes before UDP
  options.techniques.sort((a, b) => Number(a === 'udp') - Number(b === 'udp'))
  if (none) options.discovery = 'none'
  else if (choice) options.discovery = chosen
  if (!options.privileged && options.discovery !== 'none') options.discovery = { echo: false, timestamp: false, syn: chosen.syn.length > 0 ? chosen.syn : [80, 443], ack: [], udp: [] }
  if (options.only && (fast || range !== undefined)) options.refused = quitting('You cannot use -F (fast scan) or -p (explicit port selection) when not doing a port scan')
  else if (fast && range !== undefined) options.refused = quitting('You cannot use -F (fast scan) with -p (explicit port selection) but see --top-ports and --port-ratio to fast scan a range of ports')
  else choosePorts(options, { range, top: fast ? (top ?? 100) : top, excluded })
  return options
}

function choosePorts(options: Options, { range, top, excluded }: { range: string | undefined; top: number | undefined; excluded: string | undefined }): void {
  const [tcp, udp] = [options.techniques.some((t) => t !== 'udp'), options.techniques.includes('udp')]
  const without = excluded === undefined ? undefined : parsePorts(excluded)
  if (typeof without === 'string') return void (options.refused = quitting(without))
  let wanted: Wanted
  if (range !== undefined) {
    const ports = parsePorts(range)
    if (typeof ports === 'string') return void (options.refused = quitting(ports))
    wanted = ports
    if (ports.named.has('T') && !tcp) options.warnings.push('WARNING: Your ports include "T:" but you haven\'t specified any TCP scan type.\n')
    if (ports.named.has('U') && !udp) options.warnings.push('WARNING: Your ports include "U:" but you haven\'t specified UDP scan with -sU.\n')
    if (ports.duplicates) options.warnings.push('WARNING: Duplicate port number(s) specified.  Are you alert enough to be using Nmap?  Have some coffee or Jolt(tm).\n')
    if (tcp && ports.tcp.length === 0) options.warnings.push('WARNING: a TCP scan type was requested, but no tcp ports were specified.  Skipping this scan type.\n')
    if (udp && ports.udp.length === 0) options.warnings.push('WARNING: UDP scan was requested, but no udp ports were specified.  Skipping this scan type.\n')
  } else {
    const count = Math.floor(top ?? 1000)
    if (tcp && count > 1000) throw notSimulated('--top-ports of more than 1000')
    if (udp && count > 100) throw notSimulated('-sU of more than 100 common ports', 'use -p or --top-ports 100')
    wanted = { tcp: commonPorts(count), udp: commonUdpPorts(count), named: new Set(), duplicates: false }
  }
  if (tcp) options.tcp = wanted.tcp.filter((p) => !without?.tcp.includes(p))
  if (udp) options.udp = wanted.udp.filter((p) => !without?.udp.includes(p))
}
