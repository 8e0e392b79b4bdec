import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { own } from '../../../engine/own.ts'
import { decodeUtf8, encodeUtf8 } from '../../../engine/text.ts'
import { quote } from '../errors.ts'
import { isObject } from '../objects.ts'
import { GoFloat, GoInt } from './go-template-parser.ts'

/** The functions of text/template (funcs.go) and kubectl's own two: base64decode and exists. */
interface TemplateFunction {
  least: number
  most?: number
  /** Throws an Error with Go's text. */
  run(args: readonly unknown[]): unknown
}

export const NOT_SIMULATED = ['call', 'html', 'js', 'urlquery', 'slice']

export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (value instanceof GoInt || value instanceof GoFloat) return value.value !== 0
  if (Array.isArray(value)) return value.length > 0
  if (isObject(value)) return Object.keys(value).length > 0
  return value !== '' && value !== 0 && value !== false
}

/** %v */
export function goText(value: unknown): string {
  if (value === undefined || value === null) return '<nil>'
  if (value instanceof GoInt) return String(value.value)
  if (value instanceof GoFloat) return float(value.value)
  if (typeof value === 'number') return Number.isInteger(value) ? String(BigInt(value)) : float(value)
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isObject(value)) return `map[${Object.keys(value).sort().map((key) => `${key}:${goText(value[key])}`).join(' ')}]`
  return String(value)
}

/** %v of a float64: 'g' with as many digits as are needed, which goes over to %e at a million. */
function float(value: number): string {
  const [digits, power] = value.toExponential().split('e') as [string, string]
  const exponent = Number(power)
  return exponent < -4 || exponent >= SCIENTIFIC ? scientific(digits, exponent) : String(value)
}
const SCIENTIFIC = 6

function scientific(digits: string, exponent: number): string {
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

type Basic = 'bool' | 'string' | 'int' | 'float'

export function basic(value: unknown): Basic | undefined {
  if (value instanceof GoInt) return 'int'
  if (value instanceof GoFloat) return 'float'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'string') return 'string'
  return typeof value === 'boolean' ? 'bool' : undefined
}

export const plain = (value: unknown): unknown => (value instanceof GoInt || value instanceof GoFloat ? value.value : value)

function equal(a: unknown, b: unknown): boolean {
  const there = (v: unknown): boolean => v !== undefined && v !== null
  if (basic(a) !== basic(b)) {
    if (there(a) && there(b)) throw new Error('incompatible types for comparison')
    return false
  }
  if (there(a) && there(b) && basic(a) === undefined) throw new Error(`non-comparable type ${goText(a)}: ${typeName(a)}`)
  return there(a) ? plain(a) === plain(b) : !there(b)
}

function less(a: unknown, b: unknown): boolean {
  const [x, y] = [basic(a), basic(b)]
  if (x === undefined || y === undefined) throw new Error('invalid type for comparison')
  if (x !== y) throw new Error('incompatible types for comparison')
  if (x === 'bool') throw new Error('invalid type for comparison')
  return (plain(a) as number) < (plain(b) as number)
}

function typeName(value: unknown): string {
  if (value instanceof GoInt) return 'int'
  if (value instanceof GoFloat) return 'float64'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  if (Array.isArray(value)) return '[]interface {}'
  return isObject(value) ? 'map[string]interface {}' : typeof value === 'boolean' ? 'bool' : typeof value
}

function index([item, ...keys]: readonly unknown[]): unknown {
  let value = item
  if (value === undefined || value === null) throw new Error('index of untyped nil')
  for (const key of keys) {
    if (value === undefined || value === null) throw new Error('index of nil pointer')
    if (Array.isArray(value)) {
      if (key === undefined || key === null) throw new Error('cannot index slice/array with nil')
      if (basic(key) !== 'int') throw new Error(`cannot index slice/array with type ${typeName(key)}`)
      const i = plain(key) as number
      if (i < 0 || i >= value.length) throw new Error(`index out of range: ${i}`)
      value = value[i]
    } else if (isObject(value) && basic(value) === undefined) {
      if (typeof key !== 'string') throw new Error(key === undefined || key === null ? 'value is nil; should be of type string' : `value has type ${typeName(key)}; should be string`)
      value = own(value, key)
    } else throw new Error(`can't index item of type ${typeName(value)}`)
  }
  return value
}

