import type { Clock, Timer } from '../../clock.ts'
import type { KeepAlive } from '../types.ts'

/** Linux's timers tick every 4 ms (CONFIG_HZ=250). */
const TICK = 4

/** What it needs of its connection. */
export interface KeptAlive {
  /** Virtual ms at which the other end was heard last. */
  readonly heardAt: number
  /** Something waits to be acknowledged: then it is the retransmission timer that gives up. */
  readonly busy: boolean
  probe(): void
  dead(): void
}

/** The keepalive timer of a socket with SO_KEEPALIVE: Linux' tcp_keepalive_timer (net/ipv4/tcp_timer.c). */
export class KeepAliveTimer {
  readonly #clock: Clock
  readonly #settings: KeepAlive
  readonly #connection: KeptAlive
  #timer: Timer | undefined
  #probedAt = 0
  #sent = 0

  constructor(clock: Clock, settings: KeepAlive, connection: KeptAlive) {
    this.#clock = clock
    this.#settings = settings
    this.#connection = connection
    this.#again(settings.idle)
  }

  /** Probes that nobody has answered. */
  get probes(): number {
    return this.#connection.heardAt >= this.#probedAt ? 0 : this.#sent
  }

  /** Virtual ms at which it looks again; undefined: it has ended. */
  get expiresAt(): number | undefined {
    return this.#timer?.at
  }

  stop(): void {
    this.#clock.cancel(this.#timer)
    this.#timer = undefined
  }

  #again(after: number): void {
    this.#timer = this.#clock.schedule(after, () => this.#look(), { background: true })
  }

  #look(): void {
    const { idle, interval, count } = this.#settings
    const { heardAt, busy } = this.#connection
    if (busy) return this.#again(idle)
    const silent = this.#clock.now - heardAt
    // in ticks of the kernel's: less than the clock can tell apart would never be over
    if (silent < idle) return this.#again(Math.ceil((idle - silent) / TICK) * TICK)
    if (this.probes >= count) {
      this.#timer = undefined
      return this.#connection.dead()
    }
    this.#sent = this.probes + 1
    this.#probedAt = this.#clock.now
    this.#connection.probe()
    this.#again(interval)
  }
}
