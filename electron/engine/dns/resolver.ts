import type { Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import { canonicalIp, isIpv4 } from '../network/address.ts'
import { dnsQuery, type DnsMessage, type DnsRecord } from '../network/wire/dns.ts'
import { inOrder } from './address-order.ts'
import { exchange } from './exchange.ts'
import { parseHosts } from './hosts-file.ts'
import { absoluteName, sameName } from './names.ts'
import { parseResolvConf, type ResolvConf } from './resolv-conf.ts'

/**
 * getaddrinfo(3) of a process: /etc/hosts, then DNS by real datagrams. glibc tries the search list one name after the
 * other and server after server; musl asks all servers at once and gives up the list at the first name that exists
 * (wiki.musl-libc.org, "Functional differences from glibc").
 */
export interface Resolved {
  /** In the order of RFC 6724, as the image's libc has it. */
  addresses: string[]
  canonicalName?: string
}

export interface ResolveFailure {
  error: 'EAI_NONAME' | 'EAI_NODATA' | 'EAI_AGAIN'
  /** gai_strerror(3) of the image's libc. */
  message: string
}

export interface ResolveOptions {
  /** Which records to ask for; both, as programs without a wish do. */
  family?: 4 | 6
  /** The only name server, in place of those of /etc/resolv.conf (_res.nsaddr_list). */
  server?: string
}

type Outcome = { kind: 'found'; addresses: string[]; canonicalName: string } | { kind: 'nxdomain' | 'nodata' | 'servfail' | 'refused' | 'formerr' | 'silence' }

const MESSAGES = {
  glibc: { EAI_NONAME: 'Name or service not known', EAI_NODATA: 'No address associated with hostname', EAI_AGAIN: 'Temporary failure in name resolution' },
  musl: { EAI_NONAME: 'Name does not resolve', EAI_NODATA: 'Name has no usable address', EAI_AGAIN: 'Try again' },
} as const

export type Libc = keyof typeof MESSAGES

export function libcOf(process: Process): Libc {
  return process.fs.exists('/lib/ld-musl-x86_64.so.1') ? 'musl' : 'glibc'
}

/** musl asks by TCP for what was cut since 1.2.4, which Alpine has since 3.18; before, what fits into a datagram is all. */
function knowsTcp({ fs }: Process): boolean {
  const [major, minor] = (fs.exists('/etc/alpine-release') ? fs.readText('/etc/alpine-release') : '').split('.').map(Number)
  return major !== 3 || minor === undefined || minor >= 18
}

/** /etc/resolv.conf of the process. */
export function resolvConfOf(process: Process): ResolvConf {
  const text = process.fs.exists('/etc/resolv.conf') ? process.fs.readText('/etc/resolv.conf') : ''
  return parseResolvConf(text, libcOf(process) === 'glibc' ? process.env : undefined)
}

/** The names that a resolver asks for, in order: resolv.conf(5) "ndots" and "search". */
export function candidates(name: string, conf: ResolvConf, libc: Libc): string[] {
  if (name.endsWith('.')) return [name]
  const dots = name.split('.').length - 1
  const listed = conf.search.map((domain) => absoluteName(domain === '' ? name : `${name}.${domain}`))
  // "search a.test .": the name as it is is on the list already
  if (dots < conf.ndots) return [...new Set([...listed, absoluteName(name)])]
  return libc === 'musl' ? [absoluteName(name)] : [...new Set([absoluteName(name), ...listed])]
}

export function* resolveHost(process: Process, name: string, options: ResolveOptions = {}): Task<Resolved | ResolveFailure> {
  const literal = canonicalIp(name.replace(/^\[(.*)\]$/, '$1'))
  if (literal !== undefined) return { addresses: [literal] }
  const libc = libcOf(process)
  const failure = (error: ResolveFailure['error']): ResolveFailure => ({ error, message: MESSAGES[libc][error] })
  if (!/^[A-Za-z0-9._-]{1,254}$/.test(name) || name.includes('..') || name.startsWith('.')) return failure('EAI_NONAME')

  const sources = hostSources(process)
  const files = sources.indexOf('files')
  const dns = sources.indexOf('dns')
  const local = files >= 0 ? fromHostsFile(process, name, options.family) : undefined
  if (local && (dns < 0 || files < dns)) return local
  // "files [NOTFOUND=return] dns": who is not in the file is nowhere
  if (dns < 0 || sources.slice(0, dns).includes('[notfound=return]')) return failure('EAI_NONAME')

  const conf = { ...resolvConfOf(process), ...(options.server !== undefined && { nameservers: [options.server] }) }
  const kinds: Outcome['kind'][] = []
  const names = candidates(name, conf, libc)
  for (let i = 0; i < names.length; i++) {
    const outcome = yield* lookUp(process, names[i]!, conf, libc, options.family)
    if (outcome.kind === 'found') return { addresses: outcome.addresses, canonicalName: outcome.canonicalName.replace(/\.$/, '') }
    if (libc === 'musl') {
      if (outcome.kind === 'nodata') return failure('EAI_NODATA')
      if (outcome.kind !== 'nxdomain') return failure('EAI_AGAIN')
    }
    kinds.push(outcome.kind)
    // res_search(3): no list goes on behind a server that says nothing or refuses; but the name as it is is tried
    const asIs = names.indexOf(absoluteName(name))
    if (['silence', 'refused', 'formerr'].includes(outcome.kind) && i !== asIs) {
      if (asIs < i) break
      i = asIs - 1
    }
  }
  // "hosts: dns files"
  if (local) return local
  if (libc === 'musl') return failure('EAI_NONAME')
  // what became of the name as it is counts where that was tried first
  const first = name.split('.').length - 1 >= conf.ndots ? kinds[0] : undefined
  return failure(ERRORS[first ?? (kinds.includes('nodata') ? 'nodata' : kinds.includes('servfail') ? 'servfail' : kinds.at(-1)!)])
}

const ERRORS = { found: 'EAI_NONAME', nxdomain: 'EAI_NONAME', formerr: 'EAI_NONAME', nodata: 'EAI_NODATA', servfail: 'EAI_AGAIN', refused: 'EAI_AGAIN', silence: 'EAI_AGAIN' } as const

/** The words of the hosts line of /etc/nsswitch.conf; musl and images without the file: files, then dns. */
function hostSources(process: Process): string[] {
  const path = '/etc/nsswitch.conf'
  if (libcOf(process) === 'musl' || !process.fs.exists(path)) return ['files', 'dns']
  const line = /^\s*hosts:(.*)$/m.exec(process.fs.readText(path))
  if (!line) return ['files', 'dns']
  return line[1]!.toLowerCase().replace(/\[\s*([^\]]*?)\s*\]/g, (_, action: string) => ` [${action.replace(/\s+/g, '')}] `).trim().split(/\s+/)
}

