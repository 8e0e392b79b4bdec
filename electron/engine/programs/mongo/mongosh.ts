import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { doc, Double, ObjectId, type Bson } from './bson.ts'
import { MongoConnection, type Place } from './connection.ts'
import { plain } from './server.ts'
import { Cursor, Database, type ShellContext } from './shell-api.ts'
import { inspect } from './script/inspect.ts'
import { Interpreter } from './script/interpreter.ts'
import { parse, ScriptNotSimulated } from './script/parser.ts'
import { ScriptSyntaxError } from './script/tokens.ts'
import { HostObject, hostFunction, ScriptError, ScriptFunction, textOf, type Value } from './script/values.ts'
import { isDocument, toNumber } from './values.ts'

/** mongosh: a shell with a part of JavaScript. In images before 6.0 the old `mongo` stands beside it. */
const VERSION = '2.5.0'

interface Options { host: string; port: number; database: string; user: string | undefined; password: string | undefined; authDatabase: string | undefined; eval: string[]; files: string[]; quiet: boolean; shell: boolean; uri: string; timeout: number }

const VALUED: Readonly<Record<string, string>> = byName({ '--host': 'host', '-h': 'help', '--port': 'port', '--username': 'user', '-u': 'user', '--password': 'password', '-p': 'password', '--authenticationDatabase': 'authDatabase', '--eval': 'eval', '--file': 'file', '-f': 'file' })
const PLAIN: readonly string[] = ['--norc', '--no-quiet', '--verbose']

function readOptions(process: Process): Options | { message: string; code: number } {
  const given: Record<string, string | undefined> = {}
  const evals: string[] = []
  const files: string[] = []
  const flags = new Set<string>()
  let target: string | undefined
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const [word = '', inline] = args[i]!.startsWith('--') ? args[i]!.split(/=(.*)/s) : [args[i]!]
    const key = VALUED[word]
    if (word === '--quiet' || word === '--shell') flags.add(word)
    else if (PLAIN.includes(word)) continue
    else if (key !== undefined && key !== 'help') {
      // -p without a word behind it asks for the password
      const value = inline ?? (key === 'password' && (args[i + 1] === undefined || args[i + 1]!.startsWith('-')) ? '' : args[++i])
      if (value === undefined) return { message: `podhop: not simulated: mongosh ${word} without a value (give one)\n`, code: 69 }
      if (key === 'eval') evals.push(value)
      else if (key === 'file') files.push(value)
      else given[key] = value
    } else if (word.startsWith('-')) {
      return /^--(tls\w*|ssl\w*|apiVersion|json|nodb|authenticationMechanism|retryWrites|aws\w*|kms\w*|gssapi\w*|oidc\w*|deepInspect|help)$|^-h$/.test(word)
        ? { message: `podhop: not simulated: mongosh ${word} (a connection string or --host and --port, -u, -p, --authenticationDatabase, --eval, --file, --quiet and --shell are)\n`, code: 69 }
        : { message: `Error parsing command line: unrecognized option: ${word}\n`, code: 1 }
    } else if (target === undefined && !/\.(js|mongodb)$/.test(word)) target = word
    else files.push(word)
  }
  return place({ ...given }, target, evals, files, flags)
}

