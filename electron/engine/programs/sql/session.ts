import { sqlError, SqlNotSimulated, type Databases, type SqlResult, type Table } from './database.ts'
import { TokenCursor, tokensOf, type Token } from './tokens.ts'

/** What the two families of servers say differently. */
export interface Dialect {
  name: 'mysql' | 'postgres'
  /** @@hostname, version() and their kin, by lower-case name; undefined: no such thing. */
  variable(name: string, session: SqlSession): string | undefined
  /** Words that only one of them has (SHOW DATABASES); undefined: not one of them. */
  special(cursor: TokenCursor, session: SqlSession): SqlResult | undefined
}

type Condition = (row: readonly (string | null)[]) => boolean

/** One connection's statements: a small subset of SQL, and an honest no to the rest. */
export class SqlSession {
  readonly databases: Databases
  readonly user: string
  readonly #dialect: Dialect
  database: string

  constructor(databases: Databases, dialect: Dialect, user: string, database: string) {
    this.databases = databases
    this.#dialect = dialect
    this.user = user
    this.database = database
  }

  /** Throws SqlNotSimulated. */
  run(statement: string): SqlResult {
    const cursor = new TokenCursor(tokensOf(statement, this.#mysql ? 'string' : 'name'))
    const special = this.#dialect.special(cursor, this)
    if (special) return special
    if (cursor.accept('SELECT')) return this.#select(cursor)
    if (cursor.accept('CREATE', 'DATABASE')) return this.#createDatabase(cursor)
    if (cursor.accept('CREATE', 'TABLE')) return this.#createTable(cursor)
    if (cursor.accept('DROP', 'TABLE')) return this.#dropTable(cursor)
    if (cursor.accept('DROP', 'DATABASE')) return this.#dropDatabase(cursor)
    if (cursor.accept('INSERT', 'INTO')) return this.#insert(cursor)
    if (cursor.accept('DELETE', 'FROM')) return this.#delete(cursor)
    if (cursor.accept('UPDATE')) return this.#update(cursor)
    throw new SqlNotSimulated(`SQL ${statement.trim().split(/\s+/).slice(0, 2).join(' ').slice(0, 60)}`)
  }

  get #mysql(): boolean {
    return this.#dialect.name === 'mysql'
  }

  noDatabase(): SqlResult {
    return sqlError(1046, '3D000', 'No database selected')
  }

  #table(name: string): Table | SqlResult {
    if (this.database === '') return this.noDatabase()
    return this.databases.tables(this.database).get(name) ?? (this.#mysql ? sqlError(1146, '42S02', `Table '${this.database}.${name}' doesn't exist`) : sqlError(0, '42P01', `relation "${name}" does not exist`))
  }

  #column(table: Table, name: string): number | SqlResult {
    const at = table.columns.findIndex((c) => c.name.toLowerCase() === name.toLowerCase())
    return at >= 0 ? at : this.#mysql ? sqlError(1054, '42S22', `Unknown column '${name}' in 'field list'`) : sqlError(0, '42703', `column "${name}" does not exist`)
  }

