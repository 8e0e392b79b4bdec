import { doubleQuote, quoteForShell } from './quote.ts'
import type { Variable } from './variables.ts'

/** The letters of a variable's attributes in bash's order: ${name@a}, declare -p. */
export function attributesOf(variable: Variable): string {
  const { array, table, integer, reference, readonly, exported, capital, lower, upper } = variable
  return [[array, 'a'], [table, 'A'], [integer, 'i'], [reference, 'n'], [readonly, 'r'], [exported, 'x'], [capital, 'c'], [lower, 'l'], [upper, 'u']]
    .filter(([on]) => on)
    .map(([, letter]) => letter)
    .join('')
}

/** `declare -p NAME`. */
export function describeVariable(name: string, variable: Variable): string {
  const head = `declare -${attributesOf(variable) || '-'} ${name}`
  const { array, table } = variable
  if (variable.unassigned && !array?.size && !table?.size) return head
  if (array || table) return `${head}=${listOf(variable)}`
  return variable.value === undefined ? head : `${head}=${doubleQuote(variable.value)}`
}

/** (…) as an assignment would need it. */
export function listOf({ array, table }: Variable): string {
  if (array) return `(${[...array].sort((a, b) => a[0] - b[0]).map(([k, v]) => `[${k}]=${doubleQuote(v)}`).join(' ')})`
  return `(${[...(table ?? [])].map(([k, v]) => `[${/^[\w.\-/:,+%]+$/.test(k) ? k : doubleQuote(k)}]=${doubleQuote(v)} `).join('')})`
}

/** ${name@A}. */
export function assignmentOf(name: string, variable: Variable, whole: boolean): string {
  const flags = attributesOf(variable)
  if (whole && (variable.array || variable.table)) return `declare -${flags} ${name}=${listOf(variable)}`
  const value = variable.value ?? variable.array?.get(0) ?? variable.table?.get('0')
  const assigned = value === undefined ? name : `${name}=${quoteForShell(value)}`
  return flags === '' ? assigned : `declare -${flags} ${assigned}`
}
