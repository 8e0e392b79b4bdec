import type { BgpPeer, BgpRoute } from '../../cni/bgp/speaker.ts'
import { cidrContains, compareIp, ipNumber, parseCidr } from '../../network/address.ts'
import type { Cidr, Ip, Route } from '../../network/types.ts'
import type { Family } from '../../cni/bgp/messages.ts'
import { DEFAULT_PATHS, FAMILIES, familyOf, type BgpConfig, type Bgpd, type NeighborConfig } from './bgpd.ts'

/** What FRR 8.4.4's vtysh shows: bgpd/bgp_vty.c, bgpd/bgp_route.c, zebra/zebra_vty.c. */
export const NO_INSTANCE = '% BGP instance not found\n'

/** Bytes of an entry of the table, KiB of a neighbour, as Debian's build has them. */
const SIZES = { entry: 192, peer: 717, group: 64 }
const DAY = 86_400

function clockText(seconds: number): string {
  const two = (n: number): string => String(n).padStart(2, '0')
  const days = Math.floor(seconds / DAY)
  const hours = Math.floor((seconds % DAY) / 3600)
  if (seconds < DAY) return `${two(hours)}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`
  if (days < 7) return `${days}d${two(hours)}h${two(Math.floor((seconds % 3600) / 60))}m`
  return `${two(Math.floor(days / 7))}w${days % 7}d${two(hours)}h`
}

const ago = (bgpd: Bgpd, since: number): string => clockText(Math.floor((bgpd.clock.now - since) / 1000))

/** Prefixes with, for each, its ways: our own have none. */
function table(bgpd: Bgpd, family: Family): { prefix: Cidr; best: BgpRoute | undefined; paths: readonly BgpRoute[] }[] {
  const { speaker } = bgpd
  if (!speaker) return []
  const prefixes = new Set([...speaker.announced.keys(), ...speaker.routes.keys()])
  const all = speaker.peers.flatMap((p) => [...(speaker.details(p.address)?.routes ?? [])])
  return [...prefixes].filter((p) => familyOf(p) === family).sort(byPrefix).map((prefix) => ({ prefix, best: speaker.announced.has(prefix) ? undefined : speaker.routes.get(prefix), paths: all.filter((r) => r.prefix === prefix) }))
}

function byPrefix(a: Cidr, b: Cidr): number {
  const [x, y] = [parseCidr(a), parseCidr(b)]
  return compareIp(x.network, y.network) || x.length - y.length
}

/** Nodes of the tree that the table is: those where two prefixes part count, too. */
function entries(prefixes: readonly Cidr[]): number {
  const bits = (cidr: Cidr): string => ipNumber(parseCidr(cidr).network).toString(2).padStart(parseCidr(cidr).version === 4 ? 32 : 128, '0').slice(0, parseCidr(cidr).length)
  const own = prefixes.map(bits).sort()
  const nodes = new Set(own)
  own.slice(1).forEach((b, i) => {
    const a = own[i]!
    let at = 0
    while (at < a.length && a[at] === b[at]) at++
    nodes.add(a.slice(0, at))
  })
  return nodes.size
}

function memory(bytes: number): string {
  const kib = Math.round(bytes / 1024)
  return kib > 10 ? `${kib} KiB` : `${bytes} bytes`
}

function sentTo(bgpd: Bgpd, peer: BgpPeer, family: Family): number {
  const speaker = bgpd.speaker!
  const own = speaker.announcedTo(peer.address).filter(([prefix]) => familyOf(prefix) === family).length
  return own + [...speaker.routes.values()].filter((r) => familyOf(r.prefix) === family && r.peer !== peer.address && !speaker.announced.has(r.prefix)).length
}

/** Of each family that somebody is activated for; `named`: with the family's name above. */
export function summary(bgpd: Bgpd, families: readonly Family[], named: boolean): string {
  if (!bgpd.config || !bgpd.speaker) return NO_INSTANCE
  const parts = families.flatMap((family) => {
    const text = familySummary(bgpd, family)
    return text === undefined ? [] : [`${named ? `\nIPv${family} Unicast Summary (VRF default):\n` : ''}${text}`]
  })
  return parts.length > 0 ? parts.join('') : `% No BGP neighbors found in VRF default\n`
}

