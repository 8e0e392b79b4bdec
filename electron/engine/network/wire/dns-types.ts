import { byName } from '../../own.ts'

/** DNS messages (RFC 1035, RFC 2782, RFC 3596, RFC 6891) as structure. Names end with a dot; "." is the root. */
export const DNS_TYPES = byName({
  A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, HINFO: 13, MX: 15, TXT: 16, AAAA: 28, SRV: 33, NAPTR: 35, OPT: 41, DS: 43, RRSIG: 46,
  NSEC: 47, DNSKEY: 48, SVCB: 64, HTTPS: 65, IXFR: 251, AXFR: 252, ANY: 255, CAA: 257,
} as const)

export const DNS_RCODES = [
  'NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE',
] as const

export const DNS_OPCODES = ['QUERY', 'IQUERY', 'STATUS', 'RESERVED3', 'NOTIFY', 'UPDATE'] as const

/** "A", "SRV"…; "TYPE123" for one without a name here (RFC 3597). */
export type DnsType = string
/** "IN", "CH", "HS", "ANY"; "CLASS123". */
export type DnsClass = string
/** One of {@link DNS_RCODES}, or "RCODE12". */
export type DnsRcode = string

export interface DnsQuestion {
  name: string
  type: DnsType
  class: DnsClass
}

export type DnsData =
  | { type: 'A' | 'AAAA'; address: string }
  | { type: 'CNAME' | 'NS' | 'PTR'; target: string }
  | { type: 'SOA'; primary: string; mailbox: string; serial: number; refresh: number; retry: number; expire: number; minimum: number }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
  | { type: 'MX'; preference: number; exchange: string }
  | { type: 'TXT'; strings: readonly string[] }
  | { type: 'OTHER'; typeName: DnsType; bytes: Uint8Array }

export interface DnsRecord {
  name: string
  class: DnsClass
  ttl: number
  data: DnsData
}

export interface DnsEdnsOption {
  code: number
  data: Uint8Array
}

export interface DnsEdns {
  udpSize: number
  version: number
  dnssecOk: boolean
  options: readonly DnsEdnsOption[]
}

export interface DnsMessage {
  id: number
  response: boolean
  /** One of {@link DNS_OPCODES} by number. */
  opcode: number
  authoritative: boolean
  truncated: boolean
  recursionDesired: boolean
  recursionAvailable: boolean
  authenticData: boolean
  checkingDisabled: boolean
  rcode: DnsRcode
  questions: DnsQuestion[]
  answers: DnsRecord[]
  authorities: DnsRecord[]
  /** Without the OPT record, which is `edns`. */
  additionals: DnsRecord[]
  edns?: DnsEdns
}

const TYPE_NAMES = new Map<number, string>(Object.entries(DNS_TYPES).map(([name, code]) => [code, name]))
const CLASSES: Readonly<Record<string, number>> = byName({ IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 })
const CLASS_NAMES = new Map<number, string>(Object.entries(CLASSES).map(([name, code]) => [code, name]))

export function typeCode(type: DnsType): number {
  const known = (DNS_TYPES as Readonly<Record<string, number>>)[type]
  if (known !== undefined) return known
  const match = /^TYPE(\d{1,5})$/.exec(type)
  if (!match) throw new Error(`unknown DNS type ${type}`)
  return Number(match[1])
}

export function typeName(code: number): DnsType {
  return TYPE_NAMES.get(code) ?? `TYPE${code}`
}

export function classCode(name: DnsClass): number {
  return CLASSES[name] ?? Number(name.replace(/^CLASS/, ''))
}

export function className(code: number): DnsClass {
  return CLASS_NAMES.get(code) ?? `CLASS${code}`
}

export function rcodeNumber(rcode: DnsRcode): number {
  const known = (DNS_RCODES as readonly string[]).indexOf(rcode)
  return known >= 0 ? known : rcode === 'BADVERS' ? 16 : Number(rcode.replace(/^RCODE/, ''))
}

export function rcodeName(code: number): DnsRcode {
  return DNS_RCODES[code] ?? (code === 16 ? 'BADVERS' : `RCODE${code}`)
}

export function recordType(record: DnsRecord): DnsType {
  return record.data.type === 'OTHER' ? record.data.typeName : record.data.type
}

/** A query as a stub resolver sends it. */
export function dnsQuery(id: number, name: string, type: DnsType, options?: Partial<DnsMessage>): DnsMessage {
  return {
    id, response: false, opcode: 0, authoritative: false, truncated: false, recursionDesired: true, recursionAvailable: false,
    authenticData: false, checkingDisabled: false, rcode: 'NOERROR', questions: [{ name, type, class: 'IN' }], answers: [],
    authorities: [], additionals: [], ...options,
  }
}
