import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import type { Session } from './session.ts'
import { printed, type Result, type Style } from './table.ts'

/** psql's \\l, \\d and their kin: questions to the catalogs, and the answers as lists (describe.c of PostgreSQL 16). */
const text = (names: readonly string[]): Result['columns'] => names.map((name) => ({ name, numeric: false }))

/** The exit code; undefined: no such command. */
export function* describe(process: Process, session: Session, style: Style & { user: string }, word: string, name: string | undefined): Task<number | undefined> {
  const show = function* (result: Result): Task<number> {
    yield* process.print(printed(result, style))
    return 0
  }
  const nothing = function* (what: string): Task<number> {
    yield* process.printError(`${what}\n`)
    return name === undefined ? 0 : 1
  }
  const wanted = (name ?? '').replace(/;$/, '').replace(/^public\./, '').replace(/^"(.*)"$/, '$1')
  switch (word) {
    case '\\l': case '\\list': case '\\l+': {
      if (word === '\\l+') return undefined
      const major = Number(session.version.split('.')[0])
      const rows = yield* session.rows('SELECT datname, datdba, datacl FROM pg_catalog.pg_database ORDER BY 1')
      const columns = ['Name', 'Owner', 'Encoding', ...(major >= 16 ? ['Locale Provider'] : []), 'Collate', 'Ctype', ...(major >= 15 ? [major >= 17 ? 'Locale' : 'ICU Locale'] : []), ...(major === 15 ? ['Locale Provider'] : []), ...(major >= 16 ? ['ICU Rules'] : []), 'Access privileges']
      const all = rows.filter(([database]) => wanted === '' || database === wanted).map(([database, owner, access]) => [database!, owner!, 'UTF8', ...(major >= 16 ? ['libc'] : []), 'en_US.utf8', 'en_US.utf8', ...(major >= 15 ? [null] : []), ...(major === 15 ? ['libc'] : []), ...(major >= 16 ? [null] : []), access ?? null])
      return yield* show({ title: 'List of databases', columns: text(columns), rows: all })
    }
    case '\\du': case '\\dg': {
      const rows = yield* session.rows('SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1')
      const members = Number(session.version.split('.')[0]) < 16
      return yield* show({ title: 'List of roles', columns: text(['Role name', 'Attributes', ...(members ? ['Member of'] : [])]), rows: rows.map(([role]) => [role!, 'Superuser, Create role, Create DB, Replication, Bypass RLS', ...(members ? ['{}'] : [])]), footers: [] })
    }
    case '\\dn': return yield* show({ title: 'List of schemas', columns: text(['Name', 'Owner']), rows: yield* session.rows('SELECT nspname, nspowner FROM pg_catalog.pg_namespace ORDER BY 1') })
    case '\\dt': case '\\d': {
      const tables = (yield* session.rows('SELECT schemaname, tablename, tableowner FROM pg_catalog.pg_tables ORDER BY 2')).map(([schema, table, owner]) => [schema!, table!, 'table', owner!])
      if (word === '\\d' && wanted !== '') return tables.some(([, table]) => table === wanted) ? yield* show(yield* describeTable(session, wanted)) : yield* nothing(`Did not find any relation named "${name!}".`)
      const sequences = word === '\\dt' ? [] : (yield* session.rows('SELECT schemaname, sequencename, sequenceowner FROM pg_catalog.pg_sequences')).map(([schema, sequence, owner]) => [schema!, sequence!, 'sequence', owner!])
      const rows = [...tables, ...sequences].filter(([, table]) => wanted === '' || table === wanted).sort((a, b) => (a[1]! < b[1]! ? -1 : 1))
      if (rows.length === 0) return yield* nothing(wanted === '' ? 'Did not find any relations.' : `Did not find any relation named "${name!}".`)
      return yield* show({ title: 'List of relations', columns: text(['Schema', 'Name', 'Type', 'Owner']), rows })
    }
    default: return undefined
  }
}

function* describeTable(session: Session, table: string): Task<Result> {
  const columns = (yield* session.rows('SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns')).filter(([of]) => of === table)
  const indexes = (yield* session.rows('SELECT tablename, indexname, indexdef FROM pg_catalog.pg_indexes')).filter(([of]) => of === table)
  return {
    title: `Table "public.${table}"`,
    columns: text(['Column', 'Type', 'Collation', 'Nullable', 'Default']),
    rows: columns.map(([, name, type, nullable, fallback]) => [name!, type!, null, nullable === 'NO' ? 'not null' : null, fallback ?? null]),
    footers: indexes.length === 0 ? [] : ['Indexes:', ...indexes.map(([, name, definition]) => `    "${name!}" ${definition!}`)],
  }
}
