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
import { ownerOf } from '../stream.ts'
import { readSettings, type Settings } from './settings.ts'
import { versionOf, versionText } from './version.ts'

/** postgres, as its image has it. */
export const STEP = { background: false }

interface Server { process: Process; settings: Settings; /** Connections that are open. */ open: number; nextPid: number; version: string; databases: Databases; user: string; password: string; trust: boolean; log: (text: string, pid: number) => void; salt: Uint8Array }

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
  let application = ''
  let bare = ''
  let first = ''
  let session: SqlSession | undefined
  const pid = server.nextPid++
  const { settings, process } = server
  const log = (text: string): void => server.log(text, pid)
  const says = (name: string): boolean => settings.get(name) === 'on'
  const since = process.clock.now
  // the machine itself comes by the socket
  const from = connection.remoteAddress === '127.0.0.1' ? 'host=[local]' : `host=${connection.remoteAddress} port=${connection.remotePort}`
  if (says('log_connections')) log(`LOG:  connection received: ${from}`)
  server.open++
  const fatal = (code: string, text: string): void => {
    log(`FATAL:  ${text}`)
    connection.send(errorMessage('FATAL', code, text))
    connection.end()
  }
  const ready = (): void => {
    if (server.open > Number(settings.get('max_connections'))) return fatal('53300', 'sorry, too many clients already')
    if (says('log_connections')) log(`LOG:  connection authorized: user=${user} database=${database}${application === '' ? '' : ` application_name=${application}`}`)
    if (!server.databases.has(database)) return fatal('3D000', `database "${database}" does not exist`)
    state = 'ready'
    session = new SqlSession(server.databases, postgresDialect({ ...server, pid }, connection), user, database)
    const parameters = { server_version: server.process.fs.exists('/etc/alpine-release') ? server.version : `${server.version} (Debian ${server.version}-1.pgdg120+1)`, server_encoding: 'UTF8', client_encoding: 'UTF8', DateStyle: 'ISO, MDY', TimeZone: 'Etc/UTC', integer_datetimes: 'on', standard_conforming_strings: 'on' }
    connection.send(concatBytes([message('R', int32(0)), ...Object.entries(parameters).map(([k, v]) => message('S', `${k}\0${v}\0`)), message('K', int32(pid), int32(12_345)), message('Z', 'I')]))
  }
  const begin = (body: Uint8Array): void => {
    const code = at32(body, 0)
    if (code === CODE.ssl || code === CODE.gss) return connection.send(encodeUtf8('N'))
    if (code === CODE.cancel) return connection.end()
    if (code !== CODE.protocol) return fatal('0A000', `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0 to 3.0`)
    const parameters = parametersOf(body)
    user = parameters.get('user') ?? ''
    database = parameters.get('database') ?? user
    application = parameters.get('application_name') ?? ''
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
    if (says('log_connections') && Number(server.version.split('.')[0]) >= 14) log(`LOG:  connection authenticated: identity="${user}" method=scram-sha-256 (/var/lib/postgresql/data/pg_hba.conf:${Number(server.version.split('.')[0]) >= 16 ? 128 : 100})`)
    ready()
  }
  connection.handlers = {
    onData: (data) => {
      reader.add(data)
      while (state === 'startup') {
        const body = reader.first()
        if (body === null) {
          log('LOG:  invalid length of startup packet')
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
        else if (m.type === 'Q' && session) connection.send(concatBytes([...query(session, decodeUtf8(m.body).replace(/\0$/, ''), settings, log), message('Z', 'I')]))
        else if (m.type === 'S') connection.send(message('Z', 'I'))
        else if (session) connection.send(errorMessage('ERROR', '0A000', 'podhop: not simulated: the extended query protocol (simple queries are)'))
      }
    },
    onEnd: () => connection.end(),
    onClose: () => {
      server.open--
      if (!session || !says('log_disconnections')) return
      const lasted = (process.clock.now - since) / 1000
      log(`LOG:  disconnection: session time: ${Math.floor(lasted / 3600)}:${two(Math.floor(lasted / 60) % 60)}:${(lasted % 60).toFixed(3).padStart(6, '0')} user=${user} database=${database} ${from}`)
    },
  }
}

