import type { Flavour } from './messages.ts'
import { ParseError, type AndOr, type Case, type Command, type If, type List, type Pipeline, type Redirect, type Word } from './ast.ts'
import type { Token } from './lexer.ts'
import { textOf } from './word-text.ts'
import { SimpleParser, isRedirection } from './simple-parser.ts'

const RESERVED = new Set(['if', 'then', 'elif', 'else', 'fi', 'for', 'select', 'in', 'while', 'until', 'do', 'done', 'case', 'esac', '{', '}', '!', '[[', ']]', 'function', 'time', 'coproc'])
/** Reserved words of bash that dash and ash take for commands. */
const LACKING: Readonly<Record<Flavour, ReadonlySet<string>>> = { bash: new Set(), dash: new Set(['[[', ']]', 'function', 'select', 'time', 'coproc']), busybox: new Set(['select', 'time', 'coproc']) }
const COMPOUND = ['{', 'if', 'for', 'select', 'while', 'until', 'case', '[[']
const CLOSERS = new Set(['then', 'elif', 'else', 'fi', 'do', 'done', 'esac', '}'])

/** A recursive-descent parser that hands out one complete command line after another, as a shell reads them. */
export class Parser extends SimpleParser {
  /** The next command line; undefined at the end. */
  next(): List | undefined {
    while (this.peek().kind === 'newline') this.take()
    if (this.peek().kind === 'end') return undefined
    const list = this.#list((t) => t.kind === 'newline')
    const token = this.peek()
    if (token.kind !== 'newline' && token.kind !== 'end') throw this.unexpected(token)
    if (token.kind === 'newline') this.take()
    return list
  }

  setExtendedGlobs(on: boolean): void {
    this.extendedGlobs = on
  }

  /** Where parsing has come to in the text as it was given, before aliases: what a shell that reads line by line has used up. */
  get consumed(): number {
    return this.given - (this.source.length - (this.peeked?.start ?? this.position))
  }

  get currentLine(): number {
    return this.line
  }

  protected override child(source: string, line: number): Parser {
    return new Parser(source, { ...this.options, firstLine: line, extendedGlobs: this.extendedGlobs })
  }

  protected override script(source: string, line: number): List {
    const parser = this.child(source, line)
    const items: List['items'] = []
    for (let list = parser.next(); list; list = parser.next()) items.push(...list.items)
    return { kind: 'list', items }
  }

  protected override nested(): List {
    const outer = this.peeked
    const start = this.position
    const before = this.textNow()
    this.peeked = undefined
    try {
      const list = this.#list((t) => t.kind === 'operator' && t.text === ')', true)
      const token = this.peek()
      if (token.kind === 'end') throw new ParseError("unexpected EOF while looking for matching `)'", this.endLine(), { incomplete: true })
      if (token.kind !== 'operator' || token.text !== ')') throw this.unexpected(token)
      this.goOnIn(before, token.start)
      return list
    } catch (error) {
      if (error instanceof ParseError && error.message === 'syntax error: unexpected end of file') throw this.unclosed(')', start)
      throw error
    } finally {
      this.peeked = outer
    }
  }

  protected override documentEnded(_redirect: Redirect, delimiter: string, line: number, endLine: number): void {
    if (this.options.interactive) throw new ParseError(`here-document at line ${line} delimited by end-of-file (wanted \`${delimiter}')`, this.line, { incomplete: true })
    this.options.onWarning?.(`warning: here-document at line ${line} delimited by end-of-file (wanted \`${delimiter}')`, endLine)
  }

  // ---- lists and pipelines -----------------------------------------------------------------------------------------

