import type { Task } from '../machine/task.ts'
import type { Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { goLogTime } from './http-echo.ts'
import { goTime, parseListen, serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import { headerOf } from './http/message.ts'
import type { HttpRequest } from './http/server.ts'
import { Output, untilSignal } from './output.ts'
import { parseGoFlags } from './go-flags.ts'

/** gcr.io/google-samples/hello-go-gke: the service hello of github.com/kelseyhightower/app, behind "Connect a Frontend to a Backend Using Services". */
export const helloGo: Program = function* (process) {
  const out = new Output(process, 1)
  const errors = new Output(process, 2)
  const log = (text: string): void => errors.write(`${goLogTime(process.clock.wall())} ${text}\n`)
  // the addresses are told before the flags are read
  log('Starting server...')
  log('Health service listening on 0.0.0.0:81')
  log('HTTP service listening on 0.0.0.0:80')
  const flags = parseGoFlags(process.argv.slice(1), [{ name: 'http', kind: 'string' }, { name: 'health', kind: 'string' }])
  if ('error' in flags) {
    yield* errors.flush()
    yield* process.printError(`${flags.help ? '' : `${flags.error}\n`}Usage of ${process.argv[0]}:\n  -health string\n    \tHealth service address. (default "0.0.0.0:81")\n  -http string\n    \tHTTP service address. (default "0.0.0.0:80")\n`)
    return 2
  }
  const account = (request: HttpRequest): string => {
    const { path } = splitTarget(request.target)
    out.write(`${joinHostPort(request.remoteAddress, request.remotePort)} - - [${goTime(process.clock.wall())}] "${request.method} ${path} HTTP/${request.version}" ${headerOf(request.headers, 'user-agent') ?? ''}\n`)
    return path
  }
  const state = { healthz: 200, readiness: 200 }
  const services: [string, (request: HttpRequest) => GoAnswer | Task<GoAnswer>][] = [
    [flags.values.get('health') ?? '0.0.0.0:81', (request) => health(account(request), request, state)],
    [flags.values.get('http') ?? '0.0.0.0:80', (request) => hello(account(request))],
  ]
  for (const [place, handle] of services) {
    const at = parseListen(place)
    try {
      if (!at) throw new Error(`listen tcp: address ${place}: missing port in address`)
      serveGo(process, 'app', at.port, at.address, handle)
    } catch (error) {
      log(at ? `listen tcp ${place}: bind: ${(error as Error).message.toLowerCase()}` : (error as Error).message)
      yield* errors.flush()
      return 1
    }
  }
  const signal = yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  log(`Captured ${signal === 'SIGINT' ? 'interrupt' : 'terminated'}. Exiting...`)
  yield* out.flush()
  yield* errors.flush()
  return 0
}

function hello(path: string): GoAnswer {
  if (path === '/version') return { body: '1.0.0' }
  if (path === '/secure') return { status: 401, headers: [['X-Content-Type-Options', 'nosniff']], body: 'authorization failed\n' }
  return { body: '{"message":"Hello"}\n' }
}

function health(path: string, request: HttpRequest, state: { healthz: number; readiness: number }): GoAnswer {
  const name = /^\/(healthz|readiness)(\/status)?$/.exec(path)
  if (!name) return { status: 404, headers: [['X-Content-Type-Options', 'nosniff']], body: '404 page not found\n' }
  const which = name[1] as 'healthz' | 'readiness'
  if (name[2] === undefined || request.method !== 'POST') return { status: name[2] === undefined ? state[which] : 200 }
  state[which] = state[which] === 200 ? 503 : 200
  return {}
}
