import type { TcpConnection } from '../../network/types.ts'
import { isValidIp } from '../../network/address.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { ownerOf } from '../stream.ts'
import { TlsClient, TlsServer } from '../tls/socket.ts'
import { MESSAGE, MessageReader, readClientHello, RECORD, RecordReader } from '../tls/wire.ts'
import { readCertificates } from '../tls/x509.ts'
import type { StreamListen, StreamServer } from './stream-config.ts'
import { Passage, type StreamHost } from './stream-passage.ts'
import type { StreamAttempt } from './stream-variables.ts'
import { peerDone, type Peer } from './upstream.ts'

/** A TCP connection through a stream server: access, ssl, ssl_preread, proxy_pass or return. */
export class TcpPassage extends Passage {
  readonly #secure: boolean
  #client: TcpConnection
  #upstream: TcpConnection | undefined
  /** What the client has said before anybody listens. */
  #waiting: Uint8Array[] = []
  #joined = false
  #ended = false
  /** Sides that have ended. */
  #halves = 0
  #preread: ((data: Uint8Array) => void) | undefined

  constructor(host: StreamHost, server: StreamServer, listen: StreamListen, connection: TcpConnection) {
    super(host, server, listen, { address: connection.remoteAddress, port: connection.remotePort }, { address: connection.localAddress, port: connection.localPort })
    this.#client = connection
    this.#secure = listen.ssl
  }

  start(): void {
    if (!this.admit()) return
    if (!this.#secure) return this.#begin()
    const { host, server } = this
    const { fs, clock } = host.process
    const tls = new TlsServer(this.#client, {
      random: clock.random, acknowledgesName: true,
      select: ({ serverName }) => {
        this.session.serverName = serverName
        return { chain: readCertificates(fs.readText(server.certificate!.file)) }
      },
      onSecure: () => this.#content(),
      onFailure: () => this.finish(500),
    })
    this.#client = tls
    this.#listen()
  }

  #begin(): void {
    this.#listen()
    const { settings } = this.server
    if (!settings.preread) return this.#content()
    const records = new RecordReader()
    const messages = new MessageReader()
    const timer = this.host.process.clock.schedule(settings.prereadTimeout, () => this.finish(200), { background: true })
    const done = (): void => {
      this.#preread = undefined
      this.host.process.clock.cancel(timer)
      this.#content()
    }
    this.#preread = (data) => {
      records.push(data)
      for (let read = records.next(); read !== undefined; read = records.next()) {
        // no TLS: its name is empty, and it is passed on all the same
        if (read === 'bad' || read.type !== RECORD.handshake) return done()
        messages.push(read.data)
        const hello = messages.next()
        if (!hello) continue
        if (hello.type === MESSAGE.clientHello) this.session.hello = readClientHello(hello.body)
        return done()
      }
    }
  }

  #listen(): void {
    this.#client.handlers = {
      onData: (data) => {
        this.session.received += data.length
        if (this.#joined) return this.#toUpstream(data)
        this.#waiting.push(data.slice())
        this.#preread?.(data)
      },
      onEnd: () => {
        this.#ended = true
        if (this.#joined) this.#half(this.#upstream)
        else if (this.#preread) this.finish(200)
      },
      onClose: () => this.finish(this.#joined ? 200 : 500),
    }
  }

  #content(): void {
    const { returns } = this.server
    if (returns !== undefined) {
      const bytes = encodeUtf8(this.session.expand(returns))
      this.#client.send(bytes)
      this.session.sent += bytes.length
      return this.finish(200)
    }
    this.pass((attempt, peer, next) => this.#connect(attempt, peer, next))
  }

  #connect(attempt: StreamAttempt, peer: Peer, next: (failed: string) => void): void {
    const { process } = this.host
    const { clock } = process
    const { settings } = this.server
    let settled = false
    const fail = (line: string): void => {
      if (settled || this.over) return
      settled = true
      clock.cancel(timer)
      next(line)
    }
    const timer = clock.schedule(settings.connectTimeout, () => {
      connection.abort()
      fail(this.failed('ETIMEDOUT'))
    }, { background: true })
    const secured = (): void => {
      if (settled || this.over) return connection.abort()
      settled = true
      clock.cancel(timer)
      attempt.connectedAt = clock.now
      peerDone(peer, false, clock.now)
      this.#join(connection, attempt)
    }
    const plain = process.network.sockets.connect({ address: peer.address, port: peer.port, owner: ownerOf(process, 'nginx') }, {
      onConnect: () => {
        if (this.over) return connection.abort()
        if (settings.tells) connection.send(encodeUtf8(this.session.announcement))
        if (!settings.secures) return secured()
        const name = settings.securedName === undefined ? '' : this.session.expand(settings.securedName)
        const tls = new TlsClient(plain, { random: clock.random, ...(name !== '' && !isValidIp(name) ? { serverName: name } : {}), onSecure: secured, onFailure: (failure) => fail(failure.kind === 'not-tls' ? 'SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream' : 'peer closed connection in SSL handshake while SSL handshaking to upstream') })
        connection = tls
      },
      onClose: (error) => fail(this.failed(error?.code ?? 'ECONNRESET')),
    })
    let connection: TcpConnection = plain
    this.#upstream = connection
  }

  #join(connection: TcpConnection, attempt: StreamAttempt): void {
    this.#upstream = connection
    this.#joined = true
    connection.handlers = {
      onData: (data) => {
        attempt.firstAt ??= this.host.process.clock.now
        attempt.received += data.length
        this.session.sent += data.length
        this.#client.send(data)
        this.alive()
      },
      onEnd: () => this.#half(this.#client),
      onClose: () => this.finish(200),
    }
    this.alive()
    const said = concatBytes(this.#waiting.splice(0))
    if (said.length > 0) this.#toUpstream(said)
    if (this.#ended) this.#half(connection)
  }

  /** An end of one side is the end of both; with proxy_half_close the `other` may go on speaking until it ends, too. */
  #half(other: TcpConnection | undefined): void {
    this.#halves++
    if (!this.server.settings.halves || this.#halves > 1) return this.finish(200)
    other?.end()
    this.alive()
  }

  #toUpstream(data: Uint8Array): void {
    this.session.attempts.at(-1)!.sent += data.length
    this.#upstream!.send(data)
    this.alive()
  }

  protected closeAll(): void {
    for (const connection of [this.#client, this.#upstream]) {
      if (!connection || connection.state === 'CLOSED') continue
      if (connection.state === 'SYN-SENT') {
        connection.abort()
        continue
      }
      // what comes now is answered with a reset, as after close(2)
      connection.handlers = { onData: () => connection.abort() }
      connection.end()
    }
  }
}
