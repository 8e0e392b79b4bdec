import { byName } from '../../own.ts'
import { canonicalIp } from '../address.ts'
import { servicePort } from '../netfilter/names.ts'
import { formatConnections, formatServices, PLAIN, saveServices } from './format.ts'
import type { IpvsListOptions, PortNames } from './format.ts'
import { IpvsError, IpvsNotSimulated } from './ipvs.ts'
import type { Ipvs } from './ipvs.ts'
import { HELP } from './help.ts'
import type { IpvsProtocol, ServerOptions, ServiceKey, ServiceOptions } from './service.ts'

/** The command line of ipvsadm(8) 1.31, and the rules that `ipvsadm -R` reads. */

export interface IpvsadmResult {
  code: number
  stdout: string
  stderr: string
}

class Usage extends Error {
  readonly brief: boolean
  constructor(message: string, brief = false) {
    super(message)
    this.brief = brief
  }
}

type Command = 'A' | 'E' | 'D' | 'C' | 'a' | 'e' | 'd' | 'L' | 'Z' | 'S' | 'R' | 'set' | 'h' | 'v'

/** Every option: its one letter or its name, and whether a value follows. */
const OPTIONS: Readonly<Record<string, { name: string; value?: 'always' | 'maybe'; command?: Command }>> = (() => {
  const out: Record<string, { name: string; value?: 'always' | 'maybe'; command?: Command }> = byName({})
  const add = (names: string, value?: 'always' | 'maybe', command?: Command): void => {
    const all = names.split(' ')
    for (const n of all) out[n] = { name: all[0]!, ...(value && { value }), ...(command && { command }) }
  }
  const commands: [string, Command][] = [
    ['-A --add-service', 'A'], ['-E --edit-service', 'E'], ['-D --delete-service', 'D'], ['-C --clear', 'C'], ['-a --add-server', 'a'], ['-e --edit-server', 'e'],
    ['-d --delete-server', 'd'], ['-L -l --list', 'L'], ['-Z --zero', 'Z'], ['-S --save', 'S'], ['-R --restore', 'R'], ['--set', 'set'], ['-h --help', 'h'], ['-v --version', 'v'],
  ]
  for (const [names, command] of commands) add(names, undefined, command)
  for (const names of ['-t --tcp-service', '-u --udp-service', '--sctp-service', '-f --fwmark-service', '-s --scheduler', '-M --netmask', '-r --real-server', '-w --weight', '-x --u-threshold', '-y --l-threshold', '-b --sched-flags', '--pe', '--tun-type', '--tun-port']) add(names, 'always')
  add('-p --persistent', 'maybe')
  for (const names of ['-6 --ipv6', '-g --gatewaying', '-i --ipip', '-m --masquerading', '-c --connection', '--timeout', '--daemon', '--stats', '--rate', '--exact', '--thresholds', '--persistent-conn', '--nosort', '--sort', '-o -O --ops', '-n --numeric', '--tun-info', '--start-daemon', '--stop-daemon']) add(names)
  return out
})()

interface Parsed {
  command: Command | undefined
  options: Map<string, string>
  rest: string[]
}

/** Runs one command line without the leading "ipvsadm"; `input` is what -R reads. */
export function ipvsadmCommand(ipvs: Ipvs, args: readonly string[], names: PortNames, input = ''): IpvsadmResult {
  try {
    const parsed = parse(args)
    if (parsed.command !== 'R') return { code: 0, stdout: run(ipvs, parsed, names), stderr: '' }
    for (const line of input.split('\n')) if (line.trim() !== '') run(ipvs, parse(line.trim().split(/\s+/)), names)
    return { code: 0, stdout: '', stderr: '' }
  } catch (error) {
    if (error instanceof IpvsNotSimulated) return { code: 69, stdout: '', stderr: `podhop: not simulated: ${error.message.includes('(') ? error.message : `${error.message} (leave it out)`}\n` }
    if (error instanceof IpvsError) return { code: 255, stdout: '', stderr: `${error.message}\n` }
    if (error instanceof Usage) return { code: error.brief ? 2 : 255, stdout: '', stderr: `${error.message}\n${error.brief ? "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n" : ''}` }
    throw error
  }
}

/** Whether the command line reads rules from standard input. */
export function readsRules(args: readonly string[]): boolean {
  return args.some((a) => a === '-R' || a === '--restore')
}

