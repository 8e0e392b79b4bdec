import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { headerOf, type ResponseHead } from './message.ts'
import type { HttpRequest } from './server.ts'

/** How a proxy ends an answer that it passes on (RFC 9112 6.3). */
export interface Framing {
  /** "Transfer-Encoding: chunked" belongs to it: its length was not said. */
  chunked: boolean
  /** The connection ends with it. */
  close: boolean
  body: Uint8Array
}

export function framing(request: HttpRequest, head: ResponseHead, body: Uint8Array): Framing {
  const known = headerOf(head.headers, 'content-length') !== undefined || head.status === 204 || head.status === 304
  const chunked = !known && request.version === '1.1'
  return { chunked, close: !request.keepAlive || (!known && request.version === '1.0'), body: chunked && request.method !== 'HEAD' ? inChunks(body) : body }
}

/** The other way, for who speaks HTTP/2: its frames do what chunks did. */
export function outOfChunks(body: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < body.length;) {
    const end = body.indexOf(10, at)
    const size = end < 0 ? 0 : Number.parseInt(decodeUtf8(body.subarray(at, end)), 16)
    if (!(size > 0)) break
    parts.push(body.subarray(end + 1, end + 1 + size))
    at = end + 1 + size + 2
  }
  return concatBytes(parts)
}

function inChunks(body: Uint8Array): Uint8Array {
  return body.length === 0 ? encodeUtf8('0\r\n\r\n') : concatBytes([encodeUtf8(`${body.length.toString(16)}\r\n`), body, encodeUtf8('\r\n0\r\n\r\n')])
}
