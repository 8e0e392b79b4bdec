import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { initFiles, notRun, runInitScript } from '../sql/init-scripts.ts'
import { SqlSession } from '../sql/session.ts'
import type { MysqlServerInfo } from './connection.ts'
import { mysqlDialect } from './dialect.ts'

/** The entrypoint's settings, and what it does with them while its temporary server runs (docker_setup_db, docker_process_init_files). */
export type Prefix = 'MYSQL' | 'MARIADB'
export type Note = (message: string, level?: 'Note' | 'Warn' | 'ERROR') => Task<void>

const SCRIPT = '/usr/local/bin/docker-entrypoint.sh'

/** A variable of the entrypoint, or what is in the file that NAME_FILE names. MariaDB's variables may have either prefix. */
export function settingOf(process: Process, prefix: Prefix, name: string): string {
  const value = (variable: string): string => {
    const file = process.env.get(`${variable}_FILE`) ?? ''
    return process.env.get(variable) || (file !== '' && process.fs.exists(file) ? process.fs.readText(file).replace(/\n$/, '') : '')
  }
  return value(`${prefix}_${name}`) || (prefix === 'MARIADB' ? value(`MYSQL_${name}`) : '')
}

/** An exit status when something of it fails. */
export function* setUp(server: MysqlServerInfo, prefix: Prefix, note: Note): Task<number | undefined> {
  const { process, accounts } = server
  const of = (name: string): string => settingOf(process, prefix, name)
  const [database, user] = [of('DATABASE'), of('USER')]
  if (prefix === 'MYSQL' && user !== '' && of('PASSWORD') === '') yield* note('MYSQL_USER specified, but missing MYSQL_PASSWORD; MYSQL_USER will not be created', 'Warn')
  if (of('RANDOM_ROOT_PASSWORD') !== '') {
    const password = process.clock.random.hex(32)
    accounts.set('root', password)
    yield* note(`GENERATED ROOT PASSWORD: ${password}`)
  }
  if (database !== '') yield* note(`Creating database ${database}`)
  if (accounts.has(user) && user !== 'root') {
    yield* note(`Creating user ${user}`)
    if (database !== '') yield* note(`Giving user ${user} access to schema ${database}`)
  }
  if (prefix === 'MARIADB') yield* note('Securing system users (equivalent to running mysql_secure_installation)')
  yield* process.print('\n')
  for (const file of initFiles(process)) {
    if (file.kind === 'other') yield* note(`${SCRIPT}: ignoring ${file.path}`, 'Warn')
    else if (file.kind !== 'sql') {
      yield* process.printError(notRun(file))
      return 69
    } else {
      yield* note(`${SCRIPT}: running ${file.path}`)
      const lines: string[] = []
      const session = new SqlSession(server.databases, mysqlDialect(server, 'localhost', 0), 'root', database)
      const failure = runInitScript(session, process.fs.readText(file.path), (result) => {
        if (result.kind === 'rows') lines.push(...[result.columns.map((c) => c.name), ...result.rows].map((row) => row.map((v) => v ?? 'NULL').join('\t')))
      })
      yield* process.print(lines.map((line) => `${line}\n`).join(''))
      if (failure) {
        const { problem: { code, state, message }, from, unsimulated } = failure
        yield* process.printError(unsimulated ? `${message} (line ${from} of ${file.path}: SELECT, CREATE, DROP, INSERT, UPDATE and DELETE in their simplest forms are)\n` : `ERROR ${code} (${state}) at line ${from}: ${message}\n`)
        return unsimulated ? 69 : 1
      }
      yield* process.print('\n')
    }
    yield* process.print('\n')
  }
  return undefined
}
