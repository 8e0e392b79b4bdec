import { canonicalIp, encodeUtf8, headerOf, HttpSyntaxError, isValidIp, resolveHost, ResponseParser, writeRequest, type OpenFile, type Process, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { parseUrl, redirectTarget, type CurlUrl } from '../curl/url.ts'
import { proxyVariable } from '../proxy-variable.ts'
import { TcpStream } from '../stream.ts'

interface Options { quiet: boolean; output: string | undefined; timeout: number; showHeaders: boolean; spider: boolean; headers: [string, string][]; post: string | undefined; agent: string; unchecked: boolean; prefix: string | undefined; noProxy: boolean; logFile: string | undefined; log: string[]; continued: boolean }

const USAGE = `BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.

Usage: wget [-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]
\t[--post-data STR | --post-file FILE] [-Y on/off]
\t[--no-check-certificate] [-P DIR] [-U AGENT] [-T SEC] URL...

Retrieve files via HTTP or FTP

\t--spider\tOnly check URL existence: $? is 0 if exists
\t--header STR\tAdd STR (of form 'header: value') to headers
\t--post-data STR\tSend STR using POST method
\t--post-file FILE\tSend FILE using POST method
\t--no-check-certificate\tDon't validate the server's certificate
\t-c\t\tContinue retrieval of aborted transfer
\t-q\t\tQuiet
\t-P DIR\t\tSave to DIR (default .)
\t-S    \t\tShow server response
\t-T SEC\t\tNetwork read timeout is SEC seconds
\t-O FILE\t\tSave to FILE ('-' for stdout)
\t-o LOGFILE\tLog messages to FILE
\t-U STR\t\tUse STR for User-Agent header
\t-Y on/off\tUse proxy
`

/** wget of busybox 1.36, for http and https. */
export function* busyboxWget(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'qO:o:T:SY:U:P:csH:p:kf:', { quiet: 'q', 'output-document': 'O', timeout: 'T', 'server-response': 'S', spider: 's', 'user-agent': 'U', header: 'H', 'post-data': 'p', 'post-file': 'f', 'no-check-certificate': 'k' })
  if (process.argv.length === 2 && process.argv[1] === '--help') {
    yield* process.printError(USAGE)
    return 0
  }
  if ('invalid' in parsed || 'missing' in parsed || parsed.operands.length === 0) {
    if ('invalid' in parsed) yield* process.printError(`wget: unrecognized option: ${parsed.invalid.replace(/^--/, '')}\n`)
    if ('missing' in parsed) yield* process.printError(`wget: option requires an argument: ${parsed.missing}\n`)
    yield* process.printError(USAGE)
    return 1
  }
  const options: Options = { quiet: false, output: undefined, timeout: 900_000, showHeaders: false, spider: false, headers: [], post: undefined, agent: 'Wget', unchecked: false, prefix: undefined, noProxy: false, logFile: undefined, log: [], continued: false }
  for (const { name, value } of parsed.options) {
    if (name === 'q') options.quiet = true
    else if (name === 'O') options.output = value
    else if (name === 'T') {
      if (!/^\d+$/.test(value)) {
        yield* process.printError(`wget: invalid number '${value}'\n`)
        return 1
      }
      options.timeout = Number(value) * 1000
    }
    else if (name === 'c') options.continued = true
    else if (name === 'S') options.showHeaders = true
    else if (name === 's') options.spider = true
    else if (name === 'U') options.agent = value
    else if (name === 'k') options.unchecked = true
    else if (name === 'P') options.prefix = value
    else if (name === 'o') options.logFile = value
    else if (name === 'p') options.post = value
    else if (name === 'H') options.headers.push([value.replace(/:.*$/s, ''), value.replace(/^[^:]*:\s*/, '')])
    else if (name === 'f') {
      const path = process.resolve(value)
      if (!process.fs.exists(path)) {
        yield* process.printError(`wget: can't open '${value}': No such file or directory\n`)
        return 1
      }
      options.post = process.fs.readText(path)
    } else if (name === 'Y') options.noProxy = value === 'off' || value === '0'
    else {
      yield* process.printError(`podhop: not simulated: wget -${name} (use curl)\n`)
      return 69
    }
  }
  let code = 0
  for (const url of parsed.operands) {
    code = yield* fetchUrl(process, options, url)
    if (code !== 0) break
  }
  if (options.logFile !== undefined) {
    const file = process.open(options.logFile, 'write')
    yield* file.write(encodeUtf8(options.log.join('')))
    file.release()
  }
  return code
}

