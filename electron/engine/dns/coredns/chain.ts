import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { dnsQuery, type DnsMessage } from '../../network/wire/dns.ts'
import { replyTo, type DnsClient } from '../server.ts'

/** What a plugin sees of a query. */
export interface DnsRequest {
  query: DnsMessage
  client: DnsClient
  name: string
  type: string
}

/** A plugin answers, or asks the next one. `undefined`: no plugin had an answer. */
export interface DnsPlugin {
  readonly name: string
  serve(request: DnsRequest, next: () => Task<DnsMessage | undefined>): Task<DnsMessage | undefined>
  /** Whether it can answer (the ready plugin asks). */
  ready?(): boolean
  stop?(): void
}

/** A failure that the errors plugin logs; the client gets SERVFAIL. */
export class DnsFailure extends Error {}

export interface PluginContext {
  process: Process
  log(line: string): void
  /** Asks the whole server again: names that a plugin cannot complete by itself. */
  lookup(name: string, type: string): Task<DnsMessage | undefined>
}

/** The order in which plugins are asked: plugin.cfg, not the Corefile. */
export const PLUGIN_ORDER = ['reload', 'ready', 'health', 'prometheus', 'errors', 'log', 'loadbalance', 'cache', 'hosts', 'kubernetes', 'loop', 'forward']

/** Known to CoreDNS, not to Podhop. */
export const OTHER_PLUGINS = new Set([
  'root', 'metadata', 'geoip', 'cancel', 'tls', 'quic', 'grpc_server', 'https', 'https3', 'timeouts', 'multisocket', 'nsid', 'bufsize', 'bind', 'debug', 'trace',
  'pprof', 'dnstap', 'local', 'dns64', 'acl', 'any', 'chaos', 'tsig', 'rewrite', 'header', 'dnssec', 'autopath', 'minimal', 'template', 'transfer', 'route53',
  'azure', 'clouddns', 'k8s_external', 'file', 'auto', 'secondary', 'etcd', 'grpc', 'erratic', 'whoami', 'on', 'sign', 'view',
])

export class Chain {
  readonly plugins: readonly DnsPlugin[]

  constructor(plugins: readonly DnsPlugin[]) {
    this.plugins = plugins
  }

  *serve(request: DnsRequest): Task<DnsMessage> {
    const { plugins } = this
    const ask = function* (at: number): Task<DnsMessage | undefined> {
      const plugin = plugins[at]
      return plugin ? yield* plugin.serve(request, () => ask(at + 1)) : undefined
    }
    return (yield* ask(0)) ?? replyTo(request.query, { rcode: 'REFUSED' })
  }

  /** A query of the server to itself. */
  *lookup(name: string, type: string, client: DnsClient): Task<DnsMessage | undefined> {
    const query = dnsQuery(0, name, type)
    return yield* this.serve({ query, client, name, type })
  }
}
