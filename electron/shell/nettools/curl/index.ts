import { headerOf, encodeUtf8, decodeUtf8, concatBytes, type Process, type Task } from '../../../engine/cluster.ts'
import { expandUrl } from './glob.ts'
import { proxyVariable } from '../proxy-variable.ts'
import { Meter } from './meter.ts'
import { parseCurl, type CurlOptions } from './options.ts'
import { ConnectionPool, transfer, type CurlError, type Sink } from './transfer.ts'
import { parseUrl, redirectTarget } from './url.ts'
import { Verbose } from './verbose.ts'
import { printWriteOut } from './write-out.ts'

const VERSION = `curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.17
Release-Date: 2023-02-20, security patched: 7.88.1-10+deb12u12
Protocols: http https
Features: alt-svc AsynchDNS HTTPS-proxy IPv6 SSL
`
const HELP = `Usage: curl [options...] <url>
 -d, --data <data>          HTTP POST data
 -f, --fail                 Fail fast with no output on HTTP errors
 -h, --help <category>      Get help for commands
 -k, --insecure             Allow insecure server connections
 -i, --include              Include protocol response headers in the output
 -o, --output <file>        Write to file instead of stdout
 -O, --remote-name          Write output to a file named as the remote file
 -s, --silent               Silent mode
 -u, --user <user:password> Server user and password
 -A, --user-agent <name>    Send User-Agent <name> to server
 -v, --verbose              Make the operation more talkative
 -V, --version              Show version number and quit
`

/** curl(1), 7.88.1, for http and https. */
export function* curl(process: Process): Task<number> {
  const parsed = parseCurl(process.argv.slice(1))
  if ('show' in parsed) {
    yield* process.print(parsed.show === 'help' ? HELP : VERSION)
    return 0
  }
  if ('notSimulated' in parsed) {
    yield* process.printError(`podhop: not simulated: ${parsed.notSimulated}\n`)
    return 69
  }
  if ('error' in parsed) {
    yield* process.printError(parsed.error)
    return parsed.code
  }
  const pool = new ConnectionPool()
  const verbose = new Verbose(process, parsed.options.verbose)
  const ready = yield* readFiles(process, parsed.options)
  if (ready !== undefined) {
    yield* process.printError(ready.text)
    return ready.code
  }
  let code = 0
  for (const { url, index, error } of spread(parsed.options)) {
    const proxy = proxyFor(process, parsed.options, url)
    if (proxy !== undefined) {
      yield* process.printError(`podhop: not simulated: curl through the proxy of ${proxy} (unset ${proxy}, or use --noproxy '*')\n`)
      code = 69
      break
    }
    if (error !== undefined) {
      code = yield* complain(process, parsed.options, { code: 3, text: error })
      continue
    }
    for (let attempt = 0; ; attempt++) {
      code = yield* fetchOne(process, parsed.options, url, index, pool, verbose)
      if (attempt >= parsed.options.retry || ![28, 6].includes(code)) break
      yield* process.sleep(1000 * 2 ** attempt)
    }
  }
  pool.closeAll()
  return code
}

/** Every URL that is asked for, with the number of the one on the command line that it comes from. */
function* spread(options: CurlOptions): Generator<{ url: string; index: number; error?: string }, void, void> {
  for (const [index, text] of options.urls.entries()) {
    const urls = options.noGlob ? [text] : expandUrl(text)
    if ('error' in urls) yield { url: text, index, error: urls.error }
    else for (const url of urls) yield { url, index }
  }
}

/** "http_proxy" is read in lower case only. */
function proxyFor(process: Process, options: CurlOptions, text: string): string | undefined {
  const url = parseUrl(text)
  if ('error' in url) return undefined
  const names = [...(url.scheme === 'http' ? ['http_proxy'] : ['https_proxy', 'HTTPS_PROXY']), 'all_proxy', 'ALL_PROXY']
  return proxyVariable(process, url, names, options.noProxy ?? process.env.get('no_proxy') ?? process.env.get('NO_PROXY'))
}

