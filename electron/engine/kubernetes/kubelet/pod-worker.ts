import { Thread, type Task } from '../../machine/task.ts'
import type { Timer } from '../../clock.ts'
import type { Random } from '../../random.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { Container, Pod } from '../types.ts'
import { startDue } from './container-start.ts'
import { Deadline } from './deadline.ts'
import { factsFor, type PodHost } from './host.ts'
import { podStatus, phaseOf } from './pod-status.ts'
import { stopContainer } from './kill-container.ts'
import { ContainerRecord } from './record.ts'
import type { PodSandbox } from './sandbox.ts'
import { setUpSandbox } from './sandbox-setup.ts'
import { killPod, type Killing } from './termination.ts'
import { PodVolumes } from './volumes.ts'
import { RELIST } from './relist.ts'

/** Of volumes: volume/util exponentialbackoff. */
const MOUNT_RETRY = { first: 500, most: 122_000 }
/** After a look that ended with an error (a sandbox that cannot be made, a container in back-off) comes the next: backOffPeriod, with up to half of it besides. */
const RESYNC = { least: 10_000, jitter: 5_000 }
/** The same where the network is not ready: backOffOnTransientErrorPeriod. */
const NETWORK_RESYNC = { least: 1_000, jitter: 500 }

/** The volume manager's loop: pkg/kubelet/volumemanager reconcilerLoopSleepPeriod. */
const REMOUNT = 100

const aboutItself = ({ metadata: { labels, annotations } }: Pod): object => ({ labels, annotations })

type Verdict = { reason: string; message: string }

/** One Pod on its node: pkg/kubelet pod_workers.go, kuberuntime SyncPod. */
export class PodWorker {
  readonly host: PodHost
  pod: Pod
  readonly init: readonly ContainerRecord[]
  readonly main: readonly ContainerRecord[]
  ephemeral: readonly ContainerRecord[] = []
  sandbox: PodSandbox | undefined
  readonly volumes: PodVolumes
  /** How many sandboxes it has had: the attempt of the one that it has is one less. */
  sandboxes = 0
  /** Why the kubelet itself failed the Pod (DeadlineExceeded). */
  verdict: Verdict | undefined
  readonly startTime: string
  /** Why the resources that were asked for last cannot be had: the condition PodResizePending. */
  resizeProblem: string | undefined
  #thread: Thread<void> | undefined
  #again = false
  #killing: Killing | undefined
  #deleted = false
  #initialized = false
  /** Its sandbox could not be made, and it was tried again. */
  #tried = false
  #mountRetry = MOUNT_RETRY.first
  #over = false
  #lost = false
  #deadline: Deadline | undefined
  #resync: Timer | undefined
  #jitter: Random | undefined
  #lastIps: readonly string[] = []

  constructor(host: PodHost, pod: Pod) {
    this.host = host
    this.pod = pod
    this.init = (pod.spec.initContainers ?? []).map((c) => new ContainerRecord(c, (c as { restartPolicy?: string }).restartPolicy === 'Always' ? 'sidecar' : 'init'))
    this.main = pod.spec.containers.map((c) => new ContainerRecord(c, 'main'))
    if (this.init.length > 0) for (const c of [...this.init, ...this.main]) c.state = { waiting: { reason: 'PodInitializing' } }
    this.volumes = new PodVolumes(this)
    this.startTime = pod.status.startTime ?? timestamp(this.clock.wall())
    this.#takeSpec(pod)
    host.changed(this)
    this.wake()
  }

  get clock(): PodHost['context']['clock'] {
    return this.host.context.clock
  }

  get records(): ContainerRecord[] {
    return [...this.init, ...this.main, ...this.ephemeral]
  }

  /** Its containers are being stopped for good. */
  get terminating(): boolean {
    return this.#killing !== undefined
  }

  /** Nothing of it runs any more, nor will. */
  /** Nothing of it runs any more, for good: what it had of the node others may have (IsPodKnownTerminated), before the API knows that it is gone. */
  get ended(): boolean {
    return this.#over || (this.terminating && this.records.every((c) => !c.run))
  }

  get over(): boolean {
    return this.#over
  }

