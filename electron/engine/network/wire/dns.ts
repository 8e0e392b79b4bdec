import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../address.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { className, classCode, rcodeName, rcodeNumber, typeCode, typeName } from './dns-types.ts'
import type { DnsData, DnsEdns, DnsMessage, DnsQuestion, DnsRecord } from './dns-types.ts'

/**
 * DNS messages as bytes: RFC 1035 section 4, with name compression on both sides (unless not asked for), and EDNS(0) (RFC 6891).
 * Names of types that are newer than RFC 1035 (SRV) are not compressed (RFC 3597 section 4).
 */
export function encodeDns(message: DnsMessage, options: { compress: boolean } = { compress: true }): Uint8Array {
  const out = new ByteWriter()
  const known = options.compress ? new Map<string, number>() : undefined
  const rcode = rcodeNumber(message.rcode)
  const flags =
    (message.response ? 0x8000 : 0) | ((message.opcode & 15) << 11) | (message.authoritative ? 0x0400 : 0) |
    (message.truncated ? 0x0200 : 0) | (message.recursionDesired ? 0x0100 : 0) | (message.recursionAvailable ? 0x0080 : 0) |
    (message.authenticData ? 0x0020 : 0) | (message.checkingDisabled ? 0x0010 : 0) | (rcode & 15)
  out.u16(message.id).u16(flags).u16(message.questions.length).u16(message.answers.length)
  out.u16(message.authorities.length).u16(message.additionals.length + (message.edns ? 1 : 0))
  for (const question of message.questions) {
    writeName(out, question.name, known)
    out.u16(typeCode(question.type)).u16(classCode(question.class))
  }
  for (const record of [...message.answers, ...message.authorities, ...message.additionals]) writeRecord(out, record, known)
  if (message.edns) writeOpt(out, message.edns, rcode >> 4)
  return out.done()
}

/** Throws a {@link WireError} for bytes that are no DNS message. */
export function decodeDns(bytes: Uint8Array): DnsMessage {
  const input = new ByteReader(bytes)
  const id = input.u16()
  const flags = input.u16()
  const counts = [input.u16(), input.u16(), input.u16(), input.u16()] as const
  const questions: DnsQuestion[] = []
  for (let i = 0; i < counts[0]; i++) {
    questions.push({ name: readName(input), type: typeName(input.u16()), class: className(input.u16()) })
  }
  let edns: DnsEdns | undefined
  let extended = 0
  const section = (count: number): DnsRecord[] => {
    const records: DnsRecord[] = []
    for (let i = 0; i < count; i++) {
      const record = readRecord(input)
      if ('data' in record) records.push(record)
      else {
        edns = record.edns
        extended = record.extendedRcode
      }
    }
    return records
  }
  const answers = section(counts[1])
  const authorities = section(counts[2])
  const additionals = section(counts[3])
  return {
    id, response: (flags & 0x8000) !== 0, opcode: (flags >> 11) & 15, authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0, recursionDesired: (flags & 0x0100) !== 0, recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0, checkingDisabled: (flags & 0x0010) !== 0, rcode: rcodeName((flags & 15) | (extended << 4)),
    questions, answers, authorities, additionals, ...(edns ? { edns } : {}),
  }
}

/** The labels of a name in presentation form as bytes; `\.` and `\DDD` are RFC 1035 section 5.1's escapes. */
function nameLabels(name: string): Uint8Array[] {
  if (name === '.' || name === '') return []
  const labels: Uint8Array[] = []
  let label: number[] = []
  const text = name.endsWith('.') && !endsEscaped(name) ? name : `${name}.`
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '.') {
      if (label.length === 0) throw new WireError(`empty label in ${name}`)
      if (label.length > 63) throw new WireError(`label too long in ${name}`)
      labels.push(Uint8Array.from(label))
      label = []
    } else if (c === '\\') {
      const digits = /^\d{3}/.exec(text.slice(i + 1))
      if (digits) {
        label.push(Number(digits[0]) & 255)
        i += 3
      } else label.push(text.charCodeAt(++i) & 255)
    } else label.push(text.charCodeAt(i) & 255)
  }
  if (labels.reduce((n, l) => n + l.length + 1, 1) > 255) throw new WireError(`name too long: ${name}`)
  return labels
}

function endsEscaped(name: string): boolean {
  let slashes = 0
  for (let i = name.length - 2; i >= 0 && name[i] === '\\'; i--) slashes++
  return slashes % 2 === 1
}

function labelText(bytes: Uint8Array): string {
  let out = ''
  for (const b of bytes) {
    const c = String.fromCharCode(b)
    if (b < 0x21 || b > 0x7e) out += `\\${String(b).padStart(3, '0')}`
    else out += '.\\"();@$'.includes(c) ? `\\${c}` : c
  }
  return out
}

function writeName(out: ByteWriter, name: string, known: Map<string, number> | undefined): void {
  const labels = nameLabels(name)
  const texts = labels.map(labelText)
  for (let i = 0; i < labels.length; i++) {
    const suffix = texts.slice(i).join('.')
    const at = known?.get(suffix)
    if (at !== undefined) {
      out.u16(0xc000 | at)
      return
    }
    if (known && out.length < 0x4000) known.set(suffix, out.length)
    out.u8(labels[i]!.length).put(labels[i]!)
  }
  out.u8(0)
}

