import { encodeUtf8, isSystemError, type Process, type Task } from '../../../engine/cluster.ts'
import { prepare } from './body.ts'
import { parseCurl } from './command-line.ts'
import { withConfigs } from './config-file.ts'
import { cookieJar } from './cookie-files.ts'
import { expandUrl } from './glob.ts'
import { help } from './help.ts'
import { loginOf, readNetrc } from '../netrc.ts'
import { proxyVariable } from '../proxy-variable.ts'
import { Meter, PARALLEL_HEADER, parallelLine } from './meter.ts'
import type { CurlOptions } from './options.ts'
import { remoteName } from './output.ts'
import { tried } from './retries.ts'
import { complain, refuse, type Run } from './run.ts'
import { ConnectionPool } from './transfer.ts'
import { parseUrl } from './url.ts'
import { Verbose } from './verbose.ts'
import { warner, wrapped } from './warnings.ts'

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
  const show = function* (end: string): Task {
    if (!options.noMeter) yield* process.printError(parallelLine(meters, count, count - done, process.clock.now - began) + end)
  }
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
