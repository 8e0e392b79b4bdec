/** UTF-8 (RFC 3629) without the host's TextEncoder, which the engine may not name. Bad bytes become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0x80) return encodeWide(text)
    out[i] = c
  }
  return out
}

/** A text that is not plain ASCII. */
function encodeWide(text: string): Uint8Array {
  const out: number[] = []
  for (const char of text) {
    const c = char.codePointAt(0)!
    if (c < 0x80) out.push(c)
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 63))
    else if (c >= 0xd800 && c < 0xe000) out.push(0xef, 0xbf, 0xbd)
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63))
    else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63))
  }
  return Uint8Array.from(out)
}

function asciiLength(bytes: Uint8Array): number {
  let n = 0
  while (n < bytes.length && bytes[n]! < 0x80) n++
  return n
}

/** In large pieces: a text that is added up character by character is slow, and stays a tree of them in memory. */
function asciiText(bytes: Uint8Array, length: number): string {
  let out = ''
  for (let i = 0; i < length; i += 4096) out += String.fromCharCode.apply(null, bytes.subarray(i, Math.min(i + 4096, length)) as unknown as number[])
  return out
}

/** Decodes a stream: bytes of a character that is cut off are kept for the next call. */
export class Utf8Decoder {
  #rest: number[] = []

  push(bytes: Uint8Array): string {
    let i = 0
    let out = ''
    if (this.#rest.length === 0) {
      i = asciiLength(bytes)
      out = asciiText(bytes, i)
      if (i === bytes.length) return out
    }
    const input = this.#rest.length > 0 ? [...this.#rest, ...bytes] : bytes
    this.#rest = []
    while (i < input.length) {
      const b = input[i]!
      const length = b < 0x80 ? 1 : b >= 0xc2 && b < 0xe0 ? 2 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xf0 && b < 0xf5 ? 4 : 0
      if (length === 0) {
        out += '\ufffd'
        i++
        continue
      }
      let code = length === 1 ? b : b & (0xff >> (length + 1))
      let k = 1
      while (k < length && i + k < input.length && (input[i + k]! & 0xc0) === 0x80) code = (code << 6) | (input[i + k++]! & 63)
      if (k < length) {
        if (i + k >= input.length) {
          this.#rest = Array.from(input.slice(i))
          break
        }
        out += '\ufffd'
      } else {
        out += code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? '\ufffd' : String.fromCodePoint(code)
      }
      i += k
    }
    return out
  }

  end(): string {
    const rest = this.#rest.length > 0 ? '\ufffd' : ''
    this.#rest = []
    return rest
  }
}

export function decodeUtf8(bytes: Uint8Array): string {
  const decoder = new Utf8Decoder()
  return decoder.push(bytes) + decoder.end()
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0))
  let at = 0
  for (const c of chunks) {
    out.set(c, at)
    at += c.length
  }
  return out
}
