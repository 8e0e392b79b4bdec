import { concatBytes, encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import { byteRanges, contentRange } from '../http/ranges.ts'
import type { HttpRequest } from '../http/server.ts'
import { httpDate } from '../http/status.ts'

/** A file as it goes out: whole, a part of it (RFC 9110 14), or not at all because the client has it (ngx_http_not_modified_filter). */
export interface FilePart { status: 200 | 206 | 304 | 416; type: string; body: Uint8Array; contentRange?: string }

export function partOf(request: HttpRequest, body: Uint8Array, type: string, modified: number, etag: string): FilePart {
  const given = (name: string): string | undefined => headerOf(request.headers, name)
  const [none, since] = [given('if-none-match'), given('if-modified-since')]
  // if_modified_since exact
  if ((none !== undefined || since !== undefined) && (none === undefined || listed(none, etag)) && (since === undefined || since === httpDate(modified * 1000))) return { status: 304, type, body: new Uint8Array(0) }
  const onlyIf = given('if-range')
  const parts = onlyIf !== undefined && onlyIf !== etag && onlyIf !== httpDate(modified * 1000) ? undefined : byteRanges(given('range'), body.length)
  if (!parts) return { status: 200, type, body }
  if (typeof parts === 'string') return { status: 416, type, body: new Uint8Array(0), contentRange: `bytes */${body.length}` }
  if (parts.length === 1) return { status: 206, type, body: body.slice(parts[0]![0], parts[0]![1] + 1), contentRange: contentRange(parts[0]!, body.length) }
  // more than the whole in pieces is the whole
  if (parts.reduce((sum, [from, to]) => sum + to - from + 1, 0) > body.length) return { status: 200, type, body }
  const boundary = '1'.padStart(20, '0')
  const pieces = parts.flatMap((part) => [encodeUtf8(`\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(part, body.length)}\r\n\r\n`), body.slice(part[0], part[1] + 1)])
  return { status: 206, type: `multipart/byteranges; boundary=${boundary}`, body: concatBytes([...pieces, encodeUtf8(`\r\n--${boundary}--\r\n`)]) }
}

function listed(list: string, etag: string): boolean {
  return list.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
}

export function validators(modified: number, length: number): { lastModified: Headers[number]; etag: string } {
  return { lastModified: ['Last-Modified', httpDate(modified * 1000)], etag: `"${modified.toString(16)}-${length.toString(16)}"` }
}
