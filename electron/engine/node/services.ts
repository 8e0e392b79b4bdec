import type { Timer } from '../clock.ts'
import type { Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import type { Machine, SignalName } from '../machine/types.ts'
import type { ServiceProcess } from './processes.ts'

export type ServiceName = 'kubelet' | 'containerd'

/** A unit as systemctl shows it. */
export interface Service {
  readonly name: ServiceName
  readonly description: string
  readonly documentation: string
  /** The unit's file. */
  readonly path: string
  readonly dropIns: readonly string[]
  readonly argv: readonly string[]
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
  /** Ended by itself with status 1. */
  readonly failed: boolean
}

interface Unit {
  name: ServiceName
  since: number
  startedAt: number
  pid: number
  enabled: boolean
  masked: boolean
  killedBy: SignalName | undefined
  failed: boolean
  restart: Timer | undefined
}

/** Of the processes that a node is born with. */
export const FIRST_PIDS = { containerd: 536, kubelet: 645 } as const

const ABOUT = {
  kubelet: {
    description: 'kubelet: The Kubernetes Node Agent', documentation: 'https://kubernetes.io/docs/', path: '/lib/systemd/system/kubelet.service', dropIns: ['/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf'],
    argv: ['/usr/bin/kubelet', '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf', '--kubeconfig=/etc/kubernetes/kubelet.conf', '--config=/var/lib/kubelet/config.yaml', '--container-runtime-endpoint=unix:///run/containerd/containerd.sock', '--pod-infra-container-image=registry.k8s.io/pause:3.10', '--v=2'],
    bornAs: FIRST_PIDS.kubelet, restartAfter: 10_000,
  },
  containerd: {
    description: 'containerd container runtime', documentation: 'https://containerd.io', path: '/lib/systemd/system/containerd.service', dropIns: [] as string[],
    argv: ['/usr/bin/containerd'],
    bornAs: FIRST_PIDS.containerd, restartAfter: 5_000,
  },
} as const

export const SERVICES: readonly ServiceName[] = ['containerd', 'kubelet']

/** systemd of a node, as far as it has to do with Kubernetes: the units kubelet and containerd, with what follows from them. */
export class NodeServices {
  readonly #kubelet: Kubelet
  readonly #machine: Machine
  readonly #onChange: (name: ServiceName, what: 'started' | 'stopped' | 'killed' | 'failed' | 'scheduled') => void
  readonly #units = new Map<ServiceName, Unit>()

  constructor(kubelet: Kubelet, machine: Machine, onChange: (name: ServiceName, what: 'started' | 'stopped' | 'killed' | 'failed' | 'scheduled') => void) {
    this.#kubelet = kubelet
    this.#machine = machine
    this.#onChange = onChange
  }

  get(name: ServiceName): Service {
    const unit = this.#unit(name)
    const about = ABOUT[name]
    const active = this.#isActive(name)
    return {
      ...about, name, active, restarting: !active && unit.restart !== undefined, since: unit.since, startedAt: unit.startedAt, pid: active ? unit.pid : 0, lastPid: unit.pid, killedBy: active ? undefined : unit.killedBy, failed: !active && unit.failed,
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
    // kubelet.service has no Requires=: it starts without containerd, too
    unit.pid = this.#machine.pids.next()
    unit.since = unit.startedAt = this.#machine.clock.now
    unit.killedBy = undefined
    unit.failed = false
    this.#onChange(name, 'started')
    if (name === 'kubelet') this.#kubelet.start()
    else this.#kubelet.setRuntime(true)
    if (this.#isActive(name)) return
    unit.failed = true
    this.#onChange(name, 'failed')
    this.#restartLater(name)
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
      this.#onChange(name, 'scheduled')
      this.start(name)
    }, { background: unit.failed })
  }

  /** The machine was switched off: what comes next is a boot. */
  forget(): void {
    for (const unit of this.#units.values()) this.#machine.clock.cancel(unit.restart)
    const kept = [...this.#units.values()].map(({ name, enabled, masked }) => ({ name, enabled, masked }))
    this.#units.clear()
    const { now } = this.#machine.clock
    for (const each of kept) this.#units.set(each.name, { ...each, since: now, startedAt: now, pid: ABOUT[each.name].bornAs, killedBy: undefined, failed: false, restart: undefined })
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
    if (!unit) this.#units.set(name, (unit = { name, since: 0, startedAt: 0, pid: ABOUT[name].bornAs, enabled: true, masked: false, killedBy: undefined, failed: false, restart: undefined }))
    return unit
  }
}
