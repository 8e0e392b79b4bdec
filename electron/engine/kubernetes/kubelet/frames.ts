import type { Clock, Timer } from '../../clock.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'

/**
 * Several streams on one connection, as the API server and a kubelet hold them: the frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00,
 * 2.2), without its compressed headers. A stream is opened with a port, or by its first data where its number is known.
 */
export interface Frame {
  stream: number
  kind: 'data' | 'open' | 'reset'
  /** FIN: nothing more comes on this stream. */
  last: boolean
  data: Uint8Array
}

/** The streams of exec and attach, in the order in which client-go's remotecommand opens them. */
export const STREAM = { error: 1, stdin: 3, stdout: 5, stderr: 7, resize: 9 } as const

const HEAD = 8
const CONTROL = 0x80
const [SYN_STREAM, RST_STREAM, PING] = [1, 3, 6]
const FIN = 1
/** Larger data goes in several frames, so that streams take turns. */
const MOST = 16_384
const NOTHING = new Uint8Array(0)

export interface FrameHandlers {
  onFrame(frame: Frame): void
  /** The other side has ended the connection, or it broke; told once. */
  onOver(): void
}

/** One side of such a connection. */
export class FramedConnection {
  readonly #connection: TcpConnection
  #pings: { clock: Clock; timer: Timer; last: number } | undefined
  readonly #handlers: FrameHandlers
  #buffer: Uint8Array = NOTHING
  #over = false
  #drained: (() => void)[] = []

  /** Takes the connection's handlers. */
  constructor(connection: TcpConnection, handlers: FrameHandlers) {
    this.#connection = connection
    this.#handlers = handlers
    connection.handlers = {
      onData: (data) => this.receive(data),
      onEnd: () => this.#end(),
      onClose: () => this.#end(),
      onDrain: () => this.#drain(),
    }
  }

  /** Bytes that the other side has not acknowledged. */
  get unsent(): number {
    return this.#over ? 0 : this.#connection.unsent
  }

  get over(): boolean {
    return this.#over
  }

  /** Calls when there is room again, or nothing more can be sent. */
  onRoom(call: () => void): void {
    if (this.#over) call()
    else this.#drained.push(call)
  }

  open(stream: number, port: number): void {
    this.#control(SYN_STREAM, stream, Uint8Array.of(port >> 8, port & 255))
  }

  reset(stream: number): void {
    this.#control(RST_STREAM, stream, NOTHING)
  }

  data(stream: number, data: Uint8Array, last = false): void {
    for (let at = 0; at === 0 || at < data.length; at += MOST) {
      const part = data.subarray(at, at + MOST)
      const isLast = last && at + MOST >= data.length
      this.#send(concatBytes([head(stream), Uint8Array.of(isLast ? FIN : 0, part.length >> 16, (part.length >> 8) & 255, part.length & 255), part]))
    }
  }

  /**
   * The client's: asks every so many ms for an answer, so that there is always something to be acknowledged; nobody minds
   * whether it comes (sendPings of streaming/pkg/httpstream/spdy). It is TCP that gives up, after a quarter of an hour.
   */
  pingEvery(clock: Clock, period: number): void {
    const again = (): Timer => clock.schedule(period, () => {
      const pings = this.#pings!
      this.#control(PING, pings.last += 2, NOTHING)
      pings.timer = again()
    }, { background: true })
    this.#pings = { clock, timer: again(), last: -1 }
  }

  /** Ends it after what is queued; nothing is told any more. */
  end(): void {
    if (this.#over) return
    this.#over = true
    this.#stopPings()
    this.#connection.end()
    this.#drain()
  }

  receive(data: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? data : concatBytes([this.#buffer, data])
    while (!this.#over && this.#buffer.length >= HEAD) {
      const b = this.#buffer
      const length = (b[5]! << 16) | (b[6]! << 8) | b[7]!
      if (b.length < HEAD + length) return
      const body = b.slice(HEAD, HEAD + length)
      this.#buffer = b.subarray(HEAD + length)
      if (b[0] !== CONTROL) this.#handlers.onFrame({ kind: 'data', stream: number(b), last: (b[4]! & FIN) !== 0, data: body })
      else if (b[3] === PING) this.#answer(body)
      else this.#handlers.onFrame({ kind: b[3] === SYN_STREAM ? 'open' : 'reset', stream: number(body), last: false, data: body.subarray(4) })
    }
  }

  /** Of the other side's, which asks with odd numbers. */
  #answer(id: Uint8Array): void {
    if (!this.#pings) this.#control(PING, number(id), NOTHING)
  }

  #control(type: number, stream: number, data: Uint8Array): void {
    this.#send(concatBytes([Uint8Array.of(CONTROL, 3, 0, type, 0, 0, 0, 4 + data.length), head(stream), data]))
  }

  #send(bytes: Uint8Array): void {
    if (this.#over || this.#connection.state === 'CLOSED' || this.#connection.state === 'TIME-WAIT') return
    this.#connection.send(bytes)
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#stopPings()
    if (this.#connection.state !== 'CLOSED') this.#connection.end()
    this.#drain()
    this.#handlers.onOver()
  }

  #stopPings(): void {
    if (this.#pings) this.#pings.clock.cancel(this.#pings.timer)
    this.#pings = undefined
  }

  #drain(): void {
    for (const call of this.#drained.splice(0)) call()
  }
}

function head(stream: number): Uint8Array {
  return Uint8Array.of((stream >>> 24) & 127, (stream >>> 16) & 255, (stream >>> 8) & 255, stream & 255)
}

function number(bytes: Uint8Array): number {
  return ((bytes[0]! & 127) << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!
}