function* fetchUrl(process: Process, options: Options, text: string): Task<number> {
  const fail = function* (words: string): Task<number> {
    yield* process.printError(`wget: ${words}\n`)
    return 1
  }
  const note = function* (words: string): Task {
    if (options.logFile !== undefined) options.log.push(words)
    else if (!options.quiet) yield* process.printError(words)
  }
  let next = text
  for (let redirects = 0; redirects < 6; redirects++) {
    const url = parseUrl(next)
    if ('error' in url) return yield* fail(`not an http or ftp url: ${next}`)
    // busybox knows no exceptions, and asks no proxy for https
    const proxy = options.noProxy || url.scheme === 'https' ? undefined : proxyVariable(process, url, ['http_proxy'], undefined)
    if (proxy !== undefined) {
      yield* process.printError(`podhop: not simulated: wget through the proxy of ${proxy} (unset ${proxy}, or use -Y off)\n`)
      return 69
    }
    const usual = url.scheme === 'https' ? 443 : 80
    let address = canonicalIp(url.host) ?? url.host
    if (!isValidIp(address)) {
      const resolved = yield* resolveHost(process, url.host)
      if ('error' in resolved) return yield* fail(`bad address '${url.host}${url.port === usual ? '' : `:${url.port}`}'`)
      address = resolved.addresses[0]!
    }
    const shownHost = url.host.includes(':') ? `[${url.host}]` : url.host
    const shownAddress = address.includes(':') ? `[${address}]` : address
    yield* note(`Connecting to ${shownHost}${url.port === usual ? '' : `:${url.port}`} (${shownAddress}:${url.port})\n`)
    const stream = yield* TcpStream.open(process, address, url.port, { timeout: options.timeout })
    if (!(stream instanceof TcpStream)) return stream.gaveUp ? yield* fail('download timed out') : yield* fail(`can't connect to remote host (${address}): ${stream.message}`)
    if (url.scheme === 'https') {
      // busybox has no list of authorities: it says so, and goes on
      if (!options.unchecked) yield* process.printError('wget: note: TLS certificate validation not implemented\n')
      const secured = yield* stream.startTls(process, { serverName: isValidIp(url.host) ? undefined : url.host }, process.clock.now + options.timeout)
      if (!secured || 'failure' in secured) {
        if (secured?.failure.kind === 'not-tls') return yield* fail('TLS error from peer (alert code 80): internal error')
        return yield* fail(secured?.failure.kind === 'alert' ? `TLS error from peer (alert code ${secured.failure.alert}): ${secured.failure.alert === 112 ? 'unrecognized name' : 'handshake failure'}` : 'error getting response: Connection reset by peer')
      }
    }
    const host = url.port === usual ? shownHost : `${shownHost}:${url.port}`
    const given = (header: string): boolean => options.headers.some(([n]) => n.toLowerCase() === header.toLowerCase())
    const body = options.post === undefined ? undefined : encodeUtf8(options.post)
    const own = ([['Host', host], ['User-Agent', options.agent], ['Connection', 'close']] as [string, string][]).filter(([n]) => !given(n))
    const from = options.continued ? sizeOf(process, fileName(options, url)) : 0
    if (from > 0 && !given('Range')) own.push(['Range', `bytes=${from}-`])
    const content = ([['Content-Type', 'application/x-www-form-urlencoded'], ['Content-Length', String(body?.length)]] as [string, string][]).filter(([n]) => body && !given(n))
    stream.write(writeRequest(body ? 'POST' : 'GET', url.target, [...own, ...options.headers, ...content], body))
    const answer = yield* readAnswer(process, stream, options.timeout)
    stream.close()
    if ('error' in answer) return yield* fail(answer.error)
    const { head } = answer
    const location = headerOf(head.headers, 'location')
    const redirected = [301, 302, 303, 307, 308].includes(head.status) && location !== undefined
    if (options.showHeaders) yield* process.printError(shownHead(head, redirected))
    if (redirected) {
      next = redirectTarget(url, location)
      continue
    }
    const goesOn = head.status === 206 && from > 0
    if (from > 0 && head.status === 200) yield* process.printError('wget: restart failed\n')
    if (head.status < 200 || head.status > 299) return yield* fail(`server returned error: HTTP/${head.version} ${head.status} ${head.reason}`)
    if (options.spider) {
      yield* note('remote file exists\n')
      return 0
    }
    return yield* save(process, options, url, answer.body, goesOn ? from : 0, fail, note)
  }
  return yield* fail('too many redirections')
}

