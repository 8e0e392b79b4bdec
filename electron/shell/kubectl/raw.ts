import { StatusError } from '../../engine/kubernetes/client.ts'
import { answerRequest } from '../../engine/kubernetes/http/handler.ts'
import type { Status } from '../../engine/kubernetes/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import { KubectlError, quote } from './errors.ts'
import { readPipe } from './pipes.ts'

/** `--raw PATH`: one request to the API server as it stands, and its answer as it comes (kubectl's pkg/rawhttp). */
export function* rawRequest(k: Kubectl, method: string, body = '', target = k.flags.string('raw')): Task {
  if (!/^[a-z+.-]+:|^\//i.test(target)) throw new KubectlError(`--raw must be a valid URL path: parse ${quote(target)}: invalid URI for request`)
  const arrived = new Signal()
  let status = 0
  let warnings: string[] = []
  let elsewhere: string | undefined
  let chunks: string[] = []
  let ended = false
  const stop = answerRequest(
    { clock: k.process.clock, client: k.client, unrecorded: true },
    { method, target, accept: '*/*', userAgent: 'kubectl/v1.33.1', contentType: body === '' ? '' : 'application/json', body: encodeUtf8(body) },
    {
      head(code, headers) {
        status = code
        // net/http follows on its own
        if (code === 301 && method === 'GET') elsewhere = headers.find(([name]) => name === 'Location')?.[1]
        warnings = headers.filter(([name]) => name === 'Warning').map(([, text]) => text.replace(/^299 - "|"$/g, '').replace(/\\(["\\])/g, '$1'))
      },
      data(chunk) {
        chunks.push(typeof chunk === 'string' ? chunk : decodeUtf8(chunk))
        arrived.notify()
      },
      end() {
        ended = true
        arrived.notify()
      },
    },
  )
  try {
    for (;;) {
      const text = chunks.join('')
      chunks = []
      for (const warning of warnings.splice(0)) yield* k.warn(warning)
      if (status >= 400 && ended) throw refused(status, text)
      if (status < 400 && text !== '') yield* k.out(text)
      if (ended && elsewhere?.startsWith('/')) return yield* rawRequest(k, method, body, elsewhere)
      if (ended) return
      yield arrived.wait
    }
  } finally {
    if (!ended) stop()
  }
}

/** `create --raw` and `replace --raw`: the body is the one file of -f, or stdin. */
export function* rawWithBody(k: Kubectl, method: string): Task<number> {
  const { flags: f, process } = k
  const names = f.list('filename')
  const filters = ['selector', 'edit', 'output'].some((name) => f.has(name) && f.changed(name))
  if (names.length !== 1) throw new KubectlError('--raw can only use a single local file or stdin')
  if (/^https?:/.test(names[0]!)) throw new KubectlError('--raw cannot read from a url')
  if (f.bool('recursive')) throw new KubectlError('--raw and --recursive are mutually exclusive')
  if (filters) throw new KubectlError('--raw and --selector are mutually exclusive')
  let body: string
  if (names[0] === '-') body = decodeUtf8(yield* readPipe(process, 0))
  else {
    const path = process.resolve(names[0]!)
    if (!process.fs.exists(path)) throw new KubectlError(`open ${names[0]!}: no such file or directory`)
    body = process.fs.readText(path)
  }
  yield* rawRequest(k, method, body)
  return 0
}

/** A refusal that is no Status is one of client-go's own making. */
function refused(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status
    // over HTTP it is a 404, which every client understands
    if (status.kind === 'Status') return new StatusError(status.message.startsWith('podhop: not simulated: ') ? { ...status, reason: 'NotSimulated' } : status)
  } catch {
    // no JSON
  }
  const [reason, message] = code === 404 ? ['NotFound', 'the server could not find the requested resource'] : code === 405 ? ['MethodNotAllowed', 'the server does not allow this method on the requested resource'] : ['', text.trim()]
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: message!, reason: reason!, code })
}
