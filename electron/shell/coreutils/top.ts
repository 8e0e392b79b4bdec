import { HARDWARE, RESIDENT } from '../../engine/machine/hardware.ts'
import { commandName } from '../../engine/machine/proc-process.ts'
import { anyOf, Signal, sleep, type Task } from '../../engine/machine/task.ts'
import type { Process, ProcessEntry } from '../../engine/machine/types.ts'
import { Utf8Decoder } from '../../engine/text.ts'
import { keysOf } from '../fullscreen/keys.ts'
import { terminalOf } from '../fullscreen/screen.ts'
import { userId } from './accounts.ts'
import { Failure, NotSimulated, tool, type Run } from './command.ts'
import { memoryOf } from './memory.ts'
import { uptimeText } from './system.ts'

/** top(1) of procps-ng 4.0.2 and busybox's, over the simulated processes. */

interface Options { batch: boolean; rounds: number; seconds: number; commands: boolean; pids: readonly number[]; user: string | undefined; sort: string; reverse: boolean; width: number | undefined; idle: boolean }

const FIELDS = ['PID', 'USER', 'PR', 'NI', 'VIRT', 'RES', 'SHR', 'S', '%CPU', '%MEM', 'TIME+', 'COMMAND']
const BUSYBOX_USAGE = `BusyBox v1.36.1 () multi-call binary.

Usage: top [-bmH] [-n COUNT] [-d SECONDS]

Show a view of process activity in real time.
Read the status of all processes from /proc each SECONDS
and show a screenful of them.
Keys:
	N/M/P/T: sort by pid/mem/cpu/time
	S: show memory
	R: reverse sort
	H: toggle threads
	C,1: toggle SMP
	Q,^C: exit
Options:
	-b	Batch mode
	-n N	Exit after N iterations
	-d SEC	Delay between updates
	-m	Same as 's' key
	-H	Show threads
`

function read(args: readonly string[], busybox: boolean): Options | string {
  const o: Options = { batch: false, rounds: Infinity, seconds: busybox ? 5 : 3, commands: busybox, pids: [], user: undefined, sort: '%CPU', reverse: false, width: undefined, idle: false }
  const bad = (text: string): Failure => new Failure(busybox ? `${text}\n${BUSYBOX_USAGE.trimEnd()}` : text)
  // the parser of procps' own exits with 0
  const usage = (text: string): Failure => (busybox ? bad(text) : new Failure(text, 0))
  const long: ReadonlyMap<string, string> = new Map([['batch-mode', 'b'], ['cmdline-toggle', 'c'], ['delay', 'd'], ['idle-toggle', 'i'], ['iterations', 'n'], ['sort-override', 'o'], ['pid', 'p'], ['filter-only-euser', 'u'], ['filter-any-user', 'U'], ['width', 'w'], ['version', 'V'], ['help', 'h'], ['list-fields', 'O'], ['threads-show', 'H'], ['secure-mode', 's'], ['scale-summary-mem', 'E'], ['scale-task-mem', 'e'], ['accum-time-toggle', 'S'], ['single-cpu-toggle', '1'], ['apply-defaults', 'A']])
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    // procps: "top bn1", too
    const [word, inline] = arg.startsWith('--') && !busybox ? (arg.slice(2).split(/=(.*)/s) as [string, string?]) : [undefined, undefined]
    if (arg.startsWith('--') && busybox) throw bad(`unrecognized option '${arg}'`)
    const names = word === undefined ? [] : [...long.keys()].filter((name) => name.startsWith(word))
    if (word !== undefined && names.length === 0) throw usage(`unrecognized option '${arg}'`)
    const letters = word === undefined ? [...arg.replace(/^-/, '')] : [long.get(long.has(word) ? word : names[0]!)!]
    for (let k = 0; k < letters.length; k++) {
      const letter = letters[k]!
      if (!(busybox ? 'bnmdH' : 'bcd:E:e:Hhin:Oo:p:SsU:u:w1VA').replaceAll(':', '').includes(letter)) throw usage(`invalid option -- '${letter}'`)
      const value = (): string => {
        const rest = letters.slice(k + 1).join('').replace(/^=/, '')
        k = letters.length
        const given = inline ?? (rest !== '' ? rest : args[++i])
        if (given === undefined) throw usage(word === undefined ? `option requires an argument -- '${letter}'` : `option '--${names[0]!}' requires an argument`)
        return given
      }
      if (letter === 'b') o.batch = true
      else if (letter === 'c') o.commands = !o.commands
      else if (letter === 'n') {
        const text = value()
        if (!/^\d+$/.test(text) || (Number(text) < 1 && !busybox)) throw bad(busybox ? `invalid number '${text}'` : `bad iterations argument '${text}'`)
        o.rounds = Number(text)
      } else if (letter === 'd') {
        const text = value()
        const number = /^[-+]?\d*[.,]?\d*$/.test(text) && /\d/.test(text) ? Number(text.replace(',', '.')) : Number.NaN
        if (Number.isNaN(number)) throw bad(busybox ? `invalid number '${text}'` : `bad delay interval '${text}'`)
        if (number < 0) throw bad('-d requires positive argument')
        o.seconds = Math.max(0.1, number)
      } else if (letter === 'p') {
        for (const text of value().split(',')) {
          if (!/^\d+$/.test(text)) throw bad(`bad pid '${text}'`)
          o.pids = [...o.pids, Number(text)]
        }
      } else if (letter === 'u' || letter === 'U') o.user = value()
      else if (letter === 'o') {
        const text = value()
        const field = text.replace(/^[+-]/, '').toUpperCase()
        if (!FIELDS.includes(field)) throw bad(`unrecognized field name '${text.replace(/^[+-]/, '')}'`)
        o.sort = field
        o.reverse = text.startsWith('-')
      } else if (letter === 'w') {
        const text = inline ?? (letters.slice(k + 1).join('') || (/^\d+$/.test(args[i + 1] ?? '') ? args[++i] : undefined))
        o.width = text === undefined ? 512 : Number(text)
        k = letters.length
      } else if (letter === 'i') o.idle = !o.idle
      else if (letter === 'V') return 'top from procps-ng 4.0.2\n'
      // each process is one thread; 1, S, s and H change nothing that is shown here
      else if ('H1SsmA'.includes(letter)) continue
      else throw new NotSimulated(`top -${letter} (top -b, -n, -d, -p, -u, -o, -c, -w)`)
    }
  }
  return o
}

