import type { Task } from '../../machine/task.ts'
import { cidrContains, ipVersion } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { encodeUtf8, concatBytes } from '../../text.ts'
import { isBelow, sameName } from '../names.ts'
import { replyTo } from '../server.ts'
import { Silence, type DnsPlugin, type DnsRequest, type Next } from './chain.ts'

/** Plugins that stand before the answer: acl, any, chaos, minimal, autopath. */

/** The first policy that fits says what becomes of a query (plugin/acl). */
export interface AclRule { zones: readonly string[]; policies: readonly { action: 'allow' | 'block' | 'drop' | 'filter'; types: readonly string[]; nets: readonly string[] }[] }

export class AclPlugin implements DnsPlugin {
  readonly name = 'acl'
  readonly #rules: readonly AclRule[]

  constructor(rules: readonly AclRule[]) {
    this.#rules = rules
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { address } = request.client
    for (const { zones, policies } of this.#rules) {
      if (!zones.some((z) => isBelow(z, request.name))) continue
      const policy = policies.find(({ types, nets }) => (types.length === 0 || types.includes(request.type)) && (nets.length === 0 || nets.some((net) => ipVersion(net.split('/')[0]!) === ipVersion(address) && cidrContains(net, address))))
      if (policy?.action === 'drop') throw new Silence()
      if (policy?.action === 'block') return replyTo(request.query, { rcode: 'REFUSED' })
      if (policy?.action === 'filter') return replyTo(request.query)
      if (policy) break
    }
    return yield* next()
  }
}

/** The short answer to ANY of RFC 8482. */
export class AnyPlugin implements DnsPlugin {
  *serve({ query, name, type }: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    if (type !== 'ANY') return yield* next()
    const words = ['ANY obsoleted', 'See RFC 8482'].flatMap((word) => [Uint8Array.of(word.length), encodeUtf8(word)])
    return replyTo(query, { answers: [{ name, class: 'IN', ttl: 8482, data: { type: 'OTHER', typeName: 'HINFO', bytes: concatBytes(words) } }] })
  }

  readonly name = 'any'
}

/** version.bind and its like, of class CH. */
export class ChaosPlugin implements DnsPlugin {
  readonly name = 'chaos'
  readonly #version: string
  readonly #authors: readonly string[]
  readonly #host: string

  constructor(version: string, authors: readonly string[], host: string) {
    this.#version = version
    this.#authors = authors
    this.#host = host
  }

  *serve({ query, name, type }: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    if (query.questions[0]?.class !== 'CH' || type !== 'TXT') return yield* next()
    const texts = ({ 'authors.bind.': this.#authors, 'version.bind.': [this.#version], 'version.server.': [this.#version], 'hostname.bind.': [this.#host], 'id.server.': [this.#host] } as Readonly<Record<string, readonly string[]>>)[name.toLowerCase()]
    if (!texts) return yield* next()
    return replyTo(query, { answers: texts.map((text): DnsRecord => ({ name, class: 'CH', ttl: 0, data: { type: 'TXT', strings: [text] } })) })
  }
}

/** An answer alone, without what belongs to it. */
export class MinimalPlugin implements DnsPlugin {
  *serve(_request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const reply = yield* next()
    return reply?.rcode === 'NOERROR' && reply.answers.length > 0 ? { ...reply, authorities: [], additionals: [] } : reply
  }

  readonly name = 'minimal'
}

/** Walks a Pod's search list here, so that its resolver need not: the first query of a list is answered with what a later one would find. */
export class AutopathPlugin implements DnsPlugin {
  readonly name = 'autopath'
  readonly #zones: readonly string[]
  readonly #search: (request: DnsRequest) => readonly string[]

  /** `search`: the domains of a client's list, the last one "" for the name itself; none: it is not known. */
  constructor(zones: readonly string[], search: (request: DnsRequest) => readonly string[]) {
    this.#zones = zones
    this.#search = search
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { name, query } = request
    if (!this.#zones.some((z) => isBelow(z, name))) return yield* next()
    const search = this.#search(request)
    if (search.length === 0 || !isBelow(search[0]!, name) || sameName(search[0]!, name)) return yield* next()
    const base = name.slice(0, name.length - search[0]!.length)
    let first: DnsMessage | undefined
    for (const [i, domain] of search.entries()) {
      const asked = `${base}${domain === '.' ? '' : domain}`
      const reply = yield* next({ ...request, name: asked, query: { ...query, questions: [{ ...query.questions[0]!, name: asked }] } })
      if (i === 0) first = reply
      if (!reply || ['NXDOMAIN', 'SERVFAIL', 'REFUSED', 'FORMERR', 'NOTIMP'].includes(reply.rcode)) continue
      const other = reply.answers.find((a) => !sameName(a.name, name))
      const alias: DnsRecord[] = other ? [{ name, class: 'IN', ttl: other.ttl, data: { type: 'CNAME', target: other.name } }] : []
      return { ...reply, questions: query.questions, answers: [...alias, ...reply.answers] }
    }
    return first && { ...first, questions: query.questions }
  }
}
