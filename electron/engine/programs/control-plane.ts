import { Signal } from '../machine/task.ts'
import type { Program } from '../machine/types.ts'
import { serveApi } from './kube-apiserver/server.ts'
import { klogLine } from './klog.ts'
import type { PartName, SystemServices } from './types.ts'

export const PARTS: readonly PartName[] = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']

/** A program of the control plane: what it does is done while it runs. */
export function controlPlanePart(name: PartName, services: SystemServices): Program {
  return function* (process) {
    const ended = new Signal()
    let lost = false
    let over = false
    const part = services.controlPlane?.start(name, process.argv, () => {
      lost = true
      ended.notify()
    })
    process.onExit(() => part?.stop())
    if (name === 'kube-apiserver') serveApi(process, services)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.onSignal(signal, () => {
        over = true
        ended.notify()
      })
    }
    while (!lost && !over) yield ended.wait
    if (over) return 0
    yield* process.printError(klogLine(process.clock.wall(), 'E', process.pid, name === 'kube-scheduler' ? 'server.go:310' : 'controllermanager.go:362', '"leaderelection lost"'))
    return 1
  }
}
