import type { Task } from '../../engine/machine/task.ts'
import { textWidth } from '../../engine/machine/width.ts'
import type { Variables } from '../readline/variables.ts'
import { columnsOf, commonPrefix, type Completion } from './candidates.ts'
import type { LineBuffer } from './line-buffer.ts'
import type { KeyReader } from './keys.ts'

/** What a completion is asked for: by the place of the word, or only one sort of names (complete-filename and its kin). */
export type CompletionKind = 'any' | 'filename' | 'variable' | 'username' | 'hostname' | 'command' | 'glob' | 'glob-prefix'

/** What completing needs of the editor around it. */
export interface CompletingEditor {
  readonly line: LineBuffer
  readonly keys: KeyReader
  readonly variables: Variables
  readonly size: { columns: number; rows: number }
  /** What was run before this key. */
  readonly lastCommand: string
  complete(text: string, cursor: number, kind: CompletionKind): Task<Completion>
  bell(): Task<void>
  redraw(): Task<void>
  /** Goes below the line. */
  leave(): Task<void>
  print(text: string): Task<void>
}

/** readline's complete.c: Tab and the lists. */
export class Completing {
  readonly #editor: CompletingEditor
  /** The last Tab wrote something. */
  #completed = false
  /** menu-complete: what is offered, and which is shown. */
  #menu: { start: number; inserts: string[]; at: number } | undefined

  constructor(editor: CompletingEditor) {
    this.#editor = editor
  }

  *#candidates(kind: CompletionKind): Task<Completion & { typed: string }> {
    const { chars, point } = this.#editor.line
    const found = yield* this.#editor.complete(chars.slice(0, point).join(''), point, kind)
    return { ...found, typed: chars.slice(found.start, point).join('') }
  }

  #put(start: number, text: string): void {
    const { line } = this.#editor
    line.together(() => {
      line.delete(start, line.point)
      line.insert([...text])
    })
  }

  *complete(kind: CompletionKind): Task<void> {
    const { line, variables, lastCommand } = this.#editor
    if (variables.is('disable-completion')) {
      line.insert(['\t'])
      return yield* this.#editor.redraw()
    }
    const completed = this.#completed
    this.#completed = false
    const { candidates, start, quote, typed } = yield* this.#candidates(kind)
    if (candidates.length === 0) return yield* this.#editor.bell()
    const ignoreCase = variables.is('completion-ignore-case')
    const prefix = sharedPrefix(candidates.map((c) => c.insert), ignoreCase)
    const all = variables.is('show-all-if-ambiguous')
    if (candidates.length === 1 || prefix.length > typed.length || (ignoreCase && prefix !== typed && prefix.length === typed.length)) {
      const [only] = candidates
      const next = line.chars[line.point]
      // What follows a word is written at the end of the line only, a directory's slash where there is none.
      const rest = next !== undefined || only!.open ? '' : quote + ' '
      const whole = variables.is('mark-directories') ? only!.insert : only!.insert.replace(/\/$/, '')
      const insert = candidates.length === 1 ? (next === '/' ? whole.replace(/\/$/, '') : whole) + rest : prefix
      this.#completed = true
      const list = all && candidates.length > 1
      // the list begins below what was typed so far
      if (list) yield* this.#editor.leave()
      if (insert !== typed) this.#put(start, insert)
      if (list) return yield* this.#list(candidates.map((c) => c.display))
      yield* this.#editor.redraw()
      if (candidates.length > 1) yield* this.#editor.bell()
      return
    }
    if (!all && !variables.is('show-all-if-unmodified') && (lastCommand !== 'complete' || completed)) return yield* this.#editor.bell()
    yield* this.#editor.leave()
    yield* this.#list(candidates.map((c) => c.display))
  }

  *possible(kind: CompletionKind): Task<void> {
    const { candidates } = yield* this.#candidates(kind)
    if (candidates.length === 0) yield* this.#editor.bell()
    else {
      yield* this.#editor.leave()
      yield* this.#list(candidates.map((c) => c.display))
    }
  }

  *insertAll(kind: CompletionKind = 'any'): Task<boolean> {
    const { candidates, start } = yield* this.#candidates(kind)
    if (candidates.length === 0) return false
    this.#put(start, candidates.map((c) => c.insert.replace(/\/$/, '')).sort().join(' ') + ' ')
    return true
  }

  /** menu-complete: one candidate after another, and then what they have in common. */
  *menu(by: number): Task<boolean> {
    const { line, lastCommand } = this.#editor
    if (!this.#menu || !lastCommand.startsWith('menu-complete')) {
      const { candidates, start, quote } = yield* this.#candidates('any')
      this.#menu = undefined
      if (candidates.length === 0) return false
      const inserts = candidates.map((c) => c.insert + (c.open || line.point < line.end ? '' : `${quote} `)).sort()
      this.#menu = { start, inserts: candidates.length === 1 ? inserts : [commonPrefix(candidates.map((c) => c.insert)), ...inserts], at: candidates.length === 1 ? -1 : 0 }
    }
    const menu = this.#menu
    const places = menu.inserts.length
    menu.at = (((menu.at + by) % places) + places) % places
    this.#put(menu.start, menu.inserts[menu.at]!)
    return menu.at > 0 || places === 1
  }

  *#list(found: readonly string[]): Task<void> {
    const { size, variables, keys } = this.#editor
    const ignoreCase = variables.is('completion-ignore-case')
    const sorted = (name: string): string => (ignoreCase ? name.toLowerCase() : name).replace(/\/$/, '')
    // readline sorts what it lists (rl_sort_completion_matches)
    const names = [...found].sort((a, b) => (sorted(a) < sorted(b) ? -1 : 1))
    const most = Number(variables.text('completion-query-items'))
    if (most > 0 && names.length > most) {
      yield* this.#editor.print(`Display all ${names.length} possibilities? (y or n)`)
      const key = yield* keys.raw()
      yield* this.#editor.print('\n')
      if (!['y', 'Y', ' '].includes(key ?? '')) return yield* this.#editor.redraw()
    }
    const rows = columnsOf(names, size.columns).split('\n').slice(0, -1)
    yield* variables.is('page-completions') ? this.#paged(rows) : this.#editor.print(rows.map((row) => `${row}\n`).join(''))
    yield* this.#editor.redraw()
  }

  /** A screen at a time, as `more` would. */
  *#paged(rows: readonly string[]): Task<void> {
    const { size, keys } = this.#editor
    const page = size.rows - 1
    let room = page
    for (const [i, row] of rows.entries()) {
      yield* this.#editor.print(`${row}\n`)
      if (--room > 0 || i === rows.length - 1) continue
      yield* this.#editor.print('--More--')
      const key = yield* keys.raw()
      yield* this.#editor.print(`\r${' '.repeat(textWidth('--More--'))}\r`)
      if (key === undefined || 'qQnN\x03\x07\x7f'.includes(key)) return
      room = key === '\r' || key === '\n' ? 1 : page
    }
  }
}

function sharedPrefix(words: readonly string[], ignoreCase: boolean): string {
  if (!ignoreCase) return commonPrefix(words)
  return words[0]!.slice(0, commonPrefix(words.map((w) => w.toLowerCase())).length)
}
