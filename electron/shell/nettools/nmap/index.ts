import { encodeUtf8, isSystemError, type OpenFile, type Process, type Task } from '../../../engine/cluster.ts'
import { nameOfAddress } from '../names.ts'
import { discover, phase, wayTo, type Way } from './discovery.ts'
import { parseOptions } from './options.ts'
import { grepableReport, isShown, normalReport, xmlHint, xmlReport, xmlText } from './report.ts'
import { HELP } from './help.ts'
import { ranges } from './ports.ts'
import { scanPorts } from './scan.ts'
import { listed, targetsOf } from './targets.ts'
import { notSimulated, quitting, Refusal, TITLES, type Counters, type Host, type Options, type Sinks, type Target } from './types.ts'
import { serviceAt } from './versions.ts'

/** nmap(1) 7.93: who is there, which ports are open, and what answers at them. */
export function* nmap(process: Process): Task<number> {
  const sinks: Sinks = {}
  try {
    const options = parseOptions(process)
    if (typeof options === 'string') {
      yield* process.print(options)
      return process.argv.length === 1 ? 255 : 0
    }
    open(process, options, sinks)
    return yield* new Scan(process, options, sinks).run()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.print(error.usage ? HELP : '')
    yield* process.printError(error.message)
    return error.code
  } finally {
    for (const file of Object.values(sinks)) file.release()
  }
}

const FILES = { normal: 'normal', xml: 'XML', grepable: 'grepable' } as const

