import type { Timer } from '../clock.ts'
import type { Telling } from '../journey/way.ts'
import { SparseMap } from '../sparse.ts'
import { isMulticastIp } from './address.ts'
import { announce, answererOf, multicastMac, reply, request } from './arp.ts'
import { multicastMac6, solicit } from './neighbour-discovery.ts'
import { formatNeighbour } from './format.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { BROADCAST_MAC } from './packets.ts'
import type { ArpPacket, Frame, Ip, IpPacket, Mac, NeighbourResponder, NeighbourState, NeighbourTable } from './types.ts'

const REACHABLE_MS = 30_000
const DELAY_MS = 5_000
const RETRY_MS = 1_000
const TRIES = 3
const LOCK_MS = 1_000
const QUEUE = 101

interface Neighbour {
  ip: Ip
  link: BaseLink
  mac?: Mac
  state: NeighbourState
  /** IPv6: it said that it is a router. */
  router?: boolean
  confirmedAt: number
  /** When it was last asked for while in doubt, and when its state last changed. */
  usedAt: number
  updatedAt: number
  tries: number
  /** mcast_solicit goes on counting where ucast_solicit would end. */
  asked: number
  waiting: IpPacket[]
  timer?: Timer
}

const known: Telling<[ip: Ip, mac: Mac, state: NeighbourState, router: boolean | undefined]> = ({ interface: name, before, after }, ip, mac, state, router) => ({
  stage: 'neighbour',
  interface: name,
  text: `The next hop ${ip} on ${name} has the MAC address ${mac}.`,
  decidedBy: { kind: 'neighbour', text: formatNeighbour({ ip, device: name!, mac, state, router }) },
  before,
  after,
  explanation: 'neighbour-lookup',
})

/** The ARP cache (RFC 826; arp(7); states as in net/core/neighbour.c) of one network namespace, and that of Neighbour Discovery. */
export class Neighbours implements NeighbourTable {
  readonly #namespace: Namespace
  readonly #links = new SparseMap<BaseLink, Map<Ip, Neighbour>>()
  #responders: Map<NeighbourResponder, ((group: Ip, device: string) => boolean) | undefined> | undefined
  #proxies: readonly { ip: Ip; device?: string }[] | undefined

  constructor(namespace: Namespace) {
    this.#namespace = namespace
  }

  list(): ReturnType<NeighbourTable['list']> {
    this.#namespace.late?.settle()
    const rows: ReturnType<NeighbourTable['list']>[number][] = []
    const rows6: typeof rows = []
    for (const entries of this.#links.values()) for (const entry of entries.values()) (entry.ip.includes(':') ? rows6 : rows).push(this.#row(entry))
    return [...rows, ...rows6]
  }

  /** Now; of rows that an agent left for later the moment when it began, so that it does not matter who looks when. */
  get #written(): number {
    const { late, clock } = this.#namespace
    return late?.writing ? late.since : clock.now
  }

  proxies(): readonly { ip: Ip; device?: string }[] {
    return this.#proxies ?? []
  }