function readName(input: ByteReader): string {
  let out = ''
  let at = input.at
  let end = -1
  let jumps = 0
  for (;;) {
    const length = input.bytes[at]
    if (length === undefined) throw new WireError('truncated name')
    if (length === 0) {
      if (end < 0) end = at + 1
      break
    }
    if ((length & 0xc0) === 0xc0) {
      const low = input.bytes[at + 1]
      if (low === undefined) throw new WireError('truncated name')
      if (end < 0) end = at + 2
      if (++jumps > 64) throw new WireError('name compression loop')
      at = ((length & 0x3f) << 8) | low
      continue
    }
    if (length > 63 || at + 1 + length > input.bytes.length) throw new WireError('bad label')
    out += `${labelText(input.bytes.subarray(at + 1, at + 1 + length))}.`
    if (out.length > 1100) throw new WireError('name too long')
    at += 1 + length
  }
  input.at = end
  return out === '' ? '.' : out
}

function writeRecord(out: ByteWriter, record: DnsRecord, known: Map<string, number> | undefined): void {
  writeName(out, record.name, known)
  const data = record.data
  out.u16(typeCode(data.type === 'OTHER' ? data.typeName : data.type)).u16(classCode(record.class)).u32(record.ttl).u16(0)
  const start = out.length
  writeData(out, data, known)
  out.patch16(start - 2, out.length - start)
}

function writeData(out: ByteWriter, data: DnsData, known: Map<string, number> | undefined): void {
  switch (data.type) {
    case 'A':
      out.u32(parseIpv4(data.address) ?? 0)
      break
    case 'AAAA': {
      const value = parseIpv6(data.address) ?? 0n
      for (let shift = 112n; shift >= 0n; shift -= 16n) out.u16(Number((value >> shift) & 0xffffn))
      break
    }
    case 'CNAME': case 'NS': case 'PTR':
      writeName(out, data.target, known)
      break
    case 'SOA':
      writeName(out, data.primary, known)
      writeName(out, data.mailbox, known)
      out.u32(data.serial).u32(data.refresh).u32(data.retry).u32(data.expire).u32(data.minimum)
      break
    case 'SRV':
      out.u16(data.priority).u16(data.weight).u16(data.port)
      writeName(out, data.target, undefined)
      break
    case 'MX':
      out.u16(data.preference)
      writeName(out, data.exchange, known)
      break
    case 'TXT':
      for (const text of data.strings) {
        const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0) & 255).subarray(0, 255)
        out.u8(bytes.length).put(bytes)
      }
      break
    case 'OTHER':
      out.put(data.bytes)
  }
}

function writeOpt(out: ByteWriter, edns: DnsEdns, extendedRcode: number): void {
  out.u8(0).u16(41).u16(edns.udpSize).u8(extendedRcode).u8(edns.version).u16(edns.dnssecOk ? 0x8000 : 0)
  out.u16(edns.options.reduce((n, o) => n + 4 + o.data.length, 0))
  for (const option of edns.options) out.u16(option.code).u16(option.data.length).put(option.data)
}

function readRecord(input: ByteReader): DnsRecord | { edns: DnsEdns; extendedRcode: number } {
  const name = readName(input)
  const type = input.u16()
  const klass = input.u16()
  const ttl = input.u32()
  const length = input.u16()
  const end = input.at + length
  if (end > input.bytes.length) throw new WireError('truncated record')
  if (type === 41) {
    const options: { code: number; data: Uint8Array }[] = []
    while (input.at < end) {
      const code = input.u16()
      options.push({ code, data: input.take(input.u16()) })
    }
    if (input.at !== end) throw new WireError('bad OPT record')
    const edns = { udpSize: klass, version: (ttl >>> 16) & 255, dnssecOk: (ttl & 0x8000) !== 0, options }
    return { edns, extendedRcode: ttl >>> 24 }
  }
  const data = readData(input, typeName(type), end)
  if (input.at !== end) throw new WireError(`bad length of a ${typeName(type)} record`)
  return { name, class: className(klass), ttl, data }
}

function readData(input: ByteReader, type: string, end: number): DnsData {
  switch (type) {
    case 'A':
      return { type, address: formatIpv4(input.u32()) }
    case 'AAAA': {
      let value = 0n
      for (const b of input.take(16)) value = (value << 8n) | BigInt(b)
      return { type, address: formatIpv6(value) }
    }
    case 'CNAME': case 'NS': case 'PTR':
      return { type, target: readName(input) }
    case 'SOA':
      return {
        type, primary: readName(input), mailbox: readName(input), serial: input.u32(), refresh: input.u32(),
        retry: input.u32(), expire: input.u32(), minimum: input.u32(),
      }
    case 'SRV':
      return { type, priority: input.u16(), weight: input.u16(), port: input.u16(), target: readName(input) }
    case 'MX':
      return { type, preference: input.u16(), exchange: readName(input) }
    case 'TXT': {
      const strings: string[] = []
      while (input.at < end) strings.push(String.fromCharCode(...input.take(input.u8())))
      return { type, strings }
    }
    default:
      return { type: 'OTHER', typeName: type, bytes: input.take(end - input.at) }
  }
}

export * from './dns-types.ts'
