import type { Task } from '../../engine/machine/task.ts'
import type { Count } from './editing.ts'
import type { KeyReader } from './keys.ts'
import type { LineBuffer } from './line-buffer.ts'

/** Functions that read a character more. */
export class Characters {
  readonly #keys: KeyReader
  readonly #line: LineBuffer

  constructor(keys: KeyReader, line: LineBuffer) {
    this.#keys = keys
    this.#line = line
  }

  *quoted({ n }: Count): Task<boolean> {
    const char = yield* this.#keys.raw()
    if (char === undefined) return false
    this.#line.insert(Array.from({ length: Math.max(1, n) }, () => char))
    return true
  }

  *search(count: number): Task<boolean> {
    const char = yield* this.#keys.raw()
    const { chars, point } = this.#line
    let at = point
    for (let n = Math.abs(count); n > 0; n--) {
      at = count > 0 ? chars.indexOf(char ?? '', at + 1) : at > 0 ? chars.lastIndexOf(char ?? '', at - 1) : -1
      if (at < 0) return false
    }
    this.#line.point = at
    return true
  }

  *skipSequence(): Task<void> {
    let char: string | undefined
    do char = yield* this.#keys.raw()
    while (char !== undefined && char < '@')
  }
}
