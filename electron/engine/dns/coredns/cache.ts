import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type Next, type PluginContext } from './chain.ts'

/** CoreDNS' cache plugin (plugin/cache of v1.12.0). Times in s. */
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
  /** Answers are asked for again before they end, once they were wanted so often with no pause longer than `pause`; 0: never. */
  prefetch: { hits: number; pause: number; percentage: number }
  /** For so long an answer that has ended is better than none; 0: never. */
  staleUpTo: number
  /** The next plugin is asked first; what has ended is told only where that fails. */
  verifyStale: boolean
}

export const CACHE_DEFAULTS = {
  successTtl: 3600, denialTtl: 1800, successLeast: 5, denialLeast: 5, servfailTtl: 5, keepTtl: false, disableSuccess: undefined, disableDenial: undefined,
  prefetch: { hits: 0, pause: 60, percentage: 10 }, staleUpTo: 0, verifyStale: false,
} satisfies Partial<CacheOptions>

type Kind = 'success' | 'denial' | 'failure' | 'other'

interface Entry { reply: DnsMessage; stored: number; ttl: number; hits: number; seen: number }

const CAPACITY = 9984
/** What says nothing about time lives so long. */
const LEAST = 5

/** Answers for as long as their records live, at most the plugin's time; TTLs count down. */
export class CachePlugin implements DnsPlugin {
  readonly name = 'cache'
  readonly #context: PluginContext
  readonly #options: CacheOptions
  readonly #successes = new Map<string, Entry>()
  readonly #denials = new Map<string, Entry>()

  constructor(context: PluginContext, options: CacheOptions) {
    this.#context = context
    this.#options = options
  }

  get #labels(): Record<string, string> {
    return { server: this.#options.server, view: '', zones: this.#options.zones.join(',') }
  }

