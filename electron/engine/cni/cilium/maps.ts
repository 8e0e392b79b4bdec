import type { Clock } from '../../clock.ts'
import { cidrContains, prefixLength } from '../../network/address.ts'
import type { Cidr, Ip, IpPacket, Link, Mac } from '../../network/types.ts'
import type { EndpointPolicy } from './policy-map.ts'

/** The eBPF maps of a node (bpf/lib/maps.h, pkg/maps of cilium/cilium v1.17): what programs read and the agent writes. */

/** cilium_lxc and, for the CLI, what the agent knows of it. */
export interface Endpoint {
  readonly id: number
  /** One a family, in the cluster's order. */
  readonly ips: readonly Ip[]
  /** Its link on the node, and both ends' addresses. */
  readonly link: Link
  readonly mac: Mac
  readonly nodeMac: Mac
  readonly containerId: string
  /** "default/web" */
  readonly pod: string
  readonly podNamespace: string
  readonly podName: string
  identity: number
  policy: EndpointPolicy
  /** PolicyAuditMode of `cilium-dbg endpoint config`: what policies deny passes, and is reported. */
  audit?: boolean
  namedPorts: Readonly<Record<string, { port: number; protocol: string }>>
}

export interface IpcacheEntry {
  identity: number
  /** The node that tunnels lead to; absent where the address is reached without one. */
  tunnel?: Ip
}

/** "10.244.1.7/32", "fd00::7/128" */
export function singleAddress(ip: Ip): Cidr {
  return `${ip}/${ip.includes(':') ? 128 : 32}`
}

function hostOf(prefix: Cidr): Ip | undefined {
  const [ip, length] = prefix.split('/') as [Ip, string]
  return length === (ip.includes(':') ? '128' : '32') ? ip : undefined
}

/** cilium_ipcache: which identity an address has. */
export class Ipcache {
  readonly #hosts = new Map<Ip, IpcacheEntry>()
  readonly #prefixes = new Map<Cidr, IpcacheEntry>()
  #byLength: [Cidr, IpcacheEntry][] = []

  set(prefix: Cidr, entry: IpcacheEntry): void {
    const host = hostOf(prefix)
    if (host !== undefined) this.#hosts.set(host, entry)
    else {
      this.#prefixes.set(prefix, entry)
      this.#sort()
    }
  }

