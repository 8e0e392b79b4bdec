import { isObject } from './objects.ts'
import { readsAsOther } from './yaml-scalars.ts'

/**
 * YAML as sigs.k8s.io/yaml writes it (the go-yaml v2 emitter): keys in natural order, two spaces, lists at their key's
 * column, strings quoted only where YAML 1.1 would read something else, long plain text folded after column 80.
 */
const WIDTH = 80

export function toYaml(value: unknown): string {
  const out: string[] = []
  if (isObject(value) && Object.keys(value).length > 0) writeMap(out, value, 0)
  else if (Array.isArray(value) && value.length > 0) writeList(out, value, 0)
  else out.push(`${inline(value)}\n`)
  return out.join('')
}

function inline(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return '[]'
  if (isObject(value)) return '{}'
  if (typeof value === 'number') return yamlNumber(value)
  return String(value)
}

/** strconv.FormatFloat(n, 'g', -1, 64) for what is no integer. */
function yamlNumber(n: number): string {
  if (Number.isInteger(n) && Math.abs(n) < 1e19) return Math.abs(n) < 1e21 ? BigInt(n).toString() : String(n)
  const [digits, power] = n.toExponential().split('e') as [string, string]
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 21) return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  return String(n)
}

function writeMap(out: string[], object: Record<string, unknown>, indent: number): void {
  const keys = Object.keys(object).filter((k) => object[k] !== undefined).sort(naturally)
  keys.forEach((key, i) => {
    if (i > 0 || indent >= 0) out.push(i > 0 || out.length === 0 || out[out.length - 1]!.endsWith('\n') ? ' '.repeat(indent) : '')
    const shown = scalar(key, indent, 0, true)
    out.push(`${shown}:`)
    writeValue(out, object[key], indent, indent + shown.length + 1)
  })
}

function writeValue(out: string[], value: unknown, indent: number, column: number): void {
  if (isObject(value) && Object.values(value).some((v) => v !== undefined)) {
    out.push('\n')
    writeMap(out, value, indent + 2)
  } else if (Array.isArray(value) && value.length > 0) {
    out.push('\n')
    writeList(out, value, indent)
  } else out.push(` ${typeof value === 'string' ? scalar(value, indent + 2, column + 1, false) : inline(value)}\n`)
}

function writeList(out: string[], items: readonly unknown[], indent: number): void {
  items.forEach((item, i) => {
    const fresh = i > 0 || out.length === 0 || out[out.length - 1]!.endsWith('\n')
    out.push(`${fresh ? ' '.repeat(indent) : ''}- `)
    if (isObject(item) && Object.values(item).some((v) => v !== undefined)) writeMap(out, item, indent + 2)
    else if (Array.isArray(item) && item.length > 0) writeList(out, item, indent + 2)
    else out.push(`${typeof item === 'string' ? scalar(item, indent + 2, indent + 2, false) : inline(item)}\n`)
  })
}

/** go-yaml's order of keys: runs of digits by their number, letters after other characters. */
function naturally(a: string, b: string): number {
  const x = [...a]
  const y = [...b]
  const letter = /\p{L}/u
  const digit = /\p{Nd}/u
  for (let i = 0; i < x.length && i < y.length; i++) {
    const p = x[i]!
    const q = y[i]!
    if (p === q) continue
    const pl = letter.test(p)
    const ql = letter.test(q)
    if (pl && ql) return p < q ? -1 : 1
    if (pl || ql) return ql ? -1 : 1
    let an = 0
    let bn = 0
    if (p === '0' || q === '0') {
      for (let j = i - 1; j >= 0 && digit.test(x[j]!); j--) {
        if (x[j] !== '0') {
          an = bn = 1
          break
        }
      }
    }
    let ai = i
    let bi = i
    for (; ai < x.length && digit.test(x[ai]!); ai++) an = an * 10 + Number(x[ai])
    for (; bi < y.length && digit.test(y[bi]!); bi++) bn = bn * 10 + Number(y[bi])
    if (an !== bn) return an - bn
    if (ai !== bi) return ai - bi
    return p < q ? -1 : 1
  }
  return x.length - y.length
}

/** Printable for libyaml; what is not is escaped in double quotes. */
function printable(c: number): boolean {
  return c === 0x0a || (c >= 0x20 && c <= 0x7e) || c === 0x85 || (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd && c !== 0xfeff)
}

interface Analysis { plain: boolean; single: boolean; block: boolean; multiline: boolean }

