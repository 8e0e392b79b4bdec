import { SqlFailure, sqlError, SqlNotSimulated, type Databases, type SqlResult, type Table } from './database.ts'
import { isNumeric, readDefinition } from './definition.ts'
import { compare, ExpressionReader, truthOf, type Expression, type Row, type Scope, type Value } from './expression.ts'
import { readSelect } from './select.ts'
import { TokenCursor, tokensOf } from './tokens.ts'

/** What the two families of servers say differently. */
export interface Dialect {
  name: 'mysql' | 'postgres'
  /** MariaDB's types have widths. */
  mariadb?: boolean
  /** @@hostname, version() and their kin, by lower-case name; undefined: no such thing. */
  variable(name: string, session: SqlSession): Value | undefined
  /** Words that only one of them has (SHOW DATABASES); undefined: not one of them. */
  special(cursor: TokenCursor, session: SqlSession): SqlResult | undefined
  /** mysql.user, pg_database and their kin; undefined: no such table. */
  systemTable(database: string | undefined, name: string, session: SqlSession): Table | undefined
  syntaxError(statement: string, word: string): SqlResult
}

/** What statements begin with; anything else is no SQL at all. */
const STATEMENTS = new Set(
  'SELECT INSERT UPDATE DELETE CREATE DROP ALTER SHOW USE DESCRIBE DESC EXPLAIN BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE GRANT REVOKE FLUSH SET RESET TRUNCATE REPLACE LOCK UNLOCK WITH VALUES TABLE ANALYZE OPTIMIZE CHECK REPAIR KILL CALL DO HANDLER LOAD PREPARE EXECUTE DEALLOCATE VACUUM COPY LISTEN NOTIFY UNLISTEN REINDEX CLUSTER COMMENT DECLARE FETCH MOVE CLOSE DISCARD REFRESH MERGE REASSIGN SECURITY CHECKPOINT PURGE CHANGE STOP INSTALL UNINSTALL RENAME BINLOG SHUTDOWN RESTART HELP END ABORT IMPORT CACHE SIGNAL GET XA'.split(' '),
)

/** Of MySQL and MariaDB themselves. */
const SYSTEM_DATABASES = new Set(['information_schema', 'performance_schema', 'mysql', 'sys'])

/** One connection's statements: a small subset of SQL, and an honest no to the rest. */
export class SqlSession {
  readonly databases: Databases
  readonly user: string
  readonly dialect: Dialect
  database: string

  constructor(databases: Databases, dialect: Dialect, user: string, database: string) {
    this.databases = databases
    this.dialect = dialect
    this.user = user
    this.database = database
  }

