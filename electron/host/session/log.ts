import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LabProgress } from '../../lab/run.ts'
import type { Input } from '../../lab/world.ts'

/** One input and the exact moment of its world at which it came. A tick has no input: it only says how far time went. */
export interface LogEntry {
  at: number
  executed: number
  input?: Input
}

/** What a log was written with: a world made by other code or another lab is not the same world. */
export interface LogHeader {
  app: string
  world: string
  /** What had passed before this world began. */
  progress?: LabProgress
}

/**
 * The session's log on disk: one line of JSON an entry, appended and flushed at most `FLUSH` ms after it came. A line
 * that a kill cut off is left out when the log is read.
 */
const FLUSH = 500

export class SessionLog {
  #path: string
  #file: number
  #pending = ''
  #timer: NodeJS.Timeout | undefined

  private constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, 'a', 0o600)
  }

  static create(path: string, header: LogHeader): SessionLog {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, JSON.stringify(header) + '\n', { mode: 0o600 })
    return new SessionLog(path)
  }

  /** Reads a log for replay and goes on appending; undefined when there is none or it was made by another world. */
  static resume(path: string, header: LogHeader): { log: SessionLog; entries: LogEntry[]; header: LogHeader } | undefined {
    if (!existsSync(path)) return undefined
    const lines = readFileSync(path, 'utf8').split('\n')
    const whole = lines.slice(0, -1)
    try {
      const found = JSON.parse(whole[0] ?? 'null') as LogHeader | null
      if (found?.app !== header.app || found.world !== header.world) return undefined
      const entries = whole.slice(1).map((line) => JSON.parse(line, reviveBytes) as LogEntry)
      // what was cut off may not stay in front of what comes next
      if (lines.at(-1) !== '') writeFileSync(path, whole.join('\n') + '\n', { mode: 0o600 })
      return { log: new SessionLog(path), entries, header: found }
    } catch {
      return undefined
    }
  }

  append(entry: LogEntry): void {
    this.#pending += JSON.stringify(entry, (_key, value: unknown) => (value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value)) + '\n'
    this.#timer ??= setTimeout(() => this.flush(), FLUSH)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pending === '') return
    writeSync(this.#file, this.#pending)
    this.#pending = ''
    fsyncSync(this.#file)
  }

  close(): void {
    this.flush()
    closeSync(this.#file)
  }

  remove(): void {
    this.close()
    rmSync(this.#path, { force: true })
  }
}

function reviveBytes(_key: string, value: unknown): unknown {
  const text = typeof value === 'object' && value !== null && 'base64' in value ? (value as { base64: unknown }).base64 : undefined
  return typeof text === 'string' ? Uint8Array.from(Buffer.from(text, 'base64')) : value
}

/** Writes a file so that a kill leaves the old one or the new one, whole. */
export function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  const file = openSync(temporary, 'w', 0o600)
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  renameSync(temporary, path)
}
