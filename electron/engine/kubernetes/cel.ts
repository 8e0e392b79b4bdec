import { Environment, type ParseResult } from '@marcbachmann/cel-js'
import { hasFormat } from './custom-resources/formats.ts'
import { goPattern } from './custom-resources/structural.ts'
import { canonicalQuantity, milliValue, QUANTITY_ERROR } from './schema/quantity.ts'

/**
 * CEL as Kubernetes has it (apiserver/pkg/cel/environment): the language is the package's; of the libraries that Kubernetes adds
 * there are the small ones below. What needs another one (authorizer, url, …) does not compile.
 */
export class KubernetesCel {
  readonly #environment: Environment

  /** `open`: names that are not declared are of any type; else they are an error. */
  constructor(variables: readonly string[], { open }: { open: boolean }) {
    this.#environment = withLibraries(new Environment({ unlistedVariablesAreDyn: open, homogeneousAggregateLiterals: false, enableOptionalTypes: true }))
    for (const name of variables) this.#environment.registerVariable(name, 'dyn')
  }

  /** Throws for what is no CEL; `check()` of the result tells what cannot be computed. */
  parse(text: string): ParseResult {
    return this.#environment.parse(text.replace(/\.matches\(/g, '.goMatches(').replace(INDEXED, '[$1].exists(indexed, has(indexed.$2))'))
  }
}

/** The package's `has` knows fields of fields, but not those of a list's elements: "has(self.rules[0].matches)". */
const INDEXED = /\bhas\(([^()]*\[[^()\]]*\][^()]*)\.(\w+)\)/g

class Quantity {
  readonly value: number
  constructor(text: string) {
    if (canonicalQuantity(text) === undefined) throw new Error(QUANTITY_ERROR)
    this.value = milliValue(text)
  }
}

type Ordered = bigint | number | string
const list = (value: unknown): Ordered[] => value as Ordered[]

/** The least with sign 1, the greatest with -1. */
function extreme(values: Ordered[], sign: number): Ordered {
  if (values.length === 0) throw new Error(`${sign < 0 ? 'max' : 'min'} called on empty list`)
  return values.reduce((a, b) => ((sign > 0 ? b < a : b > a) ? b : a))
}

function withLibraries(environment: Environment): Environment {
  return environment
    .registerFunction('isIP(string): bool', (text: string) => hasFormat('ipv4', text) === true || hasFormat('ipv6', text) === true)
    .registerFunction('isCIDR(string): bool', (text: string) => hasFormat('cidr', text) === true)
    // the package's own `matches` takes JavaScript's syntax
    .registerFunction('string.goMatches(string): bool', (text: string, pattern: string) => goPattern(pattern).test(text))
    .registerFunction('string.find(string): string', (text: string, pattern: string) => goPattern(pattern).exec(text)?.[0] ?? '')
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) => text.split(from).join(to))
    .registerFunction('list.isSorted(): bool', (values: unknown) => list(values).every((each, i, all) => i === 0 || all[i - 1]! <= each))
    .registerFunction('list.min(): dyn', (values: unknown) => extreme(list(values), 1))
    .registerFunction('list.max(): dyn', (values: unknown) => extreme(list(values), -1))
    .registerFunction('list.sum(): dyn', (values: unknown) => list(values).reduce<bigint | number>((sum, each) => (typeof each === 'bigint' && typeof sum === 'bigint' ? sum + each : Number(sum) + Number(each)), 0n))
    .registerType('kubernetes.Quantity', Quantity)
    .registerFunction('quantity(string): kubernetes.Quantity', (text: string) => new Quantity(text))
    .registerFunction('isQuantity(string): bool', (text: string) => canonicalQuantity(text) !== undefined)
    .registerFunction('kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.value < b.value)
    .registerFunction('kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.value > b.value)
    .registerFunction('kubernetes.Quantity.compareTo(kubernetes.Quantity): int', (a: Quantity, b: Quantity) => BigInt(Math.sign(a.value - b.value)))
}
