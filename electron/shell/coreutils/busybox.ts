import type { Task } from '../../engine/machine/task.ts'
import type { Process, Program, ProgramTable } from '../../engine/machine/types.ts'
import { baseName } from '../../engine/machine/path.ts'
import { A_TO_L } from './busybox-usage-a-to-l.ts'
import { M_TO_Z } from './busybox-usage-m-to-z.ts'
import { markBusybox } from './command.ts'

const VERSION = 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.'

const ABOUT = `BusyBox is copyrighted by many authors between 1998-2015.
Licensed under GPLv2. See source distribution for detailed
copyright notices.

Usage: busybox [function [arguments]...]
   or: busybox --list[-full]
   or: busybox --show SCRIPT
   or: busybox --install [-s] [DIR]
   or: function [arguments]...

\tBusyBox is a multi-call binary that combines many common Unix
\tutilities into a single executable.  Most people will create a
\tlink to busybox for each function they wish to use and BusyBox
\twill act like whatever it was invoked as.
`

/** The names under which it is installed on this machine. */
function appletsOf({ fs }: Process): string[] {
  const names = new Set<string>()
  for (const directory of ['/bin', '/sbin', '/usr/bin', '/usr/sbin']) {
    if (!fs.exists(directory)) continue
    for (const name of fs.readDirectory(directory)) if (name !== 'busybox' && fs.programAt(`${directory}/${name}`) === 'busybox') names.add(name)
  }
  return [...names].sort()
}

/** In lines of less than 80 columns, as libbb/appletlib.c breaks them. */
function columns(names: readonly string[]): string {
  let out = ''
  let column = 0
  for (const name of names) {
    const width = name.length + 2
    if (column >= 79 - width) {
      out += ',\n'
      column = 0
    }
    out += column === 0 ? '\t' : ', '
    column = (column === 0 ? 6 : column) + width
    out += name
  }
  return `${out}\n`
}

/** "APPLET --help", and nothing behind it, is answered before the applet sees it, on stderr (libbb/appletlib.c); these are not asked so. */
const WITHOUT_HELP = new Set(['test', '[', '[[', 'true', 'false', 'echo'])

function* help(process: Process, name: string, args: readonly string[]): Task<boolean> {
  const usage = args.length === 1 && args[0] === '--help' && !WITHOUT_HELP.has(name) ? (A_TO_L.get(name) ?? M_TO_Z.get(name)) : undefined
  if (usage === undefined) return false
  yield* process.printError(`${VERSION}\n\n${usage}\n`)
  return true
}

function* notSimulated(process: Process, name: string): Task<number> {
  yield* process.printError(`podhop: not simulated: the busybox applet ${name}\n`)
  return 69
}

/**
 * BusyBox: one program under many names. Applet X is "busybox:X" in the program table where it differs much from
 * the full tool, else "X", which asks how it was started for its messages.
 */
export function busybox(programs: ProgramTable): Program {
  const applet = (name: string): Program | undefined => programs.find(`busybox:${name}`) ?? (name === 'bash' || name === 'dash' ? undefined : programs.find(name))
  return function* (process) {
    let name = baseName(process.argv[0] ?? '').replace(/^-/, '')
    if (name === 'busybox') {
      const [, given, ...rest] = process.argv
      const names = appletsOf(process)
      if (given === '--list') {
        yield* process.print(names.map((n) => `${n}\n`).join(''))
        return 0
      }
      if (given === undefined || given === '--help') {
        yield* process.print(`${VERSION}\n${ABOUT}\nCurrently defined functions:\n${columns(names)}`)
        return 0
      }
      name = given
      const run = applet(name)
      if (!names.includes(name)) {
        yield* process.printError(`${name}: applet not found\n`)
        return 127
      }
      if (yield* help(process, name, rest)) return 0
      if (!run) return yield* notSimulated(process, name)
      markBusybox(process)
      ;(process as { argv: readonly string[] }).argv = [name, ...rest]
      return yield* run(process)
    }
    const run = applet(name)
    if (yield* help(process, name, process.argv.slice(1))) return 0
    if (!run) return yield* notSimulated(process, name)
    markBusybox(process)
    return yield* run(process)
  }
}