function parse(args: readonly string[]): Parsed {
  const parsed: Parsed = { command: undefined, options: new Map(), rest: [] }
  const words = args.flatMap((a) => (/^-[a-zA-Z6]{2,}$/.test(a) ? cluster(a) : [a]))
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const [name, inline] = word.startsWith('--') && word.includes('=') ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word, undefined]
    const option = OPTIONS[name]
    if (!option) {
      if (word.startsWith('-')) throw new Usage(`invalid option \`${word}'`, true)
      parsed.rest.push(word)
      continue
    }
    if (option.command) {
      if (parsed.command && parsed.command !== option.command) throw new Usage('multiple commands specified', true)
      parsed.command = option.command
      continue
    }
    const next = words[i + 1]
    const hasNext = next !== undefined && !next.startsWith('-')
    if (parsed.options.has(option.name)) throw new Usage(`multiple '${option.name.replace(/^-+/, '')}' options specified`, true)
    if (option.value && (inline !== undefined || hasNext)) {
      parsed.options.set(option.name, inline ?? next!)
      if (inline === undefined) i++
    } else if (option.value === 'always') throw new Usage(`ipvsadm: ${word}: missing argument`, true)
    else parsed.options.set(option.name, '')
  }
  return parsed
}

/** "-Ln" is "-L -n"; "-t10.0.0.1:80" keeps its value. */
function cluster(word: string): string[] {
  const out: string[] = []
  for (let i = 1; i < word.length; i++) {
    const option = `-${word[i]}`
    out.push(option)
    if (OPTIONS[option]?.value && i + 1 < word.length) {
      out.push(word.slice(i + 1))
      break
    }
  }
  return out
}

function run(ipvs: Ipvs, parsed: Parsed, names: PortNames): string {
  const { options, rest } = parsed
  const command = parsed.command ?? 'L'
  for (const missing of ['-b', '--pe', '--tun-type', '--tun-port', '--tun-info', '--start-daemon', '--stop-daemon', '--daemon']) if (options.has(missing)) throw new IpvsNotSimulated(`ipvsadm ${missing}`)
  if (command !== 'set' && rest.length > 0) throw new Usage(`unexpected argument ${rest[0]}`, true)
  switch (command) {
    case 'h': return HELP
    // 1.31 as Debian builds it
    case 'v': return 'ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n'
    case 'A': case 'E': {
      const key = service(options, command)
      const wanted = serviceOptions(options)
      if (!('fwmark' in key) && key.port === 0 && wanted.persistent === undefined) throw new Usage('Zero port specified for non-persistent service')
      if (command === 'A') ipvs.add(key, wanted)
      else ipvs.edit(key, wanted)
      return ''
    }
    case 'D': ipvs.remove(service(options, command)); return ''
    case 'C': ipvs.flush(); return ''
    case 'a': case 'e': case 'd': {
      const key = service(options, command)
      const to = server(options, command)
      if (command === 'a') ipvs.addServer(key, to)
      else if (command === 'e') ipvs.editServer(key, to)
      else ipvs.removeServer(key, to)
      return ''
    }
    case 'Z': ipvs.zero(hasService(options) ? service(options, command) : undefined); return ''
    case 'S': return saveServices(ipvs.services(), options.has('-n') ? () => undefined : names)
    case 'set': {
      const [tcp, fin, udp] = rest.map((text) => {
        if (!/^\d+$/.test(text)) throw new Usage(`invalid timeout value \`${text}' specified`)
        return Number(text)
      })
      if (tcp === undefined || fin === undefined || udp === undefined) throw new Usage('--set option requires 3 timeout values', true)
      Object.assign(ipvs.timeouts, { tcp: tcp || ipvs.timeouts.tcp, tcpFin: fin || ipvs.timeouts.tcpFin, udp: udp || ipvs.timeouts.udp })
      return ''
    }
    default: return list(ipvs, options, names)
  }
}

function list(ipvs: Ipvs, options: ReadonlyMap<string, string>, names: PortNames): string {
  const { tcp, tcpFin, udp } = ipvs.timeouts
  const has = (name: string): boolean => options.has(name)
  if (has('--timeout')) return `Timeout (tcp tcpfin udp): ${tcp} ${tcpFin} ${udp}\n`
  const numeric = has('-n')
  if (has('-c')) return formatConnections(ipvs.connections.list(), ipvs.clock.now, numeric ? () => undefined : names)
  const wanted: IpvsListOptions = {
    ...PLAIN, numeric, stats: has('--stats'), rate: has('--rate'), exact: has('--exact'), thresholds: has('--thresholds'), persistentConnections: has('--persistent-conn'),
    sorted: !has('--nosort'),
  }
  if (!hasService(options)) return formatServices(ipvs, ipvs.services(), wanted, names)
  const found = ipvs.find(service(options, 'L'))
  if (!found) throw new IpvsError('No such service')
  return formatServices(ipvs, [found], wanted, names).replace(/^IP Virtual.*\n/, '')
}

