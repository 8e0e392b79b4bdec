import { findExecutable } from '../machine/executable.ts'
import type { Program } from '../machine/types.ts'
import { become } from './become.ts'

/** /entrypoint.sh of curlimages/curl: arguments that are no command are curl's. */
export const curlEntrypoint: Program = function* (process) {
  const args = process.argv.slice(1)
  const first = args[0] ?? ''
  const isCommand = first !== '' && !first.startsWith('-') && findExecutable(process.machine, process, first) !== undefined && (!first.includes('/') || process.fs.exists(first))
  return yield* become(process, isCommand ? args : ['curl', ...args])
}
