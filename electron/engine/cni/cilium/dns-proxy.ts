import type { Process } from '../../machine/types.ts'
import type { Ip, TcpConnection, TcpListener, UdpSocket } from '../../network/types.ts'
import { decodeDns, encodeDns, type DnsMessage } from '../../network/wire/dns.ts'
import { replyTo } from '../../dns/server.ts'
import { concatBytes } from '../../text.ts'
import { MARK_PROXY_EGRESS, type Datapath } from './datapath.ts'
import { fqdnMatches, type FqdnSelector } from './fqdn.ts'
import { labelLines } from './identity.ts'
import type { Endpoint } from './maps.ts'

/**
 * The agent's DNS proxy (pkg/fqdn/dnsproxy of cilium/cilium v1.17): Pods' queries that a rule with `dns` redirects come
 * here. It asks the server in the Pod's name, and tells the agent of the answer before the Pod has it.
 */
const TIMEOUT = 10_000
const OWNER = 'cilium-agent'
/** As gopacket names them. */
const RCODES: ReadonlyMap<string, string> = new Map([['NXDOMAIN', 'Non-Existent Domain'], ['SERVFAIL', 'Server Failure'], ['REFUSED', 'Query Refused'], ['FORMERR', 'Format Error'], ['NOTIMP', 'Not Implemented']])

interface Asked { endpoint: Endpoint; client: Ip; clientPort: number; server: Ip; serverPort: number; query: DnsMessage; protocol: 'udp' | 'tcp' }

/** Listens; what is returned ends it. */
export function startDnsProxy(process: Process, dp: Datapath, port: number): () => void {
  const proxy = new DnsProxy(process, dp, port)
  return () => proxy.stop()
}

class DnsProxy {
  readonly #process: Process
  readonly #dp: Datapath
  readonly #udp: UdpSocket
  readonly #tcp: TcpListener
  readonly #asking = new Set<UdpSocket>()

