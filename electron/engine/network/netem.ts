import type { Random } from '../random.ts'
import type { BaseLink } from './link.ts'
import { frameLength } from './packets.ts'
import type { Frame, QueueDiscipline, QueueOptions } from './types.ts'

/**
 * tc-netem(8): what leaves a link waits and is lost as it would be on a longer, worse way (net/sched/sch_netem.c). Who waits less
 * than who came before overtakes him.
 */
export class Netem implements QueueDiscipline {
  readonly kind = 'netem'
  readonly handle: string
  options: QueueOptions
  sentPackets = 0
  sentBytes = 0
  dropped = 0
  waiting = 0
  waitingBytes = 0
  readonly #link: BaseLink
  readonly #random: Random
  #gone = false

  constructor(link: BaseLink, handle: string, options: QueueOptions) {
    this.#link = link
    this.handle = handle
    this.options = options
    this.#random = link.namespace.clock.random.fork(`netem ${link.namespace.name} ${link.name} ${handle}`)
  }

  enqueue(frame: Frame): void {
    const { delay, jitter, loss, limit } = this.options
    const link = this.#link
    if (loss > 0 && this.#random.float() * 100 < loss) return this.#lose(frame, `netem on ${link.name} loses ${loss}% of what leaves there, and this is one of them.`)
    if (this.waiting >= limit) return this.#lose(frame, `The queue of netem on ${link.name} is full: ${limit} packets wait there.`)
    const wait = Math.max(0, jitter > 0 ? delay + (this.#random.float() * 2 - 1) * jitter : delay)
    if (wait === 0) return this.#send(frame)
    const length = frameLength(frame)
    this.waiting++
    this.waitingBytes += length
    link.namespace.clock.schedule(wait, () => {
      this.waiting--
      this.waitingBytes -= length
      // who takes it away takes what waits with it
      if (this.#gone || !link.up || link.removed) link.lost(frame, 'drop-link-down', `${link.name} or its queue is gone before the frame could leave.`)
      else this.#send(frame)
    })
  }

  close(): void {
    this.#gone = true
  }

  #send(frame: Frame): void {
    this.sentPackets++
    this.sentBytes += frameLength(frame)
    this.#link.dequeue(frame)
  }

  #lose(frame: Frame, text: string): void {
    this.dropped++
    this.#link.lost(frame, 'drop-packet-loss', text)
  }
}
