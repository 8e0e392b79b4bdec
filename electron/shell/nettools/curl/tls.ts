import { ALERTS, DerError, isValidIp, matchingName, MESSAGE, nameText, readCertificates, readKey, RECORD, verifyChain, type Certificate, type Process, type Task, type TlsFailure, type TlsInfo, type TlsTrace, type VerifyProblem } from '../../../engine/cluster.ts'
import { alertReason, opensslDate } from '../openssl/words.ts'
import type { TcpStream } from '../stream.ts'
import type { CurlOptions } from './options.ts'
import type { CurlError } from './transfer.ts'
import type { CurlUrl } from './url.ts'
import type { Verbose } from './verbose.ts'

/** curl's side of HTTPS, as 7.88.1 with OpenSSL 3.0 tells of it (lib/vtls/openssl.c). */
const LIBRARY = 'OpenSSL/3.0.17'
const CA_FILE = '/etc/ssl/certs/ca-certificates.crt'
const CA_PATH = '/etc/ssl/certs'

const MORE = `
More details here: https://curl.se/docs/sslcerts.html

curl failed to verify the legitimacy of the server and therefore could not
establish a secure connection to it. To learn more about this situation and
how to fix it, please visit the web page mentioned above.`

const MESSAGES: Readonly<Record<number, string>> = {
  [MESSAGE.clientHello]: 'Client hello', [MESSAGE.serverHello]: 'Server hello', [MESSAGE.newSessionTicket]: 'Newsession Ticket', [MESSAGE.encryptedExtensions]: 'Encrypted Extensions',
  [MESSAGE.certificate]: 'Certificate', [MESSAGE.certificateRequest]: 'Request CERT', [MESSAGE.certificateVerify]: 'CERT verify', [MESSAGE.finished]: 'Finished',
}
const ALERT_WORDS: Readonly<Record<number, string>> = {
  0: 'close notify', 10: 'unexpected_message', 40: 'handshake failure', 42: 'bad certificate', 43: 'unsupported certificate', 45: 'certificate expired', 46: 'certificate unknown', 48: 'unknown CA', 50: 'decode error', 70: 'protocol version', 80: 'internal error', 112: 'unrecognized name', 120: 'no application protocol',
}

export interface Secured { info: TlsInfo; verifyResult: number }

/** Certificates that this machine, or --cacert, trusts. */
function trusted(process: Process, options: CurlOptions): readonly Certificate[] | undefined {
  const path = process.resolve(options.caFile ?? CA_FILE)
  if (!process.fs.exists(path) || process.fs.stat(path).type === 'directory') return options.caFile === undefined ? [] : undefined
  try {
    const found = readCertificates(process.fs.readText(path))
    return found.length > 0 || options.caFile === undefined ? found : undefined
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return undefined
  }
}

/** -E and --key (lib/vtls/openssl.c, cert_stuff): nothing, or what is wrong with them. */
function identity(process: Process, { certFile, keyFile = certFile }: CurlOptions): { certificates: readonly Certificate[] } | CurlError {
  if (certFile === undefined) return { certificates: [] }
  const text = (file: string): string | undefined => {
    const path = process.resolve(file)
    return process.fs.exists(path) && process.fs.stat(path).type !== 'directory' ? process.fs.readText(path) : undefined
  }
  const unread = (why: string): CurlError => ({ code: 58, text: `could not load PEM client certificate from ${certFile}, OpenSSL error error:${why}, (no key found, wrong pass phrase, or wrong file format?)` })
  const [cert, key] = [text(certFile), text(keyFile!)]
  if (cert === undefined) return unread('80000002:system library::No such file or directory')
  try {
    const certificates = readCertificates(cert)
    if (!certificates[0]) return unread('0480006C:PEM routines::no start line')
    const own = key !== undefined && /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(key) ? { key: readKey(key) } : undefined
    if (own && (own.key?.n === undefined || own.key.n === certificates[0].rsa?.modulus)) return { certificates }
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return unread('0688010A:asn1 encoding routines::nested asn1 error')
  }
  return { code: 58, text: `unable to set private key file: '${keyFile}' type PEM` }
}

export function* secure(process: Process, options: CurlOptions, url: CurlUrl, stream: TcpStream, verbose: Verbose, deadline: number): Task<Secured | CurlError> {
  const alpn = options.http11 || options.http10 ? ['http/1.1'] : ['h2', 'http/1.1']
  verbose.add(`ALPN: offers ${alpn.join(',')}`)
  const shown = identity(process, options)
  if ('code' in shown) {
    verbose.add(shown.text)
    return shown
  }
  const anchors = trusted(process, options)
  if (!anchors && !options.insecure) {
    const text = `error setting certificate file: ${options.caFile}`
    // it looks for the file when its hello is made already
    verbose.data(true, 5)
    verbose.add('TLSv1.3 (OUT), TLS handshake, Client hello (1):')
    verbose.data(true, 512)
    verbose.add(text)
    verbose.add(text)
    return { code: 77, text }
  }
  let problem: VerifyProblem | undefined
  let tickets = 0
  const trace = (event: TlsTrace): void => {
    tell(verbose, event)
    if (event.record === RECORD.handshake && event.type === MESSAGE.newSessionTicket && ++tickets === 2) verbose.add('old SSL session ID is stale, removing')
    if (event.out && event.type === MESSAGE.clientHello && event.record === RECORD.handshake && !options.insecure) {
      verbose.add(` CAfile: ${options.caFile ?? CA_FILE}`)
      verbose.add(` CApath: ${CA_PATH}`)
    }
  }
  const result = yield* stream.startTls(process, {
    serverName: isValidIp(url.host) ? undefined : url.host.replace(/\.$/, ''),
    alpn,
    trace,
    certificates: shown.certificates,
    verify: (chain) => {
      problem = verifyChain(chain, anchors ?? [], process.clock.wall())
      if (!problem || options.insecure) return undefined
      return problem.code === 10 ? ALERTS.certificateExpired : problem.code === 9 ? ALERTS.badCertificate : ALERTS.unknownCa
    },
  }, deadline)
  if (!result) return { code: 28, text: 'SSL connection timeout' }
  if ('failure' in result) return failed(result.failure, problem, url, verbose)
  return yield* inspect(options, url, result.info, problem, verbose)
}

