import { isValidIp } from '../../network/address.ts'
import type { FieldErrors } from '../field-errors.ts'
import { portName, portNumber } from './names.ts'

/** Checks that many kinds share: pkg/apis/core/validation. */
export const NOT_NEGATIVE = 'must be greater than or equal to 0'
export const IP_ERROR = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
export const PROTOCOLS = ['SCTP', 'TCP', 'UDP']

export function notNegative(value: number | undefined, path: string, errors: FieldErrors): void {
  if (value !== undefined && value < 0) errors.invalid(path, value, NOT_NEGATIVE)
}

export function validIp(value: string, path: string, errors: FieldErrors): boolean {
  if (isValidIp(value)) return true
  errors.invalid(path, value, IP_ERROR)
  return false
}

/** A number of a port, or the name of one. */
export function portOrName(value: number | string | undefined, path: string, errors: FieldErrors): void {
  if (typeof value === 'string') errors.invalidEach(path, value, portName(value))
  else errors.invalidEach(path, value ?? 0, portNumber(value ?? 0))
}

/** Required, and one of the supported ones. */
export function oneOf(value: string | undefined, supported: readonly string[], path: string, errors: FieldErrors): void {
  if (!value) errors.required(path)
  else if (!supported.includes(value)) errors.notSupported(path, value, supported)
}
