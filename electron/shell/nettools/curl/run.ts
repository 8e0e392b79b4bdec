import type { Process, Task } from '../../../engine/cluster.ts'
import type { CookieJar } from './cookies.ts'
import type { Meter } from './meter.ts'
import type { CurlOptions } from './options.ts'
import type { Sent } from './request.ts'
import type { ConnectionPool, CurlError } from './transfer.ts'
import type { Verbose } from './verbose.ts'
import type { Warn } from './warnings.ts'

/** One curl, with what its transfers share. */
export interface Run {
  process: Process
  options: CurlOptions
  warn: Warn
  pool: ConnectionPool
  verbose: Verbose
  /** Of -d and -F. */
  sent: Sent | undefined
  cookies: CookieJar | undefined
  /** -D */
  dump?: (text: string) => Task
  /** -Z: of all that run at once. */
  meters?: Meter[]
}

/** A refusal that is no error of a transfer: its text stands as it is. */
export function* refuse(process: Process, { code, text }: CurlError): Task<number> {
  yield* process.printError(text)
  return code
}

export function* complain(process: Process, options: CurlOptions, error: CurlError): Task<number> {
  if (!options.silent || options.showError) yield* process.printError(`curl: (${error.code}) ${error.text}\n`)
  return error.code
}
