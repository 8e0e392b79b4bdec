import { memoryUse, type MemoryUse } from '../../engine/machine/hardware.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { Failure, tool } from './command.ts'

/** free(1) of procps-ng 4.0.2 and busybox's. */

const USAGE = `
Usage:
 free [options]

Options:
 -b, --bytes         show output in bytes
     --kilo          show output in kilobytes
     --mega          show output in megabytes
     --giga          show output in gigabytes
     --tera          show output in terabytes
     --peta          show output in petabytes
 -k, --kibi          show output in kibibytes
 -m, --mebi          show output in mebibytes
 -g, --gibi          show output in gibibytes
     --tebi          show output in tebibytes
     --pebi          show output in pebibytes
 -h, --human         show human-readable output
     --si            use powers of 1000 not 1024
 -l, --lohi          show detailed low and high memory statistics
 -t, --total         show total for RAM + swap
 -v, --committed     show committed memory and commit limit
 -s N, --seconds N   repeat printing every N seconds
 -c N, --count N     repeat printing N times, then exit
 -w, --wide          wide output

     --help     display this help and exit
 -V, --version  output version information and exit

For more details see free(1).
`
const BUSYBOX_USAGE = 'BusyBox v1.36.1 () multi-call binary.\n\nUsage: free [-bkmgh]\n\nDisplay free and used memory\n'
const LONG: ReadonlyMap<string, string> = new Map([['bytes', 'b'], ['kilo', 'K'], ['mega', 'M'], ['giga', 'G'], ['tera', 'T'], ['peta', 'P'], ['kibi', 'k'], ['mebi', 'm'], ['gibi', 'g'], ['tebi', 'i'], ['pebi', 'j'], ['human', 'h'], ['si', 'S'], ['lohi', 'l'], ['total', 't'], ['committed', 'v'], ['seconds', 's'], ['count', 'c'], ['wide', 'w'], ['help', 'H'], ['version', 'V']])
/** Bytes of a unit. */
const UNITS: ReadonlyMap<string, number> = new Map([['b', 1], ['k', 2 ** 10], ['m', 2 ** 20], ['g', 2 ** 30], ['i', 2 ** 40], ['j', 2 ** 50], ['K', 1e3], ['M', 1e6], ['G', 1e9], ['T', 1e12], ['P', 1e15]])

export const memoryOf = (process: Process): MemoryUse => memoryUse(process.machine.pids.table().size)

interface Wishes { unit: string; si: boolean; lines: Set<string>; seconds: number | undefined; count: number | undefined }

function read(args: readonly string[]): Wishes | string {
  const wishes: Wishes = { unit: 'k', si: false, lines: new Set(), seconds: undefined, count: undefined }
  const bad = (text: string): Failure => new Failure(`${text}\n${USAGE}`.trimEnd(), 1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('-') || arg === '-') throw new Failure(USAGE.trimEnd(), 1)
    const [word, inline] = arg.startsWith('--') ? (arg.slice(2).split(/=(.*)/s) as [string, string?]) : [undefined, undefined]
    const found = word === undefined ? [] : [...LONG.keys()].filter((name) => name.startsWith(word))
    if (word !== undefined && found.length === 0) throw bad(`unrecognized option '--${word}'`)
    const letters = word === undefined ? [...arg.slice(1)] : [LONG.get(LONG.has(word) ? word : found[0]!)!]
    for (let k = 0; k < letters.length; k++) {
      const letter = letters[k]!
      if (word === undefined && !'bkmghltvscwV'.includes(letter)) throw bad(`invalid option -- '${letter}'`)
      if (UNITS.has(letter)) wishes.unit = letter
      else if (letter === 'h') wishes.unit = 'human'
      else if (letter === 'S') wishes.si = true
      else if (letter === 'H') return USAGE
      else if (letter === 'V') return 'free from procps-ng 4.0.2\n'
      else if (letter === 's' || letter === 'c') {
        const rest = letters.slice(k + 1).join('')
        const value = inline ?? (rest !== '' ? rest : args[++i])
        if (value === undefined) throw bad(word === undefined ? `option requires an argument -- '${letter}'` : `option '--${word}' requires an argument`)
        const number = Number(value)
        if (letter === 's') {
          if (!(number > 0)) throw new Failure(Number.isNaN(number) ? `seconds argument failed: '${value}': Invalid argument` : `seconds argument \`${value}' is not positive number`)
          wishes.seconds = number
        } else {
          if (!/^[-+]?\d+$/.test(value)) throw new Failure(`failed to parse count argument: '${value}'`)
          if (number < 1) throw new Failure(`failed to parse count argument: '${value}': Numerical result out of range`)
          wishes.count = number
        }
        break
      } else wishes.lines.add(letter)
    }
  }
  if (wishes.count !== undefined) wishes.seconds ??= 1
  return wishes
}

