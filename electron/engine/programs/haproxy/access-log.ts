import { MONTHS, two } from '../http/status.ts'
import type { Configuration } from './configuration.ts'
import type { FrontRules } from './front-rules.ts'
import { logLine, type LogLine } from './global.ts'
import type { Asked } from './samples.ts'

/** Of a request that is over. Times in ms, -1 for what was not come to. */
export interface Served {
  backend: string
  server: string
  /** Of the whole answer, head included. */
  bytes: number
  waited: number
  connected: number
  answered: number
  /** Why it ended, and what became of the cookie: %tsc. */
  state: string
  retries: number
  /** How many were in the queue when it came, itself included. */
  queued: number
  backendActive: number
  serverActive: number
}

interface Told { asked: Asked; configuration: Configuration; /** Whose captures were taken. */ rules: FrontRules | undefined; frontend: 'http' | 'https'; status: number; served: Served; startedAt: number; now: number; wall: number; flying: number }

const formats = new Map<string, LogLine>()

/** log-format's line of a request. */
export function accessLine({ asked, configuration, rules, frontend, status, served, startedAt, now, wall, flying }: Told): string {
  const { request } = asked
  const format = configuration.global.logFormat
  let line = formats.get(format)
  if (!line) formats.set(format, (line = logLine(format)))
  const whole = (n: number): string => String(Math.floor(n))
  const at = haproxyTime(wall - (now - startedAt))
  const [path = '', query] = request.target.split(/(\?.*)/s)
  const { backend, server, state } = served
  const captures = [...configuration.rules.values()].flatMap((own) => own.captures.map((capture) => (own === rules ? String(capture.value(asked) ?? '').slice(0, capture.length) : '')))
  return `${line(asked, {
    ci: asked.source, cp: String(request.remotePort), fi: request.localAddress, fp: String(request.localPort), tr: at, t: at, ft: request.tls ? `${frontend}~` : frontend, f: frontend, b: backend, s: server, si: '-', sp: '-',
    TR: '0', Tw: whole(served.waited), Tc: whole(served.connected), Tr: whole(served.answered), Ta: whole(now - startedAt), Tt: whole(now - startedAt), ST: String(status), B: String(served.bytes), CC: '-', CS: '-', tsc: state,
    ac: String(flying), fc: String(flying), bc: String(served.backendActive), sc: String(served.serverActive), rc: String(served.retries), sq: '0', bq: String(served.queued), hr: captures.length > 0 ? `{${captures.join('|')}}` : '', hs: '',
    HM: request.method, HP: path, HQ: query ?? '', HU: request.target, HV: `HTTP/${request.version}`, r: `${request.method} ${request.target} HTTP/${request.version}`,
  })}\n`
}

/** "05/Jan/2026:10:00:00.000" */
export function haproxyTime(wall: number): string {
  const d = new Date(wall)
  return `${two(d.getUTCDate())}/${MONTHS[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(d.getUTCMilliseconds()).padStart(3, '0')}`
}
