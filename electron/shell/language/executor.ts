import { createPipe } from '../../engine/machine/pipe.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { OpenFile, Process, ProcessGroup, SignalName } from '../../engine/machine/types.ts'
import { ParseError, type Command, type FunctionDefinition, type List, type Pipeline, type Redirect } from './ast.ts'
import { CompoundCommands } from './compounds.ts'
import { Exit, ExpansionError, RedirectError } from './errors.ts'
import { Parser } from './parser.ts'
import { printCommand } from './print.ts'
import { startCoprocess } from './coprocess.ts'
import { prefixOf } from './messages.ts'
import { Redirections } from './redirects.ts'
import type { Shell } from './shell.ts'
import { SimpleCommands } from './simple.ts'

/** Functions that call themselves deeper than this are stopped (bash would run out of stack far later). */
const MAX_NESTING = 300

/** Runs what the parser made. `last`: nothing follows in this process, so a program may take its place. */
export class Executor {
  readonly #shell: Shell
  readonly #simple: SimpleCommands
  readonly #compounds: CompoundCommands
  #depth = 0

  constructor(shell: Shell) {
    this.#shell = shell
    this.#simple = new SimpleCommands(shell)
    this.#compounds = new CompoundCommands(shell, this)
  }

  /** A whole script, command line after command line, as bash reads it. */
  external(args: readonly string[], last: boolean): Task<number> {
    return this.#simple.external(args, new Map(), last, args.join(' '))
  }

  assignArray(name: string, items: readonly { index?: string; value: string }[], append: boolean): void {
    this.#simple.assignArray(name, items, append)
  }

  *source(text: string, options: { firstLine?: number; tail?: boolean; title?: string } = {}): Task<number> {
    const shell = this.#shell
    const warnings: [string, number][] = []
    const parser = new Parser(text, {
      firstLine: options.firstLine,
      flavour: shell.flavour,
      aliases: () => shell.activeAliases,
      onWarning: (message, line) => warnings.push([message, line]),
    })
    let shown = 0
    for (;;) {
      let list: List | undefined
      try {
        parser.setExtendedGlobs(shell.shopt.has('extglob'))
        list = parser.next()
      } catch (error) {
        if (!(error instanceof ParseError)) throw error
        yield* this.syntaxError(error, options.title)
        return (shell.status = error.conditional && !shell.interactive ? shell.status : 2)
      }
      for (const [message, line] of warnings.splice(0)) yield* shell.error(message, line)
      if (shell.options.has('verbose') && parser.consumed > shown) yield* shell.process.printError(text.slice(shown, parser.consumed).replace(/\n?$/, '\n'))
      shown = parser.consumed
      if (!list) return shell.status
      yield* this.commandLine(list, options.tail === true && /^\s*$/.test(text.slice(parser.consumed)))
    }
  }

