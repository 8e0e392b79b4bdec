import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { splitStatements } from '../sql/tokens.ts'
import { describe } from './describe.ts'
import { Session, type Place } from './session.ts'
import type { Style } from './table.ts'

/** psql(1) and pg_isready(1), over TCP. */
export interface Options extends Place, Style { commands: string[]; quiet: boolean; timing: boolean; list: boolean; file: string | undefined; ask: boolean; operands: string[] }

const LONG: Readonly<Record<string, string>> = byName({
  host: 'h', port: 'p', username: 'U', dbname: 'd', command: 'c', file: 'f', list: 'l', 'tuples-only': 't', 'no-align': 'A', 'field-separator': 'F', expanded: 'x', quiet: 'q', 'no-psqlrc': 'X', 'no-password': 'w', password: 'W', version: 'V', timeout: 'T',
})

function readOptions(process: Process): Options | string {
  const env = (name: string): string => process.env.get(name) ?? ''
  const user = env('PGUSER') || process.user.name
  const o: Options = { host: env('PGHOST'), port: Number(env('PGPORT') || 5432), user, database: env('PGDATABASE'), commands: [], tuples: false, aligned: true, expanded: false, separator: '|', quiet: false, timing: false, list: false, file: undefined, ask: false, operands: [] }
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
      else if (letter === 'x') o.expanded = true
      else if (letter === 'l') o.list = true
      else if (letter === 'W') o.ask = true
      else if (letter === 'V') return '-V'
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
        else if (letter === 'F') o.separator = value
        else if (letter === 'f') o.file = value
        else if (letter !== 'T') return arg
      }
    }
  }
  return o
}

export const psql: Program = function* (process) {
  const o = readOptions(process)
  if (typeof o === 'string') {
    if (o === '-V') {
      yield* process.print(`psql (PostgreSQL) ${process.env.get('PG_VERSION')?.replace(/-.*$/, '') ?? '17.5'}\n`)
      return 0
    }
    yield* process.printError(`podhop: not simulated: psql ${o} (-h, -p, -U, -d, -c, -f, -l, -t, -A, -F, -x, -q, -w, -W and -X are)\n`)
    return 69
  }
  o.database ||= o.operands[0] ?? ''
  if (o.operands[1] !== undefined) o.user = o.operands[1]
  if (o.list) o.database ||= 'postgres'
  let text: string | undefined
  if (o.file !== undefined && o.file !== '-') {
    const path = process.resolve(o.file)
    if (!process.fs.exists(path)) {
      yield* process.printError(`psql: error: ${o.file}: No such file or directory\n`)
      return 1
    }
    text = process.fs.readText(path)
  }
  let password = process.env.get('PGPASSWORD')
  const terminal = process.terminalOf(0)
  const prompt = function* (): Task {
    yield* process.printError(`Password${o.ask ? '' : ` for user ${o.user}`}: `)
    if (terminal) terminal.echo = false
    password = (yield* process.readLine()) ?? ''
    if (terminal) terminal.echo = true
    yield* process.printError('\n')
  }
  if (o.ask) yield* prompt()
  let session = yield* Session.open(process, o, password)
  if (typeof session === 'string' && session.includes('no password supplied') && terminal) {
    yield* prompt()
    session = yield* Session.open(process, o, password)
  }
  if (typeof session === 'string') {
    yield* process.printError(`psql: error: ${session}`)
    return 2
  }
  const shell = new Psql(process, o, session, password)
  if (o.list) return yield* shell.command('\\l')
  if (o.commands.length > 0) return yield* shell.commands(o.commands)
  return yield* shell.converse(text?.split('\n'))
}

class Psql {
  readonly #process: Process
  readonly #o: Options
  readonly #password: string | undefined
  #session: Session

  constructor(process: Process, o: Options, session: Session, password: string | undefined) {
    this.#process = process
    this.#o = o
    this.#session = session
    this.#password = password
  }

  /** -c, one after the other, up to the first that fails. */
  *commands(all: readonly string[]): Task<number> {
    for (const command of all) {
      const code = command.trimStart().startsWith('\\') ? yield* this.command(command.trim()) : command.trim() === '' ? 0 : yield* this.#ask(command)
      if (code === QUIT) break
      if (code !== 0) return code
    }
    this.#session.close()
    return 0
  }

  *#ask(text: string): Task<number> {
    const started = this.#process.clock.now
    const code = yield* this.#session.ask(text, this.#o)
    if (this.#o.timing && code === 0) yield* this.#process.print(`Time: ${(this.#process.clock.now - started).toFixed(3)} ms\n`)
    return code
  }

