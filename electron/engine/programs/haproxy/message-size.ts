import type { Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { reasonOf } from '../http/status.ts'

/** struct htx_sl, and the block that ends the headers. */
const START_LINE = 20
const END_OF_HEADERS = 1
/** What is written for the connection's sake is not part of the message. */
const OF_CONNECTION = new Set(['connection', 'transfer-encoding'])

/** Messages' sizes as HAProxy counts them (%B and %U of log-format, "show stat"): without colons and ends of lines (include/haproxy/htx-t.h). */
export function responseSize({ status, reason, headers, body }: HttpResponse): number {
  return START_LINE + 'HTTP/1.1'.length + 3 + (reason ?? reasonOf(status)).length + headersSize(headers) + (body?.length ?? 0)
}

export function requestSize({ method, target, version, headers, body }: HttpRequest): number {
  return START_LINE + method.length + target.length + `HTTP/${version}`.length + headersSize(headers) + body.length
}

function headersSize(headers: Headers): number {
  return headers.reduce((size, [name, value]) => (OF_CONNECTION.has(name.toLowerCase()) ? size : size + name.length + value.length), END_OF_HEADERS)
}
