import { expect, test } from 'vitest'
import { serverCookie } from './cookie.ts'

test('a server’s cookie has the digits that xxhsum -H1 gives for the controller’s key, the address and the port', () => {
  // printf 'ohph7OoGhong\x0a\xf4\x01\x09\xb8\x22\x00\x00' | xxhsum -H1
  expect(serverCookie({ address: '10.244.1.9', port: 8888 })).toBe('5543e7e6910f3348')
  expect(serverCookie({ address: '10.244.1.5', port: 80 })).toBe('51197bb3aa2edf08')
})