  answerFor(responder: NeighbourResponder, joins?: (group: Ip, device: string) => boolean): () => void {
    const all = (this.#responders ??= new Map())
    all.set(responder, joins)
    return () => all.delete(responder)
  }

  /** Whether a program has joined a group on a link (setsockopt IPV6_JOIN_GROUP). */
  joined(group: Ip, link: BaseLink): boolean {
    for (const joins of this.#responders?.values() ?? []) if (joins?.(group, link.name)) return true
    return false
  }

  /** What a program says that answers for an address. */
  responds(ip: Ip, link: BaseLink): ReturnType<NeighbourResponder> {
    for (const responder of this.#responders?.keys() ?? []) {
      const said = responder(ip, link.name)
      if (said) return said
    }
    return undefined
  }

  setProxy({ ip, device }: { ip: Ip; device?: string }, on: boolean): void {
    const same = (p: { ip: Ip; device?: string }): boolean => p.ip === ip && p.device === device
    if (on && this.proxies().some(same)) return
    const others = this.proxies().filter((p) => !same(p))
    this.#proxies = on ? [{ ip, ...(device === undefined ? {} : { device }) }, ...others] : others
    this.#namespace.changed()
  }

  /** Whether `ip neigh add proxy` lets this namespace answer for the address on the link. */
  proxied(ip: Ip, link: BaseLink): boolean {
    return this.#proxies?.some((p) => p.ip === ip && (p.device === undefined || p.device === link.name)) ?? false
  }

  reserve(device: string): void {
    const link = this.#namespace.link(device)
    if (!this.#links.has(link)) this.#links.set(link, new Map())
  }

  set(row: { ip: Ip; device: string; mac: Mac; state: NeighbourState }): void {
    this.#namespace.late?.settle()
    const entry = this.#entry(this.#namespace.link(row.device), row.ip)
    // an administrator may overrule what is permanent
    if (entry.state === 'PERMANENT') entry.state = 'STALE'
    this.#learn(entry, row.mac, row.state)
  }

  remove(ip: Ip, device: string): void {
    this.#namespace.late?.settle()
    const entries = this.#links.get(this.#namespace.link(device))
    const entry = entries?.get(ip)
    if (!entries || !entry) return
    this.#forget(entry)
    entries.delete(ip)
    this.#namespace.changed()
  }

  /** The link went down or away. */
  flush(link: BaseLink, options?: { keepPermanent?: boolean }): void {
    const entries = this.#links.get(link)
    if (!entries) return
    for (const entry of entries.values()) {
      if (options?.keepPermanent && entry.state === 'PERMANENT') continue
      this.#forget(entry)
      entries.delete(entry.ip)
    }
    if (entries.size === 0) this.#links.delete(link)
  }

  /** Sends a packet to the next hop on a link, as soon as its MAC address is known. */
  send(packet: IpPacket, nextHop: Ip, link: BaseLink): void {
    if (link.wantsNextHop) packet.meta.nextHop = nextHop
    if (!link.usesArp) return link.transmit({ source: link.mac, destination: link.mac, payload: packet })
    if (isMulticastIp(nextHop)) return link.transmit({ source: link.mac, destination: packet.version === 6 ? multicastMac6(nextHop) : multicastMac(nextHop), payload: packet })
    this.#namespace.late?.forNeighbours(link.name)
    const entry = this.#entry(link, nextHop)
    if (entry.mac !== undefined && entry.state !== 'INCOMPLETE' && entry.state !== 'FAILED') {
      if (entry.state === 'REACHABLE' && this.#namespace.clock.now - entry.confirmedAt > REACHABLE_MS) entry.state = 'STALE'
      if (entry.state === 'STALE') this.#doubt(entry)
      return this.#transmit(entry, packet)
    }
    if (entry.waiting.length >= QUEUE) entry.waiting.shift()
    entry.waiting.push(packet)
    const { recorder } = this.#namespace
    if (recorder.recording(packet)) {
      recorder.hop(this.#namespace, packet, {
        stage: 'neighbour',
        interface: link.name,
        text: packet.version === 4
          ? `Nothing is known yet about ${nextHop} on ${link.name}: the packet waits while ARP asks everybody there "who has ${nextHop}?".`
          : `Nothing is known yet about ${nextHop} on ${link.name}: the packet waits while a neighbour solicitation asks the group of ${nextHop} "who has it?".`,
        before: recorder.header(packet),
        explanation: packet.version === 4 ? 'arp-request' : 'neighbour-solicitation',
      })
    }
    if (entry.state !== 'INCOMPLETE') {
      entry.state = 'INCOMPLETE'
      entry.mac = undefined
      entry.tries = 0
      entry.asked = TRIES
      this.#solicit(entry)
    }
  }

  sendBroadcast(packet: IpPacket, link: BaseLink): void {
    link.transmit({ source: link.mac, destination: BROADCAST_MAC, payload: packet })
  }

  receive(arp: ArpPacket, link: BaseLink): void {
    const namespace = this.#namespace
    namespace.late?.forNeighbours(link.name)
    const known = this.#links.get(link)?.get(arp.senderIp)
    if (arp.operation === 'request') {
      const by = answererOf(namespace, arp.targetIp, link)
      if (by !== undefined) {
        reply(namespace, arp, link, by)
        if (arp.senderIp !== '0.0.0.0') this.#learn(known ?? this.#entry(link, arp.senderIp), arp.senderMac, 'STALE')
        return
      }
      if (known && known.mac !== undefined && known.mac !== arp.senderMac) this.#learn(known, arp.senderMac, 'STALE')
      const said = this.responds(arp.targetIp, link)
      if (said && arp.senderIp !== arp.targetIp) reply(namespace, arp, link, said)
      return
    }
    if (!known) return
    if (arp.targetMac !== link.mac) {
      // an unasked reply to everybody: believed unless the entry has just changed (arp_process, locktime)
      if (arp.targetMac === BROADCAST_MAC && known.mac !== arp.senderMac && namespace.clock.now - known.updatedAt > LOCK_MS) this.#learn(known, arp.senderMac, 'STALE')
      return
    }
    this.#learn(known, arp.senderMac, 'REACHABLE')
    namespace.changed()
  }

  /** What a message of Neighbour Discovery says of a neighbour. */
  heard(link: BaseLink, ip: Ip, mac: Mac | undefined, state: 'REACHABLE' | 'STALE', options: { create: boolean; router?: boolean }): void {
    const entry = options.create ? this.#entry(link, ip) : this.#links.get(link)?.get(ip)
    const known = mac ?? entry?.mac
    if (!entry || known === undefined) return
    if (options.router !== undefined) entry.router = options.router
    this.#learn(entry, known, state)
  }

  #entry(link: BaseLink, ip: Ip): Neighbour {
    let entries = this.#links.get(link)
    if (!entries) this.#links.set(link, (entries = new Map()))
    let entry = entries.get(ip)
    if (!entry) entries.set(ip, (entry = { ip, link, state: 'FAILED', confirmedAt: this.#written - 2 * REACHABLE_MS, usedAt: this.#written, updatedAt: this.#written, tries: 0, asked: 0, waiting: [] }))
    return entry
  }

  #learn(entry: Neighbour, mac: Mac, state: NeighbourState): void {
    if (entry.state === 'PERMANENT' && state !== 'PERMANENT') return
    const { clock } = this.#namespace
    const now = this.#written
    // A request from somebody just confirmed does not make it less so.
    if (state === 'STALE' && entry.mac === mac && entry.state === 'REACHABLE' && now - entry.confirmedAt <= REACHABLE_MS) return
    if (entry.mac !== mac || entry.state !== state) entry.updatedAt = now
    entry.mac = mac
    entry.state = state
    if (state !== 'STALE') entry.confirmedAt = now
    clock.cancel(entry.timer)
    entry.timer = undefined
    const waiting = entry.waiting
    entry.waiting = []
    for (const packet of waiting) this.#transmit(entry, packet)
    this.#namespace.changed()
  }

  #transmit(entry: Neighbour, packet: IpPacket): void {
    const link = entry.link
    const frame: Frame = { source: link.mac, destination: entry.mac!, payload: packet }
    const { recorder } = this.#namespace
    if (recorder.recording(packet)) {
      recorder.note(this.#namespace, packet, link.name, recorder.header(packet), recorder.header(packet, frame), known, entry.ip, entry.mac!, this.#state(entry), entry.router)
    }
    link.transmit(frame)
  }

  /** A stale entry is used at once and checked a little later. */
  #doubt(entry: Neighbour): void {
    const { clock } = this.#namespace
    entry.state = 'DELAY'
    entry.usedAt = entry.updatedAt = clock.now
    entry.timer = clock.schedule(DELAY_MS, () => {
      entry.state = 'PROBE'
      entry.tries = 0
      entry.asked = 0
      this.#solicit(entry)
    }, { background: true })
  }

  /** Asks, up to three times a second apart, then gives up. */
  #solicit(entry: Neighbour): void {
    const { clock } = this.#namespace
    if (entry.tries++ >= TRIES) return this.#fail(entry)
    const background = entry.state === 'PROBE'
    entry.timer = clock.schedule(RETRY_MS, () => this.#solicit(entry), { background })
    const first = entry.waiting[0]
    if (entry.ip.includes(':')) {
      const source = first && entry.link.address(first.source)?.address
      return solicit(this.#namespace, entry.link, entry.ip, source, background ? entry.mac : undefined, first?.meta.trail)
    }
    request(this.#namespace, entry.link, entry.ip, first, entry.state === 'PROBE' ? entry.mac : undefined)
  }

  announce(ip: Ip, device: string): void {
    announce(this.#namespace.link(device), ip)
  }

  #fail(entry: Neighbour): void {
    const namespace = this.#namespace
    entry.state = 'FAILED'
    entry.mac = undefined
    entry.timer = undefined
    const waiting = entry.waiting
    entry.waiting = []
    for (const packet of waiting) {
      const { recorder } = namespace
      recorder.fail(namespace, packet, 'unreachable', 'drop-no-neighbour', {
        stage: 'drop',
        interface: entry.link.name,
        text: `Nobody on ${entry.link.name} answered for ${entry.ip} in ${TRIES} tries: the host is unreachable.`,
        decidedBy: { kind: 'neighbour', text: formatNeighbour(this.#row(entry)) },
        before: recorder.header(packet),
        explanation: 'drop-no-neighbour',
      })
      if (packet.version === 4) namespace.sendIcmpError(packet, 3, 1)
      else namespace.sendIcmpError(packet, 1, 3)
    }
    namespace.changed()
  }

  #forget(entry: Neighbour): void {
    this.#namespace.clock.cancel(entry.timer)
    entry.timer = undefined
    const { recorder } = this.#namespace
    for (const packet of entry.waiting) {
      recorder.fail(this.#namespace, packet, 'dropped', 'drop-link-down', {
        stage: 'drop',
        interface: entry.link.name,
        text: `${entry.link.name} went down while the packet waited for the MAC address of ${entry.ip}.`,
        before: recorder.header(packet),
        explanation: 'drop-link-down',
      })
    }
    entry.waiting = []
    entry.mac = undefined
    entry.state = 'FAILED'
  }

  #row(entry: Neighbour): ReturnType<NeighbourTable['list']>[number] {
    const { ip, link, mac, usedAt, confirmedAt, updatedAt, tries, asked } = entry
    return { ip, device: link.name, mac, state: this.#state(entry), ...(entry.router ? { router: true } : {}), usedAt, confirmedAt, updatedAt, probes: tries + asked }
  }

  #state(entry: Neighbour): NeighbourState {
    const old = entry.state === 'REACHABLE' && this.#namespace.clock.now - entry.confirmedAt > REACHABLE_MS
    return old ? 'STALE' : entry.state
  }
}
