import { formatNeighbour, formatRoute, type Link, type NetworkNamespace, type VxlanLink } from '../../../engine/cluster.ts'

/** What `ip … show` prints (iproute2 6.1), from a network namespace. The inspector uses these too. */

export interface LinkFilter {
  /** Only this link. */
  device?: string
  up?: boolean
  master?: string
  type?: string
}

export function selectLinks(network: NetworkNamespace, filter: LinkFilter = {}): Link[] {
  return [...network.links.values()]
    .filter((l) => (filter.device === undefined || l.name === filter.device) && (!filter.up || l.up) && (filter.master === undefined || l.master?.name === filter.master))
    .filter((l) => filter.type === undefined || kindName(l) === filter.type)
    .sort((a, b) => a.index - b.index)
}

const kindName = (link: Link): string => (link.kind === 'nic' ? 'ether' : link.kind)

/** "v1@if2": the other end of a veth, by index; its name when it is in the same namespace. */
function nameOf(link: Link): string {
  if (!link.peer) return link.name
  return link.peer.namespace === link.namespace ? `${link.name}@${link.peer.name}` : `${link.name}@if${link.peer.index}`
}

function flagsOf(link: Link): string {
  const kind = link.kind === 'loopback' ? ['LOOPBACK'] : ['BROADCAST', ...(link.kind === 'dummy' ? ['NOARP'] : ['MULTICAST'])]
  const down = link.up && !link.carrier
  return `<${[...(down ? ['NO-CARRIER'] : []), ...kind, ...(link.up ? ['UP'] : []), ...(link.up && link.carrier ? ['LOWER_UP'] : [])].join(',')}>`
}

function stateOf(link: Link): string {
  if (!link.up) return 'DOWN'
  if (!link.carrier) return link.peer && !link.peer.up ? 'LOWERLAYERDOWN' : 'DOWN'
  return link.kind === 'loopback' || link.kind === 'vxlan' || link.kind === 'dummy' ? 'UNKNOWN' : 'UP'
}

function queueOf(link: Link): string {
  return !link.up && link.kind !== 'nic' ? 'noop' : link.kind === 'nic' ? 'fq_codel' : 'noqueue'
}

function linkHead(link: Link, mode: boolean): string {
  const master = link.master ? `master ${link.master.name} ` : ''
  const queueLength = link.kind === 'bridge' || link.kind === 'vxlan' ? (link.kind === 'bridge' ? ' qlen 1000' : '') : ' qlen 1000'
  const peer = link.peer && link.peer.namespace !== link.namespace ? ` link-netnsid ${netnsId(link)}` : ''
  return (
    `${link.index}: ${nameOf(link)}: ${flagsOf(link)} mtu ${link.mtu} qdisc ${queueOf(link)} ${master}state ${stateOf(link)} ${mode ? 'mode DEFAULT ' : ''}group default${queueLength}\n` +
    `    link/${link.kind === 'loopback' ? 'loopback' : 'ether'} ${link.mac} brd ${link.kind === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff'}${peer}\n`
  )
}

/** Numbers that a namespace gives to the others it has links into: 0, 1, … in the order of its links. */
function netnsId(link: Link): number {
  const others = [...link.namespace.links.values()].filter((l) => l.peer && l.peer.namespace !== link.namespace).sort((a, b) => a.index - b.index)
  return [...new Set(others.map((l) => l.peer!.namespace))].indexOf(link.peer!.namespace)
}

export function printAddresses(network: NetworkNamespace, filter?: LinkFilter): string {
  return selectLinks(network, filter).map((link) => linkHead(link, false) + addressLines(link)).join('')
}

function addressLines(link: Link): string {
  return link.addresses
    .map((a) => {
      const brd = a.broadcast ? `brd ${a.broadcast} ` : ''
      return `    inet ${a.address}/${a.prefixLength} ${brd}scope ${a.scope} ${a.secondary ? 'secondary ' : ''}${link.name}\n       valid_lft forever preferred_lft forever\n`
    })
    .join('')
}

export function printAddressesBrief(network: NetworkNamespace, filter?: LinkFilter): string {
  return selectLinks(network, filter)
    .map((l) => `${nameOf(l).padEnd(16)} ${stateOf(l).padEnd(14)} ${l.addresses.map((a) => `${a.address}/${a.prefixLength} `).join('')}\n`)
    .join('')
}

export function printLinks(network: NetworkNamespace, options: LinkFilter & { details?: boolean; statistics?: boolean } = {}): string {
  return selectLinks(network, options)
    .map((l) => {
      const details = options.details ? ` promiscuity 0 minmtu 68 maxmtu 65535 \n${detailLine(l)}` : ''
      const head = linkHead(l, true)
      return (details ? head.replace(/\n$/, details) : head) + (options.statistics ? statisticsLines(l) : '')
    })
    .join('')
}

function detailLine(link: Link): string {
  if (link.kind === 'vxlan') {
    const v = link as VxlanLink
    return `    vxlan id ${v.vni} local ${v.local} dev ${v.underlay} srcport 0 0 dstport ${v.port} nolearning ttl auto ageing 300 \n`
  }
  if (link.kind === 'bridge') return '    bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 30000 stp_state 0 \n'
  if (link.kind === 'veth') return link.master ? '    veth \n    bridge_slave state forwarding \n' : '    veth \n'
  return ''
}

function statisticsLines(link: Link): string {
  const s = link.statistics
  const row = (...values: (string | number)[]): string => `${values.map((v, i) => String(v).padStart(i === 0 ? 14 : 7)).join(' ')} \n`
  return (
    '    RX:  bytes packets errors dropped  missed   mcast           \n' + row(s.rxBytes, s.rxPackets, 0, s.rxDropped, 0, 0) +
    '    TX:  bytes packets errors dropped carrier collsns           \n' + row(s.txBytes, s.txPackets, 0, s.txDropped, 0, 0)
  )
}

export function printLinksBrief(network: NetworkNamespace, filter?: LinkFilter): string {
  return selectLinks(network, filter).map((l) => `${nameOf(l).padEnd(16)} ${stateOf(l).padEnd(14)} ${l.mac} ${flagsOf(l)} \n`).join('')
}

export function printRoutes(network: NetworkNamespace, table: 'main' | 'local' | 'all' = 'main', matches: (destination: string, device?: string) => boolean = () => true): string {
  return network.routes
    .list(table)
    .filter((r) => matches(r.destination, r.device))
    .map((r) => {
      const link = r.device === undefined ? undefined : network.links.get(r.device)
      return `${formatRoute(r, { linkdown: link ? link.up && !link.carrier : false, table: table === 'all' })} \n`
    })
    .join('')
}

export function printNeighbours(network: NetworkNamespace, device?: string): string {
  return network.neighbours.list().filter((n) => device === undefined || n.device === device).map((n) => `${formatNeighbour(n)} \n`).join('')
}
