import type { Clock, Timer } from '../clock.ts'
import type { NetworkNamespace, SocketOwner, TcpConnection } from '../network/types.ts'
import { SETTING, type Settings } from '../programs/http2/frames.ts'
import { Http2Session } from '../programs/http2/session.ts'
import { TlsClient } from '../programs/tls/socket.ts'
import type { ApiConnection } from './connection.ts'
import { reasonOf, tlsReason } from './kubelet/dial.ts'

export interface ApiSessionOptions {
  clock: Clock
  /** Its socket is one of this network namespace's. */
  network: NetworkNamespace
  /** Where the API server is, as the kubeconfig has it. */
  address: string
  port: number
  /** Whose the socket is; undefined: nobody wants one now. */
  owner(): SocketOwner | undefined
  /** What it carries: blocked while there is no session. */
  way: ApiConnection
  /** How long one try to connect may take (ms; 5 s), and what is said when it takes longer: "dial tcp …: i/o timeout". */
  patience?: { ms: number; error?: string }
}

const CAUSE = 'session'
/** The lease of a node is renewed so often (ms). */
const BEAT = 10_000
/** What is asked in between travels at once, but not more often than this (ms). */
const GAP = 5000
/** Until who waits for an answer calls it late; and ReadIdleTimeout and PingTimeout of client-go's transport (apimachinery, util/net/http.go), in ms. */
const LATE = 5_000
const GIVE_UP = 45_000
/** How long one try may take, and between tries (ms): several clients of an agent dial, each by a back-off of its own. */
const DIAL = 5_000
const RETRY = 1000
/** net.Dialer's of client-go. */
const KEEP_ALIVE = { idle: 30_000, interval: 30_000, count: 9 }
/** golang.org/x/net/http2, transport.go. */
const SETTINGS: Settings = [[SETTING.enablePush, 0], [SETTING.initialWindowSize, 4_194_304], [SETTING.maxFrameSize, 16_384], [SETTING.maxHeaderListSize, 10_485_760]]
const WINDOW = 1_073_741_824

/**
 * An agent's connection to the API server: one of HTTP/2 over TLS, by packets. What the agent asks and learns is answered inside
 * the simulation; on the wire a PING of HTTP/2 stands for each moment in which it asks something, and for the renewal of the lease
 * every ten seconds. As long as nobody answers them, the agent's way to the API server is blocked; a connection that is lost is
 * dialled again.
 */
export class ApiSession {
  readonly #options: ApiSessionOptions
  #connection: TcpConnection | undefined
  #session: Http2Session | undefined
  #running = false
  /** Since the cluster's birth nobody has been answered: agents start before the API server does. */
  #patient = false
  #beat: Timer | undefined
  #limit: Timer | undefined
  #soon: Timer | undefined
  /** When what nobody has answered yet was asked, and when something was asked last; virtual ms. */
  #askedAt: number | undefined
  #lastAsked = 0
  #tries = 0
  /** Its agent has just been started, and does not wait for the next of its tries. */
  #fresh = false
  /** Told once the first try has an end. */
  #waiting: (() => void)[] = []
  #outcome: { failure: string | undefined } | undefined

