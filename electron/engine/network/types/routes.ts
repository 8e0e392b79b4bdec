import type { Cidr, Ip, Mac } from './addresses.ts'
import type { IpPayload } from './packets.ts'

/** Routing tables, policy rules and neighbours. */

export interface Route {
  /** "0.0.0.0/0" and "::/0" are the default routes. */
  destination: Cidr
  via?: Ip
  /** Link name; absent for blackhole, unreachable, prohibit. */
  device?: string
  source?: Ip
  metric?: number
  scope?: 'global' | 'link' | 'host'
  /** A name of /etc/iproute2/rt_protos, or a number that has none: "kernel", "boot" (the default), "static", "bird", "80". */
  protocol?: string
  type?: 'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw'
  onlink?: boolean
  /** RTAX_MTU, bytes: of packets that take it, made here or forwarded (IPv4). */
  mtu?: number
  /** It is not to be learned anew from ICMP errors. */
  mtuLocked?: boolean
  /** Several ways, in place of `via` and `device`: each flow of packets takes one. */
  nexthops?: readonly NextHop[]
}

export interface NextHop { via?: Ip; device?: string; weight?: number; onlink?: boolean }

/** What rules may ask of a packet beside its destination. */
export interface RouteFlow {
  source?: Ip
  mark?: number
  /** The link that it came in through; without it the packet is made here ("lo"). */
  in?: string
  /** The link that it must leave through. */
  out?: string
  protocol?: IpPayload['kind'] | 'ipv6-icmp'
  sourcePort?: number
  destinationPort?: number
}

/** A rule of the routing policy database (ip-rule(8)); what is undefined fits everything. */
export interface PolicyRule {
  /** 0 comes first. */
  priority: number
  action: 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit'
  /** lookup: "local", "main", "default", or a number as text: "100". */
  table?: string
  /** goto: a priority. */
  target?: number
  not?: boolean
  from?: Cidr
  to?: Cidr
  mark?: number
  mask?: number
  iif?: string
  oif?: string
  ipProtocol?: string
  sourcePorts?: readonly [number, number]
  destinationPorts?: readonly [number, number]
  /** Routes whose prefix is this short or shorter do not count. */
  suppressPrefixLength?: number
  protocol?: string
}

export interface RuleTable {
  list(): readonly PolicyRule[]
  add(rule: Omit<PolicyRule, 'priority' | 'action'> & { priority?: number; action?: PolicyRule['action'] }): void
  /** Removes the first rule that has all that is given. Throws SystemError ENOENT. */
  remove(rule: Partial<PolicyRule>): void
  /** All but those of priority 0. */
  flush(): void
}

export interface AddRouteOptions {
  replace?: boolean
  /** Only replaces: SystemError ENOENT when there is nothing to. */
  change?: boolean
  /** Beside routes with the same destination and metric, after or before them. */
  append?: boolean
  prepend?: boolean
  /** "main" (the default), "local", "default", or a number as text. */
  table?: string
}

export interface RouteTable {
  /** Of IPv4. */
  readonly rules: RuleTable
  readonly rules6: RuleTable
  /** Adds; throws SystemError EEXIST, ENETUNREACH (gateway not on link), ENODEV. `replace` overwrites the same destination and metric. */
  add(route: Route, options?: AddRouteOptions): void
  /** Throws SystemError ESRCH ("No such process"). */
  remove(route: Partial<Route> & { destination: Cidr }, options?: { table?: string }): void
  /** Of IPv4 unless `family` is 6. `add`, `remove` and `lookup` see the family from the addresses. */
  /** A table's routes in the kernel's order; "all": those of every one, main and local last. */
  list(table?: string, family?: 4 | 6): readonly Route[]
  /** Numbers (or "main", "local", "default") of a family's tables that there are, in the kernel's order of printing. */
  tables(family?: 4 | 6): readonly string[]
  /** The routes of the table main with just this prefix. */
  to(destination: Cidr): readonly Route[]
  /** Counts the changes. */
  readonly generation: number
  lookup(destination: Ip, source?: Ip, flow?: RouteFlow): Route | undefined
  /** As `lookup`, with the table that it was found in ("rule": a rule said no) and the source that a packet along it gets. */
  resolve(destination: Ip, flow?: RouteFlow): { route: Route; table: string; source?: Ip } | undefined
}

export type NeighbourState = 'PERMANENT' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'INCOMPLETE' | 'FAILED'

/** Whether it answers for an address: the sentence that tells it, and the row that decided. */
export type NeighbourResponder = (ip: Ip, device: string) => { text: string; decidedBy: string } | undefined

/** ARP's entries and those of Neighbour Discovery. */
export interface NeighbourTable {
  /** IPv4 first. `router`: it said so in an advertisement. Times are virtual ms. */
  list(): readonly { ip: Ip; device: string; mac?: Mac; state: NeighbourState; router?: boolean; usedAt: number; confirmedAt: number; updatedAt: number; probes: number }[]
  set(entry: { ip: Ip; device: string; mac: Mac; state: NeighbourState }): void
  remove(ip: Ip, device: string): void
  /** What is answered for in others' place, the latest first; without a device: on every link. */
  proxies(): readonly { ip: Ip; device?: string }[]
  setProxy(proxy: { ip: Ip; device?: string }, on: boolean): void
  /** Keeps a link's place in the list for rows that come later. */
  reserve(device: string): void
  /** A program with a raw socket answers, on the link `device`, for addresses that the kernel does not have; for those of IPv6 it joins their groups of solicited nodes. Returns what ends it. */
  answerFor(responder: NeighbourResponder, joins?: (group: Ip, device: string) => boolean): () => void
  /** A gratuitous request (RFC 5227's announcement): whoever knows another MAC address for it learns this link's. */
  announce(ip: Ip, device: string): void
}
