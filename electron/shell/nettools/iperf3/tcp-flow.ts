import { anyOf, Signal, type Process, type Task, type TcpConnection, type TcpDetails } from '../../../engine/cluster.ts'
import { pause } from '../stream.ts'
import { lineOf, type Flow, type Load } from './flow.ts'

/**
 * A transfer over TCP, sampled. It is cut into ticks of 50 virtual ms, or of two round trips where those are longer. In each, the sender writes at most {@link SAMPLE} segments
 * and TCP carries them as it carries anything: through rules, tunnels, delay and loss. What a path cannot carry faster than that is wholly
 * real. Where it can, the sender looks how long the sample took, and a record in the stream says how many bytes the rest of the
 * tick stands for: after a loss as many as the samples had in that time, else as many as slow start and windows let through beside and
 * after the sample, at most the line's rate. So both ends count the same, and when nothing gets through any more, the receiver hears of nothing.
 */
const TICK = 50
/** Segments in each tick, of all streams together. */
const SAMPLE = 96
/** Half of tcp_rmem's largest value: as far as the window of a receiver opens. */
const LARGEST_WINDOW = 3_145_728
/** A record: a byte that data does not have, bytes as float64, ms as float32. */
const MARK = 1
const RECORD = 13

/** Bytes that are spread over a time from now on. */
class Promised {
  #settled = 0
  #bytes = 0
  #ms = 0
  #since = 0

  add(bytes: number, ms: number, now: number): void {
    this.#settled += this.#bytes
    this.#bytes = bytes
    this.#ms = ms
    this.#since = now
  }

  /** Not more than has gone by comes of it. */
  cut(now: number): void {
    this.#settled = this.at(now)
    this.#bytes = 0
    this.#ms = 0
  }

  at(now: number): number {
    return this.#settled + (this.#ms > 0 ? this.#bytes * Math.min(1, (now - this.#since) / this.#ms) : this.#bytes)
  }
}

abstract class TcpFlow implements Flow {
  protected readonly process: Process
  protected readonly connection: TcpConnection
  protected readonly promised = new Promised()
  protected real = 0
  protected stopped = false
  protected moreRetransmits = 0
  protected grown = 0
  #last: NonNullable<TcpDetails['info']> | undefined

  constructor(process: Process, connection: TcpConnection) {
    this.process = process
    this.connection = connection
  }

  bytes(): number {
    return Math.round(this.real + this.promised.at(this.process.clock.now))
  }

  retransmits(): number {
    return Math.round((this.info()?.retransmitted ?? 0) + this.moreRetransmits)
  }

  window(): number {
    const info = this.info()
    return info ? Math.min(Math.max(info.congestion.window * info.segment.send, info.congestion.threshold === undefined ? this.grown : 0), LARGEST_WINDOW) : 0
  }

  path(): { roundTrip: number; variation: number; sendWindow: number; mtu: number } {
    const info = this.info()
    const { least = 0, smoothed = 0, variation = 0 } = info?.roundTrip ?? {}
    // of a flow that does not rest the mean is near the least: only the ends of samples wait for a delayed acknowledgement
    return { roundTrip: Math.round(least * 1000), variation: Math.round(Math.min(variation, smoothed - least, least) * 1000), sendWindow: info?.sendWindow ?? 0, mtu: info?.pathMtu ?? 0 }
  }

  packets = (): number => 0
  lost = (): number => 0
  outOfOrder = (): number => 0
  jitter = (): number => 0

  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.promised.cut(this.process.clock.now)
  }

  /** TCP_INFO; the last one known after its end. */
  protected info(): NonNullable<TcpDetails['info']> | undefined {
    const { localPort, remotePort, remoteAddress, state } = this.connection
    if (state === 'CLOSED') return this.#last
    const own = this.process.network.sockets.list().find((s) => s.protocol === 'tcp' && s.localPort === localPort && s.remotePort === remotePort && s.remoteAddress === remoteAddress)
    return (this.#last = own?.details?.().info ?? this.#last)
  }
}

export class TcpSender extends TcpFlow {
  readonly #load: Load
  readonly #drained = new Signal()
  readonly #sampled = { bytes: 0, ms: 0 }
  /** Records among it. */
  #written = 0

