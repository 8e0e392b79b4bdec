/** Ends a plugin's command with its message on stderr. */
export class CommandError extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

export function notSimulated(what: string, instead: string): CommandError {
  return new CommandError(`podhop: not simulated: ${what} (${instead})`, 69)
}
