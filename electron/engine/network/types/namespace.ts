import type { Clock } from '../../clock.ts'
import type { Header, Journey, JourneyLog, PolicyExplainer, Trail, Verdict } from '../../journey/types.ts'
import type { Facts, HopContent, Telling } from '../../journey/way.ts'
import type { Counters } from '../counters.ts'
import type { LateRows } from '../late-tables.ts'
import type { SocketPrograms } from '../programs.ts'
import type { Cidr, Ip } from './addresses.ts'
import type { AddressOptions, Link, NewLink } from './links.ts'
import type { Netfilter } from './netfilter.ts'
import type { Frame, IpPacket } from './packets.ts'
import type { NeighbourTable, RouteTable } from './routes.ts'
import type { Sockets } from './sockets.ts'

/** A network namespace, and what its layers need of each other. */

export interface CapturedFrame { at: number; interface: string; direction: 'in' | 'out'; frame: Frame }

export interface NetworkNamespace {
  readonly clock: Clock
  /** Inode-like number, as `ip netns`/lsns would show. */
  readonly id: number
  /** "worker-1", "default/web", "laptop". */
  readonly name: string
  /** The machine it stands for in journeys. */
  readonly machine: string
  readonly kind: 'laptop' | 'node' | 'pod' | 'outside'
  readonly links: ReadonlyMap<string, Link>
  /** One of `links`, without looking at the others: for the way of packets. */
  linkNamed(name: string): Link | undefined
  readonly routes: RouteTable
  readonly neighbours: NeighbourTable
  /** iptables. */
  readonly netfilter: Netfilter
  /** ip6tables; made when first asked for, so ask only where there is IPv6. */
  readonly netfilter6: Netfilter
  readonly sockets: Sockets
  /** What it counts of its packets. */
  readonly counters: Counters
  /**
   * `work` makes links without addresses and puts them into bridges, in a way that nobody could tell the moment from: it is
   * done, in order, before somebody looks at all links here or a bridge sends to all its ports.
   */
  defer(work: { run(): void }): void
  readonly hasDeferred: boolean
  /** Does what was deferred. */
  look(): void
  /** `work` is done before anybody sees the sockets: a program here, or a packet for one. */
  beforeTouch(work: () => void): void
  readonly journeys: JourneyLog
  /** Whether it speaks IPv6 at all: net.ipv6.conf.all.disable_ipv6 is 0. */
  readonly ipv6: boolean
  /** "net.ipv4.ip_forward" → "1". Unknown keys: undefined. */
  sysctl(key: string): string | undefined
  /** As {@link sysctl}, for settings that are one number and no interface's. */
  sysctlNumber(key: string): number | undefined
  setSysctl(key: string, value: string): void
  sysctls(): readonly string[]
  /** Throws SystemError EEXIST, EINVAL; EACCES for an IPv6 address where the link has disable_ipv6. */
  addAddress(link: string, address: Cidr, options?: AddressOptions): void
  /** Gives an address other lifetimes (none: for ever) and, if said, another metric. Throws SystemError EADDRNOTAVAIL. */
  changeAddress(link: string, address: Cidr, options: Pick<AddressOptions, 'metric' | 'validUntil' | 'preferredUntil'>): void
  removeAddress(link: string, address: Cidr): void
  setUp(link: string, up: boolean): void
  removeLink(name: string): void
  /** As `ip link set NAME name`. Throws SystemError EEXIST; EBUSY while it is up. */
  renameLink(name: string, to: string): void
  /** As `ip link set NAME netns`; of veth pairs alone. Throws SystemError EEXIST, EINVAL. */
  moveLink(name: string, to: NetworkNamespace): void
  /** As `ip link add`: a link that is down. Throws SystemError EEXIST, EINVAL (a name that cannot be), ENODEV. */
  createLink(name: string, spec: NewLink): Link
  isLocal(address: Ip): boolean
  /** The address that a packet to `destination` would leave with. */
  sourceFor(destination: Ip): Ip | undefined
  /** The largest packet that reaches it whole, as far as is known (RFC 1191, RFC 8201). */
  pathMtu?(destination: Ip): number
  /** Sees every frame of a link, or of all ('any'), both ways, as a packet socket does; returns what stops it. */
  capture(link: string, listener: (frame: CapturedFrame) => void): () => void
  /** Programs that see the calls of its sockets (cgroup/connect4 and its kin). */
  socketPrograms?: SocketPrograms | undefined
  /** Sends a packet that this namespace made itself (output hook, routing…). */
  output(packet: IpPacket): void
  /** The machine is switched off. */
  readonly off?: boolean
  /** The kernel's messages, as dmesg(1) shows them: virtual ms and text. */
  readonly kernelLog?: readonly { at: number; text: string }[]
  /** A message of the kernel; `limited`: one that packets cause (net_ratelimit). */
  printk?(text: string, options?: { limited?: boolean }): void
  /** Sees each message from now on; returns what stops it. */
  followKernelLog?(follower: (message: { at: number; text: string }) => void): () => void
  /** What a plugin's agent knows of drops by its own means: the recorder asks it. It stays when the agent stops, as its rules do. */
  policyExplainer?: PolicyExplainer
  /** Called after links, addresses, routes, neighbours, bridges or FDBs changed. */
  onChange(listener: () => void): () => void
  /** Rows that are written when somebody looks. */
  addLate(rows: LateRows): void
  /** Somebody looks. */
  settleLate(): void
  /** Removes all links, closes all sockets. */
  destroy(): void
}

