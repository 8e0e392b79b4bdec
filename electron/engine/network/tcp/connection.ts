import type { Timer } from '../../clock.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Journey } from '../../journey/types.ts'
import type { SocketTranslation } from '../programs.ts'
import type { Ip, IpPacket, KeepAlive, SocketOwner, TcpConnection, TcpFlags, TcpHandlers, TcpSegment, TcpState } from '../types.ts'
import { ReassemblyQueue, SendBuffer } from './buffers.ts'
import { Congestion } from './congestion.ts'
import type { ConnectionHost, ConnectionOptions } from './connection-host.ts'
import { KeepAliveTimer } from './keepalive.ts'
import { initialWindow } from './receive-window.ts'
import { RetransmissionTimer } from './retransmit.ts'
import { Segments } from './segments.ts'
import { add, distance } from './sequence.ts'
import { Telling } from './telling.ts'

/** Linux: tcp_syn_retries, tcp_synack_retries, tcp_retries2 (Documentation/networking/ip-sysctl.rst). */
const SYN_RETRIES = 6
const SYNACK_RETRIES = 5
const DATA_RETRIES = 15
/** TCP_TIMEWAIT_LEN */
const TIME_WAIT = 60_000
const SEND_BUFFER = 65_536
const DEFAULT_MSS = 536
const NOTHING = new Uint8Array(0)

/** One end of a TCP connection (RFC 9293) as Linux 6.1 has it: with timestamps, window scaling and SACK's reports. */
export class Connection implements TcpConnection {
  state: TcpState = 'CLOSED'
  handlers: TcpHandlers = {}
  journey: Journey | undefined
  /** IPv4 on a socket of IPv6. */
  mapped = false
  /** What the program connected to, where a program of the kernel put another address in its place. */
  asked: { address: Ip; port: number; translation: SocketTranslation } | undefined
  number = 0
  /** SO_MARK of its socket. */
  mark = 0
  /** Who accepted it. */
  listener: object | undefined
  readonly localAddress: Ip
  readonly localPort: number
  readonly remoteAddress: Ip
  readonly remotePort: number
  readonly owner: SocketOwner | undefined
  readonly active: boolean
  /** Bytes of data in a whole segment, options taken off; a smaller one is learned from "fragmentation needed". */
  mss = DEFAULT_MSS
  /** Of the next packet's IP header; each socket counts its own (inet_id). */
  identification: number
  readonly congestion = new Congestion()
  readonly segments: Segments
  /** When something was acknowledged last; virtual ms. */
  lastAcknowledged: number
  readonly #host: ConnectionHost
  readonly #queue = new SendBuffer()
  readonly #early = new ReassemblyQueue()
  readonly #timer: RetransmissionTimer
  #keptAlive: KeepAliveTimer | undefined
  #timeWait: Timer | undefined
  readonly #telling: Telling
  readonly #iss: number
  #sendUnacknowledged: number
  #sendNext: number
  #sendWindow = DEFAULT_MSS
  /** tcp_bound_to_half_wnd: two segments fit into the window that the other end began with. */
  #halfWindow = Infinity
  #receiveNext = 0
  /** After a loss: where sending stood then; until it is acknowledged every partial ACK resends (RFC 6582). */
  #recover: number | undefined
  #duplicates = 0
  #finQueued = false
  #finSequence: number | undefined
  #drained = true

  get peer(): { address: Ip; port: number } | undefined {
    return this.asked
  }

