import type { Task } from '../../machine/task.ts'
import type { DnsMessage } from '../../network/wire/dns.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'
import { Registry, type Definition } from '../../prometheus.ts'
import { uncompressedSize } from './log.ts'

/** What CoreDNS tells Prometheus of its queries (plugin/metrics); of the Go runtime and the process there is nothing to tell here. */
const SIZES = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000]
/** 0.25 ms doubled fifteen times. */
const TIMES = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i)

const FAMILIES = {
  coredns_build_info: ['gauge', 'A metric with a constant \'1\' value labeled by version, revision, and goversion from which CoreDNS was built.'],
  coredns_cache_entries: ['gauge', 'The number of elements in the cache.'],
  coredns_cache_hits_total: ['counter', 'The count of cache hits.'],
  coredns_cache_misses_total: ['counter', 'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.'],
  coredns_cache_prefetch_total: ['counter', 'The number of times the cache has prefetched a cached item.'],
  coredns_cache_requests_total: ['counter', 'The count of cache requests.'],
  coredns_cache_served_stale_total: ['counter', 'The number of requests served from stale cache entries.'],
  coredns_dns64_requests_translated_total: ['counter', 'Counter of DNS requests translated by dns64.'],
  coredns_dns_do_requests_total: ['counter', 'Counter of DNS requests with DO bit set per zone.'],
  coredns_dns_https_responses_total: ['counter', 'Counter of DoH responses per server and http status code.'],
  coredns_dns_request_duration_seconds: ['histogram', 'Histogram of the time (in seconds) each request took per zone.', TIMES],
  coredns_dns_request_size_bytes: ['histogram', 'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.', SIZES],
  coredns_dns_requests_total: ['counter', 'Counter of DNS requests made per zone, protocol and family.'],
  coredns_dns_response_size_bytes: ['histogram', 'Size of the returned response in bytes.', SIZES],
  coredns_dns_responses_total: ['counter', 'Counter of response status codes.'],
  coredns_forward_healthcheck_broken_total: ['counter', 'Counter of the number of complete failures of the healthchecks.'],
  coredns_forward_max_concurrent_rejects_total: ['counter', 'Counter of the number of queries rejected because the concurrent queries were at maximum.'],
  coredns_panics_total: ['counter', 'A metrics that counts the number of panics.'],
  coredns_plugin_enabled: ['gauge', 'A metric that indicates whether a plugin is enabled on per server and zone basis.'],
  coredns_proxy_request_duration_seconds: ['histogram', 'Histogram of the time each request took.', TIMES],
  coredns_reload_failed_total: ['counter', 'Counter of the number of failed reload attempts.'],
  coredns_reload_version_info: ['gauge', "A metric with a constant '1' value labeled by hash, and value which type of hash generated."],
} as const satisfies Record<string, Definition>
export type MetricName = keyof typeof FAMILIES

export class Metrics extends Registry<MetricName> {
  constructor() {
    super(FAMILIES)
  }
}

/** The types that have a label of their own (plugin/metrics/vars/monitor.go). */
const TYPES = new Set(['AAAA', 'A', 'CNAME', 'DNSKEY', 'DS', 'HTTPS', 'MX', 'NSEC3', 'NSEC', 'NS', 'PTR', 'RRSIG', 'SOA', 'SRV', 'TXT', 'ANY'])
/** Those that answer through a writer of their own are the ones that are named. */
const WRITERS = ['loadbalance', 'cache', 'rewrite']

export class PrometheusPlugin implements DnsPlugin {
  readonly name = 'prometheus'
  readonly #context: PluginContext
  readonly #server: string
  readonly #zone: string
  readonly #writer: string | undefined
  readonly #view: string

  constructor(context: PluginContext, server: string, zone: string, plugins: readonly string[], view: string) {
    this.#view = view
    this.#context = context
    this.#server = server
    this.#zone = zone
    this.#writer = WRITERS.find((name) => plugins.includes(name))
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { metrics, process } = this.#context
    const began = process.clock.now
    const reply = yield* next()
    const { client, query, type } = request
    const where = { server: this.#server, view: this.#view, zone: this.#zone }
    const by = { ...where, proto: client.protocol }
    if (query.edns?.dnssecOk) metrics.add('coredns_dns_do_requests_total', where)
    metrics.add('coredns_dns_requests_total', { ...by, family: client.address.includes(':') ? '2' : '1', type: TYPES.has(type) ? type : 'other' })
    metrics.observe('coredns_dns_request_duration_seconds', where, (process.clock.now - began) / 1000)
    metrics.observe('coredns_dns_response_size_bytes', by, reply ? uncompressedSize(reply) : 0)
    metrics.observe('coredns_dns_request_size_bytes', by, client.size)
    metrics.add('coredns_dns_responses_total', { ...where, rcode: reply?.rcode ?? 'SERVFAIL', plugin: this.#writer ?? request.answeredBy?.name ?? '' })
    return reply
  }
}
