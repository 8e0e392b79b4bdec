import { anyOf, decodeDns, dnsQuery, encodeDns, isValidIp, parseResolvConf, reverseNameOf, Signal, type DnsMessage, type Process, type Task } from '../../../engine/cluster.ts'
import { pause, programName, TcpStream } from '../stream.ts'

/** The EDNS option's code. */
export const COOKIE = 10

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
  /** An EDNS cookie goes with it (RFC 7873). */
  cookie?: boolean
  /** Called when an answer did not fit a datagram. */
  onTruncated?: () => Task
}

export type Answer = { message: DnsMessage; size: number; ms: number; tcp: boolean }
export type QueryFailure = { failure: 'timeout' | 'refused' | 'unreachable'; text: string }

/** Called after each try that failed, as dig prints a line for it. */
export type OnTrouble = (text: string) => Task

export function* ask(process: Process, question: Question, onTrouble?: OnTrouble): Task<Answer | QueryFailure> {
  let last: QueryFailure = { failure: 'timeout', text: 'timed out' }
  for (let attempt = 0; attempt < question.tries; attempt++) {
    const result = question.tcp ? yield* overTcp(process, question) : yield* overUdp(process, question)
    if ('message' in result) {
      if (!result.message.truncated || question.tcp) return result
      // RFC 7766: what does not fit a datagram is asked again over TCP
      if (question.onTruncated) yield* question.onTruncated()
      return yield* ask(process, { ...question, tcp: true }, onTrouble)
    }
    last = result
    if (onTrouble) yield* onTrouble(result.text)
  }
  return last
}

function message(process: Process, question: Question): DnsMessage {
  const random = process.clock.random.fork(`dns ${process.machine.name} ${process.pid} ${process.clock.now}`)
  const id = random.below(65536)
  const cookie = Uint8Array.from({ length: 8 }, () => random.below(256))
  return dnsQuery(id, question.name.endsWith('.') ? question.name : `${question.name}.`, question.type, {
    recursionDesired: question.recursion,
    ...(question.edns ? { edns: { udpSize: 1232, version: 0, dnssecOk: false, options: question.cookie ? [{ code: COOKIE, data: cookie }] : [] } } : {}),
  })
}

function* overUdp(process: Process, question: Question): Task<Answer | QueryFailure> {
  const { clock } = process
  const sent = message(process, question)
  const signal = new Signal()
  let result: Answer | QueryFailure | undefined
  const socket = process.network.sockets.udp({ owner: { pid: process.pid, program: programName(process) } })
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
      result = error.code === 'ECONNREFUSED' ? { failure: 'refused', text: 'connection refused' } : { failure: 'unreachable', text: error.message.toLowerCase() }
      signal.notify()
    }
    try {
      socket.send(encodeDns(sent), question.server, question.port)
    } catch (error) {
      return { failure: 'unreachable', text: (error as Error).message.toLowerCase() }
    }
    while (!result && clock.now < start + question.timeout) yield anyOf(signal.wait, pause(process, start + question.timeout - clock.now))
    return result ?? { failure: 'timeout', text: 'timed out' }
  } finally {
    socket.close()
  }
}

function* overTcp(process: Process, question: Question): Task<Answer | QueryFailure> {
  const { clock } = process
  const start = clock.now
  const stream = yield* TcpStream.open(process, question.server, question.port, { timeout: question.timeout })
  if (!(stream instanceof TcpStream)) return stream.code === 'ECONNREFUSED' ? { failure: 'refused', text: 'connection refused' } : { failure: stream.gaveUp ? 'timeout' : 'unreachable', text: stream.gaveUp ? 'timed out' : stream.message.toLowerCase() }
  const bytes = encodeDns(message(process, question))
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

/** The names to try for one that a person typed: resolv.conf(5), search and ndots. */
export function searchNames(name: string, config: { search: readonly string[]; ndots: number }): string[] {
  if (name.endsWith('.')) return [name]
  const dots = name.split('.').length - 1
  const searched = config.search.map((domain) => `${name}.${domain}`)
  return dots >= config.ndots ? [name, ...searched] : [...searched, name]
}

/** "10.96.0.10" → "10.0.96.10.in-addr.arpa."; undefined for what is no address. */
export function reverseName(address: string): string | undefined {
  return isValidIp(address) ? reverseNameOf(address) : undefined
}
