import { capable, type Process, type Task } from '../../../engine/cluster.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { commonPorts } from './common-ports.ts'
import { HELP, VERSION } from './help.ts'
import { parsePorts, portName } from './ports.ts'
import { discover, scan, type Host, type PortState } from './scan.ts'

interface Options { technique: 'connect' | 'syn' | 'none' | 'list'; ports: number[] | undefined; skipDiscovery: boolean; names: boolean; onlyOpen: boolean; grepable: boolean; /** The first and the last line are those of a file. */ normal: boolean; /** Said after the first line. */ refused?: Refusal }
type Target = { address: string; name?: string }

class Refusal extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

/** More addresses than this are more than a lab needs. */
const MOST_TARGETS = 1024
/** Ports of one state that are listed one by one. */
const LISTED = 25

/** nmap(1) 7.93: who is there, and which TCP ports are open, by connections or by SYNs. */
export function* nmap(process: Process): Task<number> {
  try {
    return yield* run(process)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(error.message)
    return error.code
  }
}

const notSimulated = (what: string): Refusal => new Refusal(`podhop: not simulated: nmap ${what} (use nmap -sT, -sS or -sn with -p, -Pn, -n, --open, -oG -)\n`, 69)

function* run(process: Process): Task<number> {
  const { options, words, help } = parse(process)
  if (help !== undefined) {
    yield* process.print(help)
    return help.startsWith('Nmap version') ? 0 : process.argv.length === 1 ? 255 : 0
  }
  const started = process.clock.now
  const date = new Date(process.clock.epoch + started).toISOString()
  const long = (ms: number): string => new Date(process.clock.epoch + ms).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/, (_, day: string, d: string, month: string, year: string, time: string) => `${day} ${month} ${d} ${time} ${year}`)
  const head = options.grepable || options.normal ? `# Nmap 7.93 scan initiated ${long(started)} as: ${process.argv.join(' ')}\n` : `Starting Nmap 7.93 ( https://nmap.org ) at ${date.slice(0, 10)} ${date.slice(11, 16)} UTC\n`
  yield* process.print(head)
  if (options.refused) throw options.refused
  const targets: Target[] = []
  for (const word of words) targets.push(...(yield* targetsOf(process, word)))
  if (targets.length === 0) yield* process.printError('WARNING: No targets were specified, so 0 hosts scanned.\n')
  if (options.technique === 'list') {
    for (const { address, name } of targets) yield* process.print(`Nmap scan report for ${name === undefined ? address : `${name} (${address})`}\n`)
    yield* process.print(`Nmap done: ${targets.length} IP address${targets.length === 1 ? '' : 'es'} (0 hosts up) scanned in ${((process.clock.now - started) / 1000).toFixed(2)} seconds\n`)
    return 0
  }
  const hosts: (Host & Target)[] = []
  for (const target of targets) {
    const host = options.skipDiscovery ? { up: true } : yield* discover(process, target.address)
    hosts.push({ ...host, ...target })
  }
  // the own address is on no wire: its turn comes after those that are
  const local = (host: Target): number => Number(process.network.isLocal(host.address))
  if (!options.skipDiscovery) hosts.sort((a, b) => local(a) - local(b))
  for (const host of hosts) if (host.up) yield* report(process, host, options)
  const up = hosts.filter((h) => h.up).length
  if (up === 0 && targets.length > 0 && !options.grepable) yield* process.print('Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn\n'.repeat(targets.length === 1 ? 1 : 0))
  const count = `${targets.length} IP address${targets.length === 1 ? '' : 'es'} (${up} host${up === 1 ? '' : 's'} up)`
  const took = ((process.clock.now - started) / 1000).toFixed(2)
  yield* process.print(options.grepable || options.normal ? `# Nmap done at ${long(process.clock.now)} -- ${count} scanned in ${took} seconds\n` : `Nmap done: ${count} scanned in ${took} seconds\n`)
  return 0
}

