/** How iptables 1.8.9 (nf_tables) fails: each kind has its own wording around the message, and its exit code. */

/** A mistake in the command line or the file. */
export class UsageError extends Error {
  /** "Bad argument `x'" is printed without the program's name. */
  readonly bare: boolean
  constructor(message: string, bare = false) {
    super(message)
    this.bare = bare
  }
}

/** Said instead of an error of iptables, for what iptables has and Podhop has not. */
export class NotSimulated extends Error {}

/** Only the hint. */
export class TryHelp extends Error {}

/** Something that is not there, or is there already. */
export class OperationError extends Error {}

/** What the kernel refuses when the rules are committed. */
export class KernelError extends Error {}

export const NO_SUCH_CHAIN = 'No chain/target/match by that name'
export const BAD_RULE = 'Bad rule (does a matching rule exist in that chain?)'

export const VERSION = 'v1.8.9 (nf_tables)'

export function toolOf(family: 4 | 6): 'iptables' | 'ip6tables' {
  return family === 4 ? 'iptables' : 'ip6tables'
}

export interface ToolFailure {
  code: number
  text: string
}

export function commandFailure(error: unknown, tool: string): ToolFailure {
  const help = `Try \`${tool} -h' or '${tool} --help' for more information.\n`
  if (error instanceof TryHelp) return { code: 2, text: help }
  if (error instanceof UsageError) return { code: 2, text: `${error.bare ? '' : `${tool} ${VERSION}: `}${error.message}\n${help}` }
  if (error instanceof OperationError) return { code: 1, text: `${tool}: ${error.message}.\n` }
  if (error instanceof KernelError) return { code: 4, text: `${tool} ${VERSION}:  ${error.message}\n` }
  throw error
}

export function restoreFailure(error: unknown, line: number, family: 4 | 6): ToolFailure {
  const tool = `${toolOf(family)}-restore`
  const help = `Try \`${tool} -h' or '${tool} --help' for more information.\n`
  if (error instanceof UsageError) {
    return { code: 2, text: `${error.bare ? '' : `${tool} ${VERSION}: `}${error.message}\nError occurred at line: ${line}\n${help}` }
  }
  if (error instanceof OperationError) return { code: 1, text: `${tool}: line ${line} failed: ${error.message}.\n` }
  if (error instanceof KernelError) return { code: 4, text: `${tool} ${VERSION}: \nline ${line}: ${error.message}\n` }
  throw error
}

/** What `restore` throws: the tool's whole message, and its exit code. */
export class RestoreError extends Error {
  readonly code: number
  constructor(failure: ToolFailure) {
    super(failure.text)
    this.code = failure.code
  }
}
