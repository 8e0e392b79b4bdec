import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { canonicalHeader, goJson, goRedirect, goTime, parseGoDuration, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { loadPair } from '../tls/pair.ts'
import { dial } from './dial.ts'
import { cobraFlags, listenError } from './flags.ts'
import { GoLog } from './log.ts'
import { upload } from './upload.ts'
import { runShell } from './shell.ts'

/** agnhost netexec: HTTP with small services, and the same questions by UDP and SCTP. */
export function* netexec(process: Process, args: readonly string[]): Task<number> {
  const flags = yield* cobraFlags(process, args, [
    { name: 'http-port', kind: 'int' }, { name: 'udp-port', kind: 'int' }, { name: 'sctp-port', kind: 'int' }, { name: 'http-override', kind: 'string' },
    { name: 'udp-listen-addresses', kind: 'string' }, { name: 'tls-cert-file', kind: 'string' }, { name: 'tls-private-key-file', kind: 'string' },
    { name: 'delay-shutdown', kind: 'int' },
  ])
  if (typeof flags === 'number') return flags
  const { values } = flags
  const port = (name: string, preset: number): number => Number(values.get(name) ?? preset)
  const httpPort = port('http-port', 8080)
  const udpPort = port('udp-port', 8081)
  const sctpPort = port('sctp-port', -1)
  const log = new GoLog(process)
  const override = values.get('http-override')
  const server = new NetExec(process, log)
  const certificate = values.get('tls-cert-file')
  let started: string[] = []
  const pair = certificate ? loadPair(process, certificate, values.get('tls-private-key-file') ?? '') : undefined
  if (pair && 'error' in pair) {
    log.print(pair.error)
    yield* log.out.flush()
    return 1
  }
  try {
    serveGo(process, 'agnhost', httpPort, undefined, (request) => server.answer(override ? { ...request, method: 'GET', target: override } : request), pair && { select: () => pair })
    if (udpPort !== -1) {
      const addresses = values.get('udp-listen-addresses')?.split(',').filter((a) => a !== '') ?? []
      for (const address of addresses.length > 0 ? addresses : [undefined]) serveUdp(process, log, udpPort, address)
      started = (addresses.length > 0 ? addresses : ['']).map((address) => `Started UDP server on port ${address} ${udpPort}`)
    }
    server.ready = udpPort !== -1 || sctpPort !== -1
    if (sctpPort !== -1) serveSctp(process, log, sctpPort)
  } catch (error) {
    log.print(listenError(httpPort, error))
    yield* log.out.flush()
    return 1
  }
  log.print(`Started HTTP server on port ${httpPort}`)
  for (const line of started) log.print(line)
  if (sctpPort !== -1) log.print('Started SCTP server')
  const signal = yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  // SIGINT has no handler: Go's runtime ends the first process of a container with 2
  if (signal === 'SIGINT') return 2
  server.isEnding = true
  const delay = Number(values.get('delay-shutdown') ?? 0)
  if (delay > 0) {
    log.print(`Sleeping ${delay} seconds before terminating...`)
    yield* process.sleep(delay * 1000)
  }
  yield* log.out.flush()
  return 0
}

class NetExec {
  readonly #process: Process
  readonly #log: GoLog
  /** /healthz tells whether the UDP server runs. */
  ready = false
  /** SIGTERM has come: /readyz says so, /healthz does not. */
  isEnding = false

  constructor(process: Process, log: GoLog) {
    this.#process = process
    this.#log = log
  }

  answer(request: HttpRequest): GoAnswer | Task<GoAnswer> {
    const { path, query } = splitTarget(request.target)
    const log = (text: string): void => this.#log.print(`GET ${text}`)
    const form = formOf(request)
    // http.Request.FormValue: the body before the URL
    const value = (name: string): string => form?.get(name) ?? query.get(name) ?? ''
    switch (path) {
      case '/clientip':
        log(path)
        return { body: joinHostPort(request.remoteAddress, request.remotePort) }
      case '/dial': {
        const given = (name: string): string => query.get(name) ?? ''
        log(`/dial?host=${given('host')}&protocol=${given('protocol')}&port=${given('port')}&request=${given('request')}&tries=${given('tries')}`)
        return dial(this.#process, query)
      }
      case '/echo':
        log(`/echo?msg=${value('msg')}&code=${value('code')}`)
        return this.#echo(value('msg'), value('code'))
      case '/exit':
        log(`/exit?code=${value('code')}&timeout=${value('timeout')}&wait=${value('wait')}`)
        return this.#exit(value('code'), value('timeout'), value('wait'))
      case '/header': {
        const key = value('key')
        log(key === '' ? path : `${path}?key=${key}`)
        const headers = request.headers.filter(([n]) => n.toLowerCase() !== 'host')
        if (key !== '') return { body: headerOf(headers, key) ?? '' }
        const names = [...new Set(headers.map(([n]) => canonicalHeader(n)))].sort()
        return { body: goJson(Object.fromEntries(names.map((name) => [name, headers.filter(([n]) => canonicalHeader(n) === name).map(([, v]) => v)]))) }
      }
      case '/healthz':
        log(path)
        return { status: this.ready ? 200 : 412, body: '' }
      case '/readyz':
        log(path)
        if (this.isEnding) return { status: 503, body: 'shutting down' }
        return this.ready ? { body: 'ok' } : { status: 412, body: '' }
      case '/hostname': case '/hostName':
        log(path)
        return { body: this.#process.machine.hostname }
      case '/redirect': {
        const [location, given] = [value('location'), value('code')]
        this.#log.print(`${request.method} ${path}?msg=${location}&code=${given}`)
        if (given !== '' && !/^[+-]?\d+$/.test(given)) return { body: `argument 'code' must be an integer or empty, got "${given}"\n` }
        return goRedirect(request, location, given === '' ? 302 : Number(given))
      }
      case '/shell': {
        const command = value('shellCommand') || value('cmd')
        log(`/shell?cmd=${command}`)
        return this.#shell(command)
      }
      case '/shutdown':
        log(path)
        this.#process.exit(0)
        return { body: '' }
      case '/upload':
        log(path)
        return upload(this.#process, this.#log, request)
      default:
        log('/')
        return { body: `NOW: ${goTime(this.#process.clock.wall(), this.#process.clock.now - this.#process.startedAt)}` }
    }
  }

  #echo(message: string, code: string): GoAnswer {
    if (code !== '' && !/^[+-]?\d+$/.test(code)) return { body: `argument 'code' must be an integer or empty, got "${code}"\n` }
    return { status: code === '' ? 200 : Number(code), body: message }
  }

  *#shell(command: string): Task<GoAnswer> {
    const { output, error } = yield* runShell(this.#process, command)
    const result = { ...(error === undefined ? {} : { error }), ...(output === '' ? {} : { output }) }
    this.#log.print(`Output: map[${Object.entries(result).map(([k, v]) => `${k}:${v}`).join(' ')}]`)
    return { body: goJson(result) }
  }

  #exit(code: string, timeout: string, wait: string): GoAnswer | Task<GoAnswer> {
    for (const [name, text] of [['timeout', timeout], ['wait', wait]] as const) {
      if (text !== '' && parseGoDuration(text) === undefined) return { body: `argument '${name}' must be a valid golang duration or empty, got "${text}"\n` }
    }
    if (code !== '' && !/^[+-]?\d+$/.test(code)) return { body: `argument 'code' must be an integer [0-127] or empty, got "${code}"\n` }
    const spoken = (text: string): string => goDuration(parseGoDuration(text) ?? 0)
    this.#log.print(`Will begin shutdown in ${spoken(wait)}, allowing ${spoken(timeout)} for connections to close, then will exit with ${Number(code || 0)}`)
    const log = this.#log
    const process = this.#process
    return (function* (): Task<GoAnswer> {
      yield* process.sleep(parseGoDuration(wait) ?? 0)
      if ((parseGoDuration(timeout) ?? 0) === 0) process.exit(Number(code || 0))
      // the answer still goes out, then connections are closed (http.Server.Shutdown)
      process.spawnThread((function* (): Task {
        yield* process.sleep(1)
        log.print('Graceful shutdown completed with: <nil>')
        yield* log.out.flush()
        process.exit(Number(code || 0))
      })())
      return { body: '' }
    })()
  }
}

/** The form in a request's body; undefined when there is none. */
function formOf(request: HttpRequest): Map<string, string> | undefined {
  if (!['POST', 'PUT', 'PATCH'].includes(request.method) || !/^application\/x-www-form-urlencoded\b/i.test(headerOf(request.headers, 'content-type') ?? '')) return undefined
  return splitTarget(`/?${decodeUtf8(request.body)}`).query
}

/** "hostname", "clientip" and "echo <text>" by UDP. */
function serveUdp(process: Process, log: GoLog, port: number, address: string | undefined): void {
  const socket = process.network.sockets.udp({ port, owner: ownerOf(process, 'agnhost'), ...(address ? { address } : {}) })
  process.onExit(() => socket.close())
  socket.onDatagram = ({ source, sourcePort, data }) => {
    const reply = shortAnswer(process, log, data, joinHostPort(source, sourcePort), 'UDP')
    if (reply !== '') socket.send(encodeUtf8(reply), source, sourcePort)
  }
}

/** The same by SCTP: one question, then it closes. */
function serveSctp(process: Process, log: GoLog, port: number): void {
  const listener = process.network.sockets.sctp.listen({ port, owner: ownerOf(process, 'agnhost') }, (connection) => {
    connection.handlers = {
      onData: (data) => {
        const reply = shortAnswer(process, log, data, joinHostPort(connection.remoteAddress, connection.remotePort), 'SCTP')
        if (reply !== '') connection.send(encodeUtf8(reply))
        connection.end()
      },
    }
  })
  process.onExit(() => listener.close())
}

/** What was asked is made lower case before all else, what is to be echoed, too. */
function shortAnswer(process: Process, log: GoLog, data: Uint8Array, client: string, protocol: 'UDP' | 'SCTP'): string {
  const text = decodeUtf8(data).trim().toLowerCase()
  if (text === 'hostname') {
    log.print(`Sending ${protocol === 'UDP' ? 'udp' : protocol} hostName response`)
    return process.machine.hostname
  }
  if (text.startsWith('echo ')) {
    const said = text.slice('echo '.length)
    log.print(`Echoing ${said} to ${protocol} client ${client}`)
    return said
  }
  if (text === 'clientip') {
    log.print(`Sending clientip back to ${protocol} client ${client}`)
    return client
  }
  if (text !== '') log.print(`Unknown ${protocol} command received from ${client}: ${text}`)
  return ''
}
