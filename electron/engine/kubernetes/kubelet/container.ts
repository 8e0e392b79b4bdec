import type { Clock } from '../../clock.ts'
import { containerCapabilities } from '../../machine/capabilities.ts'
import type { Environment } from '../../machine/environment.ts'
import { isSystemError } from '../../machine/errors.ts'
import { CallbackFile, NullFile } from '../../machine/files.ts'
import { MemoryFilesystem } from '../../machine/filesystem.ts'
import { createMachine } from '../../machine/machine.ts'
import { createPipe } from '../../machine/pipe.ts'
import { createTerminal } from '../../machine/terminal.ts'
import type { ExitStatus, Machine, OpenFile, PidNamespace, Process, ProgramTable, SignalName, Terminal } from '../../machine/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { imageLayer } from '../../programs/rootfs.ts'
import type { Image } from '../../programs/types.ts'
import type { Container, Pod } from '../types.ts'
import type { User } from './security.ts'
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
  network: NetworkNamespace
  programs: ProgramTable
  environment: Environment
  user: User
  /** The processes that it sees; absent: its own alone. */
  pids?: PidNamespace | undefined
  /** Mounts volumes and writes the kubelet's files. */
  prepare(fs: MemoryFilesystem): void
}

/** What containerd says when it cannot make the container: the state CreateContainerError. */
export class CreateError extends Error {}

/** One run of a container: its machine, its first process, its log. */
export class ContainerRun {
  readonly id: string
  readonly image: Image
  readonly machine: Machine
  readonly log: ContainerLog
  readonly process: Process
  readonly startedAt: number
  /** Where attach writes; absent without `stdin: true`. */
  readonly input: OpenFile | undefined
  readonly terminal: Terminal | undefined
  readonly stopSignal: SignalName
  #lost = false

  /** Throws {@link StartError} and {@link CreateError}. */
  constructor(setup: ContainerSetup, onExit: (status: ExitStatus) => void) {
    const { clock, container, image, user, environment } = setup
    this.id = setup.id
    this.image = image
    this.stopSignal = image.stopSignal ?? 'SIGTERM'
    this.log = new ContainerLog(clock)
    const fs = new MemoryFilesystem({ clock, base: imageLayer(image) })
    setup.prepare(fs)
    const machine = createMachine({
      kind: 'container',
      name: `${setup.pod.metadata.namespace}/${setup.pod.metadata.name}/${container.name}`,
      hostname: setup.hostname,
      clock,
      fs,
      network: setup.network,
      programs: setup.programs,
      env: environment,
      user,
      capabilities: containerCapabilities(container.securityContext),
      ...(setup.pids ? { pids: setup.pids } : {}),
    })
    this.machine = machine
    const command = expanded(container.command, environment)
    const args = expanded(container.args, environment)
    // command replaces the entrypoint and drops the image's own arguments; args replaces only those.
    const argv = [...(command ?? image.entrypoint), ...(args ?? (command ? [] : image.command))]
    if (argv.length === 0) throw new CreateError(`failed to generate container "${setup.id}" spec: failed to generate spec: no command specified`)
    const cwd = container.workingDir || image.workingDirectory || '/'
    if (!fs.exists(cwd)) fs.makeDirectory(cwd, { parents: true })
    fs.readOnly = container.securityContext?.readOnlyRootFilesystem ?? false
    const files = this.#openFiles(clock, container)
    this.input = files.input
    this.terminal = files.terminal
    try {
      this.process = machine.start({ argv, cwd, env: environment, files: files.table, group: 'new', user })
    } catch (error) {
      throw new StartError(`failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ${execError(error, argv[0] ?? '')}: unknown`)
    } finally {
      for (const file of files.table.values()) file.release()
    }
    if (this.terminal) this.terminal.foreground = this.process.group
    this.startedAt = clock.now
    this.#whenOver(clock, onExit)
  }

  /** In a function of its own: what it is called with stays as long as the container, and nothing else does. */
  #whenOver(clock: Clock, onExit: (status: ExitStatus) => void): void {
    const { machine } = this
    this.process.onExit(() => {
      const status = this.process.status!
      // Whoever notices does so after the process is gone altogether.
      clock.schedule(0, () => {
        machine.halt()
        this.log.close()
        if (!this.#lost) onExit(status)
      })
    })
  }

  get running(): boolean {
    return this.process.status === undefined
  }

  /** Its machine is gone: everything stops, and nobody is told. */
  halt(): void {
    this.#lost = true
    this.machine.halt()
  }

  signal(signal: SignalName): void {
    this.process.signal(signal)
  }

  #openFiles(clock: Clock, container: Container): { table: Map<number, OpenFile>; input: OpenFile | undefined; terminal: Terminal | undefined } {
    if (container.tty) {
      const terminal = createTerminal(clock)
      terminal.onOutput((bytes) => this.log.write(bytes, 'stdout'))
      return { table: new Map([0, 1, 2].map((fd) => [fd, terminal.open()])), input: undefined, terminal }
    }
    const sink = (stream: 'stdout' | 'stderr'): OpenFile => new CallbackFile(clock, (bytes) => this.log.write(bytes, stream), undefined, () => this.log.late(stream))
    const table = new Map<number, OpenFile>([[1, sink('stdout')], [2, sink('stderr')]])
    if (!container.stdin) {
      table.set(0, new NullFile(clock))
      return { table, input: undefined, terminal: undefined }
    }
    const { reader, writer } = createPipe(clock)
    table.set(0, reader)
    return { table, input: writer, terminal: undefined }
  }
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
