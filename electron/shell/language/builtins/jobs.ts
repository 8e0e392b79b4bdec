import { SIGNAL_NUMBERS } from '../../../engine/machine/signals.ts'
import { anyOf, sleep, type Task } from '../../../engine/machine/task.ts'
import type { Process, SignalName } from '../../../engine/machine/types.ts'
import type { Job } from '../jobs.ts'
import type { Shell } from '../shell.ts'
import { parseSignal, signalList } from '../signal-names.ts'
import { quoteForShell } from '../quote.ts'
import { letters, textBuiltin, usage } from './table.ts'

function* jobOf(shell: Shell, command: string, spec: string | undefined): Task<Job | undefined> {
  const job = shell.jobs.find(spec ?? '%+')
  if (!job) yield* shell.error(`${command}: ${spec ?? 'current'}: no such job`)
  return job
}

const JOBS_USAGE = 'jobs [-lnprs] [jobspec ...] or jobs -x command [args]'

textBuiltin('jobs', function* (shell, args) {
  if (args[0] === '-x') return yield* withProcessIds(shell, args.slice(1))
  const { options, rest, bad } = letters(args, 'lprsn')
  if (bad) return yield* usage(shell, 'jobs', bad, JOBS_USAGE)
  const shown: Job[] = []
  for (const spec of rest) {
    const job = yield* jobOf(shell, 'jobs', spec)
    if (!job) return 1
    shown.push(job)
  }
  const known = shell.jobs.shown
  for (const job of rest.length > 0 ? shown : [...known.all]) {
    if ((options.has('r') && job.state() !== 'Running') || (options.has('s') && !job.stopped)) continue
    yield* shell.process.print((options.has('p') ? String(job.processes[0]!.pid) : known.line(job, options.has('l'))) + '\n')
    job.told = job.state()
    if (job.done) shell.jobs.remove(job)
  }
  return 0
})

/** `jobs -x`: a command with process numbers in the places of jobs. */
function* withProcessIds(shell: Shell, args: readonly string[]): Task<number> {
  const words = args.map((word) => (word.startsWith('%') ? String(shell.jobs.find(word)?.processes[0]!.pid ?? word) : word))
  return yield* shell.executor.source(words.map(quoteForShell).join(' '))
}

textBuiltin('fg', function* (shell, args) {
  if (!shell.jobControl) {
    yield* shell.error('fg: no job control')
    return 1
  }
  const job = yield* jobOf(shell, 'fg', args[0])
  if (!job) return 1
  yield* shell.process.print(job.command + '\n')
  job.background = false
  if (shell.terminal) shell.terminal.foreground = job.group
  job.group.signal('SIGCONT')
  return yield* shell.jobs.foreground(job.processes, job.command, job)
})

textBuiltin('bg', function* (shell, args) {
  if (!shell.jobControl) {
    yield* shell.error('bg: no job control')
    return 1
  }
  let code = 0
  for (const spec of args.length > 0 ? args : [undefined]) {
    const job = yield* jobOf(shell, 'bg', spec)
    if (!job) {
      code = 1
      continue
    }
    if (!job.stopped) {
      yield* shell.error(`bg: job ${job.id} already in background`)
      continue
    }
    job.background = true
    job.told = 'Running'
    yield* shell.process.printError(`[${job.id}]${shell.jobs.mark(job)} ${job.command} &\n`)
    job.group.signal('SIGCONT')
  }
  return code
})

/** Waits for processes; a trapped signal ends the wait. */
function* waitFor(shell: Shell, processes: readonly Process[], any = false): Task<number | undefined> {
  for (;;) {
    if (shell.pendingTraps.length > 0) return 128 + SIGNAL_NUMBERS[shell.pendingTraps[0]!]
    const open = processes.filter((p) => !p.status)
    if (open.length === 0 || (any && open.length < processes.length)) return undefined
    yield anyOf(...open.map((p) => shell.process.changed(p)), shell.trapArrived)
  }
}

textBuiltin('wait', function* (shell, args) {
  let into: string | undefined
  const at = args.indexOf('-p')
  if (at >= 0) {
    into = args[at + 1]
    args = [...args.slice(0, at), ...args.slice(at + 2)]
    if (into !== undefined && shell.variables.find(into)) shell.variables.unset(into)
  }
  const tell = (job: Job): void => {
    if (into !== undefined) shell.assign(into, String(job.last.pid))
  }
  const { options, rest, bad } = letters(args, 'fn')
  if (bad) return yield* usage(shell, 'wait', bad, 'wait [-fn] [-p var] [id ...]')
  if (options.has('n')) {
    const jobs = [...shell.jobs.all]
    if (jobs.length === 0) return 127
    const interrupted = yield* waitFor(shell, jobs.map((j) => j.last), true)
    if (interrupted !== undefined) return interrupted
    const done = jobs.find((j) => j.last.status)!
    shell.jobs.remove(done)
    tell(done)
    return done.code
  }
  if (rest.length === 0) {
    const interrupted = yield* waitFor(shell, shell.jobs.all.flatMap((j) => j.processes))
    if (interrupted === undefined) shell.jobs.reap()
    return interrupted ?? 0
  }
  let code = 0
  for (const spec of rest) {
    const job = shell.jobs.find(spec)
    if (!job) {
      const ended = /^\d+$/.test(spec) ? shell.jobs.finished.get(Number(spec)) : undefined
      if (ended === undefined) {
        if (spec.startsWith('%')) yield* shell.error(`wait: ${spec}: no such job`)
        else if (/^\d+$/.test(spec)) yield* shell.error(`wait: pid ${spec} is not a child of this shell`)
        else yield* shell.error(`wait: \`${spec}': not a pid or valid job spec`)
      }
      code = ended ?? (/^[%\d]/.test(spec) ? 127 : 1)
      continue
    }
    const interrupted = yield* waitFor(shell, job.processes)
    if (interrupted !== undefined) return interrupted
    code = job.code
    tell(job)
    if (!shell.interactive) shell.jobs.remove(job)
  }
  return code
})

