import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { grpcHealthChecking } from './agnhost-grpc.ts'
import { parseGoFlags } from './go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import type { HttpRequest } from './http/server.ts'
import { goLogTime } from './http-echo.ts'
import { Output, untilSignal } from './output.ts'

/** registry.k8s.io/e2e-test-images/agnhost: the subcommands grpc-health-checking, netexec, serve-hostname and pause. */
export const agnhost: Program = function* (process) {
  const [, command = '', ...args] = process.argv
  switch (command) {
    case 'pause':
      yield* process.print('Paused\n')
      yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
      return 0
    case 'netexec':
      return yield* netexec(process, args)
    case 'grpc-health-checking':
      return yield* grpcHealthChecking(process, args)
    case 'serve-hostname':
      return yield* serveHostname(process, args)
    default:
      yield* process.printError(`podhop: not simulated: agnhost ${command} (grpc-health-checking, netexec, serve-hostname and pause are)\n`)
      return 69
  }
}

function* netexec(process: Process, args: readonly string[]): Task<number> {
  const flags = parseGoFlags(args, [{ name: 'http-port', kind: 'int' }, { name: 'udp-port', kind: 'int' }, { name: 'sctp-port', kind: 'int' }])
  if ('error' in flags) return yield* wrongFlags(process, flags.error)
  const out = new Output(process, 2)
  const httpPort = Number(flags.values.get('http-port') ?? 8080)
  const udpPort = Number(flags.values.get('udp-port') ?? 8081)
  const sctpPort = Number(flags.values.get('sctp-port') ?? -1)
  const answer = (request: HttpRequest): GoAnswer => {
    const { path, query } = splitTarget(request.target)
    out.write(`${goLogTime(process.clock.wall())} ${request.method} ${path}\n`)
    const client = joinHostPort(request.remoteAddress, request.remotePort)
    switch (path) {
      case '/': return { body: `NOW: ${new Date(process.clock.wall()).toISOString().replace('T', ' ').slice(0, 19)} +0000 UTC` }
      case '/hostname': case '/hostName': return { body: process.machine.hostname }
      case '/clientip': return { body: client }
      case '/echo': return { status: Number(query.get('code') ?? 200), body: query.get('msg') ?? '' }
      case '/healthz': case '/readyz': case '/livez': return { body: '' }
      case '/header': return { body: request.headers.find(([n]) => n.toLowerCase() === (query.get('key') ?? '').toLowerCase())?.[1] ?? '' }
      default: return GO_NOT_FOUND
    }
  }
  try {
    serveGo(process, 'agnhost', httpPort, undefined, answer)
    if (udpPort > 0) serveUdp(process, udpPort)
    if (sctpPort > 0) serveSctp(process, sctpPort)
  } catch (error) {
    return yield* cannotListen(process, httpPort, error)
  }
  out.write(`${goLogTime(process.clock.wall())} Started HTTP server on port ${httpPort}\n`)
  if (udpPort > 0) out.write(`${goLogTime(process.clock.wall())} Started UDP server on port  ${udpPort}\n`)
  if (sctpPort > 0) out.write(`${goLogTime(process.clock.wall())} Started SCTP server on port  ${sctpPort}\n`)
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  yield* out.flush()
  return 0
}

/** "hostname", "clientip" and "echo <text>" by UDP. */
function serveUdp(process: Process, port: number): void {
  const socket = process.network.sockets.udp({ port, owner: { pid: process.pid, program: 'agnhost' } })
  process.onExit(() => socket.close())
  socket.onDatagram = ({ source, sourcePort, data }) => {
    const reply = shortAnswer(process, data, source, sourcePort)
    if (reply !== '') socket.send(encodeUtf8(reply), source, sourcePort)
  }
}

/** The same by SCTP. */
function serveSctp(process: Process, port: number): void {
  const listener = process.network.sockets.sctp.listen({ port, owner: { pid: process.pid, program: 'agnhost' } }, (connection) => {
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

function* serveHostname(process: Process, args: readonly string[]): Task<number> {
  const flags = parseGoFlags(args, [{ name: 'port', kind: 'int' }, { name: 'tcp', kind: 'bool' }, { name: 'http', kind: 'bool' }, { name: 'udp', kind: 'bool' }])
  if ('error' in flags) return yield* wrongFlags(process, flags.error)
  if (flags.values.get('tcp') === 'true' || flags.values.get('udp') === 'true') {
    yield* process.printError('podhop: not simulated: agnhost serve-hostname --tcp or --udp (--http is)\n')
    return 69
  }
  const port = Number(flags.values.get('port') ?? 9376)
  yield* process.printError(`${goLogTime(process.clock.wall())} Serving on port ${port}.\n`)
  try {
    serveGo(process, 'agnhost', port, undefined, () => ({ body: process.machine.hostname }))
  } catch (error) {
    return yield* cannotListen(process, port, error)
  }
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  return 0
}

function* wrongFlags(process: Process, error: string): Task<number> {
  yield* process.printError(`Error: ${error.replace('flag provided but not defined: -', 'unknown flag: --')}\n`)
  return 1
}

function* cannotListen(process: Process, port: number, error: unknown): Task<number> {
  yield* process.printError(`${goLogTime(process.clock.wall())} listen tcp :${port}: bind: ${(error as Error).message.toLowerCase()}\n`)
  return 1
}
