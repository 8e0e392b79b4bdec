import { resolveHost } from '../../dns/resolver.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { isValidIp } from '../../network/address.ts'
import { byName } from '../../own.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { splitStatements } from '../sql/tokens.ts'
import { TcpStream } from '../stream.ts'
import { loginPacket, packet, PacketReader, readColumn, readError, readHandshake, scramble, ValueReader, type Packet, type ServerError } from './protocol.ts'

/** mysql(1) and mysqladmin(1), over TCP. */
/** Whom to log in to. `timeout`: ms until it gives up connecting; without it, TCP's own. */
export interface MysqlTarget { host: string; port: number; user: string; database: string; timeout?: number }
interface Options extends MysqlTarget { password: string | true | undefined; execute: string | undefined; names: boolean; table: boolean; operands: string[] }

const ERRNO: Readonly<Record<string, number>> = { ECONNREFUSED: 111, EHOSTUNREACH: 113, ENETUNREACH: 101, ETIMEDOUT: 110, ECONNRESET: 104 }
const LONG: Readonly<Record<string, string>> = byName({ host: 'h', user: 'u', password: 'p', port: 'P', execute: 'e', database: 'D', 'skip-column-names': 'N', batch: 'B', silent: 's', table: 't', version: 'V' })

function readOptions(process: Process): Options | string {
  const o: Options = { host: '', port: 3306, user: process.user.name, password: process.env.get('MYSQL_PWD'), database: '', execute: undefined, names: true, table: process.terminalOf(1) !== undefined, operands: [] }
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    const long = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg)
    const letter = long ? LONG[long[1]!] : arg.startsWith('-') ? arg[1] : undefined
    if (letter === undefined && (long || arg.startsWith('-'))) {
      if (/^--(protocol=tcp|connect-timeout=\d+|skip-ssl|ssl=0|ssl-mode=DISABLED|no-auto-rehash)$/i.test(arg)) continue
      return arg
    }
    if (letter === undefined) {
      o.operands.push(arg)
      continue
    }
    const inline = long ? long[2] : arg.length > 2 ? arg.slice(2) : undefined
    // -Nse: letters that take no value may stand together
    if (!long && inline !== undefined && 'NBstV'.includes(letter)) args.splice(i + 1, 0, `-${inline}`)
    if (letter === 'p') o.password = inline ?? true
    else if (letter === 'N') o.names = false
    else if (letter === 'B' || letter === 's') o.table = false
    else if (letter === 't') o.table = true
    else if (letter === 'V') return '-V'
    else {
      const value = inline ?? args[++i]
      if (value === undefined) return arg
      if (letter === 'h') o.host = value
      else if (letter === 'u') o.user = value
      else if (letter === 'P') o.port = Number(value)
      else if (letter === 'e') o.execute = value
      else if (letter === 'D') o.database = value
      else return arg
    }
  }
  return o
}

/** mariadb(1) has words of its own. */
function isMaria(process: Process): boolean {
  return process.argv[0]!.split('/').at(-1)!.startsWith('mariadb')
}

/** A client's connection: what mysql(1) and programs that ask MySQL have. */
export class MysqlConnection {
  readonly #process: Process
  readonly #stream: TcpStream
  readonly #reader = new PacketReader()
  #packets: Packet[] = []
  version = ''

  private constructor(process: Process, stream: TcpStream) {
    this.#process = process
    this.#stream = stream
  }

