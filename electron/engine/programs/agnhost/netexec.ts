import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { canonicalHeader, goJson, parseGoDuration, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { loadPair } from './certificates.ts'
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
      for (const address of addresses.length > 0 ? addresses : [undefined]) serveUdp(process, udpPort, address)
    }
    server.ready = udpPort !== -1
    if (sctpPort !== -1) serveSctp(process, sctpPort)
  } catch (error) {
    log.print(listenError(httpPort, error))
    yield* log.out.flush()
    return 1
  }
  log.print(`Started HTTP server on port ${httpPort}`)
  if (udpPort !== -1) log.print(`Started UDP server on port  ${udpPort}`)
  if (sctpPort !== -1) log.print(`Started SCTP server on port  ${sctpPort}`)
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  const delay = Number(values.get('delay-shutdown') ?? 0)
  if (delay > 0) {
    log.print(`Sleeping ${delay} seconds before terminating...`)
    yield* process.sleep(delay * 1000)
  }
  yield* log.out.flush()
  // without a handler Go's runtime ends the first process of a container with 2
  return delay > 0 ? 0 : 2
}

class NetExec {
  readonly #process: Process
  readonly #log: GoLog
  /** /healthz tells whether the UDP server runs. */
  ready = false

  constructor(process: Process, log: GoLog) {
    this.#process = process
    this.#log = log
  }

  answer(request: HttpRequest): GoAnswer | Task<GoAnswer> {
    const { path, query } = splitTarget(request.target)
    const log = (text: string): void => this.#log.print(`GET ${text}`)
    const value = (name: string): string => query.get(name) ?? ''
    switch (path) {
      case '/clientip':
        log(path)
        return { body: joinHostPort(request.remoteAddress, request.remotePort) }
      case '/dial':
        log(`/dial?host=${value('host')}&protocol=${value('protocol')}&port=${value('port')}&request=${value('request')}&tries=${value('tries')}`)
        return dial(this.#process, query)
      case '/echo':
        log(`/echo?msg=${value('msg')}&code=${value('code')}`)
        return this.#echo(value('msg'), value('code'))
      case '/exit':
        log(`/exit?code=${value('code')}&timeout=${value('timeout')}&wait=${value('wait')}`)
        return this.#exit(value('code'), value('timeout'), value('wait'))
      case '/header': {
        log(path)
        const key = value('key').toLowerCase()
        const all = request.headers.filter(([n]) => n.toLowerCase() !== 'host').map(([n, v]) => `${canonicalHeader(n)}:[${v}]`).sort()
        return { body: key === '' ? `map[${all.join(' ')}]` : (headerOf(request.headers, key) ?? '') }
      }
      case '/healthz':
        log(path)
        return { status: this.ready ? 200 : 412, body: '' }
      case '/hostname': case '/hostName':
        log(path)
        return { body: this.#process.machine.hostname }
      case '/redirect': {
        const code = value('code') === '' ? 302 : Number(value('code'))
        log(`/redirect?location=${value('location')}&code=${code}`)
        return { status: code, headers: [['Content-Type', 'text/html; charset=utf-8'], ['Location', value('location')]], body: `<a href="${value('location')}">Found</a>.\n\n` }
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
    this.#log.print(`Will begin shutdown in ${wait || '0s'}, allowing ${timeout || '0s'} for connections to close, then will exit with ${code || '0'}`)
    const process = this.#process
    return (function* (): Task<GoAnswer> {
      yield* process.sleep(parseGoDuration(wait) ?? 0)
      if ((parseGoDuration(timeout) ?? 0) === 0) process.exit(Number(code || 0))
      // the answer still goes out, then connections are closed (http.Server.Shutdown)
      process.spawnThread((function* (): Task {
        yield* process.sleep(1)
        process.exit(Number(code || 0))
      })())
      return { body: '' }
    })()
  }
}

/** "hostname", "clientip" and "echo <text>" by UDP. */
function serveUdp(process: Process, port: number, address: string | undefined): void {
  const socket = process.network.sockets.udp({ port, owner: ownerOf(process, 'agnhost'), ...(address ? { address } : {}) })
  process.onExit(() => socket.close())
  socket.onDatagram = ({ source, sourcePort, data }) => {
    const reply = shortAnswer(process, data, source, sourcePort)
    if (reply !== '') socket.send(encodeUtf8(reply), source, sourcePort)
  }
}

/** The same by SCTP. */
function serveSctp(process: Process, port: number): void {
  const listener = process.network.sockets.sctp.listen({ port, owner: ownerOf(process, 'agnhost') }, (connection) => {
    connection.handlers = {
      onData: (data) => {
        const reply = shortAnswer(process, data, connection.remoteAddress, connection.remotePort)
        if (reply !== '') connection.send(encodeUtf8(reply))
      },
    }
  })
  process.onExit(() => listener.close())
}

function shortAnswer(process: Process, data: Uint8Array, source: string, sourcePort: number): string {
  const [word = '', ...rest] = decodeUtf8(data).trim().split(' ')
  return word.toLowerCase() === 'hostname' ? process.machine.hostname : word === 'clientip' ? `${source}:${sourcePort}` : word === 'echo' ? rest.join(' ') : ''
}

/** time.Time's String, with its reading of the monotonic clock: nanoseconds, those of the day without the zeros at their end. */
function goTime(wall: number, since: number): string {
  const seconds = new Date(wall).toISOString().slice(0, 19).replace('T', ' ')
  const part = Math.floor((wall % 1000) * 1e6).toString().padStart(9, '0').replace(/0+$/, '')
  return `${seconds}${part === '' ? '' : `.${part}`} +0000 UTC m=+${(since / 1000).toFixed(9)}`
}
