/** One step that can be undone (readline's undo list); "begin" and "end" hold several together. */
type Change = { what: 'insert'; start: number; end: number } | { what: 'delete'; start: number; text: string[] } | { what: 'begin' } | { what: 'end' }

/** Typed characters that one undo takes away at most. */
const MERGED = 20

/** A line being edited: characters, point, mark, and how to undo (readline's text.c, undo.c). */
export class LineBuffer {
  chars: string[] = []
  point = 0
  mark = 0
  changes: Change[] = []

  get text(): string {
    return this.chars.join('')
  }

  get end(): number {
    return this.chars.length
  }

  /** Another line: nothing of the former can be undone. */
  load(text: string, changes: Change[] = []): void {
    this.chars = [...text]
    this.point = this.chars.length
    this.mark = Math.min(this.mark, this.point)
    this.changes = changes
  }

  insert(chars: readonly string[]): void {
    if (chars.length === 0) return
    const last = this.changes[this.changes.length - 1]
    if (chars.length === 1 && last?.what === 'insert' && last.end === this.point && last.end - last.start < MERGED) last.end++
    else this.changes.push({ what: 'insert', start: this.point, end: this.point + chars.length })
    this.#put(chars)
  }

  #put(chars: readonly string[]): void {
    this.chars.splice(this.point, 0, ...chars)
    this.point += chars.length
  }

  /** Removes what lies between; the point stays at the same text. */
  delete(a: number, b: number): string[] {
    const from = Math.min(a, b)
    const text = this.chars.splice(from, Math.abs(b - a))
    this.changes.push({ what: 'delete', start: from, text })
    if (this.point > from) this.point = Math.max(from, this.point - text.length)
    return text
  }

  /** Other characters in the same places. */
  change(start: number, chars: readonly string[]): void {
    this.together(() => {
      this.changes.push({ what: 'delete', start, text: this.chars.slice(start, start + chars.length) })
      this.changes.push({ what: 'insert', start, end: start + chars.length })
      this.chars.splice(start, chars.length, ...chars)
    })
  }

  together(work: () => void): void {
    this.changes.push({ what: 'begin' })
    work()
    this.changes.push({ what: 'end' })
  }

  /** False: there is nothing to undo. */
  undo(): boolean {
    let open = 0
    do {
      const change = this.changes.pop()
      if (!change) return false
      if (change.what === 'end') open++
      else if (change.what === 'begin') open--
      else {
        this.point = change.start
        if (change.what === 'delete') this.#put(change.text)
        else this.chars.splice(change.start, change.end - change.start)
      }
    } while (open > 0)
    return true
  }

  // ---- words: letters and digits -----------------------------------------------------------------------------------

  wordStart(from: number): number {
    let i = from
    while (i > 0 && !isWord(this.chars[i - 1]!)) i--
    while (i > 0 && isWord(this.chars[i - 1]!)) i--
    return i
  }

  wordEnd(from: number): number {
    let i = from
    while (i < this.end && !isWord(this.chars[i]!)) i++
    while (i < this.end && isWord(this.chars[i]!)) i++
    return i
  }

  /** `count` words on, or back. */
  wordAway(from: number, count: number): number {
    let at = from
    for (let n = Math.abs(count); n > 0; n--) at = count > 0 ? this.wordEnd(at) : this.wordStart(at)
    return at
  }

  /** Where a word between blanks begins that ends at the point. */
  blankStart(from: number): number {
    let i = from
    while (i > 0 && isBlank(this.chars[i - 1]!)) i--
    while (i > 0 && !isBlank(this.chars[i - 1]!)) i--
    return i
  }
}

export function isWord(char: string): boolean {
  return /[\p{L}\p{N}]/u.test(char)
}

export function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t'
}
