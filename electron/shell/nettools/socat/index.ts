import { anyOf, decodeUtf8, Signal, sleep, type Process, type Task } from '../../../engine/cluster.ts'
import { isSystemError } from '../../../engine/machine/errors.ts'
import { parseAddress, SocatError, SocatNotSimulated, type SocatAddress } from './address.ts'
import { Broken, ChildFailed, type Endpoint } from './endpoint.ts'
import { open, type Journal, type Opened } from './open.ts'

/** socat(1), 1.7.4.4 of Debian 12: bytes are carried between two addresses, both ways. */
interface Options { level: number; verbose: boolean; leftward: boolean; rightward: boolean; linger: number; idle: number; family: 4 | 6 | undefined }

const VERSION = `socat by Gerhard Rieger and contributors - see www.dest-unreach.org
socat version 1.7.4.4 on 06 Nov 2022 08:15:51
`
const USAGE = `${VERSION.replace(/socat version.*\n/, '')}Usage:
socat [options] <bi-address> <bi-address>
   options (general command line options):
      -V     print version and feature information to stdout, and exit
      -h|-?  print a help text describing command line options and addresses
      -d[ddd]        increase verbosity (use up to 4 times; 2 are recommended)
      -v     verbose text dump of data traffic
      -t<timeout>    wait seconds before closing second channel
      -T<timeout>    total inactivity timeout in seconds
      -u     unidirectional mode (left to right)
      -U     unidirectional mode (right to left)
      -4     prefer IPv4 if version is not explicitly specified
      -6     prefer IPv6 if version is not explicitly specified
`
/** Levels of messages: fatal and errors are always told, -d adds warnings, -d -d notices. */
const LEVELS = { E: 0, W: 1, N: 2 } as const

