import { readEscape } from '../../language/escapes.ts'

export class AwkSyntaxError extends Error {}

export type Token = { kind: 'number' | 'string' | 'regex' | 'name' | 'function-name' | 'builtin' | 'keyword' | 'operator' | 'newline' | 'end'; text: string; line: number }

const KEYWORDS = new Set(['BEGIN', 'END', 'function', 'func', 'if', 'else', 'while', 'for', 'do', 'break', 'continue', 'next', 'nextfile', 'exit', 'return', 'delete', 'in', 'getline', 'print', 'printf'])
const BUILTINS = new Set(['length', 'substr', 'index', 'split', 'sub', 'gsub', 'match', 'sprintf', 'sin', 'cos', 'atan2', 'exp', 'log', 'sqrt', 'int', 'rand', 'srand', 'tolower', 'toupper', 'system', 'close', 'fflush', 'systime', 'strftime'])
const OPERATORS = ['**=', '&&', '||', '==', '<=', '>=', '!=', '++', '--', '+=', '-=', '*=', '/=', '%=', '^=', '>>', '**', '{', '}', '(', ')', '[', ']', ';', ',', '+', '-', '*', '/', '%', '^', '!', '>', '<', '|', '?', ':', '~', '$', '=']

/** awk's words; "/" begins a regular expression where a value may stand. */
export function tokenize(source: string): Token[] {
  const out: Token[] = []
  let line = 1
  let i = 0
  const push = (kind: Token['kind'], text: string): void => {
    out.push({ kind, text, line })
  }
  while (i < source.length) {
    const c = source[i]!
    if (c === '\n') {
      push('newline', '\n')
      line++
      i++
    } else if (c === ' ' || c === '\t' || c === '\r') i++
    else if (c === '\\' && source[i + 1] === '\n') {
      line++
      i += 2
    } else if (c === '#') while (i < source.length && source[i] !== '\n') i++
    else if (c === '"') {
      let text = ''
      i++
      while (source[i] !== '"') {
        if (i >= source.length || source[i] === '\n') throw new AwkSyntaxError(`line ${line}: runaway string constant "${text}`)
        if (source[i] === '\\') {
          if (source[i + 1] === '/') {
            text += '/'
            i += 2
            continue
          }
          const escape = readEscape(source, i + 1, 'format')
          text += escape.text
          i = escape.end
        } else text += source[i++]
      }
      i++
      push('string', text)
    } else if (/[0-9.]/.test(c) && /^(\d+\.?\d*|\.\d+)/.test(source.slice(i))) {
      const text = /^(0[xX][0-9a-fA-F]+|(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)/.exec(source.slice(i))![0]
      push('number', text)
      i += text.length
    } else if (/[A-Za-z_]/.test(c)) {
      const text = /^\w+/.exec(source.slice(i))![0]
      i += text.length
      push(KEYWORDS.has(text) ? 'keyword' : BUILTINS.has(text) ? 'builtin' : source[i] === '(' ? 'function-name' : 'name', text)
    } else if (c === '/' && regexMayStart(out.at(-1))) {
      let text = ''
      let bracket = false
      i++
      while (source[i] !== '/' || bracket) {
        if (i >= source.length || source[i] === '\n') throw new AwkSyntaxError(`line ${line}: runaway regular expression /${text}`)
        if (source[i] === '\\') text += source[i + 1] === '/' ? ((i += 2), '/') : source[i++]! + source[i++]!
        else {
          if (source[i] === '[') bracket = true
          else if (source[i] === ']') bracket = false
          text += source[i++]
        }
      }
      i++
      push('regex', text)
    } else {
      const operator = OPERATORS.find((o) => source.startsWith(o, i))
      if (!operator) throw new AwkSyntaxError(`line ${line}: syntax error at or near ${c}`)
      push('operator', operator === '**' ? '^' : operator === '**=' ? '^=' : operator)
      i += operator.length
    }
  }
  push('newline', '\n')
  push('end', 'end of file')
  return out
}

function regexMayStart(before: Token | undefined): boolean {
  if (!before) return true
  if (before.kind === 'number' || before.kind === 'string' || before.kind === 'name' || before.kind === 'regex' || before.kind === 'builtin') return false
  return !(before.kind === 'operator' && [')', ']', '$', '++', '--'].includes(before.text))
}
