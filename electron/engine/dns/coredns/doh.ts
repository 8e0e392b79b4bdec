import { decodeBase64 } from '../../kubernetes/base64.ts'
import type { Task } from '../../machine/task.ts'
import { decodeDns, encodeDns, type DnsMessage } from '../../network/wire/dns.ts'
import { splitTarget, type GoAnswer } from '../../programs/http/go.ts'
import type { HttpRequest } from '../../programs/http/server.ts'
import type { DnsClient } from '../server.ts'

/** DNS over HTTPS (RFC 8484) as CoreDNS serves it (core/dnsserver/server_https.go, plugin/pkg/doh). */
const PATH = '/dns-query'
const MIME = 'application/dns-message'
/** s (plugin/pkg/dnsutil/ttl.go). */
const SHORTEST = 5
const LONGEST = 3600

/** A query, or net/http's words about what is none. */
function queryOf({ method, target, body }: HttpRequest): DnsMessage | string {
  let bytes: Uint8Array | number = body
  if (method === 'GET') {
    const given = target.split('?').slice(1).join('?').split('&').filter((part) => part.startsWith('dns='))
    if (given.length === 0) return "no 'dns' query parameter found"
    if (given.length > 1) return "multiple 'dns' query values found"
    const text = splitTarget(target).query.get('dns')!
    const odd = /[^A-Za-z0-9_-]/.exec(text)
    if (odd) return `illegal base64 data at input byte ${odd.index}`
    bytes = decodeBase64(text.replaceAll('-', '+').replaceAll('_', '/').padEnd(Math.ceil(text.length / 4) * 4, '='))
    if (typeof bytes === 'number') return `illegal base64 data at input byte ${text.length}`
  } else if (method !== 'POST') return `method not allowed: ${method}`
  try {
    return decodeDns(bytes)
  } catch {
    return bytes.length < 12 ? 'dns: overflow unpacking uint16' : 'dns: overflowing header size'
  }
}

export function* answerDoh(request: HttpRequest, handle: (query: DnsMessage, client: DnsClient) => Task<DnsMessage | undefined>): Task<GoAnswer> {
  const error = (status: number, text: string): GoAnswer => ({ status, headers: [['X-Content-Type-Options', 'nosniff']], body: `${text}\n` })
  if (splitTarget(request.target).path !== PATH) return error(404, '')
  const query = queryOf(request)
  if (typeof query === 'string') return error(400, query)
  const reply = yield* handle(query, { address: request.remoteAddress, port: request.remotePort, at: request.localAddress, protocol: 'tcp', size: encodeDns(query).length })
  if (!reply) return error(500, 'No response')
  const body = encodeDns(reply, { compress: false })
  return { headers: [['Cache-Control', `max-age=${lifeOf(reply)}`], ['Content-Type', MIME], ['Content-Length', String(body.length)]], body }
}

/** s: dnsutil.MinimalTTL. */
function lifeOf({ rcode, answers, authorities, additionals }: DnsMessage): number {
  if ((rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') || answers.length + authorities.length + additionals.length === 0) return SHORTEST
  return Math.min(LONGEST, ...[...answers, ...authorities, ...additionals].map((r) => r.ttl))
}
