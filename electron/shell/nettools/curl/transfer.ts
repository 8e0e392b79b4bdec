import { canonicalIp, encodeUtf8, headerOf, isValidIp, resolveHost, ResponseParser, writeRequest, HttpSyntaxError, type Headers, type Process, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import { TcpStream, type SocketError } from '../stream.ts'
import type { Meter } from './meter.ts'
import type { CurlOptions } from './options.ts'
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
}

interface Kept { stream: TcpStream; number: number }

/** Connections that one curl keeps open between its transfers: several URLs of one server are asked on one. */
export class ConnectionPool {
  readonly #kept = new Map<string, Kept>()
  #made = 0

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

export interface Sink {
  head(text: string): Task
  body(data: Uint8Array): Task
}

/** One request and its answer, on a connection that is kept open from before or on a new one. */
export function* transfer(process: Process, options: CurlOptions, url: CurlUrl, pool: ConnectionPool, sink: Sink, meter: Meter, verbose: Verbose): Task<Result | CurlError> {
  const { clock } = process
  const start = clock.now
  const deadline = options.maxTime === undefined ? Infinity : start + options.maxTime
  const note = (text: string): Task => verbose.note(text)
  const result: Result = {
    status: 0, headers: [], remoteIp: '', remotePort: 0, localIp: '', localPort: 0,
    timeNameLookup: 0, timeConnect: 0, timeAppConnect: 0, timeStartTransfer: 0, timeTotal: 0, sizeDownload: 0, sizeUpload: 0, sizeRequest: 0, sizeHeader: 0, version: '0', method: '', newConnections: 0, scheme: url.scheme === 'https' ? 'HTTPS' : 'HTTP', verifyResult: 0,
  }
  const kept = pool.take(url)
  if (kept) {
    yield* note(`Found bundle for host: 0x5581c7e0ab50 [serially]`)
    yield* note('Can not multiplex, even if we wanted to')
    yield* note(`Re-using existing connection #${kept.number} with host ${url.host}`)
    return yield* ask(kept.stream, kept.number)
  }
  const number = pool.nextNumber()
  const to = yield* connectTo(options, url, note)
  const addresses = yield* lookUp(process, options, to, note)
  if (!addresses) {
    const text = `Could not resolve host: ${to.host}`
    yield* note(text)
    yield* note(`Closing connection ${number}`)
    return { code: 6, text }
  }
  result.timeNameLookup = clock.now - start
  result.newConnections = 1
  const patience = Math.min(options.connectTimeout ?? 300_000, deadline - clock.now)
  let address = ''
  let opened: TcpStream | (SocketError & { gaveUp?: boolean }) = { code: 'ETIMEDOUT', message: '' }
  for (const [i, next] of addresses.entries()) {
    address = next
    yield* note(`  Trying ${address.includes(':') ? `[${address}]` : address}:${to.port}...`)
    const other = addresses.slice(i + 1).some((a) => a.includes(':') !== next.includes(':'))
    // Happy eyeballs: who does not answer at once has a rival of the other family.
    const timeout = Math.min(patience - (clock.now - start), other ? HAPPY_EYEBALLS : Infinity)
    const source = options.interface === undefined ? undefined : sourceOf(process, options.interface, address)
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
  }
  return yield* ask(opened, number)

  function* ask(stream: TcpStream, connectionNumber: number): Task<Result | CurlError> {
    const { connection } = stream
    Object.assign(result, { remoteIp: connection.peer?.address ?? connection.remoteAddress, remotePort: connection.peer?.port ?? connection.remotePort, localIp: connection.localAddress, localPort: connection.localPort })
    const user = options.user ?? url.user
    if (user !== undefined) yield* note(`Server auth using Basic with user '${user.split(':')[0]}'`)
    const head = requestHead(options, url)
    const bytes = writeRequest(head.method, head.target, head.headers, head.body)
    stream.write(options.http10 ? encodeUtf8(new TextOf(bytes).text.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n')) : bytes)
    yield* verbose.lines(`> ${head.method} ${head.target} HTTP/${options.http10 ? '1.0' : '1.1'}\n` + head.headers.map(([n, v]) => `> ${n}: ${v}\n`).join('') + '> \n')
    meter.uploadTotal = meter.sent = head.body?.length ?? 0
    if (head.body && head.body.length > 0) verbose.data(true, head.body.length)
    yield* verbose.flush()
    Object.assign(result, { method: head.method, sizeUpload: meter.sent, sizeRequest: bytes.length - meter.sent })
    const received = yield* receive(process, options, stream, deadline, start, result, sink, meter, verbose)
    if ('code' in received) {
      yield* note(received.text)
      yield* note(`Closing connection ${connectionNumber}`)
      stream.close()
      yield* verbose.flush()
      return received
    }
    result.timeTotal = clock.now - start
    if (received.keep) {
      pool.put(url, { stream, number: connectionNumber })
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

function requestHead(options: CurlOptions, url: CurlUrl): { method: string; target: string; headers: Headers; body?: Uint8Array } {
  const inBody = options.data !== undefined && !options.dataInUrl
  const method = options.method ?? (options.head ? 'HEAD' : inBody ? 'POST' : 'GET')
  const target = options.data !== undefined && options.dataInUrl ? `${url.target}${url.target.includes('?') ? '&' : '?'}${options.data}` : url.target
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  const defaults: Headers = [
    ['Host', url.port === (url.scheme === 'https' ? 443 : 80) ? host : `${host}:${url.port}`],
    ...(options.user ?? url.user ? [['Authorization', `Basic ${base64(options.user ?? url.user!)}`] as [string, string]] : []),
    ['User-Agent', options.userAgent],
    ['Accept', '*/*'],
    ...(options.compressed ? [['Accept-Encoding', 'deflate, gzip, br, zstd'] as [string, string]] : []),
    ...(options.referer === undefined ? [] : [['Referer', options.referer] as [string, string]]),
    ...(options.cookies.length === 0 ? [] : [['Cookie', options.cookies.join(';')] as [string, string]]),
    ...(options.http2 && url.scheme === 'http' ? ([['Connection', 'Upgrade, HTTP2-Settings'], ['Upgrade', 'h2c'], ['HTTP2-Settings', 'AAMAAABkAAQCAAAAAAIAAAAA']] as [string, string][]) : []),
  ]
  const own = [...options.headers, ...(options.json ? ['Content-Type: application/json', 'Accept: application/json'].filter((h) => !options.headers.some((o) => o.toLowerCase().startsWith(h.slice(0, h.indexOf(':') + 1).toLowerCase()))) : [])].map((h) => {
    const at = h.search(/[:;]/)
    return [at < 0 ? h : h.slice(0, at), at < 0 ? '' : h.slice(at + 1).trim(), h[at]] as const
  })
  const overridden = (name: string): boolean => own.some(([n]) => n.toLowerCase() === name.toLowerCase())
  // the student's Host stands where curl's own would
  const ownHost = own.find(([n]) => n.toLowerCase() === 'host')
  const headers: Headers = defaults
    .map(([n, v]) => (n === 'Host' && ownHost ? ([n, ownHost[1]] as [string, string]) : ([n, v] as [string, string])))
    .filter(([n]) => n === 'Host' || !overridden(n))
  for (const [name, value, mark] of own) if (name.toLowerCase() !== 'host' && (value !== '' || mark === ';')) headers.push([name, value])
  if (!inBody) return { method, target, headers }
  const body = encodeUtf8(options.data!)
  if (!overridden('content-length')) headers.push(['Content-Length', String(body.length)])
  if (!overridden('content-type')) headers.push(['Content-Type', 'application/x-www-form-urlencoded'])
  return { method, target, headers, body }
}

function base64(text: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const bytes = encodeUtf8(text)
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += letters[n >> 18]! + letters[(n >> 12) & 63]! + (i + 1 < bytes.length ? letters[(n >> 6) & 63]! : '=') + (i + 2 < bytes.length ? letters[n & 63]! : '=')
  }
  return out
}

function* receive(process: Process, options: CurlOptions, stream: TcpStream, deadline: number, start: number, result: Result, sink: Sink, meter: Meter, verbose: Verbose): Task<CurlError | { keep: boolean }> {
  let head: ResponseHead | undefined
  let complete = false
  const chunks: Uint8Array[] = []
  const parser = new ResponseParser({
    onHead: (h) => void (head = h),
    onBody: (data) => void chunks.push(data),
    onComplete: () => void (complete = true),
  })
  parser.withoutBody = options.head
  parser.bodyAfterSwitch = true
  let announced = false
  let ignored = false
  while (!complete) {
    const data = yield* stream.read(process, deadline)
    yield* verbose.flush()
    try {
      if (data === null) {
        const whole = parser.end()
        if (!head) return { code: 52, text: 'Empty reply from server' }
        if (!whole) return { code: 18, text: `transfer closed with ${remaining(head, result.sizeDownload)} bytes remaining to read` }
        complete = true
      } else if (!(data instanceof Uint8Array)) {
        if (data.code === 'ETIMEDOUT') {
          const length = head ? Number(headerOf((head as ResponseHead).headers, 'content-length') ?? 0) : 0
          return { code: 28, text: `Operation timed out after ${Math.floor(process.clock.now - start) + 1} milliseconds with ${result.sizeDownload} ${length > 0 ? `out of ${length} ` : ''}bytes received` }
        }
        return { code: 56, text: `Recv failure: ${data.message}` }
      } else parser.push(data)
    } catch (error) {
      if (error instanceof HttpSyntaxError) return { code: 1, text: error.message }
      throw error
    }
    if (head && !announced) {
      announced = true
      result.timeStartTransfer = process.clock.now - start
      result.status = head.status
      result.headers = head.headers
      result.version = head.version === '1.1' ? '1.1' : '1'
      meter.total = Number(headerOf(head.headers, 'content-length') ?? 0)
      const lines = [`HTTP/${head.version} ${head.status}${head.reason ? ` ${head.reason}` : ''}`, ...head.headers.map(([n, v]) => `${n}: ${v}`), '']
      result.sizeHeader += lines.reduce((n, l) => n + l.length + 2, 0)
      if (head.version === '1.0') verbose.add('HTTP 1.0, assume close after body')
      yield* verbose.lines(lines.map((l) => `< ${l}\n`).join(''))
      ignored = options.location && head.status >= 300 && head.status < 400 && headerOf(head.headers, 'location') !== undefined
      if (options.fail && !options.failWithBody && head.status >= 400) {
        stream.close()
        return { code: 22, text: `The requested URL returned error: ${head.status}` }
      }
      if (options.include || options.head) yield* sink.head(lines.map((l) => `${l}\r\n`).join(''))
    }
    for (const chunk of chunks.splice(0)) {
      verbose.data(false, chunk.length)
      if (ignored) verbose.add('Ignoring the response-body')
      yield* verbose.flush()
      if (ignored) continue
      result.sizeDownload += chunk.length
      meter.received = result.sizeDownload
      if (meter.total < meter.received) meter.total = meter.received
      yield* sink.body(chunk)
    }
  }
  if (options.failWithBody && result.status >= 400) return { code: 22, text: `The requested URL returned error: ${result.status}` }
  const said = (headerOf(head!.headers, 'connection') ?? '').toLowerCase()
  return { keep: head!.version === '1.1' ? said !== 'close' && !stream.isOver : said === 'keep-alive' && !stream.isOver }
}

function remaining(head: ResponseHead, received: number): number {
  return Math.max(0, Number(headerOf(head.headers, 'content-length') ?? 0) - received)
}
