import type { Task } from '../../../engine/machine/task.ts'
import type { CompletionSpec } from '../completion-spec.ts'
import { quoteForShell } from '../quote.ts'
import type { Shell } from '../shell.ts'
import { BUILTINS, textBuiltin } from './table.ts'

/** complete, compgen and compopt (bash(1), Programmable Completion Builtins). */
const LETTERS: ReadonlyMap<string, string> = new Map(Object.entries({ a: 'alias', b: 'builtin', c: 'command', d: 'directory', e: 'export', f: 'file', g: 'group', j: 'job', k: 'keyword', s: 'service', u: 'user', v: 'variable' }))
const ACTIONS = ['alias', 'arrayvar', 'binding', 'builtin', 'command', 'directory', 'disabled', 'enabled', 'export', 'file', 'function', 'group', 'helptopic', 'hostname', 'job', 'keyword', 'running', 'service', 'setopt', 'shopt', 'signal', 'stopped', 'user', 'variable']
const OPTIONS = ['bashdefault', 'default', 'dirnames', 'filenames', 'noquote', 'nosort', 'nospace', 'plusdirs']
const KEYWORDS = ['!', '[[', ']]', 'case', 'coproc', 'do', 'done', 'elif', 'else', 'esac', 'fi', 'for', 'function', 'if', 'in', 'select', 'then', 'time', 'until', 'while', '{', '}']
const USAGE = 'complete: usage: complete [-abcdefgjksuv] [-pr] [-DEI] [-o option] [-A action] [-G globpat] [-W wordlist] [-F function] [-C command] [-X filterpat] [-P prefix] [-S suffix] [name ...]\n'

interface Asked { spec: CompletionSpec; print: boolean; remove: boolean; rest: string[] }

/** The options that complete and compgen share; a number: an exit code, and it was said why. */
function* read(shell: Shell, command: string, args: string[]): Task<Asked | number> {
  const spec: CompletionSpec = { options: new Set(), actions: [] }
  const asked: Asked = { spec, print: false, remove: false, rest: [] }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      asked.rest.push(...args.slice(i + 1))
      break
    }
    if (!/^-./.test(arg)) {
      asked.rest.push(...args.slice(i))
      break
    }
    for (let k = 1; k < arg.length; k++) {
      const letter = arg[k]!
      const action = LETTERS.get(letter)
      if (action !== undefined) spec.actions.push(action)
      else if (letter === 'p' && command === 'complete') asked.print = true
      else if (letter === 'r' && command === 'complete') asked.remove = true
      else if ('DEIGCX'.includes(letter)) {
        yield* shell.process.printError(`podhop: not simulated: ${command} -${letter} (use -W, -F, -A or -o)\n`)
        return 69
      } else if ('oAWFPS'.includes(letter)) {
        const value = k + 1 < arg.length ? arg.slice(k + 1) : args[++i]
        if (value === undefined) {
          yield* shell.error(`${command}: -${letter}: option requires an argument`)
          yield* shell.process.printError(command === 'complete' ? USAGE : '')
          return 2
        }
        if (letter === 'o' && !OPTIONS.includes(value)) {
          yield* shell.error(`${command}: ${value}: invalid option name`)
          return 2
        }
        if (letter === 'A' && !ACTIONS.includes(value)) {
          yield* shell.error(`${command}: ${value}: invalid action name`)
          return 2
        }
        if (letter === 'o') spec.options.add(value)
        else if (letter === 'A') spec.actions.push(value)
        else Object.assign(spec, { [{ W: 'words', F: 'function', P: 'prefix', S: 'suffix' }[letter]!]: value })
        break
      } else {
        yield* shell.error(`${command}: -${letter}: invalid option`)
        yield* shell.process.printError(command === 'complete' ? USAGE : '')
        return 2
      }
    }
  }
  return asked
}

/** As `complete -p` prints it. */
function line(name: string, spec: CompletionSpec): string {
  const parts = OPTIONS.filter((o) => spec.options.has(o)).map((o) => `-o ${o}`)
  for (const action of ACTIONS.filter((a) => spec.actions.includes(a))) parts.push([...LETTERS].find(([, a]) => a === action) ? `-${[...LETTERS].find(([, a]) => a === action)![0]}` : `-A ${action}`)
  if (spec.words !== undefined) parts.push(`-W ${quoteForShell(spec.words)}`)
  if (spec.prefix !== undefined) parts.push(`-P ${quoteForShell(spec.prefix)}`)
  if (spec.suffix !== undefined) parts.push(`-S ${quoteForShell(spec.suffix)}`)
  if (spec.function !== undefined) parts.push(`-F ${spec.function}`)
  return `complete ${[...parts, name].join(' ')}\n`
}

textBuiltin('complete', function* (shell, args) {
  const asked = yield* read(shell, 'complete', args)
  if (typeof asked === 'number') return asked
  const { spec, print, remove, rest } = asked
  const { completions } = shell
  if (args.length === 0 || (print && rest.length === 0)) {
    for (const [name, s] of completions) yield* shell.process.print(line(name, s))
    return 0
  }
  if (remove && rest.length === 0) {
    completions.clear()
    return 0
  }
  if (rest.length === 0) {
    yield* shell.process.printError(USAGE)
    return 2
  }
  let code = 0
  for (const name of rest) {
    if (!print && !remove) {
      completions.delete(name)
      completions.set(name, spec)
    } else if (!completions.has(name)) {
      yield* shell.error(`complete: ${name}: no completion specification`)
      code = 1
    } else if (print) yield* shell.process.print(line(name, completions.get(name)!))
    else completions.delete(name)
  }
  return code
})

