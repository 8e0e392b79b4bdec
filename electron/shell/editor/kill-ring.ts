/** Places of the ring (readline's DEFAULT_MAX_KILLS). */
const PLACES = 10

/** What was killed last, and before (readline's kill.c). */
export class KillRing {
  readonly #texts: string[][] = []
  #at = 0

  get top(): readonly string[] | undefined {
    return this.#texts[this.#at]
  }

  /** `joined`: the command before was a kill too, and what this one took belongs behind or before it. */
  push(text: readonly string[], joined: false | 'behind' | 'before'): void {
    if (joined && this.top) {
      this.#texts[this.#at] = joined === 'behind' ? [...this.top, ...text] : [...text, ...this.top]
      return
    }
    this.#texts.push([...text])
    if (this.#texts.length > PLACES) this.#texts.shift()
    this.#at = this.#texts.length - 1
  }

  /** M-y: the one before. */
  rotate(): void {
    this.#at = (this.#at || this.#texts.length) - 1
  }
}
