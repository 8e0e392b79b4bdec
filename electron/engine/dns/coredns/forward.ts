import { Signal, anyOf, sleep, type Task } from '../../machine/task.ts'
import { decodeDns, encodeDns, type DnsMessage } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type PluginContext } from './chain.ts'

/** CoreDNS' forward plugin: other servers are asked, one at random, the next when it says nothing (plugin/forward). */
export interface ForwardOptions {
  from: string
  to: { address: string; port: number }[]
  except: string[]
  policy: 'random' | 'round_robin' | 'sequential'
}

const READ_TIMEOUT = 2_000
const DEADLINE = 5_000

export class ForwardPlugin implements DnsPlugin {
  readonly name = 'forward'
  readonly #context: PluginContext
  readonly #options: ForwardOptions
  #turn = 0

  constructor(context: PluginContext, options: ForwardOptions) {
    this.#context = context
    this.#options = options
  }

  *serve(request: DnsRequest, next: () => Task<DnsMessage | undefined>): Task<DnsMessage | undefined> {
    const { from, except, to } = this.#options
    if (!isBelow(from, request.name) || except.some((zone) => isBelow(zone, request.name))) return yield* next()
    const { clock } = this.#context.process
    const deadline = clock.now + DEADLINE
    const order = this.#order()
    let failure = 'no healthy proxies'
    for (let i = 0; clock.now < deadline && i < Math.max(2, to.length); i++) {
      const upstream = order[i % order.length]!
      const result = yield* this.#ask(request, upstream)
      if (typeof result !== 'string') {
        const edns = request.query.edns
        const { edns: _theirs, ...reply } = result
        return { ...reply, id: request.query.id, questions: request.query.questions, ...(edns ? { edns: { ...edns, version: 0 } } : {}) }
      }
      failure = result
    }
    throw new DnsFailure(failure)
  }

  #order(): ForwardOptions['to'] {
    const { to, policy } = this.#options
    if (policy === 'sequential') return to
    const start = policy === 'round_robin' ? this.#turn++ % to.length : this.#context.process.clock.random.below(to.length)
    return [...to.slice(start), ...to.slice(0, start)]
  }

  /** The reply, or why there is none, as Go's net package says it. */
  *#ask(request: DnsRequest, upstream: { address: string; port: number }): Task<DnsMessage | string> {
    const { process } = this.#context
    const id = process.clock.random.below(65_536)
    const answered = new Signal()
    let reply: DnsMessage | undefined
    let failure: string | undefined
    const socket = process.network.sockets.udp({ owner: { pid: process.pid, program: 'coredns' } })
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
}
