import { base64Of, encodeUtf8, headerOf, writeRequest, type Headers, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import { date, httpDate } from '../curl/numbers.ts'
import { Verbose } from '../curl/verbose.ts'
import { loginOf } from '../netrc.ts'
import { TcpStream } from '../stream.ts'
import { Answer } from './answer.ts'
import { authorities, connect, type ConnectFailure } from './connect.ts'
import { chooseFile, clobbers, extend } from './naming.ts'
import { Bar, Dots, humanSize, type Progress } from './progress.ts'
import { NotSimulatedError, type Session } from './session.ts'
import { bracketed, isUsualPort, targetOf, type WgetUrl } from './url.ts'

/** One document on its way, through all tries (struct http_stat). */
export interface Fetch {
  url: WgetUrl
  referer: string | undefined
  headOnly: boolean
  conditional: boolean
  method: string | undefined
  body: Uint8Array | undefined
  /** From where on it is asked for, in bytes. */
  restart: number
  file: string | undefined
  existenceChecked: boolean
  old: { name: string; size: number; time: number } | undefined
  status: number
  reason: string
  /** Length as the server says, with what is there already; -1: it does not say. */
  total: number
  length: number
  received: number
  /** ms */
  spent: number
  readError: string | undefined
  location: string | undefined
  modified: string | undefined
  ok: boolean
  type: 'html' | 'css' | undefined
}

export type Ended = ConnectFailure | 'finished' | 'unneeded' | 'headers' | 'eof' | 'range' | 'gateway' | 'login' | 'moved' | 'moved-keeping' | { cannotWrite: string }

/** Below this a body that nobody wants is read, so that the connection can be used again (SKIP_SIZE). */
const SKIPPED = 4096

export function* ask(session: Session, fetch: Fetch, count: number): Task<Ended> {
  const { options, process } = session
  const { url } = fetch
  if (url.scheme === 'https') session.trusted ??= yield* authorities(session)
  let authorization = basicCredentials(session, url)
  let sentLogin = authorization !== undefined
  for (;;) {
    const stream = yield* connect(session, url)
    if (!(stream instanceof TcpStream)) return stream
    const { method, headers } = requestOf(session, fetch, authorization)
    stream.write(writeRequest(method, targetOf(url), headers, fetch.body))
    yield* session.say('HTTP request sent, awaiting response... ')
    const answer = new Answer(session, stream, method === 'HEAD')
    const failure = yield* answer.head()
    if (failure) {
      stream.close()
      yield* session.tell(failure.text)
      return failure.kind
    }
    const head = answer.response!
    if (options.compression && /gzip/i.test(headerOf(head.headers, 'content-encoding') ?? '')) throw new NotSimulatedError('wget --compression with an answer that is compressed (use --compression=none)')
    if (options.serverResponse) yield* session.say('\n')
    else yield* session.say(`${head.status} ${head.reason}\n`)
    if (options.serverResponse) yield* session.always(`  ${firstLine(head)}\n${head.headers.map(([n, v]) => `  ${n}: ${v}\n`).join('')}`)
    if (options.cookies) for (const [name, value] of head.headers) if (name.toLowerCase() === 'set-cookie') session.cookies.receive(value, { ...url, target: targetOf(url), user: undefined }, Math.floor(process.clock.wall() / 1000), Verbose.silent(process))
    const keep = options.keepAlive && !options.ignoreLength && headerOf(head.headers, 'connection')?.toLowerCase() !== 'close'
    const finish = (): void => {
      if (keep && !stream.isOver) session.kept = { stream, host: url.host, port: url.port, tls: url.scheme === 'https' }
      else stream.close()
    }
    const skip = function* (): Task {
      if (keep && method !== 'HEAD' && (yield* answer.skip(SKIPPED))) finish()
      else stream.close()
    }
    if (head.status !== 401) return yield* taken(session, fetch, answer, count, { finish, skip, close: () => stream.close() })
    yield* skip()
    const challenge = yield* challenged(session, url, head.headers, sentLogin)
    if (challenge === undefined) return 'login'
    authorization = challenge
    sentLogin = true
  }
}

interface Endings { finish(): void; skip(): Task; close(): void }

const firstLine = (head: ResponseHead): string => `HTTP/${head.version} ${head.status}${head.reason ? ` ${head.reason}` : ''}`

/** What is done with an answer that is none of 401. */
function* taken(session: Session, fetch: Fetch, answer: Answer, count: number, { finish, skip, close }: Endings): Task<Ended> {
  const { options } = session
  const head = answer.response!
  const named = yield* chooseFile(session, fetch, head)
  if (named) {
    close()
    return named
  }
  const { headers, status } = head
  fetch.status = status
  fetch.reason = head.reason || '(no description)'
  fetch.location = headerOf(headers, 'location')
  fetch.modified = headerOf(headers, 'last-modified')
  const type = headerOf(headers, 'content-type')?.replace(/\s*;.*$/s, '')
  const said = options.ignoreLength ? undefined : headerOf(headers, 'content-length')
  let length = said !== undefined && /^\d+$/.test(said) ? Number(said) : -1
  let from = 0
  const range = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)/i.exec(headerOf(headers, 'content-range') ?? '')
  if (range) {
    from = Number(range[1])
    length = Number(range[2]) - from + 1
  }
  const none = function* (ended: Ended, end: () => Task | void): Task<Ended> {
    Object.assign(fetch, { length: 0, received: 0, readError: undefined, restart: 0 })
    const work = end()
    if (work) yield* work
    return ended
  }
  fetch.ok = status >= 200 && status < 300
  if (status === 204) {
    fetch.total = -1
    return yield* none('finished', finish)
  }
  if ([301, 302, 303, 307, 308].includes(status) || (status === 300 && fetch.location !== undefined)) {
    yield* session.say(`Location: ${fetch.location ?? 'unspecified'}${fetch.location === undefined ? '' : ' [following]'}\n`)
    const keeps = status === 307 || status === 308 || ((status === 301 || status === 302) && fetch.method !== undefined && fetch.method !== 'POST')
    return yield* none(keeps ? 'moved-keeping' : 'moved', skip)
  }
  if (status === 300) fetch.ok = true
  if (fetch.conditional && status === 304) {
    yield* session.say(`File ${session.quote(fetch.file!)} not modified on server. Omitting download.\n\n`)
    fetch.ok = true
    finish()
    return 'unneeded'
  }
  fetch.type = type === undefined || /^(text\/html|application\/xhtml\+xml)$/i.test(type) ? 'html' : /^text\/css$/i.test(type) ? 'css' : undefined
  if (options.adjustExtension && fetch.type && !(fetch.type === 'html' ? /\.html?$/i : /\.css$/i).test(fetch.file!)) extend(session, fetch, `.${fetch.type}`)
  const modified = date(fetch.modified ?? '')
  if (fetch.conditional && status === 200 && modified !== undefined && modified <= fetch.old!.time && (length === -1 || length === fetch.old!.size)) {
    yield* session.say(`Server ignored If-Modified-Since header for file ${session.quote(fetch.file!)}.\nYou might want to add --no-if-modified-since option.\n\n`)
    fetch.ok = true
    close()
    return 'unneeded'
  }
  if (status === 416 || (!options.timestamping && fetch.restart > 0 && status === 200 && from === 0 && length >= 0 && fetch.restart >= length)) {
    yield* session.say('\n    The file is already fully retrieved; nothing to do.\n\n')
    fetch.length = length
    fetch.ok = true
    yield* skip()
    return 'unneeded'
  }
  if ((from !== 0 && from !== fetch.restart) || (status === 206 && from === 0 && fetch.restart > 0)) {
    close()
    return 'range'
  }
  fetch.total = length === -1 ? -1 : length + from
  if (fetch.ok) yield* session.say(`Length: ${lengthText(length, from, options.ignoreLength)}${type === undefined ? '' : ` [${type}]`}\n`)
  if ((!fetch.ok && !options.contentOnError) || fetch.headOnly || (options.spider && !options.recursive)) {
    return yield* none(status === 504 ? 'gateway' : 'finished', fetch.headOnly ? finish : options.spider && !options.recursive ? close : skip)
  }
  return yield* saved(session, fetch, answer, count, length, from, { finish, skip, close })
}

