import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { own } from '../../own.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { Output, untilSignal } from '../output.ts'
import { passOn } from '../pass-on.ts'
import { ownerOf } from '../stream.ts'
import type { DeclaredHttp, DeclaredImage, DeclaredPort, DeclaredResponse, DeclaredStream, DeclaredUdp } from './types.ts'

/** Values of placeholders; a word that is not here and no variable stays as it is written. */
type Values = (word: string, argument: string) => string | undefined

/** No more of one line than this is kept. */
const LONGEST_LINE = 65_536
const NO_ENTRY: GoAnswer = { status: 404, headers: [['X-Content-Type-Options', 'nosniff']], body: '404 page not found\n' }

export function declaredProgram(declared: DeclaredImage): Program {
  return (process) => new DeclaredServer(process, declared).run()
}

class DeclaredServer {
  readonly #process: Process
  readonly #declared: DeclaredImage
  readonly #out: Output

  constructor(process: Process, declared: DeclaredImage) {
    this.#process = process
    this.#declared = declared
    this.#out = new Output(process, 1)
  }

  *run(): Task<number> {
    const process = this.#process
    const { needs, startDelay, log, listen, exit } = this.#declared
    const missing = needs.find((name) => (process.env.get(name) ?? '') === '')
    if (missing !== undefined) {
      yield* process.printError(`environment variable ${missing} is not set\n`)
      return 1
    }
    let stopped = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.onSignal(signal, () => (stopped = true))
    if (startDelay > 0) yield* process.sleep(startDelay * 1000, { background: false })
    if (stopped) return 143
    for (const port of listen) {
      try {
        this.#listen(port)
      } catch (error) {
        yield* this.#out.flush()
        const busy = (error as { code?: string }).code === 'EADDRINUSE'
        yield* process.printError(`listen ${port.protocol === 'http' ? 'tcp' : port.protocol} :${port.port}: bind: ${busy ? 'address already in use' : (error as Error).message.toLowerCase()}\n`)
        return 1
      }
    }
    for (const line of log) this.#say(line)
    if (exit) {
      process.spawnThread(this.#endLater(exit))
    }
    yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
    yield* this.#out.flush()
    return 0
  }

  *#endLater(exit: NonNullable<DeclaredImage['exit']>): Task {
    yield* this.#process.sleep(exit.after * 1000)
    for (const line of exit.log) this.#say(line)
    yield* this.#out.flush()
    this.#process.exit(exit.code)
  }

  #listen(port: DeclaredPort): void {
    if (port.protocol === 'http') this.#http(port)
    else if (port.protocol === 'udp') this.#udp(port)
    else this.#stream(port)
  }

  #http(port: DeclaredHttp): void {
    serveGo(this.#process, 'app', port.port, undefined, (request) => {
      const { path, query } = splitTarget(request.target)
      const values = requestValues(request, path, query)
      if (port.log !== undefined) this.#say(port.log, values)
      const response = port.responses.find((r) => (r.method === undefined || r.method === request.method || (r.method === 'GET' && request.method === 'HEAD')) && fits(r.path, path))
      if (!response) return NO_ENTRY
      if (response.upstream !== undefined) return this.#ask(request, response.upstream, response.delay * 1000)
      const answer = this.#answer(response, values)
      return response.delay > 0 ? this.#delayed(answer, response.delay * 1000) : answer
    })
  }

  *#ask(request: HttpRequest, upstream: string, delay: number): Task<GoAnswer> {
    if (delay > 0) yield* this.#process.sleep(delay)
    const place = this.#fill(upstream)
    const [, host = '', port = '80'] = /^http:\/\/(.*?)(?::(\d+))?$/.exec(place)!
    const said = yield* passOn(this.#process, { ...request, headers: request.headers.map(([n, v]) => (n.toLowerCase() === 'host' ? [n, port === '80' ? host : `${host}:${port}`] : [n, v])) }, host, Number(port), request.target)
    if (!('problem' in said)) return said
    // not filled in: the request's words are a stranger's
    this.#out.write(`${request.method} ${place}${request.target}: ${said.problem}\n`)
    return { status: 502, headers: [['X-Content-Type-Options', 'nosniff']], body: `502 bad gateway: ${said.problem}\n` }
  }

  *#delayed(answer: GoAnswer, ms: number): Task<GoAnswer> {
    yield* this.#process.sleep(ms)
    return answer
  }

  #answer({ status, headers, body }: DeclaredResponse, values: Values): GoAnswer {
    return { status, headers: Object.entries(headers).map(([name, value]) => [name, this.#fill(value, values).replace(/[\r\n]/g, ' ')]), body: this.#fill(body, values) }
  }

  #stream(port: DeclaredStream): void {
    const owner = ownerOf(this.#process, 'app')
    const { sockets } = this.#process.network
    const listener = (port.protocol === 'sctp' ? sockets.sctp : sockets).listen({ port: port.port, owner }, (connection) => this.#converse(port, connection))
    this.#process.onExit(() => listener.close())
  }

  #converse(port: DeclaredStream, connection: TcpConnection): void {
    const { remoteAddress: client } = connection
    const values = (line: string): Values => (word) => own({ client, body: line }, word)
    if (port.log !== undefined) this.#say(port.log, values(''))
    if (port.greeting !== '') connection.send(encodeUtf8(this.#fill(port.greeting, values(''))))
    if (port.close && port.answer === '') return connection.end()
    let rest = ''
    connection.handlers = {
      onData: (data) => {
        const lines = (rest + decodeUtf8(data)).split('\n')
        rest = lines.pop()!.slice(0, LONGEST_LINE)
        for (const line of lines) {
          if (port.answer !== '') connection.send(encodeUtf8(this.#fill(port.answer, values(line.replace(/\r$/, '')))))
          if (port.close) return connection.end()
        }
      },
      onEnd: () => connection.end(),
    }
  }

  #udp(port: DeclaredUdp): void {
    const socket = this.#process.network.sockets.udp({ port: port.port, owner: ownerOf(this.#process, 'app') })
    this.#process.onExit(() => socket.close())
    socket.onDatagram = ({ source, sourcePort, destination, data }) => {
      const values: Values = (word) => own({ client: source, body: decodeUtf8(data).trimEnd() }, word)
      if (port.log !== undefined) this.#say(port.log, values)
      if (port.answer !== '') socket.send(encodeUtf8(this.#fill(port.answer, values)), source, sourcePort, { source: destination })
    }
  }

  #say(line: string, values?: Values): void {
    this.#out.write(`${this.#fill(line, values)}\n`)
  }

  #fill(text: string, values: Values = () => undefined): string {
    const process = this.#process
    return text.replace(/\{\{(\w+)(?::([^{}]*))?\}\}/g, (all, word: string, argument = '') => {
      switch (word) {
        case 'hostname': return process.machine.hostname
        case 'ip': return [...process.network.links.values()].filter((l) => l.name !== 'lo').flatMap((l) => l.addresses)[0]?.address ?? ''
        case 'env': return process.env.get(argument) ?? ''
        default: return values(word, argument) ?? all
      }
    })
  }
}

function requestValues(request: HttpRequest, path: string, query: Map<string, string>): Values {
  return (word, argument) => {
    switch (word) {
      case 'client': return request.remoteAddress
      case 'path': return path
      case 'method': return request.method
      case 'query': return query.get(argument) ?? ''
      case 'header': return headerOf(request.headers, argument) ?? ''
      case 'body': return decodeUtf8(request.body)
      default: return undefined
    }
  }
}

function fits(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('/*') && (path === pattern.slice(0, -2) || path.startsWith(pattern.slice(0, -1))))
}
