import { expect, it } from 'vitest'
import { HUBBLE } from '../../cni/cilium/hubble/messages.ts'
import { hex } from '../../sha256.ts'
import { Proto } from './protobuf.ts'

/** Bytes of protobuf.dev/programming-guides/encoding, and messages there and back. */
const proto = new Proto({
  messages: { Test1: 'a=1:i', Test2: 'b=2:s', Test3: 'c=3:Test1', Test5: 'f=6:[i]', Types: 'd=1:d l=2:l flag=3:b? n=4:i? colour=5:Colour colours=6:[Colour] at=7:time texts=8:[s]' },
  enums: { Colour: { NONE: 0, RED: 1, BLUE: 2 } },
})
const bytes = (message: string, value: object): string => hex(proto.encode(message, value))

it('writes the examples of the guide', () => {
  expect(bytes('Test1', { a: 150 })).toBe('089601')
  expect(bytes('Test2', { b: 'testing' })).toBe('120774657374696e67')
  expect(bytes('Test3', { c: { a: 150 } })).toBe('1a03089601')
  expect(bytes('Test5', { f: [3, 270, 86_942] })).toBe('3206038e029ea705')
  expect(bytes('Test1', { a: 0 })).toBe('')
})

it('reads what it writes, as JSON shows it', () => {
  const value = { d: 2.5, l: '18446744073709551615', flag: false, n: 0, colour: 'BLUE', colours: ['RED', 'NONE'], at: '2026-01-05T08:00:00.000000042Z', texts: ['', 'a'] }
  expect(proto.decode('Types', proto.encode('Types', value))).toEqual(value)
  // a field that the reader does not know
  expect(proto.decode('Test1', proto.encode('Types', value))).toEqual({})
  expect(() => proto.decode('Test2', Uint8Array.of(0x12, 0x07, 0x74))).toThrow(RangeError)
})

it('keeps the order of a flow’s fields', () => {
  const response = { flow: { time: '2026-01-05T08:00:00.5Z', uuid: 'u', verdict: 'DROPPED', drop_reason: 133, IP: { source: '10.0.0.1', destination: '10.0.0.2', ipVersion: 'IPv4' }, l4: { TCP: { source_port: 40_000, destination_port: 80, flags: { SYN: true } } }, source: { identity: 1 }, destination: { ID: 7, identity: 2 }, event_type: { type: 1, sub_type: 133 }, is_reply: false, Summary: 'TCP Flags: SYN' }, node_name: 'default/n', time: '2026-01-05T08:00:00.5Z' }
  expect(JSON.stringify(HUBBLE.decode('GetFlowsResponse', HUBBLE.encode('GetFlowsResponse', response)))).toBe(JSON.stringify(response))
})
