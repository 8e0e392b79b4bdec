import { DOT_STYLES, type DotStyle } from './progress.ts'
import type { NameChoices } from './url.ts'

/** GNU wget's command line (wget(1), 1.21.3), as far as it matters for networking. */
export interface WgetOptions extends NameChoices {
  /** undefined: said neither way. */
  verbose: boolean | undefined
  quiet: boolean
  showProgress: boolean | undefined
  progress: 'bar' | 'bar:force' | DotStyle
  output: string | undefined
  logFile: string | undefined
  appendLog: boolean
  inputFile: string | undefined
  forceHtml: boolean
  base: string | undefined
  serverResponse: boolean
  saveHeaders: boolean
  spider: boolean
  noClobber: boolean
  continued: boolean
  startPosition: number | undefined
  timestamping: boolean
  ifModifiedSince: boolean
  serverTimestamps: boolean
  contentDisposition: boolean
  contentOnError: boolean
  trustServerNames: boolean
  adjustExtension: boolean
  ignoreLength: boolean
  keepAlive: boolean
  cache: boolean
  /** 0: without end */
  tries: number
  retryRefused: boolean
  retryHostError: boolean
  retryHttpErrors: readonly number[]
  /** seconds */
  wait: number
  waitRetry: number
  randomWait: boolean
  /** ms; 0: as long as the kernel tries. */
  connectTimeout: number
  readTimeout: number
  dnsTimeout: number
  /** bytes a second; 0: none */
  limitRate: number
  /** bytes; 0: none */
  quota: number
  headers: [string, string][]
  method: string | undefined
  body: string | undefined
  bodyFile: string | undefined
  postData: string | undefined
  postFile: string | undefined
  userAgent: string | undefined
  referer: string | undefined
  user: string | undefined
  password: string | undefined
  authNoChallenge: boolean
  cookies: boolean
  loadCookies: string | undefined
  saveCookies: string | undefined
  keepSessionCookies: boolean
  /** ~/.netrc is asked for who logs in. */
  netrc: boolean
  /** A file that is written anew is another file: its hard links keep what they had. */
  unlink: boolean
  /** --compression: gzip is asked for. */
  compression: boolean
  maxRedirects: number
  inet4Only: boolean
  inet6Only: boolean
  preferFamily: 4 | 6 | undefined
  bindAddress: string | undefined
  noProxy: boolean
  checkCertificate: boolean | 'quiet'
  caFile: string | undefined
  httpsOnly: boolean
  recursive: boolean
  /** Infinity: without end */
  level: number
  pageRequisites: boolean
  convertLinks: boolean
  backupConverted: boolean
  deleteAfter: boolean
  noParent: boolean
  relativeOnly: boolean
  spanHosts: boolean
  robots: boolean
  ignoreCase: boolean
  accept: readonly string[]
  reject: readonly string[]
  acceptRegex: string | undefined
  rejectRegex: string | undefined
  domains: readonly string[]
  excludeDomains: readonly string[]
  includeDirectories: readonly string[]
  excludeDirectories: readonly string[]
  noDirectories: boolean
}

export type ParsedWget = { options: WgetOptions; urls: string[]; warnings: string } | { error: string; code: number } | { show: 'help' | 'version' } | { notSimulated: string }

const TRY = "\nTry `wget --help' for more options.\n"
export const USAGE = 'Usage: wget [OPTION]... [URL]...\n'

