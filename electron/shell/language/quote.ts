const CONTROL = /[\x00-\x1f\x7f]/

/** Text as bash shows it so that it can be read again: `set -x`, `declare -p`, printf %q, ${x@Q}. */
export function quoteForShell(text: string): string {
  if (CONTROL.test(text)) return ansiQuote(text)
  return `'${text.replace(/'/g, "'\\''")}'`
}

export function singleQuote(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`
}

/** Only where it is needed, as `set -x` does. */
export function quoteIfNeeded(text: string): string {
  if (text === '') return "''"
  if (/[ \t\n'"\\|&;()<>!{}*[\]?^$`]|^#|(^|[:=])~/.test(text)) return singleQuote(text)
  return CONTROL.test(text) ? ansiQuote(text) : text
}

/** printf %q: with backslashes. */
export function quoteWithBackslashes(text: string): string {
  if (text === '') return "''"
  if (/[\x00-\x1f\x7f]/.test(text)) return ansiQuote(text)
  return text.replace(/[^A-Za-z0-9_@%+=:,./~^\-\u0080-\uffff]|^~|\^/g, (c) => '\\' + c).replace(/(?!^)\\,/g, ',')
}

/** declare -p. */
export function doubleQuote(text: string): string {
  if (CONTROL.test(text)) return ansiQuote(text)
  return `"${text.replace(/["\\$`]/g, '\\$&')}"`
}

function ansiQuote(text: string): string {
  const names: Record<string, string> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\x07': '\\a', '\b': '\\b', '\x1b': '\\E', '\f': '\\f', '\v': '\\v', "'": "\\'", '\\': '\\\\' }
  let out = ''
  for (const c of text) {
    const code = c.codePointAt(0)!
    out += names[c] ?? (code < 0x20 || code === 0x7f ? '\\' + code.toString(8).padStart(3, '0') : c)
  }
  return `$'${out}'`
}
