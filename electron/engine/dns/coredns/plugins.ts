import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { recordType } from '../../network/wire/dns.ts'
import { addressOfReverse, isBelow, sameName } from '../names.ts'
import { parseHosts } from '../hosts-file.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type Next, type PluginContext } from './chain.ts'

/** The small plugins: errors, loadbalance, cache, hosts, bufsize, whoami. */

/** `consolidate 5m ".*timeout$" warning`: errors that match are counted, and told once in a while. Time in ms. */
export interface Consolidation { period: number; periodText: string; pattern: RegExp; level: 'WARNING' | 'ERROR' | 'INFO' | 'DEBUG' }

export class ErrorsPlugin implements DnsPlugin {
  readonly name = 'errors'
  readonly #context: PluginContext
  readonly #patterns: (Consolidation & { count: number })[]

  constructor(context: PluginContext, patterns: readonly Consolidation[]) {
    this.#context = context
    this.#patterns = patterns.map((p) => ({ ...p, count: 0 }))
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    try {
      return yield* next()
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
      if (!this.#counted(error.message)) this.#context.log(`[ERROR] plugin/errors: ${error.rcode === 'REFUSED' ? 5 : 2} ${request.name.toLowerCase()} ${request.type}: ${error.message}`)
      return replyTo(request.query, { rcode: error.rcode })
    }
  }

  stop(): void {
    for (const pattern of this.#patterns) this.#tell(pattern)
  }

  #counted(message: string): boolean {
    const pattern = this.#patterns.find((p) => p.pattern.test(message))
    if (!pattern) return false
    if (pattern.count++ === 0) this.#context.process.clock.schedule(pattern.period, () => this.#tell(pattern), { background: true })
    return true
  }

  #tell(pattern: Consolidation & { count: number }): void {
    const { count } = pattern
    pattern.count = 0
    if (count > 0) this.#context.log(`[${pattern.level}] plugin/errors: ${count} errors like '${pattern.pattern.source}' occurred in last ${pattern.periodText}`)
  }
}

/** Addresses come in another order each time; CNAMEs stay first. */
export class LoadBalancePlugin implements DnsPlugin {
  readonly name = 'loadbalance'
  readonly #context: PluginContext

  constructor(context: PluginContext) {
    this.#context = context
  }

  *serve(_request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const reply = yield* next()
    if (!reply || reply.rcode !== 'NOERROR') return reply
    return { ...reply, answers: this.#shuffle(reply.answers), additionals: this.#shuffle(reply.additionals) }
  }

  #shuffle(records: readonly DnsRecord[]): DnsRecord[] {
    if (records.length <= 1) return [...records]
    const of = (types: readonly string[]): DnsRecord[] => records.filter((r) => types.includes(recordType(r)))
    const mix = (list: DnsRecord[]): DnsRecord[] => {
      const { random } = this.#context.process.clock
      for (let i = 0; i < list.length - 1; i++) {
        const other = i + random.below(list.length - i)
        ;[list[i], list[other]] = [list[other]!, list[i]!]
      }
      return list
    }
    const rest = records.filter((r) => !['CNAME', 'A', 'AAAA', 'MX'].includes(recordType(r)))
    return [...of(['CNAME']), ...rest, ...mix(of(['A', 'AAAA'])), ...mix(of(['MX']))]
  }
}

/** Times in s. */
export interface CacheOptions {
  successTtl: number
  denialTtl: number
  /** What lives shorter is kept for so long all the same. */
  successLeast: number
  denialLeast: number
  servfailTtl: number
  /** What is told stays the record's own time. */
  keepTtl: boolean
  zones: readonly string[]
  server: string
  disableSuccess: readonly string[] | undefined
  disableDenial: readonly string[] | undefined
}

/** Answers for as long as their records live, at most the plugin's time; TTLs count down. */
export class CachePlugin implements DnsPlugin {
  readonly name = 'cache'
  readonly #context: PluginContext
  readonly #options: CacheOptions
  readonly #entries = new Map<string, { reply: DnsMessage; stored: number; ttl: number }>()