textBuiltin('disown', function* (shell, args) {
  const { options, bad } = letters(args, 'har')
  if (bad) return yield* usage(shell, 'disown', bad, 'disown [-h] [-ar] [jobspec ... | pid ...]')
  if (options.has('a') || options.has('r')) {
    for (const job of [...shell.jobs.all]) if (!options.has('r') || job.state() === 'Running') shell.jobs.remove(job)
    return 0
  }
  for (const spec of args.filter((a) => !a.startsWith('-')).length > 0 ? args.filter((a) => !a.startsWith('-')) : ['%+']) {
    const job = yield* jobOf(shell, 'disown', spec === '%+' ? undefined : spec)
    if (!job) return 1
    shell.jobs.remove(job)
  }
  return 0
})

const KILL_USAGE = 'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n'

textBuiltin('kill', function* (shell, args) {
  let signal: SignalName | 0 = 'SIGTERM'
  let rest = args
  const [first] = args
  if (first === undefined) {
    yield* shell.process.printError(KILL_USAGE)
    return 2
  }
  if (first === '-l' || first === '-L') {
    if (args.length === 1) {
      yield* shell.process.print(signalList())
      return 0
    }
    for (const spec of args.slice(1)) {
      const parsed = parseSignal(/^\d+$/.test(spec) && Number(spec) > 128 ? String(Number(spec) - 128) : spec)
      if (!parsed) {
        yield* shell.error(`kill: ${spec}: invalid signal specification`)
        return 1
      }
      yield* shell.process.print((/^\d+$/.test(spec) ? parsed.slice(3) : String(SIGNAL_NUMBERS[parsed])) + '\n')
    }
    return 0
  }
  if (/^-./.test(first) && first !== '--') {
    if ((first === '-s' || first === '-n') && args[1] === undefined) {
      yield* shell.error(`kill: ${first}: option requires an argument`)
      return 1
    }
    const spec = first === '-s' || first === '-n' ? args[1]! : first.slice(1)
    rest = args.slice(first === '-s' || first === '-n' ? 2 : 1)
    const parsed = spec === '0' ? 0 : parseSignal(spec)
    if (parsed === undefined) {
      yield* shell.error(`kill: ${spec}: invalid signal specification`)
      return 1
    }
    signal = parsed
  }
  if (rest[0] === '--') rest = rest.slice(1)
  if (rest.length === 0) {
    yield* shell.process.printError(KILL_USAGE)
    return 2
  }
  let code = 0
  for (const spec of rest) if (!(yield* killOne(shell, spec, signal))) code = 1
  // whoever killed itself goes no further
  if (rest.includes(String(shell.process.pid))) yield sleep(shell.process.clock, 0)
  return code
})

function* killOne(shell: Shell, spec: string, signal: SignalName | 0): Task<boolean> {
  if (spec.startsWith('%')) {
    const job = shell.jobs.shown.find(spec)
    if (!job) {
      yield* shell.error(`kill: ${spec}: no such job`)
      return false
    }
    const targets = shell.jobControl ? [job.group] : job.processes
    if (signal) {
      for (const target of targets) target.signal(signal)
      if (job.stopped && (signal === 'SIGTERM' || signal === 'SIGHUP')) for (const target of targets) target.signal('SIGCONT')
    }
    return true
  }
  if (!/^-?\d+$/.test(spec)) {
    yield* shell.error(`kill: ${spec}: arguments must be process or job IDs`)
    return false
  }
  const pid = Number(spec)
  const { machine } = shell.process
  if (pid === 0) {
    if (signal) shell.process.group.signal(signal)
    return true
  }
  const targets = pid < 0 ? [...machine.processes.values()].filter((p) => p.group.id === -pid) : [machine.pids.table().get(pid)].filter((p) => p !== undefined)
  if (targets.length === 0) {
    if (shell.jobs.all.some((j) => j.processes.some((p) => p.pid === pid))) return true
    yield* shell.error(`kill: (${spec}) - No such process`)
    return false
  }
  for (const target of targets) {
    if (shell.process.user.uid !== 0 && target.user.uid !== shell.process.user.uid) {
      yield* shell.error(`kill: (${spec}) - Operation not permitted`)
      return false
    }
    // The kernel keeps a container's first process from signals of its own children.
    const immune = machine.kind === 'container' && target.pid === 1 && (signal === 'SIGKILL' || signal === 'SIGSTOP')
    if (signal && !immune) target.signal(signal)
  }
  return true
}
