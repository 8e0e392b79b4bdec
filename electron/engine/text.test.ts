import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8, Utf8Decoder } from './text.ts'

/** Text and bytes, next to the host's own coder. */
const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }).filter((t) => !/[\ud800-\udfff]/u.test(t)))

it('writes what the host writes, and reads it back', () => {
  fc.assert(fc.property(text, (t) => {
    expect([...encodeUtf8(t)]).toEqual([...new TextEncoder().encode(t)])
    expect(decodeUtf8(encodeUtf8(t))).toBe(t)
  }))
})

it('reads a stream the same wherever it is cut', () => {
  fc.assert(fc.property(text, fc.integer({ min: 1, max: 7 }), (t, size) => {
    const bytes = encodeUtf8(t)
    const decoder = new Utf8Decoder()
    let out = ''
    for (let i = 0; i < bytes.length; i += size) out += decoder.push(bytes.subarray(i, i + size))
    expect(out + decoder.end()).toBe(t)
  }))
})

it('shows a byte that is no text as one mark, and long texts whole', () => {
  expect(decodeUtf8(Uint8Array.of(0x61, 0xff, 0x62, 0xc3))).toBe('a\ufffdb\ufffd')
  const long = 'x'.repeat(10_000)
  expect(decodeUtf8(encodeUtf8(`${long}é${long}`))).toBe(`${long}é${long}`)
})