  /** Throws SqlNotSimulated. */
  run(statement: string): SqlResult {
    const first = /^\s*([^\s(;]+)/.exec(statement)?.[1] ?? ''
    if (!STATEMENTS.has(first.toUpperCase()) && !/^(\(|--|\/\*)/.test(statement.trim())) return this.dialect.syntaxError(statement, /^\w+/.exec(first)?.[0] ?? first)
    try {
      return this.#run(statement)
    } catch (error) {
      if (error instanceof SqlFailure) return error.problem
      throw error
    }
  }

  #run(statement: string): SqlResult {
    const cursor = new TokenCursor(tokensOf(statement, this.mysql ? 'string' : 'name'), statement)
    const special = this.dialect.special(cursor, this)
    if (special) return special
    if (cursor.accept('SELECT')) return readSelect(cursor, this)
    if (cursor.accept('CREATE', 'DATABASE') || (this.mysql && cursor.accept('CREATE', 'SCHEMA'))) return this.#createDatabase(cursor)
    if (cursor.accept('CREATE', 'TABLE')) return this.#createTable(cursor)
    if (cursor.accept('DROP', 'TABLE')) return this.#dropTable(cursor)
    if (cursor.accept('DROP', 'DATABASE')) return this.#dropDatabase(cursor)
    if (cursor.accept('TRUNCATE')) return this.#truncate(cursor)
    if (cursor.accept('INSERT', 'INTO')) return this.#insert(cursor)
    if (cursor.accept('DELETE', 'FROM')) return this.#delete(cursor)
    if (cursor.accept('UPDATE')) return this.#update(cursor)
    throw new SqlNotSimulated(`SQL ${statement.trim().split(/\s+/).slice(0, 2).join(' ').slice(0, 60)}`)
  }

  get mysql(): boolean {
    return this.dialect.name === 'mysql'
  }

  noDatabase(): SqlResult {
    return sqlError(1046, '3D000', 'No database selected')
  }

  /** "t" or "database.t" (PostgreSQL: "public.t"). */
  tableName(cursor: TokenCursor): { database: string; name: string; place: number; schema: string | undefined } {
    const place = cursor.place + 1
    const first = cursor.name()
    const second = cursor.accept('.') ? cursor.name() : undefined
    const schema = second === undefined ? undefined : first
    const database = this.mysql ? (schema ?? this.database) : this.database
    if (database === '') throw new SqlFailure(sqlError(1046, '3D000', 'No database selected'))
    return { database, name: this.mysql ? (second ?? first) : (second ?? first), place, schema }
  }

  /** The table that is named next. Throws SqlFailure. */
  table(cursor: TokenCursor): { table: Table; name: string } {
    const { database, name, place, schema } = this.tableName(cursor)
    const own = this.mysql || schema === undefined || schema === 'public' ? this.databases.tables(database).get(name) : undefined
    const table = own ?? this.dialect.systemTable(this.mysql ? database : schema, name, this)
    if (table) return { table, name }
    const full = schema === undefined ? name : `${schema}.${name}`
    if (this.mysql ? SYSTEM_DATABASES.has(database.toLowerCase()) : schema === 'pg_catalog' || schema === 'information_schema' || (schema === undefined && name.startsWith('pg_'))) throw new SqlNotSimulated(`the system table ${full}`)
    throw new SqlFailure(this.mysql ? (this.databases.has(database) ? sqlError(1146, '42S02', `Table '${database}.${name}' doesn't exist`) : sqlError(1049, '42000', `Unknown database '${database}'`)) : sqlError(0, '42P01', `relation "${full}" does not exist`, { position: place }))
  }

  scope(table: Table | undefined, name = ''): Scope {
    return {
      mysql: this.mysql,
      column: (column, of) => {
        if (!table || (of !== undefined && of.toLowerCase() !== name.toLowerCase())) return undefined
        const at = table.columns.findIndex((c) => c.name.toLowerCase() === column.toLowerCase())
        return at < 0 ? undefined : { at, numeric: isNumeric(table.columns[at]!.type) }
      },
      variable: (variable) => this.dialect.variable(variable, this),
    }
  }

  #column(table: Table, cursor: TokenCursor): number {
    const position = cursor.place + 1
    const name = cursor.name()
    const at = table.columns.findIndex((c) => c.name.toLowerCase() === name.toLowerCase())
    if (at >= 0) return at
    throw new SqlFailure(this.mysql ? sqlError(1054, '42S22', `Unknown column '${name}' in 'field list'`) : sqlError(0, '42703', `column "${name}" does not exist`, { position }))
  }

  where(cursor: TokenCursor, scope: Scope): (row: Row) => boolean {
    if (!cursor.accept('WHERE')) return () => true
    const condition = new ExpressionReader(cursor, scope).read()
    return (row) => truthOf(condition.of(row, [row])) === true
  }

