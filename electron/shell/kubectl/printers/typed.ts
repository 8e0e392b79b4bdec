import type { Kubectl } from '../command.ts'
import { inGoOrder } from '../go-order.ts'
import { type Printer, printerFor } from './index.ts'

/** A printer of objects that kubectl has decoded into Go's types: in JSON their fields keep the order of those. */
export function typedPrinter(k: Kubectl, operation: string): Printer {
  const printer = printerFor(k, { operation, typed: true })
  return { print: (object) => printer.print(inGoOrder(object)) }
}