/** fmt.Sprint: spaces between operands of which neither is a string. */
function print(args: readonly unknown[]): string {
  return args.map((arg, i) => (i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string' ? ' ' : '') + goText(arg)).join('')
}

function printf([format, ...args]: readonly unknown[]): string {
  let next = 0
  const text = String(format).replace(/%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g, (_, flags: string, width: string, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%'
    if (next >= args.length) return `%!${verb}(MISSING)`
    const shown = formatted(verb, args[next++], precision)
    const size = Number(width || 0)
    return flags.includes('-') ? shown.padEnd(size) : shown.padStart(size, flags.includes('0') ? '0' : ' ')
  })
  const extra = args.slice(next)
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.map((arg) => (arg === undefined || arg === null ? '<nil>' : `${typeName(arg)}=${goText(arg)}`)).join(', ')})`
}

function formatted(verb: string, value: unknown, precision: string | undefined): string {
  const bad = `%!${verb}(${value === undefined || value === null ? '<nil>' : `${typeName(value)}=${goText(value)}`})`
  switch (verb) {
    case 'v':
      return goText(value)
    case 's':
      if (typeof value === 'string') return precision === undefined ? value : value.slice(0, Number(precision))
      return (isObject(value) && basic(value) === undefined) || Array.isArray(value) ? goText(value) : bad
    case 'q':
      return typeof value === 'string' ? quote(value) : bad
    case 'd':
      return basic(value) === 'int' ? goText(value) : bad
    case 't':
      return typeof value === 'boolean' ? String(value) : bad
    case 'f':
      return basic(value) === 'float' ? (plain(value) as number).toFixed(Number(precision ?? 6)) : bad
    case 'g':
      return basic(value) === 'float' ? goText(value) : bad
    case 'x':
      if (basic(value) === 'int') return (plain(value) as number).toString(16)
      return typeof value === 'string' ? [...encodeUtf8(value)].map((b) => b.toString(16).padStart(2, '0')).join('') : bad
    default:
      return bad
  }
}

function base64decode([value]: readonly unknown[]): string {
  const bytes = decodeBase64(String(value))
  if (typeof bytes === 'number') throw new Error(`base64 decode failed: illegal base64 data at input byte ${bytes}`)
  return decodeUtf8(bytes)
}

function exists([item, ...keys]: readonly unknown[]): boolean {
  try {
    return index([item, ...keys]) !== undefined
  } catch {
    return false
  }
}

function length([value]: readonly unknown[]): GoInt {
  if (typeof value === 'string') return new GoInt(encodeUtf8(value).length)
  if (Array.isArray(value)) return new GoInt(value.length)
  if (isObject(value) && basic(value) === undefined) return new GoInt(Object.keys(value).length)
  throw new Error(value === undefined || value === null ? 'reflect: call of reflect.Value.Type on zero Value' : `len of type ${typeName(value)}`)
}

export const FUNCTIONS: { readonly [name: string]: TemplateFunction } = {
  not: { least: 1, most: 1, run: ([value]) => !isTrue(value) },
  len: { least: 1, most: 1, run: length },
  index: { least: 1, run: index },
  print: { least: 0, run: print },
  println: { least: 0, run: (args) => `${args.map(goText).join(' ')}\n` },
  printf: { least: 1, run: printf },
  eq: { least: 1, run: ([a, ...others]) => {
    if (others.length === 0) throw new Error('missing argument for comparison')
    return others.some((b) => equal(a, b))
  } },
  ne: { least: 2, most: 2, run: ([a, b]) => !equal(a, b) },
  lt: { least: 2, most: 2, run: ([a, b]) => less(a, b) },
  le: { least: 2, most: 2, run: ([a, b]) => less(a, b) || equal(a, b) },
  gt: { least: 2, most: 2, run: ([a, b]) => !less(a, b) && !equal(a, b) },
  ge: { least: 2, most: 2, run: ([a, b]) => !less(a, b) },
  base64decode: { least: 1, most: 1, run: base64decode },
  exists: { least: 1, run: exists },
}
