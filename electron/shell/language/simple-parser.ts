import { ParseError, type Assignment, type Command, type Condition, type DeclarationArgument, type Redirect, type Simple, type Word } from './ast.ts'
import type { Token } from './lexer.ts'
import { textOf } from './word-text.ts'
import { TokenStream } from './token-stream.ts'

const DECLARATIONS = new Set(['declare', 'typeset', 'local', 'export', 'readonly'])
const REDIRECTIONS = new Set(['<', '>', '>>', '>|', '<>', '<&', '>&', '&>', '&>>', '<<', '<<-', '<<<'])
const UNARY = /^-[abcdefghknoprstuvwxzGLNORS]$/
const BINARY = new Set(['=', '==', '!=', '=~', '<', '>', '-eq', '-ne', '-lt', '-le', '-gt', '-ge', '-nt', '-ot', '-ef'])

export function isRedirection(operator: string): boolean {
  return REDIRECTIONS.has(operator)
}

/** Simple commands, their assignments and redirections, and the inside of [[ … ]]. */
export abstract class SimpleParser extends TokenStream {
  /** The body of a function whose name and parentheses have been read. */
  protected abstract functionBody(name: string, start: number): Command

  // ---- [[ … ]] -----------------------------------------------------------------------------------------------------

  protected conditionOr(): Condition {
    let left = this.#conditionAnd()
    while (this.isOperator('||')) {
      this.take()
      left = { kind: 'or', left, right: this.#conditionAnd() }
    }
    return left
  }

  #conditionAnd(): Condition {
    let left = this.#conditionTerm()
    while (this.isOperator('&&')) {
      this.take()
      left = { kind: 'and', left, right: this.#conditionTerm() }
    }
    return left
  }

  #conditionTerm(): Condition {
    this.newlines()
    if (this.isOperator('(')) {
      this.take()
      const inner = this.conditionOr()
      this.expect(')')
      this.newlines()
      return inner
    }
    const plain = this.plain()
    if (plain === '!') {
      this.take()
      return { kind: 'not', operand: this.#conditionTerm() }
    }
    const first = this.peek()
    if (first.kind !== 'word' || plain === ']]') throw this.conditionError(first)
    this.take()
    if (plain !== undefined && UNARY.test(plain) && this.peek().kind === 'word' && this.plain() !== ']]' && !BINARY.has(this.plain() ?? '')) {
      const operand = this.take() as Extract<Token, { kind: 'word' }>
      this.newlines()
      return { kind: 'unary', operator: plain, operand: operand.word }
    }
    const operator = this.plain() ?? (this.isOperator('<', '>') ? (this.peek() as { text: string }).text : undefined)
    if (operator === undefined && !this.isOperator('&&', '||', ')') && this.peek().kind !== 'newline') throw this.conditionError(this.peek())
    if (this.peek().kind === 'newline' && plain !== undefined) {
      throw new ParseError("unexpected token `newline', conditional binary operator expected", this.lineAt(first.start))
    }
    if (operator === undefined || operator === ']]') return { kind: 'unary', operator: '-n', operand: first.word }
    if (!BINARY.has(operator)) throw this.conditionError(this.peek(), 'conditional binary operator expected')
    this.take()
    if (operator === '=~') {
      while (this.source[this.position] === ' ' || this.source[this.position] === '\t') this.position++
      const right: Word = { parts: this.parts('regex', ''), line: this.line }
      return { kind: 'binary', operator, left: first.word, right }
    }
    const right = this.peek()
    if (right.kind !== 'word' || this.plain() === ']]') throw this.conditionError(right, right.kind === 'word' ? "unexpected argument `]]' to conditional binary operator" : undefined)
    this.take()
    this.newlines()
    return { kind: 'binary', operator, left: first.word, right: right.word }
  }

  protected conditionError(token: Token, message?: string): ParseError {
    if (message !== undefined) return new ParseError(message, this.lineAt(token.start), { conditional: true })
    if (token.kind === 'end') return this.unexpected(token)
    const text = token.kind === 'newline' ? 'newline' : this.source.slice(token.start, token.end)
    return new ParseError(`syntax error in conditional expression: unexpected token \`${text}'`, this.lineAt(token.start))
  }

  // ---- simple commands ---------------------------------------------------------------------------------------------

  protected simple(): Command {
    const start = this.peek().start
    const command: Simple = { kind: 'simple', assignments: [], words: [], redirects: [], line: this.lineAt(start), source: '' }
    let declares = false
    for (;;) {
      const redirect = this.redirect()
      if (redirect) {
        command.redirects.push(redirect)
        continue
      }
      const token = this.peek()
      if (token.kind !== 'word') break
      const assignment = command.words.length === 0 || declares ? this.#assignment(token.start) : undefined
      if (assignment && command.words.length === 0) {
        command.assignments.push(assignment)
        this.expandAlias()
        continue
      }
      if (assignment) {
        command.words.push({ assignment, line: this.lineAt(token.start) } satisfies DeclarationArgument)
        continue
      }
      this.take()
      if (this.aliasGoesOnAt !== undefined && this.source.length - this.peek().start <= this.aliasGoesOnAt) {
        this.aliasGoesOnAt = undefined
        this.expandAlias()
      }
      if (command.words.length === 0) {
        if (this.isOperator('(') && command.assignments.length === 0 && command.redirects.length === 0) return this.#definition(token, start)
        command.line = this.lineAt(this.peek().start)
        declares = DECLARATIONS.has(textOf(token.word))
      }
      command.words.push(token.word)
    }
    if (this.isOperator('(')) throw this.unexpected(this.peek())
    command.source = this.source.slice(start, this.lastEnd)
    return command
  }

  #definition(name: Extract<Token, { kind: 'word' }>, start: number): Command {
    this.take()
    if (!this.isOperator(')')) throw this.unexpected(this.peek())
    this.take()
    return this.functionBody(this.source.slice(name.start, name.end), start)
  }

