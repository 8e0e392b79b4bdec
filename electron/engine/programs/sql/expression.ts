import { SqlFailure, sqlError, SqlNotSimulated } from './database.ts'
import type { TokenCursor } from './tokens.ts'

/** Values are texts, numbers among them; NULL is null. */
export type Value = string | null
export type Row = readonly Value[]

/** `of` gets the rows of its group, and the one that stands for it. */
export interface Expression { name: string; numeric: boolean; aggregate: boolean; of(row: Row, group: readonly Row[]): Value }

export interface Scope {
  mysql: boolean
  /** Where a column is, and whether it holds numbers; undefined: there is none of this name. */
  column(name: string, table: string | undefined): { at: number; numeric: boolean } | undefined
  /** A variable, or a function without arguments ("now()"). */
  variable(name: string): Value | undefined
}

const NUMBER = /^-?\d+(\.\d+)?$/

export function compare(a: Value, b: Value): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  if (NUMBER.test(a) && NUMBER.test(b)) return Number(a) - Number(b)
  return a < b ? -1 : a > b ? 1 : 0
}

const AGGREGATES = new Set(['count', 'sum', 'min', 'max', 'avg'])
const CONSTANT: ReadonlySet<string> = new Set(['NULL', 'TRUE', 'FALSE'])

export class ExpressionReader {
  readonly #cursor: TokenCursor
  readonly #scope: Scope

  constructor(cursor: TokenCursor, scope: Scope) {
    this.#cursor = cursor
    this.#scope = scope
  }

