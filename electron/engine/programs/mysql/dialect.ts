import { sqlError, SqlNotSimulated, view, type Column, type SqlResult } from '../sql/database.ts'
import { compare } from '../sql/expression.ts'
import { done, type Dialect, type SqlSession } from '../sql/session.ts'
import type { TokenCursor } from '../sql/tokens.ts'
import type { MysqlServerInfo } from './connection.ts'

/** What MySQL 8.4's and MariaDB 11's servers say that PostgreSQL's does not. */
export function mysqlDialect(server: MysqlServerInfo, host: string, id: number): Dialect {
  const { process, databases, accounts, clients } = server
  const version = server.version.replace(/^5\.5\.5-/, '')
  const mariadb = version.includes('MariaDB')
  const wall = (): string => new Date(process.clock.wall()).toISOString().replace('T', ' ').slice(0, 19)
  const seconds = (): string => String(Math.floor((process.clock.now - process.startedAt) / 1000))
  const variables: ReadonlyMap<string, string> = new Map([
    ['hostname', process.machine.hostname], ['version', version], ['port', '3306'], ['version_comment', mariadb ? 'mariadb.org binary distribution' : 'MySQL Community Server - GPL'], ['datadir', '/var/lib/mysql/'],
    ['server_id', '1'], ['max_connections', '151'], ['bind_address', '*'], ['socket', mariadb ? '/run/mysqld/mysqld.sock' : '/var/run/mysqld/mysqld.sock'], ['connect_timeout', '10'], ['wait_timeout', '28800'], ['interactive_timeout', '28800'],
    ['max_allowed_packet', mariadb ? '16777216' : '67108864'], ['character_set_server', 'utf8mb4'], ['collation_server', mariadb ? 'utf8mb4_uca1400_ai_ci' : 'utf8mb4_0900_ai_ci'], ['default_storage_engine', 'InnoDB'], ['time_zone', 'SYSTEM'], ['read_only', '0'], ['autocommit', '1'],
  ])
  const status = (): ReadonlyMap<string, string> => new Map([['Connections', String(id + 1)], ['Threads_connected', String(clients.size)], ['Uptime', seconds()]])
  const named = (names: [string, string], rows: (string | null)[][]): SqlResult => ({ kind: 'rows', columns: names.map((name) => ({ name, numeric: false })), rows })
  /** LIKE 'x%', or nothing; what is listed must say which. */
  const pattern = (cursor: TokenCursor): ((name: string) => boolean) | undefined => {
    if (!cursor.accept('LIKE')) return undefined
    const text = cursor.take().text.toLowerCase()
    const source = text.split(/(%|_)/).map((part) => (part === '%' ? '.*' : part === '_' ? '.' : part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))).join('')
    return (name) => new RegExp(`^${source.replace(/(\.\*)+/g, '.*')}$`).test(name.toLowerCase())
  }
  const described = (columns: readonly Column[]): SqlResult => ({
    kind: 'rows',
    columns: ['Field', 'Type', 'Null', 'Key', 'Default', 'Extra'].map((name) => ({ name, numeric: false })),
    rows: columns.map((c) => [c.name, c.type, c.notNull ? 'NO' : 'YES', c.key, c.fallback ?? null, c.counts ? 'auto_increment' : '']),
  })
  const show = (cursor: TokenCursor, session: SqlSession): SqlResult | undefined => {
    if (cursor.accept('DATABASES') || cursor.accept('SCHEMAS')) {
      const fits = pattern(cursor)
      cursor.end()
      return { kind: 'rows', columns: [{ name: 'Database', numeric: false }], rows: databases.names().filter((n) => fits?.(n) ?? true).map((n) => [n]) }
    }
    const full = cursor.accept('FULL')
    if (cursor.accept('TABLES')) {
      const database = cursor.accept('FROM') || cursor.accept('IN') ? cursor.name() : session.database
      const like = cursor.sees('LIKE') && cursor.ahead ? ` (${cursor.ahead.text})` : ''
      const fits = pattern(cursor)
      cursor.end()
      if (database === '') return session.noDatabase()
      if (!databases.has(database)) return sqlError(1049, '42000', `Unknown database '${database}'`)
      const names = [...databases.tables(database).keys()].sort().filter((n) => fits?.(n) ?? true)
      return { kind: 'rows', columns: [`Tables_in_${database}${like}`, ...(full ? ['Table_type'] : [])].map((name) => ({ name, numeric: false })), rows: names.map((n) => (full ? [n, 'BASE TABLE'] : [n])) }
    }
    if (cursor.accept('COLUMNS', 'FROM') || cursor.accept('FIELDS', 'FROM')) {
      const { table } = session.table(cursor)
      cursor.end()
      return described(table.columns)
    }
    if (cursor.accept('PROCESSLIST')) {
      cursor.end()
      const rows = [...clients].map(([number, c]) => {
        const own = number === id
        return [String(number), c.user, c.host, c.session.database || null, own ? 'Query' : 'Sleep', String(own ? 0 : Math.floor((process.clock.now - c.since) / 1000)), own ? (mariadb ? 'starting' : 'init') : '', own ? `${full ? 'SHOW FULL' : 'SHOW'} PROCESSLIST` : null, ...(mariadb ? ['0.000'] : [])]
      })
      return { kind: 'rows', columns: ['Id', 'User', 'Host', 'db', 'Command', 'Time', 'State', 'Info', ...(mariadb ? ['Progress'] : [])].map((name) => ({ name, numeric: ['Id', 'Time', 'Progress'].includes(name) })), rows }
    }
    if (cursor.accept('CREATE', 'TABLE')) {
      const { table, name } = session.table(cursor)
      cursor.end()
      return named(['Table', 'Create Table'], [[name, createTable(name, table.columns, table.next, mariadb)]])
    }
    if (!cursor.accept('GLOBAL')) cursor.accept('SESSION')
    const isStatus = cursor.accept('STATUS')
    if (isStatus || cursor.accept('VARIABLES')) {
      const fits = pattern(cursor)
      cursor.end()
      const known = [...(isStatus ? status() : variables)].filter(([name]) => fits?.(name)).sort()
      if (!fits || known.length === 0) throw new SqlNotSimulated(`SQL SHOW ${isStatus ? 'STATUS' : 'VARIABLES'} of this name`)
      return named(['Variable_name', 'Value'], known.map(([name, value]) => [name, value]))
    }
    return undefined
  }
  /** 'name'@'host', name. */
  const account = (cursor: TokenCursor): string => {
    const name = cursor.take().text
    // '@' stands alone, or begins the next word
    if (cursor.next?.text.startsWith('@')) cursor.take()
    if (cursor.next?.kind === 'string') cursor.take()
    return name
  }
  return {
    name: 'mysql', mariadb,
    variable: (name, session) => {
      if (name.startsWith('@@')) return variables.get(name.slice(2).replace(/^(global|session)\./, ''))
      switch (name) {
        case 'version()': return version
        case 'now()': case 'current_timestamp()': case 'current_timestamp': case 'localtime()': return wall()
        case 'curdate()': case 'current_date()': case 'current_date': return wall().slice(0, 10)
        case 'curtime()': case 'current_time()': return wall().slice(11)
        case 'unix_timestamp()': return String(Math.floor(process.clock.wall() / 1000))
        case 'user()': case 'session_user()': case 'system_user()': return `${session.user}@${host}`
        case 'current_user()': case 'current_user': return `${session.user}@${host === 'localhost' && session.user === 'root' ? 'localhost' : '%'}`
        case 'database()': case 'schema()': return session.database === '' ? null : session.database
        case 'connection_id()': return String(id)
        case 'uuid()': return process.clock.random.uuid()
        default: return undefined
      }
    },
    special: (cursor, session) => {
      if (cursor.accept('SHOW')) {
        const shown = show(cursor, session)
        if (shown) return shown
        throw new SqlNotSimulated(`SQL SHOW ${cursor.next?.text ?? ''}`.trim())
      }
      if (cursor.accept('DESCRIBE') || cursor.accept('DESC')) {
        const { table } = session.table(cursor)
        cursor.end()
        return described(table.columns)
      }
      if (cursor.accept('USE')) {
        const name = cursor.name()
        cursor.end()
        return databases.has(name) ? { kind: 'done', affected: 0, tag: '', database: name } : sqlError(1049, '42000', `Unknown database '${name}'`)
      }
      if (cursor.accept('FLUSH', 'PRIVILEGES')) return done(0, '')
      if (cursor.accept('CREATE', 'USER')) {
        const quiet = cursor.accept('IF', 'NOT', 'EXISTS')
        const name = account(cursor)
        const password = cursor.accept('IDENTIFIED', 'BY') ? cursor.take().text : ''
        cursor.end()
        if (accounts.has(name) && !quiet) return sqlError(1396, 'HY000', `Operation CREATE USER failed for '${name}'@'%'`)
        if (!accounts.has(name)) accounts.set(name, password)
        return done(0, '')
      }
      if (cursor.accept('DROP', 'USER')) {
        const quiet = cursor.accept('IF', 'EXISTS')
        const name = account(cursor)
        cursor.end()
        return accounts.delete(name) || quiet ? done(0, '') : sqlError(1396, 'HY000', `Operation DROP USER failed for '${name}'@'%'`)
      }
      if (cursor.accept('GRANT', 'ALL')) {
        cursor.accept('PRIVILEGES')
        cursor.expect('ON')
        while (cursor.next && !cursor.sees('TO')) cursor.take()
        cursor.expect('TO')
        const name = account(cursor)
        cursor.end()
        return accounts.has(name) ? done(0, '') : sqlError(1410, '42000', 'You are not allowed to create a user with GRANT')
      }
      return undefined
    },
    systemTable: (database, name) => {
      if (database === 'mysql' && name === 'user') return view(['Host', 'User', 'plugin'], [...accounts.keys()].sort(compare).flatMap((user) => [...(user === 'root' ? [['localhost', user, server.plugin]] : []), ['%', user, server.plugin]]).sort((a, b) => compare(a[0]!, b[0]!) || compare(a[1]!, b[1]!)))
      if (database === 'information_schema' && name.toLowerCase() === 'schemata') return view(['SCHEMA_NAME'], databases.names().map((n) => [n]))
      if (database === 'information_schema' && name.toLowerCase() === 'tables') return view(['TABLE_SCHEMA', 'TABLE_NAME', 'TABLE_TYPE'], databases.names().flatMap((n) => [...databases.tables(n).keys()].sort().map((t) => [n, t, 'BASE TABLE'])))
      return undefined
    },
    syntaxError: (statement) => {
      const text = statement.trim()
      return sqlError(1064, '42000', `You have an error in your SQL syntax; check the manual that corresponds to your ${mariadb ? 'MariaDB' : 'MySQL'} server version for the right syntax to use near '${text.slice(0, 80)}' at line ${statement.slice(0, statement.indexOf(text)).split('\n').length}`)
    },
  }
}

