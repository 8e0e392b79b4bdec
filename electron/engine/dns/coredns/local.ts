import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import { replyTo } from '../server.ts'
import type { DnsPlugin, DnsRequest, Next } from './chain.ts'

/** Names and addresses of the machine itself, which nobody else need be asked for (plugin/local, RFC 6303). */
const ZONES = ['localhost.', '0.in-addr.arpa.', '127.in-addr.arpa.', '255.in-addr.arpa.']
const TTL = 604_800

export class LocalPlugin implements DnsPlugin {
  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { name, type, query } = request
    const lower = name.toLowerCase()
    const record = (data: DnsRecord['data'], of = name): DnsRecord => ({ name: of, class: 'IN', ttl: TTL, data })
    const soa = (of: string): DnsRecord => record({ type: 'SOA', primary: 'localhost.', mailbox: 'root.localhost.', serial: 1, refresh: 0, retry: 0, expire: 0, minimum: TTL }, of)
    const loopback = (): DnsMessage | undefined => (type === 'A' ? replyTo(query, { answers: [record({ type, address: '127.0.0.1' })] }) : type === 'AAAA' ? replyTo(query, { answers: [record({ type, address: '::1' })] }) : undefined)
    // what a search list makes of localhost
    if (lower.startsWith('localhost.') && lower !== 'localhost.') return loopback() ?? replyTo(query, { authorities: [soa(name)] })
    const zone = ZONES.find((z) => isBelow(z, name))
    if (zone === undefined) return yield* next()
    if (ZONES.includes(lower)) {
      const address = lower === 'localhost.' ? loopback() : undefined
      if (address) return address
      if (type === 'SOA') return replyTo(query, { answers: [soa(name)] })
      return type === 'NS' ? replyTo(query, { answers: [record({ type, target: 'localhost.' })] }) : replyTo(query, { authorities: [soa(name)] })
    }
    if (lower !== '1.0.0.127.in-addr.arpa.') return replyTo(query, { rcode: 'NXDOMAIN', authorities: [soa(zone)] })
    return type === 'PTR' ? replyTo(query, { answers: [record({ type, target: 'localhost.' })] }) : replyTo(query, { authorities: [soa(zone)] })
  }

  readonly name = 'local'
}
