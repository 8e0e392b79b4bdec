import type { Clock } from '../clock.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { SparseMap, SparseSet } from '../sparse.ts'
import { decodeUtf8, concatBytes, encodeUtf8 } from '../text.ts'
import { Environment } from './environment.ts'
import { SystemError } from './errors.ts'
import { loadExecutable } from './executable.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import type { SimulatedMachine } from './machine.ts'
import { ReadAhead, readAll } from './input.ts'
import { reportInternalError } from './internal-error.ts'
import { openPath } from './open.ts'
import { orphan } from './orphans.ts'
import { absolutePath, ownProc } from './path.ts'
import { Group } from './process-group.ts'
import { SIGNAL_NUMBERS, defaultAction } from './signals.ts'
import { Signal, Thread, anyOf, sleep, type Outcome, type Suspension, type Task } from './task.ts'
import type {
  Credentials,
  ExitStatus, Inside, OpenFile, Process, ProcessGroup, Program, SignalName, SpawnOptions, Terminal,
} from './types.ts'

/** What fork and exec take: a program that starts itself for ever passes time. */
const START_MS = 0.5

type Handler = (() => void) | 'ignore'

const NONE: readonly never[] = []

export interface ProcessSetup {
  pid: number
  machine: SimulatedMachine
  parent: SimulatedProcess | undefined
  program: Program
  argv: readonly string[]
  options: SpawnOptions
}

export class SimulatedProcess implements Process {
  readonly pid: number
  readonly machine: SimulatedMachine
  argv: readonly string[]
  readonly env: Map<string, string>
  readonly files = new Map<number, OpenFile>()
  user: Credentials
  readonly startedAt: number
  readonly thread: Thread<number>
  cwd: string
  status: ExitStatus | undefined
  parent: SimulatedProcess | undefined
  readonly children = new SparseSet<SimulatedProcess>()
  readonly #inside: Inside | undefined
  #group: ProcessGroup
  #stopped = false
  #continued = new Signal()
  #changed = new Signal()
  #interrupted = new Signal()
  readonly #handlers = new SparseMap<SignalName, Handler>()
  #pending: readonly SignalName[] = NONE
  #killedBy: SignalName | undefined
  #exitCode: number | undefined
  #cleanups: readonly (() => void)[] = NONE
  #threads: Set<{ kill(): void }> | undefined
  #readAhead: ReadAhead | undefined

