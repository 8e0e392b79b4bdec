import { recordType, type DnsRecord } from '../../../engine/cluster.ts'

/** A record's data as master files write it (RFC 1035 5.1). */
export function dataText(record: DnsRecord): string {
  const { data } = record
  switch (data.type) {
    case 'A':
    case 'AAAA': return data.address
    case 'CNAME':
    case 'NS':
    case 'PTR': return data.target
    case 'SOA': return `${data.primary} ${data.mailbox} ${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`
    case 'SRV': return `${data.priority} ${data.weight} ${data.port} ${data.target}`
    case 'MX': return `${data.preference} ${data.exchange}`
    case 'TXT': return data.strings.map((s) => `"${s.replace(/["\\]/g, '\\$&')}"`).join(' ')
    case 'OTHER': return `\\# ${data.bytes.length} ${Array.from(data.bytes, (b) => b.toString(16).padStart(2, '0').toUpperCase()).join('')}`
  }
}

/** Pads with tabs to a column, as dig's tables do; at least one blank. */
export function toColumn(text: string, column: number): string {
  const width = (t: string): number => [...t].reduce((w, c) => (c === '\t' ? (Math.floor(w / 8) + 1) * 8 : w + 1), 0)
  if (width(text) >= column) return `${text} `
  let out = text
  while (width(out) < column) out += '\t'
  return out
}

/** "web.default.svc.cluster.local. 30 IN	A	10.96.1.1" */
export function recordLine(record: DnsRecord): string {
  let line = toColumn(record.name, 24)
  line = toColumn(line + record.ttl, 32)
  line = toColumn(line + record.class, 40)
  line = toColumn(line + recordType(record), 48)
  return line + dataText(record)
}
