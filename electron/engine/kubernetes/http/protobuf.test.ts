import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../text.ts'
import { decodeProtobuf, isProtobuf } from './protobuf.ts'

/** A small writer of the wire format, for tests only. */
const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)])
const bytes = (field: number, content: readonly number[]): number[] => [...varint(field * 8 + 2), ...varint(content.length), ...content]
const text = (field: number, content: string): number[] => bytes(field, [...encodeUtf8(content)])
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)]
const entry = (field: number, key: string, value: string): number[] => bytes(field, [...text(1, key), ...text(2, value)])

function unknown(apiVersion: string, kind: string, raw: readonly number[]): Uint8Array {
  return new Uint8Array([0x6b, 0x38, 0x73, 0, ...bytes(1, [...text(1, apiVersion), ...text(2, kind)]), ...bytes(2, raw), ...text(3, ''), ...text(4, '')])
}

describe('a body in protobuf', () => {
  it('is the Deployment that kubectl create deployment sends', () => {
    const container = [...text(1, 'nginx'), ...text(2, 'nginx:1.27'), ...bytes(6, [...text(1, 'http'), ...number(3, 80)]), ...bytes(8, [])]
    const template = [...bytes(1, entry(11, 'app', 'web')), ...bytes(2, bytes(2, container))]
    const spec = [...number(1, 2), ...bytes(2, entry(1, 'app', 'web')), ...bytes(3, template), ...bytes(4, [])]
    const body = unknown('apps/v1', 'Deployment', [...bytes(1, [...text(1, 'web'), ...bytes(8, []), ...entry(11, 'app', 'web')]), ...bytes(2, spec), ...bytes(3, [])])
    expect(isProtobuf(body)).toBe(true)
    expect(decodeProtobuf(body)).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'nginx', image: 'nginx:1.27', ports: [{ name: 'http', containerPort: 80 }] }] } },
      },
    })
  })

  it('has numbers or names in ports, bytes as base64 and quantities as text', () => {
    const port = (value: readonly number[]): number[] => [...number(3, 80), ...bytes(4, value)]
    const service = unknown('v1', 'Service', bytes(2, [...bytes(1, port([...number(1, 0), ...number(2, 8080), ...text(3, '')])), ...bytes(1, port([...number(1, 1), ...number(2, 0), ...text(3, 'http')]))]))
    expect(decodeProtobuf(service)).toMatchObject({ spec: { ports: [{ port: 80, targetPort: 8080 }, { port: 80, targetPort: 'http' }] } })
    expect(decodeProtobuf(unknown('v1', 'Secret', entry(2, 'password', 'geheim')))).toMatchObject({ data: { password: 'Z2VoZWlt' } })
  })

  it('says what is wrong with bytes that are none', () => {
    expect(() => decodeProtobuf(new Uint8Array([1, 2, 3]))).toThrow('does not appear to be a protobuf message')
    expect(() => decodeProtobuf(new Uint8Array([0x6b, 0x38, 0x73, 0, 0x0a, 0x7f]))).toThrow('unexpected EOF')
    expect(() => decodeProtobuf(unknown('v1', 'Unheard', []))).toThrow('not simulated')
  })
})
