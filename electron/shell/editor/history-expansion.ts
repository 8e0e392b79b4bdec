import type { HistoryList } from '../language/history-list.ts'
import { historyArguments, historyWords } from './history-words.ts'

export interface Expansion {
  text: string
  changed: boolean
  /** `:p`: it is printed and kept, and does not run. */
  printOnly?: boolean
  /** bash's message. */
  error?: string
}

class HistoryError extends Error {}

/** What one expansion leaves for the next: `:&`, `!?`, `%`. */
export interface ExpansionMemory {
  search?: string
  match?: string
  from?: string
  to?: string
  /** `shopt -s extglob`: !(…) is a pattern. */
  extendedGlobs?: boolean
}

/** What ends the text of an event (history_search_delimiter_chars and HISTORY_EVENT_DELIMITERS). */
const EVENT_END = ' \t:;&()|<>^$*%'

/** History expansion: events, words, modifiers, ^old^new^ (history(3), bash(1) HISTORY EXPANSION). */
export function expandHistory(line: string, history: HistoryList, memory: ExpansionMemory = {}): Expansion {
  if (!line.includes('!') && !line.startsWith('^')) return { text: line, changed: false }
  try {
    return new Expander(line.startsWith('^') ? `!!:s${line}` : line, history, memory).expand()
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    return { text: line, changed: false, error: error.message }
  }
}

class Expander {
  readonly #line: string
  readonly #history: HistoryList
  readonly #memory: ExpansionMemory
  #at = 0
  #out = ''
  #quote = ''
  #printOnly = false

  constructor(line: string, history: HistoryList, memory: ExpansionMemory) {
    this.#line = line
    this.#history = history
    this.#memory = memory
  }

