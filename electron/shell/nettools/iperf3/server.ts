import { anyOf, decodeUtf8, Signal, type Process, type Task, type TcpListener, type UdpSocket } from '../../../engine/cluster.ts'
import { ownerOf, pause } from '../stream.ts'
import { Channel, COOKIE_SIZE, STATE } from './channel.ts'
import { UDP_ANSWER } from './client.ts'
import type { Options } from './options.ts'
import { Report, type Stream } from './report.ts'
import type { Parameters, Results } from './test.ts'
import { TcpReceiver, TcpSender } from './tcp-flow.ts'
import { UdpReceiver, UdpSender } from './udp-flow.ts'

/** The numbers that its sockets get. */
const TCP_SOCKETS = [5, 8]
const UDP_SOCKETS = [5, 6, 9]

interface Test { control: Channel; cookie: string; parameters: Parameters; report: Report; threads: (() => Task)[] }

/** iperf3 -s: one test after the other. */
export class Server {
  readonly #process: Process
  readonly #options: Options
  /** Who has called and has not yet been asked what for. */
  readonly #callers: Channel[] = []
  readonly #signal = new Signal()
  /** Control connections that are under way. */
  readonly #all = new Set<Channel>()
  #interrupted = false

  constructor(process: Process, options: Options) {
    this.#process = process
    this.#options = options
  }

