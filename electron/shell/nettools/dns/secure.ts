import {
  ALERTS, base64Of, concatBytes, decodeDns, DerError, encodeDns, HTTP2_SETTING, Http2Client, isValidIp, loadPair, matchingName, readCertificates, verifyChain,
  type Certificate, type DnsMessage, type Process, type ResponseHead, type Task,
} from '../../../engine/cluster.ts'
import { TcpStream } from '../stream.ts'
import type { Answer, QueryFailure, Question } from './query.ts'

/** DNS over TLS (RFC 7858) and over HTTPS (RFC 8484) as dig 9.18 speaks it: HTTP/2 alone, with or without TLS. */
export interface SecureTransport {
  kind: 'TLS' | 'HTTPS' | 'HTTPS-GET' | 'HTTP' | 'HTTP-GET'
  /** Where an HTTP server answers. */
  path: string
  /** The certificate is not looked at without it. A file, or what the machine trusts. */
  ca: { file: string | undefined } | undefined
  hostname: string | undefined
  certFile: string | undefined
  keyFile: string | undefined
}

const CA_FILE = '/etc/ssl/certs/ca-certificates.crt'
const MIME = 'application/dns-message'

/** What dig has before it asks: whom it trusts and what it shows; a text is why it cannot begin. */
function tlsContext(process: Process, transport: SecureTransport): { roots: readonly Certificate[] | undefined; certificates: readonly Certificate[] } | string {
  const { ca, certFile, keyFile } = transport
  if ((certFile === undefined) !== (keyFile === undefined)) return 'both TLS client certificate and key file must be specified a the same time'
  let certificates: readonly Certificate[] = []
  if (certFile !== undefined && keyFile !== undefined) {
    const pair = loadPair(process, certFile, keyFile)
    if ('error' in pair) return 'TLS context cannot be created'
    certificates = pair.chain
  }
  if (!ca) return { roots: undefined, certificates }
  const path = process.resolve(ca.file ?? CA_FILE)
  try {
    const roots = process.fs.exists(path) ? readCertificates(process.fs.readText(path)) : []
    return roots.length === 0 && ca.file !== undefined ? 'TLS context cannot be created' : { roots, certificates }
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return 'TLS context cannot be created'
  }
}

/** X509_verify_cert_error_string() of OpenSSL 3.0, of what does not fit. */
function mistrust(chain: readonly Certificate[], roots: readonly Certificate[], host: string, wall: number): string | undefined {
  const problem = verifyChain(chain, roots, wall)
  if (problem) return problem.text
  const own = chain[0]!
  if (isValidIp(host)) return own.ipAddresses.includes(host) ? undefined : 'IP address mismatch'
  return matchingName(own, host) === undefined ? 'hostname mismatch' : undefined
}

/** One query over a connection of its own. */
export function* overSecure(process: Process, question: Question & { transport: SecureTransport }, sent: DnsMessage): Task<Answer | QueryFailure> {
  const { transport, server, port, timeout } = question
  const { clock } = process
  const start = clock.now
  const until = start + timeout
  const { address, port: sourcePort } = question.source ?? {}
  const context = tlsContext(process, transport)
  if (typeof context === 'string') return { failure: 'said', text: context }
  const stream = yield* TcpStream.open(process, server, port, { timeout, ...(address === undefined ? {} : { source: address }), ...(sourcePort === undefined ? {} : { sourcePort }) })
  if (!(stream instanceof TcpStream)) return { failure: 'setup', text: stream.gaveUp ? 'timed out' : stream.message.replace(/ is /, ' ').toLowerCase().replace(/^no route to host$/, 'host unreachable') }
  const https = transport.kind.startsWith('HTTP')
  try {
    if (transport.kind !== 'HTTP' && transport.kind !== 'HTTP-GET') {
      let wrong: string | undefined
      const host = transport.hostname ?? server
      const verify = (chain: readonly Certificate[]): number | undefined => {
        wrong = context.roots && mistrust(chain, context.roots, host, clock.wall())
        return wrong === undefined ? undefined : ALERTS.badCertificate
      }
      const made = yield* stream.startTls(process, { serverName: isValidIp(host) ? undefined : host, alpn: https ? ['h2'] : ['dot'], verify, certificates: context.certificates }, until)
      if (wrong !== undefined) return { failure: 'said', text: `TLS peer certificate verification for ${server}#${port} failed: ${wrong}` }
      if (!made) return { failure: 'timeout', text: 'timed out' }
      // without HTTP it goes without a word
      if ('failure' in made) return https ? { failure: 'setup', text: 'TLS error' } : { failure: 'said', text: '' }
      if (https && made.info.alpn !== 'h2') return { failure: 'setup', text: 'ALPN for HTTP/2 failed' }
    }
    const bytes = https ? yield* overHttp(process, stream, question, encodeDns(sent), until) : yield* framed(process, stream, encodeDns(sent), until)
    if (!(bytes instanceof Uint8Array)) return bytes
    const message = decoded(bytes)
    return message ? { message, size: bytes.length, ms: clock.now - start, tcp: true } : { failure: 'timeout', text: 'malformed message' }
  } finally {
    stream.close()
  }
}

function* framed(process: Process, stream: TcpStream, query: Uint8Array, until: number): Task<Uint8Array | QueryFailure> {
  stream.write(Uint8Array.from([query.length >> 8, query.length & 255, ...query]))
  let received: Uint8Array = new Uint8Array(0)
  for (;;) {
    const data = yield* stream.read(process, until)
    if (!(data instanceof Uint8Array)) return { failure: 'timeout', text: data === null ? 'end of file' : 'timed out' }
    received = concatBytes([received, data])
    const length = received.length < 2 ? Infinity : (received[0]! << 8) | received[1]!
    if (received.length >= length + 2) return received.slice(2, length + 2)
  }
}

function* overHttp(process: Process, stream: TcpStream, { transport, server, port }: Question & { transport: SecureTransport }, query: Uint8Array, until: number): Task<Uint8Array | QueryFailure> {
  const scheme = transport.kind.startsWith('HTTPS') ? 'https' : 'http'
  const get = transport.kind.endsWith('-GET')
  let head: ResponseHead | undefined
  let done = false
  const body: Uint8Array[] = []
  const client = new Http2Client((bytes) => stream.write(bytes), { settings: [[HTTP2_SETTING.maxConcurrentStreams, 100], [HTTP2_SETTING.enablePush, 0]] })
  // no padding, and an alphabet for paths (RFC 4648 5)
  const text = base64Of(query).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')
  client.request({
    method: get ? 'GET' : 'POST', scheme, target: get ? `${transport.path}?dns=${text}` : transport.path,
    headers: [['Host', `${server.includes(':') ? `[${server}]` : server}:${port}`], ...(get ? [] : [['Content-Type', MIME] as [string, string]]), ['Accept', MIME], ...(get ? [] : [['Content-Length', String(query.length)] as [string, string]])],
    ...(get ? {} : { body: query }),
  }, { onHead: (it) => void (head = it), onBody: (data) => void body.push(data), onComplete: () => void (done = true), onReset: () => void (done = true) })
  while (!done) {
    const data = yield* stream.read(process, until)
    if (!(data instanceof Uint8Array)) return { failure: 'timeout', text: data === null ? 'end of file' : 'timed out' }
    client.push(data)
  }
  client.close()
  const type = head?.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  return head?.status === 200 && type === MIME ? concatBytes(body) : { failure: 'timeout', text: 'unexpected error' }
}

function decoded(bytes: Uint8Array): DnsMessage | undefined {
  try {
    return decodeDns(bytes)
  } catch {
    return undefined
  }
}
