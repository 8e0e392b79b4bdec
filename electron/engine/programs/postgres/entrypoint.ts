import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { become } from '../become.ts'
import { stepDown } from '../gosu.ts'
import { initFiles, notRun, runInitScript } from '../sql/init-scripts.ts'
import { SqlSession } from '../sql/session.ts'
import type { Databases, SqlResult } from '../sql/database.ts'
import { postgresDialect } from './dialect.ts'
import { databasesOf, logTime, run, setting, STEP } from './server.ts'
import { readSettings, type Settings } from './settings.ts'
import { versionOf, versionText } from './version.ts'

/** docker-entrypoint.sh of the image (github.com/docker-library/postgres): initdb, a temporary server for what is in docker-entrypoint-initdb.d, then postgres. */
const DATA = '/var/lib/postgresql/data'
const SCRIPT = '/usr/local/bin/docker-entrypoint.sh'
/** Of the temporary server, as in most logs that people show. */
const TEMPORARY = 48

const NO_PASSWORD = `Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".

       You may also use "POSTGRES_HOST_AUTH_METHOD=trust" to allow all
       connections without a password. This is *not* recommended.

       See PostgreSQL documentation about "trust":
       https://www.postgresql.org/docs/current/auth-trust.html
`

export const postgresEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0]?.startsWith('-')) command.unshift('postgres')
  if (command[0] !== 'postgres') return yield* become(process, command)
  const data = process.env.get('PGDATA') ?? DATA
  process.fs.makeDirectory(data, { parents: true })
  process.fs.chmod(data, 0o700)
  const refused = yield* stepDown(process, 'postgres', [data, '/var/run/postgresql'])
  if (refused !== undefined) return refused
  if (process.fs.exists(`${data}/PG_VERSION`)) {
    yield* process.print('\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n')
    return yield* run(process, command.slice(1))
  }
  if (setting(process, 'POSTGRES_PASSWORD') === '' && process.env.get('POSTGRES_HOST_AUTH_METHOD') !== 'trust') {
    yield* process.printError(NO_PASSWORD)
    return 1
  }
  yield* initdb(process, data)
  const databases = databasesOf(process)
  const read = readSettings(command.slice(1))
  if ('message' in read) {
    // its temporary server is given the same words
    yield* process.print('waiting for server to start....')
    yield* process.printError(read.fatal ? `${logTime(process.clock.wall())} [${TEMPORARY}] FATAL:  ${read.message}\n` : `${read.code === 69 ? 'podhop: not simulated: ' : ''}${read.message}\n`)
    if (read.code === 69) return 69
    yield* process.print(' stopped waiting\n')
    yield* process.printError('pg_ctl: could not start server\nExamine the log output.\n')
    return 1
  }
  const failed = yield* setUp(process, databases, read.settings)
  if (failed !== undefined) return failed
  yield* process.print('\nPostgreSQL init process complete; ready for start up.\n\n')
  process.fs.makeDirectory(data, { parents: true })
  process.fs.writeFile(`${data}/PG_VERSION`, `${process.env.get('PG_MAJOR') ?? '17'}\n`)
  return yield* run(process, command.slice(1), databases)
}

function* initdb(process: Process, data: string): Task<void> {
  const steps = (names: readonly string[]): string => names.map((name) => `${name}${name.includes(' ... ') ? '' : ' ... ok'}\n`).join('')
  yield* process.print(
    'The files belonging to this database system will be owned by user "postgres".\nThis user must also own the server process.\n\n' +
      'The database cluster will be initialized with locale "en_US.utf8".\nThe default database encoding has accordingly been set to "UTF8".\nThe default text search configuration will be set to "english".\n\nData page checksums are disabled.\n\n' +
      steps([`fixing permissions on existing directory ${data}`, 'creating subdirectories', 'selecting dynamic shared memory implementation ... posix', 'selecting default "max_connections" ... 100', 'selecting default "shared_buffers" ... 128MB', 'selecting default time zone ... Etc/UTC', 'creating configuration files']),
  )
  yield* process.sleep(1500, STEP)
  yield* process.print(`${steps(['running bootstrap script', 'performing post-bootstrap initialization', 'syncing data to disk'])}\n\nSuccess. You can now start the database server using:\n\n    pg_ctl -D ${data} -l logfile start\n\n`)
  yield* process.printError('initdb: warning: enabling "trust" authentication for local connections\ninitdb: hint: You can change this by editing pg_hba.conf or using the option -A, or --auth-local and --auth-host, the next time you run initdb.\n')
}