function lengthText(length: number, from: number, ignored: boolean): string {
  if (length === -1) return ignored ? 'ignored' : 'unspecified'
  const whole = length + from
  const left = from === 0 ? '' : `, ${length}${length >= 1024 ? ` (${humanSize(length)})` : ''} remaining`
  return `${whole}${whole >= 1024 ? ` (${humanSize(whole)})` : ''}${left}`
}

/** The body, into its file. */
function* saved(session: Session, fetch: Fetch, answer: Answer, count: number, length: number, from: number, { finish, close }: Endings): Task<Ended> {
  const { options, process } = session
  const { clock } = process
  const file = fetch.file!
  let out = session.output
  if (!out) {
    try {
      session.makeDirectories(file)
      if (fetch.restart === 0 && !clobbers(session) && count <= 1 && session.exists(file)) {
        yield* session.tell(`${file} has sprung into existence.\n`)
        close()
        return 'again'
      }
      if (options.unlink && fetch.restart === 0 && session.exists(file)) session.remove(file)
      out = process.open(file, fetch.restart > 0 ? 'append' : 'write')
    } catch (error) {
      close()
      yield* session.tell(`${file}: ${(error as Error).message}\n`)
      return { cannotWrite: (error as Error).message }
    }
  }
  yield* session.say(`Saving to: ${session.quote(file === '-' ? 'STDOUT' : file)}\n`)
  if (options.saveHeaders) yield* out.write(encodeUtf8(`${firstLine(answer.response!)}\r\n${answer.response!.headers.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`))
  // who was asked for the rest and sends the whole: what is there already is left out
  let skip = fetch.restart > 0 && from === 0 ? fetch.restart : 0
  const skipping = skip > 0
  const shows = options.showProgress !== false
  const meter = shows ? progressOf(session, file, skipping ? 0 : from, length === -1 ? 0 : length + from) : undefined
  if (meter) yield* session.progress(meter.begin())
  const began = clock.now
  let received = 0
  let written = 0
  for (;;) {
    const chunk = yield* answer.next()
    if (chunk === undefined) break
    received += chunk.length
    const left = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - left.length
    if (left.length > 0) yield* out.write(left)
    written += left.length
    if (options.limitRate > 0) {
      const due = began + (received * 1000) / options.limitRate
      if (due > clock.now) yield* process.sleep(due - clock.now)
    }
    if (meter) yield* session.progress(meter.add(chunk.length, clock.now - began))
  }
  fetch.spent = Math.max(0.02, clock.now - began)
  if (meter) yield* session.progress(meter.end(fetch.spent))
  fetch.received = received
  fetch.length = skipping ? written + fetch.restart : written + from
  fetch.readError = answer.error
  if (out !== session.output) out.release()
  if (answer.error === undefined && answer.whole) finish()
  else close()
  return 'finished'
}

