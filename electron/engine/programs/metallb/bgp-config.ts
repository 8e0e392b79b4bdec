import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { KubeObject, LabelSelector, Node, Service } from '../../kubernetes/types.ts'
import { formatIp, ipNumber, isValidIp } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { parseGoDuration } from '../http/go.ts'
import { networksOf, selectsPool, type AddressPool, type Pool } from './pools.ts'

/** MetalLB's BGP configuration as its native mode takes it (internal/config/config.go and validation.go of metallb/metallb v0.15). */
export const BGP_PEERS = 'bgppeers.metallb.io'
export const BGP_ADVERTISEMENTS = 'bgpadvertisements.metallb.io'
export const COMMUNITIES = 'communities.metallb.io'
export const SERVICE_BGP_STATUSES = 'servicebgpstatuses.metallb.io'

export interface BgpPeerObject extends KubeObject {
  spec: {
    myASN: number; peerASN?: number; dynamicASN?: string; peerAddress?: string; interface?: string; sourceAddress?: string; peerPort?: number
    holdTime?: string; keepaliveTime?: string; connectTime?: string; routerID?: Ip; nodeSelectors?: LabelSelector[]; password?: string; passwordSecret?: { name?: string }
    bfdProfile?: string; enableGracefulRestart?: boolean; ebgpMultiHop?: boolean; vrf?: string; disableMP?: boolean; dualStackAddressFamily?: boolean
  }
}
export interface BgpAdvertisement extends KubeObject {
  spec?: {
    aggregationLength?: number; aggregationLengthV6?: number; localPref?: number; communities?: string[]; peers?: string[]
    ipAddressPools?: string[]; ipAddressPoolSelectors?: LabelSelector[]; nodeSelectors?: LabelSelector[]; serviceSelectors?: LabelSelector[]
  }
}
export interface CommunityObject extends KubeObject { spec?: { communities?: { name?: string; value?: string }[] } }

/** `holdTime`: seconds. */
export interface PeerConfig { name: string; myAsn: number; asn: number; address: Ip; port: number; source: Ip | undefined; holdTime: number; routerId: Ip | undefined; nodeSelectors: readonly LabelSelector[] }
export interface Advert { prefix: Cidr; localPref: number; communities: readonly string[]; peers: readonly string[] }

/** What native mode cannot do (DiscardFRROnly). Throws an Error with its text. */
function discardFrrOnly(peers: readonly BgpPeerObject[]): void {
  for (const { spec } of peers) {
    const said: readonly (readonly [unknown, string])[] = [
      [spec.bfdProfile, 'bfd-profile set'], [spec.keepaliveTime !== undefined && parseGoDuration(spec.keepaliveTime) !== 0, 'keepalive-time set'], [spec.vrf, 'vrf set'], [spec.connectTime !== undefined, 'connect time set'],
      [spec.enableGracefulRestart, 'EnableGracefulRestart flag set'], [spec.disableMP, 'disable MP flag set'], [spec.dualStackAddressFamily, 'dualstackaddressfamily flag set'], [spec.dynamicASN, 'dynamicASN set'], [spec.interface, 'interface set'],
    ]
    const first = said.find(([set]) => set)
    if (first) throw new Error(`peer ${spec.peerAddress ?? ''} has ${first[1]} on native bgp mode`)
  }
}

export function peersFor(objects: readonly BgpPeerObject[]): PeerConfig[] {
  discardFrrOnly(objects)
  const out: PeerConfig[] = []
  for (const object of [...objects].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const { name } = object.metadata
    try {
      out.push(peerFrom(object))
    } catch (error) {
      throw new Error(`parsing peer ${name} ${(error as Error).message}`, { cause: error })
    }
  }
  return out
}

