import { sleep, type Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, Silence, type DnsPlugin, type DnsRequest, type PluginContext } from './chain.ts'

/** A server that is at times slow, at times silent: for tests of clients (plugin/erratic). Each number: every so many queries; 0: never. */
export interface ErraticOptions {
  drop: number
  delay: number
  truncate: number
  /** ms. */
  duration: number
  /** Thirty addresses, for answers that do not fit. */
  large: boolean
}

export class ErraticPlugin implements DnsPlugin {
  readonly name = 'erratic'
  readonly #context: PluginContext
  readonly #options: ErraticOptions
  #count = 0

  constructor(context: PluginContext, options: ErraticOptions) {
    this.#context = context
    this.#options = options
  }

  *serve({ query, name, type }: DnsRequest): Task<DnsMessage | undefined> {
    const { drop, delay, truncate, duration, large } = this.#options
    const n = this.#count++
    if (drop > 0 && n % drop === 0) throw new Silence()
    if (delay > 0 && n % delay === 0) yield sleep(this.#context.process.clock, duration, { background: true })
    // upstream, too, looks at bits here
    const truncated = truncate > 0 && (n & truncate) === 0
    const record = (data: DnsRecord['data']): DnsRecord => ({ name, class: 'IN', ttl: 0, data })
    if (type === 'A') return replyTo(query, { authoritative: true, truncated, answers: Array.from({ length: large ? 30 : 1 }, () => record({ type: 'A', address: '192.0.2.53' })) })
    if (type === 'AAAA') return replyTo(query, { authoritative: true, truncated, answers: [record({ type: 'AAAA', address: '2001:db8::53' })] })
    if (type !== 'AXFR') return replyTo(query, { rcode: 'SERVFAIL' })
    throw new DnsFailure('podhop: not simulated: zone transfers of erratic (use file and transfer)')
  }
}
