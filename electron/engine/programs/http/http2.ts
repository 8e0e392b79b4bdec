import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/**
 * As much of HTTP/2 (RFC 9113) as unary gRPC calls need: frames, and header blocks of literals that are never indexed
 * and never Huffman-coded (RFC 7541). Who speaks it here speaks to its like: the kubelet's gRPC probes and agnhost.
 */
export const PREFACE = encodeUtf8('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const

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

/** Collects bytes and gives whole frames. */
export class FrameReader {
  #rest: Uint8Array = EMPTY

  push(bytes: Uint8Array): Frame[] {
    this.#rest = this.#rest.length === 0 ? bytes : concatBytes([this.#rest, bytes])
    const out: Frame[] = []
    while (this.#rest.length >= 9) {
      const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, this.#rest.byteLength)
      const length = view.getUint32(0) >>> 8
      if (this.#rest.length < 9 + length) break
      out.push({ type: view.getUint8(3), flags: view.getUint8(4), stream: view.getUint32(5) & 0x7fffffff, payload: this.#rest.subarray(9, 9 + length) })
      this.#rest = this.#rest.subarray(9 + length)
    }
    return out
  }
}

/** An integer with a prefix of 7 bits (RFC 7541, 5.1). */
function encodeLength(length: number): number[] {
  if (length < 127) return [length]
  const out = [127]
  for (length -= 127; length >= 128; length >>= 7) out.push((length & 127) | 128)
  out.push(length)
  return out
}

export function encodeHeaders(headers: readonly (readonly [string, string])[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [name, value] of headers) {
    parts.push(Uint8Array.of(0x10))
    for (const text of [name, value]) {
      const bytes = encodeUtf8(text)
      parts.push(Uint8Array.from(encodeLength(bytes.length)), bytes)
    }
  }
  return concatBytes(parts)
}

/** Undefined for what only a whole HPACK decoder reads: tables and Huffman codes. */
export function decodeHeaders(block: Uint8Array): Map<string, string> | undefined {
  const out = new Map<string, string>()
  let at = 0
  const text = (): string | undefined => {
    const first = block[at++]
    if (first === undefined || first & 0x80) return undefined
    let length = first
    if (length === 127) {
      for (let shift = 0; ; shift += 7) {
        const byte = block[at++]
        if (byte === undefined) return undefined
        length += (byte & 127) << shift
        if (byte < 128) break
      }
    }
    at += length
    return decodeUtf8(block.subarray(at - length, at))
  }
  while (at < block.length) {
    const kind = block[at++]
    if (kind !== 0x10 && kind !== 0x00) return undefined
    const name = text()
    const value = text()
    if (name === undefined || value === undefined) return undefined
    out.set(name, value)
  }
  return out
}

/** A gRPC message: not compressed, its length, its bytes. */
export function encodeMessage(message: Uint8Array): Uint8Array {
  const head = new Uint8Array(5)
  new DataView(head.buffer).setUint32(1, message.length)
  return concatBytes([head, message])
}

/** grpc.health.v1: HealthCheckRequest{1: service} and HealthCheckResponse{1: status} in protobuf. */
export const HEALTH = {
  path: '/grpc.health.v1.Health/Check',
  statuses: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const,
  encodeRequest(service: string): Uint8Array {
    const name = encodeUtf8(service)
    return name.length === 0 ? EMPTY : concatBytes([Uint8Array.of(0x0a, name.length), name])
  },
  decodeRequest(message: Uint8Array): string {
    return message[0] === 0x0a ? decodeUtf8(message.subarray(2, 2 + (message[1] ?? 0))) : ''
  },
  encodeResponse: (status: number): Uint8Array => (status === 0 ? EMPTY : Uint8Array.of(0x08, status)),
  decodeResponse: (message: Uint8Array): number => (message[0] === 0x08 ? (message[1] ?? 0) : 0),
}
