import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/**
 * TLS 1.3 on the wire (RFC 8446): records and handshake messages in their real form, but nothing is encrypted: what
 * would be is only disguised, so that a capture shows what a real one shows, and no key is worth anything.
 */
export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const
export const MESSAGE = { clientHello: 1, serverHello: 2, newSessionTicket: 4, encryptedExtensions: 8, certificate: 11, certificateRequest: 13, certificateVerify: 15, finished: 20 } as const
export const ALERTS = {
  closeNotify: 0, unexpectedMessage: 10, handshakeFailure: 40, badCertificate: 42, unsupportedCertificate: 43, certificateExpired: 45, certificateUnknown: 46, unknownCa: 48, decodeError: 50, protocolVersion: 70, internalError: 80, unrecognizedName: 112, certificateRequired: 116, noApplicationProtocol: 120,
} as const

export interface Cipher { id: number; name: string; hash: 32 | 48 }
export const CIPHERS = {
  aes256: { id: 0x1302, name: 'TLS_AES_256_GCM_SHA384', hash: 48 },
  aes128: { id: 0x1301, name: 'TLS_AES_128_GCM_SHA256', hash: 32 },
} as const satisfies Record<string, Cipher>

/** Bytes that an AEAD adds. */
const TAG_LENGTH = 16
const MAX_FRAGMENT = 16_384

const u8 = (n: number): Uint8Array => Uint8Array.of(n)
const u16 = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 255)
const u24 = (n: number): Uint8Array => Uint8Array.of(n >> 16, (n >> 8) & 255, n & 255)
const vector = (width: 1 | 2 | 3, ...parts: Uint8Array[]): Uint8Array => {
  const body = concatBytes(parts)
  return concatBytes([width === 1 ? u8(body.length) : width === 2 ? u16(body.length) : u24(body.length), body])
}
const extension = (type: number, ...parts: Uint8Array[]): Uint8Array => concatBytes([u16(type), vector(2, ...parts)])

export function message(type: number, ...parts: Uint8Array[]): Uint8Array {
  return concatBytes([u8(type), vector(3, ...parts)])
}

export function record(type: number, data: Uint8Array, version = 0x0303): Uint8Array {
  return concatBytes([u8(type), u16(version), u16(data.length), data])
}

/** A stream of bytes that looks like chance; both sides know its start. */
export class Disguise {
  #state: number

  constructor(...seeds: readonly Uint8Array[]) {
    let state = 0x9e3779b9
    for (const seed of seeds) for (const b of seed) state = Math.imul(state ^ b, 0x01000193) + 0x7f4a7c15
    this.#state = state | 0 || 1
  }

  next(): number {
    let s = this.#state
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    this.#state = s
    return s >>> 0
  }

  bytes(length: number): Uint8Array {
    return this.apply(new Uint8Array(length))
  }

  /** Its own opposite. */
  apply(data: Uint8Array): Uint8Array {
    const out = new Uint8Array(data.length)
    let word = 0
    for (let i = 0; i < data.length; i++) {
      if ((i & 3) === 0) word = this.next()
      out[i] = data[i]! ^ (word & 255)
      word >>>= 8
    }
    return out
  }
}

/** What would be encrypted: the content, its true type, and the AEAD's tag, in records of at most 2^14 bytes. */
export function protect(disguise: Disguise, type: number, data: Uint8Array): Uint8Array {
  const out: Uint8Array[] = []
  for (let at = 0; at === 0 || at < data.length; at += MAX_FRAGMENT) {
    const plain = concatBytes([data.subarray(at, at + MAX_FRAGMENT), u8(type), new Uint8Array(TAG_LENGTH)])
    out.push(record(RECORD.applicationData, disguise.apply(plain)))
  }
  return concatBytes(out)
}

export function unprotect(disguise: Disguise, data: Uint8Array): { type: number; data: Uint8Array } | undefined {
  const plain = disguise.apply(data)
  const end = plain.length - TAG_LENGTH - 1
  return end < 0 ? undefined : { type: plain[end]!, data: plain.subarray(0, end) }
}

/** Cuts a stream into records; `bad` holds the first bytes when they are none. */
export class RecordReader {
  #buffer: Uint8Array = new Uint8Array(0)

  get rest(): Uint8Array {
    return this.#buffer
  }