function place(given: Record<string, string | undefined>, target: string | undefined, evals: string[], files: string[], flags: ReadonlySet<string>): Options | { message: string; code: number } {
  let host = given['host'] ?? '127.0.0.1'
  let port = Number(given['port'] ?? 27_017)
  let database = 'test'
  let { user, password, authDatabase } = given
  let query = ''
  if (target?.startsWith('mongodb+srv://')) return { message: 'podhop: not simulated: mongosh mongodb+srv:// (use mongodb://)\n', code: 69 }
  const url = /^mongodb:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(target ?? '')
  const short = /^(?:([\w.-]+)(?::(\d+))?\/)?([\w-]+)?$/.exec(target ?? '')
  if (url) {
    if (url[3]!.includes(',')) return { message: 'podhop: not simulated: mongosh with several hosts (one host is)\n', code: 69 }
    ;[, host = ''] = /^(\[[^\]]*\]|[^:]*)/.exec(url[3]!) ?? []
    port = Number(/:(\d+)$/.exec(url[3]!)?.[1] ?? port)
    database = url[4] || database
    user = url[1] === undefined ? user : decoded(url[1])
    password = url[2] === undefined ? password : decoded(url[2])
    query = url[5] ?? ''
    authDatabase ??= url[4] || undefined
  } else if (target !== undefined) {
    const isHost = short === null || (short[1] === undefined && /[.:]/.test(target))
    if (isHost) {
      const match = /^([^:/]+)(?::(\d+))?$/.exec(target)
      if (!match) return { message: `MongoshInvalidInputError: [COMMON-10001] Invalid URI: ${target}\n`, code: 1 }
      host = match[1]!
      port = Number(match[2] ?? port)
    } else {
      host = short[1] ?? host
      port = Number(short[2] ?? port)
      database = short[3] ?? database
    }
  } else if (/^(.+):(\d+)$/.test(host)) {
    port = Number(/:(\d+)$/.exec(host)![1])
    host = host.replace(/:\d+$/, '')
  }
  const parameters = new Map(query.split('&').filter((p) => p !== '').map((p) => p.split('=') as [string, string]))
  for (const [name, value] of parameters) {
    if (name === 'authSource') authDatabase = value
    else if (!['directConnection', 'serverSelectionTimeoutMS', 'appName', 'retryWrites', 'w', 'connectTimeoutMS', 'authMechanism'].includes(name) || (name === 'authMechanism' && value !== 'SCRAM-SHA-256')) return { message: `podhop: not simulated: mongosh with ${name}=${value} (authSource, directConnection, serverSelectionTimeoutMS, appName, retryWrites and w are)\n`, code: 69 }
  }
  const local = host === 'localhost' || host === '127.0.0.1'
  if (!parameters.has('directConnection')) parameters.set('directConnection', 'true')
  if (local && !parameters.has('serverSelectionTimeoutMS')) parameters.set('serverSelectionTimeoutMS', '2000')
  if (user !== undefined && authDatabase !== undefined && !parameters.has('authSource')) parameters.set('authSource', authDatabase)
  if (!parameters.has('appName')) parameters.set('appName', `mongosh+${VERSION}`)
  const uri = `mongodb://${user === undefined ? '' : '<credentials>@'}${host}:${port}/${database === 'test' && !url?.[4] ? '' : database}?${[...parameters].map(([k, v]) => `${k}=${v}`).join('&')}`
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port, database, user, password, authDatabase, eval: evals, files, quiet: flags.has('--quiet') || (evals.length + files.length > 0 && !flags.has('--shell')), shell: flags.has('--shell'), uri, timeout: Number(parameters.get('serverSelectionTimeoutMS') ?? 30_000) }
}

function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, h: string) => String.fromCharCode(parseInt(h, 16)))
}

export const mongosh: Program = function* (process) {
  if (process.argv.includes('--version')) {
    yield* process.print(`${VERSION}\n`)
    return 0
  }
  const options = readOptions(process)
  if ('message' in options) {
    yield* process.printError(options.message)
    return options.code
  }
  return yield* new Shell(process, options).run()
}

class Shell {
  readonly #process: Process
  readonly #options: Options
  readonly #interpreter: Interpreter
  #context!: ShellContext
  #counter: number
  readonly #machineId: string
  #code: number | undefined

  constructor(process: Process, options: Options) {
    this.#process = process
    this.#options = options
    this.#interpreter = new Interpreter(process)
    this.#machineId = process.clock.random.hex(10)
    this.#counter = process.clock.random.below(0x100_0000)
  }

  *run(): Task<number> {
    const process = this.#process
    const o = this.#options
    if (o.user !== undefined && (o.password === undefined || o.password === '')) o.password = yield* this.#askPassword()
    if (!o.quiet) yield* process.print(`Current Mongosh Log ID:\t${this.#newId().hex}\nConnecting to:\t\t${o.uri}\n`)
    const where: Place = { host: o.host, port: o.port, user: o.user, password: o.password, authDatabase: o.authDatabase ?? 'admin', application: `mongosh ${VERSION}`, timeout: o.timeout }
    try {
      const connection = yield* MongoConnection.open(process, where, VERSION)
      this.#context = { connection, newId: () => this.#newId(), database: o.database, cursor: undefined }
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error
      yield* process.printError(`${errorText(error).replace('[AuthenticationFailed]', '')}\n`)
      return 1
    }
    this.#defineGlobals()
    if (!o.quiet) yield* this.#greet()
    const worked = yield* this.#scripts()
    if (this.#code === undefined && (o.eval.length + o.files.length === 0 || o.shell)) yield* this.#converse()
    this.#context.connection.close()
    return this.#code ?? (worked ? 0 : 1)
  }

  #newId(): ObjectId {
    return new ObjectId(`${Math.floor(this.#process.clock.wall() / 1000).toString(16).padStart(8, '0')}${this.#machineId}${(this.#counter++ & 0xff_ffff).toString(16).padStart(6, '0')}`)
  }

