import type { Clock, Timer } from '../../clock.ts'
import type { Journey } from '../../journey/types.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Ip, SctpChunk, SocketOwner, TcpConnection, TcpHandlers, TcpState } from '../types.ts'

/** What an association needs of its stack. */
export interface AssociationHost {
  readonly clock: Clock
  transmit(association: Association, chunks: SctpChunk[]): void
  /** The longest DATA that the way to the other end takes whole. */
  room(association: Association): number
  established(association: Association): void
  removed(association: Association): void
  concluded(association: Association, verdict: 'refused' | 'timeout', reason: string): void
}

type State = 'COOKIE-WAIT' | 'COOKIE-ECHOED' | 'ESTABLISHED' | 'SHUTDOWN-PENDING' | 'SHUTDOWN-SENT' | 'SHUTDOWN-RECEIVED' | 'SHUTDOWN-ACK-SENT' | 'CLOSED'

/** As `ss` names them. */
const SHOWN: Readonly<Record<State, TcpState>> = {
  'COOKIE-WAIT': 'SYN-SENT', 'COOKIE-ECHOED': 'SYN-SENT', 'ESTABLISHED': 'ESTAB', 'SHUTDOWN-PENDING': 'ESTAB', 'SHUTDOWN-SENT': 'FIN-WAIT-1',
  'SHUTDOWN-RECEIVED': 'CLOSE-WAIT', 'SHUTDOWN-ACK-SENT': 'LAST-ACK', 'CLOSED': 'CLOSED',
}

/** net.sctp: rto_initial, rto_min, rto_max, max_init_retransmits, association_max_retrans. */
const RTO_INITIAL = 3_000
const RTO_MIN = 1_000
const RTO_MAX = 60_000
const INIT_RETRIES = 8
const RETRIES = 10
/** What Linux offers: net.core.rmem_default / 2 of a socket's buffer, ten streams out, any number in. */
export const WINDOW = 106_496
export const STREAMS_OUT = 10
const STREAMS_IN = 65_535

export interface AssociationOptions {
  localAddress: Ip
  localPort: number
  remoteAddress: Ip
  remotePort: number
  tag: number
  tsn: number
  owner?: SocketOwner
  active: boolean
}

/** One end of an SCTP association (RFC 9260) with one address on each side, in order on stream 0, as one-to-one sockets use it. */
export class Association implements TcpConnection {
  handlers: TcpHandlers = {}
  journey: Journey | undefined
  phase: State
  /** The other end's verification tag. */
  remoteTag = 0
  readonly localAddress: Ip
  readonly localPort: number
  readonly remoteAddress: Ip
  readonly remotePort: number
  readonly tag: number
  readonly initialTsn: number
  readonly owner: SocketOwner | undefined
  readonly active: boolean
  readonly #host: AssociationHost
  #nextTsn: number
  #sequence = 0
  /** The last TSN up to which everything has come. */
  #received = 0
  readonly #early = new Map<number, Uint8Array>()
  /** Sent and not acknowledged, or not yet sent. */
  readonly #queue: { tsn: number; sequence: number; data: Uint8Array }[] = []
  #timer: Timer | undefined
  #rto = RTO_INITIAL
  #tries = 0
  #cookie: Uint8Array | undefined

  constructor(host: AssociationHost, options: AssociationOptions) {
    this.#host = host
    this.localAddress = options.localAddress
    this.localPort = options.localPort
    this.remoteAddress = options.remoteAddress
    this.remotePort = options.remotePort
    this.tag = options.tag
    this.initialTsn = options.tsn
    this.#nextTsn = options.tsn
    this.owner = options.owner
    this.active = options.active
    this.phase = 'CLOSED'
  }

  get state(): TcpState {
    return SHOWN[this.phase]
  }

  get unsent(): number {
    return this.#queue.reduce((sum, { data }) => sum + data.length, 0)
  }

  // ---- what programs do ----------------------------------------------------------------------------------------

  open(): void {
    this.phase = 'COOKIE-WAIT'
    this.#sendInit()
  }

