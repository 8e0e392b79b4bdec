import type { Clock } from '../../clock.ts'
import type { Cidr, Ip, NetworkNamespace, SocketOwner } from '../../network/types.ts'
import type { Family } from './messages.ts'
import type { BgpSession } from './session.ts'

/** What a BGP speaker is told when it is made, and what it tells of neighbours and routes. */
export interface BgpOptions {
  network: NetworkNamespace
  clock: Clock
  owner?: SocketOwner
  asn: number
  /** The BGP identifier, an IPv4 address; who has the higher one decides which of two crossing connections stays. */
  routerId: Ip
  /** Where it listens and connects from. */
  address: Ip
  /** The same for neighbours of the other family. */
  otherAddress?: Ip | undefined
  /** Whose prefixes it offers a neighbour to exchange (RFC 4760); without it, IPv4's. */
  families?(peer: Ip): readonly Family[]
  /** The link-local address that a neighbour on the same wire is told beside an IPv6 next hop of ours (RFC 2545 3). */
  linkLocal?(peer: Ip): Ip | undefined
  /** Seconds (default 90); keepalives come at a third of it. */
  holdTime?: number
  /** Virtual ms between attempts to connect (default 10 s). */
  retry?: number
  /** Virtual ms before the first attempt (default none). */
  connectDelay?: number
  /** For so long (virtual ms) after its birth a speaker's attempts hold up who waits for the cluster to settle. */
  eagerFor?: number
  /** Neighbours that connect to us, and we never to them. */
  passive?(peer: Ip): boolean
  /** Of a route reflector (RFC 4456): what one neighbour inside the AS says is told to others, if either is a client. */
  clusterId?(): Ip | undefined
  /** Seconds that a neighbour's routes outlive its session (RFC 4724); undefined: not at all. */
  gracefulRestart?: number
  /** A neighbour's routes outlive its session for as long as it asked for itself: a speaker that never restarts so, but waits for those that do. */
  helper?: boolean
  /** Whoever connects without being a neighbour becomes one for as long as the session lasts ("bgp listen range"); undefined: he is sent away. */
  dynamic?(address: Ip): RemoteAs | undefined
  /** Whether a neighbour may announce a prefix to us; without it everybody may. */
  accepts?(peer: BgpPeer, prefix: Cidr): boolean
  /** Whether a route that a neighbour announces is used; {@link BgpSpeaker.refilter} after it says something else. */
  imports?(peer: BgpPeer, route: BgpRoute): boolean
  /** Whether a neighbour is told of a prefix; `route`: it is what another neighbour says. */
  tells?(peer: BgpPeer, prefix: Cidr, route?: BgpRoute): boolean
  /** How often our own AS number may stand in the path of what a neighbour says ("allow local as"); never without it. */
  ownAsIn?(peer: BgpPeer): number
  /** Passes what one neighbour outside the AS says on to the others (RFC 4271 9.2). */
  transit?: boolean
  /** The best route to a prefix changed; undefined: there is none any more. `ways` has those that are as good, the best one first. */
  onRoute(prefix: Cidr, route: BgpRoute | undefined, ways: readonly BgpRoute[]): void
  onPeer?(peer: BgpPeer, why: string): void
}

/** "remote-as external": any other than ours. */
export type RemoteAs = number | 'external' | 'internal'

/** `since`: virtual ms at which it was learnt; `linkLocal`: the next hop's on the wire that leads to the neighbour. */
export interface BgpRoute { prefix: Cidr; nextHop: Ip; linkLocal?: Ip; peer: Ip; asPath: readonly number[]; localPreference: number; since: number; originator?: Ip; clusters?: readonly Ip[]; communities?: readonly string[] }

/** What gobgp tells of a neighbour besides. */
export interface BgpPeerDetails {
  /** Its identifier, from its OPEN. */
  id: Ip | undefined
  gracefulRestart: number | undefined
  /** What its OPEN offers. */
  families: readonly Family[]
  sent: BgpSession['sent'] | undefined
  received: BgpSession['received'] | undefined
  /** How often an established session has ended. */
  flops: number
  routes: readonly BgpRoute[]
}

export interface BgpPeer {
  address: Ip
  /** 0: nobody has said which yet. */
  asn: number
  /** It came by itself. */
  dynamic?: boolean
  /** RFC 4271 8.2.2 */
  state: 'Idle' | 'Active' | 'Connect' | 'OpenSent' | 'OpenConfirm' | 'Established'
  /** Virtual ms at which it came to this state. */
  since: number
  /** How the last session ended. */
  lastError?: string
}
