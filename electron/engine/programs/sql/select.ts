import { SqlFailure, sqlError, SqlNotSimulated, type SqlResult } from './database.ts'
import { compare, ExpressionReader, type Expression, type Row, type Value } from './expression.ts'
import type { SqlSession } from './session.ts'
import { isNumeric } from './definition.ts'
import { TokenCursor, type Token } from './tokens.ts'

const CLAUSES = ['FROM', 'WHERE', 'GROUP', 'ORDER', 'LIMIT', 'HAVING', 'OFFSET', 'UNION', 'FOR', 'INTO']

/** SELECT of one table, or of none: what is wanted, filtered, grouped, sorted and cut. */
export function readSelect(cursor: TokenCursor, session: SqlSession): SqlResult {
  const distinct = cursor.accept('DISTINCT')
  const list = cut(cursor)
  let source: ReturnType<SqlSession['table']> | undefined
  let alias = ''
  // DUAL is a word of MySQL's grammar for "no table"
  if (!(session.mysql && cursor.accept('FROM', 'DUAL')) && cursor.accept('FROM')) {
    source = session.table(cursor)
    alias = source.name
    if (cursor.accept('AS') || (cursor.next?.kind === 'word' && !cursor.sees(...CLAUSES, 'JOIN', 'LEFT', 'INNER', 'RIGHT', 'CROSS', 'NATURAL'))) alias = cursor.name()
    if (cursor.next && !cursor.sees(...CLAUSES)) throw new SqlNotSimulated(`SQL at "${cursor.next.text}"`)
  }
  const table = source?.table
  const scope = session.scope(table, alias)
  const wanted = readList(list, session, scope, table?.columns)
  const where = session.where(cursor, scope)
  const groups: Expression[] = []
  const named = (): Expression => {
    const from = cursor.next
    if (from?.kind === 'number') {
      cursor.take()
      const found = wanted[Number(from.text) - 1]
      if (!found) throw new SqlFailure(session.mysql ? sqlError(1054, '42S22', `Unknown column '${from.text}' in 'order clause'`) : sqlError(0, '42P10', `ORDER BY position ${from.text} is not in select list`, { position: from.from + 1 }))
      return found
    }
    const same = from?.kind === 'word' ? wanted.find((w) => w.name.toLowerCase() === from.text.toLowerCase()) : undefined
    if (same && !scope.column(from!.text, undefined)) {
      cursor.take()
      return same
    }
    return new ExpressionReader(cursor, scope).read()
  }
  if (cursor.accept('GROUP', 'BY')) do groups.push(named()); while (cursor.accept(','))
  const sorts: { by: Expression; descending: boolean }[] = []
  if (cursor.accept('ORDER', 'BY')) {
    do {
      const by = named()
      const descending = cursor.accept('DESC')
      if (!descending) cursor.accept('ASC')
      sorts.push({ by, descending })
    } while (cursor.accept(','))
  }
  const { limit, offset } = readLimit(cursor)
  cursor.end()
  const rows = (table?.rows ?? [[]]).filter(where)
  const aggregate = groups.length > 0 || wanted.some((w) => w.aggregate)
  const grouped = aggregate ? group(rows, groups) : rows.map((row) => [row])
  const first = (all: readonly Row[]): Row => all[0] ?? (table?.columns.map(() => null) ?? [])
  if (sorts.length > 0) {
    grouped.sort((a, b) => {
      for (const { by, descending } of sorts) {
        const [x, y] = [by.of(first(a), a), by.of(first(b), b)]
        // PostgreSQL sorts NULL last, MySQL first
        const order = x === null || y === null ? (x === y ? 0 : (x === null) === session.mysql ? -1 : 1) : compare(x, y)
        if (order !== 0) return descending ? -order : order
      }
      return 0
    })
  }
  let out: Value[][] = grouped.map((all) => wanted.map((w) => w.of(first(all), all)))
  if (distinct) out = out.filter((row, i) => out.findIndex((other) => other.every((v, at) => v === row[at])) === i)
  return { kind: 'rows', columns: wanted.map(({ name, numeric }) => ({ name, numeric })), rows: out.slice(offset, offset + limit) }
}

/** The list comes before the table that it is about: its tokens wait. */
function cut(cursor: TokenCursor): { text: string; tokens: Token[] } {
  const from = cursor.place
  const tokens: Token[] = []
  let depth = 0
  while (cursor.next && (depth > 0 || !cursor.sees(...CLAUSES))) {
    const token = cursor.take()
    if (token.text === '(' && token.kind === 'sign') depth++
    if (token.text === ')' && token.kind === 'sign') depth--
    tokens.push(token)
  }
  return { text: cursor.since(from), tokens }
}

function readList(list: { text: string; tokens: Token[] }, session: SqlSession, scope: ReturnType<SqlSession['scope']>, columns: readonly { name: string; type: string }[] | undefined): Expression[] {
  if (list.tokens.length === 0) throw new SqlNotSimulated('SQL SELECT without columns')
  const from = list.tokens[0]!.from
  const cursor = new TokenCursor(list.tokens, `${' '.repeat(from)}${list.text}`)
  const wanted: Expression[] = []
  do {
    if (cursor.next?.kind === 'sign' && cursor.next.text === '*') {
      cursor.take()
      if (!columns) throw new SqlFailure(session.mysql ? sqlError(1096, 'HY000', 'No tables used') : sqlError(0, '42601', 'SELECT * with no tables specified is not valid', { position: from + 1 }))
      wanted.push(...columns.map((c, i): Expression => ({ name: c.name, numeric: isNumeric(c.type), aggregate: false, of: (row) => row[i] ?? null })))
      continue
    }
    const each = new ExpressionReader(cursor, scope).read()
    const name = cursor.accept('AS') || cursor.next?.kind === 'name' || cursor.next?.kind === 'string' || (cursor.next?.kind === 'word') ? cursor.take().text : each.name
    wanted.push({ ...each, name })
  } while (cursor.accept(','))
  cursor.end()
  return wanted
}

function group(rows: readonly Row[], by: readonly Expression[]): Row[][] {
  if (by.length === 0) return [[...rows]]
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const key = JSON.stringify(by.map((e) => e.of(row, [row])))
    const found = groups.get(key)
    if (found) found.push(row)
    else groups.set(key, [row])
  }
  return [...groups.values()]
}

/** LIMIT n OFFSET m, LIMIT m, n. */
function readLimit(cursor: TokenCursor): { limit: number; offset: number } {
  let limit = Infinity
  let offset = 0
  const number = (): number => {
    const token = cursor.take()
    if (token.kind !== 'number') throw new SqlNotSimulated(`SQL LIMIT ${token.text}`)
    return Number(token.text)
  }
  if (cursor.accept('LIMIT')) limit = number()
  if (limit !== Infinity && cursor.accept(',')) [offset, limit] = [limit, number()]
  if (cursor.accept('OFFSET')) offset = number()
  return { limit, offset }
}
