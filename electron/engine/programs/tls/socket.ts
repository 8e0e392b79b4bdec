import type { Journey } from '../../journey/types.ts'
import type { Random } from '../../random.ts'
import type { TcpConnection, TcpHandlers, TcpState } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'
import { DerError } from './der.ts'
import {
  ALERTS, certificateRequest, certificates, CIPHERS, clientHello, Disguise, encryptedExtensions, message, MESSAGE, MessageReader, protect, readAlpn, readCertificateList, readCertificateRequest, readClientHello, readServerHello,
  RECORD, record, RecordReader, serverHello, unprotect, type Cipher, type ClientHello,
} from './wire.ts'
import { readCertificate, type Certificate } from './x509.ts'

/** What openssl's message callback tells of: a record's header (type 256), an alert, a message of the handshake. */
export interface TlsTrace { out: boolean; record: number; type: number; level: number; length: number }

export interface TlsInfo {
  cipher: Cipher
  alpn: string | undefined
  serverName: string | undefined
  /** The other side's; empty on a server whose client has shown none. */
  chain: readonly Certificate[]
  /** Of a client: the server has asked for a certificate, and named these authorities (DER). */
  asked?: readonly Uint8Array[]
}

/** Why there is no connection. `reset`: an errno's name. */
export type TlsFailure = { kind: 'alert'; sent: boolean; alert: number } | { kind: 'not-tls'; data: Uint8Array } | { kind: 'eof' } | { kind: 'broken'; code: string }

interface CommonOptions {
  random: Random
  trace?(event: TlsTrace): void
  onSecure?(info: TlsInfo): void
  onFailure?(failure: TlsFailure): void
}

export interface TlsClientOptions extends CommonOptions {
  /** SNI: never an address. */
  serverName?: string | undefined
  alpn?: readonly string[]
  /** Does not look at the certificates at all. */
  blind?: boolean
  /** The alert to end it with. */
  verify?(chain: readonly Certificate[]): number | undefined
  /** What it shows to a server that asks. */
  certificates?: readonly Certificate[]
}

/** How a server asks its clients for certificates. */
export interface ClientAuth {
  /** Whom it says that it trusts: names as DER. */
  authorities: readonly Uint8Array[]
  /** The alert to end it with; the chain is empty when the client shows none. Absent: the connection stands in any case. */
  verify?(chain: readonly Certificate[]): number | undefined
}

export interface TlsServerOptions extends CommonOptions {
  /** The certificates to show, the server's own first, or the alert to end it with; undefined: the connection ends without one. */
  select(hello: ClientHello): { chain: readonly Certificate[]; clients?: ClientAuth | undefined; /** Instead of the option. */ alpn?: readonly string[] | undefined } | { alert: number | undefined }
  /** In the order of the server's taste. */
  alpn?: readonly string[]
  cipher?: Cipher
  /** Lengths of the session tickets' messages, which nobody uses. */
  tickets?: readonly number[]
  /** Says that it took notice of the SNI (nginx and haproxy do, Go does not). */
  acknowledgesName?: boolean
  /** The answer to a client that speaks no TLS. */
  plain?(data: Uint8Array): Uint8Array | undefined
}

/**
 * TLS over a connection, seen as a connection (RFC 8446: one round trip, no resumption). There
 * is no cryptography: see wire.ts.
 */
abstract class TlsSocket implements TcpConnection {
  handlers: TcpHandlers = {}
  info: TlsInfo | undefined
  protected readonly inner: TcpConnection
  protected readonly options: CommonOptions
  protected readonly chance: Disguise
  protected readonly messages = new MessageReader()
  #records = new RecordReader()
  #in: Disguise | undefined
  #out: Disguise | undefined
  #over = false
  #ended = false
  #queue: Uint8Array[] = []

  constructor(inner: TcpConnection, options: CommonOptions) {
    this.inner = inner
    this.options = options
    this.chance = new Disguise(Uint8Array.from({ length: 2 }, () => options.random.uint32() & 255), Uint8Array.of(inner.localPort & 255, inner.localPort >> 8, options.random.uint32() & 255))
    inner.handlers = {
      onData: (data) => this.#received(data),
      onEnd: () => this.#peerEnded(),
      onDrain: () => this.handlers.onDrain?.(),
      onClose: (error) => this.#closed(error),
    }
  }

  get state(): TcpState {
    return this.inner.state
  }
  get localAddress(): string {
    return this.inner.localAddress
  }
  get localPort(): number {
    return this.inner.localPort
  }
  get remoteAddress(): string {
    return this.inner.remoteAddress
  }
  get remotePort(): number {
    return this.inner.remotePort
  }
  get peer(): { address: string; port: number } | undefined {
    return this.inner.peer
  }
  get journey(): Journey | undefined {
    return this.inner.journey
  }
  get unsent(): number {
    return this.inner.unsent
  }

