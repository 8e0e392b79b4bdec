import type { Task } from '../../machine/task.ts'
import type { DnsMessage } from '../../network/wire/dns.ts'
import { encodeUtf8 } from '../../text.ts'
import type { DnsPlugin, DnsRequest, Next } from './chain.ts'

/** The option's code (RFC 5001). */
export const NSID = 3

/** Tells who asks for it which server answers (RFC 5001, plugin/nsid). */
export class NsidPlugin implements DnsPlugin {
  readonly name = 'nsid'
  readonly #data: Uint8Array

  constructor(text: string) {
    this.#data = encodeUtf8(text)
  }

  *serve({ query }: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const reply = yield* next()
    const { edns } = query
    if (!reply || !edns?.options.some((o) => o.code === NSID)) return reply
    const own = { code: NSID, data: this.#data }
    if (!reply.edns) return { ...reply, edns: { ...edns, dnssecOk: true, options: [own] } }
    const { options } = reply.edns
    const filled = options.some((o) => o.code === NSID) ? options.map((o) => (o.code === NSID ? own : o)) : [...options, own]
    return { ...reply, edns: { ...reply.edns, options: filled } }
  }
}