  #createDatabase(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'NOT', 'EXISTS')
    const name = cursor.name()
    cursor.end()
    if (this.databases.has(name)) return quiet ? done(1, 'CREATE DATABASE') : this.mysql ? sqlError(1007, 'HY000', `Can't create database '${name}'; database exists`) : sqlError(0, '42P04', `database "${name}" already exists`)
    this.databases.create(name)
    return done(1, 'CREATE DATABASE')
  }

  #dropDatabase(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'EXISTS')
    const name = cursor.name()
    cursor.end()
    if (!this.databases.has(name)) return quiet ? done(0, 'DROP DATABASE') : this.mysql ? sqlError(1008, 'HY000', `Can't drop database '${name}'; database doesn't exist`) : sqlError(0, '3D000', `database "${name}" does not exist`)
    if (!this.mysql && name === this.database) return sqlError(0, '55006', 'cannot drop the currently open database')
    this.databases.drop(name)
    return { ...done(0, 'DROP DATABASE'), ...(this.database === name && this.mysql ? { database: '' } : {}) }
  }

  #createTable(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'NOT', 'EXISTS')
    const { database, name } = this.tableName(cursor)
    if (!this.databases.has(database)) return sqlError(1049, '42000', `Unknown database '${database}'`)
    const columns = readDefinition(cursor, this.mysql, this.dialect.mariadb === true, () => new ExpressionReader(cursor, this.scope(undefined)).read().of([], []))
    cursor.end()
    const tables = this.databases.tables(database)
    if (tables.has(name)) return quiet ? done(0, 'CREATE TABLE') : this.mysql ? sqlError(1050, '42S01', `Table '${name}' already exists`) : sqlError(0, '42P07', `relation "${name}" already exists`)
    tables.set(name, { columns, rows: [], next: 1 })
    return done(0, 'CREATE TABLE')
  }

  #dropTable(cursor: TokenCursor): SqlResult {
    const quiet = cursor.accept('IF', 'EXISTS')
    const { database, name } = this.tableName(cursor)
    cursor.end()
    const tables = this.databases.tables(database)
    if (!tables.has(name) && !quiet) return this.mysql ? sqlError(1051, '42S02', `Unknown table '${database}.${name}'`) : sqlError(0, '42P01', `table "${name}" does not exist`)
    tables.delete(name)
    return done(0, 'DROP TABLE')
  }

  #truncate(cursor: TokenCursor): SqlResult {
    cursor.accept('TABLE')
    const { table } = this.table(cursor)
    cursor.end()
    table.rows.length = 0
    if (this.mysql) table.next = 1
    return done(0, 'TRUNCATE TABLE')
  }

  #insert(cursor: TokenCursor): SqlResult {
    const { table, name } = this.table(cursor)
    let places = table.columns.map((_, i) => i)
    if (cursor.accept('(')) {
      places = []
      do places.push(this.#column(table, cursor)); while (cursor.accept(','))
      cursor.expect(')')
    }
    const reader = new ExpressionReader(cursor, this.scope(undefined))
    if (!cursor.accept('VALUE')) cursor.expect('VALUES')
    const rows: Value[][] = []
    do {
      cursor.expect('(')
      const values: (Value | undefined)[] = []
      do values.push(cursor.accept('DEFAULT') ? undefined : reader.read().of([], [])); while (cursor.accept(','))
      cursor.expect(')')
      if (values.length > places.length || (this.mysql && values.length < places.length)) return this.mysql ? sqlError(1136, '21S01', `Column count doesn't match value count at row ${rows.length + 1}`) : sqlError(0, '42601', 'INSERT has more expressions than target columns')
      const given = new Map(values.map((value, i) => [places[i]!, value]))
      const row = this.#row(table, name, given, rows)
      if (!Array.isArray(row)) return row
      rows.push(row)
    } while (cursor.accept(','))
    const answer = this.#returning(cursor, table, name, rows, `INSERT 0 ${rows.length}`)
    cursor.end()
    table.rows.push(...rows)
    return answer.kind === 'done' && this.mysql && rows.length > 1 ? { ...answer, info: `Records: ${rows.length}  Duplicates: 0  Warnings: 0` } : answer
  }

  /** A new row, or why there is none. */
  #row(table: Table, name: string, given: ReadonlyMap<number, Value | undefined>, before: readonly Value[][]): Value[] | SqlResult {
    const row: Value[] = []
    const number = before.length + 1
    for (const [i, column] of table.columns.entries()) {
      let value = given.get(i)
      if (column.counts && (value === undefined || (value === null && this.mysql))) value = String(table.next)
      if (value === undefined && column.fallback === undefined && column.notNull && this.mysql) return sqlError(1364, 'HY000', `Field '${column.name}' doesn't have a default value`)
      value = value === undefined ? (column.fallback ?? null) : value
      if (value === null && column.notNull && this.mysql) return sqlError(1048, '23000', `Column '${column.name}' cannot be null`)
      const wrong = this.#wrong(column.type, column.name, value, number)
      if (wrong) return wrong
      if (column.counts && value !== null && Number(value) >= table.next) table.next = Number(value) + 1
      row.push(value)
    }
    const missing = table.columns.findIndex((column, i) => column.notNull && row[i] === null)
    if (missing >= 0) return sqlError(0, '23502', `null value in column "${table.columns[missing]!.name}" of relation "${name}" violates not-null constraint`, { detail: `Failing row contains (${row.map((v) => v ?? 'null').join(', ')}).` })
    return this.#duplicate(table, name, row, [...table.rows, ...before]) ?? row
  }

  #wrong(type: string, column: string, value: Value, row: number): SqlResult | undefined {
    if (value === null) return undefined
    if (isNumeric(type) && !/^-?\d+(\.\d+)?$/.test(value)) return this.mysql ? sqlError(1366, 'HY000', `Incorrect ${/^(dec|num)/.test(type) ? 'decimal' : 'integer'} value: '${value}' for column '${column}' at row ${row}`) : sqlError(0, '22P02', `invalid input syntax for type ${type}: "${value}"`)
    const most = /^(?:varchar|char|character varying|character)\((\d+)\)$/.exec(type)?.[1]
    if (most !== undefined && value.length > Number(most)) return this.mysql ? sqlError(1406, '22001', `Data too long for column '${column}' at row ${row}`) : sqlError(0, '22001', `value too long for type ${type}`)
    return undefined
  }

  #duplicate(table: Table, name: string, row: Row, others: readonly Row[]): SqlResult | undefined {
    const primary = table.columns.flatMap((c, i) => (c.key === 'PRI' ? [i] : []))
    const keys = [...(primary.length > 0 ? [primary] : []), ...table.columns.flatMap((c, i) => (c.key === 'UNI' ? [[i]] : []))]
    for (const key of keys) {
      if (key.some((i) => row[i] === null) || !others.some((other) => key.every((i) => compare(other[i]!, row[i]!) === 0))) continue
      const columns = key.map((i) => table.columns[i]!.name)
      const values = key.map((i) => row[i]!)
      const isPrimary = key === primary
      if (this.mysql) return sqlError(1062, '23000', `Duplicate entry '${values.join('-')}' for key '${this.dialect.mariadb ? '' : `${name}.`}${isPrimary ? 'PRIMARY' : columns[0]!}'`)
      return sqlError(0, '23505', `duplicate key value violates unique constraint "${isPrimary ? `${name}_pkey` : `${name}_${columns[0]!}_key`}"`, { detail: `Key (${columns.join(', ')})=(${values.join(', ')}) already exists.` })
    }
    return undefined
  }

  /** PostgreSQL's RETURNING. */
  #returning(cursor: TokenCursor, table: Table, name: string, rows: readonly Row[], tag: string): SqlResult {
    if (this.mysql || !cursor.accept('RETURNING')) return done(rows.length, tag)
    const scope = this.scope(table, name)
    const wanted: Expression[] = []
    do {
      if (cursor.accept('*')) wanted.push(...table.columns.map((c, i): Expression => ({ name: c.name, numeric: isNumeric(c.type), aggregate: false, of: (row) => row[i] ?? null })))
      else wanted.push(new ExpressionReader(cursor, scope).read())
    } while (cursor.accept(','))
    return { kind: 'rows', columns: wanted.map((w) => ({ name: w.name, numeric: w.numeric })), rows: rows.map((row) => wanted.map((w) => w.of(row, [row]))), tag }
  }

  #delete(cursor: TokenCursor): SqlResult {
    const { table, name } = this.table(cursor)
    const where = this.where(cursor, this.scope(table, name))
    const hit = table.rows.filter(where)
    const answer = this.#returning(cursor, table, name, hit, `DELETE ${hit.length}`)
    cursor.end()
    table.rows = table.rows.filter((row) => !hit.includes(row))
    return answer
  }

  #update(cursor: TokenCursor): SqlResult {
    const { table, name } = this.table(cursor)
    const scope = this.scope(table, name)
    cursor.expect('SET')
    const changes: [number, Expression][] = []
    do {
      const at = this.#column(table, cursor)
      cursor.expect('=')
      changes.push([at, new ExpressionReader(cursor, scope).read()])
    } while (cursor.accept(','))
    const where = this.where(cursor, scope)
    const hit = table.rows.filter(where)
    const next = hit.map((row) => {
      const changed = [...row]
      for (const [at, value] of changes) changed[at] = value.of(row, [row])
      return changed
    })
    for (const [i, row] of next.entries()) for (const [at] of changes) {
      const { type, name: column, notNull } = table.columns[at]!
      const wrong = this.#wrong(type, column, row[at]!, i + 1)
      if (wrong) return wrong
      if (row[at] === null && notNull) return this.mysql ? sqlError(1048, '23000', `Column '${column}' cannot be null`) : sqlError(0, '23502', `null value in column "${column}" of relation "${name}" violates not-null constraint`, { detail: `Failing row contains (${row.map((v) => v ?? 'null').join(', ')}).` })
    }
    const answer = this.#returning(cursor, table, name, next, `UPDATE ${hit.length}`)
    cursor.end()
    const changed = hit.filter((row, i) => row.some((value, at) => value !== next[i]![at]))
    for (const [i, row] of hit.entries()) row.splice(0, row.length, ...next[i]!)
    // MySQL counts what is different now
    return answer.kind === 'done' && this.mysql ? { ...answer, affected: changed.length, info: `Rows matched: ${hit.length}  Changed: ${changed.length}  Warnings: 0` } : answer
  }
}

export function done(affected: number, tag: string): SqlResult & { kind: 'done' } {
  return { kind: 'done', affected, tag }
}

