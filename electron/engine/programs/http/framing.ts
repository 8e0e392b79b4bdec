import { concatBytes, encodeUtf8 } from '../../text.ts'
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
  return { chunked, close: !request.keepAlive || (!known && !chunked), body: chunked && request.method !== 'HEAD' ? inChunks(body) : body }
}

function inChunks(body: Uint8Array): Uint8Array {
  return body.length === 0 ? encodeUtf8('0\r\n\r\n') : concatBytes([encodeUtf8(`${body.length.toString(16)}\r\n`), body, encodeUtf8('\r\n0\r\n\r\n')])
}
