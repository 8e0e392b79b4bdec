import { sleep, type Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { Utf8Decoder } from '../../engine/text.ts'
import { givenUp } from '../language/waiting.ts'
import type { Binding } from '../readline/keymap.ts'
import type { Readline } from '../readline/readline.ts'

/** A key, or keys that are bound together, and what they do. */
export interface Key {
  /** readline's function, "interrupt" for Ctrl-C, "" when nothing is bound, or the kind of another binding. */
  name: string
  /** What the key types; for a paste, all of it; for a command of `bind -x`, the command. */
  text: string
  /** As the terminal sent it. */
  sequence: string
}

/** Macros that call macros: beyond this depth readline would go on for ever, and here the rest is dropped. */
const MOST_PUSHED = 100_000

/** In a search, Escape that nothing follows within so many ms ends it. */
const ESCAPE_ALONE = 100

/** Reads a terminal's keys, one byte after another, so that what is typed ahead stays in the terminal. */
export class KeyReader {
  readonly #process: Process
  readonly #readline: Readline
  readonly #decoder = new Utf8Decoder()
  /** What is read before the terminal: macros, and what a failed sequence has left. */
  #pushed: string[] = []
  /** C-x (: what was typed since. */
  #recording: string[] | undefined
  /** What C-x e types. */
  macro: readonly string[] = []

  constructor(process: Process, readline: Readline) {
    this.#process = process
    this.#readline = readline
  }

  /** Types a text as if it came from the keyboard. */
  push(text: readonly string[]): void {
    if (this.#pushed.length + text.length <= MOST_PUSHED) this.#pushed.unshift(...text)
  }

  /** False: it was begun already. */
  startRecording(): boolean {
    if (this.#recording) return false
    this.#recording = []
    return true
  }

  /** False: none was begun. `sequence`: the keys that end it, which are no part of it. */
  endRecording(sequence: string): boolean {
    if (!this.#recording) return false
    this.macro = this.#recording.slice(0, this.#recording.length - [...sequence].length)
    this.#recording = undefined
    return true
  }

  stopRecording(): void {
    this.#recording = undefined
  }

  /** Types the macro so often; false: there is none, or it is still being recorded. */
  callMacro(times: number): boolean {
    const recording = this.#recording !== undefined
    this.#recording = undefined
    if (recording || this.macro.length === 0) return false
    for (let i = times; i > 0; i--) this.push(this.macro)
    return true
  }

  /** What a macro has left is dropped. */
  drop(): void {
    this.#pushed = []
  }

  /** Undefined: the terminal went away. `escapes`: Escape alone is a key ("escape"). */
  *next(escapes = false): Task<Key | undefined> {
    const { keymap } = this.#readline
    let sequence = ''
    /** The longest part that means something by itself. */
    let bound = 0
    for (;;) {
      if (sequence !== '' && !keymap.isPrefix(sequence)) break
      const alone = escapes && sequence === '\x1b'
      const char = sequence !== '' && (alone || keymap.find(sequence)) ? yield* this.#soon(alone ? ESCAPE_ALONE : Number(this.#readline.variables.text('keyseq-timeout'))) : yield* this.raw()
      if (char === undefined) return undefined
      if (char === '' && alone) return { name: 'escape', text: '', sequence }
      if (char === '') break
      if (char === '\x03') return { name: 'interrupt', text: '', sequence: char }
      sequence += char
      if (keymap.find(sequence)) bound = sequence.length
    }
    if (bound > 0 && bound < sequence.length) {
      this.push([...sequence.slice(bound)])
      sequence = sequence.slice(0, bound)
    }
    return yield* this.#does(keymap.find(sequence), sequence)
  }

  *#does(binding: Binding | undefined, sequence: string): Task<Key | undefined> {
    if (!binding) return { name: '', text: '', sequence }
    if (binding.kind === 'macro') {
      this.push([...binding.text])
      return yield* this.next()
    }
    if (binding.kind === 'command') return { name: 'command', text: binding.text, sequence }
    const { name } = binding
    if (name === 'do-lowercase-version') {
      const lower = sequence.slice(0, -1) + sequence.at(-1)!.toLowerCase()
      return lower === sequence ? { name: '', text: '', sequence } : yield* this.#does(this.#readline.keymap.find(lower), lower)
    }
    if (name === 'bracketed-paste-begin') return yield* this.#paste(sequence)
    return { name, text: name === 'self-insert' ? sequence : '', sequence }
  }

  /** The next character as it is, for C-v and C-]; undefined: the terminal went away. */
  *raw(): Task<string | undefined> {
    const pushed = this.#pushed.shift()
    if (pushed !== undefined) return pushed
    for (;;) {
      const bytes = yield* this.#process.read(0, 1)
      if (bytes === null) return undefined
      const text = this.#decoder.push(bytes)
      if (text === '') continue
      this.#recording?.push(text)
      return text
    }
  }

  /** A character that follows within so many ms; empty: none came. */
  *#soon(ms: number): Task<string | undefined> {
    if (this.#pushed.length > 0) return yield* this.raw()
    const { clock } = this.#process
    const deadline = clock.now + ms
    const read = yield* givenUp(this.raw(), (wake) => sleep(clock, deadline - clock.now)(wake), () => clock.now >= deadline)
    return read ? read.value : ''
  }

  *#paste(sequence: string): Task<Key | undefined> {
    let text = ''
    while (!text.endsWith('\x1b[201~')) {
      const char = yield* this.raw()
      if (char === undefined) return undefined
      text += char
    }
    return { name: 'bracketed-paste-begin', text: text.slice(0, -6).replace(/\r\n?/g, '\n'), sequence }
  }
}