  #list(stop: (token: Token) => boolean, newlinesSeparate = false): List {
    const items: List['items'] = []
    if (newlinesSeparate) this.newlines()
    for (;;) {
      const token = this.peek()
      if (token.kind === 'end' || stop(token)) break
      const plain = this.plain()
      if (plain !== undefined && CLOSERS.has(plain)) break
      if (token.kind === 'operator' && (token.text.startsWith(';') || token.text === ')')) break
      const start = token.start
      const command = this.#andOr()
      const item = { command, background: false, source: this.source.slice(start, this.lastEnd) }
      items.push(item)
      if (this.isOperator('&')) {
        item.background = true
        this.take()
      } else if (this.isOperator(';')) this.take()
      else if (!(newlinesSeparate && this.peek().kind === 'newline')) break
      if (newlinesSeparate) this.newlines()
    }
    return { kind: 'list', items }
  }

  /** A list in a compound command, which may not be empty. */
  #body(...ends: string[]): List {
    const list = this.#list(() => false, true)
    const plain = this.plain()
    if (list.items.length === 0 || !(plain !== undefined && ends.includes(plain)) && !this.isOperator(...ends)) {
      const error = this.unexpected(this.peek())
      const expected = ends.at(-1)!
      throw this.peek().kind === 'end' && (this.options.flavour ?? 'bash') !== 'bash' ? new ParseError(`${error.message} (expecting "${expected}")`, error.line, { incomplete: error.incomplete }) : error
    }
    return list
  }

  #andOr(): Command {
    const first = this.#pipeline()
    const rest: AndOr['rest'] = []
    while (this.isOperator('&&', '||')) {
      const operator = (this.take() as { text: '&&' | '||' }).text
      this.newlines()
      rest.push({ operator, command: this.#pipeline() })
    }
    return rest.length === 0 ? first : { kind: 'and-or', first, rest }
  }

  #pipeline(): Command {
    const start = this.peek().start
    const line = this.lineAt(start)
    let negated = false
    let timed: Pipeline['timed'] = false
    for (;;) {
      const plain = this.plain()
      if (plain === '!') {
        negated = !negated
        this.take()
      } else if (plain === 'time' && !LACKING[this.options.flavour ?? 'bash'].has('time')) {
        timed = 'bash'
        this.take()
        if (this.plain() === '-p') {
          timed = 'posix'
          this.take()
        }
      } else break
    }
    const commands: Command[] = []
    const errorsToo: boolean[] = []
    if ((timed || negated) && (this.peek().kind === 'newline' || this.peek().kind === 'end' || this.isOperator(';'))) {
      return { kind: 'pipeline', commands, negated, timed, errorsToo, line, source: this.source.slice(start, this.lastEnd) }
    }
    commands.push(this.#command())
    while (this.isOperator('|', '|&')) {
      errorsToo.push((this.take() as { text: string }).text === '|&')
      this.newlines()
      commands.push(this.#command())
    }
    if (commands.length === 1 && !negated && !timed) return commands[0]!
    return { kind: 'pipeline', commands, negated, timed, errorsToo, line, source: this.source.slice(start, this.lastEnd) } satisfies Pipeline
  }

  // ---- commands ----------------------------------------------------------------------------------------------------

  #command(): Command {
    this.expandAlias()
    const token = this.peek()
    if (token.kind === 'operator' && token.text === '(') return this.#parenthesis(token)
    if (token.kind === 'operator' && !isRedirection(token.text)) throw this.unexpected(token)
    if (token.kind === 'newline' || token.kind === 'end') throw this.unexpected(token)
    const plain = this.plain()
    if (plain !== undefined && RESERVED.has(plain) && !LACKING[this.options.flavour ?? 'bash'].has(plain)) {
      const line = this.lineAt(token.start)
      switch (plain) {
        case 'if':
          return this.#compound(token.start, this.#if(line))
        case 'while':
        case 'until':
          return this.#compound(token.start, this.#while(line, plain === 'until'))
        case 'for':
          return this.#compound(token.start, this.#for(line))
        case 'select':
          return this.#compound(token.start, this.#select(line))
        case 'coproc':
          return this.#coprocess(token.start)
        case 'case':
          return this.#compound(token.start, this.#case(line))
        case '{': {
          this.take()
          const body = this.#body('}')
          this.take()
          return this.#compound(token.start, { kind: 'group', body, redirects: [], line, source: '' })
        }
        case '[[': {
          this.take()
          const expression = this.conditionOr()
          if (this.plain() !== ']]') throw this.conditionError(this.peek())
          this.take()
          return this.#compound(token.start, { kind: 'conditional', expression, redirects: [], line, source: '' })
        }
        case 'function': {
          this.take()
          const name = this.take()
          if (name.kind !== 'word') throw this.unexpected(name)
          if (this.isOperator('(')) {
            this.take()
            this.expect(')')
          }
          return this.functionBody(textOf(name.word), token.start)
        }
        default:
          throw this.unexpected(token)
      }
    }
    return this.simple()
  }

  #parenthesis(token: Token): Command {
    const line = this.lineAt(token.start)
    if (this.source[token.start + 1] === '(') {
      const found = this.arithmeticText(token.start + 2)
      if (found) {
        const expression = this.arithmeticWord(found.text, token.start)
        this.peeked = undefined
        this.position = this.lastEnd = found.end
        return this.#compound(token.start, { kind: 'arithmetic', expression, redirects: [], line, source: '' })
      }
    }
    this.take()
    const body = this.#body(')')
    this.expect(')')
    return this.#compound(token.start, { kind: 'subshell', body, redirects: [], line, source: '' })
  }

  #compound<C extends Extract<Command, { redirects: Redirect[] }>>(start: number, command: C): C {
    for (;;) {
      const redirect = this.redirect()
      if (!redirect) break
      command.redirects.push(redirect)
    }
    command.source = this.source.slice(start, this.lastEnd)
    return command
  }

  protected override functionBody(name: string, start: number): Command {
    this.newlines()
    const token = this.peek()
    const plain = this.plain()
    if (!this.isOperator('(') && !COMPOUND.includes(plain ?? '')) throw this.unexpected(token)
    const body = this.#command()
    return { kind: 'function', name, body, line: this.lineAt(start), source: this.source.slice(start, this.lastEnd) }
  }

  #if(line: number): If {
    const branches: If['branches'] = []
    let otherwise: List | undefined
    this.take()
    for (;;) {
      const condition = this.#body('then')
      this.take()
      branches.push({ condition, body: this.#body('elif', 'else', 'fi') })
      const plain = this.plain()
      this.take()
      if (plain === 'fi') break
      if (plain === 'else') {
        otherwise = this.#body('fi')
        this.take()
        break
      }
    }
    return { kind: 'if', branches, otherwise, redirects: [], line, source: '' }
  }

  #while(line: number, until: boolean): Extract<Command, { kind: 'while' }> {
    this.take()
    const condition = this.#body('do')
    return { kind: 'while', until, condition, body: this.#doGroup(), redirects: [], line, source: '' }
  }

  #doGroup(): List {
    this.expect('do')
    const body = this.#body('done')
    this.take()
    return body
  }

  #for(line: number): Extract<Command, { kind: 'for' | 'arithmetic-for' }> {
    this.take()
    const token = this.peek()
    if (this.isOperator('(') && this.source[token.start + 1] === '(') {
      if (this.options.flavour === 'dash') throw new ParseError('Syntax error: Bad for loop variable', this.lineAt(token.start))
      if (this.options.flavour === 'busybox') throw new ParseError('syntax error: bad for loop variable', this.lineAt(token.start))
      const found = this.arithmeticText(token.start + 2)
      if (!found) throw this.unexpected(token)
      this.peeked = undefined
      this.position = this.lastEnd = found.end
      const parts = found.text.split(';')
      if (parts.length !== 3) throw Object.assign(new ParseError('syntax error: arithmetic expression required', line, { showLine: true }), { lineText: `((${found.text}))`, again: 'syntax error: ' })
      const [init, test, step] = parts.map((p) => this.arithmeticWord(p, token.start)) as [Word, Word, Word]
      if (this.isOperator(';')) this.take()
      this.newlines()
      const body = this.plain() === '{' ? this.#braceGroup() : this.#doGroup()
      return { kind: 'arithmetic-for', init, test, step, body, redirects: [], line, source: '' }
    }
    return { kind: 'for', ...this.#namedLoop(), redirects: [], line, source: '' }
  }

  #select(line: number): Extract<Command, { kind: 'select' }> {
    this.take()
    return { kind: 'select', ...this.#namedLoop(), redirects: [], line, source: '' }
  }

  /** `coproc NAME compound` or `coproc command`. */
  #coprocess(start: number): Command {
    this.take()
    const token = this.peek()
    const plain = this.plain()
    let name = 'COPROC'
    if (token.kind === 'word' && plain !== undefined && !COMPOUND.includes(plain) && /^[ \t]*(\{|\(|\[\[|(if|for|select|while|until|case)\b)/.test(this.source.slice(token.end))) {
      name = plain
      this.take()
    }
    const command = this.#command()
    return { kind: 'coprocess', name, command, line: this.lineAt(start), source: this.source.slice(start, this.lastEnd) }
  }

  /** What follows `for` and `select`: NAME [in WORD…] do … done. */
  #namedLoop(): { name: string; words?: Word[]; body: List } {
    let token = this.peek()
    if (token.kind === 'end' && !this.options.interactive) token = { kind: 'newline', start: token.start, end: token.end }
    if (token.kind !== 'word') throw this.unexpected(token)
    this.take()
    const name = this.source.slice(token.start, token.end)
    let words: Word[] | undefined
    this.newlines()
    if (this.plain() === 'in') {
      this.take()
      words = []
      for (;;) {
        const next = this.peek()
        if (next.kind !== 'word') break
        this.take()
        words.push(next.word)
      }
      const end = this.peek()
      if (end.kind !== 'newline' && !this.isOperator(';')) throw this.unexpected(end)
    }
    if (this.isOperator(';')) this.take()
    this.newlines()
    const body = this.plain() === '{' ? this.#braceGroup() : this.#doGroup()
    return { name, words, body }
  }

  #braceGroup(): List {
    this.take()
    const body = this.#body('}')
    this.take()
    return body
  }

  #case(line: number): Case {
    this.take()
    const token = this.take()
    if (token.kind !== 'word') throw this.unexpected(token)
    const items: Case['items'] = []
    this.newlines()
    this.expect('in')
    this.newlines()
    while (this.plain() !== 'esac') {
      if (this.isOperator('(')) this.take()
      const patterns: Word[] = []
      for (;;) {
        const pattern = this.take()
        if (pattern.kind !== 'word') throw this.unexpected(pattern)
        patterns.push(pattern.word)
        if (!this.isOperator('|')) break
        this.take()
      }
      this.expect(')')
      const body = this.#list((t) => t.kind === 'operator' && t.text.startsWith(';') && t.text !== ';', true)
      if (this.isOperator(';;', ';&', ';;&')) items.push({ patterns, body, end: (this.take() as { text: ';;' | ';&' | ';;&' }).text })
      else {
        items.push({ patterns, body, end: ';;' })
        this.newlines()
        if (this.plain() !== 'esac') throw this.unexpected(this.peek())
      }
      this.newlines()
    }
    this.take()
    return { kind: 'case', word: token.word, items, redirects: [], line, source: '' }
  }
}
