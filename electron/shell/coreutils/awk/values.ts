import { Failure } from '../command.ts'
import { formatFloat, formatPrintf } from '../../language/printf.ts'

/** A string that came from input: it compares as a number when it looks like one (POSIX "strnum"). */
export class Input {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Value = number | string | Input | undefined

export function toNumber(value: Value): number {
  if (typeof value === 'number') return value
  const text = value === undefined ? '' : typeof value === 'string' ? value : value.text
  const match = /^\s*[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?)/.exec(text)
  return match ? Number(match[0]) : 0
}

export function toText(value: Value, format = '%.6g'): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value !== 'number') return value.text
  // mawk 1.3.4 prints as integers those that fit an int of C.
  if (Number.isInteger(value) && Math.abs(value) <= 0x7fffffff) return String(value === 0 ? 0 : value)
  if (Number.isNaN(value)) return 'nan'
  const match = /^%([-+ 0#]*)\d*(?:\.(\d+))?([eEfFgG])$/.exec(format)
  return match ? formatFloat(match[3]!, match[1]!, Number(match[2] ?? 6), value) : sprintf(format, [value])
}

function looksNumeric(value: Value): boolean {
  if (typeof value === 'number' || value === undefined) return true
  return value instanceof Input && /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(value.text)
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'number') return value !== 0
  if (value === undefined) return false
  if (value instanceof Input) return looksNumeric(value) ? toNumber(value) !== 0 : value.text !== ''
  return value !== ''
}

/** Numbers when both look like numbers, else text. */
export function compareValues(a: Value, b: Value): number {
  if (looksNumeric(a) && looksNumeric(b)) {
    const [x, y] = [toNumber(a), toNumber(b)]
    return x < y ? -1 : x > y ? 1 : 0
  }
  const [x, y] = [toText(a), toText(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** `where`: who asks; `before` is told what was made when arguments are missing, for printf has written that already. */
export function sprintf(format: string, args: readonly Value[], where?: { name: string; place(): string; before?: (text: string) => void }): string {
  let next = 0
  return format.replace(/%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]*([a-zA-Z%])/g, (whole, flags: string, width: string | undefined, precision: string | undefined, kind: string, offset: number) => {
    if (kind === '%') return '%'
    const w = width === '*' ? String(Math.trunc(toNumber(args[next++]))) : (width ?? '')
    const p = precision === '*' ? String(Math.trunc(toNumber(args[next++]))) : precision
    const spec = `%${flags}${w}${p === undefined ? '' : '.' + p}`
    if (next >= args.length) where?.before?.(sprintf(format.slice(0, offset), args))
    if (next >= args.length) throw new Failure(`run time error: not enough arguments passed to ${where?.name ?? 'printf'}("${format}")\n\t${where?.place() ?? ''}`, 2)
    const arg = args[next++]
    if (kind === 's') return formatPrintf(spec + 's', [toText(arg)], () => '').text
    if (kind === 'c') return formatPrintf(spec + 'c', [typeof arg === 'number' ? String.fromCodePoint(Math.max(0, Math.trunc(arg)) % 0x110000) : toText(arg).slice(0, 1)], () => '').text
    if ('dioxXu'.includes(kind)) {
      const number = toNumber(arg)
      return formatPrintf(spec + kind, [Number.isFinite(number) ? BigInt(Math.trunc(number)).toString() : '0'], () => '').text
    }
    if ('eEfFgG'.includes(kind)) return formatPrintf(spec + kind, [String(toNumber(arg))], () => '').text
    return whole
  })
}
