/** Reading and writing of big-endian fields, as all protocols of the internet have them. */
export class WireError extends Error {}

export class ByteReader {
  at = 0
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  #need(count: number): void {
    if (this.left < count) throw new WireError(`truncated: ${count} bytes wanted at ${this.at}, ${this.left} left`)
  }

  u8(): number {
    this.#need(1)
    return this.bytes[this.at++]!
  }

  u16(): number {
    this.#need(2)
    const value = (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!
    this.at += 2
    return value
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16()
  }

  take(count: number): Uint8Array {
    this.#need(count)
    this.at += count
    return this.bytes.slice(this.at - count, this.at)
  }

  rest(): Uint8Array {
    return this.take(this.left)
  }
}

export class ByteWriter {
  #bytes = new Uint8Array(128)
  length = 0

  #room(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + count))
    grown.set(this.#bytes)
    this.#bytes = grown
  }

  u8(value: number): this {
    this.#room(1)
    this.#bytes[this.length++] = value
    return this
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value)
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value)
  }

  put(bytes: Uint8Array): this {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
    return this
  }

  /** Overwrites a 16-bit field that is known only later (lengths, checksums). */
  patch16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.length)
  }
}
