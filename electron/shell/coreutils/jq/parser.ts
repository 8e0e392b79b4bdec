import type { Filter, Pattern } from './ast.ts'
import { JqTokens } from './tokens.ts'

const BINARY: readonly { operators: readonly string[]; associates: 'left' | 'right' | 'none' }[] = [
  { operators: ['//'], associates: 'right' },
  { operators: ['=', '|=', '+=', '-=', '*=', '/=', '%=', '//='], associates: 'none' },
  { operators: ['or'], associates: 'left' },
  { operators: ['and'], associates: 'left' },
  { operators: ['==', '!=', '<', '<=', '>', '>='], associates: 'none' },
  { operators: ['+', '-'], associates: 'left' },
  { operators: ['*', '/', '%'], associates: 'left' },
]

export function parseJq(source: string): Filter {
  const parser = new JqParser(source)
  return parser.whole()
}

class JqParser extends JqTokens {
  whole(): Filter {
    this.next()
    if (this.atEnd) return { kind: 'identity' }
    const filter = this.pipe()
    if (!this.atEnd) throw this.unexpected()
    return filter
  }

  // ---- filters, loosest first --------------------------------------------------------------------------------------

  protected pipe(): Filter {
    if (this.is('def')) {
      this.next()
      const name = this.next().text
      const parameters: string[] = []
      if (this.is('(')) {
        do {
          this.next()
          const parameter = this.next()
          parameters.push((parameter.kind === 'variable' ? '$' : '') + parameter.text)
        } while (this.is(';'))
        this.expect(')')
      }
      this.expect(':')
      const body = this.pipe()
      this.expect(';')
      const rest: Filter = this.token.kind === 'end' || this.is(')') ? { kind: 'identity' } : this.pipe()
      return { kind: 'define', name, parameters, body, rest }
    }
    const left = this.#comma()
    if (this.is('as')) {
      this.next()
      const pattern = this.#pattern()
      this.expect('|')
      return { kind: 'bind', source: left, pattern, body: this.pipe() }
    }
    if (!this.is('|')) return left
    this.next()
    return { kind: 'pipe', left, right: this.pipe() }
  }

  #comma(): Filter {
    let left = this.#binary(0)
    while (this.is(',')) {
      this.next()
      left = { kind: 'comma', left, right: this.#binary(0) }
    }
    return left
  }

