import type { Clock, Timer } from '../../../clock.ts'
import { canonicalIp, joinHostPort } from '../../../network/address.ts'
import type { Cidr, Ip, NetworkNamespace, SocketOwner, TcpConnection } from '../../../network/types.ts'
import type { Random } from '../../../random.ts'
import { NOTIFY, type OpenMessage } from '../../bgp/messages.ts'
import { BgpSession } from '../../bgp/session.ts'

/** One peer of an instance: GoBGP as the agent uses it connects, and listens to nobody (pkg/bgpv1/gobgp of cilium/cilium v1.17). */
export interface NeighborOptions {
  readonly clock: Clock
  readonly network: NetworkNamespace
  readonly owner: SocketOwner
  readonly random: Random
  readonly localAsn: number
  readonly asn: number
  readonly address: Ip
  readonly port: number
  readonly localAddress: Ip | undefined
  readonly routerId: Ip
  /** Seconds. */
  readonly connectRetry: number
  readonly hold: number
  readonly gracefulRestart: number | undefined
  readonly families: readonly ('ipv4' | 'ipv6')[]
  log(level: 'info' | 'warning', message: string, fields: string): void
  changed(): void
}

/** What a peer is told of a prefix. */
export interface Advert { readonly prefix: Cidr; readonly communities: readonly string[]; readonly localPreference: number | undefined }
export interface Told extends Advert { readonly since: number; readonly nextHop: Ip }

export type NeighborState = 'idle' | 'active' | 'open_sent' | 'open_confirm' | 'established'

/** Until the first attempt, ms. */
const FIRST = 1_000

export class BgpNeighbor {
  readonly options: NeighborOptions
  readonly #received = new Set<Cidr>()
  #wanted: ReadonlyMap<Cidr, Advert> = new Map()
  #told = new Map<Cidr, Told>()
  #connecting: TcpConnection | undefined
  #session: BgpSession | undefined
  #open: OpenMessage | undefined
  #retry: Timer | undefined
  #state: NeighborState = 'idle'
  /** Virtual ms. */
  since: number
  #closed = false

  constructor(options: NeighborOptions) {
    this.options = options
    this.since = options.clock.now
    this.#move('active')
    this.#later(FIRST)
  }

  get state(): NeighborState {
    return this.#state
  }

