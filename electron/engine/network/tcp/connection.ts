import type { Timer } from '../../clock.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Journey } from '../../journey/types.ts'
import type { SocketTranslation } from '../programs.ts'
import type { Ip, IpPacket, KeepAlive, SocketOwner, TcpConnection, TcpFlags, TcpHandlers, TcpSegment, TcpState } from '../types.ts'
import { ReassemblyQueue } from './buffers.ts'
import type { ConnectionHost, ConnectionOptions } from './connection-host.ts'
import { KeepAliveTimer } from './keepalive.ts'
import { initialWindow } from './receive-window.ts'
import { Segments } from './segments.ts'
import { DEFAULT_MSS, NOTHING, Sender, type SendingEnd } from './sender.ts'
import { add, distance } from './sequence.ts'
import { Telling } from './telling.ts'

/** Linux: tcp_syn_retries, tcp_synack_retries, tcp_retries2 (Documentation/networking/ip-sysctl.rst). */
const SYN_RETRIES = 6
const SYNACK_RETRIES = 5
const DATA_RETRIES = 15
/** TCP_TIMEWAIT_LEN */
const TIME_WAIT = 60_000

/** One end of a TCP connection (RFC 9293) as Linux 6.1 has it: with timestamps, window scaling and SACK's reports. */
export class Connection implements TcpConnection, SendingEnd {
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
  /** Of the next packet's IP header; each socket counts its own (inet_id). */
  identification: number
  readonly segments: Segments
  readonly sender: Sender
  readonly #host: ConnectionHost
  readonly #early = new ReassemblyQueue()
  #keptAlive: KeepAliveTimer | undefined
  #timeWait: Timer | undefined
  readonly #telling: Telling
  #receiveNext = 0

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
    const first = options.initialSequence >>> 0
    this.sender = new Sender(host, this, first, options.background)
    this.identification = (first ^ (first >>> 16)) & 0xffff
    this.segments = new Segments(host.clock, host.timestampOffset(this), () => this.#acknowledge())
  }

  get unsent(): number {
    return this.sender.unsent
  }

  get keptAlive(): KeepAliveTimer | undefined {
    return this.#keptAlive
  }

  /** When TIME-WAIT ends, in virtual ms. */
  get forgottenAt(): number | undefined {
    return this.#timeWait?.at
  }

  /** The program hears of it before all else. */
  emitFirst(event: () => void): void {
    this.#telling.tell(event)
  }

  /** Active open. */
  open(): void {
    this.state = 'SYN-SENT'
    this.sender.mss = this.#host.segmentSize(this)
    this.segments.window.promise(initialWindow(this.sender.mss))
    this.#sendSyn()
  }

