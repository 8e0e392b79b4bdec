import { DNS_OPCODES, encodeDns, type DnsMessage } from '../../../engine/cluster.ts'
import { flagWords, optionTexts, SECTIONS, type Section } from './message-text.ts'
import { questionLine, recordLine, type RecordStyle } from './records.ts'

/** dig +yaml (printmessage() of dig.c, dns_message_*totext() of message.c). */
export interface YamlFacts {
  message: DnsMessage
  sent: DnsMessage
  /** Wall clock in ms: of the query, and of its answer if this is one. */
  asked: number
  answered: number | undefined
  /** Bytes; of a query it is counted here. */
  size: number | undefined
  tcp: boolean
  server: string
  port: number
}

export interface YamlShown { sections: Readonly<Record<Section, boolean>>; comments: boolean; short: boolean }

const YAML_STYLE: Omit<RecordStyle, 'ttl' | 'class' | 'expand' | 'unknown'> = { columns: [0, 0, 0, 0], units: false, multiline: false }

export function yamlMessage({ message, sent, asked, answered, size, tcp, server, port }: YamlFacts, { sections, comments, short }: YamlShown, style: RecordStyle): string {
  const isQuery = answered === undefined
  const lines = [
    '- type: MESSAGE', '  message:',
    `    type: ${message.recursionDesired ? 'RECURSIVE' : 'AUTH'}_${isQuery ? 'QUERY' : 'RESPONSE'}`,
    `    query_time: !!timestamp ${new Date(asked).toISOString()}`,
    ...(isQuery ? [] : [`    response_time: !!timestamp ${new Date(answered).toISOString()}`]),
    `    message_size: ${size ?? encodeDns(message).length}b`,
    `    socket_family: ${server.includes(':') ? 'INET6' : 'INET'}`, `    socket_protocol: ${tcp ? 'TCP' : 'UDP'}`,
    `    response_address: "${server}"`, `    response_port: ${port}`,
    // dig does not look where its own socket is
    `    query_address: "${server.includes(':') ? '::' : '0.0.0.0'}"`, '    query_port: 0',
    `    ${isQuery ? 'query' : 'response'}_message_data:`,
    `      opcode: ${DNS_OPCODES[message.opcode] ?? `RESERVED${message.opcode}`}`, `      status: ${message.rcode}`, `      id: ${message.id}`, `      flags:${flagWords(message)}`,
    `      QUESTION: ${message.questions.length}`, `      ANSWER: ${message.answers.length}`, `      AUTHORITY: ${message.authorities.length}`, `      ADDITIONAL: ${message.additionals.length + (message.edns ? 1 : 0)}`,
  ]
  const { edns } = message
  if (edns && comments && !short) {
    lines.push('      OPT_PSEUDOSECTION:', '        EDNS:', `          version: ${edns.version}`, `          flags:${edns.dnssecOk ? ' do' : ''}`, `          udp: ${edns.udpSize}`)
    for (const text of optionTexts(message, sent)) lines.push(`          ${text.replace(/^TCP KEEPALIVE/, 'TCP-KEEPALIVE')}`)
  }
  const records = { answer: message.answers, authority: message.authorities, additional: message.additionals }
  const plain: RecordStyle = { ...style, ...YAML_STYLE }
  for (const section of short ? [] : SECTIONS) {
    const rows = section === 'question' ? message.questions.map((q) => questionLine(q, plain).replace(/^;/, '')) : records[section].map((r) => recordLine(r, plain))
    if (!sections[section] || rows.length === 0) continue
    lines.push(`      ${section.toUpperCase()}_SECTION:`, ...rows.map((row) => `        - '${row.replace(/\t+/g, ' ').replaceAll("'", "''")}'`))
  }
  return `${lines.join('\n')}\n`
}

export const yamlError = (text: string): string => `- type: DIG_ERROR\n  message: |\n    ${text}\n`
