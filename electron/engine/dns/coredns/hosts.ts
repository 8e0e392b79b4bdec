import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { parseHosts } from '../hosts-file.ts'
import { addressOfReverse, isBelow, sameName } from '../names.ts'
import { replyTo } from '../server.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'

/** Addresses written into the Corefile, or in a hosts file (plugin/hosts). */
export interface HostsOptions {
  file: string
  zones: readonly string[]
  /** Of hosts(5). */
  lines: readonly string[]
  /** Zones whose names the next plugin is asked for; undefined: none. */
  fallthrough: readonly string[] | undefined
  reverse: boolean
  /** s. */
  ttl: number
  /** ms between two looks at the file; 0: one is enough. */
  reload: number
}

type Hosts = ReturnType<typeof parseHosts>

export class HostsPlugin implements DnsPlugin {
  readonly name = 'hosts'
  readonly #context: PluginContext
  readonly #options: HostsOptions
  readonly #inline: Hosts
  #ofFile: Hosts = []
  #readAt = -Infinity

  constructor(context: PluginContext, options: HostsOptions) {
    this.#context = context
    this.#options = options
    this.#inline = this.#own(options.lines.join('\n'))
    this.#read()
  }

  #own(text: string): Hosts {
    const { zones } = this.#options
    return parseHosts(text).map(({ address, names }) => ({ address, names: names.filter((n) => zones.some((z) => isBelow(z, `${n}.`))) }))
  }

  /** A file that is gone is remembered. */
  #read(): void {
    const { clock, fs } = this.#context.process
    const { file, reload } = this.#options
    if (this.#readAt > -Infinity && (reload === 0 || clock.now - this.#readAt < reload)) return
    this.#readAt = clock.now
    if (fs.exists(file)) this.#ofFile = this.#own(fs.readText(file))
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { zones, fallthrough, reverse, ttl } = this.#options
    const { name, type, query } = request
    if (type !== 'PTR' && !zones.some((z) => isBelow(z, name))) return yield* next()
    this.#read()
    const hosts = [...this.#ofFile, ...this.#inline]
    const record = (data: DnsRecord['data']): DnsRecord => ({ name, class: 'IN', ttl, data })
    if (type === 'PTR') {
      const ip = addressOfReverse(name)
      const answers = reverse ? hosts.filter((h) => h.address === ip).flatMap((h) => h.names.map((n) => record({ type: 'PTR', target: `${n.toLowerCase()}.` }))) : []
      return answers.length > 0 ? replyTo(query, { authoritative: true, answers }) : yield* next()
    }
    const named = hosts.filter((h) => h.names.some((n) => sameName(`${n}.`, name)))
    if (named.length > 0) {
      const answers = type === 'A' || type === 'AAAA' ? named.filter((h) => h.address.includes(':') === (type === 'AAAA')).map((h) => record({ type, address: h.address })) : []
      return replyTo(query, { authoritative: true, answers })
    }
    if (fallthrough && (fallthrough.length === 0 || fallthrough.some((z) => isBelow(z, name)))) return yield* next()
    // without an SOA it cannot say that there is no such name
    return replyTo(query, { rcode: 'SERVFAIL' })
  }
}
