import { runHook } from './hooks.ts'
import type { PodWorker } from './pod-worker.ts'
import type { ContainerRecord } from './record.ts'

/** Stops one container of a Pod that goes on: its preStop hook, SIGTERM, SIGKILL when the time is up. */
export function stopContainer(worker: PodWorker, record: ContainerRecord, grace: number): void {
  // what is negative counts as one second
  const graceSeconds = grace < 0 ? 1 : grace
  const { clock } = worker
  const run = record.run!
  const deadline = clock.now + graceSeconds * 1000
  let undo: (() => void) | undefined
  let signalled = false
  const stop = (): void => {
    if (signalled || !run.running) return
    signalled = true
    undo?.()
    run.signal(run.stopSignal)
    clock.schedule(Math.max(2_000, deadline - clock.now), () => {
      if (run.running) run.signal('SIGKILL')
    }, { background: true })
  }
  const hook = record.spec.lifecycle?.preStop
  if (!hook) return stop()
  clock.schedule(graceSeconds * 1000, stop, { background: true })
  const cancel = runHook(worker, record.spec, run, hook, (problem) => {
    undo = undefined
    if (problem !== undefined) worker.event('Warning', 'FailedPreStopHook', 'PreStopHook failed', record)
    stop()
  })
  if (!signalled) undo = cancel
}
