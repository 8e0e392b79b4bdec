import { SystemError } from '../../machine/errors.ts'
import type { ErrorCode } from '../../machine/errors.ts'

/** What a socket makes of an ICMP "destination unreachable" by its code: Linux net/ipv4/icmp.c, icmp_err_convert. */
const UNREACHABLE: readonly ErrorCode[] = [
  'ENETUNREACH', 'EHOSTUNREACH', 'ENOPROTOOPT', 'ECONNREFUSED', 'EMSGSIZE', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH',
  'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH',
]

/** Undefined for messages that are no errors for a socket. */
export function errorOfIcmp(type: number, code: number): SystemError | undefined {
  if (type === 3) return new SystemError(UNREACHABLE[code] ?? 'EHOSTUNREACH')
  return type === 11 ? new SystemError('EHOSTUNREACH') : undefined
}
