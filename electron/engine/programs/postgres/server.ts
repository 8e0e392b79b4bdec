import { encodeBase64, decodeBase64 } from '../../kubernetes/base64.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { two } from '../http/status.ts'
import { Output, untilSignal } from '../output.ts'
import { Databases, sqlError, SqlNotSimulated, type SqlResult } from '../sql/database.ts'
import { SqlSession } from '../sql/session.ts'
import { postgresDialect } from './dialect.ts'
import { splitStatements } from '../sql/tokens.ts'
import { at32, CODE, dataRow, errorMessage, int32, message, MessageReader, parametersOf, rowDescription } from './protocol.ts'
import { clientProof, ITERATIONS, saltedPassword, serverSignature } from '../scram.ts'
import { listenOnBoth } from '../listen.ts'
import { versionOf, versionText } from './version.ts'

/** postgres, as its image has it. */
export const STEP = { background: false }
const PORT = 5432

interface Server { process: Process; version: string; databases: Databases; user: string; password: string; trust: boolean; log: (text: string) => void; salt: Uint8Array }

/** "2026-01-05 08:00:00.000 UTC" */
export function logTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(Math.floor(wall % 1000)).padStart(3, '0')} UTC`
}

function serve(server: Server, connection: TcpConnection): void {
  const reader = new MessageReader()
  let state: 'startup' | 'sasl' | 'proof' | 'ready' = 'startup'
  let user = ''
  let database = ''
  let bare = ''
  let first = ''
  let session: SqlSession | undefined
  const fatal = (code: string, text: string): void => {
    server.log(`FATAL:  ${text}`)
    connection.send(errorMessage('FATAL', code, text))
    connection.end()
  }
  const ready = (): void => {
    if (!server.databases.has(database)) return fatal('3D000', `database "${database}" does not exist`)
    state = 'ready'
    session = new SqlSession(server.databases, postgresDialect(server, connection), user, database)
    const parameters = { server_version: server.process.fs.exists('/etc/alpine-release') ? server.version : `${server.version} (Debian ${server.version}-1.pgdg120+1)`, server_encoding: 'UTF8', client_encoding: 'UTF8', DateStyle: 'ISO, MDY', TimeZone: 'Etc/UTC', integer_datetimes: 'on', standard_conforming_strings: 'on' }
    connection.send(concatBytes([message('R', int32(0)), ...Object.entries(parameters).map(([k, v]) => message('S', `${k}\0${v}\0`)), message('K', int32(60), int32(12_345)), message('Z', 'I')]))
  }
  const begin = (body: Uint8Array): void => {
    const code = at32(body, 0)
    if (code === CODE.ssl || code === CODE.gss) return connection.send(encodeUtf8('N'))
    if (code === CODE.cancel) return connection.end()
    if (code !== CODE.protocol) return fatal('0A000', `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0 to 3.0`)
    const parameters = parametersOf(body)
    user = parameters.get('user') ?? ''
    database = parameters.get('database') ?? user
    if (user === '') return fatal('28000', 'no PostgreSQL user name specified in startup packet')
    // pg_hba.conf of the image: the machine itself is trusted
    if (server.trust || connection.remoteAddress === '127.0.0.1') return user === server.user ? ready() : fatal('28000', `role "${user}" does not exist`)
    state = 'sasl'
    connection.send(message('R', int32(10), 'SCRAM-SHA-256\0\0'))
  }
  const offer = (body: Uint8Array): void => {
    const end = body.indexOf(0)
    const text = decodeUtf8(body.subarray(end + 5))
    bare = text.replace(/^[nyp][^,]*,[^,]*,/, '')
    const nonce = /r=([^,]*)/.exec(bare)?.[1] ?? ''
    first = `r=${nonce}${server.process.clock.random.hex(24)},s=${encodeBase64(server.salt)},i=${ITERATIONS}`
    state = 'proof'
    connection.send(message('R', int32(11), first))
  }
  const prove = (body: Uint8Array): void => {
    const text = decodeUtf8(body)
    const proof = decodeBase64(/p=(.*)$/.exec(text)?.[1] ?? '')
    const whole = `${bare},${first},${text.replace(/,p=.*$/, '')}`
    const password = saltedPassword(server.password, server.salt)
    const wanted = clientProof(password, whole)
    if (user !== server.user || typeof proof === 'number' || proof.length !== 32 || proof.some((b, i) => b !== wanted[i])) return fatal('28P01', `password authentication failed for user "${user}"`)
    connection.send(message('R', int32(12), `v=${encodeBase64(serverSignature(password, whole))}`))
    ready()
  }
  connection.handlers = {
    onData: (data) => {
      reader.add(data)
      while (state === 'startup') {
        const body = reader.first()
        if (body === null) {
          server.log('LOG:  invalid length of startup packet')
          return connection.end()
        }
        if (!body) return
        begin(body)
        if (connection.state !== 'ESTAB') return
      }
      for (let m = reader.next(); m; m = reader.next()) {
        if (m.type === 'X') return connection.end()
        if (m.type === 'p' && state === 'sasl') offer(m.body)
        else if (m.type === 'p' && state === 'proof') prove(m.body)
        else if (m.type === 'Q' && session) connection.send(concatBytes([...query(session, decodeUtf8(m.body).replace(/\0$/, ''), server), message('Z', 'I')]))
        else if (m.type === 'S') connection.send(message('Z', 'I'))
        else if (session) connection.send(errorMessage('ERROR', '0A000', 'podhop: not simulated: the extended query protocol (simple queries are)'))
      }
    },
    onEnd: () => connection.end(),
  }
}

function query(session: SqlSession, text: string, server: Server): Uint8Array[] {
  const { statements, open } = splitStatements(text)
  const all = open.trim() === '' ? statements : [...statements, open]
  if (all.length === 0) return [message('I')]
  const out: Uint8Array[] = []
  for (const statement of all) {
    let result: SqlResult
    try {
      result = session.run(statement)
    } catch (error) {
      if (!(error instanceof SqlNotSimulated)) throw error
      result = sqlError(0, '0A000', `podhop: not simulated: ${error.message} (SELECT, CREATE, DROP, INSERT, UPDATE and DELETE in their simplest forms are)`)
    }
    if (result.kind === 'error') {
      server.log(`ERROR:  ${result.message}`)
      server.log(`STATEMENT:  ${statement.trim()}`)
      const at = text.indexOf(statement)
      out.push(errorMessage('ERROR', result.state, result.message, { ...(result.position === undefined ? {} : { position: Math.max(0, at) + result.position }), ...(result.detail === undefined ? {} : { detail: result.detail }) }))
      break
    }
    if (result.kind === 'done') out.push(message('C', `${result.tag}\0`))
    else out.push(rowDescription(result.columns), ...result.rows.map(dataRow), message('C', `${result.tag ?? `SELECT ${result.rows.length}`}\0`))
  }
  return out
}

/** What the entrypoint creates when the data directory is empty. */
export function databasesOf(process: Process): Databases {
  const user = setting(process, 'POSTGRES_USER') || 'postgres'
  return new Databases(['postgres', 'template0', 'template1', setting(process, 'POSTGRES_DB') || user])
}

/** `databases`: what an entrypoint has prepared. */
export function* run(process: Process, args: readonly string[], databases = databasesOf(process)): Task<number> {
  // what ps shows: the entrypoint ends with exec
  ;(process as { argv: readonly string[] }).argv = ['postgres', ...args]
  if (args.some((a) => a.startsWith('-'))) {
    yield* process.printError(`podhop: not simulated: postgres ${args.join(' ')} (postgres without options is)\n`)
    return 69
  }
  const version = versionOf(process)
  const out = new Output(process, 2)
  const log = (text: string, pid = process.pid): void => out.write(`${logTime(process.clock.wall())} [${pid}] ${text}\n`)
  const user = setting(process, 'POSTGRES_USER') || 'postgres'
  const salt = Uint8Array.from({ length: 16 }, () => process.clock.random.below(256))
  log(`LOG:  starting ${versionText(process, version)}`)
  const server: Server = { process, version, databases, user, password: setting(process, 'POSTGRES_PASSWORD'), trust: process.env.get('POSTGRES_HOST_AUTH_METHOD') === 'trust', log: (text) => log(text, 60), salt }
  try {
    // twice max_connections
    listenOnBoth(process, { port: PORT, program: 'postgres', backlog: 200 }, (connection) => serve(server, connection))
  } catch {
    log(`LOG:  could not bind IPv4 address "0.0.0.0": Address already in use`)
    log(`HINT:  Is another postmaster already running on port ${PORT}? If not, wait a few seconds and retry.`)
    log('WARNING:  could not create listen socket for "*"')
    log('FATAL:  could not create any TCP/IP sockets')
    log('LOG:  database system is shut down')
    yield* out.flush()
    return 1
  }
  log(`LOG:  listening on IPv4 address "0.0.0.0", port ${PORT}`)
  if (process.network.ipv6) log(`LOG:  listening on IPv6 address "::", port ${PORT}`)
  log('LOG:  listening on Unix socket "/var/run/postgresql/.s.PGSQL.5432"')
  log('LOG:  database system is ready to accept connections')
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  log(`LOG:  received ${signal === 'SIGTERM' ? 'smart' : signal === 'SIGINT' ? 'fast' : 'immediate'} shutdown request`)
  yield* process.sleep(100, STEP)
  log('LOG:  database system is shut down')
  yield* out.flush()
  return 0
}

export function setting(process: Process, name: string): string {
  const file = process.env.get(`${name}_FILE`) ?? ''
  return process.env.get(name) || (file !== '' && process.fs.exists(file) ? process.fs.readText(file).replace(/\n$/, '') : '')
}

export const postgres: Program = (process) => run(process, process.argv.slice(1))
