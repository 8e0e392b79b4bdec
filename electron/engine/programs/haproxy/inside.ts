import type { Program } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { splitTarget } from '../http/go.ts'
import type { Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { DIRECTORY } from './haproxy-cfg.ts'
import { page } from './pages.ts'
import { csv, metrics, type Row } from './statistics.ts'
import { statsPage } from './stats-page.ts'

/** What is looked at from inside: HAProxy's own command, and its frontends "healthz" and "stats". */
export const HAPROXY = '3.1.7-c3f4089 2025/04/17'

/** /usr/local/sbin/haproxy: what is asked of it while the controller runs it. */
export const inside: Program = function* (process) {
  const args = process.argv.slice(1)
  if (args.length === 1 && (args[0] === '-v' || args[0] === '-version')) {
    yield* process.print(`HAProxy version ${HAPROXY} - https://haproxy.org/\nStatus: stable branch - will stop receiving fixes around Q1 2026.\nKnown bugs: http://www.haproxy.org/bugs/bugs-3.1.7.html\n`)
    return 0
  }
  const file = args.includes('-c') && args.length === 3 ? args[args.indexOf('-f') + 1] : undefined
  if (file !== `${DIRECTORY}/haproxy.cfg`) {
    yield* process.printError(`podhop: not simulated: haproxy ${args.join(' ')} in the controller's Pod (-v, and -c -f ${DIRECTORY}/haproxy.cfg are)\n`)
    return 69
  }
  if (!process.fs.exists(file)) {
    yield* process.printError(`[ALERT]    (${process.pid}) : config : Could not open configuration file ${file} : No such file or directory\n`)
    return 1
  }
  // the controller has written it from what it serves
  return 0
}

/** monitor-uri. */
export function healthz({ target, keepAlive }: HttpRequest, ready: boolean): HttpResponse {
  const close: Headers = keepAlive ? [] : [['connection', 'close']]
  if (splitTarget(target).path === '/healthz' && ready) {
    const body = encodeUtf8('<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n')
    return { status: 200, headers: [['content-length', String(body.length)], ['cache-control', 'no-cache'], ['content-type', 'text/html'], ...close], body, close: !keepAlive }
  }
  return page(503)
}

/** The frontend "stats". `uptime` in ms. */
export function statsAnswer(request: HttpRequest, rows: readonly Row[], uptime: number): HttpResponse {
  const { path } = splitTarget(request.target)
  const close: Headers = request.keepAlive ? [] : [['connection', 'close']]
  const answer = (type: string, text: string): HttpResponse => {
    const body = encodeUtf8(text)
    return { status: 200, headers: [['cache-control', 'no-cache'], ['content-type', type], ...(type === 'text/plain; version=0.0.4' ? [] : [['refresh', '10']] satisfies Headers), ['content-length', String(body.length)], ...close], body, close: !request.keepAlive }
  }
  if (path === '/metrics') return answer('text/plain; version=0.0.4', metrics(rows))
  if (/;(json|typed|up|norefresh)/.test(path)) return { status: 501, headers: [['content-type', 'text/plain'], ...close], body: encodeUtf8(`podhop: not simulated: ${path} of HAProxy's statistics (/ and /;csv are)\n`), close: true }
  return path.startsWith('/;csv') ? answer('text/plain', csv(rows)) : answer('text/html', statsPage(rows, HAPROXY, uptime))
}
