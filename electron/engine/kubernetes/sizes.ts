import type { WriteOptions } from './client.ts'
import { serverError, tooLargeEntity } from './status.ts'

/** How large a request may be, and what is stored of it. Agents' own objects (fieldValidation Ignore) are not measured. */
const REQUEST = 3 * 1024 * 1024
/** etcd's --max-request-bytes. */
const STORED = 1.5 * 1024 * 1024

export function checkRequestSize(body: unknown, options: WriteOptions): void {
  if (options.fieldValidation !== 'Ignore' && exceeds(body, REQUEST)) throw tooLargeEntity(REQUEST)
}

export function checkStoredSize(object: unknown, options: WriteOptions): void {
  if (options.fieldValidation !== 'Ignore' && exceeds(object, STORED)) throw serverError('etcdserver: request is too large')
}

/** Whether a value has more bytes as JSON; stops as soon as that is certain. */
function exceeds(value: unknown, limit: number): boolean {
  // In the worst case a UTF-16 unit makes six bytes: what is far below needs no exact count.
  return lowerBound(value, limit / 6) >= limit / 6 && bytesOf(value) > limit
}

function lowerBound(value: unknown, limit: number): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value !== 'object' || value === null) return 4
  let size = 2
  for (const key in value) {
    size += key.length + 4 + lowerBound((value as { [key: string]: unknown })[key], limit - size)
    if (size >= limit) return size
  }
  return size
}

function bytesOf(value: unknown): number {
  const text = JSON.stringify(value)
  let size = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) size += code > 0x7ff ? (code >= 0xd800 && code <= 0xdfff ? 1 : 2) : 1
  }
  return size
}
