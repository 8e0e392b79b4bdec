import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type Next, type PluginContext } from './chain.ts'

/** CoreDNS' transfer plugin: whole zones for who asks (plugin/transfer), of the plugins in the same block that have them. */
/** More go out in several messages there. */
const MOST = 500

export class TransferPlugin implements DnsPlugin {
  readonly name = 'transfer'
  readonly #context: PluginContext
  readonly #zones: readonly string[]
  readonly #others: () => readonly DnsPlugin[]

  constructor(context: PluginContext, zones: readonly string[], others: () => readonly DnsPlugin[]) {
    this.#context = context
    this.#zones = zones
    this.#others = others
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { query, name, type, client } = request
    if ((type !== 'AXFR' && type !== 'IXFR') || !this.#zones.some((z) => isBelow(z, name))) return yield* next()
    const known = query.authorities[0]?.data
    if (type === 'IXFR' && (query.authorities.length !== 1 || known?.type !== 'SOA')) return replyTo(query, { rcode: 'SERVFAIL' })
    let records: readonly DnsRecord[] | undefined
    for (const plugin of this.#others()) records ??= plugin.transfer?.(name)
    const soa = records?.[0]?.data
    if (!records || soa?.type !== 'SOA') return yield* next()
    if (type === 'IXFR' && known?.type === 'SOA' && known.serial === soa.serial) {
      this.#context.log(`[INFO] plugin/transfer: Outgoing noop, incremental transfer for up to date zone ${JSON.stringify(name)} to ${client.address} for ${soa.serial} SOA serial`)
      return replyTo(query, { answers: records.slice(0, 1) })
    }
    if (records.length > MOST) {
      this.#context.log(`podhop: not simulated: a zone transfer of more than ${MOST} records (ask for names one by one)`)
      throw new DnsFailure('zone too large')
    }
    this.#context.log(`[INFO] plugin/transfer: Outgoing transfer of ${records.length} records of zone ${JSON.stringify(name)} to ${client.address} for ${soa.serial} SOA serial`)
    return replyTo(query, { authoritative: true, answers: [...records] })
  }
}