const mebi = (kib: number): string => (kib / 1024).toFixed(1).padStart(9)

/** The processes in the order of the wish. */
function chosen(process: Process, o: Options): ProcessEntry[] {
  const uid = o.user === undefined ? undefined : /^\d+$/.test(o.user) ? Number(o.user) : userId(process, o.user)?.uid
  const all = [...process.machine.pids.table().values()].sort((a, b) => a.pid - b.pid).filter((p) => (o.pids.length === 0 || o.pids.includes(p.pid)) && (uid === undefined || p.user.uid === uid) && (!o.idle || p.process === process))
  const key = (p: ProcessEntry): number | string => (o.sort === 'PID' ? p.pid : o.sort === 'USER' ? p.user.name : o.sort === 'COMMAND' ? commandName(p) : 0)
  if (['PID', 'USER', 'COMMAND'].includes(o.sort)) all.sort((a, b) => (key(a) < key(b) ? 1 : key(a) > key(b) ? -1 : 0))
  return o.reverse ? all.reverse() : all
}

const stateOf = (process: Process, p: ProcessEntry): string => (p.stopped ? 'T' : p.process === process ? 'R' : 'S')

function summary(process: Process, o: Options): string[] {
  const tasks = chosen(process, { ...o, idle: false, user: undefined })
  const count = (state: string): string => String(tasks.filter((p) => stateOf(process, p) === state).length).padStart(3)
  const use = memoryOf(process)
  return [
    `top - ${uptimeText(process, false)}`,
    `Tasks: ${String(tasks.length).padStart(3)} total, ${count('R')} running, ${count('S')} sleeping, ${count('T')} stopped,   0 zombie`,
    '%Cpu(s):  0.0 us,  0.0 sy,  0.0 ni,100.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st ',
    `MiB Mem :${mebi(use.total)} total,${mebi(use.free)} free,${mebi(use.total - use.available)} used,${mebi(use.buffers + use.cached + use.slab)} buff/cache     `,
    `MiB Swap:${mebi(0)} total,${mebi(0)} free,${mebi(0)} used.${mebi(use.available)} avail Mem `,
  ]
}

function rows(process: Process, o: Options, width: number): string[] {
  const share = ((RESIDENT.resident * 100) / HARDWARE.memory).toFixed(1)
  return chosen(process, o).map((p) => {
    const user = p.user.name.length > 8 ? `${p.user.name.slice(0, 7)}+` : p.user.name
    const head = `${String(p.pid).padStart(5)} ${user.padEnd(8)}  20   0 ${String(RESIDENT.virtual).padStart(7)} ${String(RESIDENT.resident).padStart(6)} ${String(RESIDENT.shared).padStart(6)} ${stateOf(process, p)}   0.0   ${share}   0:00.00 `
    const command = o.commands ? p.argv.join(' ') : commandName(p)
    const room = Math.max(1, width - head.length)
    return head + (command.length > room ? `${command.slice(0, room - 1)}+` : command)
  })
}

const HEADER = '  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND'

