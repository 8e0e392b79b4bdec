import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { goLogTime } from './http-echo.ts'
import { serveGo, type GoAnswer } from './http/go.ts'
import type { HttpRequest } from './http/server.ts'
import { Output, untilSignal } from './output.ts'
import { passOn } from './pass-on.ts'

/** registry.k8s.io/goproxy (github.com/elazarl/goproxy), whose TCP port the pages of Kubernetes probe: an HTTP proxy. */

export const goproxy: Program = function* (process) {
  if (process.argv.length > 1) {
    yield* process.printError(`podhop: not simulated: goproxy ${process.argv.slice(1).join(' ')} (goproxy alone, on port 8080)\n`)
    return 69
  }
  const out = new Output(process, 2)
  let session = 0
  try {
    serveGo(process, 'goproxy', 8080, undefined, (request): GoAnswer | Task<GoAnswer> => {
      const number = String(++session).padStart(3, '0')
      if (request.method === 'CONNECT') return { status: 501, body: 'podhop: not simulated: CONNECT of goproxy (http:// URLs are)\n' }
      const url = /^http:\/\/([^/:]+|\[[^\]]+\])(?::(\d+))?(\/.*)?$/.exec(request.target)
      if (!url) return { status: 500, headers: [['X-Content-Type-Options', 'nosniff']], body: 'This is a proxy server. Does not respond to non-proxy requests.\n' }
      out.write(`${goLogTime(process.clock.wall())} [${number}] INFO: Got request ${url[3] ?? '/'} ${url[1]!}${url[2] ? `:${url[2]}` : ''} ${request.method} ${request.target}\n`)
      return pass(process, request, url[1]!, Number(url[2] ?? 80), url[3] ?? '/')
    })
  } catch {
    out.write(`${goLogTime(process.clock.wall())} listen tcp :8080: bind: address already in use\n`)
    yield* out.flush()
    return 1
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 2
}

function* pass(process: Process, request: HttpRequest, host: string, port: number, path: string): Task<GoAnswer> {
  const said = yield* passOn(process, request, host, port, path)
  return 'problem' in said ? { status: 500, headers: [['X-Content-Type-Options', 'nosniff']], body: `${said.problem}\n` } : said
}
