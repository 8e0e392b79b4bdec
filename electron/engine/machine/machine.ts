import type { Clock } from '../clock.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { Environment } from './environment.ts'
import { SystemError } from './errors.ts'
import { loadExecutable } from './executable.ts'
import { MemoryFilesystem } from './filesystem.ts'
import type { MemoryGroup } from './memory.ts'
import { mountProc, mountSys } from './proc.ts'
import { entryOf } from './process-entry.ts'
import { SimulatedProcess, type ProcessSetup } from './process.ts'
import type { Credentials, Machine, NetworkNames, PidNamespace, Process, ProcessEntry, ProgramTable, SpawnOptions } from './types.ts'

export interface MachineOptions {
  kind: Machine['kind']
  name: string
  hostname: string
  clock: Clock
  /** The machine's own layer; default: an empty one. */
  fs?: MemoryFilesystem
  network: NetworkNamespace
  programs: ProgramTable
  env?: Readonly<Record<string, string>> | ReadonlyMap<string, string>
  user?: Credentials
  capabilities?: ReadonlySet<string>
  memory?: MemoryGroup
  /** Another machine's processes, to be among them. */
  pids?: PidNamespace
}

/** Processes of one machine; a fork bomb meets EAGAIN, for a second at least, so that it dies out. */
const MOST_PROCESSES = 500
const EXHAUSTED_MS = 1000

const ROOT = { uid: 0, gid: 0, name: 'root' }

export class SimulatedMachine implements Machine {
  readonly kind: Machine['kind']
  readonly name: string
  hostname: string
  readonly clock: Clock
  readonly fs: MemoryFilesystem
  readonly network: NetworkNamespace
  readonly programs: ProgramTable
  readonly processes: Map<number, SimulatedProcess>
  readonly env: Map<string, string>
  readonly user: Credentials
  readonly capabilities?: ReadonlySet<string>
  readonly memory?: MemoryGroup
  #nextPid: number
  readonly #shared: PidNamespace | undefined
  /** The first process of a container that is not process 1. */
  #first: SimulatedProcess | undefined

  constructor(options: MachineOptions) {
    this.kind = options.kind
    this.name = options.name
    this.hostname = options.hostname
    this.clock = options.clock
    this.fs = options.fs ?? new MemoryFilesystem({ clock: options.clock })
    this.network = options.network
    this.programs = options.programs
    this.env = new Environment(isIterable(options.env) ? options.env : Object.entries(options.env ?? {}))
    this.user = options.user ?? ROOT
    if (options.capabilities) this.capabilities = options.capabilities
    if (options.memory) this.memory = options.memory
    // A container's first process is 1; elsewhere the kernel and init came before.
    this.#shared = options.pids
    this.processes = options.pids ? (options.pids.processes as Map<number, SimulatedProcess>) : new Map()
    this.#nextPid = options.kind === 'container' ? 1 : 1000
    mountProc(this)
  }

  start(options: SpawnOptions): Process {
    const { program, argv } = loadExecutable(this, undefined, options)
    return this.create({ parent: undefined, program, argv, options })
  }

  halt(): void {
    for (const process of [...this.processes.values()]) if (process.machine === this) process.signal('SIGKILL')
  }

  get pids(): PidNamespace {
    return this.#shared ?? { processes: this.processes, next: () => this.#nextPid++, table: () => this.#table() }
  }

  #table(): ReadonlyMap<number, ProcessEntry> {
    const table = new Map<number, ProcessEntry>()
    for (const entry of this.surroundings?.entries() ?? []) table.set(entry.pid, entry)
    for (const process of this.processes.values()) table.set(process.pid, entryOf(process))
    return table
  }

  /** A node's: what it has that is made only when somebody looks. */
  surroundings: Surroundings | undefined

  get netns(): NetworkNames | undefined {
    return this.surroundings?.netns
  }

  visit(): void {
    if (this.#hasSys) return
    this.#hasSys = true
    mountSys(this)
    this.surroundings?.visited()
  }

  /** The machine was switched off: whoever comes next finds it new. */
  forget(): void {
    this.#hasSys = false
  }

  #exhaustedUntil = 0

  #hasSys = false

  create(setup: Omit<ProcessSetup, 'pid' | 'machine'>): SimulatedProcess {
    // a container's server alone does not look; whoever else is there may
    if (!this.#hasSys && (this.kind !== 'container' || setup.parent !== undefined || this.processes.size > 0)) this.visit()
    // what runs already has lower numbers than who comes
    if (this.surroundings && !setup.parent) for (const _ of this.surroundings.entries());
    if (this.processes.size >= MOST_PROCESSES) this.#exhaustedUntil = this.clock.now + EXHAUSTED_MS
    if (this.clock.now < this.#exhaustedUntil) throw new SystemError('EAGAIN')
    return new SimulatedProcess({ ...setup, pid: this.#shared ? this.#shared.next() : this.#nextPid++, machine: this })
  }

  enter(process: SimulatedProcess): void {
    this.processes.set(process.pid, process)
    if (this.#shared) this.#first ??= process
  }

  /** A container ends with its first process (pid_namespaces(7)). */
  leave(process: SimulatedProcess): void {
    this.processes.delete(process.pid)
    if (this.kind === 'container' && (this.#shared ? process === this.#first : process.pid === 1)) this.halt()
  }
}

/** What a machine has besides its own sessions. */
export interface Surroundings {
  readonly netns: NetworkNames
  /** Of the process table. */
  entries(): Iterable<ProcessEntry>
  /** Called before the first session, and after each time it was switched off. */
  visited(): void
}

function isIterable(env: MachineOptions['env']): env is ReadonlyMap<string, string> {
  return env !== undefined && Symbol.iterator in env
}

export function createMachine(options: MachineOptions): Machine {
  return new SimulatedMachine(options)
}
