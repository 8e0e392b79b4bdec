import type { Task } from '../../engine/machine/task.ts'
import type { Command, List, Word } from './ast.ts'
import { evaluateCondition } from './condition.ts'
import { Break, ExpansionError, RegularExpressionError } from './errors.ts'
import type { Executor } from './executor.ts'
import { matchesPattern } from './pattern.ts'
import { wordText } from './print.ts'
import { selectLoop } from './select.ts'
import type { Shell } from './shell.ts'

/** Compound commands: loops, conditions, case. What is inside is the executor's. */
export class CompoundCommands {
  readonly #shell: Shell
  readonly #executor: Executor

  constructor(shell: Shell, executor: Executor) {
    this.#shell = shell
    this.#executor = executor
  }

  *run(command: Command, last: boolean): Task<number> {
    const shell = this.#shell
    switch (command.kind) {
      case 'group':
        return yield* this.#executor.list(command.body, last)
      case 'if':
        for (const branch of command.branches) {
          if ((yield* this.#executor.tested(this.#executor.list(branch.condition))) === 0) return yield* this.#executor.list(branch.body, last)
        }
        return command.otherwise ? yield* this.#executor.list(command.otherwise, last) : (shell.status = 0)
      case 'while':
        return yield* this.#loop(() => this.#condition(command.condition, command.until), command.body)
      case 'for': {
        const words = command.words ? yield* shell.expander.words(command.words) : [...shell.positional]
        if (!/^[A-Za-z_]\w*$/.test(command.name)) {
          yield* shell.error(`\`${command.name}': not a valid identifier`)
          return (shell.status = 1)
        }
        let i = 0
        let failed = false
        const head = `for ${command.name} in ${command.words ? command.words.map(wordText).join(' ') : '"$@"'}`
        const announce = (): Task<void> => this.#executor.announce(command, head)
        const status = yield* this.#loop(function* () {
          if (i >= words.length) return false
          shell.line = command.line
          yield* announce()
          if (shell.options.has('xtrace')) yield* shell.trace(head)
          try {
            shell.assignLoopVariable(command.name, words[i++]!)
          } catch (error) {
            if (!(error instanceof ExpansionError)) throw error
            yield* shell.error(error.message)
            failed = true
            return false
          }
          return true
        }, command.body)
        return failed ? (shell.status = 1) : status
      }
      case 'select':
        return yield* selectLoop(shell, command, (condition) => this.#loop(condition, command.body))
      case 'arithmetic-for': {
        const announce = (text: string): Task<void> => this.#executor.announce(command, text)
        const value = function* (word: Word): Task<bigint> {
          shell.line = command.line
          const text = `((${wordText(word).trim() || '1'}))`
          yield* announce(text)
          if (shell.options.has('xtrace')) yield* shell.trace(`(( ${text.slice(2, -2)} ))`)
          return yield* shell.expander.arithmetic(word, '((: ')
        }
        yield* value(command.init)
        return yield* this.#loop(function* () {
          return command.test.parts.length === 0 || (yield* value(command.test)) !== 0n
        }, command.body, () => value(command.step))
      }
      case 'case':
        return yield* this.#case(command, last)
      case 'arithmetic':
        if (shell.options.has('xtrace')) yield* shell.trace(`(( ${wordText(command.expression).trim()} ))`)
        return (shell.status = (yield* this.#quietly(shell.expander.arithmetic(command.expression, '((: '))) ? 0 : 1)
      case 'conditional':
        return (shell.status = yield* this.#conditional(command))
      default:
        return yield* this.#executor.run(command, last)
    }
  }

  /** ((…)) and [[…]] that fail to evaluate are false, with a message; the line goes on. */
  *#quietly(task: Task<bigint>): Task<bigint> {
    try {
      return yield* task
    } catch (error) {
      if (!(error instanceof ExpansionError) || error.fatal) throw error
      yield* this.#shell.error(error.message)
      return 0n
    }
  }

  *#conditional(command: Extract<Command, { kind: 'conditional' }>): Task<number> {
    try {
      return (yield* evaluateCondition(this.#shell, command.expression)) ? 0 : 1
    } catch (error) {
      if (!(error instanceof ExpansionError) || error.fatal) throw error
      if (error instanceof RegularExpressionError) {
        if (error.message.startsWith('podhop: ')) yield* this.#shell.error(error.message)
        return 2
      }
      yield* this.#shell.error(error.message)
      return 1
    }
  }

  *#condition(list: List, until: boolean): Task<boolean> {
    return ((yield* this.#executor.tested(this.#executor.list(list))) === 0) !== until
  }

  *#loop(condition: () => Task<boolean>, body: List, step?: () => Task<unknown>): Task<number> {
    const shell = this.#shell
    let status = 0
    shell.loopDepth++
    try {
      for (;;) {
        yield* shell.tick()
        try {
          if (!(yield* condition())) break
          status = yield* this.#executor.list(body)
        } catch (error) {
          if (!(error instanceof Break)) throw error
          status = error.status
          if (error.levels > 1 && shell.loopDepth > 1) {
            error.levels--
            throw error
          }
          if (!error.continues) break
        }
        if (step) yield* step()
      }
    } finally {
      shell.loopDepth--
    }
    return (shell.status = status)
  }

  *#case(command: Extract<Command, { kind: 'case' }>, last: boolean): Task<number> {
    const shell = this.#shell
    const head = `case ${wordText(command.word)} in `
    yield* this.#executor.announce(command, head)
    if (shell.options.has('xtrace')) yield* shell.trace(head.trimEnd())
    const subject = yield* shell.expander.string(command.word)
    const options = { extended: shell.shopt.has('extglob'), ignoreCase: shell.shopt.has('nocasematch') }
    let through = false
    shell.status = 0
    for (const item of command.items) {
      if (!through) {
        let matches = false
        for (const pattern of item.patterns) {
          if (matchesPattern(yield* shell.expander.pattern(pattern), subject, options)) {
            matches = true
            break
          }
        }
        if (!matches) continue
      }
      shell.status = 0
      yield* this.#executor.list(item.body, last && item.end === ';;')
      if (item.end === ';;') break
      through = item.end === ';&'
    }
    return shell.status
  }
}
