import type { LinkProgram } from '../programs.ts'
import type { Cidr, Ip, Mac } from './addresses.ts'
import type { NetworkNamespace } from './namespace.ts'
import type { Frame, VlanTag } from './packets.ts'

/** Interfaces of all kinds. */

export type LinkKind = 'loopback' | 'veth' | 'bridge' | 'vxlan' | 'nic' | 'dummy' | 'ipip' | 'geneve' | 'wireguard' | 'openvswitch' | 'vlan' | 'macvlan' | 'ipvlan' | 'bond'

export interface LinkStatistics { rxPackets: number; rxBytes: number; rxDropped: number; txPackets: number; txBytes: number; txDropped: number }

export interface LinkNotes {
  alias?: string
  /** IFLA_GROUP */
  group?: number
  /** IFLA_TXQLEN, packets */
  queue?: number
  promiscuous?: boolean
  allMulticast?: boolean
  /** Unless false. */
  multicast?: boolean
  /** Hardware addresses of groups that a person added. */
  groups?: readonly Mac[]
}

/** tc-netem(8): times in ms, loss in percent. */
export interface QueueOptions { limit: number; delay: number; jitter: number; loss: number }

export interface QueueDiscipline {
  readonly kind: 'netem'
  /** "8001:" */
  readonly handle: string
  options: QueueOptions
  readonly sentPackets: number
  readonly sentBytes: number
  readonly dropped: number
  readonly waiting: number
  readonly waitingBytes: number
  enqueue(frame: Frame): void
}

/** An interface of a network namespace. */
export interface Link {
  readonly kind: LinkKind
  name: string
  readonly index: number
  mac: Mac
  mtu: number
  up: boolean
  /** What ip-link(8) notes of it and the network does not ask for. */
  notes?: LinkNotes | undefined
  /** It has been up once: from then on it has a queue discipline. */
  readonly wasUp?: boolean
  /** Programs that see every frame before the kernel does (tc-bpf(8)). */
  ingress?: LinkProgram | undefined
  egress?: LinkProgram | undefined
  /** False: IFF_NOARP. */
  readonly arp?: boolean
  /** Carrier: false when the other end is down or gone. */
  readonly carrier: boolean
  readonly namespace: NetworkNamespace
  /** Bridge that it is a port of. */
  master: Bridge | undefined
  /** Bond that it is a slave of. */
  readonly bond?: BondLink | undefined
  readonly addresses: readonly LinkAddress[]
  readonly statistics: LinkStatistics
  /** The queue discipline at its root, if not the one that it has of itself (tc(8)). */
  readonly qdisc?: QueueDiscipline | undefined
  setQdisc?(handle: string, options: QueueOptions | undefined): void
  /** ifindex of the other end of a veth pair. */
  readonly peer?: Link
  /** The link that it stands on, perhaps in another network namespace. */
  readonly lower?: Link
  /** Sends a frame out of this link. */
  transmit(frame: Frame): void
}

/** Of both families; a link has those of IPv4 first. IPv6 has neither broadcast nor secondary addresses. */
export interface LinkAddress {
  address: Ip; prefixLength: number; broadcast?: Ip; scope: 'global' | 'link' | 'host'; secondary?: boolean; label?: string; noPrefixRoute?: boolean
  /** IPv4: whose network it is, where that is not its own. */
  peer?: Ip
  /** IPv4: of the route to its network. */
  metric?: number
  /** Virtual ms; then it goes. Without it: never. */
  validUntil?: number
  /** Virtual ms; from then on it is deprecated. One that never goes is so from the beginning or not at all. */
  preferredUntil?: number
}

/** What is said of an address that is given to a link. */
export type AddressOptions = { [key in 'scope' | 'broadcast' | 'label' | 'noPrefixRoute' | 'peer' | 'metric' | 'validUntil' | 'preferredUntil']?: LinkAddress[key] | undefined }

export interface Bridge extends Link {
  readonly kind: 'bridge'
  readonly ports: readonly Link[]
  attach(port: Link): void
  detach(port: Link): void
  hairpin(port: Link, on: boolean): void
  isHairpin(port: Link): boolean
  /** Learned and local entries; with VLAN filtering, of each VLAN. */
  forwarding(): readonly { mac: Mac; port: string; isLocal: boolean; updatedAt: number; vlan?: number }[]
  readonly vlans: BridgeVlanTable
}

/** A VLAN of a bridge's port: what comes in without a tag is of the `pvid`; `untagged` leaves without one. */
export interface BridgeVlan { id: number; pvid: boolean; untagged: boolean }

/** Which VLANs a bridge lets through which of its ports, itself among them (net/bridge/br_vlan.c). */
export interface BridgeVlanTable {
  filtering: boolean
  /** 0: ports get no VLAN when they join. */
  defaultPvid: number
  /** By number. */
  list(port: Link): readonly BridgeVlan[]
  add(port: Link, vlan: BridgeVlan): void
  /** Throws SystemError ENOENT. */
  remove(port: Link, id: number): void
}

