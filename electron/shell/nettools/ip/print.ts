import { cidrContains, formatNeighbour, formatRoute, isDeprecated, type IpipLink, type Link, type LinkAddress, type NetworkNamespace, type Route } from '../../../engine/cluster.ts'
import { details } from './details.ts'
import { numericRoute, scopeNumber } from './tables.ts'

/** What `ip … show` prints (iproute2 6.1), from a network namespace. The inspector uses these too. */

export interface LinkFilter {
  /** `ip -4 addr`, `ip -6 addr`: the addresses' lines only, of links that have any. */
  family?: 4 | 6
  /** Only this link. */
  device?: string
  up?: boolean
  master?: string
  type?: string
  group?: number
  /** Of addresses: the network that they are in, and what else they are. */
  to?: string
  scope?: LinkAddress['scope']
  label?: string
  permanent?: boolean
  deprecated?: boolean
  /** Of a kind that no address here is. */
  never?: boolean
  secondary?: boolean
  /** The name of another network namespace on this machine. */
  netnsName?: (network: NetworkNamespace) => string | undefined
  /** -N */
  numeric?: boolean
}

export function selectLinks(network: NetworkNamespace, filter: LinkFilter = {}): Link[] {
  return [...network.links.values()]
    .filter((l) => (filter.device === undefined || l.name === filter.device) && (!filter.up || l.up) && (filter.master === undefined || masterOf(l)?.name === filter.master))
    .filter((l) => (filter.type === undefined || kindName(l) === filter.type) && (filter.group === undefined || (l.notes?.group ?? 0) === filter.group))
    .sort((a, b) => a.index - b.index)
}

const kindName = (link: Link): string => (link.kind === 'nic' ? 'ether' : link.kind)

/** "v1@if2": the other end of a veth, by index; its name when it is in the same namespace. */
function nameOf(link: Link): string {
  // an IP tunnel has an IFLA_LINK, 0 where it is bound to no device
  if (link.kind === 'ipip') return `${link.name}@${(link as IpipLink).underlay ?? 'NONE'}`
  const other = otherOf(link)
  if (!other) return link.name
  return other.namespace === link.namespace ? `${link.name}@${other.name}` : `${link.name}@if${other.index}`
}

/** IFLA_LINK: the other end of a pair, or the link below. */
export const otherOf = (link: Link): Link | undefined => link.peer ?? link.lower

/** IFLA_MASTER */
export const masterOf = (link: Link): Link | undefined => link.master ?? link.bond

function flagsOf(link: Link): string {
  return `<${flagNames(link).join(',')}>`
}

export function flagNames(link: Link): string[] {
  const kind = isRaw(link) ? [...(pointToPoint(link) ? ['POINTOPOINT'] : []), 'NOARP'] : link.kind === 'loopback' ? ['LOOPBACK'] : ['BROADCAST', ...(link.kind === 'dummy' ? ['NOARP'] : ['MULTICAST', ...(link.arp === false ? ['NOARP'] : []), ...(link.kind === 'bond' ? ['MASTER'] : []), ...(link.bond ? ['SLAVE'] : [])])]
  const down = link.up && !link.carrier
  const { promiscuous, allMulticast, multicast } = link.notes ?? {}
  const more = [...(promiscuous ? ['PROMISC'] : []), ...(allMulticast ? ['ALLMULTI'] : [])]
  return [...(down ? ['NO-CARRIER'] : []), ...(multicast === undefined ? kind : withMulticast(kind, multicast)), ...more, ...(link.up ? ['UP'] : []), ...(link.up && link.carrier ? ['LOWER_UP'] : []), ...(otherOf(link)?.namespace === link.namespace && !otherOf(link)!.up ? ['M-DOWN'] : [])]
}

/** IFF_MULTICAST stands before IFF_NOARP (print_link_flags). */
function withMulticast(flags: readonly string[], on: boolean): string[] {
  const others = flags.filter((f) => f !== 'MULTICAST' && f !== 'NOARP')
  return [...others, ...(on ? ['MULTICAST'] : []), ...(flags.includes('NOARP') ? ['NOARP'] : [])]
}

