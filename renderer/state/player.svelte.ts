import type { Hop, Journey } from '../../electron/bridge/view.ts'
import { theme, token } from './theme.svelte.ts'

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
    return theme.reducedMotion ? STILL_HOP : Number.parseInt(token('hop')) || STILL_HOP
  }

  play(): void {
    if (!this.hops.length) return
    if (this.index >= this.hops.length - 1) this.index = -1
    this.playing = true
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
    this.#timer = setTimeout(() => this.#next(), this.hopTime)
  }
}

export const player = new Player()
