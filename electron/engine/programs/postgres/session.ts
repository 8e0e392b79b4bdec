import { resolveHost } from '../../dns/resolver.ts'
import { decodeBase64, encodeBase64 } from '../../kubernetes/base64.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { isValidIp } from '../../network/address.ts'
import { decodeUtf8 } from '../../text.ts'
import { clientProof, saltedPassword } from '../scram.ts'
import { TcpStream } from '../stream.ts'
import { at32, int32, message, MessageReader, readDataRow, readFields, readRowDescription, startup, type Message } from './protocol.ts'
import { printed, type Result, type Style } from './table.ts'

/** A client's connection to PostgreSQL, as libpq makes it, over TCP. */
export interface Place { host: string; port: number; user: string; database: string }

/** Where it wants to go, as libpq says it. */
function place(o: Place, address: string): string {
  return o.host === '' ? `connection to server on socket "/var/run/postgresql/.s.PGSQL.${o.port}" failed: ` : `connection to server at "${o.host}"${address === o.host ? '' : ` (${address})`}, port ${o.port} failed: `
}

export class Session {
  readonly #process: Process
  readonly #stream: TcpStream
  readonly #reader = new MessageReader()
  version = ''
  /** Where it is connected to. */
  address = ''

  private constructor(process: Process, stream: TcpStream) {
    this.#process = process
    this.#stream = stream
  }

  static *reach(process: Process, o: Place): Task<{ stream: TcpStream; address: string } | string> {
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

  static *open(process: Process, o: Place, password: string | undefined): Task<Session | string> {
    const reached = yield* Session.reach(process, o)
    if (typeof reached === 'string') return reached
    const session = new Session(process, reached.stream)
    session.address = reached.address
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
  *ask(text: string, o: Style & { quiet: boolean }): Task<number> {
    const process = this.#process
    const answer = yield* this.query(text, function* (result, tag) {
      if (result) yield* process.print(printed(result, o))
      if ((!result || !/^(SELECT|SHOW)/.test(tag)) && !o.quiet && !o.tuples) yield* process.print(`${tag}\n`)
    })
    if (answer === undefined) {
      yield* process.printError('server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\nconnection to server was lost\n')
      return 2
    }
    if (answer === '') return 0
    yield* process.printError(answer)
    return 1
  }

  /** Rows of one of psql's own questions. */
  *rows(text: string): Task<(string | null)[][]> {
    let rows: (string | null)[][] = []
    yield* this.query(text, function* (result) {
      if (result) rows = result.rows.map((r) => [...r])
    })
    return rows
  }

  /** What went wrong, '' for nothing; undefined: the connection is gone. */
  *query(text: string, show: (result: Result | undefined, tag: string) => Task): Task<string | undefined> {
    this.#stream.write(message('Q', `${text}\0`))
    let columns: { name: string; numeric: boolean }[] | undefined
    let rows: (string | null)[][] = []
    let problem = ''
    for (;;) {
      const m = yield* this.#next()
      if (!m) return undefined
      switch (m.type) {
        case 'Z': return problem
        case 'T':
          columns = readRowDescription(m.body)
          rows = []
          break
        case 'D':
          rows.push(readDataRow(m.body))
          break
        case 'C':
          yield* show(columns && { columns, rows }, decodeUtf8(m.body).replace(/\0$/, ''))
          columns = undefined
          break
        case 'E': problem = errorText(text, readFields(m.body))
      }
    }
  }

  close(): void {
    this.#stream.write(message('X'))
    this.#stream.close()
  }
}

/** An error as libpq shows it: where it is in the query, and what else the server says. */
function errorText(query: string, fields: ReadonlyMap<string, string>): string {
  const text = fields.get('M') ?? ''
  if (text.startsWith('podhop: ')) return `${text}\n`
  const position = Number(fields.get('P') ?? 0)
  let out = `ERROR:  ${text}\n`
  if (position > 0) {
    const before = query.slice(0, position - 1).split('\n')
    const mark = `LINE ${before.length}: `
    out += `${mark}${query.split('\n')[before.length - 1]!}\n${' '.repeat(mark.length + before.at(-1)!.length)}^\n`
  }
  const detail = fields.get('D')
  return detail === undefined ? out : `${out}DETAIL:  ${detail}\n`
}
