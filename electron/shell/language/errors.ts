/** How the execution of commands is left early. */
export class Break extends Error {
  levels: number
  readonly continues: boolean
  readonly status: number
  constructor(levels: number, continues: boolean, status = 0) {
    super('break')
    this.levels = levels
    this.continues = continues
    this.status = status
  }
}

export class Return extends Error {
  readonly code: number
  constructor(code: number) {
    super('return')
    this.code = code
  }
}

export class Exit extends Error {
  readonly code: number
  /** The process was replaced by exec: no EXIT trap. */
  readonly replaced: boolean
  constructor(code: number, replaced = false) {
    super('exit')
    this.code = code
    this.replaced = replaced
  }
}

/** An expansion or assignment that failed: the command line is given up; a script ends where bash ends it. */
export class ExpansionError extends Error {
  readonly fatal: boolean
  constructor(message: string, fatal = false) {
    super(message)
    this.fatal = fatal
  }
}

/** An index before the first element. */
export class SubscriptError extends ExpansionError {}

/** [[ =~ ]]: status 2, and no message. */
export class RegularExpressionError extends ExpansionError {}

/** A redirection that failed: only its command is given up. */
export class RedirectError extends Error {}

/** Ctrl-C at an interactive shell. */
export class Interrupted extends Error {}
