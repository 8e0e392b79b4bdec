import { anyOf, decodeDns, dnsQuery, encodeDns, isValidIp, parseResolvConf, reverseNameOf, Signal, type DnsMessage, type Process, type Task, type UdpSocket } from '../../../engine/cluster.ts'
import { pause, ownerOf, TcpStream } from '../stream.ts'
import { overSecure, type SecureTransport } from './secure.ts'

/** One question to one server, over the simulated network. */
export interface Question {
  name: string
  type: string
  server: string
  port: number
  tcp: boolean
  /** ms for one try. */
  timeout: number
  tries: number
  recursion: boolean
  edns: boolean
  /** What else the query says, instead of what a stub resolver's says. */
  message?: Partial<DnsMessage>
  /** Every ICMP error counts, not only a closed port. */
  hearsAll?: boolean
  /** Where it is sent from. */
  source?: { address?: string; port?: number }
  /** Over TLS or HTTP. */
  transport?: SecureTransport | undefined
}

export type Answer = { message: DnsMessage; size: number; ms: number; tcp: boolean }
/** `setup`: nothing was sent, or no connection was made; `said`: the text is all that there is to say. */
export type QueryFailure = { failure: 'timeout' | 'refused' | 'unreachable' | 'setup' | 'said'; text: string }

/** Asks one server until it answers or the tries are used up. */
export function* ask(process: Process, question: Question): Task<Answer | QueryFailure> {
  let last: QueryFailure = { failure: 'timeout', text: 'timed out' }
  for (let attempt = 0; attempt < question.tries; attempt++) {
    const result = yield* askOnce(process, question, queryFor(process, question))
    if ('message' in result) {
      // RFC 7766: what does not fit a datagram is asked again over TCP
      return !result.message.truncated || question.tcp ? result : yield* ask(process, { ...question, tcp: true })
    }
    last = result
  }
  return last
}

/** The query, with an ID of its own. */
export function queryFor(process: Process, question: Question): DnsMessage {
  const random = process.clock.random.fork(`dns ${process.machine.name} ${process.pid} ${process.clock.now} ${question.name} ${question.type}`)
  return dnsQuery(random.below(65536), question.name.endsWith('.') ? question.name : `${question.name}.`, question.type, {
    recursionDesired: question.recursion,
    ...(question.edns ? { edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] } } : {}),
    ...question.message,
  })
}

/** One try: sends the query and waits for its answer. Throws WireError for a name that no message can carry. */
export function* askOnce(process: Process, question: Question, sent: DnsMessage): Task<Answer | QueryFailure> {
  if (question.transport) return yield* overSecure(process, { ...question, transport: question.transport }, sent)
  return question.tcp ? yield* overTcp(process, question, sent) : yield* overUdp(process, question, sent)
}

function* overUdp(process: Process, question: Question, sent: DnsMessage): Task<Answer | QueryFailure> {
  const { clock } = process
  const bytes = encodeDns(sent)
  const signal = new Signal()
  let result: Answer | QueryFailure | undefined
  let socket: UdpSocket
  try {
    socket = process.network.sockets.udp({ owner: ownerOf(process), ...question.source })
  } catch (error) {
    return { failure: 'setup', text: meaning((error as Error).message) }
  }
  const start = clock.now
  try {
    socket.onDatagram = ({ data, source, sourcePort }) => {
      if (source !== question.server || sourcePort !== question.port) return
      const answer = decode(data)
      if (!answer || answer.id !== sent.id) return
      result = { message: answer, size: data.length, ms: clock.now - start, tcp: false }
      signal.notify()
    }
    socket.onError = (error) => {
      // of the rest a socket hears only if it asks for it (IP_RECVERR), as the C library's does
      if (error.code !== 'ECONNREFUSED' && !question.hearsAll) return
      result = error.code === 'ECONNREFUSED' ? { failure: 'refused', text: 'connection refused' } : { failure: 'unreachable', text: meaning(error.message) }
      signal.notify()
    }
    try {
      socket.send(bytes, question.server, question.port)
    } catch (error) {
      return { failure: 'setup', text: meaning((error as Error).message) }
    }
    while (!result && clock.now < start + question.timeout) yield anyOf(signal.wait, pause(process, start + question.timeout - clock.now))
    return result ?? { failure: 'timeout', text: 'timed out' }
  } finally {
    socket.close()
  }
}

/** An error's text as isc_result_totext() has it. */
const meaning = (text: string): string => (/no route to host/i.test(text) ? 'host unreachable' : /cannot assign|family not supported/i.test(text) ? 'address not available' : text.replace(/ is /, ' ').toLowerCase())

function* overTcp(process: Process, question: Question, sent: DnsMessage): Task<Answer | QueryFailure> {
  const { clock } = process
  const start = clock.now
  const bytes = encodeDns(sent)
  const { address, port } = question.source ?? {}
  const stream = yield* TcpStream.open(process, question.server, question.port, { timeout: question.timeout, ...(address === undefined ? {} : { source: address }), ...(port === undefined ? {} : { sourcePort: port }) })
  if (!(stream instanceof TcpStream)) return { failure: 'setup', text: stream.gaveUp ? 'timed out' : meaning(stream.message) }
  stream.write(Uint8Array.from([bytes.length >> 8, bytes.length & 255, ...bytes]))
  let received: number[] = []
  try {
    for (;;) {
      const data = yield* stream.read(process, start + question.timeout)
      if (!(data instanceof Uint8Array)) return { failure: 'timeout', text: data === null ? 'end of file' : 'timed out' }
      received = [...received, ...data]
      const length = ((received[0] ?? 0) << 8) | (received[1] ?? 0)
      if (received.length < 2 || received.length < length + 2) continue
      const answer = decode(Uint8Array.from(received.slice(2, length + 2)))
      return answer ? { message: answer, size: length, ms: clock.now - start, tcp: true } : { failure: 'timeout', text: 'malformed message' }
    }
  } finally {
    stream.close()
  }
}

function decode(data: Uint8Array): DnsMessage | undefined {
  try {
    return decodeDns(data)
  } catch {
    return undefined
  }
}

/** /etc/resolv.conf of the machine, with the resolver's defaults where it says nothing. */
export function resolverConfig(process: Process): ReturnType<typeof parseResolvConf> {
  try {
    return parseResolvConf(process.fs.readText('/etc/resolv.conf'))
  } catch {
    return parseResolvConf('')
  }
}

/** "10.96.0.10" → "10.0.96.10.in-addr.arpa."; undefined for what is no address. */
export function reverseName(address: string): string | undefined {
  return isValidIp(address) ? reverseNameOf(address) : undefined
}