function peerFrom({ metadata: { name }, spec }: BgpPeerObject): PeerConfig {
  if (!spec.myASN) throw new Error('missing local ASN')
  if (!spec.peerASN) throw new Error('missing peer ASN and dynamicASN')
  if (spec.peerASN === spec.myASN && spec.ebgpMultiHop) throw new Error('invalid ebgp-multihop parameter set for an ibgp peer')
  if (!spec.peerAddress) throw new Error('peer has no Address or Interface specified')
  const holdTime = Math.floor((spec.holdTime === undefined ? 90_000 : (parseGoDuration(spec.holdTime) ?? 90_000)) / 1000)
  if (holdTime !== 0 && holdTime < 3) throw new Error(`invalid BGPPeer timers: invalid hold time "${spec.holdTime ?? ''}": must be 0 or >=3s`)
  if (!isValidIp(spec.peerAddress)) throw new Error(`invalid BGPPeer address "${spec.peerAddress}"`)
  if (spec.routerID && !isValidIp(spec.routerID)) throw new Error(`invalid router ID "${spec.routerID}"`)
  if (spec.sourceAddress && !isValidIp(spec.sourceAddress)) throw new Error(`invalid source IP "${spec.sourceAddress}"`)
  return { name, myAsn: spec.myASN, asn: spec.peerASN, address: spec.peerAddress, port: spec.peerPort ?? 179, source: spec.sourceAddress || undefined, holdTime, routerId: spec.routerID || undefined, nodeSelectors: spec.nodeSelectors ?? [] }
}

/** What is real, but not here; undefined: nothing. */
export function unsimulatedPeer({ spec }: BgpPeerObject): string | undefined {
  if (spec.password || spec.passwordSecret?.name) return "the password of MetalLB's BGPPeers (use peers without one)"
  if (spec.peerAddress?.includes(':')) return "IPv6 sessions of MetalLB's BGPPeers (use the peer's IPv4 address)"
  return undefined
}

/** Aliases of Community objects → "64512:100". */
export function communitiesFor(objects: readonly CommunityObject[]): Map<string, string> {
  const out = new Map<string, string>()
  for (const { metadata, spec } of objects) {
    for (const { name = '', value = '' } of spec?.communities ?? []) {
      const parsed = parseCommunity(value)
      if (value.startsWith('large:')) throw new Error(`native BGP mode only supports legacy communities, BGP community CR "${metadata.name}" has non legacy community "${value}"`)
      if (parsed === undefined) throw new Error(`parsing community "${name}": invalid community format: ${value}`)
      if (out.has(name)) throw new Error(`duplicate definition of community "${name}"`)
      out.set(name, parsed)
    }
  }
  return out
}

/** "64512:100". Throws for numbers that do not fit. */
function parseCommunity(text: string): string | undefined {
  const parts = text.split(':')
  if (parts.length !== 2) return undefined
  for (const part of parts) if (!/^\d+$/.test(part) || Number(part) > 65_535) throw new Error(`invalid community value: invalid section "${part}" of community "${text}", err: "strconv.ParseUint: parsing \\"${part}\\": ${/^\d+$/.test(part) ? 'value out of range' : 'invalid syntax'}"`)
  return text
}

function communityOf(text: string, aliases: ReadonlyMap<string, string>): string {
  const known = aliases.get(text) ?? parseCommunity(text)
  if (known === undefined) throw new Error(`invalid community format: ${text}\ninvalid community "${text}" in BGP advertisement`)
  return known
}

/** The advertisements of a pool: those that name it, select it, or name none. */
export function bgpAdvertisementsOf(pool: Pool, all: readonly BgpAdvertisement[]): BgpAdvertisement[] {
  return all.filter(({ spec }) => selectsPool(pool.object, spec ?? {}))
}