  /** The cookie has come back: the association of a listener begins. */
  accept(remoteTag: number, remoteTsn: number): void {
    this.remoteTag = remoteTag
    this.#received = (remoteTsn - 1) >>> 0
    this.phase = 'ESTABLISHED'
    this.#host.established(this)
  }

  send(data: Uint8Array): void {
    if (this.phase === 'CLOSED' || this.phase.startsWith('SHUTDOWN')) return
    const room = this.#host.room(this)
    for (let at = 0; at < data.length; at += room) {
      const entry = { tsn: this.#nextTsn, sequence: this.#sequence, data: data.slice(at, at + room) }
      this.#nextTsn = (this.#nextTsn + 1) >>> 0
      this.#sequence = (this.#sequence + 1) & 0xffff
      this.#queue.push(entry)
      if (this.phase === 'ESTABLISHED') this.#sendData(entry)
    }
  }

  end(): void {
    if (this.phase === 'COOKIE-WAIT' || this.phase === 'COOKIE-ECHOED') return this.#queue.length > 0 ? void (this.#endSoon = true) : this.#over()
    if (this.phase !== 'ESTABLISHED') return
    this.phase = 'SHUTDOWN-PENDING'
    this.#maybeShutDown()
  }

  #endSoon = false

  abort(): void {
    if (this.phase === 'CLOSED') return
    if (this.remoteTag !== 0) this.#host.transmit(this, [{ type: 'abort' }])
    this.#over()
  }

  // ---- what comes ----------------------------------------------------------------------------------------------

  receive(chunk: SctpChunk): void {
    switch (chunk.type) {
      case 'init-ack':
        if (this.phase !== 'COOKIE-WAIT') return
        this.remoteTag = chunk.tag
        this.#received = (chunk.tsn - 1) >>> 0
        this.#cookie = chunk.cookie
        this.phase = 'COOKIE-ECHOED'
        this.#tries = 0
        return this.#echoCookie()
      case 'cookie-ack':
        if (this.phase !== 'COOKIE-ECHOED') return
        this.phase = 'ESTABLISHED'
        this.#rest()
        this.#emit(() => this.handlers.onConnect?.())
        for (const entry of this.#queue) this.#sendData(entry)
        if (this.#endSoon) this.end()
        return
      case 'data': return this.#data(chunk.tsn, chunk.data)
      case 'sack': return this.#acknowledged(chunk.tsn)
      case 'heartbeat': return this.#host.transmit(this, [{ type: 'heartbeat-ack', info: chunk.info }])
      case 'shutdown':
        this.#acknowledged(chunk.tsn)
        if (this.phase === 'CLOSED') return
        if (this.phase === 'ESTABLISHED' || this.phase === 'SHUTDOWN-PENDING') this.#emit(() => this.handlers.onEnd?.())
        this.phase = 'SHUTDOWN-RECEIVED'
        return this.#maybeShutDown()
      case 'shutdown-ack':
        if (this.phase !== 'SHUTDOWN-SENT' && this.phase !== 'SHUTDOWN-ACK-SENT') return
        this.#host.transmit(this, [{ type: 'shutdown-complete' }])
        return this.#over()
      case 'shutdown-complete':
        return this.phase === 'SHUTDOWN-ACK-SENT' ? this.#over() : undefined
      case 'abort':
        if (this.phase === 'COOKIE-WAIT' || this.phase === 'COOKIE-ECHOED') {
          this.#host.concluded(this, 'refused', 'refused-no-listener')
          return this.fail(new SystemError('ECONNREFUSED'))
        }
        return this.fail(new SystemError('ECONNRESET'))
    }
  }

  fail(error: Error & { code: string }): void {
    if (this.phase === 'CLOSED' && !this.active) return
    this.#over(error)
  }

  #data(tsn: number, data: Uint8Array): void {
    if (isAfter(tsn, this.#received)) this.#early.set(tsn, data)
    for (;;) {
      const next = (this.#received + 1) >>> 0
      const bytes = this.#early.get(next)
      if (!bytes) break
      this.#early.delete(next)
      this.#received = next
      this.#emit(() => this.handlers.onData?.(bytes))
    }
    // While it waits for the end of the other's data, an end repeats that it has none itself (RFC 9260 9.2).
    this.#host.transmit(this, this.phase === 'SHUTDOWN-SENT' ? [this.#sack(), { type: 'shutdown', tsn: this.#received }] : [this.#sack()])
  }

  #sack(): SctpChunk {
    return { type: 'sack', tsn: this.#received, window: WINDOW }
  }

  #acknowledged(tsn: number): void {
    const before = this.#queue.length
    while (this.#queue.length > 0 && !isAfter(this.#queue[0]!.tsn, tsn)) this.#queue.shift()
    if (this.#queue.length === before) return
    this.#tries = 0
    this.#rto = RTO_MIN
    this.#rest()
    if (this.#queue.length > 0) this.#arm(() => this.#resend())
    else {
      this.#emit(() => this.handlers.onDrain?.())
      this.#maybeShutDown()
    }
  }

  // ---- what goes -----------------------------------------------------------------------------------------------

  #sendInit(): void {
    this.#host.transmit(this, [{ type: 'init', tag: this.tag, window: WINDOW, outbound: STREAMS_OUT, inbound: STREAMS_IN, tsn: this.initialTsn }])
    this.#again(INIT_RETRIES, () => this.#sendInit())
  }

  #echoCookie(): void {
    this.#host.transmit(this, [{ type: 'cookie-echo', cookie: this.#cookie ?? new Uint8Array(0) }])
    this.#again(INIT_RETRIES, () => this.#echoCookie())
  }

  #sendData({ tsn, sequence, data }: { tsn: number; sequence: number; data: Uint8Array }): void {
    this.#host.transmit(this, [{ type: 'data', tsn, stream: 0, sequence, payloadProtocol: 0, data }])
    if (!this.#timer) this.#arm(() => this.#resend())
  }

  /** T3-rtx: everything that is not acknowledged once more. */
  #resend(): void {
    if (++this.#tries > RETRIES) return this.#gaveUp()
    this.#rto = Math.min(RTO_MAX, this.#rto * 2)
    for (const entry of this.#queue) this.#sendData(entry)
  }

  #maybeShutDown(): void {
    if (this.#queue.length > 0) return
    if (this.phase === 'SHUTDOWN-PENDING') {
      this.phase = 'SHUTDOWN-SENT'
      this.#sendShutdown()
    } else if (this.phase === 'SHUTDOWN-RECEIVED') {
      this.phase = 'SHUTDOWN-ACK-SENT'
      this.#sendShutdownAck()
    }
  }

  #sendShutdown(): void {
    this.#host.transmit(this, [{ type: 'shutdown', tsn: this.#received }])
    this.#again(RETRIES, () => this.#sendShutdown())
  }

  #sendShutdownAck(): void {
    this.#host.transmit(this, [{ type: 'shutdown-ack' }])
    this.#again(RETRIES, () => this.#sendShutdownAck())
  }

  #again(limit: number, run: () => void): void {
    this.#arm(() => {
      if (++this.#tries > limit) return this.#gaveUp()
      this.#rto = Math.min(RTO_MAX, this.#rto * 2)
      run()
    })
  }

  #arm(run: () => void): void {
    this.#rest()
    this.#timer = this.#host.clock.schedule(this.#rto, () => {
      this.#timer = undefined
      run()
    })
  }

  #rest(): void {
    this.#host.clock.cancel(this.#timer)
    this.#timer = undefined
  }

  #gaveUp(): void {
    this.#host.concluded(this, 'timeout', 'timeout-no-answer')
    this.#over(new SystemError('ETIMEDOUT'))
  }

  #over(error?: Error & { code: string }): void {
    if (this.phase === 'CLOSED') return
    this.phase = 'CLOSED'
    this.#rest()
    this.#host.removed(this)
    this.#emit(() => this.handlers.onClose?.(error))
  }

  /** Programs hear of it from the clock, never from inside their own call. */
  #emit(run: () => void): void {
    this.#host.clock.schedule(0, run)
  }

  /** For the stack: the first thing a listener hears. */
  emit(run: () => void): void {
    this.#emit(run)
  }
}

/** Serial number arithmetic (RFC 1982). */
function isAfter(a: number, b: number): boolean {
  return a !== b && ((a - b) >>> 0) < 0x80000000
}