  constructor(process: Process, dp: Datapath, port: number) {
    this.#process = process
    this.#dp = dp
    const owner = { pid: process.pid, program: OWNER }
    this.#udp = dp.network.sockets.udp({ port, owner, transparent: true, mark: MARK_PROXY_EGRESS })
    this.#udp.onDatagram = ({ source, sourcePort, destination, destinationPort, data }) => {
      const asked = this.#read(data, { client: source, clientPort: sourcePort, server: destination, serverPort: destinationPort, protocol: 'udp' })
      if (asked) this.#onQuery(asked)
    }
    this.#tcp = dp.network.sockets.listen({ port, address: '127.0.0.1', mark: MARK_PROXY_EGRESS, owner }, (connection) => this.#onConnection(connection))
    dp.dnsProxyRuns = true
  }

  stop(): void {
    this.#dp.dnsProxyRuns = false
    this.#udp.close()
    this.#tcp.close()
    for (const socket of this.#asking) socket.close()
  }

  #read(data: Uint8Array, from: Omit<Asked, 'endpoint' | 'query'>): Asked | undefined {
    const endpoint = this.#dp.endpointAt(from.client)
    if (!endpoint) return undefined
    try {
      const query = decodeDns(data)
      return query.response || query.questions.length === 0 ? undefined : { ...from, endpoint, query }
    } catch {
      return undefined
    }
  }

  /** The names that may be asked for; undefined: no rule sends this to a proxy any more. */
  #allowed({ endpoint, server, serverPort, protocol }: Asked): readonly FqdnSelector[] | undefined {
    const dp = this.#dp
    return endpoint.policy.verdict('egress', dp.identity(dp.identityAt(server)), protocol, serverPort).dns
  }

  /** Refused at once, or undefined: the server is to be asked. */
  #refusal(asked: Asked): DnsMessage | undefined {
    const { name } = asked.query.questions[0]!
    const allowed = this.#allowed(asked)?.some((selector) => fqdnMatches(selector, name)) ?? false
    this.#tell(asked, allowed ? 'Forwarded' : 'Denied')
    return allowed ? undefined : replyTo(asked.query, { rcode: 'REFUSED' })
  }

  /** The agent knows first: the Pod connects as soon as it has the answer. */
  #learn(asked: Asked, answer: DnsMessage): void {
    const { name } = asked.query.questions[0]!
    const ips: Ip[] = []
    let ttl = 0xffff_ffff
    for (const record of answer.answers) {
      ttl = Math.min(ttl, record.ttl)
      if (record.data.type === 'A' || record.data.type === 'AAAA') ips.push(record.data.address)
    }
    if (answer.rcode === 'NOERROR' && ips.length > 0) this.#dp.names.learn(asked.endpoint, name.toLowerCase(), ips, ttl)
    this.#tell(asked, 'Forwarded', { ips, ttl: answer.answers.length > 0 ? ttl : 0, aliases: answer.answers.flatMap((r) => (r.data.type === 'CNAME' ? [r.data.target] : [])), ...(answer.rcode === 'NOERROR' ? {} : { rcode: RCODES.get(answer.rcode) ?? answer.rcode }) })
  }

  #onQuery(asked: Asked): void {
    const refusal = this.#refusal(asked)
    if (refusal) return this.#answer(asked, encodeDns(refusal))
    const { clock, pid } = this.#process
    const socket = this.#dp.network.sockets.udp({ address: asked.client, transparent: true, mark: MARK_PROXY_EGRESS, owner: { pid, program: OWNER } })
    const done = (): void => {
      clock.cancel(timer)
      this.#asking.delete(socket)
      socket.close()
    }
    const timer = clock.schedule(TIMEOUT, done, { background: true })
    this.#asking.add(socket)
    socket.onDatagram = ({ source, sourcePort, data }) => {
      if (source !== asked.server || sourcePort !== asked.serverPort) return
      try {
        this.#learn(asked, decodeDns(data))
      } catch {
        return
      }
      done()
      this.#answer(asked, data)
    }
    try {
      socket.send(encodeDns(asked.query), asked.server, asked.serverPort)
    } catch {
      done()
    }
  }

  /** With the server's own address and port, so that the Pod knows whom it has asked. */
  #answer({ client, clientPort, server, serverPort }: Asked, data: Uint8Array): void {
    try {
      this.#udp.send(data, client, clientPort, { source: server, sourcePort: serverPort })
    } catch {
      // No way back: the Pod will ask again.
    }
  }

  #onConnection(client: TcpConnection): void {
    const { localAddress: server, localPort: serverPort, remoteAddress: source, remotePort: clientPort } = client
    let upstream: TcpConnection | undefined
    let last: Asked | undefined
    const answers = framed((data) => {
      try {
        if (last) this.#learn(last, decodeDns(data))
      } catch {
        return client.abort()
      }
      client.send(frame(data))
    })
    const connect = (): TcpConnection => this.#dp.network.sockets.connect(
      { address: server, port: serverPort, source, transparent: true, mark: MARK_PROXY_EGRESS, owner: { pid: this.#process.pid, program: OWNER } },
      { onData: answers, onEnd: () => client.end(), onClose: (error) => (error ? client.abort() : undefined) },
    )
    client.handlers = {
      onData: framed((data) => {
        const asked = this.#read(data, { client: source, clientPort, server, serverPort, protocol: 'tcp' })
        if (!asked) return client.abort()
        const refusal = this.#refusal(asked)
        if (refusal) return client.send(frame(encodeDns(refusal)))
        last = asked
        upstream ??= connect()
        upstream.send(frame(data))
      }),
      onEnd: () => (upstream ? upstream.end() : client.end()),
      onClose: () => upstream?.abort(),
    }
  }

  /** The access log's record, as `cilium-dbg monitor` prints it. */
  #tell({ endpoint, server, serverPort, client, clientPort, protocol, query }: Asked, verdict: 'Forwarded' | 'Denied', answer?: { ips: readonly Ip[]; ttl: number; aliases: readonly string[]; rcode?: string }): void {
    const dp = this.#dp
    if (dp.flows.enabled) {
      const question = query.questions[0]!
      const asked = { kind: 'dns', query: question.name.endsWith('.') ? question.name : `${question.name}.`, qtype: question.type } as const
      dp.flows.request([client, clientPort], [server, serverPort], protocol, {
        event: 'l7', what: 'dns', verdict: verdict === 'Denied' ? 'DROPPED' : 'FORWARDED', direction: 'EGRESS',
        l7: answer ? { ...asked, type: 'RESPONSE', ips: answer.ips, ttl: answer.ttl, cnames: answer.aliases, ...(answer.rcode === undefined ? {} : { rcode: answer.rcode }) } : { ...asked, type: 'REQUEST' },
      })
    }
    if (!dp.monitored) return
    const target = dp.identityAt(server)
    const labels = (id: number): string => `[${labelLines(dp.identity(id).labels).join(' ')}]`
    const own = `${endpoint.id} (${labels(endpoint.identity)})`
    const other = `${dp.endpointAt(server)?.id ?? 0} (${labels(target)})`
    const { name, type } = query.questions[0]!
    const about = ` DNS Query: ${name} ${type}`
    dp.tell('l7', endpoint.id, answer
      ? `<- Response dns to ${own} from ${other}, identity ${target}->${endpoint.identity}, verdict ${verdict}${about} TTL: ${answer.ttl} Answer: '${answer.ips.join(',')}'${answer.aliases.length > 0 ? ` CNAMEs: ${answer.aliases.join(',')}` : ''}`
      : `-> Request dns from ${own} to ${other}, identity ${endpoint.identity}->${target}, verdict ${verdict}${about}`)
  }
}

function frame(data: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(data.length >> 8, data.length & 255), data])
}

/** Messages out of a stream (RFC 1035 4.2.2). */
function framed(onMessage: (data: Uint8Array) => void): (data: Uint8Array) => void {
  let buffer: Uint8Array = new Uint8Array(0)
  return (data) => {
    buffer = concatBytes([buffer, data])
    while (buffer.length >= 2) {
      const length = (buffer[0]! << 8) | buffer[1]!
      if (buffer.length < length + 2) return
      const message = buffer.slice(2, 2 + length)
      buffer = buffer.slice(2 + length)
      onMessage(message)
    }
  }
}