  /** An expression; MySQL calls it by its text. */
  read(): Expression {
    const from = this.#cursor.place
    const first = this.#cursor.next
    const found = this.#or()
    if (!this.#scope.mysql || first?.kind === 'name') return found
    const text = this.#cursor.since(from)
    return { ...found, name: first?.kind === 'string' && this.#cursor.since(from).length === first.to - first.from ? first.text : /^[\w$]+\.[\w$]+$/.test(text) ? text.split('.')[1]! : text }
  }

  #truth(value: boolean | null): Value {
    return value === null ? null : this.#scope.mysql ? (value ? '1' : '0') : value ? 't' : 'f'
  }

  #logical(aggregate: boolean, of: (row: Row, group: readonly Row[]) => boolean | null): Expression {
    return { name: '?column?', numeric: this.#scope.mysql, aggregate, of: (row, group) => this.#truth(of(row, group)) }
  }

  #or(): Expression {
    let left = this.#and()
    while (this.#cursor.accept('OR')) {
      const [a, b] = [left, this.#and()]
      left = this.#logical(a.aggregate || b.aggregate, (row, group) => {
        const [x, y] = [truthOf(a.of(row, group)), truthOf(b.of(row, group))]
        return x || y ? true : x === null || y === null ? null : false
      })
    }
    return left
  }

  #and(): Expression {
    let left = this.#not()
    while (this.#cursor.accept('AND')) {
      const [a, b] = [left, this.#not()]
      left = this.#logical(a.aggregate || b.aggregate, (row, group) => {
        const [x, y] = [truthOf(a.of(row, group)), truthOf(b.of(row, group))]
        return x === false || y === false ? false : x === null || y === null ? null : true
      })
    }
    return left
  }

  #not(): Expression {
    if (!this.#cursor.accept('NOT')) return this.#predicate()
    const inner = this.#not()
    return this.#logical(inner.aggregate, (row, group) => {
      const value = truthOf(inner.of(row, group))
      return value === null ? null : !value
    })
  }

  #predicate(): Expression {
    const left = this.#sum()
    const cursor = this.#cursor
    if (cursor.accept('IS')) {
      const not = cursor.accept('NOT')
      cursor.expect('NULL')
      return this.#logical(left.aggregate, (row, group) => (left.of(row, group) === null) !== not)
    }
    const not = cursor.sees('NOT') && cursor.accept('NOT')
    const test = (aggregate: boolean, of: (value: string, row: Row, group: readonly Row[]) => boolean | null): Expression => this.#logical(left.aggregate || aggregate, (row, group) => {
      const value = left.of(row, group)
      const result = value === null ? null : of(value, row, group)
      return result === null ? null : result !== not
    })
    const folds = cursor.accept('ILIKE')
    if (folds || cursor.accept('LIKE')) {
      const pattern = this.#sum()
      return test(pattern.aggregate, (value, row, group) => {
        const text = pattern.of(row, group)
        return text === null ? null : like(text, value, folds || this.#scope.mysql)
      })
    }
    if (cursor.accept('IN')) {
      cursor.expect('(')
      const items: Expression[] = []
      do items.push(this.#or()); while (cursor.accept(','))
      cursor.expect(')')
      return test(false, (value, row, group) => items.some((item) => compare(item.of(row, group), value) === 0))
    }
    if (cursor.accept('BETWEEN')) {
      const low = this.#sum()
      cursor.expect('AND')
      const high = this.#sum()
      return test(false, (value, row, group) => compare(value, low.of(row, group)) >= 0 && compare(value, high.of(row, group)) <= 0)
    }
    if (not) throw new SqlNotSimulated(`SQL at "NOT ${cursor.next?.text ?? ''}"`)
    const sign = cursor.next?.kind === 'sign' ? SIGNS.get(cursor.next.text) : undefined
    if (!sign) return left
    cursor.take()
    const right = this.#sum()
    return test(right.aggregate, (value, row, group) => {
      const other = right.of(row, group)
      return other === null ? null : sign(this.#scope.mysql ? compare(value.toLowerCase(), other.toLowerCase()) : compare(value, other))
    })
  }

  #sum(): Expression {
    let left = this.#product()
    for (;;) {
      const sign = ['+', '-', '||'].find((each) => this.#cursor.next?.kind === 'sign' && this.#cursor.next.text === each)
      if (sign === undefined || (sign === '||' && this.#scope.mysql)) return left
      this.#cursor.take()
      const [a, b] = [left, this.#product()]
      left = sign === '||' ? this.#both(a, b, false, (x, y) => x + y) : this.#both(a, b, true, (x, y) => decimal(sign === '+' ? Number(x) + Number(y) : Number(x) - Number(y), Math.max(places(x), places(y))))
    }
  }

  #product(): Expression {
    let left = this.#unary()
    for (;;) {
      const sign = ['*', '/', '%'].find((each) => this.#cursor.next?.kind === 'sign' && this.#cursor.next.text === each)
      if (sign === undefined) return left
      this.#cursor.take()
      const [a, b] = [left, this.#unary()]
      left = this.#both(a, b, true, (x, y) => {
        if (sign === '*') return decimal(Number(x) * Number(y), places(x) + places(y))
        if (Number(y) === 0) {
          if (this.#scope.mysql) return null
          throw new SqlFailure(sqlError(0, '22012', 'division by zero'))
        }
        if (sign === '%') return decimal(Number(x) % Number(y), Math.max(places(x), places(y)))
        if (this.#scope.mysql) return quotient(x, y, places(x) + 4)
        return places(x) + places(y) === 0 ? String(Math.trunc(Number(x) / Number(y))) : quotient(x, y, 16)
      })
    }
  }

  #both(a: Expression, b: Expression, numeric: boolean, of: (x: string, y: string) => Value): Expression {
    return { name: '?column?', numeric, aggregate: a.aggregate || b.aggregate, of: (row, group) => {
      const [x, y] = [a.of(row, group), b.of(row, group)]
      return x === null || y === null ? null : of(x, y)
    } }
  }

  #unary(): Expression {
    if (this.#cursor.next?.kind === 'sign' && this.#cursor.next.text === '-') {
      this.#cursor.take()
      const inner = this.#unary()
      return { ...inner, name: '?column?', numeric: true, of: (row, group) => {
        const value = inner.of(row, group)
        return value === null ? null : decimal(-Number(value), places(value))
      } }
    }
    const inner = this.#primary()
    if (!this.#cursor.accept('::')) return inner
    const type = this.#cursor.name().toLowerCase()
    return { ...inner, numeric: /^(int|numeric|bigint|float)/.test(type), name: inner.name === '?column?' ? CASTS.get(type) ?? type : inner.name }
  }

  #primary(): Expression {
    const cursor = this.#cursor
    const token = cursor.take()
    const constant = (value: Value, numeric: boolean, name = '?column?'): Expression => ({ name, numeric, aggregate: false, of: () => value })
    if (token.kind === 'string') return constant(token.text, false)
    if (token.kind === 'number') return constant(token.text, true)
    if (token.kind === 'sign') {
      if (token.text !== '(') throw new SqlNotSimulated(`SQL at "${token.text}"`)
      const inner = this.#or()
      cursor.expect(')')
      return inner
    }
    const word = token.text.toUpperCase()
    if (token.kind === 'word' && CONSTANT.has(word)) return word === 'NULL' ? constant(null, false) : { ...constant(this.#truth(word === 'TRUE'), this.#scope.mysql), name: this.#scope.mysql ? word : '?column?' }
    if (token.kind === 'word' && ['SELECT', 'CASE', 'CAST', 'EXISTS', 'INTERVAL', 'ARRAY'].includes(word)) throw new SqlNotSimulated(`SQL ${word} inside an expression`)
    if (token.kind === 'word' && cursor.next?.text === '(') return this.#call(token.text)
    const qualified = cursor.next?.text === '.' && cursor.accept('.') ? cursor.name() : undefined
    const [table, name] = qualified === undefined ? [undefined, token.text] : [token.text, qualified]
    const column = this.#scope.column(name, table)
    if (column) return { name, numeric: column.numeric, aggregate: false, of: (row) => row[column.at] ?? null }
    const value = table === undefined && token.kind === 'word' ? this.#scope.variable(name.toLowerCase()) : undefined
    if (value !== undefined) return constant(value, value !== null && /^\d+$/.test(value), name.toLowerCase())
    const whole = table === undefined ? name : `${table}.${name}`
    if (!this.#scope.mysql) throw new SqlFailure(sqlError(0, '42703', `column ${table === undefined ? `"${name}"` : whole} does not exist`, { position: token.from + 1 }))
    throw new SqlFailure(name.startsWith('@@') ? sqlError(1193, 'HY000', `Unknown system variable '${name.slice(2)}'`) : sqlError(1054, '42S22', `Unknown column '${whole}' in 'field list'`))
  }

  #call(written: string): Expression {
    const cursor = this.#cursor
    const name = written.toLowerCase()
    cursor.expect('(')
    if (AGGREGATES.has(name)) return this.#aggregate(name)
    const given: Expression[] = []
    if (!cursor.accept(')')) {
      do given.push(this.#or()); while (cursor.accept(','))
      cursor.expect(')')
    }
    if (given.length === 0) {
      const value = this.#scope.variable(`${name}()`)
      if (value === undefined) throw new SqlNotSimulated(`SQL function ${written}()`)
      return { name, numeric: value !== null && /^\d+$/.test(value), aggregate: false, of: () => value }
    }
    const run = FUNCTIONS.get(name)
    if (!run) throw new SqlNotSimulated(`SQL function ${written}()`)
    return { name, numeric: ['length', 'char_length', 'abs', 'round', 'floor', 'ceil'].includes(name) || (['coalesce', 'ifnull'].includes(name) && given.every((g) => g.numeric)), aggregate: given.some((g) => g.aggregate), of: (row, group) => run(given.map((g) => g.of(row, group))) }
  }

  #aggregate(name: string): Expression {
    const cursor = this.#cursor
    const distinct = cursor.accept('DISTINCT')
    const inner = cursor.accept('*') ? undefined : this.#or()
    cursor.expect(')')
    if (!inner && name !== 'count') throw new SqlNotSimulated(`SQL ${name}(*)`)
    const of = (_: Row, group: readonly Row[]): Value => {
      if (!inner) return String(group.length)
      const all = group.map((row) => inner.of(row, [row])).filter((v) => v !== null)
      const values = distinct ? [...new Set(all)] : all
      if (name === 'count') return String(values.length)
      if (values.length === 0) return null
      if (name === 'min' || name === 'max') return values.reduce((a, b) => ((name === 'min' ? compare(a, b) <= 0 : compare(a, b) >= 0) ? a : b))
      const digits = Math.max(...values.map(places))
      const sum = values.reduce((a, b) => a + Number(b), 0)
      return name === 'sum' ? decimal(sum, digits) : quotient(decimal(sum, digits), String(values.length), this.#scope.mysql ? digits + 4 : 16)
    }
    return { name, numeric: name === 'count' || name === 'sum' || name === 'avg' || inner!.numeric, aggregate: true, of }
  }
}

const SIGNS: ReadonlyMap<string, (n: number) => boolean> = new Map<string, (n: number) => boolean>([['=', (n) => n === 0], ['<>', (n) => n !== 0], ['!=', (n) => n !== 0], ['<', (n) => n < 0], ['>', (n) => n > 0], ['<=', (n) => n <= 0], ['>=', (n) => n >= 0]])
const CASTS: ReadonlyMap<string, string> = new Map([['int', 'int4'], ['integer', 'int4'], ['bigint', 'int8'], ['boolean', 'bool']])

const FUNCTIONS: ReadonlyMap<string, (values: readonly Value[]) => Value> = new Map<string, (values: readonly Value[]) => Value>([
  ['concat', (values) => values.map((v) => v ?? '').join('')],
  ['upper', ([v]) => v?.toUpperCase() ?? null], ['lower', ([v]) => v?.toLowerCase() ?? null], ['trim', ([v]) => v?.trim() ?? null],
  ['length', ([v]) => (v == null ? null : String(v.length))], ['char_length', ([v]) => (v == null ? null : String(v.length))],
  ['coalesce', (values) => values.find((v) => v !== null) ?? null], ['ifnull', (values) => values.find((v) => v !== null) ?? null],
  ['abs', ([v]) => (v == null ? null : decimal(Math.abs(Number(v)), places(v)))], ['floor', ([v]) => (v == null ? null : String(Math.floor(Number(v))))], ['ceil', ([v]) => (v == null ? null : String(Math.ceil(Number(v))))],
  ['round', ([v, digits]) => (v == null ? null : decimal(Number(v), Math.min(Number(digits ?? 0), 16)))],
])

/** A condition's value: NULL is neither. */
export function truthOf(value: Value): boolean | null {
  return value === null ? null : value === 't' || (value !== 'f' && Number(value) !== 0)
}

const places = (text: string): number => text.split('.')[1]?.length ?? 0
const decimal = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(Math.max(0, Math.min(digits, 20))) : String(value)).replace(/^-0(\.0*)?$/, '0$1')

/** A quotient with so many digits, the last one rounded. */
function quotient(x: string, y: string, digits: number): string {
  const [a, b] = [BigInt(x.replace('.', '')), BigInt(y.replace('.', ''))]
  const scaled = a * 10n ** BigInt(digits + 1 + places(y))
  const by = b * 10n ** BigInt(places(x))
  const ten = scaled / by
  const rounded = (ten + (ten < 0n ? -5n : 5n)) / 10n
  const text = String(rounded < 0n ? -rounded : rounded).padStart(digits + 1, '0')
  return `${rounded < 0n ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** % is any text, _ any character. */
function like(pattern: string, text: string, folds: boolean): boolean {
  const [p, t] = folds ? [pattern.toLowerCase(), text.toLowerCase()] : [pattern, text]
  let [i, j, star, mark] = [0, 0, -1, 0]
  while (j < t.length) {
    if (p[i] === '%') {
      star = i++
      mark = j
    } else if (i < p.length && (p[i] === '_' || p[i] === t[j])) {
      i++
      j++
    } else if (star >= 0) {
      i = star + 1
      j = ++mark
    } else return false
  }
  while (p[i] === '%') i++
  return i === p.length
}