/** log_statement: kinds of statements, each with those before it. */
function isLogged(statement: string, kinds: string): boolean {
  const [word = ''] = statement.trim().toUpperCase().split(/[\s(]/)
  const ddl = /^(CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT)$/.test(word)
  return kinds === 'all' || (kinds !== 'none' && ddl) || (kinds === 'mod' && /^(INSERT|UPDATE|DELETE|TRUNCATE|COPY)$/.test(word))
}

function query(session: SqlSession, text: string, settings: Settings, log: (text: string) => void): Uint8Array[] {
  const { statements, open } = splitStatements(text)
  const all = open.trim() === '' ? statements : [...statements, open]
  if (all.length === 0) return [message('I')]
  const out: Uint8Array[] = []
  if (all.some((s) => isLogged(s, settings.get('log_statement')!))) log(`LOG:  statement: ${text.trim()}`)
  for (const statement of all) {
    let result: SqlResult
    try {
      result = session.run(statement)
    } catch (error) {
      if (!(error instanceof SqlNotSimulated)) throw error
      result = sqlError(0, '0A000', `podhop: not simulated: ${error.message} (SELECT, CREATE, DROP, INSERT, UPDATE and DELETE in their simplest forms are)`)
    }
    if (result.kind === 'error') {
      const at = text.indexOf(statement)
      log(`ERROR:  ${result.message}${result.position === undefined ? '' : ` at character ${Math.max(0, at) + result.position}`}`)
      log(`STATEMENT:  ${text.trim()}`)
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

/** Processes beside the server, below those of clients: they are told in its log alone. */
const CHILDREN = { checkpointer: 54, startup: 56, launcher: 59 }

/** `databases`: what an entrypoint has prepared. */
export function* run(process: Process, args: readonly string[], databases = databasesOf(process)): Task<number> {
  // what ps shows: the entrypoint ends with exec
  ;(process as { argv: readonly string[] }).argv = ['postgres', ...args]
  const read = readSettings(args)
  if ('message' in read) {
    yield* process.printError(read.fatal ? `${logTime(process.clock.wall())} [${process.pid}] FATAL:  ${read.message}\n` : `${read.code === 69 ? 'podhop: not simulated: ' : ''}${read.message}\n`)
    return read.code
  }
  const { settings } = read
  const port = Number(settings.get('port'))
  const version = versionOf(process)
  const out = new Output(process, 2)
  const log = (text: string, pid = process.pid): void => out.write(`${logTime(process.clock.wall())} [${pid}] ${text}\n`)
  const user = setting(process, 'POSTGRES_USER') || 'postgres'
  const salt = Uint8Array.from({ length: 16 }, () => process.clock.random.below(256))
  log(`LOG:  starting ${versionText(process, version)}`)
  const server: Server = { process, settings, open: 0, nextPid: 60, version, databases, user, password: setting(process, 'POSTGRES_PASSWORD'), trust: process.env.get('POSTGRES_HOST_AUTH_METHOD') === 'trust', log, salt }
  const addresses = settings.get('listen_addresses')!.split(',').map((a) => a.trim()).filter((a) => a !== '').map((a) => (a === 'localhost' ? '127.0.0.1' : a))
  const wildcard = addresses.includes('*') || addresses.includes('0.0.0.0')
  try {
    // twice max_connections
    const backlog = 2 * Number(settings.get('max_connections'))
    const accept = (connection: TcpConnection): void => serve(server, connection)
    if (wildcard) listenOnBoth(process, { port, program: 'postgres', backlog }, accept)
    else {
      for (const address of addresses) {
        const listener = process.network.sockets.listen({ port, address, backlog, owner: ownerOf(process, 'postgres') }, accept)
        process.onExit(() => listener.close())
      }
    }
  } catch (error) {
    const taken = (error as { code?: string }).code !== 'EADDRNOTAVAIL'
    log(`LOG:  could not bind IPv4 address "${wildcard ? '0.0.0.0' : addresses[0]}": ${taken ? 'Address already in use' : 'Cannot assign requested address'}`)
    if (taken) log(`HINT:  Is another postmaster already running on port ${port}? If not, wait a few seconds and retry.`)
    log(`WARNING:  could not create listen socket for "${settings.get('listen_addresses')}"`)
    log('FATAL:  could not create any TCP/IP sockets')
    log('LOG:  database system is shut down')
    yield* out.flush()
    return 1
  }
  for (const address of wildcard ? ['0.0.0.0', ...(process.network.ipv6 ? ['::'] : [])] : addresses) log(`LOG:  listening on ${address.includes(':') ? 'IPv6' : 'IPv4'} address "${address}", port ${port}`)
  log(`LOG:  listening on Unix socket "/var/run/postgresql/.s.PGSQL.${port}"`)
  log(`LOG:  database system was shut down at ${logTime(process.clock.wall()).replace(/\.\d+/, '')}`, CHILDREN.startup)
  log('LOG:  database system is ready to accept connections')
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  log(`LOG:  received ${signal === 'SIGTERM' ? 'smart' : signal === 'SIGINT' ? 'fast' : 'immediate'} shutdown request`)
  if (signal === 'SIGINT') log('LOG:  aborting any active transactions')
  if (signal !== 'SIGQUIT') {
    log(`LOG:  background worker "logical replication launcher" (PID ${CHILDREN.launcher}) exited with exit code 1`)
    log('LOG:  shutting down', CHILDREN.checkpointer)
  }
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
