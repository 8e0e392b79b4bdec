import type { Task } from '../../machine/task.ts'
import { formatIp, ipNumber, isIpv4, networkOf, prefixLength } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { replyTo } from '../server.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'

/** Plugins that make another answer of the one they get: header, dns64. */
export interface HeaderRule { flag: 'authoritative' | 'recursionAvailable' | 'recursionDesired'; state: boolean }

/** Sets and clears flags of queries on their way in and of answers on theirs out (plugin/header). */
export class HeaderPlugin implements DnsPlugin {
  readonly name = 'header'
  readonly #query: readonly HeaderRule[]
  readonly #response: readonly HeaderRule[]

  constructor(query: readonly HeaderRule[], response: readonly HeaderRule[]) {
    this.#query = query
    this.#response = response
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const reply = yield* next(this.#query.length === 0 ? request : { ...request, query: withFlags(request.query, this.#query) })
    return reply && withFlags(reply, this.#response)
  }
}

function withFlags(message: DnsMessage, rules: readonly HeaderRule[]): DnsMessage {
  return { ...message, ...Object.fromEntries(rules.map(({ flag, state }) => [flag, state])) }
}

export interface Dns64Options { prefix: string; translateAll: boolean; allowIpv4: boolean; server: string }

/** Names that have IPv4 addresses alone get IPv6 ones that a NAT64 leads to (RFC 6147, plugin/dns64). */
export class Dns64Plugin implements DnsPlugin {
  readonly name = 'dns64'
  readonly #context: PluginContext
  readonly #options: Dns64Options

  constructor(context: PluginContext, options: Dns64Options) {
    this.#context = context
    this.#options = options
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { allowIpv4, translateAll, prefix } = this.#options
    const original = yield* next()
    if (!original || request.type !== 'AAAA' || (!allowIpv4 && isIpv4(request.client.address))) return original
    if (original.rcode === 'NXDOMAIN' && original.authorities.some((r) => r.data.type === 'SOA')) return original
    if (!translateAll && original.answers.some((r) => r.data.type === 'AAAA')) return original
    const found = yield* this.#context.lookup(request.name, 'A', request.client)
    if (!found) return original
    this.#context.metrics.add('coredns_dns64_requests_translated_total', { server: this.#options.server })
    const most = original.authorities.find((r) => r.data.type === 'SOA')?.ttl ?? 600
    const answers = found.answers.map((r): DnsRecord => (r.data.type === 'A' ? { ...r, ttl: Math.min(most, r.ttl), data: { type: 'AAAA', address: embedded(prefix, r.data.address) } } : r))
    return replyTo(request.query, { truncated: found.truncated, answers, authorities: found.authorities, additionals: found.additionals })
  }
}

/** An IPv4 address behind a prefix of whole octets, which leaves out bits 64 to 71 (RFC 6052 2.2). */
export function embedded(prefix: string, address: string): string {
  const length = prefixLength(prefix)
  let value = ipNumber(networkOf(prefix).split('/')[0]!)
  let bit = length
  for (const octet of address.split('.')) {
    if (bit === 64) bit += 8
    value |= BigInt(octet) << BigInt(120 - bit)
    bit += 8
  }
  return formatIp(value, 6)
}
