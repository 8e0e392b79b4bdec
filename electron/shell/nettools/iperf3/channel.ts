import { anyOf, concatBytes, decodeUtf8, encodeUtf8, Signal, type Process, type Task, type TcpConnection } from '../../../engine/cluster.ts'
import { pause } from '../stream.ts'

/** Of iperf_api.h: what the two ends tell each other, one signed byte each. */
export const STATE = {
  TEST_START: 1, TEST_RUNNING: 2, TEST_END: 4, PARAM_EXCHANGE: 9, CREATE_STREAMS: 10, SERVER_TERMINATE: 11, CLIENT_TERMINATE: 12,
  EXCHANGE_RESULTS: 13, DISPLAY_RESULTS: 14, IPERF_DONE: 16, ACCESS_DENIED: -1, SERVER_ERROR: -2,
}
export const COOKIE_SIZE = 37

/** A connection of iperf3's: states, and JSON with its length before it in four bytes. */
export class Channel {
  readonly connection: TcpConnection
  over = false
  readonly #process: Process
  readonly #signal = new Signal()
  #received: Uint8Array = new Uint8Array(0)

  constructor(process: Process, connection: TcpConnection) {
    this.#process = process
    this.connection = connection
    const end = (): void => {
      this.over = true
      this.#signal.notify()
    }
    connection.handlers = {
      onData: (data) => {
        this.#received = concatBytes([this.#received, data])
        this.#signal.notify()
      },
      onEnd: end,
      onClose: end,
    }
  }

  get available(): number {
    return this.#received.length
  }

  /** Wakes when something happens here, at the latest after `ms`. */
  *changed(ms = Infinity): Task {
    yield ms === Infinity ? this.#signal.wait : anyOf(this.#signal.wait, pause(this.#process, ms))
  }

  wake(): void {
    this.#signal.notify()
  }

  /** The next `length` bytes; undefined when the other end has gone before them. */
  *take(length: number): Task<Uint8Array | undefined> {
    while (this.#received.length < length) {
      if (this.over) return undefined
      yield this.#signal.wait
    }
    const out = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    return out
  }

  *takeState(): Task<number | undefined> {
    const byte = yield* this.take(1)
    return byte && (byte[0]! << 24) >> 24
  }

  *takeJson<T>(): Task<T | undefined> {
    const head = yield* this.take(4)
    const body = head && (yield* this.take(new DataView(head.buffer, head.byteOffset).getUint32(0)))
    try {
      return body && (JSON.parse(decodeUtf8(body)) as T)
    } catch {
      return undefined
    }
  }

  send(data: Uint8Array): void {
    if (this.connection.state === 'ESTAB' || this.connection.state === 'CLOSE-WAIT') this.connection.send(data)
  }

  sendState(state: number): void {
    this.send(Uint8Array.of(state & 0xff))
  }

  sendJson(value: unknown): void {
    const body = encodeUtf8(JSON.stringify(value))
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, body.length)
    this.send(concatBytes([head, body]))
  }

  close(): void {
    this.connection.handlers = {}
    this.connection.end()
  }
}
