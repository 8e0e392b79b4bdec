import type { Timer } from '../../clock.ts'
import { compareIp, ipVersion } from '../../network/address.ts'
import type { Cidr, Ip, TcpConnection, TcpListener } from '../../network/types.ts'
import { BGP_PORT, NOTIFY, type OpenMessage, type UpdateMessage } from './messages.ts'
import type { BgpOptions, BgpPeer, BgpPeerDetails, BgpRoute, RemoteAs } from './options.ts'
import { BgpSession, HOLD_TIMER_EXPIRED, type SessionEvents } from './session.ts'

export type { BgpOptions, BgpPeer, BgpPeerDetails, BgpRoute, RemoteAs } from './options.ts'

interface Peer extends BgpPeer {
  wanted: RemoteAs
  client: boolean
  passive: boolean
  anySource: boolean
  gracefulRestart: number | undefined
  connecting: TcpConnection | undefined
  sessions: Set<BgpSession>
  retry: Timer | undefined
  stale: Timer | undefined
  /** Prefix → what this neighbour says of it. */
  routes: Map<Cidr, BgpRoute>
  /** The same of what is not used. */
  filtered: Map<Cidr, BgpRoute>
  /** After a restart: what it has announced again. */
  refreshed: Set<Cidr> | undefined
  open: OpenMessage | undefined
  flops: number
}

/**
 * A BGP speaker of a node, over real (simulated) TCP connections on port 179: what BIRD is to calico-node and GoBGP to
 * kube-router. It keeps what neighbours announce and tells of it; routes in the kernel are its owner's affair.
 */
export class BgpSpeaker {
  readonly #options: BgpOptions
  readonly #listeners: readonly TcpListener[]
  readonly #peers = new Map<Ip, Peer>()
  /** What we announce: prefix → next hop. */
  readonly #own = new Map<Cidr, Ip>()
  readonly #announcedAt = new Map<Cidr, number>()
  readonly #best = new Map<Cidr, BgpRoute>()
  /** Where several are as good as the best. */
  readonly #ways = new Map<Cidr, readonly BgpRoute[]>()
  readonly #bornAt: number
  #stopped = false

  /** Throws SystemError EADDRINUSE when another speaker has the port. */
  constructor(options: BgpOptions) {
    this.#options = options
    this.#bornAt = options.clock.now
    const { network, address, otherAddress, owner } = options
    const addresses = otherAddress === undefined ? [address] : [address, otherAddress]
    this.#listeners = addresses.map((own) => network.sockets.listen({ port: BGP_PORT, address: own, ...(owner ? { owner } : {}) }, (connection) => this.#accept(connection)))
  }

