import type { Task } from '../../machine/task.ts'
import { joinHostPort } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { recordType } from '../../network/wire/dns.ts'
import { addressOfReverse, isBelow, sameName } from '../names.ts'
import { parseHosts } from '../hosts-file.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type PluginContext } from './chain.ts'

/** The small plugins: errors, log, loadbalance, cache, hosts, loop. */
type Next = () => Task<DnsMessage | undefined>

export class ErrorsPlugin implements DnsPlugin {
  readonly name = 'errors'
  readonly #context: PluginContext

  constructor(context: PluginContext) {
    this.#context = context
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    try {
      return yield* next()
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
      this.#context.log(`[ERROR] plugin/errors: 2 ${request.name} ${request.type}: ${error.message}`)
      return replyTo(request.query, { rcode: 'SERVFAIL' })
    }
  }
}

export class LogPlugin implements DnsPlugin {
  readonly name = 'log'
  readonly #context: PluginContext

  constructor(context: PluginContext) {
    this.#context = context
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { clock } = this.#context.process
    const began = clock.now
    const reply = yield* next()
    const { client, query } = request
    const flags = [
      'qr',
      ...(reply?.authoritative ? ['aa'] : []),
      ...(reply?.truncated ? ['tc'] : []),
      ...(reply?.recursionDesired ? ['rd'] : []),
      ...(reply?.recursionAvailable ? ['ra'] : []),
    ].join(',')
    const asked = `"${request.type} IN ${request.name} ${client.protocol} ${client.size} ${query.edns?.dnssecOk ?? false} ${query.edns?.udpSize ?? 512}"`
    const size = reply ? this.#size(reply) : 0
    this.#context.log(`[INFO] ${joinHostPort(client.address, client.port)} - ${query.id} ${asked} ${reply?.rcode ?? 'REFUSED'} ${flags} ${size} ${((clock.now - began) / 1000).toFixed(9).replace(/0+$/, '').replace(/\.$/, '')}s`)
    return reply
  }

  /** Uncompressed, as the log plugin counts it. */
  #size(reply: DnsMessage): number {
    const record = (r: DnsRecord): number => {
      const { data } = r
      const length = data.type === 'A' ? 4 : data.type === 'AAAA' ? 16 : data.type === 'SRV' ? 6 + data.target.length + 1 : data.type === 'SOA' ? 20 + data.primary.length + data.mailbox.length + 2 : 'target' in data ? data.target.length + 1 : data.type === 'TXT' ? data.strings.reduce((n, s) => n + s.length + 1, 0) : 0
      return r.name.length + 11 + length
    }
    const questions = reply.questions.reduce((n, q) => n + q.name.length + 5, 0)
    return 12 + questions + [...reply.answers, ...reply.authorities, ...reply.additionals].reduce((n, r) => n + record(r), 0) + (reply.edns ? 11 : 0)
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

export interface CacheOptions {
  successTtl: number
  denialTtl: number
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
    const key = `${request.name.toLowerCase()} ${request.type} ${request.query.edns?.dnssecOk ?? false}`
    const now = this.#context.process.clock.now
    const known = this.#entries.get(key)
    if (known && now < known.stored + known.ttl * 1000) {
      const { authoritative, recursionAvailable, rcode } = known.reply
      return { ...replyTo(request.query), authoritative, recursionAvailable, rcode, ...withTtl(known.reply, known.ttl - Math.floor((now - known.stored) / 1000)) }
    }
    const reply = yield* next()
    if (!reply || reply.truncated) return reply
    // The first answer has the capped time already, lest it jump when the second one comes from the cache.
    const ttl = this.#timeOf(reply)
    if (ttl === undefined) return reply
    if (this.#keeps(request.name, reply)) this.#store(key, reply, ttl)
    return { ...reply, ...withTtl(reply, ttl) }
  }

  #timeOf(reply: DnsMessage): number | undefined {
    const records = [...reply.answers, ...reply.authorities]
    const lowest = records.length > 0 ? Math.min(...records.map((r) => r.ttl)) : 5
    if (reply.rcode === 'NOERROR' && reply.answers.length > 0) return Math.min(lowest, this.#options.successTtl)
    if (reply.rcode === 'NOERROR' || reply.rcode === 'NXDOMAIN') return Math.min(lowest, this.#options.denialTtl)
    return reply.rcode === 'SERVFAIL' ? 5 : undefined
  }

  #keeps(name: string, reply: DnsMessage): boolean {
    const { disableSuccess, disableDenial } = this.#options
    const zones = reply.answers.length > 0 && reply.rcode === 'NOERROR' ? disableSuccess : disableDenial
    return zones === undefined || !(zones.length === 0 || zones.some((zone) => isBelow(zone, name)))
  }

  #store(key: string, reply: DnsMessage, ttl: number): void {
    if (this.#entries.size > 9984) this.#entries.clear()
    this.#entries.set(key, { reply, stored: this.#context.process.clock.now, ttl })
  }
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
