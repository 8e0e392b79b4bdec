import type { IpSets } from '../ipset/sets.ts'
import type { PacketTracing } from '../netfilter/tracing.ts'
import type { Ipvs } from '../ipvs/ipvs.ts'
import type { Nftables } from '../nftables/nftables.ts'
import type { Ip } from './addresses.ts'
import type { Link } from './links.ts'
import type { IpPacket } from './packets.ts'

/** What rules decide, and connection tracking. */

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** What a hook did. 'stolen': netfilter has answered (REJECT) or kept it; the caller drops it silently. */
export type HookVerdict = 'accept' | 'drop' | 'stolen'

/**
 * A chain that a file for iptables-restore writes whole: its ":CHAIN - [0:0]" line and its "-A CHAIN …" lines. Whoever
 * gives the same block again, to any namespace, saves reading it again.
 */
export interface ChainBlock {
  readonly chain: string
  /** How many rules it has; {@link rules} may be put together each time somebody asks. */
  readonly count: number
  readonly rules: readonly string[]
  /**
   * The chains and verdicts that its rules jump to, each once. Who names them vouches for the rules: each is well-formed, is
   * appended to this chain and keeps no state of its own. They are read when a packet or a person first comes to them.
   */
  readonly jumps?: readonly string[] | undefined
  /** What netfilter made of it. */
  read?: object
}

/** Rules that somebody will write as soon as it matters. */
export interface DeferredWork {
  work(): void
  isTheirs(chain: string): boolean
  /**
   * Whether the rules may do with a packet what those that are there do not; absent: with each. `isEstablished`: its connection was
   * answered, so that the nat table has no say any more and what is for new connections does not fit.
   */
  concerns?(packet: IpPacket, isEstablished: (packet: IpPacket) => boolean): boolean
  /**
   * Rules that the work writes anew as they were, and that count other packets as well: of a chain all, or the last ones that
   * jump to one chain. They count from now on, as if they had been written now.
   */
  readonly counted?: readonly CountedRules[]
}

export interface CountedRules { readonly table: 'filter' | 'nat'; readonly chain: string; readonly jump?: string }

/**
 * Tables, chains and rules of one network namespace and of one family, with connection tracking and NAT. A network
 * namespace has two: `netfilter` is iptables, `netfilter6` is ip6tables. The rules are written in the same language; what
 * differs is as with the real tools: addresses, `-p ipv6-icmp`, `-m icmp6`, `REJECT --reject-with icmp6-…`. Connections of both
 * families are in one table: `netfilter6.conntrack === netfilter.conntrack`.
 */
export interface Netfilter {
  readonly family: 4 | 6
  /** Runs all tables of a hook in the kernel's order, connection tracking included; may change the packet. */
  run(hook: Hook, packet: IpPacket, inInterface: Link | undefined, outInterface: Link | undefined): HookVerdict
  /** As iptables-restore(8), from a text or its lines and blocks: without `noflush` replaces the named tables. Throws an Error with the tool's message. */
  restore(text: string | readonly (string | ChainBlock)[], options?: { noflush?: boolean; counters?: boolean; test?: boolean; only?: string | undefined }): void
  /** As iptables-save(8), without the two comment lines that carry a date; one table or all that exist. */
  save(table?: string, options?: { counters?: boolean }): string
  /** One iptables(8) command line without the leading "iptables": ['-t','nat','-A',…]. Returns its output. */
  command(args: readonly string[], nameOf?: (address: string) => string | undefined): { code: number; stdout: string; stderr: string }
  /** The tables of nft(8), both families'; made when somebody asks. */
  readonly nftables: Nftables
  /** Whether somebody has asked. */
  readonly hasNftables: boolean
  /**
   * Whoever looks at the rules next, packet or person, has the work done first, after that of owners who came earlier; later
   * work takes the place of its owner's earlier one. For agents whose rules nobody may ever look at. `generation` does not count
   * it until it is done, and who only asks for the rules of a chain that is not theirs (`iptables -C`, `-S CHAIN`) does not look.
   */
  defer(owner: object, work: DeferredWork): void
  /** No rule was ever written; what is deferred cannot fail for what somebody else did. */
  readonly pristine: boolean
  readonly conntrack: Conntrack
  /** ipset(8): the namespace's sets, for both families. */
  readonly sets: IpSets
  /** The IP virtual server, for both families; asking for it loads it. */
  readonly ipvs: Ipvs
  readonly hasIpvs: boolean
  /** Change counter: grows with every change of a rule. */
  readonly generation: number
  /** Where -j TRACE and nftrace tell of packets; for both families. */
  readonly tracing: PacketTracing
}

export interface ConntrackTuple { source: Ip; destination: Ip; sourcePort: number; destinationPort: number; protocol: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'sctp' | 'ipip' }

export interface ConntrackEntry {
  id: number
  original: ConntrackTuple
  reply: ConntrackTuple
  /** Of SCTP the states of its own table: COOKIE_WAIT, ESTABLISHED…; of TCP: SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE. */
  tcpState?: string
  assured: boolean
  seenReply: boolean
  mark: number
  /** Virtual ms at which it goes. */
  expiresAt: number
}

/** What somebody says of a connection that no packet made (conntrack -I). */
export interface ConntrackWish { original: ConntrackTuple; reply: ConntrackTuple; tcpState?: string | undefined; assured?: boolean; seenReply?: boolean; mark?: number; /** Seconds. */ timeout?: number }

/** Of /proc/net/stat/nf_conntrack, as far as something here counts it. */
export interface ConntrackCounts { invalid: number; insert: number; insertFailed: number; drop: number; clashResolve: number }

export interface Conntrack {
  readonly counts: Readonly<ConntrackCounts>
  list(): readonly ConntrackEntry[]
  /** False: there is one with these addresses. */
  insert(wish: ConntrackWish): boolean
  change(entry: ConntrackEntry, wish: Omit<ConntrackWish, 'original' | 'reply'>): void
  /** Deletes what matches; returns how many. */
  remove(filter: (entry: ConntrackEntry) => boolean): number
  onChange(listener: (event: 'new' | 'update' | 'destroy', entry: ConntrackEntry) => void): () => void
}