/** It reads on only as long as it has to: of an error the first line, of a redirection as far as its target. */
function shownHead(head: ResponseHead, redirected: boolean): string {
  const first = `  HTTP/${head.version} ${head.status} ${head.reason}\n`
  if (head.status >= 400) return first
  const lines = head.headers.map(([n, v]) => `  ${n}: ${v}\n`)
  if (!redirected) return `${first}${lines.join('')}  \n`
  return first + lines.slice(0, head.headers.findIndex(([n]) => n.toLowerCase() === 'location') + 1).join('')
}

/** libbb/progress.c: no more than five digits. */
function shownSize(size: number): string {
  let value = size
  let unit = 0
  while (value >= 100_000) {
    value = Math.floor(value / 1024)
    unit++
  }
  return `${value}${' kMGT'[unit]!.trim()}`
}

function fileName(options: Options, url: CurlUrl): string {
  const last = url.target.replace(/\?.*$/, '').split('/').at(-1) || 'index.html'
  return options.output ?? (options.prefix === undefined ? last : `${options.prefix.replace(/\/$/, '')}/${last}`)
}

/** -c: how much of it is here already. */
function sizeOf(process: Process, name: string): number {
  const path = process.resolve(name)
  return name !== '-' && process.fs.exists(path) && process.fs.stat(path).type === 'file' ? process.fs.stat(path).size : 0
}

function* save(process: Process, options: Options, url: CurlUrl, body: Uint8Array[], from: number, fail: (words: string) => Task<number>, note: (words: string) => Task): Task<number> {
  const name = fileName(options, url)
  const size = from + body.reduce((n, b) => n + b.length, 0)
  const shown = name.split('/').at(-1)!
  if (name === '-') {
    yield* note('writing to stdout\n')
    for (const chunk of body) yield* process.print(chunk)
  } else {
    if (options.output === undefined && !options.continued && process.fs.exists(process.resolve(name))) return yield* fail(`can't open '${name}': File exists`)
    let file: OpenFile
    try {
      file = process.open(name, from > 0 ? 'append' : 'write')
    } catch (error) {
      return yield* fail(`can't open '${name}': ${(error as Error).message}`)
    }
    yield* note(`saving to '${name}'\n`)
    for (const chunk of body) yield* file.write(chunk)
    file.release()
  }
  yield* note(`${shown.slice(0, 20).padEnd(20)} 100% |********************************| ${shownSize(size).padStart(5)}  0:00:00 ETA\n`)
  yield* note(name === '-' ? 'written to stdout\n' : `'${name}' saved\n`)
  return 0
}

function* readAnswer(process: Process, stream: TcpStream, timeout: number): Task<{ head: ResponseHead; body: Uint8Array[] } | { error: string }> {
  let head: ResponseHead | undefined
  let complete = false
  const body: Uint8Array[] = []
  const parser = new ResponseParser({ onHead: (h) => void (head = h), onBody: (d) => void body.push(d), onComplete: () => void (complete = true) })
  try {
    while (!complete) {
      const data = yield* stream.read(process, process.clock.now + timeout)
      if (data === null) {
        if (!parser.end() || !head) return { error: 'error getting response' }
        break
      }
      if (!(data instanceof Uint8Array)) return { error: data.code === 'ETIMEDOUT' ? 'download timed out' : `error getting response: ${data.message}` }
      parser.push(data)
    }
  } catch (error) {
    if (!(error instanceof HttpSyntaxError)) throw error
    return { error: 'error getting response' }
  }
  return head ? { head, body } : { error: 'error getting response' }
}
