import { readEscape } from './escapes.ts'
import { quoteWithBackslashes } from './quote.ts'

export interface PrintfResult {
  text: string
  /** Complaints without the program's name. */
  errors: string[]
}

const WIDEST = 50_000_000

/** printf(1): the format is used again while arguments are left. `date` formats %(…)T, `quote` %q: bash's own unless said otherwise. */
export function formatPrintf(format: string, args: readonly string[], date: (seconds: number | undefined, format: string) => string, quote = quoteWithBackslashes): PrintfResult {
  const errors: string[] = []
  let text = ''
  let next = 0
  let stopped = false
  const take = (): string | undefined => args[next++]
  const round = (): number => {
    let used = 0
    for (let i = 0; i < format.length && !stopped; ) {
      const c = format[i]!
      if (c === '\\') {
        const escape = readEscape(format, i + 1, 'format')
        if (format[i + 1] === 'c') {
          stopped = true
          return used
        }
        text += escape.text
        i = escape.end
        continue
      }
      if (c !== '%') {
        text += c
        i++
        continue
      }
      if (format[i + 1] === '%') {
        text += '%'
        i += 2
        continue
      }
      const spec = /^%([-+ 0#']*)(\*|\d+)?(?:\.(\*|-?\d*))?(?:[hlLjzt]*)(\([^)]*\)T|[a-zA-Z])?/.exec(format.slice(i))!
      i += spec[0].length
      const kind = spec[4]
      if (kind === undefined || !/^(\(|[diouxXcsbqQeEfFgGaA])/.test(kind)) {
        errors.push(kind === undefined && i >= format.length ? `\`${format[i - 1]}': missing format character` : `\`${kind ?? format[i] ?? ''}': invalid format character`)
        stopped = true
        return used
      }
      let flags = spec[1]!
      let width = spec[2] === '*' ? Number(take() ?? 0) : Number(spec[2] ?? 0)
      if (width < 0) {
        flags += '-'
        width = -width
      }
      const precision = spec[3] === undefined ? undefined : spec[3] === '*' ? Number(take() ?? 0) : Number(spec[3] || 0)
      used++
      text += convert(kind, flags, width, precision !== undefined && precision < 0 ? undefined : precision, take())
    }
    return used
  }
  const pad = (body: string, flags: string, width: number, zero = false): string => {
    if (width > WIDEST) {
      errors.push('write error: Cannot allocate memory')
      stopped = true
      return ''
    }
    if (flags.includes('-')) return body.padEnd(width)
    if (zero && flags.includes('0')) {
      const sign = /^[-+ ]?(0[xX])?/.exec(body)![0]
      return sign + body.slice(sign.length).padStart(width - sign.length, '0')
    }
    return body.padStart(width)
  }
  const convert = (kind: string, flags: string, width: number, precision: number | undefined, arg: string | undefined): string => {
    if (kind.startsWith('(')) {
      const seconds = arg === undefined || arg === '-1' || arg === '-2' ? undefined : Number(arg)
      return pad(date(seconds, kind.slice(1, -2) || '%X'), flags, width)
    }
    switch (kind) {
      case 's':
        return pad(precision === undefined ? (arg ?? '') : [...(arg ?? '')].slice(0, precision).join(''), flags, width)
      case 'c':
        return pad([...(arg ?? '')][0] ?? '', flags, width)
      case 'Q':
      case 'q':
        return pad(quote(arg ?? ''), flags, width)
      case 'b': {
        const expanded = expandEchoEscapes(arg ?? '', true)
        if (expanded.stop) stopped = true
        return pad(expanded.text, flags, width)
      }
      case 'e': case 'E': case 'f': case 'F': case 'g': case 'G': case 'a': case 'A':
        return pad(formatFloat(kind, flags, precision ?? 6, floating(arg)), flags, width, true)
      default:
        return integer(kind, flags, width, precision, arg)
    }
  }
  const floating = (arg: string | undefined): number => {
    if (arg === undefined || arg === '') return 0
    if (/^['"]/.test(arg)) return arg.codePointAt(1) ?? 0
    const value = Number(arg)
    if (!Number.isNaN(value) && arg.trim() !== '') return value
    errors.push(`${arg}: invalid number`)
    return Number.parseFloat(arg) || 0
  }
  const integer = (kind: string, flags: string, width: number, precision: number | undefined, arg: string | undefined): string => {
    let value = 0n
    if (arg !== undefined && arg !== '') {
      const number = /^\s*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(arg)
      if (/^['"]/.test(arg)) value = BigInt(arg.codePointAt(1) ?? 0)
      else if (!number) errors.push(`${arg}: invalid number`)
      else {
        const digits = number[2]!
        value = BigInt(/^0[0-7]+$/.test(digits) ? '0o' + digits.slice(1) : digits)
        if (number[1] === '-') value = -value
        const [least, most] = 'ouxX'.includes(kind) ? [-(2n ** 64n) + 1n, 2n ** 64n - 1n] : [-(2n ** 63n), 2n ** 63n - 1n]
        if (value > most || value < least) {
          errors.push(`warning: ${arg}: Numerical result out of range`)
          value = value > most ? most : least
        }
        if (number[0].length < arg.length) errors.push(`${arg}: invalid ${/^\d/.test(arg) && !/^0x/i.test(arg) && /[.]/.test(arg) ? 'number' : 'number'}`)
      }
    }
    const unsigned = 'ouxX'.includes(kind)
    if (unsigned) value = BigInt.asUintN(64, value)
    const negative = value < 0n
    const magnitude = negative ? -value : value
    let digits = magnitude.toString(kind === 'o' ? 8 : kind === 'x' || kind === 'X' ? 16 : 10)
    if (precision !== undefined) digits = digits.padStart(precision, '0')
    if (precision === 0 && value === 0n) digits = ''
    if (flags.includes('#') && value !== 0n) digits = (kind === 'o' ? '0' : kind === 'x' || kind === 'X' ? '0x' : '') + digits
    if (kind === 'X') digits = digits.toUpperCase()
    const sign = negative ? '-' : unsigned ? '' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
    return pad(sign + digits, flags, width, precision === undefined)
  }
  do {
    const used = round()
    if (used === 0) break
  } while (next < args.length && !stopped)
  return { text, errors }
}

/** echo -e; `octal` also takes \\nnn (printf %b). */
export function expandEchoEscapes(text: string, octal = false): { text: string; stop: boolean } {
  let out = ''
  for (let i = 0; i < text.length; ) {
    if (text[i] !== '\\') {
      out += text[i++]
      continue
    }
    const escape = readEscape(text, i + 1, octal && /[1-7]/.test(text[i + 1] ?? '') ? 'format' : 'echo')
    if (escape.stop) return { text: out, stop: true }
    out += escape.text
    i = escape.end
  }
  return { text: out, stop: false }
}

/** %e, %f, %g as C has them; awk uses it too. */
export function formatFloat(kind: string, flags: string, precision: number, value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  const size = Math.abs(value)
  const upper = kind === kind.toUpperCase()
  let body: string
  if (kind === 'a' || kind === 'A') body = Number.isFinite(size) ? hexadecimal(size) : String(size).slice(0, 3).toLowerCase()
  else if (!Number.isFinite(size)) body = Number.isNaN(size) ? 'nan' : 'inf'
  else if (kind === 'f' || kind === 'F') body = size < 1e21 ? size.toFixed(precision) : BigInt(size).toString() + (precision > 0 ? '.' + '0'.repeat(precision) : '')
  else if (kind === 'e' || kind === 'E') body = exponent(size.toExponential(precision))
  else {
    const significant = precision === 0 ? 1 : precision
    const power = size === 0 ? 0 : Number(size.toExponential(significant - 1).split('e')[1])
    if (power < -4 || power >= significant) {
      const [mantissa, e] = size.toExponential(significant - 1).split('e') as [string, string]
      body = exponent(`${flags.includes('#') ? mantissa : trimZeros(mantissa)}e${e}`)
    } else {
      const fixed = size.toFixed(Math.max(0, significant - 1 - power))
      body = flags.includes('#') ? fixed : trimZeros(fixed)
    }
  }
  return sign + (upper ? body.toUpperCase() : body)
}

/** %a of an x87 long double, as glibc writes it: the first digit is 8 to f. */
function hexadecimal(size: number): string {
  if (size === 0) return '0x0p+0'
  const power = Math.floor(Math.log2(size))
  let rest = size / 2 ** (power - 3)
  let digits = ''
  const first = Math.floor(rest).toString(16)
  for (rest -= Math.floor(rest); rest > 0; rest -= Math.floor(rest)) {
    rest *= 16
    digits += Math.floor(rest).toString(16)
  }
  return `0x${first}${digits === '' ? '' : '.' + digits}p${power - 3 < 0 ? '-' : '+'}${Math.abs(power - 3)}`
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}
