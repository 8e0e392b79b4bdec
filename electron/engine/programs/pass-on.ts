import { resolveHost } from '../dns/resolver.ts'
import { Signal, type Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import { isValidIp } from '../network/address.ts'
import { decodeUtf8 } from '../text.ts'
import { askUpstream, type UpstreamOutcome } from './http/client.ts'
import type { GoAnswer } from './http/go.ts'
import { writeRequest } from './http/message.ts'
import type { HttpRequest } from './http/server.ts'

/** ms */
const TIMEOUT = 30_000
/** Headers of one connection (RFC 9110, 7.6.1). */
const OF_CONNECTION = new Set(['connection', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'transfer-encoding', 'keep-alive', 'te', 'trailer', 'upgrade'])
const WORDS: Readonly<Record<string, string>> = { ECONNREFUSED: 'connect: connection refused', ECONNRESET: 'read: connection reset by peer', EHOSTUNREACH: 'connect: no route to host', ENETUNREACH: 'connect: network is unreachable', ETIMEDOUT: 'i/o timeout' }

/** Passes a request on to another server, as net/http/httputil's proxies do: its answer, or Go's words for why there is none. */
export function* passOn(process: Process, request: HttpRequest, host: string, port: number, path: string): Task<GoAnswer | { problem: string }> {
  let address = host.replace(/^\[|\]$/g, '')
  if (!isValidIp(address)) {
    const found = yield* resolveHost(process, address)
    if ('error' in found) return { problem: `dial tcp: lookup ${address}: ${found.error === 'EAI_AGAIN' ? 'i/o timeout' : 'no such host'}` }
    address = found.addresses[0]!
  }
  const headers = request.headers.filter(([name]) => !OF_CONNECTION.has(name.toLowerCase()))
  const came = new Signal()
  let outcome: UpstreamOutcome | undefined
  askUpstream(process, { address, port, program: process.argv[0]!.split('/').at(-1)!, method: request.method, bytes: writeRequest(request.method, path, headers, request.body), connectTimeout: TIMEOUT, readTimeout: TIMEOUT }, (said) => {
    outcome = said
    came.notify()
  })
  while (!outcome) yield came.wait
  if ('error' in outcome) return { problem: `${outcome.phase === 'connect' ? `dial tcp ${address.includes(':') ? `[${address}]` : address}:${port}: ` : ''}${WORDS[outcome.error] ?? outcome.error}` }
  if ('tunnel' in outcome) return { problem: 'unexpected protocol change' }
  return { status: outcome.head.status, headers: outcome.head.headers.filter(([name]) => !OF_CONNECTION.has(name.toLowerCase()) && !/^(date|content-length)$/i.test(name)), body: decodeUtf8(outcome.body) }
}