  protected redirect(): Redirect | undefined {
    const token = this.peek()
    let fd: number | undefined
    let variable: string | undefined
    if (token.kind === 'io-number') {
      fd = token.fd
      variable = token.variable
      this.take()
    }
    const operator = this.peek()
    if (operator.kind !== 'operator' || !REDIRECTIONS.has(operator.text)) {
      if (fd !== undefined) throw this.unexpected(operator)
      return undefined
    }
    this.take()
    if (operator.text === '<<<' && this.#posix) throw new ParseError("syntax error near unexpected token `<<<'", this.lineAt(operator.start))
    const target = this.peek()
    if (target.kind !== 'word') throw this.unexpected(target)
    const redirect: Redirect = { fd, variable, operator: operator.text as Redirect['operator'], target: target.word }
    if (operator.text === '<<' || operator.text === '<<-') this.pendingDocuments.push(redirect)
    this.take()
    return redirect
  }

  /** NAME=…, NAME+=…, NAME[…]=…, NAME=(…) at `start`; the lexer goes on behind it. */
  #assignment(start: number): Assignment | undefined {
    const name = /[A-Za-z_][A-Za-z0-9_]*/y
    name.lastIndex = start
    const found = name.exec(this.source)
    if (!found) return undefined
    let at = start + found[0].length
    let index: Word | undefined
    if (this.source[at] === '[') {
      let depth = 0
      let close = at
      for (; close < this.source.length && this.source[close] !== '\n'; close++) {
        if (this.source[close] === '[') depth++
        else if (this.source[close] === ']' && --depth === 0) break
      }
      if (this.source[close] !== ']') return undefined
      if (this.source[close + 1] !== '=' && !this.source.startsWith('+=', close + 1)) return undefined
      index = this.subscript(this.source.slice(at + 1, close), at)
      at = close + 1
    }
    const append = this.source.startsWith('+=', at)
    if ((append || index) && this.#posix) return undefined
    if (!append && this.source[at] !== '=') return undefined
    this.peeked = undefined
    this.position = at + (append ? 2 : 1)
    const assignment: Assignment = { name: found[0], index, append }
    if (this.source[this.position] === '(' && !index) {
      if (this.#posix) throw new ParseError("syntax error near unexpected token `('", this.lineAt(this.position))
      assignment.array = this.#array()
    }
    else assignment.value = this.readWord()
    this.lastEnd = this.position
    assignment.source = this.source.slice(start, this.position)
    return assignment
  }

  /** dash's or ash's grammar: no arrays, no +=, no here-strings. */
  get #posix(): boolean {
    return (this.options.flavour ?? 'bash') !== 'bash'
  }

  #array(): NonNullable<Assignment['array']> {
    const start = this.position++
    const items: NonNullable<Assignment['array']> = []
    for (;;) {
      const token = this.peek()
      if (token.kind === 'end') throw this.unclosed(')', start)
      if (token.kind === 'operator' && token.text === ')') {
        this.take()
        return items
      }
      if (token.kind === 'newline') this.take()
      else if (token.kind !== 'word') throw this.unexpected(token)
      else if (this.source[token.start] === '[') {
        const close = this.source.indexOf(']=', token.start)
        // an index may have blanks in it, but no end of the line or of the list
        if (close < 0 || (close > token.end && /[\n()[]/.test(this.source.slice(token.start + 1, close)))) {
          this.take()
          items.push({ value: token.word })
          continue
        }
        const index = this.subscript(this.source.slice(token.start + 1, close), token.start)
        this.peeked = undefined
        this.position = close + 2
        items.push({ index, value: this.readWord() })
      } else {
        this.take()
        items.push({ value: token.word })
      }
    }
  }
}
