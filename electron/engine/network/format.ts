import type { Ip, Mac, NeighbourState, NetworkNamespace, Route, SocketInfo } from './types.ts'

/** Table rows as iproute2 6.1 prints them, for journeys and for the tools. No trailing blanks. */

/** A destination as `ip route` prints it: "default", a plain address for a host route. */
export function formatDestination(route: Route): string {
  if (route.destination === '0.0.0.0/0' || route.destination === '::/0') return 'default'
  const slash = route.destination.indexOf('/')
  const length = route.destination.slice(slash + 1)
  const host = route.destination.includes(':') ? '128' : '32'
  return length === host ? route.destination.slice(0, slash) : route.destination
}

/** A row of `ip route` (iproute.c, print_route); `linkdown` when the device has no carrier; `table` where it is to be named. */
export interface RouteFormat {
  linkdown?: boolean
  table?: string
  /** With the words that go without saying (`-d`): unicast, proto boot, scope global, where the route has them. */
  details?: boolean
  /** Whether one of several ways cannot be used, and whether its link lacks carrier. */
  down?(link: string): boolean
  lacksCarrier?(link: string): boolean
}

export function formatRoute(route: Route, options?: RouteFormat): string {
  if (route.destination.includes(':')) return formatRoute6(route, options)
  let text = route.type && (route.type !== 'unicast' || options?.details) ? `${route.type} ` : ''
  text += formatDestination(route)
  if (route.via) text += ` via ${route.via}`
  if (route.device) text += ` dev ${route.device}`
  if (options?.table) text += ` table ${options.table}`
  if (route.protocol && (route.protocol !== 'boot' || options?.details)) text += ` proto ${route.protocol}`
  if (route.scope && (route.scope !== 'global' || options?.details)) text += ` scope ${route.scope}`
  if (route.source) text += ` src ${route.source}`
  if (route.metric) text += ` metric ${route.metric}`
  if (route.onlink) text += ' onlink'
  if (options?.linkdown) text += ' linkdown'
  if (route.mtu !== undefined) text += ` mtu ${route.mtuLocked ? 'lock ' : ''}${route.mtu}`
  return text + formatWays(route, options)
}

/** The lines of a route with several ways. */
function formatWays(route: Route, options?: RouteFormat): string {
  let text = ''
  for (const { via, device, weight, onlink } of route.nexthops ?? []) {
    text += `\n\tnexthop${via ? ` via ${via}` : ''} dev ${device} weight ${weight ?? 1}${onlink ? ' onlink' : ''}${!device ? '' : options?.down?.(device) ? ' dead linkdown' : options?.lacksCarrier?.(device) ? ' linkdown' : ''}`
  }
  return text
}

/** A row of `ip -6 route`: no scope, always a metric, and the router preference (RFC 4191). */
function formatRoute6(route: Route, options?: RouteFormat): string {
  let text = route.type && (route.type !== 'unicast' || options?.details) ? `${route.type} ` : ''
  text += formatDestination(route)
  if (route.via) text += ` via ${route.via}`
  if (route.device) text += ` dev ${route.device}`
  if (options?.table) text += ` table ${options.table}`
  if (route.protocol && (route.protocol !== 'boot' || options?.details)) text += ` proto ${route.protocol}`
  if (route.scope && options?.details) text += ` scope ${route.scope}`
  if (route.source) text += ` src ${route.source}`
  text += ` metric ${route.metric ?? 0}`
  if (route.onlink) text += ' onlink'
  if (options?.linkdown) text += ' linkdown'
  return `${text} pref medium${formatWays(route, options)}`
}

/** A row of `ip neigh`. */
export function formatNeighbour(entry: { ip: Ip; device: string; mac?: Mac; state: NeighbourState; router?: boolean }): string {
  return `${entry.ip} dev ${entry.device}${entry.mac ? ` lladdr ${entry.mac}` : ''}${entry.router ? ' router' : ''} ${entry.state}`
}

/** A row of `bridge fdb`. */
export function formatBridgeFdb(entry: { mac: Mac; port: string; isLocal: boolean; vlan?: number }, bridge: string): string {
  return `${entry.mac} dev ${entry.port}${entry.vlan === undefined ? '' : ` vlan ${entry.vlan}`} master ${bridge}${entry.isLocal ? ' permanent' : ''}`
}

/** A VXLAN device's row of `bridge fdb`. */
export function formatVxlanFdb(entry: { mac: Mac; vtep: Ip }, device: string, learned: boolean): string {
  return `${entry.mac} dev ${device} dst ${entry.vtep} self${learned ? '' : ' permanent'}`
}

/** The number of a socket's inode, as /proc/net and ss -e show it. */
export function socketInode(network: Pick<NetworkNamespace, 'id'>, socket: SocketInfo): number {
  return 20_000 + (network.id & 0xffff) * 64 + (socket.number ?? socket.localPort)
}

/** A row of `ss -np`, single blanks between the columns. */
export function formatSocket(socket: SocketInfo): string {
  const end = (address: Ip, port: number): string => {
    const host = address.includes(':') ? `[${address}]` : address
    return `${host}:${port === 0 ? '*' : port}`
  }
  const users = socket.owner ? ` users:(("${socket.owner.program}",pid=${socket.owner.pid}))` : ''
  return `${socket.protocol} ${socket.state} ${socket.receiveQueue} ${socket.sendQueue} ${end(socket.localAddress, socket.localPort)} ${end(socket.remoteAddress, socket.remotePort)}${users}`
}
