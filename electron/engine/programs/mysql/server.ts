import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import type { TcpConnection, TcpListener } from '../../network/types.ts'
import { become } from '../become.ts'
import { stepDown } from '../gosu.ts'
import { two } from '../http/status.ts'
import { untilSignal } from '../output.ts'
import { Databases } from '../sql/database.ts'
import { ownerOf } from '../stream.ts'
import { serveMysql, type MysqlServerInfo } from './connection.ts'
import { settingOf, setUp, type Prefix } from './initialise.ts'

/** mysqld of MySQL Community Server: its log, its sockets and the first packet of its protocol. A small subset of SQL. */
const PORT = 3306
const X_PORT = 33_060
const CONNECT_TIMEOUT = 10_000
const DATA = '/var/lib/mysql'
const SERVER = '/usr/sbin/mysqld'
/** Starting and stopping take their time, and a cluster that settles waits for it. */
const STEP = { background: false }

function versionOf(process: Process): string {
  return (process.env.get('MYSQL_VERSION') ?? '8.4.5').replace(/-.*$/, '')
}

/** "2026-01-05T08:00:00.000000Z" */
function serverTime(wall: number): string {
  return `${new Date(wall).toISOString().slice(0, -1)}000Z`
}

/** "2026-01-05 08:00:00+00:00" */
function entrypointTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}+00:00`
}

class Mysqld {
  readonly #process: Process
  readonly #version: string
  /** What clients find; an entrypoint prepares it before the server runs. */
  readonly info: MysqlServerInfo
  #connections = 7

  readonly #arguments: readonly string[]
  readonly #port: number

  constructor(process: Process, args: readonly string[]) {
    this.#process = process
    this.#arguments = args
    this.#port = Number(args.findLast((a) => /^--port=\d+$/.test(a))?.slice(7) ?? PORT)
    this.#version = versionOf(process)
    const plugin = this.#version.startsWith('5.') ? 'mysql_native_password' : 'caching_sha2_password'
    this.info = { process, version: this.#version, plugin, databases: databasesOf(process, 'MYSQL'), accounts: accountsOf(process, 'MYSQL'), clients: new Map() }
  }

  *run(): Task<number> {
    // what ps shows, and /proc/1/cmdline: the entrypoint ends with exec
    ;(this.#process as { argv: readonly string[] }).argv = ['mysqld', ...this.#arguments]
    for (const option of this.#arguments) if (!/^--port=\d+$/.test(option)) yield* this.#process.printError(`podhop: not simulated: mysqld ${option} (it is as if it were not there)\n`)
    return yield* this.#version.startsWith('5.') ? this.#runOld() : this.#run()
  }

  /** 5.6 and 5.7, whose logs have no codes. 5.6 tells its process instead of a thread, and the time as people write it. */
  *#runOld(): Task<number> {
    const process = this.#process
    const is56 = this.#version.startsWith('5.6.')
    const log = (text: string, level = 'Note'): Task<void> => process.printError(`${is56 ? `${entrypointTime(process.clock.wall()).slice(0, 19)} ${process.pid}` : `${serverTime(process.clock.wall())} 0`} [${level}] ${text}\n`)
    yield* log('TIMESTAMP with implicit DEFAULT value is deprecated. Please use --explicit_defaults_for_timestamp server option (see documentation for more details).', 'Warning')
    yield* log(`mysqld (mysqld ${this.#version}) starting as process ${process.pid} ...`)
    yield* process.sleep(300, STEP)
    yield* log(is56 ? 'InnoDB: Initializing buffer pool, size = 128.0M' : 'InnoDB: Initializing buffer pool, total size = 128M, instances = 1, chunk size = 128M')
    yield* process.sleep(700, STEP)
    yield* log('InnoDB: Waiting for purge to start')
    yield* log(`InnoDB: ${this.#version} started; log sequence number ${is56 ? 1_625_997 : 12_219_272}`)
    if (!is56) yield* log('CA certificate ca.pem is self signed.', 'Warning')
    let listener: TcpListener
    try {
      listener = process.network.sockets.listen({ port: this.#port, owner: ownerOf(process, 'mysqld'), backlog: 80 }, (c) => serveMysql(this.info, ++this.#connections, c))
    } catch {
      yield* log("Can't start server: Bind on TCP/IP port: Address already in use", 'ERROR')
      yield* log(`Do you already have another mysqld server running on port: ${this.#port} ?`, 'ERROR')
      yield* log('Aborting', 'ERROR')
      return 1
    }
    process.onExit(() => listener.close())
    yield* log(`Server hostname (bind-address): '*'; port: ${this.#port}`)
    if (process.network.ipv6) {
      yield* log('IPv6 is available.')
      yield* log("  - '::' resolves to '::';")
    }
    yield* log(`Server socket created on IP: '${process.network.ipv6 ? '::' : '0.0.0.0'}'.`)
    yield* log('Event Scheduler: Loaded 0 events')
    yield* log('mysqld: ready for connections.')
    yield* process.printError(`Version: '${this.#version}'  socket: '/var/run/mysqld/mysqld.sock'  port: ${this.#port}  MySQL Community Server (GPL)\n`)
    yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
    yield* log('Giving 0 client threads a chance to die gracefully')
    listener.close()
    yield* process.sleep(1000, STEP)
    yield* log('mysqld: Shutdown complete')
    return 0
  }

  *#run(): Task<number> {
    const process = this.#process
    yield* this.#log('System', 'MY-010116', `${SERVER} (mysqld ${this.#version}) starting as process ${process.pid}`)
    yield* process.sleep(300, STEP)
    yield* this.#log('System', 'MY-013576', 'InnoDB initialization has started.', 'InnoDB', 1)
    yield* process.sleep(700, STEP)
    yield* this.#log('System', 'MY-013577', 'InnoDB initialization has ended.', 'InnoDB', 1)
    yield* process.sleep(400, STEP)
    yield* this.#log('Warning', 'MY-010068', 'CA certificate ca.pem is self signed.')
    yield* this.#log('System', 'MY-013602', 'Channel mysql_main configured to support TLS. Encrypted connections are now supported for this channel.')
    const listeners: TcpListener[] = []
    try {
      listeners.push(process.network.sockets.listen({ port: this.#port, owner: ownerOf(process, 'mysqld'), backlog: 151 }, (c) => serveMysql(this.info, ++this.#connections, c)))
    } catch (error) {
      yield* this.#log('ERROR', 'MY-010262', `Can't start server: Bind on TCP/IP port: ${(error as Error).message}`)
      yield* this.#log('ERROR', 'MY-010257', `Do you already have another mysqld server running on port: ${this.#port} ?`)
      yield* this.#log('ERROR', 'MY-010119', 'Aborting')
      yield* this.#log('System', 'MY-010910', `${SERVER}: Shutdown complete (mysqld ${this.#version})  MySQL Community Server - GPL.`)
      return 1
    }
    process.onExit(() => listeners.forEach((l) => l.close()))
    try {
      listeners.push(process.network.sockets.listen({ port: X_PORT, owner: ownerOf(process, 'mysqld'), backlog: 70 }, (c) => this.#closeLater(c)))
      yield* this.#log('System', 'MY-011323', `X Plugin ready for connections. Bind-address: '::' port: ${X_PORT}, socket: /var/run/mysqld/mysqlx.sock`)
    } catch {
      yield* this.#log('ERROR', 'MY-011300', `Plugin mysqlx reported: 'Setup of bind-address: '*' port: ${X_PORT} failed, \`bind()\` failed with error: Address already in use (98). Do you already have another mysqld server running with Mysqlx ?'`)
    }
    yield* this.#log('System', 'MY-010931', `${SERVER}: ready for connections. Version: '${this.#version}'  socket: '/var/run/mysqld/mysqld.sock'  port: ${this.#port}  MySQL Community Server - GPL.`)
    yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
    yield* this.#log('System', 'MY-013172', `Received SHUTDOWN from user <via user signal>. Shutting down mysqld (Version: ${this.#version}).`)
    for (const listener of listeners) listener.close()
    yield* process.sleep(1000, STEP)
    yield* this.#log('System', 'MY-010910', `${SERVER}: Shutdown complete (mysqld ${this.#version})  MySQL Community Server - GPL.`)
    return 0
  }

  #closeLater(connection: TcpConnection): ReturnType<Process['clock']['schedule']> {
    const timer = this.#process.clock.schedule(CONNECT_TIMEOUT, () => connection.end(), { background: true })
    connection.handlers = { onEnd: () => connection.end(), onClose: () => this.#process.clock.cancel(timer) }
    return timer
  }

  #log(level: string, code: string, message: string, subsystem = 'Server', thread = 0): Task<void> {
    return this.#process.printError(`${serverTime(this.#process.clock.wall())} ${thread} [${level}] [${code}] [${subsystem}] ${message}\n`)
  }
}

const SYSTEM = ['information_schema', 'mysql', 'performance_schema', 'sys']

/** What the entrypoint creates when the data directory is empty. */
export function databasesOf(process: Process, prefix: Prefix): Databases {
  const own = settingOf(process, prefix, 'DATABASE')
  return new Databases([...SYSTEM, ...(own === '' ? [] : [own])])
}

/** Users and their passwords. */
export function accountsOf(process: Process, prefix: Prefix): Map<string, string> {
  const of = (name: string): string => settingOf(process, prefix, name)
  const accounts = new Map([['root', of('ROOT_PASSWORD')]])
  if (of('USER') !== '' && of('PASSWORD') !== '') accounts.set(of('USER'), of('PASSWORD'))
  return accounts
}

export const mysqld: Program = (process) => new Mysqld(process, process.argv.slice(1)).run()

/** docker-entrypoint.sh of the image: checks the password variables, initialises the data directory once. */
export const mysqlEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0]?.startsWith('-')) command.unshift('mysqld')
  if (command[0] !== 'mysqld') return yield* become(process, command)
  const version = process.env.get('MYSQL_VERSION') ?? '8.4.5-1.el9'
  const server = new Mysqld(process, command.slice(1))
  const note = (message: string, level = 'Note'): Task<void> => process[level === 'ERROR' ? 'printError' : 'print'](`${entrypointTime(process.clock.wall())} [${level}] [Entrypoint]: ${message}\n`)
  yield* note(`Entrypoint script for MySQL Server ${version} started.`)
  yield* process.sleep(200, STEP)
  if (process.user.uid === 0) {
    yield* note("Switching to dedicated user 'mysql'")
    const failed = yield* stepDown(process, 'mysql', [DATA, '/var/run/mysqld'])
    if (failed !== undefined) return failed
    yield* note(`Entrypoint script for MySQL Server ${version} started.`)
  }
  if (!process.fs.exists(`${DATA}/mysql`)) {
    const set = (name: string): boolean => (process.env.get(name) ?? '') !== '' || (process.env.get(`${name}_FILE`) ?? '') !== ''
    if (!set('MYSQL_ROOT_PASSWORD') && !set('MYSQL_ALLOW_EMPTY_PASSWORD') && !set('MYSQL_RANDOM_ROOT_PASSWORD')) {
      yield* note(
        'Database is uninitialized and password option is not specified\n    You need to specify one of the following as an environment variable:\n' +
          '    - MYSQL_ROOT_PASSWORD\n    - MYSQL_ALLOW_EMPTY_PASSWORD\n    - MYSQL_RANDOM_ROOT_PASSWORD',
        'ERROR',
      )
      return 1
    }
    yield* note('Initializing database files')
    if (version.startsWith('5.')) yield* initialiseOld(process)
    else {
      const log = (code: string, message: string, thread: number, level = 'System', subsystem = 'InnoDB'): Task<void> => process.printError(`${serverTime(process.clock.wall())} ${thread} [${level}] [${code}] [${subsystem}] ${message}\n`)
      yield* log('MY-013169', `${SERVER} (mysqld ${versionOf(process)}) initializing of server in progress as process 80`, 0, 'System', 'Server')
      yield* log('MY-013576', 'InnoDB initialization has started.', 1)
      yield* process.sleep(1500, STEP)
      yield* log('MY-013577', 'InnoDB initialization has ended.', 1)
      yield* log('MY-010453', 'root@localhost is created with an empty password ! Please consider switching off the --initialize-insecure option.', 6, 'Warning', 'Server')
    }
    yield* process.sleep(1500, STEP)
    yield* note('Database files initialized')
    yield* note('Starting temporary server')
    yield* process.sleep(1500, STEP)
    yield* note('Temporary server started.')
    yield* process.print("'/var/lib/mysql/mysql.sock' -> '/var/run/mysqld/mysqld.sock'\n")
    yield* process.sleep(1000, STEP)
    const failed = yield* setUp(server.info, 'MYSQL', note)
    if (failed !== undefined) return failed
    yield* note('Stopping temporary server')
    yield* process.sleep(1000, STEP)
    yield* note('Temporary server stopped')
    yield* process.print('\n')
    yield* note('MySQL init process done. Ready for start up.')
    yield* process.print('\n')
    process.fs.makeDirectory(`${DATA}/mysql`, { parents: true })
  }
  return yield* server.run()
}

function* initialiseOld(process: Process): Task<void> {
  const log = (text: string): Task<void> => process.printError(`${serverTime(process.clock.wall())} 0 [Warning] ${text}\n`)
  yield* log('TIMESTAMP with implicit DEFAULT value is deprecated. Please use --explicit_defaults_for_timestamp server option (see documentation for more details).')
  yield* process.sleep(1500, STEP)
  yield* log('InnoDB: New log files created, LSN=45790')
  yield* log('InnoDB: Creating foreign key constraint system tables.')
  yield* log('root@localhost is created with an empty password ! Please consider switching off the --initialize-insecure option.')
}
