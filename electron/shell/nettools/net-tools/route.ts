import { capable, isSystemError, networkOf, SystemError, type Process, type Route, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { netmask } from './interfaces.ts'
import { ROUTE, VERSIONS } from './usage.ts'

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

const LONG = { inet: '4', ip: '4', tcpip: '4', inet6: '6', extend: 'e', verbose: 'v', version: 'V', numeric: 'n', symbolic: 'N', protocol: 'A', cache: 'C', fib: 'F', help: 'h' }

function* run(process: Process, busybox: boolean): Task<number> {
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  // -net and -host are words of the route, not options
  const parsed = getopt(process.argv.slice(1).map((a) => (a === '-net' || a === '-host' ? `#${a.slice(1)}` : a)), busybox ? 'A:ne' : 'A:eCFhnN64Vv', busybox ? {} : LONG)
  if ('text' in parsed) {
    if (busybox) return yield* fail(`route: ${parsed.text}\nBusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: route [-ne] [-A inet[6]] [{add|del} TARGET [netmask MASK]\n`, 1)
    yield* process.printError(`route: ${parsed.text}\n`)
    return yield* usage(process, 0)
  }
  const extended = parsed.options.filter((o) => o.name === 'e').length
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  for (const { name, value } of parsed.options) {
    if (name !== 'A' || ['inet', 'ip', 'tcpip', 'inet6'].includes(value)) continue
    return yield* fail(`Unknown address family \`${value}'.\n`, 1)
  }
  if (has('V')) {
    yield* process.print(VERSIONS.route)
    return 0
  }
  const six = has('6') || parsed.options.some((o) => o.name === 'A' && o.value === 'inet6')
  if (has('h')) {
    if (!has('4') && !has('A') && !six) return yield* usage(process, 0)
    if (six) return yield* fail('podhop: not simulated: route -6 (use ip -6 route)\n', 69)
    yield* process.print(CHANGE_USAGE)
    return 0
  }
  const words = parsed.operands
  if (words.length > 0 && !['add', 'del', 'delete', 'flush'].includes(words[0]!)) return yield* usage(process, 3)
  if (six) return yield* fail('podhop: not simulated: route -6 (use ip -6 route)\n', 69)
  if (words.length === 0) {
    if (has('C')) yield* process.print(`Kernel IP routing cache\nSource          Destination     Gateway         ${extended === 1 ? 'Flags   MSS Window  irtt Iface' : 'Flags Metric Ref    Use Iface'}\n`)
    else yield* process.print(yield* routeTable(process, { numeric: has('n') || has('N'), extended: extended === 1, all: extended > 1 && !busybox, busybox }))
    return 0
  }
  try {
    yield* change(process, words)
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return yield* fail(busybox && error.code !== 69 ? `route: ${error.message}` : error.message, busybox && error.code !== 69 ? 1 : error.code)
  }
}

/** To stdout where it is asked for; the list of families goes to stderr. */
function* usage(process: Process, code: number): Task<number> {
  if (code === 0) yield* process.print(ROUTE.text)
  else yield* process.printError(ROUTE.text)
  yield* process.printError(ROUTE.lists)
  return code
}

const wrong = (text = ''): Refusal => new Refusal(text + CHANGE_USAGE, 3)

/** INET_setroute of lib/inet_sr.c. */
function* change(process: Process, args: string[]): Task {
  const { network } = process
  const verb = args.shift()!
  if (verb === 'flush') throw wrong("Flushing `inet' routing table not supported\n")
  if (args.length === 0) {
    // as the real one: it shows how, and is content
    yield* process.print(CHANGE_USAGE)
    return
  }
  const kind = args[0] === '#net' || args[0] === '#host' ? args.shift()! : undefined
  const target = args.shift()
  if (target === undefined) throw wrong()
  const [name, prefix] = target.split(/\/(.*)/) as [string, string?]
  if (prefix !== undefined && !/^\d+$/.test(prefix)) throw wrong()
  const resolve = function* (text: string): Task<string> {
    const found = yield* addressOf(process, text, 4)
    if ('error' in found) throw new Refusal(`${text}: ${found.error === 'EAI_AGAIN' ? 'Host name lookup failure' : 'Unknown host'}\n`, 6)
    return found.address
  }
  const ip = name === 'default' ? '0.0.0.0' : yield* resolve(name)
  const isNet = kind === '#net' || (kind === undefined && name === 'default')
  // ~(0xffffffff >> 33) is ~(0xffffffff >> 1) on the machines that there are
  let mask = prefix === undefined ? 0 : ~(0xffff_ffff >>> Number(prefix)) >>> 0
  if (prefix !== undefined && Number(prefix) === 32) mask = 0xffff_ffff
  let maskText = 'default'
  const given: Partial<Route> & { destination: string } = { destination: '' }
  const next = (): string => {
    const word = args.shift()
    if (word === undefined) throw wrong()
    return word
  }
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'metric') {
      const metric = next()
      if (!/^\d/.test(metric)) throw wrong()
      given.metric = parseInt(metric, 10)
    } else if (word === 'netmask') {
      maskText = next()
      if (mask !== 0) throw wrong()
      mask = numberOf(yield* resolve(maskText))
    } else if (word === 'gw' || word === 'gateway') {
      const gateway = next()
      if (given.via !== undefined) throw wrong()
      if (gateway === 'default') throw wrong(`route: ${gateway}: cannot use a NETWORK as gateway!\n`)
      given.via = yield* resolve(gateway)
    } else if (word === 'mss' || word === 'mtu') {
      const mtu = parseInt(next(), 10) || 0
      if (mtu < 64 || mtu > 65_536) throw wrong('route: Invalid MSS/MTU.\n')
      given.mtu = mtu
    } else if (word === 'window' || word === 'irtt') {
      next()
      throw new Refusal(`podhop: not simulated: route ${verb} ${word} (use ip route)\n`, 69)
    } else if (word === 'reject') given.type = 'unreachable'
    else if (['mod', 'dyn', 'reinstate'].includes(word)) continue
    else if (word === 'dev' || word === 'device') {
      if (given.device !== undefined || args.length === 0) throw wrong()
      given.device = next()
    } else {
      if (given.device !== undefined || args.length > 0) throw wrong()
      given.device = word
    }
  }
  if (mask !== 0) {
    const hosts = ~mask >>> 0
    if (!isNet && hosts !== 0) throw wrong(`route: netmask ${hosts.toString(16).padStart(8, '0')} doesn't make sense with host route\n`)
    if ((hosts & (hosts + 1)) !== 0) throw wrong(`route: bogus netmask ${maskText}\n`)
    if ((numberOf(ip) & hosts) !== 0) throw wrong("route: netmask doesn't match route address\n")
  }
  const length = isNet ? mask.toString(2).replaceAll('0', '').length : 32
  try {
    if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
    // a network without a mask has host bits (rtentry_to_fib_config)
    if (isNet && mask === 0 && ip !== '0.0.0.0') throw new SystemError('EINVAL')
    given.destination = networkOf(`${ip}/${length}`)
    if (given.device !== undefined && !network.links.has(given.device)) throw new SystemError('ENODEV')
    if (verb === 'add') {
      if (given.device === undefined && given.via === undefined && given.type === undefined) throw new SystemError('ENODEV')
      network.routes.add({ protocol: 'boot', ...(given.via === undefined && given.type === undefined ? { scope: 'link' as const } : {}), ...given })
    } else network.routes.remove(given)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new Refusal(`${verb === 'add' ? 'SIOCADDRT' : 'SIOCDELRT'}: ${error.message}\n`, 7)
  }
}

const numberOf = (ip: string): number => ip.split('.').reduce((n, part) => ((n << 8) | Number(part)) >>> 0, 0)