const SERVICES = ['-t', '-u', '--sctp-service', '-f']

function hasService(options: ReadonlyMap<string, string>): boolean {
  return SERVICES.some((name) => options.has(name))
}

const LONG: Readonly<Record<string, string>> = {
  A: 'add-service', E: 'edit-service', D: 'delete-service', a: 'add-server', e: 'edit-server', d: 'delete-server', L: 'list', Z: 'zero',
}

function service(options: ReadonlyMap<string, string>, command: Command): ServiceKey {
  const name = SERVICES.find((n) => options.has(n))
  if (!name) throw new Usage(`You need to supply the 'service-address' option for the '${LONG[command]}' command`, true)
  const text = options.get(name)!
  if (name === '-f') {
    if (!/^\d+$/.test(text) || Number(text) === 0) throw new Usage(`invalid fwmark value \`${text}' specified`)
    return { fwmark: Number(text), family: options.has('-6') ? 6 : 4 }
  }
  const protocol: IpvsProtocol = name === '-t' ? 'tcp' : name === '-u' ? 'udp' : 'sctp'
  const place = addressPort(text)
  if (!place) throw new Usage('illegal virtual server address[:port] specified', true)
  return { protocol, ...place }
}

/** "10.0.0.1:80", "10.0.0.1:http", "[fd00::1]:80", "10.0.0.1" (port 0). */
function addressPort(text: string): { address: string; port: number } | undefined {
  const parts = /^\[(.+)\](?::(.+))?$/.exec(text) ?? /^([^:]+)(?::(.+))?$/.exec(text)
  const address = parts && canonicalIp(parts[1]!)
  if (!address) return undefined
  if (parts[2] === undefined) return { address, port: 0 }
  const port = /^\d+$/.test(parts[2]) ? Number(parts[2]) : servicePort(parts[2])
  return port === undefined || port > 65535 ? undefined : { address, port }
}

function serviceOptions(options: ReadonlyMap<string, string>): ServiceOptions {
  const out: ServiceOptions = { scheduler: options.get('-s') ?? 'wlc' }
  const persistent = options.get('-p')
  if (persistent !== undefined) {
    if (persistent !== '' && (!/^\d+$/.test(persistent) || Number(persistent) < 1 || Number(persistent) > 86400 * 31)) throw new Usage('expecting a timeout value from 1 to 2678400 seconds', true)
    out.persistent = persistent === '' ? 360 : Number(persistent)
  }
  const mask = options.get('-M')
  if (mask !== undefined) {
    const bits = mask.split('.').map((n) => Number(n).toString(2).padStart(8, '0')).join('')
    if (!/^1+0*$/.test(bits) || bits.length !== 32) throw new Usage('illegal virtual server persistent mask specified', true)
    out.netmask = bits.indexOf('0') < 0 ? 32 : bits.indexOf('0')
  }
  if (options.has('-o')) out.onePacket = true
  return out
}

function server(options: ReadonlyMap<string, string>, command: Command): ServerOptions {
  const text = options.get('-r')
  if (text === undefined) throw new Usage(`You need to supply the 'real-server' option for the '${LONG[command]}' command`, true)
  const place = addressPort(text)
  if (!place) throw new Usage('illegal real server address[:port] specified', true)
  if (command !== 'd' && !options.has('-m')) throw new IpvsNotSimulated(`ipvsadm ${options.has('-i') ? '-i' : '-g'}, direct routing and tunnels (use -m)`)
  const limit = (name: string, what: string): number => {
    const value = options.get(name)
    if (value === undefined) return 0
    if (!/^\d+$/.test(value) || Number(value) > 0x7fffffff) throw new Usage(`illegal ${what} specified`, true)
    return Number(value)
  }
  return {
    ...place, port: place.port, weight: options.has('-w') ? limit('-w', 'weight') : 1,
    upperThreshold: limit('-x', 'u_threshold'), lowerThreshold: limit('-y', 'l_threshold'),
  }
}