  /** Lines of a terminal, of stdin, or of a file. */
  *converse(lines: string[] | undefined): Task<number> {
    const process = this.#process
    const interactive = lines === undefined && process.terminalOf(0) !== undefined
    if (interactive) yield* process.print(`psql (${this.#session.version})\nType "help" for help.\n\n`)
    let pending = ''
    for (;;) {
      const fresh = pending.trim() === ''
      const mark = this.#o.database || this.#o.user
      if (interactive) yield* process.print(fresh ? `${mark}=# ` : `${mark}${unfinished(pending)}# `)
      const line = lines === undefined ? yield* process.readLine() : (lines.shift() ?? null)
      if (line === null) {
        if (interactive) yield* process.print('\\q\n')
        break
      }
      const word = line.trim().replace(/;$/, '')
      if (fresh && (word === 'exit' || word === 'quit')) break
      if (fresh && word === 'help' && interactive) {
        yield* process.print(HELP)
        continue
      }
      if (word.startsWith('\\')) {
        if (word === '\\r') pending = ''
        const code = yield* this.command(word, interactive)
        if (code === QUIT) break
        continue
      }
      // \\g at its end sends it
      const { statements, open } = splitStatements(`${pending}${line.replace(/\\g\s*$/, ';')}\n`)
      pending = open.trim() === '' ? '' : open
      for (const statement of statements) if ((yield* this.#ask(`${statement.trim()};`)) === 2) return 2
    }
    if (pending.trim() !== '' && !interactive) yield* this.#ask(pending.trim())
    this.#session.close()
    return 0
  }

  /** A backslash command. {@link QUIT}: the end. */
  *command(line: string, interactive = false): Task<number> {
    const process = this.#process
    const o = this.#o
    const [word = '', ...rest] = line.split(/\s+/)
    const say = function* (text: string): Task<number> {
      if (!o.quiet) yield* process.print(`${text}\n`)
      return 0
    }
    switch (word) {
      case '\\q': return QUIT
      case '\\r': return yield* say('Query buffer reset (cleared).')
      case '\\conninfo': {
        const place = o.host === '' ? `via socket in "/var/run/postgresql"` : `on host "${o.host}"${this.#session.address === o.host || o.host === 'localhost' ? '' : ` (address "${this.#session.address}")`}`
        return yield* say(`You are connected to database "${o.database || o.user}" as user "${o.user}" ${place} at port "${o.port}".`)
      }
      case '\\x':
        o.expanded = rest[0] === undefined ? !o.expanded : rest[0] === 'on'
        return yield* say(`Expanded display is ${o.expanded ? 'on' : 'off'}.`)
      case '\\t':
        o.tuples = rest[0] === undefined ? !o.tuples : rest[0] === 'on'
        return yield* say(`Tuples only is ${o.tuples ? 'on' : 'off'}.`)
      case '\\a':
        o.aligned = !o.aligned
        return yield* say(`Output format is ${o.aligned ? 'aligned' : 'unaligned'}.`)
      case '\\timing':
        o.timing = rest[0] === undefined ? !o.timing : rest[0] === 'on'
        return yield* say(`Timing is ${o.timing ? 'on' : 'off'}.`)
      case '\\echo':
        yield* process.print(`${rest.join(' ')}\n`)
        return 0
      case '\\c': case '\\connect': return yield* this.#connect(rest, interactive)
      case '\\?': case '\\h': case '\\help': case '\\e': case '\\i': case '\\o': case '\\copy': case '\\set': case '\\pset': case '\\watch': case '\\!': case '\\password': case '\\df': case '\\di': case '\\dv': case '\\ds': case '\\dx': case '\\dp': case '\\z': case '\\sf':
        yield* process.printError(`podhop: not simulated: psql ${word} (\\l, \\c, \\d, \\dt, \\du, \\dn, \\x, \\t, \\a, \\timing, \\conninfo, \\echo and \\q are)\n`)
        return 1
      default: {
        const code = yield* describe(process, this.#session, o, word, rest[0])
        if (code !== undefined) return code
        // its details: psql has them, and would not call the command invalid
        if (/^\\(l|d[a-zA-Z]*)[+S]+$/.test(word)) {
          yield* process.printError(`podhop: not simulated: psql ${word} (use ${word.replace(/[+S]+$/, '')})\n`)
          return 1
        }
        yield* process.printError(`invalid command ${word}\n${interactive ? 'Try \\? for help.\n' : ''}`)
        return 1
      }
    }
  }

  *#connect([database, user, host, port]: readonly string[], interactive: boolean): Task<number> {
    const o = this.#o
    const given = (text: string | undefined, former: string): string => (text === undefined || text === '-' ? former : text)
    const next = { host: given(host, o.host), port: Number(given(port, String(o.port))), user: given(user, o.user), database: given(database, o.database) }
    const session = yield* Session.open(this.#process, next, this.#password)
    if (typeof session === 'string') {
      yield* this.#process.printError(interactive ? `${session}Previous connection kept\n` : `\\connect: ${session}`)
      return 1
    }
    this.#session.close()
    this.#session = session
    Object.assign(o, next)
    if (!o.quiet) yield* this.#process.print(`You are now connected to database "${next.database || next.user}" as user "${next.user}".\n`)
    return 0
  }
}

const QUIT = -1

const HELP = `You are using psql, the command-line interface to PostgreSQL.
Type:  \\copyright for distribution terms
       \\h for help with SQL commands
       \\? for help with psql commands
       \\g or terminate with semicolon to execute query
       \\q to quit
`

/** What the prompt says instead of "=": an open quote, an open bracket, or "-". */
function unfinished(text: string): string {
  const bare = text.replace(/'[^']*'|"[^"]*"/g, '')
  if (bare.includes("'")) return "'"
  if (bare.includes('"')) return '"'
  return bare.split('(').length > bare.split(')').length ? '(' : '-'
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
