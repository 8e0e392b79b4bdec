import type { Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { encodeUtf8 } from '../text.ts'
import { headerOf } from './http/message.ts'
import { parseListen, serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import { two } from './http/status.ts'
import { parseGoFlags } from './go-flags.ts'
import { Output, untilSignal } from './output.ts'

/** hashicorp/http-echo, a page that is one text: 1.0, and 0.2, which asks no variable, has one status and knows no SIGTERM. */
const usage = (isOld: boolean): string => `Usage of /http-echo:
  -listen string
    \taddress and port to listen (default ":5678")
${isOld ? '' : '  -status-code int\n    \thttp response code, e.g.: 200 (default 200)\n'}  -text string
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
  const isOld = version.startsWith('0.')
  const flags = parseGoFlags(process.argv.slice(1), [
    { name: 'listen', kind: 'string' },
    { name: 'text', kind: 'string' },
    { name: 'version', kind: 'bool' },
    ...(isOld ? [] : [{ name: 'status-code', kind: 'int' } as const]),
  ])
  if ('error' in flags) {
    yield* process.printError(`${flags.help ? '' : `${flags.error}\n`}${usage(isOld)}`)
    return flags.help ? 0 : 2
  }
  if (flags.values.get('version') === 'true') {
    yield* process[isOld ? 'printError' : 'print'](`http-echo v${version}\n`)
    return 0
  }
  const text = flags.values.get('text') || (isOld ? '' : process.env.get('ECHO_TEXT')) || ''
  if (text === '') {
    yield* process.printError(isOld ? 'Missing -text option!\n' : 'Missing -text option or ECHO_TEXT env var!\n')
    return 127
  }
  if (flags.rest.length > 0) {
    yield* process.printError('Too many arguments!\n')
    return 127
  }
  const log = (line: string): string => `${goLogTime(process.clock.wall())} ${line}\n`
  const listen = flags.values.get('listen') ?? ':5678'
  const listening = log(isOld ? `Server is listening on ${listen}` : `[INFO] server is listening on ${listen}`)
  if (!isOld) yield* process.printError(listening)
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
    yield* process.printError(log(`[ERR] ${isOld ? 'Error starting server' : 'server exited with'}: listen tcp${why ? ` ${listen}: ${why}` : `: address ${listen}: missing port in address`}`))
    return isOld ? 127 : 1
  }
  if (isOld) {
    yield* process.printError(listening)
    const errors = new Output(process, 2)
    process.onSignal('SIGTERM', () => errors.write(log('[ERR] Unknown signal terminated')))
  }
  yield* untilSignal(process, isOld ? ['SIGINT'] : ['SIGINT', 'SIGTERM'])
  yield* process.printError(log(isOld ? '[INFO] Received interrupt' : '[INFO] received interrupt, shutting down...'))
  yield* out.flush()
  return 2
}
