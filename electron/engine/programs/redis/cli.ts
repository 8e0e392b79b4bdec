import { resolveHost } from '../../dns/resolver.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { isValidIp, joinHostPort } from '../../network/address.ts'
import { byName } from '../../own.ts'
import { encodeUtf8 } from '../../text.ts'
import { TcpStream } from '../stream.ts'
import { encodeCommand, RespReader, splitWords, type Reply } from './protocol.ts'

/** redis-cli: one command, commands from stdin, or a prompt. */
interface Options { host: string; port: number; user: string | undefined; password: string | undefined; raw: boolean; repeat: number; interval: number; errorCode: boolean; command: string[] }

const FLAGS: Readonly<Record<string, keyof Options | 'database' | 'uri'>> = byName({ '-h': 'host', '-p': 'port', '-a': 'password', '--pass': 'password', '--user': 'user', '-r': 'repeat', '-i': 'interval', '-n': 'database', '-u': 'uri' })

function readOptions(process: Process): Options | string {
  const options: Options = { host: '127.0.0.1', port: 6379, user: undefined, password: process.env.get('REDISCLI_AUTH'), raw: process.terminalOf(1) === undefined, repeat: 1, interval: 0, errorCode: false, command: [] }
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('-')) {
      options.command = args.slice(i)
      break
    }
    const key = FLAGS[arg]
    if (arg === '--raw' || arg === '--no-raw') options.raw = arg === '--raw'
    else if (arg === '-e') options.errorCode = true
    else if (arg === '--no-auth-warning') continue
    else if (key === undefined) return arg
    else {
      const value = args[++i]
      if (value === undefined || (key === 'database' && value !== '0')) return arg
      if (key === 'uri') {
        const uri = /^redis:\/\/(?:([^:@]*)(?::([^@]*))?@)?([^:/]+)(?::(\d+))?(?:\/0?)?$/.exec(value)
        if (!uri) return `-u ${value}`
        // one word before the @ is the password
        if (uri[1]) [options.user, options.password] = uri[2] === undefined ? [undefined, uri[1]] : [uri[1], uri[2]]
        else if (uri[2] !== undefined) options.password = uri[2]
        options.host = uri[3]!
        options.port = Number(uri[4] ?? options.port)
        continue
      }
      if (key === 'port' || key === 'repeat' || key === 'interval') options[key] = Number(value)
      else if (key === 'host' || key === 'password' || key === 'user') options[key] = value
    }
  }
  return options
}

export const redisCli: Program = function* (process) {
  const options = readOptions(process)
  if (typeof options === 'string') {
    if (['--version', '-v'].includes(options)) {
      yield* process.print(`redis-cli ${process.env.get('REDIS_VERSION') ?? '8.0.1'}\n`)
      return 0
    }
    yield* process.printError(`podhop: not simulated: redis-cli ${options} (-h, -p, -a, -u, --user, -r, -i, -e, --raw and --no-raw are)\n`)
    return 69
  }
  const client = new Cli(process, options)
  if (options.command.length > 0) {
    let code = 0
    for (let i = 0; i < options.repeat; i++) {
      if (i > 0 && options.interval > 0) yield* process.sleep(options.interval * 1000)
      code = yield* client.once(options.command)
      if (code !== 0) return code
    }
    return code
  }
  return yield* client.converse()
}

class Cli {
  readonly #process: Process
  readonly #options: Options
  #stream: TcpStream | undefined
  #reader = new RespReader()
  #waiting: Reply[] = []

  constructor(process: Process, options: Options) {
    this.#process = process
    this.#options = options
  }

