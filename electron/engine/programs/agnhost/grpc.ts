import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'
import { parseGoFlags } from '../go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import { encodeMessage, HEALTH } from '../http2/grpc.ts'
import { Http2Session, type Http2Stream } from '../http2/session.ts'
import { untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { GoLog } from './log.ts'

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
  const lines = new GoLog(process)
  const log = (text: string): void => lines.print(text)
  let status = 1
  try {
    const listener = process.network.sockets.listen({ port, owner: ownerOf(process, 'agnhost') }, (connection) => serve(connection, () => status, service))
    process.onExit(() => listener.close())
    serveGo(process, 'agnhost', httpPort, undefined, (request) => {
      const { path } = splitTarget(request.target)
      if (path !== '/make-serving' && path !== '/make-not-serving') return GO_NOT_FOUND
      status = path === '/make-serving' ? 1 : 2
      log(`Mark as ${status === 1 ? 'serving' : 'not serving'}`)
      return { body: '' }
    })
  } catch (error) {
    log(`listen tcp :${port}: bind: ${(error as Error).message.toLowerCase()}`)
    yield* lines.out.flush()
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
  yield* lines.out.flush()
  return 0
}

/** One connection: any number of calls. */
function serve(connection: TcpConnection, status: () => number, service: string): void {
  const session = new Http2Session({
    client: false, send: (bytes) => connection.send(bytes),
    onGoAway: (_, sent) => {
      if (sent) connection.abort()
    },
    onStream: (stream) => {
      const parts: Uint8Array[] = []
      let path = ''
      stream.handlers = {
        onHeaders: (headers, last) => {
          path = headerOf(headers, ':path') ?? ''
          if (last) answer(stream, path, new Uint8Array(0))
        },
        onData: (data, last) => {
          parts.push(data)
          if (last) answer(stream, path, concatBytes(parts))
        },
      }
    },
  })
  const answer = (stream: Http2Stream, path: string, body: Uint8Array): void => {
    const end = (code: string, message: string): void => stream.headers([[':status', '200'], ['content-type', 'application/grpc'], ['grpc-status', code], ['grpc-message', message]], true)
    const [, name = '', method = ''] = path.split('/')
    if (path !== HEALTH.path) return end(CODES.unimplemented, `unknown ${name === 'grpc.health.v1.Health' ? `method ${method} for service` : 'service'} ${name}`)
    if (HEALTH.decodeRequest(body.subarray(5)) !== service) return end(CODES.notFound, 'unknown service')
    stream.headers([[':status', '200'], ['content-type', 'application/grpc']], false)
    stream.data(encodeMessage(HEALTH.encodeResponse(status())), false)
    stream.headers([['grpc-status', '0'], ['grpc-message', '']], true)
  }
  connection.handlers = { onData: (bytes) => session.receive(bytes), onEnd: () => connection.end(), onClose: () => session.close() }
}
