import { canonicalIp, encodeUtf8, resolveHost, type Process, type Task, type UdpSocket } from '../../../engine/cluster.ts'
import { ownerOf, TcpStream } from '../stream.ts'
import { Channel, STATE } from './channel.ts'
import { endJson, errorJson, printJson, startJson } from './json.ts'
import type { Options } from './options.ts'
import { Report, type Stream, type StreamResult } from './report.ts'
import { defaultBlock, systemInfo, type Parameters, type Results } from './test.ts'
import { TcpReceiver, TcpSender } from './tcp-flow.ts'
import { UdpReceiver, UdpSender } from './udp-flow.ts'

/** The numbers that its sockets get: between them are the files that it maps its blocks from. */
const SOCKETS = [5, 7, 9]
/** What the two ends say to each other before the first datagram of a stream (iperf_api.h). */
const UDP_HELLO = encodeUtf8('9876')
export const UDP_ANSWER = encodeUtf8('6789')
/** ms that a client waits for that answer. */
const UDP_PATIENCE = 30_000
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'

class Failure extends Error {}

/** iperf3 -c. */
export class Client {
  readonly #process: Process
  readonly #options: Options
  readonly #report: Report
  readonly #threads: (() => Task)[] = []
  #interrupted = false
  #control!: Channel
  #cookie = ''
  #address = ''
  #mss = 0
  #wall = 0

  constructor(process: Process, options: Options) {
    this.#process = process
    this.#options = options
    this.#report = new Report(options)
  }

  *run(): Task<number> {
    try {
      return yield* this.#test()
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      if (!this.#options.json) yield* this.#process.printError(`iperf3: ${this.#interrupted ? 'interrupt' : 'error'} - ${error.message}\n`)
      else yield* this.#process.print(errorJson(this.#process, this.#report, error.message))
      return this.#options.json ? 0 : 1
    }
  }

  *#say(text: string): Task {
    const { json, title } = this.#options
    if (!json) yield* this.#process.print(title === undefined ? text : text.replace(/^(?=.)/gm, `${title}:  `))
  }

  *#test(): Task<number> {
    const process = this.#process
    const options = this.#options
    const { clock } = process
    const stream = yield* this.#connect(options.port, options.connectTimeout)
    this.#control = new Channel(process, stream.connection)
    this.#mss = this.#controlSegment(stream)
    this.#wall = clock.wall()
    this.#cookie = Array.from({ length: 36 }, () => LETTERS[clock.random.below(32)]).join('')
    this.#control.send(encodeUtf8(`${this.#cookie}\0`))
    const block = options.length ?? (options.udp ? this.#mss : defaultBlock)
    if (options.verbose) yield* this.#say(`iperf 3.12\n${systemInfo(process)}\nControl connection MSS ${this.#mss}\n${options.udp && options.length === undefined ? `Setting UDP block size to ${block}\n` : ''}Time: ${new Date(this.#wall).toUTCString()}\n`)
    process.onSignal('SIGINT', () => {
      this.#interrupted = true
      this.#control.wake()
    })
    const parameters: Parameters = {
      ...(options.udp ? { udp: true } : { tcp: true }), omit: 0, time: options.bytes > 0 || options.blocks > 0 ? 0 : options.time / 1000, num: options.bytes, blockcount: options.blocks, parallel: options.parallel,
      ...(options.reverse ? { reverse: true } : {}), len: block, bandwidth: options.rate, pacing_timer: 1000, client_version: '3.12',
    }
    yield* this.#say(`Connecting to host ${options.host!}, port ${options.port}\n${options.reverse ? `Reverse mode, remote host ${options.host!} is sending\n` : ''}`)
    if (options.verbose) yield* this.#say(`      Cookie: ${this.#cookie}\n${options.udp ? '' : `      TCP MSS: ${this.#mss} (default)\n`}${options.rate > 0 ? `      Target Bitrate: ${options.rate}\n` : ''}`)
    for (;;) {
      const state = yield* this.#state()
      if (state === STATE.PARAM_EXCHANGE) this.#control.sendJson(parameters)
      else if (state === STATE.CREATE_STREAMS) yield* this.#createStreams(parameters)
      else if (state === STATE.TEST_START) {
        this.#report.begin(clock.now)
        if (options.verbose) yield* this.#say(`Starting Test: protocol: ${options.udp ? 'UDP' : 'TCP'}, ${options.parallel} streams, ${block} byte blocks, omitting 0 seconds, ${options.bytes > 0 ? `${options.bytes} bytes to send` : options.blocks > 0 ? `${options.blocks} blocks to send` : `${options.time / 1000} second test`}, tos 0\n`)
      } else if (state === STATE.TEST_RUNNING) return yield* this.#transfer(parameters)
      else if (state === STATE.ACCESS_DENIED) throw new Failure('the server is busy running a test. try again later')
      else throw new Failure(state === undefined ? 'control socket has closed unexpectedly' : 'received an unknown control message')
    }
  }