function* report(process: Process, host: Host & Target, options: Options): Task {
  const reverse = options.names ? yield* nameOfAddress(process, host.address) : undefined
  const result = options.technique === 'none' || options.technique === 'list' ? undefined : yield* scan(process, host.address, options.ports!, options.technique)
  const name = host.name ?? reverse
  const states = result?.ports ?? new Map<number, PortState>()
  if (options.onlyOpen && result && ![...states.values()].includes('open')) return
  if (options.grepable) {
    const start = `Host: ${host.address} (${name ?? ''})\t`
    yield* process.print(`${start}Status: Up\n`)
    const shown = [...states].filter(([, s]) => !options.onlyOpen || s === 'open')
    const closed = shown.filter(([, s]) => s !== 'open')
    const rows = closed.length > LISTED ? shown.filter(([, s]) => s === 'open') : shown
    if (result) yield* process.print(`${start}Ports: ${rows.map(([p, s]) => `${p}/${s}/tcp//${portName(p)}///`).join(', ')}${closed.length > LISTED ? `\tIgnored State: ${closed[0]![1]} (${closed.length})` : ''}\n`)
    return
  }
  const latency = result?.latency ?? (options.technique === 'none' ? host.latency : undefined)
  let text = `Nmap scan report for ${name === undefined ? host.address : `${name} (${host.address})`}\nHost is up${latency === undefined ? '' : ` (${seconds(latency)}s latency)`}.\n`
  if (host.name !== undefined && reverse !== undefined && reverse !== host.name) text += `rDNS record for ${host.address}: ${reverse}\n`
  if (result) text += portTable(host.address, states, options)
  if (host.mac !== undefined) text += `MAC Address: ${host.mac.toUpperCase()} (Unknown)\n`
  yield* process.print(options.technique === 'none' ? text : `${text}\n`)
}

/** Two digits that matter. */
const seconds = (ms: number): string => Number((ms / 1000).toPrecision(2)).toFixed(Math.max(0, 1 - Math.floor(Math.log10(ms / 1000))))

function portTable(address: string, states: ReadonlyMap<number, PortState>, { onlyOpen, technique }: Options): string {
  const why: Record<PortState, string> = { open: '', closed: technique === 'syn' ? 'reset' : 'conn-refused', filtered: 'no-response' }
  const of = (state: PortState): number => [...states.values()].filter((s) => s === state).length
  const hidden = (['closed', 'filtered'] as const).filter((s) => (onlyOpen ? of(s) > 0 : of(s) > LISTED))
  const notShown = hidden.map((s) => `${of(s)} ${s} tcp port${of(s) === 1 ? '' : 's'} (${why[s]})`).join(', ')
  const rows = [...states].filter(([, s]) => !(hidden as string[]).includes(s)).map(([port, s]) => [`${port}/tcp`, s, portName(port)] as const)
  const ignored = notShown === '' ? '' : `Not shown: ${notShown}\n`
  if (rows.length === 0) return `All ${states.size} scanned ports on ${address} are in ignored states.\n${ignored}`
  const width = (i: 0 | 1, head: string): number => Math.max(head.length, ...rows.map((r) => r[i].length))
  const [a, b] = [width(0, 'PORT'), width(1, 'STATE')]
  const some = onlyOpen && notShown !== '' ? 'Some closed ports may be reported as filtered due to --defeat-rst-ratelimit\n' : ''
  return `${ignored}${technique === 'syn' ? some : ''}${ignored === '' ? '\n' : ''}${[['PORT', 'STATE', 'SERVICE'] as const, ...rows].map(([p, s, n]) => `${p.padEnd(a)} ${s.padEnd(b)} ${n}\n`).join('')}`
}

/** A name, an address, a prefix, or ranges in the parts of an address. */
function* targetsOf(process: Process, word: string): Task<Target[]> {
  const [base, prefix] = word.split('/') as [string, string?]
  const out: Target[] = []
  if (/^[\d.,*-]+$/.test(base) && /[-,*]/.test(base)) {
    let addresses: string[] = ['']
    for (const part of base.split('.')) {
      const values = part.split(',').flatMap((p) => {
        const [low, high] = p === '*' ? [0, 255] : p.includes('-') ? [Number(p.split('-')[0] || 0), Number(p.split('-')[1] || 255)] : [Number(p), Number(p)]
        return Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i)
      })
      addresses = addresses.flatMap((a) => values.map((v) => (a === '' ? String(v) : `${a}.${v}`)))
      if (addresses.length > MOST_TARGETS) throw notSimulated(`of more than ${MOST_TARGETS} addresses`)
    }
    return addresses.map((address) => ({ address }))
  }
  const found = yield* addressOf(process, base)
  if ('error' in found) {
    yield* process.printError(`Failed to resolve "${word}".\n`)
    return []
  }
  if (prefix === undefined) return [{ address: found.address, ...(found.address === base ? {} : { name: base }) }]
  const size = 2 ** (32 - Number(prefix))
  if (found.address.includes(':') || !(size <= MOST_TARGETS)) throw notSimulated(`of more than ${MOST_TARGETS} addresses`)
  const number = found.address.split('.').reduce((n, p) => n * 256 + Number(p), 0)
  const first = number - (number % size)
  for (let i = 0; i < size; i++) out.push({ address: [24, 16, 8, 0].map((shift) => Math.floor((first + i) / 2 ** shift) % 256).join('.') })
  return out
}


