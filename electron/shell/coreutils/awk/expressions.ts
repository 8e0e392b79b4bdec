import type { Expression } from './ast.ts'
import { AwkSyntaxError, type Token } from './lexer.ts'

/** Parses expressions; the statements around them are {@link parseAwk}'s. */
export class AwkExpressions {
  readonly #tokens: Token[]
  protected at = 0
  /** In print's arguments ">" is a redirection. */
  protected noGreater = false

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  protected peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.at + ahead, this.#tokens.length - 1)]!
  }

  protected next(): Token {
    const token = this.peek()
    this.at++
    return token
  }

  protected is(...texts: string[]): boolean {
    const token = this.peek()
    return token.kind === 'operator' && texts.includes(token.text)
  }

  protected isKeyword(...texts: string[]): boolean {
    const token = this.peek()
    return token.kind === 'keyword' && texts.includes(token.text)
  }

  protected error(): AwkSyntaxError {
    const token = this.peek()
    return new AwkSyntaxError(`line ${token.line}: syntax error at or near ${token.kind === 'newline' ? 'end of line' : token.text}`)
  }

  protected expect(text: string): void {
    if (!this.is(text)) throw this.error()
    this.next()
  }

  protected newlines(): void {
    while (this.peek().kind === 'newline') this.next()
  }

  protected skip(): void {
    while (this.peek().kind === 'newline' || this.is(';')) this.next()
  }

  // ---- expressions, loosest first ----------------------------------------------------------------------------------

  protected list(): Expression[] {
    const items = [this.expression()]
    while (this.is(',')) {
      this.next()
      this.newlines()
      items.push(this.expression())
    }
    return items
  }

  protected expression(): Expression {
    return this.#ternary()
  }

  #ternary(): Expression {
    const test = this.#binary(0)
    if (this.is('?')) {
      this.next()
      this.newlines()
      const yes = this.#ternary()
      this.newlines()
      this.expect(':')
      this.newlines()
      return { kind: 'conditional', test, yes, no: this.#ternary() }
    }
    if (this.is('=', '+=', '-=', '*=', '/=', '%=', '^=') && ['variable', 'field', 'element'].includes(test.kind)) {
      const operator = this.next().text
      this.newlines()
      return { kind: 'assign', operator, target: test, value: this.#ternary() }
    }
    return test
  }

  #binary(level: number): Expression {
    if (level === 0 || level === 1) {
      const operator = level === 0 ? '||' : '&&'
      let left = this.#binary(level + 1)
      while (this.is(operator)) {
        this.next()
        this.newlines()
        left = { kind: 'binary', operator, left, right: this.#assignable(this.#binary(level + 1)) }
      }
      return left
    }
    if (level === 2) {
      let left = this.#binary(3)
      while (this.isKeyword('in')) {
        this.next()
        left = { kind: 'in', name: this.next().text, index: left.kind === 'group' ? left.inner : [left] }
      }
      return left
    }
    if (level === 3) {
      let left = this.#comparison()
      while (this.is('~') || (this.is('!') && this.peek(1).text === '~')) {
        const negated = this.next().text === '!'
        if (negated) this.next()
        left = { kind: 'match', negated, left, right: this.#comparison() }
      }
      return left
    }
    throw this.error()
  }

  /** `a && b = 1` assigns b, as every awk has it. */
  #assignable(target: Expression): Expression {
    if (!this.is('=') || !['variable', 'field', 'element'].includes(target.kind)) return target
    this.next()
    return { kind: 'assign', operator: '=', target, value: this.#ternary() }
  }

  #comparison(): Expression {
    const left = this.concatenation()
    if (!this.is('<', '<=', '==', '!=', '>=') && !(this.is('>') && !this.noGreater)) return this.#piped(left)
    const operator = this.next().text
    return { kind: 'binary', operator, left, right: this.concatenation() }
  }

  #piped(left: Expression): Expression {
    let out = left
    while (this.is('|') && this.peek(1).text === 'getline') {
      this.next()
      this.next()
      const target = this.#place()
      out = { kind: 'getline', command: out, ...(target && { target }) }
    }
    return out
  }

  #place(): Expression | undefined {
    if (this.is('$') || this.peek().kind === 'name') return this.#primary()
    return undefined
  }

  protected concatenation(): Expression {
    let left = this.#additive()
    while (this.#startsOperand()) left = { kind: 'binary', operator: ' ', left, right: this.#additive() }
    return left
  }

  #startsOperand(): boolean {
    const token = this.peek()
    if (['number', 'string', 'regex', 'name', 'function-name', 'builtin'].includes(token.kind)) return true
    if (token.kind !== 'operator') return false
    return ['$', '(', '-', '+', '++', '--'].includes(token.text) || (token.text === '!' && this.peek(1).text !== '~')
  }

  #additive(): Expression {
    let left = this.#multiplicative()
    while (this.is('+', '-')) left = { kind: 'binary', operator: this.next().text, left, right: this.#multiplicative() }
    return left
  }

  #multiplicative(): Expression {
    let left = this.#unary()
    while (this.is('*', '/', '%')) left = { kind: 'binary', operator: this.next().text, left, right: this.#unary() }
    return left
  }

  #unary(): Expression {
    if (this.is('!', '-', '+')) return { kind: 'unary', operator: this.next().text, operand: this.#unary() }
    return this.#power()
  }

  #power(): Expression {
    const base = this.#postfix()
    if (!this.is('^')) return base
    this.next()
    return { kind: 'binary', operator: '^', left: base, right: this.is('-', '+', '!') ? this.#unary() : this.#power() }
  }

  #postfix(): Expression {
    const target = this.#primary()
    if (this.is('++', '--') && ['variable', 'field', 'element'].includes(target.kind)) return { kind: 'step', operator: this.next().text as '++', prefix: false, target }
    return target
  }

  protected subscript(): Expression[] {
    this.expect('[')
    const saved = this.noGreater
    this.noGreater = false
    const index = this.list()
    this.noGreater = saved
    this.expect(']')
    return index
  }

  #primary(): Expression {
    const token = this.next()
    switch (token.kind) {
      case 'number':
        return { kind: 'number', value: Number(token.text) }
      case 'string':
        return { kind: 'string', value: token.text }
      case 'regex':
        return { kind: 'regex', source: token.text }
      case 'name':
        return this.is('[') ? { kind: 'element', name: token.text, index: this.subscript() } : { kind: 'variable', name: token.text }
      case 'function-name':
      case 'builtin': {
        const args: Expression[] = []
        if (this.is('(')) {
          this.next()
          const saved = this.noGreater
          this.noGreater = false
          this.newlines()
          if (!this.is(')')) args.push(...this.list())
          this.noGreater = saved
          this.newlines()
          this.expect(')')
        } else if (token.text !== 'length') {
          this.at--
          throw this.error()
        }
        return { kind: 'call', name: token.text, args, user: token.kind === 'function-name' }
      }
      case 'keyword':
        if (token.text === 'getline') {
          const target = this.#place()
          if (!this.is('<')) return { kind: 'getline', ...(target && { target }) }
          this.next()
          return { kind: 'getline', file: this.#primary(), ...(target && { target }) }
        }
        break
      case 'operator':
        if (token.text === '$') {
          if (this.is('++', '--')) {
            const operator = this.next().text as '++'
            return { kind: 'field', index: { kind: 'step', operator, prefix: true, target: this.#primary() } }
          }
          return { kind: 'field', index: this.is('-', '+', '!') ? this.#unary() : this.#primary() }
        }
        if (token.text === '++' || token.text === '--') return { kind: 'step', operator: token.text, prefix: true, target: this.#primary() }
        if (token.text === '(') {
          const saved = this.noGreater
          this.noGreater = false
          const inner = this.list()
          this.noGreater = saved
          this.expect(')')
          return { kind: 'group', inner }
        }
    }
    this.at--
    throw this.error()
  }
}
