import { concatBytes, decodeUtf8, dnsQuery, encodeDns, type DnsEdnsOption, type DnsMessage, type DnsRecord, type Process, type Task } from '../../../engine/cluster.ts'
import { askServers, bindNames, nameFault, type BindAnswer } from './bind.ts'
import { DigArguments, emptyLookup, fatal, notSimulated, type Ended, type Globals, type Lookup } from './dig-options.ts'
import { yamlError, yamlMessage } from './message-yaml.ts'
import { EDNS, ednsText, headerText, sectionText, SECTIONS } from './message-text.ts'
import { resolverConfig } from './query.ts'
import { dataText, recordLine, type RecordStyle } from './records.ts'

/** dig(1), bind9 9.18. */
export function* dig(process: Process): Task<number> {
  const globals: Globals = { short: false, yaml: false, cmd: true, microseconds: false, family: undefined, port: undefined, source: undefined, batch: undefined, greeted: false }
  const defaults = emptyLookup()
  const run = function* (words: readonly string[]): Task<number | Ended> {
    const line = new DigArguments(process, globals, defaults)
    const ended = yield* line.parse(words)
    if (ended) return ended
    let code = 0
    for (const { lookup, greeting } of line.lookups) {
      const result = yield* lookUp(process, globals, lookup, greeting)
      if (typeof result === 'object') return result
      code = Math.max(code, result)
    }
    return code
  }
  let code = yield* run(process.argv.slice(1))
  if (typeof code === 'number' && globals.batch !== undefined) {
    const lines = yield* batchLines(process, globals.batch)
    if (!Array.isArray(lines)) return yield* end(process, lines)
    globals.batch = undefined
    for (const line of lines) {
      const result = yield* run(line.split(/\s+/).filter((w) => w !== ''))
      if (typeof result === 'object') return yield* end(process, result)
      code = Math.max(code, result)
    }
  }
  return typeof code === 'number' ? code : yield* end(process, code)
}

function* end(process: Process, { stdout, stderr, code }: Ended): Task<number> {
  if (stdout !== undefined) yield* process.print(stdout)
  if (stderr !== undefined) yield* process.printError(stderr)
  return code
}

function* batchLines(process: Process, name: string): Task<string[] | Ended> {
  try {
    const text = name === '-' ? yield* readAll(process) : process.fs.readText(process.resolve(name))
    return text.split('\n').filter((line, i, all) => i + 1 < all.length || line !== '')
  } catch (error) {
    return { stderr: `${name}: ${(error as Error).message}\ndig: couldn't open specified batch file\n`, code: 8 }
  }
}

function* readAll(process: Process): Task<string> {
  const decoder: Uint8Array[] = []
  for (;;) {
    const data = yield* process.read(0)
    if (data === null) return decodeUtf8(concatBytes(decoder))
    decoder.push(data)
  }
}

function styleOf({ ttl, klass, units, multiline, expand, unknown }: Lookup): RecordStyle {
  const columns = multiline || (!ttl && !klass) ? [24, 24, 24, 32] as const : !ttl || !klass ? [24, 24, 32, 40] as const : [24, 32, 40, 48] as const
  return { columns, ttl, class: klass, units, multiline, expand, unknown }
}

/** Where servers listen, by how they are asked. */
const PORTS = { plain: 53, TLS: 853, HTTPS: 443, 'HTTPS-GET': 443, HTTP: 80, 'HTTP-GET': 80 } as const

const isTransfer = (type: string): boolean => type === 'AXFR' || type === 'IXFR'

