/** MD5 (RFC 1321) and SHA-1 (FIPS 180-4), in hexadecimal. */
function padded(bytes: Uint8Array, littleEndian: boolean): DataView {
  const size = ((bytes.length + 8) >> 6) * 64 + 64
  const view = new DataView(new ArrayBuffer(size))
  bytes.forEach((b, i) => view.setUint8(i, b))
  view.setUint8(bytes.length, 0x80)
  const low = (bytes.length << 3) >>> 0
  const high = Math.floor(bytes.length / 0x20000000)
  view.setUint32(size - 8, littleEndian ? low : high, littleEndian)
  view.setUint32(size - 4, littleEndian ? high : low, littleEndian)
  return view
}

function rotl(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n))
}

function hex(words: readonly number[], littleEndian: boolean): string {
  return words.map((w) => {
    const text = (w >>> 0).toString(16).padStart(8, '0')
    return littleEndian ? text.replace(/(..)(..)(..)(..)/, '$4$3$2$1') : text
  }).join('')
}

const MD5_SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
const MD5_SINES = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0)

export function md5(bytes: Uint8Array): string {
  const view = padded(bytes, true)
  let [a0, b0, c0, d0] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476]
  for (let block = 0; block < view.byteLength; block += 64) {
    let [a, b, c, d] = [a0, b0, c0, d0]
    for (let i = 0; i < 64; i++) {
      const round = i >> 4
      const f = round === 0 ? (b & c) | (~b & d) : round === 1 ? (d & b) | (~d & c) : round === 2 ? b ^ c ^ d : c ^ (b | ~d)
      const g = round === 0 ? i : round === 1 ? (5 * i + 1) % 16 : round === 2 ? (3 * i + 5) % 16 : (7 * i) % 16
      const sum = (f + a + MD5_SINES[i]! + view.getUint32(block + g * 4, true)) | 0
      ;[a, d, c, b] = [d, c, b, (b + rotl(sum, MD5_SHIFTS[round * 4 + (i % 4)]!)) | 0]
    }
    ;[a0, b0, c0, d0] = [(a0 + a) | 0, (b0 + b) | 0, (c0 + c) | 0, (d0 + d) | 0]
  }
  return hex([a0, b0, c0, d0], true)
}

export function sha1(bytes: Uint8Array): string {
  const view = padded(bytes, false)
  const h = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0]
  const w = new Int32Array(80)
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + i * 4)
    for (let i = 16; i < 80; i++) w[i] = rotl(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1)
    let [a, b, c, d, e] = h as [number, number, number, number, number]
    for (let i = 0; i < 80; i++) {
      const [f, k] = i < 20 ? [(b & c) | (~b & d), 0x5a827999] : i < 40 ? [b ^ c ^ d, 0x6ed9eba1] : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6]
      const next = (rotl(a, 5) + f + e + k + w[i]!) | 0
      ;[e, d, c, b, a] = [d, c, rotl(b, 30), a, next]
    }
    ;[a, b, c, d, e].forEach((v, i) => (h[i] = (h[i]! + v) | 0))
  }
  return hex(h, false)
}
