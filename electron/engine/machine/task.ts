import type { Clock } from '../clock.ts'

/**
 * How simulated programs wait. A program is a generator; where a real one would block in the kernel it yields a
 * {@link Suspension}: a function that gets `wake` and returns what undoes the wait. There are no promises in the
 * engine, so a run is synchronous, deterministic, and a program can be killed at any place where it waits: its
 * `finally` blocks run.
 */
export type Wake = () => void
export type Suspension = (wake: Wake) => (() => void) | void
export type Task<T = void> = Generator<Suspension, T, void>

export function sleep(clock: Clock, ms: number, options?: { background?: boolean }): Suspension {
  return (wake) => {
    const timer = clock.schedule(ms, wake, options)
    return () => clock.cancel(timer)
  }
}

/** Waits until any of the suspensions wakes, and undoes the others. */
export function anyOf(...suspensions: readonly Suspension[]): Suspension {
  return (wake) => {
    let undo: ((() => void) | void)[] | null = []
    const once = (): void => {
      if (!undo) return
      const all = undo
      undo = null
      for (const u of all) u?.()
      wake()
    }
    for (const s of suspensions) {
      if (!undo) break
      const u = s(once)
      if (undo) undo.push(u)
      else u?.()
    }
    return () => {
      const all = undo
      undo = null
      for (const u of all ?? []) u?.()
    }
  }
}

/** A place where tasks wait until somebody notifies. */
export class Signal {
  /** Absent while nobody waits: a cluster has many places, and few are waited at. */
  #waiting: Set<Wake> | undefined

  get wait(): Suspension {
    return (wake) => {
      this.#waiting ??= new Set()
      this.#waiting.add(wake)
      return () => this.#waiting?.delete(wake)
    }
  }

  notify(): void {
    const all = this.#waiting
    if (!all) return
    this.#waiting = undefined
    for (const wake of all) wake()
  }
}

/** What one task at a time may have; those that wait for it get it in the order in which they came. */
export class Turn {
  readonly #waiting: { given: boolean; wake: Wake | undefined }[] = []
  #taken = false

  free(): void {
    const next = this.#waiting.shift()
    this.#taken = next !== undefined
    if (!next) return
    next.given = true
    next.wake?.()
  }

  /** Waits until it is the task's own; who has it gives it back with {@link free}. */
  *take(): Task {
    if (!this.#taken) {
      this.#taken = true
      return
    }
    const mine = { given: false, wake: undefined as Wake | undefined }
    this.#waiting.push(mine)
    let waits = true
    try {
      while (!mine.given) {
        yield (wake) => {
          mine.wake = wake
          return () => (mine.wake = undefined)
        }
      }
      waits = false
    } finally {
      // Killed while it waited, or when the turn had just come to it.
      if (waits && mine.given) this.free()
      else if (waits) this.#waiting.splice(this.#waiting.indexOf(mine), 1)
    }
  }
}

export type Outcome<T> = { kind: 'returned'; value: T } | { kind: 'threw'; error: unknown } | { kind: 'killed' }

/** A task on its way. It runs at once until it first waits; every wake is an event of the clock. */
export class Thread<T> {
  outcome: Outcome<T> | undefined
  #task: Task<T> | undefined
  #clock: Clock
  #undo: (() => void) | void = undefined
  #generation = 0
  #running = false
  #killed = false
  #finished: Signal | undefined
  #onEnd: ((outcome: Outcome<T>) => void) | undefined

  constructor(clock: Clock, task: Task<T>, onEnd?: (outcome: Outcome<T>) => void) {
    this.#clock = clock
    this.#task = task
    this.#onEnd = onEnd
    this.#resume()
  }

  /** Ends the task where it waits; its `finally` blocks run and may not wait. */
  kill(): void {
    if (this.outcome) return
    this.#killed = true
    if (this.#running) return
    this.#generation++
    this.#undo?.()
    this.#undo = undefined
    this.#running = true
    try {
      this.#task?.return(undefined as T)
      this.#end({ kind: 'killed' })
    } catch (error) {
      this.#end({ kind: 'threw', error })
    }
  }

  /** Waits for the end of this thread. */
  *join(): Task<Outcome<T>> {
    while (!this.outcome) yield (this.#finished ??= new Signal()).wait
    return this.outcome
  }

  #resume(): void {
    this.#running = true
    try {
      const next = this.#task!.next()
      this.#running = false
      if (next.done) return this.#end({ kind: 'returned', value: next.value })
      if (this.#killed) return this.kill()
      const generation = ++this.#generation
      this.#undo = next.value(() => {
        if (generation !== this.#generation || this.outcome) return
        this.#generation++
        this.#undo = undefined
        this.#clock.schedule(0, () => {
          if (!this.outcome) this.#resume()
        })
      })
      if (generation !== this.#generation) this.#undo = undefined
    } catch (error) {
      this.#running = false
      this.#end({ kind: 'threw', error })
    }
  }

  #end(outcome: Outcome<T>): void {
    this.outcome = outcome
    // A finished task may still hold on to whatever started it.
    this.#task = undefined
    this.#onEnd?.(outcome)
    this.#finished?.notify()
  }
}