  *syntaxError(error: ParseError, title?: string): Task<void> {
    const shell = this.#shell
    if (shell.flavour !== 'bash') {
      const dash = shell.flavour === 'dash'
      const message = error.message
        .replace(/^unexpected EOF while looking for matching `['"]'$/, dash ? 'Syntax error: Unterminated quoted string' : 'syntax error: unterminated quoted string')
        .replace(/^syntax error: unexpected end of file/, dash ? 'Syntax error: end of file unexpected' : '$&')
        .replace(/^syntax error near unexpected token `(.*)'$/s, (_, token: string) => `${dash ? 'Syntax error: ' : 'syntax error: unexpected '}${token === 'newline' ? 'newline' : token === '<' || token === '<<<' ? 'redirection' : `"${token}"`}${dash ? ' unexpected' : ''}`)
      return yield* shell.error(message, error.line)
    }
    const inString = shell.commandString && shell.sourceDepth === 0 && !shell.plainMessages
    const where = title ?? (inString ? '-c' : undefined)
    const prefix = where && !shell.plainMessages ? `${shell.name}: ${where}: line ${error.line}: ` : prefixOf(shell, error.line)
    yield* shell.process.printError(`${prefix}${error.message}\n`)
    const { lineText, again = '' } = error as ParseError & { lineText?: string; again?: string }
    if (error.showLine && lineText !== undefined && !shell.plainMessages) yield* shell.process.printError(`${prefix}${again}\`${lineText}'\n`)
  }

  /** One complete command line; an expansion that fails gives up the rest of it. */
  *commandLine(list: List, last = false): Task<number> {
    const shell = this.#shell
    if (shell.options.has('noexec') && !shell.interactive) return shell.status
    try {
      return yield* this.list(list, last)
    } catch (error) {
      if (!(error instanceof ExpansionError) || (error.fatal && !shell.interactive)) throw error
      if (error.message.startsWith('podhop: ')) {
        yield* shell.process.printError(error.message + '\n')
        return (shell.status = 69)
      }
      yield* shell.error(shell.flavour === 'dash' ? dashMessage(error.message) : error.message)
      if (shell.flavour !== 'bash' && !shell.interactive) throw new Exit(2)
      return (shell.status = 1)
    }
  }

  *list(list: List, last = false): Task<number> {
    const shell = this.#shell
    for (const [i, item] of list.items.entries()) {
      if (item.background) this.#background(item.command)
      else yield* this.run(item.command, last && i === list.items.length - 1)
      if (item.background && shell.interactive && shell.jobControl) {
        const job = shell.jobs.all[shell.jobs.all.length - 1]!
        yield* shell.process.printError(`[${job.id}] ${job.last.pid}\n`)
      }
    }
    return shell.status
  }

  *run(command: Command, last = false): Task<number> {
    const shell = this.#shell
    yield* shell.tick()
    switch (command.kind) {
      case 'simple':
        shell.line = command.line
        yield* this.announce(command)
        return yield* this.#checked(this.#one(command, last))
      case 'pipeline':
        if (!command.negated) return yield* this.#checked(this.#pipeline(command))
        // The failure of `! command` itself is never fatal.
        return (shell.status = yield* this.#pipeline(command))
      case 'and-or':
        return yield* this.#andOr(command, last)
      case 'list':
        return yield* this.list(command, last)
      case 'function':
        return yield* this.#define(command)
      case 'coprocess':
        return (shell.status = startCoprocess(shell, command))
      case 'subshell':
        return yield* this.#checked(this.#subshell(command, last))
      case 'conditional':
      case 'arithmetic':
        shell.line = command.line
        yield* this.announce(command)
        return yield* this.#checked(this.#redirected(command.redirects, () => this.#compounds.run(command, last)))
      default:
        if (command.redirects.length === 0) return yield* this.#compounds.run(command, last)
        return yield* this.#redirected(command.redirects, () => this.#compounds.run(command, false))
    }
  }

  *#define(command: FunctionDefinition): Task<number> {
    const shell = this.#shell
    if (shell.readonlyFunctions.has(command.name)) {
      yield* shell.error(`${command.name}: readonly function`)
      return (shell.status = 1)
    }
    shell.functions.set(command.name, { ...command, file: shell.sourceFile })
    return (shell.status = 0)
  }

  *#one(command: Extract<Command, { kind: 'simple' }>, last: boolean): Task<number> {
    const status = yield* this.#simple.run(command, last)
    this.#shell.pipeStatus = [status]
    return status
  }

