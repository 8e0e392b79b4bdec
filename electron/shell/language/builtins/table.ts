import type { Task } from '../../../engine/machine/task.ts'
import type { Shell } from '../shell.ts'

/** An argument of a builtin; `export A=b` and its kin get assignments that the parser has seen as such. */
export type Argument = string | AssignmentArgument

export interface AssignmentArgument {
  name: string
  index?: string
  append: boolean
  value?: string
  items?: { index?: string; value: string }[]
  toString(): string
}

export interface BuiltinContext {
  /** Nothing follows in this process. */
  last: boolean
  keepRedirections(): void
}

export type Builtin = (shell: Shell, args: Argument[], context: BuiltinContext) => Task<number>

export const BUILTINS = new Map<string, Builtin>()

/** POSIX 2.14: an error in them ends a non-interactive POSIX shell. */
export const SPECIAL_BUILTINS = new Set(['break', ':', '.', 'continue', 'eval', 'exec', 'exit', 'export', 'readonly', 'return', 'set', 'shift', 'times', 'trap', 'unset'])

export function builtin(names: string, run: Builtin): void {
  for (const name of names.split(' ')) BUILTINS.set(name, run)
}

/** A builtin whose arguments are plain text. */
export function textBuiltin(names: string, run: (shell: Shell, args: string[], context: BuiltinContext) => Task<number>): void {
  builtin(names, (shell, args, context) => run(shell, args.map(String), context))
}

/** Splits leading single-letter options off; undefined letter: the first that is not allowed. */
export function letters(args: readonly string[], allowed: string): { options: Set<string>; rest: string[]; bad?: string } {
  const options = new Set<string>()
  let i = 0
  for (; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      i++
      break
    }
    if (!/^-[A-Za-z]/.test(arg)) break
    for (const letter of arg.slice(1)) {
      if (!allowed.includes(letter)) return { options, rest: args.slice(i), bad: '-' + letter }
      options.add(letter)
    }
  }
  return { options, rest: args.slice(i) }
}

export function* usage(shell: Shell, name: string, bad: string, text: string): Task<number> {
  yield* shell.error(`${name}: ${bad}: invalid option`)
  yield* shell.process.printError(`${name}: usage: ${text}\n`)
  return 2
}
