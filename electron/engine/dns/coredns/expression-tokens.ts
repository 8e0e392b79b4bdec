/** expr-lang's lexer (expr-lang parser/lexer). */
export interface Token { kind: 'Identifier' | 'Number' | 'String' | 'Operator' | 'Bracket' | 'EOF'; text: string; at: number }

const WORDS = new Set(['not', 'in', 'and', 'or', 'matches', 'contains', 'startsWith', 'endsWith'])
const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"' }

/** `error` makes what is thrown of a message and where it is. */
export function tokensOf(source: string, error: (message: string, at: number) => Error): Token[] {
  const out: Token[] = []
  const pattern = /\s+|(\d[\d_]*(?:\.(?!\.)\d*)?(?:e[+-]?\d+)?)|([A-Za-z_$][A-Za-z0-9_$]*)|([()[\]{}])|(\?\.|\?\?|\.\.|\*\*|&&|\|\||[=!<>]=|[-+*/%^!<>?:.,|#])|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)/gy
  for (let at = 0; at < source.length; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (!match) {
      const c = String.fromCodePoint(source.codePointAt(at)!)
      if ('"\'`'.includes(c)) throw error('literal not terminated', source.length)
      throw error(`unrecognized character: U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} '${c}'`, at)
    }
    const [, number, word, bracket, operator, string] = match
    if (number !== undefined) out.push({ kind: 'Number', text: number.replaceAll('_', ''), at })
    else if (word !== undefined) out.push({ kind: WORDS.has(word) ? 'Operator' : 'Identifier', text: word, at })
    else if (bracket !== undefined) out.push({ kind: 'Bracket', text: bracket, at })
    else if (operator !== undefined) out.push({ kind: 'Operator', text: operator, at })
    else if (string !== undefined) out.push({ kind: 'String', text: string.startsWith('`') ? string.slice(1, -1) : unescaped(string.slice(1, -1), () => error('invalid char escape', at)), at })
  }
  return [...out, { kind: 'EOF', text: '', at: Math.max(0, source.length - 1) }]
}

function unescaped(text: string, error: () => Error): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-7]{3}|.)/g, (_, code: string) => {
    if (code.length > 1) return String.fromCodePoint(parseInt(code.replace(/^[xu]/, ''), /^[xu]/.test(code) ? 16 : 8))
    const plain = ESCAPES[code]
    if (plain === undefined) throw error()
    return plain
  })
}
