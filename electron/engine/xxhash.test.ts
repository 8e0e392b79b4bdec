import { expect, test } from 'vitest'
import { encodeUtf8 } from './text.ts'
import { xxh64 } from './xxhash.ts'

// what the reference implementation gives
test.each([
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['abc', '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
])('XXH64 of "%s"', (text, digits) => {
  expect(xxh64(encodeUtf8(text)).toString(16)).toBe(digits)
})