  get ips(): readonly string[] {
    return this.sandbox?.ips ?? this.#lastIps
  }

  record(name: string): ContainerRecord | undefined {
    return this.records.find((c) => c.spec.name === name)
  }

  /** The API has a new version of the Pod. */
  update(pod: Pod): void {
    const before = this.pod
    this.pod = pod
    if (pod.spec !== before.spec) this.#takeSpec(pod)
    if (pod.spec.readinessGates?.length) this.host.changed(this)
    // a look at its volumes, too: of what they say of the Pod itself, and of ConfigMaps before their time
    if (!this.volumes.onlyTokens && !deepEqual(aboutItself(pod), aboutItself(before))) this.clock.schedule(REMOUNT, () => this.refreshVolumes(), { background: true })
    if (!pod.metadata.deletionTimestamp) return
    this.terminate(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30)
  }

  /** Looks at what is to do, in an event of its own. */
  wake(): void {
    if (this.terminating || this.#over || this.#lost || this.host.idle) return
    this.#again = true
    if (this.#thread) return
    this.clock.schedule(0, () => this.#start())
  }

  later(delay: number, background: boolean): void {
    this.clock.schedule(delay, () => this.wake(), { background })
  }

  /** completeWork of pod_workers.go: the queue has a Pod once, whatever of it failed. */
  resyncLater({ least, jitter } = RESYNC, background = true): void {
    this.#jitter ??= this.clock.random.fork(`resync ${this.pod.metadata.uid}`)
    this.clock.cancel(this.#resync)
    this.#resync = this.clock.schedule(Math.round(least + this.#jitter.float() * jitter), () => this.wake(), { background })
  }

  /** There is no sandbox yet. Who waits for a cluster waits for the second try, too. */
  #sandboxLater(period: typeof RESYNC): void {
    this.resyncLater(period, this.#tried)
    this.#tried = true
  }

  /** The Pod is being deleted. */
  terminate(graceSeconds: number): void {
    this.#deleted = true
    // nobody kills containers without containerd: when it is back
    if (this.host.runtimeDown !== undefined && !this.#over) return
    if (this.#over) return this.host.finished(this)
    // calculateEffectiveGracePeriod: at least a second, in which preStop hooks run also of Pods that ask for none
    const grace = Math.max(1, graceSeconds)
    if (this.#killing) return this.#killing.shorten(grace)
    this.#end(grace)
  }

  /** The machine lost its power: everything stops at once, and nobody is told. */
  loseNode(): void {
    this.#stopThread()
    this.#killing?.cancel()
    this.#killing = undefined
    this.#deadline?.cancel()
    if (this.#over) return
    this.#lost = true
    for (const c of this.records) {
      c.stopProbes()
      c.halt()
    }
    this.#lastIps = this.ips
    this.sandbox?.destroy()
    this.sandbox = undefined
  }

  /** containerd stopped its sandbox, and somebody else had told it to: PodSandboxChanged, at the kubelet's next look. */
  loseSandbox(): void {
    if (!this.sandbox || this.#over) return
    this.#stopThread()
    this.#initialized = false
    this.stopProbes()
    this.#lastIps = this.ips
    const { sandbox } = this
    this.sandbox = undefined
    for (const c of this.records) {
      c.run?.signal('SIGKILL')
      if (c.kind === 'init' && !c.run) c.lose(timestamp(this.clock.wall()))
    }
    sandbox.destroy()
    this.clock.schedule(RELIST, () => {
      if (this.terminating || this.#over || this.#lost || this.host.idle) return
      this.event('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      this.wake()
    })
  }

  /** The kubelet runs again, perhaps on a machine that was restarted: pkg/kubelet/kuberuntime PodSandboxChanged. */
  resume(): void {
    if (this.#lost) {
      this.#lost = false
      this.#initialized = false
      this.volumes.forget()
      for (const c of this.records) c.lose(timestamp(this.clock.wall()))
      if (this.#isComplete()) this.#release()
      else if (!this.terminating) this.event('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
    }
    this.#watchDeadline()
    this.host.changed(this)
    if (this.pod.metadata.deletionTimestamp || this.#deleted) this.terminate(this.pod.metadata.deletionGracePeriodSeconds ?? 30)
    else this.wake()
  }

  /** Liveness and startup probes end first; readiness is asked as long as something runs. */
  stopProbes(which: 'all' | 'startup' = 'all'): void {
    for (const c of this.records) c.stopProbes(which)
  }

  refreshVolumes(): void {
    if (this.#over || this.#lost || this.host.idle) return
    this.volumes.refresh(this.pod, factsFor(this.host, this.ips))
  }

  status(): Pod['status'] {
    return podStatus(this)
  }

  event(type: 'Normal' | 'Warning', reason: string, message: string, record?: ContainerRecord): void {
    this.host.events.event(this.pod, type, reason, message, record ? { fieldPath: record.fieldPath() } : undefined)
  }

  /** Ends a container that has to be replaced; the restart policy decides what follows. */
  kill(record: ContainerRecord, why: string, graceSeconds?: number): void {
    if (!record.run?.running || this.terminating) return
    this.event('Normal', 'Killing', `Container ${record.spec.name} ${why}${this.mayRestart(record) ? ', will be restarted' : ''}`, record)
    record.stopProbes()
    stopContainer(this, record, graceSeconds ?? this.pod.spec.terminationGracePeriodSeconds ?? 30)
  }

  mayRestart(c: ContainerRecord): boolean {
    const policy = this.pod.spec.restartPolicy ?? 'Always'
    if (c.kind === 'ephemeral') return false
    if (c.kind === 'sidecar') return !this.#mainIsDone()
    if (c.kind === 'init') return policy !== 'Never'
    return policy === 'Always' || (policy === 'OnFailure' && !c.succeeded)
  }

  /** A container's first process ended, and the record says so. */
  exited(c: ContainerRecord): void {
    this.#killing?.onExit(c)
    if (this.#over || this.#lost) return
    if (this.host.runtimeDown === undefined) this.host.changed(this)
    if (this.terminating || this.host.idle) return
    if (this.#isComplete()) this.#release()
    else if (c.kind !== 'sidecar' && this.#mainIsDone()) this.#end(this.pod.spec.terminationGracePeriodSeconds ?? 30)
    else this.later(RELIST, false)
  }

  // ---- what is to do -----------------------------------------------------------------------------------------

  #takeSpec(pod: Pod): void {
    const known = new Set(this.ephemeral.map((c) => c.spec.name))
    const added = (pod.spec.ephemeralContainers ?? []).filter((c) => !known.has(c.name))
    if (added.length > 0) {
      this.ephemeral = [...this.ephemeral, ...added.map((c) => new ContainerRecord(c as Container, 'ephemeral'))]
      this.host.changed(this)
      this.wake()
    }
    this.#watchDeadline()
    for (const [records, specs] of [[this.main, pod.spec.containers], [this.init, pod.spec.initContainers ?? []]] as const) {
      records.forEach((c, i) => {
        if (specs[i] && specs[i] !== c.spec) this.#takeContainer(c, specs[i])
      })
    }
  }

  /** Of a container the image may change, which replaces it, and its resources, which do not (KEP-1287). */
  #takeContainer(c: ContainerRecord, spec: Container): void {
    const before = c.spec
    c.spec = spec
    if (spec.image !== before.image) {
      c.forgetBackOff()
      if (c.kind !== 'init') this.kill(c, 'definition changed')
    } else if (spec.resources !== before.resources) {
      this.resizeProblem = this.host.tooLarge(this.pod)
      if (this.resizeProblem !== undefined) {
        // what the node can never give is not given: the containers keep what they have
        c.spec = { ...spec, resources: before.resources! }
        return this.host.changed(this)
      }
      const restart = spec.resizePolicy?.some((p) => p.restartPolicy === 'RestartContainer' && ['requests', 'limits'].some((k) => amount(spec, k, p.resourceName) !== amount(before, k, p.resourceName)))
      if (restart) this.kill(c, 'resize requires restart')
    }
    this.host.changed(this)
    this.wake()
  }

  #watchDeadline(): void {
    const seconds = this.pod.spec.activeDeadlineSeconds
    if (seconds !== undefined) this.#deadline ??= new Deadline(this.clock, this.startTime, () => this.#onDeadline())
    this.#deadline?.watch(this.verdict || this.#over ? undefined : seconds)
  }

  #onDeadline(): void {
    if (this.#over || this.terminating || this.host.idle || this.#lost) return
    this.verdict = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }
    this.event('Normal', this.verdict.reason, this.verdict.message)
    this.#end(this.pod.spec.terminationGracePeriodSeconds ?? 30)
  }

  /** Stops all its containers for good. */
  #end(graceSeconds: number): void {
    this.#stopThread()
    this.#killing = killPod(this, graceSeconds, () => {
      this.#release()
      if (this.#deleted) this.host.finished(this)
    })
    this.host.changed(this)
  }

  #start(): void {
    if (this.#thread || this.terminating || this.#over || this.#lost) return
    let ended = false
    const thread = new Thread<void>(this.clock, this.#loop(), (outcome) => {
      ended = true
      this.#thread = undefined
      if (outcome.kind === 'threw') throw outcome.error
    })
    if (!ended) this.#thread = thread
  }

  #stopThread(): void {
    const thread = this.#thread
    this.#thread = undefined
    thread?.kill()
  }

  *#loop(): Task {
    while (this.#again) {
      this.#again = false
      yield* this.#sync()
    }
  }

  *#sync(): Task {
    if (!this.sandbox && !(yield* this.#createSandbox())) return
    for (const c of this.ephemeral) if (!c.running && !c.ran) yield* startDue(this, c)
    if (!(yield* this.#initialize())) return
    for (const c of this.main) if (!c.running && (!c.terminated || this.mayRestart(c))) yield* startDue(this, c)
  }

  /** Init containers, one after the other; true when the Pod's own containers may start. */
  *#initialize(): Task<boolean> {
    for (const c of this.init) {
      if (c.kind === 'init' ? this.#initialized || c.succeeded : c.running && (c.started || this.#initialized)) continue
      if (c.running) return false
      if (c.terminated && !this.mayRestart(c)) {
        if (this.#initialized) continue
        return false
      }
      yield* startDue(this, c)
      if (this.#initialized) continue
      // a sidecar that has started lets the next one start
      if (c.kind === 'sidecar' && c.running && c.started) continue
      return false
    }
    this.#initialized = true
    return true
  }

  *#createSandbox(): Task<boolean> {
    const made = yield* setUpSandbox(this)
    if (made === 'no volumes') {
      this.later(this.#mountRetry, this.#mountRetry > MOUNT_RETRY.first)
      this.#mountRetry = Math.min(this.#mountRetry * 2, MOUNT_RETRY.most)
      return false
    }
    if (typeof made === 'string') {
      this.#sandboxLater(made === 'no network' ? NETWORK_RESYNC : RESYNC)
      return false
    }
    this.sandbox = made
    this.sandboxes++
    this.#tried = false
    this.host.changed(this)
    return true
  }

  // ---- its end -----------------------------------------------------------------------------------------------

  /** Its own containers have ended for good; sidecars only stay as long as they do. */
  #mainIsDone(): boolean {
    const policy = this.pod.spec.restartPolicy ?? 'Always'
    if (policy === 'Always') return false
    if (policy === 'Never' && this.init.some((c) => c.kind === 'init' && c.terminated && !c.succeeded)) return this.main.every((c) => !c.run)
    return this.main.every((c) => c.terminated && (policy === 'Never' || c.succeeded))
  }

  #isComplete(): boolean {
    const phase = phaseOf(this.pod, this.init, this.main)
    return (phase === 'Succeeded' || phase === 'Failed') && this.records.every((c) => !c.run)
  }

  /** A Pod that has ended gives its address back. */
  #release(): void {
    if (this.#over) return
    this.#over = true
    this.#stopThread()
    this.#deadline?.cancel()
    this.#lastIps = this.ips
    if (this.sandbox) this.host.formerSandboxes.set(this.pod.metadata.uid, this.sandbox.id)
    this.sandbox?.destroy()
    this.sandbox = undefined
    this.host.changed(this)
    this.host.ended(this)
  }
}

function amount(spec: Container, which: string, name: string): string | undefined {
  return spec.resources?.[which as 'limits']?.[name]
}
