import { SystemError, isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process, Program, ProgramTable } from '../../engine/machine/types.ts'
import { RegExpLimit } from '../regex/guarded.ts'

/** The options of a tool, getopt_long(3) style: operands and options may be mixed. */
export interface OptionSpec {
  /** Short options without an argument. */
  flags?: string
  /** Short options with one. */
  values?: string
  /** Short options whose argument, if any, is in the same word (sed -i.bak). */
  attached?: string
  /** Long names, with the short letter (or an own name) that they stand for; "=" after it: takes an argument. */
  long?: Readonly<Record<string, string>>
  /** Short options that the real tool has and this one does not. */
  unsupported?: string
  /** The first operand ends the options (env, xargs, timeout…). */
  stopAtOperand?: boolean
  /** -NUM, as head and tail know it, stands for this option. */
  number?: string
  /** Exit code of a usage error. */
  usageCode?: number
}

export class Options {
  readonly operands: string[] = []
  readonly #given: [string, string][] = []

  add(option: string, value = ''): void {
    this.#given.push([option, value])
  }

  has(...options: string[]): boolean {
    return this.#given.some(([o]) => options.includes(o))
  }

  value(option: string): string | undefined {
    return this.values(option).at(-1)
  }

  values(option: string): string[] {
    return this.#given.filter(([o]) => o === option).map(([, v]) => v)
  }

  /** The one of several that was given last. */
  last(...options: string[]): string | undefined {
    return this.#given.filter(([o]) => options.includes(o)).at(-1)?.[0]
  }

  /** All in the order they were given. */
  get given(): readonly (readonly [string, string])[] {
    return this.#given
  }
}

/** A tool that gives up: the message (with the tool's name before it) goes to stderr. */
export class Failure extends Error {
  readonly code: number
  readonly hint: boolean
  constructor(message: string, code = 1, hint = false) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

/** Said by Podhop, not by the tool: exit code 69. */
export class NotSimulated extends Error {}

/** One run of a tool: its process, its name for messages, and an exit code that grows. */
export class Run {
  readonly process: Process
  readonly name: string
  readonly options: Options
  code = 0

  constructor(process: Process, name: string, options: Options) {
    this.process = process
    this.name = name
    this.options = options
  }

  get isBusybox(): boolean {
    return busyboxProcesses.has(this.process)
  }

  print(text: string | Uint8Array): Task<void> {
    return this.process.print(text)
  }

  /** A complaint that lets the tool go on. */
  *warn(message: string, code = 1): Task<void> {
    this.code = Math.max(this.code, code)
    yield* this.process.printError(inLocale(this.process, `${this.name}: ${message}\n`))
  }

  resolve(path: string): string {
    if (path === '') throw new SystemError('ENOENT')
    return this.process.resolve(path)
  }

