import { quote } from '../json.ts'
import type { Container } from '../types.ts'
import type { ContainerRun } from './container.ts'
import { podText } from './host.ts'
import type { PodWorker } from './pod-worker.ts'
import { sendHook } from './prober.ts'
import { runInContainer } from './run-command.ts'

type Handler = NonNullable<NonNullable<Container['lifecycle']>['preStop']>

/**
 * Runs a container's lifecycle hook (pkg/kubelet/lifecycle handlers.go); answers once, with what went wrong or
 * undefined, unless it is undone first. Returns what undoes it.
 */
export function runHook(worker: PodWorker, container: Container, run: ContainerRun, handler: Handler, done: (problem: string | undefined) => void): () => void {
  const { clock } = worker
  const where = `for Container ${quote(container.name)} in Pod ${quote(podText(worker.pod))} failed - error:`
  if (handler.exec) {
    const command = handler.exec.command ?? []
    return runInContainer(clock, run, command, (result) => {
      const what = `Exec lifecycle hook ([${command.join(' ')}]) ${where}`
      if ('error' in result) done(`${what} ${result.error}, message: ""`)
      else if (result.code !== 0) done(`${what} command '${command.join(' ')}' exited with ${result.code}: ${result.output}, message: ${quote(result.output)}`)
      else done(undefined)
    })
  }
  if (handler.httpGet) {
    const { httpGet } = handler
    return sendHook(clock, worker.host.context.network, worker.sandbox?.ips[0] ?? '', container, httpGet, (error) => {
      done(error === undefined ? undefined : `HTTP lifecycle hook (${httpGet.path ?? ''}) ${where} ${error}`)
    })
  }
  if (handler.sleep) {
    const timer = clock.schedule(handler.sleep.seconds * 1000, () => done(undefined))
    return () => clock.cancel(timer)
  }
  // What the API takes and the kubelet has no code for: tcpSocket.
  done('Cannot run handler: invalid handler: &LifecycleHandler{}')
  return () => undefined
}
