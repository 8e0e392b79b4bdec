import { isValidIp } from '../../network/address.ts'
import type { FieldErrors } from '../field-errors.ts'
import { notSimulated } from '../status.ts'
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
  refuseLeadingZeros(value)
  errors.invalid(path, value, IP_ERROR)
  return false
}

/** Of IPv4: "010.001.0.0/08" is 10.1.0.0/8 where netutils' ParseIPSloppy and ParseCIDRSloppy read it. */
export function withoutLeadingZeros(text: string): string {
  return text.includes(':') ? text : text.replace(/(^|\.)0+(?=\d)/g, '$1')
}

/** v1.33 takes such addresses in its older fields (IsValidIPForLegacyField); what reads them then differs from program to program. */
export function refuseLeadingZeros(text: string): void {
  const plain = withoutLeadingZeros(text)
  const address = plain.split('/')[0]!
  if (plain !== text && isValidIp(address)) throw notSimulated(`the address ${text}, whose leading zeros v1.33 takes with a warning (write ${plain})`)
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
