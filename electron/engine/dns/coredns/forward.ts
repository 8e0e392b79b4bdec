import { Signal, anyOf, sleep, type Task } from '../../machine/task.ts'
import { isValidIp, joinHostPort } from '../../network/address.ts'
import { decodeDns, dnsQuery, encodeDns, type DnsMessage } from '../../network/wire/dns.ts'
import { ownerOf, TcpStream } from '../../programs/stream.ts'
import { hostnameError } from '../../programs/tls/secrets.ts'
import { ALERTS } from '../../programs/tls/wire.ts'
import { verifyChain, type Certificate } from '../../programs/tls/x509.ts'
import { concatBytes } from '../../text.ts'
import { exchange } from '../exchange.ts'
import { isBelow, sameName } from '../names.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type Next, type PluginContext } from './chain.ts'

/** CoreDNS' forward plugin: other servers are asked, one at random, the next when it says nothing (plugin/forward). */
export interface ForwardOptions {
  from: string
  to: { address: string; port: number; tls: boolean }[]
  except: string[]
  policy: 'random' | 'round_robin' | 'sequential'
  /** How the upstream is asked, if not as the client asked. */
  transport: 'tcp' | 'udp' | undefined
  /** 0: as many queries at once as there are. */
  maxConcurrent: number
  /** Failures after which an upstream counts as down until a probe is answered; 0: never. */
  maxFails: number
  /** ms between probes of an upstream that failed. */
  healthCheck: number
  /** What a probe asks for, and whether recursively. */
  healthDomain: string
  healthRecursion: boolean
  /** Answers with these codes are not told: the next forward is asked, if there is one. */
  next: string[]
  /** Whose certificate an upstream has to show, if not its address's, and who has to vouch for it. */
  serverName: string | undefined
  roots: () => readonly Certificate[]
  /** What it shows to upstreams that ask for one. */
  certificates: readonly Certificate[]
}

interface Upstream { address: string; port: number; tls: boolean; fails: number; probing: boolean }

const READ_TIMEOUT = 2_000
const DEADLINE = 5_000

export class ForwardPlugin implements DnsPlugin {
  readonly name = 'forward'
  readonly #context: PluginContext
  readonly #options: ForwardOptions
  readonly #upstreams: Upstream[]
  /** The next plugin is a forward, too. */
  followed = false
  #turn = 0
  #concurrent = 0
  #stopped = false

  constructor(context: PluginContext, options: ForwardOptions) {
    this.#context = context
    this.#options = options
    this.#upstreams = options.to.map((to) => ({ ...to, fails: 0, probing: false }))
  }

