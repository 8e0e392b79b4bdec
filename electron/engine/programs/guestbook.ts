import { resolveHost } from '../dns/resolver.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { isValidIp } from '../network/address.ts'
import { encodeUtf8 } from '../text.ts'
import { become } from './become.ts'
import { splitTarget } from './http/go.ts'
import { headerOf, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { accessTime } from './nginx/time.ts'
import { Output, untilSignal } from './output.ts'
import { encodeCommand, RespReader, type Reply } from './redis/protocol.ts'
import { TcpStream } from './stream.ts'

/** The guestbook of Kubernetes' tutorial (GoogleCloudPlatform/kubernetes-engine-samples, quickstarts/guestbook): PHP before Redis. */
const SERVER = 'Apache/2.4.53 (Debian)'
const PAGE = `<!DOCTYPE html>
<html>
  <head><title>Guestbook</title></head>
  <body>
    <h1>Guestbook</h1>
    <p>podhop: the page itself needs a browser; its requests are guestbook.php?cmd=set&amp;key=messages&amp;value=… and guestbook.php?cmd=get&amp;key=messages</p>
  </body>
</html>
`

/** apache2-foreground of gb-frontend. */
export const guestbookFrontend: Program = function* (process) {
  const out = new Output(process, 1)
  try {
    serveHttp(process, {
      port: 80,
      program: 'apache2',
      backlog: 511,
      keepAliveTimeout: 5_000,
      handle(request, respond) {
        process.spawnThread((function* (): Task {
          const { status, type, body, php } = yield* answer(process, request)
          const bytes = encodeUtf8(body)
          const keep: Headers = request.keepAlive ? [] : [['Connection', 'close']]
          out.write(`${request.remoteAddress} - - [${accessTime(process.clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" ${status} ${bytes.length + 245} "${headerOf(request.headers, 'referer') ?? '-'}" "${headerOf(request.headers, 'user-agent') ?? '-'}"\n`)
          respond({ status, headers: [['Date', httpDate(process.clock.wall())], ['Server', SERVER], ...(php ? [['X-Powered-By', 'PHP/7.4.29'] as [string, string]] : []), ['Content-Length', String(bytes.length)], ...keep, ['Content-Type', type]], body: bytes })
        })())
      },
      refuse: (status) => ({ status, headers: [['Server', SERVER], ['Connection', 'close']], close: true }),
    })
  } catch {
    yield* process.printError('(98)Address already in use: AH00072: make_sock: could not bind to address [::]:80\nno listening sockets available, shutting down\nAH00015: Unable to open logs\n')
    return 1
  }
  yield* process.printError("AH00558: apache2: Could not reliably determine the server's fully qualified domain name. Set the 'ServerName' directive globally to suppress this message\n")
  yield* untilSignal(process, ['SIGWINCH', 'SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 0
}

interface Answer { status: number; type: string; body: string; php: boolean }

function* answer(process: Process, request: HttpRequest): Task<Answer> {
  const { path, query } = splitTarget(request.target)
  if (path === '/' || path === '/index.html') return { status: 200, type: 'text/html', body: PAGE, php: false }
  if (path !== '/guestbook.php') return { status: 404, type: 'text/html; charset=iso-8859-1', body: `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n<hr>\n<address>${SERVER} Server at ${(headerOf(request.headers, 'host') ?? '').replace(/:\d+$/, '')} Port 80</address>\n</body></html>\n`, php: false }
  const command = query.get('cmd')
  if (command === undefined) return { status: 501, type: 'text/plain', body: 'podhop: not simulated: phpinfo() (guestbook.php?cmd=get and cmd=set are)\n', php: true }
  const role = command === 'set' ? 'leader' : 'follower'
  const fromEnvironment = process.env.get('GET_HOSTS_FROM') === 'env'
  const host = fromEnvironment ? (process.env.get(`REDIS_${role.toUpperCase()}_SERVICE_HOST`) ?? '') : `redis-${role}`
  const key = query.get('key') ?? ''
  const said = yield* ask(process, host, role === 'leader' ? ['SET', key, query.get('value') ?? ''] : ['GET', key])
  if ('problem' in said) return { status: 200, type: 'application/json', body: `<br />\n<b>Fatal error</b>:  Uncaught ${said.problem}\n`, php: true }
  return { status: 200, type: 'application/json', body: role === 'leader' ? '{"message": "Updated"}' : `{"data": "${typeof said.reply === 'string' ? said.reply : ''}"}`, php: true }
}

/** Predis: a connection for each question. */
function* ask(process: Process, host: string, words: readonly string[]): Task<{ reply: Reply } | { problem: string }> {
  const failed = (why: string): { problem: string } => ({ problem: `Predis\\Connection\\ConnectionException: ${why} [tcp://${host}:6379]` })
  let address = host
  if (!isValidIp(address)) {
    const found = yield* resolveHost(process, host)
    if ('error' in found) return failed(`php_network_getaddresses: getaddrinfo failed: ${found.message}`)
    address = found.addresses[0]!
  }
  const stream = yield* TcpStream.open(process, address, 6379, { timeout: 5_000 })
  if (!(stream instanceof TcpStream)) return failed(stream.message)
  stream.write(encodeCommand(words))
  const reader = new RespReader()
  for (;;) {
    const data = yield* stream.read(process)
    if (!(data instanceof Uint8Array)) return failed('Error while reading line from the server.')
    const [reply] = reader.push(data)
    if (reply === undefined) continue
    stream.close()
    if (typeof reply === 'object' && reply !== null && 'error' in reply) return { problem: `Predis\\Response\\ServerException: ${reply.error}` }
    return { reply }
  }
}

/** /run.sh of gb-redis-follower. */
export const guestbookFollower: Program = function* (process) {
  const host = process.env.get('GET_HOSTS_FROM') === 'env' ? (process.env.get('REDIS_LEADER_SERVICE_HOST') ?? '') : 'redis-leader'
  return yield* become(process, ['redis-server', '--slaveof', host, '6379'])
}
