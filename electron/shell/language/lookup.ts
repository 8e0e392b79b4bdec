import { findExecutable } from '../../engine/machine/executable.ts'
import type { Task } from '../../engine/machine/task.ts'
import { BUILTINS, SPECIAL_BUILTINS, letters, usage, type BuiltinContext } from './builtins/table.ts'
import { isAbsent } from './messages.ts'
import { printFunction } from './print.ts'
import { quoteForShell } from './quote.ts'
import type { Shell } from './shell.ts'

const KEYWORDS = new Set(['if', 'then', 'else', 'elif', 'fi', 'case', 'esac', 'for', 'select', 'while', 'until', 'do', 'done', 'in', 'function', 'time', '{', '}', '!', '[[', ']]', 'coproc'])

type Meaning = { kind: 'alias' | 'keyword' | 'function' | 'builtin' } | { kind: 'file'; path: string }

/** What a command name stands for, all meanings in bash's order of search. */
function meanings(shell: Shell, name: string, options: { functions?: boolean; pathOnly?: boolean } = {}): Meaning[] {
  const found: Meaning[] = []
  if (!options.pathOnly) {
    if (shell.aliases.has(name) && shell.activeAliases) found.push({ kind: 'alias' })
    if (KEYWORDS.has(name)) found.push({ kind: 'keyword' })
    if (shell.functions.has(name) && options.functions !== false) found.push({ kind: 'function' })
    if (BUILTINS.has(name) && !isAbsent(shell.flavour, name)) found.push({ kind: 'builtin' })
  }
  for (const path of programs(shell, name)) found.push({ kind: 'file', path })
  return found
}

function* programs(shell: Shell, name: string): Generator<string> {
  const { process } = shell
  const place = (path: string): { cwd: string; env: ReadonlyMap<string, string>; user: typeof process.user } => ({ cwd: process.cwd, env: new Map([['PATH', path]]), user: process.user })
  const executable = (path: string | undefined): path is string => {
    if (path === undefined || !process.fs.exists(path)) return false
    const stat = process.fs.stat(path)
    return stat.type === 'file' && (stat.mode & 0o111) !== 0
  }
  const all = shell.pathEnvironment().get('PATH')!
  if (name.includes('/')) {
    if (executable(findExecutable(process.machine, place(all), name))) yield name
    return
  }
  for (const directory of all.split(':')) {
    const path = findExecutable(process.machine, place(directory), name)
    if (executable(path)) yield path
  }
}

function described(shell: Shell, name: string, meaning: Meaning): string {
  switch (meaning.kind) {
    case 'alias':
      return `${name} is aliased to \`${shell.aliases.get(name)}'`
    case 'keyword':
      return `${name} is a shell keyword`
    case 'function':
      return `${name} is a function\n${printFunction(shell.functions.get(name)!)}`
    case 'builtin':
      return `${name} is a ${shell.flavour === 'dash' && SPECIAL_BUILTINS.has(name) ? 'special ' : ''}shell builtin`
    case 'file':
      return `${name} is ${meaning.path}`
  }
}

/** The builtin type. */
export function* type(shell: Shell, args: string[]): Task<number> {
  const { options, rest, bad } = letters(args, 'afptP')
  if (bad) return yield* usage(shell, 'type', bad, 'type [-afptP] name [name ...]')
  let code = 0
  for (const name of rest) {
    const all = meanings(shell, name, { functions: !options.has('f'), pathOnly: options.has('P') })
    if (all.length === 0) {
      if (!options.has('t') && !options.has('p') && !options.has('P')) yield* shell.error(shell.flavour === 'bash' ? `type: ${name}: not found` : `${name}: not found`)
      code = shell.flavour === 'bash' ? 1 : 127
    }
    for (const meaning of options.has('a') ? all : all.slice(0, 1)) {
      if (options.has('t')) yield* shell.process.print(meaning.kind + '\n')
      else if (options.has('p') || options.has('P')) {
        if (meaning.kind === 'file') yield* shell.process.print(meaning.path + '\n')
      } else yield* shell.process.print(described(shell, name, meaning) + '\n')
    }
  }
  return code
}

/** The builtin command: without functions; -v and -V say what a name is. */
export function* command(shell: Shell, args: string[], context: BuiltinContext): Task<number> {
  const { options, rest, bad } = letters(args, 'pVv')
  if (bad) return yield* usage(shell, 'command', bad, 'command [-pVv] command [arg ...]')
  const [name] = rest
  if (name === undefined) return 0
  if (options.has('v') || options.has('V')) {
    let code = shell.flavour === 'bash' ? 1 : 127
    for (const wanted of rest) {
      const [meaning] = meanings(shell, wanted)
      if (!meaning) {
        if (options.has('V')) yield* shell.error(shell.flavour === 'bash' ? `command: ${wanted}: not found` : `${wanted}: not found`)
        continue
      }
      code = 0
      if (options.has('V')) yield* shell.process.print(described(shell, wanted, meaning) + '\n')
      else yield* shell.process.print((meaning.kind === 'alias' ? `alias ${wanted}=${quoteForShell(shell.aliases.get(wanted)!)}` : meaning.kind === 'file' ? meaning.path : wanted) + '\n')
    }
    return code
  }
  const builtin = isAbsent(shell.flavour, name) ? undefined : BUILTINS.get(name)
  if (builtin) return yield* builtin(shell, rest.slice(1), context)
  return yield* shell.executor.external(rest, context.last)
}

/** The builtin hash: the places of programs that ran. */
export function* hash(shell: Shell, args: string[]): Task<number> {
  const { options, rest, bad } = letters(args, 'rdlpt')
  if (bad) return yield* usage(shell, 'hash', bad, 'hash [-lr] [-p pathname] [-dt] [name ...]')
  if (options.has('r')) {
    shell.hashed.clear()
    return 0
  }
  let code = 0
  if (rest.length === 0) {
    if (shell.hashed.size === 0) yield* shell.process.print('hash: hash table empty\n')
    else yield* shell.process.print('hits\tcommand\n' + [...shell.hashed].map(([, { path, hits }]) => `${String(hits).padStart(4)}\t${path}\n`).join(''))
    return 0
  }
  for (const name of rest) {
    const known = shell.hashed.get(name)
    if (options.has('t') || options.has('d')) {
      if (!known) {
        yield* shell.error(`hash: ${name}: not found`)
        code = 1
      } else if (options.has('d')) shell.hashed.delete(name)
      else yield* shell.process.print((rest.length > 1 ? `${name}\t` : '') + known.path + '\n')
      continue
    }
    const [path] = programs(shell, name)
    if (BUILTINS.has(name) || shell.functions.has(name)) continue
    if (path === undefined) {
      yield* shell.error(`hash: ${name}: not found`)
      code = 1
    } else shell.hashed.set(name, { path, hits: 0 })
  }
  return code
}