function progressOf(session: Session, file: string, initial: number, total: number): Progress {
  const { options, process } = session
  const terminal = process.terminalOf(2)
  const drawn = options.progress === 'bar:force' || (options.progress === 'bar' && terminal !== undefined && (options.logFile === undefined || options.showProgress === true))
  if (drawn) return new Bar(options.prefix === undefined ? file : file.slice(options.prefix.length + 1), initial, total, terminal?.columns ?? 80)
  return new Dots(initial, total, typeof options.progress === 'string' ? { bytes: 1024, spacing: 10, row: 50 } : options.progress)
}

function requestOf({ options, process, cookies }: Session, fetch: Fetch, authorization: string | undefined): { method: string; headers: Headers } {
  const { url, body } = fetch
  const headers: Headers = [['Host', `${bracketed(url.host)}${isUsualPort(url) ? '' : `:${url.port}`}`]]
  if (fetch.referer !== undefined) headers.push(['Referer', fetch.referer])
  if (!options.cache) headers.push(['Cache-Control', 'no-cache'], ['Pragma', 'no-cache'])
  if (fetch.conditional) headers.push(['If-Modified-Since', httpDate(fetch.old!.time)])
  if (fetch.restart > 0) headers.push(['Range', `bytes=${fetch.restart}-`])
  if (options.userAgent !== '') headers.push(['User-Agent', options.userAgent ?? 'Wget/1.21.3'])
  headers.push(['Accept', '*/*'], ['Accept-Encoding', options.compression ? 'gzip' : 'identity'])
  if (authorization !== undefined) headers.push(['Authorization', authorization])
  headers.push(['Connection', options.keepAlive && !options.ignoreLength ? 'Keep-Alive' : 'Close'])
  if (fetch.method !== undefined && body) headers.push(['Content-Type', 'application/x-www-form-urlencoded'], ['Content-Length', String(body.length)])
  else if (fetch.method !== undefined && /^(POST|PUT|PATCH)$/.test(fetch.method)) headers.push(['Content-Length', '0'])
  const cookie = options.cookies ? cookies.for({ ...url, target: targetOf(url), user: undefined }, Math.floor(process.clock.wall() / 1000)) : undefined
  if (cookie !== undefined) headers.push(['Cookie', cookie])
  for (const [name, value] of options.headers) {
    const at = headers.findIndex(([n]) => n.toLowerCase() === name.toLowerCase())
    if (at >= 0) headers[at] = [name, value]
    else headers.push([name, value])
  }
  return { method: fetch.headOnly ? 'HEAD' : (fetch.method ?? 'GET'), headers }
}