  *#connect(port: number, timeout?: number): Task<TcpStream> {
    const { host, family, bind, clientPort } = this.#options
    if (this.#address === '') {
      const literal = canonicalIp(host!)
      if (literal !== undefined && family !== undefined && literal.includes(':') !== (family === 6)) throw new Failure('unable to connect to server: Address family for hostname not supported')
      const resolved = literal === undefined ? yield* resolveHost(this.#process, host!, family === undefined ? {} : { family }) : { addresses: [literal] }
      // it tells errno, which getaddrinfo leaves behind as its last call had it
      if ('error' in resolved) throw new Failure(`unable to connect to server: ${resolved.error === 'EAI_AGAIN' ? 'Resource temporarily unavailable' : 'Invalid argument'}`)
      this.#address = resolved.addresses[0]!
    }
    if (bind !== undefined && !this.#process.network.isLocal(bind)) throw new Failure('unable to connect to server: Cannot assign requested address')
    const stream = yield* TcpStream.open(this.#process, this.#address, port, { ...(timeout === undefined ? {} : { timeout }), ...(bind === undefined ? {} : { source: bind }), ...(clientPort === undefined || this.#control === undefined ? {} : { sourcePort: clientPort + this.#report.streams.length }) })
    if (!(stream instanceof TcpStream)) throw new Failure(`unable to connect to ${this.#control === undefined ? 'server' : 'stream'}: ${stream.message}`)
    return stream
  }

  /** TCP_MAXSEG of the control connection. */
  #controlSegment({ connection }: TcpStream): number {
    const own = this.#process.network.sockets.list().find((s) => s.protocol === 'tcp' && s.localPort === connection.localPort && s.remotePort === connection.remotePort && s.remoteAddress === connection.remoteAddress)
    return own?.details?.().info?.segment.send ?? 1448
  }

  /** What the server says next; an interrupt ends it. */
  *#state(): Task<number | undefined> {
    while (this.#control.available === 0 && !this.#control.over && !this.#interrupted) yield* this.#control.changed()
    if (this.#interrupted) throw new Failure('the client has terminated')
    return yield* this.#control.takeState()
  }

  *#createStreams({ len, parallel, num, blockcount, bandwidth }: Parameters): Task {
    const process = this.#process
    const { udp, reverse } = this.#options
    const limit = num > 0 ? Math.ceil(num / len / parallel) * len : blockcount > 0 ? Math.ceil(blockcount / parallel) * len : Infinity
    const load = { block: len, rate: bandwidth, limit, share: parallel }
    for (let i = 0; i < parallel; i++) {
      const socket = SOCKETS[i] ?? 12 + 2 * (i - 3)
      let stream: Pick<Stream, 'local' | 'remote' | 'flow'>
      if (udp) {
        const opened = yield* this.#openUdp()
        const receiver = reverse ? new UdpReceiver(process, len) : undefined
        const sender = reverse ? undefined : new UdpSender(process, load, (data) => void opened.send(data, this.#address, this.#options.port))
        opened.onDatagram = ({ data }) => receiver?.take(data)
        if (sender) this.#threads.push(() => sender.run())
        stream = { local: { address: process.network.sourceFor(this.#address) ?? this.#address, port: opened.port }, remote: { address: this.#address, port: this.#options.port }, flow: (receiver ?? sender)! }
      } else {
        const { connection } = yield* this.#connect(this.#options.port)
        connection.send(encodeUtf8(`${this.#cookie}\0`))
        const flow = reverse ? new TcpReceiver(process, connection) : new TcpSender(process, connection, load)
        if (flow instanceof TcpSender) this.#threads.push(() => flow.run())
        stream = { local: { address: connection.localAddress, port: connection.localPort }, remote: { address: connection.remoteAddress, port: connection.remotePort }, flow }
      }
      this.#report.streams.push({ ...stream, socket, sender: !reverse, intervals: [] })
    }
    yield* this.#say(this.#report.connected())
  }

  *#openUdp(): Task<UdpSocket> {
    const process = this.#process
    const { bind, port, clientPort } = this.#options
    const socket = process.network.sockets.udp({ owner: ownerOf(process), address: bind ?? (this.#address.includes(':') ? '::' : '0.0.0.0'), ...(clientPort === undefined ? {} : { port: clientPort + this.#report.streams.length }) })
    process.onExit(() => socket.close())
    socket.connect(this.#address, port, bind)
    const heard = { answer: false, error: '' }
    socket.onDatagram = () => {
      heard.answer = true
      this.#control.wake()
    }
    socket.onError = (error) => {
      heard.error = error.message
      this.#control.wake()
    }
    const end = process.clock.now + UDP_PATIENCE
    try {
      socket.send(UDP_HELLO, this.#address, port)
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error
      heard.error = error.message
    }
    while (!heard.answer && heard.error === '' && !this.#interrupted && process.clock.now < end) yield* this.#control.changed(end - process.clock.now)
    if (!heard.answer) throw new Failure(`unable to read from stream socket: ${heard.error === '' ? 'Resource temporarily unavailable' : heard.error}`)
    socket.onError = undefined
    return socket
  }

  *#transfer(parameters: Parameters): Task<number> {
    const { clock } = this.#process
    const { interval, reverse, verbose, json } = this.#options
    const report = this.#report
    const threads = this.#threads.map((run) => this.#process.spawnThread(run()))
    const started = clock.now
    const end = parameters.time > 0 ? started + parameters.time * 1000 : Infinity
    const wanted = parameters.num > 0 ? parameters.num : parameters.blockcount * parameters.len
    const enough = (): boolean => wanted > 0 && report.streams.reduce((sum, s) => sum + s.flow.bytes(), 0) >= wanted
    let next = interval > 0 ? started + interval : Infinity
    let broken = false
    while (clock.now < end && !enough() && !this.#interrupted && !broken) {
      const until = Math.min(next, end)
      // who counts what it sends finds its end within a tick
      yield* this.#control.changed(Math.min(until - clock.now, wanted > 0 ? 1 : Infinity))
      broken = this.#control.available > 0 || this.#control.over
      if (clock.now >= next && next < end) {
        yield* this.#say(report.interval(clock.now))
        next += interval
      }
    }
    const ended = clock.now
    for (const { flow } of report.streams) if (!reverse) flow.stop()
    for (const thread of threads) thread.kill()
    const rows = report.interval(ended, interval === 0 ? 1 : interval)
    yield* this.#say(rows)
    if (this.#interrupted || broken) return yield* this.#broken(ended)
    this.#control.sendState(STATE.TEST_END)
    let theirs: Results | undefined
    for (let state = yield* this.#state(); state !== STATE.DISPLAY_RESULTS; state = yield* this.#state()) {
      if (state !== STATE.EXCHANGE_RESULTS) throw new Failure('unable to receive results')
      for (const { flow } of report.streams) flow.stop()
      this.#control.sendJson({ cpu_util_total: 0, cpu_util_user: 0, cpu_util_system: 0, sender_has_retransmits: this.#options.udp || reverse ? 0 : 1, ...(this.#options.udp ? {} : { congestion_used: 'cubic' }), streams: report.results(ended) } satisfies Results)
      theirs = yield* this.#control.takeJson<Results>()
      if (!theirs) throw new Failure('unable to receive results')
    }
    this.#control.sendState(STATE.IPERF_DONE)
    this.#control.close()
    if (json) {
      yield* this.#process.print(printJson({ ...this.#startJson(parameters), ...endJson(report, ended, theirs!.streams, this.#options.udp) }))
      return 0
    }
    if (verbose) yield* this.#say(report.summary(ended, theirs!.streams).replace(/^(- )+-\n/, '$&Test Complete. Summary Results:\n'))
    else yield* this.#say(report.summary(ended, theirs!.streams))
    if (verbose) yield* this.#say(`CPU Utilization: local/${reverse ? 'receiver' : 'sender'} 0.0% (0.0%u/0.0%s), remote/${reverse ? 'sender' : 'receiver'} 0.0% (0.0%u/0.0%s)\n${this.#options.udp ? '' : 'snd_tcp_congestion cubic\nrcv_tcp_congestion cubic\n'}`)
    yield* this.#say('\niperf Done.\n')
    return 0
  }

  #startJson(parameters: Parameters): object {
    return startJson(this.#process, this.#report, { host: this.#options.host!, port: this.#options.port, cookie: this.#cookie, mss: this.#mss, wall: this.#wall, parameters })
  }

  /** It was interrupted, or the server has ended it. */
  *#broken(ended: number): Task<number> {
    const state = this.#interrupted ? undefined : yield* this.#control.takeState()
    if (this.#interrupted) this.#control.sendState(STATE.CLIENT_TERMINATE)
    const none: StreamResult[] = this.#report.streams.map((_, i) => ({ id: i, bytes: 0, retransmits: 0, jitter: 0, errors: 0, packets: 0, start_time: 0, end_time: this.#report.elapsed(ended) / 1000 }))
    yield* this.#say(this.#report.summary(ended, none))
    this.#control.close()
    yield* this.#process.printError(this.#interrupted ? 'iperf3: interrupt - the client has terminated\n' : `iperf3: error - ${state === STATE.SERVER_TERMINATE ? 'the server has terminated' : 'control socket has closed unexpectedly'}\n`)
    return 1
  }
}
