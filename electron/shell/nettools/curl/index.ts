import { headerOf, encodeUtf8, concatBytes, type Process, type Task } from '../../../engine/cluster.ts'
import { Meter } from './meter.ts'
import { parseCurl, type CurlOptions } from './options.ts'
import { transfer, type CurlError, type Result, type Sink } from './transfer.ts'
import { parseUrl, redirectTarget } from './url.ts'

const VERSION = `curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1
Release-Date: 2023-02-20, security patched: 7.88.1-10+deb12u12
Protocols: http
Features: IPv4 (simulated)
`
const HELP = `Usage: curl [options...] <url>
 -d, --data <data>          HTTP POST data
 -f, --fail                 Fail fast with no output on HTTP errors
 -h, --help <category>      Get help for commands
 -i, --include              Include protocol response headers in the output
 -o, --output <file>        Write to file instead of stdout
 -O, --remote-name          Write output to a file named as the remote file
 -s, --silent               Silent mode
 -u, --user <user:password> Server user and password
 -A, --user-agent <name>    Send User-Agent <name> to server
 -v, --verbose              Make the operation more talkative
 -V, --version              Show version number and quit
`

/** curl(1), 7.88.1, for http. */
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
  let code = 0
  let number = 0
  for (const [index, url] of parsed.options.urls.entries()) {
    for (let attempt = 0; ; attempt++) {
      code = yield* fetchOne(process, parsed.options, url, parsed.options.output[index], number++)
      if (attempt >= parsed.options.retry || ![28, 6].includes(code)) break
      yield* process.sleep(1000 * 2 ** attempt)
    }
  }
  return code
}

function* fetchOne(process: Process, options: CurlOptions, text: string, output: string | null | undefined, number: number): Task<number> {
  const toTerminal = output === undefined && process.terminalOf(1) !== undefined
  const meter = new Meter(process, !options.silent && !toTerminal)
  const sink = makeSink(process, text, output)
  const start = process.clock.now
  let next = text
  for (let redirects = 0; ; redirects++) {
    const url = parseUrl(next)
    if ('error' in url) return yield* complain(process, options, { code: url.code, text: url.error })
    yield* meter.begin()
    const result = yield* transfer(process, options, url, number, sink, meter)
    if ('text' in result) {
      if (result.code === 69) {
        yield* process.printError(`${result.text}\n`)
        return 69
      }
      yield* meter.finish(process.clock.now - start)
      yield* sink.close(false)
      if (options.writeOut) yield* process.print(writeOut(options.writeOut, undefined, next))
      return yield* complain(process, options, result)
    }
    const location = headerOf(result.headers, 'location')
    const redirected = result.status >= 300 && result.status < 400 && location !== undefined
    if (redirected) result.redirectUrl = redirectTarget(url, location)
    if (redirected && options.location) {
      if (redirects >= options.maxRedirects) return yield* complain(process, options, { code: 47, text: `Maximum (${options.maxRedirects}) redirects followed` })
      next = result.redirectUrl!
      continue
    }
    yield* meter.finish(process.clock.now - start)
    yield* sink.close(true)
    if (options.verbose) yield* process.printError(`* Connection #${number} to host ${url.host} left intact\n`)
    if (options.writeOut) yield* process.print(writeOut(options.writeOut, result, next))
    return 0
  }
}

function* complain(process: Process, options: CurlOptions, error: CurlError): Task<number> {
  if (!options.silent || options.showError) yield* process.printError(`curl: (${error.code}) ${error.text}\n`)
  return error.code
}

function makeSink(process: Process, url: string, output: string | null | undefined): Sink & { close(good: boolean): Task } {
  if (output === undefined || output === '-') {
    return { head: (text) => process.print(text), body: (data) => process.print(data), *close() {} }
  }
  const name = output ?? url.replace(/[?#].*$/, '').split('/').at(-1) ?? ''
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

/** -w: variables and escapes of curl(1). */
function writeOut(format: string, result: Result | undefined, url: string): string {
  const seconds = (ms: number | undefined): string => ((ms ?? 0) / 1000).toFixed(6)
  const variables: Record<string, string> = {
    http_code: String(result?.status ?? 0).padStart(3, '0'),
    response_code: String(result?.status ?? 0).padStart(3, '0'),
    remote_ip: result?.remoteIp ?? '',
    remote_port: String(result?.remotePort ?? 0),
    local_ip: result?.localIp ?? '',
    local_port: String(result?.localPort ?? 0),
    time_namelookup: seconds(result?.timeNameLookup),
    time_connect: seconds(result?.timeConnect),
    time_starttransfer: seconds(result?.timeStartTransfer),
    time_total: seconds(result?.timeTotal),
    size_download: String(result?.sizeDownload ?? 0),
    content_type: result ? (headerOf(result.headers, 'content-type') ?? '') : '',
    redirect_url: result?.redirectUrl ?? '',
    url_effective: url,
    num_connects: result ? '1' : '0',
  }
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }
  return format
    .replace(/\\([nrt\\])/g, (_, c: string) => escapes[c]!)
    .replace(/%\{([a-z_]+)\}|%%/g, (whole, name: string | undefined) => (name === undefined ? '%' : (variables[name] ?? whole)))
}
