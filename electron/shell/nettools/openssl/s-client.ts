import { ALERTS, isValidIp, MESSAGE, readKey, RECORD, resolveHost, toPem, verifyChain, type Process, type Task, type TlsInfo, type TlsTrace, type VerifyProblem } from '../../../engine/cluster.ts'
import { TcpStream } from '../stream.ts'
import { readOne, TAG } from '../../../engine/programs/tls/der.ts'
import { readName } from '../../../engine/programs/tls/x509.ts'
import { notSimulated, OpensslError, readFile, readOptions, readPem, shownName } from './options.ts'
import { alertReason, opensslDate } from './words.ts'

const OPTIONS = { connect: true, servername: true, noservername: false, CAfile: true, showcerts: false, brief: false, quiet: false, ign_eof: false, alpn: true, tls1_3: false, verify_return_error: false, host: true, port: true, cert: true, key: true }

/** openssl s_client: a TLS connection, what the server showed on it, and then what is typed. */
export function* sClient(process: Process, args: readonly string[]): Task<number> {
  // the target may stand alone at the end
  const bare = args.at(-1)
  const list = bare !== undefined && !bare.startsWith('-') && /^[^-].*:\d+$/.test(bare) && args.at(-2) !== '-connect' ? [...args.slice(0, -1), '-connect', bare] : args
  const options = readOptions('s_client', list, OPTIONS)
  const value = (name: string): string | undefined => options.get(name)?.at(-1)
  if (options.has('brief')) throw notSimulated('s_client -brief', 'leave it out')
  const [, host, port] = /^(.*):(\d+)$/.exec(value('connect') ?? `${value('host') ?? 'localhost'}:${value('port') ?? '4433'}`) ?? []
  if (host === undefined) throw new OpensslError('s_client: -connect needs HOST:PORT')
  const bareHost = host.replace(/^\[|\]$/g, '')
  let address = bareHost
  if (!isValidIp(address)) {
    const resolved = yield* resolveHost(process, bareHost)
    if ('error' in resolved) throw new OpensslError(`BIO_lookup_ex:system lib:Name or service not known\nconnect:errno=0`)
    address = resolved.addresses[0]!
  }
  const shown = value('cert') === undefined ? [] : readPem(process, value('cert')!)
  if (shown.length > 0) {
    const key = readKey(readFile(process, value('key') ?? value('cert')!))
    if (key && shown[0]!.rsa && shown[0]!.rsa.modulus !== key.n) throw new OpensslError('error:05800074:x509 certificate routines:X509_check_private_key:key values mismatch:../crypto/x509/x509_cmp.c:405:')
  }
  const stream = yield* TcpStream.open(process, address, Number(port))
  if (!(stream instanceof TcpStream)) throw new OpensslError(`connect:errno=${stream.code === 'ECONNREFUSED' ? 111 : stream.code === 'EHOSTUNREACH' ? 113 : 110}`)
  yield* process.print('CONNECTED(00000003)\n')
  const trusted = value('CAfile') === undefined ? [] : readPem(process, value('CAfile')!)
  const counts = { read: 0, written: 0 }
  let problem: VerifyProblem | undefined
  const result = yield* stream.startTls(process, {
    serverName: options.has('noservername') ? undefined : (value('servername') ?? (isValidIp(bareHost) ? undefined : bareHost)),
    alpn: (value('alpn') ?? '').split(',').filter((p) => p !== ''),
    certificates: shown.slice(0, 1),
    trace: (event) => count(counts, event),
    verify: (chain) => {
      problem = verifyChain(chain, trusted, process.clock.wall())
      return problem && options.has('verify_return_error') ? ALERTS.unknownCa : undefined
    },
  })
  if (!result || 'failure' in result) {
    const failure = result?.failure
    if (failure?.kind === 'alert' && !failure.sent) throw new OpensslError(refusal(failure.alert))
    const words = failure?.kind === 'not-tls' ? 'error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/record/ssl3_record.c:354:' : 'write:errno=0'
    throw new OpensslError(words.startsWith('error') ? `40A7C5F0F57F0000:${words}` : words)
  }
  yield* process.printError(told(result.info, problem))
  if (!options.has('quiet')) yield* process.print(report(result.info, problem, counts, options.has('showcerts')))
  return yield* converse(process, stream, options.has('quiet') || options.has('ign_eof'))
}

