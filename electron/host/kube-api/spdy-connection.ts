import type { Duplex } from 'node:stream'
import { HeaderCodec, type HeaderBlock } from './spdy-headers.ts'

/**
 * The server's side of a SPDY/3.1 connection (draft-mbelshe-httpbis-spdy-00), as far as Kubernetes uses it: streams
 * that the client opens, data both ways, half-closing, resetting, pings. Neither side of Kubernetes' own library keeps
 * the windows of flow control, so neither does this one; the socket's own holds back.
 */
const CONTROL = { SYN_STREAM: 1, SYN_REPLY: 2, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, HEADERS: 8, WINDOW_UPDATE: 9 } as const
const FIN = 1
const CANCEL = 5
/** The longest frame that is taken, in bytes, and the longest that is sent. */
const MAX_FRAME = 16 * 1024 * 1024
const MAX_DATA = 64 * 1024
/** Streams at one time. */
const MAX_STREAMS = 1000
/** A client that does not read is cut off, in bytes. */
const UNREAD = 64 * 1024 * 1024

export interface SpdyStream {
  readonly id: number
  header(name: string): string | undefined
  write(data: Uint8Array): void
  /** Sends no more. */
  end(): void
  reset(): void
  onData: (data: Uint8Array) => void
  onEnd: () => void
  /** Reset by the client, or the connection is over. */
  onReset: () => void
}

export interface SpdyHandlers {
  onStream(stream: SpdyStream): void
  onClose(): void
}

export class SpdyConnection {
  readonly #socket: Duplex
  readonly #handlers: SpdyHandlers
  readonly #codec = new HeaderCodec()
  readonly #streams = new Map<number, Stream>()
  #buffer: Buffer = Buffer.alloc(0)
  /** Frames are worked on one after the other: header blocks take a moment. */
  #work: Promise<void> = Promise.resolve()
  #closed = false

  constructor(socket: Duplex, handlers: SpdyHandlers) {
    this.#socket = socket
    this.#handlers = handlers
    socket.on('data', (data: Buffer) => this.#receive(data))
    socket.on('error', () => this.close())
    socket.on('close', () => this.close())
    socket.on('end', () => this.close())
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const stream of this.#streams.values()) stream.onReset()
    this.#streams.clear()
    this.#codec.close()
    // what was sent is to arrive
    this.#socket.end(() => this.#socket.destroy())
    this.#handlers.onClose()
  }

  /** The client is to read what was sent, and then to go. */
  finish(): void {
    if (this.#closed) return
    const payload = Buffer.alloc(8)
    payload.writeUInt32BE(Math.max(0, ...this.#streams.keys()), 0)
    this.#control(CONTROL.GOAWAY, 0, payload)
  }

  sendData(id: number, data: Uint8Array, fin: boolean): void {
    if (this.#closed) return
    let at = 0
    do {
      const chunk = data.subarray(at, at + MAX_DATA)
      at += chunk.length
      const head = Buffer.alloc(8)
      head.writeUInt32BE(id, 0)
      head.writeUInt32BE(chunk.length, 4)
      head[4] = fin && at >= data.length ? FIN : 0
      this.#socket.write(Buffer.concat([head, chunk]))
    } while (at < data.length)
    if (this.#socket.writableLength > UNREAD) this.#socket.destroy()
  }

  sendReset(id: number): void {
    const payload = Buffer.alloc(8)
    payload.writeUInt32BE(id, 0)
    payload.writeUInt32BE(CANCEL, 4)
    this.#control(CONTROL.RST_STREAM, 0, payload)
  }

  forget(id: number): void {
    this.#streams.delete(id)
  }

  #receive(data: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data])
    while (this.#buffer.length >= 8) {
      const length = this.#buffer.readUIntBE(5, 3)
      if (length > MAX_FRAME) return this.close()
      if (this.#buffer.length < 8 + length) return
      const frame = this.#buffer.subarray(0, 8 + length)
      this.#buffer = this.#buffer.subarray(8 + length)
      this.#work = this.#work.then(() => (this.#closed ? undefined : this.#frame(frame))).catch(() => this.close())
    }
  }

  async #frame(frame: Buffer): Promise<void> {
    const first = frame.readUInt32BE(0)
    const flags = frame[4]!
    const payload = frame.subarray(8)
    if (first >>> 31 === 0) return this.#data(first, flags, payload)
    switch (first & 0xffff) {
      case CONTROL.SYN_STREAM: return await this.#open(payload.readUInt32BE(0) & 0x7fffffff, flags, await this.#codec.decode(payload.subarray(10)))
      case CONTROL.HEADERS: return void (await this.#codec.decode(payload.subarray(4)))
      case CONTROL.RST_STREAM: {
        const id = payload.readUInt32BE(0) & 0x7fffffff
        const stream = this.#streams.get(id)
        this.#streams.delete(id)
        return stream?.onReset()
      }
      case CONTROL.PING: return this.#control(CONTROL.PING, 0, payload)
      case CONTROL.GOAWAY:
      case CONTROL.SETTINGS:
      case CONTROL.WINDOW_UPDATE:
      default:
    }
  }

  #data(id: number, flags: number, data: Buffer): void {
    const stream = this.#streams.get(id)
    if (!stream) return
    if (data.length > 0) stream.onData(new Uint8Array(data))
    if (flags & FIN) stream.received()
  }

  async #open(id: number, flags: number, headers: HeaderBlock): Promise<void> {
    if (this.#streams.size >= MAX_STREAMS || this.#streams.has(id)) return this.sendReset(id)
    const stream = new Stream(this, id, headers)
    this.#streams.set(id, stream)
    const head = Buffer.alloc(4)
    head.writeUInt32BE(id)
    this.#control(CONTROL.SYN_REPLY, 0, Buffer.concat([head, await this.#codec.encode([])]))
    this.#handlers.onStream(stream)
    if (flags & FIN) stream.received()
  }

  #control(type: number, flags: number, payload: Buffer): void {
    if (this.#closed) return
    const head = Buffer.alloc(8)
    head.writeUInt16BE(0x8003, 0)
    head.writeUInt16BE(type, 2)
    head.writeUInt32BE(payload.length, 4)
    head[4] = flags
    this.#socket.write(Buffer.concat([head, payload]))
  }
}

class Stream implements SpdyStream {
  readonly id: number
  readonly #connection: SpdyConnection
  readonly #headers: HeaderBlock
  #sent = false
  #received = false
  onData: (data: Uint8Array) => void = () => undefined
  onEnd: () => void = () => undefined
  onReset: () => void = () => undefined

  constructor(connection: SpdyConnection, id: number, headers: HeaderBlock) {
    this.#connection = connection
    this.id = id
    this.#headers = headers
  }

  header(name: string): string | undefined {
    return this.#headers.find(([n]) => n.toLowerCase() === name.toLowerCase())?.[1]
  }

  write(data: Uint8Array): void {
    if (!this.#sent) this.#connection.sendData(this.id, data, false)
  }

  end(): void {
    if (this.#sent) return
    this.#sent = true
    this.#connection.sendData(this.id, new Uint8Array(0), true)
    this.#settle()
  }

  reset(): void {
    this.#connection.sendReset(this.id)
    this.#connection.forget(this.id)
  }

  received(): void {
    if (this.#received) return
    this.#received = true
    this.onEnd()
    this.#settle()
  }

  #settle(): void {
    if (this.#sent && this.#received) this.#connection.forget(this.id)
  }
}