  *#askPassword(): Task<string> {
    const terminal = this.#process.terminalOf(0)
    yield* this.#process.print('Enter password: ')
    if (terminal) terminal.echo = false
    const line = yield* this.#process.readLine()
    if (terminal) terminal.echo = true
    yield* this.#process.print('\n')
    return line ?? ''
  }

  *#greet(): Task {
    const { connection } = this.#context
    const build = yield* connection.run('admin', doc(['buildInfo', 1]))
    yield* this.#process.print(`Using MongoDB:\t\t${textOf(build.get('version'))}\nUsing Mongosh:\t\t${VERSION}\n\nFor mongosh info see: https://www.mongodb.com/docs/mongodb-shell/\n\n`)
    let lines: Bson[] = []
    try {
      lines = (yield* connection.run('admin', doc(['getLog', 'startupWarnings']))).get('log') as Bson[]
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error
    }
    if (lines.length === 0) return
    const shown = lines.map((line) => JSON.parse(textOf(line)) as { t: { $date: string }; msg: string }).map((e) => `   ${e.t.$date}: ${e.msg}\n`)
    yield* this.#process.print(`------\n   The server generated these startup warnings when booting\n${shown.join('')}------\n\n`)
  }

  /** --eval and files: false when one failed. */
  *#scripts(): Task<boolean> {
    const { eval: evals, files } = this.#options
    for (const text of evals) {
      const done = yield* this.#evaluate(text)
      if (this.#code !== undefined) return true
      const isLast = text === evals.at(-1)
      if (done.text !== '' && (isLast || !done.worked)) yield* done.worked ? this.#process.print(`${done.text}\n`) : this.#process.printError(`${done.text}\n`)
      if (!done.worked) return false
    }
    for (const file of files) {
      const path = this.#process.resolve(file)
      if (!this.#process.fs.exists(path)) {
        yield* this.#process.printError(`Error: ENOENT: no such file or directory, open '${path}'\n`)
        return false
      }
      const done = yield* this.#evaluate(this.#process.fs.readText(path))
      if (!done.worked) {
        yield* this.#process.printError(`${done.text}\n`)
        return false
      }
      if (this.#code !== undefined) return true
    }
    return true
  }

  *#converse(): Task {
    const process = this.#process
    let pending = ''
    for (;;) {
      yield* process.print(pending === '' ? `${this.#context.database}> ` : '... ')
      const line = yield* process.readLine()
      if (line === null) break
      if (pending === '' && line.trim() === '') continue
      pending += pending === '' ? line : `\n${line}`
      if (line.trim() !== '' && isOpen(pending)) continue
      const text = pending
      pending = ''
      const done = yield* this.#evaluate(text)
      if (this.#code !== undefined) return
      yield* process.print(done.text === '' && done.worked ? '\n'.repeat(done.blank ? 1 : 0) : `${done.text}\n`)
    }
    if (process.terminalOf(0)) yield* process.print('\n')
  }

  /** A line or a script: what is to be printed. */
  *#evaluate(text: string): Task<{ worked: boolean; text: string; blank?: boolean }> {
    try {
      const own = yield* this.#command(text.trim().replace(/;$/, ''))
      if (own !== undefined) return { worked: true, text: own }
      const value = yield* this.#interpreter.run(text)
      if (value instanceof HostObject) return { worked: true, text: yield* value.show(), blank: true }
      return { worked: true, text: value === undefined ? '' : typeof value === 'string' ? value : inspect(value), blank: value === undefined }
    } catch (error) {
      if (error instanceof ScriptSyntaxError) return { worked: false, text: syntaxError(text, error) }
      if (error instanceof ScriptNotSimulated) return { worked: false, text: `podhop: not simulated: ${error.message} (expressions, variables, functions, if, for, while and try are)` }
      if (error instanceof ScriptError) return { worked: false, text: errorText(error) }
      throw error
    }
  }

  /** `show`, `use`, `it`, `exit`: what is no JavaScript. */
  *#command(text: string): Task<string | undefined> {
    const [word = '', argument = '', ...more] = text.split(/\s+/)
    if (more.length > 0) return undefined
    if (word === 'use' && argument !== '') {
      const same = argument === this.#context.database
      this.#use(argument)
      return `${same ? 'already on' : 'switched to'} db ${argument}`
    }
    if ((word === 'exit' || word === 'quit') && argument === '') {
      this.#code = 0
      return ''
    }
    if (word === 'it' && argument === '') return this.#context.cursor ? yield* this.#context.cursor.page(false) : 'no cursor'
    if (word === 'cls' && argument === '') return '\x1b[H\x1b[2J'
    if (word === 'help' && argument === '') return 'podhop: not simulated: help (show dbs, show collections, use NAME, db.NAME.find() and db.NAME.insertOne({…}) are a start)'
    return word === 'show' ? yield* this.#show(argument) : undefined
  }

  *#show(what: string): Task<string> {
    const { connection, database } = this.#context
    switch (what) {
      case 'dbs': case 'databases': {
        const all = ((yield* connection.run('admin', doc(['listDatabases', 1]))).get('databases') as Bson[]).filter(isDocument).map((d) => [textOf(d.get('name')), bytes(toNumber(d.get('sizeOnDisk')) ?? 0)] as const)
        const widths = [0, 1].map((i) => Math.max(0, ...all.map((row) => row[i]!.length)))
        return all.map(([name, size]) => `${name.padEnd(widths[0]!)}  ${size.padStart(widths[1]!)}`).join('\n')
      }
      case 'collections': case 'tables': {
        const reply = yield* connection.run(database, doc(['listCollections', 1], ['nameOnly', true]))
        const names = ((reply.get('cursor') as Map<string, Bson>).get('firstBatch') as Bson[]).filter(isDocument).map((c) => textOf(c.get('name')))
        return names.sort((a, b) => Number(a.startsWith('system.')) - Number(b.startsWith('system.')) || (a < b ? -1 : 1)).join('\n')
      }
      case 'users': return inspect((yield* connection.run(database, doc(['usersInfo', 1]))).get('users'))
      default: throw new ScriptError('MongoshInvalidInputError', `[COMMON-10001] '${what}' is not a valid argument for "show".`)
    }
  }

  #use(name: string): void {
    this.#context.database = name
    this.#interpreter.define('db', new Database(this.#context, name))
  }

  #defineGlobals(): void {
    const process = this.#process
    const { clock } = process
    const define = (name: string, call: (args: Value[]) => Value): void => this.#interpreter.define(name, hostFunction(name, call))
    const waits = (name: string, call: (args: Value[]) => Task<Value>): void => this.#interpreter.define(name, new ScriptFunction(name, call))
    this.#use(this.#context.database)
    const print = new ScriptFunction('print', function* (args) {
      const texts: string[] = []
      for (const a of args) texts.push(a instanceof HostObject ? yield* a.show() : typeof a === 'string' ? a : a === undefined ? '' : inspect(a))
      yield* process.print(`${texts.join(' ')}\n`)
      return undefined
    })
    this.#interpreter.define('print', print)
    waits('printjson', function* ([a]) {
      yield* process.print(`${a instanceof Cursor ? yield* a.show() : inspect(a)}\n`)
      return undefined
    })
    waits('sleep', function* ([ms]) {
      yield* process.sleep(toNumber(ms as Bson) ?? 0)
      return undefined
    })
    const quit = ([code]: Value[]): Value => {
      this.#code = toNumber(code as Bson) ?? 0
      throw new ScriptError('quit', '')
    }
    define('quit', quit)
    define('exit', quit)
    const objectId = ([hex]: Value[]): Value => {
      if (hex === undefined) return this.#newId()
      if (hex instanceof ObjectId) return hex
      if (typeof hex !== 'string' || !/^[0-9a-f]{24}$/i.test(hex)) throw new ScriptError('BSONError', 'input must be a 24 character hex string, 12 byte Uint8Array, or an integer')
      return new ObjectId(hex)
    }
    define('ObjectId', objectId)
    const date = ([given]: Value[]): Value => new Date(given === undefined ? clock.wall() : given instanceof Date ? given.getTime() : typeof given === 'string' ? given : (toNumber(given as Bson) ?? NaN))
    define('ISODate', date)
    define('Date', date)
    const long = ([n]: Value[]): Value => BigInt(Math.trunc(Number(textOf(n ?? 0))) || 0)
    define('NumberLong', long)
    define('Long', long)
    const integer = ([n]: Value[]): Value => Math.trunc(Number(textOf(n ?? 0))) | 0
    for (const name of ['NumberInt', 'Int32', 'Number', 'parseInt']) define(name, name.endsWith('t') && name !== 'parseInt' ? integer : ([n]) => (name === 'parseInt' ? parseInt(textOf(n), 10) : Number(textOf(n ?? 0))))
    define('Double', ([n]) => new Double(Number(textOf(n ?? 0))))
    define('String', ([v]) => textOf(v))
    define('version', () => VERSION)
    this.#interpreter.define('Object', new Namespace({ keys: ([o]) => (isDocument(o) ? [...o.keys()] : []), values: ([o]) => (isDocument(o) ? [...o.values()] : []), entries: ([o]) => (isDocument(o) ? [...o] : []) }))
    const json = ([v, , space]: Value[]): Value => JSON.stringify(v === undefined ? undefined : plain(v as Bson), undefined, toNumber(space as Bson) ?? 0)
    this.#interpreter.define('JSON', new Namespace({ stringify: json }))
    this.#interpreter.define('EJSON', new Namespace({ stringify: json }))
    this.#interpreter.define('console', new Namespace({}, { log: print }))
    const math = Object.fromEntries((['floor', 'ceil', 'round', 'abs', 'min', 'max', 'sqrt', 'pow', 'trunc'] as const).map((name) => [name, (args: Value[]) => (Math[name] as (...n: number[]) => number)(...args.map((a) => Number(textOf(a))))]))
    this.#interpreter.define('Math', new Namespace({ ...math, random: () => clock.random.float() }))
    const admin = (command: string): ScriptFunction => new ScriptFunction(command, () => this.#context.connection.run('admin', doc([command, 1])))
    this.#interpreter.define('rs', new Namespace({}, { status: admin('replSetGetStatus'), conf: admin('replSetGetConfig'), initiate: admin('replSetInitiate') }))
  }
}

