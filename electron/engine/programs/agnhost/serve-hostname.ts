import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import { serveGo } from '../http/go.ts'
import { untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { cobraFlags, listenError } from './flags.ts'
import { GoLog } from './log.ts'

/** agnhost serve-hostname: by HTTP, or raw by TCP and UDP. After SIGTERM it still answers for a minute. */
export function* serveHostname(process: Process, args: readonly string[]): Task<number> {
  const flags = yield* cobraFlags(process, args, [{ name: 'port', kind: 'int' }, { name: 'tcp', kind: 'bool' }, { name: 'http', kind: 'bool' }, { name: 'udp', kind: 'bool' }, { name: 'close', kind: 'bool' }])
  if (typeof flags === 'number') return flags
  const is = (name: string): boolean => ['true', '1', 't', 'T', 'TRUE', 'True'].includes(flags.values.get(name) ?? '')
  const [tcp, udp, http, close] = [is('tcp'), is('udp'), flags.values.has('http') ? is('http') : true, is('close')]
  const port = Number(flags.values.get('port') ?? 9376)
  const log = new GoLog(process)
  const fatal = function* (text: string): Task<number> {
    log.print(text)
    yield* log.out.flush()
    return 1
  }
  if (http && (tcp || udp)) return yield* fatal("Can't server TCP/UDP mode and HTTP mode at the same time")
  const owner = ownerOf(process, 'agnhost')
  const { hostname } = process.machine
  try {
    if (tcp) {
      const listener = process.network.sockets.listen({ port, owner }, (connection) => {
        log.print(`TCP request from ${joinHostPort(connection.remoteAddress, connection.remotePort)}`)
        connection.send(encodeUtf8(hostname))
        connection.end()
      })
      process.onExit(() => listener.close())
    }
    if (udp) {
      const socket = process.network.sockets.udp({ port, owner })
      process.onExit(() => socket.close())
      socket.onDatagram = ({ source, sourcePort, destination }) => {
        log.print(`UDP request from ${joinHostPort(source, sourcePort)}`)
        socket.send(encodeUtf8(hostname), source, sourcePort, { source: destination })
      }
    }
    if (http) {
      serveGo(process, 'agnhost', port, undefined, (request) => {
        log.print(`HTTP request from ${joinHostPort(request.remoteAddress, request.remotePort)}`)
        return { body: hostname, ...(close ? { headers: [['Connection', 'close']], close: true } : {}) }
      })
    }
  } catch (error) {
    return yield* fatal(http ? listenError(port, error) : `Error from net.Listen(): ${listenError(port, error)}`)
  }
  log.print(`Serving on port ${port}.`)
  yield* untilSignal(process, ['SIGTERM'])
  log.print('Shutting down after receiving signal: terminated.')
  log.print('Awaiting pod deletion.')
  yield* process.sleep(60_000)
  yield* log.out.flush()
  return 0
}
