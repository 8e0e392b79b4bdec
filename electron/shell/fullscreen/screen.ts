import type { Task } from '../../engine/machine/task.ts'
import type { OpenFile, Process, Terminal } from '../../engine/machine/types.ts'
import { charWidth } from '../../engine/machine/width.ts'
import { encodeUtf8, Utf8Decoder } from '../../engine/text.ts'
import { keysOf } from './keys.ts'

/** Where the cursor stands and what is in each row; as escape sequences within a row are allowed, widths are the caller's. */
export interface Picture { rows: readonly string[]; cursor: { row: number; column: number } }

/** A program that has the whole terminal to itself. */
export interface Fullscreen {
  draw(size: { columns: number; rows: number }): Picture
  press(key: string): void
  /** Set when it is over. */
  readonly exitCode: number | undefined
}

/** The terminal of a program's output and its keyboard; undefined when either is none. */
export function terminalOf(process: Process): { terminal: Terminal; keyboard: OpenFile } | undefined {
  const terminal = process.terminalOf(1)
  const keyboard = process.files.get(0)
  return terminal && keyboard && process.terminalOf(0) ? { terminal, keyboard } : undefined
}

/** Runs it in raw mode on the alternate screen until it says it is over, or the keyboard goes away. The terminal is as before whatever happens. */
export function* runFullscreen(process: Process, { terminal, keyboard }: { terminal: Terminal; keyboard: OpenFile }, program: Fullscreen): Task<number> {
  const saved = { canonical: terminal.canonical, echo: terminal.echo, signals: terminal.signals }
  const decoder = new Utf8Decoder()
  const draw = function* (): Task<void> {
    const { columns, rows } = terminal
    const { rows: texts, cursor } = program.draw({ columns, rows })
    const body = texts.slice(0, rows).map((text, i) => `\x1b[${i + 1};1H\x1b[2K${text}\x1b[m`).join('')
    yield* process.print(`\x1b[?25l${body}\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h`)
  }
  terminal.canonical = false
  terminal.echo = false
  terminal.signals = false
  process.onSignal('SIGWINCH', () => void process.spawnThread(draw()))
  try {
    yield* process.print('\x1b[?1049h\x1b[?2004h\x1b[H\x1b[2J')
    while (program.exitCode === undefined) {
      yield* draw()
      const bytes = yield* keyboard.read(4096)
      if (bytes === null) return 1
      for (const key of keysOf(decoder.push(bytes))) if (program.exitCode === undefined) program.press(key)
    }
    yield* process.print('\x1b[?2004l\x1b[?1049l\r')
    return program.exitCode
  } finally {
    Object.assign(terminal, saved)
    process.onSignal('SIGWINCH', undefined)
  }
}

/** What a character looks like at a column: tabs to the next stop, control characters as ^X. */
export function cell(char: string, column: number, tab = 8): { text: string; width: number } {
  const code = char.codePointAt(0)!
  if (char === '\t') return { text: ' '.repeat(tab - (column % tab)), width: tab - (column % tab) }
  if (code < 0x20 || code === 0x7f) return { text: `^${String.fromCharCode(code ^ 64)}`, width: 2 }
  return { text: char, width: charWidth(code) }
}

/** The first columns of a text, and no half of a wide character. */
export function cut(text: string, columns: number): string {
  let out = ''
  let width = 0
  for (const char of text) {
    width += charWidth(char.codePointAt(0)!)
    if (width > columns) break
    out += char
  }
  return out
}

/** Where the next and the former character begin: a pair of surrogates and what combines with it count as one. */
export function after(line: string, at: number): number {
  if (at >= line.length) return at
  let next = at + (line.codePointAt(at)! > 0xffff ? 2 : 1)
  while (next < line.length && combines(line, next)) next += line.codePointAt(next)! > 0xffff ? 2 : 1
  return next
}
export function before(line: string, at: number): number {
  let former = at
  do former -= former > 1 && line.codePointAt(former - 2)! > 0xffff ? 2 : 1
  while (former > 0 && combines(line, former))
  return Math.max(0, former)
}

function combines(line: string, at: number): boolean {
  const code = line.codePointAt(at)!
  return code >= 0x300 && charWidth(code) === 0
}

/** Bytes of a file with these lines. */
export function sizeOf(lines: readonly string[]): number {
  return lines.reduce((n, line) => n + encodeUtf8(line).length + 1, 0)
}
