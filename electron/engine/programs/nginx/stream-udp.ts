import { isIpv6 } from '../../network/address.ts'
import type { UdpSocket } from '../../network/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { ownerOf } from '../stream.ts'
import type { StreamListen, StreamServer } from './stream-config.ts'
import { Passage, type StreamHost } from './stream-passage.ts'
import { peerDone, type Peer } from './upstream.ts'

/** The datagrams of one client to a stream server, until it is quiet for proxy_timeout. */
export class UdpPassage extends Passage {
  readonly #socket: UdpSocket
  readonly #client: { address: string; port: number }
  readonly #local: string
  #upstream: UdpSocket | undefined
  #peer: Peer | undefined
  #responses = 0
  #requests = 0
  #waiting: Uint8Array[] = []

  constructor(host: StreamHost, server: StreamServer, listen: StreamListen, socket: UdpSocket, client: { address: string; port: number }, local: string) {
    super(host, server, listen, client, { address: local, port: listen.port })
    this.#socket = socket
    this.#client = client
    this.#local = local
  }

  start(): void {
    if (!this.admit()) return
    const { returns } = this.server
    if (returns !== undefined) {
      this.#answer(encodeUtf8(this.session.expand(returns)))
      return this.finish(200)
    }
    const { process } = this.host
    this.pass((attempt, peer, next) => {
      const socket = process.network.sockets.udp({ owner: ownerOf(process, 'nginx'), address: isIpv6(peer.address) ? '::' : '0.0.0.0' })
      socket.connect(peer.address, peer.port)
      socket.onDatagram = ({ data }) => {
        attempt.firstAt ??= process.clock.now
        attempt.received += data.length
        this.#answer(data)
        this.alive()
        const { responses } = this.server.settings
        if (responses !== undefined && ++this.#responses >= responses * Math.max(1, this.#requests)) this.finish(200)
      }
      socket.onError = ({ code }) => {
        socket.close()
        this.#upstream = undefined
        const line = this.failed(code).replace('connect()', 'recv()').replace('connecting to', 'proxying and reading from')
        next(line)
      }
      attempt.connectedAt = process.clock.now
      this.#upstream = socket
      this.#peer = peer
      this.alive()
      for (const data of this.#waiting.splice(0)) this.#send(data)
    })
  }

  fromClient(data: Uint8Array): void {
    if (this.over) return
    this.session.received += data.length
    if (this.#upstream) this.#send(data)
    else this.#waiting.push(data.slice())
  }

  #send(data: Uint8Array): void {
    const attempt = this.session.attempts.at(-1)!
    const { responses, requests } = this.server.settings
    this.#requests++
    try {
      this.#upstream!.send(data, this.#peer!.address, this.#peer!.port)
    } catch {
      this.log('send() failed while proxying and sending to upstream', attempt.address)
      return this.finish(502)
    }
    attempt.sent += data.length
    this.alive()
    if (responses === 0 && (requests === 0 || this.#requests >= requests)) this.finish(200)
  }

  #answer(data: Uint8Array): void {
    this.session.sent += data.length
    try {
      this.#socket.send(data, this.#client.address, this.#client.port, { source: this.#local })
    } catch {
      // the way back is lost: the client hears nothing
    }
  }

  protected closeAll(): void {
    this.#upstream?.close()
    if (this.#peer) peerDone(this.#peer, false, this.host.process.clock.now)
  }
}
