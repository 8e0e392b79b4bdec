import { HELP, USAGE } from './bridge-help.ts'
import { changeVlan, showVlans } from './bridge-vlan.ts'
import { BridgeRefusal as Refusal, type BridgeOptions as Options } from './bridge-common.ts'
import { writeJson } from './ip/json.ts'
import { capable, isSystemError, SystemError, formatBridgeFdb, formatVxlanFdb, type Bridge, type Link, type NetworkNamespace, type Process, type Task, type VxlanLink } from '../../engine/cluster.ts'

/** bridge(8), iproute2 6.1: fdb, link, vlan, and what mdb says of bridges without listeners. */
export function* bridge(process: Process): Task<number> {
  try {
    const text = run(process, process.argv.slice(1))
    if (text !== '') yield* process.print(text)
    return 0
  } catch (error) {
    if (!(error instanceof Refusal) && !isSystemError(error)) throw error
    yield* process.printError(error instanceof Refusal ? error.message : `RTNETLINK answers: ${error.message}\n`)
    return error instanceof Refusal ? error.code : 255
  }
}

function run(process: Process, args: string[]): string {
  const options: Options = { details: false, statistics: false, json: false, pretty: false, oneLine: false }
  while (args[0]?.startsWith('-')) {
    const flag = args.shift()!.replace(/^--?/, '')
    const is = (word: string): boolean => flag !== '' && word.startsWith(flag)
    if (is('Version')) return 'bridge utility, 6.1.0\n'
    if (is('help')) throw new Refusal(USAGE, 255)
    if (is('details')) options.details = true
    else if (is('statistics') || is('stats')) options.statistics = true
    else if (is('json')) options.json = true
    else if (is('pretty')) options.pretty = true
    else if (is('oneline')) options.oneLine = true
    else if (is('netns') || is('batch') || is('force')) throw new Refusal(`podhop: not simulated: bridge -${flag} (use ip netns exec NAME bridge)\n`, 69)
    else if (!is('compressvlans') && !is('color') && !is('timestamp') && flag !== '4' && flag !== '6') throw new Refusal(`Option "${flag}" is unknown, try "bridge help".\n`, 255)
  }
  const [word, given = 'show', ...rest] = args
  if (word === undefined || 'help'.startsWith(word)) throw new Refusal(USAGE, 255)
  const object = ['link', 'fdb', 'mdb', 'vlan', 'monitor'].find((o) => o.startsWith(word))
  if (object === undefined) throw new Refusal(`Object "${word}" is unknown, try "bridge help".\n`, 255)
  if ('help'.startsWith(given) && HELP[object] !== undefined) throw new Refusal(HELP[object], 255)
  const showing = 'show'.startsWith(given) || 'list'.startsWith(given) || given === 'lst'
  const { network } = process
  if (object === 'fdb' && showing) return fdb(network, rest, options)
  if (object === 'link' && showing) {
    const device = rest[0] === 'dev' ? (rest[1] ?? '') : rest[0]
    if (device !== undefined && !network.links.has(device)) throw new Refusal(`Cannot find device "${device}"\n`, 255)
    return printPorts(network, options, device)
  }
  if (object === 'fdb' && ['add', 'append', 'replace', 'delete'].some((v) => v.startsWith(given))) {
    changeFdb(process, given, rest)
    return ''
  }
  if (object === 'link' && given === 'set') {
    changePort(process, rest)
    return ''
  }
  if (object === 'vlan' && showing) return showVlans(network, rest, options)
  if (object === 'vlan' && (given === 'add' || 'delete'.startsWith(given))) {
    changeVlan(process, given === 'add', rest)
    return ''
  }
  // no bridge here has listeners of groups
  if (object === 'mdb' && showing) return options.json ? '[{"mdb":[],"router":{}}]\n' : ''
  throw new Refusal(`podhop: not simulated: bridge ${object} ${given} (use bridge fdb show or bridge link show)\n`, 69)
}

