import { DNS_OPCODES, type DnsEdnsOption, type DnsMessage } from '../../../engine/cluster.ts'
import { questionLine, recordLine, type RecordStyle } from './records.ts'

/** A DNS message as dig and `host -v` print it (dns_message_sectiontotext() of bind's message.c). */
export const SECTIONS = ['question', 'answer', 'authority', 'additional'] as const
export type Section = (typeof SECTIONS)[number]

/** ";; ->>HEADER<<- …", the flags, and what is odd about them. `asked`: it is a query of one's own. */
export function headerText(message: DnsMessage, asked = false): string {
  let out = `;; ->>HEADER<<- opcode: ${DNS_OPCODES[message.opcode] ?? `RESERVED${message.opcode}`}, status: ${message.rcode}, id: ${message.id}\n`
  out += `;; flags:${flagWords(message)}; QUERY: ${message.questions.length}, ANSWER: ${message.answers.length}, AUTHORITY: ${message.authorities.length}, ADDITIONAL: ${message.additionals.length + (message.edns ? 1 : 0)}\n`
  if (!asked && message.recursionDesired && !message.recursionAvailable) out += ';; WARNING: recursion requested but not available\n'
  return out
}

/** " qr aa rd" */
export function flagWords(message: DnsMessage): string {
  const flags = [['qr', message.response], ['aa', message.authoritative], ['tc', message.truncated], ['rd', message.recursionDesired], ['ra', message.recursionAvailable], ['ad', message.authenticData], ['cd', message.checkingDisabled]] as const
  return flags.filter(([, on]) => on).map(([name]) => ` ${name}`).join('')
}

/** Nothing where the section is empty; the question's heading stands over no question, too, in a query that has none. */
export function sectionText(message: DnsMessage, section: Section, style: RecordStyle, comments: boolean): string {
  const records = { answer: message.answers, authority: message.authorities, additional: message.additionals }
  const lines = section === 'question' ? message.questions.map((q) => questionLine(q, style)) : records[section].map((r) => recordLine(r, style))
  if (lines.length === 0 && (section !== 'question' || message.response)) return ''
  return (comments ? `;; ${section.toUpperCase()} SECTION:\n` : '') + lines.map((line) => `${line}\n`).join('') + (comments ? '\n' : '')
}

/** EDNS options by their codes (IANA's registry). */
export const EDNS = { nsid: 3, subnet: 8, expire: 9, cookie: 10, keepalive: 11, padding: 12 } as const

/** ";; OPT PSEUDOSECTION:" and its lines; `sent` is the query that this answers. */
export function ednsText(message: DnsMessage, sent: DnsMessage): string {
  const { edns } = message
  if (!edns) return ''
  const head = `;; OPT PSEUDOSECTION:\n; EDNS: version: ${edns.version}, flags:${edns.dnssecOk ? ' do' : ''}; udp: ${edns.udpSize}\n`
  return head + optionTexts(message, sent).map((text) => `; ${text}\n`).join('')
}

/** "COOKIE: 0102030405060708 (echoed)", one for each option. */
export function optionTexts(message: DnsMessage, sent: DnsMessage): string[] {
  return (message.edns?.options ?? []).map((option) => optionText(option, message === sent ? undefined : sent))
}

function optionText({ code, data }: DnsEdnsOption, sent: DnsMessage | undefined): string {
  const hex = Array.from(data, (b) => b.toString(16).padStart(2, '0'))
  const text = (): string => `${hex.join(' ')} ("${Array.from(data, (b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '.')).join('')}")`
  const named = (name: string, value: () => string): string => (data.length === 0 ? `${name}:` : `${name}: ${value()}`)
  switch (code) {
    case EDNS.cookie: return named('COOKIE', () => `${hex.join('')}${cookieState(data, sent)}`)
    case EDNS.subnet: return `CLIENT-SUBNET: ${subnetText(data)}`
    case EDNS.nsid: return named('NSID', text)
    case EDNS.expire: return named('EXPIRE', () => String(parseInt(hex.join(''), 16)))
    case EDNS.keepalive: return named('TCP KEEPALIVE', () => `${(parseInt(hex.join(''), 16) / 10).toFixed(1)} secs`)
    // how much it is is known only when the message is made
    case EDNS.padding: return sent ? named('PAD', () => `(${data.length} bytes)`) : 'PAD:'
    default: return named(`OPT=${code}`, text)
  }
}

/** A server that knows nothing of cookies sends the client's back; one that does adds its own part (RFC 7873). */
function cookieState(data: Uint8Array, sent: DnsMessage | undefined): string {
  const mine = sent?.edns?.options.find((o) => o.code === EDNS.cookie)?.data
  if (!mine) return ''
  if (mine.subarray(0, 8).some((b, i) => b !== data[i])) return ' (bad)'
  return data.length === mine.length ? ' (echoed)' : ' (good)'
}

/** "10.0.0.0/8/0": family, source and scope prefix, address (RFC 7871). */
function subnetText(data: Uint8Array): string {
  const [source, scope] = [data[2] ?? 0, data[3] ?? 0]
  const bytes = [...data.subarray(4)]
  const address = data[1] === 2
    ? Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16)).join(':').replace(/(^|:)0(:0)+($|:)/, '::')
    : Array.from({ length: 4 }, (_, i) => bytes[i] ?? 0).join('.')
  return `${address}/${source}/${scope}`
}
