import type { TcpConnection } from '../../network/types.ts'
import { WireError } from '../../network/wire/bytes.ts'
import type { Random } from '../../random.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { Disguise } from '../tls/wire.ts'
import { COOKIE, ed25519, HALVES, kexInit, KEY_LENGTH, PacketReader, sealPacket, SIGNATURE_LENGTH, SSH, SshReader, SshWriter } from './wire.ts'

export interface SshHandlers {
  /** The keys are there: what is sent from now on nobody else reads. */
  onReady(): void
  /** A message of the layers above. */
  onMessage(type: number, fields: SshReader): void
  /** There is room again for what is to be sent. */
  onDrain?(): void
  /** The other side has ended it, or it broke; told once. */
  onOver(error?: { code: string; message: string }): void
}

/** RFC 4253 4.2, with room for what a server says before (OpenSSH: SSH_MAX_BANNER_LEN). */
const LONGEST_LINE = 8192

/**
 * The transport layer of SSH (RFC 4253) on a connection: identification, key exchange, binary packets. As with TLS there is no
 * cryptography: the lengths are true, the bytes are disguised.
 */
export class SshTransport {
  readonly #connection: TcpConnection
  readonly #role: 'client' | 'server'
  readonly #handlers: SshHandlers
  readonly #reader = new PacketReader()
  readonly #cookie: Uint8Array
  readonly #chance: Disguise
  #otherCookie: Uint8Array = new Uint8Array(0)
  /** Before the other side's identification is whole. */
  #greeting: Uint8Array | undefined = new Uint8Array(0)
  #out: Disguise | undefined
  #over = false

  /** Takes the connection's handlers over, and tells who it is. */
  constructor(connection: TcpConnection, options: { role: 'client' | 'server'; identification: string; random: Random }, handlers: SshHandlers) {
    this.#connection = connection
    this.#role = options.role
    this.#handlers = handlers
    this.#chance = new Disguise(Uint8Array.from({ length: 4 }, () => options.random.uint32() & 255))
    this.#cookie = this.#chance.bytes(COOKIE)
    // before what has come already is looked at
    connection.send(encodeUtf8(`${options.identification}\r\n`))
    connection.handlers = {
      onData: (data) => this.receive(data),
      onDrain: () => handlers.onDrain?.(),
      onEnd: () => this.#ended(),
      onClose: (error) => this.#ended(error),
    }
  }

  /** Bytes that wait to be acknowledged. */
  get unsent(): number {
    return this.#connection.unsent
  }

  send(message: Uint8Array): void {
    if (!this.#over) this.#connection.send(sealPacket(message, this.#out))
  }

  /** Ends it after what is queued; nothing is told any more. */
  end(): void {
    if (this.#over) return
    this.#over = true
    this.#connection.end()
  }

  abort(): void {
    this.#over = true
    this.#connection.abort()
  }

  receive(data: Uint8Array): void {
    if (this.#over) return
    const rest = this.#greeting ? this.#greet(concatBytes([this.#greeting, data])) : data
    if (!rest) return
    this.#reader.push(rest)
    try {
      for (let payload = this.#reader.next(); payload !== undefined && !this.#over; payload = this.#reader.next()) {
        if (payload === 'bad') return this.#broken()
        this.#message(payload)
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#broken()
    }
  }

  /** What comes after the line that says SSH-2.0; before it a server may say other things, a client not. */
  #greet(heard: Uint8Array): Uint8Array | undefined {
    for (let from = 0, to = heard.indexOf(10); to >= 0; from = to + 1, to = heard.indexOf(10, from)) {
      const line = decodeUtf8(heard.subarray(from, to))
      if (/^SSH-(2\.0|1\.99)-/.test(line)) {
        this.#greeting = undefined
        this.send(kexInit(this.#role, this.#cookie))
        return heard.slice(to + 1)
      }
      if (this.#role === 'client') continue
      this.#connection.send(encodeUtf8('Invalid SSH identification string.\r\n'))
      return void this.#broken()
    }
    this.#greeting = heard
    if (heard.length > LONGEST_LINE) this.#broken()
    return undefined
  }

  #message(payload: Uint8Array): void {
    const fields = new SshReader(payload)
    const type = fields.u8()
    const random = (length: number): Uint8Array => this.#chance.bytes(length)
    switch (type) {
      case SSH.kexInit:
        this.#otherCookie = fields.take(COOKIE)
        if (this.#role === 'client') this.send(new SshWriter(SSH.kexEcdhInit).text(random(HALVES.client)).done())
        return
      case SSH.kexEcdhInit:
        if (this.#role === 'client') return this.#broken()
        this.send(new SshWriter(SSH.kexEcdhReply).text(ed25519(random(KEY_LENGTH))).text(random(HALVES.server)).text(ed25519(random(SIGNATURE_LENGTH))).done())
        return this.#newKeys()
      case SSH.kexEcdhReply:
        if (this.#role === 'server') return this.#broken()
        return this.#newKeys()
      case SSH.newKeys:
        if (!this.#out) return this.#broken()
        this.#reader.disguise = new Disguise(this.#otherCookie, this.#cookie)
        return this.#handlers.onReady()
      case SSH.disconnect:
        return this.#ended()
      default:
        // before there are keys nobody says anything else (RFC 4253 7.1)
        if (!this.#reader.disguise) return this.#broken()
        this.#handlers.onMessage(type, fields)
    }
  }

  #newKeys(): void {
    this.send(new SshWriter(SSH.newKeys).done())
    this.#out = new Disguise(this.#cookie, this.#otherCookie)
  }

  #broken(): void {
    if (this.#over) return
    this.end()
    this.#handlers.onOver()
  }

  #ended(error?: { code: string; message: string }): void {
    if (this.#over) return
    this.#over = true
    if (this.#connection.state !== 'CLOSED') this.#connection.end()
    this.#handlers.onOver(error)
  }
}
