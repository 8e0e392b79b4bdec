import { readFileSync } from 'node:fs'
import { gunzipSync, gzipSync, inflateRawSync, inflateSync, deflateSync, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../text.ts'
import { deflate, gzip, zlib } from './deflate.ts'
import { gunzip, InflateError, unzlib } from './inflate.ts'

const LEVELS = [1, 4, 6, 9] as const
const source = new Uint8Array(readFileSync(new URL('deflate.ts', import.meta.url)))
/** The same numbers each time, of which nothing can be left out. */
const noise = (length: number): Uint8Array => {
  let state = 1
  return Uint8Array.from({ length }, () => ((state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >>> 16) & 255)
}
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const SAMPLES: [string, Uint8Array][] = [
  ['nothing', new Uint8Array(0)], ['a byte', Uint8Array.of(7)], ['a word', encodeUtf8('hello')], ['one letter', new Uint8Array(100_000).fill(65)], ['a program', source],
  ['the same far back', new Uint8Array([...noise(32_768), ...noise(32_768)])], ['noise', noise(70_000)], ['many blocks', encodeUtf8(Array.from({ length: 30_000 }, (_, i) => `${i} ${i * i}\n`).join(''))],
]

describe('DEFLATE, against zlib', () => {
  it.each(SAMPLES)('%s: what is compressed here is read there, in every format', (_, bytes) => {
    for (const level of LEVELS) {
      expect(same(gunzipSync(gzip(bytes, level)), bytes)).toBe(true)
      expect(same(inflateSync(zlib(bytes, level)), bytes)).toBe(true)
      expect(same(inflateRawSync(deflate(bytes, level)), bytes)).toBe(true)
    }
  })

  it.each(SAMPLES)('%s: what is compressed there is read here', (_, bytes) => {
    for (const level of [0, ...LEVELS]) {
      expect(same(gunzip(new Uint8Array(gzipSync(bytes, { level }))), bytes)).toBe(true)
      expect(same(unzlib(new Uint8Array(deflateSync(bytes, { level }))), bytes)).toBe(true)
      expect(same(unzlib(new Uint8Array(deflateRawSync(bytes, { level }))), bytes)).toBe(true)
    }
  })

  it('is about as short as zlib', () => {
    for (const [, bytes] of SAMPLES) for (const level of LEVELS) expect(gzip(bytes, level).length).toBeLessThanOrEqual(gzipSync(bytes, { level }).length * 1.06 + 12)
  })

  it('any bytes come back', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
      const bytes = new Uint8Array([...a, ...b, ...a, ...b, ...b])
      expect(same(gunzip(gzip(bytes)), bytes)).toBe(true)
    }), { seed: 1, numRuns: 100 })
  })

  it('several members are one file, and what is broken says so', () => {
    expect(gunzip(new Uint8Array([...gzip(encodeUtf8('a')), ...gzip(encodeUtf8('b'))]))).toEqual(encodeUtf8('ab'))
    const whole = gzip(encodeUtf8('hello hello hello'))
    const wrong = whole.slice()
    wrong[wrong.length - 5]! ^= 1
    expect(() => gunzip(wrong)).toThrow(new InflateError('incorrect data check'))
    expect(() => gunzip(whole.subarray(0, whole.length - 9))).toThrow(new InflateError('unexpected end of file'))
    expect(() => gunzip(encodeUtf8('hello'))).toThrow(new InflateError('incorrect header check'))
  })
})