function createTable(name: string, columns: readonly Column[], next: number, mariadb: boolean): string {
  const lines = columns.map((c) => {
    const fallback = c.counts ? '' : c.fallback !== undefined && c.fallback !== null ? ` DEFAULT '${c.fallback}'` : c.notNull ? '' : ' DEFAULT NULL'
    return `  \`${c.name}\` ${c.type}${c.notNull ? ' NOT NULL' : ''}${c.counts ? ' AUTO_INCREMENT' : ''}${fallback}`
  })
  const primary = columns.filter((c) => c.key === 'PRI').map((c) => `\`${c.name}\``)
  if (primary.length > 0) lines.push(`  PRIMARY KEY (${primary.join(',')})`)
  for (const c of columns) if (c.key === 'UNI') lines.push(`  UNIQUE KEY \`${c.name}\` (\`${c.name}\`)`)
  const counter = columns.some((c) => c.counts) && next > 1 ? ` AUTO_INCREMENT=${next}` : ''
  return `CREATE TABLE \`${name}\` (\n${lines.join(',\n')}\n) ENGINE=InnoDB${counter} DEFAULT CHARSET=utf8mb4 COLLATE=${mariadb ? 'utf8mb4_uca1400_ai_ci' : 'utf8mb4_0900_ai_ci'}`
}