function open(process: Process, options: Options, sinks: Sinks): void {
  for (const [kind, name] of options.files) {
    if (name === '-') {
      sinks[kind] = process.files.get(1)!.retain()
      continue
    }
    try {
      sinks[kind] = process.open(name, options.append ? 'append' : 'write')
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Refusal(`Failed to open ${FILES[kind]} output file ${name} for writing: ${error.message} (${error.code === 'EACCES' ? 13 : error.code === 'EISDIR' ? 21 : 2})\n`, 1)
    }
  }
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`

class Scan {
  readonly #process: Process
  readonly #options: Options
  readonly #sinks: Sinks
  /** The screen has what is meant for a file. */
  readonly #quiet: boolean
  readonly #counters: Counters = { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 }
  #unknown: string | undefined
  /** Hosts with an address of Ethernet: their makers are looked up in a file. */
  #hardware = false

  constructor(process: Process, options: Options, sinks: Sinks) {
    this.#process = process
    this.#options = options
    this.#sinks = sinks
    this.#quiet = [...options.files.values()].includes('-')
  }

  get #wall(): number {
    return this.#process.clock.epoch + this.#process.clock.now
  }

  get #clock(): string {
    return new Date(this.#wall).toISOString().slice(11, 16)
  }

  get #long(): string {
    return new Date(this.#wall).toUTCString().replace(/^(\w+), 0?(\d+) (\w+) (\d+) ([\d:]+) GMT$/, (_, day: string, d: string, month: string, year: string, time: string) => `${day} ${month} ${d.padStart(2)} ${time} ${year}`)
  }

  *#screen(text: string): Task {
    if (!this.#quiet) yield* this.#process.print(text)
  }

  *#to(kind: keyof Sinks, text: string): Task {
    const file: OpenFile | undefined = this.#sinks[kind]
    if (file && text !== '') yield* file.write(encodeUtf8(text))
  }

  /** What the screen and -oN have in common. */
  *#plain(text: string): Task {
    yield* this.#screen(text)
    yield* this.#to('normal', text)
  }

  *#verbose(text: string): Task {
    if (this.#options.verbose > 0) yield* this.#screen(text)
  }

  *run(): Task<number> {
    const [process, options] = [this.#process, this.#options]
    const started = process.clock.now
    const date = new Date(this.#wall).toISOString()
    const words = options.list === undefined ? options.targets : yield* listed(process, options.list)
    for (const warning of options.warnings.filter((w) => w.startsWith('Host discovery'))) yield* process.printError(warning)
    yield* this.#screen(`Starting Nmap 7.93 ( https://nmap.org ) at ${date.slice(0, 10)} ${date.slice(11, 16)} UTC\n`)
    if (options.refused) throw options.refused
    for (const warning of options.warnings.filter((w) => !w.startsWith('Host discovery'))) yield* process.printError(warning)
    yield* this.#header()
    if (options.versions && options.verbose > 0) yield* this.#screen('NSE: Loaded 45 scripts for scanning.\n')
    if (options.device !== undefined && !process.network.links.has(options.device)) throw quitting(`I cannot figure out what source address to use for device ${options.device}, does it even exist?`)
    const targets = yield* targetsOf(process, options, words)
    const other = options.device === undefined ? undefined : targets.find((t) => wayTo(process, t.address).device !== options.device)
    if (other) throw notSimulated(`-e ${options.device!} to an address behind another interface`, 'leave it out')
    if (targets.length === 0) yield* process.printError('WARNING: No targets were specified, so 0 hosts scanned.\n')
    const up = options.only === 'list' ? yield* this.#names(targets) : yield* this.#all(targets)
    yield* this.#end(targets.length, up, started)
    if (this.#unknown !== undefined) throw notSimulated(`-sV of ${this.#unknown}`, 'it knows nginx, Apache httpd, MySQL, MariaDB, PostgreSQL, Redis and memcached; curl -i shows what a server says')
    return 0
  }

  *#header(): Task {
    const options = this.#options
    const line = `Nmap 7.93 scan initiated ${this.#long} as: ${options.argv.join(' ')}`
    const kinds = [['tcp', options.techniques.find((t) => t !== 'udp'), options.tcp], ['udp', options.techniques.includes('udp') ? 'udp' : undefined, options.udp]] as const
    const info = kinds.map(([protocol, type, ports]) => (type === undefined || ports.length === 0 ? '' : `<scaninfo type="${type}" protocol="${protocol}" numservices="${ports.length}" services="${ranges(ports)}"/>\n`)).join('')
    const sheet = options.stylesheet ? '<?xml-stylesheet href="file:///usr/bin/../share/nmap/nmap.xsl" type="text/xsl"?>\n' : ''
    const escaped = xmlText(options.argv.join(' '))
    yield* this.#to('xml', `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n${sheet}<!-- Nmap 7.93 scan initiated ${this.#long} as: ${escaped} -->\n<nmaprun scanner="nmap" args="${escaped}" start="${Math.floor(this.#wall / 1000)}" startstr="${this.#long}" version="7.93" xmloutputversion="1.05">\n${info}<verbose level="${options.verbose}"/>\n<debugging level="0"/>\n`)
    yield* this.#to('normal', `# ${line}\n`)
    yield* this.#to('grepable', `# ${line}\n`)
    if (options.verbose > 0 && !options.only) yield* this.#to('grepable', `# Ports scanned: TCP(${options.tcp.length};${ranges(options.tcp)}) UDP(${options.udp.length};${ranges(options.udp)}) SCTP(0;) PROTOCOLS(0;)\n`)
  }

  *#names(targets: readonly Target[]): Task<number> {
    for (const { address, name } of targets) {
      const reverse = this.#options.names ? yield* nameOfAddress(this.#process, address) : undefined
      const shown = name ?? reverse
      yield* this.#plain(`Nmap scan report for ${shown === undefined ? address : `${shown} (${address})`}\n`)
      yield* this.#to('grepable', `Host: ${address} (${shown ?? ''})\tStatus: Unknown\n`)
      yield* this.#to('xml', `<host><status state="unknown" reason="user-set" reason_ttl="0"/>\n<address addr="${address}" addrtype="${address.includes(':') ? 'ipv6' : 'ipv4'}"/>\n${shown === undefined ? '' : `<hostnames>\n<hostname name="${xmlText(shown)}" type="${name === undefined ? 'PTR' : 'user'}"/>\n</hostnames>\n`}</host>\n`)
    }
    return 0
  }

  /** Groups of hosts that are reached in the same way, the first target's at first; how many are up. The next one is looked for before one is scanned. */
  *#all(targets: readonly Target[]): Task<number> {
    let waiting = [...targets]
    let [up, found]: [number, Host[]] = [0, []]
    while (waiting.length > 0) {
      const way = wayTo(this.#process, waiting[0]!.address)
      const group: Target[] = []
      const later: Target[] = []
      for (const target of waiting) (fits(this.#options, way, wayTo(this.#process, target.address)) && !group.some((t) => t.address === target.address) ? group : later).push(target)
      waiting = later
      const hosts = yield* this.#look(group, way)
      up += hosts.length
      yield* this.#scan(found)
      found = hosts
    }
    yield* this.#scan(found)
    return up
  }

  /** Who of a group is up; what there is to say of the others is said. */
  *#look(targets: readonly Target[], way: Way): Task<Host[]> {
    const [process, options] = [this.#process, this.#options]
    const look = phase(way, options)
    const begun = process.clock.now
    if (look) {
      yield* this.#begin(look.title, targets.length === 1 ? `Scanning ${targets[0]!.name === undefined ? '' : `${targets[0]!.name} (`}${targets[0]!.address}${targets[0]!.name === undefined ? '' : ')'} [${plural(look.probes, 'port')}]` : `Scanning ${targets.length} hosts [${plural(look.probes, 'port')}/host]`)
    }
    const hosts = yield* discover(process, targets, way, options, this.#counters)
    if (look && !options.only) for (const host of hosts) if (host.up) yield* this.#to('xml', xmlHint(host))
    if (look) yield* this.#finish(look.title, begun, `${targets.length} total hosts`)
    const up = hosts.filter((h) => h.up)
    if (options.names) yield* this.#resolve(up)
    for (const host of hosts) if (options.only || !host.up) yield* this.#report(host)
    return up
  }

  *#report(host: Host): Task {
    const { options, epoch } = { options: this.#options, epoch: this.#process.clock.epoch }
    if (host.mac !== undefined) this.#hardware = true
    if (!isShown(host, options) || (options.onlyOpen && !host.up)) return
    const dated = { ...host, startedAt: host.startedAt + epoch, endedAt: host.endedAt + epoch }
    yield* this.#plain(normalReport(dated, options, (ms) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')))
    yield* this.#to('grepable', grepableReport(dated, options))
    yield* this.#to('xml', xmlReport(dated, options))
  }

  *#resolve(hosts: readonly Host[]): Task {
    if (hosts.length === 0) return
    const begun = this.#process.clock.now
    const what = `Parallel DNS resolution of ${plural(hosts.length, 'host')}.`
    yield* this.#verbose(`Initiating ${what} at ${this.#clock}\n`)
    const known = new Map<string, string | undefined>()
    for (const host of hosts) host.reverse = yield* nameOfAddress(this.#process, host.address, known)
    yield* this.#verbose(`Completed ${what} at ${this.#clock}, ${this.#since(begun)}s elapsed\n`)
  }

  *#scan(hosts: readonly Host[]): Task {
    const [process, options] = [this.#process, this.#options]
    if (options.only || hosts.length === 0) return
    for (const host of hosts) host.ports = []
    const title = (host: Host): string => (host.name ?? host.reverse) === undefined ? host.address : `${(host.name ?? host.reverse)!} (${host.address})`
    for (const technique of options.techniques) {
      const ports = technique === 'udp' ? options.udp : options.tcp
      if (ports.length === 0) continue
      const begun = process.clock.now
      yield* this.#begin(`${TITLES[technique]} Scan`, hosts.length === 1 ? `Scanning ${title(hosts[0]!)} [${plural(ports.length, 'port')}]` : `Scanning ${hosts.length} hosts [${plural(ports.length, 'port')}/host]`)
      for (const host of hosts) {
        const open: number[] = []
        const result = yield* scanPorts(process, host.address, ports, technique, { retries: options.retries, counters: this.#counters, onOpen: (port) => open.push(port) })
        for (const port of open) yield* this.#verbose(`Discovered open port ${port}/${technique === 'udp' ? 'udp' : 'tcp'} on ${host.address}\n`)
        host.ports!.push(...result.ports)
        host.latency = result.latency ?? host.latency
        host.endedAt = process.clock.now
      }
      yield* this.#finish(`${TITLES[technique]} Scan`, begun, `${hosts.length * ports.length} total ports`)
    }
    if (options.versions) yield* this.#versions(hosts)
    for (const host of hosts) yield* this.#report(host)
  }

  *#versions(hosts: readonly Host[]): Task {
    const process = this.#process
    const open = hosts.flatMap((host) => host.ports!.filter((p) => p.state === 'open' && p.protocol === 'tcp').map((port) => ({ host, port })))
    const begun = process.clock.now
    yield* this.#verbose(`Initiating Service scan at ${this.#clock}\n`)
    if (open.length > 0) {
      const many = new Set(open.map((o) => o.host)).size
      yield* this.#verbose(`Scanning ${plural(open.length, 'service')} on ${many === 1 ? open[0]!.host.address : `${many} hosts`}\n`)
      for (const { host, port } of open) {
        port.service = yield* serviceAt(process, host.address, port.number)
        if (port.service.unsure) this.#unknown ??= `the service at ${host.address}:${port.number}`
        host.endedAt = process.clock.now
      }
      yield* this.#verbose(`Completed Service scan at ${this.#clock}, ${this.#since(begun)}s elapsed (${plural(open.length, 'service')} on ${plural(many, 'host')})\n`)
    }
    yield* this.#verbose(`NSE: Script scanning ${hosts.length === 1 ? hosts[0]!.address : `${hosts.length} hosts`}.\n`)
    for (let i = 0; i < 2; i++) yield* this.#verbose(`Initiating NSE at ${this.#clock}\nCompleted NSE at ${this.#clock}, 0.00s elapsed\n`)
  }

  *#begin(title: string, line: string): Task {
    yield* this.#verbose(`Initiating ${title} at ${this.#clock}\n${line}\n`)
    if (this.#options.verbose > 0) yield* this.#to('xml', `<taskbegin task="${title}" time="${Math.floor(this.#wall / 1000)}"/>\n`)
  }

  *#finish(title: string, begun: number, extra: string): Task {
    yield* this.#verbose(`Completed ${title} at ${this.#clock}, ${this.#since(begun)}s elapsed (${extra})\n`)
    if (this.#options.verbose > 0) yield* this.#to('xml', `<taskend task="${title}" time="${Math.floor(this.#wall / 1000)}" extrainfo="${extra}"/>\n`)
  }

  #since(ms: number): string {
    return ((this.#process.clock.now - ms) / 1000).toFixed(2)
  }

  *#end(count: number, up: number, started: number): Task {
    const options = this.#options
    if (up === 0 && count === 1 && options.only !== 'list' && options.discovery !== 'none' && options.verbose === 0) yield* this.#screen('Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn\n')
    if (options.verbose > 0 && (!options.only || this.#hardware)) yield* this.#plain('Read data files from: /usr/bin/../share/nmap\n')
    if (options.versions && up > 0) yield* this.#plain('Service detection performed. Please report any incorrect results at https://nmap.org/submit/ .\n')
    const summary = `${count} IP address${count === 1 ? '' : 'es'} (${up} host${up === 1 ? '' : 's'} up) scanned in ${this.#since(started)} seconds`
    yield* this.#screen(`Nmap done: ${summary}\n`)
    for (const kind of ['normal', 'grepable'] as const) yield* this.#to(kind, `# Nmap done at ${this.#long} -- ${summary}\n`)
    yield* this.#to('xml', `<runstats><finished time="${Math.floor(this.#wall / 1000)}" timestr="${this.#long}" summary="Nmap done at ${this.#long}; ${summary}" elapsed="${this.#since(started)}" exit="success"/><hosts up="${up}" down="${count - up}" total="${count}"/>\n</runstats>\n</nmaprun>\n`)
    const { sent, sentBytes, received, receivedBytes } = this.#counters
    if (options.verbose > 0 && options.only !== 'list' && !(options.only && options.discovery === 'none') && options.privileged) yield* this.#screen(`           Raw packets sent: ${sent} (${bytes(sentBytes)}) | Rcvd: ${received} (${bytes(receivedBytes)})\n`)
  }
}

const fits = (options: Options, a: Way, b: Way): boolean => !options.privileged || (a.kind === b.kind && a.device === b.device)

/** "240B", "45.100KB", "2.884MB". */
const bytes = (n: number): string => (n < 1000 ? `${n}B` : n < 1_000_000 ? `${(n / 1000).toFixed(3)}KB` : `${(n / 1_000_000).toFixed(3)}MB`)
