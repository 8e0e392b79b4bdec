import { anyOf, canonicalIp, encodeUtf8, isValidIp, resolveHost, Signal, writeRequest, type DigestParameters, type Headers, type Http2Client, type Process, type Task } from '../../../engine/cluster.ts'
import { pause, TcpStream, type SocketError } from '../stream.ts'
import { beginHttp2, exchangeHttp2, type Http2Exchange } from './http2.ts'
import type { Meter } from './meter.ts'
import type { CurlOptions } from './options.ts'
import type { CookieJar } from './cookies.ts'
import type { Sink } from './output.ts'
import { receive } from './receive.ts'
import { requestOf, type Sent } from './request.ts'
import { secure } from './tls.ts'
import type { CurlUrl } from './url.ts'
import type { Verbose } from './verbose.ts'

export interface CurlError { code: number; text: string }

export interface Result {
  status: number
  headers: Headers
  /** For -w. Times are ms since the start. */
  remoteIp: string
  remotePort: number
  localIp: string
  localPort: number
  timeNameLookup: number
  timeConnect: number
  timeAppConnect: number
  timeStartTransfer: number
  timeTotal: number
  /** Spent on what only sent it elsewhere. */
  timeRedirect: number
  sizeDownload: number
  sizeUpload: number
  sizeRequest: number
  sizeHeader: number
  version: string
  method: string
  newConnections: number
  scheme: 'HTTP' | 'HTTPS'
  verifyResult: number
  redirectUrl?: string
  /** 417: without "Expect". */
  askAgain?: boolean
  /** 401: with the answer to this (--digest). */
  challenge?: DigestParameters
}

interface Kept { stream: TcpStream; number: number; http2?: Http2Client | undefined }

/** Connections that one curl keeps open between its transfers: several URLs of one server are asked on one. */
export class ConnectionPool {
  readonly #kept = new Map<string, Kept>()
  #made = 0
  /** Addresses of "HOST:PORT" that have been looked up. */
  readonly names = new Map<string, readonly string[]>()

  nextNumber(): number {
    return this.#made++
  }

  take(url: CurlUrl): Kept | undefined {
    const key = `${url.host}:${url.port}`
    const kept = this.#kept.get(key)
    this.#kept.delete(key)
    return kept?.stream.isOver ? undefined : kept
  }

  put(url: CurlUrl, kept: Kept): void {
    this.#kept.set(`${url.host}:${url.port}`, kept)
  }