  static *connect(process: Process, o: MysqlTarget, password: string): Task<MysqlConnection | ServerError> {
    const maria = isMaria(process)
    const what = maria ? '' : 'MySQL '
    const local = o.host === '' || o.host === 'localhost'
    let address = local ? '127.0.0.1' : o.host
    if (!isValidIp(address)) {
      const found = yield* resolveHost(process, address)
      if ('error' in found) return { code: 2005, state: 'HY000', message: `Unknown ${what}server host '${o.host}' (${found.error === 'EAI_AGAIN' ? -3 : -2})` }
      address = found.addresses[0]!
    }
    const stream = yield* TcpStream.open(process, address, o.port, o.timeout === undefined ? {} : { timeout: o.timeout })
    if (!(stream instanceof TcpStream)) {
      if (local) return { code: 2002, state: 'HY000', message: `Can't connect to local ${what}server through socket '${maria ? '' : '/var'}/run/mysqld/mysqld.sock' (2)` }
      // MariaDB's connector waits for the connection, and says that
      if (maria) return { code: 2002, state: 'HY000', message: `Can't connect to server on '${o.host}' (${stream.code === 'ETIMEDOUT' ? 110 : 115})` }
      return { code: 2003, state: 'HY000', message: `Can't connect to MySQL server on '${o.host}:${o.port}' (${ERRNO[stream.code] ?? 110})` }
    }
    const client = new MysqlConnection(process, stream)
    const lost = (at: string): ServerError => ({ code: 2013, state: 'HY000', message: `Lost connection to MySQL server at '${at}', system error: 0` })
    const first = yield* client.#next()
    const greeting = first && readHandshake(first.payload)
    if (!greeting) return lost('reading initial communication packet')
    if ('code' in greeting) return greeting
    client.version = greeting.version.replace(/^5\.5\.5-/, '')
    stream.write(loginPacket(o.user, scramble(greeting.plugin, password, greeting.salt), o.database, greeting.plugin))
    for (;;) {
      const answer = yield* client.#next()
      if (!answer) return lost('reading authorization packet')
      if (answer.payload[0] === 0xff) return readError(answer.payload)
      if (answer.payload[0] === 0) return client
    }
  }

  *#next(): Task<Packet | undefined> {
    while (this.#packets.length === 0) {
      const data = yield* this.#stream.read(this.#process)
      if (!(data instanceof Uint8Array)) return undefined
      this.#packets.push(...this.#reader.push(data))
    }
    return this.#packets.shift()
  }

  *ask(command: number, text: string): Task<{ columns: { name: string; numeric: boolean }[]; rows: (string | null)[][] } | { affected: number; info: string } | ServerError> {
    this.#stream.write(packet(0, concatBytes([Uint8Array.of(command), encodeUtf8(text)])))
    const gone: ServerError = { code: 2013, state: 'HY000', message: 'Lost connection to MySQL server during query' }
    const first = yield* this.#next()
    if (!first) return gone
    if (first.payload[0] === 0xff) return readError(first.payload)
    if (first.payload[0] === 0) {
      const reader = new ValueReader(first.payload, 1)
      const affected = reader.number()
      reader.number()
      return { affected, info: decodeUtf8(first.payload.subarray(reader.at + 4)) }
    }
    const columns: { name: string; numeric: boolean }[] = []
    const rows: (string | null)[][] = []
    for (let i = new ValueReader(first.payload).number(); i > 0; i--) {
      const column = yield* this.#next()
      if (!column) return gone
      columns.push(readColumn(column.payload))
    }
    yield* this.#next()
    for (;;) {
      const row = yield* this.#next()
      if (!row) return gone
      if (row.payload[0] === 0xfe && row.payload.length < 9) return { columns, rows }
      const reader = new ValueReader(row.payload)
      rows.push(columns.map(() => reader.text()))
    }
  }

  close(): void {
    this.#stream.write(packet(0, Uint8Array.of(1)))
    this.#stream.close()
  }
}

function* open(process: Process, o: Options, tool: string): Task<MysqlConnection | number> {
  let password = o.password
  if (password === true) {
    yield* process.printError('Enter password: ')
    const terminal = process.terminalOf(0)
    if (terminal) terminal.echo = false
    password = (yield* process.readLine()) ?? ''
    if (terminal) terminal.echo = true
    yield* process.printError('\n')
  } else if (!process.env.has('MARIADB_VERSION') && process.argv.some((a) => /^(-p.|--password=)/.test(a))) yield* process.printError(`${tool}: [Warning] Using a password on the command line interface can be insecure.\n`)
  const client = yield* MysqlConnection.connect(process, o, password ?? '')
  if (client instanceof MysqlConnection) return client
  yield* process.printError(tool === 'mysqladmin' ? `mysqladmin: connect to server at '${o.host || 'localhost'}' failed\nerror: '${client.message}'\n` : `ERROR ${client.code}${client.code > 2000 && client.code < 3000 ? ' (HY000)' : ` (${client.state})`}: ${client.message}\n`)
  return 1
}

function table(columns: { name: string; numeric: boolean }[], rows: (string | null)[][], names: boolean): string {
  const shown = rows.map((row) => row.map((v) => v ?? 'NULL'))
  const widths = columns.map(({ name }, i) => Math.max(names ? name.length : 0, ...shown.map((row) => row[i]!.length)))
  const rule = `+${widths.map((w) => '-'.repeat(w + 2)).join('+')}+\n`
  const line = (cells: readonly string[], numeric: boolean): string => `|${cells.map((c, i) => (numeric && columns[i]!.numeric ? ` ${c.padStart(widths[i]!)} ` : ` ${c.padEnd(widths[i]!)} `)).join('|')}|\n`
  return `${rule}${names ? line(columns.map((c) => c.name), false) + rule : ''}${shown.map((r) => line(r, true)).join('')}${rule}`
}

