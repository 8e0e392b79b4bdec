import { WireError } from './bytes.ts'
import { decodeDns } from './dns.ts'
import { rcodeNumber, recordType, typeCode } from './dns-types.ts'
import type { DnsMessage, DnsRecord } from './dns-types.ts'

/** DNS messages as tcpdump's print-domain.c prints them without -v. */

const OPERATIONS = ['', ' inv_q', ' stat', ' op3', ' notify', ' update', ' op6', ' op7', ' op8', ' updateA', ' updateD', ' updateDA', ' updateM', ' updateMA', ' zoneInit', ' zoneRef']
const RESPONSES = [
  '', ' FormErr', ' ServFail', ' NXDomain', ' NotImp', ' Refused', ' YXDomain', ' YXRRSet', ' NXRRSet', ' NotAuth', ' NotZone', ' Resp11', ' Resp12', ' Resp13', ' Resp14', ' NoChange',
]

export function summariseDns(data: Uint8Array, length: number): string {
  if (data.length < 12) return `domain [length ${data.length} < 12] (invalid)`
  try {
    return `${summarise(decodeDns(data))} (${length})`
  } catch (error) {
    if (error instanceof WireError) return `[|domain]`
    throw error
  }
}

/** Over TCP a message has its length before it. */
export function summariseDnsStream(data: Uint8Array): string {
  const length = ((data[0] ?? 0) << 8) | (data[1] ?? 0)
  if (length !== data.length - 2) return ` [prefix length(${length}) != length(${data.length - 2})] (invalid)`
  return ` ${summariseDns(data.subarray(2), length)}`
}

function summarise(message: DnsMessage): string {
  const { id, opcode, questions, answers, authorities } = message
  const additional = message.additionals.length + (message.edns ? 1 : 0)
  if (message.response) {
    let text = `${id}${OPERATIONS[opcode]}${RESPONSES[rcodeNumber(message.rcode) & 15]}${message.authoritative ? '*' : ''}`
    text += `${message.recursionAvailable ? '' : '-'}${message.truncated ? '|' : ''}${message.authenticData ? '$' : ''}`
    if (questions.length !== 1) text += ` [${questions.length}q]`
    text += ` ${answers.length}/${authorities.length}/${additional}`
    return answers.length > 0 ? `${text} ${answers.map(record).join(', ')}` : text
  }
  let text = `${id}${OPERATIONS[opcode]}${message.recursionDesired ? '+' : ''}${message.checkingDisabled ? '%' : ''}`
  // Bits that a question should not have.
  const odd =
    (message.authoritative ? 0x400 : 0) | (message.truncated ? 0x200 : 0) | (message.recursionAvailable ? 0x80 : 0) | (rcodeNumber(message.rcode) & 15)
  if (odd) text += ` [b2&3=0x${flagWord(message).toString(16)}]`
  if (answers.length > 0) text += ` [${answers.length}a]`
  if (questions.length !== 1) text += ` [${questions.length}q]`
  if (authorities.length > 0) text += ` [${authorities.length}n]`
  if (additional > 0) text += ` [${additional}au]`
  return text + questions.map((q) => ` ${typeText(q.type)}${q.class === 'IN' ? '' : ` ${classText(q.class)}`}? ${q.name}`).join('')
}

function flagWord(message: DnsMessage): number {
  return (
    (message.opcode << 11) | (message.authoritative ? 0x400 : 0) | (message.truncated ? 0x200 : 0) | (message.recursionDesired ? 0x100 : 0) |
    (message.recursionAvailable ? 0x80 : 0) | (message.authenticData ? 0x20 : 0) | (message.checkingDisabled ? 0x10 : 0) | (rcodeNumber(message.rcode) & 15)
  )
}

/** Newer than tcpdump 4.99.3's table. */
const UNNAMED: ReadonlySet<string> = new Set(['SVCB', 'HTTPS', 'CAA'])

function typeText(type: string): string {
  return type.startsWith('TYPE') || UNNAMED.has(type) ? `Type${typeCode(type)}` : type
}

function classText(name: string): string {
  return name === 'CH' ? 'CHAOS' : name === 'HS' ? 'HESIOD' : name.startsWith('CLASS') ? `(Class ${name.slice(5)})` : name
}

function record(r: DnsRecord): string {
  const type = `${r.class === 'IN' ? '' : `${classText(r.class)} `}${typeText(recordType(r))}`
  const data = r.data
  switch (data.type) {
    case 'A': case 'AAAA': return `${type} ${data.address}`
    case 'CNAME': case 'NS': case 'PTR': return `${type} ${data.target}`
    case 'MX': return `${type} ${data.exchange} ${data.preference}`
    case 'SRV': return `${type} ${data.target}:${data.port} ${data.priority} ${data.weight}`
    case 'TXT': return `${type}${data.strings.map((s) => ` "${s}"`).join('')}`
    default: return type
  }
}
