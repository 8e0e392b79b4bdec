import { ScriptSyntaxError, tokenize, type Token } from './tokens.ts'

/** A part of JavaScript: expressions, arrow functions and functions, variables, if, loops, return, throw, try. */
export type Expression =
  | { type: 'literal'; value: number | bigint | string | boolean | null | undefined }
  | { type: 'regex'; source: string; flags: string }
  | { type: 'template'; parts: string[]; expressions: Expression[] }
  | { type: 'name'; name: string }
  | { type: 'array'; items: Expression[] }
  | { type: 'object'; entries: { key: Expression; value: Expression }[] }
  | { type: 'spread'; of: Expression }
  | { type: 'member'; of: Expression; key: Expression; optional: boolean }
  | { type: 'call'; callee: Expression; args: Expression[]; isNew: boolean }
  | { type: 'unary'; operator: string; of: Expression }
  | { type: 'binary'; operator: string; left: Expression; right: Expression }
  | { type: 'conditional'; test: Expression; yes: Expression; no: Expression }
  | { type: 'assign'; operator: string; target: Expression; value: Expression }
  | { type: 'step'; by: 1 | -1; target: Expression; prefix: boolean }
  | { type: 'function'; parameters: string[]; body: Statement[]; text: string }

export type Statement =
  | { type: 'expression'; of: Expression }
  | { type: 'declare'; variables: { names: string[]; pattern: 'name' | 'object'; value: Expression | undefined }[] }
  | { type: 'define'; name: string; value: Expression }
  | { type: 'block'; body: Statement[] }
  | { type: 'if'; test: Expression; yes: Statement; no: Statement | undefined }
  | { type: 'for'; start: Statement | undefined; test: Expression | undefined; next: Expression | undefined; body: Statement }
  | { type: 'each'; name: string; keys: boolean; of: Expression; body: Statement }
  | { type: 'while'; test: Expression; body: Statement; first: boolean }
  | { type: 'return' | 'throw'; of: Expression | undefined }
  | { type: 'try'; body: Statement[]; name: string | undefined; caught: Statement[]; last: Statement[] }
  | { type: 'break' | 'continue' }

export class ScriptNotSimulated extends Error {}

const LEVELS = [['??'], ['||'], ['&&'], ['==', '!=', '===', '!=='], ['<', '>', '<=', '>=', 'in'], ['+', '-'], ['*', '/', '%'], ['**']]
const ASSIGNMENTS = ['=', '+=', '-=', '*=', '/=', '%=', '??=', '||=', '&&=']
const OUTSIDE = ['class', 'switch', 'async', 'import', 'export', 'with', 'yield', 'super', 'do', 'debugger']

export function parse(text: string, base = 0): Statement[] {
  return new Parser(text, base).program()
}

class Parser {
  readonly #tokens: Token[]
  readonly #text: string
  readonly #base: number
  #at = 0

  constructor(text: string, base: number) {
    this.#text = text
    this.#base = base
    this.#tokens = tokenize(text, base)
  }

  program(): Statement[] {
    const out: Statement[] = []
    while (this.#peek().kind !== 'end') if (!this.#take(';')) out.push(this.#statement())
    return out
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
  }

  #is(text: string, ahead = 0): boolean {
    const token = this.#peek(ahead)
    return (token.kind === 'punctuator' || token.kind === 'name') && token.text === text
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false
    this.#at++
    return true
  }