  stop(): void {
    this.#stopped = true
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { from, except, to, maxConcurrent } = this.#options
    if (!isBelow(from, request.name) || (!sameName(from, request.name) && except.some((zone) => isBelow(zone, request.name)))) return yield* next()
    const { metrics } = this.#context
    if (maxConcurrent > 0 && this.#concurrent >= maxConcurrent) {
      metrics.add('coredns_forward_max_concurrent_rejects_total', {})
      throw new DnsFailure(`concurrent queries exceeded maximum ${maxConcurrent}`, 'REFUSED')
    }
    this.#concurrent++
    try {
      const { clock } = this.#context.process
      const deadline = clock.now + DEADLINE
      const order = this.#order()
      let failure = 'no healthy proxies'
      for (let i = 0, failed = 0; clock.now < deadline && failed < Math.max(3, to.length); i++) {
        const upstream = order[i % order.length]!
        const allDown = order.every((u) => this.#isDown(u))
        if (this.#isDown(upstream) && !allDown) continue
        if (allDown) metrics.add('coredns_forward_healthcheck_broken_total', {})
        const began = clock.now
        let result = yield* this.#ask(request, upstream)
        // what did not fit into a datagram is asked for again, where datagrams are only preferred
        if (typeof result !== 'string' && result.truncated && this.#options.transport === 'udp' && !upstream.tls) result = yield* this.#askTcp({ ...request.query, id: clock.random.below(65_536) }, upstream)
        if (typeof result !== 'string') {
          metrics.observe('coredns_proxy_request_duration_seconds', { proxy_name: 'forward', rcode: result.rcode, to: `${upstream.address}:${upstream.port}` }, (clock.now - began) / 1000)
          if (this.followed && this.#options.next.includes(result.rcode)) return yield* next()
          const edns = request.query.edns
          const { edns: theirs, ...reply } = result
          return { ...reply, id: request.query.id, questions: request.query.questions, ...(edns ? { edns: { ...edns, version: 0, options: theirs ? theirs.options : edns.options } } : {}) }
        }
        failure = result
        failed++
        this.#probe(upstream)
      }
      throw new DnsFailure(failure)
    } finally {
      this.#concurrent--
    }
  }

  #isDown(upstream: Upstream): boolean {
    return this.#options.maxFails > 0 && upstream.fails > this.#options.maxFails
  }

  /** Asks "." NS of an upstream that failed, until it answers (plugin/pkg/proxy/health.go). */
  #probe(upstream: Upstream): void {
    if (upstream.probing || this.#options.maxFails === 0) return
    upstream.probing = true
    this.#context.process.spawnThread(this.#probing(upstream))
  }

  *#probing(upstream: Upstream): Task {
    const { process } = this.#context
    const { healthDomain: name, healthRecursion: recursionDesired } = this.#options
    const query = dnsQuery(0, name, 'NS', { recursionDesired })
    const client = { address: '127.0.0.1', port: 0, at: '127.0.0.1', protocol: 'udp' as const, size: 0 }
    while (!this.#stopped) {
      const result = yield* this.#ask({ query, client, name, type: 'NS' }, upstream)
      if (typeof result !== 'string') break
      upstream.fails++
      yield sleep(process.clock, this.#options.healthCheck, { background: true })
    }
    upstream.fails = 0
    upstream.probing = false
  }

  #order(): Upstream[] {
    const { policy } = this.#options
    const to = this.#upstreams
    if (policy === 'sequential') return to
    const start = policy === 'round_robin' ? this.#turn++ % to.length : this.#context.process.clock.random.below(to.length)
    return [...to.slice(start), ...to.slice(0, start)]
  }

  /** The reply, or why there is none, as Go's net package says it. */
  *#ask(request: DnsRequest, upstream: Upstream): Task<DnsMessage | string> {
    const { process } = this.#context
    const id = process.clock.random.below(65_536)
    if (upstream.tls) return yield* this.#askTls({ ...request.query, id }, upstream)
    if ((this.#options.transport ?? request.client.protocol) === 'tcp') return yield* this.#askTcp({ ...request.query, id }, upstream)
    const answered = new Signal()
    let reply: DnsMessage | undefined
    let failure: string | undefined
    const socket = process.network.sockets.udp({ owner: ownerOf(process, 'coredns') })
    const here = (): string => `read udp ${process.network.sourceFor(upstream.address) ?? '0.0.0.0'}:${socket.port}->${upstream.address}:${upstream.port}`
    try {
      socket.onDatagram = ({ source, sourcePort, data }) => {
        if (source !== upstream.address || sourcePort !== upstream.port) return
        try {
          const message = decodeDns(data)
          if (!message.response || message.id !== id) return
          reply = message
          answered.notify()
        } catch {
          // Not a DNS message: as if it had not come.
        }
      }
      socket.onError = (error) => {
        failure = `${here()}: ${error.code === 'ECONNREFUSED' ? 'read: connection refused' : error.code === 'EHOSTUNREACH' ? 'read: no route to host' : 'read: network is unreachable'}`
        answered.notify()
      }
      try {
        socket.send(encodeDns({ ...request.query, id }), upstream.address, upstream.port)
      } catch {
        return `dial udp ${upstream.address}:${upstream.port}: connect: network is unreachable`
      }
      const timeout = sleep(process.clock, READ_TIMEOUT, { background: true })
      const until = process.clock.now + READ_TIMEOUT
      while (!reply && !failure && process.clock.now < until) yield anyOf(answered.wait, timeout)
      return reply ?? failure ?? `${here()}: i/o timeout`
    } finally {
      socket.close()
    }
  }

  *#askTcp(query: DnsMessage, { address, port }: { address: string; port: number }): Task<DnsMessage | string> {
    const { replies, error } = yield* exchange(this.#context.process, { servers: [address], port, queries: [query], timeout: READ_TIMEOUT, protocol: 'tcp' })
    return replies[0] ?? undialled(address, port, error)
  }

  /** DNS over TLS, as crypto/tls and miekg/dns speak it and say what is wrong. */
  *#askTls(query: DnsMessage, { address, port }: Upstream): Task<DnsMessage | string> {
    const { process } = this.#context
    const { serverName: host = address, roots, certificates } = this.#options
    const until = process.clock.now + READ_TIMEOUT
    const stream = yield* TcpStream.open(process, address, port, { timeout: READ_TIMEOUT })
    if (!(stream instanceof TcpStream)) return undialled(address, port, stream.code)
    try {
      let mistrust: string | undefined
      const verify = (chain: readonly Certificate[]): number | undefined => {
        mistrust = mistrustOf(chain, roots(), host, process.clock.wall())
        return mistrust === undefined ? undefined : ALERTS.badCertificate
      }
      const made = yield* stream.startTls(process, { serverName: isValidIp(host) ? undefined : host, verify, certificates }, until)
      if (mistrust !== undefined) return `tls: failed to verify certificate: ${mistrust}`
      if (!made) return `dial tcp ${joinHostPort(address, port)}: i/o timeout`
      if ('failure' in made) return made.failure.kind === 'not-tls' ? 'tls: first record does not look like a TLS handshake' : 'EOF'
      const bytes = encodeDns(query)
      stream.write(concatBytes([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]))
      let buffer: Uint8Array = new Uint8Array(0)
      for (;;) {
        const data = yield* stream.read(process, until)
        if (!(data instanceof Uint8Array)) return data?.code === 'ETIMEDOUT' ? `read tcp ${joinHostPort(stream.connection.localAddress, stream.connection.localPort)}->${joinHostPort(address, port)}: i/o timeout` : 'EOF'
        buffer = concatBytes([buffer, data])
        const length = buffer.length < 2 ? Infinity : (buffer[0]! << 8) | buffer[1]!
        if (buffer.length >= length + 2) return decodeDns(buffer.slice(2, 2 + length))
      }
    } finally {
      stream.close()
    }
  }
}

/** As Go's net package says why there is no connection. */
function undialled(address: string, port: number, error: string | undefined): string {
  const why = error === 'ECONNREFUSED' ? 'connect: connection refused' : error === 'EHOSTUNREACH' ? 'connect: no route to host' : error === 'ENETUNREACH' ? 'connect: network is unreachable' : 'i/o timeout'
  return `dial tcp ${joinHostPort(address, port)}: ${why}`
}

/** crypto/x509's Certificate.Verify with a host: its error. */
function mistrustOf(chain: readonly Certificate[], roots: readonly Certificate[], host: string, wall: number): string | undefined {
  const own = chain[0]!
  if (isValidIp(host)) {
    if (own.ipAddresses.length === 0) return `x509: cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    if (!own.ipAddresses.includes(host)) return `x509: certificate is valid for ${own.ipAddresses.join(', ')}, not ${host}`
  } else {
    const wrong = hostnameError(own, host)
    if (wrong !== undefined) return wrong
  }
  const problem = verifyChain(chain, roots, wall)
  if (!problem) return undefined
  return problem.code === 9 || problem.code === 10 ? `x509: certificate has expired or is not yet valid: current time ${new Date(wall).toISOString().replace(/\.\d+/, '')} is ${problem.code === 9 ? `before ${new Date(own.notBefore).toISOString().replace(/\.\d+/, '')}` : `after ${new Date(own.notAfter).toISOString().replace(/\.\d+/, '')}`}` : 'x509: certificate signed by unknown authority'
}