  send(data: Uint8Array): void {
    if (this.#over) return
    if (!this.info) return void this.#queue.push(data)
    this.#trace(true, 256, 0, 0, 5)
    this.inner.send(protect(this.#out!, RECORD.applicationData, data))
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    if (this.info && this.inner.state !== 'CLOSED') this.sendAlert(ALERTS.closeNotify)
    this.inner.end()
  }

  abort(): void {
    this.#over = true
    this.inner.abort()
  }

  protected abstract onMessage(type: number, body: Uint8Array): void
  protected onPlain(_data: Uint8Array): void {
    this.fail({ kind: 'not-tls', data: this.#records.rest })
  }

  /** From now on everything is disguised. */
  protected disguise(client: Uint8Array, server: Uint8Array, isServer: boolean): void {
    const [a, b] = [new Disguise(client, server), new Disguise(server, client)]
    this.#in = isServer ? a : b
    this.#out = isServer ? b : a
  }

  protected sendMessage(bytes: Uint8Array): Uint8Array {
    this.#trace(true, 256, 0, 0, 5)
    this.#trace(true, RECORD.handshake, bytes[0]!, 0, bytes.length)
    return this.#out ? protect(this.#out, RECORD.handshake, bytes) : record(RECORD.handshake, bytes, bytes[0] === MESSAGE.clientHello ? 0x0301 : 0x0303)
  }

  protected changeCipherSpec(): Uint8Array {
    this.#trace(true, 256, 0, 0, 5)
    this.#trace(true, RECORD.changeCipherSpec, 1, 0, 1)
    return record(RECORD.changeCipherSpec, Uint8Array.of(1))
  }

  protected sendAlert(alert: number): void {
    const level = alert === ALERTS.closeNotify ? 1 : 2
    this.#trace(true, 256, 0, 0, 5)
    this.#trace(true, RECORD.alert, alert, level, 2)
    const data = Uint8Array.of(level, alert)
    this.inner.send(this.#out ? protect(this.#out, RECORD.alert, data) : record(RECORD.alert, data))
  }

  protected refuse(alert: number): void {
    this.sendAlert(alert)
    this.fail({ kind: 'alert', sent: true, alert })
  }

  protected fail(failure: TlsFailure): void {
    if (this.#over) return
    this.#over = true
    if (this.inner.state !== 'CLOSED') this.inner.end()
    this.options.onFailure?.(failure)
  }

  protected secure(info: TlsInfo): void {
    this.info = info
    this.options.onSecure?.(info)
    for (const data of this.#queue.splice(0)) this.send(data)
  }

  #trace(out: boolean, type: number, messageType: number, level: number, length: number): void {
    this.options.trace?.({ out, record: type, type: messageType, level, length })
  }

  #received(data: Uint8Array): void {
    if (this.#over) {
      // somebody reads no more: as a socket that is closed with data unread
      return
    }
    this.#records.push(data)
    for (;;) {
      const next = this.#over ? undefined : this.#records.next()
      if (next === undefined) return
      if (next === 'bad') return this.onPlain(this.#records.rest)
      this.#trace(false, 256, 0, 0, 5)
      if (next.type === RECORD.changeCipherSpec) continue
      const plain = this.#in && next.type === RECORD.applicationData ? unprotect(this.#in, next.data) : next
      if (!plain) return this.refuse(ALERTS.decodeError)
      this.#content(plain.type, plain.data)
    }
  }

  #content(type: number, data: Uint8Array): void {
    if (type === RECORD.handshake) {
      this.messages.push(data)
      for (let next = this.messages.next(); next && !this.#over; next = this.messages.next()) {
        this.#trace(false, RECORD.handshake, next.type, 0, next.raw.length)
        try {
          this.onMessage(next.type, next.body)
        } catch (error) {
          if (!(error instanceof DerError)) throw error
          this.refuse(ALERTS.badCertificate)
        }
      }
    } else if (type === RECORD.alert) {
      const [level = 2, alert = 0] = data
      this.#trace(false, RECORD.alert, alert, level, 2)
      if (alert !== ALERTS.closeNotify) {
        if (!this.info) return this.fail({ kind: 'alert', sent: false, alert })
        this.#over = true
        this.inner.end()
        this.options.onFailure?.({ kind: 'alert', sent: false, alert })
        this.handlers.onClose?.(Object.assign(new Error('alert'), { code: 'EPROTO', alert }))
      } else this.#peerEnded()
    } else if (type === RECORD.applicationData && this.info) this.handlers.onData?.(data.slice())
    else this.refuse(ALERTS.unexpectedMessage)
  }

  #peerEnded(): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.info) return this.fail({ kind: 'eof' })
    if (!this.#over) this.handlers.onEnd?.()
  }

  #closed(error: (Error & { code: string }) | undefined): void {
    if (!this.info && !this.#over) {
      this.#over = true
      this.options.onFailure?.(error ? { kind: 'broken', code: error.code } : { kind: 'eof' })
    }
    this.#over = true
    this.handlers.onClose?.(error)
  }
}

export class TlsClient extends TlsSocket {
  readonly #tls: TlsClientOptions
  readonly #random: Uint8Array
  #cipher: Cipher = CIPHERS.aes256
  #alpn: string | undefined
  #chain: Certificate[] = []
  #asked: readonly Uint8Array[] | undefined

  /** `inner` stands already. */
  constructor(inner: TcpConnection, options: TlsClientOptions) {
    super(inner, options)
    this.#tls = options
    this.#random = this.chance.bytes(32)
    inner.send(this.sendMessage(clientHello({ random: this.#random, sessionId: this.chance.bytes(32), serverName: options.serverName, alpn: options.alpn ?? [], keyShare: this.chance.bytes(32) })))
  }

  protected onMessage(type: number, body: Uint8Array): void {
    if (type === MESSAGE.serverHello) {
      const { random, cipher } = readServerHello(body)
      this.#cipher = cipher
      this.disguise(this.#random, random, false)
    } else if (type === MESSAGE.encryptedExtensions) this.#alpn = readAlpn(body)
    else if (type === MESSAGE.certificateRequest) this.#asked = readCertificateRequest(body)
    else if (type === MESSAGE.certificate && !this.#tls.blind) {
      this.#chain = readCertificateList(body).map(readCertificate)
      const alert = this.#tls.verify?.(this.#chain)
      if (alert !== undefined) this.refuse(alert)
    } else if (type === MESSAGE.finished) {
      const shown = this.#asked && (this.#tls.certificates ?? [])
      this.inner.send(concatBytes([
        this.changeCipherSpec(),
        ...(shown ? [this.sendMessage(certificates(shown.map((c) => c.der)))] : []),
        ...(shown?.[0] ? [this.sendMessage(message(MESSAGE.certificateVerify, this.chance.bytes(signatureLength(shown[0]) + 4)))] : []),
        this.sendMessage(message(MESSAGE.finished, this.chance.bytes(this.#cipher.hash))),
      ]))
      this.secure({ cipher: this.#cipher, alpn: this.#alpn, serverName: this.#tls.serverName, chain: this.#chain, ...(this.#asked ? { asked: this.#asked } : {}) })
    }
  }
}

export class TlsServer extends TlsSocket {
  readonly #tls: TlsServerOptions
  #pending: TlsInfo | undefined
  #clients: ClientAuth | undefined

  constructor(inner: TcpConnection, options: TlsServerOptions) {
    super(inner, options)
    this.#tls = options
  }

  protected override onPlain(data: Uint8Array): void {
    const answer = this.#tls.plain?.(data)
    if (answer) this.inner.send(answer)
    this.fail({ kind: 'not-tls', data })
  }

  protected onMessage(type: number, body: Uint8Array): void {
    const { cipher = CIPHERS.aes256, tickets = [57, 57], acknowledgesName = true } = this.#tls
    if (type === MESSAGE.finished && this.#pending) {
      // a client that wanted no more than the handshake may be gone before it is heard
      if (this.inner.state === 'CLOSED') return
      for (const length of tickets) this.inner.send(this.sendMessage(message(MESSAGE.newSessionTicket, this.chance.bytes(length - 4))))
      return this.secure(this.#pending)
    }
    if (type === MESSAGE.certificate && this.#pending && this.#clients) {
      const chain = readCertificateList(body).map(readCertificate)
      this.#pending = { ...this.#pending, chain }
      const alert = this.#clients.verify?.(chain)
      return alert === undefined ? undefined : this.refuse(alert)
    }
    if (type !== MESSAGE.clientHello || this.#pending) return
    const hello = readClientHello(body)
    if (!hello.versions.includes(0x0304)) return this.refuse(ALERTS.protocolVersion)
    const chosen = this.#tls.select(hello)
    if ('alert' in chosen) return chosen.alert === undefined ? this.fail({ kind: 'eof' }) : this.refuse(chosen.alert)
    const alpn = chosen.alpn ?? this.#tls.alpn ?? []
    const protocol = alpn.find((p) => hello.alpn.includes(p))
    if (alpn.length > 0 && hello.alpn.length > 0 && protocol === undefined) return this.refuse(ALERTS.noApplicationProtocol)
    const random = this.chance.bytes(32)
    const greeting = [this.sendMessage(serverHello(random, hello.sessionId, cipher, this.chance.bytes(32))), this.changeCipherSpec()]
    this.disguise(hello.random, random, true)
    this.#clients = chosen.clients
    this.inner.send(concatBytes([
      ...greeting,
      this.sendMessage(encryptedExtensions({ alpn: protocol, namedServer: acknowledgesName && hello.serverName !== undefined })),
      ...(this.#clients ? [this.sendMessage(certificateRequest(this.#clients.authorities))] : []),
      this.sendMessage(certificates(chosen.chain.map((c) => c.der))),
      this.sendMessage(message(MESSAGE.certificateVerify, this.chance.bytes(signatureLength(chosen.chain[0]) + 4))),
      this.sendMessage(message(MESSAGE.finished, this.chance.bytes(cipher.hash))),
    ]))
    this.#pending = { cipher, alpn: protocol, serverName: hello.serverName, chain: [] }
  }
}

/** Of a CertificateVerify, in bytes. */
function signatureLength(own: Certificate | undefined): number {
  return own?.rsa ? own.keySize / 8 : 71
}