/** Functions under a name: Math, JSON, rs. */
class Namespace extends HostObject {
  readonly #functions: Readonly<Record<string, (args: Value[]) => Value>>
  readonly #more: Readonly<Record<string, ScriptFunction>>

  constructor(functions: Readonly<Record<string, (args: Value[]) => Value>>, more: Readonly<Record<string, ScriptFunction>> = {}) {
    super()
    this.#functions = functions
    this.#more = more
  }

  get(name: string): Value {
    if (Object.hasOwn(this.#more, name)) return this.#more[name]
    return Object.hasOwn(this.#functions, name) ? hostFunction(name, this.#functions[name]!) : undefined
  }

  *show(): Task<string> {
    return '{}'
  }
}

function isOpen(text: string): boolean {
  try {
    parse(text)
    return false
  } catch (error) {
    return error instanceof ScriptSyntaxError && error.open
  }
}

function errorText(error: ScriptError): string {
  return error.kind === 'podhop' ? `podhop: ${error.message}` : `${error.kind}: ${error.message}`
}

/** Babel's code frame, as mongosh prints it. */
function syntaxError(text: string, error: ScriptSyntaxError): string {
  const lines = text.split('\n')
  const before = text.slice(0, error.at).split('\n')
  const row = before.length
  const column = before.at(-1)!.length
  const gutter = String(Math.min(lines.length, row + 2)).length
  const shown = lines.slice(Math.max(0, row - 3), row + 2).flatMap((line, i) => {
    const number = Math.max(0, row - 3) + i + 1
    const head = `${number === row ? '>' : ' '} ${String(number).padStart(gutter)} |`
    return [line === '' ? head : `${head} ${line}`, ...(number === row ? [`  ${' '.repeat(gutter)} | ${' '.repeat(column)}^`] : [])]
  })
  return `SyntaxError: ${error.message} (${row}:${column})\n\n${shown.join('\n')}\n\n`.replace(/\n$/, '')
}

/** numeral's "0.00 ib": "40.00 KiB". */
function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const power = n < 1024 ? 0 : Math.min(Math.floor(Math.log2(n) / 10), 3)
  return `${n <= 1000 ? n : (n / 1024 ** power).toFixed(2)} ${units[power]}`
}