/** With a server that only the machine itself can reach. An exit status when something fails. */
function* setUp(process: Process, databases: Databases, settings: Settings): Task<number | undefined> {
  const log = (text: string, pid = TEMPORARY): string => `${logTime(process.clock.wall())} [${pid}] LOG:  ${text}\n`
  const version = versionOf(process)
  yield* process.print(`waiting for server to start....${log(`starting ${versionText(process, version)}`)}${log('listening on Unix socket "/var/run/postgresql/.s.PGSQL.5432"')}${log(`database system was shut down at ${logTime(process.clock.wall()).replace(/\.\d+/, '')}`, TEMPORARY + 3)}${log('database system is ready to accept connections')}`)
  yield* process.sleep(1000, STEP)
  yield* process.print(' done\nserver started\n')
  const user = setting(process, 'POSTGRES_USER') || 'postgres'
  const database = setting(process, 'POSTGRES_DB') || user
  if (database !== 'postgres') yield* process.print('CREATE DATABASE\n\n')
  yield* process.print('\n')
  const files = initFiles(process)
  // the shell's * stands for itself when there is nothing
  if (files.length === 0) yield* process.print(`${SCRIPT}: ignoring /docker-entrypoint-initdb.d/*\n\n`)
  for (const file of files) {
    if (file.kind === 'other') yield* process.print(`${SCRIPT}: ignoring ${file.path}\n`)
    else if (file.kind !== 'sql') {
      yield* process.printError(notRun(file))
      return 69
    } else {
      yield* process.print(`${SCRIPT}: running ${file.path}\n`)
      const session = new SqlSession(databases, postgresDialect({ process, version, databases, user, settings, pid: TEMPORARY + 10 }, { localAddress: '', remoteAddress: '', remotePort: 0 }), user, database)
      let text = ''
      const failure = runInitScript(session, process.fs.readText(file.path), (result) => (text += shown(result)))
      yield* process.print(text)
      if (failure) {
        const { problem: { message }, to, unsimulated } = failure
        yield* process.printError(unsimulated ? `${message} (line ${to} of ${file.path}: SELECT, CREATE, DROP, INSERT, UPDATE and DELETE in their simplest forms are)\n` : `psql:${file.path}:${to}: ERROR:  ${message}\n`)
        return unsimulated ? 69 : 3
      }
      yield* process.print('\n')
    }
    yield* process.print('\n')
  }
  yield* process.print(`waiting for server to shut down....${log('received fast shutdown request')}${log('aborting any active transactions')}${log('database system is shut down')}`)
  yield* process.print(' done\nserver stopped\n')
  return undefined
}

/** Of psql: the command's tag, or the rows as an aligned table. */
function shown(result: SqlResult): string {
  if (result.kind === 'done') return `${result.tag}\n`
  if (result.kind === 'error') return ''
  const table = [result.columns.map((c) => c.name), ...result.rows.map((row) => row.map((v) => v ?? ''))]
  const widths = result.columns.map((_, i) => Math.max(...table.map((row) => row[i]!.length)))
  const line = (row: readonly string[]): string => ` ${row.map((v, i) => (result.columns[i]!.numeric ? v.padStart(widths[i]!) : v.padEnd(widths[i]!))).join(' | ')}`.replace(/ +$/, '')
  const middle = (text: string, width: number): string => ' '.repeat(Math.floor((width - text.length) / 2)) + text + ' '.repeat(Math.ceil((width - text.length) / 2))
  const head = ` ${result.columns.map((c, i) => middle(c.name, widths[i]!)).join(' | ')} `
  return `${head}\n${widths.map((w) => '-'.repeat(w + 2)).join('+')}\n${table.slice(1).map((row) => `${line(row)}\n`).join('')}(${result.rows.length} row${result.rows.length === 1 ? '' : 's'})\n\n`
}
