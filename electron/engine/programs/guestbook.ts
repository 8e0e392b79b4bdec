import { resolveHost } from '../dns/resolver.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { isValidIp } from '../network/address.ts'
import { apacheNotFound, servePhp, type PhpAnswer } from './apache-php.ts'
import { become } from './become.ts'
import { splitTarget } from './http/go.ts'
import type { HttpRequest } from './http/server.ts'
import { encodeCommand, RespReader, type Reply } from './redis/protocol.ts'
import { TcpStream } from './stream.ts'

/** The guestbook of Kubernetes' tutorial (GoogleCloudPlatform/kubernetes-engine-samples, quickstarts/guestbook): PHP before Redis. */
const APACHE = '2.4.53'
const PAGE = `<!DOCTYPE html>
<html>
  <head><title>Guestbook</title></head>
  <body>
    <h1>Guestbook</h1>
    <p>podhop: the page itself needs a browser; its requests are guestbook.php?cmd=set&amp;key=messages&amp;value=… and guestbook.php?cmd=get&amp;key=messages</p>
  </body>
</html>
`

/** apache2-foreground of gb-frontend, and of registry.k8s.io/hpa-example, whose page works hard and says OK! */
export const guestbookFrontend: Program = (process) => servePhp(process, { apache: APACHE, php: '7.4.29', answer })

export const hpaExample: Program = (process) =>
  servePhp(process, {
    apache: '2.4.10', php: '5.6.40',
    *answer(_, request) {
      const { path } = splitTarget(request.target)
      return path === '/' || path === '/index.php' ? { status: 200, type: 'text/html; charset=UTF-8', body: 'OK!', php: true } : apacheNotFound(request, '2.4.10')
    },
  })

function* answer(process: Process, request: HttpRequest): Task<PhpAnswer> {
  const { path, query } = splitTarget(request.target)
  if (path === '/' || path === '/index.html') return { status: 200, type: 'text/html', body: PAGE, php: false }
  if (path !== '/guestbook.php') return apacheNotFound(request, APACHE)
  const command = query.get('cmd')
  if (command === undefined) return { status: 501, type: 'text/plain', body: 'podhop: not simulated: phpinfo() (guestbook.php?cmd=get and cmd=set are)\n', php: true }
  const role = command === 'set' ? 'leader' : 'follower'
  const host = hostOf(process, role)
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

/** Where the container is told to find a Redis: by its name, or in the simulated process' environment. */
function hostOf({ env }: Process, role: 'leader' | 'follower'): string {
  return env.get('GET_HOSTS_FROM') === 'env' ? (env.get(`REDIS_${role.toUpperCase()}_SERVICE_HOST`) ?? '') : `redis-${role}`
}

/** /run.sh of gb-redis-follower. */
export const guestbookFollower: Program = function* (process) {
  return yield* become(process, ['redis-server', '--slaveof', hostOf(process, 'leader'), '6379'])
}