/** Stands on another link. */
export interface StackedLink extends Link { readonly lower: Link }

export interface VlanLink extends StackedLink { readonly kind: 'vlan'; readonly tag: VlanTag }

export interface MacvlanLink extends StackedLink {
  readonly kind: 'macvlan'
  readonly mode: 'private' | 'vepa' | 'bridge' | 'passthru'
  /** Another one that is up has its MAC address, or the link below. */
  readonly addressTaken: boolean
}

/** Mode and flag are those of all ipvlan links on the link below. */
export interface IpvlanLink extends StackedLink {
  readonly kind: 'ipvlan'
  mode: 'l2' | 'l3' | 'l3s'
  flag: 'bridge' | 'private' | 'vepa'
}

/** Times in ms; 0: it does not look at its slaves' carriers. */
export interface BondOptions { mode: 'balance-rr' | 'active-backup' | 'broadcast'; miimon: number; updelay: number; downdelay: number; primary: string | undefined }

export interface BondSlave { link: Link; permanentMac: Mac; up: boolean; failures: number; active: boolean }

export interface BondLink extends Link {
  readonly kind: 'bond'
  readonly options: Readonly<BondOptions>
  readonly slaves: readonly BondSlave[]
  /** In mode active-backup. */
  readonly active: string | undefined
  enslave(link: Link): void
  release(link: Link): void
  activate(name: string | undefined): void
  configure(change: Partial<BondOptions>): void
}

export interface VxlanLink extends Link {
  readonly kind: 'vxlan'
  readonly vni: number
  readonly port: number
  readonly local: Ip
  readonly underlay: string
  addForwarding(mac: Mac, vtep: Ip): void
  removeForwarding(mac: Mac, vtep?: Ip): void
  readonly learning: boolean
  readonly external: boolean
  forwarding(): readonly { mac: Mac; vtep: Ip; learned?: boolean }[]
}

/** Keys are base64; times are virtual ms; bytes are those of the messages. */
export interface WireguardPeer {
  readonly publicKey: string
  readonly endpoint: { address: Ip; port: number } | undefined
  readonly allowedIps: readonly Cidr[]
  /** Seconds; 0: off. */
  readonly keepalive: number
  readonly latestHandshake: number | undefined
  readonly received: number
  readonly sent: number
}

/** An encrypted tunnel (drivers/net/wireguard); the cryptography is left out. */
export interface WireguardLink extends Link {
  readonly kind: 'wireguard'
  privateKey: string | undefined
  publicKey: string
  listenPort: number
  fwmark: number
  readonly peers: readonly WireguardPeer[]
  setPeer(publicKey: string, settings: { endpoint?: { address: Ip; port: number }; allowedIps?: readonly Cidr[]; keepalive?: number }): void
  removePeer(publicKey: string): void
}

/** A Geneve tunnel (RFC 8926; drivers/net/geneve.c). */
export interface GeneveLink extends Link {
  readonly kind: 'geneve'
  readonly vni?: number
  readonly remote?: Ip
  readonly port: number
  /** Programs name the other end of each frame (PacketMeta.tunnel). */
  readonly external: boolean
}

/** An IP-in-IP tunnel (RFC 2003; net/ipv4/ipip.c); tunl0, the one that takes what no other does, has neither end. */
export interface IpipLink extends Link {
  readonly kind: 'ipip'
  readonly local?: Ip
  /** Without it the gateway of a route names the other end. */
  readonly remote?: Ip
  /** 0: as the inner packet. */
  readonly ttl: number
  readonly pmtudisc: boolean
  /** Outer packets leave through this link. */
  readonly underlay?: string
  /** tunl0 */
  readonly fallback: boolean
}

/** What `ip link add … type …` can make. MTU and MAC default to the kernel's. */
export type NewLink = { mac?: Mac; mtu?: number } & (
  | { kind: 'dummy' }
  | { kind: 'bridge'; vlanFiltering?: boolean; vlanDefaultPvid?: number }
  | { kind: 'vlan'; lower: string; tag: VlanTag }
  | { kind: 'macvlan'; lower: string; mode: MacvlanLink['mode'] }
  | { kind: 'ipvlan'; lower: string; mode: IpvlanLink['mode']; flag: IpvlanLink['flag'] }
  | { kind: 'bond'; options: Partial<BondOptions> }
  | { kind: 'veth'; peer: { name: string; network?: NetworkNamespace } }
  | { kind: 'vxlan'; vni: number; port: number; local: Ip; underlay: string; learning?: boolean; external?: boolean }
  | { kind: 'ipip'; local?: Ip; remote?: Ip; ttl?: number; pmtudisc?: boolean; underlay?: string; fallback?: boolean }
  | { kind: 'wireguard'; publicKey?: string; privateKey?: string; listenPort?: number; fwmark?: number }
  | { kind: 'geneve'; vni?: number; remote?: Ip; port?: number; external?: boolean }
)
