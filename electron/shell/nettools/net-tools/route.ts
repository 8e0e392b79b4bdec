import { capable, isIpv4, isSystemError, networkOf, SystemError, type Process, type Route, type Task } from '../../../engine/cluster.ts'
import { nameOfAddress } from '../names.ts'
import { classLength, maskLength } from './ifconfig.ts'
import { netmask } from './interfaces.ts'

const CHANGE_USAGE = `Usage: inet_route [-vF] del {-host|-net} Target[/prefix] [gw Gw] [metric M] [[dev] If]
       inet_route [-vF] add {-host|-net} Target[/prefix] [gw Gw] [metric M]
                              [netmask N] [mss Mss] [window W] [irtt I]
                              [mod] [dyn] [reinstate] [[dev] If]
       inet_route [-vF] add {-host|-net} Target[/prefix] [metric M] reject
       inet_route [-FC] flush      NOT supported
`

/** `extended`: MSS, window and irtt instead of the metric; `all`: behind it. */
export interface RouteView { numeric: boolean; extended: boolean; all?: boolean; busybox: boolean }

/** The kernel's table as route(8) and netstat -r show it. */
export function* routeTable(process: Process, { numeric, extended, all, busybox }: RouteView): Task<string> {
  const names = new Map<string, string | undefined>()
  let text = `Kernel IP routing table\nDestination     Gateway         Genmask         ${all ? 'Flags Metric Ref    Use Iface    MSS   Window irtt' : extended ? 'Flags   MSS Window  irtt Iface' : 'Flags Metric Ref    Use Iface'}\n`
  for (const route of process.network.routes.list('main')) {
    const [network, lengthText] = route.destination.split('/') as [string, string]
    const length = Number(lengthText)
    const first = route.nexthops?.[0]
    const via = route.via ?? first?.via
    const device = route.device ?? first?.device
    const rejects = route.type === 'unreachable' || route.type === 'prohibit'
    const name = function* (ip: string): Task<string> {
      return numeric ? ip : ((yield* nameOfAddress(process, ip, names)) ?? ip)
    }
    const target = length === 0 && !numeric ? 'default' : length === 32 ? yield* name(network) : network
    const gateway = via === undefined ? (rejects && !busybox ? '-' : !numeric && busybox ? '*' : '0.0.0.0') : yield* name(via)
    const flags = `${rejects ? '!' : 'U'}${via === undefined ? '' : 'G'}${length === 32 ? 'H' : ''}`
    const head = `${target.slice(0, 15).padEnd(15)} ${gateway.slice(0, 15).padEnd(15)} ${netmask(length).padEnd(15)} `
    const interfaceName = device ?? (rejects && !busybox ? '-' : '*')
    if (all) text += `${head}${flags.padEnd(5)} ${String(route.metric ?? 0).padEnd(6)} ${(rejects ? '-' : '0').padEnd(2)} ${'0'.padStart(7)} ${interfaceName.padEnd(8)} ${'0'.padEnd(5)} ${'0'.padEnd(6)} 0\n`
    else if (extended) text += rejects && !busybox ? `${head}${flags.padEnd(7)}   - -          - -\n` : `${head}${flags.padEnd(7)} ${'0'.padStart(3)} ${'0'.padEnd(5)} ${'0'.padStart(6)} ${interfaceName}\n`
    else text += `${head}${flags.padEnd(5)} ${String(route.metric ?? 0).padEnd(6)} ${(rejects && !busybox ? '-' : '0').padEnd(2)} ${'0'.padStart(7)} ${interfaceName}\n`
  }
  return text
}

/** route(8), net-tools 2.10. */
export const route = (process: Process): Task<number> => run(process, false)
export const busyboxRoute = (process: Process): Task<number> => run(process, true)

class Refusal extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

