import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { base32, hex, sha256 } from './sha256.ts'
import { encodeUtf8 } from './text.ts'

test('SHA-256 is that of a real library, whatever the length', () => {
  for (let length = 0; length < 300; length += 7) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255)
    expect(hex(sha256(bytes))).toBe(createHash('sha256').update(bytes).digest('hex'))
  }
})

test('base32 gives the vectors of RFC 4648', () => {
  const vectors = { '': '', f: 'MY======', fo: 'MZXQ====', foo: 'MZXW6===', foob: 'MZXW6YQ=', fooba: 'MZXW6YTB', foobar: 'MZXW6YTBOI======' }
  for (const [text, expected] of Object.entries(vectors)) expect(base32(encodeUtf8(text))).toBe(expected)
})
