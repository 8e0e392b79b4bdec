import { DerError, isValidIp, readCertificates, readKey, Signal, sleep, verifyChain, type Certificate, type Process, type Task } from '../../../engine/cluster.ts'
import { askUpstream, type UpstreamOutcome } from '../../../engine/programs/http/client.ts'
import { hostnameError } from '../../../engine/programs/tls/secrets.ts'
import { ALERTS } from '../../../engine/programs/tls/wire.ts'
import { joinHostPort } from '../../../engine/network/address.ts'
import { decodeUtf8, encodeUtf8, Utf8Decoder } from '../../../engine/text.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { addressOf } from '../../nettools/names.ts'
import type { EtcdNotSimulated, EtcdRefused } from '../../../engine/programs/etcd/services.ts'
import { BAD_ARGUMENTS, EtcdError, NotSimulated, zapJson } from './words.ts'

/** How etcdctl reaches etcd: gRPC over TLS with a certificate (client/v3, grpc-go 1.71). */
export interface Access {
  endpoints: readonly string[]
  /** Undefined: in the clear. */
  tls: { trusted: readonly Certificate[]; own: readonly Certificate[]; blind: boolean } | undefined
  /** ms. */
  timeout: number
}

/** Between two dials: gRPC's backoff begins with a second. */
const REDIAL = 1_000
const ALERT_WORDS: Readonly<Record<number, string>> = { 42: 'bad certificate', 45: 'expired certificate', 48: 'unknown certificate authority', 80: 'internal error', 116: 'certificate required' }

/** newClientCfg: a file that is not there ends it with 128. */
export function accessOf(process: Process, flags: FlagSet): Access {
  const [cert, key, cacert] = ['cert', 'key', 'cacert'].map((name) => flags.string(name)) as [string, string, string]
  for (const name of ['cert', 'key', 'cacert']) if (flags.changed(name) && flags.string(name) === '') throw new EtcdError(`empty string is passed to --${name} option`, BAD_ARGUMENTS)
  if ((cert === '') !== (key === '')) throw new EtcdError(`KeyFile and CertFile must both be present[key: ${key}, cert: ${cert}]`, BAD_ARGUMENTS)
  const secure = cert !== '' || cacert !== '' || !flags.bool('insecure-transport')
  const own = cert === '' ? [] : pairOf(process, cert, key)
  const trusted = cacert === '' ? [] : certificatesOf(process, cacert)
  return { endpoints: flags.list('endpoints'), timeout: flags.duration('command-timeout'), tls: secure ? { trusted, own, blind: flags.bool('insecure-skip-tls-verify') } : undefined }
}

function read(process: Process, path: string): string {
  const at = process.resolve(path)
  if (!process.fs.exists(at)) throw new EtcdError(`open ${path}: no such file or directory`, BAD_ARGUMENTS)
  if (process.fs.stat(at).type === 'directory') throw new EtcdError(`read ${path}: is a directory`, BAD_ARGUMENTS)
  return process.fs.readText(at)
}

function certificatesOf(process: Process, path: string): Certificate[] {
  const text = read(process, path)
  try {
    return readCertificates(text)
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw new EtcdError('x509: malformed certificate', BAD_ARGUMENTS)
  }
}

/** crypto/tls' X509KeyPair. */
function pairOf(process: Process, cert: string, key: string): Certificate[] {
  const chain = certificatesOf(process, cert)
  const text = read(process, key)
  if (!chain[0]) throw new EtcdError('tls: failed to find any PEM data in certificate input', BAD_ARGUMENTS)
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw new EtcdError('tls: failed to find any PEM data in key input', BAD_ARGUMENTS)
  const pair = readKey(text)
  if (pair && chain[0].rsa && pair.n !== chain[0].rsa.modulus) throw new EtcdError('tls: private key does not match public key', BAD_ARGUMENTS)
  return chain
}

/** One call, tried again until it is answered: gRPC waits for a connection as long as the call may take. `timeout` in ms; undefined: for ever. */
export function* call(process: Process, access: Access, method: string, request: unknown, timeout: number | undefined): Task<{ body: Uint8Array } | { last: string }> {
  const { clock } = process
  const until = timeout === undefined ? Infinity : clock.now + timeout
  let last = ''
  for (let tries = 0; clock.now < until; tries++) {
    const endpoint = access.endpoints[tries % access.endpoints.length]!
    const answer = yield* once(process, access, endpoint, method, request, Math.min(until - clock.now, 20_000))
    if ('body' in answer) return answer
    last = answer.last
    if (tries % access.endpoints.length === access.endpoints.length - 1) yield sleep(clock, Math.min(REDIAL * 1.6 ** Math.min(tries, 10), Math.max(0, until - clock.now)))
  }
  return { last }
}

/** The same, for commands that end with an error when time is up. */
export function* unary<T>(process: Process, access: Access, method: string, request: unknown, logger = 'etcd-client'): Task<T> {
  const answer = yield* call(process, access, method, request, access.timeout)
  const said = 'body' in answer ? (JSON.parse(decodeUtf8(answer.body)) as T | EtcdRefused | EtcdNotSimulated) : undefined
  if (typeof said === 'object' && said && 'notSimulated' in said) throw new NotSimulated(said.notSimulated)
  const refused = typeof said === 'object' && said && 'refused' in said ? said.refused : 'last' in answer ? { code: 'DeadlineExceeded', message: `latest balancer error: last connection error: ${answer.last}` } : undefined
  if (!refused) return said as T
  const [first = ''] = access.endpoints
  const target = `etcd-endpoints://0x${process.clock.random.fork(`etcdctl ${process.clock.now}`).hex(10)}/${first.replace(/^https?:\/\//, '')}`
  yield* process.printError(zapJson(process.clock.wall(), {
    level: 'warn', logger, caller: 'v3@v3.5.21/retry_interceptor.go:63', msg: 'retrying of unary invoker failed', target, attempt: 0, error: `rpc error: code = ${refused.code} desc = ${refused.message}`,
  }))
  throw new EtcdError('last' in answer ? 'context deadline exceeded' : refused.message)
}

