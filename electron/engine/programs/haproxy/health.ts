import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { askUpstream } from '../http/client.ts'
import { reasonOf } from '../http/status.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import { ownerOf } from '../stream.ts'
import { TlsClient } from '../tls/socket.ts'
import type { Backend } from './backend.ts'
import { announcement } from '../http/announcement.ts'

/** What a check of a server has found (src/check.c). `name`: as the statistics have it. */
export interface Health { passed: boolean; name: string; reason: string; code?: number; info: string; duration: number }

/** "timeout check" is the interval, unless timeout-check says less; connecting may take as long. ms. */
const INTERVAL = 2_000

/** One check, by packets: a connection and, where asked for, a handshake or a request. Calls `done` once. */
export function askHealth(process: Process, backend: Backend, endpoint: Endpoint, done: (health: Health) => void): void {
  const { clock } = process
  const begun = clock.now
  const patience = backend.checkTimeout ?? backend.checkInterval ?? INTERVAL
  const tell = (passed: boolean, name: string, reason: string, more: { code?: number; info?: string } = {}): void => done({ passed, name, reason, info: '', duration: Math.floor(clock.now - begun), ...more })
  const layer = backend.tls ? 6 : 4
  if (backend.checkHttp) {
    const { method, uri, version } = backend.checkHttp
    const [number = '', ...headers] = version.split(/(?:\\r\\n|\r\n)/)
    const lines = [`${method} ${uri} ${number}`, ...headers.map((h) => h.replaceAll('\\ ', ' ')), ...(number === 'HTTP/1.1' ? ['connection: close'] : [])]
    const preface = announcement(backend.sendProxy, undefined)
    askUpstream(process, { ...endpoint, program: 'haproxy', method, bytes: encodeUtf8(`${lines.join('\r\n')}\r\n\r\n`), connectTimeout: patience, readTimeout: patience, ...(preface ? { preface } : {}), ...(backend.tls ? { tls: {} } : {}) }, (outcome) => {
      if ('tunnel' in outcome || 'head' in outcome) {
        const { status, reason } = outcome.head
        const passed = status >= 200 && status < 400
        return tell(passed, passed ? 'L7OK' : 'L7STS', passed ? 'Layer7 check passed' : 'Layer7 wrong status', { code: status, info: reason || reasonOf(status) })
      }
      if (outcome.phase === 'connect') return connectionProblem(outcome.error, 4, tell)
      if (outcome.phase === 'tls') return outcome.error === 'ETIMEDOUT' ? tell(false, 'L6TOUT', 'Layer6 timeout') : tell(false, 'L6RSP', 'Layer6 invalid response', { info: 'SSL handshake failure' })
      if (outcome.error === 'ETIMEDOUT') return tell(false, 'L7TOUT', 'Layer7 timeout')
      tell(false, outcome.error === 'SYNTAX' ? 'L7RSP' : 'SOCKERR', outcome.error === 'SYNTAX' ? 'Layer7 invalid response' : 'Socket error')
    })
    return
  }
  let over = false
  const finish = (passed: boolean, name: string, reason: string, more: { code?: number; info?: string } = {}): void => {
    if (over) return
    over = true
    clock.cancel(timer)
    if (connection.state !== 'CLOSED') connection.abort()
    tell(passed, name, reason, more)
  }
  const timer = clock.schedule(patience, () => finish(false, `L${layer}TOUT`, `Layer${layer} timeout`), { background: true })
  const connection = process.network.sockets.connect({ ...endpoint, owner: ownerOf(process, 'haproxy') }, {
    onConnect: () => {
      const preface = announcement(backend.sendProxy, undefined)
      if (preface) connection.send(preface)
      if (!backend.tls) return finish(true, 'L4OK', 'Layer4 check passed')
      new TlsClient(connection, { random: clock.random, onSecure: () => finish(true, 'L6OK', 'Layer6 check passed'), onFailure: () => finish(false, 'L6RSP', 'Layer6 invalid response', { info: 'SSL handshake failure' }) })
    },
    onClose: (error) => (over ? undefined : connectionProblem(error?.code ?? 'ECONNRESET', layer, finish)),
  })
}

function connectionProblem(error: string, layer: number, tell: (passed: boolean, name: string, reason: string, more?: { info?: string }) => void): void {
  if (error === 'ETIMEDOUT') return tell(false, `L${layer}TOUT`, `Layer${layer} timeout`)
  const info = error === 'ECONNREFUSED' ? 'Connection refused' : error === 'EHOSTUNREACH' ? 'No route to host' : error === 'ENETUNREACH' ? 'Network is unreachable' : 'Connection reset by peer'
  tell(false, 'L4CON', 'Layer4 connection problem', { info })
}
