import { anyOf, concatBytes, decodeUtf8, Signal, SSH, SSH_IDENTIFICATION, SshReader, SshTransport, SshWriter, type Process, type Task } from '../../../engine/cluster.ts'
import { pause, type SocketError, type TcpStream } from '../../nettools/stream.ts'

export interface SshMessage { type: number; fields: SshReader }
/** The connection has ended; with an error when it broke. */
export interface SshEnd { over: true; error?: { code: string; message: string } | undefined }

/** The client's end of a connection of SSH, as a program that waits sees it: key exchange, authentication, then messages. */
export class SshClient {
  readonly transport: SshTransport
  readonly #signal = new Signal()
  readonly #heard: SshMessage[] = []
  #ready = false
  #end: SshEnd | undefined
  onDrain: (() => void) | undefined

  private constructor(process: Process, { connection }: TcpStream, heard: Uint8Array) {
    this.transport = new SshTransport(connection, { role: 'client', identification: SSH_IDENTIFICATION, random: process.clock.random }, {
      onReady: () => this.#set(() => (this.#ready = true)),
      onMessage: (type, fields) => this.#set(() => this.#heard.push({ type, fields })),
      onDrain: () => this.onDrain?.(),
      onOver: (error) => this.#set(() => (this.#end = { over: true, error })),
    })
    this.transport.receive(heard)
  }

  /** What the other side says first, up to its identification; not a client: it is not SSH, or too late. */
  static *greet(process: Process, stream: TcpStream, deadline: number): Task<SshClient | { late: boolean }> {
    let heard: Uint8Array = new Uint8Array(0)
    for (;;) {
      const data = yield* stream.read(process, deadline)
      if (!(data instanceof Uint8Array)) return { late: (data as SocketError | null)?.code === 'ETIMEDOUT' }
      heard = concatBytes([heard, data])
      if (/^SSH-2\.0-[^\n]*\n/m.test(decodeUtf8(heard))) return new SshClient(process, stream, heard)
    }
  }

  /** The next message; the end; undefined when `deadline` (virtual ms) has passed, or somebody called {@link wake}. */
  *next(process: Process, deadline = Infinity): Task<SshMessage | SshEnd | undefined> {
    for (;;) {
      const message = this.#heard.shift()
      if (message) return message
      if (this.#end) return this.#end
      if (this.#woken || process.clock.now >= deadline) return undefined
      yield deadline === Infinity ? this.#signal.wait : anyOf(this.#signal.wait, pause(process, deadline - process.clock.now))
    }
  }

  /** Whether the server lets `user` in, by the laptop's key (RFC 4252); the end where it says nothing more. */
  *authenticate(process: Process, user: string): Task<boolean | SshEnd> {
    while (!this.#ready) {
      if (this.#end) return this.#end
      yield this.#signal.wait
    }
    this.transport.send(new SshWriter(SSH.serviceRequest).text('ssh-userauth').done())
    const request = (method: string): SshWriter => new SshWriter(SSH.userauthRequest).text(user).text('ssh-connection').text(method)
    const key = new Uint8Array(51)
    for (;;) {
      const heard = yield* this.next(process)
      if (!heard || 'over' in heard) return heard ?? { over: true }
      if (heard.type === SSH.serviceAccept) this.transport.send(request('none').done())
      else if (heard.type === SSH.userauthPkOk) this.transport.send(request('publickey').flag(true).text('ssh-ed25519').text(key).text(new Uint8Array(83)).done())
      else if (heard.type === SSH.userauthSuccess) return true
      else if (heard.type === SSH.userauthFailure) {
        if (this.#asked) return false
        this.#asked = true
        this.transport.send(request('publickey').flag(false).text('ssh-ed25519').text(key).done())
      }
    }
  }
  #asked = false

  /** What somebody waits for beside messages has changed. */
  wake(): void {
    this.#woken = true
    this.#signal.notify()
  }
  #woken = false

  /** SSH2_DISCONNECT_BY_APPLICATION, and no more. */
  disconnect(): void {
    this.transport.send(new SshWriter(SSH.disconnect).u32(11).text('disconnected by user').text('').done())
    this.transport.end()
  }

  #set(change: () => void): void {
    change()
    this.#signal.notify()
  }
}