textBuiltin('compopt', function* (shell, args) {
  const changes: [string, boolean][] = []
  const names: string[] = []
  for (let i = 0; i < args.length; i++) {
    if (args[i] !== '-o' && args[i] !== '+o') names.push(args[i]!)
    else changes.push([args[i + 1] ?? '', args[i++] === '-o'])
  }
  for (const [option] of changes) {
    if (OPTIONS.includes(option)) continue
    yield* shell.error(`compopt: ${option}: invalid option name`)
    return 2
  }
  if (names.length === 0 && !shell.completing) {
    yield* shell.error('compopt: not currently executing completion function')
    return 1
  }
  let code = 0
  for (const [name, spec] of names.length === 0 ? [['', shell.completing] as const] : names.map((n) => [n, shell.completions.get(n)] as const)) {
    if (!spec) {
      yield* shell.error(`compopt: ${name}: no completion specification`)
      code = 1
    } else for (const [option, on] of changes) if (on) spec.options.add(option)
    else spec.options.delete(option)
  }
  return code
})

textBuiltin('compgen', function* (shell, args) {
  const asked = yield* read(shell, 'compgen', args)
  if (typeof asked === 'number') return asked
  const { spec, rest } = asked
  if (spec.function !== undefined) {
    yield* shell.process.printError('podhop: not simulated: compgen -F (complete -F, and Tab)\n')
    return 69
  }
  const words = yield* generated(shell, spec, rest[0] ?? '')
  if (typeof words === 'string') {
    yield* shell.process.printError(`podhop: not simulated: compgen -A ${words} (compgen -W, -c, -f, -d, -v, -A function)\n`)
    return 69
  }
  if (words.length > 0) yield* shell.process.print(words.join('\n') + '\n')
  return words.length > 0 ? 0 : 1
})

/** What -A and -W give for a word; a string: the action that there is not here. */
export function* generated(shell: Shell, spec: CompletionSpec, word: string): Task<string[] | string> {
  const { variables, functions, aliases } = shell
  const out: string[] = []
  for (const action of spec.actions) {
    if (action === 'builtin' || action === 'enabled' || action === 'helptopic') out.push(...[...BUILTINS.keys()].sort())
    else if (action === 'function') out.push(...[...functions.keys()].sort())
    else if (action === 'variable') out.push(...variables.names())
    else if (action === 'export') out.push(...variables.names().filter((n) => variables.find(n)?.exported))
    else if (action === 'arrayvar') out.push(...variables.names().filter((n) => variables.find(n)?.array))
    else if (action === 'alias') out.push(...[...aliases.keys()].sort())
    else if (action === 'keyword') out.push(...KEYWORDS)
    else if (action === 'file' || action === 'directory') out.push(...paths(shell, word, action === 'directory'))
    else if (action === 'command') out.push(...[...aliases.keys(), ...KEYWORDS, ...functions.keys(), ...BUILTINS.keys(), ...executables(shell)])
    else if (action !== 'job' && action !== 'running' && action !== 'stopped' && action !== 'disabled') return action
  }
  if (spec.words !== undefined) out.push(...(yield* expanded(shell, spec.words)))
  return out.filter((w) => w.startsWith(word)).map((w) => `${spec.prefix ?? ''}${w}${spec.suffix ?? ''}`)
}

/** -W: expanded as the shell does, and split at IFS. */
function* expanded(shell: Shell, words: string): Task<string[]> {
  if (/[$`\\'"]/.test(words)) {
    const { status } = shell
    yield* shell.executor.source(`__compgen=(${/\$\(|`/.test(words) ? words : words.replace(/[;()&|<>#]/g, '\\$&')})`)
    const found = [...(shell.variables.find('__compgen')?.array?.values() ?? [])]
    yield* shell.executor.source('unset __compgen')
    shell.status = status
    return found
  }
  const separators = shell.variables.get('IFS') ?? ' \t\n'
  return words.split(new RegExp(`[${separators.replace(/[\\\]^-]/g, '\\$&')}]+`)).filter((w) => w !== '')
}

function paths(shell: Shell, word: string, directoriesOnly: boolean): string[] {
  const { process } = shell
  const at = word.lastIndexOf('/') + 1
  try {
    const place = process.resolve(word.slice(0, at) || '.')
    return process.fs.readDirectory(place).filter((n) => (!n.startsWith('.') || word.slice(at).startsWith('.')) && (!directoriesOnly || process.fs.stat(`${place}/${n}`).type === 'directory')).map((n) => word.slice(0, at) + n)
  } catch {
    return []
  }
}

function executables(shell: Shell): string[] {
  return (shell.variables.get('PATH') ?? '').split(':').flatMap((directory) => {
    try {
      return shell.process.fs.readDirectory(shell.process.resolve(directory || '.'))
    } catch {
      return []
    }
  })
}
