import { DNS_OPCODES, DNS_TYPES, isValidIp, resolveHost, type DnsMessage, type Process, type Task } from '../../../engine/cluster.ts'
import { ask, COOKIE, resolverConfig, reverseName, searchNames, type Answer, type Question } from './query.ts'
import { dataText, recordLine, toColumn } from './records.ts'

/** dig(1), bind9 9.18. */
interface Options {
  server: string | undefined
  port: number
  search: boolean
  short: boolean
  tcp: boolean
  recursion: boolean
  edns: boolean
  cookie: boolean
  timeout: number
  tries: number
  show: { cmd: boolean; comments: boolean; question: boolean; answer: boolean; authority: boolean; additional: boolean; stats: boolean }
}

interface Lookup { name: string; type: string; class: string }

const USAGE = `Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]

Use "dig -h" (or "dig -h | more") for complete list of options
`

export function* dig(process: Process): Task<number> {
  const args = process.argv.slice(1)
  const parsed = parse(args)
  if ('error' in parsed) {
    yield* process.printError(parsed.error)
    return parsed.code
  }
  if ('text' in parsed) {
    yield* process.print(parsed.text)
    return 0
  }
  const { options, lookups } = parsed
  let code = 0
  for (const [index, lookup] of lookups.entries()) {
    code = Math.max(code, yield* one(process, args, options, lookup, index === 0))
  }
  return code
}

function parse(args: readonly string[]): { options: Options; lookups: Lookup[] } | { error: string; code: number } | { text: string } {
  const options: Options = {
    server: undefined, port: 53, search: false, short: false, tcp: false, recursion: true, edns: true, cookie: true, timeout: 5000, tries: 3,
    show: { cmd: true, comments: true, question: true, answer: true, authority: true, additional: true, stats: true },
  }
  const lookups: Lookup[] = []
  let type: string | undefined
  const invalid = (what: string): { error: string; code: number } => ({ error: `Invalid option: ${what}\n${USAGE}`, code: 1 })
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg.startsWith('@')) options.server = arg.slice(1)
    else if (arg.startsWith('+')) {
      const bad = plus(options, arg.slice(1))
      if (bad) return bad === 'invalid' ? invalid(arg) : { error: `podhop: not simulated: dig ${arg} (use dig without it)\n`, code: 69 }
    } else if (arg.startsWith('-') && arg.length > 1) {
      const flag = arg[1]!
      const value = (): string => (arg.length > 2 ? arg.slice(2) : (args[++i] ?? ''))
      if (flag === 'x') lookups.push({ name: reverseName(value()) ?? '', type: 'PTR', class: 'IN' })
      else if (flag === 't') type = value().toUpperCase()
      else if (flag === 'q') lookups.push({ name: value(), type: type ?? 'A', class: 'IN' })
      else if (flag === 'p') options.port = Number(value())
      else if (flag === '4' || flag === 'u') continue
      else if (flag === 'v') return { text: 'DiG 9.18.49-1~deb12u3-Debian\n' }
      else if (flag === 'h') return { text: USAGE }
      else if ('bcfky6mr'.includes(flag)) return { error: `podhop: not simulated: dig -${flag} (use dig without it)\n`, code: 69 }
      else return invalid(arg)
    } else if (isType(arg.toUpperCase())) {
      type = arg.toUpperCase()
      const last = lookups.at(-1)
      if (last && last.type === 'A') last.type = type
    } else if (!['IN', 'CH', 'HS', 'ANY'].includes(arg.toUpperCase()) || lookups.length === 0) {
      lookups.push({ name: arg, type: type ?? 'A', class: 'IN' })
    }
  }
  if (lookups.some((l) => l.name === '')) return { error: 'Invalid IP address\n', code: 1 }
  if (lookups.length === 0) lookups.push({ name: '.', type: type ?? 'NS', class: 'IN' })
  return { options, lookups }
}

const isType = (word: string): boolean => Object.hasOwn(DNS_TYPES, word) && word !== 'OPT'

function plus(options: Options, text: string): 'invalid' | 'not simulated' | undefined {
  const [word, value] = text.split('=') as [string, string?]
  const on = !word.startsWith('no')
  const name = on ? word : word.slice(2)
  const { show } = options
  switch (name) {
    case 'short': options.short = on; return
    case 'search': options.search = on; return
    case 'tcp': case 'vc': options.tcp = on; return
    case 'recurse': case 'rec': options.recursion = on; return
    case 'edns': options.edns = on; return
    case 'time': case 'timeout': options.timeout = Math.max(1, Number(value) || 5) * 1000; return
    case 'tries': options.tries = Math.max(1, Number(value) || 3); return
    case 'retry': options.tries = Math.max(0, Number(value) || 2) + 1; return
    case 'all': for (const key of Object.keys(show) as (keyof typeof show)[]) if (key !== 'cmd') show[key] = on; return
    case 'cmd': case 'comments': case 'question': case 'answer': case 'authority': case 'additional': case 'stats': show[name] = on; return
    case 'cookie': options.cookie = on; return
    case 'badcookie': case 'ad': case 'adflag': case 'cd': case 'ndots': return
    case 'trace': case 'dnssec': case 'multiline': case 'nssearch': case 'subnet': case 'tls': case 'https': case 'yaml': case 'identify': case 'ttlid': return 'not simulated'
    default: return 'invalid'
  }
}