export const groupOf = (link: Link, numeric?: boolean): string => (link.notes?.group ? String(link.notes.group) : numeric ? '0' : 'default')

/** Links without Ethernet headers. */
export const isRaw = (link: Link): boolean => link.kind === 'ipip' || link.kind === 'wireguard'
const pointToPoint = (link: Link): boolean => link.kind === 'wireguard' || (link as IpipLink).remote !== undefined

const UNKNOWN: ReadonlySet<Link['kind']> = new Set(['loopback', 'vxlan', 'dummy', 'ipip', 'geneve', 'wireguard', 'openvswitch'])

export function stateOf(link: Link): string {
  if (!link.up) return 'DOWN'
  if (!link.carrier) return link.lower || (link.peer && !link.peer.up) ? 'LOWERLAYERDOWN' : 'DOWN'
  return UNKNOWN.has(link.kind) ? 'UNKNOWN' : 'UP'
}

/** 0: none is shown. Flannel's VXLAN devices are made with an empty queue. */
export const queueLength = (link: Link): number => link.notes?.queue ?? (link.kind === 'vxlan' ? 0 : 1000)

export function queueOf(link: Link): string {
  if (link.qdisc) return link.qdisc.kind
  return !link.up && !link.wasUp && link.kind !== 'nic' ? 'noop' : link.kind === 'nic' ? 'fq_codel' : 'noqueue'
}

/**
 * As `ip -6 addr` has it of all links: inet6_fill_ifinfo of the kernel tells less of a link, nor in which network namespace
 * its other end is, so that the number is taken for one here.
 */
export function nameOf6(link: Link): string {
  const index = otherOf(link)?.index
  if (index === undefined || index === link.index) return link.name
  const here = [...link.namespace.links.values()].find((l) => l.index === index)
  return `${link.name}@${here ? here.name : `if${index}`}`
}

function linkHead6(link: Link): string {
  return `${link.index}: ${nameOf6(link)}: ${flagsOf(link)} mtu ${link.mtu} ${masterOf(link) ? `master ${masterOf(link)!.name} ` : ''}state ${stateOf(link)}${queueLength(link) ? ` qlen ${queueLength(link)}` : ''}`
}

function linkHead(link: Link, mode: boolean, numeric?: boolean): string {
  const master = masterOf(link) ? `master ${masterOf(link)!.name} ` : ''
  return `${link.index}: ${nameOf(link)}: ${flagsOf(link)} mtu ${link.mtu} qdisc ${queueOf(link)} ${master}state ${stateOf(link)} ${mode ? 'mode DEFAULT ' : ''}group ${groupOf(link, numeric)} ${queueLength(link) ? `qlen ${queueLength(link)}` : ''}`
}

/** What `ip monitor` says of a link that is new or has changed. */
export function linkEvent(link: Link): string {
  return `${linkHead(link, false).replace(/(?<= )qlen \d+$/, '')}\n${hardwareLine(link)}${peerNamespace(link, {})}\n`
}

export function addressEvent(link: Link, a: LinkAddress): string {
  return `${link.index}: ${link.name}    ${addressText(a, link)}\n${lifetimeText(a, link)}\n`
}

/** Changes when there is something to tell of the address; that time goes by is nothing. */
export const addressState = (link: Link, a: LinkAddress): string => `${addressText(a, link)} ${a.validUntil} ${a.preferredUntil}`

/** ll_type_n2a, with -N. */
const TYPE_NUMBERS = { loopback: 772, ether: 1 } as const

export const linkType = (link: Link, numeric?: boolean): string => {
  const type = link.kind === 'loopback' ? 'loopback' : 'ether'
  return numeric ? `[${TYPE_NUMBERS[type]}]` : type
}

