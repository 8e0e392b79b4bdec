import type { Clock, Timer } from '../../clock.ts'
import { BgpSession, type SessionEvents } from '../../cni/bgp/session.ts'
import { joinHostPort } from '../../network/address.ts'
import type { Cidr, Ip, NetworkNamespace, SocketOwner, TcpConnection } from '../../network/types.ts'
import { byName } from '../../own.ts'
import type { MetricFamily } from '../../prometheus.ts'
import type { Advert, PeerConfig } from './bgp-config.ts'
import type { MetalLog } from './controller.ts'

/** A session of native mode: it connects, listens to nobody, and heeds nothing of what the other end announces (internal/bgp/native of metallb/metallb v0.15). */
/** ms: the second attempt follows at once, then one second later, twice as long each time. */
const BACKOFF = { first: 1_000, most: 120_000 }
/** Until the other's OPEN, ms. */
const PATIENCE = 10_000

/** notificationCodes. */
const CODES: Readonly<Record<string, string>> = byName({
  '0x0100': 'Message header error (unspecific)', '0x0101': 'Connection not synchronized', '0x0202': 'Bad peer AS', '0x0203': 'Bad BGP identifier', '0x0400': 'Hold Timer Expired (unspecific)',
  '0x0601': 'Maximum Number of Prefixes Reached', '0x0602': 'Administrative Shutdown', '0x0603': 'Peer De-configured', '0x0604': 'Administrative Reset', '0x0605': 'Connection Rejected',
  '0x0606': 'Other Configuration Change', '0x0607': 'Connection Collision Resolution', '0x0608': 'Out of Resources',
})

export interface SessionOptions { clock: Clock; network: NetworkNamespace; owner: SocketOwner; config: PeerConfig; routerId(source: Ip): Ip; log: MetalLog }

