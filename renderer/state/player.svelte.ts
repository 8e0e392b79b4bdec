import type { Hop, Journey } from '../../electron/bridge/view.ts'
import { duration, theme } from './theme.svelte.ts'

/** Without motion a hop is only lit up, and long enough to be read. */
const STILL_HOP = 700

/** Plays one journey: drawer and topology look at the same hop. */
class Player {
  journey: Journey | null = $state.raw(null)
  /** Index in hops then reply; -1 before the first. */
  index = $state(-1)
  playing = $state(false)
  readonly hops: readonly Hop[] = $derived(this.journey ? [...this.journey.hops, ...this.journey.reply] : [])
  readonly hop: Hop | null = $derived(this.hops[this.index] ?? null)
  #due = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Shows a journey; the same one, told anew, keeps its place. */
  load(journey: Journey | null): void {
    if (journey?.id !== this.journey?.id) {
      this.pause()
      this.index = -1
    }
    this.journey = journey
  }

  get hopTime(): number {
    return theme.reducedMotion ? STILL_HOP : duration('hop') || STILL_HOP
  }

  play(): void {
    if (!this.hops.length) return
    if (this.index >= this.hops.length - 1) this.index = -1
    this.playing = true
    this.#due = performance.now()
    this.#next()
  }

  pause(): void {
    this.playing = false
    clearTimeout(this.#timer)
  }

  toggle(): void {
    if (this.playing) this.pause()
    else this.play()
  }

  go(index: number): void {
    this.pause()
    this.index = Math.max(-1, Math.min(this.hops.length - 1, index))
  }

  #next(): void {
    if (this.index >= this.hops.length - 1) return this.pause()
    this.index++
    // Counted from when the hop was due: a busy machine plays no slower than others.
    this.#due += this.hopTime
    this.#timer = setTimeout(() => this.#next(), Math.max(16, this.#due - performance.now()))
  }
}

export const player = new Player()
