import type { Process, Task } from '../../../engine/cluster.ts'
import { pause } from '../stream.ts'
import { lineOf, type Flow, type Load } from './flow.ts'

/**
 * A transfer over UDP, sampled: of more than so many datagrams a virtual second one goes for several, and says in its header for how many.
 * So what is lost and how late it comes are those of datagrams that went through the network; at lower rates each one goes.
 */
const SAMPLE = 2000
/** Virtual seconds and microseconds when it was sent, its number, and for how many it stands. */
export const HEADER = 16

abstract class UdpFlow implements Flow {
  protected readonly process: Process
  protected readonly block: number
  protected count = 0
  protected stopped = false

  constructor(process: Process, block: number) {
    this.process = process
    this.block = block
  }

  bytes(): number {
    return this.count * this.block
  }

  packets(): number {
    return this.count
  }

  retransmits = (): number => 0
  window = (): number => 0
  path = (): { roundTrip: number; variation: number; sendWindow: number; mtu: number } => ({ roundTrip: 0, variation: 0, sendWindow: 0, mtu: 0 })
  lost(): number { return 0 }
  outOfOrder(): number { return 0 }
  jitter(): number { return 0 }

  stop(): void {
    this.stopped = true
  }
}

export class UdpSender extends UdpFlow {
  readonly #load: Load
  readonly #send: (data: Uint8Array) => void

  constructor(process: Process, load: Load, send: (data: Uint8Array) => void) {
    super(process, load.block)
    this.#load = load
    this.#send = send
  }

  get done(): boolean {
    return this.bytes() >= this.#load.limit
  }

  *run(): Task {
    const { clock } = this.process
    const { block, rate, limit, share } = this.#load
    const line = lineOf(block) / share
    /** ms from one to the next */
    const period = block / Math.min(rate === 0 ? Infinity : rate / 8000, line)
    const weight = Math.max(1, Math.ceil((1000 / period) * share / SAMPLE))
    const started = clock.now
    const last = Math.ceil(limit / block)
    while (!this.stopped && this.count < last) {
      const due = Math.min(last, Math.floor((clock.now - started) / period + 1e-6) + 1)
      while (this.count < due && (this.count + weight <= due || due === last)) {
        const stands = Math.min(weight, last - this.count)
        this.count += stands
        try {
          this.#send(this.#datagram(stands))
        } catch (error) {
          if (!(error instanceof Error) || !('code' in error)) throw error
          this.count -= stands
          break
        }
      }
      // the pacing timer's steps are 1 ms
      const next = started + Math.ceil((this.count + weight - 1) * period - 1e-6)
      yield pause(this.process, Math.max(1, next - clock.now))
    }
  }

  #datagram(stands: number): Uint8Array {
    const data = new Uint8Array(this.block)
    const view = new DataView(data.buffer)
    const { now } = this.process.clock
    view.setUint32(0, Math.floor(now / 1000))
    view.setUint32(4, Math.round((now % 1000) * 1000))
    view.setUint32(8, this.count)
    view.setUint32(12, stands)
    return data
  }
}

export class UdpReceiver extends UdpFlow {
  #highest = 0
  #lost = 0
  #early = 0
  #jitter = 0
  #transit: number | undefined

  override packets(): number {
    return this.#highest
  }

  override lost(): number {
    return this.#lost
  }

  override outOfOrder(): number {
    return this.#early
  }

  override jitter(): number {
    return this.#jitter
  }

  take(data: Uint8Array): void {
    if (this.stopped || data.length < HEADER) return
    const view = new DataView(data.buffer, data.byteOffset)
    const [number, stands] = [view.getUint32(8), view.getUint32(12)]
    this.count += stands
    if (number > this.#highest) {
      this.#lost += Math.max(0, number - stands - this.#highest)
      this.#highest = number
    } else {
      this.#early += stands
      this.#lost = Math.max(0, this.#lost - stands)
    }
    const transit = this.process.clock.now - (view.getUint32(0) * 1000 + view.getUint32(4) / 1000)
    const change = Math.abs(transit - (this.#transit ?? transit))
    this.#transit = transit
    this.#jitter += (change - this.#jitter) / 16
  }
}
