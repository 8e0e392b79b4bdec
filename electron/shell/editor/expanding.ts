import type { Process } from '../../engine/machine/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { LineBuffer } from './line-buffer.ts'

/** The line with its history, aliases or everything expanded; undefined: it cannot be. */
export type Expand = (text: string, what: 'history' | 'alias' | 'both' | 'shell') => Task<string | undefined>

/** Functions that put in the line's place what the shell makes of it. */
export class Expanding {
  readonly #process: Process
  readonly #line: LineBuffer
  readonly #expand: Expand

  constructor(process: Process, line: LineBuffer, expand: Expand) {
    this.#process = process
    this.#line = line
    this.#expand = expand
  }

  replace(text: string): void {
    const line = this.#line
    line.together(() => {
      line.delete(0, line.end)
      line.point = 0
      line.insert([...text])
    })
  }

  *expand(what: Parameters<Expand>[1]): Task<boolean> {
    const text = yield* this.#expand(this.#line.text, what)
    if (text === undefined) return false
    if (text !== this.#line.text) this.replace(text)
    return true
  }

  *magicSpace(n: number): Task<boolean> {
    const { point, end } = this.#line
    const text = yield* this.#expand(this.#line.text, 'history')
    if (text === undefined) return false
    if (text !== this.#line.text) {
      this.replace(text)
      if (point < end) this.#line.point = Math.min(point, this.#line.end)
    }
    this.#line.insert(Array.from({ length: Math.max(0, n) }, () => ' '))
    return true
  }

  tilde(): void {
    const { chars, point } = this.#line
    const start = this.#line.blankStart(point)
    const home = this.#process.env.get('HOME')
    if (chars[start] !== '~' || home === undefined || !(start + 1 >= chars.length || '/ '.includes(chars[start + 1]!))) return
    this.#line.together(() => {
      this.#line.delete(start, start + 1)
      const after = this.#line.point - start
      this.#line.point = start
      this.#line.insert([...home])
      this.#line.point += after
    })
  }
}
