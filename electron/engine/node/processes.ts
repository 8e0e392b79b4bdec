import { entryOf } from '../machine/process-entry.ts'
import type { Machine, Process, ProcessEntry, SignalName } from '../machine/types.ts'
import type { NodeRuntime } from './runtime.ts'
import { SSHD_PID } from './sshd.ts'

/** What systemd starts on a node besides what Podhop simulates. */
const SYSTEM: readonly { pid: number; argv: readonly string[]; user?: string }[] = [
  { pid: 1, argv: ['/lib/systemd/systemd', '--system', '--deserialize=35'] },
  { pid: 219, argv: ['/lib/systemd/systemd-journald'] },
  { pid: 244, argv: ['/lib/systemd/systemd-udevd'] },
  { pid: 318, argv: ['/lib/systemd/systemd-timesyncd'], user: 'systemd+' },
  { pid: 391, argv: ['/usr/sbin/cron', '-f'] },
  { pid: 392, argv: ['/usr/bin/dbus-daemon', '--system', '--address=systemd:', '--nofork', '--nopidfile', '--systemd-activation', '--syslog-only'], user: 'message+' },
  { pid: 397, argv: ['/lib/systemd/systemd-logind'] },
  { pid: SSHD_PID, argv: ['sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups'] },
]

/** A service of the node that has a process: kubelet, containerd. */
export interface ServiceProcess {
  readonly pid: number
  readonly argv: readonly string[]
  /** Virtual ms. */
  readonly startedAt: number
  kill(signal: SignalName): void
}

/**
 * The node's own numbers for everything that runs on it: they are given out when somebody looks, so that a node that nobody
 * visits holds none.
 */
export class NodeProcesses {
  readonly #machine: Machine
  readonly #runtime: NodeRuntime
  readonly #services: () => Iterable<ServiceProcess>
  readonly #pids = new WeakMap<object, number>()

  constructor(machine: Machine, runtime: NodeRuntime, services: () => Iterable<ServiceProcess>) {
    this.#machine = machine
    this.#runtime = runtime
    this.#services = services
  }

  *entries(): Iterable<ProcessEntry> {
    const machine = this.#machine
    const root = { uid: 0, gid: 0, name: 'root' }
    const own = (pid: number, ppid: number, argv: readonly string[], name: string, startedAt: number, kill: (signal: SignalName) => void): ProcessEntry =>
      ({ pid, ppid, argv, user: name === 'root' ? root : { uid: 100, gid: 100, name }, startedAt, stopped: false, tty: '?', machine, network: machine.network, signal: kill })
    for (const { pid, argv, user } of SYSTEM) yield own(pid, pid === 1 ? 0 : 1, argv, user ?? 'root', 0, () => undefined)
    for (const service of this.#services()) yield own(service.pid, 1, service.argv, 'root', service.startedAt, (signal) => service.kill(signal))
    for (const sandbox of this.#runtime.sandboxes().reverse()) {
      const { pause } = sandbox
      if (!pause) continue
      const shim = this.#number(pause)
      yield own(shim, 1, ['/usr/bin/containerd-shim-runc-v2', '-namespace', 'k8s.io', '-id', sandbox.id, '-address', '/run/containerd/containerd.sock'], 'root', pause.startedAt, () => this.#runtime.stopSandbox(sandbox))
      yield* this.#within(pause.machine, shim)
    }
    for (const { run, sandbox } of this.#runtime.containers().reverse()) {
      // with hostPID its processes are among the node's already
      if (run && run.machine.pids.processes !== machine.processes && sandbox.pause && (run.machine.pids.processes !== sandbox.pause.machine.processes)) yield* this.#within(run.machine, this.#number(sandbox.pause))
    }
  }

  /** The node's number of a process that runs in a Pod; 0 for one that is not there. */
  pidOf(process: Process): number {
    if (process.machine.pids.processes === this.#machine.processes) return process.pid
    return this.#number(process)
  }

  *#within(container: Machine, shim: number): Iterable<ProcessEntry> {
    for (const process of container.processes.values()) {
      const entry = entryOf(process, this.#number(process), process.parent ? this.#number(process.parent) : shim)
      yield { ...entry, user: { ...entry.user, name: entry.user.uid === 0 ? 'root' : String(entry.user.uid) } }
    }
  }

  #number(what: object): number {
    let pid = this.#pids.get(what)
    if (pid === undefined) this.#pids.set(what, (pid = this.#machine.pids.next()))
    return pid
  }
}