  /** In the order of their addresses. */
  get peers(): readonly BgpPeer[] {
    return [...this.#peers.values()].sort((a, b) => compareIp(a.address, b.address)).map(({ address, asn, dynamic, state, since, lastError }) => ({ address, asn, state, since, ...(dynamic ? { dynamic } : {}), ...(lastError ? { lastError } : {}) }))
  }

  details(address: Ip): BgpPeerDetails | undefined {
    const peer = this.#peers.get(address)
    if (!peer) return undefined
    const session = [...peer.sessions].find((s) => s.state === 'Established') ?? [...peer.sessions][0]
    return { id: peer.open?.id, gracefulRestart: peer.open?.gracefulRestart, families: peer.open?.families ?? [], sent: session?.sent, received: session?.received, flops: peer.flops, routes: [...peer.routes.values()] }
  }

  get options(): Pick<BgpOptions, 'asn' | 'routerId' | 'address' | 'gracefulRestart' | 'families' | 'otherAddress'> {
    return this.#options
  }

  /** Virtual ms. */
  announcedSince(prefix: Cidr): number {
    return this.#announcedAt.get(prefix) ?? this.#bornAt
  }

  /** The best route to each prefix that neighbours announce. */
  get routes(): ReadonlyMap<Cidr, BgpRoute> {
    return this.#best
  }

  /** The best route to a prefix and those that are as good. */
  ways(prefix: Cidr): readonly BgpRoute[] {
    const best = this.#best.get(prefix)
    return this.#ways.get(prefix) ?? (best ? [best] : [])
  }

  /** What of our own a neighbour is told. */
  announcedTo(address: Ip): [Cidr, Ip][] {
    const peer = this.#peers.get(address)
    return [...this.#own].filter(([prefix]) => peer && this.#options.tells?.(peer, prefix) !== false)
  }

  get announced(): ReadonlyMap<Cidr, Ip> {
    return this.#own
  }

  /** Adds a neighbour and connects to it; one that is known already is left alone. `anySource`: the kernel chooses where from; `gracefulRestart`: seconds, instead of the speaker's. */
  addPeer(address: Ip, wanted: RemoteAs, { client = false, passive = this.#options.passive?.(address) ?? false, dynamic, anySource = false, gracefulRestart = this.#options.gracefulRestart }: { client?: boolean; passive?: boolean; dynamic?: boolean; anySource?: boolean; gracefulRestart?: number | undefined } = {}): void {
    if (this.#stopped || this.#peers.has(address)) return
    const asn = typeof wanted === 'number' ? wanted : wanted === 'internal' ? this.#options.asn : 0
    const peer: Peer = { address, asn, wanted, client, passive, anySource, gracefulRestart, ...(dynamic ? { dynamic } : {}), state: 'Idle', since: this.#options.clock.now, connecting: undefined, sessions: new Set(), retry: undefined, stale: undefined, routes: new Map(), filtered: new Map(), refreshed: undefined, open: undefined, flops: 0 }
    this.#peers.set(address, peer)
    if (this.#options.connectDelay === undefined) this.#connect(peer)
    else this.#later(peer, this.#options.connectDelay)
  }

  removePeer(address: Ip): void {
    const peer = this.#peers.get(address)
    if (!peer) return
    this.#peers.delete(address)
    this.#disconnect(peer, NOTIFY.ceaseDeconfigured)
    this.#forget(peer)
  }

  announce(prefix: Cidr, nextHop: Ip): void {
    if (this.#own.get(prefix) === nextHop) return
    this.#own.set(prefix, nextHop)
    this.#announcedAt.set(prefix, this.#options.clock.now)
    for (const peer of this.#peers.values()) for (const session of peer.sessions) this.#tell(peer, session, prefix, nextHop)
  }

  withdraw(prefix: Cidr): void {
    if (!this.#own.delete(prefix)) return
    for (const peer of this.#peers.values()) for (const session of peer.sessions) session.update({ withdrawn: [prefix], announced: [], asPath: [] })
  }

  /** Connections end; with graceful restart without a NOTIFICATION, so that neighbours keep the routes for a while. */
  stop(): void {
    this.#stopped = true
    for (const listener of this.#listeners) listener.close()
    for (const peer of this.#peers.values()) this.#disconnect(peer, this.#options.gracefulRestart === undefined ? NOTIFY.ceaseShutdown : undefined)
    this.#peers.clear()
  }

  // ---- connections -------------------------------------------------------------------------------------------

  #connect(peer: Peer): void {
    const { network, owner } = this.#options
    const source = peer.anySource ? undefined : this.#sourceFor(peer.address)
    if (this.#stopped || peer.connecting || peer.sessions.size > 0) return
    if (peer.passive) return this.#state(peer, 'Active')
    this.#state(peer, 'Connect')
    const connection = network.sockets.connect({ address: peer.address, port: BGP_PORT, ...(source === undefined ? {} : { source }), ...(owner ? { owner } : {}) }, {
      onConnect: () => {
        peer.connecting = undefined
        this.#begin(peer, connection, true)
      },
      onClose: (error) => {
        if (peer.connecting !== connection) return
        peer.connecting = undefined
        if (error) peer.lastError = error.message
        if (peer.sessions.size === 0) this.#later(peer)
      },
    })
    peer.connecting = connection
  }

  /** The own address of a neighbour's family. */
  #sourceFor(peer: Ip): Ip | undefined {
    return [this.#options.address, this.#options.otherAddress].find((own) => own !== undefined && ipVersion(own) === ipVersion(peer))
  }

  #later(peer: Peer, after = this.#options.retry ?? 10_000): void {
    if (this.#stopped || !this.#peers.has(peer.address)) return
    const { clock, eagerFor = 0 } = this.#options
    this.#state(peer, 'Active')
    clock.cancel(peer.retry)
    if (!peer.passive) peer.retry = clock.schedule(after, () => this.#connect(peer), { background: clock.now - this.#bornAt >= eagerFor })
  }

  #accept(connection: TcpConnection): void {
    const from = connection.remoteAddress
    const wanted = this.#peers.has(from) ? undefined : this.#options.dynamic?.(from)
    if (wanted !== undefined) this.addPeer(from, wanted, { passive: true, dynamic: true })
    const peer = this.#peers.get(from)
    if (peer && !this.#stopped) this.#begin(peer, connection, false)
    else connection.abort()
  }

  #begin(peer: Peer, connection: TcpConnection, active: boolean): void {
    const { clock, asn, routerId, holdTime = 90, families } = this.#options
    const { gracefulRestart } = peer
    const open: OpenMessage = { type: 'open', asn, holdTime, id: routerId, families: families?.(peer.address) ?? [4], ...(gracefulRestart === undefined ? {} : { gracefulRestart }) }
    const events: SessionEvents = {
      onOpen: (session, message) => this.#onOpen(peer, session, message),
      onEstablished: (session) => this.#onEstablished(peer, session),
      onUpdate: (_, update) => this.#onUpdate(peer, update),
      onClose: (session, why) => this.#onClose(peer, session, why),
    }
    peer.sessions.add(new BgpSession(clock, connection, active, open, events))
    if (peer.state !== 'Established') this.#state(peer, 'OpenSent')
  }

  #onOpen(peer: Peer, session: BgpSession, open: OpenMessage): boolean {
    peer.open = open
    const { asn } = this.#options
    if (peer.wanted === 'external' ? open.asn === asn : open.asn !== (peer.wanted === 'internal' ? asn : peer.wanted)) {
      session.close(NOTIFY.openBadPeerAs, `the neighbour's ASN is ${open.asn}, not ${peer.wanted}`)
      return false
    }
    peer.asn = open.asn
    // RFC 4271 6.8: of two connections that crossed, the one that the higher identifier opened stays.
    for (const other of [...peer.sessions]) {
      if (other === session) continue
      const activeStays = compareIp(this.#options.routerId, open.id) > 0
      const loser = other.active !== session.active && other.active === activeStays ? session : other
      loser.close(NOTIFY.ceaseCollision, 'connection collision resolution')
      if (loser === session) return false
    }
    this.#state(peer, 'OpenConfirm')
    return true
  }

  #onEstablished(peer: Peer, session: BgpSession): void {
    this.#options.clock.cancel(peer.retry)
    this.#options.clock.cancel(peer.stale)
    peer.stale = undefined
    delete peer.lastError
    this.#state(peer, 'Established')
    for (const [prefix, nextHop] of this.#own) this.#tell(peer, session, prefix, nextHop)
    for (const route of this.#best.values()) this.#reflect(peer, session, undefined, route)
    // What it announced before its restart and does not announce again within a second is gone (RFC 4724's end of RIB).
    if (peer.routes.size === 0) return
    peer.refreshed = new Set()
    peer.stale = this.#options.clock.schedule(1_000, () => {
      for (const prefix of [...peer.routes.keys()]) if (!peer.refreshed?.has(prefix)) this.#learn(peer, prefix, undefined)
      peer.refreshed = undefined
    })
  }

  #onClose(peer: Peer, session: BgpSession, why: string): void {
    peer.sessions.delete(session)
    if (this.#stopped || !this.#peers.has(peer.address) || peer.sessions.size > 0) return
    if (peer.dynamic) {
      this.#peers.delete(peer.address)
      this.#forget(peer)
      this.#options.onPeer?.({ ...peer, state: 'Idle' }, why)
      return
    }
    peer.lastError = why
    const wasEstablished = peer.state === 'Established'
    if (wasEstablished) peer.flops++
    this.#later(peer)
    this.#options.onPeer?.(peer, why)
    const gracefulRestart = this.#options.helper ? peer.open?.gracefulRestart : peer.gracefulRestart
    if (!wasEstablished || peer.routes.size === 0) return
    // RFC 4724 4.2: only who went without a NOTIFICATION, in either direction, may be restarting
    if (gracefulRestart === undefined || why.startsWith('received NOTIFICATION') || why === HOLD_TIMER_EXPIRED) return this.#forget(peer)
    this.#options.clock.cancel(peer.stale)
    peer.stale = this.#options.clock.schedule(gracefulRestart * 1000, () => this.#forget(peer), { background: true })
  }

  #disconnect(peer: Peer, notify: readonly [number, number] | undefined): void {
    const { clock } = this.#options
    clock.cancel(peer.retry)
    clock.cancel(peer.stale)
    const { connecting } = peer
    peer.connecting = undefined
    connecting?.abort()
    for (const session of [...peer.sessions]) session.close(notify, 'closed here')
  }

  #state(peer: Peer, state: BgpPeer['state']): void {
    if (peer.state === state) return
    peer.state = state
    peer.since = this.#options.clock.now
    if (state === 'Established') this.#options.onPeer?.(peer, '')
  }

  // ---- routes ------------------------------------------------------------------------------------------------

  /** "clear bgp": the sessions end, and come back. */
  resetPeer(address: Ip, notify: readonly [number, number] = NOTIFY.ceaseReset): void {
    const peer = this.#peers.get(address)
    for (const session of [...(peer?.sessions ?? [])]) session.close(notify, 'closed here')
    if (peer && !peer.dynamic) this.#later(peer, 1_000)
  }

  #tell(peer: Peer, session: BgpSession, prefix: Cidr, nextHop: Ip): void {
    if (this.#options.tells?.(peer, prefix) === false) return
    const inside = peer.asn === this.#options.asn
    const linkLocal = prefix.includes(':') ? this.#options.linkLocal?.(peer.address) : undefined
    session.update({ withdrawn: [], announced: [prefix], nextHop, ...(linkLocal === undefined ? {} : { linkLocal }), asPath: inside ? [] : [this.#options.asn], ...(inside ? { localPreference: 100 } : {}) })
  }

  /** What a neighbour outside the AS says goes to the others as it is, with our number in front for those outside; on one wire the next hop stays who it is. */
  #pass(peer: Peer, session: BgpSession, old: BgpRoute | undefined, route: BgpRoute | undefined): void {
    const { asn, tells } = this.#options
    const passes = (r: BgpRoute | undefined): r is BgpRoute => r !== undefined && tells?.(peer, r.prefix, r) !== false && !this.#own.has(r.prefix) && r.peer !== peer.address && (peer.asn !== asn || this.#peers.get(r.peer)?.asn !== asn)
    if (passes(route)) {
      const { prefix, nextHop, asPath, localPreference, communities } = route
      session.update({ withdrawn: [], announced: [prefix], nextHop, ...(peer.asn === asn ? { asPath, localPreference } : { asPath: [asn, ...asPath] }), ...(communities ? { communities } : {}) })
    } else if (passes(old)) session.update({ withdrawn: [old.prefix], announced: [], asPath: [] })
  }

  #reflect(peer: Peer, session: BgpSession, old: BgpRoute | undefined, route: BgpRoute | undefined): void {
    if (this.#options.transit) return this.#pass(peer, session, old, route)
    const cluster = this.#options.clusterId?.()
    if (cluster === undefined || peer.asn !== this.#options.asn) return
    if (route && this.#options.tells?.(peer, route.prefix, route) === false) route = undefined
    const source = (r: BgpRoute | undefined): Peer | undefined => {
      const found = r === undefined || this.#own.has(r.prefix) ? undefined : this.#peers.get(r.peer)
      return found && found !== peer && found.asn === this.#options.asn && (found.client || peer.client) ? found : undefined
    }
    const from = source(route)
    if (route && from) {
      const { prefix, nextHop, asPath, localPreference, originator = from.open?.id ?? from.address, clusters = [] } = route
      session.update({ withdrawn: [], announced: [prefix], nextHop, asPath, localPreference, originator, clusters: [cluster, ...clusters] })
    } else if (old && source(old)) session.update({ withdrawn: [old.prefix], announced: [], asPath: [] })
  }

  #onUpdate(peer: Peer, { withdrawn, announced, nextHop, linkLocal, asPath, localPreference, originator, clusters, communities }: UpdateMessage): void {
    for (const prefix of withdrawn) {
      peer.filtered.delete(prefix)
      this.#learn(peer, prefix, undefined)
    }
    // our own number in the path: it has come round
    if (nextHop === undefined || asPath.filter((as) => as === this.#options.asn).length > (this.#options.ownAsIn?.(peer) ?? 0)) return
    const cluster = this.#options.clusterId?.()
    if (originator === this.#options.routerId || (cluster !== undefined && clusters?.includes(cluster))) return
    for (const prefix of announced) {
      if (this.#options.accepts?.(peer, prefix) === false) continue
      peer.refreshed?.add(prefix)
      this.#hear(peer, { prefix, nextHop, ...(linkLocal === undefined ? {} : { linkLocal }), peer: peer.address, asPath, localPreference: localPreference ?? 100, since: peer.routes.get(prefix)?.since ?? this.#options.clock.now, ...(originator === undefined ? {} : { originator }), ...(clusters ? { clusters } : {}), ...(communities ? { communities } : {}) })
    }
  }

  #hear(peer: Peer, route: BgpRoute): void {
    const used = this.#options.imports?.(peer, route) !== false
    peer.filtered.delete(route.prefix)
    if (!used) peer.filtered.set(route.prefix, route)
    this.#learn(peer, route.prefix, used ? route : undefined)
  }

  /** What is imported from a neighbour, and what it is told, are decided anew; the session stays, as after a ROUTE-REFRESH (RFC 2918). */
  refilter(address: Ip): void {
    const peer = this.#peers.get(address)
    if (!peer) return
    for (const route of [...peer.routes.values(), ...peer.filtered.values()]) this.#hear(peer, route)
    for (const session of peer.sessions) {
      if (session.state !== 'Established') continue
      for (const [prefix, nextHop] of this.#own) {
        if (this.#options.tells?.(peer, prefix) === false) session.update({ withdrawn: [prefix], announced: [], asPath: [] })
        else this.#tell(peer, session, prefix, nextHop)
      }
      for (const route of this.#best.values()) {
        if (this.#options.tells?.(peer, route.prefix, route) === false && !this.#own.has(route.prefix)) session.update({ withdrawn: [route.prefix], announced: [], asPath: [] })
        else this.#reflect(peer, session, undefined, route)
      }
    }
  }

  #forget(peer: Peer): void {
    peer.filtered.clear()
    for (const prefix of [...peer.routes.keys()]) this.#learn(peer, prefix, undefined)
  }

  #learn(peer: Peer, prefix: Cidr, route: BgpRoute | undefined): void {
    if (route) peer.routes.set(prefix, route)
    else if (!peer.routes.delete(prefix)) return
    const candidates = [...this.#peers.values(), peer].flatMap((p) => p.routes.get(prefix) ?? [])
    const best = candidates.sort((a, b) => b.localPreference - a.localPreference || a.asPath.length - b.asPath.length || (a.clusters?.length ?? 0) - (b.clusters?.length ?? 0) || compareIp(a.peer, b.peer))[0]
    const old = this.#best.get(prefix)
    const alike = (a: BgpRoute | undefined, b: BgpRoute | undefined): boolean => a?.nextHop === b?.nextHop && a?.peer === b?.peer
    const ways = candidates.filter((r) => r === best || (best && r.localPreference === best.localPreference && r.asPath.join() === best.asPath.join() && !r.clusters && !best.clusters))
    const before = this.#ways.get(prefix) ?? []
    if (alike(best, old) && ways.length === before.length && ways.every((r, i) => alike(r, before[i]))) return
    if (ways.length > 1) this.#ways.set(prefix, ways)
    else this.#ways.delete(prefix)
    if (alike(best, old)) return this.#options.onRoute(prefix, best, ways)
    if (best) this.#best.set(prefix, best)
    else this.#best.delete(prefix)
    for (const other of this.#peers.values()) for (const session of other.sessions) this.#reflect(other, session, old, best)
    this.#options.onRoute(prefix, best, ways)
  }
}