  constructor(options: ApiSessionOptions) {
    this.#options = options
    options.way.attend({ asked: () => this.#askSoon(), freed: (cause) => void (cause !== CAUSE && this.#retry()) })
  }

  /** `patient`: its first failures block nothing. A session of another owner ends. */
  start({ patient = false } = {}): void {
    this.#close()
    this.#running = true
    this.#patient = patient
    this.#fresh = true
    this.#dial()
  }

  /** What came of trying: no failure, or why not, in Go's words ("dial tcp …"); undefined as long as nothing did. */
  get outcome(): { failure: string | undefined } | undefined {
    return this.#outcome
  }

  /** Tells once when {@link outcome} is there. */
  whenTried(tell: () => void): void {
    if (this.#outcome) tell()
    else this.#waiting.push(tell)
  }

  /** Whoever has not been answered by now is answered nothing until it is. */
  expectAnswer(): void {
    if (!this.#outcome) this.#options.way.block(CAUSE, 'i/o timeout')
  }

  #tried(failure: string | undefined): void {
    this.#outcome = { failure }
    for (const tell of this.#waiting.splice(0)) tell()
  }

  /** Nobody asks any more. */
  stop(): void {
    this.#running = false
    this.#close()
    this.#options.way.unblock(CAUSE)
  }

  /** What was in the way is gone: whoever waits for an answer tries anew. */
  #retry(): void {
    if (!this.#running || (this.#session && this.#askedAt === undefined)) return
    this.#forget()?.abort()
    this.#session = undefined
    this.#dial()
  }

  #close(): void {
    const connection = this.#forget()
    this.#session?.goAway()
    this.#session = undefined
    if (connection && connection.state !== 'CLOSED') connection.end()
  }

  /** No more timers, and its socket tells nothing any more. */
  #forget(): TcpConnection | undefined {
    const { clock } = this.#options
    for (const timer of [this.#beat, this.#limit, this.#soon]) clock.cancel(timer)
    this.#soon = undefined
    this.#askedAt = undefined
    const connection = this.#connection
    this.#connection = undefined
    this.#tries++
    return connection
  }

  #dial(): void {
    const { clock, network, address, port, patience: { ms, error } = { ms: DIAL } } = this.#options
    clock.cancel(this.#beat)
    const owner = this.#options.owner()
    if (!owner) {
      this.#options.way.unblock(CAUSE)
      return this.#later(BEAT, () => this.#dial())
    }
    const number = ++this.#tries
    const isOver = (): boolean => number !== this.#tries
    const lost = (why: string, dialling = false): void => void (isOver() || this.#lost(why, dialling))
    this.#limit = clock.schedule(ms, () => lost(error ?? 'i/o timeout', error === undefined), { background: true })
    const connection = network.sockets.connect({ address, port, owner, background: true }, {
      onConnect: () => {
        if (isOver()) return
        connection.keepAlive?.(KEEP_ALIVE)
        // whoever it is: its certificate is not looked at
        const secure = new TlsClient(connection, { random: clock.random.fork(`${owner.program} of ${network.name} ${number}`), blind: true, alpn: ['h2', 'http/1.1'], onSecure: () => void (isOver() || this.#stands(secure)), onFailure: (failure) => lost(tlsReason(failure)) })
        secure.handlers = {
          onData: (data) => this.#session?.receive(data),
          onEnd: () => lost('EOF'),
          onClose: (error) => lost(error ? `read tcp ${address}:${port}: read: ${reasonOf(error.code)}` : 'EOF'),
        }
      },
      onClose: (error) => lost(`connect: ${reasonOf(error?.code ?? 'ECONNRESET')}`, true),
    })
    this.#connection = connection
  }

  #stands(secure: TcpConnection): void {
    const { clock, way } = this.#options
    clock.cancel(this.#limit)
    this.#connection = secure
    this.#session = new Http2Session({
      client: true, settings: SETTINGS, window: WINDOW, send: (bytes) => secure.send(bytes),
      onPong: () => this.#answered(),
      onGoAway: () => this.#lost('http2: client connection lost'),
    })
    this.#patient = false
    this.#lastAsked = clock.now
    way.unblock(CAUSE, { fresh: this.#fresh })
    this.#fresh = false
    this.#beatLater()
    this.#tried(undefined)
  }

  #beatLater(): void {
    const { clock } = this.#options
    // to a millisecond: a rest that the clock cannot add would be waited for without end
    const isDue = (): boolean => clock.now - this.#lastAsked > BEAT - 1
    this.#later(isDue() ? BEAT : this.#lastAsked + BEAT - clock.now, () => {
      if (isDue()) this.#ask()
      this.#beatLater()
    })
  }

  #askSoon(): void {
    const { clock } = this.#options
    if (!this.#session || this.#soon || this.#askedAt !== undefined || clock.isPast) return
    this.#soon = clock.schedule(Math.max(0, this.#lastAsked + GAP - clock.now), () => {
      this.#soon = undefined
      this.#ask()
    }, { background: true })
  }

  #ask(): void {
    const { clock } = this.#options
    if (!this.#session || this.#askedAt !== undefined) return
    this.#askedAt = this.#lastAsked = clock.now
    this.#session.ping(new Uint8Array(8))
    this.#limit = clock.schedule(LATE, () => {
      this.#options.way.block(CAUSE, 'context deadline exceeded', { dialling: false })
      this.#limit = clock.schedule(GIVE_UP - LATE, () => this.#lost('http2: client connection lost'), { background: true })
    }, { background: true })
  }

  #answered(): void {
    const { clock, way } = this.#options
    clock.cancel(this.#limit)
    this.#askedAt = undefined
    way.unblock(CAUSE)
  }

  #lost(why: string, dialling = false): void {
    const connection = this.#forget()
    this.#session?.close()
    this.#session = undefined
    connection?.abort()
    if (!this.#patient) this.#options.way.block(CAUSE, why, { dialling })
    this.#later(RETRY, () => this.#dial())
    this.#tried(dialling ? `dial tcp ${this.#options.way.address}: ${why}` : why)
  }

  #later(delay: number, act: () => void): void {
    this.#beat = this.#options.clock.schedule(delay, act, { background: true })
  }
}