function fdb(network: NetworkNamespace, args: readonly string[], options: Options): string {
  const filter: FdbFilter = {}
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === 'dynamic') filter.state = 'dynamic'
    else if (word === 'state') filter.state = args[++i] ?? ''
    else if (word === 'br') filter.master = args[++i] ?? ''
    else if (word === 'brport' || word === 'dev') filter.device = args[++i] ?? ''
    else if (word === 'vlan') filter.vlan = args[++i] ?? ''
    else filter.device = word
  }
  if (filter.master !== undefined && !network.links.has(filter.master)) throw new Refusal(`Cannot find bridge device "${filter.master}"\n`, 255)
  if (filter.device !== undefined && !network.links.has(filter.device)) throw new Refusal(`Cannot find device "${filter.device}"\n`, 255)
  if (options.statistics) throw new Refusal('podhop: not simulated: bridge -statistics fdb (use bridge fdb show)\n', 69)
  const rows = fdbRows(network, filter)
  if (!options.json) return rows.map(({ text }) => `${filter.device === undefined ? text : text.replace(` dev ${filter.device}`, '')} \n`.replace('permanent \n', 'permanent\n')).join('')
  return writeJson(rows.map(({ text }) => {
    const [mac, ...words] = text.split(' ')
    const value = (key: string): Record<string, string> => (words.includes(key) ? { [key === 'dev' ? 'ifname' : key]: words[words.indexOf(key) + 1]! } : {})
    return { mac, ...value('dev'), ...(words.includes('vlan') ? { vlan: Number(words[words.indexOf('vlan') + 1]) } : {}), ...value('dst'), flags: words.includes('self') ? ['self'] : [], ...value('master'), state: words.includes('permanent') ? 'permanent' : '' }
  }), options.pretty)
}

/** `bridge fdb add|append|replace|del MAC dev LINK dst IP` of VXLAN links: to which node frames for a MAC address travel. */
function changeFdb(process: Process, verb: string, args: readonly string[]): void {
  const [mac, ...rest] = args
  const words = rest.filter((w) => !['self', 'permanent', 'static', 'dynamic', 'temp', 'local'].includes(w))
  const given = pairs(words)
  const device = given.get('dev')
  if (mac === undefined || device === undefined) throw new Refusal('Device and address are required arguments.\n', 255)
  if (!/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(mac)) throw new Refusal(`Invalid mac address ${mac}\n`, 255)
  const link = process.network.links.get(device)
  if (!link) throw new Refusal(`Cannot find device "${device}"\n`)
  const unknown = [...given.keys()].find((k) => k !== 'dev' && k !== 'dst')
  if (unknown !== undefined || link.kind !== 'vxlan') throw new Refusal(`podhop: not simulated: bridge fdb ${verb} ${unknown ?? `on ${device}`} (use bridge fdb ${verb} MAC dev VXLAN dst IP)\n`, 69)
  if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
  const vxlan = link as VxlanLink
  const address = mac.toLowerCase().split(':').map((p) => p.padStart(2, '0')).join(':')
  const vtep = given.get('dst')
  const present = vxlan.forwarding().some((f) => f.mac === address && (vtep === undefined || f.vtep === vtep))
  if ('delete'.startsWith(verb)) {
    if (!present) throw new SystemError('ENOENT')
    return vxlan.removeForwarding(address, vtep)
  }
  if (vtep === undefined) throw new SystemError('EINVAL')
  const taken = vxlan.forwarding().some((f) => f.mac === address)
  if (present || (taken && 'add'.startsWith(verb))) throw new SystemError('EEXIST')
  vxlan.addForwarding(address, vtep)
}

/** What `bridge link set` knows of a port beside `hairpin`, none of which makes a difference here. */
const PORT_WORDS = [
  'cost', 'priority', 'state', 'guard', 'fastleave', 'root_block', 'learning', 'learning_sync', 'flood', 'mcast_router', 'mcast_flood', 'bcast_flood', 'mcast_to_unicast', 'neigh_suppress', 'vlan_tunnel',
  'isolated', 'locked', 'hwmode', 'backup_port', 'nobackup_port', 'self', 'master',
]

