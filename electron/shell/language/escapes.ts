import { byName } from '../../engine/own.ts'

/** Backslash escapes of $'…', echo -e, printf. */
const SIMPLE: Readonly<Record<string, string>> = byName({
  a: '\x07', b: '\b', e: '\x1b', E: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"', '?': '?',
})

/** The text of $'…' whose body starts at `from`, and the position after the closing quote (-1: there is none). */
export function ansiQuoted(source: string, from: number): { text: string; end: number } {
  let text = ''
  let i = from
  while (i < source.length) {
    const c = source[i]!
    if (c === "'") return { text, end: i + 1 }
    if (c !== '\\') {
      text += c
      i++
      continue
    }
    const escape = readEscape(source, i + 1, 'ansi')
    text += escape.text
    i = escape.end
  }
  return { text, end: -1 }
}

/**
 * One escape whose letter is at `at`. `echo` knows \0nnn and \c, `format` (printf) \nnn; unknown ones stay as they are.
 */
export function readEscape(source: string, at: number, style: 'ansi' | 'echo' | 'format'): { text: string; end: number; stop?: boolean } {
  const c = source[at]
  if (c === undefined) return { text: '\\', end: at }
  if (style === 'echo' && c === 'c') return { text: '', end: at + 1, stop: true }
  if (style === 'ansi' && c === 'c' && source[at + 1] !== undefined) return { text: String.fromCharCode(source.charCodeAt(at + 1) & 31), end: at + 2 }
  const octal = style === 'echo' ? /^0[0-7]{0,3}/ : /^[0-7]{1,3}/
  const digits = octal.exec(source.slice(at, at + 4))
  if (digits) return { text: String.fromCharCode(parseInt(digits[0], 8) & 255), end: at + digits[0].length }
  const hex = /^(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8})/.exec(source.slice(at, at + 9))
  if (hex) {
    const code = parseInt(hex[0].slice(1), 16)
    return { text: code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd', end: at + hex[0].length }
  }
  if (c in SIMPLE && !(style !== 'ansi' && c === "'" ) && !(style === 'echo' && (c === '"' || c === '?'))) return { text: SIMPLE[c]!, end: at + 1 }
  return { text: '\\' + c, end: at + 1 }
}
