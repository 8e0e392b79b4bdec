import type { Process } from '../../machine/types.ts'
import { goJson, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import { multipart } from '../http/multipart.ts'
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
  const parts = multipart(request)
  if (!parts) return { error: "request Content-Type isn't multipart/form-data" }
  if (!/;\s*boundary=/i.test(headerOf(request.headers, 'content-type') ?? '')) return { error: 'no multipart boundary param in Content-Type' }
  return parts.find(({ name, file }) => name === 'file' && file !== undefined) ?? { error: 'http: no such file' }
}
