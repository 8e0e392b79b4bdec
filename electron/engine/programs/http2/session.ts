import type { Headers } from '../http/message.ts'
import { concatBytes } from '../../text.ts'
import { decodeSettings, encodeFrame, encodeNumbers, encodeSettings, ERROR, FLAG, FRAME, FRAME_SIZE, FrameReader, PREFACE, readNumber, SETTING, type Frame, type Settings } from './frames.ts'
import { HpackDecoder, HpackEncoder, HpackError } from './hpack.ts'

/** Flow control's first windows (RFC 9113 6.9.2). */
const WINDOW = 65_535
const MOST_HEADERS = 65_536

export interface StreamHandlers {
  /** `last`: nothing follows. Called again for trailers. */
  onHeaders?(headers: Headers, last: boolean): void
  onData?(data: Uint8Array, last: boolean): void
  /** RST_STREAM, or the connection's end, with an error of RFC 9113 7. */
  onReset?(error: number): void
}

export interface SessionOptions {
  client: boolean
  send(bytes: Uint8Array): void
  settings?: Settings
  /** How much more than 65,535 bytes the connection takes before it is told again (a first WINDOW_UPDATE). */
  window?: number
  /** A server's: somebody asks. */
  onStream?(stream: Http2Stream): void
  /** The other side ends it, or has broken the protocol (`sent`: this side says so): no more after it. */
  onGoAway?(error: number, sent: boolean): void
  onSettings?(settings: Settings): void
  /** A {@link Http2Session.ping} is answered. */
  onPong?(): void
}

/** A block of headers whose end has not come. */
interface HeaderBlock { stream: number; flags: number; parts: Uint8Array[] }

