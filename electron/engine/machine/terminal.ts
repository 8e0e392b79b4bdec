import type { Clock } from '../clock.ts'
import { encodeUtf8, Utf8Decoder } from '../text.ts'
import { SystemError } from './errors.ts'
import { CountedFile, Throttle } from './files.ts'
import { Signal, type Task } from './task.ts'
import { CursorColumn } from './cursor-column.ts'
import type { OpenFile, Process, ProcessGroup, SignalName, Terminal } from './types.ts'
import { charWidth, textWidth } from './width.ts'

const SIGNAL_KEYS: Readonly<Record<number, SignalName>> = { 0x03: 'SIGINT', 0x1a: 'SIGTSTP', 0x1c: 'SIGQUIT' }
/** Bytes typed ahead that a terminal keeps (n_tty's buffer). */
const TYPE_AHEAD = 4096

/** A pseudo-terminal with the line discipline of termios(3): ICANON, ECHO, ECHOE, ECHOCTL, ISIG, ICRNL, IUTF8, OPOST|ONLCR. */
class PseudoTerminal implements Terminal {
  columns: number
  rows: number
  echo = true
  signals = true
  postprocess = true
  foreground: ProcessGroup | undefined
  session: Process | undefined
  #canonical = true
  #clock: Clock
  #listeners = new Set<(bytes: Uint8Array) => void>()
  #decoder = new Utf8Decoder()
  /** The line being edited, as characters. */
  #line: string[] = []
  /** What may be read; an empty entry is an end of file. */
  #ready: Uint8Array[] = []
  /** Typed while nobody edited lines, not read yet. */
  #ahead: Uint8Array[] = []
  #readable = new Signal()
  #hungUp = false
  #throttle: Throttle
  #cursor = new CursorColumn()

  constructor(clock: Clock, columns: number, rows: number) {
    this.#clock = clock
    this.columns = columns
    this.rows = rows
    this.#throttle = new Throttle(clock)
  }

  get column(): number {
    return this.#cursor.in(this.columns)
  }

  get canonical(): boolean {
    return this.#canonical
  }

