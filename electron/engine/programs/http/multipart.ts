import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { headerOf } from './message.ts'
import type { HttpRequest } from './server.ts'

/** A part of multipart/form-data (RFC 7578). */
export interface FormPart {
  name: string
  /** The file's name, where it is one. */
  file: string | undefined
  data: Uint8Array
}

/** The parts of a request's body; undefined when it is no such form. Without a boundary there are none. */
export function multipart({ headers, body }: Pick<HttpRequest, 'headers' | 'body'>): FormPart[] | undefined {
  const type = headerOf(headers, 'content-type') ?? ''
  if (!/^multipart\/form-data\b/i.test(type)) return undefined
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type)
  if (!boundary) return []
  const mark = encodeUtf8(`--${boundary[1] ?? boundary[2]!}`)
  const parts: FormPart[] = []
  for (let at = find(body, mark, 0); at >= 0;) {
    const next = find(body, mark, at + mark.length)
    if (next < 0) break
    const part = body.subarray(at + mark.length + 2, next - 2)
    const end = find(part, encodeUtf8('\r\n\r\n'), 0)
    const disposition = end < 0 ? undefined : /^content-disposition:(.*)$/im.exec(decodeUtf8(part.subarray(0, end)))?.[1]
    const of = (word: string): string | undefined => {
      const found = new RegExp(`;\\s*${word}=(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(disposition ?? '')
      return found ? (found[1] ?? found[2]) : undefined
    }
    const name = of('name')
    if (name !== undefined) parts.push({ name, file: of('filename'), data: part.slice(end + 4) })
    at = next
  }
  return parts
}

function find(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) if (wanted.every((byte, i) => bytes[at + i] === byte)) return at
  return -1
}
