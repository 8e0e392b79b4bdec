import type { Clock, Timer } from '../../clock.ts'
import type { Cidr, TcpConnection } from '../../network/types.ts'
import { BgpDecoder, encodeBgp, NOTIFY, type BgpMessage, type Family, type OpenMessage, type UpdateMessage } from './messages.ts'

export type SessionState = 'OpenSent' | 'OpenConfirm' | 'Established' | 'Closed'

export const HOLD_TIMER_EXPIRED = 'hold timer expired'

export interface SessionEvents {
  /** The neighbour's OPEN; false: the session is closed (by whoever answers). */
  onOpen(session: BgpSession, open: OpenMessage): boolean
  onEstablished(session: BgpSession): void
  onUpdate(session: BgpSession, update: UpdateMessage): void
  /** Once. `why` as logs tell it. */
  onClose(session: BgpSession, why: string): void
}

/** One TCP connection to a neighbour, from OPEN on: the later states of RFC 4271 8. */
export class BgpSession {
  readonly connection: TcpConnection
  /** We have opened the connection. */
  readonly active: boolean
  /** Messages so far, by their type. */
  readonly sent = { open: 0, update: 0, notification: 0, keepalive: 0 }
  readonly received = { open: 0, update: 0, notification: 0, keepalive: 0 }
  readonly #clock: Clock
  readonly #events: SessionEvents
  readonly #decoder = new BgpDecoder()
  readonly #open: OpenMessage
  #state: SessionState = 'OpenSent'
  #families: readonly Family[] = []
  #hold: Timer | undefined
  #keepalive: Timer | undefined
  #holdTime: number

  constructor(clock: Clock, connection: TcpConnection, active: boolean, open: OpenMessage, events: SessionEvents) {
    this.#clock = clock
    this.connection = connection
    this.active = active
    this.#open = open
    this.#events = events
    // RFC 4271 8.2.2 suggests four minutes until the neighbour's OPEN.
    this.#holdTime = 240
    connection.handlers = {
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#closed('connection closed by the neighbour'),
      onClose: (error) => this.#closed(error ? error.message : 'connection closed'),
    }
    this.#send(open)
    this.#restartHold()
  }

  get state(): SessionState {
    return this.#state
  }

  get peer(): string {
    return this.connection.remoteAddress
  }

  /** What both have offered in their OPENs: prefixes of no other family are sent. */
  get families(): readonly Family[] {
    return this.#families
  }

  carries(prefix: Cidr): boolean {
    return this.#families.includes(prefix.includes(':') ? 6 : 4)
  }

  update(message: Omit<UpdateMessage, 'type'>): void {
    if (this.#state !== 'Established') return
    const [withdrawn, announced] = [message.withdrawn, message.announced].map((prefixes) => prefixes.filter((prefix) => this.carries(prefix))) as [Cidr[], Cidr[]]
    if (withdrawn.length + announced.length > 0) this.#send({ type: 'update', ...message, withdrawn, announced })
  }

  /** Ends it: with a NOTIFICATION, or without a word, as a killed process does. */
  close(notify: readonly [number, number] | undefined, why: string): void {
    if (this.#state === 'Closed') return
    if (notify) this.#send({ type: 'notification', code: notify[0], subcode: notify[1] })
    this.#closed(why)
  }

  #send(message: BgpMessage): void {
    this.sent[message.type]++
    this.connection.send(encodeBgp(message))
  }

  #onData(bytes: Uint8Array): void {
    if (this.#state === 'Closed') return
    let messages
    try {
      messages = this.#decoder.push(bytes)
    } catch (error) {
      return this.close(NOTIFY.header, (error as Error).message)
    }
    for (const message of messages) {
      // closed by what a message before did
      if ((this.#state as SessionState) === 'Closed') return
      this.#onMessage(message)
    }
  }

  #onMessage(message: BgpMessage): void {
    this.#restartHold()
    this.received[message.type]++
    if (message.type === 'notification') return this.#closed(`received NOTIFICATION code ${message.code} subcode ${message.subcode}`)
    if (message.type === 'open' && this.#state === 'OpenSent') {
      if (!this.#events.onOpen(this, message)) return
      this.#holdTime = Math.min(this.#open.holdTime, message.holdTime)
      this.#families = this.#open.families.filter((family) => message.families.includes(family))
      this.#state = 'OpenConfirm'
      this.#send({ type: 'keepalive' })
      this.#restartHold()
      this.#keepAlive()
    } else if (message.type === 'keepalive' && this.#state === 'OpenConfirm') {
      this.#state = 'Established'
      this.#events.onEstablished(this)
    } else if (message.type === 'update' && this.#state === 'Established') this.#events.onUpdate(this, message)
  }

  #restartHold(): void {
    this.#clock.cancel(this.#hold)
    if (this.#holdTime > 0) this.#hold = this.#clock.schedule(this.#holdTime * 1000, () => this.close(NOTIFY.holdTimerExpired, HOLD_TIMER_EXPIRED), { background: true })
  }

  /** A third of the hold time. */
  #keepAlive(): void {
    if (this.#holdTime === 0) return
    this.#keepalive = this.#clock.schedule((this.#holdTime * 1000) / 3, () => {
      this.#send({ type: 'keepalive' })
      this.#keepAlive()
    }, { background: true })
  }

  #closed(why: string): void {
    if (this.#state === 'Closed') return
    this.#state = 'Closed'
    this.#clock.cancel(this.#hold)
    this.#clock.cancel(this.#keepalive)
    this.connection.handlers = {}
    this.connection.end()
    this.#events.onClose(this, why)
  }
}
