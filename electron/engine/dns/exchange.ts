import { Signal, anyOf, sleep, type Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import type { Ip } from '../network/types.ts'
import { decodeDns, encodeDns, type DnsMessage } from '../network/wire/dns.ts'
import { ownerOf } from '../programs/stream.ts'
import { concatBytes } from '../text.ts'

/** One query to one or more servers, as resolvers and dig send it. */
export interface ExchangeOptions {
  servers: readonly Ip[]
  port?: number
  /** ms */
  timeout: number
  protocol?: 'udp' | 'tcp'
  /** The queries; all go out at once and are told apart by their ids. */
  queries: readonly DnsMessage[]
  /** Which replies are taken; others are as if they had not come. */
  takes?: (reply: DnsMessage) => boolean
  /** How often a query goes out again to a server that said SERVFAIL, of all queries together; only with `takes`. */
  resends?: number
}

export interface Exchange {
  /** A reply for each query, where one came. */
  replies: (DnsMessage | undefined)[]
  server: Ip | undefined
  /** errno name, when nothing came because of it: ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ECONNRESET; else a timeout. */
  error: string | undefined
  /** Bytes of the last reply. */
  size: number
}

function isBackground(process: Process): boolean {
  return process.machine.kind !== 'laptop'
}

/** Sends every query to every server and waits for the first good reply to each. */
export function* exchange(process: Process, options: ExchangeOptions): Task<Exchange> {
  return options.protocol === 'tcp' ? yield* overTcp(process, options) : yield* overUdp(process, options)
}

function* overUdp(process: Process, options: ExchangeOptions): Task<Exchange> {
  const { servers, queries, timeout, port = 53, takes } = options
  let resends = options.resends ?? 0
  const result: Exchange = { replies: queries.map(() => undefined), server: undefined, error: undefined, size: 0 }
  const arrived = new Signal()
  let failed = 0
  const socket = process.network.sockets.udp({ owner: ownerOf(process) })
  socket.onDatagram = ({ source, sourcePort, data }) => {
    if (sourcePort !== port || !servers.includes(source)) return
    const reply = tryDecode(data)
    const index = reply ? queries.findIndex((q) => q.id === reply.id && sameQuestion(q, reply)) : -1
    if (!reply || index < 0 || result.replies[index]) return
    if (takes && !takes(reply)) {
      if (reply.rcode === 'SERVFAIL' && resends > 0) {
        resends--
        send(source, queries[index]!)
      }
      return
    }
    result.replies[index] = reply
    result.server = source
    result.size = data.length
    arrived.notify()
  }
  socket.onError = (error) => {
    // a socket that is not connected, as musl's, hears of no ICMP error
    if (takes) return
    result.error = error.code
    failed++
    arrived.notify()
  }
  const send = (server: Ip, query: DnsMessage): void => {
    try {
      socket.send(encodeDns(query), server, port)
    } catch (error) {
      result.error = (error as { code?: string }).code ?? 'ENETUNREACH'
      failed++
    }
  }
  try {
    for (const server of servers) for (const query of queries) send(server, query)
    const until = process.clock.now + timeout
    while (result.replies.some((r) => !r) && failed < servers.length * queries.length && process.clock.now < until) {
      yield anyOf(arrived.wait, sleepUntil(process, until))
    }
  } finally {
    socket.close()
  }
  if (result.replies.some((r) => r)) result.error = undefined
  return result
}

function sleepUntil(process: Process, until: number): ReturnType<typeof sleep> {
  return sleep(process.clock, until - process.clock.now, { background: isBackground(process) })
}

function* overTcp(process: Process, options: ExchangeOptions): Task<Exchange> {
  const { servers, queries, timeout, port = 53 } = options
  const result: Exchange = { replies: queries.map(() => undefined), server: undefined, error: undefined, size: 0 }
  const server = servers[0]!
  const changed = new Signal()
  let buffer: Uint8Array = new Uint8Array(0)
  let closed = false
  const connection = process.network.sockets.connect({ address: server, port, owner: ownerOf(process) }, {
    onConnect: () => {
      for (const query of queries) {
        const bytes = encodeDns(query)
        connection.send(concatBytes([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]))
      }
    },
    onData: (data) => {
      buffer = concatBytes([buffer, data])
      for (;;) {
        const length = buffer.length < 2 ? Infinity : (buffer[0]! << 8) | buffer[1]!
        if (buffer.length < length + 2) break
        const reply = tryDecode(buffer.slice(2, 2 + length))
        buffer = buffer.slice(2 + length)
        const index = reply ? queries.findIndex((q) => q.id === reply.id) : -1
        if (!reply || index < 0) continue
        result.replies[index] = reply
        result.server = server
        result.size = length
      }
      changed.notify()
    },
    onEnd: () => connection.end(),
    onClose: (error) => {
      closed = true
      result.error = error?.code
      changed.notify()
    },
  })
  try {
    const until = process.clock.now + timeout
    while (result.replies.some((r) => !r) && !closed && process.clock.now < until) yield anyOf(changed.wait, sleepUntil(process, until))
  } finally {
    if (!closed) connection.end()
  }
  return result
}

function tryDecode(data: Uint8Array): DnsMessage | undefined {
  try {
    const message = decodeDns(data)
    return message.response ? message : undefined
  } catch {
    return undefined
  }
}

function sameQuestion(query: DnsMessage, reply: DnsMessage): boolean {
  const asked = query.questions[0]
  const answered = reply.questions[0]
  return !asked || !answered || (asked.type === answered.type && asked.name.toLowerCase() === answered.name.toLowerCase())
}