  /** Passive open, for a SYN that a listener got. */
  accept(syn: TcpSegment): void {
    this.state = 'SYN-RECV'
    const own = this.#host.segmentSize(this)
    this.#receiveNext = add(syn.sequence, 1)
    this.segments.negotiate(syn, this.#receiveNext)
    this.sender.mss = Math.min(own, syn.mss ?? DEFAULT_MSS) - this.segments.overhead
    this.segments.window.promise(initialWindow(own - this.segments.overhead))
    this.sender.firstWindow(syn.window)
    this.#sendSyn()
  }

  send(data: Uint8Array): void {
    if (this.sender.ended || this.state === 'CLOSED' || this.state === 'TIME-WAIT') throw new SystemError('EPIPE')
    this.sender.queue(data)
  }

  end(): void {
    if (this.sender.ended || this.state === 'CLOSED') return
    this.sender.end()
  }

  abort(): void {
    if (this.state === 'CLOSED') return
    const synchronised = this.state !== 'SYN-SENT' && this.state !== 'TIME-WAIT'
    const sequence = this.sender.next
    // a program with less patience than TCP, as curl -m 5: until then nobody had answered
    if (this.state === 'SYN-SENT') this.#host.concluded(this, 'timeout', 'timeout-no-answer')
    this.#finish(undefined)
    if (synchronised) this.transmit({ rst: true, ack: true }, sequence, NOTHING)
  }

  keepAlive(settings: KeepAlive): void {
    const [inFlight, heardAt] = [(): boolean => this.sender.inFlight > 0 || this.sender.unsent > 0, (): number => this.segments.lastArrival]
    this.#keptAlive?.stop()
    this.#keptAlive = new KeepAliveTimer(this.#host.clock, settings, {
      get heardAt() {
        return heardAt()
      },
      get busy() {
        return inFlight()
      },
      // tcp_xmit_probe_skb: one before what comes next, so that the other end answers with what it wants
      probe: () => this.transmit({ ack: true }, add(this.sender.next, -1), NOTHING),
      dead: () => {
        const reset = this.#segment({ rst: true, ack: true }, this.sender.next, NOTHING)
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
    if (size >= this.sender.mss || size < 1) return
    this.sender.mss = size
    if (this.sender.inFlight !== 0 && this.state !== 'SYN-SENT') this.sender.lost()
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
    this.sender.push()
  }

  #receiveSynSent(packet: IpPacket, segment: TcpSegment): void {
    const { flags } = segment
    const acceptable = flags.ack && segment.acknowledgement === this.sender.next
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
    this.segments.negotiate(segment, this.#receiveNext)
    this.sender.mss = Math.min(this.sender.mss, segment.mss ?? DEFAULT_MSS) - this.segments.overhead
    this.sender.firstWindow(segment.window)
    if (!acceptable) {
      // Both ends have called each other at the same moment.
      this.state = 'SYN-RECV'
      this.transmit({ syn: true, ack: true }, this.sender.first, NOTHING)
      return
    }
    this.sender.advance(segment.acknowledgement)
    this.#established()
    this.#telling.tell(() => this.handlers.onConnect?.())
    const had = this.sender.next
    this.sender.push()
    if (this.sender.next === had) this.#acknowledge()
  }

  #established(): void {
    this.state = 'ESTAB'
    this.segments.window.established(this.sender.mss, this.#receiveNext, this.#host.clock.now)
    this.#host.established(this)
  }

  /** False when the segment says nothing more to this connection. */
  #receiveAck(segment: TcpSegment): boolean {
    const acknowledgement = segment.acknowledgement
    if (distance(acknowledgement, this.sender.next) > 0) {
      this.#acknowledge()
      return false
    }
    if (this.state === 'SYN-RECV') {
      if (distance(acknowledgement, this.sender.first) <= 0) return false
      this.sender.opened(segment)
      this.#established()
      if (this.active) this.#telling.tell(() => this.handlers.onConnect?.())
      return true
    }
    if (this.sender.acknowledged(segment)) this.#finAcknowledged()
    return this.state !== 'CLOSED'
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
      this.segments.acknowledgements.received(length, now, this.sender.timer.timeout)
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
    if (length > 0) this.segments.window.consumed(length, this.#receiveNext, this.sender.mss, now, this.sender.timer.roundTrip)
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
    this.sender.timer.stop()
    this.#timeWait = this.#host.clock.schedule(TIME_WAIT, () => this.forget(), { background: true })
    this.#telling.tell(() => this.handlers.onClose?.())
  }

  /** Leaves without a word; also how TIME-WAIT ends. */
  forget(): void {
    const { state } = this
    this.state = 'CLOSED'
    this.sender.timer.stop()
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
    this.sender.sendSyn(this.state === 'SYN-SENT' ? { syn: true } : { syn: true, ack: true })
  }

  finLeaves(): void {
    this.state = this.state === 'ESTAB' ? 'FIN-WAIT-1' : 'LAST-ACK'
  }

  drained(): void {
    this.#telling.tell(() => this.handlers.onDrain?.())
  }

  expired(): void {
    const limit = this.state === 'SYN-SENT' ? SYN_RETRIES : this.state === 'SYN-RECV' ? SYNACK_RETRIES : DATA_RETRIES
    if (this.sender.timer.backoff > limit) {
      if (this.state === 'SYN-RECV' && !this.active) return this.forget()
      this.#host.concluded(this, 'timeout', 'timeout-no-answer')
      return this.#finish(new SystemError('ETIMEDOUT'))
    }
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECV') return this.#sendSyn()
    this.sender.lost(true)
  }

  transmit(flags: TcpFlags, sequence: number, data: Uint8Array): void {
    this.#host.transmit(this, this.#segment(flags, sequence, data))
  }

  #acknowledge(sack?: TcpSegment['sack']): void {
    const segment = this.#segment({ ack: true }, this.sender.next, NOTHING)
    if (sack !== undefined && sack.length > 0) segment.sack = sack
    this.#host.transmit(this, segment)
  }

  #segment(flags: TcpFlags, sequence: number, data: Uint8Array): TcpSegment {
    return this.segments.make(this.localPort, this.remotePort, flags, sequence, this.#receiveNext, data, flags.syn ? this.#host.segmentSize(this) : undefined)
  }
}
