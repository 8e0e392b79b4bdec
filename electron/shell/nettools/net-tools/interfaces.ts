import type { Link, NetworkNamespace } from '../../../engine/cluster.ts'
import { flagNames, queueLength } from '../ip/print.ts'

/** How ifconfig and netstat -i show links: net-tools 2.10's way and busybox's. */

const FLAGS: readonly [name: string, bit: number, letter: string][] = [
  ['UP', 1, 'U'], ['BROADCAST', 2, 'B'], ['LOOPBACK', 8, 'L'], ['POINTOPOINT', 16, 'P'], ['RUNNING', 64, 'R'], ['NOARP', 128, 'O'], ['PROMISC', 256, 'P'], ['ALLMULTI', 512, 'A'], ['MULTICAST', 4096, 'M'],
]

/** IFF_ names as the ioctl gives them. */
function interfaceFlags(link: Link): string[] {
  const names = new Set(flagNames(link))
  if (link.up && link.carrier) names.add('RUNNING')
  return FLAGS.map(([name]) => name).filter((name) => names.has(name))
}

export function flagBits(link: Link): number {
  const names = interfaceFlags(link)
  return FLAGS.reduce((sum, [name, bit]) => sum + (names.includes(name) ? bit : 0), 0)
}

/** By name, numbers in it by their value. */
export function sortedLinks(network: NetworkNamespace): Link[] {
  const parts = (name: string): [string, number] => [name.replace(/\d+$/, ''), Number(/\d+$/.exec(name)?.[0] ?? -1)]
  return [...network.links.values()].sort((a, b) => {
    const [x, m] = parts(a.name)
    const [y, n] = parts(b.name)
    return x === y ? m - n : x < y ? -1 : 1
  })
}

/** "29.9 KiB": cut, not rounded. */
function human(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let tenths = bytes * 10
  while (tenths > 10_240 && unit < units.length - 1) {
    tenths = Math.floor(tenths / 1024)
    unit++
  }
  return `${Math.floor(tenths / 10)}.${tenths % 10} ${units[unit]}`
}

export function netmask(length: number): string {
  return [0, 8, 16, 24].map((shift) => (0xff00 >> Math.max(0, Math.min(8, length - shift))) & 0xff).join('.')
}

const SCOPES = { global: '0x0<global>', link: '0x20<link>', host: '0x10<host>' } as const

/** A block of ifconfig's. */
export function interfaceText(link: Link): string {
  const names = interfaceFlags(link)
  const first = link.addresses.find((a) => !a.address.includes(':'))
  let text = `${link.name}: flags=${flagBits(link)}<${names.join(',')}>  mtu ${link.mtu}\n`
  if (first) text += `        inet ${first.address}  netmask ${netmask(first.prefixLength)}${names.includes('BROADCAST') ? `  broadcast ${first.broadcast ?? '0.0.0.0'}` : ''}\n`
  for (const a of link.addresses) if (a.address.includes(':')) text += `        inet6 ${a.address}  prefixlen ${a.prefixLength}  scopeid ${SCOPES[a.scope]}\n`
  const queue = `txqueuelen ${queueLength(link)}`
  if (link.kind === 'loopback') text += `        loop  ${queue}  (Local Loopback)\n`
  else if (link.kind === 'ipip') text += `        tunnel   ${queue}  (IPIP Tunnel)\n`
  else if (link.kind === 'wireguard') text += `        unspec 00-00-00-00-00-00-00-00-00-00-00-00-00-00-00-00  ${queue}  (UNSPEC)\n`
  else text += `        ether ${link.mac}  ${queue}  (Ethernet)\n`
  const s = link.statistics
  return `${text}        RX packets ${s.rxPackets}  bytes ${s.rxBytes} (${human(s.rxBytes)})\n        RX errors 0  dropped ${s.rxDropped}  overruns 0  frame 0\n        TX packets ${s.txPackets}  bytes ${s.txBytes} (${human(s.txBytes)})\n        TX errors 0  dropped ${s.txDropped} overruns 0  carrier 0  collisions 0\n\n`
}

/** A line of netstat -i and ifconfig -s. */
export function interfaceRow(link: Link): string {
  const s = link.statistics
  const names = interfaceFlags(link)
  const letters = FLAGS.filter(([name]) => names.includes(name)).map(([, , letter]) => letter).sort().join('')
  const n = (value: number, width: number): string => String(value).padStart(width)
  return `${link.name.padEnd(15)} ${n(link.mtu, 5)} ${n(s.rxPackets, 8)} ${n(0, 6)} ${n(s.rxDropped, 6)} ${'0'.padEnd(6)} ${n(s.txPackets, 8)} ${n(0, 6)} ${n(s.txDropped, 6)} ${n(0, 6)} ${letters}\n`
}

/** busybox's block, after the older net-tools. */
export function busyboxInterface(link: Link): string {
  const names = interfaceFlags(link)
  const encapsulation = link.kind === 'loopback' ? 'Local Loopback' : link.kind === 'ipip' || link.kind === 'wireguard' ? 'UNSPEC' : 'Ethernet'
  const hardware = encapsulation === 'Ethernet' ? `  HWaddr ${link.mac.toUpperCase()}  ` : encapsulation === 'UNSPEC' ? '  HWaddr 00-00-00-00-00-00-00-00-00-00-00-00-00-00-00-00  ' : '  '
  const lines = [`${link.name.padEnd(9)} Link encap:${encapsulation}${hardware}`]
  const first = link.addresses.find((a) => !a.address.includes(':'))
  if (first) lines.push(`          inet addr:${first.address}${names.includes('BROADCAST') ? `  Bcast:${first.broadcast ?? '0.0.0.0'}` : ''}  Mask:${netmask(first.prefixLength)}`)
  const scopes = { global: 'Global', link: 'Link', host: 'Host' }
  for (const a of link.addresses) if (a.address.includes(':')) lines.push(`          inet6 addr: ${a.address}/${a.prefixLength} Scope:${scopes[a.scope]}`)
  const s = link.statistics
  lines.push(
    `          ${names.map((n) => `${n} `).join('')} MTU:${link.mtu}  Metric:1`,
    `          RX packets:${s.rxPackets} errors:0 dropped:${s.rxDropped} overruns:0 frame:0`,
    `          TX packets:${s.txPackets} errors:0 dropped:${s.txDropped} overruns:0 carrier:0`,
    `          collisions:0 txqueuelen:${queueLength(link)} `,
    `          RX bytes:${s.rxBytes} (${human(s.rxBytes)})  TX bytes:${s.txBytes} (${human(s.txBytes)})`,
    '', '',
  )
  return lines.join('\n')
}
