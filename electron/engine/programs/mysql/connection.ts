import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { done, SqlSession } from '../sql/session.ts'
import { mysqlDialect } from './dialect.ts'
import { sqlError, SqlNotSimulated, type Databases, type SqlResult } from '../sql/database.ts'
import { splitStatements } from '../sql/tokens.ts'
import { CAPABILITY, columnPacket, eofPacket, errorPacket, handshake, lengthOf, lengthText, okPacket, packet, PacketReader, readLogin, scramble, type AuthPlugin } from './protocol.ts'

/** One client of mysqld: login, then commands until it leaves. */
export interface MysqlServerInfo { process: Process; version: string; plugin: AuthPlugin; databases: Databases; accounts: Map<string, string>; clients: Map<number, MysqlClient> }

/** A line of SHOW PROCESSLIST. */
export interface MysqlClient { user: string; host: string; session: SqlSession; since: number }

const CONNECT_TIMEOUT = 10_000
const COMMAND = { quit: 1, initDb: 2, query: 3, statistics: 9, ping: 14 }

export function serveMysql(server: MysqlServerInfo, id: number, connection: TcpConnection): void {
  const { process, version, plugin } = server
  const salt = Uint8Array.from({ length: 20 }, () => 1 + process.clock.random.below(126))
  const reader = new PacketReader()
  let session: SqlSession | undefined
  let capabilities = 0
  const timer = process.clock.schedule(CONNECT_TIMEOUT, () => connection.end(), { background: true })
  const host = connection.remoteAddress === '127.0.0.1' || connection.remoteAddress === '::1' ? 'localhost' : connection.remoteAddress
  const refuse = (bytes: Uint8Array): void => {
    connection.send(bytes)
    connection.end()
  }
  const logIn = (sequence: number, payload: Uint8Array): void => {
    process.clock.cancel(timer)
    const login = readLogin(payload)
    if (!login) return refuse(errorPacket(sequence + 1, 1043, '08S01', 'Bad handshake'))
    const password = server.accounts.get(login.user)
    const proof = password === undefined ? undefined : scramble(plugin, password, salt)
    if (!proof || proof.length !== login.proof.length || proof.some((b, i) => b !== login.proof[i])) {
      return refuse(errorPacket(sequence + 1, 1045, '28000', `Access denied for user '${login.user}'@'${host}' (using password: ${login.proof.length > 0 ? 'YES' : 'NO'})`))
    }
    if (login.database !== '' && !server.databases.has(login.database)) return refuse(errorPacket(sequence + 1, 1049, '42000', `Unknown database '${login.database}'`))
    ;({ capabilities } = login)
    session = new SqlSession(server.databases, mysqlDialect(server, host, id), login.user, login.database)
    server.clients.set(id, { user: login.user, host: host === 'localhost' ? host : `${host}:${connection.remotePort}`, session, since: process.clock.now })
    if (plugin === 'caching_sha2_password' && proof.length > 0) {
      // fast authentication has succeeded
      connection.send(concatBytes([packet(sequence + 1, Uint8Array.of(1, 3)), okPacket(sequence + 2)]))
    } else connection.send(okPacket(sequence + 1))
  }
  connection.handlers = {
    onData: (data) => {
      for (const { sequence, payload } of reader.push(data)) {
        if (!session) logIn(sequence, payload)
        else if (payload[0] === COMMAND.quit) return connection.end()
        else connection.send(answer(server, session, payload, (capabilities & CAPABILITY.deprecateEof) !== 0))
      }
    },
    onEnd: () => connection.end(),
    onClose: () => {
      process.clock.cancel(timer)
      server.clients.delete(id)
    },
  }
  connection.send(handshake(version, id, salt, plugin))
}

/** COM_STATISTICS, two blanks between. */
function statistics({ process, clients, databases }: MysqlServerInfo): string {
  const tables = databases.names().reduce((sum, name) => sum + databases.tables(name).size, 0)
  return `Uptime: ${Math.floor((process.clock.now - process.startedAt) / 1000)}  Threads: ${clients.size}  Open tables: ${tables}`
}

function answer(server: MysqlServerInfo, session: SqlSession, payload: Uint8Array, deprecateEof: boolean): Uint8Array {
  const text = decodeUtf8(payload.subarray(1))
  switch (payload[0]) {
    case COMMAND.ping: return okPacket(1)
    case COMMAND.initDb: return result(use(session, text), deprecateEof)
    case COMMAND.query: return result(runText(session, text), deprecateEof)
    case COMMAND.statistics: return packet(1, encodeUtf8(statistics(server)))
    default: return errorPacket(1, 1047, '08S01', 'Unknown command')
  }
}

function runText(session: SqlSession, text: string): SqlResult {
  const { statements, open } = splitStatements(text)
  const all = open.trim() === '' ? statements : [...statements, open]
  try {
    if (all.length === 0) return sqlError(1065, '42000', 'Query was empty')
    if (all.length > 1) throw new SqlNotSimulated('several SQL statements in one query')
    const outcome = session.run(all[0]!)
    if (outcome.kind === 'done' && outcome.database !== undefined) session.database = outcome.database
    return outcome
  } catch (error) {
    if (!(error instanceof SqlNotSimulated)) throw error
    return sqlError(1235, '42000', `podhop: not simulated: ${error.message} (SELECT, SHOW, CREATE, DROP, INSERT, UPDATE and DELETE in their simplest forms are)`)
  }
}

function use(session: SqlSession, name: string): SqlResult {
  if (!session.databases.has(name)) return sqlError(1049, '42000', `Unknown database '${name}'`)
  session.database = name
  return done(0, '')
}

function result(outcome: SqlResult, deprecateEof: boolean): Uint8Array {
  if (outcome.kind === 'error') return errorPacket(1, outcome.code, outcome.state, outcome.message)
  if (outcome.kind === 'done') return okPacket(1, outcome.affected, 0, outcome.info)
  let sequence = 1
  const parts = [packet(sequence++, lengthOf(outcome.columns.length)), ...outcome.columns.map(({ name, numeric }) => columnPacket(sequence++, name, numeric))]
  if (!deprecateEof) parts.push(eofPacket(sequence++))
  for (const row of outcome.rows) parts.push(packet(sequence++, concatBytes(row.map((value) => (value === null ? Uint8Array.of(0xfb) : lengthText(value))))))
  parts.push(deprecateEof ? okPacket(sequence, 0, 0xfe) : eofPacket(sequence))
  return concatBytes(parts)
}