function* one(process: Process, args: readonly string[], options: Options, lookup: Lookup, first: boolean): Task<number> {
  const config = resolverConfig(process)
  let server = options.server ?? config.nameservers[0] ?? '127.0.0.1'
  if (!isValidIp(server)) {
    const resolved = yield* resolveHost(process, server)
    if ('error' in resolved) {
      yield* process.printError(`dig: couldn't get address for '${server}': not found\n`)
      return 10
    }
    server = resolved.addresses[0]!
  }
  const banner = `\n; <<>> DiG 9.18.49-1~deb12u3-Debian <<>> ${args.join(' ')}\n${options.server ? '; (1 server found)\n' : ''};; global options: +cmd\n`
  const question: Question = { ...lookup, server, port: options.port, tcp: options.tcp, timeout: options.timeout, tries: options.tries, recursion: options.recursion, edns: options.edns, cookie: options.cookie, ...(options.show.comments && !options.short ? { onTruncated: () => process.print(';; Truncated, retrying in TCP mode.\n') } : {}) }
  const names = options.search ? searchNames(lookup.name, config) : [lookup.name]
  let answer: Answer | undefined
  for (const name of names) {
    const result = yield* ask(process, { ...question, name }, (text) => process.print(`;; communications error to ${server}#${options.port}: ${text}\n`))
    if (!('message' in result)) {
      yield* process.print(options.short ? ';; no servers could be reached\n' : `${first && options.show.cmd ? banner : ''};; no servers could be reached\n`)
      return 9
    }
    answer = result
    if (result.message.rcode === 'NOERROR' && result.message.answers.length > 0) break
  }
  if (options.short) {
    yield* process.print(answer!.message.answers.map((r) => `${dataText(r)}\n`).join(''))
    return 0
  }
  yield* process.print((first && options.show.cmd ? banner : '') + body(answer!, options, server, process.clock.wall()))
  return 0
}

/** A server that knows nothing of cookies and keeps the client's echoes it; one that does adds its own part. */
function cookieLine(message: DnsMessage): string {
  const cookie = message.edns?.options.find((o) => o.code === COOKIE)?.data
  if (!cookie) return ''
  return `; COOKIE: ${[...cookie].map((b) => b.toString(16).padStart(2, '0')).join('')} (${cookie.length === 8 ? 'echoed' : 'good'})\n`
}

function body({ message, size, ms, tcp }: Answer, options: Options, server: string, wall: number): string {
  const { show } = options
  let out = ''
  const flags = [['qr', message.response], ['aa', message.authoritative], ['tc', message.truncated], ['rd', message.recursionDesired], ['ra', message.recursionAvailable], ['ad', message.authenticData], ['cd', message.checkingDisabled]] as const
  if (show.comments) {
    out += ';; Got answer:\n'
    if (/(^|\.)local\.$/.test(message.questions[0]?.name ?? '')) out += ';; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an mDNS query is leaked to DNS\n'
    out += `;; ->>HEADER<<- opcode: ${DNS_OPCODES[message.opcode] ?? message.opcode}, status: ${message.rcode}, id: ${message.id}\n`
    out += `;; flags:${flags.filter(([, on]) => on).map(([name]) => ` ${name}`).join('')}; QUERY: ${message.questions.length}, ANSWER: ${message.answers.length}, AUTHORITY: ${message.authorities.length}, ADDITIONAL: ${message.additionals.length + (message.edns ? 1 : 0)}\n`
    if (message.recursionDesired && !message.recursionAvailable) out += ';; WARNING: recursion requested but not available\n'
    out += '\n'
    if (message.edns) out += `;; OPT PSEUDOSECTION:\n; EDNS: version: ${message.edns.version}, flags:${message.edns.dnssecOk ? ' do' : ''}; udp: ${message.edns.udpSize}\n${cookieLine(message)}`
  }
  if (show.question) {
    if (show.comments) out += ';; QUESTION SECTION:\n'
    out += message.questions.map((q) => `${toColumn(`;${q.name}`, 24)}${columns(q)}\n`).join('')
    if (show.comments) out += '\n'
  }
  out += section('ANSWER', message, 'answers', show.answer, show.comments)
  out += section('AUTHORITY', message, 'authorities', show.authority, show.comments)
  out += section('ADDITIONAL', message, 'additionals', show.additional, show.comments)
  if (show.stats) {
    out += `;; Query time: ${Math.round(ms)} msec\n;; SERVER: ${server}#${options.port}(${server}) (${tcp ? 'TCP' : 'UDP'})\n;; WHEN: ${dateText(wall)}\n;; MSG SIZE  rcvd: ${size}\n\n`
  }
  return out
}

function columns(q: { name: string; type: string; class: string }): string {
  // the question's own columns: class at 32, type at 40
  const start = toColumn(`;${q.name}`, 24)
  const line = toColumn(start, 32)
  return toColumn(line + q.class, 40).slice(start.length) + q.type
}

function section(title: string, message: DnsMessage, key: 'answers' | 'authorities' | 'additionals', shown: boolean, comments: boolean): string {
  const records = message[key]
  if (!shown || records.length === 0) return ''
  return (comments ? `;; ${title} SECTION:\n` : '') + records.map((r) => `${recordLine(r)}\n`).join('') + (comments ? '\n' : '')
}

function dateText(wall: number): string {
  // "Mon, 05 Jan 2026 08:00:00 GMT" → "Mon Jan 05 08:00:00 UTC 2026"
  const [day, date, month, year, time] = new Date(wall).toUTCString().replace(',', '').split(' ')
  return `${day} ${month} ${date} ${time} UTC ${year}`
}
