import { bytes } from './numbers.ts'
import type { CurlOptions } from './options.ts'

type Setter = (o: CurlOptions, value: string) => string | void

const seconds = (value: string): number | undefined => (/^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : undefined)

const NUMERICAL = 'expected a proper numerical parameter'
const count = (value: string): number | undefined => (/^\d+$/.test(value) ? Number(value) : undefined)

function warn(o: CurlOptions, text: string): void {
  if (!o.silent) o.warnings.push(text)
}

/** Of -T and --limit-rate: bytes with a unit. */
function size(o: CurlOptions, key: 'maxFileSize' | 'limitRate', value: string, which: string): string | undefined {
  const found = bytes(value, which)
  if (typeof found === 'number') {
    // none is no limit
    o[key] = found || undefined
    return undefined
  }
  warn(o, found.warning)
  return 'is badly used here'
}

/** What curl's options do: [short, long, takes a value, effect]. An effect that returns text refuses with it. */
export const OPTIONS: readonly [string, string, boolean, Setter][] = [
  ['X', 'request', true, (o, v) => void (o.method = v)],
  ['I', 'head', false, (o) => {
    o.head = true
    return o.form.length === 0 ? undefined : clash(o, 'HEAD (-I, --head)', 'multipart formpost (-F, --form)')
  }],
  ['H', 'header', true, (o, v) => void o.headers.push(v)],
  ['d', 'data', true, (o, v) => void o.dataParts.push({ text: v, literal: false })],
  ['', 'data-raw', true, (o, v) => void o.dataParts.push({ text: v, literal: true })],
  ['', 'data-ascii', true, (o, v) => void o.dataParts.push({ text: v, literal: false })],
  ['', 'data-binary', true, (o, v) => void o.dataParts.push({ text: v, literal: false, binary: true })],
  ['', 'data-urlencode', true, (o, v) => void o.dataParts.push({ text: v, literal: false, encoded: true })],
  ['', 'json', true, (o, v) => {
    o.json = true
    o.dataParts.push({ text: v, literal: false, binary: true })
  }],
  ['e', 'referer', true, (o, v) => void (o.referer = v)],
  ['', 'local-port', true, (o, v) => {
    const ports = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(v)
    if (!ports || Number(ports[1]) > 65_535 || Number(ports[2] ?? 0) > 65_535) return 'is badly used here'
    o.localPorts = [Number(ports[1]), Number(ports[2] ?? ports[1])]
    return undefined
  }],
  ['b', 'cookie', true, (o, v) => void (v.includes('=') ? o.cookies : o.cookieFiles).push(v)],
  ['c', 'cookie-jar', true, (o, v) => void (o.cookieJar = v)],
  ['F', 'form', true, (o, v) => field(o, v, false)],
  ['', 'form-string', true, (o, v) => field(o, v, true)],
  ['T', 'upload-file', true, (o, v) => void o.uploads.push(v)],
  ['r', 'range', true, (o, v) => {
    const point = /^\d[^-]*$/.test(v)
    if (point) warn(o, "A specified range MUST include at least one dash (-). Appending one for you!")
    else if (/[^\d,-]/.test(v)) warn(o, "Invalid character is found in given range. A specified range MUST have only digits in 'start'-'stop'. The server's response to this request is uncertain.")
    o.range = point ? `${Number.parseInt(v, 10)}-` : v
  }],
  ['z', 'time-cond', true, (o, v) => void (o.timeCondition = v)],
  ['', 'max-filesize', true, (o, v) => size(o, 'maxFileSize', v, 'max-filesize')],
  ['', 'limit-rate', true, (o, v) => size(o, 'limitRate', v, 'rate')],
  ['J', 'remote-header-name', false, (o) => void (o.nameByHeader = true)],
  ['', 'create-dirs', false, (o) => void (o.createDirs = true)],
  ['', 'remove-on-error', false, (o) => void (o.removeOnError = true)],
  ['', 'expect100-timeout', true, (o, v) => ((o.expectTimeout = seconds(v) ?? -1) < 0 ? NUMERICAL : undefined)],
  ['', 'retry-delay', true, (o, v) => ((o.retryDelay = (count(v) ?? -1) * 1000) < 0 ? NUMERICAL : undefined)],
  ['', 'retry-max-time', true, (o, v) => ((o.retryMaxTime = (count(v) ?? -1) * 1000) < 0 ? NUMERICAL : undefined)],
  ['', 'retry-all-errors', false, (o) => void (o.retryAllErrors = true)],
  ['', 'retry-connrefused', false, (o) => void (o.retryRefused = true)],
  ['', 'compressed', false, (o) => void (o.compressed = true)],
  ['g', 'globoff', false, (o) => void (o.noGlob = true)],
  ['G', 'get', false, (o) => void (o.dataInUrl = true)],
  ['o', 'output', true, (o, v) => void o.output.push(v)],
  ['O', 'remote-name', false, (o) => void o.output.push(null)],
  ['i', 'include', false, (o) => void (o.include = true)],
  ['s', 'silent', false, (o) => void (o.silent = true)],
  ['S', 'show-error', false, (o) => void (o.showError = true)],
  ['f', 'fail', false, (o) => either(o, 'fail', 'failWithBody')],
  ['', 'fail-with-body', false, (o) => either(o, 'failWithBody', 'fail')],
  ['L', 'location', false, (o) => void (o.location = true)],
  ['', 'max-redirs', true, (o, v) => {
    if (!/^-?\d+$/.test(v)) return NUMERICAL
    o.maxRedirects = Number(v) < 0 ? Infinity : Number(v)
    return undefined
  }],
  ['', 'connect-timeout', true, (o, v) => ((o.connectTimeout = seconds(v)) === undefined ? 'expected a proper numerical parameter' : undefined)],
  ['m', 'max-time', true, (o, v) => ((o.maxTime = seconds(v)) === undefined ? 'expected a proper numerical parameter' : undefined)],
  ['w', 'write-out', true, (o, v) => void (o.writeOut = v)],
  ['A', 'user-agent', true, (o, v) => void (o.userAgent = v)],
  ['', 'resolve', true, (o, v) => void o.resolve.push(v)],
  ['u', 'user', true, (o, v) => void (o.user = v)],
  ['n', 'netrc', false, (o) => void (o.netrc ??= 'required')],
  ['', 'netrc-optional', false, (o) => void (o.netrc = 'optional')],
  ['', 'netrc-file', true, (o, v) => {
    o.netrcFile = v
    o.netrc ??= 'required'
    return undefined
  }],
  ['', 'stderr', true, (o, v) => void (o.errors = v)],
  ['', 'interface', true, (o, v) => void (o.interface = v)],
  ['', 'retry', true, (o, v) => ((o.retry = count(v) ?? -1) < 0 ? NUMERICAL : undefined)],
  ['0', 'http1.0', false, (o) => void (o.http10 = true)],
  ['', 'url', true, (o, v) => void o.urls.push(v)],
  ['4', 'ipv4', false, (o) => void (o.family = 4)],
  ['6', 'ipv6', false, (o) => void (o.family = 6)],
  ['k', 'insecure', false, (o) => void (o.insecure = true)],
  ['', 'cacert', true, (o, v) => void (o.caFile = v)],
  // what follows a colon is the key's pass phrase, which no key here has
  ['E', 'cert', true, (o, v) => void (o.certFile = /^((?:\\.|[^:\\])*)/.exec(v)![1]!.replace(/\\([:\\])/g, '$1'))],
  ['', 'key', true, (o, v) => void (o.keyFile = v)],
  ['', 'haproxy-protocol', false, (o) => void (o.announces = true)],
  ['', 'connect-to', true, (o, v) => void o.connectTo.push(v)],
  ['', 'http1.1', false, (o) => void Object.assign(o, { http11: true, http2: false, http2Prior: false })],
  ['', 'http2', false, (o) => void Object.assign(o, { http2: true, http2Prior: false, http11: false, http10: false })],
  ['', 'http2-prior-knowledge', false, (o) => void Object.assign(o, { http2Prior: true, http2: false, http11: false, http10: false })],
  // harmless here: there is no buffering, nothing older than TLS 1.3, and no list of revoked certificates
  ['N', 'no-buffer', false, () => undefined],
  ['1', 'tlsv1', false, () => undefined],
  ['', 'tlsv1.2', false, () => undefined],
  ['', 'tlsv1.3', false, () => undefined],
  ['', 'ssl-no-revoke', false, () => undefined],
  ['Z', 'parallel', false, (o) => void (o.parallel = true)],
  // read before all others; here it lacks its file
  ['K', 'config', true, () => undefined],
  ['', 'parallel-immediate', false, () => undefined],
  ['', 'parallel-max', true, (o, v) => ((o.parallelMax = count(v) ?? -1) < 0 ? NUMERICAL : undefined)],
  ['C', 'continue-at', true, (o, v) => {
    if (v !== '-' && count(v) === undefined) return NUMERICAL
    if (o.range !== undefined) return 'is badly used here'
    o.continueAt = v === '-' ? 'size' : Number(v)
    return undefined
  }],
  ['', 'proto', true, (o, v) => protocols(o, v)],
  ['', 'no-progress-meter', false, (o) => void (o.silent = o.showError = o.noMeter = true)],
  ['', 'noproxy', true, (o, v) => void (o.noProxy = v)],
  ['q', 'disable', false, () => undefined],
  ['v', 'verbose', false, (o) => void Object.assign(o, { verbose: true, trace: undefined })],
  ['', 'trace', true, (o, v) => void Object.assign(o, { trace: { kind: 'bytes', to: v }, verbose: false })],
  ['', 'trace-ascii', true, (o, v) => void Object.assign(o, { trace: { kind: 'ascii', to: v }, verbose: false })],
  ['', 'trace-time', false, (o) => void (o.traceTime = true)],
  ['D', 'dump-header', true, (o, v) => void (o.dumpHeader = v)],
  ['', 'request-target', true, (o, v) => void (o.requestTarget = v)],
  ['', 'path-as-is', false, (o) => void (o.pathAsIs = true)],
  ['', 'url-query', true, (o, v) => void o.queryParts.push(v.startsWith('+') ? { text: v.slice(1), literal: true } : { text: v, literal: false, encoded: true })],
  ['', 'oauth2-bearer', true, (o, v) => void (o.bearer = v)],
  ['x', 'proxy', true, (o, v) => void (o.proxy = v)],
  ['', 'raw', false, (o) => void (o.raw = true)],
  ['', 'http0.9', false, (o) => void (o.http09 = true)],
  ['', 'post301', false, (o) => void o.keepPost.add(301)],
  ['', 'post302', false, (o) => void o.keepPost.add(302)],
  ['', 'post303', false, (o) => void o.keepPost.add(303)],
  ['', 'location-trusted', false, (o) => void (o.location = o.trusted = true)],
  ['', 'output-dir', true, (o, v) => void (o.outputDir = v)],
  ['', 'fail-early', false, (o) => void (o.failEarly = true)],
  ['', 'basic', false, (o) => void (o.digest = false)],
  ['', 'digest', false, (o) => void (o.digest = true)],
  // of these nothing is to be seen here: no packet waits for company, no connection lies idle for hours, no terminal is bold
  ['', 'tcp-nodelay', false, () => undefined],
  ['', 'no-keepalive', false, () => undefined],
  ['', 'keepalive-time', true, (_, v) => (count(v) === undefined ? NUMERICAL : undefined)],
  ['', 'styled-output', false, () => undefined],
  ['', 'no-sessionid', false, () => undefined],
  ['', 'suppress-connect-headers', false, () => undefined],
]

