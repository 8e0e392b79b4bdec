import { sleep, Thread, type Task } from '../../machine/task.ts'
import type { ExitStatus } from '../../machine/types.ts'
import { timestamp } from '../human-duration.ts'
import type { Pod } from '../types.ts'
import { ContainerRun, StartError } from './container.ts'
import { ConfigError, environmentOf } from './environment.ts'
import { goDuration } from './go-duration.ts'
import { factsFor, podText, type PodHost } from './host.ts'
import { PullError } from './image-manager.ts'
import { hostnameOf, hostsFile, resolvConf } from './pod-files.ts'
import { conditionsOf, phaseOf } from './pod-status.ts'
import { startProbes } from './pod-probes.ts'
import { ContainerRecord } from './record.ts'
import { runInContainer } from './run-command.ts'
import { PodSandbox, SandboxError } from './sandbox.ts'
import { killPod, type Killing } from './termination.ts'
import { MountError, PodVolumes } from './volumes.ts'

/** What containerd takes, in virtual ms. */
const LATENCY = { sandbox: 120, create: 40, start: 60 }
/** Until the kubelet's relist notices that a container ended. */
const RELIST = 1_000
const RETRY = { first: 1_000, most: 60_000 }

/** One Pod on its node: pkg/kubelet pod_workers.go, kuberuntime SyncPod. */
export class PodWorker {
  readonly host: PodHost
  pod: Pod
  readonly init: readonly ContainerRecord[]
  readonly main: readonly ContainerRecord[]
  sandbox: PodSandbox | undefined
  readonly volumes: PodVolumes
  #thread: Thread<void> | undefined
  #again = false
  #killing: Killing | undefined
  #retry = RETRY.first
  #startTime: string
  #over = false
  #lastIps: readonly string[] = []

  constructor(host: PodHost, pod: Pod) {
    this.host = host
    this.pod = pod
    this.init = (pod.spec.initContainers ?? []).map((c) => new ContainerRecord(c, (c as { restartPolicy?: string }).restartPolicy === 'Always' ? 'sidecar' : 'init'))
    this.main = pod.spec.containers.map((c) => new ContainerRecord(c, 'main'))
    if (this.init.length > 0) for (const c of [...this.init, ...this.main]) c.state = { waiting: { reason: 'PodInitializing' } }
    this.volumes = new PodVolumes(this.clock, host, host.fs)
    this.#startTime = pod.status.startTime ?? timestamp(this.clock.wall())
    host.changed(this)
    this.wake()
  }

  get clock(): PodHost['context']['clock'] {
    return this.host.context.clock
  }

  get records(): ContainerRecord[] {
    return [...this.init, ...this.main]
  }

  get terminating(): boolean {
    return this.#killing !== undefined
  }

  record(name: string): ContainerRecord | undefined {
    return this.records.find((c) => c.spec.name === name)
  }

  /** The API has a new version of the Pod. */
  update(pod: Pod): void {
    this.pod = pod
    if (!pod.metadata.deletionTimestamp) return
    this.terminate(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30)
  }

