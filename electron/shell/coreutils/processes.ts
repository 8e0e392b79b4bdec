import { isSystemError } from '../../engine/machine/errors.ts'
import { anyOf, sleep, type Task } from '../../engine/machine/task.ts'
import type { Process, ProcessEntry, SignalName } from '../../engine/machine/types.ts'
import { SIGNAL_NUMBERS } from '../../engine/machine/signals.ts'
import { parseSignal, signalList } from '../language/signal-names.ts'
import { commandName } from '../../engine/machine/proc-process.ts'
import { formatPrintf } from '../language/printf.ts'
import { Failure, NotSimulated, missingOperand, quote, tool, type Run } from './command.ts'
import { cannotStart } from './environment.ts'
import { posixRegExp, translateRegExp } from './regex.ts'
import { formatTime } from './strftime.ts'

/** "1.5", "2m", "1h": ms. */
function duration(text: string): number | undefined {
  const match = /^(\d+\.?\d*|\.\d+)([smhd]?)$/.exec(text)
  if (text === 'infinity' || text === 'inf') return Number.MAX_SAFE_INTEGER
  return match ? Number(match[1]) * { '': 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as '' | 's' | 'm' | 'h' | 'd'] : undefined
}

tool('sleep', {}, function* (run) {
  const { operands } = run.options
  if (operands.length === 0) throw missingOperand()
  let total = 0
  for (const text of operands) {
    const ms = duration(text)
    if (ms === undefined) throw new Failure(run.isBusybox ? `invalid number '${text}'` : `invalid time interval ${quote(text)}`, 1, true)
    total += ms
  }
  yield* run.process.sleep(Math.min(total, 1e14))
})

tool('true', 'raw', function* () {
  yield* []
  return 0
})

tool('false', 'raw', function* () {
  yield* []
  return 1
})

tool('yes', {}, function* (run) {
  const line = (run.options.operands.join(' ') || 'y') + '\n'
  const block = line.repeat(Math.max(1, Math.floor(1024 / line.length)))
  for (;;) yield* run.print(block)
})

/** Characters that seq writes at once. */
const SEQUENCE_CHUNK = 2048

