import { socketInode } from '../network/format.ts'
import type { Bridge, Link, NetworkNamespace, SocketInfo } from '../network/types.ts'
import { netstat, snmp } from './proc-snmp.ts'

/** /proc/net and /sys/class/net of a network namespace, in the kernel's formats (net/ipv4/fib_trie.c, arp.c, tcp_ipv4.c, net/core/net-procfs.c). */

/** An IPv4 address as the kernel of a little-endian machine prints its 32 bits. */
function hex4(ip: string): string {
  return ip.split('.').reverse().map((part) => Number(part).toString(16).padStart(2, '0')).join('').toUpperCase()
}

/** The 16 bytes of an IPv6 address. */
function bytes6(ip: string): number[] {
  const [head = '', tail] = ip.split('::') as [string, string?]
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((w) => Number.parseInt(w, 16)))
  const [a, b] = [words(head), words(tail ?? '')]
  return [...a, ...Array<number>(tail === undefined ? 0 : 8 - a.length - b.length).fill(0), ...b].flatMap((w) => [w >> 8, w & 255])
}

const hexBytes = (bytes: readonly number[]): string => bytes.map((b) => b.toString(16).padStart(2, '0')).join('')

/** As four little-endian words, in capitals. */
function hex6(ip: string): string {
  const bytes = bytes6(ip)
  return [0, 4, 8, 12].map((i) => hexBytes(bytes.slice(i, i + 4).reverse())).join('').toUpperCase()
}

const ordered = (network: NetworkNamespace): Link[] => [...network.links.values()].sort((a, b) => a.index - b.index)

function dev(network: NetworkNamespace): string {
  const n = (value: number, width: number): string => String(value).padStart(width)
  const rows = ordered(network).map(({ name, statistics: s }) =>
    `${name.padStart(6)}: ${n(s.rxBytes, 7)} ${n(s.rxPackets, 7)} ${n(0, 4)} ${n(s.rxDropped, 4)} ${n(0, 4)} ${n(0, 5)} ${n(0, 10)} ${n(0, 9)} ${n(s.txBytes, 8)} ${n(s.txPackets, 7)} ${n(0, 4)} ${n(s.txDropped, 4)} ${n(0, 4)} ${n(0, 5)} ${n(0, 7)} ${n(0, 10)}\n`)
  return `Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n${rows.join('')}`
}

function route(network: NetworkNamespace): string {
  const line = (text: string): string => `${text.padEnd(127)}\n`
  const rows = network.routes.list('main').map((r) => {
    const [target, length] = r.destination.split('/') as [string, string]
    const via = r.via ?? r.nexthops?.[0]?.via
    const rejects = r.type === 'unreachable' || r.type === 'prohibit'
    const flags = 1 | (via === undefined ? 0 : 2) | (length === '32' ? 4 : 0) | (rejects ? 0x200 : 0)
    const mask = [0, 8, 16, 24].map((shift) => (0xff00 >> Math.max(0, Math.min(8, Number(length) - shift))) & 0xff).join('.')
    return line([r.device ?? r.nexthops?.[0]?.device ?? '*', hex4(target), hex4(via ?? '0.0.0.0'), flags.toString(16).toUpperCase().padStart(4, '0'), 0, 0, r.metric ?? 0, hex4(mask), 0, 0, 0].join('\t'))
  })
  return line('Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT') + rows.join('')
}

function arp(network: NetworkNamespace): string {
  const rows = network.neighbours.list().filter((n) => !n.ip.includes(':')).map((n) => {
    const flags = n.state === 'PERMANENT' ? 6 : n.state === 'INCOMPLETE' || n.state === 'FAILED' ? 0 : 2
    return `${n.ip.padEnd(16)} 0x${'1'.padEnd(10)}0x${flags.toString(16).padEnd(10)}${n.mac ?? '00:00:00:00:00:00'}     *        ${n.device}\n`
  })
  return `IP address       HW type     Flags       HW address            Mask     Device\n${rows.join('')}`
}

const STATES: Readonly<Record<SocketInfo['state'], number>> = { ESTAB: 1, 'SYN-SENT': 2, 'SYN-RECV': 3, 'FIN-WAIT-1': 4, 'FIN-WAIT-2': 5, 'TIME-WAIT': 6, CLOSED: 7, UNCONN: 7, 'CLOSE-WAIT': 8, 'LAST-ACK': 9, LISTEN: 10, CLOSING: 11 }

