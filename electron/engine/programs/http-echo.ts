import type { Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { encodeUtf8 } from '../text.ts'
import { headerOf } from './http/message.ts'
import { parseListen, serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import { two } from './http/status.ts'
import { parseGoFlags } from './go-flags.ts'
import { Output, untilSignal } from './output.ts'

/** hashicorp/http-echo 1.0: a page that is one text. */
const USAGE = `Usage of /http-echo:
  -listen string
    \taddress and port to listen (default ":5678")
  -status-code int
    \thttp response code, e.g.: 200 (default 200)
  -text string
    \ttext to put on the webpage
  -version
    \tdisplay version information
`

/** log.Printf's prefix: "2026/01/05 08:00:00 ". */
export function goLogTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}/${two(d.getUTCMonth() + 1)}/${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
}

export const httpEcho: Program = function* (process) {
  const version = process.env.get('PRODUCT_VERSION') ?? '1.0.0'
  const flags = parseGoFlags(process.argv.slice(1), [
    { name: 'listen', kind: 'string' },
    { name: 'text', kind: 'string' },
    { name: 'version', kind: 'bool' },
    { name: 'status-code', kind: 'int' },
  ])
  if ('error' in flags) {
    yield* process.printError(`${flags.error}\n${USAGE}`)
    return 2
  }
  if (flags.values.get('version') === 'true') {
    yield* process.print(`http-echo v${version}\n`)
    return 0
  }
  const text = flags.values.get('text') || process.env.get('ECHO_TEXT') || ''
  if (text === '') {
    yield* process.printError('Missing -text option or ECHO_TEXT env var!\n')
    return 127
  }
  if (flags.rest.length > 0) {
    yield* process.printError('Too many arguments!\n')
    return 127
  }
  const log = (line: string): string => `${goLogTime(process.clock.wall())} ${line}\n`
  const listen = flags.values.get('listen') ?? ':5678'
  yield* process.printError(log(`[INFO] server is listening on ${listen}`))
  const place = parseListen(listen)
  const out = new Output(process, 1)
  const status = Number(flags.values.get('status-code') ?? 200)
  const appHeaders: [string, string][] = [['X-App-Name', 'http-echo'], ['X-App-Version', version]]
  try {
    if (!place) throw Object.assign(new Error(), { code: 'EADDR' })
    serveGo(process, 'http-echo', place.port, place.address, (request): GoAnswer => {
      const { path } = splitTarget(request.target)
      if (path === '/health') return { headers: appHeaders, body: '{"status":"ok"}\n', contentType: 'text/plain; charset=utf-8' }
      const body = `${text}\n`
      const length = encodeUtf8(body).length
      const agent = headerOf(request.headers, 'user-agent') ?? ''
      const host = headerOf(request.headers, 'host') ?? ''
      out.write(`${goLogTime(process.clock.wall())} ${host} ${joinHostPort(request.remoteAddress, request.remotePort)} "${request.method} ${path} HTTP/${request.version}" ${status} ${length} "${agent}" 0s\n`)
      return { status, headers: appHeaders, body }
    })
  } catch (error) {
    const why = { EADDRINUSE: 'bind: address already in use', EADDRNOTAVAIL: 'bind: cannot assign requested address' }[(error as { code?: string }).code ?? '']
    yield* process.printError(log(`[ERR] server exited with: listen tcp${why ? ` ${listen}: ${why}` : `: address ${listen}: missing port in address`}`))
    return 1
  }
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  yield* process.printError(log('[INFO] received interrupt, shutting down...'))
  yield* out.flush()
  return 2
}
