import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { become } from '../become.ts'
import { stepDown } from '../gosu.ts'
import { two } from '../http/status.ts'
import { untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { serveMysql, type MysqlServerInfo } from './connection.ts'
import { setUp } from './initialise.ts'
import { accountsOf, databasesOf } from './server.ts'

/** mariadbd and the entrypoint of docker.io/library/mariadb. */
const DATA = '/var/lib/mysql'
const STEP = { background: false }

function date(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
}

/** "2026-01-05  8:00:00": the hour without its zero. */
function logTime(wall: number): string {
  const d = new Date(wall)
  return `${date(wall)} ${String(d.getUTCHours()).padStart(2)}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
}

export function versionOf(process: Process): string {
  return /^(?:1:)?([0-9.]+)/.exec(process.env.get('MARIADB_VERSION') ?? '')?.[1] ?? '11.7.2'
}

function serverOf(process: Process): MysqlServerInfo {
  // its version number is 5.5.5- for clients that know only MySQL's
  return { process, version: `5.5.5-${versionOf(process)}-MariaDB-ubu2404`, plugin: 'mysql_native_password', databases: databasesOf(process, 'MARIADB'), accounts: accountsOf(process, 'MARIADB'), clients: new Map() }
}

function* runMariadb(process: Process, server = serverOf(process)): Task<number> {
  // the entrypoint ends with exec
  const own = ['mariadbd', 'mysqld']
  ;(process as { argv: readonly string[] }).argv = own.includes(process.argv[1] ?? '') ? process.argv.slice(1) : process.argv
  const version = `${versionOf(process)}-MariaDB-ubu2404`
  const log = (text: string, level = 'Note'): Task<void> => process.printError(`${logTime(process.clock.wall())} 0 [${level}] ${text}\n`)
  yield* log(`Starting MariaDB ${version} source revision 0 server_uid as process ${process.pid}`)
  yield* process.sleep(300, STEP)
  yield* log('InnoDB: Initializing buffer pool, total size = 128.000MiB, chunk size = 2.000MiB')
  yield* process.sleep(500, STEP)
  yield* log("Plugin 'FEEDBACK' is disabled.")
  let id = 2
  try {
    const listener = process.network.sockets.listen({ port: 3306, owner: ownerOf(process, 'mariadbd'), backlog: 80 }, (c) => serveMysql(server, ++id, c))
    process.onExit(() => listener.close())
  } catch (error) {
    yield* log(`Can't start server: Bind on TCP/IP port. Got error: 98: ${(error as Error).message}`, 'ERROR')
    yield* log('Do you already have another server running on port: 3306 ?', 'ERROR')
    yield* log('Aborting', 'ERROR')
    return 1
  }
  yield* log("Server socket created on IP: '0.0.0.0'.")
  yield* log('mariadbd: ready for connections.')
  yield* process.printError(`Version: '${version}'  socket: '/run/mysqld/mysqld.sock'  port: 3306  mariadb.org binary distribution\n`)
  yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  yield* log('mariadbd (initiated by: unknown): Normal shutdown')
  yield* process.sleep(500, STEP)
  yield* log('mariadbd: Shutdown complete')
  return 0
}

export const mariadbd: Program = (process) => runMariadb(process)

export const mariadbEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0] !== 'mariadbd' && command[0] !== 'mysqld') return yield* become(process, command)
  const server = serverOf(process)
  const time = (): string => `${date(process.clock.wall())} ${logTime(process.clock.wall()).slice(11).replace(' ', '0')}+00:00`
  const note = (text: string, level = 'Note'): Task<void> => process[level === 'ERROR' ? 'printError' : 'print'](`${time()} [${level}] [Entrypoint]: ${text}\n`)
  const version = process.env.get('MARIADB_VERSION') ?? '1:11.7.2+maria~ubu2404'
  yield* note(`Entrypoint script for MariaDB Server ${version} started.`)
  if (process.user.uid === 0) {
    yield* note("Switching to dedicated user 'mysql'")
    const failed = yield* stepDown(process, 'mysql', [DATA, '/run/mysqld'])
    if (failed !== undefined) return failed
    yield* note(`Entrypoint script for MariaDB Server ${version} started.`)
  }
  if (!process.fs.exists(`${DATA}/mysql`)) {
    const set = (name: string): boolean => [name, `${name}_FILE`].some((n) => ['MARIADB', 'MYSQL'].some((p) => (process.env.get(`${p}_${n}`) ?? '') !== ''))
    if (!['ROOT_PASSWORD', 'ROOT_PASSWORD_HASH', 'ALLOW_EMPTY_ROOT_PASSWORD', 'ALLOW_EMPTY_PASSWORD', 'RANDOM_ROOT_PASSWORD'].some(set)) {
      yield* note('Database is uninitialized and password option is not specified\n\tYou need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_HASH, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD', 'ERROR')
      return 1
    }
    yield* note('Initializing database files')
    yield* process.sleep(2000, STEP)
    yield* note('Database files initialized')
    yield* note('Starting temporary server')
    yield* process.sleep(1500, STEP)
    yield* note('Temporary server started.')
    const failed = yield* setUp(server, 'MARIADB', note)
    if (failed !== undefined) return failed
    yield* note('Stopping temporary server')
    yield* process.sleep(1000, STEP)
    yield* note('Temporary server stopped')
    yield* process.print('\n')
    yield* note('MariaDB init process done. Ready for start up.')
    yield* process.print('\n')
    process.fs.makeDirectory(`${DATA}/mysql`, { parents: true })
  }
  return yield* runMariadb(process, server)
}
