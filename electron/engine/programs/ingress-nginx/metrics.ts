import { labelText, sampleValue, type Labels } from '../../prometheus.ts'
import type { Load } from '../nginx/status.ts'

/** /metrics at port 10254, with --enable-metrics: internal/ingress/metric/collectors. What Go and the operating system count is not told, nor how long connecting and the first header took. */
const TIMES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LENGTHS = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
const SIZES = [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]
const PREFIX = 'nginx_ingress_controller_'

type Type = 'counter' | 'gauge' | 'histogram'
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
} as const satisfies Record<string, readonly [Type, string, (readonly number[])?]>
type Name = keyof typeof FAMILIES

interface Series { labels: Labels; value: number; sum: number; buckets: number[] }

/** Of one request. Times in seconds; undefined where nobody was asked. */
export interface Observed {
  labels: { status: string; method: string; path: string; namespace: string; ingress: string; service: string; canary: string; host?: string }
  duration: number
  response: number | undefined
  received: number
  sent: number
}

export class Metrics {
  readonly #own: Labels
  readonly #families = new Map<Name, Map<string, Series>>()

  constructor(own: { controller_class: string; controller_namespace: string; controller_pod: string }) {
    this.#own = own
    this.#set('build_info', { build: 'git-b96ffb9d5', release: 'v1.12.2', repository: 'https://github.com/kubernetes/ingress-nginx' }, 1)
  }

  reloaded(wall: number): void {
    const { controller_class, controller_namespace, controller_pod } = this.#own
    this.#series('success', { controller_class: controller_class!, controller_namespace: controller_namespace!, controller_pod: controller_pod! }).value++
    this.#set('config_last_reload_successful', {}, 1)
    this.#set('config_last_reload_successful_timestamp_seconds', {}, Math.floor(wall / 1000))
  }

  leads(name: string, leads: boolean): void {
    this.#set('leader_election_status', { name }, leads ? 1 : 0)
  }

  observe({ labels, duration, response, received, sent }: Observed): void {
    this.#series('requests', labels).value++
    for (const [name, value] of [['request_duration_seconds', duration], ['request_size', received], ['response_duration_seconds', response], ['bytes_sent', sent], ['response_size', sent]] as const) {
      if (value === undefined) continue
      const series = this.#series(name, labels)
      series.value++
      series.sum += value
      for (const [i, bound] of (FAMILIES[name] as readonly [Type, string, readonly number[]])[2].entries()) if (value <= bound) series.buckets[i] = (series.buckets[i] ?? 0) + 1
    }
  }

  text({ accepted, active, requests, writing }: Load): string {
    const counts = [['active', active], ['reading', 0], ['writing', writing], ['waiting', active - writing]] as const
    for (const [state, value] of counts) this.#set('nginx_process_connections', { state }, value)
    for (const state of ['accepted', 'handled']) this.#set('nginx_process_connections_total', { state }, accepted)
    this.#set('nginx_process_requests_total', {}, requests)
    let out = ''
    for (const [name, series] of [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const [type, help, bounds] = FAMILIES[name] as readonly [Type, string, (readonly number[])?]
      const full = PREFIX + name
      out += `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n`
      for (const [, { labels, value, sum, buckets }] of [...series].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (bounds) {
          for (const [i, bound] of bounds.entries()) out += `${full}_bucket${labelText({ ...labels, le: sampleValue(bound) })} ${buckets[i] ?? 0}\n`
          out += `${full}_bucket${labelText({ ...labels, le: '+Inf' })} ${value}\n${full}_sum${labelText(labels)} ${sampleValue(sum)}\n${full}_count${labelText(labels)} ${value}\n`
        } else out += `${full}${labelText(labels)} ${sampleValue(value)}\n`
      }
    }
    return out
  }

  #set(name: Name, labels: Labels, value: number): void {
    this.#series(name, labels).value = value
  }

  #series(name: Name, own: Labels): Series {
    let family = this.#families.get(name)
    if (!family) this.#families.set(name, (family = new Map()))
    const labels = { ...this.#own, ...own }
    const key = labelText(labels)
    let series = family.get(key)
    if (!series) family.set(key, (series = { labels, value: 0, sum: 0, buckets: [] }))
    return series
  }
}
