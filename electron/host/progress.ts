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
  /** By the real clock: ms since 1970 of the first opening and of the finish, seconds with the lab open, how often all was forgotten. */
  times: z.record(z.string(), z.object({ began: z.number(), finished: z.number().optional(), seconds: z.number(), forgotten: z.number() })).optional(),
})
export type LabTimes = NonNullable<z.infer<typeof schema>['times']>[string]
export type ProgressFile = z.infer<typeof schema>

export interface ProgressOptions {
  /** Another process owns the file. */
  readOnly: boolean
  onTrouble(text: string): void
}

/** How long a change may wait before it is on disk, in ms. */
const DELAY = 500

/** After so many seconds in a lab without anything else to write they are written, too. */
const SECONDS = 30

/** What a student has done in all labs; written atomically. A file that cannot be read is put aside, not lost. */
export class ProgressStore {
  readonly #path: string
  readonly #options: ProgressOptions
  #data: ProgressFile
  #timer: NodeJS.Timeout | undefined
  #unwritten = 0
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

  get labIds(): string[] {
    return Object.keys(this.#data.labs)
  }

  times(id: string): LabTimes | undefined {
    return this.#data.times?.[id]
  }

  /** So many seconds more with this lab open. */
  spend(id: string, seconds: number): void {
    const times = this.#timed(id)
    this.#setTimes(id, { ...times, seconds: times.seconds + seconds })
    this.#unwritten += seconds
    if (this.#unwritten >= SECONDS) this.#later()
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
    const times = this.#timed(id)
    this.#setTimes(id, finished && times.finished === undefined ? { ...times, finished: Date.now() } : times)
    this.#later()
  }

  forget(id: string): void {
    const { [id]: _gone, ...labs } = this.#data.labs
    this.#data = { ...this.#data, labs }
    const { finished: _before, ...times } = this.#timed(id)
    this.#setTimes(id, { ...times, forgotten: times.forgotten + 1 })
    this.#later()
  }

  #timed(id: string): LabTimes {
    return this.times(id) ?? { began: Date.now(), seconds: 0, forgotten: 0 }
  }

  #setTimes(id: string, times: LabTimes): void {
    this.#data = { ...this.#data, times: { ...this.#data.times, [id]: times } }
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#unwritten = 0
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
