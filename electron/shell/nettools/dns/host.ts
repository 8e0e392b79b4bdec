import { isValidIp, resolveHost, type DnsRecord, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { ask, resolverConfig, reverseName, searchNames, type Answer, type QueryFailure } from './query.ts'
import { dataText } from './records.ts'

const RCODES: Record<string, number> = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }
const bare = (name: string): string => name.replace(/\.$/, '')

/** host(1), bind9 9.18. */
export function* host(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 't:W:R:Tvap:4')
  if ('invalid' in parsed || 'missing' in parsed || parsed.operands.length === 0) {
    yield* process.printError('Usage: host [-aT] [-t type] [-W time] [-R number] hostname [server]\n')
    return 1
  }
  const option = (name: string): string | undefined => parsed.options.find((o) => o.name === name)?.value
  if (option('v') !== undefined || option('a') !== undefined) {
    yield* process.printError('podhop: not simulated: host -v (use dig)\n')
    return 69
  }
  const [name, serverWord] = parsed.operands as [string, string?]
  const config = resolverConfig(process)
  let server = serverWord ?? config.nameservers[0] ?? '127.0.0.1'
  if (!isValidIp(server)) {
    const resolved = yield* resolveHost(process, server)
    if ('error' in resolved) {
      yield* process.printError(`host: couldn't get address for '${server}': not found\n`)
      return 1
    }
    server = resolved.addresses[0]!
  }
  if (serverWord !== undefined) yield* process.print(`Using domain server:\nName: ${serverWord}\nAddress: ${server}#53\nAliases: \n\n`)
  const reverse = reverseName(name)
  const types = option('t') ? [option('t')!.toUpperCase()] : reverse ? ['PTR'] : ['A', 'AAAA', 'MX']
  const query = (asked: string, type: string): Task<Answer | QueryFailure> =>
    ask(process, { name: asked, type, server, port: Number(option('p') ?? 53), tcp: option('T') !== undefined, timeout: Number(option('W') ?? 5) * 1000, tries: Number(option('R') ?? 1) + 1, recursion: true, edns: false }, (text) =>
      process.print(`;; communications error to ${server}#53: ${text}\n`),
    )
  let found = reverse ?? name
  for (const [index, type] of types.entries()) {
    let answer: Answer | QueryFailure | undefined
    for (const asked of index > 0 || reverse ? [found] : searchNames(name, config)) {
      answer = yield* query(asked, type)
      found = asked
      if ('failure' in answer || answer.message.rcode !== 'NXDOMAIN') break
    }
    if (!answer || 'failure' in answer) {
      yield* process.print(';; no servers could be reached\n')
      return 1
    }
    const { rcode, answers } = answer.message
    if (rcode !== 'NOERROR') {
      yield* process.print(`Host ${bare(rcode === 'NXDOMAIN' && !reverse ? name : found)} not found: ${RCODES[rcode] ?? 0}(${rcode})\n`)
      return 1
    }
    yield* process.print(answers.filter((r) => index === 0 || r.data.type !== 'CNAME').map(sentence).join(''))
    const alias = answers.findLast((r) => r.data.type === 'CNAME')
    if (alias?.data.type === 'CNAME') found = alias.data.target
    if (answers.length === 0 && types.length === 1) yield* process.print(`${bare(found)} has no ${type} record\n`)
  }
  return 0
}

function sentence(record: DnsRecord): string {
  const name = bare(record.name)
  switch (record.data.type) {
    case 'A': return `${name} has address ${record.data.address}\n`
    case 'AAAA': return `${name} has IPv6 address ${record.data.address}\n`
    case 'CNAME': return `${name} is an alias for ${record.data.target}\n`
    case 'PTR': return `${record.name.replace(/\.$/, '')} domain name pointer ${record.data.target}\n`
    case 'SRV': return `${name} has SRV record ${dataText(record)}\n`
    case 'NS': return `${name} name server ${record.data.target}\n`
    case 'MX': return `${name} mail is handled by ${dataText(record)}\n`
    case 'TXT': return `${name} descriptive text ${dataText(record)}\n`
    case 'SOA': return `${name} has SOA record ${dataText(record)}\n`
    case 'OTHER': return `${name} has ${record.data.typeName} record ${dataText(record)}\n`
  }
}
