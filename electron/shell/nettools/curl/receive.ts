import { headerOf, HttpSyntaxError, ResponseParser, type Headers, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import type { TcpStream } from '../stream.ts'
import type { Http2Exchange } from './http2.ts'
import { date } from './numbers.ts'
import { challengeOf, unanswerable } from './digest.ts'
import { decoderOf } from './encoding.ts'
import { ended } from './tls.ts'
import type { Asked, CurlError } from './transfer.ts'

export interface Answer {
  keep: boolean
  /** 417: to be asked again without "Expect". */
  again: boolean
}

const isInterim = ({ status }: ResponseHead): boolean => status < 200 && status !== 101

/** The answer to a request: heads of 1xx, the head, the body. `consent`: sends the body that waits for "100 Continue". */
export function* receive(asked: Asked, stream: TcpStream, deadline: number, start: number, consent: (() => Task) | undefined, http2?: Http2Exchange): Task<CurlError | Answer> {
  const { process, options, url, result, sink, meter, verbose, cookies } = asked
  const { clock } = process
  const heads: ResponseHead[] = []
  const chunks: Uint8Array[] = []
  let head: ResponseHead | undefined
  let whole = false
  const trailers: Headers[] = []
  const answers = {
    onHead: (h: ResponseHead): void => {
      heads.push(h)
      if (!isInterim(h)) head = h
    },
    onBody: (data: Uint8Array): void => void chunks.push(data),
    onComplete: (): void => void (whole = head !== undefined),
    onTrailers: (headers: Headers): void => void trailers.push(headers),
  }
  const parser = http2 ?? new ResponseParser(answers)
  if (parser instanceof ResponseParser) {
    parser.withoutBody = options.head
    parser.bodyAfterSwitch = true
  } else parser.follow(answers)
  let waiting = consent
  let permitted = false
  let ignored = false
  let again = false
  let close = false
  // HTTP/0.9: a body and nothing else
  let bare = false
  // of an answer in chunks: what came, as it came
  let coded: Uint8Array | undefined
  let before: Uint8Array = new Uint8Array(0)
  // --compressed: nothing is written before all of it is there
  let decode: ReturnType<typeof decoderOf>
  let encoded: Uint8Array = new Uint8Array(0)
  const consentBy = clock.now + options.expectTimeout
  const started = clock.now

  while (!whole) {
    const data = yield* stream.read(process, waiting ? Math.min(deadline, consentBy) : deadline)
    yield* verbose.flush()
    try {
      if (data === null) {
        if (!head) return { code: 52, text: 'Empty reply from server' }
        if (!bare && !parser.end()) return { code: 18, text: cutOff(head, result.sizeDownload) }
        whole = true
      } else if (data instanceof Uint8Array) {
        if (!head && before.length === 0 && !http2 && !startsAsHttp(data)) {
          if (!options.http09) return { code: 1, text: 'Received HTTP/0.9 when not allowed' }
          bare = true
          head = { kind: 'response', version: '0.9', status: 0, reason: '', headers: [] }
          result.timeStartTransfer = clock.now - start
        }
        if (coded === undefined && !head) before = joined(before, data)
        if (bare) chunks.push(data)
        else parser.push(data)
        if (head && !http2 && isChunked(head)) coded = coded === undefined ? bodyOf(before) : data
        const broken = head && whole ? undefined : http2?.problem
        if (broken) return broken
      }
      else if (data.alert !== undefined) {
        const refused = ended(data.alert)
        verbose.add(refused.text)
        return refused
      } else if (data.code !== 'ETIMEDOUT') return { code: 56, text: `Recv failure: ${data.message}` }
      else if (waiting && clock.now < deadline) {
        verbose.add('Done waiting for 100-continue')
        yield* permit()
      } else {
        const length = head ? Number(headerOf((head as ResponseHead).headers, 'content-length') ?? 0) : 0
        return { code: 28, text: `Operation timed out after ${Math.floor(clock.now - start) + 1} milliseconds with ${result.sizeDownload} ${length > 0 ? `out of ${length} ` : ''}bytes received` }
      }
    } catch (error) {
      if (error instanceof HttpSyntaxError) return { code: 1, text: error.message }
      throw error
    }
    for (const next of heads.splice(0)) {
      const refusal = yield* told(next)
      if (refusal) return refusal
    }
    if (coded?.length && !ignored) {
      verbose.data(false, coded.length, coded)
      yield* verbose.flush()
      if (options.raw) {
        chunks.length = 0
        chunks.push(coded)
      }
      coded = new Uint8Array(0)
    }
    for (const chunk of chunks.splice(0)) {
      if (result.sizeDownload === 0 && !ignored) {
        const decoder = options.compressed && !options.raw ? decoderOf(head!) : undefined
        if (decoder && 'code' in decoder) return decoder
        decode = decoder
        if (notMet(head!)) return { keep: false, again: false }
      }
      const refusal = yield* taken(chunk)
      if (refusal) return refusal
    }
    if (permitted) yield* permit()
    for (const lines of trailers.splice(0)) {
      const refusal = yield* after(lines)
      if (refusal) return refusal
    }
  }
  if (typeof decode === 'function' && encoded.length > 0) {
    const plain = decode(encoded)
    const refusal = 'code' in plain ? plain : yield* sink.body(plain)
    if (refusal) return refusal
  }
  if (options.failWithBody && result.status >= 400) return { code: 22, text: `The requested URL returned error: ${result.status}` }
  const said = (headerOf(head!.headers, 'connection') ?? '').toLowerCase()
  if (http2) return { keep: !stream.isOver && http2.keeps, again: false }
  return { keep: !close && (head!.version === '1.1' ? said !== 'close' && !stream.isOver : said === 'keep-alive' && !stream.isOver), again }

  function* permit(): Task {
    const send = waiting
    waiting = undefined
    if (send) yield* send()
  }

  function* after(lines: Headers): Task<CurlError | undefined> {
    const texts = lines.map(([name, value]) => `${name}: ${value}`)
    result.sizeHeader += texts.reduce((n, l) => n + l.length + 2, 0)
    yield* verbose.lines(texts.map((l) => `< ${l}\n`).join(''))
    return options.include || options.head ? yield* sink.head(texts.map((l) => `${l}\r\n`).join('')) : undefined
  }

  function* told(h: ResponseHead): Task<CurlError | undefined> {
    const first = `HTTP/${h.version} ${h.status}${h.reason || http2 ? ` ${h.reason}` : ''}`
    const lines = [first, ...h.headers.map(([n, v]) => `${n}: ${v}`), '']
    result.sizeHeader += lines.reduce((n, l) => n + l.length + 2, 0)
    const whole = lines.map((l) => `${l}\r\n`).join('')
    if (asked.dump) yield* asked.dump(whole)
    const shown = options.include || options.head ? whole : undefined
    if (isInterim(h)) {
      yield* verbose.lines(lines.slice(0, -1).map((l) => `< ${l}\n`).join(''))
      permitted ||= h.status === 100
      return shown === undefined ? undefined : yield* sink.head(shown)
    }
    Object.assign(result, { timeStartTransfer: clock.now - start, status: h.status, headers: h.headers, version: h.version === '1.0' ? '1' : h.version })
    meter.total = Number(headerOf(h.headers, 'content-length') ?? 0)
    if (h.version === '1.0') verbose.add('HTTP 1.0, assume close after body')
    yield* verbose.lines(`< ${first}\n`)
    for (const [name, value] of h.headers) {
      if (cookies && name.toLowerCase() === 'set-cookie') cookies.receive(value, url, Math.floor(clock.wall() / 1000), verbose)
      if (name.toLowerCase() === 'location' && options.location && h.status >= 300 && h.status < 400 && result.sizeUpload > 0) verbose.add('Please rewind output before next send')
      yield* verbose.lines(`< ${name}: ${value}\n`)
    }
    if (options.maxFileSize !== undefined && meter.total > options.maxFileSize) return { code: 63, text: 'Maximum file size exceeded' }
    const elsewhere = options.location && h.status >= 300 && h.status < 400 && headerOf(h.headers, 'location') !== undefined
    if (waiting && !permitted) {
      again = h.status === 417
      close = h.status >= 300 && !again
      if (again) verbose.add('Got 417 while waiting for a 100')
      else if (close && !elsewhere) verbose.add('HTTP error before end of send, stop sending')
      waiting = undefined
    }
    const challenge = h.status === 401 && options.digest && (options.user ?? url.user) !== undefined && !asked.challenge ? challengeOf(h.headers) : undefined
    const strange = challenge && unanswerable(challenge)
    if (strange !== undefined) return { code: 69, text: `podhop: not simulated: ${strange}` }
    if (challenge) result.challenge = challenge
    ignored = again || elsewhere || challenge !== undefined
    if (options.fail && !options.failWithBody && h.status >= 400 && !again && !challenge) {
      stream.close()
      return { code: 22, text: `The requested URL returned error: ${h.status}` }
    }
    yield* verbose.lines('< \n')
    const named = ignored ? undefined : yield* sink.named(h.headers)
    return named ?? (shown === undefined ? undefined : yield* sink.head(shown))
  }

  /** -z, where the server has not looked at the date by itself. */
  function notMet(h: ResponseHead): boolean {
    const condition = options.range === undefined ? options.timeCondition : undefined
    const [at, modified] = [condition === undefined ? undefined : date(condition.replace(/^[-+=]/, '')), date(headerOf(h.headers, 'last-modified') ?? '')]
    if (at === undefined || modified === undefined || (condition!.startsWith('-') ? modified <= at : modified > at)) return false
    verbose.add(`The requested document is not ${condition!.startsWith('-') ? 'old' : 'new'} enough`)
    verbose.add('Simulate an HTTP 304 response')
    result.status = 304
    return true
  }

  function* taken(chunk: Uint8Array): Task<CurlError | undefined> {
    if (coded === undefined) verbose.data(false, chunk.length, chunk)
    if (ignored) verbose.add('Ignoring the response-body')
    yield* verbose.flush()
    if (ignored) return undefined
    // who was asked for the rest of it
    if (options.resumeFrom > 0 && result.sizeDownload === 0 && headerOf(head!.headers, 'content-range') === undefined && !options.head && result.sizeUpload === 0) {
      if (result.status === 416) return undefined
      return { code: 33, text: "HTTP server doesn't seem to support byte ranges. Cannot resume." }
    }
    const step = options.limitRate ?? chunk.length
    for (let at = 0; at < chunk.length; at += step) {
      const piece = chunk.subarray(at, at + step)
      // it waits before it reads on, never after the last
      const due = options.limitRate === undefined ? 0 : started + (result.sizeDownload * 1000) / options.limitRate
      if (due > clock.now) yield* process.sleep(due - clock.now)
      result.sizeDownload += piece.length
      meter.received = result.sizeDownload
      if (meter.total < meter.received) meter.total = meter.received
      if (decode) {
        encoded = joined(encoded, piece)
        continue
      }
      const refusal = yield* sink.body(piece)
      if (refusal) return refusal
    }
    return undefined
  }
}

/** As far as there is something to see. */
const startsAsHttp = (bytes: Uint8Array): boolean => [...'HTTP/'].every((c, i) => i >= bytes.length || bytes[i] === c.charCodeAt(0))

const isChunked = (head: ResponseHead): boolean => /\bchunked\s*$/i.test(headerOf(head.headers, 'transfer-encoding') ?? '')

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/** What stands behind the head. */
function bodyOf(bytes: Uint8Array): Uint8Array {
  for (let i = 0; i + 3 < bytes.length; i++) if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return bytes.subarray(i + 4)
  return new Uint8Array(0)
}

function cutOff(head: ResponseHead, received: number): string {
  const length = headerOf(head.headers, 'content-length')
  return length === undefined ? 'transfer closed with outstanding read data remaining' : `transfer closed with ${Math.max(0, Number(length) - received)} bytes remaining to read`
}
