import { isValidIp, resolveHost, resolvConfOf, TcpStream, type Process, type Task } from '../../engine/cluster.ts'
import { joinHostPort } from '../../engine/network/address.ts'
import { byName } from '../../engine/own.ts'

/** How Go's net package names what connect(2) answers. */
const WORDS: Readonly<Record<string, string>> = byName({ EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ECONNREFUSED: 'connection refused', ETIMEDOUT: 'connection timed out' })
/** client-go's transport gives a connection half a minute. */
export const DIAL_TIMEOUT = 30_000
/** What is said where --request-timeout ends before that. */
export const IMPATIENT = 'net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)'

/** A server's URL in its parts; undefined when it is none. */
export function serverParts(url: string): { scheme: string; host: string; port: number; authority: string } | undefined {
  const [, scheme, authority] = /^([a-z]+):\/\/([^/?#]+)/i.exec(url) ?? []
  const [, v6, name, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(authority ?? '') ?? []
  if (scheme === undefined) return undefined
  const port = digits === undefined ? (scheme === 'https' ? 443 : 80) : Number(digits)
  return { scheme, host: v6 ?? name ?? '', port, authority: authority! }
}

/** Opens a connection as client-go would: where it came to, or Go's error of it. */
export function* dialServer(process: Process, url: string, patience: number): Task<{ address: string; port: number } | { error: string }> {
  const parts = serverParts(url)
  if (parts && parts.scheme !== 'http' && parts.scheme !== 'https') return { error: `unsupported protocol scheme "${parts.scheme}"` }
  if (!parts || parts.host === '' || parts.port > 65_535) return { error: 'dial tcp: invalid address' }
  const { host, port } = parts
  let address = host
  if (!isValidIp(host)) {
    const found = yield* resolveHost(process, host)
    if ('error' in found) {
      const server = joinHostPort(resolvConfOf(process).nameservers[0] ?? '127.0.0.1', 53)
      return { error: `dial tcp: lookup ${host} on ${server}: ${found.error === 'EAI_NONAME' ? 'no such host' : 'server misbehaving'}` }
    }
    address = found.addresses.find((a) => !a.includes(':')) ?? found.addresses[0]!
  }
  const stream = yield* TcpStream.open(process, address, port, { timeout: Math.min(DIAL_TIMEOUT, patience) })
  const where = joinHostPort(address, port)
  if (stream instanceof TcpStream) {
    stream.close()
    return { address, port }
  }
  if (stream.gaveUp) return { error: patience < DIAL_TIMEOUT ? IMPATIENT : `dial tcp ${where}: i/o timeout` }
  return { error: `dial tcp ${where}: connect: ${WORDS[stream.code] ?? stream.message.toLowerCase()}` }
}
