import { WireError } from './bytes.ts'
import { decodeDns } from './dns.ts'
import { rcodeNumber, recordType, typeCode } from './dns-types.ts'
import type { DnsEdns, DnsMessage, DnsQuestion, DnsRecord } from './dns-types.ts'

/** DNS messages as tcpdump's print-domain.c prints them. */

const OPERATIONS = ['', ' inv_q', ' stat', ' op3', ' notify', ' update', ' op6', ' op7', ' op8', ' updateA', ' updateD', ' updateDA', ' updateM', ' updateMA', ' zoneInit', ' zoneRef']
const RESPONSES = [
  '', ' FormErr', ' ServFail', ' NXDomain', ' NotImp', ' Refused', ' YXDomain', ' YXRRSet', ' NXRRSet', ' NotAuth', ' NotZone', ' Resp11', ' Resp12', ' Resp13', ' Resp14', ' NoChange',
]

export function summariseDns(data: Uint8Array, length: number, verbose = 0): string {
  if (data.length < 12) return `domain [length ${data.length} < 12] (invalid)`
  try {
    return `${summarise(decodeDns(data), verbose)} (${length})`
  } catch (error) {
    if (error instanceof WireError) return `[|domain]`
    throw error
  }
}

/** Over TCP a message has its length before it. */
export function summariseDnsStream(data: Uint8Array, verbose = 0): string {
  const length = ((data[0] ?? 0) << 8) | (data[1] ?? 0)
  if (length !== data.length - 2) return ` [prefix length(${length}) != length(${data.length - 2})] (invalid)`
  return ` ${summariseDns(data.subarray(2), length, verbose)}`
}

function summarise(message: DnsMessage, verbose: number): string {
  const { id, opcode, questions, answers, authorities } = message
  const additional = message.additionals.length + (message.edns ? 1 : 0)
  if (message.response) {
    let text = `${id}${OPERATIONS[opcode]}${RESPONSES[rcodeNumber(message.rcode) & 15]}${message.authoritative ? '*' : ''}`
    text += `${message.recursionAvailable ? '' : '-'}${message.truncated ? '|' : ''}${message.authenticData ? '$' : ''}`
    if (questions.length !== 1) text += ` [${questions.length}q]`
    if (verbose > 1) text += ` q:${questions.map(question).join(',')}`
    text += ` ${answers.length}/${authorities.length}/${additional}`
    return text + list('', answers.map((r) => record(r, verbose))) + rest(message, verbose)
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
  return text + questions.map(question).join('') + (verbose < 2 ? '' : list('', answers.map((r) => record(r, verbose)))) + rest(message, verbose)
}

const list = (label: string, records: readonly string[]): string => (records.length > 0 ? `${label} ${records.join(', ')}` : '')

/** With -vv: the other two sections. */
function rest({ authorities, additionals, edns }: DnsMessage, verbose: number): string {
  if (verbose < 2) return ''
  return list(' ns:', authorities.map((r) => record(r, verbose))) + list(' ar:', [...additionals.map((r) => record(r, verbose)), ...(edns ? [options(edns)] : [])])
}

const question = (q: DnsQuestion): string => ` ${typeText(q.type)}${q.class === 'IN' ? '' : ` ${classText(q.class)}`}? ${q.name}`

function options({ udpSize, dnssecOk, options }: DnsEdns): string {
  const shown = options.map(({ code, data }) => `${code === 10 ? 'COOKIE' : `Opt${code}`} ${Array.from(data, (b) => b.toString(16).padStart(2, '0')).join('')}`)
  return `. OPT UDPsize=${udpSize}${dnssecOk ? ' DO' : ''}${shown.length > 0 ? ` [${shown.join(',')}]` : ''}`
}

/** addrtoname.c: "1h1m1s" */
function lifetime(seconds: number): string {
  let rest = seconds
  let out = ''
  for (const [unit, size] of [['w', 604800], ['d', 86400], ['h', 3600], ['m', 60], ['s', 1]] as const) {
    if (rest < size) continue
    out += `${Math.floor(rest / size)}${unit}`
    rest %= size
  }
  return out === '' ? '0s' : out
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

function record(r: DnsRecord, verbose: number): string {
  const type = `${verbose > 0 ? `${r.name} ` : ''}${verbose > 2 ? `[${lifetime(r.ttl)}] ` : ''}${r.class === 'IN' ? '' : `${classText(r.class)} `}${typeText(recordType(r))}`
  const data = r.data
  switch (data.type) {
    case 'A': case 'AAAA': return `${type} ${data.address}`
    case 'CNAME': case 'NS': case 'PTR': return `${type} ${data.target}`
    case 'MX': return `${type} ${data.exchange} ${data.preference}`
    case 'SRV': return `${type} ${data.target}:${data.port} ${data.priority} ${data.weight}`
    case 'TXT': return `${type}${data.strings.map((s) => ` "${s}"`).join('')}`
    case 'SOA': return verbose > 0 ? `${type} ${data.primary} ${data.mailbox} ${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}` : type
    default: return type
  }
}
