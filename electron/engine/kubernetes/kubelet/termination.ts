import type { Timer } from '../../clock.ts'
import type { ContainerRecord } from './record.ts'
import type { PodWorker } from './pod-worker.ts'
import { probeOnce } from './prober.ts'
import { runInContainer } from './run-command.ts'

/** A Pod on its way out. */
export interface Killing {
  shorten(graceSeconds: number): void
  onExit(record: ContainerRecord): void
  cancel(): void
}

/** containerd takes a moment to take the sandbox down. */
const SANDBOX_DOWN = 50
/** A grace period of 0 still leaves a container this long (pkg/kubelet minimumGracePeriodInSeconds). */
const LEAST_GRACE = 1

/**
 * Ends a Pod as pkg/kubelet/kuberuntime killContainersWithSyncResult: preStop hooks, SIGTERM to all, SIGKILL when the
 * grace period is over, then the sandbox. `done` is called when nothing is left.
 */
export function killPod(worker: PodWorker, graceSeconds: number, done: () => void): Killing {
  const { clock } = worker
  const began = clock.now
  const undo: (() => void)[] = []
  let deadline = began + Math.max(LEAST_GRACE, graceSeconds) * 1000
  let timer: Timer | undefined
  let ending: Timer | undefined

  const running = (): ContainerRecord[] => worker.records.filter((c) => c.run?.running)
  const finishIfEmpty = (): void => {
    if (worker.records.some((c) => c.run)) return
    clock.cancel(timer)
    ending ??= clock.schedule(SANDBOX_DOWN, done)
  }
  const killAll = (): void => {
    for (const c of running()) c.run!.signal('SIGKILL')
  }
  const arm = (): void => {
    clock.cancel(timer)
    timer = clock.schedule(deadline - clock.now, killAll)
  }

  worker.stopProbes()
  for (const c of running()) {
    const run = c.run!
    worker.event('Normal', 'Killing', `Stopping container ${c.spec.name}`, c)
    const stop = (): void => {
      if (run.running) run.signal(run.stopSignal)
    }
    const hook = c.spec.lifecycle?.preStop
    const failed = (message: string): void => worker.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`, c)
    if (hook?.exec) {
      undo.push(runInContainer(clock, run, hook.exec.command ?? [], (result) => {
        if ('error' in result) failed(result.error)
        else if (result.code !== 0) failed(`command '${hook.exec!.command!.join(' ')}' exited with ${result.code}: ${result.output}`)
        stop()
      }))
    } else if (hook?.httpGet || hook?.tcpSocket) {
      undo.push(probeOnce(clock, worker.host.context.network, worker.pod, c.spec, run, hook, deadline - clock.now, (result) => {
        if (!result.ok) failed(result.message)
        stop()
      }))
    } else if ((hook as { sleep?: { seconds: number } } | undefined)?.sleep) {
      const nap = clock.schedule((hook as { sleep: { seconds: number } }).sleep.seconds * 1000, stop)
      undo.push(() => clock.cancel(nap))
    } else stop()
  }
  if (running().length > 0) arm()
  finishIfEmpty()

  return {
    shorten(seconds) {
      const earlier = clock.now + Math.max(LEAST_GRACE, seconds) * 1000
      if (earlier >= deadline || ending) return
      deadline = earlier
      arm()
    },
    onExit: finishIfEmpty,
    cancel() {
      clock.cancel(timer)
      clock.cancel(ending)
      for (const each of undo) each()
    },
  }
}
