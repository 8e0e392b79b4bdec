import type { Clock } from '../../clock.ts'
import { containerCapabilities } from '../../machine/capabilities.ts'
import type { Environment } from '../../machine/environment.ts'
import { isSystemError } from '../../machine/errors.ts'
import { CallbackFile, NullFile } from '../../machine/files.ts'
import { MemoryFilesystem } from '../../machine/filesystem.ts'
import { createMachine } from '../../machine/machine.ts'
import { MemoryGroup } from '../../machine/memory.ts'
import { createPipe } from '../../machine/pipe.ts'
import { createTerminal } from '../../machine/terminal.ts'
import type { Credentials, ExitStatus, Machine, OpenFile, PidNamespace, Process, ProgramTable, SignalName, Terminal } from '../../machine/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { imageLayer } from '../../programs/rootfs.ts'
import type { Image } from '../../programs/types.ts'
import { milliValue } from '../schema/quantity.ts'
import type { Container, Pod } from '../types.ts'
import { ContainerLog } from './container-log.ts'
import { expand } from './expansion.ts'

/** What runc says when there is nothing to run: the container's StartError. */
export class StartError extends Error {}

export interface ContainerSetup {
  clock: Clock
  pod: Pod
  container: Container
  image: Image
  id: string
  hostname: string
  /** Whose network it is in. */
  sandbox: { readonly network: NetworkNamespace; beforeTouch(work: () => void): void }
  programs: ProgramTable
  environment(): Environment
  user: Credentials
  /** What there is without a limit: the node's, in bytes. */
  memory?: number | undefined
  /** The processes that it sees; absent: its own alone. */
  pids?: PidNamespace | undefined
  /** As {@link Image.quiet}, of a container that is started as its image says; what `prepare` writes is the same whenever it is called. */
  quiet?: boolean | undefined
  /** Mounts volumes and writes the kubelet's files. */
  prepare(fs: MemoryFilesystem, environment: Environment): void
  /** Its first process has ended. */
  exited(status: ExitStatus): void
}

/** What containerd says when it cannot make the container: the state CreateContainerError. */
export class CreateError extends Error {}

/** What there is of a container that runs. */
interface Live {
  machine: Machine
  log: ContainerLog
  process: Process
  /** Where attach writes; absent without `stdin: true`. */
  input: OpenFile | undefined
  terminal: Terminal | undefined
}

/**
 * One run of a container: its machine, its first process, its log. Of a container that is `quiet` nothing is made before
 * somebody looks or a packet arrives: its program does nothing but wait, and nobody can tell when it began to.
 */
export class ContainerRun {
  readonly id: string
  readonly image: Image
  readonly startedAt: number
  readonly stopSignal: SignalName
  readonly user: Credentials
  #live: Live | undefined
  #setup: ContainerSetup | undefined
  #lost = false

