import { sleep, type Task } from '../../machine/task.ts'
import type { ExitStatus } from '../../machine/types.ts'
import { timestamp } from '../human-duration.ts'
import { ContainerRun, CreateError, StartError } from './container.ts'
import { environmentIn, PodContainerSetup, surroundingsNow } from './container-setup.ts'
import { ConfigError } from './environment.ts'
import { goDuration } from './go-duration.ts'
import { runHook } from './hooks.ts'
import { podText } from './host.ts'
import { PullError } from './image-manager.ts'
import { startProbes } from './pod-probes.ts'
import type { PodWorker } from './pod-worker.ts'
import { RELIST } from './relist.ts'
import type { ContainerRecord } from './record.ts'
import { containerUser, verifyNonRoot } from './security.ts'
import { stopContainer } from './kill-container.ts'

/** What containerd takes, in virtual ms. */
const LATENCY = { create: 40, start: 60 }
/** Of a termination message: from the file, from the log (pkg/kubelet/container MaxContainerTerminationMessage…). */
const MESSAGE = { bytes: 4096, logLines: 80, logBytes: 2048 }

/** Starts a container, unless it has to wait for its back-off: kuberuntime startContainer. */
export function* startDue(worker: PodWorker, c: ContainerRecord): Task {
  const { wait, delay } = c.backOff(worker.clock.now)
  const ended = c.lastEnd
  if (ended && wait > 0) {
    const text = `restarting failed container=${c.spec.name} pod=${podText(worker.pod)}`
    waits(worker, c, 'CrashLoopBackOff', `back-off ${goDuration(delay)} ${text}`)
    worker.event('Warning', 'BackOff', `Back-off restarting failed container ${c.spec.name} in pod ${podText(worker.pod)}`, c)
    return worker.resyncLater()
  }
  if (ended) c.raiseBackOff(worker.clock.now)
  try {
    const image = yield* worker.host.images.ensure(worker.pod, c.spec, (type, reason, message) => {
      worker.event(type, reason, message, c)
      if (reason === 'Pulling') worker.host.changed(worker)
    })
    yield* runContainer(worker, c, image)
  } catch (error) {
    onStartFailed(worker, c, error)
  }
}

function waits(worker: PodWorker, c: ContainerRecord, reason: string, message: string): void {
  if (c.terminated) c.last = c.terminated
  c.state = { waiting: { reason, message } }
  worker.host.changed(worker)
}

