import { joinHostPort } from '../../../network/address.ts'
import type { Cidr } from '../../../network/types.ts'
import { columns } from '../commands/context.ts'
import type { BgpController } from './controller.ts'
import type { Told } from './neighbor.ts'

/** The tables of `cilium-dbg bgp` and `cilium bgp` (pkg/bgpv1/api/printers.go of cilium/cilium v1.17, bgp/*.go of its cilium-cli). */
type Family = 'ipv4' | 'ipv6'

/** "1h2m3s", as Go writes a duration of whole seconds. */
function duration(ms: number): string {
  const all = Math.round(ms / 1000)
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60]
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`
}

/** One peer's cells; of each further family its own. */
function peerRows(bgp: BgpController, now: number, withPort: boolean): string[][] {
  const peers = bgp.instances.flatMap(({ asn, peers: all }) => all.map(({ neighbor }) => ({ asn, neighbor })))
  peers.sort((a, b) => a.asn - b.asn || (a.neighbor.options.address < b.neighbor.options.address ? -1 : 1))
  return peers.flatMap(({ asn, neighbor }) => {
    const { options, state, since } = neighbor
    const head = [String(asn), String(options.asn), withPort ? joinHostPort(options.address, options.port) : options.address, state, state === 'established' ? duration(now - since) : '0s']
    return [...options.families].sort().map((family, i) => {
      const { received, advertised } = neighbor.counts(family)
      return [...(i === 0 ? head : head.map(() => '')), `${family}/unicast`, String(received), String(advertised)]
    })
  })
}

export function peersTable(bgp: BgpController, now: number): string {
  return columns([['Local AS', 'Peer AS', 'Peer Address', 'Session', 'Uptime', 'Family', 'Received', 'Advertised'], ...peerRows(bgp, now, true)])
}

export interface RouteQuery { readonly table: 'available' | 'advertised'; readonly family: Family; readonly asn?: number; readonly peer?: string }

function routeRows(bgp: BgpController, now: number, { table, family, asn, peer }: RouteQuery): string[][] {
  const of = (prefix: Cidr): boolean => prefix.includes(':') === (family === 'ipv6')
  const rows: string[][] = []
  for (const instance of bgp.instances) {
    if (asn !== undefined && instance.asn !== asn) continue
    const none = family === 'ipv6' ? '::' : '0.0.0.0'
    if (table === 'available') for (const [prefix, since] of bgp.table(instance.name)) if (of(prefix)) rows.push([String(instance.asn), '', prefix, none, duration(now - since), `[{Origin: i} {Nexthop: ${none}}]`])
    if (table === 'advertised') {
      for (const { neighbor } of instance.peers) {
        const { address } = neighbor.options
        if (peer === undefined || peer === address) for (const told of neighbor.told) if (of(told.prefix)) rows.push([String(instance.asn), address, told.prefix, told.nextHop, duration(now - told.since), attributes(told, instance.asn, neighbor.options.asn === instance.asn)])
      }
    }
  }
  return rows.sort((a, b) => Number(a[0]) - Number(b[0]) || compare(a[1]!, b[1]!) || compare(a[2]!, b[2]!))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function attributes({ nextHop, communities, localPreference }: Told, asn: number, inside: boolean): string {
  return `[${['{Origin: i}', `{AsPath: ${inside ? '' : asn}}`, `{Nexthop: ${nextHop}}`, ...(inside ? [`{LocalPref: ${localPreference ?? 100}}`] : []), ...(communities.length > 0 ? [`{Communities: ${communities.join(', ')}}`] : [])].join(' ')}]`
}

export function routesTable(bgp: BgpController, now: number, query: RouteQuery): string {
  const withPeer = query.table === 'advertised' && query.peer === undefined
  const cut = ([asn, peer, ...rest]: readonly string[]): string[] => [asn!, ...(withPeer ? [peer!] : []), ...rest]
  return columns([cut(['VRouter', 'Peer', 'Prefix', 'NextHop', 'Age', 'Attrs']), ...routeRows(bgp, now, query).map(cut)])
}

/** Of all nodes, as `cilium bgp` prints it: by the nodes' names. */
export function nodesPeersTable(nodes: readonly (readonly [name: string, bgp: BgpController])[], now: number): string {
  const rows = nodes.flatMap(([name, bgp]) => peerRows(bgp, now, false).map((row, i) => [i === 0 ? name : '', ...row, '']))
  return columns([['Node', 'Local AS', 'Peer AS', 'Peer Address', 'Session State', 'Uptime', 'Family', 'Received', 'Advertised'], ...rows])
}

export function nodesRoutesTable(nodes: readonly (readonly [name: string, bgp: BgpController])[], now: number, query: RouteQuery): string {
  const withPeer = query.table === 'advertised'
  const cut = ([asn, peer, ...rest]: readonly string[]): string[] => [asn!, ...(withPeer ? [peer!] : []), ...rest]
  const rows = nodes.flatMap(([name, bgp]) => routeRows(bgp, now, query).map((row, i) => [i === 0 ? name : '', ...cut(row), '']))
  return columns([['Node', ...cut(['VRouter', 'Peer', 'Prefix', 'NextHop', 'Age', 'Attrs'])], ...rows])
}

/** [available|advertised] [afi] [safi] [vrouter ASN] [peer|neighbor ADDRESS]; a text: what is wrong. `said`: what stands in for what is left out. */
export function readRouteQuery(args: readonly string[]): { query: RouteQuery; said: string } | string {
  const [table, afi, safi, ...rest] = args
  if (table === undefined) return { query: { table: 'available', family: 'ipv4' }, said: '(Defaulting to `available ipv4 unicast` routes, please see help for more options)\n\n' }
  if (table !== 'available' && table !== 'advertised') return `invalid argument: invalid table type discriminator \`${table}\` (should be \`available\` / \`advertised\`)`
  if (afi === undefined) return { query: { table, family: 'ipv4' }, said: '(Defaulting to `ipv4 unicast` AFI & SAFI, please see help for more options)\n\n' }
  if (afi !== 'ipv4' && afi !== 'ipv6') return `invalid argument: unknown AFI ${afi}`
  if (safi === undefined) return { query: { table, family: afi }, said: '(Defaulting to `unicast` SAFI, please see help for more options)\n\n' }
  if (safi !== 'unicast') return `invalid argument: unknown SAFI ${safi}`
  let left = rest
  let asn: number | undefined
  if (left[0] === 'vrouter') {
    if (left[1] === undefined) return 'failed to parse vrouter ASN: missing vrouter ASN value'
    if (!/^\d+$/.test(left[1])) return `failed to parse vrouter ASN: invalid vrouter ASN: strconv.ParseInt: parsing ${JSON.stringify(left[1])}: invalid syntax`
    asn = Number(left[1])
    left = left.slice(2)
  }
  let peer: string | undefined
  if (table === 'advertised' && left.length > 0) {
    if (left[0] !== 'peer' && left[0] !== 'neighbor') return 'failed to parse peer address: missing `peer` parameter'
    if (left[1] === undefined) return 'failed to parse peer address: missing peer IP address'
    ;[, peer] = left
  }
  return { query: { table, family: afi, ...(asn === undefined ? {} : { asn }), ...(peer === undefined ? {} : { peer }) }, said: '' }
}
