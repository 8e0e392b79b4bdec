import {
  canonicalIp, concatBytes, encodeUtf8, headerOf, HttpSyntaxError, resolveHost, ResponseParser, writeRequest, type Headers, type Process, type ResponseHead, type Task,
} from '../../engine/cluster.ts'
import { parseUrl, redirectTarget, type CurlUrl } from './curl/url.ts'
import { parseWget, type WgetOptions } from './gnu-wget-options.ts'
import { proxyVariable } from './proxy-variable.ts'
import { TcpStream } from './stream.ts'
import { bar, dots, humanSize, rate, stamp } from './wget-text.ts'

/** Exit codes of wget(1). */
const [GENERIC, FILE, NETWORK, SERVER] = [1, 3, 4, 8]

/** GNU Wget 1.21.3, for http. */
export function* gnuWget(process: Process): Task<number> {
  const parsed = parseWget(process.argv.slice(1))
  if ('notSimulated' in parsed) {
    yield* process.printError(`podhop: not simulated: ${parsed.notSimulated}\n`)
    return 69
  }
  if ('error' in parsed) {
    yield* process.printError(parsed.error)
    return parsed.code
  }
  const { options, urls } = parsed
  const run = new Run(process, options)
  if (options.output !== undefined && options.output !== '-') {
    try {
      process.open(options.output, 'write').release()
    } catch (error) {
      yield* process.printError(`${options.output}: ${(error as Error).message}\n`)
      return GENERIC
    }
  }
  let code = 0
  for (const url of urls) {
    const now = yield* run.retrieve(url)
    if (now === 69) return 69
    // of several failures the one with the lowest number
    if (now !== 0) code = code === 0 ? now : Math.min(code, now)
  }
  yield* run.end()
  return code
}

interface Kept { stream: TcpStream; host: string; port: number }

class Run {
  readonly #process: Process
  readonly #options: WgetOptions
  readonly #log: string[] = []
  readonly #left: string
  readonly #right: string
  #kept: Kept | undefined

  constructor(process: Process, options: WgetOptions) {
    this.#process = process
    this.#options = options
    const locale = process.env.get('LC_ALL') ?? process.env.get('LC_CTYPE') ?? process.env.get('LANG') ?? ''
    const unicode = /utf-?8/i.test(locale)
    this.#left = unicode ? '‘' : "'"
    this.#right = unicode ? '’' : "'"
  }

  *retrieve(text: string): Task<number> {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]
    if (scheme !== undefined && !['http', 'https'].includes(scheme.toLowerCase())) {
      if (scheme.toLowerCase() === 'ftp') return yield* this.#notSimulated('wget of ftp (use http)')
      yield* this.#say(`${text}: Unsupported scheme ${this.#quote(scheme)}.\n`, true)
      return GENERIC
    }
    let url = parseUrl(text)
    if ('error' in url) {
      yield* this.#say(`${text}: Invalid host name.\n`, true)
      return GENERIC
    }
    if (this.#options.spider) yield* this.#say('Spider mode enabled. Check if remote file exists.\n')
    const name = localName(url)
    if (this.#options.noClobber && this.#options.output === undefined && this.#process.fs.exists(this.#process.resolve(this.#path(name)))) {
      yield* this.#say(`File ${this.#quote(this.#path(name))} already there; not retrieving.\n${this.#options.verbosity === 'all' ? '\n' : ''}`)
      return 0
    }
    for (let redirects = 0; ; redirects++) {
      const answer: number | string = yield* this.#tries(url, name)
      if (typeof answer === 'number') return answer
      if (redirects >= this.#options.maxRedirects) {
        yield* this.#say(`${redirects} redirections exceeded.\n`, true)
        return SERVER
      }
      url = parseUrl(redirectTarget(url, answer))
      if ('error' in url) return GENERIC
    }
  }