export function* socat(process: Process): Task<number> {
  const log = (options: Options, pid: number): Journal => function* (level, text) {
    if (LEVELS[level] > options.level) return
    const at = new Date(process.clock.wall()).toISOString()
    yield* process.printError(`${at.slice(0, 10).replaceAll('-', '/')} ${at.slice(11, 19)} socat[${pid}] ${level} ${text}\n`)
  }
  const options: Options = { level: 0, verbose: false, leftward: true, rightward: true, linger: 500, idle: Infinity, family: undefined }
  const journal = log(options, process.pid)
  try {
    const words = readOptions(process.argv.slice(1), options)
    if (typeof words === 'string') {
      yield* process.print(words)
      return 0
    }
    if (words.length !== 2) throw new SocatError(`exactly 2 addresses required (there are ${words.length}); use option "-h" for help`)
    const [first, second] = words.map(parseAddress) as [SocatAddress, SocatAddress]
    return yield* run(process, first, second, options, journal)
  } catch (error) {
    if (error instanceof SocatNotSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message}\n`)
      return 69
    }
    if (!(error instanceof SocatError)) throw error
    yield* journal('E', error.message)
    yield* journal('N', 'exit(1)')
    return 1
  }
}

/** The addresses; a text is what is printed instead. */
function readOptions(args: readonly string[], options: Options): string[] | string {
  const rest = [...args]
  const seconds = (text: string | undefined): number => {
    if (text === undefined || !/^\d*\.?\d+$|^\d+\.$/.test(text)) throw new SocatError(`strtod("${text ?? ''}"): trailing garbage`)
    return Number(text) * 1000
  }
  for (let word; (word = rest[0]) !== undefined && word.startsWith('-') && word !== '-' && !word.startsWith('-,'); ) {
    rest.shift()
    const [letter, value] = [word[1]!, word.slice(2)]
    if (/^-d+$/.test(word)) options.level += word.length - 1
    else if (letter === 't') options.linger = seconds(value || rest.shift())
    else if (letter === 'T') options.idle = seconds(value || rest.shift())
    else if (value !== '' && !/^-D$/.test(word)) throw 'ls'.includes(letter) ? new SocatNotSimulated(`socat ${word} (leave it out)`) : new SocatError(`unknown option "${word}"; use option "-h" for help`)
    else if (word === '-V') return VERSION
    else if (word === '-h' || word === '-?') return USAGE
    else if (word === '-v') options.verbose = true
    else if (word === '-u') options.leftward = false
    else if (word === '-U') options.rightward = false
    else if (word === '-4' || word === '-6') options.family = word === '-4' ? 4 : 6
    // options are not held against the groups of their addresses here
    else if (word === '-g') continue
    else if (['-x', '-b', '-s', '-r', '-R', '-D', '-l', '-L', '-W', '-0', '-S', '-q'].includes(word) || word.startsWith('-h') || word.startsWith('-?')) throw new SocatNotSimulated(`socat ${word} (leave it out)`)
    else throw new SocatError(`unknown option "${word}"; use option "-h" for help`)
  }
  return rest
}

/** Opens both; an address with `fork` has a child for each that comes. */
function* run(process: Process, first: SocatAddress, second: SocatAddress, options: Options, journal: Journal): Task<number> {
  const { leftward, rightward, family } = options
  const left = yield* open(process, first, { reads: rightward, writes: leftward, journal, family })
  const withLeft = function* (child: Process, a: Opened, say: Journal): Task<number> {
    const right = yield* open(child, second, { reads: leftward, writes: rightward, journal: say, family, peer: a.environment })
    return yield* eachOf(child, right, say, (grandchild, b, tell) => carry(grandchild, a.end, b.end, options, tell))
  }
  return yield* eachOf(process, left, journal, withLeft)
}

type Continue = (process: Process, opened: Opened, journal: Journal) => Task<number>

function* eachOf(process: Process, opened: Opened | { next(): Task<Opened> }, journal: Journal, go: Continue): Task<number> {
  if (!('next' in opened)) return yield* go(process, opened, journal)
  for (;;) {
    const one = yield* opened.next()
    const child = process.spawn({
      argv: [...process.argv], files: process.files,
      program: function* (self) {
        const say: Journal = function* (level, text) {
          yield* journal(level, text, self.pid)
        }
        try {
          return yield* go(self, one, say)
        } catch (error) {
          if (!(error instanceof SocatError)) throw error
          yield* say('E', error.message)
          yield* say('N', 'exit(1)')
          return 1
        } finally {
          one.end.close()
        }
      },
    })
    yield* journal('N', `forked off child process ${child.pid}`)
    process.spawnThread(reap(process, child, journal))
    yield* journal('N', one.listening!)
  }
}

function* reap(process: Process, child: Process, journal: Journal): Task {
  yield* process.wait(child)
  yield* journal('N', 'childdied(): handling signal 17')
}

/** The transfer loop: when one side is at its end the other is told so, and has half a second (-t) to finish. */
function* carry(process: Process, a: Endpoint, b: Endpoint, options: Options, journal: Journal): Task<number> {
  yield* journal('N', `starting data transfer loop with FDs [${a.fds}] and [${b.fds}]`)
  const { clock } = process
  const state = { moved: clock.now, open: 0, ended: undefined as number | undefined, code: undefined as number | undefined }
  const changed = new Signal()
  const pump = function* (from: Endpoint, to: Endpoint, number: 1 | 2): Task {
    try {
      for (;;) {
        const data = yield* from.read()
        if (data === null) break
        state.moved = clock.now
        if (options.verbose) yield* process.printError(dump(clock.wall(), number, data))
        yield* to.write(data)
      }
      yield* journal('N', `socket ${number} (fd ${from.fd}) is at EOF`)
      to.end()
      state.ended ??= clock.now
    } catch (error) {
      if (!(error instanceof Broken) && !isSystemError(error)) throw error
      yield* journal('E', error instanceof ChildFailed ? error.message : `read(${from.fd}, 0x55d0c0dd9000, 8192): ${error.message}`)
      state.code = 1
    }
    state.open--
    changed.notify()
  }
  const threads = [...(options.rightward ? [pump(a, b, 1)] : []), ...(options.leftward ? [pump(b, a, 2)] : [])].map((task) => {
    state.open++
    return process.spawnThread(task)
  })
  while (state.open > 0 && state.code === undefined) {
    const until = Math.min(state.ended === undefined ? Infinity : Math.max(state.ended, state.moved) + options.linger, state.moved + options.idle)
    if (clock.now >= until) break
    yield until === Infinity ? changed.wait : anyOf(changed.wait, sleep(clock, until - clock.now, { background: process.machine.kind !== 'laptop' }))
  }
  for (const thread of threads) thread.kill()
  a.close()
  b.close()
  yield* journal('N', state.code === undefined ? 'exiting with status 0' : `exit(${state.code})`)
  return state.code ?? 0
}

/** -v: "> 2026/01/05 08:00:01.000123  length=6 from=0 to=5", and the data. */
function dump(wall: number, number: 1 | 2, data: Uint8Array): string {
  const at = new Date(wall).toISOString()
  const text = decodeUtf8(data).replaceAll('\r', '\\r').replaceAll('\0', '.')
  return `${number === 1 ? '>' : '<'} ${at.slice(0, 10).replaceAll('-', '/')} ${at.slice(11, 19)}.${at.slice(20, 23)}000000  length=${data.length} from=0 to=${data.length - 1}\n${text}`
}