  /** Throws {@link StartError} and {@link CreateError}. */
  constructor(setup: ContainerSetup) {
    const { clock, image } = setup
    this.id = setup.id
    this.image = image
    this.user = setup.user
    this.stopSignal = image.stopSignal ?? 'SIGTERM'
    this.startedAt = clock.now
    this.#setup = setup
    if (setup.quiet) setup.sandbox.beforeTouch(() => this.#wake())
    else this.#wake()
  }

  get machine(): Machine {
    return this.#wake().machine
  }

  get log(): ContainerLog {
    return this.#wake().log
  }

  get process(): Process {
    return this.#wake().process
  }

  get input(): OpenFile | undefined {
    return this.#wake().input
  }

  get terminal(): Terminal | undefined {
    return this.#wake().terminal
  }

  get running(): boolean {
    return this.#live ? this.#live.process.status === undefined : !this.#lost
  }

  /** Its machine is gone: everything stops, and nobody is told. */
  halt(): void {
    const { machine } = this.#wake()
    this.#lost = true
    machine.halt()
  }

  signal(signal: SignalName): void {
    this.process.signal(signal)
  }

  #wake(): Live {
    if (this.#live) return this.#live
    const setup = this.#setup
    if (!setup) throw new Error(`the container ${this.id} is gone`)
    this.#setup = undefined
    if (setup.quiet) setup.clock.past(this.startedAt, () => this.#start(setup))
    else this.#start(setup)
    return this.#live!
  }

  #start(setup: ContainerSetup): void {
    const { clock, container, image } = setup
    const { user } = this
    const environment = setup.environment()
    const log = new ContainerLog(clock)
    const fs = new MemoryFilesystem({ clock, base: imageLayer(image) })
    setup.prepare(fs, environment)
    const limit = container.resources?.limits?.['memory']
    const machine = createMachine({
      kind: 'container',
      name: `${setup.pod.metadata.namespace}/${setup.pod.metadata.name}/${container.name}`,
      hostname: setup.hostname,
      clock,
      fs,
      network: setup.sandbox.network,
      programs: setup.programs,
      env: environment,
      user,
      capabilities: containerCapabilities(container.securityContext),
      memory: new MemoryGroup(limit === undefined ? (setup.memory ?? Infinity) : milliValue(String(limit)) / 1000, () => this.process.signal('SIGKILL')),
      ...(setup.pids ? { pids: setup.pids } : {}),
    })
    const command = expanded(container.command, environment)
    const args = expanded(container.args, environment)
    // command replaces the entrypoint and drops the image's own arguments; args replaces only those.
    const argv = [...(command ?? image.entrypoint), ...(args ?? (command ? [] : image.command))]
    if (argv.length === 0) throw new CreateError(`failed to generate container "${setup.id}" spec: failed to generate spec: no command specified`)
    const cwd = container.workingDir || image.workingDirectory || '/'
    if (!fs.exists(cwd)) fs.makeDirectory(cwd, { parents: true })
    fs.readOnly = container.securityContext?.readOnlyRootFilesystem ?? false
    const { table, input, terminal } = openFiles(clock, container, log)
    let process: Process
    try {
      process = machine.start({ argv, cwd, env: environment, files: table, group: 'new', user })
    } catch (error) {
      throw new StartError(`failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ${execError(error, argv[0] ?? '')}: unknown`)
    } finally {
      for (const file of table.values()) file.release()
    }
    if (terminal) terminal.foreground = process.group
    this.#live = { machine, log, process, input, terminal }
    this.#whenOver(setup, this.#live)
  }

  /** In a function of its own: what it is called with stays as long as the container, and nothing else does. */
  #whenOver(setup: ContainerSetup, { machine, process, log }: Live): void {
    process.onExit(() => {
      const status = process.status!
      // Whoever notices does so after the process is gone altogether.
      setup.clock.schedule(0, () => {
        machine.halt()
        log.close()
        if (!this.#lost) setup.exited(status)
      })
    })
  }
}

function openFiles(clock: Clock, container: Container, log: ContainerLog): { table: Map<number, OpenFile>; input: OpenFile | undefined; terminal: Terminal | undefined } {
  if (container.tty) {
    const terminal = createTerminal(clock)
    terminal.onOutput((bytes) => log.write(bytes, 'stdout'))
    return { table: new Map([0, 1, 2].map((fd) => [fd, terminal.open()])), input: undefined, terminal }
  }
  const sink = (stream: 'stdout' | 'stderr'): OpenFile => new CallbackFile(clock, (bytes) => log.write(bytes, stream), undefined, () => log.late(stream))
  const table = new Map<number, OpenFile>([[1, sink('stdout')], [2, sink('stderr')]])
  if (!container.stdin) {
    table.set(0, new NullFile(clock))
    return { table, input: undefined, terminal: undefined }
  }
  const { reader, writer } = createPipe(clock)
  table.set(0, reader)
  return { table, input: writer, terminal: undefined }
}

function expanded(words: readonly string[] | undefined, environment: Environment): string[] | undefined {
  return words?.map((word) => expand(word, (name) => environment.get(name)))
}

export function execError(error: unknown, name: string): string {
  if (isSystemError(error, 'ENOENT')) return name.includes('/') ? `exec: "${name}": stat ${name}: no such file or directory` : `exec: "${name}": executable file not found in $PATH`
  if (isSystemError(error, 'EACCES')) return `exec: "${name}": permission denied`
  if (isSystemError(error, 'ENOEXEC')) return `exec ${name}: exec format error`
  return error instanceof Error ? error.message : String(error)
}
