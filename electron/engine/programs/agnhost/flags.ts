import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { parseGoFlags, type FlagSpec } from '../go-flags.ts'

export interface CobraFlags { values: Map<string, string>; rest: string[] }

/** spf13/pflag's: flags before and after the arguments. A number: the exit code after its message. */
export function* cobraFlags(process: Process, args: readonly string[], specs: readonly FlagSpec[]): Task<CobraFlags | number> {
  const values = new Map<string, string>()
  const rest: string[] = []
  let left: readonly string[] = args
  for (;;) {
    const flags = parseGoFlags(left, specs)
    if ('error' in flags) {
      yield* process.printError(`Error: ${flags.error.replace('flag provided but not defined: -', 'unknown flag: --')}\n`)
      return 1
    }
    for (const [name, value] of flags.values) values.set(name, value)
    if (flags.rest.length === 0) return { values, rest }
    rest.push(flags.rest[0]!)
    left = flags.rest.slice(1)
  }
}

/** Ends with why it cannot listen, as log.Fatal says it. */
export function listenError(port: number, error: unknown): string {
  return `listen tcp :${port}: bind: ${(error as Error).message.toLowerCase()}`
}