function* lookUp(process: Process, globals: Globals, lookup: Lookup, greeting: string): Task<number | Ended> {
  const fault = nameFault(lookup.name)
  if (fault !== undefined) return fatal(`'${lookup.name}' is not a legal name (${fault})`, 10)
  const config = resolverConfig(process)
  const servers = lookup.servers ?? config.nameservers.map((address) => ({ word: address, address })).filter(({ address }) => globals.family === undefined || (globals.family === 6) === address.includes(':'))
  if (servers.length === 0) servers.push(globals.family === 6 ? { word: '::1', address: '::1' } : { word: '127.0.0.1', address: '127.0.0.1' })
  const transfer = isTransfer(lookup.type)
  const shown = transfer ? { ...lookup, comments: lookup.transferShows.comments, sections: { ...lookup.sections, question: lookup.transferShows.question } } : lookup
  const { transport } = lookup
  if (transport && transfer) return notSimulated(`+${transport.kind.toLowerCase()} of a zone transfer`, 'use dig without it')
  const tcp = transfer || lookup.tcp === true || transport !== undefined
  const port = globals.port ?? PORTS[transport?.kind ?? 'plain']
  let asked = process.clock.wall()
  const yaml = (message: DnsMessage, sent: DnsMessage, answer: BindAnswer | undefined): string => yamlMessage({
    message, sent, asked, answered: answer && process.clock.wall(), size: answer?.size, tcp: answer?.tcp ?? tcp, server: answer?.server ?? servers[0]!.address, port,
  }, { sections: lookup.sections, comments: lookup.comments, short: globals.short }, styleOf(lookup))
  const names = lookup.search ? bindNames(lookup.name, { search: lookup.domain === undefined ? config.search : [lookup.domain], ndots: lookup.ndots ?? config.ndots }) : [lookup.name]
  let banner = globals.cmd && !globals.short ? greeting : ''
  const takeBanner = (): string => {
    const text = banner
    banner = ''
    return text
  }
  for (const [i, name] of names.entries()) {
    const result = yield* askServers(process, {
      name, text: lookup.name, type: lookup.type, servers: servers.map((s) => s.address), port, tcp, transport, timeout: (lookup.timeout ?? (tcp ? 10 : 5)) * 1000, tries: lookup.tries, recursion: lookup.flags.rd, edns: false,
      ignoreTruncation: lookup.ignore, servfailStops: lookup.fail, message: messageOf(process, lookup, name), ...(globals.source ? { source: globals.source } : {}),
    }, {
      sending: function* (sent) {
        asked = process.clock.wall()
        if (lookup.showQuery) yield* process.print(globals.yaml ? yaml(sent, sent, undefined) : takeBanner() + queryText(sent, shown))
      },
      truncated: function* () {
        if (lookup.comments && !globals.short && !globals.yaml) yield* process.print(';; Truncated, retrying in TCP mode.\n')
      },
      failed: function* (server, next) {
        if (lookup.comments && !globals.short) yield* process.print(`;; Got SERVFAIL reply from ${server}${next ? ', trying next server' : ''}\n`)
      },
      ...(globals.yaml ? { unreachable: function* (connection: boolean) {
        if (connection) yield* process.print(yamlError('no servers could be reached'))
      } } : {}),
    })
    if ('failure' in result) {
      if (!result.silent) yield* process.print(takeBanner() + (globals.yaml ? yamlError('no servers could be reached') : ';; no servers could be reached\n'))
      return result.code ?? 9
    }
    const last = i + 1 === names.length
    if (result.message.rcode === 'NXDOMAIN' && !last && !lookup.showSearch) continue
    const server = servers.find((s) => s.address === result.server)!
    if (transfer) yield* process.print(takeBanner() + transferText(result, shown, { ...globals, port }, server.word, process.clock.wall()))
    else if (globals.yaml) yield* process.print(yaml(result.message, result.sent, result) + (globals.short ? shortText(result, shown) : ''))
    else if (globals.short) yield* process.print(shortText(result, shown))
    else yield* process.print(takeBanner() + messageText(result.message, result.sent, shown) + statsText(result, shown, { ...globals, port }, server.word, process.clock.wall(), `;; MSG SIZE  rcvd: ${result.size}\n`))
    if (result.message.rcode !== 'NXDOMAIN' || last) break
    banner = globals.cmd && !globals.short ? greeting : ''
  }
  return 0
}