/** Names of options that "--no-" turns off again, and what they had turned on. */
export const NEGATABLE: ReadonlyMap<string, keyof CurlOptions> = new Map([
  ['silent', 'silent'], ['include', 'include'], ['location', 'location'], ['verbose', 'verbose'], ['fail', 'fail'], ['fail-with-body', 'failWithBody'], ['insecure', 'insecure'], ['compressed', 'compressed'],
  ['show-error', 'showError'], ['globoff', 'noGlob'], ['get', 'dataInUrl'], ['parallel', 'parallel'], ['create-dirs', 'createDirs'], ['remote-header-name', 'nameByHeader'], ['remove-on-error', 'removeOnError'],
  ['retry-all-errors', 'retryAllErrors'], ['retry-connrefused', 'retryRefused'], ['head', 'head'], ['raw', 'raw'], ['path-as-is', 'pathAsIs'], ['http0.9', 'http09'], ['trace-time', 'traceTime'], ['fail-early', 'failEarly'],
])

/** Options of the real curl that Podhop's does not have. */
export const NOT_SIMULATED: readonly [string, string, string][] = [
  ['', 'libcurl', '-v'],
  ['', 'cert-type', 'a certificate in PEM'],
  ['', 'key-type', 'a key in PEM'],
  ['', 'pass', 'a key without a pass phrase'],
  ['', 'capath', '--cacert'],
  ['', 'tls-max', 'TLS 1.3'],
  ['', 'ciphers', 'those of TLS 1.3'],
  ['', 'pinnedpubkey', '--cacert'],
  ['', 'unix-socket', 'a TCP port'],
  ['M', 'manual', '--help all'],
]

