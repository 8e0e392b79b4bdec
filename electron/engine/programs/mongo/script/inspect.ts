import { Binary, Double, ObjectId } from '../bson.ts'
import { isDocument } from '../values.ts'
import { HostObject, ScriptFunction, type Value } from './values.ts'

/** Values as mongosh prints them: the layout of Node's util.inspect (lib/internal/util/inspect.js) with compact 3, at most six levels. */
const BREAK_LENGTH = 80
const COMPACT = 3

interface Layout { indentation: number; current: number; depth: number; most: number }

export function inspect(value: Value, options: { depth?: number; arrays?: number } = {}): string {
  return format(value, 0, { indentation: 0, current: 0, depth: options.depth ?? 6, most: options.arrays ?? 100 })
}

export function quoted(text: string): string {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') && !text.includes('${') ? '`' : "'"
  const named: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v', '\\': '\\\\' }
  return `${mark}${text.replace(/[\x00-\x1f\x7f\\]/g, (c) => named[c] ?? `\\x${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`).replaceAll(mark, (m) => (mark === "'" ? `\\${m}` : m))}${mark}`
}

function format(value: Value, level: number, layout: Layout): string {
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Double) return String(value.value)
  if (typeof value === 'bigint') return `Long('${value}')`
  if (value instanceof ObjectId) return `ObjectId('${value.hex}')`
  if (value instanceof Date) return isNaN(value.getTime()) ? 'Invalid Date' : `ISODate('${value.toISOString()}')`
  if (value instanceof Binary) return `Binary.createFromBase64('', ${value.subtype})`
  if (value instanceof ScriptFunction) return value.name === '' ? '[Function (anonymous)]' : `[Function: ${value.name}]`
  if (value instanceof HostObject) return '[object]'
  if (Object.is(value, -0)) return '-0'
  if (Array.isArray(value)) return compound(value.length === 0, '[', ']', level, layout, 'Array', () => items(value, level, layout), value)
  if (isDocument(value)) return compound(value.size === 0, '{', '}', level, layout, 'Object', () => [...value].map(([name, item]) => property(name, item, level, layout)))
  return String(value)
}

function property(name: string, value: Value, level: number, layout: Layout): string {
  layout.indentation += 2
  const text = format(value, level + 1, layout)
  layout.indentation -= 2
  return `${/^[a-zA-Z_][a-zA-Z_0-9]*$/.test(name) ? name : quoted(name)}: ${text}`
}

function items(list: readonly Value[], level: number, layout: Layout): string[] {
  layout.indentation += 2
  const out = list.slice(0, layout.most).map((v) => format(v, level + 1, layout))
  layout.indentation -= 2
  const more = list.length - layout.most
  if (more > 0) out.push(`... ${more} more item${more > 1 ? 's' : ''}`)
  return out
}

function compound(empty: boolean, open: string, close: string, level: number, layout: Layout, kind: string, entries: () => string[], list?: readonly Value[]): string {
  if (empty) return `${open}${close}`
  if (level > layout.depth) return `[${kind}]`
  layout.current = level
  let output = entries()
  const count = output.length
  if (list && count > 6) output = grouped(output, list, layout)
  if (layout.current - level < COMPACT && count === output.length) {
    const start = output.length + layout.indentation + open.length + 10
    if (output.reduce((n, o) => n + o.length, output.length + start) <= BREAK_LENGTH) {
      const joined = output.join(', ')
      if (!joined.includes('\n')) return `${open} ${joined} ${close}`
    }
  }
  const indent = `\n${' '.repeat(layout.indentation)}`
  return `${open}${indent}  ${output.join(`,${indent}  `)}${indent}${close}`
}

/** Many short entries of an array stand in columns. */
function grouped(output: string[], list: readonly Value[], layout: Layout): string[] {
  const length = list.length > layout.most ? output.length - 1 : output.length
  const separator = 2
  const widths = output.slice(0, length).map((o) => o.length)
  const total = widths.reduce((n, w) => n + w + separator, 0)
  const widest = Math.max(...widths)
  const most = widest + separator
  if (most * 3 + layout.indentation >= BREAK_LENGTH || !(total / most > 5 || widest <= 6)) return output
  const biased = Math.max(most - 3 - Math.sqrt(most - total / output.length), 1)
  const columns = Math.min(Math.round(Math.sqrt(2.5 * biased * length) / biased), Math.floor((BREAK_LENGTH - layout.indentation) / most), COMPACT * 4, 15)
  if (columns <= 1) return output
  const columnWidths = Array.from({ length: columns }, (_, c) => Math.max(...widths.filter((_, i) => i % columns === c)) + separator)
  const numeric = list.every((v) => typeof v === 'number' || typeof v === 'bigint')
  const out: string[] = []
  for (let i = 0; i < length; i += columns) {
    const end = Math.min(i + columns, length)
    let row = ''
    for (let j = i; j < end - 1; j++) row += numeric ? `${output[j]}, `.padStart(columnWidths[j - i]!) : `${output[j]}, `.padEnd(columnWidths[j - i]!)
    row += numeric ? output[end - 1]!.padStart(columnWidths[end - 1 - i]! - separator) : output[end - 1]!
    out.push(row)
  }
  return [...out, ...output.slice(length)]
}
