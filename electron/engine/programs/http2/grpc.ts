import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** gRPC over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md), as far as unary calls of the health service need it. */
const EMPTY = new Uint8Array(0)

/** A message: not compressed, its length, its bytes. */
export function encodeMessage(message: Uint8Array): Uint8Array {
  const head = new Uint8Array(5)
  new DataView(head.buffer).setUint32(1, message.length)
  return concatBytes([head, message])
}

/** grpc.health.v1: HealthCheckRequest{1: service} and HealthCheckResponse{1: status} in protobuf. */
export const HEALTH = {
  path: '/grpc.health.v1.Health/Check',
  statuses: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const,
  encodeRequest(service: string): Uint8Array {
    const name = encodeUtf8(service)
    return name.length === 0 ? EMPTY : concatBytes([Uint8Array.of(0x0a, name.length), name])
  },
  decodeRequest(message: Uint8Array): string {
    return message[0] === 0x0a ? decodeUtf8(message.subarray(2, 2 + (message[1] ?? 0))) : ''
  },
  encodeResponse: (status: number): Uint8Array => (status === 0 ? EMPTY : Uint8Array.of(0x08, status)),
  decodeResponse: (message: Uint8Array): number => (message[0] === 0x08 ? (message[1] ?? 0) : 0),
}
