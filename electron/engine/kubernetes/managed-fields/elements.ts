import { own } from '../../own.ts'
import { isObject, quote, sortedJson } from '../json.ts'
import type { Field, ListKey } from '../schema/notation.ts'

/** Elements of field paths as FieldsV1 writes them: "f:name", "k:{…}", "v:…" (fieldpath/serialize-pe.go). */
export class ElementError extends Error {
  override name = 'ElementError'
}

/** What an item of an associative list is called: by its keys, or, in a set, by its value. */
export function itemElement(field: Pick<Field, 'ownership' | 'listKeys'>, item: unknown): string {
  return field.ownership === 'set' ? valueElement(item) : keysElement(field.listKeys, item)
}

function valueElement(item: unknown): string {
  if (isObject(item)) throw new ElementError("associative list without keys has an element that's a map type")
  if (Array.isArray(item)) throw new ElementError('not supported: associative list with lists as elements')
  if (item === null) throw new ElementError("associative list without keys has an element that's an explicit null")
  return `v:${JSON.stringify(item)}`
}

/** A key that an item does not have, and that has no default, is left out. */
function keysElement(listKeys: readonly ListKey[], item: unknown): string {
  if (item === null) throw new ElementError('associative list with keys may not have a null element')
  if (!isObject(item)) throw new ElementError('associative list with keys may not have non-map elements')
  let text = ''
  for (const { name, default: byDefault } of listKeys) {
    const value = own(item, name) ?? byDefault
    if (value !== undefined) text += `${text === '' ? '' : ','}"${name}":${JSON.stringify(value)}`
  }
  if (text !== '') return `k:{${text}}`
  const names = listKeys.map((key) => quote(key.name)).join(' ')
  throw new ElementError(`associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`)
}

/** As messages write a path: .spec.containers[name="web"].image */
export function formatPath(path: readonly string[]): string {
  return path.map(formatElement).join('')
}

export function formatElement(element: string): string {
  const text = element.slice(2)
  switch (element[0]) {
    case 'f':
      return `.${text}`
    case 'k': {
      const keys = JSON.parse(text) as Record<string, unknown>
      return `[${Object.keys(keys).map((name) => `${name}=${formatValue(keys[name])}`).join(',')}]`
    }
    case 'v':
      return `[=${formatValue(JSON.parse(text))}]`
    default:
      return `[${text}]`
  }
}

function formatValue(value: unknown): string {
  return typeof value === 'string' ? quote(value) : sortedJson(value)
}
