import type { Program } from '../machine/types.ts'
import { encodeUtf8 } from '../text.ts'
import { splitTarget } from './http/go.ts'
import { headerOf, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { Output, untilSignal } from './output.ts'

/**
 * json-server 0.17 as quay.io/cilium/json-mock starts it (cilium/json-mock: run.sh, default.json, middleware.js): it reads lists out
 * of a file, and tells its host name and the client's address. PORT and FILE of its environment, or --port and --watch.
 */
const SECRET = 'Bearer 123456'
type Database = Record<string, unknown>

export const jsonServer: Program = function* (process) {
  const argument = (name: string): string | undefined => {
    const at = process.argv.indexOf(name)
    return at < 0 ? undefined : process.argv[at + 1]
  }
  const port = Number(argument('--port') ?? (process.env.get('PORT') || 80))
  const file = argument('--watch') ?? (process.env.get('FILE') || '/default.json')
  const out = new Output(process, 1)
  let database: Database
  try {
    database = JSON.parse(process.fs.readText(process.resolve(file))) as Database
  } catch {
    yield* process.printError(`\n  \\{^_^}/ hi!\n\n  Loading ${file}\n  Error: ENOENT: no such file or directory, open '${file}'\n`)
    return 1
  }
  out.write(`\n  \\{^_^}/ hi!\n\n  Loading ${file}\n  Done\n\n  Resources\n${Object.keys(database).map((name) => `  http://:${port}/${name}\n`).join('')}\n  Home\n  http://:${port}\n\n  Type s + enter at any time to create a snapshot of the database\n  Watching...\n\n`)
  const answer = (request: HttpRequest): [status: number, type: string, body: string] => {
    const { path } = splitTarget(request.target)
    const json = (status: number, value: unknown, indent = 2): [number, string, string] => [status, 'application/json; charset=utf-8', JSON.stringify(value, null, indent)]
    if (path.startsWith('/auth-header-required') && headerOf(request.headers, 'authorization') !== SECRET) return [401, 'text/html; charset=utf-8', `Invalid Authorization header, try setting it to "${SECRET}"`]
    if (path.startsWith('/client-ip')) return json(200, { 'client-ip': request.remoteAddress.includes(':') ? request.remoteAddress : `::ffff:${request.remoteAddress}` }, 0)
    if (path.startsWith('/hostname')) return json(200, { hostname: process.machine.hostname }, 0)
    if (request.method !== 'GET' && request.method !== 'HEAD') return [501, 'text/plain', `podhop: not simulated: json-server ${request.method} (use GET)\n`]
    if (path === '/') return [501, 'text/plain', 'podhop: not simulated: the home page of json-server (use /db)\n']
    if (path === '/db') return json(200, database)
    const [name, id, ...more] = path.slice(1).split('/')
    const found = Object.entries(database).find(([key]) => key === name)?.[1]
    const one = id === undefined || !Array.isArray(found) ? found : (found as { id?: unknown }[]).find((each) => String(each.id) === id)
    return found === undefined || one === undefined || more.length > 0 ? json(404, {}) : json(200, one)
  }
  try {
    serveHttp(process, {
      port,
      program: 'node',
      keepAliveTimeout: 5_000,
      handle(request, respond) {
        const [status, type, body] = answer(request)
        const headers: Headers = [
          ['X-Powered-By', 'Express'], ['Vary', 'Origin, Accept-Encoding'], ['Access-Control-Allow-Credentials', 'true'], ['Cache-Control', 'no-cache'], ['Pragma', 'no-cache'], ['Expires', '-1'], ['X-Content-Type-Options', 'nosniff'],
          ['Content-Type', type], ['Content-Length', String(encodeUtf8(body).length)], ['Date', httpDate(process.clock.wall())], ['Connection', request.keepAlive ? 'keep-alive' : 'close'], ...(request.keepAlive ? ([['Keep-Alive', 'timeout=5']] satisfies Headers) : []),
        ]
        out.write(`${request.method} ${request.target} ${status} - ms - ${body.length}\n`)
        respond({ status, headers, body: request.method === 'HEAD' ? new Uint8Array(0) : encodeUtf8(body) })
      },
      refuse: (status) => ({ status, headers: [['Connection', 'close']], body: new Uint8Array(0), close: true }),
    })
  } catch {
    yield* process.printError(`Cannot bind to the port ${port}. Please specify another port number either through --port argument or through the json-server.json configuration file\n`)
    return 1
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 0
}
