import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { LabProgress } from '../lab/run.ts'
import { writeAtomically } from './files.ts'

const labProgress = z.object({
  passed: z.record(z.string(), z.number()),
  answers: z.record(z.string(), z.string()),
  hints: z.record(z.string(), z.number()),
  variables: z.record(z.string(), z.string()),
})
const schema = z.object({
  version: z.literal(1),
  /** The lab that was open; null: none. */
  open: z.string().nullable(),
  /** The cluster without a lab, as the person at the window wanted it. */
  cluster: z.record(z.string(), z.unknown()).optional(),
  labs: z.record(z.string(), z.object({ stepsPassed: z.number(), finished: z.boolean(), progress: labProgress })),
})
export type ProgressFile = z.infer<typeof schema>

export interface ProgressOptions {
  /** Another process owns the file. */
  readOnly: boolean
  onTrouble(text: string): void
}

/** How long a change may wait before it is on disk, in ms. */
const DELAY = 500

/** What a student has done in all labs; written atomically. A file that cannot be read is put aside, not lost. */
export class ProgressStore {
  readonly #path: string
  readonly #options: ProgressOptions
  #data: ProgressFile
  #timer: NodeJS.Timeout | undefined
  /** Words for the person at the window when the file was unreadable. */
  readonly trouble: string | undefined

  constructor(folder: string, options: ProgressOptions) {
    this.#path = join(folder, 'progress.json')
    this.#options = options
    this.#data = { version: 1, open: null, labs: {} }
    if (!existsSync(this.#path)) return
    try {
      this.#data = schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')))
    } catch {
      this.trouble = this.#putAside()
    }
  }

  get open(): string | null {
    return this.#data.open
  }

  lab(id: string): ProgressFile['labs'][string] | undefined {
    return this.#data.labs[id]
  }

  get cluster(): object | undefined {
    return this.#data.cluster
  }

  setCluster(cluster: Record<string, unknown>): void {
    this.#data = { ...this.#data, cluster }
    this.#later()
  }

  setOpen(id: string | null): void {
    this.#data = { ...this.#data, open: id }
    this.#later()
  }

  setLab(id: string, stepsPassed: number, finished: boolean, progress: LabProgress): void {
    this.#data = { ...this.#data, labs: { ...this.#data.labs, [id]: { stepsPassed, finished, progress } } }
    this.#later()
  }

  forget(id: string): void {
    const { [id]: _gone, ...labs } = this.#data.labs
    this.#data = { ...this.#data, labs }
    this.#later()
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#options.readOnly) return
    try {
      writeAtomically(this.#path, JSON.stringify(this.#data, null, 2) + '\n')
    } catch (error) {
      this.#options.onTrouble(`Your progress cannot be written: ${(error as Error).message}`)
    }
  }

  #putAside(): string {
    let aside = `${this.#path}.unreadable`
    for (let n = 2; existsSync(aside); n++) aside = `${this.#path}.unreadable-${n}`
    try {
      if (this.#options.readOnly) throw new Error('another Podhop uses it')
      renameSync(this.#path, aside)
    } catch (error) {
      return `The progress file could not be read: ${(error as Error).message}. Podhop begins with empty progress.`
    }
    return `The progress file could not be read. It is kept as ${aside}; Podhop begins with empty progress.`
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.flush(), DELAY)
  }
}