  closeAll(): void {
    for (const { stream } of this.#kept.values()) stream.close()
  }
}

/** One request, and everything that it takes. */
export interface Asked {
  process: Process
  options: CurlOptions
  url: CurlUrl
  sent: Sent | undefined
  sink: Sink
  meter: Meter
  verbose: Verbose
  cookies: CookieJar | undefined
  /** Since when, and until when (virtual ms) all of it has to be done. */
  deadline: number
  result: Result
  /** -D: lines of heads. */
  dump?: (text: string) => Task
  /** A server said 417. */
  refusesToExpect?: boolean
  /** What a server wants to have answered: --digest. */
  challenge?: DigestParameters | undefined
}

export function emptyResult(url: CurlUrl): Result {
  return {
    status: 0, headers: [], remoteIp: '', remotePort: 0, localIp: '', localPort: 0,
    timeNameLookup: 0, timeConnect: 0, timeAppConnect: 0, timeStartTransfer: 0, timeTotal: 0, timeRedirect: 0, sizeDownload: 0, sizeUpload: 0, sizeRequest: 0, sizeHeader: 0, version: '0', method: '', newConnections: 0, scheme: url.scheme === 'https' ? 'HTTPS' : 'HTTP', verifyResult: 0,
  }
}

/** One request and its answer, on a connection that is kept open from before or on a new one. */
export function* transfer(asked: Asked, pool: ConnectionPool): Task<Result | CurlError> {
  const { process, options, url, sent, meter, verbose, cookies, result, deadline } = asked
  const { clock } = process
  const start = clock.now
  const note = (text: string): Task => verbose.note(text)
  const kept = pool.take(url)
  if (kept) {
    yield* meter.begin()
    yield* note(`Found bundle for host: 0x5581c7e0ab50 [${kept.http2 ? 'can multiplex' : 'serially'}]`)
    if (!kept.http2) yield* note('Can not multiplex, even if we wanted to')
    yield* note(`Re-using existing connection #${kept.number} with host ${url.host}`)
    return yield* ask(kept.stream, kept.number, kept.http2)
  }
  const number = pool.nextNumber()
  const to = yield* connectTo(options, url, note)
  const known = pool.names.get(`${to.host}:${to.port}`)
  if (known) yield* note(`Hostname ${to.host} was found in DNS cache`)
  yield* meter.begin()
  const patience = Math.min(options.connectTimeout ?? 300_000, deadline - clock.now)
  const addresses = known ?? (yield* lookUpWithin(patience, process, options, to, note))
  if (addresses === 'late') {
    const text = `Resolving timed out after ${Math.floor(clock.now - start)} milliseconds`
    yield* note(text)
    yield* note(`Closing connection ${number}`)
    return { code: 28, text }
  }
  if (!addresses && canonicalIp(to.host) !== undefined) {
    const text = "Couldn't connect to server"
    yield* note(`Closing connection ${number}`)
    return { code: 7, text }
  }
  if (!addresses) {
    const text = `Could not resolve host: ${to.host}`
    yield* note(text)
    yield* note(`Closing connection ${number}`)
    return { code: 6, text }
  }
  pool.names.set(`${to.host}:${to.port}`, addresses)
  result.timeNameLookup = clock.now - start
  result.newConnections++
  let address = ''
  let opened: TcpStream | (SocketError & { gaveUp?: boolean }) = { code: 'ETIMEDOUT', message: '' }
  for (const [i, next] of addresses.entries()) {
    address = next
    yield* note(`  Trying ${address.includes(':') ? `[${address}]` : address}:${to.port}...`)
    const other = addresses.slice(i + 1).some((a) => a.includes(':') !== next.includes(':'))
    // Happy eyeballs: who does not answer at once has a rival of the other family.
    const timeout = Math.min(patience - (clock.now - start), other ? HAPPY_EYEBALLS : Infinity)
    const source = options.interface === undefined ? undefined : sourceOf(process, options.interface, address)
    if (source !== undefined && source !== null && isValidIp(options.interface!.replace(/^host!/, ''))) {
      yield* note(`Name '${source}' family ${source.includes(':') ? 10 : 2} resolved to '${source}' family ${source.includes(':') ? 10 : 2}`)
      if (!process.network.isLocal(source)) {
        const text = 'bind failed with errno 99: Cannot assign requested address'
        yield* note(text)
        return { code: 45, text }
      }
      yield* note('Local port: 0')
    }
    if (source === null) {
      const text = `Couldn't bind to '${options.interface}'`
      yield* note(text)
      return { code: 45, text }
    }
    const [low, high] = options.localPorts ?? [0, 0]
    for (let port = low; ; port++) {
      if (port > 0) yield* note(`Local port: ${port}`)
      opened = yield* TcpStream.open(process, address, to.port, { timeout, ...(source === undefined ? {} : { source }), ...(port > 0 ? { sourcePort: port } : {}) })
      if (port >= high || opened instanceof TcpStream || opened.code !== 'EADDRINUSE') break
    }
    if (opened instanceof TcpStream) break
    if (i + 1 < addresses.length && !opened.gaveUp) yield* note(`connect to ${address} port ${to.port} failed: ${opened.message}`)
  }
  if (!(opened instanceof TcpStream)) return yield* refused(opened, clock.now - start)
  result.timeConnect = clock.now - start
  yield* note(`Connected to ${shownHost(url, to)} (${address}) port ${to.port} (#${number})`)
  if (options.announces) {
    const { localAddress, localPort, remotePort } = opened.connection
    opened.write(encodeUtf8(`PROXY TCP${address.includes(':') ? '6' : '4'} ${localAddress} ${address} ${localPort} ${remotePort}\r\n`))
  }
  if (url.scheme === 'https') {
    const secured = yield* secure(process, options, url, opened, verbose, Math.min(deadline, start + patience))
    yield* verbose.flush()
    if ('code' in secured) {
      yield* note(`Closing connection ${number}`)
      opened.close()
      if (secured.code === 77) verbose.add(secured.text)
      yield* verbose.flush()
      return secured
    }
    result.timeAppConnect = clock.now - start
    result.verifyResult = secured.verifyResult
    if (secured.info.alpn === 'h2') {
      const http2 = beginHttp2(opened)
      yield* note('using HTTP/2')
      return yield* ask(opened, number, http2)
    }
  } else if (options.http2Prior) return yield* ask(opened, number, beginHttp2(opened))
  return yield* ask(opened, number)

  function* ask(stream: TcpStream, connectionNumber: number, http2?: Http2Client): Task<Result | CurlError> {
    const { connection } = stream
    Object.assign(result, { remoteIp: connection.peer?.address ?? connection.remoteAddress, remotePort: connection.peer?.port ?? connection.remotePort, localIp: connection.localAddress, localPort: connection.localPort })
    const user = options.user ?? url.user
    if (user !== undefined) yield* note(`Server auth using ${options.digest ? 'Digest' : 'Basic'} with user '${user.split(':')[0]}'`)
    // before it knows what to answer it keeps its body to itself
    const body0 = sent && options.digest && user !== undefined && !asked.challenge ? { ...sent, body: new Uint8Array(0), first: undefined, chunked: false } : sent
    const request = requestOf(options, url, http2 && body0 ? { ...body0, chunked: false } : body0, cookies?.for(url, Math.floor(clock.wall() / 1000)), !asked.refusesToExpect && !http2, asked.challenge, clock.random)
    const { method, target, headers, body } = request
    let exchange: Http2Exchange | undefined
    if (http2) exchange = yield* exchangeHttp2(http2, url, request, sent?.chunked ?? false, verbose)
    const shown: Headers = exchange?.headers ?? headers
    const bytes = writeRequest(method, target, shown, request.expects ? undefined : body)
    if (!http2) stream.write(options.http10 ? encodeUtf8(new TextOf(bytes).text.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n')) : bytes)
    yield* verbose.lines(`> ${method} ${target} HTTP/${http2 ? '2' : options.http10 ? '1.0' : '1.1'}\n` + shown.map(([n, v]) => `> ${n}: ${v}\n`).join('') + '> \n')
    const length = body?.length ?? 0
    const uploaded = (): void => {
      meter.uploadTotal = meter.sent = length
      if (length > 0) verbose.data(true, request.first ?? length, body?.subarray(0, request.first ?? length))
      // a body by itself, not in one piece with the head
      if (length > 0 && request.first !== undefined) verbose.add('We are completely uploaded and fine')
      result.sizeUpload = length
    }
    if (!request.expects) uploaded()
    meter.uploadTotal = length
    yield* verbose.flush()
    Object.assign(result, { method, sizeRequest: result.sizeRequest + bytes.length - (http2 ? 2 : 0) - (request.expects ? 0 : length) })
    const consent = function* (): Task {
      stream.write(body!)
      uploaded()
      yield* verbose.flush()
    }
    const received = yield* receive(asked, stream, deadline, start, request.expects && length > 0 ? consent : undefined, exchange)
    if ('code' in received) {
      yield* note(received.text)
      if (exchange && received.code === 92) {
        pool.put(url, { stream, number: connectionNumber, http2 })
        yield* note(`Connection #${connectionNumber} to host ${kept ? url.host : shownHost(url, to)} left intact`)
        return received
      }
      yield* note(`Closing connection ${connectionNumber}`)
      stream.close()
      yield* verbose.flush()
      return received
    }
    result.timeTotal = clock.now - start
    if (received.again) result.askAgain = true
    if (received.keep) {
      pool.put(url, { stream, number: connectionNumber, http2 })
      yield* note(`Connection #${connectionNumber} to host ${kept ? url.host : shownHost(url, to)} left intact`)
    } else {
      yield* note(`Closing connection ${connectionNumber}`)
      stream.close()
      yield* verbose.flush()
    }
    return result
  }

  function* refused(error: SocketError & { gaveUp?: boolean }, ms: number): Task<CurlError> {
    const took = Math.floor(ms) + (error.gaveUp ? 1 : 0)
    if (error.gaveUp && deadline <= clock.now) {
      const text = `Connection timed out after ${took} milliseconds`
      yield* note(text)
      yield* note(`Closing connection ${number}`)
      return { code: 28, text }
    }
    const timeout = error.code === 'ETIMEDOUT'
    if (error.gaveUp) yield* note(`${address.includes(':') ? 'ipv6' : 'ipv4'} connect timeout after ${Math.floor(patience)}ms, move on!`)
    else yield* note(`connect to ${address} port ${to.port} failed: ${error.message}`)
    const text = `Failed to connect to ${to.host} port ${to.port} after ${took} ms: ${error.gaveUp ? 'Timeout was reached' : "Couldn't connect to server"}`
    yield* note(text)
    yield* note(`Closing connection ${number}`)
    return { code: timeout ? 28 : 7, text }
  }
}

/** Bytes of a request head are ASCII. */
class TextOf {
  readonly text: string
  constructor(bytes: Uint8Array) {
    this.text = Array.from(bytes, (b) => String.fromCharCode(b)).join('')
  }
}

/** CURL_HET_DEFAULT, in ms. */
const HAPPY_EYEBALLS = 200

/** --connect-to: where the connection for a URL goes instead. */
function* connectTo(options: CurlOptions, { host, port }: CurlUrl, note: (text: string) => Task): Task<{ host: string; port: number }> {
  for (const rule of options.connectTo) {
    const match = /^(\[[^\]]*\]|[^:]*):(\d*):(\[[^\]]*\]|[^:]*):(\d*)$/.exec(rule)
    if (!match || (match[1] !== '' && match[1] !== host) || (match[2] !== '' && Number(match[2]) !== port)) continue
    const to = { host: match[3]!.replace(/^\[|\]$/g, '') || host, port: Number(match[4] || port) }
    if (match[3] !== '') yield* note(`Connecting to hostname: ${to.host}`)
    if (match[4] !== '') yield* note(`Connecting to port: ${to.port}`)
    return to
  }
  return { host, port }
}

/** As 7.88.1 prints the host behind --connect-to. */
function shownHost(url: CurlUrl, to: { host: string }): string {
  return to.host === url.host ? url.host : '(nil)'
}

/** The resolver has a thread of its own, for which curl waits no longer than `patience` ms. */
function* lookUpWithin(patience: number, process: Process, options: CurlOptions, url: Pick<CurlUrl, 'host' | 'port'>, note: (text: string) => Task): Task<readonly string[] | undefined | 'late'> {
  if (options.connectTimeout === undefined && options.maxTime === undefined) return yield* lookUp(process, options, url, note)
  const end = process.clock.now + patience
  const done = new Signal()
  const thread = process.spawnThread(
    (function* () {
      const found = yield* lookUp(process, options, url, note)
      done.notify()
      return found
    })(),
  )
  while (!thread.outcome && process.clock.now < end) yield anyOf(done.wait, pause(process, end - process.clock.now))
  if (thread.outcome?.kind === 'returned') return thread.outcome.value
  thread.kill()
  return 'late'
}

/** In the order in which they are tried. */
function* lookUp(process: Process, options: CurlOptions, url: Pick<CurlUrl, 'host' | 'port'>, note: (text: string) => Task): Task<readonly string[] | undefined> {
  const { family } = options
  for (const rule of options.resolve) {
    const match = /^(.+?):(\d+):(.+)$/.exec(rule)
    if (!match) continue
    yield* note(`Added ${match[1]}:${match[2]}:${match[3]} to DNS cache`)
    if ((match[1] !== url.host && match[1] !== '*') || Number(match[2]) !== url.port) continue
    yield* note(`Hostname ${url.host} was found in DNS cache`)
    return match[3]!.split(',').map((a) => a.replace(/^\[|\]$/g, ''))
  }
  const literal = canonicalIp(url.host)
  if (literal !== undefined) return family !== undefined && literal.includes(':') !== (family === 6) ? undefined : [literal]
  const resolved = yield* resolveHost(process, url.host, family === undefined ? {} : { family })
  return 'error' in resolved ? undefined : resolved.addresses
}

/** --interface: an address, or an interface's first of the family; null where there is no such thing. */
function sourceOf(process: Process, name: string, to: string): string | null {
  const text = name.replace(/^(if|host)!/, '')
  if (isValidIp(text)) return text
  return process.network.links.get(text)?.addresses.find((a) => a.address.includes(':') === to.includes(':'))?.address ?? null
}
