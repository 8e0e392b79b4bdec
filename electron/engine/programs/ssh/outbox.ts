import { Signal, type Task } from '../../machine/task.ts'
import type { SshTransport } from './transport.ts'
import { SSH, SshWriter } from './wire.ts'

/** CHAN_SES_WINDOW_DEFAULT and CHAN_SES_PACKET_DEFAULT of OpenSSH: how much may be under way, and in one message. */
export const WINDOW = 2_097_152
export const PACKET = 32_768
/** Bytes that wait to be acknowledged before a writer has to wait. */
const UNACKNOWLEDGED = 262_144

/** What one side of a channel has to say: as much as the other has room for (RFC 4254 5.2). */
export class Outbox {
  readonly #transport: SshTransport
  readonly #room = new Signal()
  #queue: { data: Uint8Array; extended: boolean }[] = []
  /** The channel's number on the other side. */
  #recipient = 0
  #window = 0
  #closed = false
  #whenEmpty: (() => void)[] = []

  constructor(transport: SshTransport) {
    this.#transport = transport
  }

  open(recipient: number, window: number): void {
    this.#recipient = recipient
    this.#window = window
    this.drain()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** `extended`: stderr's. */
  push(data: Uint8Array, extended = false): void {
    if (this.#closed || data.length === 0) return
    this.#queue.push({ data, extended })
    this.drain()
  }

  /** Likewise, and waits until it is under way. */
  *write(data: Uint8Array, extended = false): Task<void> {
    this.push(data, extended)
    while (this.#queue.length > 0 && !this.#closed) yield this.#room.wait
  }

  adjust(bytes: number): void {
    this.#window += bytes
    this.drain()
  }

  /** Calls when all is under way. */
  flush(done: () => void): void {
    if (this.#queue.length === 0) done()
    else this.#whenEmpty.push(done)
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#room.notify()
  }

  drain(): void {
    while (this.#queue.length > 0 && this.#window > 0 && this.#transport.unsent < UNACKNOWLEDGED) {
      const [{ data, extended }] = this.#queue as [{ data: Uint8Array; extended: boolean }]
      const part = data.subarray(0, Math.min(PACKET, this.#window))
      if (part.length === data.length) this.#queue.shift()
      else this.#queue[0] = { data: data.subarray(part.length), extended }
      this.#window -= part.length
      const out = new SshWriter(extended ? SSH.channelExtendedData : SSH.channelData).u32(this.#recipient)
      // SSH_EXTENDED_DATA_STDERR
      if (extended) out.u32(1)
      this.#transport.send(out.text(part).done())
    }
    if (this.#queue.length > 0) return
    this.#room.notify()
    for (const call of this.#whenEmpty.splice(0)) call()
  }
}
