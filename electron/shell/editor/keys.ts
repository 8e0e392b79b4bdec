import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { Utf8Decoder } from '../../engine/text.ts'

/** A key as readline names it: "a", "C-a", "M-b", "up", "paste". */
export interface Key {
  name: string
  /** What the key types; for a paste, all of it. */
  text: string
}

const FINAL: Readonly<Record<string, string>> = { A: 'up', B: 'down', C: 'right', D: 'left', H: 'home', F: 'end' }
const TILDE: Readonly<Record<string, string>> = { 1: 'home', 2: 'insert', 3: 'delete', 4: 'end', 5: 'page-up', 6: 'page-down', 7: 'home', 8: 'end', 200: 'paste' }

/** Decodes a terminal's keys, one byte after another, so that what is typed ahead stays in the terminal. */
export class KeyReader {
  readonly #process: Process
  readonly #decoder = new Utf8Decoder()

  constructor(process: Process) {
    this.#process = process
  }

  /** Undefined: the terminal went away. */
  *next(): Task<Key | undefined> {
    const char = yield* this.#char()
    if (char === undefined) return undefined
    if (char !== '\x1b') return plain(char)
    const second = yield* this.#char()
    if (second === undefined) return undefined
    if (second === '[') return yield* this.#sequence()
    if (second === 'O') {
      const third = yield* this.#char()
      return { name: FINAL[third ?? ''] ?? 'unknown', text: '' }
    }
    const inner = plain(second)
    return { name: 'M-' + inner.name, text: inner.text }
  }

  /** The next character as it is, for C-v and C-]. */
  *raw(): Task<string | undefined> {
    return yield* this.#char()
  }

  *#sequence(): Task<Key | undefined> {
    let parameters = ''
    for (;;) {
      const char = yield* this.#char()
      if (char === undefined) return undefined
      if (/[0-9;?<]/.test(char)) {
        parameters += char
        continue
      }
      const [first, modifier] = parameters.split(';')
      if (char === '~') {
        const name = TILDE[first ?? ''] ?? 'unknown'
        return name === 'paste' ? yield* this.#paste() : { name: withModifier(name, modifier), text: '' }
      }
      if (char === 'Z') return { name: 'S-tab', text: '' }
      return { name: withModifier(FINAL[char] ?? 'unknown', modifier), text: '' }
    }
  }

  *#paste(): Task<Key | undefined> {
    let text = ''
    while (!text.endsWith('\x1b[201~')) {
      const char = yield* this.#char()
      if (char === undefined) return undefined
      text += char
    }
    return { name: 'paste', text: text.slice(0, -6).replace(/\r\n?/g, '\n') }
  }

  *#char(): Task<string | undefined> {
    for (;;) {
      const bytes = yield* this.#process.read(0, 1)
      if (bytes === null) return undefined
      const text = this.#decoder.push(bytes)
      if (text !== '') return text
    }
  }
}

function withModifier(name: string, modifier: string | undefined): string {
  if (modifier === '5') return 'C-' + name
  if (modifier === '3') return 'M-' + name
  return name
}

function plain(char: string): Key {
  if (char === '\r' || char === '\n') return { name: 'enter', text: '' }
  if (char === '\0') return { name: 'C-@', text: '' }
  if (char === '\t') return { name: 'tab', text: '' }
  if (char === '\x7f' || char === '\b') return { name: 'backspace', text: '' }
  const code = char.codePointAt(0)!
  if (code < 0x20) return { name: 'C-' + (code > 0x1a ? String.fromCharCode(code + 64) : String.fromCharCode(code + 96)), text: '' }
  return { name: char, text: char }
}