  #select(cursor: TokenCursor): SqlResult {
    const wanted: { name: string; numeric: boolean; value: string | undefined; column: string | undefined; count: boolean }[] = []
    let all = false
    do {
      if (cursor.accept('*')) all = true
      else if (cursor.accept('COUNT', '(', '*', ')')) wanted.push({ name: this.#mysql ? 'count(*)' : 'count', numeric: true, value: undefined, column: undefined, count: true })
      else wanted.push({ ...this.#expression(cursor), count: false })
      if (cursor.accept('AS')) wanted.at(-1)!.name = cursor.name()
    } while (cursor.accept(','))
    if (!cursor.accept('FROM')) {
      cursor.end()
      const unknown = wanted.find((w) => w.value === undefined)
      if (all || unknown) {
        if (!unknown?.column) throw new SqlNotSimulated('SQL SELECT without FROM')
        return this.#mysql ? (unknown.column.startsWith('@@') ? sqlError(1193, 'HY000', `Unknown system variable '${unknown.column.slice(2)}'`) : sqlError(1054, '42S22', `Unknown column '${unknown.column}' in 'field list'`)) : sqlError(0, '42703', `column "${unknown.column}" does not exist`)
      }
      return { kind: 'rows', columns: wanted.map(({ name, numeric }) => ({ name, numeric })), rows: [wanted.map((w) => w.value!)] }
    }
    const table = this.#table(cursor.name())
    if ('kind' in table) return table
    const where = this.#where(cursor, table)
    if (typeof where !== 'function') return where
    const sort = this.#order(cursor, table)
    if ('kind' in sort) return sort
    const limit = cursor.accept('LIMIT') ? Number(cursor.take().text) : Infinity
    cursor.end()
    const rows = table.rows.filter(where)
    if (sort.column >= 0) rows.sort((a, b) => (sort.descending ? -1 : 1) * compare(a[sort.column] ?? null, b[sort.column] ?? null))
    if (wanted.some((w) => w.count)) {
      if (all || wanted.length > 1) throw new SqlNotSimulated('SQL count(*) beside other columns')
      return { kind: 'rows', columns: [{ name: wanted[0]!.name, numeric: true }], rows: [[String(rows.length)]] }
    }
    const columns: { name: string; numeric: boolean; of: (row: readonly (string | null)[]) => string | null }[] = all ? table.columns.map((c, i) => ({ name: c.name, numeric: isNumeric(c.type), of: (row) => row[i] ?? null })) : []
    for (const w of wanted) {
      if (w.value !== undefined) {
        columns.push({ name: w.name, numeric: w.numeric, of: () => w.value! })
        continue
      }
      const at = this.#column(table, w.column ?? w.name)
      if (typeof at !== 'number') return at
      columns.push({ name: w.name, numeric: isNumeric(table.columns[at]!.type), of: (row) => row[at] ?? null })
    }
    return { kind: 'rows', columns: columns.map(({ name, numeric }) => ({ name, numeric })), rows: rows.slice(0, limit).map((row) => columns.map((c) => c.of(row))) }
  }

  /** A number, a text, a sum of numbers, a variable or function without arguments; else a column's name. */
  #expression(cursor: TokenCursor): { name: string; numeric: boolean; value: string | undefined; column: string | undefined } {
    const first = cursor.take()
    if (first.kind === 'string') return { name: this.#mysql ? first.text : '?column?', numeric: false, value: first.text, column: undefined }
    if (first.kind === 'number' || (first.text === '-' && cursor.next?.kind === 'number')) {
      let text = first.kind === 'number' ? first.text : `-${cursor.take().text}`
      let sum = Number(text)
      while (cursor.next?.kind === 'sign' && ['+', '-', '*'].includes(cursor.next.text) && cursor.ahead?.kind === 'number') {
        const sign = cursor.take().text
        const by = cursor.take().text
        if (sign === '*' && text !== first.text) throw new SqlNotSimulated('SQL arithmetic of several operators')
        sum = sign === '+' ? sum + Number(by) : sign === '-' ? sum - Number(by) : sum * Number(by)
        text += `${sign}${by}`
      }
      return { name: this.#mysql ? text : '?column?', numeric: true, value: String(sum), column: undefined }
    }
    if (first.kind === 'sign') throw new SqlNotSimulated(`SQL at "${first.text}"`)
    if (first.kind === 'word' && cursor.next?.text === '(') {
      cursor.expect('(', ')')
      const value = this.#dialect.variable(`${first.text.toLowerCase()}()`, this)
      if (value === undefined) throw new SqlNotSimulated(`SQL function ${first.text}()`)
      return { name: this.#mysql ? `${first.text}()` : first.text.toLowerCase(), numeric: false, value, column: undefined }
    }
    const value = first.kind === 'word' ? this.#dialect.variable(first.text.toLowerCase(), this) : undefined
    return { name: first.text, numeric: value !== undefined && /^\d+$/.test(value), value, column: first.text }
  }

  #where(cursor: TokenCursor, table: Table): Condition | SqlResult {
    if (!cursor.accept('WHERE')) return () => true
    const conditions: Condition[] = []
    do {
      const at = this.#column(table, cursor.name())
      if (typeof at !== 'number') return at
      if (cursor.accept('IS', 'NULL')) conditions.push((row) => row[at] == null)
      else if (cursor.accept('IS', 'NOT', 'NULL')) conditions.push((row) => row[at] != null)
      else {
        const sign = cursor.take().text
        const value = literal(cursor.take())
        const test = { '=': (n: number) => n === 0, '<>': (n: number) => n !== 0, '!=': (n: number) => n !== 0, '<': (n: number) => n < 0, '>': (n: number) => n > 0, '<=': (n: number) => n <= 0, '>=': (n: number) => n >= 0 }[sign]
        if (!test) throw new SqlNotSimulated(`SQL operator ${sign}`)
        conditions.push((row) => row[at] != null && value !== null && test(compare(row[at]!, value)))
      }
    } while (cursor.accept('AND'))
    return (row) => conditions.every((c) => c(row))
  }

  #order(cursor: TokenCursor, table: Table): { column: number; descending: boolean } | SqlResult {
    if (!cursor.accept('ORDER', 'BY')) return { column: -1, descending: false }
    const column = this.#column(table, cursor.name())
    if (typeof column !== 'number') return column
    const descending = cursor.accept('DESC')
    if (!descending) cursor.accept('ASC')
    return { column, descending }
  }

  #createDatabase(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'NOT', 'EXISTS')
    const name = cursor.name()
    cursor.end()
    if (this.databases.has(name)) return quiet ? done(1, 'CREATE DATABASE') : this.#mysql ? sqlError(1007, 'HY000', `Can't create database '${name}'; database exists`) : sqlError(0, '42P04', `database "${name}" already exists`)
    this.databases.create(name)
    return done(1, 'CREATE DATABASE')
  }

  #dropDatabase(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'EXISTS')
    const name = cursor.name()
    cursor.end()
    if (!this.databases.has(name)) return quiet ? done(0, 'DROP DATABASE') : this.#mysql ? sqlError(1008, 'HY000', `Can't drop database '${name}'; database doesn't exist`) : sqlError(0, '3D000', `database "${name}" does not exist`)
    this.databases.drop(name)
    return { ...done(0, 'DROP DATABASE'), ...(this.database === name && this.#mysql ? { database: '' } : {}) }
  }

  #createTable(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'NOT', 'EXISTS')
    const name = cursor.name()
    if (this.database === '') return this.noDatabase()
    const columns: Table['columns'] = []
    cursor.expect('(')
    do {
      const column = cursor.name()
      if (/^(primary|unique|key|index|constraint|foreign|check)$/i.test(column)) throw new SqlNotSimulated(`SQL ${column} in CREATE TABLE`)
      const type = cursor.name().toLowerCase()
      if (/^(serial|bigserial)$/.test(type)) throw new SqlNotSimulated(`SQL type ${type}`)
      if (cursor.accept('(')) while (!cursor.accept(')')) cursor.take()
      if (cursor.accept('PRIMARY', 'KEY') || cursor.accept('NOT', 'NULL') || cursor.accept('UNIQUE') || cursor.accept('AUTO_INCREMENT') || cursor.accept('DEFAULT')) throw new SqlNotSimulated('SQL constraints and defaults of columns')
      columns.push({ name: column, type })
    } while (cursor.accept(','))
    cursor.expect(')')
    cursor.end()
    const tables = this.databases.tables(this.database)
    if (tables.has(name)) return quiet ? done(0, 'CREATE TABLE') : this.#mysql ? sqlError(1050, '42S01', `Table '${name}' already exists`) : sqlError(0, '42P07', `relation "${name}" already exists`)
    tables.set(name, { columns, rows: [] })
    return done(0, 'CREATE TABLE')
  }

  #dropTable(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'EXISTS')
    const name = cursor.name()
    cursor.end()
    const table = this.#table(name)
    if ('kind' in table && !quiet) return this.#mysql ? sqlError(1051, '42S02', `Unknown table '${this.database}.${name}'`) : sqlError(0, '42P01', `table "${name}" does not exist`)
    this.databases.tables(this.database).delete(name)
    return done(0, 'DROP TABLE')
  }

  #insert(cursor: TokenCursor): SqlResult {
    const table = this.#table(cursor.name())
    if ('kind' in table) return table
    let places = table.columns.map((_, i) => i)
    if (cursor.accept('(')) {
      places = []
      do {
        const at = this.#column(table, cursor.name())
        if (typeof at !== 'number') return at
        places.push(at)
      } while (cursor.accept(','))
      cursor.expect(')')
    }
    cursor.expect('VALUES')
    const rows: (string | null)[][] = []
    do {
      cursor.expect('(')
      const values: (string | null)[] = []
      do values.push(literal(cursor.take(), cursor)); while (cursor.accept(','))
      cursor.expect(')')
      if (values.length !== places.length) return this.#mysql ? sqlError(1136, '21S01', `Column count doesn't match value count at row ${rows.length + 1}`) : sqlError(0, '42601', `INSERT has more ${values.length > places.length ? 'expressions than target columns' : 'target columns than expressions'}`)
      const row: (string | null)[] = table.columns.map(() => null)
      places.forEach((at, i) => (row[at] = values[i]!))
      const wrong = places.find((at) => isNumeric(table.columns[at]!.type) && row[at] !== null && !/^-?\d+(\.\d+)?$/.test(row[at]!))
      if (wrong !== undefined) return this.#mysql ? sqlError(1366, 'HY000', `Incorrect integer value: '${row[wrong]}' for column '${table.columns[wrong]!.name}' at row ${rows.length + 1}`) : sqlError(0, '22P02', `invalid input syntax for type integer: "${row[wrong]}"`)
      rows.push(row)
    } while (cursor.accept(','))
    cursor.end()
    table.rows.push(...rows)
    return done(rows.length, `INSERT 0 ${rows.length}`)
  }