/** What netfilter and the transport protocols need of the namespace that they are part of. */
export interface StackHost {
  readonly namespace: NetworkNamespace
  readonly clock: Clock
  readonly recorder: Recorder
  output(packet: IpPacket): void
  /** An ICMP error about `packet`, sent from here as the kernel would (rate limits aside); ICMPv6's numbers if it is of version 6. */
  sendIcmpError(about: IpPacket, type: number, code: number, options?: { mtu?: number }): void
  /** A module of the kernel brings its settings. */
  addSysctls?(defaults: Readonly<Record<string, string>>): void
}

/** Writes journeys. Stages without a trail or whose trail is not recorded cost nothing: callers test `recording`. */
export interface Recorder {
  /** Gives a locally made packet its trail: a new journey, or the reply way of the one it answers. */
  begin(namespace: NetworkNamespace, packet: IpPacket, options?: { program?: string; answers?: Journey; journey?: Journey }): Trail
  /** A journey that has not been forgotten yet. */
  known(id: number): Journey | undefined
  recording(packet: IpPacket): boolean
  header(packet: IpPacket, frame?: Frame): Header
  hop(namespace: NetworkNamespace, packet: IpPacket, hop: HopContent): void
  /**
   * As {@link hop}, for stages that most packets pass: `telling` makes the hop of the headers and the facts when somebody
   * reads the journey. Does not ask whether the packet is recorded.
   */
  note<F extends Facts>(namespace: NetworkNamespace, packet: IpPacket, name: string | undefined, before: Header, after: Header | undefined, telling: Telling<F>, ...facts: F): void
  /** The packet has been given the destination of this header. */
  destined(packet: IpPacket, header: Header): void
  /** The packet ends here without arriving; the journey gets the verdict and reason (an explanation id). */
  fail(namespace: NetworkNamespace, packet: IpPacket, verdict: Verdict, reason: string, hop: HopContent): void
  /** The packet reached a socket or the kernel's own answer (echo). */
  deliver(namespace: NetworkNamespace, packet: IpPacket, hop: HopContent): void
  /** As {@link deliver}, where the hop is noted already. */
  delivered(namespace: NetworkNamespace, packet: IpPacket): void
  /** A connection's verdict from the transport: refused, timeout. */
  conclude(journey: Journey, verdict: Verdict, reason?: string): void
}
