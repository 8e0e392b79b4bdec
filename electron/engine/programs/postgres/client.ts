import { resolveHost } from '../../dns/resolver.ts'
import { decodeBase64, encodeBase64 } from '../../kubernetes/base64.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { isValidIp } from '../../network/address.ts'
import { byName } from '../../own.ts'
import { decodeUtf8 } from '../../text.ts'
import { splitStatements } from '../sql/tokens.ts'
import { TcpStream } from '../stream.ts'
import { at32, int32, message, MessageReader, readDataRow, readFields, readRowDescription, startup, type Message } from './protocol.ts'
import { clientProof, saltedPassword } from '../scram.ts'

/** psql(1) and pg_isready(1), over TCP. */
interface Options { host: string; port: number; user: string; database: string; commands: string[]; tuples: boolean; aligned: boolean; quiet: boolean; operands: string[] }

const LONG: Readonly<Record<string, string>> = byName({ host: 'h', port: 'p', username: 'U', dbname: 'd', command: 'c', 'tuples-only': 't', 'no-align': 'A', quiet: 'q', 'no-psqlrc': 'X', 'no-password': 'w', timeout: 'T' })

function readOptions(process: Process): Options | string {
  const env = (name: string): string => process.env.get(name) ?? ''
  const user = env('PGUSER') || process.user.name
  const o: Options = { host: env('PGHOST'), port: Number(env('PGPORT') || 5432), user, database: env('PGDATABASE'), commands: [], tuples: false, aligned: true, quiet: false, operands: [] }
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    const long = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg)
    if (!arg.startsWith('-')) {
      const url = /^postgres(?:ql)?:\/\/(?:([^:@/]+)(?::([^@/]*))?@)?([^:/]+)(?::(\d+))?(?:\/(\w+))?$/.exec(arg)
      if (url) {
        o.user = url[1] ?? o.user
        if (url[2] !== undefined) process.env.set('PGPASSWORD', url[2])
        o.host = url[3]!
        o.port = Number(url[4] ?? o.port)
        o.database = url[5] ?? o.database
      } else o.operands.push(arg)
      continue
    }
    let letters = long ? (LONG[long[1]!] ?? '') : arg.slice(1)
    if (letters === '') return arg
    while (letters !== '') {
      const letter = letters[0]!
      letters = letters.slice(1)
      if (letter === 't') o.tuples = true
      else if (letter === 'A') o.aligned = false
      else if (letter === 'q') o.quiet = true
      else if (letter === 'X' || letter === 'w') continue
      else {
        const value = long ? (long[2] ?? args[++i]) : letters !== '' ? letters : args[++i]
        letters = ''
        if (value === undefined) return arg
        if (letter === 'h') o.host = value
        else if (letter === 'p') o.port = Number(value)
        else if (letter === 'U') o.user = value
        else if (letter === 'd') o.database = value
        else if (letter === 'c') o.commands.push(value)
        else if (letter !== 'T') return arg
      }
    }
  }
  return o
}

/** Where it wants to go, as libpq says it. */
function place(o: Options, address: string): string {
  return o.host === '' ? `connection to server on socket "/var/run/postgresql/.s.PGSQL.${o.port}" failed: ` : `connection to server at "${o.host}"${address === o.host ? '' : ` (${address})`}, port ${o.port} failed: `
}

class Session {
  readonly #process: Process
  readonly #stream: TcpStream
  readonly #reader = new MessageReader()
  version = ''

  private constructor(process: Process, stream: TcpStream) {
    this.#process = process
    this.#stream = stream
  }

  static *reach(process: Process, o: Options): Task<{ stream: TcpStream; address: string } | string> {
    let address = o.host === '' || o.host === 'localhost' ? '127.0.0.1' : o.host
    if (!isValidIp(address)) {
      const found = yield* resolveHost(process, o.host)
      if ('error' in found) return `could not translate host name "${o.host}" to address: ${found.message}\n`
      address = found.addresses[0]!
    }
    const stream = yield* TcpStream.open(process, address, o.port)
    if (stream instanceof TcpStream) return { stream, address }
    if (o.host === '') return `${place(o, address)}No such file or directory\n\tIs the server running locally and accepting connections on that socket?\n`
    return `${place(o, address)}${stream.message}\n\tIs the server running on that host and accepting TCP/IP connections?\n`
  }

