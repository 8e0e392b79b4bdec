import type { Count } from './editing.ts'

/** Largest argument that readline takes. */
const MOST = 1_000_000

/** One more digit of an argument, or its sign: a sign alone is -1, and a digit with Meta comes behind that 1. */
export function nextArgument(argument: string | undefined, digit: string, meta: boolean): string {
  if (argument !== undefined && Math.abs(valueOf(argument)) > MOST) return argument
  if (digit === '-') return argument === undefined ? '-' : String(-valueOf(argument))
  return (argument === '-' && meta ? '-1' : argument ?? '') + digit
}

export function valueOf(argument: string): number {
  return argument === '-' ? -1 : Number(argument)
}

export function countOf(argument: string | undefined): Count {
  return argument === undefined ? { n: 1, given: false } : { n: valueOf(argument), given: true }
}
