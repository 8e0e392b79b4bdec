import { encodeBase64 } from '../../kubernetes/base64.ts'
import { sha1 } from '../../sha1.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from './message.ts'

/** WebSocket (RFC 6455): the handshake's answer, and frames of both sides. No extensions. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** The value of Sec-WebSocket-Accept for a key. */
export function acceptKey(key: string): string {
  return encodeBase64(sha1(encodeUtf8(key + GUID)))
}

/** The key of a request that asks for WebSocket; undefined when it is none. */
export function websocketKey(headers: Headers): string | undefined {
  const has = (name: string, word: string): boolean => (headerOf(headers, name) ?? '').toLowerCase().split(',').some((w) => w.trim() === word)
  return has('connection', 'upgrade') && has('upgrade', 'websocket') && headerOf(headers, 'sec-websocket-version') === '13' ? headerOf(headers, 'sec-websocket-key') : undefined
}

/** A client masks its frames with four bytes, a server does not. */
export function encodeFrame(opcode: number, data: Uint8Array, mask?: Uint8Array): Uint8Array {
  const n = data.length
  const bit = mask ? 0x80 : 0
  const length = n < 126 ? [bit | n] : n < 65_536 ? [bit | 126, n >> 8, n & 255] : [bit | 127, 0, 0, 0, 0, (n >>> 24) & 255, (n >> 16) & 255, (n >> 8) & 255, n & 255]
  return concatBytes([Uint8Array.of(0x80 | opcode, ...length), ...(mask ? [mask, data.map((b, i) => b ^ mask[i & 3]!)] : [data])])
}

export interface Message { opcode: number; data: Uint8Array }

/** Puts messages together from the bytes of a connection. */
export class FrameReader {
  #buffer: Uint8Array = new Uint8Array(0)
  #parts: Uint8Array[] = []
  #opcode: number = OPCODE.text

  push(bytes: Uint8Array): Message[] {
    this.#buffer = concatBytes([this.#buffer, bytes])
    const out: Message[] = []
    for (let frame = this.#frame(); frame; frame = this.#frame()) {
      if (frame.opcode >= OPCODE.close) {
        out.push({ opcode: frame.opcode, data: frame.data })
        continue
      }
      if (frame.opcode !== OPCODE.continuation) this.#opcode = frame.opcode
      this.#parts.push(frame.data)
      if (frame.final) out.push({ opcode: this.#opcode, data: concatBytes(this.#parts.splice(0)) })
    }
    return out
  }

  #frame(): { final: boolean; opcode: number; data: Uint8Array } | undefined {
    const b = this.#buffer
    if (b.length < 2) return undefined
    let at = 2
    let length = b[1]! & 127
    if (length >= 126) {
      const width = length === 126 ? 2 : 8
      if (b.length < 2 + width) return undefined
      length = 0
      for (let i = 0; i < width; i++) length = length * 256 + b[at++]!
    }
    const mask = b[1]! & 128 ? b.slice(at, at + 4) : undefined
    if (mask) at += 4
    if (b.length < at + length) return undefined
    const data = b.slice(at, at + length)
    this.#buffer = b.subarray(at + length)
    return { final: (b[0]! & 128) !== 0, opcode: b[0]! & 15, data: mask ? data.map((byte, i) => byte ^ mask[i & 3]!) : data }
  }
}

/** A server that sends every message back; on a connection after 101. */
export function echoMessages(connection: TcpConnection): void {
  const reader = new FrameReader()
  connection.handlers = {
    onData: (bytes) => {
      for (const { opcode, data } of reader.push(bytes)) {
        connection.send(encodeFrame(opcode === OPCODE.ping ? OPCODE.pong : opcode, data))
        if (opcode === OPCODE.close) connection.end()
      }
    },
    onEnd: () => connection.end(),
  }
}