  /** Looks at what is to do, in an event of its own. */
  wake(): void {
    if (this.terminating || this.#over || this.host.stopped) return
    this.#again = true
    if (this.#thread) return
    this.clock.schedule(0, () => this.#start())
  }

  terminate(graceSeconds: number): void {
    if (this.#over) return this.host.finished(this)
    if (this.#killing) return this.#killing.shorten(graceSeconds)
    this.#stopThread()
    this.#killing = killPod(this, graceSeconds, () => {
      this.#releaseSandbox()
      this.host.finished(this)
    })
  }

  /** The node went down or the kubelet is gone for good: everything stops at once, and nobody is told. */
  halt(): void {
    this.#over = true
    this.#stopThread()
    this.#killing?.cancel()
    for (const c of this.records) {
      c.stopProbes()
      c.run?.signal('SIGKILL')
    }
    this.sandbox?.destroy()
  }

  stopProbes(): void {
    for (const c of this.records) c.stopProbes()
  }

  refreshVolumes(): void {
    this.volumes.refresh(this.pod, factsFor(this.host, this.sandbox?.ips ?? []))
  }

  status(): Pod['status'] {
    const { pod, init, main, host } = this
    const phase = phaseOf(pod, init, main, this.terminating)
    const ips = this.sandbox?.ips ?? this.#lastIps
    const conditions = conditionsOf(pod, { clock: this.clock, phase, hasSandbox: this.sandbox !== undefined, init, main })
    return {
      conditions,
      ...(main.length > 0 ? { containerStatuses: main.map((c) => c.status()).sort((a, b) => (a.name < b.name ? -1 : 1)) } : {}),
      hostIP: host.nodeIp,
      hostIPs: [{ ip: host.nodeIp }],
      ...(init.length > 0 ? { initContainerStatuses: init.map((c) => c.status()) } : {}),
      phase,
      ...(ips.length > 0 ? { podIP: ips[0]!, podIPs: ips.map((ip) => ({ ip })) } : {}),
      ...(pod.status.qosClass ? { qosClass: pod.status.qosClass } : {}),
      startTime: this.#startTime,
    } as Pod['status']
  }

  event(type: 'Normal' | 'Warning', reason: string, message: string, record?: ContainerRecord): void {
    this.host.events.event(this.pod, type, reason, message, record ? { fieldPath: record.fieldPath() } : undefined)
  }

  /** Ends a container that its probes have given up; the restart policy decides what follows. */
  kill(record: ContainerRecord, why: string): void {
    const { run } = record
    if (!run?.running || this.terminating) return
    this.event('Normal', 'Killing', `Container ${record.spec.name} ${why}, will be restarted`, record)
    record.stopProbes()
    run.signal(run.stopSignal)
    const grace = (this.pod.spec.terminationGracePeriodSeconds ?? 30) * 1000
    this.clock.schedule(grace, () => {
      if (run.running) run.signal('SIGKILL')
    }, { background: true })
  }

  // ---- what is to do -----------------------------------------------------------------------------------------

  #start(): void {
    if (this.#thread || this.terminating || this.#over) return
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
    for (const c of this.init) {
      if (c.kind === 'init' ? c.succeeded : c.started && c.running) continue
      if (c.running) return
      if (c.terminated && !this.#mayRestart(c)) return
      yield* this.#startDue(c)
      return
    }
    for (const c of this.main) if (!c.running && (!c.terminated || this.#mayRestart(c))) yield* this.#startDue(c)
  }

  #mayRestart(c: ContainerRecord): boolean {
    const policy = this.pod.spec.restartPolicy ?? 'Always'
    if (c.kind === 'sidecar') return true
    if (c.kind === 'init') return policy !== 'Never'
    return policy === 'Always' || (policy === 'OnFailure' && !c.succeeded)
  }

  #later(delay: number, background: boolean): void {
    this.clock.schedule(delay, () => this.wake(), { background })
  }

  /** A failure that may mend itself: tried again, at growing distances. */
  #retryLater(): void {
    this.#later(this.#retry, this.#retry > RETRY.first)
    this.#retry = Math.min(this.#retry * 2, RETRY.most)
  }

  *#createSandbox(): Task<boolean> {
    const { host, pod } = this
    if (!pod.spec.hostNetwork) {
      const problem = host.plugin.status(host.context)
      if (problem) {
        this.event('Warning', 'NetworkNotReady', `network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${problem}`)
        this.#retryLater()
        return false
      }
    }
    try {
      this.volumes.setUp(pod, factsFor(host, []))
    } catch (error) {
      if (!(error instanceof MountError)) throw error
      this.event('Warning', 'FailedMount', error.message)
      this.#retryLater()
      return false
    }
    yield sleep(this.clock, LATENCY.sandbox)
    try {
      this.sandbox = new PodSandbox(pod, hostnameOf(pod, host.context.machine.hostname).hostname, host.context, host.plugin, (name) => host.createSandboxNetwork(name), host.random)
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error
      this.event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${error.message}`)
      this.#retryLater()
      return false
    }
    this.#retry = RETRY.first
    host.changed(this)
    return true
  }

  // ---- containers --------------------------------------------------------------------------------------------

  *#startDue(c: ContainerRecord): Task {
    const { wait, delay } = c.backOff(this.clock.now)
    const ended = c.lastEnd
    if (ended && wait > 0) {
      if (c.terminated) c.last = c.terminated
      const text = `restarting failed container=${c.spec.name} pod=${podText(this.pod)}`
      c.state = { waiting: { reason: 'CrashLoopBackOff', message: `back-off ${goDuration(delay)} ${text}` } }
      this.event('Warning', 'BackOff', `Back-off restarting failed container ${c.spec.name} in pod ${podText(this.pod)}`, c)
      this.host.changed(this)
      return this.#later(wait, true)
    }
    if (ended) c.raiseBackOff(this.clock.now)
    try {
      const image = yield* this.host.images.ensure(this.pod, c.spec, (type, reason, message) => {
        this.event(type, reason, message, c)
        if (reason === 'Pulling') this.host.changed(this)
      })
      yield* this.#run(c, image)
    } catch (error) {
      this.#onStartFailed(c, error)
    }
  }

  #onStartFailed(c: ContainerRecord, error: unknown): void {
    const wait = (reason: string, message: string): void => {
      if (c.terminated) c.last = c.terminated
      c.state = { waiting: { reason, message } }
      this.host.changed(this)
    }
    if (error instanceof PullError) {
      this.event('Warning', 'Failed', `Error: ${error.reason}`, c)
      wait(error.reason, error.message)
      this.#later(error.retryAfter, error.reason !== 'ErrImagePull')
    } else if (error instanceof ConfigError) {
      this.event('Warning', 'Failed', `Error: ${error.message}`, c)
      wait('CreateContainerConfigError', error.message)
      this.#retryLater()
    } else throw error
  }

  *#run(c: ContainerRecord, image: ContainerRun['image']): Task {
    const { host, pod } = this
    const sandbox = this.sandbox!
    const facts = factsFor(host, sandbox.ips)
    const { hostname } = hostnameOf(pod, host.context.machine.hostname)
    const environment = environmentOf(pod, c.spec, image, hostname, facts, host)
    c.image = image
    yield sleep(this.clock, LATENCY.create)
    this.event('Normal', 'Created', `Created container: ${c.spec.name}`, c)
    yield sleep(this.clock, LATENCY.start)
    if (c.lastEnd || c.ran) c.restarts++
    c.previousLog = c.log
    const id = host.random.hex(64)
    try {
      c.run = new ContainerRun(
        {
          clock: this.clock, pod, container: c.spec, image, id, hostname, network: sandbox.network, programs: host.context.machine.programs, environment,
          prepare: (fs) => {
            for (const directory of ['/etc', '/dev', '/tmp']) if (!fs.exists(directory)) fs.makeDirectory(directory, directory === '/tmp' ? { mode: 0o1777 } : {})
            fs.writeFile('/etc/hosts', hostsFile(pod, sandbox.ips, host.fs.exists('/etc/hosts') ? host.fs.readText('/etc/hosts') : '', hostname))
            fs.writeFile('/etc/hostname', `${hostname}\n`)
            fs.writeFile('/etc/resolv.conf', resolvConf(pod, host.clusterDns, host.fs.exists('/etc/resolv.conf') ? host.fs.readText('/etc/resolv.conf') : ''))
            fs.writeFile('/dev/termination-log', '', 0o666)
            this.volumes.mount(pod, c.spec, fs, environment)
          },
        },
        (status) => this.#onExit(c, status),
      )
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      this.#onStartError(c, id, error)
      return
    }
    if (c.terminated) c.last = c.terminated
    c.log = c.run.log
    c.ran = true
    c.state = { running: { startedAt: timestamp(this.clock.wall()) } }
    this.event('Normal', 'Started', `Started container ${c.spec.name}`, c)
    this.#postStart(c)
    startProbes(this, c)
    host.changed(this)
    // A sidecar that runs lets the next one start.
    if (c.kind === 'sidecar' && c.started) this.wake()
  }

  #onStartError(c: ContainerRecord, id: string, error: StartError): void {
    this.event('Warning', 'Failed', `Error: ${error.message}`, c)
    if (c.terminated) c.last = c.terminated
    c.ran = true
    c.finishedAt = this.clock.now
    c.state = { terminated: { exitCode: 128, reason: 'StartError', message: error.message, startedAt: '1970-01-01T00:00:00Z', finishedAt: timestamp(this.clock.wall()), containerID: `containerd://${id}` } }
    this.host.changed(this)
    if (this.#mayRestart(c)) this.#later(RELIST, false)
  }

  #postStart(c: ContainerRecord): void {
    const command = c.spec.lifecycle?.postStart?.exec?.command
    const { run } = c
    if (!command || !run) return
    runInContainer(this.clock, run, command, (result) => {
      if ('code' in result && result.code === 0) return
      const message = 'error' in result ? result.error : `command '${command.join(' ')}' exited with ${result.code}: ${result.output}`
      this.event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${message}`, c)
      run.signal('SIGKILL')
    })
  }

  #onExit(c: ContainerRecord, status: ExitStatus): void {
    const run = c.run!
    c.stopProbes()
    c.ready = false
    c.started = false
    c.finishedAt = this.clock.now
    c.noteRun(this.clock.now - run.startedAt)
    const written = run.machine.fs.exists('/dev/termination-log') ? run.machine.fs.readText(c.spec.terminationMessagePath ?? '/dev/termination-log') : ''
    const message = written || (c.spec.terminationMessagePolicy === 'FallbackToLogsOnError' && status.code !== 0 ? run.log.tail(80, 2048) : '')
    c.state = {
      terminated: {
        exitCode: status.code,
        reason: status.code === 0 ? 'Completed' : 'Error',
        ...(message ? { message } : {}),
        startedAt: timestamp(this.clock.epoch + run.startedAt),
        finishedAt: timestamp(this.clock.wall()),
        containerID: `containerd://${run.id}`,
      },
    }
    c.run = undefined
    this.#killing?.onExit(c)
    if (this.#over) return
    this.host.changed(this)
    if (this.terminating) return
    if (this.#isComplete()) this.#releaseSandbox()
    else this.#later(RELIST, false)
  }

  #isComplete(): boolean {
    const phase = phaseOf(this.pod, this.init, this.main)
    return (phase === 'Succeeded' || phase === 'Failed') && this.records.every((c) => !c.run)
  }

  /** A Pod that has ended gives its address back. */
  #releaseSandbox(): void {
    if (this.#over) return
    this.#over = true
    this.#stopThread()
    const ips = this.sandbox?.ips ?? []
    if (this.sandbox) this.host.formerSandboxes.set(this.pod.metadata.uid, this.sandbox.id)
    this.sandbox?.destroy()
    this.sandbox = undefined
    this.#lastIps = ips
  }
}
