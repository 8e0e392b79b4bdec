import { type DnsRecord, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { askServers, bareName, bindNames, classOf, nameFault, serverAddresses, type BindAnswer } from './bind.ts'
import { isType } from './dig-options.ts'
import { USAGE } from './host-usage.ts'
import { headerText, sectionText, SECTIONS } from './message-text.ts'
import { resolverConfig, reverseName } from './query.ts'
import { dataText, PLAIN_STYLE } from './records.ts'

const RCODES: Record<string, number> = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }

interface Asked {
  servers: string[]
  port: number
  tcp: boolean
  timeout: number
  tries: number
  recursion: boolean
  class: string
  verbose: boolean
  /** -l: which records of the zone. */
  list: 'addresses' | string | undefined
  servfailStops: boolean
  /** As a person named it; told with the first answer. */
  serverWord: string | undefined
}

/** host(1), bind9 9.18. */
export function* host(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'aAc:CdilnN:rR:st:vVwW:m:p:TU46')
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`host: ${'invalid' in parsed ? `illegal option -- ${parsed.invalid.startsWith('--') ? '-' : parsed.invalid.replace(/^-/, '')}` : `option requires an argument -- ${parsed.missing}`}\n${USAGE}`)
    return 1
  }
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  const option = (name: string): string | undefined => parsed.options.findLast((o) => o.name === name)?.value
  if (has('V')) {
    yield* process.printError('host 9.18.49-1~deb12u3-Debian\n')
    return 0
  }
  if (has('C')) {
    yield* process.printError('podhop: not simulated: host -C (use host -t ns, and host -t soa NAME SERVER)\n')
    return 69
  }
  if (has('4') && has('6')) {
    yield* process.printError('host: only one of -4 and -6 allowed\n')
    return 1
  }
  const given = option('t')
  if (given !== undefined && /^ixfr=/i.test(given)) {
    yield* process.printError(`podhop: not simulated: host -t ${given} (use -t SOA)\n`)
    return 69
  }
  if (given !== undefined && !isType(given)) {
    yield* process.printError(`host: invalid type: ${given}\n\n`)
    return 2
  }
  const klass = option('c') === undefined ? 'IN' : classOf(option('c')!)
  if (klass === undefined) {
    yield* process.printError(`host: invalid class: ${option('c')}\n\n`)
    return 2
  }
  if (parsed.operands.length === 0) {
    yield* process.printError(USAGE)
    return 1
  }
  const [name, serverWord] = parsed.operands as [string, string?]
  const config = resolverConfig(process)
  const family = has('4') ? 4 : has('6') ? 6 : undefined
  let servers = config.nameservers.filter((a) => family === undefined || (family === 6) === a.includes(':'))
  if (servers.length === 0) servers = [family === 6 ? '::1' : '127.0.0.1']
  // atoi(), of 16 bits
  const port = (parseInt(option('p') ?? '53', 10) || 0) & 0xffff
  if (serverWord !== undefined) {
    servers = yield* serverAddresses(process, serverWord)
    if (servers.length === 0) {
      yield* process.printError(`host: couldn't get address for '${serverWord}': not found\n`)
      return 1
    }
  }
  const fault = nameFault(name)
  if (fault !== undefined) {
    yield* process.printError(`host: '${name}' is not in legal name syntax (${fault})\n`)
    return 1
  }
  const reverse = reverseName(name)
  // what an address points to is asked whatever was asked for
  const type = reverse !== undefined ? 'PTR' : given?.toUpperCase() ?? (has('l') ? 'AXFR' : has('a') || has('A') ? 'ANY' : undefined)
  const whole = (text: string | undefined, otherwise: number): number => (text === undefined ? otherwise : Math.trunc(Number(text)) || 0)
  const asked: Asked = {
    servers, port, tcp: has('T') || (type === 'ANY' && !has('U')) || type === 'AXFR', timeout: has('w') ? Infinity : Math.max(1, whole(option('W'), 5)) * 1000, tries: Math.max(2, whole(option('R'), 1) + 1), recursion: !has('r') && type !== 'AXFR',
    class: klass, verbose: has('v') || has('a') || has('A') || has('d') || given?.toUpperCase() === 'AXFR', list: has('l') ? (given?.toUpperCase() ?? 'addresses') : undefined, servfailStops: has('s'), serverWord,
  }
  const types = type !== undefined ? [has('l') && reverse === undefined ? 'AXFR' : type] : ['A', 'AAAA', 'MX']
  const names = reverse !== undefined ? [reverse] : bindNames(name, { search: config.search, ndots: option('N') === undefined ? config.ndots : whole(option('N'), 1) })
  // a reverse name of IPv4 is written with its last dot
  const original = reverse === undefined ? name : name.includes(':') ? bareName(reverse) : reverse
  return yield* lookUp(process, asked, names, types, original)
}