function either(o: CurlOptions, chosen: 'fail' | 'failWithBody', other: 'fail' | 'failWithBody'): string | undefined {
  o[chosen] = true
  if (!o[other]) return undefined
  o.complaints.push('curl: You must select either --fail or --fail-with-body, not both.\n')
  return 'is badly used here'
}

/** --proto: "=https", "-all,http", "+https": who is added, taken away, or alone. */
function protocols(o: CurlOptions, text: string): undefined {
  let allowed = new Set(o.protocols)
  for (const word of text.split(',')) {
    const [, mark = '+', name = ''] = /^([=+-]?)(.*)$/.exec(word)!
    const named = name === 'all' ? ['http', 'https'] : [name]
    if (mark === '=') allowed = new Set(named)
    else for (const n of named) if (mark === '-') allowed.delete(n)
    else allowed.add(n)
  }
  o.protocols = allowed
  return undefined
}

function field(o: CurlOptions, text: string, literal: boolean): string | undefined {
  if (text.indexOf('=') > 0) {
    o.form.push({ text, literal })
    return o.head ? clash(o, 'multipart formpost (-F, --form)', 'HEAD (-I, --head)') : undefined
  }
  warn(o, 'Illegally formatted input field!')
  return 'is badly used here'
}

export const oneMethod = (now: string, before: string): string => `You can only select one HTTP request method! You asked for both ${now} and ${before}.`

function clash(o: CurlOptions, now: string, before: string): string {
  warn(o, oneMethod(now, before))
  return 'is badly used here'
}

