/** What ipset(8) 7.17 says of a mistake (libipset: errcode.c, parse.c, session.c). */
export class IpSetError extends Error {
  /** 2 and a line about help for a command line that cannot be read, else 1. */
  readonly code: 1 | 2
  /** Those that -exist silences. */
  readonly isAboutExistence: boolean

  constructor(message: string, code: 1 | 2 = 1, isAboutExistence = false) {
    super(message)
    this.code = code
    this.isAboutExistence = isAboutExistence
  }
}

/** A part of ipset that is not simulated: what, and what to use instead. */
export class IpSetNotSimulated extends Error {}

export const NO_SUCH_SET = 'The set with the given name does not exist'
export const SET_EXISTS = 'Set cannot be created: set with the same name already exists'
export const IN_USE = 'Set cannot be destroyed: it is in use by a kernel component'
export const ALREADY_ADDED = "Element cannot be added to the set: it's already added"
export const NOT_ADDED = "Element cannot be deleted from the set: it's not added"
export const HASH_FULL = 'Hash is full, cannot add more elements'
export const NULL_ELEMENT = 'Null-valued element, cannot be stored in a hash type of set'
export const OUT_OF_RANGE = 'Element is out of the range of the set'
export const BAD_CIDR = 'The value of the CIDR parameter of the IP address is invalid'

export function syntax(message: string): never {
  throw new IpSetError(`Syntax error: ${message}`)
}

export function usage(message: string): never {
  throw new IpSetError(message, 2)
}
