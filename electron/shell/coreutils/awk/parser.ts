import type { AwkFunction, AwkProgram, Expression, Rule, Statement } from './ast.ts'
import { AwkExpressions } from './expressions.ts'
import { tokenize } from './lexer.ts'

export function parseAwk(source: string): AwkProgram {
  return new AwkParser(tokenize(source)).program()
}

class AwkParser extends AwkExpressions {
  program(): AwkProgram {
    const rules: Rule[] = []
    const functions = new Map<string, AwkFunction>()
    this.skip()
    while (this.peek().kind !== 'end') {
      if (this.isKeyword('function', 'func')) {
        this.next()
        const name = this.next().text
        this.expect('(')
        const parameters: string[] = []
        while (!this.is(')')) {
          parameters.push(this.next().text)
          if (this.is(',')) this.next()
          this.newlines()
        }
        this.next()
        this.newlines()
        functions.set(name, { parameters, body: this.#block() })
      } else rules.push(this.#rule())
      this.skip()
    }
    return { rules, functions }
  }

  // ---- rules and statements ----------------------------------------------------------------------------------------

  #rule(): Rule {
    if (this.isKeyword('BEGIN', 'END')) {
      const pattern = this.next().text as 'BEGIN' | 'END'
      this.newlines()
      return { pattern, body: this.#block() }
    }
    if (this.is('{')) return { body: this.#block() }
    const first = this.expression()
    let pattern: Rule['pattern'] = first
    if (this.is(',')) {
      this.next()
      this.newlines()
      pattern = [first, this.expression()]
    }
    return this.is('{') ? { pattern, body: this.#block() } : { pattern }
  }

  #block(): Statement {
    this.expect('{')
    const body: Statement[] = []
    this.skip()
    while (!this.is('}')) {
      if (this.peek().kind === 'end') throw this.error()
      body.push(this.#statement())
      this.skip()
    }
    this.next()
    return { kind: 'block', body }
  }

  #end(): void {
    if (this.is(';')) this.next()
    else if (this.peek().kind === 'newline') this.newlines()
    else if (!this.is('}') && this.peek().kind !== 'end') throw this.error()
  }

  #body(): Statement {
    this.newlines()
    if (this.is(';')) {
      this.next()
      return { kind: 'block', body: [] }
    }
    return this.#statement()
  }

  #statement(): Statement {
    if (this.is('{')) return this.#block()
    if (this.peek().kind === 'keyword') {
      switch (this.peek().text) {
        case 'if': {
          this.next()
          this.expect('(')
          const test = this.expression()
          this.expect(')')
          const yes = this.#body()
          const back = this.at
          this.skip()
          if (this.isKeyword('else')) {
            this.next()
            return { kind: 'if', test, yes, no: this.#body() }
          }
          this.at = back
          return { kind: 'if', test, yes }
        }
        case 'while': {
          this.next()
          this.expect('(')
          const test = this.expression()
          this.expect(')')
          return { kind: 'while', test, body: this.#body() }
        }
        case 'do': {
          this.next()
          const body = this.#body()
          this.skip()
          if (!this.isKeyword('while')) throw this.error()
          this.next()
          this.expect('(')
          const test = this.expression()
          this.expect(')')
          this.#end()
          return { kind: 'do', test, body }
        }
        case 'for':
          return this.#for()
        case 'next':
        case 'nextfile':
        case 'break':
        case 'continue': {
          const kind = this.next().text as 'next'
          this.#end()
          return { kind }
        }
        case 'exit':
        case 'return': {
          const kind = this.next().text as 'exit'
          const value = this.is(';', '}') || this.peek().kind === 'newline' || this.peek().kind === 'end' ? undefined : this.expression()
          this.#end()
          return { kind, ...(value && { value }) }
        }
      }
    }
    const statement = this.#simple()
    this.#end()
    return statement
  }

  #for(): Statement {
    this.next()
    this.expect('(')
    if (this.peek().kind === 'name' && this.peek(1).text === 'in' && this.peek(3).text === ')') {
      const variable = this.next().text
      this.next()
      const array = this.next().text
      this.expect(')')
      return { kind: 'for-in', variable, array, body: this.#body() }
    }
    const init = this.is(';') ? undefined : this.#simple()
    this.expect(';')
    this.newlines()
    const test = this.is(';') ? undefined : this.expression()
    this.expect(';')
    this.newlines()
    const step = this.is(')') ? undefined : this.#simple()
    this.expect(')')
    return { kind: 'for', ...(init && { init }), ...(test && { test }), ...(step && { step }), body: this.#body() }
  }

  #simple(): Statement {
    if (this.isKeyword('print', 'printf')) return this.#print()
    if (this.isKeyword('delete')) {
      this.next()
      const name = this.next().text
      if (!this.is('[')) return { kind: 'delete', name }
      return { kind: 'delete', name, index: this.subscript() }
    }
    return { kind: 'expression', value: this.expression() }
  }

  #print(): Statement {
    const formatted = this.next().text === 'printf'
    const saved = this.noGreater
    this.noGreater = true
    let args: Expression[] = []
    const ends = (): boolean => this.is(';', '}', '>', '>>', '|') || this.peek().kind === 'newline' || this.peek().kind === 'end'
    if (!ends()) {
      args = this.list()
      const [only] = args
      if (args.length === 1 && only!.kind === 'group' && (only!.inner.length > 1 || ends())) args = only!.inner
    }
    this.noGreater = saved
    if (!this.is('>', '>>', '|')) return { kind: 'print', formatted, args }
    const operator = this.next().text as '>' | '>>' | '|'
    return { kind: 'print', formatted, args, redirect: { operator, target: this.concatenation() } }
  }
}
