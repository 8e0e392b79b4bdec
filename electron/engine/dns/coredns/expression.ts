import { cidrContains, ipVersion, isValidIp, tryParseCidr } from '../../network/address.ts'
import { own } from '../../own.ts'
import { tokensOf, type Token } from './expression-tokens.ts'
import { goRegExp } from './go-regexp.ts'

/** What view's `expr` asks with: expr-lang as far as conditions about a query go (plugin/pkg/expression, expr-lang.org/docs/language-definition). */
export type ExpressionType = 'string' | 'int' | 'float64' | 'bool' | '[]interface {}' | 'nil' | 'unknown'
type Value = string | number | boolean | null | readonly Value[]

/** What it may ask of a query. */
export interface ExpressionEnv {
  functions: Readonly<Record<'type' | 'name' | 'class' | 'proto' | 'client_ip' | 'port' | 'server_ip' | 'server_port', () => string>>
  numbers: Readonly<Record<'size' | 'id' | 'opcode' | 'bufsize', () => number>>
  do: () => boolean
  metadata(label: string): string
}

/** A mistake in one; the message is expr-lang's, with the line and a mark under it. */
export class ExpressionError extends Error {}
/** Part of the language that is not known here. */
export class ExpressionUnknown extends Error {}
/** While it runs: the answer is no. */
class Failure extends Error {}

interface Node { type: ExpressionType; run(env: ExpressionEnv): Value }

/** Throws ExpressionError and ExpressionUnknown. The condition fails where it cannot be told. */
export function compileExpression(source: string): (env: ExpressionEnv) => boolean {
  const node = new Compiler(source).whole()
  return (env) => {
    try {
      return node.run(env) === true
    } catch (error) {
      if (error instanceof Failure) return false
      throw error
    }
  }
}

/** Binary operators by how close they bind (expr-lang parser/operator). */
const BINARY: Readonly<Record<string, number>> = {
  or: 10, '||': 10, and: 15, '&&': 15, '==': 20, '!=': 20, '<': 20, '>': 20, '<=': 20, '>=': 20, in: 20, 'not in': 20, matches: 20, contains: 20, startsWith: 20, endsWith: 20,
  '..': 25, '+': 30, '-': 30, '*': 60, '/': 60, '%': 60, '**': 100, '^': 100, '??': 500,
}
const UNARY: Readonly<Record<string, number>> = { not: 50, '!': 50, '-': 90, '+': 90 }
const STRINGS = new Set(['type', 'name', 'class', 'proto', 'client_ip', 'port', 'server_ip', 'server_port'])
const NUMBERS = new Set(['size', 'id', 'opcode', 'bufsize'])
/** Of the language itself, with one argument or two. */
const BUILTINS: Readonly<Record<string, { takes: readonly ExpressionType[]; type: ExpressionType; run: (...args: never[]) => Value }>> = {
  len: { takes: ['unknown'], type: 'int', run: (v: string | readonly Value[]) => [...v].length },
  upper: { takes: ['string'], type: 'string', run: (v: string) => v.toUpperCase() },
  lower: { takes: ['string'], type: 'string', run: (v: string) => v.toLowerCase() },
  trim: { takes: ['string'], type: 'string', run: (v: string) => v.trim() },
  hasPrefix: { takes: ['string', 'string'], type: 'bool', run: (v: string, w: string) => v.startsWith(w) },
  hasSuffix: { takes: ['string', 'string'], type: 'bool', run: (v: string, w: string) => v.endsWith(w) },
  indexOf: { takes: ['string', 'string'], type: 'int', run: (v: string, w: string) => v.indexOf(w) },
  trimPrefix: { takes: ['string', 'string'], type: 'string', run: (v: string, w: string) => (v.startsWith(w) ? v.slice(w.length) : v) },
  trimSuffix: { takes: ['string', 'string'], type: 'string', run: (v: string, w: string) => (w !== '' && v.endsWith(w) ? v.slice(0, -w.length) : v) },
  split: { takes: ['string', 'string'], type: '[]interface {}', run: (v: string, w: string) => v.split(w) },
  string: { takes: ['unknown'], type: 'string', run: (v: Value) => String(v) },
  int: {
    takes: ['unknown'], type: 'int',
    run: (v: Value) => {
      if (typeof v === 'string' && !/^[+-]?\d+$/.test(v)) throw new Failure()
      return Math.trunc(Number(v))
    },
  },
}
const OTHER_BUILTINS = new Set(['all', 'none', 'any', 'one', 'filter', 'map', 'count', 'find', 'findIndex', 'findLast', 'findLastIndex', 'groupBy', 'sum', 'mean', 'median', 'reduce', 'abs', 'ceil', 'floor', 'round', 'float', 'repeat', 'replace', 'splitAfter', 'join', 'lastIndexOf', 'max', 'min', 'toJSON', 'fromJSON', 'toBase64', 'fromBase64', 'now', 'duration', 'date', 'timezone', 'first', 'last', 'get', 'take', 'keys', 'values', 'toPairs', 'fromPairs', 'reverse', 'concat', 'uniq', 'sort', 'sortBy', 'bitand', 'bitor', 'bitxor', 'bitnand', 'bitshl', 'bitshr', 'bitushr', 'bitnot', 'let'])

