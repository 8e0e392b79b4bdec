import { anyOf, ALERTS, canonicalIp, DerError, isValidIp, matchingName, pause, readCertificates, resolveHost, Signal, verifyChain, type Certificate, type Task, type VerifyProblem } from '../../../engine/cluster.ts'
import { TcpStream } from '../stream.ts'
import type { Session } from './session.ts'
import { bracketed, type WgetUrl } from './url.ts'

/** A connection that may be used again. */
export interface Connected { stream: TcpStream; host: string; port: number; tls: boolean }

/** no such host · not worth another try · may be tried again · TLS did not come about · its certificate is not to be trusted */
export type ConnectFailure = 'host' | 'impossible' | 'again' | 'tls' | 'certificate'

const CA_FILE = '/etc/ssl/certs/ca-certificates.crt'

export function* connect(session: Session, url: WgetUrl): Task<TcpStream | ConnectFailure> {
  const { options, kept, process } = session
  session.kept = undefined
  if (kept && options.keepAlive && kept.host === url.host && kept.port === url.port && kept.tls === (url.scheme === 'https') && !kept.stream.isOver) {
    yield* session.say(`Reusing existing connection to ${bracketed(url.host)}:${url.port}.\n`)
    return kept.stream
  }
  kept?.stream.close()
  const literal = canonicalIp(url.host)
  const addresses = literal === undefined ? yield* lookUp(session, url.host) : [literal]
  if (!addresses) {
    yield* session.tell(`wget: unable to resolve host address ${session.quote(url.host)}\n`)
    return 'host'
  }
  let opened: TcpStream | { code: string } = { code: 'ECONNREFUSED' }
  for (const address of addresses) {
    yield* session.say(literal === undefined ? `Connecting to ${url.host} (${url.host})|${address}|:${url.port}... ` : `Connecting to ${bracketed(url.host)}:${url.port}... `)
    const tried = yield* TcpStream.open(process, address, url.port, { ...(options.connectTimeout > 0 ? { timeout: options.connectTimeout } : {}), ...(options.bindAddress === undefined ? {} : { source: options.bindAddress }) })
    opened = tried
    if (tried instanceof TcpStream) {
      yield* session.say('connected.\n')
      break
    }
    yield* session.tell(`failed: ${tried.code === 'ETIMEDOUT' ? 'Connection timed out' : tried.message}.\n`)
  }
  if (!(opened instanceof TcpStream)) return !options.retryRefused && ['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'].includes(opened.code) ? 'impossible' : 'again'
  return url.scheme === 'https' ? yield* secured(session, url, opened) : opened
}

function* lookUp(session: Session, host: string): Task<readonly string[] | undefined> {
  const { process, options } = session
  yield* session.say(`Resolving ${host} (${host})... `)
  const family = options.inet4Only ? 4 : options.inet6Only ? 6 : undefined
  const asked = resolveHost(process, host, family === undefined ? {} : { family })
  const resolved = options.dnsTimeout > 0 ? yield* within(session, asked, options.dnsTimeout) : yield* asked
  if (resolved === undefined) {
    yield* session.say('failed: Connection timed out.\n')
    return undefined
  }
  if ('error' in resolved) {
    yield* session.say(`failed: ${resolved.message}.\n`)
    return undefined
  }
  const preferred = options.preferFamily === undefined ? resolved.addresses : [...resolved.addresses].sort((a, b) => Number(a.includes(':') === (options.preferFamily === 4)) - Number(b.includes(':') === (options.preferFamily === 4)))
  yield* session.say(`${preferred.slice(0, 3).join(', ')}${preferred.length > 3 ? ', ...' : ''}\n`)
  return preferred
}

/** What the task gives, or undefined after so many ms: then it is ended. */
function* within<T>({ process }: Session, task: Task<T>, ms: number): Task<T | undefined> {
  const over = new Signal()
  const thread = process.spawnThread(
    (function* (): Task<T> {
      try {
        return yield* task
      } finally {
        over.notify()
      }
    })(),
  )
  const end = process.clock.now + ms
  while (!thread.outcome && process.clock.now < end) yield anyOf(over.wait, pause(process, end - process.clock.now))
  if (!thread.outcome) thread.kill()
  return thread.outcome?.kind === 'returned' ? thread.outcome.value : undefined
}

