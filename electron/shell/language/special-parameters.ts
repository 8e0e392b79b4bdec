import { printCommand } from './print.ts'
import type { Shell } from './shell.ts'

/** LINENO, RANDOM and their like: what they say is made at each use. `startedAt`: when SECONDS was 0, in ms of the clock. */
export function computeVariables(shell: Shell, startedAt: number): void {
  const random = shell.process.clock.random.fork(`shell ${shell.process.pid} ${shell.process.machine.name}`)
  const computed = shell.variables.computed
  const now = (): number => Math.floor((shell.process.clock.now - startedAt) / 1000)
  computed.set('LINENO', () => String(shell.line))
  if (shell.flavour === 'dash') return
  computed.set('RANDOM', () => String(random.below(32768)))
  computed.set('_', () => shell.lastArgument)
  computed.set('SECONDS', () => String(now()))
  computed.set('EPOCHSECONDS', () => String(Math.floor(shell.process.clock.wall() / 1000)))
  computed.set('BASHPID', () => String(shell.process.pid))
  computed.set('BASH_SUBSHELL', () => String(shell.subshellDepth))
  computed.set('BASH_COMMAND', () => (typeof shell.currentCommand === 'string' ? shell.currentCommand : printCommand(shell.currentCommand)))
  computed.set('EPOCHREALTIME', () => (shell.process.clock.wall() / 1000).toFixed(6))
  computed.set('SRANDOM', () => String(random.below(0x7fffffff) * 2))
  for (const name of ['FUNCNAME', 'BASH_SOURCE', 'BASH_LINENO']) computed.set(name, () => dynamicArray(shell, name)?.[0])
}

/** Arrays that are computed at each use; undefined for all others. */
export function dynamicArray(shell: Shell, name: string): string[] | undefined {
  if (shell.flavour !== 'bash') return undefined
  switch (name) {
    case 'PIPESTATUS':
      return shell.pipeStatus.map(String)
    case 'FUNCNAME':
      return shell.calls.length === 0 || !shell.calls.some((c) => c.function !== undefined) ? [] : [...shell.calls.map((c) => c.function ?? 'source').reverse(), ...(shell.scriptFile ? ['main'] : [])]
    case 'BASH_SOURCE':
      return [...shell.calls.map((c) => c.source).reverse(), ...(shell.scriptFile ? [shell.scriptFile] : [])]
    case 'BASH_LINENO':
      return [...shell.calls.map((c) => String(c.line)).reverse(), ...(shell.scriptFile ? ['0'] : [])]
    case 'DIRSTACK':
      return [shell.process.cwd, ...shell.directories]
    case 'GROUPS':
      return [String(shell.process.user.gid)]
  }
  return undefined
}

/** What $NAME says, of special and positional parameters and of variables (bash(1), PARAMETERS). */
export function parameter(shell: Shell, name: string): string | undefined {
  switch (name) {
    case '?':
      return String(shell.status)
    case '$':
      return String(shell.rootPid)
    case '!':
      return shell.lastBackground === undefined ? undefined : String(shell.lastBackground)
    case '#':
      return String(shell.positional.length)
    case '0':
      return shell.name
    case '-':
      return optionLetters(shell)
  }
  const dynamic = dynamicArray(shell, name)
  if (dynamic && name !== 'GROUPS') return dynamic[0]
  if (/^\d+$/.test(name)) return shell.positional[Number(name) - 1]
  return shell.variables.get(name)
}

/** $- */
function optionLetters(shell: Shell): string {
  const letters: [string, string][] = [['allexport', 'a'], ['errexit', 'e'], ['noglob', 'f'], ['hashall', 'h'], ['noexec', 'n'], ['nounset', 'u'], ['verbose', 'v'], ['xtrace', 'x'], ['monitor', 'm'], ['braceexpand', 'B'], ['noclobber', 'C'], ['histexpand', 'H']]
  return letters.filter(([o]) => shell.options.has(o)).map(([, l]) => l).join('') + (shell.interactive ? 'i' : '') + (shell.commandString ? 'c' : '') + (shell.readsStdin ? 's' : '')
}