function familySummary(bgpd: Bgpd, family: Family): string | undefined {
  const [config, speaker] = [bgpd.config!, bgpd.speaker!]
  const silent = [...config.neighbors.keys()].filter((address) => !speaker.peers.some((p) => p.address === address) && bgpd.settings(address)?.remoteAs !== undefined)
  const peers: BgpPeer[] = [...speaker.peers, ...silent.map((address): BgpPeer => ({ address, asn: typeof bgpd.settings(address)!.remoteAs === 'number' ? (bgpd.settings(address)!.remoteAs as number) : 0, state: 'Idle', since: 0 }))].filter((p) => bgpd.families(p.address).includes(family)).sort((a, b) => grouped(bgpd, a) - grouped(bgpd, b) || compareIp(a.address, b.address))
  if (peers.length === 0) return undefined
  const count = entries(table(bgpd, family).map((t) => t.prefix))
  const lines = [
    `BGP router identifier ${bgpd.routerId}, local AS number ${config.asn} vrf-id 0`,
    `BGP table version ${bgpd.version}`,
    `RIB entries ${count}, using ${memory(count * SIZES.entry)} of memory`,
    `Peers ${peers.length}, using ${peers.length * SIZES.peer} KiB of memory`,
    ...(config.groups.size > 0 ? [`Peer groups ${config.groups.size}, using ${memory(config.groups.size * SIZES.group)} of memory`] : []),
    '',
  ]
  const width = Math.max(16, ...peers.map((p) => p.address.length + (p.dynamic ? 2 : 1)))
  lines.push(`${'Neighbor'.padEnd(width)}V         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc`)
  for (const peer of peers) lines.push(`${`${peer.dynamic ? '*' : ''}${peer.address}`.padEnd(width)}${row(bgpd, peer, family)}`)
  lines.push('', `Total number of neighbors ${peers.length}`)
  const dynamic = peers.filter((p) => p.dynamic).length
  if (dynamic > 0) lines.push('* - dynamic neighbor', `${dynamic} dynamic neighbor(s), limit 100`)
  return `${lines.join('\n')}\n`
}

/** peer_cmp: who has a peer group comes first. */
function grouped(bgpd: Bgpd, { address, dynamic }: BgpPeer): number {
  return dynamic || bgpd.config?.neighbors.get(address)?.group !== undefined ? 0 : 1
}

function row(bgpd: Bgpd, peer: BgpPeer, family: Family): string {
  const { address, asn, state, since } = peer
  const known = bgpd.speaker!.details(address)
  const up = state === 'Established'
  const total = (n: { open: number; update: number; notification: number; keepalive: number } | undefined): number => (n ? n.open + n.update + n.notification + n.keepalive : 0)
  const { description, shutdown } = bgpd.settings(address) ?? {}
  // what it has not offered in its OPEN is not exchanged
  const none = known?.families.includes(family) !== true
  const received = none ? 'NoNeg' : bgpd.withoutPolicy(peer, 'in', family) ? '(Policy)' : String((known?.routes ?? []).filter((r) => familyOf(r.prefix) === family).length)
  const sent = none ? 'NoNeg' : bgpd.withoutPolicy(peer, 'out', family) ? '(Policy)' : String(sentTo(bgpd, peer, family))
  const last = up ? `${received.padStart(12)} ${sent.padStart(8)}` : `${(shutdown ? 'Idle (Admin)' : state).padStart(12)} ${'0'.padStart(8)}`
  const time = up || (known?.flops ?? 0) > 0 ? ago(bgpd, since) : 'never'
  return `4 ${String(asn).padStart(10)} ${String(total(known?.received)).padStart(9)} ${String(total(known?.sent)).padStart(9)} ${String(up ? bgpd.version : 0).padStart(8)} ${'0'.padStart(4)} ${'0'.padStart(4)} ${time.padStart(8)} ${last} ${description ?? 'N/A'}`
}

export function rib(bgpd: Bgpd, family: Family, only?: string): string {
  const { config, speaker } = bgpd
  if (!config || !speaker) return NO_INSTANCE
  const rows = table(bgpd, family)
  if (only !== undefined) return detail(bgpd, rows, only)
  if (rows.length === 0) return 'No BGP prefixes displayed, 0 exist\n'
  const head = `BGP table version is ${bgpd.version}, local router ID is ${bgpd.routerId}, vrf id 0\nDefault local pref 100, local AS ${config.asn}\nStatus codes:  s suppressed, d damped, h history, * valid, > best, = multipath,\n               i internal, r RIB-failure, S Stale, R Removed\nNexthop codes: @NNN nexthop's vrf id, < announce-nh-self\nOrigin codes:  i - IGP, e - EGP, ? - incomplete\nRPKI validation codes: V valid, I invalid, N Not found\n\n   Network          Next Hop            Metric LocPrf Weight Path\n`
  let paths = 0
  const body = rows.map(({ prefix, best, paths: found }) => {
    const inside = (r: BgpRoute): boolean => speaker.peers.find((p) => p.address === r.peer)?.asn === config.asn
    const hops = best ? new Set(bgpd.hops(speaker.ways(prefix))) : new Set<Ip>()
    const lines = found.map((r) => ({ mark: r === best ? '>' : hops.has(r.nextHop) && speaker.ways(prefix).includes(r) ? '=' : ' ', inside: inside(r), nextHop: shownHop(bgpd, r), local: inside(r) ? String(r.localPreference) : '', weight: '0', path: r.asPath.map((n) => `${n} `).join('') }))
    if (speaker.announced.has(prefix)) lines.unshift({ mark: '>', inside: false, nextHop: family === 4 ? '0.0.0.0' : '::', local: '', weight: '32768', path: '' })
    paths += lines.length
    return lines.map((l, i) => {
      const network = i > 0 ? ' '.repeat(17) : prefix.length < 17 ? prefix.padEnd(17) : `${prefix}\n${' '.repeat(20)}`
      const metric = l.weight === '32768' ? '0' : ''
      return `*${l.mark}${l.inside ? 'i' : ' '}${network}${l.nextHop.length < 16 ? l.nextHop.padEnd(16) : `${l.nextHop}\n${' '.repeat(36)}`}${metric.padStart(10)}${l.local.padStart(7)}${l.weight.padStart(7)} ${l.path}i\n`
    }).join('')
  }).join('')
  return `${head}${body}\nDisplayed  ${rows.length} routes and ${paths} total paths\n`
}

