import { headerOf, encodeUtf8, isSystemError, type Process, type Task } from '../../../engine/cluster.ts'
import { prepare, upload as readUpload, uploadUrl } from './body.ts'
import { parseCurl } from './command-line.ts'
import { withConfigs } from './config-file.ts'
import { CookieJar } from './cookies.ts'
import { expandUrl } from './glob.ts'
import { help } from './help.ts'
import { loginOf, readNetrc } from '../netrc.ts'
import { proxyVariable } from '../proxy-variable.ts'
import { Meter, PARALLEL_HEADER, parallelLine } from './meter.ts'
import type { CurlOptions } from './options.ts'
import { Output, readInputText, remoteName } from './output.ts'
import type { Sent } from './request.ts'
import { ConnectionPool, emptyResult, transfer, type CurlError, type Result } from './transfer.ts'
import { parseUrl, redirectTarget } from './url.ts'
import { Verbose } from './verbose.ts'
import { warner, wrapped, type Warn } from './warnings.ts'
import { printWriteOut } from './write-out.ts'

const VERSION = `curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.17
Release-Date: 2023-02-20, security patched: 7.88.1-10+deb12u12
Protocols: http https
Features: alt-svc AsynchDNS HTTPS-proxy IPv6 SSL
`
/** curl(1), 7.88.1, for http and https. */
export function* curl(process: Process): Task<number> {
  const args = yield* withConfigs(process, process.argv.slice(1))
  if ('missing' in args) {
    yield* process.printError(`curl: cannot read config from '${args.missing}'\ncurl: option -K: error encountered when reading a file\ncurl: try 'curl --help' or 'curl --manual' for more information\n`)
    return 26
  }
  const shared: Shared = { pool: new ConnectionPool() }
  const groups = operations(args)
  let code = 0
  for (const group of groups) {
    code = yield* operation(process, group, shared)
    if (code === 69 || code === 2) break
  }
  shared.pool.closeAll()
  return code
}

/** --trace, -D: a file that is begun anew at its first piece; "-" is stdout, "%" stderr. */
function writerTo(process: Process, name: string): (text: string) => Task {
  let begun = false
  return function* (text) {
    if (name === '-') return yield* process.print(text)
    if (name === '%') return yield* process.printError(text)
    const file = process.open(process.resolve(name), begun ? 'append' : 'write')
    begun = true
    yield* file.write(encodeUtf8(text))
    file.release()
  }
}

/** What all operations of a command line share. */
interface Shared { pool: ConnectionPool }

/** --next: what stands between are operations of their own; -s, -S, -v and -Z are of all. */
function operations(args: readonly string[]): string[][] {
  const groups: string[][] = [[]]
  for (const [i, arg] of args.entries()) {
    if (arg === '--next' || arg === '-:') groups.push([])
    else if (arg === '--') {
      groups.at(-1)!.push(...args.slice(i))
      break
    } else groups.at(-1)!.push(arg)
  }
  if (groups.length === 1) return groups
  const common = new Set(groups.flatMap((g) => g.flatMap((a) => (/^-[sSvZ]+$/.test(a) ? [...a.slice(1)].map((l) => `-${l}`) : ['--silent', '--show-error', '--verbose', '--parallel'].includes(a) ? [a] : []))))
  return groups.map((g) => [...common, ...g])
}

function* operation(process: Process, args: readonly string[], shared: Shared): Task<number> {
  const parsed = parseCurl(args)
  if ('show' in parsed) {
    yield* process.print(parsed.show === 'help' ? help(parsed.category) : VERSION)
    return 0
  }
  if ('notSimulated' in parsed) {
    yield* process.printError(`podhop: not simulated: ${parsed.notSimulated}\n`)
    return 69
  }
  if ('error' in parsed) {
    for (const warning of parsed.warnings ?? []) yield* process.printError(wrapped(process, 'Warning: ', warning))
    for (const complaint of parsed.complaints ?? []) yield* process.printError(complaint)
    yield* process.printError(parsed.error)
    return parsed.code
  }
  const { options } = parsed
  if (options.errors !== undefined) yield* redirectErrors(process, options.errors, options.silent)
  const warn = warner(process, () => options.silent)
  for (const warning of options.warnings) yield* process.printError(wrapped(process, 'Warning: ', warning))
  const ready = yield* prepare(process, options, warn)
  if ('code' in ready) return yield* refuse(process, ready)
  const verbose = new Verbose(process, options, options.trace && writerTo(process, options.trace.to))
  const run: Run = { process, options, warn, pool: shared.pool, verbose, sent: ready.sent, cookies: yield* cookieJar(process, options, verbose), ...(options.dumpHeader === undefined ? {} : { dump: writerTo(process, options.dumpHeader) }) }
  return yield* options.parallel ? together(run) : inTurn(run)
}

