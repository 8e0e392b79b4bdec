import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'
import { parseGoFlags } from '../go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from '../http/go.ts'
import { decodeHeaders, encodeFrame, encodeHeaders, encodeMessage, FLAG, FRAME, FrameReader, HEALTH, PREFACE } from '../http/http2.ts'
import { goLogTime } from '../http-echo.ts'
import { Output, untilSignal } from '../output.ts'

const CODES = { notFound: '5', unimplemented: '12' }

/** agnhost grpc-health-checking: serves grpc.health.v1, and two HTTP paths that change what it answers. */
export function* grpcHealthChecking(process: Process, args: readonly string[]): Task<number> {
  const flags = parseGoFlags(args, [{ name: 'port', kind: 'int' }, { name: 'http-port', kind: 'int' }, { name: 'delay-unhealthy-sec', kind: 'int' }, { name: 'service', kind: 'string' }])
  if ('error' in flags) {
    yield* process.printError(`Error: ${flags.error.replace('flag provided but not defined: -', 'unknown flag: --')}\n`)
    return 1
  }
  const port = Number(flags.values.get('port') ?? 5000)
  const httpPort = Number(flags.values.get('http-port') ?? 8080)
  const delay = Number(flags.values.get('delay-unhealthy-sec') ?? -1)
  const service = flags.values.get('service') ?? ''
  const out = new Output(process, 2)
  const log = (text: string): void => out.write(`${goLogTime(process.clock.wall())} ${text}\n`)
  let status = 1
  try {
    const listener = process.network.sockets.listen({ port, owner: { pid: process.pid, program: 'agnhost' } }, (connection) => serve(connection, () => status, service))
    process.onExit(() => listener.close())
    serveGo(process, 'agnhost', httpPort, undefined, (request) => {
      const { path } = splitTarget(request.target)
      if (path !== '/make-serving' && path !== '/make-not-serving') return GO_NOT_FOUND
      status = path === '/make-serving' ? 1 : 2
      log(`Mark as ${status === 1 ? 'serving' : 'not serving'}`)
      return { body: '' }
    })
  } catch (error) {
    yield* process.printError(`${goLogTime(process.clock.wall())} listen tcp :${port}: bind: ${(error as Error).message.toLowerCase()}\n`)
    return 1
  }
  log(`Http server starting to listen on :${httpPort}`)
  log(`gRPC server starting to listen on :${port}`)
  if (delay >= 0) {
    process.spawnThread((function* () {
      yield* process.sleep(delay * 1000)
      status = 2
    })())
  }
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  yield* out.flush()
  return 0
}

/** One connection: any number of calls, one after the other. */
function serve(connection: TcpConnection, status: () => number, service: string): void {
  const reader = new FrameReader()
  const calls = new Map<number, { path: string; body: Uint8Array }>()
  let greeted = false
  const answer = (stream: number, path: string, body: Uint8Array): void => {
    const end = (code: string, message: string): void => {
      connection.send(encodeFrame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, encodeHeaders([[':status', '200'], ['content-type', 'application/grpc'], ['grpc-status', code], ['grpc-message', message]])))
    }
    const [, name = '', method = ''] = path.split('/')
    if (path !== HEALTH.path) return end(CODES.unimplemented, `unknown ${name === 'grpc.health.v1.Health' ? `method ${method} for service` : 'service'} ${name}`)
    if (HEALTH.decodeRequest(body.subarray(5)) !== service) return end(CODES.notFound, 'unknown service')
    connection.send(concatBytes([
      encodeFrame(FRAME.headers, FLAG.endHeaders, stream, encodeHeaders([[':status', '200'], ['content-type', 'application/grpc']])),
      encodeFrame(FRAME.data, 0, stream, encodeMessage(HEALTH.encodeResponse(status()))),
      encodeFrame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, encodeHeaders([['grpc-status', '0'], ['grpc-message', '']])),
    ]))
  }
  connection.handlers = {
    onData: (bytes) => {
      if (!greeted) {
        if (!PREFACE.every((byte, i) => bytes[i] === byte)) return connection.abort()
        greeted = true
        bytes = bytes.subarray(PREFACE.length)
        connection.send(encodeFrame(FRAME.settings, 0, 0))
      }
      for (const { type, flags, stream, payload } of reader.push(bytes)) {
        if (type === FRAME.settings && !(flags & FLAG.ack)) connection.send(encodeFrame(FRAME.settings, FLAG.ack, 0))
        else if (type === FRAME.ping && !(flags & FLAG.ack)) connection.send(encodeFrame(FRAME.ping, FLAG.ack, 0, payload))
        else if (type === FRAME.headers) calls.set(stream, { path: decodeHeaders(payload)?.get(':path') ?? '', body: new Uint8Array(0) })
        else if (type === FRAME.data) {
          const call = calls.get(stream)
          if (call) call.body = concatBytes([call.body, payload])
        }
        if ((type === FRAME.headers || type === FRAME.data) && flags & FLAG.endStream) {
          const call = calls.get(stream)
          calls.delete(stream)
          if (call) answer(stream, call.path, call.body)
        }
      }
    },
    onEnd: () => connection.end(),
  }
}
