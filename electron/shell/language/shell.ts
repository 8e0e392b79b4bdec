import { onlyInput, printContents } from './contents.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import { createPipe } from '../../engine/machine/pipe.ts'
import { MOST_IN_MEMORY } from '../../engine/machine/input.ts'
import { Signal, sleep, type Suspension, type Task } from '../../engine/machine/task.ts'
import type { OpenFile, Process, ProcessGroup, SignalName, Terminal } from '../../engine/machine/types.ts'
import { concatBytes, decodeUtf8 } from '../../engine/text.ts'
import type { Command, FunctionDefinition, List } from './ast.ts'
import type { CompletionSpec } from './completion-spec.ts'
import { Break, Exit, ExpansionError, Return } from './errors.ts'
import { Executor } from './executor.ts'
import { Expander } from './expansion.ts'
import { HistoryList } from './history-list.ts'
import { Jobs } from './jobs.ts'
import { prefixOf, type Flavour } from './messages.ts'
import { expandPrompt } from './prompt.ts'
import { Readline } from '../readline/readline.ts'
import { computeVariables, dynamicArray, parameter } from './special-parameters.ts'
import { ReadonlyError, Variables } from './variables.ts'

/** Commands between two pauses: an endless loop passes (virtual) time, and Ctrl-C can reach it. */
const COMMANDS_PER_MS = 200
const COMMANDS_PER_FORK = 100
/** Calls that a subshell remembers of those it was made in. */
const KEPT_CALLS = 20

interface ForkOptions { files?: ReadonlyMap<number, OpenFile>; group?: 'new' | ProcessGroup; ignoreInterrupts?: boolean }

/** The state of one shell, or of a subshell: a copy in a process of its own. */
export class Shell {
  process: Process
  readonly flavour: Flavour
  /** $0 */
  name: string
  /** What messages call it while another file is sourced. */
  messageName: string | undefined
  interactive = false
  /** Pipelines get process groups of their own. */
  jobControl = false
  /** Messages look as in an interactive shell; a subshell inherits it. */
  plainMessages = false
  readonly options = new Set<string>()
  readonly shopt = new Set<string>()
  variables: Variables
  readonly functions = new Map<string, FunctionDefinition>()
  /** Programs that ran, by name (the builtin hash). */
  readonly hashed = new Map<string, { path: string; hits: number }>()
  readonly readonlyFunctions = new Set<string>()
  readonly aliases = new Map<string, string>()
  /** `complete`, by command. */
  readonly completions = new Map<string, CompletionSpec>()
  /** Of the completion that is being made: `compopt` changes it. */
  completing: CompletionSpec | undefined
  positional: string[] = []
  /** How often `set` gave new ones. */
  positionalChanges = 0
  status = 0
  pipeStatus: number[] = [0]
  lastBackground: number | undefined
  readonly jobs: Jobs
  /** EXIT, ERR, DEBUG, RETURN and signals. */
  readonly traps = new Map<string, string>()
  readonly pendingTraps: SignalName[] = []
  readonly trapped = new Signal()
  line = 1
  loopDepth = 0
  functionNames: string[] = []
  sourceDepth = 0
  /** While it is above 0 a failure does not end a shell with `set -e`: conditions, `!`, the left of && and ||. */
  tested = 0
  subshellDepth = 0
  readonly directories: string[] = []
  /** The exit code of the last command substitution of the command being expanded. */
  substitutionStatus: number | undefined
  history = new HistoryList()
  #readline: Readline | undefined
  /** The command that runs is the history's last line. */
  historyAdded = false
  /** Lines of the history file that were read: `history -n` reads the rest. */
  historyLinesRead = 0
  /** \# in a prompt: command lines so far, and one. */
  commandNumber = 1
  optionState = { index: 1, offset: 1 }
  /** What `ulimit` has set, by S or H and the resource's letter. */
  readonly limits = new Map<string, string>()
  /** Command substitutions, eval and traps around what runs: how often PS4's first character is shown. */
  traceLevel = 0
  /** What runs, for $BASH_COMMAND; traps leave it alone. */
  currentCommand: Command | string = ''
  trapDepth = 0
  /** $_ */
  lastArgument: string | undefined
  inDebugTrap = false
  /** `exit` has said that there are stopped jobs. */
  warnedOfJobs = false
  /** What an interactive shell does on signals that are not trapped. */
  readonly defaultHandlers = new Map<SignalName, () => void>()
  readonly expander: Expander
  readonly executor: Executor
  /** Commands since the last pause. */
  #spent = 0
  #startedAt: number
  #openSubstitutions: { fd: number; file: OpenFile }[] = []