function parse(process: Process): { options: Options; words: string[]; help?: string } {
  const root = capable(process, 'NET_RAW')
  const options: Options = { technique: root ? 'syn' : 'connect', ports: undefined, skipDiscovery: false, names: true, onlyOpen: false, grepable: false, normal: false }
  const words: string[] = []
  const args = process.argv.slice(1)
  if (args.length === 0) return { options, words, help: HELP }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-h' || arg === '--help') return { options, words, help: HELP }
    if (arg === '-V' || arg === '--version') return { options, words, help: VERSION }
    if (arg === '-sT') options.technique = 'connect'
    else if (arg === '-sS') {
      if (!root) throw new Refusal('You requested a scan type which requires root privileges.\nQUITTING!\n', 1)
      options.technique = 'syn'
    } else if (arg === '-sn' || arg === '-sP') options.technique = 'none'
    else if (arg === '-sL') options.technique = 'list'
    else if (arg === '-F') options.ports = commonPorts(100)
    else if (arg === '--top-ports' || arg.startsWith('--top-ports=')) {
      const count = Number(arg.includes('=') ? arg.slice(12) : args[++i])
      if (!(count >= 1)) throw new Refusal('--top-ports should be an integer 1 or greater\nQUITTING!\n', 1)
      if (count > 1000) throw notSimulated('--top-ports of more than 1000')
      options.ports = commonPorts(Math.floor(count))
    } else if (/^-T[^0-5]/.test(arg)) throw new Refusal('Unknown timing mode (-T argument).  Use either "Paranoid", "Sneaky", "Polite", "Normal", "Aggressive", "Insane" or a number from 0 (Paranoid) to 5 (Insane)\nQUITTING!\n', 1)
    else if (arg === '-Pn' || arg === '-PN' || arg === '-P0') options.skipDiscovery = true
    else if (arg === '-n') options.names = false
    else if (arg === '--open') options.onlyOpen = true
    else if (arg === '--unprivileged') options.technique = options.technique === 'syn' ? 'connect' : options.technique
    else if (arg === '-oG' || arg === '-oN') {
      if (args[++i] !== '-') throw notSimulated(`${arg} to a file`)
      options.grepable = arg === '-oG'
      options.normal = arg === '-oN'
    } else if (arg.startsWith('-p')) {
      const text = arg.length > 2 ? arg.slice(2) : args[++i]
      if (text === undefined) throw new Refusal("nmap: option requires an argument -- 'p'\nSee the output of nmap -h for a summary of options.\n", 255)
      const ports = parsePorts(text)
      if (typeof ports === 'string') options.refused = new Refusal(`${ports}\nQUITTING!\n`, 1)
      else options.ports = ports
    } else if (/^-T[0-5]$/.test(arg) || arg === '-r' || arg === '-4' || arg === '-6') continue
    else if (/^-(s[A-Z]|[AOvdefgDSbi6R]|P[A-Z]|o[A-Z]|i[LR])/.test(arg) || /^--(script|traceroute|reason|max-retries|min-rate|max-rate|host-timeout|exclude|source-port|version-|dns-servers|system-dns|packet-trace|iflist|ttl|mtu|data)/.test(arg)) throw notSimulated(arg)
    else if (arg.startsWith('--')) throw new Refusal(`nmap: unrecognized option '${arg}'\nSee the output of nmap -h for a summary of options.\n`, 255)
    else if (arg.startsWith('-') && arg !== '-') throw new Refusal(`nmap: invalid option -- '${arg[1]}'\nSee the output of nmap -h for a summary of options.\n`, 255)
    else words.push(arg)
  }
  options.ports ??= commonPorts(1000)
  return { options, words }
}
