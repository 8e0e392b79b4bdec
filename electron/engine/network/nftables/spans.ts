import type { DataType, Value } from './data-types.ts'
import { NftError } from './errors.ts'
import type { Cursor } from './cursor.ts'
import type { Location } from './lex.ts'
import type { PrintOptions } from './model.ts'
import type { Span } from './set.ts'

/** Values as they are written: "10.0.0.1", "10.0.0.0/8", "80-90", "established,related". */

const shift = (value: Value, bits: number, up: boolean): Value =>
  typeof value === 'bigint' ? (up ? value << BigInt(bits) : value >> BigInt(bits)) : up ? (value as number) * 2 ** bits : Math.floor((value as number) / 2 ** bits)

function plus(value: Value, size: Value): Value {
  return typeof value === 'bigint' ? value + (size as bigint) : (value as number) + (size as number)
}

/** All values with the same first `length` bits. */
function prefixSpan(value: Value, length: number, bits: number): Span {
  const host = bits - length
  const from = shift(shift(value, host, false), host, true)
  const size = typeof value === 'bigint' ? (1n << BigInt(host)) - 1n : 2 ** host - 1
  return { from, to: plus(from, size) }
}

/** The length of the prefix that is just this range, if there is one. */
export function prefixLength(span: Span, bits: number): number | undefined {
  for (let length = 0; length <= bits; length++) {
    const prefix = prefixSpan(span.from, length, bits)
    if (prefix.from === span.from && prefix.to === span.to) return length
  }
  return undefined
}

export function printSpan(span: Span, type: DataType, options: PrintOptions): string {
  const numeric = options.numeric === true || (options.numericProtocol === true && type.name === 'inet_proto')
  const from = type.print(span.from, numeric)
  if (span.from === span.to) return from
  if (type.prefixes) {
    const length = prefixLength(span, type.bits)
    if (length !== undefined) return `${from}/${length}`
  }
  return `${from}-${type.print(span.to, numeric)}`
}

/** Flags of a comparison: "invalid | new", from the lowest bit. */
export function printFlags(span: Span, type: DataType, numeric = false): string {
  // of TCP's, several are a number
  if (type.name === 'tcp_flag' && ((span.from as number) & ((span.from as number) - 1)) !== 0) return `0x${span.from.toString(16)}`
  const bits: string[] = []
  for (let bit = 1; bit <= (span.from as number); bit *= 2) if (((span.from as number) & bit) !== 0) bits.push(type.print(bit, numeric))
  return bits.join(' | ')
}

export interface ReadSpan { span: Span; at: Location; form: 'value' | 'range' | 'prefix' | 'flags' }

/** Words of the grammar that can be no value of anything. */
const NO_VALUES: ReadonlySet<string> = new Set(['accept', 'drop', 'return', 'continue', 'jump', 'goto', 'counter', 'log', 'limit', 'reject'])

/** A single value. */
export function readValue(cursor: Cursor, type: DataType): { value: Value; at: Location } {
  const token = cursor.token
  if (!['word', 'number', 'address', 'quoted', 'time'].includes(token.kind) || (token.kind === 'word' && NO_VALUES.has(token.text))) throw cursor.unexpected()
  cursor.take()
  try {
    return { value: type.parse(token.text), at: token.at }
  } catch (error) {
    throw new NftError((error as Error).message, token.at)
  }
}

/** A value, range or prefix; with `list`, flags with commas between them. */
export function readSpan(cursor: Cursor, type: DataType, list = false): ReadSpan {
  const start = cursor.token.at
  const { value } = readValue(cursor, type)
  if (cursor.is('/') && type.prefixes) {
    cursor.take()
    const { value: length } = cursor.number()
    const at = cursor.since(start)
    if (length > type.bits) throw new NftError(`Prefix length ${length} is invalid for type of ${type.bits} bits width`, at)
    return { span: prefixSpan(value, length, type.bits), at, form: length === type.bits ? 'value' : 'prefix' }
  }
  if (cursor.is('-')) {
    cursor.take()
    const to = readValue(cursor, type).value
    const at = cursor.since(start)
    if (to < value) throw new NftError('Range has zero or negative size', at)
    return { span: { from: value, to }, at, form: value === to ? 'value' : 'range' }
  }
  if (list && type.flags && cursor.is(',')) {
    let bits = value as number
    while (cursor.skip(',')) bits |= readValue(cursor, type).value as number
    return { span: { from: bits, to: bits }, at: cursor.since(start), form: 'flags' }
  }
  return { span: { from: value, to: value }, at: start, form: 'value' }
}

/** "(fin|syn|rst)" or a single value. */
export function readMask(cursor: Cursor, type: DataType): Value {
  const open = cursor.skip('(')
  let bits = readValue(cursor, type).value
  while (cursor.is('|') || (open && cursor.is('or')) || (!open && type.flags && cursor.is(','))) {
    cursor.take()
    bits = ((bits as number) | (readValue(cursor, type).value as number)) >>> 0
  }
  if (open) cursor.expect(')')
  return bits
}