  /**
   * Turning line editing off hands over what was typed so far. Turned on, what was typed ahead stays bytes until
   * somebody reads it as lines, unless there is a signal among it.
   */
  set canonical(on: boolean) {
    if (this.#canonical === on) return
    this.#canonical = on
    if (on) {
      this.#ahead = this.#ready.filter((chunk) => chunk.length > 0)
      this.#ready = []
      if (this.signals && this.#ahead.some((chunk) => chunk.some((byte) => byte in SIGNAL_KEYS))) this.#cook()
    } else {
      this.#ready = [...this.#ahead, ...this.#ready].filter((chunk) => chunk.length > 0)
      this.#ahead = []
      if (this.#line.length > 0) this.#deliver(this.#takeLine())
    }
  }

  /** What was typed ahead goes through line editing after all. */
  #cook(): void {
    for (const chunk of this.#ahead.splice(0)) this.input(chunk)
  }

  input(bytes: Uint8Array | string): void {
    if (this.#hungUp) return
    if (this.#canonical && this.#ahead.length > 0) this.#cook()
    const text = typeof bytes === 'string' ? bytes : this.#decoder.push(bytes)
    let raw = ''
    const flush = (): void => {
      if (raw) this.#deliver(raw)
      raw = ''
    }
    for (const char of text) {
      const signal = this.signals ? SIGNAL_KEYS[char.codePointAt(0)!] : undefined
      if (signal) {
        flush()
        this.#interrupt(char, signal)
      } else if (this.#canonical) this.#edit(char)
      else {
        if (this.echo) this.#echo(char)
        raw += char
      }
    }
    flush()
  }

  resize(columns: number, rows: number): void {
    if (columns === this.columns && rows === this.rows) return
    this.columns = columns
    this.rows = rows
    this.foreground?.signal('SIGWINCH')
  }

  hangup(): void {
    if (this.#hungUp) return
    this.#hungUp = true
    const { session, foreground } = this
    session?.signal('SIGHUP')
    session?.signal('SIGCONT')
    if (foreground && foreground !== session?.group) foreground.signal('SIGHUP')
    this.#readable.notify()
  }

  onOutput(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  open(): OpenFile {
    return new TerminalFile(this)
  }

  *read(max: number): Task<Uint8Array | null> {
    if (this.#canonical && this.#ahead.length > 0) this.#cook()
    while (this.#ready.length === 0) {
      if (this.#hungUp) return null
      yield this.#readable.wait
    }
    const chunk = this.#ready.shift()!
    if (chunk.length === 0) return null
    if (chunk.length > max) this.#ready.unshift(chunk.subarray(max))
    return chunk.subarray(0, max)
  }

  *write(bytes: Uint8Array): Task<void> {
    if (this.#hungUp) throw new SystemError('EIO')
    this.#output(bytes)
    yield* this.#throttle.spend(bytes.length, false)
  }

  #output(bytes: Uint8Array): void {
    let newlines = 0
    if (this.postprocess) for (const b of bytes) if (b === 10) newlines++
    let out = bytes
    if (newlines > 0) {
      out = new Uint8Array(bytes.length + newlines)
      let at = 0
      for (const b of bytes) {
        if (b === 10) out[at++] = 13
        out[at++] = b
      }
    }
    this.#cursor.push(out)
    for (const listener of [...this.#listeners]) listener(out)
  }

  #show(text: string): void {
    this.#output(encodeUtf8(text))
  }

  #echo(char: string): void {
    const code = char.codePointAt(0)!
    this.#show(code < 0x20 && char !== '\n' && char !== '\t' ? '^' + String.fromCharCode(code + 64) : code === 0x7f ? '^?' : char)
  }

  #interrupt(char: string, signal: SignalName): void {
    this.#line = []
    this.#ready = []
    this.#ahead = []
    if (this.echo) this.#echo(char)
    // An own event: the keyboard side may be a process that the signal ends.
    this.#clock.schedule(0, () => this.foreground?.signal(signal))
  }

  #edit(typed: string): void {
    const char = typed === '\r' ? '\n' : typed
    switch (char) {
      case '\n':
        this.#line.push(char)
        if (this.echo) this.#show('\n')
        return this.#deliver(this.#takeLine())
      case '\x04':
        return this.#deliver(this.#takeLine())
      case '\x7f':
      case '\b':
        return this.#erase(1)
      case '\x15':
        return this.#erase(this.#line.length)
      case '\x17': {
        let count = 0
        const at = (i: number): string | undefined => this.#line[this.#line.length - 1 - i]
        while (at(count) === ' ' || at(count) === '\t') count++
        while (at(count) !== undefined && at(count) !== ' ' && at(count) !== '\t') count++
        return this.#erase(count)
      }
      case '\x12':
        return this.#show('^R\n' + this.#line.join(''))
      default:
        if (this.#line.length >= TYPE_AHEAD) return
        this.#line.push(char)
        if (this.echo) this.#echo(char)
    }
  }

  #erase(count: number): void {
    for (const char of this.#line.splice(this.#line.length - count, count).reverse()) {
      if (!this.echo) continue
      const code = char.codePointAt(0)!
      const width = char === '\t' ? 8 - (textWidth(this.#line.join('')) % 8) : code < 0x20 || code === 0x7f ? 2 : charWidth(code)
      this.#show(char === '\t' ? '\b'.repeat(width) : '\b \b'.repeat(width))
    }
  }

  #takeLine(): string {
    const text = this.#line.join('')
    this.#line = []
    return text
  }

  #deliver(text: string): void {
    if (this.#ready.length < TYPE_AHEAD) this.#ready.push(encodeUtf8(text))
    this.#readable.notify()
  }
}

class TerminalFile extends CountedFile implements OpenFile {
  readonly kind = 'terminal'
  readonly terminal: PseudoTerminal

  constructor(terminal: PseudoTerminal) {
    super()
    this.terminal = terminal
  }

  read(max = 4096): Task<Uint8Array | null> {
    return this.terminal.read(max)
  }

  write(bytes: Uint8Array): Task<void> {
    return this.terminal.write(bytes)
  }
}

export function createTerminal(clock: Clock, options: { columns?: number; rows?: number } = {}): Terminal {
  return new PseudoTerminal(clock, options.columns ?? 80, options.rows ?? 24)
}