  static *open(process: Process, o: Options, password: string | undefined): Task<Session | string> {
    const reached = yield* Session.reach(process, o)
    if (typeof reached === 'string') return reached
    const session = new Session(process, reached.stream)
    const failed = (text: string): string => `${place(o, reached.address)}${text}\n`
    reached.stream.write(startup({ user: o.user, database: o.database || o.user, application_name: 'psql', client_encoding: 'UTF8' }))
    const nonce = process.clock.random.hex(24)
    const bare = `n=,r=${nonce}`
    for (;;) {
      const m = yield* session.#next()
      if (!m) return failed('server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.')
      if (m.type === 'E') return failed(`FATAL:  ${readFields(m.body).get('M') ?? ''}`)
      if (m.type === 'S') {
        const [name, value = ''] = decodeUtf8(m.body).split('\0')
        if (name === 'server_version') session.version = value
      } else if (m.type === 'Z') return session
      else if (m.type === 'R' && at32(m.body, 0) === 10) {
        if (password === undefined) return failed('fe_sendauth: no password supplied')
        session.#stream.write(message('p', 'SCRAM-SHA-256\0', int32(bare.length + 3), `n,,${bare}`))
      } else if (m.type === 'R' && at32(m.body, 0) === 11) {
        const first = decodeUtf8(m.body.subarray(4))
        const [, all = '', salt = '', rounds = '4096'] = /^r=(.*),s=(.*),i=(\d+)$/.exec(first) ?? []
        const bytes = decodeBase64(salt)
        const last = `c=biws,r=${all}`
        const proof = clientProof(saltedPassword(password ?? '', typeof bytes === 'number' ? new Uint8Array(0) : bytes, Math.min(Number(rounds), 100_000)), `${bare},${first},${last}`)
        session.#stream.write(message('p', `${last},p=${encodeBase64(proof)}`))
      }
    }
  }

  *#next(): Task<Message | undefined> {
    for (;;) {
      const m = this.#reader.next()
      if (m) return m
      const data = yield* this.#stream.read(this.#process)
      if (!(data instanceof Uint8Array)) return undefined
      this.#reader.add(data)
    }
  }

  /** Sends one query and shows its results; 0, 1 after an error, 2 when the connection is lost. */
  *ask(text: string, o: Options): Task<number> {
    const process = this.#process
    this.#stream.write(message('Q', `${text}\0`))
    let columns: { name: string; numeric: boolean }[] = []
    let rows: (string | null)[][] = []
    let code = 0
    for (;;) {
      const m = yield* this.#next()
      if (!m) {
        yield* process.printError('server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\nconnection to server was lost\n')
        return 2
      }
      switch (m.type) {
        case 'Z': return code
        case 'T':
          columns = readRowDescription(m.body)
          rows = []
          break
        case 'D':
          rows.push(readDataRow(m.body))
          break
        case 'C':
          if (columns.length > 0) yield* process.print(table(columns, rows, o))
          else if (!o.quiet && !o.tuples) yield* process.print(`${decodeUtf8(m.body).replace(/\0$/, '')}\n`)
          columns = []
          break
        case 'E': {
          code = 1
          const text = readFields(m.body).get('M') ?? ''
          yield* process.printError(text.startsWith('podhop: ') ? `${text}\n` : `ERROR:  ${text}\n`)
        }
      }
    }
  }

  close(): void {
    this.#stream.write(message('X'))
    this.#stream.close()
  }
}

function table(columns: { name: string; numeric: boolean }[], rows: (string | null)[][], o: Options): string {
  const shown = rows.map((r) => r.map((v) => v ?? ''))
  const count = `(${rows.length} row${rows.length === 1 ? '' : 's'})\n`
  if (!o.aligned) return `${[...(o.tuples ? [] : [columns.map((c) => c.name)]), ...shown].map((r) => `${r.join('|')}\n`).join('')}${o.tuples ? '' : count}`
  const widths = columns.map(({ name }, i) => Math.max(o.tuples ? 0 : name.length, ...shown.map((r) => r[i]!.length)))
  const centred = (text: string, width: number): string => `${' '.repeat(Math.floor((width - text.length) / 2))}${text}${' '.repeat(Math.ceil((width - text.length) / 2))}`
  const head = o.tuples ? '' : `${columns.map((c, i) => ` ${centred(c.name, widths[i]!)} `).join('|')}\n${widths.map((w) => '-'.repeat(w + 2)).join('+')}\n`
  const body = shown.map((r) => `${r.map((v, i) => (columns[i]!.numeric ? ` ${v.padStart(widths[i]!)}` : ` ${i === r.length - 1 ? v : v.padEnd(widths[i]!)}`)).join(' |')}\n`).join('')
  return `${head}${body}${o.tuples ? '' : count}\n`
}