function fromHostsFile(process: Process, name: string, family: 4 | 6 | undefined): Resolved | undefined {
  const wanted = name.replace(/\.$/, '')
  const entries = process.fs.exists('/etc/hosts') ? parseHosts(process.fs.readText('/etc/hosts')) : []
  const matching = entries.filter((e) => e.names.some((n) => sameName(n, wanted)))
  const addresses = inOrder(process.network, matching.map((e) => e.address).filter((a) => family === undefined || isIpv4(a) === (family === 4)), libcOf(process))
  if (addresses.length > 0) return { addresses: [...new Set(addresses)], canonicalName: matching[0]!.names[0]! }
  // glibc's and musl's own knowledge, for roots without the file.
  if (wanted.toLowerCase() === 'localhost' && family !== 6) return { addresses: ['127.0.0.1'], canonicalName: 'localhost' }
  return undefined
}

function* lookUp(process: Process, name: string, conf: ResolvConf, libc: Libc, family: 4 | 6 | undefined): Task<Outcome> {
  const wanted = family === 4 ? ['A'] : family === 6 ? ['AAAA'] : ['A', 'AAAA']
  // of the options musl knows ndots, timeout and attempts
  const types = libc === 'glibc' && conf.ipv4Only ? wanted.filter((type) => type === 'A') : wanted
  if (types.length === 0) return { kind: 'nodata' }
  const replies = yield* ask(process, types.map((type) => ({ name, type })), conf, libc)
  const got = replies.filter((r) => r !== undefined)
  const addresses: string[] = []
  let canonicalName = name
  for (const reply of got) {
    const chain = follow(reply.answers, name)
    if (chain.addresses.length === 0) continue
    addresses.push(...chain.addresses)
    canonicalName = chain.name
  }
  if (addresses.length > 0) return { kind: 'found', addresses: inOrder(process.network, addresses, libc), canonicalName }
  if (got.length === 0) return { kind: 'silence' }
  const codes = got.map((r) => r.rcode)
  if (codes.includes('NXDOMAIN')) return { kind: 'nxdomain' }
  if (codes.every((code) => code === 'NOERROR')) return { kind: 'nodata' }
  if (codes.includes('SERVFAIL')) return { kind: 'servfail' }
  return { kind: codes.some((code) => PASSED_OVER.has(code)) ? 'refused' : 'formerr' }
}