/** The system's authorities, and those of --ca-certificate. */
export function* authorities(session: Session): Task<readonly Certificate[]> {
  const { process, options } = session
  const of = (path: string): readonly Certificate[] | undefined => {
    if (!session.exists(path) || session.isDirectory(path)) return undefined
    try {
      return readCertificates(session.read(path))
    } catch (error) {
      if (!(error instanceof DerError)) throw error
      return undefined
    }
  }
  const own = options.caFile === undefined ? undefined : of(options.caFile)
  if (options.caFile !== undefined) yield* session.tell(own ? `Loaded CA certificate '${options.caFile}'\n` : `ERROR: Failed to open cert ${options.caFile}: (-64).\n`)
  return [...(process.fs.exists(CA_FILE) ? (of(CA_FILE) ?? []) : []), ...(own ?? [])]
}

/** TLS as GnuTLS tells of it (src/gnutls.c). */
function* secured(session: Session, url: WgetUrl, stream: TcpStream): Task<TcpStream | ConnectFailure> {
  const { process, options } = session
  const result = yield* stream.startTls(process, { serverName: isValidIp(url.host) ? undefined : url.host.replace(/\.$/, '') }, options.connectTimeout > 0 ? process.clock.now + options.connectTimeout : process.clock.now + options.readTimeout)
  if (!result || 'failure' in result) {
    stream.close()
    const failure = result?.failure
    if (!failure) yield* session.tell('GnuTLS: Connection timed out\n')
    else if (failure.kind === 'alert') yield* session.tell(`GnuTLS: A TLS fatal alert has been received.\nGnuTLS: received alert [${failure.alert}]: ${ALERT_WORDS.get(failure.alert) ?? 'Unknown alert'}\n`)
    else yield* session.tell(`GnuTLS: ${failure.kind === 'not-tls' ? 'An unexpected TLS packet was received.' : failure.kind === 'eof' ? 'The TLS connection was non-properly terminated.' : 'Error in the pull function.'}\n`)
    return 'tls'
  }
  const certain = yield* inspected(session, url.host, result.info.chain)
  if (certain || options.checkCertificate !== true) return stream
  stream.close()
  return 'certificate'
}

const ALERT_WORDS: ReadonlyMap<number, string> = new Map([
  [10, 'Unexpected message'], [40, 'Handshake failed'], [42, 'Certificate is bad'], [45, 'Certificate was expired'], [48, 'CA is unknown'], [50, 'Decode error'], [70, 'Error in protocol version'],
  [ALERTS.internalError, 'Internal error'], [112, 'The server name sent was not recognized'], [116, 'Certificate is required'], [120, 'No supported application protocol could be negotiated'],
])

/** What is wrong with who answers; all of it is told. */
function* inspected(session: Session, host: string, chain: readonly Certificate[]): Task<boolean> {
  const { process, options } = session
  if (options.checkCertificate === 'quiet') return true
  const severity = options.checkCertificate ? 'ERROR' : 'WARNING'
  const wall = process.clock.wall()
  const [own] = chain
  if (!own) {
    yield* session.tell(`${severity}: No certificate presented by ${session.quote(host)}.\n`)
    return false
  }
  let well = true
  const say = function* (words: string): Task {
    well = false
    yield* session.tell(words)
  }
  const problem: VerifyProblem | undefined = verifyChain(chain, session.trusted ?? [], wall)
  if (problem) {
    yield* say(`${severity}: The certificate of ${session.quote(host)} is not trusted.\n`)
    if ([18, 19, 20].includes(problem.code)) yield* say(`${severity}: The certificate of ${session.quote(host)} doesn't have a known issuer.\n`)
    if (problem.code === 79) yield* say(`${severity}: The certificate signer of ${session.quote(host)} was not a CA.\n`)
    if (problem.code === 9) yield* say(`${severity}: The certificate of ${session.quote(host)} is not yet activated.\n`)
    if (problem.code === 10) yield* say(`${severity}: The certificate of ${session.quote(host)} has expired.\n`)
  }
  if (wall < own.notBefore) yield* say('The certificate has not yet been activated\n')
  if (wall >= own.notAfter) yield* say('The certificate has expired\n')
  if (!isOwners(own, host)) yield* say(`The certificate's owner does not match hostname ${session.quote(host)}\n`)
  return well
}

/** Without alternative names the common name counts. */
function isOwners(certificate: Certificate, host: string): boolean {
  if (matchingName(certificate, host) !== undefined) return true
  const common = certificate.subject.findLast(([type]) => type === 'CN')?.[1]
  return certificate.dnsNames.length + certificate.ipAddresses.length === 0 && common !== undefined && matchingName({ dnsNames: [common], ipAddresses: [common] }, host) !== undefined
}