/** "-d @FILE", whose line ends go, and "-w @FILE"; "@-" is stdin. */
function* readFiles(process: Process, options: CurlOptions): Task<CurlError | undefined> {
  const read = function* (name: string): Task<string | undefined> {
    if (name === '-') return decodeUtf8(yield* process.readAll())
    const path = process.resolve(name)
    return process.fs.exists(path) && process.fs.stat(path).type !== 'directory' ? process.fs.readText(path) : undefined
  }
  if (options.dataParts.length > 0) {
    const parts: string[] = []
    for (const { text, literal, binary, encoded } of options.dataParts) {
      if (encoded) {
        const part = yield* urlEncoded(text, read)
        if (part === undefined) return { code: 26, text: `curl: Failed to open ${text.slice(text.indexOf('@') + 1)}\ncurl: option --data-urlencode: error encountered when reading a file\ncurl: try 'curl --help' or 'curl --manual' for more information\n` }
        parts.push(part)
      } else if (literal || !text.startsWith('@')) parts.push(text)
      else {
        const content = yield* read(text.slice(1))
        if (content === undefined && !options.silent) yield* process.printError(`Warning: Couldn't read data from file "${text.slice(1)}", this makes an empty POST.\n`)
        parts.push(binary ? (content ?? '') : (content ?? '').replace(/[\r\n]/g, ''))
      }
    }
    options.data = parts.join('&')
  }
  if (!options.writeOut?.startsWith('@')) return undefined
  const name = options.writeOut.slice(1)
  options.writeOut = yield* read(name)
  return options.writeOut === undefined ? { code: 26, text: `curl: Failed to open ${name}\ncurl: option -w: error encountered when reading a file\ncurl: try 'curl --help' or 'curl --manual' for more information\n` } : undefined
}

/** --data-urlencode: "TEXT", "=TEXT", "NAME=TEXT", "@FILE", "NAME@FILE"; blanks become "+". */
function* urlEncoded(given: string, read: (name: string) => Task<string | undefined>): Task<string | undefined> {
  const at = /[=@]/.exec(given)
  const name = at ? given.slice(0, at.index) : ''
  const text = !at ? given : at[0] === '=' ? given.slice(at.index + 1) : yield* read(given.slice(at.index + 1))
  if (text === undefined) return undefined
  const bytes = [...encodeUtf8(text)].map((b) => (/[\w.~-]/.test(String.fromCharCode(b)) && b < 128 ? String.fromCharCode(b) : b === 32 ? '+' : `%${b.toString(16).padStart(2, '0')}`)).join('')
  return name === '' ? bytes : `${name}=${bytes}`
}

function* fetchOne(process: Process, options: CurlOptions, text: string, index: number, pool: ConnectionPool, verbose: Verbose): Task<number> {
  const output = options.output[index]
  const file = output === null ? remoteName(text) : output === '-' ? undefined : output
  const toTerminal = output === undefined && process.terminalOf(1) !== undefined
  const meter = new Meter(process, !options.silent && !toTerminal)
  const sink = makeSink(process, text, output)
  const start = process.clock.now
  let next = text
  for (let redirects = 0; ; redirects++) {
    const url = parseUrl(next)
    if ('error' in url) return yield* complain(process, options, { code: url.code, text: url.error })
    yield* meter.begin()
    const result = yield* transfer(process, options, url, pool, sink, meter, verbose)
    if ('text' in result) {
      if (result.code === 69) {
        yield* process.printError(`${result.text}\n`)
        return 69
      }
      yield* meter.finish(process.clock.now - start)
      yield* sink.close(false)
      if (options.writeOut) yield* printWriteOut(process, options.writeOut, { result: undefined, error: result, url: text, effective: next, redirects, index, file, referer: options.referer })
      return yield* complain(process, options, result)
    }
    const location = headerOf(result.headers, 'location')
    const redirected = result.status >= 300 && result.status < 400 && location !== undefined
    if (redirected) result.redirectUrl = redirectTarget(url, location)
    if (redirected && options.location) {
      if (redirects >= options.maxRedirects) return yield* complain(process, options, { code: 47, text: `Maximum (${options.maxRedirects}) redirects followed` })
      next = result.redirectUrl!
      yield* verbose.note(`Issue another request to this URL: '${next}'`)
      continue
    }
    yield* meter.finish(process.clock.now - start)
    yield* sink.close(true)
    if (options.writeOut) yield* printWriteOut(process, options.writeOut, { result, error: undefined, url: text, effective: next, redirects, index, file, referer: options.referer })
    return 0
  }
}

function* complain(process: Process, options: CurlOptions, error: CurlError): Task<number> {
  if (!options.silent || options.showError) yield* process.printError(`curl: (${error.code}) ${error.text}\n`)
  return error.code
}

/** -O */
const remoteName = (url: string): string => url.replace(/[?#].*$/, '').split('/').at(-1) ?? ''

function makeSink(process: Process, url: string, output: string | null | undefined): Sink & { close(good: boolean): Task } {
  if (output === undefined || output === '-') {
    return { head: (text) => process.print(text), body: (data) => process.print(data), *close() {} }
  }
  const name = output ?? remoteName(url)
  const path = process.resolve(name)
  const collected: Uint8Array[] = []
  return {
    *head(text) {
      collected.push(encodeUtf8(text))
    },
    *body(data) {
      collected.push(data)
    },
    *close(good) {
      if (path === '/dev/null' || (!good && collected.length === 0)) return
      const file = process.open(path, 'write')
      yield* file.write(concatBytes(collected))
      file.release()
    },
  }
}
