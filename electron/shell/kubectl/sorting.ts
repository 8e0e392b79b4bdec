import type { Table } from '../../engine/kubernetes/types.ts'
import { canonicalQuantity, milliValue } from '../../engine/kubernetes/schema/quantity.ts'
import type { Kubectl } from './command.ts'
import { ExitError, KubectlError } from './errors.ts'
import { goSort } from './go-sort.ts'
import { JsonPath, relaxed } from './jsonpath.ts'
import { byBytes, isObject, type JsonObject } from './objects.ts'

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

function valueOf(path: JsonPath, object: unknown): unknown {
  return path.find(object)[0]?.[0]
}

/** `place`: where kubectl gives up on what has no order, and what it has there. */
function sorted<T>(k: Kubectl, items: readonly T[], field: string, objectOf: (item: T) => unknown, place: string): T[] {
  const path = pathOf(field)
  const keyed = items.map((item) => ({ item, key: valueOf(path, objectOf(item)) }))
  if (keyed.length > 0 && keyed.every((x) => x.key === undefined)) {
    throw new KubectlError(`couldn't find any field with path ${JSON.stringify(relaxed(field))} in the list of objects`)
  }
  const unsortable = keyed.length > 1 ? keyed.map((x) => goTypeOf(x.key)).find((type) => type !== undefined) : undefined
  if (unsortable !== undefined) {
    const [line, holder] = place.split(' ')
    throw new ExitError(1, `${k.logHead('F')} sorter.go:${line}] Field ${relaxed(field)} in ${holder} is an unsortable type: interface, err: unsortable type: ${unsortable}`)
  }
  // what has no such field is less than everything, its like included
  return goSort(keyed, (a, b) => isMissing(a.key) || (!isMissing(b.key) && compare(a.key, b.key) < 0)).map((x) => x.item)
}

/** The Go type of what cannot be compared. */
function goTypeOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return '[]interface {}'
  if (isObject(value)) return 'map[string]interface {}'
  return typeof value === 'boolean' ? 'bool' : undefined
}

function isMissing(key: unknown): boolean {
  return key === undefined || key === null
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [String(a), String(b)]
  if (canonicalQuantity(x) !== undefined && canonicalQuantity(y) !== undefined) return milliValue(x) - milliValue(y)
  return byBytes(x, y)
}

export function sortTable(k: Kubectl, table: Table, field: string): Table {
  return { ...table, rows: sorted(k, table.rows, field, (row) => row.object, '375 [][][]reflect.Value') }
}
export function sortObjects(k: Kubectl, objects: readonly JsonObject[], field: string): JsonObject[] {
  // here, and not for tables, what is no path is said
  relaxed(field)
  return sorted(k, objects, field, (object) => object, '329 *unstructured.Unstructured')
}