const refusal = (alert: number): string => `40A7C5F0F57F0000:error:${alertReason(alert)}:../ssl/record/rec_layer_s3.c:1590:SSL alert number ${alert}`

function count(counts: { read: number; written: number }, { out, record, type, length }: TlsTrace): void {
  const open = type === MESSAGE.clientHello || type === MESSAGE.serverHello
  const bytes = record === RECORD.handshake ? length + 5 + (open ? 0 : 17) : record === RECORD.changeCipherSpec ? 6 : 0
  if (out) counts.written += bytes
  else counts.read += bytes + (type === MESSAGE.serverHello && record === RECORD.handshake ? 6 : 0)
}

/** What the verify callback writes to stderr. */
function told({ chain }: TlsInfo, problem: VerifyProblem | undefined): string {
  const at = (depth: number): string => `depth=${depth} ${shownName(chain[depth]?.subject ?? chain.at(-1)?.subject ?? [])}\n`
  const wrong = problem ? `${at(problem.depth)}verify error:num=${problem.code}:${problem.text}\nverify return:1\n` : ''
  return wrong + Array.from({ length: problem?.depth ?? chain.length - 1 }, (_, i) => (problem?.depth ?? chain.length - 1) - i).concat(0).map((depth) => `${at(depth)}verify return:1\n`).join('')
}

function report({ chain, cipher, alpn, asked }: TlsInfo, problem: VerifyProblem | undefined, counts: { read: number; written: number }, all: boolean): string {
  const own = chain[0]!
  const listed = chain.map((c, i) =>
    ` ${i} s:${shownName(c.subject)}\n   i:${shownName(c.issuer)}\n   a:PKEY: ${c.rsa ? 'rsaEncryption' : 'id-ecPublicKey'}, ${c.keySize} (bit); sigalg: ${c.rsa ? 'RSA-SHA256' : 'ecdsa-with-SHA256'}\n   v:NotBefore: ${opensslDate(c.notBefore)}; NotAfter: ${opensslDate(c.notAfter)}\n${all ? toPem('CERTIFICATE', c.der) : ''}`).join('')
  return `---
Certificate chain
${listed}---
Server certificate
${all ? '' : toPem('CERTIFICATE', own.der)}subject=${shownName(own.subject)}
issuer=${shownName(own.issuer)}
---
${askedFor(asked)}
Peer signing digest: SHA256
Peer signature type: ${own.rsa ? 'RSA-PSS' : 'ECDSA'}
Server Temp Key: X25519, 253 bits
---
SSL handshake has read ${counts.read} bytes and written ${counts.written} bytes
${problem ? `Verification error: ${problem.text}` : 'Verification: OK'}
---
New, TLSv1.3, Cipher is ${cipher.name}
Server public key is ${own.keySize} bit
Secure Renegotiation IS NOT supported
Compression: NONE
Expansion: NONE
${alpn === undefined ? 'No ALPN negotiated' : `ALPN protocol: ${alpn}`}
Early data was not sent
Verify return code: ${problem?.code ?? 0} (${problem?.text ?? 'ok'})
---
`
}

/** What the server wants of the client (apps/lib/s_cb.c, ssl_print_client_cert_types and ssl_print_sigalgs). */
const SHARED = 'ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512'

function askedFor(asked: TlsInfo['asked']): string {
  const names = (asked ?? []).map((name) => shownName(readName(readOne(name, TAG.sequence))))
  const first = names.length > 0 ? ['Acceptable client certificate CA names', ...names] : ['No client certificate CA names sent']
  return [...first, ...(asked ? [`Requested Signature Algorithms: ${SHARED}:ECDSA+SHA224:RSA+SHA224`, `Shared Requested Signature Algorithms: ${SHARED}`] : [])].join('\n')
}

/** Sends what comes from stdin; ends with it, unless told to wait for the server's end. */
function* converse(process: Process, stream: TcpStream, wait: boolean): Task<number> {
  const typed = yield* process.readAll()
  if (typed.length > 0) stream.write(typed)
  for (;;) {
    const data = yield* stream.read(process, wait ? Infinity : process.clock.now + (typed.length > 0 ? 200 : 0))
    if (data !== null && 'alert' in data && data.alert !== undefined) throw new OpensslError(refusal(data.alert))
    if (!(data instanceof Uint8Array)) break
    yield* process.print(data)
  }
  if (!wait) yield* process.print('DONE\n')
  stream.close()
  return 0
}
