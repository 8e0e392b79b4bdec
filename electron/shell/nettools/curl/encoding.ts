import { decodeGzip, decodeZlib, headerOf, InflateError, type ResponseHead } from '../../../engine/cluster.ts'
import type { CurlError } from './transfer.ts'

/** What --compressed makes of a body (lib/content_encoding.c): gzip and deflate; undefined: it is not encoded. */
export function decoderOf(head: ResponseHead): ((body: Uint8Array) => Uint8Array | CurlError) | CurlError | undefined {
  const encoding = (headerOf(head.headers, 'content-encoding') ?? '').trim().toLowerCase()
  if (encoding === '' || encoding === 'identity' || encoding === 'none') return undefined
  const decode = /^(x-)?gzip$/.test(encoding) ? decodeGzip : encoding === 'deflate' ? decodeZlib : undefined
  if (!decode) {
    if (/^(br|zstd)\b/.test(encoding) || encoding.includes(',')) return { code: 69, text: `podhop: not simulated: curl --compressed with Content-Encoding ${encoding} (gzip and deflate are)` }
    return { code: 61, text: 'Unrecognized content encoding type. libcurl understands deflate, gzip, br, zstd content encodings.' }
  }
  return (body) => {
    try {
      return body.length === 0 ? body : decode(body)
    } catch (error) {
      if (!(error instanceof InflateError)) throw error
      return { code: 61, text: `Error while processing content unencoding: ${error.message}` }
    }
  }
}