  #fail(): never {
    const token = this.#peek()
    throw new ScriptSyntaxError('Unexpected token', token.at, token.kind === 'end')
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail()
  }

  #name(): string {
    const token = this.#peek()
    if (token.kind !== 'name') this.#fail()
    this.#at++
    return token.text
  }

  #end(): void {
    if (this.#take(';') || this.#is('}') || this.#peek().kind === 'end' || this.#peek().newline) return
    throw new ScriptSyntaxError('Missing semicolon.', this.#tokens[this.#at - 1]!.at + this.#tokens[this.#at - 1]!.text.length)
  }

  #statement(): Statement {
    const token = this.#peek()
    if (token.kind === 'name' && !this.#is('=>', 1)) {
      if (OUTSIDE.includes(token.text)) throw new ScriptNotSimulated(`JavaScript's ${token.text}`)
      switch (token.text) {
        case 'var': case 'let': case 'const': return this.#declaration()
        case 'if': {
          this.#at++
          const test = this.#inParentheses()
          const yes = this.#statement()
          this.#take(';')
          return { type: 'if', test, yes, no: this.#take('else') ? this.#statement() : undefined }
        }
        case 'for': return this.#loop()
        case 'while':
          this.#at++
          return { type: 'while', test: this.#inParentheses(), body: this.#statement(), first: false }
        case 'function':
          if (this.#peek(1).kind !== 'name') break
          this.#at++
          return { type: 'define', name: this.#name(), value: this.#function(token.at) }
        case 'return': case 'throw': {
          this.#at++
          const none = this.#is(';') || this.#is('}') || this.#peek().kind === 'end' || this.#peek().newline
          const of = none ? undefined : this.#sequence()
          this.#end()
          return { type: token.text, of }
        }
        case 'break': case 'continue':
          this.#at++
          this.#end()
          return { type: token.text }
        case 'try': {
          this.#at++
          const body = this.#block()
          let name: string | undefined
          let caught: Statement[] = []
          if (this.#take('catch')) {
            if (this.#take('(')) {
              name = this.#name()
              this.#expect(')')
            }
            caught = this.#block()
          }
          return { type: 'try', body, name, caught, last: this.#take('finally') ? this.#block() : [] }
        }
      }
    }
    if (this.#is('{') && !this.#looksLikeObject()) return { type: 'block', body: this.#block() }
    const of = this.#sequence()
    this.#end()
    return { type: 'expression', of }
  }

  /** At a prompt `{ a: 1 }` is an object, as in Node's. */
  #looksLikeObject(): boolean {
    return this.#is('}', 1) || (['name', 'string'].includes(this.#peek(1).kind) && (this.#is(':', 2) || this.#is(',', 2)))
  }

  #block(): Statement[] {
    this.#expect('{')
    const out: Statement[] = []
    while (!this.#take('}')) {
      if (this.#peek().kind === 'end') this.#fail()
      if (!this.#take(';')) out.push(this.#statement())
    }
    return out
  }

  #inParentheses(): Expression {
    this.#expect('(')
    const of = this.#sequence()
    this.#expect(')')
    return of
  }

  #declaration(): Statement {
    this.#at++
    const variables: { names: string[]; pattern: 'name' | 'object'; value: Expression | undefined }[] = []
    do {
      if (this.#take('{')) {
        const names: string[] = []
        while (!this.#take('}')) {
          names.push(this.#name())
          if (!this.#is('}')) this.#expect(',')
        }
        this.#expect('=')
        variables.push({ names, pattern: 'object', value: this.#assignment() })
      } else variables.push({ names: [this.#name()], pattern: 'name', value: this.#take('=') ? this.#assignment() : undefined })
    } while (this.#take(','))
    if (!this.#is('of') && !this.#is('in') && !this.#is(')')) this.#end()
    return { type: 'declare', variables }
  }

  #loop(): Statement {
    this.#expect('for')
    this.#expect('(')
    let start: Statement | undefined
    if (!this.#take(';')) {
      const declares = this.#is('var') || this.#is('let') || this.#is('const')
      if (declares && (this.#is('of', 2) || this.#is('in', 2))) {
        this.#at++
        const name = this.#name()
        const keys = this.#name() === 'in'
        const of = this.#sequence()
        this.#expect(')')
        return { type: 'each', name, keys, of, body: this.#statement() }
      }
      start = declares ? this.#declaration() : { type: 'expression', of: this.#sequence() }
      if (!declares) this.#expect(';')
    }
    const test = this.#is(';') ? undefined : this.#sequence()
    this.#expect(';')
    const next = this.#is(')') ? undefined : this.#sequence()
    this.#expect(')')
    return { type: 'for', start, test, next, body: this.#statement() }
  }

  #sequence(): Expression {
    let left = this.#assignment()
    while (this.#is(',')) {
      this.#at++
      left = { type: 'binary', operator: ',', left, right: this.#assignment() }
    }
    return left
  }

  #assignment(): Expression {
    const arrow = this.#arrow()
    if (arrow) return arrow
    const left = this.#conditional()
    const operator = ASSIGNMENTS.find((o) => this.#is(o))
    if (operator === undefined) return left
    if (left.type !== 'name' && left.type !== 'member') throw new ScriptSyntaxError('Invalid left-hand side in assignment expression.', this.#peek().at)
    this.#at++
    return { type: 'assign', operator, target: left, value: this.#assignment() }
  }

  #arrow(): Expression | undefined {
    const start = this.#at
    const { at } = this.#peek()
    const parameters: string[] = []
    if (this.#peek().kind === 'name' && this.#is('=>', 1)) parameters.push(this.#name())
    else if (this.#take('(')) {
      while (this.#peek().kind === 'name') {
        parameters.push(this.#name())
        if (!this.#take(',')) break
      }
      if (!this.#take(')')) {
        this.#at = start
        return undefined
      }
    }
    if (this.#at === start || !this.#take('=>')) {
      this.#at = start
      return undefined
    }
    const body: Statement[] = this.#is('{') ? this.#block() : [{ type: 'return', of: this.#assignment() }]
    return { type: 'function', parameters, body, text: this.#since(at) }
  }

  #function(at: number): Expression {
    this.#expect('(')
    const parameters: string[] = []
    while (!this.#take(')')) {
      parameters.push(this.#name())
      if (!this.#is(')')) this.#expect(',')
    }
    const body = this.#block()
    return { type: 'function', parameters, body, text: this.#since(at) }
  }

  #since(at: number): string {
    const last = this.#tokens[this.#at - 1]!
    return this.#text.slice(at - this.#base, last.at + last.text.length - this.#base)
  }

  #conditional(): Expression {
    const test = this.#binary(0)
    if (!this.#take('?')) return test
    const yes = this.#assignment()
    this.#expect(':')
    return { type: 'conditional', test, yes, no: this.#assignment() }
  }

  #binary(level: number): Expression {
    if (level === LEVELS.length) return this.#unary()
    let left = this.#binary(level + 1)
    for (;;) {
      if (this.#is('instanceof')) throw new ScriptNotSimulated("JavaScript's instanceof")
      const operator = LEVELS[level]!.find((o) => this.#is(o))
      if (operator === undefined) return left
      this.#at++
      left = { type: 'binary', operator, left, right: this.#binary(operator === '**' ? level : level + 1) }
    }
  }

  #unary(): Expression {
    for (const operator of ['!', '-', '+', 'typeof', 'delete', 'void', 'await']) {
      if (this.#is(operator) && !(operator.length > 1 && this.#is('=>', 1))) {
        this.#at++
        return { type: 'unary', operator, of: this.#unary() }
      }
    }
    for (const [operator, by] of [['++', 1], ['--', -1]] as const) if (this.#take(operator)) return { type: 'step', by, target: this.#unary(), prefix: true }
    const of = this.#postfix()
    for (const [operator, by] of [['++', 1], ['--', -1]] as const) if (!this.#peek().newline && this.#take(operator)) return { type: 'step', by, target: of, prefix: false }
    return of
  }

  #postfix(): Expression {
    const isNew = this.#is('new') && this.#take('new')
    let of = this.#primary()
    let fresh = isNew
    for (;;) {
      if (this.#take('.')) of = { type: 'member', of, key: { type: 'literal', value: this.#name() }, optional: false }
      else if (this.#take('?.')) of = { type: 'member', of, key: { type: 'literal', value: this.#name() }, optional: true }
      else if (this.#take('[')) {
        of = { type: 'member', of, key: this.#sequence(), optional: false }
        this.#expect(']')
      } else if (this.#is('(')) {
        of = { type: 'call', callee: of, args: this.#list('(', ')'), isNew: fresh }
        fresh = false
      } else return fresh ? { type: 'call', callee: of, args: [], isNew: true } : of
    }
  }

  #list(open: string, close: string): Expression[] {
    this.#expect(open)
    const out: Expression[] = []
    while (!this.#take(close)) {
      out.push(this.#take('...') ? { type: 'spread', of: this.#assignment() } : this.#assignment())
      if (!this.#is(close)) this.#expect(',')
    }
    return out
  }

  #primary(): Expression {
    const token = this.#peek()
    if (token.kind === 'number' || token.kind === 'string') {
      this.#at++
      return { type: 'literal', value: token.value }
    }
    if (token.kind === 'regex') {
      this.#at++
      return { type: 'regex', source: token.source, flags: token.flags }
    }
    if (token.kind === 'template') {
      this.#at++
      return { type: 'template', parts: token.parts, expressions: token.expressions.map((e) => only(parse(e.text, e.at), e.at)) }
    }
    if (this.#is('(')) return this.#inParentheses()
    if (this.#is('[')) return { type: 'array', items: this.#list('[', ']') }
    if (this.#is('{')) return this.#object()
    if (token.kind !== 'name') this.#fail()
    if (OUTSIDE.includes(token.text)) throw new ScriptNotSimulated(`JavaScript's ${token.text}`)
    this.#at++
    switch (token.text) {
      case 'function':
        if (this.#peek().kind === 'name') this.#at++
        return this.#function(token.at)
      case 'true': case 'false': return { type: 'literal', value: token.text === 'true' }
      case 'null': return { type: 'literal', value: null }
      case 'undefined': return { type: 'literal', value: undefined }
      default: return { type: 'name', name: token.text }
    }
  }

  #object(): Expression {
    this.#expect('{')
    const entries: { key: Expression; value: Expression }[] = []
    while (!this.#take('}')) {
      if (this.#take('...')) entries.push({ key: { type: 'literal', value: '' }, value: { type: 'spread', of: this.#assignment() } })
      else if (this.#take('[')) {
        const key = this.#assignment()
        this.#expect(']')
        this.#expect(':')
        entries.push({ key, value: this.#assignment() })
      } else {
        const token = this.#peek()
        if (token.kind !== 'name' && token.kind !== 'string' && token.kind !== 'number') this.#fail()
        this.#at++
        const name = token.kind === 'name' ? token.text : String(token.value)
        const short = token.kind === 'name' && (this.#is(',') || this.#is('}'))
        if (!short) this.#expect(':')
        entries.push({ key: { type: 'literal', value: name }, value: short ? { type: 'name', name } : this.#assignment() })
      }
      if (!this.#is('}')) this.#expect(',')
    }
    return { type: 'object', entries }
  }
}

function only(body: Statement[], at: number): Expression {
  const [first] = body
  if (body.length !== 1 || first?.type !== 'expression') throw new ScriptSyntaxError('Unexpected token', at)
  return first.of
}