  constructor(context: PluginContext, options: CacheOptions) {
    this.#context = context
    this.#options = options
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { zones, server, keepTtl } = this.#options
    if (!zones.some((zone) => isBelow(zone, request.name))) return yield* next()
    const { metrics } = this.#context
    const labels = { server, view: '', zones: zones.join(',') }
    const key = `${request.name.toLowerCase()} ${request.type} ${request.query.edns?.dnssecOk ?? false} ${request.query.checkingDisabled}`
    const now = this.#context.process.clock.now
    const known = this.#entries.get(key)
    metrics.add('coredns_cache_requests_total', labels)
    if (known && now < known.stored + known.ttl * 1000) {
      metrics.add('coredns_cache_hits_total', { ...labels, type: isDenial(known.reply) ? 'denial' : 'success' })
      const { authoritative, recursionAvailable, rcode } = known.reply
      const left = keepTtl ? known.ttl : known.ttl - Math.floor((now - known.stored) / 1000)
      return { ...replyTo(request.query), authoritative, recursionAvailable, rcode, ...withTtl(known.reply, left) }
    }
    metrics.add('coredns_cache_misses_total', labels)
    const reply = yield* next()
    if (!reply || reply.truncated) return reply
    // The first answer has the capped time already, lest it jump when the second one comes from the cache.
    const ttl = this.#timeOf(reply)
    if (ttl === undefined) return reply
    if (ttl > 0 && this.#keeps(request.name, reply)) {
      this.#store(key, reply, ttl)
      const denials = [...this.#entries.values()].filter((e) => isDenial(e.reply)).length
      metrics.set('coredns_cache_entries', { ...labels, type: 'denial' }, denials)
      metrics.set('coredns_cache_entries', { ...labels, type: 'success' }, this.#entries.size - denials)
    }
    return { ...reply, ...withTtl(reply, ttl) }
  }

  #timeOf(reply: DnsMessage): number | undefined {
    const records = [...reply.answers, ...reply.authorities]
    const lowest = records.length > 0 ? Math.min(...records.map((r) => r.ttl)) : 5
    const { successTtl, successLeast, denialTtl, denialLeast, servfailTtl } = this.#options
    if (!isDenial(reply)) return Math.min(Math.max(lowest, successLeast), successTtl)
    if (reply.rcode === 'NOERROR' || reply.rcode === 'NXDOMAIN') return Math.min(Math.max(lowest, denialLeast), denialTtl)
    return reply.rcode === 'SERVFAIL' ? servfailTtl : undefined
  }

  #keeps(name: string, reply: DnsMessage): boolean {
    const { disableSuccess, disableDenial } = this.#options
    const zones = isDenial(reply) ? disableDenial : disableSuccess
    return zones === undefined || !(zones.length === 0 || zones.some((zone) => isBelow(zone, name)))
  }

  #store(key: string, reply: DnsMessage, ttl: number): void {
    if (this.#entries.size > 9984) this.#entries.clear()
    this.#entries.set(key, { reply, stored: this.#context.process.clock.now, ttl })
  }
}

function isDenial(reply: DnsMessage): boolean {
  return reply.rcode !== 'NOERROR' || reply.answers.length === 0
}

function withTtl(reply: DnsMessage, ttl: number): Pick<DnsMessage, 'answers' | 'authorities' | 'additionals'> {
  const set = (records: readonly DnsRecord[]): DnsRecord[] => records.map((r) => ({ ...r, ttl }))
  return { answers: set(reply.answers), authorities: set(reply.authorities), additionals: set(reply.additionals) }
}

/** Addresses written into the Corefile, or in a hosts file. */
export class HostsPlugin implements DnsPlugin {
  readonly name = 'hosts'
  readonly #hosts: () => { address: string; names: string[] }[]
  readonly #fallthrough: boolean
  readonly #ttl: number

  constructor(context: PluginContext, options: { file: string | undefined; lines: readonly string[]; fallthrough: boolean; ttl: number }) {
    const inline = parseHosts(options.lines.join('\n'))
    const { fs } = context.process
    const { file } = options
    this.#hosts = () => [...(file !== undefined && fs.exists(file) ? parseHosts(fs.readText(file)) : []), ...inline]
    this.#fallthrough = options.fallthrough
    this.#ttl = options.ttl
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const hosts = this.#hosts()
    const record = (data: DnsRecord['data']): DnsRecord => ({ name: request.name, class: 'IN', ttl: this.#ttl, data })
    const named = hosts.filter((h) => h.names.some((n) => sameName(`${n}.`, request.name)))
    let answers: DnsRecord[] = []
    if (request.type === 'PTR') {
      const ip = addressOfReverse(request.name)
      answers = hosts.filter((h) => h.address === ip).flatMap((h) => h.names.map((n) => record({ type: 'PTR', target: `${n}.` })))
    } else if (request.type === 'A') answers = named.filter((h) => !h.address.includes(':')).map((h) => record({ type: 'A', address: h.address }))
    else if (request.type === 'AAAA') answers = named.filter((h) => h.address.includes(':')).map((h) => record({ type: 'AAAA', address: h.address }))
    if (answers.length > 0) return replyTo(request.query, { authoritative: true, answers })
    if (named.length > 0 && (request.type === 'A' || request.type === 'AAAA')) return replyTo(request.query, { authoritative: true })
    return this.#fallthrough ? yield* next() : replyTo(request.query, { rcode: named.length > 0 ? 'NOERROR' : 'SERVFAIL' })
  }
}

/** Answers by UDP are no longer than this. */
export class BufsizePlugin implements DnsPlugin {
  readonly name = 'bufsize'
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { query } = request
    if (!query.edns || query.edns.udpSize <= this.#size) return yield* next()
    return yield* next({ ...request, query: { ...query, edns: { ...query.edns, udpSize: this.#size } } })
  }
}

/** Tells who asks, by additional records (plugin/whoami). */
export class WhoamiPlugin implements DnsPlugin {
  *serve({ query, client, name }: DnsRequest): Task<DnsMessage | undefined> {
    const { address, port, protocol } = client
    const dot = name === '.' ? '' : name
    const who: DnsRecord = { name, class: 'IN', ttl: 0, data: { type: address.includes(':') ? 'AAAA' : 'A', address } }
    const how: DnsRecord = { name: `_${protocol}.${dot}`, class: 'IN', ttl: 0, data: { type: 'SRV', priority: 0, weight: 0, port, target: '.' } }
    return replyTo(query, { authoritative: true, additionals: [who, how] })
  }

  readonly name = 'whoami'
}
