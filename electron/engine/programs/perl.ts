import { sleep } from '../machine/task.ts'
import type { Program } from '../machine/types.ts'

/** ms a digit: the Job of kubernetes.io's page about Jobs takes some seconds. */
const DIGIT = 2.5
const MOST = 100_000

/**
 * perl of the image of that name, as far as the Job of kubernetes.io needs it: `perl -Mbignum=bpi -wle 'print bpi(2000)'`.
 * Everything else says that it is not simulated (69).
 */
export const perl: Program = function* (process) {
  const args = process.argv.slice(1)
  if (args.length === 1 && args[0] === '-v') {
    yield* process.print(`\nThis is perl 5, version ${(process.env.get('PERL_VERSION') ?? '5.40.2').split('.').slice(1).join(', subversion ')} (v${process.env.get('PERL_VERSION') ?? '5.40.2'}) built for x86_64-linux-gnu\n\n`)
    return 0
  }
  const [module, flags, code, ...more] = args
  const digits = more.length === 0 && module === '-Mbignum=bpi' && /^-w?l?w?e$/.test(flags ?? '') ? /^\s*print\s+bpi\s*\(\s*(\d+)\s*\)\s*;?\s*$/.exec(code ?? '')?.[1] : undefined
  // bpi(0) has the precision that bignum has by itself
  const count = Number(digits) || 40
  if (digits === undefined || count > MOST) {
    yield* process.printError(`podhop: not simulated: perl ${args.join(' ')} (perl -Mbignum=bpi -wle 'print bpi(2000)'; sed, awk)\n`)
    return 69
  }
  yield sleep(process.clock, count * DIGIT)
  yield* process.print(pi(count) + (flags!.includes('l') ? '\n' : ''))
  return 0
}

/** π rounded to so many digits, the 3 among them: Machin's formula, as Math::BigFloat's bpi has one. */
export function pi(digits: number): string {
  const spare = 10
  const one = 10n ** BigInt(digits + spare)
  const inverseTangent = (x: bigint): bigint => {
    let power = one / x
    let sum = power
    for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
      power /= x * x
      sum += sign * (power / n)
    }
    return sum
  }
  const exact = 4n * (4n * inverseTangent(5n) - inverseTangent(239n))
  const unit = 10n ** BigInt(spare + 1)
  return String((exact + unit / 2n) / unit).replace(/^(\d)(?=\d)/, '$1.')
}