  /** The exit code counts: $?, `set -e`, the ERR trap. */
  *#checked(task: Task<number>): Task<number> {
    const shell = this.#shell
    const substitutions = shell.substitutionCount
    try {
      shell.status = yield* task
    } finally {
      if (shell.substitutionCount > substitutions) shell.closeSubstitutions(substitutions)
    }
    if (shell.status !== 0 && shell.tested === 0) yield* this.#simple.failed()
    return shell.status
  }

  *#redirected(redirects: readonly Redirect[], task: () => Task<number>): Task<number> {
    if (redirects.length === 0) return yield* task()
    const shell = this.#shell
    const redirections = new Redirections(shell)
    try {
      yield* redirections.apply(redirects)
      return yield* task()
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error
      yield* shell.error(error.message)
      return (shell.status = 1)
    } finally {
      redirections.undo()
    }
  }

  /** Runs something whose failure is looked at: `set -e` does not apply. */
  *tested(task: Task<number>): Task<number> {
    const shell = this.#shell
    shell.tested++
    try {
      return yield* task
    } finally {
      shell.tested--
    }
  }

  *#andOr(command: Extract<Command, { kind: 'and-or' }>, last: boolean): Task<number> {
    const shell = this.#shell
    const all = [{ operator: '&&', command: command.first }, ...command.rest]
    for (const [i, { operator, command: next }] of all.entries()) {
      if (i > 0 && (operator === '&&') !== (shell.status === 0)) continue
      if (i < all.length - 1) yield* this.tested(this.run(next))
      else yield* this.run(next, last)
    }
    return shell.status
  }

  // ---- processes ---------------------------------------------------------------------------------------------------

  *#pipeline(pipeline: Pipeline): Task<number> {
    const shell = this.#shell
    const started = shell.process.clock.now
    let code: number
    if (pipeline.commands.length <= 1) {
      const command = pipeline.commands[0]
      code = command ? yield* pipeline.negated ? this.tested(this.run(command)) : this.run(command) : 0
    } else {
      const lastHere = shell.shopt.has('lastpipe') && !shell.jobControl
      const started = this.#startPipeline(pipeline, shell.jobControl ? 'new' : undefined, false, lastHere)
      const { processes } = started
      const own = started.input ? yield* this.#lastHere(pipeline.commands[pipeline.commands.length - 1]!, started.input) : undefined
      code = yield* shell.jobs.foreground(processes, printCommand({ ...pipeline, negated: false, timed: false }))
      if (own !== undefined) {
        shell.pipeStatus = [...shell.pipeStatus, own]
        code = own
      }
      if (shell.options.has('pipefail')) code = [...shell.pipeStatus].reverse().find((c) => c !== 0) ?? 0
    }
    if (pipeline.timed) yield* shell.process.printError(times(shell, shell.process.clock.now - started, pipeline.timed === 'posix'))
    if (pipeline.negated) code = code === 0 ? 1 : 0
    return code
  }

  /** shopt lastpipe: the pipeline's last command runs in this shell. */
  *#lastHere(command: Command, input: OpenFile): Task<number> {
    const redirections = new Redirections(this.#shell)
    redirections.set(0, input)
    try {
      return yield* this.tested(this.run(command))
    } finally {
      redirections.undo()
    }
  }

  #startPipeline(pipeline: Pipeline, group: 'new' | undefined, ignoreInterrupts = false, lastHere = false): { processes: Process[]; input?: OpenFile } {
    const shell = this.#shell
    const { clock, files } = shell.process
    const processes: Process[] = []
    let joined: 'new' | ProcessGroup | undefined = group
    let input: OpenFile | undefined
    const commands = lastHere ? pipeline.commands.slice(0, -1) : pipeline.commands
    commands.forEach((command, i) => {
      const own = new Map(files)
      if (input) own.set(0, input)
      let output: OpenFile | undefined
      let next: OpenFile | undefined
      if (i < pipeline.commands.length - 1) {
        const pipe = createPipe(clock)
        output = pipe.writer
        next = pipe.reader
        own.set(1, output)
        if (pipeline.errorsToo[i]) own.set(2, output)
      }
      const child = shell.fork((copy) => copy.executor.run(command, true), { files: own, group: joined, ignoreInterrupts })
      if (joined === 'new') joined = child.group
      processes.push(child)
      output?.release()
      input?.release()
      input = next
    })
    return { processes, input }
  }

  #background(command: Command): void {
    const shell = this.#shell
    const quiet = !shell.jobControl
    const files = new Map(shell.process.files)
    const nothing = quiet ? shell.process.open('/dev/null', 'read') : undefined
    if (nothing) files.set(0, nothing)
    const pipeline = command.kind === 'pipeline' && command.commands.length > 1 && !command.negated ? command : undefined
    const group = shell.jobControl ? 'new' : undefined
    const processes = pipeline
      ? this.#startPipeline(pipeline, group, quiet).processes
      : [shell.fork((copy) => copy.executor.run(command, true), { files, group, ignoreInterrupts: quiet })]
    nothing?.release()
    const job = shell.jobs.add(processes, printCommand(command), true)
    shell.lastBackground = job.last.pid
    shell.status = 0
  }

  *#subshell(command: Extract<Command, { kind: 'subshell' }>, last: boolean): Task<number> {
    const shell = this.#shell
    if (last && command.redirects.length === 0 && shell.subshellDepth > 0 && shell.traps.size === 0) {
      shell.subshellDepth++
      return yield* this.list(command.body, true)
    }
    const child = shell.fork((copy) => copy.executor.subshellBody(command), { group: shell.jobControl ? 'new' : undefined })
    return yield* shell.jobs.foreground([child], printCommand(command))
  }

  subshellBody(command: Extract<Command, { kind: 'subshell' }>): Task<number> {
    return this.#redirected(command.redirects, () => this.list(command.body, true))
  }

  // ---- functions and traps -----------------------------------------------------------------------------------------

  /** Guards against endless recursion of functions and `source`. */
  *nested<T>(task: () => Task<T>): Task<T> {
    const tooDeep = (): ExpansionError => new ExpansionError(`${this.#shell.functionNames.at(-1) ?? 'eval'}: maximum function nesting level exceeded (${MAX_NESTING})`, true)
    if (this.#depth >= MAX_NESTING) throw tooDeep()
    this.#depth++
    try {
      return yield* task()
    } catch (error) {
      // Deep bodies use up the host's stack before the limit.
      throw error instanceof RangeError ? tooDeep() : error
    } finally {
      this.#depth--
    }
  }

  *runTrap(name: SignalName | 'ERR' | 'DEBUG' | 'RETURN'): Task<void> {
    const shell = this.#shell
    const action = shell.traps.get(name)
    if (!action) return
    if (name === 'DEBUG' && shell.inDebugTrap) return
    const { status, tested, pipeStatus, line, inDebugTrap } = shell
    shell.tested++
    shell.traceLevel++
    shell.inDebugTrap = name === 'DEBUG'
    shell.trapDepth++
    try {
      yield* this.source(action, { firstLine: name.startsWith('SIG') ? 1 : line })
    } finally {
      shell.tested = tested
      shell.traceLevel--
      shell.trapDepth--
      shell.inDebugTrap = inDebugTrap
      shell.line = line
    }
    shell.status = status
    shell.pipeStatus = pipeStatus
  }

  /** $BASH_COMMAND, and the DEBUG trap before each command. */
  *announce(command: Command, text?: string): Task<void> {
    const shell = this.#shell
    if (shell.trapDepth > 0) return
    shell.currentCommand = text ?? command
    if (shell.traps.get('DEBUG')) yield* this.runTrap('DEBUG')
  }
}

