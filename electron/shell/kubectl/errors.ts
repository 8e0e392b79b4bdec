import { ConnectionError, StatusError } from '../../engine/kubernetes/client.ts'
import { quote } from '../../engine/kubernetes/json.ts'

export { quote }

/** What kubectl says when something fails, as kubectl's pkg/cmd/util/helpers.go (checkErr) says it. */

/** An ordinary error: printed with "error: " before it, exit code 1. */
export class KubectlError extends Error {
  override name = 'KubectlError'
}

/** A printer that fails after it has printed something. */
export class PrintError extends KubectlError {
  readonly stdout: string
  constructor(stdout: string, message: string) {
    super(message)
    this.stdout = stdout
  }
}

/** Several errors at once: a line each. */
export class AggregateError extends KubectlError {
  readonly errors: readonly unknown[]
  constructor(errors: readonly unknown[]) {
    const messages = [...new Set(errors.map(messageOf))]
    super(messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`)
    this.errors = errors
  }
}

/** Nobody answers at a URL, and why, in Go's words. */
export class UnreachableError extends ConnectionError {
  override name = 'UnreachableError'
  readonly url: string
  constructor(url: string, why: string) {
    super(why)
    this.url = url
  }
}

/** A name of a context that the kubeconfig does not have; clientcmd's IsConfigurationInvalid. */
export class ContextNotFoundError extends KubectlError {
  constructor(name: string) {
    super(`context was not found for specified context: ${name}`)
  }
}

/** Several things wrong with the kubeconfig at once. */
export class ConfigurationError extends AggregateError {}

/** Ends kubectl with a code of its own; the text is printed as it is, an empty one not at all. */
export class ExitError extends Error {
  override name = 'ExitError'
  readonly code: number
  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }
}

/** Design principle 3: said, never faked. */
export class NotSimulatedError extends Error {
  override name = 'NotSimulatedError'
  constructor(what: string, instead: string) {
    super(`podhop: not simulated: ${what} (${instead})`)
  }
}

/** The kubelet's own words about a stream that it could not give ("OCI runtime exec failed: …"). */
export class StreamError extends Error {
  override name = 'StreamError'
}

export class NoSuchResourceError extends KubectlError {
  constructor(resource: string) {
    super(`the server doesn't have a resource type ${quote(resource)}`)
  }
}

export function messageOf(error: unknown): string {
  // the Status of a stream's end is an internal error of the API server (apierrors.NewInternalError)
  if (error instanceof StreamError) return `Internal error occurred: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

/** What goes into another sentence: of a request that nobody answered also which it was, as Go's url.Error says it. */
export function spoken(error: unknown): string {
  const asked = error instanceof ConnectionError ? (error as { asked?: string }).asked : undefined
  return asked === undefined ? messageOf(error) : `${asked}: ${messageOf(error)}`
}

export function isNotFound(error: unknown): boolean {
  return error instanceof StatusError && error.status.reason === 'NotFound'
}
export function isConflict(error: unknown): boolean {
  return error instanceof StatusError && error.status.reason === 'Conflict'
}

/** One error for what was collected, or none. */
export function aggregate(errors: readonly unknown[]): unknown {
  return errors.length === 0 ? undefined : errors.length === 1 ? errors[0] : new AggregateError(errors)
}
export function throwAll(errors: readonly unknown[]): void {
  if (errors.length > 0) throw aggregate(errors)
}

/** "error when creating "web.yaml": …", with the status kept. */
export function withSource(verb: string, source: string | undefined, error: unknown): unknown {
  if (!source) return error
  const message = `error when ${verb} ${quote(source)}: ${spoken(error)}`
  return error instanceof StatusError ? new StatusError({ ...error.status, message }) : new KubectlError(message)
}

function standardMessage(error: unknown): string | undefined {
  if (error instanceof StatusError) {
    const { reason, message } = error.status
    if (reason === 'Unauthorized') return `error: You must be logged in to the server (${message})`
    return reason ? `Error from server (${reason}): ${message}` : `Error from server: ${message}`
  }
  if (error instanceof ConnectionError) {
    const refused = /dial tcp (\S+): connect: connection refused/.exec(error.message)
    if (refused && error instanceof UnreachableError) return `The connection to the server ${error.url.replace(/^\w+:\/\//, '').replace(/\/.*$/, '')} was refused - did you specify the right host or port?`
    return refused ? `The connection to the server ${refused[1]} was refused - did you specify the right host or port?` : `Unable to connect to the server: ${error.message}`
  }
  return undefined
}

function invalidMessage({ status }: StatusError): string {
  const { details, message } = status
  if (!details) return `The request is invalid${message ? `: ${message}` : ''}\n`
  const causes = details.causes ?? []
  let text = 'The request is invalid'
  if (details.kind || details.name) text = `The ${details.kind ?? ''} ${quote(details.name ?? '')} is invalid`
  else if (message && causes.length === 0) text += `: ${message}`
  const lines = [...new Set(causes.map((c) => `${c.field ?? ''}: ${c.message ?? ''}`))]
  if (lines.length === 0) return `${text}\n`
  return lines.length === 1 ? `${text}: ${lines[0]}\n` : `${text}: \n${lines.map((line) => `* ${line}\n`).join('')}`
}

/** What is not simulated is said before anything else, also among several errors. */
function notSimulatedOf(error: unknown): { text: string; code: number } | undefined {
  if (error instanceof NotSimulatedError || (error instanceof StatusError && error.status.reason === 'NotSimulated')) {
    return { text: `${error.message.replace(/^error when \w+ "[^"]*": /, '')}\n`, code: 69 }
  }
  if (!(error instanceof AggregateError)) return undefined
  const found = error.errors.map(notSimulatedOf).filter((f) => f !== undefined)
  if (found.length === 0) return undefined
  const others = error.errors.filter((e) => !notSimulatedOf(e)).map((e) => `${standardMessage(e) ?? messageOf(e)}\n`)
  return { text: [...found.map((f) => f.text), ...others].join(''), code: 69 }
}

/** The text for stderr (with its newline) and the exit code. */
export function report(thrown: unknown): { text: string; code: number } | undefined {
  const error = thrown instanceof AggregateError && thrown.errors.length === 1 ? thrown.errors[0] : thrown
  const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
  const unsimulated = notSimulatedOf(error)
  if (unsimulated) return unsimulated
  if (error instanceof ExitError) return { text: ended(error.message), code: error.code }
  if (error instanceof StatusError && error.status.reason === 'Invalid') return { text: invalidMessage(error), code: 1 }
  if (error instanceof ContextNotFoundError) return { text: `Error in configuration: ${error.message}\n`, code: 1 }
  if (error instanceof ConfigurationError) return { text: `Error in configuration: \n${error.errors.map((e) => `* ${messageOf(e)}\n`).join('')}`, code: 1 }
  if (error instanceof AggregateError) return { text: error.errors.map((e) => `${standardMessage(e) ?? messageOf(e)}\n`).join(''), code: 1 }
  if (error instanceof StreamError) return { text: ended(`error: ${messageOf(error)}`), code: 1 }
  const standard = standardMessage(error)
  if (standard !== undefined) return { text: ended(standard), code: 1 }
  if (error instanceof KubectlError) return { text: ended(error.message.startsWith('error: ') ? error.message : `error: ${error.message}`), code: 1 }
  const code = (error as { code?: unknown } | undefined)?.code
  // written to a pipe that nobody reads: SIGPIPE ends it without a word
  if (code === 'EPIPE') return undefined
  if (error instanceof Error && typeof code === 'string' && /^E[A-Z]+$/.test(code)) return { text: ended(`error: ${error.message}`), code: 1 }
  return undefined
}
