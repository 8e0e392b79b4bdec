import type { Timer } from '../clock.ts'
import type { Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import type { Machine, SignalName } from '../machine/types.ts'
import { USUAL_COMMAND } from '../kubernetes/kubelet/configuration.ts'
import type { MemoryFilesystem } from '../machine/filesystem.ts'
import { KUBELET_UNIT, KubeletUnit } from './kubelet-unit.ts'
import type { ServiceProcess } from './processes.ts'

export type ServiceName = 'kubelet' | 'containerd'
export type ServiceChange = 'started' | 'stopped' | 'killed' | 'failed' | 'scheduled'

/** A unit as systemctl shows it. */
export interface Service {
  readonly name: ServiceName
  readonly description: string
  readonly documentation: string
  /** The unit's file. */
  readonly path: string
  readonly dropIns: readonly string[]
  readonly argv: readonly string[]
  /** The ExecStart of its unit. */
  readonly written: string
  readonly active: boolean
  /** Waits for its restart. */
  readonly restarting: boolean
  /** Virtual ms of the last change. */
  readonly since: number
  /** When it was started last. */
  readonly startedAt: number
  /** 0 while it has no process. */
  readonly pid: number
  readonly lastPid: number
  /** Starts at boot. */
  enabled: boolean
  masked: boolean
  /** Ended by a signal that nobody had systemd send. */
  readonly killedBy: SignalName | undefined
  /** Ended by itself, with status 1; 'exec': systemd could not execute it. */
  readonly failed: boolean | 'exec'
  /** How often systemd has started it again since somebody did. */
  readonly restarts: number
  /** Its files say something else than what systemd has loaded. */
  readonly stale: boolean
}

interface Unit {
  name: ServiceName
  since: number
  startedAt: number
  pid: number
  enabled: boolean
  masked: boolean
  killedBy: SignalName | undefined
  failed: boolean | 'exec'
  restarts: number
  /** Of the process that runs, or ran last. */
  argv: readonly string[]
  restart: Timer | undefined
}

/** Of the processes that a node is born with. */
export const FIRST_PIDS = { containerd: 536, kubelet: 645 } as const

const ABOUT = {
  kubelet: {
    description: 'kubelet: The Kubernetes Node Agent', documentation: 'https://kubernetes.io/docs/', path: KUBELET_UNIT,
    argv: USUAL_COMMAND,
    bornAs: FIRST_PIDS.kubelet, restartAfter: 10_000,
  },
  containerd: {
    description: 'containerd container runtime', documentation: 'https://containerd.io', path: '/lib/systemd/system/containerd.service',
    argv: ['/usr/bin/containerd'],
    bornAs: FIRST_PIDS.containerd, restartAfter: 5_000,
  },
} as const

export const SERVICES: readonly ServiceName[] = ['containerd', 'kubelet']

/** systemd of a node, as far as it has to do with Kubernetes: the units kubelet and containerd, with what follows from them. */
export class NodeServices {
  readonly #kubelet: Kubelet
  readonly #machine: Machine
  readonly #onChange: (name: ServiceName, what: ServiceChange) => void
  #kubeletUnit: KubeletUnit | undefined
  readonly #units = new Map<ServiceName, Unit>()

  constructor(kubelet: Kubelet, machine: Machine, onChange: (name: ServiceName, what: ServiceChange) => void) {
    this.#kubelet = kubelet
    this.#machine = machine
    this.#onChange = onChange
  }

  get(name: ServiceName): Service {
    const unit = this.#unit(name)
    const about = ABOUT[name]
    const active = this.#isActive(name)
    const file = name === 'kubelet' ? this.#file : undefined
    return {
      ...about, dropIns: file?.dropIns() ?? [], written: file?.command().written ?? about.argv[0], stale: file?.isStale ?? false, restarts: unit.restarts, argv: unit.argv, name, active, restarting: !active && unit.restart !== undefined, since: unit.since, startedAt: unit.startedAt, pid: active ? unit.pid : 0, lastPid: unit.pid, killedBy: active ? undefined : unit.killedBy, failed: !active && unit.failed,
      get enabled() { return unit.enabled },
      set enabled(value) { unit.enabled = value },
      get masked() { return unit.masked },
      set masked(value) { unit.masked = value },
    }
  }

  /** The number of its process, also of the last one. */
  lastPid(name: ServiceName): number {
    return this.#units.get(name)?.pid ?? ABOUT[name].bornAs
  }

  *processes(): Iterable<ServiceProcess> {
    for (const name of SERVICES) {
      const { active, pid, argv, startedAt } = this.get(name)
      if (active) yield { pid, argv, startedAt, kill: (signal) => this.kill(name, signal) }
    }
  }

  start(name: ServiceName): void {
    const unit = this.#unit(name)
    this.#machine.clock.cancel(unit.restart)
    unit.restart = undefined
    if (this.#isActive(name)) return
    unit.restarts = 0
    this.#launch(name)
  }

  /** The machine boots: the units are read, and those that are enabled start. */
  boot(): void {
    this.#kubeletUnit?.reload()
    const unit = this.#unit('kubelet')
    if (!unit.enabled) return
    const { argv } = this.#file.command()
    unit.argv = argv
    unit.since = unit.startedAt = this.#machine.clock.now
    this.#kubelet.start(argv)
    if (!this.#isActive('kubelet')) this.#launch('kubelet')
  }

  /** systemctl daemon-reload */
  reload(): void {
    this.#file.reload()
  }

  get #file(): KubeletUnit {
    return (this.#kubeletUnit ??= new KubeletUnit((this.#machine as Machine & { fs: MemoryFilesystem }).fs))
  }

  #launch(name: ServiceName): void {
    const unit = this.#unit(name)
    unit.pid = this.#machine.pids.next()
    unit.since = unit.startedAt = this.#machine.clock.now
    unit.killedBy = undefined
    unit.failed = false
    this.#onChange(name, 'started')
    const executed = name !== 'kubelet' || this.#run(unit)
    if (name !== 'kubelet') this.#kubelet.setRuntime(true)
    if (this.#isActive(name)) return
    unit.failed = executed ? true : 'exec'
    this.#onChange(name, 'failed')
    this.#restartLater(name)
  }

  /** False: what its unit says is not there. */
  #run(unit: Unit): boolean {
    const { argv } = this.#file.command()
    unit.argv = argv
    if (!this.#file.canExecute(argv[0] ?? '')) return false
    this.#kubelet.start(argv)
    return true
  }

  stop(name: ServiceName): void {
    const unit = this.#unit(name)
    this.#machine.clock.cancel(unit.restart)
    unit.restart = undefined
    if (!this.#isActive(name)) return
    this.#end(name)
    this.#onChange(name, 'stopped')
  }

  /** Somebody sent its process a signal: both units say Restart=always. */
  kill(name: ServiceName, signal: SignalName): void {
    const unit = this.#unit(name)
    if (!this.#isActive(name) || !['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGQUIT', 'SIGHUP'].includes(signal)) return
    if (signal === 'SIGHUP' && name === 'containerd') return
    this.#end(name)
    unit.killedBy = signal
    this.#onChange(name, 'killed')
    this.#restartLater(name)
  }

  #restartLater(name: ServiceName): void {
    const unit = this.#unit(name)
    unit.restart = this.#machine.clock.schedule(ABOUT[name].restartAfter, () => {
      unit.restart = undefined
      unit.restarts++
      this.#onChange(name, 'scheduled')
      this.#launch(name)
    }, { background: unit.failed !== false })
  }

  /** The machine was switched off: what comes next is a boot. */
  forget(): void {
    for (const unit of this.#units.values()) this.#machine.clock.cancel(unit.restart)
    const kept = [...this.#units.values()].map(({ name, enabled, masked }) => ({ name, enabled, masked }))
    this.#units.clear()
    const { now } = this.#machine.clock
    for (const each of kept) this.#units.set(each.name, { ...each, since: now, startedAt: now, pid: ABOUT[each.name].bornAs, killedBy: undefined, failed: false, restarts: 0, argv: ABOUT[each.name].argv, restart: undefined })
  }

  #end(name: ServiceName): void {
    const unit = this.#unit(name)
    unit.since = this.#machine.clock.now
    if (name === 'kubelet') this.#kubelet.stop()
    else this.#kubelet.setRuntime(false)
  }

  #isActive(name: ServiceName): boolean {
    return name === 'kubelet' ? !this.#kubelet.stopped : this.#kubelet.runtimeDown === undefined
  }

  #unit(name: ServiceName): Unit {
    let unit = this.#units.get(name)
    if (!unit) this.#units.set(name, (unit = { name, since: 0, startedAt: 0, pid: ABOUT[name].bornAs, enabled: true, masked: false, killedBy: undefined, failed: false, restarts: 0, argv: ABOUT[name].argv, restart: undefined }))
    return unit
  }
}