tool('top', 'raw', function* (run) {
  const { process } = run
  const options = read(run.options.operands, run.isBusybox)
  if (typeof options === 'string') return void (yield* run.print(options))
  if (options.user !== undefined && !/^\d+$/.test(options.user) && !userId(process, options.user)) throw new Failure('Invalid user')
  const screen = options.batch ? undefined : terminalOf(process)
  if (!options.batch && !screen) throw new Failure(run.isBusybox ? "can't get terminal attributes" : 'failed tty get')
  if (screen) return yield* interactive(run, screen, options)
  process.onSignal('SIGINT', () => process.exit(0))
  for (let n = 1; ; n++) {
    const width = options.width ?? 80
    const lines = run.isBusybox ? [...busyboxSummary(process), ...busyboxRows(process, options, 0)] : [...summary(process, options), '', HEADER.padEnd(0), ...rows(process, options, width)]
    yield* run.print(`${run.isBusybox || n === 1 ? '' : '\n'}${lines.join('\n')}\n`)
    if (n >= options.rounds) return
    yield* process.sleep(options.seconds * 1000)
  }
})

function busyboxSummary(process: Process): string[] {
  const use = memoryOf(process)
  const all = [...process.machine.pids.table().values()]
  return [
    `Mem: ${use.total - use.free}K used, ${use.free}K free, ${use.shared}K shrd, ${use.buffers}K buff, ${use.cached}K cached`,
    'CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq',
    `Load average: 0.00 0.00 0.00 1/${all.length} ${Math.max(0, ...process.machine.processes.keys())}`,
  ]
}

const BUSYBOX_HEADER = '  PID  PPID USER     STAT   VSZ %VSZ %CPU COMMAND'

function busyboxRows(process: Process, o: Options, columns: number): string[] {
  const list = chosen(process, o).map((p) => {
    const row = `${String(p.pid).padStart(5)} ${String(p.ppid).padStart(5)} ${p.user.name.slice(0, 8).padEnd(8)} ${stateOf(process, p).padEnd(3)} ${String(RESIDENT.virtual).padStart(6)}   0%   0% ${p.argv.join(' ')}`
    return columns > 0 ? row.slice(0, columns) : row
  })
  return [columns > 0 ? `\x1b[7m${BUSYBOX_HEADER.padEnd(columns)}\x1b[m` : BUSYBOX_HEADER, ...list]
}

/** On a terminal: drawn anew at each round and each key, until q. */
function* interactive(run: Run, { terminal, keyboard }: NonNullable<ReturnType<typeof terminalOf>>, given: Options): Task<number> {
  const { process } = run
  const o = { ...given }
  const saved = { canonical: terminal.canonical, echo: terminal.echo, signals: terminal.signals }
  const signal = new Signal()
  const keys: string[] = []
  const decoder = new Utf8Decoder()
  let message = ''
  Object.assign(terminal, { canonical: false, echo: false, signals: false })
  process.onSignal('SIGWINCH', () => signal.notify())
  process.spawnThread((function* (): Task {
    for (;;) {
      const bytes = yield* keyboard.read(256)
      if (bytes === null) keys.push('q')
      else keys.push(...keysOf(decoder.push(bytes)))
      signal.notify()
      if (bytes === null) return
    }
  })())
  const draw = function* (): Task {
    const { columns, rows: height } = terminal
    const head = run.isBusybox ? busyboxSummary(process) : [...summary(process, o), message]
    const body = run.isBusybox ? busyboxRows(process, o, columns) : [`\x1b[7m${HEADER.padEnd(columns)}\x1b[m`, ...rows(process, o, columns)]
    message = ''
    yield* run.print(`\x1b[?25l\x1b[H${[...head, ...body].slice(0, height).map((line) => `\x1b[2K${line}`).join('\r\n')}\x1b[J`)
  }
  try {
    yield* run.print('\x1b[H\x1b[2J')
    for (let n = 1; n <= o.rounds; n++) {
      yield* draw()
      const end = process.clock.now + o.seconds * 1000
      while (process.clock.now < end) {
        const key = keys.shift()
        if (key === undefined) {
          yield anyOf(signal.wait, sleep(process.clock, end - process.clock.now, { background: process.machine.kind !== 'laptop' }))
          if (keys.length === 0 && process.clock.now < end) yield* draw()
          continue
        }
        if (key === 'q' || key === 'Q' || key === '\x03') return 0
        if (key === ' ' || key === '\r' || key === '\n') break
        message = press(o, key, run.isBusybox)
        yield* draw()
      }
    }
    return 0
  } finally {
    Object.assign(terminal, saved)
    yield* run.print(`\x1b[${terminal.rows};1H\x1b[?25h\n`)
  }
}

/** What a key changes, and what is said about it. */
function press(o: Options, key: string, busybox: boolean): string {
  if (key === 'M' || key === 'P' || key === 'T') o.sort = { M: '%MEM', P: '%CPU', T: 'TIME+' }[key]
  else if (key === 'N') o.sort = 'PID'
  else if (key === 'R') o.reverse = !o.reverse
  else if (key === 'c' && !busybox) o.commands = !o.commands
  else if (key === 'i' && !busybox) o.idle = !o.idle
  else if (/^[hkrdusfoFEeHltm1zxybWI?]$/.test(key) && !busybox) return `podhop: not simulated: ${key} in top (q, space, M, N, P, T, R, c, i)`
  else if (!busybox) return " Unknown command - try 'h' for help"
  return ''
}
