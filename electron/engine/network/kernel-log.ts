import type { Clock } from '../clock.ts'

/** One line of dmesg(1); `at` in virtual ms. */
export interface KernelMessage {
  at: number
  text: string
}

/** Of messages that packets cause the kernel writes BURST in INTERVAL_MS (net_ratelimit, net/core/utils.c). */
const BURST = 10
const INTERVAL_MS = 5000
/** The ring buffer's size, in messages. */
const CAPACITY = 1000

/** The kernel's messages. */
export class KernelLog {
  readonly #clock: Clock
  readonly #messages: KernelMessage[] = []
  readonly #followers = new Set<(message: KernelMessage) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get messages(): readonly KernelMessage[] {
    return this.#messages
  }

  print(text: string, options?: { limited?: boolean }): void {
    const { now } = this.#clock
    if (options?.limited && this.#messages.filter((m) => m.text === text && m.at > now - INTERVAL_MS).length >= BURST) return
    const message = { at: now, text }
    this.#messages.push(message)
    for (const follower of this.#followers) follower(message)
    if (this.#messages.length > CAPACITY) this.#messages.shift()
  }

  /** Sees each message from now on; returns what stops it. */
  follow(follower: (message: KernelMessage) => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }
}
