import { Environment, type ParseResult } from '@marcbachmann/cel-js'
import { put } from '../../../own.ts'
import { hasFormat } from '../../custom-resources/formats.ts'
import { goPattern } from '../../custom-resources/structural.ts'
import { isObject, type JsonObject } from '../../json.ts'
import { canonicalQuantity, milliValue, QUANTITY_ERROR } from '../../schema/quantity.ts'

/**
 * CEL of policies and match conditions: apiserver/pkg/admission/plugin/cel. The language is the package's; of the libraries
 * that Kubernetes adds there are the small ones below. What needs another one (authorizer, url, …) is not computed, and that
 * is said when the object is applied.
 */
export interface Variables {
  object: unknown
  oldObject: unknown
  request: unknown
  params?: unknown
  namespaceObject?: unknown
  variables?: object
  authorizer?: null
}

const NAMES = ['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables', 'authorizer']

class Quantity {
  readonly value: number
  constructor(text: string) {
    if (canonicalQuantity(text) === undefined) throw new Error(QUANTITY_ERROR)
    this.value = milliValue(text)
  }
}

let environment: Environment | undefined
const compiled = new Map<string, ParseResult | { wrong: string } | 'unsimulated'>()

function language(): Environment {
  if (environment) return environment
  const list = (value: unknown): (bigint | number | string)[] => value as (bigint | number | string)[]
  const least = (values: (bigint | number | string)[], sign: number): bigint | number | string => {
    if (values.length === 0) throw new Error(`${sign < 0 ? 'max' : 'min'} called on empty list`)
    return values.reduce((a, b) => ((sign > 0 ? b < a : b > a) ? b : a))
  }
  environment = new Environment({ unlistedVariablesAreDyn: false, homogeneousAggregateLiterals: false, enableOptionalTypes: true })
    .registerFunction('isIP(string): bool', (text: string) => hasFormat('ipv4', text) === true || hasFormat('ipv6', text) === true)
    .registerFunction('isCIDR(string): bool', (text: string) => hasFormat('cidr', text) === true)
    // the library's own `matches` takes JavaScript's syntax
    .registerFunction('string.goMatches(string): bool', (text: string, pattern: string) => goPattern(pattern).test(text))
    .registerFunction('string.find(string): string', (text: string, pattern: string) => goPattern(pattern).exec(text)?.[0] ?? '')
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) => text.split(from).join(to))
    .registerFunction('list.isSorted(): bool', (values: unknown) => list(values).every((each, i, all) => i === 0 || all[i - 1]! <= each))
    .registerFunction('list.min(): dyn', (values: unknown) => least(list(values), 1))
    .registerFunction('list.max(): dyn', (values: unknown) => least(list(values), -1))
    .registerFunction('list.sum(): dyn', (values: unknown) => list(values).reduce<bigint | number>((sum, each) => (typeof each === 'bigint' && typeof sum === 'bigint' ? sum + each : Number(sum) + Number(each)), 0n))
    .registerType('kubernetes.Quantity', Quantity)
    .registerFunction('quantity(string): kubernetes.Quantity', (text: string) => new Quantity(text))
    .registerFunction('isQuantity(string): bool', (text: string) => canonicalQuantity(text) !== undefined)
    .registerFunction('kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.value < b.value)
    .registerFunction('kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.value > b.value)
    .registerFunction('kubernetes.Quantity.compareTo(kubernetes.Quantity): int', (a: Quantity, b: Quantity) => BigInt(Math.sign(a.value - b.value)))
  for (const name of NAMES) environment.registerVariable(name, 'dyn')
  return environment
}

function compile(text: string): ParseResult | { wrong: string } | 'unsimulated' {
  const known = compiled.get(text)
  if (known !== undefined) return known
  const result = parsed(text)
  if (compiled.size > 5_000) compiled.clear()
  compiled.set(text, result)
  return result
}

function parsed(text: string): ParseResult | { wrong: string } | 'unsimulated' {
  let program: ParseResult
  try {
    program = language().parse(text.replace(/\.matches\(/g, '.goMatches('))
  } catch (error) {
    return { wrong: `compilation failed: ERROR: <input>: Syntax error: ${(error as Error).message.split('\n')[0]!}` }
  }
  const check = program.check()
  if (check.valid) return program
  const why = (check.error?.message ?? '').split('\n')[0]!
  const [, name] = /^Unknown variable: (\w+)/.exec(why) ?? []
  if (name === undefined) return 'unsimulated'
  const at = text.search(new RegExp(`(?<![\\w.])${name}\\b`))
  const lines = text.slice(0, at).split('\n')
  const column = lines.at(-1)!.length
  const pointer = ` | ${text.split('\n')[lines.length - 1]!}\n | ${'.'.repeat(column)}^`
  return { wrong: `compilation failed: ERROR: <input>:${lines.length}:${column + 1}: undeclared reference to '${name}' (in container '')\n${pointer}` }
}

/** Why an expression is none. */
export function syntaxError(expression: string): string | undefined {
  const result = compile(expression)
  return typeof result === 'object' && 'wrong' in result ? result.wrong : undefined
}

/** Whether an expression needs a part of CEL that is not simulated. */
export function unsimulated(expression: string): boolean {
  return compile(expression) === 'unsimulated'
}

export type Evaluated = { value: unknown } | { error: string }

/** Undefined: it is not simulated. */
export function evaluate(expression: string, variables: Variables): Evaluated | undefined {
  const program = compile(expression)
  if (program === 'unsimulated') return undefined
  if ('wrong' in program) return { error: program.wrong }
  try {
    return { value: program({ ...variables }) as unknown }
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!
    return { error: `expression '${expression}' resulted in error: ${why.replace(/^No such key/, 'no such key')}` }
  }
}

/** JSON as CEL has it: whole numbers are int. */
export function toCel(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(toCel)
  if (!isObject(value)) return value
  const out: JsonObject = {}
  for (const key of Object.keys(value)) if (value[key] !== undefined) put(out, key, toCel(value[key]))
  return out
}
