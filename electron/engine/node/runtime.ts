import type { ContainerRun } from '../kubernetes/kubelet/container.ts'
import type { Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import type { PodWorker } from '../kubernetes/kubelet/pod-worker.ts'
import type { ContainerRecord, Terminated } from '../kubernetes/kubelet/record.ts'
import type { Pod } from '../kubernetes/types.ts'
import type { Machine } from '../machine/types.ts'
import type { NetworkNamespace } from '../network/types.ts'
import type { Image } from '../programs/types.ts'

/** What containerd says of a sandbox (CRI's PodSandboxStatus). Times are wall-clock ms. */
export interface SandboxView {
  readonly id: string
  readonly pod: Pod
  readonly attempt: number
  readonly createdAt: number
  readonly ready: boolean
  readonly hostNetwork: boolean
  /** Its network namespace, and where that is kept; gone with the sandbox. */
  readonly network: NetworkNamespace | undefined
  readonly netns: string
  readonly ips: readonly string[]
  /** The pause container. */
  readonly pause: ContainerRun | undefined
}

/** What containerd says of a container (CRI's ContainerStatus). */
export interface ContainerView {
  readonly id: string
  readonly name: string
  readonly attempt: number
  readonly image: Image | undefined
  readonly running: boolean
  readonly createdAt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  readonly sandbox: SandboxView
  readonly record: ContainerRecord
  readonly run: ContainerRun | undefined
  /** "/var/log/pods/NAMESPACE_POD_UID/NAME/ATTEMPT.log" */
  readonly logPath: string
}

/** Between the making of a container and its start. */
const CREATED_BEFORE = 60
/** The kubelet's garbage collection of sandboxes that are followed by another. */
const COLLECTED_AFTER = 60_000

/**
 * containerd on one node, as its own clients see it. All of it is read from the kubelet's workers when somebody asks: this is
 * the one place that looks at their sandboxes from outside.
 */
export class NodeRuntime {
  readonly #kubelet: Kubelet
  /** Stopped by hand, until they are collected or removed. */
  #stopped: { sandbox: SandboxView; at: number }[] = []
  readonly #removed = new Set<string>()

  constructor(kubelet: Kubelet) {
    this.#kubelet = kubelet
  }

  get machine(): Machine {
    return this.#kubelet.context.machine
  }

  get images(): Kubelet['images'] {
    return this.#kubelet.images
  }

  /** Why the network is not ready (the plugin's status). */
  networkProblem(): string | undefined {
    return this.#kubelet.plugin.status(this.#kubelet.context)
  }

  /** The latest first. */
  sandboxes(): SandboxView[] {
    const { now } = this.#kubelet.context.clock
    this.#stopped = this.#stopped.filter((s) => now - s.at < COLLECTED_AFTER)
    const current = [...this.#kubelet.workers.values()].flatMap((worker) => this.#sandboxOf(worker) ?? [])
    return [...current, ...this.#stopped.map((s) => s.sandbox)].filter((s) => !this.#removed.has(s.id)).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1))
  }

  /** The latest first; with what has ended. */
  containers(): ContainerView[] {
    return [...this.#kubelet.workers.values()].flatMap((worker) => this.#containersOf(worker)).filter((c) => !this.#removed.has(c.id)).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1))
  }

  /** What is behind a Pod's network: for hostNetwork nothing. */
  namespaces(): SandboxView[] {
    return this.sandboxes().filter((s) => s.network !== undefined && !s.hostNetwork)
  }

  stopSandbox(sandbox: SandboxView): void {
    const worker = this.#kubelet.workers.get(sandbox.pod.metadata.uid)
    if (!sandbox.ready || worker?.sandbox?.id !== sandbox.id) return
    this.#stopped.push({ sandbox: { ...sandbox, ready: false, network: undefined, ips: [], pause: undefined }, at: this.#kubelet.context.clock.now })
    worker.loseSandbox()
  }

  /** A stopped one, and its containers. */
  removeSandbox(sandbox: SandboxView): void {
    this.#removed.add(sandbox.id)
    for (const c of this.containers()) if (c.sandbox.id === sandbox.id && !c.running) this.removeContainer(c)
  }

  removeContainer(container: ContainerView): void {
    this.#removed.add(container.id)
  }

  #sandboxOf(worker: PodWorker): SandboxView | undefined {
    const { sandbox, pod } = worker
    const { clock } = this.#kubelet.context
    const common = { pod, attempt: Math.max(0, worker.sandboxes - 1), hostNetwork: pod.spec.hostNetwork ?? false }
    if (sandbox) {
      const { id, network, netns, ips, pause } = sandbox
      return { ...common, id, createdAt: clock.epoch + pause.startedAt, ready: true, network, netns, ips, pause }
    }
    const former = this.#kubelet.formerSandboxes.get(pod.metadata.uid)
    if (former === undefined || !worker.over) return undefined
    return { ...common, id: former, createdAt: Date.parse(worker.startTime), ready: false, network: undefined, netns: '', ips: [], pause: undefined }
  }

  #containersOf(worker: PodWorker): ContainerView[] {
    const sandbox = this.#sandboxOf(worker) ?? this.#stopped.findLast((s) => s.sandbox.pod.metadata.uid === worker.pod.metadata.uid)?.sandbox
    if (!sandbox) return []
    const { clock } = this.#kubelet.context
    const former = this.#stopped.map((s) => s.sandbox).filter((s) => s.pod.metadata.uid === worker.pod.metadata.uid)
    return worker.records.flatMap((record) => {
      const { run, restarts } = record
      const out: ContainerView[] = []
      const make = (id: string, attempt: number, startedAt: number, end: Terminated | undefined): ContainerView => ({
        id, name: record.spec.name, attempt, image: record.image, running: end === undefined, createdAt: startedAt - CREATED_BEFORE, startedAt,
        finishedAt: end ? Date.parse(end.finishedAt) : 0, exitCode: end?.exitCode ?? 0, reason: end?.reason ?? '', message: end?.message ?? '',
        sandbox: startedAt < sandbox.createdAt ? (former.findLast((s) => s.createdAt <= startedAt) ?? sandbox) : sandbox, record, run: end ? undefined : run, logPath: `${logDirectory(sandbox.pod)}/${record.spec.name}/${attempt}.log`,
      })
      if (run) out.push(make(run.id, restarts, clock.epoch + run.startedAt, undefined))
      const end = run ? record.last : record.lastEnd
      const id = end?.containerID?.replace('containerd://', '')
      if (end && id) out.push(make(id, run ? restarts - 1 : restarts, end.startedAt ? Date.parse(end.startedAt) : Date.parse(end.finishedAt), end))
      return out
    })
  }
}

/** Where the kubelet has containerd write what a Pod's containers print (pkg/kubelet/kuberuntime BuildPodLogsDirectory). */
export function logDirectory({ metadata: { namespace, name, annotations, uid } }: Pod): string {
  return `/var/log/pods/${namespace}_${name}_${annotations?.['kubernetes.io/config.hash'] ?? uid}`
}