/** A statement that ended with \\G. */
const VERTICAL = '\u0001'

function vertical(columns: { name: string }[], rows: (string | null)[][]): string {
  const width = Math.max(...columns.map((c) => c.name.length))
  return rows.map((row, n) => `*************************** ${n + 1}. row ***************************\n${columns.map((c, i) => `${c.name.padStart(width)}: ${row[i] ?? 'NULL'}\n`).join('')}`).join('')
}

/** Without a table, what would break a line is written with a backslash. */
function bare(value: string | null): string {
  return (value ?? 'NULL').replace(/[\\\n\t\0]/g, (c) => (c === '\n' ? '\\n' : c === '\t' ? '\\t' : c === '\0' ? '\\0' : '\\\\'))
}

/** A statement, shown as the options have it; false after an error. */
function* show(process: Process, client: MysqlConnection, o: Options, given: string, line: number, interactive: boolean): Task<boolean> {
  const statement = given.replace(VERTICAL, '').trim()
  const maria = isMaria(process)
  const took = maria ? '(0.000 sec)' : '(0.00 sec)'
  const answer = yield* client.ask(3, statement)
  if ('code' in answer) {
    const notSimulated = answer.message.startsWith('podhop: ')
    const quoted = maria && !interactive ? `--------------\n${statement}\n--------------\n\n` : ''
    yield* process.printError(notSimulated ? `${answer.message}\n` : `${quoted}ERROR ${answer.code} (${answer.state})${interactive ? '' : ` at line ${line}`}: ${answer.message}\n`)
    return false
  }
  if ('affected' in answer) {
    if (interactive) yield* process.print(/^\s*use\b/i.test(statement) ? 'Database changed\n' : `Query OK, ${answer.affected} row${answer.affected === 1 ? '' : 's'} affected ${took}\n${answer.info === '' ? '' : `${answer.info}\n`}\n`)
    return true
  }
  const { columns, rows } = answer
  if (rows.length === 0) {
    if (interactive) yield* process.print(`Empty set ${took}\n\n`)
    return true
  }
  if (given.includes(VERTICAL)) yield* process.print(vertical(columns, rows))
  else if (o.table) yield* process.print(table(columns, rows, o.names))
  else yield* process.print([...(o.names ? [columns.map((c) => c.name)] : []), ...rows.map((r) => r.map(bare))].map((r) => `${r.join('\t')}\n`).join(''))
  if (interactive) yield* process.print(`${rows.length} row${rows.length === 1 ? '' : 's'} in set ${took}\n\n`)
  return true
}

/** \\G and \\g end a statement, too. */
const ended = (text: string): string => text.replace(/\\G(?=\s*(?:;|$))\s*;?/gm, `${VERTICAL};`).replace(/\\g(?=\s*(?:;|$))\s*;?/gm, ';')