export const psql: Program = function* (process) {
  const o = readOptions(process)
  if (typeof o === 'string') {
    if (o === '--version' || o === '-V') {
      yield* process.print(`psql (PostgreSQL) ${process.env.get('PG_VERSION')?.replace(/-.*$/, '') ?? '17.5'}\n`)
      return 0
    }
    yield* process.printError(`podhop: not simulated: psql ${o} (-h, -p, -U, -d, -c, -t, -A and -q are)\n`)
    return 69
  }
  o.database ||= o.operands[0] ?? ''
  if (o.operands[1] !== undefined) o.user = o.operands[1]
  let password = process.env.get('PGPASSWORD')
  const terminal = process.terminalOf(0)
  let session = yield* Session.open(process, o, password)
  if (typeof session === 'string' && session.includes('no password supplied') && terminal) {
    yield* process.printError(`Password for user ${o.user}: `)
    terminal.echo = false
    password = (yield* process.readLine()) ?? ''
    terminal.echo = true
    yield* process.printError('\n')
    session = yield* Session.open(process, o, password)
  }
  if (typeof session === 'string') {
    yield* process.printError(`psql: error: ${session}`)
    return 2
  }
  let code = 0
  if (o.commands.length > 0) {
    for (const command of o.commands) {
      code = command.startsWith('\\') ? yield* backslash(process, command, o) : yield* session.ask(command, o)
      if (code !== 0) break
    }
    session.close()
    return code
  }
  if (terminal) yield* process.print(`psql (${session.version})\nType "help" for help.\n\n`)
  const mark = `${o.database || o.user}`
  let pending = ''
  for (;;) {
    if (terminal) yield* process.print(pending.trim() === '' ? `${mark}=# ` : `${mark}-# `)
    const line = yield* process.readLine()
    if (line === null || (pending.trim() === '' && /^\s*(\\q|exit|quit)\s*;?\s*$/.test(line))) break
    if (pending.trim() === '' && line.trim().startsWith('\\')) {
      yield* backslash(process, line.trim(), o)
      continue
    }
    const { statements, open } = splitStatements(`${pending}${line}\n`)
    pending = open
    for (const statement of statements) if ((yield* session.ask(`${statement.trim()};`, o)) === 2) return 2
  }
  if (pending.trim() !== '' && !terminal) yield* session.ask(pending.trim(), o)
  session.close()
  return 0
}

function* backslash(process: Process, command: string, o: Options): Task<number> {
  if (command === '\\conninfo') {
    yield* process.print(`You are connected to database "${o.database || o.user}" as user "${o.user}" on host "${o.host || '127.0.0.1'}" at port "${o.port}".\n`)
    return 0
  }
  yield* process.printError(`podhop: not simulated: psql ${command.split(' ')[0]} (\\conninfo and \\q are)\n`)
  return 1
}

/** pg_isready: whether a server accepts connections; 0, 1 (rejects), 2 (no response). */
export const pgIsReady: Program = function* (process) {
  const o = readOptions(process)
  if (typeof o === 'string') {
    yield* process.printError(`podhop: not simulated: pg_isready ${o} (-h, -p, -U, -d, -t and -q are)\n`)
    return 69
  }
  const reached = yield* Session.reach(process, o)
  const where = o.host === '' ? `/var/run/postgresql:${o.port}` : `${o.host}:${o.port}`
  const alive = typeof reached !== 'string'
  if (alive) reached.stream.close()
  if (!o.quiet) yield* process.print(`${where} - ${alive ? 'accepting connections' : 'no response'}\n`)
  return alive ? 0 : 2
}
