import type { Timer } from '../../clock.ts'
import { runHook } from './hooks.ts'
import type { ContainerRecord } from './record.ts'
import type { PodWorker } from './pod-worker.ts'

/** A Pod on its way out. */
export interface Killing {
  shorten(graceSeconds: number): void
  onExit(record: ContainerRecord): void
  cancel(): void
}

/** containerd takes a moment to take the sandbox down. */
const SANDBOX_DOWN = 50
/** However little is left of the grace period, a container has this long after SIGTERM (minimumGracePeriodInSeconds). */
const LEAST_AFTER_SIGTERM = 2

/** One container on its way out: its hook, its turn, SIGTERM, and SIGKILL when its time is up. */
class Stopping {
  readonly record: ContainerRecord
  readonly run: NonNullable<ContainerRecord['run']>
  readonly #worker: PodWorker
  readonly #mayStop: () => boolean
  #undoHook: (() => void) | undefined
  #hookDone = false
  #signalled = false
  #timer: Timer | undefined
  #deadline: number

  constructor(worker: PodWorker, record: ContainerRecord, deadline: number, mayStop: () => boolean) {
    this.#worker = worker
    this.record = record
    this.run = record.run!
    this.#deadline = deadline
    this.#mayStop = mayStop
    this.#startHook()
    this.#arm()
  }

  /** Sends SIGTERM when the hook is over and it is this container's turn. */
  advance(force = false): void {
    if (this.#signalled || !this.run.running || !(force || (this.#hookDone && this.#mayStop()))) return
    this.#signalled = true
    this.#undoHook?.()
    this.run.signal(this.run.stopSignal)
    this.#arm()
  }

  shorten(deadline: number): void {
    if (deadline >= this.#deadline) return
    this.#deadline = deadline
    this.#arm()
  }

  cancel(): void {
    this.#worker.clock.cancel(this.#timer)
    this.#undoHook?.()
  }

  #startHook(): void {
    const hook = this.record.spec.lifecycle?.preStop
    if (!hook) {
      this.#hookDone = true
      return
    }
    const undo = runHook(this.#worker, this.record.spec, this.run, hook, (problem) => {
      this.#undoHook = undefined
      this.#hookDone = true
      if (problem !== undefined) this.#worker.event('Warning', 'FailedPreStopHook', 'PreStopHook failed', this.record)
      this.advance()
    })
    // the hook may have answered already
    if (!this.#hookDone) this.#undoHook = undo
  }

  #arm(): void {
    const { clock } = this.#worker
    clock.cancel(this.#timer)
    const due = this.#signalled ? Math.max(this.#deadline, clock.now + LEAST_AFTER_SIGTERM * 1000) : this.#deadline
    this.#timer = clock.schedule(due - clock.now, () => {
      if (this.#signalled) this.run.signal('SIGKILL')
      else this.advance(true)
    })
  }
}

/**
 * Ends a Pod as pkg/kubelet/kuberuntime killContainersWithSyncResult: preStop hooks, SIGTERM to all (sidecars after the
 * others, the last one first), SIGKILL when the grace period is over, then the sandbox. `done`: nothing is left.
 */
export function killPod(worker: PodWorker, graceSeconds: number, done: () => void): Killing {
  const { clock } = worker
  const deadline = clock.now + Math.max(1, graceSeconds) * 1000
  let ending: Timer | undefined
  const all: Stopping[] = []

  const finishIfEmpty = (): void => {
    if (worker.records.some((c) => c.run)) return
    ending ??= clock.schedule(SANDBOX_DOWN, done)
  }
  /** A sidecar stops after the Pod's own containers and the sidecars that started after it. */
  const mayStop = (record: ContainerRecord): boolean => {
    if (record.kind !== 'sidecar') return true
    const later = worker.init.slice(worker.init.indexOf(record) + 1).filter((c) => c.kind === 'sidecar')
    return [...worker.main, ...later].every((c) => !c.run?.running)
  }

  worker.stopProbes('startup')
  for (const record of worker.records) {
    if (!record.run?.running) continue
    worker.event('Normal', 'Killing', `Stopping container ${record.spec.name}`, record)
    all.push(new Stopping(worker, record, deadline, () => mayStop(record)))
  }
  for (const each of all) each.advance()
  finishIfEmpty()

  return {
    shorten(seconds) {
      for (const each of all) if (each.run.running) each.shorten(clock.now + Math.max(1, seconds) * 1000)
    },
    onExit(record) {
      all.find((each) => each.record === record)?.cancel()
      for (const each of all) each.advance()
      finishIfEmpty()
    },
    cancel() {
      clock.cancel(ending)
      for (const each of all) each.cancel()
    },
  }
}
