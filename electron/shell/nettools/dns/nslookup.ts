import { isValidIp, resolveHost, type DnsRecord, type Process, type Task } from '../../../engine/cluster.ts'
import { ask, resolverConfig, reverseName, searchNames, type Answer, type QueryFailure } from './query.ts'
import { dataText } from './records.ts'

interface Request { name: string; type: string | undefined; server: string; port: number; timeout: number; tries: number }

const bare = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''))

/** nslookup(1), bind9 9.18, not interactive. */
export function* nslookup(process: Process): Task<number> {
  const words: string[] = []
  let type: string | undefined
  let [port, timeout, tries, debug] = [53, 5000, 3, false]
  for (const arg of process.argv.slice(1)) {
    const option = /^-([a-z]+)(?:=(.*))?$/i.exec(arg)
    if (!option) words.push(arg)
    else if (['type', 'ty', 'query', 'querytype', 'q'].includes(option[1]!)) type = (option[2] ?? '').toUpperCase()
    else if (option[1] === 'port') port = Number(option[2])
    else if (option[1] === 'timeout') timeout = Number(option[2]) * 1000
    else if (option[1] === 'retry') tries = Number(option[2])
    else if (option[1] === 'debug') debug = true
    else {
      yield* process.print(`*** Invalid option: ${option[1]}\n`)
      return 1
    }
  }
  if (words.length === 0 || debug) {
    yield* process.printError(`podhop: not simulated: ${debug ? 'nslookup -debug' : 'interactive nslookup'} (use ${debug ? 'dig' : 'nslookup NAME'})\n`)
    return 69
  }
  const config = resolverConfig(process)
  const server = yield* serverAddress(process, words[1], config.nameservers[0])
  if (server === undefined) {
    yield* process.print(`nslookup: couldn't get address for '${words[1]}': not found\n`)
    return 1
  }
  const request = { type, server, port, timeout, tries }
  const reverse = type === undefined ? reverseName(words[0]!) : undefined
  const names = reverse ? [reverse] : searchNames(words[0]!, config)
  const wanted = reverse ? ['PTR'] : type === undefined ? ['A', 'AAAA'] : [type]
  let answer: Answer | QueryFailure | undefined
  let name = names[0]!
  for (name of names) {
    answer = yield* query(process, { ...request, name }, wanted[0]!)
    if ('failure' in answer || answer.message.rcode !== 'NXDOMAIN') break
  }
  if (!answer || 'failure' in answer) {
    yield* process.print(';; no servers could be reached\n\n')
    return 1
  }
  const { message } = answer
  if (!reverse) yield* process.print(`Server:\t\t${server}\nAddress:\t${server}#${port}\n\n`)
  if (message.rcode !== 'NOERROR') {
    yield* process.print(`** server can't find ${bare(message.rcode === 'NXDOMAIN' && !reverse ? words[0]! : name)}: ${message.rcode}\n\n`)
    return 1
  }
  if (!reverse && !message.authoritative) yield* process.print('Non-authoritative answer:\n')
  if (message.answers.length === 0 && type !== undefined) yield* process.print(`*** Can't find ${bare(words[0]!)}: No answer\n`)
  let found = message.answers.length
  yield* process.print(message.answers.map(line).join(''))
  // bind asks for IPv6 addresses under the name that answered
  if (wanted.length > 1) {
    const second = yield* query(process, { ...request, name: lastName(message.answers, name) }, 'AAAA')
    if ('message' in second) {
      found += second.message.answers.length
      yield* process.print(second.message.answers.filter((r) => r.data.type !== 'CNAME').map(line).join(''))
    }
    if (found === 0) yield* process.print(`*** Can't find ${bare(words[0]!)}: No answer\n`)
  }
  yield* process.print('\n')
  return 0

  function* query(p: Process, r: Request, t: string): Task<Answer | QueryFailure> {
    return yield* ask(p, { name: r.name, type: t, server: r.server, port: r.port, tcp: false, timeout: r.timeout, tries: r.tries, recursion: true, edns: false }, (text) =>
      p.print(`;; communications error to ${r.server}#${r.port}: ${text}\n`),
    )
  }
}