export function hardwareLine(link: Link, numeric?: boolean): string {
  if (link.kind === 'wireguard') return '    link/none '
  if (link.kind === 'ipip') {
    const { local, remote } = link as IpipLink
    return `    link/ipip ${local ?? '0.0.0.0'} ${remote ? 'peer' : 'brd'} ${remote ?? '0.0.0.0'}`
  }
  return `    link/${linkType(link, numeric)} ${link.mac} brd ${link.kind === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff'}`
}

function peerNamespace(link: Link, { netnsName }: LinkFilter): string {
  const other = otherOf(link)
  if (!other || other.namespace === link.namespace) return ''
  const name = netnsName?.(other.namespace)
  return name === undefined ? ` link-netnsid ${netnsId(link)}` : ` link-netns ${name}`
}

/** Numbers that a namespace gives to the others it has links into: 0, 1, … in the order of its links. */
export function netnsId(link: Link): number {
  const others = [...link.namespace.links.values()].filter((l) => otherOf(l) && otherOf(l)!.namespace !== link.namespace).sort((a, b) => a.index - b.index)
  return [...new Set(others.map((l) => otherOf(l)!.namespace))].indexOf(otherOf(link)!.namespace)
}

export function printAddresses(network: NetworkNamespace, filter: LinkFilter & { details?: boolean; statistics?: boolean; errors?: boolean; human?: 'k' | 'Ki' } = {}): string {
  return selectLinks(network, filter)
    .filter((link) => !asksForAddresses(filter) || selectAddresses(link, filter).length > 0)
    .map((link) => {
      const bare = filter.family === 6 && filter.device === undefined
      const head = bare ? linkHead6(link) : filter.label !== undefined ? '' : withoutHardware(filter) ? `${linkHead(link, false, filter.numeric)}${peerNamespace(link, filter)}` : `${linkHead(link, false, filter.numeric)}\n${hardwareLine(link, filter.numeric)}${peerNamespace(link, filter)}`
      return `${head}${filter.details ? `${details(link, true)}${aliasLine(link)}` : ''}${head && '\n'}${addressLines(link, filter)}${filter.statistics ? `${statisticsLines(link, filter)}\n` : ''}`
    })
    .join('')
}

export function selectAddresses(link: Link, { family, to, scope, label, permanent, secondary, deprecated, never }: LinkFilter): readonly LinkAddress[] {
  if (never) return []
  const { now } = link.namespace.clock
  return link.addresses.filter((a) =>
    (family === undefined || a.address.includes(':') === (family === 6)) && (to === undefined || (to.includes(':') === a.address.includes(':') && cidrContains(to, a.address))) &&
    (permanent === undefined || (a.validUntil === undefined) === permanent) && (deprecated === undefined || isDeprecated(a, now) === deprecated) &&
    (scope === undefined || a.scope === scope) && (label === undefined || (!a.address.includes(':') && matches(label, a.label ?? link.name))) && (secondary === undefined || (a.secondary ?? false) === secondary))
}

/** fnmatch, of "*" and "?". */
function matches(pattern: string, text: string): boolean {
  return new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
}

/** Whether addresses are asked for, so that links without any are left out. */
export function asksForAddresses({ family, to, scope, label, permanent, secondary, deprecated, never }: LinkFilter): boolean {
  return [family, to, scope, label, permanent, secondary, deprecated, never].some((word) => word !== undefined)
}

/** `to` and `label` leave out the link layer, and a label the link, too. */
export const withoutHardware = ({ family, to, label }: LinkFilter): boolean => family !== undefined || to !== undefined || label !== undefined

function addressText(a: LinkAddress, link: Link, numeric?: boolean): string {
  const scope = numeric ? scopeNumber(a.scope) : a.scope
  const flags = addressFlags(a, link).map((flag) => `${flag} `).join('')
  // A label is of IPv4 only.
  if (a.address.includes(':')) return `inet6 ${a.address}/${a.prefixLength} scope ${scope} ${flags}`
  return `inet ${withPeer(a)} ${a.metric ? `metric ${a.metric} ` : ''}${a.broadcast ? `brd ${a.broadcast} ` : ''}scope ${scope} ${flags}${a.label ?? link.name}`
}

