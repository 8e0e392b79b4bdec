import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** An answer instead of an upgrade. `body`: a Status, or its message. */
export function reject(socket: Duplex, code: number, body: string | object): void {
  const status = typeof body === 'string' ? { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: body, reason: reasonOf(code), code } : body
  const text = JSON.stringify(status)
  socket.end(`HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`)
}

function reasonOf(code: number): string {
  return code === 404 ? 'NotFound' : code === 503 ? 'ServiceUnavailable' : 'BadRequest'
}