function* inTurn(run: Run): Task<number> {
  let code = 0
  const { options } = run
  for (const asked of spread(options)) {
    code = yield* single(run, asked)
    if (code === 69 || (options.failEarly && code !== 0)) break
  }
  return code
}

/** -Z: as many at once as are allowed; the last failure is the exit code. */
function* together(run: Run): Task<number> {
  const { process, options } = run
  const waiting = [...spread(options)]
  const count = waiting.length
  let [done, code] = [0, 0]
  const began = process.clock.now
  const meters: Meter[] = []
  // -s does not turn it off
  const show = (end: string): Task => (options.noMeter ? nothing() : process.printError(parallelLine(meters, count, count - done, process.clock.now - began) + end))
  if (!options.noMeter) yield* process.printError(PARALLEL_HEADER)
  yield* show('')
  const work = function* (): Task {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      // each has a connection of its own for as long as it takes
      const mine = { ...run, meters, pool: new ConnectionPool() }
      const now = yield* single(mine, next)
      mine.pool.closeAll()
      if (now !== 0) code = now
      done++
    }
  }
  const threads = Array.from({ length: Math.min(waiting.length, options.parallelMax || 50) }, () => process.spawnThread(work()))
  for (const thread of threads) yield* thread.join()
  yield* show('\n')
  return code
}

interface Asked { url: string; index: number; parts: readonly string[]; error?: string }

