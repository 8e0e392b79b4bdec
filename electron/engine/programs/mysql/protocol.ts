import { sha1 } from '../../cni/calico/names.ts'
import { sha256 } from '../../sha256.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** The client/server protocol of MySQL (dev.mysql.com/doc/dev/mysql-server, "Client/Server Protocol"), without TLS. */
export type AuthPlugin = 'caching_sha2_password' | 'mysql_native_password'

export const CAPABILITY = { longPassword: 1, connectWithDb: 8, protocol41: 0x200, transactions: 0x2000, secureConnection: 0x8000, pluginAuth: 0x80000, lengthEncodedAuth: 0x200000, deprecateEof: 0x1000000 } as const
/** Everything that MySQL 8 offers but TLS and compression. */
const SERVER_CAPABILITIES = 0xdfff_f7df

export interface Packet { sequence: number; payload: Uint8Array }

export function packet(sequence: number, payload: Uint8Array): Uint8Array {
  const { length } = payload
  return concatBytes([Uint8Array.of(length & 255, (length >> 8) & 255, length >> 16, sequence & 255), payload])
}

/** Collects bytes and gives whole packets. */
export class PacketReader {
  #rest: Uint8Array = new Uint8Array(0)

  push(data: Uint8Array): Packet[] {
    this.#rest = this.#rest.length === 0 ? data.slice() : concatBytes([this.#rest, data])
    const out: Packet[] = []
    while (this.#rest.length >= 4) {
      const length = this.#rest[0]! | (this.#rest[1]! << 8) | (this.#rest[2]! << 16)
      if (this.#rest.length < 4 + length) break
      out.push({ sequence: this.#rest[3]!, payload: this.#rest.subarray(4, 4 + length) })
      this.#rest = this.#rest.subarray(4 + length)
    }
    return out
  }
}

/** Protocol::HandshakeV10. */
export function handshake(version: string, connection: number, salt: Uint8Array, plugin: AuthPlugin): Uint8Array {
  const id = Uint8Array.of(connection & 255, (connection >> 8) & 255, (connection >> 16) & 255, connection >>> 24)
  const low = Uint8Array.of(SERVER_CAPABILITIES & 255, (SERVER_CAPABILITIES >> 8) & 255)
  const high = Uint8Array.of((SERVER_CAPABILITIES >> 16) & 255, SERVER_CAPABILITIES >>> 24)
  return packet(0, concatBytes([
    Uint8Array.of(10), encodeUtf8(`${version}\0`), id, salt.subarray(0, 8),
    // filler, capabilities (low), utf8mb4_0900_ai_ci, SERVER_STATUS_AUTOCOMMIT, capabilities (high), salt length, reserved
    Uint8Array.of(0), low, Uint8Array.of(0xff, 0x02, 0x00), high, Uint8Array.of(21), new Uint8Array(10),
    salt.subarray(8), Uint8Array.of(0), encodeUtf8(`${plugin}\0`),
  ]))
}

export interface Greeting { version: string; salt: Uint8Array; plugin: string }

/** What the server said first; an ERR packet's text instead. */
export function readHandshake(payload: Uint8Array): Greeting | ServerError | undefined {
  if (payload[0] === 0xff) return readError(payload)
  const end = payload.indexOf(0)
  if (payload[0] !== 10 || end < 0) return undefined
  const at = end + 1
  const salt = concatBytes([payload.subarray(at + 4, at + 12), payload.subarray(at + 31, at + 43)])
  return { version: decodeUtf8(payload.subarray(1, end)), salt, plugin: decodeUtf8(payload.subarray(at + 44)).replace(/\0$/, '') }
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!)
}

/** What proves that one knows the password. */
export function scramble(plugin: string, password: string, salt: Uint8Array): Uint8Array {
  if (password === '') return new Uint8Array(0)
  const bytes = encodeUtf8(password)
  if (plugin === 'mysql_native_password') {
    const once = sha1(bytes)
    return xor(once, sha1(concatBytes([salt, sha1(once)])))
  }
  const once = sha256(bytes)
  return xor(once, sha256(concatBytes([sha256(once), salt])))
}

/** Protocol::HandshakeResponse41. */
export function loginPacket(user: string, proof: Uint8Array, database: string, plugin: string): Uint8Array {
  const flags = CAPABILITY.longPassword | CAPABILITY.protocol41 | CAPABILITY.transactions | CAPABILITY.secureConnection | CAPABILITY.pluginAuth | (database === '' ? 0 : CAPABILITY.connectWithDb)
  return packet(1, concatBytes([
    Uint8Array.of(flags & 255, (flags >> 8) & 255, (flags >> 16) & 255, flags >>> 24, 0, 0, 0, 1, 0xff), new Uint8Array(23),
    encodeUtf8(`${user}\0`), Uint8Array.of(proof.length), proof, ...(database === '' ? [] : [encodeUtf8(`${database}\0`)]), encodeUtf8(`${plugin}\0`),
  ]))
}

export interface Login { user: string; proof: Uint8Array; database: string; capabilities: number; plugin: string }

/** Undefined when the bytes are no such thing. */
export function readLogin(payload: Uint8Array): Login | undefined {
  const end = payload.length > 32 ? payload.indexOf(0, 32) : -1
  if (end < 0) return undefined
  const capabilities = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true)
  const size = payload[end + 1] ?? 0
  let at = end + 2 + size
  const text = (): string => {
    const stop = payload.indexOf(0, at)
    const value = decodeUtf8(payload.subarray(at, stop < 0 ? payload.length : stop))
    at = stop < 0 ? payload.length : stop + 1
    return value
  }
  const proof = payload.slice(end + 2, at)
  const database = capabilities & CAPABILITY.connectWithDb ? text() : ''
  return { user: decodeUtf8(payload.subarray(32, end)), proof, database, capabilities, plugin: capabilities & CAPABILITY.pluginAuth ? text() : '' }
}

export interface ServerError { code: number; state: string; message: string }

export function errorPacket(sequence: number, code: number, state: string, message: string): Uint8Array {
  return packet(sequence, concatBytes([Uint8Array.of(0xff, code & 255, code >> 8), encodeUtf8(`#${state}${message}`)]))
}

export function readError(payload: Uint8Array): ServerError {
  const text = decodeUtf8(payload.subarray(3))
  return { code: payload[1]! | (payload[2]! << 8), state: text.startsWith('#') ? text.slice(1, 6) : 'HY000', message: text.startsWith('#') ? text.slice(6) : text }
}

/** `info`: "Rows matched: 1  Changed: 1  Warnings: 0". */
export function okPacket(sequence: number, affected = 0, header = 0, info = ''): Uint8Array {
  return packet(sequence, concatBytes([Uint8Array.of(header), lengthOf(affected), Uint8Array.of(0, 2, 0, 0, 0), encodeUtf8(info)]))
}

export function eofPacket(sequence: number): Uint8Array {
  return packet(sequence, Uint8Array.of(0xfe, 0, 0, 2, 0))
}

export function lengthOf(n: number): Uint8Array {
  if (n < 251) return Uint8Array.of(n)
  if (n < 65_536) return Uint8Array.of(0xfc, n & 255, n >> 8)
  return Uint8Array.of(0xfd, n & 255, (n >> 8) & 255, n >> 16)
}

export function lengthText(text: string): Uint8Array {
  const bytes = encodeUtf8(text)
  return concatBytes([lengthOf(bytes.length), bytes])
}

const TYPE = { numeric: 8, text: 253 }

/** Protocol::ColumnDefinition41. */
export function columnPacket(sequence: number, name: string, numeric: boolean): Uint8Array {
  const texts = ['def', '', '', '', name, ''].map(lengthText)
  return packet(sequence, concatBytes([...texts, Uint8Array.of(12, numeric ? 63 : 255, 0, 0, 4, 0, 0, numeric ? TYPE.numeric : TYPE.text, 0, 0, 0, 0, 0)]))
}

/** Reads length-encoded values one after the other; null is SQL's NULL. */
export class ValueReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  get over(): boolean {
    return this.#at >= this.#bytes.length
  }

  number(): number {
    const first = this.#bytes[this.#at++] ?? 0
    if (first < 251) return first
    const size = first === 0xfc ? 2 : first === 0xfd ? 3 : 8
    let value = 0
    for (let i = 0; i < size; i++) value += (this.#bytes[this.#at++] ?? 0) * 256 ** i
    return value
  }

  text(): string | null {
    if (this.#bytes[this.#at] === 0xfb) {
      this.#at++
      return null
    }
    const size = this.number()
    this.#at += size
    return decodeUtf8(this.#bytes.subarray(this.#at - size, this.#at))
  }

  skip(count: number): number {
    this.#at += count
    return this.#bytes[this.#at - count] ?? 0
  }
}

/** Whether a column definition is of a number. */
export function readColumn(payload: Uint8Array): { name: string; numeric: boolean } {
  const reader = new ValueReader(payload)
  for (let i = 0; i < 4; i++) reader.text()
  const name = reader.text() ?? ''
  reader.text()
  reader.skip(7)
  return { name, numeric: reader.skip(1) === TYPE.numeric }
}