/** One HTTP/2 connection (RFC 9113): streams, header compression and flow control; no push, no priorities. */
export class Http2Session {
  readonly #options: SessionOptions
  readonly #reader = new FrameReader()
  readonly #encoder = new HpackEncoder()
  readonly #decoder = new HpackDecoder()
  readonly #streams = new Map<number, Http2Stream>()
  #preface: Uint8Array
  #next: number
  #highest = 0
  #over = false
  #heard = false
  /** Bytes of data that the other side has not been given back yet. */
  #taken = 0
  readonly #ownWindow: number
  #sendWindow = WINDOW
  #streamWindow = WINDOW
  #frameSize = FRAME_SIZE
  #headerBlock: HeaderBlock | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#preface = options.client ? new Uint8Array(0) : PREFACE
    this.#next = options.client ? 1 : 2
    const { settings = [], window } = options
    this.#ownWindow = settings.find(([setting]) => setting === SETTING.initialWindowSize)?.[1] ?? WINDOW
    options.send(concatBytes([
      ...(options.client ? [PREFACE] : []), encodeFrame(FRAME.settings, 0, 0, encodeSettings(settings)), ...(window === undefined ? [] : [encodeFrame(FRAME.windowUpdate, 0, 0, encodeNumbers(window))]),
    ]))
  }

  /** The other side has not said anything yet. */
  get fresh(): boolean {
    return !this.#heard
  }

  /** It takes and sends nothing more. */
  get over(): boolean {
    return this.#over
  }

  /** The number that the next own stream gets. */
  get next(): number {
    return this.#next
  }

  /** Asks: a client's. */
  open(headers: Headers, last: boolean, handlers: StreamHandlers): Http2Stream {
    const stream = new Http2Stream(this, this.#next, this.#streamWindow)
    this.#next += 2
    stream.handlers = handlers
    this.#streams.set(stream.id, stream)
    stream.headers(headers, last)
    return stream
  }

  receive(bytes: Uint8Array): void {
    if (this.#over) return
    this.#heard = true
    if (this.#preface.length > 0) {
      const count = Math.min(this.#preface.length, bytes.length)
      if (!bytes.subarray(0, count).every((byte, i) => byte === this.#preface[i])) return this.fail(ERROR.protocol)
      this.#preface = this.#preface.subarray(count)
      bytes = bytes.subarray(count)
    }
    const frames = this.#reader.push(bytes)
    if (frames === 'too long') return this.fail(ERROR.frameSize)
    for (const frame of frames) if (!this.#over) this.#take(frame)
  }

  /** Asks whether the other side is there, with eight bytes of the asker's (RFC 9113 6.7). */
  ping(payload: Uint8Array): void {
    if (!this.#over) this.#options.send(encodeFrame(FRAME.ping, 0, 0, payload))
  }

  /** Says goodbye; what is being answered is answered. */
  goAway(error: number = ERROR.none): void {
    if (!this.#over) this.#options.send(encodeFrame(FRAME.goAway, 0, 0, encodeNumbers(this.#highest, error)))
  }

  /** The connection is gone. */
  close(error: number = ERROR.cancel): void {
    this.#over = true
    for (const stream of [...this.#streams.values()]) this.#reset(stream, error)
  }

  fail(error: number): void {
    this.goAway(error)
    this.#over = true
    this.#options.onGoAway?.(error, true)
    this.close(error)
  }

  // ---- of streams ----------------------------------------------------------------------------------------------

  write(stream: number, headers: Headers, last: boolean): void {
    if (this.#over) return
    const block = this.#encoder.encode(headers)
    const parts = [...pieces(block, this.#frameSize)]
    this.#options.send(concatBytes(parts.map((part, i) => encodeFrame(i === 0 ? FRAME.headers : FRAME.continuation, (i === 0 && last ? FLAG.endStream : 0) | (i === parts.length - 1 ? FLAG.endHeaders : 0), stream, part))))
  }

  /** As much as both windows let through; the number of bytes. */
  writeData(stream: number, window: number, data: Uint8Array, last: boolean): number {
    if (this.#over) return data.length
    const count = Math.max(0, Math.min(data.length, window, this.#sendWindow))
    if (count < data.length && count === 0) return 0
    const parts = [...pieces(data.subarray(0, count), this.#frameSize)]
    this.#sendWindow -= count
    this.#options.send(concatBytes(parts.map((part, i) => encodeFrame(FRAME.data, last && count === data.length && i === parts.length - 1 ? FLAG.endStream : 0, stream, part))))
    return count
  }

  writeReset(stream: number, error: number): void {
    if (!this.#over) this.#options.send(encodeFrame(FRAME.reset, 0, stream, encodeNumbers(error)))
    this.#streams.delete(stream)
  }

  forget(stream: number): void {
    this.#streams.delete(stream)
  }

  // ---- frames --------------------------------------------------------------------------------------------------

  #take(frame: Frame): void {
    const { type, flags, stream: id, payload } = frame
    if (this.#headerBlock && (type !== FRAME.continuation || id !== this.#headerBlock.stream)) return this.fail(ERROR.protocol)
    switch (type) {
      case FRAME.settings: return this.#settings(flags, payload)
      case FRAME.ping:
        if (flags & FLAG.ack) this.#options.onPong?.()
        else this.#options.send(encodeFrame(FRAME.ping, FLAG.ack, 0, payload))
        return
      case FRAME.goAway: {
        const error = readNumber(payload, 4)
        const highest = readNumber(payload) & 0x7fff_ffff
        this.#options.onGoAway?.(error, false)
        for (const stream of [...this.#streams.values()]) if (this.#options.client && stream.id > highest) this.#reset(stream, error)
        return
      }
      case FRAME.windowUpdate: return this.#windowUpdate(id, readNumber(payload) & 0x7fff_ffff)
      case FRAME.reset: {
        const stream = this.#streams.get(id)
        if (stream) this.#reset(stream, readNumber(payload))
        return
      }
      case FRAME.headers: {
        if (id === 0) return this.fail(ERROR.protocol)
        const padding = flags & FLAG.padded ? (payload[0] ?? 0) + 1 : 0
        const start = (flags & FLAG.padded ? 1 : 0) + (flags & FLAG.priority ? 5 : 0)
        const part = payload.slice(start, payload.length - Math.max(0, padding - 1))
        if (start + Math.max(0, padding - 1) > payload.length) return this.fail(ERROR.protocol)
        return this.#block({ stream: id, flags, parts: [part] }, (flags & FLAG.endHeaders) !== 0)
      }
      case FRAME.continuation:
        if (!this.#headerBlock) return this.fail(ERROR.protocol)
        this.#headerBlock.parts.push(payload.slice())
        return this.#block(this.#headerBlock, (flags & FLAG.endHeaders) !== 0)
      case FRAME.data: return this.#data(id, flags, payload)
      case FRAME.pushPromise: return this.fail(ERROR.protocol)
      default:
        // priorities, and what is not known, are left aside
    }
  }

  #settings(flags: number, payload: Uint8Array): void {
    if (flags & FLAG.ack) return
    if (payload.length % 6 !== 0) return this.fail(ERROR.frameSize)
    const settings = decodeSettings(payload)
    for (const [setting, value] of settings) {
      if (setting === SETTING.initialWindowSize) {
        if (value > 0x7fff_ffff) return this.fail(ERROR.flowControl)
        for (const stream of this.#streams.values()) stream.widen(value - this.#streamWindow)
        this.#streamWindow = value
      } else if (setting === SETTING.maxFrameSize) this.#frameSize = Math.max(FRAME_SIZE, Math.min(value, 0xff_ffff))
    }
    this.#options.send(encodeFrame(FRAME.settings, FLAG.ack, 0))
    this.#options.onSettings?.(settings)
  }

  #windowUpdate(id: number, more: number): void {
    if (id === 0) {
      if (more === 0) return this.fail(ERROR.protocol)
      this.#sendWindow += more
      if (this.#sendWindow > 0x7fff_ffff) return this.fail(ERROR.flowControl)
      for (const stream of [...this.#streams.values()]) stream.widen(0)
    } else this.#streams.get(id)?.widen(more)
  }

  #block(block: HeaderBlock, whole: boolean): void {
    if (block.parts.reduce((n, part) => n + part.length, 0) > MOST_HEADERS) return this.fail(ERROR.protocol)
    this.#headerBlock = whole ? undefined : block
    if (!whole) return
    let headers: Headers
    try {
      headers = this.#decoder.decode(concatBytes(block.parts))
    } catch (error) {
      if (!(error instanceof HpackError)) throw error
      return this.fail(ERROR.compression)
    }
    const last = (block.flags & FLAG.endStream) !== 0
    let stream = this.#streams.get(block.stream)
    if (!stream) {
      // an answer to what was given up
      if (this.#options.client || block.stream <= this.#highest) return
      if (block.stream % 2 === 0) return this.fail(ERROR.protocol)
      this.#highest = block.stream
      stream = new Http2Stream(this, block.stream, this.#streamWindow)
      this.#streams.set(stream.id, stream)
      this.#options.onStream?.(stream)
    }
    if (last) stream.ended()
    stream.handlers.onHeaders?.(headers, last)
  }

  #data(id: number, flags: number, payload: Uint8Array): void {
    if (id === 0) return this.fail(ERROR.protocol)
    const padding = flags & FLAG.padded ? (payload[0] ?? 0) : 0
    if (padding >= payload.length && padding > 0) return this.fail(ERROR.protocol)
    const last = (flags & FLAG.endStream) !== 0
    const stream = this.#streams.get(id)
    // given back when half of a window is used up, as nghttp2 does
    this.#taken += payload.length
    if (this.#taken * 2 > WINDOW + (this.#options.window ?? 0)) {
      this.#options.send(encodeFrame(FRAME.windowUpdate, 0, 0, encodeNumbers(this.#taken)))
      this.#taken = 0
    }
    if (stream && !last) {
      stream.taken += payload.length
      if (stream.taken * 2 > this.#ownWindow) {
        this.#options.send(encodeFrame(FRAME.windowUpdate, 0, id, encodeNumbers(stream.taken)))
        stream.taken = 0
      }
    }
    if (!stream) return
    if (last) stream.ended()
    stream.handlers.onData?.(payload.slice(flags & FLAG.padded ? 1 : 0, payload.length - padding), last)
  }

  #reset(stream: Http2Stream, error: number): void {
    this.#streams.delete(stream.id)
    stream.handlers.onReset?.(error)
  }
}

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  if (bytes.length === 0) yield bytes
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** One request and its answer. */
export class Http2Stream {
  readonly id: number
  handlers: StreamHandlers = {}
  /** Of the session alone. */
  taken = 0
  readonly #session: Http2Session
  #window: number
  #waiting: { data: Uint8Array; last: boolean }[] = []
  /** What comes after the data that wait. */
  #trailers: Headers | undefined
  #theirsEnded = false
  #oursEnded = false

  constructor(session: Http2Session, id: number, window: number) {
    this.#session = session
    this.id = id
    this.#window = window
  }

  headers(headers: Headers, last: boolean): void {
    if (last && this.#waiting.length > 0) {
      this.#trailers = headers
      return
    }
    this.#session.write(this.id, headers, last)
    if (last) this.#end()
  }

  data(data: Uint8Array, last: boolean): void {
    this.#waiting.push({ data, last })
    this.widen(0)
  }

  reset(error: number = ERROR.cancel): void {
    this.#waiting = []
    this.#session.writeReset(this.id, error)
  }

  /** The window for what goes out has grown by so many bytes. */
  widen(more: number): void {
    this.#window += more
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const count = this.#session.writeData(this.id, this.#window, next.data, next.last)
      this.#window -= count
      if (count < next.data.length) {
        next.data = next.data.subarray(count)
        return
      }
      this.#waiting.shift()
      if (next.last) this.#end()
    }
    const trailers = this.#trailers
    this.#trailers = undefined
    if (trailers) this.headers(trailers, true)
  }

  ended(): void {
    this.#theirsEnded = true
    if (this.#oursEnded) this.#session.forget(this.id)
  }

  #end(): void {
    this.#oursEnded = true
    if (this.#theirsEnded) this.#session.forget(this.id)
  }
}