/** An alert that comes when the connection stands already: of a server that does not take the client's certificate. */
export function ended(alert: number): CurlError {
  return { code: 56, text: `OpenSSL SSL_read: ${LIBRARY}: error:${alertReason(alert)}, errno 0` }
}

function failed(failure: TlsFailure, problem: VerifyProblem | undefined, url: CurlUrl, verbose: Verbose): CurlError {
  if (failure.kind === 'alert' && failure.sent && problem) {
    const text = `SSL certificate problem: ${problem.text}`
    verbose.add(text)
    return { code: 60, text: `${text}${MORE}` }
  }
  const host = `${url.host}:${url.port} `
  const text = failure.kind === 'alert' ? `${LIBRARY}: error:${alertReason(failure.alert)}`
    : failure.kind === 'not-tls' ? `${LIBRARY}: error:0A00010B:SSL routines::wrong version number`
    : failure.kind === 'broken' && failure.code === 'ECONNRESET' ? `OpenSSL SSL_connect: Connection reset by peer in connection to ${host}`
    : `OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to ${host}`
  verbose.add(text)
  return { code: 35, text }
}

function* inspect(options: CurlOptions, url: CurlUrl, info: TlsInfo, problem: VerifyProblem | undefined, verbose: Verbose): Task<Secured | CurlError> {
  const [own] = info.chain
  verbose.add(`SSL connection using TLSv1.3 / ${info.cipher.name}`)
  verbose.add(info.alpn === undefined ? 'ALPN: server did not agree on a protocol. Uses default.' : `ALPN: server accepted ${info.alpn}`)
  if (own) {
    verbose.add('Server certificate:')
    verbose.add(` subject: ${nameText(own.subject, '=', '; ')}`)
    verbose.add(` start date: ${opensslDate(own.notBefore)}`)
    verbose.add(` expire date: ${opensslDate(own.notAfter)}`)
    const refusal = options.insecure ? undefined : nameProblem(own, url.host, verbose)
    if (refusal !== undefined) {
      verbose.add(refusal)
      yield* verbose.flush()
      return { code: 60, text: `${refusal}${MORE}` }
    }
    verbose.add(` issuer: ${nameText(own.issuer, '=', '; ')}`)
    verbose.add(problem ? ` SSL certificate verify result: ${problem.text} (${problem.code}), continuing anyway.` : ' SSL certificate verify ok.')
  }
  yield* verbose.flush()
  if (info.alpn !== 'h2') yield* verbose.note(`using HTTP/1.${info.alpn === 'http/1.1' ? '1' : 'x'}`)
  return { info, verifyResult: problem?.code ?? 0 }
}

/** The certificate is somebody else's. */
function nameProblem(certificate: Certificate, host: string, verbose: Verbose): string | undefined {
  const address = isValidIp(host)
  const name = matchingName(certificate, host)
  if (name !== undefined) {
    verbose.add(` subjectAltName: host "${host}" matched cert's ${address ? 'IP address!' : `"${name}"`}`)
    return undefined
  }
  if (certificate.dnsNames.length + certificate.ipAddresses.length > 0) {
    verbose.add(` subjectAltName does not match ${host}`)
    return `SSL: no alternative certificate subject name matches target host name '${host}'`
  }
  const common = certificate.subject.findLast(([type]) => type === 'CN')?.[1]
  if (common === undefined) return 'SSL: unable to obtain common name from peer certificate'
  if (matchingName({ dnsNames: [common], ipAddresses: [common] }, host) === undefined) return `SSL: certificate subject name '${common}' does not match target host name '${host}'`
  verbose.add(` common name: ${common} (matched)`)
  return undefined
}

function tell(verbose: Verbose, { out, record, type, level, length }: TlsTrace): void {
  const way = `TLSv1.3 (${out ? 'OUT' : 'IN'}), `
  if (record === RECORD.handshake) verbose.add(`${way}TLS handshake, ${MESSAGES[type] ?? 'Unknown'} (${type}):`)
  else if (record === RECORD.alert) verbose.add(`${way}TLS alert, ${ALERT_WORDS[type] ?? 'unknown'} (${level * 256 + type}):`)
  else if (record === RECORD.changeCipherSpec) verbose.add(`${way}TLS change cipher, Change cipher spec (1):`)
  verbose.data(out, length)
}
