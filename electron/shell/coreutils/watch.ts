import { createPipe } from '../../engine/machine/pipe.ts'
import { Thread, type Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import { byName } from '../../engine/own.ts'
import { Failure, tool } from './command.ts'
import { formatTime } from './strftime.ts'

/** watch(1) of procps-ng 4.0.2: a command again and again, and what has changed of what it shows. */

const USAGE = `
Usage:
 watch [options] command

Options:
  -b, --beep             beep if command has a non-zero exit
  -c, --color            interpret ANSI color and style sequences
  -d, --differences[=<permanent>]
                         highlight changes between updates
  -e, --errexit          exit if command has a non-zero exit
  -g, --chgexit          exit when output from command changes
  -q, --equexit <cycles>
                         exit when output from command does not change
  -n, --interval <secs>  seconds to wait between updates
  -p, --precise          attempt run command in precise intervals
  -t, --no-title         turn off header
  -w, --no-wrap          turn off line wrapping
  -x, --exec             pass command to exec instead of "sh -c"

 -h, --help     display this help and exit
 -v, --version  output version information and exit

For more details see watch(1).
`

interface Options {
  seconds: number
  title: boolean
  /** -d; with "permanent" all that ever changed. */
  differences: boolean | 'permanent'
  errorExit: boolean
  changeExit: boolean
  /** -q: after so many rounds without a change; 0: never. */
  equalExit: number
  wrap: boolean
  exec: boolean
  colour: boolean
  beep: boolean
  command: readonly string[]
}

const LONG: Readonly<Record<string, string>> = byName({ beep: 'b', color: 'c', differences: 'd', errexit: 'e', chgexit: 'g', equexit: 'q', interval: 'n', precise: 'p', 'no-title': 't', 'no-wrap': 'w', exec: 'x', help: 'h', version: 'v' })

/** The options, or what is printed in their place. */
function read(args: readonly string[]): Options | { out: string } | { usage: true } {
  const o: Options = { seconds: 2, title: true, differences: false, errorExit: false, changeExit: false, equalExit: 0, wrap: true, exec: false, colour: false, beep: false, command: [] }
  const bad = (text: string): Failure => new Failure(`${text}\n${USAGE}`.trimEnd(), 1)
  const number = (text: string): number => {
    const value = /^[0-9]*[.,]?[0-9]*$/.test(text) && /[0-9]/.test(text) ? Number(text.replace(',', '.')) : Number.NaN
    if (Number.isNaN(value)) throw new Failure(`failed to parse argument: '${text}': Invalid argument`, 1)
    return value
  }
  let i = 0
  for (; i < args.length && args[i]!.startsWith('-') && args[i] !== '-'; i++) {
    const arg = args[i]!
    if (arg === '--') {
      i++
      break
    }
    const [word, inline] = arg.startsWith('--') ? (arg.slice(2).split(/=(.*)/s) as [string, string?]) : [undefined, undefined]
    const names = word === undefined ? [] : Object.keys(LONG).filter((name) => name === word || name.startsWith(word))
    if (word !== undefined && names.length === 0) throw bad(`unrecognized option '--${word}'`)
    if (word !== undefined && names.length > 1 && !names.includes(word)) throw bad(`option '--${word}' is ambiguous; possibilities:${names.map((n) => ` '--${n}'`).join('')}`)
    const letters = word === undefined ? [...arg.slice(1)] : [LONG[names.includes(word) ? word : names[0]!]!]
    for (let k = 0; k < letters.length; k++) {
      const letter = letters[k]!
      const rest = letters.slice(k + 1).join('')
      const value = (): string => {
        k = letters.length
        const given = inline ?? (rest !== '' ? rest : args[++i])
        if (given === undefined) throw bad(word === undefined ? `option requires an argument -- '${letter}'` : `option '--${word}' requires an argument`)
        return given
      }
      switch (letter) {
        case 'b': o.beep = true; break
        case 'c': o.colour = true; break
        case 'd':
          o.differences = inline !== undefined || rest !== '' ? 'permanent' : true
          k = letters.length
          break
        case 'e': o.errorExit = true; break
        case 'g': o.changeExit = true; break
        case 'q': o.equalExit = Math.max(1, Math.floor(number(value()))); break
        case 'n': o.seconds = Math.max(0.1, number(value())); break
        // the next round begins when it would have begun, had the command taken no time, which here it takes none of
        case 'p': break
        case 't': o.title = false; break
        case 'w': o.wrap = false; break
        case 'x': o.exec = true; break
        case 'h': return { out: USAGE }
        case 'v': return { out: 'watch from procps-ng 4.0.2\n' }
        default: throw bad(`invalid option -- '${letter}'`)
      }
    }
  }
  const command = args.slice(i)
  if (command.length === 0) return { usage: true }
  return { ...o, command }
}

tool('watch', 'raw', function* (run) {
  const { process } = run
  const options = read(run.options.operands)
  if ('out' in options) {
    yield* run.print(options.out)
    return 0
  }
  if ('usage' in options) {
    yield* process.printError(USAGE)
    return 1
  }
  const terminal = process.terminalOf(1)
  if (terminal) yield* run.print('\x1b[?1049h')
  process.onSignal('SIGINT', () => process.exit(0))
  // The screen must come back however it ends; the terminal outlives the process.
  const screen = terminal ? process.files.get(1)!.retain() : undefined
  process.onExit(() => {
    if (screen) new Thread(process.clock, screen.write(encodeUtf8('\x1b[?1049l')), () => screen.release())
  })
  let before: string[] | undefined
  const ever = new Set<string>()
  for (let equal = 0; ; ) {
    const { text, code } = yield* once(process, options)
    const [columns, rows] = [terminal?.columns ?? 80, terminal?.rows ?? Infinity]
    const head = options.title ? [title(process, options, columns), ''] : []
    const lines = shownLines(text, options, columns).slice(0, Math.max(0, rows - head.length))
    const changed = before !== undefined && (lines.length !== before.length || lines.some((line, i) => line !== before![i]))
    const body = options.differences && before ? lines.map((line, i) => marked(line, before![i] ?? '', i, options.differences === 'permanent' ? ever : new Set())) : lines
    yield* run.print((terminal ? '\x1b[H\x1b[J' : '') + [...head, ...body].join('\n') + (code !== 0 && options.beep ? '\x07' : ''))
    if (code !== 0 && options.errorExit) return 8
    if (changed && options.changeExit) return 0
    equal = before !== undefined && !changed ? equal + 1 : 0
    if (options.equalExit > 0 && equal >= options.equalExit) return 0
    before = lines
    yield* process.sleep(options.seconds * 1000)
  }
})

function* once(process: Process, { command, exec }: Options): Task<{ text: string; code: number }> {
  const { reader, writer } = createPipe(process.clock)
  const files = new Map(process.files).set(1, writer).set(2, writer)
  const child = process.spawn({ argv: exec ? [...command] : ['sh', '-c', command.join(' ')], files })
  writer.release()
  const chunks: Uint8Array[] = []
  for (let bytes = yield* reader.read(); bytes !== null; bytes = yield* reader.read()) chunks.push(bytes)
  reader.release()
  yield* process.wait(child)
  return { text: decodeUtf8(concatBytes(chunks)), code: child.status!.code }
}

function title(process: Process, { seconds, command }: Options, columns: number): string {
  const left = `Every ${seconds.toFixed(1)}s: ${command.join(' ')}`
  const right = `${process.machine.hostname}: ${formatTime(process.clock.wall(), '%a %b %e %H:%M:%S %Y')}`
  return `${left.slice(0, Math.max(0, columns - right.length - 1)).padEnd(Math.max(0, columns - right.length))}${right}`
}

/** Lines of the screen; a line that is too long goes on in the next. */
function shownLines(text: string, { wrap, colour }: Options, columns: number): string[] {
  if (colour && /\x1b\[/.test(text)) return text.split('\n')
  const plain = text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
  return plain.split('\n').flatMap((line) => {
    const letters = [...line]
    if (letters.length <= columns) return [line]
    if (!wrap) return [letters.slice(0, columns).join('')]
    return Array.from({ length: Math.ceil(letters.length / columns) }, (_, i) => letters.slice(i * columns, (i + 1) * columns).join(''))
  })
}

/** The letters that have changed in reverse video. */
function marked(line: string, before: string, row: number, ever: Set<string>): string {
  const old = [...before]
  let out = ''
  let on = false
  for (const [i, letter] of [...line].entries()) {
    if (letter !== (old[i] ?? ' ')) ever.add(`${row},${i}`)
    const is = ever.has(`${row},${i}`)
    if (is !== on) out += is ? '\x1b[7m' : '\x1b[27m'
    on = is
    out += letter
  }
  return on ? `${out}\x1b[27m` : out
}