function* single(run: Run, { url, index, parts, error }: Asked): Task<number> {
  const { process, options } = run
  const proxy = proxyFor(process, options, url)
  if (options.trace && /^https:/i.test(url)) {
    yield* process.printError('podhop: not simulated: curl --trace of HTTPS (use -v)\n')
    return 69
  }
  if (proxy === '-x') {
    yield* process.printError('podhop: not simulated: curl -x (there is no proxy in the lab: name the server itself)\n')
    return 69
  }
  if (proxy !== undefined) {
    yield* process.printError(`podhop: not simulated: curl through the proxy of ${proxy} (unset ${proxy}, or use --noproxy '*')\n`)
    return 69
  }
  if (error !== undefined) return yield* complain(process, options, { code: 3, text: error })
  const parsed = parseUrl(url)
  if (!('error' in parsed) && !options.protocols.has(parsed.scheme)) return yield* complain(process, options, { code: 1, text: `Protocol "${parsed.scheme}" not supported or disabled in libcurl` })
  const known = yield* knownToNetrc(run, url)
  const named = parts.length === 0 ? known : { ...known, options: { ...known.options, output: options.output.map((o) => o?.replace(/#(\d+)/g, (all, n: string) => parts[Number(n) - 1] ?? all) ?? null) } }
  return yield* tried(options.continueAt === undefined ? named : { ...named, options: resumed(named, url, index) }, url, index)
}

/** --stderr: from here on its complaints go to a file; "-" is stdout. */
function* redirectErrors(process: Process, name: string, silent: boolean): Task {
  try {
    const file = name === '-' ? process.files.get(1)!.retain() : process.open(name, 'write')
    process.files.get(2)?.release()
    process.files.set(2, file)
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (!silent) yield* process.printError(wrapped(process, 'Warning: ', `Failed to open ${name}!`))
  }
}

/** With the login that .netrc has for the host; what -u says, and with --netrc-optional what the URL says, goes before. */
function* knownToNetrc(run: Run, url: string): Task<Run> {
  const { process, options } = run
  const target = parseUrl(url)
  if (options.netrc === undefined || options.user !== undefined || 'error' in target) return run
  const [name, password] = (target.user ?? '').split(/:(.*)/s) as [string, string?]
  if (options.netrc === 'optional' && password !== undefined) return run
  const path = options.netrcFile ?? `${process.env.get('HOME') ?? ''}/.netrc`
  let text: string
  try {
    text = process.fs.readText(process.resolve(path))
  } catch (error) {
    if (!isSystemError(error)) throw error
    text = ''
  }
  const found = loginOf(readNetrc(text), target.host)
  if (!found) {
    yield* run.verbose.note(`Couldn't find host ${target.host} in the ${options.netrcFile ?? '.netrc'} file; using defaults`)
    return run
  }
  return { ...run, options: { ...options, user: `${name || (found.login ?? '')}:${found.password ?? ''}` } }
}

/** -C: with "Range" from where the file ends. */
function resumed({ process, options }: Run, url: string, index: number): CurlOptions {
  const name = options.output[index]
  const path = name === undefined || name === '-' ? undefined : process.resolve(name ?? remoteName(url))
  const from = options.continueAt !== 'size' ? options.continueAt! : path !== undefined && process.fs.exists(path) ? process.fs.stat(path).size : 0
  return from === 0 ? options : { ...options, resumeFrom: from, range: `${from}-` }
}

/** One curl, with what its transfers share. */
interface Run {
  process: Process
  options: CurlOptions
  warn: Warn
  pool: ConnectionPool
  verbose: Verbose
  /** Of -d and -F. */
  sent: Sent | undefined
  cookies: CookieJar | undefined
  /** -D */
  dump?: (text: string) => Task
  /** -Z: of all that run at once. */
  meters?: Meter[]
}

/** -b FILE, -c: with one of them curl keeps cookies. */
function* cookieJar(process: Process, options: CurlOptions, verbose: Verbose): Task<CookieJar | undefined> {
  if (options.cookieFiles.length === 0 && options.cookieJar === undefined) return undefined
  const jar = new CookieJar()
  for (const name of options.cookieFiles) {
    const text = yield* readInputText(process, name)
    if (text !== undefined) jar.load(text, Math.floor(process.clock.wall() / 1000))
    else if (name !== '') yield* verbose.note(`WARNING: failed to open cookie file "${name}"`)
  }
  return jar
}

/** Every URL that is asked for, with the number of the one on the command line that it comes from. */
function* spread(options: CurlOptions): Generator<Asked, void, void> {
  for (const [index, text] of options.urls.entries()) {
    const urls = options.noGlob ? [{ url: text, parts: [] }] : expandUrl(text)
    if ('error' in urls) yield { url: text, index, parts: [], error: urls.error }
    else for (const { url, parts } of urls) yield { url, index, parts }
  }
}

/** "http_proxy" is read in lower case only. */
function proxyFor(process: Process, options: CurlOptions, text: string): string | undefined {
  const url = parseUrl(text)
  if ('error' in url) return undefined
  if (options.proxy) return proxyVariable(process, url, ['-x'], options.noProxy ?? process.env.get('no_proxy') ?? process.env.get('NO_PROXY'), true)
  if (options.proxy === '') return undefined
  const names = [...(url.scheme === 'http' ? ['http_proxy'] : ['https_proxy', 'HTTPS_PROXY']), 'all_proxy', 'ALL_PROXY']
  return proxyVariable(process, url, names, options.noProxy ?? process.env.get('no_proxy') ?? process.env.get('NO_PROXY'))
}

/** Until it is well, or no more tries are left. */
function* tried(run: Run, text: string, index: number): Task<number> {
  const { process, options, warn } = run
  const upload = options.uploads[index]
  const url = upload === undefined ? text : uploadUrl(text, upload)
  let { sent } = run
  if (upload !== undefined) {
    const read = yield* readUpload(process, options, upload)
    if ('code' in read) return yield* refuse(process, read)
    sent = read.sent
  }
  const output = new Output(process, options, warn, url, options.output[index])
  const meter = new Meter(process, !run.meters && !options.silent && !(options.output[index] === undefined && process.terminalOf(1) !== undefined))
  run.meters?.push(meter)
  const began = process.clock.now
  let delay = options.retryDelay || 1000
  for (let left = options.retry; ; left--) {
    const { code, result } = yield* fetchOne(run, url, index, sent, output, meter)
    const problem = left > 0 ? problemOf(options, code, result) : undefined
    if (problem === undefined) return code
    const after = Number(headerOf(result?.headers ?? [], 'retry-after') ?? 0) * 1000 || 0
    const wait = after > 0 ? after : delay
    const spent = process.clock.now - began
    if (options.retryMaxTime > 0 && spent >= options.retryMaxTime) return code
    if (options.retryMaxTime > 0 && after > 0 && spent + after > options.retryMaxTime) {
      if (!options.silent) yield* process.printError('curl: The Retry-After: time would make this command line exceed the maximum allowed time for retries.\n')
      return code
    }
    yield* warn(`Problem ${problem}. Will retry in ${Math.floor(wait / 1000)} seconds. ${left} retries left.`)
    yield* process.sleep(wait)
    if (options.retryDelay === 0) delay = Math.min(delay * 2, 600_000)
    const thrown = yield* output.again()
    meter.restart()
    if (thrown > 0 && !options.silent) yield* process.printError(`Throwing away ${thrown} bytes\n`)
  }
}

/** What --retry takes for passing (src/tool_operate.c). */
function problemOf(options: CurlOptions, code: number, result: Result | undefined): string | undefined {
  if (code === 28 || code === 6) return ': timeout'
  if (code === 7 && options.retryRefused) return ': connection refused'
  if ((code === 0 || code === 22) && result && [408, 429, 500, 502, 503, 504].includes(result.status)) return ': HTTP error'
  return code !== 0 && options.retryAllErrors ? '(retrying all errors)' : undefined
}

function* fetchOne(run: Run, text: string, index: number, sent: Sent | undefined, output: Output, meter: Meter): Task<{ code: number; result?: Result }> {
  const { process, options, pool, verbose, cookies } = run
  const start = process.clock.now
  const deadline = options.maxTime === undefined ? Infinity : start + options.maxTime
  let next = text
  let redirects = 0
  let before: Result | undefined
  let refusesToExpect = false
  let challenge: Result['challenge']
  const written = (result: Result | undefined, error: CurlError | undefined): Task => (options.writeOut ? printWriteOut(process, options.writeOut, { result, error, url: text, effective: next, redirects, index, file: output.name, referer: options.referer }) : nothing())
  for (;;) {
    const url = parseUrl(next, options.pathAsIs)
    if ('error' in url) return { code: yield* complain(process, options, { code: url.code, text: url.error }) }
    if (options.output[index] === null && output.name === '') {
      if (!options.silent) yield* process.printError('curl: Remote file name has no length!\n')
      return { code: yield* complain(process, options, { code: 23, text: 'Failed writing received data to disk/application' }) }
    }
    const result = emptyResult(url)
    const done = yield* transfer({ process, options, url, sent, sink: output, meter, verbose, cookies, deadline, result, refusesToExpect, challenge, ...(run.dump ? { dump: run.dump } : {}) }, pool)
    if (before) addTo(result, before)
    if ('text' in done) {
      if (done.code === 69) {
        yield* process.printError(`${done.text}\n`)
        return { code: 69 }
      }
      yield* meter.finish(process.clock.now - start)
      yield* output.close(false)
      yield* written(result.status > 0 ? result : undefined, done)
      return { code: yield* complain(process, options, done), result }
    }
    if (result.askAgain || result.challenge) {
      if (result.askAgain) refusesToExpect = true
      challenge = result.challenge
      before = { ...result, timeRedirect: process.clock.now - start }
      yield* verbose.note(`Issue another request to this URL: '${next}'`)
      continue
    }
    const location = headerOf(result.headers, 'location')
    const redirected = result.status >= 300 && result.status < 400 && location !== undefined
    if (redirected) result.redirectUrl = redirectTarget(url, location)
    if (redirected && options.location) {
      if (redirects >= options.maxRedirects) {
        yield* written(result, { code: 47, text: `Maximum (${options.maxRedirects}) redirects followed` })
        return { code: yield* complain(process, options, { code: 47, text: `Maximum (${options.maxRedirects}) redirects followed` }), result }
      }
      redirects++
      next = result.redirectUrl!
      before = { ...result, timeRedirect: process.clock.now - start }
      const to = parseUrl(next)
      if (!('error' in to) && to.port !== url.port) yield* verbose.note(`Clear auth, redirects to port from ${url.port} to ${to.port}`)
      yield* verbose.note(`Issue another request to this URL: '${next}'`)
      // what came to it by POST is asked for anew: after 303 always, after 301 and 302 by custom
      if (sent && !options.keepPost.has(result.status) && (result.status === 303 || (!sent.put && (result.status === 301 || result.status === 302)))) {
        yield* verbose.note(result.status === 303 ? 'Switch to GET' : 'Switch from POST to GET')
        sent = undefined
      }
      continue
    }
    yield* meter.finish(process.clock.now - start)
    const unwritten = yield* output.close(true)
    yield* saveCookies(run)
    yield* written(result, unwritten)
    return unwritten ? { code: yield* complain(process, options, unwritten), result } : { code: 0, result }
  }
}

function* nothing(): Task {}

/** What -w counts over all requests that one URL took. */
function addTo(result: Result, before: Result): void {
  const { timeRedirect } = before
  result.sizeHeader += before.sizeHeader
  result.sizeRequest += before.sizeRequest
  result.newConnections += before.newConnections
  result.timeRedirect = timeRedirect
  result.timeTotal += timeRedirect
  result.timeStartTransfer += timeRedirect
}

/** -c */
function* saveCookies({ process, options, cookies, verbose }: Run): Task {
  if (!cookies || options.cookieJar === undefined) return
  const text = cookies.text(Math.floor(process.clock.wall() / 1000))
  if (options.cookieJar === '-') return yield* process.print(text)
  try {
    const file = process.open(process.resolve(options.cookieJar), 'write')
    yield* file.write(encodeUtf8(text))
    file.release()
  } catch {
    yield* verbose.note(`WARNING: failed to save cookies in ${options.cookieJar}: Failed writing received data to disk/application`)
  }
}

/** A refusal that is no error of a transfer: its text stands as it is. */
function* refuse(process: Process, { code, text }: CurlError): Task<number> {
  yield* process.printError(text)
  return code
}

function* complain(process: Process, options: CurlOptions, error: CurlError): Task<number> {
  if (!options.silent || options.showError) yield* process.printError(`curl: (${error.code}) ${error.text}\n`)
  return error.code
}
