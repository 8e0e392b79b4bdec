import type { BgpPeer, BgpRoute } from '../../cni/bgp/speaker.ts'
import { compareIp, ipNumber, parseCidr } from '../../network/address.ts'
import type { Cidr, Ip, Route } from '../../network/types.ts'
import type { Bgpd, NeighborConfig } from './bgpd.ts'

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
function table(bgpd: Bgpd): { prefix: Cidr; best: BgpRoute | undefined; paths: readonly BgpRoute[] }[] {
  const { speaker } = bgpd
  if (!speaker) return []
  const prefixes = new Set([...speaker.announced.keys(), ...speaker.routes.keys()])
  const all = speaker.peers.flatMap((p) => [...(speaker.details(p.address)?.routes ?? [])])
  return [...prefixes].filter((p) => !p.includes(':')).sort(byPrefix).map((prefix) => ({ prefix, best: speaker.announced.has(prefix) ? undefined : speaker.routes.get(prefix), paths: all.filter((r) => r.prefix === prefix) }))
}

function byPrefix(a: Cidr, b: Cidr): number {
  const [x, y] = [parseCidr(a), parseCidr(b)]
  return compareIp(x.network, y.network) || x.length - y.length
}

/** Nodes of the tree that the table is: those where two prefixes part count, too. */
function entries(prefixes: readonly Cidr[]): number {
  const bits = (cidr: Cidr): string => ipNumber(parseCidr(cidr).network).toString(2).padStart(32, '0').slice(0, parseCidr(cidr).length)
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

function sentTo(bgpd: Bgpd, peer: BgpPeer): number {
  const { speaker } = bgpd
  const own = [...speaker!.announced.keys()].length
  return own + [...speaker!.routes.values()].filter((r) => r.peer !== peer.address && !speaker!.announced.has(r.prefix)).length
}

export function summary(bgpd: Bgpd): string {
  const { config, speaker } = bgpd
  if (!config || !speaker) return NO_INSTANCE
  const head = '\nIPv4 Unicast Summary (VRF default):\n'
  const silent = [...config.neighbors.keys()].filter((address) => !speaker.peers.some((p) => p.address === address) && bgpd.settings(address)?.remoteAs !== undefined)
  const peers: BgpPeer[] = [...speaker.peers, ...silent.map((address): BgpPeer => ({ address, asn: typeof bgpd.settings(address)!.remoteAs === 'number' ? (bgpd.settings(address)!.remoteAs as number) : 0, state: 'Idle', since: 0 }))].sort((a, b) => compareIp(a.address, b.address))
  if (peers.length === 0) return '% No BGP neighbors found in VRF default\n'
  const count = entries(table(bgpd).map((t) => t.prefix))
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
  for (const peer of peers) lines.push(`${`${peer.dynamic ? '*' : ''}${peer.address}`.padEnd(width)}${row(bgpd, peer)}`)
  lines.push('', `Total number of neighbors ${peers.length}`)
  const dynamic = peers.filter((p) => p.dynamic).length
  if (dynamic > 0) lines.push('* - dynamic neighbor', `${dynamic} dynamic neighbor(s), limit 100`)
  return `${head}${lines.join('\n')}\n`
}

function row(bgpd: Bgpd, peer: BgpPeer): string {
  const { address, asn, state, since } = peer
  const known = bgpd.speaker!.details(address)
  const up = state === 'Established'
  const total = (n: { open: number; update: number; notification: number; keepalive: number } | undefined): number => (n ? n.open + n.update + n.notification + n.keepalive : 0)
  const { description, shutdown } = bgpd.settings(address) ?? {}
  const received = bgpd.withoutPolicy(peer, 'in') ? '(Policy)' : String(known?.routes.length ?? 0)
  const sent = bgpd.withoutPolicy(peer, 'out') ? '(Policy)' : String(sentTo(bgpd, peer))
  const last = up ? `${received.padStart(12)} ${sent.padStart(8)}` : `${(shutdown ? 'Idle (Admin)' : state).padStart(12)} ${'0'.padStart(8)}`
  const time = up || (known?.flops ?? 0) > 0 ? ago(bgpd, since) : 'never'
  return `4 ${String(asn).padStart(10)} ${String(total(known?.received)).padStart(9)} ${String(total(known?.sent)).padStart(9)} ${String(up ? bgpd.version : 0).padStart(8)} ${'0'.padStart(4)} ${'0'.padStart(4)} ${time.padStart(8)} ${last} ${description ?? 'N/A'}`
}

export function rib(bgpd: Bgpd, only?: string): string {
  const { config, speaker } = bgpd
  if (!config || !speaker) return NO_INSTANCE
  const rows = table(bgpd)
  if (only !== undefined) return detail(bgpd, rows, only)
  if (rows.length === 0) return 'No BGP prefixes displayed, 0 exist\n'
  const head = `BGP table version is ${bgpd.version}, local router ID is ${bgpd.routerId}, vrf id 0\nDefault local pref 100, local AS ${config.asn}\nStatus codes:  s suppressed, d damped, h history, * valid, > best, = multipath,\n               i internal, r RIB-failure, S Stale, R Removed\nNexthop codes: @NNN nexthop's vrf id, < announce-nh-self\nOrigin codes:  i - IGP, e - EGP, ? - incomplete\nRPKI validation codes: V valid, I invalid, N Not found\n\n   Network          Next Hop            Metric LocPrf Weight Path\n`
  let paths = 0
  const body = rows.map(({ prefix, best, paths: found }) => {
    const inside = (r: BgpRoute): boolean => speaker.peers.find((p) => p.address === r.peer)?.asn === config.asn
    const hops = best ? new Set(bgpd.hops(speaker.ways(prefix))) : new Set<Ip>()
    const lines = found.map((r) => ({ mark: r === best ? '>' : hops.has(r.nextHop) && speaker.ways(prefix).includes(r) ? '=' : ' ', inside: inside(r), nextHop: r.nextHop, local: inside(r) ? String(r.localPreference) : '', weight: '0', path: r.asPath.map((n) => `${n} `).join('') }))
    if (speaker.announced.has(prefix)) lines.unshift({ mark: '>', inside: false, nextHop: '0.0.0.0', local: '', weight: '32768', path: '' })
    paths += lines.length
    return lines.map((l, i) => {
      const network = i > 0 ? ' '.repeat(17) : prefix.length < 17 ? prefix.padEnd(17) : `${prefix}\n${' '.repeat(20)}`
      const metric = l.weight === '32768' ? '0' : ''
      return `*${l.mark}${l.inside ? 'i' : ' '}${network}${l.nextHop.padEnd(16)}${metric.padStart(10)}${l.local.padStart(7)}${l.weight.padStart(7)} ${l.path}i\n`
    }).join('')
  }).join('')
  return `${head}${body}\nDisplayed  ${rows.length} routes and ${paths} total paths\n`
}

/** route_vty_out_detail: of one prefix, or of the longest that holds an address. */
function detail(bgpd: Bgpd, rows: ReturnType<typeof table>, only: string): string {
  const { speaker, config } = bgpd
  const holds = (prefix: Cidr): boolean => {
    const { network, length } = parseCidr(prefix)
    return length === 0 || ipNumber(network) >> BigInt(32 - length) === ipNumber(only) >> BigInt(32 - length)
  }
  const found = only.includes('/') ? rows.find((r) => r.prefix === only) : rows.filter((r) => holds(r.prefix)).sort((a, b) => parseCidr(b.prefix).length - parseCidr(a.prefix).length)[0]
  if (!found || found.paths.length === 0) return '% Network not in table\n'
  const { prefix, best, paths } = found
  const ways = speaker!.ways(prefix)
  const told = speaker!.peers.filter((p) => p.state === 'Established' && !bgpd.withoutPolicy(p, 'out') && p.address !== best?.peer).map((p) => p.address)
  const at = paths.findIndex((p) => p === best) + 1
  const texts = paths.map((r) => {
    const peer = speaker!.peers.find((p) => p.address === r.peer)
    const inside = peer?.asn === config!.asn
    const flags = ['valid', inside ? 'internal' : 'external', ...(ways.length > 1 && ways.includes(r) ? ['multipath'] : []), ...(r === best ? [`best (${ways.length > 1 || paths.length > 1 ? 'Older Path' : 'First path received'})`] : [])]
    const when = new Date(bgpd.clock.wall() - (bgpd.clock.now - r.since))
    return `  ${r.asPath.length > 0 ? r.asPath.join(' ') : 'Local'}\n    ${r.nextHop} from ${r.peer} (${speaker!.details(r.peer)?.id ?? '0.0.0.0'})\n      Origin IGP${inside ? `, localpref ${r.localPreference}` : ''}, ${flags.join(', ')}\n${r.communities ? `      Community: ${r.communities.join(' ')}\n` : ''}      Last update: ${dateText(when)}\n`
  })
  return `BGP routing table entry for ${prefix}, version ${bgpd.version}\nPaths: (${paths.length} available, best #${at}, table default)\n  ${told.length > 0 ? `Advertised to non peer-group peers:\n  ${told.join(' ')}` : 'Not advertised to any peer'}\n${texts.join('')}`
}

/** ctime. */
function dateText(date: Date): string {
  const [day, month] = [['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getUTCDay()]!, ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][date.getUTCMonth()]!]
  return `${day} ${month} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()}`
}

const CODES = 'Codes: K - kernel route, C - connected, S - static, R - RIP,\n       O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,\n       T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,\n       f - OpenFabric,\n       > - selected route, * - FIB route, q - queued, r - rejected, b - backup\n       t - trapped, o - offload failure\n\n'

export function ipRoute(bgpd: Bgpd, only: 'bgp' | 'connected' | 'kernel' | undefined): string {
  const kind = (r: Route): 'bgp' | 'connected' | 'kernel' => (r.protocol === 'bgp' ? 'bgp' : r.protocol === 'kernel' ? 'connected' : 'kernel')
  const letters = { bgp: 'B', connected: 'C', kernel: 'K' } as const
  const routes = bgpd.network.routes.list('main', 4).filter((r) => only === undefined || kind(r) === only)
  if (routes.length === 0) return ''
  const lines = [...routes].sort((a, b) => byPrefix(a.destination, b.destination)).map((r) => {
    const what = kind(r)
    const since = ago(bgpd, what === 'bgp' ? (bgpd.since(r.destination) ?? 0) : 0)
    const inside = what === 'bgp' && bgpd.speaker?.peers.find((p) => p.address === bgpd.speaker!.routes.get(r.destination)?.peer)?.asn === bgpd.config?.asn
    const start = `${letters[what]}>* ${r.destination}${what === 'connected' ? '' : what === 'bgp' ? ` [${inside ? 200 : 20}/0]` : ` [0/${r.metric ?? 0}]`}`
    const hops = r.nexthops ?? [{ via: r.via, device: r.device }]
    return hops.map((h, i) => `${i === 0 ? start : `  *${' '.repeat(start.length - 3)}`}${h.via === undefined ? ` is directly connected, ${h.device!}` : ` via ${h.via}, ${h.device!}`}${what === 'bgp' ? ', weight 1' : ''}, ${since}\n`).join('')
  })
  return `${CODES}${lines.join('')}`
}

export function runningConfig(bgpd: Bgpd, hostname: string): string {
  const { config } = bgpd
  const out = ['frr version 8.4.4', 'frr defaults traditional', `hostname ${hostname}`, 'log syslog informational', 'service integrated-vtysh-config', '!']
  if (config) {
    out.push(`router bgp ${config.asn}`)
    if (config.routerId) out.push(` bgp router-id ${config.routerId}`)
    if (!config.requiresPolicy) out.push(' no bgp ebgp-requires-policy')
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
    const family: string[] = [...[...config.networks].sort(byPrefix).map((n) => `  network ${n}`), ...[...config.redistribute].map((r) => `  redistribute ${r}`)]
    for (const [name, n] of [...config.groups, ...config.neighbors]) {
      if (n.defaultOriginate) family.push(`  neighbor ${name} default-originate`)
      for (const way of ['in', 'out'] as const) if (n.routeMap[way] !== undefined) family.push(`  neighbor ${name} route-map ${n.routeMap[way]!} ${way}`)
    }
    if (config.maximumPaths !== 256) family.push(`  maximum-paths ${config.maximumPaths}`)
    if (family.length > 0) out.push(' !', ' address-family ipv4 unicast', ...family, ' exit-address-family')
    out.push('exit', '!')
  }
  for (const [name, action] of bgpd.routeMaps) out.push(`route-map ${name} ${action} 10`, 'exit', '!')
  out.push('end')
  return `Building configuration...\n\nCurrent configuration:\n!\n${out.join('\n')}\n`
}
