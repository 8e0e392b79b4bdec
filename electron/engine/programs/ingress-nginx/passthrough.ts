import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { joinConnections } from '../http/client.ts'
import { ownerOf } from '../stream.ts'
import { preread } from '../tls/preread.ts'
import type { Endpoint } from './configuration.ts'

/** The controller's own proxy before nginx, with --enable-ssl-passthrough: it looks for a name as long as it takes (pkg/tcpproxy/tcp.go). ms */
const PATIENCE = 3_600_000

/** Who the name is for gets TLS as it came, by the Service's own address; everybody else gets to nginx. */
export function passTls(process: Process, client: TcpConnection, serviceOf: (name: string) => Endpoint | undefined, nginx: (connection: TcpConnection) => void): void {
  preread(client, process.clock, PATIENCE, (hello, replay) => {
    const to = serviceOf((hello?.serverName ?? '').toLowerCase())
    if (!to) {
      nginx(client)
      return replay()
    }
    const waiting: Uint8Array[] = []
    let ended = false
    client.handlers = { onData: (data) => void waiting.push(data.slice()), onEnd: () => void (ended = true), onClose: () => server.abort() }
    const server = process.network.sockets.connect({ ...to, owner: ownerOf(process, 'nginx-ingress-controller') }, {
      onConnect: () => {
        joinConnections(client, server)
        for (const data of waiting) server.send(data)
        if (ended) server.end()
      },
      onClose: () => client.end(),
    })
    replay()
  })
}