  constructor(process: Process, flavour: Flavour, name: string) {
    this.process = process
    this.flavour = flavour
    this.name = name
    this.variables = new Variables(process.env)
    this.jobs = new Jobs(this)
    this.expander = new Expander(this)
    this.executor = new Executor(this)
    this.#startedAt = process.clock.now
    computeVariables(this, this.#startedAt)
  }

  /** Keys and variables of the line editor: `bind` and inputrc. */
  get readline(): Readline {
    return (this.#readline ??= new Readline())
  }

  /** Arrays that are computed at each use; undefined for all others. */
  dynamicArray(name: string): string[] | undefined {
    return dynamicArray(this, name)
  }

  /** The script that runs, when it is a file. */
  scriptFile: string | undefined
  /** Functions and sourced files around what runs, the innermost last. */
  calls: { function?: string; source: string; line: number }[] = []

  /** The file that what runs was read from. */
  get sourceFile(): string {
    return this.calls[this.calls.length - 1]?.source ?? this.scriptFile ?? (this.flavour === 'bash' ? 'main' : '')
  }

  get terminal(): Terminal | undefined {
    return this.process.terminalOf(0) ?? this.process.terminalOf(2)
  }

  // ---- parameters --------------------------------------------------------------------------------------------------

  parameter(name: string): string | undefined {
    return parameter(this, name)
  }

  rootPid = 0

  commandString = false
  readsStdin = false

  assign(name: string, value: string, index?: string, append = false): void {
    try {
      const variable = this.variables.find(name)
      if (index !== undefined) {
        if (index === '') throw new ExpansionError(`${name}[]: bad array subscript`)
        const target = this.variables.writable(name)
        target.unassigned = false
        if (target.table) {
          target.table.set(index, append ? (target.table.get(index) ?? '') + value : value)
          return
        }
        if (!target.array) {
          target.array = new Map(target.value === undefined ? [] : [[0, target.value]])
          target.value = undefined
        }
        const at = this.expander.arrayIndex(name, index)
        target.array.set(at, append ? (target.array.get(at) ?? '') + value : value)
        return
      }
      if (variable?.integer) value = String(append ? this.expander.evaluate(`${this.variables.get(name) ?? 0}+(${value})`) : this.expander.evaluate(value))
      else if (append) value = (this.variables.get(name) ?? '') + value
      if (name === 'SECONDS') this.variables.computed.delete(name)
      this.variables.set(name, value)
      if (this.options.has('allexport')) this.variables.export(name)
    } catch (error) {
      if (error instanceof ReadonlyError) throw new ExpansionError(this.flavour === 'bash' ? `${error.message}: readonly variable` : `${error.message}: is read only`)
      throw error
    }
  }

  // ---- messages ----------------------------------------------------------------------------------------------------

  /** One line of `set -x`. */
  *trace(text: string): Task<void> {
    const prefix = this.prompt(this.variables.get('PS4') ?? '+ ')
    const first = String.fromCodePoint(prefix.codePointAt(0) ?? 32)
    yield* this.process.printError((prefix === '' ? '' : first.repeat(this.traceLevel)) + prefix + text + '\n')
  }

  /** The variable of `for`: a name reference is turned to another target (bash(1), PARAMETERS). */
  assignLoopVariable(name: string, value: string): void {
    const own = this.variables.own(name)
    if (own?.reference && !own.readonly) own.value = value
    else this.assign(name, value)
  }

  *error(message: string, line = this.line): Task<void> {
    const text = `${prefixOf(this, line)}${message}\n`
    try {
      yield* this.process.printError(text)
    } catch (error) {
      if (!isSystemError(error, 'EBADF')) throw error
    }
  }

  // ---- time --------------------------------------------------------------------------------------------------------

  /** Every command passes here: pauses now and then, and runs the traps of signals that came. */
  *tick(): Task<void> {
    if (++this.#spent >= COMMANDS_PER_MS) {
      this.#spent = 0
      yield sleep(this.process.clock, 1, { background: this.process.machine.kind !== 'laptop' })
    }
    while (this.pendingTraps.length > 0) yield* this.executor.runTrap(this.pendingTraps.shift()!)
  }

  // ---- subshells ---------------------------------------------------------------------------------------------------

  /** A copy of this shell in a child process, which runs `task` and ends with its code. */
  fork(task: (child: Shell) => Task<number>, options: ForkOptions = {}): Process {
    const copy = this.#copy()
    this.#spent += COMMANDS_PER_FORK
    try {
      return this.#spawn(copy, task, options)
    } catch (error) {
      if (isSystemError(error, 'EAGAIN')) throw new ExpansionError('fork: Resource temporarily unavailable', true)
      throw error
    }
  }

  #spawn(copy: Shell, task: (child: Shell) => Task<number>, options: ForkOptions): Process {
    return this.process.spawn({
      argv: [...this.process.argv],
      files: options.files ?? this.process.files,
      group: options.group,
      program: function* (process) {
        copy.process = process
        copy.variables.bind(process.env)
        computeVariables(copy, copy.#startedAt)
        copy.variables.computed.set('SECONDS', () => String(Math.floor((process.clock.now - copy.#startedAt) / 1000)))
        if (options.ignoreInterrupts) for (const s of ['SIGINT', 'SIGQUIT'] as const) process.onSignal(s, 'ignore')
        return yield* copy.run(task(copy))
      },
    })
  }

  #copy(): Shell {
    const copy = new Shell(this.process, this.flavour, this.name)
    copy.variables = this.variables.clone(new Map())
    copy.plainMessages = this.plainMessages
    for (const o of this.options) if (o !== 'monitor') copy.options.add(o)
    for (const o of this.shopt) copy.shopt.add(o)
    for (const [k, v] of this.functions) copy.functions.set(k, v)
    for (const name of this.readonlyFunctions) copy.readonlyFunctions.add(name)
    for (const [k, v] of this.hashed) copy.hashed.set(k, { ...v })
    for (const [k, v] of this.completions) copy.completions.set(k, v)
    for (const [k, v] of this.aliases) copy.aliases.set(k, v)
    for (const [k, v] of this.traps) if (v === '' || (k === 'ERR' && this.options.has('errtrace')) || ((k === 'DEBUG' || k === 'RETURN') && this.options.has('functrace'))) copy.traps.set(k, v)
    copy.positional = [...this.positional]
    copy.status = this.status
    copy.pipeStatus = this.pipeStatus
    copy.lastBackground = this.lastBackground
    copy.line = this.line
    copy.functionNames = this.functionNames.slice(-KEPT_CALLS)
    copy.calls = this.calls.slice(-KEPT_CALLS)
    copy.scriptFile = this.scriptFile
    copy.messageName = this.messageName
    copy.traceLevel = this.traceLevel
    copy.trapDepth = this.trapDepth
    copy.lastArgument = this.lastArgument
    copy.currentCommand = this.currentCommand
    copy.sourceDepth = this.sourceDepth
    copy.tested = this.tested
    copy.loopDepth = 0
    copy.subshellDepth = this.subshellDepth + 1
    copy.directories.push(...this.directories)
    copy.rootPid = this.rootPid
    copy.commandString = this.commandString
    copy.readsStdin = this.readsStdin
    copy.jobs.inherited = this.jobs
    for (const [limit, value] of this.limits) copy.limits.set(limit, value)
    copy.history = this.history
    copy.#readline = this.#readline
    copy.historyAdded = this.historyAdded
    copy.#startedAt = this.#startedAt
    return copy
  }

  /** Runs a whole shell to its exit code: what leaves it early, and the EXIT trap. */
  *run(task: Task<number>): Task<number> {
    let code: number
    try {
      code = yield* task
    } catch (error) {
      if (error instanceof Exit) {
        code = error.code
        if (error.replaced) return code
      } else if (error instanceof Return) code = error.code
      else if (error instanceof Break) code = 0
      else if (error instanceof ExpansionError) {
        yield* this.error(error.message)
        code = this.flavour !== 'bash' ? 2 : error.fatal && this.commandString ? 127 : 1
      } else throw error
    }
    return yield* this.exitTrap(code)
  }

  *exitTrap(code: number): Task<number> {
    const action = this.traps.get('EXIT')
    if (action === undefined || action === '') return code
    this.traps.delete('EXIT')
    this.status = code
    try {
      yield* this.executor.source(action, { firstLine: this.line })
    } catch (error) {
      if (error instanceof Exit) return error.code
      throw error
    }
    return code
  }

  /** $(…): the output of commands without its last newlines. */
  *substitute(script: List): Task<string> {
    const bytes = yield* this.#capture(script)
    if (this.flavour === 'bash' && bytes.includes(0)) yield* this.error('warning: command substitution: ignored null byte in input')
    return decodeUtf8(bytes).replace(/\0/g, '').replace(/\n+$/, '')
  }

  *#capture(script: List): Task<Uint8Array> {
    const { reader, writer } = createPipe(this.process.clock)
    const chunks: Uint8Array[] = []
    let size = 0
    let child: Process | undefined
    try {
      child = this.fork((shell) => {
        shell.traceLevel++
        if (this.flavour === 'bash' && !this.shopt.has('inherit_errexit') && !this.options.has('posix')) shell.options.delete('errexit')
        const file = this.flavour === 'bash' ? onlyInput(script) : undefined
        return file ? printContents(shell, file) : shell.executor.list(script, true)
      }, { files: new Map(this.process.files).set(1, writer) })
      writer.release()
      for (;;) {
        const bytes = yield* reader.read()
        if (bytes === null) break
        chunks.push(bytes)
        size += bytes.length
        if (size > MOST_IN_MEMORY) throw new ExpansionError('xrealloc: cannot allocate memory', true)
      }
      this.status = this.substitutionStatus = (yield* this.process.wait(child)).code
    } finally {
      reader.release()
      if (child && !child.status) child.signal('SIGINT')
    }
    return concatBytes(chunks)
  }

  /** <(…) and >(…): a path that names the other end of a pipe. */
  processSubstitution(direction: '<' | '>', script: List): string {
    const { reader, writer } = createPipe(this.process.clock)
    const [ours, theirs, fd] = direction === '<' ? [reader, writer, 1] : [writer, reader, 0]
    this.fork((shell) => shell.executor.list(script, true), { files: new Map(this.process.files).set(fd, theirs) })
    theirs.release()
    let free = 63
    while (this.process.files.has(free)) free--
    this.process.files.set(free, ours)
    this.#openSubstitutions.push({ fd: free, file: ours })
    return `/dev/fd/${free}`
  }

  get substitutionCount(): number {
    return this.#openSubstitutions.length
  }

  closeSubstitutions(from: number): void {
    for (const { fd, file } of this.#openSubstitutions.splice(from)) {
      if (this.process.files.get(fd) === file) this.process.files.delete(fd)
      file.release()
    }
  }

  prompt(text: string): string {
    return expandPrompt(this, text)
  }

  /** Wakes when a trapped signal comes (`wait` returns then). */
  get trapArrived(): Suspension {
    return this.trapped.wait
  }

  get activeAliases(): ReadonlyMap<string, string> | undefined {
    return this.shopt.has('expand_aliases') || this.flavour !== 'bash' ? this.aliases : undefined
  }

  /** For the search of programs: PATH counts even when it is not exported. */
  pathEnvironment(): ReadonlyMap<string, string> {
    const path = this.variables.get('PATH')
    return new Map([['PATH', path ?? '/nonexistent']])
  }
}
