import type { Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { decodeUtf8 } from '../text.ts'
import { canonicalHeader, serveGo, type GoAnswer } from './http/go.ts'
import { headerOf } from './http/message.ts'
import { Output, untilSignal } from './output.ts'

/** kicbase/echo-server (minikube's tutorials), from jmalloc/echo-server: the request as text, after who served it. */
export const echoServer: Program = function* (process) {
  const port = process.env.get('PORT') || '8080'
  const out = new Output(process, 1)
  yield* process.print(`Echo server listening on port ${port}.\n`)
  try {
    serveGo(process, 'echo-server', Number(port), undefined, (request): GoAnswer => {
      out.write(`${joinHostPort(request.remoteAddress, request.remotePort)} | ${request.method} ${request.target}\n`)
      if (request.target === '/.ws' || headerOf(request.headers, 'upgrade')?.toLowerCase() === 'websocket') return { status: 501, body: 'podhop: not simulated: web sockets of echo-server (traefik/whoami has /echo)\n' }
      const headers = request.headers.map(([n, v]) => [canonicalHeader(n), v] as const).filter(([n]) => n !== 'Host').sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      const body = request.body.length > 0 ? `\n${decodeUtf8(request.body)}` : ''
      return { headers: [['Content-Type', 'text/plain']], body: `Request served by ${process.machine.hostname}\n\nHTTP/${request.version} ${request.method} ${request.target}\n\nHost: ${headerOf(request.headers, 'host') ?? ''}\n${headers.map(([n, v]) => `${n}: ${v}\n`).join('')}${body}` }
    })
  } catch {
    yield* process.printError(`panic: listen tcp :${port}: bind: address already in use\n`)
    return 2
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 2
}
