import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { dnsQuery, type DnsEdnsOption, type DnsMessage, type DnsRecord } from '../../network/wire/dns.ts'
import { replyTo, type DnsClient } from '../server.ts'
import type { Metrics } from './metrics.ts'

/** What a plugin sees of a query. */
export interface DnsRequest {
  query: DnsMessage
  client: DnsClient
  name: string
  type: string
  /** The plugin that had the answer, for the metrics; shared by the requests that one query becomes. */
  answeredBy?: { name: string }
}

/** Asks the next plugin, with another question where one is given. */
export type Next = (request?: DnsRequest) => Task<DnsMessage | undefined>

/** A plugin answers, or asks the next one. `undefined`: no plugin had an answer. */
export interface DnsPlugin {
  readonly name: string
  serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined>
  /** Whether it can answer (the ready plugin asks). */
  ready?(): boolean
  stop?(): void
  /** All records of a zone, its SOA first and last; undefined: it has no such zone. */
  transfer?(zone: string): readonly DnsRecord[] | undefined
}

/** A failure that the errors plugin logs; the client gets its code. */
export class DnsFailure extends Error {
  readonly rcode: string
  constructor(message: string, rcode = 'SERVFAIL') {
    super(message)
    this.rcode = rcode
  }
}

/** No answer at all (acl's drop). */
export class Silence extends Error {}

export interface PluginContext {
  process: Process
  log(line: string): void
  readonly metrics: Metrics
  /** Options of EDNS that go back with an answer (request/edns0.go), and another that does. */
  echoed(options: readonly DnsEdnsOption[]): DnsEdnsOption[]
  supports(code: number): void
  /** Where a file of the Corefile is (plugin/root). */
  file(path: string): string
  /** Asks the whole server again: names that a plugin cannot complete by itself. */
  lookup(name: string, type: string, client?: DnsClient): Task<DnsMessage | undefined>
}

/** The order in which plugins are asked: plugin.cfg, not the Corefile. */
export const PLUGIN_ORDER = ['root', 'metadata', 'cancel', 'tls', 'timeouts', 'reload', 'nsid', 'bufsize', 'bind', 'debug', 'ready', 'health', 'prometheus', 'errors', 'log', 'local', 'dns64', 'acl', 'any', 'chaos', 'loadbalance', 'cache', 'rewrite', 'header', 'autopath', 'minimal', 'template', 'transfer', 'hosts', 'k8s_external', 'kubernetes', 'file', 'loop', 'forward', 'erratic', 'whoami', 'view']

/** Known to CoreDNS, not to Podhop. */
export const OTHER_PLUGINS = new Set([
  'geoip', 'multisocket', 'trace', 'pprof', 'dnstap', 'tsig', 'dnssec', 'route53', 'azure', 'clouddns', 'auto', 'secondary', 'etcd', 'grpc', 'on', 'sign',
])

export class Chain {
  readonly plugins: readonly DnsPlugin[]
  /** Whether the server block is for this query (plugin/view); else the next one of its zone is asked. */
  readonly #takes: ((request: DnsRequest) => boolean) | undefined

  constructor(plugins: readonly DnsPlugin[], takes?: (request: DnsRequest) => boolean) {
    this.plugins = plugins
    this.#takes = takes
  }

  /** It does not take every query. */
  get isFiltered(): boolean {
    return this.#takes !== undefined
  }

  takes(request: DnsRequest): boolean {
    return this.#takes?.(request) ?? true
  }

  /** Undefined: the client hears nothing. */
  *serve(request: DnsRequest): Task<DnsMessage | undefined> {
    const { plugins } = this
    const answeredBy = { name: '' }
    const ask = function* (at: number, asked: DnsRequest): Task<DnsMessage | undefined> {
      const plugin = plugins[at]
      if (!plugin) return undefined
      const reply = yield* plugin.serve(asked, (other) => ask(at + 1, other ?? asked))
      if (reply && answeredBy.name === '') answeredBy.name = plugin.name
      return reply
    }
    try {
      return (yield* ask(0, { ...request, answeredBy })) ?? replyTo(request.query, { rcode: 'REFUSED' })
    } catch (error) {
      if (error instanceof Silence) return undefined
      // without the errors plugin nobody hears of it
      if (!(error instanceof DnsFailure)) throw error
      return replyTo(request.query, { rcode: error.rcode })
    }
  }

  /** A query of the server to itself. */
  *lookup(name: string, type: string, client: DnsClient): Task<DnsMessage | undefined> {
    const query = dnsQuery(0, name, type)
    return yield* this.serve({ query, client, name, type })
  }
}
