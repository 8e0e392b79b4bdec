import type { Clock } from '../../clock.ts'
import type { Journey } from '../../journey/types.ts'
import { canonicalIp } from '../../network/address.ts'
import type { TcpConnection, TcpHandlers, TcpState } from '../../network/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** The PROXY protocol (haproxy's doc/proxy-protocol.txt): a line (version 1, 2.1) or a header of bytes (version 2, 2.2) that says who the client is, before all else. */
const LONGEST = 107
const LINE = /^PROXY (?:UNKNOWN(?: [^\r]*)?|TCP([46]) (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5}))\r\n/

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
/** Where the length of the rest ends. */
const FIXED = 16

export interface Announced { address: string; port: number }

const said = new WeakMap<TcpConnection, Announced>()

/** Who was announced on a connection that {@link readAnnouncement} has handed on, whether it was believed or not. */
export function announcedOn(connection: TcpConnection): Announced | undefined {
  return said.get(connection)
}

/** Version 2: undefined where it is none, "more" while some of it is missing. */
function binary(read: Uint8Array): { length: number; client: Announced | undefined } | 'more' | 'wrong' | undefined {
  if (!SIGNATURE.every((byte, i) => i >= read.length || read[i] === byte)) return undefined
  const size = read.length < FIXED ? 0 : (read[14]! << 8) | read[15]!
  if (read.length < FIXED + size) return 'more'
  const [command, family] = [read[12]!, read[13]!]
  if (command >> 4 !== 2 || (command & 15) > 1) return 'wrong'
  const bytes = family >> 4 === 1 ? 4 : family >> 4 === 2 ? 16 : 0
  // LOCAL, or a family that is none: the connection's own
  if ((command & 15) === 0 || bytes === 0 || size < 2 * bytes + 4) return { length: FIXED + size, client: undefined }
  const part = read.subarray(FIXED, FIXED + bytes)
  const address = bytes === 4 ? part.join('.') : canonicalIp(Array.from({ length: 8 }, (_, i) => ((part[2 * i]! << 8) | part[2 * i + 1]!).toString(16)).join(':'))!
  return { length: FIXED + size, client: { address, port: (read[FIXED + 2 * bytes]! << 8) | read[FIXED + 2 * bytes + 1]! } }
}

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
      const header = binary(read)
      if (header === 'more') return
      const begin = (length: number, client: Announced | undefined): void => {
        const next = new AnnouncedConnection(connection, client && believes(connection.remoteAddress) ? client : undefined)
        if (client) said.set(next, client)
        done(next)
        const rest = read.subarray(length)
        if (rest.length > 0) next.handlers.onData?.(rest)
      }
      if (typeof header === 'object') {
        clock.cancel(timer)
        connection.handlers = {}
        return begin(header.length, header.client)
      }
      const text = decodeUtf8(read.subarray(0, LONGEST))
      const found = LINE.exec(text)
      const begins = 'PROXY '.startsWith(text) || text.startsWith('PROXY ')
      if (!found && begins && !text.includes('\n') && read.length < LONGEST) return
      clock.cancel(timer)
      connection.handlers = {}
      const [, family, source] = found ?? []
      const address = source === undefined ? undefined : canonicalIp(source)
      if (!found || (family !== undefined && (address === undefined || (family === '6') !== address.includes(':')))) return broken(/^[^\r\n]*/.exec(text)![0])
      begin(encodeUtf8(found[0]).length, address === undefined ? undefined : { address, port: Number(found[4]) })
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