  /** An exit code, or where it goes on. */
  *#tries(url: CurlUrl, name: string): Task<number | string> {
    const proxy = this.#options.noProxy ? undefined : proxyVariable(this.#process, url, [`${url.scheme}_proxy`], this.#process.env.get('no_proxy'))
    if (proxy !== undefined) return yield* this.#notSimulated(`wget through the proxy of ${proxy} (unset ${proxy}, or use --no-proxy)`)
    if (url.scheme === 'https') return yield* this.#notSimulated('wget of https with GNU wget (use curl)')
    for (let attempt = 1; ; attempt++) {
      yield* this.#say(`--${this.#now()}--  ${attempt > 1 ? `(try:${String(attempt).padStart(2)})  ` : ''}${shownUrl(url)}\n`)
      const answer = yield* this.#once(url, name)
      if (answer !== 'again') return typeof answer === 'number' ? answer : answer.location
      if (attempt === this.#options.tries) {
        yield* this.#say('Giving up.\n\n')
        return NETWORK
      }
      yield* this.#say('Retrying.\n\n')
      yield* this.#process.sleep(1000 * Math.min(attempt, 10))
    }
  }

  *#once(url: CurlUrl, name: string): Task<number | 'again' | { location: string }> {
    const stream = yield* this.#connect(url)
    if (!(stream instanceof TcpStream)) return stream
    const { method, headers, body } = this.#request(url)
    stream.write(writeRequest(method, url.target, headers, body))
    yield* this.#say(`HTTP request sent, awaiting response... `)
    const answer = yield* this.#receive(stream, method === 'HEAD')
    if ('error' in answer) {
      stream.close()
      yield* this.#say(`${answer.error}\n`)
      return 'again'
    }
    const { head, body: data, whole, ms, keep } = answer
    if (keep) this.#kept = { stream, host: url.host, port: url.port }
    else stream.close()
    if (this.#options.serverResponse) {
      yield* this.#say(this.#options.verbosity === 'all' ? '\n' : '')
      yield* this.#error(`  HTTP/${head.version} ${head.status}${head.reason ? ` ${head.reason}` : ''}\n${head.headers.map(([n, v]) => `  ${n}: ${v}\n`).join('')}`)
    } else yield* this.#say(`${head.status} ${head.reason}\n`)
    const location = headerOf(head.headers, 'location')
    if ([301, 302, 303, 307, 308].includes(head.status) && location !== undefined) {
      yield* this.#say(`Location: ${location} [following]\n`)
      return { location }
    }
    if (head.status < 200 || head.status > 299) return yield* this.#failed(url, head)
    const type = headerOf(head.headers, 'content-type')?.replace(/;.*$/, '').trim()
    const length = headerOf(head.headers, 'content-length')
    const size = length === undefined ? undefined : Number(length)
    yield* this.#say(`Length: ${size === undefined ? 'unspecified' : `${size}${size >= 1024 ? ` (${humanSize(size)})` : ''}`}${type ? ` [${type}]` : ''}\n`)
    if (this.#options.spider) {
      if (this.#options.verbosity === 'some') yield* this.#error(`${this.#now()} URL: ${shownUrl(url)} ${head.status} ${head.reason}\n`)
      yield* this.#say(`Remote file exists${type === 'text/html' || type === 'application/xhtml+xml' ? ' and could contain further links,\nbut recursion is disabled -- not retrieving' : ''}.\n\n`)
      return 0
    }
    const written = yield* this.#save(url, name, data, size, ms)
    if (whole || written !== 0) return written
    return 'again'
  }

  *#failed(url: CurlUrl, { status, reason }: ResponseHead): Task<number> {
    if (this.#options.spider && this.#options.verbosity === 'all') {
      yield* this.#say('Remote file does not exist -- broken link!!!\n\n')
      return SERVER
    }
    if (this.#options.verbosity === 'some') yield* this.#error(`${shownUrl(url)}:\n`)
    if (this.#options.verbosity !== 'none') yield* this.#error(`${this.#now()} ERROR ${status}: ${reason}.\n${this.#options.verbosity === 'all' ? '\n' : ''}`)
    return SERVER
  }

  *#connect(url: CurlUrl): Task<TcpStream | number | 'again'> {
    const process = this.#process
    const shown = url.host.includes(':') ? `[${url.host}]` : url.host
    const kept = this.#kept
    this.#kept = undefined
    if (kept && kept.host === url.host && kept.port === url.port && !kept.stream.isOver) {
      yield* this.#say(`Reusing existing connection to ${shown}:${url.port}.\n`)
      return kept.stream
    }
    kept?.stream.close()
    const literal = canonicalIp(url.host)
    let addresses: readonly string[] = [literal ?? '']
    if (literal === undefined) {
      yield* this.#say(`Resolving ${url.host} (${url.host})... `)
      const { family } = this.#options
      const resolved = yield* resolveHost(process, url.host, family === undefined ? {} : { family })
      if ('error' in resolved) {
        const again = resolved.error === 'EAI_AGAIN'
        yield* this.#say(`failed: ${again ? 'Temporary failure in name resolution' : 'Name or service not known'}.\n`)
        yield* this.#say(`wget: unable to resolve host address ${this.#quote(url.host)}\n`, true)
        return NETWORK
      }
      addresses = resolved.addresses
      yield* this.#say(`${addresses.slice(0, 3).join(', ')}${addresses.length > 3 ? ', ...' : ''}\n`)
    }
    let timedOut = false
    for (const address of addresses) {
      yield* this.#say(literal === undefined ? `Connecting to ${url.host} (${url.host})|${address}|:${url.port}... ` : `Connecting to ${shown}:${url.port}... `)
      const opened = yield* TcpStream.open(process, address, url.port, { ...(this.#options.connectTimeout === undefined ? {} : { timeout: this.#options.connectTimeout }) })
      if (opened instanceof TcpStream) {
        yield* this.#say('connected.\n')
        return opened
      }
      timedOut = opened.code === 'ETIMEDOUT'
      yield* this.#say(`failed: ${timedOut ? 'Connection timed out' : opened.message}.\n`)
    }
    return timedOut ? 'again' : NETWORK
  }

  #request(url: CurlUrl): { method: string; headers: Headers; body?: Uint8Array } {
    const { userAgent, headers: own, body, method } = this.#options
    const host = url.host.includes(':') ? `[${url.host}]` : url.host
    const headers: Headers = [['Host', url.port === 80 ? host : `${host}:${url.port}`], ['User-Agent', userAgent], ['Accept', '*/*'], ['Accept-Encoding', 'identity'], ['Connection', 'Keep-Alive']]
    const content = body === undefined ? undefined : encodeUtf8(body)
    if (content) headers.push(['Content-Type', 'application/x-www-form-urlencoded'], ['Content-Length', String(content.length)])
    for (const [name, value] of own) {
      const at = headers.findIndex(([n]) => n.toLowerCase() === name.toLowerCase())
      if (at >= 0) headers[at] = [name, value]
      else headers.push([name, value])
    }
    return { method: method ?? (this.#options.spider ? 'HEAD' : content ? 'POST' : 'GET'), headers, ...(content && { body: content }) }
  }

  *#receive(stream: TcpStream, withoutBody: boolean): Task<{ error: string } | { head: ResponseHead; body: Uint8Array; whole: boolean; ms: number; keep: boolean }> {
    const { clock } = this.#process
    let head: ResponseHead | undefined
    let complete = false
    let begun = clock.now
    const body: Uint8Array[] = []
    const parser = new ResponseParser({
      onHead: (h) => {
        head = h
        begun = clock.now
      },
      onBody: (d) => void body.push(d),
      onComplete: () => void (complete = true),
    })
    parser.withoutBody = withoutBody
    let whole = true
    try {
      while (!complete) {
        const data = yield* stream.read(this.#process, clock.now + this.#options.readTimeout)
        if (data === null) {
          whole = parser.end()
          if (!head) return { error: 'No data received.' }
          break
        }
        if (!(data instanceof Uint8Array)) {
          if (!head) return { error: `Read error (${data.message}) in headers.` }
          whole = false
          break
        }
        parser.push(data)
      }
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error
      return { error: 'No data received.' }
    }
    if (!head) return { error: 'No data received.' }
    const said = (headerOf((head as ResponseHead).headers, 'connection') ?? '').toLowerCase()
    return { head, body: concatBytes(body), whole, ms: Math.max(0.01, clock.now - begun), keep: complete && said !== 'close' && !stream.isOver }
  }

  *#save(url: CurlUrl, name: string, data: Uint8Array, size: number | undefined, ms: number): Task<number> {
    const process = this.#process
    const { output } = this.#options
    const toStdout = output === '-'
    const path = output ?? unused(process, this.#path(name))
    yield* this.#say(`Saving to: ${this.#quote(toStdout ? 'STDOUT' : path)}\n`)
    if (toStdout) yield* process.print(data)
    else {
      try {
        const file = process.open(path, output === undefined ? 'write' : 'append')
        yield* file.write(data)
        file.release()
      } catch (error) {
        yield* this.#say(`${path}: ${(error as Error).message}\n\nCannot write to ${this.#quote(path)} (${(error as Error).message}).\n`, true)
        return FILE
      }
    }
    const terminal = process.terminalOf(2)
    const progress = terminal && this.#options.logFile === undefined ? `\n${bar(toStdout ? '-' : path.split('/').at(-1)!, data.length, size, ms, terminal.columns)}` : dots(data.length, size, ms)
    if (this.#options.showProgress) yield* this.#error(progress)
    else yield* this.#say(progress)
    const loaded = `[${data.length}${size === undefined ? '' : `/${size}`}]`
    if (this.#options.verbosity === 'some') yield* this.#error(`${this.#now()} URL:${shownUrl(url)} ${loaded} -> "${toStdout ? '-' : path}" [1]\n`)
    else if (size !== undefined && data.length < size) yield* this.#say(`${this.#now()} (${rate(data.length, ms)}) - Connection closed at byte ${data.length}. `)
    else yield* this.#say(`${this.#now()} (${rate(data.length, ms)}) - ${toStdout ? 'written to stdout' : `${this.#quote(path)} saved`} ${loaded}\n\n`)
    return 0
  }

  /** -o: the log in one piece. */
  *end(): Task {
    this.#kept?.stream.close()
    if (this.#options.logFile === undefined) return
    const file = this.#process.open(this.#options.logFile, 'write')
    yield* file.write(encodeUtf8(this.#log.join('')))
    file.release()
  }

  #path(name: string): string {
    return this.#options.prefix === undefined ? name : `${this.#options.prefix.replace(/\/+$/, '')}/${name}`
  }

  #quote(text: string): string {
    return `${this.#left}${text}${this.#right}`
  }

  #now(): string {
    return stamp(this.#process.clock.wall())
  }

  *#notSimulated(what: string): Task<number> {
    yield* this.#process.printError(`podhop: not simulated: ${what}\n`)
    return 69
  }

  /** `even`: also with -nv. */
  *#say(text: string, even = false): Task {
    const { verbosity } = this.#options
    if (verbosity === 'all' || (even && verbosity === 'some')) yield* this.#error(text)
  }

  *#error(text: string): Task {
    if (this.#options.logFile !== undefined) this.#log.push(text)
    else if (text !== '') yield* this.#process.printError(text)
  }
}

/** As wget writes a URL: with a path, without the usual port. */
function shownUrl({ scheme, host, port, target }: CurlUrl): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}${target}`
}

function localName({ target }: CurlUrl): string {
  const [path, query] = target.split(/\?(.*)/s) as [string, string?]
  return `${path.split('/').at(-1) || 'index.html'}${query === undefined ? '' : `?${query}`}`
}

/** "f.txt.1" where there is a file of that name. */
function unused(process: Process, path: string): string {
  const exists = (name: string): boolean => process.fs.exists(process.resolve(name))
  if (!exists(path)) return path
  for (let n = 1; ; n++) if (!exists(`${path}.${n}`)) return `${path}.${n}`
}
