import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { sqlError, SqlNotSimulated, view, type Column, type Databases } from '../sql/database.ts'
import type { Dialect } from '../sql/session.ts'
import type { Settings } from './settings.ts'
import { versionText } from './version.ts'

/** What PostgreSQL's server says that MySQL's does not; its catalogs as far as psql's own commands look. */
export function postgresDialect({ process, version, databases, user: owner, settings, pid }: { process: Process; version: string; databases: Databases; user: string; settings: Settings; pid: number }, connection: Pick<TcpConnection, 'localAddress' | 'remoteAddress' | 'remotePort'>): Dialect {
  const alpine = process.fs.exists('/etc/alpine-release')
  const serverVersion = alpine ? version : `${version} (Debian ${version}-1.pgdg120+1)`
  return {
    name: 'postgres',
    variable: (name, session) => {
      switch (name) {
        case 'version()': return versionText(process, version)
        case 'now()': case 'current_timestamp': return `${new Date(process.clock.wall()).toISOString().replace('T', ' ').replace('Z', '000')}+00`
        case 'current_date': return new Date(process.clock.wall()).toISOString().slice(0, 10)
        case 'current_user': case 'session_user': case 'user': return session.user
        case 'current_database()': return session.database
        case 'current_schema': case 'current_schema()': return 'public'
        case 'inet_server_addr()': return connection.localAddress
        case 'inet_client_addr()': return connection.remoteAddress
        case 'inet_server_port()': return settings.get('port')!
        case 'inet_client_port()': return String(connection.remotePort)
        case 'pg_is_in_recovery()': return 'f'
        case 'pg_backend_pid()': return String(pid)
        case 'gen_random_uuid()': return process.clock.random.uuid()
        default: return undefined
      }
    },
    special: (cursor) => {
      if (!cursor.accept('SHOW')) return undefined
      const name = cursor.name().toLowerCase()
      cursor.end()
      const value = name === 'server_version' ? serverVersion : settings.get(name)
      if (value !== undefined) return { kind: 'rows', columns: [{ name: name === 'timezone' ? 'TimeZone' : name, numeric: false }], rows: [[value]], tag: 'SHOW' }
      throw new SqlNotSimulated(`SQL SHOW ${name}`)
    },
    systemTable: (schema, name, session) => {
      const tables = [...databases.tables(session.database)].sort(([a], [b]) => (a < b ? -1 : 1))
      if (schema === 'information_schema') {
        if (name === 'tables') return view(['table_catalog', 'table_schema', 'table_name', 'table_type'], tables.map(([t]) => [session.database, 'public', t, 'BASE TABLE']))
        if (name === 'columns') return view(['table_schema', 'table_name', 'column_name', 'data_type', 'is_nullable', 'column_default'], tables.flatMap(([t, { columns }]) => columns.map((c) => ['public', t, c.name, c.type, c.notNull ? 'NO' : 'YES', defaultOf(t, c)])))
        return undefined
      }
      if (schema !== undefined && schema !== 'pg_catalog') return undefined
      switch (name) {
        case 'pg_database': return view(['datname', 'datdba', 'datacl'], databases.names().map((n) => [n, owner, n.startsWith('template') ? `=c/${owner}\n${owner}=CTc/${owner}` : null]))
        case 'pg_tables': return view(['schemaname', 'tablename', 'tableowner'], tables.map(([t]) => ['public', t, owner]))
        case 'pg_sequences': return view(['schemaname', 'sequencename', 'sequenceowner'], tables.flatMap(([t, { columns }]) => columns.filter((c) => c.counts).map((c) => ['public', `${t}_${c.name}_seq`, owner])))
        case 'pg_indexes': return view(['schemaname', 'tablename', 'indexname', 'indexdef'], tables.flatMap(([t, { columns }]) => indexesOf(t, columns).map(([index, definition]) => ['public', t, index, definition])))
        case 'pg_roles': case 'pg_user': return view([name === 'pg_user' ? 'usename' : 'rolname'], [[owner]])
        case 'pg_namespace': return view(['nspname', 'nspowner'], [['public', 'pg_database_owner']])
        default: return undefined
      }
    },
    syntaxError: (statement, word) => sqlError(0, '42601', `syntax error at or near "${word}"`, { position: statement.indexOf(word) + 1 }),
  }
}

function defaultOf(table: string, { counts, name, fallback, type }: Column): string | null {
  if (counts) return `nextval('${table}_${name}_seq'::regclass)`
  if (fallback === undefined || fallback === null) return null
  return /^(int|bigint|smallint|numeric|double|real)/.test(type) ? fallback : type === 'boolean' ? (fallback === 't' ? 'true' : 'false') : `'${fallback}'::${type.replace(/\(.*/, '')}`
}

/** Their names, and what psql says of them. */
function indexesOf(table: string, columns: readonly Column[]): [string, string][] {
  const primary = columns.filter((c) => c.key === 'PRI').map((c) => c.name)
  return [
    ...(primary.length > 0 ? [[`${table}_pkey`, `PRIMARY KEY, btree (${primary.join(', ')})`] as [string, string]] : []),
    ...columns.filter((c) => c.key === 'UNI').map((c): [string, string] => [`${table}_${c.name}_key`, `UNIQUE CONSTRAINT, btree (${c.name})`]),
  ]
}