/** Codes after which the next server is asked (res_send.c). */
const PASSED_OVER: ReadonlySet<string> = new Set(['SERVFAIL', 'NOTIMP', 'REFUSED'])

/** Addresses at the end of a chain of CNAMEs. */
function follow(records: readonly DnsRecord[], start: string): { addresses: string[]; name: string } {
  let name = start
  for (let i = 0; i < 16; i++) {
    const alias = records.find((r) => r.data.type === 'CNAME' && sameName(r.name, name))
    if (alias?.data.type !== 'CNAME') break
    name = alias.data.target
  }
  const addresses = records.flatMap((r) => ((r.data.type === 'A' || r.data.type === 'AAAA') && sameName(r.name, name) ? [r.data.address] : []))
  return { addresses, name }
}

/** Asks the servers of resolv.conf as the libc does; undefined where nobody answered in time. */
function* ask(process: Process, questions: readonly { name: string; type: string }[], conf: ResolvConf, libc: Libc): Task<(DnsMessage | undefined)[]> {
  const { random } = process.clock
  const fresh = (): DnsMessage[] => {
    const id = random.below(65_536)
    // RESOLV_EDNS_BUFFER_SIZE
    const edns = libc === 'glibc' && conf.edns ? { edns: { udpSize: 1200, version: 0, dnssecOk: false, options: [] } } : undefined
    return questions.map((q, i) => dnsQuery((id + i * 7919) % 65_536, q.name, q.type, edns))
  }
  if (libc === 'musl') {
    const queries = fresh()
    let last: (DnsMessage | undefined)[] = []
    for (let attempt = 0; attempt < conf.attempts; attempt++) {
      // whatever is neither an answer nor NXDOMAIN is as if it had not come; after SERVFAIL the server is asked again
      const { replies, server } = yield* exchange(process, { servers: conf.nameservers, queries, timeout: conf.timeout / conf.attempts, takes: (r) => r.rcode === 'NOERROR' || r.rcode === 'NXDOMAIN', resends: 2 * queries.length })
      last = replies
      if (!replies.every((r) => r)) continue
      if (!knowsTcp(process)) return replies
      const whole = [...replies]
      for (const [i, reply] of replies.entries()) {
        if (!reply!.truncated) continue
        const again = yield* exchange(process, { servers: server ? [server] : conf.nameservers, queries: [queries[i]!], timeout: conf.timeout, protocol: 'tcp' })
        whole[i] = again.replies[0] ?? reply
      }
      return whole
    }
    // half an answer is none
    return last.map(() => undefined)
  }

  const useful = (reply: DnsMessage | undefined): boolean => reply !== undefined && !PASSED_OVER.has(reply.rcode)
  const once = function* (server: string, queries: readonly DnsMessage[], timeout: number, single: boolean): Task<(DnsMessage | undefined)[]> {
    const protocol = conf.useTcp ? 'tcp' : 'udp'
    if (!single) return (yield* exchange(process, { servers: [server], queries, timeout, protocol })).replies
    const replies: (DnsMessage | undefined)[] = []
    for (const query of queries) {
      const [reply] = (yield* exchange(process, { servers: [server], queries: [query], timeout, protocol })).replies
      replies.push(reply)
      // the next question waits for a good answer to this one
      if (!useful(reply) || reply!.truncated) break
    }
    return replies
  }
  let bad: (DnsMessage | undefined)[] | undefined
  const start = conf.rotate ? random.below(conf.nameservers.length) : 0
  for (let attempt = 0; attempt < conf.attempts; attempt++) {
    for (let i = 0; i < conf.nameservers.length; i++) {
      const server = conf.nameservers[(start + i) % conf.nameservers.length]!
      const queries = fresh()
      // res_send(3): later servers get more time, shared among all.
      const timeout = Math.max(1000, (conf.timeout * 2 ** i) / (i > 0 ? conf.nameservers.length : 1))
      let replies = yield* once(server, queries, timeout, conf.singleRequest)
      // who answers one of two is asked one by one, and from another port after that
      for (let again = 0; again < 2 && !conf.singleRequest && replies.some((r) => r) && replies.some((r) => !r); again++) replies = yield* once(server, queries, timeout, true)
      // what was cut is asked for by TCP, with all that was asked beside it
      if (replies.some((r) => r?.truncated)) {
        const whole = yield* exchange(process, { servers: [server], queries, timeout: conf.timeout, protocol: 'tcp' })
        replies = queries.map((_, at) => whole.replies[at] ?? replies[at])
      }
      if (replies.some(useful)) return queries.map((_, at) => (useful(replies[at]) ? replies[at] : undefined))
      if (replies.some((r) => r)) bad = replies
    }
  }
  return bad ?? questions.map(() => undefined)
}