  expand(): Expansion {
    const line = this.#line
    let changed = false
    while (this.#at < line.length) {
      const c = line[this.#at]!
      if (c === '\\' && this.#quote !== "'") {
        this.#out += c + (line[this.#at + 1] ?? '')
        this.#at += 2
      } else if (c === '!' && this.#quote !== "'" && this.#begins()) {
        this.#out += this.#one()
        changed = true
      } else if (c === '#' && this.#quote === '' && (this.#at === 0 || ' \t\n;&()|<>'.includes(line[this.#at - 1]!))) {
        this.#out += line.slice(this.#at)
        break
      } else {
        if (c === this.#quote) this.#quote = ''
        else if (this.#quote === '' && (c === "'" || c === '"')) this.#quote = c
        this.#out += c
        this.#at++
      }
    }
    return { text: this.#out, changed, ...(this.#printOnly && { printOnly: true }) }
  }

  /** Whether the ! here is one of history expansion. */
  #begins(): boolean {
    const next = this.#line[this.#at + 1] ?? ''
    const before = this.#line[this.#at - 1] ?? ''
    if (next === '' || ' \t\n\r='.includes(next) || (next === this.#quote && next === '"') || (next === '(' && this.#memory.extendedGlobs)) return false
    if (before === '$' || (before === '{' && this.#line[this.#at - 2] === '$' && this.#line.includes('}', this.#at))) return false
    return !(before === '[' && this.#line.includes(']', this.#at + 1))
  }

  #fail(from: number, to: number, message: string): never {
    // An error in ^old^new^ shows it as the substitution it stands for.
    throw new HistoryError(`${this.#line.slice(from, to)}: ${message}`)
  }

  #one(): string {
    const start = this.#at
    const event = this.#event(start)
    const modifiersStart = this.#at
    let text = this.#words(event)
    const quoting = { q: '' }
    let everywhere = false
    let eachWord = false
    while (this.#line[this.#at] === ':') {
      let letter = this.#line[this.#at + 1] ?? ''
      if (letter === 'g' || letter === 'a' || letter === 'G') {
        if (letter === 'G') eachWord = true
        else everywhere = true
        this.#at++
        letter = this.#line[this.#at + 1] ?? ''
      }
      this.#at += 2
      switch (letter) {
        case 'q':
        case 'x': quoting.q = letter; break
        case 'p': this.#printOnly = true; break
        case 't': text = text.slice(text.lastIndexOf('/') + 1); break
        case 'h': if (text.includes('/')) text = text.slice(0, text.lastIndexOf('/')); break
        case 'r': if (text.includes('.')) text = text.slice(0, text.lastIndexOf('.')); break
        case 'e': if (text.includes('.')) text = text.slice(text.lastIndexOf('.')); break
        case 's':
        case '&':
          if (letter === 's') this.#readSubstitution()
          text = this.#substituted(text, modifiersStart, everywhere, eachWord)
          everywhere = eachWord = false
          break
        default:
          this.#fail(this.#at - 1, this.#at, 'unrecognized history modifier')
      }
    }
    if (quoting.q === '') return text
    const quoted = (part: string): string => `'${part.replace(/'/g, "'\\''")}'`
    return quoting.q === 'q' ? quoted(text) : text.split(/([ \t\n]+)/).map((p) => (/^[ \t\n]*$/.test(p) ? p : quoted(p))).join('')
  }

  /** The line that is meant: !!, !n, !-n, !text, !?text?, !#. */
  #event(start: number): string {
    const line = this.#line
    const { entries } = this.#history
    const next = line[start + 1]!
    const found = (entry: { line: string } | undefined): string => entry?.line ?? this.#fail(start, this.#at, 'event not found')
    this.#at = start + 1
    if (next === '!') {
      this.#at++
      return found(this.#history.last)
    }
    if (':$*%^'.includes(next)) {
      if (!this.#history.last) this.#fail(start, start + 2, 'event not found')
      return this.#history.last.line
    }
    if (next === '#') {
      this.#at++
      return this.#out
    }
    const number = /^-?\d+/.exec(line.slice(this.#at))
    if (number) {
      this.#at += number[0].length
      const n = Number(number[0])
      return found(n < 0 || Object.is(n, -0) ? entries[entries.length + n] : this.#history.numbered(n))
    }
    const anywhere = next === '?'
    if (anywhere) this.#at++
    const from = this.#at
    for (; this.#at < line.length; this.#at++) {
      const c = line[this.#at]!
      if (c === '\n' || (anywhere ? c === '?' : EVENT_END.includes(c) || (c === '-' && this.#at > from) || c === this.#quote)) break
    }
    let wanted = line.slice(from, this.#at)
    if (anywhere && line[this.#at] === '?') this.#at++
    if (anywhere && wanted === '') wanted = this.#memory.search ?? this.#fail(start, this.#at, 'event not found')
    const entry = wanted === '' ? undefined : entries.findLast((e) => (anywhere ? e.line.includes(wanted) : e.line.startsWith(wanted)))
    if (entry && anywhere) {
      const place = entry.line.lastIndexOf(wanted)
      this.#memory.search = wanted
      this.#memory.match = historyWords(entry.line).findLast((w) => w.start <= place)?.text ?? ''
    }
    return found(entry)
  }

  /** The words that are meant of an event: :n ^ $ * % x-y x* x-. */
  #words(event: string): string {
    const line = this.#line
    const start = this.#at
    let i = start
    const colon = line[i] === ':'
    if (colon) i++
    const c = line[i] ?? ''
    if (c === '%' || c === '*' || c === '$') {
      this.#at = i + 1
      if (c === '%') return this.#memory.match ?? ''
      if (c === '*') return historyArguments(event, 1, '$') ?? ''
      return historyArguments(event, '$', '$') ?? this.#fail(start, this.#at, 'bad word specifier')
    }
    let first = 0
    const digits = /^\d+/.exec(line.slice(i))?.[0]
    if (c === '^') {
      first = 1
      i++
    } else if (digits !== undefined && colon) {
      first = Number(digits)
      i += digits.length
    } else if (c !== '-') return event
    let last: number | '$' = first
    if (line[i] === '*') {
      last = '$'
      i++
    } else if (line[i] === '-') {
      i++
      const to = /^\d+/.exec(line.slice(i))?.[0]
      if (to !== undefined) last = Number(to)
      else if (line[i] === '$') last = '$'
      else if (line[i] === '^') last = 1
      else last = -1
      if (last !== -1) i += to?.length ?? 1
    }
    this.#at = i
    // x* of a line that has x-1 words is empty.
    if (last === '$' && first === historyWords(event).length) return ''
    return historyArguments(event, first, last) ?? this.#fail(start, i, 'bad word specifier')
  }

  /** After `:s`: a delimiter, old, the delimiter, new, and the delimiter again if more follows. */
  #readSubstitution(): void {
    const delimiter = this.#line[this.#at++] ?? ''
    const part = (replacement: boolean): string => {
      let out = ''
      for (; this.#at < this.#line.length && this.#line[this.#at] !== delimiter; this.#at++) {
        const c = this.#line[this.#at]!
        const next = this.#line[this.#at + 1]
        if (c === '\\' && next === delimiter) out += this.#line[++this.#at]
        else if (replacement && c === '\\' && next === '&') out += this.#line[++this.#at]
        else out += replacement && c === '&' ? (this.#memory.from ?? '') : c
      }
      if (this.#line[this.#at] === delimiter) this.#at++
      return out
    }
    if (delimiter === '') return
    const from = part(false)
    if (from !== '') this.#memory.from = from
    else this.#memory.from ??= this.#memory.search
    this.#memory.to = part(true)
  }

  #substituted(text: string, start: number, everywhere: boolean, eachWord: boolean): string {
    const { from, to = '' } = this.#memory
    if (from === undefined || from === '') return this.#fail(start, this.#at, 'no previous substitution')
    if (!text.includes(from)) return this.#fail(start, this.#at, 'substitution failed')
    if (everywhere) return text.split(from).join(to)
    if (eachWord) return text.split(/([ \t\n]+)/).map((word) => word.replace(from, () => to)).join('')
    return text.replace(from, () => to)
  }
}