function onStartFailed(worker: PodWorker, c: ContainerRecord, error: unknown): void {
  if (error instanceof PullError) {
    worker.event('Warning', 'Failed', `Error: ${error.reason}`, c)
    waits(worker, c, error.reason, error.message)
    // the first look comes with the news that the sandbox stands
    if (error.isFirst) worker.later(RELIST, false)
    worker.resyncLater()
  } else if (error instanceof ConfigError || error instanceof CreateError) {
    worker.event('Warning', 'Failed', `Error: ${error.message}`, c)
    waits(worker, c, error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError', error.message)
    worker.resyncLater()
  } else throw error
}

function* runContainer(worker: PodWorker, c: ContainerRecord, image: ContainerRun['image']): Task {
  const { host, pod, clock } = worker
  const surroundings = surroundingsNow(worker, c, image)
  verifyNonRoot(pod, c.spec, image)
  worker.volumes.checkSubPaths(c.spec, () => environmentIn(surroundings, worker, c.spec, image, worker.ips))
  c.image = image
  yield sleep(clock, LATENCY.create)
  worker.event('Normal', 'Created', `Created container: ${c.spec.name}`, c)
  yield sleep(clock, LATENCY.start)
  if (c.lastEnd || c.ran) c.restarts++
  c.previousLog = c.log
  const id = host.random.hex(64)
  try {
    c.run = new ContainerRun(new PodContainerSetup(worker, c, image, id, surroundings, onExit))
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return onRunFailed(worker, c, id, error)
  }
  if (c.terminated) c.last = c.terminated
  c.ran = true
  c.user = containerUser(pod, c.run.user)
  c.state = { running: { startedAt: timestamp(clock.wall()) } }
  worker.event('Normal', 'Started', `Started container ${c.spec.name}`, c)
  if (c.kind !== 'ephemeral') {
    const hook = c.spec.lifecycle?.postStart
    if (hook && !(yield* postStart(worker, c, hook))) return
    if (c.run?.running) startProbes(worker, c)
  }
  host.changed(worker)
}

/** The container is there and has nothing to run. */
function onRunFailed(worker: PodWorker, c: ContainerRecord, id: string, error: StartError): void {
  const { clock } = worker
  worker.event('Warning', 'Failed', `Error: ${error.message}`, c)
  c.ran = true
  c.run = undefined
  c.finishedAt = clock.now
  c.state = { terminated: { exitCode: 128, reason: 'StartError', message: error.message, startedAt: '1970-01-01T00:00:00Z', finishedAt: timestamp(clock.wall()), containerID: `containerd://${id}` } }
  if (worker.mayRestart(c)) waits(worker, c, 'RunContainerError', error.message)
  worker.exited(c)
}

/** The kubelet waits for the hook; what fails it costs the container. True: the container stands. */
function* postStart(worker: PodWorker, c: ContainerRecord, hook: Parameters<typeof runHook>[3]): Task<boolean> {
  const run = c.run!
  const state = c.state
  // until the hook is over the Pod's status is not looked at
  c.state = { waiting: { reason: worker.init.length > 0 ? 'PodInitializing' : 'ContainerCreating' } }
  let answer: { problem: string | undefined } | undefined
  try {
    yield (wake) => {
      const undo = runHook(worker, c.spec, run, hook, (problem) => {
        answer = { problem }
        wake()
      })
      run.process.onExit(wake)
      return undo
    }
  } finally {
    if (c.run === run && run.running) c.state = state
  }
  if (c.run !== run || !run.running) return false
  if (answer?.problem === undefined) return true
  worker.event('Warning', 'FailedPostStartHook', 'PostStartHook failed', c)
  worker.event('Normal', 'Killing', 'FailedPostStartHook', c)
  c.hookProblem = answer.problem
  stopContainer(worker, c, worker.pod.spec.terminationGracePeriodSeconds ?? 30)
  return false
}

function onExit(worker: PodWorker, c: ContainerRecord, status: ExitStatus): void {
  const { clock } = worker
  const run = c.run!
  c.stopProbes()
  c.ready = false
  c.started = false
  c.finishedAt = clock.now
  c.noteRun(clock.now - run.startedAt)
  const message = terminationMessage(c, run, status.code)
  c.state = {
    terminated: {
      exitCode: status.code,
      reason: run.machine.memory?.oomKilled ? 'OOMKilled' : status.code === 0 ? 'Completed' : 'Error',
      ...(message ? { message } : {}),
      startedAt: timestamp(clock.epoch + run.startedAt),
      finishedAt: timestamp(clock.wall()),
      containerID: `containerd://${run.id}`,
    },
  }
  c.endRun()
  if (c.hookProblem !== undefined) {
    if (worker.mayRestart(c)) waits(worker, c, 'PostStartHookError', c.hookProblem)
    c.hookProblem = undefined
  }
  worker.exited(c)
}

/** What the program left in its file, else (if so wished) the end of its log. */
function terminationMessage(c: ContainerRecord, run: ContainerRun, code: number): string {
  const { fs } = run.machine
  const path = c.spec.terminationMessagePath ?? '/dev/termination-log'
  const written = fs.exists(path) && fs.stat(path).type === 'file' ? fs.readText(path).slice(0, MESSAGE.bytes) : ''
  if (written) return written
  return c.spec.terminationMessagePolicy === 'FallbackToLogsOnError' && code !== 0 ? run.log.tail(MESSAGE.logLines, MESSAGE.logBytes) : ''
}