const withPeer = (a: LinkAddress): string => (a.peer === undefined ? `${a.address}/${a.prefixLength}` : `${a.address} peer ${a.peer}/${a.prefixLength}`)

/** In the order of ifa_flag_data (ipaddress.c). */
export function addressFlags(a: LinkAddress, link: Link): string[] {
  return [...(a.secondary ? ['secondary'] : []), ...(isDeprecated(a, link.namespace.clock.now) ? ['deprecated'] : []), ...(a.validUntil === undefined ? [] : ['dynamic']), ...(a.noPrefixRoute ? ['noprefixroute'] : [])]
}

/** Seconds that are left of the time that it is valid and preferred; undefined: for ever. */
export function lifetimesLeft({ validUntil, preferredUntil }: LinkAddress, link: Link): { valid?: number; preferred?: number } {
  if (validUntil === undefined) return {}
  const left = (until: number): number => Math.max(0, Math.ceil((until - link.namespace.clock.now) / 1000))
  return { valid: left(validUntil), ...(preferredUntil === undefined ? {} : { preferred: left(preferredUntil) }) }
}

function lifetimeText(a: LinkAddress, link: Link): string {
  const { valid, preferred } = lifetimesLeft(a, link)
  const text = (seconds: number | undefined): string => (seconds === undefined ? 'forever' : `${seconds}sec`)
  return `       valid_lft ${text(valid)} preferred_lft ${text(preferred)}`
}

export function addressLines(link: Link, filter: LinkFilter): string {
  return selectAddresses(link, filter).map((a) => `    ${addressText(a, link, filter.numeric)}\n${lifetimeText(a, link)}\n`).join('')
}

/** `ip -o addr`: a line an address. */
export function printAddressesOneLine(network: NetworkNamespace, filter?: LinkFilter): string {
  return selectLinks(network, filter)
    .flatMap((link) => selectAddresses(link, filter ?? {}).map((a) => `${link.index}: ${link.name}    ${addressText(a, link, filter?.numeric)}\\${lifetimeText(a, link)}\n`))
    .join('')
}

export function printAddressesBrief(network: NetworkNamespace, filter: LinkFilter = {}): string {
  return selectLinks(network, filter)
    .filter((l) => !asksForAddresses(filter) || selectAddresses(l, filter).length > 0)
    .map((l) => `${(filter.family === 6 && filter.device === undefined ? nameOf6(l) : nameOf(l)).padEnd(16)} ${stateOf(l).padEnd(14)} ${selectAddresses(l, filter).map((a) => `${withPeer(a)} ${a.metric ? `metric ${a.metric} ` : ''}`).join('')}\n`)
    .join('')
}

const aliasLine = (link: Link): string => (link.notes?.alias === undefined ? '' : `\n    alias ${link.notes.alias}`)

export function printLinks(network: NetworkNamespace, options: LinkFilter & { details?: boolean; statistics?: boolean; errors?: boolean; human?: 'k' | 'Ki'; oneLine?: boolean } = {}): string {
  return selectLinks(network, options)
    .map((l) => {
      const text = `${linkHead(l, true, options.numeric)}\n${hardwareLine(l, options.numeric)}${peerNamespace(l, options)}${options.details ? details(l) : ''}`
      const more = options.statistics ? `\n${statisticsLines(l, options)}` : ''
      return options.oneLine ? `${text.replaceAll('\n', '\\')}${aliasLine(l).slice(1)}${more.replaceAll('\n', '\\')}\n` : `${text}${aliasLine(l)}${more}\n`
    })
    .join('')
}