/** What a value is refused with. */
class Refusal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const asTime = (name: string, value: string): number => {
  const found = /^\s*(\d*\.?\d*)\s*([smhdw]?)\s*$/i.exec(value)
  if (!found || !/\d/.test(found[1]!)) throw new Refusal(`${name}: Invalid time period '${value}'`)
  return Number(found[1]) * (({ '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as Record<string, number>)[found[2]!.toLowerCase()] ?? 1) * 1000
}
const asCount = (name: string, value: string): number => {
  const number = Number.parseInt(value, 10) || 0
  if (number < 0 || number > 2_147_483_647) throw new Refusal(`${name}: Invalid number '${value}'.`)
  return number
}
const asBytes = (name: string, value: string): number => {
  if (value === 'inf') return 0
  const found = /^\s*(\d*\.?\d*)\s*([kmgt]?)\s*$/i.exec(value)
  if (!found || !/\d/.test(found[1]!)) throw new Refusal(`${name}: Invalid byte value '${value}'`)
  return Math.floor(Number(found[1]) * 1024 ** ' kmgt'.indexOf(found[2]!.toLowerCase() || ' '))
}
const list = (value: string): string[] => value.split(',').map((w) => w.trim()).filter((w) => w !== '')

type Setter = (o: WgetOptions, value: string, name: string) => void
type Key<T> = { [K in keyof WgetOptions]: WgetOptions[K] extends T ? K : never }[keyof WgetOptions]
const text = (key: Key<string | undefined>): Setter => (o, v) => void Object.assign(o, { [key]: v })
const on = (key: Key<boolean | undefined>, inverted = false): Setter => (o, v) => void Object.assign(o, { [key]: (v === '1') !== inverted })
const words = (key: Key<readonly string[]>): Setter => (o, v) => void Object.assign(o, { [key]: [...(o[key] as readonly string[]), ...list(v)] })
const nothing: Setter = () => undefined

/** By long name: short name, whether it takes a value ('?': a boolean, with --no-NAME), effect; absent: not simulated, with what to use instead. */
const TABLE: readonly [name: string, short: string, kind: 'value' | '?' | 'call', set: Setter | string][] = [
  ['accept', 'A', 'value', words('accept')], ['accept-regex', '', 'value', text('acceptRegex')], ['adjust-extension', 'E', '?', on('adjustExtension')],
  ['append-output', 'a', 'value', (o, v) => void Object.assign(o, { logFile: v, appendLog: true })], ['ask-password', '', '?', '--password'], ['auth-no-challenge', '', '?', on('authNoChallenge')],
  ['background', 'b', '?', '&'], ['backup-converted', 'K', '?', on('backupConverted')], ['backups', '', '?', 'cp before it'], ['base', 'B', 'value', text('base')], ['bind-address', '', 'value', text('bindAddress')],
  ['bind-dns-address', '', 'value', 'dig -b'], ['body-data', '', 'value', text('body')], ['body-file', '', 'value', text('bodyFile')], ['ca-certificate', '', 'value', text('caFile')], ['ca-directory', '', 'value', '--ca-certificate'],
  ['cache', '', '?', on('cache')], ['certificate', '', 'value', 'a server that asks for none'], ['certificate-type', '', 'value', 'a server that asks for no client certificate'],
  ['check-certificate', '', '?', (o, v) => void (o.checkCertificate = v === 'quiet' ? 'quiet' : v === '1')], ['clobber', '', '?', on('noClobber', true)], ['compression', '', 'value', (o, v, n) => {
    if (!/^(auto|gzip|none)$/i.test(v)) throw new Refusal(`${n}: Invalid value '${v}'.`)
    o.compression = v.toLowerCase() !== 'none'
  }],
  ['config', '', 'value', 'options on the command line'], ['connect-timeout', '', 'value', (o, v, n) => void (o.connectTimeout = asTime(n, v))], ['continue', 'c', '?', on('continued')], ['convert-file-only', '', '?', '--convert-links'],
  ['convert-links', 'k', '?', on('convertLinks')], ['content-disposition', '', '?', on('contentDisposition')], ['content-on-error', '', '?', on('contentOnError')], ['cookies', '', '?', on('cookies')], ['crl-file', '', 'value', '--ca-certificate'],
  ['cut-dirs', '', 'value', (o, v, n) => void (o.cutDirectories = asCount(n, v))], ['debug', 'd', '?', '-S'], ['default-page', '', 'value', text('defaultPage')], ['delete-after', '', '?', on('deleteAfter')],
  ['directories', '', '?', (o, v) => void Object.assign(o, { directories: v === '1', noDirectories: v !== '1' })], ['directory-prefix', 'P', 'value', (o, v) => void (o.prefix = v.length > 1 ? v.replace(/\/+$/, '') || '/' : v)],
  ['dns-cache', '', '?', nothing], ['dns-servers', '', 'value', '/etc/resolv.conf'], ['dns-timeout', '', 'value', (o, v, n) => void (o.dnsTimeout = asTime(n, v))], ['domains', 'D', 'value', words('domains')], ['dot-style', '', 'value', (o, v) => progress(o, `dot:${v}`)],
  ['exclude-directories', 'X', 'value', words('excludeDirectories')], ['exclude-domains', '', 'value', words('excludeDomains')], ['execute', 'e', 'value', command], ['follow-ftp', '', '?', nothing], ['follow-tags', '', 'value', '-A and -R'],
  ['force-directories', 'x', '?', (o, v) => void Object.assign(o, { directories: v === '1', noDirectories: v !== '1' })], ['force-html', 'F', '?', on('forceHtml')], ['glob', '', '?', nothing], ['header', '', 'value', (o, v, n) => {
    const at = v.indexOf(':')
    if (v === '') o.headers.length = 0
    else if (at <= 0 || /\s/.test(v.slice(0, at)) || v.includes('\n')) throw new Refusal(`${n}: Invalid header '${v}'.`)
    else o.headers.push([v.slice(0, at), v.slice(at + 1).trimStart()])
  }],
  ['help', 'h', 'call', nothing], ['host-directories', '', '?', on('hostDirectories')], ['hsts', '', '?', 'https in the URL'], ['hsts-file', '', 'value', 'https in the URL'], ['html-extension', '', '?', on('adjustExtension')], ['http-keep-alive', '', '?', on('keepAlive')],
  ['http-password', '', 'value', text('password')], ['http-user', '', 'value', text('user')], ['https-only', '', '?', on('httpsOnly')], ['ignore-case', '', '?', on('ignoreCase')], ['ignore-length', '', '?', on('ignoreLength')], ['ignore-tags', '', 'value', '-A and -R'],
  ['include-directories', 'I', 'value', words('includeDirectories')], ['inet4-only', '4', '?', on('inet4Only')], ['inet6-only', '6', '?', on('inet6Only')], ['input-file', 'i', 'value', text('inputFile')], ['input-metalink', '', 'value', '-i'], ['iri', '', '?', 'URLs as they are sent'],
  ['keep-session-cookies', '', '?', on('keepSessionCookies')],
  ['level', 'l', 'value', (o, v, n) => void (o.level = v.toLowerCase() === 'inf' ? Infinity : asCount(n, v) || Infinity)], ['limit-rate', '', 'value', (o, v, n) => void (o.limitRate = asBytes(n, v))], ['load-cookies', '', 'value', text('loadCookies')], ['local-encoding', '', 'value', 'UTF-8'],
  ['rejected-log', '', 'value', '-S'], ['max-redirect', '', 'value', (o, v, n) => void (o.maxRedirects = asCount(n, v))], ['metalink-over-http', '', '?', '-i'], ['method', '', 'value', (o, v) => void (o.method = v.toUpperCase())],
  ['mirror', 'm', '?', (o) => void Object.assign(o, { recursive: true, timestamping: true, level: Infinity }, o.noDirectories ? {} : { directories: true })], ['netrc', '', '?', on('netrc')], ['no', 'n', 'value', nothing], ['no-clobber', '', '?', on('noClobber')], ['no-config', '', '?', nothing], ['no-parent', '', '?', on('noParent')],
  ['output-document', 'O', 'value', text('output')], ['output-file', 'o', 'value', text('logFile')], ['page-requisites', 'p', '?', on('pageRequisites')], ['parent', '', '?', on('noParent', true)], ['passive-ftp', '', '?', nothing], ['password', '', 'value', text('password')],
  ['pinnedpubkey', '', 'value', '--ca-certificate'], ['post-data', '', 'value', text('postData')], ['post-file', '', 'value', text('postFile')], ['prefer-family', '', 'value', (o, v, n) => {
    if (!/^(ipv4|ipv6|none)$/i.test(v)) throw new Refusal(`${n}: Invalid value '${v}'.`)
    o.preferFamily = /4$/.test(v) ? 4 : /6$/.test(v) ? 6 : undefined
  }],
  ['ciphers', '', 'value', 'those of TLS 1.3'], ['private-key', '', 'value', 'a server that asks for no client certificate'], ['progress', '', 'value', (o, v, n) => progress(o, v, n)], ['show-progress', '', '?', on('showProgress')], ['protocol-directories', '', '?', on('protocolDirectories')],
  ['proxy', '', '?', on('noProxy', true)], ['proxy__compat', 'Y', 'value', (o, v) => void (o.noProxy = /^(off|no|0)/i.test(v))], ['quiet', 'q', '?', on('quiet')], ['quota', 'Q', 'value', (o, v, n) => void (o.quota = asBytes(n, v))], ['random-wait', '', '?', on('randomWait')],
  ['read-timeout', '', 'value', (o, v, n) => void (o.readTimeout = asTime(n, v))], ['recursive', 'r', '?', (o, v) => void Object.assign(o, { recursive: v === '1' }, v === '1' && !o.noDirectories ? { directories: true } : {})], ['referer', '', 'value', text('referer')], ['regex-type', '', 'value', 'posix'],
  ['reject', 'R', 'value', words('reject')], ['reject-regex', '', 'value', text('rejectRegex')], ['relative', 'L', '?', on('relativeOnly')], ['remote-encoding', '', 'value', 'UTF-8'], ['report-speed', '', 'value', 'bytes'], ['restrict-file-names', '', '?', '-O'],
  ['retry-connrefused', '', '?', on('retryRefused')], ['retry-on-host-error', '', '?', on('retryHostError')], ['retry-on-http-error', '', 'value', (o, v) => void (o.retryHttpErrors = list(v).map(Number))], ['save-cookies', '', 'value', text('saveCookies')], ['save-headers', '', '?', on('saveHeaders')],
  ['secure-protocol', '', 'value', (_, v) => {
    if (!/^(auto|pfs|tlsv1_3)$/i.test(v)) throw new Unsimulated(`--secure-protocol=${v}`, 'TLSv1_3')
  }],
  ['server-response', 'S', '?', on('serverResponse')], ['span-hosts', 'H', '?', on('spanHosts')], ['spider', '', '?', on('spider')], ['start-pos', '', 'value', (o, v, n) => void (o.startPosition = asBytes(n, v))], ['strict-comments', '', '?', nothing],
  ['timeout', 'T', 'value', (o, v, n) => void Object.assign(o, { connectTimeout: asTime(n, v), readTimeout: asTime(n, v), dnsTimeout: asTime(n, v) })], ['timestamping', 'N', '?', on('timestamping')], ['if-modified-since', '', '?', on('ifModifiedSince')],
  ['tries', 't', 'value', (o, v, n) => void (o.tries = v.toLowerCase() === 'inf' ? 0 : asCount(n, v))], ['unlink', '', '?', on('unlink')], ['trust-server-names', '', '?', on('trustServerNames')], ['use-askpass', '', 'value', '--password'], ['use-server-timestamps', '', '?', on('serverTimestamps')],
  ['user', '', 'value', text('user')], ['user-agent', 'U', 'value', text('userAgent')], ['verbose', 'v', '?', on('verbose')], ['version', 'V', 'call', nothing], ['wait', 'w', 'value', (o, v, n) => void (o.wait = asTime(n, v) / 1000)],
  ['waitretry', '', 'value', (o, v, n) => void (o.waitRetry = asTime(n, v) / 1000)], ['warc-file', '', 'value', 'tcpdump -w'], ['xattr', '', '?', '-N'],
]

class Unsimulated {
  readonly what: string
  constructor(what: string, instead: string) {
    this.what = `wget ${what} (use ${instead})`
  }
}

function progress(o: WgetOptions, value: string, name = 'progress'): void {
  const [kind, style = ''] = value.split(/:(.*)/s) as [string, string?]
  if (kind === 'bar') o.progress = style.includes('force') ? 'bar:force' : 'bar'
  else if (kind === 'dot') o.progress = DOT_STYLES.get(style === '' ? 'default' : style) ?? DOT_STYLES.get('default')!
  else throw new Refusal(`${name}: Invalid progress type '${value}'.`)
}

/** -e: the lines of a .wgetrc that people use. */
function command(o: WgetOptions, value: string): void {
  const [, key = '', setting = ''] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(value) ?? []
  const off = /^(off|no|0)$/i.test(setting)
  switch (key.toLowerCase().replace(/[-_]/g, '')) {
    case 'robots': o.robots = !off; break
    case 'useproxy': o.noProxy = off; break
    case 'checkcertificate': o.checkCertificate = !off; break
    default: throw new Unsimulated(`-e ${value}`, 'options on the command line')
  }
}

export function defaults(): WgetOptions {
  return {
    verbose: undefined, quiet: false, showProgress: undefined, progress: 'bar', output: undefined, logFile: undefined, appendLog: false, inputFile: undefined, forceHtml: false, base: undefined, serverResponse: false, saveHeaders: false, spider: false, noClobber: false, continued: false,
    startPosition: undefined, timestamping: false, ifModifiedSince: true, serverTimestamps: true, contentDisposition: false, contentOnError: false, trustServerNames: false, adjustExtension: false, ignoreLength: false, keepAlive: true, cache: true, tries: 20, retryRefused: false,
    retryHostError: false, retryHttpErrors: [], wait: 0, waitRetry: 10, randomWait: false, connectTimeout: 0, readTimeout: 900_000, dnsTimeout: 0, limitRate: 0, quota: 0, headers: [], method: undefined, body: undefined, bodyFile: undefined, postData: undefined, postFile: undefined,
    userAgent: undefined, referer: undefined, user: undefined, password: undefined, authNoChallenge: false, cookies: true, loadCookies: undefined, saveCookies: undefined, keepSessionCookies: false, netrc: true, unlink: false, compression: false, maxRedirects: 20, inet4Only: false, inet6Only: false, preferFamily: undefined, bindAddress: undefined, noProxy: false, checkCertificate: true,
    caFile: undefined, httpsOnly: false, recursive: false, level: 5, pageRequisites: false, convertLinks: false, backupConverted: false, deleteAfter: false, noParent: false, relativeOnly: false, spanHosts: false, robots: true, ignoreCase: false, accept: [], reject: [],
    acceptRegex: undefined, rejectRegex: undefined, domains: [], excludeDomains: [], includeDirectories: [], excludeDirectories: [], noDirectories: false, prefix: undefined, directories: false, hostDirectories: true, protocolDirectories: false, cutDirectories: 0, defaultPage: 'index.html',
  }
}

export function parseWget(args: readonly string[]): ParsedWget {
  const options = defaults()
  const urls: string[] = []
  const refused = (words: string): ParsedWget => ({ error: `wget: ${words}\n${USAGE}${TRY}`, code: 2 })
  try {
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!
      if (arg === '--') {
        urls.push(...args.slice(i + 1))
        break
      }
      if (arg.startsWith('--')) {
        const [word, inline] = arg.slice(2).split(/=(.*)/s) as [string, string?]
        const found = longOption(word)
        if (found === undefined) return refused(`unrecognized option '${arg}'`)
        if (Array.isArray(found)) return refused(`option '--${word}' is ambiguous; possibilities:${found.map((f) => ` '--${f}'`).join('')}`)
        const { row, negated } = found
        const shown = `--${negated ? 'no-' : ''}${row[0]}`
        if (inline !== undefined && (negated || row[2] === 'call')) return refused(`option '${shown}' doesn't allow an argument`)
        let value = inline
        if (row[2] === 'value' && value === undefined) value = args[++i]
        if (row[2] === 'value' && value === undefined) return refused(`option '${shown}' requires an argument`)
        if (row[2] === 'call') return { show: row[0] as 'help' | 'version' }
        apply(options, row, row[2] === 'value' ? value! : negated ? '0' : asBoolean(row[0], value), shown)
        continue
      }
      if (!arg.startsWith('-') || arg === '-') {
        urls.push(arg)
        continue
      }
      for (let k = 1; k < arg.length; k++) {
        const letter = arg[k]!
        const row = TABLE.find(([, short]) => short === letter)
        if (!row) return refused(`invalid option -- '${letter}'`)
        if (row[2] === 'call') return { show: row[0] as 'help' | 'version' }
        if (row[2] === '?') {
          apply(options, row, '1', `-${letter}`)
          continue
        }
        const value = k + 1 < arg.length ? arg.slice(k + 1) : args[++i]
        if (value === undefined) return refused(`option requires an argument -- '${letter}'`)
        if (letter !== 'n') apply(options, row, value, `-${letter}`)
        else {
          const wrong = negations(options, value)
          if (wrong !== undefined) return { error: `wget: illegal option -- \`-n${wrong}'\n${USAGE}${TRY}`, code: 1 }
        }
        break
      }
    }
  } catch (error) {
    if (error instanceof Unsimulated) return { notSimulated: error.what }
    if (error instanceof Refusal) return { error: `wget: ${error.text}\n`, code: 2 }
    throw error
  }
  return checked(options, urls)
}

function apply(options: WgetOptions, row: (typeof TABLE)[number], value: string, shown: string): void {
  const [name, , kind, set] = row
  if (typeof set !== 'string') set(options, value, `--${name === 'proxy__compat' ? 'proxy' : name}`)
  // what is not asked for is no loss
  else if (kind === 'value' || value !== '0') throw new Unsimulated(shown, set)
}

function asBoolean(name: string, value: string | undefined): string {
  if (value === undefined || /^(on|yes|1)$/i.test(value)) return '1'
  if (/^(off|no|0)$/i.test(value)) return '0'
  if (name === 'check-certificate' && value === 'quiet') return value
  throw new Refusal(`--${name}: Invalid boolean '${value}'; use \`on' or \`off'.`)
}

/** -nv, -nc, …: the letter that is none of them. */
function negations(options: WgetOptions, letters: string): string | undefined {
  for (const letter of letters) {
    if (letter === 'v') options.verbose = false
    else if (letter === 'H') options.hostDirectories = false
    else if (letter === 'd') Object.assign(options, { directories: false, noDirectories: true })
    else if (letter === 'c') options.noClobber = true
    else if (letter === 'p') options.noParent = true
    else return letter
  }
  return undefined
}

/** By its name or the beginning of it; several where that is not enough. */
function longOption(word: string): { row: (typeof TABLE)[number]; negated: boolean } | string[] | undefined {
  const all = TABLE.flatMap((row) => [{ name: row[0], row, negated: false }, ...(row[2] === '?' ? [{ name: `no-${row[0]}`, row, negated: true }] : [])])
  const exact = all.find(({ name }) => name === word)
  if (exact) return exact
  const found = all.filter(({ name }) => name.startsWith(word))
  if (found.length <= 1) return found[0]
  return found.map(({ name }) => name)
}

/** What goes together, and what follows from what (main.c). */
function checked(o: WgetOptions, urls: string[]): ParsedWget {
  let warnings = ''
  const refuse = (words: string, usage = true): ParsedWget => ({ error: `${words}\n${usage ? USAGE : ''}`, code: 1 })
  if (o.noClobber && o.convertLinks) {
    warnings += 'Both --no-clobber and --convert-links were specified, only --convert-links will be used.\n'
    o.noClobber = false
  }
  if (o.spider || o.deleteAfter) o.noDirectories = true
  if (o.pageRequisites && !o.recursive) {
    o.level = 0
    if (!o.noDirectories) o.directories = true
  }
  const verbose = o.verbose ?? !o.quiet
  if (verbose && o.quiet) return refuse("Can't be verbose and quiet at the same time.")
  o.verbose = verbose
  if (!verbose) o.showProgress ??= false
  if (o.timestamping && o.noClobber) return refuse("Can't timestamp and not clobber old files at the same time.")
  if (o.inet4Only && o.inet6Only) return refuse('Cannot specify both --inet4-only and --inet6-only.')
  if (o.output !== undefined) {
    if (o.convertLinks && (urls.length > 1 || o.pageRequisites || o.recursive)) return refuse('Cannot specify both -k or --convert-file-only and -O if multiple URLs are given, or in combination\nwith -p or -r. See the manual for details.\n')
    if (o.pageRequisites || o.recursive) warnings += 'WARNING: combining -O with -r or -p will mean that all downloaded content\nwill be placed in the single file you specified.\n\n'
    if (o.timestamping) {
      warnings += 'WARNING: timestamping does nothing in combination with -O. See the manual\nfor details.\n\n'
      o.timestamping = false
    }
  }
  if (urls.length === 0 && o.inputFile === undefined) return { error: `wget: missing URL\n${USAGE}${TRY}`, code: 1 }
  if (o.postData !== undefined && o.postFile !== undefined) return refuse('You cannot specify both --post-data and --post-file.', false)
  if ((o.postData ?? o.postFile) !== undefined && o.method !== undefined) return refuse('You cannot use --post-data or --post-file along with --method. --method expects data through --body-data and --body-file options', false)
  if ((o.body ?? o.bodyFile) !== undefined && o.method === undefined) return refuse('You must specify a method through --method=HTTPMethod to use with --body-data or --body-file.', false)
  if (o.body !== undefined && o.bodyFile !== undefined) return refuse('You cannot specify both --body-data and --body-file.', false)
  if (o.method === 'HEAD') o.spider = true
  if ((o.postData ?? o.postFile) !== undefined) Object.assign(o, { method: 'POST', body: o.postData, bodyFile: o.postFile })
  return { options: o, urls, warnings }
}
