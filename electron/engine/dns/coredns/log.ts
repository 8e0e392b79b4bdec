import type { Task } from '../../machine/task.ts'
import { joinHostPort } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'

/** CoreDNS' log plugin: a line for each query (plugin/log, plugin/pkg/replacer). */
export interface LogRule {
  zone: string
  format: string
  classes: ReadonlySet<'all' | 'denial' | 'error' | 'success'>
}

/** What other plugins know of a query, by its label (plugin/metadata). */
export type Metadata = (request: DnsRequest, label: string) => string | undefined

const COMMON = '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'
export const LOG_FORMATS = { common: COMMON, combined: `${COMMON} "{>opcode}"` }

export class LogPlugin implements DnsPlugin {
  readonly name = 'log'
  readonly #context: PluginContext
  readonly #rules: readonly LogRule[]
  readonly #metadata: Metadata

  constructor(context: PluginContext, rules: readonly LogRule[], metadata: Metadata) {
    this.#metadata = metadata
    this.#context = context
    this.#rules = rules
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const rule = this.#rules.find((r) => isBelow(r.zone, request.name))
    if (!rule) return yield* next()
    const { clock } = this.#context.process
    const began = clock.now
    const reply = yield* next()
    if (rule.classes.has('all') || rule.classes.has(classOf(reply))) {
      this.#context.log(`[INFO] ${rule.format.replace(/\{[^{}]+\}/g, (label) => (label.startsWith('{/') ? this.#metadata(request, label.slice(2, -1)) || '-' : valueOf(label, request, reply, clock.now - began)))}`)
    }
    return reply
  }
}

function classOf(reply: DnsMessage | undefined): 'denial' | 'error' | 'success' {
  if (!reply || !['NOERROR', 'NXDOMAIN'].includes(reply.rcode)) return 'error'
  const delegated = reply.authorities.some((r) => r.data.type === 'NS')
  return reply.rcode === 'NOERROR' && (reply.answers.length > 0 || delegated || !reply.authorities.some((r) => r.data.type === 'SOA')) ? 'success' : 'denial'
}

function valueOf(label: string, { client, query, name, type }: DnsRequest, reply: DnsMessage | undefined, ms: number): string {
  switch (label) {
    case '{remote}':
      return joinHostPort(client.address, 0).replace(/:0$/, '')
    case '{port}':
      return String(client.port)
    case '{type}':
      return type
    case '{class}':
      return query.questions[0]?.class ?? 'IN'
    case '{name}':
      return name.toLowerCase()
    case '{proto}':
      return client.protocol
    case '{size}':
      return String(client.size)
    case '{>id}':
      return String(query.id)
    case '{>opcode}':
      return String(query.opcode)
    case '{>do}':
      return String(query.edns?.dnssecOk ?? false)
    case '{>bufsize}':
      return String(client.protocol === 'tcp' ? 65_535 : Math.max(512, query.edns?.udpSize ?? 512))
    case '{rcode}':
      return reply?.rcode ?? '-'
    case '{>rflags}':
      return reply ? flagsOf(reply) : '-'
    case '{rsize}':
      return reply ? String(uncompressedSize(reply)) : '0'
    case '{duration}':
      return `${(ms / 1000).toFixed(9).replace(/0+$/, '').replace(/\.$/, '')}s`
    default:
      return '-'
  }
}

function flagsOf(reply: DnsMessage): string {
  return ['qr', ...(reply.authoritative ? ['aa'] : []), ...(reply.truncated ? ['tc'] : []), ...(reply.recursionDesired ? ['rd'] : []), ...(reply.recursionAvailable ? ['ra'] : []), ...(reply.authenticData ? ['ad'] : []), ...(reply.checkingDisabled ? ['cd'] : [])].join(',')
}

/** As the plugin counts it: names are not compressed. */
export function uncompressedSize(reply: DnsMessage): number {
  const length = ({ data }: DnsRecord): number => {
    switch (data.type) {
      case 'A':
        return 4
      case 'AAAA':
        return 16
      case 'SRV':
        return 6 + data.target.length + 1
      case 'SOA':
        return 20 + data.primary.length + data.mailbox.length + 2
      case 'MX':
        return 2 + data.exchange.length + 1
      case 'TXT':
        return data.strings.reduce((n, s) => n + s.length + 1, 0)
      case 'OTHER':
        return data.bytes.length
      default:
        return data.target.length + 1
    }
  }
  const questions = reply.questions.reduce((n, q) => n + q.name.length + 5, 0)
  const records = [...reply.answers, ...reply.authorities, ...reply.additionals]
  return 12 + questions + records.reduce((n, r) => n + r.name.length + 11 + length(r), 0) + (reply.edns ? 11 : 0)
}
