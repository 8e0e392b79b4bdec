import { SparseMap } from '../sparse.ts'
import type { CapturedFrame, Frame } from './types.ts'

type Listener = (frame: CapturedFrame) => void

/** Who captures on the links of one network namespace, by the link's name; those of `any` see all of them (packet(7)). */
export class Taps {
  readonly #listeners = new SparseMap<string, Set<Listener>>()

  get size(): number {
    return this.#listeners.size
  }

  has(link: string): boolean {
    return this.#listeners.has(link)
  }

  add(link: string, listener: Listener): void {
    const listeners = this.#listeners.get(link)
    if (listeners) listeners.add(listener)
    else this.#listeners.set(link, new Set([listener]))
  }

  remove(link: string, listener: Listener): void {
    const listeners = this.#listeners.get(link)
    if (listeners?.delete(listener) && listeners.size === 0) this.#listeners.delete(link)
  }

  /** `at` in virtual ms. */
  tell(link: string, direction: 'in' | 'out', frame: Frame, at: number): void {
    for (const key of [link, 'any']) {
      for (const listener of this.#listeners.get(key) ?? []) listener({ at, interface: link, direction, frame })
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
