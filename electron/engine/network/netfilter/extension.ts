import { UsageError } from './errors.ts'
import type { Match, Rule, Target } from './rule.ts'

/** How an extension reads its options. `not` is true when a "!" stood before the option. */
export type Setter = (not: boolean, ...values: string[]) => void

export interface Option {
  values: 0 | 1 | 2
  set: Setter
  /** May stand behind a "!". */
  invertible: boolean
}

export type OptionTable = Readonly<Record<string, Option>>

/** An extension while its options are read. */
export interface Reader<T> {
  readonly options: OptionTable
  /** Called after the last option; throws {@link UsageError} for what is missing. */
  finish(): T
}

/** The rule as far as it was read, and what else an extension may ask for. */
export interface RuleContext {
  readonly rule: Rule
  readonly family: 4 | 6
  readonly table: string
  hasSet(name: string): boolean
}

export type MatchExtension = (context: RuleContext) => Reader<Match>
export type TargetExtension = (context: RuleContext) => Reader<Target>

export function flag(set: (not: boolean) => void, invertible = false): Option {
  return { values: 0, set, invertible }
}

export function one(set: (value: string, not: boolean) => void, invertible = false): Option {
  return { values: 1, set: (not, value) => set(value!, not), invertible }
}

export function two(set: (a: string, b: string, not: boolean) => void, invertible = false): Option {
  return { values: 2, set: (not, a, b) => set(a!, b!, not), invertible }
}

/** Two options that exclude each other, in the order of the extension's table (xtoptions.c). */
export function together(extension: string, order: readonly string[], a: string, b: string): never {
  const [first, second] = [a, b].sort((x, y) => order.indexOf(x) - order.indexOf(y))
  throw new UsageError(`${extension}: option "--${first}" cannot be used together with "--${second}".\n`)
}

export function mustSpecify(extension: string, option: string): never {
  throw new UsageError(`${extension}: option "--${option}" must be specified\n`)
}

/** "5", "0x5"; undefined when it is no number up to `limit`. */
export function parseNumber(text: string, limit = 0xffffffff): number | undefined {
  if (!/^(0x[0-9a-fA-F]+|[0-9]+)$/.test(text)) return undefined
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text)
  return value <= limit ? value : undefined
}

export function needNumber(extension: string, option: string, text: string, from = 0, limit = 0xffffffff): number {
  const value = parseNumber(text, limit)
  if (value === undefined || value < from) {
    throw new UsageError(`${extension}: bad value for option "--${option}", or out of range (${from}-${limit}).\n`)
  }
  return value
}

/** "4", "0x4/0xff": value and mask, which is all ones when it is not given. */
export function parseMark(extension: string, option: string, text: string): { value: number; mask: number } {
  const [value, mask] = text.split('/', 2)
  const v = parseNumber(value!)
  const m = mask === undefined ? 0xffffffff : parseNumber(mask)
  if (v === undefined || m === undefined) throw new UsageError(`${extension}: bad integer value for option "--${option}", or out of range.\n`)
  return { value: v, mask: m }
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`
}

export function markText(value: number, mask: number): string {
  return mask >>> 0 === 0xffffffff ? hex(value) : `${hex(value)}/${hex(mask)}`
}