  *run(): Task<number> {
    const process = this.#process
    const { port, bind, family, verbose } = this.#options
    let listener: TcpListener
    try {
      const address = bind ?? (family === undefined ? undefined : family === 4 ? '0.0.0.0' : '::')
      listener = process.network.sockets.listen({ port, ...(address === undefined ? {} : { address }), owner: ownerOf(process) }, (connection) => {
        this.#callers.push(new Channel(process, connection))
        this.#signal.notify()
      })
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error
      yield* process.printError(`iperf3: error - unable to start listener for connections: ${error.message}\niperf3: exiting\n`)
      return 1
    }
    process.onExit(() => listener.close())
    process.onSignal('SIGINT', () => {
      this.#interrupted = true
      this.#signal.notify()
      for (const channel of this.#all) channel.wake()
    })
    if (verbose) yield* process.print(`iperf 3.12\n${process.machine.hostname}\n`)
    for (let n = 1; !this.#interrupted; n++) {
      const rule = '-'.repeat(59)
      yield* process.print(`${rule}\nServer listening on ${port} (test #${n})\n${rule}\n`)
      const failure = yield* this.#one()
      if (failure !== undefined) yield* process.printError(`iperf3: ${failure}\n`)
      if (this.#options.oneOff && !this.#interrupted) return failure === undefined ? 0 : 1
    }
    yield* process.printError('iperf3: interrupt - the server has terminated\n')
    return 1
  }

  /** A whole test; what went wrong with it. */
  *#one(): Task<string | undefined> {
    const process = this.#process
    const control = yield* this.#caller()
    if (!control) return undefined
    this.#all.add(control)
    const cookie = yield* control.take(COOKIE_SIZE)
    const opened: UdpSocket[] = []
    try {
      if (!cookie) return 'error - unable to receive cookie at server: Resource temporarily unavailable'
      control.sendState(STATE.PARAM_EXCHANGE)
      yield* process.print(`Accepted connection from ${control.connection.remoteAddress}, port ${control.connection.remotePort}\n`)
      const parameters = yield* control.takeJson<Parameters>()
      if (!parameters) return 'error - unable to receive parameters from client: '
      const test: Test = { control, cookie: decodeUtf8(cookie), parameters, report: new Report({ udp: parameters.udp === true, format: this.#options.format }), threads: [] }
      const udp = parameters.udp ? this.#openUdp(test) : undefined
      if (udp) opened.push(udp)
      control.sendState(STATE.CREATE_STREAMS)
      if (!(yield* this.#streams(test))) return this.#interrupted ? undefined : 'error - control socket has closed unexpectedly'
      yield* process.print(test.report.connected())
      control.sendState(STATE.TEST_START)
      control.sendState(STATE.TEST_RUNNING)
      return yield* this.#transfer(test)
    } finally {
      this.#all.delete(control)
      control.close()
      for (const socket of opened) socket.close()
    }
  }

  *#caller(): Task<Channel | undefined> {
    while (this.#callers.length === 0 && !this.#interrupted) yield this.#signal.wait
    return this.#callers.shift()
  }

  /** Whoever calls now and does not belong to the test is told to come again. */
  *#strangers({ cookie, parameters, report }: Test): Task<Channel | undefined> {
    const caller = this.#callers.shift()
    if (!caller) return undefined
    const full = parameters.udp === true || report.streams.length >= parameters.parallel
    if (!full) {
      const said = yield* caller.take(COOKIE_SIZE)
      if (said && decodeUtf8(said) === cookie) return caller
    }
    caller.sendState(STATE.ACCESS_DENIED)
    caller.close()
    return undefined
  }

  #openUdp(test: Test): UdpSocket {
    const process = this.#process
    const { bind, family, port } = this.#options
    const { parameters, report } = test
    const address = bind ?? (family === undefined ? undefined : family === 4 ? '0.0.0.0' : '::')
    const socket = process.network.sockets.udp({ port, ...(address === undefined ? {} : { address }), owner: ownerOf(process) })
    const receivers = new Map<string, UdpReceiver>()
    socket.onDatagram = ({ source, sourcePort, destination, data }) => {
      const peer = `${source} ${sourcePort}`
      const receiver = receivers.get(peer)
      if (receiver) return receiver.take(data)
      if (report.streams.length >= parameters.parallel || data.length !== 4) return
      const answer = (bytes: Uint8Array): void => void socket.send(bytes, source, sourcePort, { source: destination })
      const sender = parameters.reverse ? new UdpSender(process, this.#load(parameters), answer) : undefined
      const flow = sender ?? new UdpReceiver(process, parameters.len)
      if (flow instanceof UdpReceiver) receivers.set(peer, flow)
      if (sender) test.threads.push(() => sender.run())
      const n = report.streams.length
      report.streams.push({ socket: UDP_SOCKETS[n] ?? 12 + 2 * (n - 3), sender: sender !== undefined, local: { address: destination, port }, remote: { address: source, port: sourcePort }, flow, intervals: [] })
      answer(UDP_ANSWER)
      this.#signal.notify()
    }
    process.onExit(() => socket.close())
    return socket
  }

  #load({ len, bandwidth, num, blockcount, parallel }: Parameters): { block: number; rate: number; limit: number; share: number } {
    return { block: len, rate: bandwidth, limit: num > 0 ? Math.ceil(num / len / parallel) * len : blockcount > 0 ? Math.ceil(blockcount / parallel) * len : Infinity, share: parallel }
  }

  /** Waits for all streams; false when the client has gone. */
  *#streams(test: Test): Task<boolean> {
    const { control, parameters, report } = test
    const process = this.#process
    while (report.streams.length < parameters.parallel) {
      if (control.over || this.#interrupted) return false
      const caller = yield* this.#strangers(test)
      if (!caller) {
        if (this.#callers.length === 0) yield anyOf(this.#signal.wait, pause(process, 100))
        continue
      }
      const { connection } = caller
      const flow = parameters.reverse ? new TcpSender(process, connection, this.#load(parameters)) : new TcpReceiver(process, connection)
      if (flow instanceof TcpSender) test.threads.push(() => flow.run())
      const n = report.streams.length
      const stream: Stream = { socket: TCP_SOCKETS[n] ?? 11 + 2 * (n - 2), sender: parameters.reverse === true, local: { address: connection.localAddress, port: connection.localPort }, remote: { address: connection.remoteAddress, port: connection.remotePort }, flow, intervals: [] }
      report.streams.push(stream)
      process.onExit(() => connection.abort())
    }
    return true
  }

  *#transfer(test: Test): Task<string | undefined> {
    const process = this.#process
    const { clock } = process
    const { control, report } = test
    const interval = this.#options.interval
    report.begin(clock.now)
    const threads = test.threads.map((run) => process.spawnThread(run()))
    let next = interval > 0 ? clock.now + interval : Infinity
    while (control.available === 0 && !control.over && !this.#interrupted) {
      yield* control.changed(Math.min(next - clock.now, 1000))
      yield* this.#strangers(test)
      if (clock.now >= next && control.available === 0) {
        yield* process.print(report.interval(clock.now))
        next += interval
      }
    }
    const ended = clock.now
    for (const { flow } of report.streams) flow.stop()
    for (const thread of threads) thread.kill()
    const rows = report.interval(ended, interval === 0 ? 1 : interval)
    yield* process.print(rows)
    if (this.#interrupted) control.sendState(STATE.SERVER_TERMINATE)
    const state = control.available > 0 ? yield* control.takeState() : undefined
    let problem = state === undefined && !this.#interrupted ? 'error - unable to receive results: Bad file descriptor' : state === STATE.CLIENT_TERMINATE ? 'the client has terminated' : undefined
    if (state === STATE.TEST_END) {
      control.sendState(STATE.EXCHANGE_RESULTS)
      if ((yield* control.takeJson<Results>()) === undefined) problem = 'error - unable to receive results: Bad file descriptor'
      else {
        control.sendJson({ cpu_util_total: 0, cpu_util_user: 0, cpu_util_system: 0, sender_has_retransmits: test.parameters.reverse && !test.parameters.udp ? 1 : 0, ...(test.parameters.udp ? {} : { congestion_used: 'cubic' }), streams: report.results(ended) } satisfies Results)
        control.sendState(STATE.DISPLAY_RESULTS)
      }
    }
    yield* process.print(report.summary(ended, undefined))
    if (state === STATE.TEST_END && problem === undefined) yield* control.takeState()
    return problem
  }
}
