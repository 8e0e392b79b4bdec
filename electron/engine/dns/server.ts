import type { Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import type { Ip, TcpConnection, TcpListener, UdpSocket } from '../network/types.ts'
import { decodeDns, encodeDns, type DnsMessage } from '../network/wire/dns.ts'
import { ownerOf } from '../programs/stream.ts'
import { TlsServer, type ClientAuth } from '../programs/tls/socket.ts'
import type { Certificate } from '../programs/tls/x509.ts'
import { concatBytes } from '../text.ts'

/** DNS over UDP, TCP and TLS (RFC 1035 4.2, RFC 7766, RFC 7858) for programs that answer queries. */
export interface DnsClient {
  address: Ip
  port: number
  /** The address that was asked; an answer comes from it (IP_PKTINFO). */
  at: Ip
  protocol: 'udp' | 'tcp'
  /** Bytes of the query. */
  size: number
}

/** The answer, or undefined to say nothing at all. */
export type DnsHandler = (query: DnsMessage, client: DnsClient) => Task<DnsMessage | undefined>

export interface DnsServer {
  close(): void
}

/** Without EDNS an answer by UDP has 512 bytes at most (RFC 1035 2.3.4). */
const PLAIN_UDP = 512
const IDLE_TCP = 8_000

/** `compress`: names only in messages that would not fit otherwise, as CoreDNS has it (request.Scrub); always if absent. */
export interface DnsServerOptions {
  port: number
  address?: Ip
  program: string
  compress?: 'needed'
  /** By TLS alone (RFC 7858), with these certificates. */
  tls?: () => { chain: readonly Certificate[]; clients?: ClientAuth }
  /** No datagrams. */
  onlyTcp?: boolean
  /** ms: how long a connection may say nothing, at first and after a query; 8 s if absent. */
  timeouts?: { read: number; idle: number }
}

/** Listens on a port of the process's network namespace. Throws SystemError EADDRINUSE. */
export function serveDns(process: Process, options: DnsServerOptions, handle: DnsHandler): DnsServer {
  const owner = ownerOf(process, options.program)
  const where = { port: options.port, owner, ...(options.address ? { address: options.address } : {}) }
  const { tls } = options
  const secured = (connection: TcpConnection): TcpConnection => (tls ? new TlsServer(connection, { random: process.clock.random, select: () => tls() }) : connection)
  const accept = (connection: TcpConnection): void => serveTcp(process, secured(connection), options, handle)
  if (tls || options.onlyTcp) {
    const listener = process.network.sockets.listen(where, accept)
    process.onExit(() => listener.close())
    return listener
  }
  const udp: UdpSocket = process.network.sockets.udp(where)
  let tcp: TcpListener
  try {
    tcp = process.network.sockets.listen(where, accept)
  } catch (error) {
    udp.close()
    throw error
  }
  udp.onDatagram = ({ source, sourcePort, destination, data }) => {
    const query = parse(data)
    if (!query) return
    process.spawnThread(answerUdp(udp, options.compress, query, { address: source, port: sourcePort, at: destination, protocol: 'udp', size: data.length }, handle))
  }
  const close = (): void => {
    udp.close()
    tcp.close()
  }
  process.onExit(close)
  return { close }
}

function parse(data: Uint8Array): DnsMessage | undefined {
  try {
    const message = decodeDns(data)
    return message.response ? undefined : message
  } catch {
    return undefined
  }
}

function* answerUdp(socket: UdpSocket, compress: 'needed' | undefined, query: DnsMessage, client: DnsClient, handle: DnsHandler): Task {
  const answer = yield* handle(query, client)
  if (!answer) return
  try {
    const size = Math.max(PLAIN_UDP, query.edns?.udpSize ?? 0)
    const plain = compress === 'needed' ? encodeDns(answer, { compress: false }) : undefined
    const most = Math.min(size, client.address.includes(':') ? 1220 : 1480)
    socket.send(plain && plain.length <= most ? plain : fit(answer, size), client.address, client.port, { source: client.at })
  } catch {
    // No way back to the client: it will ask again.
  }
}

function serveTcp(process: Process, connection: TcpConnection, { compress, timeouts = { read: IDLE_TCP, idle: IDLE_TCP } }: DnsServerOptions, handle: DnsHandler): void {
  let buffer: Uint8Array = new Uint8Array(0)
  const close = (): void => {
    if (connection.state !== 'CLOSED') connection.end()
  }
  let idle = process.clock.schedule(timeouts.read, close, { background: true })
  connection.handlers = {
    onData: (data) => {
      process.clock.cancel(idle)
      idle = process.clock.schedule(timeouts.idle, close, { background: true })
      buffer = concatBytes([buffer, data])
      for (;;) {
        const length = buffer.length < 2 ? Infinity : (buffer[0]! << 8) | buffer[1]!
        if (buffer.length < length + 2) return
        const query = parse(buffer.slice(2, 2 + length))
        buffer = buffer.slice(2 + length)
        if (!query) return connection.abort()
        process.spawnThread(answerTcp(connection, compress, query, { address: connection.remoteAddress, port: connection.remotePort, at: connection.localAddress, protocol: 'tcp', size: length }, handle))
      }
    },
    onEnd: close,
    onClose: () => process.clock.cancel(idle),
  }
}

function* answerTcp(connection: TcpConnection, compress: 'needed' | undefined, query: DnsMessage, client: DnsClient, handle: DnsHandler): Task {
  const answer = yield* handle(query, client)
  if (!answer || connection.state === 'CLOSED') return
  const bytes = encodeDns(answer, { compress: compress !== 'needed' })
  connection.send(concatBytes([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]))
}

/** Drops records from the end until the message fits, and says so with TC (RFC 2181 9). */
function fit(message: DnsMessage, size: number): Uint8Array {
  let bytes = encodeDns(message)
  if (bytes.length <= size) return bytes
  const cut: DnsMessage = { ...message, additionals: [...message.additionals], answers: [...message.answers], authorities: [...message.authorities] }
  while (bytes.length > size && cut.additionals.length + cut.authorities.length + cut.answers.length > 0) {
    if (cut.additionals.length > 0) cut.additionals.pop()
    else {
      cut.truncated = true
      if (cut.authorities.length > 0) cut.authorities.pop()
      else cut.answers.pop()
    }
    bytes = encodeDns(cut)
  }
  return bytes
}

/** An empty reply to a query: its question, and its EDNS record sent back. */
export function replyTo(query: DnsMessage, more: Partial<DnsMessage> = {}): DnsMessage {
  return {
    id: query.id,
    response: true,
    opcode: query.opcode,
    authoritative: false,
    truncated: false,
    recursionDesired: query.recursionDesired,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: query.checkingDisabled,
    rcode: 'NOERROR',
    questions: query.questions,
    answers: [],
    authorities: [],
    additionals: [],
    ...(query.edns ? { edns: { ...query.edns, version: 0 } } : {}),
    ...more,
  }
}
