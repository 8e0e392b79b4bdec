import type { Process, Program } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Headers } from '../http/message.ts'
import { serveHttp, type HttpRequest, type HttpResponse } from '../http/server.ts'
import { httpDate, reasonOf, two } from '../http/status.ts'
import { Output, untilSignal } from '../output.ts'
import { route } from './routes.ts'
import type { BinAnswer } from './request.ts'

/** kennethreitz/httpbin: Flask behind gunicorn 19.9.0 with gevent; the answers are in routes.ts. */
const REASONS: Readonly<Record<number, string>> = { 418: "I'M A TEAPOT", 402: 'PAYMENT REQUIRED', 406: 'NOT ACCEPTABLE' }

/** Werkzeug writes reasons in capitals. */
function reason(status: number): string {
  return REASONS[status] ?? (reasonOf(status).toUpperCase() || 'UNKNOWN')
}

export const gunicornHttpbin: Program = function* (process) {
  const place = /^(?:([0-9.]*|\[::\]):)?(\d+)$/.exec(bindOf(process.argv))
  const errors = new Output(process, 2)
  const log = (pid: number, text: string): void => errors.write(`[${logTime(process.clock.wall())}] [${pid}] [INFO] ${text}\n`)
  const port = Number(place?.[2] ?? 8000)
  log(process.pid, 'Starting gunicorn 19.9.0')
  try {
    serveHttp(process, {
      port,
      program: 'gunicorn',
      address: '0.0.0.0',
      backlog: 2048,
      keepAliveTimeout: 2_000,
      handle(request, respond) {
        const answer = route(process, request)
        const send = (): void => respond(response(process, request, answer))
        if (answer.delay) process.clock.schedule(answer.delay, send, { background: true })
        else send()
      },
      refuse: (status) => ({ status, headers: [['Connection', 'close'], ['Content-Type', 'text/html']], body: encodeUtf8(`<html>\n  <head>\n    <title>${reasonOf(status)}</title>\n  </head>\n  <body>\n    <h1><p>${reasonOf(status)}</p></h1>\n  </body>\n</html>\n`) }),
    })
  } catch {
    for (let i = 0; i < 5; i++) {
      errors.write(`[${logTime(process.clock.wall())}] [${process.pid}] [ERROR] Connection in use: ('0.0.0.0', ${port})\n[${logTime(process.clock.wall())}] [${process.pid}] [ERROR] Retrying in 1 second.\n`)
      yield* process.sleep(1000, { background: false })
    }
    errors.write(`[${logTime(process.clock.wall())}] [${process.pid}] [ERROR] Can't connect to ('0.0.0.0', ${port})\n`)
    yield* errors.flush()
    return 1
  }
  log(process.pid, `Listening at: http://0.0.0.0:${port} (${process.pid})`)
  log(process.pid, 'Using worker: gevent')
  const worker = process.spawn({ argv: [...process.argv], files: process.files, program: function* (child) {
    yield* untilSignal(child, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
    return 0
  } })
  log(worker.pid, `Booting worker with pid: ${worker.pid}`)
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  log(process.pid, `Handling signal: ${signal.slice(3).toLowerCase()}`)
  worker.signal('SIGTERM')
  log(worker.pid, `Worker exiting (pid: ${worker.pid})`)
  log(process.pid, 'Shutting down: Master')
  yield* errors.flush()
  return 0
}

function bindOf(argv: readonly string[]): string {
  const at = argv.findIndex((a) => a === '-b' || a === '--bind')
  return at < 0 ? (argv.find((a) => a.startsWith('--bind='))?.slice(7) ?? '127.0.0.1:8000') : (argv[at + 1] ?? '')
}

/** "2026-01-05 08:00:00 +0000" */
function logTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}

function response(process: Process, request: HttpRequest, answer: BinAnswer): HttpResponse {
  const text = answer.chunks ? [...answer.chunks, ''].map((chunk) => `${encodeUtf8(chunk).length.toString(16).toUpperCase()}\r\n${chunk}\r\n`).join('') : answer.body
  const body = typeof text === 'string' ? encodeUtf8(text) : text
  const origin = request.headers.find(([n]) => n.toLowerCase() === 'origin')?.[1] ?? '*'
  const headers: Headers = [
    ['Server', 'gunicorn/19.9.0'],
    ['Date', httpDate(process.clock.wall())],
    ['Connection', request.keepAlive ? 'keep-alive' : 'close'],
    ...(answer.type === undefined ? [] : [['Content-Type', answer.type] as [string, string]]),
    ...(answer.first ?? []),
    answer.chunks ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(body.length)],
    ...(answer.headers ?? []),
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Allow-Credentials', 'true'],
  ]
  if (request.method === 'OPTIONS') headers.push(['Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE, PATCH, OPTIONS'], ['Access-Control-Max-Age', '3600'])
  return { status: answer.status ?? 200, reason: reason(answer.status ?? 200), headers, body }
}