  #delete(cursor: TokenCursor): SqlResult {
    const table = this.#table(cursor.name())
    if ('kind' in table) return table
    const where = this.#where(cursor, table)
    if (typeof where !== 'function') return where
    cursor.end()
    const before = table.rows.length
    table.rows = table.rows.filter((row) => !where(row))
    return done(before - table.rows.length, `DELETE ${before - table.rows.length}`)
  }

  #update(cursor: TokenCursor): SqlResult {
    const table = this.#table(cursor.name())
    if ('kind' in table) return table
    cursor.expect('SET')
    const changes: [number, string | null][] = []
    do {
      const at = this.#column(table, cursor.name())
      if (typeof at !== 'number') return at
      cursor.expect('=')
      changes.push([at, literal(cursor.take())])
    } while (cursor.accept(','))
    const where = this.#where(cursor, table)
    if (typeof where !== 'function') return where
    cursor.end()
    const hit = table.rows.filter(where)
    for (const row of hit) for (const [at, value] of changes) row[at] = value
    return done(hit.length, `UPDATE ${hit.length}`)
  }
}

export function done(affected: number, tag: string): SqlResult {
  return { kind: 'done', affected, tag }
}

function isNumeric(type: string): boolean {
  return /^(int|integer|bigint|smallint|tinyint|decimal|numeric|float|double|real)/.test(type)
}

function compare(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  const numbers = /^-?\d+(\.\d+)?$/
  if (numbers.test(a) && numbers.test(b)) return Number(a) - Number(b)
  return a < b ? -1 : a > b ? 1 : 0
}

function literal(token: Token, cursor?: TokenCursor): string | null {
  if (token.kind === 'string' || token.kind === 'number') return token.text
  if (token.kind === 'sign' && token.text === '-' && cursor?.next?.kind === 'number') return `-${cursor.take().text}`
  if (token.kind === 'word' && token.text.toUpperCase() === 'NULL') return null
  throw new SqlNotSimulated(`SQL value ${token.text}`)
}
