/** MD5 (RFC 1321): for checksums, and for the passwords that htpasswd writes. */
const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
const SINES = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0)

export function md5(bytes: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(((bytes.length + 8) >> 6) * 64 + 64))
  const padded = new Uint8Array(view.buffer)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  view.setUint32(view.byteLength - 8, (bytes.length << 3) >>> 0, true)
  view.setUint32(view.byteLength - 4, Math.floor(bytes.length / 0x20000000), true)
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
  for (let block = 0; block < view.byteLength; block += 64) {
    let [a, b, c, d] = state as unknown as [number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const round = i >> 4
      const f = round === 0 ? (b & c) | (~b & d) : round === 1 ? (d & b) | (~d & c) : round === 2 ? b ^ c ^ d : c ^ (b | ~d)
      const g = round === 0 ? i : round === 1 ? (5 * i + 1) % 16 : round === 2 ? (3 * i + 5) % 16 : (7 * i) % 16
      const sum = (f + a + SINES[i]! + view.getUint32(block + g * 4, true)) | 0
      const bits = SHIFTS[round * 4 + (i % 4)]!
      ;[a, d, c, b] = [d, c, b, (b + ((sum << bits) | (sum >>> (32 - bits)))) | 0]
    }
    ;[a, b, c, d].forEach((v, i) => (state[i] = (state[i]! + v) | 0))
  }
  const out = new DataView(new ArrayBuffer(16))
  state.forEach((word, i) => out.setInt32(i * 4, word, true))
  return new Uint8Array(out.buffer)
}
