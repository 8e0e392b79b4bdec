import { NotSimulatedError, quote } from '../errors.ts'

/** Go's text/template, as far as kubectl's users write it: {{range}}, {{if}}, {{with}}, variables, pipelines, functions. */
export type Operand =
  | { kind: 'dot' }
  | { kind: 'field'; names: readonly string[] }
  | { kind: 'variable'; name: string; names: readonly string[] }
  | { kind: 'function'; name: string }
  | { kind: 'constant'; value: unknown; text: string }
  | { kind: 'pipe'; pipe: Pipe; names: readonly string[] }
export type Word = Operand & { at: number }
export interface Pipe {
  variables: readonly string[]
  /** "=" and not ":=". */
  assigns: boolean
  commands: readonly (readonly Word[])[]
}
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'action'; pipe: Pipe }
  | { kind: 'branch'; word: 'if' | 'with' | 'range'; pipe: Pipe; body: readonly Node[]; otherwise: readonly Node[] }
  | { kind: 'break' | 'continue' }

/** A number with a point that the template itself has, even if it is whole; those of objects are int64 where they are whole. */
export class GoFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** A whole number that the template itself has: Go's int. */
export class GoInt {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export class TemplateError extends Error {}

interface Token { kind: 'field' | 'variable' | 'identifier' | 'constant' | 'mark' | 'space'; text: string; value?: unknown; at: number }
interface Piece { text?: string; tokens?: readonly Token[]; at: number; action?: string }

const TOKEN = /(\s+)|("(?:[^"\\\n]|\\.)*")|(`[^`]*`)|('(?:[^'\\]|\\.)')|([-+]?\d[\w.]*)|(\$\w*)|(\.[A-Za-z_]\w*)|([A-Za-z_]\w*)|(:=|[|()=,.])/y
const UNSUPPORTED = ['define', 'template', 'block']
const BLOCKS = ['if', 'with', 'range']

/** `{{range .items}}`, and also `{{range.items}}`. */
function afterWord(tokens: readonly Token[]): readonly Token[] {
  return tokens.slice(tokens[1]?.kind === 'space' ? 2 : 1)
}