/** print_num of iproute2: three digits that mean something, and a prefix. */
function humanNumber(count: number, unit: 'k' | 'Ki' | undefined): string {
  const base = unit === 'Ki' ? 1024 : 1000
  if (unit === undefined || count < base) return String(count)
  const power = Math.min(6, Math.floor(Math.log(count) / Math.log(base) + 1e-12))
  const value = count / base ** power
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)}${'kMGTPE'[power - 1]}${unit === 'Ki' ? 'i' : ''}`
}

function statisticsLines(link: Link, { errors = false, human }: { errors?: boolean; human?: 'k' | 'Ki' }): string {
  const s = link.statistics
  const rx = [s.rxBytes, s.rxPackets, 0, s.rxDropped, 0, 0].map((n) => humanNumber(n, human))
  const tx = [s.txBytes, s.txPackets, 0, s.txDropped, 0, 0].map((n) => humanNumber(n, human))
  // the columns are as wide as the widest number of both rows
  const width = (i: number, least: number): number => Math.max(least, rx[i]!.length, tx[i]!.length)
  const widths = [width(0, 6), width(1, 7), width(2, 6), width(3, 7), width(4, 7), width(5, 7)]
  const line = (values: readonly string[], end: string): string => `${values.map((v, i) => v.padStart(widths[i]!)).join(' ')} ${end}`
  // no virtual link counts errors; a link that has come up has changed its carrier twice
  const more = (side: string, names: readonly string[], last = 0): string[] => {
    if (!errors) return []
    const row = (values: readonly string[]): string => values.map((v, i) => ` ${v.padStart(widths[i + 1]!)}`).join('')
    return [`    ${side} errors:${row(names)}`, `${' '.repeat(8 + widths[0]!)}${row(['0', '0', '0', '0', String(last)])} `]
  }
  return [
    `    RX: ${line(['bytes', 'packets', 'errors', 'dropped', 'missed', 'mcast'], '')}          `,
    `        ${line(rx, '')}`,
    ...more('RX', ['length', 'crc', 'frame', 'fifo', 'overrun']),
    `    TX: ${line(['bytes', 'packets', 'errors', 'dropped', 'carrier', 'collsns'], '')}          `,
    `        ${line(tx, '')}`,
    ...more('TX', ['aborted', 'fifo', 'window', 'heartbt', 'transns'], link.kind !== 'loopback' && link.carrier ? 2 : 0),
  ].join('\n')
}

function hardwareAddress(link: Link): string {
  if (link.kind === 'wireguard') return ''
  return link.kind === 'ipip' ? ((link as IpipLink).local ?? '0.0.0.0') : link.mac
}

export function printLinksBrief(network: NetworkNamespace, filter?: LinkFilter): string {
  return selectLinks(network, filter).map((l) => `${nameOf(l).padEnd(16)} ${stateOf(l).padEnd(14)} ${hardwareAddress(l)} ${flagsOf(l)} \n`).join('')
}

/** A selector of `ip route`: what a row was chosen by, the row does not repeat. */
export interface RouteFilter {
  /** IPv4 unless it is 6. */
  family?: 4 | 6
  /** As the engine names it, or "all". */
  table: string
  device?: string
  via?: string
  metric?: number
  /** Just this one. */
  only?: Route
  protocol?: string | undefined
  scope?: string
  type?: string
  source?: string
  /** exact: just this prefix; root: this one and those inside; match: this one and those around. */
  prefix?: { how: 'exact' | 'root' | 'match'; cidr: string }
}

export function selectRoutes(network: NetworkNamespace, filter: RouteFilter): { route: Route; table: string }[] {
  const tables = filter.table === 'all' ? network.routes.tables(filter.family) : [filter.table]
  return tables.flatMap((table) => network.routes.list(table, filter.family).map((route) => ({ route, table }))).filter(({ route: r }) =>
    (filter.only === undefined || r === filter.only) &&
    (filter.metric === undefined || (r.metric ?? 0) === filter.metric) &&
    (filter.device === undefined || r.device === filter.device) &&
    (filter.via === undefined || r.via === filter.via) &&
    (filter.protocol === undefined || (r.protocol ?? 'boot') === filter.protocol) &&
    (filter.scope === undefined || (r.scope ?? 'global') === filter.scope) &&
    (filter.type === undefined || (r.type ?? 'unicast') === filter.type) &&
    (filter.source === undefined || r.source === filter.source) &&
    (!filter.prefix || fits(r.destination, filter.prefix)))
}

function fits(destination: string, { how, cidr }: NonNullable<RouteFilter['prefix']>): boolean {
  if (how === 'exact') return destination === cidr
  const [outer, inner] = how === 'root' ? [cidr, destination] : [destination, cidr]
  const [address, length] = inner.split('/')
  return cidrContains(outer, address!) && Number(outer.split('/')[1]) <= Number(length)
}

export function printRoutes(network: NetworkNamespace, filter: RouteFilter = { table: 'main' }, name = (table: string): string => table, details = false, numeric = false): string {
  const hidden = { device: filter.device, via: filter.via, protocol: filter.protocol, scope: filter.scope }
  const dead = (device: string): boolean => network.links.get(device)?.up !== true
  const lacksCarrier = (device: string): boolean => network.links.get(device)?.carrier === false
  const unsaid = details ? ({ type: 'unicast', protocol: 'boot', scope: 'global' } as const) : {}
  return selectRoutes(network, filter)
    .map(({ route: r, table }) => {
      const link = r.device === undefined ? undefined : network.links.get(r.device)
      const shown = Object.fromEntries(Object.entries(withDefaults(r, unsaid)).filter(([key]) => hidden[key as keyof typeof hidden] === undefined)) as unknown as Route
      const written = numeric ? numericRoute(shown, details) : shown
      const named = filter.table === 'all' && table !== 'main' ? { table: name(table) } : {}
      const row = formatRoute(written, { linkdown: link ? link.up && !link.carrier : false, ...named, details, down: dead, lacksCarrier })
      // each line ends in a blank, but for that with the preference of IPv6
      return row.split('\n').map((line, i) => (i === 0 && filter.family === 6 ? `${line}\n` : `${line} \n`)).join('')
    })
    .join('')
}

/** The route, and of `unsaid` what it leaves open. */
export function withDefaults(route: Route, unsaid: Partial<Route>): Route {
  return { ...unsaid, ...Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined)) } as Route
}

export interface NeighbourFilter {
  family?: 4 | 6
  device?: string
  address?: string
  /** A network that it is in. */
  within?: string
  state?: string
}

export function selectNeighbours(network: NetworkNamespace, filter: NeighbourFilter): ReturnType<NetworkNamespace['neighbours']['list']> {
  return network.neighbours
    .list()
    .filter((n) => (filter.family === undefined || n.ip.includes(':') === (filter.family === 6)) && (filter.device === undefined || n.device === filter.device) && (filter.address === undefined || n.ip === filter.address))
    .filter((n) => (filter.state === undefined || filter.state === 'ALL' || n.state === filter.state) && (filter.within === undefined || cidrContains(filter.within, n.ip)))
}

export type NeighbourRow = ReturnType<NetworkNamespace['neighbours']['list']>[number]

/** Seconds since it was last used, confirmed and changed. */
export function neighbourAges(network: NetworkNamespace, n: NeighbourRow): { used: number; confirmed: number; updated: number } {
  const age = (at: number): number => Math.max(0, Math.floor((network.clock.now - at) / 1000))
  return { used: age(n.usedAt), confirmed: age(n.confirmedAt), updated: age(n.updatedAt) }
}

export function printNeighbours(network: NetworkNamespace, filter: NeighbourFilter = {}, statistics = false): string {
  return selectNeighbours(network, filter)
    .map((n) => {
      const row = filter.device === undefined ? formatNeighbour(n) : formatNeighbour(n).replace(` dev ${n.device}`, '')
      if (!statistics) return `${row} \n`
      const { used, confirmed, updated } = neighbourAges(network, n)
      return `${row.replace(/ \S+$/, '')}  ref 1 used ${used}/${confirmed}/${updated}probes ${n.probes} ${n.state} \n`
    })
    .join('')
}
