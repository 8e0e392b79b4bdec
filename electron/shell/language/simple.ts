import { isSystemError } from '../../engine/machine/errors.ts'
import { findExecutable } from '../../engine/machine/executable.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import type { Assignment, DeclarationArgument, Simple } from './ast.ts'
import { BUILTINS, SPECIAL_BUILTINS, type Argument, type Builtin, type BuiltinContext } from './builtins/table.ts'
import { Exit, ExpansionError, RedirectError, Return } from './errors.ts'
import { notFound, isAbsent } from './messages.ts'
import { printCommand, wordText } from './print.ts'
import { quoteIfNeeded, singleQuote } from './quote.ts'
import { Redirections } from './redirects.ts'
import type { Shell } from './shell.ts'
import type { Variable } from './variables.ts'

/** Builtins that return something else than 0 only when they were used wrongly. */
const FATAL = new Set(['export', 'local', 'readonly', 'set', 'shift'])

/** Simple commands: assignments, functions, builtins, programs (bash(1), SIMPLE COMMAND EXPANSION and COMMAND EXECUTION). */
export class SimpleCommands {
  readonly #shell: Shell

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** `set -e` and the ERR trap, after a command that failed where nobody looked. */
  *failed(): Task<void> {
    const shell = this.#shell
    if (shell.traps.get('ERR')) yield* shell.executor.runTrap('ERR')
    if (shell.options.has('errexit')) throw new Exit(shell.status)
  }

  *run(command: Simple, last: boolean): Task<number> {
    const shell = this.#shell
    shell.substitutionStatus = undefined
    const args: Argument[] = []
    for (const word of command.words) {
      if ('assignment' in word) args.push(yield* this.#declaration(word))
      else args.push(...(yield* shell.expander.fields(word)))
    }
    if (args.length === 0) return yield* this.#assignmentsOnly(command)
    const name = String(args[0])
    const lastArgument = args[args.length - 1]!
    const redirections = new Redirections(shell)
    const saved: [string, Variable | undefined][] = []
    let keep = false
    try {
      yield* redirections.apply(command.redirects)
      const environment = yield* this.#temporary(command.assignments)
      yield* this.#trace(command, environment, args)
      const definition = shell.functions.get(name)
      const builtin = isAbsent(shell.flavour, name) ? undefined : BUILTINS.get(name)
      if (definition || builtin) {
        for (const [variable, value] of environment) {
          saved.push([variable, shell.variables.find(variable)])
          shell.variables.replace(variable, { value, exported: true })
        }
        // POSIX: assignments before a special builtin stay; bash does so only in its POSIX mode.
        if (!definition && SPECIAL_BUILTINS.has(name) && shell.flavour !== 'bash') saved.length = 0
      }
      if (definition) return yield* this.call(name, args.slice(1).map(String))
      if (builtin) {
        keep = name === 'exec' && args.length === 1
        const status = yield* this.#builtin(builtin, args.slice(1), { last, keepRedirections: () => (keep = true) })
        // POSIX 2.8.1: an error of a special builtin ends the shell
        if (status !== 0 && shell.flavour !== 'bash' && !shell.interactive && FATAL.has(name)) throw new Exit(2)
        return status
      }
      // the child has them by then: the shell's own descriptors are as before while it waits
      return yield* this.external(args.map(String), environment, last, printCommand(command), () => redirections.undo())
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error
      yield* shell.error(error.message)
      if (shell.flavour !== 'bash' && SPECIAL_BUILTINS.has(name) && !shell.interactive) throw new Exit(2)
      return shell.flavour === 'dash' ? 2 : 1
    } finally {
      for (const [variable, value] of saved.reverse()) shell.variables.restore(variable, value)
      if (shell.flavour === 'bash') shell.lastArgument = typeof lastArgument === 'string' ? lastArgument : lastArgument.name
      if (keep) redirections.keep()
      else redirections.undo()
    }
  }

  /** A builtin that may not write its variable has failed; the line goes on. */
  *#builtin(builtin: Builtin, args: Argument[], context: BuiltinContext): Task<number> {
    try {
      return yield* builtin(this.#shell, args, context)
    } catch (error) {
      if (!(error instanceof ExpansionError) || !error.message.endsWith(': readonly variable')) throw error
      yield* this.#shell.error(error.message)
      return 1
    }
  }

  *#assignmentsOnly(command: Simple): Task<number> {
    const shell = this.#shell
    const redirections = new Redirections(shell)
    try {
      yield* redirections.apply(command.redirects)
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error
      yield* shell.error(error.message)
      return 1
    } finally {
      redirections.undo()
    }
    for (const assignment of command.assignments) yield* this.assign(assignment)
    return shell.substitutionStatus ?? 0
  }

