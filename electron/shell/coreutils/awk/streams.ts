import { isSystemError } from '../../../engine/machine/errors.ts'
import { createPipe } from '../../../engine/machine/pipe.ts'
import type { Task } from '../../../engine/machine/task.ts'
import type { OpenFile, Process } from '../../../engine/machine/types.ts'
import { Failure, type Run } from '../command.ts'
import { Input as InputFile } from '../input.ts'

/** What print and getline have open by name, until close(): files, and commands at the other end of a pipe. */
export class AwkStreams {
  readonly #run: Run
  readonly #outputs = new Map<string, { file: OpenFile; child?: Process }>()
  readonly #sources = new Map<string, { input: InputFile; child?: Process }>()

  constructor(run: Run) {
    this.#run = run
  }

  /** Undefined when it cannot be opened. */
  fromFile(name: string): InputFile | undefined {
    const open = this.#sources.get(name)
    if (open) return open.input
    try {
      const input = name === '-' ? new InputFile(this.#run, '-', undefined) : new InputFile(this.#run, name, this.#run.process.open(name, 'read'))
      this.#sources.set(name, { input })
      return input
    } catch (error) {
      if (isSystemError(error)) return undefined
      throw error
    }
  }

  fromCommand(command: string): InputFile {
    const open = this.#sources.get(command)
    if (open) return open.input
    const { process } = this.#run
    const { reader, writer } = createPipe(process.clock)
    const child = process.spawn({ argv: ['sh', '-c', command], files: new Map(process.files).set(1, writer) })
    writer.release()
    const input = new InputFile(this.#run, command, reader)
    this.#sources.set(command, { input, child })
    return input
  }

  output(name: string, operator: '>' | '>>' | '|'): OpenFile {
    const existing = this.#outputs.get(name)
    if (existing) return existing.file
    const { process } = this.#run
    let entry: { file: OpenFile; child?: Process }
    if (operator === '|') {
      const { reader, writer } = createPipe(process.clock)
      const child = process.spawn({ argv: ['sh', '-c', name], files: new Map(process.files).set(0, reader) })
      reader.release()
      entry = { file: writer, child }
    } else {
      try {
        entry = { file: process.open(name, operator === '>' ? 'write' : 'append') }
      } catch (error) {
        if (isSystemError(error)) throw new Failure(`cannot open "${name}" for output`, 2)
        throw error
      }
    }
    this.#outputs.set(name, entry)
    return entry.file
  }

  *close(name: string): Task<number> {
    const output = this.#outputs.get(name)
    const source = this.#sources.get(name)
    this.#outputs.delete(name)
    this.#sources.delete(name)
    output?.file.release()
    source?.input.close()
    const child = output?.child ?? source?.child
    if (child) return (yield* this.#run.process.wait(child)).code
    return output || source ? 0 : -1
  }

  *closeOutputs(): Task<void> {
    for (const name of [...this.#outputs.keys()]) yield* this.close(name)
  }
}
