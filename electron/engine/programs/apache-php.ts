import type { Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import { encodeUtf8 } from '../text.ts'
import { errorTime } from './httpd/httpd.ts'
import { headerOf, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest } from './http/server.ts'
import { httpDate, reasonOf } from './http/status.ts'
import { accessTime } from './nginx/time.ts'
import { Output, untilSignal } from './output.ts'

/** apache2-foreground of the images made from docker.io/library/php:*-apache: Debian's Apache with its prefork MPM, PHP inside it. */
export interface PhpAnswer {
  status: number
  type: string
  body: string
  /** A script has answered: PHP says its version. */
  php: boolean
  /** Between X-Powered-By and Content-Length. */
  headers?: Headers
}

export interface PhpSite {
  /** "2.4.56", "8.0.28" */
  apache: string
  php: string
  answer(process: Process, request: HttpRequest): Task<PhpAnswer>
}

/** Answers after which Apache closes the connection (ap_status_drops_connection). */
const CLOSES = new Set([400, 408, 411, 413, 414, 500, 501, 503])

export function* servePhp(process: Process, { apache, php, answer }: PhpSite): Task<number> {
  const server = `Apache/${apache} (Debian)`
  const out = new Output(process, 1)
  const unnamed = `AH00558: apache2: Could not reliably determine the server's fully qualified domain name, using ${ownAddress(process)}. Set the 'ServerName' directive globally to suppress this message\n`
  try {
    serveHttp(process, {
      port: 80,
      program: 'apache2',
      backlog: 511,
      keepAliveTimeout: 5_000,
      handle(request, respond) {
        process.spawnThread((function* (): Task {
          const said = yield* answer(process, request)
          const body = encodeUtf8(said.body)
          const closes = !request.keepAlive || CLOSES.has(said.status)
          const headers: Headers = [
            ['Date', httpDate(process.clock.wall())], ['Server', server], ...(said.php ? [['X-Powered-By', `PHP/${php}`] as [string, string]] : []), ...(said.headers ?? []),
            ['Content-Length', String(body.length)], ...(closes ? [['Connection', 'close'] as [string, string]] : []), ['Content-Type', said.type],
          ]
          // %O of the log format combined: with the head
          const head = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, `HTTP/1.1 ${said.status} ${reasonOf(said.status)}\r\n\r\n`.length)
          out.write(`${request.remoteAddress} - - [${accessTime(process.clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" ${said.status} ${head + (request.method === 'HEAD' ? 0 : body.length)} "${headerOf(request.headers, 'referer') ?? '-'}" "${headerOf(request.headers, 'user-agent') ?? '-'}"\n`)
          respond({ status: said.status, headers, body, close: closes })
        })())
      },
      refuse: (status) => ({ status, headers: [['Server', server], ['Connection', 'close']], close: true }),
    })
  } catch {
    yield* process.printError(`${unnamed.repeat(2)}(98)Address already in use: AH00072: make_sock: could not bind to address ${process.network.ipv6 ? '[::]' : '0.0.0.0'}:80\nno listening sockets available, shutting down\nAH00015: Unable to open logs\n`)
    return 1
  }
  const note = (module: string, text: string): Task<void> => process.printError(`${errorTime(process.clock.wall())} [${module}:notice] [pid ${process.pid}] ${text}\n`)
  yield* process.printError(unnamed.repeat(2))
  yield* note('mpm_prefork', `AH00163: ${server} PHP/${php} configured -- resuming normal operations`)
  yield* note('core', "AH00094: Command line: 'apache2 -D FOREGROUND'")
  const signal = yield* untilSignal(process, ['SIGWINCH', 'SIGTERM', 'SIGINT'])
  yield* note('mpm_prefork', signal === 'SIGWINCH' ? 'AH00170: caught SIGWINCH, shutting down gracefully' : 'AH00169: caught SIGTERM, shutting down')
  yield* out.flush()
  return 0
}

function ownAddress(process: Process): string {
  return [...process.network.links.values()].filter((l) => l.name !== 'lo').flatMap((l) => l.addresses)[0]?.address ?? '127.0.0.1'
}

/** Apache's own page. */
export function apacheNotFound(request: HttpRequest, apache: string): PhpAnswer {
  const host = (headerOf(request.headers, 'host') ?? '').replace(/:\d+$/, '')
  return { status: 404, type: 'text/html; charset=iso-8859-1', php: false, body: `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n<hr>\n<address>Apache/${apache} (Debian) Server at ${host} Port 80</address>\n</body></html>\n` }
}