/** yaml_emitter_analyze_scalar: which styles can carry this text. */
function analyse(text: string): Analysis {
  const chars = [...text]
  if (chars.length === 0) return { plain: false, single: true, block: false, multiline: false }
  let indicators = text.startsWith('---') || text.startsWith('...')
  let special = false
  let breaks = false
  let leadingSpace = false
  let trailingSpace = false
  let leadingBreak = false
  let trailingBreak = false
  let breakSpace = false
  let spaceBreak = false
  let previousSpace = false
  let previousBreak = false
  let before = true
  chars.forEach((c, i) => {
    const last = i === chars.length - 1
    const next = chars[i + 1]
    const followed = next === undefined || next === ' ' || next === '\t' || next === '\n'
    if (i === 0) {
      if (/^[#,[\]{}&*!|>'"%@`]$/.test(c)) indicators = true
      else if ((c === '?' || c === ':' || c === '-') && followed) indicators = true
    } else if (c === ':' && followed) indicators = true
    else if (c === '#' && before) indicators = true
    if (!printable(c.codePointAt(0)!) || c.codePointAt(0)! > 0xffff) special = true
    const isBreak = c === '\n' || c === '\u0085' || c === '\u2028' || c === '\u2029'
    if (isBreak) breaks = true
    if (c === ' ') {
      if (i === 0) leadingSpace = true
      if (last) trailingSpace = true
      if (previousBreak) breakSpace = true
      previousSpace = true
      previousBreak = false
    } else if (isBreak) {
      if (i === 0) leadingBreak = true
      if (last) trailingBreak = true
      if (previousSpace) spaceBreak = true
      previousSpace = false
      previousBreak = true
    } else {
      previousSpace = false
      previousBreak = false
    }
    before = c === ' ' || c === '\t' || isBreak
  })
  const out = { plain: true, single: true, block: true, multiline: breaks }
  if (leadingSpace || leadingBreak || trailingSpace || trailingBreak) out.plain = false
  if (trailingSpace) out.block = false
  if (breakSpace) out.plain = out.single = false
  if (spaceBreak || special) out.plain = out.single = out.block = false
  if (breaks) out.plain = false
  if (indicators) out.plain = false
  return out
}

function scalar(text: string, indent: number, column: number, key: boolean): string {
  const can = analyse(text)
  const quoted = readsAsOther(text)
  if (text.includes('\n') && !key && can.block) return literal(text, indent)
  if (text.includes('\n') && !key) return doubleQuoted(text, indent, column, key)
  if (quoted || text === '') return doubleQuoted(text, indent, column, key)
  if (can.plain && !(key && can.multiline)) return key ? text : folded(text, indent, column)
  if (can.single && !(key && can.multiline)) return `'${folded(text.replaceAll("'", "''"), indent, column + 1, key)}'`
  return doubleQuoted(text, indent, column, key)
}

/** Breaks at single spaces once the line is longer than the width. */
function folded(text: string, indent: number, column: number, key = false): string {
  if (key) return text
  let out = ''
  let at = column
  let space = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === ' ') {
      if (!space && at > WIDTH && i > 0 && i < text.length - 1 && text[i + 1] !== ' ') {
        out += `\n${' '.repeat(indent)}`
        at = indent
      } else {
        out += c
        at++
      }
      space = true
    } else {
      out += c
      if (c < '\udc00' || c > '\udfff') at++
      space = false
    }
  }
  return out
}

const ESCAPES: Record<string, string> = {
  '\0': '\\0', '\x07': '\\a', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\v': '\\v', '\f': '\\f', '\r': '\\r', '\x1b': '\\e', '"': '\\"', '\\': '\\\\',
  '\u0085': '\\N', '\u2028': '\\L', '\u2029': '\\P',
}

function doubleQuoted(text: string, indent: number, column: number, key: boolean): string {
  let out = '"'
  let at = column + 1
  let space = false
  const chars = [...text]
  chars.forEach((c, i) => {
    const code = c.codePointAt(0)!
    const escape = ESCAPES[c] ?? (printable(code) && code <= 0xffff ? undefined : code <= 0xff ? `\\x${hex(code, 2)}` : code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`)
    if (escape !== undefined) {
      out += escape
      at += escape.length
      space = false
    } else if (c === ' ') {
      if (!key && !space && at > WIDTH && i > 0 && i < chars.length - 1) {
        out += `\n${' '.repeat(indent)}`
        at = indent
        if (chars[i + 1] === ' ') {
          out += '\\'
          at++
        }
      } else {
        out += c
        at++
      }
      space = true
    } else {
      out += c
      at++
      space = false
    }
  })
  return `${out}"`
}

function hex(code: number, width: number): string {
  return code.toString(16).toUpperCase().padStart(width, '0')
}

/** A block with "|": its indentation is said when the text begins with a blank. */
function literal(text: string, indent: number): string {
  const hint = text.startsWith(' ') || text.startsWith('\n') ? '2' : ''
  const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : ''
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
  return `|${hint}${chomp}\n${lines.map((line) => (line === '' ? '' : ' '.repeat(indent) + line)).join('\n')}`
}
