import { SqlNotSimulated, type Column } from './database.ts'
import type { TokenCursor } from './tokens.ts'

/** A column of CREATE TABLE, and a table's own constraints. */
const MYSQL_TYPES: ReadonlyMap<string, string> = new Map([['integer', 'int'], ['boolean', 'tinyint(1)'], ['bool', 'tinyint(1)'], ['serial', 'bigint unsigned'], ['numeric', 'decimal']])
const POSTGRES_TYPES: ReadonlyMap<string, string> = new Map([
  ['int', 'integer'], ['int4', 'integer'], ['int8', 'bigint'], ['serial', 'integer'], ['bigserial', 'bigint'], ['varchar', 'character varying'], ['char', 'character'], ['bool', 'boolean'], ['decimal', 'numeric'],
  ['float', 'double precision'], ['timestamp', 'timestamp without time zone'], ['timestamptz', 'timestamp with time zone'],
])
const PLAIN = /^(int|integer|int4|int8|bigint|smallint|tinyint|mediumint|decimal|numeric|float|double|real|serial|bigserial|varchar|char|text|mediumtext|longtext|tinytext|date|datetime|time|timestamp|timestamptz|boolean|bool|json|jsonb|uuid|blob|bytea)$/

export function readDefinition(cursor: TokenCursor, mysql: boolean, mariadb: boolean, value: () => string | null): Column[] {
  const columns: Column[] = []
  cursor.expect('(')
  do {
    if (cursor.accept('PRIMARY', 'KEY')) {
      for (const name of names(cursor)) keyOf(columns, name, 'PRI')
      continue
    }
    if (cursor.accept('UNIQUE')) {
      cursor.accept('KEY')
      for (const name of names(cursor)) keyOf(columns, name, 'UNI')
      continue
    }
    const name = cursor.name()
    if (/^(key|index|constraint|foreign|check)$/i.test(name)) throw new SqlNotSimulated(`SQL ${name} in CREATE TABLE`)
    columns.push(readColumn(cursor, name, mysql, mariadb, value))
  } while (cursor.accept(','))
  cursor.expect(')')
  // ENGINE=InnoDB and its like
  while (mysql && cursor.sees('ENGINE', 'DEFAULT', 'CHARSET', 'COLLATE', 'CHARACTER', 'AUTO_INCREMENT')) {
    cursor.take()
    if (cursor.sees('CHARSET', 'SET', 'CHARACTER')) continue
    cursor.accept('=')
    cursor.take()
  }
  return columns
}

function names(cursor: TokenCursor): string[] {
  const out: string[] = []
  cursor.expect('(')
  do out.push(cursor.name()); while (cursor.accept(','))
  cursor.expect(')')
  return out
}

function keyOf(columns: readonly Column[], name: string, key: 'PRI' | 'UNI'): void {
  const column = columns.find((c) => c.name === name)
  if (!column) throw new SqlNotSimulated(`SQL key of ${name}`)
  column.key = key
  if (key === 'PRI') column.notNull = true
}

function readColumn(cursor: TokenCursor, name: string, mysql: boolean, mariadb: boolean, value: () => string | null): Column {
  const written = cursor.name().toLowerCase()
  if (!PLAIN.test(written)) throw new SqlNotSimulated(`SQL type ${written}`)
  if (written === 'double') cursor.accept('PRECISION')
  let size = ''
  if (cursor.accept('(')) {
    const parts: string[] = []
    do parts.push(cursor.take().text); while (cursor.accept(','))
    cursor.expect(')')
    size = `(${parts.join(',')})`
  }
  const counts = written === 'serial' || written === 'bigserial'
  const base = (mysql ? MYSQL_TYPES : POSTGRES_TYPES).get(written) ?? written
  const widths: ReadonlyMap<string, string> = new Map([['int', '(11)'], ['bigint', '(20)'], ['smallint', '(6)'], ['tinyint', '(4)']])
  if (mysql && widths.has(base)) size = mariadb ? size || widths.get(base)! : base === 'tinyint' && size === '(1)' ? size : ''
  const column: Column = { name, type: `${base}${size}${mysql && cursor.accept('UNSIGNED') ? ' unsigned' : ''}`, notNull: counts, key: mysql && counts ? 'UNI' : '', fallback: undefined, counts }
  for (;;) {
    if (cursor.accept('PRIMARY', 'KEY')) keyOf([column], name, 'PRI')
    else if (cursor.accept('NOT', 'NULL')) column.notNull = true
    else if (cursor.accept('UNIQUE')) {
      column.key ||= 'UNI'
      cursor.accept('KEY')
    } else if (cursor.accept('NULL')) continue
    else if (cursor.accept('AUTO_INCREMENT')) column.counts = true
    else if (cursor.accept('DEFAULT')) column.fallback = value()
    else if (cursor.sees('REFERENCES', 'CHECK', 'GENERATED', 'COMMENT', 'COLLATE', 'ON')) throw new SqlNotSimulated(`SQL ${cursor.take().text} of a column`)
    else return column
  }
}

export function isNumeric(type: string): boolean {
  return /^(int|bigint|smallint|tinyint|mediumint|decimal|numeric|float|double|real)/.test(type)
}
