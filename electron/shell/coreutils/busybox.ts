import type { Program, ProgramTable } from '../../engine/machine/types.ts'
import { baseName } from '../../engine/machine/path.ts'
import { markBusybox } from './command.ts'

const VERSION = 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.'

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
      if (given === undefined || given === '--help' || given === '--list') {
        const names = programs.names().map((n) => n.replace(/^busybox:/, '')).filter((n, i, all) => all.indexOf(n) === i && /^[\w[]+$/.test(n)).sort()
        if (given === '--list') yield* process.print(names.map((n) => n + '\n').join(''))
        else yield* process.print(`${VERSION}\nBusyBox is copyrighted by many authors between 1998-2015.\n\nUsage: busybox [function [arguments]...]\n   or: busybox --list\n   or: function [arguments]...\n\nCurrently defined functions:\n\t${names.join(', ')}\n`)
        return 0
      }
      name = given
      const run = applet(name)
      if (!run) {
        yield* process.printError(`${name}: applet not found\n`)
        return 127
      }
      markBusybox(process)
      ;(process as { argv: readonly string[] }).argv = [name, ...rest]
      return yield* run(process)
    }
    const run = applet(name)
    if (!run) {
      yield* process.printError(`podhop: not simulated: the busybox applet ${name}\n`)
      return 69
    }
    markBusybox(process)
    return yield* run(process)
  }
}
