import type { NetworkNamespace, Process, Task } from '../../engine/cluster.ts'
import { capable, isSystemError } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'

const LONG = { all: 'a', values: 'n', write: 'w', ignore: 'e', quiet: 'q', names: 'N', help: 'h' }

const HELP = `
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -h, --help     display this help and exit
`

/** sysctl(8), procps-ng 4.0.2, for the settings of the network that are simulated. */
export function* sysctl(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'anweqNh', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`sysctl: invalid option -- '${'invalid' in parsed ? parsed.invalid.replace(/^-+/, '') : ''}'\n${HELP}`)
    return 0
  }
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  const names = has('a') ? process.network.sysctls() : parsed.operands
  if (names.length === 0) {
    if (has('w')) yield* process.printError("sysctl: no variables specified\nTry `sysctl --help' for more information.\n")
    else yield* process.printError(HELP)
    return 1
  }
  let code = 0
  const show = (key: string, value: string): string => (has('n') ? `${value}\n` : has('N') ? `${key}\n` : `${key} = ${value}\n`)
  for (const [i, word] of names.entries()) {
    const [written, value] = word.includes('=') ? [word.slice(0, word.indexOf('=')).trim(), word.slice(word.indexOf('=') + 1).trim()] : [word, undefined]
    const key = written.includes('.') && !/^[^.]*\//.test(written) ? written : written.replaceAll('/', '.')
    const old = process.network.sysctl(key)
    if (old === undefined) {
      if (has('e')) continue
      yield* process.printError(`sysctl: cannot stat /proc/sys/${key.replaceAll('.', '/')}: No such file or directory\n`)
      code = 1
    } else if (value !== undefined) {
      const problem = write(process, process.network, key, value)
      if (problem === undefined) yield* process.print(has('q') ? '' : show(key, value))
      else yield* process.printError(problem)
      if (problem !== undefined) code = 1
    } else if (has('w')) {
      yield* process.printError(`sysctl: command line(${i}): invalid syntax, continuing...\n`)
      code = 1
    } else yield* process.print(show(key, old))
  }
  return code
}

/** What it says when it could not. */
function write(process: Process, network: NetworkNamespace, key: string, value: string): string | undefined {
  if (!capable(process, 'NET_ADMIN')) return `sysctl: permission denied on key "${key}", ignoring\n`
  try {
    network.setSysctl(key, value)
    return undefined
  } catch (error) {
    if (!isSystemError(error)) throw error
    return `sysctl: setting key "${key}": Invalid argument\n`
  }
}