/** `bridge link set dev PORT hairpin on|off`: whether the bridge sends frames back through the port that they came from. */
function changePort(process: Process, args: readonly string[]): void {
  let device: string | undefined
  let hairpin: boolean | undefined
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word !== 'dev' && word !== 'hairpin') {
      if (PORT_WORDS.includes(word)) throw new Refusal(`podhop: not simulated: bridge link set ${word} (use hairpin)\n`, 69)
      throw new Refusal(HELP.link!, 255)
    }
    const value = args[++i]
    if (value === undefined) throw new Refusal('Command line is not complete. Try option "help"\n', 255)
    if (word === 'dev') device = value
    else if (value === 'on' || value === 'off') hairpin = value === 'on'
    else throw new Refusal(`Error: argument of "hairpin" must be one of "off", "on", not "${value}"\n`, 234)
  }
  if (device === undefined) throw new Refusal('Device is a required argument.\n', 255)
  const link = process.network.links.get(device)
  if (!link) throw new Refusal(`Cannot find bridge device "${device}"\n`, 255)
  if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
  if (!link.master) throw new Refusal('RTNETLINK answers: Operation not supported\n', 255)
  if (hairpin !== undefined) (link.master as Bridge).hairpin(link, hairpin)
}

function pairs(args: readonly string[]): Map<string, string> {
  const out = new Map<string, string>()
  for (let i = 0; i < args.length; i += 2) out.set(args[i]!, args[i + 1] ?? '')
  return out
}

interface FdbFilter { device?: string; master?: string; state?: string; vlan?: string }

/** The whole table as `bridge fdb show` prints it. */
export const printFdb = (network: NetworkNamespace): string => fdb(network, [], { details: false, statistics: false, json: false, pretty: false, oneLine: false })

/** `bridge fdb show`: learned and local entries of bridges, and the VXLAN devices' own. */
function fdbRows(network: NetworkNamespace, { device, master, state, vlan }: FdbFilter = {}): { text: string }[] {
  const rows: { text: string }[] = []
  const add = (text: string): void => {
    const permanent = text.includes(' permanent')
    if (state === undefined || state === 'all' || (state === 'permanent' ? permanent : state === 'dynamic' ? !permanent : false)) rows.push({ text })
  }
  for (const link of [...network.links.values()].sort((a, b) => a.index - b.index)) {
    if (link.kind === 'bridge' && (master === undefined || link.name === master)) {
      for (const entry of (link as Bridge).forwarding()) if ((device === undefined || entry.port === device) && (vlan === undefined || String(entry.vlan) === vlan)) add(formatBridgeFdb(entry, link.name))
    }
    if (link.kind === 'vxlan' && master === undefined && vlan === undefined && (device === undefined || link.name === device)) {
      for (const entry of (link as VxlanLink).forwarding()) add(formatVxlanFdb(entry, link.name, entry.learned ?? false))
    }
  }
  return rows
}

function printPorts(network: NetworkNamespace, options: Options, device?: string): string {
  const links = [...network.links.values()]
  // the other end's index, looked up among the names of this namespace (bridge/link.c does not ask for the other's)
  const peer = (link: Link): string | undefined => (link.peer ? (links.find((l) => l.index === link.peer!.index)?.name ?? `if${link.peer.index}`) : undefined)
  const ports = links.filter((l) => l.master && (device === undefined || l.name === device)).sort((a, b) => a.index - b.index)
  const state = (l: Link): string => (l.up && l.carrier ? 'forwarding' : 'disabled')
  const flags = (l: Link): string[] => ['BROADCAST', 'MULTICAST', ...(l.up ? ['UP'] : []), ...(l.up && l.carrier ? ['LOWER_UP'] : [])]
  if (options.json) {
    if (options.details) throw new Refusal('podhop: not simulated: bridge -details -json link (use one of them)\n', 69)
    return writeJson(ports.map((l) => ({ ifindex: l.index, ...(l.peer ? { link: peer(l) } : {}), ifname: l.name, flags: flags(l), mtu: l.mtu, master: l.master!.name, state: state(l), priority: 32, cost: 2 })), options.pretty)
  }
  const more = (l: Link): string =>
    `    hairpin ${(l.master as Bridge).isHairpin(l) ? 'on' : 'off'} guard off root_block off fastleave off learning on flood on mcast_flood on bcast_flood on mcast_router 1 mcast_to_unicast off neigh_suppress off vlan_tunnel off isolated off locked off \n`
  return ports
    .map((l) => {
      const other = peer(l)
      return `${l.index}: ${l.name}${other === undefined ? '' : `@${other}`}: <${flags(l).join(',')}> mtu ${l.mtu} master ${l.master!.name} state ${state(l)} priority 32 cost 2 \n${options.details ? more(l) : ''}`
    })
    .map((text) => (options.oneLine ? `${text.slice(0, -1).replaceAll('\n', '\\')}\n` : text))
    .join('')
}
