import { isSystemError } from '../../engine/machine/errors.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import type { OpenFile, Process } from '../../engine/machine/types.ts'
import { concatBytes, decodeUtf8 } from '../../engine/text.ts'
import { MOST_IN_MEMORY } from '../../engine/machine/input.ts'
import { Failure, quoted, type Run } from './command.ts'

/** One input of a tool: a file or stdin, read by the chunk or by the line. */
export class Input {
  readonly name: string
  readonly #run: Run
  readonly #file: OpenFile | undefined
  #rest: Uint8Array[] = []
  #chunk = new Uint8Array(0)
  #at = 0
  #over = false
  /** The last line given had no newline. */
  unterminated = false

  constructor(run: Run, name: string, file: OpenFile | undefined) {
    this.name = name
    this.#run = run
    this.#file = file
  }

  *read(): Task<Uint8Array | null> {
    if (this.#at < this.#chunk.length) {
      const rest = this.#chunk.subarray(this.#at)
      this.#at = this.#chunk.length
      return rest
    }
    return yield* this.#file ? this.#file.read() : this.#run.process.read(0)
  }

  /** A line without its end; null after the last. */
  *line(delimiter = 10): Task<string | null> {
    for (;;) {
      const end = this.#chunk.indexOf(delimiter, this.#at)
      if (end >= 0) {
        const part = this.#chunk.subarray(this.#at, end)
        this.#at = end + 1
        return this.#take(part)
      }
      if (this.#at < this.#chunk.length) {
        this.#rest.push(this.#chunk.subarray(this.#at))
        if (this.#rest.length > 1024) return yield* outOfMemory(this.#run.process)
      }
      this.#chunk = new Uint8Array(0)
      this.#at = 0
      const next = this.#over ? null : yield* this.#file ? this.#file.read() : this.#run.process.read(0)
      if (next === null) {
        this.#over = true
        if (this.#rest.length === 0) return null
        this.unterminated = true
        return this.#take(new Uint8Array(0))
      }
      this.#chunk = next as Uint8Array<ArrayBuffer>
    }
  }

  *text(): Task<string> {
    return decodeUtf8(yield* this.bytes())
  }

  *bytes(): Task<Uint8Array> {
    const chunks: Uint8Array[] = []
    let size = 0
    for (;;) {
      const bytes = yield* this.read()
      if (bytes === null) return concatBytes(chunks)
      chunks.push(bytes)
      size += bytes.length
      if (size > MOST_IN_MEMORY) return yield* outOfMemory(this.#run.process)
    }
  }

  close(): void {
    this.#file?.release()
  }

  #take(part: Uint8Array): string {
    if (this.#rest.length === 0) return decodeUtf8(part)
    const whole = concatBytes([...this.#rest, part])
    this.#rest = []
    return decodeUtf8(whole)
  }
}

/** How a tool says that it cannot read a file. */
export type Complaint = (name: string, message: string) => string

export const plainComplaint: Complaint = (name, message) => `${name}: ${message}`
export const openComplaint: Complaint = (name, message) => `cannot open ${quoted(name)} for reading: ${message}`

/** BusyBox's applets that open files themselves, not as streams, and say so in other words. */
const DESCRIPTORS = new Set(['cat', 'cksum', 'comm', 'dd', 'md5sum', 'sha1sum', 'sha256sum', 'sha512sum', 'split', 'sum', 'tail', 'uniq'])

/** Opens one input; complains and gives undefined when it cannot be read. */
export function* openInput(run: Run, name: string, complaint: Complaint = plainComplaint, code = 1): Task<Input | undefined> {
  if (name === '-') return new Input(run, 'standard input', undefined)
  try {
    return new Input(run, name, run.process.open(name, 'read'))
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (run.isBusybox) yield* run.warn(error.code === 'EISDIR' ? 'read error: Is a directory' : DESCRIPTORS.has(run.name) ? `can't open '${name}': ${error.message}` : `${name}: ${error.message}`, code)
    else yield* run.warn(complaint(name, error.message), code)
    return undefined
  }
}

/** Handles every operand, or stdin when there is none. */
export function* eachInput(run: Run, names: readonly string[], handle: (input: Input) => Task<void>, complaint: Complaint = plainComplaint, code = 1): Task<void> {
  for (const name of names.length > 0 ? names : ['-']) {
    const input = yield* openInput(run, name, complaint, code)
    if (!input) continue
    try {
      yield* handle(input)
    } finally {
      input.close()
    }
  }
}

/** More than the simulation keeps is taken for more than there is: a container is killed for it, elsewhere the program gives up. */
function* outOfMemory(process: Process, code?: number): Task<never> {
  if (process.machine.memory?.hold(process, Infinity)) for (;;) yield new Signal().wait
  throw new Failure('memory exhausted', code)
}

/** All lines of the operands; `ended` says whether the very last had its newline. */
export function* allLines(run: Run, names: readonly string[], complaint?: Complaint, delimiter = 10, code = 1): Task<{ lines: string[]; ended: boolean }> {
  const lines: string[] = []
  let ended = true
  let size = 0
  yield* eachInput(run, names, function* (input) {
    for (let line = yield* input.line(delimiter); line !== null; line = yield* input.line(delimiter)) {
      lines.push(line)
      size += line.length + 16
      if (size > MOST_IN_MEMORY) yield* outOfMemory(run.process, 2)
    }
    ended = !input.unterminated
  }, complaint, code)
  return { lines, ended }
}