  push(data: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? data : concatBytes([this.#buffer, data])
  }

  next(): { type: number; data: Uint8Array } | 'bad' | undefined {
    const b = this.#buffer
    if (b.length > 0 && (b[0]! < 20 || b[0]! > 23 || (b.length > 1 && b[1] !== 3))) return 'bad'
    if (b.length < 5) return undefined
    const length = (b[3]! << 8) | b[4]!
    if (b.length < 5 + length) return undefined
    this.#buffer = b.subarray(5 + length)
    return { type: b[0]!, data: b.subarray(5, 5 + length) }
  }
}

/** Handshake messages, which may be cut by records. */
export class MessageReader {
  #buffer: Uint8Array = new Uint8Array(0)

  push(data: Uint8Array): void {
    this.#buffer = concatBytes([this.#buffer, data])
  }

  next(): { type: number; body: Uint8Array; raw: Uint8Array } | undefined {
    const b = this.#buffer
    if (b.length < 4) return undefined
    const end = 4 + ((b[1]! << 16) | (b[2]! << 8) | b[3]!)
    if (b.length < end) return undefined
    this.#buffer = b.subarray(end)
    return { type: b[0]!, body: b.subarray(4, end), raw: b.subarray(0, end) }
  }
}

// ---- hellos ------------------------------------------------------------------------------------------------------

export interface ClientHello { random: Uint8Array; sessionId: Uint8Array; serverName: string | undefined; alpn: readonly string[]; versions: readonly number[] }

/** As OpenSSL 3.0 writes it, its padding to 512 bytes included. */
export function clientHello(hello: { random: Uint8Array; sessionId: Uint8Array; serverName: string | undefined; alpn: readonly string[]; keyShare: Uint8Array }): Uint8Array {
  const ciphers = [0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009, 0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x00ff]
  const signatures = [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602]
  const extensions = [
    ...(hello.serverName === undefined ? [] : [extension(0, vector(2, u8(0), vector(2, encodeUtf8(hello.serverName))))]),
    extension(11, vector(1, Uint8Array.of(0, 1, 2))),
    extension(10, vector(2, ...[0x001d, 0x0017, 0x001e, 0x0019, 0x0018].map(u16))),
    ...(hello.alpn.length === 0 ? [] : [extension(16, vector(2, ...hello.alpn.map((p) => vector(1, encodeUtf8(p)))))]),
    extension(22),
    extension(23),
    extension(49),
    extension(13, vector(2, ...signatures.map(u16))),
    extension(43, vector(1, u16(0x0304), u16(0x0303))),
    extension(45, vector(1, u8(1))),
    extension(51, vector(2, u16(0x001d), vector(2, hello.keyShare))),
  ]
  const make = (more: Uint8Array[]): Uint8Array =>
    message(MESSAGE.clientHello, u16(0x0303), hello.random, vector(1, hello.sessionId), vector(2, ...ciphers.map(u16)), vector(1, u8(0)), vector(2, ...extensions, ...more))
  const plain = make([])
  if (plain.length <= 255 || plain.length >= 512) return plain
  return make([extension(21, new Uint8Array(Math.max(512 - plain.length - 4, 1)))])
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  get more(): boolean {
    return this.#at < this.#bytes.length
  }
  number(width: number): number {
    let n = 0
    for (let i = 0; i < width; i++) n = n * 256 + (this.#bytes[this.#at++] ?? 0)
    return n
  }
  take(length: number): Uint8Array {
    const out = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return out
  }
  vector(width: number): Uint8Array {
    return this.take(this.number(width))
  }
}

function readExtensions(bytes: Uint8Array): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>()
  for (const reader = new Reader(bytes); reader.more; ) out.set(reader.number(2), reader.vector(2))
  return out
}

export function readClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body)
  reader.number(2)
  const random = reader.take(32)
  const sessionId = reader.vector(1)
  reader.vector(2)
  reader.vector(1)
  const extensions = readExtensions(reader.vector(2))
  const names = extensions.get(0)
  let serverName: string | undefined
  if (names && names.length > 5) serverName = decodeUtf8(names.subarray(5))
  const alpn: string[] = []
  for (const list = new Reader(extensions.get(16)?.subarray(2) ?? new Uint8Array()); list.more; ) alpn.push(decodeUtf8(list.vector(1)))
  const versions: number[] = []
  for (const list = new Reader(extensions.get(43)?.subarray(1) ?? new Uint8Array()); list.more; ) versions.push(list.number(2))
  return { random, sessionId, serverName, alpn, versions }
}

export function serverHello(random: Uint8Array, sessionId: Uint8Array, cipher: Cipher, keyShare: Uint8Array): Uint8Array {
  return message(MESSAGE.serverHello, u16(0x0303), random, vector(1, sessionId), u16(cipher.id), u8(0), vector(2, extension(43, u16(0x0304)), extension(51, u16(0x001d), vector(2, keyShare))))
}

export function readServerHello(body: Uint8Array): { random: Uint8Array; cipher: Cipher } {
  const reader = new Reader(body)
  reader.number(2)
  const random = reader.take(32)
  reader.vector(1)
  const id = reader.number(2)
  return { random, cipher: Object.values(CIPHERS).find((c) => c.id === id) ?? CIPHERS.aes256 }
}

export function encryptedExtensions(options: { alpn: string | undefined; namedServer: boolean }): Uint8Array {
  const extensions = [...(options.namedServer ? [extension(0)] : []), ...(options.alpn === undefined ? [] : [extension(16, vector(2, vector(1, encodeUtf8(options.alpn))))])]
  return message(MESSAGE.encryptedExtensions, vector(2, ...extensions))
}

export function readAlpn(body: Uint8Array): string | undefined {
  const found = readExtensions(body.subarray(2)).get(16)
  return found && decodeUtf8(found.subarray(3))
}

/** What a server takes (RFC 8446, 4.3.2), in OpenSSL 3.0's order: signature algorithms, and names of authorities when it tells them. */
const TAKEN = [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301]

/** `authorities`: distinguished names as DER. */
export function certificateRequest(authorities: readonly Uint8Array[]): Uint8Array {
  const names = authorities.length === 0 ? [] : [extension(47, vector(2, ...authorities.map((name) => vector(2, name))))]
  return message(MESSAGE.certificateRequest, vector(1), vector(2, extension(13, vector(2, ...TAKEN.map(u16))), ...names))
}

export function readCertificateRequest(body: Uint8Array): Uint8Array[] {
  const reader = new Reader(body)
  reader.vector(1)
  const out: Uint8Array[] = []
  for (const list = new Reader(readExtensions(reader.vector(2)).get(47)?.subarray(2) ?? new Uint8Array()); list.more; ) out.push(list.vector(2).slice())
  return out
}

export function certificates(chain: readonly Uint8Array[]): Uint8Array {
  return message(MESSAGE.certificate, vector(1), vector(3, ...chain.flatMap((c) => [vector(3, c), vector(2)])))
}

export function readCertificateList(body: Uint8Array): Uint8Array[] {
  const reader = new Reader(body)
  reader.vector(1)
  const out: Uint8Array[] = []
  for (const list = new Reader(reader.vector(3)); list.more; list.vector(2)) out.push(list.vector(3).slice())
  return out
}
