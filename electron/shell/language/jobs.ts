import { SIGNAL_NUMBERS } from '../../engine/machine/signals.ts'
import { anyOf, type Task } from '../../engine/machine/task.ts'
import type { Process, ProcessGroup, SignalName } from '../../engine/machine/types.ts'
import { Interrupted } from './errors.ts'
import type { Shell } from './shell.ts'

const SIGNAL_TEXTS: Partial<Record<SignalName, string>> = {
  SIGHUP: 'Hangup', SIGINT: 'Interrupt', SIGQUIT: 'Quit', SIGKILL: 'Killed', SIGTERM: 'Terminated', SIGALRM: 'Alarm clock', SIGPIPE: 'Broken pipe',
  SIGILL: 'Illegal instruction', SIGTRAP: 'Trace/breakpoint trap', SIGABRT: 'Aborted', SIGBUS: 'Bus error', SIGFPE: 'Floating point exception', SIGSEGV: 'Segmentation fault', SIGSTKFLT: 'Stack fault',
  SIGXCPU: 'CPU time limit exceeded', SIGXFSZ: 'File size limit exceeded', SIGVTALRM: 'Virtual timer expired', SIGPROF: 'Profiling timer expired', SIGIO: 'I/O possible', SIGPWR: 'Power failure', SIGSYS: 'Bad system call',
  SIGUSR1: 'User defined signal 1', SIGUSR2: 'User defined signal 2',
}

/** Ended jobs that a script may still ask about. */
const KEPT = 100

/** A pipeline as job control sees it. */
export class Job {
  readonly id: number
  readonly processes: readonly Process[]
  readonly group: ProcessGroup
  readonly command: string
  background: boolean
  /** The state that the person was told last. */
  told: string

  constructor(id: number, processes: readonly Process[], command: string, background: boolean) {
    this.id = id
    this.processes = processes
    this.group = processes[0]!.group
    this.command = command
    this.background = background
    this.told = 'Running'
  }

  get last(): Process {
    return this.processes[this.processes.length - 1]!
  }

  get done(): boolean {
    return this.processes.every((p) => p.status)
  }

  get stopped(): boolean {
    return !this.done && this.processes.every((p) => p.status || p.stopped)
  }

  get code(): number {
    return this.last.status?.code ?? 128 + SIGNAL_NUMBERS.SIGTSTP
  }

  state(): string {
    if (this.stopped) return 'Stopped'
    if (!this.done) return 'Running'
    const { code, signal } = this.last.status!
    return signal ? (SIGNAL_TEXTS[signal] ?? signal) : code === 0 ? 'Done' : `Exit ${code}`
  }
}

export class Jobs {
  readonly #shell: Shell
  all: Job[] = []
  /** Most recent first: "%+", "%-". */
  #order: Job[] = []
  /** Codes of children that `wait` may ask for after they ended. */
  readonly finished = new Map<number, number>()

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** What a subshell's `jobs` and `kill` know: those of the shell that it was made in. They are no children of its own. */
  inherited: Jobs | undefined

  /** Those that `jobs` shows. */
  get shown(): Jobs {
    return this.all.length === 0 && this.inherited ? this.inherited.shown : this
  }

  add(processes: readonly Process[], command: string, background: boolean): Job {
    if (this.all.length >= KEPT) this.reap()
    const job = new Job(this.all.reduce((most, j) => Math.max(most, j.id), 0) + 1, processes, command, background)
    this.all.push(job)
    this.#order.unshift(job)
    return job
  }

  remove(job: Job): void {
    this.all = this.all.filter((j) => j !== job)
    this.#order = this.#order.filter((j) => j !== job)
    for (const p of job.processes) if (p.status) this.finished.set(p.pid, p.status.code)
    if (this.finished.size > 10 * KEPT) this.finished.delete(this.finished.keys().next().value!)
  }

  #ordered(): Job[] {
    return [...this.#order.filter((j) => j.stopped), ...this.#order.filter((j) => !j.stopped)]
  }

  mark(job: Job): string {
    const [current, previous] = this.#ordered()
    return job === current ? '+' : job === previous ? '-' : ' '
  }

