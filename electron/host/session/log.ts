import { closeSync, existsSync, fdatasync, ftruncateSync, mkdirSync, openSync, readFileSync, write, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
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
  /** The wall clock at the world's birth, in ms since 1970: what real clients of the cluster take for now. */
  epoch: number
  /** What had passed before this world began. */
  progress?: LabProgress
}

/** How long an entry may wait before it is on its way to the disk, in ms. */
const FLUSH = 500
/** Every line is at least this long, so that one written over a tick leaves nothing of it. */
const LINE = 64
/** Data from here on is packed, in bytes. */
const PACK = 512
/** The most that packed data may become, in bytes. */
const UNPACKED = 256 * 1024 * 1024

/**
 * The session's log on disk: one line of JSON an entry. Inputs are appended; a tick stands behind the last of them and
 * is written over by what comes next, so that time alone does not make the log longer. Writing never holds the process
 * up, except at the end. What a kill cut off is left out when the log is read.
 */
export class SessionLog {
  #file: number
  /** Where the next input goes. */
  #end: number
  #inputs: string[] = []
  #waiting = 0
  #tick = ''
  #writing: { bytes: Buffer; position: number } | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #onTrouble: (error: Error) => void

  private constructor(file: number, end: number, onTrouble: (error: Error) => void) {
    this.#file = file
    this.#end = end
    this.#onTrouble = onTrouble
  }

  /** `onTrouble` is called when the disk refuses: what comes after is not kept. */
  static create(path: string, header: LogHeader, onTrouble: (error: Error) => void): SessionLog {
    mkdirSync(dirname(path), { recursive: true })
    const text = line(header)
    writeFileSync(path, text, { mode: 0o600 })
    return new SessionLog(openSync(path, 'r+'), Buffer.byteLength(text), onTrouble)
  }

  /** Reads a log for replay and goes on behind it; undefined when there is none or it was made by another world. */
  static resume(path: string, header: LogHeader, onTrouble: (error: Error) => void): { log: SessionLog; entries: LogEntry[]; header: LogHeader } | undefined {
    if (!existsSync(path)) return undefined
    const read = readLog(readFileSync(path))
    if (read?.header.app !== header.app || read.header.world !== header.world) return undefined
    const { entries, end, good } = read
    const file = openSync(path, 'r+')
    // what was cut off may not stay behind what comes next
    ftruncateSync(file, good)
    return { log: new SessionLog(file, end, onTrouble), entries, header: read.header }
  }

  /** How long it is, with what waits to be written. */
  get size(): number {
    return this.#end + this.#waiting
  }

  append(entry: LogEntry): void {
    const text = line(entry)
    if (entry.input) {
      this.#inputs.push(text)
      this.#waiting += text.length
      this.#tick = ''
    } else this.#tick = text
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH)
  }

  /** Writes what is left, and waits for it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    try {
      // a write that is under way may not be done in time: the same bytes at the same place once more
      if (this.#writing) writeSync(this.#file, this.#writing.bytes, 0, this.#writing.bytes.length, this.#writing.position)
      const { bytes, position } = this.#take()
      writeSync(this.#file, bytes, 0, bytes.length, position)
    } catch (error) {
      this.#onTrouble(error as Error)
    }
    if (!this.#writing) closeSync(this.#file)
  }

  #take(): { bytes: Buffer; position: number } {
    const inputs = Buffer.from(this.#inputs.join(''))
    const position = this.#end
    this.#end += inputs.length
    const bytes = Buffer.concat([inputs, Buffer.from(this.#tick)])
    this.#inputs = []
    this.#waiting = 0
    this.#tick = ''
    return { bytes, position }
  }

  #flush(): void {
    this.#timer = undefined
    if (this.#writing) return
    const synced = this.#inputs.length > 0
    const { bytes, position } = (this.#writing = this.#take())
    write(this.#file, bytes, 0, bytes.length, position, (error) => {
      if (error || !synced || this.#closed) this.#written(error)
      else fdatasync(this.#file, (failed) => this.#written(failed))
    })
  }

  #written(error: Error | null): void {
    this.#writing = undefined
    if (this.#closed) return closeSync(this.#file)
    if (error) {
      this.close()
      return this.#onTrouble(error)
    }
    if (this.#inputs.length > 0 || this.#tick !== '') this.#timer ??= setTimeout(() => this.#flush(), FLUSH)
  }
}

/**
 * What a log says: its entries, where the last of them with an input ends and where what is whole ends, in bytes.
 * Undefined when its first line is no header.
 */
export function readLog(bytes: Uint8Array): { header: LogHeader; entries: LogEntry[]; end: number; good: number } | undefined {
  const first = bytes.indexOf(10) + 1
  const header = parse(bytes.subarray(0, first)) as LogHeader | null | undefined
  if (typeof header?.app !== 'string' || typeof header.world !== 'string') return undefined
  const entries: LogEntry[] = []
  let end = first
  let good = first
  for (let next = bytes.indexOf(10, good) + 1; next > 0; next = bytes.indexOf(10, good) + 1) {
    const entry = parse(bytes.subarray(good, next)) as LogEntry | null | undefined
    if (typeof entry?.at !== 'number' || typeof entry.executed !== 'number') break
    entries.push(entry)
    good = next
    if (entry.input) end = next
  }
  return { header, entries, end, good }
}

function line(value: object): string {
  return JSON.stringify(value, packBytes).padEnd(LINE - 1) + '\n'
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), unpackBytes)
  } catch {
    return undefined
  }
}

function packBytes(this: Record<string, unknown>, key: string, said: unknown): unknown {
  // a Buffer has had its own say before this
  const value = this[key]
  if (!(value instanceof Uint8Array)) return said
  const packed = value.length < PACK ? undefined : deflateRawSync(value, { level: 1 })
  if (packed && packed.length < value.length) return { packed: packed.toString('base64') }
  return { base64: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') }
}

function unpackBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { base64, packed } = value as { base64?: unknown; packed?: unknown }
  if (typeof base64 === 'string') return Uint8Array.from(Buffer.from(base64, 'base64'))
  if (typeof packed === 'string') return Uint8Array.from(inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength: UNPACKED }))
  return value
}
