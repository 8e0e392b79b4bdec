/** Key sequences as an inputrc writes them and as a terminal sends them (readline(3), "Readline Key Bindings"). */

/**
 * Where the bytes 128 to 255 are kept that \M- names: a terminal with UTF-8 never sends them alone, so nothing that
 * is typed is one of them.
 */
const META = 0xf700

const LETTERS: Readonly<Record<string, string>> = { a: '\x07', b: '\b', d: '\x7f', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

const control = (char: string): string => (char === '?' ? '\x7f' : String.fromCharCode(char.toUpperCase().charCodeAt(0) & 0x1f))
const meta = (char: string): string => String.fromCharCode(META + (char.charCodeAt(0) | 0x80))

/** What `\C-x\e[A` stands for. */
export function parseSequence(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\' || i + 1 >= text.length) {
      out += text[i]
      continue
    }
    let modifiers = ''
    while (/^\\[CM]-/.test(text.slice(i, i + 3))) {
      modifiers += text[i + 1]
      i += 3
    }
    let char: string
    if (modifiers === '' || text[i] === '\\') {
      const rest = text.slice(i + 1)
      const number = /^([0-7]{1,3})|^x([0-9a-fA-F]{1,2})/.exec(rest)
      if (number) char = String.fromCharCode(number[1] === undefined ? Number.parseInt(number[2]!, 16) : Number.parseInt(number[1], 8) & 255)
      else char = rest[0] === 'e' ? '\x1b' : LETTERS[rest[0] ?? ''] ?? rest[0] ?? '\\'
      i += number ? number[0].length : 1
    } else char = text[i] ?? ''
    if (char === '') continue
    if (modifiers.includes('C')) char = control(char)
    out += modifiers.includes('M') ? meta(char) : char
  }
  return out
}

/** A sequence as `bind -p` shows it, without its quotes. */
export function showSequence(sequence: string): string {
  let out = ''
  for (const char of sequence) {
    const code = char.charCodeAt(0)
    if (char === '\x1b') out += '\\e'
    else if (char === '\x7f') out += '\\C-?'
    else if (code < 0x20) out += `\\C-${String.fromCharCode(code + 64).toLowerCase()}`
    else if (code >= META && code < META + 256) out += `\\${(code - META).toString(8)}`
    else out += char === '"' || char === '\\' ? `\\${char}` : char
  }
  return out
}

const NAMED: Readonly<Record<string, string>> = { del: '\x7f', rubout: '\x7f', esc: '\x1b', escape: '\x1b', lfd: '\n', newline: '\n', ret: '\r', return: '\r', spc: ' ', space: ' ', tab: '\t' }

/** A key by its name: Control-k, Meta-x, C-M-x, RET, Rubout. */
export function parseKeyName(text: string): string {
  const last = /(?:^|-)([^-]+|-)$/.exec(text)?.[1] ?? ''
  const found = Object.hasOwn(NAMED, last.toLowerCase()) ? NAMED[last.toLowerCase()]! : last[0] ?? ''
  if (found === '') return ''
  const before = text.slice(0, text.length - last.length)
  const char = /(^|-)(control-|c-|ctrl-)/i.test(before) ? control(found) : found
  return /(^|-)(meta-|m-)/i.test(before) ? meta(char) : char
}
