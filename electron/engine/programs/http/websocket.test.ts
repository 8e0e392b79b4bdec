import { expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { acceptKey, encodeFrame, FrameReader, OPCODE, websocketKey } from './websocket.ts'

it("answers the key of RFC 6455's example", () => {
  expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  expect(websocketKey([['Connection', 'keep-alive, Upgrade'], ['Upgrade', 'websocket'], ['Sec-WebSocket-Version', '13'], ['Sec-WebSocket-Key', 'x']])).toBe('x')
  expect(websocketKey([['Upgrade', 'websocket']])).toBeUndefined()
})

it('reads frames of every length, masked, in pieces', () => {
  for (const length of [0, 5, 125, 126, 70_000]) {
    const bytes = encodeFrame(OPCODE.binary, new Uint8Array(length).fill(7), Uint8Array.of(1, 2, 3, 4))
    const reader = new FrameReader()
    const half = bytes.length >> 1
    expect([...reader.push(bytes.subarray(0, half)), ...reader.push(bytes.subarray(half))]).toEqual([{ opcode: OPCODE.binary, data: new Uint8Array(length).fill(7) }])
  }
  // the masked "Hello" of section 5.7
  expect(new FrameReader().push(Uint8Array.of(0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58)).map((m) => decodeUtf8(m.data))).toEqual(['Hello'])
  expect([...encodeFrame(OPCODE.text, encodeUtf8('Hello'))]).toEqual([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f])
})
