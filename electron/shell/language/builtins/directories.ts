import { isSystemError } from '../../../engine/machine/errors.ts'
import { permits } from '../../../engine/machine/open.ts'
import type { Task } from '../../../engine/machine/task.ts'
import type { Shell } from '../shell.ts'
import { letters, textBuiltin, usage } from './table.ts'

/** Changes the directory; the text of the error, or undefined. */
function changeDirectory(shell: Shell, path: string, physical: boolean): string | undefined {
  const { process } = shell
  const logical = process.resolve(path).replace(/(.)\/$/, '$1')
  try {
    const stat = process.fs.stat(logical)
    if (stat.type !== 'directory') return 'Not a directory'
    if (!permits(process.user, stat, 'execute')) return 'Permission denied'
    const target = physical ? process.fs.realPath(logical) : logical
    shell.variables.set('OLDPWD', process.cwd)
    process.cwd = target
    shell.variables.set('PWD', target)
    return undefined
  } catch (error) {
    if (isSystemError(error)) return error.message
    throw error
  }
}

function* cd(shell: Shell, path: string, physical: boolean): Task<number> {
  const problem = changeDirectory(shell, path, physical)
  if (problem === undefined) return 0
  yield* shell.error(shell.flavour === 'bash' ? `cd: ${path}: ${problem}` : `cd: can't cd to ${path}${shell.flavour === 'busybox' ? `: ${problem}` : ''}`)
  return shell.flavour === 'dash' ? 2 : 1
}

textBuiltin('cd', function* (shell, args) {
  const { options, rest, bad } = letters(args[0] === '-' ? [] : args, 'LPe@')
  if (bad) return yield* usage(shell, 'cd', bad, 'cd [-L|[-P [-e]] [-@]] [dir]')
  if (args[0] === '-') rest.push('-')
  if (rest.length > 1) {
    if (shell.flavour === 'bash') {
      yield* shell.error('cd: too many arguments')
      return 1
    }
  }
  const physical = options.has('P') || shell.options.has('physical')
  const [target] = rest
  if (target === undefined) {
    const home = shell.variables.get('HOME')
    if (home === undefined) {
      yield* shell.error('cd: HOME not set')
      return 1
    }
    return home === '' ? 0 : yield* cd(shell, home, physical)
  }
  if (target === '') return 0
  if (target === '-') {
    const old = shell.variables.get('OLDPWD')
    if (old === undefined) {
      yield* shell.error('cd: OLDPWD not set')
      return 1
    }
    const code = yield* cd(shell, old, physical)
    if (code === 0) yield* shell.process.print(shell.process.cwd + '\n')
    return code
  }
  const search = shell.variables.get('CDPATH')
  if (search && !/^(\/|\.\.?(\/|$))/.test(target)) {
    for (const directory of search.split(':')) {
      if (directory === '' || changeDirectory(shell, `${directory}/${target}`, physical) !== undefined) continue
      yield* shell.process.print(shell.process.cwd + '\n')
      return 0
    }
  }
  return yield* cd(shell, target, physical)
})

textBuiltin('pwd', function* (shell, args) {
  const { options, bad } = letters(args, 'LP')
  if (bad) return yield* usage(shell, 'pwd', bad, 'pwd [-LP]')
  const { process } = shell
  yield* process.print((options.has('P') && process.fs.exists(process.cwd) ? process.fs.realPath(process.cwd) : process.cwd) + '\n')
  return 0
})

function* showStack(shell: Shell, options: { long?: boolean; lines?: boolean; numbered?: boolean; only?: number } = {}): Task<number> {
  const home = shell.variables.get('HOME')
  const short = (path: string): string => (!options.long && home && home !== '/' && (path === home || path.startsWith(home + '/')) ? '~' + path.slice(home.length) : path)
  const stack = [shell.process.cwd, ...shell.directories].map(short)
  const text = options.only !== undefined ? stack[options.only] + '\n'
    : options.numbered ? stack.map((d, i) => `${String(i).padStart(2)}  ${d}\n`).join('')
    : options.lines ? stack.join('\n') + '\n' : stack.join(' ') + '\n'
  yield* shell.process.print(text)
  return 0
}

/** +N counts from the left, -N from the right; undefined: out of range. */
function place(shell: Shell, text: string): number | undefined {
  const size = shell.directories.length + 1
  const n = Number(text.slice(1))
  const index = text[0] === '+' ? n : size - 1 - n
  return index >= 0 && index < size ? index : undefined
}

const POSITION = /^[-+]\d+$/

textBuiltin('dirs', function* (shell, args) {
  const options: { long?: boolean; lines?: boolean; numbered?: boolean; only?: number } = {}
  for (const arg of args) {
    if (POSITION.test(arg)) {
      options.only = place(shell, arg)
      if (options.only === undefined) {
        yield* shell.error(`dirs: ${shell.directories.length === 0 ? 'directory stack empty' : `${arg.slice(1)}: directory stack index out of range`}`)
        return 1
      }
    } else if (arg === '-c') {
      shell.directories.length = 0
      return 0
    } else if (arg === '-l') options.long = true
    else if (arg === '-p') options.lines = true
    else if (arg === '-v') options.numbered = true
    else return yield* usage(shell, 'dirs', arg, 'dirs [-clpv] [+N] [-N]')
  }
  return yield* showStack(shell, options)
})

textBuiltin('pushd', function* (shell, args) {
  const stay = args[0] === '-n'
  const [target] = stay ? args.slice(1) : args
  const { directories } = shell
  const from = shell.process.cwd
  if (target !== undefined && POSITION.test(target) || target === undefined) {
    if (directories.length === 0) {
      yield* shell.error(target === undefined ? 'pushd: no other directory' : 'pushd: directory stack empty')
      return 1
    }
    const index = target === undefined ? 1 : place(shell, target)
    if (index === undefined) {
      yield* shell.error(`pushd: ${target}: directory stack index out of range`)
      return 1
    }
    const stack = [from, ...directories]
    const turned = target === undefined ? [stack[1]!, stack[0]!, ...stack.slice(2)] : [...stack.slice(index), ...stack.slice(0, index)]
    const problem = changeDirectory(shell, turned[0]!, false)
    if (problem !== undefined) {
      yield* shell.error(`pushd: ${turned[0]}: ${problem}`)
      return 1
    }
    directories.splice(0, directories.length, ...turned.slice(1))
    return yield* showStack(shell)
  }
  const problem = stay ? undefined : changeDirectory(shell, target, false)
  if (problem !== undefined) {
    yield* shell.error(`pushd: ${target}: ${problem}`)
    return 1
  }
  directories.unshift(stay ? shell.process.resolve(target) : from)
  return yield* showStack(shell)
})

textBuiltin('popd', function* (shell, args) {
  const { directories } = shell
  const stay = args[0] === '-n'
  const [target] = stay ? args.slice(1) : args
  if (directories.length === 0) {
    yield* shell.error('popd: directory stack empty')
    return 1
  }
  const index = target === undefined ? (stay ? 1 : 0) : place(shell, target)
  if (index === undefined) {
    yield* shell.error(`popd: ${target}: directory stack index out of range`)
    return 1
  }
  if (index > 0) {
    directories.splice(index - 1, 1)
    return yield* showStack(shell)
  }
  const to = directories.shift()!
  const problem = changeDirectory(shell, to, false)
  if (problem !== undefined) {
    yield* shell.error(`popd: ${to}: ${problem}`)
    return 1
  }
  return yield* showStack(shell)
})
