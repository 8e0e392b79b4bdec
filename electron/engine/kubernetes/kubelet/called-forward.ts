import { SystemError } from '../../machine/errors.ts'
import type { TcpHandlers } from '../../network/types.ts'
import { decodeUtf8 } from '../../text.ts'
import type { ForwardCall, ForwardedConnection, ForwardSession } from '../client.ts'
import { callKubelet, type Caller, type KubeletCall } from './call.ts'
import { FramedConnection, type Frame } from './frames.ts'

const NOTHING = new Uint8Array(0)
const UPGRADE: [string, string][] = [['Connection', 'Upgrade'], ['Upgrade', 'SPDY/3.1'], ['X-Stream-Protocol-Version', 'portforward.k8s.io']]

/** kubectl's own (client-go's tools/portforward), ms: the API server passes the frames on. */
const PING_PERIOD = 10_000

/** A port-forward as the API server has it of a kubelet: one connection for all that is forwarded. */
export class CalledForward implements ForwardCall {
  readonly #call: KubeletCall
  readonly #session: ForwardSession
  readonly #streams = new Map<number, Forwarded>()
  #framed: FramedConnection | undefined
  #next = 3
  #over = false
  #text = ''

  constructor(caller: Caller, address: string, target: string, session: ForwardSession) {
    this.#session = session
    this.#call = callKubelet(caller, address, { method: 'POST', target, headers: UPGRADE }, {
      onAnswer: (status) => {
        if (status !== 101) return
        this.#framed = new FramedConnection(this.#call.connection, { onFrame: (frame) => this.#receive(frame), onOver: () => this.#lost() })
        this.#framed.pingEvery(caller.clock, PING_PERIOD)
        session.onOpen()
      },
      onBody: (data) => {
        if (this.#framed) this.#framed.receive(data)
        else this.#text += decodeUtf8(data)
      },
      onFailure: (why) => this.#refused(`error dialing backend: ${why}`),
      onOver: () => this.#refused(`unable to upgrade connection: ${this.#text}`),
    })
  }

  connect(port: number, handlers: TcpHandlers): ForwardedConnection {
    const stream = this.#next
    this.#next += 4
    const framed = this.#framed
    if (!framed) throw new Error('no stream stands')
    const forwarded = new Forwarded(framed, stream, handlers, () => this.#streams.delete(stream))
    this.#streams.set(stream, forwarded)
    framed.open(stream, port)
    return forwarded
  }

  hangUp(): void {
    this.#over = true
    if (this.#framed) this.#framed.end()
    else this.#call.hangUp()
    for (const forwarded of [...this.#streams.values()]) forwarded.closed()
  }

  #receive({ kind, stream, data, last }: Frame): void {
    const forwarded = this.#streams.get(stream)
    if (kind === 'reset') return forwarded?.closed(new SystemError('ECONNRESET'))
    if (forwarded) return forwarded.receive(data, last)
    const failed = this.#streams.get(stream + 2)
    if (failed) failed.closed(data.length > 0 ? Object.assign(new Error(decodeUtf8(data)), { code: 'ECONNREFUSED' }) : undefined)
  }

  #refused(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#session.onRefused(why)
  }

  #lost(): void {
    if (this.#over) return
    this.#over = true
    this.#session.onLost()
    for (const forwarded of [...this.#streams.values()]) forwarded.closed(new SystemError('ECONNRESET'))
  }
}

/** A connection to a port of the Pod. */
class Forwarded implements ForwardedConnection {
  handlers: TcpHandlers
  isOpen = true
  readonly #framed: FramedConnection
  readonly #stream: number
  readonly #forget: () => void
  #ended = false

  constructor(framed: FramedConnection, stream: number, handlers: TcpHandlers, forget: () => void) {
    this.#framed = framed
    this.#stream = stream
    this.handlers = handlers
    this.#forget = forget
  }

  get unsent(): number {
    return this.#framed.unsent
  }

  send(data: Uint8Array): void {
    if (this.isOpen && !this.#ended) this.#framed.data(this.#stream, data)
  }

  end(): void {
    if (!this.isOpen || this.#ended) return
    this.#ended = true
    this.#framed.data(this.#stream, NOTHING, true)
  }

  abort(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#framed.reset(this.#stream)
    this.#forget()
  }

  receive(data: Uint8Array, last: boolean): void {
    if (data.length > 0) this.handlers.onData?.(data)
    if (last) this.handlers.onEnd?.()
  }

  closed(error?: Error & { code: string }): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#forget()
    this.handlers.onClose?.(error)
  }
}
