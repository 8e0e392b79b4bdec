import type { Clock, Timer } from '../../clock.ts'
import type { Cidr, Ip, NetworkNamespace, TcpConnection } from '../../network/types.ts'
import { BgpReader, encodeBgp, updatesFor, type BgpMessage } from './bgp-message.ts'

/** One peering of BIRD's node-to-node mesh: the state machine of RFC 4271 8, with BIRD 1.6's times (ms) and words. */
export const BGP_PORT = 179
const HOLD = 240_000
const CONNECT_DELAY = 2_000
const CONNECT_RETRY = 5_000
/** Graceful restart (RFC 4724): for so long the routes of a peer that has only gone away stay. */
const RESTART = 120_000
/** While a cluster starts, it waits for its peerings; later ones make no one wait. */
const STARTING = 60_000

export type BgpState = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established'

export interface BgpOwner {
  readonly clock: Clock
  readonly network: NetworkNamespace
  readonly address: Ip
  readonly as: number
  readonly bornAt: number
  readonly pid: number
  /** What is announced now. */
  exports(): readonly Cidr[]
  /** The peer's routes have changed: prefix → next hop. */
  changed(): void
  log(line: string): void
}

export class BgpSession {
  readonly peer: Ip
  readonly name: string
  readonly routes = new Map<Cidr, Ip>()
  state: BgpState = 'Idle'
  since: number
  lastError = ''
  readonly #owner: BgpOwner
  /** Only the one with the higher address connects ("passive on" in the other's configuration). */
  readonly #passive: boolean
  #connection: TcpConnection | undefined
  #reader = new BgpReader()
  #sent = new Set<Cidr>()
  #stale: Set<Cidr> | undefined
  #hold: Timer | undefined
  #keepalive: Timer | undefined
  #retry: Timer | undefined
  #restart: Timer | undefined

  constructor(owner: BgpOwner, peer: Ip) {
    this.#owner = owner
    this.peer = peer
    this.name = `Mesh_${peer.replaceAll('.', '_')}`
    this.#passive = peer > owner.address
    this.since = owner.clock.now
    owner.log(`${this.name}: Initializing`)
    owner.log(`${this.name}: Starting`)
    owner.log(`${this.name}: State changed to start`)
    if (this.#passive) this.#set('Active')
    else this.#later(CONNECT_DELAY)
  }

  stop(): void {
    const connection = this.#connection
    this.#connection = undefined
    this.#cancel()
    this.#owner.clock.cancel(this.#restart)
    if (!connection) return
    connection.handlers = {}
    connection.abort()
  }

  /** Removed from the configuration: the peer is told (Cease). */
  shutdown(): void {
    if (this.#connection) this.#send({ type: 'notification', code: 6, subcode: 3 })
    this.#connection?.end()
    this.#connection = undefined
    this.#cancel()
    this.#owner.clock.cancel(this.#restart)
    this.routes.clear()
    this.#owner.changed()
  }

  /** The peer has connected to our port 179. */
  accept(connection: TcpConnection): void {
    if (this.#connection) {
      // the peer has begun anew while the old connection still seemed alive
      const old = this.#connection
      this.#connection = undefined
      old.handlers = {}
      old.abort()
      this.#down(true)
    }
    this.#use(connection)
    this.#sendOpen()
  }

  /** Tells the peer what it does not know yet. */
  announce(): void {
    if (this.state !== 'Established') return
    const wanted = new Set(this.#owner.exports())
    const withdrawn = [...this.#sent].filter((cidr) => !wanted.has(cidr))
    const announced = [...wanted].filter((cidr) => !this.#sent.has(cidr))
    this.#sent = wanted
    for (const update of updatesFor(withdrawn, announced, this.#owner.address)) this.#send(update)
  }

  #set(state: BgpState): void {
    if (this.state === state) return
    this.state = state
    this.since = this.#owner.clock.now
  }

  #later(ms: number): void {
    const { clock, bornAt } = this.#owner
    this.#set('Active')
    clock.cancel(this.#retry)
    this.#retry = clock.schedule(ms, () => this.#connect(), { background: clock.now - bornAt > STARTING })
  }

  #connect(): void {
    const { network, address, pid } = this.#owner
    this.#set('Connect')
    const connection = network.sockets.connect({ address: this.peer, port: BGP_PORT, source: address, owner: { pid, program: 'bird' } }, {})
    this.#use(connection)
    connection.handlers = { ...connection.handlers, onConnect: () => this.#sendOpen() }
  }

  #use(connection: TcpConnection): void {
    this.#connection = connection
    this.#reader = new BgpReader()
    connection.handlers = {
      onData: (data) => this.#data(connection, data),
      onEnd: () => this.#lost(connection, 'Socket: Connection closed'),
      onClose: (error) => this.#lost(connection, error ? `Socket: ${SOCKET_ERRORS[error.code] ?? error.code}` : 'Socket: Connection closed'),
    }
  }

  #sendOpen(): void {
    const { as, address } = this.#owner
    this.#send({ type: 'open', as, holdTime: HOLD / 1000, routerId: address, restartTime: RESTART / 1000 })
    this.#set('OpenSent')
    this.#alive()
  }

  #send(message: BgpMessage): void {
    this.#connection?.send(encodeBgp(message))
  }

  /** Something came: the peer has another hold time to live. */
  #alive(): void {
    const { clock } = this.#owner
    clock.cancel(this.#hold)
    this.#hold = clock.schedule(HOLD, () => this.#expired(), { background: true })
  }

  #expired(): void {
    this.#owner.log(`${this.name}: Error: Hold timer expired`)
    this.lastError = 'Error: Hold timer expired'
    this.#send({ type: 'notification', code: 4, subcode: 0 })
    const connection = this.#connection
    this.#connection = undefined
    if (connection) {
      connection.handlers = {}
      connection.abort()
    }
    this.#down(false)
  }

  #data(connection: TcpConnection, data: Uint8Array): void {
    if (connection !== this.#connection) return
    this.#alive()
    let messages: BgpMessage[]
    try {
      messages = this.#reader.push(data)
    } catch (error) {
      this.#send({ type: 'notification', code: 1, subcode: 1 })
      connection.end()
      return this.#lost(connection, `Error: ${(error as Error).message}`)
    }
    for (const message of messages) if (connection === this.#connection) this.#receive(connection, message)
  }

  #receive(connection: TcpConnection, message: BgpMessage): void {
    switch (message.type) {
      case 'open':
        if (message.as !== this.#owner.as) {
          this.#send({ type: 'notification', code: 2, subcode: 2 })
          connection.end()
          return this.#lost(connection, 'Error: Bad peer AS', false)
        }
        this.#set('OpenConfirm')
        return this.#send({ type: 'keepalive' })
      case 'keepalive':
        if (this.state === 'OpenConfirm') this.#established()
        return
      case 'notification':
        return this.#lost(connection, `Received: ${NOTIFICATIONS[message.code] ?? 'Error'}`, false)
      case 'update':
        return this.#update(message)
    }
  }

  #established(): void {
    const { clock } = this.#owner
    this.#set('Established')
    this.lastError = ''
    this.#owner.log(`${this.name}: State changed to up`)
    clock.cancel(this.#keepalive)
    const beat = (): void => {
      this.#keepalive = clock.schedule(HOLD / 3, () => {
        this.#send({ type: 'keepalive' })
        beat()
      }, { background: true })
    }
    beat()
    this.#sent = new Set()
    this.announce()
    // End-of-RIB
    this.#send({ type: 'update', withdrawn: [], announced: [] })
  }

