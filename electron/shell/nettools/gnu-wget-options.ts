import { getopt } from './getopt.ts'

/** GNU wget's command line (wget(1), 1.21.3), as far as it matters for networking. */
export interface WgetOptions {
  /** -q, -nv, or all. */
  verbosity: 'none' | 'some' | 'all'
  output: string | undefined
  logFile: string | undefined
  prefix: string | undefined
  serverResponse: boolean
  showProgress: boolean
  spider: boolean
  noClobber: boolean
  tries: number
  /** ms; undefined: as long as the kernel tries. */
  connectTimeout: number | undefined
  readTimeout: number
  headers: [string, string][]
  method: string | undefined
  body: string | undefined
  userAgent: string
  maxRedirects: number
  family: 4 | 6 | undefined
  noProxy: boolean
}

export type ParsedWget = { options: WgetOptions; urls: string[] } | { error: string; code: number } | { notSimulated: string }

const USAGE = "Usage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n"
const SHORT = 'qvO:o:P:SsT:t:U:n:46cdVhkrmpNi:Fba:A:R:l:Q:Y:e:w:HLIXDEKx1:2:3:5:7:8:9:!@~%^_:'
const LONG: Readonly<Record<string, string>> = {
  quiet: 'q', verbose: 'v', 'no-verbose': '!', 'output-document': 'O', 'output-file': 'o', 'directory-prefix': 'P', 'server-response': 'S', spider: 's', timeout: 'T', tries: 't', 'user-agent': 'U',
  'no-clobber': '@', 'inet4-only': '4', 'inet6-only': '6', continue: 'c', debug: 'd', version: 'V', help: 'h', header: '1', 'post-data': '2', method: '3', 'body-data': '5', 'connect-timeout': '7',
  'read-timeout': '8', 'max-redirect': '9', 'show-progress': '~', 'no-check-certificate': '%', 'no-proxy': '^', 'dns-timeout': '_', recursive: 'r', mirror: 'm', 'input-file': 'i', background: 'b', 'append-output': 'a',
  timestamping: 'N', 'page-requisites': 'p', 'convert-links': 'k', wait: 'w', execute: 'e',
}

export function parseWget(args: readonly string[]): ParsedWget {
  const parsed = getopt(args, SHORT, LONG)
  if ('invalid' in parsed) return { error: `wget: ${parsed.invalid.startsWith('--') ? `unrecognized option '${parsed.invalid}'` : `invalid option -- '${parsed.invalid}'`}\n${USAGE}`, code: 2 }
  if ('missing' in parsed) return { error: `wget: option ${parsed.missing.length > 1 ? `'--${parsed.missing}' requires an argument` : `requires an argument -- '${parsed.missing}'`}\n${USAGE}`, code: 2 }
  const options: WgetOptions = {
    verbosity: 'all', output: undefined, logFile: undefined, prefix: undefined, serverResponse: false, showProgress: false, spider: false, noClobber: false, tries: 20, connectTimeout: undefined, readTimeout: 900_000,
    headers: [], method: undefined, body: undefined, userAgent: 'Wget/1.21.3', maxRedirects: 20, family: undefined, noProxy: false,
  }
  for (const { name, value } of parsed.options) {
    const refused = apply(options, name, value)
    if (refused) return refused
  }
  if (parsed.operands.length === 0) return { error: `wget: missing URL\n${USAGE}`, code: 1 }
  return { options, urls: parsed.operands }
}

function apply(options: WgetOptions, name: string, value: string): ParsedWget | undefined {
  const period = (): number => Number(value.replace(/s$/, '')) * 1000 || Infinity
  switch (name) {
    case 'q': options.verbosity = 'none'; break
    case 'v': options.verbosity = 'all'; break
    case '!': options.verbosity = 'some'; break
    case 'O': options.output = value; break
    case 'o': options.logFile = value; break
    case 'P': options.prefix = value; break
    case 'S': options.serverResponse = true; break
    case 's': options.spider = true; break
    case '~': options.showProgress = options.verbosity === 'none'; break
    case '@': options.noClobber = true; break
    case 'T': {
      const ms = period()
      options.connectTimeout = ms === Infinity ? undefined : ms
      options.readTimeout = ms
      break
    }
    case '7': options.connectTimeout = period() === Infinity ? undefined : period(); break
    case '8': options.readTimeout = period(); break
    case 't':
      // what is no number is none, and none means without end
      options.tries = Number.parseInt(value, 10) || Infinity
      break
    case 'U': options.userAgent = value; break
    case '1': {
      const at = value.indexOf(':')
      if (at <= 0) return { error: `wget: --header: Invalid header '${value}'.\n`, code: 2 }
      options.headers.push([value.slice(0, at), value.slice(at + 1).trim()])
      break
    }
    case '2': case '5': options.body = value; break
    case '3': options.method = value.toUpperCase(); break
    case '9': options.maxRedirects = Number(value); break
    case '4': case '6': options.family = name === '4' ? 4 : 6; break
    case 'n':
      if (value === 'v') options.verbosity = 'some'
      else if (value === 'c') options.noClobber = true
      else return { notSimulated: `wget -n${value} (use wget without it)` }
      break
    case '^': options.noProxy = true; break
    // of https, which is said below
    case '%': break
    default: {
      const long = Object.entries(LONG).find(([, letter]) => letter === name)?.[0]
      return { notSimulated: `wget ${long ? `--${long}` : `-${name}`} (use curl)` }
    }
  }
  return undefined
}
