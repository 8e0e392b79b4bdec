import { connect, type TLSSocket } from 'node:tls'
import { createDeflate, createInflate, constants } from 'node:zlib'
import type { Served } from './served.samples.ts'
import { DICTIONARY } from './spdy-headers.ts'

/** The client's side of SPDY/3.1, as kubectl before v1.30 speaks it: header blocks, streams, data. */
export class SpdyClient {
  readonly status: number
  readonly head: string
  readonly #socket: TLSSocket
  readonly #deflate = createDeflate({ dictionary: DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  readonly #inflate = createInflate({ dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH })
  readonly streams = new Map<number, ClientStream>()
  closed = false
  #buffer: Buffer = Buffer.alloc(0)
  #next = 1
  #work: Promise<unknown> = Promise.resolve()

  private constructor(socket: TLSSocket, head: string, rest: Buffer) {
    this.#socket = socket
    this.head = head
    this.status = Number(head.split(' ')[1])
    this.#inflate.on('data', () => undefined)
    socket.on('data', (data: Buffer) => this.#receive(data)).on('close', () => (this.closed = true))
    this.#receive(rest)
  }

  static open(served: Served, target: string, protocol: string): Promise<SpdyClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: served.port, ca: served.ca }, () =>
        socket.write(`POST ${target} HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\nAuthorization: Bearer ${served.token}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\nContent-Length: 0\r\n\r\n`))
      let buffer = Buffer.alloc(0)
      const collect = (data: Buffer): void => {
        buffer = Buffer.concat([buffer, data])
        const end = buffer.indexOf('\r\n\r\n')
        if (end < 0) return
        socket.off('data', collect)
        resolve(new SpdyClient(socket, buffer.subarray(0, end).toString(), buffer.subarray(end + 4)))
      }
      socket.on('data', collect).on('error', reject)
    })
  }

  /** One after the other: header blocks are one stream of their own. */
  stream(headers: Record<string, string>): Promise<ClientStream> {
    const next = this.#work.then(() => this.#open(headers))
    this.#work = next
    return next
  }

  async #open(headers: Record<string, string>): Promise<ClientStream> {
    const id = this.#next
    this.#next += 2
    const stream = new ClientStream(this, id)
    this.streams.set(id, stream)
    const block = await this.#block(headers)
    const payload = Buffer.alloc(10)
    payload.writeUInt32BE(id, 0)
    this.#control(1, 0, Buffer.concat([payload, block]))
    return stream
  }

  /** Any frame, right or wrong. */
  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  data(id: number, data: Uint8Array, fin: boolean): void {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(id, 0)
    head.writeUInt32BE(data.length, 4)
    head[4] = fin ? 1 : 0
    this.#socket.write(Buffer.concat([head, data]))
  }

  tear(): void {
    this.#socket.destroy()
  }

  async #block(headers: Record<string, string>): Promise<Buffer> {
    const number = (n: number): Buffer => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(n)
      return bytes
    }
    const pairs = Object.entries(headers)
    const parts: Buffer[] = []
    const collect = (chunk: Buffer): void => void parts.push(chunk)
    this.#deflate.on('data', collect)
    const text = Buffer.concat([number(pairs.length), ...pairs.flatMap(([k, v]) => [number(k.length), Buffer.from(k), number(v.length), Buffer.from(v)])])
    await new Promise<void>((resolve) => this.#deflate.write(text, () => resolve()))
    this.#deflate.off('data', collect)
    return Buffer.concat(parts)
  }

  #control(type: number, flags: number, payload: Buffer): void {
    const head = Buffer.alloc(8)
    head.writeUInt16BE(0x8003, 0)
    head.writeUInt16BE(type, 2)
    head.writeUInt32BE(payload.length, 4)
    head[4] = flags
    this.#socket.write(Buffer.concat([head, payload]))
  }

  #receive(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data])
    while (this.#buffer.length >= 8) {
      const length = this.#buffer.readUIntBE(5, 3)
      if (this.#buffer.length < 8 + length) return
      const frame = this.#buffer.subarray(0, 8 + length)
      this.#buffer = this.#buffer.subarray(8 + length)
      this.#frame(frame)
    }
  }

  #frame(frame: Buffer): void {
    const first = frame.readUInt32BE(0)
    const fin = (frame[4]! & 1) === 1
    if (first >>> 31 === 0) return this.streams.get(first)?.receive(frame.subarray(8), fin)
    const type = first & 0xffff
    const id = frame.length >= 12 ? frame.readUInt32BE(8) & 0x7fffffff : 0
    if (type === 2) this.streams.get(id)!.replied = true
    else if (type === 3) this.streams.get(id)!.reset = true
  }
}

export class ClientStream {
  readonly id: number
  readonly #client: SpdyClient
  readonly #parts: Buffer[] = []
  size = 0
  replied = false
  ended = false
  reset = false

  constructor(client: SpdyClient, id: number) {
    this.#client = client
    this.id = id
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  get text(): string {
    return this.bytes.toString()
  }

  write(data: string | Uint8Array, fin = false): void {
    this.#client.data(this.id, typeof data === 'string' ? Buffer.from(data) : data, fin)
  }

  end(): void {
    this.write('', true)
  }

  receive(data: Buffer, fin: boolean): void {
    this.#parts.push(Buffer.from(data))
    this.size += data.length
    this.ended ||= fin
  }
}
