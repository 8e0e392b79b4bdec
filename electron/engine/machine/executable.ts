import { decodeUtf8 } from '../text.ts'
import { SystemError } from './errors.ts'
import { permits } from './open.ts'
import { absolutePath } from './path.ts'
import type { Machine, Process, Program, SpawnOptions } from './types.ts'

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Scripts that name scripts as interpreters (execve(2)). */
const MAX_INTERPRETERS = 4

interface Place { cwd: string; env: ReadonlyMap<string, string>; user: Process['user'] }

/** The executable file that a command name stands for (execvp(3)); undefined when PATH has none. */
export function findExecutable(machine: Machine, place: Place, name: string): string | undefined {
  if (name.includes('/')) return absolutePath(place.cwd, name)
  let denied: string | undefined
  for (const directory of (place.env.get('PATH') ?? DEFAULT_PATH).split(':')) {
    const path = absolutePath(place.cwd, `${directory === '' ? '.' : directory}/${name}`)
    if (!machine.fs.exists(path)) continue
    const stat = machine.fs.stat(path)
    if (stat.type !== 'file') continue
    if (permits(place.user, stat, 'execute')) return path
    denied ??= path
  }
  return denied
}

/** What execve(2) would run: the program, and argv with a script's interpreter put before it. */
export function loadExecutable(machine: Machine, parent: Process | undefined, options: SpawnOptions): { program: Program; argv: readonly string[] } {
  if (options.program) return { program: options.program, argv: options.argv }
  const place: Place = {
    cwd: options.cwd ?? parent?.cwd ?? '/',
    env: options.env ?? parent?.env ?? machine.env,
    user: options.user ?? parent?.user ?? machine.user,
  }
  const name = options.executable ?? options.argv[0] ?? ''
  const path = name === '' ? undefined : findExecutable(machine, place, name)
  if (path === undefined) throw new SystemError('ENOENT')
  return load(machine, place, path, name.includes('/') ? name : path, options.argv, 0)
}

/** `shown` is the path as execve was given it, which a script's interpreter sees. */
function load(machine: Machine, place: Place, path: string, shown: string, argv: readonly string[], depth: number): { program: Program; argv: readonly string[] } {
  if (depth > MAX_INTERPRETERS) throw new SystemError('ELOOP')
  const stat = machine.fs.stat(path)
  if (stat.type !== 'file' || !permits(place.user, stat, 'execute')) throw new SystemError('EACCES')
  const installed = machine.fs.programAt(path)
  if (installed !== undefined) return { program: machine.programs.find(installed) ?? missing(installed), argv }
  const head = decodeUtf8(machine.fs.readFile(path).subarray(0, 256))
  const shebang = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)/.exec(head)
  if (!shebang) throw new SystemError('ENOEXEC')
  const argument = shebang[2]!.trim()
  return load(machine, place, absolutePath(place.cwd, shebang[1]!), shebang[1]!, [shebang[1]!, ...(argument ? [argument] : []), shown, ...argv.slice(1)], depth + 1)
}

/** An image has the file, but nobody has written the program. */
function missing(name: string): Program {
  return function* (process) {
    yield* process.printError(`podhop: not simulated: the program ${name}\n`)
    return 69
  }
}
