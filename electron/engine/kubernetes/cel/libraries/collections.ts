import type { Environment } from '@marcbachmann/cel-js'

/** cel-go's sets (ext/sets.go) and Kubernetes' lists (apiserver/pkg/cel/library/lists.go). */

/** What stands before ".contains". */
class SetsNamespace {}

type List = readonly unknown[]
type Ordered = bigint | number | string

/** CEL's equality: 1 is 1.0, lists and maps by what they hold. */
function equal(one: unknown, other: unknown): boolean {
  const [a, b] = [unboxed(one), unboxed(other)]
  if (a === b) return true
  if (typeof a === 'bigint' || typeof b === 'bigint') return (typeof a === 'number' || typeof b === 'number') && Number(a) === Number(b)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || a.constructor !== b.constructor) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((each, i) => equal(each, b[i]))
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  return keys.length === others.length && keys.every((key) => Object.hasOwn(b, key) && equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}

/** The package boxes what is unsigned. */
function unboxed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const inside: unknown = value.valueOf()
  return typeof inside === 'bigint' ? inside : value
}

const isIn = (list: List) => (value: unknown): boolean => list.some((each) => equal(each, value))
const indexIn = (list: List, value: unknown): bigint => BigInt(list.findIndex((each) => equal(each, value)))
const lastIndexIn = (list: List, value: unknown): bigint => BigInt(list.findLastIndex((each) => equal(each, value)))

/** The least with sign 1, the greatest with -1. */
function extreme(values: readonly Ordered[], sign: number): Ordered {
  if (values.length === 0) throw new Error(`${sign < 0 ? 'max' : 'min'} called on empty list`)
  return values.reduce((a, b) => ((sign > 0 ? b < a : b > a) ? b : a))
}

export function withCollections(environment: Environment): Environment {
  return environment
    .registerType('kubernetes.SetsNamespace', SetsNamespace)
    .registerConstant('sets', 'kubernetes.SetsNamespace', new SetsNamespace())
    .registerFunction('kubernetes.SetsNamespace.contains(list, list): bool', (_: SetsNamespace, all: List, some: List) => some.every(isIn(all)))
    .registerFunction('kubernetes.SetsNamespace.equivalent(list, list): bool', (_: SetsNamespace, a: List, b: List) => a.every(isIn(b)) && b.every(isIn(a)))
    .registerFunction('kubernetes.SetsNamespace.intersects(list, list): bool', (_: SetsNamespace, a: List, b: List) => a.some(isIn(b)))
    .registerFunction('list.indexOf(dyn): int', indexIn)
    .registerFunction('list.lastIndexOf(dyn): int', lastIndexIn)
    .registerFunction('list.isSorted(): bool', (values: readonly Ordered[]) => values.every((each, i, all) => i === 0 || all[i - 1]! <= each))
    .registerFunction('list.min(): dyn', (values: readonly Ordered[]) => extreme(values, 1))
    .registerFunction('list.max(): dyn', (values: readonly Ordered[]) => extreme(values, -1))
    .registerFunction('list.sum(): dyn', (values: List) => values.reduce<bigint | number>((sum, each) => (typeof each === 'bigint' && typeof sum === 'bigint' ? sum + each : Number(sum) + Number(each)), 0n))
}