  *assign(assignment: Assignment): Task<void> {
    const shell = this.#shell
    const traces = shell.options.has('xtrace')
    if (assignment.array) {
      if (traces) yield* shell.trace(assignment.source ?? assignment.name)
      const items: { index?: string; value: string }[] = []
      for (const item of assignment.array) {
        if (item.index) items.push({ index: yield* shell.expander.string(item.index), value: yield* shell.expander.string(item.value) })
        else for (const value of yield* shell.expander.fields(item.value)) items.push({ value })
      }
      this.assignArray(assignment.name, items, assignment.append)
      return
    }
    const index = assignment.index ? yield* shell.expander.string(assignment.index) : undefined
    const value = yield* shell.expander.string(assignment.value!, { assignment: true })
    if (traces) yield* shell.trace(`${assignment.name}${assignment.index ? `[${wordText(assignment.index)}]` : ''}${assignment.append ? '+' : ''}=${value === '' ? '' : quoteIfNeeded(value)}`)
    shell.assign(assignment.name, value, index, assignment.append)
  }

  assignArray(name: string, items: readonly { index?: string; value: string }[], append: boolean): void {
    const shell = this.#shell
    let variable: Variable
    try {
      variable = shell.variables.writable(name)
    } catch {
      throw new ExpansionError(`${name}: readonly variable`)
    }
    if (variable.table) {
      variable.unassigned = false
      if (!append) variable.table.clear()
      for (const [i, item] of items.entries()) {
        if (item.index !== undefined) variable.table.set(item.index, item.value)
        else if (i % 2 === 0) variable.table.set(item.value, items[i + 1]?.value ?? '')
      }
      return
    }
    const array = append ? (variable.array ?? new Map<number, string>(variable.value === undefined ? [] : [[0, variable.value]])) : new Map<number, string>()
    variable.array = array
    variable.unassigned = false
    variable.value = undefined
    let next = append ? Math.max(-1, ...array.keys()) + 1 : 0
    for (const item of items) {
      if (item.index !== undefined) next = shell.expander.arrayIndex(name, item.index)
      array.set(next++, item.value)
    }
  }