/** `seq -f`: one directive for a floating-point number. */
function formatted(format: string): (n: number) => string {
  const directives = format.replace(/%%/g, '').match(/%[^a-zA-Z]*[a-zA-Z]?/g) ?? []
  if (directives.length === 0) throw new Failure(`format ${quote(format)} has no % directive`)
  if (directives.length > 1) throw new Failure(`format ${quote(format)} has too many % directives`)
  const kind = directives[0]!.at(-1)!
  if (!/^%[-+#0 ']*\d*(\.\d*)?[efgaEFGA]$/.test(directives[0]!)) throw new Failure(kind === '%' ? `format ${quote(format)} ends in %` : `format ${quote(format)} has unknown %${kind} directive`)
  return (n) => formatPrintf(format, [String(n)], () => '').text
}

tool('seq', 'raw', function* (run) {
  let separator = '\n'
  let padded = false
  let format: string | undefined
  const args: string[] = []
  const given = [...run.options.operands]
  for (let arg = given.shift(); arg !== undefined; arg = given.shift()) {
    if (arg === '-s') separator = given.shift() ?? ''
    else if (/^-s./.test(arg)) separator = arg.slice(2)
    else if (arg === '-w') padded = true
    else if (arg === '-f') format = given.shift() ?? ''
    else if (/^--(format|separator)=/.test(arg)) given.unshift(arg.startsWith('--f') ? '-f' : '-s', arg.slice(arg.indexOf('=') + 1))
    else if (arg === '--equal-width') padded = true
    else if (/^-[a-zA-Z]/.test(arg)) throw new Failure(`invalid option -- '${arg[1]}'`, 1, true)
    else args.push(arg)
  }
  if (args.length === 0) throw missingOperand()
  if (args.length > 3) throw new Failure(`extra operand ${quote(args[3]!)}`, 1, true)
  for (const arg of args) if (Number.isNaN(Number(arg)) || arg.trim() === '') throw new Failure(`invalid floating point argument: ${quote(arg)}`, 1, true)
  const [from, step, to] = args.length === 1 ? [1, 1, Number(args[0])] : args.length === 2 ? [Number(args[0]), 1, Number(args[1])] : [Number(args[0]), Number(args[1]), Number(args[2])]
  if (step === 0) throw new Failure(`invalid Zero increment value: ${quote(args[1]!)}`, 1, true)
  const digits = Math.max(...args.slice(0, args.length === 1 ? 0 : args.length - 1).map((a) => a.split('.')[1]?.length ?? 0), 0)
  const width = padded ? Math.max(...[from, to].map((n) => n.toFixed(digits).length)) : 0
  const pad = (text: string): string => (text.startsWith('-') ? '-' + text.slice(1).padStart(width - 1, '0') : text.padStart(width, '0'))
  const written = format === undefined ? (n: number): string => pad(n.toFixed(digits)) : formatted(format)
  let first = true
  let chunk = ''
  for (let i = 0; ; i++) {
    const n = from + i * step
    if (step > 0 ? n > to + 1e-9 : n < to - 1e-9) break
    chunk += (first ? '' : separator) + written(n)
    first = false
    if (chunk.length < SEQUENCE_CHUNK) continue
    yield* run.print(chunk)
    chunk = ''
  }
  if (!first) yield* run.print(chunk + '\n')
})

tool('tee', { flags: 'aip', long: { append: 'a' } }, function* (run) {
  const { options, process } = run
  const files = []
  for (const name of options.operands) {
    try {
      files.push(process.open(name, options.has('a') ? 'append' : 'write'))
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(`${name}: ${error.message}`)
    }
  }
  for (let bytes = yield* process.read(0); bytes !== null; bytes = yield* process.read(0)) {
    for (const file of files) yield* file.write(bytes)
    yield* run.print(bytes)
  }
  for (const file of files) file.release()
})

/** Starts a program with the tool's own files; the exit codes are those of env, timeout, xargs when there is none. */
function start(run: Run, argv: readonly string[], options: { env?: Map<string, string>; stdin?: string; group?: 'new' } = {}): Process | number {
  const { process } = run
  const files = new Map(process.files)
  const input = options.stdin === undefined ? undefined : process.open(options.stdin, 'read')
  if (input) files.set(0, input)
  try {
    return process.spawn({ argv: [...argv], files, env: options.env, group: options.group })
  } catch (error) {
    if (!isSystemError(error)) throw error
    return error.code === 'ENOENT' ? 127 : 126
  } finally {
    input?.release()
  }
}

tool('timeout', { flags: 'fv', values: 'sk', long: { signal: 's=', 'kill-after': 'k=', foreground: 'f', verbose: 'v', 'preserve-status': 'preserve' }, stopAtOperand: true, usageCode: 125 }, function* (run) {
  const { options, process } = run
  const [time, ...argv] = options.operands
  if (time === undefined || argv.length === 0) {
    yield* process.printError(`Try '${run.name} --help' for more information.\n`)
    return 125
  }
  const ms = duration(time)
  if (ms === undefined) throw new Failure(`invalid time interval ${quote(time)}`, 125, true)
  const signal = parseSignal(options.value('s') ?? 'TERM')
  if (!signal) throw new Failure(`${quote(options.value('s')!)}: invalid signal`, 125, true)
  const child = start(run, argv)
  if (typeof child === 'number') {
    yield* run.warn(cannotStart(child, argv[0]!, 'failed to run command'))
    return child
  }
  const forward = (name: SignalName) => (): void => child.signal(name)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.onSignal(name, forward(name))
  const over = yield* until(process, child, ms === 0 ? Number.MAX_SAFE_INTEGER : ms)
  if (over) return child.status!.code
  if (options.has('v')) yield* run.warn(`sending signal ${signal.slice(3)} to command ${quote(argv[0]!)}`, 0)
  // The whole job, when it has a process group of its own.
  const job = process.group.id === process.pid ? [...process.group.members].filter((p) => p !== process) : [child]
  for (const member of job) member.signal(signal)
  const grace = options.has('k') ? duration(options.value('k')!) : undefined
  if (!(yield* until(process, child, grace ?? Number.MAX_SAFE_INTEGER))) {
    child.signal('SIGKILL')
    yield* process.wait(child)
    return 137
  }
  return options.has('preserve') ? child.status!.code : signal === 'SIGKILL' ? 137 : 124
})

function* until(process: Process, child: Process, ms: number): Task<boolean> {
  const deadline = process.clock.now + ms
  while (!child.status && process.clock.now < deadline) {
    yield anyOf(process.changed(child), sleep(process.clock, Math.min(deadline - process.clock.now, 1e14), { background: process.machine.kind !== 'laptop' }))
  }
  return child.status !== undefined
}

tool('kill', 'raw', function* (run) {
  let args = [...run.options.operands]
  let signal: SignalName | 0 = 'SIGTERM'
  if (args[0] === '-l' || args[0] === '-L') {
    yield* run.print(args[1] === undefined ? signalList() : `${SIGNAL_NUMBERS[parseSignal(args[1]) ?? 'SIGTERM']}\n`)
    return 0
  }
  if (args[0]?.startsWith('-') && args[0] !== '--') {
    const spec = args[0] === '-s' ? (args[1] ?? '') : args[0].slice(1)
    args = args.slice(args[0] === '-s' ? 2 : 1)
    const parsed = spec === '0' ? 0 : parseSignal(spec)
    if (parsed === undefined) throw new Failure(`unknown signal ${spec}`)
    signal = parsed
  }
  if (args[0] === '--') args.shift()
  for (const text of args) {
    const target = run.process.machine.pids.table().get(Number(text))
    if (!target) yield* run.warn(run.isBusybox ? `can't kill pid ${text}: No such process` : `(${text}) - No such process`)
    else if (run.process.user.uid !== 0 && target.user.uid !== run.process.user.uid) yield* run.warn(`(${text}) - Operation not permitted`)
    else if (signal && !(run.process.machine.kind === 'container' && target.pid === 1 && signal === 'SIGKILL')) target.signal(signal)
  }
})

function matching(run: Run, pattern: string, full: boolean, exact: boolean): ProcessEntry[] {
  const test = posixRegExp(exact ? `^(?:${translateRegExp(pattern)})$` : translateRegExp(pattern))
  return everything(run).filter((p) => p.process !== run.process && test.test(full ? p.argv.join(' ') : commandName(p)))
}

function everything(run: Run): ProcessEntry[] {
  return [...run.process.machine.pids.table().values()].sort((a, b) => a.pid - b.pid)
}

tool('pgrep', { flags: 'flax', unsupported: 'cdnouvPGgUts' }, function* (run) {
  const { options } = run
  const [pattern] = options.operands
  if (pattern === undefined) throw new Failure('no matching criteria specified', 2, true)
  const found = matching(run, pattern, options.has('f'), options.has('x'))
  for (const p of found) yield* run.print(`${p.pid}${options.has('a') ? ` ${p.argv.join(' ')}` : options.has('l') ? ` ${commandName(p)}` : ''}\n`)
  return found.length > 0 ? 0 : 1
})

tool('pkill killall', 'raw', function* (run) {
  let signal: SignalName = 'SIGTERM'
  let full = false
  const patterns: string[] = []
  for (const arg of run.options.operands) {
    if (arg === '-f') full = true
    else if (arg.startsWith('-')) signal = parseSignal(arg.slice(1)) ?? signal
    else patterns.push(arg)
  }
  const exact = run.name.endsWith('killall')
  let any = false
  for (const pattern of patterns) {
    const found = matching(run, pattern, full, exact)
    for (const p of found) p.signal(signal)
    any ||= found.length > 0
    if (exact && found.length === 0) yield* run.warn(`${pattern}: no process found`)
  }
  return any ? 0 : 1
})

tool('pidof', { flags: 's' }, function* (run) {
  const found = run.options.operands.flatMap((name) => everything(run).filter((p) => commandName(p) === name.split('/').pop()).map((p) => p.pid))
  if (found.length === 0) return 1
  yield* run.print(found.sort((a, b) => b - a).slice(0, run.options.has('s') ? 1 : undefined).join(' ') + '\n')
  return 0
})

/** What ps takes until it reads /proc, in ms. */
const LOOK_AT_PROC = 1

tool('ps', 'raw', function* (run) {
  const { process } = run
  const args = run.options.operands.join(' ')
  const letters = args.replace(/[^A-Za-z]/g, '')
  // it takes longer to begin than what stands beside it in a pipeline: `ps aux | grep x` shows the grep, too
  yield* process.sleep(LOOK_AT_PROC)
  const all = everything(run)
  if (run.isBusybox) {
    yield* run.print('PID   USER     TIME  COMMAND\n')
    for (const p of all) yield* run.print(`${String(p.pid).padStart(5)} ${p.user.name.padEnd(8)}  0:00 ${p.argv.join(' ')}\n`)
    return
  }
  if (/[^auxefw]/.test(letters)) throw new NotSimulated(`ps ${args} (ps, ps aux, ps -ef)`)
  const tty = (p: ProcessEntry): string => p.tty
  const mine = process.terminalOf(0) ? 'pts/0' : '?'
  const state = (p: ProcessEntry): string => (p.stopped ? 'T' : p.process === process ? 'R' : 'S')
  const start = (p: ProcessEntry): string => formatTime(process.clock.epoch + p.startedAt, '%H:%M')
  const command = (p: ProcessEntry): string => p.argv.join(' ')
  if (letters.includes('u')) {
    yield* run.print('USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n')
    for (const p of all) yield* run.print(`${p.user.name.padEnd(8)} ${String(p.pid).padStart(7)}  0.0  0.0   4000  3000 ${tty(p).padEnd(8)} ${state(p).padEnd(4)} ${start(p)}   0:00 ${command(p)}\n`)
  } else if (letters.includes('f')) {
    yield* run.print('UID          PID    PPID  C STIME TTY          TIME CMD\n')
    for (const p of letters.includes('e') ? all : all.filter((q) => tty(q) === mine)) {
      yield* run.print(`${p.user.name.padEnd(8)} ${String(p.pid).padStart(7)} ${String(p.ppid).padStart(7)}  0 ${start(p)} ${tty(p).padEnd(8)} 00:00:00 ${command(p)}\n`)
    }
  } else {
    yield* run.print(letters.includes('x') ? '    PID TTY      STAT   TIME COMMAND\n' : '    PID TTY          TIME CMD\n')
    const shown = letters.includes('e') || letters.includes('a') || letters.includes('x') ? all : all.filter((q) => tty(q) === mine && q.user.uid === process.user.uid)
    for (const p of shown) {
      yield* run.print(letters.includes('x') ? `${String(p.pid).padStart(7)} ${tty(p).padEnd(8)} ${state(p).padEnd(6)} 0:00 ${command(p)}\n` : `${String(p.pid).padStart(7)} ${tty(p).padEnd(8)} 00:00:00 ${commandName(p)}\n`)
    }
  }
})