function* run(process: Process, busybox: boolean): Task<number> {
  const args = process.argv.slice(1)
  const view: RouteView = { numeric: false, extended: false, busybox }
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  while (args[0]?.startsWith('-') && args[0] !== '-net' && args[0] !== '-host') {
    const flag = args.shift()!
    if (flag === '-A' || flag === '--inet6' || flag === '-6') {
      const family = flag === '-A' ? args.shift() : 'inet6'
      if (family === 'inet') continue
      return yield* fail(`podhop: not simulated: route -A ${family ?? ''} (use ip -6 route)\n`, 69)
    }
    if (flag === '-V' || flag === '--version') {
      yield* process.print('net-tools 2.10\n')
      return 0
    }
    for (const letter of flag.slice(1)) {
      if (letter === 'n') view.numeric = true
      else if (letter === 'e') view.extended = true
      else if (letter !== 'v' && letter !== 'F' && letter !== '4') return yield* fail(`route: invalid option -- '${letter}'\nUsage: route [-nNvee] [-FC] [<AF>]           List kernel routing tables\n       route [-v] [-FC] {add|del|flush} ...  Modify routing table for AF.\n`, busybox ? 1 : 3)
    }
  }
  if (args.length === 0) {
    yield* process.print(yield* routeTable(process, view))
    return 0
  }
  try {
    yield* change(process, args)
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return yield* fail(busybox && error.code !== 69 ? `route: ${error.message}` : error.message, busybox && error.code !== 69 ? 1 : error.code)
  }
}

function* change(process: Process, args: string[]): Task {
  const { network } = process
  const verb = args.shift()!
  if (verb !== 'add' && verb !== 'del' && verb !== 'delete') throw new Refusal(verb === 'flush' ? 'Flushing `inet\' routing table not supported\n' : `Usage: route [-nNvee] [-FC] [<AF>]           List kernel routing tables\n       route [-v] [-FC] {add|del|flush} ...  Modify routing table for AF.\n`, 3)
  let kind: 'net' | 'host' | undefined
  if (args[0] === '-net' || args[0] === '-host') kind = args.shift()!.slice(1) as 'net' | 'host'
  const target = args.shift()
  if (target === undefined) {
    // as the real one: it shows how, and is content
    yield* process.print(CHANGE_USAGE)
    return
  }
  const given: Partial<Route> & { destination: string } = { destination: '' }
  let mask: number | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'gw') given.via = args.shift() ?? ''
    else if (word === 'netmask') mask = maskLength(args.shift() ?? '')
    else if (word === 'metric') given.metric = Number(args.shift())
    else if (word === 'dev') given.device = args.shift() ?? ''
    else if (word === 'reject') given.type = 'unreachable'
    else if (['mss', 'window', 'irtt', 'mod', 'dyn', 'reinstate'].includes(word)) throw new Refusal(`podhop: not simulated: route ${verb} ${word} (use ip route)\n`, 69)
    else given.device = word
  }
  const [ip, prefix] = (target === 'default' ? '0.0.0.0/0' : target).split('/') as [string, string?]
  if (!isIpv4(ip)) throw new Refusal(`${ip}: Unknown host\n`, 1)
  if (given.via !== undefined && !isIpv4(given.via)) throw new Refusal(`${given.via}: Unknown host\n`, 1)
  const length = prefix !== undefined ? Number(prefix) : (mask ?? (ip === '0.0.0.0' ? 0 : kind === 'net' ? classLength(ip) : 32))
  given.destination = networkOf(`${ip}/${length}`)
  if (given.destination !== `${ip}/${length}`) throw new Refusal(`route: netmask doesn't match route address\n${CHANGE_USAGE}`, 3)
  const ioctl = verb === 'add' ? 'SIOCADDRT' : 'SIOCDELRT'
  try {
    if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
    if (given.device !== undefined && !network.links.has(given.device)) throw new SystemError('ENODEV')
    if (verb === 'add') {
      if (given.device === undefined && given.via === undefined && given.type === undefined) throw new SystemError('ENODEV')
      network.routes.add({ protocol: 'boot', ...(given.via === undefined && given.type === undefined ? { scope: 'link' as const } : {}), ...given })
    } else network.routes.remove(given)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new Refusal(`${ioctl}: ${error.message}\n`, 7)
  }
}