function messageOf(process: Process, { type, class: klass, flags, opcode, headerOnly, id, edns, bufferSize, dnssec, cookie, options, furtherOptions, padding }: Lookup, name: string): Partial<DnsMessage> {
  const random = process.clock.random.fork(`cookie ${process.machine.name} ${process.pid}`)
  const mine = cookie instanceof Uint8Array ? cookie : Uint8Array.from({ length: 8 }, () => random.below(256))
  const first = options.filter((o) => o.code === EDNS.nsid || o.code === EDNS.subnet)
  const message = (padded: readonly DnsEdnsOption[]): Partial<DnsMessage> => ({
    ...(id === undefined ? {} : { id }), opcode, authoritative: flags.aa, truncated: flags.tc, recursionAvailable: flags.ra, authenticData: flags.ad, checkingDisabled: flags.cd,
    questions: headerOnly ? [] : [{ name: name.endsWith('.') ? name : `${name}.`, type, class: klass }],
    ...(edns === undefined ? {} : { edns: { udpSize: bufferSize, version: edns, dnssecOk: dnssec, options: [...first, ...(cookie === false ? [] : [{ code: EDNS.cookie, data: mine }]), ...options.filter((o) => !first.includes(o)), ...furtherOptions, ...padded] } }),
  })
  if (padding === 0 || edns === undefined) return message([])
  // RFC 7830: so that the whole is a multiple of it
  const pad = (n: number): DnsEdnsOption[] => [{ code: EDNS.padding, data: new Uint8Array(n) }]
  const length = encodeDns({ ...dnsQuery(0, name, type), ...message(pad(0)) }).length
  return message(pad((padding - (length % padding)) % padding))
}

/** printmessage() of dig.c. */
function messageText(message: DnsMessage, sent: DnsMessage, lookup: Lookup): string {
  const style = styleOf(lookup)
  const asked = message === sent
  let out = ''
  if (lookup.comments) {
    out += asked ? ';; Sending:\n' : ';; Got answer:\n'
    if (/(^|\.)local\.$/i.test(message.questions[0]?.name ?? '')) out += ';; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an mDNS query is leaked to DNS\n'
    out += `${headerText(message, asked)}\n${ednsText(message, sent)}`
  }
  for (const section of SECTIONS) if (lookup.sections[section]) out += sectionText(message, section, style, lookup.comments)
  return out
}

function queryText(sent: DnsMessage, lookup: Lookup): string {
  return messageText(sent, sent, lookup) + (lookup.stats ? `;; QUERY SIZE: ${encodeDns(sent).length}\n\n` : '')
}

function shortText({ message, server, ms }: BindAnswer, lookup: Lookup): string {
  if (!lookup.sections.answer) return ''
  const from = lookup.identify ? ` from server ${server} in ${Math.round(ms)} ms.` : ''
  return message.answers.map((r) => `${dataText(r, styleOf({ ...lookup, multiline: false }))}${from}\n`).join('')
}

function transferText(result: BindAnswer, lookup: Lookup, globals: Globals, word: string, wall: number): string {
  const { answers, rcode } = result.message
  if (rcode !== 'NOERROR' || answers[0]?.data.type !== 'SOA') return '; Transfer failed.\n'
  const rows: DnsRecord[] = lookup.oneSoa && !globals.short ? answers.slice(0, -1) : answers
  if (globals.short) return rows.map((r) => `${dataText(r)}\n`).join('')
  return (lookup.sections.answer ? rows.map((r) => `${recordLine(r, styleOf(lookup))}\n`).join('') : '') + statsText(result, lookup, globals, word, wall, `;; XFR size: ${answers.length} records (messages 1, bytes ${result.size})\n`)
}

function statsText({ server, ms, tcp, size }: BindAnswer, lookup: Lookup, globals: Globals, word: string, wall: number, sizes: string): string {
  const where = `${server}#${globals.port}(${word})`
  if (lookup.stats) return `;; Query time: ${globals.microseconds ? `${Math.round(ms * 1000)} usec` : `${Math.round(ms)} msec`}\n;; SERVER: ${where} (${lookup.transport?.kind ?? (tcp ? 'TCP' : 'UDP')})\n;; WHEN: ${dateText(wall)}\n${sizes}\n`
  return lookup.identify ? `;; Received ${size} bytes from ${where} in ${Math.round(ms)} ms\n\n` : ''
}

/** "Mon Jan 05 08:00:00 UTC 2026" */
function dateText(wall: number): string {
  const [day, date, month, year, time] = new Date(wall).toUTCString().replace(',', '').split(' ')
  return `${day} ${month} ${date} ${time} UTC ${year}`
}
