import type { Table } from '../../engine/kubernetes/types.ts'
import { canonicalQuantity, milliValue } from '../../engine/kubernetes/schema/quantity.ts'
import { KubectlError } from './errors.ts'
import { JsonPath, relaxed } from './jsonpath.ts'
import { byBytes, type JsonObject } from './objects.ts'

/** --sort-by: kubectl's pkg/cmd/get/sorter.go. */

function pathOf(field: string): JsonPath {
  let spec = field
  try {
    spec = relaxed(field)
  } catch {
    // as it is
  }
  return new JsonPath(spec, { allowMissing: true })
}

export function checkSortField(field: string): void {
  if (field !== '') pathOf(field)
}

function valueOf(path: JsonPath, object: unknown): unknown {
  return path.find(object)[0]?.[0]
}

function sorted<T>(items: readonly T[], field: string, objectOf: (item: T) => unknown): T[] {
  const path = pathOf(field)
  const keyed = items.map((item) => ({ item, key: valueOf(path, objectOf(item)) }))
  if (keyed.length > 0 && keyed.every((x) => x.key === undefined)) {
    throw new KubectlError(`couldn't find any field with path ${JSON.stringify(relaxed(field))} in the list of objects`)
  }
  return keyed.sort((a, b) => compare(a.key, b.key)).map((x) => x.item)
}

function compare(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined || a === null || b === null) return (a === undefined || a === null ? 0 : 1) - (b === undefined || b === null ? 0 : 1)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [String(a), String(b)]
  if (canonicalQuantity(x) !== undefined && canonicalQuantity(y) !== undefined) return milliValue(x) - milliValue(y)
  return byBytes(x, y)
}

export function sortTable(table: Table, field: string): Table {
  return { ...table, rows: sorted(table.rows, field, (row) => row.object) }
}
export function sortObjects(objects: readonly JsonObject[], field: string): JsonObject[] {
  return sorted(objects, field, (object) => object)
}
