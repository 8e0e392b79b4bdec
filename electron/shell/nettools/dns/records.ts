import { classCode, dnsQuery, encodeDns, recordType, typeCode, type DnsQuestion, type DnsRecord } from '../../../engine/cluster.ts'

/** How records are laid out: dns_master_stylecreate() of bind's masterdump.c. */
export interface RecordStyle {
  /** Columns of TTL, class, type and data. */
  columns: readonly [number, number, number, number]
  ttl: boolean
  class: boolean
  /** "1h" instead of "3600". */
  units: boolean
  /** A SOA record over several lines. */
  multiline: boolean
  /** AAAA without "::". */
  expand: boolean
  /** Types, classes and data as RFC 3597 has them for what is not known. */
  unknown?: boolean
}

export const PLAIN_STYLE: RecordStyle = { columns: [24, 32, 40, 48], ttl: true, class: true, units: false, multiline: false, expand: false }

/** A record's data as master files write it (RFC 1035 5.1). */
export function dataText(record: DnsRecord, style: RecordStyle = PLAIN_STYLE): string {
  const { data } = record
  if (style.unknown) return generic(dataBytes(record))
  switch (data.type) {
    case 'A': return data.address
    case 'AAAA': return style.expand ? expanded(data.address) : data.address
    case 'CNAME':
    case 'NS':
    case 'PTR': return data.target
    case 'SOA': {
      const numbers = [data.serial, data.refresh, data.retry, data.expire, data.minimum]
      if (!style.multiline) return `${data.primary} ${data.mailbox} ${numbers.join(' ')}`
      const margin = '\t'.repeat(style.columns[3] / 8)
      const meanings = ['serial', 'refresh', 'retry', 'expire', 'minimum'].map((word, i) => (i === 0 ? word : `${word} (${duration(numbers[i]!)})`))
      return `${data.primary} ${data.mailbox} (\n${numbers.map((n, i) => `${margin}${String(n).padEnd(10)} ; ${meanings[i]}\n`).join('')}${margin})`
    }
    case 'SRV': return `${data.priority} ${data.weight} ${data.port} ${data.target}`
    case 'MX': return `${data.preference} ${data.exchange}`
    case 'TXT': return data.strings.map((s) => `"${s.replace(/["\\]/g, '\\$&').replace(/[^ -~]/g, (c) => `\\${String(c.charCodeAt(0) & 255).padStart(3, '0')}`)}"`).join(' ')
    case 'OTHER': return generic(data.bytes)
  }
}

const generic = (bytes: Uint8Array): string => `\\# ${bytes.length}${bytes.length > 0 ? ` ${Array.from(bytes, (b) => b.toString(16).padStart(2, '0').toUpperCase()).join('')}` : ''}`

/** A record's data as it travels, its names whole. */
function dataBytes(record: DnsRecord): Uint8Array {
  const alone = (answers: DnsRecord[]): Uint8Array => encodeDns({ ...dnsQuery(0, '.', 'A'), questions: [], answers }, { compress: false })
  // header 12, name of the root 1, type, class, TTL and length 10
  return alone([{ ...record, name: '.' }]).slice(12 + 1 + 10)
}

function expanded(address: string): string {
  const [head, tail] = address.split('::') as [string, string?]
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : [])
  const [front, back] = [groups(head), groups(tail)]
  return [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back].map((g) => g.padStart(4, '0')).join(':')
}

const UNITS = [['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]] as const

function parts(seconds: number): [string, number][] {
  let left = seconds
  const found: [string, number][] = []
  for (const [unit, length] of UNITS) {
    const n = Math.floor(left / length)
    left %= length
    if (n > 0) found.push([unit, n])
  }
  return found.length > 0 ? found : [['second', 0]]
}

/** "1 day 2 hours" */
const duration = (seconds: number): string => parts(seconds).map(([unit, n]) => `${n} ${unit}${n === 1 ? '' : 's'}`).join(' ')

/** Goes on to a column with tabs and blanks, at least one of them: indent() of masterdump.c. */
class Line {
  text = ''
  #column = 0

  add(text: string): this {
    this.text += text
    this.#column += text.length
    return this
  }

  to(column: number): this {
    const end = Math.max(column, this.#column + 1)
    const tabs = Math.floor(end / 8) - Math.floor(this.#column / 8)
    const from = tabs > 0 ? Math.floor(end / 8) * 8 : this.#column
    this.text += '\t'.repeat(Math.max(0, tabs)) + ' '.repeat(end - from)
    this.#column = end
    return this
  }
}

/** "web.default.svc.cluster.local. 30 IN	A	10.96.1.1" */
export function recordLine(record: DnsRecord, style: RecordStyle = PLAIN_STYLE): string {
  const [ttl, klass, type, data] = style.columns
  const line = new Line().add(record.name)
  if (style.ttl) line.to(ttl).add(style.units ? parts(record.ttl).map(([unit, n]) => `${n}${unit[0]}`).join('') : String(record.ttl))
  if (style.class) line.to(klass).add(className(record.class, style))
  return line.to(type).add(typeName(recordType(record), style)).to(data).text + dataText(record, style)
}

/** ";web.			IN	A" */
export function questionLine({ name, class: klass, type }: DnsQuestion, style: RecordStyle = PLAIN_STYLE): string {
  return `;${new Line().add(name).to(style.columns[1]).add(className(klass, style)).to(style.columns[2]).add(typeName(type, style)).text}`
}

const className = (name: string, { unknown }: RecordStyle): string => (unknown ? `CLASS${classCode(name)}` : name)
const typeName = (name: string, { unknown }: RecordStyle): string => (unknown ? `TYPE${typeCode(name)}` : name)