/** Words of the client itself, which are not simulated. */
const OWN = /^\s*(help|status|source|tee|notee|pager|nopager|edit|delimiter|rehash|prompt|system|warnings|nowarning|charset|connect|\?|\\[h?s.TtPnedr#R!WwC])(?=[\s;]|$)/i

export const mysqlClient: Program = function* (process) {
  const o = readOptions(process)
  const name = process.argv[0]!.split('/').at(-1)!
  if (typeof o === 'string') {
    if (o === '-V') {
      yield* process.print(isMaria(process) ? `${name} from 11.7.2-MariaDB, client 15.2 for debian-linux-gnu (x86_64) using  EditLine wrapper\n` : `${name}  Ver ${(process.env.get('MYSQL_VERSION') ?? '8.4.5').replace(/-.*$/, '')} for Linux on x86_64 (MySQL Community Server - GPL)\n`)
      return 0
    }
    yield* process.printError(`podhop: not simulated: ${name} ${o} (-h, -P, -u, -p, -D, -e, -N, -B, -s and -t are)\n`)
    return 69
  }
  o.database ||= o.operands[0] ?? ''
  const client = yield* open(process, o, name)
  if (typeof client === 'number') return client
  const interactive = o.execute === undefined && process.terminalOf(0) !== undefined
  if (!interactive) {
    if (process.terminalOf(1) === undefined) o.table = o.table && process.argv.some((a) => a === '-t' || a === '--table')
    const text = ended(o.execute ?? decodeUtf8(yield* process.readAll()))
    const { statements, open: rest } = splitStatements(text)
    let line = 1
    for (const statement of rest.trim() === '' ? statements : [...statements, rest]) {
      const lead = /^\s*/.exec(statement)![0].split('\n').length - 1
      if (!(yield* show(process, client, o, statement.trim(), line + lead, false))) return 1
      line += statement.split('\n').length - 1
    }
    client.close()
    return 0
  }
  const maria = isMaria(process)
  const ids = yield* client.ask(3, 'SELECT CONNECTION_ID()')
  const id = 'rows' in ids ? ids.rows[0]![0]! : '8'
  const isMariaServer = client.version.includes('MariaDB')
  const whose = maria ? (isMariaServer ? 'MariaDB' : 'MySQL') : 'MySQL'
  const owner = maria ? '2000, 2018, Oracle, MariaDB Corporation Ab and others.' : "2000, 2025, Oracle and/or its affiliates.\n\nOracle is a registered trademark of Oracle Corporation and/or its\naffiliates. Other names may be trademarks of their respective\nowners."
  yield* process.print(`Welcome to the ${maria ? 'MariaDB' : 'MySQL'} monitor.  Commands end with ; or \\g.\nYour ${whose} connection id is ${id}\nServer version: ${client.version} ${isMariaServer ? 'mariadb.org binary distribution' : 'MySQL Community Server - GPL'}\n\nCopyright (c) ${owner}\n\nType 'help;' or '\\h' for help. Type '\\c' to clear the current input statement.\n\n`)
  let pending = ''
  let database = o.database
  for (;;) {
    const fresh = pending.trim() === ''
    const prompt = maria ? `${whose} [${database || '(none)'}]> ` : 'mysql> '
    const quote = /^[^'"`]*(['"`])(?:(?!\1)[^])*$/.exec(pending.replace(/'[^']*'|"[^"]*"|`[^`]*`/g, ''))?.[1]
    yield* process.print(fresh ? prompt : `${quote === undefined ? '    -' : `    ${quote}`}> `.padStart(maria ? prompt.length : 0))
    const line = yield* process.readLine()
    if (line === null || (fresh && /^\s*(exit|quit|\\q)\s*;?\s*$/i.test(line))) break
    if (/\\c\s*$/.test(line) || (fresh && /^\s*clear\s*;?\s*$/i.test(line))) {
      pending = ''
      continue
    }
    const own = fresh ? OWN.exec(line)?.[1] : undefined
    if (own !== undefined) {
      yield* process.printError(`podhop: not simulated: ${own} of ${maria ? 'mariadb' : 'mysql'} (statements, use, \\G, \\c and \\q are)\n`)
      continue
    }
    const use = fresh ? /^\s*(?:use|\\u)\s+`?([^\s;`]+)`?\s*;?\s*$/i.exec(line)?.[1] : undefined
    pending += use === undefined ? `${ended(line)}\n` : `use \`${use}\`;`
    const { statements, open: rest } = splitStatements(pending)
    pending = rest.trim() === '' ? '' : rest
    for (const statement of statements) if ((yield* show(process, client, o, statement.trim(), 1, true)) && use !== undefined) database = use
  }
  yield* process.print('Bye\n')
  client.close()
  return 0
}

/** mysqladmin ping, status, version. */
export const mysqladmin: Program = function* (process) {
  const o = readOptions(process)
  if (typeof o === 'string' || o.operands[0] !== 'ping') {
    yield* process.printError(`podhop: not simulated: mysqladmin ${typeof o === 'string' ? o : (o.operands[0] ?? '')} (ping is)\n`)
    return 69
  }
  const password = typeof o.password === 'string' ? o.password : ''
  const client = yield* MysqlConnection.connect(process, o, password)
  // a server that refuses the password is alive
  if (!(client instanceof MysqlConnection) && client.code >= 2000) {
    yield* process.printError(`mysqladmin: connect to server at '${o.host || 'localhost'}' failed\nerror: '${client.message}'\nCheck that mysqld is running and that the ${o.host === '' ? "socket: '/var/run/mysqld/mysqld.sock' exists!" : `port is ${o.port}`}\n`)
    return 1
  }
  if (client instanceof MysqlConnection) client.close()
  yield* process.print('mysqld is alive\n')
  return 0
}