  constructor(setup: ProcessSetup) {
    const { machine, parent, options } = setup
    this.pid = setup.pid
    this.machine = machine
    this.parent = parent
    this.argv = setup.argv
    this.env = new Environment(options.env ?? parent?.env ?? machine.env)
    this.user = options.user ?? parent?.user ?? machine.user
    this.cwd = options.cwd ?? parent?.cwd ?? '/'
    this.startedAt = machine.clock.now
    this.#inside = options.inside ?? (parent ? parent.#inside : undefined)
    for (const [fd, file] of options.files) this.files.set(fd, file.retain())
    this.#group = options.group === 'new' || (!options.group && !parent) ? new Group(this.pid) : (options.group ?? parent!.group)
    ;(this.#group.members as Set<Process>).add(this)
    parent?.children.add(this)
    if (parent) for (const [signal, handler] of parent.#handlers) if (handler === 'ignore') this.#handlers.set(signal, handler)
    machine.enter(this)
    this.thread = new Thread(machine.clock, this.#main(setup.program), (outcome) => this.#ended(outcome))
  }

  get clock(): Clock {
    return this.machine.clock
  }

  get fs(): MemoryFilesystem {
    return this.machine.fs
  }

  get network(): NetworkNamespace {
    return this.#inside?.network ?? this.machine.network
  }

  get capabilities(): ReadonlySet<string> | undefined {
    return this.#inside ? this.#inside.capabilities : this.machine.capabilities
  }

  get stopped(): boolean {
    return this.#stopped
  }

  get group(): ProcessGroup {
    return this.#group
  }

  set group(group: ProcessGroup) {
    ;(this.#group.members as Set<Process>).delete(this)
    this.#group = group
    ;(group.members as Set<Process>).add(this)
  }

  resolve(path: string): string {
    const absolute = absolutePath(this.cwd, path)
    return absolute.startsWith('/proc/') ? ownProc(absolute, this.pid, this.#inside?.network !== undefined) : absolute
  }

  open(path: string, mode: 'read' | 'write' | 'append' | 'both'): OpenFile {
    return openPath(this, path, mode)
  }

  *read(fd = 0, max?: number): Task<Uint8Array | null> {
    const file = this.#file(fd)
    const ahead = this.#readAhead?.take(file, max)
    if (ahead) return ahead
    // Job control: a background process that reads its terminal stops (termios(3)).
    while (this.#inBackground(file)) {
      this.#group.signal('SIGTTIN')
      if (!this.#stopped) throw new SystemError('EIO')
      yield (wake) => wake()
    }
    return yield* file.read(max)
  }

  *readLine(fd = 0): Task<string | null> {
    const file = this.#file(fd)
    const chunks: Uint8Array[] = []
    for (;;) {
      const bytes = yield* this.read(fd)
      if (bytes === null) return chunks.length > 0 ? decodeUtf8(concatBytes(chunks)) : null
      const end = bytes.indexOf(10)
      if (end < 0) {
        chunks.push(bytes)
        continue
      }
      chunks.push(bytes.subarray(0, end))
      if (end + 1 < bytes.length) (this.#readAhead ??= new ReadAhead()).keep(file, bytes.subarray(end + 1))
      return decodeUtf8(concatBytes(chunks))
    }
  }

  readAll(fd = 0): Task<Uint8Array> {
    return readAll(this, fd)
  }

  print(text: string | Uint8Array): Task<void> {
    return this.#write(1, text)
  }

  printError(text: string | Uint8Array): Task<void> {
    return this.#write(2, text)
  }

  terminalOf(fd = 0): Terminal | undefined {
    return this.files.get(fd)?.terminal
  }

  *sleep(ms: number, options?: { background?: boolean }): Task<void> {
    const background = options?.background ?? this.machine.kind !== 'laptop'
    yield anyOf(sleep(this.clock, ms, { background }), this.#interrupted.wait)
  }

  spawnThread<T>(task: Task<T>): Thread<T> {
    const threads = (this.#threads ??= new Set())
    let entry: { kill(): void } | undefined
    const thread = new Thread<T>(this.clock, this.#gated(task), (outcome) => {
      if (entry) threads.delete(entry)
      if (outcome.kind === 'threw') this.#fail(outcome.error)
    })
    if (!thread.outcome) threads.add((entry = thread))
    return thread
  }

  spawn(options: SpawnOptions): Process {
    const { program, argv } = loadExecutable(this.machine, this, options)
    return this.machine.create({ parent: this, program, argv, options })
  }

  exec(options: Pick<SpawnOptions, 'argv' | 'executable' | 'env'>): Task<number> {
    const { program, argv } = loadExecutable(this.machine, this, { ...options, files: this.files })
    this.argv = argv
    const env = options.env && [...options.env]
    if (env) {
      this.env.clear()
      for (const [name, value] of env) this.env.set(name, value)
    }
    for (const [signal, handler] of [...this.#handlers]) if (handler !== 'ignore') this.#handlers.delete(signal)
    return program(this)
  }

  *wait(child: Process): Task<ExitStatus> {
    while (!child.status) yield (child as SimulatedProcess).#changed.wait
    return child.status
  }

  changed(child: Process): Suspension {
    const other = child as SimulatedProcess
    return (wake) => {
      if (other.status) return wake()
      return other.#changed.wait(wake)
    }
  }

  signal(signal: SignalName): void {
    if (this.status) return
    if (signal === 'SIGKILL') return this.#die(signal)
    if (signal === 'SIGCONT') {
      this.#pending = this.#pending.filter((s) => !['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'].includes(s))
      this.#resume()
    }
    const handler = signal === 'SIGSTOP' ? undefined : this.#handlers.get(signal)
    if (handler === 'ignore') return
    const action = defaultAction(signal)
    if (handler === undefined && (action === 'ignore' || action === 'continue')) return
    if (handler === undefined && this.pid === 1 && this.machine.kind === 'container') return
    if (handler === undefined && action === 'stop') return this.#stop(signal)
    if (this.#stopped) {
      if (!this.#pending.includes(signal)) this.#pending = [...this.#pending, signal]
      return
    }
    this.#deliver(signal)
  }

  exit(code: number): void {
    if (this.status) return
    this.#exitCode ??= code
    this.#endThread()
  }

  onSignal(signal: SignalName, handler: Handler | undefined): Handler | undefined {
    const former = this.#handlers.get(signal)
    if (handler === undefined) this.#handlers.delete(signal)
    else this.#handlers.set(signal, handler)
    return former
  }

  onExit(cleanup: () => void): void {
    this.#cleanups = [...this.#cleanups, cleanup]
  }

  // ---- inside ----------------------------------------------------------------------------------------------------

  /** The child starts a moment later, so that its parent can set up groups and terminals first. */
  *#main(program: Program): Task<number> {
    yield sleep(this.machine.clock, START_MS)
    return yield* this.#gated(program(this))
  }

  /** Runs a task, but not while the process is stopped. */
  *#gated<T>(task: Task<T>): Task<T> {
    let over = false
    try {
      for (;;) {
        while (this.#stopped) yield this.#continued.wait
        const next = task.next()
        if (next.done) {
          over = true
          return next.value
        }
        yield next.value
      }
    } catch (error) {
      over = true
      throw error
    } finally {
      if (!over) task.return(undefined as T)
    }
  }

  *#write(fd: number, text: string | Uint8Array): Task<void> {
    const bytes = typeof text === 'string' ? encodeUtf8(text) : text
    if (bytes.length === 0) return
    try {
      yield* this.#file(fd).write(bytes)
    } catch (error) {
      if (error instanceof SystemError && error.code === 'EPIPE') this.signal('SIGPIPE')
      throw error
    }
  }

  #file(fd: number): OpenFile {
    const file = this.files.get(fd)
    if (!file) throw new SystemError('EBADF')
    return file
  }

  #inBackground(file: OpenFile): boolean {
    const terminal = file.terminal
    return !!terminal?.foreground && terminal.foreground !== this.#group && terminal.session?.machine === this.machine
  }

  #deliver(signal: SignalName): void {
    const handler = this.#handlers.get(signal)
    if (handler === 'ignore') return
    if (!handler) return this.#die(signal)
    try {
      handler()
    } catch (error) {
      this.#fail(error)
    }
    this.#interrupted.notify()
  }

  #die(signal: SignalName): void {
    this.#killedBy ??= signal
    this.#endThread()
  }

  #endThread(): void {
    this.#stopped = false
    // Undefined while the constructor runs, which waits before the program's first step.
    if (this.thread as Thread<number> | undefined) this.thread.kill()
  }

  #stop(signal: SignalName): void {
    if (this.#stopped) return
    this.#stopped = true
    this.stopSignal = signal
    this.#changed.notify()
  }

  /** What stopped it last. */
  stopSignal: SignalName = 'SIGTSTP'

  #resume(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#continued.notify()
    this.#changed.notify()
    const pending = this.#pending
    this.#pending = NONE
    for (const signal of pending) this.signal(signal)
  }

  /** A thread threw: the process ends, the rest of the world goes on. */
  #fail(error: unknown): void {
    if (this.status) return
    if (error instanceof SystemError && error.code === 'EPIPE') this.#killedBy ??= 'SIGPIPE'
    else if (!this.#killedBy) {
      this.#exitCode ??= 70
      reportInternalError(this, error)
    }
    this.#endThread()
  }

  #ended(outcome: Outcome<number>): void {
    if (outcome.kind === 'threw') {
      if (outcome.error instanceof SystemError && outcome.error.code === 'EPIPE') this.#killedBy ??= 'SIGPIPE'
      else if (!this.#killedBy && this.#exitCode === undefined) {
        this.#exitCode = 70
        reportInternalError(this, outcome.error)
      }
    }
    const signal = this.#killedBy
    const returned = outcome.kind === 'returned' ? outcome.value : 0
    this.status = signal
      ? { code: 128 + SIGNAL_NUMBERS[signal], signal }
      : { code: (this.#exitCode ?? returned) & 255 }
    this.#stopped = false
    for (const thread of [...(this.#threads ?? [])]) thread.kill()
    for (const cleanup of this.#cleanups) {
      try {
        cleanup()
      } catch (error) {
        reportInternalError(this, error)
      }
    }
    for (const file of this.files.values()) file.release()
    this.files.clear()
    ;(this.#group.members as Set<Process>).delete(this)
    this.parent?.children.delete(this)
    orphan(this)
    this.machine.leave(this)
    this.parent?.signal('SIGCHLD')
    this.#changed.notify()
  }
}
