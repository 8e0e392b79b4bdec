import type { Clock } from '../clock.ts'
import type { Journey } from '../journey/types.ts'
import { anyOf, Signal, sleep, type Suspension, type Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import type { Ip, SocketOwner, TcpConnection } from '../network/types.ts'
import { TlsClient, type TlsClientOptions, type TlsFailure, type TlsInfo } from './tls/socket.ts'

/** A socket's error as the tools see it: errno and strerror's text; EPROTO with the alert by which the other side of TLS has ended it. */
export interface SocketError { code: string; message: string; alert?: number }

/** A TCP connection as a program with blocking calls sees it. It is closed when the process ends. */
export class TcpStream {
  #connection: TcpConnection
  readonly #clock: Clock
  #received: Uint8Array[] = []
  #signal = new Signal()
  #connected = false
  #ended = false
  #closed: { error: SocketError | undefined } | undefined

  private constructor(process: Process, address: Ip, port: number, { source, sourcePort, sctp = false }: { source?: Ip; sourcePort?: number; sctp?: boolean }) {
    this.#clock = process.clock
    const { sockets } = process.network
    this.#connection = (sctp ? sockets.sctp : sockets).connect(
      { address, port, owner: ownerOf(process), ...(source ? { source } : {}), ...(sourcePort === undefined ? {} : { sourcePort }) },
      {
        onConnect: () => this.#set(() => (this.#connected = true)),
        onData: (data) => this.#set(() => this.#received.push(data)),
        onEnd: () => this.#set(() => (this.#ended = true)),
        onClose: (error) => this.#set(() => (this.#closed = { error })),
        onDrain: () => this.#signal.notify(),
      },
    )
    process.onExit(() => this.close())
  }

  /** Waits until it stands, at most `timeout` ms: then ETIMEDOUT with the flag `gaveUp`. */
  static *open(process: Process, address: Ip, port: number, options: { timeout?: number; source?: Ip; sourcePort?: number; sctp?: boolean } = {}): Task<TcpStream | (SocketError & { gaveUp?: boolean })> {
    const stream = new TcpStream(process, address, port, options)
    const end = process.clock.now + (options.timeout ?? Infinity)
    while (!stream.#connected && !stream.#closed) {
      if (process.clock.now >= end) {
        stream.connection.abort()
        return { code: 'ETIMEDOUT', message: 'Connection timed out', gaveUp: true }
      }
      yield stream.#until(process, end)
    }
    return stream.#closed?.error ?? stream
  }

  get connection(): TcpConnection {
    return this.#connection
  }

  /** From here on it is TLS. Waits until that stands; undefined when `deadline` (virtual ms) passed. */
  *startTls(process: Process, options: Omit<TlsClientOptions, 'random' | 'onSecure' | 'onFailure'>, deadline = Infinity): Task<{ info: TlsInfo } | { failure: TlsFailure } | undefined> {
    let end: { info: TlsInfo } | { failure: TlsFailure } | undefined
    const { handlers } = this.#connection
    const tls = new TlsClient(this.#connection, {
      ...options,
      random: process.clock.random,
      onSecure: (info) => this.#set(() => (end = { info })),
      onFailure: (failure) => this.#set(() => (end ??= { failure })),
    })
    tls.handlers = handlers
    this.#connection = tls
    while (!end && process.clock.now < deadline) yield this.#until(process, deadline)
    return end
  }

  /** The other side has ended or broken it. */
  get isOver(): boolean {
    return this.#ended || this.#closed !== undefined
  }

  get journey(): Journey | undefined {
    return this.connection.journey
  }

  /** What has arrived; null at the end; an error when the connection broke or `deadline` (virtual ms) passed. */
  *read(process: Process, deadline = Infinity): Task<Uint8Array | null | SocketError> {
    for (;;) {
      const data = this.#received.shift()
      if (data) return data
      if (this.#closed?.error) return this.#closed.error
      if (this.#ended || this.#closed) return null
      if (process.clock.now >= deadline) return { code: 'ETIMEDOUT', message: 'Connection timed out' }
      yield this.#until(process, deadline)
    }
  }

  write(data: Uint8Array): void {
    if (!this.#closed) this.connection.send(data)
  }

  /** No more to send. */
  end(): void {
    if (!this.#closed) this.connection.end()
  }

  /** close(2): FIN and no more; RST when there is something that nobody has read, or when more comes. */
  close(): void {
    if (this.#closed) return
    this.#closed = { error: undefined }
    const { connection } = this
    if (this.#received.length > 0 || connection.state === 'SYN-SENT') return connection.abort()
    connection.handlers = { onData: () => connection.abort() }
    connection.end()
    // tcp_fin_timeout: the kernel does not wait for ever for the other side's FIN
    this.#clock.schedule(60_000, () => {
      if (connection.state === 'FIN-WAIT-2') connection.abort()
    }, { background: true })
  }

  /** Wakes when something happens here. */
  get changed(): Suspension {
    return this.#signal.wait
  }

  #until(process: Process, deadline: number): Suspension {
    return deadline === Infinity ? this.#signal.wait : anyOf(this.#signal.wait, pause(process, deadline - process.clock.now))
  }

  #set(change: () => void): void {
    change()
    this.#signal.notify()
  }
}

/** Who has the sockets of a process. */
export function ownerOf(process: Pick<Process, 'pid' | 'user'> & Partial<Pick<Process, 'argv'>>, program = programName(process)): SocketOwner {
  const { uid, gid, groups } = process.user
  return { pid: process.pid, program, ...(uid !== 0 && { uid }), ...(gid !== 0 && { gid }), ...(groups !== undefined && { groups }) }
}

/** As `ss -p` shows it. */
export function programName(process: Partial<Pick<Process, 'argv'>>): string {
  // without what follows in a title: "nginx: master process"
  return (process.argv?.[0] ?? '').replace(/: [^]*/, '').split('/').at(-1)!
}

/** A wait of a program: in containers and on nodes nobody waits for it to settle. */
export function pause(process: Process, ms: number): Suspension {
  return sleep(process.clock, ms, { background: process.machine.kind !== 'laptop' })
}
