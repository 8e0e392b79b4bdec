import type { Environment } from '@marcbachmann/cel-js'
import { canonicalQuantity, nanoValue, QUANTITY_ERROR } from '../../schema/quantity.ts'

/** Kubernetes' library of resource quantities (apiserver/pkg/cel/library/quantity.go). */

const ONE = 1_000_000_000n
const LARGEST = 2n ** 63n

class Quantity {
  readonly nano: bigint
  constructor(nano: bigint) {
    this.nano = nano
  }

  get isInteger(): boolean {
    const whole = this.nano / ONE
    return this.nano % ONE === 0n && whole >= -LARGEST && whole < LARGEST
  }
}

function quantity(text: string): Quantity {
  if (canonicalQuantity(text) === undefined) throw new Error(QUANTITY_ERROR)
  return new Quantity(nanoValue(text))
}

function compare({ nano: a }: Quantity, { nano: b }: Quantity): bigint {
  return a < b ? -1n : a > b ? 1n : 0n
}

export function withQuantities(environment: Environment): Environment {
  return environment
    .registerType('kubernetes.Quantity', Quantity)
    .registerFunction('quantity(string): kubernetes.Quantity', quantity)
    .registerFunction('isQuantity(string): bool', (text: string) => canonicalQuantity(text) !== undefined)
    .registerOperator('kubernetes.Quantity == kubernetes.Quantity', (a: Quantity, b: Quantity) => a.nano === b.nano)
    .registerFunction('kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.nano < b.nano)
    .registerFunction('kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.nano > b.nano)
    .registerFunction('kubernetes.Quantity.compareTo(kubernetes.Quantity): int', compare)
    .registerFunction('kubernetes.Quantity.isInteger(): bool', (a: Quantity) => a.isInteger)
    .registerFunction('kubernetes.Quantity.asInteger(): int', (a: Quantity) => {
      if (!a.isInteger) throw new Error('cannot convert value to integer')
      return a.nano / ONE
    })
    .registerFunction('kubernetes.Quantity.asApproximateFloat(): double', (a: Quantity) => Number(a.nano) / 1e9)
    .registerFunction('kubernetes.Quantity.sign(): int', (a: Quantity) => compare(a, new Quantity(0n)))
    .registerFunction('kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nano + b.nano))
    .registerFunction('kubernetes.Quantity.add(int): kubernetes.Quantity', (a: Quantity, b: bigint) => new Quantity(a.nano + b * ONE))
    .registerFunction('kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nano - b.nano))
    .registerFunction('kubernetes.Quantity.sub(int): kubernetes.Quantity', (a: Quantity, b: bigint) => new Quantity(a.nano - b * ONE))
}
