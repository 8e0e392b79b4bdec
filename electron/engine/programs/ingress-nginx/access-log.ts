import type { Clock } from '../../clock.ts'
import { basicCredentials } from '../http/htpasswd.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { accessTime } from '../nginx/time.ts'
import type { Global } from './settings.ts'
import { expand } from './variables.ts'

/** What the log says about one request besides itself. `alternative`: the canary that took it. */
export interface Entry { upstream: string; alternative?: string; attempts: readonly { address: string; length: number; seconds: string; status: string }[] }

/** A line in log-format-upstream. */
export function accessLine({ logFormat, escape }: Pick<Global, 'logFormat' | 'escape'>, request: HttpRequest, response: HttpResponse, { upstream, alternative = '', attempts }: Entry, about: { id: string; startedAt: number; namespace: string; ingress: string; service: string; port: string }, clock: Clock): string {
  const line = `${request.method} ${request.target} HTTP/${request.version}`
  const sent = request.method === 'HEAD' ? 0 : attempts.length > 0 && response.body ? attempts.at(-1)!.length || response.body.length : (response.body?.length ?? 0)
  const each = (of: (attempt: Entry['attempts'][number]) => string | number): string => attempts.map(of).join(', ') || '-'
  const values: ReadonlyMap<string, () => string | number> = new Map<string, () => string | number>([
    ['remote_user', () => basicCredentials(headerOf(request.headers, 'authorization'))?.user ?? ''],
    ['remote_port', () => request.remotePort],
    ['server_protocol', () => `HTTP/${request.version}`],
    ['time_local', () => accessTime(clock.wall())],
    ['time_iso8601', () => `${new Date(clock.wall()).toISOString().slice(0, 19)}+00:00`],
    ['msec', () => (clock.wall() / 1000).toFixed(3)],
    ['request', () => line],
    ['status', () => response.status],
    ['body_bytes_sent', () => sent],
    ['bytes_sent', () => sent],
    ['request_length', () => requestLength(request)],
    ['request_time', () => seconds(clock.now - about.startedAt)],
    ['proxy_upstream_name', () => upstream],
    ['proxy_alternative_upstream_name', () => alternative],
    ['upstream_addr', () => each((a) => a.address)],
    ['upstream_response_length', () => each((a) => a.length)],
    ['upstream_response_time', () => each((a) => a.seconds)],
    ['upstream_status', () => each((a) => a.status)],
    ['req_id', () => about.id], ['request_id', () => about.id],
    ['namespace', () => about.namespace], ['ingress_name', () => about.ingress], ['service_name', () => about.service], ['service_port', () => about.port],
  ])
  return logFormat.replace(/\$\{?([A-Za-z0-9_]+)\}?/g, (whole, name: string) => {
    const known = values.get(name)
    const value = known ? String(known()) : expand(whole, request, request.target)
    if (escape !== 'default') return escape === 'json' ? JSON.stringify(value).slice(1, -1) : value
    // what a request does not have is "-"; the canary's name is set, if only to nothing
    return value === '' && name !== 'proxy_alternative_upstream_name' && name !== 'proxy_upstream_name' ? '-' : value
  })
}

/** $request_length: request line, headers and body. */
export function requestLength({ method, target, version, headers, body }: HttpRequest): number {
  return `${method} ${target} HTTP/${version}`.length + 4 + headers.reduce((sum, [n, v]) => sum + n.length + v.length + 4, 0) + body.length
}

/** $bytes_sent: status line, headers and body. */
export function responseLength({ status, reason = '', headers, body }: HttpResponse): number {
  return `HTTP/1.1 ${status} ${reason}`.length + 4 + headers.reduce((sum, [n, v]) => sum + n.length + v.length + 4, 0) + (body?.length ?? 0)
}

export function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}
