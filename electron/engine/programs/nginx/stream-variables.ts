import type { Process } from '../../machine/types.ts'
import { accessTime } from './time.ts'

/** A map of the stream block. */
export interface StreamMap { readonly source: string; readonly hostnames: boolean; readonly entries: readonly { readonly pattern: string | RegExp; readonly value: string }[]; readonly otherwise: string }

export const NAMES: ReadonlySet<string> = new Set([
  'binary_remote_addr', 'bytes_received', 'bytes_sent', 'connection', 'hostname', 'msec', 'nginx_version', 'pid', 'protocol', 'remote_addr', 'remote_port', 'server_addr', 'server_port', 'session_time', 'ssl_preread_alpn_protocols', 'ssl_preread_protocol',
  'ssl_preread_server_name', 'ssl_server_name', 'status', 'time_iso8601', 'time_local', 'upstream_addr', 'upstream_bytes_received', 'upstream_bytes_sent', 'upstream_connect_time', 'upstream_first_byte_time', 'upstream_session_time',
])

export interface StreamAttempt { address: string; connectedAt: number | undefined; startedAt: number; endedAt: number | undefined; sent: number; received: number; firstAt: number | undefined }

/** One connection, or one UDP session, and its variables (ngx_stream_variables.c, ngx_stream_upstream.c). */
export class StreamSession {
  readonly startedAt: number
  status = 200
  received = 0
  sent = 0
  readonly attempts: StreamAttempt[] = []
  /** What ssl_preread has read. */
  hello: { serverName: string | undefined; alpn: readonly string[] } | undefined
  serverName: string | undefined
  readonly #process: Process

  readonly ends: { readonly remoteAddress: string; readonly remotePort: number; readonly localAddress: string; readonly localPort: number; readonly number: number; readonly udp: boolean; readonly listen: string }
  readonly #maps: ReadonlyMap<string, StreamMap>
  readonly #version: string

  constructor(process: Process, ends: StreamSession['ends'], maps: ReadonlyMap<string, StreamMap>, version: string) {
    this.#process = process
    this.ends = ends
    this.#maps = maps
    this.#version = version
    this.startedAt = process.clock.now
  }

  /** `missing` is what a variable without a value is: "-" in logs. */
  expand(text: string, missing = ''): string {
    return text.replace(/\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/g, (_, braced: string | undefined, plain: string | undefined) => this.value((braced ?? plain)!.toLowerCase()) || missing)
  }

  value(name: string): string {
    const { ends } = this
    const { clock, machine, pid } = this.#process
    const seconds = (ms: number): string => (ms / 1000).toFixed(3)
    const tried = (of: (a: StreamAttempt) => string): string => this.attempts.map(of).join(', ')
    const map = this.#maps.get(name)
    if (map) return this.#mapped(map)
    switch (name) {
      case 'remote_addr': case 'binary_remote_addr': return ends.remoteAddress
      case 'remote_port': return String(ends.remotePort)
      case 'server_addr': return ends.localAddress
      case 'server_port': return String(ends.localPort)
      case 'protocol': return ends.udp ? 'UDP' : 'TCP'
      case 'connection': return String(ends.number)
      case 'bytes_received': return String(this.received)
      case 'bytes_sent': return String(this.sent)
      case 'status': return String(this.status)
      case 'session_time': return seconds(clock.now - this.startedAt)
      case 'hostname': return machine.hostname
      case 'pid': return String(pid)
      case 'msec': return seconds(clock.wall())
      case 'nginx_version': return this.#version
      case 'time_local': return accessTime(clock.wall())
      case 'time_iso8601': return `${new Date(clock.wall()).toISOString().slice(0, 19)}+00:00`
      case 'ssl_preread_server_name': return this.hello?.serverName ?? ''
      case 'ssl_preread_protocol': return this.hello ? 'TLSv1.3' : ''
      case 'ssl_preread_alpn_protocols': return this.hello?.alpn.join(',') ?? ''
      case 'ssl_server_name': return this.serverName ?? ''
      case 'upstream_addr': return tried((a) => a.address)
      case 'upstream_bytes_sent': return tried((a) => String(a.sent))
      case 'upstream_bytes_received': return tried((a) => String(a.received))
      case 'upstream_connect_time': return tried((a) => (a.connectedAt === undefined ? '-' : seconds(a.connectedAt - a.startedAt)))
      case 'upstream_first_byte_time': return tried((a) => (a.firstAt === undefined ? '-' : seconds(a.firstAt - a.startedAt)))
      case 'upstream_session_time': return tried((a) => seconds((a.endedAt ?? clock.now) - a.startedAt))
      default: return ''
    }
  }

  #mapped({ source, entries, otherwise, hostnames }: StreamMap): string {
    const text = this.expand(source).toLowerCase()
    const exact = entries.find(({ pattern }) => pattern === text)
    const masks = hostnames ? entries.filter((e): e is { pattern: string; value: string } => typeof e.pattern === 'string').sort((a, b) => b.pattern.length - a.pattern.length) : []
    const found = exact
      ?? masks.find(({ pattern }) => (pattern.startsWith('*.') && text.endsWith(pattern.slice(1))) || (pattern.startsWith('.') && (text === pattern.slice(1) || text.endsWith(pattern))))
      ?? masks.find(({ pattern }) => pattern.endsWith('.*') && text.startsWith(pattern.slice(0, -1)))
      ?? entries.find(({ pattern }) => typeof pattern !== 'string' && pattern.test(text))
    return this.expand(found ? found.value : otherwise)
  }

  /** What goes before the first byte to an upstream with proxy_protocol. */
  get announcement(): string {
    const { remoteAddress, remotePort, localAddress, localPort } = this.ends
    return `PROXY TCP${remoteAddress.includes(':') ? '6' : '4'} ${remoteAddress} ${localAddress} ${remotePort} ${localPort}\r\n`
  }
}