  /** Does it, and complains about what the kernel refuses: "rm: cannot remove 'x': Permission denied". */
  *attempt(describe: (error: SystemError) => string, action: () => void, code = 1): Task<boolean> {
    try {
      action()
      return true
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* this.warn(describe(error), code)
      return false
    }
  }
}

export type Main = (run: Run) => Task<number | void>

const busyboxProcesses = new WeakSet<Process>()

export function markBusybox(process: Process): void {
  busyboxProcesses.add(process)
}

const tools = new Map<string, Program>()

/** Defines a tool under one or more names. */
export function tool(names: string, spec: OptionSpec | 'raw', main: Main): void {
  for (const name of names.split(' ')) tools.set(name, program(spec, main))
}

export function registerTools(programs: ProgramTable): void {
  for (const [name, run] of tools) programs.register(name, run)
}

function program(spec: OptionSpec | 'raw', main: Main): Program {
  return function* (process) {
    const busybox = busyboxProcesses.has(process)
    const name = busybox ? (process.argv[0] ?? '').split('/').pop()! : (process.argv[0] ?? '')
    const options = new Options()
    const run = new Run(process, name, options)
    try {
      if (spec === 'raw') options.operands.push(...process.argv.slice(1))
      else parse(options, process.argv.slice(1), spec)
      const code = yield* main(run)
      return Math.max(run.code, code ?? 0)
    } catch (error) {
      if (error instanceof NotSimulated || error instanceof RegExpLimit) {
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (error instanceof Failure) {
        yield* process.printError(inLocale(process, `${name}: ${error.message}\n${error.hint && !busybox ? `Try '${name} --help' for more information.\n` : ''}`))
        return error.code
      }
      if (isSystemError(error, 'EPIPE')) throw error
      if (isSystemError(error)) {
        yield* process.printError(`${name}: write error: ${error.message}\n`)
        return 1
      }
      throw error
    }
  }
}

function parse(options: Options, args: readonly string[], spec: OptionSpec): void {
  const usage = spec.usageCode ?? 1
  const flags = spec.flags ?? ''
  const values = spec.values ?? ''
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      options.operands.push(...args.slice(i + 1))
      return
    }
    if (arg === '-' || !arg.startsWith('-')) {
      options.operands.push(arg)
      if (!spec.stopAtOperand) continue
      options.operands.push(...args.slice(i + 1))
      return
    }
    if (arg.startsWith('--')) {
      const equals = arg.indexOf('=')
      const given = equals < 0 ? arg.slice(2) : arg.slice(2, equals)
      const names = Object.keys(spec.long ?? {}).filter((n) => n === given)
      const matches = names.length > 0 ? names : Object.keys(spec.long ?? {}).filter((n) => n.startsWith(given))
      if (matches.length !== 1) {
        throw new Failure(matches.length === 0 ? `unrecognized option '${equals < 0 ? arg : arg.slice(0, equals)}'` : `option '${arg}' is ambiguous; possibilities: ${matches.map((m) => `'--${m}'`).join(' ')}`, usage, true)
      }
      const target = spec.long![matches[0]!]!
      if (!target.endsWith('=')) {
        if (equals >= 0 && !target.endsWith('?')) throw new Failure(`option '--${matches[0]}' doesn't allow an argument`, usage, true)
        options.add(target.replace(/\?$/, ''), equals < 0 ? '' : arg.slice(equals + 1))
        continue
      }
      const value = equals < 0 ? args[++i] : arg.slice(equals + 1)
      if (value === undefined) throw new Failure(`option '--${matches[0]}' requires an argument`, usage, true)
      options.add(target.slice(0, -1), value)
      continue
    }
    if (spec.number !== undefined && /^-\d+$/.test(arg)) {
      options.add(spec.number, arg.slice(1))
      continue
    }
    for (let k = 1; k < arg.length; k++) {
      const letter = arg[k]!
      if (spec.attached?.includes(letter)) {
        options.add(letter, arg.slice(k + 1))
        break
      }
      if (flags.includes(letter)) options.add(letter)
      else if (values.includes(letter)) {
        const value = arg.slice(k + 1) || args[++i]
        if (value === undefined) throw new Failure(`option requires an argument -- '${letter}'`, usage, true)
        options.add(letter, value)
        break
      } else if (spec.unsupported?.includes(letter)) throw new NotSimulated(`the option -${letter} of this tool`)
      else throw new Failure(`invalid option -- '${letter}'`, usage, true)
    }
  }
}

/** GNU's quote(): ‘x’ in a UTF-8 locale; {@link inLocale} makes it 'x' elsewhere. */
export function quote(text: string): string {
  return `\u2018${text}\u2019`
}

/** A message's quotes as the process's locale has them (containers usually have none: C). */
function inLocale(process: Process, message: string): string {
  const locale = process.env.get('LC_ALL') || process.env.get('LC_CTYPE') || process.env.get('LANG') || 'C'
  return /utf-?8/i.test(locale) ? message : message.replace(/[\u2018\u2019]/g, "'")
}

/** GNU's quoteaf(): shell-style quoting of file names in messages. */
export function quoted(name: string): string {
  return name.includes("'") && !name.includes('"') ? `"${name}"` : `'${name.replace(/'/g, "'\\''")}'`
}

export function missingOperand(): Failure {
  return new Failure('missing operand', 1, true)
}

export function extraOperand(text: string): Failure {
  return new Failure(`extra operand ${quote(text)}`, 1, true)
}