  constructor(host: ConnectionHost, options: ConnectionOptions) {
    this.#host = host
    this.#telling = new Telling(host.clock)
    this.localAddress = options.localAddress
    this.localPort = options.localPort
    this.remoteAddress = options.remoteAddress
    this.remotePort = options.remotePort
    this.owner = options.owner
    this.active = options.active
    this.#iss = options.initialSequence >>> 0
    this.#sendUnacknowledged = this.#iss
    this.#sendNext = this.#iss
    this.#timer = new RetransmissionTimer(host.clock, () => this.#expired(), options.background)
    this.identification = (this.#iss ^ (this.#iss >>> 16)) & 0xffff
    this.lastAcknowledged = host.clock.now
    this.segments = new Segments(host.clock, host.timestampOffset(this), () => this.#acknowledge())
  }

  get unsent(): number {
    return this.#queue.length
  }

  get timer(): RetransmissionTimer {
    return this.#timer
  }

  get keptAlive(): KeepAliveTimer | undefined {
    return this.#keptAlive
  }

  /** Bytes that the other end has acknowledged, the SYN among them. */
  get bytesAcknowledged(): number {
    return this.inFlight > 0 && this.#sendUnacknowledged === this.#iss ? 0 : distance(this.#sendUnacknowledged, this.#iss) - (this.active ? 0 : 1)
  }

  get sendWindow(): number {
    return this.#sendWindow
  }

  /** The most data that a segment is sent with. */
  get sendSize(): number {
    return Math.min(this.mss, this.#halfWindow)
  }

  /** When TIME-WAIT ends, in virtual ms. */
  get forgottenAt(): number | undefined {
    return this.#timeWait?.at
  }

  get inFlight(): number {
    return distance(this.#sendNext, this.#sendUnacknowledged)
  }

  /** The program hears of it before all else. */
  emitFirst(event: () => void): void {
    this.#telling.tell(event)
  }

  /** Active open. */
  open(): void {
    this.state = 'SYN-SENT'
    this.mss = this.#host.segmentSize(this)
    this.segments.window.promise(initialWindow(this.mss))
    this.#sendSyn()
  }

  /** Passive open, for a SYN that a listener got. */
  accept(syn: TcpSegment): void {
    this.state = 'SYN-RECV'
    const own = this.#host.segmentSize(this)
    this.mss = Math.min(own, syn.mss ?? DEFAULT_MSS)
    this.#receiveNext = add(syn.sequence, 1)
    this.segments.negotiate(syn, this.#receiveNext)
    this.mss -= this.segments.overhead
    this.segments.window.promise(initialWindow(own - this.segments.overhead))
    this.#peerWindow(syn.window)
    this.#sendSyn()
  }

  send(data: Uint8Array): void {
    if (this.#finQueued || this.state === 'CLOSED' || this.state === 'TIME-WAIT') throw new SystemError('EPIPE')
    this.#queue.push(data)
    if (this.#queue.length >= SEND_BUFFER) this.#drained = false
    this.#push()
  }

  end(): void {
    if (this.#finQueued || this.state === 'CLOSED') return
    this.#finQueued = true
    this.#push()
  }

  abort(): void {
    if (this.state === 'CLOSED') return
    const synchronised = this.state !== 'SYN-SENT' && this.state !== 'TIME-WAIT'
    const sequence = this.#sendNext
    this.#finish(undefined)
    if (synchronised) this.#host.transmit(this, this.#segment({ rst: true, ack: true }, sequence, NOTHING))
  }

  keepAlive(settings: KeepAlive): void {
    const [inFlight, heardAt] = [(): boolean => this.inFlight > 0 || this.#queue.length > 0, (): number => this.segments.lastArrival]
    this.#keptAlive?.stop()
    this.#keptAlive = new KeepAliveTimer(this.#host.clock, settings, {
      get heardAt() {
        return heardAt()
      },
      get busy() {
        return inFlight()
      },
      // tcp_xmit_probe_skb: one before what comes next, so that the other end answers with what it wants
      probe: () => this.#host.transmit(this, this.#segment({ ack: true }, add(this.#sendNext, -1), NOTHING)),
      dead: () => {
        const reset = this.#segment({ rst: true, ack: true }, this.#sendNext, NOTHING)
        this.#finish(new SystemError('ETIMEDOUT'))
        this.#host.transmit(this, reset)
      },
    })
  }

  /** Over because of the network: an ICMP error, no route. */
  fail(error: SystemError): void {
    if (this.state !== 'CLOSED') this.#finish(error)
  }

  /** Path MTU discovery (RFC 1191): send again what was too big. */
  shrink(mss: number): void {
    const size = mss - this.segments.overhead
    if (size >= this.mss || size < 1) return
    this.mss = size
    if (this.#sendUnacknowledged !== this.#sendNext && this.state !== 'SYN-SENT') this.#lost()
  }

  receive(packet: IpPacket): void {
    const segment = packet.payload as TcpSegment
    this.segments.arrived(segment)
    if (this.state === 'SYN-SENT') return this.#receiveSynSent(packet, segment)
    if (this.state === 'CLOSED') return
    const { flags } = segment
    const ahead = distance(segment.sequence, this.#receiveNext)
    const length = segment.data.length + (flags.fin ? 1 : 0)
    // asked whether this end is still there (RFC 9293 3.8.4)
    if (ahead === -1 && length === 0 && flags.ack && !flags.rst && !flags.syn) return this.#acknowledge()
    if (flags.syn) {
      // Again the SYN that this end has answered, or somebody else's idea of this connection (RFC 5961).
      if (this.state === 'SYN-RECV' && ahead === -1) this.#sendSyn()
      else this.#acknowledge()
      return
    }
    if (ahead >= Math.max(65_536, this.segments.window.threshold) || (ahead < 0 && ahead + length <= 0 && length > 0) || (ahead < 0 && length === 0 && !flags.ack)) {
      if (!flags.rst) this.#acknowledge(this.segments.sack && length > 0 ? [[segment.sequence, add(segment.sequence, length)]] : undefined)
      return
    }
    if (flags.rst) {
      if (ahead === 0) this.#wasReset()
      else if (ahead > 0) this.#acknowledge()
      return
    }
    if (!flags.ack || !this.#receiveAck(segment)) return
    if (length > 0) this.#receiveData(segment)
    this.#push()
  }

  #receiveSynSent(packet: IpPacket, segment: TcpSegment): void {
    const { flags } = segment
    const acceptable = flags.ack && segment.acknowledgement === this.#sendNext
    if (flags.ack && !acceptable) {
      if (!flags.rst) this.#host.refuse(packet, segment)
      return
    }
    if (flags.rst) {
      if (!acceptable) return
      this.#host.concluded(this, 'refused', 'refused-no-listener')
      return this.#finish(new SystemError('ECONNREFUSED'))
    }
    if (!flags.syn) return
    this.#receiveNext = add(segment.sequence, 1)
    this.mss = Math.min(this.mss, segment.mss ?? DEFAULT_MSS)
    this.segments.negotiate(segment, this.#receiveNext)
    this.mss -= this.segments.overhead
    this.#peerWindow(segment.window)
    if (!acceptable) {
      // Both ends have called each other at the same moment.
      this.state = 'SYN-RECV'
      this.#host.transmit(this, this.#segment({ syn: true, ack: true }, this.#iss, NOTHING))
      return
    }
    this.#advance(segment.acknowledgement)
    this.#established()
    this.#telling.tell(() => this.handlers.onConnect?.())
    const had = this.#sendNext
    this.#push()
    if (this.#sendNext === had) this.#acknowledge()
  }

  /** That of a SYN, which is not scaled. */
  #peerWindow(window: number): void {
    this.#sendWindow = window
    this.#halfWindow = window > DEFAULT_MSS ? window >> 1 : Math.max(1, window)
  }

  #established(): void {
    this.state = 'ESTAB'
    this.segments.window.established(this.mss, this.#receiveNext, this.#host.clock.now)
    this.#host.established(this)
  }

  /** False when the segment says nothing more to this connection. */
  #receiveAck(segment: TcpSegment): boolean {
    const acknowledgement = segment.acknowledgement
    if (distance(acknowledgement, this.#sendNext) > 0) {
      this.#acknowledge()
      return false
    }
    if (this.state === 'SYN-RECV') {
      if (distance(acknowledgement, this.#iss) <= 0) return false
      this.#advance(acknowledgement)
      this.#sendWindow = segment.window << this.segments.sendScale
      this.#established()
      if (this.active) this.#telling.tell(() => this.handlers.onConnect?.())
      return true
    }
    const gained = distance(acknowledgement, this.#sendUnacknowledged)
    this.#sendWindow = segment.window << this.segments.sendScale
    if (gained > 0) this.#advance(acknowledgement)
    else if (gained === 0 && segment.data.length === 0 && !segment.flags.fin && this.#sendNext !== this.#sendUnacknowledged) {
      if (++this.#duplicates === 3 && this.#recover === undefined) this.#lost()
    }
    return this.state !== 'CLOSED'
  }

  #advance(acknowledgement: number): void {
    const syn = this.#sendUnacknowledged === this.#iss ? 1 : 0
    const fin = this.#finSequence !== undefined && distance(acknowledgement, this.#finSequence) > 0
    const data = Math.min(this.#queue.length, distance(acknowledgement, this.#sendUnacknowledged) - syn - (fin ? 1 : 0))
    if (data > 0) {
      this.congestion.acknowledged(Math.ceil(data / this.sendSize), Math.ceil(this.inFlight / this.sendSize))
      this.#queue.drop(data)
    }
    this.lastAcknowledged = this.#host.clock.now
    this.#sendUnacknowledged = acknowledgement
    this.#duplicates = 0
    this.#timer.acknowledged((sequence) => distance(acknowledgement, sequence) >= 0)
    if (acknowledgement === this.#sendNext) this.#timer.stop()
    else this.#timer.start()
    if (this.#recover !== undefined) {
      if (distance(acknowledgement, this.#recover) >= 0) this.#recover = undefined
      else this.#resend()
    }
    if (!this.#drained && this.#queue.length < SEND_BUFFER / 2) {
      this.#drained = true
      this.#telling.tell(() => this.handlers.onDrain?.())
    }
    if (fin) this.#finAcknowledged()
  }

  #finAcknowledged(): void {
    if (this.state === 'FIN-WAIT-1') this.state = 'FIN-WAIT-2'
    else if (this.state === 'CLOSING') this.#enterTimeWait()
    else if (this.state === 'LAST-ACK') this.#finish(undefined)
  }

  #receiveData(segment: TcpSegment): void {
    const { now } = this.#host.clock
    const { length } = segment.data
    const before = this.#receiveNext
    if (length > 0) {
      this.segments.dataIn++
      this.segments.acknowledgements.received(length, now, this.#timer.timeout)
    }
    this.#early.add(segment.sequence, segment.data, segment.flags.fin === true)
    for (let part = this.#early.take(this.#receiveNext); part; part = this.#early.take(this.#receiveNext)) {
      const { data, fin } = part
      if (this.state === 'CLOSE-WAIT' || this.state === 'LAST-ACK' || this.state === 'CLOSING' || this.state === 'TIME-WAIT') break
      this.#receiveNext = add(this.#receiveNext, data.length + (fin ? 1 : 0))
      this.segments.bytesIn += data.length
      if (data.length > 0) this.#telling.tell(() => this.handlers.onData?.(data))
      if (fin) this.#peerEnded()
    }
    if (length > 0) this.segments.window.consumed(length, this.#receiveNext, this.mss, now, this.#timer.roundTrip)
    const waiting = distance(this.#receiveNext, this.segments.window.acknowledged)
    if (this.#early.size > 0 || this.#receiveNext === before || this.state === 'TIME-WAIT' || this.state === 'CLOSING') this.#acknowledge(this.segments.sack ? this.#early.blocks(segment.sequence) : undefined)
    else this.segments.acknowledgements.soon(waiting)
  }

  #peerEnded(): void {
    this.#telling.tell(() => this.handlers.onEnd?.())
    if (this.state === 'ESTAB') {
      this.state = 'CLOSE-WAIT'
      // tcp_fin: its own end may follow at once and carry the acknowledgement.
      this.segments.acknowledgements.interactive = true
    } else if (this.state === 'FIN-WAIT-1') this.state = 'CLOSING'
    else if (this.state === 'FIN-WAIT-2') this.#enterTimeWait()
  }

  #enterTimeWait(): void {
    this.state = 'TIME-WAIT'
    this.#timer.stop()
    this.#timeWait = this.#host.clock.schedule(TIME_WAIT, () => this.forget(), { background: true })
    this.#telling.tell(() => this.handlers.onClose?.())
  }

  /** Leaves without a word; also how TIME-WAIT ends. */
  forget(): void {
    const { state } = this
    this.state = 'CLOSED'
    this.#timer.stop()
    this.#keptAlive?.stop()
    this.segments.acknowledgements.done()
    this.#host.clock.cancel(this.#timeWait)
    this.#host.removed(this, state)
  }

  #wasReset(): void {
    if (this.state === 'SYN-RECV' && !this.active) return this.forget()
    if (this.state === 'TIME-WAIT') return
    const clean = this.state === 'LAST-ACK' || this.state === 'CLOSING'
    this.#finish(clean ? undefined : new SystemError('ECONNRESET'))
  }

  #finish(error: SystemError | undefined): void {
    const told = this.state === 'TIME-WAIT'
    this.forget()
    if (!told) this.#telling.tell(() => this.handlers.onClose?.(error))
  }

  // ---- sending -------------------------------------------------------------------------------------------------

  #sendSyn(): void {
    const first = this.#sendNext === this.#iss
    this.#sendNext = add(this.#iss, 1)
    if (first) this.#timer.sent(this.#sendNext)
    else this.#host.resent()
    if (!this.#timer.running) this.#timer.start()
    this.#host.transmit(this, this.#segment(this.state === 'SYN-SENT' ? { syn: true } : { syn: true, ack: true }, this.#iss, NOTHING))
  }

  /** Sends what the window lets out, then the FIN. */
  #push(): void {
    const open = this.state === 'ESTAB' || this.state === 'CLOSE-WAIT'
    if (!open) return
    for (;;) {
      const offset = distance(this.#sendNext, this.#sendUnacknowledged)
      const room = Math.max(this.#sendWindow, 1) - offset
      const wanted = Math.min(this.sendSize, this.#queue.length - offset)
      const size = Math.min(wanted, room)
      // Only whole segments, and as many as the congestion window lets out (tcp_write_xmit).
      if (size <= 0 || (offset > 0 && (size < wanted || offset >= this.congestion.window * this.sendSize))) break
      const sequence = this.#sendNext
      const last = offset + size === this.#queue.length
      this.#sendNext = add(sequence, size)
      this.#timer.sent(this.#sendNext)
      if (!this.#timer.running) this.#timer.start()
      this.#host.transmit(this, this.#segment({ ack: true, psh: last }, sequence, this.#queue.slice(offset, size)))
      if (this.state !== 'ESTAB' && this.state !== 'CLOSE-WAIT') return
    }
    if (this.#finQueued && this.#finSequence === undefined && distance(this.#sendNext, this.#sendUnacknowledged) === this.#queue.length) {
      this.#finSequence = this.#sendNext
      this.#sendNext = add(this.#sendNext, 1)
      this.state = this.state === 'ESTAB' ? 'FIN-WAIT-1' : 'LAST-ACK'
      if (!this.#timer.running) this.#timer.start()
      this.#host.transmit(this, this.#segment({ fin: true, ack: true }, this.#finSequence, NOTHING))
    }
  }

  #expired(): void {
    const limit = this.state === 'SYN-SENT' ? SYN_RETRIES : this.state === 'SYN-RECV' ? SYNACK_RETRIES : DATA_RETRIES
    if (this.#timer.backoff > limit) {
      if (this.state === 'SYN-RECV' && !this.active) return this.forget()
      this.#host.concluded(this, 'timeout', 'timeout-no-answer')
      return this.#finish(new SystemError('ETIMEDOUT'))
    }
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECV') return this.#sendSyn()
    this.#lost(true)
  }

  #lost(timedOut = false): void {
    if (timedOut || this.#recover === undefined) this.congestion.lost(timedOut)
    this.#recover = this.#sendNext
    this.#duplicates = 0
    this.#resend()
  }

  /** The first segment that is not acknowledged, once more. */
  #resend(): void {
    this.#timer.start()
    this.segments.retransmitted++
    this.#host.resent()
    const { inFlight } = this
    const size = Math.min(this.sendSize, this.#queue.length, inFlight)
    const fin = this.#finSequence !== undefined && size === this.#queue.length
    const data = this.#queue.slice(0, size)
    this.segments.bytesRetransmitted += size
    const flags: TcpFlags = fin ? { fin: true, ack: true } : { ack: true, psh: size === this.#queue.length }
    this.#host.transmit(this, this.#segment(flags, this.#sendUnacknowledged, data))
  }

  #acknowledge(sack?: TcpSegment['sack']): void {
    const segment = this.#segment({ ack: true }, this.#sendNext, NOTHING)
    if (sack !== undefined && sack.length > 0) segment.sack = sack
    this.#host.transmit(this, segment)
  }

  #segment(flags: TcpFlags, sequence: number, data: Uint8Array): TcpSegment {
    return this.segments.make(this.localPort, this.remotePort, flags, sequence, this.#receiveNext, data, flags.syn ? this.#host.segmentSize(this) : undefined)
  }
}
