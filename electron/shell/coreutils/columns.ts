import type { Task } from '../../engine/machine/task.ts'
import { textWidth } from '../../engine/machine/width.ts'
import { Failure, NotSimulated, quote, tool, type Run } from './command.ts'
import { allLines, eachInput } from './input.ts'

/** Where text goes on a line: column(1), expand(1), unexpand(1). */

const TAB = 8

tool('column', {
  flags: 'txeLJnd', values: 'csolNHRTWEOrip',
  long: { table: 't', fillrows: 'x', separator: 's=', 'output-separator': 'o=', 'output-width': 'c=', 'keep-empty-lines': 'L', 'table-columns': 'N=', 'table-columns-limit': 'l=', 'table-right': 'R=', 'table-noheadings': 'd', json: 'J' },
}, function* (run) {
  const { options } = run
  for (const letter of 'JHTWEOripn') if (options.has(letter)) throw new NotSimulated(`column -${letter} (column -t, -s, -o, -N, -R)`)
  const { lines } = yield* allLines(run, options.operands, (name, message) => `${name}: ${message}`)
  const kept = options.has('e', 'L') ? lines : lines.filter((l) => l.trim() !== '')
  if (options.has('t')) return yield* table(run, kept)
  const terminal = run.process.terminalOf(1)
  const width = Number(options.value('c') ?? terminal?.columns ?? 80)
  const entries = kept
  if (entries.length === 0) return
  const room = (Math.max(...entries.map(textWidth)) + TAB) & ~(TAB - 1)
  const across = Math.floor(width / room)
  if (across <= 1) {
    for (const entry of entries) yield* run.print(entry + '\n')
    return
  }
  const rows = Math.ceil(entries.length / across)
  for (let row = 0; row < rows; row++) {
    const places = options.has('x') ? Array.from({ length: across }, (_, i) => row * across + i) : Array.from({ length: across }, (_, i) => row + i * rows)
    const shown = places.filter((p) => p < entries.length)
    let line = ''
    for (const [i, place] of shown.entries()) {
      line += entries[place]!
      if (i === shown.length - 1) break
      line += '\t'.repeat(Math.ceil((room - textWidth(entries[place]!)) / TAB))
    }
    yield* run.print(line + '\n')
  }
})

function* table(run: Run, lines: readonly string[]): Task<void> {
  const { options } = run
  const separator = options.value('s')
  const limit = Number(options.value('l') ?? Infinity)
  const cellsOf = (line: string): string[] => {
    const cells = separator === undefined ? line.split(/[ \t]+/).filter((c) => c !== '') : line.split(new RegExp(`[${separator.replace(/[\\\]^-]/g, '\\$&')}]`))
    if (cells.length <= limit) return cells
    return [...cells.slice(0, limit - 1), cells.slice(limit - 1).join(separator?.[0] ?? ' ')]
  }
  const names = options.value('N')?.split(',')
  const rows = [...(names && !options.has('d') ? [names] : []), ...lines.map(cellsOf)]
  const columns = Math.max(0, ...rows.map((r) => r.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((r) => textWidth(r[i] ?? ''))))
  const right = new Set((options.value('R') ?? '').split(',').map((c) => (names?.includes(c) ? names.indexOf(c) : Number(c) - 1)))
  const between = options.value('o') ?? '  '
  for (const row of rows) {
    const cells = widths.map((width, i) => {
      const text = row[i] ?? ''
      const space = ' '.repeat(width - textWidth(text))
      return right.has(i) ? space + text : i === columns - 1 ? text : text + space
    })
    yield* run.print(cells.join(between) + '\n')
  }
}

// ---- tabs ----------------------------------------------------------------------------------------------------------

/** Where the next tab stop is after a column; undefined: there is none. */
type Stops = (column: number) => number | undefined

function stopsOf(text: string | undefined): Stops {
  if (text === undefined) return (column) => column + TAB - (column % TAB)
  const list = text.split(/[ ,]/).filter((t) => t !== '').map((t) => {
    if (!/^\d+$/.test(t)) throw new Failure(`tab size contains invalid character(s): ${quote(t.replace(/^\d+/, ''))}`)
    return Number(t)
  })
  if (list.includes(0)) throw new Failure('tab size cannot be 0')
  const [only] = list
  if (list.length === 1) return (column) => column + only! - (column % only!)
  return (column) => list.find((stop) => stop > column)
}

tool('expand', { flags: 'i', values: 't', long: { initial: 'i', tabs: 't=' }, number: 't' }, function* (run) {
  const stops = stopsOf(run.options.value('t'))
  yield* eachInput(run, run.options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      let out = ''
      let column = 0
      let initial = true
      for (const c of line) {
        if (c !== ' ' && c !== '\t') initial = false
        if (c === '\t' && (initial || !run.options.has('i'))) {
          const to = stops(column) ?? column + 1
          out += ' '.repeat(to - column)
          column = to
        } else {
          out += c
          column += textWidth(c)
        }
      }
      yield* run.print(out + (input.unterminated ? '' : '\n'))
    }
  })
})

tool('unexpand', { flags: 'a', values: 't', long: { all: 'a', tabs: 't=', 'first-only': 'first' }, number: 't' }, function* (run) {
  const { options } = run
  const stops = stopsOf(options.value('t'))
  const all = options.has('a', 't') && !options.has('first')
  yield* eachInput(run, options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) yield* run.print(withTabs(line, stops, all) + (input.unterminated ? '' : '\n'))
  })
})

function withTabs(line: string, stops: Stops, all: boolean): string {
  let out = ''
  let column = 0
  let blanks = ''
  let begun = false
  for (const c of line) {
    if ((c !== ' ' && c !== '\t') || (begun && !all)) {
      out += blanks + c
      blanks = ''
      begun = true
      column += textWidth(c)
      continue
    }
    const stop = stops(column)
    column = c === '\t' ? stop ?? column + 1 : column + 1
    blanks += c
    // A single blank before a stop becomes a tab only where more blanks follow or precede it.
    if (column === stop && (blanks !== ' ' || !all || c === '\t')) {
      out += '\t'
      blanks = ''
    }
  }
  return out + blanks
}
