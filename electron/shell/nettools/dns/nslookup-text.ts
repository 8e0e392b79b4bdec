import { type DnsMessage, type DnsRecord } from '../../../engine/cluster.ts'
import { bareName } from './bind.ts'
import { dataText } from './records.ts'

/** What nslookup of bind 9.18 writes of records and messages (nslookup.c). */
export function recordText(record: DnsRecord): string {
  const { data } = record
  return data.type === 'A' || data.type === 'AAAA' ? `Name:\t${bareName(record.name)}\nAddress: ${data.address}\n` : shortText(record)
}

/** In the sections beside the answer addresses are in one line, too. */
export const shortText = (record: DnsRecord): string => (record.data.type === 'SOA' ? `${bareName(record.name)}\n${dataLines(record)}` : `${bareName(record.name)}${dataLines(record)}`)

function dataLines(record: DnsRecord): string {
  const { data } = record
  switch (data.type) {
    case 'A': return `\tinternet address = ${data.address}\n`
    case 'AAAA': return `\thas AAAA address ${data.address}\n`
    case 'CNAME': return `\tcanonical name = ${data.target}\n`
    case 'PTR': return `\tname = ${data.target}\n`
    case 'SRV': return `\tservice = ${dataText(record)}\n`
    case 'NS': return `\tnameserver = ${data.target}\n`
    case 'MX': return `\tmail exchanger = ${dataText(record)}\n`
    case 'TXT': return `\ttext = ${dataText(record)}\n`
    case 'SOA': return `\torigin = ${bareName(data.primary)}\n\tmail addr = ${bareName(data.mailbox)}\n\tserial = ${data.serial}\n\trefresh = ${data.refresh}\n\tretry = ${data.retry}\n\texpire = ${data.expire}\n\tminimum = ${data.minimum}\n`
    case 'OTHER': return `\t${data.typeName} = ${dataText(record)}\n`
  }
}

/** set debug */
export function debugText({ questions, answers, authorities, additionals }: DnsMessage): string {
  const section = (records: readonly DnsRecord[]): string => records.map((r) => `    ->  ${bareName(r.name)}\n${dataLines(r)}\tttl = ${r.ttl}\n`).join('')
  const asked = questions.map((q) => `\t${bareName(q.name)}, type = ${q.type}, class = ${q.class}\n`).join('')
  return `------------\n    QUESTIONS:\n${asked}    ANSWERS:\n${section(answers)}    AUTHORITY RECORDS:\n${section(authorities)}    ADDITIONAL RECORDS:\n${section(additionals)}------------\n`
}