/** route_vty_out_detail: of one prefix, or of the longest that holds an address. */
function detail(bgpd: Bgpd, rows: ReturnType<typeof table>, only: string): string {
  const { speaker, config } = bgpd
  const holds = (prefix: Cidr): boolean => {
    return cidrContains(prefix, only)
  }
  const found = only.includes('/') ? rows.find((r) => r.prefix === only) : rows.filter((r) => holds(r.prefix)).sort((a, b) => parseCidr(b.prefix).length - parseCidr(a.prefix).length)[0]
  if (!found || found.paths.length === 0) return '% Network not in table\n'
  const { prefix, best, paths } = found
  const ways = speaker!.ways(prefix)
  const told = speaker!.peers.filter((p) => p.state === 'Established' && bgpd.families(p.address).includes(familyOf(prefix)) && !bgpd.withoutPolicy(p, 'out', familyOf(prefix)) && p.address !== best?.peer).map((p) => p.address)
  const at = paths.findIndex((p) => p === best) + 1
  const texts = paths.map((r) => {
    const peer = speaker!.peers.find((p) => p.address === r.peer)
    const inside = peer?.asn === config!.asn
    const flags = ['valid', inside ? 'internal' : 'external', ...(ways.length > 1 && ways.includes(r) ? ['multipath'] : []), ...(r === best ? [`best (${ways.length > 1 || paths.length > 1 ? 'Older Path' : 'First path received'})`] : [])]
    const when = new Date(bgpd.clock.wall() - (bgpd.clock.now - r.since))
    return `  ${r.asPath.length > 0 ? r.asPath.join(' ') : 'Local'}\n    ${r.nextHop} from ${r.peer} (${speaker!.details(r.peer)?.id ?? '0.0.0.0'})\n${r.linkLocal === undefined ? '' : `    (${r.linkLocal}) (used)\n`}      Origin IGP${inside ? `, localpref ${r.localPreference}` : ''}, ${flags.join(', ')}\n${r.communities ? `      Community: ${r.communities.join(' ')}\n` : ''}      Last update: ${dateText(when)}\n`
  })
  return `BGP routing table entry for ${prefix}, version ${bgpd.version}\nPaths: (${paths.length} available, best #${at}, table default)\n  ${told.length > 0 ? `Advertised to non peer-group peers:\n  ${told.join(' ')}` : 'Not advertised to any peer'}\n${texts.join('')}`
}