  delete(prefix: Cidr): void {
    const host = hostOf(prefix)
    if (host !== undefined) this.#hosts.delete(host)
    else if (this.#prefixes.delete(prefix)) this.#sort()
  }

  lookup(ip: Ip): { prefix: Cidr; entry: IpcacheEntry } | undefined {
    const host = this.#hosts.get(ip)
    if (host) return { prefix: singleAddress(ip), entry: host }
    const found = this.#byLength.find(([prefix]) => cidrContains(prefix, ip))
    return found && { prefix: found[0], entry: found[1] }
  }

  /** The row of this address alone. */
  exact(ip: Ip): IpcacheEntry | undefined {
    return this.#hosts.get(ip)
  }

  /** The row of the longest prefix that holds the address and more. */
  around(ip: Ip): IpcacheEntry | undefined {
    return this.#byLength.find(([prefix]) => cidrContains(prefix, ip))?.[1]
  }

  has(prefix: Cidr): boolean {
    const host = hostOf(prefix)
    return host !== undefined ? this.#hosts.has(host) : this.#prefixes.has(prefix)
  }

  list(): [Cidr, IpcacheEntry][] {
    return [...[...this.#hosts].map(([ip, entry]): [Cidr, IpcacheEntry] => [singleAddress(ip), entry]), ...this.#prefixes]
  }

  #sort(): void {
    this.#byLength = [...this.#prefixes].sort(([a], [b]) => prefixLength(b) - prefixLength(a))
  }
}

export type TransportProtocol = 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'sctp'

/** "TCP", "ICMPv6" */
export function protocolText(protocol: string): string {
  return protocol === 'icmpv6' ? 'ICMPv6' : protocol.toUpperCase()
}

/** A packet's addresses and ports; an echo's identifier stands for the port on its own side. */
export interface Tuple { source: Ip; sourcePort: number; destination: Ip; destinationPort: number; protocol: TransportProtocol }

export function tupleOf(packet: IpPacket): Tuple | undefined {
  const { source, destination, payload } = packet
  if (payload.kind === 'tcp' || payload.kind === 'udp' || payload.kind === 'sctp') {
    return { source, sourcePort: payload.sourcePort, destination, destinationPort: payload.destinationPort, protocol: payload.kind }
  }
  if (payload.kind !== 'icmp') return undefined
  // An error speaks of a connection: it counts as a packet of that one, in the other direction.
  if (payload.about) {
    const about = tupleOf(payload.about)
    return about && reversed(about)
  }
  const id = payload.id ?? 0
  const protocol = packet.version === 6 ? 'icmpv6' : 'icmp'
  return payload.type === (packet.version === 6 ? 129 : 0)
    ? { source, sourcePort: 0, destination, destinationPort: id, protocol }
    : { source, sourcePort: id, destination, destinationPort: 0, protocol }
}

export function reversed({ source, sourcePort, destination, destinationPort, protocol }: Tuple): Tuple {
  return { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort, protocol }
}

export type CtDirection = 'in' | 'out' | 'service'

/** A row of cilium_ct4_global and cilium_ct_any4_global. */
export interface CtEntry {
  readonly tuple: Tuple
  readonly direction: CtDirection
  expiresAt: number
  rxPackets: number
  rxBytes: number
  txPackets: number
  txBytes: number
  seenNonSyn: boolean
  rxClosing: boolean
  txClosing: boolean
  /** Of the peer, or of the source for a Service. */
  sourceIdentity: number
  /** The Service whose translation is undone for answers. */
  revNat: number
  /** Came through nodeport.h: the answer goes back the same way. */
  nodePort: boolean
  /** Goes to the proxy. */
  proxyPort: number
  /** Of 'service' entries: the backend chosen. */
  backend: number
  /** TCP flags that were reported of each direction, and when something was (monitor aggregation). */
  reported: number
  txReport: number | undefined
  rxReport: number | undefined
}

/** bpf/lib/conntrack.h and the options bpf-ct-timeout-*; ms. */
const LIFETIME = { tcp: 8_000_000, other: 60_000, syn: 60_000, closing: 10_000 }

/** The connections of a node. */
export class ConntrackMap {
  readonly #entries = new Map<string, CtEntry>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(direction: CtDirection, tuple: Tuple): CtEntry | undefined {
    const key = keyOf(direction, tuple)
    const entry = this.#entries.get(key)
    if (!entry || entry.expiresAt > this.#clock.now) return entry
    this.#entries.delete(key)
    return undefined
  }

  create(direction: CtDirection, tuple: Tuple, facts: Partial<CtEntry> = {}): CtEntry {
    const entry: CtEntry = {
      tuple, direction, expiresAt: 0, rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, seenNonSyn: false, rxClosing: false, txClosing: false,
      sourceIdentity: 0, revNat: 0, nodePort: false, proxyPort: 0, backend: 0, reported: 0, txReport: undefined, rxReport: undefined, ...facts,
    }
    entry.expiresAt = this.#clock.now + (tuple.protocol === 'tcp' ? LIFETIME.syn : LIFETIME.other)
    this.#entries.set(keyOf(direction, tuple), entry)
    return entry
  }

  /** A packet of a connection that is known; `forward`: in the direction that began it. */
  touch(entry: CtEntry, packet: IpPacket, forward: boolean, length: number): void {
    const { payload } = packet
    if (forward) {
      entry.txPackets++
      entry.txBytes += length
    } else {
      entry.rxPackets++
      entry.rxBytes += length
    }
    if (payload.kind !== 'tcp') {
      entry.expiresAt = this.#clock.now + LIFETIME.other
      return
    }
    const { syn, fin, rst } = payload.flags
    if (!syn) entry.seenNonSyn = true
    if (fin || rst) {
      if (forward || rst) entry.txClosing = true
      if (!forward || rst) entry.rxClosing = true
    }
    const life = entry.rxClosing && entry.txClosing ? LIFETIME.closing : entry.seenNonSyn ? LIFETIME.tcp : LIFETIME.syn
    entry.expiresAt = this.#clock.now + life
  }

  remove(entry: CtEntry): void {
    this.#entries.delete(keyOf(entry.direction, entry.tuple))
  }

  removeIf(matches: (entry: CtEntry) => boolean): void {
    for (const [key, entry] of this.#entries) if (matches(entry)) this.#entries.delete(key)
  }

  /** What the map holds; entries whose time is over wait there for the agent's next collection. */
  list(): CtEntry[] {
    return [...this.#entries.values()]
  }

  collect(): number {
    const { size } = this.#entries
    for (const [key, entry] of this.#entries) if (entry.expiresAt <= this.#clock.now) this.#entries.delete(key)
    return size - this.#entries.size
  }
}

function keyOf(direction: CtDirection, t: Tuple): string {
  return `${direction} ${t.protocol} ${t.source} ${t.sourcePort} ${t.destination} ${t.destinationPort}`
}

/** A row of cilium_snat_v4_external: original tuple and the address and port that stand for its source. */
export interface NatEntry { readonly original: Tuple; readonly address: Ip; readonly port: number; readonly createdAt: number; usedAt: number }

/** bpf/lib/nat.h: ports for sources that may not leave the node as they are. */
export class NatMap {
  readonly #clock: Clock
  readonly #out = new Map<string, NatEntry>()
  readonly #in = new Map<string, NatEntry>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The entry of a packet on its way out; made when there is none. The source's own port is kept when it is free. */
  out(tuple: Tuple, address: Ip): NatEntry {
    const key = keyOf('out', tuple)
    const known = this.#out.get(key)
    if (known && known.address === address) {
      known.usedAt = this.#clock.now
      return known
    }
    for (let i = 0, port = tuple.sourcePort < 1024 ? 32_768 + tuple.sourcePort : tuple.sourcePort; ; i++) {
      const back = keyOf('in', { source: tuple.destination, sourcePort: tuple.destinationPort, destination: address, destinationPort: port, protocol: tuple.protocol })
      const other = this.#in.get(back)
      if (other && i < 64_000) {
        port = port >= 60_999 ? 32_768 : port + 1
        continue
      }
      const entry: NatEntry = { original: tuple, address, port, createdAt: this.#clock.now, usedAt: this.#clock.now }
      this.#out.set(key, entry)
      this.#in.set(back, entry)
      return entry
    }
  }

  /** The entry that a packet from outside answers. */
  in(tuple: Tuple): NatEntry | undefined {
    const entry = this.#in.get(keyOf('in', tuple))
    if (entry) entry.usedAt = this.#clock.now
    return entry
  }

  list(): NatEntry[] {
    return [...this.#out.values()]
  }

  /** Entries go with their connections. */
  collect(alive: (entry: NatEntry) => boolean): void {
    for (const [key, entry] of this.#out) {
      if (alive(entry)) continue
      this.#out.delete(key)
      const { original: t } = entry
      this.#in.delete(keyOf('in', { source: t.destination, sourcePort: t.destinationPort, destination: entry.address, destinationPort: entry.port, protocol: t.protocol }))
    }
  }
}
