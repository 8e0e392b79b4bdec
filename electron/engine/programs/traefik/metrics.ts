import { Registry, type Definition } from '../../prometheus.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Certificate } from '../tls/x509.ts'

/** prometheus@internal of Traefik v3.3 (pkg/metrics/prometheus.go, pkg/middlewares/metrics): entry points and services, routers where --metrics.prometheus.addrouterslabels asks for them. What Go and the operating system count is not told. */
const TIMES = [0.1, 0.3, 1.2, 5]
const PARTITIONED = 'partitioned by status code, protocol, and method.'

const FAMILIES = {
  config_last_reload_success: ['gauge', 'Last config reload success'],
  config_reloads_total: ['counter', 'Config reloads'],
  entrypoint_request_duration_seconds: ['histogram', `How long it took to process the request on an entrypoint, ${PARTITIONED}`, TIMES],
  entrypoint_requests_bytes_total: ['counter', `The total size of requests in bytes handled by an entrypoint, ${PARTITIONED}`],
  entrypoint_requests_tls_total: ['counter', 'How many HTTP requests with TLS processed on an entrypoint, partitioned by TLS Version and TLS cipher Used.'],
  entrypoint_requests_total: ['counter', `How many HTTP requests processed on an entrypoint, ${PARTITIONED}`],
  entrypoint_responses_bytes_total: ['counter', `The total size of responses in bytes handled by an entrypoint, ${PARTITIONED}`],
  open_connections: ['gauge', 'How many open connections exist, by entryPoint and protocol'],
  router_request_duration_seconds: ['histogram', 'How long it took to process the request on a router, partitioned by service, status code, protocol, and method.', TIMES],
  router_requests_bytes_total: ['counter', 'The total size of requests in bytes handled by a router, partitioned by service, status code, protocol, and method.'],
  router_requests_tls_total: ['counter', 'How many HTTP requests with TLS are processed on a router, partitioned by service, TLS Version, and TLS cipher Used.'],
  router_requests_total: ['counter', 'How many HTTP requests are processed on a router, partitioned by service, status code, protocol, and method.'],
  router_responses_bytes_total: ['counter', 'The total size of responses in bytes handled by a router, partitioned by service, status code, protocol, and method.'],
  service_request_duration_seconds: ['histogram', `How long it took to process the request on a service, ${PARTITIONED}`, TIMES],
  service_requests_bytes_total: ['counter', `The total size of requests in bytes received by a service, ${PARTITIONED}`],
  service_requests_tls_total: ['counter', 'How many HTTP requests with TLS processed on a service, partitioned by TLS version and TLS cipher.'],
  service_requests_total: ['counter', `How many HTTP requests processed on a service, ${PARTITIONED}`],
  service_responses_bytes_total: ['counter', `The total size of responses in bytes returned by a service, ${PARTITIONED}`],
  tls_certs_not_after: ['gauge', 'Certificate expiration timestamp'],
} as const satisfies Record<string, Definition>

type Level = 'entrypoint' | 'router' | 'service'
/** `code`: of the answer; `seconds`: how long it took; `sent`: the body's bytes. */
export interface Answered { code: number; seconds: number; sent: number }

const METHODS = new Set(['HEAD', 'GET', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'PRI'])

export class Metrics {
  readonly #registry = new Registry(FAMILIES, 'traefik_')
  readonly #levels: Readonly<Record<Level, boolean>>
  #applied = ''

  /** The static configuration's flags, in small letters. */
  constructor(flags: ReadonlyMap<string, string>) {
    const wants = (level: string, otherwise: string): boolean => (flags.get(`metrics.prometheus.add${level}slabels`) ?? otherwise) === 'true'
    this.#levels = { entrypoint: wants('entrypoint', 'true'), router: wants('router', 'false'), service: wants('service', 'true') }
    this.#registry.add('config_reloads_total', {}, 0)
    this.#registry.set('config_last_reload_success', {}, 0)
  }

  /** What the providers have made: the same again is no reload. `wall`: ms since 1970. */
  applied(configuration: string, wall: number): void {
    if (configuration === this.#applied) return
    this.#applied = configuration
    this.#registry.add('config_reloads_total', {})
    this.#registry.set('config_last_reload_success', {}, Math.floor(wall / 1000))
  }

  answered(level: Level, own: Readonly<Record<string, string>>, request: HttpRequest, { code, seconds, sent }: Answered): void {
    if (!this.#levels[level]) return
    const registry = this.#registry
    if (request.tls) registry.add(`${level}_requests_tls_total`, { ...own, tls_version: '1.3', tls_cipher: request.tls.cipher.name })
    const labels = { ...own, code: String(code), method: METHODS.has(request.method) ? request.method : 'EXTENSION_METHOD', protocol: protocolOf(request) }
    registry.observe(`${level}_request_duration_seconds`, labels, seconds)
    registry.add(`${level}_requests_total`, labels)
    registry.add(`${level}_responses_bytes_total`, labels, sent)
    registry.add(`${level}_requests_bytes_total`, labels, request.body.length)
  }

  /** `open`: connections of each entry point. */
  text(open: Readonly<Record<string, number>>, certificates: readonly Certificate[]): string {
    for (const [entrypoint, connections] of Object.entries(open)) this.#registry.set('open_connections', { entrypoint, protocol: 'TCP' }, connections)
    this.#registry.clear('tls_certs_not_after')
    for (const { subject, serial, dnsNames, notAfter } of certificates) {
      this.#registry.set('tls_certs_not_after', { cn: subject.find(([type]) => type === 'CN')?.[1] ?? '', serial: String(serial), sans: [...dnsNames].sort().join(',') }, Math.floor(notAfter / 1000))
    }
    return this.#registry.text()
  }
}

function protocolOf({ headers }: HttpRequest): string {
  const has = (name: string, value: string): boolean => (headerOf(headers, name) ?? '').split(',').some((item) => item.trim().toLowerCase() === value)
  const type = headerOf(headers, 'content-type') ?? ''
  if (has('connection', 'upgrade') && has('upgrade', 'websocket')) return 'websocket'
  if (has('accept', 'text/event-stream')) return 'sse'
  return type.startsWith('application/grpc-web') ? 'grpc-web' : type.startsWith('application/grpc') ? 'grpc' : 'http'
}