class Compiler {
  readonly #source: string
  readonly #tokens: Token[]
  #at = 0

  constructor(source: string) {
    this.#source = source
    this.#tokens = tokensOf(source, (message, at) => this.#error(message, at))
  }

  whole(): Node {
    const node = this.#expression(0)
    if (this.#token.kind !== 'EOF') throw this.#unexpected()
    return node
  }

  get #token(): Token {
    return this.#tokens[this.#at]!
  }

  #error(message: string, at: number): ExpressionError {
    return new ExpressionError(`${message} (1:${at + 1})\n | ${this.#source}\n | ${'.'.repeat(at)}^`)
  }

  #unexpected(): ExpressionError {
    const { kind, text, at } = this.#token
    return this.#error(`unexpected token ${kind === 'EOF' ? kind : `${kind}(${JSON.stringify(text)})`}`, at)
  }

  #takes(text: string): boolean {
    const { kind } = this.#token
    if (this.#token.text !== text || (kind !== 'Operator' && kind !== 'Bracket')) return false
    this.#at++
    return true
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw this.#unexpected()
  }

  /** The operator that stands here; "not in" is one. */
  #operator(): string | undefined {
    const { kind, text } = this.#token
    if (kind !== 'Operator') return undefined
    if (text === 'not') return this.#tokens[this.#at + 1]?.text === 'in' ? 'not in' : undefined
    return text
  }

  #expression(least: number): Node {
    let left = this.#primary()
    for (let op; (op = this.#operator()) !== undefined; ) {
      const closeness = own(BINARY, op)
      if (closeness === undefined || closeness < least) break
      const { at } = this.#token
      this.#at += op === 'not in' ? 2 : 1
      const right = this.#expression(op === '**' || op === '^' ? closeness : closeness + 1)
      left = this.#binary(op, left, right, at)
    }
    if (least > 0 || !this.#takes('?')) return left
    const condition = left
    const yes = this.#expression(0)
    this.#expect(':')
    const no = this.#expression(0)
    return { type: yes.type === no.type ? yes.type : 'unknown', run: (env) => (condition.run(env) === true ? yes.run(env) : no.run(env)) }
  }

  #primary(): Node {
    const { kind, text, at } = this.#token
    if (kind === 'Operator' && own(UNARY, text) !== undefined) {
      this.#at++
      const of = this.#expression(UNARY[text]!)
      const logical = text === 'not' || text === '!'
      if (of.type !== 'unknown' && (logical ? of.type !== 'bool' : of.type !== 'int' && of.type !== 'float64')) throw this.#error(`invalid operation: ${text} (mismatched type ${of.type})`, at)
      return { type: of.type, run: (env) => (logical ? of.run(env) !== true : text === '-' ? -(of.run(env) as number) : of.run(env)) }
    }
    if (this.#takes('(')) {
      const inner = this.#expression(0)
      this.#expect(')')
      return this.#after(inner)
    }
    if (this.#takes('[')) return this.#after(this.#array())
    if (kind === 'Bracket' && text === '{') throw new ExpressionUnknown(text)
    this.#at++
    if (kind === 'String') return this.#after({ type: 'string', run: () => text })
    if (kind === 'Number') return { type: /[.e]/.test(text) ? 'float64' : 'int', run: () => Number(text) }
    if (kind !== 'Identifier') {
      this.#at--
      throw this.#unexpected()
    }
    if (text === 'true' || text === 'false') return { type: 'bool', run: () => text === 'true' }
    if (text === 'nil') return { type: 'nil', run: () => null }
    if (this.#token.text === '(' && this.#token.kind === 'Bracket') return this.#after(this.#call(text, at))
    if (OTHER_BUILTINS.has(text)) throw new ExpressionUnknown(text)
    if (text !== 'incidr' && text !== 'metadata' && text !== 'do' && !STRINGS.has(text) && !NUMBERS.has(text)) throw this.#error(`unknown name ${text}`, at)
    // a function that nobody calls
    return { type: 'unknown', run: () => null }
  }

  #after(node: Node): Node {
    const { kind, text } = this.#token
    if ((kind === 'Bracket' && text === '[') || (kind === 'Operator' && (text === '.' || text === '?.' || text === '|'))) throw new ExpressionUnknown(text)
    return node
  }

  #array(): Node {
    const items = this.#list(']')
    return { type: '[]interface {}', run: (env) => items.map((item) => item.run(env)) }
  }

  #list(end: string): Node[] {
    const items: Node[] = []
    while (!this.#takes(end)) {
      if (items.length > 0) this.#expect(',')
      if (end === ']' && this.#takes(end)) break
      items.push(this.#expression(0))
    }
    return items
  }

  #call(name: string, at: number): Node {
    this.#at++
    const args = this.#list(')')
    const checked = (takes: readonly ExpressionType[]): void => {
      if (args.length > takes.length) throw this.#error(`too many arguments to call ${name}`, at)
      if (args.length < takes.length) throw this.#error(`not enough arguments to call ${name}`, at)
      for (const [i, { type }] of args.entries()) if (takes[i] !== 'unknown' && type !== 'unknown' && type !== takes[i]) throw this.#error(`cannot use ${type} as argument (type ${takes[i]!}) to call ${name} `, at)
    }
    if (STRINGS.has(name)) {
      checked([])
      return { type: 'string', run: (env) => env.functions[name as 'type']() }
    }
    if (NUMBERS.has(name)) {
      checked([])
      return { type: 'int', run: (env) => env.numbers[name as 'id']() }
    }
    if (name === 'do') {
      checked([])
      return { type: 'bool', run: (env) => env.do() }
    }
    if (name === 'metadata') {
      checked(['string'])
      return { type: 'string', run: (env) => env.metadata(args[0]!.run(env) as string) }
    }
    if (name === 'incidr') {
      checked(['string', 'string'])
      return { type: 'bool', run: (env) => inCidr(args[0]!.run(env) as string, args[1]!.run(env) as string) }
    }
    const builtin = own(BUILTINS, name)
    if (!builtin) throw OTHER_BUILTINS.has(name) ? new ExpressionUnknown(name) : this.#error(`unknown name ${name}`, at)
    checked(builtin.takes)
    return { type: builtin.type, run: (env) => builtin.run(...(args.map((arg) => arg.run(env)) as never[])) }
  }

  #binary(op: string, left: Node, right: Node, at: number): Node {
    const [a, b] = [left.type, right.type]
    const known = a !== 'unknown' && b !== 'unknown'
    const number = (type: ExpressionType): boolean => type === 'int' || type === 'float64'
    const both = (fits: (type: ExpressionType) => boolean): boolean => fits(a) && fits(b)
    const require = (fits: boolean): void => {
      if (known && !fits) throw this.#error(`invalid operation: ${op} (mismatched types ${a} and ${b})`, at)
    }
    const string = (type: ExpressionType): boolean => type === 'string'
    const made = (type: ExpressionType, run: (x: never, y: never) => Value): Node => ({ type, run: (env) => run(left.run(env) as never, right.run(env) as never) })
    switch (op) {
      case '==':
      case '!=':
        require(a === b || both(number) || a === 'nil' || b === 'nil')
        return made('bool', (x: Value, y: Value) => (JSON.stringify(x) === JSON.stringify(y)) === (op === '=='))
      case 'or':
      case '||':
      case 'and':
      case '&&': {
        require(both((type) => type === 'bool'))
        const decided = op === 'or' || op === '||'
        return { type: 'bool', run: (env) => ((left.run(env) === true) === decided ? decided : right.run(env) === true) }
      }
      case '<':
      case '>':
      case '<=':
      case '>=':
        require(both(number) || both(string))
        return made('bool', (x: number, y: number) => (op === '<' ? x < y : op === '>' ? x > y : op === '<=' ? x <= y : x >= y))
      case 'in':
      case 'not in':
        require(b === '[]interface {}')
        return made('bool', (x: Value, y: readonly Value[]) => y.includes(x) === (op === 'in'))
      case 'matches': {
        require(both(string))
        const { kind, text } = this.#tokens[this.#at - 1]!
        if (kind !== 'String') return made('bool', (x: string, y: string) => this.#regex(y, at).test(x))
        const regex = this.#regex(text, at)
        return made('bool', (x: string) => regex.test(x))
      }
      case 'contains':
      case 'startsWith':
      case 'endsWith':
        require(both(string))
        return made('bool', (x: string, y: string) => (op === 'contains' ? x.includes(y) : op === 'startsWith' ? x.startsWith(y) : x.endsWith(y)))
      case '..':
        require(both((type) => type === 'int'))
        return made('[]interface {}', (x: number, y: number) => Array.from({ length: Math.max(0, Math.min(65_536, y - x + 1)) }, (_, i) => x + i))
      case '??':
        return made('unknown', (x: Value, y: Value) => x ?? y)
      case '+':
        if (both(string)) return made('string', (x: string, y: string) => x + y)
        break
      case '%':
        require(both((type) => type === 'int'))
        return made('int', (x: number, y: number) => x % y)
    }
    require(both(number))
    return made(op === '/' || op === '**' || op === '^' || a !== b ? 'float64' : 'int', (x: number, y: number) => (op === '+' ? x + y : op === '-' ? x - y : op === '*' ? x * y : op === '/' ? x / y : x ** y))
  }

  #regex(text: string, at: number): RegExp {
    try {
      return goRegExp(text)
    } catch {
      throw this.#error(`error parsing regexp: invalid regular expression: \`${text}\``, at)
    }
  }
}

function inCidr(address: string, net: string): boolean {
  if (!isValidIp(address) || !tryParseCidr(net)) throw new Failure()
  return ipVersion(address) === ipVersion(net.split('/')[0]!) && cidrContains(net, address)
}
