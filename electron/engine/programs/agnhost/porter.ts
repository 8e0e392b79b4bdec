import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { goJson, serveGo } from '../http/go.ts'
import { ownerOf } from '../stream.ts'
import { loadPair } from '../tls/pair.ts'
import { ownCertificate } from './certificates.ts'
import { cobraFlags } from './flags.ts'
import { GoLog } from './log.ts'

/** agnhost porter: serves the value of each SERVE_PORT_N, SERVE_TCP_PORT_N, SERVE_UDP_PORT_N and SERVE_SCTP_PORT_N at port N. */
export function* porter(process: Process, args: readonly string[]): Task<number> {
  const flags = yield* cobraFlags(process, args, [{ name: 'json-response', kind: 'bool' }])
  if (typeof flags === 'number') return flags
  const json = flags.values.get('json-response') === 'true'
  const log = new GoLog(process)
  const owner = ownerOf(process, 'agnhost')
  const [certificateFile, keyFile] = [process.env.get('CERT_FILE'), process.env.get('KEY_FILE')]
  const http = (port: number, value: string, secure: boolean): void => {
    // without a word of others it has a pair of its own beside it
    const pair = !secure ? undefined : certificateFile === undefined ? { chain: [ownCertificate()] } : loadPair(process, certificateFile, keyFile ?? 'localhost.key')
    if (pair && 'error' in pair) return log.print(`tls server on port "${port}" failed: ${pair.error}`)
    try {
      serveGo(process, 'agnhost', port, '0.0.0.0', ({ method }) => (json ? { headers: [['Content-Type', 'application/json']], body: goJson({ Method: method, Body: value }) } : { body: value }), pair && { select: () => pair })
    } catch {
      log.print(`${secure ? 'tls ' : ''}server on port "${port}" failed: listen tcp 0.0.0.0:${port}: bind: address already in use`)
    }
  }
  for (const [name, value] of process.env) {
    const match = /^SERVE_(TCP_|UDP_|SCTP_|TLS_)?PORT_(\d+)$/.exec(name)
    if (!match) continue
    const port = Number(match[2])
    if (port < 1 || port > 65_535) log.print(`server on port "${match[2]}" failed: listen tcp: address ${match[2]}: invalid port`)
    else if (match[1] === 'UDP_') {
      const socket = process.network.sockets.udp({ port, owner })
      process.onExit(() => socket.close())
      socket.onDatagram = ({ source, sourcePort, destination }) => socket.send(encodeUtf8(value), source, sourcePort, { source: destination })
      log.print(`Started UDP server on port ${port}`)
    } else if (match[1] === 'SCTP_') {
      const listener = process.network.sockets.sctp.listen({ port, owner }, (connection) => {
        log.print('Sending response')
        connection.send(encodeUtf8(value))
        log.print('Response sent')
        connection.end()
      })
      process.onExit(() => listener.close())
      log.print('Started SCTP server')
    } else http(port, value, match[1] === 'TLS_')
  }
  // Without a handler SIGTERM does nothing to the first process of a container: Go has one for it, which ends it.
  process.onSignal('SIGTERM', () => process.exit(2))
  for (;;) yield () => undefined
}