  /** A command of the command line: the exit code. */
  *once(words: readonly string[]): Task<number> {
    const refused = yield* this.#connect()
    if (refused !== undefined) {
      yield* this.#process.printError(refused)
      return 1
    }
    return (yield* this.#ask(words)) ? 0 : 1
  }

  /** Lines of stdin; with a prompt on a terminal. */
  *converse(): Task<number> {
    const process = this.#process
    const interactive = process.terminalOf(0) !== undefined
    const place = joinHostPort(this.#options.host, this.#options.port)
    let code = 0
    const refused = yield* this.#connect()
    if (refused !== undefined) yield* process.printError(refused)
    if (refused !== undefined && !interactive) return 1
    for (;;) {
      if (interactive) yield* process.print(this.#stream ? `${place}> ` : 'not connected> ')
      const line = yield* process.readLine()
      if (line === null) break
      const words = splitWords(line.trim())
      if (words === undefined) yield* process.print('Invalid argument(s)\n')
      if (!words || words.length === 0) continue
      const name = words[0]!.toLowerCase()
      if (name === 'quit' || name === 'exit') break
      if (!this.#stream) {
        const again = yield* this.#connect()
        if (again !== undefined) {
          yield* process.printError(again)
          continue
        }
      }
      if (!(yield* this.#ask(words))) code = 1
    }
    this.#stream?.close()
    return interactive ? 0 : code
  }

  /** What it says when there is no connection. */
  *#connect(): Task<string | undefined> {
    const { host, port, user, password } = this.#options
    const failed = (why: string): string => `Could not connect to Redis at ${joinHostPort(host, port)}: ${why}\n`
    let address = host === 'localhost' ? '127.0.0.1' : host
    if (!isValidIp(address)) {
      const found = yield* resolveHost(this.#process, host)
      if ('error' in found) return failed(found.message)
      address = found.addresses[0]!
    }
    const stream = yield* TcpStream.open(this.#process, address, port)
    if (!(stream instanceof TcpStream)) return failed(stream.message)
    this.#stream = stream
    this.#reader = new RespReader()
    if (password !== undefined) {
      if (this.#process.argv.includes('-a') || this.#process.argv.includes('--pass')) {
        if (!this.#process.argv.includes('--no-auth-warning')) yield* this.#process.printError("Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n")
      }
      stream.write(encodeCommand(['AUTH', ...(user === undefined ? [] : [user]), password]))
      const reply = yield* this.#next()
      if (typeof reply === 'object' && reply !== null && 'error' in reply) yield* this.#process.printError(`AUTH failed: ${reply.error}\n`)
    }
    return undefined
  }

  *#next(): Task<Reply | undefined> {
    for (;;) {
      const reply = this.#waiting.shift()
      if (reply !== undefined) return reply
      const data = yield* this.#stream!.read(this.#process)
      if (!(data instanceof Uint8Array)) {
        this.#stream?.close()
        this.#stream = undefined
        return undefined
      }
      this.#waiting.push(...this.#reader.push(data))
    }
  }

  /** False when the server is gone, or with -e answered with an error. */
  *#ask(words: readonly string[]): Task<boolean> {
    const name = words[0]!.toLowerCase()
    this.#stream!.write(encodeCommand(words))
    if (name === 'subscribe' || name === 'psubscribe' || (name === 'monitor' && words.length === 1)) {
      if (!this.#options.raw && name !== 'monitor') yield* this.#process.print('Reading messages... (press Ctrl-C to quit)\n')
      for (;;) {
        const message = yield* this.#next()
        if (message === undefined) return yield* this.#gone()
        yield* this.#show(message)
      }
    }
    const reply = yield* this.#next()
    if (reply === undefined) return name === 'shutdown' ? true : yield* this.#gone()
    yield* this.#show(reply, ['info', 'client'].includes(name))
    return !this.#options.errorCode || !(typeof reply === 'object' && reply !== null && 'error' in reply)
  }

  *#gone(): Task<boolean> {
    yield* this.#process.printError('Error: Server closed the connection\n')
    return false
  }

  *#show(reply: Reply, plain = false): Task {
    const text = this.#options.raw || (plain && typeof reply === 'string') ? raw(reply) : pretty(reply, '')
    yield* this.#process.print(text.endsWith('\n') && plain ? text : `${text}\n`)
  }
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t').replace(/[^\x20-\x7e]/gu, (c) => [...encodeUtf8(c)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`).join(''))}"`
}

/** cliFormatReplyTTY. */
function pretty(reply: Reply, indent: string): string {
  if (reply === null) return '(nil)'
  if (typeof reply === 'number') return `(integer) ${reply}`
  if (typeof reply === 'string') return quoted(reply)
  if ('status' in reply) return reply.status
  if ('error' in reply) return `(error) ${reply.error}`
  if ('answered' in reply) return ''
  const items = reply
  if (items.length === 0) return '(empty array)'
  const width = String(items.length).length
  return items.map((item, i) => `${i === 0 ? '' : indent}${String(i + 1).padStart(width)}) ${pretty(item, `${indent}${' '.repeat(width + 2)}`)}`).join('\n')
}

/** cliFormatReplyRaw. */
function raw(reply: Reply): string {
  if (reply === null) return ''
  if (typeof reply === 'number' || typeof reply === 'string') return String(reply)
  if ('status' in reply) return reply.status
  if ('error' in reply) return `${reply.error}\n`
  return 'answered' in reply ? '' : reply.map(raw).join('\n')
}