export class PeerSession {
  readonly config: PeerConfig
  readonly #options: SessionOptions
  #wanted: ReadonlyMap<Cidr, Advert> = new Map()
  #sent = new Map<Cidr, Advert>()
  #connecting: TcpConnection | undefined
  #session: BgpSession | undefined
  #retry: Timer | undefined
  #delay = 0
  #closed = false
  #up = false
  #updates = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.config = options.config
    this.#connect()
  }

  get up(): boolean {
    return this.#up
  }

  set(adverts: readonly Advert[]): void {
    this.#wanted = new Map(adverts.map((a) => [a.prefix, a]))
    this.#update()
  }

  close(): void {
    this.#closed = true
    this.#options.clock.cancel(this.#retry)
    this.#connecting?.abort()
    this.#session?.close(undefined, 'closed here')
  }

  /** Its samples, by the families' names. */
  samples(): Record<string, number> {
    return { session_up: this.#up ? 1 : 0, updates_total: this.#updates, announced_prefixes_total: this.#up ? this.#sent.size : 0, pending_prefixes_total: this.#wanted.size }
  }

  get name(): string {
    return joinHostPort(this.config.address, this.config.port)
  }

  #log(level: 'info' | 'warn' | 'error', caller: string, fields: Readonly<Record<string, unknown>>): void {
    const { address, myAsn, asn } = this.config
    this.#options.log(level, caller, { ...fields, localASN: myAsn, peer: address, peerASN: asn })
  }

  #failed(why: string): void {
    if (this.#closed) return
    this.#log('error', 'native.go:110', { op: 'connect', error: why, msg: 'failed to connect to peer' })
    this.#again()
  }

  #again(): void {
    if (this.#closed) return
    const delay = this.#delay
    this.#delay = delay === 0 ? BACKOFF.first : Math.min(delay * 2, BACKOFF.most)
    this.#options.clock.cancel(this.#retry)
    this.#retry = this.#options.clock.schedule(delay, () => this.#connect(), { background: true })
  }

  #connect(): void {
    const { network, owner, clock } = this.#options
    const { address, port, source } = this.config
    if (this.#closed) return
    const dial = (why: string): void => this.#failed(`dial "${address}": ${why}`)
    if (source !== undefined && !network.isLocal(source)) return dial(`address "${source}" doesn't exist on this host`)
    const patience = clock.schedule(PATIENCE, () => {
      this.#connecting = undefined
      connection.abort()
      dial('timeout')
    }, { background: true })
    const connection = network.sockets.connect({ address, port, owner, ...(source === undefined ? {} : { source }) }, {
      onConnect: () => {
        clock.cancel(patience)
        this.#connecting = undefined
        this.#begin(connection)
      },
      onClose: (error) => {
        clock.cancel(patience)
        if (this.#connecting !== connection) return
        this.#connecting = undefined
        dial(`getsockopt: ${(error?.message ?? 'connection refused').toLowerCase()}`)
      },
    })
    this.#connecting = connection
  }

  #begin(connection: TcpConnection): void {
    const { clock, routerId } = this.#options
    const { address, myAsn, asn, holdTime } = this.config
    const local = connection.localAddress
    let opened = false
    const events: SessionEvents = {
      onOpen: (session, message) => {
        opened = true
        if (message.asn !== asn) {
          session.close(undefined, `unexpected peer ASN ${message.asn}, want ${asn}`)
          return false
        }
        this.#up = true
        this.#delay = 0
        this.#log('info', 'native.go:117', { event: 'sessionUp', msg: 'BGP session established' })
        return true
      },
      onEstablished: () => this.#update(),
      onUpdate: () => undefined,
      onClose: (session, why) => this.#ended(session, opened ? why : `read OPEN from "${address}": ${readError(connection, why)}`),
    }
    this.#session = new BgpSession(clock, connection, true, { type: 'open', asn: myAsn, holdTime, id: this.config.routerId ?? routerId(local), families: [4] }, events)
  }

  #ended(session: BgpSession, why: string): void {
    if (this.#session !== session) return
    this.#session = undefined
    this.#sent = new Map()
    const was = this.#up
    this.#up = false
    if (this.#closed) return
    const code = /^received NOTIFICATION code (\d+) subcode (\d+)$/.exec(why)
    const hex = code && `0x${[code[1]!, code[2]!].map((n) => Number(n).toString(16).padStart(2, '0')).join('')}`
    if (was && hex) this.#log('error', 'native.go:424', { event: 'peerNotification', error: `got BGP notification code ${hex} (${CODES[hex] ?? 'unknown code'})`, msg: 'peer sent notification, closing session' })
    if (!was) return this.#failed(why)
    this.#log('warn', 'native.go:123', { event: 'sessionDown', msg: 'BGP session down' })
    this.#again()
  }

  #update(): void {
    const session = this.#session
    if (session?.state !== 'Established') return
    const inside = this.config.myAsn === this.config.asn
    for (const [prefix, advert] of this.#wanted) {
      const before = this.#sent.get(prefix)
      if (before && before.localPref === advert.localPref && before.communities.join() === advert.communities.join()) continue
      const { communities, localPref } = advert
      session.update({ withdrawn: [], announced: [prefix], nextHop: session.connection.localAddress, asPath: inside ? [] : [this.config.myAsn], ...(inside ? { localPreference: localPref } : {}), ...(communities.length > 0 ? { communities } : {}) })
      this.#updates++
    }
    const gone = [...this.#sent.keys()].filter((prefix) => !this.#wanted.has(prefix))
    if (gone.length > 0) {
      session.update({ withdrawn: gone, announced: [], asPath: [] })
      this.#updates++
    }
    this.#sent = new Map(this.#wanted)
  }
}

function readError({ localAddress, localPort, remoteAddress, remotePort }: TcpConnection, why: string): string {
  return /reset/i.test(why) ? `read tcp ${joinHostPort(localAddress, localPort)}->${joinHostPort(remoteAddress, remotePort)}: read: connection reset by peer` : 'EOF'
}

const HELP: readonly (readonly [string, 'gauge' | 'counter', string])[] = [
  ['session_up', 'gauge', 'BGP session state (1 is up, 0 is down)'], ['updates_total', 'counter', 'Number of BGP UPDATE messages sent'],
  ['announced_prefixes_total', 'gauge', 'Number of prefixes currently being advertised on the BGP session'], ['pending_prefixes_total', 'gauge', 'Number of prefixes that should be advertised on the BGP session'],
]

export function bgpMetrics(sessions: readonly PeerSession[]): MetricFamily[] {
  return HELP.map(([name, type, help]) => ({ name: `metallb_bgp_${name}`, type, help, samples: sessions.map((s) => ({ labels: { peer: s.name }, value: s.samples()[name]! })) }))
}
