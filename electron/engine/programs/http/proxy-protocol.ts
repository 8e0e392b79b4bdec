import type { Clock } from '../../clock.ts'
import type { Journey } from '../../journey/types.ts'
import { canonicalIp } from '../../network/address.ts'
import type { TcpConnection, TcpHandlers, TcpState } from '../../network/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** The PROXY protocol, version 1 (haproxy's doc/proxy-protocol.txt, 2.1): one line that says who the client is, before all others. */
const LONGEST = 107
const LINE = /^PROXY (?:UNKNOWN(?: [^\r]*)?|TCP([46]) (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5}))\r\n/

export interface Announced { address: string; port: number }

/**
 * Reads the line and hands on a connection that begins behind it, from the announced client where `believes` says so.
 * `broken` hears the first line of what is none, or undefined when nothing came for `timeout` ms.
 */
export function readAnnouncement(connection: TcpConnection, clock: Clock, timeout: number, believes: (proxy: string) => boolean, done: (connection: TcpConnection) => void, broken: (line: string | undefined) => void): void {
  let read: Uint8Array = new Uint8Array(0)
  const timer = clock.schedule(timeout, () => broken(undefined), { background: true })
  connection.handlers = {
    onData: (data) => {
      read = concatBytes([read, data])
      const text = decodeUtf8(read.subarray(0, LONGEST))
      const found = LINE.exec(text)
      const begins = 'PROXY '.startsWith(text) || text.startsWith('PROXY ')
      if (!found && begins && !text.includes('\n') && read.length < LONGEST) return
      clock.cancel(timer)
      connection.handlers = {}
      const [, family, source] = found ?? []
      const address = source === undefined ? undefined : canonicalIp(source)
      if (!found || (family !== undefined && (address === undefined || (family === '6') !== address.includes(':')))) return broken(/^[^\r\n]*/.exec(text)![0])
      const client = address !== undefined && believes(connection.remoteAddress) ? { address, port: Number(found[4]) } : undefined
      const next = new AnnouncedConnection(connection, client)
      done(next)
      const rest = read.subarray(encodeUtf8(found[0]).length)
      if (rest.length > 0) next.handlers.onData?.(rest)
    },
    onEnd: () => {
      clock.cancel(timer)
      connection.end()
    },
    onClose: () => clock.cancel(timer),
  }
}

/** A connection whose other end is somebody else than the packets say. */
class AnnouncedConnection implements TcpConnection {
  readonly #inner: TcpConnection
  readonly #client: Announced | undefined

  constructor(inner: TcpConnection, client: Announced | undefined) {
    this.#inner = inner
    this.#client = client
  }

  get state(): TcpState {
    return this.#inner.state
  }
  get localAddress(): string {
    return this.#inner.localAddress
  }
  get localPort(): number {
    return this.#inner.localPort
  }
  get remoteAddress(): string {
    return this.#client?.address ?? this.#inner.remoteAddress
  }
  get remotePort(): number {
    return this.#client?.port ?? this.#inner.remotePort
  }
  get journey(): Journey | undefined {
    return this.#inner.journey
  }
  get unsent(): number {
    return this.#inner.unsent
  }
  get handlers(): TcpHandlers {
    return this.#inner.handlers
  }
  set handlers(handlers: TcpHandlers) {
    this.#inner.handlers = handlers
  }
  send(data: Uint8Array): void {
    this.#inner.send(data)
  }
  end(): void {
    this.#inner.end()
  }
  abort(): void {
    this.#inner.abort()
  }
}