/**
 * A stream of answers, a line each, until the server ends it ('ended'), or, as often as the connection goes, for the next
 * try ('lost').
 */
export function* stream<T>(process: Process, access: Access, method: string, request: unknown, each: (answer: T) => Task<void>): Task<'ended' | 'lost'> {
  const lines = new Utf8Decoder()
  const news = new Signal()
  let waiting: T[] = []
  let rest = ''
  let outcome: { body: Uint8Array } | { last: string } | undefined
  const [endpoint = ''] = access.endpoints
  const calling = process.spawnThread((function* () {
    outcome = yield* once(process, access, endpoint, method, request, Infinity, (data) => {
      const parts = `${rest}${lines.push(data)}`.split('\n')
      rest = parts.pop()!
      waiting.push(...parts.map((line) => JSON.parse(line) as T))
      news.notify()
    })
    news.notify()
  })())
  try {
    for (;;) {
      const batch = waiting
      waiting = []
      for (const answer of batch) yield* each(answer)
      if (waiting.length === 0 && outcome) return 'body' in outcome ? 'ended' : 'lost'
      if (waiting.length === 0) yield news.wait
    }
  } finally {
    calling.kill()
  }
}

function* once(process: Process, { tls }: Access, endpoint: string, method: string, request: unknown, patience: number, onBody?: (data: Uint8Array) => void): Task<{ body: Uint8Array } | { last: string }> {
  const [, scheme, six, four = '', port = '2379'] = /^(?:(https?):\/\/)?(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(endpoint) ?? []
  const host = six ?? four
  const failed = (what: string): { last: string } => ({ last: `connection error: desc = ${JSON.stringify(what)}` })
  const resolved = yield* addressOf(process, host)
  if ('error' in resolved) return failed(`transport: Error while dialing: dial tcp: lookup ${host}: no such host`)
  const place = joinHostPort(resolved.address, Number(port))
  const secured = scheme === 'http' ? undefined : (tls ?? (scheme === 'https' ? { trusted: [], own: [], blind: false } : undefined))
  let problem: string | undefined
  const verify = (chain: readonly Certificate[]): number | undefined => {
    const found = secured!.blind ? undefined : verifyChain(chain, secured!.trusted, process.clock.wall())
    problem = found ? (found.code === 10 || found.code === 9 ? 'certificate has expired or is not yet valid' : 'x509: certificate signed by unknown authority') : secured!.blind ? undefined : hostnameError(chain[0]!, host)
    return problem === undefined ? undefined : ALERTS.badCertificate
  }
  const outcome = yield* wait(process, {
    address: resolved.address, port: Number(port), program: 'etcdctl', method: 'POST', bytes: new Uint8Array(0), connectTimeout: Math.min(patience, 20_000), readTimeout: patience, ...(onBody ? { onBody } : {}),
    http2: { target: `/etcdserverpb.${method}`, headers: [['host', place], ['content-type', 'application/grpc'], ['user-agent', 'grpc-go/1.71.1'], ['te', 'trailers']], body: encodeUtf8(JSON.stringify(request)) },
    ...(secured ? { tls: { ...(isValidIp(host) ? {} : { serverName: host }), alpn: ['h2'], verify, certificates: secured.own } } : {}),
  })
  if ('body' in outcome) return outcome.head.status === 200 ? outcome : failed(`unexpected HTTP status code received from server: ${outcome.head.status}`)
  if ('tunnel' in outcome) return failed('unexpected protocol')
  if (outcome.phase === 'connect') return failed(`transport: Error while dialing: dial tcp ${place}: ${outcome.error === 'ECONNREFUSED' ? 'connect: connection refused' : outcome.error === 'EHOSTUNREACH' ? 'connect: no route to host' : 'i/o timeout'}`)
  if (outcome.phase === 'tls') {
    const why = problem === undefined ? (outcome.tls?.kind === 'not-tls' ? 'tls: first record does not look like a TLS handshake' : outcome.tls?.kind === 'alert' ? `remote error: tls: ${ALERT_WORDS[outcome.tls.alert] ?? 'handshake failure'}` : 'EOF') : `tls: failed to verify certificate: ${problem}`
    return failed(`transport: authentication handshake failed: ${why}`)
  }
  return failed(`error reading server preface: ${outcome.error === 'TLS' && outcome.tls?.kind === 'alert' ? `remote error: tls: ${ALERT_WORDS[outcome.tls.alert] ?? 'bad certificate'}` : 'EOF'}`)
}

function* wait(process: Process, request: Parameters<typeof askUpstream>[1]): Task<UpstreamOutcome> {
  const answered = new Signal()
  let outcome: UpstreamOutcome | undefined
  const stop = askUpstream(process, request, (each) => {
    outcome = each
    answered.notify()
  })
  try {
    while (!outcome) yield answered.wait
  } finally {
    if (!outcome) stop()
  }
  return outcome
}