function* lookUp(process: Process, asked: Asked, names: readonly string[], types: readonly string[], original: string): Task<number> {
  let found: string | undefined
  let word = asked.serverWord
  for (const [index, type] of types.entries()) {
    let answer: BindAnswer | undefined
    const tried = found === undefined ? names : [found]
    for (const name of tried) {
      found = name
      if (asked.verbose) yield* process.print(`Trying "${bareName(name)}"\n`)
      const result = yield* askServers(process, {
        name, text: original, type, servers: asked.servers, port: asked.port, tcp: asked.tcp, timeout: asked.timeout, tries: asked.tries, recursion: asked.recursion, edns: false, servfailStops: asked.servfailStops,
        message: { questions: [{ name: name.endsWith('.') ? name : `${name}.`, type, class: asked.class }] },
      }, {
        // host says it with another line of the same
        truncated: function* () {
          if (asked.verbose) yield* process.print(`Trying "${bareName(name)}"\n`)
        },
      })
      if ('failure' in result) {
        if (!result.silent) yield* process.print(';; no servers could be reached\n')
        return 1
      }
      answer = result
      if (result.message.rcode !== 'NXDOMAIN') break
    }
    const { message, server, size, ms } = answer!
    if (word !== undefined) yield* process.print(`Using domain server:\nName: ${word}\nAddress: ${server}#${asked.port}\nAliases: \n\n`)
    word = undefined
    const received = asked.verbose ? `Received ${size} bytes from ${server}#${asked.port} in ${Math.round(ms)} ms\n` : ''
    const transfer = type === 'AXFR'
    if (message.rcode !== 'NOERROR') {
      const shown = message.rcode === 'NXDOMAIN' || names.length === 1 ? original : bareName(found!)
      yield* process.print(`Host ${shown} not found: ${RCODES[message.rcode] ?? 0}(${message.rcode})\n${transfer ? '; Transfer failed.\n' : received}`)
      return 1
    }
    if (transfer && message.answers[0]?.data.type !== 'SOA') {
      yield* process.print('; Transfer failed.\n')
      return 1
    }
    if (asked.verbose) yield* process.print(`${headerText(message)}\n${SECTIONS.map((s) => sectionText(message, s, PLAIN_STYLE, true)).join('')}${received}`)
    else yield* process.print(message.answers.filter((r) => (index === 0 || r.data.type !== 'CNAME') && listed(asked, r)).map(sentence).join(''))
    if (!asked.verbose && message.answers.length === 0 && types.length === 1) yield* process.print(`${bareName(found!)} has no ${type} record\n`)
    const alias = message.answers.findLast((r) => r.data.type === 'CNAME')
    if (alias?.data.type === 'CNAME') found = alias.data.target
  }
  return 0
}

const listed = ({ list }: Asked, { data }: DnsRecord): boolean =>
  list === undefined || list === 'ANY' || (list === 'addresses' ? ['A', 'AAAA', 'NS', 'PTR'].includes(data.type) : data.type === list || (data.type === 'OTHER' && data.typeName === list))

function sentence(record: DnsRecord): string {
  const name = bareName(record.name)
  switch (record.data.type) {
    case 'A': return `${name} has address ${record.data.address}\n`
    case 'AAAA': return `${name} has IPv6 address ${record.data.address}\n`
    case 'CNAME': return `${name} is an alias for ${record.data.target}\n`
    case 'PTR': return `${name} domain name pointer ${record.data.target}\n`
    case 'SRV': return `${name} has SRV record ${dataText(record)}\n`
    case 'NS': return `${name} name server ${record.data.target}\n`
    case 'MX': return `${name} mail is handled by ${dataText(record)}\n`
    case 'TXT': return `${name} descriptive text ${dataText(record)}\n`
    case 'SOA': return `${name} has SOA record ${dataText(record)}\n`
    case 'OTHER': return `${name} has ${record.data.typeName} record ${dataText(record)}\n`
  }
}
