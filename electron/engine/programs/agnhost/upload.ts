import type { Process } from '../../machine/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { goJson, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { GoLog } from './log.ts'

/** netexec's /upload: the form's part "file" becomes a file below /uploads (test/images/agnhost/netexec/netexec.go). */
const DIRECTORY = '/uploads'

export function upload({ fs, clock }: Process, log: GoLog, request: HttpRequest): GoAnswer {
  const file = formFile(request)
  if ('error' in file) {
    log.print(`Unable to upload file: ${file.error}`)
    return { body: goJson({ error: 'Unable to upload file.' }) }
  }
  fs.makeDirectory(DIRECTORY, { parents: true })
  const path = `${DIRECTORY}/upload${clock.random.fork(`upload ${clock.now}`).below(4_000_000_000)}`
  fs.writeFile(path, file.data)
  fs.chmod(path, 0o700)
  log.print(`Wrote upload to ${path}`)
  return { status: 201, body: goJson({ output: path }) }
}

/** http.Request.FormFile("file"). */
function formFile(request: HttpRequest): { data: Uint8Array } | { error: string } {
  const type = headerOf(request.headers, 'content-type') ?? ''
  if (!/^multipart\/form-data\b/i.test(type)) return { error: "request Content-Type isn't multipart/form-data" }
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type)
  if (!boundary) return { error: 'no multipart boundary param in Content-Type' }
  const mark = encodeUtf8(`--${boundary[1] ?? boundary[2]!}`)
  const { body } = request
  for (let at = find(body, mark, 0); at >= 0;) {
    const next = find(body, mark, at + mark.length)
    if (next < 0) break
    const part = body.subarray(at + mark.length + 2, next - 2)
    const end = find(part, encodeUtf8('\r\n\r\n'), 0)
    const disposition = end < 0 ? undefined : /^content-disposition:(.*)$/im.exec(decodeUtf8(part.subarray(0, end)))?.[1]
    if (disposition && /;\s*name="?file"?(;|\s*$)/i.test(disposition) && /;\s*filename=/i.test(disposition)) return { data: part.slice(end + 4) }
    at = next
  }
  return { error: 'http: no such file' }
}

function find(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) if (wanted.every((byte, i) => bytes[at + i] === byte)) return at
  return -1
}