  /** What it says of each family, and is told. */
  counts(family: 'ipv4' | 'ipv6'): { received: number; advertised: number } {
    const of = (prefix: Cidr): boolean => prefix.includes(':') === (family === 'ipv6')
    return { received: [...this.#received].filter(of).length, advertised: [...this.#told.keys()].filter(of).length }
  }

  get told(): readonly Told[] {
    return [...this.#told.values()]
  }

  /** Seconds, as both sides agreed. */
  get timers(): { hold: number; keepAlive: number } | undefined {
    if (this.#state !== 'established' || !this.#open) return undefined
    const hold = Math.min(this.options.hold, this.#open.holdTime)
    return { hold, keepAlive: Math.floor(hold / 3) }
  }

  set(adverts: readonly Advert[]): void {
    this.#wanted = new Map(adverts.map((a) => [a.prefix, a]))
    this.#update()
  }

  /** Soft: without a word, so that a neighbour that knows graceful restart keeps the routes. */
  close(soft: boolean): void {
    this.#closed = true
    this.options.clock.cancel(this.#retry)
    this.#connecting?.abort()
    this.#session?.close(soft && this.options.gracefulRestart !== undefined ? undefined : soft ? NOTIFY.ceaseShutdown : NOTIFY.ceaseDeconfigured, 'closed here')
  }

  #move(state: NeighborState): void {
    if (this.#state === state) return
    this.#state = state
    this.since = this.options.clock.now
    this.options.changed()
  }

  #later(after = this.options.connectRetry * 1000 * (1 + this.options.random.below(1_000) / 1_000)): void {
    if (this.#closed) return
    const { clock } = this.options
    clock.cancel(this.#retry)
    this.#retry = clock.schedule(after, () => this.#connect(), { background: true })
  }

  #connect(): void {
    const { network, address, port, owner, localAddress } = this.options
    if (this.#closed) return
    const connection = network.sockets.connect({ address, port, owner, ...(localAddress === undefined ? {} : { source: localAddress }) }, {
      onConnect: () => {
        this.#connecting = undefined
        this.#begin(connection)
      },
      onClose: (error) => {
        if (this.#connecting !== connection) return
        this.#connecting = undefined
        this.#log('info', 'failed to connect', `Error="dial tcp ${joinHostPort(address, port)}: connect: ${(error?.message ?? 'connection refused').toLowerCase()}"`)
        this.#later()
      },
    })
    this.#connecting = connection
  }

  #begin(connection: TcpConnection): void {
    const { clock, localAsn, asn, routerId, hold, gracefulRestart, families } = this.options
    const open: OpenMessage = { type: 'open', asn: localAsn, holdTime: hold, id: routerId, families: families.map((family) => (family === 'ipv6' ? 6 : 4)), ...(gracefulRestart === undefined ? {} : { gracefulRestart }) }
    this.#move('open_sent')
    this.#session = new BgpSession(clock, connection, true, open, {
      onOpen: (session, message) => {
        this.#open = message
        if (asn !== 0 && message.asn !== asn) {
          this.#log('warning', 'sent notification', `Data="as number mismatch expected ${asn}, received ${message.asn}"`)
          session.close(NOTIFY.openBadPeerAs, 'bad peer AS')
          return false
        }
        this.#move('open_confirm')
        return true
      },
      onEstablished: () => {
        this.#move('established')
        this.#log('info', 'Peer Up', 'State=BGP_FSM_OPENCONFIRM')
        this.#update()
      },
      onUpdate: (_, { withdrawn, announced }) => {
        for (const prefix of withdrawn) this.#received.delete(prefix)
        for (const prefix of announced) this.#received.add(prefix)
        this.options.changed()
      },
      onClose: (session, why) => this.#ended(session, why),
    })
  }

  #ended(session: BgpSession, why: string): void {
    if (this.#session !== session) return
    this.#session = undefined
    this.#open = undefined
    this.#told = new Map()
    this.#received.clear()
    const was = this.#state
    if (this.#closed) return
    this.#log('info', was === 'established' ? 'Peer Down' : 'peer closed the session', `Reason="${why}" State=BGP_FSM_${was.toUpperCase().replace('_', '')}`)
    this.#move('active')
    this.#later()
  }

  #log(level: 'info' | 'warning', message: string, fields: string): void {
    this.options.log(level, message, `Key=${this.options.address} Topic=Peer asn=${this.options.localAsn} component=gobgp.BgpServerInstance ${fields}`)
  }

  #update(): void {
    const session = this.#session
    const { localAsn, clock } = this.options
    if (session?.state !== 'Established') return
    const inside = this.#open?.asn === localAsn
    const local = session.connection.localAddress
    for (const [prefix, advert] of this.#wanted) {
      const before = this.#told.get(prefix)
      // GoBGP takes the session's own address for each, an IPv4 one as an address that IPv6 embeds (RFC 4291 2.5.5.2): such a next hop leads nowhere
      const nextHop = prefix.includes(':') && !local.includes(':') ? canonicalIp(`::ffff:${local}`)! : local
      if (!session.carries(prefix) || (before && before.localPreference === advert.localPreference && before.communities.join() === advert.communities.join())) continue
      const { communities } = advert
      session.update({ withdrawn: [], announced: [prefix], nextHop, asPath: inside ? [] : [localAsn], ...(inside ? { localPreference: advert.localPreference ?? 100 } : {}), ...(communities.length > 0 ? { communities } : {}) })
      this.#told.set(prefix, { ...advert, nextHop, since: before?.since ?? clock.now })
    }
    const gone = [...this.#told.keys()].filter((prefix) => !this.#wanted.has(prefix))
    if (gone.length > 0) session.update({ withdrawn: gone, announced: [], asPath: [] })
    for (const prefix of gone) this.#told.delete(prefix)
    this.options.changed()
  }
}
