import type { ParameterPart, Part, Word } from './ast.ts'
import { SourceText } from './source-text.ts'
import { textOf } from './word-text.ts'

/** ${…}: a parameter's name, its index, and what is done with it. */
export abstract class ParameterLexer extends SourceText {
  protected abstract parts(mode: 'word' | 'double' | 'document' | 'brace' | 'braceDouble' | 'text' | 'regex', end: string): Part[]
  protected abstract subscript(text: string, at: number): Word

  protected braced(quoted: boolean): Part {
    const s = this.source
    const start = this.position
    this.position = start + 2
    const part: ParameterPart = { kind: 'parameter', name: '', source: '' }
    const done = (): Part => {
      if (s[this.position] !== '}') this.#badSubstitution(part, start)
      else this.position++
      part.source = s.slice(start, this.position)
      return part
    }
    if (s[this.position] === '#' && !/[}:\-=?+#%/]/.test(s[this.position + 1] ?? '}')) {
      part.length = true
      this.position++
    } else if (s[this.position] === '#' && s[this.position + 1] === '#' && s[this.position + 2] === '}') {
      part.length = true
      this.position++
    } else if (/^#[-?!]\}/.test(s.slice(this.position, this.position + 3))) {
      part.length = true
      this.position++
    } else if (s[this.position] === '!' && /[A-Za-z_0-9@*#]/.test(s[this.position + 1] ?? '')) {
      part.indirect = true
      this.position++
    }
    const word = /[A-Za-z_][A-Za-z0-9_]*|\d+|[@*#?$!-]/y
    word.lastIndex = this.position
    const name = word.exec(s)
    if (!name) {
      if (this.position >= s.length) throw this.unclosed('}', start)
      this.#badSubstitution(part, start)
      part.source = s.slice(start, this.position)
      return part
    }
    part.name = name[0]
    this.position += name[0].length
    if (s[this.position] === '[') {
      const close = this.closingBracket(this.position)
      if (close < 0) throw this.unclosed(']', start)
      part.index = this.subscript(s.slice(this.position + 1, close), this.position)
      this.position = close + 1
    }
    if (part.indirect && part.index && /^[@*]$/.test(textOf(part.index)) && s[this.position] === '}') {
      part.indirect = false
      part.keys = true
      return done()
    }
    if (part.indirect && (s[this.position] === '*' || s[this.position] === '@') && s[this.position + 1] === '}') {
      part.indirect = false
      part.names = s[this.position] as '*' | '@'
      this.position++
      return done()
    }
    const operator = /^(:[-=?+]|##|%%|\/\/|\/#|\/%|\^\^|,,|~~|[-=?+#%/^,:@~])/.exec(s.slice(this.position, this.position + 2))
    if (!operator) return done()
    part.operator = operator[0]
    this.position += operator[0].length
    const mode = quoted && !/^[#%/]/.test(part.operator) ? 'braceDouble' : 'brace'
    const line = this.line
    if (part.operator.startsWith('/') || part.operator === ':') {
      const stop = part.operator === ':' ? ':}' : '/}'
      // "/#" and "/%" with nothing after them look for "#" and "%" themselves.
      part.argument = { parts: this.parts(mode, stop), line }
      if (s[this.position] === stop[0]) {
        this.position++
        part.second = { parts: this.parts(mode, '}'), line }
      }
    } else part.argument = { parts: this.parts(mode, '}'), line }
    return done()
  }

  #badSubstitution(part: ParameterPart, start: number): void {
    let depth = 0
    for (; ; this.position++) {
      const c = this.source[this.position]
      if (c === undefined) throw this.unclosed('}', start)
      if (c === '{') depth++
      if (c === '}' && depth-- === 0) break
    }
    this.position++
    part.operator = 'bad'
  }

  protected closingBracket(open: number): number {
    let depth = 0
    for (let i = open; i < this.source.length; i++) {
      if (this.source[i] === '[') depth++
      else if (this.source[i] === ']' && --depth === 0) return i
    }
    return -1
  }
}
