/** SHA-1 (FIPS 180-4), for what protocols still say with it: the handshake of WebSocket. */
export function sha1(message: Uint8Array): Uint8Array {
  const { length } = message
  const padded = new Uint8Array(((length + 9 + 63) >> 6) * 64)
  padded.set(message)
  padded[length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(length / 0x2000_0000))
  view.setUint32(padded.length - 4, (length << 3) >>> 0)
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const w = new Uint32Array(80)
  const rotate = (n: number, bits: number): number => (n << bits) | (n >>> (32 - bits))
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + i * 4)
    for (let i = 16; i < 80; i++) w[i] = rotate(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1)
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number]
    for (let i = 0; i < 80; i++) {
      const [f, k] = i < 20 ? [(b & c) | (~b & d), 0x5a827999] : i < 40 ? [b ^ c ^ d, 0x6ed9eba1] : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6]
      ;[e, d, c, b, a] = [d, c, rotate(b, 30) >>> 0, a, (rotate(a, 5) + f + e + k + w[i]!) >>> 0]
    }
    for (const [i, n] of [a, b, c, d, e].entries()) state[i] = state[i]! + n
  }
  const out = new Uint8Array(20)
  const result = new DataView(out.buffer)
  state.forEach((word, i) => result.setUint32(i * 4, word))
  return out
}