/** `time`: simulated programs use no processor time. */
function times(shell: Shell, ms: number, posix: boolean): string {
  const minutes = Math.floor(ms / 60_000)
  if (posix) return `real ${(ms / 1000).toFixed(2)}\nuser 0.00\nsys 0.00\n`
  const format = shell.variables.get('TIMEFORMAT')
  if (format === '') return ''
  if (format !== undefined) {
    return format.replace(/%(?:%|(\d)?(l)?([RUSP]))/g, (_whole: string, digits: string | undefined, long: string | undefined, letter: string | undefined) => {
      if (letter === undefined) return '%'
      if (letter === 'P') return '0.00'
      const value = letter === 'R' ? ms : 0
      const places = Math.min(3, Number(digits ?? 3))
      return long ? `${Math.floor(value / 60_000)}m${((value % 60_000) / 1000).toFixed(places)}s` : (value / 1000).toFixed(places)
    }) + '\n'
  }
  const real = `${minutes}m${((ms % 60_000) / 1000).toFixed(3)}s`
  return `\nreal\t${real}\nuser\t0m0.000s\nsys\t0m0.000s\n`
}

/** What dash says where bash has other words. */
function dashMessage(message: string): string {
  const division = /^(.*): division by 0 \(error token is /s.exec(message)
  if (division) return `arithmetic expression: division by zero: "${division[1]!.trim()}"`
  const syntax = /^(.*): syntax error: (?:operand expected|invalid arithmetic operator|syntax error in expression) \(error token is /s.exec(message)
  if (syntax) return `arithmetic expression: ${/operand/.test(message) ? 'expecting primary' : 'expecting EOF'}: "${syntax[1]!}"`
  return message.replace(/^(\w+): readonly variable$/, '$1: is read only').replace(/^\$\{.*\}: bad substitution$/s, 'Bad substitution')
}