  #update({ withdrawn, announced, nextHop }: BgpMessage & { type: 'update' }): void {
    if (withdrawn.length === 0 && announced.length === 0) return this.#endOfRib()
    for (const cidr of withdrawn) this.routes.delete(cidr)
    for (const cidr of announced) {
      this.#stale?.delete(cidr)
      this.routes.set(cidr, nextHop ?? this.peer)
    }
    this.#owner.changed()
  }

  #endOfRib(): void {
    const { clock } = this.#owner
    clock.cancel(this.#restart)
    this.#forgetStale()
  }

  #forgetStale(): void {
    const stale = this.#stale
    this.#stale = undefined
    if (!stale || stale.size === 0) return
    for (const cidr of stale) this.routes.delete(cidr)
    this.#owner.changed()
  }

  #lost(connection: TcpConnection, why: string, graceful = true): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    connection.handlers = {}
    if (this.state === 'Established') this.#owner.log(`${this.name}: ${why}`)
    this.lastError = why
    this.#down(graceful)
  }

  #down(graceful: boolean): void {
    const { clock } = this.#owner
    const was = this.state
    this.#cancel()
    if (was === 'Established' && graceful) {
      this.#owner.log(`${this.name}: Neighbor graceful restart detected`)
      this.#stale = new Set(this.routes.keys())
      clock.cancel(this.#restart)
      this.#restart = clock.schedule(RESTART, () => {
        this.#owner.log(`${this.name}: Neighbor graceful restart timeout`)
        this.#forgetStale()
      }, { background: true })
    } else if (was === 'Established' && this.routes.size > 0) {
      this.routes.clear()
      this.#owner.changed()
    }
    if (was === 'Established') this.#owner.log(`${this.name}: State changed to ${graceful ? 'start' : 'stop'}`)
    this.#set('Active')
    if (!this.#passive) this.#later(CONNECT_RETRY)
  }

  #cancel(): void {
    const { clock } = this.#owner
    for (const timer of [this.#hold, this.#keepalive, this.#retry]) clock.cancel(timer)
  }
}

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused', ECONNRESET: 'Connection reset by peer', ETIMEDOUT: 'Connection timed out', EHOSTUNREACH: 'No route to host', ENETUNREACH: 'Network is unreachable',
}

/** RFC 4271 4.5 */
const NOTIFICATIONS: Readonly<Record<number, string>> = { 1: 'Message header error', 2: 'Invalid OPEN message', 3: 'Invalid UPDATE message', 4: 'Hold timer expired', 5: 'Finite state machine error', 6: 'Administrative shutdown' }
