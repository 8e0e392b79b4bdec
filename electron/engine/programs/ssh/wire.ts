import { ByteReader, ByteWriter } from '../../network/wire/bytes.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Disguise } from '../tls/wire.ts'

/** Message numbers (RFC 4250 4.1; 30 and 31: RFC 5656; 60: RFC 4252 7). */
export const SSH = {
  disconnect: 1, serviceRequest: 5, serviceAccept: 6, extInfo: 7, kexInit: 20, newKeys: 21, kexEcdhInit: 30, kexEcdhReply: 31,
  userauthRequest: 50, userauthFailure: 51, userauthSuccess: 52, userauthPkOk: 60,
  globalRequest: 80, requestSuccess: 81, requestFailure: 82, channelOpen: 90, channelOpenConfirmation: 91, channelWindowAdjust: 93, channelData: 94,
  channelExtendedData: 95, channelEof: 96, channelClose: 97, channelRequest: 98, channelSuccess: 99, channelFailure: 100,
} as const

/** What OpenSSH 9.2 proposes (myproposal.h), by the order of RFC 4253 7.1; both sides choose the first of each. */
const CURVES = 'sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256'
const CIPHERS = 'chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com'
const MACS = 'umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1'
const COMPRESSION = 'none,zlib@openssh.com'
const HOST_KEYS = { client: 'ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256', server: 'rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519' } as const
export const COOKIE = 16

/** A message's fields (RFC 4251 5). */
export class SshWriter extends ByteWriter {
  constructor(type: number) {
    super()
    this.u8(type)
  }

  text(value: string | Uint8Array): this {
    const bytes = typeof value === 'string' ? encodeUtf8(value) : value
    return this.u32(bytes.length).put(bytes)
  }

  flag(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }
}

/** Throws a WireError for what is cut short. */
export class SshReader extends ByteReader {
  data(): Uint8Array {
    return this.take(this.u32())
  }

  text(): string {
    return decodeUtf8(this.data())
  }

  flag(): boolean {
    return this.u8() !== 0
  }
}

export function kexInit(role: 'client' | 'server', cookie: Uint8Array): Uint8Array {
  const out = new SshWriter(SSH.kexInit).put(cookie).text(role === 'client' ? `${CURVES},ext-info-c` : CURVES).text(HOST_KEYS[role])
  for (const list of [CIPHERS, CIPHERS, MACS, MACS, COMPRESSION, COMPRESSION, '', '']) out.text(list)
  return out.flag(false).u32(0).done()
}

/** Lengths of an ssh-ed25519 key and signature, and of the two sides' halves of sntrup761x25519's exchange. */
export const HALVES = { client: 1190, server: 1071 } as const
/** A key, or a signature, with its name. */
export const ed25519 = (bytes: Uint8Array): Uint8Array => new SshWriter(0).text('ssh-ed25519').text(bytes).done().subarray(1)
export const KEY_LENGTH = 32
export const SIGNATURE_LENGTH = 64

/** Of chacha20-poly1305@openssh.com. */
const TAG = 16
const BLOCK = 8
const LEAST_PADDING = 4
/** PACKET_MAX_SIZE of OpenSSH. */
const MOST = 256 * 1024

/** A binary packet (RFC 4253 6). After the keys are there the length is not counted for the padding, and a tag follows (PROTOCOL.chacha20poly1305). */
export function sealPacket(payload: Uint8Array, disguise: Disguise | undefined): Uint8Array {
  const counted = payload.length + (disguise ? 1 : 5)
  let padding = BLOCK - (counted % BLOCK)
  if (padding < LEAST_PADDING) padding += BLOCK
  const out = new ByteWriter().u32(payload.length + padding + 1)
  const body = new ByteWriter().u8(padding).put(payload).put(new Uint8Array(padding)).done()
  if (!disguise) return out.put(body).done()
  return concatBytes([disguise.apply(out.done()), disguise.apply(body), disguise.bytes(TAG)])
}

/** Finds the packets in what arrives. */
export class PacketReader {
  disguise: Disguise | undefined
  #buffer: Uint8Array = new Uint8Array(0)
  #length: number | undefined

  push(data: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? data : concatBytes([this.#buffer, data])
  }

  /** The next one's payload; undefined: not here yet; 'bad': no packet of SSH. */
  next(): Uint8Array | 'bad' | undefined {
    if (this.#length === undefined) {
      if (this.#buffer.length < 4) return undefined
      const head = this.#buffer.subarray(0, 4)
      this.#length = new ByteReader(this.disguise ? this.disguise.apply(head) : head).u32()
      this.#buffer = this.#buffer.subarray(4)
      if (this.#length < 1 + LEAST_PADDING || this.#length > MOST) return 'bad'
    }
    const length = this.#length
    const tag = this.disguise ? TAG : 0
    if (this.#buffer.length < length + tag) return undefined
    const sealed = this.#buffer.slice(0, length)
    this.#buffer = this.#buffer.slice(length + tag)
    this.#length = undefined
    const body = this.disguise ? this.disguise.apply(sealed) : sealed
    this.disguise?.bytes(TAG)
    return body[0]! >= length ? 'bad' : body.slice(1, length - body[0]!)
  }
}
