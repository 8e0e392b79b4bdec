import type { Task } from '../../engine/machine/task.ts'
import { Signal } from '../../engine/machine/task.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { ParseError, type List } from '../language/ast.ts'
import { Break, ExpansionError, Interrupted, Return } from '../language/errors.ts'
import { Parser } from '../language/parser.ts'
import type { Shell } from '../language/shell.ts'
import { givenUp } from '../language/waiting.ts'
import { History, joinLines } from './history.ts'
import { expandHistory, type ExpansionMemory } from './history-expansion.ts'
import { LineEditor, type Line } from './line-editor.ts'
import { initializeReadline, readInitFile } from './init-file.ts'
import { boundCommand, completions, editAndExecute, expandedLine } from './line-services.ts'

/** An interactive shell: prompt, line, command, until `exit`, Ctrl-D or the terminal's end. */
export function* interactiveShell(shell: Shell): Task<number> {
  return yield* new Session(shell).run()
}

class Session {
  readonly #shell: Shell
  readonly #history: History
  readonly #editor: LineEditor | undefined
  readonly #expansions: ExpansionMemory = {}
  readonly #interrupts = new Signal()
  #interrupted = false

  constructor(shell: Shell) {
    this.#shell = shell
    this.#history = new History(shell)
    // dash has no line editor: the terminal's own is all there is.
    if (shell.flavour !== 'dash' && shell.terminal) {
      this.#editor = new LineEditor(shell.process, shell.terminal, {
        history: shell.history,
        readline: shell.readline,
        complete: (text, _, kind) => completions(shell, text, kind),
        expand: (text, what) => this.#expandLine(text, what),
        editAndExecute: (text, number) => this.#given(editAndExecute(shell, text, number)),
        runCommand: (command, line, argument) => this.#given(boundCommand(shell, command, line, argument)),
        readInitFile: () => readInitFile(shell),
        endWord: () => (shell.shopt.has('login_shell') ? 'logout' : 'exit'),
      })
    }
  }

  *run(): Task<number> {
    const shell = this.#shell
    if (this.#editor) {
      this.#history.load()
      yield* initializeReadline(shell)
    }
    const onInterrupt = (): void => {
      this.#interrupted = true
      this.#interrupts.notify()
    }
    shell.defaultHandlers.set('SIGINT', onInterrupt)
    if (!shell.traps.has('SIGINT')) shell.process.onSignal('SIGINT', onInterrupt)
    shell.process.onExit(() => {
      for (const job of shell.jobs.all) if (!job.done) job.group.signal('SIGHUP')
    })
    for (;;) {
      // readline's, and checkwinsize's after each command
      if (this.#editor) for (const [name, size] of [['COLUMNS', shell.terminal!.columns], ['LINES', shell.terminal!.rows]] as const) shell.variables.set(name, String(size))
      yield* shell.jobs.notify()
      const lists = yield* this.#command()
      if (lists === 'end') return shell.status
      for (const list of lists) {
        if (!(yield* this.#execute(list))) break
      }
    }
  }

  /** One complete command: as many lines as it takes. */
  *#command(): Task<List[] | 'end'> {
    const shell = this.#shell
    const lines: string[] = []
    let text = ''
    let prompt = shell.variables.get('PS1') ?? '$ '
    const hook = shell.variables.get('PROMPT_COMMAND')
    if (hook) yield* shell.executor.source(hook)
    for (;;) {
      this.#interrupted = false
      const line = yield* this.#line(shell.prompt(prompt))
      if (line.kind === 'end' && text === '') return 'end'
      if (line.kind === 'interrupted') {
        shell.status = 130
        return []
      }
      if (line.kind === 'line') {
        this.#expansions.extendedGlobs = shell.shopt.has('extglob')
        const expanded = shell.flavour === 'bash' && shell.options.has('histexpand') ? expandHistory(line.text, shell.history, this.#expansions) : { text: line.text, changed: false }
        if (expanded.error !== undefined) {
          yield* shell.error(expanded.error)
          return []
        }
        if (expanded.changed) yield* shell.process.printError(expanded.text + '\n')
        lines.push(expanded.text)
        if (expanded.printOnly) {
          this.#keep(lines)
          return []
        }
        text += expanded.text + '\n'
      }
      try {
        const lists = parse(shell, text, line.kind !== 'end')
        this.#keep(lines)
        if (lists.length > 0) {
          shell.warnedOfJobs = false
          shell.commandNumber++
        }
        return lists
      } catch (error) {
        if (!(error instanceof ParseError)) throw error
        if (error.incomplete && line.kind === 'line') {
          prompt = shell.variables.get('PS2') ?? '> '
          continue
        }
        this.#keep(lines)
        yield* shell.executor.syntaxError(error)
        shell.status = 2
        return []
      }
    }
  }

  *#expandLine(text: string, what: 'history' | 'alias' | 'both' | 'shell'): Task<string | undefined> {
    const expanded = what === 'alias' ? { text, error: undefined } : expandHistory(text, this.#shell.history, this.#expansions)
    if (expanded.error !== undefined || what === 'history') return expanded.error === undefined ? expanded.text : undefined
    return yield* expandedLine(this.#shell, expanded.text, what === 'shell' ? 'shell' : 'alias')
  }

  /** Work of the line editor that Ctrl-C ends, as it ends a command. */
  *#given<T>(work: Task<T>): Task<T> {
    this.#interrupted = false
    const done = yield* givenUp(work, this.#interrupts.wait, () => this.#interrupted)
    if (!done) throw new Interrupted()
    return done.value
  }

  #keep(lines: readonly string[]): void {
    const shell = this.#shell
    shell.historyAdded = false
    if (!this.#editor || (shell.flavour === 'bash' && !shell.options.has('history'))) return
    const kept = shell.flavour === 'bash' && !shell.shopt.has('cmdhist') ? lines : [shell.shopt.has('lithist') ? lines.join('\n') : joinLines(lines)]
    for (const line of kept) shell.historyAdded = this.#history.add(line, kept.length > 1 ? line : lines[0] ?? '')
    this.#history.save()
  }

  *#line(prompt: string): Task<Line> {
    if (this.#editor) {
      try {
        return yield* this.#editor.read(prompt)
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error
        yield* this.#shell.process.printError('\n')
        return { kind: 'interrupted' }
      }
    }
    const { process } = this.#shell
    yield* process.printError(prompt)
    const read = yield* givenUp(readCooked(this.#shell), this.#interrupts.wait, () => this.#interrupted)
    if (read === undefined) {
      yield* process.printError('\n')
      return { kind: 'interrupted' }
    }
    return read.value
  }

  /** Runs a command line; Ctrl-C ends it wherever it waits. False: the rest of the line is given up. */
  *#execute(list: List): Task<boolean> {
    const shell = this.#shell
    this.#interrupted = false
    const waits = { tested: shell.tested, loopDepth: shell.loopDepth }
    try {
      const result = yield* givenUp(shell.executor.commandLine(list), this.#interrupts.wait, () => this.#interrupted)
      if (result !== undefined) return true
      yield* shell.process.printError('\n')
      shell.status = 130
    } catch (error) {
      if (error instanceof Interrupted) shell.status = 130
      else if (error instanceof ExpansionError) {
        yield* shell.error(error.message)
        shell.status = 1
      } else if (!(error instanceof Return) && !(error instanceof Break)) throw error
    } finally {
      Object.assign(shell, waits)
    }
    return false
  }
}

function parse(shell: Shell, text: string, interactive: boolean): List[] {
  const parser = new Parser(text, { flavour: shell.flavour, interactive, extendedGlobs: shell.shopt.has('extglob'), aliases: () => shell.activeAliases })
  const lists: List[] = []
  for (let list = parser.next(); list; list = parser.next()) lists.push(list)
  // A backslash at the very end asks for the next line.
  if (interactive && /(^|[^\\])(\\\\)*\\\n$/.test(text) && !text.includes("'")) throw new ParseError('', 1, { incomplete: true })
  return lists
}

function* readCooked(shell: Shell): Task<Line> {
  const bytes: number[] = []
  for (;;) {
    const chunk = yield* shell.process.read(0, 1)
    if (chunk === null) return bytes.length > 0 ? { kind: 'line', text: decodeUtf8(Uint8Array.from(bytes)) } : { kind: 'end' }
    if (chunk[0] === 10) return { kind: 'line', text: decodeUtf8(Uint8Array.from(bytes)) }
    bytes.push(chunk[0]!)
  }
}
