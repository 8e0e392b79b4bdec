import { Environment } from '../../machine/environment.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import type { Credentials, ExitStatus, PidNamespace, ProgramTable } from '../../machine/types.ts'
import type { Image } from '../../programs/types.ts'
import type { Container, Pod, Service } from '../types.ts'
import type { ContainerSetup } from './container.ts'
import { environmentOf, type Sources } from './environment.ts'
import { factsFor } from './host.ts'
import { hostnameOf, nodeFiles, writePodFiles, type NodeFiles } from './pod-files.ts'
import type { PodWorker } from './pod-worker.ts'
import type { ContainerRecord } from './record.ts'
import type { PodSandbox } from './sandbox.ts'
import { identityOf } from './security.ts'
import { visibleServices } from './service-environment.ts'

/** What a container's environment is made of: itself, or the Services that there were when it was started. */
export type Surroundings = Environment | readonly Service[]

/** Of a container that asks for nothing it is put together when it is wanted, of the Services that there are now. */
export function surroundingsNow(worker: PodWorker, { spec }: ContainerRecord, image: Image): Surroundings {
  const { host, pod } = worker
  if (spec.env?.length || spec.envFrom?.length) return environmentOf(pod, spec, image, hostname(worker), factsFor(host, worker.ips), host)
  return visibleServices(host, pod.metadata.namespace, pod.spec.enableServiceLinks ?? true)
}

export function environmentIn(surroundings: Surroundings, worker: PodWorker, spec: Container, image: Image, ips: readonly string[]): Environment {
  if (surroundings instanceof Environment) return surroundings
  const sources: Sources = { configMap: () => undefined, secret: () => undefined, token: () => '', services: () => surroundings }
  return environmentOf(worker.pod, spec, image, hostname(worker), factsFor(worker.host, ips), sources)
}

function hostname({ pod, host }: PodWorker): string {
  return hostnameOf(pod, host.context.machine.hostname).hostname
}

/**
 * How a container of a Pod is started. A cluster has one for each container that nobody has looked into yet: it only holds
 * what cannot be told later. What it asks of the Pod no new version changes.
 */
export class PodContainerSetup implements ContainerSetup {
  readonly container: Container
  readonly image: Image
  readonly id: string
  readonly sandbox: PodSandbox
  readonly quiet: boolean
  readonly #worker: PodWorker
  readonly #record: ContainerRecord
  readonly #surroundings: Surroundings
  readonly #nodeFiles: NodeFiles
  readonly #onExit: (worker: PodWorker, c: ContainerRecord, status: ExitStatus) => void

  constructor(worker: PodWorker, record: ContainerRecord, image: Image, id: string, surroundings: Surroundings, onExit: (worker: PodWorker, c: ContainerRecord, status: ExitStatus) => void) {
    this.container = record.spec
    this.image = image
    this.id = id
    this.sandbox = worker.sandbox!
    this.quiet = isQuietIn(image, record) && isQuiet(worker, record)
    this.#worker = worker
    this.#record = record
    this.#surroundings = surroundings
    this.#nodeFiles = nodeFiles(worker)
    this.#onExit = onExit
  }

  get clock(): ContainerSetup['clock'] {
    return this.#worker.clock
  }

  get pod(): Pod {
    return this.#worker.pod
  }

  get hostname(): string {
    return hostname(this.#worker)
  }

  get programs(): ProgramTable {
    return this.#worker.host.context.machine.programs
  }

  get user(): Credentials {
    return identityOf(this.pod, this.container, this.image)
  }

  get memory(): number {
    return this.#worker.host.capacity.memory
  }

  get pids(): PidNamespace | undefined {
    const target = (this.container as { targetContainerName?: string }).targetContainerName
    if (target) return this.#worker.record(target)?.run?.machine.pids
    return this.pod.spec.hostPID ? this.#worker.host.context.machine.pids : this.sandbox.pids
  }

  environment(): Environment {
    return environmentIn(this.#surroundings, this.#worker, this.container, this.image, this.sandbox.ips)
  }

  prepare(fs: MemoryFilesystem, environment: Environment): void {
    const { clusterDns } = this.#worker.host
    const message = this.container.terminationMessagePath ?? '/dev/termination-log'
    writePodFiles({ pod: this.pod, ips: this.sandbox.ips, clusterDns, hostname: this.hostname, message, ...this.#nodeFiles }, fs)
    this.#worker.volumes.mount(this.pod, this.container, fs, environment)
  }

  exited(status: ExitStatus): void {
    this.#onExit(this.#worker, this.#record, status)
  }
}

function isQuietIn({ quiet = false }: Image, { spec: { env = [], envFrom = [] } }: ContainerRecord): boolean {
  if (typeof quiet === 'boolean') return quiet
  return envFrom.length === 0 && !env.some(({ name }) => quiet.includes(name))
}

/** Nobody looks into it, and nothing but its program's own ways decide what it does. */
function isQuiet({ pod, init, volumes }: PodWorker, { spec, kind }: ContainerRecord): boolean {
  return (
    kind === 'main' && init.length === 0 && pod.spec.containers.length === 1 && !pod.spec.hostNetwork && !pod.spec.hostPID && !pod.spec.shareProcessNamespace &&
    !spec.command && !spec.args && !spec.workingDir && !spec.stdin && !spec.tty && !spec.lifecycle && !hasOwn(spec.securityContext) && !hasOwn(pod.spec.securityContext) && volumes.onlyTokens
  )
}

function hasOwn(value: object | undefined): boolean {
  return value !== undefined && Object.keys(value).length > 0
}