/** Of the URL, else of ~/.netrc, else of the options. */
const credentials = (session: Session, url: WgetUrl): { user: string; password: string } | undefined => {
  const { options } = session
  const entry = options.netrc ? loginOf(session.netrc(), url.host, url.user) : undefined
  const [user, password] = [url.user ?? entry?.login ?? options.user, url.password ?? entry?.password ?? options.password]
  return user === undefined || password === undefined ? undefined : { user, password }
}

const basic = ({ user, password }: { user: string; password: string }): string => `Basic ${base64Of(encodeUtf8(`${user}:${password}`))}`

/** It waits to be asked, but by hosts that have asked once. */
function basicCredentials(session: Session, url: WgetUrl): string | undefined {
  const known = credentials(session, url)
  return known && (session.options.authNoChallenge || (url.user === undefined && session.basicHosts.has(url.host))) ? basic(known) : undefined
}

function* challenged(session: Session, url: WgetUrl, headers: Headers, answered: boolean): Task<string | undefined> {
  const known = credentials(session, url)
  if (!known) return undefined
  const asked = headers.filter(([n]) => n.toLowerCase() === 'www-authenticate').map(([, v]) => v)
  const wanted = asked.find((v) => /^digest\b/i.test(v)) ?? asked.find((v) => /^basic\b/i.test(v))
  if (wanted === undefined) {
    yield* session.tell('Unknown authentication scheme.\n')
    return undefined
  }
  if (answered) return undefined
  if (/^digest\b/i.test(wanted)) throw new NotSimulatedError('wget with Digest authentication (use a server that asks for Basic)')
  yield* session.tell(`Authentication selected: ${wanted}\n`)
  if (url.user === undefined) session.basicHosts.add(url.host)
  return basic(known)
}