  get #now(): number {
    return this.#context.process.clock.now
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { zones, verifyStale } = this.#options
    if (!zones.some((zone) => isBelow(zone, request.name))) return yield* next()
    const { metrics } = this.#context
    const key = `${request.name.toLowerCase()} ${request.type} ${request.query.edns?.dnssecOk ?? false} ${request.query.checkingDisabled}`
    metrics.add('coredns_cache_requests_total', this.#labels)
    const type = this.#isUsable(this.#denials.get(key)) ? 'denial' : this.#isUsable(this.#successes.get(key)) ? 'success' : undefined
    if (!type) {
      metrics.add('coredns_cache_misses_total', this.#labels)
      return this.#take(request, key, yield* next(), false)
    }
    const known = (type === 'denial' ? this.#denials : this.#successes).get(key)!
    metrics.add('coredns_cache_hits_total', { ...this.#labels, type })
    const left = this.#left(known)
    if (left < 0) {
      if (verifyStale) {
        const fresh = yield* this.#verified(next)
        if (fresh) return this.#take(request, key, fresh, false)
      } else this.#refresh(request, key, known, next)
      metrics.add('coredns_cache_served_stale_total', this.#labels)
    } else if (this.#isWanted(known, left)) this.#refresh(request, key, known, next)
    const { recursionAvailable, rcode } = known.reply
    // some clients discard what is not authoritative, so everything from the cache says that it is
    return { ...replyTo(request.query), authoritative: true, recursionAvailable, rcode, ...withTtl(known.reply, this.#options.keepTtl ? known.ttl : Math.max(0, left)) }
  }

  /** s. */
  #left({ ttl, stored }: Entry): number {
    return ttl - Math.floor((this.#now - stored) / 1000)
  }

  #isUsable(entry: Entry | undefined): boolean {
    if (!entry) return false
    const left = this.#left(entry)
    return left > 0 || (this.#options.staleUpTo > 0 && -left < this.#options.staleUpTo)
  }

  #isWanted(entry: Entry, left: number): boolean {
    const { hits, pause, percentage } = this.#options.prefetch
    if (hits === 0) return false
    entry.hits = this.#now - entry.seen > pause * 1000 ? 1 : entry.hits + 1
    entry.seen = this.#now
    return entry.hits >= hits && left <= Math.ceil((percentage / 100) * entry.ttl)
  }

  /** Only an answer counts, be it that there is no such name. */
  *#verified(next: Next): Task<DnsMessage | undefined> {
    try {
      const reply = yield* next()
      return reply && (reply.rcode === 'NOERROR' || reply.rcode === 'NXDOMAIN') ? reply : undefined
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
      return undefined
    }
  }

  /** Nobody waits for it. */
  #refresh(request: DnsRequest, key: string, known: Entry, next: Next): void {
    this.#context.metrics.add('coredns_cache_prefetch_total', this.#labels)
    this.#context.process.spawnThread(this.#prefetch(request, key, known, next))
  }

  *#prefetch(request: DnsRequest, key: string, { hits }: Entry, next: Next): Task {
    try {
      this.#take(request, key, yield* next(), true)
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
    }
    const entry = this.#denials.get(key) ?? this.#successes.get(key)
    if (entry) Object.assign(entry, { hits, seen: this.#now })
  }

  /** Keeps an answer, and says what the client is told of it. */
  #take(request: DnsRequest, key: string, reply: DnsMessage | undefined, prefetched: boolean): DnsMessage | undefined {
    if (!reply) return undefined
    const kind = kindOf(reply)
    const ttl = this.#timeOf(reply, kind)
    if (!reply.truncated && kind !== 'other' && ttl > 0 && this.#keeps(request.name, kind)) {
      const entries = kind === 'success' ? this.#successes : this.#denials
      if (entries.size > CAPACITY) entries.clear()
      entries.set(key, { reply, stored: this.#now, ttl, hits: 0, seen: this.#now })
      if (prefetched && kind === 'success') this.#denials.delete(key)
      const { metrics } = this.#context
      metrics.set('coredns_cache_entries', { ...this.#labels, type: 'denial' }, this.#denials.size)
      metrics.set('coredns_cache_entries', { ...this.#labels, type: 'success' }, this.#successes.size)
    }
    // The first answer has the capped time already, lest it jump when the second one comes from the cache.
    return { ...reply, ...withTtl(reply, ttl) }
  }

  #timeOf(reply: DnsMessage, kind: Kind): number {
    const { successTtl, successLeast, denialTtl, denialLeast, servfailTtl } = this.#options
    const records = kind === 'other' || isDelegation(reply) ? [] : [...reply.answers, ...reply.authorities, ...reply.additionals]
    const lowest = records.length > 0 ? Math.min(3600, ...records.map((r) => r.ttl)) : LEAST
    if (kind === 'failure') return servfailTtl
    if (kind === 'denial') return Math.min(Math.max(lowest, denialLeast), denialTtl)
    return Math.min(Math.max(lowest, successLeast), successTtl)
  }

  #keeps(name: string, kind: Kind): boolean {
    const { disableSuccess, disableDenial } = this.#options
    const zones = kind === 'success' ? disableSuccess : disableDenial
    return zones === undefined || !zones.some((zone) => isBelow(zone, name))
  }
}

/** plugin/pkg/response: what is not there counts as denied only where an SOA says for how long. */
function kindOf({ rcode, answers, authorities, questions }: DnsMessage): Kind {
  // zone transfers are told only
  if (questions[0]?.type === 'AXFR' || questions[0]?.type === 'IXFR') return 'other'
  if (rcode === 'NOERROR' && answers.length > 0) return 'success'
  if (authorities.some((r) => r.data.type === 'SOA') && (rcode === 'NOERROR' || rcode === 'NXDOMAIN')) return 'denial'
  if (rcode === 'SERVFAIL' || rcode === 'NOTIMP') return 'failure'
  return rcode === 'NOERROR' ? 'success' : 'other'
}

function isDelegation({ answers, authorities }: DnsMessage): boolean {
  return answers.length === 0 && authorities.some((r) => r.data.type === 'NS') && !authorities.some((r) => r.data.type === 'SOA')
}

function withTtl(reply: DnsMessage, ttl: number): Pick<DnsMessage, 'answers' | 'authorities' | 'additionals'> {
  const set = (records: readonly DnsRecord[]): DnsRecord[] => records.map((r) => ({ ...r, ttl }))
  return { answers: set(reply.answers), authorities: set(reply.authorities), additionals: set(reply.additionals) }
}
