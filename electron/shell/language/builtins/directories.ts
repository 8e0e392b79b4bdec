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

function shown(shell: Shell): string {
  const home = shell.variables.get('HOME')
  const short = (path: string): string => (home && home !== '/' && (path === home || path.startsWith(home + '/')) ? '~' + path.slice(home.length) : path)
  return [shell.process.cwd, ...shell.directories].map(short).join(' ') + '\n'
}

textBuiltin('dirs', function* (shell) {
  yield* shell.process.print(shown(shell))
  return 0
})

textBuiltin('pushd', function* (shell, args) {
  const [target] = args
  const from = shell.process.cwd
  if (target === undefined && shell.directories.length === 0) {
    yield* shell.error('pushd: no other directory')
    return 1
  }
  const to = target ?? shell.directories.shift()!
  const problem = changeDirectory(shell, to, false)
  if (problem !== undefined) {
    yield* shell.error(`pushd: ${to}: ${problem}`)
    return 1
  }
  shell.directories.unshift(from)
  yield* shell.process.print(shown(shell))
  return 0
})

textBuiltin('popd', function* (shell) {
  const to = shell.directories.shift()
  if (to === undefined) {
    yield* shell.error('popd: directory stack empty')
    return 1
  }
  const problem = changeDirectory(shell, to, false)
  if (problem !== undefined) {
    yield* shell.error(`popd: ${to}: ${problem}`)
    return 1
  }
  yield* shell.process.print(shown(shell))
  return 0
})
