import { concatBytes, encodeUtf8 } from '../../text.ts'

/** HTTP/2's frames (RFC 9113 4.1 and 6). */
export const PREFACE = encodeUtf8('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const FRAME = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, pushPromise: 5, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 } as const
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const
export const SETTING = { headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6 } as const
/** RFC 9113 7. */
export const ERROR = { none: 0, protocol: 1, internal: 2, flowControl: 3, streamClosed: 5, frameSize: 6, refusedStream: 7, cancel: 8, compression: 9 } as const

/** Longer frames than this nobody here allows the other side. */
export const FRAME_SIZE = 16_384

export interface Frame { type: number; flags: number; stream: number; payload: Uint8Array }

const EMPTY = new Uint8Array(0)

export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array = EMPTY): Uint8Array {
  const head = new Uint8Array(9)
  const view = new DataView(head.buffer)
  view.setUint32(0, payload.length << 8)
  view.setUint8(3, type)
  view.setUint8(4, flags)
  view.setUint32(5, stream)
  return concatBytes([head, payload])
}

export function encodeNumbers(...numbers: readonly number[]): Uint8Array {
  const out = new Uint8Array(numbers.length * 4)
  const view = new DataView(out.buffer)
  numbers.forEach((n, i) => view.setUint32(i * 4, n))
  return out
}

export type Settings = readonly (readonly [setting: number, value: number])[]

export function encodeSettings(settings: Settings): Uint8Array {
  const out = new Uint8Array(settings.length * 6)
  const view = new DataView(out.buffer)
  settings.forEach(([setting, value], i) => {
    view.setUint16(i * 6, setting)
    view.setUint32(i * 6 + 2, value)
  })
  return out
}

export function decodeSettings(payload: Uint8Array): Settings {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return Array.from({ length: Math.floor(payload.length / 6) }, (_, i) => [view.getUint16(i * 6), view.getUint32(i * 6 + 2)] as const)
}

export function readNumber(payload: Uint8Array, at = 0): number {
  return payload.length < at + 4 ? 0 : new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(at)
}

/** Collects bytes and gives whole frames. */
export class FrameReader {
  #rest: Uint8Array = EMPTY

  /** "too long": a frame that nobody may send. */
  push(bytes: Uint8Array): Frame[] | 'too long' {
    this.#rest = this.#rest.length === 0 ? bytes : concatBytes([this.#rest, bytes])
    const out: Frame[] = []
    while (this.#rest.length >= 9) {
      const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, this.#rest.byteLength)
      const length = view.getUint32(0) >>> 8
      if (length > FRAME_SIZE) return 'too long'
      if (this.#rest.length < 9 + length) break
      out.push({ type: view.getUint8(3), flags: view.getUint8(4), stream: view.getUint32(5) & 0x7fffffff, payload: this.#rest.subarray(9, 9 + length) })
      this.#rest = this.#rest.subarray(9 + length)
    }
    return out
  }
}