/** ctime. */
function dateText(date: Date): string {
  const [day, month] = [['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getUTCDay()]!, ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][date.getUTCMonth()]!]
  return `${day} ${month} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()}`
}

/** Of a neighbour that has told of both, the link-local address is used. */
function shownHop(bgpd: Bgpd, { nextHop, linkLocal }: BgpRoute): Ip {
  return linkLocal !== undefined && bgpd.network.routes.lookup(nextHop)?.via === undefined ? linkLocal : nextHop
}

const CODES6 = 'Codes: K - kernel route, C - connected, S - static, R - RIPng,\n       O - OSPFv3, I - IS-IS, B - BGP, N - NHRP, T - Table,\n       v - VNC, V - VNC-Direct, A - Babel, F - PBR,\n       f - OpenFabric,\n       > - selected route, * - FIB route, q - queued, r - rejected, b - backup\n       t - trapped, o - offload failure\n\n'
const CODES = 'Codes: K - kernel route, C - connected, S - static, R - RIP,\n       O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,\n       T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,\n       f - OpenFabric,\n       > - selected route, * - FIB route, q - queued, r - rejected, b - backup\n       t - trapped, o - offload failure\n\n'

export function ipRoute(bgpd: Bgpd, family: Family, only: 'bgp' | 'connected' | 'kernel' | undefined): string {
  const kind = (r: Route): 'bgp' | 'connected' | 'kernel' => (r.protocol === 'bgp' ? 'bgp' : r.protocol === 'kernel' ? 'connected' : 'kernel')
  const letters = { bgp: 'B', connected: 'C', kernel: 'K' } as const
  const routes = bgpd.network.routes.list('main', family).filter((r) => only === undefined || kind(r) === only)
  if (routes.length === 0) return ''
  const lines = [...routes].sort((a, b) => byPrefix(a.destination, b.destination)).map((r) => {
    const what = kind(r)
    const since = ago(bgpd, what === 'bgp' ? (bgpd.since(r.destination) ?? 0) : 0)
    const inside = what === 'bgp' && bgpd.speaker?.peers.find((p) => p.address === bgpd.speaker!.routes.get(r.destination)?.peer)?.asn === bgpd.config?.asn
    const start = `${letters[what]}>* ${r.destination}${what === 'connected' ? '' : what === 'bgp' ? ` [${inside ? 200 : 20}/0]` : ` [0/${r.metric ?? 0}]`}`
    const hops = r.nexthops ?? [{ via: r.via, device: r.device }]
    return hops.map((h, i) => `${i === 0 ? start : `  *${' '.repeat(start.length - 3)}`}${h.via === undefined ? ` is directly connected, ${h.device!}` : ` via ${h.via}, ${h.device!}`}${what === 'bgp' ? ', weight 1' : ''}, ${since}\n`).join('')
  })
  return `${family === 4 ? CODES : CODES6}${lines.join('')}`
}

function familyLines(config: BgpConfig, family: Family): string[] {
  const { networks, redistribute, maximumPaths } = config.families[family]
  const lines = [...[...networks].sort(byPrefix).map((n) => `  network ${n}`), ...[...redistribute].map((r) => `  redistribute ${r}`)]
  for (const [name, { families }] of [...config.groups, ...config.neighbors]) {
    const { activate, defaultOriginate, routeMap } = families[family]
    if (activate !== undefined) lines.push(`  ${activate ? '' : 'no '}neighbor ${name} activate`)
    if (defaultOriginate) lines.push(`  neighbor ${name} default-originate`)
    for (const way of ['in', 'out'] as const) if (routeMap[way] !== undefined) lines.push(`  neighbor ${name} route-map ${routeMap[way]} ${way}`)
  }
  if (maximumPaths !== DEFAULT_PATHS) lines.push(`  maximum-paths ${maximumPaths}`)
  return lines
}

export function runningConfig(bgpd: Bgpd, hostname: string): string {
  const { config } = bgpd
  const out = ['frr version 8.4.4', 'frr defaults traditional', `hostname ${hostname}`, 'log syslog informational', 'service integrated-vtysh-config', '!']
  if (config) {
    out.push(`router bgp ${config.asn}`)
    if (config.routerId) out.push(` bgp router-id ${config.routerId}`)
    if (!config.requiresPolicy) out.push(' no bgp ebgp-requires-policy')
    if (!config.defaultIpv4) out.push(' no bgp default ipv4-unicast')
    const describe = (name: string, n: NeighborConfig, group: boolean): void => {
      if (group) out.push(` neighbor ${name} peer-group`)
      if (n.remoteAs !== undefined) out.push(` neighbor ${name} remote-as ${n.remoteAs}`)
      if (n.group !== undefined) out.push(` neighbor ${name} peer-group ${n.group}`)
      if (n.description !== undefined) out.push(` neighbor ${name} description ${n.description}`)
      if (n.shutdown) out.push(` neighbor ${name} shutdown`)
      if (n.passive) out.push(` neighbor ${name} passive`)
    }
    for (const [name, n] of config.groups) describe(name, n, true)
    for (const [name, n] of config.neighbors) describe(name, n, false)
    if (config.timers) out.push(` timers bgp ${config.timers.keepalive} ${config.timers.hold}`)
    for (const [range, group] of config.listen) out.push(` bgp listen range ${range} peer-group ${group}`)
    for (const family of FAMILIES) {
      const lines = familyLines(config, family)
      if (lines.length > 0) out.push(' !', ` address-family ipv${family} unicast`, ...lines, ' exit-address-family')
    }
    out.push('exit', '!')
  }
  for (const [name, action] of bgpd.routeMaps) out.push(`route-map ${name} ${action} 10`, 'exit', '!')
  out.push('end')
  return `Building configuration...\n\nCurrent configuration:\n!\n${out.join('\n')}\n`
}
