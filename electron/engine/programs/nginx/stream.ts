import { joinHostPort } from '../../network/address.ts'
import type { UdpSocket } from '../../network/types.ts'
import { ownerOf } from '../stream.ts'
import type { StreamListen, StreamServer } from './stream-config.ts'
import type { Passage, StreamHost } from './stream-passage.ts'
import { TcpPassage } from './stream-tcp.ts'
import { UdpPassage } from './stream-udp.ts'

export interface StreamSocket { readonly accepted: number; readonly active: number; close(): void }

/** ngx_stream_proxy_module and what stands before it, on one socket. Throws SystemError EADDRINUSE and EADDRNOTAVAIL. */
export function serveStream(host: StreamHost, listen: StreamListen): StreamSocket {
  const { process } = host
  const open = new Set<Passage>()
  let accepted = 0
  const serverNow = (): StreamServer | undefined => host.configuration()?.servers.find((s) => s.listens.some((l) => keyOf(l) === keyOf(listen)))
  const owner = ownerOf(process, 'nginx')
  const begin = <P extends Passage>(passage: P): P => {
    accepted++
    open.add(passage)
    passage.onOver = () => open.delete(passage)
    return passage
  }
  const options = { port: listen.port, owner, ...(listen.address === '0.0.0.0' && !process.network.ipv6 ? {} : { address: listen.address }), v6only: listen.address.includes(':') }
  const end = listen.udp ? udp() : process.network.sockets.listen({ ...options, backlog: 511 }, (connection) => {
    const server = serverNow()
    if (!server) return connection.abort()
    begin(new TcpPassage(host, server, listen, connection)).start()
  })
  process.onExit(() => end.close())

  function udp(): UdpSocket {
    const socket = process.network.sockets.udp(options)
    const sessions = new Map<string, UdpPassage>()
    socket.onDatagram = ({ source, sourcePort, destination, data }) => {
      const key = `${source} ${sourcePort}`
      let session = sessions.get(key)
      if (!session) {
        const server = serverNow()
        if (!server) return
        session = begin(new UdpPassage(host, server, listen, socket, { address: source, port: sourcePort }, destination))
        const { onOver } = session
        session.onOver = () => {
          sessions.delete(key)
          onOver()
        }
        sessions.set(key, session)
        session.start()
      }
      session.fromClient(data)
    }
    return socket
  }

  return {
    get accepted() {
      return accepted
    },
    get active() {
      return open.size
    },
    close: () => end.close(),
  }
}

export function keyOf({ address, port, udp }: StreamListen): string {
  return `${udp ? 'udp' : 'tcp'} ${joinHostPort(address, port)}`
}
