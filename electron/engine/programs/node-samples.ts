import { encodeBase64 } from '../kubernetes/base64.ts'
import type { Process, Program } from '../machine/types.ts'
import { sha1 } from '../sha1.ts'
import { concatBytes, encodeUtf8 } from '../text.ts'
import { splitTarget } from './http/go.ts'
import { headerOf, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest, type HttpResponse } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { Output } from './output.ts'

/** Small servers of tutorials that are written for Node.js, and what its http module makes of their answers. */
interface NodeSample {
  /** The script's name, as its command has it. */
  script: string
  /** What it writes when it listens. */
  greeting: string
  /** Node without an address listens on "::"; these may say 0.0.0.0. */
  address?: string
  answer(process: Process, request: HttpRequest, log: (line: string) => void, state: { requests: number }): { status?: number; headers?: Headers; body: string; express?: boolean }
}

/** ::ffff:10.244.1.2, as a socket of both families names a client of IPv4. */
const mapped = ({ remoteAddress }: HttpRequest): string => (remoteAddress.includes(':') ? remoteAddress : `::ffff:${remoteAddress}`)

const kubia = (sentence: (host: string, requests: number) => { status?: number; body: string }): NodeSample => ({
  script: 'app.js',
  greeting: 'Kubia server starting...\n',
  answer(process, request, log, state) {
    log(`Received request from ${mapped(request)}`)
    return sentence(process.machine.hostname, ++state.requests)
  },
})

export const NODE_SAMPLES = {
  /** gcr.io/google-samples/node-hello, of "Use a Service to Access an Application in a Cluster" and "Expose an External IP Address". */
  'node-hello': {
    script: 'server.js',
    greeting: '',
    answer: (_, request, log) => {
      log(`Received request for URL: ${request.target}`)
      return { body: 'Hello Kubernetes!' }
    },
  },
  /** github.com/dgkanatsios/simpleapp, of the exercises for the CKAD: Express. */
  simpleapp: {
    script: 'server.js',
    greeting: 'Running on http://0.0.0.0:8080\n',
    address: '0.0.0.0',
    answer(process, request, log) {
      const { path } = splitTarget(request.target)
      if (path !== '/' || !['GET', 'HEAD'].includes(request.method)) {
        const body = `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot ${request.method} ${path}</pre>\n</body>\n</html>\n`
        return { status: 404, express: true, headers: [['Content-Security-Policy', "default-src 'self'"], ['X-Content-Type-Options', 'nosniff']], body }
      }
      const forwarded = headerOf(request.headers, 'x-forwarded-for')
      log(`IP: ${forwarded === undefined ? request.remoteAddress : forwarded.split(',').at(-1)} on ${new Date(process.clock.wall()).toISOString()}`)
      return { express: true, body: `Hello world from ${process.machine.hostname}\n` }
    },
  },
  /** github.com/luksa/kubernetes-in-action: chapters 2 to 4 and 9. */
  kubia: kubia((host) => ({ body: `You've hit ${host}\n` })),
  'kubia-v1': kubia((host) => ({ body: `This is v1 running in pod ${host}\n` })),
  'kubia-v2': kubia((host) => ({ body: `This is v2 running in pod ${host}\n` })),
  'kubia-v3': kubia((host, requests) => (requests >= 5 ? { status: 500, body: `Some internal error has occurred! This is pod ${host}\n` } : { body: `This is v3 running in pod ${host}\n` })),
  'kubia-v4': kubia((host) => ({ body: `This is v4 running in pod ${host}\n` })),
  'kubia-unhealthy': kubia((host, requests) => (requests > 5 ? { status: 500, body: "I'm not well. Please restart me!" } : { body: `You've hit ${host}\n` })),
} as const satisfies Readonly<Record<string, NodeSample>>

export const nodeSample = ({ script, greeting, address, answer }: NodeSample): Program => function* (process) {
  const wanted = process.argv[1] ?? ''
  const npm = process.argv[0]!.endsWith('npm')
  if (npm ? wanted !== 'start' : wanted.split('/').at(-1) !== script) {
    yield* process.printError(`podhop: not simulated: ${process.argv.join(' ')} (node ${script} is)\n`)
    return 69
  }
  if (npm) yield* process.print(`\n> simpleapp@1.0.0 start ${process.cwd}\n> node ${script}\n\n`)
  const out = new Output(process, 1)
  const state = { requests: 0 }
  try {
    serveHttp(process, {
      port: 8080,
      ...(address ? { address } : {}),
      program: 'node',
      backlog: 511,
      keepAliveTimeout: 5_000,
      handle(request, respond) {
        const said = answer(process, request, (line) => out.write(`${line}\n`), state)
        respond(said.express ? expressResponse(process, request, said) : nodeResponse(process, request, said))
      },
      refuse: (status) => ({ status, headers: [['Connection', 'close']], close: true }),
    })
  } catch {
    yield* process.printError(`events.js:160\n      throw er; // Unhandled 'error' event\n      ^\n\nError: listen EADDRINUSE ${address ?? '::'}:8080\n`)
    return 1
  }
  if (greeting !== '') out.write(greeting)
  // node without a handler: as the first process of a container it hears no SIGTERM
  for (;;) yield () => undefined
}

/** http.ServerResponse after writeHead and end: the length is not known when the head is written. */
function nodeResponse(process: Process, request: HttpRequest, { status = 200, headers = [], body }: { status?: number; headers?: Headers; body: string }): HttpResponse {
  const bytes = encodeUtf8(body)
  const chunked = request.version === '1.1'
  const common: Headers = [...headers, ['Date', httpDate(process.clock.wall())], ['Connection', request.keepAlive && chunked ? 'keep-alive' : 'close']]
  if (!chunked) return { status, headers: common, body: bytes, close: true }
  return { status, headers: [...common, ['Transfer-Encoding', 'chunked']], body: concatBytes([encodeUtf8(`${bytes.length.toString(16)}\r\n`), bytes, encodeUtf8('\r\n0\r\n\r\n')]) }
}

/** res.send of Express: a length, and a weak ETag (its length and SHA-1). */
function expressResponse(process: Process, request: HttpRequest, { status = 200, headers = [], body }: { status?: number; headers?: Headers; body: string }): HttpResponse {
  const bytes = encodeUtf8(body)
  const etag = `W/"${bytes.length.toString(16)}-${encodeBase64(sha1(bytes)).slice(0, 27)}"`
  const own: Headers = [['X-Powered-By', 'Express'], ...headers, ['Content-Type', 'text/html; charset=utf-8'], ['Content-Length', String(bytes.length)]]
  if (status === 200) own.push(['ETag', etag])
  return { status, headers: [...own, ['Date', httpDate(process.clock.wall())], ['Connection', request.keepAlive ? 'keep-alive' : 'close']], body: bytes }
}