/** Whether all of it can be: the webhooks ask before it is stored. Throws an Error with MetalLB's text. */
export function validateAdvertisements(advertisements: readonly BgpAdvertisement[], pools: readonly Pool[], nodes: readonly Node[]): void {
  const selected = (pool: Pool): BgpAdvertisement[] => bgpAdvertisementsOf(pool, advertisements)
  for (const pool of pools) if (selected(pool).length > 0) for (const range of pool.ranges) if (range.version === 6) throw new Error(`pool "${pool.name}" has ipv6 CIDR ${networksOf(range)[0]!}, native bgp mode does not support ipv6`)
  for (const { metadata, spec } of advertisements) {
    const large = spec?.communities?.find((c) => c.startsWith('large:'))
    if (large !== undefined) throw new Error(`native BGP mode only supports legacy communities, BGP advertisement "${metadata.name}" has non legacy community "${large}"`)
    for (const [list, name] of [[spec?.ipAddressPools, 'ipAddressPools'], [spec?.communities, 'community'], [spec?.peers, 'peers']] as const) {
      const twice = list?.find((text, i) => list.indexOf(text) !== i)
      if (twice !== undefined) throw new Error(`duplicate definition of ${name} "${twice}"`)
    }
  }
  for (const pool of pools) {
    const before: BgpAdvertisement[] = []
    for (const adv of selected(pool)) {
      validatePerPool(adv, pool, before, nodes)
      before.push(adv)
    }
  }
}

function validatePerPool(adv: BgpAdvertisement, pool: Pool, before: readonly BgpAdvertisement[], nodes: readonly Node[]): void {
  const length = adv.spec?.aggregationLength ?? 32
  pool.ranges.forEach((range, i) => {
    const lowest = Math.min(...networksOf(range).map((n) => Number(n.split('/')[1])))
    if (length < lowest) throw new Error(`invalid aggregation length ${length}: prefix ${lowest} in this pool is more specific than the aggregation length for addresses ${pool.object.spec.addresses[i]!}`)
  })
  const peers = adv.spec?.peers ?? []
  const preference = (a: BgpAdvertisement): number => a.spec?.localPref ?? 0
  for (const other of before) {
    if (preference(adv) === preference(other) || (other.spec?.aggregationLength ?? 32) !== length) continue
    const others = other.spec?.peers ?? []
    if (peers.length > 0 && others.length > 0 && !peers.some((p) => others.includes(p))) continue
    if (!nodes.some((n) => selectsNode(adv.spec?.nodeSelectors, n) && selectsNode(other.spec?.nodeSelectors, n))) continue
    throw new Error(`invalid local preference ${preference(adv)}: local preferernce ${preference(other)} was already set for the same type of BGP update. Check existing BGP advertisements with common pools and aggregation lengths`)
  }
}

export function selectsNode(selectors: readonly LabelSelector[] = [], { metadata }: Pick<Node, 'metadata'>): boolean {
  return selectors.length === 0 || selectors.some((s) => compileLabelSelector(s).matches(metadata.labels ?? {}))
}

/** bgpAdsForService: those of this node that the Service is selected by. */
export function advertisementsFor(pool: Pool, all: readonly BgpAdvertisement[], node: Node, service: Service): BgpAdvertisement[] {
  return bgpAdvertisementsOf(pool, all).filter(({ spec }) => selectsNode(spec?.nodeSelectors, node) && ((spec?.serviceSelectors ?? []).length === 0 || spec!.serviceSelectors!.some((s) => compileLabelSelector(s).matches(service.metadata.labels ?? {}))))
}

/** What is told of an address. */
export function advertOf(ip: Ip, { spec = {} }: BgpAdvertisement, aliases: ReadonlyMap<string, string>): Advert {
  const length = spec.aggregationLength ?? 32
  const shift = BigInt(32 - length)
  const communities = (spec.communities ?? []).map((c) => communityOf(c, aliases)).sort((a, b) => number(a) - number(b))
  return { prefix: `${formatIp((ipNumber(ip) >> shift) << shift, 4)}/${length}`, localPref: spec.localPref ?? 0, communities, peers: spec.peers ?? [] }
}

function number(community: string): number {
  const [high, low] = community.split(':').map(Number)
  return high! * 65_536 + low!
}

export type { AddressPool }
