import type { Program } from '../machine/types.ts'
import { concatBytes, encodeUtf8 } from '../text.ts'
import { serveHttp } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { Output } from './output.ts'

/** `node server.js` of gcr.io/google-samples/kubernetes-bootcamp, which "Learn Kubernetes Basics" deploys, exposes, scales and updates. */
export const kubernetesBootcamp = (version: '1' | '2'): Program => function* (process) {
  const { clock } = process
  if (process.argv[1] !== 'server.js' && process.argv[1] !== '/server.js') {
    yield* process.printError(`podhop: not simulated: ${process.argv.join(' ')} (node server.js is)\n`)
    return 69
  }
  const host = process.env.get('HOSTNAME') ?? 'undefined'
  const out = new Output(process, 1)
  const time = (): string => new Date(clock.wall()).toISOString()
  const started = clock.now
  let requests = 0
  // node's chunks are as it was written
  const chunk = (text: string): Uint8Array => encodeUtf8(`${encodeUtf8(text).length.toString(16)}\r\n${text}\r\n`)
  try {
    serveHttp(process, {
      port: 8080,
      program: 'node',
      backlog: 511,
      handle(request, respond) {
        const parts = ['Hello Kubernetes bootcamp! | Running on: ', host, ` | v=${version}\n`]
        const chunked = request.version === '1.1'
        out.write(`Running On: ${host} | Total Requests: ${++requests} | App Uptime: ${Math.round(clock.now - started) / 1000} seconds | Log Time: ${time()}\n`)
        respond({
          status: 200,
          headers: [['Content-Type', 'text/plain'], ['Date', httpDate(clock.wall())], ['Connection', request.keepAlive && chunked ? 'keep-alive' : 'close'], ...(chunked ? [['Transfer-Encoding', 'chunked'] as [string, string]] : [])],
          body: chunked ? concatBytes([...parts.map(chunk), encodeUtf8('0\r\n\r\n')]) : encodeUtf8(parts.join('')),
          ...(chunked ? {} : { close: true }),
        })
      },
      refuse: (status) => ({ status, headers: [['Connection', 'close']], close: true }),
    })
  } catch {
    yield* process.printError('events.js:160\n      throw er; // Unhandled \'error\' event\n      ^\n\nError: listen EADDRINUSE :::8080\n')
    return 1
  }
  out.write(`Kubernetes Bootcamp App Started At: ${time()} | Running On:  ${host} \n\n`)
  // node has no handler, either: as the first process of a container it hears no SIGTERM
  for (;;) yield () => undefined
}