export class Parser {
  readonly #source: string
  readonly #functions: ReadonlySet<string>
  #pieces: Piece[] = []
  #next = 0
  #ranges = 0
  /** Variables that there are at this point. */
  readonly #variables = ['$']

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source
    this.#functions = functions
  }

  parse(): readonly Node[] {
    this.#split()
    const { nodes, end, at } = this.#list(new Set())
    if (end) this.#fail(at, `unexpected {{${end}}}`)
    return nodes
  }

  #line(at: number): number {
    return this.#source.slice(0, at).split('\n').length
  }

  #fail(at: number, message: string): never {
    throw new TemplateError(`template: output:${this.#line(at)}: ${message}`)
  }

  /** Texts and actions, with the blanks gone that {{- and -}} take. */
  #split(): void {
    const source = this.#source
    let at = 0
    let trim = false
    while (at < source.length) {
      const open = source.indexOf('{{', at)
      let text = source.slice(at, open < 0 ? source.length : open)
      if (trim) text = text.trimStart()
      if (open < 0) return void (text && this.#pieces.push({ text, at }))
      const before = /^\{\{-\s/.test(source.slice(open, open + 4))
      if (before) text = text.trimEnd()
      if (text) this.#pieces.push({ text, at })
      let from = open + (before ? 3 : 2)
      const comment = /^\s*\/\*[\s\S]*?\*\/( -)?\}\}/.exec(source.slice(from))
      if (comment) {
        trim = comment[1] !== undefined
        at = from + comment[0].length
        continue
      }
      const tokens: Token[] = []
      for (;;) {
        const close = /^(\s+-)?\}\}/.exec(source.slice(from, from + 100))
        if (close) {
          trim = close[1] !== undefined
          at = from + close[0].length
          break
        }
        if (from >= source.length) this.#fail(from, 'unclosed action')
        TOKEN.lastIndex = from
        const match = TOKEN.exec(source)
        if (!match) {
          if (source[from] === '"') this.#fail(from, 'unterminated quoted string')
          this.#fail(from, `unexpected ${quote(source[from]!)} in command`)
        }
        tokens.push(this.#token(match, from))
        from = TOKEN.lastIndex
      }
      this.#pieces.push({ tokens: tokens.slice(tokens[0]?.kind === 'space' ? 1 : 0, tokens.at(-1)?.kind === 'space' ? -1 : undefined), at: open })
    }
  }

  #token(match: RegExpExecArray, at: number): Token {
    const [text, space, string, raw, char, number, variable, field, identifier] = match
    if (space !== undefined) return { kind: 'space', text, at }
    if (string !== undefined) return { kind: 'constant', text, value: unquoted(string), at }
    if (raw !== undefined) return { kind: 'constant', text, value: raw.slice(1, -1), at }
    if (char !== undefined) return { kind: 'constant', text, value: new GoInt(unquoted(`"${char.slice(1, -1)}"`).codePointAt(0)!), at }
    if (number !== undefined) {
      const value = Number(number.replaceAll('_', ''))
      if (Number.isNaN(value)) this.#fail(at, `bad number syntax: ${quote(number)}`)
      return { kind: 'constant', text, value: /^[-+]?(\d+|0x[\da-f]+)$/i.test(number) ? new GoInt(value) : new GoFloat(value), at }
    }
    if (variable !== undefined) return { kind: 'variable', text, at }
    if (field !== undefined) return { kind: 'field', text, at }
    if (identifier !== undefined) {
      if (identifier === 'true' || identifier === 'false') return { kind: 'constant', text, value: identifier === 'true', at }
      if (identifier === 'nil') return { kind: 'constant', text, value: null, at }
      return { kind: 'identifier', text, at }
    }
    return { kind: 'mark', text, at }
  }

  /** Up to an {{end}} or {{else}} of the block that it is in. */
  #list(ends: ReadonlySet<string>): { nodes: Node[]; end?: string; rest?: readonly Token[]; at: number } {
    const nodes: Node[] = []
    while (this.#next < this.#pieces.length) {
      const { text, tokens, at } = this.#pieces[this.#next++]!
      if (text !== undefined) {
        nodes.push({ kind: 'text', text })
        continue
      }
      const first = tokens![0]
      const word = first?.kind === 'identifier' ? first.text : ''
      if (word === 'end' || word === 'else') {
        if (!ends.has(word)) this.#fail(at, `unexpected {{${word}}}`)
        return { nodes, end: word, rest: afterWord(tokens!), at }
      }
      if (UNSUPPORTED.includes(word)) throw new NotSimulatedError(`{{${word}}} in a Go template`, 'write the template out')
      if (word === 'break' || word === 'continue') {
        if (this.#ranges === 0) this.#fail(at, `{{${word}}} outside {{range}}`)
        nodes.push({ kind: word })
      } else if (BLOCKS.includes(word)) nodes.push(this.#branch(word as 'if', afterWord(tokens!), at))
      else nodes.push({ kind: 'action', pipe: this.#pipe([...tokens!], at, 'command') })
    }
    if (ends.size > 0) this.#fail(this.#source.length, 'unexpected EOF')
    return { nodes, at: this.#source.length }
  }

  #branch(word: 'if' | 'with' | 'range', tokens: readonly Token[], at: number): Node {
    const depth = this.#variables.length
    const node = this.#branchOf(word, tokens, at)
    this.#variables.length = depth
    return node
  }

  #branchOf(word: 'if' | 'with' | 'range', tokens: readonly Token[], at: number): Node {
    const pipe = this.#pipe([...tokens], at, word)
    if (word === 'range') this.#ranges++
    const body = this.#list(new Set(['end', 'else']))
    if (word === 'range') this.#ranges--
    if (body.end === 'end') return { kind: 'branch', word, pipe, body: body.nodes, otherwise: [] }
    const more = body.rest!
    if (more.length > 0 && word !== 'range') return { kind: 'branch', word, pipe, body: body.nodes, otherwise: [this.#branch(more[0]!.text as 'if', more.slice(2), body.at)] }
    const otherwise = this.#list(new Set(['end']))
    return { kind: 'branch', word, pipe, body: body.nodes, otherwise: otherwise.nodes }
  }

  #pipe(tokens: Token[], at: number, context: string, closing = false): Pipe {
    const variables: string[] = []
    let assigns = false
    const rest = tokens.filter((t) => t.kind !== 'space')
    const head = rest.slice(0, 4).map((t) => (t.kind === 'variable' ? '$' : t.text)).join(' ')
    const declared = /^\$ (?::=|=)|^\$ , \$ (?::=|=)/.exec(head)
    if (declared && !closing) {
      const mark = tokens.findIndex((t) => t.text === ':=' || t.text === '=')
      variables.push(...tokens.slice(0, mark).filter((t) => t.kind === 'variable').map((t) => t.text))
      assigns = tokens[mark]!.text === '='
      tokens.splice(0, mark + 1)
    }
    const commands: Word[][] = []
    let command: Word[] = []
    const finish = (): void => {
      if (command.length === 0) this.#fail(at, `missing value for ${context}`)
      commands.push(command)
      command = []
    }
    for (;;) {
      const token = tokens.shift()
      if (!token || (token.text === ')' && token.kind === 'mark')) {
        if (closing && !token) this.#fail(at, 'unclosed left paren')
        if (!closing && token) this.#fail(at, 'unexpected right paren')
        finish()
        if (!assigns) this.#variables.push(...variables)
        return { variables, assigns, commands }
      }
      if (token.kind === 'space') continue
      if (token.kind === 'mark' && token.text === '|') finish()
      else command.push(this.#operand(token, tokens))
    }
  }

  #operand(token: Token, tokens: Token[]): Word {
    const { at, text } = token
    // a chain stands where its second part does
    const after = (own: number): number => (tokens[0]?.kind === 'field' ? tokens[0].at : own)
    const names = (): string[] => {
      const out: string[] = []
      while (tokens[0]?.kind === 'field') out.push(tokens.shift()!.text.slice(1))
      return out
    }
    switch (token.kind) {
      case 'field':
        return { kind: 'field', at: after(at), names: [text.slice(1), ...names()] }
      case 'variable':
        if (!this.#variables.includes(text)) this.#fail(at, `undefined variable ${quote(text)}`)
        return { kind: 'variable', name: text, at: after(at), names: names() }
      case 'constant':
        return { kind: 'constant', value: token.value, text, at }
      case 'identifier':
        if (!this.#functions.has(text)) this.#fail(at, `function ${quote(text)} not defined`)
        return { kind: 'function', name: text, at }
      default:
        if (text === '(') {
          const pipe = this.#pipe(tokens, at, 'parenthesized pipeline', true)
          return { kind: 'pipe', pipe, names: names(), at }
        }
        if (text === '.') return { kind: 'dot', at }
        return this.#fail(at, `unexpected ${quote(text).replace(/^"|"$/g, '"')} in operand`)
    }
  }
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(x[\da-f]{2}|u[\da-f]{4}|.)/gi, (_, c: string) => {
    if (c.length > 1) return String.fromCodePoint(parseInt(c.slice(1), 16))
    return ({ n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' } as Record<string, string>)[c] ?? c
  })
}