function lastName(answers: readonly DnsRecord[], name: string): string {
  const alias = answers.findLast((r) => r.data.type === 'CNAME')
  return alias?.data.type === 'CNAME' ? alias.data.target : name
}

function line(record: DnsRecord): string {
  const name = bare(record.name)
  const { data } = record
  switch (data.type) {
    case 'A':
    case 'AAAA': return `Name:\t${name}\nAddress: ${data.address}\n`
    case 'CNAME': return `${name}\tcanonical name = ${data.target}\n`
    case 'PTR': return `${name}\tname = ${data.target}\n`
    case 'SRV': return `${name}\tservice = ${dataText(record)}\n`
    case 'NS': return `${name}\tnameserver = ${data.target}\n`
    case 'MX': return `${name}\tmail exchanger = ${dataText(record)}\n`
    case 'TXT': return `${name}\ttext = ${dataText(record)}\n`
    case 'SOA': return `${name}\n\torigin = ${bare(data.primary)}\n\tmail addr = ${bare(data.mailbox)}\n\tserial = ${data.serial}\n\trefresh = ${data.refresh}\n\tretry = ${data.retry}\n\texpire = ${data.expire}\n\tminimum = ${data.minimum}\n`
    case 'OTHER': return `${name}\t${data.typeName} = ${dataText(record)}\n`
  }
}

function* serverAddress(process: Process, word: string | undefined, fallback: string | undefined): Task<string | undefined> {
  if (word === undefined) return fallback ?? '127.0.0.1'
  if (isValidIp(word)) return word
  const resolved = yield* resolveHost(process, word)
  return 'error' in resolved ? undefined : resolved.addresses[0]
}

/** The applet of busybox 1.36: A and AAAA at once, each with a heading, and the search list for short names. */
export function* busyboxNslookup(process: Process): Task<number> {
  const words = process.argv.slice(1).filter((a) => !a.startsWith('-'))
  const typeOption = process.argv.slice(1).map((a) => /^-(?:type|querytype|q)=(.*)$/.exec(a)?.[1]).find((t) => t !== undefined)
  if (words.length === 0) {
    yield* process.printError('BusyBox v1.36.1 () multi-call binary.\n\nUsage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n')
    return 1
  }
  const config = resolverConfig(process)
  const server = yield* serverAddress(process, words[1], config.nameservers[0])
  if (server === undefined) {
    yield* process.printError(`nslookup: bad address '${words[1]}'\n`)
    return 1
  }
  const reverse = reverseName(words[0]!)
  const types = reverse ? ['PTR'] : typeOption === undefined ? ['A', 'AAAA'] : [typeOption.toUpperCase()]
  // It does not know ndots, and does not look at resolv.conf at all when the server is given.
  const isWhole = words[0]!.includes('.') || words[1] !== undefined || config.search.length === 0
  const names = reverse ? [reverse] : isWhole ? [words[0]!] : config.search.map((d) => `${words[0]}.${d}`)
  let output = ''
  let failed = false
  for (const type of types) {
    for (const name of names) {
      const answer = yield* ask(process, { name, type, server, port: 53, tcp: false, timeout: 5000, tries: 2, recursion: true, edns: false })
      if ('failure' in answer) {
        yield* process.print((answer.failure === 'refused' ? `nslookup: read: Connection refused\n` : '') + ';; connection timed out; no servers could be reached\n\n')
        return 1
      }
      const { rcode, answers, authoritative } = answer.message
      if (rcode !== 'NOERROR') {
        output += `** server can't find ${bare(name)}: ${rcode}\n\n`
        failed = true
      } else {
        if (!authoritative) output += 'Non-authoritative answer:\n'
        output += answers.map((r) => line(r).replace(/\.\n/g, '\n')).join('')
        output += '\n'
      }
    }
  }
  yield* process.print(`Server:\t\t${server}\nAddress:\t${server}:53\n\n${output}`)
  return failed ? 1 : 0
}