  *#declaration(word: DeclarationArgument): Task<Argument> {
    const { assignment } = word
    const shell = this.#shell
    const index = assignment.index ? yield* shell.expander.string(assignment.index) : undefined
    if (assignment.array) {
      const items: { index?: string; value: string }[] = []
      for (const item of assignment.array) {
        if (item.index) items.push({ index: yield* shell.expander.string(item.index), value: yield* shell.expander.string(item.value) })
        else for (const value of yield* shell.expander.fields(item.value)) items.push({ value })
      }
      return { name: assignment.name, append: assignment.append, items, toString: () => `${assignment.name}=(...)` }
    }
    const value = yield* shell.expander.string(assignment.value!, { assignment: true })
    const { name, append } = assignment
    return { name, index, append, value, toString: () => `${name}${index === undefined ? '' : `[${index}]`}${append ? '+' : ''}=${value}` }
  }

  *#temporary(assignments: readonly Assignment[]): Task<Map<string, string>> {
    const out = new Map<string, string>()
    for (const assignment of assignments) {
      if (assignment.index) {
        yield* this.#shell.error(`\`${assignment.name}[${wordText(assignment.index)}]': not a valid identifier`)
        continue
      }
      const value = assignment.value ? yield* this.#shell.expander.string(assignment.value, { assignment: true }) : ''
      if (this.#shell.variables.find(assignment.name)?.readonly) throw new ExpansionError(`${assignment.name}: readonly variable`)
      out.set(assignment.name, (assignment.append ? (this.#shell.variables.get(assignment.name) ?? '') : '') + value)
    }
    return out
  }

  *#trace(command: Simple, environment: ReadonlyMap<string, string>, args: readonly Argument[]): Task<void> {
    if (!this.#shell.options.has('xtrace') || command.words.length === 0) return
    for (const [name, value] of environment) yield* this.#shell.trace(`${name}=${value === '' ? '' : quoteIfNeeded(value)}`)
    const given = args.filter((a) => typeof a !== 'string')
    for (const { name, append, items } of given) {
      if (items) yield* this.#shell.trace(`${name}${append ? '+' : ''}=(${items.map((i) => (i.index === undefined ? singleQuote(i.value) : `[${singleQuote(i.index)}]=${singleQuote(i.value)}`)).join(' ')})`)
    }
    yield* this.#shell.trace(args.map((a) => (typeof a === 'string' ? quoteIfNeeded(a) : a.items ? a.name : quoteIfNeeded(String(a)))).join(' '))
    if (args[0] === 'export' || args[0] === 'readonly') for (const a of given) if (!a.items) yield* this.#shell.trace(`${a.name}=${a.value === undefined || a.value === '' ? '' : quoteIfNeeded(a.value)}`)
  }

  /** Runs a function: its own positional parameters and local variables. */
  *call(name: string, args: string[]): Task<number> {
    const shell = this.#shell
    const definition = shell.functions.get(name)!
    const { positional, loopDepth, options, line } = shell
    const hidden: [string, string][] = []
    for (const trap of ['ERR', 'DEBUG', 'RETURN']) {
      const action = shell.traps.get(trap)
      if (action === undefined || options.has(trap === 'ERR' ? 'errtrace' : 'functrace')) continue
      hidden.push([trap, action])
      shell.traps.delete(trap)
    }
    const most = Number(shell.variables.get('FUNCNEST') ?? 0)
    if (most > 0 && shell.functionNames.length >= most) throw new ExpansionError(`${name}: maximum function nesting level exceeded (${most})`)
    return yield* shell.executor.nested(function* () {
      shell.positional = args
      shell.loopDepth = 0
      shell.functionNames.push(name)
      shell.calls.push({ function: name, source: definition.file ?? shell.sourceFile, line })
      shell.variables.enter()
      try {
        let code: number
        try {
          code = yield* shell.executor.run(definition.body)
        } catch (error) {
          if (!(error instanceof Return)) throw error
          code = error.code
        }
        shell.status = code
        shell.line = line
        if (shell.traps.get('RETURN')) yield* shell.executor.runTrap('RETURN')
        return code
      } finally {
        for (const [trap, action] of hidden) if (!shell.traps.has(trap)) shell.traps.set(trap, action)
        shell.variables.leave()
        shell.functionNames.pop()
        shell.calls.pop()
        shell.positional = positional
        shell.loopDepth = loopDepth
      }
    })
  }

  /** A program: in its own process, or in this one's place. */
  *external(args: readonly string[], environment: ReadonlyMap<string, string>, last: boolean, source: string, started?: () => void): Task<number> {
    const shell = this.#shell
    const { process } = shell
    const env = new Map(process.env)
    for (const [name, value] of environment) env.set(name, value)
    const name = args[0]!
    const searched = environment.has('PATH') ? environment : shell.pathEnvironment()
    const executable = name === '' ? undefined : findExecutable(process.machine, { cwd: process.cwd, env: searched, user: process.user }, name)
    if (executable === undefined) {
      const handler = shell.flavour === 'bash' ? shell.functions.get('command_not_found_handle') : undefined
      if (handler) return yield* this.call('command_not_found_handle', [...args])
      if (shell.flavour === 'bash' && name !== '' && shell.variables.get('PATH') === undefined) yield* shell.error(`${name}: No such file or directory`)
      else yield* shell.error(notFound(shell, name))
      return 127
    }
    // bash alone tells a command by which path it was found
    if (shell.flavour === 'bash') env.set('_', executable)
    if (!name.includes('/')) {
      const entry = shell.hashed.get(name)
      if (entry?.path === executable) entry.hits++
      else shell.hashed.set(name, { path: executable, hits: 1 })
    }
    const options = { argv: [...args], executable: name.includes('/') ? name : executable, env }
    let child: Process | undefined
    let replacement: Task<number> | undefined
    try {
      if (last && !shell.interactive && shell.traps.size === 0) replacement = process.exec(options)
      else child = process.spawn({ ...options, files: process.files, group: shell.jobControl ? 'new' : undefined })
    } catch (error) {
      if (!isSystemError(error)) throw error
      return yield* this.#cannotRun(args, executable, error.code, error.message)
    }
    if (replacement) throw new Exit(yield* replacement, true)
    started?.()
    return yield* shell.jobs.foreground([child!], source)
  }

  *#cannotRun(args: readonly string[], executable: string, code: string, message: string): Task<number> {
    const shell = this.#shell
    const { fs } = shell.process
    const name = args[0]!
    if (code === 'EAGAIN') throw new ExpansionError(`fork: ${message}`, true)
    const directory = fs.exists(executable) && fs.stat(executable).type === 'directory'
    if (code === 'ENOEXEC') {
      const text = fs.readText(executable)
      if (text.includes('\0')) {
        yield* shell.error(`${name}: cannot execute binary file: Exec format error`)
        return 126
      }
      const child = shell.fork((copy) => {
        copy.name = name
        copy.positional = args.slice(1)
        copy.plainMessages = false
        copy.commandString = false
        copy.traps.clear()
        return copy.executor.source(text)
      })
      return yield* shell.jobs.foreground([child], args.join(' '))
    }
    if (code === 'ENOENT' && fs.exists(executable)) {
      yield* shell.error(shell.flavour === 'bash' ? `${name}: cannot execute: required file not found` : notFound(shell, name))
      return 127
    }
    if (shell.flavour === 'bash') yield* shell.error(`${name}: ${directory ? 'Is a directory' : message}`)
    else yield* shell.error(code === 'ENOENT' ? notFound(shell, name) : `${name}: ${shell.flavour === 'busybox' && directory ? 'Permission denied' : message}`)
    return code === 'ENOENT' ? 127 : 126
  }
}
