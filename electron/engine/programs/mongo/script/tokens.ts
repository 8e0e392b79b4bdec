/** JavaScript's tokens, as far as people type them at a mongosh prompt. */
export type Token =
  | { kind: 'number' | 'string' | 'name' | 'punctuator'; text: string; at: number; value?: number | bigint | string; newline: boolean }
  | { kind: 'regex'; text: string; at: number; source: string; flags: string; newline: boolean }
  | { kind: 'template'; text: string; at: number; parts: string[]; expressions: { text: string; at: number }[]; newline: boolean }
  | { kind: 'end'; text: string; at: number; newline: boolean }

/** A mistake, and where; `open` when more input may mend it. */
export class ScriptSyntaxError extends Error {
  readonly at: number
  readonly open: boolean

  constructor(message: string, at: number, open = false) {
    super(message)
    this.at = at
    this.open = open
  }
}

const PUNCTUATORS = ['>>>=', '...', '===', '!==', '**=', '<<=', '>>=', '&&=', '||=', '??=', '=>', '==', '!=', '<=', '>=', '&&', '||', '??', '?.', '++', '--', '+=', '-=', '*=', '/=', '%=', '**', '{', '}', '(', ')', '[', ']', ';', ',', '<', '>', '+', '-', '*', '/', '%', '!', '?', ':', '=', '.', '&', '|', '^', '~']
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0' }

export function tokenize(text: string, base = 0): Token[] {
  const out: Token[] = []
  let at = 0
  let newline = false
  const add = (token: { kind: Token['kind'] } & Record<string, unknown>, start: number): void => {
    out.push({ ...token, text: text.slice(start, at), at: base + start, newline } as Token)
    newline = false
  }
  while (at < text.length) {
    const rest = text.slice(at, at + 4)
    const c = rest[0]!
    if (/\s/.test(c)) {
      newline ||= c === '\n'
      at++
    } else if (rest.startsWith('//')) {
      while (at < text.length && text[at] !== '\n') at++
    } else if (rest.startsWith('/*')) {
      const end = text.indexOf('*/', at + 2)
      if (end < 0) throw new ScriptSyntaxError('Unterminated comment.', base + at, true)
      at = end + 2
    } else if (c === '"' || c === "'") {
      const start = at
      const value = quoted(text, at, c, base)
      at = value.end
      add({ kind: 'string', value: value.text }, start)
    } else if (c === '`') {
      const start = at
      const read = template(text, at, base)
      at = read.end
      add({ kind: 'template', parts: read.parts, expressions: read.expressions }, start)
    } else if (/[0-9]/.test(c) || (c === '.' && /[0-9]/.test(rest[1] ?? ''))) {
      const start = at
      const match = /^(0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(n)?/i.exec(text.slice(at))!
      at += match[0].length
      add({ kind: 'number', value: match[2] ? BigInt(match[1]!) : Number(match[1]) }, start)
    } else if (/[\p{L}_$]/u.test(c)) {
      const start = at
      while (at < text.length && /[\p{L}\p{N}_$]/u.test(text[at]!)) at++
      add({ kind: 'name' }, start)
    } else if (c === '/' && startsValue(out.at(-1))) {
      const start = at
      const match = /^\/((?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([a-z]*)/.exec(text.slice(at))
      if (!match) throw new ScriptSyntaxError('Unterminated regular expression.', base + at, true)
      at += match[0].length
      add({ kind: 'regex', source: match[1], flags: match[2] }, start)
    } else {
      const found = PUNCTUATORS.find((p) => text.startsWith(p, at))
      if (found === undefined) throw new ScriptSyntaxError(`Unexpected character '${c}'.`, base + at)
      const start = at
      at += found.length
      add({ kind: 'punctuator' }, start)
    }
  }
  out.push({ kind: 'end', text: '', at: base + text.length, newline })
  return out
}

/** Whether a slash after this token begins a regular expression. */
function startsValue(last: Token | undefined): boolean {
  if (!last) return true
  if (last.kind === 'punctuator') return ![')', ']', '}'].includes(last.text)
  return last.kind === 'name' && ['return', 'typeof', 'in', 'of'].includes(last.text)
}

function quoted(text: string, start: number, end: string, base: number): { text: string; end: number } {
  let out = ''
  for (let at = start + 1; at < text.length; at++) {
    const c = text[at]!
    if (c === end) return { text: out, end: at + 1 }
    if (c === '\n') break
    if (c !== '\\') out += c
    else {
      const read = escaped(text, at)
      out += read.text
      at = read.end - 1
    }
  }
  throw new ScriptSyntaxError('Unterminated string constant.', base + start)
}

function escaped(text: string, at: number): { text: string; end: number } {
  const code = /^\\(?:u\{([0-9a-f]+)\}|u([0-9a-f]{4})|x([0-9a-f]{2}))/i.exec(text.slice(at, at + 12))
  if (code) return { text: String.fromCodePoint(Math.min(parseInt(code[1] ?? code[2] ?? code[3]!, 16), 0x10ffff)), end: at + code[0].length }
  const c = text[at + 1] ?? ''
  return { text: c === '\n' ? '' : (ESCAPES[c] ?? c), end: at + 2 }
}

function template(text: string, start: number, base: number): { parts: string[]; expressions: { text: string; at: number }[]; end: number } {
  const parts = ['']
  const expressions: { text: string; at: number }[] = []
  for (let at = start + 1; at < text.length; at++) {
    const c = text[at]!
    if (c === '`') return { parts, expressions, end: at + 1 }
    if (c === '\\') {
      const read = escaped(text, at)
      parts[parts.length - 1] += read.text
      at = read.end - 1
    } else if (c === '$' && text[at + 1] === '{') {
      let depth = 1
      let end = at + 2
      for (; end < text.length && depth > 0; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0
      expressions.push({ text: text.slice(at + 2, end - 1), at: base + at + 2 })
      parts.push('')
      at = end - 1
    } else parts[parts.length - 1] += c
  }
  throw new ScriptSyntaxError('Unterminated template.', base + start, true)
}