/** "7.8Gi", "344Mi", "0B"; with `si` "8.0G". */
function human(kib: number, si: boolean): string {
  const [base, ends] = si ? [1000, ['B', 'K', 'M', 'G', 'T', 'P']] as const : [1024, ['B', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']] as const
  const bytes = kib * 1024
  for (const [i, end] of ends.entries()) {
    const value = bytes / base ** i
    if (i === 0 ? bytes < 1000 : false) return `${bytes}${end}`
    if (i > 0 && value < 10 && `${value.toFixed(1)}${end}`.length <= 5) return `${(Math.floor(value * 10) / 10).toFixed(1)}${end}`
    if (i > 0 && value < 1000) return `${Math.floor(value)}${end}`
  }
  return `${bytes}B`
}

tool('free', 'raw', function* (run) {
  if (run.isBusybox) return yield* busyboxFree(run.process, run.options.operands)
  const wishes = read(run.options.operands)
  if (typeof wishes === 'string') return void (yield* run.print(wishes))
  for (let n = 1; ; n++) {
    yield* run.print(table(memoryOf(run.process), wishes))
    if (wishes.seconds === undefined || n === wishes.count) return
    yield* run.print('\n')
    yield* run.process.sleep(wishes.seconds * 1000)
  }
})

function table(use: MemoryUse, { unit, si, lines }: Wishes): string {
  const powers = si && unit !== 'human' ? new Map([['k', 1e3], ['m', 1e6], ['g', 1e9], ['i', 1e12], ['j', 1e15], ['b', 1]]) : UNITS
  const cell = (kib: number): string => (unit === 'human' ? human(kib, si) : String(Math.floor((kib * 1024) / (powers.get(unit) ?? UNITS.get(unit)!))))
  const row = (head: string, values: readonly number[]): string => `${head.padEnd(8)}${values.map((v) => cell(v).padStart(12)).join('')}\n`
  const used = use.total - use.available
  const wide = lines.has('w')
  const head = wide ? '               total        used        free      shared     buffers       cache   available\n' : '               total        used        free      shared  buff/cache   available\n'
  const cache = use.cached + use.slab
  let text = head + row('Mem:', [use.total, used, use.free, use.shared, ...(wide ? [use.buffers, cache] : [use.buffers + cache]), use.available])
  if (lines.has('l')) text += row('Low:', [use.total, use.total - use.free, use.free]) + row('High:', [0, 0, 0])
  text += row('Swap:', [0, 0, 0])
  if (lines.has('t')) text += row('Total:', [use.total, used, use.free])
  if (lines.has('v')) text += row('Comm:', [Math.floor(use.total / 2), used, Math.floor(use.total / 2) - used])
  return text
}

/** 5 places: "7.8G", "344.0M". */
function short(kib: number): string {
  if (kib === 0) return '0'
  let [value, i] = [kib, 0]
  while (value >= 1024) [value, i] = [value / 1024, i + 1]
  return `${value.toFixed(1)}${'KMGT'[i]!}`
}

function* busyboxFree(process: Process, args: readonly string[]): Task<number> {
  let unit = 'k'
  for (const arg of args) {
    const odd = arg.startsWith('--') ? arg : [...arg.replace(/^-/, '')].find((c) => !'bkmgh'.includes(c))
    if (odd !== undefined) {
      yield* process.printError(`free: ${odd.startsWith('--') ? `unrecognized option '${odd}'` : `invalid option -- '${odd}'`}\n${BUSYBOX_USAGE}`)
      return 1
    }
    unit = arg.at(-1)!
  }
  const use = memoryOf(process)
  const cell = (kib: number): string => (unit === 'h' ? short(kib) : String(Math.floor((kib * 1024) / (UNITS.get(unit) ?? 1024)))).padStart(12)
  const cache = use.buffers + use.cached + use.slab
  yield* process.print(`              total        used        free      shared  buff/cache   available\nMem:   ${[use.total, use.total - use.free - cache, use.free, use.shared, cache, use.available].map(cell).join('')}\nSwap:  ${[0, 0, 0].map((n) => cell(n)).join('')}\n`)
  return 0
}
