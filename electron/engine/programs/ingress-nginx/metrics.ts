import { Registry, type Definition } from '../../prometheus.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import type { Load } from '../nginx/status.ts'
import { requestLength, responseLength, type Entry } from './access-log.ts'
import type { About } from './configuration.ts'

/** /metrics at port 10254, with --enable-metrics: internal/ingress/metric/collectors. What Go and the operating system count is not told, nor how long connecting and the first header took. */
const TIMES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LENGTHS = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
const SIZES = [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]
const PREFIX = 'nginx_ingress_controller_'

const FAMILIES = {
  build_info: ['gauge', "A metric with a constant '1' labeled with information about the build."],
  bytes_sent: ['histogram', 'DEPRECATED The number of bytes sent to a client', SIZES],
  config_last_reload_successful: ['gauge', 'Whether the last configuration reload attempt was successful'],
  config_last_reload_successful_timestamp_seconds: ['gauge', 'Timestamp of the last successful configuration reload.'],
  leader_election_status: ['gauge', "Gauge reporting status of the leader election, 0 indicates follower, 1 indicates leader. 'name' is the string used to identify the lease"],
  nginx_process_connections: ['gauge', 'current number of client connections with state {active, reading, writing, waiting}'],
  nginx_process_connections_total: ['counter', 'total number of connections with state {accepted, handled}'],
  nginx_process_requests_total: ['counter', 'total number of client requests'],
  request_duration_seconds: ['histogram', 'The request processing time in milliseconds', TIMES],
  request_size: ['histogram', 'The request length (including request line, header, and request body)', LENGTHS],
  requests: ['counter', 'The total number of client requests'],
  response_duration_seconds: ['histogram', 'The time spent on receiving the response from the upstream server', TIMES],
  response_size: ['histogram', 'The response length (including request line, header, and request body)', LENGTHS],
  success: ['counter', 'Cumulative number of Ingress controller reload operations'],
} as const satisfies Record<string, Definition>

/** Of one request. Times in seconds; undefined where nobody was asked. */
export interface Observed {
  labels: { status: string; method: string; path: string; namespace: string; ingress: string; service: string; canary: string; host?: string }
  duration: number
  response: number | undefined
  received: number
  sent: number
}

export class Metrics {
  readonly #own: { controller_class: string; controller_namespace: string; controller_pod: string }
  readonly #registry: Registry<keyof typeof FAMILIES>

  constructor(own: { controller_class: string; controller_namespace: string; controller_pod: string }) {
    this.#own = own
    this.#registry = new Registry(FAMILIES, PREFIX, own)
    this.#registry.set('build_info', { build: 'git-b96ffb9d5', release: 'v1.12.2', repository: 'https://github.com/kubernetes/ingress-nginx' }, 1)
  }

  reloaded(wall: number): void {
    this.#registry.add('success', this.#own)
    this.#registry.set('config_last_reload_successful', {}, 1)
    this.#registry.set('config_last_reload_successful_timestamp_seconds', {}, Math.floor(wall / 1000))
  }

  leads(name: string, leads: boolean): void {
    this.#registry.set('leader_election_status', { name }, leads ? 1 : 0)
  }

  observe({ labels, duration, response, received, sent }: Observed): void {
    this.#registry.add('requests', labels)
    for (const [name, value] of [['request_duration_seconds', duration], ['request_size', received], ['response_duration_seconds', response], ['bytes_sent', sent], ['response_size', sent]] as const) {
      if (value !== undefined) this.#registry.observe(name, labels, value)
    }
  }

  text({ accepted, active, requests, writing }: Load): string {
    const counts = [['active', active], ['reading', 0], ['writing', writing], ['waiting', active - writing]] as const
    for (const [state, value] of counts) this.#registry.set('nginx_process_connections', { state }, value)
    for (const state of ['accepted', 'handled']) this.#registry.set('nginx_process_connections_total', { state }, accepted)
    this.#registry.set('nginx_process_requests_total', {}, requests)
    return this.#registry.text()
  }
}

/** What one request was, for {@link Metrics.observe}. */
export function observed(request: HttpRequest, response: HttpResponse, { alternative = '', attempts }: Entry, { about, path }: { about: About; path: string }, duration: number): Observed {
  return {
    labels: { status: String(response.status), method: request.method, path, namespace: about.namespace, ingress: about.ingress, service: about.service, canary: alternative, host: (headerOf(request.headers, 'host') ?? '').replace(/:[0-9]+$/, '').toLowerCase() },
    duration, response: attempts.length > 0 ? Number(attempts.at(-1)!.seconds) : undefined, received: requestLength(request), sent: responseLength(response),
  }
}