  /** %1, %+, %-, %%, %name, %?text, or a pid. */
  find(spec: string): Job | undefined {
    const order = this.#ordered()
    if (spec === '%%' || spec === '%+' || spec === '%') return order[0]
    if (spec === '%-') return order[1] ?? order[0]
    const text = spec.replace(/^%/, '')
    if (/^\d+$/.test(text)) return this.all.find((j) => (spec.startsWith('%') ? j.id === Number(text) : j.processes.some((p) => p.pid === Number(text))))
    if (text.startsWith('?')) return this.all.find((j) => j.command.includes(text.slice(1)))
    return this.all.find((j) => j.command.startsWith(text))
  }

  line(job: Job, withPid = false): string {
    const state = job.state()
    const pid = withPid ? `${job.processes[0]!.pid} ` : ''
    const suffix = state === 'Running' && job.background ? ' &' : ''
    return `[${job.id}]${this.mark(job)}  ${pid}${state.padEnd(24)}${job.command}${suffix}`
  }

  /** What ended or stopped in the background since the last prompt. */
  *notify(): Task<void> {
    for (const job of [...this.all]) {
      const state = job.state()
      if (job.told === state) continue
      job.told = state
      if (this.#shell.interactive) yield* this.#shell.process.printError(this.line(job) + '\n')
      if (job.done) this.remove(job)
    }
  }

  /** Forgets, without a word, what ended: a script's jobs. */
  reap(): void {
    if (this.#shell.interactive) return
    for (const job of [...this.all]) if (job.done) this.remove(job)
  }

  /** Waits for a pipeline in the foreground; what is stopped becomes a job. */
  *foreground(processes: readonly Process[], command: string, existing?: Job): Task<number> {
    const shell = this.#shell
    const terminal = shell.jobControl ? shell.terminal : undefined
    const last = processes[processes.length - 1]!
    const own = shell.process.group
    if (terminal) terminal.foreground = processes[0]!.group
    try {
      for (;;) {
        const running = processes.filter((p) => !p.status)
        if (running.length === 0 || (shell.jobControl && running.every((p) => p.stopped))) break
        yield anyOf(...running.map((p) => shell.process.changed(p)))
      }
    } finally {
      if (terminal) {
        terminal.foreground = own
        if (processes.some((p) => p.status?.signal || p.stopped)) this.#sane()
      }
    }
    if (!last.status || processes.some((p) => !p.status)) {
      const job = existing ?? this.add(processes, command, false)
      job.background = false
      job.told = 'Stopped'
      yield* shell.process.printError(`\n${this.line(job)}\n`)
      shell.pipeStatus = [128 + SIGNAL_NUMBERS.SIGTSTP]
      return shell.pipeStatus[0]!
    }
    if (existing) this.remove(existing)
    shell.pipeStatus = processes.map((p) => p.status!.code)
    yield* this.#died(last, command)
    return last.status.code
  }

  /** A killed program may have left the terminal raw. */
  #sane(): void {
    const { terminal } = this.#shell
    if (!terminal) return
    terminal.canonical = true
    terminal.echo = true
    terminal.signals = true
  }

  *#died(process: Process, command: string): Task<void> {
    const shell = this.#shell
    const signal = process.status!.signal
    if (!signal || signal === 'SIGPIPE') return
    if (shell.jobControl) {
      if (signal === 'SIGINT') {
        yield* shell.process.printError('\n')
        shell.status = process.status!.code
        throw new Interrupted()
      }
      yield* shell.process.printError(`${SIGNAL_TEXTS[signal] ?? signal}\n`)
    } else if (signal === 'SIGTERM' && shell.flavour === 'bash' && !shell.plainMessages) yield* shell.process.printError('Terminated\n')
    else if (signal !== 'SIGINT' && shell.flavour === 'bash' && !shell.plainMessages) {
      yield* shell.error(`${String(process.pid).padStart(5)} ${(SIGNAL_TEXTS[signal] ?? signal).padEnd(23)}${(SIGNAL_TEXTS[signal] ?? signal).length > 23 ? '' : ' '}${command}`)
    }
  }
}