  #binary(level: number): Filter {
    const row = BINARY[level]
    if (!row) return this.#unary()
    let left = this.#binary(level + 1)
    while (this.is(...row.operators)) {
      const operator = this.next().text
      const right = row.associates === 'right' ? this.#binary(level) : this.#binary(level + 1)
      if (operator === '//') left = { kind: 'alternative', left, right }
      else if (operator === 'and' || operator === 'or') left = { kind: operator, left, right }
      else if (level === 1) left = { kind: 'update', operator, path: left, value: right }
      else left = { kind: 'binary', operator, left, right }
      if (row.associates === 'none' && this.is(...row.operators)) throw this.unexpected()
    }
    return left
  }

  #unary(): Filter {
    if (this.is('-')) {
      this.next()
      return { kind: 'negate', operand: this.#postfix() }
    }
    return this.#postfix()
  }

  #postfix(): Filter {
    let target = this.#term()
    for (;;) {
      if (this.token.kind === 'field') target = { kind: 'field', target, name: { kind: 'literal', value: this.next().text }, optional: this.#optional() }
      else if (this.is('.')) {
        this.next()
        if (this.token.kind === 'string') target = { kind: 'field', target, name: this.#quoted(), optional: this.#optional() }
        else if (this.is('[')) target = this.#bracket(target)
        else throw this.unexpected()
      } else if (this.is('[')) target = this.#bracket(target)
      else if (this.is('?')) {
        this.next()
        target = { kind: 'try', body: target }
      } else return target
    }
  }

  #optional(): boolean {
    if (!this.is('?')) return false
    this.next()
    return true
  }

  #bracket(target: Filter): Filter {
    this.expect('[')
    if (this.is(']')) {
      this.next()
      return { kind: 'iterate', target, optional: this.#optional() }
    }
    if (this.is(':')) {
      this.next()
      const to = this.pipe()
      this.expect(']')
      return { kind: 'slice', target, to, optional: this.#optional() }
    }
    const name = this.pipe()
    if (this.is(':')) {
      this.next()
      const to = this.is(']') ? undefined : this.pipe()
      this.expect(']')
      return { kind: 'slice', target, from: name, ...(to && { to }), optional: this.#optional() }
    }
    this.expect(']')
    return { kind: 'field', target, name, optional: this.#optional() }
  }

  #quoted(format?: string): Filter {
    const { parts } = this.next()
    if (parts!.every((p) => typeof p === 'string')) return { kind: 'literal', value: parts!.join('') }
    return { kind: 'string', parts: parts!, ...(format && { format }) }
  }

  #term(): Filter {
    const token = this.token
    switch (token.kind) {
      case 'number':
        this.next()
        return { kind: 'literal', value: Number(token.text) }
      case 'string':
        return this.#quoted()
      case 'format':
        this.next()
        return this.token.kind === 'string' ? this.#quoted(token.text) : { kind: 'format', name: token.text }
      case 'field':
        this.next()
        return { kind: 'field', target: { kind: 'identity' }, name: { kind: 'literal', value: token.text }, optional: this.#optional() }
      case 'variable':
        this.next()
        return { kind: 'variable', name: token.text }
      case 'name':
        return this.#word()
      case 'operator':
        switch (token.text) {
          case '.':
            this.next()
            if (this.token.kind === 'string') return { kind: 'field', target: { kind: 'identity' }, name: this.#quoted(), optional: this.#optional() }
            return { kind: 'identity' }
          case '..':
            this.next()
            return { kind: 'recurse' }
          case '(': {
            this.next()
            const inner = this.pipe()
            this.expect(')')
            return inner
          }
          case '[': {
            this.next()
            if (this.is(']')) {
              this.next()
              return { kind: 'array' }
            }
            const items = this.pipe()
            this.expect(']')
            return { kind: 'array', items }
          }
          case '{':
            return this.#object()
          case '-':
            return this.#unary()
        }
    }
    throw this.unexpected()
  }

  #word(): Filter {
    const { text } = this.next()
    switch (text) {
      case 'if': {
        const test = this.pipe()
        this.expect('then')
        const yes = this.pipe()
        return this.#else(test, yes)
      }
      case 'try': {
        const body = this.#postfix()
        if (!this.is('catch')) return { kind: 'try', body }
        this.next()
        return { kind: 'try', body, handler: this.#postfix() }
      }
      case 'reduce':
      case 'foreach': {
        const source = this.#postfix()
        this.expect('as')
        const pattern = this.#pattern()
        this.expect('(')
        const init = this.pipe()
        this.expect(';')
        const update = this.pipe()
        let extract: Filter | undefined
        if (text === 'foreach' && this.is(';')) {
          this.next()
          extract = this.pipe()
        }
        this.expect(')')
        return text === 'reduce' ? { kind: 'reduce', source, pattern, init, update } : { kind: 'foreach', source, pattern, init, update, ...(extract && { extract }) }
      }
      case 'null':
        return { kind: 'literal', value: null }
      case 'true':
      case 'false':
        return { kind: 'literal', value: text === 'true' }
      case 'then': case 'else': case 'elif': case 'end': case 'as': case 'and': case 'or': case 'catch':
        throw this.unexpected()
    }
    const args: Filter[] = []
    if (this.is('(')) {
      do {
        this.next()
        args.push(this.pipe())
      } while (this.is(';'))
      this.expect(')')
    }
    return { kind: 'call', name: text, args }
  }

  #else(test: Filter, yes: Filter): Filter {
    if (this.is('elif')) {
      this.next()
      const inner = this.pipe()
      this.expect('then')
      const then = this.pipe()
      return { kind: 'if', test, yes, no: this.#else(inner, then) }
    }
    if (this.is('end')) {
      this.next()
      return { kind: 'if', test, yes }
    }
    this.expect('else')
    const no = this.pipe()
    this.expect('end')
    return { kind: 'if', test, yes, no }
  }

  #object(): Filter {
    this.expect('{')
    const entries: { key: Filter; value: Filter }[] = []
    while (!this.is('}')) {
      const token = this.token
      let key: Filter
      let short: Filter | undefined
      if (token.kind === 'variable') {
        this.next()
        key = { kind: 'literal', value: token.text }
        short = { kind: 'variable', name: token.text }
      } else if (token.kind === 'name' || token.kind === 'number') {
        this.next()
        key = { kind: 'literal', value: token.text }
      } else if (token.kind === 'string') key = this.#quoted()
      else if (token.kind === 'format') {
        this.next()
        key = this.#quoted(token.text)
      } else if (this.is('(')) {
        this.next()
        key = this.pipe()
        this.expect(')')
      } else throw this.unexpected()
      if (this.is(':')) {
        this.next()
        let value = this.#objectValue()
        while (this.is('|')) {
          this.next()
          value = { kind: 'pipe', left: value, right: this.#objectValue() }
        }
        entries.push({ key, value })
      } else entries.push({ key, value: short ?? { kind: 'field', target: { kind: 'identity' }, name: key, optional: false } })
      if (this.is(',')) this.next()
      else if (!this.is('}')) throw this.unexpected()
    }
    this.next()
    return { kind: 'object', entries }
  }

  #objectValue(): Filter {
    return this.#binary(0)
  }

  #pattern(): Pattern {
    if (this.token.kind === 'variable') return { name: this.next().text }
    if (this.is('[')) {
      const items: Pattern[] = []
      do {
        this.next()
        items.push(this.#pattern())
      } while (this.is(','))
      this.expect(']')
      return { items }
    }
    if (!this.is('{')) throw this.unexpected()
    const entries: { key: Filter; pattern: Pattern }[] = []
    do {
      this.next()
      const token = this.next()
      const key: Filter = { kind: 'literal', value: token.text }
      if (this.is(':')) {
        this.next()
        entries.push({ key, pattern: this.#pattern() })
      } else entries.push({ key, pattern: { name: token.text } })
    } while (this.is(','))
    this.expect('}')
    return { entries }
  }
}
