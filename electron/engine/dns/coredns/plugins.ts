import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { recordType } from '../../network/wire/dns.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type Next, type PluginContext } from './chain.ts'

/** The small plugins: errors, loadbalance, bufsize, whoami. */

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

  *serve({ type }: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const reply = yield* next()
    if (!reply || reply.rcode !== 'NOERROR' || type === 'AXFR' || type === 'IXFR') return reply
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