function sockets(network: NetworkNamespace, protocol: 'tcp' | 'udp', v6: boolean): string {
  const hex = (n: number, width: number): string => n.toString(16).toUpperCase().padStart(width, '0')
  const address = (ip: string): string => (!v6 ? hex4(ip) : ip.includes(':') ? hex6(ip) : `0000000000000000FFFF0000${hex4(ip)}`)
  const rows = network.sockets.list().filter((s) => s.protocol === protocol && (s.mapped === true || s.localAddress.includes(':')) === v6)
  const text = rows.map((s, i) =>
    `${String(i).padStart(protocol === 'tcp' ? 4 : 5)}: ${address(s.localAddress)}:${hex(s.localPort, 4)} ${address(s.remoteAddress)}:${hex(s.remotePort, 4)} ${hex(STATES[s.state], 2)} ${hex(s.state === 'LISTEN' ? 0 : s.sendQueue, 8)}:${hex(s.receiveQueue, 8)} 00:00000000 00000000     0        0 ${socketInode(network, s)} ${protocol === 'tcp' ? '1 0000000000000000 100 0 0 10 0' : '2 0000000000000000 0'}`)
  const local = v6 ? 'local_address                         remote_address                       ' : protocol === 'tcp' ? 'local_address rem_address  ' : 'local_address rem_address  '
  const head = `  ${protocol === 'udp' && !v6 ? ' ' : ''}sl  ${local} st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode${protocol === 'udp' ? ' ref pointer drops' : ''}`
  return [head, ...text].map((l) => `${protocol === 'tcp' && !v6 ? l.padEnd(149) : protocol === 'udp' && !v6 ? l.padEnd(127) : l}\n`).join('')
}

function ifInet6(network: NetworkNamespace): string {
  const scopes = { global: 0, link: 0x20, host: 0x10 }
  return ordered(network).flatMap((l) => l.addresses.filter((a) => a.address.includes(':')).map((a) =>
    `${hexBytes(bytes6(a.address))} ${l.index.toString(16).padStart(2, '0')} ${a.prefixLength.toString(16).padStart(2, '0')} ${scopes[a.scope].toString(16).padStart(2, '0')} 80 ${l.name.padStart(8)}\n`)).join('')
}

/** The files of /proc/net. */
export const PROC_NET: Readonly<Record<string, (network: NetworkNamespace) => string>> = {
  arp, dev, route, snmp, netstat, if_inet6: ifInet6,
  tcp: (n) => sockets(n, 'tcp', false), tcp6: (n) => sockets(n, 'tcp', true), udp: (n) => sockets(n, 'udp', false), udp6: (n) => sockets(n, 'udp', true),
}

function flags(link: Link): number {
  return (link.up ? 1 : 0) | (link.kind === 'loopback' ? 8 : 0x1002)
}

/** The files of /sys/class/net/LINK. */
export const SYS_NET: Readonly<Record<string, (link: Link) => string>> = {
  address: (l) => l.mac,
  carrier: (l) => (l.carrier ? '1' : '0'),
  flags: (l) => `0x${flags(l).toString(16)}`,
  ifindex: (l) => String(l.index),
  iflink: (l) => String((l.peer ?? l.lower)?.index ?? l.index),
  mtu: (l) => String(l.mtu),
  operstate: (l) => (['loopback', 'vxlan', 'dummy', 'ipip', 'geneve', 'wireguard'].includes(l.kind) && l.up ? 'unknown' : !l.up ? 'down' : l.carrier ? 'up' : l.peer || l.lower ? 'lowerlayerdown' : 'down'),
  type: (l) => (l.kind === 'loopback' ? '772' : l.kind === 'ipip' ? '768' : l.kind === 'wireguard' ? '65534' : '1'),
}

/** The files of /sys/class/net/LINK/statistics. */
export const SYS_NET_STATISTICS: Readonly<Record<string, (link: Link) => string>> = {
  rx_bytes: (l) => String(l.statistics.rxBytes), rx_packets: (l) => String(l.statistics.rxPackets), rx_dropped: (l) => String(l.statistics.rxDropped), rx_errors: () => '0',
  tx_bytes: (l) => String(l.statistics.txBytes), tx_packets: (l) => String(l.statistics.txPackets), tx_dropped: (l) => String(l.statistics.txDropped), tx_errors: () => '0',
}

/** The files of a bridge's port (net/bridge/br_sysfs_if.c): brport of the link, and brif of its bridge; `write` is as root may. */
interface PortFile { read(bridge: Bridge, port: Link): string; write?(bridge: Bridge, port: Link, text: string): void }

export const SYS_NET_PORT: Readonly<Record<string, PortFile>> = {
  hairpin_mode: { read: (bridge, port) => (bridge.isHairpin(port) ? '1' : '0'), write: (bridge, port, text) => bridge.hairpin(port, Number(text) !== 0) },
  path_cost: { read: () => '2' },
  priority: { read: () => '32' },
  state: { read: (_, port) => (port.up && port.carrier ? '3' : '0') },
}

/** "net/ipv4/ip_forward" below /proc/sys, from "net.ipv4.ip_forward". A "/" in a setting's key is a "." in an interface's name. */
export function sysctlTree(network: NetworkNamespace): Map<string, string> {
  return new Map(network.sysctls().map((key) => [key.split('.').map((part) => part.replaceAll('/', '.')).join('/'), key]))
}