  constructor(process: Process, connection: TcpConnection, load: Load) {
    super(process, connection)
    this.#load = load
    connection.handlers = { onDrain: () => this.#drained.notify(), onClose: () => this.stop() }
  }

  /** Everything that -n or -k wanted has been written. */
  get done(): boolean {
    return this.bytes() >= this.#load.limit
  }

  *run(): Task {
    const { clock } = this.process
    const started = clock.now
    while (!this.stopped && !this.done && this.connection.state === 'ESTAB') {
      const from = clock.now
      const tick = TICK * Math.max(1, Math.ceil((2 * (this.info()?.roundTrip?.least ?? 0)) / TICK))
      const end = started + (Math.floor((from - started) / tick + 1e-6) + 1) * tick
      yield* this.#tick(started, from, end)
      if (clock.now < end && !this.done) yield pause(this.process, end - clock.now)
    }
  }

  *#tick(started: number, from: number, end: number): Task {
    const { clock } = this.process
    const info = this.info()
    if (!info) return
    const segment = info.segment.send
    const permitted = this.#permitted(end - started) - this.bytes()
    const budget = Math.floor(Math.min((Math.max(2, SAMPLE / this.#load.share)) * segment, permitted))
    if (budget <= 0) return
    const acknowledged = this.#written - this.connection.unsent
    const retransmitted = info.retransmitted
    const poll = Math.min(5, Math.max(0.05, (info.roundTrip?.least ?? 1) / 4))
    const queue = Math.max(65_536, 2 * info.congestion.window * segment)
    for (let left = budget; ;) {
      const room = Math.min(left, queue - this.connection.unsent)
      if (room > 0) {
        this.#write(new Uint8Array(room))
        this.real += room
        left -= room
      }
      // its last segments may be lost, and nothing behind them would tell
      if (left === 0 && this.connection.unsent <= budget / 4) break
      if (clock.now >= end || this.stopped) return
      yield anyOf(this.#drained.wait, pause(this.process, Math.min(poll, end - clock.now)))
      if (this.stopped) return
    }
    const rest = end - clock.now
    if (rest <= 0 || permitted <= budget) return
    const sample = { bytes: this.#written - this.connection.unsent - acknowledged, ms: clock.now - from }
    // where segments are long, as on lo, the sample was faster than the line
    const room = Math.max(0, (lineOf(segment) / this.#load.share) * (end - from) - budget)
    const more = this.#more(sample, rest, Math.min(permitted - budget, room))
    const after = this.info()
    if (after && sample.bytes > 0) this.moreRetransmits += ((after.retransmitted - retransmitted) * more.bytes) / sample.bytes
    const record = new Uint8Array(RECORD)
    const view = new DataView(record.buffer)
    record[0] = MARK
    view.setFloat64(1, more.bytes)
    view.setFloat32(9, more.ms)
    this.#write(record)
    this.promised.add(more.bytes, more.ms, clock.now)
    yield pause(this.process, more.ms)
  }

  /** What a rate and an amount allow until `ms` after the beginning: whole blocks (iperf_check_throttle). */
  #permitted(ms: number): number {
    const { block, rate, limit } = this.#load
    return Math.min(rate === 0 ? Infinity : Math.ceil((rate * ms) / 8000 / block) * block, limit)
  }

  /** What the path would have carried in the rest of the tick, and how long that takes. */
  #more(sample: { bytes: number; ms: number }, rest: number, most: number): { bytes: number; ms: number } {
    const info = this.info()!
    const segment = info.segment.send
    const line = lineOf(segment) / this.#load.share
    if (info.congestion.threshold !== undefined) {
      this.#sampled.bytes += sample.bytes
      this.#sampled.ms += sample.ms
      const rate = Math.min(this.#sampled.bytes / this.#sampled.ms, line)
      const bytes = Math.floor(Math.min(rate * rest, most))
      return { bytes, ms: Math.min(rest, bytes / rate) }
    }
    const roundTrip = Math.max(info.roundTrip?.least ?? sample.ms, 0.01)
    let window = Math.max(info.congestion.window * segment, this.grown)
    // it would not have stopped at its sample
    let bytes = Math.min(most, Math.max(0, Math.min(this.grown / roundTrip, line) * sample.ms - sample.bytes))
    let ms = 0
    while (ms < rest - 1e-9 && bytes < most) {
      const rate = Math.min(window / roundTrip, LARGEST_WINDOW / roundTrip, line)
      const open = window >= LARGEST_WINDOW || rate === line
      const step = Math.min(open ? rest : roundTrip, rest - ms, (most - bytes) / rate)
      bytes += rate * step
      ms += step
      if (!open) window *= 2
      if (step === 0) break
    }
    this.grown = Math.min(window, LARGEST_WINDOW)
    return { bytes: Math.min(most, Math.floor(bytes + 1e-6)), ms: Math.min(Math.max(ms, bytes / line), rest) }
  }

  #write(data: Uint8Array): void {
    this.connection.send(data)
    this.#written += data.length
  }
}

export class TcpReceiver extends TcpFlow {
  #record: number[] = []

  constructor(process: Process, connection: TcpConnection) {
    super(process, connection)
    connection.handlers = { onData: (data) => this.#take(data), onClose: () => this.stop(), onEnd: () => this.stop() }
  }

  #take(data: Uint8Array): void {
    if (this.stopped) return
    let i = 0
    while (i < data.length) {
      if (this.#record.length > 0) {
        while (i < data.length && this.#record.length < RECORD) this.#record.push(data[i++]!)
        if (this.#record.length < RECORD) return
        const view = new DataView(Uint8Array.from(this.#record).buffer)
        this.promised.add(view.getFloat64(1), view.getFloat32(9), this.process.clock.now)
        this.#record = []
        continue
      }
      const mark = data.indexOf(MARK, i)
      this.real += (mark < 0 ? data.length : mark) - i
      if (mark < 0) return
      this.#record.push(MARK)
      i = mark + 1
    }
  }
}
