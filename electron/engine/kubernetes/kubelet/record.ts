import type { Image } from '../../programs/types.ts'
import type { Container, ContainerStatus } from '../types.ts'
import type { ContainerLog } from './container-log.ts'
import type { ContainerRun } from './container.ts'
import type { ProbeWorker } from './probe-worker.ts'

export interface Terminated { exitCode: number; signal?: number; reason: string; message?: string; startedAt: string | null; finishedAt: string; containerID?: string }
export type State = { waiting: { reason: string; message?: string } } | { running: { startedAt: string } } | { terminated: Terminated }

/** Restarts wait 10 s, doubling to 5 min; a run of 10 min clears it (pkg/kubelet MaxContainerBackOff). */
const BACK_OFF = { first: 10_000, most: 300_000, forgotten: 600_000 }

export interface ContainerUser { linux: { gid: number; supplementalGroups: number[]; uid: number } }

/** What the kubelet knows of one container of a Pod, over all its runs. */
export class ContainerRecord {
  /** As the API has it now: the image may be changed. */
  spec: Container
  readonly kind: 'init' | 'sidecar' | 'main' | 'ephemeral'
  state: State = { waiting: { reason: 'ContainerCreating' } }
  last: Terminated | undefined
  restarts = 0
  run: ContainerRun | undefined
  image: Image | undefined
  #log: ContainerLog | undefined
  previousLog: ContainerLog | undefined
  /** What the probes say; without them a running container is both. */
  ready = false
  started = false
  probes: ProbeWorker[] = []
  /** It ran at least once. */
  ran = false
  finishedAt = -Infinity
  /** Whom its first process runs as (KEP-3619): one object for all that are alike. */
  user: ContainerUser | undefined
  /** Its postStart hook failed: why it ends. */
  hookProblem: string | undefined
  #delay = 0
  #lostId = ''

  constructor(spec: Container, kind: ContainerRecord['kind']) {
    this.spec = spec
    this.kind = kind
  }

  get running(): boolean {
    return 'running' in this.state
  }

  /** Of the run that is, or of the last one. */
  get log(): ContainerLog | undefined {
    return this.run ? this.run.log : this.#log
  }

  /** The run is over; its log stays. */
  endRun(): void {
    this.#log = this.log
    this.run = undefined
  }

  get terminated(): Terminated | undefined {
    return 'terminated' in this.state ? this.state.terminated : undefined
  }

  /** The last run's end, whatever the container does now. */
  get lastEnd(): Terminated | undefined {
    return this.terminated ?? this.last
  }

  get succeeded(): boolean {
    return this.terminated?.exitCode === 0
  }

  fieldPath(): string {
    const field = this.kind === 'main' ? 'containers' : this.kind === 'ephemeral' ? 'ephemeralContainers' : 'initContainers'
    return `spec.${field}{${this.spec.name}}`
  }

  /** How long a restart has to wait now; 0: it may start. */
  backOff(now: number): { wait: number; delay: number } {
    return { wait: Math.max(0, this.finishedAt + this.#delay - now), delay: this.#delay }
  }

  /** A new image is a new container: what the old one did does not count. */
  forgetBackOff(): void {
    this.#delay = 0
  }

  /** Called at each restart, before the container runs again. */
  raiseBackOff(now: number): void {
    if (this.#delay > 0 && now - this.finishedAt > 2 * BACK_OFF.most) this.#delay = 0
    this.#delay = this.#delay === 0 ? BACK_OFF.first : Math.min(this.#delay * 2, BACK_OFF.most)
  }

  /** A run that lasted long makes earlier failures forgotten. */
  noteRun(duration: number): void {
    if (duration >= BACK_OFF.forgotten) this.#delay = 0
  }

  /** 'startup': liveness and startup probes; a Pod that ends is still asked whether it is ready. */
  stopProbes(which: 'all' | 'startup' = 'all'): void {
    const kept = which === 'all' ? [] : this.probes.filter((p) => p.kind === 'readiness')
    for (const probe of this.probes) if (!kept.includes(probe)) probe.stop()
    this.probes = kept
  }

  /** Its machine goes: nobody sees how it ends. */
  halt(): void {
    if (!this.run) return
    this.run.halt()
    this.#lostId = this.run.id
    this.endRun()
  }

  /** The machine was restarted under it: containerd finds that it is gone, and not how it ended. */
  lose(now: string): void {
    if ('running' in this.state) {
      this.state = { terminated: { exitCode: 255, reason: 'Unknown', startedAt: this.state.running.startedAt, finishedAt: now, containerID: `containerd://${this.#lostId}` } }
    } else if (this.kind === 'init' && this.terminated) {
      // a new sandbox is prepared anew
      this.last = this.terminated
      this.state = { waiting: { reason: 'PodInitializing' } }
    }
    this.ready = false
    this.started = false
  }

  status(): ContainerStatus {
    const { spec, image, run } = this
    const mounts = spec.volumeMounts?.map((m) => ({ mountPath: m.mountPath, name: m.name, ...(m.readOnly ? { readOnly: true, recursiveReadOnly: 'Disabled' } : {}) }))
    const id = run ? `containerd://${run.id}` : (this.lastEnd?.containerID ?? '')
    const existed = this.running || this.ran
    const requests = spec.resources?.requests
    const status: Record<string, unknown> = {}
    if (existed && requests && Object.keys(requests).length > 0) status['allocatedResources'] = requests
    if (run || this.ran) status['containerID'] = id
    status['image'] = image ? image.reference : (spec.image ?? '')
    status['imageID'] = image?.digest ?? ''
    status['lastState'] = this.last ? { terminated: this.last } : {}
    status['name'] = spec.name
    status['ready'] = this.kind === 'init' ? this.succeeded : this.kind !== 'ephemeral' && this.running && this.ready
    status['restartCount'] = this.restarts
    if (this.kind !== 'ephemeral') status['started'] = this.kind === 'init' ? this.running : this.running && this.started
    status['state'] = this.state
    if (existed) status['resources'] = spec.resources ?? {}
    if (this.user) status['user'] = this.user
    if (mounts?.length) status['volumeMounts'] = mounts
    return status as unknown as ContainerStatus
  }
}
